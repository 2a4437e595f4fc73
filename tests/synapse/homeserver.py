"""A real Synapse on a loopback port of its own, and what a test asks it behind the client's back."""

from __future__ import annotations

import itertools
import json
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
from attrs import define, field, frozen

SERVER_NAME = "matrix.example"
START_SECONDS = 60.0
STOP_SECONDS = 20.0
PORTS_TRIED = 3

APPSERVICE = """
id: convops
url: null
as_token: "{token}"
hs_token: "{other}"
sender_localpart: convops-bot
rate_limited: false
namespaces:
  users: [{{regex: '@.*:{name}', exclusive: false}}]
  aliases: []
  rooms: []
"""

# Leaving shares its limit with sending: https://element-hq.github.io/synapse/latest/usage/configuration/
# config_documentation.html#rc_message. Who is not an application service gets three, and then one a second.
CONFIG = """
server_name: {name}
public_baseurl: http://127.0.0.1:{port}/
pid_file: {folder}/homeserver.pid
listeners:
  - {{port: {port}, bind_addresses: [127.0.0.1], type: http, tls: false, resources: [{{names: [client]}}]}}
database: {{name: sqlite3, args: {{database: {folder}/homeserver.db}}}}
log_config: {folder}/log.yaml
media_store_path: {folder}/media
signing_key_path: {folder}/signing.key
macaroon_secret_key: "{other}"
form_secret: "{other}"
report_stats: false
trusted_key_servers: []
federation_domain_whitelist: []
enable_registration: false
presence: {{enabled: false}}
rc_message: {{per_second: 1, burst_count: 3}}
# What was answered to an equal sync is kept for two minutes otherwise, unread counts included.
caches: {{sync_response_cache_duration: 0s}}
app_service_config_files: [{folder}/appservice.yaml]
"""

LOG = """
version: 1
disable_existing_loggers: false
handlers: {{file: {{class: logging.FileHandler, filename: {folder}/homeserver.log}}}}
root: {{level: WARNING, handlers: [file]}}
"""

UNREAD = {
    "presence": {"types": []},
    "room": {
        "timeline": {"limit": 1},
        "state": {"types": []},
        "account_data": {"types": []},
        "ephemeral": {"types": ["m.receipt"]},
    },
}


@frozen
class Answer:
    """What came back.

    Attributes:
        status: the HTTP status.
        document: the JSON of the body.
        headers: by lower-case name.
    """

    status: int
    document: Any
    headers: Mapping[str, str]

    @property
    def refusal(self) -> tuple[int, str | None]:
        """The status, and the `errcode` if there is one."""
        return self.status, self.document.get("errcode")


