"""One call until it is answered or given up: host, slot, attempt, judgement, retry."""

from __future__ import annotations

import functools
from collections.abc import Hashable
from typing import Any

from attrs import define, field, frozen

from convops._blame import Blame
from convops._events import Reporter
from convops._facts import Facts
from convops._policy import Breaker, Pacer, Retry, RetryBudget, Slot
from convops._replies import clean_request_id, failure_error, read_reply, status_error
from convops._signing import OneShot, Signing
from convops._steps import Environment, Exchange, Run, Steps, Wait
from convops.errors import (
    AuthenticationError,
    ConvopsError,
    DeadlineExceededError,
    Effect,
    MalformedReplyError,
    OperationError,
    PluginError,
    ProviderUnavailableError,
    RateLimitedError,
    TransportError,
)
from convops.provider import AnyProvider, Call, Failure, FailureKind, HttpReply, Quota, Reply

OUTAGE_PATIENCE = 60.0
"""How long `apply` waits with one call for a host that does not answer, in seconds."""

OUTAGE_STEP = 1.0
"""How often it looks whether somebody else got through, in seconds."""


@frozen
class Host:
    """One of the base URLs that answer for an account."""

    base_url: str
    breaker: Breaker = field(factory=Breaker)


@define
class _Tried:
    """One attempt that was made.

    Attributes:
        attempt: what was sent.
        host: where to.
        result: what came of it.
        tries: which try of the call it was.
        began: when, on the monotonic clock.
        ended: when the result was there.
    """

    attempt: OneShot
    host: Host
    result: HttpReply | Failure
    tries: int
    began: float
    ended: float


@define
class _Effort:
    """How far one call has got.

    Attributes:
        call: what is asked.
        quota: what the vendor counts it against.
        tries: how often it was tried.
        met: what the last try met.
        unanswered: whether one of them may have been carried out without an answer.
        renewed: whether its credentials were renewed, since the vendor called them expired.
        unreachable: hosts to which no connection could be made.
    """

    call: Call
    quota: Quota
    tries: int = 0
    met: OperationError | None = None
    unanswered: bool = False
    renewed: bool = False
    unreachable: list[Host] = field(factory=list)

    def failed(self, error: OperationError) -> None:
        """Note what a try met."""
        self.met = error
        self.unanswered = self.unanswered or error.effect is Effect.UNKNOWN


