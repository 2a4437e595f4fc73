"""An observer and the log are told of each attempt and each outcome, and of nothing that could harm there."""

from __future__ import annotations

import json
import logging

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convops import ConfigError, Conversation, Event, connect, connect_async
from convops._events import Reporter
from convops._policy import RetryBudget
from convops.errors import Effect, PermissionDeniedError, ProviderError
from convops.operations import Mute, Outcome
from convops.provider import Call, HttpReply
from tests.core.scripted import BUSY, FORBIDDEN, Scripted, World, answer, broken, dm


def observed(*answers, latency=0.0, operations=1, **settings):
    events = []
    world = World(*answers, latency=latency)
    pipeline = world.pipeline(observer=events.append, **settings)
    world.perform(pipeline, *[Mute(dm(f"peer-{number}")) for number in range(operations)])
    return events


# --- What is told ---


def test_a_success_is_one_attempt_and_one_outcome():
    attempt, outcome = observed(answer())
    assert attempt == Event(
        kind="attempt",
        provider="scripted",
        name="Do",
        attempts=1,
        seconds=0.0,
        host="vendor.example",
        status=200,
    )
    assert outcome == Event(
        kind="outcome",
        provider="scripted",
        name="mute",
        attempts=1,
        seconds=0.0,
        conversation=outcome.conversation,
        effect=Effect.APPLIED,
    )


def test_every_attempt_is_told_with_what_it_met_and_how_long_the_next_one_waits():
    events = observed(answer(BUSY), broken(), answer(status=503), answer())
    assert [(e.kind, e.attempts, e.status, e.error, e.code, e.wait) for e in events] == [
        ("attempt", 1, 200, "ProviderUnavailableError", BUSY, 0.05),
        ("attempt", 2, None, "TransportError", None, 0.1),
        ("attempt", 3, 503, "ProviderUnavailableError", "http-503", 0.2),
        ("attempt", 4, 200, None, None, None),
        ("outcome", 4, None, None, None, None),
    ]


def test_the_wait_that_is_told_is_that_for_a_retry_to_be_earned_too():
    events, world = [], World(*[answer(BUSY)] * 5, answer())
    pipeline = world.pipeline(observer=events.append, budget=RetryBudget())
    for _ in range(2):
        world.waits.clear()
        world.perform(pipeline, Mute(dm()), patient=True)
    refused = events[5]
    assert (refused.kind, refused.attempts) == ("attempt", 1)
    assert refused.wait == pytest.approx(sum(world.waits), abs=0.2)
    assert refused.wait > 5.0


def test_the_last_attempt_of_a_call_that_was_given_up_waits_for_none():
    attempt, outcome = observed(answer(FORBIDDEN))
    assert (attempt.error, attempt.wait) == (outcome.error, None)


def test_an_attempt_that_met_a_bug_of_the_plugin_is_told_too():
    class Buggy(Scripted):
        def read(self, call, reply):
            raise LookupError("s3ntinel")

    attempt, outcome = observed(answer(), provider=Buggy())
    assert (attempt.kind, attempt.status, attempt.error) == ("attempt", 200, "PluginError")
    assert outcome.error == "PluginError"


def test_a_failure_is_told_with_its_effect_and_code():
    outcome = observed(answer(FORBIDDEN))[-1]
    assert (outcome.effect, outcome.error, outcome.code) == (
        Effect.NOT_APPLIED,
        "PermissionDeniedError",
        FORBIDDEN,
    )


def test_each_operation_of_a_batch_has_an_outcome():
    events = observed(answer(failed={"peer-1": FORBIDDEN}), operations=3)
    assert [event.kind for event in events] == ["attempt", "outcome", "outcome", "outcome"]
    assert [event.effect for event in events[1:]] == [Effect.APPLIED, Effect.NOT_APPLIED, Effect.APPLIED]


def test_an_event_says_how_long_it_took_on_the_given_clock():
    attempt, outcome = observed(answer(), latency=1.5)
    assert (attempt.seconds, outcome.seconds) == (1.5, 1.5)


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("https://vendor.example/base", "vendor.example"),
        ("https://vendor.example:8443", "vendor.example:8443"),
        ("http://[::1]:8080", "[::1]:8080"),
        ("https://user:s3ntinel@vendor.example?key=s3ntinel", "vendor.example"),
        ("https://vendor.example:s3ntinel", None),
    ],
)
def test_a_host_is_told_without_whatever_else_its_url_holds(origin, host):
    events = []
    Reporter("p", events.append).attempt(
        Call(action="Do"), origin, HttpReply(200, {}, b""), None, tries=1, seconds=0.0, wait=None
    )
    assert events[0].host == host


# --- Ids ---


def hashed(*conversations, key=b"k", **settings):
    events = []
    world = World(*[answer()] * len(conversations))
    pipeline = world.pipeline(observer=events.append, id_key=key, **settings)
    for conversation in conversations:
        world.perform(pipeline, Mute(conversation))
    return [event.conversation for event in events if event.kind == "outcome"]


