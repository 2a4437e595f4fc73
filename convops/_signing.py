"""The signing seat: fresh credentials for each attempt, spelled once and only on the wire."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from datetime import UTC
from urllib.parse import urlsplit

from convops._locks import Lock
from convops.provider import Call, Credentials, Signer, SigningError, Ticket
from convops.provider._wire import extended

CLOCK_NOISE = 3.0
"""Seconds by which a `Date` header may differ from this machine's clock without meaning anything: it is cut
to a second, and travelled."""


class Signing:
    """Signs the attempts of one account, and keeps its ticket.

    A ticket is renewed from its `renew_at` on by one caller at a time, while the others go on with
    the old one until it expires.

    Args:
        signer: the provider's signer for the account.
        now: the wall clock, in Unix seconds.
        nonce: eight fresh random bytes a call.
    """

    def __init__(self, signer: Signer, *, now: Callable[[], float], nonce: Callable[[], bytes]) -> None:
        self._signer = signer
        self._clock = now
        self._offset = 0.0
        # Replaced as a whole, for threads share it.
        self._date: tuple[str | None, float | None] = None, None
        self._nonce = nonce
        self._ticket: Ticket | None = None
        self._renewal = Lock()

    def attempt(self, call: Call, base_url: str) -> OneShot:
        """Return one try of a call."""
        return OneShot(call, base_url, self)

    @property
    def offset(self) -> float:
        """Seconds the vendor's clock is ahead of this machine's, as far as its answers told."""
        return self._offset

    def learn(self, date: str | None, seconds: float) -> None:
        """Compare the clocks.

        Args:
            date: the `Date` header of an answer, which tells the vendor's time in whole seconds.
            seconds: how long the exchange took that just ended; the date was written meanwhile.
        """
        known, moment = self._date
        if date != known:
            moment = parse_http_date(date)
            self._date = date, moment
        if moment is None:
            return
        offset = moment + 0.5 - (self._clock() - seconds / 2)
        noise = CLOCK_NOISE + seconds / 2
        # A belief is given up only for a difference that no cut and no way can explain.
        if abs(offset - self._offset) > noise:
            self._offset = offset if abs(offset) > noise else 0.0

    def start_afresh(self) -> None:
        """Drop the ticket: the vendor calls it expired."""
        self._ticket = None

    def now(self) -> float:
        """Return the vendor's time, in Unix seconds, as far as it is known."""
        return self._clock() + self._offset

    def credentials(self, call: Call) -> Credentials:
        """Return the credentials for sending `call` now."""
        now = self.now()
        return self._signer.sign(call, now=now, nonce=self._nonce(), ticket=self._valid_ticket(now))

    def _valid_ticket(self, now: float) -> Ticket | None:
        ticket = self._ticket
        if ticket is not None and now < ticket.renew_at:
            return ticket
        usable = ticket is not None and now < ticket.expires_at
        # Whoever has no usable ticket waits for the one who renews it; the rest go on.
        if not self._renewal.held.acquire(blocking=not usable):
            return ticket
        try:
            if self._ticket is ticket or self._ticket is None:
                self._ticket = self._signer.issue(now)
            return self._ticket
        finally:
            self._renewal.held.release()


def parse_http_date(text: str | None) -> float | None:
    """Return the Unix seconds an HTTP date stands for; None where there is no usable one."""
    from email.utils import parsedate_to_datetime  # noqa: PLC0415 - loads half the email package

    try:
        moment = parsedate_to_datetime(text or "")
        return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()
    except (ValueError, OverflowError):
        return None


@functools.lru_cache(1024)
def _parts(base_url: str) -> tuple[str, str]:
    """Return the origin of a base URL, and the path that stands before every target."""
    parts = urlsplit(base_url)
    return f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/")


class OneShot:
    """One try of a call: it can be looked at freely, and signed once.

    Attributes:
        call: what is sent.
        origin: scheme, host and port.
        target: path and query without credentials.
        content: the body, encoded.
        defect: the type of the exception a failing signer raised.
        repeated: whether a second signature was asked for, by whoever sent the request again.
    """

    __slots__ = ("_signing", "call", "content", "defect", "origin", "repeated", "target")

    def __init__(self, call: Call, base_url: str, signing: Signing) -> None:
        # First, for a frame that is looked at halfway shows it.
        self.call = call
        self.origin, prefix = _parts(base_url)
        self.target = prefix + call.target()
        self.content = call.content()
        self.defect: str | None = None
        self.repeated = False
        self._signing: Signing | None = signing

    def __repr__(self) -> str:
        return f"<attempt of {self.call.action}>"

    def sign(self) -> tuple[str, Mapping[str, str]]:
        """Return the signed target and the credential headers.

        Raises:
            SigningError: the attempt was signed before, or the signer failed.
        """
        signing, self._signing = self._signing, None
        if signing is None:
            self.repeated = True
            raise SigningError("an attempt is signed once")
        try:
            credentials = signing.credentials(self.call)
            return extended(self.target, credentials.query), credentials.headers
        except Exception as error:  # noqa: BLE001 - a plugin's bug, reported as such by the pipeline
            self.defect = type(error).__name__
        # Raised out here: the signer's own exception has frames that hold an open secret.
        raise SigningError("the signer failed")
