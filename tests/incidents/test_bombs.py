"""urllib3, three advisories in half a year: guards over compressed answers that had ways around them.

CVE-2025-66418 (any number of encodings on top of each other), CVE-2025-66471, CVE-2026-21441 and
CVE-2026-44432 (more unpacked than asked for: by the streaming API, on a redirect, while draining a
connection), CVE-2026-44431 (headers kept across a redirect behind a proxy). Here nothing is ever unpacked.
"""

from __future__ import annotations

import httpx
import pytest

from convops.errors import Effect, MalformedReplyError
from convops.operations import Conversation
from convops.provider import Credentials, Failure, FailureKind
from tests.incidents.bombs import INFLATED, MIB, bomb, chain, memory_of
from tests.transports.flavours import Probe
from tests.transports.rawserver import answering
from tests.transports.scripted import OK, Scripted
from tests.transports.test_options import BASIC, through, tunnel

DM = Conversation.direct(user="alice", peer="bob")
MOST = 16 * MIB

ENCODINGS = {
    "gzip": ("content-encoding: gzip",),
    "in capitals": ("Content-Encoding: GZIP",),
    "x-gzip": ("content-encoding: x-gzip",),
    "deflate": ("content-encoding: deflate",),
    "br": ("content-encoding: br",),
    "zstd": ("content-encoding: zstd",),
    "unknown": ("content-encoding: aes128gcm",),
    "identity first": ("content-encoding: identity, gzip",),
    "identity last": ("content-encoding: gzip, identity",),
    "in two fields": ("content-encoding: identity", "content-encoding: gzip"),
    "fifty": ("content-encoding: " + ", ".join(["gzip"] * 50),),
    "fifty fields": ("content-encoding: gzip",) * 50,
    "with white space": ("content-encoding: \t gzip \t",),
}
TRANSFERS = {
    "gzip": "gzip",
    "gzip in chunks": "gzip, chunked",
    "identity": "identity",
    "chunked twice": "chunked, chunked",
}


def refused(flavour, server):
    with pytest.raises(MalformedReplyError) as caught:
        flavour.open(Scripted(server.url), attempts=1).mute(DM)
    assert caught.value.effect is Effect.UNKNOWN
    server.wait_for_end(0)


# --- One, and as many as there are ------------------------------------------------------------------------


@pytest.mark.parametrize("fields", ENCODINGS.values(), ids=ENCODINGS)
def test_a_bomb_is_refused_by_what_its_head_says_and_nothing_is_unpacked(flavour, serve_raw, fields):
    server, body = serve_raw(answering(bomb(), headers=fields)), bomb()
    _, most = memory_of(lambda: refused(flavour, server))
    assert len(body) < MIB
    assert most < MOST


@pytest.mark.parametrize("status", [200, 302, 307, 400, 429, 500, 503])
def test_a_bomb_is_unpacked_under_no_status(flavour, serve_raw, status):
    fields = ("content-encoding: gzip", "location: /elsewhere", "retry-after: 0")
    server = serve_raw(answering(bomb(), status=status, headers=fields))
    adapter = flavour.adapter()
    result, most = memory_of(lambda: adapter.exchange(Probe(server.url)))
    assert result == Failure(FailureKind.ENCODED, sent=True)
    assert most < MOST
    assert len(server.received) == 1


@pytest.mark.parametrize("links", [1, 2, 5, 50])
def test_no_number_of_encodings_is_undone(flavour, serve_raw, links):
    fields = ("content-encoding: " + ", ".join(["gzip"] * links),)
    refused(flavour, serve_raw(answering(chain(links), headers=fields)))


@pytest.mark.parametrize("transfer", TRANSFERS.values(), ids=TRANSFERS)
def test_no_encoding_of_the_transfer_is_undone(flavour, serve_raw, transfer):
    def handle(peer, _):
        peer.send(f"HTTP/1.1 200 X\r\ntransfer-encoding: {transfer}\r\n\r\n".encode())
        peer.send(b"%x\r\n%s\r\n0\r\n\r\n" % (len(bomb()), bomb()))

    server = serve_raw(handle)
    _, most = memory_of(lambda: refused(flavour, server))
    assert most < MOST


def test_a_bomb_that_does_not_say_so_is_no_json(flavour, serve_raw):
    server = serve_raw(answering(bomb()))
    with pytest.raises(MalformedReplyError):
        flavour.open(Scripted(server.url), attempts=1).mute(DM)


def test_a_client_that_unpacks_holds_it_all(serve_raw):
    """What the tests above are there to catch."""
    server = serve_raw(answering(bomb(), headers=("content-encoding: gzip",)))
    with httpx.Client(trust_env=False) as naive:
        answered, most = memory_of(lambda: naive.get(server.url).content)
    assert len(answered) == INFLATED
    assert most > INFLATED
    with httpx.Client(trust_env=False) as naive:
        fifty = ", ".join(["gzip"] * 50)
        chained = serve_raw(answering(chain(50), headers=(f"content-encoding: {fifty}",)))
        assert naive.get(chained.url).content == OK


# --- A redirect behind a proxy ----------------------------------------------------------------------------


def credentials():
    return Credentials(query={"sig": "s3cr3t"}, headers={"x-signature": "s3cr3t", "authorization": "s3cr3t"})


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_behind_a_proxy_takes_nothing_anywhere(flavour, serve_raw, status):
    there = serve_raw(answering(OK))
    here = serve_raw(answering(OK, status=status, headers=(f"location: {there.url}/",)))
    proxy = serve_raw(tunnel)
    chat = flavour.open(Scripted(here.url, credentials), proxy=through(proxy), attempts=1)
    with pytest.raises(MalformedReplyError):
        chat.mute(DM)
    assert [request.all("proxy-authorization") for request in proxy.received] == [[BASIC]]
    assert [request.all("proxy-authorization") for request in here.received] == [[]]
    assert there.peers == []


def test_a_proxy_is_told_nothing_of_what_another_origin_was_sent(flavour, serve_raw):
    """One proxy, two tenants at two vendors: neither sees what the other sent."""
    proxy = serve_raw(tunnel)
    servers = [serve_raw(answering(OK)) for _ in range(2)]
    for number, server in enumerate(servers):
        secret = Credentials(headers={f"x-signature-{number}": "s3cr3t"})
        chat = flavour.open(Scripted(server.url, lambda secret=secret: secret), proxy=through(proxy))
        assert chat.mute(DM).ok
    names = [{name for name, _ in server.received[0].fields} for server in servers]
    assert ["x-signature-0" in found for found in names] == [True, False]
    assert ["x-signature-1" in found for found in names] == [False, True]
    assert not any("proxy-authorization" in found for found in names)


def test_a_client_that_follows_behind_a_proxy_takes_its_headers_along(serve_raw):
    """What the tests above are there to catch."""
    there = serve_raw(answering(OK))
    here = serve_raw(answering(OK, status=307, headers=(f"location: {there.url}/",)))
    proxy = serve_raw(tunnel)
    with httpx.Client(proxy=through(proxy), follow_redirects=True, trust_env=False) as naive:
        naive.post(here.url, headers={"x-signature": "s3cr3t"})
    assert there.received[0].all("x-signature") == ["s3cr3t"]
