"""The plugin for Tencent Cloud Chat (IM)."""

from convops.provider import hookimpl
from convops_tencent.flows import Tencent


@hookimpl
def convops_provider() -> Tencent:
    """Return the provider."""
    return Tencent()
