"""What HTTP itself says of an exchange that did not go well."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from convops._replies import clean_request_id, failure_error, parse_retry_after, read_reply, status_error
from convops.errors import (
    AuthenticationError,
    DeadlineExceededError,
    Effect,
    InvalidRequestError,
    MalformedReplyError,
    PermissionDeniedError,
    ProviderError,
    ProviderUnavailableError,
    RateLimitedError,
    TransportError,
)
from convops.provider import Failure, FailureKind, HttpReply, Reply

# 2026-01-01 00:00:00 UTC
NEW_YEAR = 1_767_225_600.0

STATUSES = {
    100: (MalformedReplyError, False, Effect.UNKNOWN),
    101: (MalformedReplyError, False, Effect.UNKNOWN),
    301: (MalformedReplyError, False, Effect.UNKNOWN),
    302: (MalformedReplyError, False, Effect.UNKNOWN),
    304: (MalformedReplyError, False, Effect.UNKNOWN),
    307: (MalformedReplyError, False, Effect.UNKNOWN),
    399: (MalformedReplyError, False, Effect.UNKNOWN),
    400: (InvalidRequestError, False, Effect.NOT_APPLIED),
    401: (AuthenticationError, False, Effect.NOT_APPLIED),
    403: (PermissionDeniedError, False, Effect.NOT_APPLIED),
    404: (ProviderError, False, Effect.UNKNOWN),
    408: (ProviderUnavailableError, True, Effect.UNKNOWN),
    409: (ProviderError, False, Effect.UNKNOWN),
    413: (InvalidRequestError, False, Effect.NOT_APPLIED),
    414: (InvalidRequestError, False, Effect.NOT_APPLIED),
    418: (ProviderError, False, Effect.UNKNOWN),
    425: (ProviderUnavailableError, True, Effect.UNKNOWN),
    429: (RateLimitedError, True, Effect.NOT_APPLIED),
    499: (ProviderError, False, Effect.UNKNOWN),
    500: (ProviderUnavailableError, True, Effect.UNKNOWN),
    502: (ProviderUnavailableError, True, Effect.UNKNOWN),
    503: (ProviderUnavailableError, True, Effect.UNKNOWN),
    504: (ProviderUnavailableError, True, Effect.UNKNOWN),
    599: (ProviderUnavailableError, True, Effect.UNKNOWN),
}


@pytest.mark.parametrize(("status", "expected"), list(STATUSES.items()))
def test_a_status_that_is_no_success_is_an_error(status, expected):
    error = status_error(Reply(status, {}, {}), now=NEW_YEAR)
    assert (type(error), error.retryable, error.effect) == expected
    assert str(status) in str(error)


@pytest.mark.parametrize("status", [s for s in STATUSES if s >= 400])
def test_an_http_error_carries_its_status_as_code(status):
    assert status_error(Reply(status, {}, {}), now=NEW_YEAR).code == f"http-{status}"


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_a_success_is_no_error(status):
    assert status_error(Reply(status, {}, {}), now=NEW_YEAR) is None


RETRY_AFTER = {
    "0": 0.0,
    "1": 1.0,
    "120": 120.0,
    "1.5": 1.5,
    "1e9": 1e9,
    "1000000000": 1e9,
    "Thu, 01 Jan 2026 00:00:10 GMT": 10.0,
    "Thu, 01 Jan 2026 01:00:00 +0100": 0.0,
    "Thu, 01 Jan 2026 00:01:00 -0000": 60.0,
    "Wed, 31 Dec 2025 23:59:59 GMT": 0.0,
    "Thu, 01 Jan 1970 00:00:00 GMT": 0.0,
    "-1": None,
    "-0.001": None,
    "nan": None,
    "NaN": None,
    "inf": None,
    "-inf": None,
    "Infinity": None,
    "1e999": None,
    "": None,
    " ": None,
    ",": None,
    "soon": None,
    "10 seconds": None,
    "0x10": None,
    "Thu, 99 Jan 2026 00:00:10 GMT": None,
    "Thu, 01 Jan 99999999999999999999 00:00:00 GMT": None,
    "Thu, 01 Jan 2026 00:00:00 +99999999999999999999": None,
    "2026-01-01T00:00:10Z": None,
}


@pytest.mark.parametrize(("text", "seconds"), list(RETRY_AFTER.items()), ids=list(RETRY_AFTER))
def test_retry_after_is_seconds_or_a_date_and_else_says_nothing(text, seconds):
    assert parse_retry_after(text, now=NEW_YEAR) == seconds


def test_no_retry_after_says_nothing():
    assert parse_retry_after(None, now=NEW_YEAR) is None


@given(text=st.text() | st.text(st.sampled_from("0123456789+-:, .eEinfaNJMTGW")))
@example("Mon, 01 Jan 0000 00:00:00 GMT")
@example("0\x1f")
@example("1 Jan 1 0:0:0 +2400")
def test_whatever_retry_after_holds_comes_to_seconds_or_nothing(text):
    seconds = parse_retry_after(text, now=NEW_YEAR)
    assert seconds is None or 0 <= seconds < float("inf")


@pytest.mark.parametrize("status", [429, 503, 500, 404])
def test_an_error_carries_the_retry_after_of_its_reply(status):
    reply = Reply(status, {"retry-after": "7"}, {})
    assert status_error(reply, now=NEW_YEAR).retry_after == 7.0


FAILURES = {
    FailureKind.CONNECT: (TransportError, True),
    FailureKind.DNS: (TransportError, True),
    FailureKind.TLS: (TransportError, True),
    FailureKind.BROKEN: (TransportError, True),
    FailureKind.PROTOCOL: (MalformedReplyError, False),
    FailureKind.TOO_LARGE: (MalformedReplyError, False),
    FailureKind.ENCODED: (MalformedReplyError, False),
    FailureKind.TIMEOUT: (DeadlineExceededError, True),
    FailureKind.UNSIGNED: (TransportError, True),
}


@pytest.mark.parametrize(("kind", "expected"), list(FAILURES.items()), ids=str)
def test_an_exchange_without_a_reply_is_an_error(kind, expected):
    error = failure_error(Failure(kind, sent=True))
    assert (type(error), error.retryable) == expected
    assert error.effect is Effect.UNKNOWN
    assert error.code is None


@pytest.mark.parametrize("kind", FailureKind)
def test_what_was_never_sent_was_not_applied(kind):
    assert failure_error(Failure(kind, sent=False)).effect is Effect.NOT_APPLIED


@pytest.mark.parametrize("status", [200, 204, 301, 399])
def test_a_success_without_a_json_object_is_malformed(status):
    with pytest.raises(MalformedReplyError):
        read_reply(HttpReply(status, {}, b"<html>"))


@pytest.mark.parametrize("status", [400, 404, 429, 500, 503])
def test_an_http_error_needs_no_json_object(status):
    reply = read_reply(HttpReply(status, {"retry-after": "1"}, b"<html>"))
    assert (reply.status, reply.headers, reply.document) == (status, {"retry-after": "1"}, {})


@pytest.mark.parametrize("status", [200, 400, 500])
def test_a_json_object_is_kept_whatever_the_status(status):
    assert read_reply(HttpReply(status, {}, b'{"Code":1}')).document == {"Code": 1}


@pytest.mark.parametrize("text", ["1", "x" * 64, "b0e1-4711:/+=~!", "~"])
def test_a_request_id_that_is_short_and_printable_is_kept(text):
    assert clean_request_id(text) == text


@pytest.mark.parametrize(
    "value",
    [None, "", "x" * 65, "a b", "a\n", "a\nforged", "\x1b[2J", "\u4f60", "\x7f", 4711, b"id", ["id"]],
    ids=ascii,
)
def test_any_other_request_id_is_dropped(value):
    assert clean_request_id(value) is None
