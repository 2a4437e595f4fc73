"""A call ends while the fault still goes on: no time is measured, only who hung up first."""

from __future__ import annotations

import pytest

from convops.errors import DeadlineExceededError, Effect
from tests.faults import on_connecting
from tests.faults.stage import SHORT, Stage, http
from tests.faults.table import CLIENTS

ENDLESS = 2000
"""More bytes than drip in the time a test may take."""

DRIPS = {
    "head": b"HTTP/1.1 200 X\r\nx-drip: " + b"x" * ENDLESS,
    "body": http(b" " * ENDLESS),
    "chunk": b"HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\nfff\r\n" + b" " * ENDLESS,
    "interim answers": b"HTTP/1.1 103 X\r\n\r\n" * ENDLESS,
}


@pytest.fixture(params=CLIENTS)
def stage(request):
    with Stage("zego", "mute", request.param) as made:
        yield made


@pytest.mark.parametrize("drip", DRIPS.values(), ids=DRIPS)
def test_a_call_ends_while_the_answer_still_drips(stage, drip):
    finished = []
    stage.open()
    # Each single read is short, so that only a clock over all of them ends this.
    stage.begin(lambda _, peer, __: finished.append(peer.drip(drip, 0.01)))
    result = stage.do(timeout=SHORT)
    assert type(result.error) is DeadlineExceededError
    assert result.error.effect is Effect.UNKNOWN
    stage.server.wait_for_end(0)
    assert finished in ([], [False])


def test_a_call_ends_while_the_resolver_still_hangs(stage):
    # The play itself looks whether the resolver came back meanwhile.
    result = on_connecting.hanging(stage)
    assert type(result.error) is DeadlineExceededError
    assert result.error.effect is Effect.NOT_APPLIED
    assert stage.server.peers == []


def test_a_second_call_for_a_hanging_name_ends_as_well(stage):
    on_connecting.hanging(stage, calls=2)
    assert stage.server.peers == []
