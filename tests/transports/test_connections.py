"""Connections are kept, taken last in first out, and dropped after anything unclean."""

from __future__ import annotations

import os
import resource
import socket
import threading
from concurrent.futures import wait
from contextlib import ExitStack
from pathlib import Path

import pytest

from convops.operations import ClearUnread, Conversation
from convops.provider import Failure, FailureKind, HttpReply
from tests.transports import chosen
from tests.transports.flavours import Probe
from tests.transports.rawserver import HOST, PATIENCE, answering
from tests.transports.scripted import OK, Scripted

DM = Conversation.direct(user="alice", peer="bob")

BODY_MAX = 524_288
CONNECTIONS = 64

CUT_BY_LENGTH = b"HTTP/1.1 200 X\r\ncontent-length: 10\r\n\r\n{}"


def test_a_second_exchange_takes_the_connection_of_the_first(flavour, serve_raw):
    server, adapter = serve_raw(answering()), flavour.adapter()
    for _ in range(3):
        assert isinstance(adapter.exchange(Probe(server.url)), HttpReply)
    assert [request.connection for request in server.received] == [0, 0, 0]


@pytest.mark.parametrize(
    "answer",
    [answering(status=302, headers=("location: /other",)), answering(status=503), answering(b"no JSON")],
)
def test_an_answer_that_is_refused_later_leaves_its_connection_usable(flavour, serve_raw, answer):
    server, adapter = serve_raw(answer), flavour.adapter()
    for _ in range(2):
        assert isinstance(adapter.exchange(Probe(server.url)), HttpReply)
    assert [request.connection for request in server.received] == [0, 0]


def test_the_connection_used_last_is_taken_first(flavour, serve_raw):
    gates = [threading.Event(), threading.Event()]

    def handle(peer, _):
        gates[peer.number].wait(PATIENCE)
        peer.answer()

    server, adapter = serve_raw(handle), flavour.adapter()
    calls = []
    for count in (1, 2):
        calls.append(adapter.start_exchange(Probe(server.url)))
        server.wait_for_requests(count)
    for number in (1, 0):
        gates[number].set()
        calls[number].result(PATIENCE)
    for _ in range(2):
        adapter.exchange(Probe(server.url))
    assert [request.connection for request in server.received] == [0, 1, 0, 0]


def test_origins_do_not_share_connections(flavour, serve_raw):
    servers, adapter = [serve_raw(answering()), serve_raw(answering())], flavour.adapter()
    for server in servers * 2:
        adapter.exchange(Probe(server.url))
    assert [len(server.peers) for server in servers] == [1, 1]


@pytest.mark.parametrize(
    ("misbehave", "kind"),
    [
        pytest.param(lambda peer: peer.reset(), FailureKind.BROKEN, id="reset"),
        pytest.param(lambda peer: peer.close(), FailureKind.BROKEN, id="hung up"),
        pytest.param(lambda peer: peer.send(b"\x16\x03junk\r\n\r\n"), FailureKind.PROTOCOL, id="junk"),
        pytest.param(lambda peer: peer.until_hung_up(), FailureKind.TIMEOUT, id="silence"),
        pytest.param(
            lambda peer: (peer.send(CUT_BY_LENGTH), peer.until_hung_up()),
            FailureKind.TIMEOUT,
            id="half a body",
        ),
        pytest.param(
            lambda peer: (peer.send(CUT_BY_LENGTH), peer.close()), FailureKind.BROKEN, id="cut body"
        ),
        pytest.param(lambda peer: peer.answer(b"x" * (BODY_MAX + 1)), FailureKind.TOO_LARGE, id="large body"),
        pytest.param(
            lambda peer: peer.answer(b"x", headers=("content-encoding: gzip",)),
            FailureKind.ENCODED,
            id="gzip",
        ),
    ],
)
def test_a_connection_whose_exchange_failed_is_closed_and_not_used_again(flavour, serve_raw, misbehave, kind):
    def handle(peer, _):
        if peer.number == 0:
            misbehave(peer)
        else:
            peer.answer()

    server, adapter = serve_raw(handle), flavour.adapter()
    assert adapter.exchange(Probe(server.url), 0.3) == Failure(kind, sent=True)
    server.wait_for_end(0)
    assert isinstance(adapter.exchange(Probe(server.url)), HttpReply)
    assert [request.connection for request in server.received] == [0, 1]


FORGED = b'HTTP/1.1 200 X\r\ncontent-length: 10\r\n\r\n{"code":0}'


def in_one_write(peer):
    peer.send(FORGED * 2)


def in_one_packet(peer):
    # Two writes, so two TLS records, that arrive together.
    peer.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
    peer.send(FORGED)
    peer.send(FORGED)
    peer.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 0)


def one_by_one(peer):
    peer.send(FORGED)
    peer.send(FORGED)


