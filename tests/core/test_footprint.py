"""What an account takes that is open and not used: thousands of them live in one process."""

from __future__ import annotations

import asyncio
import gc
import ssl
import tracemalloc
from pathlib import Path

import certifi
import pytest

import convops

ACCOUNTS = 300
BYTES_MAX = 64 * 1024 * 1024 // 10_000
"""Ten thousand of them are to fit in 64 MiB."""


def settings(provider, number):
    if provider == "zego":
        return {"app_id": number, "server_secret": f"{number:032x}"}
    return {"sdk_app_id": number, "secret_key": f"{number:064x}", "admin": "admin", "region": "singapore"}


def opened(connect, provider, numbers, **options):
    return [connect(provider, **settings(provider, number), **options) for number in numbers]


def close(clients):
    for client in clients:
        if isinstance(client, convops.Client):
            client.close()
        else:
            asyncio.run(client.aclose())


def contexts():
    return sum(isinstance(thing, ssl.SSLContext) for thing in gc.get_objects())


@pytest.mark.parametrize("provider", ["zego", "tencent"])
@pytest.mark.parametrize("connect", [convops.connect, convops.connect_async], ids=["sync", "async"])
def test_an_open_account_takes_a_few_kilobytes_and_no_tls_context(connect, provider):
    # The first brings modules, tables and the one context.
    first = opened(connect, provider, [1])
    before = contexts()
    tracemalloc.start()
    clients = opened(connect, provider, range(2, 2 + ACCOUNTS))
    gc.collect()
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    after = contexts()
    close(clients[:3] + first)
    assert after == before
    assert taken / ACCOUNTS < BYTES_MAX


def test_clients_that_verify_alike_share_a_context_until_the_file_changes(tmp_path):
    bundle = tmp_path / "ca.pem"
    bundle.write_bytes(Path(certifi.where()).read_bytes())
    clients = opened(convops.connect, "zego", [1], verify=str(bundle))
    before = contexts()
    clients += opened(convops.connect, "zego", [2, 3], verify=str(bundle))
    assert contexts() == before
    bundle.write_bytes(bundle.read_bytes() + b"\n# changed\n")
    clients += opened(convops.connect, "zego", [4], verify=str(bundle))
    assert contexts() == before + 1
    close(clients)
