"""Both clients: four verbs, apply, plan and supports, through one fixture."""

from __future__ import annotations

import asyncio
import math
import uuid
from datetime import UTC, datetime, timedelta

import pytest

import convops
from convops import (
    AsyncConversationOps,
    ClearUnread,
    ClosedError,
    ConfigError,
    Conversation,
    ConversationKind,
    ConversationOps,
    DeadlineExceededError,
    Delete,
    Effect,
    InvalidRequestError,
    MarkRead,
    Mute,
    NotFoundError,
    PermissionDeniedError,
    PluginError,
    TransportError,
    UnsupportedOperationError,
)
from convops.provider import APPLIED, Call
from convops.support import Fidelity, Support
from convops.testing import memory_store
from tests.core.scripted import BUSY, FORBIDDEN, Scripted, World, answer, broken, dm

DM = Conversation.direct(user="alice", peer="bob")
TEAM = Conversation.group(user="alice", group="team")
OK = answer()


class Unpaced(Scripted):
    """Never waits for a slot, so that no test does."""

    rate = math.inf


@pytest.fixture
def store():
    return uuid.uuid4().hex


@pytest.fixture
def chat(opened, store):
    return opened("memory", store=store)


@pytest.fixture
def scripted(driven):
    """Return a client of a scripted vendor that gives these answers, and what it was sent."""

    def scripted(*answers, provider=None, random=0.0):
        sent, left = [], list(answers)

        def reply(attempt):
            attempt.sign()
            sent.append(attempt)
            return left.pop(0)

        return driven(World(random=random).pipeline(provider or Unpaced()), reply), sent

    return scripted


# --- Verbs --------------------------------------------------------------------------------------------

VERBS = [
    ("clear_unread", {}, ClearUnread(DM)),
    ("mark_read", {}, MarkRead(DM)),
    (
        "mark_read",
        {"up_to": datetime(2026, 1, 1, tzinfo=UTC)},
        MarkRead(DM, up_to=datetime(2026, 1, 1, tzinfo=UTC)),
    ),
    ("delete", {}, Delete(DM)),
    ("delete", {"erase_history": True}, Delete(DM, erase_history=True)),
    ("mute", {}, Mute(DM)),
    ("mute", {"muted": False}, Mute(DM, muted=False)),
]


@pytest.mark.parametrize(("verb", "arguments", "operation"), VERBS)
def test_a_verb_performs_its_operation_and_returns_the_outcome(chat, verb, arguments, operation):
    before = datetime.now(UTC)
    outcome = getattr(chat, verb)(DM, **arguments)
    assert outcome.operation == operation
    assert before <= outcome.operation.at <= datetime.now(UTC)
    assert outcome.ok
    assert (outcome.error, outcome.attempts) == (None, 1)


def test_a_verb_raises_what_went_wrong(scripted):
    chat, _ = scripted(answer(FORBIDDEN, id="r-1"))
    with pytest.raises(PermissionDeniedError) as caught:
        chat.mute(DM)
    error = caught.value
    assert (error.provider, error.operation, error.code) == ("scripted", "mute", FORBIDDEN)
    assert (error.request_id, error.attempts, error.effect) == ("r-1", 1, Effect.NOT_APPLIED)


def test_a_verb_waits_and_tries_again(scripted):
    chat, sent = scripted(answer(BUSY), broken(), OK)
    assert chat.delete(DM).attempts == 3
    assert len(sent) == 3


def test_a_verb_raises_a_plugins_bug_as_such(scripted):
    class Buggy(Unpaced):
        def read(self, call, reply):
            raise LookupError

    chat, _ = scripted(OK, provider=Buggy())
    with pytest.raises(PluginError) as caught:
        chat.mute(DM)
    assert (caught.value.provider, caught.value.effect) == ("scripted", Effect.UNKNOWN)


@pytest.mark.parametrize("thing", ["bob", None, Mute(DM)], ids=repr)
@pytest.mark.parametrize("verb", ["clear_unread", "mark_read", "delete", "mute"])
def test_a_verb_is_about_a_conversation(scripted, verb, thing):
    chat, sent = scripted()
    with pytest.raises(InvalidRequestError):
        getattr(chat, verb)(thing)
    assert sent == []


def test_a_time_without_a_zone_is_refused_before_sending(scripted):
    chat, sent = scripted()
    with pytest.raises(InvalidRequestError, match="time zone"):
        chat.mark_read(DM, up_to=datetime(2026, 1, 1))  # noqa: DTZ001
    assert sent == []


