"""All decisions about one batch of operations, as generators that perform no I/O.

They yield `Exchange` and `Wait`; a driver performs those and sends the results back.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Hashable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from types import GeneratorType
from typing import Any

import attrs
from attrs import define, field

from convops._blame import Blame
from convops._calls import Caller, Host
from convops._events import Observer, Reporter
from convops._policy import Pacer, Retry, RetryBudget
from convops._signing import Signing
from convops._steps import Environment, Run, Steps, Wait
from convops.errors import (
    Effect,
    InvalidRequestError,
    NotFoundError,
    OperationError,
    PluginError,
    UnsupportedOperationError,
)
from convops.operations import OPERATIONS, ConversationKind, MarkRead, Operation, Outcome
from convops.provider import APPLIED, AnyProvider, Call, Flow, Reply, Verdict
from convops.support import Support

CLOCK_TOLERANCE = 60.0
"""How far ahead of the vendor's clock a caller's time may be, in seconds."""

FORESEEN_MAX = 20
"""How many calls of one flow a plan shows."""


@define(kw_only=True)
class Pipeline:
    """The decisions for one account at one provider.

    Attributes:
        provider: what flows, reads and signs.
        account: its settings.
        environment: time and chance.
        pacer: slots, shared by the process.
        retry: when an attempt is repeated.
        budget: retries, shared by the process.
        pace: calls per second for each of the account's quotas; None follows the vendor's documents.
        observer: told of each attempt and each outcome.
        observe_ids: whether it is told the conversations in plain.
        id_key: what they are hashed with otherwise, random for each process.
    """

    provider: AnyProvider
    account: Any
    environment: Environment
    pacer: Pacer
    retry: Retry
    budget: RetryBudget = field(factory=RetryBudget)
    pace: float | None = None
    observer: Observer | None = None
    observe_ids: bool = False
    id_key: bytes = b""
    _blame: Blame = field(init=False)
    _reporter: Reporter = field(init=False)
    _signing: Signing = field(init=False)
    _caller: Caller = field(init=False)
    _cells: dict[Hashable, Support] = field(init=False, factory=dict)

    def __attrs_post_init__(self) -> None:
        self._blame = Blame(self.provider.name)
        self._reporter = Reporter(self.provider.name, self.observer, self.observe_ids, self.id_key)
        signer = self._blame.made(lambda: self.provider.signer(self.account))
        hosts = self._blame.asked("origins", lambda: tuple(map(Host, self.provider.origins(self.account))))
        if not hosts:
            raise self._blame.bug("origins gave nothing")
        self._signing = Signing(signer, now=self.environment.time, nonce=self.environment.nonce)
        self._caller = Caller(
            provider=self.provider,
            account=self.account,
            hosts=hosts,
            signing=self._signing,
            environment=self.environment,
            pacer=self.pacer,
            budget=self.budget,
            retry=self.retry,
            pace=self.pace,
            blame=self._blame,
            reporter=self._reporter,
        )

    # --- Before anything is sent ---

    def support(self, operation: type[Operation], kind: ConversationKind) -> Support:
        """Return the capability cell of an operation on a kind of conversation.

        Raises:
            InvalidRequestError: an argument is no operation class or no kind.
        """
        if operation not in OPERATIONS:
            raise InvalidRequestError("ask about ClearUnread, MarkRead, Delete or Mute")
        if not isinstance(kind, ConversationKind):
            raise InvalidRequestError("ask about a ConversationKind")
        known = self._cells.get((operation, kind))
        if known is not None:
            return known
        support = self._blame.asked("support", self.provider.support, self.account, operation, kind)
        cell = self._cells[operation, kind] = self._blame.checked("support", support, Support)
        return cell

    def now(self) -> datetime:
        """Return the time by this machine's clock, to stamp an operation with."""
        return datetime.fromtimestamp(self.environment.time(), UTC)

    def accept(self, operation: Operation) -> Operation:
        """Return the operation, stamped with the time if it had none.

        Raises:
            InvalidRequestError: it is no operation, or the vendor would refuse an id or a time in it.
            UnsupportedOperationError: the provider cannot do it.
        """
        if type(operation) not in OPERATIONS:
            raise InvalidRequestError(f"not an operation: {type(operation).__name__}")
        with_time = operation if operation.at is not None else attrs.evolve(operation, at=self.now())
        self.check(with_time, stamped=operation.at is None)
        return with_time

    def check(self, operation: Operation, *, stamped: bool) -> None:
        """Refuse what cannot be done.

        Args:
            operation: one of the four, with its time.
            stamped: whether that time is ours, and not the caller's.

        Raises:
            InvalidRequestError: the vendor would refuse an id or a time in it.
            UnsupportedOperationError: the provider cannot do it.
        """
        try:
            self._check(operation, stamped=stamped)
        except OperationError as error:
            refusal = self._named(error, operation, effect=Effect.NOT_APPLIED)
        else:
            return
        raise refusal

    def _check(self, operation: Operation, *, stamped: bool) -> None:
        up_to = operation.up_to if isinstance(operation, MarkRead) else None
        if up_to is not None:
            self._check_past("up_to", up_to)
        if operation.at is not None and not stamped:
            self._check_past("at", operation.at)
        kind = operation.conversation.kind
        support = self.support(type(operation), kind)
        if not support:
            reason = "; ".join(caveat.text for caveat in support.caveats) or "nothing more is known"
            raise UnsupportedOperationError(
                f"the {support.lacked_by} cannot {operation.name} a {kind.value} conversation: {reason}",
                support=support,
            )
        if up_to is not None and not support.time_pinned:
            raise UnsupportedOperationError(
                "the vendor cannot pin up_to, and would mark newer messages too", support=support
            )
        self._blame.asked("check", self.provider.check, self.account, operation)
        self.batch_key(operation)

    def _check_past(self, name: str, moment: datetime) -> None:
        if moment.timestamp() > self._signing.now() + CLOCK_TOLERANCE:
            raise InvalidRequestError(f"{name} lies in the future: {moment.isoformat()}")

    def batch_key(self, operation: Operation) -> Hashable:
        """Return what operations must have in common to share a call; None keeps one alone."""
        key = self._blame.asked("batch_key", self.provider.batch_key, self.account, operation)
        if key is not None:
            self._blame.asked("batch_key", hash, key)
        return None if key is None else (type(operation), key)

    def batch_max(self, operation: Operation) -> int:
        """Return how many operations may share the call of this one."""
        return self.support(type(operation), operation.conversation.kind).batch

    def foresee(self, operations: Sequence[Operation]) -> tuple[tuple[Call, ...], bool]:
        """Return the calls of a batch as far as they are known, and whether more depend on answers."""
        calls: list[Call] = []
        flow = self._flow(operations, None)
        try:
            step = self._next(flow, None, None)
            for _ in range(FORESEEN_MAX):
                if not isinstance(step, Call):
                    break
                known = self._blame.asked("a call of the flow", self._caller.facts.get, step)
                # What is remembered is not sent.
                if known is None:
                    calls.append(step)
                # A flow that needs the answer cannot do with an empty one, and ends here.
                step = self._next(flow, known or Reply(200, {}, {}), None)
        except (OperationError, PluginError):
            return tuple(calls), True
        finally:
            flow.close()
        return tuple(calls), isinstance(step, Call)

    # --- One batch ---

    def perform(
        self,
        operations: Sequence[Operation],
        *,
        timeout: float,
        patient: bool = False,
        stamped: Collection[int] = (),
    ) -> Steps[list[Outcome]]:
        """Perform a batch of accepted operations; return one outcome for each, in order.

        Args:
            operations: accepted by `accept`, and alike in `batch_key`.
            timeout: seconds for everything.
            patient: give each attempt that time from its slot on instead, however far off that is.
            stamped: places of operations whose time `accept` set, by a clock that may prove wrong.
        """
        believed, unsure = self._signing.offset, frozenset(stamped)
        if believed:
            operations = _later(operations, unsure, believed)
        started = self.environment.monotonic()
        run = Run(timeout, None if patient else started + timeout)
        outcomes: dict[int, Outcome] = {}
        left: Sequence[int] = range(len(operations))
        while True:
            try:
                verdicts = yield from self._round([operations[index] for index in left], run)
            except PluginError as error:
                for index in left:
                    outcomes[index] = self._defect(operations[index], error, run)
                break
            for place, index in enumerate(left):
                changed = index in outcomes and outcomes[index].effect is not Effect.NOT_APPLIED
                doubt = run.doubt or changed
                outcomes[index] = self._outcome(operations[index], verdicts[place], run, doubt=doubt)
            waits = self._waits_before_round(left, verdicts, run)
            if waits and not (yield from self._caller.may_repeat(run)):
                waits.clear()
            slow, believed = self._signing.offset - believed, self._signing.offset
            if slow > 0:
                # "Until now" was said by a clock that the answer proves slow: say it again.
                stale = self._stale(unsure.intersection(left), outcomes)
                operations = _later(operations, stale | (unsure & waits.keys()), slow)
                waits |= dict.fromkeys(stale - waits.keys(), 0.0)
            if not waits:
                break
            left = sorted(waits)
            yield Wait(max(waits.values()))
            run.start_round()
        done = [outcomes[index] for index in range(len(operations))]
        for outcome in done:
            self._reporter.outcome(outcome, self.environment.monotonic() - started)
        return done

    def _round(self, operations: Sequence[Operation], run: Run) -> Steps[list[Verdict]]:
        flow = self._flow(operations, run)
        try:
            step: Call | list[Verdict] = self._next(flow, None, run)
            while isinstance(step, Call):
                call = step
                try:
                    reply = yield from self._caller.send(call, run)
                except OperationError as error:
                    step = self._next(flow, error, run)
                else:
                    step = self._next(flow, reply, run)
                    if call.once:
                        # Only now is it known that the flow could do with it too.
                        self._caller.facts.keep(call, reply)
        except OperationError as error:
            if error.effect in (Effect.APPLIED, Effect.ALREADY):
                raise self._blame.bug("flow raised an error that says it was applied", run) from None
            run.start_call()
            run.gave_up = True
            return [Verdict.failed(error)] * len(operations)
        finally:
            flow.close()
        if len(step) != len(operations):
            raise self._blame.bug(f"flow gave {len(step)} verdicts for {len(operations)} operations", run)
        return step

    def _flow(self, operations: Sequence[Operation], run: Run | None) -> Flow:
        flow: Flow = self._blame.asked("flow", self.provider.flow, self.account, operations, run=run)
        given: object = flow
        # An abstract class looks longer than it takes to see that it is one of Python's own.
        if type(given) is not GeneratorType and not isinstance(given, Generator):
            raise self._blame.bug(f"flow gave {type(given).__name__}, not a generator", run)
        return flow

    def _next(self, flow: Flow, came: Reply | OperationError | None, run: Run | None) -> Call | list[Verdict]:
        """Go on with a flow until it asks for another call, or ends."""
        try:
            if isinstance(came, OperationError):
                call = flow.throw(came)
            else:
                # The first step has nothing to send.
                call = next(flow) if came is None else flow.send(came)
        except StopIteration as stop:
            ended = stop.value
        except (OperationError, PluginError):
            raise
        except Exception as error:
            raise self._blame.raised("flow", error, run) from error
        else:
            return self._blame.checked("flow", call, Call, run)
        verdicts = self._blame.checked("flow", ended, list, run)
        for verdict in verdicts:
            if verdict is not APPLIED:
                self._check_verdict(verdict, run)
        return verdicts

    def _check_verdict(self, verdict: object, run: Run | None) -> None:
        given = self._blame.checked("flow", verdict, Verdict, run)
        if not self._blame.asked("flow", lambda: given.is_consistent, run=run):
            raise self._blame.bug("flow gave a verdict whose error contradicts its effect", run)

    def _stale(self, places: Collection[int], outcomes: Mapping[int, Outcome]) -> set[int]:
        """Return the places of operations that meant "until now", and took effect."""

        def is_stale(outcome: Outcome) -> bool:
            operation = outcome.operation
            return (
                outcome.error is None
                and self.support(type(operation), operation.conversation.kind).time_pinned
                and getattr(operation, "up_to", None) is None
            )

        return {index for index in places if is_stale(outcomes[index])}

    def _waits_before_round(
        self, places: Sequence[int], verdicts: Sequence[Verdict], run: Run
    ) -> dict[int, float]:
        """Return which places may be repeated, and after how long."""
        # Only what failed by itself inside an answered call; a call that failed was repeated already.
        if run.gave_up:
            return {}
        waits = {}
        for number, index in enumerate(places):
            error = verdicts[number].error
            if error is None:
                continue
            wait = self.retry.wait(error, run.attempts, self.environment.random())
            if wait is not None and self._fits(wait, run):
                waits[index] = wait
        return waits

    def _fits(self, wait: float, run: Run) -> bool:
        return run.deadline is None or self.environment.monotonic() + wait < run.deadline

    def _outcome(self, operation: Operation, verdict: Verdict, run: Run, *, doubt: bool) -> Outcome:
        error, effect = verdict.error, verdict.effect
        if run.gone and isinstance(error, NotFoundError) and error.what == "conversation":
            # What is not there any more was removed by an earlier try.
            error, effect = None, Effect.ALREADY
        if error is not None:
            effect = Effect.UNKNOWN if doubt else error.effect
            error = self._named(
                error, operation, effect=effect, attempts=run.attempts, request_id=run.request_id
            )
        return Outcome(
            operation=operation,
            effect=effect,
            error=error,
            request_id=run.request_id,
            attempts=run.attempts,
        )

    def _defect(self, operation: Operation, error: PluginError, run: Run) -> Outcome:
        return Outcome(operation=operation, effect=error.effect, error=error, attempts=run.attempts)

    def _named(self, error: OperationError, operation: Operation, **facts: Any) -> OperationError:
        return error.with_facts(provider=self.provider.name, operation=operation.name, **facts)


def _later(operations: Sequence[Operation], places: Collection[int], seconds: float) -> list[Operation]:
    """Return the operations, with those at some places decided later."""
    return [
        attrs.evolve(operation, at=operation.at + timedelta(seconds=seconds))
        if place in places and operation.at is not None
        else operation
        for place, operation in enumerate(operations)
    ]
