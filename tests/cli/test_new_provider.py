"""`convops new-provider` writes a package that works, or one line and nothing."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from convops._cli import _new_provider
from convops.errors import ConfigError

ROOT = Path(__file__).parents[2]
LONGEST = "a-name-as-long-as-they-come-30"
ROOMS = {"__init__.py", "account.py", "flows.py", "signer.py", "codes.py", "simulator.py"}


@pytest.fixture
def written(run, tmp_path):
    """Write the package of a new provider and return its root."""

    def written(name):
        directory = tmp_path / "new" / name
        assert run("new-provider", name, directory).exit_code == 0
        return directory

    return written


def texts(root):
    return {path.relative_to(root): path.read_text("utf-8") for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("name", "module", "names"),
    [
        ("parley", "convops_parley", "Parley"),
        ("my-chat", "convops_my_chat", "MyChat"),
        ("call", "convops_call", "Call"),
        ("none", "convops_none", "None"),
        ("x2", "convops_x2", "X2"),
        (LONGEST, "convops_a_name_as_long_as_they_come_30", "ANameAsLongAsTheyCome30"),
    ],
)
def test_every_room_is_written_in_the_provider_s_own_names(written, name, module, names):
    root = written(name)

    assert {path.name for path in (root / module).glob("*.py")} == ROOMS
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))
    assert project["project"]["entry-points"]["convops"] == {name: module}
    assert f"class {names}Provider(Provider[{names}Account])" in (root / module / "flows.py").read_text()
    assert f'provider = "{name}"' in (root / "tests/test_conformance.py").read_text()
    for path, text in texts(root).items():
        assert not re.search("%[A-Z]+%|NAME", f"{path}\n{text}"), path
        if path.suffix == ".py":
            compile(text, str(path), "exec")


def test_every_room_that_knows_the_vendor_has_marks_and_each_is_a_sentence(written):
    marks = {
        path.name: re.findall(r"# WRITE: (.*(?:\n *# .*)*)", text)
        for path, text in texts(written("parley")).items()
        if path.suffix in (".py", ".toml")
    }

    assert {name for name, found in marks.items() if found} == ROOMS - {"__init__.py"} | {"pyproject.toml"}
    assert [mark for found in marks.values() for mark in found if not mark.endswith((".", "`."))] == []


def test_the_extra_for_tests_is_the_one_of_the_library(written):
    project = tomllib.loads((written("parley") / "pyproject.toml").read_text("utf-8"))["project"]

    assert project["optional-dependencies"]["test"] == ["convops[testing]"]


@pytest.mark.parametrize("name", ["pp", LONGEST])
def test_what_is_written_is_formatted_and_passes_the_linter(written, name):
    lint = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["ruff"]["lint"]
    convention = f'lint.pydocstyle.convention = "{lint["pydocstyle"]["convention"]}"'
    # A folder of tests, and a folder that is not among the sources of this project.
    ignored = ",".join([*lint["ignore"], "INP001"])
    root = written(name)
    for words in (
        ("format", "--check", "."),
        ("check", "--no-cache", "--select", "ALL", "--ignore", ignored, "--config", convention, "."),
    ):
        tool(root, "ruff", *words)


def test_what_is_written_is_typed_strictly(written):
    tool(written("parley"), "mypy", "--cache-dir", os.devnull, "convops_parley", "tests")


def tool(root, *words):
    command = [sys.executable, "-m", *words]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=120, check=False)  # noqa: S603 - our own words
    assert done.returncode == 0, done.stdout + done.stderr


def test_it_says_what_was_written_and_what_to_run_next(run, tmp_path):
    directory = tmp_path / "my packages" / "parley"
    lines = run("new-provider", "parley", directory).stdout.splitlines()

    assert lines[0] == f"Wrote {directory}:"
    files = {line.strip() for line in lines[1 : lines.index("")]}
    assert files == {path.as_posix() for path in texts(directory)}
    install, test, prove = (shlex.split(line) for line in lines[-3:])
    assert install[-3:] == ["install", "-e", f"{directory}[test]"]
    assert test[-1] == str(directory)
    assert prove == ["convops", "conformance", "parley"]


@pytest.mark.parametrize(
    ("pip", "begins"), [(object(), "python -m pip install -e"), (None, "uv pip install -e")]
)
def test_the_installer_it_names_is_one_that_is_there(monkeypatch, pip, begins):
    monkeypatch.setattr(_new_provider, "find_spec", lambda name: pip if name == "pip" else None)

    assert _new_provider.next_commands("parley", Path("x"))[0] == f"{begins} 'x[test]'"


def test_the_same_as_an_object(run, tmp_path):
    document = json.loads(run("new-provider", "my-chat", tmp_path / "new", "--json").stdout)

    assert document["name"] == "my-chat"
    assert document["module"] == "convops_my_chat"
    assert document["directory"] == str(tmp_path / "new")
    assert set(document["files"]) == {path.as_posix() for path in texts(tmp_path / "new")}
    assert len(document["next"]) == 3


def test_an_empty_directory_is_filled(run, tmp_path):
    (tmp_path / "empty").mkdir()

    assert run("new-provider", "parley", tmp_path / "empty").exit_code == 0
    assert (tmp_path / "empty/pyproject.toml").exists()


# --- Refused, and nothing written ---


def refused(result):
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("convops: ")
    assert result.stderr.count("\n") == 1
    return result.stderr


@pytest.mark.parametrize(
    "name",
    [
        "Parley",
        "2chat",
        "-chat",
        "chat-",
        "my--chat",
        "my_chat",
        "my.chat",
        "my chat",
        "",
        "a/b",
        "\u79c1",
        "x" * 31,
    ],
)
def test_a_name_that_cannot_be_one_is_refused(run, tmp_path, name):
    said = refused(run("new-provider", "--", name, tmp_path / "new"))

    assert "cannot be a provider's name" in said
    assert not (tmp_path / "new").exists()


def test_a_word_of_python_is_refused(run, tmp_path):
    assert "'class' is a word of Python" in refused(run("new-provider", "class", tmp_path / "new"))


@pytest.mark.parametrize("name", ["zego", "tencent", "memory"])
def test_a_name_that_is_taken_is_refused(run, tmp_path, name):
    assert f"a provider called '{name}' is installed already" in refused(
        run("new-provider", name, tmp_path / "new")
    )
    assert not (tmp_path / "new").exists()


def test_a_name_that_would_be_the_same_module_is_refused(run, tmp_path, install):
    install("their_chat", "")

    assert "'their_chat' is installed already" in refused(run("new-provider", "their-chat", tmp_path / "new"))


def test_a_directory_with_something_in_it_is_left_alone(run, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full/.hidden").write_text("mine")

    assert "is not empty" in refused(run("new-provider", "parley", tmp_path / "full"))
    assert [path.name for path in (tmp_path / "full").iterdir()] == [".hidden"]


def test_a_file_is_left_alone(run, tmp_path):
    (tmp_path / "file").write_text("mine")

    assert "is no directory" in refused(run("new-provider", "parley", tmp_path / "file"))
    assert (tmp_path / "file").read_text() == "mine"


def test_a_link_that_leads_nowhere_is_left_alone(run, tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")

    assert "leads nowhere" in refused(run("new-provider", "parley", tmp_path / "link"))
    assert not (tmp_path / "nowhere").exists()


def test_below_a_file_nothing_can_be_written(run, tmp_path):
    (tmp_path / "file").write_text("mine")

    assert "cannot be written: Not a directory" in refused(
        run("new-provider", "parley", tmp_path / "file/new")
    )


def test_what_cannot_be_written_wholly_is_not_written_at_all(tmp_path):
    rendered = _new_provider.render(_new_provider.Names("parley"))
    last = next(reversed(rendered))
    too_long = last.with_name("x" * 300)
    for directory in (tmp_path / "deep/new", tmp_path):
        with pytest.raises(ConfigError, match="cannot be written: File name too long"):
            _new_provider.write(directory, {**rendered, too_long: ""})
        assert list(tmp_path.iterdir()) == []


def test_a_misuse_is_an_object_where_json_was_asked_for(run, tmp_path):
    result = run("new-provider", "Parley", tmp_path / "new", "--json")

    assert json.loads(result.stdout)["error"]["type"] == "ConfigError"
