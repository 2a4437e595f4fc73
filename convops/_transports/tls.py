"""What every adapter trusts: one TLS context for all clients that verify alike."""

from __future__ import annotations

import functools
import ssl

import certifi

from convops.errors import ConfigError


@functools.cache
def _certifi_context() -> ssl.SSLContext:
    return _context(certifi.where())


def _context(path: str) -> ssl.SSLContext:
    # Not `create_default_context`: it reads SSLKEYLOGFILE and, without a file, SSL_CERT_FILE.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_verify_locations(cafile=path)
    except OSError as error:
        raise ConfigError(f"verify: no CA bundle can be read there ({type(error).__name__})") from None
    return context


def tls_context(verify: str | ssl.SSLContext | None) -> ssl.SSLContext:
    """Return the context for what a client says of `verify`.

    Raises:
        ConfigError: no CA bundle can be read there.
    """
    context = _certifi_context() if verify is None else verify
    if isinstance(context, str):
        context = _context(context)
    # The only version of HTTP that is spoken here, also where the context is the caller's.
    context.set_alpn_protocols(["http/1.1"])
    return context
