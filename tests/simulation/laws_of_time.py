"""Laws of time: order, pace, rest and deadlines, and how often something is tried."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import pairwise

from convops.operations import Conversation, Operation
from convops.provider import Failure, HttpReply
from tests.simulation.fates import CODES
from tests.simulation.history import History, Record, Sent
from tests.simulation.laws_of_truth import code_of, is_success
from tests.simulation.story import ClockStep, named, told

RATES = {"zego": 20.0, "tencent": 200.0}
"""Calls a second of each app and action, as the vendors' pages have them."""

RETRIES = 3
"""Retries that a quota has at first; each call and each second earn a tenth of one."""

FAILURES = 5
"""Failures in a row after which a host is left alone."""

REST = 0.5
"""Seconds for which it is, at least."""

PATIENCE = 30.0
"""The longest rest that a vendor is granted, in seconds."""

ROUNDING = 1e-6
"""Seconds that sums of floats may be off."""

BUSY = {codes["busy"] for codes in CODES.values()}

Quota = tuple[int, int, str]


def nothing_waits_for_ever(history: History) -> Iterator[str]:
    """Every story ends, and so does everything in it."""
    if history.stuck is not None:
        yield history.stuck
    for record in history.records:
        if record.ended is None:
            yield f"a batch of act {record.act.number} never ended"


def operations_on_a_conversation_keep_their_order(history: History) -> Iterator[str]:
    """Of two operations on one conversation in a list, the second waits for the end of the first."""
    lists: dict[int, list[Record]] = defaultdict(list)
    for record in history.records:
        lists[record.act.number].append(record)
    for number, records in lists.items():
        ended: dict[Conversation, float] = {}
        performed: dict[Conversation, list[Operation]] = defaultdict(list)
        for record in records:
            for operation in record.operations:
                conversation = operation.conversation
                if record.began < ended.get(conversation, 0.0) - ROUNDING:
                    yield f"act {number}: {told(operation)} did not wait for the one before"
                ended[conversation] = float("inf") if record.ended is None else record.ended
                performed[conversation].append(operation)
        for conversation, operations in performed.items():
            # Some may have been refused before; the rest stand in the order they were asked for.
            asked = iter(records[0].act.operations)
            if number >= 0 and not all(operation in asked for operation in operations):
                yield f"act {number}: {named(conversation)} saw {', '.join(map(told, operations))}"


def no_call_comes_sooner_than_the_pace(history: History) -> Iterator[str]:
    """What one machine sends of one action of one app is spaced to the vendor's limit."""
    for (_, app, action), starts in _starts(history).items():
        rate = history.story.apps[app].pace or RATES[history.story.apps[app].vendor]
        for earlier, later in pairwise(starts):
            if later - earlier < 1 / rate - ROUNDING:
                yield f"two {action} within {later - earlier:.4f} s, at {rate:g} a second"


def a_vendors_wish_for_rest_is_granted(history: History) -> Iterator[str]:
    """After `Retry-After`, no call of that quota starts before it is over."""
    starts = _starts(history)
    for sent in history.sent:
        if not isinstance(sent.came, HttpReply) or sent.came.status != 429:
            continue
        rest = min(PATIENCE, float(sent.came.headers["retry-after"]))
        times = starts[_quota(sent)]
        place = bisect_left(times, sent.ended + ROUNDING)
        if place < len(times) and times[place] < sent.ended + rest - ROUNDING:
            yield f"{sent.action} at {times[place]:.3f}, within {rest:g} s of rest from {sent.ended:.3f} on"


def a_broken_host_is_left_alone(history: History) -> Iterator[str]:
    """After five failures in a row a client calls nobody for half a second at least."""
    for seat in range(len(history.story.seats)):
        mine = [sent for sent in history.sent if sent.record.seat == seat]
        moments = [(sent.started, True, None) for sent in mine]
        moments += [(sent.ended, False, sent.came) for sent in mine if sent.came is not None]
        failures, left_alone_until = 0, 0.0
        for at, begins, came in sorted(moments, key=lambda moment: moment[:2]):
            if begins and at < left_alone_until - ROUNDING:
                yield f"client {seat} called at {at:.3f}, after {failures} failures in a row"
            elif not begins:
                failures = failures + 1 if _is_outage(came) else 0
                left_alone_until = at + REST if failures >= FAILURES else 0.0


