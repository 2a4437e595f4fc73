"""Every operation against a running Synapse, checked by the server's own count, rules and membership."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from attrs import frozen

from convops import ClearUnread, Conversation, Delete, Effect, MarkRead, Mute
from tests.synapse.homeserver import Homeserver

pytestmark = pytest.mark.synapse

WRITES = ("clear_unread", "mark_read")

# Dated by the application service, so that no test depends on two clocks or a pause.
EARLIER = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
BETWEEN = EARLIER + timedelta(minutes=10)
LATER = EARLIER + timedelta(minutes=20)


@frozen
class Scene:
    """A room with two people in it, seen from Alice's side as a direct conversation or as a group."""

    alice: str
    bob: str
    room: str
    conversation: Conversation
    server: Homeserver

    def unread(self) -> int:
        return self.server.unread(self.alice, self.room)

    def says(self, count: int = 1, *, dated: datetime | None = None) -> str:
        return self.server.say(self.room, self.bob, count, dated=dated)

    def seen_by_bob(self) -> set[tuple[str, str]]:
        return self.server.receipts(self.room, of=self.alice, seen_by=self.bob)


@pytest.fixture(params=["direct", "group"])
def scene(request, server):
    alice, bob = server.person("alice"), server.person("bob")
    room = server.room(bob, alice)
    conversation = Conversation.group(user=alice, group=room)
    if request.param == "direct":
        server.list_direct(alice, {bob: [room]})
        conversation = Conversation.direct(user=alice, peer=bob)
    return Scene(alice, bob, room, conversation, server)


@pytest.fixture
def chat(connect):
    return connect()


# --- Unread -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", WRITES)
def test_the_servers_own_count_goes_to_zero(scene, chat, verb):
    last = scene.says(3)
    assert scene.unread() >= 3

    outcome = chat.do(verb, scene.conversation)

    assert outcome.effect is Effect.APPLIED
    assert scene.unread() == 0
    assert scene.server.room_data(scene.alice, scene.room, "m.fully_read") == {"event_id": last}


def test_clearing_shows_the_peer_nothing_and_marking_read_does(scene, chat):
    last = scene.says(2)

    chat.clear_unread(scene.conversation)
    assert scene.seen_by_bob() == set()
    mine = scene.server.receipts(scene.room, of=scene.alice, seen_by=scene.alice)
    assert mine == {("m.read.private", last)}

    chat.mark_read(scene.conversation)
    assert scene.seen_by_bob() == {("m.read", last)}


@pytest.mark.parametrize("verb", WRITES)
def test_the_mark_that_a_user_set_by_hand_is_taken_away(scene, chat, verb):
    scene.server.mark_unread(scene.alice, scene.room)

    chat.do(verb, scene.conversation)

    assert scene.server.room_data(scene.alice, scene.room, "m.marked_unread") == {"unread": False}


def test_doing_it_again_changes_nothing_and_is_no_error(scene, chat):
    scene.says(2)

    outcomes = [chat.do(verb, scene.conversation) for verb in WRITES * 2]

    assert {outcome.effect for outcome in outcomes} == {Effect.APPLIED}
    assert scene.unread() == 0


def test_up_to_a_time_is_kept_to_the_message(scene, chat):
    before = scene.says(2, dated=EARLIER)
    scene.says(3, dated=LATER)

    chat.mark_read(scene.conversation, up_to=BETWEEN)

    assert scene.unread() == 3
    assert scene.seen_by_bob() == {("m.read", before)}


@pytest.mark.parametrize("operation", [ClearUnread, MarkRead])
def test_a_late_repeat_takes_no_newer_message(scene, chat, operation):
    scene.says(2, dated=EARLIER)
    decided = operation(scene.conversation, at=BETWEEN)
    scene.says(4, dated=LATER)

    outcomes = [*chat.apply([decided]), *chat.apply([decided])]

    assert [outcome.effect for outcome in outcomes] == [Effect.APPLIED] * 2
    assert scene.unread() == 4


@pytest.mark.parametrize("included", [True, False])
def test_the_very_millisecond_of_a_message_is_included(scene, chat, included):
    scene.says(dated=EARLIER - timedelta(seconds=1))
    scene.says(2, dated=EARLIER)
    moment = EARLIER if included else EARLIER - timedelta(milliseconds=1)

    chat.mark_read(scene.conversation, up_to=moment)

    assert scene.unread() == (0 if included else 2)


def test_nothing_goes_back_to_an_older_message(scene, chat):
    scene.says(dated=EARLIER)
    last = scene.says(2, dated=LATER)
    chat.mark_read(scene.conversation, up_to=LATER)

    outcome = chat.mark_read(scene.conversation, up_to=BETWEEN)

    assert outcome.effect is Effect.APPLIED
    assert scene.unread() == 0
    assert scene.seen_by_bob() == {("m.read", last)}


def test_a_message_dated_back_may_stay_unread_as_the_caveat_says(scene, chat):
    # The joining is of today, so it is the newest event by date, and came before the messages.
    scene.says(2, dated=EARLIER)

    outcome = chat.clear_unread(scene.conversation)

    assert outcome.effect is Effect.APPLIED
    assert scene.unread() == 2
    support = chat.target.supports(ClearUnread, scene.conversation.kind)
    assert "matrix.senders-clock" in [caveat.id for caveat in support.caveats]


