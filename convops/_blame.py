"""Whose fault it is: whatever a plugin raises that is no operation's error is named as its bug."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from attrs import frozen

from convops._steps import Run
from convops.errors import Effect, OperationError, PluginError


@frozen
class Blame:
    """Names the bugs of one provider's plugin."""

    provider: str

    @contextmanager
    def plugin(self, what: str, run: Run | None = None) -> Iterator[None]:
        """Run a piece of the plugin.

        Raises:
            PluginError: it raised anything but an `OperationError`.
        """
        try:
            yield
        except (OperationError, StopIteration):
            raise
        except Exception as error:  # noqa: BLE001 - whatever a plugin raises is named as its bug
            bug, cause = self.bug(f"{what} raised {type(error).__name__}", run), error
        else:
            return
        # A signer's frames may hold an open secret, so its exception goes no further.
        raise bug from (None if what == "signer" else cause)

    def bug(self, message: str, run: Run | None = None) -> PluginError:
        """Return the error that names a bug; before anything was sent, nothing was applied."""
        effect = Effect.UNKNOWN if run is not None and run.sent else Effect.NOT_APPLIED
        text = f"a bug in the plugin of {self.provider!r}: {message}"
        return PluginError(text, provider=self.provider, effect=effect)
