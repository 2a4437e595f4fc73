"""The table in cassettes/README.md: what answered, and when."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

START, END = "<!-- what answered -->\n", "<!-- /what answered -->"

HEAD = "| vendor | answered by | recorded | with | cassettes |\n|---|---|---|---|---|\n"


def table(folder: Path) -> str:
    """Return the rows that hold for the cassettes of a folder."""
    rows: Counter[tuple[str, str, str, str]] = Counter()
    for path in folder.glob("*/*.json"):
        metadata = json.loads(path.read_text("utf-8"))["metadata"]
        named = metadata.get("simulator") or metadata.get("server")
        who = f"`{named}`" if named else "the vendor itself"
        rows[path.parent.name, who, metadata["recorded"], f"vcrpy {metadata['vcrpy']}"] += 1
    return HEAD + "".join(f"| {' | '.join(row)} | {count} |\n" for row, count in sorted(rows.items()))


def stated(text: str) -> str:
    """Return the table that a README states."""
    return text.partition(START)[2].partition(END)[0]


def update(folder: Path) -> None:
    """Write the table anew."""
    readme = folder / "README.md"
    text = readme.read_text("utf-8")
    readme.write_text(text.replace(START + stated(text) + END, START + table(folder) + END), "utf-8")
