"""ZEGO ZIM: what it supports, what to ask, how to read the answer.

Pages (read 2026-08-21), all below https://www.zegocloud.com/docs/zim-server/: `return-codes`, and one for
each action under `conversation/` and `messaging/`.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

from convops.errors import MalformedReplyError, OperationError
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
    ALREADY,
    APPLIED,
    CONTRACT,
    Call,
    Flow,
    Provider,
    Quota,
    Reply,
    Signer,
    Verdict,
    check_id_bytes,
    error_for,
    member,
)
from convops.support import Caveat, Evidence, Fidelity, Support
from convops_zego._calls import post
from convops_zego._receipts import (
    INFERRED,
    NEWEST_ONLY,
    QUESTIONS,
    give_receipts,
    messages,
    numbers_of_others,
    question,
)
from convops_zego.account import ZegoAccount
from convops_zego.codes import ALREADY_SO, CLEAR_UNREAD, CODES, DOCS, MUTE
from convops_zego.signer import ZegoSigner

ERASE_PAGE = f"{DOCS}/messaging/delete-all-messages-from-a-group-member"

ID_BYTES = 32
RATE = 20.0
"""Calls a second for each AppId and action: the default on every action's page."""
CLEAR = "ClearConversationUnread"
SILENCE = "SilenceConvNotification"
SILENCE_BATCH = 10
QUERY = "QueryConversationList"
PROBE_USER = "convops-doctor"
CONV_TYPES = {ConversationKind.DIRECT: 0, ConversationKind.GROUP: 2}

LATEST_ONLY = Caveat(
    "zego.latest-1000-only",
    "only the user's latest 1000 conversations can be cleared; ZEGO support can widen this",
    CLEAR_UNREAD,
)
NOT_PINNED = Caveat(
    "zego.not-pinned-to-a-time",
    "the whole count is cleared when the call arrives, so a late repeat takes newer messages with it",
    CLEAR_UNREAD,
)
NO_RECEIPT = Caveat(
    "zego.no-read-receipt",
    "the unread count is cleared, but peers see no read receipt; read_receipts in the account gives some",
    CLEAR_UNREAD,
)
GROUP_ERASE = Caveat(
    "zego.group-erase-ambiguous",
    "the vendor's pages disagree whether erase_history removes a group's messages from the user's view, or "
    "only those the user sent",
    ERASE_PAGE,
)
MUTE_LIST = Caveat(
    "zego.mute-list-limited",
    "a user can mute 500 direct conversations; ZEGO support can raise this to 1000",
    MUTE,
)


def _cell(*caveats: Caveat, fidelity: Fidelity = Fidelity.NATIVE, batch: int = 1) -> Support:
    return Support(fidelity=fidelity, evidence=Evidence.SIMULATED, batch=batch, rate=RATE, caveats=caveats)


SUPPORT: Mapping[tuple[type[Operation], ConversationKind], Support] = {
    **dict.fromkeys(
        [(ClearUnread, ConversationKind.DIRECT), (ClearUnread, ConversationKind.GROUP)],
        _cell(LATEST_ONLY, NOT_PINNED),
    ),
    **dict.fromkeys(
        [(MarkRead, ConversationKind.DIRECT), (MarkRead, ConversationKind.GROUP)],
        _cell(NO_RECEIPT, LATEST_ONLY, NOT_PINNED, fidelity=Fidelity.EQUIVALENT),
    ),
    (Delete, ConversationKind.DIRECT): _cell(),
    (Delete, ConversationKind.GROUP): _cell(GROUP_ERASE),
    (Mute, ConversationKind.DIRECT): _cell(MUTE_LIST, batch=SILENCE_BATCH),
    (Mute, ConversationKind.GROUP): _cell(batch=SILENCE_BATCH),
}
# Still not native: the vendor has no call for it, and the parts are not done at once.
WITH_RECEIPTS = _cell(NEWEST_ONLY, INFERRED, LATEST_ONLY, NOT_PINNED, fidelity=Fidelity.EQUIVALENT)


