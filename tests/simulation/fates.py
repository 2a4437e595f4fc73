"""What can become of one exchange, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from attrs import frozen

from convops.provider import FailureKind
from convops.testing import Fault

CODES = {
    "zego": {"busy": 660000003, "throttled": 660300005, "expired": 100000004, "unmapped": 123456789},
    "tencent": {"busy": 60008, "throttled": 60007, "expired": 70001, "unmapped": 123456},
}


@frozen(kw_only=True)
class Fate:
    """What becomes of one exchange.

    Attributes:
        told: in words.
        weight: how often it is drawn.
        outage: whether a vendor that is down may deal so with everybody.
        unsent: how the connection fails before anything is sent; None where it does not.
        arrives: whether the request reaches the vendor.
        fault: how the vendor then misbehaves, given its name.
        ends: how the exchange ends instead of by the answer; None for the answer.
        silent: whether neither an answer nor an end ever comes.
        slow: seconds the request takes longer on its way, and the answer.
        partial: whether the vendor fails a single conversation of several.
        final: whether the answer allows no second try.
    """

    told: str
    weight: float = 1.0
    outage: bool = False
    unsent: FailureKind | None = None
    arrives: bool = True
    fault: Callable[[Mapping[str, int]], Fault] | None = None
    ends: FailureKind | None = None
    silent: bool = False
    slow: tuple[float, float] = (0.0, 0.0)
    partial: bool = False
    final: bool = False


def _code(name: str, *, applies: bool = False) -> Callable[[Mapping[str, int]], Fault]:
    return lambda codes: Fault(code=codes[name], applies=applies)


def _body(body: bytes, *, applies: bool = True) -> Callable[[Mapping[str, int]], Fault]:
    return lambda _: Fault(body=body, applies=applies)


def _status(status: int, *, applies: bool = False, **headers: str) -> Callable[[Mapping[str, int]], Fault]:
    return lambda _: Fault(status=status, applies=applies, headers=headers, body=b"{}")


FATES: Mapping[str, Fate] = {
    "fine": Fate(told="all is well", weight=0.0),
    # Before anything is sent
    "refused": Fate(told="the connection is refused", unsent=FailureKind.CONNECT, outage=True),
    "nameless": Fate(told="the host's name is not found", unsent=FailureKind.DNS),
    "unreachable": Fate(told="the connection is never made", unsent=FailureKind.TIMEOUT, outage=True),
    "restarting": Fate(
        told="the vendor restarts: it refuses connections, and breaks those it has",
        weight=0.0,
        unsent=FailureKind.CONNECT,
        outage=True,
    ),
    # On the way there
    "lost": Fate(
        told="the request is lost, and the connection breaks", arrives=False, ends=FailureKind.BROKEN
    ),
    "swallowed": Fate(
        told="the request is lost, and nothing comes back", arrives=False, silent=True, outage=True
    ),
    "late": Fate(told="the request arrives after 6 s", slow=(6.0, 0.0)),
    "cut short": Fate(
        told="the connection breaks before the request arrives", slow=(2.0, 0.0), ends=FailureKind.BROKEN
    ),
    # At the vendor
    "busy": Fate(told="the vendor is busy", fault=_code("busy"), outage=True),
    "busy, and does it": Fate(
        told="the vendor does it and says it is busy", fault=_code("busy", applies=True)
    ),
    "broken": Fate(told="the vendor answers 503", fault=_status(503), outage=True),
    "broken, and does it": Fate(told="the vendor does it and answers 502", fault=_status(502, applies=True)),
    "throttled": Fate(told="the vendor wants fewer calls", fault=_code("throttled"), weight=2.0),
    "paused": Fate(
        told="the vendor asks for 3 s of rest", fault=_status(429, **{"Retry-After": "3"}), weight=2.0
    ),
    "banned": Fate(
        told="the vendor asks for 300 s of rest", fault=_status(429, **{"Retry-After": "300"}), final=True
    ),
    "expired": Fate(told="the vendor calls the signature expired", fault=_code("expired")),
    "unmapped": Fate(told="the vendor answers a code nobody knows", fault=_code("unmapped"), final=True),
    "unmapped, and does it": Fate(
        told="the vendor does it and answers a code nobody knows",
        fault=_code("unmapped", applies=True),
        final=True,
    ),
    "denied": Fate(told="the vendor answers 403", fault=_status(403), final=True),
    "moved": Fate(told="the vendor answers 302", fault=_status(302), final=True),
    "web page": Fate(told="something answers a web page", fault=_body(b"<html>", applies=False), final=True),
    "garbled": Fate(
        told="the vendor does it, and the answer is garbled", fault=_body(b'{"Code": 0, "Err'), final=True
    ),
    "empty": Fate(told="something answers an empty object", fault=_body(b"{}", applies=False), final=True),
    "partial": Fate(told="the vendor is busy for one of several conversations", partial=True, weight=2.0),
    # On the way back
    "unanswered": Fate(told="the vendor does it, and nothing comes back", silent=True, weight=2.0),
    "reset": Fate(
        told="the vendor does it, and the connection breaks", ends=FailureKind.BROKEN, weight=2.0, outage=True
    ),
    "slow": Fate(told="the answer takes 4 s", slow=(0.0, 4.0)),
    "very slow": Fate(told="the answer takes 12 s", slow=(0.0, 12.0)),
}
