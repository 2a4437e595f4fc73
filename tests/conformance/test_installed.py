"""The kit, on every provider that is installed."""

from __future__ import annotations

from pathlib import Path

import pytest

from convops._registry import installed
from convops.testing._suites import suite_of

CASSETTES = Path(__file__).parents[2] / "cassettes"


def cassettes_of(name):
    folder = CASSETTES / name
    return folder if folder.is_dir() else None


globals().update(
    {
        f"Test{found.name.title()}": suite_of(found.provider, cassettes=cassettes_of(found.name))
        for found in installed()
        if found.provider is not None
    }
)


@pytest.mark.conformance
def test_every_installed_plugin_can_be_loaded():
    assert [found.problem for found in installed() if found.problem is not None] == []
