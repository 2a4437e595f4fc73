"""The simulated ZIM app: users, groups and conversation lists; it knows no HTTP.

What the documents leave open is marked "undocumented", what they only suggest "inferred".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import IntEnum
from itertools import islice
from typing import Self

from attrs import define

from convops.operations import Conversation, ConversationKind

ID_BYTES = 32


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
        """Add messages to this side; it becomes the user's latest conversation."""
        problem = self._problem(conversation)
        if problem is not ReturnCode.SUCCESS:
            raise ValueError(f"nothing can arrive: {problem.phrase}")
        if count < 1:
            raise ValueError(f"count must be at least 1, not {count}")
        sides = self._sides[conversation.user]
        # Muting only keeps the user's total from growing, so the conversation's own count grows:
        # https://www.zegocloud.com/docs/zim-server/conversation/mute-notifications-for-conversations
        side = sides[conversation] = sides.pop(conversation, Side())
        side.listed = True
        side.unread += count
        side.messages += count
        side.updated = now

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

    # --- Serve ---

    def clear_unread(self, conversation: Conversation, now: float) -> None:
        """Set the unread count to zero; when it is zero already, nothing is refused (undocumented)."""
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
