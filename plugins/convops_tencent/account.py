"""What an account at Tencent Cloud Chat needs.

Hosts: https://www.tencentcloud.com/document/product/1047/34620 and https://trtc.io/document/38996 (Tokyo),
read as of 2025-12-15. A backup host serves the same data centre under another domain.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen

from convops.errors import ConfigError
from convops.provider import base_url, integer, not_empty, one_of
from convops.secret import Secret

REGION_HOSTS: Mapping[str, tuple[str, str]] = {
    "china": ("https://console.tim.qq.com", "https://adminapi.my-imcloud.com"),
    "frankfurt": ("https://adminapiger.im.qcloud.com", "https://adminapiger.my-imcloud.com"),
    "jakarta": ("https://adminapiidn.im.qcloud.com", "https://adminapiidn.my-imcloud.com"),
    # Gone from the vendor's list since mid-2024; kept for apps that were made there.
    "mumbai": ("https://adminapiind.im.qcloud.com", "https://adminapiind.my-imcloud.com"),
    "seoul": ("https://adminapikr.im.qcloud.com", "https://adminapikr.my-imcloud.com"),
    "silicon-valley": ("https://adminapiusa.im.qcloud.com", "https://adminapiusa.my-imcloud.com"),
    "singapore": ("https://adminapisgp.im.qcloud.com", "https://adminapisgp.my-imcloud.com"),
    "tokyo": ("https://adminapijpn.im.qcloud.com", "https://adminapijpn.my-imcloud.com"),
}


@frozen(kw_only=True)
class TencentAccount:
    """Settings of one Chat app.

    Attributes:
        sdk_app_id: SDKAppID from the console.
        secret_key: the app's secret key from the console.
        admin: the user id of an app administrator, in whose name every call is made.
        region: the data centre the app was made in; another one's host refuses it.
        base_url: replaces the hosts that `region` names.
        allow_group_unread_reset: use `set_unread_msg_num` to clear the unread count of groups, although
            the vendor documents it for migrations only.
    """

    sdk_app_id: int = field(validator=integer(1, 2**32 - 1))
    secret_key: Secret = field(validator=not_empty)
    admin: str = field(validator=not_empty)
    region: str | None = field(default=None, validator=one_of(REGION_HOSTS))
    base_url: str | None = field(default=None, validator=base_url)
    allow_group_unread_reset: bool = False

    def __attrs_post_init__(self) -> None:
        if self.region is None and self.base_url is None:
            raise ConfigError(f"tencent needs a region, one of: {', '.join(sorted(REGION_HOSTS))}")

    @property
    def origins(self) -> tuple[str, ...]:
        """Where the account's API answers, the backup last."""
        return (self.base_url,) if self.base_url else REGION_HOSTS[self.region or ""]
