"""Tables, for a terminal, a pipe or a Markdown page."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from attrs import frozen

from convops._cli._say import printable, say


@frozen(kw_only=True)
class Table:
    """Rows of text under a heading.

    Attributes:
        columns: what stands above each column.
        rows: as many cells each.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]

    def plain(self) -> str:
        """Return it aligned with spaces."""
        lines = [[printable(cell) for cell in line] for line in (self.columns, *self.rows)]
        widths = [max(len(line[index]) for line in lines) for index in range(len(self.columns))]
        ruled = [lines[0], ["-" * width for width in widths], *lines[1:]]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in ruled
        )

    def markdown(self) -> str:
        """Return it as Markdown."""
        lines = [list(self.columns), ["---"] * len(self.columns), *self.rows]
        return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return printable(text).replace("|", "\\|")


def show(table: Table) -> None:
    """Print a table: drawn on a terminal where rich is installed, else in plain text."""
    if not (sys.stdout.isatty() and sys.stdout.encoding == "utf-8" and _draw(table)):
        say(table.plain())


def _draw(table: Table) -> bool:
    try:
        from rich import box  # noqa: PLC0415 - an extra, and slow to import
        from rich.console import Console  # noqa: PLC0415
        from rich.table import Table as Drawn  # noqa: PLC0415
        from rich.text import Text  # noqa: PLC0415
    except ImportError:
        return False
    drawn = Drawn(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in table.columns:
        drawn.add_column(Text(printable(column)), overflow="fold")
    for row in table.rows:
        # As Text, for a str would be read as markup.
        drawn.add_row(*(Text(printable(cell)) for cell in row))
    Console(highlight=False).print(drawn)
    return True
