"""`convops providers`: what is installed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from convops._cli._options import examples, json_option
from convops._cli._say import printable, say, say_json
from convops._cli._tables import Table, show
from convops._registry import Installed, installed


def provider_document(found: Installed) -> dict[str, Any]:
    """Return an installed provider as a dict; `problem` is None where it loads."""
    provider = found.provider
    return {
        "name": found.name,
        "title": getattr(provider, "title", None),
        "package": found.package,
        "docs": getattr(provider, "docs", None) or None,
        "simulator": getattr(provider, "simulator", None) is not None,
        "problem": None if found.problem is None else printable(found.problem),
    }


@click.command(epilog=examples("convops providers"))
@json_option
def providers(*, as_json: bool) -> None:
    """List the installed providers.

    A plugin that cannot be loaded is listed with its problem, and stops no other.
    """
    documents = [provider_document(found) for found in installed()]
    if as_json:
        say_json({"providers": documents}, indent=2)
    else:
        _show(documents)


def _show(documents: Sequence[dict[str, Any]]) -> None:
    rows = [
        (one["name"], one["title"] or "-", one["package"], "broken" if one["problem"] else one["docs"] or "-")
        for one in documents
    ]
    show(Table(columns=("provider", "title", "package", "documents"), rows=rows))
    for one in documents:
        if one["problem"]:
            say(f"\n{one['name']}: {one['problem']}")
