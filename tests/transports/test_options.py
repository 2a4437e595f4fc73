"""What a caller may say about connections: `transport=`, `verify=` and `proxy=`."""

from __future__ import annotations

import base64
import socket
import ssl
import threading
import traceback

import httpx
import pytest

from convops.errors import ConfigError, ConvopsError, Effect, TransportError
from convops.operations import Conversation
from convops.provider import Failure, FailureKind, HttpReply
from tests.transports import chosen
from tests.transports.flavours import Probe
from tests.transports.rawserver import HOST, answering
from tests.transports.scripted import OK, Scripted

DM = Conversation.direct(user="alice", peer="bob")


class Fixed:
    """A blocking adapter that always answers the same."""

    closed = False

    def exchange(self, attempt, deadline):
        attempt.sign()
        return HttpReply(200, {}, OK)

    def close(self):
        self.closed = True


class FixedAsync:
    closed = False

    async def exchange(self, attempt, deadline):
        attempt.sign()
        return HttpReply(200, {}, OK)

    async def aclose(self):
        self.closed = True


# --- transport= -----------------------------------------------------------------------------------------


def test_a_transport_can_be_named(flavour, serve_raw):
    server = serve_raw(answering(OK))
    assert flavour.open(Scripted(server.url), transport=chosen.name()).mute(DM).ok


def test_an_adapter_of_ones_own_is_used_and_closed(flavour):
    adapter = FixedAsync() if flavour.asynchronous else Fixed()
    chat = flavour.open(Scripted("https://unused.example"), transport=adapter)
    assert chat.mute(DM).ok
    chat.close()
    assert adapter.closed


@pytest.mark.of_httpx("transports of its own")
def test_a_transport_of_httpx_itself_is_used_and_closed(flavour, serve_raw):
    server, spy = serve_raw(answering(OK)), flavour.spy()
    chat = flavour.open(Scripted(server.url), transport=spy)
    for _ in range(2):
        assert chat.mute(DM).ok
    assert len(spy.requests) == 2
    chat.close()
    server.wait_for_end(0)


@pytest.mark.parametrize(
    "unusable",
    [
        "requests",
        "",
        object(),
        httpx.HTTPTransport,
        httpx.Client,
        httpx.MockTransport(lambda _: httpx.Response(200)),
        7,
        b"httpx",
    ],
)
def test_anything_else_is_no_transport(flavour, unusable):
    with pytest.raises(ConfigError):
        flavour.open(Scripted("https://unused.example"), transport=unusable)


def test_a_client_of_httpx_is_no_transport(flavour):
    with httpx.Client() as client, pytest.raises(ConfigError):
        flavour.open(Scripted("https://unused.example"), transport=client)


def test_a_transport_of_the_other_kind_is_refused_by_name(flavour):
    for other in (
        httpx.HTTPTransport() if flavour.asynchronous else httpx.AsyncHTTPTransport(),
        Fixed() if flavour.asynchronous else FixedAsync(),
    ):
        with pytest.raises(ConfigError, match=type(other).__name__):
            flavour.open(Scripted("https://unused.example"), transport=other)


# --- verify= --------------------------------------------------------------------------------------------


def test_an_authority_can_be_given_as_a_file_or_as_a_context(flavour, serve_raw, tls):
    server = serve_raw(answering(OK), tls=tls.server())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    tls.authority.configure_trust(context)
    for verify in (tls.file, context):
        assert flavour.open(Scripted(server.url), verify=verify).mute(DM).ok


def test_a_context_that_does_not_verify_is_refused(flavour):
    careless = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    careless.check_hostname = False
    without = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    without.check_hostname, without.verify_mode = False, ssl.CERT_NONE
    optional = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    optional.verify_mode = ssl.CERT_OPTIONAL
    for context in (careless, without, optional):
        with pytest.raises(ConfigError, match="verify"):
            flavour.open(Scripted("https://unused.example"), verify=context)


@pytest.mark.parametrize("verify", [False, 0, True, b"ca.pem", "", "/nowhere/ca.pem", "/"])
def test_verification_is_never_off_and_never_by_something_unreadable(flavour, verify):
    with pytest.raises(ConfigError, match="verify"):
        flavour.open(Scripted("https://unused.example"), verify=verify)


def test_a_file_that_holds_no_certificate_is_refused(flavour, tmp_path):
    file = tmp_path / "ca.pem"
    for content in ("", "no certificate"):
        file.write_text(content)
        with pytest.raises(ConfigError, match="verify"):
            flavour.open(Scripted("https://unused.example"), verify=str(file))


def test_what_a_given_transport_decides_cannot_be_decided_beside_it(flavour, tls):
    adapter = FixedAsync() if flavour.asynchronous else Fixed()
    for options in ({"verify": tls.file}, {"proxy": "http://127.0.0.1:1"}):
        with pytest.raises(ConfigError):
            flavour.open(Scripted("https://unused.example"), transport=adapter, **options)


# --- proxy= -----------------------------------------------------------------------------------------------

PASSWORD = "pr0xy-p4ssw0rd"
BASIC = "Basic " + base64.b64encode(f"user:{PASSWORD}".encode()).decode()


