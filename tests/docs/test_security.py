"""What the page on security says is held by tests that exist, and by these where no other holds it."""

from __future__ import annotations

import ast
import functools
import re
import ssl
from pathlib import Path

import pytest

from convops._transports import TransportOptions

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/security.md").read_text("utf-8")
NAMED = sorted(set(re.findall(r"`(tests/[^`]+)`", PAGE)))


@functools.cache
def functions_of(path):
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def exists(named):
    path, _, name = named.partition("::")
    return (ROOT / path).is_file() and (not name or name in functions_of(path))


@pytest.mark.parametrize("named", NAMED)
def test_a_test_that_the_page_names_exists(named):
    assert exists(named)


def test_a_test_that_does_not_exist_would_be_found():
    assert len(NAMED) > 30
    assert not exists("tests/core/test_secret.py::test_that_nobody_wrote")
    assert not exists("tests/core/test_nothing.py")


def test_every_claim_of_a_table_names_what_holds_it():
    rows = [line for line in PAGE.partition("## Where a secret is")[0].splitlines() if line.startswith("| ")]
    claims = [row for row in rows if "| held by |" not in row]
    assert len(claims) > 25
    assert [row for row in claims if "`tests/" not in row.split(" | ")[-1]] == []


def test_the_page_names_no_address_to_write_to():
    assert re.findall(r"https?://|[\w.]+@[\w.]+", PAGE) == []
    assert "Report a vulnerability" in PAGE


@pytest.mark.parametrize("opened", [TransportOptions().open, TransportOptions().open_async])
def test_tls_is_checked_and_not_older_than_the_page_says(opened):
    context = opened(None)._shards.get().take("https://chat.example").line.wire.route.tls
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
