"""What an account costs that is open and not used: memory, and contexts of TLS.

    python tests/bench/memory.py blocking|asynchronous NUMBER

Opens so many accounts, of Tencent and ZEGO in turn, and prints as JSON what they added to a process that
had opened one before. A process of its own, for memory that was given back is not counted as free.
"""

from __future__ import annotations

import gc
import json
import os
import ssl
import subprocess
import sys
from pathlib import Path

import convops

STATM = Path("/proc/self/statm")


def resident() -> float | None:
    """Return this process's memory in MiB; None where the system does not tell."""
    if not STATM.exists():
        return None
    return int(STATM.read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def contexts() -> int:
    """Return how many contexts of TLS are alive."""
    gc.collect()
    return sum(isinstance(one, ssl.SSLContext) for one in gc.get_objects())


def opened(flavour: str, number: int) -> object:
    """Return a client of an account that no other number has."""
    connect = convops.connect if flavour == "blocking" else convops.connect_async
    secret = f"{number:064x}"
    if number % 2:
        return connect("zego", app_id=1 + number, server_secret=secret[:32])
    return connect("tencent", sdk_app_id=1 + number, secret_key=secret, admin="admin", region="singapore")


def added(flavour: str, accounts: int) -> dict[str, float | None]:
    """Open the accounts in this process, and return what they added."""
    # One of each, for the first of a provider loads its plugin.
    clients = [opened(flavour, number) for number in range(2)]
    contexts_before, before = contexts(), resident()
    clients += [opened(flavour, number) for number in range(2, 2 + accounts)]
    after = resident()
    return {
        "accounts": accounts,
        "mib": None if before is None or after is None else round(after - before, 2),
        "tls_contexts_before": contexts_before,
        "tls_contexts_after": contexts(),
    }


def measured(accounts: int) -> dict[str, dict[str, float | None]]:
    """Return what so many accounts add, by flavour."""
    return {
        flavour: json.loads(
            subprocess.run(  # noqa: S603
                [sys.executable, __file__, flavour, str(accounts)], check=True, stdout=subprocess.PIPE
            ).stdout
        )
        for flavour in ("blocking", "asynchronous")
    }


if __name__ == "__main__":
    print(json.dumps(added(sys.argv[1], int(sys.argv[2]))))
