"""Matrix: what it supports, what to ask, how to read the answer.

Specification v1.15, and where that is silent what a running Synapse 1.163.2 was seen to do. Servers say 200
to receipts, tags, rules and `forget` about rooms that do not exist, so the membership is asked first.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from convops.errors import (
    InvalidRequestError,
    MalformedReplyError,
    NotFoundError,
    OperationError,
    PermissionDeniedError,
    RateLimitedError,
    UnsupportedOperationError,
)
from convops.operations import Conversation, ConversationKind, Delete, MarkRead, Mute, Operation
from convops.provider import (
    ALREADY,
    APPLIED,
    CONTRACT,
    Call,
    Flow,
    Provider,
    Quota,
    Reply,
    Signer,
    check_id_bytes,
    error_for,
    member,
)
from convops.support import Support
from convops_matrix import codes
from convops_matrix.account import LEAVE, MatrixAccount
from convops_matrix.cells import DELETE, HIDDEN, NO_ERASE, SUPPORT, lacking
from convops_matrix.signer import MatrixSigner

DOCS = codes.CLIENT_API
ID_BYTES = 255
"""https://spec.matrix.org/v1.15/appendices/#common-identifier-format"""
RATE = 50.0
"""Calls a second for each user of a homeserver: ours, for every operator sets limits of his own."""
LATEST = 2**53 - 1
"""The last moment a JSON number can name exactly, in milliseconds."""
JOINED = "join"
LEFT = "leave"
ABSENT = "M_NOT_FOUND"
FORGOTTEN = "M_FORBIDDEN"
SILENT: Sequence[Sequence[str]] = ([], ["dont_notify"])
"""Actions that notify nobody; the second is what older clients write."""

_USER = re.compile(r"@[^:]*:.+")
# In capitals, so that no token can pass for one.
_ERRCODE = re.compile(r"[A-Z][A-Z0-9_.]{0,63}")
_SECONDS = re.compile(r"[0-9]{1,9}")
UNAUTHORIZED, TOO_MANY = 401, 429
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Matrix(Provider[MatrixAccount]):
    """A Matrix homeserver's client API; a conversation is a room, direct ones by the user's `m.direct`."""

    name = "matrix"
    title = "Matrix"
    contract = CONTRACT
    account_type = MatrixAccount
    codes = codes.CODES
    docs = DOCS
    simulator = "convops_matrix.simulator:MatrixSimulator"

    def origins(self, account: MatrixAccount) -> tuple[str, ...]:
        return (account.base_url,)

    def signer(self, account: MatrixAccount) -> Signer:
        return MatrixSigner(account.access_token)

    def support(self, account: MatrixAccount, operation: type[Operation], kind: ConversationKind) -> Support:
        return (DELETE[account.delete_mode] if operation is Delete else SUPPORT)[operation, kind]

    def check(self, account: MatrixAccount, operation: Operation) -> None:
        conversation = operation.conversation
        direct = conversation.kind is ConversationKind.DIRECT
        people = [("user", conversation.user), *([("peer", conversation.other)] if direct else [])]
        for name, value in people:
            if not _USER.fullmatch(value):
                raise InvalidRequestError(f"{name} is no Matrix id, which looks like @name:homeserver")
        if not direct and not conversation.other.startswith("!"):
            hint = "an alias: its room id is needed" if conversation.other.startswith("#") else "no room id"
            raise InvalidRequestError(f"group is {hint}, which begins with an exclamation mark")
        check_id_bytes(operation, ID_BYTES)
        if isinstance(operation, Delete) and operation.erase_history:
            raise UnsupportedOperationError("Matrix cannot erase a history", support=lacking(NO_ERASE))
        for moment in (operation.at, getattr(operation, "up_to", None)):
            if moment is not None and moment < _EPOCH:
                raise InvalidRequestError(
                    f"{moment.isoformat()} is before 1970, where Matrix starts to count"
                )

    def quota(self, account: MatrixAccount, call: Call) -> Quota:
        # Leaving shares a limit with sending, at Synapse: a pause asked for it need not hold up the rest.
        leaving = call.action == codes.LEAVE_ROOM
        return Quota(key=(self.name, account.base_url, call.query.get("user_id"), leaving), rate=RATE)

    def read(self, call: Call, reply: Reply) -> OperationError | None:
        if reply.is_success:
            return _objection(call, reply.document)
        code = reply.document.get("errcode")
        if reply.status < 400 or not isinstance(code, str) or not _ERRCODE.fullmatch(code):  # noqa: PLR2004
            return None
        keys = (call.action, reply.status, code), ("*", reply.status, code)
        if not any(key in codes.CODES for key in keys):
            # The status says more than a code that nobody knows.
            if reply.status == TOO_MANY:
                return RateLimitedError("too many calls", code=code, retry_after=_pause(reply))
            if reply.status >= 500 or reply.status == UNAUTHORIZED:  # noqa: PLR2004
                return None
        error = error_for(codes.CODES, keys[0])
        return error.with_facts(retry_after=_pause(reply)) if isinstance(error, RateLimitedError) else error

    def probe(self, account: MatrixAccount) -> Call:
        return Call(action=codes.WHOAMI, method="GET", path=(*_V3, "account", "whoami"), writes=False)

    def flow(self, account: MatrixAccount, operations: Sequence[Operation]) -> Flow:
        (operation,) = operations
        if isinstance(operation, Mute):
            return _mute(operation) if operation.muted else _unmute(operation)
        if isinstance(operation, Delete):
            return (_leave if account.delete_mode == LEAVE else _hide)(operation.conversation)
        if isinstance(operation, MarkRead):
            return _read(operation, "m.read", operation.up_to or operation.at)
        return _read(operation, "m.read.private", operation.at)


