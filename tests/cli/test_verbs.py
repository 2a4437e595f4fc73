"""The verbs change what the simulator has, say so in one line or one object, and never spell a secret."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from convops._cli._scene import BOARD, BOB, CAROL, NEWS, NOWHERE, TEAM
from convops.testing import Fault

SENTINEL = "sentinel-0123456789abcdef-sentinel"


def test_clear_unread_empties_the_count_at_the_vendor(run, vendor):
    result = run("clear-unread", *vendor.target(BOB))

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == f"clear_unread: alice with bob at {vendor.simulator.provider}: applied\n"
    assert vendor.simulator.state(BOB).unread == 0


def test_mark_read_empties_the_count_at_the_vendor(run, vendor):
    assert run("mark-read", *vendor.target(CAROL)).exit_code == 0
    assert vendor.simulator.state(CAROL).unread == 0


def test_mark_read_up_to_a_time_leaves_what_is_newer(run, tencent):
    earlier = (datetime.now(UTC) - timedelta(hours=1)).isoformat()

    assert run("mark-read", *tencent.target(CAROL), "--up-to", earlier).exit_code == 0
    assert tencent.simulator.state(CAROL).unread == 5


def test_delete_takes_the_conversation_off_the_list_and_keeps_its_messages(run, zego):
    assert run("delete", *zego.target(NEWS)).exit_code == 0
    assert zego.simulator.state(NEWS) is None

    zego.simulator.receive(NEWS)
    assert zego.simulator.state(NEWS).messages == 3


def test_delete_can_erase_the_messages_too(run, zego):
    result = run("delete", *zego.target(NEWS), "--erase-history")

    assert result.stdout == "delete and erase: alice in news at zego: applied\n"
    zego.simulator.receive(NEWS)
    assert zego.simulator.state(NEWS).messages == 1


def test_mute_and_unmute_set_the_flag(run, vendor):
    assert run("mute", *vendor.target(TEAM)).exit_code == 0
    assert vendor.simulator.state(TEAM).muted

    assert run("unmute", *vendor.target(TEAM)).exit_code == 0
    assert not vendor.simulator.state(TEAM).muted


def test_a_state_that_held_before_is_success(run, zego):
    run("mute", *zego.target(TEAM))
    result = run("mute", *zego.target(TEAM))

    assert result.exit_code == 0
    assert result.stdout == "mute: alice in team-1 at zego: already, as it was before\n"


def test_json_is_one_object_on_one_line(run, vendor):
    result = run("unmute", *vendor.target(TEAM), "--json")

    document = json.loads(result.stdout)
    assert result.stdout.count("\n") == 1
    assert document["provider"] == vendor.simulator.provider
    assert document["operation"] == "mute"
    assert document["arguments"] == {"muted": False}
    assert document["conversation"] == {"kind": "group", "user": "alice", "group": "team-1"}
    assert document["effect"] in ("applied", "already")
    assert document["error"] is None
    assert document["attempts"] == 1


@pytest.mark.parametrize("conversation", [BOARD, NOWHERE])
def test_a_failed_operation_is_one_line_and_status_1(run, vendor, conversation):
    result = run("mute", *vendor.target(conversation))

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"convops: {vendor.simulator.provider} mute: ")
    assert result.stderr.endswith("; effect: not_applied\n")
    assert result.stderr.count("\n") == 1


def test_a_failed_operation_is_also_an_object_with_its_error(run, zego):
    result = run("mute", *zego.target(NOWHERE), "--json")

    document = json.loads(result.stdout)
    assert result.exit_code == 1
    assert document["effect"] == "not_applied"
    assert document["error"]["type"] == "NotFoundError"
    assert document["error"]["what"] == "group"
    assert document["error"]["code"] == 660600001
    assert document["error"]["retryable"] is False


def test_what_a_vendor_lacks_is_refused_with_its_caveat_and_nothing_is_sent(run, tencent):
    result = run("mute", *tencent.target(BOB))

    assert result.exit_code == 1
    assert "tencent.no-direct-mute, https://" in result.stderr
    assert tencent.simulator.exchanges == []


def test_the_caveats_of_a_refusal_are_in_the_object(run, zego):
    result = run("mark-read", *zego.target(BOB), "--up-to", "2026-01-31T09:30:00Z", "--json")

    error = json.loads(result.stdout)["error"]
    assert error["type"] == "UnsupportedOperationError"
    assert "zego.not-pinned-to-a-time" in [caveat["id"] for caveat in error["caveats"]]
    assert zego.simulator.exchanges == []


def test_the_timeout_holds_for_the_whole_verb(run, zego):
    zego.simulator.misbehave(*[Fault(status=503)] * 50)
    result = run("mute", *zego.target(TEAM), "--timeout", "0.2", "--json")

    assert result.exit_code == 1
    assert json.loads(result.stdout)["effect"] == "unknown"


def test_an_account_can_be_a_url(run, tencent):
    settings = "&".join(
        f"{key}={value}" for key, value in tencent.simulator.settings.items() if key != "secret_key"
    )
    url = f"tencent://?{settings}&secret_key=env:CONVOPS_TEST_SECRET&base_url={tencent.url}"
    result = run("mute", "--url", url, "--user", "alice", "--group", "team-1")

    assert result.exit_code == 0
    assert tencent.simulator.state(TEAM).muted


def test_the_configuration_file_can_be_named_by_the_environment(run, zego, monkeypatch):
    monkeypatch.setenv("CONVOPS_CONFIG", zego.config)

    assert run("mute", "--account", "main", "--user", "alice", "--group", "team-1").exit_code == 0


def test_ids_reach_the_vendor_as_given_and_the_terminal_escaped(run, zego):
    user = "ali ce\u202e&#[red]"
    zego.simulator.add_user(user)
    result = run("mute", "--account", "main", "--config", zego.config, "--user", user, "--peer", "bob")

    assert result.exit_code == 0
    assert result.stdout == "mute: 'ali ce\\u202e&#[red]' with bob at zego: applied\n"
    assert zego.simulator.is_muted(type(BOB).direct(user=user, peer="bob"))


@pytest.mark.parametrize("word", ["--json", "--timeout=5"])
def test_no_output_spells_the_secret(run, vendor, word, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    results = [
        run("mute", *vendor.target(TEAM), word),
        run("mute", *vendor.target(NOWHERE), word),
        run("plan", *vendor.target(TEAM), "--operation", "mute"),
        run(
            "mute", "--url", f"zego://?app_id=1&server_secret={SENTINEL}", "--user", "a", "--peer", "b", word
        ),
        run(
            "mute", "--url", f"zego://?app_id={SENTINEL}&server_secret=x", "--user", "a", "--peer", "b", word
        ),
    ]

    assert [result.exit_code for result in results] == [0, 1, 0, 2, 2]
    assert not [result for result in results if SENTINEL in result.output]
