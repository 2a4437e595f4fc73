"""The answer to an exchange, read as far as it may go."""

from __future__ import annotations

import time
from collections.abc import Iterable

from convops.provider import FailureKind, HttpReply

BODY_MAX = 512 * 1024
"""The largest body that is read, in bytes."""


class RefusedError(Exception):
    """A reply that is not read to its end."""

    def __init__(self, kind: FailureKind) -> None:
        super().__init__(kind.value)
        self.kind = kind


class Body:
    """Gathers a body.

    Args:
        status: of the answer.
        fields: its header fields.
        deadline: on the monotonic clock.

    Attributes:
        headers: the fields by lower-case name.
        size: of what was gathered, in bytes.

    Raises:
        RefusedError: it is compressed, which nobody asked for.
    """

    def __init__(self, status: int, fields: Iterable[tuple[bytes, bytes]], deadline: float) -> None:
        self._status = status
        self.headers = _by_name(fields)
        if self.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
            raise RefusedError(FailureKind.ENCODED)
        self._deadline = deadline
        self._parts: list[bytes] = []
        self.size = 0

    def add(self, part: bytes) -> None:
        """Take a part of it.

        Raises:
            RefusedError: it is too large, or the time is over.
        """
        self.size += len(part)
        if self.size > BODY_MAX:
            raise RefusedError(FailureKind.TOO_LARGE)
        if time.monotonic() >= self._deadline:
            raise RefusedError(FailureKind.TIMEOUT)
        self._parts.append(part)

    def reply(self) -> HttpReply:
        """Return the answer with all that was gathered."""
        return HttpReply(self._status, self.headers, b"".join(self._parts))


def _by_name(fields: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return header fields by lower-case name, those of one name joined."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in fields:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers
