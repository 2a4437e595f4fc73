"""What is said over one connection, without one."""

from __future__ import annotations

import pytest

from convops._transports.http11 import Talk
from convops._transports.traffic import HungUpError, NotHttpError

ANSWER = b"HTTP/1.1 200 X\r\ncontent-length: 2\r\n\r\n{}"


def read(talk, *arrived):
    """Read an answer that comes in these pieces."""
    pieces = iter(arrived)
    while (head := talk.head()) is None:
        talk.take(next(pieces))
    parts = []
    while (part := talk.part()) != b"":
        if part is None:
            talk.take(next(pieces))
        else:
            parts.append(part)
    return head.status_code, b"".join(parts)


def test_an_answer_may_come_byte_by_byte():
    talk = Talk()
    talk.asked()
    assert read(talk, *(bytes([byte]) for byte in ANSWER)) == (200, b"{}")
    assert talk.ended_cleanly


def test_the_next_exchange_begins_where_one_ended_cleanly():
    talk = Talk()
    for _ in range(3):
        talk.asked()
        assert read(talk, ANSWER) == (200, b"{}")


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(ANSWER + b"H", id="bytes behind it"),
        pytest.param(ANSWER.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n"), id="to be closed"),
        pytest.param(ANSWER.replace(b"1.1", b"1.0"), id="old"),
        pytest.param(b"HTTP/1.1 204 X\r\n\r\n", id="without a word about its end"),
        pytest.param(
            b"HTTP/1.1 200 X\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            id="two words about its end",
        ),
    ],
)
def test_nothing_more_is_said_after_an_answer_whose_end_is_in_doubt(answer):
    talk = Talk()
    talk.asked()
    read(talk, answer)
    assert not talk.ended_cleanly


def test_nothing_more_is_said_after_a_request_that_was_cut_off():
    talk = Talk()
    talk.asked()
    talk.cut_off()
    assert read(talk, ANSWER) == (200, b"{}")
    assert not talk.ended_cleanly


@pytest.mark.parametrize(
    ("arrived", "kind"),
    [
        ([b""], HungUpError),
        ([b"HTTP/1.1 200 X\r\n", b""], HungUpError),
        ([ANSWER[:-1], b""], HungUpError),
        ([b"junk\r\n\r\n"], NotHttpError),
        ([b"HTTP/1.1 101 X\r\n\r\n"], NotHttpError),
        ([b"HTTP/1.1 200 X\r\nx: " + b"y" * 200_000], NotHttpError),
    ],
)
def test_an_answer_that_is_none_is_told_in_words_of_ours(arrived, kind):
    talk = Talk()
    talk.asked()
    with pytest.raises(kind) as caught:
        read(talk, *arrived)
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)
