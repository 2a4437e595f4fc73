"""The public surface, pinned: what can be imported, and that each name says what it is."""

from __future__ import annotations

import importlib
import importlib.resources
import inspect

import pytest

import convops

DOORS = ["convops", "convops.errors", "convops.provider", "convops.testing"]

FACE = [
    "AsyncClient",
    "AsyncConversationOps",
    "AuthenticationError",
    "Caveat",
    "ClearUnread",
    "Client",
    "ClientOptions",
    "ClosedError",
    "ConfigError",
    "Conversation",
    "ConversationKind",
    "ConversationOps",
    "ConvopsError",
    "DeadlineExceededError",
    "Delete",
    "Effect",
    "Event",
    "Evidence",
    "Fidelity",
    "InvalidRequestError",
    "LimitExceededError",
    "MalformedReplyError",
    "MarkRead",
    "Mute",
    "NotFoundError",
    "Operation",
    "OperationError",
    "Outcome",
    "PermissionDeniedError",
    "PlannedBatch",
    "PluginError",
    "ProviderError",
    "ProviderUnavailableError",
    "RateLimitedError",
    "Secret",
    "Support",
    "TransportError",
    "UnsupportedOperationError",
    "connect",
    "connect_account",
    "connect_account_async",
    "connect_async",
    "from_document",
    "to_document",
]

PROVIDER_FACE = [
    "ALREADY",
    "APPLIED",
    "AnyProvider",
    "AsyncTransport",
    "Attempt",
    "CONTRACT",
    "Call",
    "Code",
    "CodeKey",
    "CodeTable",
    "Credentials",
    "Failure",
    "FailureKind",
    "Flow",
    "HttpReply",
    "HttpRequest",
    "OneOf",
    "Provider",
    "Quota",
    "Reply",
    "Signer",
    "SigningError",
    "Ticket",
    "Transport",
    "Unsigned",
    "Verdict",
    "base_url",
    "check_id_bytes",
    "error_for",
    "header_safe",
    "hookimpl",
    "integer",
    "member",
    "not_empty",
    "one_of",
]


TESTING_FACE = [
    "Conformance",
    "ConversationState",
    "Exchange",
    "Fault",
    "MemorySimulator",
    "MemoryStore",
    "MemoryWorld",
    "Simulator",
    "asgi",
    "memory_store",
    "serve",
]


def public(module):
    found = importlib.import_module(module)
    return [pytest.param(name, getattr(found, name), id=f"{module}.{name}") for name in found.__all__]


def documented():
    """Return the public classes and functions of every door."""
    return [
        param
        for door in DOORS
        for param in public(door)
        if inspect.isclass(param.values[1]) or inspect.isfunction(param.values[1])
    ]


def test_the_face_is_exactly_this():
    assert sorted(convops.__all__) == FACE


def test_the_contract_for_plugins_is_exactly_this():
    assert sorted(importlib.import_module("convops.provider").__all__) == PROVIDER_FACE


def test_the_face_for_tests_is_exactly_this():
    assert sorted(importlib.import_module("convops.testing").__all__) == TESTING_FACE


def test_a_name_that_is_not_there_is_no_attribute():
    with pytest.raises(AttributeError, match="nonsense"):
        _ = convops.nonsense


def test_every_name_is_shown_to_whoever_looks_around():
    assert set(FACE) <= set(dir(convops))


def test_the_face_is_listed_in_order():
    assert convops.__all__ == sorted(convops.__all__)


@pytest.mark.parametrize("door", DOORS)
def test_a_door_lists_each_name_once_and_all_of_them_exist(door):
    module = importlib.import_module(door)
    assert len(set(module.__all__)) == len(module.__all__)
    assert [name for name in module.__all__ if not hasattr(module, name)] == []


@pytest.mark.parametrize("door", DOORS)
def test_a_door_shows_nothing_beside_its_list_but_modules(door):
    module = importlib.import_module(door)
    beside = {
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and not inspect.ismodule(value) and name not in module.__all__
    }
    # What a module imports for its own use is not meant to be imported from it.
    assert beside <= {
        "annotations",
        "Any",
        "ClassVar",
        "Enum",
        "Literal",
        "Mapping",
        "Self",
        "Support",
        "TYPE_CHECKING",
    }


@pytest.mark.parametrize(("name", "value"), documented())
def test_every_public_name_says_what_it_is(name, value):
    text = inspect.getdoc(value) or ""
    assert text.strip()
    assert not text.startswith(f"{name}(")


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(param.values[1], id=param.id)
        for param in documented()
        if inspect.isclass(param.values[1])
    ],
)
def test_every_public_method_says_what_it_does(value):
    silent = [
        member
        for member, function in vars(value).items()
        if not member.startswith("_")
        and inspect.isfunction(function)
        and not inspect.getdoc(getattr(value, member))
    ]
    assert silent == []


def test_both_clients_have_the_same_face():
    def face(client):
        return {name for name in dir(client) if not name.startswith("_")}

    assert face(convops.Client) - {"close"} == face(convops.AsyncClient) - {"aclose"}


@pytest.mark.parametrize("name", ["clear_unread", "mark_read", "delete", "mute", "apply"])
def test_both_clients_take_the_same_arguments(name):
    blocking, awaiting = getattr(convops.Client, name), getattr(convops.AsyncClient, name)
    assert inspect.signature(blocking) == inspect.signature(awaiting)
    assert not inspect.iscoroutinefunction(blocking)
    assert inspect.iscoroutinefunction(awaiting)


@pytest.mark.parametrize("name", ["supports", "plan"])
def test_what_does_not_wait_is_a_plain_method_of_both(name):
    assert not inspect.iscoroutinefunction(getattr(convops.Client, name))
    assert not inspect.iscoroutinefunction(getattr(convops.AsyncClient, name))


@pytest.mark.parametrize(
    ("blocking", "awaiting"), [("connect", "connect_async"), ("connect_account", "connect_account_async")]
)
def test_both_doors_take_the_same_arguments(blocking, awaiting):
    def arguments(name):
        return list(inspect.signature(getattr(convops, name)).parameters.values())

    assert arguments(blocking) == arguments(awaiting)


def test_the_options_of_a_client_are_those_of_the_design():
    assert set(convops.ClientOptions.__annotations__) == {
        "timeout",
        "attempts",
        "pace",
        "transport",
        "proxy",
        "verify",
        "observer",
        "observe_ids",
    }


def test_the_package_says_it_is_typed():
    assert importlib.resources.files("convops").joinpath("py.typed").is_file()
