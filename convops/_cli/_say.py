"""Saying things: one line for a person, one JSON object for a machine; nothing unprintable in either."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

import click


def printable(text: str) -> str:
    """Return the text on one line, with an escape in place of whatever a terminal would not print."""
    return "".join(char if char.isprintable() else _escaped(char) for char in " ".join(text.splitlines()))


def _escaped(char: str) -> str:
    # Bidirectional controls and escape sequences could make a line say something else.
    return " " if char == "\t" else ascii(char)[1:-1]


def shown_id(value: str) -> str:
    """Return an id as it is where nobody can misread it, else quoted and escaped."""
    plain = value.isprintable() and not set(" '\"\\").intersection(value)
    return value if plain else repr(value)


def say(text: str = "") -> None:
    """Print text on standard output; what the terminal cannot encode is escaped."""
    encoding = sys.stdout.encoding
    click.echo(text.encode(encoding, "backslashreplace").decode(encoding), file=sys.stdout)


def say_json(document: Mapping[str, Any], *, indent: int | None = None) -> None:
    """Print one JSON object, in ASCII."""
    click.echo(json.dumps(document, indent=indent, allow_nan=False))


def complain(message: str) -> None:
    """Print one line on standard error."""
    click.echo(f"convops: {printable(message)}", err=True)
