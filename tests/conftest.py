"""What holds in whichever folder a session was started: the cells of the table of faults are counted, and a
session says how many simulated stories it plays."""

pytest_plugins = ("convops.testing.pytest_plugin", "tests.faults.summary", "tests.simulation.options")
