"""What is said over one connection, without one."""

from __future__ import annotations

import gc
import itertools
import sys
import weakref

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convops._transports.http11 import FRAMING_MAX, Talk
from convops._transports.traffic import HungUpError, NotHttpError

ANSWER = b"HTTP/1.1 200 X\r\ncontent-length: 2\r\n\r\n{}"
CHUNKED = b"HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
INTERIM = b"HTTP/1.1 103 Y\r\nlink: x\r\n\r\n"
WHOLE = [ANSWER, CHUNKED, INTERIM + ANSWER, INTERIM * 2 + CHUNKED]
EMPTY = b"HTTP/1.1 200 X\r\ncontent-length: 0\r\n\r\n"


def read(talk, *arrived):
    """Read an answer that comes in these pieces; return its head and its body."""
    pieces = iter(arrived)
    while (head := talk.head()) is None:
        talk.take(next(pieces))
    parts = []
    while (part := talk.part()) != b"":
        if part is None:
            talk.take(next(pieces))
        else:
            parts.append(part)
    return head, b"".join(parts)


def cut(whole, places):
    """Cut an answer there."""
    edges = [0, *sorted(places), len(whole)]
    return [whole[begin:end] for begin, end in itertools.pairwise(edges) if begin < end]


# --- What is an answer --------------------------------------------------------------------------------


@given(st.sampled_from(WHOLE), st.data())
def test_an_answer_may_come_in_any_pieces(whole, data):
    places = data.draw(st.sets(st.integers(1, len(whole) - 1)))
    talk = Talk()
    head, body = read(talk, *cut(whole, places))
    assert (head.status, head.version, head.reason, body) == (200, "1.1", b"X", b"{}")
    assert b"link" not in dict(head.fields)
    assert talk.ended_cleanly


def test_the_next_exchange_begins_where_one_ended_cleanly():
    talk = Talk()
    for whole in (ANSWER, CHUNKED, EMPTY, ANSWER):
        talk.begin()
        head, body = read(talk, whole)
        assert (head.status, body) == (200, b"" if whole is EMPTY else b"{}")
        assert talk.ended_cleanly


def test_fields_stand_in_their_order_and_trailers_are_left_out():
    twice = (
        b"HTTP/1.1 200 X\r\nA: 1\r\na: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nb: 3\r\n\r\n"
    )
    head, _ = read(Talk(), twice)
    assert head.fields == [(b"A", b"1"), (b"a", b"2"), (b"transfer-encoding", b"chunked")]


def test_what_stands_behind_an_answer_does_not_change_its_version():
    head, _ = read(Talk(), b"HTTP/1.1 304 X\r\n\r\nHTTP/2.0 2")
    assert (head.status, head.version) == (304, "1.1")


def test_white_space_around_a_value_is_no_part_of_it():
    """RFC 9112, section 5.1."""
    head, _ = read(Talk(), ANSWER.replace(b": 2", b":\t 2 \t"))
    assert head.fields == [(b"content-length", b"2")]


def test_an_answer_of_no_stated_length_ends_with_its_connection():
    talk = Talk()
    assert read(talk, b"HTTP/1.1 200 X\r\n\r\n{", b"}", b"")[1] == b"{}"
    assert not talk.ended_cleanly


# --- Whether the connection may be used again ---------------------------------------------------------


BEHIND = [b"H", b"junk", b" ", b"\r\nH", ANSWER, INTERIM]


