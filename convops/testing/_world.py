"""A vendor in memory for the tests of an app: arrange, run the app, look."""

from __future__ import annotations

from itertools import count
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode

from convops._client import AsyncClient, Client
from convops._connect import connect, connect_async
from convops._memory import MemoryStore, forget_store, memory_store
from convops._states import ConversationState
from convops.errors import OperationError
from convops.operations import Conversation, Operation

_NAMES = count()


class MemoryWorld:
    """A store of its own, and clients that speak to it; in a test it is the fixture `convops_simulator`.

    Attributes:
        store: what the clients speak to.
    """

    def __init__(self) -> None:
        self._name = f"world-{next(_NAMES)}"
        self.store: MemoryStore = memory_store(self._name)
        self._clients: list[Client] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for client in self._clients:
            client.close()
        forget_store(self._name)

    # --- Connect ---

    @property
    def settings(self) -> dict[str, Any]:
        """Keyword arguments for `convops.connect("memory", ...)`; with one attempt, nothing ever waits."""
        return {"store": self._name, "attempts": 1}

    @property
    def url(self) -> str:
        """What an app can be configured with in place of its vendor's URL."""
        return f"memory://?{urlencode({'store': self._name})}"

    def connect(self, **options: Any) -> Client:
        """Return a client, closed at the end of the test."""
        client = connect("memory", **{**self.settings, **options})
        self._clients.append(client)
        return client

    def connect_async(self, **options: Any) -> AsyncClient:
        """Return an asynchronous client."""
        return connect_async("memory", **{**self.settings, **options})

    # --- Arrange ---

    def receive(self, conversation: Conversation, count: int = 1) -> None:
        """Let `count` messages arrive from the other side."""
        self.store.receive(conversation, count)

    def fail(
        self,
        error: OperationError,
        *,
        operation: type[Operation] = Operation,
        conversation: Conversation | None = None,
        times: int = 1,
        applies: bool = False,
    ) -> None:
        """Let the next operations fail; as `MemoryStore.fail`."""
        self.store.fail(error, operation=operation, conversation=conversation, times=times, applies=applies)

    # --- Look ---

    def state(self, conversation: Conversation) -> ConversationState | None:
        """Return the conversation as the vendor has it; None when it is not in the user's list."""
        return self.store.state(conversation)

    def conversations(self) -> dict[Conversation, ConversationState]:
        """Return every conversation in a user's list."""
        return self.store.conversations()