def test_an_event_holds_no_id_and_no_text_of_the_vendor():
    events = observed(answer(FORBIDDEN, id="request-7", text="s3ntinel"))
    shown = str([attrs.asdict(event) for event in events])
    for word in ("alice", "peer-0", "request-7", "s3ntinel", "not allowed"):
        assert word not in shown


def test_equal_conversations_are_hashed_alike_and_others_apart():
    group = Conversation.group(user="alice", group="bob")
    mirrored = Conversation.direct(user="bob", peer="alice")
    shifted = Conversation.direct(user="aliceb", peer="ob")
    first, again, *others = hashed(dm("bob"), dm("bob"), group, mirrored, shifted)
    assert first == again
    assert len({first, *others}) == 4
    assert all(len(one) == 12 and int(one, 16) >= 0 for one in others)


def test_another_process_hashes_with_another_key():
    assert hashed(dm()) != hashed(dm(), key=b"another")


def test_ids_are_told_in_plain_where_they_were_asked_for():
    assert hashed(dm("bob"), observe_ids=True) == [dm("bob")]


@pytest.mark.parametrize("plain", [True, False])
def test_a_client_has_an_option_for_ids(plain):
    events = []
    for _ in range(2):
        with connect("memory", store="ids", observer=events.append, observe_ids=plain) as chat:
            chat.mute(dm("bob"))
    first, second = (event.conversation for event in events if event.kind == "outcome")
    assert first == second
    assert (first == dm("bob")) is plain


@pytest.mark.parametrize("door", [connect, connect_async])
@pytest.mark.parametrize("value", [1, None, "true"])
def test_the_option_for_ids_is_true_or_false(door, value):
    with pytest.raises(ConfigError, match="observe_ids must be True or False, not"):
        door("memory", observe_ids=value)


# --- The log ---


class Records(logging.Handler):
    def __init__(self):
        super().__init__()
        self.records = []

    def emit(self, record):
        self.records.append(record)


@pytest.fixture
def log():
    """Return the records of the logger, which is put back as it was."""
    logger, records = logging.getLogger("convops"), Records()
    logger.addHandler(records)
    logger.setLevel(logging.DEBUG)
    yield records.records
    logger.setLevel(logging.NOTSET)
    logger.removeHandler(records)


def logged(*answers, **settings):
    world = World(*answers)
    world.perform(world.pipeline(**settings), Mute(dm("bob")))


def test_attempts_are_debug_outcomes_info_and_failed_ones_warning(log):
    logged(answer(BUSY), answer())
    logged(answer(FORBIDDEN))
    assert [(record.levelname, record.msg) for record in log] == [
        ("DEBUG", "attempt %s"),
        ("DEBUG", "attempt %s"),
        ("INFO", "outcome %s"),
        ("DEBUG", "attempt %s"),
        ("WARNING", "outcome %s"),
    ]


BUSY_WORDS = "error=ProviderUnavailableError code=1"
FORBIDDEN_WORDS = "error=PermissionDeniedError code=6"


def test_a_line_says_what_the_event_says(log):
    logged(answer(BUSY), answer(FORBIDDEN), observe_ids=True)
    assert [record.getMessage().split(" provider=scripted name=") for record in log] == [
        ["attempt", "Do attempts=1 seconds=0.000 host=vendor.example status=200 wait=0.050 " + BUSY_WORDS],
        ["attempt", "Do attempts=2 seconds=0.000 host=vendor.example status=200 " + FORBIDDEN_WORDS],
        [
            "outcome",
            "mute attempts=2 seconds=0.100 conversation=direct effect=not_applied "
            + FORBIDDEN_WORDS
            + " user=alice other=bob",
        ],
    ]


def test_a_record_carries_the_event_as_a_dict_that_is_json(log):
    logged(answer(), observe_ids=True)
    attempt, outcome = (json.loads(json.dumps(record.convops)) for record in log)
    assert attempt["kind"] == "attempt"
    assert outcome == {
        "kind": "outcome",
        "provider": "scripted",
        "name": "mute",
        "attempts": 1,
        "seconds": 0.0,
        "conversation": "direct",
        "user": "alice",
        "other": "bob",
        "effect": "applied",
    }


def test_the_log_and_the_observer_are_told_the_same(log):
    events = []
    logged(answer(BUSY), answer(), observer=events.append)
    assert [record.convops for record in log] == [event.document() for event in events]


def test_the_logger_is_left_as_an_app_would_want_it():
    logger = logging.getLogger("convops")
    assert (logger.level, logger.propagate) == (logging.NOTSET, True)
    assert [type(handler) for handler in logger.handlers] == [logging.NullHandler]


def test_an_app_that_sets_up_no_logging_sees_nothing(capfd, monkeypatch):
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    logged(answer(FORBIDDEN))
    assert capfd.readouterr() == ("", "")


