"""One tree of errors, whatever the vendor.

Three facts are kept apart: the class says what kind of failure it is, `retryable` and
`retry_after` whether it may be tried again, `effect` what happened at the vendor.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any, ClassVar, Literal, Self

from convops.support import Support

Missing = Literal["user", "peer", "group", "conversation"]


class Effect(Enum):
    """What an operation did at the vendor."""

    APPLIED = "applied"
    """The vendor confirmed that the asked state holds."""
    ALREADY = "already"
    """The vendor says it held before, perhaps through an earlier attempt of the same call."""
    NOT_APPLIED = "not_applied"
    """Nothing was changed."""
    UNKNOWN = "unknown"
    """Sent, wholly or partly, and not confirmed."""


class ConvopsError(Exception):
    """The root of everything this library raises."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.args, dict(self.__dict__))


class ConfigError(ConvopsError):
    """Settings, secrets, base URLs or plugins are wrong; nothing was tried."""


class ClosedError(ConvopsError):
    """A client was used after it was closed."""


class PluginError(ConvopsError):
    """A bug that escaped a plugin; whether anything was applied cannot be known.

    Attributes:
        provider: the provider whose plugin failed.
        effect: `UNKNOWN`, or `NOT_APPLIED` where nothing had been sent.
    """

    def __init__(self, message: str, *, provider: str, effect: Effect = Effect.UNKNOWN) -> None:
        super().__init__(message)
        self.provider = provider
        self.effect = effect


class OperationError(ConvopsError):
    """One operation did not succeed.

    Attributes:
        provider: the provider's short name.
        operation: the operation's name, such as `mark_read`.
        code: the vendor's own code, verbatim; None when the vendor was not heard.
        request_id: the vendor's name for the exchange, for its support desk.
        attempts: how often the call was tried; 0 when it was refused before sending.
        retryable: whether trying again can help.
        retry_after: seconds to wait first, where that is known.
        effect: what happened at the vendor; never `APPLIED` or `ALREADY`.
    """

    default_retryable: ClassVar[bool] = False
    default_effect: ClassVar[Effect] = Effect.NOT_APPLIED

    def __init__(  # noqa: PLR0913 - the facts an error carries, all keyword-only
        self,
        message: str,
        *,
        provider: str | None = None,
        operation: str | None = None,
        code: int | str | None = None,
        request_id: str | None = None,
        attempts: int = 0,
        retryable: bool | None = None,
        retry_after: float | None = None,
        effect: Effect | None = None,
    ) -> None:
        super().__init__(message)
        self.provider = provider
        self.operation = operation
        self.code = code
        self.request_id = request_id
        self.attempts = attempts
        self.retryable = self.default_retryable if retryable is None else retryable
        self.retry_after = retry_after
        self.effect = self.default_effect if effect is None else effect

    def __str__(self) -> str:
        where = " ".join(part for part in (self.provider, self.operation) if part)
        code = "" if self.code is None else f" (code {_one_line(self.code)})"
        return f"{where}: {self.args[0]}{code}" if where else f"{self.args[0]}{code}"

    def with_facts(self, **facts: Any) -> Self:
        """Return a copy that differs in the named attributes and carries no traceback."""
        copy = type(self).__new__(type(self), *self.args)
        copy.args = self.args
        copy.__dict__.update(self.__dict__, **facts)
        return copy


class UnsupportedOperationError(OperationError):
    """The provider cannot do this; refused before sending.

    Attributes:
        support: the capability cell that says so, with its caveats.
    """

    def __init__(self, message: str, *, support: Support, **facts: Any) -> None:
        super().__init__(message, **facts)
        self.support = support


class InvalidRequestError(OperationError, ValueError):
    """An id or an argument is wrong; refused before sending, or by the vendor."""


class AuthenticationError(OperationError):
    """Signature, key, token or expiry.

    Attributes:
        expired: the vendor says only the signature's time is over, so a fresh one may pass.
    """

    def __init__(self, message: str, *, expired: bool = False, **facts: Any) -> None:
        super().__init__(message, **facts)
        self.expired = expired


class PermissionDeniedError(OperationError):
    """The caller is known and not allowed."""


class NotFoundError(OperationError):
    """Something named in the operation does not exist, as far as the vendor tells.

    Attributes:
        what: `user`, `peer`, `group` or `conversation`.
    """

    def __init__(self, message: str, *, what: Missing = "conversation", **facts: Any) -> None:
        super().__init__(message, **facts)
        self.what: Missing = what


class LimitExceededError(OperationError):
    """A quota that waiting does not lift, such as a full mute list."""


class RateLimitedError(OperationError):
    """A quota that waiting lifts; `retry_after` says how long where that is known."""

    default_retryable = True


class ProviderUnavailableError(OperationError):
    """Busy or broken at the vendor."""

    default_retryable = True
    default_effect = Effect.UNKNOWN


class TransportError(OperationError):
    """Could not connect, or the connection broke; `effect` says whether anything may have arrived."""

    default_retryable = True
    default_effect = Effect.UNKNOWN


class DeadlineExceededError(OperationError):
    """The time given to the operation is over."""

    default_retryable = True
    default_effect = Effect.UNKNOWN


class MalformedReplyError(OperationError):
    """The vendor's answer cannot be trusted, so nothing is known of the effect."""

    default_effect = Effect.UNKNOWN


class ProviderError(OperationError):
    """A vendor code that no table maps, kept verbatim."""

    default_effect = Effect.UNKNOWN


def _one_line(code: int | str) -> str:
    # A vendor's text: it must not forge a line of a log.
    text = str(code)
    return text if text.isprintable() else ascii(text)


def _rebuild(cls: type[ConvopsError], args: tuple[Any, ...], facts: Mapping[str, Any]) -> ConvopsError:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(facts)
    return error


__all__ = [
    "AuthenticationError",
    "ClosedError",
    "ConfigError",
    "ConvopsError",
    "DeadlineExceededError",
    "Effect",
    "InvalidRequestError",
    "LimitExceededError",
    "MalformedReplyError",
    "Missing",
    "NotFoundError",
    "OperationError",
    "PermissionDeniedError",
    "PluginError",
    "ProviderError",
    "ProviderUnavailableError",
    "RateLimitedError",
    "TransportError",
    "UnsupportedOperationError",
]
