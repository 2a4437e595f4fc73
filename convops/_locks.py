"""Locks that a forked child finds free."""

from __future__ import annotations

import threading
from weakref import WeakSet

_ALL: WeakSet[Lock] = WeakSet()


class Lock:
    """Keeps a few lines together, for moments only: `with lock.held:`.

    Attributes:
        held: the lock itself. It is entered and left without running Python code, where an interrupt
            could come between and leave it locked for ever.
    """

    __slots__ = ("__weakref__", "held")

    def __init__(self) -> None:
        self.held = threading.Lock()
        _ALL.add(self)

    def renew(self) -> None:
        """Make it anew, whoever held it."""
        self.held = threading.Lock()


def renew_locks() -> None:
    """Free every lock, in a child just forked: who held one is a thread of the parent's."""
    for lock in _ALL:
        lock.renew()
