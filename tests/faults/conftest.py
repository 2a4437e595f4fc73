"""Makes the marker `faults` known, whichever way the session was started."""

from __future__ import annotations

from tests.faults import summary


def pytest_configure(config):
    if not config.pluginmanager.is_registered(summary):
        config.pluginmanager.register(summary, summary.__name__)