def tunnel(peer, request):
    """Connect both ends for CONNECT, and pass on anything else."""
    host, _, port = request.target.removeprefix("http://").partition("/")[0].rpartition(":")
    with socket.create_connection((host, int(port))) as onwards:
        if request.method == "CONNECT":
            peer.send(b"HTTP/1.1 200 Connected\r\n\r\n")
        else:
            target = "/" + request.target.removeprefix("http://").partition("/")[2]
            head = [f"{request.method} {target} HTTP/1.1"]
            head += [f"{name}: {value}" for name, value in request.fields if not name.startswith("proxy-")]
            onwards.sendall("\r\n".join([*head, "", ""]).encode() + request.body)
        back = threading.Thread(target=pump, args=(onwards, peer.connection))
        back.start()
        pump(peer.connection, onwards)
        back.join()


def pump(source, sink):
    try:
        while content := source.recv(65536):
            sink.sendall(content)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def through(proxy):
    return proxy.url.replace("http://", f"http://user:{PASSWORD}@")


def test_a_proxy_forwards_plain_http(flavour, serve_raw):
    server, proxy = serve_raw(answering(OK)), serve_raw(tunnel)
    assert flavour.open(Scripted(server.url), proxy=through(proxy)).mute(DM).ok
    assert [request.target for request in proxy.received] == [f"{server.url}/alice"]
    assert proxy.received[0].all("proxy-authorization") == [BASIC]
    assert [request.target for request in server.received] == ["/alice"]
    assert server.received[0].all("proxy-authorization") == []


def test_a_proxy_tunnels_https_and_sees_no_request(flavour, serve_raw, tls):
    server, proxy = serve_raw(answering(OK), tls=tls.server()), serve_raw(tunnel)
    chat = flavour.open(Scripted(server.url), proxy=through(proxy), verify=tls.file)
    for _ in range(2):
        assert chat.mute(DM).ok
    assert {(request.method, request.target) for request in proxy.received} == {
        ("CONNECT", f"{HOST}:{server.port}")
    }
    assert proxy.received[0].all("proxy-authorization") == [BASIC]
    assert [request.target for request in server.received] == ["/alice", "/alice"]
    assert server.received[0].all("proxy-authorization") == []


def test_a_tunnel_is_used_again(flavour, serve_raw, tls):
    server, proxy = serve_raw(answering(OK), tls=tls.server()), serve_raw(tunnel)
    chat = flavour.open(Scripted(server.url), proxy=through(proxy), verify=tls.file)
    for _ in range(3):
        chat.mute(DM)
    assert len(proxy.received) == 1


def test_a_certificate_is_checked_through_a_proxy_too(flavour, serve_raw, tls):
    server, proxy = serve_raw(answering(OK), tls=tls.server()), serve_raw(tunnel)
    result = flavour.drive(flavour.open(Scripted(server.url), proxy=through(proxy)).target._transport)
    assert result.exchange(Probe(server.url)) == Failure(FailureKind.TLS, sent=False)
    assert server.received == []


def test_a_proxy_that_refuses_a_tunnel_has_sent_nothing(flavour, serve_raw):
    proxy = serve_raw(answering(b"", status=407))
    chat = flavour.open(Scripted("https://chat.example"), proxy=through(proxy), attempts=1)
    with pytest.raises(TransportError) as caught:
        chat.mute(DM)
    assert caught.value.effect is Effect.NOT_APPLIED


def test_a_proxy_that_cannot_be_reached_has_sent_nothing(flavour, refused_port):
    proxy = f"http://user:{PASSWORD}@{HOST}:{refused_port}"
    chat = flavour.open(Scripted("https://chat.example"), proxy=proxy, attempts=1)
    with pytest.raises(TransportError) as caught:
        chat.mute(DM)
    assert caught.value.effect is Effect.NOT_APPLIED
    assert PASSWORD not in repr(chat.target) + repr(vars(chat.target._transport))


@pytest.mark.parametrize(
    "proxy",
    [
        f"ftp://user:{PASSWORD}@{HOST}:1",
        f"http://user:{PASSWORD}@[{HOST}:1",
        f"http://user:{PASSWORD}@{HOST}:port",
        f"user:{PASSWORD}@{HOST}:1",
        f"http://user:{PASSWORD}@:1",
        f"socks5://user:{PASSWORD}@{HOST}:1",
        f"https://user:{PASSWORD}@{HOST}:1",
        "",
    ],
)
def test_an_unusable_proxy_is_refused_at_the_door_without_repeating_it(flavour, proxy):
    with pytest.raises(ConfigError) as caught:
        flavour.open(Scripted("https://chat.example"), proxy=proxy)
    told = "".join(traceback.format_exception(caught.value.with_traceback(None)))
    assert PASSWORD not in told


def test_a_proxy_is_a_text_or_nothing(flavour):
    for proxy in (7, b"http://127.0.0.1:1", httpx.Proxy("http://127.0.0.1:1")):
        with pytest.raises(ConvopsError):
            flavour.open(Scripted("https://chat.example"), proxy=proxy)
