"""The same connections for asyncio, where the deadline cancels them from above.

Sockets are used directly, without asyncio's transports: an idle one belongs to no event loop, and closing
one never waits for anything.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import TypeVar

from convops._transports.resolver import literal_address
from convops._transports.routes import Route, tunnelling
from convops._transports.sockets import IdleWatch
from convops._transports.traffic import RECEIVE, HandshakeError, Traffic
from convops._transports.waiting import resolved

T = TypeVar("T")


class AsyncWire:
    """One connection along a route; otherwise as `convops._transports.sockets.Wire`."""

    def __init__(self, route: Route) -> None:
        self.exchange = Traffic()
        self.route = route
        self._socket: socket.socket | None = None
        self._tls: _Tls | None = None
        self._watch: IdleWatch | None = None

    async def open(self) -> bool:
        """Make sure of a connection; return whether it is a new one."""
        if self._socket is not None:
            if not self._is_spoilt():
                return False
            self.drop()
        try:
            self._socket = connection = await self._connected()
            if self.route.tunnel:
                await self._tunnel(connection)
            if self.route.tls is not None:
                await self._secure(connection, self.route.tls)
        except BaseException:
            self.drop()
            raise
        self._watch = IdleWatch(connection)
        # What was said until now was between a proxy and us.
        self.exchange.received = 0
        return True

    def _is_spoilt(self) -> bool:
        if self._watch is None or self._watch.is_readable():
            return True
        return self._tls is not None and self._tls.has_more()

    async def read(self) -> bytes:
        """Return what arrives next; nothing where the peer hung up."""
        if self._tls is not None:
            part = await self._tls.read(RECEIVE)
        else:
            part = await asyncio.get_running_loop().sock_recv(self._open_socket(), RECEIVE)
        self.exchange.note(len(part))
        return part

    async def write(self, content: bytes) -> None:
        """Send a request, or a part of one."""
        connection = self._open_socket()
        self.exchange.sent = True
        if self._tls is not None:
            await self._tls.write(content)
        else:
            await asyncio.get_running_loop().sock_sendall(connection, content)

    def drop(self) -> None:
        """Close the connection, in whatever state it is."""
        connection, self._socket, self._tls, self._watch = self._socket, None, None, None
        if connection is not None:
            connection.close()

    def _open_socket(self) -> socket.socket:
        if self._socket is None:
            raise ConnectionAbortedError("the connection was dropped")
        return self._socket

    # --- Opening ---

    async def _connected(self) -> socket.socket:
        """Return a connection to the first address that answers."""
        host, port = self.route.host, self.route.port
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
                return connection
        raise error

    async def _tunnel(self, connection: socket.socket) -> None:
        await asyncio.get_running_loop().sock_sendall(connection, self.route.tunnel)
        steps = tunnelling()
        try:
            next(steps)
            while True:
                steps.send(await self.read())
        except StopIteration:
            return

    async def _secure(self, connection: socket.socket, context: ssl.SSLContext) -> None:
        try:
            tls = _Tls(connection, context, self.route.name)
            await tls.handshake()
        except (OSError, ValueError) as error:
            raise HandshakeError(str(error)) from error
        self._tls = tls


class _Tls:
    """TLS between what is read and written, and what goes over a socket."""

    def __init__(self, connection: socket.socket, context: ssl.SSLContext, host: str) -> None:
        self._socket = connection
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._object = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)

    def has_more(self) -> bool:
        return bool(self._incoming.pending or self._object.pending())

    async def handshake(self) -> None:
        await self._until_done(self._object.do_handshake)

    async def read(self, most: int) -> bytes:
        if not self.has_more():
            # To ask first would only tell that nothing is there.
            await self._arrival(asyncio.get_running_loop())
        try:
            return await self._until_done(self._object.read, most)
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            # Whether the answer is whole is for HTTP and JSON to say.
            return b""

    async def write(self, content: bytes) -> None:
        while content:
            content = content[await self._until_done(self._object.write, content) :]

    async def _until_done(self, operate: Callable[..., T], *args: object) -> T:
        loop = asyncio.get_running_loop()
        while True:
            try:
                result = operate(*args)
            except ssl.SSLWantReadError:
                await self._flush(loop)
                await self._arrival(loop)
            else:
                await self._flush(loop)
                return result

    async def _arrival(self, loop: asyncio.AbstractEventLoop) -> None:
        arrived = await loop.sock_recv(self._socket, RECEIVE)
        if arrived:
            self._incoming.write(arrived)
        else:
            self._incoming.write_eof()

    async def _flush(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._outgoing.pending:
            await loop.sock_sendall(self._socket, self._outgoing.read())
