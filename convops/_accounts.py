"""Accounts: settings from keyword arguments, a URL or a TOML file, checked before anything is tried."""

from __future__ import annotations

import difflib
import functools
import os
import re
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import NoneType
from typing import Any
from urllib.parse import parse_qsl

import attrs
from attrs import frozen

from convops._registry import find_provider
from convops.errors import ConfigError
from convops.provider import AnyProvider
from convops.secret import Secret

CONFIG_VARIABLE = "CONVOPS_CONFIG"
CONFIG_FILE = "convops.toml"

DIGITS_MAX = 20
"""More digits than any number among settings has."""

NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
"""What a provider's name looks like; anything else may be a mistyped URL with a secret in it."""


@frozen
class Account:
    """An account that can be opened.

    Attributes:
        provider: whom it is with.
        settings: the provider's attrs model, secrets resolved.
    """

    provider: AnyProvider
    settings: Any


def from_keywords(name: str, settings: Mapping[str, object]) -> Account:
    """Return the account that keyword arguments describe; a secret is a str or a `Secret`.

    Raises:
        ConfigError: the provider or a setting is unknown, missing or of a wrong type.
    """
    return from_provider(find_provider(name), settings)


def from_provider(provider: AnyProvider, settings: Mapping[str, object]) -> Account:
    """Return the account that keyword arguments describe, at a provider that need not be installed.

    Raises:
        ConfigError: a setting is unknown, missing or of a wrong type.
    """
    return Account(provider, _model(provider, settings))


def from_url(url: Secret) -> Account:
    """Return the account that `provider://?setting=value` describes; secrets are references.

    Raises:
        ConfigError: it is no such URL, or as in `from_keywords`.
    """
    name, pairs = _pairs(url)
    if pairs is None:
        raise ConfigError(f"an account's URL has the form {name}://?setting=value&setting=value")
    provider = find_provider(name)
    twice = sorted({key for key, _ in pairs if sum(key == other for other, _ in pairs) > 1})
    if twice:
        raise ConfigError(f"the account's URL names a setting twice: {', '.join(twice)}")
    types = _types(provider)
    settings = {key: _from_text(value, types.get(key)) for key, value in pairs}
    return Account(provider, _model(provider, _resolved(provider, settings)))


def from_file(account: str, path: str | os.PathLike[str] | None = None) -> Account:
    """Return the account `[accounts.NAME]` of a TOML file; secrets are references.

    Args:
        account: its name.
        path: the file; None takes `$CONVOPS_CONFIG`, else `./convops.toml`.

    Raises:
        ConfigError: the file or the account cannot be read, or as in `from_keywords`.
    """
    if not isinstance(account, str):
        raise ConfigError(f"an account's name is a str, not {type(account).__name__}")
    file = _file(path)
    accounts = _read(file)
    if account not in accounts:
        raise ConfigError(f"{file} has no account {account!r}; {_known(account, accounts)}")
    settings = dict(accounts[account])
    name = settings.pop("provider", None)
    if not isinstance(name, Secret):
        raise ConfigError(f'[accounts.{account}] in {file} needs provider = "..."')
    provider = find_provider(name.reveal())
    try:
        return Account(provider, _model(provider, _resolved(provider, settings)))
    except ConfigError as error:
        problem = str(error)
    raise ConfigError(f"[accounts.{account}] in {file}: {problem}")


def account_names(path: str | os.PathLike[str] | None = None) -> list[str]:
    """Return the names of the accounts in the file that `from_file` would read."""
    return sorted(_read(_file(path)))


@frozen
class Unusable:
    """A value that no setting takes; what it was is not kept.

    Attributes:
        kind: the name of its type.
    """

    kind: str


def veil(settings: Mapping[str, object]) -> dict[str, object]:
    """Return the settings with no text in them, for a frame that may end up in a traceback."""
    return {key: _veiled(value) for key, value in settings.items()}


def _veiled(value: object) -> object:
    if isinstance(value, str):
        return Secret(value)
    if isinstance(value, bytes | bytearray | list | tuple | dict | set | frozenset):
        return Unusable(type(value).__name__)
    return value


# --- Reading ------------------------------------------------------------------------------------------


def _file(path: str | os.PathLike[str] | None) -> Path:
    if path is not None and not isinstance(path, str | os.PathLike):
        raise ConfigError(f"path is a str or a path, not {type(path).__name__}")
    return Path(path or os.environ.get(CONFIG_VARIABLE) or CONFIG_FILE)


def _read(file: Path) -> dict[str, dict[str, object]]:
    accounts = _parsed(file)
    if isinstance(accounts, str):
        raise ConfigError(accounts)
    return accounts


def _parsed(file: Path) -> dict[str, dict[str, object]] | str:
    """Return the accounts of a file, or what is wrong with it.

    It raises nothing, for its frame spells whatever the file holds.
    """
    import tomllib  # noqa: PLC0415 - only an account from a file needs it

    try:
        document = tomllib.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        return f"there is no {file}; name the file with path=, --config or ${CONFIG_VARIABLE}"
    except (OSError, ValueError, RecursionError) as error:
        return f"{file} cannot be read as TOML ({type(error).__name__})"
    accounts = document.pop("accounts", {})
    if document or not isinstance(accounts, dict) or not all(isinstance(a, dict) for a in accounts.values()):
        return f"{file} may hold tables [accounts.NAME] and nothing else"
    return {name: veil(settings) for name, settings in accounts.items()}


