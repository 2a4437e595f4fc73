"""What is no HTTP, or leads nowhere, is not sent, whichever adapter is asked; and it is no exception."""

from __future__ import annotations

import pytest
from attrs import frozen

from convops.provider import Call, Failure, FailureKind
from tests.transports.flavours import Probe
from tests.transports.rawserver import answering

UNSENT = Failure(FailureKind.CONNECT, sent=False)


@frozen
class Bent:
    """An attempt like any other but for what it says of itself."""

    attempt: Probe
    said: dict

    def __getattr__(self, name):
        return self.said.get(name) or getattr(self.attempt, name)

    def sign(self):
        return self.said.get("signed") or self.attempt.sign()


@pytest.mark.parametrize("name", ["x-token", "Auth orization", "x:token", "x-token\r\nx-more", ""])
@pytest.mark.parametrize(
    "value", ["good", "bad\r\nx-more: 1", "bad\n", "bad\0", "bad\ud800", " bad", "bad ", "\r"]
)
def test_a_credential_that_is_no_header_field_is_not_sent(flavour, serve_raw, name, value):
    server = serve_raw(answering())
    result = flavour.adapter().exchange(Probe(server.url, headers={name: value}))
    if (name, value) == ("x-token", "good"):
        assert result.status == 200
    else:
        assert result == UNSENT
        assert server.received == []


@pytest.mark.parametrize("target", ["/a b", "/a\r\nx-more: 1", "/a\n", "/\0", "/\xe9"])
def test_a_target_that_would_end_its_line_is_not_sent(flavour, serve_raw, target):
    server = serve_raw(answering())
    bent = Bent(Probe(server.url), {"signed": (target, {})})
    assert flavour.adapter().exchange(bent) == UNSENT
    assert server.received == []


@pytest.mark.parametrize("method", ["HEAD", "CONNECT", "GET /other HTTP/1.1\r\nx:"])
def test_a_method_whose_answer_ends_elsewhere_is_not_sent(flavour, serve_raw, method):
    server = serve_raw(answering())
    bent = Bent(Probe(server.url), {"call": Call(action="probe", method=method)})
    assert not flavour.adapter().exchange(bent).sent
    assert server.received == []


@pytest.mark.parametrize(
    "origin",
    [
        "htps://127.0.0.1:{port}",
        "ftp://127.0.0.1:{port}",
        "ws://127.0.0.1",
        "https://",
        "https://h:99999",
        "https://h:0",
        "x",
    ],
)
def test_nothing_is_sent_to_an_origin_that_is_none(flavour, serve_raw, origin):
    server = serve_raw(answering())
    port = server.url.rpartition(":")[2]
    bent = Bent(Probe(server.url), {"origin": origin.format(port=port)})
    assert flavour.adapter().exchange(bent) == UNSENT
    assert server.received == []
