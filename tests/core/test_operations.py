"""Operations are values: checked when they are made, and never changed after."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convops import (
    ClearUnread,
    Conversation,
    ConversationKind,
    Delete,
    Effect,
    InvalidRequestError,
    MarkRead,
    Mute,
    Operation,
    Outcome,
    TransportError,
)

DM = Conversation.direct(user="alice", peer="bob")
TEAM = Conversation.group(user="alice", group="team")
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
CONTROLS = [*range(0x20), *range(0x7F, 0xA0)]
SURROGATES = [0xD800, 0xDBFF, 0xDC00, 0xDFFF]

usable_ids = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1)


def test_direct_names_the_user_and_the_peer():
    assert (DM.kind, DM.user, DM.other) == (ConversationKind.DIRECT, "alice", "bob")


def test_group_names_the_user_and_the_group():
    assert (TEAM.kind, TEAM.user, TEAM.other) == (ConversationKind.GROUP, "alice", "team")


@given(user=usable_ids, other=usable_ids)
def test_an_id_of_any_printable_text_is_kept_exactly(user, other):
    assert Conversation.direct(user=user, peer=other).other == other
    assert Conversation.group(user=user, group=other).user == user


@given(user=usable_ids, other=usable_ids)
def test_the_same_ids_in_another_kind_are_another_conversation(user, other):
    direct, group = Conversation.direct(user=user, peer=other), Conversation.group(user=user, group=other)
    assert direct != group
    assert direct == Conversation.direct(user=user, peer=other)
    assert len({direct, group, Conversation.direct(user=user, peer=other)}) == 2


@pytest.mark.parametrize("code_point", CONTROLS, ids=hex)
def test_a_control_character_anywhere_in_an_id_is_refused(code_point):
    for text in (chr(code_point), f"{chr(code_point)}a", f"a{chr(code_point)}b", f"a{chr(code_point)}"):
        with pytest.raises(InvalidRequestError, match="control character"):
            Conversation.direct(user=text, peer="bob")
        with pytest.raises(InvalidRequestError, match="control character"):
            Conversation.direct(user="alice", peer=text)
        with pytest.raises(InvalidRequestError, match="control character"):
            Conversation.group(user="alice", group=text)


@pytest.mark.parametrize("code_point", SURROGATES, ids=hex)
def test_a_lone_surrogate_in_an_id_is_refused(code_point):
    with pytest.raises(InvalidRequestError, match="lone surrogate"):
        Conversation.direct(user="alice", peer=f"bob{chr(code_point)}")


def test_a_character_beyond_the_basic_plane_is_no_lone_surrogate():
    assert Conversation.direct(user="\U0001f600", peer="bob").user == "\U0001f600"


@pytest.mark.parametrize("code_point", [0x20, 0x7E, 0xA0, 0xD7FF, 0xE000, 0x2028, 0xFFFF, 0x10FFFF], ids=hex)
def test_the_neighbours_of_the_refused_characters_are_taken(code_point):
    assert Conversation.direct(user=chr(code_point), peer="bob").user == chr(code_point)


def test_the_refusal_of_an_id_says_which_and_does_not_repeat_it():
    with pytest.raises(InvalidRequestError) as caught:
        Conversation.group(user="alice", group="evil\nforged")
    assert str(caught.value) == "group holds a control character (U+000A)"


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: Conversation.direct(user="", peer="bob"), "user"),
        (lambda: Conversation.direct(user="alice", peer=""), "peer"),
        (lambda: Conversation.group(user="alice", group=""), "group"),
    ],
)
def test_an_empty_id_is_refused_by_name(make, name):
    with pytest.raises(InvalidRequestError, match=f"^{name} is empty$"):
        make()


@pytest.mark.parametrize("value", [None, 5, b"alice", ["alice"], True], ids=repr)
def test_an_id_that_is_no_str_is_refused(value):
    with pytest.raises(InvalidRequestError, match="must be a str"):
        Conversation.direct(user=value, peer="bob")
    with pytest.raises(InvalidRequestError, match="must be a str"):
        Conversation.group(user="alice", group=value)


def test_a_kind_that_is_no_kind_is_refused():
    with pytest.raises(InvalidRequestError, match="kind"):
        Conversation(kind="direct", user="alice", other="bob")


def test_a_refusal_is_a_value_error_that_says_nothing_was_applied():
    with pytest.raises(ValueError, match="empty") as caught:
        Conversation.direct(user="", peer="bob")
    assert caught.value.effect is Effect.NOT_APPLIED
    assert caught.value.attempts == 0
    assert caught.value.retryable is False


def test_a_conversation_is_made_by_keyword_only():
    with pytest.raises(TypeError):
        Conversation.direct("alice", "bob")
    with pytest.raises(TypeError):
        Conversation.group("alice", "team")
    with pytest.raises(TypeError):
        Conversation(ConversationKind.DIRECT, "alice", "bob")


@pytest.mark.parametrize(
    "make",
    [
        lambda: MarkRead(DM, NOON),
        lambda: Delete(DM, True),  # noqa: FBT003
        lambda: Mute(DM, False),  # noqa: FBT003
        lambda: ClearUnread(DM, NOON),
    ],
)
def test_what_an_operation_takes_besides_its_conversation_is_named(make):
    with pytest.raises(TypeError):
        make()


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (DM, "user"),
        (ClearUnread(DM), "conversation"),
        (MarkRead(DM), "up_to"),
        (Delete(DM), "erase_history"),
        (Mute(DM), "muted"),
        (Mute(DM), "at"),
        (Outcome(operation=Mute(DM), effect=Effect.APPLIED), "effect"),
    ],
)
def test_values_are_frozen(value, name):
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        setattr(value, name, getattr(value, name))


def test_the_four_operations_have_the_names_of_the_four_verbs():
    assert [kind.name for kind in (ClearUnread, MarkRead, Delete, Mute)] == [
        "clear_unread",
        "mark_read",
        "delete",
        "mute",
    ]


def test_an_operation_does_the_plain_thing_unless_told_otherwise():
    assert MarkRead(DM).up_to is None
    assert Delete(DM).erase_history is False
    assert Mute(DM).muted is True
    assert ClearUnread(DM).at is None


@given(moments=st.tuples(*[st.none() | st.datetimes(timezones=st.just(UTC))] * 2))
def test_the_moment_an_operation_was_decided_takes_no_part_in_equality(moments):
    for kind in (ClearUnread, MarkRead, Delete, Mute):
        one, other = (kind(DM, at=moment) for moment in moments)
        assert one == other
        assert hash(one) == hash(other)


def test_everything_else_takes_part_in_equality():
    different = [
        ClearUnread(DM),
        ClearUnread(TEAM),
        MarkRead(DM),
        MarkRead(DM, up_to=NOON),
        MarkRead(DM, up_to=NOON + timedelta(microseconds=1)),
        Delete(DM),
        Delete(DM, erase_history=True),
        Mute(DM),
        Mute(DM, muted=False),
    ]
    assert len(set(different)) == len(different)


def test_a_moment_without_a_time_zone_is_refused():
    with pytest.raises(InvalidRequestError, match="up_to has no time zone"):
        MarkRead(DM, up_to=datetime(2026, 1, 1))  # noqa: DTZ001
    with pytest.raises(InvalidRequestError, match="at has no time zone"):
        Mute(DM, at=datetime(2026, 1, 1))  # noqa: DTZ001


def test_a_moment_in_any_time_zone_is_taken():
    elsewhere = NOON.astimezone(timezone(timedelta(hours=-9, minutes=-30)))
    assert MarkRead(DM, up_to=elsewhere) == MarkRead(DM, up_to=NOON)


@pytest.mark.parametrize("moment", [1_700_000_000, 1.5, "2026-01-01T00:00:00Z", date(2026, 1, 1)], ids=repr)
def test_a_moment_that_is_no_datetime_is_refused(moment):
    with pytest.raises(InvalidRequestError, match="datetime"):
        MarkRead(DM, up_to=moment)
    with pytest.raises(InvalidRequestError, match="datetime"):
        Delete(DM, at=moment)


@pytest.mark.parametrize("value", [0, 1, "false", None], ids=repr)
def test_a_switch_that_is_no_bool_is_refused(value):
    with pytest.raises(InvalidRequestError, match="bool"):
        Mute(DM, muted=value)
    with pytest.raises(InvalidRequestError, match="bool"):
        Delete(DM, erase_history=value)


@pytest.mark.parametrize("value", ["bob", None, ("alice", "bob"), Mute(DM)], ids=repr)
@pytest.mark.parametrize("kind", [ClearUnread, MarkRead, Delete, Mute, Operation])
def test_an_operation_is_about_a_conversation(kind, value):
    with pytest.raises(InvalidRequestError, match="Conversation"):
        kind(value)


@pytest.mark.parametrize("effect", [Effect.APPLIED, Effect.ALREADY])
def test_an_outcome_whose_state_holds_has_no_error(effect):
    assert Outcome(operation=Mute(DM), effect=effect).ok
    with pytest.raises(ValueError, match="error is None exactly"):
        Outcome(operation=Mute(DM), effect=effect, error=TransportError("broke"))


@pytest.mark.parametrize("effect", [Effect.NOT_APPLIED, Effect.UNKNOWN])
def test_an_outcome_whose_state_may_not_hold_has_an_error(effect):
    assert not Outcome(operation=Mute(DM), effect=effect, error=TransportError("broke")).ok
    with pytest.raises(ValueError, match="error is None exactly"):
        Outcome(operation=Mute(DM), effect=effect)
