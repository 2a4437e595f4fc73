"""The simulated homeserver without a network; that it answers as a real one does is told by tests/synapse."""

from __future__ import annotations

import json
from urllib.parse import quote, urlencode

import pytest

from convops.operations import Conversation
from convops.provider import FailureKind, HttpRequest
from convops.testing import ConversationState, Fault
from convops_matrix.simulator import STATUSES, MatrixSimulator

ALICE, BOB, CAROL, DAVE = (f"@{name}:matrix.example" for name in ("alice", "bob", "carol", "dave"))
ROOM, OPEN = "!team:matrix.example", "!open:matrix.example"
TEAM = Conversation.group(user=ALICE, group=ROOM)
DM = Conversation.direct(user=ALICE, peer=BOB)


class House:
    """A homeserver with a clock of its own."""

    def __init__(self, **options):
        self.time = 1_700_000_000.0
        self.simulator = MatrixSimulator(now=lambda: self.time, **options)
        for user in (ALICE, BOB, CAROL):
            self.simulator.add_user(user)
        self.simulator.add_group(ROOM, [BOB, ALICE])
        self.token = self.simulator.settings["access_token"]

    def ask(self, method, *path, body=None, user=ALICE, token=None, **query):
        where = "/".join(quote(part, safe="") for part in path)
        asked = urlencode({**({"user_id": user} if user else {}), **query})
        content = b"" if body is None else json.dumps(body).encode()
        headers = {"authorization": f"Bearer {token or self.token}"}
        reply = self.simulator.handle(
            HttpRequest(method, f"/_matrix/client/{where}?{asked}", headers, content)
        )
        document = json.loads(reply.body)
        return reply.status, document.get("errcode", document), reply.headers

    def answer(self, *words, **more):
        return self.ask(*words, **more)[:2]


@pytest.fixture
def house():
    return House()


def test_a_message_is_unread_for_everybody_but_its_sender(house):
    house.simulator.add_group("!three:matrix.example", [CAROL, ALICE, BOB])
    three = Conversation.group(user=ALICE, group="!three:matrix.example")

    house.simulator.receive(three, 2)

    counts = {state.unread for c, state in house.simulator.conversations().items() if c.user in (ALICE, BOB)}
    assert house.simulator.state(three) == ConversationState(unread=2, messages=2)
    assert house.simulator.state(Conversation.group(user=CAROL, group=three.other)).unread == 0
    assert counts == {0, 2}


def test_a_direct_conversation_gets_a_room_that_both_sides_list(house):
    house.simulator.receive(DM, 3)
    house.simulator.receive(DM)
    house.simulator.receive(Conversation.direct(user=BOB, peer=ALICE), 2)

    mine = house.answer("GET", "v3", "user", ALICE, "account_data", "m.direct")
    assert mine == (200, {BOB: ["!direct-1:matrix.example"]})
    assert house.simulator.state(DM).unread == 4
    assert house.simulator.state(Conversation.direct(user=BOB, peer=ALICE)).unread == 2
    assert set(house.simulator.conversations()) >= {DM, TEAM}


def test_what_was_read_muted_hidden_and_left_is_seen(house):
    house.simulator.receive(TEAM, 2)
    last = house.simulator.say(ROOM, BOB)
    house.time += 10
    house.ask("POST", "v3", "rooms", ROOM, "read_markers", body={"m.read": last})
    condition = {"kind": "event_match", "key": "room_id", "pattern": ROOM}
    rule = ("v3", "pushrules", "global", "override", ROOM)
    house.ask("PUT", *rule, body={"conditions": [condition], "actions": []})

    expected = ConversationState(unread=0, muted=True, messages=3, read_up_to=house.time - 10)
    assert house.simulator.state(TEAM) == expected

    house.ask("PUT", "v3", "user", ALICE, "rooms", ROOM, "tags", "u.convops.hidden", body={})
    assert house.simulator.state(TEAM) is None
    house.ask("DELETE", "v3", "user", ALICE, "rooms", ROOM, "tags", "u.convops.hidden")
    assert house.simulator.state(TEAM) == expected
    house.ask("POST", "v3", "rooms", ROOM, "leave", body={})
    assert house.simulator.state(TEAM) is None
    assert house.simulator.membership(ROOM, ALICE) == "leave"


def test_a_rule_about_something_else_is_no_mute(house):
    body = {"conditions": [{"kind": "room_member_count", "is": "2"}], "actions": []}
    house.ask("PUT", "v3", "pushrules", "global", "override", ROOM, body=body)

    house.simulator.receive(TEAM)

    assert house.simulator.state(TEAM) == ConversationState(unread=1, messages=1)


def test_too_many_leaves_are_answered_with_a_wait_that_is_enough(house):
    def leave():
        return house.ask("POST", "v3", "rooms", ROOM, "leave", body={})

    assert [leave()[0] for _ in range(11)] == [200] * 10 + [429]
    status, code, headers = leave()
    assert (status, code, headers["retry-after"]) == (429, "M_LIMIT_EXCEEDED", "5")
    house.time += 5
    assert leave()[0] == 200
    assert house.answer("POST", "v3", "rooms", ROOM, "leave", body={}, user=BOB)[0] == 200


@pytest.mark.parametrize("options", [{"rate_limits": False}, {"rate_limited": False}])
def test_an_application_service_may_be_exempt(options):
    house = House(**options)

    answers = {house.answer("POST", "v3", "rooms", ROOM, "leave", body={})[0] for _ in range(20)}

    assert answers == {200}


