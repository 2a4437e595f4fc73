"""A provider is values in and values out: proven by replaying it with everything else barred."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import attrs

from convops._replies import read_reply
from convops.errors import OperationError
from convops.operations import Delete, Operation
from convops.provider import Call, Quota, Reply
from convops.testing._checks._check import Check, plain_cells
from convops.testing._checks._spots import plain_code
from convops.testing._checks.cells import key_of
from convops.testing._forbidden import Bars, modules_of, nothing_from_outside
from convops.testing._replay import Noted, Played, record, replay
from convops.testing._stage import Stage
from convops.testing._subject import NOWHERE, Case, Subject, expect, plainest, words


def _batches(stage: Stage, case: Case) -> Iterator[list[Operation]]:
    """Yield every form of a cell's operation, alone and, where they may be, together."""
    key = key_of(case)
    pipeline = stage.pipeline()
    for operation in stage.forms(key, stage.main(key[1])):
        stage.prepare(operation)
        yield [pipeline.accept(operation)]
    if stage.subject.support(case).batch > 1:
        ghost, foreign = stage.strangers(key[1])
        crowd = [*stage.crowd(key[1], 2), ghost, foreign]
        yield [pipeline.accept(plainest(key, conversation)) for conversation in crowd]


def _refusals(stage: Stage, played: Played) -> Iterator[list[Noted]]:
    """Yield what was noted with each answer in turn replaced by a refusal."""
    codes = [plain_code(key) for key in list(stage.provider.codes)[:3]]
    for place, note in enumerate(played.notes):
        for code in codes:
            refusal = read_reply(stage.simulator.refusal(code))
            yield [*played.notes[:place], Noted(note.call, None, refusal)]


def _flows_pure(subject: Subject, case: Case) -> None:
    modules = modules_of(subject.provider)
    with Stage(subject, case) as stage:
        told: list[tuple[list[Operation], list[Noted], Any]] = []
        for operations in _batches(stage, case):
            played = record(stage, operations)
            told.append((operations, list(played.notes), played.shown()))
            told += [(operations, notes, None) for notes in _refusals(stage, played)]
        before = _memory_of(subject)
        first = [_replayed(stage, operations, notes, modules) for operations, notes, _ in told]
        # In another order: what one flow leaves behind must mean nothing to the next.
        second = [_replayed(stage, operations, notes, modules) for operations, notes, _ in told[::-1]][::-1]
        for (operations, _, known), one, two in zip(told, first, second, strict=True):
            said = f"the flow of {words(operations[0])}"
            expect(one == two, f"{said}, replayed, does something else: {one} and then {two}")
            expect(known is None or one == known, f"{said} did {known} when recorded and {one} when replayed")
        expect(_memory_of(subject) == before, "a flow changed the provider, which is shared by all accounts")


def _replayed(stage: Stage, operations: list[Operation], notes: list[Noted], modules: list[Any]) -> Any:
    shown = None
    with nothing_from_outside(modules) as bars:
        shown = replay(stage.provider, stage.account, operations, notes).shown()
    _expect_unreached(f"the flow of {words(operations[0])}", bars)
    return shown


def _expect_unreached(said: str, bars: Bars) -> None:
    expect(not bars.reached, f"{said} reached for {', '.join(dict.fromkeys(bars.reached))}")


def _memory_of(subject: Subject) -> Any:
    """Return all that a provider could remember by: its own attributes, and its classes' plain ones."""
    provider = subject.provider
    classes = [
        kind for kind in type(provider).__mro__ if kind.__module__ not in ("builtins", "abc", "typing")
    ]
    kept = (list, dict, set, int, str, float, tuple, frozenset, type(None))
    return repr(getattr(provider, "__dict__", {})), [
        {
            name: repr(value)
            for name, value in vars(kind).items()
            if isinstance(value, kept) and name != "codes"
        }
        for kind in classes
    ]


def _answers_pure(subject: Subject, case: Case) -> None:
    """All that is no flow: cells, checks, keys, quotas, readings and origins."""
    key, provider = key_of(case), subject.provider
    with Stage(subject, case) as stage:
        operation = stage.pipeline().accept(plainest(key, stage.main(key[1])))
        notes = record(stage, [operation]).notes
        account = stage.account
        replies = [(note.call, note.came) for note in notes if isinstance(note.came, Reply)]
        asked: dict[str, Callable[[], Any]] = {
            "support": lambda: provider.support(account, *key),
            "check": lambda: _raised(lambda: provider.check(account, operation)),
            "batch_key": lambda: provider.batch_key(account, operation),
            "quota": lambda: [provider.quota(account, note.call) for note in notes],
            "read": lambda: [repr(provider.read(call, reply)) for call, reply in replies],
            "request_id": lambda: [provider.request_id(reply) for _, reply in replies],
            "origins": lambda: provider.origins(account),
            "probe": lambda: repr(provider.probe(account)),
        }
        for name, ask in asked.items():
            answers: list[Any] = []
            with nothing_from_outside(modules_of(provider)) as bars:
                answers = [ask(), ask()]
            _expect_unreached(name, bars)
            expect(answers[0] == answers[1], f"{name} gives something else when it is asked again")


def _raised(ask: Callable[[], object]) -> str:
    try:
        ask()
    except OperationError as error:
        return repr(error)
    return ""


