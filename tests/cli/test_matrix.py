"""`matrix` and `providers` tell what the providers say of themselves, and one bad plugin stops no other."""

from __future__ import annotations

import json

import pytest

import convops
from convops.operations import OPERATIONS, ConversationKind
from convops_tencent.simulator import TencentSimulator
from convops_zego.simulator import ZegoSimulator

BARE = """
    from convops._memory import MemoryProvider
    from convops.provider import hookimpl
    from attrs import frozen

    @frozen(kw_only=True)
    class Account:
        key: str
        {more}

    class Bare(MemoryProvider):
        name = "{name}"
        title = "Bare | [bold]"
        account_type = Account
        simulator = {simulator}

        {method}

    @hookimpl
    def convops_provider():
        return Bare()
"""


def bare(name="bare", *, more="", simulator="None", method=""):
    return BARE.format(name=name, more=more, simulator=simulator, method=method)


@pytest.mark.parametrize("simulator", [ZegoSimulator(), TencentSimulator()], ids=["zego", "tencent"])
def test_every_cell_is_what_a_client_says(run, simulator):
    document = json.loads(run("matrix", simulator.provider, "--json").stdout)
    cells = {(cell["operation"], cell["kind"]): cell for cell in document["cells"]}

    with convops.connect(simulator.provider, **simulator.settings, base_url="http://127.0.0.1:1") as chat:
        supports = {
            (op.name, kind.value): chat.supports(op, kind) for op in OPERATIONS for kind in ConversationKind
        }
    assert cells.keys() == supports.keys()
    for key, support in supports.items():
        cell = cells[key]
        assert cell["fidelity"] == support.fidelity.value
        assert (cell["batch"], cell["rate"], cell["time_pinned"]) == (
            support.batch,
            support.rate,
            support.time_pinned,
        )
        assert cell["lacked_by"] == support.lacked_by
        assert cell["evidence"] == support.evidence.value
        assert cell["caveats"] == [caveat.id for caveat in support.caveats]


def test_every_caveat_is_listed_once_with_its_sentence_and_link(run):
    document = json.loads(run("matrix", "--format", "json").stdout)
    named = {
        caveat
        for cell in document["cells"] + [cell for one in document["options"] for cell in one["cells"]]
        for caveat in cell["caveats"]
    }

    assert sorted(named) == sorted(caveat["id"] for caveat in document["caveats"])
    assert all(caveat["text"] and caveat["link"].startswith("https://") for caveat in document["caveats"])


def test_a_setting_that_changes_a_cell_is_found(run):
    document = json.loads(run("matrix", "tencent", "--json").stdout)

    (option,) = document["options"]
    assert (option["provider"], option["setting"]) == ("tencent", "allow_group_unread_reset")
    assert option["value"] is True
    (cell,) = option["cells"]
    assert (cell["operation"], cell["kind"], cell["fidelity"]) == ("clear_unread", "group", "native")


def test_a_setting_that_takes_a_few_names_is_tried_with_each(run):
    document = json.loads(run("matrix", "matrix", "--json").stdout)

    found = {
        (option["setting"], option["value"], cell["operation"], cell["kind"], cell["fidelity"])
        for option in document["options"]
        for cell in option["cells"]
    }
    assert found == {
        ("delete_mode", mode, "delete", kind, "equivalent")
        for mode in ("hide", "leave")
        for kind in ("direct", "group")
    }


def test_a_number_that_changes_a_cell_is_found(run):
    document = json.loads(run("matrix", "zego", "--json").stdout)

    (option,) = document["options"]
    assert (option["provider"], option["setting"], option["value"]) == ("zego", "read_receipts", 1)
    assert [(cell["operation"], cell["kind"]) for cell in option["cells"]] == [
        ("mark_read", "direct"),
        ("mark_read", "group"),
    ]
    assert "ZEGO ZIM with read_receipts = 1: mark_read of a group" in run("matrix", "zego").stdout


def test_the_table_has_a_row_for_every_cell(run):
    result = run("matrix")
    rows = result.stdout.split("\n\n")[0].splitlines()[2:]

    assert (result.exit_code, result.stderr) == (0, "")
    assert len(rows) == 4 * len(OPERATIONS) * len(ConversationKind)
    assert "Tencent Cloud Chat with allow_group_unread_reset = true: clear_unread" in result.stdout


def test_the_markdown_table_is_well_formed(run):
    result = run("matrix", "zego", "tencent", "--format", "markdown")
    table, summary, notes = result.stdout.strip().split("\n\n")

    rows = table.splitlines()
    assert len(rows) == 2 + len(OPERATIONS)
    assert {row.count("|") for row in rows} == {6}
    assert "ZEGO ZIM, direct" in rows[0]
    assert "- ZEGO ZIM: rate 20/s; evidence: simulated." in summary
    assert notes.startswith("1. `")
    assert all("([source](https://" in note for note in notes.splitlines())


