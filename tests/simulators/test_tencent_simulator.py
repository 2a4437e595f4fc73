"""The simulated Tencent Cloud Chat, against hand-made requests signed by the vendor's own library."""

from __future__ import annotations

import base64
import json
import time
import zlib
from urllib.parse import urlencode

import pytest
from TLSSigAPIv2 import TLSSigAPIv2

from convops.operations import Conversation
from convops.provider import FailureKind, HttpRequest
from convops.testing import ConversationState, Fault
from convops_tencent.simulator import MEANINGS, TencentSimulator

ALICE_BOB = Conversation.direct(user="alice", peer="bob")
BOB_ALICE = Conversation.direct(user="bob", peer="alice")
ALICE_CAROL = Conversation.direct(user="alice", peer="carol")
TEAM = Conversation.group(user="alice", group="team")

MARK = "openim/admin_set_msg_read"
COUNT = "openim/get_c2c_unread_msg_num"
DELETE = "recentcontact/delete"
LIST = "recentcontact/get_list"
MODIFY = "group_open_http_svc/modify_group_member_info"
SET_UNREAD = "group_open_http_svc/set_unread_msg_num"
GROUPS = "group_open_http_svc/get_group_info"
MEMBERS = "group_open_http_svc/get_specified_group_member_info"

MARK_BODY = {"Report_Account": "alice", "Peer_Account": "bob"}
DELETE_BODY = {"From_Account": "alice", "Type": 1, "To_Account": "bob"}
DELETE_TEAM = {"From_Account": "alice", "Type": 2, "ToGroupid": "team"}
LIST_BODY = {
    "From_Account": "alice",
    "TimeStamp": 0,
    "StartIndex": 0,
    "TopTimeStamp": 0,
    "TopStartIndex": 0,
    "AssistFlags": 63,
}
MEMBER = {"GroupId": "team", "Member_Account": "alice"}
PEERS = {"To_Account": "alice"}
KINDS = ["Public", "Private", "Work", "ChatRoom", "Meeting", "AVChatRoom", "Community"]
UNCOUNTED = ["ChatRoom", "Meeting", "AVChatRoom"]


class App:
    """A backend of the vendor's customer, with a clock of its own."""

    def __init__(self, **options):
        self.time = float(int(time.time()))
        self.simulator = TencentSimulator(now=lambda: self.time, **options)
        for user in ("alice", "bob", "carol"):
            self.simulator.add_user(user)
        self.simulator.add_group("team", ["alice", "bob"])
        self.random = 0

    def usersig(self, identifier="administrator", expire=86400):
        settings = self.simulator.settings
        return TLSSigAPIv2(settings["sdk_app_id"], settings["secret_key"]).gen_sig(identifier, expire)

    def query(self, **changes):
        self.random += 1
        query = {
            "sdkappid": self.simulator.settings["sdk_app_id"],
            "identifier": "administrator",
            "usersig": self.usersig(),
            "random": self.random,
            "contenttype": "json",
            **changes,
        }
        return {name: value for name, value in query.items() if value is not None}

    def send(self, target, content, method="POST"):
        reply = self.simulator.handle(HttpRequest(method, target, {}, content))
        assert reply.status == 200
        return json.loads(reply.body)

    def ask(self, command, body, **query):
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.send(f"/v4/{command}?{urlencode(self.query(**query))}", content)

    def code(self, command, body, **query):
        reply = self.ask(command, body, **query)
        assert reply["ActionStatus"] == ("FAIL" if reply["ErrorCode"] else "OK")
        assert bool(reply["ErrorInfo"]) is bool(reply["ErrorCode"])
        return reply["ErrorCode"]


@pytest.fixture
def app():
    return App()


def packed(claims):
    text = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    return base64.b64encode(zlib.compress(text)).decode().translate(str.maketrans("+/=", "*-_"))


def claims_of(usersig):
    return json.loads(zlib.decompress(base64.b64decode(usersig.translate(str.maketrans("*-_", "+/=")))))


# --- The door ---


def test_a_call_signed_by_the_vendors_library_passes(app):
    assert app.ask(MARK, MARK_BODY) == {"ActionStatus": "OK", "ErrorInfo": "", "ErrorCode": 0}


