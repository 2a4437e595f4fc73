"""What an account's settings can switch on."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import attrs
from attrs import frozen

from convops.errors import ConfigError
from convops.provider import OneOf


@frozen
class Switch:
    """A setting that is not at its default.

    Attributes:
        setting: its name.
        value: the least that switches it on: true, or 1 where it is a number; or one of a few names.
    """

    setting: str
    value: object

    @property
    def words(self) -> str:
        """The setting as it stands in a configuration file."""
        return f"{self.setting} = {json.dumps(self.value)}"

    def __str__(self) -> str:
        return self.setting if self.value is True else f"{self.setting}={self.value}"


def switched_on(account: Any) -> Iterator[tuple[Switch, Any]]:
    """Yield each switch of an account that is off by default, and the account with it on."""
    for setting in attrs.fields(type(account)):
        for value in _values(setting):
            try:
                switched = attrs.evolve(account, **{setting.name: value})
            except ConfigError:
                # It takes other numbers, or is on only together with another setting.
                continue
            yield Switch(setting.name, value), switched


def _values(setting: Any) -> Sequence[object]:
    """Return what a setting may be besides its default, where that is little: on, one, or a few names."""
    if isinstance(setting.validator, OneOf):
        return setting.validator.names
    off = type(setting.default) in (bool, int) and not setting.default
    return (type(setting.default)(1),) if off else ()
