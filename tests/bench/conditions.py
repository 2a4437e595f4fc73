"""Under what it was measured: the machine, and the version of everything that takes part."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from pathlib import Path

PACKAGES = (
    "convops",
    "attrs",
    "httpx",
    "httpcore",
    "h11",
    "anyio",
    "sniffio",
    "httpx2",
    "httpcore2",
    "aiohttp",
    "httptools",
    "requests",
    "urllib3",
    "tencentcloud-sdk-python-im",
    "tencentcloud-sdk-python-common",
    "tls-sig-api-v2",
    "uvloop",
)


def versions() -> dict[str, str | None]:
    """Return the version of Python and of each package; None for one that is not installed."""
    found: dict[str, str | None] = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = None
    return found


def machine() -> dict[str, object]:
    """Return what the machine is, and how busy it was before anything was measured."""
    return {
        "system": platform.system(),
        "processor": _model() or platform.machine(),
        "cores": os.cpu_count(),
        "memory_gib": _memory_gib(),
        "load_before": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    }


def _model() -> str | None:
    table = Path("/proc/cpuinfo")
    if not table.exists():
        return None
    lines = (line.partition(":") for line in table.read_text("utf-8").splitlines())
    return next((value.strip() for name, _, value in lines if name.strip() == "model name"), None)


def _memory_gib() -> float | None:
    try:
        return round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1)
    except (AttributeError, ValueError, OSError):
        return None
