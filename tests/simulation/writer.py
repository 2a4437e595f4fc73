"""Writes stories: a seed decides everything that is in one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random

from attrs import evolve

from convops.operations import ClearUnread, Conversation, Delete, MarkRead, Mute, Operation
from tests.simulation.fates import FATES
from tests.simulation.story import (
    BEGIN,
    STRANGER,
    Act,
    App,
    Arrival,
    ClockStep,
    Event,
    Machine,
    Outage,
    Seat,
    Story,
    Trouble,
    conversations,
)


def written_by(seed: int) -> Story:
    """Return the story of a seed."""
    chance = Random(seed)  # noqa: S311 - a story is no secret
    apps = tuple(_app(chance, place) for place in range(chance.choice((1, 1, 2, 3))))
    machines = tuple(_machine(chance, place) for place in range(chance.choice((1, 1, 2))))
    seats = tuple(
        _seat(chance, place % len(apps), len(machines))
        for place in range(max(len(apps), chance.randint(1, 4)))
    )
    events: list[Event] = []
    span = chance.choice((0.2, 3.0, 30.0))
    acts = [_act(chance, number, len(seats), span) for number in range(chance.randint(2, 9))]
    events += acts
    events += (_arrival(chance, len(apps), span) for _ in range(chance.randint(0, 4)))
    if chance.random() < 0.3:
        events.append(_outage(chance, len(apps), span))
    if chance.random() < 0.1:
        by = chance.choice((-1, 1)) * 10 ** chance.uniform(-1, 3.8)
        events.append(ClockStep(chance.uniform(0, span), chance.randrange(len(machines)), by))
    fates = [name for name, fate in FATES.items() if fate.weight]
    weights = [FATES[name].weight for name in fates]
    share = chance.choice((0.0, 0.1, 0.4, 0.8))
    # Troubles rarely come alone, and often again.
    usual = chance.choices(fates, weights)[0]
    for act in acts:
        for nth in range(3 * len(act.operations)):
            if chance.random() < share:
                fate = usual if chance.random() < 0.5 else chance.choices(fates, weights)[0]
                events.append(Trouble(act.number, nth, fate))
    events.sort(key=lambda event: getattr(event, "at", span))
    return Story(seed, apps, machines, seats, tuple(events))


def _app(chance: Random, place: int) -> App:
    return App(
        f"app {place}",
        chance.choice(("zego", "tencent")),
        chance.choice((None, None, 2.0, 20.0)),
        chance.choice((1, 2, 500)),
    )


def _machine(chance: Random, place: int) -> Machine:
    skewed = chance.random() < 0.3
    return Machine(
        f"machine {place}", chance.choice((-1, 1)) * 10 ** chance.uniform(-1, 4.5) if skewed else 0.0
    )


def _seat(chance: Random, app: int, machines: int) -> Seat:
    return Seat(
        app,
        chance.randrange(machines),
        chance.random() < 0.5,
        chance.choice((1.0, 5.0, 20.0)),
        chance.choice((1, 2, 4, 4)),
    )


def _act(chance: Random, number: int, seats: int, span: float) -> Act:
    seat = chance.randrange(seats)
    listed = chance.random() < 0.4
    at = chance.uniform(0, span)
    # A few conversations that all acts meet on, or any.
    among = conversations()[:: chance.choice((1, 5))]
    operations = tuple(
        _operation(chance, among, at, queued=listed and chance.random() < 0.1)
        for _ in range(chance.randint(1, 12) if listed else 1)
    )
    cancelled_after = 10 ** chance.uniform(-3, 1) if chance.random() < 0.2 else None
    return Act(at, number, seat, operations, listed, cancelled_after)


def _operation(chance: Random, among: Sequence[Conversation], now: float, *, queued: bool) -> Operation:
    conversation = chance.choice(among)
    if chance.random() < 0.05:
        conversation = evolve(conversation, other=STRANGER)
    past = datetime.fromtimestamp(BEGIN + now - chance.choice((0.5, 5.0, 60.0)), UTC)
    operation = chance.choice(
        (
            ClearUnread(conversation),
            MarkRead(conversation),
            MarkRead(conversation, up_to=past),
            Delete(conversation, erase_history=chance.random() < 0.4),
            Mute(conversation),
            Mute(conversation),
            Mute(conversation, muted=False),
        )
    )
    return evolve(operation, at=past + timedelta(seconds=0.1)) if queued else operation


def _arrival(chance: Random, apps: int, span: float) -> Arrival:
    return Arrival(
        chance.uniform(0, span),
        chance.randrange(apps),
        chance.choice(conversations()),
        chance.randint(1, 3),
    )


def _outage(chance: Random, apps: int, span: float) -> Outage:
    fates = [name for name, fate in FATES.items() if fate.outage]
    return Outage(
        chance.uniform(0, span),
        chance.randrange(apps),
        10 ** chance.uniform(-0.5, 1.5),
        # A restart is the usual reason.
        "restarting" if chance.random() < 0.4 else chance.choice(fates),
    )
