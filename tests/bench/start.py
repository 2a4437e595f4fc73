"""How long `import convops` and `convops --help` take, as ratios measured in one run.

    uv run python tests/bench/start.py [--json FILE]

Also a room of `run.py`. Here less is better.

The rounds are interleaved, so that a machine that slows down slows both sides. Figures are whole
processes; each ratio is the median of its rounds, with the smallest and the largest.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROUNDS = 15
PAIRS = {
    "import_convops_vs_attrs_and_pluggy": ("import convops", "import attrs, pluggy"),
    "help_vs_a_click_program_that_does_nothing": (
        "import sys; sys.argv[1:] = ['--help']; from convops._cli import main; main()",
        "import click; click.command()(lambda: None)(['--help'])",
    ),
}


def seconds(code: str) -> float:
    """Return how long a fresh interpreter takes to run a line."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=False, stdout=subprocess.DEVNULL)  # noqa: S603
    return time.perf_counter() - started


def ratio(ours: str, theirs: str, rounds: int = ROUNDS) -> dict[str, float]:
    """Return the ratio of two lines over interleaved rounds."""
    seconds(ours), seconds(theirs)
    ratios = [seconds(ours) / seconds(theirs) for _ in range(rounds)]
    return {"median": statistics.median(ratios), "min": min(ratios), "max": max(ratios)}


def main() -> None:
    """Measure, print a table, and write JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    ratios = {key: ratio(*pair) for key, pair in PAIRS.items()}
    for key, figures in ratios.items():
        print(f"{key}: {figures['median']:.2f} ({figures['min']:.2f} to {figures['max']:.2f})")
    if options.json:
        options.json.write_text(json.dumps({"ratios": ratios}, indent=2) + "\n")


if __name__ == "__main__":
    main()
