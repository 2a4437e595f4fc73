"""A provider that does what a test tells it, and a world whose time passes only by waiting."""

from __future__ import annotations

import json
import traceback
from collections import deque

from attrs import field, frozen

from convops._pipeline import Pipeline
from convops._policy import Pacer, Retry, RetryBudget
from convops._steps import Environment, Exchange, Wait
from convops.errors import (
    AuthenticationError,
    Effect,
    InvalidRequestError,
    LimitExceededError,
    NotFoundError,
    PermissionDeniedError,
    ProviderUnavailableError,
    RateLimitedError,
)
from convops.operations import Conversation, Delete
from convops.provider import (
    APPLIED,
    CONTRACT,
    Call,
    Code,
    Failure,
    FailureKind,
    HttpReply,
    Provider,
    Quota,
    SigningError,
    Unsigned,
    Verdict,
    error_for,
    member,
)
from convops.secret import Secret
from convops.support import Evidence, Fidelity, Support

SENTINEL = "s3ntinel-4711"
"""A secret that must not be shown anywhere."""

STEPS_MAX = 1000
"""More steps than any test needs: a pipeline that takes more never ends."""

PAGE = "https://vendor.example/codes"

BUSY, INVALID, GONE, THROTTLED, EXPIRED, FORBIDDEN, FULL, NO_USER, STALE = 1, 2, 3, 4, 5, 6, 7, 8, 9
UNMAPPED = 999

CODES = {
    BUSY: Code(ProviderUnavailableError, "busy", PAGE, {"effect": Effect.NOT_APPLIED}),
    INVALID: Code(InvalidRequestError, "a parameter is wrong", PAGE),
    GONE: Code(NotFoundError, "no such conversation", PAGE, {"what": "conversation"}),
    THROTTLED: Code(RateLimitedError, "too many calls", PAGE),
    EXPIRED: Code(AuthenticationError, "the ticket is over", PAGE, {"expired": True, "retryable": True}),
    FORBIDDEN: Code(PermissionDeniedError, "not allowed", PAGE),
    FULL: Code(LimitExceededError, "the list is full", PAGE),
    STALE: Code(AuthenticationError, "the signature is too old", PAGE, {"expired": True}),
    NO_USER: Code(NotFoundError, "no such user", PAGE, {"what": "user"}),
}

USABLE = Support(fidelity=Fidelity.NATIVE, evidence=Evidence.SIMULATED, batch=10, rate=10.0, time_pinned=True)


@frozen(kw_only=True)
class ScriptedAccount:
    """Settings of the scripted vendor.

    Attributes:
        key: its secret.
    """

    key: Secret = field(factory=lambda: Secret("k"))


class Scripted(Provider[ScriptedAccount]):
    """One call a batch; the answer names a code, and codes of single conversations."""

    name = "scripted"
    title = "Scripted"
    contract = CONTRACT
    account_type = ScriptedAccount
    codes = CODES
    rate = 10.0

    def origins(self, account):
        return ("https://vendor.example",)

    def signer(self, account):
        return Unsigned()

    def support(self, account, operation, kind):
        return USABLE

    def batch_key(self, account, operation):
        return operation.conversation.kind

    def flow(self, account, operations):
        ids = [operation.conversation.other for operation in operations]
        removes = isinstance(operations[0], Delete)
        reply = yield Call(action="Do", body={"ids": ids}, removes=removes)
        failed = reply.document.get("failed", {})
        return [Verdict.failed(error_for(CODES, failed[i])) if i in failed else APPLIED for i in ids]

    def read(self, call, reply):
        if reply.status != 200:
            return None
        code = member(reply.document, "code", int)
        return error_for(CODES, code) if code else None

    def quota(self, account, call):
        return Quota(key=(self.name, call.action), rate=self.rate)

    def request_id(self, reply):
        return reply.document.get("id")


class Plenty(RetryBudget):
    """Never runs short, where a test is about something else."""

    reserve = 1e9


