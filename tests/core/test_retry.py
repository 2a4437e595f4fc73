"""When a failed attempt is repeated, and after how long."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convops._policy import Retry
from convops.errors import (
    AuthenticationError,
    InvalidRequestError,
    LimitExceededError,
    MalformedReplyError,
    NotFoundError,
    PermissionDeniedError,
    ProviderError,
    ProviderUnavailableError,
    RateLimitedError,
    TransportError,
)

ALMOST_ONE = 1 - 2**-53

# Bounds of the waits after the 1st, 2nd ... try, in seconds.
PASSING = [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 8.0, 8.0]
THROTTLED = [0.5, 1.0, 2.0, 4.0, 8.0, 8.0]

draws = st.floats(0, ALMOST_ONE)


@pytest.mark.parametrize(("tries", "bound"), list(enumerate(PASSING, 1)))
@pytest.mark.parametrize("kind", [ProviderUnavailableError, TransportError])
def test_the_wait_after_a_passing_failure_has_a_bound_that_doubles(kind, tries, bound):
    retry = Retry(attempts=100)
    assert retry.wait(kind("busy"), tries, 0.0) == 0.0
    assert retry.wait(kind("busy"), tries, 0.5) == pytest.approx(bound / 2)
    assert retry.wait(kind("busy"), tries, ALMOST_ONE) == pytest.approx(bound)


@pytest.mark.parametrize(("tries", "bound"), list(enumerate(THROTTLED, 1)))
def test_the_wait_after_a_rate_limit_has_a_longer_one(tries, bound):
    retry = Retry(attempts=100)
    assert retry.wait(RateLimitedError("slow down"), tries, 0.0) == 0.0
    assert retry.wait(RateLimitedError("slow down"), tries, ALMOST_ONE) == pytest.approx(bound)


@given(tries=st.integers(1, 10_000), draw=draws)
def test_no_wait_grows_past_its_maximum_however_many_tries_there_were(tries, draw):
    wait = Retry(attempts=20_000).wait(TransportError("broke"), tries, draw)
    assert 0 <= wait <= 8.0


@given(retry_after=st.floats(0, 30), tries=st.integers(1, 3), draw=draws)
def test_a_retry_after_is_waited_for_at_least(retry_after, tries, draw):
    error = RateLimitedError("slow down", retry_after=retry_after)
    wait = Retry().wait(error, tries, draw)
    assert retry_after <= wait <= retry_after + 2.0


@pytest.mark.parametrize("retry_after", [30.001, 60.0, 1e9])
def test_a_retry_after_beyond_patience_ends_the_tries(retry_after):
    assert Retry().wait(RateLimitedError("slow down", retry_after=retry_after), 1, 0.5) is None
    assert Retry().wait(ProviderUnavailableError("busy", retry_after=retry_after), 1, 0.5) is None


def test_the_longest_demand_that_is_obeyed_is_half_a_minute():
    assert Retry().wait(RateLimitedError("slow down", retry_after=30.0), 1, 0.0) == 30.0


@pytest.mark.parametrize("attempts", [1, 2, 4, 10])
def test_there_are_no_more_tries_than_attempts(attempts):
    retry = Retry(attempts=attempts)
    waits = [retry.wait(TransportError("broke"), tries, 0.5) for tries in range(1, attempts + 2)]
    assert all(wait is not None for wait in waits[: attempts - 1])
    assert waits[attempts - 1 :] == [None, None]


def test_four_tries_unless_told_otherwise():
    assert Retry().wait(TransportError("broke"), 3, 0.5) is not None
    assert Retry().wait(TransportError("broke"), 4, 0.5) is None


@pytest.mark.parametrize(
    "kind",
    [
        AuthenticationError,
        InvalidRequestError,
        LimitExceededError,
        MalformedReplyError,
        NotFoundError,
        PermissionDeniedError,
        ProviderError,
    ],
)
def test_what_waiting_does_not_lift_is_never_repeated(kind):
    assert Retry().wait(kind("no"), 1, 0.0) is None
    assert Retry().wait(kind("no", retry_after=1.0), 1, 0.0) is None


def test_an_error_that_says_it_may_not_be_repeated_is_not():
    assert Retry().wait(RateLimitedError("no", retryable=False), 1, 0.0) is None


def test_an_error_that_says_it_may_be_repeated_is():
    assert Retry().wait(AuthenticationError("expired", retryable=True), 1, 0.5) == pytest.approx(0.05)
