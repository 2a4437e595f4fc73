"""What only a process shows: status, signals, pipes, what is imported, and no traceback ever."""

from __future__ import annotations

import json
import os
import shlex
import signal
import sys
import threading
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

import convops as library
from convops._cli import main
from convops._cli._group import COMMANDS, LazyGroup
from convops._cli._group import convops as command
from convops._cli._scene import BOB, NEWS
from convops._cli._simulators import make_simulator
from convops._registry import find_provider

HEAVY = ("httpx", "rich", "cattrs", "asyncio", "uvicorn", "convops_matrix", "convops_zego", "convops_tencent")

LOADED = """
import json, sys
from convops._cli import main
try:
    main()
except SystemExit as stop:
    status = stop.code
sys.stderr.write(json.dumps([status, sorted(sys.modules)]))
"""

NARROW = """
import sys
sys.modules[sys.argv.pop(1)] = None
from convops._cli import main
main()
"""


@pytest.mark.parametrize("words", [["--help"], ["--version"], []])
def test_help_loads_nothing_heavy(process, words):
    done = process(*words, code=LOADED)
    status, modules = json.loads(done.stderr)

    assert status == 0
    assert sorted(set(HEAVY) & set(modules)) == []
    assert [name for name in modules if name.startswith("convops._cli._")] == [
        "convops._cli._documents",
        "convops._cli._group",
        "convops._cli._options",
        "convops._cli._say",
    ]


def test_the_entry_point_shows_help_and_exits(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["convops"])
    with pytest.raises(SystemExit) as stop:
        main()

    assert stop.value.code == 0
    assert "Usage: convops" in capsys.readouterr().out


def test_without_click_it_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "click", None)
    monkeypatch.delitem(sys.modules, "convops._cli._group")
    with pytest.raises(SystemExit) as stop:
        main()

    assert stop.value.code == 2
    assert capsys.readouterr().err == "convops: the command line needs click: pip install 'convops[cli]'\n"


def test_without_click_a_process_says_what_to_install(process):
    done = process("click", "demo", code=NARROW)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1


def test_another_missing_module_is_not_blamed_on_click(monkeypatch):
    monkeypatch.setitem(sys.modules, "convops._cli._say", None)
    monkeypatch.delitem(sys.modules, "convops._cli._group")
    with pytest.raises(ModuleNotFoundError):
        main()


def test_without_rich_and_without_uvicorn_the_rest_works(process):
    for extra in ("rich", "uvicorn"):
        done = process(extra, "providers", code=NARROW)
        assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example_and_the_words_of_the_table(name):
    result = CliRunner().invoke(command, [name, "--help"], prog_name="convops")

    assert result.exit_code == 0
    assert COMMANDS[name][1] in result.stdout
    assert f"    convops {name}" in result.stdout
    assert len(result.stdout.splitlines()) < 30


def test_the_table_lists_commands_that_exist():
    assert isinstance(command, LazyGroup)
    for name in command.list_commands(None):
        found = command.get_command(None, name)
        assert found.name == name


def test_the_version_is_that_of_the_package(process):
    done = process("--version")

    assert done.returncode == 0
    assert done.stdout.startswith("convops ")


def test_the_demo_runs_as_a_process(process):
    started = time.monotonic()
    done = process("demo", "--json")

    assert (done.returncode, done.stderr) == (0, "")
    assert len(json.loads(done.stdout)["steps"]) == 42
    assert time.monotonic() - started < 20


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["mute", "--url", "memory://?store=x", "--user", "a", "--peer", "b"], 0),
        (
            [
                "mark-read",
                "--url",
                "memory://?store=x",
                "--user",
                "a",
                "--peer",
                "b",
                "--up-to",
                "2999-01-01Z",
            ],
            2,
        ),
        (
            [
                "mark-read",
                "--url",
                "memory://?store=x",
                "--user",
                "a",
                "--peer",
                "b",
                "--up-to",
                "2999-01-01T00Z",
            ],
            1,
        ),
        (["mute", "--account", "main", "--user", "a", "--peer", "b"], 2),
        (["plan"], 2),
        (["simulate", "nobody"], 2),
    ],
)
def test_the_status_tells_done_from_failed_from_misused(process, words, status):
    done = process(*words)

    assert done.returncode == status
    assert done.stderr.count("\n") == (0 if status == 0 else 1)
    assert "Traceback" not in done.stderr


def test_a_closed_pipe_is_no_traceback(start):
    with start("matrix") as running:
        running.stdout.close()
        assert running.stderr.read() == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_one_line(process):
    with Path("/dev/full").open("w") as full:
        done = process("matrix", stdout=full)
    assert (done.returncode, done.stderr) == (1, "convops: No space left on device\n")


