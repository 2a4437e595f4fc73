"""Looks for credentials, in whatever form and down to a piece of one, in text."""

from __future__ import annotations

import base64
import functools
import json
import re
import secrets
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import quote

PIECE = 8
"""So many characters of a credential in a row are a leak, even where the rest is cut off."""

RUN = 12
"""So many hex digits in a row are nobody's by chance."""

_HEX = re.compile("[0-9a-f]{8,}")
# Every fifth four characters: whatever is as long as a piece has one of them in it.
_PROBES = re.compile("(.{4}).", re.DOTALL)
_PROBE = 4
_BASE64 = (base64.b64encode, base64.urlsafe_b64encode)

Spellings = tuple[Mapping[str, list[str]], Mapping[str, list[str]]]
"""What a credential can look like, by the four characters that give it away: as text, and in hex."""


class Canary:
    """A credential made for one test; it may stand in a frame, for it does not show itself."""

    __slots__ = ("value",)

    def __init__(self, value: str) -> None:
        self.value = value

    def __repr__(self) -> str:
        return "<canary>"


def canary() -> Canary:
    """Return one that looks different in every encoding, and of which no piece turns up by chance."""
    return Canary(f"k3y/+={secrets.token_urlsafe(12)}%&?~{secrets.token_urlsafe(9)}")


class Scanner:
    """Knows credentials, and finds them in text."""

    def __init__(self) -> None:
        self._known: dict[str, dict[str, Spellings]] = {}

    def __repr__(self) -> str:
        return f"<scanner for {', '.join(self._known)}>"

    def watch(self, name: str, value: str, *, public: str = "") -> None:
        """Look for this value from now on.

        Args:
            name: what to call it.
            value: what nobody may see.
            public: the same without the secret in it; what both have in common tells nothing.
        """
        self._known.setdefault(name, {})[value] = _spellings(value, public)

    def find(self, text: str | bytes) -> list[str]:
        """Return the names of the credentials of which the text holds a piece in some form."""
        if isinstance(text, bytes):
            text = text.decode("latin-1")
        # Hex digits are looked at by themselves: there are many, and the same ones again and again.
        digits = " ".join(set(_HEX.findall(text)))
        probed = [(part, _probes(part)) for part in (text, digits)]
        # A server may watch for more meanwhile.
        return [
            name
            for name, known in list(self._known.items())
            if any(
                _stands(spelled, value, part)
                for value, spellings in list(known.items())
                for (part, probes), by_probe in zip(probed, spellings, strict=True)
                for probe in probes & by_probe.keys()
                for spelled in by_probe[probe]
            )
        ]


def _probes(text: str) -> set[str]:
    return {*_PROBES.findall(text), text[-_PROBE:]}


@functools.lru_cache(maxsize=4096)
def _spellings(value: str, public: str) -> Spellings:
    plain: dict[str, list[str]] = defaultdict(list)
    digits: dict[str, list[str]] = defaultdict(list)
    for spelled in set(forms(value)) - (set(forms(public)) if public else set()):
        by_probe = digits if _HEX.fullmatch(spelled) else plain
        for place in range(PIECE - _PROBE + 1):
            by_probe[spelled[place : place + _PROBE]].append(spelled)
    return plain, digits


def _stands(spelled: str, value: str, text: str) -> bool:
    if spelled not in text:
        return False
    if not _HEX.fullmatch(value) or spelled not in value:
        return True
    # Addresses, numbers and ids are hex as well, and share eight digits with a signature now and then.
    # So a piece of one counts where it stands by itself, or is long.
    runs = (run for run in _HEX.findall(text) if spelled in run)
    return any(run in value or any(piece in value for piece in _pieces(run, RUN)) for run in runs)


def forms(value: str) -> Iterator[str]:
    """Return what each piece of a credential can look like."""
    for piece in _pieces(value, PIECE):
        raw, once = piece.encode(), quote(piece, safe="")
        yield from (piece, once, once.lower(), quote(once, safe=""))
        yield from (json.dumps(piece)[1:-1], repr(piece)[1:-1], raw.decode("latin-1"))
        yield from (raw.hex(), raw.hex().upper(), raw.hex(":"))
    for own in {_in_base64(value, offset, encode) for offset in range(3) for encode in _BASE64}:
        # Of a piece's eight bytes, ten characters are the piece's own wherever it begins.
        yield from _pieces(own, PIECE * 8 // 6)


def _in_base64(value: str, offset: int, encode: Callable[[bytes], bytes]) -> str:
    raw = value.encode()
    encoded = encode(b"x" * offset + raw).decode()
    # Only the characters that no neighbour has a part in.
    return encoded[-(-offset * 8 // 6) : (offset + len(raw)) * 8 // 6]


def _pieces(text: str, length: int) -> Iterator[str]:
    """Return every run of characters so long; a shorter text is its own."""
    return (text[place : place + length] for place in range(max(1, len(text) - length + 1)))
