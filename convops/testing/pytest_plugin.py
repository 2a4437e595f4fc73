"""What pytest finds by its entry point: a marker, and fixtures for the tests of an app.

pytest loads this whenever it starts, so nothing is imported here.
"""

from __future__ import annotations


def pytest_configure(config):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201, D103
    config.addinivalue_line("markers", "conformance: what every provider must keep, from convops.testing")
