"""Retries are in proportion to calls, so that an outage adds little to the traffic."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convops._policy import RetryBudget
from convops.errors import Effect, RateLimitedError
from convops.operations import Mute
from tests.core.scripted import THROTTLED, Scripted, World, answer, dm

KEY = ("quota", "https://vendor.example")
OK = answer()


def test_a_few_retries_are_there_from_the_start():
    budget = RetryBudget()
    assert [budget.spend(KEY, 0.0) for _ in range(3)] == [0.0, 0.0, 0.0]
    assert budget.spend(KEY, 0.0) > 0


def test_ten_calls_earn_a_retry():
    budget = RetryBudget()
    for _ in range(3):
        budget.spend(KEY, 0.0)
    for _ in range(9):
        budget.earn(KEY, 0.0)
    assert budget.spend(KEY, 0.0) == pytest.approx(1.0)
    for _ in range(2):
        budget.earn(KEY, 0.0)
    assert budget.spend(KEY, 0.0) == 0.0


def test_whoever_waits_comes_to_a_turn():
    budget = RetryBudget()
    for _ in range(3):
        budget.spend(KEY, 100.0)
    wait = budget.spend(KEY, 100.0)
    assert wait == pytest.approx(10.0)
    assert budget.spend(KEY, 100.0 + wait * 1.000001) == 0.0


def test_a_retry_that_was_refused_costs_nothing():
    budget = RetryBudget()
    for _ in range(3):
        budget.spend(KEY, 0.0)
    assert {budget.spend(KEY, 0.0) for _ in range(5)} == {10.0}


def test_no_more_is_saved_up_than_there_was_at_first():
    budget = RetryBudget()
    for _ in range(1000):
        budget.earn(KEY, 0.0)
    assert [budget.spend(KEY, 1e6) for _ in range(3)] == [0.0, 0.0, 0.0]
    assert budget.spend(KEY, 1e6) > 0


def test_quotas_and_hosts_have_budgets_of_their_own():
    budget = RetryBudget()
    for _ in range(4):
        budget.spend(KEY, 0.0)
    assert budget.spend(("quota", "https://other.example"), 0.0) == 0.0
    assert budget.spend(("other", "https://vendor.example"), 0.0) == 0.0


def test_keys_that_lie_idle_are_forgotten():
    budget = RetryBudget()
    for number in range(10_000):
        budget.earn(number, 0.0)
    assert len(budget._saved) == 4096


def test_who_looked_at_the_clock_before_another_loses_nothing_by_it():
    budget = RetryBudget()
    for _ in range(2):
        budget.spend(KEY, 100.0)
    assert budget.spend(KEY, 99.0) == 0.0


def test_a_key_in_use_is_not_forgotten_however_many_there_are():
    budget = RetryBudget()
    for _ in range(3):
        budget.spend(KEY, 0.0)
    for number in range(8000):
        budget.earn(number, 0.0)
        if number % 4000 == 0:
            budget.earn(KEY, 0.0)
    assert budget.spend(KEY, 0.0) > 0


deeds = st.lists(st.one_of(st.just("call"), st.just("retry"), st.floats(0, 60)), max_size=200)


@given(deeds=deeds, start=st.floats(0, 1e7))
def test_an_outage_adds_a_tenth_to_the_calls_and_to_the_seconds_and_no_more(deeds, start):
    budget, now, calls, retries = RetryBudget(), start, 0, 0
    for deed in deeds:
        if deed == "call":
            budget.earn(KEY, now)
            calls += 1
        elif deed == "retry":
            retries += budget.spend(KEY, now) == 0.0
        else:
            now += deed
    assert retries <= 3 + 0.1 * calls + 0.1 * (now - start) + 1e-3


class Quick(Scripted):
    rate = 1e9


def outage(world, pipeline, calls, *, patient=False, timeout=10.0):
    return [world.perform(pipeline, Mute(dm()), patient=patient, timeout=timeout)[0] for _ in range(calls)]


def test_a_single_verb_raises_what_it_met_when_no_retry_is_left():
    world = World(*[answer(THROTTLED)] * 5, random=0.0)
    pipeline = world.pipeline(Quick(), budget=RetryBudget())
    first, second = outage(world, pipeline, 2)
    assert [first.attempts, second.attempts] == [4, 1]
    assert isinstance(second.error, RateLimitedError)
    assert second.effect is Effect.NOT_APPLIED


def test_calls_earn_a_retry_between_them_and_retries_earn_none():
    refused = answer(THROTTLED)
    world = World(*[refused] * 4, *[OK] * 8, refused, *[OK] * 10, refused, OK, random=0.0)
    pipeline = world.pipeline(Quick(), budget=RetryBudget())
    outage(world, pipeline, 1)
    assert outage(world, pipeline, 9)[-1].attempts == 1
    assert outage(world, pipeline, 11)[-1].attempts == 2


def test_a_patient_call_waits_for_a_retry():
    world = World(*[answer(THROTTLED)] * 5, OK, random=0.0)
    pipeline = world.pipeline(Quick(), budget=RetryBudget())
    outage(world, pipeline, 1)
    (outcome,) = outage(world, pipeline, 1, patient=True)
    assert outcome.effect is Effect.APPLIED
    assert sum(world.waits) > 5.0


class Fast(Scripted):
    rate = 1e9


class Empty(RetryBudget):
    """Has nothing to begin with."""

    reserve = 0.9


def test_a_batch_whose_items_could_be_repeated_pays_for_it_like_any_retry():
    world = World(answer(failed={"bob": THROTTLED}), OK)
    (outcome,) = world.perform(world.pipeline(budget=Empty()), Mute(dm()))
    assert isinstance(outcome.error, RateLimitedError)
    assert len(world.attempts) == 1


def test_a_call_that_repeats_items_earns_nothing():
    class Generous(RetryBudget):
        share = 0.5

    world, budget = World(*[answer(failed={"bob": THROTTLED})] * 8, random=0.0), Generous()
    for _ in range(2):
        world.perform(world.pipeline(Fast(), budget=budget), Mute(dm()))
    # Three retries from the start, and half of one earned by each of two calls.
    assert len(world.attempts) == 4 + 1


def test_a_patient_batch_waits_until_its_items_may_be_repeated():
    class Saving(Empty):
        reserve = 1.0

    world = World(*[answer(failed={"bob": THROTTLED})] * 2, OK)
    (outcome,) = world.perform(world.pipeline(budget=Saving()), Mute(dm()), patient=True)
    assert outcome.effect is Effect.APPLIED
    assert sum(world.waits) > 5.0
