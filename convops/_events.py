"""What an observer is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from attrs import frozen

from convops.errors import Effect, OperationError
from convops.operations import Outcome
from convops.provider import Call, Failure, HttpReply


@frozen(kw_only=True)
class Event:
    """One attempt, or one operation at its end. It holds no id, no secret and no vendor text.

    Attributes:
        kind: `attempt` or `outcome`.
        provider: the provider's short name.
        name: the vendor's action for an attempt, the operation's name for an outcome.
        attempts: which try it was, or how many there were.
        seconds: how long it took, waits included for an outcome.
        status: the HTTP status of an attempt; None where no reply came.
        effect: what an outcome did at the vendor.
        error: the name of the error class; None for success.
        code: the vendor's code.
    """

    kind: Literal["attempt", "outcome"]
    provider: str
    name: str
    attempts: int
    seconds: float
    status: int | None = None
    effect: Effect | None = None
    error: str | None = None
    code: int | str | None = None


Observer = Callable[[Event], object]


@frozen
class Reporter:
    """Tells an observer, if there is one."""

    provider: str
    observer: Observer | None = None

    def attempt(
        self,
        call: Call,
        result: HttpReply | Failure,
        error: OperationError | None,
        tries: int,
        seconds: float,
    ) -> None:
        """Tell of one attempt."""
        if self.observer is None:
            return
        self.observer(
            Event(
                kind="attempt",
                provider=self.provider,
                name=call.action,
                attempts=tries,
                seconds=seconds,
                status=result.status if isinstance(result, HttpReply) else None,
                error=None if error is None else type(error).__name__,
                code=None if error is None else error.code,
            )
        )

    def outcome(self, outcome: Outcome, seconds: float) -> None:
        """Tell of one operation's end."""
        if self.observer is None:
            return
        error = outcome.error
        self.observer(
            Event(
                kind="outcome",
                provider=self.provider,
                name=outcome.operation.name,
                attempts=outcome.attempts,
                seconds=seconds,
                effect=outcome.effect,
                error=None if error is None else type(error).__name__,
                code=error.code if isinstance(error, OperationError) else None,
            )
        )
