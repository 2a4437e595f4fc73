"""The signing seat in aiohttp: a request that shows the unsigned URL, and signs itself as it is sent."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import aiohttp
from multidict import CIMultiDictProxy
from yarl import URL

from convops._transports.requests import encoded, encoded_fields, written, written_fields
from convops._transports.sockets import IdleWatch
from convops._transports.traffic import TooMuchError, Traffic
from convops.provider import Attempt, SigningError
from convops.secret import Secret

_EXPLAINED = "the peer hung up, or does not speak HTTP"


class PeerError(aiohttp.ClientError):
    """A request that was sent has no answer."""


class Wire(asyncio.Protocol):
    """Stands between one connection and aiohttp, and knows what went over it.

    Attributes:
        traffic: of the exchange under way, or of the last one.
        received: what came of it, until it ends.
        attempt: what is sent by it; None between exchanges.
        proxy_password: what a proxy for plain HTTP is told in each request.
        too_much: whether more came than any answer may hold.
        nonsense: whether what came is no HTTP.
        transport: asyncio's side of the connection; None before there is one.
        watch: tells between exchanges whether something came.
    """

    def __init__(self, proxy_password: Secret | None) -> None:
        self.traffic = Traffic()
        self.received = bytearray()
        self.attempt: Attempt | None = None
        self.proxy_password = proxy_password
        self.too_much = self.nonsense = False
        self.transport: asyncio.Transport | None = None
        self.watch: IdleWatch | None = None
        self._above: Any = None

    def begin(self, attempt: Attempt, deadline: float) -> None:
        """Start an exchange."""
        self.traffic.begin(deadline)
        self.attempt = attempt
        self.too_much = self.nonsense = False

    def sign(self) -> tuple[str, Mapping[str, str]]:
        """Return the signed target and the credential headers of the attempt.

        Raises:
            SigningError: it was signed before, or the signer failed.
        """
        if self.attempt is None:
            raise SigningError("there is no attempt")
        return self.attempt.sign()

    def end(self) -> None:
        """End it: what comes from now on was asked by nobody, and what came may repeat what was sent."""
        self.attempt = None
        self.received.clear()

    def abort(self) -> None:
        """Close the connection at once, without a word to the peer."""
        if self.transport is not None:
            self.transport.abort()

    def lie_over(self, connection: aiohttp.connector.Connection) -> None:
        """Come to lie over a connection, unless that was so before."""
        transport = connection.transport
        if transport is not None and self.transport is not transport:
            self.transport, self._above = transport, connection.protocol
            self.watch = IdleWatch(transport.get_extra_info("socket"))
            transport.set_protocol(self)

    # --- What asyncio tells a protocol ---

    def data_received(self, data: bytes) -> None:
        """Note what came, and hand it on."""
        if self.attempt is None:
            self.abort()
            return
        try:
            self.traffic.note(len(data))
        except TooMuchError:
            self.too_much = True
            self.abort()
            return
        self.received += data
        self._above.data_received(data)
        if self._above.exception() is not None:
            # Nobody hung up, so it is what came that cannot be read.
            self.nonsense = True

    def eof_received(self) -> bool | None:
        """Hand it on."""
        self._above.eof_received()
        return None

    def connection_lost(self, exc: Exception | None) -> None:
        """Hand it on."""
        self._above.connection_lost(exc)

    def pause_writing(self) -> None:
        """Hand it on."""
        self._above.pause_writing()

    def resume_writing(self) -> None:
        """Hand it on."""
        self._above.resume_writing()


class _Spelled:
    """A URL that spells the signed target to whoever asks first, and shows the unsigned one from then on.

    aiohttp asks once, for the first line of the request; whoever asks later prints it. No `yarl.URL`, for
    yarl remembers those it has parsed.
    """

    def __init__(self, shown: URL, target: str) -> None:
        self._shown = shown
        self._target: str | None = target

    @property
    def raw_path_qs(self) -> str:
        target, self._target = self._target, None
        return self._shown.raw_path_qs if target is None else target

    def __str__(self) -> str:
        # What a proxy for plain HTTP is asked for.
        target, self._target = self._target, None
        return str(self._shown) if target is None else f"{self._shown.origin()}{target}"

    def __repr__(self) -> str:
        return repr(self._shown)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._shown, name)


class SignedRequest(aiohttp.ClientRequest):
    """Signs the attempt of its wire while it is sent, and shows nothing of that before or after."""

    def __init__(self, *args: Any, wire: Wire, **options: Any) -> None:
        # Tracers hear of its beginning and its end: in between they would be shown what is written.
        options["traces"] = None
        super().__init__(*args, **options)
        self._wire = wire
        self._unsigned = self.headers

    @property
    def request_info(self) -> aiohttp.RequestInfo:
        """What answers and errors show of it."""
        shown = CIMultiDictProxy(self._unsigned)
        return aiohttp.RequestInfo(self.original_url, self.method, shown, self.original_url)

    async def send(self, conn: aiohttp.connector.Connection) -> aiohttp.ClientResponse:
        """Sign it, and send it.

        Raises:
            SigningError: it was signed before, or the signer failed.
            NotWritableError: it would end a line.
            PeerError: the connection broke.
        """
        wire = self._wire
        wire.lie_over(conn)
        target, credentials = wire.sign()
        # aiohttp would write whatever it is given.
        written(encoded(self.method), encoded(target), written_fields(encoded_fields(credentials)), b"")
        url, signed = self.url, self._unsigned
        if credentials or self.proxy is not None:
            signed = signed.copy()
            signed.update(credentials)
        if self.proxy is not None and not self.is_ssl() and wire.proxy_password is not None:
            signed["proxy-authorization"] = wire.proxy_password.reveal()
        self.url, self.headers = _Spelled(url, target), signed  # type: ignore[assignment]
        # Before it can be so: nobody knows how much of a request left that could not be written.
        wire.traffic.sent = True
        try:
            return await super().send(conn)
        except aiohttp.ClientError:
            pass
        finally:
            self.url, self.headers = url, self._unsigned
        raise PeerError(_EXPLAINED)


class UnquotedResponse(aiohttp.ClientResponse):
    """Quotes nothing where it cannot be read: tracers write errors down, and a peer may echo a signature."""

    async def start(self, connection: aiohttp.connector.Connection) -> aiohttp.ClientResponse:
        """Read the head.

        Raises:
            PeerError: there is none. aiohttp would send the request again where it knows an error.
        """
        try:
            return await super().start(connection)
        except (aiohttp.ClientError, OSError):
            pass
        raise PeerError(_EXPLAINED)
