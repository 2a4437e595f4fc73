"""What a flow asks for reaches the wire exactly: ids are encoded by the core, and only there."""

from __future__ import annotations

import json
from urllib.parse import parse_qsl, quote, unquote, urlencode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from convops import Conversation, InvalidRequestError, MalformedReplyError, Mute, ProviderError
from convops.errors import Effect, NotFoundError, RateLimitedError
from convops.provider import Call, Code, check_id_bytes, error_for, member

AWKWARD = "&#%+=?;@/ :\\\"'<>{}|^`~.,!$*()[]"

texts = st.text(st.characters(exclude_categories=["Cs"]))
awkward = texts | st.text(st.sampled_from(AWKWARD))


@given(query=st.dictionaries(awkward, awkward, min_size=1), credentials=st.dictionaries(awkward, awkward))
@example(query={"id": AWKWARD}, credentials={"sig": AWKWARD})
def test_names_and_values_of_a_query_arrive_exactly_and_credentials_come_last(query, credentials):
    target = Call(action="Do", query=query).target(credentials)
    assert target.startswith("/?")
    assert target.isascii()
    pairs = parse_qsl(target[2:], keep_blank_values=True, strict_parsing=True, max_num_fields=None)
    assert pairs == [*query.items(), *credentials.items()]


@given(
    path=st.lists(texts.filter(lambda segment: segment not in (".", ".."))),
    query=st.dictionaries(awkward, awkward),
)
def test_a_target_is_spelled_as_urllib_spells_it(path, query):
    spelled = "/" + "/".join(quote(segment, safe="*") for segment in path)
    spelled += "?" * bool(query) + urlencode(query, safe="*", quote_via=quote)
    assert Call(action="Do", path=tuple(path), query=query).target() == spelled


@given(path=st.lists(awkward.filter(lambda segment: segment not in (".", "..")), min_size=1))
@example(path=["v1", "a/b", "..%2f", "...", "?x#y"])
def test_segments_of_a_path_arrive_exactly(path):
    target = Call(action="Do", path=tuple(path)).target()
    assert target.isascii()
    assert not {"?", "#", " "} & set(target)
    assert [unquote(segment) for segment in target.split("/")] == ["", *path]


@pytest.mark.parametrize("segment", [".", ".."])
def test_a_segment_that_servers_resolve_away_is_refused(segment):
    with pytest.raises(InvalidRequestError, match="dots"):
        Call(action="Do", path=("rooms", segment, "leave")).target()


@given(body=st.dictionaries(texts, texts | st.integers() | st.booleans() | st.lists(texts)))
def test_a_body_arrives_exactly_as_utf8_json(body):
    content = Call(action="Do", body=body).content()
    assert json.loads(content.decode("utf-8")) == body


def test_a_body_is_compact_and_not_escaped():
    assert Call(action="Do", body={"a": "\u4f60", "b": [1, True]}).content() == (
        b'{"a":"\xe4\xbd\xa0","b":[1,true]}'
    )


def test_a_call_without_a_body_sends_none_and_one_with_an_empty_body_does():
    assert Call(action="Do").content() == b""
    assert Call(action="Do", body={}).content() == b"{}"


def test_a_number_that_is_no_json_is_no_body():
    with pytest.raises(ValueError, match="JSON"):
        Call(action="Do", body={"x": float("inf")}).content()


def test_a_call_writes_unless_it_says_otherwise():
    assert Call(action="Do").writes is True
    assert Call(action="Do").method == "POST"


# --- Reading answers ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "kind"), [(0, int), ("", str), ([], list), ({}, dict), (False, bool), (1.5, float)], ids=repr
)
def test_a_member_of_exactly_its_type_is_returned(value, kind):
    assert member({"x": value}, "x", kind) == value


