"""Who meets whom, on which stage."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from attrs import frozen

from convops._transports import ADAPTERS
from tests.bench import asynchronous, blocking
from tests.bench.rounds import Contender, Effort, Spread, meet, spread
from tests.bench.stage import Stage

FLIGHTS = (1, 20, 100)


@frozen(kw_only=True)
class Contest:
    """Pairs that meet on one stage.

    Attributes:
        name: what its keys begin with.
        title: what it is, in words.
        tls: whether the connection is encrypted.
        flights: operations in flight at a time; None for a blocking caller.
    """

    name: str
    title: str
    tls: bool
    flights: int | None = None


CONTESTS = (
    Contest(name="sync1", title="One blocking caller, TLS", tls=True),
    Contest(name="sync1_plain", title="One blocking caller, plain", tls=False),
    *(
        Contest(
            name=f"async{flights}_{'tls' if tls else 'plain'}",
            title=f"asyncio, {flights} in flight, {'TLS' if tls else 'plain'}",
            tls=tls,
            flights=flights,
        )
        for flights in FLIGHTS
        for tls in (True, False)
    ),
)


@frozen(kw_only=True)
class Cast:
    """Who there is for one kind of client.

    Attributes:
        ours: opens convops on an adapter.
        adapters: by what we are called in keys: the adapter, which is called like its library.
        baselines: by name, what opens them.
    """

    ours: Callable[..., Any]
    adapters: Mapping[str, str]
    baselines: Mapping[str, Callable[..., Any]]

    def opener(self, name: str) -> Callable[..., Any] | None:
        """Return what opens somebody; None where there is nobody of that name."""
        if name not in self.adapters:
            return self.baselines.get(name)
        adapter = self.adapters[name]
        if not is_there(adapter, self):
            return None
        return functools.partial(self.ours, transport=None if name == "default" else adapter)


SIGNING = Contest(name="signing", title="Signing", tls=False)

BLOCKING = Cast(
    ours=blocking.ours,
    adapters={"default": "httpx", "fastest": "httptools", "httpx2_adapter": "httpx2"},
    baselines={
        "httpx": functools.partial(blocking.httpx_like, library="httpx"),
        "httpx2": functools.partial(blocking.httpx_like, library="httpx2"),
        "httptools": blocking.httptools_over_a_socket,
        "requests": blocking.requests_session,
        "tencentcloud_sdk": blocking.im_package,
        "tencentcloud_common": blocking.cloud_sdk,
        "floor": blocking.floor,
    },
)
ASYNC = Cast(
    ours=asynchronous.ours,
    adapters={
        "default": "httpx",
        "fastest": "httptools",
        "aiohttp_adapter": "aiohttp",
        "httpx2_adapter": "httpx2",
    },
    baselines={
        "httpx": functools.partial(asynchronous.httpx_like, library="httpx"),
        "httpx2": functools.partial(asynchronous.httpx_like, library="httpx2"),
        "aiohttp": asynchronous.aiohttp_session,
        "httptools": asynchronous.httptools_protocol,
        "floor": asynchronous.floor,
    },
)
PAIRS = (
    ("default", "httpx"),
    ("default", "httpx2"),
    ("default", "aiohttp"),
    ("default", "requests"),
    ("default", "tencentcloud_sdk"),
    ("default", "tencentcloud_common"),
    ("default", "floor"),
    ("fastest", "httpx"),
    ("fastest", "its_library"),
    ("fastest", "floor"),
    ("aiohttp_adapter", "httpx"),
    ("aiohttp_adapter", "its_library"),
    ("httpx2_adapter", "httpx"),
    ("httpx2_adapter", "its_library"),
)
ONLY_TLS = frozenset({"tencentcloud_sdk", "tencentcloud_common"})
"""Who is called by nobody without TLS."""


def is_there(adapter: str, among: Cast) -> bool:
    """Whether convops has the adapter, for this kind of client."""
    known = ADAPTERS.get(adapter)
    return known is not None and (known.blocking if among is BLOCKING else known.asynchronous) is not None


def cast(contest: Contest) -> Cast:
    """Return who there is for a contest."""
    return BLOCKING if contest.flights is None else ASYNC


def missing() -> Iterator[str]:
    """Yield the adapters that are not there, in words."""
    for known, kind in ((BLOCKING, "blocking"), (ASYNC, "asynchronous")):
        for adapter in known.adapters.values():
            if not is_there(adapter, known):
                yield f"transport={adapter!r}, {kind}: convops has no such adapter"


def pairs(contest: Contest) -> dict[str, tuple[str, str]]:
    """Return who meets whom, by key."""
    known = cast(contest)
    found = {}
    for ours, theirs in PAIRS:
        name = known.adapters.get(ours, "") if theirs == "its_library" else theirs
        is_shown = contest.tls or name not in ONLY_TLS
        if is_shown and known.opener(ours) and known.opener(name):
            found[f"{contest.name}.{ours}_vs_{theirs}"] = ours, name
    return found


@contextlib.contextmanager
def opened(contest: Contest, stage: Stage, names: Iterable[str]) -> Iterator[dict[str, Contender]]:
    """Open everybody who takes part, by name."""
    if contest.flights is None:
        target = stage.target(tls=contest.tls)
        with contextlib.ExitStack() as stack:
            yield {
                name: Contender(
                    name, functools.partial(_repeat, stack.enter_context(BLOCKING.opener(name)(target)))
                )
                for name in names
            }
        return
    flights, target = contest.flights, stage.target(tls=contest.tls, flights=contest.flights)
    with asyncio.Runner() as runner:
        stack = contextlib.AsyncExitStack()

        def contender(name: str) -> Contender:
            operate = runner.run(stack.enter_async_context(ASYNC.opener(name)(target)))
            return Contender(
                name, lambda count: runner.run(asynchronous.fly(operate, count, flights)), flights=flights
            )

        try:
            yield {name: contender(name) for name in names}
        finally:
            runner.run(stack.aclose())


def _repeat(operate: Callable[[], object], count: int) -> None:
    for _ in range(count):
        operate()


def held(contest: Contest, stage: Stage, effort: Effort) -> tuple[dict[str, Spread], list[Contender]]:
    """Hold a contest; return the ratios by key, and everybody who took part."""
    meetings = pairs(contest)
    taking_part = {name for pair in meetings.values() for name in pair}
    known = cast(contest)
    names = [name for name in (*known.adapters, *known.baselines) if name in taking_part]
    with opened(contest, stage, names) as contenders:
        for contender in contenders.values():
            contender.prepare(effort)
        ratios = {
            key: spread(meet(contenders[ours], contenders[theirs], stage, effort.rounds))
            for key, (ours, theirs) in meetings.items()
        }
        return ratios, list(contenders.values())
