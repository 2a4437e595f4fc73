"""A host that does not answer is left alone for a while, and then tried by one call at a time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convops._policy import Breaker, Pacer, Retry
from convops._steps import Exchange, Wait
from convops.errors import (
    AuthenticationError,
    DeadlineExceededError,
    Effect,
    InvalidRequestError,
    MalformedReplyError,
    NotFoundError,
    PermissionDeniedError,
    ProviderError,
    ProviderUnavailableError,
    RateLimitedError,
    TransportError,
)
from convops.operations import Mute
from convops.provider import Failure, FailureKind, Quota
from tests.core.scripted import FORBIDDEN, Scripted, World, answer, broken, dm

BROKE = TransportError("broke")
OK = answer()


def opened(breaker=None, *, at=0.0, random=1.0):
    """Return a breaker that has just opened; with this draw its pause is whole."""
    breaker = breaker or Breaker()
    for _ in range(5):
        breaker.note(BROKE, at, random)
    return breaker


def test_a_closed_breaker_lets_everyone_through():
    assert {Breaker().admit(0.0) for _ in range(100)} == {0.0}


@pytest.mark.parametrize("kind", [TransportError, ProviderUnavailableError, DeadlineExceededError])
def test_five_failures_in_a_row_open_it(kind):
    breaker = Breaker()
    for _ in range(4):
        breaker.note(kind("x"), 0.0, 1.0)
        assert breaker.admit(0.0) == 0.0
    breaker.note(kind("x"), 0.0, 1.0)
    assert breaker.admit(0.0) == 1.0


@pytest.mark.parametrize(
    "kind",
    [
        AuthenticationError,
        InvalidRequestError,
        MalformedReplyError,
        NotFoundError,
        PermissionDeniedError,
        ProviderError,
        RateLimitedError,
    ],
)
def test_a_refusal_is_an_answer_and_does_not_count(kind):
    breaker = Breaker()
    for _ in range(100):
        breaker.note(kind("x"), 0.0, 1.0)
    assert breaker.admit(0.0) == 0.0


@pytest.mark.parametrize("answered", [None, PermissionDeniedError("no")])
def test_an_answer_in_between_starts_the_count_anew(answered):
    breaker = Breaker()
    for _ in range(4):
        breaker.note(BROKE, 0.0, 1.0)
    breaker.note(answered, 0.0, 1.0)
    for _ in range(4):
        breaker.note(BROKE, 0.0, 1.0)
    assert breaker.admit(0.0) == 0.0


def test_an_open_breaker_says_when_to_come_back():
    breaker = opened(at=100.0)
    assert breaker.admit(100.0) == pytest.approx(1.0)
    assert breaker.admit(100.75) == pytest.approx(0.25)


@given(random=st.floats(0, 1, exclude_max=True))
def test_half_of_the_pause_is_drawn(random):
    assert 0.5 <= opened(random=random).admit(0.0) <= 1.0


def test_once_the_pause_is_over_one_call_tries_and_the_rest_wait_for_it():
    breaker = opened()
    assert breaker.admit(1.0) == 0.0
    assert min(breaker.admit(1.0) for _ in range(10)) > 0


def test_a_try_that_succeeds_closes_it():
    breaker = opened()
    breaker.admit(1.0)
    breaker.note(None, 1.0, 1.0)
    assert {breaker.admit(1.0) for _ in range(10)} == {0.0}


def test_a_try_that_fails_opens_it_for_twice_as_long_and_at_most_the_maximum():
    breaker, now, pauses = opened(), 0.0, []
    for _ in range(8):
        pause = breaker.admit(now)
        pauses.append(pause)
        now += pause
        assert breaker.admit(now) == 0.0
        breaker.note(BROKE, now, 1.0)
    assert pauses == pytest.approx([1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0])


def test_an_outage_of_days_does_not_break_it():
    breaker, now = opened(), 0.0
    for _ in range(3000):
        now += 30.0
        breaker.admit(now)
        breaker.note(BROKE, now, 1.0)
    assert breaker.admit(now) == pytest.approx(30.0)


def test_after_it_closed_its_first_pause_is_short_again():
    breaker = opened(opened())
    breaker.note(None, 0.0, 1.0)
    assert opened(breaker).admit(0.0) == pytest.approx(1.0)


def test_a_try_that_was_cancelled_leaves_the_next_one_to_try():
    breaker = opened()
    breaker.admit(1.0)
    breaker.abandon(1.0)
    assert breaker.admit(1.0) == 0.0


def test_a_call_cancelled_while_it_is_closed_changes_nothing():
    breaker = Breaker()
    breaker.admit(0.0)
    breaker.abandon(0.0)
    assert [breaker.admit(0.0) for _ in range(2)] == [0.0, 0.0]


def test_a_call_cancelled_after_the_try_succeeded_changes_nothing():
    breaker = opened()
    breaker.admit(1.0)
    breaker.note(None, 1.0, 1.0)
    breaker.abandon(1.0)
    assert [breaker.admit(1.0) for _ in range(2)] == [0.0, 0.0]


def test_it_refuses_until_the_very_moment_it_admits():
    breaker = opened()
    assert breaker.admit(0.0) == 1.0
    assert [breaker.rest(then) > 0 for then in (0.0, 0.999, 1.0, 2.0)] == [True, True, False, False]


def test_a_cancelled_call_that_was_let_in_before_it_opened_does_not_end_the_pause():
    breaker = Breaker()
    assert breaker.admit(0.0) == 0.0
    opened(breaker)
    breaker.abandon(0.1)
    assert breaker.admit(0.1) > 0


class Quick(Scripted):
    rate = 1e9


def perform(world, pipeline, **options):
    return world.perform(pipeline, Mute(dm()), **options)[0]


def test_a_verb_to_a_host_that_does_not_answer_is_not_sent_and_says_when_to_come_back():
    world = World(*[broken()] * 5, random=0.5)
    pipeline = world.pipeline(Quick())
    perform(world, pipeline)
    perform(world, pipeline)
    world.waits.clear()
    outcome = perform(world, pipeline)
    error = outcome.error
    assert isinstance(error, ProviderUnavailableError)
    assert (error.attempts, error.effect, error.retryable) == (0, Effect.NOT_APPLIED, True)
    assert 0 < error.retry_after <= 1.0
    assert len(world.attempts) == 5
    assert world.waits == []


def test_a_verb_that_meets_the_breaker_between_its_attempts_tells_what_it_met():
    world = World(*[broken()] * 5)
    pipeline = world.pipeline(Quick())
    perform(world, pipeline)
    outcome = perform(world, pipeline)
    assert isinstance(outcome.error, TransportError)
    assert (outcome.effect, outcome.attempts) == (Effect.UNKNOWN, 1)


def test_a_verb_does_not_wait_to_be_refused():
    world = World(*[broken()] * 5)
    pipeline = world.pipeline(Quick())
    perform(world, pipeline)
    world.waits.clear()
    perform(world, pipeline)
    assert sum(world.waits) == pytest.approx(0.0, abs=1e-6)


def test_a_verb_waits_for_a_retry_that_comes_after_the_pause():
    world = World(*[broken()] * 4, answer(status=503, headers={"retry-after": "2"}), OK)
    pipeline = world.pipeline(Quick())
    perform(world, pipeline)
    outcome = perform(world, pipeline)
    assert (outcome.effect, outcome.attempts) == (Effect.APPLIED, 2)


@pytest.mark.parametrize("end", [GeneratorExit, KeyboardInterrupt], ids=["closed", "interrupted"])
def test_a_try_that_is_broken_off_leaves_the_next_verb_to_try(end):
    world = World(*[broken()] * 5)
    pipeline = world.pipeline(Quick())
    perform(world, pipeline)
    perform(world, pipeline)
    world.clock += 2.0
    trying = pipeline.perform([Mute(dm())], timeout=10.0)
    while not isinstance(next(trying), Exchange):
        pass
    with pytest.raises(end):
        trying.throw(end)
    world.answers.append(OK)
    assert perform(world, pipeline).effect is Effect.APPLIED


def test_a_try_that_found_no_connection_free_leaves_the_next_verb_to_try():
    world = World(*[broken()] * 5, Failure(FailureKind.BUSY, sent=False), OK)
    pipeline = world.pipeline(Quick(), retry=Retry(attempts=1))
    for _ in range(5):
        perform(world, pipeline)
    world.clock += 2.0
    assert perform(world, pipeline).error is not None
    assert perform(world, pipeline).effect is Effect.APPLIED


def test_a_vendor_that_refuses_is_asked_again_and_again():
    world = World(*[answer(FORBIDDEN)] * 20)
    pipeline = world.pipeline(Quick())
    for _ in range(20):
        perform(world, pipeline)
    assert len(world.attempts) == 20


def test_a_host_that_answers_again_is_called_again():
    world = World(*[broken()] * 5, OK, OK)
    pipeline = world.pipeline(Quick())
    perform(world, pipeline)
    perform(world, pipeline)
    world.clock += 2.0
    assert [perform(world, pipeline).effect for _ in range(2)] == [Effect.APPLIED] * 2


def test_a_call_that_waits_for_its_slot_while_the_host_is_found_broken_is_not_made():
    world = World(*[broken()] * 5, OK)
    pacer = Pacer()
    pipeline = world.pipeline(Quick(), pacer=pacer, pace=10.0)
    accepted = [pipeline.accept(Mute(dm(peer))) for peer in ("bob", "carol")]
    world.drive(pipeline.perform(accepted[:1], timeout=60.0))
    waiting = pipeline.perform(accepted[1:], timeout=60.0)
    waited = waiting.send(None)
    assert isinstance(waited, Wait)
    # Meanwhile the fifth failure in a row opens the breaker.
    pipeline._caller.hosts[0].breaker.note(TransportError("x"), world.clock, 1.0)
    world.clock += waited.seconds
    with pytest.raises(StopIteration) as stopped:
        waiting.send(None)
    (outcome,) = stopped.value.value
    assert isinstance(outcome.error, ProviderUnavailableError)
    assert (outcome.attempts, len(world.attempts)) == (0, 4)
    # Its slot is left to whoever comes next.
    assert pacer.reserve(Quota(key=("scripted", "Do"), rate=10.0), world.clock).at == world.clock


def test_accounts_do_not_share_a_breaker():
    world = World(*[broken()] * 8, OK)
    pipeline = world.pipeline(Quick())
    perform(world, pipeline)
    perform(world, pipeline)
    world.answers.clear()
    world.answers.append(OK)
    assert perform(world, world.pipeline(Quick())).effect is Effect.APPLIED
