"""The conformance kit as a pytest class: a plugin's author subclasses it in five lines."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest
from attrs import frozen

from convops._registry import find_provider
from convops.provider import AnyProvider
from convops.testing._checks import CHECKS, Check
from convops.testing._simulator import Simulator
from convops.testing._subject import Case, NonconformityError, Subject, expect

KIT = 1
"""The version of the kit; it grows when a check is added or asks for more."""


@frozen
class Unlisted:
    """What stands in for the cases of a check whose cases cannot be listed.

    Attributes:
        error: what was raised.
    """

    error: Exception

    def __str__(self) -> str:
        return "unlisted"


@frozen
class Vacant:
    """What stands in for the cases of a check that finds nothing to look at, as where all is declared."""

    def __str__(self) -> str:
        return "nothing-to-check"


Listed = Case | Unlisted | Vacant


def cases_of(check: Check, subject: Subject) -> list[Listed]:
    """Return the cases of a check; where the provider fails even at that, one case that says so."""
    try:
        return list(check.cases(subject)) or [Vacant()]
    except Exception as error:  # noqa: BLE001 - whatever a plugin raises fails its checks, not the collection
        return [Unlisted(error)]


def run_check(check: Check, subject: Subject, case: Listed) -> None:
    """Run one case of a check.

    Raises:
        NonconformityError: the provider does not keep it.
    """
    __tracebackhide__ = True
    if isinstance(case, Unlisted):
        raise NonconformityError(f"its cells cannot be told: {case.error!r}") from case.error
    if isinstance(case, Case):
        check.run(subject, case)


class Conformance:
    """What every provider must keep; subclass it as `class TestMine(Conformance)`.

    Attributes:
        provider: the name of an installed provider, or a provider.
        simulator: makes the simulator of its vendor: a `Simulator` class, or a function that returns one.
        settings: settings of the account beside the simulator's own, such as a permission it needs.
        cassettes: the folder of its cassettes.
        deviations: the reason for each check that it does not keep; the check is run all the same, and
            fails when it is kept after all.
    """

    provider: ClassVar[str | AnyProvider]
    simulator: ClassVar[Callable[..., Simulator]]
    settings: ClassVar[Mapping[str, Any]] = {}
    cassettes: ClassVar[Path | None] = None
    deviations: ClassVar[Mapping[str, str]] = {}

    pytestmark: ClassVar[Any] = pytest.mark.conformance

    @classmethod
    def subject(cls) -> Subject:
        """Return what is tested."""
        provider = find_provider(cls.provider) if isinstance(cls.provider, str) else cls.provider
        return Subject(provider=provider, make=cls.simulator, settings=cls.settings, cassettes=cls.cassettes)

    def pytest_generate_tests(self, metafunc: Any) -> None:
        """Give each check its cases; one that is deviated from is run as a whole."""
        name = metafunc.function.__name__.removeprefix("test_").replace("_", "-")
        if name not in CHECKS or "case" not in metafunc.fixturenames:
            return
        cases: list[Any] = [None] if name in self.deviations else cases_of(CHECKS[name], self.subject())
        metafunc.parametrize("case", cases, ids=[str(case or "deviated") for case in cases])

    def test_deviations(self) -> None:
        """Every deviation is from a check that exists, and has a reason."""
        for name, reason in self.deviations.items():
            expect(name in CHECKS, f"no check is called {name!r}; there are: {', '.join(CHECKS)}")
            expect(isinstance(reason, str) and reason.strip(), f"the deviation from {name!r} has no reason")

    def _keep(self, check: Check, case: Listed | None) -> None:
        __tracebackhide__ = True
        subject = self.subject()
        if case is not None:
            run_check(check, subject, case)
            return
        reason, cases = self.deviations[check.id], cases_of(check, subject)
        for one in cases:
            try:
                run_check(check, subject, one)
            except Exception as error:  # noqa: BLE001 - what does not conform can fail in any way
                pytest.xfail(f"{reason} ({one}: {error})")
        pytest.fail(f"{check.id} is kept, so the deviation is no longer needed: {reason}")


def _method(check: Check) -> Callable[[Conformance, Listed | None], None]:
    def kept(self: Conformance, case: Listed | None) -> None:
        __tracebackhide__ = True
        self._keep(check, case)

    kept.__name__ = f"test_{check.id.replace('-', '_')}"
    kept.__doc__ = check.sentence
    return kept


for _check in CHECKS.values():
    setattr(Conformance, f"test_{_check.id.replace('-', '_')}", _method(_check))