def _calls_honest(subject: Subject, case: Case) -> None:
    key = key_of(case)
    for number in range(len(_forms(subject, case))):
        with Stage(subject, case) as stage:
            operation = stage.forms(key, stage.main(key[1]))[number]
            stage.prepare(operation)
            operation = stage.pipeline().accept(operation)
            said = words(operation)
            before = stage.view()
            planned = stage.client().plan([operation])
            expect(not stage.simulator.exchanges, f"the plan of {said} was sent")
            expect(stage.view() == before, f"the plan of {said} changed something")
            played = record(stage, [operation])
            for note in played.notes:
                _expect_honest(said, note, operation)
            foreseen = [call for batch in planned for call in batch.calls]
            asked = [note.call for note in played.notes]
            expect(foreseen[:1] == asked[:1], f"the plan of {said} foresees another call than is made")


def _forms(subject: Subject, case: Case) -> list[Operation]:
    with Stage(subject, case) as stage:
        return stage.forms(key_of(case), stage.main(key_of(case)[1]))


def _expect_honest(said: str, note: Noted, operation: Operation) -> None:
    call = note.call
    expect(
        call.writes or not note.changed,
        f"{said}: {call.action} says it writes nothing, and changed something",
    )
    expect(
        isinstance(operation, Delete) or not call.removes,
        f"{said}: {call.action} says it removes the conversation",
    )
    expect(call.writes or not call.removes, f"{said}: {call.action} removes and does not write")
    expect(call.action and call.method.isupper(), f"{said}: a call has no action or no method")
    # Values only: what is not JSON would fail when it is sent.
    expect(
        json.loads(call.content() or b"{}") == dict(call.body or {}),
        f"{said}: the body of {call.action} is no JSON",
    )
    expect(
        all(isinstance(text, str) for text in (*call.path, *call.query, *call.query.values())),
        f"{said}: {call.action} has a path or a query that is no text",
    )


def _quota(subject: Subject, case: Case) -> None:
    key, provider = key_of(case), subject.provider
    rate = subject.support(case).rate
    with Stage(subject, case) as stage:
        for number in range(len(_forms(subject, case))):
            operation = stage.pipeline().accept(stage.forms(key, stage.main(key[1]))[number])
            call = next(provider.flow(stage.account, [operation]))
            quota = provider.quota(stage.account, call)
            said = f"the quota of {call.action}"
            expect(isinstance(quota, Quota), f"{said} is {quota!r}")
            expect(quota.rate > 0, f"{said} has the rate {quota.rate!r}")
            expect(
                rate is None or quota.rate <= rate,
                f"{said} is faster than its cell's {rate:g} a second" if rate else "",
            )
            expect(_is_hashable(quota.key), f"{said} cannot be hashed")
            expect(provider.name in str(quota.key), f"{said} does not name the provider: {quota.key!r}")
            twin = attrs.evolve(stage.account)
            expect(quota == provider.quota(twin, call), f"{said} differs between two equal accounts")
            _expect_whole_account(stage, said, quota, call)


def _expect_whole_account(stage: Stage, said: str, quota: Quota, call: Call) -> None:
    secrets = stage.subject.secrets(stage.account).values()
    expect(
        not any(secret.reveal() in repr(quota.key) for secret in secrets),
        f"{said} holds a secret of the account",
    )
    # Where it must be given, it says which vendor is meant; elsewhere it only replaces a host.
    replaces = attrs.fields_dict(type(stage.account)).get("base_url")
    if replaces is not None and replaces.default is None:
        moved = stage.subject.account(stage.simulator, base_url=f"{NOWHERE}/elsewhere")
        expect(
            stage.provider.quota(moved, call) == quota,
            f"{said} depends on the host, and the vendor counts by account",
        )


def _is_hashable(value: object) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True


def _batch_key(subject: Subject, case: Case) -> None:
    key, provider = key_of(case), subject.provider
    with Stage(subject, case) as stage:
        for operation in stage.forms(key, stage.main(key[1])):
            twin = type(operation)(**{name: getattr(operation, name) for name in _fields(operation)})
            given, again = (provider.batch_key(stage.account, one) for one in (operation, twin))
            said = f"the batch key of {words(operation)}"
            expect(_is_hashable(given), f"{said} cannot be hashed")
            expect(given == again and hash(given) == hash(again), f"{said} differs for an equal operation")
        if subject.support(case).batch > 1:
            pair = [plainest(key, conversation) for conversation in stage.crowd(key[1], 2)]
            keys = {provider.batch_key(stage.account, one) for one in pair}
            expect(
                len(keys) == 1 and None not in keys,
                f"the cell of {key[0].name} declares batches, and two operations of one user share none",
            )


def _fields(operation: Operation) -> list[str]:
    return [one.name for one in attrs.fields(type(operation))]


CHECKS = (
    Check(
        "flows-pure",
        "A flow does the same for the same replies, in any order, with nothing else within reach.",
        plain_cells,
        _flows_pure,
    ),
    Check(
        "answers-pure",
        "Cells, checks, keys, quotas and readings are the same whenever they are asked for.",
        plain_cells,
        _answers_pure,
    ),
    Check(
        "calls-honest",
        "A call says truly whether it writes and removes, and a plan foresees the first without sending.",
        plain_cells,
        _calls_honest,
    ),
    Check(
        "quota",
        "A quota names the provider, no secret, can be hashed, and is no faster than its cell says.",
        plain_cells,
        _quota,
    ),
    Check(
        "batch-key",
        "A batch key can be hashed, is equal for equal operations, and lets declared batches happen.",
        plain_cells,
        _batch_key,
    ),
)
