"""Where a fault is played: a simulated vendor behind a raw socket, and a client with a clock of ours."""

from __future__ import annotations

import asyncio
import functools
import ssl
import time
from collections.abc import Callable, Coroutine, Generator, Sequence
from contextlib import ExitStack
from email.utils import formatdate
from typing import Any, Self

from attrs import define, evolve, frozen

from convops import _connect
from convops._accounts import from_keywords, veil
from convops._client import AsyncClient, Client
from convops._pipeline import Pipeline
from convops._policy import Pacer, Retry, RetryBudget
from convops._steps import Environment, Wait
from convops._transports import TransportOptions
from convops.errors import Effect, OperationError
from convops.operations import Conversation, Operation, Outcome
from convops.provider import HttpReply
from convops.testing import ConversationState
from tests.faults.witness import KEY, Witness
from tests.leaks.vendors import vendor_with
from tests.transports import chosen
from tests.transports.rawserver import Peer, RawServer, Received, to_request
from tests.wire.worlds import DM, TEAM

TIMEOUT = 30.0
"""Seconds for a call whose fault is not about time."""

SHORT = 0.4
"""Seconds for a call that is to run out of them."""

DRAW = 0.5
"""What chance always draws: half of every bound."""

Handle = Callable[["Stage", Peer, Received], object]


@define
class Clock:
    """Real time, moved on by every wait; the wall clock of this machine may be wrong.

    Attributes:
        skipped: seconds of waits that took no time.
        wrong: seconds by which this machine's wall clock is off.
    """

    skipped: float = 0.0
    wrong: float = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self.skipped

    def right(self) -> float:
        """Return the vendor's time."""
        return time.time() + self.skipped

    def wall(self) -> float:
        return self.right() + self.wrong


class Unhurried(Pipeline):
    """A pipeline whose waits are noted, and take no time."""

    clock: Clock
    waits: list[float]

    def perform(self, operations: Sequence[Operation], **options: Any) -> Generator[Any, Any, list[Outcome]]:
        steps = super().perform(operations, **options)
        came = None
        try:
            while True:
                step = steps.send(came)
                if isinstance(step, Wait):
                    self.waits.append(step.seconds)
                    self.clock.skipped += step.seconds
                    came = None
                else:
                    # A transport lives in real time.
                    came = yield evolve(step, deadline=step.deadline - self.clock.skipped)
        except StopIteration as stop:
            return stop.value
        finally:
            steps.close()


@frozen
class Result:
    """What a verb returned or raised."""

    outcome: Outcome | None
    error: BaseException | None

    @property
    def effect(self) -> Effect | None:
        """What it says happened; None where it was stopped."""
        if self.outcome is not None:
            return self.outcome.effect
        return self.error.effect if isinstance(self.error, OperationError) else None

    @property
    def attempts(self) -> int | None:
        """How often it says it was tried; None where it was stopped."""
        if self.outcome is not None:
            return self.outcome.attempts
        return self.error.attempts if isinstance(self.error, OperationError) else None


def result_of(call: Callable[[], Outcome]) -> Result:
    """Return what comes of a call, whatever that is."""
    try:
        return Result(call(), None)
    except (Exception, KeyboardInterrupt, asyncio.CancelledError) as error:  # noqa: BLE001 - it is looked at
        return Result(None, error.with_traceback(None))


