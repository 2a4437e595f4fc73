"""The provider without a vendor, seen as one: a `MemoryStore` behind the face of a simulator."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from itertools import count
from typing import Any, ClassVar

from convops._memory import answer_document, memory_store
from convops._states import ConversationState
from convops.errors import MalformedReplyError
from convops.operations import Conversation
from convops.provider import HttpReply, HttpRequest
from convops.testing._simulator import Simulator

_NAMES = count()


class MemorySimulator(Simulator):
    """A store of its own, that knows every user and every group.

    Args:
        base: as for `Simulator`.
    """

    provider: ClassVar[str] = "memory"

    def __init__(self, **base: Any) -> None:
        self._name = f"simulated-{next(_NAMES)}"
        self.store = memory_store(self._name)
        super().__init__(**base)

    @property
    def now(self) -> Callable[[], float]:
        """The store's clock, in Unix seconds."""
        return self.store.now

    @now.setter
    def now(self, clock: Callable[[], float]) -> None:
        self.store.now = clock

    @property
    def settings(self) -> dict[str, Any]:
        """Keyword arguments for `convops.connect`."""
        return {"store": self._name}

    def add_user(self, user: str) -> None:
        """Do nothing: everybody is known."""

    def add_group(self, group: str, members: Iterable[str], *, kind: str | None = None) -> None:
        """Do nothing: every group is known, and everybody is in it."""

    def receive(self, conversation: Conversation, count: int = 1) -> None:
        """Let `count` messages arrive from the other side."""
        self.store.receive(conversation, count)

    def state(self, conversation: Conversation) -> ConversationState | None:
        """Return the conversation as the store has it; None when it is not in the user's list."""
        return self.store.state(conversation)

    def conversations(self) -> dict[Conversation, ConversationState]:
        """Return every conversation in a user's list."""
        return self.store.conversations()

    def action(self, request: HttpRequest) -> str:
        """Return the name of the first operation."""
        operations = _document(request).get("operations") or [{}]
        return str(operations[0].get("operation", ""))

    def answer(self, request: HttpRequest) -> HttpReply:
        """Return what the store answers, after changing its state accordingly."""
        return _reply(answer_document(self.store, _document(request)))

    def refusal(self, code: Any) -> HttpReply:
        """Return a refusal; the store has no codes, so that none is known."""
        return _reply({"refused": code})


def _document(request: HttpRequest) -> dict[str, Any]:
    document = json.loads(request.body or b"{}")
    if not isinstance(document, dict):
        raise MalformedReplyError("a request is no JSON object")
    return document


def _reply(document: dict[str, Any]) -> HttpReply:
    return HttpReply(200, {"content-type": "application/json"}, json.dumps(document).encode())
