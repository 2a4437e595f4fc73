"""Record the cassettes: all from the simulators, from servers started here, or what succeeds from the vendor.

uv run python tests/cassettes/record.py
uv run --group matrix python tests/cassettes/record.py --served
uv run python tests/cassettes/record.py --account NAME --user ID --peer ID --group ID [--yes]
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

import convops
from convops import Client, ConfigError, ConvopsError, Secret
from convops._accounts import Account, from_file
from convops._registry import find_provider
from convops.testing import serve
from tests.cassettes import readme
from tests.cassettes.lint import REPLY_HEADERS
from tests.cassettes.recorder import Cast, Recorder, RefusedError, provenance
from tests.cassettes.scenario import CASSETTES, REGION, SECRETS, Scenario
from tests.cassettes.scenarios import SCENARIOS
from tests.cassettes.stage import Stages, served_stages

USERS = ("alice",)
PEERS = ("bob", "carol")
GROUPS = ("team", "club")

Say = Callable[[str], object]
RecordLive = Callable[[Scenario, Account, Client, Cast, Path], None]


# --- From a simulator -------------------------------------------------------------------------------


def record_simulated(scenario: Scenario, folder: Path = CASSETTES) -> None:
    """Record a scenario from its simulator, over a socket.

    Raises:
        RefusedError: it is not written.
    """
    simulator = scenario.simulate()
    provider = find_provider(scenario.provider)
    account = provider.account_type(**_veiled(scenario.settings(region=REGION)))
    recorder = Recorder(
        origin=provider.origins(account)[0],
        metadata=provenance("simulator", REGION, simulator=simulator.signature),
        # The date in the metadata is enough; one in each reply would change every file every time.
        reply_headers=REPLY_HEADERS - {"date"},
    )
    with (
        serve(simulator) as url,
        convops.connect(scenario.provider, **scenario.settings(base_url=url), **scenario.options()) as client,
    ):
        recorder.record(scenario, client, scenario.path(folder))


def _veiled(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {name: Secret(v) if name in SECRETS else v for name, v in settings.items()}


def record_all_simulated(folder: Path, say: Say, scenarios: Sequence[Scenario] = SCENARIOS) -> int:
    """Record from the simulators all but what the vendor itself answered; return how many failed."""
    failed = 0
    for scenario in scenarios:
        if scenario.served:
            continue
        path = scenario.path(folder)
        if path.exists() and json.loads(path.read_text("utf-8"))["metadata"]["answered_by"] == "live":
            say(f"{scenario}: kept, for the vendor itself answered it; remove the file to replace it")
            continue
        failed += _attempt(scenario, lambda s: record_simulated(s, folder), say)
    for path in {*folder.glob("*/*.json")} - {scenario.path(folder) for scenario in scenarios}:
        path.unlink()
        say(f"{path.parent.name}/{path.stem}: removed, for it has no scenario")
    return failed


# --- From a server of the vendor's own ----------------------------------------------------------------


def record_served(scenario: Scenario, stages: Stages, folder: Path = CASSETTES) -> None:
    """Record a scenario from a server that was started for it.

    Raises:
        RefusedError: it is not written.
    """
    stage = stages.open()
    scenario.arrange(stage)
    settings = scenario.settings()
    recorder = Recorder(
        origin=settings["base_url"],
        metadata=provenance("server", "", server=stages.signature),
        cast=Cast(stage.rooms, within=True),
    )
    with convops.connect(
        scenario.provider, **{**settings, **stage.settings(settings)}, **scenario.options()
    ) as client:
        recorder.record(scenario, client, scenario.path(folder), stage.secrets)


def record_all_served(folder: Path, say: Say) -> int:
    """Record from servers started here what is recorded so; return how many failed."""
    with served_stages() as stages:
        return sum(
            _attempt(scenario, lambda s: record_served(s, stages, folder), say)
            for scenario in SCENARIOS
            if scenario.served
        )


# --- From the vendor --------------------------------------------------------------------------------


def playable(account: Account, cast: Cast) -> list[Scenario]:
    """Return what the vendor itself can be asked, with these ids and this account."""
    return [
        scenario
        for scenario in SCENARIOS
        if scenario.live
        and scenario.provider == account.provider.name
        and scenario.ids <= cast.real.keys()
        and all(getattr(account.settings, name) == value for name, value in scenario.account.items())
    ]


def record_live(scenario: Scenario, account: Account, client: Client, cast: Cast, folder: Path) -> None:
    """Record a scenario from the vendor itself.

    Raises:
        RefusedError: it is not written.
    """
    recorder = Recorder(
        origin=account.provider.origins(account.settings)[0],
        metadata=provenance("live", account.settings.region or ""),
        cast=cast,
    )
    values = attrs.asdict(account.settings, recurse=False).values()
    secrets = [value.reveal() for value in values if isinstance(value, Secret)]
    recorder.record(scenario, client, scenario.path(folder), secrets)


def record_all_live(
    arguments: argparse.Namespace, folder: Path, say: Say, record: RecordLive = record_live
) -> int:
    """Record what the vendor itself can be asked; return how many failed.

    Raises:
        ConfigError: the account cannot be opened, or nobody could say who answered for it.
    """
    account = from_file(arguments.account, arguments.config)
    if account.settings.base_url is not None:
        raise ConfigError("an account with a base_url does not prove who answers")
    cast = Cast(
        {
            **dict(zip(USERS, arguments.user, strict=False)),
            **dict(zip(PEERS, arguments.peer, strict=False)),
            **dict(zip(GROUPS, arguments.group, strict=False)),
        }
    )
    chosen = playable(account, cast)
    for scenario in (scenario for scenario in chosen if scenario.destructive):
        say(f"{scenario}: deletes the real conversation{'' if arguments.yes else '; left out without --yes'}")
    chosen = [scenario for scenario in chosen if arguments.yes or not scenario.destructive]
    failed = 0
    with convops.connect_account(arguments.account, path=arguments.config, attempts=1) as client:
        for scenario in chosen:
            failed += _attempt(scenario, lambda s: record(s, account, client, cast, folder), say)
    if not chosen:
        say("nothing to record: name a --user, and a --peer or a --group")
    return failed


def _attempt(scenario: Scenario, record: Callable[[Scenario], None], say: Say) -> int:
    try:
        record(scenario)
    except (RefusedError, ConvopsError) as error:
        say(f"{scenario}: NOT recorded: {error}")
        return 1
    say(f"{scenario}: recorded")
    return 0


# --- The command ------------------------------------------------------------------------------------


def main(
    words: Sequence[str] | None = None,
    *,
    folder: Path = CASSETTES,
    say: Say | None = None,
    record: RecordLive = record_live,
) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--served", action="store_true", help="ask servers that are started for it")
    parser.add_argument("--account", metavar="NAME", help="ask the vendor itself, as [accounts.NAME]")
    parser.add_argument(
        "--config", metavar="FILE", help="the file with the account, else as for connect_account"
    )
    parser.add_argument("--user", metavar="ID", action="append", default=[], help="whose conversations")
    parser.add_argument(
        "--peer", metavar="ID", action="append", default=[], help="who is opposite; twice for batches"
    )
    parser.add_argument(
        "--group", metavar="ID", action="append", default=[], help="a group; twice for batches"
    )
    parser.add_argument("--yes", action="store_true", help="also delete the real conversations")
    arguments = parser.parse_args(words)
    tell = say or (lambda line: sys.stdout.write(line + "\n"))
    try:
        if arguments.served:
            failed = record_all_served(folder, tell)
        elif arguments.account is None:
            failed = record_all_simulated(folder, tell)
        else:
            failed = record_all_live(arguments, folder, tell, record)
    except ConfigError as error:
        tell(str(error))
        return 2
    readme.update(folder)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
