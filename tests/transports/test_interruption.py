"""An exchange that is interrupted closes its connection, and tells nothing of what it was doing."""

from __future__ import annotations

import asyncio
import os
import signal
import ssl
import threading
from concurrent.futures import Future

import pytest

from convops import _connect
from convops._accounts import Account
from convops.operations import ClearUnread, Conversation
from convops.provider import Credentials
from tests.transports import chosen
from tests.transports.flavours import Flavour
from tests.transports.rawserver import PATIENCE, answering
from tests.transports.scripted import OK, Scripted

DM = Conversation.direct(user="alice", peer="bob")
LIBRARIES = ("httpx", "httpcore", "anyio", "h11", "aiohttp", "aiohappyeyeballs")


def frames(error):
    trace = error.__traceback__
    while trace is not None:
        yield trace.tb_frame
        trace = trace.tb_next


def assert_bare(error):
    """No frame of a library, and no way to one, is left."""
    assert (error.__cause__, error.__context__) == (None, None)
    files = [frame.f_code.co_filename for frame in frames(error)]
    assert files
    for file in files:
        assert not any(f"{os.sep}{library}{os.sep}" in file for library in LIBRARIES)
        assert not file.endswith(("ssl.py", "sockets.py"))


@pytest.fixture
def background():
    made = Flavour("async")
    yield made
    made.close()


def interrupted(background, chat, wait_until_there):
    """Cancel a verb when the server says where it is, and return what came out of it."""
    caught = Future()

    async def verb():
        try:
            await chat.target.mute(DM)
        except BaseException as error:
            caught.set_result(error)
            raise

    running = asyncio.run_coroutine_threadsafe(verb(), background.loop)
    wait_until_there()
    running.cancel()
    return caught.result(PATIENCE)


def by_query():
    return Credentials(query={"sig": "s3cr3t"}, headers={"x-token": "s3cr3t"})


@pytest.mark.flavour("async")
@pytest.mark.parametrize(
    "begin",
    [
        pytest.param(b"", id="before the head"),
        pytest.param(b"HTTP/1.1 200 X\r\nx-", id="inside the head"),
        pytest.param(b"HTTP/1.1 200 X\r\ncontent-length: 9\r\n\r\n{", id="inside the body"),
    ],
)
def test_cancelling_closes_the_connection_and_leaves_no_frame_of_a_library(background, serve_raw, begin):
    there = threading.Event()

    def handle(peer, _):
        peer.send(begin)
        there.set()
        peer.until_hung_up()

    server = serve_raw(handle)
    chat = background.open(Scripted(server.url, by_query))
    error = interrupted(background, chat, lambda: there.wait(PATIENCE))
    assert type(error) is asyncio.CancelledError
    assert_bare(error)
    server.wait_for_end(0)


@pytest.mark.flavour("async")
def test_cancelling_a_handshake_closes_the_connection_and_leaves_no_frame_of_a_library(background, serve_raw):
    there, gone = threading.Event(), threading.Event()

    class Silent(ssl.SSLContext):
        def wrap_socket(self, sock, **_):
            there.set()
            while sock.recv(4096):
                pass
            gone.set()
            raise ssl.SSLError("the client hung up")

    server = serve_raw(answering(), tls=Silent(ssl.PROTOCOL_TLS_SERVER))
    chat = background.open(Scripted(server.url, by_query))
    error = interrupted(background, chat, lambda: there.wait(PATIENCE))
    assert_bare(error)
    assert gone.wait(PATIENCE)


@pytest.mark.flavour("async")
def test_after_a_cancelled_exchange_the_next_one_gets_its_own_answer(background, serve_raw):
    there, gate = threading.Event(), threading.Event()

    def handle(peer, _):
        if peer.number == 0:
            there.set()
            gate.wait(PATIENCE)
            peer.answer(b'{"code":7}')
        else:
            peer.answer(OK)

    server = serve_raw(handle)
    chat = background.open(Scripted(server.url))
    interrupted(background, chat, lambda: there.wait(PATIENCE))
    gate.set()
    assert chat.mute(DM).ok
    assert [request.connection for request in server.received] == [0, 1]


@pytest.mark.flavour("async")
def test_cancelling_an_apply_closes_every_connection_in_use(background, serve_raw):
    server = serve_raw(lambda peer, _: peer.until_hung_up())
    chat = background.open(Scripted(server.url))
    operations = [ClearUnread(Conversation.direct(user="alice", peer=str(number))) for number in range(8)]
    running = chat.start("apply", operations)
    server.wait_for_requests(8)
    running.cancel()
    for connection in range(8):
        server.wait_for_end(connection)


@pytest.mark.flavour("async")
def test_a_timeout_of_the_app_around_a_verb_stays_a_timeout(background, serve_raw):
    server = serve_raw(lambda peer, _: peer.until_hung_up())
    chat = background.open(Scripted(server.url))

    async def impatient():
        async with asyncio.timeout(0.1):
            await chat.target.mute(DM)

    with pytest.raises(TimeoutError):
        background.run(impatient())
    server.wait_for_end(0)


@pytest.mark.flavour("sync")
def test_an_interrupt_inside_the_signer_leaves_no_frame_of_a_library(serve_raw):
    def interrupt():
        raise KeyboardInterrupt

    server, flavour = serve_raw(answering(OK)), Flavour("sync")
    chat = flavour.open(Scripted(server.url, interrupt))
    with pytest.raises(KeyboardInterrupt) as caught:
        chat.mute(DM)
    assert_bare(caught.value)
    assert server.received == []
    flavour.close()


@pytest.mark.flavour("async")
def test_an_interrupt_inside_the_signer_of_an_asynchronous_client_leaves_none_either(serve_raw):
    def interrupt():
        raise KeyboardInterrupt

    server = serve_raw(answering(OK))
    account = Account(Scripted(server.url, interrupt), None)

    async def mute():
        async with _connect._open_async(account, chosen.options()) as client:
            await client.mute(DM)

    with pytest.raises(KeyboardInterrupt) as caught:
        asyncio.run(mute())
    assert_bare(caught.value)
    assert server.received == []


@pytest.mark.flavour("sync")
def test_an_interrupt_while_waiting_for_the_answer_closes_the_connection(serve_raw):
    main = threading.main_thread().ident

    def handle(peer, _):
        if peer.number == 0:
            signal.pthread_kill(main, signal.SIGINT)
            peer.until_hung_up()
        else:
            peer.answer(OK)

    server, flavour = serve_raw(handle), Flavour("sync")
    chat = flavour.open(Scripted(server.url, by_query))
    with pytest.raises(KeyboardInterrupt) as caught:
        chat.mute(DM)
    assert_bare(caught.value)
    server.wait_for_end(0)
    assert chat.mute(DM).ok
    flavour.close()
