"""The page shows the table as it is."""

from __future__ import annotations

from tests.faults import render


def test_the_page_says_what_the_table_says():
    stale = "run: uv run python tests/faults/render.py"
    assert render.MARK.search(render.PAGE.read_text("utf-8"))
    assert render.page() == render.PAGE.read_text("utf-8"), stale


def test_every_row_stands_on_the_page_once():
    text = render.PAGE.read_text("utf-8")
    faults = [row.fault for rows in render.GROUPS.values() for row in rows]
    assert [fault for fault in faults if text.count(f"| `{fault}` |") != 1] == []
