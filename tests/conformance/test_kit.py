"""The kit itself: deviations, failures, and what a plugin's author and an app's tests see."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest

import convops.testing
from convops.errors import ConfigError
from convops.provider import APPLIED, Reply, error_for
from convops.testing._checks import CHECKS
from convops.testing._run import run_kit
from convops.testing._suites import simulator_of
from convops_zego.flows import Zego
from tests.conformance.postbox import Postbox


class NoDocs(Zego):
    docs = ""


class NoCells(Zego):
    def support(self, account, operation, kind):
        raise LookupError("moved")


class NoSettings(Zego):
    account_type = int


FEW = ("contract", "cells-complete", "batch-order")


def tally(conformed, name):
    (found,) = (one for one in conformed.tallies if one.check.id == name)
    return found


# --- Deviations -----------------------------------------------------------------------------------------


def test_a_check_that_is_not_kept_is_told_with_what_is_wrong():
    conformed = run_kit(NoDocs(), only=FEW)
    assert not conformed.ok
    assert tally(conformed, "contract").problems == ["once: docs names no page of the vendor"]
    assert conformed.count("failed") == 1
    assert conformed.count("passed") == conformed.count("cases") - 1


def test_a_deviation_with_a_reason_is_run_and_shown():
    conformed = run_kit(NoDocs(), deviations={"contract": "its page moved"}, only=FEW)
    assert conformed.ok
    assert tally(conformed, "contract").deviation == "its page moved"
    assert (conformed.count("failed"), conformed.count("deviated")) == (0, 1)


def test_a_deviation_that_is_not_needed_fails():
    conformed = run_kit(Zego(), deviations={"batch-order": "too hard"}, only=FEW)
    (problem,) = tally(conformed, "batch-order").problems
    assert "no longer needed: too hard" in problem
    assert not conformed.ok


@pytest.mark.parametrize(
    ("deviations", "said"),
    [({"contrakt": "x"}, "no check is called 'contrakt'"), ({"contract": " "}, "has no reason")],
)
def test_a_deviation_from_nothing_or_for_no_reason_is_an_error(deviations, said):
    conformed = run_kit(NoDocs(), deviations=deviations, only=FEW)
    assert not conformed.ok
    assert any(said in problem for problem in conformed.problems)


def test_a_check_that_does_not_exist_cannot_be_asked_for():
    with pytest.raises(ConfigError, match="no check is called 'contrakt'"):
        run_kit(Zego(), only=["contrakt"])


# --- Providers that fail ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [NoCells, NoSettings])
def test_a_provider_that_fails_everywhere_fails_its_checks_and_not_the_kit(kind):
    conformed = run_kit(kind(), only=FEW)
    assert not conformed.ok
    assert tally(conformed, "batch-order").problems


@pytest.mark.parametrize(
    ("named", "said"),
    [
        (None, "names no simulator"),
        ("nowhere:Nothing", "cannot be loaded: ModuleNotFoundError"),
        ("convops_zego.flows:Zego", r"is no convops\.testing\.Simulator"),
    ],
)
def test_a_provider_without_a_simulator_cannot_be_tested(named, said):
    class Unnamed(Zego):
        simulator = named

    with pytest.raises(ConfigError, match=said):
        simulator_of(Unnamed())


def test_a_vendor_unlike_ours_conforms_without_a_deviation():
    conformed = run_kit(Postbox())
    assert [(tally.check.id, tally.problems) for tally in conformed.tallies if tally.problems] == []
    assert conformed.ok


class Forgetful(Postbox):
    """Reads no answer to leaving a room."""

    def read(self, call, reply):
        return None if call.action == "leave" else super().read(call, reply)


class Unasked(Postbox):
    """Asks nobody whether the user is in the room."""

    def flow(self, account, operations):
        return spared(super().flow(account, operations))


def spared(flow):
    next(flow)
    call = flow.send(Reply(200, {}, {"membership": "join"}))
    yield call
    return [APPLIED]


class Gullible(Postbox):
    """Takes any text for a code, and a vendor may echo the request there."""

    def read(self, call, reply):
        code = reply.document.get("code")
        return None if code is None else error_for(self.codes, str(code))


@pytest.mark.parametrize(
    ("kind", "check"),
    [(Forgetful, "errors-map"), (Unasked, "idempotent"), (Gullible, "no-secret-leaks")],
)
def test_what_is_wrong_at_a_vendor_unlike_ours_is_found_too(kind, check):
    assert tally(run_kit(kind(), only=[check]), check).problems


# --- The table ------------------------------------------------------------------------------------------


def test_a_check_has_a_stable_name_one_sentence_and_a_test():
    for name, check in CHECKS.items():
        assert name == check.id == name.lower()
        assert check.sentence.endswith(".")
        assert check.sentence.count(". ") == 0
        assert (
            getattr(convops.testing.Conformance, f"test_{name.replace('-', '_')}").__doc__ == check.sentence
        )


# --- In a project of its own -------------------------------------------------------------------------------

PLUGIN_TEST = """
    import convops.testing
    from convops_zego.flows import Zego
    from convops_zego.simulator import ZegoSimulator


    class TestZego(convops.testing.Conformance):
        provider = "zego"
        simulator = ZegoSimulator


    def simulate():
        return ZegoSimulator(app_id=7)


    class TestMine(convops.testing.Conformance):
        provider = Zego()
        simulator = simulate
        settings = {"region": "singapore"}
        deviations = {"quota": "not needed"}
