"""Many operations at once: batches, order, what is in flight, and the pace."""

from __future__ import annotations

import threading
import time
from itertools import count, pairwise

import pytest

from convops._accounts import from_keywords, veil
from convops._pipeline import Pipeline
from convops._policy import Pacer, Retry
from convops._steps import Environment, Wait
from convops.errors import Effect, NotFoundError, RateLimitedError
from convops.operations import ClearUnread, Conversation, Delete, MarkRead, Mute
from convops.provider import HttpReply
from tests.transports.rawserver import PATIENCE, RawServer, simulating
from tests.wire.worlds import DM, TEAM, actions, body, query, simulator_of

APP_IDS = count(70_000)


def dms(*peers):
    return [Conversation.direct(user="alice", peer=peer) for peer in peers]


def crowd(simulator, number):
    """Let alice have one direct conversation and one group with each of so many."""
    simulator.add_user("alice")
    conversations = []
    for place in range(number):
        simulator.add_user(f"peer{place}")
        simulator.add_group(f"group{place}", ["alice"])
        conversations += [
            Conversation.direct(user="alice", peer=f"peer{place}"),
            Conversation.group(user="alice", group=f"group{place}"),
        ]
    for conversation in conversations:
        simulator.receive(conversation)
    return conversations


# --- Batches at ZEGO ----------------------------------------------------------------------------------


def test_mutes_of_one_user_go_ten_to_a_call(worlds, socket):
    simulator = simulator_of("zego")
    conversations = crowd(simulator, 25)[::2]
    world = worlds.open("zego", simulator=simulator, socket=socket)
    outcomes = world.chat.apply([Mute(conversation) for conversation in conversations])
    assert [outcome.effect for outcome in outcomes] == [Effect.APPLIED] * 25
    assert [outcome.operation.conversation for outcome in outcomes] == conversations
    sizes = [len(body(exchange)["ConvIds"]) for exchange in simulator.exchanges]
    assert sorted(sizes) == [5, 10, 10]
    assert all(simulator.is_muted(conversation) for conversation in conversations)


def test_only_mutes_of_one_user_kind_and_direction_share_a_call(worlds):
    world = worlds.open("zego")
    operations = [
        Mute(DM),
        Mute(TEAM),
        Mute(Conversation.direct(user="alice", peer="carol"), muted=False),
        Mute(Conversation.direct(user="bob", peer="alice")),
        Mute(Conversation.direct(user="bob", peer="carol")),
    ]
    assert all(outcome.ok for outcome in world.chat.apply(operations))
    shared = sorted((b["FromUserId"], b["ConvType"], b["Enable"], *b["ConvIds"]) for b in bodies(world))
    assert shared == [
        ("alice", 0, False, "carol"),
        ("alice", 0, True, "bob"),
        ("alice", 2, True, "team"),
        ("bob", 0, True, "alice", "carol"),
    ]


def bodies(world):
    return [body(exchange) for exchange in world.simulator.exchanges]


def test_a_batch_that_fails_in_part_has_one_outcome_for_each_conversation(worlds, socket):
    world = worlds.open("zego", socket=socket)
    (carol,) = dms("carol")
    world.chat.mute(carol)
    conversations = dms("bob", "ghost", "carol", "alice")
    outcomes = world.chat.apply([Mute(conversation) for conversation in conversations])
    assert [outcome.effect for outcome in outcomes] == [
        Effect.APPLIED,
        Effect.NOT_APPLIED,
        Effect.ALREADY,
        Effect.APPLIED,
    ]
    assert [type(outcome.error) for outcome in outcomes] == [
        type(None),
        NotFoundError,
        type(None),
        type(None),
    ]
    missing = outcomes[1].error
    assert (missing.what, missing.code, missing.operation) == ("peer", 660700015, "mute")
    assert [world.simulator.is_muted(c) for c in conversations] == [True, False, True, True]
    assert actions(world.simulator) == ["SilenceConvNotification"] * 2


