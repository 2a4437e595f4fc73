"""What the simulated homeserver remembers, and its endpoints; the door to them is in `simulator`.

Written from the client-server specification v1.15. Where that is silent it does what Synapse 1.163.2 was
seen to do; a test sends the same requests to both and compares.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from attrs import define, field, frozen

Document = dict[str, Any]

JOIN, INVITE, LEAVE, BAN = "join", "invite", "leave", "ban"
MESSAGE = "m.room.message"
MARKED = "m.marked_unread"
RECEIPTS = ("m.read", "m.read.private")
FULLY_READ = "m.fully_read"
ACTIONS = ("notify", "dont_notify", "coalesce")

# Old rooms are named by their server; since version 12 of rooms a name is the hash of their first event.
_ROOM = re.compile(r"![^:]+:.+|![A-Za-z0-9_-]{43}")
_INTEGER = re.compile(r"-?[0-9]{1,18}")


class Refused(Exception):  # noqa: N818 - an answer of the vendor, no error of ours
    """The server answers with this status and `errcode`, and nothing changes."""

    def __init__(self, status: int, code: str, **more: Any) -> None:
        super().__init__(status, code)
        self.status = status
        self.code = code
        self.more = more


@frozen
class Event:
    """Something that happened in a room.

    Attributes:
        name: its id.
        kind: its type.
        sender: who did it.
        sent: Unix milliseconds.
        counted: for whom it is an unread message.
    """

    name: str
    kind: str
    sender: str
    sent: int
    counted: frozenset[str] = frozenset()


@define
class Room:
    """A room, oldest event first.

    Attributes:
        members: memberships by user.
        events: all of them.
        forgotten: who forgot it.
        open: whether anybody may read it.
    """

    members: dict[str, str]
    events: list[Event] = field(factory=list)
    forgotten: set[str] = field(factory=set)
    open: bool = False

    def place(self, event: object) -> int | None:
        """Return where an event stands; None for one of another room, or of none."""
        return next((place for place, one in enumerate(self.events) if one.name == event), None)

    def lets_read(self, user: str) -> bool:
        """Whether its present state and events are the user's to see."""
        return self.open or self.members.get(user) == JOIN


@define
class Side:
    """What the server keeps of one user.

    Attributes:
        data: account data by type.
        room_data: by room and type.
        tags: by room.
        rules: override rules by their id, the last one first.
        read: how far receipts of each kind reach, by room and kind.
    """

    data: dict[str, Document] = field(factory=dict)
    room_data: dict[tuple[str, str], Document] = field(factory=dict)
    tags: dict[str, dict[str, Document]] = field(factory=dict)
    rules: dict[str, Document] = field(factory=dict)
    read: dict[tuple[str, str], int] = field(factory=dict)

    def is_muted(self, room: str) -> bool:
        """Whether a rule that is switched on silences the room."""
        wanted = {"kind": "event_match", "key": "room_id", "pattern": room}
        rule = self.rules.get(room)
        if rule is None or not rule["enabled"] or "notify" in rule["actions"]:
            return False
        return all(condition == wanted for condition in rule["conditions"])


@define
class State:
    """Everything a homeserver knows.

    Attributes:
        users: what it keeps of each.
        rooms: by id.
    """

    users: dict[str, Side] = field(factory=dict)
    rooms: dict[str, Room] = field(factory=dict)
    _made: int = 0

    def happen(self, room: Room, kind: str, sender: str, sent: int) -> Event:
        """Add an event; a message counts for every other member whose rules do not silence the room."""
        self._made += 1
        name = next(name for name, one in self.rooms.items() if one is room)
        counted = frozenset(
            user
            for user, membership in room.members.items()
            if kind == MESSAGE
            and user != sender
            and membership == JOIN
            and not self.users[user].is_muted(name)
        )
        event = Event(f"$simulated-{self._made}", kind, sender, sent, counted)
        room.events.append(event)
        return event

    def reach(self, user: str, room: str) -> int:
        """Return the place of the newest event that the user has read; -1 for none."""
        return max(self.users[user].read.get((room, kind), -1) for kind in RECEIPTS)

    def unread(self, user: str, room: str) -> int:
        """Return the notification count."""
        left = self.rooms[room].events[self.reach(user, room) + 1 :]
        return sum(user in event.counted for event in left)


@frozen
class Asked:
    """A request that was let in.

    Attributes:
        user: in whose name.
        names: the parts of the path that are no fixed words.
        query: its parameters.
        body: the JSON object; empty where none is read.
        now: Unix milliseconds.
    """

    user: str
    names: tuple[str, ...]
    query: Mapping[str, str]
    body: Document
    now: int


Endpoint = Callable[[State, Asked], Document]


# --- Account data -------------------------------------------------------------------------------------


