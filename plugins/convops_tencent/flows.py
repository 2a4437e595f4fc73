"""Tencent Cloud Chat: what it supports, what to ask, how to read the answer.

The page of each call stands beside it; they were read as of 2026-01-27.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

from convops.errors import (
    InvalidRequestError,
    MalformedReplyError,
    OperationError,
    UnsupportedOperationError,
)
from convops.operations import (
    ClearUnread,
    Conversation,
    ConversationKind,
    Delete,
    MarkRead,
    Mute,
    Operation,
)
from convops.provider import (
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
from convops.support import Caveat, Evidence, Fidelity, Support
from convops_tencent.account import TencentAccount
from convops_tencent.codes import CODES
from convops_tencent.signer import TencentSigner

DOCS = "https://trtc.io/document/34620"
MARK_PAGE = "https://trtc.io/document/38996"
DELETE_PAGE = "https://trtc.io/document/43088"
MEMBER_PAGE = "https://trtc.io/document/34900"
RESET_PAGE = "https://trtc.io/document/34909"
GROUP_PAGE = "https://trtc.io/document/34961"
MUTE_PAGE = "https://trtc.io/document/48032"
LIST_PAGE = "https://trtc.io/document/34621"

MARK_READ = "openim/admin_set_msg_read"
DELETE = "recentcontact/delete"
SET_MEMBER = "group_open_http_svc/modify_group_member_info"
RESET_UNREAD = "group_open_http_svc/set_unread_msg_num"
READ_GROUP = "group_open_http_svc/get_group_info"

PROBE_GROUP = "convops-doctor"

RATE = 200.0
"""Calls a second for each SDKAppID and command: the figure on every command's page."""
ID_BYTES = 32
JSON = MappingProxyType({"contenttype": "json"})

WITHOUT_UNREAD = frozenset({"Meeting", "ChatRoom", "AVChatRoom"})
"""Group types that keep no unread count; resetting it there is answered OK and does nothing (RESET_PAGE)."""

ONE_CALL = Caveat(
    "tencent.one-call-for-both",
    "clear_unread and mark_read are the same call: either clears the count and marks the messages read",
    MARK_PAGE,
)
WHOLE_SECONDS = Caveat(
    "tencent.whole-seconds",
    "the moment is cut to whole seconds; whether messages of that very second are included is undocumented",
    MARK_PAGE,
)
DEVICES = Caveat(
    "tencent.devices-need-sync",
    "clients that are online drop it from their cache only with multi-device sync switched on in the console",
    DELETE_PAGE,
)
NO_AVCHATROOM = Caveat("tencent.not-in-avchatroom", "members of an AVChatRoom cannot mute it", MEMBER_PAGE)
NO_DIRECT_MUTE = Caveat(
    "tencent.no-direct-mute",
    "do-not-disturb for a direct conversation can be set in the client SDK only",
    MUTE_PAGE,
)
NO_GROUP_READ = Caveat(
    "tencent.no-group-mark-read", "no server call marks a group conversation as read", LIST_PAGE
)
MIGRATION_ONLY = Caveat(
    "tencent.group-unread-migration-only",
    "the vendor documents resetting a group's unread count for migrations only: clients are not told; "
    "allow_group_unread_reset = true in the account permits it",
    RESET_PAGE,
)
NO_UNREAD_TYPES = Caveat(
    "tencent.no-unread-in-meeting",
    "Meeting and AVChatRoom groups keep no unread count; the type is read first and these are refused",
    RESET_PAGE,
)
NOT_PINNED = Caveat(
    "tencent.group-not-pinned",
    "the whole count is set to zero when the call arrives, so a late repeat takes newer messages with it",
    RESET_PAGE,
)


def _usable(*caveats: Caveat, time_pinned: bool = False) -> Support:
    return Support(
        fidelity=Fidelity.NATIVE,
        evidence=Evidence.SIMULATED,
        rate=RATE,
        time_pinned=time_pinned,
        caveats=caveats,
    )


def _lacking(*caveats: Caveat) -> Support:
    return Support(fidelity=Fidelity.UNSUPPORTED, lacked_by="vendor", caveats=caveats)


SUPPORT = {
    (ClearUnread, ConversationKind.DIRECT): _usable(ONE_CALL, WHOLE_SECONDS, time_pinned=True),
    (ClearUnread, ConversationKind.GROUP): _lacking(MIGRATION_ONLY),
    (MarkRead, ConversationKind.DIRECT): _usable(ONE_CALL, WHOLE_SECONDS, time_pinned=True),
    (MarkRead, ConversationKind.GROUP): _lacking(NO_GROUP_READ),
    (Delete, ConversationKind.DIRECT): _usable(DEVICES),
    (Delete, ConversationKind.GROUP): _usable(DEVICES),
    (Mute, ConversationKind.DIRECT): _lacking(NO_DIRECT_MUTE),
    (Mute, ConversationKind.GROUP): _usable(NO_AVCHATROOM),
}
GROUP_RESET = _usable(MIGRATION_ONLY, NO_UNREAD_TYPES, NOT_PINNED)


