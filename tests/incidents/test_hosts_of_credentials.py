"""LiteLLM, CVE-2024-6587: whoever could name the host was sent the stored key.

The host belongs to the account, with its secret. Nothing a verb is given, and nothing a vendor answers,
leads anywhere else.
"""

from __future__ import annotations

import inspect
import urllib.parse

import attrs
import httpx
import pytest

import convops
from convops._connect import ClientOptions
from convops.errors import ConfigError, InvalidRequestError, MalformedReplyError
from convops.operations import OPERATIONS, Conversation
from convops.provider import Call, Credentials
from tests.transports.rawserver import HOST, answering, simulating
from tests.transports.scripted import OK, Scripted
from tests.wire.worlds import SIMULATORS, people, simulator_of

DM = Conversation.direct(user="alice", peer="bob")
HOSTLIKE = ("api_base", "authority", "base", "endpoint", "host", "origin", "region", "uri", "url")
METHODS = ("apply", "clear_unread", "delete", "mark_read", "mute", "plan", "supports")


def names_a_host(name):
    return any(word in name.lower() for word in HOSTLIKE)


@pytest.fixture(params=SIMULATORS)
def vendor(request):
    return request.param


@pytest.fixture
def elsewhere(serve_raw):
    """A server that must not hear anything."""
    server = serve_raw(answering(OK))
    yield server
    assert server.peers == []


# --- What a caller can say --------------------------------------------------------------------------------


@pytest.mark.parametrize("client", [convops.Client, convops.AsyncClient])
@pytest.mark.parametrize("method", METHODS)
def test_no_call_can_say_where_it_goes(client, method):
    parameters = inspect.signature(getattr(client, method)).parameters.values()
    assert not any(names_a_host(parameter.name) for parameter in parameters)
    assert all(parameter.kind is not parameter.VAR_KEYWORD for parameter in parameters)


@pytest.mark.parametrize("value", [*OPERATIONS, Conversation, Call])
def test_no_value_that_is_sent_can_say_where_it_goes(value):
    assert not any(names_a_host(field.name) for field in attrs.fields(value))


def test_no_option_of_a_client_can_say_where_it_goes():
    assert not any(names_a_host(name) for name in ClientOptions.__annotations__)


def test_a_parameter_that_named_a_host_would_be_found():
    assert names_a_host("api_base")
    assert names_a_host("base_url")


@pytest.mark.parametrize("name", ["base_url", "api_base", "host", "url", "region"])
def test_a_verb_that_is_told_a_host_is_not_called(flavour, vendor, elsewhere, name):
    simulator = simulator_of(vendor)
    settings = {**simulator.settings, "base_url": "https://chat.example"}
    chat = flavour.connect(vendor, **settings, transport=flavour.in_process(simulator))
    with pytest.raises(TypeError):
        chat.target.mute(DM, **{name: elsewhere.url})
    assert simulator.exchanges == []


@pytest.mark.parametrize(
    "url",
    [
        "{vendor}://{elsewhere}?app_id=1",
        "{vendor}://{elsewhere}/?app_id=1",
        "{vendor}://user@{elsewhere}?app_id=1",
        "{vendor}://?app_id=1#@{elsewhere}",
        "http://{elsewhere}",
        "{vendor}://?host={elsewhere}",
    ],
)
def test_the_url_of_an_account_names_no_host(flavour, vendor, elsewhere, url):
    with pytest.raises(ConfigError):
        flavour.connect(url.format(vendor=vendor, elsewhere=f"{HOST}:{elsewhere.port}"))


# --- What a vendor can answer -----------------------------------------------------------------------------

LOCATIONS = [
    "http://{there}/",
    "//{there}/",
    "///{there}/",
    "\\\\{there}\\",
    "/\\{there}/",
    "http:{there}",
    "HTTP://{there}/",
    "http://{here}@{there}/",
    "http://{there}#@{here}/",
    "http://{there}\\@{here}/",
    "{same}",
    "",
]
STATUSES = [300, 301, 302, 303, 305, 307, 308, 399]


