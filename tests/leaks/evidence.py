"""Everything a run leaves behind, as text, each with the surface on which it would be seen."""

from __future__ import annotations

import copy
import io
import json
import os
import pickle
import sys
import threading
import traceback
from asyncio import Task
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import attrs

from convops._cli._documents import error_document, error_words, outcome_document
from convops.errors import ConvopsError
from convops.operations import Outcome
from tests.leaks.scanner import Scanner
from tests.leaks.surfaces import Surface

CMDLINE = Path("/proc/self/cmdline")

# Every way of keeping an object for later.
_KEPT: tuple[tuple[Surface, Callable[[Any], Any]], ...] = (
    (Surface.PICKLES, pickle.dumps),
    (Surface.PICKLES, lambda thing: pickle.loads(pickle.dumps(thing))),  # noqa: S301 - our own
    (Surface.COPIES, copy.copy),
    (Surface.COPIES, copy.deepcopy),
    (Surface.COPIES, attrs.asdict),
)


class Evidence:
    """Texts by surface.

    Attributes:
        texts: each with its surface, and with where on it.
        listeners: told of every exception that is raised; such as a crash reporter.
    """

    def __init__(self) -> None:
        self.texts: list[tuple[Surface, str, str | bytes]] = []
        self.listeners: list[Callable[[BaseException], object]] = []

    def add(self, surface: Surface, where: str, text: str | bytes) -> None:
        self.texts.append((surface, where, text))

    # --- Objects ---

    def show(self, thing: object) -> None:
        """Add whatever a careless program would print of an object."""
        where = type(thing).__qualname__
        self.add(Surface.REPRS, where, f"{thing!s} {thing!r}")
        self.add(Surface.ATTRIBUTES, where, attributes(thing))

    def show_all(self, root: object) -> list[object]:
        """Show every object of ours that can be reached from this one, and return them."""
        waiting, seen = [root], {}
        while waiting:
            thing = waiting.pop()
            if id(thing) in seen or not type(thing).__module__.startswith("convops"):
                continue
            seen[id(thing)] = thing
            self.show(thing)
            waiting += parts(thing)
        return list(seen.values())

    def keep(self, thing: object) -> None:
        """Add what pickling, copying and taking apart makes of an object, or how it refuses."""
        for surface, kept in _KEPT:
            try:
                made = kept(thing)
            except Exception as refused:  # noqa: BLE001 - each object refuses in its own way
                self.add(surface, "refusal", repr(refused))
            else:
                self.add(
                    surface, type(thing).__qualname__, made if isinstance(made, bytes) else spelled(made)
                )

    # --- What came of a call ---

    def result(self, result: object) -> None:
        """Add what was returned: itself, kept, and as a command prints it."""
        for outcome in result if isinstance(result, list) else [result]:
            self.show(outcome)
            self.keep(outcome)
            if isinstance(outcome, Outcome):
                self._print(outcome_document(outcome, provider="any"), outcome.error)

    def raised(self, error: BaseException) -> None:
        """Add an exception with all that hangs on it, hidden contexts included."""
        links = list(chain(error))
        self.add(Surface.CHAINS, "links", repr(links[1:]))
        for link in links:
            name = type(link).__qualname__
            surface = Surface.MESSAGES if link is error else Surface.CHAINS
            self.add(surface, name, f"{spelled(link)} {link.args!r}")
            frames = (frame for frame, _ in traceback.walk_tb(link.__traceback__))
            told = "\n".join(f"{frame.f_code.co_name}: {_locals(frame)}" for frame in frames)
            self.add(Surface.LOCALS, f"traceback of {name}", told)
            self.keep(link)
        if isinstance(error, ConvopsError):
            self._print(error_document(error), error)
        for listen in self.listeners:
            listen(error)

    def _print(self, document: dict[str, Any], error: BaseException | None) -> None:
        self.add(Surface.JSON, "document", json.dumps(document))
        if isinstance(error, ConvopsError):
            self.add(Surface.OUTPUT, "complaint", error_words(error))

    def event(self, event: Any) -> None:
        """Add what an observer is told."""
        self.add(Surface.EVENTS, event.kind, f"{spelled(event)} {event.line()} {event.document()}")

    def mismatch(self, error: Any) -> None:
        """Add vcrpy's error for a request that is not in the cassette."""
        asked = error.failed_request
        self.add(Surface.MISMATCHES, "error", f"{error} {error.args!r} {asked} {vars(asked)!r}")
        self.add(Surface.MISMATCHES, "similar", f"{error.similar_requests!r} {error.cassette!r}")
        self.raised(error)

    # --- Around it ---

    def surroundings(self) -> None:
        """Add what anyone sees of this process, or dumps of it."""
        self.add(Surface.ENVIRONMENT, "dump", repr(dict(os.environ)))
        self.add(Surface.ARGUMENTS, "sys", repr((sys.argv, sys.orig_argv)))
        if CMDLINE.exists():
            self.add(Surface.ARGUMENTS, "ps", CMDLINE.read_bytes())
        self.add(Surface.TASKS, "threads", repr(threading.enumerate()))

    def task(self, task: Task[Any]) -> None:
        """Add what a debugger prints of a task."""
        stack = io.StringIO()
        task.print_stack(file=stack)
        self.add(Surface.TASKS, task.get_name(), f"{task!r} {stack.getvalue()}")

    def files(self, folder: Path) -> None:
        """Add every file in a folder, with its name."""
        files = list(folder.rglob("*"))
        self.add(Surface.FILES, "names", repr(files))
        for file in files:
            if file.is_file():
                self.add(Surface.FILES, str(file), file.read_bytes())

    # --- Judge ---

    def surfaces(self) -> set[Surface]:
        """Return where there was anything to look at."""
        return {surface for surface, *_ in self.texts}

    def leaks(self, scanner: Scanner) -> list[tuple[Surface, str, list[str]]]:
        """Return where a credential was found, and which."""
        if not scanner.find("\n".join(as_text(text) for *_, text in self.texts)):
            return []
        return [(*place, found) for *place, text in self.texts if (found := scanner.find(text))]

    def assert_clean(self, scanner: Scanner, surfaces: Collection[Surface]) -> None:
        """Nothing shows a credential, and each of these surfaces was looked at."""
        leaks = self.leaks(scanner)
        assert leaks == [], leaks
        missing = set(surfaces) - self.surfaces()
        assert missing == set(), missing


