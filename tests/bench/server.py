"""The vendor's end of the benchmarks: a process of its own that answers at once, and counts.

    python tests/bench/server.py CERTIFICATE [--cpu N]

It listens on two ports, plain and TLS, and prints both as one line of JSON. It believes every signature. What
it counted is asked for with `GET /stats`, which is not counted. It ends when its standard input does.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import ssl
import sys
import threading
import time
from email.utils import formatdate

from tests.bench import vendor

try:
    from uvloop import new_event_loop
except ImportError:
    from asyncio import new_event_loop

HOST = "127.0.0.1"
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
ANSWERS = {
    vendor.MARK_READ_PATH.encode(): vendor.MARK_READ_ANSWER,
    # The vendor's cloud API has one path for all its actions.
    b"/": vendor.CLOUD_ANSWER,
}


class Ledger:
    """What was counted, and the answers as they are sent."""

    def __init__(self) -> None:
        self.requests = self.connections = self.bytes_in = self.bytes_out = 0
        self.answers: dict[bytes, bytes] = {}

    def keep_date(self) -> None:
        """Write the answers anew each second, for their date."""
        self.answers = {path: _answer(body) for path, body in ANSWERS.items()}
        asyncio.get_running_loop().call_later(1.0, self.keep_date)

    def stats(self) -> bytes:
        """Return what was counted so far, and this process's time on its processor, in seconds."""
        figures = {
            "requests": self.requests,
            "connections": self.connections,
            "bytes_in": self.bytes_in,
            "bytes_out": self.bytes_out,
            "cpu_seconds": time.process_time(),
            "seconds": time.monotonic(),
        }
        return _answer(json.dumps(figures).encode())


def _answer(body: bytes, status: str = "200 OK") -> bytes:
    head = (
        f"HTTP/1.1 {status}\r\nServer: bench\r\nDate: {formatdate(usegmt=True)}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: keep-alive\r\n\r\n"
    )
    return head.encode() + body


class Connection(asyncio.Protocol):
    """One connection: requests in, answers out."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._received = b""
        self._is_counted = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        received = self._received + data if self._received else data
        while (end := received.find(b"\r\n\r\n")) >= 0:
            length = LENGTH.search(received, 0, end)
            size = end + 4 + (int(length[1]) if length else 0)
            if len(received) < size:
                break
            self._transport.write(self._answered(received, size))
            received = received[size:]
        self._received = received

    def _answered(self, received: bytes, size: int) -> bytes:
        ledger = self._ledger
        path = received[: received.index(b"\r")].split(b" ")[1].partition(b"?")[0]
        if path == b"/stats":
            return ledger.stats()
        if not self._is_counted:
            self._is_counted = True
            ledger.connections += 1
        answer = ledger.answers.get(path) or _answer(b"{}", "404 Not Found")
        ledger.requests += 1
        ledger.bytes_in += size
        ledger.bytes_out += len(answer)
        return answer


async def serve(certificate: str) -> None:
    """Listen until standard input ends."""
    loop = asyncio.get_running_loop()
    ledger = Ledger()
    ledger.keep_date()
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate)
    servers = {
        name: await loop.create_server(lambda: Connection(ledger), HOST, 0, ssl=context, backlog=512)
        for name, context in (("plain", None), ("tls", tls))
    }
    ports = {name: server.sockets[0].getsockname()[1] for name, server in servers.items()}
    print(json.dumps({**ports, "loop": type(loop).__module__.partition(".")[0]}), flush=True)
    ended = asyncio.Event()

    def wait_for_end() -> None:
        sys.stdin.read()
        loop.call_soon_threadsafe(ended.set)

    threading.Thread(target=wait_for_end, daemon=True).start()
    await ended.wait()


def main() -> None:
    """Serve."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("certificate")
    parser.add_argument("--cpu", type=int)
    options = parser.parse_args()
    if options.cpu is not None:
        os.sched_setaffinity(0, {options.cpu})
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(serve(options.certificate))


if __name__ == "__main__":
    main()