def test_a_usersig_with_a_userbuf_passes(app):
    settings = app.simulator.settings
    usersig = TLSSigAPIv2(settings["sdk_app_id"], settings["secret_key"]).gen_sig_with_userbuf(
        "administrator", 86400, b"abc"
    )
    assert app.code(MARK, MARK_BODY, usersig=usersig) == 0


def test_settings_are_those_given():
    simulator = TencentSimulator(sdk_app_id=7, secret_key="k", admin="root")
    assert simulator.settings == {"sdk_app_id": 7, "secret_key": "k", "admin": "root"}
    assert len(TencentSimulator().settings["secret_key"]) == 64


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/", 60002),
        ("/v4/openim", 60002),
        ("/v4/openim/", 60002),
        ("/v4//delete", 60002),
        ("/v3/openim/admin_set_msg_read", 60002),
        ("/v4/openim/admin_set_msg_read/more", 60002),
        ("/v4/OpenIM/admin_set_msg_read", 60009),
        ("/v4/openim/sendmsg", 60009),
        ("/v4/recentcontact/Delete", 60009),
        ("/v4/group_open_http_svc/no_such", 10003),
    ],
)
def test_a_path_that_names_no_command_is_refused(app, path, code):
    assert app.send(f"{path}?{urlencode(app.query())}", b"{}")["ErrorCode"] == code


def test_only_post_is_answered(app):
    assert app.send(f"/v4/{MARK}?{urlencode(app.query())}", b"{}", method="GET")["ErrorCode"] == 60002


@pytest.mark.parametrize("query", ["sdkappid=1&sdkappid=1", "identifier=%ff"])
def test_a_query_that_cannot_be_understood_is_refused(app, query):
    assert app.send(f"/v4/{MARK}?{query}", b"{}")["ErrorCode"] == 60002


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"sdkappid": None}, 60012),
        ({"sdkappid": None, "SdkAppid": 1400000001}, 60012),
        ({"sdkappid": 1400000002}, 70020),
        ({"sdkappid": "x"}, 70020),
        ({"identifier": None}, 60025),
        ({"identifier": ""}, 60025),
        ({"usersig": None}, 60025),
        ({"contenttype": None}, 60025),
        ({"contenttype": "JSON"}, 60025),
        ({"random": None}, 60025),
        ({"random": ""}, 60025),
        ({"random": -1}, 60025),
        ({"random": "\u0664"}, 60025),
        ({"random": 4294967296}, 60025),
        ({"random": "9" * 5000}, 60025),
        ({"random": 4294967295}, 0),
        ({"random": 0}, 0),
    ],
)
def test_every_query_parameter_is_checked(app, changes, code):
    assert app.code(MARK, MARK_BODY, **changes) == code


@pytest.mark.parametrize(
    "usersig",
    [
        "abc",
        "\u00e9",
        "eJw+",
        base64.b64encode(b"not zlib").decode(),
        packed(b"not json"),
        packed(b"\xff"),
        packed(b"[" * 100_000),
        packed([]),
        packed({}),
    ],
)
def test_a_usersig_that_cannot_be_decoded_is_illegal(app, usersig):
    assert app.code(MARK, MARK_BODY, usersig=usersig) == 70003


@pytest.mark.parametrize(
    ("claim", "value"),
    [("TLS.ver", "1.0"), ("TLS.time", True), ("TLS.expire", "86400"), ("TLS.sig", None), ("TLS.userbuf", 1)],
)
def test_a_usersig_with_a_claim_of_the_wrong_kind_is_illegal(app, claim, value):
    usersig = packed({**claims_of(app.usersig()), claim: value})
    assert app.code(MARK, MARK_BODY, usersig=usersig) == 70003


def test_an_empty_usersig_has_its_own_code(app):
    assert app.code(MARK, MARK_BODY, usersig="") == 70002


def test_a_usersig_made_with_another_key_fails(app):
    usersig = TLSSigAPIv2(app.simulator.settings["sdk_app_id"], "f" * 64).gen_sig("administrator")
    assert app.code(MARK, MARK_BODY, usersig=usersig) == 70009


def test_a_usersig_whose_expiry_was_stretched_fails(app):
    usersig = packed({**claims_of(app.usersig()), "TLS.expire": 10**9})
    assert app.code(MARK, MARK_BODY, usersig=usersig) == 70009


