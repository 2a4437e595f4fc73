"""`conformance` runs the kit on one provider, shows what it found, and writes it down."""

from __future__ import annotations

import json

import pytest

BROKEN = """
    from convops.provider import hookimpl
    from convops_zego.flows import Zego

    class Broken(Zego):
        name = "broken"

    @hookimpl
    def convops_provider():
        return Broken()
"""


def test_what_it_found_is_shown_and_written(run, tmp_path):
    file = tmp_path / "reports" / "memory.json"
    result = run("conformance", "memory", "--report", file)
    assert result.exit_code == 0, result.output
    assert "0 failed, 0 deviated: it conforms" in result.stdout
    document = json.loads(file.read_text())
    assert (document["provider"], document["ok"], document["kit"]) == ("memory", True, 1)
    assert document["counts"]["cases"] == document["counts"]["passed"] > 100
    assert len(document["cells"]) == 8
    assert document["deviations"] == []


def test_the_report_can_be_printed(run):
    result = run("conformance", "memory", "--only", "quota", "--json")
    assert [check["id"] for check in json.loads(result.stdout)["checks"]] == ["quota"]


def test_a_provider_that_does_not_conform_is_status_1(run, install):
    install("broken", BROKEN)
    result = run(
        *("conformance", "broken", "--only", "contract", "--only", "cells-complete"),
        *("--deviation", "cells-complete=its caveats are still those of ZEGO"),
    )
    assert result.exit_code == 1
    assert "FAIL     contract" in result.stdout
    assert "its simulator is of 'zego'" in result.stdout
    assert "because: its caveats are still those of ZEGO" in result.stdout
    assert "it does not conform" in result.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["memro"], "did you mean 'memory'?"),
        (["memory", "--deviation", "quota="], "'quota' has no reason"),
        (["memory", "--cassettes", "/no/where"], "does not exist"),
        (["memory", "--only", "quotas"], "no check is called 'quotas'"),
        (["memory", "--only", "quota", "--report", "x.json"], "either --report or --only"),
        ([], "Missing argument 'PROVIDER'"),
    ],
)
def test_a_misuse_is_status_2(run, words, said):
    result = run("conformance", *words)
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stderr.count("\n") == 1
