"""The clients: four verbs, `apply`, `plan` and `supports`, blocking or not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from types import TracebackType
from typing import NoReturn, Protocol, Self, runtime_checkable

from attrs import frozen

from convops._drivers import run, run_all, run_all_async, run_async
from convops._pipeline import Pipeline
from convops._schedule import Batch, Schedule
from convops._steps import Steps
from convops.errors import ClosedError, ConfigError, ConvopsError, Effect, OperationError, PluginError
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
from convops.provider import AsyncTransport, Call, Transport
from convops.secret import Secret
from convops.support import Support

TIMEOUT_MAX = 24 * 60 * 60.0
"""The longest timeout, in seconds: what takes longer is no verb."""


@runtime_checkable
class ConversationOps(Protocol):
    """What a user does to a conversation, at any vendor."""

    def clear_unread(self, conversation: Conversation, *, timeout: float | None = None) -> Outcome:
        """Set the conversation's unread count to zero."""
        ...

    def mark_read(
        self, conversation: Conversation, *, up_to: datetime | None = None, timeout: float | None = None
    ) -> Outcome:
        """Mark every message up to `up_to` as read; None means until now."""
        ...

    def delete(
        self, conversation: Conversation, *, erase_history: bool = False, timeout: float | None = None
    ) -> Outcome:
        """Remove the conversation from the user's own list."""
        ...

    def mute(
        self, conversation: Conversation, *, muted: bool = True, timeout: float | None = None
    ) -> Outcome:
        """Silence, or restore, this user's notifications for the conversation."""
        ...

    def supports(self, operation: type[Operation], kind: ConversationKind) -> Support:
        """Return whether and how well the operation is supported."""
        ...


@runtime_checkable
class AsyncConversationOps(Protocol):
    """The asynchronous counterpart of `ConversationOps`."""

    async def clear_unread(self, conversation: Conversation, *, timeout: float | None = None) -> Outcome:
        """Set the conversation's unread count to zero."""
        ...

    async def mark_read(
        self, conversation: Conversation, *, up_to: datetime | None = None, timeout: float | None = None
    ) -> Outcome:
        """Mark every message up to `up_to` as read; None means until now."""
        ...

    async def delete(
        self, conversation: Conversation, *, erase_history: bool = False, timeout: float | None = None
    ) -> Outcome:
        """Remove the conversation from the user's own list."""
        ...

    async def mute(
        self, conversation: Conversation, *, muted: bool = True, timeout: float | None = None
    ) -> Outcome:
        """Silence, or restore, this user's notifications for the conversation."""
        ...

    def supports(self, operation: type[Operation], kind: ConversationKind) -> Support:
        """Return whether and how well the operation is supported."""
        ...


@frozen(kw_only=True)
class PlannedBatch:
    """What a client would do for some of the operations it is given.

    Attributes:
        operations: those that share the calls.
        calls: what would be sent, without credentials, as far as it does not depend on an answer.
        depends: whether more follows that depends on what the vendor answers.
        error: why nothing would be sent; None where something would.
    """

    operations: tuple[Operation, ...]
    calls: tuple[Call, ...] = ()
    depends: bool = False
    error: ConvopsError | None = None


