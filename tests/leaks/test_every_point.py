"""A verb is stopped wherever it can be, and nothing that comes out of it shows a credential."""

from __future__ import annotations

import asyncio
import gc
import itertools
import re
import socket
import sys
import time
import types
import warnings
from functools import partial

import pytest
import trustme

import convops
from convops._policy import RetryBudget
from convops.errors import OperationError
from tests.leaks.evidence import Evidence
from tests.leaks.scanner import Scanner, canary
from tests.leaks.surfaces import ALWAYS, RAISED, Surface
from tests.leaks.vendors import vendor_with, watch_signature
from tests.leaks.watches import everything_kept
from tests.transports import chosen
from tests.transports.conftest import Tls
from tests.transports.rawserver import HOST, RawServer, simulating
from tests.wire.worlds import TEAM

OK = b'{"Code":0,"ErrorCode":0,"ActionStatus":"OK","ConvList":[]}'
SEEN = (ALWAYS - {Surface.REPRS, Surface.ATTRIBUTES}) | RAISED


@pytest.fixture(autouse=True)
def collected():
    """Collect what a test leaves behind: who is interrupted on entering `close` cannot close, and what was
    seen keeps frames until the test ends."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


class Stage:
    """A vendor on a socket, an account of it, and what is seen while it is spoken to."""

    def __init__(self, vendor, handle=None, *, tls=None):
        self.vendor, self.scanner, self.evidence = vendor, Scanner(), Evidence()
        key = canary()
        self.scanner.watch("the key", key.value)
        self._simulator = vendor_with(key, vendor)
        self._act = handle or simulating(self._simulator)
        self.pause = 0.0
        self.server = RawServer(self._handle, tls=tls)

    def __repr__(self):
        return "<stage>"

    def _handle(self, peer, request):
        watch_signature(self.scanner, self.vendor, request.query)
        time.sleep(self.pause)
        self._act(peer, request)

    def stall(self, sent):
        """Take the place of whatever sends a request, and never get through with it."""
        watch_signature(self.scanner, self.vendor, sent.split()[1].decode().partition("?")[2])
        raise TimeoutError

    def connect(self, opener, **options):
        settings = {"base_url": self.server.url, "pace": 1e9, "observer": self.evidence.event}
        return opener(self.vendor, **chosen.options(**{**self._simulator.settings, **settings, **options}))

    def assert_clean(self):
        self.evidence.surroundings()
        self.evidence.assert_clean(self.scanner, SEEN)


@pytest.fixture
def stage_of():
    """Return a function that makes a stage; all are closed at the end."""
    made = []

    def make(*args, **options):
        made.append(Stage(*args, **options))
        return made[-1]

    yield make
    for stage in made:
        stage.server.close()


@pytest.fixture(scope="module")
def tls(tmp_path_factory):
    made = Tls(trustme.CA(), str(tmp_path_factory.mktemp("tls") / "ca.pem"))
    made.authority.cert_pem.write_to_path(made.file)
    return made


# --- Wherever an asynchronous verb gives way --------------------------------------------------------


@types.coroutine
def cancelled_at(point, awaited, evidence):
    """Await something, and cancel this task when it gives way for the n-th time."""
    step = partial(awaited.send, None)
    for place in itertools.count(1):
        try:
            waited = step()
        except StopIteration as stop:
            return stop.value
        if place == point:
            evidence.task(asyncio.current_task())
            asyncio.current_task().cancel()
        try:
            yield waited
        except BaseException as error:  # noqa: BLE001 - it is the awaited's to handle
            step = partial(awaited.throw, error)
        else:
            step = partial(awaited.send, None)


async def stopped_points(stage, url, options):
    """Cancel a verb at every point, each on a client of its own; return how many there are."""
    for point in itertools.count(1):
        async with stage.connect(convops.connect_async, base_url=url, **options) as chat:
            # Its own, since whoever is cancelled time and again has none left to spend.
            chat._pipeline._caller.budget = RetryBudget()
            verb = asyncio.create_task(cancelled_at(point, chat.mute(TEAM), stage.evidence))
            try:
                await verb
            except asyncio.CancelledError as error:
                stage.evidence.raised(error)
            else:
                break
    return point - 1


def busy_at_first(peer, _):
    """Refuse the first request on a connection, and the verb is tried again."""
    if "greeted" in vars(peer):
        peer.answer(OK)
    else:
        peer.greeted = True
        peer.answer(b"busy", status=503)


@pytest.mark.flavour("async")
@pytest.mark.parametrize("vendor", ["zego", "tencent"])
@pytest.mark.parametrize("way", ["plain", "by name", "over TLS", "again"])
def test_a_verb_cancelled_wherever_it_gives_way_shows_no_credential(stage_of, vendor, way, tls):
    secured = way == "over TLS"
    stage = stage_of(vendor, busy_at_first if way == "again" else None, tls=tls.server() if secured else None)
    url = stage.server.url.replace(HOST, "localhost") if way == "by name" else stage.server.url
    options = {"verify": tls.file} if secured else {}
    # An answer that is there already is not waited for.
    stage.pause = 0.01
    with everything_kept(stage.evidence):
        points = asyncio.run(stopped_points(stage, url, options))
        stage.evidence.surroundings()
    assert points >= {"plain": 1, "by name": 2, "over TLS": 1, "again": 2}[way]
    stage.assert_clean()


# --- Wherever a blocking verb calls a function ------------------------------------------------------

# Not inside httpcore's own lock, written in Python: given back halfway it would stay taken.
OURS = re.compile(
    r"/(convops|convops_zego|convops_tencent|httpx2?|httpcore2?)/(?!.*_synchronization\.py)|/(ssl|socket)\.py$"
)


class Interrupting:
    """Interrupts this thread on its n-th call of a function of ours, or of a library's; 0 is never."""

    def __init__(self, point):
        self.point = point
        self.calls = []

    def __enter__(self):
        sys.setprofile(self._called)
        return self

    def __exit__(self, *_):
        sys.setprofile(None)

    def _called(self, frame, event, _):
        if event == "call" and OURS.search(frame.f_code.co_filename):
            self.calls.append(frame.f_code)
            if len(self.calls) == self.point:
                sys.setprofile(None)
                raise KeyboardInterrupt


@pytest.mark.flavour("sync")
@pytest.mark.parametrize(
    ("vendor", "way"), [("zego", "answered"), ("tencent", "answered"), ("zego", "stalled")]
)
def test_a_verb_interrupted_in_any_function_shows_no_credential(stage_of, vendor, way, monkeypatch):
    stage = stage_of(vendor)
    if way == "stalled":
        monkeypatch.setattr(socket.socket, "sendall", lambda _, sent: stage.stall(sent))
    # Of a generator that is thrown away, Python tells what it cannot raise.
    monkeypatch.setattr(sys, "unraisablehook", lambda told: stage.evidence.raised(told.exc_value))

    def called(point=0):
        with Interrupting(point) as watching:
            try:
                chat.mute(TEAM)
            except (KeyboardInterrupt, OperationError) as error:
                sys.setprofile(None)
                stage.evidence.raised(error)
        return watching.calls

    with stage.connect(convops.connect, attempts=1) as chat, everything_kept(stage.evidence):
        calls = called()
        # Wherever a function is called for the first time.
        points = {code: calls.index(code) + 1 for code in calls}.values()
        for point in points:
            called(point)
        stage.evidence.surroundings()
    assert len(points) > 100
    stage.assert_clean()
