"""httpx, or httpx2, which goes on with it: two libraries of one face that share no class."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from typing import Any

from attrs import frozen

from convops._transports import pools, seat
from convops._transports.async_lines import AsyncLine
from convops._transports.failures import OURS, Words
from convops._transports.lines import Line
from convops._transports.routes import Route

CORES = {"httpx": "httpcore", "httpx2": "httpcore2"}
"""What each sends with."""

ORIGINS_KEPT = 4096
"""How many origins requests are prepared for at once."""


@frozen(kw_only=True, eq=False)
class Library:
    """One of them, loaded.

    Attributes:
        blocking: its blocking transport.
        asynchronous: its asynchronous one.
        request: the class of requests that sign themselves.
        origin: what requests to an origin have in common.
        shard: makes a blocking transport of one connection along a route.
        async_shard: makes an asynchronous one.
        words: what its exceptions mean.
    """

    blocking: type[Any]
    asynchronous: type[Any]
    request: type[Any]
    origin: Callable[[str], seat.Origin]
    shard: Callable[[Route], Any]
    async_shard: Callable[[Route], Any]
    words: Words


@functools.cache
def library(name: str) -> Library:
    """Return the library of that name.

    Raises:
        ModuleNotFoundError: it is not installed.
    """
    http = importlib.import_module(name)
    # By what it calls itself: an app may have let one stand in for the other.
    core = importlib.import_module(CORES[http.__name__])
    shard = type("BlockingShard", (pools.BlockingShard, http.HTTPTransport), {})
    async_shard = type("AsyncShard", (pools.AsyncShard, http.AsyncHTTPTransport), {})
    return Library(
        blocking=http.HTTPTransport,
        asynchronous=http.AsyncHTTPTransport,
        request=seat.composed(http),
        origin=functools.lru_cache(ORIGINS_KEPT)(lambda origin: seat.origin_of(http.URL(origin))),
        shard=lambda route: shard(core, Line(route)),
        async_shard=lambda route: async_shard(core, AsyncLine(route)),
        words=Words(
            expected=(*OURS.expected, http.HTTPError, http.StreamError, http.InvalidURL),
            late=(*OURS.late, http.TimeoutException),
            unsent=(
                http.ConnectError,
                http.ConnectTimeout,
                http.PoolTimeout,
                http.ProxyError,
                http.UnsupportedProtocol,
                http.LocalProtocolError,
            ),
            nonsense=(http.RemoteProtocolError,),
        ),
    )
