"""One protocol for what a user does to a conversation, spoken to any chat vendor through a plugin.

The values are here at once; the clients are loaded when they are first named.
"""

import importlib
from typing import TYPE_CHECKING, Any

from convops.errors import (
    AuthenticationError,
    ClosedError,
    ConfigError,
    ConvopsError,
    DeadlineExceededError,
    Effect,
    InvalidRequestError,
    LimitExceededError,
    MalformedReplyError,
    NotFoundError,
    OperationError,
    PermissionDeniedError,
    PluginError,
    ProviderError,
    ProviderUnavailableError,
    RateLimitedError,
    TransportError,
    UnsupportedOperationError,
)
from convops.operations import (
    ClearUnread,
    Conversation,
    ConversationKind,
    Delete,
    MarkRead,
    Mute,
    Operation,
    Outcome,
    from_document,
    to_document,
)
from convops.secret import Secret
from convops.support import Caveat, Evidence, Fidelity, Support

# Not to answer a cycle: there is none. Loading a client takes as long as all the values together.
if TYPE_CHECKING:
    from convops._client import AsyncClient, AsyncConversationOps, Client, ConversationOps, PlannedBatch
    from convops._connect import (
        ClientOptions,
        connect,
        connect_account,
        connect_account_async,
        connect_async,
    )
    from convops._events import Event

__all__ = [
    "AsyncClient",
    "AsyncConversationOps",
    "AuthenticationError",
    "Caveat",
    "ClearUnread",
    "Client",
    "ClientOptions",
    "ClosedError",
    "ConfigError",
    "Conversation",
    "ConversationKind",
    "ConversationOps",
    "ConvopsError",
    "DeadlineExceededError",
    "Delete",
    "Effect",
    "Event",
    "Evidence",
    "Fidelity",
    "InvalidRequestError",
    "LimitExceededError",
    "MalformedReplyError",
    "MarkRead",
    "Mute",
    "NotFoundError",
    "Operation",
    "OperationError",
    "Outcome",
    "PermissionDeniedError",
    "PlannedBatch",
    "PluginError",
    "ProviderError",
    "ProviderUnavailableError",
    "RateLimitedError",
    "Secret",
    "Support",
    "TransportError",
    "UnsupportedOperationError",
    "connect",
    "connect_account",
    "connect_account_async",
    "connect_async",
    "from_document",
    "to_document",
]

_LATER = {
    "AsyncClient": "_client",
    "AsyncConversationOps": "_client",
    "Client": "_client",
    "ClientOptions": "_connect",
    "ConversationOps": "_client",
    "Event": "_events",
    "PlannedBatch": "_client",
    "connect": "_connect",
    "connect_account": "_connect",
    "connect_account_async": "_connect",
    "connect_async": "_connect",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_LATER[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
