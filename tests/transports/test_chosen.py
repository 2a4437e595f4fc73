"""A session that names an adapter is run with it, or not at all."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.transports.test_process import ROOT

RUN = """
import sys
{before}
import pytest
only = ["-n", "0", "-q", "--collect-only", "tests/transports/test_isolation.py"]
sys.exit(pytest.main([*only, "--adapter", "{adapter}"]))
"""


def session(adapter, before=""):
    return subprocess.run(  # noqa: S603 - a script of this file
        [sys.executable, "-c", RUN.format(before=before, adapter=adapter)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("adapter", "before", "complaint"),
    [
        ("nothing", "", "--adapter nothing is none of: httpx"),
        (
            "aiohttp",
            "sys.modules['aiohttp'] = None",
            "--adapter aiohttp needs aiohttp, which is not installed",
        ),
    ],
)
def test_an_adapter_that_cannot_be_had_ends_the_session(adapter, before, complaint):
    done = session(adapter, before)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert complaint in done.stderr


def test_only_the_flavours_that_an_adapter_serves_are_run():
    done = session("aiohttp")
    assert done.returncode == pytest.ExitCode.OK
    assert "[async" in done.stdout
    assert "[sync" not in done.stdout
