"""h11, CVE-2025-43859: any two bytes behind a chunk were taken for its line end, by one side of a proxy only.

A corpus of answers in chunks that are none. Each must end as an error, with its connection closed: whoever
reads on after one of them reads at the wrong place.
"""

from __future__ import annotations

import pytest

from convops.errors import Effect, MalformedReplyError, TransportError
from convops.operations import Conversation, Mute
from tests.transports import chosen
from tests.transports.scripted import OK, Scripted

DM = Conversation.direct(user="alice", peer="bob")
HEAD = b"HTTP/1.1 200 X\r\n"
CHUNKED = HEAD + b"transfer-encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"

SIZE = b"%x" % len(OK)
CHUNK = SIZE + b"\r\n" + OK

FOOTERS = {
    # The advisory: a chunk must be followed by CR LF, and by nothing else of that length.
    "two letters": CHUNK + b"XX" + END,
    "the beginning of a size": CHUNK + b"00" + b"\r\n\r\n",
    "two line feeds": CHUNK + b"\n\n" + END,
    "two carriage returns": CHUNK + b"\r\r" + END,
    "the wrong way round": CHUNK + b"\n\r" + END,
    "a space and a line feed": CHUNK + b" \n" + END,
    "two nulls": CHUNK + b"\0\0" + END,
    "a line feed alone": CHUNK + b"\n" + END,
    "a carriage return alone": CHUNK + b"\r" + END,
    "nothing": CHUNK + END,
    "three bytes": CHUNK + b"\r\n\n" + END,
    "more than its size": SIZE + b"\r\n" + OK + b" \r\n" + END,
    "less than its size": SIZE + b"\r\n" + OK[:-1] + b"\r\n" + END,
    "another answer inside": CHUNK + b"XX" + HEAD + b"content-length: 0\r\n\r\n",
    "in the second chunk": b"1\r\n{\r\n" + b"%x\r\n" % (len(OK) - 1) + OK[1:] + b"XX" + END,
}
SIZES = {
    "empty": b"\r\n" + OK + b"\r\n" + END,
    "negative": b"-" + CHUNK + b"\r\n" + END,
    "with a plus": b"+" + CHUNK + b"\r\n" + END,
    "with 0x": b"0x" + CHUNK + b"\r\n" + END,
    "with an underscore": b"0_" + CHUNK + b"\r\n" + END,
    "with a space before": b" " + CHUNK + b"\r\n" + END,
    "with a space inside": b"0 " + CHUNK + b"\r\n" + END,
    "with a tab before": b"\t" + CHUNK + b"\r\n" + END,
    "not hexadecimal": b"g\r\n" + OK + b"\r\n" + END,
    "a full-width digit": "\uff11".encode() + CHUNK + b"\r\n" + END,
    "quoted": b'"' + SIZE + b'"\r\n' + OK + b"\r\n" + END,
    "a decimal point": SIZE + b".0\r\n" + OK + b"\r\n" + END,
    "a comma": SIZE + b",0\r\n" + OK + b"\r\n" + END,
    "of 64 bits": b"f" * 16 + b"\r\n" + OK + b"\r\n" + END,
    "ended by a line feed": SIZE + b"\n" + OK + b"\r\n" + END,
    "ended by a carriage return": SIZE + b"\r" + OK + b"\r\n" + END,
    "a null": SIZE + b"\0\r\n" + OK + b"\r\n" + END,
    "none at all": OK,
}
EXTENSIONS = {
    "without a semicolon": SIZE + b" a=b\r\n" + OK + b"\r\n" + END,
    "with a line feed": SIZE + b";a\nb\r\n" + OK + b"\r\n" + END,
    "ended by a line feed": SIZE + b";a\n" + OK + b"\r\n" + END,
    "without end": SIZE + b";" + b"a" * 300_000 + b"\r\n" + OK + b"\r\n" + END,
}
ENDS = {
    "never": CHUNK + b"\r\n",
    "by a size without a line": CHUNK + b"\r\n0",
    "by a line feed": CHUNK + b"\r\n0\n\n",
    "by letters": CHUNK + b"\r\n0\r\nXX",
    "by half a trailer": CHUNK + b"\r\n0\r\nx: y\r\n",
    "by a trailer without a name": CHUNK + b"\r\n0\r\n: y\r\n\r\n",
    "by a trailer without a colon": CHUNK + b"\r\n0\r\nxy\r\n\r\n",
    "by a trailer without end": CHUNK + b"\r\n0\r\nx: " + b"y" * 300_000 + b"\r\n\r\n",
    "by minus zero": CHUNK + b"\r\n-0\r\n\r\n",
}
HEADS = {
    "another coding": HEAD + b"transfer-encoding: xchunked\r\n\r\n" + CHUNK + b"\r\n" + END,
    "a coding before": HEAD + b"transfer-encoding: gzip, chunked\r\n\r\n" + CHUNK + b"\r\n" + END,
    "a coding behind": HEAD + b"transfer-encoding: chunked, identity\r\n\r\n" + CHUNK + b"\r\n" + END,
    "two fields": HEAD + b"transfer-encoding: chunked\r\n" * 2 + b"\r\n" + CHUNK + b"\r\n" + END,
    "a tab in the name": HEAD + b"transfer-encoding\t: chunked\r\n\r\n" + CHUNK + b"\r\n" + END,
    "a vertical tab": HEAD + b"transfer-encoding: \x0bchunked\r\n\r\n" + CHUNK + b"\r\n" + END,
    "a null": HEAD + b"transfer-encoding: chunked\0\r\n\r\n" + CHUNK + b"\r\n" + END,
}
CORPUS = [
    pytest.param(answer, id=f"{group}: {name}")
    for group, prefix, answers in (
        ("behind a chunk", CHUNKED, FOOTERS),
        ("a size", CHUNKED, SIZES),
        ("an extension", CHUNKED, EXTENSIONS),
        ("an end", CHUNKED, ENDS),
        ("a head", b"", HEADS),
    )
    for name, answer in ((name, prefix + body) for name, body in answers.items())
]


