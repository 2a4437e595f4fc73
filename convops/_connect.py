"""Opening clients."""

from __future__ import annotations

import math
import os
import ssl
from typing import Any, TypedDict, Unpack

from convops._accounts import NAME, Account, Unusable, from_file, from_keywords, from_url, veil
from convops._blame import Blame
from convops._client import TIMEOUT_MAX, AsyncClient, Client, positive
from convops._drivers import REAL
from convops._events import Observer
from convops._pipeline import Pipeline
from convops._policy import Pacer, Retry, RetryBudget
from convops._transports import TransportOptions
from convops.errors import ConfigError
from convops.secret import Secret

TIMEOUT = 10.0
ATTEMPTS = 4

_PACER = Pacer()
_BUDGET = RetryBudget()
# The slots and retries of this process, shared by all its clients.
_ID_KEY = REAL.nonce() + REAL.nonce()
# What ids in events are hashed with: nobody can guess them from a log, and the process stays consistent.


class ClientOptions(TypedDict, total=False):
    """What a caller says about a client; never part of an account.

    Attributes:
        timeout: seconds for a whole verb: queueing, pace, attempts, name resolution and body; 10.
        attempts: how often one call is tried at most; 4.
        pace: calls per second for each of the account's quotas; None follows the vendor's documents.
        transport: the name of an adapter, an adapter, or one of the transports of httpx or httpx2. By name
            there are `"httpx"`, `"httptools"`, `"httpx2"` and, for an `AsyncClient`, `"aiohttp"`; each of the
            last two comes with the extra of its name.
        proxy: the URL of an HTTP proxy.
        verify: the path of a CA bundle, or an `ssl.SSLContext` that verifies.
        observer: called with an `Event` for each attempt and each outcome; what it raises is logged.
        observe_ids: whether events name conversations in plain, in the log too; False, which hashes them.
    """

    timeout: float
    attempts: int
    pace: float | None
    transport: Any
    proxy: str | Secret | None
    verify: str | ssl.SSLContext | None
    observer: Observer | None
    observe_ids: bool


def connect(provider: str, **settings: Any) -> Client:
    """Return a client of an account, usable with or without `with`.

    Args:
        provider: its short name, with the account's settings as further keyword arguments; or a URL,
            `provider://?setting=value`, whose secrets are references (`env:NAME`, `file:PATH`).
        **settings: the account's settings, and any of `ClientOptions`.

    Raises:
        ConfigError: anything about the settings, the options or the plugin is wrong.
    """
    where, veiled = _where(provider), veil(settings)
    # From here on no frame spells a secret.
    del provider, settings
    return _open(*_account(where, veiled))


def connect_async(provider: str, **settings: Any) -> AsyncClient:
    """Return an asynchronous client of an account; otherwise as `connect`."""
    where, veiled = _where(provider), veil(settings)
    del provider, settings
    return _open_async(*_account(where, veiled))


def connect_account(
    name: str, *, path: str | os.PathLike[str] | None = None, **options: Unpack[ClientOptions]
) -> Client:
    """Return a client of the account `[accounts.NAME]` in a TOML file.

    Args:
        name: the account's name.
        path: the file; None takes `$CONVOPS_CONFIG`, else `./convops.toml`.
        **options: any of `ClientOptions`.

    Raises:
        ConfigError: the file, the account, a secret reference, an option or the plugin is wrong.
    """
    veiled = veil(options)
    # From here on no frame spells a proxy's password.
    del options
    return _open(from_file(name, path), veiled)


def connect_account_async(
    name: str, *, path: str | os.PathLike[str] | None = None, **options: Unpack[ClientOptions]
) -> AsyncClient:
    """Return an asynchronous client of the account `[accounts.NAME]`; otherwise as `connect_account`."""
    veiled = veil(options)
    del options
    return _open_async(from_file(name, path), veiled)


# --- Opening ----------------------------------------------------------------------------------------


def _where(provider: object) -> Secret:
    if isinstance(provider, str):
        return Secret(provider)
    raise ConfigError(f"a provider's name or URL is a str, not {type(provider).__name__}")


def _account(where: Secret, keywords: dict[str, object]) -> tuple[Account, dict[str, object]]:
    options = {key: keywords.pop(key) for key in ClientOptions.__annotations__ if key in keywords}
    if NAME.fullmatch(where.reveal()):
        return from_keywords(where.reveal(), keywords), options
    if keywords:
        names = ", ".join(sorted(keywords))
        raise ConfigError(f"settings stand in the URL or in keyword arguments, not in both: {names}")
    return from_url(where), options


def _open(account: Account, options: dict[str, object]) -> Client:
    pipeline, transports, timeout = _prepared(account, options)
    provider = account.provider
    own = Blame(provider.name).asked("transport", provider.transport, account.settings)
    return Client(pipeline, transports.open(own), timeout)


def _open_async(account: Account, options: dict[str, object]) -> AsyncClient:
    pipeline, transports, timeout = _prepared(account, options)
    provider = account.provider
    own = Blame(provider.name).asked("async_transport", provider.async_transport, account.settings)
    return AsyncClient(pipeline, transports.open_async(own), timeout)


def _prepared(account: Account, options: dict[str, object]) -> tuple[Pipeline, TransportOptions, float]:
    unknown = sorted(set(options) - set(ClientOptions.__annotations__))
    if unknown:
        raise ConfigError(f"no client option is called {unknown[0]!r}")
    timeout = positive("timeout", options.get("timeout", TIMEOUT), most=TIMEOUT_MAX)
    attempts = options.get("attempts", ATTEMPTS)
    if type(attempts) is not int or attempts < 1:
        raise ConfigError(f"attempts must be a whole number from 1 on, not {attempts!r}")
    pace = options.get("pace")
    observer: Any = options.get("observer")
    if not callable(observer) and observer is not None:
        raise ConfigError("observer must be callable")
    observe_ids = options.get("observe_ids", False)
    if not isinstance(observe_ids, bool):
        raise ConfigError(f"observe_ids must be True or False, not {type(observe_ids).__name__}")
    proxy = options.get("proxy")
    if not isinstance(proxy, Secret | None):
        given = proxy.kind if isinstance(proxy, Unusable) else type(proxy).__name__
        raise ConfigError(f"proxy must be a URL, not {given}")
    pipeline = Pipeline(
        provider=account.provider,
        account=account.settings,
        environment=REAL,
        pacer=_PACER,
        budget=_BUDGET,
        retry=Retry(attempts=attempts),
        pace=None if pace is None else positive("pace", pace, most=math.inf),
        observer=observer,
        observe_ids=observe_ids,
        id_key=_ID_KEY,
    )
    transports = TransportOptions(
        transport=_shown(options.get("transport")), proxy=proxy, verify=_shown(options.get("verify"))
    )
    return pipeline, transports, timeout


def _shown(option: Any) -> Any:
    # Every str was veiled at the door; these are no secrets.
    return option.reveal() if isinstance(option, Secret) else option
