"""What a provider says of itself, and what stands in its cassettes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote_plus, urlsplit

import attrs

from convops.errors import ConfigError
from convops.provider import CONTRACT, Call, Signer
from convops.support import Caveat, Support
from convops.testing._checks._check import Check, once, once_with_cassettes
from convops.testing._subject import KEYS, NOWHERE, START, Case, NonconformityError, Subject, expect, switched

NAME = re.compile(r"[a-z][a-z0-9_-]{1,31}")
CAVEAT = re.compile(r"[a-z0-9_-]+\.[a-z0-9][a-z0-9-]*")

ROADS = ("https",)
"""What a vendor is reached by; a provider with a transport of its own may name another."""


def _contract(subject: Subject, _: Case) -> None:
    provider, account = subject.provider, subject.account()
    expect(NAME.fullmatch(provider.name), f"{provider.name!r} is no short name")
    expect(provider.title.strip(), "it has no title")
    expect(
        provider.contract == CONTRACT,
        f"it was written for contract {provider.contract}; here it is {CONTRACT}",
    )
    expect(attrs.has(provider.account_type), "account_type is no attrs class")
    own = provider.transport(account) is not None
    expect(provider.docs.startswith("https://") or own, "docs names no page of the vendor")
    simulator = subject.simulator()
    expect(simulator.provider == provider.name, f"its simulator is of {simulator.provider!r}")
    expect(isinstance(provider.signer(account), Signer), "signer gives no Signer")
    for where in (account, _elsewhere(subject)):
        origins = provider.origins(where)
        expect(isinstance(origins, tuple) and origins, f"origins are {origins!r}, no tuple of URLs")
        for origin in origins:
            parts = urlsplit(origin)
            expect(own or parts.scheme in ROADS, f"the origin {parts.netloc} is not https but {parts.scheme}")
            expect(
                own or (parts.netloc and not parts.query and "@" not in parts.netloc),
                "an origin is no base URL",
            )
        expect(len(set(origins)) == len(origins), "an origin is named twice")
    if hasattr(account, "base_url"):
        expect(provider.origins(account) == (NOWHERE,), "base_url does not replace the origins")


def _elsewhere(subject: Subject) -> Any:
    """Return an account at the vendor's own hosts, where one can be made without further settings."""
    try:
        return subject.account(base_url=None)
    except ConfigError:
        return subject.account()


def _cells_complete(subject: Subject, _: Case) -> None:
    provider = subject.provider
    caveats: dict[str, Caveat] = {}
    for switch in (None, *subject.switches()):
        account = subject.account(**switched(switch))
        for key in KEYS:
            cell, said = provider.support(account, *key), f"the cell of {key[0].name}, {key[1].value},"
            expect(isinstance(cell, Support), f"{said} is {cell!r}, no Support")
            expect(cell == provider.support(account, *key), f"{said} is another one each time")
            expect(cell or cell.caveats, f"{said} is unsupported and no caveat says why")
            expect(cell.rate is None or cell.rate > 0, f"{said} has the rate {cell.rate!r}")
            expect(len(set(cell.caveats)) == len(cell.caveats), f"{said} has a caveat twice")
            for caveat in cell.caveats:
                _expect_caveat(provider.name, caveat)
                known = caveats.setdefault(caveat.id, caveat)
                expect(known == caveat, f"two caveats are called {caveat.id}")
    texts = [caveat.text for caveat in caveats.values()]
    expect(len(set(texts)) == len(texts), "two caveats say the same")


def _expect_caveat(provider: str, caveat: Caveat) -> None:
    said = f"the caveat {caveat.id!r}"
    expect(CAVEAT.fullmatch(caveat.id), f"{said} is no stable name such as {provider}.what-differs")
    expect(caveat.id.startswith(f"{provider}."), f"{said} does not begin with {provider}.")
    expect(caveat.text.strip() and caveat.text.isprintable(), f"{said} says nothing")
    expect(caveat.link.startswith("https://"), f"{said} has no link to the vendor's page")


# --- Cassettes ----------------------------------------------------------------------------------------

# What looks like a credential, whoever made it.
LOOKS_SECRET = {
    "a digest or a key in hex": r"(?<![0-9a-fA-F])(?:[0-9a-fA-F]{32}|[0-9a-fA-F]{40}|[0-9a-fA-F]{64})"
    r"(?![0-9a-fA-F])",
    "a JSON Web Token": r"eyJ[\w-]{10,}\.[\w-]{10,}\.",
    "a bearer token": r"(?i)\bbearer\s+\S{8,}",
    "a compressed token": r"e[JAFN][\w*+/-]{60,}",
}
HEADERS = frozenset({"authorization", "cookie", "set-cookie", "proxy-authorization", "x-api-key"})


def _cassettes_clean(subject: Subject, _: Case) -> None:
    folder = subject.cassettes
    if folder is None or not folder.is_dir():
        raise NonconformityError(f"there is no folder {folder and folder.name}")
    files = sorted(path for path in folder.rglob("*") if path.suffix in (".json", ".yaml", ".yml"))
    expect(files, f"the folder {folder.name} holds no cassette")
    problems = [f"{path.name}: {problem}" for path in files for problem in _problems(subject, path)]
    expect(not problems, "; ".join(problems))


def _problems(subject: Subject, path: Path) -> Iterator[str]:
    text = path.read_text("utf-8")
    account = subject.account()
    for name, secret in subject.secrets(account).items():
        if any(secret.reveal() in form for form in (text, unquote_plus(text))):
            yield f"the setting {name} stands in it"
    for what, pattern in LOOKS_SECRET.items():
        if re.search(pattern, text):
            yield f"something in it looks like {what}"
    if path.suffix != ".json":
        yield "it is not JSON"
        return
    try:
        interactions = json.loads(text)["interactions"]
        requests = [interaction["request"] for interaction in interactions]
        found = [(urlsplit(request["uri"]), request.get("headers", {})) for request in requests]
    except (ValueError, KeyError, TypeError):
        yield "it is not in the form that vcrpy writes"
        return
    yield from _strays(subject, account, found)


def _strays(subject: Subject, account: Any, found: list[tuple[Any, Any]]) -> Iterator[str]:
    names = _credential_names(subject, account)
    if not found:
        yield "it holds no interaction"
    for where, headers in found:
        if where.scheme != "https" or "@" in where.netloc:
            yield f"{where.hostname} over {where.scheme} is no origin of a vendor"
        query = {name.lower() for name, _ in parse_qsl(where.query, keep_blank_values=True)}
        yield from (f"the query has the credential {name}" for name in sorted(query & names))
        yield from (
            f"the header {name} is in it" for name in sorted({n.lower() for n in headers} & (HEADERS | names))
        )


def _credential_names(subject: Subject, account: Any) -> set[str]:
    signer = subject.provider.signer(account)
    credentials = signer.sign(Call(action="any"), now=START, nonce=b"12345678", ticket=signer.issue(START))
    return {name.lower() for name in (*credentials.query, *credentials.headers)}


CHECKS = (
    Check(
        "contract",
        "The provider says what it is: name, title, page, contract, account, https origins, simulator.",
        once,
        _contract,
    ),
    Check(
        "cells-complete",
        "All eight cells are there and stay as they are, and each caveat has a name, a sentence and a link.",
        once,
        _cells_complete,
    ),
    Check(
        "cassettes-clean",
        "No cassette holds a credential or a foreign origin, and each is in vcrpy's JSON.",
        once_with_cassettes,
        _cassettes_clean,
    ),
)
