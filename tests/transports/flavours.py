"""Both clients, and both kinds of adapter, driven from outside in one way."""

from __future__ import annotations

import asyncio
import functools
import threading
import time
from collections.abc import Coroutine, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any
from urllib.parse import quote, urlsplit

import httpx

import convops
from convops import _connect
from convops._accounts import Account, veil
from convops._transports import TransportOptions
from convops._transports.inprocess import AsyncInProcess, Handler, InProcess
from convops.provider import AnyProvider, Call, SigningError
from tests.transports import chosen
from tests.transports.rawserver import PATIENCE


class Driven:
    """A client or an adapter whose methods are called alike, blocking or not."""

    def __init__(
        self, target: Any, loop: asyncio.AbstractEventLoop | None, threads: ThreadPoolExecutor
    ) -> None:
        self.target = target
        self._loop = loop
        self._threads = threads

    def start(self, method: str, *args: Any, **kwargs: Any) -> Future[Any]:
        """Call a method, and return what comes of it without waiting."""
        call = functools.partial(getattr(self.target, method), *args, **kwargs)
        if self._loop is None:
            return self._threads.submit(call)
        return asyncio.run_coroutine_threadsafe(call(), self._loop)

    def do(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """Call a method and wait for what comes of it."""
        if self._loop is None:
            return getattr(self.target, method)(*args, **kwargs)
        return self.start(method, *args, **kwargs).result(PATIENCE)

    def clear_unread(self, *args: Any, **kwargs: Any) -> Any:
        return self.do("clear_unread", *args, **kwargs)

    def mark_read(self, *args: Any, **kwargs: Any) -> Any:
        return self.do("mark_read", *args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> Any:
        return self.do("delete", *args, **kwargs)

    def mute(self, *args: Any, **kwargs: Any) -> Any:
        return self.do("mute", *args, **kwargs)

    def apply(self, *args: Any, **kwargs: Any) -> Any:
        return self.do("apply", *args, **kwargs)

    def exchange(self, attempt: Probe, seconds: float = PATIENCE) -> Any:
        """Let an adapter send one attempt."""
        return self.do("exchange", attempt, time.monotonic() + seconds)

    def start_exchange(self, attempt: Probe) -> Future[Any]:
        """Let an adapter send one attempt, without waiting."""
        return self.start("exchange", attempt, time.monotonic() + PATIENCE)

    def close(self) -> None:
        self.do("close" if self._loop is None else "aclose")


class Flavour:
    """Makes blocking things, or asynchronous ones that live on a loop in a thread of its own."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.asynchronous = name == "async"
        self._closing = ExitStack()
        self._threads = self._closing.enter_context(ThreadPoolExecutor(100))
        self.loop = self._start_loop() if self.asynchronous else None

    def _start_loop(self) -> asyncio.AbstractEventLoop:
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, daemon=True)
        thread.start()

        def stop() -> None:
            asyncio.run_coroutine_threadsafe(loop.shutdown_default_executor(), loop).result(PATIENCE)
            loop.call_soon_threadsafe(loop.stop)
            thread.join(PATIENCE)
            loop.close()

        self._closing.callback(stop)
        return loop

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine on the loop."""
        assert self.loop is not None
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(PATIENCE)

    def drive(self, target: Any) -> Driven:
        driven = Driven(target, self.loop, self._threads)
        self._closing.callback(driven.close)
        return driven

    def connect(self, provider: str, **settings: Any) -> Driven:
        """Return a client, opened as an app opens it."""
        return self.drive(
            (convops.connect_async if self.asynchronous else convops.connect)(
                provider, **chosen.options(**settings)
            )
        )

    def open(self, provider: AnyProvider, settings: Any = None, **options: Any) -> Driven:
        """Return a client of a provider that is not installed."""
        opened = _connect._open_async if self.asynchronous else _connect._open
        return self.drive(opened(Account(provider, settings), veil(chosen.options(**options))))

    def adapter(self, **options: Any) -> Driven:
        """Return an adapter, opened as a client opens it."""
        transports = TransportOptions(**chosen.options(**options))
        return self.drive(transports.open_async(None) if self.asynchronous else transports.open(None))

    def in_process(self, simulator: Any) -> Any:
        """Return the adapter that answers from a simulator."""
        return simulator.async_transport() if self.asynchronous else simulator.transport()

    def answering(self, handle: Handler) -> Any:
        """Return the adapter that answers from a function."""
        return (AsyncInProcess if self.asynchronous else InProcess)(handle)

    def spy(self, **options: Any) -> SpyTransport | AsyncSpyTransport:
        """Return one of httpx's own transports, which notes the requests it is given."""
        return (AsyncSpyTransport if self.asynchronous else SpyTransport)(**options)

    def close(self) -> None:
        self._closing.close()


class SpyTransport(httpx.HTTPTransport):
    """Notes every request on its way."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.requests: list[httpx.Request] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return super().handle_request(request)


class AsyncSpyTransport(httpx.AsyncHTTPTransport):
    """Notes every request on its way."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.requests: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return await super().handle_async_request(request)


class Probe:
    """One try of a call, signed with what a test says."""

    def __init__(
        self,
        url: str,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        content: bytes = b"{}",
    ) -> None:
        parts = urlsplit(url)
        self.call = Call(action="probe")
        self.origin = f"{parts.scheme}://{parts.netloc}"
        self.target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self.content = content
        self._query = dict(query or {})
        self._headers = dict(headers or {})
        self._signed = False

    def sign(self) -> tuple[str, Mapping[str, str]]:
        if self._signed:
            raise SigningError("signed before")
        self._signed = True
        signed = "&".join(f"{name}={quote(value, safe='')}" for name, value in self._query.items())
        separator = "&" if "?" in self.target else "?"
        return self.target + (separator + signed if signed else ""), self._headers
