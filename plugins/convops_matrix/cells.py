"""What a Matrix homeserver can do, cell by cell; each was exercised against a running Synapse 1.163.2."""

from __future__ import annotations

from collections.abc import Mapping

from convops.operations import ClearUnread, ConversationKind, Delete, MarkRead, Mute, Operation
from convops.support import Caveat, Evidence, Fidelity, Support
from convops_matrix import codes
from convops_matrix.account import HIDE, LEAVE

HIDDEN = "u.convops.hidden"
"""The tag of `delete_mode = "hide"`; `u.` is the namespace for users' own."""

Key = tuple[type[Operation], ConversationKind]

BY_M_DIRECT = Caveat(
    "matrix.direct-by-m-direct",
    "the room is the last one that the user's own m.direct lists for the peer and the user is in; clients "
    "keep that list, servers do not",
    codes.DIRECT_PAGE,
)
SENDERS_CLOCK = Caveat(
    "matrix.senders-clock",
    "messages go by the time their sender's homeserver wrote on them: one dated ahead or back, as bridges "
    "do, may stay unread, or be taken by a late repeat",
    codes.FIND_PAGE,
)
FLAG_UNPINNED = Caveat(
    "matrix.flag-not-pinned",
    "the mark 'unread' that users set by hand carries no time: it is cleared whenever it was set",
    codes.FLAG_PAGE,
)
NEVER_COUNTED = Caveat(
    "matrix.muted-never-counted",
    "messages that arrive while muted are never counted as unread, also not after unmuting",
    codes.RULES_PAGE,
)
NEEDS_MODE = Caveat(
    "matrix.delete-needs-a-mode",
    "Matrix cannot delete one user's side only; delete_mode in the account says what is to stand for it",
    codes.LEAVE_PAGE,
)
LEAVES = Caveat(
    "matrix.delete-leaves",
    "the user leaves the room, which the other members see, and gets no message from it any more; after a "
    "new invitation the old history is readable again",
    codes.LEAVE_PAGE,
)
HIDES = Caveat(
    "matrix.delete-hides",
    f"the room only gets the tag {HIDDEN}: clients have to honour it, and to drop it when a message arrives",
    codes.TAGS_PAGE,
)
NO_ERASE = Caveat(
    "matrix.no-erase",
    "nothing erases one user's view of the history: erase_history is refused",
    codes.CLIENT_API,
)


def _cells(operation: type[Operation], cell: Support) -> dict[Key, Support]:
    direct = Support(
        fidelity=cell.fidelity,
        evidence=cell.evidence,
        time_pinned=cell.time_pinned,
        caveats=(BY_M_DIRECT, *cell.caveats),
    )
    return {(operation, ConversationKind.DIRECT): direct, (operation, ConversationKind.GROUP): cell}


def _usable(*caveats: Caveat, fidelity: Fidelity = Fidelity.NATIVE, time_pinned: bool = False) -> Support:
    return Support(fidelity=fidelity, evidence=Evidence.LIVE, time_pinned=time_pinned, caveats=caveats)


def lacking(caveat: Caveat) -> Support:
    """Return the cell of what is refused."""
    return Support(
        fidelity=Fidelity.UNSUPPORTED, lacked_by="vendor", evidence=Evidence.LIVE, caveats=(caveat,)
    )


SUPPORT = {
    **_cells(ClearUnread, _usable(SENDERS_CLOCK, FLAG_UNPINNED, time_pinned=True)),
    **_cells(MarkRead, _usable(SENDERS_CLOCK, FLAG_UNPINNED, time_pinned=True)),
    **_cells(Mute, _usable(NEVER_COUNTED)),
}
DELETE: Mapping[str | None, Mapping[Key, Support]] = {
    None: dict.fromkeys([(Delete, kind) for kind in ConversationKind], lacking(NEEDS_MODE)),
    LEAVE: _cells(Delete, _usable(LEAVES, NO_ERASE, fidelity=Fidelity.EQUIVALENT)),
    HIDE: _cells(Delete, _usable(HIDES, NO_ERASE, fidelity=Fidelity.EQUIVALENT)),
}
