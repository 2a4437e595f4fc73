"""Whatever goes wrong on the way is a value that says what, and whether anything was sent."""

from __future__ import annotations

import socket
import ssl
import time

import pytest

from convops.errors import (
    DeadlineExceededError,
    Effect,
    MalformedReplyError,
    OperationError,
    TransportError,
)
from convops.operations import Conversation, Mute
from convops.provider import Failure, FailureKind
from tests.transports.flavours import Probe
from tests.transports.rawserver import HOST, PATIENCE, answering
from tests.transports.scripted import OK, Scripted

DM = Conversation.direct(user="alice", peer="bob")

BODY_MAX = 524_288


def failed(flavour, origin, **options):
    """The error of one operation that is tried once."""
    chat = flavour.open(Scripted(origin), attempts=1, **options)
    with pytest.raises(OperationError) as caught:
        chat.mute(DM)
    (outcome,) = chat.apply([Mute(DM)])
    assert (type(outcome.error), outcome.effect) == (type(caught.value), caught.value.effect)
    assert caught.value.attempts == 1
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)
    return caught.value


# --- Nothing was sent -------------------------------------------------------------------------------


def test_a_port_nobody_listens_on_is_a_connection_failure(flavour, refused_port):
    probe = Probe(f"http://{HOST}:{refused_port}")
    assert flavour.adapter().exchange(probe) == Failure(FailureKind.CONNECT, sent=False)


def test_an_operation_towards_a_port_nobody_listens_on_is_not_applied(flavour, refused_port):
    error = failed(flavour, f"http://{HOST}:{refused_port}")
    assert type(error) is TransportError
    assert error.effect is Effect.NOT_APPLIED
    assert error.retryable


