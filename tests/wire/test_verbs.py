"""Every verb, at both vendors, through both clients, looked up in the vendor's own state."""

from __future__ import annotations

import pytest

from convops.errors import Effect, InvalidRequestError, TransportError, UnsupportedOperationError
from convops.operations import ClearUnread, Conversation, ConversationKind, Delete, MarkRead, Mute
from convops.provider import FailureKind
from convops.testing import ConversationState, Fault
from tests.wire.worlds import DM, OTHERS, TEAM

LACKING = {
    ("tencent", ConversationKind.GROUP, "clear_unread"),
    ("tencent", ConversationKind.GROUP, "mark_read"),
    ("tencent", ConversationKind.DIRECT, "mute"),
}
OPERATIONS = {"clear_unread": ClearUnread, "mark_read": MarkRead, "delete": Delete, "mute": Mute}

DONE = (Effect.APPLIED, Effect.ALREADY)


@pytest.fixture(params=[DM, TEAM], ids=["direct", "group"])
def conversation(request):
    return request.param


@pytest.fixture
def world(worlds, vendor, socket):
    return worlds.open(vendor, socket=socket)


def cells(*verbs, lacking=False):
    """Every vendor, conversation and verb that is supported, or those that are not."""
    every = [
        (vendor, conversation, verb)
        for verb in verbs
        for conversation in (DM, TEAM)
        for vendor in ("zego", "tencent")
        if ((vendor, conversation.kind, verb) in LACKING) is lacking
    ]
    return pytest.mark.parametrize(
        ("vendor", "conversation", "verb"),
        [pytest.param(*cell, id=f"{cell[0]}-{cell[1].kind.value}-{cell[2]}") for cell in every],
    )


@cells("clear_unread", "mark_read")
def test_what_was_unread_is_not_any_more(world, conversation, verb):
    before, others = world.simulator.state(conversation), world.others()
    assert before.unread == before.messages > 0
    for _ in range(2):
        outcome = getattr(world.chat, verb)(conversation)
        assert outcome.effect in DONE
        after = world.simulator.state(conversation)
        assert (after.unread, after.messages, after.muted) == (0, before.messages, False)
        assert after.read_up_to is not None
    assert world.others() == others


def test_what_was_deleted_is_not_listed_and_comes_back_with_its_history(world, conversation):
    messages, others = world.simulator.state(conversation).messages, world.others()
    for _ in range(2):
        assert world.chat.delete(conversation).effect in DONE
        assert world.simulator.state(conversation) is None
    assert world.others() == others
    world.simulator.receive(conversation)
    again = world.simulator.state(conversation)
    assert (again.unread, again.messages) == (1, messages + 1)


def test_what_was_deleted_with_its_history_comes_back_without(world, conversation):
    others = world.others()
    for _ in range(2):
        assert world.chat.delete(conversation, erase_history=True).effect in DONE
        assert world.simulator.state(conversation) is None
    assert world.others() == others
    world.simulator.receive(conversation)
    again = world.simulator.state(conversation)
    assert (again.unread, again.messages) == (1, 1)


@cells("mute")
def test_what_was_muted_is_muted_until_it_is_unmuted(world, conversation, verb):
    before, others = world.simulator.state(conversation), world.others()
    for muted in (True, True, False, False, True):
        assert getattr(world.chat, verb)(conversation, muted=muted).effect in DONE
        assert world.simulator.is_muted(conversation) is muted
        after = world.simulator.state(conversation)
        assert (after.unread, after.messages, after.muted) == (before.unread, before.messages, muted)
    assert world.others() == others


def test_a_conversation_can_be_muted_before_anything_arrived_in_it(worlds, vendor, socket):
    world = worlds.open(vendor, socket=socket)
    world.simulator.add_user("dora")
    world.simulator.add_group("new", ["dora"])
    conversation = Conversation.group(user="dora", group="new")
    world.chat.mute(conversation)
    assert world.simulator.is_muted(conversation)
    assert world.simulator.state(conversation) is None


@cells(*OPERATIONS)
def test_what_works_is_declared(world, conversation, verb):
    assert world.chat.target.supports(OPERATIONS[verb], conversation.kind)


