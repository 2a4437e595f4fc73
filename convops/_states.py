"""A conversation as a vendor has it, for whoever looks behind the scenes."""

from __future__ import annotations

from attrs import frozen


@frozen(kw_only=True)
class ConversationState:
    """A conversation as the vendor has it.

    Attributes:
        unread: messages the user has not read.
        muted: whether the user's notifications for it are off.
        messages: messages the user can still see.
        read_up_to: Unix seconds up to which the user has read; None for never.
    """

    unread: int = 0
    muted: bool = False
    messages: int = 0
    read_up_to: float | None = None
