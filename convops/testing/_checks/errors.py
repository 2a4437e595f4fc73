"""A refusal becomes the error its code stands for, and nothing unreadable becomes a success."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from convops.errors import (
    Effect,
    MalformedReplyError,
    NotFoundError,
    OperationError,
    PluginError,
    ProviderError,
    RateLimitedError,
)
from convops.operations import Delete, Mute
from convops.provider import Code, FailureKind, error_for
from convops.testing._checks._check import Check, both_clients, both_clients_with_codes, once
from convops.testing._checks._spots import Felt, Spot, plain_code, refusal_at, spots_by_action
from convops.testing._simulator import Fault
from convops.testing._subject import Case, Subject, expect, words

UNMAPPED: tuple[int | str, ...] = (987654321, 87654321, 4321, "M_CONVOPS_UNMAPPED", "CONVOPS_UNMAPPED")

RETRY_AFTER = 7.0


# --- Codes --------------------------------------------------------------------------------------------


def _errors_map(subject: Subject, case: Case) -> None:
    codes, places = subject.provider.codes, spots_by_action(subject, case.flavour)
    for turn, (key, row) in enumerate(codes.items()):
        # Every code at every call by one client; the other reads the same, so that each code once will do.
        for spot in places if case.flavour == "sync" else [places[turn % len(places)]]:
            played = refusal_at(spot, key)
            if played is None:
                continue
            fault, known = played
            felt = spot.play(subject, fault)
            said = f"code {plain_code(key)!r} to {spot.call.action}"
            _expect_mapped(said, spot, codes.get(known, row), felt, error_for(codes, known))
            error = felt.outcome.error
            expect(
                error is None or getattr(error, "provider", None) == subject.provider.name,
                f"{error!r} does not name its provider",
            )


def _expect_mapped(said: str, spot: Spot, row: Code, felt: Felt, wanted: OperationError) -> None:
    error = felt.outcome.error
    if error is None:
        _expect_known_better(said, spot, row, felt)
        return
    expect(not isinstance(error, PluginError), f"{said} brought a bug to light: {error}")
    if row.error is None and isinstance(error, MalformedReplyError):
        # "It is so already", said of something else, is an answer nobody can trust.
        return
    expect(type(error) is type(wanted), f"{said} became {type(error).__name__}, not {type(wanted).__name__}")
    loose = {"effect", "attempts", "provider", "operation", "request_id"}
    if not spot.call.writes:
        # What a question found missing the flow may know better than the table.
        loose.add("what")
    if wanted.retry_after is None:
        # The vendor may say in its answer how long to wait.
        loose.add("retry_after")
    for name, value in vars(wanted).items():
        if name not in loose:
            found = getattr(error, name, None)
            expect(found == value, f"{said} became an error whose {name} is {found!r}, not {value!r}")
    effect = spot.effect(wanted.effect)
    expect(felt.outcome.effect is effect, f"{said} is said to be {felt.outcome.effect}, not {effect}")
    expect(
        getattr(error, "operation", None) == felt.operation.name,
        f"{said} became an error of another operation",
    )


def _expect_known_better(said: str, spot: Spot, row: Code, felt: Felt) -> None:
    """A refusal may be a success only where the state holds, or where there is nothing to do."""
    takes_away = isinstance(felt.operation, Delete) or (
        isinstance(felt.operation, Mute) and not felt.operation.muted
    )
    absent = row.error is NotFoundError and (takes_away or not spot.call.writes)
    already = felt.outcome.effect is Effect.ALREADY and (row.error is None or absent)
    expect(felt.holds or already, f"{said} became a success of {words(felt.operation)}")


def _unknown_codes(subject: Subject, case: Case) -> None:
    codes = subject.provider.codes
    own = {plain_code(key) for key in codes}
    kinds = {type(code) for code in own} or {int}
    for spot in spots_by_action(subject, case.flavour):
        for code in (code for code in UNMAPPED if type(code) in kinds and code not in own):
            felt = spot.play(subject, Fault(action=spot.call.action, code=code), attempts=4)
            said, error = f"the unknown code {code!r} to {spot.call.action}", felt.outcome.error
            expect(type(error) is ProviderError, f"{said} became {error!r}, not a ProviderError")
            if isinstance(error, ProviderError):
                expect(error.code == code, f"{said} became an error with the code {error.code!r}")
                expect(not error.retryable, f"{said} is said to be worth another try")
            wanted = spot.effect(Effect.UNKNOWN)
            expect(felt.outcome.effect is wanted, f"{said} is said to be {felt.outcome.effect}, not {wanted}")
            expect(felt.sent == spot.place + 1, f"{said} was repeated")


# --- Answers nobody can trust -------------------------------------------------------------------------

GARBAGE: Mapping[str, bytes] = {
    "an empty body": b"",
    "null": b"null",
    "an array": b"[]",
    "a text": b'"OK"',
    "HTML": b"<html><body>OK</body></html>",
    "NaN": b'{"x":NaN}',
}

STATUSES = (206, 301, 302, 304, 404, 405, 500, 502, 503, 504)


def _unreadable(good: bytes) -> Iterator[tuple[str, bytes]]:
    yield from GARBAGE.items()
    if json.loads(good):
        yield "an empty object", b"{}"
        yield "half of the answer", good[: len(good) // 2]
    end = good.rstrip().removesuffix(b"}")
    more = b"," if json.loads(good) else b""
    yield "a repeated name", end + more + b'"x":1,"x":2}'


def _answers_unreadable(subject: Subject, case: Case) -> None:
    for spot in spots_by_action(subject, case.flavour):
        for name, body in _unreadable(spot.good.body):
            fault = Fault(action=spot.call.action, applies=True, body=body)
            felt = spot.play(subject, fault)
            said, error = f"{name} in answer to {spot.call.action}", felt.outcome.error
            expect(error is not None, f"{said} became a success")
            # An empty object may say that there is nothing, and the status of a refusal is enough by itself.
            told = body == b"{}" or spot.good.status >= 400  # noqa: PLR2004 - the first HTTP error
            readable = told and isinstance(error, OperationError)
            expect(
                readable or isinstance(error, MalformedReplyError),
                f"{said} became {error!r}, not a MalformedReplyError",
            )
            _expect_doubt(spot, said, felt)
        for status in STATUSES:
            if status == spot.good.status:
                # The very answer that is well here, such as 404 for a mark that was never set.
                continue
            fault = Fault(action=spot.call.action, applies=True, status=status)
            felt = spot.play(subject, fault)
            said = f"HTTP {status} with a good answer to {spot.call.action}"
            expect(felt.outcome.error is not None, f"{said} became a success")
            expect(not isinstance(felt.outcome.error, PluginError), f"{said}: {felt.outcome.error}")
            if status < 400 or status >= 500:  # noqa: PLR2004 - all but refusals
                _expect_doubt(spot, said, felt)
        _expect_throttled(spot, subject)


def _expect_doubt(spot: Spot, said: str, felt: Felt) -> None:
    # Doubt is never wrong here, also where a question alone was asked.
    effects = {spot.effect(Effect.UNKNOWN), Effect.UNKNOWN}
    expect(felt.outcome.effect in effects, f"{said} is said to be {felt.outcome.effect}")


def _expect_throttled(spot: Spot, subject: Subject) -> None:
    headers = {"retry-after": f"{RETRY_AFTER:g}"}
    felt = spot.play(subject, Fault(action=spot.call.action, status=429, headers=headers))
    said, error = f"HTTP 429 to {spot.call.action}", felt.outcome.error
    expect(isinstance(error, RateLimitedError), f"{said} became {error!r}, not a RateLimitedError")
    if isinstance(error, RateLimitedError):
        expect(error.retryable, f"{said} is said not to be worth another try")
        expect(error.retry_after == RETRY_AFTER, f"{said} lost its Retry-After: {error.retry_after!r}")


STRANGE: tuple[Any, ...] = (None, True, -1, 1.5, "", "x", [], [None], [{}], ["x"], {}, {"x": []})


def _answers_strange(subject: Subject, case: Case) -> None:
    """An answer of another shape than documented is no bug of the plugin's."""
    for spot in spots_by_action(subject, case.flavour):
        good = json.loads(spot.good.body)
        for name, document in _twisted(good):
            body = json.dumps(document).encode()
            felt = spot.play(subject, Fault(action=spot.call.action, applies=True, body=body))
            said = f"an answer to {spot.call.action} {name}"
            expect(
                not isinstance(felt.outcome.error, PluginError),
                f"{said} brought a bug to light: {felt.outcome.error}",
            )
            expect(
                felt.outcome.error is not None or felt.holds,
                f"{said} became a success, and the state does not hold",
            )
            if felt.outcome.effect is Effect.NOT_APPLIED:
                expect(felt.unchanged or not spot.call.writes, f"{said} is said to have changed nothing")


