"""Animals that say wrong things of themselves: quotas, origins, cells, tables."""

from __future__ import annotations

import attrs

from convops.errors import LimitExceededError, NotFoundError, RateLimitedError
from convops.operations import Mute
from convops.provider import ALREADY, Code, Quota, error_for
from convops.support import Caveat
from convops_tencent.flows import Tencent
from convops_zego.codes import CODES
from convops_zego.flows import SILENCE, Zego
from tests.zoo.keeper import altered, animal

# --- What it says of itself ---------------------------------------------------------------------------------


@animal("quota", "is faster than its cell says")
class TooFast(Zego):
    def quota(self, account, call):
        return attrs.evolve(super().quota(account, call), rate=1000)


@animal("quota", "counts together with whoever has the same number")
class NamelessQuota(Zego):
    def quota(self, account, call):
        return Quota(key=(account.app_id, call.action), rate=20)


@animal("quota", "counts each host apart, and the vendor does not")
class QuotaByHost(Tencent):
    def quota(self, account, call):
        quota = super().quota(account, call)
        return attrs.evolve(quota, key=(quota.key, account.origins))


@animal("quota", "counts each account object apart")
class QuotaByObject(Zego):
    def quota(self, account, call):
        return Quota(key=(self.name, id(account), call.action), rate=20)


@animal("contract", "speaks without TLS")
class PlainHttp(Tencent):
    def origins(self, account):
        return tuple(origin.replace("https://", "http://") for origin in super().origins(account))


@animal("contract", "was written for another contract")
class OldContract(Zego):
    contract = 99


@animal("contract", "ignores base_url")
class DeafToBaseUrl(Zego):
    def origins(self, account):
        return ("https://zim-api.zego.im",)


@animal("contract", "names no page of its vendor")
class NoDocs(Zego):
    docs = ""


@animal("cells-complete", "knows nothing of one cell")
class MissingCell(Tencent):
    def support(self, account, operation, kind):
        if operation is Mute and kind.value == "direct":
            raise KeyError(operation)
        return super().support(account, operation, kind)


@animal("cells-complete", "names its caveats after another provider")
class ForeignCaveat(Zego):
    def support(self, account, operation, kind):
        cell = super().support(account, operation, kind)
        foreign = tuple(attrs.evolve(c, id=c.id.replace("zego.", "tencent.")) for c in cell.caveats)
        return attrs.evolve(cell, caveats=foreign)


@animal("cells-complete", "says no without a reason")
class NoReason(Tencent):
    def support(self, account, operation, kind):
        cell = super().support(account, operation, kind)
        return cell or attrs.evolve(cell, caveats=())


@animal("cells-complete", "calls two different caveats by one name")
class TwoCaveatsOneName(Zego):
    def support(self, account, operation, kind):
        cell = super().support(account, operation, kind)
        more = Caveat("zego.note", f"something about {operation.name}", "https://www.zegocloud.com/docs")
        return attrs.evolve(cell, caveats=(*cell.caveats, more))


PAGE = "https://www.zegocloud.com/docs/zim-server/return-codes"
FULL, ABSENT = 660800030, 660800002


@animal("code-table", "has a limit that waiting lifts, and no other try")
class ContradictoryTable(Zego):
    codes = {**CODES, 7: Code(RateLimitedError, "too many", PAGE, {"retryable": False})}


@animal("code-table", "tries again what is not there")
class HopefulTable(Zego):
    codes = {**CODES, 660700015: Code(NotFoundError, "no peer", PAGE, {"retryable": True, "what": "peer"})}


@animal("code-table", "has a row that comes from nowhere")
class RowFromNowhere(Zego):
    codes = {**CODES, 7: Code(RateLimitedError, "too many", "somebody said so")}


@animal("code-table", "lists success among the refusals")
class SuccessInTheTable(Zego):
    codes = {**CODES, 0: Code(None, "success", PAGE)}


@animal("errors-map", "has a table that it does not read")
class TableUnread(Zego):
    codes = {**CODES, FULL: Code(RateLimitedError, "too many muted", PAGE)}

    def read(self, call, reply):
        error = super().read(call, reply)
        if error is not None and error.code == FULL:
            return LimitExceededError("full", code=FULL)
        return error


@animal(
    "errors-map",
    "says in its own table that a full mute list means muted already",
    survives="the kit believes a table about what a code means: only the vendor's pages could contradict it",
)
class WrongTable(Zego):
    codes = {**CODES, FULL: Code(None, "muted already", PAGE)}

    def read(self, call, reply):
        error = super().read(call, reply)
        if getattr(error, "code", None) != FULL:
            return error
        return None if call.action == SILENCE else error_for(self.codes, FULL)

    def flow(self, account, operations):
        def already(verdicts):
            return [ALREADY if getattr(one.error, "code", None) == FULL else one for one in verdicts]

        return altered(super().flow(account, operations), verdicts=already)


@animal(
    "errors-map",
    "says of a missing peer that the user is missing",
    survives="which of two people is missing stands in the table, and the kit believes the table",
)
class WrongPerson(Zego):
    codes = {**CODES, ABSENT: Code(NotFoundError, "no such conversation", PAGE, {"what": "user"})}

    def read(self, call, reply):
        error = super().read(call, reply)
        return error_for(self.codes, ABSENT) if getattr(error, "code", None) == ABSENT else error
