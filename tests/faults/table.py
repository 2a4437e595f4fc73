"""What comes of every fault, decided by hand before the code: nothing here is computed from the library.

A verb has 4 attempts unless the caller says otherwise. A vendor that does not know a fault is played with
the nearest answer it documents.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from enum import Enum

from attrs import evolve, field, frozen

from convops.errors import (
    AuthenticationError,
    DeadlineExceededError,
    Effect,
    MalformedReplyError,
    NotFoundError,
    PermissionDeniedError,
    ProviderError,
    ProviderUnavailableError,
    RateLimitedError,
    TransportError,
)

OPERATIONS = ("clear_unread", "mark_read", "delete", "mute")
VENDORS = ("zego", "tencent")
CLIENTS = ("sync", "async")


class Waits(Enum):
    """How the time between the attempts of one call looks."""

    NONE = "none"
    AT_ONCE = "none: again at once"
    TRANSIENT = "transient"
    THROTTLED = "throttled"
    OBEYED = "as asked, plus throttled"
    DEADLINE = "none: the time is over"


class Connection(Enum):
    """What becomes of the connection that met the fault."""

    KEPT = "kept"
    CLOSED = "closed"
    NONE = "none opened"


class StoppedByApp(Exception):  # noqa: N818 - raised by the app, no error of ours
    """What an app's own signal handler raises to stop a blocking call."""


@frozen(kw_only=True)
class Expected:
    """What comes of a fault.

    Attributes:
        error: the class that is raised; None for success.
        effect: what happened at the vendor, as far as anyone can know.
        retryable: whether the error says that trying again can help.
        attempts: how often the call was tried.
        requests: how many requests reached the vendor.
        waits: what was between the attempts.
        connection: whether the next call finds it open.
    """

    error: type[BaseException] | None
    effect: Effect
    retryable: bool = False
    attempts: int = 1
    requests: int = 1
    waits: Waits = Waits.NONE
    connection: Connection = Connection.KEPT


@frozen
class Row:
    """One fault.

    Attributes:
        fault: its name.
        what: what happens, in a phrase.
        expected: what comes of it.
        unless: what comes of it where that differs: at a vendor, for an operation at a vendor
            (`zego-mute`), for a client, over an adapter, or for one way of playing the fault.
    """

    fault: str
    what: str
    expected: Expected
    unless: Mapping[str, Expected] = field(factory=dict)

    def expects(self, vendor: str, operation: str, client: str, way: str, adapter: str) -> Expected:
        """Return what comes of one way of playing the fault in one cell."""
        for key in (f"{vendor}-{operation}-{way}", f"{vendor}-{operation}", way, vendor, client, adapter):
            if key in self.unless:
                return self.unless[key]
        return self.expected


# --- What comes of faults, in groups that share a reason ------------------------------------------------

DONE = Expected(error=None, effect=Effect.APPLIED)
# The answer tells the vendor's time, by which the call is made again, once.
AGAIN_BY_THEIR_CLOCK = evolve(DONE, attempts=2, requests=2, waits=Waits.AT_ONCE)

# Nothing was sent: safe to repeat, and nothing changed whatever happens.
NOT_SENT = Expected(
    error=TransportError,
    effect=Effect.NOT_APPLIED,
    retryable=True,
    attempts=4,
    requests=0,
    waits=Waits.TRANSIENT,
    connection=Connection.NONE,
)
# The time is over, and nothing was sent.
TOO_LATE_UNSENT = Expected(
    error=DeadlineExceededError,
    effect=Effect.NOT_APPLIED,
    retryable=True,
    requests=0,
    waits=Waits.DEADLINE,
    connection=Connection.NONE,
)
# The time is over, and the request may have done its work.
TOO_LATE = Expected(
    error=DeadlineExceededError,
    effect=Effect.UNKNOWN,
    retryable=True,
    waits=Waits.DEADLINE,
    connection=Connection.CLOSED,
)
# Sent and not answered: each verb sets a state, so a repeat at once is safe.
UNANSWERED = Expected(
    error=TransportError,
    effect=Effect.UNKNOWN,
    retryable=True,
    attempts=4,
    requests=4,
    waits=Waits.TRANSIENT,
    connection=Connection.CLOSED,
)
# An answer nobody can trust: it may have worked, and asking again may bring the same.
NOT_TRUSTED = Expected(error=MalformedReplyError, effect=Effect.UNKNOWN)
NOT_TRUSTED_NOR_READ = evolve(NOT_TRUSTED, connection=Connection.CLOSED)
# The vendor says no; it changed nothing, and asking again brings the same.
DENIED = Expected(error=PermissionDeniedError, effect=Effect.NOT_APPLIED)
NOT_AUTHENTIC = Expected(error=AuthenticationError, effect=Effect.NOT_APPLIED)
MISSING = Expected(error=NotFoundError, effect=Effect.NOT_APPLIED)
# The vendor says not now; it changed nothing.
THROTTLED = Expected(
    error=RateLimitedError,
    effect=Effect.NOT_APPLIED,
    retryable=True,
    attempts=4,
    requests=4,
    waits=Waits.THROTTLED,
)
# The vendor broke, before or after it did the work.
BROKEN = Expected(
    error=ProviderUnavailableError,
    effect=Effect.UNKNOWN,
    retryable=True,
    attempts=4,
    requests=4,
    waits=Waits.TRANSIENT,
)
# The app itself stopped the call: no outcome is returned, so nothing is known.
STOPPED = Expected(error=KeyboardInterrupt, effect=Effect.UNKNOWN, connection=Connection.CLOSED)

