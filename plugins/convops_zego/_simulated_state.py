"""The simulated ZIM app: users, groups, conversation lists and messages; it knows no HTTP.

What the documents leave open is marked "undocumented", what they only suggest "inferred".
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from enum import IntEnum
from itertools import islice
from typing import Self

from attrs import define

from convops.operations import Conversation, ConversationKind
from convops_zego._simulated_messages import Message, Messages

ID_BYTES = 32

FORMER_MEMBER = "former-member"
"""Who wrote what arrives in a group that has no other member."""


class ReturnCode(IntEnum):
    """The return codes that the simulated server can give, phrased in our words.

    Source: https://www.zegocloud.com/docs/zim-server/return-codes
    """

    phrase: str

    def __new__(cls, value: int, phrase: str) -> Self:
        code = int.__new__(cls, value)
        code._value_ = value
        code.phrase = phrase
        return code

    SUCCESS = 0, "success"
    OVERLOADED = 7, "the system has too many requests per second"
    URL_WRONG = 100000000, "the request went to a wrong place"
    APP_ID_MALFORMED = 100000001, "AppId is malformed"
    TIMESTAMP_EMPTY = 100000002, "Timestamp is empty"
    TIMESTAMP_MALFORMED = 100000003, "Timestamp is malformed"
    SIGNATURE_EXPIRED = 100000004, "the signature has expired"
    SIGNATURE_WRONG = 100000005, "the signature is wrong"
    ACTION_EMPTY = 100000006, "Action is empty"
    ACTION_UNSUPPORTED = 100000007, "this Action is not supported"
    NONCE_EMPTY = 100000008, "SignatureNonce is empty"
    SIGNATURE_EMPTY = 100000009, "Signature is empty"
    APP_UNKNOWN = 100000010, "no ServerSecret was found for this AppId"
    VERSION_EMPTY = 100000013, "SignatureVersion is empty"
    VERSION_UNSUPPORTED = 100000014, "this SignatureVersion is not supported"
    PARAMETER_WRONG = 660000002, "an input parameter is missing or wrong"
    USER_ID_TOO_LONG = 660000012, "a user id is longer than 32 bytes"
    TOO_FREQUENT = 660300005, "the app calls this API too often"
    RECEIPTS_TOO_MANY = 660400102, "more messages than one call can give receipts for"
    GROUP_RECEIPTS_FAILED = 660400103, "the receipts of group messages could not be set"
    DIRECT_RECEIPTS_FAILED = 660400104, "the receipts of one-to-one messages could not be set"
    USER_UNREGISTERED = 660500002, "FromUserId is not registered"
    GROUP_MISSING = 660600001, "the group does not exist"
    NOT_A_MEMBER = 660600024, "FromUserId is not in the group"
    PEER_UNREGISTERED = 660700015, "the peer user is not registered"
    CONVERSATION_MISSING = 660800002, "the conversation does not exist, or is too old for this API"
    MUTE_LIST_FULL = 660800030, "the user's mute list is full"
    ALREADY_MUTED = 660800051, "the conversation is muted already"
    ALREADY_UNMUTED = 660800052, "the conversation is not muted"


class RefusalError(Exception):
    """The server refuses a request.

    Attributes:
        code: why.
    """

    def __init__(self, code: ReturnCode) -> None:
        super().__init__(code)
        self.code = code


@define
class Side:
    """One user's side of a conversation, kept also while it is not in the user's list.

    Whether deleting a conversation unmutes it is undocumented: here the flag is about the pair and
    stays. That the messages stay is what the client documents say of `deleteConversation`.
    """

    listed: bool = False
    unread: int = 0
    messages: int = 0
    muted: bool = False
    read_up_to: float | None = None
    updated: float = 0.0


class SimulatedApp:
    """One ZIM app.

    Args:
        latest: how many of a user's conversations the server can reach.
        mute_limit: how many one-to-one conversations a user can mute.
    """

    def __init__(self, *, latest: int, mute_limit: int) -> None:
        self._latest = latest
        self._mute_limit = mute_limit
        self._messages = Messages()
        self._groups: dict[str, frozenset[str]] = {}
        # Per registered user, least recently updated first.
        self._sides: dict[str, dict[Conversation, Side]] = {}

    # --- Arrange ---

    def register(self, user: str) -> None:
        """Register a user; nothing happens when it is registered already."""
        _check_new(user)
        self._sides.setdefault(user, {})

    def set_group(self, group: str, members: Iterable[str]) -> None:
        """Create a group, or replace the members of one."""
        _check_new(group)
        everyone = frozenset(members)
        if strangers := sorted(everyone - self._sides.keys()):
            raise ValueError(f"these members are not registered: {', '.join(strangers)}")
        self._groups[group] = everyone

    def receive(self, conversation: Conversation, count: int, now: float) -> None:
        """Add messages of somebody else to this side; it becomes the user's latest conversation."""
        # Muting only keeps the user's total from growing, so the conversation's own count grows:
        # https://www.zegocloud.com/docs/zim-server/conversation/mute-notifications-for-conversations
        self._add(conversation, self._someone_else(conversation), count, now).unread += count

    def send(self, conversation: Conversation, count: int, now: float) -> None:
        """Add messages of the user's own to this side; none of them is unread."""
        self._add(conversation, conversation.user, count, now)

    def _add(self, conversation: Conversation, sender: str, count: int, now: float) -> Side:
        problem = self._problem(conversation)
        if problem is not ReturnCode.SUCCESS:
            raise ValueError(f"nothing can arrive: {problem.phrase}")
        if count < 1:
            raise ValueError(f"count must be at least 1, not {count}")
        self._messages.add(conversation, sender, count, now)
        sides = self._sides[conversation.user]
        side = sides[conversation] = sides.pop(conversation, Side())
        side.listed = True
        side.messages += count
        side.updated = now
        return side

    def _someone_else(self, conversation: Conversation) -> str:
        if conversation.kind is ConversationKind.DIRECT:
            return conversation.other
        others = self._groups.get(conversation.other, frozenset()) - {conversation.user}
        return min(others, default=FORMER_MEMBER)

    # --- Look ---

    def side(self, conversation: Conversation) -> Side:
        """Return this side as it is; a fresh one when nothing happened on it yet."""
        return self._sides.get(conversation.user, {}).get(conversation, Side())

    def listed(self) -> dict[Conversation, Side]:
        """Return every conversation that is in its user's list."""
        return {c: side for sides in self._sides.values() for c, side in sides.items() if side.listed}

    def latest(self, user: str) -> Iterator[Conversation]:
        """Return the user's reachable conversations, the most recently updated first."""
        sides = self._registered(user)
        return islice((c for c in reversed(sides) if sides[c].listed), self._latest)

    def receipts(self, conversation: Conversation) -> dict[int, float]:
        """Return when this user gave a receipt first, by the message's number."""
        user = conversation.user
        return {
            one.number: one.read_by[user] for one in self._messages.of(conversation) if user in one.read_by
        }

    # --- Serve ---

    def clear_unread(self, conversation: Conversation, now: float) -> None:
        """Set the unread count to zero; when it is zero already, nothing is refused (undocumented).

        That it gives no receipt is undocumented, too.
        """
        if conversation not in self.latest(conversation.user):
            raise RefusalError(ReturnCode.CONVERSATION_MISSING)
        side = self.side(conversation)
        side.unread = 0
        side.read_up_to = now

    def delete(self, conversation: Conversation) -> None:
        """Take the conversation out of this user's list only.

        Its page lists no code but the one for bad parameters, so that an absent conversation, or one
        whose peer or group is gone, is no failure (undocumented). A later message brings it back, with
        only what is new unread (undocumented).
        """
        self._registered(conversation.user)
        side = self.side(conversation)
        side.listed = False
        side.unread = 0

    def mute(self, conversation: Conversation, *, muted: bool) -> ReturnCode:
        """Set the mute flag, and return what became of it; the conversation need not be in the list."""
        problem = self._problem(conversation)
        if problem is not ReturnCode.SUCCESS:
            return problem
        sides = self._sides[conversation.user]
        if self.side(conversation).muted is muted:
            return ReturnCode.ALREADY_MUTED if muted else ReturnCode.ALREADY_UNMUTED
        # The limit is said of one-to-one conversations; for groups, that of joining groups holds.
        if muted and conversation.kind is ConversationKind.DIRECT:
            count = sum(side.muted for c, side in sides.items() if c.kind is ConversationKind.DIRECT)
            if count >= self._mute_limit:
                return ReturnCode.MUTE_LIST_FULL
        sides.setdefault(conversation, Side()).muted = muted
        return ReturnCode.SUCCESS

    def erase(self, conversation: Conversation) -> None:
        """Remove every message from this user's view only; with none left, none is unread (inferred).

        The pages of both Actions list no codes (undocumented): here the nearest ones are given.
        """
        # Older Chinese wordings say that what the user *sent* goes away; today's pages say this:
        # https://www.zegocloud.com/docs/zim-server/messaging/delete-all-messages-from-a-group-member
        problem = self._problem(conversation)
        if problem is not ReturnCode.SUCCESS:
            raise RefusalError(problem)
        side = self.side(conversation)
        side.messages = 0
        side.unread = 0
        self._messages.hide(conversation)

    def direct_messages(self, conversation: Conversation) -> Sequence[Message]:
        """Return the messages of a one-to-one conversation, oldest first, without what the user erased.

        Its page gives no code for a ToUserId that nobody registered (undocumented): here the nearest one.
        """
        problem = self._problem(conversation)
        if problem is not ReturnCode.SUCCESS:
            raise RefusalError(problem)
        return self._messages.seen(conversation)

    def group_messages(self, group: str) -> Sequence[Message]:
        """Return the messages of a group, oldest first.

        Nobody is named as who asks, so that it has what members erased for themselves, too (inferred).
        """
        if group not in self._groups:
            raise RefusalError(ReturnCode.GROUP_MISSING)
        return self._messages.of_group(group)

    def read_messages(self, conversation: Conversation, numbers: Collection[int], now: float) -> None:
        """Give receipts for messages; whether the unread count follows is undocumented: here it stays.

        The pages list no code for anybody who is missing (undocumented): here the nearest ones are given.
        """
        problem = self._problem(conversation)
        if problem is not ReturnCode.SUCCESS:
            raise RefusalError(problem)
        if not self._messages.read(conversation, numbers, now):
            direct = conversation.kind is ConversationKind.DIRECT
            raise RefusalError(
                ReturnCode.DIRECT_RECEIPTS_FAILED if direct else ReturnCode.GROUP_RECEIPTS_FAILED
            )

    def _registered(self, user: str) -> dict[Conversation, Side]:
        # Not listed for every Action. Where it is, FromUserId unregistered is this code, so that
        # the global "user does not exist" (660700012) is not used.
        if user not in self._sides:
            raise RefusalError(ReturnCode.USER_UNREGISTERED)
        return self._sides[user]

    def _problem(self, conversation: Conversation) -> ReturnCode:
        if conversation.user not in self._sides:
            return ReturnCode.USER_UNREGISTERED
        if conversation.kind is ConversationKind.DIRECT:
            known = conversation.other in self._sides
            return ReturnCode.SUCCESS if known else ReturnCode.PEER_UNREGISTERED
        if conversation.other not in self._groups:
            return ReturnCode.GROUP_MISSING
        member = conversation.user in self._groups[conversation.other]
        return ReturnCode.SUCCESS if member else ReturnCode.NOT_A_MEMBER


def _check_new(identifier: str) -> None:
    # https://www.zegocloud.com/docs/zim-server/user/batch-register-users
    if not 0 < len(identifier.encode()) <= ID_BYTES:
        raise ValueError(f"an id takes 1 to {ID_BYTES} bytes: {identifier!r}")
