"""Whether chunks are what RFC 9112 says, for libraries that take more than that."""

from __future__ import annotations

import re

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
