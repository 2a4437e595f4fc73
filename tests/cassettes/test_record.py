"""The recorder: over a socket, with concealed ids, and never a cassette that may not be kept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

import convops
from convops import Client, Conversation, Mute
from convops._accounts import from_file
from convops.testing import Fault, Simulator, serve
from tests.cassettes.record import main, record_all_simulated, record_live, record_simulated
from tests.cassettes.recorder import Cast, Recorder, RefusedError, provenance
from tests.cassettes.replay import replay
from tests.cassettes.scenario import ALICE_BOB, APPLIED, AT, Scenario, simulator_class
from tests.cassettes.scenarios import by_name

BATCH = by_name("zego/mute-and-unmute-batch-direct")
CLEAR = by_name("zego/clear-unread-direct")
ORIGIN = "https://zim-api-sgp.zego.im"
REAL = {"alice": "u-7731&=", "bob": "u-8842\u00e9", "carol": "u-9953"}
CAST = Cast(REAL)
MINE = Conversation.direct(user=REAL["alice"], peer=REAL["bob"])


def cassette(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text("utf-8"))


@pytest.fixture
def vendor() -> Simulator:
    """Return the simulator with the ids of real life."""
    simulator = simulator_class("zego")()
    for user in REAL.values():
        simulator.add_user(user)
    simulator.receive(MINE, 2)
    return simulator


@pytest.fixture
def client(vendor: Simulator) -> Iterator[Client]:
    with (
        serve(vendor) as url,
        convops.connect("zego", base_url=url, attempts=1, **vendor.settings) as opened,
    ):
        yield opened


@pytest.fixture
def recorder(vendor: Simulator) -> Recorder:
    metadata = provenance("simulator", "singapore", simulator=vendor.signature)
    return Recorder(origin=ORIGIN, metadata=metadata, cast=CAST, reply_headers=frozenset({"server"}))


# --- From a simulator -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "zego/reserved-characters",
        "zego/mute-batch-one-unregistered",
        "tencent/clear-unread-group",
        "tencent/usersig-expired",
    ],
)
def test_recording_again_brings_the_same_interactions(name: str, tmp_path: Path):
    scenario = by_name(name)

    record_simulated(scenario, tmp_path)

    assert cassette(scenario.path(tmp_path))["interactions"] == cassette(scenario.path())["interactions"]


def test_what_comes_out_otherwise_than_expected_is_not_written(tmp_path: Path):
    hopeful = attrs.evolve(by_name("zego/mute-peer-unregistered"), expected=(APPLIED,))

    with pytest.raises(RefusedError, match="something else came of it"):
        record_simulated(hopeful, tmp_path)

    assert not hopeful.path(tmp_path).exists()


def test_recording_all_removes_what_has_no_scenario_and_keeps_what_is_live(tmp_path: Path):
    live, stale = CLEAR.path(tmp_path), tmp_path / "zego" / "stale.json"
    live.parent.mkdir()
    live.write_text('{"metadata": {"answered_by": "live"}}')
    stale.write_text("{}")
    lines: list[str] = []

    failed = record_all_simulated(tmp_path, lines.append, [CLEAR])

    assert failed == 0
    assert cassette(live) == {"metadata": {"answered_by": "live"}}
    assert not stale.exists()
    assert "kept" in lines[0]
    assert lines[1] == "zego/stale: removed, for it has no scenario"


def test_a_scenario_that_cannot_be_recorded_is_named(tmp_path: Path):
    hopeful = attrs.evolve(CLEAR, arrange=lambda simulator: simulator.add_user("alice"))
    lines: list[str] = []

    assert record_all_simulated(tmp_path, lines.append, [hopeful]) == 1
    assert lines[0].startswith("zego/clear-unread-direct: NOT recorded: something else came of it")


# --- With the ids of an account ---------------------------------------------------------------------


def test_ids_of_an_account_do_not_reach_its_cassette(
    recorder: Recorder, client: Client, vendor: Simulator, tmp_path: Path
):
    path = tmp_path / "batch.json"

    recorder.record(BATCH, client, path)

    asked = [json.loads(exchange.request.body) for exchange in vendor.exchanges]
    assert asked[0] == {
        "FromUserId": "u-7731&=",
        "ConvType": 0,
        "ConvIds": ["u-8842\u00e9", "u-9953"],
        "Enable": True,
    }
    recorded, wanted = (cassette(file)["interactions"] for file in (path, BATCH.path()))
    assert [i["request"] for i in recorded] == [i["request"] for i in wanted]
    assert replay(BATCH, path).unused == []


def test_ids_in_a_reply_are_replaced_too(
    recorder: Recorder, client: Client, vendor: Simulator, tmp_path: Path
):
    body = {
        "Code": 0,
        "Message": "ok",
        "RequestId": "1",
        "ErrorList": [{"ConvId": REAL["bob"], "SubCode": 660800051}],
    }
    vendor.misbehave(Fault(body=json.dumps(body).encode()))
    already = attrs.evolve(
        BATCH,
        operations=(Mute(ALICE_BOB, at=AT),),
        expected=by_name("zego/mute-and-unmute-twice-direct").expected[1:2],
    )

    recorder.record(already, client, tmp_path / "already.json")

    reply = json.loads(cassette(tmp_path / "already.json")["interactions"][0]["response"]["body"]["string"])
    assert reply["ErrorList"] == [{"ConvId": "bob", "SubCode": 660800051}]


def test_an_id_left_in_a_sentence_is_refused(
    recorder: Recorder, client: Client, vendor: Simulator, tmp_path: Path
):
    vendor.misbehave(Fault(body=b'{"Code": 0, "Message": "cleared for u-7731&=", "RequestId": "1"}'))

    with pytest.raises(RefusedError, match="an id of the account is left"):
        recorder.record(CLEAR, client, tmp_path / "clear.json")

    assert not (tmp_path / "clear.json").exists()


def test_a_secret_in_a_reply_is_refused(
    recorder: Recorder, client: Client, vendor: Simulator, tmp_path: Path
):
    vendor.misbehave(Fault(body=b'{"Code": 0, "Message": "swordfish", "RequestId": "1"}'))

    with pytest.raises(RefusedError, match="a secret of the account"):
        recorder.record(CLEAR, client, tmp_path / "clear.json", ["swordfish"])

    assert not (tmp_path / "clear.json").exists()


def test_a_simulator_is_not_recorded_as_live(recorder: Recorder, client: Client, tmp_path: Path):
    pretending = attrs.evolve(recorder, metadata=provenance("live", "singapore"))

    with pytest.raises(RefusedError, match="it claims to be live, and a simulator answered"):
        pretending.record(CLEAR, client, tmp_path / "clear.json")


def test_a_vendor_of_no_region_is_recorded_as_live_and_replayed(
    config: Path, vendor: Simulator, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(type(vendor), "signature", "a vendor's own server")

    record_live(CLEAR, from_file("zego", config), client, CAST, tmp_path)

    recorded = cassette(CLEAR.path(tmp_path))
    assert recorded["metadata"].keys() == {"answered_by", "recorded", "vcrpy", "region"}
    assert recorded["metadata"]["answered_by"] == "live"
    assert recorded["interactions"][0]["request"]["uri"].startswith("https://zim-api.zego.im/?Action=")
    assert replay(CLEAR, CLEAR.path(tmp_path)).unused == []


def test_an_answer_that_is_no_json_is_not_written(
    recorder: Recorder, client: Client, vendor: Simulator, tmp_path: Path
):
    vendor.misbehave(Fault(status=502, body=b"<html>bad gateway</html>"))

    with pytest.raises(RefusedError, match="something else came of it"):
        recorder.record(CLEAR, client, tmp_path / "clear.json")


# --- The command ------------------------------------------------------------------------------------


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SAMPLE", "swordfish")
    (tmp_path / "README.md").write_text("")
    path = tmp_path / "accounts.toml"
    path.write_text(
        '[accounts.zego]\nprovider = "zego"\napp_id = 1\nserver_secret = "env:SAMPLE"\n'
        '[accounts.tencent]\nprovider = "tencent"\nsdk_app_id = 1\nsecret_key = "env:SAMPLE"\n'
        'admin = "admin"\nregion = "tokyo"\n'
        '[accounts.elsewhere]\nprovider = "zego"\napp_id = 1\nserver_secret = "env:SAMPLE"\n'
        'base_url = "http://127.0.0.1:9"\n'
    )
    return path


class Asked:
    """Stands where the vendor would be asked."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def __call__(self, scenario: Scenario, *_: object) -> None:
        self.names.append(scenario.name)


