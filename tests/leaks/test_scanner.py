"""The scanner finds what it is meant to find, wherever it is planted, and nothing else."""

from __future__ import annotations

import base64
import logging
import pickle
import warnings
from pathlib import Path
from urllib.parse import quote, quote_plus

import httpx
import pytest

from convops.errors import ConvopsError, TransportError
from convops.secret import Secret
from tests.leaks.scanner import Canary, Evidence, Scanner, chain, everything_kept

SENTINEL = "s3nt1nel/+=%&?-0f-th3-sc4nn3r"

FORMS = {
    "raw": SENTINEL,
    "bytes": repr(SENTINEL.encode()),
    "beginning": SENTINEL[:12],
    "end": SENTINEL[-12:],
    "middle": SENTINEL[8:21],
    "percent-encoded": quote(SENTINEL, safe=""),
    "percent-encoded in lower case": quote(SENTINEL, safe="").lower(),
    "percent-encoded twice": quote(quote(SENTINEL, safe=""), safe=""),
    "as a form": quote_plus(SENTINEL),
    "base64": base64.b64encode(SENTINEL.encode()).decode(),
    "base64 behind one byte": base64.b64encode(b"a" + SENTINEL.encode() + b"z").decode(),
    "base64 behind two bytes": base64.b64encode(b"ab" + SENTINEL.encode() + b"yz").decode(),
    "basic authorization": base64.b64encode(f"user:{SENTINEL}".encode()).decode(),
    "base64 for URLs": base64.urlsafe_b64encode(f"long-prefix{SENTINEL}".encode()).decode(),
    "hex": SENTINEL.encode().hex(),
    "hex in upper case": SENTINEL.encode().hex().upper(),
    "hex with colons": SENTINEL.encode().hex(":"),
}


@pytest.fixture
def scanner():
    made = Scanner()
    made.watch("sentinel", SENTINEL)
    return made


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_found(scanner, form):
    assert scanner.find(f"before {FORMS[form]} behind") == ["sentinel"]
    assert scanner.find(f"before {FORMS[form]} behind".encode()) == ["sentinel"]


@pytest.mark.parametrize("text", ["", "s3nt1nel", "Secret('***')", "the signature is wrong", "x" * 10_000])
def test_nothing_is_found_where_nothing_is(scanner, text):
    assert scanner.find(text) == []


# --- Planted leaks: every one must be found -----------------------------------------------------------


def log_message(_):
    logging.getLogger("convops").debug("asking %s", f"https://c.example/?sig={SENTINEL}")


def log_text(_):
    logging.getLogger("httpx").info(SENTINEL)


def log_arguments(_):
    logging.getLogger("httpcore.http11").debug("%s", {"url": quote(SENTINEL, safe="")})


def log_extra(_):
    logging.getLogger("anyone").warning("short", extra={"url": SENTINEL})


def log_of_asyncio(_):
    logging.getLogger("asyncio").debug("slow: %r", SENTINEL.encode())


def log_of_vcr(_):
    logging.getLogger("vcr.cassette").info(
        "%s not in cassette", httpx.URL(f"https://c.example/?sig={SENTINEL}")
    )


def log_with_exception(_):
    try:
        _raise(LookupError(SENTINEL))
    except LookupError:
        logging.getLogger("convops").exception("failed")


def log_with_locals(_):
    opened = Secret(SENTINEL).reveal()
    try:
        _raise(LookupError())
    except LookupError:
        logging.getLogger("convops").debug("failed with %d letters", len(opened), exc_info=True)


def warning(_):
    warnings.warn(f"unsigned {SENTINEL}", stacklevel=1)


def message(evidence):
    evidence.raised(TransportError(f"cannot reach https://c.example/?sig={quote(SENTINEL, safe='')}"))


def attribute(evidence):
    error = TransportError("cannot reach it")
    error.url = SENTINEL
    evidence.raised(error)


