"""Writes the table of faults into its page: `uv run python tests/faults/render.py`.

With `--check` nothing is written, and the exit status says whether anything would change.
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from convops._transports import ADAPTERS
from convops.errors import OperationError
from tests.faults.table import GROUPS, Expected, Row, StoppedByApp

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/reliability.md"
MARK = re.compile(r"(<!-- generated: faults -->\n).*?(<!-- end -->)", re.DOTALL)

HEAD = (
    "| fault | what happens | error | retryable | effect | attempts | waits | connection |",
    "|---|---|---|---|---|---|---|---|",
)
TITLES = {
    "connect": "Connecting",
    "timing": "Timing",
    "protocol": "Protocol",
    "body": "Body",
    "HTTP": "HTTP",
    "vendor": "Vendor",
    "local": "This machine",
}
VENDORS = {"zego": "ZEGO", "tencent": "Tencent"}


def rendered() -> str:
    """Return every group as a Markdown table."""
    return "\n\n".join(
        "\n".join((f"### {TITLES[group]}", "", *HEAD, *(line for row in rows for line in _lines(row))))
        for group, rows in GROUPS.items()
    )


def _lines(row: Row) -> Iterator[str]:
    yield _line(row.fault, row.what, row.expected)
    for where, expected in row.unless.items():
        yield _line("", f"- {_spoken(where)}", expected)


def _line(fault: str, what: str, expected: Expected) -> str:
    cells = (
        f"`{fault}`" if fault else "",
        what,
        _error(expected.error),
        _retryable(expected),
        f"`{expected.effect.name}`",
        str(expected.attempts),
        expected.waits.value,
        expected.connection.value,
    )
    return f"| {' | '.join(cells)} |".replace("|  |", "| |")


def _error(error: type[BaseException] | None) -> str:
    if error is None:
        return "none"
    if error is StoppedByApp:
        return "whatever the app's signal handler raises"
    if error is asyncio.CancelledError:
        return "`asyncio.CancelledError`"
    return f"`{error.__name__}`"


def _retryable(expected: Expected) -> str:
    if expected.error is None or not issubclass(expected.error, OperationError):
        return ""
    return "yes" if expected.retryable else "no"


def _spoken(where: str) -> str:
    """Return where an exception holds: a vendor, a verb at a vendor, an adapter, a client, or a way."""
    vendor, _, rest = where.partition("-")
    if vendor in VENDORS:
        verb, _, way = rest.partition("-")
        return ", ".join(filter(None, (VENDORS[vendor], f"`{verb}`" if verb else "", way)))
    if where in ADAPTERS:
        return f"over {where}"
    return f"{where} client" if where in ("sync", "async") else where


def page() -> str:
    """Return the page as it should be."""
    text = PAGE.read_text("utf-8")
    return MARK.sub(lambda found: f"{found[1]}\n{rendered()}\n\n{found[2]}", text)


def main() -> int:
    """Write the page, or with `--check` say whether it is stale."""
    if page() == PAGE.read_text("utf-8"):
        return 0
    sys.stdout.write(f"stale: {PAGE.relative_to(ROOT)}\n")
    if "--check" in sys.argv:
        return 1
    PAGE.write_text(page(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
