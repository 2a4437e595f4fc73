"""Slots come evenly and never faster than the vendor's rate; time here is a number."""

from __future__ import annotations

import math
import threading
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from convops._policy import Pacer, Slot
from convops.provider import Quota

rates = st.integers(1, 500)
starts = st.floats(0, 1e7)


def quota(rate=10.0, key="q"):
    return Quota(key=key, rate=rate)


def over(times, rate):
    """Return the half-open windows of one second that hold more than `rate` of these moments."""
    ordered = sorted(times)
    return [
        (first, later) for first, later in zip(ordered, ordered[rate:], strict=False) if later < first + 1.0
    ]


@given(rate=rates, start=starts)
def test_no_second_holds_more_slots_than_the_rate_when_all_ask_at_once(rate, start):
    pacer = Pacer()
    assert over([pacer.reserve(quota(rate), start).at for _ in range(3 * rate)], rate) == []


@given(rate=st.integers(1, 50), start=starts, pauses=st.lists(st.floats(0, 0.7), max_size=80))
def test_no_second_holds_more_slots_than_the_rate_however_callers_arrive(rate, start, pauses):
    pacer, now, slots = Pacer(), start, []
    for pause in pauses:
        now += pause
        slots.append(pacer.reserve(quota(rate), now).at)
    assert over(slots, rate) == []
    assert slots == sorted(slots)


@given(rate=st.integers(1, 300), start=starts)
def test_a_minute_of_saturation_is_used_to_more_than_99_percent(rate, start):
    pacer, now, count = Pacer(), start, 0
    while now < start + 60.0:
        slot = pacer.reserve(quota(rate), now)
        count += slot.at < start + 60.0
        now = slot.at
        if slot.at >= start + 60.0:
            break
    assert count >= 0.995 * rate * 60
    assert count <= rate * 60 + 1


@given(rate=st.floats(0.01, 1000), start=st.floats(0, 1e5))
def test_slots_of_any_rate_are_evenly_spaced(rate, start):
    pacer = Pacer()
    slots = [pacer.reserve(quota(rate), start).at for _ in range(5)]
    for earlier, later in pairwise(slots):
        assert later - earlier == pytest.approx(1 / rate, rel=1e-3, abs=1e-9)


def test_the_first_caller_waits_for_nothing():
    assert Pacer().reserve(quota(), 1000.0).at == 1000.0


def test_an_idle_quota_saves_up_no_burst():
    pacer = Pacer()
    pacer.reserve(quota(2), 0.0)
    assert [pacer.reserve(quota(2), 100.0).at for _ in range(3)] == pytest.approx(
        [100.0, 100.5, 101.0], rel=1e-3
    )


def test_callers_are_served_in_the_order_they_ask():
    pacer = Pacer()
    slots = [pacer.reserve(quota(), 0.0).at for _ in range(50)]
    assert slots == sorted(set(slots))


def test_a_boundless_rate_lets_everyone_go_at_once():
    pacer = Pacer()
    assert {pacer.reserve(quota(math.inf), 5.0).at for _ in range(1000)} == {5.0}


def test_keys_are_independent():
    pacer = Pacer()
    for _ in range(100):
        pacer.reserve(quota(key="busy"), 0.0)
    assert pacer.reserve(quota(key="idle"), 0.0).at == 0.0


def test_a_slot_that_was_given_back_goes_to_whoever_asks_next():
    pacer = Pacer()
    slots = [pacer.reserve(quota(), 0.0) for _ in range(3)]
    pacer.give_back(slots[1])
    assert pacer.reserve(quota(), 0.0) == slots[1]
    assert pacer.reserve(quota(), 0.0).at == pytest.approx(0.3, rel=1e-3)


def test_the_earliest_of_the_slots_given_back_goes_first():
    pacer = Pacer()
    slots = [pacer.reserve(quota(), 0.0) for _ in range(4)]
    for slot in (slots[3], slots[1], slots[2]):
        pacer.give_back(slot)
    assert [pacer.reserve(quota(), 0.0) for _ in range(3)] == slots[1:]


def test_a_slot_that_was_given_back_and_has_passed_is_lost():
    pacer = Pacer()
    pacer.reserve(quota(), 0.0)
    passed = pacer.reserve(quota(), 0.0)
    pacer.give_back(passed)
    assert pacer.reserve(quota(), 50.0).at == 50.0


def test_a_slot_given_back_to_one_key_is_no_slot_of_another():
    pacer = Pacer()
    slots = [pacer.reserve(quota(key="one"), 0.0) for _ in range(3)]
    pacer.give_back(slots[2])
    assert pacer.reserve(quota(key="other"), 0.0) == Slot("other", 0.0)


