"""What convops is to reach, and whether a file of figures has all that is judged by it.

    uv run python tests/bench/goals.py FILE

Looks at no value but that it is a positive number: a machine that runs tests has no time to measure.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

RATIOS_MIN: Mapping[str, float] = {
    "async20_tls.default_vs_httpx": 4.5,
    "async20_tls.fastest_vs_httpx": 12.0,
    "async20_tls.fastest_vs_its_library": 0.85,
    "sync1.default_vs_httpx": 1.8,
    "sync1.fastest_vs_httpx": 4.5,
    "sync1.default_vs_tencentcloud_sdk": 20.0,
}
"""By key, the least median of operations a second, ours over theirs."""
OWN_CPU_US_MAX = 15.0
"""The most our own share of an operation may cost, in microseconds of the processor."""


def lacking(figures: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is not there, or no positive number."""
    ratios = figures.get("ratios", {})
    for key in RATIOS_MIN:
        for name in ("median", "min", "max"):
            if not _is_positive(ratios.get(key, {}).get(name)):
                yield f"ratios: {key}: {name}"
    if not _is_positive(figures.get("own_cpu_us")):
        yield "own_cpu_us"


def _is_positive(value: object) -> bool:
    return type(value) in (int, float) and math.isfinite(value) and value > 0


def judged(figures: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    """Yield what is to be reached, the goal, what was measured, and the verdict."""
    for key, least in RATIOS_MIN.items():
        spread = figures["ratios"].get(key)
        median = spread and spread["median"]
        yield key, f">= {least:g}", *_verdict(median, median is not None and median >= least, ".2f")
    own = figures.get("own_cpu_us")
    yield (
        "own_cpu_us",
        f"<= {OWN_CPU_US_MAX:g}",
        *_verdict(own, own is not None and own <= OWN_CPU_US_MAX, ".1f"),
    )


def _verdict(value: float | None, is_met: bool, form: str) -> tuple[str, str]:  # noqa: FBT001
    if value is None:
        return "", "not measured"
    return format(value, form), "met" if is_met else "missed"


def main() -> int:
    """Say what a file lacks; the exit status is 1 where it lacks anything."""
    found = list(lacking(json.loads(Path(sys.argv[1]).read_text("utf-8"))))
    for one in found:
        print(f"no positive number: {one}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
