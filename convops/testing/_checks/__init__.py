"""The table of checks: what every provider must keep."""

from convops.testing._checks import batches, cells, contract, credentials, errors, ids, leaks, purity
from convops.testing._checks._check import Check

CHECKS: dict[str, Check] = {
    check.id: check
    for room in (contract, cells, batches, ids, errors, purity, leaks, credentials)
    for check in room.CHECKS
}

__all__ = ["CHECKS", "Check"]
