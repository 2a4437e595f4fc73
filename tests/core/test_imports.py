"""What is loaded, and when: a process of its own tells."""

from __future__ import annotations

import json
import subprocess
import sys

HEAVY = [
    "_asyncio",
    "aiohttp",
    "asyncio",
    "cattrs",
    "certifi",
    "click",
    "convops._cli",
    "convops._memory",
    "convops._transports.aiohttp_adapter",
    "convops._transports.httpx_adapter",
    "convops._transports.inprocess",
    "convops.testing",
    "convops_matrix",
    "convops_tencent",
    "convops_zego",
    "httpcore",
    "httpx",
    "rich",
    "sniffio",
    "tomllib",
    "uvicorn",
]


def loaded_by(source):
    """Run statements in a fresh interpreter and return which of the heavy modules they loaded."""
    tell = f"import json, sys; print(json.dumps([name for name in {HEAVY!r} if name in sys.modules]))"
    done = subprocess.run(  # noqa: S603 - our own statements
        [sys.executable, "-I", "-c", f"{source}\n{tell}"], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def test_importing_convops_loads_nothing_that_comes_when_first_needed():
    assert loaded_by("import convops") == []


def test_making_values_loads_nothing_either():
    assert (
        loaded_by(
            "import convops; dm = convops.Conversation.direct(user='alice', peer='bob');"
            "convops.Mute(dm); convops.Secret('x'); convops.RateLimitedError('x')"
        )
        == []
    )


def test_a_plugin_is_loaded_when_its_name_is_asked_for_and_no_other_is():
    source = (
        "from convops._accounts import from_keywords;"
        "from_keywords('zego', {'app_id': 1, 'server_secret': 'x'})"
    )
    found = loaded_by(source)
    assert "convops_zego" in found
    assert {"convops_tencent", "convops._memory", "httpx", "asyncio"}.isdisjoint(found)


def test_a_blocking_client_of_memory_needs_neither_asyncio_nor_an_http_library():
    found = loaded_by(
        "import convops\n"
        "with convops.connect('memory') as chat:\n"
        "    chat.mute(convops.Conversation.direct(user='alice', peer='bob'))"
    )
    assert {
        "asyncio",
        "_asyncio",
        "httpx",
        "httpcore",
        "convops_matrix",
        "convops_zego",
        "convops_tencent",
    }.isdisjoint(found)
    assert "convops._memory" in found


def test_an_http_library_is_loaded_when_a_client_of_a_vendor_is_opened():
    found = loaded_by("import convops; convops.connect('zego', app_id=1, server_secret='x').close()")
    assert {"httpx", "convops_zego"} <= set(found)
    assert {"convops_tencent", "aiohttp"}.isdisjoint(found)


def test_another_http_library_is_loaded_when_it_is_named():
    found = loaded_by(
        "import convops\nconvops.connect_async('zego', app_id=1, server_secret='x', transport='aiohttp')"
    )
    assert {"aiohttp", "convops._transports.aiohttp_adapter"} <= set(found)


def test_a_transport_of_the_callers_own_keeps_the_http_library_out():
    found = loaded_by(
        "import convops\n"
        "class Mine:\n"
        "    def exchange(self, attempt, deadline): ...\n"
        "    def close(self): ...\n"
        "convops.connect('zego', app_id=1, server_secret='x', transport=Mine())"
    )
    assert {"httpx", "httpcore", "asyncio"}.isdisjoint(found)
