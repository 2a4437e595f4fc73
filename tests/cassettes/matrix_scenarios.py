"""What is recorded of Matrix, from a running Synapse: every operation, and what it was brought to refuse."""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import UTC, datetime

from convops import ClearUnread, Conversation, Delete, MarkRead, Mute
from tests.cassettes.scenario import ALREADY, APPLIED, AT, Scenario, refused
from tests.cassettes.stage import ALICE, BOB, TOKEN_OF_ALICE, TOKEN_OF_BOB, TOKEN_OF_NOBODY, Stage

ORIGIN = "https://matrix.example"
"""Nobody's homeserver, in place of the one that answered."""

TEAM, DM, OLD_DM = (f"!{name}:matrix.example" for name in ("team", "alice-and-bob", "before"))
FOUR = tuple(f"!room-{number}:matrix.example" for number in range(4))

ALICE_BOB = Conversation.direct(user=ALICE, peer=BOB)
ALICE_TEAM = Conversation.group(user=ALICE, group=TEAM)
NOWHERE = Conversation.group(user=ALICE, group="!nowhere:matrix.example")

clear = functools.partial(ClearUnread, at=AT)
read = functools.partial(MarkRead, at=AT)
delete = functools.partial(Delete, at=AT)
mute = functools.partial(Mute, at=AT)
unmute = functools.partial(Mute, muted=False, at=AT)

LEAVING = {"base_url": ORIGIN, "delete_mode": "leave"}
HIDING = {"base_url": ORIGIN, "delete_mode": "hide"}
VISIBLE = {"type": "m.room.history_visibility", "content": {"history_visibility": "world_readable"}}
RULE = ("pushrules", "global", "override", TEAM)


def everyone(stage: Stage) -> None:
    """Let Alice have unread messages from Bob, directly and in a group."""
    stage.room(TEAM, BOB, ALICE)
    stage.room(DM, BOB, ALICE)
    stage.say(TEAM)
    stage.say(DM)
    stage.server.list_direct(ALICE, {BOB: [stage.rooms[DM]]})


def after(
    *path: str, user: str = ALICE, method: str = "POST", body: object = None
) -> Callable[[Stage], None]:
    """Return an arrangement in which somebody did something more."""

    def arrange(stage: Stage) -> None:
        everyone(stage)
        stage.ask(user, method, *path, body=body)

    return arrange


def by_hand(stage: Stage) -> None:
    everyone(stage)
    stage.server.mark_unread(ALICE, stage.rooms[TEAM])


def switched_off(stage: Stage) -> None:
    everyone(stage)
    room = stage.rooms[TEAM]
    conditions = [{"kind": "event_match", "key": "room_id", "pattern": room}]
    stage.ask(ALICE, "PUT", *RULE, body={"conditions": conditions, "actions": []})
    stage.ask(ALICE, "PUT", *RULE, "enabled", body={"enabled": False})


def forgotten(stage: Stage) -> None:
    after("rooms", TEAM, "leave")(stage)
    stage.ask(ALICE, "POST", "rooms", TEAM, "forget")


def of_others(stage: Stage) -> None:
    stage.room(TEAM, BOB)


def for_all_to_read(stage: Stage) -> None:
    stage.room(TEAM, BOB, initial_state=[VISIBLE])


def invited(stage: Stage) -> None:
    stage.room(TEAM, BOB)
    stage.ask(BOB, "POST", "rooms", TEAM, "invite", body={"user_id": ALICE})


def with_an_old_one(stage: Stage) -> None:
    everyone(stage)
    stage.room(OLD_DM, BOB, ALICE)
    stage.ask(ALICE, "POST", "rooms", OLD_DM, "leave")
    stage.server.list_direct(ALICE, {BOB: [stage.rooms[DM], stage.rooms[OLD_DM]]})


def without_m_direct(stage: Stage) -> None:
    stage.room(DM, BOB, ALICE)


def in_four(stage: Stage) -> None:
    for room in FOUR:
        stage.room(room, BOB, ALICE)


matrix = functools.partial(Scenario, provider="matrix", arrange=everyone, account=LEAVING)

