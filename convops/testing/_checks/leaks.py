"""No secret or credential is shown by anything that a run leaves behind."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import parse_qsl

import attrs

from convops.operations import Operation
from convops.provider import FailureKind, HttpReply, HttpRequest
from convops.secret import Secret
from convops.testing._checks._check import (
    Check,
    both_clients,
    once,
)
from convops.testing._checks._spots import plain_code
from convops.testing._scanner import PIECE, Scanner, every_record_kept
from convops.testing._simulator import Fault
from convops.testing._stage import Stage
from convops.testing._subject import START, Case, Subject, expect, variants
from convops.testing._switches import Switch

DRAWS = 300
"""Nonces that are tried: whatever uses one byte of a nonce repeats itself among so many."""

LOOKS_SECRET = re.compile(r"secret|token|password|passwd|private|credential|(^|_)key($|_)|(^|_)sig($|_)")


class _Wire:
    """Stands before a simulator, notes the credentials that come by, and can echo all it was sent."""

    def __init__(self, stage: Stage, scanner: Scanner) -> None:
        self.stage = stage
        self.scanner = scanner
        self.echoes = False
        stage.handler = self.handle
        plain = [getattr(stage.account, one.name) for one in attrs.fields(type(stage.account))]
        self._open = {str(value) for value in plain if not isinstance(value, Secret)}
        signer = stage.provider.signer(stage.account)
        sample = signer.sign(stage.first_call(), now=START, nonce=stage.nonce(), ticket=signer.issue(START))
        self._names = {*sample.query, *(name.lower() for name in sample.headers)}

    def handle(self, request: HttpRequest) -> Any:
        query = parse_qsl(request.target.partition("?")[2], keep_blank_values=True)
        for name, value in [*query, *request.headers.items()]:
            # A number or a version is no secret, and stands in answers as well.
            secret = value.rpartition(" ")[2]
            if name in self._names and len(secret) >= PIECE and secret not in self._open:
                self.scanner.watch(f"the credential {name}", secret)
        reply = self.stage.simulator.handle(request)
        if self.echoes and isinstance(reply, HttpReply):
            return HttpReply(reply.status, reply.headers, _echoed(reply.body, request))
        return reply


def _echoed(body: bytes, request: HttpRequest) -> bytes:
    """Return an answer with all that was sent in place of each of its texts."""
    sent = f"{request.target} {request.headers} {request.body.decode(errors='replace')}"

    def echo(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: echo(member) for key, member in value.items()}
        if isinstance(value, list):
            return [echo(member) for member in value]
        return sent if isinstance(value, str) else value

    try:
        document = json.loads(body)
    except ValueError:
        return sent.encode()
    return json.dumps({**echo(document), "echo": sent}).encode()


def _faults(subject: Subject) -> list[Fault | None]:
    codes = [plain_code(key) for key in list(subject.provider.codes)[:3]]
    return [
        None,
        *[Fault(code=code) for code in codes],
        Fault(body=b"<html>"),
        Fault(status=500),
        Fault(failure=FailureKind.BROKEN),
    ]


def _no_secret_leaks(subject: Subject, case: Case) -> None:
    scanner = Scanner()
    with every_record_kept(scanner):
        for switch in (None, *subject.switches()):
            _expect_silence(subject, Case(flavour=case.flavour, switch=switch), scanner)
    leaks = scanner.leaks()
    expect(not leaks, "; ".join(leaks))


def _expect_silence(subject: Subject, case: Case, scanner: Scanner) -> None:
    for echoes in (False, True):
        for fault in _faults(subject):
            with Stage(subject, case) as stage:
                wire = _Wire(stage, scanner)
                wire.echoes = echoes
                for name, secret in subject.secrets(stage.account).items():
                    scanner.watch(f"the setting {name}", secret.reveal())
                events: list[object] = []
                stage.observer = events.append
                operations = _operations(stage, case.switch)
                for operation in operations:
                    if fault is not None:
                        stage.simulator.misbehave(fault)
                    _keep(scanner, stage.do(operation))
                for outcome in stage.apply(operations):
                    _keep(scanner, outcome)
                for event in events:
                    scanner.show("an event", event)
                _keep_still(scanner, stage, operations)


def _operations(stage: Stage, switch: Switch | None) -> list[Operation]:
    declared = stage.subject.declared(switch)
    found = [operation for key in declared for operation in stage.forms(key, stage.main(key[1]))]
    strangers = [
        operation for key in declared for c in stage.strangers(key[1])[:1] for operation in variants(key, c)
    ]
    return found + strangers[:2]


def _keep(scanner: Scanner, outcome: Any) -> None:
    scanner.show("an outcome", outcome)
    if isinstance(outcome.error, BaseException):
        scanner.raised(outcome.error)


def _keep_still(scanner: Scanner, stage: Stage, operations: list[Operation]) -> None:
    """Keep what can be looked at without sending anything."""
    client, provider, account = stage.client(), stage.provider, stage.account
    scanner.show("the client", client)
    scanner.show("the account", account)
    scanner.add("the account as a dict", repr(attrs.asdict(account)))
    scanner.show("the provider", provider)
    scanner.add("the signer", repr(provider.signer(account)))
    for planned in client.plan(operations):
        scanner.show("a plan", planned)
        for call in planned.calls:
            scanner.add(
                "a call", f"{call!r} {call.target()} {call.content()!r} {provider.quota(account, call)!r}"
            )
    for operation in operations:
        scanner.add("a batch key", repr(provider.batch_key(account, operation)))


def _secrets_are_secret(subject: Subject, _: Case) -> None:
    kind = subject.provider.account_type
    account = subject.account()
    for one in attrs.fields(kind):
        value = getattr(account, one.name)
        looks = isinstance(value, str) and LOOKS_SECRET.search(one.name.lower())
        expect(not looks, f"the setting {one.name} looks like a secret, and is a plain str")
        try:
            setattr(account, one.name, value)
        except attrs.exceptions.FrozenInstanceError:
            continue
        expect(condition=False, problem=f"{kind.__name__} is not frozen: {one.name} can be changed")


CHECKS = (
    Check(
        "no-secret-leaks",
        "No secret or credential stands in what a client, an outcome, an error, a log or a plan shows.",
        both_clients,
        _no_secret_leaks,
    ),
    Check(
        "secrets-typed",
        "Settings that hold a secret are typed `Secret`, and an account is frozen.",
        once,
        _secrets_are_secret,
    ),
)
