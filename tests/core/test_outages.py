"""A long list waits for the end of an outage; a verb does not."""

from __future__ import annotations

import traceback

import pytest

from convops import _connect
from convops.errors import (
    ConfigError,
    DeadlineExceededError,
    Effect,
    ProviderUnavailableError,
    TransportError,
)
from convops.operations import Mute
from convops.provider import Failure, FailureKind
from tests.core.scripted import World, answer, broken, dm

BUSY = Failure(FailureKind.BUSY, sent=False)


def test_apply_waits_for_a_host_that_comes_back():
    world = World(*[broken()] * 5, answer())
    pipeline = world.pipeline()
    (first,) = world.perform(pipeline, Mute(dm()), patient=True)
    assert (first.attempts, first.effect) == (4, Effect.UNKNOWN)
    # The fifth failure opens the breaker; a verb would be refused now.
    (second,) = world.perform(pipeline, Mute(dm()), patient=True)
    assert (second.attempts, second.effect) == (2, Effect.APPLIED)


def test_apply_does_not_wait_for_ever():
    world = World(*[broken()] * 200)
    pipeline = world.pipeline()
    began = world.clock
    outcomes = [world.perform(pipeline, Mute(dm()), patient=True)[0] for _ in range(3)]
    assert all(outcome.error is not None for outcome in outcomes)
    assert world.clock - began < 3 * 4 * 100


class Occupied(World):
    """A world where somebody else tries the host all the time, and fails."""

    def wait(self, step):
        super().wait(step)
        (host,) = self.caller.hosts
        host.breaker.note(TransportError("broke"), self.clock, 1.0)


def test_apply_waits_a_minute_for_a_host_and_looks_every_second():
    world = Occupied()
    pipeline = world.pipeline()
    world.caller = pipeline._caller
    for _ in range(5):
        pipeline._caller.hosts[0].breaker.note(TransportError("broke"), world.clock, 1.0)
    (outcome,) = world.perform(pipeline, Mute(dm()), patient=True)
    assert isinstance(outcome.error, ProviderUnavailableError)
    assert (outcome.attempts, outcome.effect) == (0, Effect.NOT_APPLIED)
    assert 60.0 < world.clock - 1000.0 <= 61.0
    assert max(world.waits) == 1.0


def test_a_queue_of_our_own_says_nothing_of_the_host():
    world = World(*[BUSY] * 24, answer())
    pipeline = world.pipeline()
    for _ in range(6):
        (outcome,) = world.perform(pipeline, Mute(dm()))
        assert isinstance(outcome.error, DeadlineExceededError)
        assert outcome.effect is Effect.NOT_APPLIED
    (outcome,) = world.perform(pipeline, Mute(dm()))
    assert outcome.effect is Effect.APPLIED


@pytest.mark.parametrize("door", [_connect.connect_account, _connect.connect_account_async])
def test_a_proxys_password_stands_in_no_frame_of_ours(door, tmp_path):
    with pytest.raises(ConfigError) as refused:
        door("main", path=tmp_path / "none.toml", proxy="http://user:s3ntinel-4711@proxy.example")
    frames = list(traceback.walk_tb(refused.value.__traceback__))
    ours = [frame.f_locals for frame, _ in frames if "/convops/" in frame.f_code.co_filename]
    assert ours
    assert "s3ntinel-4711" not in repr(ours)
