"""Answers that are small on the wire and large when they are unpacked."""

from __future__ import annotations

import functools
import gzip
import tracemalloc
import zlib

MIB = 1 << 20
INFLATED = 64 * MIB


@functools.cache
def bomb():
    """Return 64 MiB of zeros, compressed to a thousandth."""
    packer = zlib.compressobj(wbits=31)
    return b"".join(packer.compress(bytes(MIB)) for _ in range(INFLATED // MIB)) + packer.flush()


@functools.cache
def chain(links):
    """Return an answer that is good, compressed so many times over."""
    body = b'{"code":0}'
    for _ in range(links):
        body = gzip.compress(body, 1)
    return body


def memory_of(act):
    """Return what came of an act, and the most memory that Python held during it, in bytes."""
    tracemalloc.start()
    try:
        result = act()
        return result, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
