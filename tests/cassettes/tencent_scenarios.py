"""What is recorded of Tencent: every operation, and every refusal on the pages of its calls.

Pages: https://trtc.io/document/38996 (read), 43088 (delete), 34900 (mute), 34909 (reset), 34348 (codes).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import UTC, datetime

from convops import ClearUnread, Conversation, Delete, MarkRead, Mute
from convops.testing import Fault, Simulator
from tests.cassettes.scenario import (
    ALICE_BOB,
    ALICE_TEAM,
    APPLIED,
    AT,
    Scenario,
    doubtful,
    everyone,
    refused,
)

tencent = functools.partial(Scenario, provider="tencent", arrange=everyone)

clear = functools.partial(ClearUnread, at=AT)
read = functools.partial(MarkRead, at=AT)
delete = functools.partial(Delete, at=AT)
mute = functools.partial(Mute, at=AT)
unmute = functools.partial(Mute, muted=False, at=AT)

READ = "openim/admin_set_msg_read"
DELETE = "recentcontact/delete"
MEMBER = "group_open_http_svc/modify_group_member_info"
RESET = "group_open_http_svc/set_unread_msg_num"

TWO_DAYS = 172_800.0
"""More than the life of a UserSig."""
RESETTING = {"allow_group_unread_reset": True}
NOT_ADMIN = {"admin": "alice"}
STRANGER = Conversation.direct(user="alice", peer="nobody")
OF_STRANGER = Conversation.direct(user="nobody", peer="alice")
NO_GROUP = Conversation.group(user="alice", group="nowhere")
RESERVED_USER = "al ice&b=c+d"
RESERVED_GROUP = "@TGS#team 1%/?;:\u00e9\u732b"
RESERVED = Conversation.group(user=RESERVED_USER, group=RESERVED_GROUP)


def answering(code: int, command: str) -> Callable[[Simulator], None]:
    """Return an arrangement in which one call of the command is answered with a code."""

    def arrange(simulator: Simulator) -> None:
        everyone(simulator)
        simulator.misbehave(Fault(action=command, code=code))

    return arrange


def group_of_type(kind: str, *members: str) -> Callable[[Simulator], None]:
    """Return an arrangement in which the team is a group of this type."""

    def arrange(simulator: Simulator) -> None:
        for user in ("alice", "bob"):
            simulator.add_user(user)
        simulator.add_group("team", members, kind=kind)

    return arrange


def reserved(simulator: Simulator) -> None:
    simulator.add_user(RESERVED_USER)
    simulator.add_group(RESERVED_GROUP, [RESERVED_USER])
    simulator.receive(RESERVED, 1)


DONE = (
    tencent(name="clear-unread-direct", operations=(clear(ALICE_BOB),), expected=(APPLIED,), live=True),
    tencent(
        name="clear-unread-group",
        account=RESETTING,
        operations=(clear(ALICE_TEAM),),
        expected=(APPLIED,),
        live=True,
    ),
    tencent(name="mark-read-direct", operations=(read(ALICE_BOB),), expected=(APPLIED,), live=True),
    tencent(
        name="mark-read-direct-up-to",
        operations=(read(ALICE_BOB, up_to=datetime(2025, 11, 2, 23, 59, 59, 900_000, UTC)),),
        expected=(APPLIED,),
        live=True,
    ),
    tencent(
        name="mute-and-unmute-group",
        operations=(mute(ALICE_TEAM), unmute(ALICE_TEAM)),
        expected=(APPLIED, APPLIED),
        live=True,
    ),
    # No code says that it was so already.
    tencent(
        name="mute-and-unmute-twice-group",
        operations=(mute(ALICE_TEAM), mute(ALICE_TEAM), unmute(ALICE_TEAM), unmute(ALICE_TEAM)),
        expected=(APPLIED,) * 4,
        live=True,
    ),
    tencent(
        name="reserved-characters",
        arrange=reserved,
        operations=(mute(RESERVED), delete(RESERVED)),
        expected=(APPLIED, APPLIED),
    ),
    tencent(
        name="delete-busy-then-done",
        arrange=answering(50004, DELETE),
        attempts=2,
        operations=(delete(ALICE_BOB),),
        expected=(APPLIED,),
    ),
    tencent(name="delete-direct", operations=(delete(ALICE_BOB),), expected=(APPLIED,), live=True),
    tencent(name="delete-group", operations=(delete(ALICE_TEAM),), expected=(APPLIED,), live=True),
    tencent(
        name="delete-direct-erasing-history",
        operations=(delete(ALICE_BOB, erase_history=True),),
        expected=(APPLIED,),
        live=True,
    ),
    tencent(
        name="delete-group-erasing-history",
        operations=(delete(ALICE_TEAM, erase_history=True),),
        expected=(APPLIED,),
        live=True,
    ),
)

READING_REFUSED = (
    tencent(
        name="clear-unread-unreadable",
        arrange=answering(90001, READ),
        operations=(clear(ALICE_BOB),),
        expected=(refused("InvalidRequestError", 90001),),
    ),
    tencent(
        name="clear-unread-peer-missing",
        operations=(clear(STRANGER),),
        expected=(refused("NotFoundError", 90003),),
    ),
    tencent(
        name="clear-unread-user-missing",
        operations=(clear(OF_STRANGER),),
        expected=(refused("NotFoundError", 90008),),
    ),
    tencent(
        name="mark-read-unreadable",
        arrange=answering(90001, READ),
        operations=(read(ALICE_BOB),),
        expected=(refused("InvalidRequestError", 90001),),
    ),
    tencent(
        name="mark-read-peer-missing",
        operations=(read(STRANGER),),
        expected=(refused("NotFoundError", 90003),),
    ),
    tencent(
        name="mark-read-user-missing",
        operations=(read(OF_STRANGER),),
        expected=(refused("NotFoundError", 90008),),
    ),
    tencent(
        name="mark-read-not-admin",
        account=NOT_ADMIN,
        operations=(read(ALICE_BOB),),
        expected=(refused("PermissionDeniedError", 90009),),
    ),
)

DELETING_REFUSED = (
    tencent(
        name="delete-user-missing",
        operations=(delete(OF_STRANGER),),
        expected=(refused("NotFoundError", 50001),),
    ),
    tencent(
        name="delete-bad-parameter",
        arrange=answering(50002, DELETE),
        operations=(delete(ALICE_BOB),),
        expected=(refused("InvalidRequestError", 50002),),
    ),
    tencent(
        name="delete-not-admin",
        account=NOT_ADMIN,
        operations=(delete(ALICE_BOB),),
        expected=(refused("PermissionDeniedError", 50003),),
    ),
    tencent(
        name="delete-service-error",
        arrange=answering(50004, DELETE),
        operations=(delete(ALICE_BOB),),
        expected=(doubtful("ProviderUnavailableError", 50004),),
    ),
    tencent(
        name="delete-timeout",
        arrange=answering(50005, DELETE),
        operations=(delete(ALICE_TEAM),),
        expected=(doubtful("ProviderUnavailableError", 50005),),
    ),
)

MUTING_REFUSED = (
    tencent(
        name="mute-service-error",
        arrange=answering(10002, MEMBER),
        operations=(mute(ALICE_TEAM),),
        expected=(doubtful("ProviderUnavailableError", 10002),),
    ),
    tencent(
        name="mute-no-such-command",
        arrange=answering(10003, MEMBER),
        operations=(mute(ALICE_TEAM),),
        expected=(refused("InvalidRequestError", 10003),),
    ),
    tencent(
        name="mute-not-a-member",
        arrange=group_of_type("Public", "bob"),
        operations=(mute(ALICE_TEAM),),
        expected=(refused("InvalidRequestError", 10004),),
    ),
    tencent(
        name="mute-in-avchatroom",
        arrange=group_of_type("AVChatRoom", "alice", "bob"),
        operations=(mute(ALICE_TEAM),),
        expected=(refused("PermissionDeniedError", 10007),),
    ),
    tencent(
        name="mute-group-missing",
        operations=(mute(NO_GROUP),),
        expected=(refused("NotFoundError", 10010),),
    ),
    tencent(
        name="mute-group-id-refused",
        arrange=answering(10015, MEMBER),
        operations=(mute(ALICE_TEAM),),
        expected=(refused("NotFoundError", 10015),),
    ),
    tencent(
        name="mute-text-rejected",
        arrange=answering(80001, MEMBER),
        operations=(mute(ALICE_TEAM),),
        expected=(refused("InvalidRequestError", 80001),),
    ),
    tencent(
        name="mute-not-admin",
        account=NOT_ADMIN,
        operations=(mute(ALICE_TEAM),),
        expected=(refused("PermissionDeniedError", 60010),),
    ),
)

resetting = functools.partial(tencent, account=RESETTING, operations=(clear(ALICE_TEAM),))

RESETTING_REFUSED = (
    resetting(
        name="reset-unread-in-meeting",
        arrange=group_of_type("Meeting", "alice", "bob"),
        expected=(refused("UnsupportedOperationError"),),
    ),
    resetting(
        name="reset-unread-in-avchatroom",
        arrange=group_of_type("AVChatRoom", "alice", "bob"),
        expected=(refused("UnsupportedOperationError"),),
    ),
    resetting(
        name="reset-unread-group-missing",
        operations=(clear(NO_GROUP),),
        expected=(refused("NotFoundError", 10010),),
    ),
    resetting(
        name="reset-unread-service-error",
        arrange=answering(10002, RESET),
        expected=(doubtful("ProviderUnavailableError", 10002),),
    ),
    resetting(
        name="reset-unread-no-such-command",
        arrange=answering(10003, RESET),
        expected=(refused("InvalidRequestError", 10003),),
    ),
    resetting(
        name="reset-unread-not-a-member",
        arrange=group_of_type("Public", "bob"),
        expected=(refused("InvalidRequestError", 10004),),
    ),
    resetting(
        name="reset-unread-not-allowed",
        arrange=answering(10007, RESET),
        expected=(refused("PermissionDeniedError", 10007),),
    ),
    resetting(
        name="reset-unread-group-dismissed-meanwhile",
        arrange=answering(10010, RESET),
        expected=(refused("NotFoundError", 10010),),
    ),
    resetting(
        name="reset-unread-group-id-refused",
        arrange=answering(10015, RESET),
        expected=(refused("NotFoundError", 10015),),
    ),
)

GATEWAY_REFUSED = (
    tencent(
        name="too-frequent",
        arrange=answering(60007, READ),
        operations=(clear(ALICE_BOB),),
        expected=(refused("RateLimitedError", 60007),),
    ),
    tencent(
        name="usersig-expired",
        clock_ahead=TWO_DAYS,
        operations=(clear(ALICE_BOB), delete(ALICE_TEAM)),
        expected=(refused("AuthenticationError", 70001),) * 2,
    ),
    tencent(
        name="usersig-of-another-key",
        account={"secret_key": "not-the-key-of-this-app"},
        operations=(clear(ALICE_BOB), mute(ALICE_TEAM)),
        expected=(refused("AuthenticationError", 70009),) * 2,
    ),
)

SCENARIOS = (
    *DONE,
    *READING_REFUSED,
    *DELETING_REFUSED,
    *MUTING_REFUSED,
    *RESETTING_REFUSED,
    *GATEWAY_REFUSED,
)