# --- Answers ------------------------------------------------------------------------------------------


def _objection(call: Call, document: Mapping[str, Any]) -> OperationError | None:
    """Return what is wrong with a success; what is found here was asked, and changed nothing."""
    if call.action == codes.WHOAMI:
        # A user's own token is answered for as itself, whomever it names.
        if member(document, "user_id", str) != call.query.get("user_id", document["user_id"]):
            return PermissionDeniedError("the access token is another user's, and can act for nobody else")
    elif call.action == codes.READ_MEMBER:
        if (membership := member(document, "membership", str)) != JOINED:
            return NotFoundError("the user is not in the room any more", code=membership)
    elif call.action == codes.FIND_EVENT:
        member(document, "event_id", str)
    elif call.writes and "errcode" in document:
        return MalformedReplyError("the answer says both success and failure")
    return None


def _pause(reply: Reply) -> float | None:
    """Return the seconds a refusal asks for: `retry_after_ms`, else the `Retry-After` that replaces it."""
    milliseconds = reply.document.get("retry_after_ms")
    if type(milliseconds) is int and milliseconds >= 0:
        return milliseconds / 1000
    header = reply.headers.get("retry-after", "").strip()
    return float(header) if _SECONDS.fullmatch(header) else None


# --- Calls --------------------------------------------------------------------------------------------

_V1 = ("_matrix", "client", "v1")
_V3 = ("_matrix", "client", "v3")


def _ask(action: str, user: str, *path: str, **query: str) -> Call:
    version = _V1 if action == codes.FIND_EVENT else _V3
    once = action == codes.WHOAMI
    return Call(
        action=action,
        method="GET",
        path=version + path,
        query={"user_id": user, **query},
        writes=False,
        once=once,
    )


def _tell(action: str, method: str, user: str, *path: str, body: Mapping[str, object] | None = None) -> Call:
    return Call(action=action, method=method, path=_V3 + path, query={"user_id": user}, body=body)


def _rule(room: str, *more: str) -> tuple[str, ...]:
    return ("pushrules", "global", "override", room, *more)


# --- Flows --------------------------------------------------------------------------------------------


def prepare(user: str) -> Generator[Call, Reply, None]:
    """Learn once for each user that the token acts for this user and for nobody else."""
    yield _ask(codes.WHOAMI, user, "account", "whoami")


