"""Animals that reach for the outside, or remember."""

from __future__ import annotations

import datetime as dt
import os
import random
import socket
import tempfile
import threading
import time
import uuid
from pathlib import Path
from time import sleep

import attrs

from convops.operations import Delete
from convops_tencent.flows import Tencent
from convops_zego.flows import Zego
from tests.zoo.keeper import altered, animal

# --- What a flow must not do --------------------------------------------------------------------------------


class _Meddles(Zego):
    """Does something before it deletes."""

    def meddle(self, operations):
        raise NotImplementedError

    def flow(self, account, operations):
        if isinstance(operations[0], Delete):
            return self._meddled(account, operations)
        return super().flow(account, operations)

    def _meddled(self, account, operations):
        self.meddle(operations)
        return (yield from super().flow(account, operations))


@animal("flows-pure", "sleeps, to be kind to the vendor")
class Sleeps(_Meddles):
    def meddle(self, operations):
        time.sleep(0.001)


@animal("flows-pure", "sleeps by a name of its own")
class SleepsQuietly(_Meddles):
    def meddle(self, operations):
        sleep(0.001)


@animal("flows-pure", "opens a socket")
class OpensASocket(_Meddles):
    def meddle(self, operations):
        socket.socket().close()


@animal("flows-pure", "opens a socket and hides that it could not")
class OpensASocketQuietly(_Meddles):
    def meddle(self, operations):
        try:
            socket.socket().close()
        except BaseException:  # noqa: BLE001 - this animal's own
            pass


@animal("flows-pure", "looks into the environment")
class ReadsTheEnvironment(_Meddles):
    def meddle(self, operations):
        os.environ.get("CONVOPS_ZOO")


@animal("flows-pure", "writes a file")
class WritesAFile(_Meddles):
    def meddle(self, operations):
        with open(os.devnull, "w") as file:  # noqa: PTH123 - this animal's own
            file.write("deleted")


@animal("flows-pure", "reads a file")
class ReadsAFile(_Meddles):
    def meddle(self, operations):
        Path(__file__).read_bytes()


@animal("flows-pure", "rolls dice")
class RollsDice(_Meddles):
    def meddle(self, operations):
        random.random()


@animal("flows-pure", "makes up an id")
class MakesUpAnId(_Meddles):
    def meddle(self, operations):
        uuid.uuid4()


@animal("flows-pure", "looks at the clock")
class ReadsTheClock(_Meddles):
    def meddle(self, operations):
        time.time()


@animal("flows-pure", "looks at the calendar")
class ReadsTheCalendar(_Meddles):
    def meddle(self, operations):
        dt.datetime.now(dt.UTC)


@animal("flows-pure", "starts a thread")
class StartsAThread(_Meddles):
    def meddle(self, operations):
        threading.Thread(target=int).start()


@animal("flows-pure", "prints")
class Prints(_Meddles):
    def meddle(self, operations):
        print(end="")  # noqa: T201 - this animal's own


@animal("flows-pure", "remembers the last operation on the provider")
class Remembers(_Meddles):
    def meddle(self, operations):
        self.last = operations[-1]


@animal("flows-pure", "counts on its class")
class CountsOnTheClass(_Meddles):
    count = 0

    def meddle(self, operations):
        type(self).count += 1


_SEEN = []


@animal("flows-pure", "asks otherwise every other time")
class EveryOtherTime(Zego):
    def flow(self, account, operations):
        def turned(call):
            _SEEN.append(call)
            return attrs.evolve(call, action=f"{call.action}{len(_SEEN)}")

        flow = super().flow(account, operations)
        return altered(flow, call=turned) if isinstance(operations[0], Delete) else flow


@animal("answers-pure", "gives another cell at night")
class MoodyCells(Zego):
    def support(self, account, operation, kind):
        time.time()
        return super().support(account, operation, kind)


@animal("answers-pure", "reads answers with a file at hand")
class ReadsWithAFile(Tencent):
    def read(self, call, reply):
        with tempfile.TemporaryFile():
            return super().read(call, reply)


@animal("answers-pure", "names its quota anew each time")
class RestlessRequestIds(Zego):
    def request_id(self, reply):
        return uuid.uuid4().hex
