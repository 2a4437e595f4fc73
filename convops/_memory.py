"""`memory`: a provider whose vendor is a dict in this process, for an app's own tests."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Hashable, Sequence

from attrs import evolve, frozen

from convops._locks import Lock
from convops._states import ConversationState
from convops.errors import Effect, OperationError
from convops.operations import (
    ClearUnread,
    Conversation,
    ConversationKind,
    Delete,
    MarkRead,
    Mute,
    Operation,
    from_document,
    to_document,
)
from convops.provider import (
    CONTRACT,
    AsyncTransport,
    Attempt,
    Call,
    Flow,
    HttpReply,
    Provider,
    Quota,
    Reply,
    Signer,
    Transport,
    Unsigned,
    Verdict,
    hookimpl,
    member,
)
from convops.support import Evidence, Fidelity, Support

BATCH = 100

_PINNED = Support(fidelity=Fidelity.NATIVE, evidence=Evidence.LIVE, batch=BATCH, time_pinned=True)
_NATIVE = Support(fidelity=Fidelity.NATIVE, evidence=Evidence.LIVE, batch=BATCH)


# --- The vendor ---------------------------------------------------------------------------------------


@frozen
class _Entry:
    arrived: tuple[float, ...] = ()
    messages: int = 0
    muted: bool = False
    listed: bool = True
    read_up_to: float | None = None


class MemoryStore:
    """The conversations of every account that names this store; safe to share by threads.

    A conversation nobody mentioned before is empty, read and not muted.
    """

    def __init__(self, *, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._lock = Lock()
        self._entries: dict[Conversation, _Entry] = {}

    def receive(self, conversation: Conversation, count: int = 1) -> None:
        """Let `count` messages arrive from the other side."""
        with self._lock.held:
            entry = self._entries.get(conversation, _Entry())
            arrived = (*entry.arrived, *[self._now()] * count)
            messages = entry.messages + count
            self._entries[conversation] = evolve(entry, arrived=arrived, messages=messages, listed=True)

    def state(self, conversation: Conversation) -> ConversationState | None:
        """Return the conversation as it is; None when it is not in the user's list."""
        with self._lock.held:
            entry = self._entries.get(conversation)
            return _seen(entry) if entry is not None and entry.listed else None

    def conversations(self) -> dict[Conversation, ConversationState]:
        """Return every conversation in a user's list."""
        with self._lock.held:
            return {key: _seen(entry) for key, entry in self._entries.items() if entry.listed}

    def clear(self) -> None:
        """Forget everything."""
        with self._lock.held:
            self._entries.clear()

    def perform(self, operation: Operation) -> Effect:
        """Bring about the state an operation asks for, and say whether it held before."""
        with self._lock.held:
            entry = self._entries.get(operation.conversation, _Entry(listed=False))
            after = _after(operation, entry)
            self._entries[operation.conversation] = after
            return Effect.ALREADY if after == entry else Effect.APPLIED


def _after(operation: Operation, entry: _Entry) -> _Entry:
    if isinstance(operation, Mute):
        return evolve(entry, muted=operation.muted)
    if isinstance(operation, Delete):
        messages = 0 if operation.erase_history else entry.messages
        return evolve(entry, listed=False, arrived=(), messages=messages)
    moment = (operation.up_to if isinstance(operation, MarkRead) else None) or operation.at
    limit = math.inf if moment is None else moment.timestamp()
    left = tuple(arrived for arrived in entry.arrived if arrived > limit)
    return entry if left == entry.arrived else evolve(entry, arrived=left, read_up_to=limit)


def _seen(entry: _Entry) -> ConversationState:
    return ConversationState(
        unread=len(entry.arrived),
        muted=entry.muted,
        messages=entry.messages,
        read_up_to=entry.read_up_to,
    )


_STORES: dict[str, MemoryStore] = {}


def memory_store(name: str = "default") -> MemoryStore:
    """Return the store that accounts of `memory` with this `store` setting speak to."""
    return _STORES.setdefault(name, MemoryStore())


class _Adapter:
    """Answers the provider's calls from a store, without HTTP."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    def answer(self, call: Call) -> HttpReply:
        documents = (call.body or {})["operations"]
        effects = [self._store.perform(from_document(document)).value for document in documents]
        return HttpReply(200, {}, json.dumps({"effects": effects}).encode())


class _Transport(_Adapter):
    def exchange(self, attempt: Attempt, deadline: float) -> HttpReply:
        return self.answer(attempt.call)

    def close(self) -> None:
        """Do nothing: there is no connection."""


class _AsyncTransport(_Adapter):
    async def exchange(self, attempt: Attempt, deadline: float) -> HttpReply:
        return self.answer(attempt.call)

    async def aclose(self) -> None:
        """Do nothing: there is no connection."""


# --- The provider -------------------------------------------------------------------------------------


@frozen(kw_only=True)
class MemoryAccount:
    """The settings of a memory account.

    Attributes:
        store: the name of its store; accounts of one process that name the same one share it.
    """

    store: str = "default"


class MemoryProvider(Provider[MemoryAccount]):
    """Speaks to a `MemoryStore`; every operation is native and nothing is ever slow."""

    name = "memory"
    title = "Memory"
    contract = CONTRACT
    account_type = MemoryAccount

    def origins(self, account: MemoryAccount) -> tuple[str, ...]:
        return ("memory://here",)

    def signer(self, account: MemoryAccount) -> Signer:
        return Unsigned()

    def support(self, account: MemoryAccount, operation: type[Operation], kind: ConversationKind) -> Support:
        return _PINNED if operation in (ClearUnread, MarkRead) else _NATIVE

    def batch_key(self, account: MemoryAccount, operation: Operation) -> Hashable:
        return account.store

    def flow(self, account: MemoryAccount, operations: Sequence[Operation]) -> Flow:
        documents = [to_document(operation) for operation in operations]
        reply = yield Call(action=operations[0].name, body={"operations": documents})
        effects = member(reply.document, "effects", list)
        return [Verdict(Effect(effect)) for effect in effects]

    def read(self, call: Call, reply: Reply) -> OperationError | None:
        return None

    def quota(self, account: MemoryAccount, call: Call) -> Quota:
        return Quota(key=(self.name, account.store), rate=math.inf)

    def transport(self, account: MemoryAccount) -> Transport:
        return _Transport(memory_store(account.store))

    def async_transport(self, account: MemoryAccount) -> AsyncTransport:
        return _AsyncTransport(memory_store(account.store))


@hookimpl
def convops_provider() -> MemoryProvider:
    """Return the provider."""
    return MemoryProvider()
