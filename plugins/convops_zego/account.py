"""What an account at ZEGO ZIM needs.

Hosts: https://www.zegocloud.com/docs/zim-server/accessing-server-apis (read 2026-08-21).
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen

from convops.provider import base_url, integer, not_empty, one_of
from convops.secret import Secret

UNIFIED_HOST = "https://zim-api.zego.im"

REGION_HOSTS: Mapping[str, str] = {
    "california": "https://zim-api-lax.zego.im",
    "frankfurt": "https://zim-api-fra.zego.im",
    "hongkong": "https://zim-api-hkg.zego.im",
    "mumbai": "https://zim-api-bom.zego.im",
    "shanghai": "https://zim-api-sha.zego.im",
    "singapore": "https://zim-api-sgp.zego.im",
}


@frozen(kw_only=True)
class ZegoAccount:
    """Settings of one ZIM app.

    Attributes:
        app_id: AppId from the console.
        server_secret: ServerSecret from the console.
        region: the access point nearest to this server; None takes the unified host.
        base_url: replaces the host that `region` names.
        read_receipts: how many of the newest messages of others get a read receipt when a conversation is
            marked read; 0 for none.
    """

    app_id: int = field(validator=integer(1, 2**32 - 1))
    server_secret: Secret = field(validator=not_empty)
    region: str | None = field(default=None, validator=one_of(REGION_HOSTS))
    base_url: str | None = field(default=None, validator=base_url)
    # One answer lists 100 messages at most:
    # https://www.zegocloud.com/docs/zim-server/conversation/query-the-message-list-of-one-on-one-chats
    read_receipts: int = field(default=0, validator=integer(0, 100))

    @property
    def origin(self) -> str:
        """Where the account's API answers."""
        return self.base_url or REGION_HOSTS.get(self.region or "", UNIFIED_HOST)
