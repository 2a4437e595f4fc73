"""Finding providers: by entry point, each loaded only when its name is asked for."""

from __future__ import annotations

import difflib
import functools
from importlib.metadata import EntryPoint, entry_points

import pluggy
from attrs import frozen

from convops import _hookspecs
from convops.errors import ConfigError
from convops.provider import CONTRACT, AnyProvider, Provider

GROUP = "convops"


@frozen(kw_only=True)
class Installed:
    """An entry point that says it holds a provider.

    Attributes:
        name: the provider's short name.
        package: the distribution it comes from, with its version.
        provider: the loaded provider; None where loading failed.
        problem: why it did; None where it did not.
    """

    name: str
    package: str
    provider: AnyProvider | None = None
    problem: str | None = None


def find_provider(name: str) -> AnyProvider:
    """Return the provider of that name, loading its plugin and no other.

    Raises:
        ConfigError: there is none, or more than one, or its plugin is broken.
    """
    if not isinstance(name, str):
        raise ConfigError(f"a provider's name is a str, not {type(name).__name__}")
    return _load(name)


def installed_names() -> list[str]:
    """Return the name of every installed provider in order, loading none."""
    return sorted({point.name for point in _points()})


def installed() -> list[Installed]:
    """Return every installed provider in order of name, the broken ones with their problem."""
    found: list[Installed] = []
    for name in installed_names():
        package = ", ".join(sorted({_package(point) for point in _points(name)}))
        try:
            found.append(Installed(name=name, package=package, provider=_load(name)))
        except ConfigError as error:
            found.append(Installed(name=name, package=package, problem=str(error)))
    return found


@functools.cache
def _load(name: str) -> AnyProvider:
    points = _points(name)
    if not points:
        names = installed_names()
        near = difflib.get_close_matches(name, names, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise ConfigError(f"no provider is called {name!r}; {hint}installed: {', '.join(names) or 'none'}")
    if len(points) > 1:
        packages = " and ".join(sorted(_package(point) for point in points))
        raise ConfigError(f"two plugins provide {name!r}: {packages}; uninstall one")
    return _checked(points[0])


def _checked(point: EntryPoint) -> AnyProvider:
    origin = f"the plugin {point.name!r} of {_package(point)}"
    manager = pluggy.PluginManager(_hookspecs.PROJECT)
    manager.add_hookspecs(_hookspecs)
    try:
        manager.register(point.load(), name=point.name)
        manager.check_pending()
        provider = manager.hook.convops_provider()
    except (Exception, SystemExit) as error:
        problem = " ".join(f"{type(error).__name__}: {error}".split())
        if isinstance(error, pluggy.PluginValidationError):
            problem += "; the one hook is convops_provider"
        raise ConfigError(f"{origin} cannot be loaded: {problem}") from error
    if provider is None:
        raise ConfigError(f"{origin} registers no provider: it lacks the hook convops_provider")
    if not isinstance(provider, Provider):
        given = provider.__name__ if isinstance(provider, type) else f"a {type(provider).__name__}"
        raise ConfigError(
            f"{origin} registers no provider: convops_provider gave {given}, not an instance of Provider"
        )
    contract = getattr(provider, "contract", None)
    if contract != CONTRACT:
        raise ConfigError(f"{origin} was written for contract {contract!r}; this convops has {CONTRACT}")
    name = getattr(provider, "name", None)
    if name != point.name:
        raise ConfigError(f"{origin} registers a provider called {name!r}")
    return provider


def _points(name: str | None = None) -> list[EntryPoint]:
    found = entry_points(group=GROUP) if name is None else entry_points(group=GROUP, name=name)
    # One installed package can be seen twice, through two entries of the import path.
    return list({(point.value, _package(point)): point for point in found}.values())


def _package(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else "an unknown package"