def _own(state: State, asked: Asked) -> Side:
    if asked.names[0] != asked.user:
        raise Refused(403, "M_FORBIDDEN")
    return state.users[asked.user]


def _whoami(_: State, asked: Asked) -> Document:
    return {"user_id": asked.user, "is_guest": False}


def _read_data(state: State, asked: Asked) -> Document:
    side, kind = _own(state, asked), asked.names[1]
    if kind not in side.data:
        raise Refused(404, "M_NOT_FOUND")
    return side.data[kind]


def _set_data(state: State, asked: Asked) -> Document:
    _own(state, asked).data[asked.names[1]] = asked.body
    return {}


def _check_room_name(room: str) -> None:
    if not _ROOM.fullmatch(room):
        raise Refused(400, "M_INVALID_PARAM")


def _read_room_data(state: State, asked: Asked) -> Document:
    side, (_, room, kind) = _own(state, asked), asked.names
    _check_room_name(room)
    if (room, kind) not in side.room_data:
        raise Refused(404, "M_NOT_FOUND")
    return side.room_data[room, kind]


def _set_room_data(state: State, asked: Asked) -> Document:
    side, (_, room, kind) = _own(state, asked), asked.names
    _check_room_name(room)
    if kind == FULLY_READ:
        # It has a call of its own.
        raise Refused(405, "M_BAD_JSON")
    # That the user has anything to do with the room is not asked.
    side.room_data[room, kind] = asked.body
    return {}


def _read_tags(state: State, asked: Asked) -> Document:
    return {"tags": _own(state, asked).tags.get(asked.names[1], {})}


def _set_tag(state: State, asked: Asked) -> Document:
    side, (user, name, tag) = _own(state, asked), asked.names
    room = state.rooms.get(name)
    if room is None or user not in room.members:
        raise Refused(403, "M_FORBIDDEN")
    side.tags.setdefault(name, {})[tag] = asked.body
    return {}


def _delete_tag(state: State, asked: Asked) -> Document:
    side, (_, name, tag) = _own(state, asked), asked.names
    side.tags.get(name, {}).pop(tag, None)
    return {}


# --- Rooms --------------------------------------------------------------------------------------------


def _read_member(state: State, asked: Asked) -> Document:
    name, who = asked.names
    room = state.rooms.get(name)
    mine = None if room is None else room.members.get(asked.user)
    gone = mine == LEAVE and room is not None and asked.user not in room.forgotten
    if room is None or not (room.lets_read(asked.user) or gone):
        # A stranger is not told whether the room exists.
        raise Refused(403, "M_FORBIDDEN")
    if who not in room.members:
        raise Refused(404, "M_NOT_FOUND")
    return {"membership": room.members[who]}


def _timestamp_to_event(state: State, asked: Asked) -> Document:
    if "ts" not in asked.query:
        raise Refused(400, "M_MISSING_PARAM")
    moment = asked.query["ts"]
    if not _INTEGER.fullmatch(moment) or int(moment) < 0 or asked.query.get("dir", "f") not in ("b", "f"):
        raise Refused(400, "M_INVALID_PARAM")
    room = state.rooms.get(asked.names[0])
    if room is None or not room.lets_read(asked.user):
        raise Refused(403, "M_FORBIDDEN")
    if asked.query.get("dir", "f") == "b":
        found = [event for event in reversed(room.events) if event.sent <= int(moment)]
        nearest = max(found, key=lambda event: event.sent, default=None)
    else:
        found = [event for event in room.events if event.sent >= int(moment)]
        nearest = min(found, key=lambda event: event.sent, default=None)
    if nearest is None:
        raise Refused(404, "M_NOT_FOUND")
    return {"event_id": nearest.name, "origin_server_ts": nearest.sent}


def _receive(state: State, user: str, name: str, kind: str, event: object) -> None:
    # Rooms and events that do not exist, or are not the user's, are passed over in silence.
    room = state.rooms.get(name)
    place = None if room is None else room.place(event)
    if room is not None and place is not None and room.members.get(user) == JOIN:
        read = state.users[user].read
        # A receipt never goes back.
        read[name, kind] = max(place, read.get((name, kind), -1))


def _receipt(state: State, asked: Asked) -> Document:
    name, kind, event = asked.names
    if kind not in (*RECEIPTS, FULLY_READ):
        raise Refused(400, "M_UNKNOWN")
    return _mark(state, asked.user, name, {kind: event})


def _read_markers(state: State, asked: Asked) -> Document:
    return _mark(state, asked.user, asked.names[0], asked.body)