@define
class Homeserver:
    """The server, asked as its application service, or with a user's own token.

    Attributes:
        url: where it answers.
        token: the application service's.
    """

    url: str
    token: str
    _http: httpx.Client = field(factory=lambda: httpx.Client(timeout=30.0, trust_env=False))
    _numbers: Iterator[int] = field(factory=itertools.count)

    def ask(
        self,
        method: str,
        *path: str,
        user: str | None = None,
        token: str | None = None,
        body: Any = None,
        **query: str,
    ) -> Answer:
        """Return what is answered; a path that begins with `v1` or `v3` is the client API's."""
        where = "/".join(quote(part, safe="") for part in path)
        came = self._http.request(
            method,
            f"{self.url}/_matrix/client/{where}",
            params={**({} if user is None else {"user_id": user}), **query},
            headers={"Authorization": f"Bearer {token or self.token}"},
            content=None if body is None else json.dumps(body),
        )
        return Answer(came.status_code, came.json(), came.headers)

    def must(self, *words: Any, **more: Any) -> Any:
        """Return the document of a success."""
        answer = self.ask(*words, **more)
        assert answer.status == 200, answer
        return answer.document

    # --- Arrange ---

    def person(self, name: str) -> str:
        """Register somebody new, and return the id."""
        return self.register(f"{name}-{next(self._numbers)}")

    def register(self, local: str) -> str:
        """Register somebody under a name, and return the id."""
        body = {"type": "m.login.application_service", "username": local, "inhibit_login": True}
        made: str = self.must("POST", "v3", "register", body=body)["user_id"]
        return made

    def log_in(self, user: str) -> str:
        """Return a token of the user's own."""
        who = {"type": "m.id.user", "user": user}
        body = {"type": "m.login.application_service", "identifier": who}
        token: str = self.must("POST", "v3", "login", body=body)["access_token"]
        return token

    def room(self, creator: str, *members: str, **more: Any) -> str:
        """Return a new room that these people are in."""
        body = {"preset": "private_chat", "invite": members, **more}
        room: str = self.must("POST", "v3", "createRoom", user=creator, body=body)["room_id"]
        for member in members:
            self.must("POST", "v3", "join", room, user=member, body={})
        return room

    def list_direct(self, user: str, rooms: Mapping[str, Sequence[str]]) -> None:
        """Write the list that a user's client keeps."""
        self.must("PUT", "v3", "user", user, "account_data", "m.direct", user=user, body=rooms)

    def say(
        self, room: str, sender: str, count: int = 1, *, dated: datetime | None = None, **content: Any
    ) -> str:
        """Send messages, and return the id of the last; the application service may date them."""
        event = ""
        when = {} if dated is None else {"ts": str(int(dated.timestamp() * 1000))}
        for _ in range(count):
            words = {"msgtype": "m.text", "body": "hello", **content}
            path = ("v3", "rooms", room, "send", "m.room.message", f"t{time.time_ns()}")
            event = self.must("PUT", *path, user=sender, body=words, **when)["event_id"]
        return event

    def mark_unread(self, user: str, room: str) -> None:
        """Do what a user does by hand."""
        path = ("v3", "user", user, "rooms", room, "account_data", "m.marked_unread")
        self.must("PUT", *path, user=user, body={"unread": True})

    # --- Look ---

    def _synced(self, user: str, room: str) -> dict[str, Any]:
        wanted = {**UNREAD, "room": {**UNREAD["room"], "rooms": [room]}}
        synced = self.must("GET", "v3", "sync", user=user, timeout="0", filter=json.dumps(wanted))
        found: dict[str, Any] = synced["rooms"]["join"][room]
        return found

    def unread(self, user: str, room: str) -> int:
        """Return the server's own count."""
        count: int = self._synced(user, room)["unread_notifications"]["notification_count"]
        return count

    def room_data(self, user: str, room: str, kind: str) -> dict[str, Any] | None:
        """Return what a user keeps of a room under a type of account data."""
        path = ("v3", "user", user, "rooms", room, "account_data", kind)
        answer = self.ask("GET", *path, user=user)
        return answer.document if answer.status == 200 else None

    def receipts(self, room: str, *, of: str, seen_by: str) -> set[tuple[str, str]]:
        """Return the kinds and events of somebody's receipts that somebody sees."""
        events = self._synced(seen_by, room)["ephemeral"]["events"]
        return {
            (kind, event)
            for one in events
            for event, kinds in one["content"].items()
            for kind, people in kinds.items()
            if of in people
        }

    def rule(self, user: str, room: str) -> dict[str, Any] | None:
        """Return the user's override rule for the room."""
        answer = self.ask("GET", "v3", "pushrules", "global", "override", room, user=user)
        return answer.document if answer.status == 200 else None

    def membership(self, user: str, room: str, *, seen_by: str) -> str:
        """Return `join`, `invite`, `leave` or `ban`."""
        path = ("v3", "rooms", room, "state", "m.room.member", user)
        found: str = self.must("GET", *path, user=seen_by)["membership"]
        return found

    def can_read(self, user: str, room: str) -> bool:
        """Whether the room's messages are open to the user, who has not forgotten it."""
        return self.ask("GET", "v3", "rooms", room, "messages", user=user, dir="b").status == 200

    def tags(self, user: str, room: str) -> dict[str, Any]:
        tags: dict[str, Any] = self.must("GET", "v3", "user", user, "rooms", room, "tags", user=user)["tags"]
        return tags

    def close(self) -> None:
        self._http.close()


@contextmanager
def running(folder: Path) -> Iterator[Homeserver]:
    """Start a server whose files stand in a folder, and stop it."""
    for attempt in range(PORTS_TRIED):
        place = folder / str(attempt)
        place.mkdir()
        with _started(place) as server:
            if server is not None:
                yield server
                return
    raise RuntimeError((place / "output.log").read_text("utf-8")[-2000:])


@contextmanager
def _started(folder: Path) -> Iterator[Homeserver | None]:
    """Yield the server, or None if it did not come up: somebody else may have taken the port meanwhile."""
    token, port, other = secrets.token_hex(16), _free_port(), secrets.token_hex(16)
    values = {"name": SERVER_NAME, "port": port, "folder": folder, "other": other, "token": token}
    for name, text in (("appservice", APPSERVICE), ("homeserver", CONFIG), ("log", LOG)):
        (folder / f"{name}.yaml").write_text(text.format(**values), "utf-8")
    command = [sys.executable, "-m", "synapse.app.homeserver", "-c", str(folder / "homeserver.yaml")]
    # Without git it names its version only, and not the branch of whatever repository it stands in.
    environment = {**os.environ, "GIT_DIR": os.devnull}
    with (folder / "output.log").open("wb") as output:
        how: dict[str, Any] = {"cwd": folder, "env": environment, "stdout": output, "stderr": output}
        subprocess.run([*command, "--generate-keys"], check=True, timeout=START_SECONDS, **how)  # noqa: S603
        process = subprocess.Popen(command, **how)  # noqa: S603 - our own configuration
    server = Homeserver(f"http://127.0.0.1:{port}", token)
    try:
        yield server if _is_up(server, process) else None
    finally:
        server.close()
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        finally:
            process.kill()
            process.wait()


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def _is_up(server: Homeserver, process: subprocess.Popen[bytes]) -> bool:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            # A server of somebody else's would not know the token.
            return server.ask("GET", "v3", "account", "whoami").status == 200
        except httpx.TransportError:
            time.sleep(0.05)
    return False
