"""What the help and the options of several commands share."""

from __future__ import annotations

from datetime import datetime

import click

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON; a failure is an object with error."
)


def examples(*lines: str) -> str:
    """Return the end of a command's help."""
    # Click joins the lines of a paragraph, unless the first is a backspace.
    return "\n".join(("\b", "Example:" if len(lines) == 1 else "Examples:", *(f"  {line}" for line in lines)))


def _moment(_: click.Context, __: click.Parameter, value: str | None) -> datetime | None:
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise click.BadParameter("not a date and time such as 2026-01-31T09:30:00+01:00.") from None
    if moment.utcoffset() is None:
        raise click.BadParameter("it has no time zone; end it with Z, or an offset such as +01:00.")
    return moment


up_to_option = click.option(
    "--up-to",
    metavar="ISO8601",
    callback=_moment,
    help="Only messages up to then; by default, all until now.",
)
erase_option = click.option(
    "--erase-history", is_flag=True, help="Also remove the user's own view of its messages."
)
