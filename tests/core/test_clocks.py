"""A clock that is wrong, here or on the way, does not make the library say what is not so."""

from __future__ import annotations

from email.utils import formatdate

import pytest
from attrs import evolve

from convops.errors import Effect
from convops.operations import ClearUnread
from convops.provider import APPLIED, Call
from tests.core.scripted import Scripted, World, answer, broken, dm

RIGHT = 1_700_000_000.0
"""The right time when the monotonic clock says 0."""

SLOW = 100.0


class Pinned(Scripted):
    """Tells the vendor the moment of each operation."""

    def flow(self, account, operations):
        yield Call(action="Do", body={"at": [operation.at.timestamp() for operation in operations]})
        return [APPLIED] * len(operations)

    def batch_key(self, account, operation):
        return None


class SlowWorld(World):
    """A machine whose clock is slow, and a vendor whose clock is right."""

    def wall(self):
        return super().wall() - SLOW

    def exchange(self, step):
        result = super().exchange(step)
        if getattr(result, "status", None) == 200:
            date = formatdate(RIGHT + self.clock, usegmt=True)
            result = evolve(result, headers={**result.headers, "date": date})
        return result

    @property
    def moments(self):
        """How far from the right time each operation was said to have been decided."""
        return [moment - RIGHT - self.clock for body in self.bodies for moment in body["at"]]


def perform(world, pipeline, *operations, timeout=10.0):
    accepted = [pipeline.accept(operation) for operation in operations]
    return world.drive(pipeline.perform(accepted, timeout=timeout, stamped=range(len(accepted))))


def test_what_was_accepted_before_the_clock_proved_slow_is_said_by_the_right_one():
    world = SlowWorld(*[answer()] * 3)
    pipeline = world.pipeline(Pinned())
    first, second = (pipeline.accept(ClearUnread(dm(peer))) for peer in ("bob", "carol"))
    for operation in (first, second):
        world.drive(pipeline.perform([operation], timeout=10.0, stamped=[0]))
    assert world.moments == pytest.approx([-SLOW, 0.0, 0.0], abs=1)


def test_what_took_effect_before_it_was_said_again_is_in_doubt_when_that_fails():
    world = SlowWorld(answer(), *[broken(sent=False)] * 4)
    (outcome,) = perform(world, world.pipeline(Pinned()), ClearUnread(dm()))
    assert outcome.effect is Effect.UNKNOWN


@pytest.mark.parametrize("latency", [0.0, 4.0, 20.0])
def test_an_answer_that_was_long_on_its_way_does_not_make_a_right_clock_wrong(latency):
    class Far(SlowWorld):
        def wall(self):
            return super().wall() + SLOW

        def exchange(self, step):
            result = super().exchange(step)
            self.clock += latency
            return result

    world = Far(answer(), answer())
    pipeline = world.pipeline(Pinned())
    for _ in range(2):
        perform(world, pipeline, ClearUnread(dm()), timeout=60.0)
    decided = [RIGHT + at for at in world.exchanged_at]
    assert [body["at"] for body in world.bodies] == [[pytest.approx(moment, abs=0.2)] for moment in decided]
