"""What tests of an app or of a plugin use: simulated vendors, in process or on a socket, and the kit.

Everything is loaded when it is first named: pytest looks in here whenever it starts.
"""

import importlib
from typing import TYPE_CHECKING, Any

# As at the root: the names are known to type checkers, and loaded late.
if TYPE_CHECKING:
    from convops._memory import MemoryStore, memory_store
    from convops._states import ConversationState
    from convops.testing._conformance import Conformance
    from convops.testing._memory import MemorySimulator
    from convops.testing._server import asgi, serve
    from convops.testing._simulator import Exchange, Fault, Simulator
    from convops.testing._world import MemoryWorld

__all__ = [
    "Conformance",
    "ConversationState",
    "Exchange",
    "Fault",
    "MemorySimulator",
    "MemoryStore",
    "MemoryWorld",
    "Simulator",
    "asgi",
    "memory_store",
    "serve",
]

_ROOMS = {
    "Conformance": "convops.testing._conformance",
    "ConversationState": "convops._states",
    "Exchange": "convops.testing._simulator",
    "Fault": "convops.testing._simulator",
    "MemorySimulator": "convops.testing._memory",
    "MemoryStore": "convops._memory",
    "MemoryWorld": "convops.testing._world",
    "Simulator": "convops.testing._simulator",
    "asgi": "convops.testing._server",
    "memory_store": "convops._memory",
    "serve": "convops.testing._server",
}


def __getattr__(name: str) -> Any:
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_ROOMS[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
