"""Those who look on while something runs: logs, warnings, tracers, crash reporters, recorders."""

from __future__ import annotations

import functools
import http.client
import logging
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import aiohttp.web
import httpx
import sentry_sdk
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from sentry_sdk.envelope import Envelope
from sentry_sdk.transport import Transport

from tests.leaks.evidence import Evidence
from tests.leaks.surfaces import Surface
from tests.leaks.tracers import all_traced


@contextmanager
def everything_kept(
    evidence: Evidence, *, recorder: AbstractContextManager[Any] | None = None, tracing: bool = False
) -> Iterator[None]:
    """Keep what logs, warnings, spans and Sentry are given.

    Args:
        evidence: where it is kept.
        recorder: a cassette that is open meanwhile.
        tracing: whether Sentry traces, which it does not by default.
    """
    with (
        logs_kept(evidence),
        warnings_kept(evidence),
        # It puts its own in place of httpx's, and a tracer goes around whatever is there.
        recorder or nullcontext(),
        # Both go around the sessions of aiohttp; Sentry's way around is the first that is there.
        sentry_kept(evidence, tracing=tracing),
        spans_kept(evidence),
    ):
        yield


def observed(evidence: Evidence, act: Callable[[], Any], **options: Any) -> Any:
    """Return what comes of something that is done under observation, whatever that is."""
    with everything_kept(evidence, **options):
        try:
            result = act()
        except BaseException as error:  # noqa: BLE001 - interrupts are looked at as well
            result = error
            evidence.raised(error)
        else:
            evidence.result(result)
        evidence.surroundings()
    return result


# --- Logs and warnings ------------------------------------------------------------------------------


# What every record says of the place and the time it comes from.
_PLACE = vars(logging.makeLogRecord({})).keys() - {"msg", "args", "exc_text", "stack_info"}


_FORMATTER = logging.Formatter()


class _Keeper(logging.Handler):
    def __init__(self, evidence: Evidence) -> None:
        super().__init__(logging.NOTSET)
        self._evidence = evidence

    def emit(self, record: logging.LogRecord) -> None:
        surface = Surface.VCR_LOGS if record.name.partition(".")[0] == "vcr" else Surface.LOGS
        said = {name: value for name, value in vars(record).items() if name not in _PLACE}
        self._evidence.add(surface, record.name, f"{record.getMessage()} {said!r}")
        if record.exc_info and record.exc_info[1] is not None:
            self._evidence.add(surface, record.name, _FORMATTER.formatException(record.exc_info))
            self._evidence.raised(record.exc_info[1])


@contextmanager
def logs_kept(evidence: Evidence) -> Iterator[None]:
    """Keep every record of every logger."""
    root, keeper = logging.getLogger(), _Keeper(evidence)
    named = [known for known in root.manager.loggerDict.values() if isinstance(known, logging.Logger)]
    levels = [(logger, logger.level) for logger in (root, *named)]
    for logger in named:
        logger.setLevel(logging.NOTSET)
    root.setLevel(logging.DEBUG)
    # Others would spell out at length what is kept already.
    handlers, root.handlers = root.handlers, [keeper]
    try:
        logging.getLogger("app").debug("what an app does")
        yield
    finally:
        root.handlers = handlers
        for logger, level in levels:
            logger.setLevel(level)


@contextmanager
def warnings_kept(evidence: Evidence) -> Iterator[None]:
    """Keep every warning."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    evidence.add(Surface.WARNINGS, "all", repr(caught))
    for warning in caught:
        evidence.add(Surface.WARNINGS, warning.category.__name__, f"{warning} {vars(warning)!r}")


# --- OpenTelemetry, and what a recorder is shown ----------------------------------------------------


@contextmanager
def spans_kept(evidence: Evidence) -> Iterator[None]:
    """Keep the spans of this process while HTTP libraries are instrumented for all of it."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    try:
        with (
            all_traced(evidence, provider),
            provider.get_tracer(__name__).start_as_current_span("what an app does") as span,
        ):
            evidence.listeners.append(span.record_exception)
            yield
    finally:
        evidence.listeners.remove(span.record_exception)
        for finished in exporter.get_finished_spans():
            evidence.add(Surface.SPANS, finished.name, finished.to_json(indent=None))


# --- Sentry -----------------------------------------------------------------------------------------

DSN = "https://public@sentry.example/1"

# What Sentry patches once and for all, so that it can be put back.
_PATCHED: tuple[Any, ...] = (
    sys,
    threading.Thread,
    logging.Logger,
    http.client.HTTPConnection,
    http.client.HTTPResponse,
    httpx.Client,
    httpx.AsyncClient,
    aiohttp.ClientSession,
    aiohttp.web.Application,
    aiohttp.web.UrlDispatcher,
    subprocess.Popen,
)


class _Post(Transport):
    """Hands over what would be sent."""

    evidence: Evidence | None = None

    def capture_envelope(self, envelope: Envelope) -> None:
        for item in envelope.items:
            traced = item.type == "transaction"
            surface = Surface.SENTRY_TRACES if traced else Surface.SENTRY_EVENTS
            if self.evidence is not None:
                self.evidence.add(surface, item.type, item.get_bytes())


@functools.cache
def _client(*, tracing: bool) -> Any:
    """Return a client at Sentry's defaults, but for tracing."""
    return sentry_sdk.Client(dsn=DSN, transport=_Post, **({"traces_sample_rate": 1.0} if tracing else {}))


@functools.cache
def _patches() -> list[tuple[Any, str, Any, Any]]:
    """Let Sentry patch this process, put everything back, and return what it was: whose, which, old, new."""
    before = [(owner, dict(vars(owner))) for owner in _PATCHED]
    _client(tracing=False)
    patches = [
        (owner, name, known[name], new)
        for owner, known in before
        for name, new in vars(owner).items()
        if name in known and new is not known[name]
    ]
    for owner, name, old, _ in patches:
        setattr(owner, name, old)
    return patches


@contextmanager
def sentry_kept(evidence: Evidence, *, tracing: bool = False) -> Iterator[None]:
    """Keep what Sentry would send, with its integrations in this process meanwhile."""
    patches, client, everywhere = _patches(), _client(tracing=tracing), sentry_sdk.get_global_scope()
    for owner, name, _, new in patches:
        setattr(owner, name, new)
    client.transport.evidence = evidence
    everywhere.set_client(client)
    evidence.listeners.append(sentry_sdk.capture_exception)
    try:
        with sentry_sdk.isolation_scope(), sentry_sdk.start_transaction(name="what an app does"):
            yield
            # With every breadcrumb so far.
            sentry_sdk.capture_message("what an app says")
    finally:
        evidence.listeners.remove(sentry_sdk.capture_exception)
        everywhere.set_client(None)
        client.transport.evidence = None
        for owner, name, old, _ in patches:
            setattr(owner, name, old)
