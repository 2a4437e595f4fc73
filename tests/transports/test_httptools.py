"""What is written by hand of a request, and what of an answer is kept."""

from __future__ import annotations

import subprocess
import sys

from convops.operations import Conversation
from convops.provider import Credentials, Failure, FailureKind
from tests.transports.flavours import Probe
from tests.transports.rawserver import PATIENCE, answering
from tests.transports.scripted import OK, Scripted

DM = Conversation.direct(user="alice", peer="bob")


def test_nothing_of_an_answer_is_kept(flavour, serve_raw):
    server = serve_raw(lambda peer, request: peer.answer(request.target.encode()))
    adapter = flavour.adapter(transport="httptools")
    assert adapter.exchange(Probe(f"{server.url}/said")).body == b"/said"
    line = adapter.target._shards.get().take(server.url)
    assert "/said" not in repr({**vars(line), **vars(line._talk)})
    line.drop()


# --- Requests -----------------------------------------------------------------------------------------------


def test_credentials_of_an_attempt_go_with_no_other(flavour, serve_raw):
    tokens = iter("ab")
    server = serve_raw(answering(OK))
    chat = flavour.open(
        Scripted(server.url, lambda: Credentials(headers={"x-token": next(tokens)})), transport="httptools"
    )
    for _ in range(2):
        chat.mute(DM)
    assert [request.all("x-token") for request in server.received] == [["a"], ["b"]]
    assert [request.connection for request in server.received] == [0, 0]


def test_a_connection_that_dies_as_it_is_used_is_not_taken_for_one_that_sent_nothing(flavour, serve_raw):
    def handle(peer, request):
        if request.target == "/first":
            peer.answer()
        else:
            peer.reset()

    server = serve_raw(handle)
    adapter = flavour.adapter(transport="httptools")
    adapter.exchange(Probe(f"{server.url}/first"))
    assert adapter.exchange(Probe(f"{server.url}/second")) == Failure(FailureKind.BROKEN, sent=True)
    server.wait_for_end(0)
    assert len(server.received) == 2


# --- Opening ------------------------------------------------------------------------------------------------


def test_it_loads_neither_asyncio_nor_another_http_library():
    source = (
        "import sys, convops\n"
        "convops.connect('zego', app_id=1, server_secret='x', transport='httptools').close()\n"
        "print([name for name in ('asyncio', 'h11', 'httpcore', 'httpx') if name in sys.modules])"
    )
    done = subprocess.run(  # noqa: S603 - our own statements
        [sys.executable, "-c", source], capture_output=True, text=True, check=True, timeout=PATIENCE * 3
    )
    assert done.stdout == "[]\n"