def test_a_time_in_the_future_is_refused_before_sending(chat):
    with pytest.raises(InvalidRequestError, match="up_to lies in the future") as caught:
        chat.mark_read(DM, up_to=datetime.now(UTC) + timedelta(minutes=2))
    assert (caught.value.provider, caught.value.operation) == ("memory", "mark_read")


def test_a_time_within_the_tolerance_of_clocks_is_taken(chat):
    assert chat.mark_read(DM, up_to=datetime.now(UTC) + timedelta(seconds=30)).ok


@pytest.mark.parametrize(
    "timeout",
    [0, -1, math.nan, math.inf, -math.inf, 10**400, "5", True, b"5", [5]],
    ids=lambda t: repr(t)[:8],
)
def test_a_timeout_of_a_verb_is_a_number_of_seconds_above_zero(scripted, timeout):
    chat, sent = scripted()
    for verb in ("clear_unread", "mark_read", "delete", "mute"):
        with pytest.raises(ConfigError, match="timeout"):
            getattr(chat, verb)(DM, timeout=timeout)
    with pytest.raises(ConfigError, match="timeout"):
        chat.apply([Mute(DM)], timeout=timeout)
    assert sent == []


def test_a_timeout_of_a_verb_replaces_that_of_the_client(driven):
    sent, world = [], World()
    pipeline = world.pipeline(Unpaced())
    pipeline.pacer.hold(("scripted", "Do"), world.clock + 6.0, world.clock)
    chat = driven(pipeline, sent.append, timeout=10.0)
    with pytest.raises(DeadlineExceededError):
        chat.mute(DM, timeout=5)
    assert sent == []


# --- Apply --------------------------------------------------------------------------------------------


def test_apply_returns_one_outcome_for_each_operation_in_the_order_given(chat):
    peers = [Conversation.direct(user="alice", peer=f"peer-{number}") for number in range(250)]
    operations = [kind(peer) for peer in peers for kind in (Mute, ClearUnread)]
    outcomes = chat.apply(operations)
    assert [outcome.operation for outcome in outcomes] == operations
    assert all(outcome.ok for outcome in outcomes)


def test_apply_of_nothing_is_nothing(chat):
    assert chat.apply([]) == []


def test_apply_takes_any_iterable(chat):
    assert len(chat.apply(Mute(dm(str(number))) for number in range(3))) == 3


def test_apply_keeps_the_order_of_operations_on_one_conversation(chat, store):
    memory_store(store).receive(DM, 2)
    operations = [Mute(DM, muted=number % 2 == 0) for number in range(9)]
    outcomes = chat.apply(operations)
    assert [outcome.effect for outcome in outcomes] == [Effect.APPLIED] * 9
    assert memory_store(store).state(DM).muted is True


def test_apply_puts_into_one_call_what_may_share_one(scripted):
    chat, sent = scripted(OK, OK)
    chat.apply([Mute(dm(f"peer-{number}")) for number in range(12)])
    assert [len(attempt.call.body["ids"]) for attempt in sent] == [10, 2]


def test_apply_never_raises_for_an_item(scripted):
    chat, sent = scripted(answer(failed={"b": FORBIDDEN}))
    outcomes = chat.apply([Mute(dm("a")), "mute", Mute(dm("b")), None, Mute])
    assert [outcome.effect.name for outcome in outcomes] == [
        "APPLIED",
        "NOT_APPLIED",
        "NOT_APPLIED",
        "NOT_APPLIED",
        "NOT_APPLIED",
    ]
    assert [type(outcome.error).__name__ for outcome in outcomes] == [
        "NoneType",
        "InvalidRequestError",
        "PermissionDeniedError",
        "InvalidRequestError",
        "InvalidRequestError",
    ]
    assert [outcome.operation for outcome in outcomes[1::2]] == ["mute", None]
    assert [outcome.attempts for outcome in outcomes] == [1, 0, 1, 0, 0]
    assert len(sent) == 1


def test_apply_goes_on_after_a_batch_that_failed(scripted):
    chat, _ = scripted(*[broken()] * 4, OK)
    outcomes = chat.apply([Mute(dm("a")), Mute(dm("a"), muted=False)])
    assert [outcome.effect for outcome in outcomes] == [Effect.UNKNOWN, Effect.APPLIED]
    assert isinstance(outcomes[0].error, TransportError)


