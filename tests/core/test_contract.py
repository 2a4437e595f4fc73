"""What a provider need not say, and what its settings may be checked by."""

from __future__ import annotations

import attrs
import pytest

from convops import ConfigError, Mute, Secret
from convops.errors import Effect, ProviderUnavailableError, RateLimitedError
from convops.provider import (
    ALREADY,
    APPLIED,
    CONTRACT,
    Call,
    Provider,
    Quota,
    Reply,
    Unsigned,
    Verdict,
    base_url,
    integer,
    not_empty,
    one_of,
)
from tests.core.scripted import USABLE, World, answer, dm


@attrs.frozen(kw_only=True)
class Settings:
    url: str | None = attrs.field(default=None, validator=base_url)
    place: str | None = attrs.field(default=None, validator=one_of(["east", "west"]))
    number: int = attrs.field(default=1, validator=integer(1, 9))
    key: Secret = attrs.field(factory=lambda: Secret("k"), validator=not_empty)


class Plainest(Provider[Settings]):
    """Says nothing that has a default."""

    name = "plainest"
    title = "Plainest"
    contract = CONTRACT
    account_type = Settings

    def origins(self, account):
        return ("https://vendor.example",)

    def signer(self, account):
        return Unsigned()

    def support(self, account, operation, kind):
        return USABLE

    def flow(self, account, operations):
        yield Call(action="Do")
        return [APPLIED]

    def read(self, call, reply):
        return None

    def quota(self, account, call):
        return Quota(key=self.name, rate=10.0)


def test_a_provider_that_says_only_what_it_must_works():
    world = World(answer(id="r-1"))
    pipeline = world.pipeline(Plainest(), account=Settings())
    (outcome,) = world.perform(pipeline, Mute(dm()))
    assert (outcome.effect, outcome.request_id) == (Effect.APPLIED, None)


def test_without_more_a_provider_has_no_batches_ids_codes_or_transport_of_its_own():
    provider = Plainest()
    assert provider.batch_key(Settings(), Mute(dm())) is None
    assert provider.request_id(Reply(200, {}, {"id": "r-1"})) is None
    assert provider.check(Settings(), Mute(dm())) is None
    assert provider.transport(Settings()) is None
    assert provider.async_transport(Settings()) is None
    assert (provider.codes, provider.docs, provider.simulator) == ({}, "", None)


def test_a_provider_that_leaves_out_what_it_must_say_cannot_be_made():
    class Incomplete(Provider):
        name = "incomplete"

    with pytest.raises(TypeError, match="abstract"):
        Incomplete()


def test_an_unsigned_call_carries_no_credentials():
    credentials = Unsigned().sign(Call(action="Do"), now=0.0, nonce=b"8 octets", ticket=None)
    assert (credentials.query, credentials.headers) == ({}, {})
    assert Unsigned().issue(0.0) is None


@pytest.mark.parametrize("error", [RateLimitedError("x"), ProviderUnavailableError("x")])
def test_a_failed_verdict_has_the_effect_of_its_error(error):
    assert Verdict.failed(error) == Verdict(error.effect, error)
    assert (APPLIED.effect, APPLIED.error) == (Effect.APPLIED, None)
    assert (ALREADY.effect, ALREADY.error) == (Effect.ALREADY, None)


def test_settings_within_their_bounds_are_taken():
    settings = Settings(url="https://a.example", place="east", number=9, key=Secret("x"))
    assert settings.place == "east"
    assert Settings() == Settings(url=None, place=None, number=1)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("url", 5, "url must be a str, not int"),
        ("url", "http://a.example", "url may use http only on a loopback address; use https"),
        ("place", "eats", "place 'eats' is unknown; did you mean 'east'? known: east, west"),
        ("place", "qqq", "place 'qqq' is unknown; known: east, west"),
        ("number", 0, "number must lie between 1 and 9"),
        ("number", 10, "number must lie between 1 and 9"),
        ("key", Secret(""), "key is empty"),
        ("key", "", "key is empty"),
    ],
)
def test_a_setting_out_of_bounds_is_refused_by_name(name, value, message):
    with pytest.raises(ConfigError) as caught:
        Settings(**{name: value})
    assert str(caught.value) == message