def test_an_unknown_host_is_a_dns_failure(flavour, monkeypatch):
    def unknown(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    probe = Probe("https://chat.example")
    assert flavour.adapter().exchange(probe) == Failure(FailureKind.DNS, sent=False)
    assert failed(flavour, "https://chat.example").effect is Effect.NOT_APPLIED


@pytest.mark.parametrize("host", ["a" * 64 + ".example", "chat..example"])
def test_a_host_that_cannot_be_a_name_is_a_dns_failure(flavour, host):
    assert flavour.adapter().exchange(Probe(f"https://{host}")) == Failure(FailureKind.DNS, sent=False)


@pytest.mark.parametrize("host", [HOST, "other.example"])
def test_a_certificate_of_an_unknown_authority_is_a_tls_failure(flavour, serve_raw, tls, host):
    server = serve_raw(answering(OK), tls=tls.server(host))
    assert flavour.adapter().exchange(Probe(server.url)) == Failure(FailureKind.TLS, sent=False)
    assert failed(flavour, server.url).effect is Effect.NOT_APPLIED
    assert server.received == []


def test_a_certificate_of_another_host_is_a_tls_failure(flavour, serve_raw, tls):
    server = serve_raw(answering(OK), tls=tls.server("other.example"))
    adapter = flavour.adapter(verify=tls.file)
    assert adapter.exchange(Probe(server.url)) == Failure(FailureKind.TLS, sent=False)
    assert failed(flavour, server.url, verify=tls.file).effect is Effect.NOT_APPLIED
    assert server.received == []


class NoHandshake(ssl.SSLContext):
    """A server's side of TLS that says something else, or nothing."""

    says = b""

    def wrap_socket(self, sock, **_):
        sock.sendall(self.says)
        while sock.recv(4096):
            pass
        raise ssl.SSLError("the client hung up")


class PlainHttp(NoHandshake):
    says = b"HTTP/1.1 400 Bad Request\r\n\r\n"


def test_a_server_without_tls_is_a_tls_failure(flavour, serve_raw):
    server = serve_raw(answering(), tls=PlainHttp(ssl.PROTOCOL_TLS_SERVER))
    assert flavour.adapter().exchange(Probe(server.url)) == Failure(FailureKind.TLS, sent=False)


def test_a_handshake_that_never_ends_is_a_timeout_with_nothing_sent(flavour, serve_raw):
    server = serve_raw(answering(), tls=NoHandshake(ssl.PROTOCOL_TLS_SERVER))
    assert flavour.adapter().exchange(Probe(server.url), 0.2) == Failure(FailureKind.TIMEOUT, sent=False)


# --- Something was sent -----------------------------------------------------------------------------


def test_a_reset_after_sending_leaves_the_effect_unknown(flavour, serve_raw):
    error = failed(flavour, serve_raw(lambda peer, _: peer.reset()).url)
    assert type(error) is TransportError
    assert error.effect is Effect.UNKNOWN


@pytest.mark.parametrize(
    "handled", [socket.gaierror(), UnicodeError(), ssl.SSLCertVerificationError(), TimeoutError()], ids=repr
)
def test_what_the_caller_handles_says_nothing_of_the_exchange(flavour, serve_raw, handled):
    server = serve_raw(lambda peer, _: peer.reset())
    adapter = flavour.adapter()
    probe, deadline = Probe(server.url), time.monotonic() + PATIENCE

    async def awaited():
        try:
            raise handled
        except type(handled):
            return await adapter.target.exchange(probe, deadline)

    def called():
        try:
            raise handled
        except type(handled):
            return adapter.target.exchange(probe, deadline)

    result = flavour.run(awaited()) if flavour.asynchronous else called()
    assert result == Failure(FailureKind.BROKEN, sent=True)


def test_a_vendor_that_hangs_up_after_sending_leaves_the_effect_unknown(flavour, serve_raw):
    error = failed(flavour, serve_raw(lambda peer, _: peer.close()).url)
    assert type(error) is TransportError
    assert error.effect is Effect.UNKNOWN


@pytest.mark.parametrize(
    "misbehave",
    [
        pytest.param(lambda peer: peer.until_hung_up(), id="no answer"),
        pytest.param(lambda peer: (peer.send(b"HTTP/1.1 200 X\r\n"), peer.until_hung_up()), id="half a head"),
        pytest.param(
            lambda peer: (peer.send(b"HTTP/1.1 200 X\r\ncontent-length: 9\r\n\r\n{"), peer.until_hung_up()),
            id="half a body",
        ),
        pytest.param(
            lambda peer: (
                peer.send(b"HTTP/1.1 200 X\r\ncontent-length: 9999\r\n\r\n"),
                peer.drip(b"x" * 9999, 0.01),
            ),
            id="a dripping body",
        ),
    ],
)
def test_an_answer_that_does_not_come_in_time_leaves_the_effect_unknown(flavour, serve_raw, misbehave):
    server = serve_raw(lambda peer, _: misbehave(peer))
    error = failed(flavour, server.url, timeout=0.2)
    assert type(error) is DeadlineExceededError
    assert error.effect is Effect.UNKNOWN


def test_a_dripping_head_is_not_read_beyond_the_deadline(flavour, serve_raw):
    finished = []

    def handle(peer, _):
        # Each single read is short, so that only a clock over all of them ends this in time.
        peer.send(b"HTTP/1.1 200 X\r\nx-drip: ")
        finished.append(peer.drip(b"x" * 50, 0.02))

    server = serve_raw(handle)
    assert flavour.adapter().exchange(Probe(server.url), 0.2) == Failure(FailureKind.TIMEOUT, sent=True)
    server.wait_for_end(0)
    assert finished in ([], [False])


# --- Answers nobody can trust -------------------------------------------------------------------------


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_larger_than_the_cap_is_not_read(flavour, serve_raw, chunked):
    def handle(peer, _):
        if chunked:
            peer.send(b"HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\n")
            while True:
                peer.send(b"1000\r\n" + b" " * 0x1000 + b"\r\n")
        peer.answer(b" " * (BODY_MAX - len(OK) + 1) + OK)

    error = failed(flavour, serve_raw(handle).url)
    assert type(error) is MalformedReplyError
    assert error.effect is Effect.UNKNOWN


def test_a_body_as_large_as_the_cap_is_read(flavour, serve_raw):
    server = serve_raw(answering(b" " * (BODY_MAX - len(OK)) + OK))
    assert flavour.open(Scripted(server.url)).mute(DM).ok


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "GZIP", "identity, gzip", "gzip, gzip"])
def test_a_compressed_answer_is_refused_whatever_it_holds(flavour, serve_raw, encoding):
    server = serve_raw(answering(OK, headers=(f"content-encoding: {encoding}",)))
    error = failed(flavour, server.url)
    assert type(error) is MalformedReplyError
    assert error.effect is Effect.UNKNOWN


def test_an_answer_that_says_identity_is_read(flavour, serve_raw):
    server = serve_raw(answering(OK, headers=("content-encoding: identity",)))
    assert flavour.open(Scripted(server.url)).mute(DM).ok


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"", id="hung up"),
        pytest.param(b"\x16\x03\x01\x00\r\n\r\n", id="junk"),
        pytest.param(b"HTTP/1.1 200 X\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n{}", id="two lengths"),
        pytest.param(b"HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", id="a bad chunk"),
        pytest.param(b"HTTP/1.1 200 X\r\nx: " + b"y" * 300_000 + b"\r\n\r\n", id="a huge head"),
        pytest.param(b"HTTP/1.1 2000 X\r\n\r\n", id="no status"),
        pytest.param(b"HTTP/1.1 200 X\r\ncontent-length: 9\r\n\r\n{}", id="a cut body"),
    ],
)
def test_an_answer_that_is_no_http_leaves_the_effect_unknown(flavour, serve_raw, answer):
    def handle(peer, _):
        peer.send(answer)
        peer.close()

    error = failed(flavour, serve_raw(handle).url)
    assert type(error) in (MalformedReplyError, TransportError)
    assert error.effect is Effect.UNKNOWN
