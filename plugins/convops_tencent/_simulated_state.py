"""What the simulated vendor remembers, and its commands; the door to them is in `simulator`.

What the documents leave open is decided here, and each such place says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeGuard

from attrs import define, field

# Type of a conversation on the wire: https://tencentcloud.com/document/product/1047/43088
DIRECT = 1
GROUP = 2

NOTIFY = "AcceptAndNotify"
DISCARD = "Discard"
# https://cloud.tencent.com/document/product/269/1623, which has the last one since 2026.
MSG_FLAGS = (NOTIFY, "AcceptNotNotify", DISCARD, "AcceptNotNotifyExceptAt")

# Old and new names of the same types: https://tencentcloud.com/document/product/1047/34961
KINDS = ("Public", "Private", "Work", "ChatRoom", "Meeting", "AVChatRoom", "Community")
AUDIENCE = "AVChatRoom"
# These have no unread counts at all: https://trtc.io/document/34909
UNCOUNTED = ("ChatRoom", "Meeting", AUDIENCE)
UNSILENCEABLE = ("Private", "Work")

MOST_PEERS = 10
MOST_GROUPS = 50
MOST_MEMBERS = 50
NAME_CARD_BYTES = 50

Body = Mapping[str, Any]
Fields = dict[str, Any]


class Refused(Exception):  # noqa: N818 - an answer of the vendor, no error of ours
    """The vendor answers with this code, and nothing changes."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


@define
class Member:
    """A user's membership in a group; deleting the conversation does not touch it.

    Attributes:
        joined: Unix seconds.
        flag: one of `MSG_FLAGS`.
        role: `Member` or `Admin`.
        name_card: the name shown in this group.
        silenced_until: Unix seconds until which the member may not speak; 0 for free to speak.
    """

    joined: int
    flag: str = NOTIFY
    role: str = "Member"
    name_card: str = ""
    silenced_until: int = 0


@define
class Group:
    """A group and who is in it."""

    kind: str
    created: int
    members: dict[str, Member]


@define
class Entry:
    """One user's side of a conversation.

    Attributes:
        listed: whether it stands in the user's list.
        visible: messages the user can see, in the list or by roaming.
        arrived: messages there ever were.
        unread: the second in which each unread message was sent.
        read_up_to: Unix seconds; None for never.
        last: the second of the newest message.
    """

    listed: bool = False
    visible: int = 0
    arrived: int = 0
    unread: list[int] = field(factory=list)
    read_up_to: int | None = None
    last: int = 0


@define
class State:
    """Everything the vendor knows of one app.

    Attributes:
        users: the imported accounts.
        groups: by id.
        entries: by `DIRECT` or `GROUP`, the user whose side it is, and the peer or group.
        silenced: group, member and seconds of every `ShutUpTime` that was sent.
    """

    users: set[str]
    groups: dict[str, Group] = field(factory=dict)
    entries: dict[tuple[int, str, str], Entry] = field(factory=dict)
    silenced: list[tuple[str, str, int]] = field(factory=list)

    def entry(self, kind: int, user: str, other: str) -> Entry:
        """Return a side, blank where nothing ever arrived."""
        return self.entries.get((kind, user, other)) or Entry()


def _is_count(value: object) -> TypeGuard[int]:
    # true and false are no integers in JSON.
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _are_texts(value: object, most: int) -> TypeGuard[list[str]]:
    return isinstance(value, list) and 0 < len(value) <= most and all(isinstance(one, str) for one in value)


def _are_names(filters: Body, name: str) -> bool:
    names = filters.get(name, [])
    return isinstance(names, list) and all(isinstance(one, str) for one in names)


def _chosen(values: Fields, names: list[str] | None) -> Fields:
    return {name: value for name, value in values.items() if names is None or name in names}


# --- openim: its pages have no code for a wrong field; 90001, "check the format", comes closest ---


def _account(state: State, body: Body, name: str, code: int) -> str:
    user = body.get(name, "")
    if not isinstance(user, str):
        raise Refused(60015)
    if user not in state.users:
        raise Refused(code)
    return user


def _admin_set_msg_read(state: State, body: Body, now: int) -> Fields:
    # https://cloud.tencent.com/document/product/269/50349
    user = _account(state, body, "Report_Account", 90008)
    peer = _account(state, body, "Peer_Account", 90003)
    until = body.get("MsgReadTime", now)
    # An Integer on the Chinese page, a String on the international one: both are taken.
    if isinstance(until, str) and until.isascii() and until.isdigit() and len(until) <= len(str(2**63)):
        until = int(until)
    if not _is_count(until):
        raise Refused(90001)
    entry = state.entry(DIRECT, user, peer)
    # No code for "nothing to clear" is documented, so there is none. The pages say "before"; that the
    # second itself is included lets "now" mean everything. A time to come reads what is there.
    entry.unread = [sent for sent in entry.unread if sent > until]
    entry.read_up_to = max(entry.read_up_to or 0, min(until, now))
    return {}


