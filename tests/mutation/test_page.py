"""The page lists the survivors, and the reason of each."""

from __future__ import annotations

from tests.mutation import page


def test_the_page_shows_every_listed_survivor():
    found = page.MARK.search(page.PAGE.read_text("utf-8"))
    assert found
    stale = "run: uv run --group mutation python tests/mutation/run.py --write"
    assert "\n".join(page.rows(page.listed())) in found[0], stale


def test_no_survivor_is_listed_twice_or_without_a_reason():
    listed = page.listed()
    assert len({survivor.identity for survivor in listed}) == len(listed)
    assert [survivor for survivor in listed if not survivor.why.strip()] == []


def test_every_listed_survivor_is_in_a_module_there_is():
    assert [survivor for survivor in page.listed() if not (page.ROOT / survivor.module).is_file()] == []
