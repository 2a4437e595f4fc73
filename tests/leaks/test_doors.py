"""Wrong settings, misplaced secrets and failing proxies: what is said of them shows no credential."""

from __future__ import annotations

import functools
import secrets

import convops
from convops.errors import ConfigError, TransportError
from tests.leaks.evidence import Evidence
from tests.leaks.scanner import Canary, Scanner, canary
from tests.leaks.surfaces import ALWAYS, RAISED, Surface
from tests.leaks.vendors import KEYS
from tests.leaks.watches import observed
from tests.transports import chosen
from tests.transports.rawserver import HOST, RawServer
from tests.wire.worlds import DM

# --- A proxy's password -------------------------------------------------------------------------------


def with_proxy(stage, port):
    password = Canary(secrets.token_urlsafe(12))
    stage.scanner.watch("the proxy's password", password.value)
    stage.scanner.watch("what the proxy is sent", f"user:{password.value}")
    return lambda: stage.connect(
        base_url="https://chat.example", proxy=f"http://user:{password.value}@{HOST}:{port}"
    ).mark_read(DM)


def test_a_proxy_that_refuses_shows_no_password(stage):
    proxy = RawServer(lambda peer, _: peer.answer(b"", status=407))
    error = stage.perform(with_proxy(stage, proxy.port))
    proxy.close()
    assert type(error) is TransportError
    assert proxy.received[0].all("proxy-authorization")
    stage.evidence.assert_clean(stage.scanner, ALWAYS | RAISED)


def test_a_proxy_that_hangs_up_shows_no_password(stage):
    proxy = RawServer(lambda peer, _: peer.reset())
    error = stage.perform(with_proxy(stage, proxy.port))
    proxy.close()
    assert type(error) is TransportError
    stage.evidence.assert_clean(stage.scanner, ALWAYS | RAISED)


# --- At the door ----------------------------------------------------------------------------------------

WRONG = {
    "zego": [
        {"app_id": "12345"},
        {"app_id": 0},
        {"app_id": 1, "regin": "hongkong"},
        {"app_id": 1, "region": "hongkonk"},
        {"app_id": 1, "base_url": "http://chat.example"},
        {"app_id": 1, "timeout": -1},
        {"app_id": 1, "attempts": 0},
        {"app_id": 1, "transport": "nothing"},
        {"app_id": 1, "verify": "/nowhere"},
        {"app_id": 1, "proxy": "nothing"},
        {},
    ],
    "tencent": [
        {"sdk_app_id": "1", "admin": "a"},
        {"sdk_app_id": 1, "admin": ""},
        {"sdk_app_id": 1, "admin": "a"},
        {"sdk_app_id": 1, "admin": "a", "region": "singapur"},
        {"sdk_app_id": 1, "admin": "a", "allow_group_unread_reset": "yes", "region": "singapore"},
        {"sdk_app_id": 1, "admin": "a", "region": "singapore", "pace": 0},
    ],
}


def opener(flavour):
    return convops.connect_async if flavour.asynchronous else convops.connect


def opened(flavour, vendor, settings, key):
    return opener(flavour)(vendor, **chosen.options(**settings), **{KEYS[vendor]: key.value})


def refused(scanner, evidence, act):
    """Do what cannot be done, and look at what is said of it."""
    assert type(observed(evidence, act)) is ConfigError
    evidence.assert_clean(scanner, (ALWAYS - {Surface.LOGS, Surface.REPRS, Surface.ATTRIBUTES}) | RAISED)


def test_wrong_settings_show_no_credential(flavour, vendor):
    scanner, evidence, key = Scanner(), Evidence(), canary()
    scanner.watch("the key", key.value)
    for wrong in WRONG[vendor]:
        refused(scanner, evidence, functools.partial(opened, flavour, vendor, wrong, key))


def test_a_secret_in_the_wrong_place_shows_no_credential(flavour, vendor):
    scanner, evidence, key = Scanner(), Evidence(), canary()
    scanner.watch("the key", key.value)
    places = [
        lambda: opener(flavour)(f"{vendor}://?{KEYS[vendor]}={key.value}"),
        lambda: opener(flavour)(f"{vendor}://{key.value}@host?app_id=1"),
        lambda: opener(flavour)(vendor, base_url=f"https://user:{key.value}@chat.example", app_id=1),
        lambda: opener(flavour)(vendor, proxy=f"ftp://user:{key.value}@chat.example"),
        lambda: opener(flavour)(vendor, **{KEYS[vendor]: key.value.encode(), "app_id": 1}),
        lambda: opener(flavour)(vendor, **{KEYS[vendor]: [key.value], "app_id": 1}),
    ]
    for place in places:
        refused(scanner, evidence, place)
