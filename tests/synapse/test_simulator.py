"""The same requests to a running Synapse and to the simulator bring the same answers and the same count."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from attrs import define, field, frozen

from convops import Conversation
from convops.provider import HttpRequest
from convops_matrix.simulator import MatrixSimulator
from tests.synapse.homeserver import SERVER_NAME, Homeserver

pytestmark = pytest.mark.synapse

SERVICE = "the application service's"
BOBS = "bob's own"


@frozen
class Ask:
    """One request; words in braces are names of the scene.

    Attributes:
        method: the HTTP method.
        path: below the client API, its ids not yet encoded.
        body: JSON, or bytes to send as they are.
        user: `user_id`; None leaves it out.
        token: whose token it has.
        query: more parameters.
    """

    method: str
    path: str
    body: Any = None
    user: str | None = "{alice}"
    token: str = SERVICE
    query: Mapping[str, str] = field(factory=dict)


@frozen
class Say:
    """A message of Bob's, whose event and time get a name."""

    room: str
    name: str


Step = Ask | Say


def get(path: str, **more: Any) -> Ask:
    return Ask("GET", path, **more)


def put(path: str, body: Any, **more: Any) -> Ask:
    return Ask("PUT", path, body, **more)


def post(path: str, body: Any = None, **more: Any) -> Ask:
    return Ask("POST", path, {} if body is None else body, **more)


def delete(path: str, **more: Any) -> Ask:
    return Ask("DELETE", path, **more)


ROOMS = ("own", "foreign", "open", "invited", "left", "forgotten", "banned", "unknown", "nonsense")

WHOAMI = "v3/account/whoami"
AUTHORITY = (
    get(WHOAMI),
    get(WHOAMI, user=None),
    get(WHOAMI, token=BOBS),
    get(WHOAMI, token=BOBS, user=None),
    get(WHOAMI, token="wrong"),
    get(WHOAMI, token=""),
    get(WHOAMI, user="@nobody:{server}"),
    get(WHOAMI, user="@alice:elsewhere.example"),
    get(WHOAMI, user="alice"),
    post(WHOAMI),
    get("v3/account/nonsense"),
    get("v3/account/nonsense", token="wrong"),
    post("v3/rooms/{own}/nonsense"),
    get("v3/rooms/{own}/leave"),
    get("v3/rooms/{own}/leave", token="wrong"),
)

DIRECT = "v3/user/{alice}/account_data/m.direct"
DATA = (
    get(DIRECT),
    put(DIRECT, {"{bob}": ["{own}"]}),
    get(DIRECT),
    get("v3/user/{bob}/account_data/m.direct"),
    put("v3/user/{bob}/account_data/m.direct", {}),
    put(DIRECT, b"no json"),
    put(DIRECT, b""),
    put(DIRECT, []),
    *(get(f"v3/user/{{alice}}/rooms/{{{room}}}/account_data/m.marked_unread") for room in ROOMS),
    *(
        put(f"v3/user/{{alice}}/rooms/{{{room}}}/account_data/m.marked_unread", {"unread": True})
        for room in ROOMS
    ),
    *(get(f"v3/user/{{alice}}/rooms/{{{room}}}/account_data/m.marked_unread") for room in ROOMS),
    get("v3/user/{bob}/rooms/{own}/account_data/m.marked_unread"),
    put("v3/user/{bob}/rooms/{own}/account_data/m.marked_unread", {"unread": True}),
    put("v3/user/{alice}/rooms/{own}/account_data/m.fully_read", {"event_id": "{first}"}),
)

TAGS = (
    *(put(f"v3/user/{{alice}}/rooms/{{{room}}}/tags/u.other", {}) for room in ROOMS),
    *(get(f"v3/user/{{alice}}/rooms/{{{room}}}/tags") for room in ROOMS if room != "nonsense"),
    put("v3/user/{alice}/rooms/{own}/tags/u.other", {"order": 0.5}),
    get("v3/user/{alice}/rooms/{own}/tags"),
    delete("v3/user/{alice}/rooms/{own}/tags/u.other"),
    delete("v3/user/{alice}/rooms/{own}/tags/u.other"),
    get("v3/user/{alice}/rooms/{own}/tags"),
    put("v3/user/{bob}/rooms/{own}/tags/u.other", {}),
)

