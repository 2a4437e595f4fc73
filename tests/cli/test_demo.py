"""`demo` runs one script through every simulated vendor and says truly what came of it."""

from __future__ import annotations

import json
import sys

import pytest
from click.testing import CliRunner

from convops._cli import _scene
from convops._cli._cells import KEYS, differences
from convops._cli._demo import refusal_lines
from convops._cli._group import convops
from convops._cli._performance import Performance, Step
from convops._cli._scene import BOB, TEAM
from convops.errors import Effect, NotFoundError, UnsupportedOperationError
from convops.operations import ClearUnread, Delete, MarkRead, Mute, Outcome
from convops.support import Fidelity, Support
from convops.testing import ConversationState

LIAR = """
    from convops.provider import hookimpl
    from convops.testing import Fault
    from convops_zego.flows import Zego
    from convops_zego.simulator import ZegoSimulator

    class LyingSimulator(ZegoSimulator):
        provider = "liar"
        def __init__(self):
            super().__init__()
            self.misbehave(Fault(action="ClearConversationUnread", code=660800002))

    class Liar(Zego):
        name = "liar"
        title = "Liar"
        simulator = "strange_liar:LyingSimulator"

    @hookimpl
    def convops_provider():
        return Liar()
"""


@pytest.fixture(scope="module")
def told():
    result = CliRunner().invoke(convops, ["demo"])
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout


@pytest.fixture(scope="module")
def document():
    result = CliRunner().invoke(convops, ["demo", "--json"])
    assert (result.exit_code, result.stderr) == (0, "")
    return json.loads(result.stdout)


def steps(document, provider, operation):
    return [
        step for step in document["steps"] if (step["provider"], step["operation"]) == (provider, operation)
    ]


def test_every_vendor_runs_the_same_script(document):
    asked = {
        name: [
            (step["operation"], step["conversation"])
            for step in document["steps"]
            if step["provider"] == name
        ]
        for name in ("matrix", "zego", "tencent")
    }

    assert [one["name"] for one in document["providers"]] == ["matrix", "tencent", "zego"]
    assert asked["zego"] == asked["tencent"]
    # Its ids are spelled otherwise.
    assert [operation for operation, _ in asked["matrix"]] == [operation for operation, _ in asked["zego"]]
    assert asked["matrix"][0][1]["user"] == "@alice:matrix.example"
    assert {operation for operation, _ in asked["zego"]} == {"clear_unread", "mark_read", "delete", "mute"}


def test_every_step_carries_its_effect_and_the_state_before_and_after(document):
    for step in document["steps"]:
        assert (step["error"] is None) is (step["effect"] in ("applied", "already"))
        assert step["before"].keys() == step["after"].keys() == {"listed", "unread", "muted", "messages"}
        assert step["expected"]


def test_the_states_are_those_of_the_simulator(document):
    cleared = steps(document, "zego", "clear_unread")[0]
    deleted = steps(document, "tencent", "delete")[0]

    assert (cleared["before"]["unread"], cleared["after"]["unread"]) == (3, 0)
    assert (deleted["before"]["listed"], deleted["after"]["listed"]) == (True, False)


def test_conversations_of_others_are_left_alone(document):
    for rows in document["conversations"].values():
        others = [row for row in rows if row["conversation"]["user"] != "alice"]
        assert len(others) == 2
        assert all(row["before"] == row["after"] for row in others)


def test_a_refusal_names_its_caveat(document):
    refused = next(step for step in steps(document, "tencent", "mute") if step["error"])

    assert refused["error"]["type"] == "UnsupportedOperationError"
    assert refused["error"]["attempts"] == 0
    assert refused["error"]["caveats"][0]["id"] == "tencent.no-direct-mute"


def test_a_partial_batch_has_one_outcome_for_each_operation(document):
    last = max(step["act"] for step in document["steps"] if step["operation"] == "mute")
    effects = [
        step["effect"] for step in document["steps"] if step["act"] == last and step["provider"] == "zego"
    ]

    assert effects == ["applied", "applied", "not_applied", "not_applied"]


