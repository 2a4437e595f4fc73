"""One script run through one simulated vendor after another, and what came of every step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from attrs import evolve, field, frozen

from convops._cli._cells import Cells, cells_of
from convops._cli._documents import conversation_document, outcome_document
from convops._cli._scene import ABSENT, UNREAD, Act, arrange, script
from convops._cli._simulators import make_simulator
from convops._cli._verbs import perform
from convops._client import Client
from convops._connect import connect
from convops.errors import Effect, UnsupportedOperationError
from convops.operations import Conversation, Delete, MarkRead, Mute, Operation, Outcome
from convops.provider import AnyProvider, HttpReply
from convops.support import Support
from convops.testing import ConversationState, Exchange, Simulator, serve

State = ConversationState | None


@frozen(kw_only=True)
class Step:
    """One operation of the script, at one vendor.

    Attributes:
        conversation: what the script calls it; the outcome has the vendor's own ids.
        outcome: what the client said.
        support: what it had said it could do.
        before: the conversation as the simulator had it; None for not in the user's list.
        after: the same, when the call was answered.
        act: the number of the act it belongs to.
    """

    conversation: Conversation
    outcome: Outcome
    support: Support
    before: State
    after: State
    act: int

    @property
    def expected(self) -> bool:
        """Whether this had to come, for what the provider declares and for who is in the scene."""
        operation, error = self.outcome.operation, self.outcome.error
        untouched = self.outcome.effect is Effect.NOT_APPLIED and self.after == self.before
        pinned = isinstance(operation, MarkRead) and operation.up_to is not None
        if not self.support or (pinned and not self.support.time_pinned):
            return isinstance(error, UnsupportedOperationError) and untouched
        if self.conversation in ABSENT:
            return error is not None and untouched
        return error is None and _holds(operation, self.after)


def _holds(operation: Operation, state: State) -> bool:
    if isinstance(operation, Delete):
        return state is None
    if isinstance(operation, Mute):
        return state is not None and state.muted is operation.muted
    return state is not None and state.unread == 0


@frozen(kw_only=True)
class Wire:
    """What one act looked like to the vendor.

    Attributes:
        calls: how often each action was called.
        answer: the vendor's answer, where it was one.
    """

    calls: Mapping[str, int]
    answer: str = ""


@frozen(kw_only=True)
class Performance:
    """The script, run through one vendor.

    Attributes:
        provider: its short name.
        title: the name people know.
        url: where its simulator answered.
        cells: what the client said it could do.
        steps: every operation, in order.
        wires: for each act, what the vendor saw.
        before: every conversation, as the simulator had it at first.
        after: the same, at the end.
    """

    provider: str
    title: str
    url: str
    cells: Cells
    steps: Sequence[Step] = field(factory=list)
    wires: Sequence[Wire] = field(factory=list)
    before: Mapping[Conversation, State] = field(factory=dict)
    after: Mapping[Conversation, State] = field(factory=dict)

    @property
    def expected(self) -> bool:
        """Whether everything went as it had to, and the sides of others were left alone."""
        others = [conversation for conversation in UNREAD if conversation.user != "alice"]
        alone = all(self.before[other] == self.after[other] for other in others)
        return alone and all(step.expected for step in self.steps)


def performance(provider: AnyProvider) -> Performance:
    """Run the script through a provider's simulator, over a socket, with an ordinary client."""
    simulator = make_simulator(provider)
    arrange(simulator)
    with (
        serve(simulator) as url,
        connect(provider.name, **simulator.settings, base_url=url) as client,
    ):
        cells = cells_of(client.supports)
        before = {one: simulator.state(simulator.spelled(one)) for one in UNREAD}
        steps: list[Step] = []
        wires: list[Wire] = []
        for number, act in enumerate(script(datetime.now(UTC))):
            heard = len(simulator.exchanges)
            steps += _steps(number, act, client, simulator)
            wires.append(_wire(simulator.exchanges[heard:]))
        after = {one: simulator.state(simulator.spelled(one)) for one in UNREAD}
    return Performance(
        provider=provider.name,
        title=provider.title,
        url=url,
        cells=cells,
        steps=steps,
        wires=wires,
        before=before,
        after=after,
    )


def _steps(number: int, act: Act, client: Client, simulator: Simulator) -> list[Step]:
    plain = [operation.conversation for operation in act.operations]
    conversations = [simulator.spelled(conversation) for conversation in plain]
    operations = [
        evolve(operation, conversation=conversation)
        for operation, conversation in zip(act.operations, conversations, strict=True)
    ]
    before = [simulator.state(conversation) for conversation in conversations]
    outcomes = [perform(client, operations[0])] if len(operations) == 1 else client.apply(operations)
    after = [simulator.state(conversation) for conversation in conversations]
    return [
        Step(
            conversation=conversation,
            outcome=outcome,
            support=client.supports(type(outcome.operation), outcome.operation.conversation.kind),
            before=was,
            after=is_now,
            act=number,
        )
        for conversation, outcome, was, is_now in zip(plain, outcomes, before, after, strict=True)
    ]


def _wire(exchanges: Sequence[Exchange]) -> Wire:
    calls = Counter(exchange.action for exchange in exchanges)
    reply = exchanges[0].reply if len(exchanges) == 1 else None
    return Wire(calls=calls, answer=reply.body.decode() if isinstance(reply, HttpReply) else "")


# --- As JSON ------------------------------------------------------------------------------------------


def state_document(state: State) -> dict[str, Any]:
    """Return a state as a dict; of what is not in the user's list, nothing more is known."""
    if state is None:
        return {"listed": False, "unread": None, "muted": None, "messages": None}
    return {"listed": True, "unread": state.unread, "muted": state.muted, "messages": state.messages}


def step_document(step: Step, provider: str) -> dict[str, Any]:
    """Return a step as a dict: what was asked, what came of it, and the state before and after."""
    return {
        "act": step.act,
        **outcome_document(step.outcome, provider=provider),
        "before": state_document(step.before),
        "after": state_document(step.after),
        "expected": step.expected,
    }


def conversation_documents(run: Performance) -> list[dict[str, Any]]:
    """Return every conversation of the scene, before and after."""
    return [
        {
            "conversation": conversation_document(conversation),
            "before": state_document(run.before[conversation]),
            "after": state_document(run.after[conversation]),
        }
        for conversation in run.before
    ]
