"""LiteLLM 1.82.7 and 1.82.8, lightning 2.6.2 and 2.6.3, mistralai 2.4.6: releases that stole credentials.

One needed no import: it came as a `.pth` file, which Python runs whenever it starts. What can be held here is
that a release of ours has nothing of the kind, does nothing when it is imported, and brings few others along.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import requires
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
DEPENDENCIES = {"attrs", "cattrs", "certifi", "httpcore", "httptools", "httpx", "pluggy", "sniffio"}

# What runs by itself: when Python starts, or when a package is built or installed.
SELF_STARTING = ("*.pth", "setup.py", "setup.cfg", "sitecustomize.py", "usercustomize.py", "hatch_build.py")


def names(requirements):
    return {re.split(r"[^A-Za-z0-9_-]", requirement)[0].lower() for requirement in requirements}


def self_starting(folder):
    return [path for pattern in SELF_STARTING for path in Path(folder).rglob(pattern)]


def folders_of_the_wheel():
    return [ROOT / package for package in PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]]


# --- What is in it ----------------------------------------------------------------------------------------


def test_a_release_needs_these_eight_and_no_more():
    assert names(PROJECT["project"]["dependencies"]) == DEPENDENCIES
    installed = [line for line in requires("convops") or [] if "extra ==" not in line]
    assert names(installed) == DEPENDENCIES


def test_a_release_holds_nothing_that_runs_by_itself():
    folders = folders_of_the_wheel()
    assert {"convops", "convops_zego", "convops_tencent"} <= {folder.name for folder in folders}
    assert [path for folder in folders for path in self_starting(folder)] == []
    assert [path for pattern in SELF_STARTING for path in ROOT.glob(pattern)] == []


@pytest.mark.parametrize("name", ["convops_init.pth", "setup.py", "deep/down/sitecustomize.py"])
def test_a_file_that_runs_by_itself_would_be_found(tmp_path, name):
    planted = tmp_path / name
    planted.parent.mkdir(parents=True, exist_ok=True)
    planted.write_text("import os")
    assert self_starting(tmp_path) == [planted]


def test_a_release_is_built_without_running_anything_of_ours():
    build = PROJECT["tool"]["hatch"]["build"]
    assert PROJECT["build-system"].keys() == {"requires", "build-backend"}
    assert PROJECT["build-system"]["build-backend"] == "hatchling.build"
    assert names(PROJECT["build-system"]["requires"]) == {"hatchling"}
    wheel = build["targets"]["wheel"]
    # No hook that runs, and no file that is put in from elsewhere.
    for settings in (PROJECT["tool"]["hatch"], build, wheel):
        assert not {"hooks", "force-include", "shared-data", "shared-scripts"} & settings.keys()


# --- What it does when it is imported ---------------------------------------------------------------------

ROOMS = [
    "convops",
    "convops.errors",
    "convops.provider",
    "convops.testing",
    "convops._connect",
    "convops._client",
    "convops._memory",
    "convops._cli",
    "convops._transports.aiohttp_adapter",
    "convops._transports.httpx_adapter",
    "convops_zego",
    "convops_zego.simulator",
    "convops_tencent",
    "convops_tencent.simulator",
]

WATCH = """
import collections, functools, importlib, json, os, sys, threading

OURS = tuple(os.sep + name + os.sep for name in ("convops", "convops_zego", "convops_tencent"))
DEEDS = ("socket.", "subprocess.", "os.exec", "os.fork", "os.spawn", "os.system", "os.putenv", "os.unsetenv",
         "os.posix_spawn", "urllib.", "ftplib.", "smtplib.")
done = []

def by_us():
    frame = sys._getframe(2)
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith("<frozen importlib"):
            # Whoever imported this is not who reads.
            return False
        if any(part in name for part in OURS):
            return True
        frame = frame.f_back
    return False

def hook(event, details):
    if event.startswith(DEEDS):
        done.append(event)
    if event == "open" and isinstance(details[1], str) and set(details[1]) & set("wax+"):
        done.append(f"open {details[0]}")

class Watched(collections.UserDict):
    def __getitem__(self, key):
        if by_us():
            done.append(f"environment {key}")
        return super().__getitem__(key)

    def __contains__(self, key):
        return key in self.data

    def get(self, key, default=None):
        if by_us():
            done.append(f"environment {key}")
        return self.data.get(key, default)

def noting(start):
    @functools.wraps(start)
    def noted(*arguments, **options):
        done.append("a thread")
        return start(*arguments, **options)
    return noted

for module, name in ((threading, "_start_new_thread"), (threading, "_start_joinable_thread"),
                     (sys.modules["_thread"], "start_new_thread")):
    if hasattr(module, name):
        setattr(module, name, noting(getattr(module, name)))
os.environ = Watched(os.environ)
sys.dont_write_bytecode = True
sys.path[:0] = json.loads(sys.argv[1])
sys.addaudithook(hook)
for name in json.loads(sys.argv[2]):
    importlib.import_module(name)
print(json.dumps(done))
"""


def done_by_importing(*modules, path=()):
    done = subprocess.run(  # noqa: S603 - our own lines
        [sys.executable, "-I", "-c", WATCH, json.dumps([str(place) for place in path]), json.dumps(modules)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return json.loads(done.stdout.splitlines()[-1])


def test_importing_opens_no_socket_starts_nothing_writes_nothing_and_reads_no_environment():
    assert done_by_importing(*ROOMS) == []


CULPRITS = {
    "a socket": ("import socket; socket.socket().close()", "socket.__new__"),
    "a name looked up": ("import socket; socket.getaddrinfo('127.0.0.1', 1)", "socket.getaddrinfo"),
    "a thread": ("import threading; threading.Thread(target=print).start()", "a thread"),
    "a process": ("import os; os.system('true')", "os.system"),
    "a variable": ("import os; os.environ.get('AWS_SECRET_ACCESS_KEY')", "environment AWS_SECRET_ACCESS_KEY"),
    "getenv": ("import os; os.getenv('HOME')", "environment HOME"),
    "a file": ("open('/dev/null', 'w').close()", "open /dev/null"),
}


@pytest.mark.parametrize(("line", "deed"), CULPRITS.values(), ids=CULPRITS)
def test_a_module_that_did_would_be_found(tmp_path, line, deed):
    package = tmp_path / "convops_zego"
    package.mkdir()
    (package / "__init__.py").write_text(line)
    assert deed in done_by_importing("convops_zego", path=[tmp_path])
