"""Both clients, both vendors, and a stage for each pair of them."""

from __future__ import annotations

import pytest

from tests.leaks.stage import Stage
from tests.transports.flavours import Flavour


@pytest.fixture(params=["sync", "async"])
def flavour(request):
    made = Flavour(request.param)
    if made.loop is not None:
        made.loop.set_debug(True)
    yield made
    made.close()


@pytest.fixture(params=["zego", "tencent"])
def vendor(request):
    return request.param


@pytest.fixture
def stage(flavour, vendor, tmp_path):
    made = Stage(flavour, vendor, tmp_path)
    yield made
    made.server.close()
