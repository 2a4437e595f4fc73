"""Credentials reach the wire, and nothing else that an exchange leaves behind."""

from __future__ import annotations

import asyncio
import json
import signal
import threading
from concurrent.futures import Future

import httpx
import pytest
from vcr.errors import CannotOverwriteExistingCassetteException

from convops.errors import (
    DeadlineExceededError,
    MalformedReplyError,
    NotFoundError,
    ProviderUnavailableError,
    TransportError,
)
from convops.operations import ClearUnread, Delete, MarkRead, Mute
from convops.testing import Fault
from tests.leaks.surfaces import BY_A_RECORDER, RAISED, REPORTED, Surface
from tests.transports import chosen
from tests.transports.rawserver import PATIENCE
from tests.wire.worlds import DM, TEAM


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
    stage.assert_clean(*REPORTED)
    if chosen.is_recorded():
        assert stage.recorded().count("uri:") == len(stage.server.received)


def test_a_refusal_shows_no_credential(stage):
    stage.simulator.misbehave(Fault(code=660800002 if stage.vendor == "zego" else 90003))
    error = stage.perform(lambda: stage.connect().mark_read(DM))
    assert type(error) is NotFoundError
    stage.assert_clean(*REPORTED, *RAISED)


@pytest.mark.parametrize(("behave", "kind"), FAILURES, ids=NAMES)
def test_a_failure_shows_no_credential(stage, behave, kind):
    stage.behave = behave
    # What a vendor echoes in a body, a recorder keeps and prints; the next test is about those.
    timeout = 0.3 if kind is DeadlineExceededError else PATIENCE
    error = stage.perform(
        lambda: stage.connect(timeout=timeout).mark_read(DM), record=None if behave in ECHOES else "all"
    )
    assert type(error) is kind
    stage.assert_clean(*REPORTED, *RAISED)


@pytest.mark.recorded
@pytest.mark.parametrize("behave", [echo, echo_in_json, echo_as_an_error, compressed])
def test_a_recorder_is_shown_no_credential_whatever_the_vendor_echoes(stage, behave):
    stage.behave = behave
    stage.perform(lambda: stage.connect().mark_read(DM), whole=False)
    shown = [where for surface, where, _ in stage.evidence.texts if surface is Surface.CASSETTES]
    assert shown.count("request in the file") == 1
    assert Surface.CASSETTES not in {surface for surface, *_ in stage.evidence.leaks(stage.scanner)}


@pytest.mark.recorded
def test_a_recorder_is_shown_no_credential_and_says_none_where_a_request_is_missing(stage):
    stage.perform(lambda: stage.connect().mark_read(DM))
    error = stage.perform(lambda: stage.connect().mute(TEAM), record="none")
    assert type(error) is CannotOverwriteExistingCassetteException
    stage.evidence.mismatch(error)
    stage.assert_clean(*BY_A_RECORDER, *RAISED)


@pytest.mark.recorded
def test_what_was_recorded_is_replayed_without_asking_anybody(stage):
    for record in ("all", "none"):
        # What is asked names no time, which may go on between the two.
        assert stage.perform(lambda: stage.connect().delete(DM), record=record).ok
    assert len(stage.server.received) == 1


def test_a_failed_apply_shows_no_credential(stage):
    stage.behave = lambda peer, _: peer.reset()
    outcomes = stage.perform(lambda: stage.connect().apply([ClearUnread(DM), Delete(TEAM)]))
    for outcome in outcomes:
        stage.evidence.raised(outcome.error)
    stage.assert_clean(*REPORTED, *RAISED)


def test_attempts_that_are_repeated_show_no_credential(stage):
    stage.behave = echo_as_an_error
    error = stage.perform(lambda: stage.connect(attempts=3).mark_read(DM), record=None)
    assert error.attempts >= 2
    stage.assert_clean(*REPORTED, *RAISED)


def echo_in_a_header(peer, request):
    peer.answer(b"{}", status=302, headers=(f"location: /elsewhere{request.target}",))


def echo_instead_of_http(peer, request):
    peer.send(request.target.encode() + b"\r\n\r\n")
    peer.close()


@pytest.mark.parametrize("behave", [echo_in_a_header, echo_instead_of_http])
def test_what_a_vendor_echoes_outside_of_a_body_is_shown_nowhere(stage, behave):
    stage.behave = behave
    assert type(stage.perform(lambda: stage.connect().mark_read(DM), record=None)) is MalformedReplyError
    assert stage.evidence.leaks(stage.scanner) == []


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


@pytest.mark.parametrize(
    "begin",
    ["", "HTTP/1.1 200 X\r\nx: {target}", "HTTP/1.1 200 X\r\ncontent-length: 9999\r\n\r\n{target}"],
    ids=["no answer", "half a head", "half a body"],
)
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
    stage.assert_clean(*RAISED)


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


@pytest.mark.of_httpx("transports of its own")
def test_an_interruption_inside_a_body_that_echoes_shows_no_credential(stage):
    stage.behave, there = echo, threading.Event()
    if stage.flavour.asynchronous:
        transport = InterruptingAsync(there)
        chat = stage.connect(transport=transport)
        error = stage.perform(lambda: cancelled(chat, stage.flavour.loop, there), record=None)
        assert type(error) is asyncio.CancelledError
    else:
        chat = stage.connect(transport=Interrupting())
        error = stage.perform(lambda: chat.mark_read(DM), record=None)
        assert type(error) is KeyboardInterrupt
    stage.assert_clean(*RAISED)