@given(st.sampled_from([*WHOLE, EMPTY]), st.sampled_from(BEHIND), st.data())
def test_nothing_more_is_said_where_something_stands_behind_the_answer(whole, behind, data):
    last = data.draw(st.integers(0, len(whole) - 1))
    talk = Talk()
    read(talk, *filter(None, [whole[:last], whole[last:] + behind]))
    assert not talk.ended_cleanly


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(ANSWER.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n"), id="to be closed"),
        pytest.param(ANSWER.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n") + b"x", id="and more"),
        pytest.param(ANSWER.replace(b"1.1", b"1.0"), id="old"),
        pytest.param(
            ANSWER.replace(b"1.1 200 X\r\n", b"1.0 200 X\r\nconnection: keep-alive, close\r\n"),
            id="old, of two minds",
        ),
        pytest.param(
            ANSWER.replace(b"1.1 200 X\r\n", b"1.0 200 X\r\nconnection: keep-alive\r\n"), id="old, and kept"
        ),
        pytest.param(b"HTTP/1.1 204 X\r\n\r\n", id="without a word about its end"),
    ],
)
def test_nothing_more_is_said_after_an_answer_whose_end_is_in_doubt(answer):
    talk = Talk()
    read(talk, answer)
    assert not talk.ended_cleanly


def test_nothing_more_is_said_after_a_request_that_was_cut_off():
    talk = Talk()
    talk.cut_off()
    assert read(talk, ANSWER)[1] == b"{}"
    assert not talk.ended_cleanly


# --- What is none -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arrived", "kind"),
    [
        pytest.param([b""], HungUpError, id="nothing"),
        pytest.param([b"HTTP/1.1 200 X\r\n", b""], HungUpError, id="half a head"),
        pytest.param([ANSWER[:-1], b""], HungUpError, id="half a body"),
        pytest.param([CHUNKED[:-2], b""], HungUpError, id="no last chunk"),
        pytest.param([INTERIM, b""], HungUpError, id="an interim answer alone"),
        pytest.param([b"\x16\x03junk\r\n\r\n"], NotHttpError, id="junk"),
        pytest.param([ANSWER.replace(b"HTTP", b"RTSP")], NotHttpError, id="another protocol"),
        pytest.param([b"R", b"TSP/1.0 200 X\r\n"], NotHttpError, id="another protocol, letter by letter"),
        pytest.param([b"HTTP/2.0 200 X\r\ncontent-length: 0\r\n\r\n"], NotHttpError, id="another version"),
        pytest.param([ANSWER.replace(b"200", b"000")], NotHttpError, id="a status below all"),
        pytest.param([ANSWER.replace(b"200", b"099") + ANSWER], NotHttpError, id="another, and an answer"),
        pytest.param(
            [b"HTTP/1.1 104 X\r\ncontent-length: 2\r\n\r\nab" + ANSWER], NotHttpError, id="an interim body"
        ),
        pytest.param(
            [b"HTTP/1.1 104 X\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n" + ANSWER],
            NotHttpError,
            id="an empty interim body",
        ),
        pytest.param([b"HTTP/2.0 200 X\r\ncontent-length: 0\r\n\r\n" + ANSWER], NotHttpError, id="2.0, 1.1"),
        pytest.param([b"HTTP/1.1 101 X\r\n\r\n"], NotHttpError, id="101 for nothing"),
        pytest.param(
            [b"HTTP/1.1 101 X\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"], NotHttpError, id="101"
        ),
        pytest.param(
            [ANSWER.replace(b"\r\n\r\n", b"\r\ntransfer-encoding: chunked\r\n\r\n")],
            NotHttpError,
            id="two words about its end",
        ),
        pytest.param([ANSWER.replace(b": 2", b": 2\r\ncontent-length: 3")], NotHttpError, id="two lengths"),
        pytest.param(
            [ANSWER.replace(b": 2", b": 2\r\ncontent-length: 2")], NotHttpError, id="one length twice"
        ),
        pytest.param(
            [ANSWER.replace(b"content", b"x: a\r\n b\r\ncontent")], NotHttpError, id="a folded field"
        ),
        pytest.param([CHUNKED.replace(b": chunked", b": gzip, chunked")], NotHttpError, id="another coding"),
        pytest.param(
            [CHUNKED.replace(b": chunked", b": chunked\r\ntransfer-encoding: chunked")],
            NotHttpError,
            id="one coding twice",
        ),
        pytest.param([b"HTTP/1.1 200 X\r\nx: " + b"y" * 200_000], NotHttpError, id="a field without end"),
        pytest.param(
            [b"HTTP/1.1 200 X\r\n", *[b"x: " + b"y" * 1000 + b"\r\n"] * 200],
            NotHttpError,
            id="fields without end",
        ),
        pytest.param([INTERIM * 100] * FRAMING_MAX, NotHttpError, id="interim answers without end"),
        pytest.param(
            [CHUNKED[:-5], b"0\r\n", *[b"x: " + b"y" * 1000 + b"\r\n"] * 200],
            NotHttpError,
            id="trailers without end",
        ),
    ],
)
def test_an_answer_that_is_none_is_told_in_words_of_ours(arrived, kind):
    with pytest.raises(kind) as caught:
        read(Talk(), *arrived)
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)