class Zego(Provider[ZegoAccount]):
    """ZEGO ZIM's server API; direct and group conversations are treated alike."""

    name = "zego"
    title = "ZEGO ZIM"
    contract = CONTRACT
    account_type = ZegoAccount
    codes = CODES
    docs = DOCS
    simulator = "convops_zego.simulator:ZegoSimulator"

    def origins(self, account: ZegoAccount) -> tuple[str, ...]:
        return (account.origin,)

    def signer(self, account: ZegoAccount) -> Signer:
        return ZegoSigner(account.app_id, account.server_secret)

    def support(self, account: ZegoAccount, operation: type[Operation], kind: ConversationKind) -> Support:
        if operation is MarkRead and account.read_receipts:
            return WITH_RECEIPTS
        return SUPPORT[operation, kind]

    def check(self, account: ZegoAccount, operation: Operation) -> None:
        check_id_bytes(operation, ID_BYTES)

    def batch_key(self, account: ZegoAccount, operation: Operation) -> Hashable:
        # One SilenceConvNotification is about one user, one type of conversation and one direction.
        if isinstance(operation, Mute):
            return operation.conversation.user, operation.conversation.kind, operation.muted
        return None

    def quota(self, account: ZegoAccount, call: Call) -> Quota:
        return Quota(key=(self.name, account.app_id, call.action), rate=RATE)

    def request_id(self, reply: Reply) -> str | None:
        return reply.document.get("RequestId")

    def read(self, call: Call, reply: Reply) -> OperationError | None:
        if not reply.is_success:
            return None
        code = member(reply.document, "Code", int)
        if code == 0:
            if call.action in QUESTIONS:
                # What cannot be read is told here, so that the core knows: nothing was changed.
                messages(reply)
            return None
        if call.action == SILENCE and (code in ALREADY_SO or _failed_items(reply)):
            # The flow tells what became of each conversation.
            return None
        return error_for(CODES, code)

    def probe(self, account: ZegoAccount) -> Call:
        # Reads one row at most. For a user nobody registered the answer is 660500002, which is given
        # only once the signature was accepted.
        body = {"FromUserId": PROBE_USER, "Limit": 1}
        return Call(action=QUERY, query={"Action": QUERY}, body=body, writes=False)

    def flow(self, account: ZegoAccount, operations: Sequence[Operation]) -> Flow:
        first = operations[0]
        if isinstance(first, Mute):
            return _silence(first, [operation.conversation for operation in operations])
        if isinstance(first, Delete):
            return _delete(first)
        if isinstance(first, MarkRead) and account.read_receipts:
            return _mark_read(first, account.read_receipts)
        return _clear(first.conversation)


def _clear(conversation: Conversation) -> Flow:
    # A GET that writes, with every parameter in the query.
    query = {
        "FromUserId": conversation.user,
        "ConvId": conversation.other,
        "ConvType": str(CONV_TYPES[conversation.kind]),
    }
    yield Call(action=CLEAR, method="GET", query={"Action": CLEAR, **query})
    return [APPLIED]


def _mark_read(operation: MarkRead, limit: int) -> Flow:
    conversation = operation.conversation
    # First what changes nothing, so that whatever fails there is NOT_APPLIED; and no message that arrives
    # after the count was cleared can get a receipt while it is unread. Then the count, since the vendor may
    # refuse it for good, and nobody has been told anything yet. Receipts come last: others see them, and
    # nothing takes one back. If one fails the count is cleared all the same: UNKNOWN, and safe to repeat.
    reply = yield question(conversation)
    numbers = numbers_of_others(messages(reply), conversation.user, operation.at, limit)
    yield from _clear(conversation)
    yield from give_receipts(conversation, numbers)
    return [APPLIED]


def _delete(operation: Delete) -> Flow:
    conversation = operation.conversation
    if operation.erase_history:
        if conversation.kind is ConversationKind.DIRECT:
            yield post("ClearPeerMessage", FromUserId=conversation.user, ToUserId=conversation.other)
        else:
            yield post("ClearMemberGroupMessage", FromUserId=conversation.user, GroupId=conversation.other)
    yield post(
        "DeleteConv",
        removes=True,
        FromUserId=conversation.user,
        ConvId=conversation.other,
        ConvType=CONV_TYPES[conversation.kind],
    )
    return [APPLIED]


def _silence(first: Mute, conversations: Sequence[Conversation]) -> Flow:
    ids = [conversation.other for conversation in conversations]
    reply = yield post(
        SILENCE,
        FromUserId=first.conversation.user,
        ConvType=CONV_TYPES[first.conversation.kind],
        ConvIds=ids,
        Enable=first.muted,
    )
    code: int = reply.document.get("Code", 0)
    items = _failed_items(reply)
    failed = dict(items)
    if len(failed) != len(items) or not failed.keys() <= set(ids):
        raise MalformedReplyError("ErrorList names a conversation twice, or one not asked about")
    if 0 in failed.values() or (code != 0 and failed and failed.keys() != set(ids)):
        raise MalformedReplyError("ErrorList contradicts the answer's Code")
    # Code 0 with a list is a partial failure; another code with a list failed them all.
    return [_verdict(failed.get(item_id, code)) for item_id in ids]


def _failed_items(reply: Reply) -> list[tuple[str, int]]:
    items = reply.document.get("ErrorList")
    # Zero values are dropped from the vendor's answers, so a missing list is an empty one.
    if items is None:
        return []
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise MalformedReplyError("ErrorList is no list of objects")
    return [(member(item, "ConvId", str), member(item, "SubCode", int)) for item in items]


def _verdict(code: int) -> Verdict:
    if code == 0:
        return APPLIED
    return ALREADY if code in ALREADY_SO else Verdict.failed(error_for(CODES, code))
