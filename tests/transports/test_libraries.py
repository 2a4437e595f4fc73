"""httpx and httpx2 share no class, and each is used without the other, or both in one process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from time import monotonic

import httpx
import httpx2
import pytest

from convops._transports import TransportOptions
from convops.errors import ConfigError
from convops.operations import Conversation
from convops.provider import HttpReply
from tests.transports.flavours import Probe
from tests.transports.rawserver import PATIENCE, answering
from tests.transports.scripted import OK, Scripted

DM = Conversation.direct(user="alice", peer="bob")
ROOT = Path(__file__).parents[2]

EXCHANGE = """
import json, sys, time
from convops._transports import TransportOptions
from convops.provider import HttpReply
from tests.transports.rawserver import RawServer, answering

class Attempt:
    def __init__(self, url):
        from convops.provider import Call
        self.call, self.origin, self.target, self.content = Call(action="probe"), url, "/", b"{}"

    def sign(self):
        return "/", {}

server = RawServer(answering())
adapter = TransportOptions(transport=sys.argv[1]).open(None)
assert isinstance(adapter.exchange(Attempt(server.url), time.monotonic() + 10), HttpReply)
adapter.close()
server.close()
print(json.dumps([name for name in ("httpx", "httpcore", "httpx2", "httpcore2") if name in sys.modules]))
"""


@pytest.mark.parametrize(
    ("name", "loaded"), [("httpx", ["httpx", "httpcore"]), ("httpx2", ["httpx2", "httpcore2"])]
)
def test_a_library_is_used_without_loading_the_other(name, loaded):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "plugins")])}
    done = subprocess.run(  # noqa: S603 - a script of this file
        [sys.executable, "-c", EXCHANGE, name],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert json.loads(done.stdout) == loaded


def test_both_are_used_in_one_process(flavour, serve_raw, tls):
    server = serve_raw(answering(), tls=tls.server())
    adapters = [flavour.adapter(transport=name, verify=tls.file) for name in ("httpx", "httpx2")]
    for adapter in adapters * 2:
        assert isinstance(adapter.exchange(Probe(server.url)), HttpReply)
    assert [request.connection for request in server.received] == [0, 1, 0, 1]


def test_a_transport_of_httpx2_itself_is_used_and_closed(flavour, serve_raw):
    server = serve_raw(answering(OK))
    given = (httpx2.AsyncHTTPTransport if flavour.asynchronous else httpx2.HTTPTransport)()
    chat = flavour.open(Scripted(server.url), transport=given)
    for _ in range(2):
        assert chat.mute(DM).ok
    chat.close()
    server.wait_for_end(0)


def test_a_transport_of_httpx2_of_the_other_kind_is_refused_by_name(flavour):
    other = (httpx2.HTTPTransport if flavour.asynchronous else httpx2.AsyncHTTPTransport)()
    with pytest.raises(ConfigError, match=r"type (Async)?HTTPTransport: .* an httpx2\."):
        flavour.open(Scripted("https://unused.example"), transport=other)


@pytest.mark.parametrize("library", [httpx, httpx2])
def test_what_goes_over_a_transport_is_what_its_library_calls_so(serve_raw, library):
    seen = []

    class Spy(library.HTTPTransport):
        def handle_request(self, request):
            seen.append(request)
            return super().handle_request(request)

    adapter = TransportOptions(transport=Spy()).open(None)
    server = serve_raw(answering())
    assert isinstance(adapter.exchange(Probe(f"{server.url}/a?b=c"), monotonic() + PATIENCE), HttpReply)
    adapter.close()
    (request,) = seen
    assert isinstance(request, library.Request)
    assert isinstance(request.url, library.URL)
    assert isinstance(request.headers, library.Headers)
    assert (request.method, str(request.url), request.content) == ("POST", f"{server.url}/a?b=c", b"{}")
    assert (request.url.path, request.url.query, request.url.params["b"]) == ("/a", b"b=c", "c")
    assert (request.url.host, request.url.port) == ("127.0.0.1", server.port)
    assert request.url == library.URL(f"{server.url}/a?b=c")
    assert request.url.copy_with(query=None) == f"{server.url}/a"
    assert request.headers["host"] == server.url.removeprefix("http://")
    assert request.read() == b"{}"
