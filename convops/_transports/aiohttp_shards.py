"""Sessions of aiohttp with one connection each, "shards", signed for and looked through by a wire of ours."""

from __future__ import annotations

import functools
import socket
import ssl
from collections.abc import Awaitable, Coroutine
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from attrs import field, frozen
from multidict import CIMultiDict
from yarl import URL

from convops._transports.aiohttp_seat import SignedRequest, UnquotedResponse, Wire
from convops._transports.requests import ALWAYS
from convops._transports.routes import authorization, usable
from convops._transports.shards import IDLE_SECONDS
from convops._transports.waiting import resolved
from convops.provider import Attempt
from convops.secret import Secret

_HEADERS = {name.decode(): value.decode() for name, value in ALWAYS}
_OF_CONTENT = CIMultiDict({"content-type": "application/json"})
_FOREVER = aiohttp.ClientTimeout(total=None, connect=None, sock_connect=None, sock_read=None)


@frozen
class Proxy:
    """Where connections go through.

    Attributes:
        url: without user and password.
        password: both, as the header that tells them.
    """

    url: URL
    password: Secret | None = field(repr=False)


def proxy_of(secret: Secret | None) -> Proxy | None:
    """Return what a client says of `proxy`.

    Raises:
        ConfigError: it is no URL of an HTTP proxy.
    """
    known = usable(secret)
    if known is None:
        return None
    way = urlsplit(known.reveal())
    url = URL.build(scheme="http", host=way.hostname or "", port=way.port)
    told = [Secret(value.decode()) for _, value in authorization(way)]
    return Proxy(url, told[0] if told else None)


class _Resolver(AbstractResolver):
    """Resolves names in threads of our own, which the end of an event loop does not wait for."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=address[0], port=address[1], family=known, proto=0, flags=0)
            for known, address in await resolved(host, port)
        ]

    async def close(self) -> None:
        """Do nothing: its threads end with their lookups."""


class Shard:
    """One connection at most, and the session that asks over it."""

    def __init__(self, tls: ssl.SSLContext, proxy: Proxy | None) -> None:
        self.wire = Wire(None if proxy is None else proxy.password)
        self._proxy = proxy
        connector = aiohttp.TCPConnector(
            ssl=tls, resolver=_Resolver(), use_dns_cache=False, keepalive_timeout=IDLE_SECONDS
        )
        self.session = aiohttp.ClientSession(
            connector=connector,
            headers=_HEADERS,
            cookie_jar=aiohttp.DummyCookieJar(),
            request_class=functools.partial(SignedRequest, wire=self.wire),  # type: ignore[arg-type]
            response_class=UnquotedResponse,
            auto_decompress=False,
            trust_env=False,
            timeout=_FOREVER,
        )

    def is_stale(self) -> bool:
        """Whether its connection ended, or says something that nobody asked for."""
        wire = self.wire
        return wire.transport is not None and (
            wire.transport.is_closing() or (wire.watch is not None and wire.watch.is_readable())
        )

    def ask(self, attempt: Attempt) -> Awaitable[aiohttp.ClientResponse]:
        """Return the answer, of which only the head was read."""
        options: dict[str, Any] = {}
        if self._proxy is not None:
            options = {"proxy": self._proxy.url, "proxy_headers": self._proxy_headers()}
        content = attempt.content
        if not content:
            options["skip_auto_headers"] = ("content-type",)
        return self.session.request(
            attempt.call.method,
            URL(attempt.origin + attempt.target, encoded=True),
            data=content or None,
            headers=_OF_CONTENT if content else None,
            allow_redirects=False,
            **options,
        )

    def _proxy_headers(self) -> dict[str, str]:
        headers = {"accept": "*/*", "accept-encoding": "identity", "user-agent": "convops"}
        if self._proxy is not None and self._proxy.password is not None:
            headers["proxy-authorization"] = self._proxy.password.reveal()
        return headers

    def drop(self) -> None:
        """Close the connection, in whatever state it is, without waiting for anything."""
        with suppress(RuntimeError):  # its event loop is gone
            self.wire.abort()
        _begin(self.session.close())


def _begin(closing: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine up to where it waits: what is left is to hear that it is closed."""
    with suppress(StopIteration):
        closing.send(None)
    closing.close()
