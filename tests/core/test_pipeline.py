"""One batch from its first slot to its outcomes, by pushing values into the generator."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from inspect import GEN_CLOSED, Parameter, getgeneratorstate, signature

import pytest

from convops._calls import Caller
from convops._pipeline import Pipeline
from convops._policy import Pacer, Retry
from convops._steps import Environment, Exchange, Wait
from convops.errors import (
    AuthenticationError,
    DeadlineExceededError,
    Effect,
    InvalidRequestError,
    LimitExceededError,
    MalformedReplyError,
    NotFoundError,
    OperationError,
    PermissionDeniedError,
    ProviderError,
    ProviderUnavailableError,
    RateLimitedError,
    TransportError,
    UnsupportedOperationError,
)
from convops.operations import ClearUnread, Delete, MarkRead, Mute
from convops.provider import (
    APPLIED,
    Call,
    Credentials,
    Failure,
    FailureKind,
    HttpReply,
    Quota,
    Signer,
    SigningError,
    Ticket,
    Verdict,
)
from convops.secret import Secret
from convops.support import Caveat, Fidelity, Support
from tests.core.scripted import (
    BUSY,
    EXPIRED,
    FORBIDDEN,
    FULL,
    GONE,
    INVALID,
    NO_USER,
    STALE,
    THROTTLED,
    UNMAPPED,
    USABLE,
    Scripted,
    World,
    answer,
    broken,
    dm,
)

OK = answer()
NOW = datetime.fromtimestamp(1_700_001_000, UTC)


def one(world, operation=None, *, provider=None, timeout=10.0, patient=False, **settings):
    """Perform one operation and return its outcome."""
    pipeline = world.pipeline(provider, **settings)
    (outcome,) = world.perform(pipeline, operation or Mute(dm()), timeout=timeout, patient=patient)
    return outcome


@pytest.mark.parametrize("kind", [Pipeline, Caller, Environment, Retry])
def test_what_could_be_swapped_is_given_by_name(kind):
    assert {parameter.kind for parameter in signature(kind).parameters.values()} == {Parameter.KEYWORD_ONLY}


# --- What is accepted ---------------------------------------------------------------------------------


def test_an_operation_is_stamped_once_with_the_moment_it_is_accepted():
    pipeline = World().pipeline()
    stamped = pipeline.accept(Mute(dm()))
    assert stamped.at == NOW
    assert pipeline.accept(stamped) is stamped


def test_a_moment_the_caller_set_is_kept():
    earlier = NOW - timedelta(days=2)
    assert World().pipeline().accept(Mute(dm(), at=earlier)).at == earlier


@pytest.mark.parametrize("seconds", [-1e6, 0, 59, 60])
def test_a_moment_within_the_tolerance_of_clocks_is_taken(seconds):
    moment = NOW + timedelta(seconds=seconds)
    accepted = World().pipeline().accept(MarkRead(dm(), up_to=moment, at=moment))
    assert accepted == MarkRead(dm(), up_to=moment)


@pytest.mark.parametrize("seconds", [60.001, 3600, 1e9])
@pytest.mark.parametrize("name", ["up_to", "at"])
def test_a_moment_further_in_the_future_is_refused(name, seconds):
    operation = MarkRead(dm(), **{name: NOW + timedelta(seconds=seconds)})
    with pytest.raises(InvalidRequestError, match=f": {name} lies in the future") as caught:
        World().pipeline().accept(operation)
    assert (caught.value.provider, caught.value.operation) == ("scripted", "mark_read")
    assert caught.value.effect is Effect.NOT_APPLIED


@pytest.mark.parametrize(
    "thing", [None, "mute", dm(), Mute, object()], ids=lambda thing: type(thing).__name__
)
def test_what_is_no_operation_is_refused(thing):
    with pytest.raises(InvalidRequestError, match="not an operation"):
        World().pipeline().accept(thing)


def test_a_class_of_ones_own_is_no_operation():
    class Shout(Mute):
        pass

    with pytest.raises(InvalidRequestError, match="Shout"):
        World().pipeline().accept(Shout(dm()))


LACKING = Support(
    fidelity=Fidelity.UNSUPPORTED,
    lacked_by="vendor",
    caveats=(Caveat("scripted.no-mute", "there is no such call", "https://vendor.example"),),
)


class Unable(Scripted):
    def support(self, account, operation, kind):
        return LACKING


def test_what_is_unsupported_is_refused_with_its_cell():
    with pytest.raises(UnsupportedOperationError, match="vendor cannot mute a direct conversation") as caught:
        World().pipeline(Unable()).accept(Mute(dm()))
    assert caught.value.support == LACKING
    assert "there is no such call" in str(caught.value)
    assert (caught.value.provider, caught.value.operation) == ("scripted", "mute")
    assert (caught.value.attempts, caught.value.effect) == (0, Effect.NOT_APPLIED)


@pytest.mark.parametrize(
    ("caveats", "reason"), [((), "nothing more is known"), (("one", "two"), "one; two")], ids=["none", "two"]
)
def test_a_refusal_gives_every_reason_there_is(caveats, reason):
    class Reasoned(Scripted):
        def support(self, account, operation, kind):
            found = tuple(Caveat("scripted.x", text, "https://vendor.example") for text in caveats)
            return Support(fidelity=Fidelity.UNSUPPORTED, lacked_by="plugin", caveats=found)

    with pytest.raises(UnsupportedOperationError) as caught:
        World().pipeline(Reasoned()).accept(Mute(dm()))
    assert str(caught.value) == f"scripted mute: the plugin cannot mute a direct conversation: {reason}"


class Unpinned(Scripted):
    def support(self, account, operation, kind):
        return Support(fidelity=Fidelity.NATIVE)


def test_a_time_the_vendor_cannot_pin_is_refused():
    with pytest.raises(UnsupportedOperationError, match="pin up_to") as caught:
        World().pipeline(Unpinned()).accept(MarkRead(dm(), up_to=NOW))
    assert caught.value.support
    assert caught.value.effect is Effect.NOT_APPLIED


def test_without_a_time_the_same_vendor_marks_everything_read():
    assert World().pipeline(Unpinned()).accept(MarkRead(dm())).up_to is None


class Strict(Scripted):
    def check(self, account, operation):
        raise InvalidRequestError("peer is too long", effect=Effect.UNKNOWN)


def test_what_the_provider_refuses_beforehand_was_not_applied():
    with pytest.raises(InvalidRequestError, match="peer is too long") as caught:
        World().pipeline(Strict()).accept(Delete(dm()))
    assert caught.value.effect is Effect.NOT_APPLIED
    assert (caught.value.provider, caught.value.operation) == ("scripted", "delete")


# --- One call -----------------------------------------------------------------------------------------


def test_a_success_is_applied_at_the_first_attempt():
    world = World(answer(id="r-1"))
    outcome = one(world, Mute(dm()))
    assert (outcome.effect, outcome.error) == (Effect.APPLIED, None)
    assert (outcome.attempts, outcome.request_id) == (1, "r-1")
    assert outcome.operation == Mute(dm())
    assert outcome.operation.at == NOW
    assert world.waits == []


@pytest.mark.parametrize(
    "failure",
    [answer(BUSY), answer(THROTTLED), answer(status=503), answer(status=429), broken(), broken(sent=False)],
    ids=["busy", "throttled", "503", "429", "broke", "never sent"],
)
def test_what_passes_is_repeated_until_it_succeeds(failure):
    world = World(failure, failure, OK)
    outcome = one(world)
    assert (outcome.effect, outcome.attempts) == (Effect.APPLIED, 3)
    assert len(world.attempts) == 3
    assert world.bodies[0] == world.bodies[1] == world.bodies[2]


def test_every_attempt_is_signed_anew():
    world = World(answer(BUSY), OK)
    one(world)
    assert world.nonces == 2
    assert world.attempts[0] is not world.attempts[1]


def test_the_waits_between_attempts_are_the_policys():
    world = World(broken(), broken(), broken(), OK, random=0.5)
    one(world, provider=Quick())
    assert world.waits == pytest.approx([0.05, 0.1, 0.2])


class Quick(Scripted):
    rate = 1e9


def test_after_the_last_attempt_the_error_is_what_the_last_one_met():
    world = World(answer(BUSY), broken(), answer(BUSY), answer(BUSY, id="r-4"))
    outcome = one(world)
    assert isinstance(outcome.error, ProviderUnavailableError)
    assert (outcome.attempts, outcome.error.attempts) == (4, 4)
    assert (outcome.request_id, outcome.error.request_id) == ("r-4", "r-4")


@pytest.mark.parametrize("attempts", [1, 2, 7])
def test_a_call_is_tried_as_often_as_the_caller_says(attempts):
    world = World(*[answer(THROTTLED)] * attempts)
    outcome = one(world, retry=Retry(attempts=attempts), timeout=1000.0)
    assert outcome.attempts == len(world.attempts) == attempts


REFUSALS = {
    INVALID: (InvalidRequestError, Effect.NOT_APPLIED),
    GONE: (NotFoundError, Effect.NOT_APPLIED),
    NO_USER: (NotFoundError, Effect.NOT_APPLIED),
    FORBIDDEN: (PermissionDeniedError, Effect.NOT_APPLIED),
    FULL: (LimitExceededError, Effect.NOT_APPLIED),
    UNMAPPED: (ProviderError, Effect.UNKNOWN),
    -1: (ProviderError, Effect.UNKNOWN),
}


@pytest.mark.parametrize(("code", "expected"), list(REFUSALS.items()))
def test_a_refusal_is_not_repeated_and_carries_every_fact(code, expected):
    world = World(answer(code, id="r-9"))
    outcome = one(world)
    error = outcome.error
    assert (type(error), error.effect) == expected
    assert outcome.effect is error.effect
    assert (error.provider, error.operation, error.code) == ("scripted", "mute", code)
    assert (error.attempts, error.request_id, error.retryable) == (1, "r-9", False)
    assert (outcome.attempts, outcome.request_id) == (1, "r-9")


MALFORMED = [
    HttpReply(200, {}, b"<html>"),
    HttpReply(200, {}, b""),
    HttpReply(200, {}, b"[]"),
    HttpReply(200, {}, b'{"code":0,"code":0}'),
    HttpReply(200, {}, b'{"code":NaN}'),
    HttpReply(200, {}, b"{}"),
    HttpReply(200, {}, b'{"code":"0"}'),
    HttpReply(200, {}, b'{"code":true}'),
    HttpReply(200, {}, b'{"code":0.0}'),
    HttpReply(204, {}, b""),
    HttpReply(302, {"location": "https://elsewhere.example"}, b"{}"),
    Failure(FailureKind.PROTOCOL, sent=True),
    Failure(FailureKind.TOO_LARGE, sent=True),
    Failure(FailureKind.ENCODED, sent=True),
]


@pytest.mark.parametrize("reply", MALFORMED, ids=lambda r: str(getattr(r, "body", None) or r)[:40])
def test_an_answer_nobody_can_trust_has_an_unknown_effect_and_is_not_repeated(reply):
    world = World(reply)
    outcome = one(world)
    assert isinstance(outcome.error, MalformedReplyError)
    assert outcome.effect is Effect.UNKNOWN
    assert outcome.error.effect is Effect.UNKNOWN
    assert outcome.attempts == len(world.attempts) == 1


def test_an_http_error_without_json_keeps_what_the_status_says():
    outcome = one(World(HttpReply(403, {}, b"<html>")))
    assert isinstance(outcome.error, PermissionDeniedError)
    assert outcome.error.code == "http-403"


def test_an_http_error_without_json_is_not_read_as_success():
    outcome = one(World(HttpReply(404, {}, b'{"code":0}')))
    assert isinstance(outcome.error, ProviderError)
    assert outcome.effect is Effect.UNKNOWN


@pytest.mark.parametrize(
    "hostile", ["a\nforged line", "x" * 65, "", " ", "\u202e", 5, None, {"x": 1}], ids=ascii
)
def test_a_request_id_that_does_not_belong_in_a_log_is_dropped(hostile):
    outcome = one(World(answer(FORBIDDEN, id=hostile)))
    assert outcome.request_id is None
    assert outcome.error.request_id is None


def test_the_id_of_an_earlier_exchange_is_not_claimed_for_the_last_one():
    world = World(answer(BUSY, id="r-1"), *[broken()] * 3)
    outcome = one(world)
    assert isinstance(outcome.error, TransportError)
    assert outcome.request_id is None


# --- What happened at the vendor ----------------------------------------------------------------------


def test_what_was_never_sent_was_not_applied():
    outcome = one(World(*[broken(sent=False)] * 4))
    assert isinstance(outcome.error, TransportError)
    assert outcome.effect is Effect.NOT_APPLIED


def test_what_was_sent_and_not_answered_is_unknown():
    outcome = one(World(*[broken()] * 4))
    assert (outcome.effect, outcome.error.effect) == (Effect.UNKNOWN, Effect.UNKNOWN)


@pytest.mark.parametrize("code", [INVALID, FORBIDDEN, NO_USER, FULL])
def test_a_refusal_after_an_unanswered_attempt_leaves_the_effect_unknown(code):
    outcome = one(World(broken(), answer(code)))
    assert (outcome.effect, outcome.error.effect) == (Effect.UNKNOWN, Effect.UNKNOWN)
    assert outcome.error.code == code
    assert outcome.attempts == 2


@pytest.mark.parametrize("first", [broken(sent=False), answer(THROTTLED), answer(BUSY)])
def test_a_refusal_after_attempts_that_changed_nothing_was_not_applied(first):
    outcome = one(World(first, answer(INVALID)))
    assert (outcome.effect, outcome.attempts) == (Effect.NOT_APPLIED, 2)


def test_a_repeated_delete_that_finds_nothing_was_done_by_the_earlier_attempt():
    outcome = one(World(broken(), answer(GONE)), Delete(dm()))
    assert (outcome.effect, outcome.error, outcome.attempts) == (Effect.ALREADY, None, 2)


def test_a_first_delete_that_finds_nothing_is_an_error():
    outcome = one(World(answer(GONE)), Delete(dm()))
    assert isinstance(outcome.error, NotFoundError)
    assert (outcome.effect, outcome.error.what) == (Effect.NOT_APPLIED, "conversation")


@pytest.mark.parametrize("first", [broken(sent=False), answer(THROTTLED)])
def test_a_delete_that_finds_nothing_after_an_attempt_that_changed_nothing_is_an_error(first):
    outcome = one(World(first, answer(GONE)), Delete(dm()))
    assert isinstance(outcome.error, NotFoundError)
    assert outcome.effect is Effect.NOT_APPLIED


def test_a_repeated_delete_whose_user_is_missing_is_an_error():
    outcome = one(World(broken(), answer(NO_USER)), Delete(dm()))
    assert isinstance(outcome.error, NotFoundError)
    assert outcome.effect is Effect.UNKNOWN


@pytest.mark.parametrize("operation", [Mute(dm()), ClearUnread(dm()), MarkRead(dm())], ids=lambda o: o.name)
def test_only_a_delete_is_satisfied_by_a_conversation_that_is_missing(operation):
    outcome = one(World(broken(), answer(GONE)), operation)
    assert isinstance(outcome.error, NotFoundError)
    assert outcome.effect is Effect.UNKNOWN


class TwoCalls(Scripted):
    """Two calls for one operation; the first writes or only asks."""

    def __init__(self, *, first_writes):
        self.first_writes = first_writes

    def flow(self, account, operations):
        yield Call(action="First", writes=self.first_writes)
        yield Call(action="Second")
        return [APPLIED]


def test_a_refusal_after_a_call_that_took_effect_leaves_the_effect_unknown():
    outcome = one(World(OK, answer(INVALID)), provider=TwoCalls(first_writes=True))
    assert isinstance(outcome.error, InvalidRequestError)
    assert (outcome.effect, outcome.error.effect) == (Effect.UNKNOWN, Effect.UNKNOWN)


def test_a_refusal_after_a_call_that_only_asked_was_not_applied():
    outcome = one(World(OK, answer(INVALID)), provider=TwoCalls(first_writes=False))
    assert outcome.effect is Effect.NOT_APPLIED


def test_a_question_that_was_not_answered_changed_nothing():
    outcome = one(World(broken(), OK, answer(INVALID)), provider=TwoCalls(first_writes=False))
    assert outcome.effect is Effect.NOT_APPLIED


def test_a_question_whose_answer_cannot_be_trusted_changed_nothing():
    outcome = one(World(*[broken()] * 4), provider=TwoCalls(first_writes=False))
    assert isinstance(outcome.error, TransportError)
    assert outcome.effect is Effect.NOT_APPLIED


def test_a_refusal_of_the_first_call_ends_the_flow_before_the_second():
    world = World(answer(INVALID))
    outcome = one(world, provider=TwoCalls(first_writes=True))
    assert outcome.effect is Effect.NOT_APPLIED
    assert [attempt.call.action for attempt in world.attempts] == ["First"]


def test_each_call_of_a_flow_has_attempts_of_its_own():
    world = World(answer(BUSY), OK, answer(BUSY), answer(BUSY), OK)
    outcome = one(world, provider=TwoCalls(first_writes=True))
    assert outcome.effect is Effect.APPLIED
    assert outcome.attempts == 3
    assert [attempt.call.action for attempt in world.attempts] == ["First"] * 2 + ["Second"] * 3


class Knowing(Scripted):
    """A flow that knows better than the core what a refusal means."""

    def flow(self, account, operations):
        try:
            yield Call(action="Do")
        except NotFoundError:
            yield Call(action="Instead")
        return [APPLIED]


def test_a_flow_may_answer_a_refusal_with_another_call():
    world = World(answer(NO_USER), OK)
    assert one(world, provider=Knowing()).effect is Effect.APPLIED
    assert [attempt.call.action for attempt in world.attempts] == ["Do", "Instead"]


class Refusing(Scripted):
    """A flow that sees for itself that an answer means no."""

    def flow(self, account, operations):
        yield Call(action="Ask", writes=False)
        raise UnsupportedOperationError("not for this one", support=LACKING)


def test_a_flow_may_refuse_after_an_answer():
    outcome = one(World(answer(id="r-1")), provider=Refusing())
    assert isinstance(outcome.error, UnsupportedOperationError)
    assert outcome.effect is Effect.NOT_APPLIED
    assert (outcome.error.provider, outcome.error.operation) == ("scripted", "mute")
    assert (outcome.attempts, outcome.request_id) == (1, "r-1")


class RefusingLate(Scripted):
    def flow(self, account, operations):
        yield Call(action="Do")
        raise UnsupportedOperationError("not for this one", support=LACKING)


def test_a_flow_that_refuses_after_a_call_that_took_effect_leaves_the_effect_unknown():
    assert one(World(OK), provider=RefusingLate()).effect is Effect.UNKNOWN


class TellingLate(Scripted):
    """A flow that makes two calls, and tells for itself what the second came to."""

    def flow(self, account, operations):
        yield Call(action="First")
        try:
            yield Call(action="Second")
        except PermissionDeniedError as error:
            return [Verdict.failed(error)]
        return [APPLIED]


def test_a_flow_that_tells_of_a_refusal_after_a_call_that_took_effect_leaves_the_effect_unknown():
    outcome = one(World(OK, answer(FORBIDDEN)), provider=TellingLate())
    assert isinstance(outcome.error, PermissionDeniedError)
    assert outcome.effect is Effect.UNKNOWN


def test_a_flow_that_finds_nothing_before_it_asks_has_removed_nothing():
    class Missing(Scripted):
        def flow(self, account, operations):
            raise NotFoundError("no such conversation", what="conversation")
            yield

    outcome = one(World(), Delete(dm()), provider=Missing())
    assert isinstance(outcome.error, NotFoundError)
    assert outcome.effect is Effect.NOT_APPLIED


def test_a_flow_is_told_how_often_its_call_was_tried():
    tries = []

    class Counting(Scripted):
        def flow(self, account, operations):
            try:
                yield Call(action="Do")
            except OperationError as error:
                tries.append(error.attempts)
                raise

    one(World(answer(BUSY), answer(FORBIDDEN)), provider=Counting())
    one(World(answer(BUSY)), provider=Counting(), pace=1.0, timeout=0.5)
    assert tries == [2, 1]


def test_an_id_that_a_path_would_lose_is_refused_before_sending():
    class InPath(Scripted):
        def flow(self, account, operations):
            yield Call(action="Do", path=("rooms", operations[0].conversation.other))
            return [APPLIED]

    world = World()
    outcome = one(world, Mute(dm("..")), provider=InPath())
    assert isinstance(outcome.error, InvalidRequestError)
    assert (outcome.effect, outcome.attempts) == (Effect.NOT_APPLIED, 0)
    assert world.attempts == []


# --- Time ---------------------------------------------------------------------------------------------


def test_an_exchange_may_take_until_the_deadline_of_the_verb():
    world = World(answer(BUSY), OK, latency=1.0)
    one(world, timeout=7.0)
    assert world.deadlines == [1007.0, 1007.0]


def test_calls_of_one_quota_are_paced():
    world, pipeline = World(OK, OK, OK), None
    pipeline = world.pipeline()
    for _ in range(3):
        world.perform(pipeline, Mute(dm()))
    assert world.exchanged_at == pytest.approx([1000.0, 1000.1, 1000.2])


def test_a_pace_of_the_callers_own_replaces_the_vendors_rate():
    world = World(OK, OK)
    pipeline = world.pipeline(pace=2.0)
    for _ in range(2):
        world.perform(pipeline, Mute(dm()))
    assert world.exchanged_at == pytest.approx([1000.0, 1000.5])


def test_pipelines_that_share_a_pacer_share_the_pace_of_equal_keys():
    world, pacer = World(OK, OK), Pacer()
    for _ in range(2):
        world.perform(world.pipeline(pacer=pacer), Mute(dm()))
    assert world.exchanged_at == pytest.approx([1000.0, 1000.1])


def crowded(seconds, key=("scripted", "Do")):
    """Return a pacer whose next slot is that far off."""
    pacer = Pacer()
    pacer.hold(key, 1000.0 + seconds, 1000.0)
    return pacer


@pytest.mark.parametrize("seconds", [5.0, 6.0, 1e6])
def test_a_slot_that_comes_too_late_is_not_waited_for(seconds):
    world = World()
    outcome = one(world, pacer=crowded(seconds), timeout=5.0)
    error = outcome.error
    assert isinstance(error, DeadlineExceededError)
    assert (error.effect, error.attempts, error.retryable) == (Effect.NOT_APPLIED, 0, True)
    assert error.retry_after == pytest.approx(seconds)
    assert (world.attempts, world.waits) == ([], [])


def test_a_slot_that_comes_too_late_is_left_to_others():
    world, pacer = World(OK), crowded(6.0)
    one(world, pacer=pacer, timeout=5.0)
    one(world, pacer=pacer, timeout=7.0)
    assert world.exchanged_at == pytest.approx([1006.0])


def test_a_patient_call_waits_for_its_slot_and_its_time_starts_there():
    world = World(OK)
    outcome = one(world, pacer=crowded(3600.0), timeout=5.0, patient=True)
    assert outcome.effect is Effect.APPLIED
    assert world.waits == pytest.approx([3600.0])
    assert world.deadlines == pytest.approx([4605.0])


def test_each_attempt_of_a_patient_call_has_its_time_from_its_slot_on():
    world = World(broken(), OK, random=0.0, latency=2.0)
    one(world, pacer=crowded(100.0), timeout=5.0, patient=True)
    assert world.exchanged_at == pytest.approx([1100.0, 1102.0])
    assert world.deadlines == pytest.approx([1105.0, 1107.0])


def test_each_call_of_a_patient_flow_has_a_deadline_of_its_own():
    world = World(OK, OK, latency=4.0)
    one(world, provider=TwoCalls(first_writes=True), timeout=5.0, patient=True)
    assert world.deadlines == pytest.approx([1005.0, 1009.0])


def test_all_calls_of_a_verb_share_one_deadline():
    world = World(OK, OK, latency=4.0)
    one(world, provider=TwoCalls(first_writes=True), timeout=5.0)
    assert world.deadlines == [1005.0, 1005.0]


def test_a_wait_that_would_outlast_the_deadline_is_not_begun():
    world = World(answer(THROTTLED), random=0.9)
    outcome = one(world, timeout=0.4)
    assert isinstance(outcome.error, RateLimitedError)
    assert (outcome.attempts, world.waits) == (1, [])


@pytest.mark.parametrize("reply", [answer(BUSY), answer(failed={"bob": BUSY})], ids=["call", "item"])
def test_a_wait_that_would_end_with_the_deadline_is_not_begun(reply):
    world = World(reply, random=0.5)
    outcome = one(world, timeout=0.05)
    assert isinstance(outcome.error, ProviderUnavailableError)
    assert (outcome.attempts, world.waits) == (1, [])


def test_a_verb_whose_time_is_over_tells_so_when_its_second_call_finds_no_slot():
    world = World(OK, latency=6.0)
    outcome = one(world, provider=TwoCalls(first_writes=False), timeout=5.0)
    assert isinstance(outcome.error, DeadlineExceededError)
    assert outcome.effect is Effect.NOT_APPLIED
    assert len(world.attempts) == 1


def test_a_verb_whose_time_is_over_after_a_call_that_took_effect_is_unknown():
    outcome = one(World(OK, latency=6.0), provider=TwoCalls(first_writes=True), timeout=5.0)
    assert isinstance(outcome.error, DeadlineExceededError)
    assert outcome.effect is Effect.UNKNOWN


def test_a_repeat_that_finds_no_slot_in_time_keeps_the_doubt_of_its_attempt():
    class Slow(Scripted):
        rate = 0.1

    world = World(broken())
    outcome = one(world, provider=Slow(), timeout=5.0)
    assert isinstance(outcome.error, DeadlineExceededError)
    assert (outcome.effect, outcome.attempts) == (Effect.UNKNOWN, 1)


@pytest.mark.parametrize(
    "reply",
    [answer(status=429, headers={"retry-after": "3"}), answer(status=503, headers={"retry-after": "3"})],
)
def test_a_retry_after_is_obeyed(reply):
    world = World(reply, OK, random=0.0)
    one(world)
    assert world.exchanged_at == pytest.approx([1000.0, 1003.0])


def test_a_signature_called_expired_is_not_made_again_past_the_last_attempt():
    outcome = one(World(answer(STALE)), retry=Retry(attempts=1))
    assert isinstance(outcome.error, AuthenticationError)
    assert outcome.attempts == 1


def test_a_retry_after_beyond_patience_is_handed_to_the_caller():
    world = World(answer(status=429, headers={"retry-after": "3600"}))
    outcome = one(world, timeout=1e5)
    assert isinstance(outcome.error, RateLimitedError)
    assert outcome.error.retry_after == 3600.0
    assert outcome.attempts == 1


def test_a_throttled_call_holds_up_everyone_on_its_quota():
    world, pacer = World(answer(status=429, headers={"retry-after": "3"}), OK, random=0.0), Pacer()
    steps = world.pipeline(pacer=pacer).perform([Mute(dm())], timeout=10.0)
    exchange = next(steps)
    assert isinstance(exchange, Exchange)
    assert steps.send(answer(status=429, headers={"retry-after": "3"})) == Wait(3.0)
    assert pacer.reserve(Quota(key=("scripted", "Do"), rate=10.0), 1000.0).at >= 1003.0
    assert pacer.reserve(Quota(key=("scripted", "Other"), rate=10.0), 1000.0).at == 1000.0


@pytest.mark.parametrize(
    ("asked", "held"), [({"retry-after": "3"}, 3.0), ({"retry-after": "3600"}, 30.0), ({}, 0.0)]
)
def test_a_throttled_call_that_is_given_up_holds_up_its_quota_for_as_long_as_was_asked(asked, held):
    world, pacer = World(answer(status=429, headers=asked), random=0.5), Pacer()
    one(world, pacer=pacer, retry=Retry(attempts=1))
    # And for half of what is drawn after a rate limit, so that nobody comes back with everybody.
    assert pacer.reserve(Quota(key=("scripted", "Do"), rate=10.0), 1000.0).at == 1000.25 + held


def test_a_throttled_call_holds_up_its_quota_until_it_is_repeated():
    world, pacer = World(random=0.9), Pacer()
    steps = world.pipeline(pacer=pacer).perform([Mute(dm())], timeout=10.0)
    next(steps)
    assert steps.send(answer(THROTTLED)) == Wait(0.45)
    assert pacer.reserve(Quota(key=("scripted", "Do"), rate=10.0), 1000.0).at == 1000.45


def test_who_waits_for_a_slot_when_a_pause_is_asked_for_waits_for_its_end():
    world, pacer = World(OK), crowded(2.0)
    steps = world.pipeline(pacer=pacer).perform([Mute(dm())], timeout=10.0)
    assert next(steps) == Wait(2.0)
    pacer.hold(("scripted", "Do"), 1005.0, 1001.0)
    world.clock = 1002.0
    assert steps.send(None) == Wait(3.0)


@pytest.mark.parametrize("end", [GeneratorExit, KeyboardInterrupt], ids=["closed", "interrupted"])
def test_a_slot_is_given_back_when_its_wait_is_broken_off(end):
    world, pacer = World(), crowded(2.0)
    steps = world.pipeline(pacer=pacer).perform([Mute(dm())], timeout=10.0)
    assert next(steps) == Wait(2.0)
    with pytest.raises(end):
        steps.throw(end)
    assert pacer.reserve(Quota(key=("scripted", "Do"), rate=10.0), 1000.0).at == 1002.0


def test_a_slot_that_was_used_is_not_given_back_when_the_exchange_is_broken_off():
    world, pacer = World(), Pacer()
    steps = world.pipeline(pacer=pacer).perform([Mute(dm())], timeout=10.0)
    assert isinstance(next(steps), Exchange)
    steps.close()
    assert pacer.reserve(Quota(key=("scripted", "Do"), rate=10.0), 1000.0).at > 1000.0


def test_a_flow_is_closed_when_its_batch_is_broken_off():
    closed = []

    class Tidy(Scripted):
        def flow(self, account, operations):
            try:
                yield Call(action="Do")
            finally:
                closed.append(True)

    steps = World().pipeline(Tidy()).perform([Mute(dm())], timeout=10.0)
    next(steps)
    steps.close()
    assert closed == [True]


class Holding(Scripted):
    """A plugin that keeps hold of its flows, none of which ends by itself."""

    def __init__(self):
        self.flows = []

    def flow(self, account, operations):
        self.flows.append(self.endless())
        return self.flows[-1]

    def endless(self):
        while True:
            yield Call(action="Do")


def test_a_flow_that_its_plugin_still_holds_is_closed_all_the_same():
    provider = Holding()
    pipeline = World().pipeline(provider)
    pipeline.foresee([Mute(dm())])
    steps = pipeline.perform([Mute(dm())], timeout=10.0)
    next(steps)
    steps.close()
    assert [getgeneratorstate(flow) for flow in provider.flows] == [GEN_CLOSED] * 2


def test_an_attempt_that_was_asked_for_two_signatures_may_have_been_sent():
    class Repeating(World):
        def exchange(self, step):
            step.attempt.sign()
            return super().exchange(step)

    outcome = one(Repeating(*[broken(sent=False)] * 4))
    assert isinstance(outcome.error, TransportError)
    assert outcome.effect is Effect.UNKNOWN


def test_an_attempt_that_was_asked_for_two_signatures_and_answered_is_answered():
    class Repeating(World):
        def exchange(self, step):
            reply = super().exchange(step)
            with pytest.raises(SigningError):
                step.attempt.sign()
            return reply

    assert one(Repeating(OK)).effect is Effect.APPLIED


# --- Batches ------------------------------------------------------------------------------------------


def mutes(*peers):
    return [Mute(dm(peer)) for peer in peers]


def effects(outcomes):
    return {outcome.operation.conversation.other: outcome.effect.name for outcome in outcomes}


def ids_sent(world):
    return [body["ids"] for body in world.bodies]


def test_a_batch_goes_out_in_one_call():
    world = World(OK)
    outcomes = world.perform(world.pipeline(), *mutes("a", "b", "c"))
    assert effects(outcomes) == {"a": "APPLIED", "b": "APPLIED", "c": "APPLIED"}
    assert ids_sent(world) == [["a", "b", "c"]]


def test_items_that_passed_and_items_that_did_not_are_told_apart():
    world = World(answer(failed={"b": FORBIDDEN, "c": UNMAPPED}))
    a, b, c = world.perform(world.pipeline(), *mutes("a", "b", "c"))
    assert a.ok
    assert isinstance(b.error, PermissionDeniedError)
    assert (b.effect, b.error.effect) == (Effect.NOT_APPLIED, Effect.NOT_APPLIED)
    assert isinstance(c.error, ProviderError)
    assert (c.effect, c.error.code) == (Effect.UNKNOWN, UNMAPPED)
    assert [outcome.attempts for outcome in (a, b, c)] == [1, 1, 1]


def test_items_that_may_be_repeated_go_out_again_as_a_smaller_batch():
    world = World(answer(failed={"a": BUSY, "b": FORBIDDEN, "d": THROTTLED}), OK)
    outcomes = world.perform(world.pipeline(), *mutes("a", "b", "c", "d"))
    assert ids_sent(world) == [["a", "b", "c", "d"], ["a", "d"]]
    assert effects(outcomes) == {"a": "APPLIED", "b": "NOT_APPLIED", "c": "APPLIED", "d": "APPLIED"}
    assert [outcome.attempts for outcome in outcomes] == [2, 1, 1, 2]


def test_items_are_repeated_no_more_often_than_calls():
    world = World(*[answer(failed={"a": BUSY})] * 4)
    a, b = world.perform(world.pipeline(), *mutes("a", "b"))
    assert ids_sent(world) == [["a", "b"], ["a"], ["a"], ["a"]]
    assert isinstance(a.error, ProviderUnavailableError)
    assert (a.attempts, a.error.attempts, b.attempts) == (4, 4, 1)


def test_tries_of_the_whole_call_and_of_its_items_are_counted_together():
    world = World(
        broken(sent=False), broken(sent=False), answer(failed={"a": BUSY}), answer(failed={"a": BUSY})
    )
    a, b = world.perform(world.pipeline(), *mutes("a", "b"))
    assert (a.attempts, b.attempts) == (4, 3)
    assert isinstance(a.error, ProviderUnavailableError)


def test_items_are_not_repeated_when_the_wait_would_outlast_the_deadline():
    world = World(answer(failed={"a": THROTTLED}), random=0.99)
    a, _ = world.perform(world.pipeline(), *mutes("a", "b"), timeout=0.3)
    assert isinstance(a.error, RateLimitedError)
    assert len(world.attempts) == 1


def test_a_batch_waits_for_the_longest_of_its_items_before_it_goes_out_again():
    world = World(answer(failed={"a": BUSY, "b": THROTTLED}), OK, random=0.5)
    world.perform(world.pipeline(provider=Quick()), *mutes("a", "b"))
    assert world.waits == pytest.approx([0.25])


def test_an_unknown_code_of_an_item_is_never_repeated():
    world = World(answer(failed={"a": UNMAPPED}))
    world.perform(world.pipeline(), *mutes("a", "b"))
    assert ids_sent(world) == [["a", "b"]]


def test_a_refusal_of_the_whole_call_is_that_of_every_item():
    world = World(answer(FORBIDDEN))
    outcomes = world.perform(world.pipeline(), *mutes("a", "b"))
    assert effects(outcomes) == {"a": "NOT_APPLIED", "b": "NOT_APPLIED"}
    assert {type(outcome.error) for outcome in outcomes} == {PermissionDeniedError}


def test_the_doubt_of_an_unanswered_attempt_is_that_of_every_item_that_failed():
    world = World(broken(), answer(failed={"b": FORBIDDEN}))
    outcomes = world.perform(world.pipeline(), *mutes("a", "b"))
    assert effects(outcomes) == {"a": "APPLIED", "b": "UNKNOWN"}


def test_an_item_in_doubt_stays_so_when_its_repeat_is_refused():
    world = World(broken(), answer(failed={"a": BUSY}), answer(failed={"a": FORBIDDEN}))
    a, b = world.perform(world.pipeline(), *mutes("a", "b"))
    assert (a.effect, b.effect) == (Effect.UNKNOWN, Effect.APPLIED)
    assert isinstance(a.error, PermissionDeniedError)


def test_an_item_that_was_refused_is_not_in_doubt_because_another_is_repeated():
    world = World(answer(failed={"a": BUSY}), broken(), answer(failed={"a": FORBIDDEN}))
    a, b = world.perform(world.pipeline(), *mutes("a", "b"))
    assert (a.effect, b.effect) == (Effect.UNKNOWN, Effect.APPLIED)


def test_an_item_that_was_busy_and_then_refused_is_not_in_doubt():
    world = World(answer(failed={"a": BUSY}), answer(failed={"a": FORBIDDEN}))
    a, b = world.perform(world.pipeline(), *mutes("a", "b"))
    assert (a.effect, b.effect) == (Effect.NOT_APPLIED, Effect.APPLIED)


def test_a_batch_whose_repeat_finds_no_slot_counts_the_attempts_it_made():
    world = World(answer(failed={"a": BUSY}), random=0.1)
    a, _ = world.perform(world.pipeline(), *mutes("a", "b"), timeout=0.09)
    assert isinstance(a.error, DeadlineExceededError)
    assert a.attempts == len(world.attempts) == 1


def test_a_repeated_batch_of_deletes_settles_each_that_finds_nothing():
    world = World(broken(), answer(failed={"a": GONE, "b": NO_USER}))
    outcomes = world.perform(world.pipeline(), *[Delete(dm(peer)) for peer in ("a", "b", "c")])
    assert effects(outcomes) == {"a": "ALREADY", "b": "UNKNOWN", "c": "APPLIED"}


def test_no_vendor_error_repeats_forever():
    world = World(*[answer(failed={"a": THROTTLED})] * 50)
    (outcome,) = world.perform(world.pipeline(), *mutes("a"), patient=True)
    assert outcome.attempts == len(world.attempts) == 4


def test_operations_of_different_classes_do_not_share_a_call_even_with_equal_keys():
    pipeline = World().pipeline()
    assert pipeline.batch_key(Mute(dm("a"))) == pipeline.batch_key(Mute(dm("b")))
    assert pipeline.batch_key(Mute(dm("a"))) != pipeline.batch_key(Delete(dm("a")))


def test_an_operation_without_a_key_stands_alone():
    class Alone(Scripted):
        def batch_key(self, account, operation):
            return None

    assert World().pipeline(Alone()).batch_key(Mute(dm())) is None


def test_a_refusal_by_the_key_is_one_before_sending_and_has_a_name():
    class Choosy(Scripted):
        def batch_key(self, account, operation):
            raise InvalidRequestError("not this one", effect=Effect.UNKNOWN)

    with pytest.raises(InvalidRequestError, match="not this one") as caught:
        World().pipeline(Choosy()).check(Mute(dm()), stamped=True)
    assert (caught.value.operation, caught.value.effect) == ("mute", Effect.NOT_APPLIED)
    assert caught.value.provider is not None


def test_a_batch_holds_what_the_cell_says():
    assert World().pipeline().batch_max(Mute(dm())) == USABLE.batch == 10


# --- Tickets ------------------------------------------------------------------------------------------


class Ticketing(Signer):
    def __init__(self):
        self.issued = 0

    def issue(self, now):
        self.issued += 1
        return Ticket(Secret(f"ticket-{self.issued}"), renew_at=now + 1e6, expires_at=now + 2e6)

    def sign(self, call, *, now, nonce, ticket):
        return Credentials(query={"ticket": ticket.value.reveal()})


class WithTickets(Scripted):
    def __init__(self):
        self.tickets = Ticketing()

    def signer(self, account):
        return self.tickets


def test_a_ticket_the_vendor_calls_expired_is_renewed_for_the_next_attempt():
    provider = WithTickets()
    outcome = one(World(answer(EXPIRED), OK), provider=provider)
    assert (outcome.effect, outcome.attempts) == (Effect.APPLIED, 2)
    assert provider.tickets.issued == 2


def test_a_ticket_serves_every_attempt_of_a_client():
    provider = WithTickets()
    world = World(answer(BUSY), OK, OK)
    pipeline = world.pipeline(provider)
    for _ in range(2):
        world.perform(pipeline, Mute(dm()))
    assert provider.tickets.issued == 1


def test_a_signature_that_is_refused_again_is_an_authentication_error():
    outcome = one(World(*[answer(EXPIRED)] * 4), provider=WithTickets())
    assert isinstance(outcome.error, AuthenticationError)
    assert outcome.effect is Effect.NOT_APPLIED
