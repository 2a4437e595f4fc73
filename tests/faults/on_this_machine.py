"""Faults on our side: clocks, loops, threads, processes, and an app that stops what it began."""

from __future__ import annotations

import asyncio
import os
import pickle
import resource
import signal
import threading
import warnings
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from convops.errors import ClosedError, Effect
from tests.faults.on_the_wire import Play, Ways, each, only
from tests.faults.stage import SHORT, Result, Stage, result_of
from tests.faults.table import StoppedByApp
from tests.transports.rawserver import PATIENCE, Peer, Received

MANY = 64

# --- Clock ------------------------------------------------------------------------------------------


def _clock(wrong: float) -> Play:
    def play(stage: Stage) -> Result:
        stage.open()
        stage.clock.wrong = wrong
        stage.begin()
        return stage.do()

    return play


# --- Loops, threads, processes ----------------------------------------------------------------------


def _second_loop(stage: Stage) -> Result:
    stage.open()

    async def call(*args: Any) -> Any:
        called = stage.verb(*args)
        return await called if stage.asynchronous else called

    asyncio.run(call(stage.sibling))
    stage.begin()
    return result_of(lambda: asyncio.run(call()))


def _threads(stage: Stage) -> Result:
    stage.open()
    conversations = [stage.other(f"other{number}") for number in range(MANY)]
    for conversation in conversations:
        if stage.operation == "mute":
            stage.simulator.add_group(conversation.other, ["alice"])
        else:
            stage.simulator.add_user(conversation.other)
        stage.simulator.receive(conversation, 2)
    stage.begin()
    together = threading.Barrier(MANY)

    def call(conversation: Any) -> Any:
        together.wait(PATIENCE)
        called = stage.verb(conversation)
        return asyncio.run(called) if stage.asynchronous else called

    with ThreadPoolExecutor(MANY) as threads:
        outcomes = list(threads.map(call, conversations))
    assert [outcome.operation.conversation for outcome in outcomes] == conversations
    assert {(outcome.effect, outcome.attempts) for outcome in outcomes} == {(Effect.APPLIED, 1)}
    assert all(map(stage.holds, conversations))
    _forget_waits_of_threads(stage)
    stage.subject = conversations[0]
    return Result(outcomes[0], None)


def _forget_waits_of_threads(stage: Stage) -> None:
    # One that the machine held up between looking at the clock and taking its slot finds the slots of
    # others ahead of it, and waits for as long as it was held up: that is no wait of a policy.
    stage.waits.clear()


def _fork(stage: Stage) -> Result:
    stage.open()
    stage.call(stage.sibling)
    stage.begin()
    there, back = os.pipe()
    with warnings.catch_warnings():
        # From 3.12 on Python warns of forks beside threads; what it warns of is what is tested.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        _call_and_exit(stage, back)
    os.close(back)
    with os.fdopen(there, "rb") as pipe:
        result, seen = pickle.loads(pipe.read())  # noqa: S301 - our own child wrote it
    assert os.waitpid(child, 0)[1] == 0
    stage.witness.evidence.texts += seen
    assert [request.connection for request in stage.requests] == [1]
    return result


def _call_and_exit(stage: Stage, back: int) -> None:
    status = 1
    try:
        called = stage.verb
        # The loop of this stage stayed behind in the parent.
        result = result_of(lambda: asyncio.run(called()) if stage.asynchronous else called())
        with os.fdopen(back, "wb") as pipe:
            pickle.dump((result, stage.witness.evidence.texts), pipe)
        status = 0
    finally:
        os._exit(status)


# --- Stopped on the way -----------------------------------------------------------------------------


class Gate:
    """Holds an answer back until it is opened.

    Attributes:
        reached: set when a request waits there.
    """

    def __init__(self, stage: Stage) -> None:
        self.reached = threading.Event()
        self._opened = threading.Event()
        stage.closing.callback(self.open)

    def open(self) -> None:
        self._opened.set()

    def handle(self, stage: Stage, peer: Peer, request: Received) -> None:
        self.reached.set()
        self._opened.wait(PATIENCE)
        stage.healthy(peer, request)


