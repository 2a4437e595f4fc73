"""Names to addresses, within a deadline."""

from __future__ import annotations

import ipaddress
import os
import socket
import threading
from collections.abc import Callable
from typing import Any

from attrs import define, field

from convops._transports.traffic import NotResolvedError

Address = tuple[int, tuple[Any, ...]]
"""An address family, and what `socket.connect` takes."""


@define(eq=False)
class Lookup:
    """A name being resolved.

    Attributes:
        done: set when the resolver came back.
        addresses: what it found.
        error: why it found nothing.
    """

    done: threading.Event = field(factory=threading.Event)
    addresses: list[Address] = field(factory=list)
    error: OSError | UnicodeError | None = None
    waiters: list[Callable[[], object]] = field(factory=list)

    def result(self) -> list[Address]:
        """Return the addresses.

        Raises:
            NotResolvedError: it found nothing.
        """
        if self.error is not None:
            raise NotResolvedError(str(self.error))
        return self.addresses


class Resolver:
    """Resolves names in threads of their own, for nothing can interrupt a resolver.

    However many ask for a name at once, one thread resolves it. The threads are daemons: one that
    hangs keeps no process and no event loop from ending.
    """

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Drop all that is under way; after a fork its threads stayed behind in the parent."""
        self._lock = threading.Lock()
        self._running: dict[tuple[str, int], Lookup] = {}

    def start(self, host: str, port: int, wake: Callable[[], object] | None = None) -> Lookup:
        """Return the lookup of a name, which calls `wake` when it is done."""
        with self._lock:
            lookup = self._running.get((host, port))
            if lookup is None:
                lookup = Lookup()
                # Started before it is noted: there may be no thread to be had.
                try:
                    threading.Thread(target=self._run, args=(lookup, host, port), daemon=True).start()
                except RuntimeError as error:
                    raise NotResolvedError(str(error)) from None
                self._running[host, port] = lookup
            if wake is not None:
                lookup.waiters.append(wake)
            return lookup

    def _run(self, lookup: Lookup, host: str, port: int) -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            lookup.addresses = [(family, address) for family, _, _, _, address in found]
        except (OSError, UnicodeError) as error:
            lookup.error = error
        with self._lock:
            self._running.pop((host, port), None)
        lookup.done.set()
        for wake in lookup.waiters:
            wake()


RESOLVER = Resolver()
if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=RESOLVER.forget)


def literal_address(host: str, port: int) -> list[Address]:
    """Return the address that needs no resolving, if `host` is one."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return []
    return [(socket.AF_INET if isinstance(address, ipaddress.IPv4Address) else socket.AF_INET6, (host, port))]
