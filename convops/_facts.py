"""What a vendor told once, and need not be asked again."""

from __future__ import annotations

from collections.abc import Hashable

from convops._locks import Lock
from convops._policy import KEPT
from convops.provider import Call, Reply


class Facts:
    """What `once` calls were answered, kept for as long as a client lives; safe to share by threads.

    The oldest are dropped when there are very many: they are asked again.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._replies: dict[Hashable, Reply] = {}

    def get(self, call: Call) -> Reply | None:
        """Return what was answered to such a call before; None for a call that is to be sent."""
        return self._replies.get(_identity(call)) if call.once else None

    def keep(self, call: Call, reply: Reply) -> None:
        """Remember the answer to a `once` call, and of any other nothing."""
        if not call.once:
            return
        with self._lock.held:
            self._replies[_identity(call)] = reply
            if len(self._replies) > KEPT:
                del self._replies[next(iter(self._replies))]


def _identity(call: Call) -> Hashable:
    return call.action, call.method, call.target(), call.content()