def test_a_usersig_for_another_app_fails(app):
    usersig = TLSSigAPIv2(1400000002, app.simulator.settings["secret_key"]).gen_sig("administrator")
    assert app.code(MARK, MARK_BODY, usersig=usersig) == 70014


def test_a_usersig_for_another_identifier_fails(app):
    assert app.code(MARK, MARK_BODY, usersig=app.usersig("alice")) == 70013


def test_a_usersig_past_its_time_fails(app):
    usersig = app.usersig(expire=100)
    end = claims_of(usersig)["TLS.time"] + 100
    app.time = end
    assert app.code(MARK, MARK_BODY, usersig=usersig) == 0
    app.time = end + 0.5
    assert app.code(MARK, MARK_BODY, usersig=usersig) == 70001


@pytest.mark.parametrize(("command", "code"), [(MARK, 90009), (DELETE, 50003), (MODIFY, 60010)])
def test_only_the_administrator_may_call(app, command, code):
    assert app.code(command, {}, identifier="alice", usersig=app.usersig("alice")) == code


@pytest.mark.parametrize(
    ("command", "code", "wrong"), [(MARK, 90001, 90001), (DELETE, 50002, 50002), (MODIFY, 10011, 10004)]
)
def test_the_body_must_be_a_json_object_of_documented_fields(app, command, code, wrong):
    assert app.code(command, b"") == 60003
    for content in (b"{", b"[]", b"\xff", b'{"a":NaN}', b"[" * 100_000):
        assert app.code(command, content) == code
    assert app.code(command, {"Unheard": 1}) == wrong


def test_randoms_that_come_again_are_remembered(app):
    app.simulator.misbehave(Fault(code=60007))
    for random in (5, 5, 6, 7, 7, 7):
        app.ask(MARK, MARK_BODY, random=random)
    assert app.simulator.reused_randoms == ["5", "7"]


def test_the_201st_call_of_a_command_within_a_second_is_refused(app):
    assert {app.code(MARK, MARK_BODY) for _ in range(200)} == {0}
    app.time += 0.99
    assert app.code(MARK, MARK_BODY) == 60007
    assert app.code(COUNT, PEERS) == 0
    app.time += 0.01
    assert app.code(MARK, MARK_BODY) == 0


def test_calls_spaced_at_the_limit_all_pass(app):
    for _ in range(500):
        assert app.code(MARK, MARK_BODY) == 0
        app.time += 1 / 200


def test_limits_can_be_left_out():
    app = App(rate_limits=False)
    assert {app.code(MARK, MARK_BODY) for _ in range(201)} == {0}


# --- Arranging and looking ---


def test_the_action_is_service_and_command(app):
    app.ask(DELETE, DELETE_BODY)
    assert app.simulator.exchanges[-1].action == DELETE
    app.send("/elsewhere", b"")
    assert app.simulator.exchanges[-1].action == ""


def test_messages_arrive_at_one_side(app):
    app.simulator.receive(ALICE_BOB, 2)
    app.simulator.receive(TEAM)
    assert app.simulator.conversations() == {
        ALICE_BOB: ConversationState(unread=2, messages=2),
        TEAM: ConversationState(unread=1, messages=1),
    }
    assert app.simulator.state(ALICE_BOB) == ConversationState(unread=2, messages=2)
    assert app.simulator.state(BOB_ALICE) is None


@pytest.mark.parametrize(
    ("conversation", "count"),
    [
        (ALICE_BOB, 0),
        (Conversation.direct(user="nobody", peer="bob"), 1),
        (Conversation.direct(user="alice", peer="nobody"), 1),
        (Conversation.group(user="alice", group="nowhere"), 1),
        (Conversation.group(user="carol", group="team"), 1),
        (Conversation.group(user="nobody", group="team"), 1),
    ],
)
def test_nothing_arrives_where_nothing_can(app, conversation, count):
    with pytest.raises(ValueError, match=r"there is no|is no member|count"):
        app.simulator.receive(conversation, count)
    assert app.simulator.conversations() == {}