def test_where_nobody_listens_no_event_is_made():
    touched = []

    class Untouchable:
        def __getattribute__(self, name):
            touched.append(name)
            raise AssertionError(name)

    logging.getLogger("convops").setLevel(logging.CRITICAL)
    try:
        Reporter("p").attempt(
            Untouchable(), Untouchable(), Untouchable(), Untouchable(), tries=1, seconds=0.0, wait=None
        )
        Reporter("p").outcome(Outcome(operation=Mute(dm()), effect=Effect.APPLIED), 0.0)
    finally:
        logging.getLogger("convops").setLevel(logging.NOTSET)
    assert touched == []


# --- One event is one line ---

HOSTILE = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from(
            "\n\r\t\v\f\x1b\x00\x07\x7f\x85\u2028\u2029\u202e\u2066\u200b\ud800\udfff\"'\\= %{}[]"
        ),
    ),
    min_size=1,
)


class Spoken(logging.StreamHandler):
    """Writes as an app's log file does."""

    def __init__(self):
        super().__init__()
        self.setFormatter(logging.Formatter("%(levelname)s %(name)s %(message)s"))
        self.written = ""

    def emit(self, record):
        self.written += self.format(record) + "\n"


def told(words):
    """Tell events that hold these words wherever one can stand, and return what the log wrote."""
    logger, spoken = logging.getLogger("convops"), Spoken()
    logger.addHandler(spoken)
    logger.setLevel(logging.DEBUG)
    reporter = Reporter("p", ids=True)
    try:
        for word in words:
            strange = type(word.replace("\0", "0").encode("utf-8", "replace").decode(), (ProviderError,), {})
            error = strange("s3ntinel", code=word)
            reporter.attempt(
                Call(action=word),
                f"https://{word}",
                HttpReply(200, {}, b""),
                error,
                tries=1,
                seconds=0.1,
                wait=None,
            )
    finally:
        logger.removeHandler(spoken)
        logger.setLevel(logging.NOTSET)
    return spoken.written


@given(st.lists(HOSTILE, max_size=5))
def test_every_event_is_one_printable_line_whatever_is_in_it(words):
    written = told(words)
    lines = written.splitlines()
    assert len(lines) == len(words) == written.count("\n")
    assert all(line.isascii() and line.isprintable() for line in lines)
    assert "s3ntinel" not in written


IDS = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1)


@given(IDS, IDS)
def test_ids_asked_for_are_one_line_and_are_read_back_from_it(user, other):
    conversation = Conversation.direct(user=user, peer=other)
    event = Event(
        kind="outcome", provider="p", name="mute", attempts=1, seconds=0.1, conversation=conversation
    )
    line = event.line()
    assert line.isascii()
    assert line.isprintable()
    assert (event.document()["user"], event.document()["other"]) == (user, other)
    assert f"user={user} " in line or f"user={json.dumps(user)} " in line


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        (7, 7),
        ("M_FORBIDDEN", "M_FORBIDDEN"),
        ("http-503", "http-503"),
        (10**30, "?"),
        ("x" * 65, "?"),
        ("https://vendor.example/?Signature=s3ntinel", "?"),
        ("line\nforged", "?"),
    ],
)
def test_a_code_that_could_be_anything_is_not_repeated(code, shown):
    events = []
    error = PermissionDeniedError("x", code=code)
    Reporter("p", events.append).outcome(
        Outcome(operation=Mute(dm()), effect=Effect.NOT_APPLIED, error=error), 0.0
    )
    assert events[0].code == shown


# --- Observers that fail ---


class StrangeError(Exception):
    pass


def raising(_):
    secret = "s3ntinel"
    raise StrangeError(f"payload {secret}\nforged line")


def test_an_observer_that_raises_changes_no_outcome():
    world = World(answer(BUSY), answer())
    (outcome,) = world.perform(world.pipeline(observer=raising), Mute(dm()))
    assert (outcome.effect, outcome.attempts) == (Effect.APPLIED, 2)


def test_an_observer_that_raises_is_one_line_that_names_the_type_only(log):
    logged(answer(), observer=raising)
    errors = [record for record in log if record.levelno == logging.ERROR]
    assert [record.getMessage() for record in errors] == ["the observer raised StrangeError"] * 2
    assert [(record.exc_info, record.stack_info) for record in errors] == [(None, None)] * 2


def test_a_handler_that_raises_changes_no_outcome():
    class Raising(logging.Handler):
        def emit(self, record):
            raise StrangeError

    logger, handler = logging.getLogger("convops"), Raising()
    logger.addHandler(handler)
    try:
        world = World(answer(FORBIDDEN))
        (outcome,) = world.perform(world.pipeline(), Mute(dm()))
    finally:
        logger.removeHandler(handler)
    assert outcome.effect is Effect.NOT_APPLIED


def test_an_interrupt_inside_an_observer_gets_through():
    def interrupted(_):
        raise KeyboardInterrupt

    world = World(answer())
    with pytest.raises(KeyboardInterrupt):
        world.perform(world.pipeline(observer=interrupted), Mute(dm()))
