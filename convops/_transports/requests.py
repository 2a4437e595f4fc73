"""A request as it is written, each line of it held to be one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from convops._transports.traffic import NotWritableError

Fields = Iterable[tuple[bytes, bytes]]

ALWAYS = (
    (b"Accept", b"application/json"),
    (b"Accept-Encoding", b"identity"),
    (b"User-Agent", b"convops"),
)
"""Header fields of every request."""

# Not HEAD and CONNECT: what is answered to them ends elsewhere.
_LINE = re.compile(rb"(?!HEAD |CONNECT )[A-Z]+ [!-~\x80-\xff]+")
_FIELD = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+: (?:[!-~\x80-\xff](?:[ -~\t\x80-\xff]*[!-~\x80-\xff])?)?")


def written(method: bytes, target: bytes, fields: bytes, content: bytes) -> bytes:
    """Return a request.

    Args:
        method: of HTTP.
        target: path and query, or the whole URL for a proxy.
        fields: as `written_fields` returns them.
        content: the body, whose length one of the fields tells.

    Raises:
        NotWritableError: method or target would end its line.
    """
    line = b"%b %b" % (method, target)
    if not _LINE.fullmatch(line):
        raise NotWritableError("the target is none")
    return b"%b HTTP/1.1\r\n%b\r\n%b" % (line, fields, content)


def encoded(text: str) -> bytes:
    """Return a method or a target as it is written.

    Raises:
        NotWritableError: it is no ASCII.
    """
    if text.isascii():
        return text.encode()
    raise NotWritableError("it is no ASCII")


def encoded_fields(fields: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    """Return header fields as they are written.

    Raises:
        NotWritableError: one holds a lone surrogate.
    """
    try:
        return [(name.encode(), value.encode()) for name, value in fields.items()]
    except UnicodeError:
        pass
    raise NotWritableError("a header field is no text")


def written_fields(fields: Fields) -> bytes:
    """Return header fields.

    Raises:
        NotWritableError: one of them would end its line.
    """
    lines = [b"%b: %b" % field for field in fields]
    if not all(map(_FIELD.fullmatch, lines)):
        raise NotWritableError("a header field is none")
    return b"".join([b"%b\r\n" % line for line in lines])
