"""The marker `faults`, and the line that counts its cells at the end of a session."""

from __future__ import annotations

from typing import Any


def pytest_configure(config: Any) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", "faults: one fault, for one verb, at one vendor, through one client")


def pytest_itemcollected(item: Any) -> None:
    """Note in a cell that it is one, for its report to say so."""
    if item.get_closest_marker("faults"):
        item.user_properties.append(("cell", item.name))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say how many cells ran, and by how much a deadline was overrun at worst."""
    outcomes = ("passed", "failed", "error", "skipped", "xfailed", "xpassed")
    reports = [report for outcome in outcomes for report in terminalreporter.getreports(outcome)]
    noted = [
        (report, name, value)
        for report in reports
        for name, value in getattr(report, "user_properties", ())
        if name in ("cell", "overrun")
    ]
    ran = {value for report, name, value in noted if name == "cell" and not report.skipped}
    skipped = {value for _, name, value in noted if name == "cell"} - ran
    overruns = [value for _, name, value in noted if name == "overrun"]
    if not noted:
        return
    worst = f"; worst overrun of a deadline: {max(overruns) * 1000:.0f} ms" if overruns else ""
    terminalreporter.write_line(f"faults: {len(ran)} cells, {len(skipped)} skipped{worst}")
