"""What transports of httpx and httpx2 have in place of a pool: one connection, spoken over by h11.

The libraries' own pools scan all their connections on every request, and take a lock and a turn of the event
loop at every step. The transports stay in place above, for they are what recorders and tracers hook into.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import h11

from convops._transports.async_sockets import AsyncWire
from convops._transports.http11 import Talk
from convops._transports.requests import written, written_fields
from convops._transports.sockets import Wire
from convops._transports.traffic import (
    HungUpError,
    NotHttpError,
    NotWritableError,
    Traffic,
    TunnelRefusedError,
    WireError,
)

_FAILED = (WireError, OSError)


class _Line:
    """What both kinds have in common.

    Attributes:
        wire: the connection.
        talk: what is said over it.
    """

    def __init__(self, core: Any, wire: Wire | AsyncWire) -> None:
        self.wire = wire
        self.talk = Talk()
        self._core = core

    def _asked(self, request: Any, content: bytes) -> bytes:
        route = self.wire.route
        fields = written_fields([*request.headers, *route.fields])
        asked = written(request.method, route.prefix + request.url.target, fields, content)
        self.talk.asked()
        return asked

    def _answer(self, head: h11.Response, parts: object) -> Any:
        extensions = {"http_version": b"HTTP/" + head.http_version, "reason_phrase": head.reason}
        return self._core.Response(
            head.status_code, headers=head.headers.raw_items(), content=parts, extensions=extensions
        )

    def _told(self, error: Exception) -> Exception:
        """Return the library's name for what happened, which tracers write down."""
        return _translated(error, self._core, self.wire.exchange)


class Line(_Line):
    """A pool of one connection."""

    wire: Wire

    def handle_request(self, request: Any) -> Any:
        """Send a request, and return its answer as far as the head."""
        content = b"".join(request.stream)
        try:
            if self.wire.open():
                self.talk = Talk()
            asked = self._asked(request, content)
            try:
                self.wire.write(asked)
            except TimeoutError:
                raise
            except OSError:
                self.talk.cut_off()
            while (head := self.talk.head()) is None:
                self.talk.take(self.wire.read())
        except _FAILED as error:
            raise self._told(error) from error
        return self._answer(head, self._parts())

    def _parts(self) -> Iterator[bytes]:
        try:
            while (part := self.talk.part()) != b"":
                if part is None:
                    self.talk.take(self.wire.read())
                else:
                    yield part
        except _FAILED as error:
            raise self._told(error) from error

    def close(self) -> None:
        """Close the connection."""
        self.wire.drop()


class AsyncLine(_Line):
    """The same for asyncio."""

    wire: AsyncWire

    async def handle_async_request(self, request: Any) -> Any:
        """Send a request, and return its answer as far as the head."""
        content = b"".join([part async for part in request.stream])
        try:
            if await self.wire.open():
                self.talk = Talk()
            asked = self._asked(request, content)
            try:
                await self.wire.write(asked)
            except TimeoutError:
                raise
            except OSError:
                self.talk.cut_off()
            while (head := self.talk.head()) is None:
                self.talk.take(await self.wire.read())
        except _FAILED as error:
            raise self._told(error) from error
        return self._answer(head, self._parts())

    async def _parts(self) -> AsyncIterator[bytes]:
        try:
            while (part := self.talk.part()) != b"":
                if part is None:
                    self.talk.take(await self.wire.read())
                else:
                    yield part
        except _FAILED as error:
            raise self._told(error) from error

    async def aclose(self) -> None:
        """Close the connection."""
        self.wire.drop()


def _translated(error: Exception, core: Any, exchange: Traffic) -> Exception:
    told: Exception
    if isinstance(error, NotWritableError):
        told = core.LocalProtocolError(str(error))
    elif isinstance(error, TunnelRefusedError):
        told = core.ProxyError(str(error))
    elif isinstance(error, HungUpError | NotHttpError):
        told = core.RemoteProtocolError(str(error))
    elif isinstance(error, TimeoutError):
        told = (core.ReadTimeout if exchange.sent else core.ConnectTimeout)("the time was over")
    else:
        told = (core.ReadError if exchange.sent else core.ConnectError)(str(error))
    return told


class _Shard:
    """What both kinds of shard have in common.

    Attributes:
        line: its connection.
    """

    line: _Line

    @property
    def ended_cleanly(self) -> bool:
        """Whether the last exchange did, so that the next may begin."""
        return self.line.talk.ended_cleanly

    def begin(self, deadline: float) -> None:
        """Start an exchange."""
        self.line.wire.exchange.begin(deadline)
        self.line.talk.ended_cleanly = False

    def drop(self) -> None:
        """Close the connection."""
        self.line.wire.drop()


class BlockingShard(_Shard):
    """A transport of one connection; a library's `HTTPTransport` is mixed in.

    That takes no network backend, so its pool is replaced here; all else is inherited.
    """

    def __init__(self, core: Any, wire: Wire) -> None:
        self.line = self._pool = Line(core, wire)


class AsyncShard(_Shard):
    """The same for asyncio, with a library's `AsyncHTTPTransport`."""

    def __init__(self, core: Any, wire: AsyncWire) -> None:
        self.line = self._pool = AsyncLine(core, wire)
