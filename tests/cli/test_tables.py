"""Tables are drawn on a terminal, plain elsewhere, and never let a cell act on the terminal."""

from __future__ import annotations

import io
import sys
from contextlib import redirect_stdout

import pytest

from convops._cli._tables import Table, show

TABLE = Table(columns=("name", "[bold]what"), rows=[("\x1b[31ma\u202e", "[red]b"), ("longer", "c")])


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("COLUMNS", "80")
    return Terminal()


def test_a_pipe_gets_plain_columns(capsys):
    show(TABLE)

    assert [line.rstrip() for line in capsys.readouterr().out.splitlines()] == TABLE.plain().splitlines()
    assert TABLE.plain().splitlines()[2].startswith("\\x1b[31ma\\u202e  [red]b")


def test_a_terminal_gets_a_drawn_table_in_which_nothing_is_markup(terminal):
    with redirect_stdout(terminal):
        show(TABLE)

    drawn = terminal.getvalue()
    assert "\u2500" in drawn
    assert "[bold]what" in drawn
    assert "[red]b" in drawn
    assert "\\x1b[31ma\\u202e" in drawn
    assert "\u202e" not in drawn


def test_a_terminal_without_rich_gets_plain_columns(terminal, monkeypatch):
    monkeypatch.setitem(sys.modules, "rich", None)
    with redirect_stdout(terminal):
        show(TABLE)

    assert terminal.getvalue() == TABLE.plain() + "\n"


def test_a_terminal_that_is_not_utf_8_gets_plain_columns(terminal):
    terminal.encoding = "ascii"
    with redirect_stdout(terminal):
        show(TABLE)

    assert terminal.getvalue() == TABLE.plain() + "\n"
