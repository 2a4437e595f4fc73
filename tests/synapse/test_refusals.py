"""What a running Synapse refuses, and what it would silently accept: neither becomes a success."""

from __future__ import annotations

import time

import pytest

import convops
from convops import ClearUnread, Conversation, Delete, Effect, MarkRead, Mute
from convops._accounts import from_keywords
from convops._cli._checkup import examine
from tests.synapse.homeserver import SERVER_NAME

pytestmark = pytest.mark.synapse

# By the operation; the account says that deleting leaves.
EVERY = [
    pytest.param(ClearUnread, id="clear_unread"),
    pytest.param(MarkRead, id="mark_read"),
    pytest.param(Delete, id="delete"),
    pytest.param(Mute, id="mute"),
    pytest.param(lambda conversation: Mute(conversation, muted=False), id="unmute"),
]
STAYING = [one for one in EVERY if one.id != "delete"]


@pytest.fixture
def chat(connect):
    return connect(delete_mode="leave")


@pytest.fixture
def alice(server):
    return server.person("alice")


@pytest.fixture
def bob(server):
    return server.person("bob")


def refused(chat, operation, error, code=None, effect=Effect.NOT_APPLIED):
    """Let an operation be refused, and return the error."""
    (outcome,) = chat.apply([operation])
    assert type(outcome.error) is error, outcome
    assert (outcome.effect, outcome.error.code) == (effect, code)
    return outcome.error


# --- Whom the token is --------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", EVERY)
def test_a_wrong_token_is_told(server, connect, alice, operation):
    chat = connect(token="syt_wrong", delete_mode="leave")
    conversation = Conversation.group(user=alice, group=server.room(alice))

    refused(chat, operation(conversation), convops.AuthenticationError, "M_UNKNOWN_TOKEN")


@pytest.mark.parametrize("operation", EVERY)
def test_a_users_own_token_never_acts_for_somebody_else(server, connect, alice, bob, operation):
    # The server ignores `user_id` for it, and would change Bob's side.
    room = server.room(alice, bob)
    server.say(room, alice, 2)
    server.mark_unread(bob, room)
    before = server.unread(bob, room)
    chat = connect(token=server.log_in(bob), delete_mode="leave")

    refused(chat, operation(Conversation.group(user=alice, group=room)), convops.PermissionDeniedError)

    assert server.unread(bob, room) == before
    assert server.rule(bob, room) is None
    assert server.membership(bob, room, seen_by=alice) == "join"
    assert server.room_data(bob, room, "m.marked_unread") == {"unread": True}


def test_a_users_own_token_acts_for_its_user(server, connect, alice, bob):
    room = server.room(bob, alice)
    server.say(room, bob, 2)

    outcome = connect(token=server.log_in(alice)).clear_unread(Conversation.group(user=alice, group=room))

    assert outcome.effect is Effect.APPLIED
    assert server.unread(alice, room) == 0


@pytest.mark.parametrize("user", [f"@nobody:{SERVER_NAME}", "@alice:elsewhere.example"])
def test_the_application_service_acts_for_nobody_outside_its_namespace(server, chat, alice, user):
    conversation = Conversation.group(user=user, group=server.room(alice))

    refused(chat, Mute(conversation), convops.PermissionDeniedError, "M_FORBIDDEN")


def test_whom_the_token_is_is_asked_once_for_each_user(server, connect, alice, bob):
    told = []
    chat = connect(observer=lambda event: told.append(event.name))
    room = server.room(alice, bob)

    chat.apply([Mute(Conversation.group(user=user, group=room)) for user in (alice, bob, alice, bob)])

    assert told.count("whoami") == 2
    assert told.count("mute") == 4


# --- Which room ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", EVERY)
@pytest.mark.parametrize("room", ["!nowhere", f"!nowhere:{SERVER_NAME}"])
def test_a_room_that_does_not_exist_is_not_found(chat, alice, operation, room):
    code = "M_UNKNOWN" if operation is Delete else "M_FORBIDDEN"

    error = refused(chat, operation(Conversation.group(user=alice, group=room)), convops.NotFoundError, code)

    assert error.what == "conversation"


@pytest.mark.parametrize("operation", EVERY)
def test_a_room_of_others_is_not_found(server, chat, alice, bob, operation):
    conversation = Conversation.group(user=alice, group=server.room(bob))

    refused(chat, operation(conversation), convops.NotFoundError, "M_FORBIDDEN")


@pytest.mark.parametrize("operation", EVERY)
def test_a_room_that_anybody_may_read_is_not_everybodys(server, chat, alice, bob, operation):
    visible = {"type": "m.room.history_visibility", "content": {"history_visibility": "world_readable"}}
    conversation = Conversation.group(user=alice, group=server.room(bob, initial_state=[visible]))
    code = "M_FORBIDDEN" if operation is Delete else "M_NOT_FOUND"

    refused(chat, operation(conversation), convops.NotFoundError, code)


