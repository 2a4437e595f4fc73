"""What is recorded of ZEGO: every operation, and every refusal on the pages of its calls.

Pages: https://www.zegocloud.com/docs/zim-server/ , the Actions' own and `return-codes`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

from convops import ClearUnread, Conversation, Delete, MarkRead, Mute
from convops.testing import Fault, Simulator
from tests.cassettes.scenario import (
    ALICE_BOB,
    ALICE_CAROL,
    ALICE_CLUB,
    ALICE_TEAM,
    ALREADY,
    APPLIED,
    AT,
    Scenario,
    doubtful,
    everyone,
    refused,
)

zego = functools.partial(Scenario, provider="zego", arrange=everyone)

clear = functools.partial(ClearUnread, at=AT)
read = functools.partial(MarkRead, at=AT)
delete = functools.partial(Delete, at=AT)
mute = functools.partial(Mute, at=AT)
unmute = functools.partial(Mute, muted=False, at=AT)

SILENCE = "SilenceConvNotification"
HOUR = 3600.0
STRANGER = Conversation.direct(user="alice", peer="nobody")
NO_GROUP = Conversation.group(user="alice", group="nowhere")
RESERVED_USER = "al ice&b=c+d"
RESERVED_GROUP = "#team 1%/?;:@\u00e9\u732b"
RESERVED = Conversation.group(user=RESERVED_USER, group=RESERVED_GROUP)
ELEVEN = tuple(Conversation.direct(user="alice", peer=f"peer-{number}") for number in range(1, 12))


def answering(code: int, action: str, *, applies: bool = False) -> Callable[[Simulator], None]:
    """Return an arrangement in which one call of the Action is answered with a code."""

    def arrange(simulator: Simulator) -> None:
        everyone(simulator)
        simulator.misbehave(Fault(action=action, code=code, applies=applies))

    return arrange


def reserved(simulator: Simulator) -> None:
    simulator.add_user(RESERVED_USER)
    simulator.add_group(RESERVED_GROUP, [RESERVED_USER])
    simulator.receive(RESERVED, 1)


def eleven(simulator: Simulator) -> None:
    simulator.add_user("alice")
    for conversation in ELEVEN:
        simulator.add_user(conversation.other)


def strangers(simulator: Simulator) -> None:
    simulator.add_user("alice")


def outside(simulator: Simulator) -> None:
    simulator.add_user("alice")
    simulator.add_user("bob")
    simulator.add_group("team", ["bob"])


def nobody(simulator: Simulator) -> None:
    simulator.add_user("bob")


DONE = (
    zego(name="clear-unread-direct", operations=(clear(ALICE_BOB),), expected=(APPLIED,), live=True),
    zego(name="clear-unread-group", operations=(clear(ALICE_TEAM),), expected=(APPLIED,), live=True),
    zego(name="mark-read-direct", operations=(read(ALICE_BOB),), expected=(APPLIED,), live=True),
    zego(name="mark-read-group", operations=(read(ALICE_TEAM),), expected=(APPLIED,), live=True),
    zego(
        name="mute-and-unmute-direct",
        operations=(mute(ALICE_BOB), unmute(ALICE_BOB)),
        expected=(APPLIED, APPLIED),
        live=True,
    ),
    zego(
        name="mute-and-unmute-group",
        operations=(mute(ALICE_TEAM), unmute(ALICE_TEAM)),
        expected=(APPLIED, APPLIED),
        live=True,
    ),
    zego(
        name="mute-and-unmute-twice-direct",
        operations=(mute(ALICE_BOB), mute(ALICE_BOB), unmute(ALICE_BOB), unmute(ALICE_BOB)),
        expected=(APPLIED, ALREADY, APPLIED, ALREADY),
        live=True,
    ),
    zego(
        name="mute-and-unmute-twice-group",
        operations=(mute(ALICE_TEAM), mute(ALICE_TEAM), unmute(ALICE_TEAM), unmute(ALICE_TEAM)),
        expected=(APPLIED, ALREADY, APPLIED, ALREADY),
        live=True,
    ),
    zego(
        name="mute-and-unmute-batch-direct",
        operations=(mute(ALICE_BOB), mute(ALICE_CAROL), unmute(ALICE_BOB), unmute(ALICE_CAROL)),
        expected=(APPLIED,) * 4,
        live=True,
    ),
    zego(
        name="mute-and-unmute-batch-group",
        operations=(mute(ALICE_TEAM), mute(ALICE_CLUB), unmute(ALICE_TEAM), unmute(ALICE_CLUB)),
        expected=(APPLIED,) * 4,
        live=True,
    ),
    zego(
        name="mute-eleven-direct",
        arrange=eleven,
        operations=tuple(mute(conversation) for conversation in ELEVEN),
        expected=(APPLIED,) * 11,
    ),
    zego(
        name="mute-without-error-list",
        simulator={"empty_error_list": "missing"},
        operations=(mute(ALICE_BOB),),
        expected=(APPLIED,),
    ),
    zego(
        name="mute-with-null-error-list",
        simulator={"empty_error_list": "null"},
        operations=(mute(ALICE_BOB),),
        expected=(APPLIED,),
    ),
    zego(
        name="reserved-characters",
        arrange=reserved,
        operations=(clear(RESERVED), mute(RESERVED), delete(RESERVED)),
        expected=(APPLIED, APPLIED, APPLIED),
    ),
    zego(
        name="mute-busy-then-done",
        arrange=answering(660000001, SILENCE),
        attempts=2,
        operations=(mute(ALICE_BOB),),
        expected=(APPLIED,),
    ),
    zego(
        name="mute-done-though-busy",
        arrange=answering(660000001, SILENCE, applies=True),
        attempts=2,
        operations=(mute(ALICE_BOB),),
        expected=(ALREADY,),
    ),
    zego(name="delete-direct", operations=(delete(ALICE_BOB),), expected=(APPLIED,), live=True),
    zego(name="delete-group", operations=(delete(ALICE_TEAM),), expected=(APPLIED,), live=True),
    zego(
        name="delete-direct-erasing-history",
        operations=(delete(ALICE_BOB, erase_history=True),),
        expected=(APPLIED,),
        live=True,
    ),
    zego(
        name="delete-group-erasing-history",
        operations=(delete(ALICE_TEAM, erase_history=True),),
        expected=(APPLIED,),
        live=True,
    ),
)

PARTLY_DONE = (
    zego(
        name="mute-batch-one-unregistered",
        operations=(mute(ALICE_BOB), mute(STRANGER), mute(ALICE_CAROL)),
        expected=(APPLIED, refused("NotFoundError", 660700015), APPLIED),
    ),
    zego(
        name="mute-batch-one-already",
        before=(mute(ALICE_BOB),),
        operations=(mute(ALICE_BOB), mute(ALICE_CAROL)),
        expected=(ALREADY, APPLIED),
    ),
    zego(
        name="mute-batch-list-full-midway",
        simulator={"mute_limit": 1},
        operations=(mute(ALICE_BOB), mute(ALICE_CAROL)),
        expected=(APPLIED, refused("LimitExceededError", 660800030)),
    ),
    zego(
        name="mute-batch-one-group-missing",
        operations=(mute(ALICE_TEAM), mute(NO_GROUP)),
        expected=(APPLIED, refused("NotFoundError", 660600001)),
    ),
    zego(
        name="mute-batch-all-unregistered",
        arrange=strangers,
        operations=(mute(ALICE_BOB), mute(ALICE_CAROL)),
        expected=(refused("NotFoundError", 660700015),) * 2,
    ),
    zego(
        name="delete-direct-refused-after-erasing",
        arrange=answering(660000002, "DeleteConv"),
        operations=(delete(ALICE_BOB, erase_history=True),),
        expected=(doubtful("InvalidRequestError", 660000002),),
    ),
)

REFUSED = (
    # ClearConversationUnread
    zego(
        name="clear-unread-no-conversation",
        arrange=outside,
        operations=(clear(ALICE_BOB),),
        expected=(refused("NotFoundError", 660800002),),
    ),
    zego(
        name="clear-unread-beyond-latest",
        simulator={"latest": 3},
        operations=(clear(ALICE_BOB),),
        expected=(refused("NotFoundError", 660800002),),
    ),
    zego(
        name="mark-read-no-conversation",
        arrange=outside,
        operations=(read(ALICE_BOB),),
        expected=(refused("NotFoundError", 660800002),),
    ),
    zego(
        name="clear-unread-bad-parameter",
        arrange=answering(660000002, "ClearConversationUnread"),
        operations=(clear(ALICE_BOB),),
        expected=(refused("InvalidRequestError", 660000002),),
    ),
    zego(
        name="clear-unread-too-frequent",
        arrange=answering(660300005, "ClearConversationUnread"),
        operations=(clear(ALICE_BOB),),
        expected=(refused("RateLimitedError", 660300005),),
    ),
    # DeleteConv and what erases messages
    zego(
        name="delete-bad-parameter",
        arrange=answering(660000002, "DeleteConv"),
        operations=(delete(ALICE_BOB),),
        expected=(refused("InvalidRequestError", 660000002),),
    ),
    zego(
        name="delete-too-frequent",
        arrange=answering(660300005, "DeleteConv"),
        operations=(delete(ALICE_BOB),),
        expected=(refused("RateLimitedError", 660300005),),
    ),
    zego(
        name="delete-direct-erasing-bad-parameter",
        arrange=answering(660000002, "ClearPeerMessage"),
        operations=(delete(ALICE_BOB, erase_history=True),),
        expected=(refused("InvalidRequestError", 660000002),),
    ),
    zego(
        name="delete-group-erasing-bad-parameter",
        arrange=answering(660000002, "ClearMemberGroupMessage"),
        operations=(delete(ALICE_TEAM, erase_history=True),),
        expected=(refused("InvalidRequestError", 660000002),),
    ),
    # SilenceConvNotification
    zego(
        name="mute-service-error",
        arrange=answering(660000001, SILENCE),
        operations=(mute(ALICE_BOB),),
        expected=(doubtful("ProviderUnavailableError", 660000001),),
    ),
    zego(
        name="mute-bad-parameter",
        arrange=answering(660000002, SILENCE),
        operations=(mute(ALICE_BOB),),
        expected=(refused("InvalidRequestError", 660000002),),
    ),
    zego(
        name="mute-too-frequent",
        arrange=answering(660300005, SILENCE),
        operations=(mute(ALICE_BOB), mute(ALICE_CAROL)),
        expected=(refused("RateLimitedError", 660300005),) * 2,
    ),
    zego(
        name="mute-user-unregistered",
        arrange=nobody,
        operations=(mute(ALICE_BOB),),
        expected=(refused("NotFoundError", 660500002),),
    ),
    zego(
        name="mute-group-missing",
        operations=(mute(NO_GROUP),),
        expected=(refused("NotFoundError", 660600001),),
    ),
    zego(
        name="mute-group-unreadable",
        arrange=answering(660600009, SILENCE),
        operations=(mute(ALICE_TEAM),),
        expected=(refused("NotFoundError", 660600009),),
    ),
    zego(
        name="mute-group-not-a-member",
        arrange=outside,
        operations=(mute(ALICE_TEAM),),
        expected=(refused("PermissionDeniedError", 660600024),),
    ),
    zego(
        name="mute-peer-unregistered",
        operations=(mute(STRANGER),),
        expected=(refused("NotFoundError", 660700015),),
    ),
    zego(
        name="mute-list-full",
        simulator={"mute_limit": 1},
        before=(mute(ALICE_CAROL),),
        operations=(mute(ALICE_BOB),),
        expected=(refused("LimitExceededError", 660800030),),
    ),
    # The gateway in front of every Action
    zego(
        name="overloaded",
        arrange=answering(7, "ClearConversationUnread"),
        operations=(clear(ALICE_BOB),),
        expected=(refused("RateLimitedError", 7),),
    ),
    zego(
        name="signature-expired",
        clock_ahead=HOUR,
        operations=(clear(ALICE_BOB), delete(ALICE_TEAM)),
        expected=(refused("AuthenticationError", 100000004),) * 2,
    ),
    zego(
        name="signature-wrong",
        account={"server_secret": "not-the-secret-of-this-app"},
        operations=(clear(ALICE_BOB), delete(ALICE_TEAM)),
        expected=(refused("AuthenticationError", 100000005),) * 2,
    ),
)

SCENARIOS = (*DONE, *PARTLY_DONE, *REFUSED)
