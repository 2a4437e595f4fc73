"""The simulated ZIM answers as ZEGO's documents say."""

from __future__ import annotations

import hashlib
import json
import threading
from itertools import count
from urllib.parse import quote

import pytest

from convops.operations import Conversation
from convops.provider import Failure, FailureKind, HttpReply, HttpRequest
from convops.testing import ConversationState, Fault
from convops_zego.simulator import ZegoSimulator

# The sample of the signing page.
APP_ID, SECRET, NONCE, SIGNED_AT = 12345, "9193cc662a4c0ec135ec71fb57194b38", "4fd24687296dd9f3", 1615186943
SIGNATURE = "43e5cfcca828314675f91b001390566a"

NOW = 1_700_000_000.0
NONCES = count()

DM = Conversation.direct(user="alice", peer="bob")
BOBS = Conversation.direct(user="bob", peer="alice")
TEAM = Conversation.group(user="alice", group="team")


class Clock:
    def __init__(self, now=NOW):
        self.now = now

    def __call__(self):
        return self.now


def signed(action, *, app_id=APP_ID, secret=SECRET, nonce=None, timestamp=int(NOW)):
    nonce = f"{next(NONCES):016x}" if nonce is None else nonce
    signature = hashlib.md5(f"{app_id}{nonce}{secret}{timestamp}".encode()).hexdigest()  # noqa: S324 - ZEGO's
    return {
        "Action": action,
        "AppId": str(app_id),
        "SignatureNonce": nonce,
        "Timestamp": str(timestamp),
        "SignatureVersion": "2.0",
        "Signature": signature,
    }


def target(query):
    return "/?" + "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items())


def get(query):
    return HttpRequest("GET", target(query), {}, b"")


def post(query, body):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return HttpRequest("POST", target(query), {"content-type": "application/json"}, content)


def ask(simulator, request):
    reply = simulator.handle(request)
    assert isinstance(reply, HttpReply)
    assert reply.status == 200
    assert reply.headers["content-type"] == "application/json"
    document = json.loads(reply.body)
    assert document["RequestId"].isdecimal()
    assert isinstance(document["Message"], str)
    return document


def code(simulator, request):
    document = ask(simulator, request)
    if document["Code"]:
        assert "ErrorList" not in document
    return document["Code"]


def clear_request(**business):
    parameters = {"FromUserId": "alice", "ConvId": "bob", "ConvType": "0"} | business
    return get(signed("ClearConversationUnread") | parameters)


def delete_request(**business):
    return post(signed("DeleteConv"), {"FromUserId": "alice", "ConvId": "bob", "ConvType": 0} | business)


def mute_request(*others, **business):
    body = {"FromUserId": "alice", "ConvType": 0, "ConvIds": list(others), "Enable": True}
    return post(signed("SilenceConvNotification"), body | business)


def list_request(**business):
    return post(signed("QueryConversationList"), {"FromUserId": "alice"} | business)


def arranged(**arguments):
    simulator = ZegoSimulator(**{"now": Clock(), **arguments})
    for user in ("alice", "bob", "carol", "dan"):
        simulator.add_user(user)
    simulator.add_group("team", ["alice", "bob"])
    simulator.add_group("others", ["bob"])
    return simulator


@pytest.fixture
def zim():
    return arranged()


# --- Common parameters ---


def test_the_official_signature_sample_is_accepted():
    zim = arranged(now=Clock(SIGNED_AT))
    zim.receive(DM)
    query = signed("ClearConversationUnread", nonce=NONCE, timestamp=SIGNED_AT)
    assert query["Signature"] == SIGNATURE
    assert code(zim, get(query | {"FromUserId": "alice", "ConvId": "bob", "ConvType": "0"})) == 0


def test_settings_are_what_requests_must_be_signed_with():
    zim = arranged(app_id=7, server_secret="0" * 32)
    assert zim.settings == {"app_id": 7, "server_secret": "0" * 32}
    query = signed("QueryConversationList", app_id=7, secret="0" * 32)
    assert code(zim, post(query, {"FromUserId": "alice"})) == 0


def test_the_sample_account_is_the_default():
    assert ZegoSimulator().settings == {"app_id": APP_ID, "server_secret": SECRET}


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("AppId", None, 100000001),
        ("AppId", "", 100000001),
        ("AppId", "x1", 100000001),
        ("AppId", "012345", 100000001),
        ("AppId", "4294967296", 100000001),
        ("AppId", "4294967295", 100000010),
        ("Timestamp", None, 100000002),
        ("Timestamp", "", 100000002),
        ("Timestamp", "1.7e9", 100000003),
        ("Timestamp", "-1", 100000003),
        ("Timestamp", "9223372036854775808", 100000003),
        ("Signature", "0" * 32, 100000005),
        ("Action", None, 100000006),
        ("Action", "", 100000006),
        ("Action", "DeleteAllConv", 100000007),
        ("SignatureNonce", None, 100000008),
        ("SignatureNonce", "", 100000008),
        ("SignatureNonce", "another", 100000005),
        ("Signature", None, 100000009),
        ("Signature", "", 100000009),
        ("SignatureVersion", None, 100000013),
        ("SignatureVersion", "", 100000013),
        ("SignatureVersion", "1.0", 100000014),
    ],
)
def test_every_common_parameter_is_required_and_has_its_code(zim, name, value, expected):
    query = signed("QueryConversationList") | {name: value}
    query = {name: value for name, value in query.items() if value is not None}
    assert code(zim, post(query, {"FromUserId": "alice"})) == expected


