"""What a user does to a conversation, as values.

An operation names a conversation and a state it should be in, so a repeat at once is harmless.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import Any, ClassVar, Literal

import attrs
from attrs import field, frozen

from convops.errors import ConvopsError, Effect, InvalidRequestError, OperationError

# C0, DEL, C1 and lone surrogates: no vendor can mean them, and a log line could be forged with them.
_UNUSABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


class ConversationKind(Enum):
    """Who is on the other side."""

    DIRECT = "direct"
    GROUP = "group"

    # Members are singletons; Enum's own hash is made in Python, each time.
    __hash__ = object.__hash__


def _check_id(name: str, value: object) -> None:
    if not isinstance(value, str):
        raise InvalidRequestError(f"{name} must be a str, not {type(value).__name__}")
    if not value:
        raise InvalidRequestError(f"{name} is empty")
    # What can be printed, as most ids can, holds none of them.
    if not value.isprintable() and (found := _UNUSABLE.search(value)):
        what = "a lone surrogate" if found[0] >= "\ud800" else "a control character"
        raise InvalidRequestError(f"{name} holds {what} (U+{ord(found[0]):04X})")


@frozen(kw_only=True)
class Conversation:
    """A thread seen from one user's side; made by `direct` or `group`.

    Attributes:
        kind: direct or group.
        user: whose side is meant.
        other: the peer of a direct conversation, or the group.

    Raises:
        InvalidRequestError: an id is empty, no str, or holds a control character or a lone surrogate.
    """

    kind: ConversationKind
    user: str
    other: str

    def __attrs_post_init__(self) -> None:
        _check("kind", self.kind, ConversationKind)
        _check_id("user", self.user)
        _check_id("peer" if self.kind is ConversationKind.DIRECT else "group", self.other)

    @classmethod
    def direct(cls, *, user: str, peer: str) -> Conversation:
        """Return `user`'s side of the chat with `peer`."""
        return cls(kind=ConversationKind.DIRECT, user=user, other=peer)

    @classmethod
    def group(cls, *, user: str, group: str) -> Conversation:
        """Return `user`'s side of `group`."""
        return cls(kind=ConversationKind.GROUP, user=user, other=group)


def _check(name: str, value: object, kind: type) -> None:
    if not isinstance(value, kind):
        raise InvalidRequestError(f"{name} must be a {kind.__name__}, not {type(value).__name__}")


def _moment(_: Any, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is None:
        return
    if not isinstance(value, datetime):
        _check(attribute.name, value, datetime)
    elif value.utcoffset() is None:
        raise InvalidRequestError(f"{attribute.name} has no time zone; use an aware datetime")


def _a_bool(_: Any, attribute: attrs.Attribute[Any], value: object) -> None:
    _check(attribute.name, value, bool)


def _a_conversation(_: Any, attribute: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, Conversation):
        _check(attribute.name, value, Conversation)


@frozen
class Operation:
    """What the four operations share.

    Attributes:
        conversation: the conversation it is about.
        at: the moment the caller decided it, an aware datetime; stamped by the client that accepts
            it where it is None. It takes no part in equality.

    Raises:
        InvalidRequestError: an argument is of a wrong type, or a datetime has no time zone.
    """

    name: ClassVar[Literal["clear_unread", "mark_read", "delete", "mute"]]

    conversation: Conversation = field(validator=_a_conversation)
    at: datetime | None = field(default=None, kw_only=True, eq=False, validator=_moment)


@frozen
class ClearUnread(Operation):
    """Set the conversation's unread count to zero."""

    name: ClassVar = "clear_unread"


@frozen
class MarkRead(Operation):
    """Mark every message up to `up_to` as read; None means until `at`.

    Attributes:
        up_to: an aware datetime; refused where the vendor cannot pin it.
    """

    name: ClassVar = "mark_read"

    up_to: datetime | None = field(default=None, kw_only=True, validator=_moment)


@frozen
class Delete(Operation):
    """Remove the conversation from the user's own list; other members keep theirs.

    Attributes:
        erase_history: also remove the user's own view of its messages.
    """

    name: ClassVar = "delete"

    erase_history: bool = field(default=False, kw_only=True, validator=_a_bool)


@frozen
class Mute(Operation):
    """Silence, or with `muted=False` restore, this user's notifications for the conversation.

    It never keeps anyone from speaking.
    """

    name: ClassVar = "mute"

    muted: bool = field(default=True, kw_only=True, validator=_a_bool)


HOLDS = (Effect.APPLIED, Effect.ALREADY)
"""The effects after which the asked state holds."""

OPERATIONS: tuple[type[Operation], ...] = (ClearUnread, MarkRead, Delete, Mute)


@frozen(kw_only=True)
class Outcome:
    """What came of one operation.

    Attributes:
        operation: what was asked, stamped with `at`.
        effect: what happened at the vendor.
        error: why it failed; None exactly when `effect` is `APPLIED` or `ALREADY`.
        request_id: the vendor's name for the last exchange.
        attempts: how often the call was tried.
    """

    operation: Operation
    effect: Effect
    error: ConvopsError | None = None
    request_id: str | None = None
    attempts: int = 0

    def __attrs_post_init__(self) -> None:
        if (self.error is None) is not (self.effect in HOLDS):
            raise ValueError("error is None exactly for an effect of APPLIED or ALREADY")

    @property
    def ok(self) -> bool:
        """Whether the asked state held when the vendor answered."""
        return self.error is None


def to_document(operation: Operation) -> dict[str, Any]:
    """Return the operation as a JSON-ready dict, for a queue or a file; `from_document` reads it back."""
    document: dict[str, Any] = _converter().unstructure(operation)
    return {"operation": operation.name, **document}


def from_document(document: Mapping[str, Any]) -> Operation:
    """Return the operation that `to_document` wrote.

    Raises:
        InvalidRequestError: the document is not such a dict.
    """
    if not isinstance(document, Mapping):
        raise InvalidRequestError(f"a document is a dict, not {type(document).__name__}")
    fields = dict(document)
    name = fields.pop("operation", None)
    kind = next((kind for kind in OPERATIONS if kind.name == name), None)
    if kind is None:
        raise InvalidRequestError("the document names no operation")
    try:
        operation: Operation = _converter().structure(fields, kind)
    except OperationError:
        raise
    except Exception as error:  # noqa: BLE001 - a stranger's document can break cattrs in any way
        raise InvalidRequestError(f"the document holds no {kind.name}: {type(error).__name__}") from None
    return operation


@functools.cache
def _converter() -> Any:
    # Imported when first needed: `import convops` stays without cattrs.
    from cattrs.preconf.json import make_converter  # noqa: PLC0415

    converter = make_converter(forbid_extra_keys=True, detailed_validation=False)
    for kind in (str, bool):
        converter.register_structure_hook(kind, _exactly)
    return converter


def _exactly(value: object, kind: type) -> object:
    # cattrs would make a str of anything.
    _check("a member", value, kind)
    return value
