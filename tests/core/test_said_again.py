"""What was decided by a slow clock is said again once an answer proved it slow."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from convops.errors import Effect
from convops.operations import MarkRead, Mute
from convops.support import Evidence, Fidelity, Support
from tests.core.scripted import FORBIDDEN, STALE, Scripted, World, answer, dm

WALL = datetime.fromtimestamp(1_700_001_000, UTC)
HOUR = timedelta(hours=1)


class Quick(Scripted):
    rate = 1e9


class Unpinned(Quick):
    def support(self, account, operation, kind):
        return Support(fidelity=Fidelity.NATIVE, evidence=Evidence.SIMULATED, batch=10)


def dated(moment, code=0, **members):
    return answer(code, headers={"date": format_datetime(moment, usegmt=True)}, **members)


def perform(world, *operations, provider=None, stamped=None):
    pipeline = world.pipeline(provider or Quick())
    accepted = [pipeline.accept(operation) for operation in operations]
    stamped = range(len(accepted)) if stamped is None else stamped
    return world.drive(pipeline.perform(accepted, timeout=10.0, stamped=stamped))


def said_next(world, pipeline):
    """Return the moment that the next operation is said to be decided at."""
    world.answers.append(answer())
    accepted = pipeline.accept(Mute(dm()))
    (outcome,) = world.drive(pipeline.perform([accepted], timeout=10.0, stamped=[0]))
    return outcome.operation.at


def ids_sent(world):
    return [body["ids"] for body in world.bodies]


def test_an_operation_a_slow_clock_stamped_is_said_again_by_the_vendors():
    world = World(dated(WALL + HOUR), dated(WALL + HOUR))
    (outcome,) = perform(world, MarkRead(dm()))
    assert outcome.effect is Effect.APPLIED
    assert outcome.operation.at - WALL == pytest.approx(HOUR, abs=timedelta(seconds=1))
    assert len(world.attempts) == 2
    assert sum(world.waits) == pytest.approx(0.0, abs=1e-6)


class Ahead(World):
    """A vendor an hour ahead, which cuts its dates to their second and takes `latency` for each answer."""

    def exchange(self, step):
        self.answers.append(dated(WALL + HOUR + timedelta(seconds=self.clock + self.latency - 1000.0)))
        return super().exchange(step)


@pytest.mark.parametrize("latency", [0.3, 0.9, 1.7])
@pytest.mark.parametrize("start", [1000.0, 1000.4, 1000.8])
def test_it_is_said_again_once_though_dates_are_cut_to_their_second(latency, start):
    world = Ahead(latency=latency, start=start)
    perform(world, MarkRead(dm()))
    assert len(world.attempts) == 2


def test_a_clock_that_proves_slower_still_is_followed_by_the_difference():
    world = World(dated(WALL + HOUR), dated(WALL + 3 * HOUR), dated(WALL + 3 * HOUR))
    (outcome,) = perform(world, MarkRead(dm()))
    assert outcome.operation.at - WALL == pytest.approx(3 * HOUR, abs=timedelta(seconds=1))


@pytest.mark.parametrize("ahead", [-HOUR, timedelta(0)], ids=["fast", "right"])
def test_a_clock_that_is_fast_or_right_has_nothing_said_again(ahead):
    world = World(dated(WALL + ahead))
    (outcome,) = perform(world, MarkRead(dm()))
    assert (outcome.operation.at, len(world.attempts)) == (WALL, 1)


@pytest.mark.parametrize(
    ("operation", "stamped"), [(MarkRead(dm(), at=WALL), ()), (MarkRead(dm(), up_to=WALL), (0,))]
)
def test_a_moment_the_caller_set_is_not_moved(operation, stamped):
    world = World(dated(WALL + HOUR))
    (outcome,) = perform(world, operation, stamped=stamped)
    assert (outcome.operation.at, len(world.attempts)) == (WALL, 1)


def test_what_the_vendor_does_not_pin_to_a_time_is_not_said_again():
    world = World(dated(WALL + HOUR))
    perform(world, Mute(dm()), provider=Unpinned())
    assert len(world.attempts) == 1


def test_what_was_refused_is_not_said_again():
    world = World(dated(WALL + HOUR, failed={"b": FORBIDDEN}), answer())
    a, b = perform(world, MarkRead(dm("a")), MarkRead(dm("b")))
    assert (a.effect, b.effect) == (Effect.APPLIED, Effect.NOT_APPLIED)
    assert ids_sent(world) == [["a", "b"], ["a"]]


def test_a_refusal_is_not_believed_in_what_it_says_of_the_time():
    world = World(dated(WALL + HOUR, FORBIDDEN))
    pipeline = world.pipeline(Quick())
    world.perform(pipeline, Mute(dm()))
    assert said_next(world, pipeline) == WALL


def test_a_signature_called_expired_is_believed_in_it():
    world = World(dated(WALL + HOUR, STALE), answer())
    pipeline = world.pipeline(Quick())
    world.perform(pipeline, Mute(dm()))
    assert said_next(world, pipeline) - WALL == pytest.approx(HOUR, abs=timedelta(seconds=1))
