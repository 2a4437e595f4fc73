"""What turns a client's exchanges into a cassette, or refuses to."""

from __future__ import annotations

import functools
import importlib.metadata
import json
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit, urlunsplit

import attrs
import vcr
from attrs import field, frozen
from vcr.request import Request

from convops import Client, Operation
from convops.provider import Call
from tests.cassettes.lint import REPLY_HEADERS, REQUEST_HEADERS, problems, strings
from tests.cassettes.scenario import Scenario, observed


class RefusedError(Exception):
    """What was recorded may not be kept."""


@frozen
class Cast:
    """Who plays whom: real ids by those of the scenarios. Only the latter are recorded.

    Attributes:
        real: the real ids.
        within: whether they are such that they can be replaced inside of sentences too.
    """

    real: Mapping[str, str] = field(factory=dict)
    within: bool = False

    def play(self, operation: Operation) -> Operation:
        """Return the operation with real ids."""
        old = operation.conversation
        new = attrs.evolve(
            old, user=self.real.get(old.user, old.user), other=self.real.get(old.other, old.other)
        )
        return attrs.evolve(operation, conversation=new)

    def conceal(self, value: Any) -> Any:
        """Return a JSON value with every real id replaced."""
        if isinstance(value, dict):
            return {name: self.conceal(item) for name, item in value.items()}
        if isinstance(value, list):
            return [self.conceal(item) for item in value]
        if self.within and isinstance(value, str):
            return functools.reduce(
                lambda text, pair: text.replace(pair[1], pair[0]), self.real.items(), value
            )
        return next((role for role, real in self.real.items() if real == value), value)

    def check(self, text: str) -> None:
        """Raise a `RefusedError` if a real id is left."""
        texts = [shown for text in strings(json.loads(text)) for shown in (text, unquote(text))]
        if any(real != role and real in text for role, real in self.real.items() for text in texts):
            raise RefusedError("an id of the account is left in it: take ids that occur nowhere else")


@frozen(kw_only=True)
class Recorder:
    """What becomes of an interaction before it is written.

    Attributes:
        origin: takes the place of whatever answered.
        metadata: stand in the cassette.
        cast: whose ids are replaced.
        reply_headers: those that are kept.
    """

    origin: str
    metadata: Mapping[str, str]
    cast: Cast = field(factory=Cast)
    reply_headers: frozenset[str] = REPLY_HEADERS

    def record(self, scenario: Scenario, client: Client, path: Path, secrets: Sequence[str] = ()) -> None:
        """Write what the client exchanges during a scenario, if it is as expected and may be kept.

        Raises:
            RefusedError: it is not written.
        """
        with tempfile.TemporaryDirectory() as folder:
            draft = Path(folder, path.name)
            recorder = vcr.VCR(
                record_mode="all",
                before_record_request=self._request,
                before_record_response=self._reply,
            )
            recorder.register_serializer("provenance", self)
            with recorder.use_cassette(str(draft), serializer="provenance"):
                outcomes = client.apply([self.cast.play(operation) for operation in scenario.operations])
            came = tuple(observed(outcome) for outcome in outcomes)
            if came != scenario.expected:
                raise RefusedError(f"something else came of it: {came}")
            self.cast.check(draft.read_text("utf-8"))
            if found := problems(draft, scenario, secrets):
                raise RefusedError("; ".join(found))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(draft.read_text("utf-8"), "utf-8")

    def serialize(self, cassette: Mapping[str, Any]) -> str:
        """Return the file's text; vcrpy leaves the metadata alone when it reads it."""
        return json.dumps({"metadata": {**self.metadata}, **cassette}, indent=2) + "\n"

    def deserialize(self, text: str) -> Any:
        """Return what the file holds."""
        return json.loads(text)

    def _request(self, request: Request) -> Request:
        where = urlsplit(request.uri)
        path = "/".join(quote(self.cast.conceal(unquote(part)), safe="") for part in where.path.split("/"))
        query = "&".join(
            f"{quote(name, safe='')}={quote(self.cast.conceal(value), safe='')}"
            for name, value in parse_qsl(where.query, keep_blank_values=True)
        )
        body = request.body
        if body:
            body = Call(action="", body=self.cast.conceal(json.loads(body))).content()
        headers = {n: v for n, v in request.headers.items() if n.lower() in REQUEST_HEADERS}
        scheme, host = self.origin.split("://")
        return Request(request.method, urlunsplit((scheme, host, path, query, "")), body, headers)

    def _reply(self, reply: dict[str, Any]) -> dict[str, Any]:
        headers = {n: v for n, v in reply["headers"].items() if n.lower() in self.reply_headers}
        content = reply["body"]["string"]
        try:
            document = json.loads(content)
        except ValueError:
            document = None
        # A reply that names nobody stays as it came.
        if (concealed := self.cast.conceal(document)) != document:
            content = json.dumps(concealed, ensure_ascii=False).encode()
            headers = {n: v for n, v in headers.items() if n.lower() != "content-length"}
        return {**reply, "headers": headers, "body": {"string": content}}


def provenance(answered_by: str, region: str, **more: str) -> dict[str, str]:
    return {
        "answered_by": answered_by,
        **more,
        "recorded": datetime.now(UTC).date().isoformat(),
        "vcrpy": importlib.metadata.version("vcrpy"),
        "region": region,
    }
