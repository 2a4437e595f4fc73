"""The adapters of httpx and httpx2: their transports called directly, signed on the wire only.

No `Client` of theirs, so no cookie jar, redirects, environment or log line of URLs. Each connection is a
transport of its own (a "shard"), on a free list.
"""

from __future__ import annotations

import asyncio
import os
import time
from typing import Any, ClassVar

from convops._transports import TransportOptions
from convops._transports.async_sharded import AsyncSharded
from convops._transports.failures import told_or_raised
from convops._transports.library import Library, library
from convops._transports.pools import AsyncShard, BlockingShard
from convops._transports.replies import Body
from convops._transports.routes import router
from convops._transports.seat import unsigned_request
from convops._transports.sharded import Sharded
from convops._transports.traffic import Traffic
from convops.errors import ConfigError
from convops.provider import Attempt, Failure, HttpReply


class _Adapter:
    """What all of them have in common."""

    name: ClassVar[str] = "httpx"

    def __init__(self, options: TransportOptions) -> None:
        self._library: Library = library(self.name)
        self._given = options.given
        self._opened_in = os.getpid()

    def _check_process(self) -> None:
        # Of our own connections a child makes new ones; a pool that was given cannot be told apart.
        if self._opened_in != os.getpid():
            raise ConfigError("a transport that was given cannot cross a fork; open the client in the child")

    def _request(self, attempt: Attempt, deadline: float, exchange: Traffic | None) -> Any:
        known = self._library
        # Only of our own connections is it known that nothing stands behind an answer.
        return unsigned_request(
            known.request, attempt, known.origin(attempt.origin), deadline, last=exchange is None
        )


class HttpxTransport(_Adapter, Sharded[BlockingShard]):
    """Exchanges over `httpx.HTTPTransport`, for a `Client`.

    A transport that was given keeps no connection, and httpx's own timeouts bound each of its reads only.
    """

    def __init__(self, options: TransportOptions) -> None:
        _Adapter.__init__(self, options)
        if self._given is not None and not isinstance(self._given, self._library.blocking):
            raise _not_usable("a Client", self._given, f"an {self.name}.HTTPTransport")
        make, route = self._library.shard, router(options)
        Sharded.__init__(self, lambda origin: make(route(origin)))

    def _in_place(self, attempt: Attempt, deadline: float) -> HttpReply | Failure:
        if self._given is None:
            return super()._in_place(attempt, deadline)
        self._check_process()
        return self._asked(self._given, attempt, deadline, None)

    def _exchange(self, shard: BlockingShard, attempt: Attempt, deadline: float) -> HttpReply | Failure:
        return self._asked(shard, attempt, deadline, shard.line.wire.exchange)

    def _asked(
        self, transport: Any, attempt: Attempt, deadline: float, exchange: Traffic | None
    ) -> HttpReply | Failure:
        try:
            return self._ask(transport, attempt, deadline, exchange)
        except BaseException as error:  # noqa: BLE001 - told or raised below
            caught = error
        return told_or_raised(caught, exchange, self._library.words)

    def _ask(self, transport: Any, attempt: Attempt, deadline: float, exchange: Traffic | None) -> HttpReply:
        # A frame of its own: what it holds of an answer, which may echo the URL, is cut off with it.
        response = transport.handle_request(self._request(attempt, deadline, exchange))
        try:
            body = Body(response.status_code, response.headers.raw, deadline)
            for part in response.stream:
                body.add(part)
        finally:
            response.close()
        return body.reply()

    def close(self) -> None:
        """Close every idle connection, and those in use when their exchange ends."""
        if self._given is not None:
            self._given.close()
        super().close()


class AsyncHttpxTransport(_Adapter, AsyncSharded[AsyncShard]):
    """Exchanges over `httpx.AsyncHTTPTransport`, for an `AsyncClient`; otherwise as `HttpxTransport`."""

    def __init__(self, options: TransportOptions) -> None:
        _Adapter.__init__(self, options)
        if self._given is not None and not isinstance(self._given, self._library.asynchronous):
            raise _not_usable("an AsyncClient", self._given, f"an {self.name}.AsyncHTTPTransport")
        make, route = self._library.async_shard, router(options)
        AsyncSharded.__init__(self, lambda origin: make(route(origin)))

    async def _in_place(self, attempt: Attempt, deadline: float) -> HttpReply | Failure:
        if self._given is None:
            return await super()._in_place(attempt, deadline)
        self._check_process()
        return await self._asked(self._given, attempt, deadline, None)

    async def _exchange(self, shard: AsyncShard, attempt: Attempt, deadline: float) -> HttpReply | Failure:
        return await self._asked(shard, attempt, deadline, shard.line.wire.exchange)

    async def _asked(
        self, transport: Any, attempt: Attempt, deadline: float, exchange: Traffic | None
    ) -> HttpReply | Failure:
        try:
            async with asyncio.timeout(deadline - time.monotonic()):
                return await self._ask(transport, attempt, deadline, exchange)
        except BaseException as error:  # noqa: BLE001 - told or raised below
            caught = error
        return told_or_raised(caught, exchange, self._library.words)

    async def _ask(
        self, transport: Any, attempt: Attempt, deadline: float, exchange: Traffic | None
    ) -> HttpReply:
        response = await transport.handle_async_request(self._request(attempt, deadline, exchange))
        try:
            body = Body(response.status_code, response.headers.raw, deadline)
            async for part in response.stream:
                body.add(part)
        finally:
            await response.aclose()
        return body.reply()

    async def aclose(self) -> None:
        """Close every idle connection, and those in use when their exchange ends."""
        if self._given is not None:
            await self._given.aclose()
        await super().aclose()


class Httpx2Transport(HttpxTransport):
    """The same over `httpx2.HTTPTransport`."""

    name = "httpx2"


class AsyncHttpx2Transport(AsyncHttpxTransport):
    """The same over `httpx2.AsyncHTTPTransport`."""

    name = "httpx2"


def _not_usable(client: str, given: object, wanted: str) -> ConfigError:
    return ConfigError(
        f"{client} cannot use a transport of type {type(given).__name__}: "
        f"give the name of an adapter, an adapter of its own kind, or {wanted}"
    )
