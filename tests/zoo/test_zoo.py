"""Subtly broken plugins: each imports, clears a count, and is caught by the check that is named."""

from __future__ import annotations

import importlib
import warnings

import pytest

from convops.operations import ClearUnread, ConversationKind
from convops.testing._checks import CHECKS
from convops.testing._conformance import cases_of, run_check
from convops.testing._stage import Stage
from convops.testing._subject import Case, Subject
from convops_tencent.simulator import TencentSimulator
from convops_zego.flows import Zego
from convops_zego.simulator import ZegoSimulator
from tests.zoo.keeper import ANIMALS
from tests.zoo.recordings import RECORDINGS, record

pytestmark = pytest.mark.zoo

HOUSES = ("batches", "credentials", "errors", "faces", "flows", "ids", "outside")

for house in HOUSES:
    importlib.import_module(f"tests.zoo.{house}")

SIMULATORS = {"zego": ZegoSimulator, "tencent": TencentSimulator}


def subject_of(provider, cassettes=None):
    return Subject(provider=provider, make=SIMULATORS[provider.name], cassettes=cassettes)


def failure(check, subject):
    """Return the first thing a check finds wrong."""
    for case in cases_of(CHECKS[check], subject):
        try:
            run_check(CHECKS[check], subject, case)
        except Exception as error:  # noqa: BLE001 - what does not conform can fail in any way
            return f"{case}: {error}"
    return None


def entered():
    for one in ANIMALS:
        marks = [pytest.mark.xfail(reason=one.survives, strict=True)] if one.survives else []
        yield pytest.param(one, id=f"{one.name}-{one.check}", marks=marks)


@pytest.mark.parametrize("animal", list(entered()))
def test_it_is_caught(animal):
    with warnings.catch_warnings():
        # An animal that runs into a bar leaves what it had opened behind.
        warnings.simplefilter("ignore", ResourceWarning)
        found = failure(animal.check, subject_of(animal.make()))
    assert found, f"{animal.name}, which {animal.wrong}, passes {animal.check}"


@pytest.mark.parametrize("animal", ANIMALS, ids=lambda animal: animal.name)
def test_it_passes_for_good_at_first_sight(animal):
    with Stage(subject_of(animal.make()), Case(flavour="sync")) as stage:
        assert stage.do(ClearUnread(stage.main(ConversationKind.DIRECT))).ok


@pytest.mark.parametrize("name", RECORDINGS)
def test_a_cassette_that_is_not_clean_is_caught(name, tmp_path):
    record(tmp_path, name)
    assert failure("cassettes-clean", subject_of(Zego(), tmp_path))


def test_there_are_enough_animals_and_nearly_all_are_caught():
    survivors = [animal.name for animal in ANIMALS if animal.survives]
    assert len(ANIMALS) >= 40
    assert len(survivors) <= len(ANIMALS) * 0.05
    assert len({animal.name for animal in ANIMALS}) == len(ANIMALS)


def test_every_check_has_an_animal_of_its_own():
    assert {animal.check for animal in ANIMALS} | {"cassettes-clean"} == set(CHECKS)
