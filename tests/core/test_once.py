"""A fact learnt once: a `once` call is sent until it is answered well, and never again by that client."""

from __future__ import annotations

import pytest

from convops._facts import KEPT, Facts
from convops.errors import Effect, MalformedReplyError, PermissionDeniedError, PluginError
from convops.operations import Mute
from convops.provider import APPLIED, Call, Reply, Verdict, error_for, member
from tests.core.scripted import CODES, FORBIDDEN, INVALID, Scripted, World, answer, broken, dm


class Careful(Scripted):
    """Asks once who it is, and only then does what it was asked."""

    def prepare(self, query):
        reply = yield Call(action="WhoAmI", method="GET", query=query, writes=False, once=True)
        if member(reply.document, "me", str) != "alice":
            raise error_for(CODES, FORBIDDEN)

    def batch_key(self, account, operation):
        return None

    def flow(self, account, operations):
        yield from self.prepare({"user": operations[0].conversation.user})
        yield Call(action="Do", body={"ids": [operations[0].conversation.other]})
        return [APPLIED]


def asked(world):
    return [attempt.call.action for attempt in world.attempts]


def test_a_fact_is_asked_once_and_then_remembered():
    world = World(answer(me="alice"), *[answer()] * 3)
    pipeline = world.pipeline(Careful())

    outcomes = [world.perform(pipeline, Mute(dm(peer)))[0] for peer in ("a", "b", "c")]

    assert asked(world) == ["WhoAmI", "Do", "Do", "Do"]
    assert [(outcome.effect, outcome.attempts) for outcome in outcomes] == [(Effect.APPLIED, 1)] * 3


def test_another_client_asks_for_itself():
    world = World(answer(me="alice"), answer(), answer(me="alice"), answer())

    for _ in range(2):
        world.perform(world.pipeline(Careful()), Mute(dm()))

    assert asked(world) == ["WhoAmI", "Do", "WhoAmI", "Do"]


def test_a_fact_about_somebody_else_is_another_fact():
    class Open(Careful):
        def prepare(self, query):
            yield Call(action="WhoAmI", method="GET", query=query, writes=False, once=True)

    world = World(*[answer()] * 5)
    pipeline = world.pipeline(Open())
    carol = type(dm()).direct(user="carol", peer="bob")

    for conversation in (dm(), carol, carol):
        world.perform(pipeline, Mute(conversation))

    assert asked(world) == ["WhoAmI", "Do", "WhoAmI", "Do", "Do"]


@pytest.mark.parametrize(
    ("first", "error"),
    [
        pytest.param(answer(FORBIDDEN), PermissionDeniedError, id="refused"),
        pytest.param(answer(me="bob"), PermissionDeniedError, id="refused by the flow"),
        pytest.param(answer(me=7), MalformedReplyError, id="of another type"),
        pytest.param(answer(), MalformedReplyError, id="without what the flow needs"),
    ],
)
def test_an_answer_that_read_or_the_flow_refused_is_not_remembered(first, error):
    world = World(first, answer(me="alice"), answer())
    pipeline = world.pipeline(Careful())

    (refused,) = world.perform(pipeline, Mute(dm()))
    (done,) = world.perform(pipeline, Mute(dm()))

    assert type(refused.error) is error
    assert not refused.ok
    assert done.effect is Effect.APPLIED
    assert asked(world) == ["WhoAmI", "WhoAmI", "Do"]


def test_an_attempt_that_was_not_answered_is_repeated_and_its_repeat_remembered():
    world = World(broken(), answer(me="alice"), answer(), answer())
    pipeline = world.pipeline(Careful())

    for _ in range(2):
        world.perform(pipeline, Mute(dm()))

    assert asked(world) == ["WhoAmI", "WhoAmI", "Do", "Do"]


def test_a_fact_that_is_remembered_does_not_hide_what_a_call_before_it_changed():
    class Late(Careful):
        def flow(self, account, operations):
            yield Call(action="Do", body={})
            yield from self.prepare({})
            return [Verdict.failed(error_for(CODES, INVALID))]

    world = World(answer(), answer(me="alice"), answer())
    pipeline = world.pipeline(Late())

    effects = [world.perform(pipeline, Mute(dm()))[0].effect for _ in range(2)]

    assert asked(world) == ["Do", "WhoAmI", "Do"]
    assert effects == [Effect.UNKNOWN, Effect.UNKNOWN]


def test_a_plan_shows_the_question_until_it_was_answered():
    class Open(Careful):
        def prepare(self, query):
            yield Call(action="WhoAmI", method="GET", query=query, writes=False, once=True)

    world = World(answer(), answer())
    pipeline = world.pipeline(Open())

    before = pipeline.foresee([pipeline.accept(Mute(dm()))])
    world.perform(pipeline, Mute(dm()))
    after = pipeline.foresee([pipeline.accept(Mute(dm()))])

    assert [call.action for call in before[0]] == ["WhoAmI", "Do"]
    assert [call.action for call in after[0]] == ["Do"]


def test_a_plan_goes_on_with_what_is_remembered():
    world = World(answer(me="alice"), answer())
    pipeline = world.pipeline(Careful())

    before = pipeline.foresee([pipeline.accept(Mute(dm()))])
    world.perform(pipeline, Mute(dm()))
    after = pipeline.foresee([pipeline.accept(Mute(dm()))])

    assert ([call.action for call in before[0]], before[1]) == (["WhoAmI"], True)
    assert ([call.action for call in after[0]], after[1]) == (["Do"], False)


def test_a_call_that_writes_cannot_be_remembered():
    class Forgetful(Careful):
        def prepare(self, query):
            yield Call(action="Do", once=True)

    world = World()

    (outcome,) = world.perform(world.pipeline(Forgetful()), Mute(dm()))

    assert isinstance(outcome.error, PluginError)
    assert world.attempts == []


def test_very_many_facts_push_out_the_oldest():
    facts = Facts()
    calls = [Call(action="WhoAmI", query={"user": str(n)}, writes=False, once=True) for n in range(KEPT + 1)]

    for call in calls:
        facts.keep(call, Reply(200, {}, {}))

    assert facts.get(calls[0]) is None
    assert facts.get(calls[1]) == facts.get(calls[-1]) == Reply(200, {}, {})


def test_an_ordinary_call_is_never_remembered():
    facts = Facts()
    call = Call(action="WhoAmI", writes=False)

    facts.keep(call, Reply(200, {}, {}))

    assert facts.get(call) is None
