"""`convops demo`: the same script through every simulated vendor, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from convops._cli._cells import Cells, Difference, Footnotes, cell_words, differences
from convops._cli._documents import (
    caveat_document,
    conversation_words,
    error_words,
    operation_words,
    support_document,
)
from convops._cli._matrix import note_words
from convops._cli._options import examples, json_option
from convops._cli._performance import (
    Performance,
    State,
    Step,
    conversation_documents,
    performance,
    step_document,
)
from convops._cli._say import complain, printable, say, say_json
from convops._cli._tables import Table, show
from convops._registry import find_provider, installed
from convops.errors import ConfigError, UnsupportedOperationError
from convops.operations import Outcome


def performances() -> tuple[list[Performance], list[str]]:
    """Return the script's runs through every installed vendor that is simulated, and what stopped others.

    Raises:
        ConfigError: there is none to run it through.
    """
    runs: list[Performance] = []
    problems: list[str] = []
    for found in installed():
        try:
            # Asked for by name, so that a broken plugin raises its problem.
            provider = find_provider(found.name)
            if provider.simulator is not None:
                runs.append(performance(provider))
        except ConfigError as error:
            problems.append(str(error))
    if not runs:
        raise ConfigError(problems[0] if problems else "no installed provider has a simulator")
    return runs, problems


def cells_by_provider(runs: Sequence[Performance]) -> Mapping[str, Cells]:
    """Return what each client said it could do."""
    return {run.provider: run.cells for run in runs}


def demo_document(runs: Sequence[Performance]) -> dict[str, Any]:
    """Return everything as a dict."""
    return {
        "providers": [{"name": run.provider, "title": run.title, "url": run.url} for run in runs],
        "steps": [step_document(step, run.provider) for run in runs for step in run.steps],
        "conversations": {run.provider: conversation_documents(run) for run in runs},
        "differences": [_difference_document(one) for one in differences(cells_by_provider(runs))],
        "expected": all(run.expected for run in runs),
    }


def _difference_document(difference: Difference) -> dict[str, Any]:
    operation, kind = difference.key
    cells = {
        name: {**support_document(cell), "caveats": [caveat_document(caveat) for caveat in cell.caveats]}
        for name, cell in difference.cells.items()
    }
    return {
        "operation": operation.name,
        "kind": kind.value,
        "aspects": list(difference.aspects),
        "cells": cells,
    }


# --- Tables -------------------------------------------------------------------------------------------


def state_words(state: State) -> str:
    """Return a state in a few words."""
    if state is None:
        return "not listed"
    return f"{state.unread} unread" + (", muted" if state.muted else "")


def conversations_table(runs: Sequence[Performance]) -> Table:
    """Return every conversation before and after, with a column for each vendor."""
    rows = [
        (
            conversation_words(conversation),
            *(
                f"{state_words(run.before[conversation])} -> {state_words(run.after[conversation])}"
                for run in runs
            ),
        )
        for conversation in runs[0].before
    ]
    return Table(columns=("conversation", *(run.provider for run in runs)), rows=rows)


def steps_table(runs: Sequence[Performance], errors: dict[str, int]) -> Table:
    """Return every step's effect at each vendor; its errors are numbered in `errors`."""
    rows = [
        (
            str(index),
            operation_words(steps[0].outcome.operation),
            conversation_words(steps[0].conversation),
            *(_effect_words(step, errors) for step in steps),
        )
        for index, steps in enumerate(zip(*(run.steps for run in runs), strict=True), 1)
    ]
    return Table(columns=("", "operation", "conversation", *(run.provider for run in runs)), rows=rows)


def _effect_words(step: Step, errors: dict[str, int]) -> str:
    words = step.outcome.effect.value
    if step.outcome.error is not None:
        line = f"{type(step.outcome.error).__name__}: {error_words(step.outcome.error, links=False)}"
        words += f" [{errors.setdefault(line, len(errors) + 1)}]"
    return words if step.expected else f"{words} (NOT as expected)"


