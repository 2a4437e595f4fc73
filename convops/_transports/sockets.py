"""Blocking connections that keep one deadline over everything: names, connecting, TLS, writing, reading.

The streams of HTTP libraries take a timeout for each read, so an answer that drips outlives any deadline,
and a hanging resolver is not bounded at all.
"""

from __future__ import annotations

import select
import selectors
import socket
import ssl

from convops._transports.resolver import RESOLVER, Address, literal_address
from convops._transports.routes import Route, tunnelling
from convops._transports.traffic import RECEIVE, HandshakeError, Traffic


class Wire:
    """One connection along a route, opened when it is first needed, and again once it cannot be used.

    Its methods raise `OSError`, of which a `TimeoutError` means that the deadline is over, or `WireError`.

    Attributes:
        exchange: what goes over it.
    """

    def __init__(self, route: Route) -> None:
        self.exchange = Traffic()
        self.route = route
        self._socket: socket.socket | None = None
        self._watch: IdleWatch | None = None

    def open(self) -> bool:
        """Make sure of a connection; return whether it is a new one."""
        if self._socket is not None:
            if not self._is_spoilt(self._socket):
                return False
            self.drop()
        try:
            self._socket = connection = self._connected()
            if self.route.tunnel:
                self._tunnel(connection)
            if self.route.tls is not None:
                self._secure(connection, self.route.tls)
        except BaseException:
            self.drop()
            raise
        self._watch = IdleWatch(self._open_socket())
        # What was said until now was between a proxy and us.
        self.exchange.received = 0
        return True

    def _is_spoilt(self, connection: socket.socket) -> bool:
        # Between exchanges nothing should arrive: it would be an end, or bytes nobody asked for.
        if self._watch is None or self._watch.is_readable():
            return True
        return isinstance(connection, ssl.SSLSocket) and connection.pending() > 0

    def read(self) -> bytes:
        """Return what arrives next; nothing where the peer hung up."""
        connection = self._open_socket()
        connection.settimeout(self._seconds())
        part = connection.recv(RECEIVE)
        self.exchange.note(len(part))
        return part

    def write(self, content: bytes) -> None:
        """Send a request, or a part of one."""
        connection = self._open_socket()
        connection.settimeout(self._seconds())
        self.exchange.sent = True
        connection.sendall(content)

    def drop(self) -> None:
        """Close the connection, in whatever state it is."""
        connection, self._socket, self._watch = self._socket, None, None
        if connection is not None:
            connection.close()

    def _seconds(self) -> float:
        """Return how many are left, which is more than none: that would mean a socket that does not block."""
        seconds = self.exchange.left()
        if seconds <= 0:
            raise TimeoutError("the time was over")
        return seconds

    def _open_socket(self) -> socket.socket:
        if self._socket is None:
            raise ConnectionAbortedError("the connection was dropped")
        return self._socket

    # --- Opening ---

    def _connected(self) -> socket.socket:
        """Return a connection to the first address that answers."""
        host, port = self.route.host, self.route.port
        addresses = literal_address(host, port) or self._resolved(host, port)
        error: OSError = OSError("the name has no address")
        for place, (family, address) in enumerate(addresses):
            # One address that swallows packets must leave time for the rest.
            seconds = self._seconds() / (len(addresses) - place)
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
                return connection
        raise error

    def _resolved(self, host: str, port: int) -> list[Address]:
        lookup = RESOLVER.start(host, port)
        if not lookup.done.wait(self.exchange.left()):
            raise TimeoutError("the name was not resolved in time")
        return lookup.result()

    def _tunnel(self, connection: socket.socket) -> None:
        connection.settimeout(self._seconds())
        connection.sendall(self.route.tunnel)
        steps = tunnelling()
        try:
            next(steps)
            while True:
                steps.send(self.read())
        except StopIteration:
            return

    def _secure(self, connection: socket.socket, context: ssl.SSLContext) -> None:
        connection.settimeout(self._seconds())
        try:
            secured = context.wrap_socket(
                connection, server_hostname=self.route.name, do_handshake_on_connect=False
            )
            self._socket = secured
            secured.do_handshake()
        except TimeoutError:
            raise
        except (OSError, ValueError) as error:
            raise HandshakeError(str(error)) from error


class IdleWatch:
    """Tells whether something arrived on a connection where nothing should."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._poll = None
        # Not on Windows. `select.select` knows no descriptor from 1024 on.
        if hasattr(select, "poll"):
            self._poll = select.poll()
            self._poll.register(connection, select.POLLIN)

    def is_readable(self) -> bool:
        """Whether it did, or the connection has ended."""
        if self._connection.fileno() < 0:
            return True
        if self._poll is not None:
            return bool(self._poll.poll(0))
        with selectors.DefaultSelector() as selector:
            selector.register(self._connection, selectors.EVENT_READ)
            return bool(selector.select(0))
