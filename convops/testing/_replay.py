"""Runs a flow by hand: once against the simulator, noting what came, and again from the notes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
from attrs import frozen

from convops._replies import failure_error, read_reply, status_error
from convops._signing import OneShot, Signing
from convops._transports.inprocess import request_of
from convops.errors import OperationError
from convops.operations import Operation
from convops.provider import AnyProvider, Call, Failure, HttpReply, Reply, Verdict
from convops.testing._stage import Stage

STEPS_MAX = 50
"""More calls than any flow needs."""


@frozen
class Noted:
    """One call of a flow and what it was given back.

    Attributes:
        call: what was asked.
        raw: what came; None for a call that was answered from notes.
        came: the reply, or the error that was thrown in.
        changed: whether anything at the vendor was different afterwards.
    """

    call: Call
    raw: HttpReply | None
    came: Reply | OperationError
    changed: bool = False


@frozen
class Played:
    """What a flow did.

    Attributes:
        notes: every call with what came.
        verdicts: what it ended with; None where it raised.
        error: what it raised.
    """

    notes: tuple[Noted, ...]
    verdicts: tuple[Verdict, ...] | None
    error: OperationError | None

    def shown(self) -> Any:
        """Return what must be the same whenever the same replies come."""
        verdicts = self.verdicts and [(v.effect, _facts(v.error)) for v in self.verdicts]
        return [attrs.astuple(note.call, recurse=False) for note in self.notes], verdicts, _facts(self.error)


def _facts(error: OperationError | None) -> Any:
    if error is None:
        return None
    facts = {key: value for key, value in vars(error).items() if not key.startswith("__")}
    return type(error), error.args, facts


def record(stage: Stage, operations: Sequence[Operation]) -> Played:
    """Run a flow against the stage's simulator."""
    provider, account, simulator = stage.provider, stage.account, stage.simulator
    signing = Signing(provider.signer(account), now=simulator.now, nonce=stage.nonce)
    origin = provider.origins(account)[0]

    def ask(call: Call) -> Noted:
        before = stage.view()
        raw = simulator.handle(request_of(OneShot(call, origin, signing)))
        return _noted(provider, call, raw, changed=stage.view() != before)

    return _play(provider, account, operations, ask)


def replay(
    provider: AnyProvider, account: Any, operations: Sequence[Operation], answers: Sequence[Noted]
) -> Played:
    """Run a flow on what was noted; one that asks for more than was noted ends there."""
    left = list(answers)

    def ask(call: Call) -> Noted:
        if not left:
            raise EOFError
        noted = left.pop(0)
        if isinstance(noted.came, Reply):
            return Noted(
                call, None, provider.read(call, noted.came) or status_error(noted.came, now=0.0) or noted.came
            )
        return Noted(call, None, noted.came)

    try:
        return _play(provider, account, operations, ask)
    except EOFError:
        return Played((), None, None)


def _play(provider: AnyProvider, account: Any, operations: Sequence[Operation], ask: Any) -> Played:
    flow = provider.flow(account, operations)
    notes: list[Noted] = []
    try:
        call = next(flow)
        while len(notes) < STEPS_MAX:
            noted = ask(call)
            notes.append(noted)
            came = noted.came
            call = flow.throw(came) if isinstance(came, OperationError) else flow.send(came)
    except StopIteration as stop:
        return Played(tuple(notes), tuple(stop.value), None)
    except OperationError as error:
        return Played(tuple(notes), None, error)
    finally:
        flow.close()
    raise EOFError


def _noted(provider: AnyProvider, call: Call, raw: HttpReply | Failure, *, changed: bool) -> Noted:
    if isinstance(raw, Failure):
        return Noted(call, None, failure_error(raw), changed)
    try:
        reply = read_reply(raw)
        error = provider.read(call, reply) or status_error(reply, now=0.0)
    except OperationError as malformed:
        return Noted(call, raw, malformed, changed)
    return Noted(call, raw, error or reply, changed)