def batch_lines(runs: Sequence[Performance]) -> list[str]:
    """Return how the act of several operations looked to each vendor, and to the caller."""
    lines = []
    for run in runs:
        number = next(step.act for step in run.steps if [s.act for s in run.steps].count(step.act) > 1)
        outcomes = [step.outcome for step in run.steps if step.act == number]
        wire = run.wires[number]
        calls = ", ".join(f"{count} x {action}" for action, count in wire.calls.items())
        lines.append(f"{run.provider}: {calls or 'nothing was sent'}")
        if wire.answer:
            lines.append(f"  answered {wire.answer}")
        lines += [
            f"  {_what(one)}: {one.effect.value}" + (f", {type(one.error).__name__}" if one.error else "")
            for one in outcomes
        ]
    return lines


def _what(outcome: Outcome) -> str:
    operation = outcome.operation
    return f"{operation_words(operation)} {conversation_words(operation.conversation)}"


def refusal_lines(runs: Sequence[Performance]) -> list[str]:
    """Return one refusal, with the caveats it names."""
    for run in runs:
        for step in run.steps:
            error = step.outcome.error
            if isinstance(error, UnsupportedOperationError):
                caveats = [
                    line
                    for caveat in error.support.caveats
                    for line in (f"  {caveat.id}", f"  {caveat.text}", f"  {caveat.link}")
                ]
                return [f"{_what(step.outcome)} at {run.provider}: {type(error).__name__}", *caveats]
    return ["None of the simulated vendors refuses anything in this script."]


def differences_table(runs: Sequence[Performance], footnotes: Footnotes) -> Table:
    """Return the cells that differ, with a column for each vendor."""
    rows = [
        (
            difference.key[0].name,
            difference.key[1].value,
            *(
                cell_words(cell, rate=True) + footnotes.reference(cell.caveats)
                for cell in difference.cells.values()
            ),
        )
        for difference in differences(cells_by_provider(runs))
    ]
    return Table(columns=("operation", "kind", *(run.provider for run in runs)), rows=rows)


# --- The command --------------------------------------------------------------------------------------


@click.command(epilog=examples("convops demo", "convops demo --json"))
@json_option
def demo(*, as_json: bool) -> None:
    """See the same script run through every simulated vendor.

    Each vendor is simulated on a socket of this machine; no account is needed, and nothing leaves it.
    """
    runs, problems = performances()
    if as_json:
        say_json(demo_document(runs), indent=2)
    else:
        _show(runs)
    for problem in problems:
        complain(problem)
    if not all(run.expected for run in runs):
        complain("the demo did not go as expected")
        click.get_current_context().exit(1)


def _show(runs: Sequence[Performance]) -> None:
    say("The same script, run through each simulated vendor over a socket:")
    _lines([f"  {run.provider}: {run.title}, simulated at {run.url}" for run in runs])

    _head("Every conversation, before and after, as the simulator has it")
    show(conversations_table(runs))

    _head("Every step, and what came of it")
    errors: dict[str, int] = {}
    show(steps_table(runs, errors))
    say()
    _lines([f"[{number}] {line}" for line, number in errors.items()])

    _head("One batch: apply() takes many operations, and gives one outcome for each")
    _lines(batch_lines(runs))

    _head("One refusal, before anything was sent")
    _lines(refusal_lines(runs))

    _head("What changes when the vendor does")
    footnotes = Footnotes()
    show(differences_table(runs, footnotes))
    say()
    _lines([note_words(*note) for note in footnotes.notes()])

    _head("Where to go next")
    name = runs[-1].provider
    hints = {
        f"convops simulate {name}": "keep a simulator running, and point your own app at it",
        f"convops matrix {name}": "what it can do, and on what evidence",
        "docs/quickstart.md": "the lines of Python that do all this",
    }
    width = max(map(len, hints))
    _lines([f"  {where:<{width}}  {what}" for where, what in hints.items()])


def _head(text: str) -> None:
    say(f"\n{text}\n")


def _lines(lines: Sequence[str]) -> None:
    for line in lines:
        say(printable(line))
