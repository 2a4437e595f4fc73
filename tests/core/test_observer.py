"""An observer is told of each attempt and each outcome, and of nothing that could harm in a log."""

from __future__ import annotations

import attrs

from convops import Event
from convops.errors import Effect
from convops.operations import Mute
from tests.core.scripted import BUSY, FORBIDDEN, World, answer, broken, dm


def observed(*answers, latency=0.0, operations=1):
    events = []
    world = World(*answers, latency=latency)
    pipeline = world.pipeline(observer=events.append)
    world.perform(pipeline, *[Mute(dm(f"peer-{number}")) for number in range(operations)])
    return events


def test_a_success_is_one_attempt_and_one_outcome():
    attempt, outcome = observed(answer())
    assert attempt == Event(
        kind="attempt", provider="scripted", name="Do", attempts=1, seconds=0.0, status=200
    )
    assert outcome == Event(
        kind="outcome", provider="scripted", name="mute", attempts=1, seconds=0.0, effect=Effect.APPLIED
    )


def test_every_attempt_is_told_with_what_it_met():
    events = observed(answer(BUSY), broken(), answer(status=503), answer())
    assert [(e.kind, e.attempts, e.status, e.error, e.code) for e in events] == [
        ("attempt", 1, 200, "ProviderUnavailableError", BUSY),
        ("attempt", 2, None, "TransportError", None),
        ("attempt", 3, 503, "ProviderUnavailableError", "http-503"),
        ("attempt", 4, 200, None, None),
        ("outcome", 4, None, None, None),
    ]


def test_a_failure_is_told_with_its_effect_and_code():
    outcome = observed(answer(FORBIDDEN))[-1]
    assert (outcome.effect, outcome.error, outcome.code) == (
        Effect.NOT_APPLIED,
        "PermissionDeniedError",
        FORBIDDEN,
    )


def test_each_operation_of_a_batch_has_an_outcome():
    events = observed(answer(failed={"peer-1": FORBIDDEN}), operations=3)
    assert [event.kind for event in events] == ["attempt", "outcome", "outcome", "outcome"]
    assert [event.effect for event in events[1:]] == [Effect.APPLIED, Effect.NOT_APPLIED, Effect.APPLIED]


def test_an_event_says_how_long_it_took_on_the_given_clock():
    attempt, outcome = observed(answer(), latency=1.5)
    assert (attempt.seconds, outcome.seconds) == (1.5, 1.5)


def test_an_event_holds_no_id_and_no_text_of_the_vendor():
    events = observed(answer(FORBIDDEN, id="request-7", text="s3ntinel"))
    shown = str([attrs.asdict(event) for event in events])
    for word in ("alice", "peer-0", "request-7", "s3ntinel", "not allowed"):
        assert word not in shown
