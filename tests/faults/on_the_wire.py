"""Faults of what comes over an open connection."""

from __future__ import annotations

import functools
import gzip
import json
import time
import zlib
from collections.abc import Callable, Mapping
from email.utils import formatdate
from typing import Any

from convops.operations import OPERATIONS, Operation
from tests.faults.stage import SHORT, Handle, Result, Stage, http
from tests.transports.rawserver import Peer, RawServer, Received, answering

Play = Callable[[Stage], Result]
Ways = Mapping[str, Play]
"""How a fault is played, by the name of the way."""


def wire(handle: Handle, **options: Any) -> Play:
    """Return a play in which the server does this with every request."""

    def play(stage: Stage) -> Result:
        stage.open()
        stage.begin(handle)
        return stage.do(**options)

    return play


def late(handle: Handle) -> Play:
    """Return a play with little time, on a connection that is open."""

    def play(stage: Stage) -> Result:
        stage.open()
        stage.call(stage.sibling)
        stage.begin(handle)
        return stage.do(timeout=SHORT)

    return play


def saying(content: bytes | Callable[[bytes], bytes]) -> Handle:
    """Return what carries the request out, and says something else than the vendor's answer."""

    def handle(stage: Stage, peer: Peer, request: Received) -> None:
        answer = stage.answer(request)
        peer.send(content(answer) if callable(content) else content)

    return handle


def with_body(spoil: bytes | Callable[[dict[str, Any], str], bytes], *headers: str) -> Handle:
    """Return what carries the request out, and spoils the body of the answer."""

    def handle(stage: Stage, peer: Peer, request: Received) -> None:
        body = stage.answer(request).partition(b"\r\n\r\n")[2]
        code = "Code" if stage.vendor == "zego" else "ErrorCode"
        peer.send(http(spoil(json.loads(body), code) if callable(spoil) else spoil, *headers))

    return handle


def spoilt(*spoils: bytes | Callable[[dict[str, Any], str], bytes]) -> Ways:
    return {str(number): wire(with_body(spoil)) for number, spoil in enumerate(spoils)}


def member_spelled(text: str) -> Callable[[dict[str, Any], str], bytes]:
    """Return what adds a member to the right answer, spelled so."""
    return lambda document, _: json.dumps(document).encode()[:-1] + f',"more":{text}}}'.encode()


def code_spelled(text: str) -> Callable[[dict[str, Any], str], bytes]:
    """Return what spells the code so."""

    def spoil(document: dict[str, Any], code: str) -> bytes:
        others = {name: value for name, value in document.items() if name != code}
        return f'{{"{code}":{text},'.encode() + json.dumps(others).encode()[1:]

    return spoil


# --- Timing -----------------------------------------------------------------------------------------


def _silent(_: Stage, peer: Peer, __: Received) -> None:
    peer.until_hung_up()


def _silent_after_head(stage: Stage, peer: Peer, request: Received) -> None:
    peer.send(stage.answer(request).partition(b"\r\n\r\n")[0] + b"\r\n\r\n")
    peer.until_hung_up()


def _drip(stage: Stage, peer: Peer, request: Received) -> None:
    peer.drip(stage.answer(request), 0.02)


def _spikes(stage: Stage, peer: Peer, request: Received) -> None:
    answer = stage.answer(request)
    for part in (answer[:20], answer[20:-20], answer[-20:]):
        peer.send(part)
        time.sleep(0.02)


def _slowly(stage: Stage, peer: Peer, request: Received) -> None:
    head, _, body = stage.answer(request).partition(b"\r\n\r\n")
    padded = body + b" " * 64 * 1024
    peer.send(head.replace(f": {len(body)}".encode(), f": {len(padded)}".encode()) + b"\r\n\r\n")
    for start in range(0, len(padded), 50):
        peer.send(padded[start : start + 50])
        time.sleep(0.05)


def _too_late(stage: Stage, peer: Peer, request: Received) -> None:
    answer = stage.answer(request)
    peer.until_hung_up()
    peer.send(answer)


