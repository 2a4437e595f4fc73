"""Runs tests against mutants: each in a process of its own, forked with the tests at hand.

Nothing on disk changes. A mutant inside a function is put in while its module lives, by giving the
function its other code; any other is what the module is imported from.
"""

from __future__ import annotations

import gc
import inspect
import multiprocessing
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from multiprocessing.connection import Connection
from types import CodeType
from typing import Any

import cattrs  # noqa: F401 - these need not be imported anew with each mutant
import coverage
import httpx  # noqa: F401
import pluggy  # noqa: F401
import pytest
from attrs import evolve, frozen
from hypothesis import Phase, settings

from tests.mutation.mutants import ROOT, Mutant

SUITES = ("tests/core", "tests/wire", "tests/plugins", "tests/simulators", "tests/docs")
LEFT_OUT = "over a socket"
"""The same tests run in process too, and kill the same mutants in a tenth of the time."""

MEMORY = 4 << 30
SURVIVED, KILLED = 0, 1
FORK = multiprocessing.get_context("fork")


@frozen
class Known:
    """What is known of the tests once all of them ran against the code as it is.

    Attributes:
        seconds: how long each took, by its name.
        tests: by path and line, which of them ran it; "" is the import of a module.
    """

    seconds: Mapping[str, float]
    tests: Mapping[str, Mapping[int, Sequence[str]]]

    def of(self, mutant: Mutant) -> set[str]:
        """Return the tests that run the statement of a mutant."""
        lines = self.tests[mutant.path]
        return {test for line in mutant.lines for test in lines.get(line, ())}

    def files_of(self, mutant: Mutant) -> tuple[list[str], list[str]]:
        """Return the test files: a few that run all lines of a module, and the rest."""
        runs: dict[str, set[int]] = {test.partition("::")[0]: set() for test in self.seconds}
        for line, tests in self.tests[mutant.path].items():
            for test in filter(None, tests):
                runs[test.partition("::")[0]].add(line)
        few: list[str] = []
        missing = set().union(*runs.values())
        while missing:
            few.append(max(runs, key=lambda file: len(runs[file] & missing)))
            missing -= runs.pop(few[-1])
        return few, sorted(runs)


class _Failed(Exception):  # noqa: N818 - no error
    """A test did not pass."""


class _Plugin:
    """Takes what pytest collected, and runs it as told."""

    def __init__(self, run: Callable[[list[pytest.Item]], None]) -> None:
        self._run = run

    def pytest_collection(self) -> None:
        # A property test finds what it finds, at once and each time the same.
        phases = (Phase.explicit, Phase.generate)
        settings.register_profile("mutation", settings(), phases=phases, derandomize=True, database=None)
        settings.load_profile("mutation")

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        if session.testsfailed:
            raise session.Interrupted("not collected")
        self._run([item for item in session.items if LEFT_OUT not in item.nodeid])
        return True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            raise _Failed(report.nodeid)


def _pytest(paths: Iterable[str], run: Callable[[list[pytest.Item]], None]) -> int:
    options = ["-q", "-n0", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning"]
    return pytest.main([*options, *paths], [_Plugin(run)])


def _in_turn(items: Sequence[pytest.Item]) -> Iterator[tuple[pytest.Item, pytest.Item | None]]:
    return zip(items, [*items[1:], None], strict=True)


def _silently() -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)


# --- The code as it is --------------------------------------------------------------------------------


def measure(paths: Sequence[str]) -> Known:
    """Run all tests against the code as it is.

    Raises:
        RuntimeError: one failed, so that nothing can be said of any mutant.
    """
    receiving, sending = FORK.Pipe(duplex=False)
    process = FORK.Process(target=_measure, args=(paths, sending))
    process.start()
    sending.close()
    known: Known | str = receiving.recv()
    process.join()
    if isinstance(known, str):
        raise RuntimeError(f"without any mutant, {known}")  # noqa: TRY004 - no wrong type
    return known


def _measure(paths: Sequence[str], sending: Connection) -> None:
    _silently()
    seconds: dict[str, float] = {}
    failed = "the tests cannot be collected"
    watched = coverage.Coverage(
        data_file=None, config_file=False, include=[str(ROOT / path) for path in paths]
    )

    def run(items: list[pytest.Item]) -> None:
        nonlocal failed
        failed = ""
        for item, after in _in_turn(items):
            watched.switch_context(item.nodeid)
            began = time.monotonic()
            try:
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=after)
            except _Failed as error:
                failed = f"{error} fails"
                return
            seconds[item.nodeid] = time.monotonic() - began

    watched.start()
    _pytest(SUITES, run)
    watched.stop()
    found = watched.get_data()
    tests = {path: found.contexts_by_lineno(str(ROOT / path)) for path in paths}
    sending.send(failed or Known(seconds, tests))


# --- Mutants ------------------------------------------------------------------------------------------

Work = Callable[[Iterator[int], Sequence[Mutant], Known, Callable[[tuple[int, int]], None]], None]


