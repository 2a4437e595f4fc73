"""The page on adding a provider is followed to the letter, in an environment of its own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.walkthrough import Command, File, Walk, bare_environment, is_as_shown, steps_of

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/adding-a-provider.md").read_text("utf-8")
UV = os.environ.get("UV") or shutil.which("uv")
LINES_MAX = 150


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


@pytest.fixture
def walk(tmp_path):
    """Somebody who can install this checkout as if it came from an index."""
    built = tmp_path / "built"
    command = [UV, "build", "--quiet", "--wheel", "--out-dir", built, ROOT]
    subprocess.run(command, check=True, timeout=120)  # noqa: S603 - our own words
    (wheel,) = built.glob("*.whl")
    constraint = tmp_path / "constraint.txt"
    constraint.write_text(f"convops @ {wheel.as_uri()}\n")
    folder = tmp_path / "work"
    folder.mkdir()
    environment = bare_environment(tmp_path, UV, UV_CONSTRAINT=str(constraint))
    walk = Walk(folder, environment)
    yield walk
    walk.stop()


@pytest.mark.walkthrough
def test_the_page_followed_to_the_letter_leads_to_a_working_provider(walk):
    # The port alone is another one, which is free.
    steps = steps_of(PAGE.replace("8047", str(free_port())))
    for step in steps:
        walk.take(step)


def files():
    return {step.path: step.text for step in steps_of(PAGE) if isinstance(step, File)}


def test_the_provider_of_the_page_fits_in_150_lines_without_its_simulator():
    hook = (ROOT / "convops/_cli/_template/convops_NAME/__init__.py.tmpl").read_text("utf-8")
    rooms = [
        text
        for path, text in files().items()
        if path.endswith(".py") and "/convops_parley/" in path and not path.endswith("/simulator.py")
    ]
    assert len(rooms) == 4
    assert sum(len(text.splitlines()) for text in [hook, *rooms]) <= LINES_MAX


def test_the_files_of_the_page_are_formatted_so_that_their_lines_can_be_counted(tmp_path):
    for path, text in files().items():
        (tmp_path / Path(path).name).write_text(text, "utf-8")
    command = [sys.executable, "-m", "ruff", "format", "--check", "--line-length", "110", "."]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    assert done.returncode == 0, done.stdout


def test_the_page_says_where_each_file_goes_and_what_each_important_command_prints():
    steps = steps_of(PAGE)
    shown = [step.line for step in steps if isinstance(step, Command) and step.shown]
    for command in ("convops new-provider", "python -m pytest", "convops conformance", "convops doctor"):
        assert any(line.startswith(command) for line in shown), command
    assert PAGE.count("```python") + PAGE.count("```toml") == len(files())


def test_what_is_shown_is_compared():
    assert is_as_shown("", "whatever\n")
    assert is_as_shown("a\n...\nz\n", "a\nb\nz\n")
    assert not is_as_shown("a\n", "b\n")
    assert Command("convops mute", "convops: no\n").fails


def test_a_lie_on_the_page_would_be_found(tmp_path):
    walk = Walk(tmp_path, dict(os.environ))
    walk.take(Command("echo one", "one\n"))
    for lie in (
        Command("echo one", "two\n"),
        Command("false", ""),
        Command("echo 'convops: no'", "convops: no\n"),
    ):
        with pytest.raises(AssertionError):
            walk.take(lie)


def test_what_a_shell_keeps_is_kept(tmp_path):
    walk = Walk(tmp_path, dict(os.environ))
    walk.take(Command("export WHO=alice", ""))
    walk.take(Command("echo $WHO", "alice\n"))
