"""Credentials reach the wire, fresh and alone, and nothing else that a run leaves behind."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import parse_qsl

import attrs

from convops._replies import read_reply, status_error
from convops._signing import OneShot, Signing
from convops._transports.inprocess import request_of
from convops.errors import AuthenticationError, ConvopsError, PermissionDeniedError, PluginError
from convops.operations import Operation
from convops.provider import Call, Credentials, FailureKind, HttpReply, HttpRequest, Ticket
from convops.secret import Secret
from convops.testing._checks._check import (
    Check,
    both_clients,
    both_clients_with_secrets,
    once,
    once_with_probe,
)
from convops.testing._forbidden import modules_of, nothing_from_outside
from convops.testing._scanner import PIECE, Scanner, every_record_kept
from convops.testing._simulator import Fault
from convops.testing._stage import Stage
from convops.testing._subject import START, Case, Subject, expect, variants, words

DRAWS = 300
"""Nonces that are tried: whatever uses one byte of a nonce repeats itself among so many."""

LOOKS_SECRET = re.compile(r"secret|token|password|passwd|private|credential|(^|_)key($|_)|(^|_)sig($|_)")


# --- Leaks --------------------------------------------------------------------------------------------


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
        sample = signer.sign(_call_of(stage), now=START, nonce=stage.nonce(), ticket=signer.issue(START))
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
    codes = list(subject.provider.codes)[:3]
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


def _operations(stage: Stage, switch: str | None) -> list[Operation]:
    declared = stage.subject.declared(switch)
    found = [operation for key in declared for operation in variants(key, stage.main(key[1]))]
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


# --- Fresh credentials --------------------------------------------------------------------------------


def _call_of(stage: Stage) -> Call:
    """Return the first call of the first declared operation."""
    key = stage.subject.declared()[0]
    operation = stage.pipeline().accept(variants(key, stage.main(key[1]))[0])
    return next(stage.provider.flow(stage.account, [operation]))


def _spelled(credentials: Credentials) -> tuple[tuple[str, str], ...]:
    return tuple(sorted({**credentials.query, **credentials.headers}.items()))


def _fresh_credentials(subject: Subject, _: Case) -> None:
    with Stage(subject, Case()) as stage:
        call = _call_of(stage)
        signer = subject.provider.signer(stage.account)

        def sign(now: float, nonce: bytes, ticket: Ticket | None) -> Any:
            return _spelled(signer.sign(call, now=now, nonce=nonce, ticket=ticket))

        ticket = signer.issue(START)
        nonces = [stage.nonce() for _ in range(DRAWS)]
        signed = [sign(START, nonce, ticket) for nonce in nonces]
        if len(set(signed)) == 1:
            # One credential for all attempts, such as a token: then time does not enter it either.
            later = sign(START + 1, nonces[0], ticket)
            expect(
                later == signed[0],
                "two attempts within a second carry the same credentials: the nonce does not enter them",
            )
        else:
            expect(
                len(set(signed)) == DRAWS,
                f"{DRAWS} attempts carried {len(set(signed))} credentials: the nonce enters in part",
            )
        _expect_no_collision(call, signer.sign(call, now=START, nonce=nonces[0], ticket=ticket))
        _expect_ticket(signer, START)
        _expect_fresh_on_the_wire(stage, fresh=len(set(signed)) > 1)


def _expect_no_collision(call: Call, credentials: Credentials) -> None:
    twice = call.query.keys() & credentials.query.keys()
    expect(not twice, f"credentials and call both have {', '.join(sorted(twice))} in the query")
    texts = [*credentials.query.items(), *credentials.headers.items()]
    expect(
        all(isinstance(name, str) and isinstance(value, str) for name, value in texts),
        "a credential is no text",
    )


def _expect_ticket(signer: Any, now: float) -> None:
    ticket = signer.issue(now)
    if ticket is not None:
        expect(isinstance(ticket.value, Secret), "a ticket's value is no Secret")
        expect(now < ticket.renew_at <= ticket.expires_at, "a ticket is to be renewed too early or too late")


def _expect_fresh_on_the_wire(stage: Stage, *, fresh: bool) -> None:
    key = stage.subject.declared()[0]
    stage.simulator.exchanges.clear()
    stage.simulator.misbehave(Fault(failure=FailureKind.BROKEN), Fault(failure=FailureKind.BROKEN))
    outcome = stage.do(variants(key, stage.main(key[1]))[0], attempts=3)
    expect(outcome.ok, f"{words(outcome.operation)}, repeated twice, failed: {outcome.error!r}")
    sent = [
        (one.request.target, tuple(sorted(one.request.headers.items()))) for one in stage.simulator.exchanges
    ]
    expect(not fresh or len(set(sent)) == len(sent), "two attempts carried the same credentials")


def _signer_pure(subject: Subject, _: Case) -> None:
    with Stage(subject, Case()) as stage:
        call = _call_of(stage)
        shown = repr(call)
        nonces = [stage.nonce(), stage.nonce()]
        results = []
        with nothing_from_outside(modules_of(subject.provider)) as bars:
            for _turn in range(2):
                signer = subject.provider.signer(stage.account)
                ticket = signer.issue(START)
                plain = [
                    _spelled(signer.sign(call, now=START, nonce=nonce, ticket=ticket)) for nonce in nonces
                ]
                later = signer.sign(call, now=START + 60, nonce=nonces[0], ticket=ticket)
                again = _spelled(signer.sign(call, now=START, nonce=nonces[0], ticket=ticket))
                expect(again == plain[0], "sign gives other credentials when it is asked a second time")
                results.append((_ticket_facts(ticket), plain, _spelled(later)))
        expect(not bars.reached, f"the signer reached for {', '.join(bars.reached)}")
        expect(results[0] == results[1], "two signers of one account give different credentials")
        expect(repr(call) == shown, "sign changed the call")


def _ticket_facts(ticket: Ticket | None) -> Any:
    return ticket and (ticket.value.reveal(), ticket.renew_at, ticket.expires_at)


# --- Who may ----------------------------------------------------------------------------------------------


def _wrong_credentials(subject: Subject, case: Case) -> None:
    for name, secret in subject.secrets(subject.account()).items():
        value = secret.reveal()
        changed = value[:-1] + ("0" if value[-1] != "0" else "1")
        with Stage(subject, case) as right:
            wrong = subject.account(right.simulator, **{name: changed})
            right.account = wrong
            before = right.view()
            key = subject.declared()[0]
            outcome = right.do(variants(key, right.main(key[1]))[0], attempts=4)
            said = f"with another {name}"
            expect(right.view() == before, f"{said}, an operation took effect: the simulator checks nothing")
            expect(
                isinstance(outcome.error, AuthenticationError | PermissionDeniedError),
                f"{said}, the error is {outcome.error!r}, not an AuthenticationError",
            )


def _probe_harmless(subject: Subject, case: Case) -> None:
    with Stage(subject, case) as stage:
        call = subject.provider.probe(stage.account)
        if call is None:
            raise ValueError("there is no probe")
        before = stage.view()
        error = _asked(stage, call)
        expect(stage.view() == before, "the probe changed something")
        expect(not call.writes, "the probe is a call that writes")
        expect(
            not isinstance(error, AuthenticationError | PluginError),
            f"the probe failed with good credentials: {error!r}",
        )
        for name, secret in subject.secrets(stage.account).items():
            stage.account = subject.account(stage.simulator, **{name: secret.reveal()[::-1] + "0"})
            error = _asked(stage, call)
            expect(error is not None, f"the probe succeeds with another {name}")


def _asked(stage: Stage, call: Call) -> ConvopsError | None:
    provider = stage.provider
    signing = Signing(provider.signer(stage.account), now=stage.simulator.now, nonce=stage.nonce)
    raw = stage.simulator.handle(request_of(OneShot(call, provider.origins(stage.account)[0], signing)))
    if not isinstance(raw, HttpReply):
        return PluginError("no answer", provider=provider.name)
    reply = read_reply(raw)
    return provider.read(call, reply) or status_error(reply, now=START)


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
    Check(
        "fresh-credentials",
        "No two attempts carry the same credentials, where a nonce enters them.",
        once,
        _fresh_credentials,
    ),
    Check(
        "signer-pure",
        "The signer gives the same credentials for the same call, time, nonce and ticket.",
        once,
        _signer_pure,
    ),
    Check(
        "wrong-credentials",
        "Another secret is refused by the vendor, as an AuthenticationError, and changes nothing.",
        both_clients_with_secrets,
        _wrong_credentials,
    ),
    Check(
        "probe-harmless",
        "The probe changes nothing, and tells good credentials from bad ones.",
        once_with_probe,
        _probe_harmless,
    ),
)
