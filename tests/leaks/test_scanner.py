"""The scanner finds a credential in every form and down to a piece of it, and nothing else."""

from __future__ import annotations

import base64
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest

from tests.leaks import plants
from tests.leaks.plants import SENTINEL
from tests.leaks.scanner import PIECE, Canary, Scanner

SIGNATURE = "43e5cfcca828314675f91b001390566a"

FORMS = {
    "raw": SENTINEL,
    "bytes": repr(SENTINEL.encode()),
    "beginning": SENTINEL[:8],
    "end": SENTINEL[-8:],
    "middle": SENTINEL[9:17],
    "percent-encoded": quote(SENTINEL, safe=""),
    "percent-encoded in lower case": quote(SENTINEL, safe="").lower(),
    "percent-encoded twice": quote(quote(SENTINEL, safe=""), safe=""),
    "as a form": quote_plus(SENTINEL),
    "base64": base64.b64encode(SENTINEL.encode()).decode(),
    "base64 behind one byte": base64.b64encode(b"a" + SENTINEL.encode() + b"z").decode(),
    "base64 behind two bytes": base64.b64encode(b"ab" + SENTINEL.encode() + b"yz").decode(),
    "basic authorization": base64.b64encode(f"user:{SENTINEL}".encode()).decode(),
    "base64 for URLs": base64.urlsafe_b64encode(f"long-prefix{SENTINEL}".encode()).decode(),
    "hex": SENTINEL.encode().hex(),
    "hex in upper case": SENTINEL.encode().hex().upper(),
    "hex with colons": SENTINEL.encode().hex(":"),
}


@pytest.fixture
def scanner():
    made = Scanner()
    made.watch("sentinel", SENTINEL)
    return made


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_found(scanner, form):
    assert scanner.find(f"before {FORMS[form]} behind") == ["sentinel"]
    assert scanner.find(f"before {FORMS[form]} behind".encode()) == ["sentinel"]


@pytest.mark.parametrize("text", ["", "s3nt1ne", "Secret('***')", "the signature is wrong", "x" * 10_000])
def test_nothing_is_found_where_nothing_is(scanner, text):
    assert scanner.find(text) == []


@pytest.mark.parametrize("length", [8, 11])
def test_a_piece_of_a_signature_is_found_where_it_stands_by_itself(length):
    scanner = Scanner()
    scanner.watch("signature", SIGNATURE)
    assert scanner.find(f"Signature={SIGNATURE[5 : 5 + length]}...") == ["signature"]
    assert scanner.find(f"Signature={SIGNATURE[:12]}{SIGNATURE[:12]}") == ["signature"]


def test_an_address_that_shares_digits_with_a_signature_is_not_one():
    scanner = Scanner()
    scanner.watch("signature", SIGNATURE)
    assert scanner.find(f"<object at 0x7f{SIGNATURE[5:13]}a0>") == []
    assert scanner.find(f"<object at 0x7f{SIGNATURE[5:17]}>") == ["signature"]


def test_what_is_the_same_for_everybody_is_not_secret():
    scanner = Scanner()
    scanner.watch("token", "everybody's-prefix-and-my-own-end", public="everybody's-prefix-and-nobody's-end")
    assert scanner.find("everybody's-prefix-and-") == []
    assert scanner.find("and-my-o") == ["token"]


def test_every_piece_of_a_credential_is_found_in_every_encoding(scanner):
    encodings = (str, lambda piece: quote(quote(piece, safe=""), safe=""), lambda piece: piece.encode().hex())
    for place in range(len(SENTINEL) - PIECE + 1):
        piece = SENTINEL[place : place + PIECE]
        for encode in encodings:
            assert scanner.find(f"<{encode(piece)}>") == ["sentinel"]
        for offset in range(3):
            around = b"." * offset + piece.encode() + b"..."
            assert scanner.find(base64.b64encode(around).decode()) == ["sentinel"]


def test_a_piece_is_found_wherever_in_a_text_it_stands(scanner):
    for before in range(12):
        assert scanner.find("." * before + SENTINEL[3 : 3 + PIECE]) == ["sentinel"]
        assert scanner.find("." * before + SENTINEL[3 : 2 + PIECE]) == []


def test_the_scanner_does_not_find_itself(scanner):
    assert scanner.find(repr(scanner)) == []
    assert scanner.find(repr(Canary(SENTINEL))) == []
    assert scanner.find(Path(plants.__file__).read_bytes())  # but it does find what stands in a file