class Tencent(Provider[TencentAccount]):
    """Tencent Cloud Chat's REST API, called as an app administrator."""

    name = "tencent"
    title = "Tencent Cloud Chat"
    contract = CONTRACT
    account_type = TencentAccount
    codes = CODES
    docs = DOCS
    simulator = "convops_tencent.simulator:TencentSimulator"

    def origins(self, account: TencentAccount) -> tuple[str, ...]:
        return account.origins

    def signer(self, account: TencentAccount) -> Signer:
        return TencentSigner(account.sdk_app_id, account.secret_key, account.admin)

    def support(self, account: TencentAccount, operation: type[Operation], kind: ConversationKind) -> Support:
        if (operation, kind) == (ClearUnread, ConversationKind.GROUP) and account.allow_group_unread_reset:
            return GROUP_RESET
        return SUPPORT[operation, kind]

    def check(self, account: TencentAccount, operation: Operation) -> None:
        # No page gives a length for group ids.
        check_id_bytes(operation, ID_BYTES, groups=False)
        for moment in (operation.at, getattr(operation, "up_to", None)):
            if moment is not None and moment.timestamp() < 0:
                raise InvalidRequestError(
                    f"{moment.isoformat()} is before 1970, where the vendor starts to count"
                )

    def quota(self, account: TencentAccount, call: Call) -> Quota:
        return _quota(account.sdk_app_id, call.action)

    def read(self, call: Call, reply: Reply) -> OperationError | None:
        # The vendor answers 200 for refusals; the verdict is in the body.
        if not reply.is_success:
            return None
        code = member(reply.document, "ErrorCode", int)
        status = member(reply.document, "ActionStatus", str)
        if code != 0:
            return error_for(CODES, code)
        if status != "OK":
            return MalformedReplyError("ActionStatus says failure and ErrorCode says success")
        return None

    def probe(self, account: TencentAccount) -> Call:
        # A group that does not exist is told for itself inside an answer that says OK (GROUP_PAGE).
        return _group_question(PROBE_GROUP)

    def flow(self, account: TencentAccount, operations: Sequence[Operation]) -> Flow:
        (operation,) = operations
        conversation = operation.conversation
        if isinstance(operation, Delete):
            return _delete(operation)
        if isinstance(operation, Mute):
            return _mute_group(operation)
        if conversation.kind is ConversationKind.GROUP:
            return _reset_group_unread(conversation)
        up_to = operation.up_to if isinstance(operation, MarkRead) else None
        return _mark_read(conversation, up_to or operation.at)


@functools.lru_cache(maxsize=1024)
def _quota(sdk_app_id: int, command: str) -> Quota:
    return Quota(key=(Tencent.name, sdk_app_id, command), rate=RATE)


def _mark_read(conversation: Conversation, moment: datetime | None) -> Flow:
    # Without MsgReadTime the vendor takes the time of arrival, and a repeat would read more.
    body: dict[str, object] = {"Report_Account": conversation.user, "Peer_Account": conversation.other}
    if moment is not None:
        body["MsgReadTime"] = int(moment.timestamp())
    yield _call(MARK_READ, body)
    return [APPLIED]


def _delete(operation: Delete) -> Flow:
    conversation = operation.conversation
    body: dict[str, object] = {"From_Account": conversation.user}
    if conversation.kind is ConversationKind.DIRECT:
        body |= {"Type": 1, "To_Account": conversation.other}
    else:
        # ToGroupid, spelled so: other calls have ToGroupId (DELETE_PAGE).
        body |= {"Type": 2, "ToGroupid": conversation.other}
    if operation.erase_history:
        body["ClearRamble"] = 1
    yield _call(DELETE, body, removes=True)
    return [APPLIED]


def _mute_group(operation: Mute) -> Flow:
    # ShutUpTime and its like would silence the member as a speaker; MsgFlag is about notifications.
    body = {
        "GroupId": operation.conversation.other,
        "Member_Account": operation.conversation.user,
        "MsgFlag": "AcceptNotNotify" if operation.muted else "AcceptAndNotify",
    }
    yield _call(SET_MEMBER, body)
    return [APPLIED]


def _reset_group_unread(conversation: Conversation) -> Flow:
    reply = yield _group_question(conversation.other)
    if _group_type(reply) in WITHOUT_UNREAD:
        raise UnsupportedOperationError(
            "groups of this type keep no unread count", support=_lacking(NO_UNREAD_TYPES)
        )
    body = {"GroupId": conversation.other, "Member_Account": conversation.user, "UnreadMsgNum": 0}
    yield _call(RESET_UNREAD, body)
    return [APPLIED]


def _group_question(group: str) -> Call:
    question = {"GroupIdList": [group], "ResponseFilter": {"GroupBaseInfoFilter": ["Type"]}}
    return _call(READ_GROUP, question, writes=False)


def _group_type(reply: Reply) -> str:
    groups = member(reply.document, "GroupInfo", list)
    if len(groups) != 1 or not isinstance(groups[0], dict):
        raise MalformedReplyError("GroupInfo does not hold the one group that was asked about")
    code = member(groups[0], "ErrorCode", int)
    if code != 0:
        raise error_for(CODES, code)
    return member(groups[0], "Type", str)


def _call(action: str, body: Mapping[str, object], *, writes: bool = True, removes: bool = False) -> Call:
    return Call(action=action, path=_path(action), query=JSON, body=body, writes=writes, removes=removes)


@functools.cache
def _path(action: str) -> tuple[str, ...]:
    return ("v4", *action.split("/"))