def test_a_signature_in_capitals_is_wrong(zim):
    query = signed("QueryConversationList")
    query["Signature"] = query["Signature"].upper()
    assert code(zim, post(query, {"FromUserId": "alice"})) == 100000005


def test_a_request_signed_with_another_secret_is_wrong(zim):
    query = signed("QueryConversationList", secret="f" * 32)
    assert code(zim, post(query, {"FromUserId": "alice"})) == 100000005


@pytest.mark.parametrize(("off", "expected"), [(-601, 100000004), (-600, 0), (600, 0), (601, 100000004)])
def test_the_timestamp_may_be_ten_minutes_off_either_way(zim, off, expected):
    query = signed("QueryConversationList", timestamp=int(NOW) + off)
    assert code(zim, post(query, {"FromUserId": "alice"})) == expected


def test_any_nonce_is_accepted_and_a_reused_one_is_told(zim):
    zim.handle(HttpRequest("GET", "/?SignatureNonce=%zz", {}, b""))
    zim.handle(HttpRequest("GET", "/", {}, b""))
    zim.handle(HttpRequest("GET", "/", {}, b""))
    assert code(zim, post(signed("QueryConversationList", nonce="once"), {"FromUserId": "alice"})) == 0
    assert zim.reused_nonces == []
    for _ in range(3):
        assert code(zim, post(signed("QueryConversationList", nonce="again"), {"FromUserId": "alice"})) == 0
    assert zim.reused_nonces == ["again"]


def test_a_nonce_counts_even_when_its_request_broke(zim):
    zim.misbehave(Fault(failure=FailureKind.BROKEN))
    request = post(signed("QueryConversationList", nonce="again"), {"FromUserId": "alice"})
    assert zim.handle(request) == Failure(FailureKind.BROKEN, sent=True)
    zim.handle(request)
    assert zim.reused_nonces == ["again"]


# --- The shape of a request ---


@pytest.mark.parametrize("path", ["", "/v2/", "//"])
def test_only_the_root_path_is_served(zim, path):
    request = list_request()
    moved = HttpRequest("POST", path + request.target[1:], request.headers, request.body)
    assert code(zim, moved) == 100000000


@pytest.mark.parametrize(
    ("action", "method"),
    [
        ("ClearConversationUnread", "POST"),
        ("DeleteConv", "GET"),
        ("SilenceConvNotification", "GET"),
        ("ClearPeerMessage", "PUT"),
        ("ClearMemberGroupMessage", "GET"),
        ("QueryConversationList", "GET"),
        ("QueryPeerMsg", "GET"),
        ("QueryGroupMsg", "GET"),
        ("C2cReadReceipt", "GET"),
        ("GroupReadReceipt", "GET"),
    ],
)
def test_an_action_has_one_method(zim, action, method):
    assert code(zim, HttpRequest(method, target(signed(action)), {}, b"")) == 100000007


@pytest.mark.parametrize("tail", ["&ConvId=carol", "&AppId=12345"])
def test_a_repeated_parameter_is_wrong(zim, tail):
    zim.receive(DM)
    request = clear_request()
    assert code(zim, HttpRequest("GET", request.target + tail, {}, b"")) == 660000002
    assert zim.state(DM).unread == 1


@pytest.mark.parametrize(
    "tail", ["&x=%", "&x=%2", "&x=%zz", "&x=%ff", "&x", "&", "&x=#y", "&x=a b", "&x=\xe9"]
)
def test_a_query_that_is_not_properly_encoded_is_wrong(zim, tail):
    zim.receive(DM)
    assert code(zim, HttpRequest("GET", clear_request().target + tail, {}, b"")) == 660000002
    assert zim.state(DM).unread == 1


def test_a_missing_query_has_no_app_id(zim):
    assert code(zim, HttpRequest("GET", "/", {}, b"")) == 100000001


@pytest.mark.parametrize("peer", ["#grp 1+a&b=c?d", "50%", "%20", "\u00e9\u4e16\u754c", "a/b", "~{|}"])
def test_ids_come_through_the_query_as_they_are(zim, peer):
    zim.add_user(peer)
    dm = Conversation.direct(user="alice", peer=peer)
    zim.receive(dm)
    assert code(zim, clear_request(ConvId=peer)) == 0
    assert zim.state(dm).unread == 0


def test_a_plus_that_was_not_encoded_arrives_as_a_space(zim):
    zim.add_user("a+b")
    zim.add_user("a b")
    zim.receive(Conversation.direct(user="alice", peer="a b"))
    request = clear_request(ConvId="a+b")
    raw = HttpRequest("GET", request.target.replace("%2B", "+"), {}, b"")
    assert code(zim, request) == 660800002
    assert code(zim, raw) == 0


