"""A request is written as it is meant, or not at all."""

from __future__ import annotations

import pytest

from convops._transports.requests import written, written_fields
from convops._transports.traffic import NotWritableError

FIELDS = [(b"Host", b"chat.example"), (b"X-Empty", b""), (b"X-Odd", b"a b\t\xff")]


def test_a_request_is_written_in_one_piece():
    fields = written_fields(FIELDS)
    assert fields == b"Host: chat.example\r\nX-Empty: \r\nX-Odd: a b\t\xff\r\n"
    assert written(b"POST", b"/x?y", fields, b"{}") == b"POST /x?y HTTP/1.1\r\n" + fields + b"\r\n{}"


@pytest.mark.parametrize("method", [b"", b"get", b"POST /", b"POST\r\n"])
def test_a_method_that_is_none_is_not_written(method):
    with pytest.raises(NotWritableError):
        written(method, b"/", b"", b"")


@pytest.mark.parametrize("target", [b"", b"/a b", b"/a\r\nx: y", b"/a\n", b"/\0", b"/\t", b"/\x7f"])
def test_a_target_that_would_end_its_line_is_not_written(target):
    with pytest.raises(NotWritableError):
        written(b"GET", target, b"", b"")


@pytest.mark.parametrize("name", [b"", b"a b", b"a:", b"a\r\n", b"\n", b"a\0", b"\xff"])
def test_a_name_that_is_none_is_not_written(name):
    with pytest.raises(NotWritableError):
        written_fields([*FIELDS, (name, b"x")])


@pytest.mark.parametrize(
    "value", [b"s3cr3t\r\nx: y", b"s3cr3t\n", b"s3cr3t\0", b" s3cr3t", b"s3cr3t ", b"\x7f"]
)
def test_a_value_that_would_end_its_line_is_not_written_and_not_told(value):
    with pytest.raises(NotWritableError) as caught:
        written_fields([*FIELDS, (b"x-token", value)])
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)
    assert "s3cr3t" not in str(caught.value)
