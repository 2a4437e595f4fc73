"""Google Cloud, 12 June 2025: what had failed together came back together, and failed again.

A thousand clients, each in a process of its own, meet the same failure in the same instant. When they
come back is drawn over a stretch of time; in no tenth of it is there more than a part of them.
"""

from __future__ import annotations

import pytest

from convops._policy import Retry
from convops.errors import RateLimitedError
from convops.provider import Failure, FailureKind
from tests.core.scripted import THROTTLED, answer
from tests.incidents.crowd import BROKEN, OK, Crowd, peak

HERD = 1000
TENTH = 0.1
MOST = 0.16 * HERD
"""A tenth is expected in each tenth; by chance alone it is not half as much again."""

RESET = Failure(FailureKind.BROKEN, sent=True)
FAILURES = {
    # What is met, the seconds from then until the first may come back, and over which they do.
    "503": (BROKEN, 0.0, 0.1),
    "throttled": (answer(THROTTLED), 0.0, 0.5),
    "429 for 2 seconds": (answer(status=429, headers={"retry-after": "2"}), 2.0, 0.5),
}


def constant():
    """Chance that is none: what waits were before anybody drew them."""
    return 0.5


def back_together(moments, stretch):
    return peak(moments, stretch * TENTH) > MOST


class Story:
    """A herd, and a vendor that fails until it is healed."""

    def __init__(self, failure, chance=None, **settings):
        self.healthy = False
        self.outcomes = []
        self.world = Crowd(self._answered, chance=chance)
        self.clients = self.world.clients(HERD, **settings)
        self._failure = failure

    def _answered(self, now, _):
        return now, OK if self.healthy else self._failure

    def all_mute(self, **options):
        """Let all begin in this instant."""
        for client in self.clients:
            self.world.mute(client, self.outcomes.append, **options)

    def pass_time(self, seconds):
        self.world.run(self.world.clock + seconds)

    def heal(self):
        self.healthy = True
        self.world.calls.clear()
        self.outcomes.clear()

    @property
    def all_well(self):
        return len(self.outcomes) == HERD and all(outcome.ok for outcome in self.outcomes)


def retry(failure, chance=None):
    """All fail at the first try, and succeed at the second."""
    story = Story(failure, chance)
    story.all_mute()
    story.pass_time(0)
    began = story.world.clock
    story.heal()
    story.pass_time(60)
    assert story.all_well
    return began, story.world.calls


@pytest.mark.parametrize(("failure", "after", "stretch"), FAILURES.values(), ids=FAILURES)
def test_clients_that_failed_together_do_not_retry_together(failure, after, stretch):
    began, moments = retry(failure)
    assert len(moments) == HERD
    assert began + after <= min(moments) <= max(moments) <= began + after + stretch
    assert not back_together(moments, stretch)


@pytest.mark.parametrize(("failure", "after", "stretch"), FAILURES.values(), ids=FAILURES)
def test_without_chance_they_would(failure, after, stretch):
    began, moments = retry(failure, constant)
    assert peak(moments, stretch * TENTH) == HERD
    assert moments[0] == pytest.approx(began + after + stretch / 2)


def reclose(chance=None):
    """All meet an outage until their breakers open; then it is over."""
    story = Story(RESET, chance, retry=Retry(attempts=1))
    for _ in range(5):
        began = story.world.clock
        story.all_mute()
        story.pass_time(0.1)
    story.heal()
    story.all_mute(patient=True)
    story.pass_time(60)
    assert story.all_well
    return began, story.world.calls


def test_breakers_that_opened_together_do_not_close_together():
    # Half of the first pause, which is a second, is drawn.
    began, moments = reclose()
    assert began + 0.5 <= min(moments) <= max(moments) <= began + 1.0
    assert not back_together(moments, 0.5)


def test_breakers_without_chance_would():
    _, moments = reclose(constant)
    assert peak(moments, 0.5 * TENTH) == HERD


def resume(chance=None, *, asked="5"):
    """All are asked to pause at the last try they have; the next operation waits for the end of the pause."""
    story = Story(answer(status=429, headers={"retry-after": asked}), chance, retry=Retry(attempts=1))
    story.all_mute()
    story.pass_time(0.1)
    assert all(type(outcome.error) is RateLimitedError for outcome in story.outcomes)
    story.heal()
    story.all_mute(patient=True)
    story.pass_time(60)
    assert story.all_well
    return story.world.calls


@pytest.mark.parametrize("asked", ["5", "3600"])
def test_operations_held_back_by_a_pause_do_not_resume_together(asked):
    assert not back_together(resume(asked=asked), 0.5)
