"""One tree of errors, whatever the vendor."""

from __future__ import annotations

import copy
import pickle

import pytest

import convops
from convops import errors
from convops.support import Caveat, Fidelity, Support

SUPPORT = Support(
    fidelity=Fidelity.UNSUPPORTED,
    lacked_by="vendor",
    caveats=(Caveat("vendor.no-mute", "there is no such call", "https://vendor.example"),),
)

# Class -> its parent, as the design draws the tree.
TREE = {
    "ConvopsError": "Exception",
    "ConfigError": "ConvopsError",
    "ClosedError": "ConvopsError",
    "PluginError": "ConvopsError",
    "OperationError": "ConvopsError",
    "UnsupportedOperationError": "OperationError",
    "InvalidRequestError": "OperationError",
    "AuthenticationError": "OperationError",
    "PermissionDeniedError": "OperationError",
    "NotFoundError": "OperationError",
    "LimitExceededError": "OperationError",
    "RateLimitedError": "OperationError",
    "ProviderUnavailableError": "OperationError",
    "TransportError": "OperationError",
    "DeadlineExceededError": "OperationError",
    "MalformedReplyError": "OperationError",
    "ProviderError": "OperationError",
}
OPERATION_ERRORS = [name for name, parent in TREE.items() if parent == "OperationError"]

FACTS = {
    "provider": "zego",
    "operation": "mark_read",
    "code": 660800054,
    "request_id": "8712",
    "attempts": 3,
    "retryable": True,
    "retry_after": 1.5,
    "effect": convops.Effect.UNKNOWN,
}
# What a class asks for besides; the first is what it is called with, and all of it must come back.
OWN = {
    "UnsupportedOperationError": {"support": SUPPORT},
    "AuthenticationError": {"expired": True},
    "NotFoundError": {"what": "peer"},
}


def pickled(protocol):
    def again(error):
        return pickle.loads(pickle.dumps(error, protocol))  # noqa: S301 - our own

    return again


def make(name, message="it went wrong", **facts):
    return getattr(errors, name)(message, **{**OWN.get(name, {}), **facts})


def examples():
    for name in ("ConvopsError", "ConfigError", "ClosedError"):
        yield pytest.param(getattr(errors, name)("a sentence"), {}, id=name)
    facts = {"provider": "zego", "effect": convops.Effect.NOT_APPLIED}
    yield pytest.param(errors.PluginError("a sentence", **facts), facts, id="PluginError")
    for name in ["OperationError", *OPERATION_ERRORS]:
        yield pytest.param(make(name, **FACTS), {**FACTS, **OWN.get(name, {})}, id=name)


def test_the_tree_holds_these_classes_and_no_other():
    found = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, Exception)
    }
    assert found == TREE.keys()


@pytest.mark.parametrize(("name", "parent"), list(TREE.items()))
def test_each_class_stands_below_its_parent(name, parent):
    assert getattr(errors, name).__bases__[0].__name__ == parent


@pytest.mark.parametrize("name", TREE)
def test_each_class_is_the_same_from_both_doors(name):
    assert getattr(convops, name) is getattr(errors, name)
    assert name in convops.__all__
    assert name in errors.__all__


def test_only_an_invalid_request_is_also_a_value_error():
    assert [name for name in TREE if issubclass(getattr(errors, name), ValueError)] == ["InvalidRequestError"]


@pytest.mark.parametrize(
    "name", ["RateLimitedError", "ProviderUnavailableError", "TransportError", "DeadlineExceededError"]
)
def test_what_passes_may_be_tried_again(name):
    assert make(name).retryable is True
    assert make(name, retryable=False).retryable is False


@pytest.mark.parametrize(
    "name",
    [
        "UnsupportedOperationError",
        "InvalidRequestError",
        "AuthenticationError",
        "PermissionDeniedError",
        "NotFoundError",
        "LimitExceededError",
        "MalformedReplyError",
        "ProviderError",
    ],
)
def test_what_stays_may_not(name):
    assert make(name).retryable is False


