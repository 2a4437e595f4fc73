"""The plugin for ZEGO ZIM (ZEGOCLOUD In-app Chat)."""

from convops.provider import hookimpl
from convops_zego.flows import Zego


@hookimpl
def convops_provider() -> Zego:
    """Return the provider."""
    return Zego()
