"""Which connections are kept while nobody uses them, and for how long."""

from __future__ import annotations

import pytest

from convops._transports import shards as module
from convops._transports.shards import IDLE_MAX, IDLE_SECONDS, Shards


class Made:
    def __init__(self, origin):
        self.origin = origin
        self.dropped = False

    def drop(self):
        self.dropped = True


class Time:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def time():
    return Time()


@pytest.fixture
def shards(time):
    return Shards(Made, time)


def used(shards, origin):
    """Take a shard and give it back."""
    shard = shards.take(origin)
    shards.give_back(origin, shard)
    return shard


def test_the_shard_given_back_last_is_taken_first(shards):
    first, second = shards.take("a"), shards.take("a")
    shards.give_back("a", first)
    shards.give_back("a", second)
    assert [shards.take("a"), shards.take("a")] == [second, first]


def test_a_shard_is_taken_for_its_own_origin_only(shards):
    kept = used(shards, "a")
    assert shards.take("b") is not kept
    assert shards.take("a") is kept


@pytest.mark.parametrize("next_origin", ["a", "b"])
def test_a_shard_that_was_idle_for_too_long_is_closed_when_the_next_is_taken(shards, time, next_origin):
    old = used(shards, "a")
    time.now += IDLE_SECONDS
    assert shards.take(next_origin) is not old
    assert old.dropped


def test_a_shard_that_was_idle_for_too_long_is_closed_when_another_is_given_back(shards, time):
    busy, old = shards.take("b"), used(shards, "a")
    time.now += IDLE_SECONDS
    shards.give_back("b", busy)
    assert (old.dropped, busy.dropped) == (True, False)


def test_a_shard_that_is_used_now_and_then_is_kept(shards, time):
    kept = used(shards, "a")
    for _ in range(5):
        time.now += IDLE_SECONDS - 1
        assert used(shards, "a") is kept
    assert not kept.dropped


def test_of_ten_thousand_origins_the_latest_are_kept(shards):
    made = [used(shards, f"https://{number}.example") for number in range(10_000)]
    assert [shard.dropped for shard in made] == [True] * (10_000 - IDLE_MAX) + [False] * IDLE_MAX
    assert len(shards._by_origin) == len(shards._by_age) == IDLE_MAX


def test_what_is_given_back_after_closing_is_closed(shards):
    busy, idle = shards.take("a"), used(shards, "a")
    shards.close()
    assert (idle.dropped, busy.dropped) == (True, False)
    shards.give_back("a", busy)
    assert busy.dropped


def test_whoever_keeps_a_connection_closes_those_of_clients_that_are_used_no_more(time, monkeypatch):
    monkeypatch.setattr(module, "_KEEPERS", module._Keepers())
    quiet, tied, busy = Shards(Made, time), Shards(Made, time, anywhere=False), Shards(Made, time)
    left, bound = used(quiet, "a"), used(tied, "b")
    time.now += IDLE_SECONDS + 1
    module._KEEPERS._next = 0.0
    kept = used(busy, "c")
    assert (left.dropped, bound.dropped, kept.dropped) == (True, False, False)


def test_others_are_looked_after_now_and_then_only(time, monkeypatch):
    monkeypatch.setattr(module, "_KEEPERS", module._Keepers())
    quiet, busy = Shards(Made, time), Shards(Made, time)
    left = used(quiet, "a")
    used(busy, "b")
    time.now += IDLE_SECONDS + 1
    used(busy, "b")
    assert not left.dropped
