"""The only loops that wait: each performs the steps of a pipeline, one blocking, one not."""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable
from random import SystemRandom

from convops._locks import renew_locks
from convops._schedule import Batch, Schedule
from convops._steps import Environment, Steps, T, Wait
from convops.operations import Outcome
from convops.provider import AsyncTransport, Failure, HttpReply, Transport

REAL = Environment(
    monotonic=time.monotonic,
    time=time.time,
    random=SystemRandom().random,
    nonce=functools.partial(SystemRandom().randbytes, 8),
)

if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=renew_locks)

Perform = Callable[[Batch], Steps[list[Outcome]]]

IN_FLIGHT = 32
"""Batches an asynchronous `apply` keeps in flight."""


def run(steps: Steps[T], transport: Transport) -> T:
    """Perform the steps and return what they come to."""
    result: HttpReply | Failure | None = None
    try:
        while True:
            step = steps.send(result)
            if isinstance(step, Wait):
                time.sleep(step.seconds)
                result = None
            else:
                result = transport.exchange(step.attempt, step.deadline)
    except StopIteration as stop:
        outcome: T = stop.value
        return outcome
    finally:
        steps.close()


async def run_async(steps: Steps[T], transport: AsyncTransport) -> T:
    """Perform the steps and return what they come to, giving way while waiting."""
    import asyncio  # noqa: PLC0415 - only an AsyncClient needs it

    result: HttpReply | Failure | None = None
    try:
        while True:
            step = steps.send(result)
            if isinstance(step, Wait):
                await asyncio.sleep(step.seconds)
                result = None
            else:
                result = await transport.exchange(step.attempt, step.deadline)
    except StopIteration as stop:
        outcome: T = stop.value
        return outcome
    finally:
        steps.close()


def run_all(schedule: Schedule, perform: Perform, transport: Transport) -> dict[int, Outcome]:
    """Perform a schedule batch by batch; return the outcomes by place."""
    outcomes: dict[int, Outcome] = {}
    while (batch := schedule.next()) is not None:
        outcomes.update(zip(batch.indexes, run(perform(batch), transport), strict=True))
        schedule.finish(batch)
    return outcomes


async def run_all_async(
    schedule: Schedule, perform: Perform, transport: AsyncTransport
) -> dict[int, Outcome]:
    """Perform a schedule with several batches in flight; return the outcomes by place."""
    import asyncio  # noqa: PLC0415 - only an AsyncClient needs it

    outcomes: dict[int, Outcome] = {}
    running: dict[asyncio.Task[list[Outcome]], Batch] = {}
    try:
        while True:
            while len(running) < IN_FLIGHT and (batch := schedule.next()) is not None:
                running[asyncio.create_task(run_async(perform(batch), transport))] = batch
            if not running:
                return outcomes
            await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            # In the order they were begun: a set of tasks has another order each time.
            for task in [task for task in running if task.done()]:
                batch = running.pop(task)
                outcomes.update(zip(batch.indexes, task.result(), strict=True))
                schedule.finish(batch)
    finally:
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running)
