"""Where a credential could show: every surface by name, and which of them are looked at when."""

from __future__ import annotations

from enum import Enum


class Surface(Enum):
    """One place that others read, print, store or send."""

    LOGS = "records of every logger, at every level"
    MESSAGES = "what an exception says: its text, arguments and attributes"
    CHAINS = "what an exception came from: causes, hidden contexts, groups"
    LOCALS = "the locals of every frame in a traceback"
    REPRS = "the text of every object of ours that can be reached"
    ATTRIBUTES = "attributes and slots of every such object"
    PICKLES = "what pickle makes of an object, or the refusal"
    COPIES = "copies, deep copies and dicts of it"
    WARNINGS = "warnings of every category"
    EVENTS = "what an observer is told"
    TASKS = "names and texts of threads and tasks"
    SPANS = "spans of OpenTelemetry, with the HTTP library instrumented for the whole process"
    SENTRY_EVENTS = "events of Sentry with their breadcrumbs, at its defaults"
    SENTRY_TRACES = "transactions of Sentry, where tracing is on"
    CASSETTES = "what vcrpy is shown of a request, and writes"
    VCR_LOGS = "vcrpy's own log"
    MISMATCHES = "vcrpy's error for a request that is not in the cassette"
    OUTPUT = "what a command prints, and complains of"
    HELP = "what a command says of itself"
    JSON = "what a command prints for machines"
    DOCTOR = "what the doctor finds"
    PLAN = "what would be sent"
    ARGUMENTS = "arguments of a process, as `ps` shows them"
    ENVIRONMENT = "its environment, as a crash report dumps it"
    FILES = "the files it leaves behind"


ALWAYS = frozenset(
    {
        Surface.LOGS,
        Surface.REPRS,
        Surface.ATTRIBUTES,
        Surface.PICKLES,
        Surface.COPIES,
        Surface.TASKS,
        Surface.SPANS,
        Surface.SENTRY_EVENTS,
        Surface.ARGUMENTS,
        Surface.ENVIRONMENT,
    }
)
"""Looked at whatever comes of a call."""

RAISED = frozenset({Surface.MESSAGES, Surface.CHAINS, Surface.LOCALS})
"""Looked at besides, where something is raised."""

REPORTED = frozenset({Surface.EVENTS, Surface.JSON})
"""Looked at besides, where a call comes to an outcome."""

IN_A_CELL = ALWAYS | {Surface.PLAN}
"""Looked at in every cell of the table of faults; there a warning is an error."""

ON_AN_EXCHANGE = ALWAYS | {
    Surface.WARNINGS,
    Surface.SENTRY_TRACES,
    Surface.CASSETTES,
    Surface.PLAN,
}
"""Looked at where a vendor is asked something."""

BY_A_RECORDER = frozenset({Surface.CASSETTES, Surface.VCR_LOGS, Surface.MISMATCHES})
"""Looked at where a cassette is recorded and replayed."""

BY_A_COMMAND = frozenset(
    {Surface.OUTPUT, Surface.HELP, Surface.JSON, Surface.DOCTOR, Surface.PLAN, Surface.FILES}
)
"""Looked at where commands are run."""
