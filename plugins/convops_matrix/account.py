"""What an account at a Matrix homeserver needs."""

from __future__ import annotations

from attrs import field, frozen

from convops.provider import base_url, header_safe, not_empty, one_of
from convops.secret import Secret

LEAVE = "leave"
HIDE = "hide"


@frozen(kw_only=True)
class MatrixAccount:
    """Settings of one homeserver.

    Attributes:
        base_url: the homeserver's client API, as its `/.well-known/matrix/client` names it.
        access_token: that of an application service, which acts for any user in its namespace, or that of
            one user, which acts for this user and is refused for any other.
        delete_mode: what deleting does: `leave` ends the membership, which the other members see, and
            forgets the room; `hide` sets a tag that clients have to honour. Without it deleting is refused.
    """

    base_url: str = field(validator=base_url)
    access_token: Secret = field(validator=[not_empty, header_safe])
    delete_mode: str | None = field(default=None, validator=one_of((LEAVE, HIDE)))
