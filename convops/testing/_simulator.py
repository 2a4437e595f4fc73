"""What every simulated vendor has in common: state to arrange and read back, traffic, and faults."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

from attrs import evolve, field, frozen

from convops._states import ConversationState
from convops._transports.inprocess import AsyncInProcess, InProcess
from convops.operations import Conversation, ConversationKind
from convops.provider import Failure, FailureKind, HttpReply, HttpRequest


@frozen(kw_only=True)
class Fault:
    """One way in which a simulator misbehaves for one request.

    Attributes:
        action: the vendor's name of the call it hits; None hits any.
        applies: whether the request takes effect before the fault shows.
        code: answer this vendor code, in the vendor's own shape.
        status: answer this HTTP status; None answers the one that the vendor would.
        headers: answer these headers as well.
        body: answer this body instead of the vendor's.
        failure: answer nothing: the connection breaks, or the time runs out.
    """

    action: str | None = None
    applies: bool = False
    code: int | str | None = None
    status: int | None = None
    headers: Mapping[str, str] = field(factory=dict)
    body: bytes | None = None
    failure: FailureKind | None = None


@frozen
class Exchange:
    """One request a simulator received.

    Attributes:
        action: the vendor's name of the call.
        request: as it arrived.
        reply: what it answered, or the failure it played.
    """

    action: str
    request: HttpRequest
    reply: HttpReply | Failure


class Simulator(ABC):
    """A vendor, simulated from its documents: a pure core over a state, safe to share by threads.

    Args:
        now: the vendor's clock, in Unix seconds; read from the attribute whenever it is needed.
        rate_limits: whether the documented limits are counted; likewise.

    Attributes:
        provider: the provider's short name.
        version: of the simulation; stands in what was recorded from it.
        exchanges: what was received, oldest first.
        settings: the account settings that this vendor accepts, credentials included.
    """

    provider: ClassVar[str]
    version: ClassVar[str] = "1"

    def __init__(self, *, now: Callable[[], float] = time.time, rate_limits: bool = True) -> None:
        self.now = now
        self.rate_limits = rate_limits
        self.exchanges: list[Exchange] = []
        self._faults: deque[Fault] = deque()
        self._lock = threading.RLock()

    # --- Arrange ---

    @property
    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """Keyword arguments for `convops.connect`, without `base_url`."""

    @abstractmethod
    def add_user(self, user: str) -> None:
        """Register a user."""

    @abstractmethod
    def add_group(self, group: str, members: Iterable[str], *, kind: str | None = None) -> None:
        """Create a group; `kind` is one of the vendor's group types, None its plainest."""

    def user_id(self, name: str) -> str:
        """Return the id of the user whom a scene calls `name`; most vendors take any text."""
        return name

    def group_id(self, name: str) -> str:
        """Return the id of the group that a scene calls `name`."""
        return name

    def spelled(self, conversation: Conversation) -> Conversation:
        """Return a conversation of a scene with this vendor's ids."""
        other = self.user_id if conversation.kind is ConversationKind.DIRECT else self.group_id
        return evolve(conversation, user=self.user_id(conversation.user), other=other(conversation.other))

    @abstractmethod
    def receive(self, conversation: Conversation, count: int = 1) -> None:
        """Let `count` messages arrive from the other side; users and groups must exist."""

    def misbehave(self, *faults: Fault) -> None:
        """Play each fault once, in order, for the next requests it applies to."""
        with self._lock:
            self._faults.extend(faults)

    # --- Look ---

    @abstractmethod
    def state(self, conversation: Conversation) -> ConversationState | None:
        """Return the conversation as the vendor has it; None when it is not in the user's list."""

    @abstractmethod
    def conversations(self) -> dict[Conversation, ConversationState]:
        """Return every conversation of every user."""

    # --- Answer ---

    @abstractmethod
    def action(self, request: HttpRequest) -> str:
        """Return the vendor's name of the requested call; an empty str where it has none."""

    @abstractmethod
    def answer(self, request: HttpRequest) -> HttpReply:
        """Return what the vendor answers, after changing the state accordingly."""

    @abstractmethod
    def refusal(self, code: int | str) -> HttpReply:
        """Return the vendor's answer for a code."""

    def handle(self, request: HttpRequest) -> HttpReply | Failure:
        """Return the answer to one request, faults included."""
        with self._lock:
            action = self.action(request)
            fault = self._fault(action)
            reply = self.answer(request) if fault is None else self._misbehaved(fault, request)
            if isinstance(reply, HttpReply):
                reply = HttpReply(reply.status, {**reply.headers, "server": self.signature}, reply.body)
            self.exchanges.append(Exchange(action, request, reply))
            return reply

    @property
    def signature(self) -> str:
        """The `Server` header of every answer, so that nothing simulated passes for live."""
        return f"convops-simulator/{self.provider}-{self.version}"

    def _fault(self, action: str) -> Fault | None:
        fault = next((f for f in self._faults if f.action in (None, action)), None)
        if fault is not None:
            self._faults.remove(fault)
        return fault

    def _misbehaved(self, fault: Fault, request: HttpRequest) -> HttpReply | Failure:
        reply = self.answer(request) if fault.applies else HttpReply(200, {}, b"")
        if fault.failure is not None:
            return Failure(fault.failure, sent=True)
        if fault.code is not None:
            reply = self.refusal(fault.code)
        body = reply.body if fault.body is None else fault.body
        headers = {name.lower(): value for name, value in fault.headers.items()}
        status = reply.status if fault.status is None else fault.status
        return HttpReply(status, {**reply.headers, **headers}, body)

    # --- Shells ---

    def transport(self) -> InProcess:
        """Return an adapter that answers a `Client` in process, as `transport=`."""
        return InProcess(self.handle)

    def async_transport(self) -> AsyncInProcess:
        """Return an adapter that answers an `AsyncClient` in process, as `transport=`."""
        return AsyncInProcess(self.handle)