BUGGY = {
    "check": lambda *_: 1 / 0,
    "support": lambda *_: 1 / 0,
    "flow": lambda *_: 1 / 0,
    "quota": lambda *_: 1 / 0,
    "batch_key": lambda *_: 1 / 0,
    "batch_key, unhashable": lambda *_: [],
}


@pytest.mark.parametrize("name", BUGGY)
def test_apply_gives_a_plugins_bug_as_the_outcome_of_its_items(scripted, name):
    provider = type("Buggy", (Unpaced,), {name.partition(",")[0]: BUGGY[name]})()
    chat, sent = scripted(provider=provider)
    outcomes = chat.apply([Mute(dm("a")), Delete(dm("b"))])
    assert [type(outcome.error) for outcome in outcomes] == [PluginError, PluginError]
    assert [outcome.effect for outcome in outcomes] == [Effect.NOT_APPLIED] * 2
    assert sent == []


def test_apply_tells_what_a_vendor_lacks_as_the_outcome_of_the_item(scripted):
    class NoMute(Unpaced):
        def support(self, account, operation, kind):
            if operation is Mute:
                return Support(fidelity=Fidelity.UNSUPPORTED, lacked_by="vendor")
            return super().support(account, operation, kind)

    chat, _ = scripted(OK, provider=NoMute())
    mute, delete = chat.apply([Mute(DM), Delete(DM)])
    assert isinstance(mute.error, UnsupportedOperationError)
    assert delete.effect is Effect.APPLIED


def test_apply_waits_for_a_slot_that_a_verb_would_find_too_far_off(driven):
    world = World()
    pipeline = world.pipeline(Unpaced())
    pipeline.pacer.hold(("scripted", "Do"), world.clock + 0.002, world.clock)
    chat = driven(pipeline, lambda _: OK, timeout=0.001)
    with pytest.raises(DeadlineExceededError):
        chat.mute(DM)
    (outcome,) = chat.apply([Mute(DM)])
    assert outcome.effect is Effect.APPLIED


def test_a_blocking_apply_makes_one_call_after_another_and_an_async_one_several_at_once(driven):
    chat = driven(World().pipeline(Alone()), lambda _: OK)
    outcomes = chat.apply([Mute(dm(str(number))) for number in range(100)])
    assert all(outcome.ok for outcome in outcomes)
    assert chat.client._transport.most == (32 if chat.is_async else 1)


# --- Support and plan ---------------------------------------------------------------------------------


def test_supports_answers_for_every_operation_and_kind(chat):
    for operation in (ClearUnread, MarkRead, Delete, Mute):
        for kind in (ConversationKind.DIRECT, ConversationKind.GROUP):
            assert chat.supports(operation, kind)


@pytest.mark.parametrize(
    ("operation", "kind"),
    [
        ("mute", ConversationKind.DIRECT),
        (Mute(DM), ConversationKind.DIRECT),
        (convops.Operation, ConversationKind.DIRECT),
        (Mute, "direct"),
        (Mute, None),
        ([], ConversationKind.DIRECT),
        (Mute, []),
    ],
)
def test_supports_refuses_what_is_no_operation_or_no_kind(chat, operation, kind):
    with pytest.raises(InvalidRequestError, match="ask about"):
        chat.supports(operation, kind)


def test_a_plan_says_what_would_be_sent_and_sends_nothing(scripted):
    chat, sent = scripted()
    (planned,) = chat.plan([Mute(dm("a")), Mute(dm("b"))])
    assert planned.operations == (Mute(dm("a")), Mute(dm("b")))
    assert planned.calls == (Call(action="Do", body={"ids": ["a", "b"]}),)
    assert (planned.depends, planned.error) == (False, None)
    assert sent == []


def test_a_plan_keeps_the_order_of_operations_on_one_conversation(scripted):
    chat, _ = scripted()
    planned = chat.plan([Mute(DM), Mute(DM, muted=False), Delete(TEAM)])
    assert [batch.operations for batch in planned] == [(Mute(DM),), (Delete(TEAM),), (Mute(DM, muted=False),)]


def test_a_plan_puts_what_would_be_refused_first(scripted):
    chat, _ = scripted()
    future = datetime.fromtimestamp(1_700_001_000, UTC) + timedelta(days=1)
    refused, planned = chat.plan([Mute(DM), MarkRead(DM, up_to=future)])
    assert isinstance(refused.error, InvalidRequestError)
    assert (refused.calls, refused.depends) == ((), False)
    assert planned.operations == (Mute(DM),)


