"""Who is compared with several operations in flight; otherwise as in `blocking.py`."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import httptools

import convops
from tests.bench import vendor
from tests.bench.blocking import account
from tests.bench.stage import Target

Operate = Callable[[], Awaitable[object]]


@contextlib.asynccontextmanager
async def ours(target: Target, transport: str | None) -> AsyncIterator[Operate]:
    """Open convops, by its public face."""
    pairs = vendor.pairs()
    async with convops.connect_async("tencent", **account(target, transport)) as chat:

        async def operate() -> None:
            user, peer = next(pairs)
            await chat.mark_read(convops.Conversation.direct(user=user, peer=peer))

        yield operate


@contextlib.asynccontextmanager
async def httpx_like(target: Target, library: str) -> AsyncIterator[Operate]:
    """Open httpx, or its successor of the same face."""
    httpx = importlib.import_module(library)
    query, pairs = vendor.Query(), vendor.pairs()
    async with httpx.AsyncClient(
        base_url=target.base_url,
        verify=target.tls() or True,
        timeout=vendor.TIMEOUT,
        limits=httpx.Limits(max_connections=vendor.CONNECTIONS, max_keepalive_connections=vendor.CONNECTIONS),
        trust_env=False,
    ) as client:

        async def operate() -> None:
            response = await client.post(
                vendor.MARK_READ_PATH, params=query.fresh(), json=vendor.body(*next(pairs))
            )
            vendor.check(response.status_code, response.json())

        yield operate


@contextlib.asynccontextmanager
async def aiohttp_session(target: Target) -> AsyncIterator[Operate]:
    """Open a session of aiohttp."""
    query, pairs = vendor.Query(), vendor.pairs()
    async with aiohttp.ClientSession(
        target.base_url,
        connector=aiohttp.TCPConnector(limit=vendor.CONNECTIONS, ssl=target.tls() or True),
        timeout=aiohttp.ClientTimeout(total=vendor.TIMEOUT),
        cookie_jar=aiohttp.DummyCookieJar(),
    ) as session:

        async def operate() -> None:
            async with session.post(
                vendor.MARK_READ_PATH, params=query.fresh(), json=vendor.body(*next(pairs))
            ) as response:
                vendor.check(response.status, await response.json())

        yield operate


class _Parsed(asyncio.Protocol):
    """A connection whose answers httptools parses."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._parser = httptools.HttpResponseParser(self)
        self._answered: asyncio.Future[tuple[int, bytes]] | None = None

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, part: bytes) -> None:
        self._body += part

    def on_message_complete(self) -> None:
        # Only now does the parser know; a moment later it is ready for the next answer.
        if not self._parser.should_keep_alive():
            self._transport.close()
        self._answered.set_result((self._parser.get_status_code(), self._body))

    def connection_lost(self, error: Exception | None) -> None:
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(error or ConnectionError("the server hung up"))

    @property
    def is_usable(self) -> bool:
        """Whether another request may be sent."""
        return not self._transport.is_closing()

    def ask(self, request: bytes) -> asyncio.Future[tuple[int, bytes]]:
        """Send the request; what is returned comes to status and body."""
        self._body = b""
        self._answered = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._answered

    def close(self) -> None:
        self._transport.close()


@contextlib.asynccontextmanager
async def httptools_protocol(target: Target) -> AsyncIterator[Operate]:
    """Open connections when they are needed, and keep them."""
    query, pairs, tls = vendor.Query(), vendor.pairs(), target.tls()
    idle: list[_Parsed] = []

    async def operate() -> None:
        request = vendor.request(target.host, query.fresh(), vendor.body(*next(pairs)))
        async with asyncio.timeout(vendor.TIMEOUT):
            while idle and not idle[-1].is_usable:
                idle.pop()
            if idle:
                connection = idle.pop()
            else:
                loop = asyncio.get_running_loop()
                _, connection = await loop.create_connection(_Parsed, *target.address, ssl=tls)
            status, body = await connection.ask(request)
        idle.append(connection)
        vendor.check(status, json.loads(body))

    yield operate
    for connection in idle:
        connection.close()


class _Bare(asyncio.Protocol):
    """A connection that counts the bytes of one answer."""

    def __init__(self) -> None:
        self._left = 0
        self._answered: asyncio.Future[None] | None = None
        self.first = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if self._answered is None:
            self.first.set_result(len(data))
            return
        self._left -= len(data)
        if self._left <= 0:
            self._answered.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(error or ConnectionError("the server hung up"))

    def ask(self, request: bytes, size: int) -> asyncio.Future[None]:
        """Send the request; what is returned is done when so many bytes have come back."""
        self._left = size
        self._answered = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._answered

    async def measure(self, request: bytes) -> int:
        """Send the request, and return how many bytes the answer has."""
        self._transport.write(request)
        return await self.first

    def close(self) -> None:
        self._transport.close()


@contextlib.asynccontextmanager
async def floor(target: Target) -> AsyncIterator[Operate]:
    """Open as many connections as operations are in flight; the same bytes go over them each time."""
    tls: ssl.SSLContext | None = target.tls()
    idle = [
        (await asyncio.get_running_loop().create_connection(_Bare, *target.address, ssl=tls))[1]
        for _ in range(target.flights)
    ]
    request = vendor.request(target.host, vendor.Query().fresh(), vendor.body(*next(vendor.pairs())))
    size = await idle[-1].measure(request)

    async def operate() -> None:
        connection = idle.pop()
        await connection.ask(request, size)
        idle.append(connection)

    yield operate
    for connection in idle:
        connection.close()


async def fly(operate: Operate, count: int, flights: int) -> None:
    """Perform so many operations, as many at a time as are to be in flight."""
    turns = iter(range(count))

    async def one_after_another() -> None:
        for _ in turns:
            await operate()

    async with asyncio.TaskGroup() as group:
        for _ in range(flights):
            group.create_task(one_after_another())
