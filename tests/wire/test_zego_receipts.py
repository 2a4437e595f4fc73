"""`read_receipts` of an account at ZEGO, looked up in the vendor's own state."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from convops.errors import (
    ConfigError,
    DeadlineExceededError,
    Effect,
    InvalidRequestError,
    MalformedReplyError,
    NotFoundError,
    OperationError,
    ProviderError,
    ProviderUnavailableError,
    RateLimitedError,
    TransportError,
    UnsupportedOperationError,
)
from convops.operations import ClearUnread, Conversation, ConversationKind, MarkRead
from convops.provider import FailureKind
from convops.support import Fidelity
from convops.testing import Fault
from tests.wire.worlds import DM, OTHERS, TEAM, actions, body, people, simulator_of

CLEAR = "ClearConversationUnread"
QUERY = {DM: "QueryPeerMsg", TEAM: "QueryGroupMsg"}
GIVE = {DM: "C2cReadReceipt", TEAM: "GroupReadReceipt"}

APPS = count(70_000)

ARRIVED = 1_700_000_000.0


@pytest.fixture(params=[DM, TEAM], ids=["direct", "group"])
def conversation(request):
    return request.param


@pytest.fixture
def simulator():
    """A vendor where nothing was written yet."""
    # An app of its own, since the process shares the retries of each.
    simulator = simulator_of("zego", app_id=next(APPS))
    for user in ("alice", "bob"):
        simulator.add_user(user)
    simulator.add_group("team", ["alice", "bob"])
    return simulator


@pytest.fixture
def connect(worlds, simulator):
    """Open a client that gives receipts; each call is tried once, unless it is said otherwise."""

    def connect(read_receipts=100, *, attempts=1, **options):
        return worlds.open(
            "zego", simulator=simulator, read_receipts=read_receipts, attempts=attempts, **options
        ).chat

    return connect


def read_by_number(simulator, conversation):
    return sorted(simulator.receipts(conversation))


def receipt_calls(simulator, conversation):
    return [body(one)["ConvMsgSeq"] for one in simulator.exchanges if one.action == GIVE[conversation]]


# --- What is given ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [DM, TEAM], ids=["direct", "group"])
def test_senders_are_told_and_nothing_is_unread(worlds, kind, socket):
    world = worlds.open("zego", socket=socket, read_receipts=100)
    state, others = world.simulator.state(kind), world.others()

    outcome = world.chat.mark_read(kind)

    assert (outcome.effect, outcome.error) == (Effect.APPLIED, None)
    after = world.simulator.state(kind)
    assert (after.unread, after.messages) == (0, state.messages)
    assert len(world.simulator.receipts(kind)) == state.messages > 0
    assert actions(world.simulator) == [QUERY[kind], CLEAR, GIVE[kind]]
    assert world.others() == others
    assert all(world.simulator.receipts(other) == {} for other in OTHERS)


def test_the_calls_name_the_user_and_the_numbers(connect, simulator):
    for conversation in (DM, TEAM):
        simulator.receive(conversation, 2)
        connect().mark_read(conversation)
    sent = [body(exchange) for exchange in simulator.exchanges if exchange.action != CLEAR]
    assert sent == [
        {"FromUserId": "alice", "ToUserId": "bob", "Limit": 100},
        {"FromUserId": "alice", "ConvId": "bob", "ConvMsgSeq": [1, 2]},
        {"GroupId": "team", "Limit": 100},
        {"FromUserId": "alice", "GroupId": "team", "ConvMsgSeq": [1, 2]},
    ]


@pytest.mark.parametrize("settings", [{}, {"read_receipts": 0}])
def test_without_the_setting_nobody_is_told(worlds, simulator, conversation, settings):
    simulator.receive(conversation, 2)
    worlds.open("zego", simulator=simulator, **settings).chat.mark_read(conversation)
    assert actions(simulator) == [CLEAR]
    assert simulator.receipts(conversation) == {}


def test_clearing_the_count_tells_nobody(connect, simulator, conversation):
    simulator.receive(conversation, 2)
    connect().clear_unread(conversation)
    assert actions(simulator) == [CLEAR]
    assert simulator.state(conversation).unread == 0
    assert simulator.receipts(conversation) == {}


def test_the_users_own_messages_get_none(connect, simulator, conversation):
    simulator.receive(conversation)
    simulator.send(conversation, 2)
    simulator.receive(conversation)
    simulator.send(conversation)
    assert connect().mark_read(conversation).effect is Effect.APPLIED
    assert read_by_number(simulator, conversation) == [1, 4]


def test_the_users_own_messages_take_no_place(connect, simulator, conversation):
    simulator.receive(conversation, 3)
    simulator.send(conversation, 5)
    connect(2).mark_read(conversation)
    assert read_by_number(simulator, conversation) == [2, 3]


@pytest.mark.parametrize(
    ("setting", "numbers"), [(1, [7]), (3, [5, 6, 7]), (7, [*range(1, 8)]), (8, [*range(1, 8)])]
)
def test_the_newest_get_as_many_as_the_setting_says(connect, simulator, conversation, setting, numbers):
    simulator.receive(conversation, 7)
    connect(setting).mark_read(conversation)
    assert receipt_calls(simulator, conversation) == [numbers]
    assert read_by_number(simulator, conversation) == numbers


@pytest.mark.parametrize(
    ("messages", "sizes"), [(10, [10]), (11, [10, 1]), (25, [10, 10, 5]), (130, [10] * 10)]
)
def test_ten_are_given_in_a_call_the_oldest_first(connect, simulator, conversation, messages, sizes):
    simulator.receive(conversation, messages)
    assert connect().mark_read(conversation).effect is Effect.APPLIED
    calls = receipt_calls(simulator, conversation)
    assert [len(numbers) for numbers in calls] == sizes
    newest = [*range(max(1, messages - 99), messages + 1)]
    assert [number for numbers in calls for number in numbers] == newest
    assert read_by_number(simulator, conversation) == newest
    assert simulator.state(conversation).unread == 0


def test_what_lies_behind_the_newest_hundred_gets_none(connect, simulator, conversation):
    simulator.receive(conversation)
    simulator.send(conversation, 100)
    assert connect().mark_read(conversation).effect is Effect.APPLIED
    assert actions(simulator) == [QUERY[conversation], CLEAR]
    assert simulator.receipts(conversation) == {}


def test_where_nobody_else_wrote_nobody_is_told(connect, simulator, conversation):
    simulator.send(conversation, 2)
    assert connect().mark_read(conversation).effect is Effect.APPLIED
    assert actions(simulator) == [QUERY[conversation], CLEAR]


def test_marking_again_gives_the_same_receipts(connect, simulator, conversation):
    simulator.receive(conversation, 3)
    chat = connect()
    assert chat.mark_read(conversation).effect is Effect.APPLIED
    first = simulator.receipts(conversation)
    assert chat.mark_read(conversation).effect is Effect.APPLIED
    assert simulator.receipts(conversation) == first


def test_several_conversations_are_marked_in_one_apply(worlds):
    simulator = simulator_of("zego")
    people(simulator)
    chat = worlds.open("zego", simulator=simulator, read_receipts=20).chat
    outcomes = chat.apply([MarkRead(DM), ClearUnread(OTHERS[0]), MarkRead(TEAM)])
    assert [outcome.effect for outcome in outcomes] == [Effect.APPLIED] * 3
    assert len(simulator.receipts(DM)) == simulator.state(DM).messages
    assert len(simulator.receipts(TEAM)) == simulator.state(TEAM).messages
    assert simulator.receipts(OTHERS[0]) == {}


# --- When -----------------------------------------------------------------------------------------------


def test_what_came_after_the_decision_gets_none_however_late_it_is_carried_out(
    connect, simulator, conversation
):
    clock = simulator.now
    simulator.now = lambda: ARRIVED
    simulator.receive(conversation, 2)
    simulator.now = lambda: ARRIVED + 10
    simulator.receive(conversation, 3)
    simulator.now = clock
    decided = datetime.fromtimestamp(ARRIVED, UTC) + timedelta(seconds=5)

    (outcome,) = connect().apply([MarkRead(conversation, at=decided)])

    assert outcome.effect is Effect.APPLIED
    assert read_by_number(simulator, conversation) == [1, 2]
    # The count goes as a whole, which its caveat says.
    assert simulator.state(conversation).unread == 0


def test_a_message_of_the_very_millisecond_gets_one(connect, simulator, conversation):
    clock = simulator.now
    simulator.now = lambda: ARRIVED + 0.1235
    simulator.receive(conversation)
    simulator.now = lambda: ARRIVED + 0.124
    simulator.receive(conversation)
    simulator.now = clock
    decided = datetime.fromtimestamp(ARRIVED, UTC) + timedelta(microseconds=123_900)
    connect().apply([MarkRead(conversation, at=decided)])
    assert read_by_number(simulator, conversation) == [1]


def test_up_to_is_still_refused(connect, simulator, conversation):
    with pytest.raises(UnsupportedOperationError) as caught:
        connect().mark_read(conversation, up_to=datetime(2024, 1, 1, tzinfo=UTC))
    assert not caught.value.support.time_pinned
    assert simulator.exchanges == []


# --- What fails -----------------------------------------------------------------------------------------


def failed(chat, conversation):
    with pytest.raises(OperationError) as caught:
        chat.mark_read(conversation)
    error = caught.value
    return type(error), error.code, error.effect


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (660000002, InvalidRequestError),
        (660300005, RateLimitedError),
        (660500002, NotFoundError),
        (660600001, NotFoundError),
        (660600009, NotFoundError),
        (660000001, ProviderUnavailableError),
        (424242, ProviderError),
    ],
)
def test_a_question_that_fails_changed_nothing(connect, simulator, conversation, code, error):
    simulator.receive(conversation, 2)
    simulator.misbehave(Fault(action=QUERY[conversation], code=code))
    assert failed(connect(), conversation) == (error, code, Effect.NOT_APPLIED)
    assert actions(simulator) == [QUERY[conversation]]


@pytest.mark.parametrize(
    "refusal",
    [
        (InvalidRequestError, 660000002, Effect.NOT_APPLIED),
        (RateLimitedError, 660300005, Effect.NOT_APPLIED),
        (NotFoundError, 660800002, Effect.NOT_APPLIED),
        (ProviderUnavailableError, 660000001, Effect.UNKNOWN),
        (ProviderError, 424242, Effect.UNKNOWN),
    ],
)
def test_where_the_count_is_not_cleared_nobody_is_told(connect, simulator, conversation, refusal):
    simulator.receive(conversation, 2)
    simulator.misbehave(Fault(action=CLEAR, code=refusal[1]))
    assert failed(connect(), conversation) == refusal
    assert actions(simulator) == [QUERY[conversation], CLEAR]
    assert (simulator.state(conversation).unread, simulator.receipts(conversation)) == (2, {})


def test_a_conversation_that_is_not_there_is_not_found(connect, conversation):
    assert failed(connect(), conversation) == (NotFoundError, 660800002, Effect.NOT_APPLIED)


@pytest.mark.parametrize(
    ("other", "code"),
    [
        (Conversation.direct(user="alice", peer="nobody"), 660700015),
        (Conversation.direct(user="nobody", peer="bob"), 660500002),
        (Conversation.group(user="alice", group="nowhere"), 660600001),
        (Conversation.group(user="nobody", group="team"), 660500002),
    ],
)
def test_strangers_are_not_found(connect, other, code):
    assert failed(connect(), other) == (NotFoundError, code, Effect.NOT_APPLIED)


@pytest.mark.parametrize(
    "refusal",
    [
        (InvalidRequestError, 660000002),
        (RateLimitedError, 660300005),
        (InvalidRequestError, 660400102),
        (ProviderUnavailableError, 660400103),
        (ProviderUnavailableError, 660400104),
        (ProviderUnavailableError, 660000001),
        (ProviderError, 424242),
    ],
)
@pytest.mark.parametrize("before", [0, 1])
def test_a_receipt_that_fails_leaves_the_outcome_unknown(connect, simulator, conversation, before, refusal):
    simulator.receive(conversation, 15)
    # A fault whose request takes effect and is answered as usual is none: it lets a call pass.
    passing = [Fault(action=GIVE[conversation], applies=True)] * before
    simulator.misbehave(*passing, Fault(action=GIVE[conversation], code=refusal[1]))

    assert failed(connect(), conversation) == (*refusal, Effect.UNKNOWN)

    assert simulator.state(conversation).unread == 0
    assert read_by_number(simulator, conversation) == [*range(1, 10 * before + 1)]
    assert actions(simulator)[2:] == [GIVE[conversation]] * (before + 1)


@pytest.mark.parametrize("applies", [True, False])
def test_receipts_that_are_not_answered_leave_the_outcome_unknown(connect, simulator, conversation, applies):
    simulator.receive(conversation, 2)
    simulator.misbehave(Fault(action=GIVE[conversation], applies=applies, failure=FailureKind.BROKEN))
    assert failed(connect(), conversation) == (TransportError, None, Effect.UNKNOWN)
    assert simulator.state(conversation).unread == 0
    assert len(simulator.receipts(conversation)) == (2 if applies else 0)


@pytest.mark.parametrize(
    ("kind", "error"), [(FailureKind.BROKEN, TransportError), (FailureKind.TIMEOUT, DeadlineExceededError)]
)
def test_a_question_that_is_not_answered_changed_nothing(connect, simulator, conversation, kind, error):
    simulator.receive(conversation, 2)
    simulator.misbehave(Fault(action=QUERY[conversation], failure=kind))
    assert failed(connect(), conversation) == (error, None, Effect.NOT_APPLIED)
    assert simulator.state(conversation).unread == 2


@pytest.mark.parametrize("step", ["question", "count", "receipts"])
@pytest.mark.parametrize(
    "fault", [{"code": 660300005}, {"failure": FailureKind.BROKEN, "applies": True}], ids=["busy", "lost"]
)
def test_each_call_is_repeated_by_itself(connect, simulator, conversation, step, fault):
    simulator.receive(conversation, 2)
    action = {"question": QUERY[conversation], "count": CLEAR, "receipts": GIVE[conversation]}[step]
    simulator.misbehave(Fault(action=action, **fault))

    outcome = connect(attempts=2).mark_read(conversation)

    assert (outcome.effect, outcome.attempts) == (Effect.APPLIED, 2)
    assert simulator.state(conversation).unread == 0
    assert read_by_number(simulator, conversation) == [1, 2]
    expected = [
        name for name in (QUERY[conversation], CLEAR, GIVE[conversation]) for _ in range(1 + (name == action))
    ]
    assert actions(simulator) == expected


# --- Answers to the question ----------------------------------------------------------------------------


def answer(**members):
    return json.dumps({"Code": 0, "Message": "success", "RequestId": "1", **members}).encode()


def row(**members):
    return {"Sender": "bob", "MsgSeq": 1, "MsgTime": 1_700_000_000_000, **members}


@pytest.mark.parametrize(
    "members", [{}, {"List": None}, {"List": []}, {"List": [{"IsEmpty": 1}, {"IsEmpty": 2, "MsgSeq": 3}]}]
)
def test_an_empty_list_of_messages_may_be_missing(connect, simulator, conversation, members):
    simulator.receive(conversation)
    simulator.misbehave(Fault(action=QUERY[conversation], body=answer(**members)))
    assert connect().mark_read(conversation).effect is Effect.APPLIED
    assert actions(simulator) == [QUERY[conversation], CLEAR]


def test_what_a_row_needs_is_enough(connect, simulator, conversation):
    simulator.receive(conversation)
    simulator.misbehave(Fault(action=QUERY[conversation], body=answer(List=[row()])))
    assert connect().mark_read(conversation).effect is Effect.APPLIED
    assert read_by_number(simulator, conversation) == [1]


@pytest.mark.parametrize(
    "rows",
    [
        "none",
        {"0": row()},
        ["bob"],
        [None],
        [row(Sender=None)],
        [row(Sender=7)],
        [row(MsgSeq="1")],
        [row(MsgSeq=1.0)],
        [row(MsgSeq=True)],
        [row(), row(MsgSeq=None)],
        [row(MsgTime=None)],
        [row(MsgTime="1700000000000")],
    ],
)
def test_a_list_that_is_none_is_not_believed_and_nothing_was_changed(connect, simulator, conversation, rows):
    simulator.receive(conversation)
    simulator.misbehave(Fault(action=QUERY[conversation], body=answer(List=rows)))
    assert failed(connect(), conversation) == (MalformedReplyError, None, Effect.NOT_APPLIED)
    assert actions(simulator) == [QUERY[conversation]]


def test_a_list_that_is_too_long_to_be_read_changed_nothing(connect, simulator, conversation):
    simulator.receive(conversation)
    long = answer(List=[row(MsgBody="x" * 5300)] * 100)
    simulator.misbehave(Fault(action=QUERY[conversation], body=long))
    assert failed(connect(socket=True), conversation) == (MalformedReplyError, None, Effect.NOT_APPLIED)
    assert simulator.state(conversation).unread == 1


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b'{"Code": "0"}'])
def test_a_receipt_whose_answer_cannot_be_read_is_unknown(connect, simulator, conversation, content):
    simulator.receive(conversation)
    simulator.misbehave(Fault(action=GIVE[conversation], body=content, applies=True))
    assert failed(connect(), conversation) == (MalformedReplyError, None, Effect.UNKNOWN)


# --- What is said of it ---------------------------------------------------------------------------------


def test_what_it_cannot_do_is_said(worlds):
    plain = worlds.open("zego").chat.target
    telling = worlds.open("zego", read_receipts=1).chat.target
    for kind in ConversationKind:
        told = telling.supports(MarkRead, kind)
        ids = {caveat.id for caveat in told.caveats}
        assert told.fidelity is Fidelity.EQUIVALENT
        assert not told.time_pinned
        assert {"zego.newest-receipts-only", "zego.read-receipts-inferred"} <= ids
        assert "zego.no-read-receipt" not in ids
        assert "zego.no-read-receipt" in {one.id for one in plain.supports(MarkRead, kind).caveats}
        assert telling.supports(ClearUnread, kind) == plain.supports(ClearUnread, kind)


def test_a_plan_has_the_question_and_says_that_more_depends_on_it(connect, conversation):
    (planned,) = connect().target.plan([MarkRead(conversation)])
    assert [call.action for call in planned.calls] == [QUERY[conversation]]
    assert planned.depends


@pytest.mark.parametrize("number", [-1, 101, 10**30])
def test_a_number_that_one_answer_cannot_hold_is_refused(connect, simulator, number):
    with pytest.raises(ConfigError, match=r"^read_receipts must lie between 0 and 100$"):
        connect(number)
    assert simulator.exchanges == []


@pytest.mark.parametrize("number", ["5", 5.0, True, None])
def test_what_is_no_whole_number_is_refused(connect, number):
    with pytest.raises(ConfigError, match=r"^read_receipts must be an int, not "):
        connect(number)
