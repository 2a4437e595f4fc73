"""The kit for a provider with the simulator it names itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

from convops.errors import ConfigError
from convops.provider import AnyProvider
from convops.testing._conformance import Conformance
from convops.testing._memory import MemorySimulator
from convops.testing._simulator import Simulator


def simulator_of(provider: AnyProvider) -> Callable[..., Simulator]:
    """Return what makes the simulator of a provider's vendor.

    Raises:
        ConfigError: it names none, or one that cannot be loaded.
    """
    if provider.name == MemorySimulator.provider:
        # Its vendor is a store in this process, with a transport of its own: nobody can simulate less.
        return MemorySimulator
    if provider.simulator is None:
        raise ConfigError(f"{provider.name} names no simulator, so there is nothing to run the kit against")
    try:
        found = resolve_name(provider.simulator)
    except Exception as error:  # noqa: BLE001 - a plugin's module can fail in any way
        raise ConfigError(
            f"the simulator of {provider.name!r} cannot be loaded: {type(error).__name__}"
        ) from None
    if not (isinstance(found, type) and issubclass(found, Simulator)):
        raise ConfigError(f"{provider.simulator} of {provider.name!r} is no convops.testing.Simulator")
    return found


def suite_of(
    provider: AnyProvider, *, cassettes: Path | None = None, deviations: Mapping[str, str] | None = None
) -> type[Conformance]:
    """Return the kit as a test class for a provider.

    Raises:
        ConfigError: it names no simulator.
    """
    attributes: dict[str, Any] = {
        "provider": provider,
        "simulator": simulator_of(provider),
        "cassettes": cassettes,
        "deviations": deviations or {},
    }
    return type("TestProvider", (Conformance,), attributes)
