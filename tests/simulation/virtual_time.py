"""A world whose time passes only when nobody has anything left to do.

Coroutines and blocking code live on one event loop, whose clock jumps to the next moment that somebody
waits for. Nothing in it depends on the machine: the same story is played in the same order every time.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import copy_context
from typing import Any, TypeVar
from unittest import mock

from greenlet import getcurrent, greenlet

T = TypeVar("T")


class StuckError(Exception):
    """Somebody waits for ever: for something that will never come, or past the end of the world."""


class Interrupt(BaseException):
    """Stands for the KeyboardInterrupt that stops a blocking program; a real one would stop the loop."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop on which waiting takes no time.

    Args:
        end: seconds after which no story goes on.
    """

    def __init__(self, end: float) -> None:
        self.now = 0.0
        super().__init__(_Leap(self, end))

    def time(self) -> float:
        """Return the seconds since the world began."""
        return self.now


class _Leap(selectors.BaseSelector):
    """Waits for no file, and instead lets the time pass."""

    def __init__(self, loop: VirtualLoop, end: float) -> None:
        self._loop = loop
        self._end = end

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise StuckError("everybody waits, and nothing will happen any more")
        if timeout > 0 and self._loop.now + timeout > self._end:
            raise StuckError(f"something goes on after {self._end:g} s")
        self._loop.now += max(0.0, timeout)
        return []

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return selectors.SelectorKey(fileobj, 0, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return selectors.SelectorKey(fileobj, 0, 0, None)

    def get_key(self, fileobj: Any) -> selectors.SelectorKey:
        raise KeyError(fileobj)

    def get_map(self) -> dict[Any, selectors.SelectorKey]:
        return {}


def live(story: Coroutine[Any, Any, T], *, end: float) -> T:
    """Play a story from its beginning to its end, and return what it comes to.

    Args:
        story: what happens first.
        end: seconds it may take.

    Raises:
        StuckError: it does not end.
    """
    with mock.patch("time.sleep", sleep), asyncio.Runner(loop_factory=lambda: VirtualLoop(end)) as runner:
        return runner.run(story)


# --- Blocking code ------------------------------------------------------------------------------------


async def blocking(function: Callable[[], T]) -> T:
    """Run a function that may block by `wait_for`, while the rest of the world goes on.

    Cancelled, it is interrupted where it blocked.
    """
    thread = greenlet(function)
    thread.gr_context = copy_context()
    came = thread.switch()
    while not thread.dead:
        try:
            result = await came
        except asyncio.CancelledError:
            came = thread.throw(Interrupt())
        except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits for it
            came = thread.throw(error)
        else:
            came = thread.switch(result)
    return came


def wait_for(awaitable: Awaitable[T]) -> T:
    """Block until it is done; only inside of `blocking`."""
    outer = getcurrent().parent
    assert outer is not None
    result: T = outer.switch(awaitable)
    return result


REAL_SLEEP = time.sleep


def sleep(seconds: float) -> None:
    """Stand for `time.sleep`, inside of `blocking`; other threads of the process sleep as ever."""
    if getcurrent().parent is None:
        REAL_SLEEP(seconds)
    else:
        wait_for(asyncio.sleep(seconds))
