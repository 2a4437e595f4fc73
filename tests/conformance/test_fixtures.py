"""The fixtures an app's tests use, and the bars a flow is replayed behind."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import random
import sys
import threading
import time

import pytest

import convops
from convops.operations import Conversation, Delete, Mute
from convops.testing import MemoryWorld
from convops.testing._forbidden import nothing_from_outside

DM = Conversation.direct(user="alice", peer="bob")


def test_a_test_of_an_app_takes_three_lines(convops_simulator):
    convops_simulator.receive(DM, 3)
    convops_simulator.connect().clear_unread(DM)
    assert convops_simulator.state(DM).unread == 0


def test_faults_are_played_without_waiting(convops_simulator, convops_faults):
    convops_faults(convops.RateLimitedError("busy", retry_after=20.0), operation=Mute, times=2)
    chat, began = convops_simulator.connect(), time.monotonic()
    for _ in range(2):
        with pytest.raises(convops.RateLimitedError):
            chat.mute(DM)
    assert chat.delete(DM).ok
    assert time.monotonic() - began < 5


def test_an_app_may_open_its_own_clients(convops_simulator):
    convops_simulator.receive(DM)
    with convops.connect(convops_simulator.url) as chat:
        chat.apply([Delete(DM)])
    with convops.connect("memory", **convops_simulator.settings) as chat:
        assert chat.delete(DM).effect is convops.Effect.ALREADY
    assert convops_simulator.conversations() == {}


def test_an_app_may_be_asynchronous(convops_simulator):
    async def app():
        async with convops_simulator.connect_async() as chat:
            await chat.mute(DM)

    convops_simulator.receive(DM)
    asyncio.run(app())
    assert convops_simulator.state(DM).muted


def test_every_world_is_its_own_and_closes_its_clients():
    with MemoryWorld() as one, MemoryWorld() as other:
        one.receive(DM)
        chat = one.connect()
        assert other.conversations() == {}
    with pytest.raises(convops.ClosedError):
        chat.mute(DM)


# --- Bars -----------------------------------------------------------------------------------------------

REACHING = {
    "time.gmtime": lambda: time.gmtime(),
    "time.monotonic": lambda: time.monotonic(),
    "random.Random": random.Random,
    "Random.random": lambda: random.SystemRandom().random(),
    "datetime.today": lambda: dt.date.today(),
    "os.urandom": lambda: os.urandom(1),
    "_Environ.__setitem__": lambda: os.environ.__setitem__("CONVOPS_BARRED", "x"),
    "builtins.print": lambda: print(end=""),
}
PURE = {
    "a given time": lambda: time.gmtime(0),
    "a given seed": lambda: random.Random(7).random(),
    "a given date": lambda: dt.datetime.fromtimestamp(0, dt.UTC),
    "a date that is one": lambda: isinstance(dt.date(2026, 1, 1), dt.date),
    "arithmetic": lambda: sum(range(10)),
}


@pytest.mark.parametrize("name", REACHING)
def test_what_is_barred_is_stopped_and_noted(name):
    ended = False
    with nothing_from_outside() as bars:
        REACHING[name]()
        ended = True
    assert not ended
    assert bars.reached
    assert "CONVOPS_BARRED" not in os.environ


@pytest.mark.parametrize("name", PURE)
def test_what_is_pure_goes_on(name):
    with nothing_from_outside() as bars:
        first = PURE[name]()
    assert bars.reached == []
    assert first == PURE[name]()


def test_bars_stand_for_one_thread_and_are_lifted():
    heard, go, done = [], threading.Event(), threading.Event()

    def other():
        go.wait(10)
        heard.append(time.time())
        heard.append(dt.datetime.now(dt.UTC))
        done.set()

    thread = threading.Thread(target=other)
    thread.start()
    with nothing_from_outside([sys.modules[__name__]]) as bars:
        go.set()
        done.wait(10)
    thread.join()
    assert len(heard) == 2
    assert bars.reached == []
    assert time.time() > 0
    assert dt.datetime.now(dt.UTC).year > 2000