@pytest.mark.parametrize(
    ("group", "members", "kind"),
    [
        ("g", ["alice"], "Party"),
        ("", ["alice"], None),
        ("team", ["alice"], None),
        ("g", ["nobody"], None),
    ],
)
def test_a_group_that_cannot_be_is_refused(app, group, members, kind):
    with pytest.raises(ValueError, match=r"group|user"):
        app.simulator.add_group(group, members, kind=kind)


@pytest.mark.parametrize("user", ["", "\u00e9" * 17])
def test_a_user_id_has_1_to_32_bytes(app, user):
    with pytest.raises(ValueError, match="32 bytes"):
        app.simulator.add_user(user)


def test_is_muted_needs_a_member_and_is_never_true_for_a_direct_conversation(app):
    assert app.simulator.is_muted(ALICE_BOB) is False
    with pytest.raises(ValueError, match="no member"):
        app.simulator.is_muted(Conversation.group(user="carol", group="team"))


@pytest.mark.parametrize("kind", UNCOUNTED)
def test_some_types_of_group_count_nothing_as_unread(app, kind):
    app.simulator.add_group("crowd", ["alice"], kind=kind)
    crowd = Conversation.group(user="alice", group="crowd")
    app.simulator.receive(crowd, 4)
    assert app.simulator.state(crowd) == ConversationState(unread=0, messages=4)


# --- openim ---


def test_marking_read_clears_what_is_there(app):
    app.simulator.receive(ALICE_BOB, 3)
    app.simulator.receive(ALICE_CAROL)
    assert app.code(MARK, MARK_BODY) == 0
    assert app.simulator.state(ALICE_BOB) == ConversationState(messages=3, read_up_to=app.time)
    assert app.simulator.state(ALICE_CAROL).unread == 1


@pytest.mark.parametrize("as_sent", [int, str])
def test_marking_read_up_to_a_second_includes_it_and_spares_later_ones(app, as_sent):
    app.simulator.receive(ALICE_BOB, 2)
    second = int(app.time)
    app.time += 1
    app.simulator.receive(ALICE_BOB, 3)
    assert app.code(MARK, {**MARK_BODY, "MsgReadTime": as_sent(second)}) == 0
    assert app.simulator.state(ALICE_BOB) == ConversationState(unread=3, messages=5, read_up_to=second)


def test_reading_never_goes_back_or_ahead_of_the_clock(app):
    app.simulator.receive(ALICE_BOB)
    assert app.code(MARK, {**MARK_BODY, "MsgReadTime": int(app.time) + 1000}) == 0
    assert app.simulator.state(ALICE_BOB).read_up_to == app.time
    assert app.code(MARK, {**MARK_BODY, "MsgReadTime": 1}) == 0
    app.simulator.receive(ALICE_BOB)
    assert app.simulator.state(ALICE_BOB) == ConversationState(unread=1, messages=2, read_up_to=app.time)


def test_marking_read_what_is_not_there_is_ok_and_makes_nothing(app):
    assert app.code(MARK, MARK_BODY) == 0
    assert app.simulator.conversations() == {}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"Report_Account": "nobody"}, 90008),
        ({"Report_Account": ""}, 90008),
        ({"Report_Account": 5}, 60015),
        ({"Peer_Account": "nobody"}, 90003),
        ({"Peer_Account": None}, 60015),
        ({"MsgReadTime": True}, 90001),
        ({"MsgReadTime": 1.5}, 90001),
        ({"MsgReadTime": -1}, 90001),
        ({"MsgReadTime": "soon"}, 90001),
        ({"MsgReadTime": "9" * 5000}, 90001),
        ({"MsgReadTime": None}, 90001),
    ],
)
def test_wrong_fields_of_a_mark_are_refused_and_change_nothing(app, changes, code):
    app.simulator.receive(ALICE_BOB)
    assert app.code(MARK, {**MARK_BODY, **changes}) == code
    assert app.simulator.state(ALICE_BOB).unread == 1


def test_missing_fields_of_a_mark_are_refused(app):
    assert app.code(MARK, {}) == 90008
    assert app.code(MARK, {"Report_Account": "alice"}) == 90003


