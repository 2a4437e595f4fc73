"""A Matrix homeserver, simulated from the client-server specification v1.15.

It makes the tests of an app fast where a real server would be slow. What it answers is compared with a
running Synapse by `tests/synapse`.
"""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, NoReturn
from urllib.parse import parse_qsl, unquote

from convops.operations import Conversation, ConversationKind
from convops.provider import HttpReply, HttpRequest
from convops.testing import ConversationState, Simulator
from convops_matrix._simulated_state import (
    ENDPOINTS,
    JOIN,
    MESSAGE,
    Asked,
    Document,
    Refused,
    Room,
    Side,
    State,
)

SAMPLE_TOKEN = "simulated-application-service"  # noqa: S105 - it opens nothing but this
PREFIX = "/_matrix/client/"
HIDDEN = "u.convops.hidden"

# Synapse's own default for `rc_message`, which leaving counts against:
# https://element-hq.github.io/synapse/latest/usage/configuration/config_documentation.html#rc_message
LEAVES_PER_SECOND = 0.2
LEAVES_AT_ONCE = 10

# The status that goes with an errcode, where a test asks for one by its name.
STATUSES: Mapping[str, int] = {
    "M_BAD_JSON": 400,
    "M_FORBIDDEN": 403,
    "M_INVALID_PARAM": 400,
    "M_LIMIT_EXCEEDED": 429,
    "M_MISSING_PARAM": 400,
    "M_MISSING_TOKEN": 401,
    "M_NOT_FOUND": 404,
    "M_NOT_JSON": 400,
    "M_RESOURCE_LIMIT_EXCEEDED": 403,
    "M_UNKNOWN": 500,
    "M_UNKNOWN_TOKEN": 401,
    "M_UNRECOGNIZED": 404,
    "M_USER_DEACTIVATED": 403,
    "M_USER_LOCKED": 401,
    "M_USER_SUSPENDED": 403,
}


