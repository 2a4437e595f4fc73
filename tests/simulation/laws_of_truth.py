"""Laws of what is said: it is so, it is about what was asked, and nothing else was touched."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from convops.errors import (
    AuthenticationError,
    DeadlineExceededError,
    Effect,
    OperationError,
    ProviderUnavailableError,
    RateLimitedError,
    TransportError,
)
from convops.operations import ClearUnread, Delete, MarkRead, Operation, Outcome
from convops.provider import Failure, HttpReply
from tests.simulation.history import History, Played, Record, Sent
from tests.simulation.story import BEGIN, ClockStep, named, told
from tests.simulation.vendors import holds
from tests.simulation.virtual_time import Interrupt

CLOCK_NOISE = 4.5
"""Seconds by which a clock may be wrong unnoticed: it is believed to 3 s, and a date is cut to whole ones."""

EXCUSES = (
    TransportError,
    ProviderUnavailableError,
    RateLimitedError,
    DeadlineExceededError,
    AuthenticationError,
)


def what_is_said_to_be_done_is_done(history: History) -> Iterator[str]:
    """APPLIED and ALREADY imply that the asked state held when the vendor answered."""
    for record, operation, outcome, about in _ended(history):
        if outcome.error is not None:
            continue
        answered = [sent for sent in about if isinstance(sent.came, HttpReply)]
        if not answered:
            yield f"{_said(record, outcome)}, and the vendor never answered"
            continue
        last = answered[-1]
        view = last.after[operation.conversation]
        if not holds(operation, view, sent_before=_asked_until(history, record, operation, last)):
            yield f"{_said(record, outcome)}, and the vendor has {view}"
        if isinstance(operation, Delete) and operation.erase_history:
            since = Counter(last.arrived) - Counter(record.arrived)
            if view.messages > since[operation.conversation]:
                yield f"{_said(record, outcome)}, and {view.messages} messages are left"


def _asked_until(history: History, record: Record, operation: Operation, answer: Sent) -> float:
    """Return the moment, by the right clock, up to which messages had to be read."""
    given = next((each.at for each in record.act.operations if each == operation and each.at), None)
    given = getattr(operation, "up_to", None) or given
    if given is not None:
        # Vendors count whole seconds.
        return int(given.timestamp()) + 1
    if any(step.machine == answer.machine for step in history.story.of(ClockStep)):
        return 0.0
    # "Now" is when the caller asked, which may be long before its turn in a list.
    began = next(played.began for played in _acts(history) if played.act is record.act)
    skew = abs(history.story.machines[answer.machine].skew)
    if not skew:
        return int(BEGIN + began) + 1
    mine = [sent for sent in history.sent if sent.record.seat == record.seat and sent.ended is not None]
    ways = max(sent.ended - sent.started for sent in mine)
    return int(BEGIN + began - min(skew, CLOCK_NOISE + ways))


def what_is_said_to_be_untouched_is_untouched(history: History) -> Iterator[str]:
    """NOT_APPLIED implies that this call changed nothing, however late a request of it arrived."""
    for record, operation, outcome, about in _ended(history):
        if outcome.effect is not Effect.NOT_APPLIED:
            continue
        for sent in about:
            before, after = sent.before[operation.conversation], sent.after[operation.conversation]
            if before != after:
                yield f"{_said(record, outcome)}, and {before} became {after}"


def what_is_said_to_be_unknown_was_sent(history: History) -> Iterator[str]:
    """UNKNOWN is no excuse for what was never sent, nor for what went well."""
    for record, _, outcome, _ in _ended(history):
        if outcome.effect is not Effect.UNKNOWN:
            continue
        if not any(sent.request is not None for sent in record.sent):
            yield f"{_said(record, outcome)}, and nothing was sent"
        elif not _is_excused(history, record, outcome) and all(_was_answered(sent) for sent in record.sent):
            yield f"{_said(record, outcome)}, and nothing had gone wrong"


def nothing_fails_without_a_reason(history: History) -> Iterator[str]:
    """Where nothing went wrong, nothing is said to have: no outage, no limit, no wrong signature."""
    for record, _, outcome, _ in _ended(history):
        if not isinstance(outcome.error, EXCUSES) or not record.sent:
            continue
        well = all(_was_answered(sent) and is_success(sent.came) for sent in record.sent)
        if well and not _is_excused(history, record, outcome):
            yield _said(record, outcome)


def nothing_newer_is_read_where_the_vendor_is_told_the_time(history: History) -> Iterator[str]:
    """However late a request arrives, it takes no message with it that came after it was asked for."""
    for record in history.records:
        if _clock_is_wrong(history, record):
            continue
        for operation in record.operations:
            if not isinstance(operation, ClearUnread | MarkRead):
                continue
            for sent in _about(record, operation):
                before, after = sent.before[operation.conversation], sent.after[operation.conversation]
                newer = Counter(before.unread_from or ()) - Counter(after.unread_from or ())
                if operation.conversation.kind.value == "direct" and any(
                    moment > BEGIN + record.began for moment in newer
                ):
                    yield f"{told(operation)} read {sorted(newer)} at {sent.started:.3f}"


def each_place_has_its_outcome(history: History) -> Iterator[str]:
    """`apply` gives one outcome for each operation, in order; a verb returns one, or raises its error."""
    tried = {id(outcome): (record.act, operation) for record, operation, outcome, _ in _ended(history)}
    for played in _acts(history):
        act, outcomes = played.act, played.outcomes
        if outcomes is None:
            continue
        if len(outcomes) != len(act.operations):
            yield f"act {act.number} asked for {len(act.operations)} and was told of {len(outcomes)}"
        for asked, outcome in zip(act.operations, outcomes, strict=False):
            whose, operation = tried.get(id(outcome), (act, outcome.operation))
            if whose is not act or not asked == operation == outcome.operation:
                yield f"act {act.number} asked to {told(asked)} and was told of {told(outcome.operation)}"
            if id(outcome) not in tried and (outcome.effect is not Effect.NOT_APPLIED or outcome.attempts):
                yield f"act {act.number}: {told(asked)} was not tried, and is {outcome.effect.name}"
            if outcome.error is not None and not act.listed:
                yield f"act {act.number} was returned an error"


def each_operation_of_a_batch_comes_to_one_outcome(history: History) -> Iterator[str]:
    """None is lost and none is made up."""
    for record in history.records:
        if record.outcomes is not None and len(record.outcomes) != len(record.operations):
            yield f"{len(record.operations)} operations came to {len(record.outcomes)} outcomes"


def only_errors_of_ours_come_out(history: History) -> Iterator[str]:
    """What a verb raises is an OperationError; `apply` raises nothing; an interruption passes through."""
    for played in _acts(history):
        raised = played.raised
        interrupted = played.given_up is not None and isinstance(raised, Interrupt | asyncio.CancelledError)
        as_expected = isinstance(raised, OperationError) and not played.act.listed
        if raised is not None and not interrupted and not as_expected:
            yield f"act {played.act.number} raised {raised!r}"


def an_answer_is_that_of_its_request(history: History) -> Iterator[str]:
    """The vendor's name for the exchange is one that the batch was answered with."""
    for record, _, outcome, _ in _ended(history):
        heard = {document_of(sent.came).get("RequestId") for sent in record.sent}
        if outcome.request_id is not None and outcome.request_id not in heard:
            yield f"{_said(record, outcome)}, with the request id {outcome.request_id}"


