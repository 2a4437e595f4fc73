"""Playing a cassette: an ordinary client of the vendor's own host, and no network."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import vcr
from attrs import frozen
from vcr.cassette import Cassette

import convops
from convops import Outcome
from tests.cassettes.scenario import Scenario

MATCH_ON = ("method", "scheme", "host", "port", "path", "query", "raw_body")

FLAVOURS = ("sync", "async")


@frozen
class Replay:
    """What came of playing a cassette.

    Attributes:
        outcomes: of the scenario's operations.
        unused: the places of the interactions that nobody asked for.
    """

    outcomes: list[Outcome]
    unused: list[int]


def replay(scenario: Scenario, path: Path, flavour: str = "sync") -> Replay:
    """Perform the scenario's operations against a cassette.

    Raises:
        CannotOverwriteExistingCassetteException: a request is not in it, or not once more.
    """
    region = json.loads(path.read_text("utf-8"))["metadata"]["region"]
    # Without a region the vendor's unified host is meant.
    settings = scenario.settings(**({"region": region} if region else {}))
    player = vcr.VCR(serializer="json", record_mode="none", match_on=MATCH_ON)
    with player.use_cassette(str(path), allow_playback_repeats=False) as cassette:
        outcomes = (
            perform(scenario, settings) if flavour == "sync" else asyncio.run(_perform(scenario, settings))
        )
    return Replay(outcomes, _unused(cassette))


def perform(scenario: Scenario, settings: dict[str, Any]) -> list[Outcome]:
    with convops.connect(scenario.provider, **settings, **scenario.options()) as client:
        return client.apply(scenario.operations)


async def _perform(scenario: Scenario, settings: dict[str, Any]) -> list[Outcome]:
    async with convops.connect_async(scenario.provider, **settings, **scenario.options()) as client:
        return await client.apply(scenario.operations)


def _unused(cassette: Cassette) -> list[int]:
    requests: Sequence[object] = cassette.requests
    return [place for place in range(len(requests)) if not cassette.play_counts[place]]
