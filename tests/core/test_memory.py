"""`memory` is an ordinary provider whose vendor is a dict."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest

from convops import (
    AuthenticationError,
    ClearUnread,
    Conversation,
    ConversationKind,
    Delete,
    Effect,
    Evidence,
    Fidelity,
    LimitExceededError,
    MarkRead,
    Mute,
    NotFoundError,
    OperationError,
    ProviderError,
    ProviderUnavailableError,
    RateLimitedError,
    TransportError,
    UnsupportedOperationError,
)
from convops._memory import forget_store
from convops.testing import ConversationState, MemoryStore, memory_store

DM = Conversation.direct(user="alice", peer="bob")
TEAM = Conversation.group(user="alice", group="team")
BOBS = Conversation.direct(user="bob", peer="alice")


class Clock:
    def __init__(self, now=1000.0):
        self.now = now

    def __call__(self):
        return self.now


@pytest.fixture
def name():
    return uuid.uuid4().hex


@pytest.fixture
def store(name):
    return memory_store(name)


@pytest.fixture
def chat(opened, name):
    return opened("memory", store=name)


def at(seconds):
    return datetime.fromtimestamp(seconds, UTC)


# --- The provider, through both clients ---------------------------------------------------------------


@pytest.mark.parametrize("conversation", [DM, TEAM], ids=["direct", "group"])
def test_clearing_takes_the_unread_count_away(chat, store, conversation):
    store.receive(conversation, 3)
    assert chat.clear_unread(conversation).effect is Effect.APPLIED
    assert store.state(conversation).unread == 0
    assert store.state(conversation).messages == 3


@pytest.mark.parametrize("conversation", [DM, TEAM], ids=["direct", "group"])
def test_marking_read_takes_the_unread_count_away_and_says_until_when(chat, store, conversation):
    store.receive(conversation)
    outcome = chat.mark_read(conversation)
    assert outcome.effect is Effect.APPLIED
    assert store.state(conversation).unread == 0
    assert store.state(conversation).read_up_to == outcome.operation.at.timestamp()


def test_marking_read_up_to_a_time_leaves_what_came_later(chat, store):
    store.receive(DM, 2)
    outcome = chat.mark_read(DM, up_to=at(1000.0))
    assert outcome.effect is Effect.ALREADY
    assert store.state(DM).unread == 2


@pytest.mark.parametrize("conversation", [DM, TEAM], ids=["direct", "group"])
def test_muting_and_unmuting_turn_notifications_off_and_on(chat, store, conversation):
    store.receive(conversation)
    assert chat.mute(conversation).effect is Effect.APPLIED
    assert store.state(conversation).muted is True
    assert chat.mute(conversation, muted=False).effect is Effect.APPLIED
    assert store.state(conversation).muted is False


@pytest.mark.parametrize("conversation", [DM, TEAM], ids=["direct", "group"])
def test_deleting_takes_the_conversation_off_the_list(chat, store, conversation):
    store.receive(conversation, 2)
    assert chat.delete(conversation).effect is Effect.APPLIED
    assert store.state(conversation) is None
    assert conversation not in store.conversations()


def test_a_conversation_that_was_deleted_comes_back_with_its_history(chat, store):
    store.receive(DM, 2)
    chat.delete(DM)
    store.receive(DM)
    assert store.state(DM) == ConversationState(unread=1, messages=3)


def test_erased_history_does_not_come_back(chat, store):
    store.receive(DM, 2)
    chat.delete(DM, erase_history=True)
    store.receive(DM)
    assert store.state(DM) == ConversationState(unread=1, messages=1)


@pytest.mark.parametrize(
    "verb",
    ["clear_unread", "mark_read", "delete", "mute"],
    ids=["clear_unread", "mark_read", "delete", "mute"],
)
def test_what_holds_already_is_already_so(chat, store, verb):
    store.receive(DM)
    getattr(chat, verb)(DM)
    assert getattr(chat, verb)(DM).effect is Effect.ALREADY


def test_a_conversation_nobody_mentioned_is_empty_read_and_not_muted(chat):
    assert chat.clear_unread(DM).effect is Effect.ALREADY
    assert chat.mute(DM, muted=False).effect is Effect.ALREADY
    assert chat.delete(DM).effect is Effect.ALREADY
    assert chat.mute(DM).effect is Effect.APPLIED


def test_one_users_side_is_not_the_others(chat, store):
    store.receive(DM)
    store.receive(BOBS)
    chat.delete(DM)
    chat.mute(BOBS)
    assert store.state(DM) is None
    assert store.state(BOBS) == ConversationState(unread=1, muted=True, messages=1)


def test_accounts_that_name_one_store_share_it(opened, name, store):
    store.receive(DM)
    opened("memory", store=name).clear_unread(DM)
    assert opened("memory", store=name).clear_unread(DM).effect is Effect.ALREADY


def test_accounts_of_different_stores_share_nothing(opened, name, store):
    store.receive(DM)
    opened("memory", store=f"{name}-other").clear_unread(DM)
    assert store.state(DM).unread == 1


@pytest.mark.parametrize("awkward", ["[", "a/b", "a b?c#d", "\u4f60", "user:pass@host:port", ""], ids=ascii)
def test_a_store_may_have_any_name(opened, awkward):
    assert opened("memory", store=awkward).delete(DM).effect is Effect.ALREADY


def test_everything_is_supported_natively(chat):
    for operation in (ClearUnread, MarkRead, Delete, Mute):
        for kind in ConversationKind:
            support = chat.supports(operation, kind)
            assert support.fidelity is Fidelity.NATIVE
            assert support.evidence is Evidence.LIVE
            assert support.time_pinned is (operation in (ClearUnread, MarkRead))
            assert support.batch == 100


# --- The store ----------------------------------------------------------------------------------------


def test_messages_that_arrive_later_than_the_moment_stay_unread():
    clock = Clock()
    store = MemoryStore(now=clock)
    store.receive(DM, 2)
    clock.now = 2000.0
    store.receive(DM)
    assert store.perform(MarkRead(DM, up_to=at(1500.0))) is Effect.APPLIED
    assert store.state(DM) == ConversationState(unread=1, messages=3, read_up_to=1500.0)
    assert store.perform(ClearUnread(DM, at=at(2000.0))) is Effect.APPLIED
    assert store.state(DM).unread == 0


def test_a_late_repeat_takes_nothing_newer_with_it():
    clock = Clock()
    store = MemoryStore(now=clock)
    store.receive(DM)
    operation = MarkRead(DM, at=at(1000.0))
    store.perform(operation)
    clock.now = 1060.0
    store.receive(DM)
    assert store.perform(operation) is Effect.ALREADY
    assert store.state(DM).unread == 1


def test_a_time_named_by_the_caller_goes_before_the_moment_of_the_call():
    clock = Clock()
    store = MemoryStore(now=clock)
    store.receive(DM)
    later = at(1000.0) + timedelta(hours=1)
    assert store.perform(MarkRead(DM, up_to=at(999.0), at=later)) is Effect.ALREADY
    assert store.state(DM).unread == 1


def test_an_operation_without_any_moment_means_everything():
    store = MemoryStore(now=Clock())
    store.receive(DM, 5)
    assert store.perform(ClearUnread(DM)) is Effect.APPLIED
    assert store.state(DM).unread == 0


def test_a_store_lists_its_conversations_and_forgets_them_when_told():
    store = MemoryStore(now=Clock())
    store.receive(DM)
    store.receive(TEAM, 2)
    assert store.conversations() == {
        DM: ConversationState(unread=1, messages=1),
        TEAM: ConversationState(unread=2, messages=2),
    }
    store.clear()
    assert store.conversations() == {}
    assert store.state(DM) is None


def test_a_store_is_the_same_for_the_same_name(name):
    assert memory_store(name) is memory_store(name)
    assert memory_store(name) is not memory_store(f"{name}-other")
    assert memory_store() is memory_store("default")


# --- Scripted faults --------------------------------------------------------------------------------------


def test_an_operation_that_is_to_fail_fails_as_often_as_it_is_tried(opened, name, store):
    store.receive(DM)
    store.fail(ProviderUnavailableError("busy"))
    chat = opened("memory", store=name, attempts=2)
    (outcome, after) = chat.apply([ClearUnread(DM), Mute(DM)])
    assert (type(outcome.error), outcome.attempts) == (ProviderUnavailableError, 2)
    assert outcome.error.args == ("busy",)
    assert after.effect is Effect.APPLIED
    assert store.state(DM).unread == 1
    assert chat.clear_unread(DM).effect is Effect.APPLIED


@pytest.mark.parametrize(
    "error",
    [
        AuthenticationError("late", expired=True, code="E1"),
        NotFoundError("gone", what="peer", code=7),
        LimitExceededError("full"),
        RateLimitedError("slow", retry_after=60.0),
        ProviderError("odd", code=99, retryable=True),
    ],
    ids=lambda error: type(error).__name__,
)
def test_the_facts_of_a_scripted_error_arrive(opened, name, store, error):
    store.fail(error)
    (outcome,) = opened("memory", store=name, attempts=1).apply([Mute(DM)])
    given = {**vars(error), "provider": "memory", "operation": "mute", "attempts": 1}
    assert type(outcome.error) is type(error)
    assert vars(outcome.error) == given


def test_a_fault_hits_only_what_it_is_meant_for(opened, name, store):
    chat = opened("memory", store=name, attempts=1)
    store.fail(LimitExceededError("full"), operation=Mute, conversation=TEAM, times=2)
    operations = [Mute(DM), Mute(TEAM), ClearUnread(TEAM), Mute(TEAM, muted=False), Mute(TEAM)]
    assert [outcome.ok for outcome in chat.apply(operations)] == [True, False, True, False, True]


def test_what_is_applied_without_being_told_is_in_doubt(opened, name, store):
    store.receive(DM)
    store.fail(TransportError("lost"), applies=True)
    (outcome,) = opened("memory", store=name, attempts=1).apply([Delete(DM)])
    assert outcome.effect is Effect.UNKNOWN
    assert store.state(DM) is None


@pytest.mark.parametrize(
    ("error", "options", "said"),
    [
        (RateLimitedError("slow"), {"applies": True}, "has the effect UNKNOWN"),
        (UnsupportedOperationError("no", support=None), {}, "no vendor answers"),
        (OperationError("any"), {}, "no vendor answers"),
    ],
)
def test_a_fault_that_no_vendor_could_play_is_refused(store, error, options, said):
    with pytest.raises(ValueError, match=said):
        store.fail(error, **options)


def test_clearing_a_store_forgets_its_faults(opened, name, store):
    store.fail(LimitExceededError("full"))
    store.clear()
    assert opened("memory", store=name).mute(DM).effect is Effect.APPLIED


def test_a_store_that_was_forgotten_begins_afresh(name, store):
    store.receive(DM)
    forget_store(name)
    assert memory_store(name).state(DM) is None