@pytest.mark.parametrize("say_twice", [in_one_write, in_one_packet, one_by_one])
@pytest.mark.parametrize("secure", [False, True])
def test_what_comes_behind_an_answer_never_becomes_the_next_one(flavour, serve_raw, tls, say_twice, secure):
    said = threading.Event()

    def handle(peer, request):
        if request.target == "/first":
            say_twice(peer)
            said.set()
        else:
            peer.answer(b'{"code":7}')

    server = serve_raw(handle, tls=tls.server() if secure else None)
    adapter = flavour.adapter(verify=tls.file)
    assert adapter.exchange(Probe(f"{server.url}/first")).body == b'{"code":0}'
    said.wait(PATIENCE)
    second = adapter.exchange(Probe(f"{server.url}/second"))
    assert isinstance(second, Failure) or second.body == b'{"code":7}'


FRAMINGS = [
    pytest.param(b"HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", id="chunked"),
    pytest.param(
        b"HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\n1;a=b\r\n{\r\n1\r\n}\r\n0\r\nt: x\r\n\r\n",
        id="chunked with a trailer",
    ),
    pytest.param(
        b"HTTP/1.1 103 X\r\n\r\nHTTP/1.1 200 X\r\ncontent-length: 2\r\n\r\n{}", id="after an interim answer"
    ),
    pytest.param(
        b"HTTP/1.1 100 X\r\n\r\nHTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        id="chunked after an interim answer",
    ),
    pytest.param(b"HTTP/1.1 200 X\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}", id="to be closed"),
    pytest.param(b"HTTP/1.0 200 X\r\ncontent-length: 2\r\n\r\n{}", id="old"),
]


@pytest.mark.parametrize("framed", FRAMINGS)
@pytest.mark.parametrize("secure", [False, True])
def test_an_answer_may_be_framed_in_any_way_http_allows(flavour, serve_raw, tls, framed, secure):
    server = serve_raw(lambda peer, _: peer.send(framed), tls=tls.server() if secure else None)
    adapter = flavour.adapter(verify=tls.file)
    for _ in range(2):
        assert adapter.exchange(Probe(server.url)).body == b"{}"


@pytest.mark.parametrize(
    "framed",
    [
        pytest.param(b"HTTP/1.1 200 X\ncontent-length: 2\n\n{}", id="counted"),
        pytest.param(b"HTTP/1.1 200 X\ntransfer-encoding: chunked\n\n2\r\n{}\r\n0\r\n\r\n", id="chunked"),
    ],
)
def test_bare_line_feeds_may_be_refused_and_a_strict_reader_does(flavour, serve_raw, framed):
    """RFC 9112, section 2.2."""
    server = serve_raw(lambda peer, _: peer.send(framed))
    answered = flavour.adapter().exchange(Probe(server.url))
    if chosen.is_read_by_httptools():
        assert answered == Failure(FailureKind.PROTOCOL, sent=True)
        server.wait_for_end(0)
    else:
        assert answered.body == b"{}"


def test_an_answer_may_end_with_its_connection(flavour, serve_raw):
    def handle(peer, _):
        peer.send(b"HTTP/1.1 200 X\r\n\r\n{}")
        peer.close()

    server, adapter = serve_raw(handle), flavour.adapter()
    for _ in range(2):
        assert adapter.exchange(Probe(server.url)).body == b"{}"


@pytest.mark.usefixtures("many_files")
@pytest.mark.parametrize("secure", [False, True])
def test_a_connection_of_a_high_number_is_used_again(flavour, serve_raw, tls, secure):
    server = serve_raw(answering(), tls=tls.server() if secure else None)
    adapter = flavour.adapter(verify=tls.file)
    for _ in range(2):
        assert isinstance(adapter.exchange(Probe(server.url)), HttpReply)


