"""The one hook a plugin implements."""

from __future__ import annotations

import pluggy

from convops.provider import AnyProvider

PROJECT = "convops"

hookspec = pluggy.HookspecMarker(PROJECT)


@hookspec(firstresult=True)
def convops_provider() -> AnyProvider:  # type: ignore[empty-body]  # a specification has none
    """Return the provider this plugin registers."""
