"""Batches are formed out of a list, and operations on one conversation keep their order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from convops._schedule import Schedule
from convops.operations import ClearUnread, Conversation, Delete, MarkRead, Mute

PEERS = [Conversation.direct(user="alice", peer=peer) for peer in ("bob", "carol", "dave", "erin")]
A, B, C, D = PEERS


def shared_key(operation):
    """Mutes of one direction share a call, so do deletions; a clear_unread or mark_read stands alone."""
    if isinstance(operation, Mute):
        return ("mute", operation.muted)
    return "delete" if isinstance(operation, Delete) else None


conversations = st.sampled_from(PEERS)
operations = st.one_of(
    st.builds(ClearUnread, conversations),
    st.builds(MarkRead, conversations),
    st.builds(Delete, conversations),
    st.builds(Mute, conversations, muted=st.booleans()),
)
lists = st.lists(st.none() | operations, max_size=30)
limits = st.fixed_dictionaries({kind: st.integers(1, 5) for kind in (ClearUnread, MarkRead, Delete, Mute)})


def schedule(given_operations, *, batch_max=10):
    return Schedule(given_operations, batch_key=shared_key, batch_max=lambda _: batch_max)


def in_turn(planned):
    """Drive a schedule one batch after another."""
    batches = []
    while (batch := planned.next()) is not None:
        assert batch.indexes
        batches.append(batch)
        planned.finish(batch)
    return [batch.indexes for batch in batches]


def interleaved(planned, random):
    """Drive a schedule as a busy loop would: start what is ready, finish in any order."""
    started, running = [], []
    while True:
        batch = planned.next() if random.random() < 0.6 or not running else None
        if batch is not None:
            assert batch.indexes
            started.append(batch)
            running.append(batch)
        elif running:
            planned.finish(running.pop(random.randrange(len(running))))
        else:
            return started


@given(given_operations=lists, limits=limits, random=st.randoms(use_true_random=False))
def test_every_operation_is_in_exactly_one_batch_whatever_finishes_first(given_operations, limits, random):
    planned = Schedule(given_operations, batch_key=shared_key, batch_max=lambda o: limits[type(o)])
    batches = interleaved(planned, random)
    places = sorted(index for batch in batches for index in batch.indexes)
    assert places == [index for index, operation in enumerate(given_operations) if operation is not None]
    for batch in batches:
        assert [given_operations[index] for index in batch.indexes] == list(batch.operations)


@given(given_operations=lists, limits=limits, random=st.randoms(use_true_random=False))
def test_operations_on_one_conversation_start_in_the_order_given(given_operations, limits, random):
    planned = Schedule(given_operations, batch_key=shared_key, batch_max=lambda o: limits[type(o)])
    started = [index for batch in interleaved(planned, random) for index in batch.indexes]
    for conversation in PEERS:
        places = [index for index in started if given_operations[index].conversation == conversation]
        assert places == sorted(places)


@given(given_operations=lists, limits=limits, random=st.randoms(use_true_random=False))
def test_an_operation_starts_only_when_those_before_it_on_its_conversation_are_finished(
    given_operations, limits, random
):
    planned = Schedule(given_operations, batch_key=shared_key, batch_max=lambda o: limits[type(o)])
    running, finished = [], set()
    while True:
        batch = planned.next() if random.random() < 0.6 or not running else None
        if batch is not None:
            for index in batch.indexes:
                mine = given_operations[index].conversation
                before = {
                    place
                    for place, operation in enumerate(given_operations[:index])
                    if operation is not None and operation.conversation == mine
                }
                assert before <= finished
            running.append(batch)
        elif running:
            done = running.pop(random.randrange(len(running)))
            planned.finish(done)
            finished.update(done.indexes)
        else:
            return


@given(given_operations=lists, limits=limits, random=st.randoms(use_true_random=False))
def test_a_batch_holds_as_many_alike_as_its_call_carries_and_each_conversation_once(
    given_operations, limits, random
):
    planned = Schedule(given_operations, batch_key=shared_key, batch_max=lambda o: limits[type(o)])
    for batch in interleaved(planned, random):
        assert 1 <= len(batch.operations) <= limits[type(batch.operations[0])]
        assert len({operation.conversation for operation in batch.operations}) == len(batch.operations)
        keys = {shared_key(operation) for operation in batch.operations}
        assert len(keys) == 1
        assert keys != {None} or len(batch.operations) == 1


def test_operations_that_may_share_a_call_do():
    assert in_turn(schedule([Mute(A), Mute(B), Mute(C)])) == [(0, 1, 2)]


def test_a_batch_that_is_full_leaves_the_rest_to_the_next():
    assert in_turn(schedule([Mute(A), Mute(B), Mute(C)], batch_max=2)) == [(0, 1), (2,)]


def test_operations_that_share_nothing_stand_alone():
    assert in_turn(schedule([ClearUnread(A), ClearUnread(B)])) == [(0,), (1,)]


def test_others_in_between_do_not_keep_a_batch_apart():
    assert in_turn(schedule([Mute(A), Delete(B), Mute(C), ClearUnread(D)])) == [(0, 2), (1,), (3,)]


def test_equal_operations_on_one_conversation_are_both_done():
    assert in_turn(schedule([Mute(A), Mute(A), Mute(B)])) == [(0, 2), (1,)]


def test_nothing_is_ready_while_all_that_is_left_waits():
    planned = schedule([Mute(A), Mute(A, muted=False)])
    first = planned.next()
    assert first.indexes == (0,)
    assert planned.next() is None
    planned.finish(first)
    assert planned.next().indexes == (1,)


def test_places_that_are_settled_are_left_out():
    assert in_turn(schedule([None, Mute(A), None, Mute(B), None])) == [(1, 3)]


def test_an_empty_list_has_no_batch():
    assert schedule([]).next() is None
    assert schedule([None, None]).next() is None


def test_what_waited_longest_goes_first():
    # Place 3 becomes ready only when place 0 is finished; place 2 was ready from the start.
    planned = schedule([Mute(A), Mute(B), ClearUnread(C), Mute(A)], batch_max=1)
    assert in_turn(planned) == [(0,), (1,), (2,), (3,)]


def test_what_a_full_batch_left_behind_keeps_its_turn():
    planned = schedule([Mute(A), Mute(B), Delete(C), Mute(D)], batch_max=1)
    assert in_turn(planned) == [(0,), (1,), (2,), (3,)]


def test_a_turn_is_taken_when_an_operation_becomes_ready_and_not_when_it_was_given():
    # Place 1 waits for place 0, and comes behind all that was ready meanwhile.
    planned = schedule([ClearUnread(A), Mute(A), Mute(B), Delete(C), Delete(D)], batch_max=1)
    assert in_turn(planned) == [(0,), (2,), (3,), (4,), (1,)]


def test_a_batch_is_as_large_as_its_first_operation_allows():
    def two_for_a(operation):
        return 2 if operation.conversation == A else 1

    planned = Schedule([Mute(A), Mute(B), Mute(C)], batch_key=shared_key, batch_max=two_for_a)
    assert in_turn(planned) == [(0, 1), (2,)]