def test_unread_counts_can_be_read_back_with_a_partial_failure(app):
    app.simulator.receive(ALICE_BOB, 2)
    app.simulator.receive(ALICE_CAROL, 3)
    app.simulator.receive(BOB_ALICE)
    app.simulator.receive(TEAM)
    assert app.ask(COUNT, PEERS)["AllC2CUnreadMsgNum"] == 5
    assert app.ask(COUNT, {**PEERS, "Peer_Account": ["bob", "alice"]})["C2CUnreadMsgNumList"] == [
        {"Peer_Account": "bob", "C2CUnreadMsgNum": 2},
        {"Peer_Account": "alice", "C2CUnreadMsgNum": 0},
    ]
    reply = app.ask(COUNT, {**PEERS, "Peer_Account": ["nobody", "carol"]})
    assert reply["ErrorCode"] == 0
    assert reply["C2CUnreadMsgNumList"] == [{"Peer_Account": "carol", "C2CUnreadMsgNum": 3}]
    assert reply["ErrorList"] == [{"Peer_Account": "nobody", "ErrorCode": 70107}]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, 90003),
        ({"To_Account": "nobody"}, 90003),
        ({**PEERS, "Peer_Account": "bob"}, 90001),
        ({**PEERS, "Peer_Account": []}, 90001),
        ({**PEERS, "Peer_Account": [1]}, 90001),
        ({**PEERS, "Peer_Account": ["bob"] * 11}, 90018),
    ],
)
def test_wrong_fields_of_an_unread_query_are_refused(app, body, code):
    assert app.code(COUNT, body) == code


# --- recentcontact ---


@pytest.mark.parametrize(("conversation", "body"), [(ALICE_BOB, DELETE_BODY), (TEAM, DELETE_TEAM)])
def test_deleting_takes_it_off_this_users_list_until_something_arrives(app, conversation, body):
    app.simulator.receive(ALICE_BOB, 2)
    app.simulator.receive(BOB_ALICE, 2)
    app.simulator.receive(TEAM, 2)
    assert app.ask(DELETE, body) == {
        "ActionStatus": "OK",
        "ErrorInfo": "",
        "ErrorCode": 0,
        "ErrorDisplay": "",
    }
    assert app.simulator.state(conversation) is None
    assert len(app.simulator.conversations()) == 2
    app.simulator.receive(conversation)
    assert app.simulator.state(conversation) == ConversationState(unread=1, messages=3)


@pytest.mark.parametrize(("clear", "left"), [(0, 3), (1, 1)])
def test_roaming_messages_stay_unless_asked(app, clear, left):
    app.simulator.receive(ALICE_BOB, 2)
    assert app.code(DELETE, {**DELETE_BODY, "ClearRamble": clear}) == 0
    app.simulator.receive(ALICE_BOB)
    assert app.simulator.state(ALICE_BOB).messages == left


def test_roaming_messages_can_be_cleared_after_the_entry_is_gone(app):
    app.simulator.receive(ALICE_BOB, 2)
    app.ask(DELETE, DELETE_BODY)
    app.ask(DELETE, {**DELETE_BODY, "ClearRamble": 1})
    app.simulator.receive(ALICE_BOB)
    assert app.simulator.state(ALICE_BOB).messages == 1


def test_unread_goes_with_the_entry(app):
    app.simulator.receive(ALICE_BOB, 2)
    app.ask(DELETE, DELETE_BODY)
    assert app.ask(COUNT, PEERS)["AllC2CUnreadMsgNum"] == 0


@pytest.mark.parametrize("changes", [{}, {"To_Account": "nobody"}])
def test_deleting_what_is_not_there_is_ok(app, changes):
    assert app.code(DELETE, {**DELETE_BODY, **changes}) == 0
    assert app.simulator.conversations() == {}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, 50002),
        ({**DELETE_BODY, "From_Account": ""}, 50002),
        ({**DELETE_BODY, "From_Account": 1}, 50002),
        ({**DELETE_BODY, "From_Account": "nobody"}, 50001),
        ({"From_Account": "alice", "To_Account": "bob"}, 50002),
        ({**DELETE_BODY, "Type": True}, 50002),
        ({**DELETE_BODY, "Type": "1"}, 50002),
        ({**DELETE_BODY, "Type": 3}, 50002),
        ({**DELETE_BODY, "ClearRamble": 2}, 50002),
        ({**DELETE_BODY, "ClearRamble": True}, 50002),
        ({**DELETE_BODY, "To_Account": ""}, 50002),
        ({**DELETE_BODY, "To_Account": ["bob"]}, 50002),
        ({**DELETE_BODY, "ToGroupid": "team"}, 50002),
        ({"From_Account": "alice", "Type": 2, "To_Account": "team"}, 50002),
        ({"From_Account": "alice", "Type": 2, "ToGroupId": "team"}, 50002),
    ],
)
def test_wrong_fields_of_a_delete_are_refused_and_change_nothing(app, body, code):
    app.simulator.receive(ALICE_BOB)
    app.simulator.receive(TEAM)
    reply = app.ask(DELETE, body)
    assert reply["ErrorCode"] == code
    assert reply["ErrorDisplay"] == ""
    assert len(app.simulator.conversations()) == 2


