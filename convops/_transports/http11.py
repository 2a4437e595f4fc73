"""What is answered over a connection in HTTP/1.1, read by llhttp, the parser of Node.js; no socket here."""

from __future__ import annotations

import httptools
from attrs import frozen

from convops._transports.failures import cut
from convops._transports.traffic import HungUpError, NotHttpError

FRAMING_MAX = 100 * 1024
"""How much of an answer may be no part of its body: heads, sizes of chunks, trailers; in bytes."""

VERSIONS = ("1.1", "1.0")
_TAIL = 5
"""How many of the last bytes are looked at: what ends head or chunks, and one before it."""

Fields = list[tuple[bytes, bytes]]


@frozen
class Head:
    """The head of an answer.

    Attributes:
        status: three digits, from 200 on.
        version: of HTTP, as `1.1`.
        reason: what stands behind the status.
        fields: the header fields in their order.
    """

    status: int
    version: str
    reason: bytes
    fields: Fields


class Talk:
    """One exchange after another.

    Attributes:
        ended_cleanly: whether the last answer was read to its end, and the next exchange may begin.
    """

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self.asked()

    def asked(self) -> None:
        """Note that a request is being written, and forget the last answer."""
        self.ended_cleanly = False
        # How much came, and how much of it was body; and the last bytes of both.
        self._received = self._size = 0
        self._tail = self._last = b""
        self._hung_up = self._cut_off = False
        # What llhttp told of it.
        self._status = 0
        self._reason = b""
        self._fields: Fields = []
        self._parts: list[bytes] = []
        self._ended = self._kept = False
        # Whether all readers agree about its end, and whether they count its bytes.
        self._bounded = self._counted = False

    def cut_off(self) -> None:
        """Note that the request could not be written to its end; whoever hung up on it may have answered."""
        self._cut_off = True

    def take(self, part: bytes) -> None:
        """Take what arrived; nothing where the peer hung up.

        Raises:
            NotHttpError: it is no HTTP.
        """
        if not part:
            self._hung_up = True
            return
        if not self._received and not b"HTTP/".startswith(part[:5]):
            # llhttp reads the answers of other protocols too.
            raise NotHttpError("the peer does not speak HTTP")
        self._received += len(part)
        self._tail = (part if len(part) >= _TAIL else self._tail + part)[-_TAIL:]
        if not self._is_understood(part):
            # Behind the answer it would be the next one's start.
            self._kept = False
            if not self._ended:
                raise NotHttpError("the peer does not speak HTTP")
        if self._received - self._size > FRAMING_MAX:
            # Interim answers, extensions of chunks and trailers too: llhttp bounds none of them.
            raise NotHttpError("the framing does not end")

    def head(self) -> Head | None:
        """Return the head of the answer once it is there; None asks for more.

        Raises:
            HungUpError: it will never be.
            NotHttpError: it is of an HTTP that was not asked for.
        """
        if not self._status:
            if self._hung_up:
                raise HungUpError("the peer disconnected")
            return None
        version, fields = self._parser.get_http_version(), self._fields
        lengths = codings = 0
        for name, value in fields:
            lower = name.lower()
            if lower == b"content-length":
                lengths += 1
            elif lower == b"transfer-encoding":
                codings += 1
                if value.lower() != b"chunked":
                    raise NotHttpError("the peer speaks an HTTP that was not asked for")
        if version not in VERSIONS or codings > 1:
            raise NotHttpError("the peer speaks an HTTP that was not asked for")
        # Where both stand, two readers may differ about its end: RFC 9112, section 6.3.
        self._bounded, self._counted = bool(lengths) != bool(codings), bool(lengths)
        self._fields = []
        return Head(self._status, version, self._reason, fields)

    def part(self) -> bytes | None:
        """Return a part of the body, which is empty at its end; None asks for more.

        Raises:
            HungUpError: the body does not reach its end.
        """
        if self._parts:
            part = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
            self._parts.clear()
            return part
        if self._ended:
            self.ended_cleanly = (
                self._kept and self._bounded and not self._cut_off and self._nothing_is_behind()
            )
            self._tail = self._last = self._reason = b""
            return b""
        if not self._hung_up:
            return None
        if self._bounded:
            raise HungUpError("the peer disconnected")
        return b""

    def _nothing_is_behind(self) -> bool:
        # llhttp passes over line ends between two answers.
        if self._counted and self._size:
            return self._tail.endswith(self._last)
        return self._tail.endswith(b"\r\n\r\n") and self._tail[0] not in b"\r\n"

    def _is_understood(self, part: bytes) -> bool:
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

    # --- What llhttp tells ---

    def on_message_begin(self) -> None:
        # Of another behind the answer.
        self._kept = False

    def on_status(self, part: bytes) -> None:
        if not self._status:
            self._reason += part

    def on_header(self, name: bytes, value: bytes) -> None:
        # Trailers, which no vendor sends, are left out.
        if not self._status:
            self._fields.append((name, value))

    def on_headers_complete(self) -> None:
        if self._status:
            return
        status = self._parser.get_status_code()
        if status < 200:  # noqa: PLR2004 - an interim answer stands before the answer
            self._fields.clear()
            self._reason = b""
        else:
            self._status = status

    def on_body(self, part: bytes) -> None:
        if not self._ended:
            self._size += len(part)
            self._last = part[-_TAIL:]
            self._parts.append(part)

    def on_message_complete(self) -> None:
        if self._status and not self._ended:
            self._ended = True
            self._kept = self._parser.should_keep_alive()