@pytest.mark.parametrize("name", OPERATION_ERRORS)
def test_the_effect_is_unknown_where_the_vendor_was_not_understood(name):
    unknown = {
        "ProviderUnavailableError",
        "TransportError",
        "DeadlineExceededError",
        "MalformedReplyError",
        "ProviderError",
    }
    expected = convops.Effect.UNKNOWN if name in unknown else convops.Effect.NOT_APPLIED
    assert make(name).effect is expected


def test_the_effect_of_a_plugins_bug_is_unknown():
    assert errors.PluginError("a bug", provider="zego").effect is convops.Effect.UNKNOWN


@pytest.mark.parametrize("name", OPERATION_ERRORS)
def test_a_bare_error_claims_nothing(name):
    error = make(name)
    assert (error.provider, error.operation, error.code, error.request_id) == (None, None, None, None)
    assert (error.attempts, error.retry_after) == (0, None)


@pytest.mark.parametrize(("error", "facts"), list(examples()))
@pytest.mark.parametrize(
    "again",
    [
        *(pytest.param(pickled(protocol), id=f"pickle-{protocol}") for protocol in range(6)),
        copy.copy,
        copy.deepcopy,
    ],
)
def test_an_error_survives_with_all_its_facts(error, facts, again):
    back = again(error)
    assert type(back) is type(error)
    assert back is not error
    assert str(back) == str(error)
    assert back.args == error.args
    assert vars(back) == facts


@pytest.mark.parametrize("name", OPERATION_ERRORS)
def test_an_error_with_facts_is_a_copy(name):
    error = make(name)
    other = error.with_facts(provider="zego", attempts=2)
    assert type(other) is type(error)
    assert (other.provider, other.attempts, other.args) == ("zego", 2, error.args)
    assert (error.provider, error.attempts) == (None, 0)
    assert vars(other) == {**vars(error), "provider": "zego", "attempts": 2}


def test_an_error_with_facts_leaves_its_history_behind():
    def fail():
        try:
            int("s3ntinel")
        except ValueError as cause:
            raise errors.TransportError("broke") from cause

    with pytest.raises(errors.TransportError) as caught:
        fail()
    other = caught.value.with_facts(attempts=1)
    assert caught.value.__cause__ is not None
    assert (other.__traceback__, other.__cause__, other.__context__) == (None, None, None)


@pytest.mark.parametrize(
    ("facts", "text"),
    [
        ({}, "the peer is unknown"),
        ({"code": 0}, "the peer is unknown (code 0)"),
        ({"code": "http-404"}, "the peer is unknown (code http-404)"),
        ({"provider": "zego"}, "zego: the peer is unknown"),
        ({"operation": "mute"}, "mute: the peer is unknown"),
        ({"provider": "zego", "operation": "mute", "code": 7}, "zego mute: the peer is unknown (code 7)"),
    ],
)
def test_an_error_reads_as_one_line_naming_provider_operation_and_code(facts, text):
    assert str(errors.NotFoundError("the peer is unknown", **facts)) == text


@pytest.mark.parametrize(
    "code", ["M_X\nforged: all is well", "M\r\nX", "M\x1b[2J", "M\u2028X", "M\x85X"], ids=ascii
)
def test_a_vendors_code_cannot_forge_a_line(code):
    error = errors.ProviderError("a code no table maps", provider="zego", operation="mute", code=code)
    assert str(error).isprintable()
    assert error.code == code


def test_an_operation_error_is_caught_as_what_it_is():
    with pytest.raises(convops.ConvopsError):
        raise make("RateLimitedError")
    with pytest.raises(convops.OperationError):
        raise make("NotFoundError")


def test_the_effects_are_those_of_the_design():
    assert [effect.name for effect in errors.Effect] == ["APPLIED", "ALREADY", "NOT_APPLIED", "UNKNOWN"]


@pytest.mark.parametrize("what", ["user", "peer", "group", "conversation"])
def test_a_not_found_error_says_what_is_missing(what):
    assert errors.NotFoundError("missing", what=what).what == what
