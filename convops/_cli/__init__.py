"""The `convops` command."""

from __future__ import annotations

import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line and exit: 0 done, 1 some operation failed, 2 usage or configuration."""
    try:
        from convops._cli._group import convops  # noqa: PLC0415 - click is an extra
    except ModuleNotFoundError as error:
        if error.name != "click":
            raise
        sys.stderr.write("convops: the command line needs click: pip install 'convops[cli]'\n")
        sys.exit(2)
    convops.main(prog_name="convops")
