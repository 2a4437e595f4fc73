"""Commands, run here or as processes, and what they show of themselves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from click.testing import CliRunner, Result

from convops._cli._group import convops
from tests.leaks.evidence import Evidence
from tests.leaks.surfaces import Surface

PROCESSES = Path("/proc")

# Which word of a command leads to which surface; whatever it prints is output as well.
_WORDS: Mapping[str, Surface] = {
    "--help": Surface.HELP,
    "--json": Surface.JSON,
    "doctor": Surface.DOCTOR,
    "plan": Surface.PLAN,
}


def run(evidence: Evidence, *words: object, command: click.Command = convops) -> Result:
    """Run a command in this process, and keep what it shows."""
    said = [str(word) for word in words]
    result = CliRunner().invoke(command, said, prog_name="convops")
    printed(evidence, said, result.stdout, result.stderr)
    if result.exception is not None:
        evidence.raised(result.exception)
    return result


def printed(evidence: Evidence, words: list[str], *texts: str) -> None:
    """Keep what a command printed."""
    for surface in [Surface.OUTPUT, *(_WORDS[word] for word in words if word in _WORDS)]:
        evidence.add(surface, " ".join(words[:1]), "\n".join(texts))


def looked_up(evidence: Evidence, process: Any, *, known: str = "") -> None:
    """Keep what anyone on this machine sees of a process and of those it started.

    Args:
        evidence: where it is kept.
        process: what is looked up.
        known: a line of its environment that whoever started it put there.
    """
    told = PROCESSES / str(process.pid)
    environment = told.joinpath("environ").read_text().split("\0")
    evidence.add(
        Surface.ENVIRONMENT, "crash report", "\n".join(line for line in environment if line != known)
    )
    for one in (told, *(PROCESSES / child for child in _children(told))):
        evidence.add(Surface.ARGUMENTS, "ps", one.joinpath("cmdline").read_bytes())
        for thread in one.joinpath("task").iterdir():
            evidence.add(Surface.TASKS, "thread", thread.joinpath("comm").read_text())


def _children(told: Path) -> list[str]:
    lists = (thread.joinpath("children") for thread in told.joinpath("task").iterdir())
    return [child for children in lists if children.exists() for child in children.read_text().split()]
