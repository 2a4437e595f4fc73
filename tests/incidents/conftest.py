"""Both clients, raw servers and a certificate authority; and silence."""

from __future__ import annotations

import logging

import pytest

from tests.transports.conftest import flavour, serve_raw, tls

__all__ = ["flavour", "quiet", "serve_raw", "tls"]


@pytest.fixture(autouse=True)
def quiet(caplog):
    """Tens of thousands of operations, and a line about each, are nobody's to read."""
    caplog.set_level(logging.CRITICAL, "convops")
