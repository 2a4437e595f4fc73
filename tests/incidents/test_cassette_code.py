"""vcrpy up to 8.2.0 (GHSA-rpj2-4hq8-938g): loading a cassette of someone else's ran what was in it."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
import vcr
import yaml

from tests.cassettes.replay import FLAVOURS, replay
from tests.cassettes.scenarios import by_name

ROOT = Path(__file__).parents[2]
SCENARIO = by_name("zego/mute-and-unmute-direct")
FLOOR = (8, 2, 1)

PAYLOADS = {
    "apply": "!!python/object/apply:pathlib.Path.touch [!!python/object/apply:pathlib.Path [{proof}]]",
    "in an interaction": (
        "interactions:\n- request: !!python/object/apply:os.mkdir ['{proof}']\n  response: {{}}\nversion: 1\n"
    ),
    "in JSON": '{{"interactions": [!!python/object/apply:os.mkdir ["{proof}"]], "version": 1}}',
    "beside JSON": '{{"interactions": [], "version": 1}}\n--- !!python/object/apply:os.mkdir ["{proof}"]\n',
    "before JSON": '!!python/object/apply:os.mkdir ["{proof}"]\n---\n{{"interactions": [], "version": 1}}',
}


@pytest.fixture(params=PAYLOADS.values(), ids=PAYLOADS)
def planted(request, tmp_path):
    """A cassette that makes something when it is run, and what it makes."""
    proof = tmp_path / "proof"
    cassette = tmp_path / "cassette.json"
    cassette.write_text(request.param.format(proof=proof))
    return cassette, proof


def test_every_cassette_is_json():
    files = [path for path in (ROOT / "cassettes").rglob("*") if path.is_file()]
    assert {path.suffix for path in files} <= {".json", ".md"}
    assert len(files) > 1


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_a_cassette_that_holds_code_is_refused_and_runs_nothing(planted, flavour):
    cassette, proof = planted
    with pytest.raises(ValueError, match=r".") as refused:
        replay(SCENARIO, cassette, flavour)
    assert type(refused.value).__name__ == "JSONDecodeError"
    assert not proof.exists()


@pytest.mark.parametrize("serializer", ["json", "yaml"])
def test_the_recorder_itself_runs_nothing_of_a_cassette(planted, serializer):
    """Ours are read as JSON before the recorder sees them; it must not run them either."""
    cassette, proof = planted
    player = vcr.VCR(serializer=serializer, record_mode="none")
    with pytest.raises((ValueError, yaml.YAMLError)), player.use_cassette(str(cassette)):
        pass
    assert not proof.exists()


def test_a_loader_that_trusts_runs_it(tmp_path):
    """What the tests above are there to catch."""
    proof = tmp_path / "proof"
    yaml.load(PAYLOADS["in an interaction"].format(proof=proof), Loader=yaml.UnsafeLoader)  # noqa: S506
    assert proof.exists()


def test_no_older_recorder_is_asked_for_or_installed():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    (wanted,) = [
        line
        for line in project["dependency-groups"]["dev"]
        if isinstance(line, str) and line.startswith("vcrpy")
    ]
    assert wanted == "vcrpy>=" + ".".join(map(str, FLOOR))
    assert tuple(int(part) for part in re.findall(r"\d+", version("vcrpy"))[:3]) >= FLOOR