def only_in_pickle(evidence):
    class_ = type("Quiet", (ConvopsError,), {"__str__": lambda _: "", "__repr__": lambda _: ""})
    error = class_("quiet")
    evidence.add("pickle", pickle.dumps({"error": str(error), "url": SENTINEL}))


def _raise(error, cause=None, *, hidden=False):
    if hidden:
        try:
            raise cause
        except LookupError:
            raise error from None
    raise error from cause


def cause(evidence):
    with pytest.raises(TransportError) as caught:
        _raise(TransportError("short"), LookupError(SENTINEL))
    evidence.raised(caught.value)


def hidden_context(evidence):
    with pytest.raises(TransportError) as caught:
        _raise(TransportError("short"), LookupError(SENTINEL), hidden=True)
    evidence.raised(caught.value)


def group(evidence):
    evidence.raised(ExceptionGroup("several", [ValueError("one"), LookupError(SENTINEL)]))


def _fail_with(opened):
    raise LookupError(len(opened))


def local_variable(evidence):
    with pytest.raises(LookupError) as caught:
        _fail_with(Secret(SENTINEL).reveal())
    evidence.raised(caught.value)


def local_variable_of_a_hidden_context(evidence):
    with pytest.raises(LookupError) as inner:
        _fail_with({"url": SENTINEL})
    with pytest.raises(TransportError) as caught:
        _raise(TransportError("short"), inner.value, hidden=True)
    evidence.raised(caught.value)


def text_of_an_object(evidence):
    evidence.show("client", httpx.URL(f"https://c.example/?sig={SENTINEL}"))


def attribute_of_an_object(evidence):
    evidence.show("client", type("Client", (), {"__init__": lambda self: setattr(self, "key", SENTINEL)})())


def slot_of_an_object(evidence):
    slotted = type("Slotted", (), {"__slots__": ("key",)})()
    slotted.key = SENTINEL
    evidence.show("attempt", slotted)


def header_of_a_request(evidence):
    evidence.show("request", httpx.Request("GET", "https://c.example", headers={"x-token": SENTINEL}).headers)


def file(evidence):
    evidence.add("cassette", f"uri: https://c.example/?sig={quote(SENTINEL, safe='')}\n")


PLANTS = [
    log_message,
    log_text,
    log_arguments,
    log_extra,
    log_of_asyncio,
    log_of_vcr,
    log_with_exception,
    log_with_locals,
    warning,
    message,
    attribute,
    only_in_pickle,
    cause,
    hidden_context,
    group,
    local_variable,
    local_variable_of_a_hidden_context,
    text_of_an_object,
    attribute_of_an_object,
    slot_of_an_object,
    header_of_a_request,
    file,
]


@pytest.mark.parametrize("plant", PLANTS)
def test_every_planted_leak_is_found(scanner, plant):
    evidence = Evidence()
    with everything_kept(evidence):
        plant(evidence)
    assert evidence.leaks(scanner)


def test_what_shows_nothing_is_not_reported(scanner):
    evidence, canary = Evidence(), Canary(SENTINEL)
    with everything_kept(evidence):
        logging.getLogger("convops").info("asking %r with %r", "https://c.example", Secret(SENTINEL))
        warnings.warn("unsigned", stacklevel=1)
        try:
            _raise(TransportError("cannot reach it", code=7))
        except TransportError as error:
            evidence.raised(error)
        evidence.show("canary", canary)
        evidence.show("secret", Secret(SENTINEL))
    assert len(evidence.texts) > 10
    assert evidence.leaks(scanner) == []


def test_the_chain_of_an_exception_is_followed_through_loops_and_groups():
    first, second, third = LookupError("1"), ValueError("2"), KeyError("3")
    first.__context__, second.__cause__ = second, first
    several = ExceptionGroup("several", [first, third])
    assert set(chain(several)) == {several, first, second, third}


def test_the_scanner_does_not_find_itself(scanner):
    assert scanner.find(repr(scanner)) == []
    assert scanner.find(Path(__file__).read_bytes())  # but it does find what stands in a file
