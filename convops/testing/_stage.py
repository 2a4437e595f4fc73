"""A simulated vendor with people on it, and clients of either kind that speak to it."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import count
from types import TracebackType
from typing import Any, Self

from convops._client import AsyncClient, Client
from convops._events import Observer
from convops._pipeline import Pipeline
from convops._policy import Pacer, Retry, RetryBudget
from convops._states import ConversationState
from convops._steps import Environment
from convops._transports.inprocess import AsyncInProcess, Handler, InProcess
from convops.errors import ConvopsError, Effect, UnsupportedOperationError
from convops.operations import (
    ClearUnread,
    Conversation,
    ConversationKind,
    Delete,
    MarkRead,
    Mute,
    Operation,
    Outcome,
)
from convops.provider import Call
from convops.testing._subject import Case, Clock, Key, Subject, expect, plainest, switched, variants, words

UNREAD = 3
"""Messages that wait in every conversation at first."""

TIMEOUT = 30.0

View = dict[Conversation, ConversationState]


class Stage:
    """Alice, with whom bob and carol have talked, alone and in groups; every story starts here.

    Args:
        subject: what is tested.
        case: which client speaks, and which switch is on.
    """

    def __init__(self, subject: Subject, case: Case) -> None:
        self.subject = subject
        self.provider = subject.provider
        self.clock = Clock()
        self.simulator = subject.simulator(self.clock)
        self.account = subject.account(self.simulator, **switched(case.switch))
        self.observer: Observer | None = None
        self.handler: Handler | None = None
        self._asynchronous = case.flavour == "async"
        self._nonces = count()
        self._closing = ExitStack()
        self._runner: asyncio.Runner | None = None
        self._people()

    def _people(self) -> None:
        simulator = self.simulator
        self.alice, self.bob, self.carol = (simulator.user_id(n) for n in ("alice", "bob", "carol"))
        for user in (self.alice, self.bob, self.carol):
            simulator.add_user(user)
        self.team, self.crew = (simulator.group_id(name) for name in ("team", "crew"))
        for group in (self.team, self.crew):
            simulator.add_group(group, [self.alice, self.bob])
        self.foreign = simulator.group_id("foreign")
        simulator.add_group(self.foreign, [self.bob])
        for user, other in ((self.alice, self.bob), (self.alice, self.carol), (self.bob, self.alice)):
            simulator.receive(Conversation.direct(user=user, peer=other), UNREAD)
        for user in (self.alice, self.bob):
            for group in (self.team, self.crew):
                simulator.receive(Conversation.group(user=user, group=group), UNREAD)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.close()

    def main(self, kind: ConversationKind) -> Conversation:
        """Return the conversation a story is about."""
        if kind is ConversationKind.DIRECT:
            return Conversation.direct(user=self.alice, peer=self.bob)
        return Conversation.group(user=self.alice, group=self.team)

    def crowd(self, kind: ConversationKind, size: int, *, name: str = "more") -> list[Conversation]:
        """Return so many more conversations of alice, each with messages.

        Args:
            kind: of what kind.
            size: how many.
            name: what the names of the others begin with; each crowd needs its own.
        """
        made = [self._another(kind, f"{name}{place}") for place in range(size)]
        for conversation in made:
            self.simulator.receive(conversation, UNREAD)
        return made

    def _another(self, kind: ConversationKind, name: str) -> Conversation:
        simulator = self.simulator
        if kind is ConversationKind.DIRECT:
            peer = simulator.user_id(name)
            simulator.add_user(peer)
            return Conversation.direct(user=self.alice, peer=peer)
        group = simulator.group_id(name)
        simulator.add_group(group, [self.alice, self.bob])
        return Conversation.group(user=self.alice, group=group)

    def of_bob(self, conversation: Conversation) -> Conversation:
        """Return bob's side of the same group, or his conversation with the same peer, with messages."""
        mine = Conversation(kind=conversation.kind, user=self.bob, other=conversation.other)
        self.simulator.receive(mine, UNREAD)
        return mine

    def strangers(self, kind: ConversationKind) -> list[Conversation]:
        """Return conversations with nobody: unknown peers, or an unknown group and one without her."""
        simulator = self.simulator
        if kind is ConversationKind.DIRECT:
            return [
                Conversation.direct(user=self.alice, peer=simulator.user_id(f"ghost{place}"))
                for place in range(2)
            ]
        names = (simulator.group_id("ghosts"), self.foreign)
        return [Conversation.group(user=self.alice, group=name) for name in names]

    def forms(self, key: Key, conversation: Conversation) -> list[Operation]:
        """Return the plain form of an operation, and those with an option that is not refused as a whole."""
        first, *others = variants(key, conversation)
        return [first, *(one for one in others if not self._is_refused(one))]

    def _is_refused(self, operation: Operation) -> bool:
        try:
            self.pipeline().accept(operation)
        except UnsupportedOperationError:
            return True
        except ConvopsError:
            # Whoever performs it will see.
            return False
        return False

    # --- Clients ---

    def client(self, attempts: int = 1) -> Any:
        """Return a client that shares nothing with any other: no pace, no breaker, no ticket."""
        pipeline = self.pipeline(attempts)
        if self._asynchronous:
            awaiting = self.simulator.async_transport() if self.handler is None else None
            return AsyncClient(pipeline, awaiting or AsyncInProcess(self._handle), TIMEOUT)
        blocking = self.simulator.transport() if self.handler is None else None
        return Client(pipeline, blocking or InProcess(self._handle), TIMEOUT)

    def _handle(self, request: Any) -> Any:
        return (self.handler or self.simulator.handle)(request)

    def pipeline(self, attempts: int = 1) -> Pipeline:
        """Return the decisions of such a client; no wait between its tries takes any time."""
        environment = Environment(
            monotonic=time.monotonic, time=self.simulator.now, random=lambda: 0.0, nonce=self.nonce
        )
        return Pipeline(
            provider=self.provider,
            account=self.account,
            environment=environment,
            pacer=Pacer(),
            retry=Retry(attempts=attempts),
            budget=RetryBudget(),
            pace=1e6,
            observer=self.observer,
        )

    def nonce(self) -> bytes:
        """Return eight bytes that no other attempt on this stage is given."""
        return hashlib.sha256(str(next(self._nonces)).encode()).digest()[:8]

    def wait(self, called: Any) -> Any:
        """Return what a method of either client came to."""
        if not self._asynchronous:
            return called
        if self._runner is None:
            self._runner = self._closing.enter_context(asyncio.Runner())
        return self._runner.run(called)

    def do(self, operation: Operation, attempts: int = 1) -> Outcome:
        """Perform one operation by its verb; a verb that raises becomes an outcome with the error."""
        client = self.client(attempts)
        try:
            outcome: Outcome = self.wait(_verb(client, operation))
        except ConvopsError as error:
            effect = getattr(error, "effect", Effect.NOT_APPLIED)
            return Outcome(
                operation=operation, effect=effect, error=error, attempts=getattr(error, "attempts", 0)
            )
        return outcome

    def apply(self, operations: Sequence[Operation], attempts: int = 1) -> list[Outcome]:
        """Perform many operations."""
        outcomes: list[Outcome] = self.wait(self.client(attempts).apply(operations))
        return outcomes

    def prepare(self, operation: Operation) -> None:
        """Bring about what an operation is to undo."""
        if isinstance(operation, Mute) and not operation.muted:
            outcome = self.do(Mute(operation.conversation))
            expect(outcome.ok, f"{words(Mute(operation.conversation))}: {outcome.error}")
        self.simulator.exchanges.clear()

    def first_call(self) -> Call:
        """Return the first call of the first declared operation."""
        key = self.subject.declared()[0]
        operation = self.pipeline().accept(plainest(key, self.main(key[1])))
        return next(self.provider.flow(self.account, [operation]))

    # --- Looking ---

    def view(self) -> View:
        """Return every conversation as the vendor has it."""
        return dict(self.simulator.conversations())

    def holds(self, operation: Operation) -> bool:
        """Return whether the asked state holds, by what the simulator says."""
        state = self.simulator.state(operation.conversation)
        match operation:
            case Delete():
                return state is None
            case Mute():
                return state is not None and state.muted is operation.muted
            case MarkRead() | ClearUnread():
                return state is not None and state.unread == 0
        return False


def _verb(client: Any, operation: Operation) -> Any:
    conversation = operation.conversation
    match operation:
        case MarkRead():
            return client.mark_read(conversation, up_to=operation.up_to)
        case Delete():
            return client.delete(conversation, erase_history=operation.erase_history)
        case Mute():
            return client.mute(conversation, muted=operation.muted)
    return client.clear_unread(conversation)


def beside(view: View, conversation: Conversation) -> View:
    """Return a view without one conversation."""
    return {key: state for key, state in view.items() if key != conversation}