@pytest.mark.parametrize("media", ["application/json", "Application/JSON; charset=utf-8"])
def test_json_is_declared_with_or_without_its_charset(zim, media):
    request = list_request()
    assert code(zim, HttpRequest("POST", request.target, {"content-type": media}, request.body)) == 0


@pytest.mark.parametrize("headers", [{}, {"content-type": "text/plain"}])
def test_a_body_not_declared_as_json_is_wrong(zim, headers):
    request = list_request()
    assert code(zim, HttpRequest("POST", request.target, headers, request.body)) == 660000002


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"{}"',
        b"null",
        b'{"FromUserId": "\xff"}',
        b'{"FromUserId": "alice", "FromUserId": "alice"}',
        b'{"FromUserId": "alice", "Limit": NaN}',
        b"[" * 100_000,
    ],
)
def test_a_body_that_is_no_json_object_is_wrong(zim, body):
    assert code(zim, post(signed("QueryConversationList"), body)) == 660000002


REQUIRED = {
    "DeleteConv": {"FromUserId": "alice", "ConvId": "bob", "ConvType": 0},
    "SilenceConvNotification": {"FromUserId": "alice", "ConvIds": ["bob"], "ConvType": 0, "Enable": True},
    "ClearPeerMessage": {"FromUserId": "alice", "ToUserId": "bob"},
    "ClearMemberGroupMessage": {"FromUserId": "alice", "GroupId": "team"},
    "QueryConversationList": {"FromUserId": "alice"},
    "QueryPeerMsg": {"FromUserId": "alice", "ToUserId": "bob"},
    "QueryGroupMsg": {"GroupId": "team"},
    "C2cReadReceipt": {"FromUserId": "alice", "ConvId": "bob", "ConvMsgSeq": [1]},
    "GroupReadReceipt": {"FromUserId": "alice", "GroupId": "team", "ConvMsgSeq": [1]},
}


@pytest.mark.parametrize("value", [None, 1, True, [], {}, "", "a\nb", "\ud800"])
@pytest.mark.parametrize(
    ("action", "name"),
    [(action, name) for action, body in REQUIRED.items() for name in body if name.endswith("Id")],
)
def test_an_id_in_a_body_is_a_usable_str(zim, action, name, value):
    expected = 660000002
    if action == "QueryConversationList" and value in ("a\nb", "\ud800"):
        expected = 660500002  # nobody is registered under such an id
    if action == "QueryGroupMsg" and value in ("a\nb", "\ud800"):
        expected = 660600001
    assert code(zim, post(signed(action), REQUIRED[action] | {name: value})) == expected


@pytest.mark.parametrize("action", REQUIRED)
def test_every_field_of_a_body_is_required(zim, action):
    zim.receive(DM)
    zim.receive(TEAM)
    for name in REQUIRED[action]:
        body = {field: value for field, value in REQUIRED[action].items() if field != name}
        assert code(zim, post(signed(action), body)) == 660000002
    assert code(zim, post(signed(action), REQUIRED[action])) == 0


@pytest.mark.parametrize("value", [None, True, False, "0", 0.0, 1, 3, -1, [0]])
def test_a_conversation_type_in_a_body_is_the_number_zero_or_two(zim, value):
    assert code(zim, delete_request(ConvType=value)) == 660000002


@pytest.mark.parametrize("value", ["", "1", "00", "2.0", "-0", "zero"])
def test_a_conversation_type_in_a_query_is_zero_or_two(zim, value):
    zim.receive(DM)
    assert code(zim, clear_request(ConvType=value)) == 660000002


@pytest.mark.parametrize("name", ["FromUserId", "ConvId", "ConvType"])
def test_every_parameter_of_a_query_is_required(zim, name):
    zim.receive(DM)
    query = signed("ClearConversationUnread") | {"FromUserId": "alice", "ConvId": "bob", "ConvType": "0"}
    del query[name]
    assert code(zim, get(query)) == 660000002
    assert code(zim, clear_request(**{name: ""})) == 660000002


