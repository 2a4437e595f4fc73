"""Where it is measured: the server's process, the certificates, and which processor runs what."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

import certifi
import trustme
from attrs import astuple, frozen

SERVER = Path(__file__).parent / "server.py"
HOST = "127.0.0.1"


@frozen
class Stats:
    """What the server counted; times in seconds."""

    requests: int
    connections: int
    bytes_in: int
    bytes_out: int
    cpu_seconds: float
    seconds: float

    def since(self, before: Stats) -> Stats:
        """Return what came after `before`."""
        return Stats(*(after - past for after, past in zip(astuple(self), astuple(before), strict=True)))


@frozen(kw_only=True)
class Target:
    """Where one client is to send, and how it may.

    Attributes:
        base_url: scheme, host and port.
        ca_file: what the server's certificate is verified by.
        ca_bundle: that one and all of certifi's, for those who take a whole bundle.
        flights: operations in flight at a time.
    """

    base_url: str
    ca_file: str
    ca_bundle: str
    flights: int = 1

    @property
    def host(self) -> str:
        """Host and port."""
        return urlsplit(self.base_url).netloc

    @property
    def address(self) -> tuple[str, int]:
        """Host and port, as a socket takes them."""
        parts = urlsplit(self.base_url)
        return parts.hostname or "", parts.port or 0

    def tls(self) -> ssl.SSLContext | None:
        """Return a context that verifies the server; None where it speaks in plain."""
        return ssl.create_default_context(cafile=self.ca_file) if self.base_url.startswith("https") else None


class Stage:
    """A running server.

    Attributes:
        loop: the library its event loop is of.
        bound: where client and server run, in words.
    """

    def __init__(self, told: dict[str, Any], bound: str, ca_file: Path, ca_bundle: Path) -> None:
        self.loop = told["loop"]
        self.bound = bound
        self._ports = told
        self._ca_file = str(ca_file)
        self._ca_bundle = str(ca_bundle)
        self._asking = http.client.HTTPConnection(HOST, told["plain"])

    def target(self, *, tls: bool, flights: int = 1) -> Target:
        """Return where to send."""
        base_url = f"https://{HOST}:{self._ports['tls']}" if tls else f"http://{HOST}:{self._ports['plain']}"
        return Target(base_url=base_url, ca_file=self._ca_file, ca_bundle=self._ca_bundle, flights=flights)

    def stats(self) -> Stats:
        """Ask the server what it counted."""
        self._asking.request("GET", "/stats")
        return Stats(**json.loads(self._asking.getresponse().read()))


def processors() -> tuple[int | None, int | None]:
    """Return one for the client and one for the server; None where processes cannot be bound to them."""
    if not hasattr(os, "sched_setaffinity"):
        return None, None
    usable = sorted(os.sched_getaffinity(0))
    return usable[0], usable[-1]


def _bound(ours: int | None, theirs: int | None) -> str:
    if ours is None:
        return "whichever processors the system gave them"
    return "one and the same processor" if ours == theirs else "a processor each"


@contextlib.contextmanager
def standing() -> Iterator[Stage]:
    """Start the server beside this process, each bound to its own processor."""
    ours, theirs = processors()
    with TemporaryDirectory() as folder:
        authority = trustme.CA()
        certificate, ca_file, ca_bundle = (
            Path(folder) / name for name in ("server.pem", "ca.pem", "bundle.pem")
        )
        authority.issue_cert(HOST, "localhost").private_key_and_cert_chain_pem.write_to_path(certificate)
        authority.cert_pem.write_to_path(ca_file)
        ca_bundle.write_text(Path(certifi.where()).read_text("ascii") + ca_file.read_text("ascii"), "ascii")
        command = [sys.executable, str(SERVER), str(certificate)]
        if theirs is not None:
            command += ["--cpu", str(theirs)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:  # noqa: S603
            told = json.loads(server.stdout.readline())
            if ours is not None:
                os.sched_setaffinity(0, {ours})
            yield Stage(told, _bound(ours, theirs), ca_file, ca_bundle)