@cells(*OPERATIONS, lacking=True)
def test_what_is_not_supported_is_refused_before_anything_is_sent(world, conversation, verb):
    before = world.simulator.conversations()
    with pytest.raises(UnsupportedOperationError) as caught:
        getattr(world.chat, verb)(conversation)
    (outcome,) = world.chat.apply([OPERATIONS[verb](conversation)])
    assert (outcome.effect, type(outcome.error)) == (Effect.NOT_APPLIED, UnsupportedOperationError)
    assert caught.value.support == world.chat.target.supports(OPERATIONS[verb], conversation.kind)
    assert not caught.value.support
    assert caught.value.support.lacked_by == "vendor"
    assert (caught.value.effect, caught.value.attempts) == (Effect.NOT_APPLIED, 0)
    assert world.simulator.exchanges == []
    assert world.simulator.conversations() == before


def test_everything_in_one_apply_comes_to_the_same_state_as_verb_by_verb(world):
    operations = [
        operation(conversation)
        for conversation in (DM, TEAM)
        for verb, operation in OPERATIONS.items()
        if verb != "delete" and (world.vendor, conversation.kind, verb) not in LACKING
    ]
    others = world.others()
    outcomes = world.chat.apply(operations)
    assert [outcome.operation for outcome in outcomes] == operations
    assert all(outcome.effect in DONE for outcome in outcomes)
    for operation in operations:
        state = world.simulator.state(operation.conversation)
        match operation:
            case Mute():
                assert state.muted
            case _:
                assert state.unread == 0
    assert world.others() == others


def test_the_sides_of_others_are_never_touched(world):
    before = {conversation: world.simulator.state(conversation) for conversation in OTHERS}
    assert all(isinstance(state, ConversationState) for state in before.values())
    world.chat.apply([Delete(DM, erase_history=True), Delete(TEAM, erase_history=True)])
    assert {conversation: world.simulator.state(conversation) for conversation in OTHERS} == before


# --- Ids that are too long ---------------------------------------------------------------------------

LONG = "é" * 16 + "x"  # 33 bytes of UTF-8 in 17 characters

TOO_LONG = [
    Conversation.direct(user=LONG, peer="bob"),
    Conversation.direct(user="alice", peer=LONG),
    Conversation.group(user=LONG, group="team"),
    Conversation.group(user="alice", group=LONG),
]


def too_long(vendor):
    """What this vendor refuses for its length; Tencent's pages give none for the ids of groups."""
    return TOO_LONG if vendor == "zego" else TOO_LONG[:3]


def test_an_id_the_vendor_would_refuse_for_its_length_is_never_sent(worlds, vendor):
    world = worlds.open(vendor)
    for conversation in too_long(vendor):
        supported = [verb for verb in OPERATIONS if (vendor, conversation.kind, verb) not in LACKING]
        for verb in supported:
            (outcome,) = world.chat.apply([OPERATIONS[verb](conversation)])
            assert (outcome.effect, type(outcome.error)) == (Effect.NOT_APPLIED, InvalidRequestError)
            with pytest.raises(InvalidRequestError, match="33 UTF-8 bytes"):
                getattr(world.chat, verb)(conversation)
    assert world.simulator.exchanges == []


def test_the_id_of_a_group_may_be_long_at_tencent(worlds):
    world = worlds.open("tencent")
    group = "é" * 40
    world.simulator.add_group(group, ["alice"])
    conversation = Conversation.group(user="alice", group=group)
    world.chat.mute(conversation)
    assert world.simulator.is_muted(conversation)


def test_an_id_of_exactly_the_vendors_length_is_sent(worlds, vendor):
    world = worlds.open(vendor)
    world.simulator.add_user("é" * 16)
    conversation = Conversation.direct(user="alice", peer="é" * 16)
    world.simulator.receive(conversation)
    world.chat.clear_unread(conversation)
    assert world.simulator.state(conversation).unread == 0


def test_the_last_call_of_a_deletion_is_the_one_that_removes(worlds, vendor):
    (planned,) = worlds.open(vendor).chat.target.plan([Delete(DM, erase_history=True)])
    assert [call.removes for call in planned.calls][-1] is True
    assert not any(call.removes for call in planned.calls[:-1])


def test_what_removes_nothing_does_not_say_so(worlds, vendor):
    planned = worlds.open(vendor).chat.target.plan([ClearUnread(DM), MarkRead(DM), Mute(TEAM)])
    assert {call.removes for batch in planned for call in batch.calls} == {False}


@cells("clear_unread", "mark_read", "delete", "mute")
def test_a_call_that_broke_after_it_was_sent_may_have_been_applied(worlds, vendor, conversation, verb):
    world = worlds.open(vendor, attempts=1)
    world.simulator.misbehave(Fault(failure=FailureKind.BROKEN, applies=True))
    with pytest.raises(TransportError) as caught:
        getattr(world.chat, verb)(conversation)
    assert caught.value.effect is Effect.UNKNOWN
