"""Cassettes that hold what none may hold, each a good one with one thing changed."""

from __future__ import annotations

import json
from pathlib import Path

GOOD = Path(__file__).parents[2] / "cassettes/zego/delete-direct.json"


def _request(document):
    return document["interactions"][0]["request"]


def _sign(document):
    _request(document)["uri"] += "&Signature=abc&Timestamp=1"


def _spell(document):
    _request(document)["body"] = "9193cc662a4c0ec135ec71fb57194b38"


def _authorize(document):
    _request(document)["headers"]["Authorization"] = ["Basic abc"]


def _unveil(document):
    _request(document)["uri"] = _request(document)["uri"].replace("https://", "http://")


def _empty(document):
    document["interactions"].clear()


RECORDINGS = {
    "signed": _sign,
    "spelled": _spell,
    "authorized": _authorize,
    "without TLS": _unveil,
    "empty": _empty,
}


def record(folder, name):
    """Write one of them into a folder."""
    document = json.loads(GOOD.read_text("utf-8"))
    RECORDINGS[name](document)
    (folder / "cassette.json").write_text(json.dumps(document), "utf-8")
