"""Single-connection pools of httpx, "shards", made over our own sockets."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpcore
import httpx

from convops._transports import TransportOptions
from convops._transports.failures import has_hung_up
from convops._transports.idle import IDLE_SECONDS
from convops._transports.sockets import AsyncWire, Wire
from convops._transports.tls import tls_context
from convops.errors import ConfigError
from convops.secret import Secret

Pool = TypeVar("Pool")


def _proxy(secret: Secret | None) -> httpx.Proxy | None:
    if secret is None:
        return None
    try:
        proxy = httpx.Proxy(secret.reveal()) if urlsplit(secret.reveal()).hostname else None
    except (ValueError, httpx.InvalidURL):
        # Raised below, outside of this handler: the exception holds the URL, and with it a password.
        proxy = None
    if proxy is None or proxy.url.scheme != "http":
        raise ConfigError("proxy must be an http URL; https is tunnelled through it")
    return proxy


class BlockingShard(httpx.HTTPTransport):
    """One connection, over a wire that keeps the deadline.

    HTTPTransport takes no network backend, so its pool is made here; all else is inherited, which is
    what recorders and tracers hook into.
    """

    def __init__(self, pool: Callable[..., httpcore.ConnectionPool]) -> None:
        self.wire = Wire()
        self._pool: Any = _Quiet(pool(network_backend=self.wire))


class AsyncShard(httpx.AsyncHTTPTransport):
    """The same for asyncio."""

    def __init__(self, pool: Callable[..., httpcore.AsyncConnectionPool]) -> None:
        self.wire = AsyncWire()
        self._pool: Any = _AsyncQuiet(pool(network_backend=self.wire))


class _Quiet:
    """A pool whose errors do not quote the peer, who may quote the signature: tracers write errors down."""

    def __init__(self, pool: httpcore.ConnectionPool) -> None:
        self._pool = pool

    def handle_request(self, request: httpcore.Request) -> httpcore.Response:
        try:
            return self._pool.handle_request(request)
        except httpcore.RemoteProtocolError as error:
            told = _unquoted(error)
        raise told


class _AsyncQuiet:
    """The same for asyncio."""

    def __init__(self, pool: httpcore.AsyncConnectionPool) -> None:
        self._pool = pool

    async def handle_async_request(self, request: httpcore.Request) -> httpcore.Response:
        try:
            return await self._pool.handle_async_request(request)
        except httpcore.RemoteProtocolError as error:
            told = _unquoted(error)
        raise told


def _unquoted(error: httpcore.RemoteProtocolError) -> httpcore.RemoteProtocolError:
    told = "the peer disconnected" if has_hung_up(error) else "the peer does not speak HTTP"
    return httpcore.RemoteProtocolError(told)


def pool_maker(
    direct: Callable[..., Pool], proxied: Callable[..., Pool], options: TransportOptions
) -> Callable[..., Pool]:
    """Return what makes the pool of one shard."""
    common = {
        "ssl_context": tls_context(options.verify),
        "max_connections": 1,
        "max_keepalive_connections": 1,
        "keepalive_expiry": IDLE_SECONDS,
    }
    proxy = _proxy(options.proxy)
    if proxy is None:
        return functools.partial(direct, **common)
    return functools.partial(proxied, str(proxy.url), proxy_auth=proxy.raw_auth, **common)
