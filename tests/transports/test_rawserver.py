"""The server of raw bytes that faults are played on outlives what a test does to its process."""

from __future__ import annotations

import resource
import socket
from contextlib import ExitStack

from tests.transports.rawserver import HOST, MOMENT, PATIENCE, RawServer, answering


def test_it_goes_on_accepting_when_there_are_descriptors_again():
    server = RawServer(answering())
    with ExitStack() as closing:
        closing.callback(server.close)
        callers = [closing.enter_context(socket.socket()) for _ in range(2)]
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
        try:
            for caller in callers:
                caller.connect((HOST, server.port))
            # The server may hold one descriptor already, and cannot have the second.
            server.open.wait(4 * MOMENT)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for caller in callers:
            caller.settimeout(PATIENCE)
            caller.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert caller.recv(4096).startswith(b"HTTP/1.1 200")
