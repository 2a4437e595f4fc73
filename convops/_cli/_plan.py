"""`convops plan`: what an operation would send."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import click

from convops._cli._documents import (
    conversation_words,
    error_document,
    error_words,
    operation_document,
    operation_words,
)
from convops._cli._options import erase_option, examples, json_option, up_to_option
from convops._cli._say import complain, printable, say, say_json
from convops._cli._target import NAMES, Target, operation_for, with_target
from convops._client import PlannedBatch
from convops.operations import Operation
from convops.provider import Call


def planned(target: Target, operation: Operation) -> tuple[str, PlannedBatch, list[dict[str, Any]]]:
    """Return the provider's name, the plan, and its calls as dicts without credentials."""
    account = target.settings()
    origin = account.provider.origins(account.settings)[0].rstrip("/")
    with target.open() as client:
        (batch,) = client.plan([operation])
        return client.provider, batch, [_call_document(call, origin) for call in batch.calls]


def _call_document(call: Call, origin: str) -> dict[str, Any]:
    return {"method": call.method, "url": origin + call.target(), "body": call.body}


def call_words(call: dict[str, Any]) -> str:
    """Return a call in words, its body as it would be sent."""
    first = f"{call['method']} {call['url']}"
    if call["body"] is None:
        return first
    return f"{first}\n    {printable(json.dumps(call['body'], ensure_ascii=False))}"


@click.command(epilog=examples("convops plan --account main --user alice --group team-1 --operation mute"))
@with_target
@click.option("--operation", "name", type=click.Choice(NAMES), required=True, help="What would be done.")
@up_to_option
@erase_option
@json_option
def plan(*, target: Target, name: str, up_to: datetime | None, erase_history: bool, as_json: bool) -> None:
    """Show what an operation would send; nothing is sent."""
    operation = operation_for(name, target.conversation, up_to=up_to, erase_history=erase_history)
    provider, batch, calls = planned(target, operation)
    if as_json:
        error = None if batch.error is None else error_document(batch.error)
        document = {"calls": calls, "depends": batch.depends, "error": error}
        say_json({"provider": provider, **operation_document(operation), **document})
    elif batch.error is None:
        _show(provider, operation, batch, calls)
    if batch.error is not None:
        complain(error_words(batch.error))
        click.get_current_context().exit(1)


def _show(provider: str, operation: Operation, batch: PlannedBatch, calls: list[dict[str, Any]]) -> None:
    what = f"{operation_words(operation)}: {conversation_words(operation.conversation)} at {provider}"
    count = "1 call" if len(calls) == 1 else f"{len(calls)} calls"
    say(f"{what}: {count}, nothing sent; credentials are added when a call is.")
    for call in calls:
        say(call_words(call))
    if batch.depends:
        say("More calls may follow, depending on the answers.")
