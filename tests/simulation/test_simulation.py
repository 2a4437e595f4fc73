"""Whatever happens in a story, every law holds in it."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from attrs import evolve

from convops.errors import Effect
from tests.simulation.defects import DEFECTS
from tests.simulation.fates import FATES
from tests.simulation.laws import LAWS, broken
from tests.simulation.options import ASKED_FOR, PLAIN
from tests.simulation.play import play
from tests.simulation.shrink import shrunk, told
from tests.simulation.story import Act, Trouble
from tests.simulation.writer import written_by

pytestmark = pytest.mark.simulation

ROOT = Path(__file__).parents[2]

SEEDS_MAX = 2000
"""Seeds within which every planted defect must be found."""


@pytest.fixture(autouse=True)
def _silence(caplog):
    """Let a report be of the one story that matters, and not of all that went wrong in others."""
    caplog.set_level(logging.CRITICAL, "convops")


def test_no_story_breaks_a_law(seeds, record_property):
    record_property("stories", len(seeds))
    for seed in seeds:
        story = written_by(seed)
        if broken(story):
            pytest.fail(told(story), pytrace=False)


def test_a_seed_tells_the_same_story_and_it_goes_the_same_way():
    assert str(written_by(7)) == str(written_by(7)) != str(written_by(8))
    assert str(play(written_by(7))) == str(play(written_by(7)))


def test_a_story_goes_the_same_way_in_another_process():
    told_by = "from tests.simulation.play import play; from tests.simulation.writer import written_by; "
    told_by += "print([str(play(written_by(seed))) for seed in range(20)])"

    def told_with(hash_seed: str) -> str:
        done = subprocess.run(  # noqa: S603 - our own code
            [sys.executable, "-c", told_by],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            cwd=ROOT,
            check=True,
            capture_output=True,
            text=True,
            timeout=120,
        )
        return done.stdout

    assert told_with("1") == told_with("2")


def test_stories_meet_what_they_are_about():
    """They are no good if nothing goes wrong in them, or everything does."""
    histories = [play(written_by(seed)) for seed in range(100)]
    records = [record for history in histories for record in history.records]
    effects = Counter(outcome.effect for record in records for outcome in record.outcomes or ())
    assert all(effects[effect] > effects.total() / 50 for effect in Effect)
    well = [sent.fate.told == "all is well" for history in histories for sent in history.sent]
    assert 0.3 < well.count(True) / len(well) < 0.9
    assert {sent.fate.told for history in histories for sent in history.sent} == {
        fate.told for fate in FATES.values()
    }
    assert any(played.given_up is not None for history in histories for played in history.played)


def test_a_story_that_fails_is_cut_down_to_what_matters():
    defect = next(defect for defect in DEFECTS if defect.name == "an unanswered call counts as done")
    with defect.planted():
        seed = next(seed for seed in range(SEEDS_MAX) if broken(written_by(seed)))
        story = written_by(seed)
        law = min(broken(story))
        short = shrunk(story, law)
        report = told(story)
    assert law in LAWS
    assert len(short.events) <= 3
    assert sum(len(act.operations) for act in short.of(Act)) <= 2
    assert len(short.of(Trouble)) <= 1
    assert f"--seed {seed}" in report
    assert str(short) in report
    assert broken(story) == {}


def test_a_shorter_story_has_less_in_it():
    story = written_by(3)
    assert all(len(str(shorter)) < len(str(story)) for shorter in story.shorter())
    assert not list(evolve(story, events=(), machines=()).shorter())


@pytest.mark.planted
@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
def test_a_planted_defect_is_found(defect, record_property):
    with defect.planted():
        found = next((seed for seed in range(SEEDS_MAX) if broken(written_by(seed))), None)
    assert found is not None, f"none of {SEEDS_MAX} stories shows it"
    record_property("defect found by story", found)


def test_the_page_says_how_much_there_is():
    page = " ".join((ROOT / "docs" / "reliability.md").read_text().split())
    fates = len(FATES) - 1
    assert f"{fates} things that can become of one exchange" in page
    assert f"{len(LAWS)} laws must hold" in page
    assert f"{len(DEFECTS)} defects are planted" in page
    assert f"the first {SEEDS_MAX:,} stories" in page
    assert f"{PLAIN} stories in a plain run, {ASKED_FOR:,} stories and {len(DEFECTS)} planted defects" in page


def test_there_are_enough_defects_and_each_is_gone_again():
    assert len({defect.name for defect in DEFECTS}) == len(DEFECTS) >= 20
    codes = [defect.function.__code__ for defect in DEFECTS]
    for defect in DEFECTS:
        with defect.planted():
            assert defect.function.__code__ not in codes
    assert [defect.function.__code__ for defect in DEFECTS] == codes
