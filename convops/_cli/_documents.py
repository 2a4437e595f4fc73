"""Values of the library as JSON-ready dicts, and as words."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import attrs

from convops._cli._say import printable, shown_id
from convops.errors import ConvopsError, UnsupportedOperationError
from convops.operations import Conversation, ConversationKind, Delete, MarkRead, Mute, Operation, Outcome
from convops.support import Caveat, Evidence, Fidelity, Support

# What an error may know besides its words, in the order in which it is printed.
_FACTS = (
    "provider",
    "operation",
    "what",
    "code",
    "request_id",
    "attempts",
    "retryable",
    "retry_after",
    "effect",
)


def conversation_document(conversation: Conversation) -> dict[str, str]:
    """Return a conversation as a dict."""
    key = "peer" if conversation.kind is ConversationKind.DIRECT else "group"
    return {"kind": conversation.kind.value, "user": conversation.user, key: conversation.other}


def operation_document(operation: Operation) -> dict[str, Any]:
    """Return an operation as a dict: its name, its conversation, and what else it asks for."""
    others = attrs.asdict(operation, recurse=False, filter=_is_argument)
    arguments = {key: _plain(value) for key, value in others.items()}
    return {
        "operation": operation.name,
        "conversation": conversation_document(operation.conversation),
        "arguments": arguments,
    }


def outcome_document(outcome: Outcome, *, provider: str) -> dict[str, Any]:
    """Return an outcome as a dict; `error` is None exactly for success."""
    return {
        "provider": provider,
        **operation_document(outcome.operation),
        "effect": outcome.effect.value,
        "error": None if outcome.error is None else error_document(outcome.error),
        "request_id": outcome.request_id,
        "attempts": outcome.attempts,
    }


def error_document(error: ConvopsError) -> dict[str, Any]:
    """Return an error as a dict: its class, its words, and every fact it carries."""
    facts = {name: _plain(getattr(error, name)) for name in _FACTS if hasattr(error, name)}
    document = {"type": type(error).__name__, "message": str(error), **facts}
    if isinstance(error, UnsupportedOperationError):
        document["caveats"] = [caveat_document(caveat) for caveat in error.support.caveats]
    return document


def caveat_document(caveat: Caveat) -> dict[str, str]:
    """Return a caveat as a dict."""
    return {"id": caveat.id, "text": caveat.text, "link": caveat.link}


def support_document(support: Support) -> dict[str, Any]:
    """Return a capability cell as a dict, its caveats by id."""
    return {
        "usable": bool(support),
        "fidelity": support.fidelity.value,
        "lacked_by": support.lacked_by,
        "batch": support.batch,
        "rate": support.rate,
        "time_pinned": support.time_pinned,
        "evidence": support.evidence.value,
        "caveats": [caveat.id for caveat in support.caveats],
    }


def support_from(document: Mapping[str, Any], caveats: Mapping[str, Caveat]) -> Support:
    """Return the cell that `support_document` made a dict of.

    Args:
        document: the dict.
        caveats: by id.
    """
    return Support(
        fidelity=Fidelity(document["fidelity"]),
        lacked_by=document["lacked_by"],
        evidence=Evidence(document["evidence"]),
        batch=document["batch"],
        rate=document["rate"],
        time_pinned=document["time_pinned"],
        caveats=tuple(caveats[name] for name in document["caveats"]),
    )


def conversation_words(conversation: Conversation) -> str:
    """Return a conversation in words, such as `alice with bob` or `alice in team-1`."""
    link = "with" if conversation.kind is ConversationKind.DIRECT else "in"
    return f"{shown_id(conversation.user)} {link} {shown_id(conversation.other)}"


def operation_words(operation: Operation) -> str:
    """Return what an operation does, such as `unmute`."""
    match operation:
        case Mute(muted=False):
            return "unmute"
        case MarkRead(up_to=datetime() as moment):
            return f"mark_read up to {moment:%H:%M:%S}"
        case Delete(erase_history=True):
            return "delete and erase"
    return operation.name


def error_words(error: ConvopsError, *, links: bool = True) -> str:
    """Return an error on one line, with the caveats it rests on and where to read about them."""
    caveats = error.support.caveats if isinstance(error, UnsupportedOperationError) else ()
    reasons = [caveat.id for caveat in caveats] + (
        list(dict.fromkeys(c.link for c in caveats)) if links else []
    )
    return printable(f"{error} [{', '.join(reasons)}]" if reasons else str(error))


def _is_argument(attribute: attrs.Attribute[Any], _: object) -> bool:
    return attribute.name not in ("conversation", "at")


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return getattr(value, "value", value)
