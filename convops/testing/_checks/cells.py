"""What is declared works, and does nothing else; what is not declared refuses."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

import attrs

from convops._states import ConversationState
from convops.errors import Effect, UnsupportedOperationError
from convops.operations import ClearUnread, Conversation, ConversationKind, Delete, MarkRead, Mute, Operation
from convops.testing._checks._check import Check, declared_cells, undeclared_cells
from convops.testing._stage import UNREAD, Stage, View, beside
from convops.testing._subject import START, Case, Key, Subject, expect, plainest, variants, words

DONE = (Effect.APPLIED, Effect.ALREADY)


def key_of(case: Case) -> Key:
    if case.key is None:
        raise ValueError(f"the case {case} is about no cell")
    return case.key


def _declared_cells_work(subject: Subject, case: Case) -> None:
    key = key_of(case)
    for number in range(_forms(subject, case)):
        with Stage(subject, case) as stage:
            operation = stage.forms(key, stage.main(key[1]))[number]
            stage.prepare(operation)
            before = stage.view()
            outcome = stage.do(operation)
            said = words(operation)
            expect(outcome.ok, f"{said} is declared and failed: {outcome.error!r}")
            expect(outcome.effect is Effect.APPLIED, f"{said} changed something and is said to be ALREADY")
            expect(stage.holds(operation), f"{said} is said to be done, and the vendor has another state")
            after = stage.view()
            _expect_no_more_than_asked(operation, before, after)
            expect(stage.simulator.exchanges, f"{said} was not sent to the simulator")


def _forms(subject: Subject, case: Case) -> int:
    with Stage(subject, case) as stage:
        return len(stage.forms(key_of(case), stage.main(key_of(case)[1])))


def _expect_no_more_than_asked(operation: Operation, before: View, after: View) -> None:
    conversation = operation.conversation
    others = [c for c in before | after if c != conversation and before.get(c) != after.get(c)]
    expect(not others, f"{words(operation)} changed other conversations too: {others}")
    was, now = before.get(conversation), after.get(conversation)
    if now is None or was is None:
        return
    # Marking read may move the mark; what the operation is not about stays as it is.
    about = {"mute": {"muted"}}.get(operation.name, {"unread", "read_up_to"})
    strange = [name for name in attrs_of(was) - about if getattr(was, name) != getattr(now, name)]
    expect(not strange, f"{words(operation)} changed more than it says: {', '.join(sorted(strange))}")


def attrs_of(state: ConversationState) -> set[str]:
    """Return the names of what a state holds."""
    return {one.name for one in attrs.fields(type(state))}


def _idempotent(subject: Subject, case: Case) -> None:
    key = key_of(case)
    for number in range(_forms(subject, case)):
        with Stage(subject, case) as stage:
            operation = stage.forms(key, stage.main(key[1]))[number]
            stage.prepare(operation)
            stage.do(operation)
            once = stage.view()
            again = stage.do(operation)
            said = words(operation)
            expect(again.ok, f"{said}, done twice, failed: {again.error!r}")
            expect(again.effect in DONE, f"{said}, done twice, is said to be {again.effect}")
            together = stage.apply([operation, operation])
            expect(
                all(outcome.ok for outcome in together),
                f"{said}, twice in one list, failed: {[outcome.error for outcome in together]}",
            )
            expect(stage.holds(operation), f"{said}, done twice, no longer holds")
            _expect_same(once, stage.view(), operation)


def _expect_same(once: View, twice: View, operation: Operation) -> None:
    conversation = operation.conversation
    expect(
        beside(once, conversation) == beside(twice, conversation),
        f"{words(operation)}, done twice, changed other conversations",
    )
    was, now = once.get(conversation), twice.get(conversation)
    if was is not None and now is not None:
        moved = [name for name in attrs_of(was) if getattr(was, name) != getattr(now, name)]
        expect(not moved, f"{words(operation)}, done twice, changed {', '.join(sorted(moved))}")


def _undeclared_refuse(subject: Subject, case: Case) -> None:
    key = key_of(case)
    with Stage(subject, case) as stage:
        before = stage.view()
        for operation in variants(key, stage.main(key[1])):
            for outcome in (stage.do(operation, attempts=3), *stage.apply([operation])):
                _expect_refused(operation, outcome.error)
                expect(outcome.effect is Effect.NOT_APPLIED, f"{words(operation)}: {outcome.effect}")
        sent = [exchange.action for exchange in stage.simulator.exchanges]
        expect(not sent, f"{key[0].name} is not declared, and {sent} was sent")
        expect(stage.view() == before, f"{key[0].name} is not declared, and something changed")


def _expect_refused(operation: Operation, error: object) -> None:
    said = words(operation)
    expect(
        isinstance(error, UnsupportedOperationError),
        f"{said} is refused; expected an UnsupportedOperationError, not {error!r}",
    )
    if isinstance(error, UnsupportedOperationError):
        expect(error.attempts == 0, f"{said} is refused, and was tried")
        expect(not error.support, f"{said} is refused with a cell that says it is usable")


def _time_pinned(subject: Subject, case: Case) -> None:
    key = key_of(case)
    if key[0] not in (ClearUnread, MarkRead):
        return
    pinned = subject.support(case).time_pinned
    with Stage(subject, case) as stage:
        conversation = stage.main(key[1])
        between = datetime.fromtimestamp(START + 50, UTC)
        stage.clock.now = START + 100
        stage.simulator.receive(conversation, UNREAD - 1)
        late = attrs.evolve(plainest(key, conversation), at=between)
        (outcome,) = stage.apply([late])
        expect(outcome.ok, f"{words(late)}, decided a while ago, failed: {outcome.error!r}")
        state = stage.simulator.state(conversation)
        wanted, left = (UNREAD - 1 if pinned else 0), state and state.unread
        expect(
            left == wanted,
            f"{words(late)}, decided before {UNREAD - 1} messages came, left {left} unread; the cell says "
            f"time_pinned is {pinned}",
        )
        if key[0] is MarkRead:
            _expect_up_to(stage, MarkRead(conversation, up_to=between), pinned=pinned)


def _expect_up_to(stage: Stage, operation: MarkRead, *, pinned: bool) -> None:
    stage.clock.now = START + 200
    stage.simulator.receive(operation.conversation, 1)
    before, sent = stage.view(), len(stage.simulator.exchanges)
    outcome = stage.do(operation)
    if pinned:
        expect(outcome.ok, f"mark_read up to a time failed: {outcome.error!r}")
        state = stage.simulator.state(operation.conversation)
        expect(
            state is not None and state.unread == UNREAD,
            f"mark_read up to a time left {state and state.unread} of {UNREAD} newer messages unread",
        )
    else:
        _expect_refused_time(outcome.error)
        expect(len(stage.simulator.exchanges) == sent, "up_to cannot be kept, and something was sent")
        expect(stage.view() == before, "up_to cannot be kept, and something changed")


def _expect_refused_time(error: object) -> None:
    expect(
        isinstance(error, UnsupportedOperationError),
        f"up_to cannot be kept; expected an UnsupportedOperationError, not {error!r}",
    )


def _options_honest(subject: Subject, case: Case) -> None:
    key = key_of(case)
    if key[0] is Delete:
        for erase in (False, True):
            _expect_history(subject, case, erase=erase)
    if key[0] is Mute:
        with Stage(subject, case) as stage:
            conversation = stage.main(key[1])
            for muted in (True, False, True, False):
                operation = Mute(conversation, muted=muted)
                outcome = stage.do(operation)
                expect(outcome.ok, f"{words(operation)} failed: {outcome.error!r}")
                expect(outcome.effect is Effect.APPLIED, f"{words(operation)} is said to be {outcome.effect}")
                expect(stage.holds(operation), f"{words(operation)} did not do so")
            _expect_order(stage, conversation)


def _expect_order(stage: Stage, conversation: Conversation) -> None:
    """Do and undo in one list: the last one counts."""
    for last in (True, False):
        flags = [last, not last, last]
        outcomes = stage.apply([Mute(conversation, muted=flag) for flag in flags])
        expect(all(outcome.ok for outcome in outcomes), "mute and unmute in one list failed")
        expect(
            stage.holds(Mute(conversation, muted=last)),
            "mute and unmute of one conversation in one list took effect in another order",
        )


def _expect_history(subject: Subject, case: Case, *, erase: bool) -> None:
    key = key_of(case)
    with Stage(subject, case) as stage:
        conversation = stage.main(key[1])
        asked = Delete(conversation, erase_history=erase)
        outcome = stage.do(asked)
        if asked not in stage.forms(key, conversation):
            _expect_refused(asked, outcome.error)
            expect(not stage.simulator.exchanges, f"{words(asked)} is refused, and something was sent")
            return
        expect(outcome.ok, f"{words(outcome.operation)} failed: {outcome.error!r}")
        try:
            stage.simulator.receive(conversation, 1)
        except ValueError:
            # A vendor where nothing arrives any more shows no history either.
            return
        state = stage.simulator.state(conversation)
        if state is None:
            # Nor does one where a message brings nothing back.
            return
        seen = state.messages
        wanted = 1 if erase else UNREAD + 1
        expect(
            seen == wanted,
            f"after {words(outcome.operation)} and one new message, {seen} can be seen, not {wanted}",
        )


def _kinds_apart(subject: Subject, case: Case) -> None:
    """A group whose id is that of a peer is another conversation."""
    key = key_of(case)
    with Stage(subject, case) as stage:
        name = stage.bob
        try:
            stage.simulator.add_group(name, [stage.alice, stage.bob])
        except ValueError:
            # Ids of users and groups have different forms, so nothing can be mistaken.
            return
        pair = {
            ConversationKind.DIRECT: Conversation.direct(user=stage.alice, peer=name),
            ConversationKind.GROUP: Conversation.group(user=stage.alice, group=name),
        }
        for conversation in pair.values():
            stage.simulator.receive(conversation, UNREAD)
        before = stage.view()
        operation = plainest(key, pair[key[1]])
        outcome = stage.do(operation)
        expect(outcome.ok, f"{words(operation)} failed: {outcome.error!r}")
        expect(stage.holds(operation), f"{words(operation)} did not reach it")
        expect(
            beside(stage.view(), pair[key[1]]) == beside(before, pair[key[1]]),
            f"{words(operation)} reached a conversation of the other kind with the same id",
        )


def _users_apart(subject: Subject, case: Case) -> None:
    """Every user has a side of their own, whoever was served before."""
    key = key_of(case)
    with Stage(subject, case) as stage:
        sides = {
            ConversationKind.DIRECT: [
                Conversation.direct(user=stage.alice, peer=stage.bob),
                Conversation.direct(user=stage.bob, peer=stage.alice),
            ],
            ConversationKind.GROUP: [
                Conversation.group(user=stage.bob, group=stage.team),
                Conversation.group(user=stage.alice, group=stage.team),
            ],
        }[key[1]]
        for done, left in [*pairwise(sides), (sides[-1], None)]:
            before = stage.view()
            operation = plainest(key, done)
            (outcome,) = stage.apply([operation])
            expect(outcome.ok, f"{words(operation)} failed: {outcome.error!r}")
            expect(stage.holds(operation), f"{words(operation)} did not reach the user's own side")
            if left is not None:
                expect(stage.view().get(left) == before.get(left), f"{words(operation)} reached another user")


CHECKS = (
    Check(
        "declared-cells-work",
        "A declared operation brings about the asked state, says APPLIED, and changes nothing else.",
        declared_cells,
        _declared_cells_work,
    ),
    Check(
        "idempotent",
        "A repeated operation succeeds, says APPLIED or ALREADY, and changes nothing more.",
        declared_cells,
        _idempotent,
    ),
    Check(
        "undeclared-refuse",
        "An operation that is not declared is refused before anything is sent.",
        undeclared_cells,
        _undeclared_refuse,
    ),
    Check(
        "time-pinned",
        "A moment is kept where the cell says so; elsewhere an explicit one is refused.",
        declared_cells,
        _time_pinned,
    ),
    Check(
        "options-honest",
        "`erase_history` erases and only then, `muted=False` restores, and the last of several counts.",
        declared_cells,
        _options_honest,
    ),
    Check(
        "kinds-apart",
        "A peer and a group with one id are two conversations.",
        declared_cells,
        _kinds_apart,
    ),
    Check(
        "users-apart",
        "Only the side of the user who is named changes.",
        declared_cells,
        _users_apart,
    ),
)
