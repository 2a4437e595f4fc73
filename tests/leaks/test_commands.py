"""Commands are given a reference to a secret, and nothing that they show or leave holds the secret."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import threading

import pytest

from convops._cli._group import COMMANDS
from tests.leaks import commands
from tests.leaks.evidence import Evidence
from tests.leaks.scanner import Scanner, canary
from tests.leaks.surfaces import BY_A_COMMAND, Surface
from tests.leaks.test_leaks import compressed, cut, echo, echo_as_an_error, echo_in_json
from tests.leaks.vendors import KEYS, vendor_with, watch_signature
from tests.leaks.watches import everything_kept
from tests.transports.rawserver import PATIENCE, RawServer, simulating

MAIN = "from convops._cli import main; main()"
WHOSE = ("--user", "alice", "--peer", "bob")
TARGET = ("--account", "main", *WHOSE)

VERBS = [
    ("clear-unread", *TARGET),
    ("mark-read", *TARGET),
    ("delete", *TARGET, "--erase-history"),
    ("mute", "--account", "main", "--user", "alice", "--group", "team"),
    ("unmute", "--account", "main", "--user", "alice", "--group", "team"),
    ("mute", *TARGET),
]
PLANS = [("plan", *TARGET, "--operation", name) for name in ("clear-unread", "mark-read", "delete", "mute")]
DOCTOR = ("doctor", "--account", "main")


class Shell:
    """An account in a file whose secret is a reference, and a vendor that is told how to answer."""

    def __init__(self, vendor, reference, folder):
        self.vendor, self.folder = vendor, folder / "empty"
        self.folder.mkdir()
        self.scanner, self.evidence, key = Scanner(), Evidence(), canary()
        self.scanner.watch("the key", key.value)
        simulator = vendor_with(key, vendor)
        self.act = simulating(simulator)
        self.server = RawServer(self._handle)
        kept = folder / "secret"
        kept.write_text(key.value)
        # What whoever runs the command puts into the environment, by a name of their own.
        self.line = "" if reference == "file" else f"THE_SECRET={key.value}"
        settings = {"provider": vendor, **simulator.settings, "base_url": self.server.url}
        self._key = key
        self._reference = f"file:{kept}" if reference == "file" else "env:THE_SECRET"
        settings[KEYS[vendor]] = self._reference
        lines = "".join(f"{name} = {json.dumps(value)}\n" for name, value in settings.items())
        self.config = folder / "accounts.toml"
        self.config.write_text(f"[accounts.main]\n{lines}")

    def __repr__(self):
        return "<shell>"

    def _handle(self, peer, request):
        watch_signature(self.scanner, self.vendor, request.query)
        self.act(peer, request)

    def misconfigure(self):
        """Write the secret itself where the reference was."""
        text = self.config.read_text()
        self.config.write_text(text.replace(json.dumps(self._reference), json.dumps(self._key.value)))

    def run(self, *words):
        """Run a command here, for a person and for a machine."""
        with everything_kept(self.evidence):
            for form in ((), ("--json",)):
                commands.run(self.evidence, *words, "--config", self.config, *form)

    def start(self, *words):
        """Start a command as a process."""
        name, _, value = self.line.partition("=")
        environment = {
            "HOME": str(self.folder),
            "TMPDIR": str(self.folder),
            **({name: value} if name else {}),
        }
        return subprocess.Popen(  # noqa: S603 - our own code
            [sys.executable, "-c", MAIN, *words, "--config", str(self.config)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=self.folder,
            env=environment,
            text=True,
        )

    def assert_clean(self, surfaces):
        self.evidence.assert_clean(self.scanner, surfaces)


@pytest.fixture
def shell(vendor, request, tmp_path, monkeypatch):
    made = Shell(vendor, getattr(request, "param", "file"), tmp_path)
    name, _, value = made.line.partition("=")
    if name:
        monkeypatch.setenv(name, value)
    yield made
    made.server.close()


@pytest.mark.parametrize("shell", ["file", "env"], indirect=True)
def test_a_command_shows_no_credential_whatever_it_is_asked_for(shell):
    for words in (*VERBS, *PLANS, DOCTOR):
        shell.run(*words)
    for name in COMMANDS:
        commands.run(shell.evidence, name, "--help")
    shell.evidence.files(shell.folder)
    assert len(shell.server.received) > len(VERBS)
    shell.assert_clean(BY_A_COMMAND)


@pytest.mark.parametrize("behave", [echo, echo_in_json, echo_as_an_error, compressed, cut])
def test_a_command_shows_no_credential_whatever_the_vendor_answers(shell, behave):
    shell.act = behave
    for words in (VERBS[0], DOCTOR):
        shell.run(*words, *(("--timeout", "0.5") if words is not DOCTOR else ()))
    shell.assert_clean({Surface.OUTPUT, Surface.JSON, Surface.DOCTOR})


@pytest.mark.parametrize("shell", ["file", "env"], indirect=True)
def test_a_command_that_is_refused_shows_no_credential(shell):
    shell.misconfigure()
    for words in (VERBS[0], PLANS[0], DOCTOR):
        shell.run(*words)
    shell.assert_clean({Surface.OUTPUT, Surface.JSON, Surface.DOCTOR, Surface.PLAN})


@pytest.mark.skipif(not commands.PROCESSES.joinpath("self").exists(), reason="needs /proc")
@pytest.mark.parametrize("shell", ["file", "env"], indirect=True)
def test_a_process_shows_no_credential_while_it_runs_nor_when_it_is_stopped(shell):
    asked = threading.Event()

    def hold(peer, _):
        asked.set()
        peer.until_hung_up()

    shell.act = hold
    with shell.start(*VERBS[0]) as process:
        assert asked.wait(PATIENCE)
        commands.looked_up(shell.evidence, process, known=shell.line)
        # Python can miss a signal right before it blocks, and hears it when something comes.
        while process.poll() is None:
            process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(1.0)
        commands.printed(shell.evidence, list(VERBS[0]), *process.communicate(timeout=PATIENCE))
    shell.evidence.files(shell.folder)
    assert process.returncode == 130
    shell.assert_clean({Surface.OUTPUT, Surface.ARGUMENTS, Surface.ENVIRONMENT, Surface.TASKS, Surface.FILES})
