"""Every surface is looked at, and whatever is planted there is found."""

from __future__ import annotations

import inspect
import logging
import subprocess
import sys
import threading
import warnings
from http.client import HTTPConnection

import httpx
import pytest
from aiohttp import ClientSession

from convops.errors import TransportError
from convops.secret import Secret
from tests.leaks.evidence import Evidence, chain
from tests.leaks.plants import PLANTS, SENTINEL
from tests.leaks.scanner import Canary, Scanner
from tests.leaks.surfaces import BY_A_COMMAND, BY_A_RECORDER, ON_AN_EXCHANGE, RAISED, REPORTED, Surface
from tests.leaks.watches import everything_kept, observed

PLANTED = [(surface, plant) for surface, plants in PLANTS.items() for plant in plants]


@pytest.fixture
def scanner():
    made = Scanner()
    made.watch("sentinel", SENTINEL)
    return made


@pytest.mark.parametrize(
    ("surface", "plant"), PLANTED, ids=[f"{s.name.lower()}-{p.__name__}" for s, p in PLANTED]
)
def test_every_planted_leak_is_found_where_it_is(scanner, tmp_path, surface, plant):
    evidence = Evidence()
    wants = {"folder": tmp_path} if "folder" in inspect.signature(plant).parameters else {}
    with everything_kept(evidence, tracing=surface is Surface.SENTRY_TRACES):
        plant(evidence, **wants)
    assert surface in {found for found, *_ in evidence.leaks(scanner)}


def test_leaks_are_planted_on_every_surface():
    assert PLANTS.keys() == set(Surface)
    assert len(Surface) >= 20
    assert len(PLANTED) >= 30


def test_every_surface_is_demanded_of_the_tests():
    assert set(Surface) == ON_AN_EXCHANGE | RAISED | REPORTED | BY_A_RECORDER | BY_A_COMMAND


def test_a_surface_that_was_not_looked_at_is_missed(scanner):
    evidence = Evidence()
    evidence.add(Surface.LOGS, "any", "nothing")
    evidence.assert_clean(scanner, {Surface.LOGS})
    with pytest.raises(AssertionError, match="PLAN"):
        evidence.assert_clean(scanner, {Surface.LOGS, Surface.PLAN})


def test_what_shows_nothing_is_not_reported(scanner):
    evidence = Evidence()

    def act():
        logging.getLogger("convops").info("asking %r with %r", "https://c.example", Secret(SENTINEL))
        warnings.warn("unsigned", stacklevel=1)
        evidence.show(Canary(SENTINEL))
        evidence.show(Secret(SENTINEL))
        evidence.keep(Secret(SENTINEL))
        raise TransportError("cannot reach it", code=7)

    assert type(observed(evidence, act, tracing=True)) is TransportError
    assert len(evidence.texts) > 20
    evidence.assert_clean(scanner, RAISED)


def test_the_chain_of_an_exception_is_followed_through_loops_and_groups():
    first, second, third = LookupError("1"), ValueError("2"), KeyError("3")
    first.__context__, second.__cause__ = second, first
    several = ExceptionGroup("several", [first, third])
    assert set(chain(several)) == {several, first, second, third}


def looks():
    owners = (logging.Logger, threading.Thread, subprocess.Popen, HTTPConnection, httpx.Client, ClientSession)
    methods = [dict(vars(owner)) for owner in (*owners, httpx.HTTPTransport, httpx.AsyncHTTPTransport)]
    return methods, sys.excepthook, logging.getLogger().handlers[:], logging.getLogger().level


def test_nothing_of_a_watch_is_left_when_it_ends():
    before = looks()
    with everything_kept(Evidence()):
        assert all(now != then for now, then in zip(looks(), before, strict=True))
    assert looks() == before
