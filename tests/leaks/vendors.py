"""What is secret at each vendor: the key, and what is made of it for the wire."""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from convops.testing import Simulator
from tests.leaks.scanner import Canary, Scanner
from tests.wire.test_signatures import decoded
from tests.wire.worlds import people, simulator_of

KEYS: Mapping[str, str] = {"zego": "server_secret", "tencent": "secret_key"}
"""By vendor, the setting that is its key."""

_ANOTHER = base64.b64encode(hashlib.sha256(b"another").digest()).decode()


def vendor_with(key: Canary, vendor: str, **options: Any) -> Simulator:
    """Return a simulated vendor that knows a key, with a few people in it."""
    simulator = simulator_of(vendor, **{KEYS[vendor]: key.value, **options})
    people(simulator)
    return simulator


def watch_signature(scanner: Scanner, vendor: str, query: str) -> None:
    """Look for the credentials that went over the wire in this query."""
    parameters = {name: values[0] for name, values in parse_qs(query).items()}
    if vendor == "zego":
        scanner.watch("a signature", parameters["Signature"])
        return
    usersig = parameters["usersig"]
    fields = decoded(usersig)
    # It begins alike for everybody, since all of its text but the signature is public: whatever is the
    # same under another signature is no secret.
    scanner.watch("the usersig", usersig, public=_usersig({**fields, "TLS.sig": _ANOTHER}))
    scanner.watch("what the usersig holds", fields["TLS.sig"])


def _usersig(fields: Mapping[str, Any]) -> str:
    packed = base64.b64encode(zlib.compress(json.dumps(fields).encode())).decode()
    return packed.translate(str.maketrans("+/=", "*-_"))
