"""The contract between the core and a provider: values in, values out, no I/O.

A provider says what it supports, turns operations into calls, reads each reply, and signs. The core
does the rest: encoding, sending, pacing, retrying, deadlines, sync and async.
"""

from convops.provider._codes import Code, CodeKey, CodeTable, error_for, member
from convops.provider._contract import (
    ALREADY,
    APPLIED,
    CONTRACT,
    AnyProvider,
    Flow,
    Provider,
    Quota,
    Verdict,
    check_id_bytes,
    hookimpl,
)
from convops.provider._settings import OneOf, base_url, header_safe, integer, not_empty, one_of
from convops.provider._signer import Credentials, Signer, Ticket, Unsigned
from convops.provider._wire import (
    AsyncTransport,
    Attempt,
    Call,
    Failure,
    FailureKind,
    HttpReply,
    HttpRequest,
    Reply,
    SigningError,
    Transport,
)

__all__ = [
    "ALREADY",
    "APPLIED",
    "CONTRACT",
    "AnyProvider",
    "AsyncTransport",
    "Attempt",
    "Call",
    "Code",
    "CodeKey",
    "CodeTable",
    "Credentials",
    "Failure",
    "FailureKind",
    "Flow",
    "HttpReply",
    "HttpRequest",
    "OneOf",
    "Provider",
    "Quota",
    "Reply",
    "Signer",
    "SigningError",
    "Ticket",
    "Transport",
    "Unsigned",
    "Verdict",
    "base_url",
    "check_id_bytes",
    "error_for",
    "header_safe",
    "hookimpl",
    "integer",
    "member",
    "not_empty",
    "one_of",
]
