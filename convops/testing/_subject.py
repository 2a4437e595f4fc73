"""What a conformance run is about: one provider, its simulator, and the cells it declares."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Any

import attrs
from attrs import field, frozen

from convops._accounts import from_provider
from convops.operations import (
    OPERATIONS,
    ClearUnread,
    Conversation,
    ConversationKind,
    Delete,
    MarkRead,
    Mute,
    Operation,
)
from convops.provider import AnyProvider
from convops.secret import Secret
from convops.support import Support
from convops.testing._simulator import Simulator
from convops.testing._switches import Switch, switched_on

Key = tuple[type[Operation], ConversationKind]

KEYS: tuple[Key, ...] = tuple(product(OPERATIONS, ConversationKind))

NOWHERE = "https://vendor.example"

START = 1_800_000_000.0
"""When every simulated story begins, in Unix seconds."""

FLAVOURS = ("sync", "async")


class NonconformityError(AssertionError):
    """A provider does not keep what the contract asks for."""


def expect(condition: object, problem: str) -> None:
    """Fail with a problem unless a condition holds.

    Raises:
        NonconformityError: it does not.
    """
    __tracebackhide__ = True
    if not condition:
        raise NonconformityError(problem)


class Clock:
    """The time in a simulated story, in Unix seconds; it stands until it is moved."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now


@frozen(kw_only=True)
class Case:
    """One run of a check.

    Attributes:
        key: the cell it is about; None where it is about the provider as a whole.
        flavour: `sync` or `async`; None where no client takes part.
        switch: the account's setting that is on; None for none.
    """

    key: Key | None = None
    flavour: str | None = None
    switch: Switch | None = None

    def __str__(self) -> str:
        cell = [self.key[0].name, self.key[1].value] if self.key else []
        rest = [str(one) for one in (self.switch, self.flavour) if one is not None]
        return "-".join([*cell, *rest]) or "once"


@frozen(kw_only=True)
class Subject:
    """What is tested.

    Attributes:
        provider: the provider.
        make: makes its simulator.
        settings: account settings beside the simulator's.
        cassettes: the folder of its cassettes, where there is one.
    """

    provider: AnyProvider
    make: Callable[[], Simulator]
    settings: Mapping[str, Any] = field(factory=dict, repr=False)
    cassettes: Path | None = None

    def simulator(self, clock: Clock | None = None) -> Simulator:
        """Return a fresh simulator in which time stands and nobody counts calls."""
        simulator = self.make()
        simulator.now = clock or Clock()
        simulator.rate_limits = False
        return simulator

    def account(self, simulator: Simulator | None = None, **changes: Any) -> Any:
        """Return the account that a simulator accepts, with some settings changed."""
        simulator = self.simulator() if simulator is None else simulator
        fields = attrs.fields_dict(self.provider.account_type)
        where = {"base_url": NOWHERE} if "base_url" in fields else {}
        return from_provider(
            self.provider, {**where, **simulator.settings, **self.settings, **changes}
        ).settings

    def secrets(self, account: Any) -> dict[str, Secret]:
        """Return the account's secrets by the name of the setting."""
        values = {one.name: getattr(account, one.name) for one in attrs.fields(type(account))}
        return {name: value for name, value in values.items() if isinstance(value, Secret)}

    # --- Cells ---

    def switches(self) -> list[Switch]:
        """Return the settings that change a cell when they are switched on."""
        plain = self.account()
        return [
            switch
            for switch, account in switched_on(plain)
            if any(self._support(plain, key) != self._support(account, key) for key in KEYS)
        ]

    def _support(self, account: Any, key: Key) -> Any:
        try:
            return self.provider.support(account, *key)
        except Exception as error:  # noqa: BLE001 - the check of the cells tells what is wrong
            return type(error)

    def support(self, case: Case) -> Support:
        """Return the cell that a case is about."""
        if case.key is None:
            raise ValueError(f"the case {case} is about no cell")
        support: Support = self.provider.support(self.account(**switched(case.switch)), *case.key)
        return support

    def cases_of_cells(self, *, usable: bool) -> Iterator[Case]:
        """Yield a case for each cell that is declared, or is not, with and without each switch."""
        plain = self.account()
        for switch in (None, *self.switches()):
            account = attrs.evolve(plain, **switched(switch))
            for key in KEYS:
                cell = self._support(account, key)
                changed = switch is None or cell != self._support(plain, key)
                if changed and bool(cell) is usable:
                    yield from (Case(key=key, switch=switch, flavour=flavour) for flavour in FLAVOURS)

    def declared(self, switch: Switch | None = None) -> list[Key]:
        """Return the cells that are declared."""
        account = self.account(**switched(switch))
        return [key for key in KEYS if self._support(account, key)]


def switched(switch: Switch | None) -> dict[str, Any]:
    """Return the settings with a switch on."""
    return {switch.setting: switch.value} if switch else {}


def variants(key: Key, conversation: Conversation) -> list[Operation]:
    """Return every form of an operation on a conversation."""
    operation, _ = key
    if operation is Mute:
        return [Mute(conversation), Mute(conversation, muted=False)]
    if operation is Delete:
        return [Delete(conversation), Delete(conversation, erase_history=True)]
    return [operation(conversation)]


def plainest(key: Key, conversation: Conversation) -> Operation:
    """Return the operation of a cell without any option."""
    return variants(key, conversation)[0]


def words(operation: Operation) -> str:
    """Return an operation in words."""
    match operation:
        case Mute(muted=False):
            said = "unmute"
        case Delete(erase_history=True):
            said = "delete with erase_history"
        case MarkRead() | ClearUnread() | Mute() | Delete():
            said = operation.name
        case _:
            said = type(operation).__name__
    return f"{said} of a {operation.conversation.kind.value} conversation"