def test_an_output_that_cannot_spell_an_id_escapes_it(process):
    user = "\u79c1"
    words = ("mute", "--url", "memory://?store=x", "--user", user, "--peer", "b")
    done = process(*words, env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "1"})

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "mute: \\u79c1 with b at memory: applied\n"


BUGGY = """
    from convops._memory import MemoryProvider
    from convops.provider import hookimpl
    from convops_zego.simulator import ZegoSimulator

    class BuggySimulator(ZegoSimulator):
        def add_user(self, user):
            {statement}

    class Buggy(MemoryProvider):
        name = "buggy"
        simulator = "strange_buggy:BuggySimulator"

    @hookimpl
    def convops_provider():
        return Buggy()
"""


def test_a_bug_is_one_line_that_names_the_place_and_quotes_nothing(run, install):
    install("buggy", BUGGY.format(statement="raise LookupError('a secret')"))
    result = run("simulate", "buggy", "--json")

    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert result.stderr.startswith("convops: an unexpected LookupError at strange_buggy:8;")
    assert json.loads(result.stdout)["error"]["type"] == "LookupError"
    assert "a secret" not in result.output


def test_a_failure_of_the_system_is_one_line(run, install):
    install("buggy", BUGGY.format(statement="raise PermissionError(13, 'Permission denied', '/some/where')"))

    assert run("simulate", "buggy").stderr == "convops: Permission denied\n"


def test_ctrl_c_is_no_traceback(run, install):
    install("buggy", BUGGY.format(statement="raise KeyboardInterrupt"))
    result = run("simulate", "buggy")

    assert result.exit_code == 130
    assert result.stderr.strip() == "convops: stopped"


# --- simulate ---


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("provider", ["matrix", "zego", "tencent"])
def test_a_simulator_answers_until_it_is_stopped(start, provider, number):
    with start("simulate", provider, "--json") as running:
        started = json.loads(running.stdout.readline())
        with library.connect(provider, **started["settings"]) as chat:
            conversation = make_simulator(find_provider(provider)).spelled(BOB)
            assert chat.clear_unread(conversation).ok
        running.send_signal(number)
        assert running.wait(10) == 0
        assert running.stderr.read() == ""
    assert started["provider"] == provider
    names = {"user": conversation.user, "peer": conversation.other}
    assert {"kind": "direct", **names, "unread": 3} in started["conversations"]


def test_the_first_line_of_a_simulator_is_its_url_and_its_examples_work(run, start, monkeypatch):
    with start("simulate", "zego") as running:
        url = running.stdout.readline().strip()
        lines = [running.stdout.readline().strip() for _ in range(9)]
        with eval(lines[2].removeprefix("chat = "), {"convops": library}) as chat:  # noqa: S307 - our own words
            assert chat.delete(NEWS).ok
        monkeypatch.setenv(*lines[5].removeprefix("export ").split("="))
        result = run(*shlex.split(lines[6])[1:])
        running.send_signal(signal.SIGTERM)
    assert url.startswith("http://127.0.0.1:")
    assert result.stdout == "clear_unread: alice with bob at zego: applied\n"
    assert running.returncode == 0


def stop_soon(number, handler):
    """Send this process a signal as soon as somebody listens for it."""

    def send():
        while signal.getsignal(number) is handler:
            time.sleep(0.01)
        # Not at once, so that it is also waited for.
        time.sleep(0.3)
        os.kill(os.getpid(), number)

    threading.Thread(target=send).start()


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_handlers_are_put_back_when_a_simulator_stops(run, form):
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    stop_soon(signal.SIGTERM, before[0])
    result = run("simulate", "tencent", *form)

    assert (result.exit_code, result.stderr) == (0, "")
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before
    assert "http://127.0.0.1:" in result.stdout.splitlines()[0]


def test_a_taken_port_is_one_line(run, zego):
    result = run("simulate", "zego", "--port", zego.url.rpartition(":")[2])

    assert result.exit_code == 2
    assert result.stderr.startswith("convops: cannot listen on 127.0.0.1:")


def test_a_provider_without_a_simulator_is_said(run):
    assert run("simulate", "memory").stderr == "convops: memory has no simulator\n"


def test_an_unknown_provider_is_answered_with_the_nearest_and_all(run):
    result = run("simulate", "tencant")

    assert result.exit_code == 2
    assert "did you mean 'tencent'?" in result.stderr
    assert "memory, tencent, zego" in result.stderr