def a_request_names_nobody_else(history: History) -> Iterator[str]:
    """A request names its own app, and no conversation but those of its batch."""
    for sent in history.sent:
        asked = {operation.conversation for operation in sent.record.operations}
        if strangers := set(sent.named) - asked:
            yield f"a batch of {', '.join(map(named, asked))} named {', '.join(map(named, strangers))}"
        vendor = history.vendors[sent.app]
        if sent.request is not None and vendor.app_of(sent.request) != vendor.app:
            yield f"a request to app {vendor.app} names app {vendor.app_of(sent.request)}"


def every_attempt_is_signed_afresh(history: History) -> Iterator[str]:
    """No nonce comes twice, and the vendor finds no signature wrong."""
    for vendor in history.vendors:
        if vendor.reused_nonces:
            yield f"the nonce {vendor.reused_nonces[0]} came more than once"
    for sent in history.sent:
        if code_of(sent.reply) in (100000005, 70009):
            yield f"the signature of {sent.action} is wrong"


def all_is_well_after_a_rest(history: History) -> Iterator[str]:
    """Once nothing is wrong any more, every client works."""
    for second in history.last[1::2]:
        if second.raised is not None:
            yield f"client {second.act.seat} still raises {second.raised!r}"


LAWS = (
    what_is_said_to_be_done_is_done,
    what_is_said_to_be_untouched_is_untouched,
    what_is_said_to_be_unknown_was_sent,
    nothing_fails_without_a_reason,
    nothing_newer_is_read_where_the_vendor_is_told_the_time,
    each_place_has_its_outcome,
    each_operation_of_a_batch_comes_to_one_outcome,
    only_errors_of_ours_come_out,
    an_answer_is_that_of_its_request,
    a_request_names_nobody_else,
    every_attempt_is_signed_afresh,
    all_is_well_after_a_rest,
)


# --- Looking at a history -----------------------------------------------------------------------------


def _acts(history: History) -> list[Played]:
    return [*history.played, *history.last]


def _ended(history: History) -> Iterator[tuple[Record, Operation, Outcome, list[Sent]]]:
    """Yield every operation that came to an outcome, with the exchanges of it that arrived."""
    for record in history.records:
        for operation, outcome in zip(record.operations, record.outcomes or (), strict=False):
            yield record, operation, outcome, _about(record, operation)


def _about(record: Record, operation: Operation) -> list[Sent]:
    return [sent for sent in record.sent if operation.conversation in sent.named]


def _said(record: Record, outcome: Outcome) -> str:
    operation = told(outcome.operation)
    return f"act {record.act.number}: {operation} is {outcome.effect.name} ({outcome.error})"


def _clock_is_wrong(history: History, record: Record) -> bool:
    machine = history.story.seats[record.seat].machine
    stepped = any(step.machine == machine for step in history.story.of(ClockStep))
    return stepped or history.story.machines[machine].skew != 0


def _is_excused(history: History, record: Record, outcome: Outcome) -> bool:
    # A wrong clock costs time, and a try; and the second of several calls may find no slot in time.
    found_no_slot = isinstance(outcome.error, DeadlineExceededError) and outcome.error.retry_after is not None
    return found_no_slot or _clock_is_wrong(history, record)


def _was_answered(sent: Sent) -> bool:
    return sent.fate.told == "all is well" and isinstance(sent.came, HttpReply)


def is_success(came: HttpReply | Failure | None) -> bool:
    """Whether it is an answer that says all was done."""
    document = document_of(came)
    says = [document.get(name) for name in ("Code", "ErrorCode", "ErrorList")]
    return isinstance(came, HttpReply) and came.status == 200 and bool(document) and not any(says)


def code_of(came: HttpReply | Failure | None) -> int | None:
    """Return the vendor's code for a refusal."""
    document = document_of(came)
    return document.get("Code") or document.get("ErrorCode")


def document_of(came: HttpReply | Failure | None) -> dict[str, Any]:
    """Return what an answer says; nothing where it says nothing."""
    try:
        return json.loads(came.body) if isinstance(came, HttpReply) else {}
    except ValueError:
        return {}
