"""Cancelling an asynchronous verb at whatever step leaks neither socket nor slot."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

import pytest

from convops import _connect
from convops._accounts import Account
from convops._policy import Pacer
from convops.operations import Conversation
from tests.transports import chosen
from tests.transports.rawserver import answering
from tests.transports.scripted import OK, Scripted

pytestmark = pytest.mark.flavour("async")

DM = Conversation.direct(user="alice", peer="bob")
STEPS = 60


def descriptors():
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.skipif(sys.platform != "linux", reason="counts descriptors in /proc")
@pytest.mark.parametrize("secured", [False, True], ids=["plain", "tls"])
def test_a_verb_cancelled_after_any_number_of_steps_leaves_nothing_behind(serve_raw, tls, secured):
    server = serve_raw(answering(OK), tls=tls.server() if secured else None)
    options = chosen.options(**({"verify": tls.file} if secured else {}))

    async def cancelled_after(steps):
        client = _connect._open_async(Account(Scripted(server.url), None), options)
        verb = asyncio.ensure_future(client.mute(DM))
        for _ in range(steps):
            await asyncio.sleep(0)
        verb.cancel()
        try:
            await verb
        except asyncio.CancelledError:
            done = False
        else:
            done = True
        await client.aclose()
        return done

    async def all_steps():
        return [await cancelled_after(steps) for steps in range(STEPS)]

    before = descriptors()
    done = asyncio.run(all_steps())
    assert not done[0]
    # The server's ends of the connections close in its own time.
    for _ in range(200):
        if descriptors() <= before:
            break
        time.sleep(0.05)
    assert descriptors() <= before


def test_a_verb_cancelled_while_it_waits_for_its_slot_gives_the_slot_back(serve_raw):
    server = serve_raw(answering(OK))

    async def story():
        client = _connect._open_async(Account(Scripted(server.url), None), chosen.options(pace=2.0))
        pacer = client._pipeline.pacer = client._pipeline._caller.pacer = Pacer()
        await client.mute(DM)
        waiting = asyncio.ensure_future(client.mute(DM))
        await asyncio.sleep(0.01)
        (lane,) = pacer._lanes.values()
        taken = lane.next
        waiting.cancel()
        await asyncio.wait([waiting])
        await client.aclose()
        return lane, taken

    lane, taken = asyncio.run(story())
    assert lane.next == taken
    assert len(lane.returned) == 1
