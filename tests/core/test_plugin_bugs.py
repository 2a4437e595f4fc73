"""A plugin's bug is named as the plugin's, whatever it does, and says whether anything was sent."""

from __future__ import annotations

import pytest

from convops.errors import Effect, PluginError, ProviderError
from convops.operations import ConversationKind, Mute
from convops.provider import APPLIED, Call, Credentials, Quota, Signer, Verdict
from tests.core.scripted import SENTINEL, Scripted, World, answer, dm, frames, shown

OK = answer()


def broken_in(**methods):
    """Return a provider some of whose methods are these."""
    return type("Broken", (Scripted,), methods)()


def boom(*_):
    raise LookupError(SENTINEL)


def stop(*_):
    raise StopIteration


def perform(provider, *answers, operations=1):
    world = World(*answers)
    steps = world.pipeline(provider).perform(
        [Mute(dm(f"peer-{number}")) for number in range(operations)], timeout=10.0
    )
    return world, world.drive(steps)


def raises_at_once(*_):
    raise LookupError
    yield


def raises_after_a_call(*_):
    yield Call(action="Do")
    raise LookupError


def yields_no_call(*_):
    yield "Do"
    return [APPLIED]


def yields_no_call_after_a_call(*_):
    yield Call(action="Do")
    yield None
    return [APPLIED]


def yields_a_call_that_cannot_be_encoded(*_):
    yield Call(action="Do", body={"ids": {1, 2}})
    return [APPLIED]


def yields_a_path_that_cannot_be_encoded(*_):
    yield Call(action="Do", path=(5,))
    return [APPLIED]


def yields_a_number_that_is_no_json(*_):
    yield Call(action="Do", body={"x": float("nan")})
    return [APPLIED]


def returning(value, *, calls=1):
    def flow(*_):
        for _number in range(calls):
            yield Call(action="Do")
        return value

    return flow


def as_flow(value):
    return lambda *_: value


def contradicting(verdict):
    return returning([verdict])


FLOWS_BEFORE_SENDING = {
    "raises when called": boom,
    "raises StopIteration when called": stop,
    "raises before its first call": raises_at_once,
    "is no generator": as_flow([APPLIED]),
    "is None": as_flow(None),
    "yields no Call": yields_no_call,
    "yields a body that is no JSON": yields_a_call_that_cannot_be_encoded,
    "yields a path that is no text": yields_a_path_that_cannot_be_encoded,
    "yields NaN": yields_a_number_that_is_no_json,
    "returns nothing before its first call": returning(None, calls=0),
    "returns too many verdicts before its first call": returning([APPLIED] * 2, calls=0),
}
FLOWS_AFTER_SENDING = {
    "raises": raises_after_a_call,
    "yields no Call": yields_no_call_after_a_call,
    "returns nothing": returning(None),
    "returns no verdict": returning([]),
    "returns too many verdicts": returning([APPLIED, APPLIED]),
    "returns a tuple": returning((APPLIED,)),
    "returns something else": returning([True]),
    "fails without an error": contradicting(Verdict(Effect.NOT_APPLIED)),
    "doubts without an error": contradicting(Verdict(Effect.UNKNOWN)),
    "fails with what is no error": contradicting(Verdict(Effect.NOT_APPLIED, "oops")),
    "fails with an error that says it was applied": contradicting(
        Verdict(Effect.NOT_APPLIED, ProviderError("odd", effect=Effect.APPLIED))
    ),
    "fails with an error that says it was so already": contradicting(
        Verdict.failed(ProviderError("odd", effect=Effect.ALREADY))
    ),
}


def bug(outcome):
    assert isinstance(outcome.error, PluginError)
    assert outcome.error.provider == "scripted"
    assert "'scripted'" in str(outcome.error)
    assert outcome.effect is outcome.error.effect
    return outcome


@pytest.mark.parametrize("flow", [pytest.param(f, id=name) for name, f in FLOWS_BEFORE_SENDING.items()])
def test_a_flow_that_fails_before_anything_was_sent_changed_nothing(flow):
    world, (outcome,) = perform(broken_in(flow=flow))
    assert bug(outcome).effect is Effect.NOT_APPLIED
    assert world.attempts == []