def test_a_batch_that_fails_as_a_whole_has_an_error_for_each_conversation(worlds):
    world = worlds.open("zego")
    outcomes = world.chat.apply([Mute(conversation) for conversation in dms("ghost", "phantom")])
    assert [(o.effect, type(o.error), o.error.what) for o in outcomes] == [
        (Effect.NOT_APPLIED, NotFoundError, "peer")
    ] * 2


@pytest.mark.parametrize("written", ["list", "null", "missing"])
def test_an_empty_error_list_is_success_however_it_is_written(worlds, written):
    simulator = simulator_of("zego", empty_error_list=written)
    conversations = crowd(simulator, 3)[::2]
    world = worlds.open("zego", simulator=simulator)
    outcomes = world.chat.apply([Mute(conversation) for conversation in conversations])
    assert [outcome.effect for outcome in outcomes] == [Effect.APPLIED] * 3
    assert all(simulator.is_muted(conversation) for conversation in conversations)


@pytest.mark.parametrize("conversation", [DM, TEAM], ids=["direct", "group"])
def test_what_is_muted_or_unmuted_already_is_said_to_be_so(worlds, conversation):
    world = worlds.open("zego")
    effects = [
        world.chat.mute(conversation, muted=muted).effect for muted in (False, True, True, False, False)
    ]
    assert effects == [Effect.ALREADY, Effect.APPLIED, Effect.ALREADY, Effect.APPLIED, Effect.ALREADY]
    codes = [exchange.reply.body for exchange in world.simulator.exchanges]
    assert [b"660800051" in answer for answer in codes] == [False, False, True, False, False]
    assert [b"660800052" in answer for answer in codes] == [True, False, False, False, True]


# --- Order and what is in flight ------------------------------------------------------------------------


def test_operations_on_one_conversation_arrive_in_their_order(worlds, vendor, socket):
    simulator = simulator_of(vendor)
    groups = crowd(simulator, 12)[1::2]
    world = worlds.open(vendor, simulator=simulator, socket=socket)
    directions = [True, False, False, True, False, True]
    operations = [Mute(group, muted=muted) for muted in directions for group in groups]
    outcomes = world.chat.apply(operations)
    assert [outcome.operation for outcome in outcomes] == operations
    assert all(outcome.ok for outcome in outcomes)
    arrived = {group: [] for group in groups}
    for received in bodies(world):
        for group in received.get("ConvIds") or [received["GroupId"]]:
            muted = received["Enable"] if vendor == "zego" else received["MsgFlag"] == "AcceptNotNotify"
            arrived[Conversation.group(user="alice", group=group)].append(muted)
    assert list(arrived.values()) == [directions] * len(groups)
    assert all(simulator.is_muted(group) for group in groups)


def test_different_operations_on_one_conversation_keep_their_order_too(worlds, vendor, socket):
    world = worlds.open(vendor, socket=socket)
    mark = MarkRead(DM) if vendor == "zego" else ClearUnread(DM)
    operations = [mark, Delete(DM), *[Delete(c) for c in dms("carol")], Delete(DM, erase_history=True)]
    assert all(outcome.ok for outcome in world.chat.apply(operations))
    named = [
        action
        for action, exchange in zip(actions(world.simulator), world.simulator.exchanges, strict=True)
        if "bob" in {**query(exchange), **body(exchange)}.values()
    ]
    expected = {
        "zego": ["ClearConversationUnread", "DeleteConv", "ClearPeerMessage", "DeleteConv"],
        "tencent": ["openim/admin_set_msg_read", "recentcontact/delete", "recentcontact/delete"],
    }
    assert named == expected[vendor]


def test_an_asynchronous_apply_keeps_several_calls_in_flight_at_the_vendor(flavour, vendor):
    simulator = simulator_of(vendor)
    conversations = crowd(simulator, 12)[::2]
    together = threading.Barrier(4 if flavour.asynchronous else 1)
    in_flight, most, lock = [], [], threading.Lock()
    answer = simulating(simulator)

    def handle(peer, request):
        with lock:
            in_flight.append(peer)
            most.append(len(in_flight))
        # Nobody is answered before four are there.
        together.wait(PATIENCE)
        with lock:
            in_flight.remove(peer)
        answer(peer, request)

    server = RawServer(handle)
    chat = flavour.connect(vendor, base_url=server.url, pace=10_000, **simulator.settings)
    outcomes = chat.apply([ClearUnread(conversation) for conversation in conversations])
    chat.close()
    server.close()
    assert all(outcome.ok for outcome in outcomes)
    assert max(most) >= 4 if flavour.asynchronous else max(most) == 1
    assert all(simulator.state(conversation).unread == 0 for conversation in conversations)


