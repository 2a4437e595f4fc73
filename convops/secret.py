"""A credential that no log, traceback or pickle can spell."""

from __future__ import annotations

import hmac
from typing import NoReturn


class Secret:
    """A secret string: masked wherever it is shown, refused wherever it would be stored.

    Only a signer calls `reveal`, and only for the attempt it is signing.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str | Secret) -> None:
        if isinstance(value, Secret):
            value = value.reveal()
        if not isinstance(value, str):
            # The value itself must not reach the message: its type is enough.
            raise TypeError(f"a secret is a str, not {type(value).__name__}")
        self._value = value

    def reveal(self) -> str:
        """Return the secret itself."""
        return self._value

    def __repr__(self) -> str:
        return "Secret('***')"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec)

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._encoded(), other._encoded())

    def __hash__(self) -> int:
        return hash(self._value)

    def _encoded(self) -> bytes:
        return self._value.encode("utf-8", "surrogatepass")

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> Secret:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a Secret is not pickled: store a reference (env:NAME or file:PATH) instead")
