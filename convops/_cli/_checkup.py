"""The checks of an account that need the network: names, TLS, round trip, clock, credentials."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from statistics import median
from urllib.parse import urlsplit

from attrs import evolve, field, frozen

from convops._accounts import Account
from convops._blame import Blame
from convops._calls import Caller, Host
from convops._cli._reach import FAIL, GOOD, WARN, Check, way_to
from convops._drivers import REAL, run
from convops._events import Reporter
from convops._policy import Pacer, Retry, RetryBudget
from convops._signing import Signing, parse_http_date
from convops._steps import Environment, Run
from convops._transports import TransportOptions
from convops._transports.tls import tls_context
from convops.errors import (
    AuthenticationError,
    InvalidRequestError,
    LimitExceededError,
    MalformedReplyError,
    NotFoundError,
    OperationError,
    PermissionDeniedError,
    ProviderError,
    ProviderUnavailableError,
    RateLimitedError,
)
from convops.provider import (
    Attempt,
    Call,
    Failure,
    FailureKind,
    HttpReply,
    Reply,
    Signer,
    Transport,
    Unsigned,
)

CALL_SECONDS = 10.0
ROUND_TRIPS = 3
OFFSET_WARN = 60.0
"""Seconds a clock may be off before it is said."""
OFFSET_FAIL = 600.0
"""Seconds from which signatures are refused: ZEGO's ten minutes, the narrowest known."""


def examine(
    account: Account, *, environment: Environment = REAL, context: ssl.SSLContext | None = None
) -> Iterator[Check]:
    """Check what stands between this machine and the vendor; nothing is changed there.

    Args:
        account: whose vendor is asked.
        environment: time and chance.
        context: what certificates are checked against; None takes the bundle of certifi.
    """
    provider, settings = account.provider, account.settings
    blame = Blame(provider.name)
    origins = blame.asked("origins", lambda: tuple(provider.origins(settings)))
    own = blame.asked("transport", provider.transport, settings)
    context = context or tls_context(None)
    reachable = list(origins)
    if own is not None:
        for name in ("name resolution", "TLS"):
            yield Check(name, GOOD, f"not used: {provider.name} has a transport of its own")
    else:
        for place, origin in enumerate(origins):
            for check in way_to(origin, context, environment.time()):
                if check.status == FAIL:
                    reachable.remove(origin)
                yield check if place == 0 else _of_backup(check)
    yield from _Asking(account, environment, blame, context, own).checks(reachable)


def _of_backup(check: Check) -> Check:
    # While the preferred host answers, a backup that does not is no failure.
    status = WARN if check.status == FAIL else check.status
    return evolve(check, status=status, said=f"backup {check.said}")


# --- The vendor ---------------------------------------------------------------------------------------


@frozen
class _Seen:
    """One exchange: what came, how long it took, and the wall clock in its middle."""

    result: HttpReply | Failure
    seconds: float
    moment: float


@frozen
class _Watch:
    """A transport adapter that notes what passes through another."""

    transport: Transport
    environment: Environment
    seen: list[_Seen] = field(factory=list)

    def exchange(self, attempt: Attempt, deadline: float) -> HttpReply | Failure:
        started = self.environment.monotonic()
        result = self.transport.exchange(attempt, deadline)
        seconds = self.environment.monotonic() - started
        self.seen.append(_Seen(result, seconds, self.environment.time() - seconds / 2))
        return result

    def close(self) -> None:
        self.transport.close()


@frozen
class _Asking:
    """Asks the vendor by a call that changes nothing."""

    account: Account
    environment: Environment
    blame: Blame
    context: ssl.SSLContext
    own: Transport | None

    def checks(self, reachable: list[str]) -> Iterator[Check]:
        provider, settings = self.account.provider, self.account.settings
        signer = self.blame.made(lambda: provider.signer(settings))
        probe = self.blame.asked("probe", provider.probe, settings)
        if probe is None:
            yield from _unasked(
                provider.name, own=self.own is not None, unsigned=isinstance(signer, Unsigned)
            )
            return
        if self.blame.checked("probe", probe, Call).writes:
            raise self.blame.bug("probe gave a call that writes")
        if not reachable:
            for name in ("round trip", "clock", "credentials"):
                yield Check(name, WARN, "not checked", "Mend first what failed above")
            return
        transport = TransportOptions(verify=None if self.own else self.context).open(self.own)
        watch = _Watch(transport, self.environment)
        try:
            answer = self._ask(probe, reachable[0], signer, watch)
        finally:
            watch.close()
        yield _round_trip(probe, reachable[0], watch.seen)
        yield _clock(watch.seen)
        yield _credentials(probe, answer, watch.seen[0].result)

    def _ask(self, probe: Call, origin: str, signer: Signer, watch: _Watch) -> Reply | OperationError:
        """Ask a few times, and return what the vendor said first; a refused signature is not repeated."""
        clock = self.environment
        caller = Caller(
            provider=self.account.provider,
            account=self.account.settings,
            hosts=(Host(origin),),
            signing=Signing(signer, now=clock.time, nonce=clock.nonce),
            environment=clock,
            pacer=Pacer(),
            budget=RetryBudget(),
            retry=Retry(attempts=2),
            pace=None,
            blame=self.blame,
            reporter=Reporter(self.account.provider.name),
        )
        answers: list[Reply | OperationError] = []
        while len(answers) < ROUND_TRIPS:
            deadline = clock.monotonic() + CALL_SECONDS
            try:
                answers.append(run(caller.send(probe, Run(timeout=CALL_SECONDS, deadline=deadline)), watch))
            except OperationError as error:
                answers.append(error)
            if isinstance(watch.seen[-1].result, Failure) or isinstance(answers[-1], AuthenticationError):
                break
        return answers[0]