"""

APP_TEST = """
    import asyncio
    import time

    import convops
    import pytest
    from convops import Conversation, Effect

    dm = Conversation.direct(user="alice", peer="bob")


    def test_three_lines(convops_simulator):
        convops_simulator.receive(dm, 3)
        convops_simulator.connect().clear_unread(dm)
        assert convops_simulator.state(dm).unread == 0


    def test_a_fault(convops_simulator, convops_faults):
        convops_faults(convops.RateLimitedError("busy", retry_after=2.0), operation=convops.Mute)
        chat, began = convops_simulator.connect(), time.monotonic()
        with pytest.raises(convops.RateLimitedError) as caught:
            chat.mute(dm)
        assert (caught.value.retry_after, caught.value.provider) == (2.0, "memory")
        assert chat.mute(dm).effect is Effect.APPLIED
        assert time.monotonic() - began < 1.0


    def test_every_test_has_a_vendor_of_its_own(convops_simulator):
        assert convops_simulator.conversations() == {}


    def test_an_app_that_opens_its_own_clients(convops_simulator):
        convops_simulator.receive(dm)
        with convops.connect(convops_simulator.url) as chat:
            chat.delete(dm)
        assert convops_simulator.state(dm) is None


    def test_asynchronously(convops_simulator):
        async def app():
            async with convops_simulator.connect_async() as chat:
                await chat.mute(dm)

        convops_simulator.receive(dm)
        asyncio.run(app())
        assert convops_simulator.state(dm).muted
"""


def pytest_in(folder, text, *words):
    (folder / "test_it.py").write_text(textwrap.dedent(text), "utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", *words]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(  # noqa: S603 - our own tests
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=120, env=environment
    )
    return done.stdout


def test_five_lines_are_a_suite(tmp_path):
    said = pytest_in(
        tmp_path, PLUGIN_TEST, "-m", "conformance", "--strict-markers", "-k", "quota or contract"
    )
    assert "the deviation is no longer needed: not needed" in said
    assert "test_quota[mute-group-async]" not in said
    assert "1 failed, 12 passed" in said


def test_an_app_tests_itself_in_three_lines(tmp_path):
    assert "5 passed" in pytest_in(tmp_path, APP_TEST)


def test_pytest_is_not_needed_to_name_the_door():
    code = (
        "import sys; sys.modules['pytest'] = None\n"
        "import convops.testing\n"
        "assert convops.testing.Simulator and convops.testing.MemoryStore\n"
        "import convops.testing._simulator\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)  # noqa: S603 - our own code


def test_the_plugin_of_pytest_loads_nothing():
    code = (
        "import sys, pytest\n"
        "before = set(sys.modules)\n"
        "import convops.testing.pytest_plugin\n"
        "late = set(sys.modules) - before\n"
        "assert late.isdisjoint({'asyncio', 'httpx', 'cattrs', 'convops._client', 'convops._memory'}), late\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)  # noqa: S603 - our own code
