"""How it is measured: ours and theirs back to back in each round, and the ratio of each round."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Iterable, Iterator

from attrs import define, field, frozen

from tests.bench.stage import Stage, Stats


@frozen(kw_only=True)
class Effort:
    """How much is measured.

    Attributes:
        rounds: how often each pair meets.
        seconds: about how long one side takes in one round.
        turns: how many operations each place in flight has at least, so that a round is not all beginning.
        accounts: how many are opened for the figure of memory.
        start_rounds: how many processes are started for the figures of the start.
    """

    rounds: int
    seconds: float
    turns: int
    accounts: int
    start_rounds: int


FULL = Effort(rounds=11, seconds=0.4, turns=10, accounts=10_000, start_rounds=15)
QUICK = Effort(rounds=2, seconds=0.01, turns=1, accounts=200, start_rounds=1)


@frozen
class Spread:
    """What several rounds came to."""

    median: float
    min: float
    max: float


def spread(values: Iterable[float]) -> Spread:
    """Return the median, the smallest and the largest."""
    known = list(values)
    return Spread(statistics.median(known), min(known), max(known))


@frozen
class Round:
    """One side of one round.

    Attributes:
        operations: how many were performed.
        seconds: how long that took.
        cpu_seconds: how long this process was on its processor meanwhile.
        served: what the server counted meanwhile; None where no server was asked.
    """

    operations: int
    seconds: float
    cpu_seconds: float
    served: Stats | None

    @property
    def rate(self) -> float:
        """Operations a second."""
        return self.operations / self.seconds

    @property
    def cpu_us(self) -> float:
        """Microseconds of the processor for one operation."""
        return self.cpu_seconds / self.operations * 1e6


@define
class Contender:
    """Somebody who performs operations, and how that went so far.

    Attributes:
        name: what it is called in keys.
        run: performs so many operations.
        flights: how many are in flight at a time.
        count: how many are performed in one round.
    """

    name: str
    run: Callable[[int], object]
    flights: int = 1
    count: int = 0
    rounds: list[Round] = field(factory=list)

    def prepare(self, effort: Effort) -> None:
        """Connect, warm up, and find out how many operations take as long as a round is to take."""
        least = count = self.flights * effort.turns
        self.run(least)
        while True:
            started = time.perf_counter()
            self.run(count)
            took = time.perf_counter() - started
            if took >= effort.seconds / 4:
                self.count = max(least, round(count * effort.seconds / took))
                return
            count *= 4

    def perform(self, stage: Stage | None) -> Round:
        """Perform one round, and remember it."""
        before = stage.stats() if stage else None
        cpu_started, started = time.process_time(), time.perf_counter()
        self.run(self.count)
        seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu_started
        served = stage.stats().since(before) if stage and before else None
        done = Round(self.count, seconds, cpu_seconds, served)
        self.rounds.append(done)
        return done


def meet(ours: Contender, theirs: Contender, stage: Stage | None, rounds: int) -> Iterator[float]:
    """Yield the ratio of operations a second, ours over theirs, of each round."""
    for turn in range(rounds):
        gc.collect()
        # Whoever is second finds the processor warm, so they take turns.
        first, second = (ours, theirs) if turn % 2 == 0 else (theirs, ours)
        rates = {one.name: one.perform(stage).rate for one in (first, second)}
        yield rates[ours.name] / rates[theirs.name]
