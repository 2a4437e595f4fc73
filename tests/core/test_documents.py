"""Operations go through JSON and come back, and nothing else comes in that way."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from cattrs.preconf.json import make_converter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from convops import (
    ClearUnread,
    Conversation,
    Delete,
    InvalidRequestError,
    MarkRead,
    Mute,
    from_document,
    to_document,
)

DM = Conversation.direct(user="alice", peer="bob")

ids = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1)
zones = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.none() | st.datetimes(timezones=zones)
conversations = st.one_of(
    st.builds(Conversation.direct, user=ids, peer=ids), st.builds(Conversation.group, user=ids, group=ids)
)
operations = st.one_of(
    st.builds(ClearUnread, conversations, at=moments),
    st.builds(MarkRead, conversations, at=moments, up_to=moments),
    st.builds(Delete, conversations, at=moments, erase_history=st.booleans()),
    st.builds(Mute, conversations, at=moments, muted=st.booleans()),
)


def test_a_document_is_plain_json():
    operation = MarkRead(
        Conversation.group(user="alice", group="team"),
        up_to=datetime(2026, 1, 1, 12, 0, 0, 5, tzinfo=UTC),
        at=datetime(2026, 1, 2, tzinfo=UTC),
    )
    assert to_document(operation) == {
        "operation": "mark_read",
        "conversation": {"kind": "group", "user": "alice", "other": "team"},
        "at": "2026-01-02T00:00:00+00:00",
        "up_to": "2026-01-01T12:00:00.000005+00:00",
    }


@given(operation=operations)
def test_every_operation_comes_back_from_its_document(operation):
    back = from_document(json.loads(json.dumps(to_document(operation))))
    assert type(back) is type(operation)
    assert back == operation
    assert back.at == operation.at


@given(operation=operations)
def test_every_operation_of_a_known_class_goes_through_plain_cattrs(operation):
    converter = make_converter()
    back = converter.loads(converter.dumps(operation), type(operation))
    assert back == operation
    assert back.at == operation.at


@pytest.mark.parametrize("name", ["clear_unread", "mark_read", "delete", "mute"])
def test_a_document_may_leave_out_what_has_a_default(name):
    back = from_document(
        {"operation": name, "conversation": {"kind": "direct", "user": "alice", "other": "bob"}}
    )
    assert back == {"clear_unread": ClearUnread, "mark_read": MarkRead, "delete": Delete, "mute": Mute}[name](
        DM
    )
    assert back.at is None


def hostile():
    good = to_document(Delete(DM, at=datetime(2026, 1, 1, tzinfo=UTC)))
    conversation = good["conversation"]
    yield "empty", {}
    yield "no operation", {"conversation": conversation}
    yield "an unknown operation", {**good, "operation": "archive"}
    yield "an operation in capitals", {**good, "operation": "Delete"}
    yield "an operation that is no str", {**good, "operation": ["delete"]}
    yield "no conversation", {"operation": "delete"}
    yield "a null conversation", {**good, "conversation": None}
    yield "a conversation that is a str", {**good, "conversation": "alice"}
    yield "a conversation that is a list", {**good, "conversation": [conversation]}
    yield "an unknown kind", {**good, "conversation": {**conversation, "kind": "room"}}
    yield "an empty id", {**good, "conversation": {**conversation, "user": ""}}
    yield "a control character", {**good, "conversation": {**conversation, "other": "a\nb"}}
    yield "a lone surrogate", {**good, "conversation": {**conversation, "other": "\ud800"}}
    yield "a null id", {**good, "conversation": {**conversation, "user": None}}
    yield "an id that is a number", {**good, "conversation": {**conversation, "user": 5}}
    yield "an id that is a list", {**good, "conversation": {**conversation, "user": ["alice"]}}
    yield "an unknown member of the conversation", {**good, "conversation": {**conversation, "x": 1}}
    yield "an unknown member", {**good, "muted": True}
    yield "a switch that is a str", {**good, "erase_history": "false"}
    yield "a switch that is a number", {**good, "erase_history": 1}
    yield "a null switch", {**good, "erase_history": None}
    yield "a moment that is a number", {**good, "at": 1_700_000_000}
    yield "a moment without a time zone", {**good, "at": "2026-01-01T00:00:00"}
    yield "a moment that is none", {**good, "at": "yesterday"}
    yield "a null document", None
    yield "a list", [good]
    yield "a str", "delete"
    yield "a number", 5


@pytest.mark.parametrize("document", [pytest.param(value, id=name) for name, value in hostile()])
def test_a_document_that_is_not_exactly_an_operation_is_refused(document):
    with pytest.raises(InvalidRequestError):
        from_document(document)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=3,
)
members = st.fixed_dictionaries(
    {"operation": st.sampled_from(["clear_unread", "mark_read", "delete", "mute", "none"])},
    optional={
        "conversation": json_values
        | st.fixed_dictionaries(
            {
                "kind": st.sampled_from(["direct", "group"]) | json_values,
                "user": json_values,
                "other": json_values,
            }
        ),
        "at": json_values,
        "up_to": json_values,
        "erase_history": json_values,
        "muted": json_values,
    },
)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(document=members)
def test_whatever_a_document_holds_it_is_taken_exactly_or_refused(document):
    try:
        operation = from_document(document)
    except InvalidRequestError:
        return
    conversation = document["conversation"]
    assert operation.conversation.user == conversation["user"]
    assert operation.conversation.other == conversation["other"]
    for name in {"erase_history", "muted"} & document.keys():
        assert getattr(operation, name) is document[name]


def test_a_refused_document_shows_nothing_of_what_it_held():
    with pytest.raises(InvalidRequestError) as caught:
        from_document(
            {"operation": "delete", "conversation": {"kind": "s3ntinel", "user": "a", "other": "b"}}
        )
    assert "s3ntinel" not in str(caught.value)
    assert caught.value.__cause__ is None
