"""The seam to HTTP: one adapter per library and flavour, chosen here."""

from __future__ import annotations

import importlib
import inspect
import ssl
from collections.abc import Callable, Mapping
from typing import Any

from attrs import frozen

from convops.errors import ConfigError
from convops.provider import AsyncTransport, Transport
from convops.secret import Secret


@frozen(kw_only=True)
class Adapter:
    """Where an adapter lives; it is loaded when it is first asked for.

    Attributes:
        asynchronous: the class for an `AsyncClient`, as `module:class`.
        blocking: the same for a `Client`; None where it has none.
        extra: what brings the library of that name; None where it is always there.
        takes_its_own: whether `transport=` may be one of the library's own transports.
    """

    asynchronous: str
    blocking: str | None = None
    extra: str | None = None
    takes_its_own: bool = False

    def load(self, flavour: str) -> Callable[[TransportOptions], Any]:
        """Return the class of a flavour that it has.

        Args:
            flavour: `blocking` or `asynchronous`.

        Raises:
            ModuleNotFoundError: the library it needs is not installed.
        """
        module, _, name = getattr(self, flavour).partition(":")
        made: Callable[[TransportOptions], Any] = getattr(
            importlib.import_module(f"{__name__}.{module}"), name
        )
        return made


ADAPTERS: Mapping[str, Adapter] = {
    "httpx": Adapter(
        blocking="httpx_adapter:HttpxTransport",
        asynchronous="httpx_adapter:AsyncHttpxTransport",
        takes_its_own=True,
    ),
    "httpx2": Adapter(
        blocking="httpx_adapter:Httpx2Transport",
        asynchronous="httpx_adapter:AsyncHttpx2Transport",
        extra="httpx2",
        takes_its_own=True,
    ),
    "httptools": Adapter(
        blocking="httptools_adapter:HttptoolsTransport",
        asynchronous="async_httptools_adapter:AsyncHttptoolsTransport",
    ),
    "aiohttp": Adapter(
        asynchronous="aiohttp_adapter:AsyncAiohttpTransport",
        extra="aiohttp",
    ),
}
DEFAULT = "httpx"


@frozen(kw_only=True)
class TransportOptions:
    """What a client says about its connections.

    Attributes:
        transport: the name of an adapter, an adapter, or one of the transports of httpx or httpx2; None
            takes the provider's own, else httpx.
        proxy: the URL of an HTTP proxy, which may hold a password.
        verify: the path of a CA bundle, or an `ssl.SSLContext` that verifies; None takes the bundle
            of certifi.

    Raises:
        ConfigError: one of them is of no use, or they contradict each other.
    """

    transport: Any = None
    proxy: Secret | None = None
    verify: str | ssl.SSLContext | None = None

    def __attrs_post_init__(self) -> None:
        if isinstance(self.verify, ssl.SSLContext):
            if self.verify.verify_mode is not ssl.CERT_REQUIRED or not self.verify.check_hostname:
                raise ConfigError("verify: this SSLContext does not check certificates and host names")
        elif not isinstance(self.verify, str | None):
            raise ConfigError("verify takes the path of a CA bundle or an ssl.SSLContext; it is never off")
        if isinstance(self.transport, str) and self.transport not in ADAPTERS:
            raise ConfigError(f"transport {self.transport!r} is none of: {', '.join(ADAPTERS)}")
        if self.given is not None and (self.proxy or self.verify):
            raise ConfigError("proxy and verify cannot change a transport that is given; set them there")

    @property
    def given(self) -> Any:
        """The transport object that was given, if one was."""
        return None if isinstance(self.transport, str) else self.transport

    def open(self, own: Transport | None) -> Transport:
        """Return a blocking adapter.

        Args:
            own: the provider's, where it is not spoken to by HTTP.

        Raises:
            ConfigError: what was given is no blocking adapter, or the CA bundle or proxy is unusable.
        """
        if self.transport is None and own is not None:
            return own
        if _has(self.given, "exchange", "close") and not inspect.iscoroutinefunction(self.given.exchange):
            given: Transport = self.given
            return given
        return self._made("blocking", "a Client")  # type: ignore[no-any-return]

    def open_async(self, own: AsyncTransport | None) -> AsyncTransport:
        """Return an asynchronous adapter; otherwise as `open`."""
        if self.transport is None and own is not None:
            return own
        if _has(self.given, "exchange", "aclose") and inspect.iscoroutinefunction(self.given.exchange):
            given: AsyncTransport = self.given
            return given
        return self._made("asynchronous", "an AsyncClient")  # type: ignore[no-any-return]

    def _made(self, flavour: str, client: str) -> Any:
        """Return the adapter of that name, or the default one around what was given."""
        name = self.transport if isinstance(self.transport, str) else _library_of(self.given)
        adapter = ADAPTERS[name]
        if getattr(adapter, flavour) is None:
            fitting = ", ".join(name for name, other in ADAPTERS.items() if getattr(other, flavour))
            raise ConfigError(f"transport {name!r} does not serve {client}; these do: {fitting}")
        try:
            return adapter.load(flavour)(self)
        except ModuleNotFoundError as error:
            remedy = (
                f"install convops[{adapter.extra}]" if error.name == adapter.extra else "it is not installed"
            )
            problem = f"transport {name!r} needs {error.name}: {remedy}"
        raise ConfigError(problem)


def _library_of(given: object) -> str:
    """Return the name of the adapter that takes a transport, by whose class it is of."""
    owners = (kind.__module__.partition(".")[0] for kind in type(given).__mro__)
    return next((name for name in owners if name in ADAPTERS and ADAPTERS[name].takes_its_own), DEFAULT)


def _has(given: object, *names: str) -> bool:
    return all(callable(getattr(given, name, None)) for name in names)
