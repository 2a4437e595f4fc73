"""A client such as the incident had: it keeps its connection, whatever became of the exchange before."""

from __future__ import annotations

import socket
import ssl

from tests.transports.rawserver import HOST, PATIENCE


class NaiveClient:
    """Speaks HTTP over one connection that it never gives up.

    Args:
        port: where the server listens.
        authority: the file of the authority that vouches for it; None speaks plain HTTP.
    """

    def __init__(self, port, authority=None):
        self._socket = socket.create_connection((HOST, port), PATIENCE)
        if authority is not None:
            context = ssl.create_default_context(cafile=authority)
            self._socket = context.wrap_socket(self._socket, server_hostname=HOST)
        self._read = bytearray()

    def begin(self, target):
        """Send a request, and leave before its answer is read."""
        self._socket.sendall(f"GET {target} HTTP/1.1\r\nhost: {HOST}\r\n\r\n".encode())

    def ask(self, target):
        """Send a request, and return the body of the answer that comes next."""
        self.begin(target)
        while (body := self._body()) is None:
            part = self._socket.recv(65536)
            assert part, "the server hung up"
            self._read += part
        return body

    def _body(self):
        head, end, rest = self._read.partition(b"\r\n\r\n")
        if not end:
            return None
        length = int(head.partition(b"content-length: ")[2].split()[0])
        return bytes(rest[:length]) if len(rest) >= length else None

    def close(self):
        self._socket.close()
