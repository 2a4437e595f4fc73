"""A vendor that knows a canary, and clients of it that are watched while they work."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import attrs
import vcr
from vcr.cassette import Cassette

import convops
from convops.operations import Delete, MarkRead
from convops.provider import HttpReply
from tests.leaks.evidence import Evidence
from tests.leaks.scanner import Scanner, canary
from tests.leaks.surfaces import ON_AN_EXCHANGE, Surface
from tests.leaks.vendors import vendor_with, watch_signature
from tests.leaks.watches import observed
from tests.transports import chosen
from tests.transports.rawserver import Peer, RawServer, Received, to_request
from tests.wire.worlds import DM, TEAM


class Stage:
    """A vendor behind a server that checks every signature, and then does as told."""

    def __init__(self, flavour: Any, vendor: str, folder: Path) -> None:
        self.flavour, self.vendor = flavour, vendor
        self.scanner, self.evidence = Scanner(), Evidence()
        self.key = canary()
        self.scanner.watch("the key", self.key.value)
        self.simulator = vendor_with(self.key, vendor)
        self.valid: list[bool] = []
        self.behave: Any = None
        self.server = RawServer(self._handle)
        self.cassette = folder / "cassette.yaml"
        self._clients: list[Any] = []

    def __repr__(self) -> str:
        return "<stage>"

    def _handle(self, peer: Peer, request: Received) -> None:
        watch_signature(self.scanner, self.vendor, request.query)
        reply = self.simulator.handle(to_request(request))
        document = json.loads(self.simulator.answer(to_request(request)).body)
        # The codes of a wrong signature: 100000001 and on, and 70001 and on.
        self.valid.append(document.get("Code", document.get("ErrorCode")) // 1000 not in (100_000, 70))
        if self.behave is None:
            assert isinstance(reply, HttpReply)
            peer.answer(reply.body, status=reply.status)
        else:
            self.behave(peer, request)

    def connect(self, **options: Any) -> Any:
        settings = {"base_url": self.server.url, "pace": 10_000, "attempts": 1, **options}
        settings = {"observer": self.evidence.event, **self.simulator.settings, **settings}
        chat = self.flavour.connect(self.vendor, **settings)
        self._clients.append(chat)
        return chat

    def perform(self, act: Any, *, record: str | None = "all", whole: bool = True) -> Any:
        """Do something under observation, and return what came of it.

        Args:
            act: what to do.
            record: vcrpy's record mode; None goes without a cassette.
            whole: whether answers in the cassette are looked at, and not only what was asked.
        """

        def act_and_show() -> Any:
            try:
                return act()
            finally:
                for chat in self._clients:
                    self._show(chat.target)
                    chat.close()
                self._clients.clear()

        recorder = record and vcr.use_cassette(
            str(self.cassette), record_mode=record, match_on=["method", "path", "query", "body"]
        )
        result = observed(self.evidence, act_and_show, recorder=recorder, tracing=True)
        if record:
            self._read_cassette(whole=whole)
        return result

    def _show(self, client: Any) -> None:
        shown = self.evidence.show_all(client)
        (account,) = [thing for thing in shown if type(thing).__name__.endswith("Account")]
        for thing in (client, account):
            self.evidence.keep(thing)
        self.evidence.add(Surface.COPIES, "changed", repr(attrs.evolve(account)))
        plan = client.plan([MarkRead(DM), Delete(TEAM, erase_history=True)])
        self.evidence.add(Surface.PLAN, "plan", repr(plan))
        # Whoever holds the secret was looked at, and not only those who know them by name.
        assert any(isinstance(thing, convops.Secret) for thing in shown)

    def _read_cassette(self, *, whole: bool) -> None:
        if whole:
            self.evidence.add(Surface.CASSETTES, "file", self.recorded())
        else:
            for request in Cassette.load(path=str(self.cassette)).requests:
                asked = f"{request.uri} {request.headers!r} {request.body!r}"
                self.evidence.add(Surface.CASSETTES, "request in the file", asked)

    def recorded(self) -> str:
        """Return what a cassette kept, as one text."""
        return self.cassette.read_text() if self.cassette.exists() else ""

    def assert_clean(self, *more: Surface) -> None:
        """The vendor took every signature, and nothing else shows one."""
        assert self.valid
        assert all(self.valid)
        unseen = frozenset() if chosen.is_recorded() else {Surface.CASSETTES}
        self.evidence.assert_clean(self.scanner, (ON_AN_EXCHANGE | set(more)) - unseen)
