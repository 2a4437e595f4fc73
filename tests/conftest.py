"""What holds in whichever folder a session was started: the cells of the table of faults are counted, a
session says how many simulated stories it plays, and with which adapter the seam is tested."""

from hypothesis import HealthCheck, settings

# No example is about time, and a busy machine must not fail one.
settings.register_profile("convops", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("convops")

pytest_plugins = (
    "convops.testing.pytest_plugin",
    "tests.faults.summary",
    "tests.simulation.options",
    "tests.transports.chosen",
)
