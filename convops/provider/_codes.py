"""Code tables: what a vendor's own codes mean here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import field, frozen

from convops.errors import MalformedReplyError, OperationError, ProviderError

T = TypeVar("T")


@frozen
class Code:
    """One row of a code table.

    Attributes:
        error: the class it becomes; None for a code that says the asked state already holds.
        meaning: one phrase, in our words.
        source: the page that documents it.
        facts: attributes of the error that differ from the defaults of its class.
    """

    error: type[OperationError] | None
    meaning: str
    source: str
    facts: Mapping[str, Any] = field(factory=dict)


CodeKey = int | str | tuple[str, int, str]
"""A vendor's code; where one code means several things: the action, the HTTP status, and the code."""

CodeTable = Mapping[CodeKey, Code]
"""Rows by code. One under the action `*` holds for every action that has none of its own."""


def error_for(table: CodeTable, key: CodeKey, *, request_id: str | None = None) -> OperationError:
    """Return the error a code stands for: `ProviderError` when no row maps it to another."""
    code: int | str
    if isinstance(key, tuple):
        _, status, code = key
        row = table.get(key) or table.get(("*", status, code))
    else:
        code, row = key, table.get(key)
    if row is None:
        return ProviderError("a code no table maps", code=code, request_id=request_id)
    return (row.error or ProviderError)(row.meaning, code=code, request_id=request_id, **row.facts)


def member(document: Mapping[str, Any], name: str, kind: type[T]) -> T:
    """Return `document[name]`, which must be exactly a `kind`: a bool is no int.

    Raises:
        MalformedReplyError: it is missing or of another type.
    """
    value = document.get(name)
    if type(value) is not kind:
        raise MalformedReplyError(f"{name} is {type(value).__name__} in the answer, not {kind.__name__}")
    return value
