"""What a provider is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Hashable, Sequence
from typing import Any, ClassVar, Generic, TypeVar

import pluggy
from attrs import frozen

from convops.errors import Effect, InvalidRequestError, OperationError
from convops.operations import HOLDS, ConversationKind, Operation
from convops.provider._codes import CodeTable
from convops.provider._signer import Signer
from convops.provider._wire import AsyncTransport, Call, Reply, Transport
from convops.support import Support

CONTRACT = 1
"""The version of this contract; a provider states the one it was written for."""

hookimpl = pluggy.HookimplMarker("convops")
"""Marks the one hook a plugin implements: `convops_provider`, which returns its provider."""

A = TypeVar("A")


@frozen
class Verdict:
    """What a flow says of one operation of its batch.

    Attributes:
        effect: what happened at the vendor.
        error: why it failed; None exactly for `APPLIED` and `ALREADY`.
    """

    effect: Effect
    error: OperationError | None = None

    @property
    def is_consistent(self) -> bool:
        """Whether it has an error exactly if the asked state does not hold for sure."""
        return (
            self.effect in HOLDS if self.error is None else {self.effect, self.error.effect}.isdisjoint(HOLDS)
        )

    @classmethod
    def failed(cls, error: OperationError) -> Verdict:
        """Return the verdict of an operation that failed by itself in its batch."""
        return cls(error.effect, error)


APPLIED = Verdict(Effect.APPLIED)
ALREADY = Verdict(Effect.ALREADY)

Flow = Generator[Call, Reply, list[Verdict]]
"""Yields calls, is sent the reply of each, and returns one verdict per operation, in order."""


@frozen(kw_only=True)
class Quota:
    """What the vendor counts a call against.

    Attributes:
        key: calls with equal keys share the rate, across every client of the process.
        rate: calls per second.
    """

    key: Hashable
    rate: float


class Provider(ABC, Generic[A]):
    """What a plugin registers: stateless and pure, with the account an argument.

    Attributes:
        name: the short name, equal to that of the entry point.
        title: the name people know.
        contract: the `CONTRACT` it was written for.
        account_type: a frozen attrs class of settings whose secrets are typed `Secret`.
        codes: the vendor's codes.
        docs: where the vendor describes its server API.
        simulator: `module:Class` of a `convops.testing.Simulator`; None where there is none.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    contract: ClassVar[int]
    account_type: type[A]
    codes: ClassVar[CodeTable] = {}
    docs: ClassVar[str] = ""
    simulator: ClassVar[str | None] = None

    @abstractmethod
    def origins(self, account: A) -> tuple[str, ...]:
        """Return the base URLs that answer for the account, the preferred one first."""

    @abstractmethod
    def signer(self, account: A) -> Signer:
        """Return what signs for the account."""

    @abstractmethod
    def support(self, account: A, operation: type[Operation], kind: ConversationKind) -> Support:
        """Return the capability cell of an operation on a kind of conversation."""

    @abstractmethod
    def flow(self, account: A, operations: Sequence[Operation]) -> Flow:
        """Return the calls that perform a batch; every operation in it is supported and checked."""

    @abstractmethod
    def read(self, call: Call, reply: Reply) -> OperationError | None:
        """Return what the reply says went wrong with the call as a whole, if anything.

        The core may repeat the call; what it does not repeat is thrown into the flow.
        """

    @abstractmethod
    def quota(self, account: A, call: Call) -> Quota:
        """Return what the vendor counts the call against."""

    def request_id(self, reply: Reply) -> str | None:
        """Return the vendor's own name for the exchange, for its support desk."""
        return None

    def check(self, account: A, operation: Operation) -> None:
        """Refuse an operation the vendor would refuse, before anything is sent.

        Raises:
            InvalidRequestError: an id is too long for the vendor, for instance.
        """

    def batch_key(self, account: A, operation: Operation) -> Hashable:
        """Return what operations must have in common to share a call; None keeps it alone."""
        return None

    def probe(self, account: A) -> Call | None:
        """Return a call that changes nothing and that the vendor answers only with good credentials.

        It need not succeed: what it asks about may not exist. None where there is no such call.
        """
        return None

    def transport(self, account: A) -> Transport | None:
        """Return the adapter of a vendor that is not spoken to by HTTP."""
        return None

    def async_transport(self, account: A) -> AsyncTransport | None:
        """Return the asynchronous adapter of such a vendor."""
        return None


def check_id_bytes(operation: Operation, limit: int, *, groups: bool = True) -> None:
    """Refuse ids longer than `limit` UTF-8 bytes; with `groups=False` those of groups are let through.

    Raises:
        InvalidRequestError: names the id, its length and the limit.
    """
    conversation = operation.conversation
    _check_bytes("user", conversation.user, limit)
    if conversation.kind is ConversationKind.DIRECT:
        _check_bytes("peer", conversation.other, limit)
    elif groups:
        _check_bytes("group", conversation.other, limit)


def _check_bytes(name: str, value: str, limit: int) -> None:
    length = len(value.encode())
    if length > limit:
        raise InvalidRequestError(f"{name} has {length} UTF-8 bytes; the vendor takes {limit} at most")


AnyProvider = Provider[Any]
