"""The simulated vendors, as somebody who may look behind the counter sees them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

from attrs import evolve, frozen

from convops.operations import ClearUnread, Conversation, Delete, MarkRead, Mute, Operation
from convops.provider import Failure, HttpReply, HttpRequest
from convops.testing import Simulator
from convops_tencent.simulator import TencentSimulator
from convops_zego.simulator import ZegoSimulator
from tests.simulation.fates import CODES, Fate
from tests.simulation.story import BEGIN, GROUPS, USERS, App, conversations

PARTIAL = "SilenceConvNotification"


@frozen
class View:
    """One side of a conversation, with what no vendor shows.

    Attributes:
        listed: whether it stands in the user's list.
        unread: how many messages are.
        unread_from: when each of them was sent, in Unix seconds; None where the vendor does not keep it.
        messages: how many the user can see.
        muted: whether the user's notifications are off.
        read_up_to: until when the user has read.
    """

    listed: bool
    unread: int
    unread_from: tuple[int, ...] | None
    messages: int
    muted: bool
    read_up_to: float | None


class Vendor:
    """One app at a simulated vendor.

    Attributes:
        name: of the vendor.
        simulator: the vendor itself.
        arrived: how many messages came to each conversation since the story began.
    """

    def __init__(self, app: App, place: int, clock: Callable[[], float]) -> None:
        def now() -> float:
            return BEGIN + clock()

        self.name = app.vendor
        self.simulator: Simulator
        if app.vendor == "zego":
            self.simulator = ZegoSimulator(app_id=1000 + place, mute_limit=app.mute_limit, now=now)
        else:
            self.simulator = TencentSimulator(sdk_app_id=1000 + place, now=now)
        for user in USERS:
            self.simulator.add_user(user)
        red, blue = GROUPS
        self.simulator.add_group(red, USERS)
        # A Meeting keeps no unread count, and not everybody is in it.
        self.simulator.add_group(blue, USERS[:2], kind="Meeting" if app.vendor == "tencent" else None)
        self.arrived: dict[Conversation, int] = {}
        for nth, conversation in enumerate(conversations()):
            self.receive(conversation, nth % 3)
        self.arrived.clear()

    def receive(self, conversation: Conversation, count: int) -> None:
        """Let messages arrive, if they can."""
        if count and not (conversation.other == GROUPS[1] and conversation.user == USERS[2]):
            self.arrived[conversation] = self.arrived.get(conversation, 0) + count
            self.simulator.receive(conversation, count)

    def forget_calls(self) -> None:
        """Forget what was counted against the limits, as a restart does; what users did stays."""
        self.simulator._calls.clear()

    def settings(self) -> dict[str, Any]:
        """Return an account here."""
        more = {"allow_group_unread_reset": True} if self.name == "tencent" else {}
        return {**self.simulator.settings, **more, "base_url": f"https://{self.name}.example"}

    def app_of(self, request: HttpRequest) -> str:
        """Return the id of the app that a request names."""
        return _query(request)["AppId" if self.name == "zego" else "sdkappid"]

    @property
    def app(self) -> str:
        """The id of this app."""
        settings = self.simulator.settings
        return str(settings["app_id" if self.name == "zego" else "sdk_app_id"])

    def view(self, conversation: Conversation) -> View:
        """Return a side as it is."""
        if self.name == "zego":
            side = self.simulator._app.side(conversation)
            return View(side.listed, side.unread, None, side.messages, side.muted, side.read_up_to)
        state = self.simulator._state
        direct = conversation.kind.value == "direct"
        entry = state.entry(1 if direct else 2, conversation.user, conversation.other)
        group = None if direct else state.groups.get(conversation.other)
        member = group and group.members.get(conversation.user)
        return View(
            entry.listed,
            len(entry.unread),
            tuple(entry.unread),
            entry.visible,
            bool(member) and member.flag != "AcceptAndNotify",
            entry.read_up_to,
        )

    @property
    def reused_nonces(self) -> list[str]:
        """The nonces that came more than once."""
        return self.simulator.reused_nonces if self.name == "zego" else self.simulator.reused_randoms

    # --- Serving ---

    def serve(self, request: HttpRequest, fate: Fate) -> HttpReply | Failure:
        """Return what the vendor answers."""
        if fate.fault is not None:
            self.simulator.misbehave(fate.fault(CODES[self.name]))
        return self._serve_in_part(request) if fate.partial else self.simulator.handle(request)

    def _serve_in_part(self, request: HttpRequest) -> HttpReply | Failure:
        body = json.loads(request.body) if request.body else {}
        ids = body.get("ConvIds", ())
        if len(ids) < 2:
            return self.simulator.handle(request)
        busy = ids[len(ids) // 2]
        rest = {**body, "ConvIds": [each for each in ids if each != busy]}
        reply = self.simulator.handle(evolve(request, body=json.dumps(rest).encode()))
        document = json.loads(reply.body)
        if document["Code"] != 0 and "ErrorList" not in document:
            return reply
        failed = [*(document.get("ErrorList") or ()), {"ConvId": busy, "SubCode": CODES["zego"]["busy"]}]
        code = failed[0]["SubCode"] if len(failed) == len(ids) else 0
        document |= {"Code": code, "ErrorList": failed}
        return HttpReply(reply.status, reply.headers, json.dumps(document).encode())


def _query(request: HttpRequest) -> dict[str, str]:
    return dict(parse_qsl(request.target.partition("?")[2], keep_blank_values=True))


NAMES = {
    "zego": {
        "direct": (("FromUserId", "ToUserId"),),
        "group": (("FromUserId", "GroupId"),),
    },
    "tencent": {
        "direct": (("Report_Account", "Peer_Account"), ("From_Account", "To_Account")),
        "group": (("From_Account", "ToGroupid"), ("Member_Account", "GroupId")),
    },
}
"""The fields that name a user and the other side, as the vendors' pages have them."""


def asked_about(vendor: str, request: HttpRequest) -> list[Conversation]:
    """Return the conversations that a request is about; none where it only asks."""
    fields: dict[str, Any] = {**_query(request), **json.loads(request.body or b"{}")}
    make = {
        "direct": lambda user, other: Conversation.direct(user=user, peer=other),
        "group": lambda user, other: Conversation.group(user=user, group=other),
    }
    for kind, pairs in NAMES[vendor].items():
        for user, other in pairs:
            if user in fields and other in fields:
                return [make[kind](fields[user], fields[other])]
    if "ConvType" not in fields:
        return []
    kind = "direct" if str(fields["ConvType"]) == "0" else "group"
    others = fields.get("ConvIds") or [fields["ConvId"]]
    return [make[kind](fields["FromUserId"], other) for other in others]


def holds(operation: Operation, view: View, *, sent_before: float) -> bool:
    """Whether what an operation asks for is so.

    Args:
        operation: what was asked.
        view: the conversation.
        sent_before: Unix seconds; newer messages may be unread where the vendor can tell them apart.
    """
    match operation:
        case ClearUnread() | MarkRead():
            if view.unread_from is None or operation.conversation.kind.value == "group":
                return view.unread == 0
            return all(sent >= sent_before for sent in view.unread_from)
        case Delete():
            return not view.listed
        case Mute(muted=muted):
            return view.muted is muted
    raise TypeError(operation)