def test_a_users_own_token_is_never_exempt_and_ignores_user_id():
    house = House(rate_limited=False)
    token = house.simulator.log_in(BOB)

    answers = [house.answer("POST", "v3", "rooms", ROOM, "leave", body={}, token=token)[0] for _ in range(11)]

    assert answers[-1] == 429
    assert house.answer("GET", "v3", "account", "whoami", token=token)[1]["user_id"] == BOB
    assert house.simulator.membership(ROOM, ALICE) == "join"


def test_of_events_at_one_moment_the_last_is_the_nearest(house):
    last = [house.simulator.say(ROOM, BOB) for _ in range(3)][-1]
    at = str(int(house.time * 1000))
    path = ("GET", "v1", "rooms", ROOM, "timestamp_to_event")

    assert house.answer(*path, ts=at, dir="b") == (200, {"event_id": last, "origin_server_ts": int(at)})
    assert house.answer(*path, ts=str(int(at) + 1), dir="f") == (404, "M_NOT_FOUND")
    assert house.answer(*path, ts=at)[0] == 200


@pytest.mark.parametrize("user", ["alice", "@:matrix.example", "@alice:elsewhere.example", ""])
def test_only_ids_of_the_server_are_registered(house, user):
    with pytest.raises(ValueError, match="no id of a user"):
        house.simulator.add_user(user)


@pytest.mark.parametrize(
    ("arrange", "message"),
    [
        (lambda s: s.add_group("team", [ALICE]), "no room id"),
        (lambda s: s.add_group(ROOM, [ALICE]), "already"),
        (lambda s: s.add_group("!new:x", [DAVE]), "no user"),
        (lambda s: s.add_group("!new:x", [ALICE], kind="public"), "no kind of room"),
        (lambda s: s.receive(TEAM, 0), "at least 1"),
        (lambda s: s.receive(Conversation.direct(user=ALICE, peer=DAVE)), "no user"),
        (lambda s: s.receive(Conversation.group(user=CAROL, group=ROOM)), "is not in"),
        (lambda s: s.receive(Conversation.group(user=ALICE, group="!nowhere:x")), "no room"),
        (lambda s: (s.set_membership(ROOM, BOB, "leave"), s.receive(TEAM)), "nobody else"),
        (lambda s: s.say(ROOM, CAROL), "is not in"),
        (lambda s: s.log_in(DAVE), "no user"),
    ],
)
def test_what_cannot_be_arranged_is_said(house, arrange, message):
    with pytest.raises(ValueError, match=message):
        arrange(house.simulator)


def test_plain_names_of_a_scene_are_spelled_as_ids(house):
    plain = Conversation.direct(user="alice", peer="bob")

    assert house.simulator.spelled(plain) == DM
    assert house.simulator.spelled(Conversation.group(user="alice", group="team")) == TEAM


def test_a_room_that_anybody_may_read_says_so_to_strangers(house):
    house.simulator.add_group(OPEN, [BOB], kind="world_readable")

    path = ("v3", "rooms", OPEN, "state", "m.room.member")
    assert house.answer("GET", *path, BOB) == (200, {"membership": "join"})
    assert house.answer("GET", *path, ALICE) == (404, "M_NOT_FOUND")


@pytest.mark.parametrize("code", STATUSES)
def test_a_refusal_of_any_name_can_be_played(house, code):
    house.simulator.misbehave(Fault(action="whoami", code=code))

    assert house.answer("GET", "v3", "account", "whoami") == (STATUSES[code], code)
    assert house.answer("GET", "v3", "account", "whoami")[0] == 200


def test_a_failure_can_be_played_after_the_request_took_effect(house):
    house.simulator.misbehave(Fault(action="leave", applies=True, failure=FailureKind.BROKEN))
    request = HttpRequest(
        "POST",
        f"/_matrix/client/v3/rooms/{quote(ROOM, safe='')}/leave?user_id={quote(ALICE)}",
        {"authorization": f"Bearer {house.token}"},
        b"{}",
    )

    assert house.simulator.handle(request).kind is FailureKind.BROKEN
    assert house.simulator.membership(ROOM, ALICE) == "leave"
    assert house.simulator.exchanges[-1].action == "leave"


@pytest.mark.parametrize(
    ("target", "action"),
    [
        ("/_matrix/client/v3/account/whoami", "whoami"),
        ("/_matrix/client/v3/account/whoami/more", ""),
        ("/somewhere/else", ""),
    ],
)
def test_a_call_is_known_by_its_path_and_method(house, target, action):
    assert house.simulator.action(HttpRequest("GET", target, {}, b"")) == action
    assert house.simulator.action(HttpRequest("PATCH", target, {}, b"")) == ""


def test_bodies_that_are_no_json_object_are_refused(house):
    for content, code in ((b"{", "M_NOT_JSON"), (b"[]", "M_BAD_JSON"), (b'{"a": NaN}', "M_NOT_JSON")):
        request = HttpRequest(
            "POST",
            f"/_matrix/client/v3/rooms/{quote(ROOM, safe='')}/read_markers?user_id={quote(ALICE)}",
            {"authorization": f"Bearer {house.token}"},
            content,
        )
        assert json.loads(house.simulator.answer(request).body)["errcode"] == code
