"""What a caller says about a client is checked before anything is opened."""

from __future__ import annotations

import math
import ssl

import pytest

from convops import (
    AsyncClient,
    Client,
    ConfigError,
    Conversation,
    Secret,
    TransportError,
    connect,
    connect_async,
)
from convops.testing import memory_store
from tests.core.scripted import broken

DM = Conversation.direct(user="alice", peer="bob")

BAD = [
    ("timeout", 0, "timeout must be a number above 0"),
    ("timeout", -1.5, "timeout must be a number above 0"),
    ("timeout", math.nan, "timeout must be a number above 0"),
    ("timeout", math.inf, "timeout"),
    ("timeout", 10**400, "timeout"),
    ("timeout", True, "timeout must be a number above 0"),
    ("timeout", "5", "timeout must be a number above 0"),
    ("timeout", None, "timeout must be a number above 0"),
    ("attempts", 0, "attempts must be a whole number from 1 on, not 0"),
    ("attempts", -1, "attempts must be a whole number from 1 on, not -1"),
    ("attempts", 2.0, "attempts must be a whole number from 1 on, not 2.0"),
    ("attempts", True, "attempts must be a whole number from 1 on, not True"),
    ("attempts", "4", "attempts must be a whole number from 1 on"),
    ("attempts", None, "attempts must be a whole number from 1 on, not None"),
    ("pace", 0, "pace must be a number above 0"),
    ("pace", -1, "pace must be a number above 0"),
    ("pace", math.nan, "pace must be a number above 0"),
    ("pace", False, "pace must be a number above 0"),
    ("pace", "20", "pace must be a number above 0"),
    ("observer", 5, "observer must be callable"),
    ("observer", "print", "observer must be callable"),
    ("proxy", 5, "proxy must be a URL, not int"),
    ("proxy", b"http://proxy", "proxy must be a URL, not bytes"),
    ("transport", "requests", "transport 'requests' is none of: httpx"),
    ("transport", 5, "cannot use a transport of type int"),
    ("transport", object(), "cannot use a transport of type object"),
    ("verify", False, "it is never off"),
    ("verify", True, "verify takes the path of a CA bundle"),
    ("verify", 5, "verify takes the path of a CA bundle"),
]


@pytest.mark.parametrize(("name", "value", "words"), BAD, ids=lambda value: repr(value)[:20])
@pytest.mark.parametrize("door", [connect, connect_async])
def test_an_option_that_makes_no_sense_is_refused(door, name, value, words):
    with pytest.raises(ConfigError) as caught:
        door("memory", **{name: value})
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_str_where_a_number_belongs_is_said_to_be_one():
    with pytest.raises(ConfigError) as caught:
        connect("memory", timeout="5")
    assert "Secret" not in str(caught.value)


@pytest.mark.parametrize(
    "loosened",
    [{"check_hostname": False}, {"check_hostname": False, "verify_mode": ssl.CERT_NONE}],
    ids=["no host name", "no certificate"],
)
def test_an_ssl_context_that_does_not_verify_is_refused(loosened):
    context = ssl.create_default_context()
    for name, value in loosened.items():
        setattr(context, name, value)
    with pytest.raises(ConfigError, match="does not check certificates and host names"):
        connect("memory", verify=context)


@pytest.mark.parametrize(
    "option", [{"proxy": "http://proxy.example"}, {"verify": ssl.create_default_context()}]
)
def test_a_transport_that_is_given_is_not_changed(option, answering):
    with pytest.raises(ConfigError, match="set them there"):
        connect("memory", transport=answering(lambda _: None), **option)


def test_a_transport_of_the_other_clients_kind_is_refused(flavour):
    class Blocking:
        def exchange(self, attempt, deadline): ...

        def close(self): ...

    class Awaiting:
        async def exchange(self, attempt, deadline): ...

        async def aclose(self): ...

    door, wrong = (connect, Awaiting()) if flavour == "Client" else (connect_async, Blocking())
    with pytest.raises(ConfigError, match=f"an? {flavour} cannot use a transport"):
        door("memory", transport=wrong)


def test_a_transport_that_is_given_is_used(opened, answering):
    seen = []

    def answer(attempt):
        seen.append(attempt.call.action)
        raise KeyboardInterrupt

    chat = opened("memory", transport=answering(answer))
    with pytest.raises(KeyboardInterrupt):
        chat.mute(DM)
    assert seen == ["mute"]


def test_an_unknown_option_is_an_unknown_setting():
    with pytest.raises(ConfigError, match="memory has no setting 'retries'"):
        connect("memory", retries=3)


def test_good_options_open_a_client():
    options = {"timeout": 1, "attempts": 1, "pace": 1000.5, "observer": print, "proxy": None, "verify": None}
    with connect("memory", **options) as chat:
        assert isinstance(chat, Client)


def test_connect_async_returns_an_async_client(runner):
    chat = connect_async("memory")
    assert isinstance(chat, AsyncClient)
    assert chat.provider == "memory"
    runner.run(chat.aclose())


def test_attempts_bound_how_often_a_call_is_tried(opened, answering):
    tried = []

    def answer(attempt):
        tried.append(attempt)
        return broken()

    chat = opened("memory", transport=answering(answer), attempts=1)
    with pytest.raises(TransportError) as caught:
        chat.mute(DM)
    assert len(tried) == caught.value.attempts == 1


def test_an_observer_is_told_what_happens(opened):
    events = []
    opened("memory", store="observed", observer=events.append).mute(DM)
    assert [(event.kind, event.name) for event in events] == [("attempt", "mute"), ("outcome", "mute")]


def test_a_secret_may_stand_where_a_str_does(opened):
    memory_store("behind-a-secret").receive(DM)
    opened("memory", store=Secret("behind-a-secret")).delete(DM)
    assert memory_store("behind-a-secret").state(DM) is None