# --- Protocol ---------------------------------------------------------------------------------------

ANSWER = b"HTTP/1.1 200 X\r\n"


def _cut_with_length(stage: Stage, peer: Peer, request: Received) -> None:
    peer.send(stage.answer(request)[:-5])
    peer.close()


def _cut_by_close(stage: Stage, peer: Peer, request: Received) -> None:
    body = stage.answer(request).partition(b"\r\n\r\n")[2]
    peer.send(ANSWER + b"\r\n" + body[:-5])
    peer.close()


def _interim_flood(_: Stage, peer: Peer, __: Received) -> None:
    while True:
        peer.send(b"HTTP/1.1 103 X\r\nlink: </x>\r\n\r\n" * 100)


def _with_more(answer: bytes) -> bytes:
    return answer + http(b'{"Code":1,"ErrorCode":1}')


def _more_afterwards(stage: Stage) -> Result:
    stage.open()
    stage.begin()
    result = stage.do()
    stage.server.peers[0].send(http(b'{"Code":1,"ErrorCode":1}'))
    return result


# --- Body -------------------------------------------------------------------------------------------


@functools.cache
def _bomb() -> bytes:
    packer = zlib.compressobj(wbits=31)
    return b"".join(packer.compress(bytes(1 << 20)) for _ in range(256)) + packer.flush()


def _packed(document: dict[str, Any], _: str) -> bytes:
    body = json.dumps(document).encode()
    for _ in range(50):
        body = gzip.compress(body, 1)
    return body


def _chunks_without_end(_: Stage, peer: Peer, __: Received) -> None:
    peer.send(ANSWER + b"transfer-encoding: chunked\r\n\r\n")
    while True:
        peer.send(b"1000\r\n" + b" " * 0x1000 + b"\r\n")


def _bytes_without_end(_: Stage, peer: Peer, __: Received) -> None:
    peer.send(ANSWER + b"\r\n")
    while True:
        peer.send(b" " * 0x1000)


def _twice(document: dict[str, Any], code: str) -> bytes:
    return f'{{"{code}":99999,'.encode() + json.dumps(document).encode()[1:]


def _without(document: dict[str, Any], name: str) -> bytes:
    return json.dumps({key: value for key, value in document.items() if key != name}).encode()


# --- HTTP -------------------------------------------------------------------------------------------


def status(number: int, *headers: str, body: bytes | None = None) -> Handle:
    """Return what answers an HTTP status without carrying anything out; the body says success."""

    def handle(stage: Stage, peer: Peer, _: Received) -> None:
        peer.send(http(stage.refusal(0) if body is None else body, *headers, status=number))

    return handle


def _redirect_away(number: int) -> Play:
    def play(stage: Stage) -> Result:
        elsewhere = RawServer(answering(stage.refusal(0)))
        stage.closing.callback(elsewhere.close)
        stage.open()
        stage.begin(status(number, f"location: {elsewhere.url}/"))
        result = stage.do()
        assert elsewhere.peers == []
        return result

    return play


def _redirect_to_itself(stage: Stage, peer: Peer, request: Received) -> None:
    status(307, f"location: {request.target}")(stage, peer, request)


def _throttled_for(text: str) -> Play:
    return wire(status(429, f"retry-after: {text}", body=b""))


def _throttled_until(stage: Stage, peer: Peer, request: Received) -> None:
    date = formatdate(int(stage.clock.right()) + 3, usegmt=True)
    status(429, f"retry-after: {date}")(stage, peer, request)


def _throttled_for_ages(stage: Stage) -> Result:
    result = _throttled_for("1000000000")(stage)
    assert result.error.retry_after == 1e9
    return result


def _bare(number: int) -> Play:
    return wire(lambda _, peer, __: peer.send(f"HTTP/1.1 {number} X\r\n\r\n".encode()))


def _with_cookies(stage: Stage, peer: Peer, request: Received) -> None:
    cookies = ("set-cookie: a=b; Path=/", "set-cookie: c=d; Domain=127.0.0.1; Max-Age=999")
    peer.send(stage.answer(request, *cookies))


