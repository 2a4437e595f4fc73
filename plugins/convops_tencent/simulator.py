"""Tencent Cloud Chat, simulated from its REST documents.

What the documents leave open is decided here, and each such place says so.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
import zlib
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, NoReturn
from urllib.parse import parse_qs, parse_qsl

from attrs import frozen

from convops.operations import Conversation, ConversationKind
from convops.provider import HttpReply, HttpRequest
from convops.testing import ConversationState, Simulator
from convops_tencent._simulated_state import (
    COMMANDS,
    DIRECT,
    DISCARD,
    GROUP,
    KINDS,
    NOTIFY,
    UNCOUNTED,
    Entry,
    Fields,
    Group,
    Member,
    Refused,
    State,
)

SAMPLE_APP_ID = 1400000001
SAMPLE_KEY = "0123456789abcdef" * 4

USER_BYTES = 32
RANDOM_MAX = "4294967295"
# Calls of one command per second and app; every command's page states it.
RATE = 200
# A Unix time in a float resolves no less, so calls spaced at exactly the limit still pass.
CLOCK_GRAIN = 1e-6


@frozen
class Service:
    """The codes by which each service says the same in its own way.

    Attributes:
        unreadable: the body is no JSON object.
        wrong: the body has a field that no page documents.
        not_admin: the caller is no administrator.
        no_command: the service has no such command.
    """

    unreadable: int
    wrong: int
    not_admin: int
    no_command: int


SERVICES: Mapping[str, Service] = {
    "openim": Service(90001, 90001, 90009, 60009),
    "recentcontact": Service(50002, 50002, 50003, 60009),
    "group_open_http_svc": Service(10011, 10004, 60010, 10003),
}

# The vendor's codes in our words, from https://trtc.io/document/34348 and each command's own page.
MEANINGS: Mapping[int, str] = {
    10003: "no such command in the group service",
    10004: "a field is missing or has a value that is not allowed",
    10007: "this type of group does not allow it",
    10010: "the group does not exist",
    10011: "the body is not a JSON object",
    10015: "that cannot be a group id",
    10019: "the user does not exist",
    50001: "the user was never imported",
    50002: "a field is missing or has a value that is not allowed",
    50003: "only an app administrator may do this",
    60002: "the method or the URL cannot be understood",
    60003: "there is no body",
    60007: "too many calls of this command within a second",
    60009: "the URL names no command",
    60010: "only an app administrator may do this",
    60012: "sdkappid is missing from the URL",
    60015: "an account in the body is not a string",
    60025: "identifier, usersig, random or contenttype is missing from the URL or wrong",
    70001: "the UserSig is past its time",
    70002: "the UserSig is empty",
    70003: "the UserSig cannot be decoded",
    70009: "the UserSig was made with another key",
    70013: "the UserSig is for another identifier",
    70014: "the UserSig is for another sdkappid",
    70020: "this sdkappid does not exist",
    90001: "the body is not the JSON object that this command takes",
    90003: "the peer, or the queried account, is missing or does not exist",
    90008: "the reporting account is missing or does not exist",
    90009: "only an app administrator may do this",
    90018: "too many accounts in one call",
}

# UserSig writes base64 with letters that a URL keeps: https://github.com/tencentyun/tls-sig-api-v2-python
USERSIG_LETTERS = str.maketrans("*-_", "+/=")
CLAIMS: Mapping[str, type] = {
    "TLS.ver": str,
    "TLS.identifier": str,
    "TLS.sdkappid": int,
    "TLS.time": int,
    "TLS.expire": int,
    "TLS.sig": str,
}


class TencentSimulator(Simulator):
    """One app at Tencent Cloud Chat.

    Args:
        sdk_app_id: the app.
        secret_key: its key, as the console shows it.
        admin: its administrator's account, imported from the start.
        now: the vendor's clock, in Unix seconds.
        rate_limits: whether the documented limits are counted.
    """

    provider: ClassVar[str] = "tencent"

    def __init__(
        self,
        *,
        sdk_app_id: int = SAMPLE_APP_ID,
        secret_key: str = SAMPLE_KEY,
        admin: str = "administrator",
        now: Callable[[], float] = time.time,
        rate_limits: bool = True,
    ) -> None:
        super().__init__(now=now, rate_limits=rate_limits)
        self._sdk_app_id = sdk_app_id
        self._secret_key = secret_key
        self._admin = admin
        self._calls: defaultdict[str, deque[float]] = defaultdict(deque)
        self._state = State({admin})

    # --- Arrange ---

    @property
    def settings(self) -> dict[str, Any]:
        """Keyword arguments for `convops.connect`, without `base_url`."""
        return {"sdk_app_id": self._sdk_app_id, "secret_key": self._secret_key, "admin": self._admin}

    def add_user(self, user: str) -> None:
        """Import an account; importing it again changes nothing.

        Raises:
            ValueError: the id is empty or longer than 32 bytes.
        """
        if not 0 < len(user.encode()) <= USER_BYTES:
            raise ValueError(f"a user id has 1 to {USER_BYTES} bytes of UTF-8")
        with self._lock:
            self._state.users.add(user)

    def add_group(self, group: str, members: Iterable[str], *, kind: str | None = None) -> None:
        """Create a group.

        Args:
            group: its id.
            members: imported accounts.
            kind: `Public` (the default), `Private` or `Work`, `ChatRoom` or `Meeting`, `AVChatRoom`,
                or `Community`; the name given here is the one the simulator answers with.

        Raises:
            ValueError: the type or a member does not exist, or the id is taken or empty.
        """
        kind = "Public" if kind is None else kind
        if kind not in KINDS:
            raise ValueError(f"there is no group type {kind!r}, only {', '.join(KINDS)}")
        if not group:
            raise ValueError("a group id is empty")
        with self._lock:
            if group in self._state.groups:
                raise ValueError(f"there is a group {group!r} already")
            now, joining = int(self.now()), list(members)
            for user in joining:
                self._check_user(user)
            self._state.groups[group] = Group(kind, now, {user: Member(now) for user in joining})

    def receive(self, conversation: Conversation, count: int = 1) -> None:
        """Let `count` messages arrive at this side, sent in the current second; it is listed from then on.

        Every other side has its own call. In a ChatRoom, Meeting or AVChatRoom nothing counts as
        unread, and a member whose flag is `Discard` gets nothing.

        Raises:
            ValueError: a user or the group does not exist, the user is no member, or `count` is below 1.
        """
        if count < 1:
            raise ValueError("count must be at least 1")
        with self._lock:
            self._check_user(conversation.user)
            counted = True
            if conversation.kind is ConversationKind.DIRECT:
                self._check_user(conversation.other)
            elif self._member(conversation).flag == DISCARD:
                return
            else:
                counted = self._state.groups[conversation.other].kind not in UNCOUNTED
            now = int(self.now())
            entry = self._state.entries.setdefault(_key(conversation), Entry())
            entry.listed, entry.last = True, now
            entry.visible += count
            entry.arrived += count
            entry.unread += [now] * (count if counted else 0)

    def _check_user(self, user: str) -> None:
        if user not in self._state.users:
            raise ValueError(f"there is no user {user!r}")

    def _member(self, conversation: Conversation) -> Member:
        group = self._state.groups.get(conversation.other)
        if group is None:
            raise ValueError(f"there is no group {conversation.other!r}")
        if conversation.user not in group.members:
            raise ValueError(f"{conversation.user!r} is no member of {conversation.other!r}")
        return group.members[conversation.user]

    # --- Look ---

    @property
    def reused_randoms(self) -> list[str]:
        """Values of `random` that came more than once; the documents want one per request."""
        with self._lock:
            queries = [parse_qs(exchange.request.target.partition("?")[2]) for exchange in self.exchanges]
        times = Counter(random for query in queries for random in query.get("random", []))
        return [random for random, count in times.items() if count > 1]

    @property
    def silenced_speakers(self) -> list[tuple[str, str, int]]:
        """Group, member and seconds of every `ShutUpTime` that was sent, refused or not.

        It keeps a member from speaking, and is not what muting a conversation means.
        """
        return self._state.silenced

    def state(self, conversation: Conversation) -> ConversationState | None:
        """Return the conversation as the vendor has it; None when it is not in the user's list."""
        with self._lock:
            listed = self._state.entry(*_key(conversation)).listed
            return self._described(conversation) if listed else None

    def conversations(self) -> dict[Conversation, ConversationState]:
        """Return every conversation of every user."""
        kinds = {DIRECT: ConversationKind.DIRECT, GROUP: ConversationKind.GROUP}
        with self._lock:
            keys = [key for key, entry in self._state.entries.items() if entry.listed]
            every = [Conversation(kind=kinds[kind], user=user, other=other) for kind, user, other in keys]
            return {conversation: self._described(conversation) for conversation in every}

    def is_muted(self, conversation: Conversation) -> bool:
        """Whether the user's notifications are off, be the conversation in the list or not.

        Never for a direct one: no REST command can turn them off.

        Raises:
            ValueError: the group does not exist, or the user is no member.
        """
        with self._lock:
            return conversation.kind is ConversationKind.GROUP and self._member(conversation).flag != NOTIFY

    def _described(self, conversation: Conversation) -> ConversationState:
        entry = self._state.entry(*_key(conversation))
        return ConversationState(
            unread=len(entry.unread),
            muted=self.is_muted(conversation),
            messages=entry.visible,
            read_up_to=entry.read_up_to,
        )

    # --- Answer ---

    def action(self, request: HttpRequest) -> str:
        """Return service and command, such as `openim/admin_set_msg_read`; an empty str for neither."""
        match request.target.partition("?")[0].split("/"):
            case ["", "v4", service, command] if service and command:
                return f"{service}/{command}"
        return ""

    def answer(self, request: HttpRequest) -> HttpReply:
        """Return what the vendor answers, after changing the state accordingly."""
        action = self.action(request)
        display = action.startswith("recentcontact/")
        try:
            return _render(0, self._run(request, action), display=display)
        except Refused as refused:
            return _render(refused.code, {}, display=display)

    def refusal(self, code: int | str) -> HttpReply:
        """Return the vendor's answer for a code, whichever it is."""
        return _render(int(code), {}, display=int(code) // 1000 in (50, 51))

    def _run(self, request: HttpRequest, action: str) -> Fields:
        # https://tencentcloud.com/document/product/1047/34620; the order of the checks is ours.
        if request.method != "POST" or not action:
            raise Refused(60002)
        service = SERVICES.get(action.partition("/")[0])
        if service is None:
            raise Refused(60009)
        if action not in COMMANDS:
            raise Refused(service.no_command)
        if self._authenticated(_query(request.target)) != self._admin:
            raise Refused(service.not_admin)
        self._count(action)
        body = _document(request.body, service)
        run, documented = COMMANDS[action]
        # No page says that others are ignored, and a misspelt field must not pass for done.
        if not body.keys() <= set(documented.split()):
            raise Refused(service.wrong)
        return run(self._state, body, int(self.now()))

    def _authenticated(self, query: Mapping[str, str]) -> str:
        if "sdkappid" not in query:
            raise Refused(60012)
        if query["sdkappid"] != str(self._sdk_app_id):
            raise Refused(70020)
        if query.get("contenttype") != "json" or not query.get("identifier") or "usersig" not in query:
            raise Refused(60025)
        random = query.get("random", "")
        # That a wrong one is refused like its neighbours is our choice; so is that a repeated one is not.
        if not (random.isascii() and random.isdigit() and len(random) <= len(RANDOM_MAX)):
            raise Refused(60025)
        if int(random) > int(RANDOM_MAX):
            raise Refused(60025)
        self._check_usersig(query["usersig"], query["identifier"])
        return query["identifier"]

    def _check_usersig(self, usersig: str, identifier: str) -> None:
        claims = _claims(usersig)
        if claims["TLS.sdkappid"] != self._sdk_app_id:
            raise Refused(70014)
        if claims["TLS.identifier"] != identifier:
            raise Refused(70013)
        names = ["TLS.identifier", "TLS.sdkappid", "TLS.time", "TLS.expire"]
        names += [name for name in ("TLS.userbuf",) if name in claims]
        signed = "".join(f"{name}:{claims[name]}\n" for name in names)
        # The key is the text itself, not the bytes that its digits spell.
        digest = hmac.digest(self._secret_key.encode(), signed.encode(errors="replace"), hashlib.sha256)
        if base64.b64encode(digest) != claims["TLS.sig"].encode(errors="replace"):
            raise Refused(70009)
        if claims["TLS.time"] + claims["TLS.expire"] < self.now():
            raise Refused(70001)

    def _count(self, action: str) -> None:
        # Whether the vendor's second slides, and whether refused calls count, is not documented.
        now, calls = self.now(), self._calls[action]
        while calls and calls[0] <= now - 1 + CLOCK_GRAIN:
            calls.popleft()
        if self.rate_limits and len(calls) >= RATE:
            raise Refused(60007)
        calls.append(now)


def _key(conversation: Conversation) -> tuple[int, str, str]:
    kind = DIRECT if conversation.kind is ConversationKind.DIRECT else GROUP
    return kind, conversation.user, conversation.other


def _query(target: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(target.partition("?")[2], keep_blank_values=True, errors="strict")
    except ValueError:
        raise Refused(60002) from None
    query = dict(pairs)
    if len(query) < len(pairs):
        raise Refused(60002)
    return query


def _claims(usersig: str) -> dict[str, Any]:
    if not usersig:
        raise Refused(70002)
    try:
        if not set("+/=").isdisjoint(usersig):
            raise Refused(70003)
        packed = base64.b64decode(usersig.translate(USERSIG_LETTERS), validate=True)
        claims = json.loads(zlib.decompress(packed))
    except (ValueError, RecursionError, zlib.error):
        raise Refused(70003) from None
    if not isinstance(claims, dict) or any(
        type(claims.get(name)) is not kind for name, kind in CLAIMS.items()
    ):
        raise Refused(70003)
    if claims["TLS.ver"] != "2.0" or not isinstance(claims.get("TLS.userbuf", ""), str):
        raise Refused(70003)
    return claims


def _document(content: bytes, service: Service) -> dict[str, Any]:
    if not content:
        raise Refused(60003)
    try:
        body = json.loads(content.decode(), parse_constant=_not_json)
    except (ValueError, RecursionError):
        raise Refused(service.unreadable) from None
    if not isinstance(body, dict):
        raise Refused(service.unreadable)
    return body


def _not_json(constant: str) -> NoReturn:
    raise ValueError(constant)


def _render(code: int, fields: Fields, *, display: bool) -> HttpReply:
    # The HTTP status is always 200; the verdict is in the body.
    document = {
        **fields,
        "ActionStatus": "FAIL" if code else "OK",
        "ErrorInfo": MEANINGS.get(code, f"code {code}") if code else "",
        "ErrorCode": code,
        **({"ErrorDisplay": ""} if display else {}),
    }
    return HttpReply(200, {"content-type": "application/json"}, json.dumps(document).encode())
