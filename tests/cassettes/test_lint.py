"""No cassette breaks a rule, and each rule catches a cassette made to break it."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from tests.cassettes.lint import folder_problems, problems, sample_secrets
from tests.cassettes.readme import END, HEAD, START, stated, table, update
from tests.cassettes.scenario import CASSETTES, Scenario
from tests.cassettes.scenarios import SCENARIOS, by_name

pytestmark = pytest.mark.block_network

GOOD = by_name("zego/delete-direct")
NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
USERSIG = "eJwtzLEOgjAUheF36Wxuaq2VkDgYJwcmNYDdLrSRG6QllBCj8d0l4Hz*nA*7ZVfwp"

Document = dict[str, Any]
Change = Callable[[Document], object]


def request_of(document: Document) -> Document:
    return document["interactions"][0]["request"]


def reply_of(document: Document) -> Document:
    return document["interactions"][0]["response"]


def make_live(document: Document, *, server: list[str], date: datetime | None = NOW) -> None:
    del document["metadata"]["simulator"]
    document["metadata"] |= {"answered_by": "live", "recorded": NOW.date().isoformat()}
    reply_of(document)["headers"] |= {"server": server}
    if date is not None:
        reply_of(document)["headers"] |= {"date": [format_datetime(date, usegmt=True)]}


def plant(tmp_path: Path, document: object) -> Path:
    path = tmp_path / "planted.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document), "utf-8")
    return path


@pytest.fixture
def good() -> Document:
    return json.loads(GOOD.path().read_text("utf-8"))


def uri(text: str) -> Change:
    return lambda document: request_of(document).update(uri=request_of(document)["uri"] + text)


def host(origin: str) -> Change:
    return lambda document: request_of(document).update(uri=f"{origin}/?Action=DeleteConv")


def metadata(**changes: object) -> Change:
    return lambda document: document["metadata"].update(changes)


def header(side: Callable[[Document], Document], name: str, value: str) -> Change:
    return lambda document: side(document)["headers"].update({name: [value]})


def said(text: str) -> Change:
    return lambda document: reply_of(document)["body"].update(
        string=json.dumps({"Code": 0, "Message": text, "RequestId": "1"})
    )


PLANTED: dict[str, tuple[Change, str]] = {
    # A secret, or what looks like one
    "sample secret in a reply": (said("9193cc662a4c0ec135ec71fb57194b38"), "a secret of the account"),
    "secret of a scenario in a reply": (said("not-the-secret-of-this-app"), "a secret of the account"),
    "escaped secret in a query": (
        uri("&x=" + "%30123456789abcdef" + "0123456789abcdef" * 3),
        "a secret of the",
    ),
    "AppId in the query": (uri("&AppId=12345"), "AppId, which belongs"),
    "Signature in the query": (uri("&Signature=redacted"), "Signature, which belongs"),
    "SignatureNonce in the query": (uri("&SignatureNonce=4fd2"), "SignatureNonce, which belongs"),
    "Timestamp in the query": (uri("&Timestamp=1615186943"), "Timestamp, which belongs"),
    "empty usersig in the query": (uri("&usersig="), "usersig, which belongs"),
    "sdkappid in the query": (uri("&sdkappid=1400000001"), "sdkappid, which belongs"),
    "identifier in the query": (uri("&identifier=administrator"), "identifier, which belongs"),
    "random in the query": (uri("&random=7"), "random, which belongs"),
    "Authorization header": (header(request_of, "Authorization", "x"), "header authorization"),
    "Cookie header": (header(request_of, "cookie", "x"), "header cookie"),
    "Set-Cookie header": (header(reply_of, "Set-Cookie", "x"), "header set-cookie"),
    "header nobody knows": (header(request_of, "x-something-new", "x"), "header x-something-new"),
    "UserSig in a reply": (said(USERSIG), "looks like a UserSig"),
    "UserSig in a name": (
        lambda d: request_of(d).update(body=json.dumps({USERSIG: 1})),
        "looks like a UserSig",
    ),
    "MD5 in a reply": (said("43e5cfcca828314675f91b001390566a"), "looks like an MD5 signature"),
    "key of 64 digits in a reply": (said("5bd2850fff3ecb11" * 4), "looks like a key"),
    "token in a header": (header(request_of, "accept", "Bearer abcdefgh12345"), "looks like a bearer token"),
    "web token in a reply": (
        said("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0.sig"),
        "looks like a JSON Web Token",
    ),
    # Use
    "interaction twice": (
        lambda d: d["interactions"].append(d["interactions"][0]),
        "interaction 1 is never used",
    ),
    "interaction of something else": (
        lambda d: request_of(d).update(body=request_of(d)["body"].replace("bob", "carol")),
        "asks for something that is not in it",
    ),
    # Host
    "simulator's host": (host("http://127.0.0.1:8080"), "http://127.0.0.1 is not the vendor's"),
    "host of another vendor": (host("https://adminapisgp.im.qcloud.com"), "is not the vendor's"),
    "host that only begins like the vendor's": (
        host("https://zim-api.zego.im.example"),
        "is not the vendor's",
    ),
    "host without TLS": (host("http://zim-api-sgp.zego.im"), "is not the vendor's"),
    "host with a user": (host("https://me@zim-api-sgp.zego.im"), "is not the vendor's"),
    "another port": (host("https://zim-api-sgp.zego.im:8443"), "is not the vendor's"),
    # Form
    "no version": (lambda d: d.pop("version"), "older form"),
    "version 0": (lambda d: d.update(version=0), "older form"),
    "no metadata": (lambda d: d.pop("metadata"), "does not hold exactly"),
    "more at the top": (lambda d: d.update(note="x"), "does not hold exactly"),
    "nothing recorded": (lambda d: d["interactions"].clear(), "no interaction"),
    "reply of httpx before 8.2": (
        lambda d: d["interactions"][0].update(response={"status_code": 200, "headers": {}, "content": ""}),
        "an interaction has an older form",
    ),
    "body in base64": (
        lambda d: reply_of(d).update(body={"base64_string": ""}),
        "an interaction has an older form",
    ),
    # Provenance
    "answered by nobody": (metadata(answered_by="someone"), "do not say what answered"),
    "empty metadata": (lambda d: d["metadata"].clear(), "do not say what answered"),
    "simulator without its name": (
        lambda d: d["metadata"].pop("simulator"),
        "the metadata of one answered by simulator",
    ),
    "metadata of another type": (metadata(recorded=20260504), "the metadata of one answered by simulator"),
    "no day": (metadata(recorded="recently"), "on which day"),
    "a day to come": (metadata(recorded="2999-01-01"), "on which day"),
    "no vcrpy": (metadata(vcrpy="new"), "which vcrpy"),
    "live with the name of a simulator": (
        metadata(answered_by="live"),
        "the metadata of one answered by live",
    ),
    "live and answered by a simulator": (
        lambda d: make_live(d, server=["convops-simulator/zego-1"]),
        "it claims to be live, and a simulator answered",
    ),
    "live without a date": (
        lambda d: make_live(d, server=["nginx"], date=None),
        "no Date header of that day",
    ),
    "live with another date": (
        lambda d: make_live(d, server=["nginx"], date=NOW - timedelta(days=30)),
        "no Date header of that day",
    ),
    "another version of the simulator": (
        metadata(simulator="convops-simulator/zego-0"),
        "another Server header",
    ),
    "simulator of another vendor": (
        metadata(simulator="convops-simulator/tencent-1"),
        "no simulator of its provider",
    ),
    "simulated and not answered by one": (header(reply_of, "server", "nginx"), "another Server header"),
    "simulated without a Server header": (
        lambda d: reply_of(d)["headers"].pop("server"),
        "another Server header",
    ),
}


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_a_cassette_breaks_no_rule(scenario: Scenario):
    assert problems(scenario.path(), scenario) == []


def test_every_scenario_has_its_cassette_and_every_file_its_scenario():
    assert folder_problems() == []


def test_the_readme_says_what_answered():
    assert stated((CASSETTES / "README.md").read_text("utf-8")) == table(CASSETTES)


def test_a_readme_that_says_otherwise_is_brought_up_to_date(tmp_path: Path, good: Document):
    good["metadata"]["recorded"] = "2026-05-04"
    GOOD.path(tmp_path).parent.mkdir()
    GOOD.path(tmp_path).write_text(json.dumps(good), "utf-8")
    (tmp_path / "README.md").write_text(f"before\n{START}of another day\n{END}\nafter\n")

    update(tmp_path)

    row = f"| zego | `convops-simulator/zego-1` | 2026-05-04 | vcrpy {good['metadata']['vcrpy']} | 1 |\n"
    assert (tmp_path / "README.md").read_text() == f"before\n{START}{HEAD}{row}{END}\nafter\n"


def test_names_of_scenarios_are_unique():
    assert len({str(scenario) for scenario in SCENARIOS}) == len(SCENARIOS)


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_fault_is_found(name: str, good: Document, tmp_path: Path):
    change, problem = PLANTED[name]
    bad = copy.deepcopy(good)
    change(bad)

    assert any(problem in found for found in problems(plant(tmp_path, bad), GOOD))


def test_a_copy_without_a_fault_passes(good: Document, tmp_path: Path):
    assert problems(plant(tmp_path, good), GOOD) == []


def test_what_really_is_live_may_say_so(good: Document, tmp_path: Path):
    make_live(good, server=["nginx"])

    assert problems(plant(tmp_path, good), GOOD) == []


SERVED = by_name("matrix/mute-and-unmute-twice-group")

OF_A_SERVER: dict[str, tuple[Change, str]] = {
    "another version": (metadata(server="Synapse/1.0.0"), "another Server header"),
    "no version": (metadata(server="Synapse"), "no server of its provider"),
    "with the name of a simulator": (
        metadata(simulator="convops-simulator/matrix-1"),
        "the metadata of one answered by server",
    ),
    "a simulator's": (
        header(reply_of, "server", "convops-simulator/matrix-1"),
        "it claims to be live, and a simulator answered",
    ),
    "without a date": (lambda d: reply_of(d)["headers"].pop("date"), "no Date header of that day"),
    "the address it had": (
        lambda d: request_of(d).update(
            uri=request_of(d)["uri"].replace("https://matrix.example", "http://127.0.0.1")
        ),
        "http://127.0.0.1 is not the vendor's",
    ),
    "a token": (header(request_of, "Authorization", "Bearer x"), "header authorization"),
}


@pytest.mark.parametrize("name", OF_A_SERVER)
def test_a_fault_planted_in_what_a_server_answered_is_found(name: str, tmp_path: Path):
    document = json.loads(SERVED.path().read_text("utf-8"))
    change, problem = OF_A_SERVER[name]
    change(document)

    assert any(problem in found for found in problems(plant(tmp_path, document), SERVED))


def test_a_vendor_of_no_server_here_has_none_that_answers(good: Document, tmp_path: Path):
    del good["metadata"]["simulator"]
    good["metadata"] |= {"answered_by": "server", "server": "nginx"}

    assert "it claims 'nginx', which is no server of its provider" in problems(plant(tmp_path, good), GOOD)


def test_the_form_before_version_1_is_found(good: Document, tmp_path: Path):
    assert problems(plant(tmp_path, good["interactions"]), GOOD) == ["it has an older form of vcrpy's"]


def test_a_cassette_in_yaml_is_found(tmp_path: Path):
    assert problems(plant(tmp_path, "interactions: []\nversion: 1\n"), GOOD) == ["it is not JSON"]


def test_the_secrets_of_a_live_account_are_found(good: Document, tmp_path: Path):
    said("swordfish")(good)

    assert "a secret of the account is in it" in problems(plant(tmp_path, good), GOOD, ["swordfish"])


def test_the_sample_secrets_of_both_vendors_are_looked_for():
    assert sample_secrets() >= {"9193cc662a4c0ec135ec71fb57194b38", "0123456789abcdef" * 4}


def test_a_missing_and_a_superfluous_file_are_found(tmp_path: Path):
    for name in ("README.md", "zego/forgotten.json", "zego/notes.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("")

    assert folder_problems(tmp_path, [GOOD]) == [
        "zego/delete-direct.json is missing",
        "zego/forgotten.json has no scenario",
        "zego/notes.txt has no scenario",
    ]
