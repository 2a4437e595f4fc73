"""What is answered over one connection in HTTP/1.1, read by h11, without a socket."""

from __future__ import annotations

import h11

from convops._transports.traffic import HungUpError, NotHttpError

HEAD_MAX = 100 * 1024
"""The largest head of an answer, in bytes."""

_REQUEST = h11.Request(method="POST", target="/", headers=[("host", ""), ("content-length", "0")])
_END = h11.EndOfMessage()


class Talk:
    """One exchange after another.

    Attributes:
        ended_cleanly: whether the last answer was read to its end, and the next exchange may begin.
    """

    def __init__(self) -> None:
        self._state = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEAD_MAX)
        self._hung_up = False
        self._bounded = False
        self._cut_off = False
        self.ended_cleanly = False

    def asked(self) -> None:
        """Note that a request is being written."""
        self.ended_cleanly = False
        # Which one makes no difference to how its answer is read, HEAD and CONNECT aside, which are never
        # written; and this one was checked once.
        self._state.send(_REQUEST)
        self._state.send(_END)

    def cut_off(self) -> None:
        """Note that the request could not be written to its end; whoever hung up on it may have answered."""
        self._cut_off = True

    def take(self, part: bytes) -> None:
        """Take what arrived; nothing where the peer hung up."""
        self._hung_up = not part
        self._state.receive_data(part)

    def head(self) -> h11.Response | None:
        """Return the head of the answer once it is there; None asks for more.

        Raises:
            HungUpError: it will never be.
            NotHttpError: it is no HTTP.
        """
        while (event := self._next()) is not h11.NEED_DATA:
            # An interim answer (1xx) stands before the answer.
            if isinstance(event, h11.Response):
                names = {name for name, _ in event.headers}
                # Where both stand, two readers may differ about its end: RFC 9112, section 6.3.
                self._bounded = (b"content-length" in names) != (b"transfer-encoding" in names)
                return event
        return None

    def part(self) -> bytes | None:
        """Return a part of the body, which is empty at its end; None asks for more.

        Raises:
            HungUpError: the body does not reach its end.
            NotHttpError: it is no HTTP.
        """
        event = self._next()
        if event is h11.NEED_DATA:
            return None
        if isinstance(event, h11.Data):
            return bytes(event.data)
        # What stands behind the answer would be the next one's start.
        more = self._state.their_state is not h11.DONE or self._state.trailing_data[0]
        if self._bounded and not self._cut_off and not more:
            self._state.start_next_cycle()
            self.ended_cleanly = True
        return b""

    def _next(self) -> object:
        try:
            return self._state.next_event()
        except h11.RemoteProtocolError:
            hung_up = self._hung_up
        # Raised out here, and in words of ours: h11's quote the peer, who may quote the signature.
        raise (
            HungUpError("the peer disconnected") if hung_up else NotHttpError("the peer does not speak HTTP")
        )
