"""Defects to be planted in the library, each of which the laws must find."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CodeType, FunctionType
from typing import Any

from attrs import frozen

from convops import _drivers
from convops._calls import Caller
from convops._client import AsyncClient, BaseClient, Client
from convops._guard import read_document
from convops._pipeline import Pipeline
from convops._policy import Breaker, Pacer, Retry, RetryBudget
from convops._replies import failure_error, status_error
from convops._schedule import Schedule
from convops._signing import Signing
from convops._steps import Run
from convops_tencent import flows as tencent
from convops_zego import flows as zego


@frozen
class Defect:
    """A piece of a function that says something else.

    Attributes:
        name: what is wrong then.
        where: the function.
        right: the piece, as it stands once in its source.
        wrong: what stands there instead.
    """

    name: str
    where: Callable[..., Any]
    right: str
    wrong: str

    @property
    def function(self) -> FunctionType:
        """The function itself."""
        function = inspect.unwrap(self.where)
        assert isinstance(function, FunctionType)
        return function

    @contextmanager
    def planted(self) -> Iterator[None]:
        """Let the library have the defect."""
        function = self.function
        sound = function.__code__
        function.__code__ = self._code(function)
        try:
            yield
        finally:
            function.__code__ = sound

    def _code(self, function: FunctionType) -> CodeType:
        source = textwrap.dedent(inspect.getsource(function))
        assert source.count(self.right) == 1, (
            f"{self.name}: {self.right!r} stands {source.count(self.right)} times"
        )
        # Annotations stay text, as in the module it comes from.
        text = "from __future__ import annotations\n" + source.replace(self.right, self.wrong)
        made: dict[str, Any] = dict(function.__globals__)
        exec(compile(text, f"<{self.name}>", "exec"), made)  # noqa: S102 - our own source, changed in one place
        changed = made[function.__name__]
        code: CodeType = getattr(changed, "fget", changed).__code__
        return code


DEFECTS = (
    # --- What is said ---
    Defect(
        "an unanswered call counts as done",
        Caller._judge,
        "return failure_error(result, ",
        'return Reply(200, {}, {"Code": 0}) if result.sent else failure_error(result, ',
    ),
    Defect(
        "an unanswered call counts as not sent",
        failure_error,
        "Effect.UNKNOWN if failure.sent else Effect.NOT_APPLIED",
        "Effect.NOT_APPLIED",
    ),
    Defect(
        "what was never sent counts as sent",
        failure_error,
        "Effect.UNKNOWN if failure.sent else Effect.NOT_APPLIED",
        "Effect.UNKNOWN",
    ),
    Defect("an unanswered try is forgotten", Run.failed, "self.doubt = True", "pass"),
    Defect(
        "the first call of a flow is forgotten", Run.start_call, "self.doubt or self._changed", "self.doubt"
    ),
    Defect(
        "the doubt of an earlier round is forgotten",
        Pipeline.perform,
        "run.doubt or changed",
        "run.doubt",
    ),
    Defect("a partial list is forgotten", zego._silence, "failed = dict(items)", "failed = {}"),
    Defect(
        "what failed and what did not are exchanged",
        Pipeline.perform,
        "operations[index], verdicts[place]",
        "operations[index], verdicts[-1 - place]",
    ),
    Defect(
        "a broken vendor counts as a success", status_error, "if reply.is_success:", "if reply.status < 600:"
    ),
    Defect(
        "a code nobody knows counts as a success",
        zego.Zego.read,
        "if code == 0:",
        "if code not in CODES:",
    ),
    Defect(
        "a garbled document is completed",
        read_document,
        "_from_json(",
        "(lambda *a, **k: {'Code': 0, 'ErrorCode': 0, 'ActionStatus': 'OK'})(",
    ),
    Defect("history is not erased", zego._delete, "if operation.erase_history:", "if False:"),
    Defect(
        "mute is spelled the wrong way round", zego._silence, "Enable=first.muted", "Enable=not first.muted"
    ),
    Defect(
        "an error is returned and not raised",
        Client._do,
        "successful(run(self._perform_one(operation, timeout), self._transport)[0])",
        "run(self._perform_one(operation, timeout), self._transport)[0]",
    ),
    Defect(
        "outcomes come in the order of ending",
        AsyncClient.apply,
        "[outcomes[index] for index in range(len(accepted))]",
        "list(outcomes.values())",
    ),
    # --- In which order, and when ---
    Defect(
        "the second operation does not wait for the first",
        Schedule.__init__,
        "self._make_ready(queue[0])",
        "[self._make_ready(index) for index in queue]",
    ),
    Defect(
        "what is ready is served from the wrong end",
        Schedule.finish,
        "self._make_ready(queue[0])",
        "self._make_ready(queue[-1])",
    ),
    Defect(
        "a slot is given back twice",
        Pacer.give_back,
        "heapq.heappush(lane.returned, slot.at)",
        "heapq.heappush(lane.returned, slot.at); heapq.heappush(lane.returned, slot.at)",
    ),
    Defect("a slot that was used is given back", Caller._awaited, "kept = True", "pass"),
    Defect("slots of the past are given out", Pacer.reserve, "if at >= now:", "if True:"),
    Defect("slots lie too close", Pacer.reserve, "self._STRETCH / quota.rate", "0.9 / quota.rate"),
    Defect("nobody waits for a slot", Caller._awaited, "if slot.at > now:", "if slot.at > now + 0.2:"),
    Defect(
        "each client has a pace of its own",
        Caller._quota,
        "_paced(quota.key, self.pace)",
        "_paced((quota.key, id(self)), self.pace)",
    ),
    Defect(
        "who waits for a slot does not hear of a wish for rest",
        Pacer.is_held,
        "slot.at < lane.held_until",
        "False",
    ),
    Defect("a wish for rest is not obeyed", Retry.wait, "return error.retry_after + jitter", "return jitter"),
    Defect("an async wait is none", _drivers.run_async, "asyncio.sleep(step.seconds)", "asyncio.sleep(0)"),
    Defect("a deadline is not looked at before a wait", Caller._fits, "run.deadline is None or ", "True or "),
    Defect(
        "a deadline is not looked at before a slot",
        Caller._awaited,
        "slot.at >= run.deadline",
        "slot.at >= run.deadline + 60",
    ),
    Defect(
        "each attempt has the whole time",
        Caller.send,
        "if run.deadline is None else run.deadline",
        "if True else run.deadline",
    ),
    Defect("a cancelled list goes on", _drivers.run_all_async, "task.cancel()", "pass"),
    # --- How often ---
    Defect("every error is repeated", Retry.wait, "not error.retryable or ", ""),
    Defect(
        "one attempt more than was allowed", Retry.wait, "tries >= self.attempts", "tries > self.attempts"
    ),
    Defect("retries cost nothing", RetryBudget.spend, "max(0.0, balance - 1)", "balance"),
    Defect(
        "repeated items cost nothing",
        Caller.may_repeat,
        "self.budget.spend(run.key, self.environment.monotonic())",
        "0.0",
    ),
    Defect(
        "a broken host is called on and on", Breaker.note, "self._failures >= self._failures_max", "False"
    ),
    Defect(
        "a broken host is called by all who wait for a slot",
        Caller._admitted,
        "if not host.breaker.admit(",
        "if True or host.breaker.admit(",
    ),
    Defect(
        "a host that answers again is not called",
        Breaker.note,
        "self._open_until, self._opened = None, -math.inf",
        "pass",
    ),
    Defect(
        "a cancelled try is waited for",
        Breaker.abandon,
        "self._open_until = now",
        "self._open_until = now + 1e6",
    ),
    Defect("nothing is tried again", Retry.wait, "not error.retryable or tries >= self.attempts", "True"),
    Defect(
        "a list does not wait for a broken host",
        Caller._outlasted,
        "run.deadline is not None or now - began > OUTAGE_PATIENCE",
        "True",
    ),
    Defect(
        "a list does not wait for a retry to be earned",
        Caller._granted,
        "None if scarce and run.deadline is not None else wait",
        "None if scarce else wait",
    ),
    Defect("an expired signature is final", Caller._wait, "not effort.renewed", "effort.renewed"),
    Defect("items that failed are not repeated", Pipeline._waits_before_round, "if run.gave_up:", "if True:"),
    Defect(
        "many try a broken host at once", Breaker.admit, "self._open_until = now + self._pause_max", "pass"
    ),
    Defect(
        "it always says one attempt",
        Run.attempts.fget,
        "self.tries_before + self.tries",
        "min(1, self.tries)",
    ),
    # --- By which clock, and by whom ---
    Defect("no clock is ever corrected", Signing.learn, "self.offset = offset", "self.offset = 0.0"),
    Defect("until now is not said again", Pipeline._stale, "outcome.error is None", "False"),
    Defect(
        "a list is stamped by a clock that proved slow",
        Pipeline.perform,
        "_later(operations, unsure, believed)",
        "list(operations)",
    ),
    Defect("a moment is not told to the vendor", tencent._mark_read, "if moment is not None:", "if False:"),
    Defect("a nonce is used twice", Signing.credentials, "nonce=self._nonce()", 'nonce=b"12345678"'),
    Defect(
        "an operation is sent to whoever is next",
        zego._clear,
        '"ConvId": conversation.other',
        '"ConvId": conversation.user',
    ),
    Defect(
        "an earlier request id is kept",
        Caller.send,
        "run.request_id = None",
        "run.request_id = run.request_id or 'r'",
    ),
    Defect(
        "a refused operation counts as tried",
        BaseClient._accept,
        "effect=Effect.NOT_APPLIED",
        "effect=Effect.UNKNOWN",
    ),
)
