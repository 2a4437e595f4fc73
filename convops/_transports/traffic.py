"""One exchange over one connection: its deadline, what is known of it, and how it can fail.

Nothing here or in the sockets knows an HTTP library. What they raise is one of these, or an `OSError`.
"""

from __future__ import annotations

import time

RECEIVE = 64 * 1024
"""How much is taken from a socket at once, in bytes."""

RECEIVED_MAX = 1024 * 1024
"""How much one exchange may receive, headers and framing included."""


class WireError(Exception):
    """An exchange that cannot be finished."""


class NotResolvedError(WireError):
    """The host name has no address."""


class HandshakeError(WireError):
    """TLS could not be agreed on."""


class TunnelRefusedError(WireError):
    """The proxy does not connect to the host."""


class NoWayError(WireError):
    """The origin is none that could be reached."""


class NotWritableError(WireError):
    """What is to be sent is no HTTP."""


class TooMuchError(WireError):
    """More arrived than any answer may hold."""


class HungUpError(WireError):
    """The peer ended the connection inside the answer, or before it."""


class NotHttpError(WireError):
    """What came is no HTTP."""


class Traffic:
    """What goes over one connection during the exchange under way.

    Attributes:
        deadline: when it must be over, on the monotonic clock.
        sent: whether a byte of the request may have left.
        received: how many bytes were read since it began.
    """

    __slots__ = ("deadline", "received", "sent")

    def __init__(self) -> None:
        self.begin(0.0)

    def begin(self, deadline: float) -> None:
        """Start an exchange."""
        self.deadline = deadline
        self.sent = False
        self.received = 0

    def note(self, size: int) -> None:
        """Note that so many bytes were read.

        Raises:
            TooMuchError: the answer does not end.
        """
        self.received += size
        if self.received > RECEIVED_MAX:
            raise TooMuchError("the answer does not end")

    def left(self) -> float:
        """Return the seconds until the deadline."""
        return max(0.0, self.deadline - time.monotonic())
