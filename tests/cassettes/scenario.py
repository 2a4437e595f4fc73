"""What a cassette records: a scenario, as a value, and the simulator it is recorded from."""

from __future__ import annotations

import pkgutil
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from attrs import field, frozen

import convops
from convops import Conversation, Delete, Effect, Operation, Outcome
from convops._registry import find_provider
from convops.testing import Simulator

CASSETTES = Path(__file__).parents[2] / "cassettes"

REGION = "singapore"
"""Whose host stands in what was recorded from a simulator; both vendors have one there."""

AT = datetime(2025, 11, 3, 9, 30, tzinfo=UTC)
"""When every operation was decided, so that bodies which carry it never change."""

ARRIVED = AT - timedelta(hours=1)
"""When the simulated messages arrived."""

SECRETS = ("server_secret", "secret_key", "access_token")

SERVERS = {"matrix": r"Synapse/[0-9]+\.[0-9]+\.[0-9]+"}
"""What the vendors' own servers call themselves that the recorder starts on this machine."""

ALICE_BOB = Conversation.direct(user="alice", peer="bob")
ALICE_CAROL = Conversation.direct(user="alice", peer="carol")
ALICE_TEAM = Conversation.group(user="alice", group="team")
ALICE_CLUB = Conversation.group(user="alice", group="club")


@frozen
class Expected:
    """What is to come of one operation: its effect, and the class and code of its error."""

    effect: Effect
    error: str | None = None
    code: int | str | None = None


APPLIED = Expected(Effect.APPLIED)
ALREADY = Expected(Effect.ALREADY)


def refused(error: str, code: int | str | None = None) -> Expected:
    return Expected(Effect.NOT_APPLIED, error, code)


def doubtful(error: str, code: int) -> Expected:
    return Expected(Effect.UNKNOWN, error, code)


def observed(outcome: Outcome) -> Expected:
    error = outcome.error
    return Expected(
        outcome.effect, None if error is None else type(error).__name__, getattr(error, "code", None)
    )


@frozen(kw_only=True)
class Scenario:
    """What is recorded in one cassette.

    Attributes:
        name: that of the file.
        provider: that of the folder.
        operations: given to one `apply`.
        expected: one for each operation, written by hand.
        arrange: brings the simulator, or the stage at a server of the vendor's own, to where it starts.
        before: operations that are performed first, off the record.
        account: settings that differ from those of the simulator's sample account.
        simulator: arguments of the simulator.
        clock_ahead: seconds by which the simulator's clock is ahead.
        attempts: of each call.
        live: whether the vendor itself can be brought to answer this.
    """

    name: str
    provider: str
    operations: tuple[Operation, ...]
    expected: tuple[Expected, ...]
    arrange: Callable[[Any], None]
    before: tuple[Operation, ...] = ()
    account: Mapping[str, Any] = field(factory=dict)
    simulator: Mapping[str, Any] = field(factory=dict)
    clock_ahead: float = 0.0
    attempts: int = 1
    live: bool = False

    def __attrs_post_init__(self) -> None:
        if len(self.operations) != len(self.expected):
            raise ValueError(f"{self} expects {len(self.expected)} outcomes of {len(self.operations)}")
        if any(operation.at != AT for operation in self.operations):
            raise ValueError(f"{self} has an operation without its fixed time")

    def __str__(self) -> str:
        return f"{self.provider}/{self.name}"

    @property
    def served(self) -> bool:
        """Whether it is recorded from the vendor's own server, started for it on this machine."""
        return self.provider in SERVERS

    @property
    def destructive(self) -> bool:
        """Whether it takes away what cannot be brought back."""
        return any(isinstance(operation, Delete) for operation in self.operations)

    @property
    def ids(self) -> set[str]:
        """Everyone and every group that is named."""
        conversations = [operation.conversation for operation in (*self.before, *self.operations)]
        return {name for c in conversations for name in (c.user, c.other)}

    def path(self, folder: Path = CASSETTES) -> Path:
        """Return where its cassette stands."""
        return folder / self.provider / f"{self.name}.json"

    def settings(self, **where: str) -> dict[str, Any]:
        """Return the sample account's settings, with what the scenario changes and where it is."""
        return {**simulator_class(self.provider)().settings, **self.account, **where}

    def options(self) -> dict[str, Any]:
        """Return the options of its client."""
        # Nobody counts: the pace of the vendor would only make the tests slow.
        return {"attempts": self.attempts, "pace": 10_000.0}

    def simulate(self) -> Simulator:
        """Return the simulator at the point where the scenario starts."""
        simulator = simulator_class(self.provider)(**self.simulator)
        simulator.now = ARRIVED.timestamp
        self.arrange(simulator)
        simulator.now = lambda: time.time() + self.clock_ahead
        if self.before:
            with convops.connect(
                self.provider,
                transport=simulator.transport(),
                **self.settings(base_url="http://localhost"),
                **self.options(),
            ) as client:
                assert all(outcome.ok for outcome in client.apply(self.before))
        simulator.exchanges.clear()
        return simulator


def simulator_class(provider: str) -> type[Simulator]:
    """Return the class of a provider's simulator."""
    found = find_provider(provider).simulator
    assert found is not None
    return pkgutil.resolve_name(found)


def everyone(simulator: Simulator) -> None:
    """Let Alice have unread messages from Bob, from Carol and in two groups."""
    for user in ("alice", "bob", "carol"):
        simulator.add_user(user)
    for group in ("team", "club"):
        simulator.add_group(group, ["alice", "bob"])
    for conversation in (ALICE_BOB, ALICE_CAROL, ALICE_TEAM, ALICE_CLUB):
        simulator.receive(conversation, 3)
