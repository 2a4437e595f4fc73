"""What is particular to Matrix, as the simulated homeserver received it."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from convops.errors import (
    Effect,
    InvalidRequestError,
    MalformedReplyError,
    NotFoundError,
    PermissionDeniedError,
    ProviderError,
    ProviderUnavailableError,
    RateLimitedError,
    UnsupportedOperationError,
)
from convops.operations import ClearUnread, Conversation, ConversationKind, Delete, MarkRead, Mute
from convops.provider import Call, FailureKind, Reply
from convops.secret import Secret
from convops.testing import Fault
from convops_matrix.account import MatrixAccount
from convops_matrix.flows import Matrix
from convops_matrix.simulator import MatrixSimulator
from tests.wire.worlds import actions, body, query

ALICE, BOB, CAROL = (f"@{name}:matrix.example" for name in ("alice", "bob", "carol"))
ROOM = "!team:matrix.example"
DM = Conversation.direct(user=ALICE, peer=BOB)
TEAM = Conversation.group(user=ALICE, group=ROOM)
ACCOUNT = MatrixAccount(access_token=Secret("t"), base_url="https://matrix.example")
NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
EVERY = [ClearUnread, MarkRead, Delete, Mute, lambda conversation: Mute(conversation, muted=False)]


class Clock:
    def __init__(self):
        self.moment = NOW

    def __call__(self):
        return self.moment.timestamp()

    def passes(self, **time):
        self.moment += timedelta(**time)
        return self.moment


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def server(clock):
    made = MatrixSimulator(now=clock, rate_limits=False)
    for user in (ALICE, BOB, CAROL):
        made.add_user(user)
    made.add_group(ROOM, [BOB, ALICE])
    clock.passes(minutes=1)
    for conversation in (DM, TEAM):
        made.receive(conversation, 3)
    clock.passes(minutes=1)
    return made


@pytest.fixture
def connect(worlds, server):
    def opened(**settings):
        # So far only what the test itself asks is noted.
        server.exchanges.clear()
        return worlds.open("matrix", simulator=server, **settings).chat

    return opened


@pytest.fixture
def chat(connect):
    return connect(delete_mode="leave")


HOSTS = count(1)


@pytest.fixture
def unheard():
    """A host nobody else asks: a pause outlives its client, and retries are shared by all who ask a host."""
    return f"https://unheard-{next(HOSTS)}.example"


def kept(operation, clock, **changes):
    return operation(TEAM, at=clock.moment, **changes)


def only(outcomes):
    (outcome,) = outcomes
    return outcome


# --- What is asked ------------------------------------------------------------------------------------


def test_the_calls_of_each_operation_are_as_documented(chat, server, clock):
    at = clock.moment
    unmuted = Mute(TEAM, muted=False)
    seen = []
    for operation in (ClearUnread(TEAM, at=at), MarkRead(DM, at=at), Mute(TEAM), unmuted, Delete(TEAM)):
        server.exchanges.clear()
        assert only(chat.apply([operation])).ok
        seen.append(actions(server))

    reading = ["timestamp_to_event", "read_marked_unread", "read_markers"]
    assert seen == [
        ["whoami", "read_member", *reading],
        ["read_m.direct", "read_member", *reading],
        ["read_member", "read_push_rule", "set_push_rule"],
        ["read_member", "delete_push_rule"],
        ["leave", "forget"],
    ]


def test_every_call_is_made_for_the_user_with_the_token_in_a_header_only(chat, server, clock):
    for operation in (ClearUnread(DM, at=clock.moment), Mute(TEAM), Delete(TEAM)):
        chat.apply([operation])

    for exchange in server.exchanges:
        assert query(exchange)["user_id"] == ALICE
        assert exchange.request.headers["authorization"] == "Bearer simulated-application-service"
        assert "simulated-application-service" not in exchange.request.target


def test_the_token_is_in_no_log_and_no_refusal(worlds, server, caplog):
    caplog.set_level(logging.DEBUG)
    token = "a-token-that-nothing-may-show"
    server._token = token
    chat = worlds.open("matrix", socket=True, simulator=server, access_token=token, attempts=1).chat
    server.misbehave(Fault(action="set_push_rule", failure=FailureKind.BROKEN))

    error = only(chat.apply([Mute(TEAM)])).error

    assert error is not None
    assert "whoami" in caplog.text
    assert token not in caplog.text + repr(vars(error)) + str(error)


def test_what_has_nothing_to_say_sends_an_empty_object(connect, server):
    for mode in ("leave", "hide"):
        chat = connect(delete_mode=mode)
        chat.apply([Delete(TEAM if mode == "leave" else DM)])
        written = [one.request for one in server.exchanges if one.request.method != "GET"]
        assert {request.body for request in written} == {b"{}"}


def test_clearing_sets_the_private_receipt_and_marking_read_the_public_one(chat, server, clock):
    chat.apply([ClearUnread(TEAM, at=clock.moment), MarkRead(TEAM, at=clock.moment)])

    bodies = [body(exchange) for exchange in server.exchanges if exchange.action == "read_markers"]
    assert [set(one) for one in bodies] == [
        {"m.fully_read", "m.read.private"},
        {"m.fully_read", "m.read"},
    ]
    assert server.state(TEAM).unread == 0


def test_the_moment_is_sent_in_whole_milliseconds(chat, server, clock):
    moment = clock.moment.replace(microsecond=123_999)

    chat.apply([MarkRead(TEAM, up_to=moment)])

    asked = next(exchange for exchange in server.exchanges if exchange.action == "timestamp_to_event")
    assert query(asked)["ts"] == str(int(clock.moment.timestamp()) * 1000 + 123)


def test_without_a_moment_the_last_there_is_counts():
    flow = Matrix().flow(ACCOUNT, [ClearUnread(TEAM)])
    asked = [next(flow), *[flow.send(Reply(200, {}, {})) for _ in range(2)]]
    assert [call.action for call in asked] == ["whoami", "read_member", "timestamp_to_event"]
    assert asked[-1].query["ts"] == "9007199254740991"


def test_fifty_calls_a_second_are_made_for_a_user():
    call = Call(action="whoami", query={"user_id": ALICE}, writes=False)
    assert Matrix().quota(ACCOUNT, call).rate == 50.0


def test_up_to_takes_nothing_newer_and_a_late_repeat_neither(chat, server, clock):
    decided = kept(MarkRead, clock)
    clock.passes(seconds=1)
    server.receive(TEAM, 2)

    assert [outcome.effect for outcome in (only(chat.apply([decided])), only(chat.apply([decided])))] == [
        Effect.APPLIED,
        Effect.APPLIED,
    ]
    assert server.state(TEAM).unread == 2


def test_a_moment_before_the_room_leaves_nothing_to_do(chat, server):
    outcome = chat.mark_read(TEAM, up_to=datetime(2020, 1, 1, tzinfo=UTC))

    assert outcome.effect is Effect.ALREADY
    assert server.state(TEAM).unread == 3
    assert "read_markers" not in actions(server)


def test_without_a_server_that_finds_events_by_time_it_is_told(chat, server, clock):
    server.misbehave(Fault(action="timestamp_to_event", code="M_UNRECOGNIZED"))

    error = only(chat.apply([kept(ClearUnread, clock)])).error

    assert isinstance(error, InvalidRequestError)
    assert "Matrix 1.6" in str(error)


# --- Whom the token is --------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", EVERY)
def test_the_token_of_another_user_changes_nothing(connect, server, operation):
    before = server.conversations()
    chat = connect(access_token=server.log_in(BOB), delete_mode="leave")

    outcome = only(chat.apply([operation(TEAM)]))

    assert type(outcome.error) is PermissionDeniedError
    assert outcome.effect is Effect.NOT_APPLIED
    assert actions(server) == ["whoami"]
    assert server.conversations() == before


def test_what_was_refused_is_asked_again_and_what_was_accepted_is_not(connect, server):
    chat = connect(access_token=server.log_in(ALICE))
    bobs = Conversation.group(user=BOB, group=ROOM)

    for conversation in (TEAM, TEAM, bobs, bobs):
        chat.apply([Mute(conversation)])

    assert [query(one)["user_id"] for one in server.exchanges if one.action == "whoami"] == [ALICE, BOB, BOB]


@pytest.mark.parametrize("document", [{}, {"user_id": None}, {"user_id": 7}, {"user": ALICE}])
def test_an_answer_that_names_nobody_is_not_believed(chat, server, document):
    server.misbehave(Fault(action="whoami", body=json.dumps(document).encode()))

    outcome = only(chat.apply([Mute(TEAM)]))

    assert type(outcome.error) is MalformedReplyError
    assert outcome.effect is Effect.NOT_APPLIED
    assert chat.mute(TEAM).ok


# --- Which room ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", EVERY)
def test_a_room_the_user_is_not_in_is_not_found(chat, server, operation):
    server.add_group("!of-others:matrix.example", [BOB])
    conversation = Conversation.group(user=ALICE, group="!of-others:matrix.example")

    outcome = only(chat.apply([operation(conversation)]))

    assert type(outcome.error) is NotFoundError
    assert (outcome.error.what, outcome.effect) == ("conversation", Effect.NOT_APPLIED)


@pytest.mark.parametrize("operation", EVERY)
def test_a_peer_without_a_room_is_not_found(chat, operation):
    outcome = only(chat.apply([operation(Conversation.direct(user=ALICE, peer=CAROL))]))

    assert type(outcome.error) is NotFoundError


def test_a_direct_room_that_was_left_and_not_forgotten_is_forgotten(chat, server):
    server.misbehave(Fault(action="forget", code="M_FORBIDDEN"))
    first = only(chat.apply([Delete(DM)]))

    second = only(chat.apply([Delete(DM)]))

    assert first.effect is Effect.UNKNOWN
    assert second.effect is Effect.APPLIED
    assert actions(server)[-4:] == ["read_m.direct", "read_member", "leave", "forget"]


@pytest.mark.parametrize("operation", [ClearUnread, MarkRead, Mute])
def test_a_direct_room_that_was_left_is_only_good_for_deleting(chat, server, operation):
    server.misbehave(Fault(action="forget", code="M_FORBIDDEN"))
    chat.apply([Delete(DM)])

    outcome = only(chat.apply([operation(DM)]))

    assert (type(outcome.error), outcome.error.code) == (NotFoundError, "leave")
    assert outcome.effect is Effect.NOT_APPLIED


@pytest.mark.parametrize("listed", [None, "text", [], [7], ["#alias:x"], {"a": 1}, [".."]])
def test_what_m_direct_lists_is_not_trusted(chat, server, listed):
    server.misbehave(Fault(action="read_m.direct", body=json.dumps({BOB: listed}).encode()))

    outcome = only(chat.apply([Mute(DM)]))

    assert type(outcome.error) is NotFoundError
    assert outcome.effect is Effect.NOT_APPLIED


def test_what_m_direct_lists_beside_the_room_is_passed_over(chat, server):
    server._state.users[ALICE].data["m.direct"][BOB] += ["#alias:matrix.example", 7]

    assert chat.mute(DM).effect is Effect.APPLIED
    assert server.state(DM).muted


@pytest.mark.parametrize("membership", ["leave", "ban", "invite", "knock"])
def test_only_who_joined_is_in_a_room(chat, server, membership):
    server.misbehave(Fault(action="read_member", body=json.dumps({"membership": membership}).encode()))

    error = only(chat.apply([Mute(TEAM)])).error

    assert (type(error), error.code) == (NotFoundError, membership)


@pytest.mark.parametrize(
    ("action", "document"), [("read_member", {"membership": 1}), ("timestamp_to_event", {"event_id": None})]
)
def test_an_answer_without_what_was_asked_is_not_believed(chat, server, clock, action, document):
    server.misbehave(Fault(action=action, body=json.dumps(document).encode()))

    outcome = only(chat.apply([kept(ClearUnread, clock)]))

    assert type(outcome.error) is MalformedReplyError
    assert outcome.effect is Effect.NOT_APPLIED


def test_a_success_that_holds_a_refusal_is_not_believed(chat, server):
    server.misbehave(Fault(action="set_push_rule", body=b'{"errcode": "M_UNKNOWN"}'))

    outcome = only(chat.apply([Mute(TEAM)]))

    assert (type(outcome.error), outcome.effect) == (MalformedReplyError, Effect.UNKNOWN)


# --- Muting and hiding --------------------------------------------------------------------------------


def test_a_rule_of_the_old_way_that_silences_is_a_mute(chat, server):
    chat.mute(TEAM)
    server._state.users[ALICE].rules[ROOM]["actions"] = ["dont_notify"]

    assert chat.mute(TEAM).effect is Effect.ALREADY


@pytest.mark.parametrize("change", [{"enabled": False}, {"actions": ["notify"]}, {"conditions": []}])
def test_a_rule_that_does_something_else_is_written_anew_and_switched_on(chat, server, change):
    chat.mute(TEAM)
    server._state.users[ALICE].rules[ROOM] |= change
    server.exchanges.clear()

    assert chat.mute(TEAM).effect is Effect.APPLIED
    assert actions(server)[-2:] == ["set_push_rule", "enable_push_rule"]
    assert chat.mute(TEAM).effect is Effect.ALREADY


def test_unmuting_tells_whether_there_was_anything_to_lift(chat, server):
    assert chat.mute(TEAM).effect is Effect.APPLIED
    assert server.state(TEAM).muted

    assert [chat.mute(TEAM, muted=False).effect for _ in range(2)] == [Effect.APPLIED, Effect.ALREADY]
    assert not server.state(TEAM).muted


def test_a_mark_that_was_set_by_hand_is_cleared_and_none_is_written_where_none_was(chat, server, clock):
    chat.apply([kept(ClearUnread, clock)])
    assert "clear_marked_unread" not in actions(server)

    server._state.users[ALICE].room_data[ROOM, "m.marked_unread"] = {"unread": True}
    chat.apply([kept(ClearUnread, clock)])
    assert actions(server)[-1] == "clear_marked_unread"
    assert server._state.users[ALICE].room_data[ROOM, "m.marked_unread"] == {"unread": False}


def test_hiding_sets_a_tag_in_the_users_own_namespace(connect, server):
    assert connect(delete_mode="hide").delete(DM).effect is Effect.APPLIED

    assert actions(server)[-1] == "set_tag"
    assert server.exchanges[-1].request.target.partition("?")[0].endswith("/tags/u.convops.hidden")
    assert server.state(DM) is None


# --- What is refused before anything is sent ----------------------------------------------------------


@pytest.mark.parametrize(
    "conversation",
    [
        Conversation.direct(user="alice", peer=BOB),
        Conversation.direct(user=ALICE, peer="bob"),
        Conversation.direct(user=ALICE, peer="@bob"),
        Conversation.direct(user=ALICE, peer="@bob:"),
        Conversation.group(user=ROOM, group=ROOM),
        Conversation.group(user=ALICE, group="team"),
        Conversation.group(user=ALICE, group="#team:matrix.example"),
        Conversation.group(user=ALICE, group="!" + "x" * 255),
    ],
)
def test_what_is_no_id_of_matrix_is_refused(chat, server, conversation):
    outcome = only(chat.apply([Mute(conversation)]))

    assert type(outcome.error) is InvalidRequestError
    assert server.exchanges == []


def test_an_id_of_255_bytes_is_taken():
    Matrix().check(ACCOUNT, Mute(Conversation.group(user=ALICE, group="!" + "x" * 254)))


@pytest.mark.parametrize(
    ("conversation", "said"),
    [
        (Conversation.direct(user="alice", peer=BOB), "user is no Matrix id"),
        (Conversation.direct(user=ALICE, peer="bob"), "peer is no Matrix id"),
        (Conversation.group(user="alice", group=ROOM), "user is no Matrix id"),
        (Conversation.group(user=ALICE, group="team"), "group is no room id"),
        (Conversation.group(user=ALICE, group="#team:matrix.example"), "group is an alias: its room id is"),
    ],
)
def test_a_refusal_says_which_id_is_none(chat, conversation, said):
    assert f": {said}" in str(only(chat.apply([Mute(conversation)])).error)


@pytest.mark.parametrize("settings", [{"delete_mode": "leave"}, {"delete_mode": "hide"}, {}])
def test_erasing_a_history_is_refused(connect, server, settings):
    outcome = only(connect(**settings).apply([Delete(TEAM, erase_history=True)]))

    assert type(outcome.error) is UnsupportedOperationError
    assert server.exchanges == []


def test_a_moment_before_1970_is_refused(chat, server):
    outcome = only(chat.apply([MarkRead(TEAM, up_to=datetime(1969, 12, 31, tzinfo=UTC))]))

    assert type(outcome.error) is InvalidRequestError
    assert server.exchanges == []


def test_the_first_moment_of_1970_is_taken(chat):
    assert chat.mark_read(TEAM, up_to=datetime(1970, 1, 1, tzinfo=UTC)).effect is Effect.ALREADY


@pytest.mark.parametrize("kind", ConversationKind)
def test_delete_needs_a_mode(connect, kind):
    assert not connect().target.supports(Delete, kind)
    for mode in ("leave", "hide"):
        assert connect(delete_mode=mode).target.supports(Delete, kind)


def test_a_plan_shows_what_is_known_before_an_answer(chat):
    planned = {
        operation.name: ([call.action for call in batch.calls], batch.depends)
        for operation in (Mute(TEAM), Delete(TEAM), ClearUnread(TEAM), MarkRead(DM))
        for batch in chat.target.plan([operation])
    }

    assert planned == {
        "mute": (
            ["whoami", "read_member", "read_push_rule"],
            True,
        ),
        "delete": (["whoami", "leave", "forget"], False),
        "clear_unread": (["whoami", "read_member", "timestamp_to_event"], True),
        "mark_read": (["whoami", "read_m.direct"], True),
    }


# --- Refusals and failures ----------------------------------------------------------------------------


def limited(**headers):
    document = {"errcode": "M_LIMIT_EXCEEDED", **({"retry_after_ms": 20} if not headers else {})}
    return Fault(action="leave", status=429, headers=headers, body=json.dumps(document).encode())


def test_a_pause_in_milliseconds_is_obeyed(chat, server):
    server.misbehave(limited())

    assert chat.delete(TEAM).attempts == 2


@pytest.mark.parametrize(
    ("headers", "seconds"), [({"retry-after": "7"}, 7.0), ({"retry-after": "soon"}, None)]
)
def test_without_milliseconds_the_header_counts(connect, server, unheard, headers, seconds):
    server.misbehave(limited(**headers))

    error = only(connect(delete_mode="leave", attempts=1, base_url=unheard).apply([Delete(TEAM)])).error

    assert (type(error), error.retry_after, error.effect) == (RateLimitedError, seconds, Effect.NOT_APPLIED)


@pytest.mark.parametrize(
    ("milliseconds", "seconds"), [(2500, 2.5), (0, 0.0), (-1, 7.0), (2.5, 7.0), ("20", 7.0), (True, 7.0)]
)
def test_a_pause_is_told_in_seconds_and_one_that_is_no_number_is_left_to_the_header(
    connect, server, unheard, milliseconds, seconds
):
    document = {"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": milliseconds}
    headers = {"retry-after": "7"}
    server.misbehave(Fault(action="leave", status=429, headers=headers, body=json.dumps(document).encode()))

    error = only(connect(delete_mode="leave", attempts=1, base_url=unheard).apply([Delete(TEAM)])).error

    assert (type(error), error.retry_after) == (RateLimitedError, seconds)


def test_a_pause_for_one_user_holds_up_no_other(connect, server, unheard):
    server.misbehave(
        Fault(
            action="set_push_rule",
            status=429,
            body=b'{"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": 60000}',
        )
    )
    chat = connect(attempts=1, base_url=unheard)

    outcomes = chat.apply([Mute(TEAM), Mute(Conversation.group(user=BOB, group=ROOM))])

    assert [type(outcome.error) for outcome in outcomes] == [RateLimitedError, type(None)]


@pytest.mark.parametrize(
    ("status", "document", "expected"),
    [
        (500, {"errcode": "M_UNKNOWN"}, (ProviderUnavailableError, "M_UNKNOWN")),
        (502, {}, (ProviderUnavailableError, "http-502")),
        (500, {"errcode": "M_NEW"}, (ProviderUnavailableError, "http-500")),
        (503, {"errcode": "M_NEW"}, (ProviderUnavailableError, "http-503")),
        (404, {"errcode": "M_NEW"}, (ProviderError, "M_NEW")),
        (400, {"errcode": "a sentence, and no code"}, (InvalidRequestError, "http-400")),
        (400, {"errcode": 7}, (InvalidRequestError, "http-400")),
        (302, {"errcode": "M_FORBIDDEN"}, (MalformedReplyError, None)),
        (399, {"errcode": "M_FORBIDDEN"}, (MalformedReplyError, None)),
        (499, {"errcode": "M_NEW"}, (ProviderError, "M_NEW")),
    ],
)
def test_what_no_row_maps_is_read_by_its_status(connect, server, status, document, expected):
    server.misbehave(Fault(action="set_push_rule", status=status, body=json.dumps(document).encode()))

    outcome = only(connect(attempts=1).apply([Mute(TEAM)]))

    assert (type(outcome.error), outcome.error.code) == expected


def test_leaving_that_was_not_answered_is_repeated(connect, server, unheard):
    server.misbehave(Fault(action="leave", applies=True, failure=FailureKind.BROKEN))

    outcome = connect(delete_mode="leave", base_url=unheard).delete(TEAM)

    assert outcome.effect is Effect.APPLIED
    assert server.membership(ROOM, ALICE) == "leave"


def test_a_room_the_user_joined_again_meanwhile_is_not_forgotten(chat, server):
    server.misbehave(Fault(action="forget", status=400, body=b'{"errcode": "M_UNKNOWN"}'))

    outcome = only(chat.apply([Delete(TEAM)]))

    assert (type(outcome.error), outcome.effect) == (PermissionDeniedError, Effect.UNKNOWN)


def test_a_room_that_is_gone_after_a_leave_that_was_not_answered_is_in_doubt(connect, server, unheard):
    """Perhaps it never was, or not the user's: leaving once more is answered 200 where it was left."""
    lost = Fault(action="leave", applies=True, failure=FailureKind.BROKEN)
    server.misbehave(lost, Fault(action="leave", status=404, body=b'{"errcode": "M_UNKNOWN"}'))

    chat = connect(delete_mode="leave", base_url=unheard)

    outcome = only(chat.apply([Delete(TEAM)]))

    assert (type(outcome.error), outcome.effect, outcome.attempts) == (NotFoundError, Effect.UNKNOWN, 2)


def test_a_room_that_is_gone_after_a_tag_that_was_not_answered_is_in_doubt(connect, server, unheard):
    lost = Fault(action="set_tag", applies=True, failure=FailureKind.BROKEN)
    server.misbehave(lost, Fault(action="set_tag", status=403, body=b'{"errcode": "M_FORBIDDEN"}'))

    chat = connect(delete_mode="hide", base_url=unheard)

    outcome = only(chat.apply([Delete(TEAM)]))

    assert (type(outcome.error), outcome.effect) == (NotFoundError, Effect.UNKNOWN)
