"""`convops matrix`: what every installed provider can do, computed from its own cells."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click
from attrs import frozen

from convops._cli._cells import (
    KEYS,
    Cells,
    Footnotes,
    cell_words,
    cells_of,
    changed_cells,
    fidelity_words,
    key_from,
    rate_words,
)
from convops._cli._documents import caveat_document, support_document, support_from
from convops._cli._options import examples
from convops._cli._say import complain, printable, say, say_json
from convops._cli._simulators import sample_account
from convops._cli._tables import Table, show
from convops._registry import Installed, find_provider, installed
from convops.errors import ConfigError
from convops.operations import OPERATIONS, ConversationKind
from convops.provider import AnyProvider
from convops.support import Caveat
from convops.testing._switches import Switch, switched_on


@frozen(kw_only=True)
class Option:
    """What changes when a setting is not at its default.

    Attributes:
        switch: the setting.
        cells: those that change.
    """

    switch: Switch
    cells: Cells


@frozen(kw_only=True)
class Column:
    """What one provider can do.

    Attributes:
        name: its short name.
        title: the name people know.
        cells: with every account option at its default.
        options: what the settings that are off by default change.
    """

    name: str
    title: str
    cells: Cells
    options: Sequence[Option] = ()


def column_of(provider: AnyProvider) -> Column:
    """Return what a provider can do.

    Raises:
        ConfigError: no account can be made for it, or its plugin fails.
    """
    account = sample_account(provider)
    try:
        return _column(provider, account)
    except Exception as error:  # noqa: BLE001 - whatever a plugin raises is named as its failure
        problem = type(error).__name__
    raise ConfigError(f"the plugin of {provider.name!r} cannot say what it supports: {problem}")


def _column(provider: AnyProvider, account: Any) -> Column:
    def cells(settings: Any) -> Cells:
        return cells_of(lambda operation, kind: provider.support(settings, operation, kind))

    plain = cells(account)
    options = []
    for switch, switched in switched_on(account):
        changed = changed_cells(plain, cells(switched))
        if changed:
            options.append(Option(switch=switch, cells=changed))
    return Column(name=provider.name, title=provider.title, cells=plain, options=options)


def columns_of(found: Sequence[Installed]) -> tuple[list[Column], dict[str, str]]:
    """Return the columns of the providers that work, and the problems of the others by name."""
    columns, problems = [], {}
    for one in found:
        try:
            # Asked for by name, so that a broken plugin raises its problem.
            columns.append(column_of(find_provider(one.name)))
        except ConfigError as error:
            problems[one.name] = printable(str(error))
    return columns, problems


def column_from(document: Mapping[str, Any]) -> Column:
    """Return what a conformance report says that a provider can do."""
    known = {
        caveat["id"]: Caveat(caveat["id"], caveat["text"], caveat["link"]) for caveat in document["caveats"]
    }

    def cells(documents: Sequence[Mapping[str, Any]]) -> Cells:
        return {key_from(one): support_from(one, known) for one in documents}

    return Column(
        name=document["provider"],
        title=document["title"],
        cells=cells(document["cells"]),
        options=[
            Option(switch=Switch(one["setting"], one["value"]), cells=cells(one["cells"]))
            for one in document["options"]
        ],
    )


# --- As JSON ------------------------------------------------------------------------------------------


def matrix_document(columns: Sequence[Column], problems: Mapping[str, str]) -> dict[str, Any]:
    """Return the matrix as a dict."""
    footnotes = Footnotes()
    for column in columns:
        for cells in (column.cells, *(option.cells for option in column.options)):
            for support in cells.values():
                footnotes.reference(support.caveats)
    return {
        "providers": [{"name": column.name, "title": column.title} for column in columns],
        "problems": dict(problems),
        "cells": [one for column in columns for one in cell_documents(column.name, column.cells)],
        "options": [
            {
                "provider": column.name,
                "setting": option.switch.setting,
                "value": option.switch.value,
                "cells": cell_documents(column.name, option.cells),
            }
            for column in columns
            for option in column.options
        ],
        "caveats": [caveat_document(caveat) for _, caveat in footnotes.notes()],
    }


def cell_documents(provider: str, cells: Cells) -> list[dict[str, Any]]:
    """Return cells as dicts."""
    return [
        {
            "provider": provider,
            "operation": operation.name,
            "kind": kind.value,
            **support_document(support),
        }
        for (operation, kind), support in cells.items()
    ]


# --- For people ---------------------------------------------------------------------------------------


def detailed(columns: Sequence[Column], footnotes: Footnotes) -> Table:
    """Return one row per operation, kind and provider."""
    rows = [
        (
            operation.name,
            kind.value,
            column.name,
            fidelity_words(support),
            str(support.batch) if support else "-",
            rate_words(support) if support else "-",
            ("yes" if support.time_pinned else "no") if support else "-",
            support.evidence.value,
            footnotes.reference(support.caveats).strip(" ()"),
        )
        for operation, kind in KEYS
        for column in columns
        for support in (column.cells[operation, kind],)
    ]
    heads = ("operation", "kind", "provider", "fidelity", "batch", "rate", "time pinned", "evidence", "notes")
    return Table(columns=heads, rows=rows)


def compact(columns: Sequence[Column], footnotes: Footnotes) -> Table:
    """Return one row per operation, with a column for each provider and kind."""
    heads = [f"{column.title}, {kind.value}" for column in columns for kind in ConversationKind]
    rows = [
        (
            f"`{operation.name}`",
            *(
                cell_words(support) + footnotes.reference(support.caveats)
                for column in columns
                for kind in ConversationKind
                for support in (column.cells[operation, kind],)
            ),
        )
        for operation in OPERATIONS
    ]
    return Table(columns=("", *heads), rows=rows)


def summary(column: Column) -> str:
    """Return what holds for a provider as a whole: its pace, and what its claims rest on."""
    usable = [support for support in column.cells.values() if support]
    paces = " or ".join(sorted({rate_words(support) for support in usable})) or "-"
    evidence = " or ".join(sorted({support.evidence.value for support in usable})) or "-"
    return f"{column.title}: rate {paces}; evidence: {evidence}."


def option_lines(column: Column, footnotes: Footnotes) -> list[str]:
    """Return what switching on a setting of the account changes."""
    return [
        f"{column.title} with {option.switch.words}: {operation.name} of a {kind.value} conversation is "
        f"{cell_words(support)}{footnotes.reference(support.caveats)}."
        for option in column.options
        for (operation, kind), support in option.cells.items()
    ]


def as_text(columns: Sequence[Column]) -> None:
    """Print the matrix for a terminal."""
    footnotes = Footnotes()
    show(detailed(columns, footnotes))
    lines = [line for column in columns for line in option_lines(column, footnotes)]
    for line in (*([""] if lines else []), *lines, "", *(note_words(*note) for note in footnotes.notes())):
        say(printable(line))


def note_words(number: int, caveat: Caveat) -> str:
    """Return a footnote on one line."""
    return printable(f"({number}) {caveat.id}: {caveat.text}. {caveat.link}")


def markdown(columns: Sequence[Column]) -> str:
    """Return the matrix for a page: a table, what holds for whole columns, and the caveats."""
    footnotes = Footnotes()
    table = compact(columns, footnotes).markdown()
    lines = [line for column in columns for line in (summary(column), *option_lines(column, footnotes))]
    notes = [
        printable(f"{number}. `{caveat.id}`: {caveat.text} ([source]({caveat.link}))")
        for number, caveat in footnotes.notes()
    ]
    return "\n".join([table, "", *(f"- {printable(line)}" for line in lines), "", *notes])


def as_markdown(columns: Sequence[Column]) -> None:
    """Print the matrix for a page."""
    say(markdown(columns))


# --- The command --------------------------------------------------------------------------------------

FORMATS: Mapping[str, Callable[[Sequence[Column]], None]] = {"table": as_text, "markdown": as_markdown}


@click.command(epilog=examples("convops matrix", "convops matrix zego tencent --format markdown"))
@click.argument("names", metavar="[PROVIDER]...", nargs=-1)
@click.option("--format", "form", type=click.Choice((*FORMATS, "json")), default="table", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
def matrix(*, names: Sequence[str], form: str, as_json: bool) -> None:
    """Show what each provider can do, and what differs.

    No account is needed: the cells are those of sample settings.
    """
    for name in names:
        find_provider(name)
    chosen = [one for one in installed() if not names or one.name in names]
    columns, problems = columns_of(chosen)
    if as_json or form == "json":
        say_json(matrix_document(columns, problems), indent=2)
    elif columns:
        FORMATS[form](columns)
    for problem in problems.values():
        complain(problem)
