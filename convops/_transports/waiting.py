"""What an asynchronous adapter waits for before it has a connection: a place, and a name's addresses."""

from __future__ import annotations

import asyncio
import contextlib
import time

from convops._transports.resolver import RESOLVER, Address


async def admitted(places: asyncio.Semaphore, deadline: float) -> bool:
    """Wait for a place, and return whether one came free before the deadline."""
    if not places.locked():
        return await places.acquire()
    try:
        async with asyncio.timeout(deadline - time.monotonic()):
            return await places.acquire()
    except TimeoutError:
        return False


async def resolved(host: str, port: int) -> list[Address]:
    """Return the addresses of a name, without holding up the event loop.

    Raises:
        NotResolvedError: it has none.
    """
    loop = asyncio.get_running_loop()
    done = asyncio.Event()

    def wake() -> None:
        # Whoever waited may be gone, and the loop with it.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(done.set)

    lookup = RESOLVER.start(host, port, wake)
    await done.wait()
    return lookup.result()