class BaseClient:
    """What both clients know and decide alike."""

    def __init__(self, pipeline: Pipeline, timeout: float) -> None:
        self._pipeline = pipeline
        self._timeout = timeout
        self._closed = False

    @property
    def provider(self) -> str:
        """The short name of the provider spoken to."""
        return self._pipeline.provider.name

    def __repr__(self) -> str:
        state = " closed" if self._closed else ""
        return f"<{type(self).__name__} of {self.provider!r}{state}>"

    def supports(self, operation: type[Operation], kind: ConversationKind) -> Support:
        """Return whether and how well an operation is supported on a kind of conversation.

        Raises:
            InvalidRequestError: `operation` is none of the four classes, or `kind` no kind.
        """
        return self._pipeline.support(operation, kind)

    def plan(self, operations: Iterable[Operation]) -> list[PlannedBatch]:
        """Return what `apply` would send for these operations, in order of sending; nothing is sent.

        Refused operations come first.
        """
        self._check_open()
        accepted, refused, _ = self._accept(operations)
        planned = [
            PlannedBatch(operations=(outcome.operation,), error=outcome.error) for outcome in refused.values()
        ]
        schedule = self._schedule(accepted)
        while (batch := schedule.next()) is not None:
            calls, depends = self._pipeline.foresee(batch.operations)
            planned.append(PlannedBatch(operations=batch.operations, calls=calls, depends=depends))
            schedule.finish(batch)
        return planned

    def _accept(
        self, operations: Iterable[Operation]
    ) -> tuple[list[Operation | None], dict[int, Outcome], set[int]]:
        accepted: list[Operation | None] = []
        refused: dict[int, Outcome] = {}
        stamped: set[int] = set()
        for index, operation in enumerate(operations):
            try:
                accepted.append(self._pipeline.accept(operation))
                if operation.at is None:
                    stamped.add(index)
            except (OperationError, PluginError) as error:
                accepted.append(None)
                refused[index] = Outcome(operation=operation, effect=Effect.NOT_APPLIED, error=error)
        return accepted, refused, stamped

    def _schedule(self, accepted: Sequence[Operation | None]) -> Schedule:
        return Schedule(accepted, batch_key=self._pipeline.batch_key, batch_max=self._pipeline.batch_max)

    def _perform(self, batch: Batch, stamped: set[int], seconds: float) -> Steps[list[Outcome]]:
        self._check_open()
        ours = [place for place, index in enumerate(batch.indexes) if index in stamped]
        return self._pipeline.perform(batch.operations, timeout=seconds, patient=True, stamped=ours)

    def _perform_one(self, operation: Operation, timeout: float | None) -> Steps[list[Outcome]]:
        self._check_open()
        seconds = self._seconds(timeout)
        self._pipeline.check(operation, stamped=True)
        return self._pipeline.perform([operation], timeout=seconds, stamped=(0,))

    def _check_open(self) -> None:
        if self._closed:
            raise ClosedError(f"this client of {self.provider!r} is closed")

    def _seconds(self, timeout: float | None) -> float:
        return self._timeout if timeout is None else positive("timeout", timeout, most=TIMEOUT_MAX)


class Client(BaseClient):
    """A blocking client of one account; made by `convops.connect`. Safe to share by threads.

    Each verb returns an `Outcome` whose asked state held when the vendor answered, or raises.

    Raises:
        OperationError: the operation was refused or failed; `effect` says what happened.
        PluginError: the provider's plugin has a bug.
        ClosedError: the client was closed.
    """

    def __init__(self, pipeline: Pipeline, transport: Transport, timeout: float) -> None:
        super().__init__(pipeline, timeout)
        self._transport = transport

    def clear_unread(self, conversation: Conversation, *, timeout: float | None = None) -> Outcome:
        """Set the conversation's unread count to zero."""
        return self._do(ClearUnread(conversation, at=self._pipeline.now()), timeout)

    def mark_read(
        self, conversation: Conversation, *, up_to: datetime | None = None, timeout: float | None = None
    ) -> Outcome:
        """Mark every message up to `up_to` as read; None means until now."""
        return self._do(MarkRead(conversation, up_to=up_to, at=self._pipeline.now()), timeout)

    def delete(
        self, conversation: Conversation, *, erase_history: bool = False, timeout: float | None = None
    ) -> Outcome:
        """Remove the conversation from the user's own list; others keep theirs."""
        return self._do(Delete(conversation, erase_history=erase_history, at=self._pipeline.now()), timeout)

    def mute(
        self, conversation: Conversation, *, muted: bool = True, timeout: float | None = None
    ) -> Outcome:
        """Silence, or with `muted=False` restore, this user's notifications for the conversation."""
        return self._do(Mute(conversation, muted=muted, at=self._pipeline.now()), timeout)

    def apply(self, operations: Iterable[Operation], *, timeout: float | None = None) -> list[Outcome]:
        """Perform any number of operations, one vendor call after another.

        Operations that may share a call do; those on one conversation keep their order.

        Args:
            operations: what is to be done.
            timeout: seconds for each vendor call, counted from its slot.

        Returns:
            One outcome per operation, in the order given; it never raises for an item.
        """
        self._check_open()
        seconds = self._seconds(timeout)
        accepted, outcomes, stamped = self._accept(operations)
        schedule = self._schedule(accepted)
        outcomes |= run_all(
            schedule,
            lambda batch: self._perform(batch, stamped, seconds),
            self._transport,
        )
        return [outcomes[index] for index in range(len(accepted))]

    def _do(self, operation: Operation, timeout: float | None) -> Outcome:
        return successful(run(self._perform_one(operation, timeout), self._transport)[0])

    def close(self) -> None:
        """Close the connections; closing twice is no error."""
        if not self._closed:
            self._closed = True
            self._transport.close()

    def __enter__(self) -> Self:
        self._check_open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __aenter__(self) -> NoReturn:
        raise ConfigError("this is a blocking Client: use `with`, or make it with connect_async")

    def __aexit__(self, *_: object) -> NoReturn:
        self.__aenter__()


