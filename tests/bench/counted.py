"""Our own share of an operation in machine instructions, which a busy machine does not change.

    valgrind --tool=callgrind --toggle-collect=functools_reduce --callgrind-out-file=/dev/null \\
        .venv/bin/python -m tests.bench.counted

The figure behind `Collected`, over `OPERATIONS`, is that of one `mark_read` of Tencent from the verb to the
seam and back.
"""

from __future__ import annotations

import functools

import convops
from tests.bench import own

OPERATIONS = 1000
WARM = 100
"""Operations before, with which Python has seen every line."""


def main() -> None:
    """Perform the operations inside one function of C, by whose name they are told from all else."""
    _, mark_read = next(own.chats())
    conversation = convops.Conversation.direct(user="alice", peer="bob")
    for _ in range(WARM):
        mark_read(conversation)
    functools.reduce(lambda _, __: mark_read(conversation), range(OPERATIONS + 1))


if __name__ == "__main__":
    main()
