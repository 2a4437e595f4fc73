"""One HTTP exchange as values, and what a transport adapter promises."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from enum import Enum
from typing import Any, Protocol

from attrs import field, frozen

from convops.errors import InvalidRequestError

_COMPACT = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)
_RESERVED = re.compile(r"[^A-Za-z0-9_.~-]+")


def extended(target: str, parameters: Mapping[str, str]) -> str:
    """Return an encoded target with further query parameters behind its own."""
    if not parameters:
        return target
    query = "&".join([f"{_encoded_name(name)}={_encoded(value)}" for name, value in parameters.items()])
    return f"{target}{'&' if '?' in target else '?'}{query}"


def _encoded(text: str) -> str:
    # Not `quote`: where it finds one character to encode, it looks up each of them.
    return _RESERVED.sub(_quoted, text)


def _quoted(reserved: re.Match[str]) -> str:
    return "".join([f"%{byte:02X}" for byte in reserved[0].encode()])


# Names are few, and never secret; values may be.
_encoded_name = functools.lru_cache(256)(_encoded)


@frozen(kw_only=True)
class Call:
    """One exchange a flow asks for; the core encodes, signs, paces and sends it.

    Attributes:
        action: what the vendor calls it; for quotas, events and plans.
        method: the HTTP method.
        path: path segments, each percent-encoded by the core; ids go in whole.
        query: query parameters without credentials; the core percent-encodes names and values.
        body: a JSON object to send; None sends no body.
        writes: whether it changes anything at the vendor.
        removes: whether it removes the conversation, so that not finding it after an unanswered try
            means that it is done.
        once: whether the answer holds for the account as long as the client lives: it is asked once and
            then remembered. Such a call must not write.
    """

    action: str
    method: str = "POST"
    path: tuple[str, ...] = ()
    query: Mapping[str, str] = field(factory=dict)
    body: Mapping[str, Any] | None = None
    writes: bool = True
    removes: bool = False
    once: bool = False

    def __attrs_post_init__(self) -> None:
        if self.once and self.writes:
            raise ValueError("a call that writes cannot be remembered instead of being sent")

    def target(self, credentials: Mapping[str, str] | None = None) -> str:
        """Return the encoded path and query, followed by `credentials`.

        Raises:
            InvalidRequestError: a path segment is one that servers resolve away.
        """
        if not {".", ".."}.isdisjoint(self.path):
            raise InvalidRequestError("an id of only dots cannot stand in a path")
        path = "/" + "/".join([_encoded(segment) for segment in self.path])
        target = extended(path, self.query)
        return extended(target, credentials) if credentials else target

    def content(self) -> bytes:
        """Return the body as it is sent."""
        if self.body is None:
            return b""
        return _COMPACT.encode(self.body).encode()


@frozen
class Reply:
    """An answer that passed the guard: size, encoding and strict JSON.

    Attributes:
        status: the HTTP status.
        headers: by lower-case name.
        document: the JSON object of the body.
    """

    status: int
    # Not shown: a vendor may echo the signed URL.
    headers: Mapping[str, str] = field(repr=False)
    document: Mapping[str, Any] = field(repr=False)

    @property
    def is_success(self) -> bool:
        """Whether HTTP says success; a partial answer, which nobody asks for, is none."""
        return 200 <= self.status < 300 and self.status != 206  # noqa: PLR2004 - HTTP's numbers


@frozen
class HttpRequest:
    """A request as it arrives from the wire; what a simulator answers.

    Attributes:
        method: the HTTP method.
        target: path and query, still encoded.
        headers: by lower-case name.
        body: the raw body.
    """

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


@frozen
class HttpReply:
    """A reply as it came from the wire, not yet trusted.

    Attributes:
        status: the HTTP status.
        headers: by lower-case name.
        body: the raw body.
    """

    status: int
    # Not shown: a vendor may echo the signed URL.
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class FailureKind(Enum):
    """Why an exchange brought no reply."""

    CONNECT = "could not connect"
    DNS = "the host name was not found"
    TLS = "the TLS handshake failed"
    BROKEN = "the connection broke"
    PROTOCOL = "the answer was not HTTP"
    TOO_LARGE = "the answer was too large"
    ENCODED = "the answer was compressed, though identity was asked for"
    TIMEOUT = "the time was over"
    BUSY = "no connection became free in time"
    UNSIGNED = "it could not be signed"


@frozen
class Failure:
    """An exchange that brought no reply.

    Attributes:
        kind: why.
        sent: False only where it is proven that the vendor received nothing.
    """

    kind: FailureKind
    sent: bool


class SigningError(Exception):
    """An attempt could not be signed."""


class Attempt(Protocol):
    """One try of a call, on its way through a transport adapter."""

    @property
    def call(self) -> Call:
        """What is sent."""
        ...

    @property
    def origin(self) -> str:
        """Where it is sent: scheme, host and port."""
        ...

    @property
    def target(self) -> str:
        """Path and query without credentials, encoded; safe to show."""
        ...

    @property
    def content(self) -> bytes:
        """The body, encoded; empty where the call has none."""
        ...

    def sign(self) -> tuple[str, Mapping[str, str]]:
        """Return the signed target and the credential headers, once.

        An adapter calls this at its library's last public point, and nothing above it ever does.

        Raises:
            SigningError: on a second call, or when the signer failed; the adapter reports a
                `Failure` of kind `UNSIGNED`.
        """
        ...


class Transport(Protocol):
    """A transport adapter: exchanges over one HTTP library, or over none."""

    def exchange(self, attempt: Attempt, deadline: float) -> HttpReply | Failure:
        """Send one attempt and return what came back; no exception of a library ever leaves.

        Args:
            attempt: what to send, signed at the last moment.
            deadline: on the clock of `time.monotonic`, in seconds.
        """
        ...

    def close(self) -> None:
        """Close every connection."""
        ...


class AsyncTransport(Protocol):
    """The asynchronous counterpart of `Transport`."""

    async def exchange(self, attempt: Attempt, deadline: float) -> HttpReply | Failure:
        """Do as `Transport.exchange`; cancelling it closes the connection in use."""
        ...

    async def aclose(self) -> None:
        """Close every connection."""
        ...
