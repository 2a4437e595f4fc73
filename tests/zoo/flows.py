"""Animals that ask, or read the answer, a little wrong."""

from __future__ import annotations

import sys

import attrs

from convops.errors import InvalidRequestError
from convops.operations import ClearUnread, Conversation, ConversationKind, Delete, MarkRead, Mute
from convops.provider import ALREADY, APPLIED, Verdict
from convops.support import Support
from convops_tencent.flows import Tencent
from convops_zego.flows import Zego
from tests.zoo.keeper import altered, animal, body

GROUP = ConversationKind.GROUP


# --- What is said to be done and is not -------------------------------------------------------------------


@animal("declared-cells-work", "declares an operation its vendor lacks, and sends something that is taken")
class LiesAboutSupport(Tencent):
    def support(self, account, operation, kind):
        if (operation, kind) == (MarkRead, GROUP):
            kind = ConversationKind.DIRECT
        return super().support(account, operation, kind)

    def flow(self, account, operations):
        (operation,) = operations
        if isinstance(operation, MarkRead) and operation.conversation.kind is GROUP:
            user = operation.conversation.user
            operations = [MarkRead(Conversation.direct(user=user, peer=user), at=operation.at)]
        return super().flow(account, operations)


@animal("declared-cells-work", "keeps the member from speaking where it should silence notifications")
class SilencesTheSpeaker(Tencent):
    def flow(self, account, operations):
        def silence(call):
            if "MsgFlag" not in (call.body or {}):
                return call
            rest = {name: value for name, value in call.body.items() if name != "MsgFlag"}
            return attrs.evolve(call, body={**rest, "ShutUpTime": 3600})

        return altered(super().flow(account, operations), call=silence)


@animal("declared-cells-work", "mutes, whatever it is asked for")
class MutesForever(Zego):
    def flow(self, account, operations):
        if isinstance(operations[0], Mute):
            return altered(super().flow(account, operations), call=lambda call: body(call, Enable=True))
        return super().flow(account, operations)


@animal("declared-cells-work", "deletes the side of the peer")
class DeletesTheOtherSide(Zego):
    def flow(self, account, operations):
        def swap(call):
            if call.body["ConvType"] == 0:
                return body(call, FromUserId=call.body["ConvId"], ConvId=call.body["FromUserId"])
            return call

        if isinstance(operations[0], Delete) and not operations[0].erase_history:
            return altered(super().flow(account, operations), call=swap)
        return super().flow(account, operations)


@animal("declared-cells-work", "reads all it can: it clears the count and mutes as well")
class DoesTooMuch(Zego):
    def flow(self, account, operations):
        if isinstance(operations[0], MarkRead):
            return self._more(account, operations)
        return super().flow(account, operations)

    def _more(self, account, operations):
        verdicts = yield from super().flow(account, operations)
        yield from super().flow(account, [Mute(operations[0].conversation)])
        return verdicts


@animal("declared-cells-work", "says ALREADY of everything, to be on the safe side")
class AlwaysAlready(Zego):
    def flow(self, account, operations):
        return altered(super().flow(account, operations), verdicts=lambda verdicts: [ALREADY] * len(verdicts))


@animal("declared-cells-work", "answers without asking")
class NeverAsks(Zego):
    def flow(self, account, operations):
        if isinstance(operations[0], ClearUnread):
            return super().flow(account, operations)
        return self._nothing(operations)

    def _nothing(self, operations):
        yield from ()
        return [APPLIED] * len(operations)


@animal("idempotent", "takes `muted already` for a failure")
class FailsWhenDone(Zego):
    def flow(self, account, operations):
        def strict(verdicts):
            return [
                Verdict.failed(InvalidRequestError("it is so")) if verdict is ALREADY else verdict
                for verdict in verdicts
            ]

        return altered(super().flow(account, operations), verdicts=strict)


@animal("idempotent", "unmutes a muted conversation that is muted again")
class Toggles(Zego):
    def flow(self, account, operations):
        if isinstance(operations[0], Mute) and len(operations) == 1:
            return self._toggled(account, operations)
        return super().flow(account, operations)

    def _toggled(self, account, operations):
        verdicts = yield from super().flow(account, operations)
        if verdicts == [ALREADY]:
            (first,) = operations
            yield from super().flow(account, [attrs.evolve(first, muted=not first.muted)])
        return verdicts


@animal("undeclared-refuse", "says no to the kit, and yes to the clients")
class TwoFaced(Tencent):
    def support(self, account, operation, kind):
        cell = super().support(account, operation, kind)
        return cell or TwoFacedSupport(fidelity=cell.fidelity, caveats=cell.caveats)


class TwoFacedSupport(Support):
    def __bool__(self):
        return not sys._getframe(1).f_globals["__name__"].startswith("convops.testing")

    def __attrs_post_init__(self):
        pass


# --- Options ----------------------------------------------------------------------------------------------


@animal("options-honest", "erases the history whether asked to or not")
class AlwaysErases(Tencent):
    def flow(self, account, operations):
        if isinstance(operations[0], Delete):
            operations = [attrs.evolve(operations[0], erase_history=True)]
        return super().flow(account, operations)


@animal("options-honest", "never erases the history")
class NeverErases(Zego):
    def flow(self, account, operations):
        if isinstance(operations[0], Delete):
            operations = [attrs.evolve(operations[0], erase_history=False)]
        return super().flow(account, operations)


@animal("time-pinned", "says a moment is kept, and sends none")
class ForgetsTheMoment(Tencent):
    def flow(self, account, operations):
        def unpinned(call):
            rest = {name: value for name, value in call.body.items() if name != "MsgReadTime"}
            return attrs.evolve(call, body=rest)

        return altered(super().flow(account, operations), call=unpinned)


@animal("time-pinned", "keeps a moment, and says that none is kept")
class HidesTheMoment(Tencent):
    def support(self, account, operation, kind):
        return attrs.evolve(super().support(account, operation, kind), time_pinned=False)


@animal("time-pinned", "takes the moment of the decision where another is asked for")
class IgnoresUpTo(Tencent):
    def flow(self, account, operations):
        (operation,) = operations
        if isinstance(operation, MarkRead):
            operations = [attrs.evolve(operation, up_to=None)]
        return super().flow(account, operations)


@animal("kinds-apart", "always means a direct conversation when it deletes")
class OneKindOnly(Zego):
    def flow(self, account, operations):
        def direct(call):
            return body(call, ConvType=0) if call.action == "DeleteConv" else call

        return altered(super().flow(account, operations), call=direct)


@animal("users-apart", "acts for the user it served first")
class StuckToOneUser(Zego):
    user = None

    def flow(self, account, operations):
        conversation = operations[0].conversation
        if isinstance(operations[0], Delete) and conversation.kind is GROUP:
            StuckToOneUser.user = StuckToOneUser.user or conversation.user
            conversation = attrs.evolve(conversation, user=StuckToOneUser.user)
            operations = [attrs.evolve(operations[0], conversation=conversation)]
        return super().flow(account, operations)