def _get_c2c_unread_msg_num(state: State, body: Body, _: int) -> Fields:
    # https://tencentcloud.com/document/product/1047/41046
    user = _account(state, body, "To_Account", 90003)
    if "Peer_Account" not in body:
        mine = [entry for (kind, owner, _), entry in state.entries.items() if (kind, owner) == (DIRECT, user)]
        return {"AllC2CUnreadMsgNum": sum(len(entry.unread) for entry in mine)}
    peers = body["Peer_Account"]
    if isinstance(peers, list) and len(peers) > MOST_PEERS:
        raise Refused(90018)
    if not _are_texts(peers, MOST_PEERS):
        raise Refused(90001)
    counts = [
        {"Peer_Account": peer, "C2CUnreadMsgNum": len(state.entry(DIRECT, user, peer).unread)}
        for peer in peers
        if peer in state.users
    ]
    # Part of it may fail while the whole succeeds.
    failed = [{"Peer_Account": peer, "ErrorCode": 70107} for peer in peers if peer not in state.users]
    return {"C2CUnreadMsgNumList": counts, **({"ErrorList": failed} if failed else {})}


# --- recentcontact ---


def _owner(state: State, body: Body) -> str:
    user = body.get("From_Account")
    if not isinstance(user, str) or not user:
        raise Refused(50002)
    if user not in state.users:
        raise Refused(50001)
    return user


def _delete(state: State, body: Body, _: int) -> Fields:
    # https://tencentcloud.com/document/product/1047/43088
    user = _owner(state, body)
    kind, clear = body.get("Type"), body.get("ClearRamble", 0)
    if not (_is_count(kind) and _is_count(clear) and kind in (DIRECT, GROUP) and clear in (0, 1)):
        raise Refused(50002)
    # Each "will be assigned a value only for" its own type.
    wanted, unwanted = ("To_Account", "ToGroupid") if kind == DIRECT else ("ToGroupid", "To_Account")
    other = body.get(wanted)
    if not isinstance(other, str) or not other or unwanted in body:
        raise Refused(50002)
    # Whether it fails for what is not in the list, or for a peer or group that does not exist, is not
    # documented; the asked state holds, so it is OK. Nor is whether the unread count survives; it is
    # the entry's, so it goes with it.
    entry = state.entry(kind, user, other)
    entry.listed = False
    entry.unread = []
    if clear:
        entry.visible = 0
    return {}


def _get_list(state: State, body: Body, _: int) -> Fields:
    # https://tencentcloud.com/document/product/1047/43087
    user = _owner(state, body)
    cursors = ("TimeStamp", "StartIndex", "TopTimeStamp", "TopStartIndex")
    if not all(_is_count(body.get(name)) for name in (*cursors, "AssistFlags")):
        raise Refused(50002)
    names = {DIRECT: "To_Account", GROUP: "GroupId"}
    items = [
        {"Type": kind, names[kind]: other, "MsgTime": entry.last, "TopFlag": 0}
        for (kind, owner, other), entry in state.entries.items()
        if owner == user and entry.listed
    ]
    # How many make a page is not documented: everything is on the first.
    return {"SessionItem": items, "CompleteFlag": 1, **dict.fromkeys(cursors, 0)}


# --- group_open_http_svc ---


def _group_fault(state: State, group: str) -> int:
    # No page gives the length of a group id.
    if not group:
        return 10015
    return 0 if group in state.groups else 10010


def _group(state: State, body: Body) -> Group:
    group = body.get("GroupId")
    if not isinstance(group, str):
        raise Refused(10004)
    if code := _group_fault(state, group):
        raise Refused(code)
    return state.groups[group]


def _member(state: State, body: Body, group: Group) -> Member:
    user = body.get("Member_Account")
    if not isinstance(user, str):
        raise Refused(10004)
    if user not in state.users:
        raise Refused(10019)
    if user not in group.members:
        # No code for "exists, but is not in the group" is documented; it is a wrong parameter.
        raise Refused(10004)
    return group.members[user]


