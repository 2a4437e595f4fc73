"""The zoo's book: every animal, what is wrong with it, and the check that must catch it."""

from __future__ import annotations

from collections.abc import Callable

import attrs
from attrs import frozen

from convops.errors import OperationError
from convops.provider import AnyProvider

ANIMALS = []


@frozen
class Animal:
    """A provider that is almost good.

    Attributes:
        name: what it is called.
        wrong: what is wrong with it.
        check: the check that must catch it.
        make: makes it.
        survives: why the kit cannot catch it; None where it must.
    """

    name: str
    wrong: str
    check: str
    make: Callable[[], AnyProvider]
    survives: str | None = None


def animal(check, wrong, *, survives=None):
    """Enter a class into the book."""

    def enter(kind):
        ANIMALS.append(Animal(kind.__name__, wrong, check, kind, survives))
        return kind

    return enter


def altered(flow, *, call=lambda call: call, verdicts=lambda verdicts: verdicts, reply=lambda reply: reply):
    """Run a good flow with its calls, the replies it is sent, or its verdicts altered."""
    try:
        step = next(flow)
        while True:
            try:
                came = yield call(step)
            except OperationError as error:
                step = flow.throw(error)
            else:
                step = flow.send(reply(came))
    except StopIteration as stop:
        return verdicts(stop.value)


def forgiving(flow, kind, verdicts):
    """Run a good flow, and call it done when it fails in one way."""
    try:
        return (yield from flow)
    except kind:
        return verdicts


def body(call, **changes):
    """Return a call with parts of its body changed."""
    return attrs.evolve(call, body={**(call.body or {}), **changes})
