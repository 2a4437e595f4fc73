"""Writes the figures into a page, between its marks, and the chart beside it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.bench import chart, table

MARK = re.compile(r"(<!-- generated: performance -->\n).*?(<!-- end -->)", re.DOTALL)


def written(text: str, figures: Mapping[str, Any]) -> str:
    """Return a page's text with these figures.

    Raises:
        ValueError: the page has no marks.
    """
    if not MARK.search(text):
        raise ValueError("the page has no section marked <!-- generated: performance -->")
    block = table.markdown(figures)
    return MARK.sub(lambda found: f"{found[1]}\n{block}\n\n{found[2]}", text)


def write(page: Path, figures: Mapping[str, Any]) -> None:
    """Rewrite the page and the chart of its name."""
    page.write_text(written(page.read_text("utf-8"), figures), "utf-8")
    page.with_suffix(".svg").write_text(chart.svg(figures), "utf-8")
