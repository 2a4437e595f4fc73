"""What is answered over a connection in HTTP/1.1, read by llhttp, the parser of Node.js; no socket here."""

from __future__ import annotations

import sys
from typing import Any

import httptools
from attrs import frozen

from convops._transports.failures import cut
from convops._transports.traffic import HungUpError, NotHttpError

FRAMING_MAX = 100 * 1024
"""How much of an answer may be no part of its body: heads, sizes of chunks, trailers; in bytes."""

INTERIM, FINAL = 100, 200
"""The first status of an answer that stands before another, and of one that does not."""

LENGTH, CODING = b"content-length", b"transfer-encoding"

Fields = list[tuple[bytes, bytes]]


@frozen
class Head:
    """The head of an answer.

    Attributes:
        status: three digits, from 200 on.
        version: of HTTP, `1.1` or `1.0`.
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
        self._parser: Any = httptools.HttpResponseParser(self)
        self.begin()

    def begin(self) -> None:
        """Expect an answer, and forget the last."""
        self.ended_cleanly = False
        # How much came, and how much of it was body.
        self._received = self._size = 0
        self._hung_up = self._cut_off = False
        # What llhttp told of it.
        self._status: int | None = None
        self._version = ""
        self._reason = b""
        self._fields: Fields = []
        self._parts: list[bytes] = []
        self._ended = self._kept = self._misled = False
        # Whether all readers agree about its end, and whether they may go on behind it.
        self._bounded = self._reusable = False

    def end(self) -> None:
        """Forget all, and read nothing more: llhttp has kept what it read half, and holds us."""
        self.begin()
        self._parser = None

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
        understood = self._is_understood(part)
        if self._misled:
            raise NotHttpError("the peer does not speak HTTP")
        if not understood:
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
        if self._status is None:
            if self._hung_up:
                raise HungUpError("the peer disconnected")
            return None
        status, version, reason, fields = self._status, self._version, self._reason, self._fields
        self._reason, self._fields = b"", []
        lengths = codings = 0
        for name, value in fields:
            lower = name.lower()
            if lower == LENGTH:
                lengths += 1
            elif lower == CODING:
                codings += 1
                if value.lower() != b"chunked":
                    raise NotHttpError("the peer speaks an HTTP that was not asked for")
        if version not in ("1.1", "1.0") or status < FINAL or codings > 1:
            raise NotHttpError("the peer speaks an HTTP that was not asked for")
        # Where both stand, two readers may differ about its end: RFC 9112, section 6.3.
        self._bounded = bool(lengths) != bool(codings)
        self._reusable = version == "1.1"
        return Head(status, version, reason, fields)

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
            self.ended_cleanly = self._kept and self._reusable and self._bounded and not self._cut_off
            return b""
        if not self._hung_up:
            return None
        if self._bounded:
            raise HungUpError("the peer disconnected")
        return b""

    def _is_understood(self, part: bytes) -> bool:
        # A frame of its own: the parser's exceptions may quote the peer, who may quote the signature.
        handled = sys.exception()
        try:
            self._parser.feed_data(part)
        except httptools.HttpParserCallbackError as error:
            interrupt = error.__context__
            if isinstance(interrupt, httptools.HttpParserError):
                return False
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            return False
        else:
            return True
        # What llhttp calls raises nothing: something came while it ran. Where a caller handles an exception,
        # Python puts that one in its place, and what it was is not known.
        raise KeyboardInterrupt if interrupt is None or interrupt is handled else cut(interrupt)

    # --- What llhttp tells ---

    def on_message_begin(self) -> None:
        # Of another behind the answer.
        self._kept = False

    def on_status(self, part: bytes) -> None:
        if self._status is None:
            self._reason += part

    def on_header(self, name: bytes, value: bytes) -> None:
        # Trailers, which no vendor sends, are left out.
        if self._status is None:
            self._fields.append((name, value.rstrip(b" \t")))

    def on_headers_complete(self) -> None:
        if self._status is not None:
            return
        status = self._parser.get_status_code()
        if INTERIM <= status < FINAL:
            # It has no body; llhttp would read one, and it would stand before the answer's.
            self._misled = self._misled or any(name.lower() in (LENGTH, CODING) for name, _ in self._fields)
            self._fields.clear()
            self._reason = b""
        else:
            self._status, self._version = status, self._parser.get_http_version()

    def on_body(self, part: bytes) -> None:
        if not self._ended:
            self._size += len(part)
            self._parts.append(part)

    def on_message_complete(self) -> None:
        if self._status is not None and not self._ended:
            self._ended = True
            self._kept = self._parser.should_keep_alive()
