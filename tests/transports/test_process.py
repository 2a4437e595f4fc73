"""One client across forks, event loops and threads, leaving nothing open."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections import defaultdict
from pathlib import Path

import pytest

from convops import _connect
from convops._accounts import Account
from convops.operations import ClearUnread, Conversation
from convops.provider import HttpReply
from tests.transports import chosen
from tests.transports.flavours import Probe
from tests.transports.rawserver import PATIENCE, answering
from tests.transports.scripted import OK, Scripted

DM = Conversation.direct(user="alice", peer="bob")
ROOT = Path(__file__).parents[2]

BEGIN = """
import asyncio, json, os, sys, time
from convops._transports import TransportOptions
from convops.provider import HttpReply
from tests.transports.flavours import Probe

url, options = sys.argv[1], json.loads(sys.argv[2])

def right(reply, target):
    if not isinstance(reply, HttpReply) or reply.body.decode() != target:
        print("wrong", target, reply, file=sys.stderr)
        os._exit(1)
"""

SYNC = """
adapter = TransportOptions(**options).open(None)

def several(count):
    for number in range(count):
        target = f"/{os.getpid()}/{number}"
        right(adapter.exchange(Probe(url + target), time.monotonic() + 20), target)
"""

ASYNC = """
adapter = TransportOptions(**options).open_async(None)

async def many(count):
    async def one(number):
        target = f"/{os.getpid()}/{number}"
        right(await adapter.exchange(Probe(url + target), time.monotonic() + 20), target)
    await asyncio.gather(*(one(number) for number in range(count)))

def several(count):
    asyncio.run(many(count))
"""

FORK = """
several(5)
child = os.fork()
several(20)
if child == 0:
    os._exit(0)
_, status = os.waitpid(child, 0)
several(5)
os._exit(os.waitstatus_to_exitcode(status))
"""


def run(script, url):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "plugins")])}
    return subprocess.run(  # noqa: S603 - a script of this file
        [sys.executable, "-W", "error", "-c", script, url, json.dumps(chosen.options())],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("client", [SYNC, ASYNC], ids=["sync", "async"])
def test_after_a_fork_parent_and_child_each_get_their_own_answers(serve_raw, client):
    server = serve_raw(lambda peer, request: peer.answer(request.target.encode()))
    done = run(BEGIN + client + FORK, server.url)
    assert (done.returncode, done.stderr) == (0, "")
    callers = defaultdict(set)
    for request in server.received:
        callers[request.connection].add(request.target.split("/")[1])
    assert len(server.received) == 50
    assert len({pid for pids in callers.values() for pid in pids}) == 2
    assert all(len(pids) == 1 for pids in callers.values())


PATHS = ("/ok", "/reset", "/large", "/silent", "/ok", "/half", "/ok")

UNCLEAN = """
for path in PATHS:
    adapter.exchange(Probe(url + path), time.monotonic() + (0.1 if path == "/silent" else 20))
adapter.close()
"""

UNCLEAN_ASYNC = """
import contextlib

async def through_every_end():
    for path in PATHS:
        await adapter.exchange(Probe(url + path), time.monotonic() + (0.1 if path == "/silent" else 20))
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0.1):
            await adapter.exchange(Probe(url + "/silent"), time.monotonic() + 20)
    await adapter.aclose()

asyncio.run(through_every_end())
"""


def through_every_end(peer, request):
    match request.target:
        case "/ok":
            peer.answer()
        case "/large":
            peer.answer(b" " * 600_000)
        case "/half":
            peer.send(b"HTTP/1.1 200 X\r\ncontent-length: 9\r\n\r\n{")
            peer.close()
        case "/silent":
            peer.until_hung_up()
        case _:
            peer.reset()


@pytest.mark.parametrize("secure", [False, True])
@pytest.mark.parametrize("client", [SYNC + UNCLEAN, ASYNC + UNCLEAN_ASYNC], ids=["sync", "async"])
def test_no_socket_is_left_to_the_garbage_collector(serve_raw, tls, client, secure):
    server = serve_raw(through_every_end, tls=tls.server() if secure else None)
    done = run(f"{BEGIN}PATHS = {PATHS}\n{client}", server.url)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.flavour("async")
def test_an_asynchronous_client_works_in_one_event_loop_after_another(serve_raw):
    server = serve_raw(answering(OK))
    client = _connect._open_async(Account(Scripted(server.url), None), chosen.options())

    async def several():
        return await client.apply([ClearUnread(Conversation.direct(user="u", peer=str(n))) for n in range(5)])

    async def several_and_close():
        async with client:
            return await several()

    for work in (several, several, several_and_close):
        assert all(outcome.ok for outcome in asyncio.run(work()))


@pytest.mark.flavour("async")
def test_an_asynchronous_client_can_be_closed_when_its_event_loop_is_gone(serve_raw):
    server = serve_raw(answering(OK))
    client = _connect._open_async(Account(Scripted(server.url), None), chosen.options())
    assert asyncio.run(client.mute(DM)).ok
    asyncio.run(client.aclose())
    server.wait_for_end(0)


@pytest.mark.flavour("async")
def test_no_connection_of_an_earlier_event_loop_stays_open(serve_raw):
    server = serve_raw(answering(OK))
    client = _connect._open_async(Account(Scripted(server.url), None), chosen.options())

    async def mute_and_close():
        async with client:
            await client.mute(DM)

    assert asyncio.run(client.mute(DM)).ok
    asyncio.run(mute_and_close())
    for connection in range(len(server.peers)):
        server.wait_for_end(connection)


@pytest.mark.flavour("async")
def test_an_asynchronous_client_works_in_several_event_loops_at_once(serve_raw):
    server = serve_raw(answering(OK))
    client = _connect._open_async(Account(Scripted(server.url), None), chosen.options())
    outcomes = []

    async def several():
        return await client.apply(
            [ClearUnread(Conversation.direct(user="u", peer=str(n))) for n in range(20)]
        )

    threads = [threading.Thread(target=lambda: outcomes.extend(asyncio.run(several()))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    asyncio.run(client.aclose())
    assert [outcome.ok for outcome in outcomes] == [True] * 80


LOOPS = """
adapter = TransportOptions(**options).open_async(None)

async def one(close=False):
    right(await adapter.exchange(Probe(url + "/1"), time.monotonic() + 20), "/1")
    if close:
        await adapter.aclose()

asyncio.run(one())
asyncio.run(one())
asyncio.run(one(close=True))
"""


@pytest.mark.flavour("async")
def test_one_event_loop_after_another_ends_without_a_warning(serve_raw):
    server = serve_raw(lambda peer, request: peer.answer(request.target.encode()))
    done = run(BEGIN + LOOPS, server.url)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.flavour("sync")
def test_threads_that_share_a_client_each_get_their_own_answer(serve_raw):
    server = serve_raw(answering(OK))
    client = _connect._open(Account(Scripted(server.url), None), chosen.options())
    outcomes = defaultdict(list)

    def work(name):
        for number in range(20):
            conversation = Conversation.direct(user=name, peer=str(number))
            outcomes[name].append(client.mute(conversation).operation.conversation == conversation)

    threads = [threading.Thread(target=work, args=(f"user{number}",)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    client.close()
    assert sum(map(sum, outcomes.values())) == 16 * 20
    assert len(server.received) == 16 * 20


def test_a_reply_is_a_value_without_a_connection(flavour, serve_raw):
    server = serve_raw(answering(headers=("X-Name: value",)))
    reply = flavour.adapter().exchange(Probe(server.url))
    assert reply == HttpReply(200, {"content-length": "2", "x-name": "value"}, b"{}")
