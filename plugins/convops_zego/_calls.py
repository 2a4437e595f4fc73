"""How a call of ZEGO's server API is put: the action in the query, its parameters in a JSON body.

https://www.zegocloud.com/docs/zim-server/accessing-server-apis (read 2026-08-21).
"""

from __future__ import annotations

from convops.provider import Call


def post(action: str, *, writes: bool = True, removes: bool = False, **body: object) -> Call:
    """Return a call by POST; its arguments are those of `Call`, and the parameters of the action."""
    return Call(action=action, query={"Action": action}, body=body, writes=writes, removes=removes)
