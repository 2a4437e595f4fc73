"""Connections that are kept while nobody uses them ("shards"), one set per process."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar
from weakref import WeakSet

from attrs import define

from convops._locks import Lock

CONNECTIONS = 64
"""Exchanges one adapter has under way at most; more wait their turn."""

IDLE_SECONDS = 30.0
"""How long an unused connection is kept."""

IDLE_MAX = 2 * CONNECTIONS
"""How many unused connections one adapter keeps, of all origins together."""

SWEEP_SECONDS = 10.0
"""How often those who keep connections look after those of others who are not used for a while."""


class Droppable(Protocol):
    """Anything with a connection that can be closed at once."""

    def drop(self) -> None:
        """Close the connection."""


Shard = TypeVar("Shard", bound=Droppable)
T = TypeVar("T")


@define(eq=False)
class _Idle(Generic[Shard]):
    origin: str
    shard: Shard
    since: float


class Shards(Generic[Shard]):
    """Idle shards by origin, the last one used first; safe to share by threads and event loops.

    Args:
        make: makes a shard for an origin.
        now: the monotonic clock.
        anywhere: whether any thread may close an idle one.
    """

    def __init__(
        self,
        make: Callable[[str], Shard],
        now: Callable[[], float] = time.monotonic,
        *,
        anywhere: bool = True,
    ) -> None:
        self._make = make
        self._now = now
        self._lock = Lock()
        self._by_origin: dict[str, deque[_Idle[Shard]]] = {}
        # In the order they were given back.
        self._by_age: dict[_Idle[Shard], None] = {}
        self._closed = False
        # Noted with its first connection: most clients of a large platform have none.
        self._is_to_be_noted = anywhere

    def take(self, origin: str) -> Shard:
        """Return a shard whose connection, if it has one, leads to `origin`."""
        # Nothing is called behind taking it: whoever is interrupted there would lose an open connection.
        with self._lock.held:
            if (idle := self._by_origin.get(origin)) is not None:
                last = idle[-1]
                if last.since > self._now() - IDLE_SECONDS:
                    self._forget(last)
                    return last.shard
        self.sweep()
        return self._make(origin)

    def give_back(self, origin: str, shard: Shard) -> None:
        """Keep a shard whose exchange ended cleanly."""
        stale: list[_Idle[Shard]] = []
        try:
            with self._lock.held:
                idle = _Idle(origin, shard, self._now())
                if self._closed:
                    stale.append(idle)
                    return
                self._by_age[idle] = None
                self._by_origin.setdefault(origin, deque()).append(idle)
                self._expire(stale)
        finally:
            _drop(stale)
        _KEEPERS.look_after(self if self._is_to_be_noted else None)
        self._is_to_be_noted = False

    def sweep(self) -> None:
        """Close what was idle for too long."""
        stale: list[_Idle[Shard]] = []
        try:
            with self._lock.held:
                self._expire(stale)
        finally:
            _drop(stale)

    def close(self) -> None:
        """Keep nothing any more."""
        with self._lock.held:
            self._closed = True
            idle = [*self._by_age]
            self._by_age.clear()
            self._by_origin.clear()
        _drop(idle)

    def _expire(self, stale: list[_Idle[Shard]]) -> None:
        """Forget what was idle for too long, and the oldest of too many, whatever their origin."""
        past = self._now() - IDLE_SECONDS
        while self._by_age:
            oldest = next(iter(self._by_age))
            if oldest.since > past and len(self._by_age) <= IDLE_MAX:
                return
            self._forget(oldest)
            stale.append(oldest)

    def _forget(self, idle: _Idle[Shard]) -> None:
        """Forget the first or the last of its origin."""
        del self._by_age[idle]
        fellows = self._by_origin[idle.origin]
        if fellows[-1] is idle:
            fellows.pop()
        else:
            fellows.popleft()
        if not fellows:
            del self._by_origin[idle.origin]


class _Keepers:
    """All who keep connections in this process: a client that is used no more closes none by itself."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._all: WeakSet[Shards[Any]] = WeakSet()
        self._next = 0.0

    def look_after(self, another: Shards[Any] | None) -> None:
        """Let all of them close what is stale, now and then."""
        now = time.monotonic()
        if another is None and now < self._next:
            return
        with self._lock.held:
            if another is not None:
                self._all.add(another)
            if now < self._next:
                return
            self._next = now + SWEEP_SECONDS
            due = [*self._all]
        for keeper in due:
            keeper.sweep()


_KEEPERS = _Keepers()


def _drop(stale: list[_Idle[Shard]]) -> None:
    for old in stale:
        old.shard.drop()


class PerProcess(Generic[T]):
    """A value that a forked child makes anew.

    The parent's is kept and left alone: its sockets carry the parent's exchanges, its locks may be held.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._value = make()
        self._owner = os.getpid()
        self._abandoned: list[T] = []

    def get(self) -> T:
        """Return this process's value."""
        if self._owner != os.getpid():
            self._abandoned.append(self._value)
            self._value = self._make()
            self._owner = os.getpid()
        return self._value