MEMBERS = tuple(
    get(f"v3/rooms/{{{room}}}/state/m.room.member/{{{user}}}")
    for room in ROOMS
    for user in ("alice", "bob", "carol")
    if (room, user) not in {("left", "bob"), ("left", "carol")}
)


def find(room: str, ts: str, way: str = "b", **more: Any) -> Ask:
    return get(f"v1/rooms/{{{room}}}/timestamp_to_event", query={"ts": ts, "dir": way}, **more)


TIMES = (
    *(find(room, "{after}") for room in ROOMS if room != "open"),
    find("own", "{first at}"),
    find("own", "{second at}"),
    find("own", "{after}", "f"),
    find("own", "{second at}", "f"),
    find("own", "1000"),
    find("own", "9007199254740991"),
    find("own", "-1"),
    find("own", "soon"),
    find("own", "1", "x"),
    get("v1/rooms/{own}/timestamp_to_event", query={"dir": "b"}),
)

MARKERS = "v3/rooms/{own}/read_markers"
RECEIPTS = (
    post(MARKERS, {"m.fully_read": "{first}", "m.read.private": "{first}"}),
    Say("own", "third"),
    post(MARKERS, {"m.fully_read": "{second}", "m.read.private": "{second}"}),
    get("v3/user/{alice}/rooms/{own}/account_data/m.fully_read"),
    post(MARKERS, {"m.fully_read": "{first}", "m.read": "{first}"}),
    get("v3/user/{alice}/rooms/{own}/account_data/m.fully_read"),
    post(MARKERS, {"m.fully_read": "{third}", "m.read": "{third}"}),
    Say("own", "fourth"),
    post(MARKERS, {}),
    post(MARKERS, {"m.nonsense": "{fourth}"}),
    # Two different events would be taken in an order that changes from one start of Synapse to the next.
    post(MARKERS, {"m.fully_read": "$nonsense", "m.read": "$nonsense"}),
    post(MARKERS, {"m.read": "$nonsense"}),
    post(MARKERS, []),
    post(MARKERS, b""),
    *(
        post(f"v3/rooms/{{{room}}}/read_markers", {"m.fully_read": "{fourth}", "m.read": "{fourth}"})
        for room in ROOMS
        if room != "own"
    ),
    *(post(f"v3/rooms/{{{room}}}/read_markers", {"m.read": "{fourth}"}) for room in ROOMS if room != "own"),
    post("v3/rooms/{own}/receipt/m.nonsense/{fourth}"),
    post("v3/rooms/{own}/receipt/m.read.private/{fourth}"),
    Say("own", "fifth"),
    post("v3/rooms/{own}/receipt/m.read/{fifth}"),
    post("v3/rooms/{own}/receipt/m.read/{fourth}"),
    post("v3/rooms/{unknown}/receipt/m.read/{fourth}"),
    # Bob's own token, which cares for no user_id.
    post(MARKERS, {"m.fully_read": "{second}", "m.read": "{second}"}, token=BOBS),
)

