"""Locks that a forked child finds free."""

from __future__ import annotations

import threading
from types import TracebackType
from weakref import WeakSet

_ALL: WeakSet[Lock] = WeakSet()


class Lock:
    """Held for moments only, to keep a few lines together; used with `with`."""

    __slots__ = ("__weakref__", "_lock")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        _ALL.add(self)

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()

    def try_enter(self, *, wait: bool) -> bool:
        """Take it, waiting for it or not, and return whether it was taken; `leave` gives it back."""
        return self._lock.acquire(blocking=wait)

    def leave(self) -> None:
        """Give it back."""
        self._lock.release()

    def renew(self) -> None:
        """Make it anew, whoever held it."""
        self._lock = threading.Lock()


def renew_locks() -> None:
    """Free every lock, in a child just forked: who held one is a thread of the parent's."""
    for lock in _ALL:
        lock.renew()
