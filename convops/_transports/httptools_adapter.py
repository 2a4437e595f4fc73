"""The adapter of httptools: a request written by hand, and its answer read by llhttp, the parser of Node.js.

Over the same connections as the others, with nothing between: so no recorder or tracer of an HTTP library
sees its requests.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

import httptools

from convops._transports import TransportOptions
from convops._transports.failures import OURS, cut, failure_of, told
from convops._transports.replies import Body
from convops._transports.requests import ALWAYS, encoded, encoded_fields, written, written_fields
from convops._transports.routes import router
from convops._transports.shards import Sharded
from convops._transports.sockets import Wire
from convops._transports.traffic import HungUpError, NotHttpError, Traffic
from convops.provider import Attempt, Failure, HttpReply

FRAMING_MAX = 100 * 1024
"""How much of an answer may be no part of its body: heads, sizes of chunks, trailers; in bytes."""


class HttptoolsTransport(Sharded["Line"]):
    """Exchanges over connections of our own, for a `Client`."""

    def __init__(self, options: TransportOptions) -> None:
        route = router(options)
        super().__init__(lambda origin: Line(origin, Wire(route(origin))))

    def _exchange(self, shard: Line, attempt: Attempt, deadline: float) -> HttpReply | Failure:
        try:
            return shard.ask(attempt, deadline)
        except BaseException as error:  # noqa: BLE001 - told or raised below
            caught = error
        # Behind the handler: an interrupt from here on does not take the frames above along.
        failure = told(caught)
        if failure is None and isinstance(caught, OURS.expected):
            failure = failure_of(caught, shard.exchange)
        if failure is None:
            raise cut(caught)
        return failure


class Line:
    """One connection, and what is said over it.

    Attributes:
        ended_cleanly: whether the last answer was read to its end, and the next exchange may begin.
    """

    def __init__(self, origin: str, wire: Wire) -> None:
        self.ended_cleanly = False
        self._wire = wire
        self._answer = Answer()
        host = encoded(urlsplit(origin).netloc)
        self._fields = written_fields([(b"Host", host), *ALWAYS, *wire.route.fields])

    @property
    def exchange(self) -> Traffic:
        """What goes over it."""
        return self._wire.exchange

    def begin(self, deadline: float) -> None:
        """Start an exchange."""
        self.ended_cleanly = False
        self._wire.exchange.begin(deadline)

    def ask(self, attempt: Attempt, deadline: float) -> HttpReply:
        """Send one attempt, and return its answer.

        Raises:
            SigningError: nothing was sent.
            RefusedError: the answer was not read to its end.
            WireError: the exchange cannot be finished; or an `OSError`.
        """
        wire, answer = self._wire, self._answer
        if wire.open():
            self._answer = answer = Answer()
        whole = True
        try:
            wire.write(self._written(attempt.call.method, attempt.content, *attempt.sign()))
        except TimeoutError:
            raise
        except OSError:
            # Whoever hangs up on a request may have answered it before.
            whole = False
        answer.begin(deadline)
        try:
            while (reply := answer.take(wire.read(), wire.exchange.received)) is None:
                pass
            self.ended_cleanly = whole and answer.keeps_connection
            return reply
        finally:
            # An answer may repeat what was sent.
            answer.begin(0.0)

    def _written(self, method: str, content: bytes, target: str, credentials: Mapping[str, str]) -> bytes:
        fields = encoded_fields(credentials)
        if content:
            fields.append((b"Content-Type", b"application/json"))
        if content or method in ("POST", "PUT", "PATCH"):
            fields.append((b"Content-Length", b"%d" % len(content)))
        whole = self._wire.route.prefix + encoded(target)
        return written(encoded(method), whole, self._fields + written_fields(fields), content)

    def drop(self) -> None:
        """Close the connection."""
        self._wire.drop()


class Answer:
    """One answer after another, as llhttp tells of them.

    Attributes:
        keeps_connection: whether the connection may be used again.
    """

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self.begin(0.0)

    def begin(self, deadline: float) -> None:
        """Expect the next answer, and forget the last."""
        self.keeps_connection = False
        self._deadline = deadline
        self._status = 0
        self._fields: list[tuple[bytes, bytes]] = []
        self._parts: list[bytes] = []
        self._body: Body | None = None
        self._bounded = self._ended = self._more = False

    def take(self, part: bytes, received: int) -> HttpReply | None:
        """Take what arrived, nothing where the peer hung up; return the answer once it is whole.

        Args:
            part: what arrived.
            received: how many bytes did since the exchange began.

        Raises:
            RefusedError: it is not read to its end.
            HungUpError: it never will be whole.
            NotHttpError: it is no HTTP.
        """
        if received == len(part) and part[:5] != b"HTTP/"[: len(part)]:
            # llhttp reads the answers of other protocols too.
            raise NotHttpError("the peer does not speak HTTP")
        understood = self._understood(part)
        if not understood and not self._ended:
            raise NotHttpError("the peer does not speak HTTP")
        if not self._status:
            if not part:
                raise HungUpError("the peer disconnected")
            self._check_framing(received)
            return None
        body = self._body = self._body or self._begun()
        for arrived in self._parts:
            body.add(arrived)
        self._parts.clear()
        self._check_framing(received - body.size)
        if not part and not self._ended:
            if self._bounded:
                raise HungUpError("the peer disconnected")
            self._ended = True
        if not self._ended:
            return None
        # What stands behind the answer would be the next one's start.
        self.keeps_connection &= self._bounded and understood and not self._more
        return body.reply()

    def _check_framing(self, size: int) -> None:
        # Extensions of chunks and trailers are bounded like the head: llhttp bounds none of them.
        if size > FRAMING_MAX:
            raise NotHttpError("the framing does not end")

    def _understood(self, part: bytes) -> bool:
        # A frame of its own: the parser's exceptions may quote the peer, who may quote the signature.
        try:
            self._parser.feed_data(part)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            interrupt = error.__context__
        else:
            return True
        if interrupt is None or isinstance(interrupt, Exception):
            return False
        # What came while the parser called us; it has no word for that.
        raise cut(interrupt)

    def _begun(self) -> Body:
        body = Body(self._status, self._fields, self._deadline)
        length, coding = (body.headers.get(name) for name in ("content-length", "transfer-encoding"))
        if (
            self._parser.get_http_version() not in ("1.1", "1.0")
            or (coding or "chunked").lower() != "chunked"
        ):
            raise NotHttpError("the peer speaks an HTTP that was not asked for")
        self._bounded = (length is None) != (coding is None)
        return body

    # --- What llhttp tells ---

    def on_message_begin(self) -> None:
        self._more = self._ended

    def on_header(self, name: bytes, value: bytes) -> None:
        # Trailers, which no vendor sends, are left out.
        if not self._status:
            self._fields.append((name, value))

    def on_headers_complete(self) -> None:
        if self._ended:
            return
        status = self._parser.get_status_code()
        if status < 200:  # noqa: PLR2004 - an interim answer stands before the answer
            self._fields.clear()
        else:
            self._status = status

    def on_body(self, part: bytes) -> None:
        if not self._ended:
            self._parts.append(part)

    def on_message_complete(self) -> None:
        if self._status and not self._ended:
            self._ended = True
            self.keeps_connection = self._parser.should_keep_alive()
