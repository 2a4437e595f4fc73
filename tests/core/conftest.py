"""One fixture runs a behavioural test on both clients."""

from __future__ import annotations

import asyncio
import inspect

import pytest

import convops


class Driven:
    """A client whose methods are called plainly; what an `AsyncClient` returns is awaited."""

    def __init__(self, client, runner):
        self.client = client
        self._runner = runner

    def __getattr__(self, name):
        member = getattr(self.client, "aclose" if (name, self.is_async) == ("close", True) else name)
        return self._called(member) if callable(member) else member

    @property
    def is_async(self):
        return isinstance(self.client, convops.AsyncClient)

    def _called(self, method):
        def call(*arguments, **options):
            result = method(*arguments, **options)
            return self._runner.run(result) if inspect.iscoroutine(result) else result

        return call

    def __repr__(self):
        return repr(self.client)

    def in_its_block(self, body):
        """Run `body` inside the client's own kind of `with` block."""
        if not self.is_async:
            with self.client as entered:
                return body(entered)

        async def block():
            async with self.client as entered:
                return body(entered)

        return self._runner.run(block())


@pytest.fixture
def runner():
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(params=["Client", "AsyncClient"])
def flavour(request):
    return request.param


@pytest.fixture
def opened(flavour, runner):
    """Open a client of either flavour; `opened("memory", store="x")`."""
    clients = []

    def opened(provider, **settings):
        connect = convops.connect if flavour == "Client" else convops.connect_async
        clients.append(Driven(connect(provider, **settings), runner))
        return clients[-1]

    yield opened
    for client in clients:
        client.close()


@pytest.fixture
def driven(flavour, runner):
    """Return a client over a pipeline of the test's own and a function that answers each attempt."""

    def driven(pipeline, answer, *, timeout=10.0):
        if flavour == "Client":
            return Driven(convops.Client(pipeline, Answering(answer), timeout), runner)
        return Driven(convops.AsyncClient(pipeline, AsyncAnswering(answer), timeout), runner)

    return driven


class Answering:
    """A transport that answers each attempt by a function, and notes how many are in flight at most."""

    def __init__(self, answer):
        self.answer = answer
        self.closed = 0
        self.flying = 0
        self.most = 0

    def take_off(self):
        self.flying += 1
        self.most = max(self.most, self.flying)

    def land(self):
        self.flying -= 1

    def exchange(self, attempt, deadline):
        self.take_off()
        try:
            return self.answer(attempt)
        finally:
            self.land()

    def close(self):
        self.closed += 1


class AsyncAnswering(Answering):
    """The same, giving way before it answers."""

    async def exchange(self, attempt, deadline):
        self.take_off()
        try:
            await asyncio.sleep(0)
            return self.answer(attempt)
        finally:
            self.land()

    async def aclose(self):
        self.closed += 1


@pytest.fixture
def answering(flavour):
    """Return a transport of the client's kind that answers each attempt by a function."""
    return Answering if flavour == "Client" else AsyncAnswering
