"""A page followed to the letter: its files are written, its commands run, and what it shows is compared."""

from __future__ import annotations

import doctest
import os
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

from attrs import define, field, frozen

BLOCK = re.compile(
    r"(?:^`(?P<path>[^`\n]+)`:\n\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
STATEFUL = ("cd ", "export ", ". ")
"""Commands whose effect a shell keeps for those after it."""
LASTING = ("convops simulate ",)
"""Commands for a terminal of their own."""


@frozen
class File:
    """A file the page says to write."""

    path: str
    text: str


@frozen
class Command:
    """A command the page says to run, and what it shows of the output; an empty str shows nothing."""

    line: str
    shown: str

    @property
    def fails(self):
        """Whether the page shows that the command line refuses."""
        return any(line.startswith("convops: ") for line in self.shown.splitlines())


def steps_of(page):
    """Return the files and commands of a page, in order; a file is named in the line above its block."""
    steps = []
    for block in BLOCK.finditer(page):
        if block["path"]:
            steps.append(File(block["path"], block["text"]))
        elif block["language"] == "console":
            steps += _commands(block["text"])
    return steps


def _commands(text):
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        line, _, shown = part.partition("\n")
        yield Command(line, shown)


def is_as_shown(shown, printed):
    """Whether the output is what the page shows, where `...` stands for anything."""
    return not shown or doctest.OutputChecker().check_output(shown, printed, doctest.ELLIPSIS)


@define
class Walk:
    """Somebody who follows a page in an empty directory, with a shell and `uv`."""

    folder: object
    environment: dict
    _state: list = field(factory=list)
    _running: list = field(factory=list)

    def take(self, step):
        """Write a file or run a command; what is not as the page shows is an AssertionError."""
        if isinstance(step, File):
            (self.folder / step.path).write_text(step.text, "utf-8")
        elif step.line.startswith(LASTING):
            self._start(step)
        else:
            self._run(step)

    def _run(self, command):
        done = subprocess.run(  # noqa: S603 - the page's own words
            self._shell(command.line),
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        assert (done.returncode != 0) is command.fails, f"$ {command.line}\n{done.stdout}"
        assert is_as_shown(command.shown, done.stdout), f"$ {command.line}\n{done.stdout}"
        if command.line.startswith(STATEFUL):
            self._state.append(command.line)

    def _start(self, command):
        with (self.folder / "terminal.txt").open("w") as terminal:
            started = subprocess.Popen(  # noqa: S603 - the page's own words
                self._shell(f"exec {command.line}"),
                cwd=self.folder,
                env=self.environment,
                stdout=terminal,
                stderr=subprocess.STDOUT,
            )
        self._running.append(started)
        until = time.monotonic() + 30
        while not is_as_shown(command.shown, printed := (self.folder / "terminal.txt").read_text()):
            assert started.poll() is None, f"$ {command.line}\n{printed}"
            assert time.monotonic() < until, f"$ {command.line}\n{printed}"
            time.sleep(0.05)

    def _shell(self, line):
        return ["bash", "-euc", "\n".join([*self._state, line])]

    def stop(self):
        """End what runs in other terminals."""
        for process in self._running:
            process.terminate()
            process.wait(10)


STRANGE = (
    "VIRTUAL_ENV",
    "PYTHON",
    "PYTEST",
    "COV_",
    "CONVOPS",
    "UV_PYTHON",
    "UV_SYSTEM",
    "UV_PROJECT",
    "UV_RUN",
    "UV_INTERNAL",
)
"""Beginnings of the names of variables by which the environment of the tests would show."""


def bare_environment(folder, uv, **changes):
    """Return the environment of somebody who has Python and `uv`, and nothing of the tests' own."""
    tools = folder / "tools"
    tools.mkdir()
    (tools / "uv").write_text(f'#!/bin/sh\nexec {shlex.quote(uv)} "$@"\n')
    (tools / "uv").chmod(0o755)
    (tools / "python3").symlink_to(Path(sys.base_exec_prefix) / "bin" / "python3")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(STRANGE)}
    return {**kept, "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}", **changes}
