"""Runs the kit as pytest does, in this process, and counts what came of it."""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from attrs import define, field, frozen

from convops.errors import ConfigError
from convops.provider import AnyProvider
from convops.testing._checks import CHECKS, Check
from convops.testing._conformance import KIT, Vacant
from convops.testing._suites import suite_of

LINE_MAX = 300

NO_PLUGINS = "PYTEST_DISABLE_PLUGIN_AUTOLOAD"

FILE = """\
from convops.testing import Conformance


class TestProvider(Conformance):
    pass
"""


@define
class Tally:
    """What came of one check.

    Attributes:
        check: the check.
        cases: how many were run; none where there is nothing to look at.
        passed: how many were kept.
        problems: what was wrong, in one line each.
        deviation: why it is deviated from; None where it is not.
    """

    check: Check
    cases: int = 0
    passed: int = 0
    problems: list[str] = field(factory=list)
    deviation: str | None = None


@frozen
class Conformed:
    """What came of a run.

    Attributes:
        kit: the version of the kit.
        tallies: one for each check, in the order of the table.
        problems: what is wrong with the deviations.
    """

    kit: int
    tallies: tuple[Tally, ...]
    problems: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether every check is kept, or deviated from with a reason."""
        return not self.problems and not any(tally.problems for tally in self.tallies)

    def count(self, name: str) -> int:
        """Return how many cases `passed`, `failed`, or were `deviated` from."""
        counts = {
            "cases": [tally.cases for tally in self.tallies],
            "passed": [tally.passed for tally in self.tallies],
            "failed": [len(tally.problems) for tally in self.tallies],
            "deviated": [tally.cases - tally.passed - len(tally.problems) for tally in self.tallies],
        }
        return sum(counts[name])


class _Listener:
    """A plugin of pytest that takes over the collected class, and counts."""

    def __init__(self, suite: type, tallies: Mapping[str, Tally]) -> None:
        self._suite = suite
        self._tallies = tallies
        self.problems: list[str] = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_pycollect_makeitem(self, collector: Any, name: str, obj: object) -> Any:
        """Collect the suite in place of the class that stands in the file."""
        if name != "TestProvider" or obj is self._suite:
            return None
        setattr(collector.obj, name, self._suite)
        return pytest.Class.from_parent(collector, name=name, obj=self._suite)

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        """Leave out the checks that nobody asked for."""
        items[:] = [item for item in items if _check_id(item.name) in {*self._tallies, "deviations"}]

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Count what came of one case."""
        if report.when != "call" and not report.failed:
            return
        name = _check_id(report.location[2].rpartition(".")[2])
        case = report.location[2].partition("[")[2].rstrip("]")
        if name not in self._tallies:
            self.problems += [_line(report)] if report.failed else []
            return
        if case == str(Vacant()):
            return
        tally = self._tallies[name]
        tally.cases += 1
        if report.failed:
            tally.problems.append(f"{case}: {_line(report)}")
        elif report.passed:
            tally.passed += 1


def _check_id(test: str) -> str:
    return test.partition("[")[0].removeprefix("test_").replace("_", "-")


def _line(report: Any) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    text = str(crash.message if crash else report.longrepr)
    first = text.strip().partition("\n")[0]
    return first.rpartition("NonconformityError: ")[2]


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Keep away options and plugins that are meant for other tests."""
    kept = {name: os.environ.pop(name, None) for name in ("PYTEST_ADDOPTS", NO_PLUGINS, "PYTEST_PLUGINS")}
    os.environ[NO_PLUGINS] = "1"
    try:
        yield
    finally:
        del os.environ[NO_PLUGINS]
        os.environ.update({name: value for name, value in kept.items() if value is not None})


def run_kit(
    provider: AnyProvider,
    *,
    cassettes: Path | None = None,
    deviations: Mapping[str, str] | None = None,
    only: Collection[str] = (),
) -> Conformed:
    """Run the checks on a provider, quietly.

    Args:
        provider: the provider, with the simulator it names.
        cassettes: the folder of its cassettes.
        deviations: the reason for each check that it does not keep.
        only: run these checks and no other; none given runs all.

    Raises:
        ConfigError: it names no simulator, or there is no such check.
    """
    if strange := sorted(set(only) - CHECKS.keys()):
        raise ConfigError(f"no check is called {strange[0]!r}; there are: {', '.join(CHECKS)}")
    deviations = dict(deviations or {})
    suite = suite_of(provider, cassettes=cassettes, deviations=deviations)
    tallies = {
        name: Tally(check, deviation=deviations.get(name))
        for name, check in CHECKS.items()
        if not only or name in only
    }
    listener = _Listener(suite, tallies)
    said = io.StringIO()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "test_conformance.py"
        file.write_text(FILE, "utf-8")
        options = ["-q", "-c", os.devnull, "--rootdir", folder, "-p", "no:cacheprovider"]
        options += ["--import-mode=importlib", "-p", "convops.testing.pytest_plugin", str(file)]
        with _undisturbed(), contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            status = pytest.main(options, [listener])
    if status not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        last = said.getvalue().strip().splitlines()[-1:] or [str(status)]
        raise ConfigError(f"pytest could not run the kit: {last[0][:LINE_MAX]}")
    return Conformed(KIT, tuple(tallies.values()), tuple(listener.problems))
