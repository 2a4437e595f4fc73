"""The httpx adapter: its transports called directly, one connection each, signed on the wire only.

No `httpx.Client`, so no cookie jar, redirects, environment or log line of URLs. One large pool scans
all its connections on every request; a free list of single-connection pools ("shards") does not.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from weakref import WeakKeyDictionary

import httpcore
import httpx

from convops._transports import TransportOptions
from convops._transports.answers import CONNECTIONS, Body, admitted, ended_cleanly, told
from convops._transports.failures import EXPECTED, cut, failure_of
from convops._transports.idle import PerProcess, Shards
from convops._transports.seat import unsigned_request
from convops._transports.shards import AsyncShard, BlockingShard, pool_maker
from convops._transports.sockets import Traffic
from convops.errors import ConfigError
from convops.provider import Attempt, Failure, FailureKind, HttpReply


class _Adapter:
    """What both adapters have in common."""

    def __init__(self) -> None:
        self._opened_in = os.getpid()

    def _check_process(self) -> None:
        # Of our own connections a child makes new ones; a pool that was given cannot be told apart.
        if self._opened_in != os.getpid():
            raise ConfigError("a transport that was given cannot cross a fork; open the client in the child")


class HttpxTransport(_Adapter):
    """Exchanges over `httpx.HTTPTransport`, for a `Client`.

    A transport that was given keeps no connection, and httpx's own timeouts bound each of its reads only.
    """

    def __init__(self, options: TransportOptions) -> None:
        if not isinstance(options.given, httpx.HTTPTransport | None):
            raise _not_usable("a Client", options.given, "an httpx.HTTPTransport")
        super().__init__()
        self._given = options.given
        pool = pool_maker(httpcore.ConnectionPool, httpcore.HTTPProxy, options)
        self._shards = PerProcess(lambda: Shards(lambda: BlockingShard(pool)))
        self._places = PerProcess(lambda: threading.BoundedSemaphore(CONNECTIONS))

    def exchange(self, attempt: Attempt, deadline: float) -> HttpReply | Failure:
        """Send one attempt; as `convops.provider.Transport.exchange`."""
        places = self._places.get()
        if not places.acquire(timeout=max(0.0, deadline - time.monotonic())):
            return Failure(FailureKind.BUSY, sent=False)
        try:
            if self._given is not None:
                self._check_process()
                return _exchange(self._given, attempt, deadline, None)
            return self._on_shard(self._shards.get(), attempt, deadline)
        finally:
            places.release()

    def _on_shard(
        self, shards: Shards[BlockingShard], attempt: Attempt, deadline: float
    ) -> HttpReply | Failure:
        shard = shards.take(attempt.origin)
        shard.wire.exchange.begin(deadline)
        unused = [shard]
        try:
            result = _exchange(shard, attempt, deadline, shard.wire.exchange)
            if ended_cleanly(shard.wire.exchange, result):
                unused = shards.give_back(attempt.origin, shard)
            return result
        finally:
            for old in unused:
                old.wire.drop()

    def close(self) -> None:
        """Close every idle connection, and those in use when their exchange ends."""
        if self._given is not None:
            self._given.close()
        for shard in self._shards.get().close():
            shard.wire.drop()


def _exchange(
    transport: httpx.HTTPTransport, attempt: Attempt, deadline: float, exchange: Traffic | None
) -> HttpReply | Failure:
    try:
        return _ask(transport, attempt, deadline, exchange)
    except BaseException as error:  # noqa: BLE001 - told or raised below
        caught = error
    # Behind the handler: an interrupt from here on does not take the library's frames along.
    return _told(caught, exchange)


def _ask(
    transport: httpx.HTTPTransport, attempt: Attempt, deadline: float, exchange: Traffic | None
) -> HttpReply:
    # A frame of its own: what it holds of an answer, which may echo the URL, is cut off with it.
    response = transport.handle_request(_request(attempt, deadline, exchange))
    try:
        body = Body(response.status_code, dict(response.headers), deadline)
        for part in response.iter_raw():
            body.add(part)
    finally:
        response.close()
    return body.reply()


class AsyncHttpxTransport(_Adapter):
    """Exchanges over `httpx.AsyncHTTPTransport`, for an `AsyncClient`; otherwise as `HttpxTransport`."""

    def __init__(self, options: TransportOptions) -> None:
        if not isinstance(options.given, httpx.AsyncHTTPTransport | None):
            raise _not_usable("an AsyncClient", options.given, "an httpx.AsyncHTTPTransport")
        super().__init__()
        self._given = options.given
        pool = pool_maker(httpcore.AsyncConnectionPool, httpcore.AsyncHTTPProxy, options)
        self._shards = PerProcess(lambda: Shards(lambda: AsyncShard(pool)))
        self._places: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()

    async def exchange(self, attempt: Attempt, deadline: float) -> HttpReply | Failure:
        """Send one attempt; as `convops.provider.AsyncTransport.exchange`."""
        # Places are counted for each event loop, since asyncio's locks belong to one.
        places = self._places.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(CONNECTIONS))
        if not await admitted(places, deadline):
            return Failure(FailureKind.BUSY, sent=False)
        try:
            if self._given is not None:
                self._check_process()
                return await _exchange_async(self._given, attempt, deadline, None)
            return await self._on_shard(self._shards.get(), attempt, deadline)
        finally:
            places.release()

    async def _on_shard(
        self, shards: Shards[AsyncShard], attempt: Attempt, deadline: float
    ) -> HttpReply | Failure:
        shard = shards.take(attempt.origin)
        shard.wire.exchange.begin(deadline)
        unused = [shard]
        try:
            result = await _exchange_async(shard, attempt, deadline, shard.wire.exchange)
            if ended_cleanly(shard.wire.exchange, result):
                unused = shards.give_back(attempt.origin, shard)
            return result
        finally:
            for old in unused:
                old.wire.drop()

    async def aclose(self) -> None:
        """Close every idle connection, and those in use when their exchange ends."""
        if self._given is not None:
            await self._given.aclose()
        for shard in self._shards.get().close():
            shard.wire.drop()


async def _exchange_async(
    transport: httpx.AsyncHTTPTransport, attempt: Attempt, deadline: float, exchange: Traffic | None
) -> HttpReply | Failure:
    try:
        async with asyncio.timeout(deadline - time.monotonic()):
            return await _ask_async(transport, attempt, deadline, exchange)
    except BaseException as error:  # noqa: BLE001 - told or raised below
        caught = error
    return _told(caught, exchange)


async def _ask_async(
    transport: httpx.AsyncHTTPTransport, attempt: Attempt, deadline: float, exchange: Traffic | None
) -> HttpReply:
    response = await transport.handle_async_request(_request(attempt, deadline, exchange))
    try:
        body = Body(response.status_code, dict(response.headers), deadline)
        async for part in response.aiter_raw():
            body.add(part)
    finally:
        await response.aclose()
    return body.reply()


def _told(error: BaseException, exchange: Traffic | None) -> Failure:
    """Return what an exception says of an exchange, or raise what must pass, without the library's frames."""
    known = told(error)
    if known is not None:
        return known
    if isinstance(error, EXPECTED):
        return failure_of(error, exchange)
    raise cut(error)


def _request(attempt: Attempt, deadline: float, exchange: Traffic | None) -> httpx.Request:
    # Only of our own connections is it known that nothing stands behind an answer.
    return unsigned_request(attempt, deadline, last=exchange is None)


def _not_usable(client: str, given: object, wanted: str) -> ConfigError:
    return ConfigError(
        f"{client} cannot use a transport of type {type(given).__name__}: "
        f"give the name of an adapter, an adapter of its own kind, or {wanted}"
    )
