"""Our own share of an operation: what is between the verb and the seam, and what a signature costs."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator
from email.utils import formatdate

import convops
from convops.provider import Attempt, Call, HttpReply, Signer
from convops.secret import Secret
from convops_tencent.signer import LIFE_SECONDS, TencentSigner
from tests.bench import vendor
from tests.bench.rounds import Contender, Effort, Spread, meet, spread

OPERATIONS = 1000
"""How many one round has."""

ZEGO_ANSWER = b'{"Code":0,"Message":"success","RequestId":"343649807833778782"}'


class Seam:
    """A transport that signs, takes the body, and has the answer ready; no library and no socket."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self._reply, self._renew_at = self._dated(), 0.0

    def _dated(self) -> HttpReply:
        headers = {
            "server": "bench",
            "date": formatdate(usegmt=True),
            "content-type": "application/json",
            "content-length": str(len(self._answer)),
            "connection": "keep-alive",
        }
        return HttpReply(200, headers, self._answer)

    def exchange(self, attempt: Attempt, deadline: float) -> HttpReply:
        attempt.sign()
        # A vendor's clock goes on, and a client looks at it: once a second, as a server renews its own.
        if deadline > self._renew_at:
            self._reply, self._renew_at = self._dated(), deadline + 1.0
        return self._reply

    def close(self) -> None:
        pass


def chats() -> Iterator[tuple[str, Callable[[convops.Conversation], convops.Outcome]]]:
    """Yield a name and the verb of a client whose vendor is such a seam."""
    tencent = convops.connect(
        "tencent",
        sdk_app_id=vendor.SDK_APP_ID,
        secret_key=vendor.SECRET_KEY,
        admin=vendor.ADMIN,
        base_url="http://127.0.0.1",
        pace=1e9,
        transport=Seam(vendor.MARK_READ_ANSWER),
    )
    yield "tencent_mark_read", tencent.mark_read
    zego = convops.connect(
        "zego",
        app_id=1,
        server_secret=vendor.SECRET_KEY[:32],
        base_url="http://127.0.0.1",
        pace=1e9,
        transport=Seam(ZEGO_ANSWER),
    )
    yield "zego_clear_unread", zego.clear_unread


def shares(effort: Effort) -> dict[str, Spread]:
    """Return microseconds of the processor for one operation, by provider and verb."""
    contenders = []
    for name, verb in chats():
        contender = Contender(name, functools.partial(_ask, verb, vendor.pairs()), count=OPERATIONS)
        contender.run(OPERATIONS)
        contenders.append(contender)
    for _ in range(effort.rounds * 3):
        for contender in contenders:
            contender.perform(None)
    return {one.name: spread(done.cpu_us for done in one.rounds) for one in contenders}


def _ask(verb: Callable[..., object], pairs: Iterator[tuple[str, str]], count: int) -> None:
    for _ in range(count):
        user, peer = next(pairs)
        verb(convops.Conversation.direct(user=user, peer=peer))


def signing(effort: Effort) -> tuple[dict[str, Spread], list[Contender]]:
    """Compare our signer with the vendor's; return ratios by key, and who took part."""
    from TLSSigAPIv2 import TLSSigAPIv2  # noqa: PLC0415 - only where something is measured

    ours = TencentSigner(vendor.SDK_APP_ID, Secret(vendor.SECRET_KEY), vendor.ADMIN)
    theirs = TLSSigAPIv2(vendor.SDK_APP_ID, vendor.SECRET_KEY)
    known = {
        "issue": Contender("issue", functools.partial(_issue, ours)),
        "per_call": Contender("per_call", functools.partial(_sign, ours)),
        "tls_sig_api": Contender("tls_sig_api", functools.partial(_gen_sig, theirs)),
    }
    for contender in known.values():
        contender.prepare(effort)
    ratios = {
        f"signing.{name}_vs_tls_sig_api": spread(meet(known[name], known["tls_sig_api"], None, effort.rounds))
        for name in ("issue", "per_call")
    }
    return ratios, list(known.values())


def _issue(signer: Signer, count: int) -> None:
    for _ in range(count):
        signer.issue(time.time())


def _sign(signer: Signer, count: int) -> None:
    ticket, call = signer.issue(time.time()), Call(action="mark")
    for _ in range(count):
        signer.sign(call, now=time.time(), nonce=b"12345678", ticket=ticket)


def _gen_sig(signer: object, count: int) -> None:
    for _ in range(count):
        signer.gen_sig(vendor.ADMIN, LIFE_SECONDS)
