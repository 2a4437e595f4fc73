"""Both clients, and worlds for them to speak to."""

from __future__ import annotations

import pytest

from convops.testing import serve
from tests.transports.flavours import Flavour
from tests.wire.worlds import Stand, Worlds


@pytest.fixture(params=["sync", "async"])
def flavour(request):
    made = Flavour(request.param)
    yield made
    made.close()


@pytest.fixture(scope="session")
def stand():
    made = Stand()
    with serve(made) as made.url:
        yield made


@pytest.fixture
def worlds(flavour, stand):
    made = Worlds(flavour, stand)
    yield made
    made.close()


@pytest.fixture(params=["zego", "tencent"])
def vendor(request):
    return request.param


@pytest.fixture(params=["in process", "over a socket"])
def socket(request):
    return request.param == "over a socket"
