"""Read receipts: which messages others wrote, and telling their senders that the user has read them.

The vendor takes receipts by message number and has no call for a whole conversation, so that the messages
are read first. Pages (read 2026-08-21): those named below.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from datetime import UTC, datetime, timedelta

from attrs import frozen

from convops.errors import MalformedReplyError
from convops.operations import Conversation, ConversationKind
from convops.provider import Call, Reply, member
from convops.support import Caveat
from convops_zego._calls import post
from convops_zego.codes import DOCS, PEER_RECEIPTS

# GROUP_MESSAGES names the same limit and fields; its group needs no FromUserId.
PEER_MESSAGES = f"{DOCS}/conversation/query-the-message-list-of-one-on-one-chats"
GROUP_MESSAGES = f"{DOCS}/conversation/query-the-message-list-of-group-chats"

QUERY_PEER = "QueryPeerMsg"
QUERY_GROUP = "QueryGroupMsg"
QUESTIONS = frozenset({QUERY_PEER, QUERY_GROUP})
PAGE = 100
"""The most messages one answer holds: `Limit` on PEER_MESSAGES and GROUP_MESSAGES."""
RECEIPT_BATCH = 10
"""The most receipts one call takes: 660400102 on `return-codes`; their own pages give no number."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

NEWEST_ONLY = Caveat(
    "zego.newest-receipts-only",
    "read receipts are given for as many messages of others as read_receipts says, the newest among the "
    "conversation's newest 100; older ones get none",
    PEER_MESSAGES,
)
INFERRED = Caveat(
    "zego.read-receipts-inferred",
    "the receipts are for the numbers that messages are listed with, as the pages suggest; what one does for "
    "a message that was sent without asking for a receipt is undocumented",
    PEER_RECEIPTS,
)


@frozen
class Message:
    """One row of the list.

    Attributes:
        sender: who wrote it.
        number: its MsgSeq, which receipts go by.
        time: when the server received it, in Unix milliseconds.
    """

    sender: str
    number: int
    time: int


def question(conversation: Conversation) -> Call:
    """Return the call that reads the newest messages; it changes nothing."""
    # A whole page, so that the user's own messages do not crowd out those of others.
    if conversation.kind is ConversationKind.DIRECT:
        user, peer = conversation.user, conversation.other
        return post(QUERY_PEER, writes=False, FromUserId=user, ToUserId=peer, Limit=PAGE)
    return post(QUERY_GROUP, writes=False, GroupId=conversation.other, Limit=PAGE)


def messages(reply: Reply) -> list[Message]:
    """Return the messages of an answer, the newest first, as the vendor lists them.

    Raises:
        MalformedReplyError: it is no list of messages.
    """
    # An answer without a list has an empty one, since zero values are dropped. What has not even a Code is
    # no answer: a plan has none yet, and must not claim to know what follows.
    member(reply.document, "Code", int)
    rows = reply.document.get("List")
    if rows is None:
        return []
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise MalformedReplyError("List is no list of objects")
    return [
        Message(member(row, "Sender", str), member(row, "MsgSeq", int), member(row, "MsgTime", int))
        for row in rows
        # What was recalled or deleted is not asked for, and has no other members (PEER_MESSAGES).
        if not row.get("IsEmpty")
    ]


def numbers_of_others(found: Sequence[Message], user: str, moment: datetime | None, limit: int) -> list[int]:
    """Return the numbers of the newest messages that others wrote, the oldest of them first.

    Args:
        found: the newest first.
        user: who gives no receipt for their own.
        moment: when the user had read; what came later gets no receipt, however late the call is repeated.
        limit: how many at most.
    """
    until = None if moment is None else (moment - EPOCH) // timedelta(milliseconds=1)
    others = [one for one in found if one.sender != user and (until is None or one.time <= until)]
    return [one.number for one in reversed(others[:limit])]


def give_receipts(conversation: Conversation, numbers: Sequence[int]) -> Generator[Call, Reply, None]:
    """Ask for receipts, in as many calls as it takes; for none where there are no numbers."""
    user, other = conversation.user, conversation.other
    for start in range(0, len(numbers), RECEIPT_BATCH):
        some = [*numbers[start : start + RECEIPT_BATCH]]
        if conversation.kind is ConversationKind.DIRECT:
            yield post("C2cReadReceipt", FromUserId=user, ConvId=other, ConvMsgSeq=some)
        else:
            yield post("GroupReadReceipt", FromUserId=user, GroupId=other, ConvMsgSeq=some)
