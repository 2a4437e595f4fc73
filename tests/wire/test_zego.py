"""What is particular to ZEGO, as the simulator received it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from convops.errors import Effect, NotFoundError, UnsupportedOperationError
from convops.operations import Conversation
from tests.wire.worlds import DM, TEAM, actions, body, people, query, simulator_of

SIGNED = {"Action", "AppId", "SignatureNonce", "Timestamp", "SignatureVersion", "Signature"}


@pytest.fixture
def world(worlds):
    return worlds.open("zego")


@pytest.mark.parametrize("verb", ["clear_unread", "mark_read"])
@pytest.mark.parametrize(("conversation", "kind", "other"), [(DM, "0", "bob"), (TEAM, "2", "team")])
def test_unread_is_cleared_by_a_get_with_everything_in_its_query(world, verb, conversation, kind, other):
    getattr(world.chat, verb)(conversation)
    (exchange,) = world.simulator.exchanges
    sent = query(exchange)
    assert (exchange.request.method, exchange.request.body) == ("GET", b"")
    assert {name: value for name, value in sent.items() if name not in SIGNED} == {
        "FromUserId": "alice",
        "ConvId": other,
        "ConvType": kind,
    }
    assert sent["Action"] == "ClearConversationUnread"


@pytest.mark.parametrize(
    ("conversation", "action", "fields"),
    [
        (DM, "ClearPeerMessage", {"FromUserId": "alice", "ToUserId": "bob"}),
        (TEAM, "ClearMemberGroupMessage", {"FromUserId": "alice", "GroupId": "team"}),
    ],
)
def test_history_is_erased_before_the_conversation_is_deleted(world, conversation, action, fields):
    world.chat.delete(conversation, erase_history=True)
    erase, delete = world.simulator.exchanges
    assert (erase.action, body(erase)) == (action, fields)
    assert delete.action == "DeleteConv"
    assert {exchange.request.method for exchange in (erase, delete)} == {"POST"}
    assert set(query(erase)) == set(query(delete)) == SIGNED


def test_history_is_not_erased_unless_asked(world):
    world.chat.delete(DM)
    assert actions(world.simulator) == ["DeleteConv"]


def test_up_to_is_refused_since_the_vendor_cannot_pin_it(world):
    with pytest.raises(UnsupportedOperationError) as caught:
        world.chat.mark_read(DM, up_to=datetime(2024, 1, 1, tzinfo=UTC))
    assert not caught.value.support.time_pinned
    assert world.simulator.exchanges == []


def test_a_conversation_beyond_the_latest_is_not_found(worlds):
    simulator = simulator_of("zego", latest=2)
    people(simulator)
    world = worlds.open("zego", simulator=simulator)
    with pytest.raises(NotFoundError) as caught:
        world.chat.clear_unread(DM)
    assert (caught.value.what, caught.value.effect) == ("conversation", Effect.NOT_APPLIED)
    assert simulator.state(DM).unread > 0


def test_an_outcome_names_the_vendors_request(world):
    outcome = world.chat.clear_unread(DM)
    assert outcome.request_id.isdecimal()
    with pytest.raises(NotFoundError) as caught:
        world.chat.clear_unread(Conversation.direct(user="alice", peer="nobody"))
    assert caught.value.request_id.isdecimal()
    assert caught.value.request_id != outcome.request_id
