"""`convops doctor`: whether an account works from here, and what to do where it does not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import click

from convops._accounts import Account, from_file, from_url
from convops._blame import Blame
from convops._cli._cells import Footnotes, cell_words, cells_of
from convops._cli._checkup import examine
from convops._cli._documents import caveat_document
from convops._cli._options import examples, json_option
from convops._cli._reach import FAIL, GOOD, WARN, Check
from convops._cli._say import printable, say, say_json, shown_id
from convops._cli._target import OPTIONS
from convops.errors import ConfigError
from convops.operations import ConversationKind, Operation
from convops.secret import Secret
from convops.support import Support
from convops.testing._switches import switched_on

FAILED = 1
MISUSED = 2

account_option, config_option, url_option = OPTIONS[:3]


def _account(account: str | None, config: str | None, url: str | None) -> Account:
    if (account is None) is (url is None):
        raise click.UsageError("Give either --account or --url.")
    if config is not None and account is None:
        raise click.UsageError("--config goes with --account.")
    if url is not None:
        return from_url(Secret(url))
    return from_file(account or "", config)


def operations(account: Account) -> Iterator[Check]:
    """Check which operations are usable."""
    provider, blame = account.provider, Blame(account.provider.name)

    def cell(operation: type[Operation], kind: ConversationKind) -> Support:
        found = blame.asked("support", provider.support, account.settings, operation, kind)
        return blame.checked("support", found, Support)

    for (operation, kind), support in cells_of(cell).items():
        name = f"{operation.name} {kind.value}"
        if support:
            yield Check(name, GOOD, cell_words(support, rate=True), caveats=support.caveats)
        else:
            lacking = f"not usable: the {support.lacked_by} lacks it"
            yield Check(name, WARN, lacking, _remedy(account, operation, kind), support.caveats)


def _remedy(account: Account, operation: type[Operation], kind: ConversationKind) -> str:
    """Return what to do about an operation that is not usable."""
    words = [
        switch.words
        for switch, switched in switched_on(account.settings)
        if account.provider.support(switched, operation, kind)
    ]
    if words:
        return f"Set {' or '.join(words)} in the account, or do without it"
    return "Do without it, or ask another provider"


def _checks(account: Account, name: str | None) -> Iterator[Check]:
    whose = f"{account.provider.name} account" + (f" {shown_id(name)}" if name else "")
    yield Check("configuration", GOOD, f"{whose}: settings valid, secrets resolved")
    yield from examine(account)
    yield from operations(account)


def _line(check: Check, notes: Footnotes) -> str:
    remedy = f". {check.remedy}." if check.remedy else ""
    said = f"{check.said}{notes.reference(check.caveats)}{remedy}"
    return printable(f"{check.status}  {check.name:<20}  {said}")


def _document(checks: Sequence[Check], provider: str | None) -> dict[str, Any]:
    caveats = dict.fromkeys(caveat for check in checks for caveat in check.caveats)
    return {
        "provider": provider,
        "status": _worst(checks),
        "checks": [
            {
                "check": check.name,
                "status": check.status,
                "said": printable(check.said),
                "remedy": check.remedy or None,
                "caveats": [caveat.id for caveat in check.caveats],
            }
            for check in checks
        ],
        "caveats": [caveat_document(caveat) for caveat in caveats],
    }


def _worst(checks: Sequence[Check]) -> str:
    statuses = {check.status for check in checks}
    return next((status for status in (FAIL, WARN) if status in statuses), GOOD)


def _show(checks: Iterator[Check]) -> list[Check]:
    """Print checks as they are made, and what they refer to."""
    notes, made = Footnotes(), []
    for check in checks:
        say(_line(check, notes))
        made.append(check)
    for number, caveat in notes.notes():
        say(printable(f"({number}) {caveat.id}: {caveat.text}. {caveat.link}"))
    count = Counter(check.status for check in made)
    say(f"{count[GOOD]} passed, {count[WARN]} warned, {count[FAIL]} failed; nothing was changed.")
    return made


@click.command(epilog=examples("convops doctor --account main"))
@account_option
@config_option
@url_option
@json_option
def doctor(*, account: str | None, config: str | None, url: str | None, as_json: bool) -> None:
    """Check an account: network, clock, credentials, usable operations.

    Each line passes, warns or fails, and says what to do. Nothing is changed at the vendor.

    Exit status: 0 nothing failed, 1 something did, 2 usage or configuration.
    """
    provider = None
    try:
        opened = _account(account, config, url)
        provider, checks = opened.provider.name, _checks(opened, account)
    except ConfigError as error:
        remedy = "Mend the settings; what a secret refers to must exist where convops runs"
        checks = iter([Check("configuration", FAIL, str(error), remedy)])
    made = list(checks) if as_json else _show(checks)
    if as_json:
        say_json(_document(made, provider), indent=2)
    if _worst(made) == FAIL:
        click.get_current_context().exit(FAILED if provider else MISUSED)