def _pairs(url: Secret) -> tuple[str, list[tuple[str, Secret]] | None]:
    """Return the provider's name and the settings of a URL; None for one of another form.

    It raises nothing, for its frame spells what may be a literal secret.
    """
    name, _, rest = url.reveal().partition("://")
    if not NAME.fullmatch(name):
        return "provider", None
    if not rest.startswith("?") or "#" in rest:
        return name, None
    try:
        pairs = parse_qsl(rest[1:], keep_blank_values=True, strict_parsing=True, errors="strict")
    except ValueError:
        return name, None
    return name, [(key, Secret(value)) for key, value in pairs]


def _from_text(value: Secret, kind: Any) -> object:
    text = value.reveal()
    if kind is int and text.isascii() and text.isdigit() and len(text) <= DIGITS_MAX:
        return int(text)
    if kind is bool and text in ("true", "false"):
        return text == "true"
    return value


def _resolved(provider: AnyProvider, settings: Mapping[str, object]) -> dict[str, object]:
    types = _types(provider)
    resolved = dict(settings)
    for key, value in settings.items():
        if types.get(key) is Secret and isinstance(value, Secret):
            found = _followed(value)
            if isinstance(found, str):
                raise ConfigError(f"{key} {found}")
            resolved[key] = found
    return resolved


def _followed(reference: Secret) -> Secret | str:
    """Return the secret a reference leads to, or what is wrong with it.

    It raises nothing, for its frame spells what may be a literal secret.
    """
    kind, _, where = reference.reveal().partition(":")
    if kind not in ("env", "file") or not where:
        return "must be a reference, env:NAME or file:PATH; the secret itself has no place in a URL or file"
    if kind == "env":
        value = os.environ.get(where)
        return Secret(value) if value else f"refers to the environment variable {where}, which is not set"
    try:
        value = Path(where).read_text("utf-8").rstrip("\r\n")
    except (OSError, ValueError) as error:
        return f"refers to the file {where}: {type(error).__name__}"
    return Secret(value) if value else f"refers to the file {where}, which is empty"


# --- Checking -----------------------------------------------------------------------------------------


def _model(provider: AnyProvider, settings: Mapping[str, object]) -> Any:
    fields = attrs.fields_dict(provider.account_type)
    for key in settings:
        if key not in fields:
            raise ConfigError(f"{provider.name} has no setting {key!r}; {_known(key, fields)}")
    for key, field in fields.items():
        if field.default is attrs.NOTHING and key not in settings:
            raise ConfigError(f"{provider.name} needs the setting {key!r}")
    made = _made(provider, settings, fields)
    if isinstance(made, str):
        raise ConfigError(made)
    return made


def _made(provider: AnyProvider, settings: Mapping[str, object], fields: Mapping[str, Any]) -> Any:
    """Return the account, or what is wrong with a setting.

    It raises nothing, for its frame spells what was veiled.
    """
    types = _types(provider)
    try:
        values = {
            key: _structured(key, value, types[key])
            for key, value in settings.items()
            # None says what leaving it out says.
            if value is not None or fields[key].default is not None
        }
        return provider.account_type(**values)
    except ConfigError as error:
        return str(error)
    except (TypeError, ValueError) as error:
        return f"{provider.name}: {error}"


def _structured(key: str, value: object, kind: Any) -> object:
    try:
        return _converter().structure(value, kind)
    except (TypeError, ValueError):
        # No detail: the exception may repeat the value, which may be a secret.
        pass
    given = value.kind if isinstance(value, Unusable) else type(value).__name__
    raise ConfigError(f"{key} must be {_kind_name(kind)}, not {'str' if given == 'Secret' else given}")


@functools.cache
def _converter() -> Any:
    # Imported when first needed: `import convops` stays without cattrs.
    from cattrs import Converter  # noqa: PLC0415

    def exactly(kind: type) -> Any:
        def structure(value: object, _: Any) -> object:
            if isinstance(value, Secret) and kind is str:
                return value.reveal()
            if type(value) is not kind:
                raise TypeError
            return value

        return structure

    converter = Converter(detailed_validation=False)
    for kind in (str, int, bool):
        converter.register_structure_hook(kind, exactly(kind))
    converter.register_structure_hook(Secret, lambda value, _: Secret(value))
    return converter


def _types(provider: AnyProvider) -> dict[str, Any]:
    """Return the type of every setting; that of an optional one without its None."""
    hints = typing.get_type_hints(provider.account_type)
    return {
        field.name: next((arg for arg in typing.get_args(hint) if arg is not NoneType), hint)
        for field in attrs.fields(provider.account_type)
        for hint in (hints[field.name],)
    }


def _kind_name(kind: Any) -> str:
    return {int: "an int", bool: "true or false", Secret: "a str or a Secret"}.get(kind, f"a {kind.__name__}")


def _known(key: str, known: Iterable[str]) -> str:
    names = sorted(known)
    near = difflib.get_close_matches(key, names, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"{hint}known: {', '.join(names) or 'none'}"