def test_one_failure_stops_nothing_else(worlds, vendor):
    world = worlds.open(vendor)
    ghost = Conversation.direct(user="ghost", peer="bob")
    outcomes = world.chat.apply([ClearUnread(ghost), ClearUnread(DM), object(), Delete(TEAM)])
    assert [outcome.ok for outcome in outcomes] == [False, True, False, True]
    assert world.simulator.state(DM).unread == 0
    assert world.simulator.state(TEAM) is None


# --- The pace -------------------------------------------------------------------------------------------


def account_of(simulator):
    settings = {**simulator.settings, "base_url": "https://chat.example"}
    return from_keywords(simulator.provider, veil(settings))


class Clock:
    """Time that passes when somebody waits."""

    def __init__(self):
        self.now = 1_700_000_000.0

    def __call__(self):
        return self.now


def in_virtual_time(vendor, operations, *, pace=None):
    """Perform operations one after another against a simulator that counts; return what came, and when."""
    clock, nonces = Clock(), count()
    simulator = simulator_of(vendor, now=clock, rate_limits=True)
    simulator.add_user("alice")
    simulator.add_user("bob")
    simulator.receive(DM)
    account = account_of(simulator)
    pipeline = Pipeline(
        provider=account.provider,
        account=account.settings,
        environment=Environment(
            monotonic=clock, time=clock, random=lambda: 0.0, nonce=lambda: next(nonces).to_bytes(8, "big")
        ),
        pacer=Pacer(),
        retry=Retry(attempts=1),
        pace=pace,
    )
    transport, arrivals, outcomes = simulator.transport(), [], []
    for operation in operations:
        steps, result = pipeline.perform([operation], timeout=10, patient=True), None
        try:
            while True:
                step = steps.send(result)
                if isinstance(step, Wait):
                    clock.now += step.seconds
                    result = None
                else:
                    arrivals.append(clock.now)
                    result = transport.exchange(step.attempt, step.deadline)
                    assert isinstance(result, HttpReply)
        except StopIteration as stop:
            outcomes += stop.value
    return outcomes, [round(after - before, 9) for before, after in pairwise(arrivals)]


@pytest.mark.parametrize(("vendor", "rate"), [("zego", 20), ("tencent", 200)])
def test_the_documented_rate_is_used_up_and_never_exceeded(vendor, rate):
    outcomes, gaps = in_virtual_time(vendor, [ClearUnread(DM)] * (2 * rate + 1))
    assert all(outcome.ok for outcome in outcomes)
    assert min(gaps) >= 1 / rate
    assert sum(gaps) / len(gaps) == pytest.approx(1 / rate, rel=0.03)


def test_a_pace_of_ones_own_replaces_the_documented_one(vendor):
    _, gaps = in_virtual_time(vendor, [ClearUnread(DM)] * 5, pace=4)
    assert gaps == pytest.approx([0.25] * 4, rel=0.03)


def test_a_pace_beyond_the_vendors_is_refused_by_the_vendor(worlds):
    # At the vendor, one second that does not end: each refusal is followed by a pause.
    second = time.time()
    simulator = simulator_of("zego", rate_limits=True, app_id=next(APP_IDS), now=lambda: second)
    conversations = crowd(simulator, 11)
    world = worlds.open("zego", simulator=simulator, pace=10_000, attempts=1)
    outcomes = world.chat.apply([ClearUnread(conversation) for conversation in conversations])
    refused = [outcome for outcome in outcomes if not outcome.ok]
    assert len(refused) == 2
    assert {(type(o.error), o.error.retryable, o.effect) for o in refused} == {
        (RateLimitedError, True, Effect.NOT_APPLIED)
    }
    left = [simulator.state(outcome.operation.conversation).unread for outcome in refused]
    assert left == [1] * 2
