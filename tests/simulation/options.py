"""How many stories are played: 200 in a plain run, 10,000 with `-m simulation`, any number by hand."""

from __future__ import annotations

from typing import Any

import pytest

PLAIN, ASKED_FOR = 200, 10_000
CHUNK = 50
"""Seeds that make one test."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("simulation")
    group.addoption("--seeds", type=int, metavar="N", help="play the stories of this many seeds")
    group.addoption("--first-seed", type=int, default=0, metavar="N", help="begin with this seed")
    group.addoption(
        "--seed", type=int, metavar="N", help="play the story of one seed, and tell it if it fails"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "simulation: plays stories, and plants defects that they must find")
    config.addinivalue_line("markers", "planted: plants a defect; only with `-m simulation`")


def asked_for(config: pytest.Config) -> bool:
    """Whether the run is about the simulation."""
    return "simulation" in config.option.markexpr or config.option.seeds is not None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "seeds" not in metafunc.fixturenames:
        return
    options = metafunc.config.option
    if options.seed is not None:
        chunks = [range(options.seed, options.seed + 1)]
    else:
        count = options.seeds or (ASKED_FOR if asked_for(metafunc.config) else PLAIN)
        first, end = options.first_seed, options.first_seed + count
        chunks = [range(start, min(start + CHUNK, end)) for start in range(first, end, CHUNK)]
    metafunc.parametrize("seeds", chunks, ids=lambda seeds: f"{seeds[0]}-{seeds[-1]}")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Plant defects only where the run is about the simulation: it takes as long as everything else."""
    if asked_for(config):
        return
    planted = [item for item in items if item.get_closest_marker("planted")]
    config.hook.pytest_deselected(items=planted)
    items[:] = [item for item in items if item not in planted]


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say how many stories were played, and how many it took to find the defects."""
    noted = [noted for report in terminalreporter.getreports("passed") for noted in report.user_properties]
    stories = sum(value for name, value in noted if name == "stories")
    found = [value for name, value in noted if name == "defect found by story"]
    if stories or found:
        late = f"; {len(found)} planted defects found, the last by story {max(found)}" if found else ""
        terminalreporter.write_line(f"simulation: {stories:,} stories{late}")