@pytest.mark.parametrize("location", LOCATIONS)
def test_no_location_of_an_answer_is_gone_to(flavour, vendor, serve_raw, elsewhere, location):
    def handle(peer, request):
        places = {
            "there": f"{HOST}:{elsewhere.port}",
            "here": f"{HOST}:{server.port}",
            "same": request.target,
        }
        where = location.format(**places)
        extras = ("refresh: 0; url=" + where, "content-location: " + where, "link: <" + where + ">")
        peer.answer(OK, status=next(statuses), headers=(f"location: {where}", *extras))

    statuses = iter(STATUSES)
    server = serve_raw(handle)
    simulator = simulator_of(vendor)
    settings = {**simulator.settings, "base_url": server.url, "pace": 1e6}
    chat = flavour.connect(vendor, **settings)
    for _ in STATUSES:
        with pytest.raises(MalformedReplyError):
            chat.mark_read(simulator.spelled(DM))
    assert len(server.received) == len(STATUSES)


def test_a_client_that_follows_takes_its_credentials_along(serve_raw):
    """What the test above is there to catch."""
    there = serve_raw(answering(OK))
    here = serve_raw(answering(OK, status=307, headers=(f"location: {there.url}/",)))
    with httpx.Client(follow_redirects=True, trust_env=False) as naive:
        naive.post(here.url, headers={"x-signature": "s3cr3t"})
    assert there.received[0].all("x-signature") == ["s3cr3t"]


# --- What an end user can be called -----------------------------------------------------------------------

HOSTILE_IDS = [
    "../../admin",
    "../../{there}/",
    "/{there}/",
    "//{there}/",
    "\\\\{there}",
    "@{there}",
    ":80@{there}/",
    "#@{there}/",
    "?x=http://{there}/",
    "http://{there}/",
    "%2e%2e%2f{there}",
    "%2f%2f{there}",
    "..%00/",
    ";/../..",
    "a&base_url=//{there}",
]
IDS = [name.format(there="127.0.0.1:1")[:32] for name in HOSTILE_IDS]


# Elsewhere ids have a form of their own, or stand in the path; see below.
@pytest.mark.parametrize("vendor", ["zego", "tencent"])
@pytest.mark.parametrize("hostile", IDS)
def test_an_id_changes_neither_host_nor_path(flavour, vendor, serve_raw, hostile):
    simulator = simulator_of(vendor)
    people(simulator)
    for other in ("dave", hostile):
        simulator.add_user(other)
        simulator.add_group(other, ["alice"])
        simulator.receive(Conversation.direct(user="alice", peer=other))
        simulator.receive(Conversation.group(user="alice", group=other))
    server = serve_raw(simulating(simulator))
    settings = {**simulator.settings, "base_url": server.url, "pace": 1e6}
    chat = flavour.connect(vendor, **settings, attempts=1)

    def asked_about(other):
        """Return host and path of every request that comes of an id."""
        before = len(server.received)
        for conversation in (
            Conversation.direct(user="alice", peer=other),
            Conversation.group(user="alice", group=other),
        ):
            chat.apply([convops.MarkRead(conversation), convops.Delete(conversation, erase_history=True)])
        received = server.received[before:]
        return [(request.all("host"), request.target.partition("?")[0]) for request in received]

    harmless = asked_about("dave")
    assert len(harmless) >= 3
    assert {tuple(host) for host, _ in harmless} == {(f"{HOST}:{server.port}",)}
    assert asked_about(hostile) == harmless


@pytest.mark.parametrize("hostile", IDS)
def test_an_id_that_stands_in_a_path_is_one_segment_of_it(flavour, serve_raw, hostile):
    server = serve_raw(answering(OK))
    chat = flavour.open(Scripted(f"{server.url}/im", lambda: Credentials(query={"sig": "s3cr3t"})))
    chat.mute(Conversation.direct(user=hostile, peer="bob"))
    (request,) = server.received
    assert request.all("host") == [f"{HOST}:{server.port}"]
    path, _, query = request.target.partition("?")
    assert path == f"/im/{urllib.parse.quote(hostile, safe='')}"
    assert query == "sig=s3cr3t"


@pytest.mark.parametrize("dots", [".", ".."])
def test_an_id_that_a_path_would_resolve_away_is_not_sent(flavour, elsewhere, dots):
    with pytest.raises(InvalidRequestError):
        flavour.open(Scripted(elsewhere.url)).mute(Conversation.direct(user=dots, peer="bob"))


def test_an_id_that_is_pasted_into_a_url_names_the_host():
    """What the tests above are there to catch."""
    pasted = httpx.URL("https://vendor.example" + "@evil.example/")
    assert pasted.host == "evil.example"
    assert httpx.URL("https://vendor.example/im/").join("../../admin?x=1").path == "/admin"
