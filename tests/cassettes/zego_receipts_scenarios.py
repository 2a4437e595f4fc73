"""What is recorded of ZEGO's read receipts: marking read, and every refusal on the pages of its calls.

None is recorded from the vendor itself: its answers would hold what people wrote to each other.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

from convops import Conversation, MarkRead
from convops.testing import Fault, Simulator
from convops_zego.simulator import ZegoSimulator
from tests.cassettes.scenario import (
    ALICE_BOB,
    ALICE_TEAM,
    APPLIED,
    AT,
    Expected,
    Scenario,
    doubtful,
    everyone,
    refused,
)

telling = functools.partial(Scenario, provider="zego", account={"read_receipts": 20})
read = functools.partial(MarkRead, at=AT)


def answering(code: int, action: str) -> Callable[[Simulator], None]:
    """Return an arrangement in which one call of the Action is answered with a code."""

    def arrange(simulator: Simulator) -> None:
        everyone(simulator)
        simulator.misbehave(Fault(action=action, code=code))

    return arrange


def talk(simulator: Simulator) -> None:
    """Let Alice and Bob have written to each other, more than one call gives receipts for."""
    assert isinstance(simulator, ZegoSimulator)
    everyone(simulator)
    for conversation in (ALICE_BOB, ALICE_TEAM):
        simulator.send(conversation, 2)
        simulator.receive(conversation, 10)
        simulator.send(conversation)


def monologue(simulator: Simulator) -> None:
    """Let nobody but Alice have written."""
    assert isinstance(simulator, ZegoSimulator)
    for user in ("alice", "bob"):
        simulator.add_user(user)
    simulator.add_group("team", ["alice", "bob"])
    for conversation in (ALICE_BOB, ALICE_TEAM):
        simulator.send(conversation, 2)


DONE = (
    telling(
        name="mark-read-direct-with-receipts",
        arrange=everyone,
        operations=(read(ALICE_BOB),),
        expected=(APPLIED,),
    ),
    telling(
        name="mark-read-group-with-receipts",
        arrange=everyone,
        operations=(read(ALICE_TEAM),),
        expected=(APPLIED,),
    ),
    telling(
        name="mark-read-with-more-receipts-than-a-call-takes",
        arrange=talk,
        operations=(read(ALICE_BOB), read(ALICE_TEAM)),
        expected=(APPLIED, APPLIED),
    ),
    telling(
        name="mark-read-with-the-newest-receipts-only",
        arrange=talk,
        account={"read_receipts": 3},
        operations=(read(ALICE_BOB), read(ALICE_TEAM)),
        expected=(APPLIED, APPLIED),
    ),
    telling(
        name="mark-read-with-nobody-to-tell",
        arrange=monologue,
        operations=(read(ALICE_BOB), read(ALICE_TEAM)),
        expected=(APPLIED, APPLIED),
    ),
    telling(
        name="mark-read-receipts-too-frequent-then-done",
        arrange=answering(660300005, "C2cReadReceipt"),
        attempts=2,
        operations=(read(ALICE_BOB),),
        expected=(APPLIED,),
    ),
)

# Which codes a page lists, and what comes of each; before the count is cleared nothing was changed.
PAGES: tuple[tuple[str, Conversation, dict[str, Expected]], ...] = (
    (
        "QueryPeerMsg",
        ALICE_BOB,
        {
            "bad-parameter": refused("InvalidRequestError", 660000002),
            "too-frequent": refused("RateLimitedError", 660300005),
            "user-unregistered": refused("NotFoundError", 660500002),
        },
    ),
    (
        "QueryGroupMsg",
        ALICE_TEAM,
        {
            "bad-parameter": refused("InvalidRequestError", 660000002),
            "too-frequent": refused("RateLimitedError", 660300005),
            "user-unregistered": refused("NotFoundError", 660500002),
            "group-missing": refused("NotFoundError", 660600001),
            "group-unreadable": refused("NotFoundError", 660600009),
        },
    ),
    (
        "C2cReadReceipt",
        ALICE_BOB,
        {
            "bad-parameter": doubtful("InvalidRequestError", 660000002),
            "too-frequent": doubtful("RateLimitedError", 660300005),
            "too-many": doubtful("InvalidRequestError", 660400102),
            "failed": doubtful("ProviderUnavailableError", 660400104),
        },
    ),
    (
        "GroupReadReceipt",
        ALICE_TEAM,
        {
            "bad-parameter": doubtful("InvalidRequestError", 660000002),
            "too-frequent": doubtful("RateLimitedError", 660300005),
            "too-many": doubtful("InvalidRequestError", 660400102),
            "failed": doubtful("ProviderUnavailableError", 660400103),
        },
    ),
)

WORDS = {
    "QueryPeerMsg": "mark-read-direct-question",
    "QueryGroupMsg": "mark-read-group-question",
    "C2cReadReceipt": "mark-read-direct-receipts",
    "GroupReadReceipt": "mark-read-group-receipts",
}

REFUSED = (
    *(
        telling(
            name=f"{WORDS[action]}-{what}",
            arrange=answering(int(expected.code or 0), action),
            operations=(read(conversation),),
            expected=(expected,),
        )
        for action, conversation, codes in PAGES
        for what, expected in codes.items()
    ),
    telling(
        name="mark-read-count-refused-before-anyone-is-told",
        arrange=answering(660800002, "ClearConversationUnread"),
        operations=(read(ALICE_BOB),),
        expected=(refused("NotFoundError", 660800002),),
    ),
)

SCENARIOS = (*DONE, *REFUSED)