def _modify_group_member_info(state: State, body: Body, now: int) -> Fields:
    # https://trtc.io/document/34900
    group = _group(state, body)
    member = _member(state, body, group)
    silence = body.get("ShutUpTime", 0)
    if not _is_count(silence):
        raise Refused(10004)
    if "ShutUpTime" in body:
        state.silenced.append((body["GroupId"], body["Member_Account"], silence))
    if group.kind == AUDIENCE or (silence and group.kind in UNSILENCEABLE):
        # An AVChatRoom keeps no profiles of ordinary members, and all members here are ordinary.
        raise Refused(10007)
    flag, role = body.get("MsgFlag", member.flag), body.get("Role", member.role)
    card = body.get("NameCard", member.name_card)
    if flag not in MSG_FLAGS or role not in ("Admin", "Member"):
        raise Refused(10004)
    if not isinstance(card, str) or len(card.encode(errors="replace")) > NAME_CARD_BYTES:
        raise Refused(10004)
    if "ShutUpTime" in body:
        member.silenced_until = now + silence if silence else 0
    member.flag, member.role, member.name_card = flag, role, card
    return {}


def _set_unread_msg_num(state: State, body: Body, _: int) -> Fields:
    # https://trtc.io/document/34909
    group = _group(state, body)
    _member(state, body, group)
    count = body.get("UnreadMsgNum")
    if not _is_count(count):
        raise Refused(10004)
    entry = state.entry(GROUP, body["Member_Account"], body["GroupId"])
    # The other types answer OK all the same: "no error will be returned". For a conversation that is
    # not in the list nothing is documented; the count is the entry's, so there is none to set.
    if entry.listed and group.kind not in UNCOUNTED:
        entry.unread = [entry.last] * min(count, entry.arrived)
    return {}


def _get_group_info(state: State, body: Body, _: int) -> Fields:
    # https://tencentcloud.com/document/product/1047/34961; of its parts, only the basic one.
    wanted, filters = body.get("GroupIdList"), body.get("ResponseFilter", {})
    if not _are_texts(wanted, MOST_GROUPS) or not isinstance(filters, dict):
        raise Refused(10004)
    if not _are_names(filters, "GroupBaseInfoFilter"):
        raise Refused(10004)
    found = []
    for name in wanted:
        code = _group_fault(state, name)
        info: Fields = {"GroupId": name, "ErrorCode": code, "ErrorInfo": f"code {code}" if code else ""}
        if not code:
            group = state.groups[name]
            basic = {"Type": group.kind, "CreateTime": group.created, "MemberNum": len(group.members)}
            info |= _chosen(basic, filters.get("GroupBaseInfoFilter"))
        found.append(info)
    return {"GroupInfo": found}


def _get_specified_group_member_info(state: State, body: Body, _: int) -> Fields:
    # https://trtc.io/document/64897
    group, users = _group(state, body), body.get("Member_List_Account")
    if group.kind == AUDIENCE:
        raise Refused(10007)
    if not _are_texts(users, MOST_MEMBERS) or not _are_names(body, "MemberInfoFilter"):
        raise Refused(10004)
    found = []
    # What is answered for someone who is no member is not documented; here, nothing.
    for user, member in ((user, group.members[user]) for user in users if user in group.members):
        entry = state.entry(GROUP, user, body["GroupId"])
        profile = {
            "Role": member.role,
            "JoinTime": member.joined,
            # The number of the last message the member has read.
            "MsgSeq": entry.arrived - len(entry.unread),
            "MsgFlag": member.flag,
            "LastSendMsgTime": 0,
            "MuteUntil": member.silenced_until,
            "NameCard": member.name_card,
        }
        found.append({"Member_Account": user, **_chosen(profile, body.get("MemberInfoFilter"))})
    return {"GroupId": body["GroupId"], "MemberList": found}


# What each command does, and the fields that its page documents.
COMMANDS: Mapping[str, tuple[Callable[[State, Body, int], Fields], str]] = {
    "openim/admin_set_msg_read": (_admin_set_msg_read, "Report_Account Peer_Account MsgReadTime"),
    "openim/get_c2c_unread_msg_num": (_get_c2c_unread_msg_num, "To_Account Peer_Account"),
    "recentcontact/delete": (_delete, "From_Account Type To_Account ToGroupid ClearRamble"),
    "recentcontact/get_list": (
        _get_list,
        "From_Account TimeStamp StartIndex TopTimeStamp TopStartIndex AssistFlags",
    ),
    "group_open_http_svc/modify_group_member_info": (
        _modify_group_member_info,
        "GroupId Member_Account Role MsgFlag NameCard AppMemberDefinedData ShutUpTime",
    ),
    "group_open_http_svc/set_unread_msg_num": (_set_unread_msg_num, "GroupId Member_Account UnreadMsgNum"),
    "group_open_http_svc/get_group_info": (_get_group_info, "GroupIdList ResponseFilter"),
    "group_open_http_svc/get_specified_group_member_info": (
        _get_specified_group_member_info,
        "GroupId Member_List_Account MemberInfoFilter MemberRoleFilter AppDefinedDataFilter_GroupMember",
    ),
}
