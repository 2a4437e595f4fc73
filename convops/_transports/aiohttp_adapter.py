"""The aiohttp adapter: one session for each connection, kept in its event loop, signed on the wire only.

aiohttp's pool takes the oldest connection first, and believes each to be clean. So the free list is ours, and
each session has one connection, about which is decided here.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncGenerator
from contextlib import suppress

import aiohttp

from convops._locks import Lock
from convops._transports import TransportOptions
from convops._transports.aiohttp_seat import Wire
from convops._transports.aiohttp_shards import Proxy, Shard, proxy_of
from convops._transports.failures import cut, told
from convops._transports.framing import are_chunks, ends_with_answer
from convops._transports.replies import Body, RefusedError
from convops._transports.requests import encoded, written
from convops._transports.routes import whereabouts
from convops._transports.shards import CONNECTIONS, PerProcess, Shards
from convops._transports.tls import tls_context
from convops._transports.traffic import NotResolvedError, WireError
from convops._transports.waiting import admitted
from convops.provider import Attempt, Failure, FailureKind, HttpReply, SigningError


class _Room:
    """What belongs to one event loop."""

    def __init__(self, tls: ssl.SSLContext, proxy: Proxy | None) -> None:
        self.places = asyncio.Semaphore(CONNECTIONS)
        # Whoever closes one from another thread would do so behind the back of its event loop.
        self.shards = Shards(lambda _: Shard(tls, proxy), anywhere=False)
        self.stay = self._until_the_end()

    def take(self, origin: str) -> Shard:
        """Return a shard for an exchange with `origin`."""
        while (shard := self.shards.take(origin)).is_stale():
            shard.drop()
        return shard

    def empty(self) -> None:
        """Close every idle connection, and those in use when their exchange ends."""
        self.shards.close()

    async def _until_the_end(self) -> AsyncGenerator[None, None]:
        # An event loop that ends closes the generators that were begun in it, which is the last chance to
        # close what belongs to it.
        try:
            yield
        finally:
            self.empty()
            # asyncio tells protocols in the next turns that a connection is gone.
            for _ in range(3):
                await asyncio.sleep(0)


class AsyncAiohttpTransport:
    """Exchanges over aiohttp, for an `AsyncClient`."""

    def __init__(self, options: TransportOptions) -> None:
        self._tls = tls_context(options.verify)
        self._proxy = proxy_of(options.proxy)
        self._rooms: PerProcess[dict[asyncio.AbstractEventLoop, _Room]] = PerProcess(dict)
        self._lock = Lock()
        self._closed = False

    async def exchange(self, attempt: Attempt, deadline: float) -> HttpReply | Failure:
        """Send one attempt; as `convops.provider.AsyncTransport.exchange`."""
        room = self._rooms.get().get(asyncio.get_running_loop()) or await self._new_room()
        if not await admitted(room.places, deadline):
            return Failure(FailureKind.BUSY, sent=False)
        try:
            shard = room.take(attempt.origin)
            return await self._on_shard(room, shard, attempt, deadline)
        finally:
            room.places.release()

    async def _new_room(self) -> _Room:
        room, loop = _Room(self._tls, self._proxy), asyncio.get_running_loop()
        with self._lock.held:
            rooms = self._rooms.get()
            gone = [rooms.pop(known) for known in list(rooms) if known.is_closed()]
            rooms[loop] = room
            if self._closed:
                gone.append(room)
        for old in gone:
            old.empty()
        await anext(room.stay)
        return room

    async def _on_shard(
        self, room: _Room, shard: Shard, attempt: Attempt, deadline: float
    ) -> HttpReply | Failure:
        wire, kept = shard.wire, False
        try:
            wire.begin(attempt, deadline)
            result = await _exchange(shard, attempt, deadline)
            kept = isinstance(result, HttpReply) and ends_with_answer(wire.received, result.headers)
            return result
        finally:
            wire.end()
            if kept:
                room.shards.give_back(attempt.origin, shard)
            else:
                shard.drop()

    async def aclose(self) -> None:
        """Close every idle connection, and those in use when their exchange ends."""
        self._closed = True
        with self._lock.held:
            rooms = self._rooms.get()
            known = list(rooms.items())
            rooms.clear()
        for loop, room in known:
            if loop is asyncio.get_running_loop():
                await room.stay.aclose()
            elif loop.is_closed():
                room.empty()
            else:
                with suppress(RuntimeError):  # closed in this moment
                    loop.call_soon_threadsafe(room.empty)


async def _exchange(shard: Shard, attempt: Attempt, deadline: float) -> HttpReply | Failure:
    try:
        async with asyncio.timeout(deadline - time.monotonic()):
            return await _ask(shard, attempt, deadline)
    except BaseException as error:  # noqa: BLE001 - told or raised below
        caught = error
    # Behind the handler: an interrupt from here on does not take the library's frames along.
    failure = _failure_of(caught, shard.wire)
    if failure is None:
        raise cut(caught)
    return failure


async def _ask(shard: Shard, attempt: Attempt, deadline: float) -> HttpReply:
    # A frame of its own: what it holds of an answer, which may echo the URL, is cut off with it.
    whereabouts(attempt.origin)
    # aiohttp would refuse it by an exception of Python's own.
    written(encoded(attempt.call.method), b"/", b"", b"")
    response = await shard.ask(attempt)
    try:
        body = Body(response.status, _fields(response), deadline)
        if body.headers.get("transfer-encoding", "chunked").strip().lower() != "chunked":
            raise RefusedError(FailureKind.PROTOCOL)
        content = response.content
        while not content.at_eof():
            body.add(await content.readany())
    finally:
        if not response.closed:
            response.close()
    received = shard.wire.received
    # aiohttp is lenient with chunks. A recorder that answers itself has received nothing.
    if received and "transfer-encoding" in body.headers and not are_chunks(received):
        raise RefusedError(FailureKind.PROTOCOL)
    return body.reply()


def _fields(response: aiohttp.ClientResponse) -> list[tuple[bytes, bytes]]:
    # As they came. Not `raw_headers`, which a recorder that answers itself leaves empty.
    pairs = response.headers.items()
    return [(name.encode(), value.encode("utf-8", "surrogateescape")) for name, value in pairs]


_EXPECTED = (aiohttp.ClientError, OSError, WireError, UnicodeError)
_BEFORE_SENDING: tuple[tuple[FailureKind, tuple[type[Exception], ...]], ...] = (
    (FailureKind.DNS, (NotResolvedError, aiohttp.ClientConnectorDNSError, aiohttp.InvalidURL, UnicodeError)),
    (
        FailureKind.TLS,
        (aiohttp.ClientConnectorSSLError, aiohttp.ClientConnectorCertificateError, ssl.SSLError),
    ),
)


def _failure_of(error: BaseException, wire: Wire) -> Failure | None:
    """Return what an exception says of an exchange; None where it must pass."""
    sent = wire.traffic.sent
    if isinstance(error, SigningError) and sent:
        # Whoever asks for a second signature has sent the first.
        return Failure(FailureKind.BROKEN, sent=True)
    known = told(error)
    if known is not None or not isinstance(error, _EXPECTED):
        return known
    if isinstance(error, TimeoutError):
        return Failure(FailureKind.TIMEOUT, sent)
    return Failure(_kind_after(wire) if sent else _kind_before(error), sent)


def _kind_before(error: Exception) -> FailureKind:
    kinds = (kind for kind, classes in _BEFORE_SENDING if isinstance(error, classes))
    return next(kinds, FailureKind.CONNECT)


def _kind_after(wire: Wire) -> FailureKind:
    if wire.too_much:
        return FailureKind.TOO_LARGE
    return FailureKind.PROTOCOL if wire.nonsense else FailureKind.BROKEN
