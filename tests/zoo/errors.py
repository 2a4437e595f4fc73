"""Animals that read an answer a little wrong, and those whose calls say wrong things."""

from __future__ import annotations

import attrs

from convops.errors import (
    Effect,
    InvalidRequestError,
    LimitExceededError,
    MalformedReplyError,
    ProviderUnavailableError,
    TransportError,
)
from convops.operations import Delete, Mute
from convops.provider import ALREADY, APPLIED, Reply, Verdict, error_for
from convops_tencent.flows import Tencent
from convops_zego.flows import Zego
from tests.zoo.keeper import altered, animal, forgiving


@animal("errors-map", "maps a limit to success")
class LimitIsSuccess(Zego):
    def read(self, call, reply):
        error = super().read(call, reply)
        return None if isinstance(error, LimitExceededError) else error


@animal("errors-map", "marks everything retryable")
class AllRetryable(Zego):
    def read(self, call, reply):
        error = super().read(call, reply)
        return error and error.with_facts(retryable=True)


@animal("errors-map", "marks nothing retryable")
class NothingRetryable(Tencent):
    def read(self, call, reply):
        error = super().read(call, reply)
        return error and error.with_facts(retryable=False)


@animal("errors-map", "loses the vendor's code")
class LosesTheCode(Tencent):
    def read(self, call, reply):
        error = super().read(call, reply)
        return error and error.with_facts(code=None)


@animal("errors-map", "takes one vendor code for success in one operation")
class OneCodeIsFine(Tencent):
    def flow(self, account, operations):
        flow = super().flow(account, operations)
        return forgiving(flow, InvalidRequestError, [APPLIED]) if isinstance(operations[0], Delete) else flow


@animal("errors-map", "knows whether anything happened where the vendor does not say")
class KnowsTooMuch(Tencent):
    def read(self, call, reply):
        error = super().read(call, reply)
        return error and error.with_facts(effect=Effect.NOT_APPLIED)


@animal("unknown-codes", "takes an unknown code for a busy vendor")
class UnknownIsBusy(Zego):
    def read(self, call, reply):
        error = super().read(call, reply)
        if error is not None and error.code not in self.codes:
            return ProviderUnavailableError("busy", code=error.code)
        return error


@animal("unknown-codes", "takes an unknown code for success")
class UnknownIsFine(Tencent):
    def read(self, call, reply):
        error = super().read(call, reply)
        return None if error is not None and error.code not in self.codes else error


@animal("answers-unreadable", "takes an answer without a code for success")
class NoCodeIsFine(Zego):
    def read(self, call, reply):
        return super().read(call, Reply(reply.status, reply.headers, {"Code": 0, **reply.document}))


@animal("answers-unreadable", "takes an answer it cannot read for success")
class GarbageIsFine(Tencent):
    def flow(self, account, operations):
        return forgiving(super().flow(account, operations), MalformedReplyError, [APPLIED])


@animal("answers-unreadable", "takes a server error for success when the body looks well")
class ErrorStatusIsFine(Tencent):
    def flow(self, account, operations):
        return forgiving(super().flow(account, operations), ProviderUnavailableError, [APPLIED])


@animal("failures-honest", "takes a broken connection for success")
class BrokenIsFine(Tencent):
    def flow(self, account, operations):
        return forgiving(super().flow(account, operations), TransportError, [APPLIED])


@animal("answers-strange", "trusts the shape of the list of errors")
class TrustsTheShape(Zego):
    def flow(self, account, operations):
        if not isinstance(operations[0], Mute):
            return super().flow(account, operations)
        return self._silence(account, operations)

    def _silence(self, account, operations):
        call = next(super().flow(account, operations))
        reply = yield call
        failed = {item["ConvId"]: item["SubCode"] for item in reply.document.get("ErrorList") or []}
        code = reply.document.get("Code", 0)
        verdicts = []
        for operation in operations:
            item = failed.get(operation.conversation.other, code)
            already = item in (660800051, 660800052)
            fine = ALREADY if already else APPLIED
            verdicts.append(fine if not item or already else Verdict.failed(error_for(self.codes, item)))
        return verdicts


@animal("answers-strange", "takes any code that is not true for 0")
class LooseCode(Zego):
    def read(self, call, reply):
        if not reply.document.get("Code"):
            return None
        return super().read(call, reply)


@animal("failures-honest", "repeats a call without what it was about")
class RepeatsTheWrongCall(Zego):
    def flow(self, account, operations):
        if isinstance(operations[0], Delete):
            return forgiving(super().flow(account, operations), TransportError, [APPLIED])
        return super().flow(account, operations)


# --- Calls --------------------------------------------------------------------------------------------------


@animal("calls-honest", "says that a call which writes does not")
class HidesWrites(Zego):
    def flow(self, account, operations):
        return altered(super().flow(account, operations), call=lambda call: attrs.evolve(call, writes=False))


@animal("calls-honest", "says that muting removes the conversation")
class RemovesTooMuch(Zego):
    def flow(self, account, operations):
        return altered(super().flow(account, operations), call=lambda call: attrs.evolve(call, removes=True))


@animal("calls-honest", "puts a number into the query")
class NumberInTheQuery(Zego):
    def flow(self, account, operations):
        def numbered(call):
            return (
                attrs.evolve(call, query={**call.query, "ConvType": _Number(0)}) if "Mute" in names else call
            )

        names = {type(operation).__name__ for operation in operations}
        return altered(super().flow(account, operations), call=numbered)


class _Number(int):
    """A number that can be encoded, as some libraries' are."""

    def encode(self, *_):
        return b"0"


@animal(
    "calls-honest",
    "says that a call which only reads writes",
    survives="nothing happens that a caller would not rather know of: a refusal is only in more doubt",
)
class OverlyCareful(Tencent):
    def flow(self, account, operations):
        return altered(super().flow(account, operations), call=lambda call: attrs.evolve(call, writes=True))