def test_differences_are_those_of_the_two_clients(document):
    found = {(one["operation"], one["kind"]): one for one in document["differences"]}

    assert found["mute", "direct"]["cells"]["tencent"]["fidelity"] == "unsupported"
    assert found["mute", "direct"]["cells"]["zego"]["fidelity"] == "native"
    assert "batch" in found["mute", "group"]["aspects"]
    assert "time_pinned" in found["clear_unread", "direct"]["aspects"]


def test_a_person_sees_every_part(told):
    parts = (
        "Every conversation, before and after, as the simulator has it",
        "3 unread -> 0 unread, muted",
        "not_applied [1]",
        "[1] UnsupportedOperationError: tencent mute: ",
        "1 x SilenceConvNotification",
        '"ErrorList": [{"ConvId": "board"',
        "delete @alice:matrix.example with @carol:matrix.example at matrix: UnsupportedOperationError",
        "What changes when the vendor does",
        "no (vendor)",
        "convops simulate zego",
    )

    assert [part for part in parts if part not in told] == []
    assert told.isascii()


def test_a_step_that_goes_wrong_is_marked_and_fails_the_demo(run, install):
    install("liar", LIAR)
    result = run("demo")

    assert result.exit_code == 1
    assert "(NOT as expected)" in result.stdout
    assert result.stderr == "convops: the demo did not go as expected\n"


def test_a_broken_plugin_is_reported_and_the_others_go_on(run, install):
    install("broken", "raise ImportError('no\\nsuch thing')")
    result = run("demo", "--json")

    assert result.exit_code == 0
    assert [one["name"] for one in json.loads(result.stdout)["providers"]] == ["matrix", "tencent", "zego"]
    assert result.stderr == (
        "convops: the plugin 'broken' of strange_broken 7.1 cannot be loaded: ImportError: no such thing\n"
    )


def test_without_uvicorn_it_says_what_to_install(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    result = run("demo")

    assert result.exit_code == 2
    assert result.stderr == "convops: serving a simulator needs uvicorn: install 'convops[simulators]'\n"


def test_vendors_that_can_do_the_same_do_not_differ():
    cells = dict.fromkeys(KEYS, NATIVE)

    assert differences({"one": cells, "other": cells}) == []


def test_no_refusal_is_said_to_be_none():
    run = Performance(provider="p", title="P", url="u", cells={}, steps=[step(ClearUnread(BOB), after=READ)])

    assert refusal_lines([run]) == ["None of the simulated vendors refuses anything in this script."]


# --- What a step must have come to ---

NATIVE = Support(fidelity=Fidelity.NATIVE)
LACKING = Support(fidelity=Fidelity.UNSUPPORTED, lacked_by="vendor")
UNREAD, READ = ConversationState(unread=2), ConversationState(unread=0)
MUTED = ConversationState(unread=2, muted=True)
REFUSED = UnsupportedOperationError("no", support=LACKING)


def step(operation, *, error=None, support=NATIVE, before=UNREAD, after=UNREAD):
    effect = Effect.APPLIED if error is None else error.effect
    outcome = Outcome(operation=operation, effect=effect, error=error)
    return Step(
        conversation=operation.conversation,
        outcome=outcome,
        support=support,
        before=before,
        after=after,
        act=0,
    )


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (step(ClearUnread(BOB), after=READ), True),
        (step(MarkRead(BOB), after=UNREAD), False),
        (step(ClearUnread(BOB), after=None), False),
        (step(ClearUnread(BOB), error=NotFoundError("gone")), False),
        (step(Mute(TEAM), after=MUTED), True),
        (step(Mute(TEAM), after=UNREAD), False),
        (step(Mute(TEAM), after=None), False),
        (step(Delete(TEAM), after=None), True),
        (step(Delete(TEAM), after=READ), False),
        (step(Mute(BOB), error=REFUSED, support=LACKING), True),
        (step(Mute(BOB), error=REFUSED, support=LACKING, after=MUTED), False),
        (step(Mute(BOB), support=LACKING, after=MUTED), False),
    ],
)
def test_success_counts_only_when_the_simulator_agrees(made, expected):
    assert made.expected is expected


def test_a_change_on_the_side_of_others_fails_the_demo():
    before = dict.fromkeys(_scene.UNREAD, UNREAD)
    after = before | {next(one for one in _scene.UNREAD if one.user == "carol"): READ}
    run = Performance(provider="p", title="P", url="u", cells={}, before=before, after=after)

    assert not run.expected
