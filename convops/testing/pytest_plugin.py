"""What pytest finds by its entry point: a marker, and fixtures for the tests of an app.

pytest loads this whenever it starts, in every project that has convops: only pytest is imported here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest


def pytest_configure(config: Any) -> None:
    """Let the marker be known."""
    config.addinivalue_line("markers", "conformance: what every provider must keep, by convops.testing")


@pytest.fixture
def convops_simulator() -> Iterator[Any]:
    """Return a simulated vendor in memory, a fresh `convops.testing.MemoryWorld`."""
    from convops.testing import MemoryWorld  # noqa: PLC0415 - only the tests that ask for it need it

    with MemoryWorld() as world:
        yield world


@pytest.fixture
def convops_faults(convops_simulator: Any) -> Any:
    """Return what lets the next operations at `convops_simulator` fail: `convops_faults(error)`."""
    return convops_simulator.fail
