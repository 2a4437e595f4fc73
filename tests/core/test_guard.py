"""A reply is strict JSON or it is not trusted."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from convops._guard import read_document
from convops.errors import Effect, MalformedReplyError


def nested(depth, opening=b'{"a":', closing=b"}", core=b"1"):
    return opening * depth + core + closing * depth


def in_an_object(value):
    return b'{"a":' + value + b"}"


REFUSED = {
    "empty": b"",
    "white space": b" \n",
    "a list": b"[]",
    "a list of objects": b"[{}]",
    "a str": b'"code"',
    "a number": b"0",
    "null": b"null",
    "true": b"true",
    "no JSON": b"<html>busy</html>",
    "cut off": b'{"a":1',
    "something after it": b'{"a":1} x',
    "two objects": b"{}{}",
    "single quotes": b"{'a':1}",
    "a trailing comma": b'{"a":1,}',
    "a comment": b'{"a":1} // fine',
    "NaN": in_an_object(b"NaN"),
    "Infinity": in_an_object(b"Infinity"),
    "minus Infinity": in_an_object(b"-Infinity"),
    "NaN in a list": in_an_object(b"[NaN]"),
    "a number beyond a float": in_an_object(b"1e999"),
    "a number below a float": in_an_object(b"-1e999"),
    "a duplicate key": b'{"a":1,"a":1}',
    "a duplicate key spelled differently": b'{"a":1,"\\u0061":2}',
    "a duplicate key inside": b'{"x":{"a":1,"b":2,"a":3}}',
    "a duplicate key in a list": b'{"x":[[{"a":1,"a":2}]]}',
    "depth 33": nested(33),
    "depth 33 by lists": in_an_object(nested(32, b"[", b"]")),
    "depth 33 beside something flat": b'{"flat":1,"deep":' + nested(32) + b"}",
    "200000 objects deep": nested(200_000),
    "200000 lists deep": in_an_object(nested(200_000, b"[", b"]")),
    "200000 lists never closed": in_an_object(b"[" * 200_000),
    "an integer of 5000 digits": in_an_object(b"9" * 5000),
    "a byte that is no UTF-8": in_an_object(b'"\xff"'),
    "an overlong encoding": in_an_object(b'"\xc0\xaf"'),
    "a surrogate in UTF-8": in_an_object(b'"\xed\xa0\x80"'),
    "UTF-16": '{"a":1}'.encode("utf-16"),
    "UTF-16 without a mark": '{"a":1}'.encode("utf-16-le"),
    "UTF-32": '{"a":1}'.encode("utf-32"),
    "a byte order mark": b'\xef\xbb\xbf{"a":1}',
    "a control character in a str": in_an_object(b'"a\nb"'),
    "a lone surrogate": in_an_object(b'"\\ud800"'),
    "a low surrogate": in_an_object(b'"x\\udc00"'),
    "a surrogate pair in the wrong order": in_an_object(b'"\\ude00\\ud83d"'),
    "a lone surrogate in capitals": in_an_object(b'"\\uD800"'),
    "a lone surrogate in a list": in_an_object(b'["\\ud800"]'),
    "a lone surrogate as a key": b'{"\\ud800":1}',
    "a lone surrogate as a key inside": b'{"x":[{"\\ud800":1}]}',
}


@pytest.mark.parametrize("body", [pytest.param(body, id=name) for name, body in REFUSED.items()])
def test_what_cannot_be_trusted_is_refused_with_an_unknown_effect(body):
    with pytest.raises(MalformedReplyError) as caught:
        read_document(body)
    assert caught.value.effect is Effect.UNKNOWN
    assert caught.value.retryable is False


@pytest.mark.parametrize(
    ("body", "document"),
    [
        (b"{}", {}),
        (b' {"Code": 0} \r\n', {"Code": 0}),
        (b'{"a":[1,2.5,-3e2,"x",true,false,null,{}]}', {"a": [1, 2.5, -300.0, "x", True, False, None, {}]}),
        (b'{"a":"\\ud83d\\ude00"}', {"a": "\U0001f600"}),
        ('{"a":"\u4f60\u597d"}'.encode(), {"a": "\u4f60\u597d"}),
        (b'{"a":"\\\\ud800"}', {"a": "\\ud800"}),
        (b'{"a":1,"A":2}', {"a": 1, "A": 2}),
        (b'{"x":{"a":1},"y":{"a":1}}', {"x": {"a": 1}, "y": {"a": 1}}),
        (in_an_object(b"9" * 4000), {"a": 10**4000 - 1}),
    ],
)
def test_a_plain_json_object_is_read(body, document):
    assert read_document(body) == document


@pytest.mark.parametrize(("opening", "closing"), [(b'{"a":', b"}"), (b"[", b"]")], ids=["objects", "lists"])
def test_nesting_of_32_is_read(opening, closing):
    document = read_document(in_an_object(nested(31, opening, closing)))
    depth = 0
    while isinstance(document, dict | list):
        document, depth = (document["a"] if isinstance(document, dict) else document[0]), depth + 1
    assert depth == 32
    assert document == 1


def test_an_int_and_a_bool_are_told_apart():
    document = read_document(b'{"one":1,"yes":true}')
    assert type(document["one"]) is int
    assert type(document["yes"]) is bool


def test_the_refusal_shows_nothing_of_the_body():
    with pytest.raises(MalformedReplyError) as caught:
        read_document(b'{"token":"s3ntinel"')
    assert "s3ntinel" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


texts = st.text(st.characters(exclude_categories=["Cs"]))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


@given(document=st.dictionaries(texts, json_values), ascii_only=st.booleans())
def test_every_json_object_is_read_as_it_was_written(document, ascii_only):
    assert read_document(json.dumps(document, ensure_ascii=ascii_only).encode()) == document


@given(body=st.binary())
@example(b"\x00")
@example(b"\\u")
@example(b'{"a":1e99999999999999999999}')
def test_any_bytes_are_an_object_or_malformed(body):
    try:
        document = read_document(body)
    except MalformedReplyError:
        return
    assert isinstance(document, dict)


@given(body=st.text(st.sampled_from('{}[]":,\\u0dD8-+.eE1 NaInfity\n')).map(str.encode))
def test_any_scraps_of_json_are_an_object_or_malformed(body):
    try:
        document = read_document(body)
    except MalformedReplyError:
        return
    assert isinstance(document, dict)
