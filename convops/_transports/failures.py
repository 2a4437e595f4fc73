"""What went wrong on the way, as values; and what must pass, without its frames."""

from __future__ import annotations

import socket
import ssl
import sys
from collections.abc import Iterable, Mapping

from attrs import frozen

from convops._transports.replies import RefusedError
from convops._transports.traffic import (
    HandshakeError,
    NotHttpError,
    NotResolvedError,
    TooMuchError,
    Traffic,
    WireError,
)
from convops.provider import Failure, FailureKind, SigningError

Classes = tuple[type[Exception], ...]

_BEFORE_SENDING: Mapping[FailureKind, Classes] = {
    FailureKind.DNS: (NotResolvedError, socket.gaierror, UnicodeError),
    FailureKind.TLS: (HandshakeError, ssl.SSLCertVerificationError),
}


@frozen(kw_only=True)
class Words:
    """What the exceptions of an HTTP library mean.

    Attributes:
        expected: all that is made a value.
        late: the time was over.
        unsent: nothing was sent.
        nonsense: the peer hung up, or talked nonsense.
    """

    expected: Classes = (WireError, OSError, UnicodeError)
    late: Classes = (TimeoutError,)
    unsent: Classes = ()
    nonsense: Classes = ()


OURS = Words()


def told(error: BaseException) -> Failure | None:
    """Return what an exception of ours that stands above the wire says of an exchange; None of any other."""
    if isinstance(error, SigningError):
        return Failure(FailureKind.UNSIGNED, sent=False)
    if isinstance(error, RefusedError):
        return Failure(error.kind, sent=True)
    return None


def failure_of(error: Exception, exchange: Traffic | None, words: Words = OURS) -> Failure:
    """Return what an exception says of an exchange.

    Args:
        error: one of those that are expected.
        exchange: what our own wire knows of it; None where a library opened the connection.
        words: what its exceptions mean.
    """
    # Our own wire knows whether anything left; of a transport that was given, the class must tell.
    sent = not isinstance(error, words.unsent) and (exchange is None or exchange.sent)
    if isinstance(error, words.late):
        return Failure(FailureKind.TIMEOUT, sent)
    causes = tuple(_chain(error))
    if any(isinstance(cause, TooMuchError) for cause in causes):
        return Failure(FailureKind.TOO_LARGE, sent=True)
    for kind, classes in _BEFORE_SENDING.items():
        if any(isinstance(cause, classes) for cause in causes):
            return Failure(kind, sent=False)
    if not sent:
        return Failure(FailureKind.CONNECT, sent=False)
    nonsense = any(isinstance(cause, NotHttpError) for cause in causes)
    if exchange is None:
        nonsense = isinstance(error, words.nonsense) and not _has_hung_up(error)
    return Failure(FailureKind.PROTOCOL if nonsense else FailureKind.BROKEN, sent=True)


def _has_hung_up(error: Exception) -> bool:
    # httpcore has one exception for a peer that hung up, and for one that talks nonsense.
    return any(words in str(error) for words in ("disconnected", "closed connection"))


def _chain(error: BaseException | None) -> Iterable[BaseException]:
    # What the caller is handling ends every chain, and is no cause of this.
    handled = sys.exception()
    while error is not None and error is not handled:
        yield error
        error = error.__cause__ or error.__context__


def told_or_raised(error: BaseException, exchange: Traffic | None, words: Words = OURS) -> Failure:
    """Return what an exception says of an exchange, or raise what must pass, without its frames.

    To be called behind the handler that caught it: an interrupt from there on does not take them along.

    Args:
        error: what was caught.
        exchange: what our own wire knows of it; None where a library opened the connection.
        words: what the library's exceptions mean.
    """
    failure = told(error)
    if failure is None and isinstance(error, words.expected):
        failure = failure_of(error, exchange, words)
    if failure is None:
        raise cut(error)
    return failure


def cut(error: BaseException) -> BaseException:
    """Return an exception that must pass, without where it came from."""
    # Frames of the library hold the signed URL, and so do the exceptions this one came from.
    error.__traceback__ = error.__cause__ = error.__context__ = None
    return error