def _room(conversation: Conversation, *, or_left: bool = False) -> Generator[Call, Reply, str]:
    """Return the room, once it is known that the user is in it.

    Args:
        conversation: whose room it is.
        or_left: for a direct conversation, whether one that was left will do where there is no other.
    """
    user, other = conversation.user, conversation.other
    yield from prepare(user)
    if conversation.kind is ConversationKind.GROUP:
        yield _ask(codes.READ_MEMBER, user, "rooms", other, "state", "m.room.member", user)
        return other
    reply = yield _ask(codes.READ_DIRECT, user, "user", user, "account_data", "m.direct")
    listed = reply.document.get(other)
    refusal, left = NotFoundError("the user's m.direct lists no room with this peer"), None
    # Clients put a new room at the end.
    for room in reversed(listed if isinstance(listed, list) else []):
        if not isinstance(room, str) or not room.startswith("!"):
            continue
        try:
            yield _ask(codes.READ_MEMBER, user, "rooms", room, "state", "m.room.member", user)
        except NotFoundError as error:
            refusal = error
            left = left or (room if error.code == LEFT else None)
        else:
            return room
    if left is None or not or_left:
        raise refusal
    return left


def _read(operation: Operation, receipt: str, moment: datetime | None) -> Flow:
    user = operation.conversation.user
    room = yield from _room(operation.conversation)
    milliseconds = LATEST if moment is None else (moment - _EPOCH) // timedelta(milliseconds=1)
    find = _ask(codes.FIND_EVENT, user, "rooms", room, "timestamp_to_event", ts=str(milliseconds), dir="b")
    reply = yield from _unless_absent(find)
    if reply is None:
        return [ALREADY]
    event = member(reply.document, "event_id", str)
    flag = ("user", user, "rooms", room, "account_data", "m.marked_unread")
    flagged = yield from _unless_absent(_ask(codes.READ_FLAG, user, *flag))
    # Without m.fully_read a server says 200 to rooms and events that do not exist.
    body = {"m.fully_read": event, receipt: event}
    yield _tell(codes.MARK, "POST", user, "rooms", room, "read_markers", body=body)
    if flagged is not None and flagged.document.get("unread") is True:
        # No receipt clears it.
        yield _tell(codes.CLEAR_FLAG, "PUT", user, *flag, body={"unread": False})
    return [APPLIED]


def _unless_absent(call: Call) -> Generator[Call, Reply, Reply | None]:
    try:
        return (yield call)
    except NotFoundError as error:
        if error.code != ABSENT:
            raise
        return None


def _mute(operation: Mute) -> Flow:
    user = operation.conversation.user
    room = yield from _room(operation.conversation)
    conditions = [{"kind": "event_match", "key": "room_id", "pattern": room}]
    found = yield from _unless_absent(_ask(codes.READ_RULE, user, *_rule(room)))
    if found is not None:
        rule = found.document
        same = rule.get("conditions") == conditions and rule.get("actions") in SILENT
        if member(rule, "enabled", bool) and same:
            return [ALREADY]
    yield _tell(codes.SET_RULE, "PUT", user, *_rule(room), body={"conditions": conditions, "actions": []})
    if found is not None:
        # A rule that was switched off stays so, whatever is written into it.
        yield _tell(codes.ENABLE_RULE, "PUT", user, *_rule(room, "enabled"), body={"enabled": True})
    return [APPLIED]


def _unmute(operation: Mute) -> Flow:
    user = operation.conversation.user
    room = yield from _room(operation.conversation)
    removed = yield from _unless_absent(_tell(codes.DELETE_RULE, "DELETE", user, *_rule(room)))
    return [ALREADY if removed is None else APPLIED]


def _leave(conversation: Conversation) -> Flow:
    user = conversation.user
    if conversation.kind is ConversationKind.GROUP:
        # Leaving tells by itself whether there was anything to leave, an invitation included.
        yield from prepare(user)
        room = conversation.other
    else:
        try:
            # One that was left and not forgotten is where an earlier try ended.
            room = yield from _room(conversation, or_left=True)
        except NotFoundError as error:
            if error.code != FORGOTTEN:
                raise
            # m.direct goes on listing what the user has left and forgotten.
            return [ALREADY]
    yield _tell(codes.LEAVE_ROOM, "POST", user, "rooms", room, "leave", body={})
    yield _tell(codes.FORGET_ROOM, "POST", user, "rooms", room, "forget", body={})
    return [APPLIED]


def _hide(conversation: Conversation) -> Flow:
    room = yield from _room(conversation)
    user = conversation.user
    yield _tell(codes.TAG_ROOM, "PUT", user, "user", user, "rooms", room, "tags", HIDDEN, body={})
    return [APPLIED]