def test_a_plan_ends_where_the_vendors_answer_decides(scripted):
    class Asking(Unpaced):
        def flow(self, account, operations):
            reply = yield Call(action="Ask", writes=False)
            yield Call(action=reply.document["next"])
            return [APPLIED] * len(operations)

    chat, sent = scripted(provider=Asking())
    (planned,) = chat.plan([Mute(DM)])
    assert [call.action for call in planned.calls] == ["Ask"]
    assert planned.depends is True
    assert sent == []


def test_a_plan_shows_every_call_of_a_flow_that_asks_nothing(scripted):
    class Two(Unpaced):
        def flow(self, account, operations):
            yield Call(action="First")
            yield Call(action="Second")
            return [APPLIED] * len(operations)

    chat, _ = scripted(provider=Two())
    (planned,) = chat.plan([Mute(DM)])
    assert [call.action for call in planned.calls] == ["First", "Second"]
    assert planned.depends is False


def test_a_plan_takes_it_that_every_call_goes_well(scripted):
    class Careful(Unpaced):
        def flow(self, account, operations):
            reply = yield Call(action="First")
            if reply.is_success:
                yield Call(action="Second")
            return [APPLIED] * len(operations)

    chat, _ = scripted(provider=Careful())
    (planned,) = chat.plan([Mute(DM)])
    assert [call.action for call in planned.calls] == ["First", "Second"]


def test_a_plan_of_a_flow_that_never_ends_does(scripted):
    class Endless(Unpaced):
        def flow(self, account, operations):
            while True:
                yield Call(action="Again")

    chat, _ = scripted(provider=Endless())
    (planned,) = chat.plan([Mute(DM)])
    assert len(planned.calls) == 20
    assert planned.depends is True


@pytest.mark.parametrize(
    "flow", [lambda *_: [APPLIED], lambda *_: None, lambda *_: 1 / 0], ids=["list", "None", "raises"]
)
def test_a_plan_names_a_plugins_bug(scripted, flow):
    chat, _ = scripted(provider=type("Buggy", (Unpaced,), {"flow": flow})())
    with pytest.raises(PluginError, match="flow"):
        chat.plan([Mute(DM)])


def test_a_plan_of_nothing_is_nothing(chat):
    assert chat.plan([]) == []


# --- Open and closed ----------------------------------------------------------------------------------


def test_a_client_works_without_a_block(chat):
    assert chat.mute(DM).ok


def test_a_client_closes_at_the_end_of_its_block(chat):
    assert chat.in_its_block(lambda entered: entered is chat.client)
    with pytest.raises(ClosedError):
        chat.mute(DM)


def test_a_client_closes_when_its_block_fails(chat):
    with pytest.raises(ZeroDivisionError):
        chat.in_its_block(lambda _: 1 / 0)
    with pytest.raises(ClosedError):
        chat.mute(DM)


@pytest.mark.parametrize(
    "use",
    [
        lambda chat: chat.clear_unread(DM),
        lambda chat: chat.mark_read(DM),
        lambda chat: chat.delete(DM),
        lambda chat: chat.mute(DM),
        lambda chat: chat.apply([]),
        lambda chat: chat.plan([]),
        lambda chat: chat.in_its_block(lambda _: None),
    ],
    ids=["clear_unread", "mark_read", "delete", "mute", "apply", "plan", "with"],
)
def test_a_closed_client_is_not_used(chat, use):
    chat.close()
    with pytest.raises(ClosedError, match="'memory' is closed"):
        use(chat)


def test_closing_twice_closes_the_transport_once(driven):
    chat = driven(World().pipeline(), lambda _: OK)
    chat.close()
    chat.close()
    assert chat.client._transport.closed == 1


def test_a_closed_client_sends_nothing(scripted):
    chat, sent = scripted()
    chat.close()
    with pytest.raises(ClosedError):
        chat.apply([Mute(DM)])
    assert sent == []


def test_a_client_says_whose_it_is_and_whether_it_is_closed(chat, flavour):
    assert repr(chat) == f"<{flavour} of 'memory'>"
    chat.close()
    assert repr(chat) == f"<{flavour} of 'memory' closed>"


