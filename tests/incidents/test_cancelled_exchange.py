"""ChatGPT, 20 March 2023: a cancelled request left its answer in a pooled connection, for someone else.

Two tenants speak through one adapter, which is more than clients ever share. The first is stopped at one
point after another: before the head of its answer, between any two bytes of it, before the last. Then the
server sends the rest. The second tenant asks, and must get its own answer, over a connection of its own.
"""

from __future__ import annotations

import asyncio
import signal
import threading

import pytest

from convops import _connect
from convops._accounts import Account
from convops._transports import TransportOptions
from convops.errors import DeadlineExceededError
from convops.operations import Conversation, Mute
from tests.incidents.naive import NaiveClient
from tests.transports import chosen
from tests.transports.flavours import Flavour
from tests.transports.rawserver import PATIENCE
from tests.transports.scripted import Scripted


class Naming(Scripted):
    """The scripted vendor, whose answers say for whom they are."""

    def request_id(self, reply):
        return reply.document["for"]


def answer_for(tenant):
    body = b'{"code":0,"for":"%s"}' % tenant.encode()
    return b"HTTP/1.1 200 X\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)


ANSWER = answer_for("alice")
HEAD = ANSWER.index(b"{")
EVERY_BYTE = range(len(ANSWER))
SOME_BYTES = [0, 1, 9, 17, HEAD - 1, HEAD, HEAD + 1, len(ANSWER) - 1]
ALL = len(ANSWER)


class Vendor:
    """Answers alice in two parts, the second when she has given up; anyone else at once.

    Args:
        serve_raw: starts a server.
        cut: how much of the answer comes before she gives up.
        context: the server's side of TLS, if any.

    Attributes:
        waits: set when the first part is on its way.
        gone: to be set when alice has given up.
        late: set when the second part was sent, or could not be.
    """

    def __init__(self, serve_raw, cut, context=None):
        self._cut = cut
        self.waits, self.gone, self.late = threading.Event(), threading.Event(), threading.Event()
        self.stop = self.waits.set
        self.server = serve_raw(self._handle, tls=context)

    def _handle(self, peer, request):
        if request.target != "/alice":
            peer.send(answer_for("bob"))
            return
        peer.send(ANSWER[: self._cut])
        self.stop()
        self.gone.wait(PATIENCE)
        try:
            peer.send(ANSWER[self._cut :])
        finally:
            self.late.set()

    def send_the_rest(self):
        self.gone.set()
        assert self.late.wait(PATIENCE)


def dm(user):
    return Conversation.direct(user=user, peer="someone")


class Tenants:
    """Alice and bob, at one vendor, through one adapter."""

    def __init__(self, flavour, vendor, **options):
        transports = TransportOptions(**chosen.options(**options))
        shared = transports.open_async(None) if flavour.asynchronous else transports.open(None)
        self.alice, self.bob = (
            flavour.open(Naming(vendor.server.url), transport=shared, attempts=1) for _ in range(2)
        )
        self._vendor = vendor

    def assert_bob_gets_his_own(self):
        """Let the late answer come, and ask for bob."""
        self._vendor.send_the_rest()
        assert self.bob.mute(dm("bob")).request_id == "bob"
        assert [request.connection for request in self._vendor.server.received] == [0, 1]


@pytest.fixture
def blocking():
    made = Flavour("sync")
    yield made
    made.close()


@pytest.fixture
def background():
    made = Flavour("async")
    yield made
    made.close()


@pytest.fixture(params=[False, True], ids=["plain", "tls"])
def secured(request, tls):
    """Return the server's side of TLS, and what a client needs to trust it; or neither."""
    return (tls.server(), tls.file) if request.param else (None, None)


def cancel(background, doing, is_there):
    """Start something, cancel it when it is there, and return when it is over."""
    over = threading.Event()

    async def until_over():
        try:
            await doing()
        finally:
            over.set()

    running = asyncio.run_coroutine_threadsafe(until_over(), background.loop)
    is_there()
    running.cancel()
    assert over.wait(PATIENCE)


# --- That the story can show what happened then -------------------------------------------------------


@pytest.mark.parametrize("cut", SOME_BYTES)
def test_a_client_that_keeps_its_connection_is_given_the_answer_of_another(serve_raw, secured, cut):
    context, authority = secured
    vendor = Vendor(serve_raw, cut, context)
    client = NaiveClient(vendor.server.port, authority)
    client.begin("/alice")
    assert vendor.waits.wait(PATIENCE)
    vendor.send_the_rest()
    assert client.ask("/bob") == b'{"code":0,"for":"alice"}'
    client.close()


# --- That it does not happen here -----------------------------------------------------------------------


