"""How often, how fast and how long: decisions over time that is given, never taken."""

from __future__ import annotations

import heapq
import threading
from collections.abc import Hashable

from attrs import frozen

from convops.errors import OperationError, RateLimitedError
from convops.provider import Quota


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
        jitter = random * min(self.wait_max, first * 2.0 ** (tries - 1))
        if error.retry_after is None:
            return jitter
        if error.retry_after > self.retry_after_max:
            return None
        return error.retry_after + jitter


@frozen
class Slot:
    """Permission for one call.

    Attributes:
        key: the quota it was taken from.
        at: when the call may start, on the monotonic clock.
    """

    key: Hashable
    at: float


class Pacer:
    """Slots per quota key, evenly spaced: at a rate of 20 a second, one every 50 ms and no burst.

    Any half-open window of one second then holds at most `rate` slots. Callers are served in the
    order they ask. One pacer serves every client of a process.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._next: dict[Hashable, float] = {}
        self._returned: dict[Hashable, list[float]] = {}

    def reserve(self, quota: Quota, now: float) -> Slot:
        """Take the earliest free slot at or after `now`."""
        with self._lock:
            returned = self._returned.get(quota.key)
            while returned:
                at = heapq.heappop(returned)
                if at >= now:
                    return Slot(quota.key, at)
            at = max(now, self._next.get(quota.key, now))
            self._next[quota.key] = at + 1.0 / quota.rate
            return Slot(quota.key, at)

    def give_back(self, slot: Slot) -> None:
        """Return a slot whose call was not made, for whoever asks next."""
        with self._lock:
            heapq.heappush(self._returned.setdefault(slot.key, []), slot.at)

    def hold(self, key: Hashable, until: float) -> None:
        """Grant no slot of this key before `until`, for the vendor asked for a pause."""
        with self._lock:
            self._returned.pop(key, None)
            self._next[key] = max(until, self._next.get(key, until))