@pytest.mark.parametrize("flow", [pytest.param(f, id=name) for name, f in FLOWS_AFTER_SENDING.items()])
def test_a_flow_that_fails_after_something_was_sent_leaves_the_effect_unknown(flow):
    world, (outcome,) = perform(broken_in(flow=flow), OK)
    assert bug(outcome).effect is Effect.UNKNOWN
    assert outcome.attempts == len(world.attempts) == 1


@pytest.mark.parametrize("effect", [Effect.APPLIED, Effect.ALREADY])
def test_a_flow_that_raises_an_error_that_says_it_was_applied_is_a_bug(effect):
    def flow(*_):
        yield Call(action="Do")
        raise ProviderError("odd", effect=effect)

    _, (outcome,) = perform(broken_in(flow=flow), OK)
    assert bug(outcome).effect is Effect.UNKNOWN


def test_a_flow_that_fails_on_a_refusal_is_a_bug():
    def flow(*_):
        try:
            yield Call(action="Do")
        except ProviderError:
            raise LookupError from None

    _, (outcome,) = perform(broken_in(flow=flow), answer(999))
    assert bug(outcome).effect is Effect.UNKNOWN


@pytest.mark.parametrize("name", ["read", "request_id"])
@pytest.mark.parametrize("method", [boom, stop])
def test_what_fails_on_a_reply_leaves_the_effect_unknown(name, method):
    _, (outcome,) = perform(broken_in(**{name: method}), OK)
    assert bug(outcome).effect is Effect.UNKNOWN


@pytest.mark.parametrize("value", ["busy", True, 5, APPLIED, ValueError("x")], ids=repr)
def test_a_reading_that_is_neither_an_error_nor_nothing_is_a_bug(value):
    _, (outcome,) = perform(broken_in(read=lambda *_: value), OK)
    assert bug(outcome).effect is Effect.UNKNOWN


@pytest.mark.parametrize(
    "quota",
    [
        boom,
        stop,
        as_flow(None),
        as_flow(Quota(key=["unhashable"], rate=1.0)),
        as_flow(Quota(key="q", rate=0.0)),
        as_flow(Quota(key="q", rate="fast")),
    ],
    ids=["raises", "raises StopIteration", "is None", "is unhashable", "is zero", "is no number"],
)
def test_a_quota_that_fails_changed_nothing(quota):
    world, (outcome,) = perform(broken_in(quota=quota))
    assert bug(outcome).effect is Effect.NOT_APPLIED
    assert world.attempts == []


class FailingSigner(Signer):
    def sign(self, call, *, now, nonce, ticket):
        opened = SENTINEL
        raise LookupError(opened)


class FailingIssuer(FailingSigner):
    def issue(self, now):
        opened = SENTINEL
        raise LookupError(opened)


class NoCredentials(Signer):
    def sign(self, call, *, now, nonce, ticket):
        return None


class OddCredentials(Signer):
    def sign(self, call, *, now, nonce, ticket):
        return Credentials(query={"sig": 5})


@pytest.mark.parametrize("signer", [FailingSigner, FailingIssuer, NoCredentials, OddCredentials])
def test_a_signer_that_fails_is_named_and_nothing_was_sent(signer):
    world, (outcome,) = perform(broken_in(signer=lambda *_: signer()))
    assert bug(outcome).effect is Effect.NOT_APPLIED
    assert "signer" in str(outcome.error)
    assert len(world.attempts) == 1
    assert SENTINEL not in shown(outcome.error)


def test_a_signer_that_fails_on_a_repeat_leaves_the_effect_unknown():
    class Once(FailingSigner):
        count = 0

        def sign(self, call, *, now, nonce, ticket):
            self.count += 1
            return (
                Credentials() if self.count == 1 else super().sign(call, now=now, nonce=nonce, ticket=ticket)
            )

    signer = Once()
    _, (outcome,) = perform(broken_in(signer=lambda *_: signer), answer(status=503))
    assert bug(outcome).effect is Effect.UNKNOWN


