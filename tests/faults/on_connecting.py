"""Faults on the way to a connection, up to the first answer."""

from __future__ import annotations

import datetime as dt
import functools
import select
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from typing import Any
from unittest import mock

import trustme

from tests.faults.on_the_wire import Play, Ways, each, only, wire
from tests.faults.stage import SHORT, Result, Stage
from tests.transports.rawserver import HOST, PATIENCE, Peer, Received

NAME = "localhost"
"""The one name that may be spoken to without TLS."""

LONG_AGO = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)

# --- Names ------------------------------------------------------------------------------------------


def _not_found(stage: Stage) -> Result:
    def fail(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    return _while_resolving(stage, fail)


def hanging(stage: Stage, *, calls: int = 1) -> Result:
    """Return what comes of calls while the resolver hangs, and see that it hung all the time."""
    back = threading.Event()
    came_back = []

    def hang(*_: object, **__: object) -> None:
        back.wait(PATIENCE)
        came_back.append(True)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    stage.healing.append(back.set)
    stage.closing.callback(back.set)
    for _ in range(calls):
        result = _while_resolving(stage, hang, timeout=SHORT)
        assert came_back == []
    return result


def _while_resolving(stage: Stage, resolve: Callable[..., Any], **options: Any) -> Result:
    if stage.client is None:
        stage.serve()
        stage.open(f"http://{NAME}:{stage.server.port}")
        stage.begin()
    with mock.patch.object(socket, "getaddrinfo", resolve):
        return stage.do(**options)


# --- TCP --------------------------------------------------------------------------------------------


def _refused(stage: Stage) -> Result:
    # Bound, so that nobody takes it, and not listening.
    bound = stage.closing.enter_context(socket.socket())
    bound.bind((HOST, 0))
    stage.open(f"http://{HOST}:{bound.getsockname()[1]}")
    stage.begin()
    return stage.do()


def _swallowed(stage: Stage) -> Result:
    listener = stage.closing.enter_context(socket.socket())
    listener.bind((HOST, 0))
    listener.listen(0)
    # Whoever comes to a full queue is not answered at all.
    while True:
        waiting = stage.closing.enter_context(socket.socket())
        waiting.settimeout(0)
        waiting.connect_ex(listener.getsockname())
        if not select.select([], [waiting], [], 0.05)[1]:
            break
    stage.open(f"http://{HOST}:{listener.getsockname()[1]}")
    stage.begin()
    return stage.do(timeout=SHORT)


def _reset(stage: Stage, peer: Peer, request: Received) -> None:
    stage.answer(request)
    peer.reset()


def _closed_while_idle(stage: Stage) -> Result:
    stage.open()
    stage.call(stage.sibling)
    stage.server.peers[0].connection.shutdown(socket.SHUT_RDWR)
    stage.server.wait_for_end(0)
    stage.begin()
    return stage.do()


def _closed_as_it_is_used(stage: Stage) -> Result:
    stage.open()
    stage.call(stage.sibling)

    def handle(stage: Stage, peer: Peer, request: Received) -> None:
        if peer.number == 0:
            peer.close()
        else:
            stage.healthy(peer, request)

    stage.begin(handle)
    return stage.do()


# --- TLS --------------------------------------------------------------------------------------------


@functools.cache
def _authority() -> trustme.CA:
    return trustme.CA()


@functools.cache
def _trusting() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    _authority().configure_trust(context)
    return context


@functools.cache
def _certified(
    host: str = HOST, *, known: bool = True, not_after: dt.datetime | None = None
) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority = _authority() if known else trustme.CA()
    before = None if not_after is None else not_after - dt.timedelta(days=1)
    authority.issue_cert(host, not_before=before, not_after=not_after).configure_cert(context)
    return context


class _Silent(ssl.SSLContext):
    """Never says a word."""

    def wrap_socket(self, sock: socket.socket, **_: Any) -> ssl.SSLSocket:
        sock.settimeout(PATIENCE)
        while sock.recv(4096):
            pass
        raise ssl.SSLError("the client hung up")


class _Resetting(ssl.SSLContext):
    """Hangs up on the first word."""

    def wrap_socket(self, sock: socket.socket, **_: Any) -> ssl.SSLSocket:
        sock.recv(4096)
        # The number stands for a connection: nothing here answers a request.
        Peer(-1, sock).reset()
        raise ssl.SSLError("reset")


def _over_tls(tls: Callable[[], ssl.SSLContext], **options: Any) -> Play:
    def play(stage: Stage) -> Result:
        stage.open(stage.serve(tls=tls()), verify=_trusting())
        stage.healing.append(lambda: setattr(stage.server, "_tls", _certified()))
        stage.begin()
        return stage.do(**options)

    return play


PLAYS: Mapping[str, Callable[[str, str], Ways]] = {
    "name-not-found": only(_not_found),
    "name-hangs": only(hanging),
    "refused": only(_refused),
    "swallowed": only(_swallowed),
    "wrong-host": only(_over_tls(lambda: _certified("chat.example"))),
    "bad-certificate": each(
        {
            "expired": _over_tls(lambda: _certified(not_after=LONG_AGO)),
            "unknown authority": _over_tls(lambda: _certified(known=False)),
        }
    ),
    "tls-hangs": only(_over_tls(lambda: _Silent(ssl.PROTOCOL_TLS_SERVER), timeout=SHORT)),
    "reset-before-sending": only(_over_tls(lambda: _Resetting(ssl.PROTOCOL_TLS_SERVER))),
    "reset-after-sending": only(wire(_reset)),
    "dead-keep-alive": each({"while idle": _closed_while_idle, "as it is used": _closed_as_it_is_used}),
}
