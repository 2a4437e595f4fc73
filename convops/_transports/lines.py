"""One connection and what is said over it: a request as it is written, and its answer."""

from __future__ import annotations

from convops._transports.http11 import Head, Talk
from convops._transports.routes import Route
from convops._transports.sockets import Wire


class Line:
    """A connection that exchanges go over, one after another.

    Its methods raise what the connection does, and `WireError` where what is answered is no HTTP.

    Attributes:
        wire: the connection.
    """

    def __init__(self, route: Route) -> None:
        self.wire = Wire(route)
        self._talk = Talk()

    @property
    def ended_cleanly(self) -> bool:
        """Whether the last exchange did, so that the next may begin."""
        return self._talk.ended_cleanly

    def begin(self, deadline: float) -> None:
        """Start an exchange."""
        self.wire.exchange.begin(deadline)
        self._talk.asked()

    def open(self) -> None:
        """Make sure of a connection."""
        if self.wire.open():
            self._talk = Talk()

    def ask(self, request: bytes) -> Head:
        """Send a request, and return the head of its answer."""
        wire, talk = self.wire, self._talk
        try:
            wire.write(request)
        except TimeoutError:
            raise
        except OSError:
            # Whoever hangs up on a request may have answered it before.
            talk.cut_off()
        while (head := talk.head()) is None:
            talk.take(wire.read())
        return head

    def part(self) -> bytes:
        """Return a part of the answer's body, which is empty at its end."""
        talk = self._talk
        while (part := talk.part()) is None:
            talk.take(self.wire.read())
        return part

    def drop(self) -> None:
        """Close the connection."""
        self.wire.drop()
        # An answer may repeat what was sent.
        self._talk.asked()
