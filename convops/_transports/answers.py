"""What every adapter does alike: whom it lets in, how much of an answer it reads, what it makes of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

from convops._transports.sockets import Traffic
from convops.provider import Failure, FailureKind, HttpReply, SigningError

CONNECTIONS = 64
"""Exchanges one adapter has under way at most; more wait their turn."""

BODY_MAX = 512 * 1024
"""The largest body that is read, in bytes."""


async def admitted(places: asyncio.Semaphore, deadline: float) -> bool:
    """Wait for a place, and return whether one came free before the deadline."""
    if not places.locked():
        return await places.acquire()
    try:
        async with asyncio.timeout(deadline - time.monotonic()):
            return await places.acquire()
    except TimeoutError:
        return False


class RefusedError(Exception):
    """A reply that is not read to its end."""

    def __init__(self, kind: FailureKind) -> None:
        super().__init__(kind.value)
        self.kind = kind


class Body:
    """Gathers a body as far as it may go.

    Args:
        status: of the answer.
        headers: its fields by lower-case name, those of one name joined by commas.
        deadline: on the monotonic clock.

    Raises:
        RefusedError: the answer is encoded, or transferred in a way of its own.
    """

    def __init__(self, status: int, headers: Mapping[str, str], deadline: float) -> None:
        if headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
            raise RefusedError(FailureKind.ENCODED)
        if headers.get("transfer-encoding", "chunked").strip().lower() != "chunked":
            raise RefusedError(FailureKind.PROTOCOL)
        self._status = status
        self._headers = headers
        self._deadline = deadline
        self._parts: list[bytes] = []
        self._size = 0

    def add(self, part: bytes) -> None:
        """Take a part.

        Raises:
            RefusedError: the body is too large, or comes too late.
        """
        self._size += len(part)
        if self._size > BODY_MAX:
            raise RefusedError(FailureKind.TOO_LARGE)
        if time.monotonic() >= self._deadline:
            raise RefusedError(FailureKind.TIMEOUT)
        self._parts.append(part)

    def reply(self) -> HttpReply:
        """Return the whole answer."""
        return HttpReply(self._status, self._headers, b"".join(self._parts))


def told(error: BaseException) -> Failure | None:
    """Return what an exception of ours says of an exchange; None of anyone else's."""
    if isinstance(error, SigningError):
        return Failure(FailureKind.UNSIGNED, sent=False)
    if isinstance(error, RefusedError):
        return Failure(error.kind, sent=True)
    return None


def ended_cleanly(exchange: Traffic, result: HttpReply | Failure) -> bool:
    """Whether the connection of an exchange may be used for the next one."""
    if isinstance(result, Failure):
        return False
    length, coding = (result.headers.get(name) for name in ("content-length", "transfer-encoding"))
    if length is not None and coding is not None:
        # Two readers may differ about its end: RFC 9112, section 6.3.
        return False
    return exchange.ends_with_answer(length, chunked=coding is not None and coding.lower() == "chunked")
