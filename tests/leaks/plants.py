"""Leaks on purpose: one way or more for a credential to show on each surface."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import quote

import click
import httpx
import vcr
from attrs import frozen
from vcr.errors import CannotOverwriteExistingCassetteException

from convops._events import Event
from convops.errors import Effect, TransportError
from convops.operations import Mute, Outcome
from convops.secret import Secret
from tests.leaks import commands
from tests.leaks.evidence import Evidence
from tests.leaks.surfaces import Surface
from tests.wire.worlds import DM

SENTINEL = "s3nt1nel/+=%&?-0f-th3-sc4nn3r"
QUOTED = quote(SENTINEL, safe="")
HIDDEN = f"http://127.0.0.1:9/?usersig={QUOTED}"
"""Nobody listens there."""

Plant = Callable[[Evidence], object]

# --- Logs and warnings ------------------------------------------------------------------------------


def log_message(_: Evidence) -> None:
    logging.getLogger("convops").debug("asking %s", f"https://c.example/?sig={SENTINEL}")


def log_text(_: Evidence) -> None:
    logging.getLogger("httpx").info(SENTINEL)


def log_arguments(_: Evidence) -> None:
    logging.getLogger("httpcore.http11").debug("%s", {"url": QUOTED})


def log_extra(_: Evidence) -> None:
    logging.getLogger("anyone").warning("short", extra={"url": SENTINEL})


def log_of_asyncio(_: Evidence) -> None:
    logging.getLogger("asyncio").debug("slow: %r", SENTINEL.encode())


def log_of_a_piece(_: Evidence) -> None:
    logging.getLogger("convops").debug("signed with %s...", SENTINEL[:8])


def log_with_exception(_: Evidence) -> None:
    try:
        _raise(LookupError(SENTINEL))
    except LookupError:
        logging.getLogger("convops").exception("failed")


def log_with_locals(_: Evidence) -> None:
    opened = Secret(SENTINEL).reveal()
    try:
        _raise(LookupError())
    except LookupError:
        logging.getLogger("convops").debug("failed with %d letters", len(opened), exc_info=True)


def log_of_vcr(_: Evidence) -> None:
    logging.getLogger("vcr.cassette").info("%s not in cassette", httpx.URL(HIDDEN))


def warning(_: Evidence) -> None:
    warnings.warn(f"unsigned {SENTINEL}", stacklevel=1)


# --- Exceptions -------------------------------------------------------------------------------------


def _raise(error: BaseException, cause: BaseException | None = None, *, hidden: bool = False) -> None:
    if hidden:
        try:
            raise cause or error
        except LookupError:
            raise error from None
    raise error from cause


def _raised(evidence: Evidence, error: BaseException, *args: Any, **options: Any) -> None:
    try:
        _raise(error, *args, **options)
    except BaseException as raised:  # noqa: BLE001 - whatever was planted
        evidence.raised(raised)


def message(evidence: Evidence) -> None:
    _raised(evidence, TransportError(f"cannot reach https://c.example/?sig={QUOTED}"))


def attribute_of_an_exception(evidence: Evidence) -> None:
    error = TransportError("cannot reach it")
    error.url = SENTINEL
    _raised(evidence, error)


def note(evidence: Evidence) -> None:
    error = TransportError("cannot reach it")
    error.add_note(f"asked {QUOTED}")
    _raised(evidence, error)


def cause(evidence: Evidence) -> None:
    _raised(evidence, TransportError("short"), LookupError(SENTINEL))


def hidden_context(evidence: Evidence) -> None:
    _raised(evidence, TransportError("short"), LookupError(SENTINEL), hidden=True)


def group(evidence: Evidence) -> None:
    _raised(evidence, ExceptionGroup("several", [ValueError("one"), LookupError(SENTINEL)]))


def _fail_with(opened: object) -> None:
    raise LookupError(type(opened))


def local_variable(evidence: Evidence) -> None:
    try:
        _fail_with(Secret(SENTINEL).reveal())
    except LookupError as error:
        evidence.raised(error)


def local_variable_of_a_hidden_context(evidence: Evidence) -> None:
    try:
        _fail_with({"url": SENTINEL})
    except LookupError as error:
        _raised(evidence, TransportError("short"), error, hidden=True)


# --- Objects ----------------------------------------------------------------------------------------


class Quiet:
    """Shows nothing, but holds something."""

    def __init__(self) -> None:
        self.key = SENTINEL


class Slotted:
    """Holds it where `vars` does not look."""

    __slots__ = ("key",)

    def __init__(self) -> None:
        self.key = SENTINEL


@frozen
class Loud:
    """Keeps it as a value among values."""

    key: str = SENTINEL


def text_of_an_object(evidence: Evidence) -> None:
    evidence.show(httpx.URL(HIDDEN))


def header_of_a_request(evidence: Evidence) -> None:
    evidence.show(httpx.Request("GET", "https://c.example", headers={"x-token": SENTINEL}).headers)


def attribute_of_an_object(evidence: Evidence) -> None:
    evidence.show(Quiet())


def slot_of_an_object(evidence: Evidence) -> None:
    evidence.show(Slotted())


def pickled_object(evidence: Evidence) -> None:
    evidence.keep(Quiet())


def copied_object(evidence: Evidence) -> None:
    evidence.keep(Slotted())


def object_as_a_dict(evidence: Evidence) -> None:
    evidence.keep(Loud())


def event(evidence: Evidence) -> None:
    evidence.event(Event(kind="attempt", provider="any", name="Ask", attempts=1, seconds=0.1, host=HIDDEN))


def outcome(evidence: Evidence) -> None:
    error = TransportError(f"asked {QUOTED}", provider="any", operation="mute")
    evidence.result([Outcome(operation=Mute(DM), effect=Effect.UNKNOWN, error=error)])


# --- Around it --------------------------------------------------------------------------------------


def name_of_a_task(evidence: Evidence) -> None:
    async def asks() -> None:
        task = asyncio.create_task(asyncio.sleep(0), name=f"ask {HIDDEN}")
        evidence.task(task)
        await task

    asyncio.run(asks())


def name_of_a_thread(evidence: Evidence) -> None:
    there, done = threading.Event(), threading.Event()
    thread = threading.Thread(target=lambda: (there.set(), done.wait(10)), name=SENTINEL)
    thread.start()
    there.wait(10)
    evidence.surroundings()
    done.set()
    thread.join()


def variable(evidence: Evidence) -> None:
    with mock.patch.dict(os.environ, {"CONVOPS_LAST_URL": HIDDEN}):
        evidence.surroundings()


def _process(evidence: Evidence, *words: str, **options: Any) -> None:
    command = [sys.executable, "-S", "-c", "print(flush=True); input()", *words]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, **pipes, **options) as process:  # noqa: S603 - our own code
        # Until it says something, its arguments may still be those of the process it was forked from.
        process.stdout.readline()
        commands.looked_up(evidence, process)
        process.communicate(b"\n")


def argument_of_a_process(evidence: Evidence) -> None:
    _process(evidence, f"--url={HIDDEN}")


def variable_of_a_process(evidence: Evidence) -> None:
    _process(evidence, env={"LAST_URL": HIDDEN})


def file(evidence: Evidence, folder: Path) -> None:
    folder.joinpath("core.dump").write_text(SENTINEL)
    evidence.files(folder)


def name_of_a_file(evidence: Evidence, folder: Path) -> None:
    folder.joinpath(SENTINEL[-12:]).touch()
    evidence.files(folder)


# --- Tracers, crash reporters, recorders ------------------------------------------------------------


def _ask(transport: httpx.BaseTransport | None = None) -> None:
    """Ask as an app does that signs its URLs itself."""
    with httpx.Client(transport=transport, trust_env=False) as client, suppress(httpx.ConnectError):
        client.get(HIDDEN)


def span(_: Evidence) -> None:
    _ask(httpx.HTTPTransport(verify=False))


def exception_of_a_span(evidence: Evidence) -> None:
    _raised(evidence, LookupError(SENTINEL))


def breadcrumb(_: Evidence) -> None:
    _ask(httpx.MockTransport(lambda _: httpx.Response(200)))


def local_variable_at_sentry(evidence: Evidence) -> None:
    local_variable(evidence)


def request_in_a_cassette(_: Evidence) -> None:
    _ask(httpx.HTTPTransport(verify=False))


def mismatch(evidence: Evidence, folder: Path) -> None:
    with vcr.use_cassette(str(folder / "cassette.yaml"), record_mode="none"):
        try:
            _ask()
        except CannotOverwriteExistingCassetteException as error:
            evidence.mismatch(error)


# --- Commands ---------------------------------------------------------------------------------------


def _command(*words: str) -> Plant:
    """Return a plant in which a command of ours says too much."""

    @click.command(help=f"As {SENTINEL} does.", context_settings={"ignore_unknown_options": True})
    @click.argument("any", nargs=-1)
    def says(**_: object) -> None:
        click.echo(json.dumps({"url": HIDDEN}))

    return lambda evidence: commands.run(evidence, *words, command=says)


def complaint(evidence: Evidence) -> None:
    @click.command()
    def fails() -> None:
        click.echo(f"convops: cannot reach {HIDDEN}", err=True)
        raise SystemExit(1)

    commands.run(evidence, command=fails)


PLANTS: Mapping[Surface, tuple[Callable[..., object], ...]] = {
    Surface.LOGS: (
        log_message,
        log_text,
        log_arguments,
        log_extra,
        log_of_asyncio,
        log_of_a_piece,
        log_with_exception,
    ),
    Surface.MESSAGES: (message, attribute_of_an_exception, note),
    Surface.CHAINS: (cause, hidden_context, group),
    Surface.LOCALS: (local_variable, local_variable_of_a_hidden_context, log_with_locals),
    Surface.REPRS: (text_of_an_object, header_of_a_request),
    Surface.ATTRIBUTES: (attribute_of_an_object, slot_of_an_object),
    Surface.PICKLES: (pickled_object,),
    Surface.COPIES: (copied_object, object_as_a_dict),
    Surface.WARNINGS: (warning,),
    Surface.EVENTS: (event,),
    Surface.TASKS: (name_of_a_task, name_of_a_thread),
    Surface.SPANS: (span, exception_of_a_span),
    Surface.SENTRY_EVENTS: (breadcrumb, local_variable_at_sentry),
    Surface.SENTRY_TRACES: (breadcrumb,),
    Surface.CASSETTES: (request_in_a_cassette,),
    Surface.VCR_LOGS: (log_of_vcr,),
    Surface.MISMATCHES: (mismatch,),
    Surface.OUTPUT: (_command("mute"), complaint),
    Surface.HELP: (_command("--help"),),
    Surface.JSON: (_command("mute", "--json"), outcome),
    Surface.DOCTOR: (_command("doctor"),),
    Surface.PLAN: (_command("plan"),),
    Surface.ARGUMENTS: (argument_of_a_process,),
    Surface.ENVIRONMENT: (variable, variable_of_a_process),
    Surface.FILES: (file, name_of_a_file),
}
"""By surface, ways for a credential to show there."""
