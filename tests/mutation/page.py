"""The listed survivors, and what the page says of them."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

from attrs import frozen

ROOT = Path(__file__).parents[2]
LIST = Path(__file__).parent / "survivors.toml"
PAGE = ROOT / "docs/reliability.md"
MARK = re.compile(r"(<!-- generated: mutants -->\n).*?(<!-- end -->)", re.DOTALL)

Identity = tuple[str, str, str, str]
"""Module, function, the line before and after: what stays when lines move."""

Figures = Mapping[str, tuple[int, int]]
"""By module, how many mutants were killed, of how many."""


@frozen
class Survivor:
    """A mutant that no test is to kill.

    Attributes:
        module: its file.
        function: where in it; empty outside of all.
        before: the line as it is.
        after: the line as it would be.
        why: the reason.
    """

    module: str
    function: str
    before: str
    after: str
    why: str

    @property
    def identity(self) -> Identity:
        """What stays when lines move."""
        return self.module, self.function, self.before, self.after


def listed() -> list[Survivor]:
    """Return every survivor that has a reason."""
    return [
        Survivor(entry["module"], entry["function"], change["before"], change["after"], entry["why"])
        for entry in tomllib.loads(LIST.read_text("utf-8"))["survivors"]
        for change in entry["changes"]
    ]


def rate(killed: int, total: int) -> float:
    """Return the share that was killed, in per cent."""
    return 100 * killed / total if total else 100.0


def rates(figures: Figures) -> Iterator[str]:
    """Return the table of figures, line by line."""
    yield "| module | mutants | killed | share |"
    yield "|---|---|---|---|"
    for module, (killed, total) in figures.items():
        yield f"| `{module}` | {total} | {killed} | {rate(killed, total):.1f} % |"
    killed, total = (sum(column) for column in zip(*figures.values(), strict=True))
    yield f"| all | {total} | {killed} | {rate(killed, total):.1f} % |"


def rows(survivors: list[Survivor]) -> Iterator[str]:
    """Return the table of survivors, line by line."""
    yield "| where | the line | as it survives | why |"
    yield "|---|---|---|---|"
    above = Survivor("", "", "", "", "")
    for survivor in survivors:
        is_new = (survivor.module, survivor.function) != (above.module, above.function)
        function = f"<br>`{survivor.function}`" if survivor.function else ""
        where = f"`{survivor.module}`{function}" if is_new else ""
        why = survivor.why if is_new or survivor.why != above.why else "the same"
        cells = (where, _code(survivor.before), _code(survivor.after), why)
        yield f"| {' | '.join(cells)} |".replace("|  |", "| |")
        above = survivor


def _code(line: str) -> str:
    escaped = line.replace("|", "\\|")
    return f"`{escaped}`" if escaped else "left out"


def written(figures: Figures) -> str:
    """Return the page with these figures and the listed survivors."""
    block = "\n".join((*rates(figures), "", "What survives, and why:", "", *rows(listed())))
    return MARK.sub(lambda found: f"{found[1]}\n{block}\n\n{found[2]}", PAGE.read_text("utf-8"))