def test_the_list_shows_what_is_in_it(app):
    app.simulator.receive(ALICE_BOB)
    app.simulator.receive(ALICE_CAROL)
    app.simulator.receive(BOB_ALICE)
    app.simulator.receive(TEAM)
    app.ask(DELETE, {**DELETE_BODY, "To_Account": "carol"})
    reply = app.ask(LIST, LIST_BODY)
    assert reply["SessionItem"] == [
        {"Type": 1, "To_Account": "bob", "MsgTime": int(app.time), "TopFlag": 0},
        {"Type": 2, "GroupId": "team", "MsgTime": int(app.time), "TopFlag": 0},
    ]
    assert (reply["CompleteFlag"], reply["StartIndex"], reply["ErrorDisplay"]) == (1, 0, "")


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"From_Account": "nobody"}, 50001), ({"AssistFlags": True}, 50002), ({"TimeStamp": "0"}, 50002)],
)
def test_wrong_fields_of_a_listing_are_refused(app, changes, code):
    assert app.code(LIST, {**LIST_BODY, **changes}) == code


# --- group_open_http_svc ---


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "AVChatRoom"])
@pytest.mark.parametrize("flag", ["AcceptNotNotify", "Discard", "AcceptNotNotifyExceptAt"])
def test_the_flag_mutes_one_member(app, kind, flag):
    app.simulator.add_group("crew", ["alice", "bob"], kind=kind)
    crew = Conversation.group(user="alice", group="crew")
    app.simulator.receive(crew)
    body = {"GroupId": "crew", "Member_Account": "alice"}
    assert app.code(MODIFY, {**body, "MsgFlag": flag}) == 0
    assert app.simulator.state(crew).muted
    assert not app.simulator.is_muted(Conversation.group(user="bob", group="crew"))
    assert app.code(MODIFY, {**body, "MsgFlag": "AcceptAndNotify"}) == 0
    assert not app.simulator.state(crew).muted
    assert app.simulator.silenced_speakers == []


def test_the_flag_survives_deletion(app):
    app.simulator.receive(TEAM)
    app.ask(MODIFY, {**MEMBER, "MsgFlag": "AcceptNotNotify"})
    app.ask(DELETE, DELETE_TEAM)
    assert app.simulator.is_muted(TEAM)
    app.simulator.receive(TEAM)
    assert app.simulator.state(TEAM) == ConversationState(unread=1, muted=True, messages=1 + 1)


def test_discard_lets_nothing_through(app):
    app.ask(MODIFY, {**MEMBER, "MsgFlag": "Discard"})
    app.simulator.receive(TEAM)
    assert app.simulator.state(TEAM) is None


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"GroupId": 5}, 10004),
        ({"GroupId": ""}, 10015),
        ({"GroupId": "nowhere"}, 10010),
        ({"GroupId": "hall"}, 10007),
        ({"Member_Account": None}, 10004),
        ({"Member_Account": "nobody"}, 10019),
        ({"Member_Account": "carol"}, 10004),
        ({"MsgFlag": "Mute"}, 10004),
        ({"MsgFlag": ["Discard"]}, 10004),
        ({"Role": "Owner"}, 10004),
        ({"NameCard": 5}, 10004),
        ({"NameCard": "n" * 51}, 10004),
        ({"ShutUpTime": True}, 10004),
        ({"ShutUpTime": -1}, 10004),
        ({"MuteUntil": 5}, 10004),
    ],
)
def test_wrong_fields_of_a_modification_are_refused_and_change_nothing(app, changes, code):
    app.simulator.add_group("hall", ["alice"], kind="AVChatRoom")
    assert app.code(MODIFY, {**MEMBER, "MsgFlag": "Discard", **changes}) == code
    assert not app.simulator.is_muted(TEAM)


