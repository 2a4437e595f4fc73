"""Looks for credentials, in whatever form, in what a run leaves behind."""

from __future__ import annotations

import base64
import json
import logging
import pickle
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from urllib.parse import quote

PIECE = 12
"""So many characters of a credential in a row are a leak, even where the rest is cut off."""

KIT = "convops.testing"


class Scanner:
    """Knows credentials, and finds them in text."""

    def __init__(self) -> None:
        self._forms: dict[str, set[str]] = {}
        self._texts: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"<scanner for {', '.join(self._forms)}>"

    def watch(self, name: str, value: str) -> None:
        """Look for this value."""
        if value:
            self._forms.setdefault(name, set()).update(forms(value))

    def add(self, where: str, text: str | bytes) -> None:
        """Keep a text to be looked through; a line that was there before is kept once."""
        lines = (text.decode("latin-1") if isinstance(text, bytes) else text).splitlines()
        for line in lines:
            self._texts.setdefault(line, where)

    def show(self, where: str, thing: object) -> None:
        """Keep whatever a careless program would print or store of an object."""
        self.add(f"the str of {where}", str(thing))
        self.add(f"the repr of {where}", repr(thing))
        self.add(f"the attributes of {where}", repr(getattr(thing, "__dict__", "")))
        try:
            self.add(f"the pickle of {where}", pickle.dumps(thing))
        except Exception as refused:  # noqa: BLE001 - whatever cannot be pickled may say so in any way
            self.add(f"the refusal to pickle {where}", repr(refused))

    def raised(self, error: BaseException) -> None:
        """Keep an exception with all that hangs on it: causes, contexts, frames and their locals."""
        waiting: list[BaseException | None] = [error]
        seen: set[int] = set()
        while waiting:
            link = waiting.pop()
            if link is None or id(link) in seen:
                continue
            seen.add(id(link))
            self.show(type(link).__name__, link)
            told = traceback.TracebackException(
                type(link), link, _without_kit(link.__traceback__), capture_locals=True
            )
            self.add(f"the traceback of {type(link).__name__}", "".join(told.format(chain=False)))
            waiting += [link.__cause__, link.__context__]

    def leaks(self) -> list[str]:
        """Return in one line each where a credential was found, and which."""
        everything = "\n".join(self._texts)
        found = [
            f"{name} in {where}"
            for name, spellings in self._forms.items()
            for form in spellings
            # Nearly always it is nowhere, and then the lines need no look.
            if form in everything
            for text, where in self._texts.items()
            if form in text
        ]
        return list(dict.fromkeys(found))


def _without_kit(trace: TracebackType | None) -> TracebackType | None:
    # The frames of the kit hold the simulator's settings.
    while trace is not None and trace.tb_frame.f_globals.get("__name__", "").startswith(KIT):
        trace = trace.tb_next
    return trace


def forms(value: str) -> Iterator[str]:
    """Return what a credential can look like."""
    raw = value.encode()
    yield value
    yield from (value[place : place + PIECE] for place in range(len(value) - PIECE + 1))
    once = quote(value, safe="")
    yield from (once, once.lower(), json.dumps(value)[1:-1], repr(value)[1:-1], raw.hex(), raw.hex().upper())
    for offset in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            encoded = encode(b"x" * offset + raw).decode()
            # Only the characters that no neighbour has a part in.
            yield encoded[-(-offset * 8 // 6) : (offset + len(raw)) * 8 // 6]


class _Keeper(logging.Handler):
    def __init__(self, scanner: Scanner) -> None:
        super().__init__(logging.NOTSET)
        self._scanner = scanner

    def emit(self, record: logging.LogRecord) -> None:
        self._scanner.add(f"the log of {record.name}", f"{record.getMessage()} {vars(record)!r}")
        if record.exc_info and record.exc_info[1] is not None:
            self._scanner.raised(record.exc_info[1])


@contextmanager
def every_record_kept(scanner: Scanner) -> Iterator[None]:
    """Keep every log record at every level."""
    root, keeper = logging.getLogger(), _Keeper(scanner)
    known = [logging.getLogger(name) for name in ("convops", "asyncio")]
    levels = [(logger, logger.level) for logger in (root, *known)]
    root.addHandler(keeper)
    for logger, _ in levels:
        logger.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        root.removeHandler(keeper)
        for logger, level in levels:
            logger.setLevel(level)