class World:
    """Time, chance and the vendor's side: answers are given in order, time passes by waiting.

    Attributes:
        clock: the monotonic clock; the wall clock runs with it.
        waits: every wait, in seconds.
        attempts: every attempt that was exchanged.
        bodies: the body of each, read back.
        exchanged_at: when each was.
        deadlines: until when each was allowed to take.
    """

    def __init__(self, *answers, start=1000.0, random=0.5, latency=0.0):
        self.answers = deque(answers)
        self.clock = start
        self.random = random
        self.latency = latency
        self.nonces = 0
        self.waits = []
        self.attempts = []
        self.bodies = []
        self.exchanged_at = []
        self.deadlines = []

    def wall(self):
        return 1_700_000_000.0 + self.clock

    def nonce(self):
        self.nonces += 1
        return self.nonces.to_bytes(8)

    @property
    def environment(self):
        return Environment(
            monotonic=lambda: self.clock, time=self.wall, random=lambda: self.random, nonce=self.nonce
        )

    def pipeline(self, provider=None, **settings):
        given = {
            "pacer": Pacer(),
            "retry": Retry(),
            "budget": Plenty(),
            "account": ScriptedAccount(),
            **settings,
        }
        return Pipeline(provider=provider or Scripted(), environment=self.environment, **given)

    def drive(self, steps):
        """Perform the steps as a driver does, and return what they come to."""
        result = None
        try:
            for _ in range(STEPS_MAX):
                step = steps.send(result)
                result = self.wait(step) if isinstance(step, Wait) else self.exchange(step)
        except StopIteration as stop:
            return stop.value
        finally:
            steps.close()
        raise AssertionError(f"no end after {STEPS_MAX} steps")

    def wait(self, step):
        assert step.seconds >= 0
        self.waits.append(step.seconds)
        self.clock += step.seconds

    def exchange(self, step):
        assert isinstance(step, Exchange)
        self.attempts.append(step.attempt)
        self.bodies.append(json.loads(step.attempt.content or b"null"))
        self.exchanged_at.append(self.clock)
        self.deadlines.append(step.deadline)
        self.clock += self.latency
        try:
            step.attempt.sign()
        except SigningError:
            return Failure(FailureKind.UNSIGNED, sent=False)
        return self.answers.popleft()

    def perform(self, pipeline, *operations, timeout=10.0, patient=False):
        """Accept and perform operations as one batch."""
        accepted = [pipeline.accept(operation) for operation in operations]
        return self.drive(pipeline.perform(accepted, timeout=timeout, patient=patient))


def answer(code=0, *, status=200, headers=None, **members):
    """Return the vendor's answer."""
    return HttpReply(status, headers or {}, json.dumps({"code": code, **members}).encode())


def broken(*, sent=True):
    """Return a connection that broke."""
    return Failure(FailureKind.BROKEN if sent else FailureKind.CONNECT, sent=sent)


def dm(peer="bob"):
    """Return a direct conversation of alice."""
    return Conversation.direct(user="alice", peer=peer)


def frames(error):
    """Return every frame of an error and of all it came from, however hidden, but those of tests."""
    found, errors, seen = [], [error], set()
    while errors:
        current = errors.pop()
        if current is None or id(current) in seen:
            continue
        seen.add(id(current))
        trace = current.__traceback__
        while trace is not None:
            if "/tests/" not in trace.tb_frame.f_code.co_filename:
                found.append(trace.tb_frame)
            trace = trace.tb_next
        errors += [current.__cause__, current.__context__]
    return found


def shown(error):
    """Return all that a careless reporter would show of an error: messages, and frames with locals."""
    lines = [str(error), repr(error), repr(error.args), repr(vars(error))]
    current = error
    while current is not None:
        lines.append(repr(current))
        current = current.__cause__ or current.__context__
    for frame in frames(error):
        lines += [f"{frame.f_code.co_qualname} {name} = {value!r}" for name, value in frame.f_locals.items()]
    return "\n".join(lines)


def report(error):
    """Return what a reporter that captures locals writes about an error, the test's own frames left out."""
    trace = error.__traceback__
    while trace is not None and "/tests/" in trace.tb_frame.f_code.co_filename:
        trace = trace.tb_next
    return "".join(traceback.TracebackException(type(error), error, trace, capture_locals=True).format())
