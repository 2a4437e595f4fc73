"""Mutation tests: `uv run --group mutation python tests/mutation/run.py`.

Every line that decides something is changed in every way that `operators.py` knows, one change at a
time, and the tests of core, wire, plugins, simulators and docs that run this line are run until one fails. A
mutant that none of them kills shows what nobody tests; or that the line could as well be another, and
then it stands in `survivors.toml` with the reason.

Prints the share that was killed for each module, and each survivor. The exit status is 1 where less than
90 % were killed, in one module or in all, or where a survivor is not listed.

    --module PATH   only this module; may be given several times
    --jobs N        how many at a time; as many as there are processors, if not said
    --write         write figures and survivors into docs/reliability.md
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence

from tests.mutation import page, trial
from tests.mutation.mutants import Mutant, mutants

TARGETS = (
    "convops/_pipeline.py",
    "convops/_calls.py",
    "convops/_steps.py",
    "convops/_schedule.py",
    "convops/_policy.py",
    "convops/_signing.py",
    "convops/_replies.py",
    "convops/_guard.py",
    "plugins/convops_tencent/flows.py",
    "plugins/convops_tencent/signer.py",
    "plugins/convops_zego/flows.py",
    "plugins/convops_zego/signer.py",
)
RATE_MIN = 90.0


def main() -> int:
    """Try every mutant, and say what became of them."""
    arguments = _arguments()
    targets = [target for target in TARGETS if target in (arguments.module or TARGETS)]
    _say("The tests are run without a mutant first.")
    known = trial.measure(targets)
    made = [mutant for target in targets for mutant in mutants(target)]
    _say(f"{len(known.seconds)} tests, {len(made)} mutants")
    survivors = [mutant for mutant, was_killed in _tried(made, known, arguments.jobs) if not was_killed]
    survivors.sort(key=lambda mutant: (targets.index(mutant.path), mutant.line))
    figures = {target: _figures(target, made, survivors) for target in targets}
    is_well = _judged(targets, survivors, figures)
    if arguments.write:
        page.PAGE.write_text(page.written(figures), "utf-8")
    return 0 if is_well else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--module", action="append", choices=TARGETS, metavar="PATH")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)), metavar="N")
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    if arguments.write and arguments.module:
        parser.error("--write needs the figures of all modules")
    return arguments


def _tried(made: Sequence[Mutant], known: trial.Known, jobs: int) -> Iterator[tuple[Mutant, bool]]:
    for number, result in enumerate(trial.try_all(made, known, jobs), start=1):
        if number % 100 == 0:
            _say(f"{number} tried")
        yield result


def _figures(target: str, made: Sequence[Mutant], survivors: Sequence[Mutant]) -> tuple[int, int]:
    total, alive = (sum(mutant.path == target for mutant in some) for some in (made, survivors))
    return total - alive, total


def _judged(targets: Sequence[str], survivors: Sequence[Mutant], figures: page.Figures) -> bool:
    """Say what became of all, and return whether it is good enough."""
    listed = {survivor.identity for survivor in page.listed() if survivor.module in targets}
    alive = {mutant.identity for mutant in survivors}
    for mutant in survivors:
        note = "" if mutant.identity in listed else f"  NOT LISTED ({mutant.operator})"
        _say(f"\n{mutant.path}:{mutant.line} {mutant.function}{note}")
        _say(f"- {mutant.before}\n+ {mutant.after}")
    for module, function, before, after in sorted(listed - alive):
        _say(f"\nListed, but survives no more: {module} {function}\n- {before}\n+ {after}")
    _say("")
    for line in page.rates(figures):
        _say(line)
    killed, total = (sum(column) for column in zip(*figures.values(), strict=True))
    lowest = min(page.rate(*counts) for counts in (*figures.values(), (killed, total)))
    _say(f"\n{len(alive - listed)} survivors are not listed; the lowest share is {lowest:.1f} %.")
    return lowest >= RATE_MIN and alive <= listed


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
