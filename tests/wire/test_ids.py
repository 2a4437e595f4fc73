"""Ids arrive at the vendor exactly as they were given, whatever they are made of."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from convops.operations import ClearUnread, Conversation, Delete, MarkRead, Mute
from tests.wire.worlds import simulator_of

SPECIAL = "&#%+=?;@/ "
ID_BYTES = 32


def fitting(text):
    """Cut a text to what the vendors take, between characters."""
    return text.encode()[:ID_BYTES].decode(errors="ignore")


letters = st.one_of(st.sampled_from(SPECIAL), st.characters(exclude_categories=("Cs", "Cc")))
ids = st.text(letters, min_size=1, max_size=ID_BYTES).map(fitting).filter(bool)
# A user, a peer and a group.
threesomes = st.tuples(ids, ids, ids).filter(lambda three: three[0] != three[1])

NASTY = [
    (SPECIAL, SPECIAL[::-1], SPECIAL * 2),
    ("a%2Fb", "a/b", "a%252Fb"),
    ("a+b", "a b", "a%20b"),
    ("..", ".", "../.."),
    ("a&ConvId=b", "x=y&FromUserId=z", "#fragment?query"),
    (" leading", "trailing ", " "),
    ("\u202e\u200b\ufeff", "\U0001f600\U0001f600", "é"),
    ("e\u0301", "\u00e9", "\ufb01"),
    ('"quoted\\"', "{'a': 1}", "\\u0000"),
    ("0", "null", "true"),
]


def operations_on(vendor, direct, group):
    yield from (
        ClearUnread(direct),
        MarkRead(direct),
        ClearUnread(group),
        Mute(group),
        Mute(group, muted=False),
    )
    if vendor == "zego":
        yield from (MarkRead(group), Mute(direct), Mute(direct, muted=False))
    for erase_history in (False, True):
        yield Delete(direct, erase_history=erase_history)
        yield Delete(group, erase_history=erase_history)


def assert_done(simulator, operation):
    state = simulator.state(operation.conversation)
    match operation:
        case Delete():
            assert state is None
        case Mute():
            assert simulator.is_muted(operation.conversation) is operation.muted
        case _:
            assert state.unread == 0


def assert_each_arrives(world, user, peer, group):
    """Do everything to the conversations of these three, and look beside them as well."""
    simulator = world.simulator
    simulator.add_user(user)
    simulator.add_user(peer)
    simulator.add_group(group, [user, peer])
    direct, team = Conversation.direct(user=user, peer=peer), Conversation.group(user=user, group=group)
    # What a mistaken id would most likely hit.
    beside = [Conversation.direct(user=peer, peer=user), Conversation.group(user=peer, group=group)]
    for conversation in beside:
        simulator.receive(conversation, 2)
    untouched = [simulator.state(conversation) for conversation in beside]
    for operation in operations_on(world.vendor, direct, team):
        simulator.receive(operation.conversation, 3)
        (outcome,) = world.chat.apply([operation])
        assert outcome.ok, outcome.error
        assert_done(simulator, operation)
        assert [simulator.state(conversation) for conversation in beside] == untouched


def open_fresh(worlds, vendor, socket):
    permission = {"allow_group_unread_reset": True} if vendor == "tencent" else {}
    return worlds.open(vendor, socket=socket, simulator=simulator_of(vendor), attempts=1, **permission)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(three=threesomes)
def test_every_operation_reaches_the_conversation_that_was_named(worlds, vendor, socket, three):
    world = open_fresh(worlds, vendor, socket)
    assert_each_arrives(world, *three)
    world.chat.close()


@pytest.mark.parametrize("three", NASTY)
def test_ids_that_mean_something_to_urls_and_json_mean_nothing_here(worlds, vendor, three):
    assert_each_arrives(open_fresh(worlds, vendor, socket=True), *three)


def test_ids_that_differ_only_in_their_spelling_are_different_conversations(worlds, vendor):
    peers = ["a b", "a+b", "a%20b", "A b", "a\u00a0b", "a b ", "\u00e9", "e\u0301"]
    simulator = simulator_of(vendor)
    for user in ("alice", *peers):
        simulator.add_user(user)
    conversations = [Conversation.direct(user="alice", peer=peer) for peer in peers]
    for conversation in conversations:
        simulator.receive(conversation)
    world = worlds.open(vendor, simulator=simulator)
    for done, conversation in enumerate(conversations, start=1):
        world.chat.clear_unread(conversation)
        assert [simulator.state(c).unread for c in conversations] == [0] * done + [1] * (len(peers) - done)
