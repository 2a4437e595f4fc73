"""What is particular to aiohttp: its tracers, its event loops, and the parser that takes more than HTTP."""

from __future__ import annotations

import asyncio
import gc

import aiohttp
import pytest
from yarl import URL

from convops._transports import TransportOptions
from convops._transports.aiohttp_seat import _Spelled
from convops._transports.framing import are_chunks
from convops.operations import Conversation
from convops.provider import Credentials, HttpReply
from tests.incidents.test_chunks import CHUNKED, ENDS, EXTENSIONS, FOOTERS, SIZES
from tests.transports.flavours import Flavour, Probe
from tests.transports.rawserver import answering
from tests.transports.scripted import OK, Scripted
from tests.transports.test_connections import FRAMINGS

DM = Conversation.direct(user="alice", peer="bob")
SIGNALS = [name for name in dir(aiohttp.TraceConfig()) if name.startswith("on_")]


@pytest.fixture
def background():
    made = Flavour("async")
    yield made
    made.close()


def adapter():
    return TransportOptions(transport="aiohttp").open_async(None)


def ask(url):
    """Return a coroutine function that exchanges once."""

    async def exchange(with_adapter):
        return await with_adapter.exchange(Probe(url), asyncio.get_running_loop().time() + 10)

    return exchange


# --- What tracers are shown -----------------------------------------------------------------------------


def spelled(params):
    shown = [getattr(params, name, None) for name in ("url", "headers", "response", "exception", "chunk")]
    response = getattr(params, "response", None)
    return f"{params!r} {shown!r} {[str(part) for part in shown]} {getattr(response, 'request_info', None)!r}"


@pytest.fixture
def heard(monkeypatch):
    """What the tracers of every session made meanwhile hear: the signal, and all that it shows."""
    told = []
    make = aiohttp.ClientSession.__init__

    def hear(signal):
        async def heard(_, __, params):
            told.append((signal, spelled(params)))

        return heard

    def make_traced(self, *args, **options):
        tracing = aiohttp.TraceConfig()
        for signal in SIGNALS:
            getattr(tracing, signal).append(hear(signal))
        make(self, *args, **{**options, "trace_configs": [tracing]})

    monkeypatch.setattr(aiohttp.ClientSession, "__init__", make_traced)
    return told


@pytest.mark.parametrize(
    "credentials",
    [
        Credentials(query={"sig": "s3cr3t"}),
        Credentials(headers={"x-token": "s3cr3t", "authorization": "Bearer s3cr3t"}),
    ],
    ids=["by query", "by header"],
)
def test_no_tracer_is_shown_a_credential(background, serve_raw, heard, credentials):
    server = serve_raw(lambda peer, _: peer.answer(OK) if peer.number == 0 else peer.reset())
    chat = background.open(Scripted(server.url, lambda: credentials), transport="aiohttp", attempts=1)
    chat.mute(DM)
    assert "s3cr3t" in f"{server.received[0].target} {server.received[0].fields}"
    signals = {signal for signal, _ in heard}
    assert {"on_request_start", "on_connection_create_end", "on_request_end"} <= signals
    assert f"{server.url}/alice" in dict(heard)["on_request_start"]
    assert [said for _, said in heard if "s3cr3t" in said] == []


def test_a_tracer_is_told_nothing_of_what_a_peer_says_that_is_no_http(background, serve_raw, heard):
    server = serve_raw(lambda peer, request: (peer.send(request.target.encode() + b"\r\n\r\n"), peer.close()))
    chat = background.open(
        Scripted(server.url, lambda: Credentials(query={"sig": "s3cr3t"})), transport="aiohttp", attempts=1
    )
    with pytest.raises(Exception, match="mute"):
        chat.mute(DM)
    assert "on_request_exception" in {signal for signal, _ in heard}
    assert [said for _, said in heard if "s3cr3t" in said] == []


def test_the_signed_target_is_spelled_to_the_first_who_asks_and_to_nobody_after():
    shown = URL("http://h.example/a?b=1", encoded=True)
    for asked in (lambda url: url.raw_path_qs, str):
        url = _Spelled(shown, "/a?b=1&sig=s3cr3t")
        assert "s3cr3t" not in repr(url)
        assert asked(url).endswith("/a?b=1&sig=s3cr3t")
        assert (url.raw_path_qs, str(url)) == ("/a?b=1", "http://h.example/a?b=1")
    assert url.host == "h.example"


# --- Event loops ----------------------------------------------------------------------------------------


def test_closing_in_one_event_loop_closes_what_another_one_holds(background, serve_raw):
    server, shared = serve_raw(answering()), adapter()
    assert isinstance(background.run(ask(server.url)(shared)), HttpReply)
    asyncio.run(shared.aclose())
    server.wait_for_end(0)


def test_the_end_of_an_event_loop_closes_what_it_holds(serve_raw):
    server, shared = serve_raw(answering()), adapter()
    assert isinstance(asyncio.run(ask(server.url)(shared)), HttpReply)
    server.wait_for_end(0)


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # asyncio's own, of transports nobody closed
@pytest.mark.parametrize("then", ["close", "exchange"])
def test_an_event_loop_that_was_closed_without_its_end_does_no_harm(serve_raw, then):
    server, shared = serve_raw(answering()), adapter()
    loop = asyncio.new_event_loop()
    assert isinstance(loop.run_until_complete(ask(server.url)(shared)), HttpReply)
    loop.close()
    if then == "exchange":
        assert isinstance(asyncio.run(ask(server.url)(shared)), HttpReply)
    asyncio.run(shared.aclose())
    gc.collect()
    server.wait_for_end(0)


def test_a_closed_adapter_keeps_no_connection(serve_raw):
    server, shared = serve_raw(answering()), adapter()

    async def close_and_ask():
        await shared.aclose()
        assert isinstance(await ask(server.url)(shared), HttpReply)
        await asyncio.to_thread(server.wait_for_end, 0)

    asyncio.run(close_and_ask())


# --- Chunks ---------------------------------------------------------------------------------------------

NO_CHUNKS = {**FOOTERS, **SIZES, **EXTENSIONS, **ENDS}


@pytest.mark.parametrize("body", NO_CHUNKS.values(), ids=NO_CHUNKS)
def test_what_breaks_the_rules_of_chunks_is_told_apart(body):
    assert not are_chunks(CHUNKED + body)


@pytest.mark.parametrize("received", [framed for framed in FRAMINGS if b"chunked" in framed.values[0]])
def test_chunks_that_keep_the_rules_are_chunks(received):
    assert are_chunks(received)
    assert are_chunks(received + b"HTTP/1.1 200 X\r\n")
    assert not any(are_chunks(received[:end]) for end in range(len(received)))
