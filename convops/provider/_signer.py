"""What proves to a vendor who calls."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

from attrs import field, frozen

from convops.provider._wire import Call
from convops.secret import Secret


@frozen
class Credentials:
    """What one attempt carries to prove who calls.

    Attributes:
        query: query parameters, added after the call's own.
        headers: header fields.
    """

    query: Mapping[str, str] = field(factory=dict, repr=False)
    headers: Mapping[str, str] = field(factory=dict, repr=False)


@frozen
class Ticket:
    """A credential that outlives one attempt, such as a token with an expiry.

    Attributes:
        value: the credential.
        renew_at: Unix seconds from which the core asks for a new one.
        expires_at: Unix seconds from which the vendor refuses it.
    """

    value: Secret
    renew_at: float
    expires_at: float


class Signer(ABC):
    """A vendor's signature, pure: time and randomness are arguments."""

    def issue(self, now: float) -> Ticket | None:
        """Return a ticket for the core to cache, or None where every attempt is signed by itself.

        Args:
            now: Unix seconds.
        """
        return None

    @abstractmethod
    def sign(self, call: Call, *, now: float, nonce: bytes, ticket: Ticket | None) -> Credentials:
        """Return the credentials of one attempt.

        Args:
            call: what is about to be sent.
            now: Unix seconds.
            nonce: eight random bytes, given to no other attempt.
            ticket: what `issue` returned, not yet expired.
        """


class Unsigned(Signer):
    """For a provider that asks for no credentials."""

    def sign(self, call: Call, *, now: float, nonce: bytes, ticket: Ticket | None) -> Credentials:
        """Return no credentials."""
        return Credentials()
