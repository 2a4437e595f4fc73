"""One connection and what is said over it: a request as it is written, and its answer."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from convops._transports.http11 import Head, Talk
from convops._transports.routes import Route
from convops._transports.sockets import Wire

W = TypeVar("W", bound=Any)


class Said(Generic[W]):
    """What both kinds of line have in common.

    Attributes:
        wire: the connection.
    """

    def __init__(self, wire: W) -> None:
        self.wire = wire
        self._talk = Talk()

    @property
    def ended_cleanly(self) -> bool:
        """Whether the last exchange did, so that the next may begin."""
        return self._talk.ended_cleanly

    def begin(self, deadline: float) -> None:
        """Start an exchange."""
        self.wire.exchange.begin(deadline)
        self._talk.begin()

    def drop(self) -> None:
        """Close the connection, and forget what came over it: an answer may repeat what was sent."""
        self.wire.drop()
        self._talk.end()

    def _begin_talk(self) -> None:
        self._talk.end()
        self._talk = Talk()


class Line(Said[Wire]):
    """A connection that exchanges go over, one after another.

    Its methods raise what the connection does, and `WireError` where what is answered is no HTTP.
    """

    def __init__(self, route: Route) -> None:
        super().__init__(Wire(route))

    def open(self) -> None:
        """Make sure of a connection."""
        if self.wire.open():
            self._begin_talk()

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
