"""The adapter that the tests of the seam are run with: `--adapter NAME`, and httpx where none is named.

Under another one than httpx, what it does not serve is left out, and what is about httpx's own classes is
skipped with its reason.
"""

from __future__ import annotations

from typing import Any

import pytest

from convops._transports import ADAPTERS, DEFAULT

# Set before anything is collected, and in the workers as well.
_name = DEFAULT

FLAVOURS = {"sync": "blocking", "async": "asynchronous"}


def name() -> str:
    """Return its name."""
    return _name


def options(**others: Any) -> dict[str, Any]:
    """Return options of a client that uses it, unless they name a transport themselves."""
    # Of the default nothing is said, as an app says nothing of it.
    return others if _name == DEFAULT else {"transport": _name, **others}


def is_recorded() -> bool:
    """Whether recorders and tracers know the library under it."""
    return _name != "httptools"


def is_read_by_httptools() -> bool:
    """Whether answers are read by llhttp as strictly as it can."""
    return _name != "aiohttp"


def serves(flavour: str) -> bool:
    """Whether it has an adapter of this flavour: `sync` or `async`."""
    return getattr(ADAPTERS[_name], FLAVOURS[flavour]) is not None


# --- What pytest asks -------------------------------------------------------------------------------


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("adapters")
    group.addoption(
        "--adapter", default=DEFAULT, metavar="NAME", help="run the tests of the seam with this adapter"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Choose it.

    Raises:
        pytest.UsageError: there is none of that name, or what it needs is not installed.
    """
    config.addinivalue_line("markers", "flavour(name): is about clients of this flavour only")
    config.addinivalue_line("markers", "recorded: is about what recorders and tracers are shown")
    config.addinivalue_line("markers", "of_httpx(what): is about something of httpx's own")
    global _name  # noqa: PLW0603 - this is the one place
    _name = config.getoption("--adapter")
    if _name not in ADAPTERS:
        raise pytest.UsageError(f"--adapter {_name} is none of: {', '.join(ADAPTERS)}")
    try:
        ADAPTERS[_name].load("asynchronous")
    except ModuleNotFoundError as error:
        raise pytest.UsageError(f"--adapter {_name} needs {error.name}, which is not installed") from None


def pytest_report_header() -> str:
    return f"adapter: {_name}"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the flavours that it does not serve, and skip what it has no part in."""
    unserved = [item for item in items if (about := _flavours(item)) and not any(map(serves, about))]
    config.hook.pytest_deselected(items=unserved)
    items[:] = [item for item in items if item not in unserved]
    for item in items:
        marked = item.get_closest_marker("of_httpx")
        if marked and _name != DEFAULT:
            item.add_marker(pytest.mark.skip(reason=f"only httpx has {marked.args[0]}"))
        if item.get_closest_marker("recorded") and not is_recorded():
            item.add_marker(pytest.mark.skip(reason=f"nothing records {_name}"))


def _flavours(item: pytest.Item) -> set[str]:
    marked = item.get_closest_marker("flavour")
    if marked:
        return set(marked.args)
    played = getattr(item, "callspec", None)
    return set(played.id.split("-")) & FLAVOURS.keys() if played else set()
