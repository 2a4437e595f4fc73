"""One server for a session, and clients that speak to it."""

from __future__ import annotations

import importlib.util

import pytest

from tests.synapse.homeserver import running
from tests.transports.flavours import Flavour


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    if importlib.util.find_spec("synapse") is None:
        pytest.skip("no matrix-synapse here: uv run --group matrix pytest -m synapse")
    with running(tmp_path_factory.mktemp("synapse")) as made:
        yield made


@pytest.fixture(params=["sync", "async"])
def flavour(request):
    made = Flavour(request.param)
    yield made
    made.close()


@pytest.fixture
def connect(flavour, server):
    """Open a client: the application service's, or with a token of somebody's own."""

    def opened(token=None, **settings):
        settings = {"base_url": server.url, "access_token": token or server.token, **settings}
        return flavour.connect("matrix", **settings)

    return opened