@pytest.fixture
def many_files():
    """So many open files that the next has a number beyond what select() takes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 2000:
        pytest.skip("the system allows too few open files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2000), hard))
    with ExitStack() as closing:
        null = closing.enter_context(Path(os.devnull).open("rb"))
        for _ in range(1100):
            closing.callback(os.close, os.dup(null.fileno()))
        yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_an_address_that_refuses_leaves_the_next_one_its_turn(flavour, serve_raw, refused_port, monkeypatch):
    server = serve_raw(answering())
    ports = [refused_port, server.port]
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (HOST, port)) for port in ports]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    assert isinstance(flavour.adapter().exchange(Probe("http://chat.example")), HttpReply)


def test_a_resolver_that_hangs_ends_at_the_deadline_with_nothing_sent(flavour, monkeypatch):
    resolving = threading.Event()

    def hang(*_, **__):
        resolving.wait(PATIENCE)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    result = flavour.adapter().exchange(Probe("https://hanging.example"), 0.1)
    resolving.set()
    assert result == Failure(FailureKind.TIMEOUT, sent=False)


def test_a_host_may_be_an_address_of_ipv6(flavour):
    try:
        listener = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("no IPv6 here")
    with listener:
        probe = Probe(f"http://[::1]:{listener.getsockname()[1]}")
        exchange = flavour.adapter().start_exchange(probe)
        connection, _ = listener.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 200 X\r\ncontent-length: 2\r\n\r\n{}")
            assert exchange.result(PATIENCE).body == b"{}"


def test_a_connection_the_vendor_closed_while_idle_is_replaced_without_a_second_attempt(flavour, serve_raw):
    def handle(peer, _):
        peer.answer(OK)
        if peer.number == 0:
            peer.close()

    server = serve_raw(handle)
    chat = flavour.open(Scripted(server.url))
    chat.mute(DM)
    server.wait_for_end(0)
    assert chat.mute(DM).attempts == 1
    assert [request.connection for request in server.received] == [0, 1]


@pytest.mark.parametrize("kept", [False, True])
def test_a_question_whose_connection_broke_is_not_sent_again(flavour, serve_raw, kept):
    """Some libraries repeat a GET, which here may write, and which nobody would know was sent twice."""

    def handle(peer, request):
        if request.target == "/first":
            peer.answer()
        else:
            peer.close()

    server, adapter = serve_raw(handle), flavour.adapter()
    if kept:
        adapter.exchange(Probe(f"{server.url}/first", method="GET", content=b""))
    probe = Probe(f"{server.url}/second", method="GET", content=b"")
    assert adapter.exchange(probe) == Failure(FailureKind.BROKEN, sent=True)
    assert [request.target for request in server.received] == ["/first", "/second"][1 - kept :]
    assert len(server.peers) == 1


def test_closing_closes_idle_connections(flavour, serve_raw):
    server = serve_raw(answering(OK))
    chat = flavour.open(Scripted(server.url))
    chat.mute(DM)
    chat.close()
    server.wait_for_end(0)


def test_closing_closes_a_connection_in_use_when_its_exchange_ends(flavour, serve_raw):
    gate = threading.Event()

    def handle(peer, _):
        gate.wait(PATIENCE)
        peer.answer(OK)

    server = serve_raw(handle)
    chat = flavour.open(Scripted(server.url))
    muting = chat.start("mute", DM)
    server.wait_for_requests(1)
    chat.close()
    gate.set()
    assert muting.result(PATIENCE).ok
    server.wait_for_end(0)


def test_no_more_exchanges_are_under_way_than_the_cap_and_the_rest_wait_their_turn(flavour, serve_raw):
    gate = threading.Event()

    def handle(peer, _):
        gate.wait(PATIENCE)
        peer.answer()

    server, adapter = serve_raw(handle), flavour.adapter()
    under_way = [adapter.start_exchange(Probe(server.url)) for _ in range(CONNECTIONS)]
    server.wait_for_requests(CONNECTIONS)
    assert adapter.exchange(Probe(server.url), 0.1) == Failure(FailureKind.BUSY, sent=False)
    waiting = adapter.start_exchange(Probe(server.url))
    gate.set()
    done, _ = wait([*under_way, waiting], PATIENCE)
    assert len(done) == CONNECTIONS + 1
    assert all(isinstance(call.result(), HttpReply) for call in done)
    assert len(server.peers) == CONNECTIONS


def test_the_answers_of_many_at_once_reach_those_who_asked(flavour, serve_raw):
    server, adapter = serve_raw(lambda peer, request: peer.answer(request.target.encode())), flavour.adapter()
    targets = [f"/{number}" for number in range(500)]
    calls = [adapter.start_exchange(Probe(server.url + target)) for target in targets]
    assert [call.result(PATIENCE).body.decode() for call in calls] == targets
    assert len(server.peers) <= CONNECTIONS


def test_failures_give_their_place_back(flavour, serve_raw):
    server, adapter = serve_raw(lambda peer, _: peer.reset()), flavour.adapter()
    for _ in range(CONNECTIONS + 1):
        assert adapter.exchange(Probe(server.url)) == Failure(FailureKind.BROKEN, sent=True)


def test_a_blocking_apply_makes_one_call_at_a_time_and_an_asynchronous_one_several(flavour, serve_raw):
    conversations = [Conversation.direct(user="alice", peer=f"peer{number}") for number in range(8)]
    together = threading.Barrier(4 if flavour.asynchronous else 1)
    now, most, lock = [], [], threading.Lock()

    def handle(peer, _):
        with lock:
            now.append(peer)
            most.append(len(now))
        together.wait(PATIENCE)
        with lock:
            now.remove(peer)
        peer.answer(OK)

    server = serve_raw(handle)
    outcomes = flavour.open(Scripted(server.url)).apply([ClearUnread(c) for c in conversations])
    assert all(outcome.ok for outcome in outcomes)
    assert max(most) >= 4 if flavour.asynchronous else max(most) == 1
