"""Credentials are spelled on the wire, and nowhere on the way there."""

from __future__ import annotations

import pickle

import httpx
import pytest

from convops.errors import Effect, PluginError, TransportError
from convops.operations import Conversation
from convops.provider import Credentials, Failure, FailureKind
from tests.transports.flavours import AsyncSpyTransport, Probe
from tests.transports.rawserver import answering
from tests.transports.scripted import OK, Scripted

SENTINEL = "s3cr3t+/= sentinel"
ENCODED = "s3cr3t%2B%2F%3D%20sentinel"
DM = Conversation.direct(user="alice", peer="bob")


def by_query():
    return Credentials(query={"sig": SENTINEL})


def by_header():
    return Credentials(headers={"x-token": "s3cr3t-token", "authorization": "Bearer s3cr3t-bearer"})


def spellings(request):
    """Everything a logger, a tracer or a recorder reads of a request."""
    url = request.url
    yield from (str(url), repr(url), repr(request), url.query.decode(), str(url.params), url.path)
    yield from (str(request.headers), repr(request.headers), repr(dict(request.headers)))
    yield repr(request.headers.multi_items())
    yield repr(request.headers.raw)
    yield repr(vars(request))


def test_query_credentials_are_on_the_wire_after_the_calls_own_query(flavour, serve_raw):
    server = serve_raw(answering(OK))
    flavour.open(Scripted(server.url, by_query)).mute(DM)
    (request,) = server.received
    assert request.target == f"/alice?sig={ENCODED}"


def test_header_credentials_are_on_the_wire_once(flavour, serve_raw):
    server = serve_raw(answering(OK))
    flavour.open(Scripted(server.url, by_header)).mute(DM)
    (request,) = server.received
    assert request.all("x-token") == ["s3cr3t-token"]
    assert request.all("authorization") == ["Bearer s3cr3t-bearer"]
    assert request.target == "/alice"


@pytest.mark.of_httpx("transports of its own")
@pytest.mark.parametrize("credentials", [by_query, by_header])
def test_the_request_that_httpx_is_given_shows_no_credentials(flavour, serve_raw, credentials):
    server, spy = serve_raw(answering(OK)), flavour.spy()
    flavour.open(Scripted(server.url, credentials), transport=spy).mute(DM)
    (request,) = spy.requests
    assert str(request.url) == f"{server.url}/alice"
    for spelling in spellings(request):
        assert "s3cr3t" not in spelling


@pytest.mark.of_httpx("transports of its own")
@pytest.mark.parametrize("credentials", [by_query, by_header])
def test_a_request_that_was_sent_cannot_be_pickled_with_its_credentials(flavour, serve_raw, credentials):
    server, spy = serve_raw(answering(OK)), flavour.spy()
    flavour.open(Scripted(server.url, credentials), transport=spy).mute(DM)
    try:
        pickled = pickle.dumps(spy.requests[0])
    except (TypeError, AttributeError, pickle.PicklingError):
        pickled = b""
    assert b"s3cr3t" not in pickled


def test_every_attempt_is_signed_anew(flavour, serve_raw):
    signatures = iter("abcdef")
    statuses = iter([503, 200])
    server = serve_raw(lambda peer, _: peer.answer(OK, status=next(statuses)))
    chat = flavour.open(Scripted(server.url, lambda: Credentials(query={"sig": next(signatures)})))
    assert chat.mute(DM).attempts == 2
    assert [request.query for request in server.received] == ["sig=a", "sig=b"]


@pytest.mark.of_httpx("transports of its own")
def test_a_transport_that_spells_the_credentials_itself_sends_nothing(flavour, serve_raw):
    class Curious(AsyncSpyTransport if flavour.asynchronous else httpx.HTTPTransport):
        def handle_request(self, request):
            assert b"sig" in request.url.raw_path
            return super().handle_request(request)

        def handle_async_request(self, request):
            assert b"sig" in request.url.raw_path
            return super().handle_async_request(request)

    server = serve_raw(answering(OK))
    chat = flavour.open(Scripted(server.url, by_query), transport=Curious(), attempts=1)
    with pytest.raises(TransportError) as refused:
        chat.mute(DM)
    # Nobody can tell such a transport from one that sent the request and sends it again.
    assert refused.value.effect is Effect.UNKNOWN
    assert server.received == []


def test_a_signer_that_fails_is_a_bug_of_the_plugin_and_nothing_is_sent(flavour, serve_raw):
    def fail():
        opened = SENTINEL
        raise LookupError(opened)

    server = serve_raw(answering(OK))
    with pytest.raises(PluginError) as caught:
        flavour.open(Scripted(server.url, fail)).mute(DM)
    assert caught.value.effect is Effect.NOT_APPLIED
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)
    assert "LookupError" in str(caught.value)
    assert "s3cr3t" not in str(caught.value)
    assert server.received == []


def test_an_attempt_that_cannot_be_signed_is_not_sent(flavour, serve_raw):
    server, adapter = serve_raw(answering()), flavour.adapter()
    probe = Probe(server.url)
    probe.sign()
    assert adapter.exchange(probe) == Failure(FailureKind.UNSIGNED, sent=False)
    assert server.received == []
