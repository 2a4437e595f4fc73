"""A provider with one call, whose signer is a function of the test."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from convops.errors import OperationError
from convops.operations import ConversationKind, Operation
from convops.provider import (
    APPLIED,
    CONTRACT,
    Call,
    Credentials,
    Flow,
    Provider,
    Quota,
    Reply,
    Signer,
    Ticket,
    Unsigned,
    error_for,
    member,
)
from convops.support import Evidence, Fidelity, Support


class ScriptedSigner(Signer):
    def __init__(self, credentials: Callable[[], Credentials]) -> None:
        self._credentials = credentials

    def sign(self, call: Call, *, now: float, nonce: bytes, ticket: Ticket | None) -> Credentials:
        return self._credentials()


class Scripted(Provider[Any]):
    """Takes every operation and answers to `{"code": 0}`."""

    name = "scripted"
    title = "Scripted"
    contract = CONTRACT
    account_type = object

    def __init__(self, origin: str, credentials: Callable[[], Credentials] | None = None) -> None:
        self._origin = origin
        self._signer = Unsigned() if credentials is None else ScriptedSigner(credentials)

    def origins(self, account: Any) -> tuple[str, ...]:
        return (self._origin,)

    def signer(self, account: Any) -> Signer:
        return self._signer

    def support(self, account: Any, operation: type[Operation], kind: ConversationKind) -> Support:
        return Support(fidelity=Fidelity.NATIVE, evidence=Evidence.SIMULATED, rate=10_000.0)

    def quota(self, account: Any, call: Call) -> Quota:
        return Quota(key=self, rate=10_000.0)

    def read(self, call: Call, reply: Reply) -> OperationError | None:
        if reply.status != 200:
            return None
        code = member(reply.document, "code", int)
        return error_for({}, code) if code else None

    def flow(self, account: Any, operations: Sequence[Operation]) -> Flow:
        (operation,) = operations
        conversation = operation.conversation
        yield Call(action=operation.name, path=(conversation.user,), body={"other": conversation.other})
        return [APPLIED]


OK = b'{"code":0}'