@pytest.mark.parametrize("operation", STAYING)
def test_a_user_who_left_has_no_such_conversation_any_more(server, chat, alice, bob, operation):
    # The server still answers 200 to the receipt, the rule and the flag.
    room = server.room(bob, alice)
    server.mark_unread(alice, room)
    server.must("POST", "v3", "rooms", room, "leave", user=alice, body={})

    refused(chat, operation(Conversation.group(user=alice, group=room)), convops.NotFoundError, "leave")

    assert server.rule(alice, room) is None
    assert server.room_data(alice, room, "m.marked_unread") == {"unread": True}


@pytest.mark.parametrize("operation", STAYING)
def test_a_user_who_is_only_invited_is_not_in_the_room(server, chat, alice, bob, operation):
    room = server.room(bob)
    server.must("POST", "v3", "rooms", room, "invite", user=bob, body={"user_id": alice})

    refused(chat, operation(Conversation.group(user=alice, group=room)), convops.NotFoundError, "M_FORBIDDEN")


@pytest.mark.parametrize("operation", EVERY)
def test_a_user_who_is_banned_is_not_in_the_room(server, chat, alice, bob, operation):
    room = server.room(bob, alice)
    server.must("POST", "v3", "rooms", room, "ban", user=bob, body={"user_id": alice})

    refused(chat, operation(Conversation.group(user=alice, group=room)), convops.NotFoundError, "M_FORBIDDEN")


def test_hiding_a_room_that_was_left_is_not_found(server, connect, alice, bob):
    room = server.room(bob, alice)
    server.must("POST", "v3", "rooms", room, "leave", user=alice, body={})
    hiding = connect(delete_mode="hide")

    refused(hiding, Delete(Conversation.group(user=alice, group=room)), convops.NotFoundError, "leave")

    assert server.tags(alice, room) == {}


# --- Whose room it is ---------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", EVERY)
def test_without_m_direct_there_is_no_direct_conversation(server, chat, alice, bob, operation):
    server.room(bob, alice)

    refused(chat, operation(Conversation.direct(user=alice, peer=bob)), convops.NotFoundError, "M_NOT_FOUND")


@pytest.mark.parametrize("listed", [[], ["!nowhere"], "a room", [7, None, "#alias:x", ".."], None])
def test_an_m_direct_that_lists_no_room_of_theirs_is_not_found(server, chat, alice, bob, listed):
    server.list_direct(alice, {bob: listed, "@carol:x": ["!other"]})
    code = "M_FORBIDDEN" if listed == ["!nowhere"] else None

    refused(chat, Mute(Conversation.direct(user=alice, peer=bob)), convops.NotFoundError, code)


def test_of_several_direct_rooms_the_last_one_that_the_user_is_in_is_meant(server, chat, alice, bob):
    first, second, third = (server.room(bob, alice) for _ in range(3))
    server.must("POST", "v3", "rooms", third, "leave", user=alice, body={})
    server.list_direct(alice, {bob: [first, second, third, "!gone"]})

    chat.mute(Conversation.direct(user=alice, peer=bob))

    assert [server.rule(alice, room) is not None for room in (first, second, third)] == [False, True, False]


# --- Too often ----------------------------------------------------------------------------------------


def test_a_real_429_on_delete_says_how_long_to_wait(server, connect, alice, bob):
    rooms = [server.room(bob, alice) for _ in range(6)]
    chat = connect(token=server.log_in(alice), delete_mode="leave", attempts=1)

    outcomes = chat.apply([Delete(Conversation.group(user=alice, group=room)) for room in rooms])

    limited = [one for one in outcomes if isinstance(one.error, convops.RateLimitedError)]
    assert limited
    for one in limited:
        assert (one.error.code, one.effect) == ("M_LIMIT_EXCEEDED", Effect.NOT_APPLIED)
        assert one.error.retryable
        assert 0 < one.error.retry_after <= 3
    for room, outcome in zip(rooms, outcomes, strict=True):
        expected = "leave" if outcome.ok else "join"
        assert server.membership(alice, room, seen_by=bob) == expected


def test_after_a_real_429_the_wait_it_asks_for_is_enough(server, connect, alice, bob):
    rooms = [server.room(bob, alice) for _ in range(5)]
    told = []
    chat = connect(token=server.log_in(alice), delete_mode="leave", observer=told.append)

    started = time.monotonic()
    outcomes = chat.apply([Delete(Conversation.group(user=alice, group=room)) for room in rooms])

    assert [outcome.effect for outcome in outcomes] == [Effect.APPLIED] * 5
    limited = [event for event in told if event.status == 429]
    assert limited
    assert all(event.wait for event in limited)
    assert time.monotonic() - started > 0.5
    assert {server.membership(alice, room, seen_by=bob) for room in rooms} == {"leave"}


# --- Before anything is done --------------------------------------------------------------------------


def test_doctor_asks_whose_the_token_is(server):
    def credentials(token):
        account = from_keywords("matrix", {"base_url": server.url, "access_token": token})
        return next(check for check in examine(account) if check.name == "credentials")

    assert credentials(server.token).status == "pass"
    assert credentials("syt_wrong").status == "fail"
