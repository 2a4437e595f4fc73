"""A capability cell answers one question easily: is it usable?"""

from __future__ import annotations

import pickle

import attrs
import pytest

from convops import Caveat, Evidence, Fidelity, Support


@pytest.mark.parametrize("fidelity", [Fidelity.NATIVE, Fidelity.EQUIVALENT])
def test_native_and_equivalent_are_usable(fidelity):
    assert Support(fidelity=fidelity)


@pytest.mark.parametrize("lacked_by", ["vendor", "plugin"])
def test_unsupported_is_not(lacked_by):
    support = Support(fidelity=Fidelity.UNSUPPORTED, lacked_by=lacked_by)
    assert not support
    assert support.lacked_by == lacked_by


def test_what_is_unsupported_says_who_lacks_it():
    with pytest.raises(ValueError, match="lacked_by"):
        Support(fidelity=Fidelity.UNSUPPORTED)


@pytest.mark.parametrize("fidelity", [Fidelity.NATIVE, Fidelity.EQUIVALENT])
def test_what_is_usable_is_lacked_by_nobody(fidelity):
    with pytest.raises(ValueError, match="lacked_by"):
        Support(fidelity=fidelity, lacked_by="vendor")


def test_a_cell_claims_no_more_than_it_was_given():
    support = Support(fidelity=Fidelity.NATIVE)
    assert support.evidence is Evidence.DOCUMENTED
    assert support.batch == 1
    assert support.rate is None
    assert support.time_pinned is False
    assert support.caveats == ()


@pytest.mark.parametrize("batch", [0, -1])
def test_a_call_that_carries_no_operation_is_no_batch(batch):
    with pytest.raises(ValueError, match="batch"):
        Support(fidelity=Fidelity.NATIVE, batch=batch)


def test_a_cell_is_frozen_hashable_and_survives_a_pickle():
    caveat = Caveat("zego.latest-1000-only", "only the latest 1000", "https://vendor.example")
    support = Support(fidelity=Fidelity.EQUIVALENT, caveats=(caveat,))
    assert pickle.loads(pickle.dumps(support)) == support  # noqa: S301
    assert len({support, attrs.evolve(support)}) == 1
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        support.batch = 2
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        caveat.id = "other"


def test_the_words_of_a_cell_are_those_of_the_design():
    assert [fidelity.name for fidelity in Fidelity] == ["NATIVE", "EQUIVALENT", "UNSUPPORTED"]
    assert [evidence.name for evidence in Evidence] == ["DOCUMENTED", "SIMULATED", "LIVE"]
