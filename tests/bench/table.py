"""The figures as tables: one rendering for a terminal, another for a page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from attrs import frozen

from convops._cli._tables import Table
from tests.bench.goals import judged

Figures = Mapping[str, Any]
BUSY = 0.8
"""The share of a processor from which on somebody else may be what is measured."""


@frozen
class Part:
    """A heading, sentences and a table; each may be empty."""

    title: str
    sentences: Sequence[str] = ()
    table: Table | None = None


def parts(figures: Figures) -> Iterator[Part]:
    """Yield everything that was measured."""
    if figures.get("left_out"):
        yield Part("Left out", figures["left_out"])
    for contest in figures["contests"]:
        yield _ratios(contest["title"], figures, f"{contest['name']}.")
        yield _contenders(contest)
    yield _ratios("Starting a process (time, so less is better)", figures, "import_", "help_")
    yield _own(figures)
    yield _memory(figures)
    rows = list(judged(figures))
    yield Part("Goals", (), Table(columns=("figure", "goal", "measured", "verdict"), rows=rows))
    yield Part("Measured with", list(_conditions(figures)))


def _ratios(title: str, figures: Figures, *beginnings: str) -> Part:
    rows = [
        (f"`{key}`", *(f"{one[name]:.2f}" for name in ("median", "min", "max")))
        for key, one in figures["ratios"].items()
        if key.startswith(beginnings)
    ]
    return Part(
        title, (), Table(columns=("ours over theirs", "median", "min", "max"), rows=rows) if rows else None
    )


def _contenders(contest: Figures) -> Part:
    rows, served = [], any(one["served"] for one in contest["contenders"])
    for one in contest["contenders"]:
        cpu = one["cpu_us"]
        row = [one["label"], f"{one['rate']['median']:.0f}", f"{cpu['median']:.1f}"]
        row += [f"{cpu['min']:.1f} to {cpu['max']:.1f}"]
        if served:
            floor = one["cpu_over_floor"]
            row += ["" if floor is None else f"{floor:.1f}"]
            row += [f"{one['served'][name]:.{digits}f}" for name, digits in SERVED]
        rows.append(row)
    columns = ["who", "operations/s", "CPU us each", "min to max"]
    if served:
        columns += ["CPU over floor", "round trips", "connections", "bytes out", "bytes in", "server busy"]
    sentences = [
        f"The server was on its processor {one['served']['busy']:.0%} of the time while {one['label']} ran: "
        "it may be what was measured."
        for one in contest["contenders"]
        if one["served"] and one["served"]["busy"] >= BUSY
    ]
    return Part("", sentences, Table(columns=columns, rows=rows))


SERVED = (("round_trips", 2), ("connections", 2), ("bytes_out", 0), ("bytes_in", 0), ("busy", 2))
"""What the server counted for one operation, seen from the client, with digits."""


def _own(figures: Figures) -> Part:
    rows = [
        (name.replace("_", ", ", 1), *(f"{one[key]:.1f}" for key in ("median", "min", "max")))
        for name, one in figures.get("own_cpu", {}).items()
    ]
    columns = ("CPU us from the verb to the seam and back", "median", "min", "max")
    return Part("Our own share", (), Table(columns=columns, rows=rows) if rows else None)


def _memory(figures: Figures) -> Part:
    rows = [
        (
            flavour,
            str(one["accounts"]),
            "unknown" if one["mib"] is None else f"{one['mib']:.1f}",
            f"{one['tls_contexts_before']} before, {one['tls_contexts_after']} after",
        )
        for flavour, one in figures.get("memory", {}).items()
    ]
    columns = ("clients", "accounts opened", "MiB added", "TLS contexts alive")
    return Part("Accounts that are open and idle", (), Table(columns=columns, rows=rows) if rows else None)


def _conditions(figures: Figures) -> Iterator[str]:
    machine, versions, effort = figures["machine"], figures["versions"], figures["effort"]
    yield (
        f"{machine['system']}, {machine['processor']}, {machine['cores']} cores, "
        f"{machine['memory_gib']} GiB; load {machine['load_before']} before the start; measured "
        f"{figures['date']}, {effort['rounds']} rounds of {effort['seconds']:g} s a side."
    )
    if (machine["load_before"] or 0.0) >= BUSY:
        yield "The machine was not idle before the start: others may have been using it."
    if figures["server"]:
        server = figures["server"]
        yield f"The server ran on {server['loop']}, client and server on {server['bound']}."
    yield ", ".join(f"{name} {version or 'not installed'}" for name, version in versions.items()) + "."
    yield (
        "sniffio is installed, so no httpx here spends time on looking for it."
        if versions["sniffio"]
        else "sniffio is not installed: httpcore looks for it several times on each request."
    )


def plain(figures: Figures) -> str:
    """Return everything for a terminal."""
    blocks = []
    for part in parts(figures):
        if part.table or part.sentences:
            table = part.table.plain().replace("`", "") if part.table else ""
            heading = f"== {part.title}" if part.title else ""
            blocks.append("\n".join(line for line in (heading, *part.sentences, table) if line))
    return "\n\n".join(blocks)


def markdown(figures: Figures) -> str:
    """Return everything for a page."""
    blocks = []
    for part in parts(figures):
        if part.table or part.sentences:
            blocks += [f"### {part.title}"] if part.title else []
            blocks += ["\n".join(f"- {sentence}" for sentence in part.sentences)] if part.sentences else []
            blocks += [part.table.markdown()] if part.table else []
    return "\n\n".join(blocks)
