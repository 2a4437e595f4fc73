"""Connections that nobody uses for the moment: kept for the next exchange, one set per process."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from convops._locks import Lock

IDLE_SECONDS = 30.0
"""How long an unused connection is kept."""

Shard = TypeVar("Shard")
T = TypeVar("T")


class Shards(Generic[Shard]):
    """Idle shards by origin, the last one used first; safe to share by threads and event loops."""

    def __init__(self, make: Callable[[], Shard]) -> None:
        self._make = make
        self._lock = Lock()
        self._idle: dict[str, list[tuple[Shard, float]]] = {}
        self._closed = False

    def take(self, origin: str) -> Shard:
        """Return a shard whose connection, if it has one, leads to `origin`."""
        with self._lock.held:
            idle = self._idle.get(origin)
            return idle.pop()[0] if idle else self._make()

    def give_back(self, origin: str, shard: Shard) -> list[Shard]:
        """Keep a shard whose exchange ended cleanly; return those that are to be closed."""
        now = time.monotonic()
        with self._lock.held:
            if self._closed:
                return [shard]
            idle = self._idle.setdefault(origin, [])
            idle.append((shard, now))
            stale = [old for old, since in idle if now - since > IDLE_SECONDS]
            del idle[: len(stale)]
            return stale

    def close(self) -> list[Shard]:
        """Keep nothing any more; return what is to be closed."""
        with self._lock.held:
            self._closed = True
            shards = [shard for idle in self._idle.values() for shard, _ in idle]
            self._idle.clear()
            return shards


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