def test_silencing_a_speaker_is_noted_and_is_no_mute(app):
    assert app.code(MODIFY, {**MEMBER, "ShutUpTime": 60}) == 0
    app.simulator.add_group("den", ["alice"], kind="Work")
    assert app.code(MODIFY, {"GroupId": "den", "Member_Account": "alice", "ShutUpTime": 60}) == 10007
    assert app.simulator.silenced_speakers == [("team", "alice", 60), ("den", "alice", 60)]
    assert not app.simulator.is_muted(TEAM)
    until = app.ask(MEMBERS, {"GroupId": "team", "Member_List_Account": ["alice"]})["MemberList"][0][
        "MuteUntil"
    ]
    assert until == app.time + 60
    assert app.code(MODIFY, {**MEMBER, "ShutUpTime": 0}) == 0


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in UNCOUNTED])
def test_the_unread_count_of_a_group_can_be_set(app, kind):
    app.simulator.add_group("crew", ["alice"], kind=kind)
    crew = Conversation.group(user="alice", group="crew")
    app.simulator.receive(crew, 3)
    body = {"GroupId": "crew", "Member_Account": "alice"}
    for asked, held in ((0, 0), (2, 2), (99, 3)):
        assert app.code(SET_UNREAD, {**body, "UnreadMsgNum": asked}) == 0
        assert app.simulator.state(crew).unread == held


@pytest.mark.parametrize("kind", UNCOUNTED)
def test_setting_the_unread_count_of_other_groups_is_ok_and_does_nothing(app, kind):
    app.simulator.add_group("crowd", ["alice"], kind=kind)
    crowd = Conversation.group(user="alice", group="crowd")
    app.simulator.receive(crowd, 3)
    assert app.code(SET_UNREAD, {"GroupId": "crowd", "Member_Account": "alice", "UnreadMsgNum": 2}) == 0
    assert app.simulator.state(crowd).unread == 0


def test_setting_the_unread_count_revives_no_deleted_conversation(app):
    app.simulator.receive(TEAM, 3)
    app.ask(DELETE, DELETE_TEAM)
    assert app.code(SET_UNREAD, {**MEMBER, "UnreadMsgNum": 2}) == 0
    assert app.simulator.state(TEAM) is None
    app.simulator.receive(TEAM)
    assert app.simulator.state(TEAM).unread == 1


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"GroupId": "nowhere"}, 10010),
        ({"Member_Account": "carol"}, 10004),
        ({"UnreadMsgNum": True}, 10004),
        ({"UnreadMsgNum": "0"}, 10004),
        ({"UnreadMsgNum": -1}, 10004),
        ({"UnreadMsgNum": None}, 10004),
    ],
)
def test_wrong_fields_of_an_unread_count_are_refused(app, changes, code):
    app.simulator.receive(TEAM, 3)
    assert app.code(SET_UNREAD, {**MEMBER, "UnreadMsgNum": 0, **changes}) == code
    assert app.simulator.state(TEAM).unread == 3


def test_group_types_can_be_read_back_with_a_partial_failure(app):
    app.simulator.add_group("hall", ["alice"], kind="Meeting")
    filters = {"GroupBaseInfoFilter": ["Type"]}
    reply = app.ask(GROUPS, {"GroupIdList": ["team", "hall", "nowhere", ""], "ResponseFilter": filters})
    assert reply["ErrorCode"] == 0
    assert reply["GroupInfo"][:2] == [
        {"GroupId": "team", "ErrorCode": 0, "ErrorInfo": "", "Type": "Public"},
        {"GroupId": "hall", "ErrorCode": 0, "ErrorInfo": "", "Type": "Meeting"},
    ]
    assert [group["ErrorCode"] for group in reply["GroupInfo"][2:]] == [10010, 10015]
    assert "Type" not in reply["GroupInfo"][2]


