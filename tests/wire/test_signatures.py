"""Signatures are those of the vendors' own samples and libraries, and none is used where it should not be."""

from __future__ import annotations

import base64
import hashlib
import json
import zlib

import pytest
import TLSSigAPIv2

from convops.operations import ClearUnread, Conversation
from convops.provider import Call, Ticket
from convops.secret import Secret
from convops_tencent.signer import TencentSigner
from convops_zego.signer import ZegoSigner
from tests.wire.worlds import DM, query

CALL = Call(action="any")


def decoded(usersig):
    packed = usersig.replace("*", "+").replace("-", "/").replace("_", "=")
    return json.loads(zlib.decompress(base64.b64decode(packed, validate=True)))


def test_zegos_own_sample_is_signed_as_its_page_says():
    # https://www.zegocloud.com/docs/zim-server/accessing-server-apis
    signer = ZegoSigner(12345, Secret("9193cc662a4c0ec135ec71fb57194b38"))
    credentials = signer.sign(CALL, now=1615186943.9, nonce=bytes.fromhex("4fd24687296dd9f3"), ticket=None)
    assert credentials.query == {
        "AppId": "12345",
        "SignatureNonce": "4fd24687296dd9f3",
        "Timestamp": "1615186943",
        "SignatureVersion": "2.0",
        "Signature": "43e5cfcca828314675f91b001390566a",
    }
    assert credentials.headers == {}


def test_zegos_signature_is_made_where_md5_is_forbidden_for_security(monkeypatch):
    md5 = hashlib.md5

    def guarded(text, *, usedforsecurity=True):
        if usedforsecurity:
            raise ValueError("disabled for FIPS")
        return md5(text, usedforsecurity=False)

    monkeypatch.setattr(hashlib, "md5", guarded)
    signer = ZegoSigner(12345, Secret("9193cc662a4c0ec135ec71fb57194b38"))
    credentials = signer.sign(CALL, now=1615186943.9, nonce=bytes.fromhex("4fd24687296dd9f3"), ticket=None)
    assert credentials.query["Signature"] == "43e5cfcca828314675f91b001390566a"


@pytest.mark.parametrize("admin", ["administrator", "管理员", "a b+c/d=e&f"])
@pytest.mark.parametrize("key", ["0123456789abcdef" * 4, "short"])
def test_tencents_own_library_makes_the_same_usersig_at_the_same_time(admin, key):
    theirs = decoded(TLSSigAPIv2.TLSSigAPIv2(1400000001, key).gen_sig(admin, 24 * 60 * 60))
    signer = TencentSigner(1400000001, Secret(key), admin)
    ours = decoded(signer.issue(theirs["TLS.time"] + 0.5).value.reveal())
    assert ours == theirs


def test_a_usersig_is_renewed_at_half_its_life():
    ticket = TencentSigner(1400000001, Secret("key"), "administrator").issue(1000.0)
    assert (ticket.renew_at, ticket.expires_at) == (1000 + 43200, 1000 + 86400)


def test_a_call_to_tencent_carries_the_usersig_it_is_given_and_a_random_number_of_32_bits():
    signer = TencentSigner(1400000001, Secret("key"), "administrator")
    ticket = Ticket(Secret("usersig"), 2000.0, 3000.0)
    credentials = signer.sign(CALL, now=1000.0, nonce=b"\xff" * 8, ticket=ticket)
    assert credentials.query == {
        "sdkappid": "1400000001",
        "identifier": "administrator",
        "usersig": "usersig",
        "random": "4294967295",
    }
    alone = signer.sign(CALL, now=1000.0, nonce=bytes(8), ticket=None)
    assert decoded(alone.query["usersig"])["TLS.time"] == 1000


def test_a_usersig_is_used_for_many_calls(worlds):
    world = worlds.open("tencent")
    world.chat.apply([ClearUnread(DM)] * 20)
    for _ in range(20):
        world.chat.clear_unread(DM)
    carried = {query(exchange)["usersig"] for exchange in world.simulator.exchanges}
    assert len(carried) == 1
    fields = decoded(carried.pop())
    assert fields["TLS.identifier"] == "administrator"
    assert fields["TLS.sdkappid"] == world.simulator.settings["sdk_app_id"]
    assert fields["TLS.expire"] == 24 * 60 * 60
    assert fields["TLS.ver"] == "2.0"


@pytest.mark.parametrize(("vendor", "name"), [("zego", "SignatureNonce"), ("tencent", "random")])
def test_no_nonce_is_ever_used_twice(worlds, vendor, name):
    world = worlds.open(vendor)
    peers = [f"peer{number}" for number in range(50)]
    for peer in peers:
        world.simulator.add_user(peer)
        world.simulator.receive(Conversation.direct(user="alice", peer=peer))
    operations = [ClearUnread(Conversation.direct(user="alice", peer=peer)) for peer in peers] * 10
    assert all(outcome.ok for outcome in world.chat.apply(operations))
    nonces = [query(exchange)[name] for exchange in world.simulator.exchanges]
    assert len(nonces) == len(set(nonces)) == 500
    assert getattr(world.simulator, "reused_nonces" if vendor == "zego" else "reused_randoms") == []


def test_every_call_of_zego_is_signed_by_itself(worlds):
    world = worlds.open("zego")
    world.chat.delete(DM, erase_history=True)
    signatures = [query(exchange)["Signature"] for exchange in world.simulator.exchanges]
    assert len(set(signatures)) == 2
