"""Bars clock, chance, environment, files and network while a piece of a plugin runs."""

from __future__ import annotations

import builtins
import datetime as dt
import io
import os
import random
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from attrs import define, field

CLOCKS = (
    *("time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns"),
    *("process_time", "process_time_ns", "sleep"),
)
# These read the clock only where no time is given.
DATES = ("gmtime", "localtime", "ctime")
CHANCE = (
    *("random", "uniform", "randint", "randrange", "choice", "choices", "shuffle", "sample"),
    *("getrandbits", "randbytes", "gauss", "betavariate", "expovariate", "triangular"),
)
SYSTEM = ("open", "urandom", "getrandom", "system", "popen", "listdir", "scandir", "stat", "remove", "mkdir")


class ForbiddenError(BaseException):
    """A piece of a plugin reached for the outside; no `except Exception` stops it."""


@define
class Bars:
    """What was reached for while the bars were up.

    Attributes:
        reached: the names, in order.
    """

    reached: list[str] = field(factory=list)
    _thread: int = field(factory=threading.get_ident)
    _restore: list[tuple[Any, str, Any]] = field(factory=list)

    def bar(self, owner: Any, name: str, *, unless_given: bool = False) -> None:
        """Replace an attribute by what notes the attempt and raises."""
        original = getattr(owner, name, None)
        if original is None:
            return
        shown = f"{getattr(owner, '__name__', type(owner).__name__)}.{name}"

        def barred(*args: Any, **kwargs: Any) -> Any:
            given = unless_given and any(value is not None for value in (*args, *kwargs.values()))
            if given or threading.get_ident() != self._thread:
                return original(*args, **kwargs)
            self.reached.append(shown)
            raise ForbiddenError(shown)

        self.put(owner, name, barred)

    def bar_seed(self) -> None:
        """Let a generator be made from a seed only."""
        original = random.Random.seed

        def seed(self_: random.Random, a: Any = None, version: int = 2) -> None:
            if a is None and threading.get_ident() == self._thread:
                self.reached.append("random.Random")
                raise ForbiddenError("random.Random")
            original(self_, a, version)

        self.put(random.Random, "seed", seed)

    def bar_dates(self) -> None:
        """Let no date tell the time of now."""
        for name in ("datetime", "date"):
            self.put(dt, name, _timeless(getattr(dt, name), self.reached, self._thread))

    def put(self, owner: Any, name: str, value: Any) -> None:
        """Replace an attribute until `lift`."""
        self._restore.append((owner, name, getattr(owner, name)))
        setattr(owner, name, value)

    def bar_imported(self, modules: Iterable[ModuleType]) -> None:
        """Replace what modules have taken over by `from time import time` and its like."""
        barred = {
            id(original): getattr(owner, name)
            for owner, name, original in self._restore
            if callable(original)
        }
        for module in modules:
            for name, value in list(vars(module).items()):
                if id(value) in barred:
                    self.put(module, name, barred[id(value)])

    def lift(self) -> None:
        """Put everything back."""
        while self._restore:
            owner, name, value = self._restore.pop()
            setattr(owner, name, value)


def _timeless(kind: type, reached: list[str], thread: int) -> type:
    class Meta(type(kind)):  # type: ignore[misc]
        def __instancecheck__(cls, instance: object) -> bool:
            return isinstance(instance, kind)

        def __subclasscheck__(cls, other: type) -> bool:
            return issubclass(other, kind)

    def refuse(name: str) -> Callable[..., Any]:
        original = getattr(kind, name)

        def refused(*args: Any, **kwargs: Any) -> Any:
            if threading.get_ident() != thread:
                return original(*args, **kwargs)
            reached.append(f"datetime.{name}")
            raise ForbiddenError(f"datetime.{name}")

        return refused

    names = [name for name in ("now", "utcnow", "today") if hasattr(kind, name)]
    return Meta(kind.__name__, (kind,), {name: staticmethod(refuse(name)) for name in names})


@contextmanager
def nothing_from_outside(modules: Iterable[ModuleType] = ()) -> Iterator[Bars]:
    """Bar the outside for this thread, in the standard library and in what `modules` took over from it.

    A function that was put away elsewhere before, as in a default argument, is not found.
    """
    bars = Bars()
    try:
        for owner, names in (
            (time, CLOCKS),
            (random, CHANCE),
            (random.SystemRandom, ("random", "getrandbits")),
            (os, SYSTEM),
            (builtins, ("open", "print", "input")),
            (io, ("open",)),
            (socket, ("create_connection", "getaddrinfo", "gethostbyname", "gethostname")),
            (socket.socket, ("__init__",)),
            (subprocess.Popen, ("__init__",)),
            (threading.Thread, ("start",)),
            (type(os.environ), ("__getitem__", "__setitem__", "__iter__")),
        ):
            for name in names:
                bars.bar(owner, name)
        for name in DATES:
            bars.bar(time, name, unless_given=True)
        bars.bar_seed()
        bars.bar_dates()
        bars.bar_imported(modules)
        yield bars
    except ForbiddenError:
        # It has stopped the piece, and stands in `reached`.
        pass
    finally:
        bars.lift()


def modules_of(provider: object) -> list[ModuleType]:
    """Return the modules a provider is written in: those of its classes, and their packages'."""
    own = {kind.__module__ for kind in type(provider).__mro__} - {"builtins", "abc", "typing"}
    tops = {name.partition(".")[0] for name in own} - {"convops", "tests"}
    return [
        module
        for name, module in list(sys.modules.items())
        if isinstance(module, ModuleType) and (name in own or name.partition(".")[0] in tops)
    ]
