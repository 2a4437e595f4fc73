"""Counts the cells of the table of faults, in whichever folder a session was started."""

pytest_plugins = ("tests.faults.summary",)
