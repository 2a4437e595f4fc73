"""Credentials reach the wire, and nothing else that a run leaves behind."""

from __future__ import annotations

import asyncio
import json
import pickle
import secrets
import signal
import threading
from concurrent.futures import Future
from contextlib import nullcontext
from urllib.parse import parse_qs

import attrs
import httpx
import pytest
import vcr

import convops
from convops.errors import (
    ConfigError,
    DeadlineExceededError,
    MalformedReplyError,
    NotFoundError,
    ProviderUnavailableError,
    TransportError,
)
from convops.operations import ClearUnread, Conversation, Delete, MarkRead, Mute
from convops.provider import HttpReply
from convops.testing import Fault
from convops_tencent.simulator import TencentSimulator
from convops_zego.simulator import ZegoSimulator
from tests.leaks.scanner import Canary, Evidence, Scanner, everything_kept
from tests.transports.rawserver import HOST, PATIENCE, RawServer, to_request
from tests.wire.test_signatures import decoded

DM = Conversation.direct(user="alice", peer="bob")
TEAM = Conversation.group(user="alice", group="team")


def canary():
    # Characters that look different in every encoding.
    return Canary(f"k3y/+={secrets.token_hex(8)}%&?~{secrets.token_urlsafe(9)}")


class Stage:
    """A vendor that knows a canary, behind a server that checks every signature and then does as told."""

    def __init__(self, flavour, vendor, folder):
        self.flavour, self.vendor = flavour, vendor
        self.scanner, self.evidence = Scanner(), Evidence()
        self.key = canary()
        self.scanner.watch("the key", self.key.value)
        if vendor == "zego":
            self.simulator = ZegoSimulator(server_secret=self.key.value, rate_limits=False)
        else:
            self.simulator = TencentSimulator(secret_key=self.key.value, rate_limits=False)
        for user in ("alice", "bob"):
            self.simulator.add_user(user)
        self.simulator.add_group("team", ["alice"])
        self.simulator.receive(DM, 3)
        self.valid, self.behave = [], None
        self.server = RawServer(self._handle)
        self.cassette = folder / "cassette.yaml"
        self._clients = []

    def __repr__(self):
        return "<stage>"

    def _handle(self, peer, request):
        parameters = {name: values[0] for name, values in parse_qs(request.query).items()}
        if self.vendor == "zego":
            self.scanner.watch("a signature", parameters["Signature"])
        else:
            self.scanner.watch("the usersig", parameters["usersig"])
            self.scanner.watch("what the usersig holds", decoded(parameters["usersig"])["TLS.sig"])
        reply = self.simulator.handle(to_request(request))
        accepted = self.simulator.answer(to_request(request))
        document = json.loads(accepted.body)
        # The codes of a wrong signature: 100000001 and on, and 70001 and on.
        self.valid.append(document.get("Code", document.get("ErrorCode")) // 1000 not in (100_000, 70))
        if self.behave is None:
            assert isinstance(reply, HttpReply)
            peer.answer(reply.body, status=reply.status)
        else:
            self.behave(peer, request)

    def connect(self, **options):
        settings = {"base_url": self.server.url, "pace": 10_000, "attempts": 1, **options}
        chat = self.flavour.connect(self.vendor, **{**self.simulator.settings, **settings})
        self._clients.append(chat)
        return chat

    def perform(self, act, *, record=True):
        """Do something under observation, and return what came out of it."""
        recorder = vcr.use_cassette(str(self.cassette), record_mode="all") if record else nullcontext()
        with everything_kept(self.evidence), recorder:
            try:
                result = act()
            except BaseException as error:  # noqa: BLE001 - interrupts are looked at as well
                result = error
                self.evidence.raised(error)
            self.evidence.show("result", result)
            for chat in self._clients:
                self._show(chat.target)
                chat.close()
        return result

    def _show(self, client):
        shown = self.evidence.show_all(client)
        (account,) = [thing for thing in shown if type(thing).__name__.endswith("Account")]
        self.evidence.add("account as a dict", repr(attrs.asdict(account)))
        with pytest.raises(TypeError) as refused:
            pickle.dumps(account)
        self.evidence.raised(refused.value)
        self.evidence.add("client's attributes", repr(vars(client)))
        self.evidence.add("plan", repr(client.plan([MarkRead(DM), Delete(TEAM, erase_history=True)])))
        # Whoever holds the secret was looked at, and not only those who know them by name.
        assert any(isinstance(thing, convops.Secret) for thing in shown)

    def recorded(self):
        """Return what a cassette kept, as one text."""
        return self.cassette.read_text() if self.cassette.exists() else ""

    def assert_clean(self):
        """The vendor took every signature, and nothing else shows one."""
        assert self.valid
        assert all(self.valid)
        assert self.evidence.leaks(self.scanner) == []


@pytest.fixture
def stage(flavour, vendor, tmp_path):
    made = Stage(flavour, vendor, tmp_path)
    yield made
    made.server.close()


def echo(peer, request):
    """Answer with all that was sent, signature included, in a body that is no JSON."""
    peer.answer(f"<h1>cannot {request.method} {request.target}</h1>{request.body.decode()}".encode())


def echo_in_json(peer, request):
    peer.answer(json.dumps({"message": request.target, "Code": request.target}).encode())


def echo_as_an_error(peer, request):
    peer.answer(f"no route for {request.target}".encode(), status=500)


def compressed(peer, request):
    peer.answer(request.target.encode(), headers=("content-encoding: gzip",))


def cut(peer, request):
    target = request.target.encode()
    peer.send(b"HTTP/1.1 200 X\r\ncontent-length: 9999\r\n\r\n" + target)
    peer.close()


FAILURES = [
    (echo, MalformedReplyError),
    (echo_in_json, MalformedReplyError),
    (echo_as_an_error, ProviderUnavailableError),
    (compressed, MalformedReplyError),
    (cut, TransportError),
    (lambda peer, _: (peer.send(b"\x16\x03junk\r\n\r\n"), peer.close()), MalformedReplyError),
    (lambda peer, _: peer.reset(), TransportError),
    (lambda peer, _: peer.close(), TransportError),
    (lambda peer, _: peer.until_hung_up(), DeadlineExceededError),
    (lambda peer, _: (peer.send(b"HTTP/1.1 200 X\r\nx: "), peer.until_hung_up()), DeadlineExceededError),
    (lambda peer, _: peer.answer(b" " * 600_000), MalformedReplyError),
    (lambda peer, _: peer.answer(b"{}", status=302, headers=("location: /elsewhere",)), MalformedReplyError),
]
NAMES = [
    "echo",
    "echo in JSON",
    "echo as an error",
    "compressed",
    "cut",
    "junk",
    "reset",
    "hung up",
    "timeout",
    "timeout inside the head",
    "too large",
    "redirect",
]
ECHOES = (echo, echo_in_json, echo_as_an_error, compressed, cut)


def test_success_shows_no_credential(stage):
    operations = [MarkRead(DM), Delete(DM, erase_history=True), Mute(TEAM), Mute(TEAM, muted=False)]
    outcomes = stage.perform(lambda: stage.connect().apply(operations))
    assert all(outcome.ok for outcome in outcomes)
    stage.assert_clean()
    assert stage.recorded().count("uri:") == len(stage.server.received)
    assert stage.scanner.find(stage.recorded()) == []


def test_a_refusal_shows_no_credential(stage):
    stage.simulator.misbehave(Fault(code=660800002 if stage.vendor == "zego" else 90003))
    error = stage.perform(lambda: stage.connect().mark_read(DM))
    assert type(error) is NotFoundError
    stage.assert_clean()
    assert stage.scanner.find(stage.recorded()) == []


@pytest.mark.parametrize(("behave", "kind"), FAILURES, ids=NAMES)
def test_a_failure_shows_no_credential(stage, behave, kind):
    stage.behave = behave
    # What a vendor echoes in a body, a recorder keeps and prints; the next test is about those.
    error = stage.perform(lambda: stage.connect(timeout=0.3).mark_read(DM), record=behave not in ECHOES)
    assert type(error) is kind
    stage.assert_clean()
    assert stage.scanner.find(stage.recorded()) == []


@pytest.mark.parametrize("behave", [echo, echo_in_json, echo_as_an_error, compressed])
def test_a_recorder_is_shown_no_credential_whatever_the_vendor_echoes(stage, behave):
    stage.behave = behave
    stage.perform(lambda: stage.connect().mark_read(DM))
    requests = vcr.cassette.Cassette.load(path=str(stage.cassette)).requests
    assert len(requests) == 1
    for request in requests:
        assert stage.scanner.find(f"{request.uri} {request.headers!r} {request.body!r}") == []


def test_a_failed_apply_shows_no_credential(stage):
    stage.behave = lambda peer, _: peer.reset()
    outcomes = stage.perform(lambda: stage.connect().apply([ClearUnread(DM), Delete(TEAM)]))
    for outcome in outcomes:
        stage.evidence.raised(outcome.error)
    stage.assert_clean()


def test_attempts_that_are_repeated_show_no_credential(stage):
    stage.behave = echo_as_an_error
    error = stage.perform(lambda: stage.connect(attempts=3).mark_read(DM), record=False)
    assert error.attempts >= 2
    stage.assert_clean()


def echo_in_a_header(peer, request):
    peer.answer(b"{}", status=302, headers=(f"location: /elsewhere{request.target}",))


def echo_instead_of_http(peer, request):
    peer.send(request.target.encode() + b"\r\n\r\n")
    peer.close()


@pytest.mark.parametrize("behave", [echo_in_a_header, echo_instead_of_http])
def test_what_a_vendor_echoes_outside_of_a_body_is_shown_by_httpcores_own_log_and_nothing_else(stage, behave):
    stage.behave = behave
    assert type(stage.perform(lambda: stage.connect().mark_read(DM), record=False)) is MalformedReplyError
    # A limit: at DEBUG, httpcore prints the head of an answer as it came.
    assert all(where.startswith("log of httpcore") for where, _ in stage.evidence.leaks(stage.scanner))


def cancelled(chat, loop, there):
    """Cancel a verb that waits for its answer, and raise what came out inside the task."""
    caught = Future()

    async def verb():
        try:
            await chat.target.mark_read(DM)
        except BaseException as error:
            caught.set_result(error)
            raise

    running = asyncio.run_coroutine_threadsafe(verb(), loop)
    there.wait(PATIENCE)
    running.cancel()
    raise caught.result(PATIENCE)


@pytest.mark.parametrize("begin", ["", "HTTP/1.1 200 X\r\nx: {target}"], ids=["no answer", "half a head"])
def test_an_interruption_shows_no_credential(stage, begin):
    there, main = threading.Event(), threading.main_thread().ident

    def behave(peer, request):
        peer.send(begin.format(target=request.target).encode())
        if stage.flavour.asynchronous:
            there.set()
        else:
            signal.pthread_kill(main, signal.SIGINT)
        peer.until_hung_up()

    stage.behave = behave
    if stage.flavour.asynchronous:
        error = stage.perform(lambda: cancelled(stage.connect(), stage.flavour.loop, there))
        assert type(error) is asyncio.CancelledError
    else:
        error = stage.perform(lambda: stage.connect().mark_read(DM))
        assert type(error) is KeyboardInterrupt
    stage.assert_clean()
    assert stage.scanner.find(stage.recorded()) == []


class Interrupted(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body that is interrupted when its first part was read."""

    def __init__(self, stream, there):
        self._stream, self._there = stream, there

    def __iter__(self):
        yield next(iter(self._stream))
        raise KeyboardInterrupt

    async def __aiter__(self):
        yield await anext(aiter(self._stream))
        self._there.set()
        await asyncio.Event().wait()

    def close(self):
        self._stream.close()

    async def aclose(self):
        await self._stream.aclose()


class Interrupting(httpx.HTTPTransport):
    def handle_request(self, request):
        response = super().handle_request(request)
        response.stream = Interrupted(response.stream, None)
        return response


class InterruptingAsync(httpx.AsyncHTTPTransport):
    def __init__(self, there):
        super().__init__()
        self._there = there

    async def handle_async_request(self, request):
        response = await super().handle_async_request(request)
        response.stream = Interrupted(response.stream, self._there)
        return response


def test_an_interruption_inside_a_body_that_echoes_shows_no_credential(stage):
    stage.behave, there = echo, threading.Event()
    if stage.flavour.asynchronous:
        transport = InterruptingAsync(there)
        chat = stage.connect(transport=transport)
        error = stage.perform(lambda: cancelled(chat, stage.flavour.loop, there), record=False)
        assert type(error) is asyncio.CancelledError
    else:
        chat = stage.connect(transport=Interrupting())
        error = stage.perform(lambda: chat.mark_read(DM), record=False)
        assert type(error) is KeyboardInterrupt
    stage.assert_clean()


# --- A proxy's password -------------------------------------------------------------------------------


def with_proxy(stage, port):
    password = Canary(secrets.token_hex(12))
    stage.scanner.watch("the proxy's password", password.value)
    stage.scanner.watch("what the proxy is sent", f"user:{password.value}")
    return lambda: stage.connect(
        base_url="https://chat.example", proxy=f"http://user:{password.value}@{HOST}:{port}"
    ).mark_read(DM)


def test_a_proxy_that_refuses_shows_no_password(stage):
    proxy = RawServer(lambda peer, _: peer.answer(b"", status=407))
    error = stage.perform(with_proxy(stage, proxy.port))
    proxy.close()
    assert type(error) is TransportError
    assert proxy.received[0].all("proxy-authorization")
    assert stage.evidence.leaks(stage.scanner) == []


def test_a_proxy_that_hangs_up_shows_no_password(stage):
    proxy = RawServer(lambda peer, _: peer.reset())
    error = stage.perform(with_proxy(stage, proxy.port))
    proxy.close()
    assert type(error) is TransportError
    assert stage.evidence.leaks(stage.scanner) == []


# --- At the door ----------------------------------------------------------------------------------------

WRONG = {
    "zego": [
        {"app_id": "12345"},
        {"app_id": 0},
        {"app_id": 1, "regin": "hongkong"},
        {"app_id": 1, "region": "hongkonk"},
        {"app_id": 1, "base_url": "http://chat.example"},
        {"app_id": 1, "timeout": -1},
        {"app_id": 1, "attempts": 0},
        {"app_id": 1, "transport": "nothing"},
        {"app_id": 1, "verify": "/nowhere"},
        {"app_id": 1, "proxy": "nothing"},
        {},
    ],
    "tencent": [
        {"sdk_app_id": "1", "admin": "a"},
        {"sdk_app_id": 1, "admin": ""},
        {"sdk_app_id": 1, "admin": "a"},
        {"sdk_app_id": 1, "admin": "a", "region": "singapur"},
        {"sdk_app_id": 1, "admin": "a", "allow_group_unread_reset": "yes", "region": "singapore"},
        {"sdk_app_id": 1, "admin": "a", "region": "singapore", "pace": 0},
    ],
}
KEYS = {"zego": "server_secret", "tencent": "secret_key"}


def opener(flavour):
    return convops.connect_async if flavour.asynchronous else convops.connect


def test_wrong_settings_show_no_credential(flavour, vendor):
    for wrong in WRONG[vendor]:
        scanner, evidence, key = Scanner(), Evidence(), canary()
        scanner.watch("the key", key.value)
        with everything_kept(evidence), pytest.raises(ConfigError) as caught:
            opener(flavour)(vendor, **wrong, **{KEYS[vendor]: key.value})
        evidence.raised(caught.value)
        assert evidence.leaks(scanner) == []


def test_a_secret_in_the_wrong_place_shows_no_credential(flavour, vendor):
    key = canary()
    scanner, evidence = Scanner(), Evidence()
    scanner.watch("the key", key.value)
    places = [
        lambda: opener(flavour)(f"{vendor}://?{KEYS[vendor]}={key.value}"),
        lambda: opener(flavour)(f"{vendor}://?{KEYS[vendor]}=env:{key.value}"),
        lambda: opener(flavour)(f"{vendor}://{key.value}@host?app_id=1"),
        lambda: opener(flavour)(vendor, base_url=f"https://user:{key.value}@chat.example", app_id=1),
        lambda: opener(flavour)(vendor, proxy=f"ftp://user:{key.value}@chat.example"),
        lambda: opener(flavour)(vendor, **{KEYS[vendor]: key.value.encode(), "app_id": 1}),
        lambda: opener(flavour)(vendor, **{KEYS[vendor]: [key.value], "app_id": 1}),
    ]
    for place in places[:1] + places[2:]:
        with everything_kept(evidence), pytest.raises(ConfigError) as caught:
            place()
        evidence.raised(caught.value)
    assert evidence.leaks(scanner) == []
