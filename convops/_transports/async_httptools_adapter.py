"""The same for an `AsyncClient`."""

from __future__ import annotations

import asyncio
import time

from convops._transports import TransportOptions
from convops._transports.async_lines import AsyncLine
from convops._transports.async_sharded import AsyncSharded
from convops._transports.failures import told_or_raised
from convops._transports.replies import Body
from convops._transports.requests import Writer
from convops._transports.routes import Route, router
from convops.provider import Attempt, Failure, HttpReply


class AsyncWrittenLine(AsyncLine):
    """A connection, and what writes requests for it."""

    def __init__(self, origin: str, route: Route) -> None:
        super().__init__(route)
        self.writer = Writer(origin, route.prefix, route.fields)


class AsyncHttptoolsTransport(AsyncSharded[AsyncWrittenLine]):
    """Exchanges over connections of our own; otherwise as `HttptoolsTransport`."""

    def __init__(self, options: TransportOptions) -> None:
        route = router(options)
        super().__init__(lambda origin: AsyncWrittenLine(origin, route(origin)))

    async def _exchange(
        self, shard: AsyncWrittenLine, attempt: Attempt, deadline: float
    ) -> HttpReply | Failure:
        try:
            async with asyncio.timeout(deadline - time.monotonic()):
                return await _ask(shard, attempt, deadline)
        except BaseException as error:  # noqa: BLE001 - told or raised below
            caught = error
        return told_or_raised(caught, shard.wire.exchange)


async def _ask(line: AsyncWrittenLine, attempt: Attempt, deadline: float) -> HttpReply:
    # A frame of its own, as for a `Client`.
    await line.open()
    head = await line.ask(line.writer.written(attempt))
    body = Body(head.status, head.fields, deadline)
    while part := await line.part():
        body.add(part)
    return body.reply()