def _twisted(document: Any, where: str = "") -> Iterator[tuple[str, Any]]:
    """Yield a JSON value with one part of it left out or replaced, wherever it stands."""
    if isinstance(document, dict):
        for name, value in document.items():
            shown = f"{where}.{name}" if where else name
            rest = {key: other for key, other in document.items() if key != name}
            yield f"without {shown}", rest
            for strange in STRANGE:
                yield f"with {strange!r} for {shown}", {**document, name: strange}
            for said, twisted in _twisted(value, shown):
                yield said, {**document, name: twisted}
    elif isinstance(document, list) and document:
        yield f"with {where} cut", document[:-1]
        yield f"with {where} doubled", document * 2
        for said, twisted in _twisted(document[0], f"{where}[0]"):
            yield said, [twisted, *document[1:]]


# --- Connections --------------------------------------------------------------------------------------


def _failures_honest(subject: Subject, case: Case) -> None:
    for spot in spots_by_action(subject, case.flavour):
        for kind in (FailureKind.BROKEN, FailureKind.TIMEOUT):
            for applies in (False, True):
                fault = Fault(action=spot.call.action, failure=kind, applies=applies)
                said = f"{kind.value} at {spot.call.action}"
                felt = spot.play(subject, fault)
                expect(felt.outcome.error is not None, f"{said}: the operation is said to be done")
                expect(not isinstance(felt.outcome.error, PluginError), f"{said}: {felt.outcome.error}")
                _expect_doubt(spot, said, felt)
                again = spot.play(subject, fault, attempts=2)
                expect(again.outcome.ok, f"{said}, and well when repeated: {again.outcome.error!r}")
                expect(again.holds, f"{said}, repeated: it is said to be done and is not")


