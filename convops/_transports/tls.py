"""What every adapter trusts: one TLS context for all clients that verify alike."""

from __future__ import annotations

import functools
import ssl
from pathlib import Path

import certifi

from convops.errors import ConfigError


@functools.cache
def _certifi_context() -> ssl.SSLContext:
    return _context(certifi.where())


def _context(path: str) -> ssl.SSLContext:
    try:
        known = Path(path).stat()
        return _loaded(path, known.st_mtime_ns, known.st_size)
    except OSError as error:
        problem = type(error).__name__
    raise ConfigError(f"verify: no CA bundle can be read there ({problem})")


# Read again where the file was changed. Few bundles are in use at once.
@functools.lru_cache(maxsize=16)
def _loaded(path: str, _changed: int, _size: int) -> ssl.SSLContext:
    # Not `create_default_context`: it reads SSLKEYLOGFILE and, without a file, SSL_CERT_FILE.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(cafile=path)
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
