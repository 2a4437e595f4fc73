"""Plays a story with the real clients over virtual time, and keeps what was said and what was so."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator, Sequence
from contextvars import ContextVar
from random import Random
from typing import Any

from attrs import evolve

from convops._accounts import from_keywords, veil
from convops._client import AsyncClient, Client
from convops._pipeline import Pipeline
from convops._policy import Pacer, Retry, RetryBudget
from convops._steps import Environment, Exchange
from convops.operations import ClearUnread, Conversation, Delete, MarkRead, Mute, Operation, Outcome
from tests.simulation.history import History, Played, Record
from tests.simulation.network import BlockingLine, Line, Network
from tests.simulation.story import BEGIN, Act, Arrival, ClockStep, Outage, Seat, Story
from tests.simulation.vendors import Vendor
from tests.simulation.virtual_time import Interrupt, StuckError, blocking, live

END = 7200.0
"""Seconds after which no story goes on."""

REST = 300.0
"""Seconds after which every pause is over, and every outage forgotten."""

START = 1000.0
"""What every monotonic clock says at the beginning."""

AFTERWARDS = Conversation.direct(user="ann", peer="ben")

ACT: ContextVar[Act] = ContextVar("act")


def play(story: Story) -> History:
    """Play a story from its beginning to its end."""
    stage = Stage(story)
    try:
        live(stage.play(), end=END)
    except StuckError as stuck:
        stage.history.stuck = str(stuck)
    return stage.history


class Watched(Pipeline):
    """A pipeline that is looked at, and otherwise as any."""

    network: Network
    seat: int

    def perform(self, operations: Sequence[Operation], **how: Any) -> Generator[Any, Any, list[Outcome]]:
        """Perform a batch as ever, and keep what it asks and what comes of it."""
        now, history = asyncio.get_running_loop().time, self.network.history
        record = Record(
            act=ACT.get(),
            seat=self.seat,
            operations=operations,
            began=now(),
            arrived=dict(history.vendors[history.story.seats[self.seat].app].arrived),
            timeout=how["timeout"],
            patient=how.get("patient", False),
        )
        history.records.append(record)
        steps = super().perform(operations, **how)
        came: Any = None
        try:
            while True:
                step = steps.send(came)
                if isinstance(step, Exchange):
                    self.network.batches[step.attempt] = record
                came = yield step
        except StopIteration as stop:
            record.outcomes = stop.value
            return stop.value
        finally:
            steps.close()
            record.ended = now()


class Stage:
    """Machines, vendors and what is between them."""

    def __init__(self, story: Story) -> None:
        self.story = story
        self.history = History(story)
        self._network = Network(self.history)
        self._skews = [machine.skew for machine in story.machines]

    async def play(self) -> None:
        """Let everything happen, and wait for the end of it."""
        loop, vendors = asyncio.get_running_loop(), self.history.vendors
        vendors += (Vendor(app, place, loop.time) for place, app in enumerate(self.story.apps))
        clients = self._clients(loop.time)
        for event in self.story.events:
            if isinstance(event, Arrival):
                loop.call_at(event.at, vendors[event.app].receive, event.conversation, event.count)
            elif isinstance(event, ClockStep):
                loop.call_at(event.at, self._set_clock, event)
            elif isinstance(event, Outage) and event.fate == "restarting":
                loop.call_at(event.at + event.seconds, vendors[event.app].forget_calls)
        acts = (self._act(act, clients[act.seat], self.history.played) for act in self.story.of(Act))
        await asyncio.gather(*acts)
        await asyncio.sleep(REST)
        for place, client in enumerate(clients):
            vendors[self.story.seats[place].app].receive(AFTERWARDS, 1)
            act = Act(0.0, -1 - place, place, (ClearUnread(AFTERWARDS),), listed=False)
            # The first may learn that a clock is wrong, and have no try left.
            for _ in range(2):
                await self._act(evolve(act), client, self.history.last)
                await asyncio.sleep(10)

    def _set_clock(self, event: ClockStep) -> None:
        self._skews[event.machine] += event.by

    # --- Clients ---

    def _clients(self, now: Callable[[], float]) -> list[Client | AsyncClient]:
        machines = [
            (self._environment(place, now), Pacer(), RetryBudget()) for place in range(len(self._skews))
        ]
        return [
            self._client(place, seat, *machines[seat.machine]) for place, seat in enumerate(self.story.seats)
        ]

    def _environment(self, machine: int, now: Callable[[], float]) -> Environment:
        chance = Random(f"{self.story.seed} machine {machine}")  # noqa: S311 - a story is no secret
        return Environment(
            monotonic=lambda: START + now(),
            time=lambda: BEGIN + now() + self._skews[machine],
            random=chance.random,
            nonce=lambda: chance.randbytes(8),
        )

    def _client(
        self, place: int, seat: Seat, environment: Environment, pacer: Pacer, budget: RetryBudget
    ) -> Client | AsyncClient:
        vendor = self.history.vendors[seat.app]
        account = from_keywords(vendor.name, veil(vendor.settings()))
        pipeline = Watched(
            provider=account.provider,
            account=account.settings,
            environment=environment,
            pacer=pacer,
            budget=budget,
            retry=Retry(attempts=seat.attempts),
            pace=self.story.apps[seat.app].pace,
        )
        pipeline.network, pipeline.seat = self._network, place
        line = Line(self._network, seat, START)
        if seat.asynchronous:
            return AsyncClient(pipeline, line, seat.timeout)
        return Client(pipeline, BlockingLine(line), seat.timeout)

    # --- Callers ---

    async def _act(self, act: Act, client: Client | AsyncClient, heap: list[Played]) -> None:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(act.at)
        ACT.set(act)
        played = Played(act, loop.time())
        heap.append(played)
        called = asyncio.ensure_future(_called(client, act))
        if act.cancelled_after is not None:

            def give_up() -> None:
                if called.cancel():
                    played.given_up = loop.time()

            loop.call_later(act.cancelled_after, give_up)
        try:
            played.outcomes = await called
        except (Exception, Interrupt, asyncio.CancelledError) as error:  # noqa: BLE001 - to be judged
            played.raised = error.with_traceback(None)
        played.ended = loop.time()


async def _called(client: Any, act: Act) -> list[Outcome]:
    def call() -> Any:
        if act.listed:
            return client.apply(act.operations)
        (operation,) = act.operations
        return getattr(client, operation.name)(operation.conversation, **_options(operation))

    came = await call() if isinstance(client, AsyncClient) else await blocking(call)
    return came if act.listed else [came]


def _options(operation: Operation) -> dict[str, Any]:
    match operation:
        case MarkRead(up_to=up_to):
            return {"up_to": up_to}
        case Delete(erase_history=erase_history):
            return {"erase_history": erase_history}
        case Mute(muted=muted):
            return {"muted": muted}
    return {}
