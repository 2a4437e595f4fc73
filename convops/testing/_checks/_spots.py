"""Where a fault can be played: every call of every form of every operation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from attrs import frozen

from convops.errors import Effect
from convops.operations import Operation, Outcome
from convops.provider import Call, CodeKey, HttpReply
from convops.testing._checks._check import plain_cells
from convops.testing._checks.cells import key_of
from convops.testing._replay import record
from convops.testing._simulator import Fault
from convops.testing._stage import Stage
from convops.testing._subject import Case, Subject


@frozen
class Spot:
    """One call of one operation, where a fault is played.

    Attributes:
        case: the cell, the switch and the client.
        number: which form of the operation.
        call: the call.
        good: what answers it when all is well.
        place: how many calls come before it.
        same: how many of those have its name.
        doubt: whether one of those changes something.
    """

    case: Case
    number: int
    call: Call
    good: HttpReply
    place: int
    same: int
    doubt: bool

    def play(self, subject: Subject, fault: Fault, attempts: int = 1) -> Felt:
        """Perform the operation with a fault at this call."""
        key = key_of(self.case)
        with Stage(subject, self.case) as stage:
            operation = stage.forms(key, stage.main(key[1]))[self.number]
            stage.prepare(operation)
            before = stage.view()
            # Calls with one name are told apart by their place alone.
            skipped = [Fault(action=self.call.action, applies=True)] * self.same
            stage.simulator.misbehave(*skipped, fault)
            outcome = stage.do(operation, attempts)
            sent = len(stage.simulator.exchanges)
            return Felt(operation, outcome, stage.holds(operation), stage.view() == before, sent)

    def effect(self, of_refusal: Effect) -> Effect:
        """Return the effect of an operation whose call at this spot was refused with an effect."""
        if self.doubt:
            return Effect.UNKNOWN
        return of_refusal if self.call.writes else Effect.NOT_APPLIED


@frozen
class Felt:
    """What came of a fault.

    Attributes:
        operation: what was asked.
        outcome: what it was said to be.
        holds: whether the asked state holds at the vendor.
        unchanged: whether nothing is different at the vendor.
        sent: how many calls the vendor received.
    """

    operation: Operation
    outcome: Outcome
    holds: bool
    unchanged: bool
    sent: int


def _notes(subject: Subject, case: Case, number: int) -> Any:
    with Stage(subject, case) as stage:
        key = key_of(case)
        operation = stage.forms(key, stage.main(key[1]))[number]
        stage.prepare(operation)
        accepted = stage.pipeline().accept(operation)
        return record(stage, [accepted]).notes


def spots(subject: Subject, case: Case) -> Iterator[Spot]:
    """Yield every call of every form of a cell's operation."""
    key = key_of(case)
    with Stage(subject, case) as stage:
        forms = len(stage.forms(key, stage.main(key[1])))
    for number in range(forms):
        doubt, before = False, list[str]()
        for place, note in enumerate(_notes(subject, case, number)):
            if note.raw is not None:
                same = before.count(note.call.action)
                yield Spot(case, number, note.call, note.raw, place, same, doubt)
            before.append(note.call.action)
            doubt = doubt or note.call.writes


def spots_by_action(subject: Subject, flavour: str | None) -> list[Spot]:
    """Return one spot for each call the provider knows, in every place it has in a flow."""
    found: dict[tuple[str, int, str], Spot] = {}
    for plain in plain_cells(subject):
        case = Case(key=plain.key, switch=plain.switch, flavour=flavour)
        for spot in spots(subject, case):
            operation = key_of(case)[0].name + str(spot.number)
            found.setdefault((spot.call.action, spot.place, operation if spot.place else ""), spot)
    return list(found.values())


def plain_code(key: CodeKey) -> int | str:
    """Return the vendor's own code of a row."""
    return key[2] if isinstance(key, tuple) else key


def refusal_at(spot: Spot, key: CodeKey) -> tuple[Fault, CodeKey] | None:
    """Return the fault that plays a row at a spot, and where to look it up; None for one of another call."""
    action = spot.call.action
    if not isinstance(key, tuple):
        return Fault(action=action, code=key), key
    if key[0] not in ("*", action):
        return None
    return Fault(action=action, code=key[2], status=key[1]), (action, *key[1:])
