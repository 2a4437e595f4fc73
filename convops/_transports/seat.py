"""The signing seat in httpx: its last public point is `url.raw_path`, then `headers.raw`."""

from __future__ import annotations

import time
from collections.abc import Mapping

import httpx

from convops.provider import Attempt


class _SignedURL(httpx.URL):
    """Shows the unsigned URL, and spells the signed target when the request is written."""

    def __init__(self, attempt: Attempt) -> None:
        super().__init__(attempt.origin + attempt.target)
        self._attempt = attempt
        self.credential_headers: Mapping[str, str] = {}

    @property
    def raw_path(self) -> bytes:
        target, self.credential_headers = self._attempt.sign()
        return target.encode("ascii")


class _SignedHeaders(httpx.Headers):
    """Shows the unsigned headers, and spells the credentials when the request is written."""

    def __init__(self, headers: httpx.Headers, request: httpx.Request) -> None:
        super().__init__(headers)
        self._request = request

    @property
    def raw(self) -> list[tuple[bytes, bytes]]:
        signed: Mapping[str, str] = {}
        if isinstance(url := self._request.url, _SignedURL):
            signed, url.credential_headers = url.credential_headers, {}
        return [*super().raw, *((name.encode(), value.encode()) for name, value in signed.items())]


class _Request(httpx.Request):
    """Keeps the seat in its headers, also where somebody replaces them: tracers add theirs so."""

    @property
    def headers(self) -> httpx.Headers:
        return self._shown_headers

    @headers.setter
    def headers(self, headers: httpx.Headers) -> None:
        self._shown_headers = _SignedHeaders(headers, self)


def unsigned_request(attempt: Attempt, deadline: float, *, last: bool) -> httpx.Request:
    """Return a request that shows nothing secret, and signs itself as httpx writes it.

    Args:
        attempt: what to send.
        deadline: on the monotonic clock.
        last: whether the connection is to be closed behind the answer.
    """
    seconds = max(0.001, deadline - time.monotonic())
    headers = {"accept": "application/json", "accept-encoding": "identity", "user-agent": "convops"}
    if attempt.content:
        headers["content-type"] = "application/json"
    if last:
        headers["connection"] = "close"
    request = _Request(
        attempt.call.method,
        attempt.origin,
        headers=headers,
        content=attempt.content or None,
        extensions={"timeout": {"connect": seconds, "read": seconds, "write": seconds, "pool": seconds}},
    )
    request.url = _SignedURL(attempt)
    return request