def test_deletions_are_named_and_left_out_without_a_yes(config: Path, tmp_path: Path):
    asked, lines = Asked(), list[str]()
    words = ["--account", "zego", "--config", str(config), "--user", "u", "--peer", "p"]

    assert main(words, folder=tmp_path, say=lines.append, record=asked) == 0

    assert asked.names == [
        "clear-unread-direct",
        "mark-read-direct",
        "mute-and-unmute-direct",
        "mute-and-unmute-twice-direct",
    ]
    assert lines[0] == "zego/delete-direct: deletes the real conversation; left out without --yes"


def test_deletions_are_named_and_come_last_with_a_yes(config: Path, tmp_path: Path):
    asked, lines = Asked(), list[str]()
    words = ["--account", "zego", "--config", str(config), "--user", "u", "--peer", "p", "--yes"]

    assert main(words, folder=tmp_path, say=lines.append, record=asked) == 0

    assert asked.names[-2:] == ["delete-direct", "delete-direct-erasing-history"]
    assert lines[0] == "zego/delete-direct: deletes the real conversation"


def test_batches_are_asked_for_only_with_a_second_peer_and_group(config: Path, tmp_path: Path):
    asked = Asked()
    words = ["--account", "zego", "--config", str(config), "--user", "u"]
    words += ["--peer", "p", "--peer", "q", "--group", "g", "--group", "h"]

    assert main(words, folder=tmp_path, say=len, record=asked) == 0

    assert {"mute-and-unmute-batch-direct", "mute-and-unmute-batch-group"} <= set(asked.names)


def test_what_an_account_does_not_allow_is_not_asked_of_it(config: Path, tmp_path: Path):
    asked = Asked()
    words = ["--account", "tencent", "--config", str(config), "--user", "u", "--group", "g"]

    assert main(words, folder=tmp_path, say=len, record=asked) == 0

    assert asked.names == ["mute-and-unmute-group", "mute-and-unmute-twice-group"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--account", "elsewhere"], "an account with a base_url does not prove who answers"),
        (["--account", "nobody"], "has no account 'nobody'"),
    ],
)
def test_an_account_that_cannot_be_recorded_from_is_one_line(
    words: list[str], sentence: str, config: Path, tmp_path: Path
):
    lines: list[str] = []

    assert main([*words, "--config", str(config)], folder=tmp_path, say=lines.append) == 2
    assert len(lines) == 1
    assert sentence in lines[0]


def test_without_ids_there_is_nothing_to_record(config: Path, tmp_path: Path):
    lines: list[str] = []

    assert main(["--account", "zego", "--config", str(config)], folder=tmp_path, say=lines.append) == 0
    assert lines == ["nothing to record: name a --user, and a --peer or a --group"]