def _is_outage(came: HttpReply | Failure) -> bool:
    return isinstance(came, Failure) or came.status >= 500 or code_of(came) in BUSY


def a_deadline_is_a_deadline(history: History) -> Iterator[str]:
    """A verb ends in its time; in a list each attempt has that time from its slot on."""
    for record in history.records:
        for sent in record.sent:
            last = (sent.started if record.patient else record.began) + record.timeout
            if sent.deadline > last + ROUNDING:
                yield f"{sent.action} was given until {sent.deadline:.3f}, not {last:.3f}"
        took = 0.0 if record.ended is None else record.ended - record.began
        if not record.patient and took > record.timeout + ROUNDING:
            yield f"a verb of {record.timeout:g} s took {took:.3f} s"


def who_gave_up_sends_nothing_more(history: History) -> Iterator[str]:
    """A cancelled call ends there and then, and no exchange of it begins later."""
    given_up = {each.act.number: each.given_up for each in history.played if each.given_up is not None}
    for sent in history.sent:
        number = sent.record.act.number
        if sent.started > given_up.get(number, float("inf")) + ROUNDING:
            yield f"act {number}, given up at {given_up[number]:.3f}, sent {sent.action} later"
    for played in history.played:
        if played.given_up is not None and played.ended != played.given_up:
            yield f"act {played.act.number}, given up at {played.given_up:.3f}, ended at {played.ended}"


def what_must_not_be_repeated_is_not(history: History) -> Iterator[str]:
    """After an answer that nobody can trust, or a plain refusal, the call is not sent again."""
    for record in history.records:
        for place, sent in enumerate(record.sent):
            if not sent.fate.final or not isinstance(sent.came, HttpReply):
                continue
            for later in record.sent[place + 1 :]:
                if later.action == sent.action and set(later.named) & set(sent.named):
                    yield f"{sent.action} again at {later.started:.3f}, though {sent.fate.told}"


def attempts_are_counted(history: History) -> Iterator[str]:
    """`attempts` says how often it was tried, and no call is tried more often than was allowed."""
    for record in history.records:
        seat = history.story.seats[record.seat]
        # "Until now" is said again where the clock proved slow, at first or when it was set.
        again = 1 + sum(step.machine == seat.machine for step in history.story.of(ClockStep))
        most = seat.attempts
        tries = Counter(sent.action for sent in record.sent)
        for action, times in tries.items():
            if times > most + again:
                yield f"{action} was tried {times} times, and {most} were allowed"
        for outcome in record.outcomes or ():
            # Of several calls the one that was tried most counts.
            if (
                not bool(tries)
                == bool(outcome.attempts)
                <= outcome.attempts
                <= max(tries.values(), default=0)
            ):
                yield f"{told(outcome.operation)} says {outcome.attempts} attempts, and there were {tries}"


def retries_are_a_tenth(history: History) -> Iterator[str]:
    """Retries are earned: three at first, a tenth by each call and by each second."""
    calls: Counter[Quota] = Counter()
    retries: Counter[Quota] = Counter()
    before: dict[tuple[int, str], Sent] = {}
    for sent in history.sent:
        quota, call = _quota(sent), (id(sent.record), sent.action)
        last, before[call] = before.get(call), sent
        # What went well is said again where a clock proved slow: that is a call of its own.
        if last is None or is_success(last.came):
            calls[quota] += 1
            continue
        retries[quota] += 1
        earned = RETRIES + 0.1 * calls[quota] + 0.1 * sent.started
        if retries[quota] > earned + ROUNDING:
            yield f"{retries[quota]} retries of {sent.action} by {sent.started:.3f} s, not {earned:.1f}"


LAWS = (
    nothing_waits_for_ever,
    operations_on_a_conversation_keep_their_order,
    no_call_comes_sooner_than_the_pace,
    a_vendors_wish_for_rest_is_granted,
    a_broken_host_is_left_alone,
    a_deadline_is_a_deadline,
    who_gave_up_sends_nothing_more,
    what_must_not_be_repeated_is_not,
    attempts_are_counted,
    retries_are_a_tenth,
)


def _quota(sent: Sent) -> Quota:
    return sent.machine, sent.app, sent.action


def _starts(history: History) -> dict[Quota, list[float]]:
    """Return when the calls of each quota were begun, in order."""
    starts: dict[Quota, list[float]] = defaultdict(list)
    for sent in history.sent:
        starts[_quota(sent)].append(sent.started)
    return starts
