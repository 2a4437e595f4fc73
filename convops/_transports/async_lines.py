"""The same for asyncio, where the deadline cancels it from above."""

from __future__ import annotations

from convops._transports.async_sockets import AsyncWire
from convops._transports.http11 import Head
from convops._transports.lines import Said
from convops._transports.routes import Route


class AsyncLine(Said[AsyncWire]):
    """A connection that exchanges go over; otherwise as `convops._transports.lines.Line`."""

    def __init__(self, route: Route) -> None:
        super().__init__(AsyncWire(route))

    async def open(self) -> None:
        """Make sure of a connection."""
        if await self.wire.open():
            self._begin_talk()

    async def ask(self, request: bytes) -> Head:
        """Send a request, and return the head of its answer."""
        wire, talk = self.wire, self._talk
        try:
            await wire.write(request)
        except TimeoutError:
            raise
        except OSError:
            talk.cut_off()
        while (head := talk.head()) is None:
            talk.take(await wire.read())
        return head

    async def part(self) -> bytes:
        """Return a part of the answer's body, which is empty at its end."""
        talk = self._talk
        while (part := talk.part()) is None:
            talk.take(await self.wire.read())
        return part
