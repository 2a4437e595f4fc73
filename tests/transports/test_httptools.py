"""What llhttp tells of an answer, and what is written by hand of a request."""

from __future__ import annotations

import subprocess
import sys

import pytest

from convops._transports import TransportOptions
from convops._transports.httptools_adapter import Answer
from convops._transports.replies import RefusedError
from convops._transports.traffic import HungUpError, NotHttpError
from convops.errors import ConfigError
from convops.operations import Conversation
from convops.provider import Credentials, Failure, FailureKind, HttpReply
from tests.transports.flavours import Flavour, Probe
from tests.transports.rawserver import PATIENCE, answering
from tests.transports.scripted import OK, Scripted

DM = Conversation.direct(user="alice", peer="bob")
ANSWER = b"HTTP/1.1 200 X\r\ncontent-length: 2\r\n\r\n{}"
CHUNKED = b"HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"


@pytest.fixture
def blocking():
    made = Flavour("sync")
    yield made
    made.close()


def read(*arrived):
    """Read an answer that comes in these pieces; return it, and whether the connection is kept."""
    answer, received = Answer(), 0
    answer.begin(float("inf"))
    for piece in arrived:
        received += len(piece)
        if reply := answer.take(piece, received):
            return reply, answer.keeps_connection
    raise AssertionError("the answer does not end")


# --- Answers ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("whole", [ANSWER, CHUNKED, b"HTTP/1.1 103 X\r\nlink: x\r\n\r\n" + ANSWER])
def test_an_answer_may_come_in_one_piece_or_byte_by_byte(whole):
    for pieces in ([whole], [bytes([byte]) for byte in whole]):
        reply, kept = read(*pieces)
        assert (reply.status, reply.body, kept) == (200, b"{}", True)
        assert "link" not in reply.headers


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(ANSWER + b"H", id="the beginning of another"),
        pytest.param(ANSWER + b"junk", id="junk behind it"),
        pytest.param(ANSWER + ANSWER, id="another"),
        pytest.param(CHUNKED + ANSWER, id="another behind chunks"),
        pytest.param(ANSWER.replace(b"1.1", b"1.0"), id="old"),
        pytest.param(ANSWER.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n"), id="to be closed"),
        pytest.param(
            ANSWER.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n") + b"junk",
            id="to be closed, and junk",
        ),
    ],
)
def test_a_connection_is_not_kept_where_the_end_of_an_answer_is_in_doubt(answer):
    reply, kept = read(answer)
    assert (reply.status, reply.body, kept) == (200, b"{}", False)


def test_an_answer_of_no_stated_length_ends_with_its_connection():
    assert read(b"HTTP/1.1 200 X\r\n\r\n{", b"}", b"") == (HttpReply(200, {}, b"{}"), False)


def test_a_field_that_stands_twice_is_joined_and_a_trailer_is_none():
    twice = (
        b"HTTP/1.1 200 X\r\nA: 1\r\na: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\na: 3\r\n\r\n"
    )
    reply, _ = read(twice)
    assert reply.headers == {"a": "1, 2", "transfer-encoding": "chunked"}


@pytest.mark.parametrize(
    ("arrived", "kind"),
    [
        pytest.param([b""], HungUpError, id="nothing"),
        pytest.param([ANSWER[:20], b""], HungUpError, id="half a head"),
        pytest.param([ANSWER[:-1], b""], HungUpError, id="half a body"),
        pytest.param([CHUNKED[:-2], b""], HungUpError, id="no last chunk"),
        pytest.param([b"\x16\x03junk\r\n\r\n"], NotHttpError, id="junk"),
        pytest.param([b"HTTP/2.0 200 X\r\ncontent-length: 0\r\n\r\n"], NotHttpError, id="another version"),
        pytest.param(
            [b"HTTP/1.1 101 X\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"], NotHttpError, id="101"
        ),
        pytest.param(
            [ANSWER.replace(b"\r\n\r\n", b"\r\ntransfer-encoding: chunked\r\n\r\n")],
            NotHttpError,
            id="two ends",
        ),
        pytest.param([ANSWER.replace(b": 2", b": 2\r\ncontent-length: 3")], NotHttpError, id="two lengths"),
        pytest.param([CHUNKED.replace(b": chunked", b": gzip, chunked")], NotHttpError, id="a second coding"),
        pytest.param(
            [b"HTTP/1.1 200 X\r\n", *[b"x: " + b"y" * 1000 + b"\r\n"] * 200],
            NotHttpError,
            id="fields without end",
        ),
        pytest.param([b"HTTP/1.1 103 X\r\n\r\n" * 100] * 100, NotHttpError, id="interim answers without end"),
        pytest.param(
            [ANSWER.replace(b": 2", b": 2\r\ncontent-encoding: gzip")], RefusedError, id="compressed"
        ),
        pytest.param([b"HTTP/1.1 200 X\r\n\r\n", *[b" " * 65536] * 9], RefusedError, id="a body without end"),
    ],
)
def test_an_answer_that_is_none_is_told_in_words_of_ours(arrived, kind):
    with pytest.raises(kind) as caught:
        read(*arrived)
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)


@pytest.mark.parametrize("callback", ["on_message_begin", "on_header", "on_headers_complete", "on_body", "on_message_complete"])
def test_an_interrupt_that_comes_while_the_parser_calls_passes(monkeypatch, callback):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Answer, callback, interrupted)
    with pytest.raises(KeyboardInterrupt) as caught:
        read(ANSWER)
    assert caught.value.__context__ is None


def test_the_answer_of_another_protocol_is_none():
    with pytest.raises(NotHttpError):
        read(ANSWER.replace(b"HTTP", b"RTSP"))


def test_nothing_of_an_answer_is_kept(blocking, serve_raw):
    server = serve_raw(lambda peer, request: peer.answer(request.target.encode()))
    adapter = blocking.adapter(transport="httptools")
    assert adapter.exchange(Probe(f"{server.url}/said")).body == b"/said"
    line = adapter.target._shards.get().take(server.url)
    assert "/said" not in repr({**vars(line), **vars(line._answer)})
    line.drop()


# --- Requests -----------------------------------------------------------------------------------------------


def test_credentials_of_an_attempt_go_with_no_other(blocking, serve_raw):
    tokens = iter("ab")
    server = serve_raw(answering(OK))
    chat = blocking.open(
        Scripted(server.url, lambda: Credentials(headers={"x-token": next(tokens)})), transport="httptools"
    )
    for _ in range(2):
        chat.mute(DM)
    assert [request.all("x-token") for request in server.received] == [["a"], ["b"]]
    assert [request.connection for request in server.received] == [0, 0]


def test_a_connection_that_dies_as_it_is_used_is_not_taken_for_one_that_sent_nothing(blocking, serve_raw):
    def handle(peer, request):
        if request.target == "/first":
            peer.answer()
        else:
            peer.reset()

    server = serve_raw(handle)
    adapter = blocking.adapter(transport="httptools")
    adapter.exchange(Probe(f"{server.url}/first"))
    assert adapter.exchange(Probe(f"{server.url}/second")) == Failure(FailureKind.BROKEN, sent=True)
    server.wait_for_end(0)
    assert len(server.received) == 2


# --- Opening ------------------------------------------------------------------------------------------------


def test_it_serves_no_asynchronous_client():
    with pytest.raises(ConfigError, match="these do: httpx"):
        TransportOptions(transport="httptools").open_async(None)


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