def _mark(state: State, user: str, name: str, markers: Document) -> Document:
    room, side = state.rooms.get(name), state.users[user]
    # Synapse goes through a set: whether a receipt counts beside a refused marker depends on its start.
    if FULLY_READ in markers:
        place = None if room is None else room.place(markers[FULLY_READ])
        if room is None or place is None:
            raise Refused(404, "M_UNKNOWN")
        before = room.place(side.room_data.get((name, FULLY_READ), {}).get("event_id"))
        if before is None or place > before:
            side.room_data[name, FULLY_READ] = {"event_id": markers[FULLY_READ]}
    for kind in RECEIPTS:
        if kind in markers:
            _receive(state, user, name, kind, markers[kind])
    return {}


def _leave(state: State, asked: Asked) -> Document:
    room = state.rooms.get(asked.names[0])
    if room is None:
        raise Refused(404, "M_UNKNOWN")
    if room.members.get(asked.user) not in (JOIN, INVITE, LEAVE):
        raise Refused(403, "M_FORBIDDEN")
    if room.members[asked.user] != LEAVE:
        room.members[asked.user] = LEAVE
        state.happen(room, "m.room.member", asked.user, asked.now)
    return {}


def _forget(state: State, asked: Asked) -> Document:
    room = state.rooms.get(asked.names[0])
    if room is None:
        return {}
    if room.members.get(asked.user) in (JOIN, INVITE):
        raise Refused(400, "M_UNKNOWN")
    room.forgotten.add(asked.user)
    return {}


# --- Push rules ---------------------------------------------------------------------------------------


def _rule(state: State, asked: Asked) -> Document:
    found = state.users[asked.user].rules.get(asked.names[0])
    if found is None:
        raise Refused(404, "M_NOT_FOUND")
    return found


def _read_rule(state: State, asked: Asked) -> Document:
    return _rule(state, asked)


def _set_rule(state: State, asked: Asked) -> Document:
    conditions, actions = asked.body.get("conditions"), asked.body.get("actions")
    if not isinstance(conditions, list) or not isinstance(actions, list):
        raise Refused(400, "M_UNKNOWN")
    if not all(action in ACTIONS or isinstance(action, dict) for action in actions):
        raise Refused(400, "M_UNKNOWN")
    rules, name = state.users[asked.user].rules, asked.names[0]
    # One that was switched off stays so; a new one is switched on.
    enabled = rules[name]["enabled"] if name in rules else True
    rules[name] = {
        "conditions": conditions,
        "actions": actions,
        "rule_id": name,
        "default": False,
        "enabled": enabled,
    }
    return {}


def _delete_rule(state: State, asked: Asked) -> Document:
    _rule(state, asked)
    del state.users[asked.user].rules[asked.names[0]]
    return {}


def _read_enabled(state: State, asked: Asked) -> Document:
    return {"enabled": _rule(state, asked)["enabled"]}


def _enable_rule(state: State, asked: Asked) -> Document:
    if not isinstance(asked.body.get("enabled"), bool):
        raise Refused(400, "M_UNKNOWN")
    _rule(state, asked)["enabled"] = asked.body["enabled"]
    return {}


# What each call is named, and what it does, by method; `*` stands for what the caller names.
ENDPOINTS: Mapping[str, Mapping[str, tuple[str, Endpoint]]] = {
    "v3/account/whoami": {"GET": ("whoami", _whoami)},
    "v3/user/*/account_data/*": {
        "GET": ("read_m.direct", _read_data),
        "PUT": ("set_account_data", _set_data),
    },
    "v3/user/*/rooms/*/account_data/*": {
        "GET": ("read_marked_unread", _read_room_data),
        "PUT": ("clear_marked_unread", _set_room_data),
    },
    "v3/user/*/rooms/*/tags": {"GET": ("read_tags", _read_tags)},
    "v3/user/*/rooms/*/tags/*": {"PUT": ("set_tag", _set_tag), "DELETE": ("delete_tag", _delete_tag)},
    "v3/rooms/*/state/m.room.member/*": {"GET": ("read_member", _read_member)},
    "v1/rooms/*/timestamp_to_event": {"GET": ("timestamp_to_event", _timestamp_to_event)},
    "v3/rooms/*/receipt/*/*": {"POST": ("receipt", _receipt)},
    "v3/rooms/*/read_markers": {"POST": ("read_markers", _read_markers)},
    "v3/rooms/*/leave": {"POST": ("leave", _leave)},
    "v3/rooms/*/forget": {"POST": ("forget", _forget)},
    "v3/pushrules/global/override/*": {
        "GET": ("read_push_rule", _read_rule),
        "PUT": ("set_push_rule", _set_rule),
        "DELETE": ("delete_push_rule", _delete_rule),
    },
    "v3/pushrules/global/override/*/enabled": {
        "GET": ("read_push_rule_enabled", _read_enabled),
        "PUT": ("enable_push_rule", _enable_rule),
    },
}
