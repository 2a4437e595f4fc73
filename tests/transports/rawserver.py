"""A server of raw bytes on a loopback socket: it does to a connection whatever a test says."""

from __future__ import annotations

import errno
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable

from attrs import field, frozen

from convops.provider import Failure, HttpRequest
from convops.testing import Simulator

HOST = "127.0.0.1"
PATIENCE = 10.0
"""Seconds after which a test that waits for something has failed."""

MOMENT = 0.005
"""Seconds until the server looks again for a descriptor."""


@frozen
class Received:
    """One request as it came over a connection."""

    connection: int
    method: str
    target: str
    fields: list[tuple[str, str]]
    body: bytes = field(default=b"")

    @property
    def query(self) -> str:
        return self.target.partition("?")[2]

    def all(self, name: str) -> list[str]:
        """Return every value of a header field."""
        return [value for known, value in self.fields if known == name]


class Peer:
    """The server's end of one connection."""

    def __init__(self, number: int, connection: socket.socket) -> None:
        self.number = number
        self.connection = connection
        self.ended = threading.Event()
        self._file = connection.makefile("rb")

    def receive(self) -> Received | None:
        """Return the next request; None when the client hung up."""
        line = self._file.readline()
        if not line.strip():
            return None
        method, target, _ = line.decode("latin-1").split()
        fields = []
        while (line := self._file.readline().strip()) != b"":
            name, _, value = line.decode("latin-1").partition(":")
            fields.append((name.strip().lower(), value.strip()))
        length = int(dict(fields).get("content-length", "0"))
        return Received(self.number, method, target, fields, self._file.read(length))

    def send(self, content: bytes) -> None:
        self.connection.sendall(content)

    def answer(self, body: bytes = b"{}", *, status: int = 200, headers: tuple[str, ...] = ()) -> None:
        lines = [f"HTTP/1.1 {status} X", f"content-length: {len(body)}", *headers, "", ""]
        self.send("\r\n".join(lines).encode() + body)

    def drip(self, content: bytes, seconds: float) -> bool:
        """Send byte after byte until the client hangs up; return whether everything was sent."""
        self.connection.settimeout(seconds)
        for byte in content:
            self.send(bytes([byte]))
            try:
                if self.connection.recv(1) == b"":
                    return False
            except TimeoutError:
                continue
        return True

    def until_hung_up(self) -> None:
        """Say nothing until the client hangs up."""
        self.connection.settimeout(PATIENCE)
        while self.connection.recv(4096):
            pass

    def reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def close(self) -> None:
        self._file.close()
        self.connection.close()


Handle = Callable[[Peer, Received], object]


class RawServer:
    """Listens, and hands each request to a function in a thread of its connection.

    Attributes:
        received: every request, in order of arrival.
        peers: every connection, in order of acceptance.
        open: set when the server closes, for functions that hold an answer back.
    """

    def __init__(self, handle: Handle, *, tls: ssl.SSLContext | None = None) -> None:
        self.received: list[Received] = []
        self.peers: list[Peer] = []
        self.open = threading.Event()
        self._handle = handle
        self._tls = tls
        self._arrival = threading.Condition()
        self._listener = socket.create_server((HOST, 0), backlog=256)
        self.port = self._listener.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://{HOST}:{self.port}"
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError as error:
                if error.errno == errno.EMFILE:
                    # A test took every descriptor of this process: whoever calls waits until there is one.
                    time.sleep(MOMENT)
                    continue
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            thread = threading.Thread(target=self._talk, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _talk(self, connection: socket.socket) -> None:
        if self._tls is not None:
            try:
                connection = self._tls.wrap_socket(connection, server_side=True)
            except (OSError, ValueError):
                connection.close()
                return
        with self._arrival:
            peer = Peer(len(self.peers), connection)
            self.peers.append(peer)
            self._arrival.notify_all()
        try:
            while (request := peer.receive()) is not None:
                with self._arrival:
                    self.received.append(request)
                    self._arrival.notify_all()
                self._handle(peer, request)
        except (OSError, ValueError, threading.BrokenBarrierError):
            # The client or the function ended the connection.
            pass
        finally:
            peer.close()
            peer.ended.set()

    def wait_for_requests(self, count: int) -> None:
        """Return when so many have arrived."""
        with self._arrival:
            assert self._arrival.wait_for(lambda: len(self.received) >= count, PATIENCE)

    def wait_for_connections(self, count: int) -> None:
        """Return when so many were accepted."""
        with self._arrival:
            assert self._arrival.wait_for(lambda: len(self.peers) >= count, PATIENCE)

    def wait_for_end(self, connection: int) -> None:
        """Return when that connection has ended."""
        assert self.peers[connection].ended.wait(PATIENCE)

    def close(self) -> None:
        self.open.set()
        # Closing alone does not wake a thread that accepts.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._threads[0].join(PATIENCE)
        for peer in self.peers:
            try:
                peer.connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
        for thread in self._threads:
            thread.join(PATIENCE)


def answering(body: bytes = b"{}", *, status: int = 200, headers: tuple[str, ...] = ()) -> Handle:
    """Return a function that answers every request so."""
    return lambda peer, _: peer.answer(body, status=status, headers=headers)


def simulating(simulator: Simulator) -> Handle:
    """Return a function that answers as a simulated vendor does."""

    def handle(peer: Peer, request: Received) -> None:
        reply = simulator.handle(to_request(request))
        if isinstance(reply, Failure):
            peer.reset()
        else:
            fields = tuple(f"{name}: {value}" for name, value in reply.headers.items())
            peer.answer(reply.body, status=reply.status, headers=fields)

    return handle


def to_request(request: Received) -> HttpRequest:
    """Return the request as a simulator takes it."""
    return HttpRequest(request.method, request.target, dict(request.fields), request.body)
