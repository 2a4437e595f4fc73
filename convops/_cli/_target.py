"""Whose conversation, and through which account: the options that every operation shares."""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import datetime
from typing import Any

import click
from attrs import frozen

from convops._accounts import Account, from_file, from_url
from convops._client import Client
from convops._connect import connect, connect_account
from convops.errors import InvalidRequestError
from convops.operations import ClearUnread, Conversation, Delete, MarkRead, Mute, Operation
from convops.secret import Secret

OPTIONS = (
    click.option("--account", metavar="NAME", help="The account [accounts.NAME] in the configuration file."),
    click.option(
        "--config",
        metavar="FILE",
        help="The configuration file; $CONVOPS_CONFIG, else ./convops.toml by default.",
    ),
    click.option(
        "--url",
        metavar="URL",
        help="Instead of --account: provider://?setting=value, secrets as env:NAME or file:PATH.",
    ),
    click.option("--user", metavar="ID", required=True, help="Whose side of the conversation is meant."),
    click.option("--peer", metavar="ID", help="The other user of a direct conversation."),
    click.option("--group", metavar="ID", help="The group of a group conversation."),
)


@frozen(kw_only=True)
class Target:
    """A conversation, and the account through which it is reached.

    Attributes:
        conversation: the conversation.
        account: the account's name in the configuration file; None where `url` is given.
        config: that file; None for the default.
        url: the account as a URL, with secrets as references.
    """

    conversation: Conversation
    account: str | None = None
    config: str | None = None
    url: str | None = None

    def open(self, **options: Any) -> Client:
        """Return a client of the account."""
        if self.url is not None:
            return connect(self.url, **options)
        return connect_account(self.account or "", path=self.config, **options)

    def settings(self) -> Account:
        """Return the account itself."""
        if self.url is not None:
            return from_url(Secret(self.url))
        return from_file(self.account or "", self.config)


def with_target(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the shared options, checked, as its argument `target`."""

    @functools.wraps(command)
    def checked(**given: Any) -> None:
        taken = {name: given.pop(name) for name in ("account", "config", "url", "user", "peer", "group")}
        command(target=_target(**taken), **given)

    for option in reversed(OPTIONS):
        checked = option(checked)
    return checked


def _target(*, user: str, peer: str | None, group: str | None, **account: str | None) -> Target:
    if (account["account"] is None) is (account["url"] is None):
        raise click.UsageError("Give either --account or --url.")
    if account["config"] is not None and account["account"] is None:
        raise click.UsageError("--config goes with --account.")
    if account["url"] is not None and "://" not in account["url"]:
        raise click.UsageError("--url has the form provider://?setting=value&setting=value.")
    try:
        if peer is not None and group is None:
            return Target(conversation=Conversation.direct(user=user, peer=peer), **account)
        if group is not None and peer is None:
            return Target(conversation=Conversation.group(user=user, group=group), **account)
    except InvalidRequestError as error:
        raise click.UsageError(f"{error}.") from None
    raise click.UsageError("Give either --peer or --group.")


NAMES = ("clear-unread", "mark-read", "delete", "mute", "unmute")


def operation_for(
    name: str, conversation: Conversation, *, up_to: datetime | None = None, erase_history: bool = False
) -> Operation:
    """Return the operation that a command's name and options ask for."""
    if up_to is not None and name != "mark-read":
        raise click.UsageError("--up-to goes with mark-read.")
    if erase_history and name != "delete":
        raise click.UsageError("--erase-history goes with delete.")
    match name:
        case "clear-unread":
            return ClearUnread(conversation)
        case "mark-read":
            return MarkRead(conversation, up_to=up_to)
        case "delete":
            return Delete(conversation, erase_history=erase_history)
    return Mute(conversation, muted=name == "mute")