@pytest.mark.parametrize("unit", ["x", "\u00e9"])
def test_an_id_takes_32_bytes(zim, unit):
    longest = unit * (32 // len(unit.encode()))
    zim.add_user(longest)
    assert code(zim, list_request(FromUserId=longest)) == 0
    assert code(zim, list_request(FromUserId=longest + "x")) == 660000012
    assert code(zim, delete_request(ConvId=longest)) == 0
    assert code(zim, delete_request(ConvId=longest + "x")) == 660000002
    with pytest.raises(ValueError, match="1 to 32 bytes"):
        zim.add_user(longest + "x")
    with pytest.raises(ValueError, match="1 to 32 bytes"):
        zim.add_group("", [])


# --- Arranging ---


def test_messages_arrive_on_the_named_side_only(zim):
    zim.receive(DM, 2)
    zim.receive(TEAM)
    assert zim.conversations() == {
        DM: ConversationState(unread=2, messages=2),
        TEAM: ConversationState(unread=1, messages=1),
    }
    assert zim.state(Conversation.direct(user="bob", peer="alice")) is None
    assert zim.state(Conversation.direct(user="nobody", peer="alice")) is None


@pytest.mark.parametrize(
    ("conversation", "reason"),
    [
        (Conversation.direct(user="zoe", peer="bob"), "FromUserId is not registered"),
        (Conversation.direct(user="alice", peer="zoe"), "peer user is not registered"),
        (Conversation.group(user="alice", group="none"), "group does not exist"),
        (Conversation.group(user="alice", group="others"), "not in the group"),
    ],
)
def test_nothing_arrives_for_strangers(zim, conversation, reason):
    with pytest.raises(ValueError, match=reason):
        zim.receive(conversation)
    assert zim.conversations() == {}


def test_at_least_one_message_arrives(zim):
    with pytest.raises(ValueError, match="at least 1"):
        zim.receive(DM, 0)


def test_a_group_has_registered_members_and_no_kind(zim):
    with pytest.raises(ValueError, match="not registered: zoe"):
        zim.add_group("new", ["alice", "zoe"])
    with pytest.raises(ValueError, match="one kind of group"):
        zim.add_group("new", ["alice"], kind="Public")


def test_registering_again_changes_nothing(zim):
    zim.receive(DM)
    zim.add_user("alice")
    assert zim.state(DM).unread == 1


# --- ClearConversationUnread ---


def test_clearing_sets_the_unread_count_to_zero_and_nothing_else(zim):
    zim.receive(DM, 3)
    zim.receive(TEAM, 2)
    zim.now.now += 5
    document = ask(zim, clear_request())
    assert (document["Code"], document["Message"]) == (0, "success")
    assert document.keys() == {"Code", "Message", "RequestId"}
    assert zim.state(DM) == ConversationState(messages=3, read_up_to=NOW + 5)
    assert zim.state(TEAM) == ConversationState(unread=2, messages=2)
    assert code(zim, clear_request(ConvId="team", ConvType="2")) == 0
    assert zim.state(TEAM).unread == 0


def test_clearing_twice_is_no_failure(zim):
    zim.receive(DM)
    assert code(zim, clear_request()) == 0
    assert code(zim, clear_request()) == 0


def test_an_absent_conversation_cannot_be_cleared(zim):
    assert code(zim, clear_request()) == 660800002
    zim.receive(DM)
    assert code(zim, clear_request(ConvType="2")) == 660800002
    assert code(zim, clear_request(FromUserId="zoe")) == 660500002


def test_only_the_latest_conversations_can_be_cleared():
    zim = arranged(latest=2)
    for peer in ("bob", "carol", "dan"):
        zim.receive(Conversation.direct(user="alice", peer=peer))
    assert code(zim, clear_request(ConvId="bob")) == 660800002
    assert code(zim, clear_request(ConvId="carol")) == 0
    zim.receive(DM)
    assert code(zim, clear_request(ConvId="bob")) == 0
    assert code(zim, clear_request(ConvId="carol")) == 660800002


# --- DeleteConv ---


def test_deleting_takes_the_conversation_from_this_user_only(zim):
    zim.receive(DM)
    zim.receive(Conversation.direct(user="bob", peer="alice"))
    zim.receive(TEAM)
    zim.receive(Conversation.group(user="bob", group="team"))
    assert ask(zim, delete_request()).keys() == {"Code", "Message", "RequestId"}
    assert code(zim, delete_request(ConvId="team", ConvType=2)) == 0
    assert zim.state(DM) is None
    assert {conversation.user for conversation in zim.conversations()} == {"bob"}
    assert len(zim.conversations()) == 2


def test_a_deleted_conversation_comes_back_with_its_messages(zim):
    zim.receive(DM, 3)
    code(zim, mute_request("bob"))
    code(zim, delete_request())
    assert code(zim, clear_request()) == 660800002
    assert zim.is_muted(DM)
    zim.receive(DM, 2)
    assert zim.state(DM) == ConversationState(unread=2, messages=5, muted=True)


def test_deleting_what_is_absent_is_no_failure(zim):
    assert code(zim, delete_request()) == 0
    assert code(zim, delete_request(ConvId="nobody")) == 0
    assert code(zim, delete_request(ConvId="none", ConvType=2)) == 0
    assert code(zim, delete_request(FromUserId="zoe")) == 660500002


# --- SilenceConvNotification ---


def test_muting_several_conversations_succeeds_with_an_empty_error_list(zim):
    zim.receive(DM)
    document = ask(zim, mute_request("bob", "carol"))
    assert (document["Code"], document["ErrorList"]) == (0, [])
    assert zim.state(DM) == ConversationState(unread=1, messages=1, muted=True)
    zim.receive(DM)
    assert zim.state(DM).unread == 2
    assert ask(zim, mute_request("bob", Enable=False))["Code"] == 0
    assert zim.state(DM).muted is False


def test_a_conversation_outside_the_list_can_be_muted(zim):
    carols = Conversation.direct(user="alice", peer="carol")
    ask(zim, mute_request("carol"))
    assert zim.is_muted(carols)
    assert not zim.is_muted(DM)
    assert zim.state(carols) is None
    assert zim.conversations() == {}


@pytest.mark.parametrize(
    ("style", "tail"), [("list", {"ErrorList": []}), ("null", {"ErrorList": None}), ("missing", {})]
)
def test_an_empty_error_list_can_be_written_in_three_ways(style, tail):
    document = ask(arranged(empty_error_list=style), mute_request("bob"))
    assert document == {"Code": 0, "Message": "success", "RequestId": document["RequestId"]} | tail


def test_a_partial_failure_is_a_success_with_the_failures_listed(zim):
    ask(zim, mute_request("carol"))
    document = ask(zim, mute_request("bob", "zoe", "carol"))
    assert document["Code"] == 0
    assert [(item["ConvId"], item["SubCode"]) for item in document["ErrorList"]] == [
        ("zoe", 660700015),
        ("carol", 660800051),
    ]
    assert all(item.keys() == {"ConvId", "SubCode", "SubMessage"} for item in document["ErrorList"])
    assert zim.is_muted(DM)


def test_when_all_fail_the_code_is_the_first_ones(zim):
    document = ask(zim, mute_request("zoe", "bob", Enable=False))
    assert document["Code"] == 660700015
    assert [item["SubCode"] for item in document["ErrorList"]] == [660700015, 660800052]
    assert document["Message"] == document["ErrorList"][0]["SubMessage"]


@pytest.mark.parametrize(
    ("other", "business", "expected"),
    [
        ("none", {"ConvType": 2}, 660600001),
        ("others", {"ConvType": 2}, 660600024),
        ("zoe", {}, 660700015),
        ("bob", {"Enable": False}, 660800052),
    ],
)
def test_what_cannot_be_muted_is_told(zim, other, business, expected):
    document = ask(zim, mute_request(other, **business))
    assert document["Code"] == expected
    assert [item["SubCode"] for item in document["ErrorList"]] == [expected]


def test_the_same_conversation_twice_in_a_batch_is_muted_once(zim):
    document = ask(zim, mute_request("bob", "bob"))
    assert document["Code"] == 0
    assert [item["SubCode"] for item in document["ErrorList"]] == [660800051]


def test_an_unregistered_user_fails_as_a_whole(zim):
    assert code(zim, mute_request("bob", FromUserId="zoe")) == 660500002


@pytest.mark.parametrize(
    "business",
    [
        {"ConvIds": []},
        {"ConvIds": ["bob"] * 11},
        {"ConvIds": "bob"},
        {"ConvIds": ["bob", 1]},
        {"ConvIds": ["bob", ""]},
        {"ConvIds": ["bob", "x" * 33]},
        {"Enable": 1},
        {"Enable": "true"},
        {"ConvType": 1},
        {"ConvType": False},
    ],
)
def test_a_wrong_parameter_mutes_nothing(zim, business):
    assert code(zim, mute_request("bob", **business)) == 660000002
    assert not zim.is_muted(DM)


def test_ten_conversations_fit_in_a_batch(zim):
    assert len(ask(zim, mute_request(*["zoe"] * 10))["ErrorList"]) == 10


def test_the_mute_list_is_limited_for_direct_conversations_only():
    zim = arranged(mute_limit=1)
    assert ask(zim, mute_request("team", ConvType=2))["Code"] == 0
    document = ask(zim, mute_request("bob", "carol"))
    assert [(item["ConvId"], item["SubCode"]) for item in document["ErrorList"]] == [("carol", 660800030)]
    assert ask(zim, mute_request("bob"))["Code"] == 660800051
    zim.add_group("second", ["alice"])
    assert ask(zim, mute_request("second", ConvType=2))["Code"] == 0
    assert ask(zim, mute_request("bob", Enable=False))["Code"] == 0
    assert ask(zim, mute_request("carol"))["Code"] == 0


# --- ClearPeerMessage, ClearMemberGroupMessage ---


def test_erasing_removes_this_users_messages_and_keeps_the_conversation(zim):
    for conversation in (DM, BOBS, TEAM):
        zim.receive(conversation, 2)
    document = ask(zim, post(signed("ClearPeerMessage"), {"FromUserId": "alice", "ToUserId": "bob"}))
    assert document.keys() == {"Code", "Message", "RequestId"}
    assert zim.state(DM) == ConversationState()
    assert zim.state(BOBS) == zim.state(TEAM) == ConversationState(unread=2, messages=2)
    assert code(zim, post(signed("ClearMemberGroupMessage"), {"FromUserId": "alice", "GroupId": "team"})) == 0
    assert zim.state(TEAM) == ConversationState()


def test_erased_messages_stay_away_when_the_conversation_comes_back(zim):
    zim.receive(DM, 2)
    code(zim, delete_request())
    code(zim, post(signed("ClearPeerMessage"), {"FromUserId": "alice", "ToUserId": "bob"}))
    zim.receive(DM)
    assert zim.state(DM) == ConversationState(unread=1, messages=1)


@pytest.mark.parametrize(
    ("action", "body", "expected"),
    [
        ("ClearPeerMessage", {"FromUserId": "alice", "ToUserId": "carol"}, 0),
        ("ClearPeerMessage", {"FromUserId": "alice", "ToUserId": "zoe"}, 660700015),
        ("ClearPeerMessage", {"FromUserId": "zoe", "ToUserId": "alice"}, 660500002),
        ("ClearMemberGroupMessage", {"FromUserId": "alice", "GroupId": "none"}, 660600001),
        ("ClearMemberGroupMessage", {"FromUserId": "alice", "GroupId": "others"}, 660600024),
        ("ClearMemberGroupMessage", {"FromUserId": "zoe", "GroupId": "team"}, 660500002),
    ],
)
def test_erasing_needs_a_known_user_and_other_side(zim, action, body, expected):
    assert code(zim, post(signed(action), body)) == expected


# --- QueryConversationList ---


def test_the_list_is_in_the_order_of_the_last_messages(zim):
    zim.receive(DM)
    zim.now.now += 0.25
    zim.receive(TEAM)
    zim.now.now += 1
    zim.receive(Conversation.direct(user="alice", peer="carol"))
    zim.now.now += 1
    zim.receive(DM)
    code(zim, delete_request(ConvId="carol"))
    document = ask(zim, list_request())
    assert (document["Code"], document["TotalCount"], document["Next"]) == (0, 2, 0)
    assert document["List"] == [
        {"ConvId": "team", "ConvType": 2, "UpdateTime": 1_700_000_000_250},
        {"ConvId": "bob", "UpdateTime": 1_700_000_002_250},
    ]


def test_a_former_member_still_lists_the_group(zim):
    zim.receive(TEAM)
    zim.add_group("team", ["bob"])
    assert [row["ConvId"] for row in ask(zim, list_request())["List"]] == ["team"]
    assert ask(zim, mute_request("team", ConvType=2))["Code"] == 660600024
    assert code(zim, delete_request(ConvId="team", ConvType=2)) == 0


def test_the_list_comes_in_pages_of_the_latest():
    zim = arranged(latest=5)
    peers = [f"peer{number}" for number in range(7)]
    for peer in peers:
        zim.add_user(peer)
        zim.receive(Conversation.direct(user="alice", peer=peer))
    found, start, pages = [], 0, 0
    while pages == 0 or start:
        document = ask(zim, list_request(Limit=2, Next=start))
        assert document["TotalCount"] == 5
        found += [row["ConvId"] for row in document["List"]]
        start, pages = document["Next"], pages + 1
    assert (found, pages) == (peers[2:], 3)


@pytest.mark.parametrize(
    ("limit", "length"), [(None, 100), (0, 100), (-5, 100), (501, 500), (600, 500), (3, 3)]
)
def test_the_length_of_a_page_is_corrected(limit, length):
    zim = arranged()
    for number in range(510):
        zim.add_user(f"peer{number}")
        zim.receive(Conversation.direct(user="alice", peer=f"peer{number}"))
    document = ask(zim, list_request(**({} if limit is None else {"Limit": limit})))
    assert len(document["List"]) == length


@pytest.mark.parametrize(
    "business", [{"Limit": "5"}, {"Limit": True}, {"Next": "0"}, {"Next": -1}, {"Next": None}]
)
def test_page_parameters_are_numbers(zim, business):
    assert code(zim, list_request(**business)) == 660000002


def test_an_unregistered_user_has_no_list(zim):
    assert code(zim, list_request(FromUserId="zoe")) == 660500002


# --- QueryPeerMsg, QueryGroupMsg ---


def peer_messages(zim, **business):
    return ask(zim, post(signed("QueryPeerMsg"), {"FromUserId": "alice", "ToUserId": "bob"} | business))


def group_messages(zim, **business):
    return ask(zim, post(signed("QueryGroupMsg"), {"GroupId": "team"} | business))


def test_messages_are_listed_with_their_senders_the_newest_first(zim):
    zim.receive(DM)
    zim.now.now += 0.25
    zim.send(DM)
    zim.now.now += 1
    zim.receive(BOBS)
    document = peer_messages(zim)
    assert (document["Code"], document["Next"]) == (0, 0)
    rows = [(row["Sender"], row["MsgSeq"], row["MsgTime"]) for row in document["List"]]
    assert rows == [
        ("alice", 3, 1_700_000_001_250),
        ("alice", 2, 1_700_000_000_250),
        ("bob", 1, 1_700_000_000_000),
    ]
    assert peer_messages(zim, FromUserId="bob", ToUserId="alice")["List"] == document["List"]
    assert document["List"][0].keys() == {
        *("Sender", "MsgType", "MsgBody", "MsgId", "MsgSeq", "Payload", "MsgTime", "IsEmpty")
    }
    ids = [row["MsgId"] for row in document["List"]]
    assert len(set(ids)) == 3
    assert min(ids) > 2**53


def test_every_conversation_has_messages_and_numbers_of_its_own(zim):
    zim.receive(DM)
    zim.receive(TEAM, 2)
    zim.receive(Conversation.group(user="bob", group="team"))
    assert [row["MsgSeq"] for row in peer_messages(zim)["List"]] == [1]
    assert [(row["Sender"], row["MsgSeq"]) for row in group_messages(zim)["List"]] == [
        *[("alice", 3), ("bob", 2), ("bob", 1)]
    ]
    assert peer_messages(zim, ToUserId="carol")["List"] == []
    assert group_messages(zim, GroupId="others")["List"] == []


def test_what_the_user_sent_is_seen_and_not_unread(zim):
    zim.send(DM, 2)
    assert zim.state(DM) == ConversationState(messages=2)
    assert zim.state(BOBS) is None
    with pytest.raises(ValueError, match="peer user is not registered"):
        zim.send(Conversation.direct(user="alice", peer="zoe"))


def test_in_a_group_of_one_somebody_wrote_who_has_left(zim):
    zim.add_group("alone", ["alice"])
    zim.receive(Conversation.group(user="alice", group="alone"))
    assert [row["Sender"] for row in group_messages(zim, GroupId="alone")["List"]] == ["former-member"]


def test_erased_messages_are_hidden_from_the_user_who_erased_them(zim):
    zim.receive(DM)
    zim.receive(TEAM)
    code(zim, post(signed("ClearPeerMessage"), {"FromUserId": "alice", "ToUserId": "bob"}))
    code(zim, post(signed("ClearMemberGroupMessage"), {"FromUserId": "alice", "GroupId": "team"}))
    assert peer_messages(zim)["List"] == []
    assert len(peer_messages(zim, FromUserId="bob", ToUserId="alice")["List"]) == 1
    assert len(group_messages(zim)["List"]) == 1
    zim.receive(DM)
    assert [row["MsgSeq"] for row in peer_messages(zim)["List"]] == [2]


@pytest.mark.parametrize(("conversation", "messages"), [(DM, peer_messages), (TEAM, group_messages)])
def test_messages_come_in_pages(zim, conversation, messages):
    zim.receive(conversation, 7)
    found, start, pages = [], 0, 0
    while pages == 0 or start:
        document = messages(zim, Limit=3, Next=start)
        found += [row["MsgSeq"] for row in document["List"]]
        start, pages = document["Next"], pages + 1
        # A message that arrives meanwhile moves nothing.
        zim.receive(conversation)
    assert (found, pages) == ([7, 6, 5, 4, 3, 2, 1], 3)


@pytest.mark.parametrize(
    ("limit", "length"), [(None, 10), (0, 10), (-5, 10), (1, 1), (100, 100), (101, 100), (600, 100)]
)
@pytest.mark.parametrize(("conversation", "messages"), [(DM, peer_messages), (TEAM, group_messages)])
def test_the_length_of_a_page_of_messages_is_corrected(zim, conversation, messages, limit, length):
    zim.receive(conversation, 130)
    document = messages(zim, **({} if limit is None else {"Limit": limit}))
    assert len(document["List"]) == length


@pytest.mark.parametrize(
    "business", [{"Limit": "5"}, {"Next": -1}, {"WithEmptyMsg": 2}, {"WithEmptyMsg": True}]
)
def test_the_parameters_of_a_page_of_messages_are_numbers(zim, business):
    assert peer_messages(zim, **business)["Code"] == 660000002
    assert group_messages(zim, **business)["Code"] == 660000002
    assert peer_messages(zim, WithEmptyMsg=1)["Code"] == 0


def test_messages_of_strangers_cannot_be_listed(zim):
    assert peer_messages(zim, FromUserId="zoe")["Code"] == 660500002
    assert peer_messages(zim, ToUserId="zoe")["Code"] == 660700015
    assert group_messages(zim, GroupId="none")["Code"] == 660600001


# --- C2cReadReceipt, GroupReadReceipt ---


def direct_receipts(zim, *numbers, **business):
    body = {"FromUserId": "alice", "ConvId": "bob", "ConvMsgSeq": list(numbers)} | business
    return ask(zim, post(signed("C2cReadReceipt"), body))


def group_receipts(zim, *numbers, **business):
    body = {"FromUserId": "alice", "GroupId": "team", "ConvMsgSeq": list(numbers)} | business
    return ask(zim, post(signed("GroupReadReceipt"), body))


RECEIPTS = pytest.mark.parametrize(
    ("conversation", "give"), [(DM, direct_receipts), (TEAM, group_receipts)], ids=["direct", "group"]
)


@RECEIPTS
def test_a_receipt_is_given_once_and_leaves_the_unread_count(zim, conversation, give):
    zim.receive(conversation, 3)
    zim.now.now += 5
    document = give(zim, 1, 3)
    assert document.keys() == {"Code", "Message", "RequestId", "ReadTime"}
    assert (document["Code"], document["ReadTime"]) == (0, 1_700_000_005_000)
    zim.now.now += 5
    assert give(zim, 2, 3)["Code"] == 0
    assert zim.receipts(conversation) == {1: NOW + 5, 3: NOW + 5, 2: NOW + 10}
    assert zim.state(conversation) == ConversationState(unread=3, messages=3)
    assert zim.receipts(Conversation.direct(user="alice", peer="carol")) == {}
    assert zim.receipts(BOBS) == {}


@pytest.mark.parametrize("conversation", [DM, TEAM])
def test_clearing_the_unread_count_gives_no_receipt(zim, conversation):
    zim.receive(conversation)
    kind = "0" if conversation is DM else "2"
    assert code(zim, clear_request(ConvId=conversation.other, ConvType=kind)) == 0
    assert zim.receipts(conversation) == {}


@RECEIPTS
def test_ten_receipts_fit_in_a_call(zim, conversation, give):
    zim.receive(conversation, 11)
    assert give(zim, *range(1, 12))["Code"] == 660400102
    assert zim.receipts(conversation) == {}
    assert give(zim, *range(1, 11))["Code"] == 0
    assert len(zim.receipts(conversation)) == 10


@RECEIPTS
def test_a_receipt_is_for_a_message_of_somebody_else(zim, conversation, give):
    failed = 660400104 if conversation is DM else 660400103
    zim.receive(conversation)
    zim.send(conversation)
    assert give(zim, 1, 2)["Code"] == failed
    assert give(zim, 1, 3)["Code"] == failed
    assert zim.receipts(conversation) == {}


@RECEIPTS
@pytest.mark.parametrize("numbers", [None, 1, "1", {}, [], ["1"], [1.0], [True], [1, None]])
def test_receipts_are_for_a_list_of_numbers(zim, conversation, give, numbers):
    zim.receive(conversation)
    assert give(zim, ConvMsgSeq=numbers)["Code"] == 660000002


@RECEIPTS
def test_the_receipt_for_an_erased_message_is_like_any_other(zim, conversation, give):
    zim.receive(conversation)
    code(zim, post(signed("ClearPeerMessage"), {"FromUserId": "alice", "ToUserId": "bob"}))
    code(zim, post(signed("ClearMemberGroupMessage"), {"FromUserId": "alice", "GroupId": "team"}))
    assert give(zim, 1)["Code"] == 0
    assert zim.receipts(conversation).keys() == {1}


def test_strangers_give_and_get_no_receipts(zim):
    assert direct_receipts(zim, 1, FromUserId="zoe")["Code"] == 660500002
    assert direct_receipts(zim, 1, ConvId="zoe")["Code"] == 660700015
    assert group_receipts(zim, 1, FromUserId="zoe")["Code"] == 660500002
    assert group_receipts(zim, 1, GroupId="none")["Code"] == 660600001
    assert group_receipts(zim, 1, GroupId="others")["Code"] == 660600024


# --- Limits, answers, faults ---


def test_twenty_calls_of_an_action_pass_in_any_second(zim):
    assert {code(zim, list_request()) for _ in range(20)} == {0}
    assert code(zim, list_request()) == 660300005
    assert code(zim, mute_request("bob")) == 0
    zim.now.now += 0.99
    assert code(zim, list_request()) == 660300005
    zim.now.now += 0.01
    assert {code(zim, list_request()) for _ in range(20)} == {0}
    assert code(zim, list_request()) == 660300005


def test_calls_spaced_by_the_limit_always_pass(zim):
    for _ in range(100):
        assert code(zim, list_request()) == 0
        zim.now.now += 0.05


def test_a_call_that_is_not_signed_takes_no_place(zim):
    for _ in range(20):
        assert code(zim, post(signed("QueryConversationList", secret="no"), {})) == 100000005
    assert code(zim, list_request()) == 0


def test_the_limit_can_be_lifted():
    zim = arranged(rate_limits=False)
    assert {code(zim, list_request()) for _ in range(50)} == {0}


def test_every_answer_has_its_own_request_id(zim):
    ids = [ask(zim, list_request())["RequestId"] for _ in range(5)] + [
        ask(zim, delete_request())["RequestId"]
    ]
    assert len(set(ids)) == 6


def test_an_action_has_its_name_where_it_has_one(zim):
    assert zim.action(delete_request()) == "DeleteConv"
    assert zim.action(post(signed("DeleteEverything"), {})) == ""
    assert zim.action(HttpRequest("GET", "/", {}, b"")) == ""
    assert zim.action(HttpRequest("GET", "/?Action=%zz", {}, b"")) == ""


@pytest.mark.parametrize(
    ("number", "message"), [(7, "the system has too many requests per second"), (4242, "code 4242")]
)
def test_any_code_can_be_played(zim, number, message):
    zim.misbehave(Fault(action="DeleteConv", code=number))
    zim.receive(DM)
    document = ask(zim, delete_request())
    assert (document["Code"], document["Message"]) == (number, message)
    assert zim.state(DM) is not None
    assert code(zim, delete_request()) == 0


def test_a_lost_answer_may_have_taken_effect(zim):
    zim.misbehave(Fault(applies=True, failure=FailureKind.TIMEOUT))
    zim.receive(DM)
    assert zim.handle(delete_request()) == Failure(FailureKind.TIMEOUT, sent=True)
    assert zim.state(DM) is None


def test_ids_come_back_as_they_went(zim):
    name = "\u4e16\u754c\U0001f600"
    assert ask(zim, mute_request(name))["ErrorList"][0]["ConvId"] == name


def test_threads_can_share_it():
    zim = arranged(rate_limits=False)

    def work():
        for _ in range(50):
            zim.receive(DM)
            zim.handle(list_request())
            zim.conversations()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert zim.state(DM).unread == 200
    assert zim.reused_nonces == []
