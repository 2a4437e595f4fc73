"""The way to an origin: an address, TLS, and a proxy between if there is one."""

from __future__ import annotations

import base64
import functools
import re
import ssl
from collections.abc import Callable, Generator
from urllib.parse import SplitResult, unquote, urlsplit

from attrs import field, frozen

from convops._transports import TransportOptions
from convops._transports.requests import encoded
from convops._transports.tls import tls_context
from convops._transports.traffic import NoWayError, TunnelRefusedError
from convops.errors import ConfigError
from convops.secret import Secret

PORTS = {"http": 80, "https": 443}


@frozen(kw_only=True)
class Route:
    """How to reach an origin.

    Attributes:
        host: where to connect.
        port: the port there.
        tls: what a secure connection is agreed on with; None speaks plainly.
        name: the host that the certificate must be for.
        tunnel: what asks a proxy for a tunnel; empty where there is none.
        prefix: what stands before a target: a proxy that forwards is told the whole URL.
        fields: header fields for that proxy.
    """

    host: str
    port: int
    tls: ssl.SSLContext | None = None
    name: str = ""
    # Both may hold the proxy's password.
    tunnel: bytes = field(default=b"", repr=False)
    prefix: bytes = b""
    fields: tuple[tuple[bytes, bytes], ...] = field(default=(), repr=False)


def router(options: TransportOptions) -> Callable[[str], Route]:
    """Return what finds the way to an origin (`scheme://host:port`).

    Raises:
        ConfigError: the CA bundle or the proxy is of no use.
    """
    context, proxy = tls_context(options.verify), usable(options.proxy)
    return functools.partial(_route, context, proxy)


@functools.lru_cache(maxsize=1024)
def whereabouts(origin: str) -> tuple[str, str, int]:
    """Return scheme, host and port of an origin.

    Raises:
        NoWayError: its scheme is neither http nor https, it has no host, or a port that none is.
    """
    try:
        parts = urlsplit(origin)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in PORTS or not parts.hostname or port == 0:
        raise NoWayError("the origin is none that could be reached")
    return parts.scheme, parts.hostname, port or PORTS[parts.scheme]


def _route(context: ssl.SSLContext, proxy: Secret | None, origin: str) -> Route:
    scheme, host, port = whereabouts(origin)
    tls = context if scheme == "https" else None
    if proxy is None:
        return Route(host=host, port=port, tls=tls, name=host)
    way = urlsplit(proxy.reveal())
    where = way.hostname or "", way.port or PORTS["http"]
    fields = authorization(way)
    if tls is None:
        return Route(host=where[0], port=where[1], prefix=encoded(origin), fields=fields)
    authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    lines = [b"CONNECT %b HTTP/1.1" % encoded(authority), b"Host: %b" % encoded(authority)]
    lines += [b"%b: %b" % pair for pair in fields]
    head = b"\r\n".join([*lines, b"", b""])
    return Route(host=where[0], port=where[1], tls=tls, name=host, tunnel=head)


def authorization(proxy: SplitResult) -> tuple[tuple[bytes, bytes], ...]:
    """Return the header fields that tell a proxy who asks."""
    if not (proxy.username or proxy.password):
        return ()
    pair = f"{unquote(proxy.username or '')}:{unquote(proxy.password or '')}"
    return ((b"Proxy-Authorization", b"Basic " + base64.b64encode(pair.encode())),)


def tunnelling() -> Generator[None, bytes, None]:
    """Read a proxy's answer to the request for a tunnel; is sent what arrives.

    Raises:
        TunnelRefusedError: it is no consent.
    """
    answer = b""
    while b"\r\n\r\n" not in answer:
        part = yield
        if not part:
            break
        answer += part
    # TLS begins with us: whatever stands behind the consent is not from the host.
    if not re.fullmatch(rb"HTTP/1\.[01] 2\d\d[^\r\n]*\r\n(?:[^\r\n]+\r\n)*\r\n", answer):
        raise TunnelRefusedError("the proxy does not connect to the host")


def usable(secret: Secret | None) -> Secret | None:
    """Return what a client says of `proxy`.

    Raises:
        ConfigError: it is no URL of an HTTP proxy.
    """
    # Told in a frame of its own: the exception for a broken URL holds it, and with it a password.
    if secret is not None and not _is_usable(secret):
        raise ConfigError("proxy must be an http URL; https is tunnelled through it")
    return secret


def _is_usable(proxy: Secret) -> bool:
    try:
        parts = urlsplit(proxy.reveal())
        return parts.scheme == "http" and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
