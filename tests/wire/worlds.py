"""A simulated vendor with a few people in it, and a client that speaks to it."""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import Any
from urllib.parse import parse_qsl

from attrs import frozen

from convops.operations import Conversation
from convops.provider import Failure, HttpReply, HttpRequest
from convops.testing import Exchange, Simulator
from convops_matrix.simulator import MatrixSimulator
from convops_tencent.simulator import TencentSimulator
from convops_zego.simulator import ZegoSimulator
from tests.transports.flavours import Driven, Flavour

SIMULATORS = {"matrix": MatrixSimulator, "zego": ZegoSimulator, "tencent": TencentSimulator}

DM = Conversation.direct(user="alice", peer="bob")
TEAM = Conversation.group(user="alice", group="team")
# Nothing that happens to the two above may touch these.
OTHERS = (
    Conversation.direct(user="alice", peer="carol"),
    Conversation.direct(user="bob", peer="alice"),
    Conversation.group(user="bob", group="team"),
    Conversation.group(user="alice", group="crew"),
)


@frozen
class World:
    """A vendor and a client of it."""

    vendor: str
    simulator: Simulator
    chat: Driven

    def others(self) -> dict[Conversation, Any]:
        """Return the state of every conversation but the two under test."""
        return {c: s for c, s in self.simulator.conversations().items() if c not in (DM, TEAM)}


def simulator_of(vendor: str, **options: Any) -> Simulator:
    return SIMULATORS[vendor](**{"rate_limits": False, **options})


def people(simulator: Simulator) -> None:
    """Let alice, bob and carol have talked."""
    for user in ("alice", "bob", "carol"):
        simulator.add_user(user)
    for group in ("team", "crew"):
        simulator.add_group(group, ["alice", "bob"])
    for count, conversation in enumerate((DM, TEAM, *OTHERS), start=2):
        simulator.receive(conversation, count)


class Stand:
    """Stands on a socket before one simulator after another."""

    url: str
    simulator: Simulator

    def handle(self, request: HttpRequest) -> HttpReply | Failure:
        return self.simulator.handle(request)


class Worlds:
    """Opens worlds, and closes them all."""

    def __init__(self, flavour: Flavour, stand: Stand) -> None:
        self.flavour = flavour
        self._stand = stand
        self._closing = ExitStack()

    def open(
        self, vendor: str, *, socket: bool = False, simulator: Simulator | None = None, **settings: Any
    ) -> World:
        if simulator is None:
            simulator = simulator_of(vendor)
            people(simulator)
        if socket:
            self._stand.simulator = simulator
            settings["base_url"] = self._stand.url
        else:
            settings["transport"] = self.flavour.in_process(simulator)
            settings.setdefault("base_url", "https://chat.example")
        chat = self.flavour.connect(vendor, **{"pace": 10_000, **simulator.settings, **settings})
        self._closing.callback(chat.close)
        return World(vendor, simulator, chat)

    def close(self) -> None:
        self._closing.close()


def query(exchange: Exchange) -> dict[str, str]:
    """Return the query of a request, decoded."""
    return dict(parse_qsl(exchange.request.target.partition("?")[2], keep_blank_values=True))


def body(exchange: Exchange) -> dict[str, Any]:
    """Return the body of a request, decoded."""
    return json.loads(exchange.request.body) if exchange.request.body else {}


def actions(simulator: Simulator) -> list[str]:
    return [exchange.action for exchange in simulator.exchanges]
