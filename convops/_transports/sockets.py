"""Sockets that keep one deadline over everything: name resolution, connecting, TLS, writing, reading.

httpcore's own streams take a timeout for each read, so an answer that drips outlives any deadline, and
a hanging resolver is not bounded at all. These are given to httpcore as its network backends.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import os
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, TypeVar, cast

import httpcore
from attrs import define, field

BUFFER_MAX = 256 * 1024

T = TypeVar("T")

Address = tuple[int, tuple[Any, ...]]
"""An address family, and what `socket.connect` takes."""


class NotResolvedError(httpcore.ConnectError):
    """The host name has no address."""


class HandshakeError(httpcore.ConnectError):
    """TLS could not be agreed on."""


# --- Names ------------------------------------------------------------------------------------------


@define(eq=False)
class Lookup:
    """A name being resolved.

    Attributes:
        done: set when the resolver came back.
        addresses: what it found.
        error: why it found nothing.
    """

    done: threading.Event = field(factory=threading.Event)
    addresses: list[Address] = field(factory=list)
    error: OSError | UnicodeError | None = None
    waiters: list[Callable[[], object]] = field(factory=list)

    def result(self) -> list[Address]:
        """Return the addresses.

        Raises:
            NotResolvedError: it found nothing.
        """
        if self.error is not None:
            raise NotResolvedError(str(self.error))
        return self.addresses


class Resolver:
    """Resolves names in threads of their own, for nothing can interrupt a resolver.

    However many ask for a name at once, one thread resolves it. The threads are daemons: one that
    hangs keeps no process and no event loop from ending.
    """

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Drop all that is under way; after a fork its threads stayed behind in the parent."""
        self._lock = threading.Lock()
        self._running: dict[tuple[str, int], Lookup] = {}

    def start(self, host: str, port: int, wake: Callable[[], object] | None = None) -> Lookup:
        """Return the lookup of a name, which calls `wake` when it is done."""
        with self._lock:
            lookup = self._running.get((host, port))
            if lookup is None:
                lookup = self._running[host, port] = Lookup()
                threading.Thread(target=self._run, args=(lookup, host, port), daemon=True).start()
            if wake is not None:
                lookup.waiters.append(wake)
            return lookup

    def _run(self, lookup: Lookup, host: str, port: int) -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            lookup.addresses = [(family, address) for family, _, _, _, address in found]
        except (OSError, UnicodeError) as error:
            lookup.error = error
        with self._lock:
            self._running.pop((host, port), None)
        lookup.done.set()
        for wake in lookup.waiters:
            wake()


_RESOLVER = Resolver()
os.register_at_fork(after_in_child=_RESOLVER.forget)


def _literal(host: str, port: int) -> list[Address]:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return []
    return [(socket.AF_INET if isinstance(address, ipaddress.IPv4Address) else socket.AF_INET6, (host, port))]


# --- One exchange -----------------------------------------------------------------------------------


class Exchange:
    """The exchange under way on one connection.

    Attributes:
        deadline: when it must be over, on the monotonic clock.
        sent: whether a byte of the request may have left.
        received: every byte read since it began.
    """

    def __init__(self) -> None:
        self.deadline = 0.0
        self.sent = False
        self.received = bytearray()

    def begin(self, deadline: float) -> None:
        """Start an exchange; what the one before read is forgotten."""
        self.deadline = deadline
        self.sent = False
        self.received.clear()

    def left(self, least: float = 0.0) -> float:
        """Return the seconds until the deadline, or `least`."""
        return max(least, self.deadline - time.monotonic())

    def ends_with_answer(self, length: str | None, *, chunked: bool) -> bool:
        """Whether nothing was received behind the answer, which the next one would start with.

        Args:
            length: the answer's Content-Length.
            chunked: whether it came in chunks.
        """
        start = self.received.find(b"\r\n\r\n") + 4
        if chunked:
            return _end_of_chunks(self.received, start) == len(self.received)
        return length is not None and length.isdigit() and start + int(length) == len(self.received)


