"""What blocking adapters have in common: each exchange gets a place and a connection."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from convops._transports.shards import CONNECTIONS, Droppable, PerProcess, Shards
from convops._transports.traffic import WireError
from convops.provider import Attempt, Failure, FailureKind, HttpReply


class Spoken(Droppable, Protocol):
    """A connection that exchanges go over."""

    @property
    def ended_cleanly(self) -> bool:
        """Whether the last exchange did, so that the next may begin."""
        ...

    def begin(self, deadline: float) -> None:
        """Start an exchange."""


Shard = TypeVar("Shard", bound=Spoken)


class Sharded(ABC, Generic[Shard]):
    """A blocking adapter that gives each exchange a place and a connection.

    Args:
        make: makes a connection to an origin.
    """

    def __init__(self, make: Callable[[str], Shard]) -> None:
        self._shards = PerProcess(lambda: Shards(make))
        self._places = PerProcess(lambda: threading.BoundedSemaphore(CONNECTIONS))

    def exchange(self, attempt: Attempt, deadline: float) -> HttpReply | Failure:
        """Send one attempt; as `convops.provider.Transport.exchange`."""
        places = self._places.get()
        if not places.acquire(timeout=max(0.0, deadline - time.monotonic())):
            return Failure(FailureKind.BUSY, sent=False)
        try:
            return self._in_place(attempt, deadline)
        finally:
            places.release()

    def _in_place(self, attempt: Attempt, deadline: float) -> HttpReply | Failure:
        shards = self._shards.get()
        try:
            shard = shards.take(attempt.origin)
        except WireError:
            return Failure(FailureKind.CONNECT, sent=False)
        kept = False
        try:
            shard.begin(deadline)
            result = self._exchange(shard, attempt, deadline)
            if isinstance(result, HttpReply) and shard.ended_cleanly:
                shards.give_back(attempt.origin, shard)
                kept = True
            return result
        finally:
            if not kept:
                shard.drop()

    @abstractmethod
    def _exchange(self, shard: Shard, attempt: Attempt, deadline: float) -> HttpReply | Failure:
        """Send an attempt over a connection, and return what came back or why nothing did."""

    def close(self) -> None:
        """Close every idle connection, and those in use when their exchange ends."""
        self._shards.get().close()