deeds = st.lists(
    st.one_of(st.just("reserve"), st.just("give back"), st.floats(0, 0.3)), min_size=1, max_size=120
)


@given(rate=st.integers(1, 20), deeds=deeds, random=st.randoms(use_true_random=False))
def test_giving_back_never_leads_to_more_than_the_rate(rate, deeds, random):
    pacer, now, kept = Pacer(), 1000.0, []
    for deed in deeds:
        if deed == "reserve":
            kept.append(pacer.reserve(quota(rate), now))
        elif deed == "give back":
            # Only who still waits gives a slot back.
            waiting = [slot for slot in kept if slot.at > now]
            if waiting:
                slot = random.choice(waiting)
                kept.remove(slot)
                pacer.give_back(slot)
        else:
            now += deed
    assert over([slot.at for slot in kept], rate) == []
    assert len({slot.at for slot in kept}) == len(kept)


def test_no_slot_is_granted_while_the_vendor_asked_for_a_pause():
    pacer = Pacer()
    pacer.reserve(quota(), 0.0)
    pacer.hold("q", 5.0, 0.0)
    assert [pacer.reserve(quota(), 0.0).at for _ in range(2)] == pytest.approx([5.0, 5.1], rel=1e-3)


def test_a_pause_drops_the_slots_that_were_given_back_before():
    pacer = Pacer()
    slots = [pacer.reserve(quota(), 0.0) for _ in range(3)]
    pacer.give_back(slots[1])
    pacer.hold("q", 5.0, 0.0)
    assert pacer.reserve(quota(), 0.0).at >= 5.0


def test_a_slot_given_back_during_a_pause_does_not_break_it():
    pacer = Pacer()
    slots = [pacer.reserve(quota(), 0.0) for _ in range(3)]
    pacer.hold("q", 5.0, 0.0)
    pacer.give_back(slots[1])
    assert pacer.reserve(quota(), 0.0).at >= 5.0


def test_a_pause_that_is_over_before_the_next_free_slot_changes_nothing():
    pacer = Pacer()
    for _ in range(20):
        pacer.reserve(quota(), 0.0)
    pacer.hold("q", 1.0, 0.0)
    assert pacer.reserve(quota(), 0.0).at == pytest.approx(2.0, rel=1e-3)


def test_a_pause_of_one_key_leaves_the_others_alone():
    pacer = Pacer()
    pacer.hold("q", 5.0, 0.0)
    assert pacer.reserve(quota(key="other"), 0.0).at == 0.0


@given(until=st.floats(0, 100), now=st.floats(0, 100))
def test_a_pause_of_a_key_nobody_used_yet_is_kept(until, now):
    assume(until != now)
    pacer = Pacer()
    pacer.hold("q", until, 0.0)
    assert pacer.reserve(quota(), now).at == max(until, now)


def test_threads_get_slots_of_their_own():
    pacer, slots, together = Pacer(), [], threading.Barrier(8)

    def ask():
        together.wait()
        slots.extend([pacer.reserve(quota(20), 0.0).at for _ in range(200)])

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(slots)) == 1600
    # 1600 slots of 50 ms: the last stands at 79.95 s, so none was skipped.
    assert max(slots) == pytest.approx(79.95, abs=0.02)


def test_keys_that_lie_idle_are_forgotten_and_busy_ones_are_not():
    pacer = Pacer()
    for _ in range(200):
        busy = pacer.reserve(quota(key="busy"), 0.0)
    for number in range(10_000):
        pacer.reserve(quota(key=number), 1.0 + number / 1000)
    assert len(pacer._lanes) < 10_000
    assert pacer.reserve(quota(key="busy"), 11.0).at > busy.at


def test_a_slot_of_a_pause_is_worth_nothing():
    pacer = Pacer()
    before, after = [pacer.reserve(quota(), 0.0) for _ in range(2)]
    pacer.hold("q", 0.1, 0.0)
    assert pacer.is_held(before)
    assert not pacer.is_held(after)
    assert not pacer.is_held(Slot("never used", 0.0))


def test_a_slot_that_was_given_back_is_good_until_its_very_moment():
    pacer = Pacer()
    slots = [pacer.reserve(quota(), 0.0) for _ in range(3)]
    pacer.give_back(slots[1])
    assert pacer.reserve(quota(), slots[1].at) == slots[1]


def test_a_slot_of_a_key_that_was_forgotten_can_be_given_back():
    pacer = Pacer()
    pacer.give_back(Slot("never used", 5.0))
    assert pacer.reserve(quota(key="never used"), 0.0).at == 0.0
