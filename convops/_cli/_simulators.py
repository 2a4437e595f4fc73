"""Simulated vendors, made from what their providers name."""

from __future__ import annotations

from pkgutil import resolve_name
from typing import Any

from convops._accounts import from_keywords
from convops.errors import ConfigError
from convops.provider import AnyProvider
from convops.testing import Simulator

NOWHERE = "http://127.0.0.1"


def make_simulator(provider: AnyProvider) -> Simulator:
    """Return a fresh simulator of the provider's vendor.

    Raises:
        ConfigError: the provider names none, or what it names is none.
    """
    if provider.simulator is None:
        raise ConfigError(f"{provider.name} has no simulator")
    try:
        simulator = resolve_name(provider.simulator)()
    except Exception as error:  # noqa: BLE001 - a plugin's module can fail in any way
        raise ConfigError(
            f"the simulator of {provider.name!r} cannot be made: {type(error).__name__}"
        ) from None
    if not isinstance(simulator, Simulator):
        raise ConfigError(f"{provider.simulator} of {provider.name!r} is no convops.testing.Simulator")
    return simulator


def sample_account(provider: AnyProvider) -> Any:
    """Return settings that suit the provider: its simulator's, or all defaults.

    Raises:
        ConfigError: it has no simulator, and settings without a default.
    """
    if provider.simulator is None:
        return from_keywords(provider.name, {}).settings
    settings = {**make_simulator(provider).settings, "base_url": NOWHERE}
    return from_keywords(provider.name, settings).settings
