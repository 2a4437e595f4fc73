"""Every scenario, in the order of recording: what takes something away comes last."""

from __future__ import annotations

from tests.cassettes import (
    matrix_scenarios,
    tencent_scenarios,
    zego_receipts_scenarios,
    zego_scenarios,
)
from tests.cassettes.scenario import Scenario

SCENARIOS: tuple[Scenario, ...] = tuple(
    sorted(
        (
            *zego_scenarios.SCENARIOS,
            *zego_receipts_scenarios.SCENARIOS,
            *tencent_scenarios.SCENARIOS,
            *matrix_scenarios.SCENARIOS,
        ),
        key=lambda scenario: scenario.destructive,
    )
)


def by_name(name: str) -> Scenario:
    return next(scenario for scenario in SCENARIOS if str(scenario) == name)
