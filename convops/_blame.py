"""Whose fault it is: whatever a plugin raises that is no operation's error is named as its bug."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import TypeVar

from attrs import frozen

from convops._steps import Run
from convops.errors import Effect, OperationError, PluginError
from convops.provider import Signer

T = TypeVar("T")


@frozen
class Blame:
    """Names the bugs of one provider's plugin."""

    provider: str

    def plugin(self, what: str, run: Run | None = None) -> _Blamed:
        """Return what runs a piece of the plugin.

        Raises:
            PluginError: on leaving, if it raised anything but an `OperationError`.
        """
        return _Blamed(self, what, run)

    def made(self, make: Callable[[], object]) -> Signer:
        """Return the signer a plugin makes.

        Raises:
            PluginError: it raised, or made something else; without a cause or a context, for the
                frames of a signer may hold an open secret.
        """
        try:
            signer = make()
        except (OperationError, PluginError):
            raise
        except Exception as error:  # noqa: BLE001 - whatever a plugin raises is named as its bug
            bug = self.bug(f"signer raised {type(error).__name__}")
        else:
            if isinstance(signer, Signer):
                return signer
            bug = self.bug(f"signer gave {type(signer).__name__}, not Signer")
        raise bug

    def checked(self, what: str, value: object, kind: type[T], run: Run | None = None) -> T:
        """Return what a plugin gave, if it is what the contract says.

        Raises:
            PluginError: it is not.
        """
        if not isinstance(value, kind):
            raise self.bug(f"{what} gave {type(value).__name__}, not {kind.__name__}", run)
        return value

    def bug(self, message: str, run: Run | None = None) -> PluginError:
        """Return the error that names a bug; before anything was sent, nothing was applied."""
        effect = Effect.UNKNOWN if run is not None and run.sent else Effect.NOT_APPLIED
        text = f"a bug in the plugin of {self.provider!r}: {message}"
        return PluginError(text, provider=self.provider, effect=effect)


class _Blamed:
    """A piece of a plugin that runs; there are ten in each call, so no generator is made for one."""

    __slots__ = ("_blame", "_run", "_what")

    def __init__(self, blame: Blame, what: str, run: Run | None) -> None:
        self._blame = blame
        self._what = what
        self._run = run

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, Exception) and not isinstance(error, OperationError | PluginError):
            bug = self._blame.bug(f"{self._what} raised {type(error).__name__}", self._run)
            raise bug from error
