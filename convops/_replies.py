"""What an exchange that did not go well means, as far as HTTP itself tells."""

from __future__ import annotations

import re
from collections.abc import Mapping

from convops._guard import read_document
from convops._signing import parse_http_date
from convops.errors import (
    AuthenticationError,
    DeadlineExceededError,
    Effect,
    InvalidRequestError,
    MalformedReplyError,
    OperationError,
    PermissionDeniedError,
    ProviderError,
    ProviderUnavailableError,
    RateLimitedError,
    TransportError,
)
from convops.provider import Failure, FailureKind, HttpReply, Reply

_SECONDS = re.compile(r"[0-9]{1,12}(\.[0-9]{1,12})?(e[0-9]{1,2})?")
_REQUEST_ID = re.compile(r"[\x21-\x7e]{1,64}")

_FAILURES: Mapping[FailureKind, type[OperationError]] = {
    FailureKind.CONNECT: TransportError,
    FailureKind.DNS: TransportError,
    FailureKind.TLS: TransportError,
    FailureKind.BROKEN: TransportError,
    FailureKind.PROTOCOL: MalformedReplyError,
    FailureKind.TOO_LARGE: MalformedReplyError,
    FailureKind.ENCODED: MalformedReplyError,
    FailureKind.TIMEOUT: DeadlineExceededError,
    FailureKind.BUSY: DeadlineExceededError,
    FailureKind.UNSIGNED: TransportError,
}

_STATUSES: Mapping[int, type[OperationError]] = {
    400: InvalidRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    408: ProviderUnavailableError,
    413: InvalidRequestError,
    414: InvalidRequestError,
    425: ProviderUnavailableError,
    429: RateLimitedError,
}


def failure_error(failure: Failure, origin: str = "the vendor") -> OperationError:
    """Return the error of an exchange with `origin` that brought no reply."""
    effect = Effect.UNKNOWN if failure.sent else Effect.NOT_APPLIED
    return _FAILURES[failure.kind](f"{failure.kind.value} ({origin})", effect=effect)


def read_reply(reply: HttpReply) -> Reply:
    """Return a reply whose document can be trusted; that of an HTTP error may be empty.

    Raises:
        MalformedReplyError: a success or redirect without a JSON object.
    """
    try:
        return Reply(reply.status, reply.headers, read_document(reply.body))
    except MalformedReplyError:
        if reply.status < 400:  # noqa: PLR2004 - the first HTTP error
            raise
        return Reply(reply.status, reply.headers, {})


def status_error(reply: Reply, *, now: float) -> OperationError | None:
    """Return what the HTTP status says went wrong, if anything.

    Args:
        reply: what came back.
        now: Unix seconds, for a `Retry-After` that names a date.
    """
    status = reply.status
    if reply.is_success:
        return None
    if status < 400:  # noqa: PLR2004 - an interim or partial answer, or a redirect
        return MalformedReplyError(f"the vendor answered HTTP {status}, which is not followed")
    unmapped = ProviderUnavailableError if status >= 500 else ProviderError  # noqa: PLR2004
    kind = _STATUSES.get(status, unmapped)
    retry_after = parse_retry_after(reply.headers.get("retry-after"), now=now)
    return kind(f"the vendor answered HTTP {status}", code=f"http-{status}", retry_after=retry_after)


def parse_retry_after(text: str | None, *, now: float) -> float | None:
    """Return the seconds a `Retry-After` header asks for; None where it says nothing usable."""
    if text is None:
        return None
    seconds = text.strip()
    if _SECONDS.fullmatch(seconds):
        return float(seconds)
    moment = parse_http_date(text)
    return None if moment is None else max(0.0, moment - now)


def clean_request_id(text: object) -> str | None:
    """Return a vendor's request id if it is short and printable, since it will stand in logs."""
    return text if isinstance(text, str) and _REQUEST_ID.fullmatch(text) else None
