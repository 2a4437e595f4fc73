"""Where an answer ends by RFC 9112, for libraries that take more than that."""

from __future__ import annotations

import re
from collections.abc import Mapping

_HEAD = re.compile(rb"(?:HTTP/1\.[01] 1(?s:.*?)\r?\n\r?\n)*(?s:.*?)\r?\n\r?\n")
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})(?:;[^\x00-\x08\x0a-\x1f]{0,4096})?\r\n")
_TRAILERS = re.compile(rb"(?:[^\x00-\x20:]{1,256}:[^\x00-\x08\x0a-\x1f]{0,8192}\r\n){0,100}\r\n")


def are_chunks(received: bytes | bytearray) -> bool:
    """Whether an answer that says it comes in chunks does so, to the letter.

    Two readers who differ about where a chunk ends differ about what comes next: a line ends with CR LF,
    a size is hexadecimal and nothing else.

    Args:
        received: all that came, from the head of the answer on.
    """
    head = _HEAD.match(received)
    at = len(received) if head is None else head.end()
    while size := _SIZE.match(received, at):
        length = int(size[1], 16)
        if length == 0:
            return _TRAILERS.match(received, size.end()) is not None
        at = size.end() + length
        if received[at : at + 2] != b"\r\n":
            return False
        at += 2
    return False


def ends_with_answer(received: bytes | bytearray, headers: Mapping[str, str]) -> bool:
    """Whether nothing stands behind an answer, which the next one would start with.

    Args:
        received: all that came, from the head of the answer on.
        headers: its fields by lower-case name.
    """
    length, coding = headers.get("content-length"), headers.get("transfer-encoding")
    if length is not None and coding is not None:
        # Two readers may differ about its end: RFC 9112, section 6.3.
        return False
    start = _end_of_head(received)
    if coding is not None:
        return coding.lower() == "chunked" and _end_of_chunks(received, start) == len(received)
    return length is not None and length.isdigit() and start + int(length) == len(received)


def _end_of_head(received: bytes | bytearray) -> int:
    start = 0
    while True:
        end = received.find(b"\r\n\r\n", start) + 4
        # An interim answer (1xx) has a head of its own before the answer's.
        if not received.startswith((b"HTTP/1.1 1", b"HTTP/1.0 1"), start):
            return end
        start = end


def _end_of_chunks(received: bytes | bytearray, start: int) -> int:
    while True:
        line = received.find(b"\r\n", start)
        try:
            size = int(received[start:line].partition(b";")[0], 16)
        except ValueError:
            return -1
        start = line + 2 + size + 2
        if size == 0:
            # The last chunk is empty. Trailers, which no vendor sends, count as bytes behind it.
            return start