# --- Vendor -----------------------------------------------------------------------------------------

THROTTLED = {"zego": (7, 660300005), "tencent": (60007, 60011, 60018, 60019)}
EXPIRED = {"zego": (100000004,), "tencent": (70001,)}
WRONG_SIGNATURE = {"zego": (100000005,), "tencent": (70009, 60010)}
BROKEN = {"zego": (1, 105001, 660000001), "tencent": (60008,)}
UNKNOWN = {"zego": (999999999,), "tencent": (99999,)}
# By verb; one that has no code for it is sent the vendor's nearest.
MISSING = {
    "zego": {
        "clear_unread": 660800002,
        "mark_read": 660800002,
        "delete": 660800002,
        "mute": 660600001,
    },
    "tencent": {"clear_unread": 90003, "mark_read": 90003, "delete": 50001, "mute": 10010},
}
REFUSED = {
    "zego": {"clear_unread": 660000028, "mark_read": 660000028, "delete": 660000028},
    "tencent": {"clear_unread": 90009, "mark_read": 90009, "delete": 50003, "mute": 10007},
}


def code(number: int) -> Handle:
    """Return what answers a vendor's code, and carries nothing out."""
    return lambda stage, peer, _: peer.send(http(stage.refusal(number)))


def by_code(codes: Mapping[str, tuple[int, ...]]) -> Callable[[str, str], Ways]:
    return lambda vendor, _: {str(number): wire(code(number)) for number in codes[vendor]}


def _missing(vendor: str, operation: str) -> Ways:
    missing = code(MISSING[vendor][operation])

    def after_an_unanswered_try(stage: Stage, peer: Peer, request: Received) -> None:
        if len(stage.requests) > 1:
            missing(stage, peer, request)
        else:
            stage.answer(request)
            peer.reset()

    return {"": wire(missing), "after an unanswered try": wire(after_an_unanswered_try)}


def _already(*, muted: bool | None = None) -> Play:
    def play(stage: Stage) -> Result:
        stage.open()
        if muted is False:
            # Nobody muted it yet.
            stage.options = {"muted": False}
        else:
            stage.call()
        assert stage.holds()
        stage.begin()
        return stage.do()

    return play


def _partial(stage: Stage) -> Result:
    stage.open()
    codes = REFUSED[stage.vendor].get(stage.operation)
    if codes is None:
        # The vendor itself answers for a group whose member the user is not.
        stage.simulator.add_group("club", ["bob"])
        stage.subject = stage.other("club")
    refused = stage.subject.other

    def handle(stage: Stage, peer: Peer, request: Received) -> None:
        asked_about = refused in request.target or f'"{refused}"'.encode() in request.body
        if codes is not None and asked_about:
            code(codes)(stage, peer, request)
        else:
            stage.healthy(peer, request)

    stage.begin(handle)
    outcomes = stage.apply([operation_of(stage, stage.sibling), operation_of(stage, stage.subject)])
    assert outcomes[0].ok
    assert stage.holds(stage.sibling)
    # What is left is what the call of the refused one sent.
    stage.first_request += 0 if codes is None else 1
    return Result(outcomes[1], outcomes[1].error)


def operation_of(stage: Stage, conversation: Any) -> Operation:
    """Return the operation under test, on a conversation."""
    (kind,) = (kind for kind in OPERATIONS if kind.name == stage.operation)
    return kind(conversation)


# --- All of them ------------------------------------------------------------------------------------


def only(play: Play) -> Callable[[str, str], Ways]:
    return lambda _, __: {"": play}


def each(ways: Ways) -> Callable[[str, str], Ways]:
    return lambda _, __: ways


def _already_so(_: str, operation: str) -> Ways:
    return {"": _already(), **({"unmute": _already(muted=False)} if operation == "mute" else {})}