RULE = "v3/pushrules/global/override/{own}"
CONDITIONS = [{"kind": "event_match", "key": "room_id", "pattern": "{own}"}]
QUIET = {"conditions": CONDITIONS, "actions": []}
RULES = (
    get(RULE),
    delete(RULE),
    put(f"{RULE}/enabled", {"enabled": True}),
    put(RULE, QUIET),
    get(RULE),
    Say("own", "while muted"),
    put(RULE, QUIET),
    put(f"{RULE}/enabled", {"enabled": False}),
    get(f"{RULE}/enabled"),
    put(RULE, QUIET),
    get(RULE),
    Say("own", "while switched off"),
    put(f"{RULE}/enabled", {"enabled": True}),
    Say("own", "while muted again"),
    put(RULE, {"conditions": CONDITIONS, "actions": ["dont_notify"]}),
    get(RULE),
    Say("own", "while muted in the old way"),
    put(RULE, {"conditions": CONDITIONS, "actions": ["explode"]}),
    put(RULE, {"actions": []}),
    put(RULE, {"conditions": CONDITIONS}),
    put(f"{RULE}/enabled", {"enabled": "yes"}),
    put(RULE, b""),
    delete(RULE),
    delete(RULE),
    get(RULE),
    Say("own", "after"),
    # Nobody asks whether the user has anything to do with the room.
    put("v3/pushrules/global/override/{foreign}", QUIET),
    put("v3/pushrules/global/override/{unknown}", QUIET),
    delete("v3/pushrules/global/override/{unknown}"),
)

LEAVING = (
    *(post(f"v3/rooms/{{{room}}}/forget") for room in ROOMS),
    *(post(f"v3/rooms/{{{room}}}/leave") for room in ROOMS),
    *(get(f"v3/rooms/{{{room}}}/state/m.room.member/{{alice}}") for room in ROOMS),
    *(post(f"v3/rooms/{{{room}}}/leave") for room in ROOMS),
    *(post(f"v3/rooms/{{{room}}}/forget") for room in ROOMS),
    *(get(f"v3/rooms/{{{room}}}/state/m.room.member/{{alice}}") for room in ROOMS),
    *(post(f"v3/rooms/{{{room}}}/leave") for room in ROOMS),
    post("v3/rooms/{own}/leave", b"", user="{bob}"),
    post("v3/rooms/{own}/forget", b"no json", user="{bob}"),
)

CHAPTERS = {
    "authority": AUTHORITY,
    "account data": DATA,
    "tags": TAGS,
    "members": MEMBERS,
    "times": TIMES,
    "receipts": RECEIPTS,
    "rules": RULES,
    "leaving": LEAVING,
}


# --- Both servers, asked alike ------------------------------------------------------------------------


@define
class Real:
    """A scene at Synapse."""

    server: Homeserver
    names: dict[str, str] = field(factory=dict)

    def set_up(self) -> None:
        ask = self.server.must
        people = {name: self.server.person(name) for name in ("alice", "bob", "carol")}
        alice, bob = people["alice"], people["bob"]
        public = [{"type": "m.room.history_visibility", "content": {"history_visibility": "world_readable"}}]
        rooms = {name: self.server.room(bob, alice) for name in ("own", "left", "forgotten", "banned")}
        rooms |= {"foreign": self.server.room(bob), "open": self.server.room(bob, initial_state=public)}
        rooms["invited"] = self.server.room(bob)
        ask("POST", "v3", "rooms", rooms["invited"], "invite", user=bob, body={"user_id": alice})
        for name in ("left", "forgotten"):
            ask("POST", "v3", "rooms", rooms[name], "leave", user=alice, body={})
        ask("POST", "v3", "rooms", rooms["forgotten"], "forget", user=alice, body={})
        ask("POST", "v3", "rooms", rooms["banned"], "ban", user=bob, body={"user_id": alice})
        tokens = {SERVICE: self.server.token, BOBS: self.server.log_in(bob), "wrong": "wrong", "": ""}
        self.names |= {**people, **rooms, **tokens}

    def ask(self, method: str, target: str, token: str, body: bytes) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        came = self.server._http.request(method, self.server.url + target, headers=headers, content=body)
        return came.status_code, came.json()

    def say(self, room: str) -> str:
        return self.server.say(room, self.names["bob"])

    def unread(self) -> int:
        return self.server.unread(self.names["alice"], self.names["own"])


