"""The benchmarks: `uv run --group bench python tests/bench/run.py`.

Each figure is a ratio that was measured in one run: ours and theirs perform the same operation back to back,
round after round, against a server on this machine. A quarter of an hour; nothing else should run meanwhile.

    --quick         tiny rounds, in half a minute: shows that everything runs, and says nothing of speed
    --only ROOM     only this room; may be given several times
    --json FILE     write the figures
    --from FILE     measure nothing, and take figures that were written before
    --markdown      print tables for a page
    --page FILE     write them into the marked section of a page, and a chart of its name beside it
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from statistics import mean, median
from typing import Any

from attrs import asdict

from tests.bench import conditions, contests, memory, own, page, stage, start, table
from tests.bench.rounds import FULL, QUICK, Contender, Effort, Spread, spread

LABELS = {
    "default": "convops",
    "fastest": "convops, {}",
    "aiohttp_adapter": "convops, {}",
    "httpx2_adapter": "convops, {}",
    "httpx": "httpx by hand",
    "httpx2": "httpx2 by hand",
    "aiohttp": "aiohttp by hand",
    "httptools": "httptools by hand",
    "requests": "requests by hand",
    "tencentcloud_sdk": "tencentcloud-sdk-python-im",
    "tencentcloud_common": "tencentcloud-sdk-python-common",
    "floor": "prepared bytes",
    "issue": "convops, a new UserSig",
    "per_call": "convops, UserSig kept",
    "tls_sig_api": "tls-sig-api-v2, a new UserSig",
}
ROOMS = (*(contest.name for contest in contests.CONTESTS), "signing", "own", "memory", "start")


def main() -> int:
    """Measure, or read what was measured, and show it."""
    options = _options()
    if options.read:
        figures = json.loads(options.read.read_text("utf-8"))
    else:
        figures = measured(options.only or ROOMS, QUICK if options.quick else FULL)
    print(table.markdown(figures) if options.markdown else table.plain(figures))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", "utf-8")
    if options.page:
        page.write(options.page, figures)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, usage="run.py [options]"
    )
    parser.add_argument("--quick", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--only", action="append", choices=ROOMS, help=f"one of {', '.join(ROOMS)}")
    parser.add_argument("--json", type=Path, metavar="FILE", help=argparse.SUPPRESS)
    parser.add_argument("--from", type=Path, metavar="FILE", dest="read", help=argparse.SUPPRESS)
    parser.add_argument("--markdown", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--page", type=Path, metavar="FILE", help=argparse.SUPPRESS)
    return parser.parse_args()


def measured(rooms: Iterable[str], effort: Effort) -> dict[str, Any]:
    """Return the figures of these rooms."""
    rooms = tuple(rooms)
    figures: dict[str, Any] = {
        "date": datetime.now(UTC).date().isoformat(),
        "effort": asdict(effort),
        "machine": conditions.machine(),
        "versions": conditions.versions(),
        "server": None,
        "left_out": list(contests.missing()),
        "ratios": {},
        "contests": [],
    }
    for one in figures["left_out"]:
        _say(f"left out: {one}")
    # Where processes are started it is done first: they would inherit the processor of the client.
    if "start" in rooms:
        _say("start")
        figures["ratios"] |= {
            key: start.ratio(*pair, rounds=effort.start_rounds) for key, pair in start.PAIRS.items()
        }
    if "memory" in rooms:
        _say("memory")
        figures["memory"] = memory.measured(effort.accounts)
    _hold(figures, [contest for contest in contests.CONTESTS if contest.name in rooms], effort)
    if "signing" in rooms:
        _say("signing")
        _add(figures, contests.SIGNING, *own.signing(effort))
    if "own" in rooms:
        _say("own")
        shares = own.shares(effort)
        figures["own_cpu"] = {name: asdict(one) for name, one in shares.items()}
        figures["own_cpu_us"] = shares["tencent_mark_read"].median
    return figures


def _hold(figures: dict[str, Any], chosen: list[contests.Contest], effort: Effort) -> None:
    if not chosen:
        return
    with stage.standing() as server:
        figures["server"] = {"loop": server.loop, "bound": server.bound}
        for contest in chosen:
            _say(contest.name)
            _add(figures, contest, *contests.held(contest, server, effort))


def _add(
    figures: dict[str, Any], contest: contests.Contest, ratios: dict[str, Spread], contenders: list[Contender]
) -> None:
    figures["ratios"] |= {key: asdict(one) for key, one in ratios.items()}
    adapters = contests.cast(contest).adapters
    rows = [dict(_row(one, adapters)) for one in contenders]
    floor = next((row["cpu_us"]["median"] for row in rows if row["name"] == "floor"), None)
    for row in rows:
        row["cpu_over_floor"] = row["cpu_us"]["median"] / floor if floor else None
    figures["contests"].append({"name": contest.name, "title": contest.title, "contenders": rows})


def _row(contender: Contender, adapters: Mapping[str, str]) -> Iterator[tuple[str, object]]:
    rounds = contender.rounds
    yield "name", contender.name
    yield "label", LABELS[contender.name].format(adapters.get(contender.name))
    yield "rate", asdict(spread(one.rate for one in rounds))
    yield "cpu_us", asdict(spread(one.cpu_us for one in rounds))
    served = [(one.operations, one.served) for one in rounds if one.served]
    yield (
        "served",
        served
        and {
            "round_trips": mean(stats.requests / count for count, stats in served),
            "connections": mean(stats.connections / count for count, stats in served),
            "bytes_out": mean(stats.bytes_in / count for count, stats in served),
            "bytes_in": mean(stats.bytes_out / count for count, stats in served),
            "busy": median(stats.cpu_seconds / stats.seconds for _, stats in served),
        },
    )


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