def _end_of_chunks(received: bytearray, start: int) -> int:
    while True:
        line = received.find(b"\r\n", start)
        if line < 0:
            return -1
        size = int(received[start:line].partition(b";")[0], 16)
        start = line + 2 + size + 2
        if size == 0:
            # The last chunk has no content; trailers, which no vendor sends, are not followed.
            return start


# --- Blocking ---------------------------------------------------------------------------------------


class Wire(httpcore.NetworkBackend):
    """What a blocking shard connects with."""

    def __init__(self) -> None:
        self.exchange = Exchange()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Return a connection to the first address that answers."""
        addresses = _literal(host, port) or self._resolve(host, port)
        error: OSError = OSError("the name has no address")
        for place, (family, address) in enumerate(addresses):
            # One address that swallows packets must leave time for the rest.
            seconds = self.exchange.left() / (len(addresses) - place)
            if seconds <= 0:
                raise httpcore.ConnectTimeout("the time was over")
            connection = socket.socket(family, socket.SOCK_STREAM)
            try:
                connection.settimeout(seconds)
                connection.connect(address)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            except BaseException as failed:
                connection.close()
                if not isinstance(failed, OSError):
                    raise
                error = failed
            else:
                return _Stream(connection, self.exchange)
        kind = httpcore.ConnectTimeout if isinstance(error, TimeoutError) else httpcore.ConnectError
        raise kind(str(error)) from error

    def _resolve(self, host: str, port: int) -> list[Address]:
        lookup = _RESOLVER.start(host, port)
        if not lookup.done.wait(self.exchange.left()):
            raise httpcore.ConnectTimeout("the name was not resolved in time")
        return lookup.result()


class _Stream(httpcore.NetworkStream):
    def __init__(self, connection: socket.socket, exchange: Exchange) -> None:
        self._socket = connection
        self._exchange = exchange

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        part = self._within(lambda: self._socket.recv(max_bytes), httpcore.ReadTimeout, httpcore.ReadError)
        self._exchange.received += part
        return part

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if buffer:
            self._exchange.sent = True
            self._within(lambda: self._socket.sendall(buffer), httpcore.WriteTimeout, httpcore.WriteError)

    def _within(self, operate: Callable[[], T], late: type[Exception], broken: type[Exception]) -> T:
        try:
            # Zero would mean a socket that does not block.
            self._socket.settimeout(self._exchange.left(least=1e-3))
            return operate()
        except TimeoutError:
            raise late("the time was over") from None
        except OSError as error:
            raise broken(str(error)) from error

    def close(self) -> None:
        self._socket.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        try:
            self._socket.settimeout(self._exchange.left(least=1e-3))
            self._socket = ssl_context.wrap_socket(self._socket, server_hostname=server_hostname)
        except BaseException as error:
            self.close()
            if isinstance(error, TimeoutError):
                raise httpcore.ConnectTimeout("the time was over") from None
            if isinstance(error, OSError):
                raise HandshakeError(str(error)) from error
            raise
        return self

    def get_extra_info(self, info: str) -> Any:
        if info == "ssl_object":
            return self._socket if isinstance(self._socket, ssl.SSLSocket) else None
        if info == "is_readable":
            # Between exchanges nothing should arrive: an end, or bytes nobody asked for.
            return bool(select.select([self._socket], [], [], 0)[0])
        return None


# --- asyncio ----------------------------------------------------------------------------------------


class AsyncWire(httpcore.AsyncNetworkBackend):
    """What an asynchronous shard connects with; the deadline cancels it from above."""

    def __init__(self) -> None:
        self.exchange = Exchange()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Return a connection to the first address that answers."""
        addresses = _literal(host, port) or await self._resolve(host, port)
        error: OSError = OSError("the name has no address")
        for place, (family, address) in enumerate(addresses):
            try:
                async with asyncio.timeout(self.exchange.left() / (len(addresses) - place)):
                    return await self._connect(family, address)
            except OSError as failed:
                error = failed
        kind = httpcore.ConnectTimeout if isinstance(error, TimeoutError) else httpcore.ConnectError
        raise kind(str(error)) from error

    async def _connect(self, family: int, address: tuple[Any, ...]) -> httpcore.AsyncNetworkStream:
        loop = asyncio.get_running_loop()
        connection = socket.socket(family, socket.SOCK_STREAM)
        try:
            connection.settimeout(0)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await loop.sock_connect(connection, address)
            stream = _AsyncStream(self.exchange)
            await loop.create_connection(lambda: stream.protocol, sock=connection)
        except BaseException:
            connection.close()
            raise
        return stream

    async def _resolve(self, host: str, port: int) -> list[Address]:
        loop = asyncio.get_running_loop()
        resolved = asyncio.Event()

        def wake() -> None:
            # Whoever waited may be gone, and the loop with it.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(resolved.set)

        lookup = _RESOLVER.start(host, port, wake)
        await resolved.wait()
        return lookup.result()


