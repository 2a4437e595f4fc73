"""Many operations at once: in order, together as declared, and each with its own verdict."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from convops.errors import Effect
from convops.operations import Conversation, Mute, Operation, Outcome
from convops.testing._checks._check import Check, both_clients, declared_cells
from convops.testing._checks.cells import key_of
from convops.testing._stage import Stage
from convops.testing._subject import Case, Subject, expect, plainest, words

ITEMS = 5
"""Operations in a list that fails in part."""

MANY = 3
"""Operations in a list where one call carries one."""

SENT_MAX = 100
"""Calls so large are not filled."""


def _batch_order(subject: Subject, case: Case) -> None:
    key, batch = key_of(case), subject.support(case).batch
    with Stage(subject, case) as stage:
        alone = stage.main(key[1])
        stage.do(plainest(key, alone))
        calls = len(stage.simulator.exchanges)
    size = 2 * min(batch, SENT_MAX) + 1 if batch > 1 else MANY
    with Stage(subject, case) as stage:
        operations = [plainest(key, conversation) for conversation in stage.crowd(key[1], size)]
        outcomes = stage.apply(operations)
        expect(len(outcomes) == size, f"{len(outcomes)} outcomes of {size} operations")
        for operation, outcome in zip(operations, outcomes, strict=True):
            expect(outcome.operation == operation, "an outcome names another operation than was given")
            expect(outcome.ok, f"{words(operation)} in a list failed: {outcome.error!r}")
            expect(stage.holds(operation), f"{words(operation)} in a list is said to be done and is not")
        sent, most = len(stage.simulator.exchanges), calls * -(-size // batch)
        expect(sent <= most, f"{size} of {key[0].name} took {sent} calls; at {batch} a call it is {most}")


def _batch_per_item(subject: Subject, case: Case) -> None:
    size = ITEMS
    fates = [_fate(*_alone(subject, case, place)) for place in range(size)]
    for turn in range(size):
        stage, operations = _items(subject, case)
        with stage:
            order = [(place + turn) % size for place in range(size)]
            before = stage.view()
            outcomes = stage.apply([operations[place] for place in order])
            for place, outcome in zip(order, outcomes, strict=True):
                told, known = _fate(outcome, stage.holds(operations[place])), fates[place]
                _expect_true(stage, before, operations[place], outcome)
                expect(
                    told == known,
                    f"{words(operations[place])} at place {order.index(place)} of a list came to {told}, "
                    f"and alone to {known}",
                )
    for pick in ([0], [0, 0], [1], [0, 1]):
        _expect_all_fail(subject, case, pick)


def _batch_mixed(subject: Subject, case: Case) -> None:
    """Whatever may not share a call is kept apart: users, kinds, operations and options."""
    with Stage(subject, case) as stage:
        operations: list[Operation] = []
        for place, key in enumerate(subject.declared()):
            for turn, mine in enumerate(stage.crowd(key[1], MANY, name=f"mixed{place}-")):
                forms, others = stage.forms(key, mine), stage.forms(key, stage.of_bob(mine))
                operations += [forms[turn % len(forms)], others[(turn + 1) % len(others)]]
        for operation in operations:
            stage.prepare(operation)
        for operation, outcome in zip(operations, stage.apply(operations), strict=True):
            expect(outcome.ok, f"{words(operation)} in a mixed list failed: {outcome.error!r}")
            expect(
                stage.holds(operation), f"{words(operation)} in a mixed list is said to be done and is not"
            )


def _expect_all_fail(subject: Subject, case: Case, pick: Sequence[int]) -> None:
    """A list of nothing but strangers."""
    with Stage(subject, case) as stage:
        strangers = stage.strangers(key_of(case)[1])
        operations = [plainest(key_of(case), strangers[place]) for place in pick]
        before = stage.view()
        for operation, outcome in zip(operations, stage.apply(operations), strict=True):
            _expect_true(stage, before, operation, outcome)


def _items(subject: Subject, case: Case) -> tuple[Stage, list[Operation]]:
    """Return a stage, and operations on good conversations, finished ones and strangers."""
    key = key_of(case)
    stage = Stage(subject, case)
    first, done, last = stage.crowd(key[1], 3)
    ghost, foreign = stage.strangers(key[1])
    outcome = stage.do(plainest(key, done))
    expect(outcome.ok, f"{words(plainest(key, done))} failed: {outcome.error!r}")
    stage.simulator.exchanges.clear()
    return stage, [plainest(key, c) for c in (first, ghost, done, foreign, last)]


def _alone(subject: Subject, case: Case, place: int) -> tuple[Outcome, bool]:
    stage, operations = _items(subject, case)
    with stage:
        outcome = stage.do(operations[place])
        return outcome, stage.holds(operations[place])


def _fate(outcome: Outcome, holds: bool) -> Any:  # noqa: FBT001 - what an item is compared by
    error = outcome.error
    facts = [getattr(error, name, None) for name in ("code", "what", "retryable", "effect")]
    return outcome.effect.value, type(error).__name__ if error else None, *facts, holds


def _expect_true(
    stage: Stage, before: dict[Conversation, Any], operation: Operation, outcome: Outcome
) -> None:
    """What is said of an item is so at the vendor."""
    conversation, said = operation.conversation, words(operation)
    changed = before.get(conversation) != stage.simulator.state(conversation)
    if outcome.ok:
        known = conversation in before
        expect(stage.holds(operation) or not known, f"{said} in a list is said to be done and is not")
        expect(
            known or not isinstance(operation, Mute) or shows_later(stage, operation),
            f"{said} with a stranger in a list is said to be {outcome.effect}",
        )
    elif outcome.effect is Effect.NOT_APPLIED:
        expect(not changed, f"{said} in a list is said not to be applied, and was: {outcome.error!r}")


def shows_later(stage: Stage, operation: Operation) -> bool:
    """Return whether a conversation nobody had opened is as asked once a message opens it."""
    try:
        stage.simulator.receive(operation.conversation, 1)
    except ValueError:
        return False
    return stage.holds(operation) or not isinstance(operation, Mute)


CHECKS = (
    Check(
        "batch-order",
        "A list has one outcome per operation, in order, and as many share a call as the cell declares.",
        declared_cells,
        _batch_order,
    ),
    Check(
        "batch-per-item",
        "In a list that fails in part each operation fares, and is told, as it would alone.",
        declared_cells,
        _batch_per_item,
    ),
    Check(
        "batch-mixed",
        "In a list of all operations, options and users each takes effect as it was asked for.",
        both_clients,
        _batch_mixed,
    ),
)
