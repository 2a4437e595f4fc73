"""Answers that contradict themselves, or come with an odd status, are never taken for success."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

import convops
from convops import Conversation, Effect, MalformedReplyError, Mute
from convops.testing import Fault
from convops_tencent.simulator import TencentSimulator
from convops_zego.simulator import ZegoSimulator

A = Conversation.group(user="alice", group="a")
B = Conversation.group(user="alice", group="b")


def zego(*faults):
    vendor = ZegoSimulator(rate_limits=False)
    vendor.add_user("alice")
    for group in ("a", "b"):
        vendor.add_group(group, ["alice"])
    vendor.misbehave(*faults)
    return convops.connect("zego", **vendor.settings, transport=vendor.transport(), pace=1e6, attempts=1)


def body(**members):
    return json.dumps({"Message": "", "RequestId": "1", **members}).encode()


@pytest.mark.parametrize(
    "answer",
    [
        body(Code=0, ErrorList=[{"ConvId": "a", "SubCode": 0}]),
        body(Code=2, ErrorList=[{"ConvId": "a", "SubCode": 0}, {"ConvId": "b", "SubCode": 2}]),
        body(Code=0, ErrorList=[{"ConvId": "a", "SubCode": 2}, {"ConvId": "a", "SubCode": 660800051}]),
        body(Code=660800051, ErrorList=[{"ConvId": "a", "SubCode": 660800051}]),
        body(Code=0, ErrorList=[{"ConvId": "c", "SubCode": 2}]),
        body(Code=0, ErrorList="none"),
        body(Code=0, ErrorList=[{"ConvId": "a"}]),
    ],
)
def test_a_list_of_failures_that_contradicts_its_code_is_not_believed(answer):
    with zego(Fault(body=answer)) as chat:
        outcomes = chat.apply([Mute(A), Mute(B)])
    assert [type(outcome.error) for outcome in outcomes] == [MalformedReplyError] * 2
    assert {outcome.effect for outcome in outcomes} == {Effect.UNKNOWN}


@pytest.mark.parametrize("verb", ["clear_unread", "delete"])
def test_already_so_is_an_answer_to_muting_only(verb):
    with zego(Fault(code=660800051)) as chat, pytest.raises(convops.ProviderError) as refused:
        getattr(chat, verb)(A)
    assert refused.value.effect is Effect.UNKNOWN


@pytest.mark.parametrize("status", [201, 202, 203])
def test_a_refusal_under_another_status_of_success_is_a_refusal(status):
    with zego(Fault(status=status, body=body(Code=660600001))) as chat, pytest.raises(convops.NotFoundError):
        chat.mute(A)
    vendor = TencentSimulator(rate_limits=False)
    refusal = b'{"ActionStatus":"FAIL","ErrorInfo":"","ErrorCode":60010}'
    vendor.misbehave(Fault(status=status, body=refusal))
    settings = {**vendor.settings, "region": "china", "transport": vendor.transport()}
    with convops.connect("tencent", **settings) as chat, pytest.raises(convops.PermissionDeniedError):
        chat.mute(A)


def test_a_time_before_1970_is_refused_before_anything_is_sent():
    vendor = TencentSimulator(rate_limits=False)
    settings = {**vendor.settings, "region": "china", "transport": vendor.transport()}
    dm = Conversation.direct(user="alice", peer="bob")
    with convops.connect("tencent", **settings) as chat, pytest.raises(convops.InvalidRequestError):
        chat.mark_read(dm, up_to=datetime(1969, 12, 31, tzinfo=UTC))
    assert vendor.exchanges == []