class _Protocol(asyncio.Protocol):
    """Bytes as they come, and one waiter each way."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.buffer = bytearray()
        self.ended = False
        self.error: Exception | None = None
        self._arrived: asyncio.Future[None] | None = None
        self._drained: asyncio.Future[None] | None = None
        self._full = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if len(self.buffer) > BUFFER_MAX and self.transport is not None:
            self.transport.pause_reading()
        self._wake()

    def eof_received(self) -> bool:
        self.ended = True
        self._wake()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended = True
        self.error = exc
        self._wake()
        self.resume_writing()

    def pause_writing(self) -> None:
        self._full = True

    def resume_writing(self) -> None:
        self._full = False
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)

    def _wake(self) -> None:
        if self._arrived is not None and not self._arrived.done():
            self._arrived.set_result(None)

    async def take(self, max_bytes: int) -> bytes:
        while not self.buffer and not self.ended:
            self._arrived = asyncio.get_running_loop().create_future()
            await self._arrived
        if not self.buffer and self.error is not None:
            raise self.error
        part = bytes(self.buffer[:max_bytes])
        del self.buffer[:max_bytes]
        if self.transport is not None and not self.transport.is_closing():
            self.transport.resume_reading()
        return part

    async def drain(self) -> None:
        if self.ended and self.error is not None:
            raise self.error
        if self._full:
            self._drained = asyncio.get_running_loop().create_future()
            await self._drained


class _AsyncStream(httpcore.AsyncNetworkStream):
    def __init__(self, exchange: Exchange) -> None:
        self.protocol = _Protocol()
        self._exchange = exchange

    @property
    def _transport(self) -> asyncio.Transport:
        if self.protocol.transport is None:
            raise httpcore.ReadError("the connection is not open")
        return self.protocol.transport

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        try:
            part = await self.protocol.take(max_bytes)
        except OSError as error:
            raise httpcore.ReadError(str(error)) from error
        self._exchange.received += part
        return part

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if not buffer:
            return
        self._exchange.sent = True
        try:
            self._transport.write(buffer)
            await self.protocol.drain()
        except OSError as error:
            raise httpcore.WriteError(str(error)) from error

    async def aclose(self) -> None:
        # Not `close`: it would wait for a peer that may have stopped reading.
        if self.protocol.transport is not None:
            self.protocol.transport.abort()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        loop = asyncio.get_running_loop()
        raw = self._transport
        if self.protocol.ended or self.protocol.buffer:
            # asyncio would wait for ever for a handshake with a peer that hung up before it began.
            raw.abort()
            raise HandshakeError("the peer hung up, or spoke before the handshake")
        try:
            secured = await loop.start_tls(
                raw, self.protocol, ssl_context, server_hostname=server_hostname, ssl_handshake_timeout=3600
            )
        except BaseException as error:
            raw.abort()
            if isinstance(error, OSError):
                raise HandshakeError(str(error)) from error
            raise
        if secured is None:
            raise HandshakeError("the peer hung up")
        self.protocol.transport = secured
        return self

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable":
            return bool(self.protocol.buffer) or self.protocol.ended
        if self.protocol.transport is None:
            return None
        return self.protocol.transport.get_extra_info(info)
