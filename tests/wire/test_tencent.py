"""What is particular to Tencent, as the simulator received it."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from convops.errors import Effect, NotFoundError, UnsupportedOperationError
from convops.operations import ClearUnread, Conversation, ConversationKind, Delete, MarkRead
from tests.wire.worlds import DM, TEAM, actions, body, people, query, simulator_of

MARK = "openim/admin_set_msg_read"
READ_TYPE = "group_open_http_svc/get_group_info"
RESET = "group_open_http_svc/set_unread_msg_num"


class Clock:
    def __init__(self):
        self.now = time.time() - 1000

    def __call__(self):
        return self.now


@pytest.fixture
def world(worlds):
    return worlds.open("tencent")


def only(world):
    (exchange,) = world.simulator.exchanges
    return body(exchange)


# --- The moment up to which is read ------------------------------------------------------------------


def test_up_to_is_sent_in_whole_seconds(world):
    moment = datetime(2024, 5, 6, 7, 8, 9, 999_999, tzinfo=UTC)
    world.chat.mark_read(DM, up_to=moment)
    assert only(world) == {
        "Report_Account": "alice",
        "Peer_Account": "bob",
        "MsgReadTime": int(moment.timestamp()),
    }


def test_up_to_in_another_time_zone_is_the_same_moment(world):
    moment = datetime(2024, 5, 6, 9, 8, 9, tzinfo=UTC)
    elsewhere = moment.astimezone(tz=datetime.now().astimezone().tzinfo)
    world.chat.mark_read(DM, up_to=elsewhere)
    assert only(world)["MsgReadTime"] == int(moment.timestamp())


@pytest.mark.parametrize("operation", [ClearUnread, MarkRead])
def test_without_up_to_the_moment_of_the_decision_is_sent(world, operation):
    decided = datetime.now(UTC) - timedelta(hours=1)
    world.chat.apply([operation(DM, at=decided)])
    assert only(world)["MsgReadTime"] == int(decided.timestamp())


def test_up_to_wins_over_the_moment_of_the_decision(world):
    decided, up_to = datetime.now(UTC), datetime(2024, 1, 1, tzinfo=UTC)
    world.chat.apply([MarkRead(DM, at=decided, up_to=up_to)])
    assert only(world)["MsgReadTime"] == int(up_to.timestamp())


@pytest.mark.parametrize("verb", ["clear_unread", "mark_read"])
def test_an_operation_without_a_moment_is_given_one_and_carries_it(world, verb):
    before = int(time.time())
    outcome = getattr(world.chat, verb)(DM)
    assert before <= only(world)["MsgReadTime"] <= int(time.time())
    assert only(world)["MsgReadTime"] == int(outcome.operation.at.timestamp())


@pytest.mark.parametrize("operation", [ClearUnread, MarkRead])
def test_a_repeat_of_the_same_decision_takes_no_newer_messages(worlds, operation):
    clock = Clock()
    simulator = simulator_of("tencent", now=clock)
    people(simulator)
    world = worlds.open("tencent", simulator=simulator)
    clock.now += 10
    decided = operation(DM, at=datetime.fromtimestamp(clock.now, UTC))
    assert world.chat.apply([decided])[0].ok
    assert simulator.state(DM).unread == 0
    clock.now += 10
    simulator.receive(DM, 4)
    (outcome,) = world.chat.apply([decided])
    assert outcome.ok
    assert outcome.operation.at == decided.at
    assert simulator.state(DM).unread == 4


def test_messages_after_up_to_stay_unread(worlds):
    clock = Clock()
    simulator = simulator_of("tencent", now=clock)
    people(simulator)
    world = worlds.open("tencent", simulator=simulator)
    early = clock.now
    clock.now += 10
    simulator.receive(DM, 5)
    world.chat.mark_read(DM, up_to=datetime.fromtimestamp(early + 5, UTC))
    assert simulator.state(DM).unread == 5


# --- Deleting ----------------------------------------------------------------------------------------


def test_a_direct_conversation_is_deleted_by_its_peer(world):
    world.chat.delete(DM)
    assert only(world) == {"From_Account": "alice", "Type": 1, "To_Account": "bob"}


def test_a_group_is_deleted_by_a_field_spelled_as_the_page_spells_it(world):
    world.chat.delete(TEAM)
    assert only(world) == {"From_Account": "alice", "Type": 2, "ToGroupid": "team"}


@pytest.mark.parametrize("conversation", [DM, TEAM], ids=["direct", "group"])
def test_roaming_messages_are_cleared_only_when_asked(world, conversation):
    world.chat.apply([Delete(conversation), Delete(conversation, erase_history=True)])
    assert [body(exchange).get("ClearRamble") for exchange in world.simulator.exchanges] == [None, 1]


# --- Muting ------------------------------------------------------------------------------------------


def test_muting_a_group_sets_the_members_flag_and_keeps_nobody_from_speaking(world):
    world.chat.mute(TEAM)
    world.chat.mute(TEAM, muted=False)
    common = {"GroupId": "team", "Member_Account": "alice"}
    assert [body(exchange) for exchange in world.simulator.exchanges] == [
        {**common, "MsgFlag": "AcceptNotNotify"},
        {**common, "MsgFlag": "AcceptAndNotify"},
    ]
    assert world.simulator.silenced_speakers == []


# --- The unread count of a group ---------------------------------------------------------------------


def test_the_unread_count_of_a_group_is_not_reset_without_permission(world):
    before = world.simulator.state(TEAM)
    with pytest.raises(UnsupportedOperationError) as caught:
        world.chat.clear_unread(TEAM)
    assert "tencent.group-unread-migration-only" in [caveat.id for caveat in caught.value.support.caveats]
    assert "allow_group_unread_reset" in str(caught.value)
    assert world.simulator.exchanges == []
    assert world.simulator.state(TEAM) == before


@pytest.mark.parametrize("kind", ["Public", "Private", "Work", "Community"])
def test_with_permission_the_type_of_the_group_is_read_first(worlds, kind):
    world = worlds.open("tencent", allow_group_unread_reset=True)
    world.simulator.add_group("typed", ["alice"], kind=kind)
    conversation = Conversation.group(user="alice", group="typed")
    world.simulator.receive(conversation, 3)
    assert world.chat.target.supports(ClearUnread, ConversationKind.GROUP)
    assert world.chat.clear_unread(conversation).effect is Effect.APPLIED
    assert actions(world.simulator) == [READ_TYPE, RESET]
    assert body(world.simulator.exchanges[0]) == {
        "GroupIdList": ["typed"],
        "ResponseFilter": {"GroupBaseInfoFilter": ["Type"]},
    }
    assert body(world.simulator.exchanges[1]) == {
        "GroupId": "typed",
        "Member_Account": "alice",
        "UnreadMsgNum": 0,
    }
    assert world.simulator.state(conversation).unread == 0


@pytest.mark.parametrize("kind", ["Meeting", "ChatRoom", "AVChatRoom"])
def test_with_permission_a_group_that_keeps_no_count_is_refused_and_nothing_changed(worlds, kind):
    world = worlds.open("tencent", allow_group_unread_reset=True)
    world.simulator.add_group("typed", ["alice"], kind=kind)
    conversation = Conversation.group(user="alice", group="typed")
    world.simulator.receive(conversation, 3)
    before = world.simulator.conversations()
    with pytest.raises(UnsupportedOperationError) as caught:
        world.chat.clear_unread(conversation)
    assert caught.value.effect is Effect.NOT_APPLIED
    (outcome,) = world.chat.apply([ClearUnread(conversation)])
    assert outcome.effect is Effect.NOT_APPLIED
    assert actions(world.simulator) == [READ_TYPE, READ_TYPE]
    assert world.simulator.conversations() == before


def test_with_permission_a_group_that_does_not_exist_is_not_found(worlds):
    world = worlds.open("tencent", allow_group_unread_reset=True)
    with pytest.raises(NotFoundError) as caught:
        world.chat.clear_unread(Conversation.group(user="alice", group="nowhere"))
    assert (caught.value.what, caught.value.effect) == ("group", Effect.NOT_APPLIED)
    assert actions(world.simulator) == [READ_TYPE]


def test_marking_a_group_as_read_stays_unsupported_with_that_permission(worlds):
    world = worlds.open("tencent", allow_group_unread_reset=True)
    with pytest.raises(UnsupportedOperationError):
        world.chat.mark_read(TEAM)
    assert world.simulator.exchanges == []


# --- The URL -----------------------------------------------------------------------------------------


def test_the_parameters_of_a_call_are_those_of_the_page(world):
    world.chat.mark_read(DM)
    (exchange,) = world.simulator.exchanges
    assert exchange.action == MARK
    assert exchange.request.method == "POST"
    sent = query(exchange)
    assert sorted(sent) == ["contenttype", "identifier", "random", "sdkappid", "usersig"]
    assert (sent["contenttype"], sent["identifier"]) == ("json", "administrator")
    assert 0 <= int(sent["random"]) < 2**32


# --- What is shared -------------------------------------------------------------------------------------


def test_nobody_who_is_shown_a_plan_can_change_what_others_send(world):
    (planned,) = world.chat.target.plan([MarkRead(DM)])
    with pytest.raises(TypeError):
        planned.calls[0].query["more"] = "1"
