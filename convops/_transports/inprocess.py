"""The adapters that answer in process: a vendor simulated beside the code that calls it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from convops.provider import Attempt, Failure, FailureKind, HttpReply, HttpRequest, SigningError

Handler = Callable[[HttpRequest], HttpReply | Failure]


def request_of(attempt: Attempt) -> HttpRequest:
    """Return the request as it would go over the wire, signed."""
    target, credentials = attempt.sign()
    headers = {"accept-encoding": "identity", "host": attempt.origin.partition("://")[2]}
    content = attempt.content
    if content:
        headers["content-type"] = "application/json"
    headers.update((name.lower(), value) for name, value in credentials.items())
    return HttpRequest(attempt.call.method, target, headers, content)


def _exchange(handle: Handler, attempt: Attempt) -> HttpReply | Failure:
    try:
        request = request_of(attempt)
    except SigningError:
        return Failure(FailureKind.UNSIGNED, sent=False)
    return handle(request)


class InProcess:
    """Answers a `Client` from a handler, usually a simulator's; nothing ever waits."""

    def __init__(self, handle: Handler) -> None:
        self._handle = handle

    def exchange(self, attempt: Attempt, deadline: float) -> HttpReply | Failure:
        """Return the handler's answer."""
        return _exchange(self._handle, attempt)

    def close(self) -> None:
        """Do nothing: there is no connection."""


class AsyncInProcess:
    """Answers an `AsyncClient` from a handler, giving way to other tasks before and after."""

    def __init__(self, handle: Handler) -> None:
        self._handle = handle

    async def exchange(self, attempt: Attempt, deadline: float) -> HttpReply | Failure:
        """Return the handler's answer."""
        await asyncio.sleep(0)
        answer = _exchange(self._handle, attempt)
        await asyncio.sleep(0)
        return answer

    async def aclose(self) -> None:
        """Do nothing: there is no connection."""
