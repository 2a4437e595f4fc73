"""Every fault comes to what the table says: for each verb, at each vendor, through each client."""

from __future__ import annotations

import pytest

from convops.errors import Effect, OperationError
from tests.faults import on_connecting, on_the_wire, on_this_machine
from tests.faults.on_the_wire import operation_of
from tests.faults.stage import Stage
from tests.faults.table import CLIENTS, GROUPS, OPERATIONS, TABLE, VENDORS, Connection, Waits
from tests.transports import chosen

PLAYS = {**on_connecting.PLAYS, **on_the_wire.PLAYS, **on_this_machine.PLAYS}

FAULTS = """
name-not-found name-hangs refused swallowed wrong-host bad-certificate tls-hangs reset-before-sending
reset-after-sending dead-keep-alive

no-answer silent-after-head drip spikes slow-link late-answer

cut-with-length cut-by-close bad-chunk garbage-status huge-headers two-lengths interim-flood extra-bytes

empty-body html no-object code-type deep huge-integer no-number bad-text duplicate-keys bomb encodings endless

redirect-away redirect-loop denied too-many-requests server-error odd-success cookies

throttled expired bad-signature vendor-broken already-so not-found partial unknown-code

clock second-loop closed-mid-call interrupt cancel fork no-descriptors threads pool-full
"""

CELLS = [
    (vendor, operation, client, fault)
    for vendor in VENDORS
    for operation in OPERATIONS
    for client in CLIENTS
    for fault in FAULTS.split()
]

# Half of what may be drawn, for chance always draws the middle.
WAITED = {
    Waits.TRANSIENT: (0.05, 0.1, 0.2),
    Waits.THROTTLED: (0.25, 0.5, 1.0),
}
ASKED = 2.0
"""Seconds that a vendor asks for where it is obeyed, at least."""


def test_the_table_has_a_row_for_every_fault_and_no_more():
    assert [row.fault for rows in GROUPS.values() for row in rows] == FAULTS.split()
    assert [len(rows) for rows in GROUPS.values()] == [10, 6, 8, 12, 7, 8, 9]
    assert len(TABLE) == 60
    assert PLAYS.keys() == TABLE.keys()
    assert len(CELLS) == len(set(CELLS)) == 960


@pytest.mark.faults
@pytest.mark.parametrize(("vendor", "operation", "client", "fault"), CELLS, ids=map("-".join, CELLS))
def test_what_comes_of_a_fault(vendor, operation, client, fault, record_property):
    for way, play in PLAYS[fault](vendor, operation).items():
        expected = TABLE[fault].expects(vendor, operation, client, way, chosen.name())
        with Stage(vendor, operation, client) as stage:
            result = play(stage)
            stage.heal()
            note = f"{fault}, {way or 'as ever'}: {result}"
            check_what_is_said(stage, result, expected, note)
            check_what_is_true(stage, result, note)
            check_what_was_sent(stage, expected, note)
            check_the_connection(stage, expected, note)
            check_what_others_see(stage, result, note)
            if stage.overrun is not None:
                record_property("overrun", stage.overrun)


def check_what_is_said(stage, result, expected, note):
    assert (None if result.error is None else type(result.error)) is expected.error, note
    if isinstance(result.error, OperationError):
        assert result.error.retryable is expected.retryable, note
        assert (result.error.provider, result.error.operation) == (stage.vendor, stage.operation), note
    if result.effect is not None:
        assert (result.effect, result.attempts) == (expected.effect, expected.attempts), note


def check_what_is_true(stage, result, note):
    state = stage.simulator.state(stage.subject)
    if result.effect in (Effect.APPLIED, Effect.ALREADY):
        assert stage.holds(), f"{note}, and the asked state does not hold: {state}"
    if result.effect is Effect.NOT_APPLIED:
        assert state == stage.before, f"{note}, and something changed"


def check_what_was_sent(stage, expected, note):
    assert len(stage.requests) == expected.requests, note
    assert not any(request.all("cookie") for request in stage.requests), note
    # Every attempt is signed afresh.
    assert len({request.query for request in stage.requests}) == expected.requests, note
    repeats = expected.attempts - 1
    # A slot of the test's own pace lies nanoseconds ahead.
    waits = [wait for wait in stage.waits if wait > 1e-6]
    if expected.waits in WAITED:
        assert waits == pytest.approx(WAITED[expected.waits][:repeats]), note
    elif expected.waits is Waits.OBEYED:
        drawn = WAITED[Waits.THROTTLED]
        assert len(waits) == repeats, note
        for wait, jitter in zip(waits, drawn, strict=True):
            # A date is told in whole seconds, and time goes by until it is read.
            assert ASKED - 0.2 <= wait - jitter <= ASKED + 1, note
    else:
        assert waits == [], note


def check_the_connection(stage, expected, note):
    if stage.server is None:
        return
    before = len(stage.server.received)
    known = {request.connection for request in stage.server.received}
    used = {request.connection for request in stage.requests}
    if stage.client._closed:
        assert expected.connection is Connection.CLOSED, note
    else:
        # The next call gets its own answer, whatever was before; a vendor that asked for a pause had it.
        stage.clock.skipped += 60.0
        outcome = stage.call(stage.sibling)
        assert outcome.ok, note
        assert outcome.operation.conversation == stage.sibling, note
        (last,) = {request.connection for request in stage.server.received[before:]}
        assert not stage.server.received[-1].all("cookie"), note
        if expected.connection is Connection.KEPT:
            assert last in known, f"{note}, and the connection was not kept"
        if expected.connection is Connection.CLOSED:
            assert last not in used, f"{note}, and the connection was used again"
    if expected.connection is Connection.CLOSED:
        for number in used:
            stage.server.wait_for_end(number)


def check_what_others_see(stage, result, note):
    plan = [] if stage.client._closed else stage.client.plan([operation_of(stage, stage.subject)])
    stage.witness.sees(stage.client, plan, result.outcome)
    leaks = stage.witness.leaks(stage.vendor, stage.server.received if stage.server else ())
    assert leaks == [], note