def _unasked(provider: str, *, own: bool, unsigned: bool) -> Iterator[Check]:
    for name in ("round trip", "clock"):
        if own:
            yield Check(name, GOOD, f"not used: {provider} has a transport of its own")
        else:
            yield Check(name, WARN, f"not checked: {provider} names no call that changes nothing")
    if unsigned:
        yield Check("credentials", GOOD, f"none needed: {provider} asks for none")
    else:
        remedy = "Try an operation to know"
        said = f"not checked: {provider} names no call that changes nothing"
        yield Check("credentials", WARN, said, remedy)


_FAILURES: Mapping[FailureKind, str] = {
    FailureKind.CONNECT: "Nothing listens there, or a firewall refuses: check region, or base_url",
    FailureKind.DNS: "Check region, or base_url, for a wrong host name",
    FailureKind.TLS: "Check base_url, and what stands between here and the vendor",
    FailureKind.BROKEN: "Run again; if it stays, check what stands between here and the vendor",
    FailureKind.TIMEOUT: "Run again; if it stays, a firewall or the vendor is swallowing packets",
}
_NOT_THE_API = "What answers there is not this vendor's API: check region, or base_url"


def _round_trip(probe: Call, origin: str, seen: list[_Seen]) -> Check:
    failed = [one.result for one in seen if isinstance(one.result, Failure)]
    if failed:
        said = f"{urlsplit(origin).netloc}: {failed[0].kind.value}"
        return Check("round trip", FAIL, said, _FAILURES.get(failed[0].kind, _NOT_THE_API))
    milliseconds = median(one.seconds for one in seen) * 1000
    calls = "1 call" if len(seen) == 1 else f"{len(seen)} calls"
    return Check("round trip", GOOD, f"{milliseconds:.0f} ms, median of {calls} of {probe.action}")


def _clock(seen: list[_Seen]) -> Check:
    for one in seen:
        date = parse_http_date(one.result.headers.get("date")) if isinstance(one.result, HttpReply) else None
        if date is not None:
            # The header counts whole seconds.
            return _offset(one.moment - date - 0.5)
    return Check(
        "clock", WARN, "not checked: no answer told the time", "Keep this machine's clock set by NTP"
    )


def _offset(seconds: float) -> Check:
    off = abs(seconds)
    if off <= OFFSET_WARN:
        return Check("clock", GOOD, f"within {max(1, round(off))} s of the vendor's")
    said = f"{off:.0f} s {'ahead of' if seconds > 0 else 'behind'} the vendor's"
    remedy = "Set this machine's clock, best by NTP: a signature is good for some minutes only"
    return Check("clock", FAIL if off > OFFSET_FAIL else WARN, said, remedy)


_REMEDIES: Mapping[type[OperationError], str] = {
    AuthenticationError: "Compare ids, secret and region with the vendor's console",
    PermissionDeniedError: "Give the app, or its administrator, the permission in the vendor's console",
    LimitExceededError: "Raise the quota in the vendor's console",
    ProviderUnavailableError: "Run again later; if it stays, ask the vendor",
    RateLimitedError: "Run again when fewer calls are made with this account",
    InvalidRequestError: _NOT_THE_API,
    MalformedReplyError: _NOT_THE_API,
}


def _credentials(probe: Call, answer: Reply | OperationError, first: HttpReply | Failure) -> Check:
    asked = f"asked by {probe.action}, which changes nothing"
    if isinstance(answer, Reply | NotFoundError):
        # Whoever is told that something does not exist was let in.
        return Check("credentials", GOOD, f"accepted, {asked}")
    if isinstance(first, Failure):
        return Check("credentials", WARN, "not checked", "Mend first what failed above")
    said = f"{answer}; {asked}"
    if isinstance(answer, ProviderError) and isinstance(answer.code, int):
        return Check("credentials", WARN, said, "The vendor's documents may tell what this code means")
    if isinstance(answer, AuthenticationError) and answer.expired:
        return Check("credentials", FAIL, said, "Set this machine's clock, best by NTP, and run again")
    remedy = next((words for kind, words in _REMEDIES.items() if isinstance(answer, kind)), _NOT_THE_API)
    return Check("credentials", WARN if isinstance(answer, RateLimitedError) else FAIL, said, remedy)
