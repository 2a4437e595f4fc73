"""What httpx raises, as values; and what must pass, without its frames."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterable, Mapping

import httpx

from convops._transports.resolver import NotResolvedError
from convops._transports.sockets import HandshakeError, TooMuchError, Traffic
from convops.provider import Failure, FailureKind

_NEVER_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
)
_BEFORE_SENDING: Mapping[FailureKind, tuple[type[Exception], ...]] = {
    FailureKind.DNS: (NotResolvedError, socket.gaierror, UnicodeError),
    FailureKind.TLS: (HandshakeError, ssl.SSLCertVerificationError),
}
EXPECTED = (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, OSError, UnicodeError)


def failure_of(error: Exception, exchange: Traffic | None) -> Failure:
    """Return what an exception says of an exchange.

    Args:
        error: one of `EXPECTED`.
        exchange: what our own wire knows of it; None where httpx opened the connection.
    """
    # Our own wire knows whether anything left; of a transport that was given, the class must tell.
    sent = not isinstance(error, _NEVER_SENT) and (exchange is None or exchange.sent)
    if isinstance(error, httpx.TimeoutException | TimeoutError):
        return Failure(FailureKind.TIMEOUT, sent)
    causes = tuple(_chain(error))
    if any(isinstance(cause, TooMuchError) for cause in causes):
        return Failure(FailureKind.TOO_LARGE, sent=True)
    for kind, classes in _BEFORE_SENDING.items():
        if any(isinstance(cause, classes) for cause in causes):
            return Failure(kind, sent=False)
    if not sent:
        return Failure(FailureKind.CONNECT, sent=False)
    nonsense = isinstance(error, httpx.RemoteProtocolError) and not has_hung_up(error)
    return Failure(FailureKind.PROTOCOL if nonsense else FailureKind.BROKEN, sent=True)


def has_hung_up(error: Exception) -> bool:
    """Whether a peer hung up: httpcore has one exception for that and for talking nonsense."""
    return any(words in str(error) for words in ("disconnected", "closed connection"))


def _chain(error: BaseException | None) -> Iterable[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def cut(error: BaseException) -> BaseException:
    """Return an exception that must pass, without where it came from."""
    # Frames of the library hold the signed URL, and so do the exceptions this one came from.
    error.__traceback__ = error.__cause__ = error.__context__ = None
    return error
