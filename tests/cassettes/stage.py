"""Where a scenario of a served vendor is played: rooms at a Synapse that was started to record it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from attrs import define, field, frozen

from tests.cassettes.scenario import ARRIVED
from tests.synapse.homeserver import Homeserver, running

ALICE, BOB, CAROL = (f"@{name}:matrix.example" for name in ("alice", "bob", "carol"))
TOKEN_OF_ALICE, TOKEN_OF_BOB, TOKEN_OF_NOBODY = "token-of-alice", "token-of-bob", "token-of-nobody"


@define
class Stage:
    """What a scenario arranges.

    Attributes:
        server: where it is played.
        tokens: the users' own, by what stands for them in a scenario.
        rooms: real room ids by those of the scenario.
    """

    server: Homeserver
    tokens: Mapping[str, str]
    rooms: dict[str, str] = field(factory=dict)

    def room(self, name: str, creator: str, *members: str, **more: Any) -> str:
        """Make a room, and return its real id."""
        self.rooms[name] = self.server.room(creator, *members, **more)
        return self.rooms[name]

    def say(self, name: str, count: int = 3) -> None:
        """Let messages of Bob's have come before the operations were decided."""
        for _ in range(count):
            self.server.say(self.rooms[name], BOB, dated=ARRIVED)

    def ask(self, user: str, method: str, *path: str, body: Any = None) -> None:
        """Let a user do something, in a room by its name in the scenario."""
        real = [self.rooms.get(part, part) for part in path]
        self.server.must(method, "v3", *real, user=user, body={} if body is None else body)

    def settings(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """Return where it is played, and with which real token."""
        token = wanted["access_token"]
        real = {**self.tokens, TOKEN_OF_NOBODY: TOKEN_OF_NOBODY}.get(token, self.server.token)
        return {"base_url": self.server.url, "access_token": real}

    @property
    def secrets(self) -> Sequence[str]:
        """What must not be recorded."""
        return [self.server.token, *self.tokens.values()]


@frozen
class Stages:
    """One server, and a fresh stage for each scenario."""

    server: Homeserver
    tokens: Mapping[str, str]
    signature: str

    def open(self) -> Stage:
        """Return a stage on which nothing happened; nobody has direct conversations."""
        for user in (ALICE, BOB, CAROL):
            self.server.list_direct(user, {})
        return Stage(self.server, self.tokens)


@contextmanager
def served_stages() -> Iterator[Stages]:
    """Start the server, and stop it."""
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as server:
        for user in (ALICE, BOB, CAROL):
            server.register(user.removeprefix("@").partition(":")[0])
        tokens = {TOKEN_OF_ALICE: server.log_in(ALICE), TOKEN_OF_BOB: server.log_in(BOB)}
        yield Stages(server, tokens, server.ask("GET", "versions").headers["server"])
