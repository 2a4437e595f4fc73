"""Capability cells: of one account, compared between several, and in words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import product

from attrs import define, field, frozen

from convops.operations import OPERATIONS, ConversationKind, Operation
from convops.support import Caveat, Fidelity, Support

Key = tuple[type[Operation], ConversationKind]
Cells = Mapping[Key, Support]

KEYS: Sequence[Key] = tuple(product(OPERATIONS, ConversationKind))
"""Every operation on every kind of conversation, in the order in which they are shown."""


def key_from(document: Mapping[str, str]) -> Key:
    """Return the operation and the kind that a document names."""
    (operation,) = (one for one in OPERATIONS if one.name == document["operation"])
    return operation, ConversationKind(document["kind"])


def cells_of(support: Callable[[type[Operation], ConversationKind], Support]) -> Cells:
    """Return every cell that a client's `supports`, or a provider's `support`, gives."""
    return {key: support(*key) for key in KEYS}


@frozen(kw_only=True)
class Difference:
    """An operation on a kind of conversation that is not the same everywhere.

    Attributes:
        key: operation and kind.
        cells: by provider.
        aspects: the attributes of `Support` that differ.
    """

    key: Key
    cells: Mapping[str, Support]
    aspects: Sequence[str]


ASPECTS = ("fidelity", "batch", "rate", "time_pinned", "caveats")


def differences(by_provider: Mapping[str, Cells]) -> list[Difference]:
    """Return what differs between providers, in the order of `KEYS`."""
    found = []
    for key in KEYS:
        cells = {name: cells[key] for name, cells in by_provider.items()}
        aspects = [name for name in ASPECTS if len({getattr(cell, name) for cell in cells.values()}) > 1]
        if aspects:
            found.append(Difference(key=key, cells=cells, aspects=aspects))
    return found


def changed_cells(before: Cells, after: Cells) -> Cells:
    """Return the cells of `after` that are not as in `before`."""
    return {key: after[key] for key in KEYS if after[key] != before[key]}


@define
class Footnotes:
    """Caveats, numbered as they are first met."""

    _numbers: dict[Caveat, int] = field(factory=dict)

    def reference(self, caveats: Iterable[Caveat]) -> str:
        """Return the numbers of some caveats, such as ` (1, 2)`; an empty str for none."""
        numbers = [self._numbers.setdefault(caveat, len(self._numbers) + 1) for caveat in caveats]
        return f" ({', '.join(map(str, numbers))})" if numbers else ""

    def notes(self) -> list[tuple[int, Caveat]]:
        """Return every caveat met so far, with its number."""
        return [(number, caveat) for caveat, number in self._numbers.items()]


def fidelity_words(support: Support) -> str:
    """Return how close it comes, and who lacks it where it is not usable."""
    if support.fidelity is Fidelity.UNSUPPORTED:
        return f"no ({support.lacked_by})"
    words: str = support.fidelity.value
    return words


def cell_words(support: Support, *, rate: bool = False) -> str:
    """Return a cell in a few words, without its caveats."""
    if not support:
        return fidelity_words(support)
    parts = [fidelity_words(support)]
    if support.time_pinned:
        parts.append("up to a time")
    if support.batch > 1:
        parts.append(f"{support.batch} a call")
    if rate:
        parts.append(rate_words(support))
    return ", ".join(parts)


def rate_words(support: Support) -> str:
    """Return how many calls a second the vendor allows."""
    return "no known limit" if support.rate is None else f"{support.rate:g}/s"