# --- Interrupts ---------------------------------------------------------------------------------------


CALLBACKS = [name for name in vars(Talk) if name.startswith("on_")]


@pytest.fixture(params=[None, ValueError("of the caller's"), KeyboardInterrupt("of the caller's")], ids=repr)
def handling(request):
    """Return a function that calls another while an exception is handled, or none is."""

    def call(function):
        if request.param is None:
            return function()
        try:
            raise request.param  # noqa: TRY301 - to be handled
        except BaseException:  # noqa: BLE001 - whatever it is
            return function()

    return call


@pytest.mark.parametrize("callback", CALLBACKS)
def test_an_interrupt_that_comes_while_the_parser_calls_passes(monkeypatch, handling, callback):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Talk, callback, interrupted)
    with pytest.raises(KeyboardInterrupt) as caught:
        handling(lambda: read(Talk(), ANSWER))
    assert caught.value.args == ()


def test_what_a_signal_handler_raises_passes_as_it_is(monkeypatch):
    class OutOfTimeError(Exception):
        pass

    def interrupted(*_):
        raise OutOfTimeError

    monkeypatch.setattr(Talk, "on_body", interrupted)
    with pytest.raises(OutOfTimeError) as caught:
        read(Talk(), ANSWER)
    assert caught.value.__context__ is None


def test_what_the_caller_handles_is_not_taken_for_an_interrupt(handling):
    with pytest.raises(NotHttpError):
        handling(lambda: read(Talk(), b"HTTP/1.1 junk\r\n\r\n"))
    talk = Talk()
    assert handling(lambda: read(talk, ANSWER + b"junk"))[1] == b"{}"
    assert not talk.ended_cleanly


def test_an_interrupt_at_any_instruction_of_a_callback_passes():
    """One by one, each instruction that runs while the parser calls."""
    codes = {getattr(Talk, name).__code__ for name in CALLBACKS}
    heard = 0
    while _interrupted_at(heard, codes):
        heard += 1
    assert heard > len(CALLBACKS)


def _interrupted_at(place, codes):
    """Interrupt at the instruction of that number; return whether there were so many."""
    left = [place]

    def watch(frame, event, _):
        if frame.f_code not in codes:
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            left[0] -= 1
            if left[0] < 0:
                sys.settrace(None)
                raise KeyboardInterrupt
        return watch

    talk, before = Talk(), sys.gettrace()
    sys.settrace(watch)
    try:
        read(talk, INTERIM + CHUNKED)
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
    assert left[0] >= 0, "an interrupt was lost"
    return False


# --- What is kept -------------------------------------------------------------------------------------


def test_who_has_ended_holds_nothing_and_is_held_by_nobody():
    talk = Talk()
    talk.take(b"HTTP/1.1 200 X\r\nx-said: secret")
    talk.end()
    gone = weakref.ref(talk)
    gc.disable()
    try:
        del talk
        assert gone() is None
    finally:
        gc.enable()