class AsyncClient(BaseClient):
    """An asyncio client of one account; made by `convops.connect_async`. Otherwise as `Client`."""

    def __init__(self, pipeline: Pipeline, transport: AsyncTransport, timeout: float) -> None:
        super().__init__(pipeline, timeout)
        self._transport = transport

    async def clear_unread(self, conversation: Conversation, *, timeout: float | None = None) -> Outcome:
        """Set the conversation's unread count to zero."""
        return await self._do(ClearUnread(conversation, at=self._pipeline.now()), timeout)

    async def mark_read(
        self, conversation: Conversation, *, up_to: datetime | None = None, timeout: float | None = None
    ) -> Outcome:
        """Mark every message up to `up_to` as read; None means until now."""
        return await self._do(MarkRead(conversation, up_to=up_to, at=self._pipeline.now()), timeout)

    async def delete(
        self, conversation: Conversation, *, erase_history: bool = False, timeout: float | None = None
    ) -> Outcome:
        """Remove the conversation from the user's own list; others keep theirs."""
        return await self._do(
            Delete(conversation, erase_history=erase_history, at=self._pipeline.now()), timeout
        )

    async def mute(
        self, conversation: Conversation, *, muted: bool = True, timeout: float | None = None
    ) -> Outcome:
        """Silence, or with `muted=False` restore, this user's notifications for the conversation."""
        return await self._do(Mute(conversation, muted=muted, at=self._pipeline.now()), timeout)

    async def apply(self, operations: Iterable[Operation], *, timeout: float | None = None) -> list[Outcome]:
        """Perform any number of operations with several vendor calls in flight; else as `Client.apply`."""
        self._check_open()
        seconds = self._seconds(timeout)
        accepted, outcomes, stamped = self._accept(operations)
        schedule = self._schedule(accepted)
        outcomes |= await run_all_async(
            schedule,
            lambda batch: self._perform(batch, stamped, seconds),
            self._transport,
        )
        return [outcomes[index] for index in range(len(accepted))]

    async def _do(self, operation: Operation, timeout: float | None) -> Outcome:
        return successful((await run_async(self._perform_one(operation, timeout), self._transport))[0])

    async def aclose(self) -> None:
        """Close the connections; closing twice is no error."""
        if not self._closed:
            self._closed = True
            await self._transport.aclose()

    async def __aenter__(self) -> Self:
        self._check_open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __enter__(self) -> NoReturn:
        raise ConfigError("this is an AsyncClient: use `async with`, or make it with connect")

    def __exit__(self, *_: object) -> NoReturn:
        self.__enter__()


def successful(outcome: Outcome) -> Outcome:
    """Return an outcome whose asked state held, or raise its error."""
    if outcome.error is not None:
        raise outcome.error
    return outcome


def positive(name: str, value: object, *, most: float) -> float:
    """Return a number of seconds, or of calls a second, that makes sense.

    Raises:
        ConfigError: it is no number, or not above zero, or above `most`.
    """
    if not isinstance(value, int | float) or isinstance(value, bool):
        given = "a str" if isinstance(value, Secret) else type(value).__name__
        raise ConfigError(f"{name} must be a number above 0, not {given}")
    if not 0 < value <= most:
        raise ConfigError(f"{name} must be a number above 0 and at most {most:g}, not {value!r}")
    return float(value)
