"""The messages of the simulated ZIM app: one history for each pair of users and each group.

What the documents leave open is marked "undocumented", what they only suggest "inferred".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from itertools import count
from typing import Any

from attrs import define, field

from convops.operations import Conversation, ConversationKind

_FIRST_ID = 971503777289036700
"""Beyond what a float holds, like the sample in the documents."""


@define
class Message:
    """One message, sent so that it asks for a receipt.

    What a receipt does for a message that was sent without `HasReceipt` is undocumented: there is none here.

    Attributes:
        id: unique in the app.
        number: its MsgSeq, counted in each history apart (inferred: a number is only ever named together
            with a conversation).
        sender: who sent it.
        time: when the server received it, in Unix seconds.
        hidden_from: who erased it from their own view.
        read_by: who gave a receipt for it, and when first.
    """

    id: int
    number: int
    sender: str
    time: float
    hidden_from: set[str] = field(factory=set)
    read_by: dict[str, float] = field(factory=dict)

    def document(self) -> dict[str, Any]:
        """Return the row of a list of messages; zero values are written, though the server drops some."""
        return {
            "Sender": self.sender,
            "MsgType": 1,
            "MsgBody": f"message {self.number}",
            "MsgId": self.id,
            "MsgSeq": self.number,
            "Payload": "",
            "MsgTime": int(self.time * 1000),
            "IsEmpty": 0,
        }


class Messages:
    """Every history of one app; nothing is ever taken out of one."""

    def __init__(self) -> None:
        self._ids = count(_FIRST_ID)
        self._histories: defaultdict[Collection[str], list[Message]] = defaultdict(list)

    def add(self, conversation: Conversation, sender: str, times: int, now: float) -> None:
        """Add messages to the history that this side belongs to."""
        history = self._histories[_place(conversation)]
        for _ in range(times):
            history.append(Message(next(self._ids), len(history) + 1, sender, now))

    def of(self, conversation: Conversation) -> Sequence[Message]:
        """Return the whole history that this side belongs to, oldest first."""
        return self._histories.get(_place(conversation), ())

    def of_group(self, group: str) -> Sequence[Message]:
        """Return the whole history of a group, oldest first."""
        return self._histories.get((group,), ())

    def seen(self, conversation: Conversation) -> Sequence[Message]:
        """Return what this user has not erased, oldest first."""
        return [one for one in self.of(conversation) if conversation.user not in one.hidden_from]

    def hide(self, conversation: Conversation) -> None:
        """Erase the history from this user's view."""
        for message in self.of(conversation):
            message.hidden_from.add(conversation.user)

    def read(self, conversation: Conversation, numbers: Collection[int], now: float) -> bool:
        """Give receipts for messages of others, for all of them or, returning False, for none.

        That a number must be one of another's message is undocumented for the server; clients can do no
        other. A repeated receipt is no failure and changes nothing (undocumented), and one for a message
        that the user has erased is like any other (undocumented): its sender still has it.
        """
        known = {one.number: one for one in self.of(conversation) if one.sender != conversation.user}
        if not known.keys() >= set(numbers):
            return False
        for number in numbers:
            known[number].read_by.setdefault(conversation.user, now)
        return True


def page(messages: Sequence[Message], limit: int, start: int) -> dict[str, Any]:
    """Return one page of a list, the newest first.

    What `Next` means is the server's own affair: here the number below which the next page begins.
    """
    left = [message for message in reversed(messages) if not start or message.number < start]
    rows = left[:limit]
    return {
        "Next": rows[-1].number if len(left) > limit else 0,
        "List": [message.document() for message in rows],
    }


def _place(conversation: Conversation) -> Collection[str]:
    if conversation.kind is ConversationKind.DIRECT:
        return frozenset({conversation.user, conversation.other})
    return (conversation.other,)
