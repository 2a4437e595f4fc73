"""Checks that the settings of every provider share."""

from __future__ import annotations

import difflib
import ipaddress
import re
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

import attrs

from convops.errors import ConfigError
from convops.secret import Secret

_HEADER_SAFE = re.compile(r"[!-~]*")


def base_url(_: Any, attribute: attrs.Attribute[Any], value: object) -> None:
    """Validate an attrs field that replaces a provider's host: https, or http on a loopback address.

    Raises:
        ConfigError: any other scheme, no host, user info, a query or a fragment.
    """
    if value is None:
        return
    name = attribute.name
    if not isinstance(value, str):
        raise ConfigError(f"{name} must be a str, not {type(value).__name__}")
    # Nothing of the value is repeated in a message: someone may have put a secret into it.
    try:
        parts = urlsplit(value)
        host, _port = parts.hostname, parts.port
    except ValueError:
        raise ConfigError(f"{name} is not a URL") from None
    if not value.isascii() or not value.isprintable() or " " in value or "\\" in value:
        raise ConfigError(f"{name} holds white space or a character no URL has")
    if parts.scheme not in ("https", "http") or not host:
        raise ConfigError(f"{name} must be an https URL with a host")
    if parts.username is not None or parts.password is not None:
        raise ConfigError(f"{name} must not hold a user or password")
    if "?" in value or "#" in value:
        raise ConfigError(f"{name} must not hold a query or fragment")
    if parts.scheme == "http" and not _is_loopback(host):
        raise ConfigError(f"{name} may use http only on a loopback address; use https")


@attrs.frozen
class OneOf:
    """Validates an optional attrs field that takes one of a few names.

    Attributes:
        names: those it takes, in order.
    """

    names: tuple[str, ...]

    def __call__(self, _: Any, attribute: attrs.Attribute[Any], value: object) -> None:
        """Raise a `ConfigError` that names the nearest and all of them."""
        if value is None or value in self.names:
            return
        near = difflib.get_close_matches(str(value), self.names, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise ConfigError(f"{attribute.name} {value!r} is unknown; {hint}known: {', '.join(self.names)}")


def one_of(names: Iterable[str]) -> OneOf:
    """Return a validator for an optional attrs field that takes one of a few names.

    Raises:
        ConfigError: names the nearest and all of them.
    """
    return OneOf(tuple(sorted(names)))


def integer(low: int, high: int) -> Callable[[Any, attrs.Attribute[Any], int], None]:
    """Return a validator for an attrs field that takes a whole number within bounds.

    Raises:
        ConfigError: names the bounds.
    """

    def validate(_: Any, attribute: attrs.Attribute[Any], value: int) -> None:
        if not low <= value <= high:
            raise ConfigError(f"{attribute.name} must lie between {low} and {high}")

    return validate


def not_empty(_: Any, attribute: attrs.Attribute[Any], value: object) -> None:
    """Validate an attrs field that takes a str or a `Secret`.

    Raises:
        ConfigError: it is empty.
    """
    if not value:
        raise ConfigError(f"{attribute.name} is empty")


def header_safe(_: Any, attribute: attrs.Attribute[Any], value: Secret) -> None:
    """Validate an attrs field whose secret is sent in a header.

    Raises:
        ConfigError: it holds white space, such as the end of the line it was read from, or no ASCII.
    """
    if _HEADER_SAFE.fullmatch(value.reveal()) is None:
        raise ConfigError(f"{attribute.name} holds white space or a character that no header has")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
