"""The network between clients and vendors, on which everything takes its time and may go wrong."""

from __future__ import annotations

import asyncio
from collections import Counter
from email.utils import formatdate
from random import Random

from convops._transports.inprocess import request_of
from convops.provider import Attempt, Failure, FailureKind, HttpReply
from tests.simulation.fates import FATES, Fate
from tests.simulation.history import History, Record, Sent
from tests.simulation.story import BEGIN, Act, Outage, Seat, Trouble
from tests.simulation.virtual_time import wait_for

Ended = asyncio.Future[HttpReply | Failure]


class Network:
    """Knows of every exchange which batch it is for, and what is to become of it.

    Attributes:
        history: is told of everything.
        batches: which batch an attempt is for; told before it is exchanged.
    """

    def __init__(self, history: History) -> None:
        self.history = history
        self.batches: dict[Attempt, Record] = {}
        self._troubles = {(trouble.act, trouble.nth): trouble.fate for trouble in history.story.of(Trouble)}
        self._exchanges: Counter[int] = Counter()

    def next(self, act: Act, app: int, now: float) -> tuple[int, Fate]:
        """Return which of its act's exchanges the next one is, and what becomes of it."""
        nth = self._exchanges[act.number]
        self._exchanges[act.number] += 1
        return nth, FATES[self.outage(app, now) or self._troubles.get((act.number, nth), "fine")]

    def outage(self, app: int, now: float) -> str | None:
        """Return what becomes of every exchange with an app at this time; None where nothing is special."""
        outages = (outage for outage in self.history.story.of(Outage) if outage.app == app)
        return next((each.fate for each in outages if each.at <= now < each.at + each.seconds), None)


class Line:
    """What one asynchronous client reaches its vendor by.

    Args:
        network: which it is part of.
        seat: the client.
        start: what the client's monotonic clock said at the beginning.
    """

    def __init__(self, network: Network, seat: Seat, start: float) -> None:
        self._network = network
        self._seat = seat
        self._start = start

    async def exchange(self, attempt: Attempt, deadline: float) -> HttpReply | Failure:
        """Bring one request to the vendor and its answer back, unless the story has it otherwise."""
        loop = asyncio.get_running_loop()
        record = self._network.batches[attempt]
        nth, fate = self._network.next(record.act, self._seat.app, loop.time())
        seed = f"{self._network.history.story.seed} act {record.act.number} exchange {nth}"
        there, back = _delays(Random(seed))  # noqa: S311 - a story is no secret
        sent = Sent(
            record=record,
            app=self._seat.app,
            machine=self._seat.machine,
            action=attempt.call.action,
            started=loop.time(),
            deadline=deadline - self._start,
            fate=fate,
        )
        record.sent.append(sent)
        ended: Ended = loop.create_future()
        over = Failure(FailureKind.TIMEOUT, sent=fate.unsent is None)
        in_time = loop.call_at(sent.deadline, _settle, ended, over)
        if fate.unsent is None:
            sent.request = request_of(attempt)
            if fate.ends is not None:
                loop.call_later(there + back, _settle, ended, Failure(fate.ends, sent=True))
            if fate.arrives:
                loop.call_later(there + fate.slow[0], self._arrive, sent, ended, back + fate.slow[1])
        elif fate.unsent is not FailureKind.TIMEOUT:
            loop.call_later(there, _settle, ended, Failure(fate.unsent, sent=False))
        try:
            sent.came = await ended
        finally:
            in_time.cancel()
            sent.ended = loop.time()
        return sent.came

    def _arrive(self, sent: Sent, ended: Ended, back: float) -> None:
        """Let the vendor serve a request, whether or not somebody still waits for the answer."""
        loop = asyncio.get_running_loop()
        if self._network.outage(sent.app, loop.time()) == "restarting":
            _settle(ended, Failure(FailureKind.BROKEN, sent=True))
            return
        sent.serve(self._network.history.vendors[sent.app])
        reply = sent.reply
        if isinstance(reply, HttpReply):
            date = formatdate(BEGIN + loop.time(), usegmt=True)
            reply = HttpReply(reply.status, {**reply.headers, "date": date}, reply.body)
        if not sent.fate.silent and sent.fate.ends is None:
            loop.call_later(back, _settle, ended, reply)

    async def aclose(self) -> None:
        """Do nothing: there is no connection."""


class BlockingLine:
    """The same for a client that blocks."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def exchange(self, attempt: Attempt, deadline: float) -> HttpReply | Failure:
        """Bring one request to the vendor and its answer back, and block meanwhile."""
        return wait_for(self._line.exchange(attempt, deadline))

    def close(self) -> None:
        """Do nothing: there is no connection."""


def _settle(ended: Ended, came: HttpReply | Failure) -> None:
    if not ended.done():
        ended.set_result(came)


def _delays(chance: Random) -> tuple[float, float]:
    """Return how long a request takes on its way, and its answer, in seconds."""
    return tuple(chance.uniform(0.005, 0.060) + (0.3 if chance.random() < 0.01 else 0.0) for _ in range(2))
