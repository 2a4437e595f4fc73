"""Many clients of one vendor in virtual time: each as if in a process of its own, and nothing sleeps."""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from random import Random

import attrs

from convops._policy import RetryBudget
from convops._steps import Wait
from convops.operations import Mute
from convops.provider import Failure, FailureKind
from tests.core.scripted import Scripted, World, answer, dm

OK = answer()
BROKEN = answer(status=503)


class Unpaced(Scripted):
    """The scripted vendor, with a rate that holds nobody up."""

    rate = 1e9


class Crowd(World):
    """A world in which many things happen at once, one after another on one clock.

    Attributes:
        calls: when each exchange began.
    """

    def __init__(self, vendor, *, chance=None, start=1000.0):
        super().__init__(start=start)
        self.calls = []
        self._vendor = vendor
        # A seed, so that a failure can be repeated.
        self._chance = chance or Random(4711).random  # noqa: S311 - it hides nothing
        self._agenda = []
        self._order = itertools.count()

    @property
    def environment(self):
        return attrs.evolve(super().environment, random=self._chance)

    def clients(self, count, provider=None, **settings):
        """Return clients that share nothing: each has its own pacer, breaker and budget."""
        return [
            self.pipeline(provider or Unpaced(), **{"budget": RetryBudget(), **settings})
            for _ in range(count)
        ]

    def at(self, moment, act):
        heapq.heappush(self._agenda, (moment, next(self._order), act))

    def run(self, until):
        """Let everything happen that is to happen before a moment."""
        while self._agenda and self._agenda[0][0] < until:
            self.clock, _, act = heapq.heappop(self._agenda)
            act()
        self.clock = until

    def mute(self, pipeline, then=lambda _: None, *, timeout=10.0, patient=False):
        """Begin to mute a conversation, and tell `then` what came of it."""
        operation = pipeline.accept(Mute(dm()))
        steps = pipeline.perform([operation], timeout=timeout, patient=patient)
        self.go(steps, lambda outcomes: then(outcomes[0]))

    def go(self, steps, then, result=None):
        """Perform steps as a driver does, giving way to everyone else while they wait."""
        try:
            step = steps.send(result)
        except StopIteration as stop:
            then(stop.value)
            return
        if isinstance(step, Wait):
            moment, came = self.clock + step.seconds, None
        else:
            self.calls.append(self.clock)
            moment, came = self._vendor(self.clock, step.deadline)
        self.at(moment, lambda: self.go(steps, then, came))

    def calls_within(self, begin, end):
        return sum(begin <= moment < end for moment in self.calls)


def peak(moments, window):
    """Return the most moments that lie in one window of that many seconds."""
    most, inside = 0, deque()
    for moment in sorted(moments):
        inside.append(moment)
        while moment - inside[0] >= window:
            inside.popleft()
        most = max(most, len(inside))
    return most


class Server:
    """A vendor that can do so much a second, and works off its queue whether or not anyone still waits.

    Args:
        capacity: calls it can do in a second.
        queue: how many may wait; more are answered 503 at once.
        outage: from when to when it does nothing but let them queue.
        refuses: answer 503 during the outage, rather than let them queue.
    """

    LATENCY = 0.01

    def __init__(self, *, capacity, queue, outage, refuses=False):
        self._seconds = 1 / capacity
        self._most = queue
        self._outage = outage
        self._refuses = refuses
        self._done = deque()

    def __call__(self, now, deadline):
        """Return when a call that arrives now is over, and what came of it."""
        while self._done and self._done[0] <= now:
            self._done.popleft()
        begin, end = self._outage
        if len(self._done) >= self._most or (self._refuses and begin <= now < end):
            return now + self.LATENCY, BROKEN
        start = max(now, self._done[-1] if self._done else now)
        if begin <= start < end:
            start = end
        self._done.append(start + self._seconds)
        answered = self._done[-1] + self.LATENCY
        if answered > deadline:
            return deadline, Failure(FailureKind.TIMEOUT, sent=True)
        return answered, OK
