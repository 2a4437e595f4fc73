"""The guard over replies: strict JSON or nothing."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, NoReturn

from convops.errors import MalformedReplyError

DEPTH_MAX = 32
CONTAINERS_MAX = 20_000
"""Objects and lists in one answer: each takes a hundred times the memory of its two bytes."""


def read_document(body: bytes) -> Mapping[str, Any]:
    """Return the JSON object a body holds.

    Raises:
        MalformedReplyError: no UTF-8, no JSON, no object; a duplicate key, NaN or infinity, a lone
            surrogate, nesting deeper than 32, or more than 20,000 objects and lists.
    """
    if body.count(b"{") + body.count(b"[") > CONTAINERS_MAX:
        raise MalformedReplyError(f"the answer holds more than {CONTAINERS_MAX} objects and lists")
    try:
        document = _STRICT.decode(body.decode())
    except (ValueError, RecursionError):
        # No detail: the exception would carry the body along.
        document = None
    if not isinstance(document, dict):
        raise MalformedReplyError("the answer is not a JSON object")
    _check_depth(document)
    # Only an escape can bring a lone surrogate in: UTF-8 cannot.
    if b"\\u" in body and not _encodable(document):
        raise MalformedReplyError("the answer holds a lone surrogate")
    return document


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a duplicate key")
    return members


def _no_constant(_: str) -> NoReturn:
    raise ValueError("not a JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("not a finite number")
    return number


_STRICT = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_finite)


def _check_depth(document: Any) -> None:
    level = [document]
    for _ in range(DEPTH_MAX):
        level = [
            child
            for parent in level
            for child in (parent.values() if isinstance(parent, dict) else parent)
            if isinstance(child, dict | list)
        ]
        if not level:
            return
    raise MalformedReplyError(f"the answer is nested deeper than {DEPTH_MAX}")


def _encodable(document: Any) -> bool:
    try:
        json.dumps(document, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True