@define(kw_only=True)
class Caller:
    """Sends the calls of one account.

    Attributes:
        provider: what reads replies and names quotas.
        account: its settings.
        hosts: where to send, the preferred one first.
        signing: signs each attempt.
        environment: time and chance.
        pacer: slots, shared by the process.
        budget: retries, shared by the process.
        retry: when an attempt is repeated.
        pace: calls per second for each quota; None follows the vendor's documents.
        blame: names the plugin's bugs.
        reporter: tells of each attempt.
        facts: what was learnt once.
    """

    provider: AnyProvider
    account: Any
    hosts: tuple[Host, ...]
    signing: Signing
    environment: Environment
    pacer: Pacer
    budget: RetryBudget
    retry: Retry
    pace: float | None
    blame: Blame
    reporter: Reporter
    facts: Facts = field(factory=Facts)

    def send(self, call: Call, run: Run) -> Steps[Reply]:
        """Send a call until it is answered, if the answer is not remembered.

        Raises:
            OperationError: it was refused, or given up.
            PluginError: the plugin has a bug.
        """
        run.start_call()
        known: Reply | None = None
        if call.once:
            known = self.blame.asked("a call of the flow", self.facts.get, call, run=run)
        if known is not None:
            return known
        effort = _Effort(call, self._quota(call, run))
        while True:
            attempt, host, slot = yield from self._admitted(effort, run)
            run.key = effort.quota.key, host.base_url
            began = self.environment.monotonic()
            if effort.tries == run.tries_before == 0:
                self.budget.earn(run.key, began)
            effort.tries += 1
            run.tries = max(run.tries, effort.tries)
            deadline = slot.at + run.timeout if run.deadline is None else run.deadline
            run.request_id = None
            try:
                result = yield Exchange(attempt, deadline)
                tried = _Tried(attempt, host, result, effort.tries, began, self.environment.monotonic())
                answer = self._answer(tried, run)
            except BaseException:
                host.breaker.abandon(self.environment.monotonic(), began=began)
                raise
            run.gone = call.removes and effort.unanswered
            if isinstance(answer, Reply):
                self._report(tried)
                run.answered(call)
                return answer
            effort.failed(answer)
            run.failed(call, answer)
            wait, scarce = self._granted(self._wait(answer, effort, host, run), run)
            self._report(tried, answer, None if wait is None else wait + scarce)
            if wait is None:
                raise answer
            yield from self._earned(scarce, run)
            yield Wait(wait)

    def _wait(self, error: OperationError, effort: _Effort, host: Host, run: Run) -> float | None:
        """Return the seconds before the next try, or None where there is to be none."""
        wait = self.retry.wait(error, run.tries_before + effort.tries, self.environment.random())
        self._slow_down(effort.quota, error, wait)
        may_repeat = run.attempts < self.retry.attempts
        if isinstance(error, AuthenticationError) and error.expired and may_repeat and not effort.renewed:
            # The clock was corrected and the ticket dropped: a fresh signature may pass.
            effort.renewed = True
            return 0.0
        if _was_unreachable(error) and len(effort.unreachable) + 1 < len(self.hosts):
            effort.unreachable.append(host)
            return None if wait is None else 0.0
        return wait

    def may_repeat(self, run: Run) -> Steps[bool]:
        """Pay for repeating a batch, waiting for it if need be; return False where there is no time to."""
        scarce = self.budget.spend(run.key, self.environment.monotonic())
        if scarce and run.deadline is not None:
            return False
        yield from self._earned(scarce, run)
        return True

    # --- Whether and where ---

    def _quota(self, call: Call, run: Run) -> Quota:
        try:
            quota = self.blame.checked("quota", self.provider.quota(self.account, call), Quota, run)
            hash(quota.key)
            usable = quota.rate > 0
        except (OperationError, PluginError):
            raise
        except Exception as error:
            raise self.blame.raised("quota", error, run) from error
        if not usable:
            raise self.blame.bug("quota gave a rate that is not above 0", run)
        return quota if self.pace is None else _paced(quota.key, self.pace)

    def _admitted(self, effort: _Effort, run: Run) -> Steps[tuple[OneShot, Host, Slot]]:
        """Wait for a host that may be called, and for a slot to call it in."""
        while True:
            now = self.environment.monotonic()
            host = self._rested(effort, now)
            if host is None:
                host = yield from self._outlasted(effort, run, now)
                now = self.environment.monotonic()
            try:
                attempt = self.signing.attempt(effort.call, host.base_url)
            except (OperationError, PluginError):
                raise
            except Exception as error:
                raise self.blame.raised("a call of the flow", error, run) from error
            slot = self.pacer.reserve(effort.quota, now)
            if slot.at > now or (run.deadline is not None and now >= run.deadline):
                slot = yield from self._awaited(slot, now, effort, run)
            if not host.breaker.admit(self.environment.monotonic()):
                return attempt, host, slot
            # Others found it broken while this call waited for its slot.
            self.pacer.give_back(slot)

    def _rested(self, effort: _Effort, now: float) -> Host | None:
        """Return the preferred one of the hosts that may be called."""
        for host in self.hosts:
            if host not in effort.unreachable and not host.breaker.rest(now):
                return host
        return None

    def _outlasted(self, effort: _Effort, run: Run, began: float) -> Steps[Host]:
        """Wait until a host may be called."""
        while True:
            now = self.environment.monotonic()
            host = self._rested(effort, now)
            if host is not None:
                return host
            waits = [host.breaker.rest(now) for host in self.hosts if host not in effort.unreachable]
            # A verb says at once that nobody is called; a long list waits for the end of an outage.
            if run.deadline is not None or now - began > OUTAGE_PATIENCE:
                raise effort.met or ProviderUnavailableError(
                    "not called: it failed several times in a row",
                    effect=Effect.NOT_APPLIED,
                    retry_after=min(waits),
                )
            yield Wait(min([*waits, OUTAGE_STEP]))

    def _all_closed(self, wait: float) -> bool:
        then = self.environment.monotonic() + wait
        return all(host.breaker.rest(then) for host in self.hosts)

    def _awaited(self, slot: Slot, now: float, effort: _Effort, run: Run) -> Steps[Slot]:
        """Wait for a slot that lies ahead, or for a later one if the vendor asks for a pause meanwhile."""
        while True:
            kept = False
            try:
                if run.deadline is not None and slot.at >= run.deadline:
                    raise DeadlineExceededError(
                        "no slot within the vendor's rate before the deadline",
                        effect=Effect.NOT_APPLIED,
                        attempts=effort.tries,
                        retry_after=slot.at - now,
                    )
                if slot.at > now:
                    yield Wait(slot.at - now)
                kept = True
            finally:
                if not kept:
                    self.pacer.give_back(slot)
            if not self.pacer.is_held(slot):
                return slot
            now = self.environment.monotonic()
            slot = self.pacer.reserve(effort.quota, now)

    def _slow_down(self, quota: Quota, error: OperationError, wait: float | None) -> None:
        if not isinstance(error, RateLimitedError):
            return
        now = self.environment.monotonic()
        if wait is None:
            # Nobody draws a wait for the next try; those who come after it must not come all at once.
            jitter = self.environment.random() * self.retry.first_wait_throttled
            wait = min(error.retry_after or 0.0, self.retry.retry_after_max) + jitter
        self.pacer.hold(quota.key, now + wait, now)

    def _granted(self, wait: float | None, run: Run) -> tuple[float | None, float]:
        """Return the wait if there may be another try, and how long the budget has no retry for it."""
        if wait is None or not self._fits(wait, run):
            return None, 0.0
        if run.deadline is not None and self._all_closed(wait):
            return None, 0.0
        scarce = self.budget.spend(run.key, self.environment.monotonic())
        return None if scarce and run.deadline is not None else wait, scarce

    def _earned(self, scarce: float, run: Run) -> Steps[None]:
        while scarce:
            yield Wait(scarce)
            scarce = self.budget.spend(run.key, self.environment.monotonic())

    def _fits(self, wait: float, run: Run) -> bool:
        return run.deadline is None or self.environment.monotonic() + wait < run.deadline

    # --- One attempt ---

    def _answer(self, tried: _Tried, run: Run) -> Reply | OperationError:
        """Return the reply to an attempt, or what it says went wrong."""
        attempt, result = tried.attempt, tried.result
        call, breaker = attempt.call, tried.host.breaker
        if isinstance(result, Failure) and attempt.repeated:
            # Whoever asked for a second signature had sent the first.
            result = tried.result = Failure(FailureKind.BROKEN, sent=True)
        if call.writes and (isinstance(result, HttpReply) or result.sent):
            run.sent = True
        if attempt.defect is not None:
            raise self.blame.bug(f"the signer raised {attempt.defect}", run)
        try:
            answer = self._judge(tried, run)
        except PluginError as bug:
            self._report(tried, bug)
            raise
        if isinstance(answer, Reply):
            breaker.note(None, tried.ended, 0.0, began=tried.began)
            return answer
        # A question changes nothing, whatever became of it.
        effect = answer.effect if call.writes else Effect.NOT_APPLIED
        error = answer.with_facts(attempts=tried.tries, effect=effect)
        if isinstance(result, Failure) and result.kind is FailureKind.BUSY:
            # Our own queue says nothing of the host.
            breaker.abandon(tried.ended, began=tried.began)
        else:
            breaker.note(error, tried.ended, self.environment.random(), began=tried.began)
        return error

    def _report(self, tried: _Tried, error: ConvopsError | None = None, wait: float | None = None) -> None:
        self.reporter.attempt(
            tried.attempt.call,
            tried.host.base_url,
            tried.result,
            error,
            tries=tried.tries,
            seconds=tried.ended - tried.began,
            wait=wait,
        )

    def _judge(self, tried: _Tried, run: Run) -> Reply | OperationError:
        result = tried.result
        if isinstance(result, Failure):
            return failure_error(result, tried.attempt.origin)
        try:
            reply = read_reply(result)
        except MalformedReplyError as malformed:
            return malformed
        try:
            run.request_id = clean_request_id(self.provider.request_id(reply))
            refusal = self.provider.read(tried.attempt.call, reply)
            if refusal is not None:
                self.blame.checked("read", refusal, OperationError, run)
        except MalformedReplyError as malformed:
            return malformed
        except (OperationError, PluginError):
            raise
        except Exception as defect:
            raise self.blame.raised("read", defect, run) from defect
        succeeded = refusal is None and reply.is_success
        expired = isinstance(refusal, AuthenticationError) and refusal.expired
        if succeeded or expired:
            # Only an answer that was understood is believed in what it says of the time.
            self.signing.learn(reply.headers.get("date"), tried.ended - tried.began)
        if expired:
            self.signing.start_afresh()
        if succeeded:
            return reply
        return refusal or status_error(reply, now=self.environment.time()) or reply


@functools.lru_cache(maxsize=1024)
def _paced(key: Hashable, rate: float) -> Quota:
    return Quota(key=key, rate=rate)


def _was_unreachable(error: OperationError) -> bool:
    return isinstance(error, TransportError) and error.effect is Effect.NOT_APPLIED
