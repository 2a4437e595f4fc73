"""Wrong words and wrong settings are one line on standard error, status 2, and nothing is sent."""

from __future__ import annotations

import json

import pytest

from convops._cli._scene import BOB

WHO = ("--user", "alice", "--peer", "bob")
MEMORY = ("--url", "memory://?store=usage")


def refused(result, *, status=2):
    assert result.exit_code == status
    assert result.stderr.startswith("convops: ")
    assert result.stderr.count("\n") == 1
    return result.stderr.removeprefix("convops: ").rstrip("\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([*WHO], "Give either --account or --url."),
        ([*WHO, *MEMORY, "--account", "main"], "Give either --account or --url."),
        ([*WHO, *MEMORY, "--config", "x.toml"], "--config goes with --account."),
        ([*WHO, "--url", "memory"], "--url has the form provider://?setting=value"),
        ([*MEMORY, "--user", "alice"], "Give either --peer or --group."),
        ([*MEMORY, *WHO, "--group", "team"], "Give either --peer or --group."),
        ([*MEMORY, "--user", "", "--peer", "bob"], "user is empty."),
        ([*MEMORY, "--user", "a\x1b[31m", "--peer", "bob"], "control character (U+001B)"),
        ([*MEMORY, "--user", "alice", "--peer", "b\udc80"], "lone surrogate (U+DC80)"),
        ([*MEMORY, "--user", "alice", "--group", ""], "group is empty."),
        ([*MEMORY, "--peer", "bob"], "Missing option '--user'."),
        ([*MEMORY, *WHO, "--timeout", "soon"], "'soon' is not a valid float"),
        ([*MEMORY, *WHO, "--timeout", "0"], "timeout must be a number above 0"),
        ([*MEMORY, *WHO, "--timeout", "nan"], "timeout must be a number above 0"),
        ([*WHO, "--url", "memmory://?store=x"], "did you mean 'memory'?"),
        ([*WHO, "--url", "memory://?stor=x"], "did you mean 'store'?"),
        ([*WHO, "--url", "zego://?app_id=1&server_secret=literal"], "must be a reference"),
        ([*WHO, "--url", "zego://?app_id=1&server_secret=env:NOT_SET_ANYWHERE"], "which is not set"),
        ([*WHO, "--account", "x", "--config", "/no/where.toml"], "there is no /no/where.toml"),
    ],
)
def test_a_misuse_is_told_in_one_line(run, words, said):
    assert said in refused(run("mute", *words))


@pytest.mark.parametrize(
    ("moment", "said"),
    [
        ("2026-01-31T09:30:00", "it has no time zone"),
        ("yesterday", "not a date and time such as"),
    ],
)
def test_a_time_must_be_exact(run, moment, said):
    assert said in refused(run("mark-read", *MEMORY, *WHO, "--up-to", moment))


def test_a_time_to_come_is_a_failed_operation(run):
    result = run("mark-read", *MEMORY, *WHO, "--up-to", "2999-01-01T00:00:00Z")

    assert "up_to lies in the future" in refused(result, status=1)


def test_an_id_the_vendor_would_refuse_is_not_sent(run, zego):
    result = run("mute", *zego.target(BOB), "--user", "x" * 33)

    assert "user has 33 UTF-8 bytes" in refused(result, status=1)
    assert zego.simulator.exchanges == []


def test_a_misuse_is_an_object_too_where_json_was_asked_for(run):
    result = run("mute", *MEMORY, "--user", "alice", "--json")

    assert json.loads(result.stdout)["error"] == {
        "type": "UsageError",
        "message": "Give either --peer or --group.",
    }
    refused(result)


def test_a_wrong_setting_is_an_object_too_where_json_was_asked_for(run):
    result = run("mute", *WHO, "--account", "x", "--config", "/no/where.toml", "--json")

    assert json.loads(result.stdout)["error"]["type"] == "ConfigError"


def test_an_unknown_command_or_option_is_named(run):
    assert "No such command 'mutee'" in refused(run("mutee"))
    assert "No such option '--loudly'" in refused(run("mute", "--loudly"))


def test_escape_sequences_from_outside_do_not_reach_the_terminal(run):
    said = refused(run("mute", *WHO, "--account", "x", "--config", "/no/\x1b[31m\u202e\t\nwhere"))

    assert said.startswith("there is no /no/\\x1b[31m\\u202e  where")
