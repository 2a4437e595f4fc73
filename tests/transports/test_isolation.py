"""An exchange is with one host, and depends on nothing but its client's options."""

from __future__ import annotations

import gc
import ssl

import pytest

from convops.errors import Effect, MalformedReplyError
from convops.operations import Conversation
from convops.provider import Failure, FailureKind, HttpReply
from tests.transports.flavours import Probe
from tests.transports.rawserver import answering
from tests.transports.scripted import OK, Scripted

DM = Conversation.direct(user="alice", peer="bob")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_never_followed(flavour, serve_raw, status):
    elsewhere = serve_raw(answering(OK))
    server = serve_raw(answering(OK, status=status, headers=(f"location: {elsewhere.url}/",)))
    with pytest.raises(MalformedReplyError) as caught:
        flavour.open(Scripted(server.url), attempts=1).mute(DM)
    assert caught.value.effect is Effect.UNKNOWN
    assert len(server.received) == 1
    assert elsewhere.peers == []


def test_a_cookie_is_never_sent_back(flavour, serve_raw):
    server = serve_raw(answering(OK, headers=("set-cookie: session=1; path=/", "set-cookie: other=2")))
    chat = flavour.open(Scripted(server.url))
    for _ in range(3):
        chat.mute(DM)
    assert [request.all("cookie") for request in server.received] == [[], [], []]


def test_a_request_says_who_it_is_and_what_it_takes(flavour, serve_raw):
    server = serve_raw(answering(OK))
    flavour.open(Scripted(server.url)).mute(DM)
    (request,) = server.received
    assert dict(request.fields) == {
        "host": server.url.removeprefix("http://"),
        "accept": "application/json",
        "accept-encoding": "identity",
        "user-agent": "convops",
        "content-type": "application/json",
        "content-length": "15",
    }
    assert len(request.fields) == 6
    assert request.body == b'{"other":"bob"}'


def test_a_proxy_named_by_the_environment_is_not_used(flavour, serve_raw, tls, monkeypatch):
    proxy = serve_raw(answering(OK))
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy.url)
        monkeypatch.setenv(name.lower(), proxy.url)
    monkeypatch.setenv("NO_PROXY", "")
    for server in (serve_raw(answering()), serve_raw(answering(), tls=tls.server())):
        assert isinstance(flavour.adapter(verify=tls.file).exchange(Probe(server.url)), HttpReply)
    assert proxy.peers == []


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_an_authority_named_by_the_environment_is_not_trusted(flavour, serve_raw, tls, monkeypatch, name):
    monkeypatch.setenv(name, tls.file)
    server = serve_raw(answering(), tls=tls.server())
    assert flavour.adapter().exchange(Probe(server.url)) == Failure(FailureKind.TLS, sent=False)


def test_no_keys_are_written_where_the_environment_says(flavour, serve_raw, tls, monkeypatch, tmp_path):
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    server = serve_raw(answering(), tls=tls.server())
    assert isinstance(flavour.adapter(verify=tls.file).exchange(Probe(server.url)), HttpReply)
    assert not (tmp_path / "keys").exists()


def test_a_netrc_is_not_read(flavour, serve_raw, monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login user password word\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".netrc").write_text(netrc.read_text())
    server = serve_raw(answering(OK))
    flavour.open(Scripted(server.url)).mute(DM)
    assert server.received[0].all("authorization") == []


def contexts():
    return [thing for thing in gc.get_objects() if isinstance(thing, ssl.SSLContext)]


def test_the_tls_context_is_shared_by_every_client_that_verifies_alike(flavour, serve_raw, tls):
    server = serve_raw(answering(), tls=tls.server())
    asked = [flavour.adapter() for _ in range(4)]
    assert asked[0].exchange(Probe(server.url)) == Failure(FailureKind.TLS, sent=False)
    before = contexts()
    for adapter in asked:
        assert adapter.exchange(Probe(server.url)) == Failure(FailureKind.TLS, sent=False)
    assert [context for context in contexts() if context not in before] == []
