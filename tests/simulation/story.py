"""Stories: who calls whom, what goes wrong and when; they can be told, and cut short."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from attrs import evolve, frozen

from convops.operations import Conversation, Delete, MarkRead, Mute, Operation
from tests.simulation.fates import FATES

BEGIN = 1_800_000_000.0
"""Unix seconds at which every story begins, by a right clock."""

USERS = ("ann", "ben", "cat")
GROUPS = ("red", "blue")
STRANGER = "nobody"


def conversations() -> list[Conversation]:
    """Return every conversation there can be in an app."""
    return [
        *(Conversation.direct(user=user, peer=peer) for user in USERS for peer in USERS if user != peer),
        *(Conversation.group(user=user, group=group) for user in USERS for group in GROUPS),
    ]


@frozen
class App:
    """One app at a vendor.

    Attributes:
        name: what the story calls it.
        vendor: `zego` or `tencent`.
        pace: calls per second that its clients keep to; None for the vendor's own.
        mute_limit: how many direct conversations a user can mute there, where there is such a limit.
    """

    name: str
    vendor: str
    pace: float | None
    mute_limit: int


@frozen
class Machine:
    """A process somewhere: it has a clock, and shares slots and retries among its clients.

    Attributes:
        name: what the story calls it.
        skew: seconds its clock is ahead of the right one.
    """

    name: str
    skew: float


@frozen
class Seat:
    """A client.

    Attributes:
        app: whose, by its place.
        machine: on which, by its place.
        asynchronous: whether it is an `AsyncClient`.
        timeout: seconds for a verb.
        attempts: tries for a call.
    """

    app: int
    machine: int
    asynchronous: bool
    timeout: float
    attempts: int


@frozen
class Act:
    """Somebody calls a verb, or `apply`.

    Attributes:
        at: seconds from the beginning.
        number: what the story calls it.
        seat: with which client, by its place.
        operations: what is asked.
        listed: whether by `apply`.
        cancelled_after: seconds after which the caller gives up; None for never.
    """

    at: float
    number: int
    seat: int
    operations: tuple[Operation, ...]
    listed: bool
    cancelled_after: float | None = None

    def __str__(self) -> str:
        asked = ", ".join(map(told, self.operations))
        asked = f"apply [{asked}]" if self.listed else asked
        given_up = "" if self.cancelled_after is None else f", given up after {self.cancelled_after:.3f} s"
        return f"{self.at:9.3f}  act {self.number}: client {self.seat} is asked to {asked}{given_up}"


@frozen
class Arrival:
    """Messages arrive in a conversation."""

    at: float
    app: int
    conversation: Conversation
    count: int

    def __str__(self) -> str:
        return f"{self.at:9.3f}  {self.count} messages arrive in {named(self.conversation)} of app {self.app}"


@frozen
class Outage:
    """A vendor does not answer for a while.

    Attributes:
        at: seconds from the beginning.
        app: whose requests fail, by its place.
        seconds: for how long.
        fate: what becomes of each.
    """

    at: float
    app: int
    seconds: float
    fate: str

    def __str__(self) -> str:
        return f"{self.at:9.3f}  for {self.seconds:.3f} s at app {self.app}: {FATES[self.fate].told}"


@frozen
class ClockStep:
    """Somebody sets a machine's clock."""

    at: float
    machine: int
    by: float

    def __str__(self) -> str:
        return f"{self.at:9.3f}  the clock of machine {self.machine} is set {self.by:+.3f} s"


@frozen
class Trouble:
    """One exchange of an act goes wrong.

    Attributes:
        act: its number.
        nth: which of its exchanges, from 0 on.
        fate: what becomes of it.
    """

    act: int
    nth: int
    fate: str

    def __str__(self) -> str:
        return f"           exchange {self.nth} of act {self.act}: {FATES[self.fate].told}"


Event = Act | Arrival | Outage | ClockStep | Trouble


@frozen
class Story:
    """Everything that is decided before a story is played.

    Attributes:
        seed: decides what is not written: delays, jitter, nonces.
        apps: at the vendors.
        machines: that speak to them.
        seats: the clients.
        events: what happens.
    """

    seed: int
    apps: tuple[App, ...]
    machines: tuple[Machine, ...]
    seats: tuple[Seat, ...]
    events: tuple[Event, ...]

    def __str__(self) -> str:
        used = {event.seat for event in self.events if isinstance(event, Act)}
        lines = [f"Seed {self.seed}."]
        for place, seat in enumerate(self.seats):
            if place in used:
                app, machine = self.apps[seat.app], self.machines[seat.machine]
                pace = "" if app.pace is None else f", {app.pace:g} calls/s"
                kind = "async" if seat.asynchronous else "sync"
                lines.append(
                    f"client {place}: {kind}, app {seat.app} ({app.vendor}{pace}), machine {seat.machine} "
                    f"({machine.skew:+.3f} s), {seat.timeout:g} s, {seat.attempts} attempts"
                )
        return "\n".join([*lines, *map(str, self.events)])

    def of(self, kind: type) -> list:
        """Return its events of a kind."""
        return [event for event in self.events if isinstance(event, kind)]

    def shorter(self) -> Iterator[Story]:
        """Yield stories that are this one with something left out, the shortest first."""
        size = len(self.events)
        while size > 0:
            for start in range(0, len(self.events), size):
                yield evolve(self, events=self.events[:start] + self.events[start + size :])
            size //= 2
        for place, event in enumerate(self.events):
            for simpler in _simpler(event):
                yield evolve(self, events=(*self.events[:place], simpler, *self.events[place + 1 :]))
        for place, machine in enumerate(self.machines):
            if machine.skew:
                right = (*self.machines[:place], evolve(machine, skew=0.0), *self.machines[place + 1 :])
                yield evolve(self, machines=right)


def _simpler(event: Event) -> Iterator[Event]:
    if isinstance(event, Act):
        operations = event.operations
        if event.cancelled_after is not None:
            yield evolve(event, cancelled_after=None)
        size = len(operations) // 2
        while size > 0:
            for start in range(0, len(operations), size):
                yield evolve(event, operations=operations[:start] + operations[start + size :])
            size //= 2


# --- Telling ----------------------------------------------------------------------------------------


def named(conversation: Conversation) -> str:
    """Return a conversation as a story names it."""
    return f"{conversation.user}{'>' if conversation.kind.value == 'direct' else '#'}{conversation.other}"


def told(operation: Operation) -> str:
    """Return an operation as a story names it."""
    match operation:
        case Delete(erase_history=True):
            more = " with its history"
        case Mute(muted=False):
            more = " off"
        case MarkRead(up_to=datetime() as moment):
            more = f" up to {moment.timestamp() - BEGIN:.3f}"
        case _:
            more = ""
    decided = "" if operation.at is None else f" as of {operation.at.timestamp() - BEGIN:.3f}"
    return f"{operation.name} {named(operation.conversation)}{more}{decided}"
