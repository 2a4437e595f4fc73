"""Writes what the kit found into the reports, and what those and the tables say into the pages.

`uv run python docs/generate.py` runs the conformance kit on every installed provider first; with `--pages`
the reports are taken as they are. With `--check` nothing is written, and the exit status says whether
anything would change.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from convops._cli._conformance import report_document
from convops._cli._matrix import column_from, markdown
from convops._cli._tables import Table
from convops._registry import installed
from convops.errors import OperationError
from convops.provider import AnyProvider, CodeKey, error_for
from convops.testing._checks import CHECKS
from convops.testing._run import run_kit

ROOT = Path(__file__).parent.parent
MARK = re.compile(r"(<!-- generated: (?P<name>[\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)

ERRORS = """# Errors

Generated from the plugins' code tables by `docs/generate.py`.

Every failure is one class of one tree. The class says what kind it is; `retryable` and `retry_after` say
whether and when trying again can help; `effect` says what happened at the vendor:

| effect | means |
|---|---|
| `APPLIED` | the vendor confirmed that the asked state holds |
| `ALREADY` | it held before, perhaps through an earlier attempt of the same call |
| `NOT_APPLIED` | this call changed nothing |
| `UNKNOWN` | it was sent, wholly or partly, and not confirmed |

The effects below are those of a single answered call. After an attempt that was not answered, or a call of
the same operation that took effect, a refusal is `UNKNOWN` too.

| class | means | retryable | effect |
|---|---|---|---|
{classes}

`ConfigError` and `ClosedError` are raised before anything is tried. `PluginError` is a bug in a plugin. An
`UnsupportedOperationError` carries the `Support` that says why; an `InvalidRequestError` is also a
`ValueError`.
"""


def error_page() -> str:
    """Return docs/errors.md."""
    classes = "\n".join(
        f"| `{kind.__name__}` | {_first_line(kind)} | {_yes(kind.default_retryable)} "
        f"| `{kind.default_effect.name}` |"
        for kind in OperationError.__subclasses__()
    )
    sections = [
        _section(found.provider)
        for found in installed()
        if found.provider is not None and found.provider.codes
    ]
    return "\n".join([ERRORS.format(classes=classes), *sections])


def _section(provider: AnyProvider) -> str:
    rows = [
        "| code | error | retryable | effect | meaning |",
        "|---|---|---|---|---|",
        *(_row(provider, code) for code in provider.codes),
    ]
    return f"## {provider.title}\n\n" + "\n".join(rows) + "\n"


def _row(provider: AnyProvider, code: CodeKey) -> str:
    row = provider.codes[code]
    link = f"[{_words(code)}]({row.source})"
    if row.error is None:
        return f"| {link} | none | | `ALREADY` | {row.meaning} |"
    error = error_for(provider.codes, code)
    after = f", after {error.retry_after:g} s" if error.retry_after else ""
    return (
        f"| {link} | `{type(error).__name__}` | {_yes(error.retryable)}{after} "
        f"| `{error.effect.name}` | {row.meaning} |"
    )


def _words(code: CodeKey) -> str:
    if not isinstance(code, tuple):
        return str(code)
    action, status, name = code
    return f"{'any call' if action == '*' else action}: {status} {name}"


def _yes(flag: bool) -> str:  # noqa: FBT001 - one word for one flag
    return "yes" if flag else "no"


def _first_line(kind: type[OperationError]) -> str:
    return (kind.__doc__ or "").partition("\n")[0].rstrip(".")


# --- Reports ------------------------------------------------------------------------------------------


def report(provider: AnyProvider) -> str:
    """Run the kit on a provider, and return its report."""
    cassettes = ROOT / "cassettes" / provider.name
    conformed = run_kit(provider, cassettes=cassettes if cassettes.is_dir() else None)
    return json.dumps(report_document(provider, conformed), indent=2) + "\n"


def report_path(name: str) -> Path:
    """Return where the report of a provider stands."""
    return ROOT / "docs/conformance" / f"{name}.json"


def reports() -> Iterator[tuple[Path, str]]:
    """Yield the report of every provider with the text it should have."""
    for found in installed():
        if found.provider is not None:
            yield report_path(found.name), report(found.provider)


def known_reports() -> dict[str, dict[str, Any]]:
    """Return the reports that are there, by provider."""
    documents = [
        json.loads(path.read_text("utf-8")) for path in sorted(report_path("x").parent.glob("*.json"))
    ]
    return {document["provider"]: document for document in documents}


def counted(document: dict[str, Any]) -> str:
    """Return what the kit found at one provider."""
    counts, page = document["counts"], f"../conformance/{document['provider']}.json"
    found = (
        f"Kit {document['kit']} ran {counts['cases']} cases of its checks: {counts['passed']} passed, "
        f"{counts['failed']} failed, {counts['deviated']} deviated ([report]({page}))."
    )
    lines = [found, *(f"- Deviates from `{one['check']}`: {one['reason']}" for one in document["deviations"])]
    return "\n".join(lines)


def checks_table() -> str:
    """Return the checks, and on how many cases each was run."""
    known = known_reports()
    cases = {
        name: {check["id"]: check["cases"] for check in document["checks"]}
        for name, document in known.items()
    }
    rows = [
        (f"`{one.id}`", one.sentence, *(str(cases[name].get(one.id, 0)) for name in known))
        for one in CHECKS.values()
    ]
    return Table(columns=("check", "asks for", *known), rows=rows).markdown()


# --- Pages ----------------------------------------------------------------------------------------------


def blocks() -> dict[str, str]:
    """Return every generated part of a page, by name."""
    known = known_reports()
    # The provider without a vendor is in no matrix of vendors.
    vendors = {name: document for name, document in known.items() if name != "memory"}
    return {
        "matrix": markdown([column_from(document) for document in vendors.values()]),
        "checks": checks_table(),
        **{
            f"cells-{name}": f"{markdown([column_from(document)])}\n\n{counted(document)}"
            for name, document in vendors.items()
        },
    }


def pages() -> Iterator[tuple[Path, str]]:
    """Yield every generated page with the text it should have."""
    yield ROOT / "docs/errors.md", error_page()
    parts = blocks()

    def filled(found: re.Match[str]) -> str:
        # A part of another name is written by somebody else.
        part = parts.get(found["name"])
        return found[0] if part is None else f"{found[1]}{part.strip()}\n{found[3]}"

    for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))):
        text = page.read_text("utf-8")
        if MARK.search(text):
            yield page, MARK.sub(filled, text)


def main() -> int:
    """Write reports and pages, or with `--check` say which are stale."""
    stale = False
    # Pages are made from the reports, so those come first.
    for written in (*([] if "--pages" in sys.argv else [reports]), pages):
        for page, text in written():
            if page.exists() and page.read_text("utf-8") == text:
                continue
            stale = True
            sys.stdout.write(f"stale: {page.relative_to(ROOT)}\n")
            if "--check" not in sys.argv:
                page.write_text(text, "utf-8")
    return 1 if stale and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
