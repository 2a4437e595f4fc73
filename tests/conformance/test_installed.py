"""The kit, on every provider that is installed."""

from __future__ import annotations

from pathlib import Path

from convops._registry import installed
from convops.testing._suites import suite_of

CASSETTES = Path(__file__).parents[2] / "cassettes"


def cassettes_of(name):
    folder = CASSETTES / name
    return folder if folder.is_dir() else None


globals().update(
    {
        f"Test{found.name.title()}": suite_of(found.name, cassettes=cassettes_of(found.name))
        for found in installed()
    }
)
