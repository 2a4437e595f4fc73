"""Every cassette, played to both clients on the vendor's own host, with the network closed."""

from __future__ import annotations

import json
import re

import attrs
import pytest
from vcr.errors import CannotOverwriteExistingCassetteException

import convops
from convops import Conversation, Mute
from tests.cassettes.replay import FLAVOURS, replay
from tests.cassettes.scenario import ALICE_BOB, ALICE_CAROL, AT, Scenario, observed
from tests.cassettes.scenarios import SCENARIOS, by_name

pytestmark = pytest.mark.block_network

RECORDED = by_name("zego/mute-and-unmute-direct")


def timeless(answer: str) -> str:
    """Return an answer without the moment in which it was given."""
    return re.sub(r'"ReadTime": \d+', '"ReadTime": 0', answer)


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_a_cassette_brings_the_expected_outcomes_and_is_used_in_full(scenario: Scenario, flavour: str):
    played = replay(scenario, scenario.path(), flavour)

    assert [observed(outcome) for outcome in played.outcomes] == list(scenario.expected)
    assert [outcome.operation for outcome in played.outcomes] == list(scenario.operations)
    assert played.unused == []


@pytest.mark.parametrize("scenario", [one for one in SCENARIOS if not one.served], ids=str)
def test_what_a_simulator_once_answered_is_what_it_answers_today(scenario: Scenario):
    cassette = json.loads(scenario.path().read_text("utf-8"))
    if cassette["metadata"]["answered_by"] == "live":
        pytest.skip("the vendor itself answered")
    simulator = scenario.simulate()

    with convops.connect(
        scenario.provider,
        transport=simulator.transport(),
        **scenario.settings(base_url="http://localhost"),
        **scenario.options(),
    ) as client:
        client.apply(scenario.operations)

    recorded = [
        (i["request"]["body"], i["response"]["status"]["code"], timeless(i["response"]["body"]["string"]))
        for i in cassette["interactions"]
    ]
    today = [
        (e.request.body.decode(), e.reply.status, timeless(e.reply.body.decode()))
        for e in simulator.exchanges
    ]
    assert recorded == today
    assert cassette["metadata"]["simulator"] == simulator.signature


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize(
    "operations",
    [
        pytest.param([Mute(ALICE_CAROL, at=AT)], id="another body"),
        pytest.param([convops.ClearUnread(ALICE_BOB, at=AT)], id="another method and query"),
        pytest.param([Mute(ALICE_BOB, at=AT)] * 2, id="once more"),
        pytest.param(
            [Mute(Conversation.group(user="alice", group="bob"), at=AT)], id="another type in the body"
        ),
    ],
)
def test_what_was_not_recorded_is_not_answered(operations: list[convops.Operation], flavour: str):
    other = attrs.evolve(
        RECORDED, operations=operations, expected=[*RECORDED.expected, *RECORDED.expected][: len(operations)]
    )

    with pytest.raises(CannotOverwriteExistingCassetteException):
        replay(other, RECORDED.path(), flavour)


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_another_host_is_not_answered(flavour: str):
    elsewhere = attrs.evolve(RECORDED, account={"base_url": "https://zim-api-fra.zego.im"})

    with pytest.raises(CannotOverwriteExistingCassetteException):
        replay(elsewhere, RECORDED.path(), flavour)


def test_the_network_is_closed():
    settings = RECORDED.settings(base_url="http://127.0.0.1:9")

    with (
        convops.connect("zego", **settings) as client,
        pytest.raises(RuntimeError, match="Network is disabled"),
    ):
        client.clear_unread(ALICE_BOB)


def test_every_operation_is_recorded_wherever_a_vendor_supports_it():
    done = {
        (scenario.provider, type(operation), operation.conversation.kind)
        for scenario in SCENARIOS
        for operation, expected in zip(scenario.operations, scenario.expected, strict=True)
        if expected.error is None
    }

    for provider, more in (
        ("matrix", {"delete_mode": "leave"}),
        ("zego", {"region": "singapore"}),
        ("tencent", {"region": "singapore", "allow_group_unread_reset": True}),
    ):
        settings = {**next(s for s in SCENARIOS if s.provider == provider).settings(), **more}
        with convops.connect(provider, **settings) as client:
            supported = {
                (provider, operation, kind)
                for operation in (convops.ClearUnread, convops.MarkRead, convops.Delete, Mute)
                for kind in convops.ConversationKind
                if client.supports(operation, kind)
            }
        assert {cell for cell in done if cell[0] == provider} == supported
