"""A request as it is written, and signed as that is done; each line of it is held to be one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from convops._transports.traffic import NotWritableError
from convops.provider import Attempt

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


class Writer:
    """Writes requests to one origin.

    Args:
        origin: as `scheme://host:port`.
        prefix: what stands before each target.
        fields: further header fields of each request.

    Raises:
        NotWritableError: one of them would end its line.
    """

    def __init__(self, origin: str, prefix: bytes, fields: Fields) -> None:
        self._prefix = prefix
        self._fields = written_fields([(b"Host", encoded(urlsplit(origin).netloc)), *ALWAYS, *fields])

    def written(self, attempt: Attempt) -> bytes:
        """Sign an attempt, and return its request.

        Raises:
            SigningError: it cannot be signed, or was before.
            NotWritableError: a part of it would end its line.
        """
        method, content = attempt.call.method, attempt.content
        target, credentials = attempt.sign()
        fields = self._fields
        if content:
            fields += b"Content-Type: application/json\r\n"
        if content or method in ("POST", "PUT", "PATCH"):
            fields += b"Content-Length: %d\r\n" % len(content)
        if credentials:
            fields += written_fields(encoded_fields(credentials))
        return written(encoded(method), self._prefix + encoded(target), fields, content)
