"""`convops simulate`: a simulated vendor on a socket, until stopped."""

from __future__ import annotations

import shlex
import signal
import threading
import typing
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any
from urllib.parse import urlencode

import click

from convops._cli._documents import conversation_document
from convops._cli._options import examples, json_option
from convops._cli._say import say, say_json
from convops._cli._scene import GROUPS, UNREAD, USERS, arrange
from convops._cli._simulators import make_simulator
from convops._registry import find_provider
from convops.provider import AnyProvider
from convops.secret import Secret
from convops.testing import Simulator, serve

POLL = 0.1  # seconds; a wait without an end cannot be interrupted on Windows


def example_lines(provider: AnyProvider, simulator: Simulator, settings: Mapping[str, Any]) -> list[str]:
    """Return how to connect from Python and from a shell; a simulator's credentials are no secrets."""
    hints = typing.get_type_hints(provider.account_type)
    variables = {
        name: f"{provider.name}_{name}".upper().replace("-", "_")
        for name in settings
        if hints.get(name) is Secret
    }
    keywords = ", ".join(f"{name}={value!r}" for name, value in settings.items())
    references = {**settings, **{name: f"env:{variable}" for name, variable in variables.items()}}
    url = f"{provider.name}://?{urlencode(references, safe=':/')}"
    users = [simulator.user_id(name) for name in USERS]
    groups = [simulator.group_id(name) for name in GROUPS]
    who = f"--user {shlex.quote(users[0])} --peer {shlex.quote(users[1])}"
    return [
        "",
        "From Python:",
        f"  chat = convops.connect({provider.name!r}, {keywords})",
        "",
        "From a shell:",
        *(f"  export {variable}={shlex.quote(str(settings[name]))}" for name, variable in variables.items()),
        f"  convops clear-unread {who} --url {shlex.quote(url)}",
        "",
        f"It has the users {', '.join(users)} and the groups {', '.join(groups)}. Ctrl-C stops it.",
    ]


def start_document(
    provider: AnyProvider, simulator: Simulator, url: str, settings: Mapping[str, Any]
) -> dict[str, Any]:
    """Return where the simulator answers, what it accepts, and whom it knows."""
    unread = [
        {**conversation_document(simulator.spelled(one)), "unread": count} for one, count in UNREAD.items()
    ]
    return {"provider": provider.name, "url": url, "settings": dict(settings), "conversations": unread}


@contextmanager
def stop_signals() -> Iterator[threading.Event]:
    """Yield what is set by Ctrl-C or SIGTERM."""
    stop = threading.Event()

    def heard(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, heard) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@click.command(epilog=examples("convops simulate zego --port 8080"))
@click.argument("provider", metavar="PROVIDER")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="0, the default, takes a free one.")
@json_option
def simulate(*, provider: str, port: int, as_json: bool) -> None:
    """Run a simulated vendor until stopped.

    It listens on this machine only. The first line printed is its URL.
    """
    found = find_provider(provider)
    simulator = make_simulator(found)
    arrange(simulator)
    with stop_signals() as stop, serve(simulator, port=port) as url:
        settings = {**simulator.settings, "base_url": url}
        if as_json:
            say_json(start_document(found, simulator, url, settings))
        else:
            say(url)
            say("\n".join(example_lines(found, simulator, settings)))
        while not stop.wait(POLL):
            pass