def test_an_unknown_provider_is_refused_with_those_installed(run):
    result = run("matrix", "zeego")

    assert result.exit_code == 2
    assert "did you mean 'zego'?" in result.stderr


def test_a_provider_whose_account_cannot_be_made_up_is_left_out_and_said(run, install):
    install("bare", bare())
    result = run("matrix", "bare", "memory", "--json")

    document = json.loads(result.stdout)
    assert result.exit_code == 0
    assert document["problems"] == {"bare": "bare needs the setting 'key'"}
    assert {cell["provider"] for cell in document["cells"]} == {"memory"}
    assert result.stderr == "convops: bare needs the setting 'key'\n"


def test_a_provider_that_fails_is_left_out_and_said(run, install):
    failing = "def support(self, *_):\n            raise RuntimeError"
    install("failing", bare("failing", more="key: str = ''", method=failing))
    result = run("matrix", "failing")

    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "convops: the plugin of 'failing' cannot say what it supports: RuntimeError\n"


def test_a_number_that_must_be_larger_than_one_changes_nothing(run, install):
    picky = "@step.validator\n        def _large(self, _, value):\n            if value == 1:\n"
    picky += "                from convops import ConfigError\n                raise ConfigError('no')"
    more = "key: str = ''\n        step: int = __import__('attrs').field(default=0)\n        " + picky
    install("picky", bare("picky", more=more))
    document = json.loads(run("matrix", "picky", "--json").stdout)

    assert (document["problems"], document["options"]) == ({}, [])
    assert {cell["provider"] for cell in document["cells"]} == {"picky"}


def test_a_title_cannot_break_the_table(run, install):
    install("titled", bare("titled", more="key: str = ''\n        spare: bool = False"))
    result = run("matrix", "titled", "--format", "markdown")

    assert "Bare \\| [bold], direct" in result.stdout


@pytest.mark.parametrize(
    ("name", "simulator", "problem"),
    [
        ("absent", "strange_absent:Nothing", "the simulator of 'absent' cannot be made: AttributeError"),
        ("false", "builtins:dict", "builtins:dict of 'false' is no convops.testing.Simulator"),
    ],
)
def test_a_simulator_that_cannot_be_made_is_said(run, install, name, simulator, problem):
    install(name, bare(name, simulator=repr(simulator)))

    assert run("matrix", name).stderr == f"convops: {problem}\n"
    assert run("simulate", name).exit_code == 2


# --- providers ---


def test_every_provider_is_listed_with_its_package_and_pages(run):
    result = run("providers", "--json")
    found = {one["name"]: one for one in json.loads(result.stdout)["providers"]}

    assert result.exit_code == 0
    assert found["zego"]["title"] == "ZEGO ZIM"
    assert found["zego"]["package"].startswith("convops ")
    assert found["zego"]["docs"].startswith("https://")
    assert found["zego"]["simulator"] is True
    assert found["memory"]["simulator"] is False
    assert all(one["problem"] is None for one in found.values())


def test_a_broken_plugin_is_listed_with_its_problem_among_the_others(run, install):
    install("broken", "raise ImportError('\\x1b[31mno\\nsuch thing')")
    result = run("providers")

    problem = (
        "the plugin 'broken' of strange_broken 7.1 cannot be loaded: ImportError: \\x1b[31mno such thing"
    )
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1] == f"broken: {problem}"
    assert "ZEGO ZIM" in result.stdout
    (found,) = [
        one for one in json.loads(run("providers", "--json").stdout)["providers"] if one["name"] == "broken"
    ]
    assert found["problem"] == problem


MISTAKES = {
    "misspelled": (
        "from convops.provider import hookimpl\n@hookimpl\ndef convops_provided(): ...\n",
        "the one hook is convops_provider",
    ),
    "failing": ("raise LookupError('no such thing')\n", "LookupError: no such thing"),
    "zego": (bare("zego"), "two plugins provide 'zego'"),
    "old": (bare("old", method="contract = 0"), "was written for contract 0"),
}


def test_every_mistake_of_a_plugin_is_one_line_that_names_its_package(run, install):
    for name, (source, _) in MISTAKES.items():
        install(name, source)
    result = run("providers")
    assert result.exit_code == 0
    lines = [line for line in result.stdout.splitlines() if ": " in line]
    for name, (_, said) in MISTAKES.items():
        (line,) = (line for line in lines if line.startswith(f"{name}: "))
        assert f"strange_{name} 7.1" in line
        assert said in line
    found = {
        one["name"]: one["problem"] for one in json.loads(run("providers", "--json").stdout)["providers"]
    }
    assert found.keys() == {"matrix", "memory", "tencent", *MISTAKES}
    assert found["memory"] is found["tencent"] is None