def test_the_wrong_block_names_the_right_one(chat, runner):
    async def in_an_async_block():
        async with chat.client:
            pass

    def in_a_plain_block():
        with chat.client:
            pass

    if chat.is_async:
        with pytest.raises(ConfigError, match=r"`async with`.*connect"):
            in_a_plain_block()
    else:
        with pytest.raises(ConfigError, match=r"`with`.*connect_async"):
            runner.run(in_an_async_block())


def test_the_end_of_a_wrong_block_is_refused_alike(chat):
    leave = chat.client.__exit__ if chat.is_async else chat.client.__aexit__
    with pytest.raises(ConfigError, match="with"):
        leave(None, None, None)


def test_a_client_satisfies_its_protocol(chat):
    assert isinstance(chat.client, AsyncConversationOps if chat.is_async else ConversationOps)


def test_what_lacks_a_verb_does_not_satisfy_the_protocols():
    class Half:
        def clear_unread(self, conversation, *, timeout=None): ...

    assert not isinstance(Half(), ConversationOps)
    assert not isinstance(Half(), AsyncConversationOps)


# --- Our own plugins, before anything is sent ---------------------------------------------------------


@pytest.fixture
def zego(opened, answering):
    transport = answering(lambda _: pytest.fail("nothing may be sent"))
    return opened("zego", app_id=12345, server_secret="x" * 32, transport=transport)


@pytest.mark.parametrize("conversation", [DM, TEAM], ids=["direct", "group"])
def test_a_time_is_refused_where_the_vendor_cannot_pin_it(zego, conversation):
    assert not zego.supports(MarkRead, conversation.kind).time_pinned
    with pytest.raises(UnsupportedOperationError, match="pin up_to") as caught:
        zego.mark_read(conversation, up_to=datetime.now(UTC) - timedelta(hours=1))
    assert (caught.value.provider, caught.value.operation) == ("zego", "mark_read")
    assert caught.value.attempts == 0


def test_an_id_longer_than_the_vendor_takes_is_refused(zego):
    with pytest.raises(InvalidRequestError, match="peer has 33 UTF-8 bytes"):
        zego.mute(Conversation.direct(user="alice", peer="x" * 33))


def test_what_the_vendor_lacks_is_refused_with_its_caveat(opened, answering):
    chat = opened(
        "tencent",
        sdk_app_id=1400000000,
        secret_key="k" * 64,
        admin="administrator",
        region="singapore",
        transport=answering(lambda _: pytest.fail("nothing may be sent")),
    )
    assert not chat.supports(Mute, ConversationKind.DIRECT)
    with pytest.raises(UnsupportedOperationError) as caught:
        chat.mute(DM)
    assert [caveat.id for caveat in caught.value.support.caveats] == ["tencent.no-direct-mute"]
    assert caught.value.support.lacked_by == "vendor"


def test_what_was_not_found_says_what(scripted):
    chat, _ = scripted(answer(8))
    with pytest.raises(NotFoundError) as caught:
        chat.mute(DM)
    assert caught.value.what == "user"


# --- Cancelling ---------------------------------------------------------------------------------------


class Hanging:
    """Answers nothing, and notes what was begun and what was cancelled."""

    def __init__(self, expected):
        self.started, self.cancelled, self.all_started, self.expected = [], [], asyncio.Event(), expected

    async def exchange(self, attempt, deadline):
        self.started.append(attempt)
        if len(self.started) == self.expected:
            self.all_started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled.append(attempt)
            raise

    async def aclose(self): ...


class Alone(Unpaced):
    """Puts every operation into a call of its own."""

    def batch_key(self, account, operation):
        return None


def test_cancelling_an_async_apply_cancels_all_that_is_in_flight(runner):
    async def cancel_when_all_have_begun():
        transport = Hanging(expected=5)
        client = convops.AsyncClient(World().pipeline(Alone()), transport, 10.0)
        task = asyncio.create_task(client.apply([Mute(dm(str(number))) for number in range(5)]))
        await transport.all_started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return transport

    transport = runner.run(cancel_when_all_have_begun())
    assert len(transport.started) == 5
    assert transport.cancelled == transport.started


def test_a_transport_that_raises_closes_the_steps_and_is_not_dressed_up(driven):
    closed = []

    class Tidy(Unpaced):
        def flow(self, account, operations):
            try:
                yield Call(action="Do")
            finally:
                closed.append(True)

    def interrupted(_):
        raise KeyboardInterrupt

    chat = driven(World().pipeline(Tidy()), interrupted)
    with pytest.raises(KeyboardInterrupt):
        chat.mute(DM)
    assert closed == [True]
