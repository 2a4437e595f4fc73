"""Which operations go together, and in which order."""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from collections.abc import Callable, Hashable, Sequence

from attrs import frozen

from convops.operations import Conversation, Operation


@frozen
class Batch:
    """Operations that share their calls.

    Attributes:
        indexes: their places in the list that was given.
        operations: the operations, in that order.
    """

    indexes: tuple[int, ...]
    operations: tuple[Operation, ...]


class Schedule:
    """Forms batches out of a list; operations on one conversation keep their order.

    An operation is ready when none before it on its conversation is unfinished. A batch is the ready
    operation that waited longest, with the ready ones that may share its call.

    Args:
        operations: what is to be done; None at places that are already settled.
        batch_key: what operations must have in common to share a call; None keeps one alone.
        batch_max: how many may share the call of this operation.
    """

    def __init__(
        self,
        operations: Sequence[Operation | None],
        *,
        batch_key: Callable[[Operation], Hashable],
        batch_max: Callable[[Operation], int],
    ) -> None:
        self._operations = operations
        self._batch_key = batch_key
        self._batch_max = batch_max
        self._waiting: dict[Conversation, deque[int]] = {}
        # By key, the ready places, each with its turn; and the first turn of each key.
        self._ready: dict[Hashable, deque[tuple[int, int]]] = {}
        self._fronts: list[tuple[int, Hashable]] = []
        self._turns = itertools.count()
        for index, operation in enumerate(operations):
            if operation is not None:
                queue = self._waiting.setdefault(operation.conversation, deque())
                queue.append(index)
        for queue in self._waiting.values():
            self._make_ready(queue[0])

    def next(self) -> Batch | None:
        """Return the next batch; None while nothing is ready."""
        if not self._fronts:
            return None
        _, key = heapq.heappop(self._fronts)
        queue = self._ready[key]
        most = self._batch_max(self._operation(queue[0][1]))
        indexes = tuple(queue.popleft()[1] for _ in range(min(len(queue), most)))
        if queue:
            heapq.heappush(self._fronts, (queue[0][0], key))
        else:
            del self._ready[key]
        return Batch(indexes, tuple(self._operation(index) for index in indexes))

    def finish(self, batch: Batch) -> None:
        """Note that a batch is done, so that what waited for it becomes ready."""
        for operation in batch.operations:
            queue = self._waiting[operation.conversation]
            queue.popleft()
            if queue:
                self._make_ready(queue[0])
            else:
                del self._waiting[operation.conversation]

    def _make_ready(self, index: int) -> None:
        shared = self._batch_key(self._operation(index))
        # Without a key an operation stands alone: its own place is the key.
        key = ("alone", index) if shared is None else ("shared", shared)
        turn = next(self._turns)
        if key not in self._ready:
            self._ready[key] = deque()
            heapq.heappush(self._fronts, (turn, key))
        self._ready[key].append((turn, index))

    def _operation(self, index: int) -> Operation:
        operation = self._operations[index]
        if operation is None:
            raise LookupError(f"place {index} is settled")
        return operation
