"""The adapter without an HTTP library: requests are written by hand, for the connections that others use too.

httptools, by which all of them read, is the only name left for it. Nothing lies between, so no recorder or
tracer of an HTTP library sees its requests.
"""

from __future__ import annotations

from convops._transports import TransportOptions
from convops._transports.failures import told_or_raised
from convops._transports.lines import Line
from convops._transports.replies import Body
from convops._transports.requests import Writer
from convops._transports.routes import Route, router
from convops._transports.sharded import Sharded
from convops.provider import Attempt, Failure, HttpReply


class WrittenLine(Line):
    """A connection, and what writes requests for it."""

    def __init__(self, origin: str, route: Route) -> None:
        super().__init__(route)
        self.writer = Writer(origin, route.prefix, route.fields)


class HttptoolsTransport(Sharded[WrittenLine]):
    """Exchanges over connections of our own, for a `Client`."""

    def __init__(self, options: TransportOptions) -> None:
        route = router(options)
        super().__init__(lambda origin: WrittenLine(origin, route(origin)))

    def _exchange(self, shard: WrittenLine, attempt: Attempt, deadline: float) -> HttpReply | Failure:
        try:
            return _ask(shard, attempt, deadline)
        except BaseException as error:  # noqa: BLE001 - told or raised below
            caught = error
        return told_or_raised(caught, shard.wire.exchange)


def _ask(line: WrittenLine, attempt: Attempt, deadline: float) -> HttpReply:
    # A frame of its own: what it holds of an answer, which may echo the URL, is cut off with it.
    line.open()
    head = line.ask(line.writer.written(attempt))
    body = Body(head.status, head.fields, deadline)
    while part := line.part():
        body.add(part)
    return body.reply()
