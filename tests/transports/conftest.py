"""Both kinds of adapter, raw servers, and a certificate authority."""

from __future__ import annotations

import socket
import ssl
from contextlib import ExitStack

import pytest
import trustme
from attrs import frozen

from tests.transports.flavours import Flavour
from tests.transports.rawserver import HOST, RawServer


@pytest.fixture(params=["sync", "async"])
def flavour(request):
    made = Flavour(request.param)
    yield made
    made.close()


@pytest.fixture
def serve_raw():
    """Return a function that starts a server; all are closed at the end."""
    with ExitStack() as closing:

        def start(handle, *, tls=None):
            server = RawServer(handle, tls=tls)
            closing.callback(server.close)
            return server

        yield start


@frozen
class Tls:
    """A certificate authority of our own.

    Attributes:
        authority: what issues.
        file: its certificate.
    """

    authority: trustme.CA
    file: str

    def server(self, host=HOST):
        """Return the server's side of TLS for a host."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.authority.issue_cert(host).configure_cert(context)
        return context


@pytest.fixture(scope="session")
def tls(tmp_path_factory):
    file = tmp_path_factory.mktemp("tls") / "ca.pem"
    made = Tls(trustme.CA(), str(file))
    made.authority.cert_pem.write_to_path(file)
    return made


@pytest.fixture
def refused_port():
    """A port on which nobody listens, kept from being taken."""
    with socket.socket() as bound:
        bound.bind((HOST, 0))
        yield bound.getsockname()[1]
