"""What tests of an app or of a plugin use: simulated vendors, in process or on a socket."""

from convops._memory import MemoryStore, memory_store
from convops._states import ConversationState
from convops.testing._server import asgi, serve
from convops.testing._simulator import Exchange, Fault, Simulator

__all__ = [
    "ConversationState",
    "Exchange",
    "Fault",
    "MemoryStore",
    "Simulator",
    "asgi",
    "memory_store",
    "serve",
]