DONE = (
    matrix(name="clear-unread-direct", operations=(clear(ALICE_BOB),), expected=(APPLIED,)),
    matrix(name="clear-unread-group", operations=(clear(ALICE_TEAM),), expected=(APPLIED,)),
    matrix(name="mark-read-direct", operations=(read(ALICE_BOB),), expected=(APPLIED,)),
    matrix(name="mark-read-group", operations=(read(ALICE_TEAM),), expected=(APPLIED,)),
    matrix(
        name="mark-read-up-to-before-the-room",
        operations=(read(ALICE_TEAM, up_to=datetime(2020, 1, 1, tzinfo=UTC)),),
        expected=(ALREADY,),
    ),
    matrix(
        name="clear-unread-marked-by-hand",
        arrange=by_hand,
        operations=(clear(ALICE_TEAM),),
        expected=(APPLIED,),
    ),
    matrix(
        name="clear-unread-twice-asks-who-it-is-once",
        operations=(clear(ALICE_TEAM), clear(ALICE_TEAM)),
        expected=(APPLIED, APPLIED),
    ),
    matrix(
        name="clear-unread-with-the-users-own-token",
        account={**LEAVING, "access_token": TOKEN_OF_ALICE},
        operations=(clear(ALICE_TEAM),),
        expected=(APPLIED,),
    ),
    matrix(
        name="mute-and-unmute-twice-direct",
        operations=(mute(ALICE_BOB), mute(ALICE_BOB), unmute(ALICE_BOB), unmute(ALICE_BOB)),
        expected=(APPLIED, ALREADY, APPLIED, ALREADY),
    ),
    matrix(
        name="mute-and-unmute-twice-group",
        operations=(mute(ALICE_TEAM), mute(ALICE_TEAM), unmute(ALICE_TEAM), unmute(ALICE_TEAM)),
        expected=(APPLIED, ALREADY, APPLIED, ALREADY),
    ),
    matrix(
        name="mute-rule-switched-off",
        arrange=switched_off,
        operations=(mute(ALICE_TEAM),),
        expected=(APPLIED,),
    ),
    matrix(
        name="mute-in-the-room-that-was-not-left",
        arrange=with_an_old_one,
        operations=(mute(ALICE_BOB),),
        expected=(APPLIED,),
    ),
    matrix(name="delete-leaving-direct", operations=(delete(ALICE_BOB),), expected=(APPLIED,)),
    matrix(name="delete-leaving-group", operations=(delete(ALICE_TEAM),), expected=(APPLIED,)),
    matrix(
        name="delete-an-invitation", arrange=invited, operations=(delete(ALICE_TEAM),), expected=(APPLIED,)
    ),
    matrix(name="delete-hiding-direct", account=HIDING, operations=(delete(ALICE_BOB),), expected=(APPLIED,)),
    matrix(name="delete-hiding-group", account=HIDING, operations=(delete(ALICE_TEAM),), expected=(APPLIED,)),
)

NOT_FOUND = refused("NotFoundError", "M_FORBIDDEN")
STAYING = (clear, read, mute, unmute)
EVERY_HERE = tuple(verb(ALICE_TEAM) for verb in STAYING)


def denied(user: str) -> tuple[Mute, ...]:
    return (mute(Conversation.group(user=user, group=TEAM)),)


REFUSED = (
    matrix(
        name="token-unknown",
        account={**LEAVING, "access_token": TOKEN_OF_NOBODY},
        operations=(*EVERY_HERE, delete(ALICE_TEAM)),
        expected=(refused("AuthenticationError", "M_UNKNOWN_TOKEN"),) * 5,
    ),
    matrix(
        name="token-of-somebody-else",
        account={**LEAVING, "access_token": TOKEN_OF_BOB},
        operations=(*EVERY_HERE, delete(ALICE_TEAM)),
        expected=(refused("PermissionDeniedError"),) * 5,
    ),
    matrix(
        name="user-not-registered",
        operations=denied("@nobody:matrix.example"),
        expected=(refused("PermissionDeniedError", "M_FORBIDDEN"),),
    ),
    matrix(
        name="user-of-another-server",
        operations=denied("@alice:elsewhere.example"),
        expected=(refused("PermissionDeniedError", "M_FORBIDDEN"),),
    ),
    matrix(
        name="room-that-does-not-exist",
        operations=(*(verb(NOWHERE) for verb in STAYING), delete(NOWHERE)),
        expected=(*(NOT_FOUND,) * 4, refused("NotFoundError", "M_UNKNOWN")),
    ),
    matrix(
        name="room-of-others",
        arrange=of_others,
        operations=(*EVERY_HERE, delete(ALICE_TEAM)),
        expected=(NOT_FOUND,) * 5,
    ),
    matrix(
        name="room-that-anybody-may-read",
        arrange=for_all_to_read,
        operations=EVERY_HERE,
        expected=(refused("NotFoundError", "M_NOT_FOUND"),) * 4,
    ),
    matrix(
        name="room-that-was-left",
        arrange=after("rooms", TEAM, "leave"),
        operations=EVERY_HERE,
        expected=(refused("NotFoundError", "leave"),) * 4,
    ),
    matrix(
        name="room-that-was-forgotten", arrange=forgotten, operations=EVERY_HERE, expected=(NOT_FOUND,) * 4
    ),
    matrix(
        name="room-with-a-ban",
        arrange=after("rooms", TEAM, "ban", user=BOB, body={"user_id": ALICE}),
        operations=(*EVERY_HERE, delete(ALICE_TEAM)),
        expected=(NOT_FOUND,) * 5,
    ),
    matrix(name="room-with-an-invitation", arrange=invited, operations=EVERY_HERE, expected=(NOT_FOUND,) * 4),
    matrix(
        name="direct-not-listed",
        arrange=without_m_direct,
        operations=tuple(verb(ALICE_BOB) for verb in (*STAYING, delete)),
        expected=(refused("NotFoundError"),) * 5,
    ),
    matrix(
        name="delete-too-often",
        account={**LEAVING, "access_token": TOKEN_OF_ALICE},
        arrange=in_four,
        operations=tuple(delete(Conversation.group(user=ALICE, group=room)) for room in FOUR),
        expected=(*(APPLIED,) * 3, refused("RateLimitedError", "M_LIMIT_EXCEEDED")),
    ),
)

SCENARIOS = (*DONE, *REFUSED)