def _code_table(subject: Subject, _: Case) -> None:
    never_again = ("InvalidRequestError", "NotFoundError", "LimitExceededError", "ProviderError")
    always = ("RateLimitedError",)
    for code, row in subject.provider.codes.items():
        said = f"code {code!r}"
        expect(type(plain_code(code)) in (int, str), f"{said} is neither an int nor a str")
        expect(isinstance(row, Code), f"{said} has no Code as its row")
        expect(row.meaning.strip() and row.meaning.isprintable(), f"{said} has no meaning")
        expect(row.source.startswith("https://"), f"{said} names no page it comes from")
        if row.error is None:
            expect(not row.facts, f"{said} is no error, and has facts of one")
            continue
        expect(issubclass(row.error, OperationError), f"{said} maps to {row.error!r}, no OperationError")
        error = error_for(subject.provider.codes, code)
        expect(error.effect in (Effect.NOT_APPLIED, Effect.UNKNOWN), f"{said} is an error that is applied")
        name = type(error).__name__
        expect(not (name in never_again and error.retryable), f"{said}, {name}, is worth no other try")
        expect(not (name in always and not error.retryable), f"{said}, {name}, is lifted by waiting")
        expect(error.retry_after is None or error.retryable, f"{said} has a time to wait and no other try")
        expect(name != "UnsupportedOperationError", f"{said} is one of ours, not the vendor's")
    expect(0 not in subject.provider.codes, "code 0 stands in the table of refusals")


CHECKS = (
    Check(
        "errors-map",
        "Every code of the table becomes its error at every call: class, retryable, retry_after, effect.",
        both_clients_with_codes,
        _errors_map,
    ),
    Check(
        "unknown-codes",
        "A code no table maps is a ProviderError of effect UNKNOWN, verbatim, and is not repeated.",
        both_clients,
        _unknown_codes,
    ),
    Check(
        "answers-unreadable",
        "No garbled answer, redirect or HTTP error becomes a success, or passes for nothing applied.",
        both_clients,
        _answers_unreadable,
    ),
    Check(
        "answers-strange",
        "An answer of another shape is never a bug in the plugin, nor a success that did not happen.",
        both_clients,
        _answers_strange,
    ),
    Check(
        "failures-honest",
        "A broken connection leaves doubt, and a repeat brings the asked state about.",
        both_clients,
        _failures_honest,
    ),
    Check(
        "code-table",
        "Each row of the code table has a meaning and a page, and does not contradict its class.",
        lambda subject: once(subject) if subject.provider.codes else [],
        _code_table,
    ),
)
