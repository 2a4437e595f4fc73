"""What an observer and the log are told: one event for each attempt, one for each outcome.

Events go to the `observer=` of a client and to the logger `convops`, which stays silent until an app sets
it up: attempts at DEBUG, outcomes at INFO, failed ones at WARNING.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from contextlib import suppress
from hashlib import blake2b
from typing import Any, Literal
from urllib.parse import urlsplit

import attrs
from attrs import frozen

from convops.errors import ConvopsError, Effect, OperationError
from convops.operations import Conversation, Outcome
from convops.provider import Call, Failure, HttpReply

LOGGER = logging.getLogger("convops")
# What happens is the app's to print: without this, Python would print warnings itself.
LOGGER.addHandler(logging.NullHandler())

HASH_DIGITS = 12
CODE_MAX = 2**63

# Neither what a sentence nor what a URL with a query would need: a vendor's text is no code.
_CODE = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_BARE = re.compile(r"[A-Za-z0-9_.:-]+")


@frozen(kw_only=True)
class Event:
    """One attempt, or one operation at its end. It holds no secret, no vendor text and no query of a URL.

    Attributes:
        kind: `attempt` or `outcome`.
        provider: the provider's short name.
        name: the vendor's action for an attempt, the operation's name for an outcome.
        attempts: which try it was, or how many there were.
        seconds: how long it took, waits included for an outcome.
        host: where an attempt went, with its port if one is named.
        status: the HTTP status of an attempt; None where no reply came.
        wait: seconds until the next try of an attempt's call; None where there is none.
        conversation: what an outcome is about, hashed: equal in one process for equal conversations, and
            the `Conversation` itself with `observe_ids=True`. None for an attempt, which may be about many.
        effect: what an outcome did at the vendor.
        error: the name of the error class; None for success.
        code: the vendor's code; `?` for one that could be anything but a code.
    """

    kind: Literal["attempt", "outcome"]
    provider: str
    name: str
    attempts: int
    seconds: float
    host: str | None = None
    status: int | None = None
    wait: float | None = None
    conversation: str | Conversation | None = None
    effect: Effect | None = None
    error: str | None = None
    code: int | str | None = None

    def document(self) -> dict[str, Any]:
        """Return what it says, as a JSON-ready dict; what it does not say is left out."""
        found = attrs.asdict(self, recurse=False, filter=lambda _, value: value is not None)
        if self.effect is not None:
            found["effect"] = self.effect.value
        if isinstance(self.conversation, Conversation):
            found["conversation"] = self.conversation.kind.value
            found |= {"user": self.conversation.user, "other": self.conversation.other}
        return found

    def line(self) -> str:
        """Return it as `name=value` pairs in printable ASCII, on one line whatever is in it."""
        pairs = [(name, _plain(value)) for name, value in self.document().items() if name != "kind"]
        return " ".join(f"{name}={value}" for name, value in pairs)


Observer = Callable[[Event], object]


@frozen
class Reporter:
    """Tells the observer, if there is one, and the log, if anyone listens.

    Attributes:
        provider: the provider's short name.
        observer: told of each event.
        ids: whether an event names its conversation in plain.
        key: what it is hashed with otherwise.
    """

    provider: str
    observer: Observer | None = None
    ids: bool = False
    key: bytes = b""

    def attempt(  # noqa: PLR0913 - the facts of an attempt
        self,
        call: Call,
        base_url: str,
        result: HttpReply | Failure,
        error: ConvopsError | None,
        *,
        tries: int,
        seconds: float,
        wait: float | None,
    ) -> None:
        """Tell of one attempt."""
        if self._nobody_listens(logging.DEBUG):
            return
        self._tell(
            logging.DEBUG,
            Event(
                kind="attempt",
                provider=_name(self.provider),
                name=_name(call.action),
                attempts=tries,
                seconds=seconds,
                host=_host(base_url),
                status=result.status if isinstance(result, HttpReply) else None,
                wait=wait,
                error=None if error is None else _name(type(error).__name__),
                code=_code(error),
            ),
        )

    def outcome(self, outcome: Outcome, seconds: float) -> None:
        """Tell of one operation's end."""
        error = outcome.error
        level = logging.INFO if error is None else logging.WARNING
        if self._nobody_listens(level):
            return
        self._tell(
            level,
            Event(
                kind="outcome",
                provider=_name(self.provider),
                name=outcome.operation.name,
                attempts=outcome.attempts,
                seconds=seconds,
                conversation=self._shown(outcome.operation.conversation),
                effect=outcome.effect,
                error=None if error is None else _name(type(error).__name__),
                code=_code(error),
            ),
        )

    def _nobody_listens(self, level: int) -> bool:
        return self.observer is None and not LOGGER.isEnabledFor(level)

    def _shown(self, conversation: Conversation) -> Conversation | str:
        if self.ids:
            return conversation
        # No id holds a line feed, so no two conversations are spelled alike.
        spelled = f"{conversation.kind.value}\n{conversation.user}\n{conversation.other}"
        return blake2b(spelled.encode(), key=self.key).hexdigest()[:HASH_DIGITS]

    def _tell(self, level: int, event: Event) -> None:
        if LOGGER.isEnabledFor(level):
            _log(level, f"{event.kind} %s", event.line(), event)
        if self.observer is None:
            return
        try:
            self.observer(event)
        except Exception as error:  # noqa: BLE001 - whatever an observer raises, the outcome stands
            # The type only: its message and its frames may hold anything.
            _log(logging.ERROR, "the observer raised %s", _name(type(error).__name__), event)


def _log(level: int, text: str, words: str, event: Event) -> None:
    # A filter or a handler of the app may raise; the outcome stands, and there is nobody left to tell.
    with suppress(Exception):
        LOGGER.log(level, text, words, extra={"convops": event.document()})


def _name(text: str) -> str:
    # A plugin's word, most likely plain; if not, it is escaped.
    return text if text.isascii() and text.isprintable() else ascii(text)[1:-1]


def _code(error: ConvopsError | None) -> int | str | None:
    code = error.code if isinstance(error, OperationError) else None
    if isinstance(code, int):
        return code if abs(code) < CODE_MAX else "?"
    return code if code is None or _CODE.fullmatch(code) else "?"


def _host(base_url: str) -> str | None:
    """Return host and port of a URL, and nothing else that it may hold."""
    try:
        parts = urlsplit(base_url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return None
    host = f"[{host}]" if ":" in host else host
    return _name(host if port is None else f"{host}:{port}")


def _plain(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    text = value if isinstance(value, str) else str(value)
    # JSON escapes whatever is not printable ASCII, lone surrogates included.
    return text if _BARE.fullmatch(text) else json.dumps(text)
