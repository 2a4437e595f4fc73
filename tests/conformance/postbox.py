"""A vendor unlike ours: ids with a form, in the path; a bearer token; codes in words, under HTTP statuses."""

from __future__ import annotations

import json
import re
from urllib.parse import unquote

from attrs import evolve, field, frozen

from convops.errors import (
    AuthenticationError,
    InvalidRequestError,
    MalformedReplyError,
    NotFoundError,
    ProviderUnavailableError,
    RateLimitedError,
)
from convops.operations import ClearUnread, Conversation, ConversationKind, Delete, MarkRead, Mute
from convops.provider import (
    ALREADY,
    APPLIED,
    CONTRACT,
    Call,
    Code,
    Credentials,
    HttpReply,
    Provider,
    Quota,
    Signer,
    base_url,
    error_for,
    member,
)
from convops.secret import Secret
from convops.support import Caveat, Evidence, Fidelity, Support
from convops.testing import ConversationState, Simulator

PAGE = "https://postbox.example/docs"
TOKEN = "postbox-token-0123456789"

CODES = {
    "P_TOKEN": Code(AuthenticationError, "the token is wrong", PAGE),
    "P_ABSENT": Code(NotFoundError, "no such room", PAGE, {"what": "group"}),
    "P_RULE_ABSENT": Code(NotFoundError, "no such rule", PAGE),
    "P_SLOW": Code(RateLimitedError, "too many calls", PAGE),
    "P_BAD": Code(InvalidRequestError, "a parameter is wrong", PAGE),
    "P_BUSY": Code(ProviderUnavailableError, "busy", PAGE),
}
STATUSES = {"P_TOKEN": 401, "P_ABSENT": 404, "P_RULE_ABSENT": 404, "P_SLOW": 429, "P_BAD": 400, "P_BUSY": 503}

CELL = Support(fidelity=Fidelity.NATIVE, evidence=Evidence.SIMULATED, rate=5.0)
NO_DIRECT = Caveat("postbox.rooms-only", "there are only rooms", PAGE)
LACKING = Support(fidelity=Fidelity.UNSUPPORTED, lacked_by="vendor", caveats=(NO_DIRECT,))


@frozen(kw_only=True)
class PostboxAccount:
    token: Secret = field()
    base_url: str = field(validator=base_url)


@frozen
class Bearer(Signer):
    token: Secret

    def sign(self, call, *, now, nonce, ticket):
        return Credentials(headers={"Authorization": f"Bearer {self.token.reveal()}"})


class Postbox(Provider[PostboxAccount]):
    name = "postbox"
    title = "Postbox"
    contract = CONTRACT
    account_type = PostboxAccount
    codes = CODES
    docs = PAGE
    simulator = "tests.conformance.postbox:PostboxSimulator"

    def origins(self, account):
        return (account.base_url,)

    def signer(self, account):
        return Bearer(account.token)

    def support(self, account, operation, kind):
        return CELL if kind is ConversationKind.GROUP else LACKING

    def quota(self, account, call):
        return Quota(key=(self.name, account.base_url, call.action), rate=5.0)

    def read(self, call, reply):
        if "code" not in reply.document:
            return None
        code = reply.document["code"]
        # Whatever else a vendor writes there is no code, and may be an echo of the request.
        known = isinstance(code, str) and re.fullmatch("[A-Z_]{1,40}", code)
        return error_for(CODES, code) if known else MalformedReplyError("the code is none")

    def probe(self, account):
        return Call(action="whoami", method="GET", path=("whoami",), writes=False)

    def flow(self, account, operations):
        (operation,) = operations
        return _flow(operation)


def _flow(operation):
    user, room = operation.conversation.user, operation.conversation.other

    def call(action, method="PUT", **options):
        return Call(action=action, method=method, path=("users", user, "rooms", room, action), **options)

    try:
        # Whoever is not in a room is answered as if all were well, so it is asked for first.
        reply = yield call("member", "GET", writes=False)
        if member(reply.document, "membership", str) != "join":
            raise MalformedReplyError("membership is none")
        if isinstance(operation, Mute) and not operation.muted:
            yield call("rule", "DELETE")
        elif isinstance(operation, Mute):
            yield call("rule", body={"actions": []})
        elif isinstance(operation, ClearUnread | MarkRead):
            yield call("read", body={})
        elif isinstance(operation, Delete):
            if operation.erase_history:
                yield call("forget", body={})
            yield call("leave", body={}, removes=True)
    except NotFoundError as error:
        unmuted = error.code == "P_RULE_ABSENT" and isinstance(operation, Mute) and not operation.muted
        if not unmuted and not isinstance(operation, Delete):
            raise
        return [ALREADY]
    return [APPLIED]


class PostboxSimulator(Simulator):
    provider = "postbox"

    def __init__(self, **base):
        super().__init__(**base)
        self._users = set()
        self._rooms = {}
        self._sides = {}
        self._muted = set()

    @property
    def settings(self):
        return {"token": TOKEN}

    def user_id(self, name):
        return f"@{name}:postbox.example"

    def group_id(self, name):
        return f"!{name}"

    def add_user(self, user):
        if not user.startswith("@") or len(user) > 255:
            raise ValueError(user)
        self._users.add(user)

    def add_group(self, group, members, *, kind=None):
        if not group.startswith("!"):
            raise ValueError(group)
        self._rooms[group] = set(members)

    def receive(self, conversation, count=1):
        if conversation.kind is ConversationKind.DIRECT:
            # Rooms are all there is; what is said to a person alone is seen by nobody here.
            self._sides[conversation] = ConversationState(unread=count, messages=count)
            return
        if conversation.user not in self._rooms.get(conversation.other, ()):
            raise ValueError(conversation)
        state = self._sides.get(conversation) or ConversationState()
        self._sides[conversation] = evolve(
            state, unread=state.unread + count, messages=state.messages + count
        )

    def state(self, conversation):
        state = self._sides.get(conversation)
        return state and evolve(state, muted=conversation in self._muted)

    def conversations(self):
        return {conversation: self.state(conversation) for conversation in self._sides}

    def action(self, request):
        return request.target.rpartition("/")[2]

    def refusal(self, code):
        return _answer({"code": code}, STATUSES.get(code, 400))

    def answer(self, request):
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return self.refusal("P_TOKEN")
        if self.action(request) == "whoami":
            return _answer({"user": "@bot:postbox.example"})
        _, _, user, _, room, action = (unquote(part) for part in request.target.split("/"))
        conversation = Conversation.group(user=user, group=room)
        if user not in self._rooms.get(room, ()):
            return self.refusal("P_ABSENT")
        return getattr(self, f"_{action}")(conversation, request.method)

    def _member(self, conversation, method):
        return _answer({"membership": "join"})

    def _rule(self, conversation, method):
        if method == "DELETE" and conversation not in self._muted:
            return self.refusal("P_RULE_ABSENT")
        (self._muted.discard if method == "DELETE" else self._muted.add)(conversation)
        return _answer({})

    def _read(self, conversation, method):
        if conversation in self._sides:
            self._sides[conversation] = evolve(self._sides[conversation], unread=0, read_up_to=self.now())
        return _answer({})

    def _forget(self, conversation, method):
        if conversation in self._sides:
            self._sides[conversation] = evolve(self._sides[conversation], messages=0, unread=0)
        return _answer({})

    def _leave(self, conversation, method):
        self._rooms[conversation.other].discard(conversation.user)
        self._sides.pop(conversation, None)
        return _answer({})


def _answer(document, status=200):
    return HttpReply(status, {"content-type": "application/json"}, json.dumps(document).encode())
