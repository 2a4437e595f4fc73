"""The signing seat in httpx and httpx2: their last public point is `url.raw_path`, then `headers.raw`.

These classes have no base: each library's own are mixed in where it is loaded.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import frozen

from convops._transports.requests import ALWAYS, encoded, encoded_fields
from convops.provider import Attempt

Fields = list[tuple[bytes, bytes]]


@frozen(kw_only=True, eq=False)
class Origin:
    """What all requests to one origin have in common, made once.

    Attributes:
        raw_scheme: `http` or `https`.
        raw_host: the host, as it is resolved.
        port: None where it is the scheme's own.
        fields: header fields of every request.
    """

    raw_scheme: bytes
    raw_host: bytes
    port: int | None
    fields: tuple[tuple[bytes, bytes], ...]


def origin_of(url: Any) -> Origin:
    """Return what requests to the origin of a library's URL have in common."""
    fields = ((b"Host", url.netloc), *ALWAYS)
    return Origin(raw_scheme=url.raw_scheme, raw_host=url.raw_host, port=url.port, fields=fields)


class SignedURL:
    """Shows the unsigned URL, and spells the signed target when the request is written."""

    base: ClassVar[Any]

    def __init__(self, attempt: Attempt, origin: Origin) -> None:
        self._attempt = attempt
        self.raw_scheme = origin.raw_scheme
        self.raw_host = origin.raw_host
        self.port = origin.port
        self.credential_headers: Mapping[str, str] = {}

    def __getattr__(self, name: str) -> Any:
        # Nothing is parsed until somebody looks: the library's own attributes are made here.
        attempt = vars(self).get("_attempt")
        if attempt is not None and not name.startswith("__"):
            self.base.__init__(self, attempt.origin + attempt.target)
            if name in vars(self):
                return vars(self)[name]
        raise AttributeError(name)

    @property
    def raw_path(self) -> bytes:
        target, self.credential_headers = self._attempt.sign()
        return encoded(target)


class SignedHeaders:
    """Shows the unsigned headers, and spells the credentials when the request is written."""

    base: ClassVar[Any]

    def __init__(self, headers: Any, request: Any) -> None:
        self.base.__init__(self, headers)
        self._request = request

    @property
    def raw(self) -> Fields:
        fields: Fields = self.base.raw.fget(self)
        if isinstance(url := self._request.url, SignedURL) and url.credential_headers:
            signed, url.credential_headers = url.credential_headers, {}
            fields += encoded_fields(signed)
        return fields


class UnsignedRequest:
    """A request that shows nothing secret.

    It keeps the seat in its headers, also where somebody replaces them: tracers add theirs so.
    """

    base: ClassVar[Any]
    url_type: ClassVar[Any]
    headers_type: ClassVar[Any]
    stream_type: ClassVar[Any]

    def __init__(self, attempt: Attempt, origin: Origin, fields: Fields, extensions: dict[str, Any]) -> None:
        # The library's own would parse and copy for longer than all the rest takes.
        self.method = attempt.call.method
        self.url = self.url_type(attempt, origin)
        self.headers = fields
        self.extensions = extensions
        self.stream = self.stream_type(attempt.content)
        self.base.read(self)

    @property
    def headers(self) -> Any:
        return self._shown_headers

    @headers.setter
    def headers(self, headers: Any) -> None:
        self._shown_headers = self.headers_type(headers, self)


def composed(http: Any) -> type[Any]:
    """Return the class of a library's requests that sign themselves as they are written."""

    def mixed(mixin: type[Any], base: type[Any], **known: Any) -> type[Any]:
        return type(mixin.__name__, (mixin, base), {"base": base, **known})

    return mixed(
        UnsignedRequest,
        http.Request,
        url_type=mixed(SignedURL, http.URL, raw_scheme=None, raw_host=None, port=None),
        headers_type=mixed(SignedHeaders, http.Headers),
        stream_type=http.ByteStream,
    )


def unsigned_request(
    kind: type[Any], attempt: Attempt, origin: Origin, deadline: float, *, last: bool
) -> Any:
    """Return a request that shows nothing secret, and signs itself as it is written.

    Args:
        kind: the class for it.
        attempt: what to send.
        origin: where to.
        deadline: on the monotonic clock.
        last: whether the connection is to be closed behind the answer.
    """
    fields, content, extensions = [*origin.fields], attempt.content, {}
    if content:
        fields += [(b"Content-Type", b"application/json"), (b"Content-Length", b"%d" % len(content))]
    elif attempt.call.method in ("POST", "PUT", "PATCH"):
        fields.append((b"Content-Length", b"0"))
    if last:
        fields.append((b"Connection", b"close"))
        # Of our own connections, the sockets keep the time.
        seconds = max(0.001, deadline - time.monotonic())
        extensions = {"timeout": dict.fromkeys(("connect", "read", "write", "pool"), seconds)}
    return kind(attempt, origin, fields, extensions)