@pytest.mark.parametrize("name", ["signer", "origins"])
@pytest.mark.parametrize("method", [boom, stop])
def test_what_fails_when_a_client_is_made_is_a_bug(name, method):
    with pytest.raises(PluginError, match=name) as caught:
        World().pipeline(broken_in(**{name: method}))
    assert caught.value.effect is Effect.NOT_APPLIED


def test_a_provider_without_an_origin_is_a_bug():
    with pytest.raises(PluginError, match="origins"):
        World().pipeline(broken_in(origins=lambda *_: ()))


@pytest.mark.parametrize("value", [None, "signer", FailingSigner], ids=repr)
def test_what_is_no_signer_is_a_bug(value):
    with pytest.raises(PluginError, match="signer"):
        World().pipeline(broken_in(signer=lambda *_: value))


def test_a_signer_that_cannot_be_made_leaves_no_secret_behind():
    def signer(*_):
        opened = SENTINEL
        raise LookupError(opened)

    with pytest.raises(PluginError) as caught:
        World().pipeline(broken_in(signer=signer))
    assert caught.value.__cause__ is None
    assert SENTINEL not in shown(caught.value)
    assert all("signer" not in frame.f_code.co_name for frame in frames(caught.value))


@pytest.mark.parametrize("name", ["support", "check"])
@pytest.mark.parametrize("method", [boom, stop])
def test_what_fails_before_an_operation_is_accepted_is_a_bug_and_changed_nothing(name, method):
    with pytest.raises(PluginError, match=name) as caught:
        World().pipeline(broken_in(**{name: method})).accept(Mute(dm()))
    assert caught.value.effect is Effect.NOT_APPLIED


@pytest.mark.parametrize("value", [None, True, "native"], ids=repr)
def test_a_cell_that_is_no_support_is_a_bug(value):
    pipeline = World().pipeline(broken_in(support=lambda *_: value))
    with pytest.raises(PluginError, match="support"):
        pipeline.support(Mute, ConversationKind.DIRECT)
    with pytest.raises(PluginError, match="support"):
        pipeline.accept(Mute(dm()))


@pytest.mark.parametrize("method", [boom, stop])
def test_a_batch_key_that_fails_is_a_bug(method):
    with pytest.raises(PluginError, match="batch_key"):
        World().pipeline(broken_in(batch_key=method)).batch_key(Mute(dm()))


def test_a_batch_key_that_cannot_be_a_key_is_a_bug():
    with pytest.raises(PluginError, match="batch_key"):
        World().pipeline(broken_in(batch_key=lambda *_: ["list"])).batch_key(Mute(dm()))


def test_a_bug_that_is_no_signers_names_its_cause():
    with pytest.raises(PluginError) as caught:
        World().pipeline(broken_in(check=boom)).accept(Mute(dm()))
    assert isinstance(caught.value.__cause__, LookupError)


def test_a_bug_is_that_of_every_operation_of_its_batch():
    _, outcomes = perform(broken_in(flow=raises_after_a_call), OK, operations=3)
    assert [bug(outcome).effect for outcome in outcomes] == [Effect.UNKNOWN] * 3


def test_a_bug_in_a_later_round_leaves_what_was_settled_before():
    class Later(Scripted):
        rounds = 0

        def flow(self, account, operations):
            self.rounds += 1
            if self.rounds == 2:
                raise LookupError
            return super().flow(account, operations)

    _, (settled, failed) = perform(Later(), answer(failed={"peer-1": 1}), operations=2)
    assert settled.effect is Effect.APPLIED
    assert bug(failed).effect is Effect.UNKNOWN


def test_an_interrupt_inside_a_plugin_is_no_bug_of_it():
    def interrupted(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        perform(broken_in(read=interrupted), OK)


def test_the_observer_is_told_of_a_bug():
    events = []
    world = World(OK)
    pipeline = world.pipeline(broken_in(read=boom), observer=events.append)
    world.perform(pipeline, Mute(dm()))
    assert [(event.kind, event.error, event.effect, event.code) for event in events][-1] == (
        "outcome",
        "PluginError",
        Effect.UNKNOWN,
        None,
    )
