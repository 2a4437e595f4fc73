"""Sockets that keep one deadline over everything: name resolution, connecting, TLS, writing, reading.

httpcore's own streams take a timeout for each read, so an answer that drips outlives any deadline, and
a hanging resolver is not bounded at all. These are given to httpcore as its network backends.
"""

from __future__ import annotations

import asyncio
import functools
import select
import selectors
import socket
import ssl
import time
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import httpcore

from convops._transports.resolver import RESOLVER, Address, literal_address, resolved

RECEIVE = 64 * 1024
"""How much is taken from a socket at once, in bytes."""

RECEIVED_MAX = 1024 * 1024
"""How much one exchange may receive, headers and framing included."""

T = TypeVar("T")


class TooMuchError(httpcore.ReadError):
    """More arrived than any answer may hold."""


class HandshakeError(httpcore.ConnectError):
    """TLS could not be agreed on."""


# --- One exchange -----------------------------------------------------------------------------------


class Traffic:
    """What goes over one connection during the exchange under way.

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

    def note(self, part: bytes) -> None:
        """Note what was read.

        Raises:
            TooMuchError: the answer does not end.
        """
        self.received += part
        if len(self.received) > RECEIVED_MAX:
            raise TooMuchError("the answer does not end")

    def secured(self) -> None:
        """Note that TLS was agreed on: whatever was said before was between a proxy and us."""
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
        start = _end_of_head(self.received)
        if chunked:
            return _end_of_chunks(self.received, start) == len(self.received)
        return length is not None and length.isdigit() and start + int(length) == len(self.received)


def _end_of_head(received: bytearray) -> int:
    start = 0
    while True:
        end = received.find(b"\r\n\r\n", start) + 4
        # An interim answer (1xx) has a head of its own before the answer's.
        if not received.startswith((b"HTTP/1.1 1", b"HTTP/1.0 1"), start):
            return end
        start = end


def _end_of_chunks(received: bytearray, start: int) -> int:
    while True:
        line = received.find(b"\r\n", start)
        try:
            size = int(received[start:line].partition(b";")[0], 16)
        except ValueError:
            return -1
        start = line + 2 + size + 2
        if size == 0:
            # The last chunk is empty. Trailers, which no vendor sends, count as bytes behind it.
            return start


# --- Blocking ---------------------------------------------------------------------------------------


class Wire(httpcore.NetworkBackend):
    """What a blocking shard connects with."""

    def __init__(self) -> None:
        self.exchange = Traffic()
        self._stream: _Stream | None = None

    def drop(self) -> None:
        """Close the connection, whatever the library above makes of it and in whatever state it is."""
        if self._stream is not None:
            self._stream.close()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Return a connection to the first address that answers."""
        addresses = literal_address(host, port) or self._resolve(host, port)
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
                self._stream = _Stream(connection, self.exchange)
                return self._stream
        kind = httpcore.ConnectTimeout if isinstance(error, TimeoutError) else httpcore.ConnectError
        raise kind(str(error)) from error

    def _resolve(self, host: str, port: int) -> list[Address]:
        lookup = RESOLVER.start(host, port)
        if not lookup.done.wait(self.exchange.left()):
            raise httpcore.ConnectTimeout("the name was not resolved in time")
        return lookup.result()


class _Stream(httpcore.NetworkStream):
    def __init__(self, connection: socket.socket, exchange: Traffic) -> None:
        self._socket = connection
        self._exchange = exchange

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        part = self._within(lambda: self._socket.recv(max_bytes), httpcore.ReadTimeout, httpcore.ReadError)
        self._exchange.note(part)
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
            self._exchange.secured()
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
            tls = self._socket if isinstance(self._socket, ssl.SSLSocket) else None
            return is_readable(self._socket) or (tls is not None and tls.pending() > 0)
        return None


def is_readable(connection: Any) -> bool:
    """Whether something came, or ended, on a socket on which nobody waits for anything."""
    # Between exchanges nothing should arrive: it would be an end, or bytes nobody asked for. Not
    # `select.select`, which knows no descriptor from 1024 on.
    if connection.fileno() < 0:
        return True
    if hasattr(select, "poll"):
        poll = select.poll()
        poll.register(connection, select.POLLIN)
        return bool(poll.poll(0))
    with selectors.DefaultSelector() as selector:  # where there is no poll, such as on Windows
        selector.register(connection, selectors.EVENT_READ)
        return bool(selector.select(0))


