"""The pages say what the tables say, and what they show runs."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GENERATE = runpy.run_path(str(ROOT / "docs/generate.py"))
PAGES = sorted([ROOT / "README.md", ROOT / "cassettes/README.md", *(ROOT / "docs").rglob("*.md")])


@pytest.mark.parametrize(
    ("page", "text"), [pytest.param(*pair, id=pair[0].name) for pair in GENERATE["pages"]()]
)
def test_a_generated_page_is_what_its_tables_say(page, text):
    assert page.read_text("utf-8") == text, "run: uv run python docs/generate.py"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_inside_the_project_leads_somewhere(page):
    links = re.findall(r"\]\(([^)#:]+)\)", page.read_text("utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def _examples(page):
    return re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), re.DOTALL)


def test_the_examples_of_the_quickstart_that_need_no_account_run():
    runnable = [text for text in _examples(ROOT / "docs/quickstart.md") if "assert" in text]
    assert len(runnable) == 2
    for text in runnable:
        exec(compile(text, "quickstart.md", "exec"), {})  # noqa: S102 - the page's own lines


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", ROOT / "docs/quickstart.md"], ids=lambda page: page.name
)
def test_every_example_is_valid_python(page):
    for text in _examples(page):
        flags = 0x2000  # top-level await
        compile(text, page.name, "exec", flags)