class Stage:
    """One way of playing a fault in one cell.

    Attributes:
        vendor: who is simulated.
        operation: the verb under test.
        asynchronous: whether an `AsyncClient` performs it.
        simulator: the vendor.
        server: the socket in front of it.
        client: whose verb it is.
        clock: its time.
        waits: what it waited.
        subject: the conversation under test.
        sibling: another of the same kind, for calls before and after.
        options: further arguments of the verb.
        fault: what the server does instead of answering; None answers.
        witness: who looks on, for credentials in whatever others see.
        overrun: seconds the call took longer than it had; None where it had enough.
        closing: ends what a play has begun.
    """

    def __init__(self, vendor: str, operation: str, client: str) -> None:
        self.vendor = vendor
        self.operation = operation
        self.asynchronous = client == "async"
        self.clock = Clock()
        self.waits: list[float] = []
        self.simulator = vendor_with(KEY, vendor, now=self.clock.right)
        self.subject = TEAM if operation == "mute" else DM
        self.sibling = self.other("crew" if operation == "mute" else "carol")
        self.options: dict[str, Any] = {}
        self.fault: Handle | None = None
        self.server: RawServer | None = None
        self.client: Client | AsyncClient | None = None
        self.overrun: float | None = None
        self.before: ConversationState | None = None
        self.first_request = 0
        self.healing: list[Callable[[], object]] = []
        self.closing = ExitStack()
        self.witness = self.closing.enter_context(Witness())
        self.runner = self.closing.enter_context(asyncio.Runner()) if self.asynchronous else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.close()

    def other(self, name: str) -> Conversation:
        """Return another conversation of the same kind."""
        if self.operation == "mute":
            return Conversation.group(user="alice", group=name)
        return Conversation.direct(user="alice", peer=name)

    # --- Arrange ---

    def serve(self, *, tls: ssl.SSLContext | None = None) -> str:
        """Start the server, and return where it answers."""
        self.server = RawServer(self._handle, tls=tls)
        self.closing.callback(self.server.close)
        return self.server.url

    def open(self, url: str | None = None, *, verify: ssl.SSLContext | None = None) -> None:
        """Open the client, with no slot, retry or breaker that any other knows of."""
        settings = {**self.simulator.settings, "base_url": url or self.serve()}
        account = from_keywords(self.vendor, veil(settings))
        pipeline = Unhurried(
            provider=account.provider,
            account=account.settings,
            environment=Environment(
                monotonic=self.clock.monotonic,
                time=self.clock.wall,
                random=lambda: DRAW,
                nonce=_connect.REAL.nonce,
            ),
            pacer=Pacer(),
            retry=Retry(attempts=4),
            budget=RetryBudget(),
            pace=1e9,
            observer=self.witness.evidence.event,
        )
        pipeline.clock, pipeline.waits = self.clock, self.waits
        transports = TransportOptions(**chosen.options(verify=verify))
        if self.runner is None:
            client = Client(pipeline, transports.open(None), TIMEOUT)
            self.closing.callback(client.close)
        else:
            client = AsyncClient(pipeline, transports.open_async(None), TIMEOUT)
            self.closing.callback(lambda: self.runner.run(client.aclose()))
            # Descriptors of its own, needed before there are none left.
            self.runner.get_loop()
        self.client = client

    def begin(self, fault: Handle | None = None) -> None:
        """From here on is the call under test."""
        self.before = self.simulator.state(self.subject)
        self.first_request = len(self.server.received) if self.server else 0
        self.waits.clear()
        self.fault = fault

    def heal(self) -> None:
        """Let everything be well again."""
        self.fault = None
        for heal in self.healing:
            heal()

    # --- Act ---

    def verb(self, conversation: Conversation | None = None, **options: Any) -> Any:
        """Call the verb; of an `AsyncClient` it returns a coroutine."""
        verb = getattr(self.client, self.operation)
        call = functools.partial(verb, conversation or self.subject, **{**self.options, **options})
        return self.witness.heard_async(call) if self.asynchronous else self.witness.heard(call)

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine in the event loop of this stage."""
        return self.runner.run(coroutine)

    def call(self, conversation: Conversation | None = None, **options: Any) -> Outcome:
        """Call the verb, and wait for what comes of it."""
        called = self.verb(conversation, **options)
        return self.run(called) if self.asynchronous else called

    def do(self, **options: Any) -> Result:
        """Return what comes of the call under test."""
        started = time.monotonic()
        result = result_of(lambda: self.call(**options))
        if "timeout" in options:
            self.overrun = time.monotonic() - started - options["timeout"]
        return result

    def apply(self, operations: Sequence[Operation]) -> list[Outcome]:
        """Apply a list, and wait for what comes of it."""
        applied = self.client.apply(operations)
        return self.run(applied) if self.asynchronous else applied

    # --- Answer ---

    def _handle(self, peer: Peer, request: Received) -> None:
        (self.fault or Stage.healthy)(self, peer, request)

    def healthy(self, peer: Peer, request: Received) -> None:
        """Answer as the vendor does."""
        peer.send(self.answer(request))

    def answer(self, request: Received, *headers: str) -> bytes:
        """Carry the request out, and return the answer as it goes over the wire."""
        reply = self.simulator.handle(to_request(request))
        assert isinstance(reply, HttpReply)
        return http(reply.body, *headers, status=reply.status)

    def refusal(self, code: int) -> bytes:
        """Return the vendor's body for a code; 0 is the one for success."""
        return self.simulator.refusal(code).body

    # --- Look ---

    @property
    def requests(self) -> list[Received]:
        """What the call under test sent."""
        return self.server.received[self.first_request :] if self.server else []

    def holds(self, conversation: Conversation | None = None) -> bool:
        """Whether the vendor has what the verb asks for."""
        state = self.simulator.state(conversation or self.subject)
        if self.operation == "delete":
            return state is None
        if self.operation == "mute":
            return self.simulator.is_muted(conversation or self.subject) is self.options.get("muted", True)
        return state is not None and state.unread == 0


def http(body: bytes, *headers: str, status: int = 200) -> bytes:
    """Return an answer as it goes over the wire."""
    lines = [
        f"HTTP/1.1 {status} X",
        f"date: {formatdate(usegmt=True)}",
        f"content-length: {len(body)}",
        *headers,
        "",
        "",
    ]
    return "\r\n".join(lines).encode() + body
