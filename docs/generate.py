"""Writes what the tables say into the pages: `uv run python docs/generate.py`.

With `--check` nothing is written, and the exit status says whether anything would change.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from convops._cli._matrix import column_of, markdown
from convops._registry import installed
from convops.errors import OperationError
from convops.provider import AnyProvider, CodeKey, error_for

ROOT = Path(__file__).parent.parent
MARK = re.compile(r"(<!-- generated: (?P<name>\w+) -->\n).*?(<!-- end -->)", re.DOTALL)

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


def pages() -> Iterator[tuple[Path, str]]:
    """Yield every generated page with the text it should have."""
    yield ROOT / "docs/errors.md", error_page()
    vendors = [found.provider for found in installed() if found.provider and found.provider.codes]
    blocks = {"matrix": markdown([column_of(provider) for provider in vendors])}
    for page in (ROOT / "README.md",):
        text = page.read_text("utf-8")
        yield page, MARK.sub(lambda found: f"{found[1]}{blocks[found['name']].strip()}\n{found[3]}", text)


def main() -> int:
    """Write the pages, or with `--check` say which are stale."""
    stale = [(page, text) for page, text in pages() if not page.exists() or page.read_text("utf-8") != text]
    for page, text in stale:
        sys.stdout.write(f"stale: {page.relative_to(ROOT)}\n")
        if "--check" not in sys.argv:
            page.write_text(text, "utf-8")
    return 1 if stale and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
