"""What a simulated ZIM server reads out of a request: a query or a JSON body, and the ids in it.

Each `RefusalError` is raised for what the documents of an Action forbid; where they are silent, a comment
says so, and the strictest answer was taken.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from convops.errors import InvalidRequestError
from convops.operations import Conversation, ConversationKind
from convops.provider import HttpRequest
from convops_zego._simulated_state import ID_BYTES, RefusalError, ReturnCode

Parameters = Mapping[str, Any]

_KINDS = {0: ConversationKind.DIRECT, 2: ConversationKind.GROUP}


def is_number(text: str, *, bits: int) -> bool:
    """Return whether it is a whole number in decimal, of so many bits at most."""
    return re.fullmatch("0|[1-9][0-9]{0,18}", text) is not None and int(text) < 1 << bits


def query_of(request: HttpRequest) -> dict[str, str]:
    """Return the query as servers decode it: UTF-8, with '+' for a space.

    So an id whose '+' was not encoded arrives as another id. A broken escape, a raw character that may
    not stand in a query, and a repeated name are wrong parameters (undocumented).
    """
    encoded = request.target.partition("?")[2]
    if re.search(r"[^!-~]|#|%(?![0-9A-Fa-f]{2})", encoded):
        raise RefusalError(ReturnCode.PARAMETER_WRONG)
    try:
        pairs = parse_qsl(encoded, keep_blank_values=True, strict_parsing=bool(encoded), errors="strict")
    except ValueError:
        raise RefusalError(ReturnCode.PARAMETER_WRONG) from None
    if len(pairs) > len(dict(pairs)):
        raise RefusalError(ReturnCode.PARAMETER_WRONG)
    return dict(pairs)


def peek(request: HttpRequest, name: str) -> str:
    """Return one parameter of a query; an empty str where it is missing, or the query broken."""
    try:
        return query_of(request).get(name, "")
    except RefusalError:
        return ""


def from_query(query: Mapping[str, str]) -> Parameters:
    """Return a query's parameters, with ConvType a number; None for one that is not 0 or 2."""
    numbers = {"0": 0, "2": 2}
    return {name: numbers.get(text) if name == "ConvType" else text for name, text in query.items()}


def from_body(request: HttpRequest) -> Parameters:
    """Return the JSON object of the body; anything else is a wrong parameter (undocumented)."""
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        document = json.loads(
            request.body.decode(), object_pairs_hook=_object_once, parse_constant=_no_constant
        )
    except (ValueError, RecursionError):
        document = None
    if media != "application/json" or not isinstance(document, dict):
        raise RefusalError(ReturnCode.PARAMETER_WRONG)
    return document


def _object_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(pairs) > len(dict(pairs)):
        raise ValueError("a repeated name")
    return dict(pairs)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def user_of(parameters: Parameters) -> str:
    """Return FromUserId."""
    # The only id whose length has a code of its own.
    return identifier(parameters.get("FromUserId"), ReturnCode.USER_ID_TOO_LONG)


def identifier(value: object, too_long: ReturnCode = ReturnCode.PARAMETER_WRONG) -> str:
    """Return an id that is a str of 1 to 32 bytes."""
    # The lists of allowed characters disagree from page to page: none is enforced.
    if not isinstance(value, str) or not value:
        raise RefusalError(ReturnCode.PARAMETER_WRONG)
    if len(value.encode(errors="surrogatepass")) > ID_BYTES:
        raise RefusalError(too_long)
    return value


def conversation_of(parameters: Parameters) -> Conversation:
    """Return the side that FromUserId, ConvId and ConvType name."""
    kind = parameters.get("ConvType")
    if type(kind) is not int or kind not in _KINDS:
        raise RefusalError(ReturnCode.PARAMETER_WRONG)
    user, other = user_of(parameters), identifier(parameters.get("ConvId"))
    try:
        return Conversation(kind=_KINDS[kind], user=user, other=other)
    except InvalidRequestError:
        # Control characters and lone surrogates are in no list of allowed characters.
        raise RefusalError(ReturnCode.PARAMETER_WRONG) from None


def page_of(parameters: Parameters, *, default: int, most: int) -> tuple[int, int]:
    """Return Limit, corrected as the pages of lists say, and Next."""
    limit, start = (parameters.get(name, 0) for name in ("Limit", "Next"))
    if type(limit) is not int or type(start) is not int or start < 0:
        raise RefusalError(ReturnCode.PARAMETER_WRONG)
    return (default if limit <= 0 else min(limit, most)), start
