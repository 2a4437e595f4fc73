"""A request as it is written, each line of it held to be one."""

from __future__ import annotations

import re
from collections.abc import Iterable

from convops._transports.traffic import NotWritableError

Fields = Iterable[tuple[bytes, bytes]]

_LINE = re.compile(rb"[A-Z]+ [!-~\x80-\xff]+")
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


def written_fields(fields: Fields) -> bytes:
    """Return header fields.

    Raises:
        NotWritableError: one of them would end its line.
    """
    lines = [b"%b: %b" % field for field in fields]
    if not all(map(_FIELD.fullmatch, lines)):
        raise NotWritableError("a header field is none")
    return b"".join([b"%b\r\n" % line for line in lines])