CONNECT = (
    Row("name-not-found", "the host name has no address", NOT_SENT),
    Row("name-hangs", "the resolver does not come back", TOO_LATE_UNSENT),
    Row("refused", "nobody listens at the port", NOT_SENT),
    Row("swallowed", "the first packet of a connection is dropped", TOO_LATE_UNSENT),
    Row("wrong-host", "the certificate is for another host", NOT_SENT),
    Row("bad-certificate", "the certificate expired, or its authority is unknown", NOT_SENT),
    Row("tls-hangs", "the TLS handshake is not answered", TOO_LATE_UNSENT),
    Row("reset-before-sending", "the connection is reset inside the TLS handshake", NOT_SENT),
    Row("reset-after-sending", "the request is carried out, and the connection reset", UNANSWERED),
    Row(
        "dead-keep-alive",
        "the vendor closed the idle connection",
        DONE,
        # The request is on its way when the connection turns out to be dead.
        {"as it is used": evolve(DONE, attempts=2, requests=2, waits=Waits.TRANSIENT)},
    ),
)

TIMING = (
    Row("no-answer", "the request is taken, and nothing comes back", TOO_LATE),
    Row("silent-after-head", "the headers come, the body does not", TOO_LATE),
    Row("drip", "the answer drips, byte after byte", TOO_LATE),
    Row("spikes", "the answer stalls twice, and is complete in time", DONE),
    Row("slow-link", "the body comes evenly, and too slowly", TOO_LATE),
    Row("late-answer", "the request is carried out, and answered after the time was over", TOO_LATE),
)

PROTOCOL = (
    Row("cut-with-length", "the connection ends before the stated length", UNANSWERED),
    Row("cut-by-close", "no length is stated, and the body ends inside the JSON", NOT_TRUSTED_NOR_READ),
    Row("bad-chunk", "the size of a chunk is no number", NOT_TRUSTED_NOR_READ),
    Row("garbage-status", "the first line is no HTTP", NOT_TRUSTED_NOR_READ),
    Row("huge-headers", "200 kB of headers", NOT_TRUSTED_NOR_READ),
    Row("two-lengths", "two lengths that differ", NOT_TRUSTED_NOR_READ),
    Row("interim-flood", "interim answers (1xx) without end", NOT_TRUSTED_NOR_READ),
    Row(
        "extra-bytes",
        "a second answer, to no request, stands behind the answer",
        evolve(DONE, connection=Connection.CLOSED),
    ),
)

BODY = (
    Row("empty-body", "200 and no body", NOT_TRUSTED),
    Row("html", "200 and a web page", NOT_TRUSTED),
    Row("no-object", "JSON, but not an object", NOT_TRUSTED),
    Row("code-type", "the code is missing, a string, a bool or a float", NOT_TRUSTED),
    Row("deep", "nested too deeply", NOT_TRUSTED),
    Row("huge-integer", "an integer of 5,000 digits", NOT_TRUSTED),
    Row("no-number", "NaN, infinity, or a number past every float", NOT_TRUSTED),
    Row("bad-text", "broken UTF-8, UTF-16, or a lone surrogate", NOT_TRUSTED),
    Row("duplicate-keys", "a key that stands twice", NOT_TRUSTED),
    Row("bomb", "256 MiB, compressed to 255 KiB", NOT_TRUSTED_NOR_READ),
    Row("encodings", "compressed 50 times over", NOT_TRUSTED_NOR_READ),
    Row("endless", "a body without end", NOT_TRUSTED_NOR_READ),
)

