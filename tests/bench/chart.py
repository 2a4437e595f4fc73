"""The figures as a picture: bars, drawn by hand as SVG."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from xml.sax.saxutils import escape

TITLE = "Operations a second over TLS, as a multiple of httpx written by hand"
STYLE = 'width="760" font-family="sans-serif" font-size="12" role="img"'
PANELS = (
    ("sync1", "One blocking caller"),
    ("async1_tls", "asyncio, 1 in flight"),
    ("async20_tls", "asyncio, 20 in flight"),
    ("async100_tls", "asyncio, 100 in flight"),
)
BARS = (
    ("default", "convops", "#3b82c4"),
    ("httpx2_adapter", "convops, httpx2", "#7a9e3f"),
    ("fastest", "convops, fastest", "#d9822b"),
)
WIDTH, LEFT, RIGHT = 760, 190, 60
ROW, GAP, TOP = 20, 14, 64
GREY = "#808890"
"""Read as well on white as on black."""


def svg(figures: Mapping[str, Any]) -> str:
    """Return a chart of operations a second over TLS, against httpx written by hand."""
    rows = [
        (title, label, color, figures["ratios"][key])
        for contest, title in PANELS
        for name, label, color in BARS
        if (key := f"{contest}.{name}_vs_httpx") in figures["ratios"]
    ]
    most = max([1.0, *(spread["max"] for *_, spread in rows)])
    scale = (WIDTH - LEFT - RIGHT) / most
    bars, bottom = [], TOP
    above = None
    for title, label, color, spread in rows:
        if title != above:
            bottom += GAP + ROW
            bars.append(_text(0, bottom - 6, title, weight="bold"))
            above = title
        bars += _bar(bottom, label, color, spread, scale)
        bottom += ROW
    one = LEFT + scale
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {bottom + GAP}" {STYLE}>',
            f"<title>{TITLE}</title>",
            _text(0, 16, TITLE, weight="bold"),
            _text(0, 34, "bar: median of the rounds; line: smallest to largest"),
            *bars,
            _line((one, TOP), (one, bottom), 'stroke-dasharray="3 3"'),
            _text(one, TOP - 6, "httpx by hand = 1", anchor="middle"),
            "</svg>",
            "",
        ]
    )


def _bar(top: float, label: str, color: str, spread: Mapping[str, float], scale: float) -> Iterator[str]:
    median, low, high = (spread[name] * scale for name in ("median", "min", "max"))
    middle = top + ROW / 2
    yield _text(LEFT - 8, middle + 4, label, anchor="end")
    yield f'<rect x="{LEFT}" y="{top + 3}" width="{median:.1f}" height="{ROW - 6}" fill="{color}"/>'
    yield _line((LEFT + low, middle), (LEFT + high, middle), 'stroke-width="2"')
    yield _text(LEFT + max(median, high) + 6, middle + 4, f"{spread['median']:.1f}")


def _line(start: tuple[float, float], end: tuple[float, float], style: str) -> str:
    (x1, y1), (x2, y2) = start, end
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{GREY}" {style}/>'


def _text(x: float, y: float, text: str, *, anchor: str = "start", weight: str = "normal") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-weight="{weight}" fill="{GREY}">'
        f"{escape(text)}</text>"
    )
