"""The people, groups and unread messages that every simulated vendor starts with, and a script for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from attrs import frozen

from convops.operations import ClearUnread, Conversation, Delete, MarkRead, Mute, Operation
from convops.testing import Simulator

USERS = ("alice", "bob", "carol")
GROUPS: Mapping[str, Sequence[str]] = {
    "team-1": ("alice", "bob", "carol"),
    "news": ("alice", "bob"),
    "board": ("bob", "carol"),
}

BOB = Conversation.direct(user="alice", peer="bob")
CAROL = Conversation.direct(user="alice", peer="carol")
TEAM = Conversation.group(user="alice", group="team-1")
NEWS = Conversation.group(user="alice", group="news")
BOARD = Conversation.group(user="alice", group="board")
NOWHERE = Conversation.group(user="alice", group="no-group")

UNREAD: Mapping[Conversation, int] = {
    BOB: 3,
    CAROL: 5,
    TEAM: 7,
    NEWS: 2,
    Conversation.direct(user="carol", peer="alice"): 4,
    Conversation.group(user="bob", group="news"): 2,
}
"""The last two belong to others, and nothing that alice does may change them."""

ABSENT = frozenset({BOARD, NOWHERE})
"""Alice is no member of the one, and the other does not exist."""


def arrange(simulator: Simulator) -> None:
    """Set the scene."""
    for user in USERS:
        simulator.add_user(simulator.user_id(user))
    for group, members in GROUPS.items():
        simulator.add_group(simulator.group_id(group), [simulator.user_id(member) for member in members])
    for conversation, count in UNREAD.items():
        simulator.receive(simulator.spelled(conversation), count)


@frozen
class Act:
    """Operations that are performed together: one by its verb, several by one `apply`."""

    operations: tuple[Operation, ...]


def script(now: datetime) -> list[Act]:
    """Return the acts, in order; some cannot be done everywhere, or by anyone."""
    return [
        Act((ClearUnread(BOB),)),
        Act((Mute(BOB),)),
        Act((MarkRead(CAROL, up_to=now),)),
        Act((MarkRead(CAROL),)),
        Act((ClearUnread(TEAM),)),
        Act((MarkRead(NEWS),)),
        Act((Mute(TEAM),)),
        Act((Mute(TEAM, muted=False),)),
        Act((Mute(TEAM), Mute(NEWS), Mute(BOARD), Mute(NOWHERE))),
        Act((Delete(CAROL),)),
        Act((Delete(NEWS, erase_history=True),)),
    ]
