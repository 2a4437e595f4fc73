"""How often, how fast and how long: decisions over time that is given, never taken."""

from __future__ import annotations

import heapq
import math
from collections.abc import Hashable

from attrs import define, field, frozen

from convops._locks import Lock
from convops.errors import (
    DeadlineExceededError,
    OperationError,
    ProviderUnavailableError,
    RateLimitedError,
    TransportError,
)
from convops.provider import Quota

KEPT = 4096
"""Quota keys whose past is kept; those that lie idle are forgotten first."""


# --- Retry --------------------------------------------------------------------------------------------


@frozen(kw_only=True)
class Retry:
    """When a failed attempt is repeated, and after how long.

    Waits are drawn evenly from zero up to a bound that doubles with every attempt ("full jitter"), so
    that callers who failed together do not come back together.

    Attributes:
        attempts: tries of one call at most, the first included.
        first_wait: bound of the first wait after a passing failure, in seconds.
        first_wait_throttled: the same after a rate limit.
        wait_max: no bound grows past this.
        retry_after_max: a vendor's demand to wait longer than this is not obeyed: the call fails.
    """

    attempts: int = 4
    first_wait: float = 0.1
    first_wait_throttled: float = 0.5
    wait_max: float = 8.0
    retry_after_max: float = 30.0

    def wait(self, error: OperationError, tries: int, random: float) -> float | None:
        """Return the seconds to wait before the next try, or None if there is to be none.

        Args:
            error: what the last try met.
            tries: how many there were.
            random: evenly drawn from [0, 1).
        """
        if not error.retryable or tries >= self.attempts:
            return None
        throttled = isinstance(error, RateLimitedError)
        first = self.first_wait_throttled if throttled else self.first_wait
        jitter = random * min(self.wait_max, first * 2.0 ** min(tries - 1, 60))
        if error.retry_after is None:
            return jitter
        if error.retry_after > self.retry_after_max:
            return None
        return error.retry_after + jitter


class RetryBudget:
    """Retries in proportion to calls, so that an outage adds a tenth to the traffic and no more.

    For each (quota key, host): a call earns a tenth of a retry, and so does a second, for a caller that
    waits must come to its turn. A few are there from the start.

    Attributes:
        share: retries earned by one call, and by one second.
        reserve: retries a key has at first, and can save up.
    """

    share = 0.1
    reserve = 3.0

    def __init__(self) -> None:
        self._lock = Lock()
        self._saved: dict[Hashable, tuple[float, float]] = {}

    def earn(self, key: Hashable, now: float) -> None:
        """Note a call that is no retry."""
        with self._lock.held:
            # Put at the end: the first was used longest ago.
            balance, since = self._saved.pop(key, (self.reserve, now))
            if balance < self.reserve:
                balance = min(self.reserve, balance + self.share * (1 + max(0.0, now - since)))
            self._saved[key] = balance, now
            if len(self._saved) > KEPT:
                del self._saved[next(iter(self._saved))]

    def spend(self, key: Hashable, now: float) -> float:
        """Take one retry and return 0, or take none and return the seconds until there is one."""
        with self._lock.held:
            balance = self._balance(key, now)
            # Who waited for what was missing must not wait for a rounding.
            if balance >= 1 - 1e-6:
                self._saved[key] = (max(0.0, balance - 1), now)
                return 0.0
            return (1 - balance) / self.share

    def _balance(self, key: Hashable, now: float) -> float:
        balance, since = self._saved.get(key, (self.reserve, now))
        return min(self.reserve, balance + self.share * max(0.0, now - since))


# --- Pace ---------------------------------------------------------------------------------------------


@frozen
class Slot:
    """Permission for one call.

    Attributes:
        key: the quota it was taken from.
        at: when the call may start, on the monotonic clock.
    """

    key: Hashable
    at: float


@define
class _Lane:
    next: float
    held_until: float = 0.0
    returned: list[float] = field(factory=list)


