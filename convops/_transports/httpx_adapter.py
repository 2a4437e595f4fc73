"""The httpx adapter: its transports called directly, one connection each, signed on the wire only.

No `httpx.Client`, so no cookie jar, redirects, environment or log line of URLs. One large pool scans
all its connections on every request; a free list of single-connection pools ("shards") does not.
"""

from __future__ import annotations

import asyncio
import functools
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Generic, TypeVar
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

import certifi
import httpcore
import httpx

from convops._locks import Lock
from convops._transports import TransportOptions
from convops._transports.sockets import (
    AsyncWire,
    Exchange,
    HandshakeError,
    NotResolvedError,
    TooMuchError,
    Wire,
)
from convops.errors import ConfigError
from convops.provider import Attempt, Failure, FailureKind, HttpReply, SigningError
from convops.secret import Secret

CONNECTIONS = 64
"""Exchanges one adapter has under way at most; more wait their turn."""

IDLE_SECONDS = 30.0
"""How long an unused connection is kept."""

BODY_MAX = 512 * 1024
"""The largest body that is read, in bytes."""

Shard = TypeVar("Shard")
Pool = TypeVar("Pool")
T = TypeVar("T")


# --- Signing at the last public point: httpx reads `url.raw_path`, then `headers.raw` ------------


class _SignedURL(httpx.URL):
    """Shows the unsigned URL, and spells the signed target when the request is written."""

    def __init__(self, attempt: Attempt) -> None:
        super().__init__(attempt.origin + attempt.target)
        self._attempt = attempt
        self.credential_headers: Mapping[str, str] = {}

    @property
    def raw_path(self) -> bytes:
        target, self.credential_headers = self._attempt.sign()
        return target.encode("ascii")


class _SignedHeaders(httpx.Headers):
    """Shows the unsigned headers, and spells the credentials when the request is written."""

    def __init__(self, headers: httpx.Headers, url: _SignedURL) -> None:
        super().__init__(headers)
        self._url = url

    @property
    def raw(self) -> list[tuple[bytes, bytes]]:
        signed, self._url.credential_headers = self._url.credential_headers, {}
        return [*super().raw, *((name.encode(), value.encode()) for name, value in signed.items())]


def _request(attempt: Attempt, deadline: float) -> httpx.Request:
    seconds = max(0.001, deadline - time.monotonic())
    headers = {"accept": "application/json", "accept-encoding": "identity", "user-agent": "convops"}
    if attempt.content:
        headers["content-type"] = "application/json"
    request = httpx.Request(
        attempt.call.method,
        attempt.origin,
        headers=headers,
        content=attempt.content or None,
        extensions={"timeout": {"connect": seconds, "read": seconds, "write": seconds, "pool": seconds}},
    )
    url = _SignedURL(attempt)
    request.url = url
    request.headers = _SignedHeaders(request.headers, url)
    return request


# --- Failures as values --------------------------------------------------------------------------

_NEVER_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
)
_BEFORE_SENDING: Mapping[FailureKind, tuple[type[Exception], ...]] = {
    FailureKind.DNS: (NotResolvedError, socket.gaierror, UnicodeError),
    FailureKind.TLS: (HandshakeError, ssl.SSLCertVerificationError),
}
_EXPECTED = (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, OSError, UnicodeError)


def _failure(error: Exception, exchange: Exchange | None) -> Failure:
    # Our own wire knows whether anything left; of a transport that was given, the class must tell.
    sent = not isinstance(error, _NEVER_SENT) and (exchange is None or exchange.sent)
    if isinstance(error, httpx.TimeoutException | TimeoutError):
        return Failure(FailureKind.TIMEOUT, sent)
    causes = tuple(_chain(error))
    if any(isinstance(cause, TooMuchError) for cause in causes):
        return Failure(FailureKind.TOO_LARGE, sent=True)
    for kind, classes in _BEFORE_SENDING.items():
        if any(isinstance(cause, classes) for cause in causes):
            return Failure(kind, sent=False)
    if not sent:
        return Failure(FailureKind.CONNECT, sent=False)
    # httpcore has one exception for a peer that hung up and for a peer that talks nonsense.
    hung_up = any(words in str(error) for words in ("disconnected", "closed connection"))
    nonsense = isinstance(error, httpx.RemoteProtocolError) and not hung_up
    return Failure(FailureKind.PROTOCOL if nonsense else FailureKind.BROKEN, sent=True)


