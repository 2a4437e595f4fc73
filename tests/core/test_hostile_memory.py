"""What a hostile answer can make us hold."""

from __future__ import annotations

import importlib
import os
import tracemalloc

import pytest

from convops._guard import read_document
from convops._locks import Lock
from convops.errors import MalformedReplyError

CAP = 512 * 1024
MOST = 16 * 1024 * 1024


@pytest.mark.parametrize(
    "unit",
    [b"{}", b"[]", b'{"":0}', b'{"a":0}', b"[[]]", b"0", b'""', b"1.5", b'"a"', b"null", b'"\\u00e9"'],
    ids=repr,
)
def test_no_answer_within_the_cap_takes_more_than_16_mib(unit):
    units = (CAP - 10) // (len(unit) + 1)
    body = b'{"a":[' + b",".join([unit] * units) + b"]}"
    assert len(body) <= CAP
    tracemalloc.start()
    try:
        read_document(body)
    except MalformedReplyError:
        pass
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < MOST


def test_many_keys_take_no_more():
    body = b"{" + b",".join(b'"%d":0' % number for number in range(50_000)) + b"}"
    assert len(body) <= CAP
    tracemalloc.start()
    read_document(body)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < MOST


def test_an_answer_may_hold_20000_objects_and_lists_but_not_one_more():
    body = b'{"a":[' + b",".join([b"{}"] * 19_998) + b"]}"
    assert len(read_document(body)["a"]) == 19_998
    with pytest.raises(MalformedReplyError, match="20000"):
        read_document(b'{"a":[' + b",".join([b"{}"] * 19_999) + b"]}")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_lock_held_in_the_parent_is_free_in_a_forked_child():
    importlib.import_module("convops._drivers")
    lock = Lock()
    with lock.held:
        child = os.fork()
        if child == 0:
            taken = lock.held.acquire(blocking=False)
            os._exit(0 if taken else 1)
        _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