@define
class Simulated:
    """The same scene at the simulator, with the same ids."""

    simulator: MatrixSimulator
    names: dict[str, str]

    @classmethod
    def like(cls, real: Real) -> Simulated:
        names = dict(real.names)
        simulator = MatrixSimulator(server_name=SERVER_NAME, token=names[SERVICE], rate_limits=False)
        alice, bob = names["alice"], names["bob"]
        for user in (alice, bob, names["carol"]):
            simulator.add_user(user)
        for room in ("own", "left", "forgotten", "banned"):
            simulator.add_group(names[room], [bob, alice])
        simulator.add_group(names["foreign"], [bob])
        simulator.add_group(names["invited"], [bob])
        simulator.add_group(names["open"], [bob], kind="world_readable")
        simulator.set_membership(names["invited"], alice, "invite")
        simulator.set_membership(names["banned"], alice, "ban")
        made = cls(simulator, names)
        names[BOBS] = simulator.log_in(bob)
        for room, word in (("left", "leave"), ("forgotten", "leave"), ("forgotten", "forget")):
            target = f"/_matrix/client/v3/rooms/{quote(names[room], safe='')}/{word}?user_id={quote(alice)}"
            assert made.ask("POST", target, names[SERVICE], b"{}")[0] == 200
        return made

    def ask(self, method: str, target: str, token: str, body: bytes) -> tuple[int, Any]:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        reply = self.simulator.answer(HttpRequest(method, target, headers, body))
        return reply.status, json.loads(reply.body)

    def say(self, room: str) -> str:
        return self.simulator.say(room, self.names["bob"])

    def unread(self) -> int:
        state = self.simulator.state(Conversation.group(user=self.names["alice"], group=self.names["own"]))
        assert state is not None
        return state.unread


def spelled(value: Any, names: Mapping[str, str]) -> Any:
    """Return a value with every name in braces replaced."""
    if isinstance(value, dict):
        return {spelled(name, names): spelled(item, names) for name, item in value.items()}
    if isinstance(value, list):
        return [spelled(item, names) for item in value]
    if not isinstance(value, str):
        return value
    for name, real in names.items():
        value = value.replace(f"{{{name}}}", real)
    return value


def played(world: Real | Simulated, step: Step) -> Any:
    """Let a step happen, and return what both worlds must agree on."""
    if isinstance(step, Say):
        world.names[step.name] = world.say(world.names[step.room])
        time.sleep(0.01)
        world.names[f"{step.name} at"] = str(int(time.time() * 1000))
        time.sleep(0.01)
        return world.unread()
    path = "/".join(quote(spelled(part, world.names), safe="") for part in step.path.split("/"))
    query = {} if step.user is None else {"user_id": step.user}
    query = {name: spelled(value, world.names) for name, value in {**query, **step.query}.items()}
    target = f"/_matrix/client/{path}" + (f"?{urlencode(query)}" if query else "")
    body = step.body if isinstance(step.body, bytes) else json.dumps(spelled(step.body, world.names)).encode()
    status, document = world.ask(
        step.method, target, world.names[step.token], b"" if step.body is None else body
    )
    if status != 200:
        return status, document["errcode"]
    back = {real: name for name, real in world.names.items()}
    text = {
        name: back.get(value, value) if isinstance(value, str) else value
        for name, value in document.items()
        if name not in ("displayname", "origin_server_ts", "device_id")
    }
    return status, text


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_the_simulator_answers_as_the_server_does(server, chapter):
    real = Real(server, {"unknown": f"!unknown:{SERVER_NAME}", "nonsense": "nonsense", "server": SERVER_NAME})
    real.set_up()
    simulated = Simulated.like(real)
    opening = [
        Say("own", "first"),
        Say("own", "second"),
        # An invitation counts at the server, and a state of affairs before the first message not here.
        post(MARKERS, {"m.fully_read": "{first}", "m.read": "{first}"}),
    ]
    differing = []
    for world in (real, simulated):
        world.names["after"] = str(int(time.time() * 1000) + 60_000)
    for place, step in enumerate([*opening, *CHAPTERS[chapter]]):
        answers = [played(world, step) for world in (real, simulated)]
        counts = [world.unread() for world in (real, simulated)] if chapter != "leaving" and place > 1 else []
        if (place > 1 and answers[0] != answers[1]) or len(set(counts)) > 1:
            differing.append((step, *answers, *counts))

    assert differing == []
