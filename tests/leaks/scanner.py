"""Looks for credentials, in whatever form, in everything a run leaves behind."""

from __future__ import annotations

import base64
import json
import logging
import pickle
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

LOGGERS = ("", "httpx", "httpcore", "vcr", "asyncio", "convops", "uvicorn")

PIECE = 12
"""So many characters of a credential in a row are a leak, even where the rest is cut off."""


class Canary:
    """A credential made for one test; it may stand in a frame, for it does not show itself."""

    __slots__ = ("value",)

    def __init__(self, value: str) -> None:
        self.value = value

    def __repr__(self) -> str:
        return "<canary>"


class Scanner:
    """Knows credentials, and finds them in text."""

    def __init__(self) -> None:
        self._forms: dict[str, set[str]] = {}

    def __repr__(self) -> str:
        return f"<scanner for {', '.join(self._forms)}>"

    def watch(self, name: str, value: str) -> None:
        """Look for this value from now on."""
        self._forms.setdefault(name, set()).update(forms(value))

    def find(self, text: str | bytes) -> list[str]:
        """Return the names of the credentials that the text holds in some form."""
        if isinstance(text, bytes):
            text = text.decode("latin-1")
        return [name for name, spellings in self._forms.items() if any(form in text for form in spellings)]


def forms(value: str) -> Iterator[str]:
    """Return what a credential can look like."""
    raw = value.encode()
    yield value
    yield from (value[place : place + PIECE] for place in range(len(value) - PIECE + 1))
    once = quote(value, safe="")
    yield from (once, once.lower(), quote(once, safe=""))
    yield from (json.dumps(value)[1:-1], repr(value)[1:-1], raw.decode("latin-1"))
    yield from (raw.hex(), raw.hex().upper(), raw.hex(":"))
    for offset in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            encoded = encode(b"x" * offset + raw).decode()
            # Only the characters that no neighbour has a part in.
            yield encoded[-(-offset * 8 // 6) : (offset + len(raw)) * 8 // 6]


class Evidence:
    """Everything a run left behind, as text, each with where it was found."""

    def __init__(self) -> None:
        self.texts: list[tuple[str, str | bytes]] = []

    def add(self, where: str, text: str | bytes) -> None:
        self.texts.append((where, text))

    def show(self, where: str, thing: object) -> None:
        """Add whatever a careless program would print of an object."""
        self.add(f"{where}: str", str(thing))
        self.add(f"{where}: repr", repr(thing))
        if hasattr(thing, "__dict__"):
            self.add(f"{where}: vars", repr(vars(thing)))
        slots = {name: getattr(thing, name, None) for name in getattr(type(thing), "__slots__", ())}
        self.add(f"{where}: slots", repr({k: v for k, v in slots.items() if k not in ("_value", "value")}))

    def show_all(self, root: object) -> list[object]:
        """Add the text of every object of ours that can be reached from this one, and return them."""
        waiting, seen = [root], {}
        while waiting:
            thing = waiting.pop()
            if id(thing) in seen or not type(thing).__module__.startswith("convops"):
                continue
            seen[id(thing)] = thing
            name = type(thing).__qualname__
            self.add(f"{name}: str", str(thing))
            self.add(f"{name}: repr", repr(thing))
            waiting += parts(thing)
        return list(seen.values())

    def raised(self, error: BaseException) -> None:
        """Add an exception with all that hangs on it, hidden contexts included."""
        for link in chain(error):
            self.show(type(link).__name__, link)
            self.add("args", repr(link.args))
            told = traceback.TracebackException.from_exception(link, capture_locals=True)
            self.add("traceback with locals", "".join(told.format(chain=True)))
            try:
                pickled = pickle.dumps(link)
            except (TypeError, AttributeError, pickle.PicklingError) as refused:
                self.add("refusal to pickle", repr(refused))
            else:
                self.add("pickle", pickled)
                self.add("unpickled", repr(vars(pickle.loads(pickled))))  # noqa: S301 - our own

    def leaks(self, scanner: Scanner) -> list[tuple[str, list[str]]]:
        """Return where a credential was found, and which."""
        return [(where, found) for where, text in self.texts if (found := scanner.find(text))]


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


class _Keeper(logging.Handler):
    def __init__(self, evidence: Evidence) -> None:
        super().__init__(logging.NOTSET)
        self._evidence = evidence

    def emit(self, record: logging.LogRecord) -> None:
        where = f"log of {record.name}"
        self._evidence.add(where, record.getMessage())
        self._evidence.add(f"{where}: record", repr(vars(record)))
        if record.exc_info and record.exc_info[1] is not None:
            self._evidence.raised(record.exc_info[1])


@contextmanager
def everything_kept(evidence: Evidence) -> Iterator[None]:
    """Keep every log record at every level, and every warning."""
    keeper = _Keeper(evidence)
    loggers = [logging.getLogger(name) for name in LOGGERS]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
    loggers[0].addHandler(keeper)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            yield
        for warning in caught:
            evidence.show("warning", warning)
    finally:
        loggers[0].removeHandler(keeper)
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
