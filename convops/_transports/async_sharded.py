"""What asynchronous adapters over our own sockets share: each exchange gets a place and a connection."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Generic
from weakref import WeakKeyDictionary

from convops._transports.sharded import Shard
from convops._transports.shards import CONNECTIONS, PerProcess, Shards
from convops._transports.traffic import WireError
from convops._transports.waiting import admitted
from convops.provider import Attempt, Failure, FailureKind, HttpReply


class AsyncSharded(ABC, Generic[Shard]):
    """An asynchronous adapter; otherwise as `convops._transports.sharded.Sharded`."""

    def __init__(self, make: Callable[[str], Shard]) -> None:
        self._shards = PerProcess(lambda: Shards(make))
        # Places are counted for each event loop, since asyncio's locks belong to one.
        self._places: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()

    async def exchange(self, attempt: Attempt, deadline: float) -> HttpReply | Failure:
        """Send one attempt; as `convops.provider.AsyncTransport.exchange`."""
        places = self._places_here()
        if not await admitted(places, deadline):
            return Failure(FailureKind.BUSY, sent=False)
        try:
            return await self._in_place(attempt, deadline)
        finally:
            places.release()

    def _places_here(self) -> asyncio.Semaphore:
        loop = asyncio.get_running_loop()
        places = self._places.get(loop)
        if places is None:
            places = self._places.setdefault(loop, asyncio.Semaphore(CONNECTIONS))
        return places

    async def _in_place(self, attempt: Attempt, deadline: float) -> HttpReply | Failure:
        shards = self._shards.get()
        try:
            shard = shards.take(attempt.origin)
        except WireError:
            return Failure(FailureKind.CONNECT, sent=False)
        kept = False
        try:
            shard.begin(deadline)
            result = await self._exchange(shard, attempt, deadline)
            if isinstance(result, HttpReply) and shard.ended_cleanly:
                shards.give_back(attempt.origin, shard)
                kept = True
            return result
        finally:
            if not kept:
                shard.drop()

    @abstractmethod
    async def _exchange(self, shard: Shard, attempt: Attempt, deadline: float) -> HttpReply | Failure:
        """Send an attempt over a connection, and return what came back or why nothing did."""

    async def aclose(self) -> None:
        """Close every idle connection, and those in use when their exchange ends."""
        self._shards.get().close()