def _chain(error: BaseException | None) -> Iterable[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _cut(error: BaseException) -> BaseException:
    # Frames of the library hold the signed URL, and so do the exceptions this one came from.
    error.__traceback__ = error.__cause__ = error.__context__ = None
    return error


class _RefusedError(Exception):
    """A reply that is not read to its end."""

    def __init__(self, kind: FailureKind) -> None:
        super().__init__(kind.value)
        self.kind = kind


class _Body:
    """Gathers a body as far as it may go."""

    def __init__(self, response: httpx.Response, deadline: float) -> None:
        if response.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
            raise _RefusedError(FailureKind.ENCODED)
        self._response = response
        self._deadline = deadline
        self._parts: list[bytes] = []
        self._size = 0

    def add(self, part: bytes) -> None:
        self._size += len(part)
        if self._size > BODY_MAX:
            raise _RefusedError(FailureKind.TOO_LARGE)
        if time.monotonic() >= self._deadline:
            raise _RefusedError(FailureKind.TIMEOUT)
        self._parts.append(part)

    def reply(self) -> HttpReply:
        return HttpReply(self._response.status_code, dict(self._response.headers), b"".join(self._parts))


# --- Connections -----------------------------------------------------------------------------------


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


class _Shard(httpx.HTTPTransport):
    """One connection, over a wire that keeps the deadline.

    HTTPTransport takes no network backend, so its pool is made here; all else is inherited, which is
    what recorders and tracers hook into.
    """

    def __init__(self, pool: Callable[..., httpcore.ConnectionPool]) -> None:
        self.wire = Wire()
        self._pool = pool(network_backend=self.wire)


class _AsyncShard(httpx.AsyncHTTPTransport):
    """The same for asyncio."""

    def __init__(self, pool: Callable[..., httpcore.AsyncConnectionPool]) -> None:
        self.wire = AsyncWire()
        self._pool = pool(network_backend=self.wire)


def _pool(
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
        with self._lock:
            idle = self._idle.get(origin)
            return idle.pop()[0] if idle else self._make()

    def give_back(self, origin: str, shard: Shard) -> list[Shard]:
        """Keep a shard whose exchange ended cleanly; return those that are to be closed."""
        now = time.monotonic()
        with self._lock:
            if self._closed:
                return [shard]
            idle = self._idle.setdefault(origin, [])
            idle.append((shard, now))
            stale = [old for old, since in idle if now - since > IDLE_SECONDS]
            del idle[: len(stale)]
            return stale

    def close(self) -> list[Shard]:
        """Keep nothing any more; return what is to be closed."""
        with self._lock:
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


class HttpxTransport:
    """Exchanges over `httpx.HTTPTransport`, for a `Client`.

    With a transport that was given there is one pool, and httpx's own timeouts bound each read only.
    """

    def __init__(self, options: TransportOptions) -> None:
        if not isinstance(options.given, httpx.HTTPTransport | None):
            raise _not_usable("a Client", options.given, "an httpx.HTTPTransport")
        self._given = options.given
        pool = _pool(httpcore.ConnectionPool, httpcore.HTTPProxy, options)
        self._shards = PerProcess(lambda: Shards(lambda: _Shard(pool)))
        self._places = PerProcess(lambda: threading.BoundedSemaphore(CONNECTIONS))

    def exchange(self, attempt: Attempt, deadline: float) -> HttpReply | Failure:
        """Send one attempt; as `convops.provider.Transport.exchange`."""
        places = self._places.get()
        if not places.acquire(timeout=max(0.0, deadline - time.monotonic())):
            return Failure(FailureKind.TIMEOUT, sent=False)
        try:
            if self._given is not None:
                return _exchange(self._given, attempt, deadline, None)
            return self._on_shard(self._shards.get(), attempt, deadline)
        finally:
            places.release()

    def _on_shard(self, shards: Shards[_Shard], attempt: Attempt, deadline: float) -> HttpReply | Failure:
        shard = shards.take(attempt.origin)
        shard.wire.exchange.begin(deadline)
        unused = [shard]
        try:
            result = _exchange(shard, attempt, deadline, shard.wire.exchange)
            if _ended_cleanly(shard.wire.exchange, result):
                unused = shards.give_back(attempt.origin, shard)
            return result
        finally:
            for old in unused:
                old.close()

    def close(self) -> None:
        """Close every idle connection, and those in use when their exchange ends."""
        for shard in [self._given] if self._given is not None else self._shards.get().close():
            shard.close()


def _exchange(
    transport: httpx.HTTPTransport, attempt: Attempt, deadline: float, exchange: Exchange | None
) -> HttpReply | Failure:
    try:
        return _ask(transport, attempt, deadline)
    except SigningError:
        return Failure(FailureKind.UNSIGNED, sent=False)
    except _RefusedError as error:
        return Failure(error.kind, sent=True)
    except _EXPECTED as error:
        return _failure(error, exchange)
    except BaseException as error:  # noqa: BLE001 - raised again below, without the library's frames
        caught = _cut(error)
    raise caught


def _ask(transport: httpx.HTTPTransport, attempt: Attempt, deadline: float) -> HttpReply:
    # A frame of its own: what it holds of an answer, which may echo the URL, is cut off with it.
    response = transport.handle_request(_request(attempt, deadline))
    try:
        body = _Body(response, deadline)
        for part in response.iter_raw():
            body.add(part)
    finally:
        response.close()
    return body.reply()


class AsyncHttpxTransport:
    """Exchanges over `httpx.AsyncHTTPTransport`, for an `AsyncClient`; otherwise as `HttpxTransport`."""

    def __init__(self, options: TransportOptions) -> None:
        if not isinstance(options.given, httpx.AsyncHTTPTransport | None):
            raise _not_usable("an AsyncClient", options.given, "an httpx.AsyncHTTPTransport")
        self._given = options.given
        pool = _pool(httpcore.AsyncConnectionPool, httpcore.AsyncHTTPProxy, options)
        self._shards = PerProcess(lambda: Shards(lambda: _AsyncShard(pool)))
        self._places: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()

    async def exchange(self, attempt: Attempt, deadline: float) -> HttpReply | Failure:
        """Send one attempt; as `convops.provider.AsyncTransport.exchange`."""
        # Places are counted for each event loop, since asyncio's locks belong to one.
        places = self._places.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(CONNECTIONS))
        try:
            async with asyncio.timeout_at(deadline):
                await places.acquire()
        except TimeoutError:
            return Failure(FailureKind.TIMEOUT, sent=False)
        try:
            if self._given is not None:
                return await _exchange_async(self._given, attempt, deadline, None)
            return await self._on_shard(self._shards.get(), attempt, deadline)
        finally:
            places.release()

    async def _on_shard(
        self, shards: Shards[_AsyncShard], attempt: Attempt, deadline: float
    ) -> HttpReply | Failure:
        shard = shards.take(attempt.origin)
        shard.wire.exchange.begin(deadline)
        unused = [shard]
        try:
            result = await _exchange_async(shard, attempt, deadline, shard.wire.exchange)
            if _ended_cleanly(shard.wire.exchange, result):
                unused = shards.give_back(attempt.origin, shard)
            return result
        finally:
            for old in unused:
                await old.aclose()

    async def aclose(self) -> None:
        """Close every idle connection, and those in use when their exchange ends."""
        for shard in [self._given] if self._given is not None else self._shards.get().close():
            await shard.aclose()


async def _exchange_async(
    transport: httpx.AsyncHTTPTransport, attempt: Attempt, deadline: float, exchange: Exchange | None
) -> HttpReply | Failure:
    try:
        async with asyncio.timeout_at(deadline):
            return await _ask_async(transport, attempt, deadline)
    except SigningError:
        return Failure(FailureKind.UNSIGNED, sent=False)
    except _RefusedError as error:
        return Failure(error.kind, sent=True)
    except _EXPECTED as error:
        return _failure(error, exchange)
    except BaseException as error:  # noqa: BLE001 - raised again below, without the library's frames
        caught = _cut(error)
    raise caught


async def _ask_async(transport: httpx.AsyncHTTPTransport, attempt: Attempt, deadline: float) -> HttpReply:
    response = await transport.handle_async_request(_request(attempt, deadline))
    try:
        body = _Body(response, deadline)
        async for part in response.aiter_raw():
            body.add(part)
    finally:
        await response.aclose()
    return body.reply()


def _ended_cleanly(exchange: Exchange, result: HttpReply | Failure) -> bool:
    if isinstance(result, Failure):
        return False
    chunked = result.headers.get("transfer-encoding", "").lower() == "chunked"
    return exchange.ends_with_answer(result.headers.get("content-length"), chunked=chunked)


def _not_usable(client: str, given: object, wanted: str) -> ConfigError:
    return ConfigError(
        f"{client} cannot use a transport of type {type(given).__name__}: "
        f"give the name of an adapter, an adapter of its own kind, or {wanted}"
    )
