"""Both clients."""

from __future__ import annotations

import pytest

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
