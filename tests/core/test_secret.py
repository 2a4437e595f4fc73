"""A secret has no spelling."""

from __future__ import annotations

import copy
import json
import pickle
import traceback

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convops import Secret

SENTINEL = "s3ntinel-4711"

texts = st.text(st.characters())


@given(texts)
def test_a_secret_reveals_exactly_what_it_was_given(text):
    assert Secret(text).reveal() == text


def test_a_secret_of_a_secret_is_the_same_secret():
    assert Secret(Secret(SENTINEL)).reveal() == SENTINEL


@pytest.mark.parametrize(
    "show",
    [
        repr,
        str,
        lambda secret: f"{secret}",
        lambda secret: f"{secret!r}",
        lambda secret: f"{secret!s}",
        lambda secret: "%s" % secret,  # noqa: UP031
        lambda secret: "%r" % secret,  # noqa: UP031
        format,
        lambda secret: repr([secret]),
        lambda secret: repr({"key": secret}),
        ascii,
    ],
)
def test_a_secret_is_masked_wherever_it_is_shown(show):
    assert "Secret('***')" in show(Secret(SENTINEL))
    assert SENTINEL not in show(Secret(SENTINEL))


def test_the_mask_obeys_a_format_specification():
    assert f"{Secret(SENTINEL):>15}" == "  Secret('***')"


def test_secrets_of_different_length_have_the_same_mask():
    assert repr(Secret("")) == repr(Secret("x" * 1000))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_secret_is_not_pickled(protocol):
    with pytest.raises(TypeError, match="not pickled") as caught:
        pickle.dumps(Secret(SENTINEL), protocol)
    assert SENTINEL not in str(caught.value)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_what_holds_a_secret_is_not_pickled_either(protocol):
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps({"key": [Secret(SENTINEL)]}, protocol)


def test_a_copy_of_a_secret_is_itself():
    secret = Secret(SENTINEL)
    assert copy.copy(secret) is secret
    assert copy.deepcopy(secret) is secret
    assert copy.deepcopy({"key": secret})["key"] is secret


def test_json_does_not_take_a_secret():
    with pytest.raises(TypeError):
        json.dumps({"key": Secret(SENTINEL)})


@given(one=texts, other=texts)
def test_secrets_are_equal_exactly_when_what_they_hold_is(one, other):
    assert (Secret(one) == Secret(other)) is (one == other)
    assert Secret(one) == Secret(one)
    assert hash(Secret(one)) == hash(Secret(one))


def test_a_secret_is_not_equal_to_the_text_it_holds():
    assert Secret(SENTINEL) != SENTINEL


def test_a_secret_has_no_dict_that_could_be_dumped():
    secret = Secret(SENTINEL)
    assert not hasattr(secret, "__dict__")
    with pytest.raises(TypeError):
        vars(secret)


def test_a_secret_is_not_iterated_or_measured():
    secret = Secret(SENTINEL)
    with pytest.raises(TypeError):
        iter(secret)
    with pytest.raises(TypeError):
        len(secret)


def test_an_empty_secret_is_falsy():
    assert not Secret("")
    assert Secret("x")


@pytest.mark.parametrize(
    "value", [SENTINEL.encode(), [SENTINEL], {SENTINEL: 1}], ids=["bytes", "list", "dict"]
)
def test_what_is_no_str_is_refused_without_being_shown(value):
    with pytest.raises(TypeError) as caught:
        Secret(value)
    assert SENTINEL not in str(caught.value)


@attrs.frozen
class Settings:
    key: Secret


def test_a_traceback_with_locals_does_not_spell_a_secret():
    def fail(settings):
        raise LookupError(settings)

    with pytest.raises(LookupError) as caught:
        fail(Settings(Secret(SENTINEL)))
    trace = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    report = "".join(trace.format())
    assert "settings = Settings(key=Secret('***'))" in report
    assert SENTINEL not in report
