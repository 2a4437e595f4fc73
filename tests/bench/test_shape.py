"""What the benchmarks make of figures; no figure is measured here."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.bench import chart, goals, page, rounds, table

SPREAD = {"median": 30.0, "min": 29.0, "max": 31.0}
FIGURES = {
    "date": "2026-01-27",
    "effort": {"rounds": 11, "seconds": 0.4},
    "machine": {"system": "Linux", "processor": "one", "cores": 2, "memory_gib": 4.0, "load_before": 0.1},
    "versions": {"python": "3.11.7", "sniffio": "1.3.1", "uvloop": None},
    "server": {"loop": "uvloop", "bound": "a processor each"},
    "left_out": ["transport='parley', blocking: convops has no such adapter"],
    "ratios": dict.fromkeys(goals.RATIOS_MIN, SPREAD) | {"import_convops": SPREAD},
    "contests": [
        {
            "name": "sync1",
            "title": "One blocking caller, TLS",
            "contenders": [
                {
                    "name": "floor",
                    "label": "prepared bytes",
                    "rate": SPREAD,
                    "cpu_us": SPREAD,
                    "cpu_over_floor": 1.0,
                    "served": {
                        "round_trips": 1.0,
                        "connections": 0.0,
                        "bytes_out": 515.0,
                        "bytes_in": 197.0,
                        "busy": 0.95,
                    },
                }
            ],
        }
    ],
    "own_cpu": {"tencent_mark_read": SPREAD},
    "own_cpu_us": 14.0,
    "memory": {"blocking": {"accounts": 10, "mib": None, "tls_contexts_before": 1, "tls_contexts_after": 1}},
}


def without(key):
    return {**FIGURES, "ratios": {known: one for known, one in FIGURES["ratios"].items() if known != key}}


def test_a_spread_is_the_median_the_smallest_and_the_largest():
    assert rounds.spread(iter([3.0, 1.0, 2.0, 10.0])) == rounds.Spread(2.5, 1.0, 10.0)


def test_each_round_is_a_ratio_of_operations_a_second_and_sides_take_turns():
    order = []
    ours, theirs = (
        rounds.Contender(name, lambda _, name=name: order.append(name), count=count)
        for name, count in (("ours", 4), ("theirs", 2))
    )
    ratios = list(rounds.meet(ours, theirs, None, 3))
    assert order == ["ours", "theirs", "theirs", "ours", "ours", "theirs"]
    assert ratios == [one.rate / other.rate for one, other in zip(ours.rounds, theirs.rounds, strict=True)]


def test_a_contender_performs_at_least_its_turns_in_each_round():
    contender = rounds.Contender("quick", lambda _: None, flights=20)
    contender.prepare(rounds.Effort(rounds=1, seconds=0.0, turns=3, accounts=1, start_rounds=1))
    assert contender.count == 60


def test_whole_figures_lack_nothing():
    assert list(goals.lacking(FIGURES)) == []


@pytest.mark.parametrize("key", goals.RATIOS_MIN)
def test_a_ratio_that_is_not_there_is_lacking(key):
    assert list(goals.lacking(without(key))) == [f"ratios: {key}: {name}" for name in SPREAD]


@pytest.mark.parametrize("value", [None, 0, 0.0, -1.0, float("nan"), float("inf"), True, "12"])
def test_what_is_no_positive_number_is_lacking(value):
    assert list(goals.lacking({**FIGURES, "own_cpu_us": value})) == ["own_cpu_us"]


def test_the_check_of_a_file_fails_where_anything_is_lacking(tmp_path):
    for figures, status in ((FIGURES, 0), (without("sync1.default_vs_httpx"), 1)):
        path = tmp_path / "figures.json"
        path.write_text(json.dumps(figures))
        command = [sys.executable, str(Path(goals.__file__)), str(path)]
        assert subprocess.run(command, check=False, capture_output=True).returncode == status  # noqa: S603


def test_a_goal_is_met_missed_or_not_measured():
    figures = {"ratios": {"sync1.default_vs_httpx": {"median": 1.7}}, "own_cpu_us": 15.0}
    verdicts = {key: verdict for key, _, _, verdict in goals.judged(figures)}
    assert verdicts.pop("sync1.default_vs_httpx") == "missed"
    assert verdicts.pop("own_cpu_us") == "met"
    assert set(verdicts.values()) == {"not measured"}


@pytest.mark.parametrize("render", [table.plain, table.markdown])
def test_tables_show_every_ratio_who_took_part_and_what_was_left_out(render):
    shown = render(FIGURES)
    wanted = [*FIGURES["ratios"], "prepared bytes", *FIGURES["left_out"], "sniffio is installed", "unknown"]
    assert [one for one in wanted if one not in shown] == []


def test_a_server_that_was_busy_is_told():
    assert "95% of the time while prepared bytes ran" in table.plain(FIGURES)


def test_a_machine_that_others_were_using_is_told():
    busy = {**FIGURES, "machine": {**FIGURES["machine"], "load_before": 3.0}}
    assert "not idle" in table.markdown(busy)
    assert "not idle" not in table.markdown(FIGURES)


def test_tables_of_one_room_alone_can_be_shown():
    assert "not measured" in table.plain({**FIGURES, "ratios": {}, "contests": [], "server": None})


def test_the_chart_has_a_bar_for_each_ratio_against_httpx():
    drawn = ET.fromstring(chart.svg(FIGURES))  # noqa: S314 - our own
    bars = drawn.findall("{http://www.w3.org/2000/svg}rect")
    assert len(bars) == sum(key.endswith("_vs_httpx") for key in goals.RATIOS_MIN)


def test_only_the_marked_section_of_a_page_is_written():
    text = "above\n<!-- generated: performance -->\nold\n<!-- end -->\nbelow\n"
    written = page.written(text, FIGURES)
    assert written.startswith("above\n")
    assert written.endswith("<!-- end -->\nbelow\n")
    assert "old\n" not in written
    assert page.written(written, FIGURES) == written


def test_a_page_without_marks_is_refused():
    with pytest.raises(ValueError, match="no section"):
        page.written("nothing", FIGURES)
