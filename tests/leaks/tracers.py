"""Tracers of HTTP libraries: what each is shown of a request, and the spans it writes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from opentelemetry.instrumentation.aiohttp_client import AioHttpClientInstrumentor
from opentelemetry.instrumentation.httpx import HTTPX2ClientInstrumentor, HTTPXClientInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from vcr.request import Request
from vcr.serialize import serialize
from vcr.serializers import yamlserializer

from tests.leaks.evidence import Evidence
from tests.leaks.surfaces import Surface


def _as_recorded(evidence: Evidence, method: str, url: str, headers: Any) -> None:
    # As vcrpy would write it, wherever vcrpy itself is not in the way.
    shown = Request(method, url, b"", headers)
    answer = {"status": {"code": 200, "message": ""}, "headers": {}, "body": {"string": b""}}
    written = serialize({"requests": [shown], "responses": [answer]}, yamlserializer)
    evidence.add(Surface.CASSETTES, "request", written)


@contextmanager
def httpx_traced(evidence: Evidence, provider: TracerProvider, *, instrumentor: Any = None) -> Iterator[None]:
    """Instrument httpx for all of this process."""

    def show(_: object, request: Any) -> None:
        _as_recorded(evidence, request.method.decode(), str(request.url), request.headers)

    async def show_async(span: object, request: Any) -> None:
        show(span, request)

    instrumentor = instrumentor or HTTPXClientInstrumentor()
    instrumentor.instrument(
        tracer_provider=provider, request_hook=show, async_request_hook=show_async, skip_dep_check=True
    )
    try:
        yield
    finally:
        instrumentor.uninstrument()


def httpx2_traced(evidence: Evidence, provider: TracerProvider) -> Any:
    """Instrument httpx2 for all of this process."""
    return httpx_traced(evidence, provider, instrumentor=HTTPX2ClientInstrumentor())


@contextmanager
def aiohttp_traced(evidence: Evidence, provider: TracerProvider) -> Iterator[None]:
    """Instrument the sessions of aiohttp that are made meanwhile."""

    def show(_: object, request: Any) -> None:
        headers = {str(name): value for name, value in request.headers.items()}
        _as_recorded(evidence, request.method, str(request.url), headers)

    instrumentor = AioHttpClientInstrumentor()
    instrumentor.instrument(tracer_provider=provider, request_hook=show, skip_dep_check=True)
    try:
        yield
    finally:
        instrumentor.uninstrument()


TRACERS: tuple[Callable[[Evidence, TracerProvider], Any], ...] = (
    httpx_traced,
    httpx2_traced,
    aiohttp_traced,
)


@contextmanager
def all_traced(evidence: Evidence, provider: TracerProvider) -> Iterator[None]:
    """Instrument every library that there is a tracer of."""
    with ExitStack() as tracing:
        for traced in TRACERS:
            tracing.enter_context(traced(evidence, provider))
        yield