@pytest.mark.parametrize("kind", KINDS)
def test_every_type_of_group_tells_its_name(app, kind):
    app.simulator.add_group("crew", ["alice"], kind=kind)
    info = app.ask(GROUPS, {"GroupIdList": ["crew"]})["GroupInfo"][0]
    assert (info["Type"], info["MemberNum"], info["CreateTime"]) == (kind, 1, app.time)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"GroupIdList": "team"},
        {"GroupIdList": []},
        {"GroupIdList": [1]},
        {"GroupIdList": ["team"] * 51},
        {"GroupIdList": ["team"], "ResponseFilter": []},
        {"GroupIdList": ["team"], "ResponseFilter": {"GroupBaseInfoFilter": "Type"}},
        {"GroupIdList": ["team"], "ResponseFilter": {"GroupBaseInfoFilter": [1]}},
    ],
)
def test_wrong_fields_of_a_group_query_are_refused(app, body):
    assert app.code(GROUPS, body) == 10004


def test_members_can_be_read_back(app):
    app.simulator.receive(TEAM, 5)
    app.ask(SET_UNREAD, {**MEMBER, "UnreadMsgNum": 2})
    app.ask(MODIFY, {**MEMBER, "MsgFlag": "AcceptNotNotify", "Role": "Admin", "NameCard": "Al"})
    reply = app.ask(MEMBERS, {"GroupId": "team", "Member_List_Account": ["alice", "carol"]})
    assert reply["GroupId"] == "team"
    assert reply["MemberList"] == [
        {
            "Member_Account": "alice",
            "Role": "Admin",
            "JoinTime": int(app.time),
            "MsgSeq": 3,
            "MsgFlag": "AcceptNotNotify",
            "LastSendMsgTime": 0,
            "MuteUntil": 0,
            "NameCard": "Al",
        }
    ]
    body = {"GroupId": "team", "Member_List_Account": ["bob"], "MemberInfoFilter": ["MsgFlag"]}
    assert app.ask(MEMBERS, body)["MemberList"] == [{"Member_Account": "bob", "MsgFlag": "AcceptAndNotify"}]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"GroupId": "nowhere"}, 10010),
        ({"GroupId": "hall"}, 10007),
        ({"Member_List_Account": "alice"}, 10004),
        ({"Member_List_Account": ["alice"] * 51}, 10004),
        ({"MemberInfoFilter": "MsgFlag"}, 10004),
    ],
)
def test_wrong_fields_of_a_member_query_are_refused(app, changes, code):
    app.simulator.add_group("hall", ["alice"], kind="AVChatRoom")
    assert app.code(MEMBERS, {"GroupId": "team", "Member_List_Account": ["alice"], **changes}) == code


# --- Misbehaving ---


@pytest.mark.parametrize("code", [*MEANINGS, 60008, 123456])
def test_any_code_can_be_answered(app, code):
    app.simulator.receive(ALICE_BOB)
    app.simulator.misbehave(Fault(action=MARK, code=code))
    assert app.ask(MARK, MARK_BODY)["ErrorInfo"] == MEANINGS.get(code, f"code {code}")
    assert app.simulator.state(ALICE_BOB).unread == 1


def test_a_refused_recentcontact_code_has_its_display_field(app):
    assert json.loads(app.simulator.refusal(50004).body) == {
        "ActionStatus": "FAIL",
        "ErrorInfo": "code 50004",
        "ErrorCode": 50004,
        "ErrorDisplay": "",
    }
    assert "ErrorDisplay" not in json.loads(app.simulator.refusal(60007).body)


def test_the_connection_may_break_after_the_call_took_effect(app):
    app.simulator.receive(ALICE_BOB)
    app.simulator.misbehave(Fault(applies=True, failure=FailureKind.BROKEN))
    request = HttpRequest("POST", f"/v4/{MARK}?{urlencode(app.query())}", {}, json.dumps(MARK_BODY).encode())
    assert app.simulator.handle(request).kind is FailureKind.BROKEN
    assert app.simulator.state(ALICE_BOB).unread == 0


def test_every_answer_says_what_answered(app):
    reply = app.simulator.handle(HttpRequest("POST", "/", {}, b""))
    assert reply.headers["server"].startswith("convops-simulator/tencent-")
