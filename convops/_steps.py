"""What the pipeline asks of a driver, and what the outside decides for it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable
from typing import Any, TypeVar

from attrs import define, frozen

from convops._signing import OneShot
from convops.errors import Effect, OperationError
from convops.provider import Call

T = TypeVar("T")


@frozen
class Exchange:
    """One HTTP exchange, to be answered with an `HttpReply` or a `Failure`.

    Attributes:
        attempt: what to send.
        deadline: on the monotonic clock.
    """

    attempt: OneShot
    deadline: float


@frozen
class Wait:
    """Time that is to pass, in seconds."""

    seconds: float


Step = Exchange | Wait
Steps = Generator[Step, Any, T]
"""Yields steps, is sent what came of each, and returns a `T`."""


@frozen(kw_only=True)
class Environment:
    """Time and chance, from outside.

    Attributes:
        monotonic: seconds, on the clock of deadlines and paces.
        time: Unix seconds.
        random: an even draw from [0, 1).
        nonce: eight bytes nobody can guess.
    """

    monotonic: Callable[[], float]
    time: Callable[[], float]
    random: Callable[[], float]
    nonce: Callable[[], bytes]


@define
class Run:
    """What one batch has met so far.

    Attributes:
        timeout: seconds given.
        deadline: when they are over; None gives each attempt that time from its slot on.
        tries_before: tries made in earlier rounds.
        tries: the most tries one call took in this round.
        sent: whether anything may have reached the vendor.
        doubt: whether something may have been changed without the vendor saying so.
        gave_up: whether a call was given up, after as many tries as it may have.
        gone: whether a call that removes was not answered, and then found nothing to remove.
        request_id: the vendor's name for the last exchange.
        key: the quota and the host of the last exchange, whose budget pays for a repetition.
    """

    timeout: float
    deadline: float | None
    tries_before: int = 0
    tries: int = 0
    sent: bool = False
    doubt: bool = False
    gave_up: bool = False
    gone: bool = False
    request_id: str | None = None
    key: Hashable = None
    _changed: bool = False

    @property
    def attempts(self) -> int:
        """How often the call was tried, over all rounds."""
        return self.tries_before + self.tries

    def start_round(self) -> None:
        """Begin to send what is left of the batch."""
        self.tries_before, self.tries = self.attempts, 0
        self.doubt = self._changed = False

    def start_call(self) -> None:
        """Begin the flow's next call: what the one before changed now stands alone."""
        self.doubt = self.doubt or self._changed
        self._changed = False

    def answered(self, call: Call) -> None:
        """Note that the vendor took a call."""
        self._changed = call.writes

    def failed(self, call: Call, error: OperationError) -> None:
        """Note that a try failed."""
        if call.writes and error.effect is Effect.UNKNOWN:
            self.doubt = True
