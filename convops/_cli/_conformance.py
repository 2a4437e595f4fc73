"""`convops conformance`: the kit, run on an installed provider."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from convops._cli._documents import caveat_document
from convops._cli._matrix import Column, cell_documents, column_of
from convops._cli._options import examples
from convops._cli._say import printable, say, say_json
from convops._registry import find_provider, installed
from convops.errors import ConfigError
from convops.provider import AnyProvider
from convops.support import Caveat

PROBLEMS_SHOWN = 3


def report_document(provider: AnyProvider, conformed: Any) -> dict[str, Any]:
    """Return a run as a dict: the cells, what they rest on, what was counted, and what is deviated from.

    Nothing in it depends on when or where the kit was run.
    """
    column = column_of(provider)
    (package,) = (found.package for found in installed() if found.name == provider.name)
    return {
        "provider": provider.name,
        "title": provider.title,
        "package": package,
        "contract": provider.contract,
        "kit": conformed.kit,
        "ok": conformed.ok,
        "counts": {name: conformed.count(name) for name in ("cases", "passed", "failed", "deviated")},
        "checks": [
            {
                "id": tally.check.id,
                "asks": tally.check.sentence,
                "cases": tally.cases,
                "passed": tally.passed,
                "failed": len(tally.problems),
            }
            for tally in conformed.tallies
        ],
        "deviations": [
            {"check": tally.check.id, "reason": tally.deviation}
            for tally in conformed.tallies
            if tally.deviation is not None
        ],
        "cells": cell_documents(provider.name, column.cells),
        "options": [
            {
                "setting": option.switch.setting,
                "value": option.switch.value,
                "cells": cell_documents(provider.name, option.cells),
            }
            for option in column.options
        ],
        "caveats": [caveat_document(caveat) for caveat in _caveats(column)],
    }


def _caveats(column: Column) -> list[Caveat]:
    every = (column.cells, *(option.cells for option in column.options))
    return list(dict.fromkeys(one for cells in every for cell in cells.values() for one in cell.caveats))


def _show(provider: AnyProvider, conformed: Any) -> None:
    say(f"{provider.title}, by kit {conformed.kit}:")
    for tally in conformed.tallies:
        say(f"  {_mark(tally):8} {tally.check.id:20} {tally.passed}/{tally.cases}  {tally.check.sentence}")
        for problem in tally.problems[:PROBLEMS_SHOWN]:
            say(f"           {printable(problem)}")
        if tally.deviation is not None and not tally.problems:
            say(f"           because: {printable(tally.deviation)}")
    for problem in conformed.problems:
        say(f"  FAIL     {printable(problem)}")
    counts = ", ".join(
        f"{conformed.count(name)} {name}" for name in ("cases", "passed", "failed", "deviated")
    )
    say(f"{counts}: {'it conforms' if conformed.ok else 'it does not conform'}")


def _mark(tally: Any) -> str:
    if tally.problems:
        return "FAIL"
    if tally.deviation is not None:
        return "deviates"
    # The provider has no codes, no probe, nothing it lacks: said, and not passed over.
    return "ok" if tally.cases else "none"


def _deviations(given: Sequence[str]) -> dict[str, str]:
    found = {}
    for one in given:
        name, _, reason = one.partition("=")
        if not reason.strip():
            raise ConfigError(f"a deviation is CHECK=REASON, and {name!r} has no reason")
        found[name] = reason.strip()
    return found


@click.command(
    epilog=examples(
        "convops conformance zego", "convops conformance mine --report docs/conformance/mine.json"
    )
)
@click.argument("provider", metavar="PROVIDER")
@click.option(
    "--report", type=click.Path(dir_okay=False), help="Write cells, counts and deviations here, as JSON."
)
@click.option(
    "--cassettes", type=click.Path(exists=True, file_okay=False), help="Look through this folder too."
)
@click.option("--deviation", "deviations", multiple=True, help="CHECK=REASON: why a check is not kept.")
@click.option("--only", multiple=True, metavar="CHECK", help="Run this check, and others named so, alone.")
@click.option("--json", "as_json", is_flag=True, help="Print the report instead of words.")
@click.pass_context
def conformance(  # noqa: PLR0913 - one for each option
    ctx: click.Context,
    *,
    provider: str,
    report: str | None,
    cassettes: str | None,
    deviations: Sequence[str],
    only: Sequence[str],
    as_json: bool,
) -> None:
    """Run the conformance kit on a provider.

    It is run against the simulator that the provider names.

    Exit status: 0 it conforms, 1 it does not, 2 the kit cannot be run.
    """
    try:
        from convops.testing._run import run_kit  # noqa: PLC0415 - pytest is an extra
    except ImportError:
        raise ConfigError("the kit needs pytest: install 'convops[testing]'") from None
    if report and only:
        raise ConfigError("a report is about every check: give either --report or --only")
    found = find_provider(provider)
    if report:
        # Before the kit is run, which takes a while.
        Path(report).parent.mkdir(parents=True, exist_ok=True)
    conformed = run_kit(
        found,
        cassettes=Path(cassettes) if cassettes else None,
        deviations=_deviations(deviations),
        only=only,
    )
    document = report_document(found, conformed)
    if report:
        Path(report).write_text(json.dumps(document, indent=2) + "\n", "utf-8")
    if as_json:
        say_json(document, indent=2)
    else:
        _show(found, conformed)
    if not conformed.ok:
        ctx.exit(1)
