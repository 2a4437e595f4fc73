"""What holds in whichever folder a session was started: the cells of the table of faults are counted, a
session says how many simulated stories it plays, and with which adapter the seam is tested."""

pytest_plugins = (
    "convops.testing.pytest_plugin",
    "tests.faults.summary",
    "tests.simulation.options",
    "tests.transports.chosen",
)