HTTP = (
    Row("redirect-away", "301, 302, 303, 307 or 308 to another host", NOT_TRUSTED),
    Row("redirect-loop", "a redirect to the same place", NOT_TRUSTED),
    Row("denied", "401 or 403", NOT_AUTHENTIC, {"403": DENIED}),
    Row(
        "too-many-requests",
        "429; Retry-After is missing, negative, NaN or junk",
        THROTTLED,
        {
            "seconds": evolve(THROTTLED, waits=Waits.OBEYED),
            "date": evolve(THROTTLED, waits=Waits.OBEYED),
            # Longer than anyone waits: the error says how long, and the caller decides.
            "a thousand million": evolve(THROTTLED, attempts=1, requests=1, waits=Waits.NONE),
        },
    ),
    Row("server-error", "500, 502, 503 or 504", BROKEN),
    Row(
        "odd-success",
        "204, 206 or 304",
        NOT_TRUSTED,
        # Nothing says where the answer ends.
        {"204": NOT_TRUSTED_NOR_READ, "304": NOT_TRUSTED_NOR_READ},
    ),
    Row("cookies", "the right answer, and cookies for every host", DONE),
)

VENDOR = (
    Row("throttled", "the vendor's codes for too many calls", THROTTLED),
    Row(
        "expired",
        "the vendor calls every signature expired, with the right Date",
        # The clock is corrected, and a fresh signature tried, once.
        evolve(NOT_AUTHENTIC, attempts=2, requests=2, waits=Waits.AT_ONCE),
    ),
    Row(
        "bad-signature",
        "the vendor's codes for a wrong signature, or for missing rights",
        NOT_AUTHENTIC,
        {"60010": DENIED},
    ),
    Row("vendor-broken", "the vendor's codes for its own failures", BROKEN),
    Row(
        "already-so",
        "the asked state holds before",
        # A vendor without a code for it answers as ever.
        DONE,
        {"zego-mute": evolve(DONE, effect=Effect.ALREADY)},
    ),
    Row(
        "not-found",
        "the vendor's codes for what does not exist",
        MISSING,
        {
            # The first try may have worked, so that the refusal says nothing of it.
            "after an unanswered try": evolve(
                MISSING, effect=Effect.UNKNOWN, attempts=2, requests=2, waits=Waits.TRANSIENT
            ),
            # Only this one has a code for a missing conversation, which the first try may have removed.
            "zego-delete-after an unanswered try": evolve(
                DONE, effect=Effect.ALREADY, attempts=2, requests=2, waits=Waits.TRANSIENT
            ),
        },
    ),
    Row("partial", "one of two operations applied together is refused", DENIED),
    Row("unknown-code", "a code nobody has ever seen", Expected(error=ProviderError, effect=Effect.UNKNOWN)),
)

LOCAL = (
    Row(
        "clock",
        "this machine's clock is an hour fast or slow",
        # A UserSig made an hour ago, or in an hour, is taken.
        DONE,
        {
            "zego": AGAIN_BY_THEIR_CLOCK,
            # Taken as well, for an hour ago, which leaves the messages since then unread.
            "tencent-clear_unread-slow": AGAIN_BY_THEIR_CLOCK,
            "tencent-mark_read-slow": AGAIN_BY_THEIR_CLOCK,
        },
    ),
    Row(
        "second-loop",
        "the client was used in another event loop before",
        DONE,
        # Its connections belong to the event loop they were opened in, and are closed when that ends.
        {"aiohttp": evolve(DONE, connection=Connection.CLOSED)},
    ),
    Row(
        "closed-mid-call",
        "the client is closed while an answer is awaited",
        # What is under way is finished; whatever comes after is refused.
        evolve(DONE, connection=Connection.CLOSED),
    ),
    Row("interrupt", "KeyboardInterrupt while an answer is awaited", STOPPED),
    Row(
        "cancel",
        "the call is cancelled while an answer is awaited",
        evolve(STOPPED, error=asyncio.CancelledError),
        # Nothing cancels a blocking call but what a signal handler raises.
        {"sync": evolve(STOPPED, error=StoppedByApp)},
    ),
    # The child opens connections of its own, and leaves the parent's alone.
    Row("fork", "the client is used in a forked child", DONE),
    Row("no-descriptors", "the process may open no more descriptors", NOT_SENT),
    Row(
        "threads",
        "one client in 64 threads at once",
        evolve(DONE, requests=64),
        # Each thread has an event loop of its own, which ends with the call.
        {"aiohttp": evolve(DONE, requests=64, connection=Connection.CLOSED)},
    ),
    Row("pool-full", "64 exchanges are under way, and none ends in time", TOO_LATE_UNSENT),
)

GROUPS: Mapping[str, tuple[Row, ...]] = {
    "connect": CONNECT,
    "timing": TIMING,
    "protocol": PROTOCOL,
    "body": BODY,
    "HTTP": HTTP,
    "vendor": VENDOR,
    "local": LOCAL,
}
TABLE: Mapping[str, Row] = {row.fault: row for rows in GROUPS.values() for row in rows}
