"""Animals that are wrong about many operations at once."""

from __future__ import annotations

import attrs

from convops.operations import Mute
from convops.provider import ALREADY, APPLIED, Reply
from convops_zego.flows import Zego
from tests.zoo.keeper import altered, animal


@animal("batch-per-item", "swaps two outcomes in a batch")
class SwapsOutcomes(Zego):
    def flow(self, account, operations):
        return altered(super().flow(account, operations), verdicts=lambda verdicts: verdicts[::-1])


@animal("batch-per-item", "drops the list of errors: code 0 is all well")
class CodeZeroIsAllWell(Zego):
    def flow(self, account, operations):
        def well(reply):
            document = {name: value for name, value in reply.document.items() if name != "ErrorList"}
            return Reply(
                reply.status, reply.headers, document if reply.document["Code"] == 0 else reply.document
            )

        return altered(super().flow(account, operations), reply=well)


@animal("batch-per-item", "sees the first item of the list of errors only")
class FirstErrorOnly(Zego):
    def flow(self, account, operations):
        def first(reply):
            document = dict(reply.document)
            if document["Code"] == 0 and document.get("ErrorList"):
                document["ErrorList"] = document["ErrorList"][:1]
            return Reply(reply.status, reply.headers, document)

        return altered(super().flow(account, operations), reply=first)


@animal("batch-per-item", "fails the whole batch for one conversation")
class OneFailsAll(Zego):
    def flow(self, account, operations):
        def all_alike(verdicts):
            failed = [verdict for verdict in verdicts if verdict.error is not None]
            return [failed[0]] * len(verdicts) if failed else verdicts

        return altered(super().flow(account, operations), verdicts=all_alike)


@animal("batch-per-item", "counts what was so already as a failure of its neighbour")
class OffByOne(Zego):
    def flow(self, account, operations):
        def turned(verdicts):
            return verdicts[-1:] + verdicts[:-1] if ALREADY in verdicts else verdicts

        return altered(super().flow(account, operations), verdicts=turned)


@animal("batch-order", "declares larger batches than the vendor takes")
class TooLargeBatches(Zego):
    def support(self, account, operation, kind):
        cell = super().support(account, operation, kind)
        return attrs.evolve(cell, batch=20) if cell.batch > 1 else cell


@animal("batch-order", "declares batches, and never makes one")
class NeverBatches(Zego):
    def batch_key(self, account, operation):
        key = super().batch_key(account, operation)
        return None if key is None else (*key, operation.conversation.other)


@animal("batch-order", "sends every conversation of a batch twice")
class SendsTwice(Zego):
    def flow(self, account, operations):
        if isinstance(operations[0], Mute) and len(operations) > 1:
            return self._twice(account, operations)
        return super().flow(account, operations)

    def _twice(self, account, operations):
        yield from super().flow(account, operations)
        verdicts = yield from super().flow(account, operations)
        return [APPLIED if verdict is ALREADY else verdict for verdict in verdicts]


@animal("batch-order", "loses all but the first ten of a batch it declares larger")
class LosesTheRest(TooLargeBatches):
    def flow(self, account, operations):
        if len(operations) <= 10:
            return super().flow(account, operations)
        return altered(
            super().flow(account, operations[:10]),
            verdicts=lambda verdicts: verdicts + [APPLIED] * (len(operations) - 10),
        )


@animal("batch-mixed", "puts muting and unmuting into one call")
class MixesDirections(Zego):
    def batch_key(self, account, operation):
        key = super().batch_key(account, operation)
        return key and key[:2]


@animal("batch-mixed", "puts two users into one call")
class MixesUsers(Zego):
    def batch_key(self, account, operation):
        key = super().batch_key(account, operation)
        return key and key[1:]


@animal("batch-mixed", "puts direct and group conversations into one call")
class MixesKinds(Zego):
    def batch_key(self, account, operation):
        key = super().batch_key(account, operation)
        return key and (key[0], key[2])


@animal("batch-key", "gives another batch key each time")
class RestlessBatchKey(Zego):
    def batch_key(self, account, operation):
        return object() if isinstance(operation, Mute) else None
