"""Ids arrive byte for byte, or are refused before anything is sent."""

from __future__ import annotations

from convops.errors import InvalidRequestError
from convops.operations import Conversation, ConversationKind, Delete, Operation
from convops.testing._checks._check import Check, plain_cells
from convops.testing._checks.batches import shows_later
from convops.testing._checks.cells import key_of
from convops.testing._stage import Stage, View, beside
from convops.testing._subject import Case, Key, Subject, expect, plainest, words

# Neighbours that a careless encoder, decoder or normaliser would take for one another.
NAMES = (
    *("a b", "a+b", "a%20b", "a%2Bb", "a%2520b", "A b", " a", "a ", "a\u00a0b"),
    *("a/b", "a%2Fb", "a//b", "..", ".", "a\\b", "a?b", "a#b", "a&b=c", "a;b", "a,b", "a:b", "a@b"),
    *("a'b", 'a"b', "a{b}", "a<b>", "a$b", "a*b", "a|b", "a~b", "a`b"),
    *("\u00e9", "e\u0301", "\ufb01", "fi", "\u0130", "i\u0307", "\u202eab", "\u200bab", "ab", "AB"),
    *("\U0001f600", "\U0001f468\u200d\U0001f469", "0", "00", "null", "true", "x" * 32, "\u0436" * 16),
)
LONG = ("x" * 33, "x" * 300, "\u0436" * 17)


def _ids(subject: Subject, case: Case) -> None:
    key = key_of(case)
    with Stage(subject, case) as stage:
        for conversation in _neighbours(stage, key):
            _expect_exact(stage, plainest(key, conversation))
    # Where nothing arrives after a deletion, a list needs conversations of its own.
    with Stage(subject, case) as stage:
        conversations = _neighbours(stage, key)
        for name in LONG:
            _expect_nobody(stage, key, name)
        _expect_together(stage, key, conversations)


def _neighbours(stage: Stage, key: Key) -> list[Conversation]:
    """Return conversations with, in and of everyone whose name the vendor takes."""
    simulator, made = stage.simulator, []
    for name in NAMES:
        user, group = simulator.user_id(name), simulator.group_id(name)
        try:
            simulator.add_user(user)
            if key[1] is ConversationKind.GROUP:
                simulator.add_group(group, [stage.alice, stage.bob, user])
        except ValueError:
            # The vendor has nobody of that name, so nothing can arrive there.
            _expect_nobody(stage, key, name)
            continue
        other = stage.bob if key[1] is ConversationKind.DIRECT else group
        made += [_stranger(stage, key[1], name), Conversation(kind=key[1], user=user, other=other)]
    for conversation in made:
        simulator.receive(conversation, 1)
    return list(dict.fromkeys(made))


def _stranger(stage: Stage, kind: ConversationKind, name: str) -> Conversation:
    if kind is ConversationKind.DIRECT:
        return Conversation.direct(user=stage.alice, peer=stage.simulator.user_id(name))
    return Conversation.group(user=stage.alice, group=stage.simulator.group_id(name))


def _expect_nobody(stage: Stage, key: Key, name: str) -> None:
    operation, before = plainest(key, _stranger(stage, key[1], name)), stage.view()
    outcome = stage.do(operation)
    said = f"{words(operation)} of {operation.conversation.other!r}, which the vendor does not have,"
    expect(stage.view() == before, f"{said} reached somebody")
    expect(
        not outcome.ok or isinstance(operation, Delete) or shows_later(stage, operation),
        f"{said} is said to be done",
    )


def _expect_exact(stage: Stage, operation: Operation) -> None:
    conversation, before = operation.conversation, stage.view()
    stage.simulator.exchanges.clear()
    outcome = stage.do(operation)
    after, said = stage.view(), f"{words(operation)} of {conversation.user!r} with {conversation.other!r}"
    expect(
        beside(after, conversation) == beside(before, conversation),
        f"{said} reached {_touched(before, after, conversation)}",
    )
    if outcome.ok:
        expect(stage.holds(operation), f"{said} is said to be done, and did not arrive")
        return
    expect(isinstance(outcome.error, InvalidRequestError), f"{said} failed: {outcome.error!r}")
    expect(not stage.simulator.exchanges, f"{said} was sent and then refused: {outcome.error!r}")


def _touched(before: View, after: View, conversation: Conversation) -> list[Conversation]:
    return [c for c in before | after if c != conversation and before.get(c) != after.get(c)]


def _expect_together(stage: Stage, key: Key, conversations: list[Conversation]) -> None:
    operations = [plainest(key, conversation) for conversation in conversations]
    for operation, outcome in zip(operations, stage.apply(operations), strict=True):
        refused = isinstance(outcome.error, InvalidRequestError) and not outcome.attempts
        arrived = outcome.ok and stage.holds(operation)
        expect(
            refused or arrived,
            f"{words(operation)} in a list, of {operation.conversation.other!r}: {outcome.error!r}",
        )


CHECKS = (
    Check(
        "ids-byte-for-byte",
        "An id arrives byte for byte, whatever it is made of, or is refused before anything is sent.",
        plain_cells,
        _ids,
    ),
)
