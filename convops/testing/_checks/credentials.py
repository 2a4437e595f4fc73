"""Credentials are fresh for each attempt, made of nothing but what is given, and checked by the vendor."""

from __future__ import annotations

import re
from typing import Any

from convops._replies import read_reply, status_error
from convops._signing import OneShot, Signing
from convops._transports.inprocess import request_of
from convops.errors import AuthenticationError, ConvopsError, PermissionDeniedError, PluginError
from convops.provider import Call, Credentials, FailureKind, HttpReply, Ticket
from convops.secret import Secret
from convops.testing._checks._check import (
    Check,
    both_clients_with_secrets,
    once,
    once_with_probe,
)
from convops.testing._forbidden import modules_of, nothing_from_outside
from convops.testing._simulator import Fault
from convops.testing._stage import Stage
from convops.testing._subject import START, Case, Subject, expect, variants, words

DRAWS = 300
"""Nonces that are tried: whatever uses one byte of a nonce repeats itself among so many."""

LOOKS_SECRET = re.compile(r"secret|token|password|passwd|private|credential|(^|_)key($|_)|(^|_)sig($|_)")


def _spelled(credentials: Credentials) -> tuple[tuple[str, str], ...]:
    return tuple(sorted({**credentials.query, **credentials.headers}.items()))


def _fresh_credentials(subject: Subject, _: Case) -> None:
    with Stage(subject, Case()) as stage:
        call = stage.first_call()
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
    outcome = stage.do(stage.forms(key, stage.main(key[1]))[0], attempts=3)
    expect(outcome.ok, f"{words(outcome.operation)}, repeated twice, failed: {outcome.error!r}")
    sent = [
        (one.request.target, tuple(sorted(one.request.headers.items()))) for one in stage.simulator.exchanges
    ]
    expect(not fresh or len(set(sent)) == len(sent), "two attempts carried the same credentials")


def _signer_pure(subject: Subject, _: Case) -> None:
    with Stage(subject, Case()) as stage:
        call = stage.first_call()
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
