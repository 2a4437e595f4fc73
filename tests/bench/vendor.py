"""The operation that is measured, as the vendor wants it: Tencent's "mark as read".

Shared by everything that is compared, so that all of them ask the same and believe as little.
"""

from __future__ import annotations

import itertools
import json
import random
import time
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

SDK_APP_ID = 1400000000
SECRET_KEY = "5bd2850fff3ecb11d7c805251c51ee463a25727bddc2385f3fa8bfee1bb93b5e"
ADMIN = "administrator"

MARK_READ_PATH = "/v4/openim/admin_set_msg_read"
MARK_READ_ANSWER = b'{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0}'
CLOUD_ANSWER = b'{"Response":{"RequestId":"5d5d4b3b-4b53-4b27-8b8a-0d5a1b1e1a0f"}}'
TIMEOUT = 10.0
"""Seconds that every client here is given for one operation."""
CONNECTIONS = 200
"""The limit every client is given, twice what is ever in flight: httpx closes connections, and opens others
in their place, when as many are in flight as its limit allows."""

_SIG_SECONDS = 24 * 60 * 60


def pairs() -> Iterator[tuple[str, str]]:
    """Yield user and peer for ever, five thousand different ones in turn: more than any cache here holds."""
    return itertools.cycle([(f"user-{n:06}", f"peer-{n:06}") for n in range(5000)])


def body(user: str, peer: str) -> dict[str, object]:
    """Return what is asked for, pinned to the moment it was decided."""
    return {"Report_Account": user, "Peer_Account": peer, "MsgReadTime": int(time.time())}


class Query:
    """The query of a call, signed by the vendor's own library; its UserSig is kept for half its life."""

    def __init__(self) -> None:
        from TLSSigAPIv2 import TLSSigAPIv2  # noqa: PLC0415 - only where something is measured

        self._signer = TLSSigAPIv2(SDK_APP_ID, SECRET_KEY)
        self._user_sig = ""
        self._renew_at = 0.0

    def fresh(self) -> dict[str, str]:
        """Return the parameters of one call, `random` among them."""
        now = time.time()
        if now >= self._renew_at:
            self._user_sig = self._signer.gen_sig(ADMIN, _SIG_SECONDS)
            self._renew_at = now + _SIG_SECONDS / 2
        return {
            "sdkappid": str(SDK_APP_ID),
            "identifier": ADMIN,
            "usersig": self._user_sig,
            "random": str(random.getrandbits(32)),
            "contenttype": "json",
        }


def check(status: int, document: Mapping[str, Any]) -> None:
    """Raise RuntimeError for an answer that is not a success: the vendor answers 200 for refusals."""
    if status != 200 or document["ErrorCode"] != 0 or document["ActionStatus"] != "OK":
        raise RuntimeError(f"refused: {status}, {document}")


def request(host: str, query: Mapping[str, str], asked: Mapping[str, object]) -> bytes:
    """Return a request as bytes, for those who write them by hand."""
    content = json.dumps(asked).encode()
    head = (
        f"POST {MARK_READ_PATH}?{urlencode(query)} HTTP/1.1\r\nHost: {host}\r\n"
        f"Accept: */*\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content
