"""What a check is, and on which cases it is run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from attrs import frozen

from convops.testing._subject import FLAVOURS, Case, Subject


@frozen
class Check:
    """One thing every provider must keep.

    Attributes:
        id: its stable name, by which it is deviated from.
        sentence: what is asked for.
        cases: on what it is run; none is as good as passing.
        run: raises an AssertionError that says what is wrong.
    """

    id: str
    sentence: str
    cases: Callable[[Subject], Iterable[Case]]
    run: Callable[[Subject, Case], None]


def declared_cells(subject: Subject) -> Iterator[Case]:
    """Yield each cell that is usable, for either client."""
    return subject.cases_of_cells(usable=True)


def undeclared_cells(subject: Subject) -> Iterator[Case]:
    """Yield each cell that is not usable, for either client."""
    return subject.cases_of_cells(usable=False)


def plain_cells(subject: Subject) -> list[Case]:
    """Return each usable cell once, for either client in turn."""
    cases = [case for case in declared_cells(subject) if case.flavour == "sync"]
    return [
        Case(key=case.key, switch=case.switch, flavour=FLAVOURS[place % 2])
        for place, case in enumerate(cases)
    ]


def both_clients(_: Subject) -> list[Case]:
    """Return one case for either client."""
    return [Case(flavour=flavour) for flavour in FLAVOURS]


def both_clients_with_codes(subject: Subject) -> list[Case]:
    """Return one case for either client, where there are codes."""
    return both_clients(subject) if subject.provider.codes else []


def both_clients_with_secrets(subject: Subject) -> list[Case]:
    """Return one case for either client, where the account has a secret."""
    return both_clients(subject) if subject.secrets(subject.account()) else []


def once_with_probe(subject: Subject) -> list[Case]:
    """Return one case where there is a probe."""
    return once(subject) if subject.provider.probe(subject.account()) is not None else []


def once_with_cassettes(subject: Subject) -> list[Case]:
    """Return one case where there are cassettes."""
    return once(subject) if subject.cassettes is not None else []


def once(_: Subject) -> list[Case]:
    """Return one case."""
    return [Case()]