def test_a_time_before_the_room_was_made_leaves_nothing_to_do(scene, chat):
    count = scene.says() and scene.unread()

    outcome = chat.mark_read(scene.conversation, up_to=datetime(2020, 1, 1, tzinfo=UTC))

    assert outcome.effect is Effect.ALREADY
    assert scene.unread() == count


def test_messages_in_threads_are_marked_too(scene, chat):
    root = scene.says()
    relation = {"rel_type": "m.thread", "event_id": root}
    scene.server.say(scene.room, scene.bob, 2, **{"m.relates_to": relation})

    chat.mark_read(scene.conversation)

    assert scene.unread() == 0


# --- Mute ---------------------------------------------------------------------------------------------


def test_what_arrives_while_muted_is_not_counted_and_what_comes_after_is(scene, chat):
    scene.says(2)
    before = scene.unread()

    assert chat.mute(scene.conversation).effect is Effect.APPLIED
    scene.says(3)
    assert scene.unread() == before
    rule = scene.server.rule(scene.alice, scene.room)
    assert (rule["actions"], rule["enabled"]) == ([], True)

    assert chat.mute(scene.conversation, muted=False).effect is Effect.APPLIED
    assert scene.server.rule(scene.alice, scene.room) is None
    scene.says()
    assert scene.unread() == before + 1


def test_the_server_tells_that_a_mute_held_before(scene, chat):
    effects = [chat.mute(scene.conversation, muted=muted).effect for muted in (True, True, False, False)]

    assert effects == [Effect.APPLIED, Effect.ALREADY, Effect.APPLIED, Effect.ALREADY]


def test_a_rule_that_was_switched_off_is_switched_on_again(scene, chat):
    chat.mute(scene.conversation)
    path = ("v3", "pushrules", "global", "override", scene.room, "enabled")
    scene.server.must("PUT", *path, user=scene.alice, body={"enabled": False})

    outcome = chat.mute(scene.conversation)

    assert outcome.effect is Effect.APPLIED
    assert scene.server.rule(scene.alice, scene.room)["enabled"] is True
    before = scene.unread()
    scene.says()
    assert scene.unread() == before


def test_muting_is_one_users_own(scene, chat):
    chat.mute(scene.conversation)
    count = scene.server.unread(scene.bob, scene.room)

    scene.server.say(scene.room, scene.alice)

    assert scene.server.rule(scene.bob, scene.room) is None
    assert scene.server.unread(scene.bob, scene.room) == count + 1


# --- Delete -------------------------------------------------------------------------------------------


def test_delete_is_refused_until_the_account_chooses_what_it_means(scene, chat):
    (outcome,) = chat.apply([Delete(scene.conversation)])

    assert type(outcome.error).__name__ == "UnsupportedOperationError"
    assert scene.server.membership(scene.alice, scene.room, seen_by=scene.bob) == "join"


def test_leaving_ends_the_membership_for_all_to_see_and_forgets_the_room(scene, connect):
    outcome = connect(delete_mode="leave").delete(scene.conversation)

    assert outcome.effect is Effect.APPLIED
    assert scene.server.membership(scene.alice, scene.room, seen_by=scene.bob) == "leave"
    assert not scene.server.can_read(scene.alice, scene.room)


def test_a_room_that_was_left_and_not_forgotten_is_forgotten(scene, connect):
    scene.server.must("POST", "v3", "rooms", scene.room, "leave", user=scene.alice, body={})
    assert scene.server.can_read(scene.alice, scene.room)

    outcome = connect(delete_mode="leave").delete(scene.conversation)

    assert outcome.effect is Effect.APPLIED
    assert not scene.server.can_read(scene.alice, scene.room)


def test_an_invitation_is_declined(server, connect):
    alice, bob = server.person("alice"), server.person("bob")
    room = server.room(bob)
    server.must("POST", "v3", "rooms", room, "invite", user=bob, body={"user_id": alice})

    outcome = connect(delete_mode="leave").delete(Conversation.group(user=alice, group=room))

    assert outcome.effect is Effect.APPLIED
    assert server.membership(alice, room, seen_by=bob) == "leave"


def test_hiding_sets_a_tag_and_nothing_else(scene, connect):
    outcome = connect(delete_mode="hide").delete(scene.conversation)

    assert outcome.effect is Effect.APPLIED
    assert "u.convops.hidden" in scene.server.tags(scene.alice, scene.room)
    assert scene.server.membership(scene.alice, scene.room, seen_by=scene.bob) == "join"


# --- Many ---------------------------------------------------------------------------------------------


def test_one_credential_acts_for_many_users(server, chat):
    bob = server.person("bob")
    people = [server.person("member") for _ in range(3)]
    room = server.room(bob, *people)
    server.say(room, bob, 2)

    outcomes = chat.apply([ClearUnread(Conversation.group(user=one, group=room)) for one in people[:2]])

    assert [outcome.effect for outcome in outcomes] == [Effect.APPLIED] * 2
    assert [server.unread(one, room) for one in people[:2]] == [0, 0]
    assert server.unread(people[2], room) >= 2


def test_a_list_of_everything_has_one_outcome_each(scene, connect):
    scene.says(2)
    wanted = [Mute(scene.conversation), ClearUnread(scene.conversation), MarkRead(scene.conversation)]
    later = datetime.now(UTC) - timedelta(seconds=1)

    outcomes = connect(delete_mode="leave").apply([*wanted, Delete(scene.conversation, at=later)])

    assert [outcome.effect for outcome in outcomes] == [Effect.APPLIED] * 4
    assert scene.server.membership(scene.alice, scene.room, seen_by=scene.bob) == "leave"