# --- asyncio ----------------------------------------------------------------------------------------


class AsyncWire(httpcore.AsyncNetworkBackend):
    """What an asynchronous shard connects with; the deadline cancels it from above.

    Sockets are used directly, without asyncio's transports: an idle one belongs to no event loop, and
    closing one never waits for anything.
    """

    def __init__(self) -> None:
        self.exchange = Traffic()
        self._stream: _AsyncStream | None = None

    def drop(self) -> None:
        """Close the connection, as `Wire.drop`."""
        if self._stream is not None:
            self._stream.close()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Return a connection to the first address that answers."""
        addresses = literal_address(host, port) or await resolved(host, port)
        error: OSError = OSError("the name has no address")
        for place, (family, address) in enumerate(addresses):
            connection = socket.socket(family, socket.SOCK_STREAM)
            try:
                connection.settimeout(0)
                async with asyncio.timeout(self.exchange.left() / (len(addresses) - place)):
                    await asyncio.get_running_loop().sock_connect(connection, address)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            except BaseException as failed:
                connection.close()
                if not isinstance(failed, OSError):
                    raise
                error = failed
            else:
                self._stream = _AsyncStream(connection, self.exchange)
                return self._stream
        kind = httpcore.ConnectTimeout if isinstance(error, TimeoutError) else httpcore.ConnectError
        raise kind(str(error)) from error


class _AsyncStream(httpcore.AsyncNetworkStream):
    def __init__(self, connection: socket.socket, exchange: Traffic) -> None:
        self._socket = connection
        self._exchange = exchange
        self._tls: _Tls | None = None

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        try:
            if self._tls is None:
                part = await asyncio.get_running_loop().sock_recv(self._socket, max_bytes)
            else:
                part = await self._tls.read(max_bytes)
        except OSError as error:
            raise httpcore.ReadError(str(error)) from error
        self._exchange.note(part)
        return part

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if not buffer:
            return
        self._exchange.sent = True
        try:
            if self._tls is None:
                await asyncio.get_running_loop().sock_sendall(self._socket, buffer)
            else:
                await self._tls.write(buffer)
        except OSError as error:
            raise httpcore.WriteError(str(error)) from error

    def close(self) -> None:
        self._socket.close()

    async def aclose(self) -> None:
        self.close()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        try:
            self._tls = _Tls(self._socket, ssl_context, server_hostname)
            await self._tls.handshake()
        except BaseException as error:
            self._socket.close()
            if isinstance(error, OSError):
                raise HandshakeError(str(error)) from error
            raise
        self._exchange.secured()
        return self

    def get_extra_info(self, info: str) -> Any:
        if info == "ssl_object":
            return None if self._tls is None else self._tls.object
        if info == "is_readable":
            return is_readable(self._socket) or (self._tls is not None and self._tls.has_more())
        return None


class _Tls:
    """TLS between what httpcore reads and writes, and what goes over a socket."""

    def __init__(self, connection: socket.socket, context: ssl.SSLContext, host: str | None) -> None:
        self._socket = connection
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self.object = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)

    def has_more(self) -> bool:
        return bool(self._incoming.pending or self.object.pending())

    async def handshake(self) -> None:
        await self._until_done(self.object.do_handshake)

    async def read(self, max_bytes: int) -> bytes:
        try:
            return await self._until_done(lambda: self.object.read(max_bytes))
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            # Whether the answer is whole is for HTTP and JSON to say.
            return b""

    async def write(self, buffer: bytes) -> None:
        left = memoryview(buffer)
        while left:
            left = left[await self._until_done(functools.partial(self.object.write, left)) :]

    async def _until_done(self, operate: Callable[[], T]) -> T:
        loop = asyncio.get_running_loop()
        while True:
            try:
                result = operate()
            except ssl.SSLWantReadError:
                await self._flush(loop)
                arrived = await loop.sock_recv(self._socket, RECEIVE)
                if arrived:
                    self._incoming.write(arrived)
                else:
                    self._incoming.write_eof()
            else:
                await self._flush(loop)
                return result

    async def _flush(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._outgoing.pending:
            await loop.sock_sendall(self._socket, self._outgoing.read())
