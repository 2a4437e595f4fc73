"""What a provider can do with one kind of conversation, and what differs there."""

from __future__ import annotations

from enum import Enum
from typing import Literal

from attrs import frozen


class Fidelity(Enum):
    """How close a provider comes to an operation."""

    NATIVE = "native"
    """The vendor has exactly this operation."""
    EQUIVALENT = "equivalent"
    """Another call of the vendor has the same result for the user; the caveats say what it lacks."""
    UNSUPPORTED = "unsupported"
    """Refused before anything is sent."""


class Evidence(Enum):
    """What the claim of a capability rests on."""

    DOCUMENTED = "documented"
    """The vendor's pages only."""
    SIMULATED = "simulated"
    """Exercised against a simulator written from the vendor's pages."""
    LIVE = "live"
    """Exercised against the vendor's own server."""


@frozen
class Caveat:
    """One difference a user of the operation should know.

    Attributes:
        id: stable name, `provider.what-is-different`.
        text: one sentence.
        link: the vendor page it comes from.
    """

    id: str
    text: str
    link: str


@frozen(kw_only=True)
class Support:
    """One capability cell; truthy when the operation is usable.

    Attributes:
        fidelity: how close the provider comes.
        lacked_by: who lacks an unsupported operation: the vendor's API, or only this plugin.
        evidence: what the claim rests on.
        batch: how many operations one call can carry.
        rate: calls per second the vendor allows; None where no limit is known.
        time_pinned: whether the vendor takes the moment up to which messages count as read.
        caveats: what differs from the plain meaning of the operation.
    """

    fidelity: Fidelity
    lacked_by: Literal["vendor", "plugin"] | None = None
    evidence: Evidence = Evidence.DOCUMENTED
    batch: int = 1
    rate: float | None = None
    time_pinned: bool = False
    caveats: tuple[Caveat, ...] = ()

    def __attrs_post_init__(self) -> None:
        if bool(self) is (self.lacked_by is not None):
            raise ValueError("lacked_by is given exactly for an unsupported operation")
        if self.batch < 1:
            raise ValueError("a batch holds one operation at least")

    def __bool__(self) -> bool:
        return self.fidelity is not Fidelity.UNSUPPORTED
