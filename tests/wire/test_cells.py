"""What each vendor supports, how fast, and with which caveats: stated here a second time."""

from __future__ import annotations

import pkgutil

import pytest

from convops.operations import ClearUnread, ConversationKind, Delete, MarkRead, Mute
from convops.provider import Call
from convops.support import Evidence, Fidelity
from convops_matrix.flows import Matrix
from convops_tencent.flows import Tencent
from convops_zego.flows import Zego
from tests.wire.worlds import SIMULATORS

DIRECT, GROUP = ConversationKind.DIRECT, ConversationKind.GROUP
NATIVE, EQUIVALENT = Fidelity.NATIVE, Fidelity.EQUIVALENT

LATEST, UNPINNED = "zego.latest-1000-only", "zego.not-pinned-to-a-time"
BOTH, SECONDS = "tencent.one-call-for-both", "tencent.whole-seconds"

# Fidelity, how many share a call, whether it is pinned to a time, caveats.
CELLS = {
    ("zego", ClearUnread, DIRECT): (NATIVE, 1, False, [LATEST, UNPINNED]),
    ("zego", ClearUnread, GROUP): (NATIVE, 1, False, [LATEST, UNPINNED]),
    ("zego", MarkRead, DIRECT): (EQUIVALENT, 1, False, ["zego.no-read-receipt", LATEST, UNPINNED]),
    ("zego", MarkRead, GROUP): (EQUIVALENT, 1, False, ["zego.no-read-receipt", LATEST, UNPINNED]),
    ("zego", Delete, DIRECT): (NATIVE, 1, False, []),
    ("zego", Delete, GROUP): (NATIVE, 1, False, ["zego.group-erase-ambiguous"]),
    ("zego", Mute, DIRECT): (NATIVE, 10, False, ["zego.mute-list-limited"]),
    ("zego", Mute, GROUP): (NATIVE, 10, False, []),
    ("tencent", ClearUnread, DIRECT): (NATIVE, 1, True, [BOTH, SECONDS]),
    ("tencent", MarkRead, DIRECT): (NATIVE, 1, True, [BOTH, SECONDS]),
    ("tencent", Delete, DIRECT): (NATIVE, 1, False, ["tencent.devices-need-sync"]),
    ("tencent", Delete, GROUP): (NATIVE, 1, False, ["tencent.devices-need-sync"]),
    ("tencent", Mute, GROUP): (NATIVE, 1, False, ["tencent.not-in-avchatroom"]),
}
LACKING = {
    ("tencent", ClearUnread, GROUP): ["tencent.group-unread-migration-only"],
    ("tencent", MarkRead, GROUP): ["tencent.no-group-mark-read"],
    ("tencent", Mute, DIRECT): ["tencent.no-direct-mute"],
}
RATES = {"zego": 20.0, "tencent": 200.0}


def named(cell):
    vendor, operation, kind = cell
    return f"{vendor}-{operation.__name__}-{kind.value}"


def ids(support):
    return [caveat.id for caveat in support.caveats]


@pytest.mark.parametrize("cell", CELLS, ids=named)
def test_a_usable_cell_says_all_there_is_to_know(worlds, cell):
    vendor, operation, kind = cell
    support = worlds.open(vendor).chat.target.supports(operation, kind)
    assert (support.fidelity, support.batch, support.time_pinned, ids(support)) == CELLS[cell]
    assert (support.rate, support.evidence) == (RATES[vendor], Evidence.SIMULATED)


@pytest.mark.parametrize("cell", LACKING, ids=named)
def test_a_cell_that_is_lacking_says_who_lacks_it_and_why(worlds, cell):
    vendor, operation, kind = cell
    support = worlds.open(vendor).chat.target.supports(operation, kind)
    assert not support
    assert (support.lacked_by, ids(support)) == ("vendor", LACKING[cell])


def test_the_reset_that_an_account_permits_says_what_is_odd_about_it(worlds):
    world = worlds.open("tencent", allow_group_unread_reset=True)
    support = world.chat.target.supports(ClearUnread, GROUP)
    assert (support.fidelity, support.batch, support.time_pinned) == (NATIVE, 1, False)
    assert (support.rate, support.evidence) == (200.0, Evidence.SIMULATED)
    assert ids(support) == [
        "tencent.group-unread-migration-only",
        "tencent.no-unread-in-meeting",
        "tencent.group-not-pinned",
    ]


PROBES = {
    Zego: Call(
        action="QueryConversationList",
        query={"Action": "QueryConversationList"},
        body={"FromUserId": "convops-doctor", "Limit": 1},
        writes=False,
    ),
    Tencent: Call(
        action="group_open_http_svc/get_group_info",
        path=("v4", "group_open_http_svc", "get_group_info"),
        query={"contenttype": "json"},
        body={
            "GroupIdList": ["convops-doctor"],
            "ResponseFilter": {"GroupBaseInfoFilter": ["Type"]},
        },
        writes=False,
    ),
    Matrix: Call(
        action="whoami",
        method="GET",
        path=("_matrix", "client", "v3", "account", "whoami"),
        writes=False,
    ),
}


@pytest.mark.parametrize("provider", PROBES)
def test_the_call_that_proves_credentials_asks_for_little_and_changes_nothing(provider):
    assert provider().probe(None) == PROBES[provider]


@pytest.mark.parametrize("provider", [Zego, Tencent, Matrix])
def test_the_simulator_a_provider_names_is_there(provider):
    assert pkgutil.resolve_name(provider.simulator) is SIMULATORS[provider.name]
