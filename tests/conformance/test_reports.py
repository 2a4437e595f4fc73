"""The reports in docs/conformance are what the kit says now."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest

from convops._cli._matrix import column_from, column_of
from convops._registry import find_provider, installed

ROOT = Path(__file__).parents[2]
GENERATE = runpy.run_path(str(ROOT / "docs/generate.py"))
NAMES = [found.name for found in installed()]

pytestmark = pytest.mark.conformance


@pytest.mark.parametrize("name", NAMES)
def test_a_report_is_what_the_kit_says_now(name):
    written = GENERATE["report_path"](name).read_text("utf-8")
    assert written == GENERATE["report"](find_provider(name)), "run: uv run python docs/generate.py"
    assert json.loads(written)["ok"]


def test_every_installed_provider_has_a_report_and_no_other():
    assert sorted(GENERATE["known_reports"]()) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_matrix_made_from_a_report_is_the_provider_s_own(name):
    document = json.loads(GENERATE["report_path"](name).read_text("utf-8"))
    assert column_from(document) == column_of(find_provider(name))


def test_a_report_tells_no_time_and_no_place():
    for path in (ROOT / "docs/conformance").glob("*.json"):
        text = path.read_text("utf-8")
        assert str(ROOT) not in text
        assert "/tmp" not in text  # noqa: S108 - what must not be there
        assert json.dumps(json.loads(text), indent=2) + "\n" == text
