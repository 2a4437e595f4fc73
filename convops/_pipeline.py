"""All decisions about one batch of operations, as generators that perform no I/O.

They yield `Exchange` and `Wait`; a driver performs those and sends the results back.
"""

from __future__ import annotations

from collections.abc import Generator, Hashable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
from attrs import define, field

from convops._events import Event, Observer
from convops._policy import Pacer, Retry, Slot
from convops._replies import clean_request_id, failure_error, read_reply, status_error
from convops._signing import Signing
from convops._steps import Environment, Exchange, Run, Steps, Wait
from convops.errors import (
    AuthenticationError,
    DeadlineExceededError,
    Effect,
    InvalidRequestError,
    MalformedReplyError,
    NotFoundError,
    OperationError,
    PluginError,
    RateLimitedError,
    UnsupportedOperationError,
)
from convops.operations import OPERATIONS, ConversationKind, Delete, MarkRead, Operation, Outcome
from convops.provider import AnyProvider, Call, Failure, HttpReply, Quota, Reply, Verdict
from convops.support import Support

CLOCK_TOLERANCE = timedelta(seconds=60)
"""How far ahead of this machine's clock a caller's time may be."""

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
        pace: calls per second for each of the account's quotas; None follows the vendor's documents.
        observer: told of each attempt and each outcome.
    """

    provider: AnyProvider
    account: Any
    environment: Environment
    pacer: Pacer
    retry: Retry
    pace: float | None = None
    observer: Observer | None = None
    _signing: Signing = field(init=False)
    _base_url: str = field(init=False)

    def __attrs_post_init__(self) -> None:
        with self._plugin("signer"):
            signer = self.provider.signer(self.account)
        self._signing = Signing(signer, now=self.environment.time, nonce=self.environment.nonce)
        with self._plugin("origins"):
            self._base_url = self.provider.origins(self.account)[0]

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
        with self._plugin("support"):
            return self.provider.support(self.account, operation, kind)

    def accept(self, operation: Operation) -> Operation:
        """Return the operation, stamped with the time if it had none.

        Raises:
            InvalidRequestError: it is no operation, or the vendor would refuse an id or a time in it.
            UnsupportedOperationError: the provider cannot do it.
        """
        if type(operation) not in OPERATIONS:
            raise InvalidRequestError(f"not an operation: {type(operation).__name__}")
        try:
            return self._accept(operation)
        except OperationError as error:
            refusal = self._named(error, operation, effect=Effect.NOT_APPLIED)
        raise refusal

    def _accept(self, operation: Operation) -> Operation:
        now = datetime.fromtimestamp(self.environment.time(), UTC)
        up_to = operation.up_to if isinstance(operation, MarkRead) else None
        for name, moment in (("up_to", up_to), ("at", operation.at)):
            if moment is not None and moment > now + CLOCK_TOLERANCE:
                raise InvalidRequestError(f"{name} lies in the future: {moment.isoformat()}")
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
        with self._plugin("check"):
            self.provider.check(self.account, operation)
        return operation if operation.at is not None else attrs.evolve(operation, at=now)

    def batch_key(self, operation: Operation) -> Hashable:
        """Return what operations must have in common to share a call; None keeps one alone."""
        with self._plugin("batch_key"):
            key = self.provider.batch_key(self.account, operation)
        return None if key is None else (type(operation), key)

    def batch_max(self, operation: Operation) -> int:
        """Return how many operations may share the call of this one."""
        return self.support(type(operation), operation.conversation.kind).batch

    def foresee(self, operations: Sequence[Operation]) -> tuple[tuple[Call, ...], bool]:
        """Return the calls of a batch as far as they are known, and whether more depend on answers."""
        calls: list[Call] = []
        with self._plugin("flow"):
            flow = self.provider.flow(self.account, operations)
        try:
            call = next(flow)
            while len(calls) < FORESEEN_MAX:
                calls.append(call)
                # A flow that needs the answer cannot do with an empty one, and ends here.
                call = flow.send(Reply(200, {}, {}))
        except StopIteration:
            return tuple(calls), False
        except Exception:  # noqa: BLE001, S110 - the flow may fail in any way on an answer without content
            pass
        finally:
            flow.close()
        return tuple(calls), True

    # --- One batch ---

    def perform(
        self, operations: Sequence[Operation], *, timeout: float, patient: bool = False
    ) -> Steps[list[Outcome]]:
        """Perform a batch of accepted operations; return one outcome for each, in order.

        Args:
            operations: accepted by `accept`, and alike in `batch_key`.
            timeout: seconds for everything.
            patient: start the time of each call at its slot instead, however far off that is.
        """
        started = self.environment.monotonic()
        run = Run(timeout=timeout, deadline=None if patient else started + timeout, patient=patient)
        outcomes: dict[int, Outcome] = {}
        left = list(range(len(operations)))
        while left:
            try:
                verdicts = yield from self._round([operations[index] for index in left], run)
            except PluginError as error:
                for index in left:
                    outcomes[index] = self._defect(operations[index], error, run)
                break
            waits: dict[int, float] = {}
            for index, verdict in zip(left, verdicts, strict=True):
                doubt = run.doubt or (index in outcomes and outcomes[index].effect is Effect.UNKNOWN)
                outcomes[index] = self._outcome(operations[index], verdict, run, doubt=doubt)
                wait = self._wait_before_round(verdict, run)
                if wait is not None:
                    waits[index] = wait
            left = list(waits)
            if left:
                yield Wait(max(waits.values()))
                run.start_round()
        done = [outcomes[index] for index in range(len(operations))]
        for outcome in done:
            self._tell_outcome(outcome, started)
        return done

    def _round(self, operations: Sequence[Operation], run: Run) -> Steps[list[Verdict]]:
        with self._plugin("flow", run):
            flow = self.provider.flow(self.account, operations)
        if not isinstance(flow, Generator):
            raise self._bug("flow returned no generator", run)
        try:
            with self._plugin("flow", run):
                call = next(flow)
            while True:
                try:
                    reply = yield from self._send(call, run)
                except OperationError as error:
                    with self._plugin("flow", run):
                        call = flow.throw(error)
                else:
                    with self._plugin("flow", run):
                        call = flow.send(reply)
        except StopIteration as stop:
            # The flow is done.
            return self._checked(stop.value, operations, run)
        except OperationError as error:
            run.start_call()
            return [Verdict.failed(error)] * len(operations)
        finally:
            flow.close()

    def _checked(self, verdicts: object, operations: Sequence[Operation], run: Run) -> list[Verdict]:
        if (
            isinstance(verdicts, list)
            and len(verdicts) == len(operations)
            and all(isinstance(verdict, Verdict) for verdict in verdicts)
        ):
            return verdicts
        raise self._bug("flow returned no list of one Verdict per operation", run)

    def _wait_before_round(self, verdict: Verdict, run: Run) -> float | None:
        # An error with attempts met a whole call, which was repeated as often as it may be. One
        # without is of a single operation inside an answered call.
        if verdict.error is None or verdict.error.attempts:
            return None
        wait = self.retry.wait(verdict.error, run.attempts, self.environment.random())
        return wait if wait is not None and self._fits(wait, run.deadline) else None

    def _outcome(self, operation: Operation, verdict: Verdict, run: Run, *, doubt: bool) -> Outcome:
        error, effect = verdict.error, verdict.effect
        gone = isinstance(error, NotFoundError) and error.what == "conversation"
        if gone and doubt and isinstance(operation, Delete):
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

    # --- One call ---

    def _send(self, call: Call, run: Run) -> Steps[Reply]:
        run.start_call()
        with self._plugin("quota", run):
            quota = self.provider.quota(self.account, call)
        if self.pace is not None:
            quota = Quota(key=quota.key, rate=self.pace)
        deadline = run.deadline
        tries = 0
        while True:
            slot = yield from self._slot(quota, deadline, tries)
            if deadline is None:
                deadline = slot.at + run.timeout
            tries += 1
            run.tries = max(run.tries, tries)
            answer = yield from self._attempt(call, run, deadline, tries)
            if isinstance(answer, Reply):
                run.answered(call)
                return answer
            run.failed(call, answer)
            wait = self.retry.wait(answer, run.tries_before + tries, self.environment.random())
            if isinstance(answer, RateLimitedError) and wait is not None:
                self.pacer.hold(quota.key, self.environment.monotonic() + wait)
            if wait is None or not self._fits(wait, deadline):
                raise answer
            yield Wait(wait)

    def _slot(self, quota: Quota, deadline: float | None, tries: int) -> Steps[Slot]:
        now = self.environment.monotonic()
        slot = self.pacer.reserve(quota, now)
        kept = False
        try:
            if deadline is not None and slot.at >= deadline:
                raise DeadlineExceededError(
                    "no slot within the vendor's rate before the deadline",
                    effect=Effect.NOT_APPLIED,
                    attempts=tries,
                    retry_after=slot.at - now,
                )
            if slot.at > now:
                yield Wait(slot.at - now)
            kept = True
            return slot
        finally:
            if not kept:
                self.pacer.give_back(slot)

    def _attempt(self, call: Call, run: Run, deadline: float, tries: int) -> Steps[Reply | OperationError]:
        with self._plugin("a call of the flow", run):
            attempt = self._signing.attempt(call, self._base_url)
        started = self.environment.monotonic()
        result: HttpReply | Failure = yield Exchange(attempt, deadline)
        run.sent = run.sent or isinstance(result, HttpReply) or result.sent
        if attempt.defect is not None:
            raise self._bug(f"the signer raised {attempt.defect}", run)
        answer = self._judge(call, result, run)
        if isinstance(answer, OperationError):
            answer = answer.with_facts(attempts=tries)
        self._tell_attempt(call, result, answer, tries, started)
        return answer

    def _judge(self, call: Call, result: HttpReply | Failure, run: Run) -> Reply | OperationError:
        if isinstance(result, Failure):
            return failure_error(result)
        try:
            reply = read_reply(result)
            with self._plugin("read", run):
                run.request_id = clean_request_id(self.provider.request_id(reply))
                refusal = self.provider.read(call, reply)
        except MalformedReplyError as malformed:
            return malformed
        if isinstance(refusal, AuthenticationError) and refusal.expired:
            self._signing.forget()
        return refusal or status_error(reply, now=self.environment.time()) or reply

    def _fits(self, wait: float, deadline: float | None) -> bool:
        return deadline is None or self.environment.monotonic() + wait < deadline

    # --- Blame and news ---

    @contextmanager
    def _plugin(self, what: str, run: Run | None = None) -> Iterator[None]:
        try:
            yield
        except (OperationError, StopIteration):
            raise
        except Exception as error:  # noqa: BLE001 - whatever a plugin raises is named as its bug
            bug, cause = self._bug(f"{what} raised {type(error).__name__}", run), error
        else:
            return
        # A signer's frames may hold an open secret, so its exception goes no further.
        raise bug from (None if what == "signer" else cause)

    def _bug(self, message: str, run: Run | None) -> PluginError:
        effect = Effect.UNKNOWN if run is not None and run.sent else Effect.NOT_APPLIED
        name = self.provider.name
        return PluginError(f"a bug in the plugin of {name!r}: {message}", provider=name, effect=effect)

    def _named(self, error: OperationError, operation: Operation, **facts: Any) -> OperationError:
        return error.with_facts(provider=self.provider.name, operation=operation.name, **facts)

    def _tell_attempt(
        self,
        call: Call,
        result: HttpReply | Failure,
        answer: Reply | OperationError,
        tries: int,
        started: float,
    ) -> None:
        if self.observer is None:
            return
        error = answer if isinstance(answer, OperationError) else None
        self.observer(
            Event(
                kind="attempt",
                provider=self.provider.name,
                name=call.action,
                attempts=tries,
                seconds=self.environment.monotonic() - started,
                status=result.status if isinstance(result, HttpReply) else None,
                error=None if error is None else type(error).__name__,
                code=None if error is None else error.code,
            )
        )

    def _tell_outcome(self, outcome: Outcome, started: float) -> None:
        if self.observer is None:
            return
        error = outcome.error
        self.observer(
            Event(
                kind="outcome",
                provider=self.provider.name,
                name=outcome.operation.name,
                attempts=outcome.attempts,
                seconds=self.environment.monotonic() - started,
                effect=outcome.effect,
                error=None if error is None else type(error).__name__,
                code=error.code if isinstance(error, OperationError) else None,
            )
        )
