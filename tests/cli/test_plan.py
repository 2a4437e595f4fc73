"""`plan` shows what would be sent, and sends nothing."""

from __future__ import annotations

import json

import pytest

from convops._cli._scene import BOB, NEWS, TEAM

HEAD = "nothing sent; credentials are added when a call is."


def test_every_call_is_shown_with_its_body(run, zego):
    result = run("plan", *zego.target(NEWS), "--operation", "delete", "--erase-history")

    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        f"delete and erase: alice in news at zego: 2 calls, {HEAD}",
        f"POST {zego.url}/?Action=ClearMemberGroupMessage",
        '    {"FromUserId": "alice", "GroupId": "news"}',
        f"POST {zego.url}/?Action=DeleteConv",
        '    {"FromUserId": "alice", "ConvId": "news", "ConvType": 2}',
    ]
    assert zego.simulator.exchanges == []


def test_a_call_without_a_body_is_its_url(run, zego):
    result = run("plan", *zego.target(BOB), "--operation", "clear-unread")

    query = "Action=ClearConversationUnread&FromUserId=alice&ConvId=bob&ConvType=0"
    assert result.stdout.splitlines()[1:] == [f"GET {zego.url}/?{query}"]


def test_the_object_holds_the_calls(run, tencent):
    result = run("plan", *tencent.target(TEAM), "--operation", "unmute", "--json")

    document = json.loads(result.stdout)
    assert document["arguments"] == {"muted": False}
    assert document["error"] is None
    (call,) = document["calls"]
    assert call["method"] == "POST"
    assert call["url"].startswith(f"{tencent.url}/v4/group_open_http_svc/modify_group_member_info?")
    assert call["body"]["MsgFlag"] == "AcceptAndNotify"
    assert tencent.simulator.exchanges == []


@pytest.mark.usefixtures("tencent")
def test_what_hangs_on_an_answer_is_said(run, tmp_path):
    config = tmp_path / "reset.toml"
    config.write_text((tmp_path / "accounts.toml").read_text() + "allow_group_unread_reset = true\n")
    result = run(
        "plan", "--account", "main", "--config", config, "--user", "alice", "--group", "team-1",
        "--operation", "clear-unread",
    )  # fmt: skip

    assert "get_group_info" in result.stdout
    assert result.stdout.endswith("More calls may follow, depending on the answers.\n")


def test_a_refusal_is_one_line_with_its_caveat(run, tencent):
    result = run("plan", *tencent.target(BOB), "--operation", "mute")

    assert (result.exit_code, result.stdout) == (1, "")
    assert "tencent.no-direct-mute" in result.stderr


def test_a_refusal_is_an_object_too(run, tencent):
    result = run("plan", *tencent.target(BOB), "--operation", "mute", "--json")

    document = json.loads(result.stdout)
    assert result.exit_code == 1
    assert document["calls"] == []
    assert document["error"]["type"] == "UnsupportedOperationError"


def test_an_account_by_url_can_be_planned_for(run):
    target = ("--url", "memory://?store=plan", "--user", "alice", "--peer", "bob")
    result = run("plan", *target, "--operation", "mark-read", "--up-to", "2026-01-31T09:30:00Z")

    assert result.exit_code == 0
    assert "mark_read up to 09:30:00: alice with bob at memory" in result.stdout


def test_options_of_another_operation_are_refused(run):
    target = ("--url", "memory://?store=plan", "--user", "alice", "--peer", "bob")

    up_to = run("plan", *target, "--operation", "mute", "--up-to", "2026-01-31T09:30:00Z")
    erase = run("plan", *target, "--operation", "mute", "--erase-history")

    assert (up_to.exit_code, erase.exit_code) == (2, 2)
    assert "--up-to goes with mark-read." in up_to.stderr
    assert "--erase-history goes with delete." in erase.stderr
