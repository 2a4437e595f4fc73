"""Another host of the same vendor is tried when the first cannot be reached, and then only."""

from __future__ import annotations

import pytest

from convops.errors import Effect, TransportError
from convops.operations import Mute
from convops.provider import Failure, FailureKind
from tests.core.scripted import BUSY, FORBIDDEN, STALE, Scripted, World, answer, broken, dm
from tests.core.test_signing import Plain

OK = answer()
FIRST, SECOND = "https://first.example", "https://second.example"


class TwoHosts(Scripted):
    rate = 1e9

    def origins(self, account):
        return (FIRST, SECOND)


def perform(world, provider=None, **settings):
    return world.perform(world.pipeline(provider or TwoHosts(), **settings), Mute(dm()))[0]


def asked(world):
    return [attempt.origin for attempt in world.attempts]


def test_the_preferred_host_is_asked_first():
    world = World(OK)
    perform(world)
    assert asked(world) == [FIRST]


@pytest.mark.parametrize("kind", [FailureKind.CONNECT, FailureKind.DNS, FailureKind.TLS])
def test_the_other_host_is_asked_at_once_when_the_first_cannot_be_reached(kind):
    world = World(Failure(kind, sent=False), OK)
    outcome = perform(world)
    assert outcome.effect is Effect.APPLIED
    assert asked(world) == [FIRST, SECOND]
    assert sum(world.waits) == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("reply", [broken(), answer(BUSY), answer(status=503)], ids=["broke", "busy", "503"])
def test_a_host_that_may_have_heard_is_asked_again_itself(reply):
    world = World(reply, OK)
    perform(world)
    assert asked(world) == [FIRST, FIRST]


def test_a_refusal_is_not_taken_elsewhere():
    world = World(answer(FORBIDDEN))
    perform(world)
    assert asked(world) == [FIRST]


def test_when_no_host_can_be_reached_nothing_was_applied():
    world = World(*[broken(sent=False)] * 4)
    outcome = perform(world)
    assert isinstance(outcome.error, TransportError)
    assert outcome.effect is Effect.NOT_APPLIED
    assert set(asked(world)) == {FIRST, SECOND}


def test_a_signature_the_vendor_calls_too_old_is_made_again_by_the_vendors_clock():
    class Signed(Scripted):
        def __init__(self):
            self.plain = Plain()

        def signer(self, account):
            return self.plain

    provider = Signed()
    # Thu, 01 Jan 2026 00:00:00 GMT; the clock of this world stands in November 2023.
    world = World(answer(STALE, headers={"date": "Thu, 01 Jan 2026 00:00:00 GMT"}), OK)
    outcome = perform(world, provider)
    assert (outcome.effect, outcome.attempts) == (Effect.APPLIED, 2)
    first, second = [now for _, now, _, _ in provider.plain.seen]
    assert first == 1_700_001_000.0
    assert second == pytest.approx(1_767_225_600.0, abs=1.0)


def test_a_signature_is_made_again_once():
    world = World(answer(STALE), answer(STALE))
    outcome = perform(world)
    assert type(outcome.error).__name__ == "AuthenticationError"
    assert (outcome.attempts, outcome.effect) == (2, Effect.NOT_APPLIED)
