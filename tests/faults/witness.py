"""Looks on while a fault is played, for credentials in whatever others see of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

from convops.operations import Outcome
from tests.leaks.evidence import Evidence
from tests.leaks.scanner import Scanner, canary
from tests.leaks.surfaces import IN_A_CELL, RAISED, Surface
from tests.leaks.vendors import watch_signature
from tests.leaks.watches import logs_kept, sentry_kept, spans_kept
from tests.transports.rawserver import Received

KEY = canary()
"""What every account signs with here."""


class Witness:
    """Keeps what others see of a call. There is no list of warnings: each is an error.

    Attributes:
        evidence: what was seen.
    """

    def __init__(self) -> None:
        self.evidence = Evidence()
        self._raised: list[tuple[BaseException, TracebackType | None]] = []
        self._watching = ExitStack()

    def __enter__(self) -> Self:
        for watch in (logs_kept, sentry_kept, spans_kept):
            self._watching.enter_context(watch(self.evidence))
        return self

    def __exit__(self, *_: object) -> None:
        self._watching.close()

    # --- Hear ---

    def heard(self, call: Callable[[], Outcome]) -> Outcome:
        """Call a verb; what it raises is kept with its frames, and looked at later."""
        try:
            return call()
        except BaseException as error:
            self._raised.append((error, error.__traceback__))
            raise

    async def heard_async(self, call: Callable[[], Awaitable[Outcome]]) -> Outcome:
        """Await a verb; otherwise as `heard`."""
        try:
            return await call()
        except BaseException as error:
            self._raised.append((error, error.__traceback__))
            raise

    # --- See ---

    def sees(self, client: Any, plan: object, outcome: Outcome | None) -> None:
        """Add what an app holds when the call is over."""
        self.evidence.add(Surface.PLAN, "plan", repr(plan))
        for thing in (client, client._pipeline.account):
            self.evidence.show(thing)
            self.evidence.keep(thing)
        if outcome is not None:
            self.evidence.result(outcome)
        for error, trace in self._raised:
            self.evidence.raised(error.with_traceback(trace))
            error.__traceback__ = None
        self.evidence.surroundings()

    def leaks(self, vendor: str, requests: Iterable[Received]) -> list[tuple[Surface, str, list[str]]]:
        """Return where a credential was seen, of all that went over the wire."""
        self._watching.close()
        scanner = Scanner()
        scanner.watch("the key", KEY.value)
        for request in requests:
            watch_signature(scanner, vendor, request.query)
        missing = (IN_A_CELL | (RAISED if self._raised else set())) - self.evidence.surfaces()
        assert missing == set(), missing
        return self.evidence.leaks(scanner)
