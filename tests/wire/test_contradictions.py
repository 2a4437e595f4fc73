"""Answers that contradict themselves, or come with an odd status, are never taken for success."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

import convops
from convops import Conversation, Effect, MalformedReplyError, Mute
from convops.provider import FailureKind
from convops.testing import Fault
from convops_tencent.simulator import TencentSimulator
from convops_zego.simulator import ZegoSimulator

A = Conversation.group(user="alice", group="a")
B = Conversation.group(user="alice", group="b")


def zego(*faults, attempts=1):
    vendor = ZegoSimulator(rate_limits=False)
    vendor.add_user("alice")
    for group in ("a", "b"):
        vendor.add_group(group, ["alice"])
    vendor.misbehave(*faults)
    return convops.connect(
        "zego", **vendor.settings, transport=vendor.transport(), pace=1e6, attempts=attempts
    )


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
        body(Code=0, ErrorList={}),
        body(Code=0, ErrorList=[5]),
        body(Code=0, ErrorList=[{"ConvId": "a"}]),
    ],
)
def test_a_list_of_failures_that_contradicts_its_code_is_not_believed(answer):
    with zego(Fault(body=answer)) as chat:
        outcomes = chat.apply([Mute(A), Mute(B)])
    assert [type(outcome.error) for outcome in outcomes] == [MalformedReplyError] * 2
    assert {outcome.effect for outcome in outcomes} == {Effect.UNKNOWN}


def test_an_answer_that_all_were_so_before_needs_no_list():
    with zego(Fault(body=body(Code=660800051))) as chat:
        outcomes = chat.apply([Mute(A), Mute(B)])
    assert [(outcome.effect, outcome.error) for outcome in outcomes] == [(Effect.ALREADY, None)] * 2


def test_a_deletion_that_was_not_answered_and_then_finds_nothing_is_done():
    gone = Fault(body=body(Code=660800002))
    with zego(Fault(failure=FailureKind.BROKEN, applies=True), gone, attempts=2) as chat:
        outcome = chat.delete(A)
    assert (outcome.effect, outcome.attempts) == (Effect.ALREADY, 2)


GROUP = {"GroupId": "a", "Type": "Public", "ErrorCode": 0}


@pytest.mark.parametrize(
    "groups", [[], [GROUP, GROUP], [5], [[GROUP]], None, [{**GROUP, "Type": 1}]], ids=str
)
def test_a_group_that_is_not_described_as_asked_is_left_alone(groups):
    vendor = TencentSimulator(rate_limits=False)
    answer = {"ActionStatus": "OK", "ErrorInfo": "", "ErrorCode": 0, "GroupInfo": groups}
    vendor.misbehave(Fault(body=json.dumps(answer).encode()))
    settings = {**vendor.settings, "region": "china", "transport": vendor.transport()}
    with (
        convops.connect("tencent", **settings, allow_group_unread_reset=True) as chat,
        pytest.raises(MalformedReplyError),
    ):
        chat.clear_unread(A)
    assert len(vendor.exchanges) == 1


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


def test_a_success_that_says_it_failed_is_not_believed():
    vendor = TencentSimulator(rate_limits=False)
    vendor.misbehave(Fault(body=b'{"ActionStatus":"FAIL","ErrorInfo":"","ErrorCode":0}'))
    settings = {**vendor.settings, "region": "china", "transport": vendor.transport()}
    with convops.connect("tencent", **settings) as chat, pytest.raises(MalformedReplyError) as refused:
        chat.mute(A)
    assert refused.value.effect is Effect.UNKNOWN


DM = Conversation.direct(user="alice", peer="bob")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("before", [timedelta(days=1), timedelta(seconds=0.5)])
def test_a_time_before_1970_is_refused_before_anything_is_sent(before):
    vendor = TencentSimulator(rate_limits=False)
    settings = {**vendor.settings, "region": "china", "transport": vendor.transport()}
    with convops.connect("tencent", **settings) as chat, pytest.raises(convops.InvalidRequestError):
        chat.mark_read(DM, up_to=EPOCH - before)
    assert vendor.exchanges == []


def test_the_first_moment_of_1970_is_sent():
    vendor = TencentSimulator(rate_limits=False)
    for user in ("alice", "bob"):
        vendor.add_user(user)
    settings = {**vendor.settings, "region": "china", "transport": vendor.transport()}
    with convops.connect("tencent", **settings) as chat:
        chat.mark_read(DM, up_to=EPOCH)
    assert json.loads(vendor.exchanges[0].request.body)["MsgReadTime"] == 0
