"""The verbs: one operation on one conversation, performed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import click

from convops._cli._documents import conversation_words, error_words, operation_words, outcome_document
from convops._cli._options import erase_option, examples, json_option, up_to_option
from convops._cli._say import complain, say, say_json
from convops._cli._target import Target, operation_for, with_target
from convops._client import Client
from convops.errors import Effect, OperationError, PluginError
from convops.operations import Delete, MarkRead, Mute, Operation, Outcome


def perform(client: Client, operation: Operation) -> Outcome:
    """Perform one operation within one deadline, and return its outcome whatever it is."""
    conversation = operation.conversation
    try:
        match operation:
            case MarkRead(up_to=up_to):
                return client.mark_read(conversation, up_to=up_to)
            case Delete(erase_history=erase_history):
                return client.delete(conversation, erase_history=erase_history)
            case Mute(muted=muted):
                return client.mute(conversation, muted=muted)
        return client.clear_unread(conversation)
    except (OperationError, PluginError) as error:
        facts = {name: getattr(error, name) for name in ("request_id", "attempts") if hasattr(error, name)}
        return Outcome(operation=operation, effect=error.effect, error=error, **facts)


def _run(operation: Operation, target: Target, timeout: float | None, *, as_json: bool) -> None:
    options: Mapping[str, Any] = {} if timeout is None else {"timeout": timeout}
    with target.open(**options) as client:
        outcome, provider = perform(client, operation), client.provider
    if as_json:
        say_json(outcome_document(outcome, provider=provider))
    elif outcome.error is None:
        already = ", as it was before" if outcome.effect is Effect.ALREADY else ""
        what = f"{operation_words(operation)}: {conversation_words(operation.conversation)}"
        say(f"{what} at {provider}: {outcome.effect.value}{already}")
    if outcome.error is not None:
        complain(f"{error_words(outcome.error)}; effect: {outcome.effect.value}")
        click.get_current_context().exit(1)


def _verb(name: str, words: str, *options: Callable[[Any], Any], example: str) -> click.Command:
    def command(
        *,
        target: Target,
        timeout: float | None,
        as_json: bool,
        up_to: datetime | None = None,
        erase_history: bool = False,
    ) -> None:
        operation = operation_for(name, target.conversation, up_to=up_to, erase_history=erase_history)
        _run(operation, target, timeout, as_json=as_json)

    run = json_option(command)
    seconds = "For everything: queueing, retries and answer; 10 by default."
    run = click.option("--timeout", type=float, metavar="SECONDS", help=seconds)(run)
    for option in options:
        run = option(run)
    return click.command(name, help=words, epilog=examples(f"convops {name} {example}"))(with_target(run))


clear_unread = _verb(
    "clear-unread",
    "Set a conversation's unread count to zero.",
    example="--account main --user alice --peer bob",
)
mark_read = _verb(
    "mark-read",
    "Mark a conversation's messages as read.",
    up_to_option,
    example="--account main --user alice --peer bob --up-to 2026-01-31T09:30:00Z",
)
delete = _verb(
    "delete",
    "Remove a conversation from the user's own list.\n\nOthers keep theirs.",
    erase_option,
    example="--account main --user alice --group team-1",
)
mute = _verb(
    "mute",
    "Silence the user's notifications for a conversation.\n\nIt never keeps anyone from speaking.",
    example="--account main --user alice --group team-1",
)
unmute = _verb(
    "unmute",
    "Restore the user's notifications for a conversation.",
    example="--account main --user alice --group team-1",
)