@pytest.mark.flavour("async")
def test_a_verb_cancelled_at_any_byte_of_its_answer_leaves_it_to_nobody(background, serve_raw, secured):
    context, authority = secured
    for cut in EVERY_BYTE:
        vendor = Vendor(serve_raw, cut, context)
        tenants = Tenants(background, vendor, verify=authority)
        alice = tenants.alice.target
        cancel(
            background, lambda alice=alice: alice.mute(dm("alice")), lambda v=vendor: v.waits.wait(PATIENCE)
        )
        tenants.assert_bob_gets_his_own()


@pytest.mark.flavour("async")
def test_a_verb_cancelled_at_any_step_leaves_its_answer_to_nobody(serve_raw, tls):
    """Steps of the event loop, from before there is a connection to after the whole answer was read."""

    async def story(steps):
        vendor = Vendor(serve_raw, ALL, tls.server())
        account = Account(Naming(vendor.server.url), None)
        adapter = TransportOptions(**chosen.options(verify=tls.file)).open_async(None)
        alice, bob = (_connect._open_async(account, {"transport": adapter}) for _ in range(2))
        muting = asyncio.ensure_future(alice.mute(dm("alice")))
        for _ in range(steps):
            await asyncio.sleep(0)
        muting.cancel()
        await asyncio.wait([muting])
        vendor.gone.set()
        assert (await bob.mute(dm("bob"))).request_id == "bob"
        await adapter.aclose()
        return muting.cancelled()

    steps = 0
    while asyncio.run(story(steps)):
        steps += 1
    # It took some before the answer was there first.
    assert steps > 1


@pytest.mark.flavour("sync")
@pytest.mark.parametrize("stopped_by", [signal.SIGINT, signal.SIGUSR1], ids=["interrupt", "handler"])
def test_a_verb_interrupted_at_any_byte_of_its_answer_leaves_it_to_nobody(
    blocking, serve_raw, secured, stopped_by
):
    context, authority = secured
    main = threading.main_thread().ident
    before = signal.signal(stopped_by, signal.default_int_handler)
    try:
        for cut in EVERY_BYTE:
            vendor = Vendor(serve_raw, cut, context)
            vendor.stop = lambda: signal.pthread_kill(main, stopped_by)
            tenants = Tenants(blocking, vendor, verify=authority)
            with pytest.raises(KeyboardInterrupt):
                tenants.alice.mute(dm("alice"))
            tenants.assert_bob_gets_his_own()
    finally:
        signal.signal(stopped_by, before)


@pytest.mark.of_httpx("transports of its own")
@pytest.mark.parametrize("cut", SOME_BYTES)
def test_over_a_transport_of_httpxs_own_a_cancelled_answer_is_left_to_nobody_either(
    background, serve_raw, cut
):
    vendor = Vendor(serve_raw, cut)
    tenants = Tenants(background, vendor, transport=background.spy())
    cancel(background, lambda: tenants.alice.target.mute(dm("alice")), lambda: vendor.waits.wait(PATIENCE))
    tenants.assert_bob_gets_his_own()


@pytest.mark.of_httpx("transports of its own")
def test_over_a_transport_of_httpxs_own_no_second_answer_becomes_that_of_the_next(flavour, serve_raw):
    def handle(peer, request):
        peer.send(answer_for("alice") * 2 if request.target == "/alice" else answer_for("bob"))

    chat = flavour.open(Naming(serve_raw(handle).url), transport=flavour.spy())
    assert chat.mute(dm("alice")).request_id == "alice"
    assert chat.mute(dm("bob")).request_id == "bob"


@pytest.mark.parametrize("cut", SOME_BYTES[::2])
def test_a_verb_whose_time_is_over_leaves_its_late_answer_to_nobody(flavour, serve_raw, cut):
    vendor = Vendor(serve_raw, cut)
    tenants = Tenants(flavour, vendor)
    with pytest.raises(DeadlineExceededError):
        tenants.alice.mute(dm("alice"), timeout=0.3)
    tenants.assert_bob_gets_his_own()


@pytest.mark.flavour("async")
def test_the_late_answers_of_a_cancelled_apply_reach_nobody(background, serve_raw):
    vendor = Vendor(serve_raw, HEAD)
    tenants = Tenants(background, vendor)
    operations = [Mute(Conversation.direct(user="alice", peer=str(number))) for number in range(8)]
    alice = tenants.alice.target
    cancel(background, lambda: alice.apply(operations), lambda: vendor.server.wait_for_requests(8))
    vendor.send_the_rest()
    assert tenants.bob.mute(dm("bob")).request_id == "bob"
    assert vendor.server.received[-1].connection == 8
