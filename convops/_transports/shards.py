"""Single-connection pools, "shards": made over our own sockets, kept while idle, one set per process."""

from __future__ import annotations

import functools
import os
import ssl
import time
from collections.abc import Callable
from typing import Any, Generic, TypeVar
from urllib.parse import urlsplit

import certifi
import httpcore
import httpx

from convops._locks import Lock
from convops._transports import TransportOptions
from convops._transports.failures import has_hung_up
from convops._transports.sockets import AsyncWire, Wire
from convops.errors import ConfigError
from convops.secret import Secret

IDLE_SECONDS = 30.0
"""How long an unused connection is kept."""

Shard = TypeVar("Shard")
Pool = TypeVar("Pool")
T = TypeVar("T")


@functools.cache
def _certifi_context() -> ssl.SSLContext:
    return _context(certifi.where())


def _context(path: str) -> ssl.SSLContext:
    # Not `create_default_context`: it reads SSLKEYLOGFILE and, without a file, SSL_CERT_FILE.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_verify_locations(cafile=path)
    except OSError as error:
        raise ConfigError(f"verify: no CA bundle can be read there ({type(error).__name__})") from None
    return context


def _tls(verify: str | ssl.SSLContext | None) -> ssl.SSLContext:
    if verify is None:
        return _certifi_context()
    return _context(verify) if isinstance(verify, str) else verify


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
        "ssl_context": _tls(options.verify),
        "max_connections": 1,
        "max_keepalive_connections": 1,
        "keepalive_expiry": IDLE_SECONDS,
    }
    proxy = _proxy(options.proxy)
    if proxy is None:
        return functools.partial(direct, **common)
    return functools.partial(proxied, str(proxy.url), proxy_auth=proxy.raw_auth, **common)


class Shards(Generic[Shard]):
    """Idle shards by origin, the last one used first; safe to share by threads and event loops."""

    def __init__(self, make: Callable[[], Shard]) -> None:
        self._make = make
        self._lock = Lock()
        self._idle: dict[str, list[tuple[Shard, float]]] = {}
        self._closed = False

    def take(self, origin: str) -> Shard:
        """Return a shard whose connection, if it has one, leads to `origin`."""
        with self._lock.held:
            idle = self._idle.get(origin)
            return idle.pop()[0] if idle else self._make()

    def give_back(self, origin: str, shard: Shard) -> list[Shard]:
        """Keep a shard whose exchange ended cleanly; return those that are to be closed."""
        now = time.monotonic()
        with self._lock.held:
            if self._closed:
                return [shard]
            idle = self._idle.setdefault(origin, [])
            idle.append((shard, now))
            stale = [old for old, since in idle if now - since > IDLE_SECONDS]
            del idle[: len(stale)]
            return stale

    def close(self) -> list[Shard]:
        """Keep nothing any more; return what is to be closed."""
        with self._lock.held:
            self._closed = True
            shards = [shard for idle in self._idle.values() for shard, _ in idle]
            self._idle.clear()
            return shards


class PerProcess(Generic[T]):
    """A value that a forked child makes anew.

    The parent's is kept and left alone: its sockets carry the parent's exchanges, its locks may be held.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._value = make()
        self._owner = os.getpid()
        self._abandoned: list[T] = []

    def get(self) -> T:
        """Return this process's value."""
        if self._owner != os.getpid():
            self._abandoned.append(self._value)
            self._value = self._make()
            self._owner = os.getpid()
        return self._value