class Pacer:
    """Slots per quota key, evenly spaced: at a rate of 20 a second, one every 50 ms and no burst.

    Any half-open window of one second then holds at most `rate` slots. Callers are served in the
    order they ask. One pacer serves every client of a process.
    """

    # Keeps the sum of `rate` intervals from falling below a second by rounding, at any uptime.
    _STRETCH = 1 + 1e-5

    def __init__(self) -> None:
        self._lock = Lock()
        self._lanes: dict[Hashable, _Lane] = {}
        self._lanes_max = KEPT

    def reserve(self, quota: Quota, now: float) -> Slot:
        """Take the earliest free slot at or after `now`."""
        with self._lock.held:
            lane = self._lanes.get(quota.key) or self._lane(quota.key, now)
            while lane.returned:
                at = heapq.heappop(lane.returned)
                if at >= now:
                    return Slot(quota.key, at)
            at = max(now, lane.next)
            lane.next = at + self._STRETCH / quota.rate
            return Slot(quota.key, at)

    def give_back(self, slot: Slot) -> None:
        """Return a slot whose call was not made, for whoever asks next."""
        with self._lock.held:
            lane = self._lanes.get(slot.key)
            if lane is not None and slot.at >= lane.held_until:
                heapq.heappush(lane.returned, slot.at)

    def hold(self, key: Hashable, until: float, now: float) -> None:
        """Let no call of this key start before `until`: the vendor asked for a pause."""
        with self._lock.held:
            lane = self._lane(key, now)
            lane.returned.clear()
            lane.held_until = max(until, lane.held_until)
            lane.next = max(until, lane.next)

    def is_held(self, slot: Slot) -> bool:
        """Whether a pause was asked for after this slot was taken; it is then worth nothing."""
        lane = self._lanes.get(slot.key)
        return lane is not None and slot.at < lane.held_until

    def _lane(self, key: Hashable, now: float) -> _Lane:
        lane = self._lanes.get(key)
        if lane is None:
            if len(self._lanes) >= self._lanes_max:
                # An idle lane is like a new one.
                self._lanes = {key: lane for key, lane in self._lanes.items() if lane.next > now}
                self._lanes_max = max(KEPT, 2 * len(self._lanes))
            lane = self._lanes[key] = _Lane(next=now)
        return lane


# --- Breaker ------------------------------------------------------------------------------------------


class Breaker:
    """Stops calling a host that does not answer, and lets one call at a time try whether it does again.

    Args:
        failures_max: failures in a row that open it.
        first_pause: seconds it stays open the first time; doubled each time the try fails.
        pause_max: no pause grows past this.
    """

    def __init__(self, *, failures_max: int = 5, first_pause: float = 1.0, pause_max: float = 30.0) -> None:
        self._failures_max = failures_max
        self._first_pause = first_pause
        self._pause_max = pause_max
        self._lock = Lock()
        self._failures = 0
        self._pauses = 0
        self._opened = -math.inf
        self._open_until: float | None = None
        self._trying = False

    def admit(self, now: float) -> float:
        """Return 0 if a call may be made, else the seconds until one may.

        Once the pause is over one caller is admitted, and the rest wait for what becomes of it.
        """
        with self._lock.held:
            if self._open_until is None:
                return 0.0
            if now < self._open_until:
                return self._open_until - now
            self._open_until = now + self._pause_max
            self._trying = True
            return 0.0

    def rest(self, then: float) -> float:
        """Return the seconds from `then` on until a call may be made; nobody is admitted by it."""
        open_until = self._open_until
        return 0.0 if open_until is None else max(0.0, open_until - then)

    def note(
        self, error: OperationError | None, now: float, random: float, *, began: float = math.inf
    ) -> None:
        """Note what came of an admitted call: only a host that cannot be reached or is broken counts.

        Args:
            error: what the call met; None for an answer.
            now: on the monotonic clock.
            random: evenly drawn from [0, 1).
            began: when the call did.
        """
        if error is None and not self._failures and self._open_until is None:
            return
        with self._lock.held:
            if not isinstance(error, _OUTAGE):
                self._trying = False
                self._failures = self._pauses = 0
                self._open_until, self._opened = None, -math.inf
                return
            if began <= self._opened:
                # It was under way when the breaker opened, and says nothing new.
                return
            self._trying = False
            self._failures += 1
            if self._failures >= self._failures_max:
                pause = min(self._pause_max, self._first_pause * 2.0 ** min(self._pauses, 60))
                # Half of it is drawn, so that those who stopped together do not come back together.
                self._open_until, self._opened = now + pause * (0.5 + random / 2), now
                self._pauses += 1

    def abandon(self, now: float, *, began: float = math.inf) -> None:
        """Note that an admitted call was cancelled: if it was the try, the next one is."""
        with self._lock.held:
            if self._trying and began > self._opened:
                self._trying = False
                self._open_until = now


_OUTAGE = (TransportError, ProviderUnavailableError, DeadlineExceededError)