def try_all(mutants: Sequence[Mutant], known: Known, jobs: int) -> Iterator[tuple[Mutant, bool]]:
    """Return each mutant and whether it was killed, as they come.

    Raises:
        RuntimeError: what is no mutant at all is killed, so that nothing can be said of the others.
    """
    living: list[Mutant] = []
    imported: list[Mutant] = []
    for mutant in mutants:
        is_living = mutant.is_inside and "" not in known.of(mutant)
        (living if is_living else imported).append(mutant)
    for some, work in ((living, _work_on_living), (imported, _work_on_imported)):
        controls = [_unchanged(mutant) for mutant in some[:1]]
        for mutant, was_killed in _shared([*controls, *some], known, jobs, work):
            if mutant not in controls:
                yield mutant, was_killed
            elif was_killed:
                raise RuntimeError(f"{mutant.path} is killed as it is")


def _unchanged(mutant: Mutant) -> Mutant:
    return evolve(mutant, operator="none", source=(ROOT / mutant.path).read_text("utf-8"))


def _shared(mutants: Sequence[Mutant], known: Known, jobs: int, work: Work) -> Iterator[tuple[Mutant, bool]]:
    waiting, done = FORK.SimpleQueue(), FORK.SimpleQueue()

    def worker() -> None:
        _silently()
        try:
            work(iter(waiting.get, None), mutants, known, done.put)
        finally:
            done.put(None)

    for _ in range(jobs):
        FORK.Process(target=worker, daemon=True).start()
    for place in [*range(len(mutants)), *([None] * jobs)]:
        waiting.put(place)
    left, working = len(mutants), jobs
    while working:
        result = done.get()
        if result is None:
            working -= 1
        else:
            left -= 1
            yield mutants[result[0]], result[1] != SURVIVED
    if left:
        raise RuntimeError(f"{left} mutants were not tried")


def _work_on_living(
    places: Iterator[int],
    mutants: Sequence[Mutant],
    known: Known,
    tell: Callable[[tuple[int, int]], None],
) -> None:
    """Collect the tests once, and fork with them for each mutant."""

    def run(items: list[pytest.Item]) -> None:
        gc.freeze()
        for place in places:
            tests = known.of(mutants[place])
            chosen = [item for item in items if item.nodeid in tests]
            tell((place, _apart(partial(_try_living, mutants[place], chosen, known))))

    _pytest(SUITES, run)


def _try_living(mutant: Mutant, items: Sequence[pytest.Item], known: Known) -> int:
    code = compile(mutant.source, str(ROOT / mutant.path), "exec")
    member: Any = sys.modules[mutant.module]
    for name in mutant.function.split("."):
        code = next(
            inner for inner in code.co_consts if isinstance(inner, CodeType) and inner.co_name == name
        )
        member = inspect.getattr_static(member, name)
    member = getattr(member, "fget", None) or getattr(member, "__func__", None) or inspect.unwrap(member)
    member.__code__ = code
    _run(items, known)
    return SURVIVED


def _work_on_imported(
    places: Iterator[int],
    mutants: Sequence[Mutant],
    known: Known,
    tell: Callable[[tuple[int, int]], None],
) -> None:
    """Fork for each mutant before anything of ours is imported."""
    for place in places:
        status = SURVIVED
        for files in filter(None, known.files_of(mutants[place])):
            if status == SURVIVED:
                status = _apart(partial(_try_imported, mutants[place], files, known))
        tell((place, status))


def _try_imported(mutant: Mutant, files: Sequence[str], known: Known) -> int:
    sys.meta_path.insert(0, _Finder(mutant))
    return _pytest(files, lambda items: _run(items, known))


@frozen
class _Finder:
    """Has one module imported from a mutant's source."""

    mutant: Mutant

    def find_spec(self, name: str, path: Any, target: Any = None) -> ModuleSpec | None:
        spec = PathFinder.find_spec(name, path) if name == self.mutant.module else None
        if spec is not None:
            spec.loader = _Loader(name, str(ROOT / self.mutant.path), self.mutant.source)
        return spec


class _Loader(SourceFileLoader):
    def __init__(self, name: str, path: str, source: str) -> None:
        super().__init__(name, path)
        self._source = source

    def get_code(self, fullname: str) -> CodeType:
        return compile(self._source, self.path, "exec")


def _run(items: Sequence[pytest.Item], known: Known) -> None:
    """Run tests, the short ones first, until one fails; one that takes far too long ends the process."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    for item, after in _in_turn(sorted(items, key=lambda item: known.seconds.get(item.nodeid, 0.0))):
        signal.setitimer(signal.ITIMER_REAL, 10.0 + 20 * known.seconds.get(item.nodeid, 0.0))
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=after)
    signal.setitimer(signal.ITIMER_REAL, 0)


def _apart(work: Callable[[], int]) -> int:
    """Do something in a forked process and return its exit status, or the negative of a signal."""
    pid = os.fork()
    if not pid:
        status = KILLED
        try:
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
            status = work()
        finally:
            # Whatever was raised, the mutant did it.
            os._exit(status)
    _, waited = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(waited)