@pytest.mark.parametrize("answer", CORPUS)
def test_chunks_that_are_none_end_as_an_error_with_the_connection_closed(flavour, serve_raw, answer):
    def handle(peer, _):
        if peer.number:
            peer.answer(OK)
            return
        peer.send(answer)
        peer.connection.shutdown(1)
        peer.until_hung_up()

    server = serve_raw(handle)
    chat = flavour.open(Scripted(server.url), attempts=1)
    with pytest.raises((MalformedReplyError, TransportError)) as caught:
        chat.mute(DM)
    assert caught.value.effect is Effect.UNKNOWN
    server.wait_for_end(0)
    assert chat.mute(DM).ok
    assert [request.connection for request in server.received] == [0, 1]


def test_zeros_before_a_size_are_read_for_what_they_are_or_refused(flavour, serve_raw):
    """The grammar bounds no zeros."""
    server = serve_raw(lambda peer, _: peer.send(CHUNKED + b"0" * 30 + CHUNK + b"\r\n" + END))
    chat = flavour.open(Scripted(server.url), attempts=1)
    (outcome,) = chat.apply([Mute(DM)])
    assert outcome.ok is chosen.is_read_by_httptools()
    assert outcome.effect in (Effect.APPLIED, Effect.UNKNOWN)


@pytest.mark.parametrize("length", [0, 2, len(OK), 99])
def test_an_answer_that_states_a_length_and_comes_in_chunks_keeps_no_connection(flavour, serve_raw, length):
    """Two readers may differ about its end; RFC 9112, section 6.3, would have it handled as an error."""
    both = HEAD + b"content-length: %d\r\ntransfer-encoding: chunked\r\n\r\n" % length
    server = serve_raw(lambda peer, _: peer.send(both + CHUNK + b"\r\n" + END))
    chat = flavour.open(Scripted(server.url))
    chat.apply([Mute(DM), Mute(DM)])
    assert len(server.peers) == 2


def lax(answer):
    """Read chunks as h11 did before 0.16: of what follows a chunk, two bytes are dropped unseen."""
    body, at = b"", answer.index(b"\r\n\r\n") + 4
    while True:
        line = answer.index(b"\r\n", at)
        size = int(answer[at:line].partition(b";")[0], 16)
        if size == 0:
            return body
        body += answer[line + 2 : line + 2 + size]
        at = line + 2 + size + 2


def test_a_lax_reader_takes_them_for_an_answer():
    """What the corpus is there to catch: each of these was read as if nothing were wrong."""
    taken = ["two letters", "two line feeds", "the wrong way round", "two nulls", "in the second chunk"]
    assert [lax(CHUNKED + FOOTERS[name]) for name in taken] == [OK] * len(taken)