def _closed(stage: Stage) -> Result:
    stage.open()
    gate = Gate(stage)
    stage.begin(gate.handle)

    async def close_meanwhile() -> Any:
        running = asyncio.create_task(stage.verb())
        await asyncio.to_thread(gate.reached.wait, PATIENCE)
        await stage.client.aclose()
        gate.open()
        return await running

    if stage.asynchronous:
        result = result_of(lambda: stage.run(close_meanwhile()))
    else:
        with ThreadPoolExecutor(1) as threads:
            running = threads.submit(stage.verb)
            assert gate.reached.wait(PATIENCE)
            stage.client.close()
            gate.open()
        result = result_of(running.result)
    assert type(result_of(stage.call).error) is ClosedError
    return result


def _interrupt(stage: Stage) -> Result:
    return _signalled(stage, signal.SIGINT)


def _cancel(stage: Stage) -> Result:
    if not stage.asynchronous:
        return _signalled(stage, signal.SIGUSR1)
    stage.open()
    reached = threading.Event()

    def handle(_: Stage, peer: Peer, __: Received) -> None:
        reached.set()
        peer.until_hung_up()

    stage.begin(handle)

    async def cancel_meanwhile() -> Any:
        running = asyncio.create_task(stage.verb())
        await asyncio.to_thread(reached.wait, PATIENCE)
        running.cancel()
        return await running

    return result_of(lambda: stage.run(cancel_meanwhile()))


def _signalled(stage: Stage, number: signal.Signals) -> Result:
    """Return what comes of a signal while the answer is awaited."""
    stage.open()

    def stop(*_: object) -> None:
        raise StoppedByApp

    def handle(_: Stage, peer: Peer, __: Received) -> None:
        signal.pthread_kill(threading.main_thread().ident, number)
        peer.until_hung_up()

    if number is signal.SIGUSR1:
        stage.closing.callback(signal.signal, number, signal.signal(number, stop))
    stage.begin(handle)
    return stage.do()


# --- Nothing left -----------------------------------------------------------------------------------


def _no_descriptors(stage: Stage) -> Result:
    stage.open()
    # Once with everything, so that whatever is loaded when it is first needed is there.
    stage.fault = lambda stage, peer, request: peer.send(stage.answer(request, "connection: close"))
    stage.call(stage.sibling)
    stage.server.wait_for_end(0)
    stage.begin()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with open(os.devnull) as lowest:  # noqa: PTH123 - the number of a descriptor is all that is wanted
        limit = lowest.fileno()
    # Every descriptor below is taken, and none from here on may be.
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    try:
        return stage.do()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def _pool_full(stage: Stage) -> Result:
    stage.open()
    gate = Gate(stage)
    stage.begin(gate.handle)
    full = (lambda: stage.server.wait_for_requests(MANY),)

    async def one_more() -> Result:
        running = [asyncio.create_task(stage.verb(stage.sibling)) for _ in range(MANY)]
        await asyncio.to_thread(*full)
        try:
            result = Result(await stage.verb(timeout=SHORT), None)
        except Exception as error:  # noqa: BLE001 - it is looked at
            result = Result(None, error.with_traceback(None))
        gate.open()
        assert all(outcome.ok for outcome in await asyncio.gather(*running))
        return result

    if stage.asynchronous:
        result = stage.run(one_more())
    else:
        with ThreadPoolExecutor(MANY) as threads:
            running = [threads.submit(stage.verb, stage.sibling) for _ in range(MANY)]
            full[0]()
            _forget_waits_of_threads(stage)
            result = stage.do(timeout=SHORT)
            gate.open()
            assert all(future.result().ok for future in running)
    # Those that filled it.
    stage.first_request += MANY
    return result


def _both(make: Callable[[float], Play]) -> Ways:
    return {"fast": make(3600.0), "slow": make(-3600.0)}


PLAYS: Mapping[str, Callable[[str, str], Ways]] = {
    "clock": each(_both(_clock)),
    "second-loop": only(_second_loop),
    "closed-mid-call": only(_closed),
    "interrupt": only(_interrupt),
    "cancel": only(_cancel),
    "fork": only(_fork),
    "no-descriptors": only(_no_descriptors),
    "threads": only(_threads),
    "pool-full": only(_pool_full),
}
