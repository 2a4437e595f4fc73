"""Whether a host can be reached: its name, a connection, and its certificate."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from typing import Literal
from urllib.parse import urlsplit

from attrs import frozen

from convops.support import Caveat

Status = Literal["pass", "warn", "fail"]
GOOD: Status = "pass"
WARN: Status = "warn"
FAIL: Status = "fail"

CONNECT_SECONDS = 5.0
DAYS_LEFT_MIN = 14
DAY = 24 * 60 * 60

# Of OpenSSL's verify codes, those that are about time: not yet valid, and expired.
TIME_CODES = (9, 10)


@frozen
class Check:
    """What was looked at, and what was found.

    Attributes:
        name: what was looked at.
        status: `pass`, `warn` or `fail`.
        said: what was found.
        remedy: what to do about it; empty where nothing is to be done.
        caveats: what the finding rests on.
    """

    name: str
    status: Status
    said: str
    remedy: str = ""
    caveats: tuple[Caveat, ...] = ()


def way_to(origin: str, context: ssl.SSLContext, now: float) -> Iterator[Check]:
    """Check a host's name, then its certificate; the second only where the first has an address.

    Args:
        origin: the host's base URL.
        context: what its certificate is checked against.
        now: Unix seconds.
    """
    parts = urlsplit(origin)
    host = parts.hostname or ""
    port = parts.port or (80 if parts.scheme == "http" else 443)
    name = _resolution(host, port)
    yield name
    if name.status == FAIL:
        yield Check("TLS", WARN, f"{host}:{port}: not checked", "Mend first what failed above")
    elif parts.scheme == "http":
        yield Check("TLS", GOOD, f"{host}:{port}: not used, as base_url is http on a loopback address")
    else:
        yield _handshake(host, port, context, now)


def _resolution(host: str, port: int) -> Check:
    # httpcore loads slowly, and only whoever sends needs it.
    from convops._transports.resolver import Resolver  # noqa: PLC0415

    lookup = Resolver().start(host, port)
    if not lookup.done.wait(CONNECT_SECONDS):
        said = f"{host}: no answer within {CONNECT_SECONDS:g} s"
        return Check("name resolution", FAIL, said, "Check this machine's name servers")
    if not lookup.addresses:
        remedy = "Check region, or base_url, for a wrong host name, then this machine's name servers"
        return Check("name resolution", FAIL, f"{host}: the name has no address", remedy)
    count = len({address[0] for _, address in lookup.addresses})
    return Check("name resolution", GOOD, f"{host}: {count} address{'es' if count > 1 else ''}")


def _handshake(host: str, port: int, context: ssl.SSLContext, now: float) -> Check:
    where = f"{host}:{port}"
    try:
        with (
            socket.create_connection((host, port), CONNECT_SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=host) as secured,
        ):
            version, certificate = secured.version(), secured.getpeercert() or {}
    except OSError as error:
        said, remedy = _why(error)
        return Check("TLS", FAIL, f"{where}: {said}", remedy)
    days = int((ssl.cert_time_to_seconds(str(certificate["notAfter"])) - now) // DAY)
    said = f"{where}: {version}, certificate good for {days} days"
    if days < DAYS_LEFT_MIN:
        return Check("TLS", WARN, said, "It must be renewed, which is the vendor's to do")
    return Check("TLS", GOOD, said)


def _why(error: OSError) -> tuple[str, str]:
    """Return why there was no handshake, and what to do."""
    match error:
        case ssl.SSLCertVerificationError(verify_code=code, verify_message=message):
            said = f"the certificate is refused ({message})"
            if code in TIME_CODES:
                return said, "Check this machine's clock; if it is right, the vendor must renew"
            return said, "Check base_url; a proxy between here and the vendor may answer in its place"
        case ssl.SSLError():
            said = f"no handshake ({error.reason or 'closed'})"
            return said, "Check that base_url names a port that speaks TLS 1.2 or later"
        case TimeoutError():
            said = f"no connection within {CONNECT_SECONDS:g} s"
            return said, "A firewall may swallow packets: let connections out to that port"
        case ConnectionRefusedError():
            said = "the connection is refused"
            return (
                said,
                "Nothing listens there, or a firewall refuses: check region, or base_url and its port",
            )
    return error.strerror or type(error).__name__, "Check this machine's network"
