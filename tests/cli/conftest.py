"""A vendor on a socket for the commands to speak to, and plugins that a stranger might install."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap

import pytest
from attrs import frozen
from click.testing import CliRunner

from convops._cli._group import convops
from convops._cli._scene import arrange
from convops._registry import _load
from convops.testing import serve
from convops_tencent.simulator import TencentSimulator
from convops_zego.simulator import ZegoSimulator

SENTINEL = "sentinel-0123456789abcdef-sentinel"


@pytest.fixture
def run():
    """Run a command in this process."""

    def run(*words):
        return CliRunner().invoke(convops, [str(word) for word in words], prog_name="convops")

    return run


MAIN = "from convops._cli import main; main()"


@pytest.fixture
def process(tmp_path):
    """Run a command, or other code, as a process of its own in an empty directory."""

    def process(*words, code=MAIN, **options):
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "cwd": tmp_path, **options}
        command = [sys.executable, "-c", code, *words]
        return subprocess.run(command, text=True, timeout=60, check=False, **streams)  # noqa: S603 - our own code

    return process


@pytest.fixture
def start(tmp_path):
    """Start a command as a process that goes on."""

    def start(*words):
        command = [sys.executable, "-c", MAIN, *words]
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "cwd": tmp_path}
        return subprocess.Popen(command, text=True, **streams)  # noqa: S603 - our own code

    return start


@frozen
class Vendor:
    """A simulated vendor being served, with its account written to a file."""

    simulator: object
    url: str
    config: str

    def target(self, conversation):
        """The words that name this account and a conversation."""
        return ["--account", "main", "--config", self.config, *words_of(conversation)]


def words_of(conversation):
    return ["--user", conversation.user, f"--{conversation_key(conversation)}", conversation.other]


def conversation_key(conversation):
    return "peer" if conversation.kind.value == "direct" else "group"


def _write_account(path, simulator, url):
    settings = {"provider": simulator.provider, **simulator.settings, "base_url": url}
    for name in ("server_secret", "secret_key"):
        if name in settings:
            settings[name] = "env:CONVOPS_TEST_SECRET"
    path.write_text(
        "[accounts.main]\n" + "".join(f"{key} = {json.dumps(v)}\n" for key, v in settings.items())
    )
    return str(path)


def _vendor(simulator, tmp_path, monkeypatch):
    arrange(simulator)
    monkeypatch.setenv("CONVOPS_TEST_SECRET", SENTINEL)
    with serve(simulator) as url:
        yield Vendor(simulator, url, _write_account(tmp_path / "accounts.toml", simulator, url))


@pytest.fixture
def zego(tmp_path, monkeypatch):
    yield from _vendor(ZegoSimulator(server_secret=SENTINEL), tmp_path, monkeypatch)


@pytest.fixture
def tencent(tmp_path, monkeypatch):
    yield from _vendor(TencentSimulator(secret_key=SENTINEL), tmp_path, monkeypatch)


@pytest.fixture(params=["zego", "tencent"])
def vendor(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install a plugin package: a module, and the entry point that names it."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))

    def install(name, source):
        module = f"strange_{name}"
        (site / f"{module}.py").write_text(textwrap.dedent(source))
        about = site / f"{module}-7.1.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 7.1\n")
        (about / "entry_points.txt").write_text(f"[convops]\n{name} = {module}\n")
        monkeypatch.delitem(sys.modules, module, raising=False)
        return site

    # A plugin is loaded once in a process, and these come and go.
    _load.cache_clear()
    yield install
    _load.cache_clear()
