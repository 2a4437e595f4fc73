"""`memory`: a provider whose vendor is a dict in this process, for an app's own tests."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

from attrs import evolve, frozen

from convops._locks import Lock
from convops._states import ConversationState
from convops.errors import Effect, MalformedReplyError, OperationError, UnsupportedOperationError
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
    error_for,
    hookimpl,
    member,
)
from convops.support import Evidence, Fidelity, Support

BATCH = 100

_PINNED = Support(fidelity=Fidelity.NATIVE, evidence=Evidence.LIVE, batch=BATCH, time_pinned=True)
_NATIVE = Support(fidelity=Fidelity.NATIVE, evidence=Evidence.LIVE, batch=BATCH)


_ERRORS: Mapping[str, type[OperationError]] = {
    kind.__name__: kind for kind in OperationError.__subclasses__()
}
_FACTS = ("code", "retryable", "retry_after", "what", "expired")


# --- The vendor ---------------------------------------------------------------------------------------


@frozen
class _Entry:
    arrived: tuple[float, ...] = ()
    messages: int = 0
    muted: bool = False
    listed: bool = True
    read_up_to: float | None = None


@frozen(kw_only=True)
class _Fault:
    error: OperationError
    operation: type[Operation]
    conversation: Conversation | None
    applies: bool
    claimed: Operation | None = None

    def hits(self, operation: Operation) -> bool:
        if self.claimed is not None:
            return (operation, operation.at) == (self.claimed, self.claimed.at)
        return isinstance(operation, self.operation) and self.conversation in (None, operation.conversation)


class MemoryStore:
    """The conversations of every account that names this store; safe to share by threads.

    A conversation nobody mentioned before is empty, read and not muted.

    Attributes:
        now: its clock, in Unix seconds.
    """

    def __init__(self, *, now: Callable[[], float] = time.time) -> None:
        self.now = now
        self._lock = Lock()
        self._entries: dict[Conversation, _Entry] = {}
        self._faults: list[_Fault] = []

    def receive(self, conversation: Conversation, count: int = 1) -> None:
        """Let `count` messages arrive from the other side."""
        with self._lock.held:
            entry = self._entries.get(conversation, _Entry())
            arrived = (*entry.arrived, *[self.now()] * count)
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
        """Forget everything, faults that were not played too."""
        with self._lock.held:
            self._entries.clear()
            self._faults.clear()

    def fail(
        self,
        error: OperationError,
        *,
        operation: type[Operation] = Operation,
        conversation: Conversation | None = None,
        times: int = 1,
        applies: bool = False,
    ) -> None:
        """Let the next operations fail: each of them as often as it is tried.

        Args:
            error: what comes of them; its effect must be `NOT_APPLIED` or `UNKNOWN`.
            operation: only operations of this class.
            conversation: only operations on this conversation.
            times: how many operations.
            applies: whether the asked state is brought about all the same; then the effect is `UNKNOWN`.

        Raises:
            ValueError: the error cannot come from a vendor, or contradicts `applies`.
        """
        if isinstance(error, UnsupportedOperationError) or type(error) not in _ERRORS.values():
            raise ValueError(f"no vendor answers {type(error).__name__}")
        if applies and error.effect is not Effect.UNKNOWN:
            raise ValueError("what was applied all the same has the effect UNKNOWN")
        fault = _Fault(error=error, operation=operation, conversation=conversation, applies=applies)
        with self._lock.held:
            self._faults += [fault] * times

    def perform(self, operation: Operation) -> Effect:
        """Bring about the state an operation asks for, and say whether it held before.

        Raises:
            OperationError: `fail` said so.
        """
        with self._lock.held:
            fault = self._fault(operation)
            if fault is None:
                return self._bring_about(operation)
            if fault.applies:
                self._bring_about(operation)
            raise fault.error.with_facts()

    def _fault(self, operation: Operation) -> _Fault | None:
        for place, fault in enumerate(self._faults):
            if fault.hits(operation):
                # The very operation again, `at` included, is another try of it.
                self._faults[place] = evolve(fault, claimed=operation)
                return fault
        return None

    def _bring_about(self, operation: Operation) -> Effect:
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


def forget_store(name: str) -> None:
    """Forget a store: accounts that name it from now on find a fresh one."""
    _STORES.pop(name, None)


def answer_document(store: MemoryStore, document: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a store answers to a call's body: one effect or one error for each operation."""
    return {"outcomes": [_told(store, from_document(one)) for one in document["operations"]]}


def _told(store: MemoryStore, operation: Operation) -> dict[str, Any]:
    try:
        return {"effect": store.perform(operation).value}
    except OperationError as error:
        facts = {name: getattr(error, name) for name in _FACTS if hasattr(error, name)}
        return {
            "error": type(error).__name__,
            "words": error.args[0],
            "facts": facts | {"effect": error.effect.value},
        }


class _Adapter:
    """Answers the provider's calls from a store, without HTTP."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    def answer(self, call: Call) -> HttpReply:
        return HttpReply(200, {}, json.dumps(answer_document(self._store, call.body or {})).encode())


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
        outcomes = member(reply.document, "outcomes", list)
        if len(outcomes) != len(operations):
            raise MalformedReplyError("the answer holds another number of outcomes than was asked for")
        return [_verdict(outcome) for outcome in outcomes]

    def read(self, call: Call, reply: Reply) -> OperationError | None:
        code = reply.document.get("refused")
        return None if code is None else error_for(self.codes, code)

    def quota(self, account: MemoryAccount, call: Call) -> Quota:
        return Quota(key=(self.name, account.store), rate=math.inf)

    def transport(self, account: MemoryAccount) -> Transport:
        return _Transport(memory_store(account.store))

    def async_transport(self, account: MemoryAccount) -> AsyncTransport:
        return _AsyncTransport(memory_store(account.store))


def _verdict(outcome: object) -> Verdict:
    if not isinstance(outcome, dict):
        raise MalformedReplyError("an outcome is no object")
    if "error" not in outcome:
        return Verdict(_effect(outcome))
    facts = member(outcome, "facts", dict)
    kind = _ERRORS.get(member(outcome, "error", str))
    if kind is None or not facts.keys() <= {*_FACTS, "effect"}:
        raise MalformedReplyError("an outcome names no error")
    return Verdict.failed(kind(member(outcome, "words", str), **{**facts, "effect": _effect(facts)}))


def _effect(document: Mapping[str, Any]) -> Effect:
    effect = document.get("effect")
    if effect not in [known.value for known in Effect]:
        raise MalformedReplyError("an outcome has no effect")
    return Effect(effect)


@hookimpl
def convops_provider() -> MemoryProvider:
    """Return the provider."""
    return MemoryProvider()