class MatrixSimulator(Simulator):
    """One homeserver, with an application service that may act for each of its users.

    Args:
        server_name: stands behind the colon of its users' ids.
        token: the application service's.
        rate_limited: whether the limits hold for the application service too, as its registration says.
        now: the server's clock, in Unix seconds.
        rate_limits: whether any limit is counted.
    """

    provider: ClassVar[str] = "matrix"

    def __init__(
        self,
        *,
        server_name: str = "matrix.example",
        token: str = SAMPLE_TOKEN,
        rate_limited: bool = True,
        now: Callable[[], float] = time.time,
        rate_limits: bool = True,
    ) -> None:
        super().__init__(now=now, rate_limits=rate_limits)
        self._server_name = server_name
        self._token = token
        self._rate_limited = rate_limited
        self._logged_in: dict[str, str] = {}
        self._leaves: dict[str, tuple[float, float]] = {}
        self._bot = self.user_id("convops-bot")
        self._state = State({self._bot: Side()})

    # --- Arrange ---

    @property
    def settings(self) -> dict[str, Any]:
        """Keyword arguments for `convops.connect`, without `base_url`."""
        return {"access_token": self._token}

    def user_id(self, name: str) -> str:
        """Return the Matrix id of the user whom a scene calls `name`."""
        return f"@{name}:{self._server_name}"

    def group_id(self, name: str) -> str:
        """Return the room id of the group that a scene calls `name`."""
        return f"!{name}:{self._server_name}"

    def add_user(self, user: str) -> None:
        """Register a user; doing it again changes nothing.

        Raises:
            ValueError: it is no Matrix id, or another server's.
        """
        if not re.fullmatch(rf"@[^:]+:{re.escape(self._server_name)}", user):
            raise ValueError(f"{user!r} is no id of a user of {self._server_name}")
        with self._lock:
            self._state.users.setdefault(user, Side())

    def log_in(self, user: str) -> str:
        """Return a token of the user's own, for which the server ignores `user_id`."""
        with self._lock:
            self._side(user)
            token = f"simulated-token-{len(self._logged_in)}"
            self._logged_in[token] = user
            return token

    def add_group(self, group: str, members: Iterable[str], *, kind: str | None = None) -> None:
        """Create a room.

        Args:
            group: its id, which begins with an exclamation mark.
            members: who is in it, the first of whom made it.
            kind: `private` (the default), or `world_readable` for one that anybody may read.

        Raises:
            ValueError: the kind or a member does not exist, or the id is taken or none.
        """
        if kind not in (None, "private", "world_readable"):
            raise ValueError(f"there is no kind of room {kind!r}, only private and world_readable")
        if not group.startswith("!"):
            raise ValueError(f"{group!r} is no room id")
        with self._lock:
            if group in self._state.rooms:
                raise ValueError(f"there is a room {group!r} already")
            joining = list(members)
            for user in joining:
                self._side(user)
            self._make(group, joining, is_open=kind == "world_readable")

    def set_membership(self, room: str, user: str, membership: str) -> None:
        """Let a user be in a room, or `invite` or `ban` one; also one who left and forgot it."""
        with self._lock:
            self._side(user)
            self._room(room).members[user] = membership
            self._room(room).forgotten.discard(user)

    def receive(self, conversation: Conversation, count: int = 1) -> None:
        """Let `count` messages arrive from the peer, or from another member of the room.

        A direct conversation without a room gets one, which both sides' `m.direct` list. A room is one for
        all: every member gets the message.

        Raises:
            ValueError: a user or the room does not exist, nobody else is in it, or `count` is below 1.
        """
        if count < 1:
            raise ValueError("count must be at least 1")
        with self._lock:
            self._side(conversation.user)
            if conversation.kind is ConversationKind.DIRECT:
                self._side(conversation.other)
                name, sender = self._direct(conversation), conversation.other
            else:
                name, sender = conversation.other, self._other_member(conversation)
            for _ in range(count):
                self.say(name, sender)

    def say(self, room: str, sender: str) -> str:
        """Send a message, and return the id of its event."""
        with self._lock:
            found = self._room(room)
            if found.members.get(sender) != JOIN:
                raise ValueError(f"{sender!r} is not in {room!r}")
            return self._state.happen(found, MESSAGE, sender, self._milliseconds()).name

    def _side(self, user: str) -> Side:
        if user not in self._state.users:
            raise ValueError(f"there is no user {user!r}")
        return self._state.users[user]

    def _room(self, name: str) -> Room:
        if name not in self._state.rooms:
            raise ValueError(f"there is no room {name!r}")
        return self._state.rooms[name]

    def _make(self, name: str, members: list[str], *, is_open: bool = False) -> None:
        room = Room(dict.fromkeys(members, JOIN), open=is_open)
        self._state.rooms[name] = room
        for kind, sender in [
            ("m.room.create", members[0] if members else ""),
            *(("m.room.member", m) for m in members),
        ]:
            self._state.happen(room, kind, sender, self._milliseconds())

    def _direct(self, conversation: Conversation) -> str:
        user, peer = conversation.user, conversation.other
        name = self._listed(user, peer) or self._listed(peer, user)
        if name is None:
            name = self.group_id(f"direct-{len(self._state.rooms)}")
            self._make(name, [user, peer])
        for one, other in ((user, peer), (peer, user)):
            rooms = self._side(one).data.setdefault("m.direct", {}).setdefault(other, [])
            if name not in rooms:
                rooms.append(name)
        return name

    def _listed(self, user: str, peer: str) -> str | None:
        side = self._state.users.get(user)
        names = [] if side is None else side.data.get("m.direct", {}).get(peer, [])
        rooms = self._state.rooms
        there = [name for name in names if name in rooms and rooms[name].members.get(user) == JOIN]
        return there[-1] if there else None

    def _other_member(self, conversation: Conversation) -> str:
        members = self._room(conversation.other).members
        if members.get(conversation.user) != JOIN:
            raise ValueError(f"{conversation.user!r} is not in {conversation.other!r}")
        others = [user for user, membership in members.items() if membership == JOIN]
        others.remove(conversation.user)
        if not others:
            raise ValueError(f"nobody else is in {conversation.other!r}")
        return others[0]

    def _milliseconds(self) -> int:
        return int(self.now() * 1000)

    # --- Look ---

    def state(self, conversation: Conversation) -> ConversationState | None:
        """Return the conversation as the server has it; None for one left, hidden, or without a room."""
        user = conversation.user
        with self._lock:
            name: str | None = conversation.other
            if conversation.kind is ConversationKind.DIRECT:
                name = self._listed(user, conversation.other)
            room = self._state.rooms.get(name or "")
            if name is None or room is None or room.members.get(user) != JOIN:
                return None
            side, place = self._state.users[user], self._state.reach(user, name)
            if HIDDEN in side.tags.get(name, {}):
                return None
            return ConversationState(
                unread=self._state.unread(user, name),
                muted=side.is_muted(name),
                messages=sum(event.kind == MESSAGE for event in room.events),
                read_up_to=None if place < 0 else room.events[place].sent / 1000,
            )

    def conversations(self) -> dict[Conversation, ConversationState]:
        """Return every conversation of every user."""
        with self._lock:
            direct = {
                (user, name): peer
                for user, side in self._state.users.items()
                for peer, names in side.data.get("m.direct", {}).items()
                for name in names
            }
            every = [
                Conversation.direct(user=user, peer=direct[user, name])
                if (user, name) in direct
                else Conversation.group(user=user, group=name)
                for name, room in self._state.rooms.items()
                for user in room.members
            ]
            return {one: state for one in every if (state := self.state(one)) is not None}

    def membership(self, room: str, user: str) -> str | None:
        """Return `join`, `invite`, `leave` or `ban`; None for one who never had to do with the room."""
        with self._lock:
            return self._room(room).members.get(user)

    # --- Answer ---

    def action(self, request: HttpRequest) -> str:
        """Return the name of the call, such as `read_markers`; an empty str where there is none."""
        found = _endpoint(request.target)
        methods = {} if found is None else ENDPOINTS[found[0]]
        return methods[request.method][0] if request.method in methods else ""

    def answer(self, request: HttpRequest) -> HttpReply:
        """Return what the server answers, after changing the state accordingly."""
        try:
            return _render(200, self._serve(request))
        except Refused as refused:
            return _refuse(refused)

    def refusal(self, code: int | str) -> HttpReply:
        """Return the server's answer for an errcode."""
        more = {"retry_after_ms": 1000} if code == "M_LIMIT_EXCEEDED" else {}
        return _refuse(Refused(STATUSES.get(str(code), 400), str(code), **more))

    def _serve(self, request: HttpRequest) -> Document:
        found = _endpoint(request.target)
        if found is None:
            raise Refused(404, "M_UNRECOGNIZED")
        pattern, names = found
        if request.method not in ENDPOINTS[pattern]:
            raise Refused(405, "M_UNRECOGNIZED")
        action, endpoint = ENDPOINTS[pattern][request.method]
        query = _query(request.target)
        user, service = self._authenticated(request, query)
        # Leaving goes without a body too, and forgetting never looks at one.
        unread = request.method in ("GET", "DELETE") or action == "forget"
        bare = action == "leave" and not request.body
        body = {} if unread or bare else _document(request.body)
        if action == "leave" and (self._rate_limited or not service) and names[0] in self._state.rooms:
            self._count_leave(user)
        return endpoint(self._state, Asked(user, names, query, body, self._milliseconds()))

    def _authenticated(self, request: HttpRequest, query: Mapping[str, str]) -> tuple[str, bool]:
        """Return in whose name it is asked, and whether by the application service."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or not token:
            raise Refused(401, "M_MISSING_TOKEN")
        if token in self._logged_in:
            # `user_id` is for application services, and for nobody else an unknown parameter.
            return self._logged_in[token], False
        if token != self._token:
            raise Refused(401, "M_UNKNOWN_TOKEN", soft_logout=False)
        user = query.get("user_id")
        if user is None:
            return self._bot, True
        if user not in self._state.users:
            # Not registered, or outside the namespace: the same refusal.
            raise Refused(403, "M_FORBIDDEN")
        return user, True

    def _count_leave(self, user: str) -> None:
        if not self.rate_limits:
            return
        now = self.now()
        level, since = self._leaves.get(user, (0.0, now))
        level = max(0.0, level - (now - since) * LEAVES_PER_SECOND)
        if level + 1 > LEAVES_AT_ONCE:
            wait = (level + 1 - LEAVES_AT_ONCE) / LEAVES_PER_SECOND
            self._leaves[user] = (level, now)
            raise Refused(429, "M_LIMIT_EXCEEDED", retry_after_ms=math.ceil(wait * 1000))
        self._leaves[user] = (level + 1, now)


def _endpoint(target: str) -> tuple[str, tuple[str, ...]] | None:
    """Return the pattern of a path and what stands for its asterisks, decoded."""
    path = target.partition("?")[0]
    if not path.startswith(PREFIX):
        return None
    words = path.removeprefix(PREFIX).split("/")
    for pattern in ENDPOINTS:
        places = pattern.split("/")
        if len(places) == len(words) and all(p in ("*", w) for p, w in zip(places, words, strict=True)):
            named = [word for place, word in zip(places, words, strict=True) if place == "*"]
            return pattern, tuple(unquote(word) for word in named)
    return None


def _query(target: str) -> dict[str, str]:
    return dict(parse_qsl(target.partition("?")[2], keep_blank_values=True))


def _document(content: bytes) -> Document:
    try:
        body = json.loads(content.decode(), parse_constant=_not_json)
    except (ValueError, RecursionError):
        raise Refused(400, "M_NOT_JSON") from None
    if not isinstance(body, dict):
        raise Refused(400, "M_BAD_JSON")
    return body


def _not_json(constant: str) -> NoReturn:
    raise ValueError(constant)


def _refuse(refused: Refused) -> HttpReply:
    document = {"errcode": refused.code, "error": f"simulated: {refused.code}", **refused.more}
    headers = {}
    if "retry_after_ms" in refused.more:
        headers["retry-after"] = str(math.ceil(refused.more["retry_after_ms"] / 1000))
    return _render(refused.status, document, headers)


def _render(status: int, document: Document, headers: Mapping[str, str] | None = None) -> HttpReply:
    body = json.dumps(document).encode()
    return HttpReply(status, {"content-type": "application/json", **(headers or {})}, body)
