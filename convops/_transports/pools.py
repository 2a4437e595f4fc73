"""What transports of httpx and httpx2 have in place of a pool: one connection.

The libraries' own pools scan all their connections on every request, and take a lock and a turn of the event
loop at every step. The transports stay in place above, for they are what recorders and tracers hook into.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

from attrs import frozen

from convops._transports.async_lines import AsyncLine
from convops._transports.http11 import Fields, Head
from convops._transports.lines import Line
from convops._transports.requests import written, written_fields
from convops._transports.routes import Route
from convops._transports.traffic import (
    HungUpError,
    NotHttpError,
    NotWritableError,
    Traffic,
    TunnelRefusedError,
    WireError,
)

_FAILED = (WireError, OSError)


@frozen(eq=False)
class _Answer:
    """What a transport reads of an answer; the library's own class would check each byte of it again.

    Attributes:
        status: three digits.
        headers: the fields in their order.
        stream: yields the body.
        extensions: what else is known.
    """

    status: int
    headers: Fields
    stream: object
    extensions: dict[str, bytes]


class Pool:
    """A pool of one connection."""

    def __init__(self, core: Any, line: Line) -> None:
        self._core = core
        self._line = line

    def handle_request(self, request: Any) -> _Answer:
        """Send a request, and return its answer as far as the head."""
        line, content = self._line, b"".join(request.stream)
        try:
            line.open()
            head = line.ask(_written(request, content, line.wire.route))
        except _FAILED as error:
            raise _translated(error, self._core, line.wire.exchange) from error
        return _answer(head, self._parts())

    def _parts(self) -> Iterator[bytes]:
        try:
            while part := self._line.part():
                yield part
        except _FAILED as error:
            raise _translated(error, self._core, self._line.wire.exchange) from error

    def close(self) -> None:
        """Close the connection."""
        self._line.drop()


class AsyncPool:
    """The same for asyncio."""

    def __init__(self, core: Any, line: AsyncLine) -> None:
        self._core = core
        self._line = line

    async def handle_async_request(self, request: Any) -> _Answer:
        """Send a request, and return its answer as far as the head."""
        line, content = self._line, b"".join([part async for part in request.stream])
        try:
            await line.open()
            head = await line.ask(_written(request, content, line.wire.route))
        except _FAILED as error:
            raise _translated(error, self._core, line.wire.exchange) from error
        return _answer(head, self._parts())

    async def _parts(self) -> AsyncIterator[bytes]:
        try:
            while part := await self._line.part():
                yield part
        except _FAILED as error:
            raise _translated(error, self._core, self._line.wire.exchange) from error

    async def aclose(self) -> None:
        """Close the connection."""
        self._line.drop()


def _written(request: Any, content: bytes, route: Route) -> bytes:
    fields = written_fields([*request.headers, *route.fields])
    return written(request.method, route.prefix + request.url.target, fields, content)


def _answer(head: Head, parts: object) -> _Answer:
    known = {"http_version": b"HTTP/" + head.version.encode(), "reason_phrase": head.reason}
    return _Answer(head.status, head.fields, parts, known)


def _translated(error: Exception, core: Any, exchange: Traffic) -> Exception:
    """Return the library's name for what happened, which tracers write down."""
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

    line: Line | AsyncLine

    @property
    def ended_cleanly(self) -> bool:
        """Whether the last exchange did, so that the next may begin."""
        return self.line.ended_cleanly

    def begin(self, deadline: float) -> None:
        """Start an exchange."""
        self.line.begin(deadline)

    def drop(self) -> None:
        """Close the connection."""
        self.line.drop()


class BlockingShard(_Shard):
    """A transport of one connection; a library's `HTTPTransport` is mixed in.

    That takes no network backend, so its pool is replaced here; all else is inherited.
    """

    def __init__(self, core: Any, line: Line) -> None:
        self.line = line
        self._pool = Pool(core, line)


class AsyncShard(_Shard):
    """The same for asyncio, with a library's `AsyncHTTPTransport`."""

    def __init__(self, core: Any, line: AsyncLine) -> None:
        self.line = line
        self._pool = AsyncPool(core, line)
