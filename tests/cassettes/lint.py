"""What must be true of every cassette, as rules; each says in a sentence what it finds wrong."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote_plus, urlsplit

from attrs import frozen
from vcr.errors import CannotOverwriteExistingCassetteException

from convops import ConvopsError
from tests.cassettes.replay import replay
from tests.cassettes.scenario import CASSETTES, SECRETS, SERVERS, Scenario
from tests.cassettes.scenarios import SCENARIOS

FORMAT = 1
"""The version that vcrpy has written since 1.0."""

HOSTS: Mapping[str, str] = {
    # Everybody may run one: this is nobody's.
    "matrix": r"matrix\.example",
    "zego": r"zim-api(-(bom|fra|hkg|lax|sgp|sha))?\.zego\.im",
    "tencent": (
        r"adminapi(ger|idn|ind|jpn|kr|sgp|usa)\.(im\.qcloud|my-imcloud)\.com"
        r"|console\.tim\.qq\.com|adminapi\.my-imcloud\.com"
    ),
}

CREDENTIAL_PARAMETERS = frozenset(
    {
        *("appid", "signature", "signaturenonce", "signatureversion", "timestamp"),  # ZEGO
        *("sdkappid", "identifier", "usersig", "random"),  # Tencent
        *("access_token", "api_key", "apikey", "auth", "key", "password", "secret", "sig", "sign", "token"),
    }
)

REQUEST_HEADERS = frozenset({"accept", "accept-encoding", "content-type"})
REPLY_HEADERS = frozenset({"content-length", "content-type", "date", "server"})

METADATA: Mapping[str, frozenset[str]] = {
    "simulator": frozenset({"answered_by", "recorded", "region", "simulator", "vcrpy"}),
    "server": frozenset({"answered_by", "recorded", "region", "server", "vcrpy"}),
    "live": frozenset({"answered_by", "recorded", "region", "vcrpy"}),
}

LOOKS_SECRET: Mapping[str, str] = {
    # What zlib makes of a UserSig's first bytes, in any base64.
    "a UserSig": r"e[JAFN][\w*+/-]{40,}",
    "an MD5 signature or a secret of 32 digits": r"(?<![0-9a-fA-F])[0-9a-fA-F]{32}(?![0-9a-fA-F])",
    "a key of 64 digits": r"(?<![0-9a-fA-F])[0-9a-fA-F]{64}(?![0-9a-fA-F])",
    "a JSON Web Token": r"eyJ[\w-]{10,}\.[\w-]{10,}\.",
    "a bearer token": r"(?i)\bbearer\s+\S{8,}",
}

SIMULATED = "convops-simulator/"


@frozen
class Recorded:
    """One cassette, read.

    Attributes:
        text: the file.
        document: what it holds.
        scenario: what it is a recording of.
        secrets: texts that must not be in it.
        path: where it stands.
    """

    text: str
    document: Mapping[str, Any]
    scenario: Scenario
    secrets: Collection[str]
    path: Path

    @property
    def metadata(self) -> Mapping[str, Any]:
        return self.document["metadata"]

    @property
    def simulated(self) -> bool:
        return self.metadata["answered_by"] == "simulator"

    @property
    def requests(self) -> list[Mapping[str, Any]]:
        return [interaction["request"] for interaction in self.document["interactions"]]

    @property
    def replies(self) -> list[Mapping[str, Any]]:
        return [interaction["response"] for interaction in self.document["interactions"]]


@functools.cache
def sample_secrets() -> frozenset[str]:
    """Return every secret that a scenario signs with."""
    settings = [scenario.settings() for scenario in SCENARIOS]
    return frozenset(chosen[name] for chosen in settings for name in SECRETS if name in chosen)


def problems(path: Path, scenario: Scenario, secrets: Iterable[str] = ()) -> list[str]:
    """Return what is wrong with one cassette; nothing, if it may be kept.

    Args:
        path: the cassette.
        scenario: what it is a recording of.
        secrets: more texts that must not be in it.
    """
    text = path.read_text("utf-8")
    try:
        document = json.loads(text)
    except ValueError:
        return ["it is not JSON"]
    if found := list(_form(document)) or list(_metadata(document["metadata"])):
        return found
    recorded = Recorded(text, document, scenario, {*sample_secrets(), *secrets}, path)
    return [problem for rule in RULES for problem in rule(recorded)]


def folder_problems(folder: Path = CASSETTES, scenarios: Iterable[Scenario] = SCENARIOS) -> list[str]:
    """Return the scenarios without a cassette, and the files without a scenario."""
    wanted = {scenario.path(folder) for scenario in scenarios}
    found = {path for path in folder.rglob("*") if path.is_file()} - {folder / "README.md"}
    return [
        *(f"{path.relative_to(folder)} is missing" for path in sorted(wanted - found)),
        *(f"{path.relative_to(folder)} has no scenario" for path in sorted(found - wanted)),
    ]


# --- The form ---------------------------------------------------------------------------------------


def _form(document: Any) -> Iterator[str]:
    if not isinstance(document, dict) or document.get("version") != FORMAT:
        yield "it has an older form of vcrpy's"
    elif document.keys() != {"metadata", "version", "interactions"}:
        yield "it does not hold exactly metadata, version and interactions"
    elif not document["interactions"]:
        yield "it holds no interaction"
    elif not all(
        interaction.keys() == {"request", "response"}
        and interaction["request"].keys() == {"method", "uri", "body", "headers"}
        and interaction["response"].keys() == {"status", "headers", "body"}
        and interaction["response"]["body"].keys() == {"string"}
        for interaction in document["interactions"]
    ):
        yield "an interaction has an older form of vcrpy's"


def _metadata(metadata: Any) -> Iterator[str]:
    if not isinstance(metadata, dict) or metadata.get("answered_by") not in METADATA:
        yield "its metadata do not say what answered"
        return
    answered_by = metadata["answered_by"]
    if metadata.keys() != METADATA[answered_by] or not all(isinstance(v, str) for v in metadata.values()):
        yield f"the metadata of one answered by {answered_by} are {', '.join(sorted(METADATA[answered_by]))}"
        return
    if not re.fullmatch(r"\d+\.\d+\.\d+", metadata["vcrpy"]):
        yield "its metadata do not say which vcrpy recorded it"
    day = _day(metadata["recorded"])
    if day is None or day > datetime.now(UTC).date() + timedelta(days=1):
        yield "its metadata do not say on which day it was recorded"


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


# --- Who answered -----------------------------------------------------------------------------------


def _provenance(recorded: Recorded) -> Iterator[str]:
    servers = [_header(reply, "server") for reply in recorded.replies]
    if recorded.simulated:
        claimed = recorded.metadata["simulator"]
        if not claimed.startswith(f"{SIMULATED}{recorded.scenario.provider}-"):
            yield f"it claims {claimed!r}, which is no simulator of its provider"
        if any(server != claimed for server in servers):
            yield f"it claims {claimed!r}, and a reply has another Server header"
        return
    if any(SIMULATED in server for server in servers):
        yield "it claims to be live, and a simulator answered"
    claimed = recorded.metadata.get("server")
    if claimed is not None:
        if not re.fullmatch(SERVERS.get(recorded.scenario.provider, "(?!)"), claimed):
            yield f"it claims {claimed!r}, which is no server of its provider"
        if any(server != claimed for server in servers):
            yield f"it claims {claimed!r}, and a reply has another Server header"
    day = date.fromisoformat(recorded.metadata["recorded"])
    if not all(_answered_around(day, _header(reply, "date")) for reply in recorded.replies):
        yield "it claims to be live, and a reply has no Date header of that day"


def _answered_around(day: date, text: str) -> bool:
    try:
        return abs(parsedate_to_datetime(text).date() - day) <= timedelta(days=1)
    except ValueError:
        return False


def _header(reply: Mapping[str, Any], name: str) -> str:
    return next((", ".join(v) for n, v in reply["headers"].items() if n.lower() == name), "")


def _host(recorded: Recorded) -> Iterator[str]:
    for request in recorded.requests:
        where = urlsplit(request["uri"])
        vendor = re.fullmatch(HOSTS[recorded.scenario.provider], where.hostname or "")
        if where.scheme != "https" or where.port not in (None, 443) or not vendor or "@" in where.netloc:
            yield f"{where.scheme}://{where.hostname} is not the vendor's"


# --- What must not be in it -------------------------------------------------------------------------


def _parameters(recorded: Recorded) -> Iterator[str]:
    for request in recorded.requests:
        for name, _ in parse_qsl(urlsplit(request["uri"]).query, keep_blank_values=True):
            if name.lower() in CREDENTIAL_PARAMETERS:
                yield f"the query has {name}, which belongs to the credentials"


def _headers(recorded: Recorded) -> Iterator[str]:
    for allowed, messages in ((REQUEST_HEADERS, recorded.requests), (REPLY_HEADERS, recorded.replies)):
        for name in sorted({name.lower() for message in messages for name in message["headers"]} - allowed):
            yield f"the header {name} is not one of {', '.join(sorted(allowed))}"


def _secrets(recorded: Recorded) -> Iterator[str]:
    texts = [recorded.text, *strings(recorded.document)]
    texts += [unquote_plus(text) for text in texts]
    if any(secret in text for secret in recorded.secrets for text in texts):
        yield "a secret of the account is in it"
    for what, pattern in LOOKS_SECRET.items():
        if any(re.search(pattern, text) for text in texts):
            yield f"something in it looks like {what}"


def strings(value: Any) -> Iterator[str]:
    """Return every text in a JSON value, the names included."""
    if isinstance(value, dict):
        value = [*value, *value.values()]
    if isinstance(value, list):
        for item in value:
            yield from strings(item)
    elif isinstance(value, str):
        yield value


# --- Whether it is used -----------------------------------------------------------------------------


def _use(recorded: Recorded) -> Iterator[str]:
    try:
        played = replay(recorded.scenario, recorded.path)
    except CannotOverwriteExistingCassetteException:
        yield "the scenario asks for something that is not in it"
    except ConvopsError as error:
        yield f"the scenario cannot be played: {error}"
    else:
        for place in played.unused:
            yield f"interaction {place} is never used"


RULES: tuple[Callable[[Recorded], Iterator[str]], ...] = (
    _provenance,
    _host,
    _parameters,
    _headers,
    _secrets,
    _use,
)
