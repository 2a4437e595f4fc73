"""What came of a story: everything that was said, and everything that was so."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import define, field

from convops.operations import Conversation, Operation, Outcome
from convops.provider import Failure, HttpReply, HttpRequest
from tests.simulation.fates import Fate
from tests.simulation.story import Act, Story, named
from tests.simulation.vendors import Vendor, View, asked_about


@define(eq=False, kw_only=True)
class Sent:
    """One exchange.

    Attributes:
        record: the batch it is for.
        app: whose, by its place.
        machine: which sent it.
        action: the vendor's name of the call.
        started: when it was begun, in seconds.
        deadline: until when it might take.
        fate: what the story had for it.
        request: as it was written; None where it was not.
        named: the conversations it names.
        before: how they were as it arrived; None where it did not.
        after: how they were then.
        arrived: how many messages each conversation of the app had got by then.
        reply: what the vendor answered.
        came: what the client was told.
        ended: when, in seconds.
    """

    record: Record
    app: int
    machine: int
    action: str
    started: float
    deadline: float
    fate: Fate
    request: HttpRequest | None = None
    named: list[Conversation] = field(factory=list)
    before: dict[Conversation, View] | None = None
    after: dict[Conversation, View] | None = None
    arrived: dict[Conversation, int] = field(factory=dict)
    reply: HttpReply | Failure | None = None
    came: HttpReply | Failure | None = None
    ended: float | None = None

    def serve(self, vendor: Vendor) -> None:
        """Let the vendor serve it, and keep how things were before and after."""
        self.named = asked_about(vendor.name, self.request)
        self.before = {conversation: vendor.view(conversation) for conversation in self.named}
        self.reply = vendor.serve(self.request, self.fate)
        self.after = {conversation: vendor.view(conversation) for conversation in self.named}
        self.arrived = dict(vendor.arrived)


@define(eq=False, kw_only=True)
class Record:
    """One batch, from its beginning to its end.

    Attributes:
        act: who asked for it.
        seat: the client, by its place.
        operations: what was to be done, as accepted.
        began: when, in seconds.
        arrived: how many messages each conversation had got by then.
        timeout: seconds for it.
        patient: whether they count from each slot on.
        sent: its exchanges.
        outcomes: what came of it; None where it was given up.
        ended: when.
    """

    act: Act
    seat: int
    operations: Sequence[Operation]
    began: float
    arrived: dict[Conversation, int]
    timeout: float
    patient: bool
    sent: list[Sent] = field(factory=list)
    outcomes: list[Outcome] | None = None
    ended: float | None = None


@define(eq=False)
class Played:
    """What came of an act.

    Attributes:
        act: what was asked.
        began: when, in seconds.
        ended: when it was over.
        outcomes: what `apply` or the verb returned; None where it raised.
        raised: what it raised.
        given_up: when its caller gave up; None where it did not.
    """

    act: Act
    began: float
    ended: float | None = None
    outcomes: list[Outcome] | None = None
    raised: BaseException | None = None
    given_up: float | None = None


@define
class History:
    """Everything that was said and everything that was so.

    Attributes:
        story: what was played.
        vendors: one for each app.
        records: every batch.
        played: every act.
        last: what came of the last verb of each client, after a long rest.
        stuck: why the story did not end; None where it did.
    """

    story: Story
    vendors: list[Vendor] = field(factory=list)
    records: list[Record] = field(factory=list)
    played: list[Played] = field(factory=list)
    last: list[Played] = field(factory=list)
    stuck: str | None = None

    @property
    def sent(self) -> list[Sent]:
        """Every exchange, in the order of beginning."""
        return sorted(
            (sent for record in self.records for sent in record.sent), key=lambda sent: sent.started
        )

    def __str__(self) -> str:
        """Tell what happened, line by line."""
        lines: list[tuple[float, str]] = []
        for sent in self.sent:
            act = f"act {sent.record.act.number}"
            about = ", ".join(map(named, sent.named))
            lines.append((sent.started, f"  {act} sends {sent.action} {about} to app {sent.app}"))
            if sent.ended is not None:
                lines.append((sent.ended, f"  {act} hears of {sent.action}: {_heard(sent.came)}"))
        for played in [*self.played, *self.last]:
            said = [f"{outcome.effect.name}" for outcome in played.outcomes or ()] or [repr(played.raised)]
            lines.append((played.ended or 0.0, f"  act {played.act.number} ends: {', '.join(said)}"))
        return "\n".join(f"{at:9.3f}{line}" for at, line in sorted(lines, key=lambda line: line[0]))


def _heard(came: HttpReply | Failure | None) -> str:
    if isinstance(came, HttpReply):
        return f"{came.status} {came.body[:100].decode(errors='replace')}"
    return "nothing" if came is None else f"{came.kind.name}, {'sent' if came.sent else 'not sent'}"
