"""The root command: subcommands that load when they are asked for, and every failure as one line."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pkgutil import resolve_name
from types import TracebackType
from typing import Any, NoReturn

import click

from convops._cli._documents import error_document, error_words
from convops._cli._options import examples
from convops._cli._say import complain, say, say_json
from convops.errors import ClosedError, ConfigError, ConvopsError

FAILED = 1
MISUSED = 2
INTERRUPTED = 130

# Where each subcommand lives, and what `convops --help` says of it without loading it.
COMMANDS: Mapping[str, tuple[str, str]] = {
    "demo": ("_demo:demo", "See the same script run through every simulated vendor."),
    "providers": ("_providers:providers", "List the installed providers."),
    "doctor": ("_doctor:doctor", "Check an account: network, clock, credentials, usable operations."),
    "matrix": ("_matrix:matrix", "Show what each provider can do, and what differs."),
    "clear-unread": ("_verbs:clear_unread", "Set a conversation's unread count to zero."),
    "mark-read": ("_verbs:mark_read", "Mark a conversation's messages as read."),
    "delete": ("_verbs:delete", "Remove a conversation from the user's own list."),
    "mute": ("_verbs:mute", "Silence the user's notifications for a conversation."),
    "unmute": ("_verbs:unmute", "Restore the user's notifications for a conversation."),
    "plan": ("_plan:plan", "Show what an operation would send; nothing is sent."),
    "conformance": ("_conformance:conformance", "Run the conformance kit on a provider."),
    "simulate": ("_simulate:simulate", "Run a simulated vendor until stopped."),
    "new-provider": (
        "_new_provider:new_provider",
        "Write the package of a new provider, working and tested.",
    ),
}


class LazyGroup(click.Group):
    """Subcommands that are imported when they are run, so that `--help` stays quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a subcommand, importing its module."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = resolve_name(f"convops._cli.{COMMANDS[cmd_name][0]}")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table, without importing anything."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, words) for name, (_, words) in COMMANDS.items()])

    def main(self, args: Sequence[str] | None = None, *rest: Any, **extra: Any) -> NoReturn:
        """Run, turn whatever is raised into one line, and exit."""
        words = list(sys.argv[1:] if args is None else args)
        extra["standalone_mode"] = False
        try:
            status = super().main(words, *rest, **extra)
        except click.Abort:
            complain("stopped")
            sys.exit(INTERRUPTED)
        except Exception as error:  # noqa: BLE001 - a person at a terminal is told one line, whatever it is
            message, document, status = _told(error)
            complain(message)
            if "--json" in words:
                say_json({"error": document})
        # Commands return None; help and `Context.exit` return a status.
        sys.exit(status or 0)


def _told(error: Exception) -> tuple[str, dict[str, Any], int]:
    """Return an exception as a line, as a dict, and as an exit status."""
    if isinstance(error, click.ClickException):
        message = error.format_message()
        hint = getattr(error, "ctx", None)
        line = f"{message} See: {hint.command_path} --help" if hint else message
        return line, {"type": "UsageError", "message": message}, MISUSED
    if isinstance(error, ConvopsError):
        wrong = isinstance(error, ConfigError | ClosedError)
        return error_words(error), error_document(error), MISUSED if wrong else FAILED
    if isinstance(error, OSError):
        message = error.strerror or type(error).__name__
        return message, {"type": type(error).__name__, "message": message}, FAILED
    # A bug. Its message is left out: nobody knows what it quotes.
    message = f"an unexpected {type(error).__name__} at {_place(error.__traceback__)}; please report it"
    return message, {"type": type(error).__name__, "message": message}, FAILED


def _place(trace: TracebackType | None) -> str:
    place = "an unknown place"
    while trace is not None:
        place = f"{trace.tb_frame.f_globals.get('__name__')}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place


@click.command(
    cls=LazyGroup,
    invoke_without_command=True,
    epilog=examples(
        "convops demo                                              see it work, no account needed",
        "convops matrix                                            see what each vendor can do",
        "convops mute --account main --user alice --group team-1   do it",
    ),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="convops", message="%(prog)s %(version)s")
@click.pass_context
def convops(ctx: click.Context) -> None:
    """Do what a user does to a conversation, at any chat vendor.

    Exit status: 0 done, 1 some operation failed, 2 usage or configuration.
    """
    if ctx.invoked_subcommand is None:
        say(ctx.get_help())