PLAYS: Mapping[str, Callable[[str, str], Ways]] = {
    "no-answer": only(late(_silent)),
    "silent-after-head": only(late(_silent_after_head)),
    "drip": only(late(_drip)),
    "spikes": only(wire(_spikes)),
    "slow-link": only(late(_slowly)),
    "late-answer": only(late(_too_late)),
    "cut-with-length": only(wire(_cut_with_length)),
    "cut-by-close": only(wire(_cut_by_close)),
    "bad-chunk": only(wire(saying(ANSWER + b"transfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n"))),
    "garbage-status": each(
        {
            "junk": wire(saying(b"\x16\x03\x01\x00\r\n\r\n")),
            "four digits": wire(saying(b"HTTP/1.1 2000 X\r\n\r\n{}")),
        }
    ),
    "huge-headers": only(
        wire(saying(lambda answer: answer.replace(b"\r\n", b"\r\nx: " + b"y" * 200_000 + b"\r\n", 1)))
    ),
    "two-lengths": only(
        wire(saying(lambda answer: answer.replace(b"\r\n", b"\r\ncontent-length: 2\r\n", 1)))
    ),
    "interim-flood": only(wire(_interim_flood)),
    "extra-bytes": each({"with it": wire(saying(_with_more)), "after it": _more_afterwards}),
    "empty-body": each(spoilt(b"")),
    "html": each(spoilt(b"<html><body>Welcome to the hotel's network</body></html>")),
    "no-object": each(spoilt(b"[]", b'"OK"', b"0", b"null", b"true")),
    "code-type": each(
        {
            "missing": wire(with_body(_without)),
            "string": wire(with_body(code_spelled('"0"'))),
            "bool": wire(with_body(code_spelled("false"))),
            "float": wire(with_body(code_spelled("0.0"))),
        }
    ),
    "deep": each(spoilt(member_spelled("[" * 200_000 + "]" * 200_000), member_spelled("[" * 40 + "]" * 40))),
    "huge-integer": each(spoilt(code_spelled("1" * 5000), member_spelled("1" * 5000))),
    "no-number": each(spoilt(*(member_spelled(text) for text in ("NaN", "-Infinity", "1e999")))),
    "bad-text": each(
        spoilt(
            lambda document, _: json.dumps(document).encode()[:-1] + b',"more":"\xff"}',
            lambda document, _: json.dumps(document).encode("utf-16"),
            member_spelled('"\\ud800"'),
        )
    ),
    "duplicate-keys": each(spoilt(_twice)),
    "bomb": only(wire(with_body(lambda *_: _bomb(), "content-encoding: gzip"))),
    "encodings": only(wire(with_body(_packed, "content-encoding: " + ", ".join(["gzip"] * 50)))),
    "endless": each({"chunks": wire(_chunks_without_end), "bytes": wire(_bytes_without_end)}),
    "redirect-away": each({str(number): _redirect_away(number) for number in (301, 302, 303, 307, 308)}),
    "redirect-loop": only(wire(_redirect_to_itself)),
    "denied": each({str(number): wire(status(number, body=b"<html>")) for number in (401, 403)}),
    "too-many-requests": each(
        {
            "seconds": _throttled_for("2"),
            "date": wire(_throttled_until),
            "a thousand million": _throttled_for_ages,
            "missing": wire(status(429, body=b"")),
            "negative": _throttled_for("-2"),
            "NaN": _throttled_for("NaN"),
            "junk": _throttled_for("in a while"),
        }
    ),
    "server-error": each(
        {str(number): wire(status(number, body=b"<html>")) for number in (500, 502, 503, 504)}
    ),
    "odd-success": each({"204": _bare(204), "206": wire(status(206)), "304": _bare(304)}),
    "cookies": only(wire(_with_cookies)),
    "throttled": by_code(THROTTLED),
    "expired": by_code(EXPIRED),
    "bad-signature": by_code(WRONG_SIGNATURE),
    "vendor-broken": by_code(BROKEN),
    "already-so": _already_so,
    "not-found": _missing,
    "partial": only(_partial),
    "unknown-code": by_code(UNKNOWN),
}