@pytest.mark.parametrize(
    ("value", "kind"), [(True, int), (1, bool), ("0", int), (1.0, int), (None, str), ({}, list)], ids=repr
)
def test_a_member_of_another_type_is_malformed(value, kind):
    with pytest.raises(MalformedReplyError, match=r"^x is ") as caught:
        member({"x": value}, "x", kind)
    assert caught.value.effect is Effect.UNKNOWN


def test_a_member_that_is_missing_is_malformed():
    with pytest.raises(MalformedReplyError, match=r"^x is NoneType in the answer, not int$"):
        member({}, "x", int)


TABLE = {
    1: Code(RateLimitedError, "too fast", "https://vendor.example"),
    2: Code(NotFoundError, "no such peer", "https://vendor.example", {"what": "peer"}),
    3: Code(None, "already so", "https://vendor.example"),
    "M_X": Code(RateLimitedError, "too fast", "https://vendor.example", {"retryable": False}),
}


def test_a_code_becomes_the_error_of_its_row():
    error = error_for(TABLE, 2, request_id="r-1")
    assert (type(error), error.what, error.code, error.request_id) == (NotFoundError, "peer", 2, "r-1")
    assert str(error) == "no such peer (code 2)"


def test_a_row_may_differ_from_the_defaults_of_its_class():
    assert error_for(TABLE, 1).retryable is True
    assert error_for(TABLE, "M_X").retryable is False


@pytest.mark.parametrize("code", [0, 999, -1, "1", "M_Y"], ids=repr)
def test_a_code_without_a_row_is_kept_verbatim_with_an_unknown_effect(code):
    error = error_for(TABLE, code)
    assert type(error) is ProviderError
    assert (error.code, error.effect, error.retryable) == (code, Effect.UNKNOWN, False)


def test_a_code_that_is_no_error_is_no_success_where_an_error_is_asked_for():
    assert type(error_for(TABLE, 3)) is ProviderError


def test_a_code_may_go_by_action_and_status_and_a_row_for_any_action_comes_last():
    table = {
        ("leave", 403, "M_X"): Code(NotFoundError, "never there", "https://vendor.example"),
        ("*", 403, "M_X"): Code(RateLimitedError, "not now", "https://vendor.example"),
    }

    errors = [error_for(table, (*key, "M_X")) for key in (("leave", 403), ("mute", 403), ("leave", 404))]

    assert [type(error) for error in errors] == [NotFoundError, RateLimitedError, ProviderError]
    assert [error.code for error in errors] == ["M_X"] * 3


# --- Checking ids -------------------------------------------------------------------------------------


def direct(user="a", peer="b"):
    return Mute(Conversation.direct(user=user, peer=peer))


def group(user="a", group="g"):
    return Mute(Conversation.group(user=user, group=group))


@pytest.mark.parametrize("text", ["x" * 32, "\u4f60" * 10 + "xx", "\U0001f600" * 8])
def test_an_id_of_the_vendors_limit_in_utf8_bytes_is_taken(text):
    for operation in (direct(user=text), direct(peer=text), group(user=text), group(group=text)):
        check_id_bytes(operation, 32)


@pytest.mark.parametrize("text", ["x" * 33, "\u4f60" * 11, "\U0001f600" * 8 + "x"])
@pytest.mark.parametrize(
    ("make", "name"), [(direct, "user"), (direct, "peer"), (group, "user"), (group, "group")]
)
def test_a_longer_one_is_refused_by_name_with_its_length(make, name, text):
    with pytest.raises(
        InvalidRequestError, match=f"^{name} has 33 UTF-8 bytes; the vendor takes 32 at most$"
    ):
        check_id_bytes(make(**{name: text}), 32)


def test_a_vendor_may_have_no_limit_for_groups():
    check_id_bytes(group(group="x" * 1000), 32, groups=False)
    with pytest.raises(InvalidRequestError, match="user has 33"):
        check_id_bytes(group(user="x" * 33), 32, groups=False)
    with pytest.raises(InvalidRequestError, match="peer has 33"):
        check_id_bytes(direct(peer="x" * 33), 32, groups=False)
