"""ZEGO's ZIM server API, simulated from its documents.

Sources: the pages under https://www.zegocloud.com/docs/zim-server/ , above all `accessing-server-apis`,
`return-codes` and those of the Actions. Where they are silent, a comment says so, and the strictest
answer was taken.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from itertools import count
from typing import Any, ClassVar, Literal

from convops.operations import Conversation, ConversationKind
from convops.provider import HttpReply, HttpRequest
from convops.testing import ConversationState, Simulator
from convops_zego._simulated_messages import page
from convops_zego._simulated_parameters import (
    Parameters,
    conversation_of,
    from_body,
    from_query,
    identifier,
    is_number,
    page_of,
    peek,
    query_of,
    user_of,
)
from convops_zego._simulated_state import RefusalError, ReturnCode, Side, SimulatedApp

# The account of the signing sample: https://www.zegocloud.com/docs/zim-server/accessing-server-apis
_SAMPLE_APP = 12345
_SAMPLE = "9193cc662a4c0ec135ec71fb57194b38"

_CLOCK_ERROR = 600  # seconds that Timestamp may be off, either way
_CALLS_PER_SECOND = 20
_BATCH = 10
_RECEIPTS = 10
# Sums of binary fractions are off by less; twenty calls spaced by exactly 50 ms must pass.
_ROUNDING = 1e-6


class ZegoSimulator(Simulator):
    """One ZIM app on a simulated server.

    Args:
        app_id: the app's id.
        server_secret: what requests must be signed with.
        latest: how many of a user's conversations the server reaches, latest first.
        mute_limit: how many one-to-one conversations a user can mute.
        empty_error_list: how an empty `ErrorList` is written.
        base: as for `Simulator`.
    """

    provider: ClassVar[str] = "zego"

    def __init__(
        self,
        *,
        app_id: int = _SAMPLE_APP,
        server_secret: str = _SAMPLE,
        latest: int = 1000,
        mute_limit: int = 500,
        empty_error_list: Literal["list", "null", "missing"] = "list",
        **base: Any,
    ) -> None:
        super().__init__(**base)
        self._app_id = app_id
        self._server_secret = server_secret
        self._empty_error_list = empty_error_list
        self._app = SimulatedApp(latest=latest, mute_limit=mute_limit)
        self._calls: defaultdict[str, deque[float]] = defaultdict(deque)
        self._request_ids = count(343649807833778782)
        self._actions: dict[str, tuple[str, Callable[[Parameters], dict[str, Any]]]] = {
            "ClearConversationUnread": ("GET", self._clear_conversation_unread),
            "DeleteConv": ("POST", self._delete_conv),
            "SilenceConvNotification": ("POST", self._silence_conv_notification),
            "ClearPeerMessage": ("POST", self._clear_peer_message),
            "ClearMemberGroupMessage": ("POST", self._clear_member_group_message),
            "QueryConversationList": ("POST", self._query_conversation_list),
            "QueryPeerMsg": ("POST", self._query_peer_msg),
            "QueryGroupMsg": ("POST", self._query_group_msg),
            "C2cReadReceipt": ("POST", self._c2c_read_receipt),
            "GroupReadReceipt": ("POST", self._group_read_receipt),
        }

    # --- Arrange ---

    @property
    def settings(self) -> dict[str, Any]:
        """Keyword arguments for `convops.connect`, without `base_url`."""
        return {"app_id": self._app_id, "server_secret": self._server_secret}

    def add_user(self, user: str) -> None:
        """Register a user; an id that ZIM does not take is a ValueError."""
        with self._lock:
            self._app.register(user)

    def add_group(self, group: str, members: Iterable[str], *, kind: str | None = None) -> None:
        """Create a group, or replace the members of one; a kind, or a stranger in it, is a ValueError."""
        if kind is not None:
            raise ValueError(f"ZIM knows one kind of group, so there is no {kind!r}")
        with self._lock:
            self._app.set_group(group, members)

    def receive(self, conversation: Conversation, count: int = 1) -> None:
        """Let messages of others arrive on this side only; for a stranger or a non-member it is a ValueError.

        They stand in the history that both users, or all members, share.
        """
        with self._lock:
            self._app.receive(conversation, count, self.now())

    def send(self, conversation: Conversation, count: int = 1) -> None:
        """Let the user write messages, seen on this side only; a ValueError as for `receive`."""
        with self._lock:
            self._app.send(conversation, count, self.now())

    # --- Look ---

    def state(self, conversation: Conversation) -> ConversationState | None:
        """Return the conversation as ZIM has it; None when it is not in the user's list."""
        with self._lock:
            side = self._app.side(conversation)
            return _state(side) if side.listed else None

    def conversations(self) -> dict[Conversation, ConversationState]:
        """Return every conversation in the list of its user."""
        with self._lock:
            return {conversation: _state(side) for conversation, side in self._app.listed().items()}

    def is_muted(self, conversation: Conversation) -> bool:
        """Return whether it is muted, whether or not it is in the user's list."""
        with self._lock:
            return self._app.side(conversation).muted

    def receipts(self, conversation: Conversation) -> dict[int, float]:
        """Return the read receipts that this user gave there: Unix seconds, by MsgSeq.

        Messages are numbered from 1 in the order in which they came, the user's own included.
        """
        with self._lock:
            return self._app.receipts(conversation)

    @property
    def reused_nonces(self) -> list[str]:
        """The nonces that came more than once in `exchanges`.

        The documents ask for a random nonce; what the server does about a repeated one is undocumented,
        so that nothing is refused here.
        """
        with self._lock:
            nonces = Counter(peek(exchange.request, "SignatureNonce") for exchange in self.exchanges)
        return [nonce for nonce, times in nonces.items() if nonce and times > 1]

    # --- Answer ---

    def action(self, request: HttpRequest) -> str:
        """Return the `Action`; an empty str where it is none that is simulated."""
        action = peek(request, "Action")
        return action if action in self._actions else ""

    def answer(self, request: HttpRequest) -> HttpReply:
        """Return what ZIM answers, after changing the state accordingly."""
        try:
            document = self._serve(request)
        except RefusalError as refusal:
            return self.refusal(refusal.code)
        return self._reply(document.pop("Code", ReturnCode.SUCCESS), document)

    def refusal(self, code: int | str) -> HttpReply:
        """Return ZIM's answer for a code."""
        return self._reply(int(code), {})

    def _reply(self, code: int, document: Mapping[str, Any]) -> HttpReply:
        # The pages declare no HTTP status but 200, and a RequestId of digits in a string.
        common = {"Code": code, "Message": _phrase(code), "RequestId": str(next(self._request_ids))}
        body = json.dumps({**common, **document}, ensure_ascii=False).encode()
        return HttpReply(200, {"content-type": "application/json"}, body)

    # --- The gateway ---

    def _serve(self, request: HttpRequest) -> dict[str, Any]:
        if request.target.partition("?")[0] != "/":
            # Undocumented; this is the code of a wrong host.
            raise RefusalError(ReturnCode.URL_WRONG)
        query = query_of(request)
        method, serve = self._accept(query)
        if request.method != method:
            # Undocumented; the Action does not exist under this method.
            raise RefusalError(ReturnCode.ACTION_UNSUPPORTED)
        self._count(query["Action"])
        return serve(from_query(query) if method == "GET" else from_body(request))

    def _accept(self, query: Mapping[str, str]) -> tuple[str, Callable[[Parameters], dict[str, Any]]]:
        """Check the common parameters, and return the method and the function of the Action.

        Which of several faults is told first is undocumented: here the form comes before the proof.
        """
        app_id, timestamp, action, nonce, signature, version = (
            query.get(name, "")
            for name in ("AppId", "Timestamp", "Action", "SignatureNonce", "Signature", "SignatureVersion")
        )
        checks = (
            # An empty AppId has no code of its own.
            (is_number(app_id, bits=32), ReturnCode.APP_ID_MALFORMED),
            (timestamp, ReturnCode.TIMESTAMP_EMPTY),
            (is_number(timestamp, bits=63), ReturnCode.TIMESTAMP_MALFORMED),
            (action, ReturnCode.ACTION_EMPTY),
            (action in self._actions, ReturnCode.ACTION_UNSUPPORTED),
            # Sixteen hexadecimal digits are asked for, but no code is given for anything else.
            (nonce, ReturnCode.NONCE_EMPTY),
            (signature, ReturnCode.SIGNATURE_EMPTY),
            (version, ReturnCode.VERSION_EMPTY),
            (version == "2.0", ReturnCode.VERSION_UNSUPPORTED),
            # No code says that an app does not exist. For this one a sister product advises to check AppId:
            # https://www.zegocloud.com/docs/real-time-voice-server/api-reference/return-codes
            (app_id == str(self._app_id), ReturnCode.APP_UNKNOWN),
        )
        for passed, code in checks:
            if not passed:
                raise RefusalError(code)
        if abs(self.now() - int(timestamp)) > _CLOCK_ERROR:
            raise RefusalError(ReturnCode.SIGNATURE_EXPIRED)
        # https://www.zegocloud.com/docs/zim-server/accessing-server-apis
        signed = f"{app_id}{nonce}{self._server_secret}{timestamp}".encode()
        if signature != hashlib.md5(signed, usedforsecurity=False).hexdigest():
            raise RefusalError(ReturnCode.SIGNATURE_WRONG)
        return self._actions[action]

    def _count(self, action: str) -> None:
        """Count a call against the limit that each page prints for its Action.

        That Actions are counted apart, in a sliding second, and that refused calls take no place is
        undocumented.
        """
        if not self.rate_limits:
            return
        now = self.now()
        calls = self._calls[action]
        while calls and now - calls[0] >= 1 - _ROUNDING:
            calls.popleft()
        if len(calls) >= _CALLS_PER_SECOND:
            raise RefusalError(ReturnCode.TOO_FREQUENT)
        calls.append(now)

    # --- The Actions, each with its page under the documents' root ---

    def _clear_conversation_unread(self, parameters: Parameters) -> dict[str, Any]:
        """Do as `conversation/clear-the-unread-message-count-of-a-conversation` says."""
        self._app.clear_unread(conversation_of(parameters), self.now())
        return {}

    def _delete_conv(self, parameters: Parameters) -> dict[str, Any]:
        """Do as `conversation/delete-a-conversation` says."""
        self._app.delete(conversation_of(parameters))
        return {}

    def _silence_conv_notification(self, parameters: Parameters) -> dict[str, Any]:
        """Do as `conversation/mute-notifications-for-conversations` says."""
        others, enable = parameters.get("ConvIds"), parameters.get("Enable")
        # "Batch over the limit" (660800019) is not among the codes of this page.
        if not isinstance(others, list) or not 1 <= len(others) <= _BATCH or not isinstance(enable, bool):
            raise RefusalError(ReturnCode.PARAMETER_WRONG)
        conversations = [conversation_of({**parameters, "ConvId": other}) for other in others]
        verdicts = [(c.other, self._app.mute(c, muted=enable)) for c in conversations]
        if verdicts[0][1] is ReturnCode.USER_UNREGISTERED:
            # Nothing was tried on any conversation: no ErrorList.
            raise RefusalError(ReturnCode.USER_UNREGISTERED)
        failed = [
            {"ConvId": other, "SubCode": code, "SubMessage": code.phrase}
            for other, code in verdicts
            if code is not ReturnCode.SUCCESS
        ]
        if failed:
            # The code for failures of several kinds is undocumented: here the first one's.
            code = verdicts[0][1] if len(failed) == len(verdicts) else ReturnCode.SUCCESS
            return {"Code": code, "ErrorList": failed}
        empty: dict[str, dict[str, Any]] = {"list": {"ErrorList": []}, "null": {"ErrorList": None}}
        return empty.get(self._empty_error_list, {})

    def _clear_peer_message(self, parameters: Parameters) -> dict[str, Any]:
        """Do as `messaging/delete-all-messages-from-a-one-to-one-conversaiton-user` says, so spelled."""
        self._app.erase(conversation_of({**parameters, "ConvId": parameters.get("ToUserId"), "ConvType": 0}))
        return {}

    def _clear_member_group_message(self, parameters: Parameters) -> dict[str, Any]:
        """Do as `messaging/delete-all-messages-from-a-group-member` says."""
        self._app.erase(conversation_of({**parameters, "ConvId": parameters.get("GroupId"), "ConvType": 2}))
        return {}

    def _query_conversation_list(self, parameters: Parameters) -> dict[str, Any]:
        """Do as `conversation/query-conversation-list` says; what `Next` means is the server's own affair."""
        limit, start = page_of(parameters, default=100, most=500)
        latest = [*self._app.latest(user_of(parameters))][::-1]
        end = start + limit
        rows = [
            {
                "ConvId": conversation.other,
                # The field may be left out where it is 0.
                **({"ConvType": 2} if conversation.kind is ConversationKind.GROUP else {}),
                "UpdateTime": round(self._app.side(conversation).updated * 1000),
            }
            for conversation in latest[start:end]
        ]
        return {"TotalCount": len(latest), "Next": end if end < len(latest) else 0, "List": rows}

    def _query_peer_msg(self, parameters: Parameters) -> dict[str, Any]:
        """Do as `conversation/query-the-message-list-of-one-on-one-chats` says."""
        conversation = conversation_of({**parameters, "ConvId": parameters.get("ToUserId"), "ConvType": 0})
        return page(self._app.direct_messages(conversation), *_message_page_of(parameters))

    def _query_group_msg(self, parameters: Parameters) -> dict[str, Any]:
        """Do as `conversation/query-the-message-list-of-group-chats` says."""
        group = identifier(parameters.get("GroupId"))
        return page(self._app.group_messages(group), *_message_page_of(parameters))

    def _c2c_read_receipt(self, parameters: Parameters) -> dict[str, Any]:
        """Do as `messaging/set-read-receipts-for-one-to-one-messages` says."""
        return self._give_receipts(conversation_of({**parameters, "ConvType": 0}), parameters)

    def _group_read_receipt(self, parameters: Parameters) -> dict[str, Any]:
        """Do as `messaging/set-read-receipts-for-group-messages` says."""
        conversation = conversation_of({**parameters, "ConvId": parameters.get("GroupId"), "ConvType": 2})
        return self._give_receipts(conversation, parameters)

    def _give_receipts(self, conversation: Conversation, parameters: Parameters) -> dict[str, Any]:
        numbers = parameters.get("ConvMsgSeq")
        if not isinstance(numbers, list) or not numbers or any(type(number) is not int for number in numbers):
            raise RefusalError(ReturnCode.PARAMETER_WRONG)
        # How many are too many stands in `return-codes` only.
        if len(numbers) > _RECEIPTS:
            raise RefusalError(ReturnCode.RECEIPTS_TOO_MANY)
        now = self.now()
        self._app.read_messages(conversation, numbers, now)
        # The unit of ReadTime is undocumented: here that of every other time.
        return {"ReadTime": int(now * 1000)}


def _state(side: Side) -> ConversationState:
    return ConversationState(
        unread=side.unread, muted=side.muted, messages=side.messages, read_up_to=side.read_up_to
    )


def _message_page_of(parameters: Parameters) -> tuple[int, int]:
    # Nothing is recalled here, or deleted for everybody: there is no empty message to include.
    with_empty = parameters.get("WithEmptyMsg", 0)
    if type(with_empty) is not int or with_empty not in (0, 1):
        raise RefusalError(ReturnCode.PARAMETER_WRONG)
    return page_of(parameters, default=10, most=100)


def _phrase(code: int) -> str:
    return next((known.phrase for known in ReturnCode if known == code), f"code {code}")