def as_text(text: str | bytes) -> str:
    return text.decode("latin-1") if isinstance(text, bytes) else text


def spelled(thing: object) -> str:
    """Return an object as text, and what it holds."""
    return f"{thing!s} {thing!r} {attributes(thing)}"


def _locals(frame: FrameType) -> str:
    return " ".join(f"{name} = {_shown(value)}" for name, value in frame.f_locals.items())


def _shown(value: object) -> str:
    try:
        return repr(value)
    except Exception as half_made:  # noqa: BLE001 - an interrupted constructor leaves anything
        return repr(half_made)


def attributes(thing: object) -> str:
    """Return what an object holds; where a secret or a canary keeps its value is left out."""
    named = dict(vars(thing)) if hasattr(thing, "__dict__") else {}
    for kind in type(thing).__mro__:
        slots = getattr(kind, "__slots__", ())
        named |= {name: getattr(thing, name, None) for name in ([slots] if isinstance(slots, str) else slots)}
    return repr({name: value for name, value in named.items() if name not in ("_value", "value")})


def parts(thing: object) -> list[object]:
    """Return what an object holds."""
    held = list(vars(thing).values()) if hasattr(thing, "__dict__") else []
    slots = [name for kind in type(thing).__mro__ for name in getattr(kind, "__slots__", ())]
    held += [getattr(thing, name) for name in slots if hasattr(thing, name)]
    for content in list(held):
        if isinstance(content, dict):
            held += [*content.keys(), *content.values()]
        elif isinstance(content, list | tuple | set | frozenset):
            held += content
    return held


def chain(error: BaseException) -> Iterator[BaseException]:
    """Return an exception and all it came from."""
    waiting, seen = [error], set()
    while waiting:
        link = waiting.pop()
        if id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        waiting += [cause for cause in (link.__cause__, link.__context__) if cause is not None]
        waiting += getattr(link, "exceptions", ())
