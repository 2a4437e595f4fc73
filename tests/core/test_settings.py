"""Accounts from keyword arguments: everything wrong is refused by name before anything is tried."""

from __future__ import annotations

import pytest

from convops import ConfigError, Secret, connect
from convops._accounts import from_keywords
from tests.core.scripted import SENTINEL, report

ZEGO = {"app_id": 12345, "server_secret": "x" * 32}
TENCENT = {"sdk_app_id": 1400000000, "secret_key": "k" * 64, "admin": "administrator", "region": "singapore"}


def refused(provider, **settings):
    with pytest.raises(ConfigError) as caught:
        from_keywords(provider, settings)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_settings_become_the_providers_own_model():
    settings = from_keywords("zego", {**ZEGO, "region": "hongkong"}).settings
    assert (settings.app_id, settings.region, settings.base_url) == (12345, "hongkong", None)
    assert settings.server_secret == Secret("x" * 32)


def test_a_secret_may_be_given_as_a_secret():
    settings = from_keywords("zego", {**ZEGO, "server_secret": Secret("y")}).settings
    assert settings.server_secret == Secret("y")


def test_a_setting_that_may_be_left_out_may_be_none():
    settings = from_keywords("zego", {**ZEGO, "region": None, "base_url": None}).settings
    assert (settings.region, settings.base_url) == (None, None)


def test_an_unknown_provider_names_the_nearest_and_the_installed():
    message = refused("zeggo", **ZEGO)
    assert "'zeggo'" in message
    assert "did you mean 'zego'?" in message
    assert "memory, tencent, zego" in message


def test_a_provider_like_no_other_names_the_installed_only():
    message = refused("qqqqqqq")
    assert "did you mean" not in message
    assert "memory, tencent, zego" in message


@pytest.mark.parametrize("name", [None, 5, b"zego", Secret("zego")], ids=lambda n: type(n).__name__)
def test_a_provider_that_is_no_str_is_refused(name):
    with pytest.raises(ConfigError, match="is a str"):
        connect(name)
    with pytest.raises(ConfigError, match="is a str"):
        from_keywords(name, {})


def test_an_unknown_setting_names_the_nearest_and_the_known():
    message = refused("zego", **ZEGO, regoin="hongkong")
    assert "zego has no setting 'regoin'" in message
    assert "did you mean 'region'?" in message
    assert "app_id, base_url, read_receipts, region, server_secret" in message


def test_a_setting_like_no_other_names_the_known_only():
    message = refused("memory", qqqqqqq="x")
    assert "did you mean" not in message
    assert "known: store" in message


def test_the_setting_of_another_provider_is_unknown():
    assert "zego has no setting 'secret_key'" in refused("zego", **ZEGO, secret_key="x")


@pytest.mark.parametrize("name", ["app_id", "server_secret"])
def test_a_missing_setting_is_named(name):
    given = {key: value for key, value in ZEGO.items() if key != name}
    assert refused("zego", **given) == f"zego needs the setting {name!r}"


WRONG = [
    ("zego", "app_id", "12345", "app_id must be an int, not str"),
    ("zego", "app_id", 1.0, "app_id must be an int, not float"),
    ("zego", "app_id", True, "app_id must be an int, not bool"),
    ("zego", "app_id", None, "app_id must be an int, not NoneType"),
    ("zego", "server_secret", 5, "server_secret must be a str or a Secret, not int"),
    ("zego", "server_secret", None, "server_secret must be a str or a Secret, not NoneType"),
    ("zego", "server_secret", b"bytes", "server_secret must be a str or a Secret, not bytes"),
    ("zego", "region", 5, "region must be a str, not int"),
    ("zego", "base_url", ["https://a.example"], "base_url must be a str, not list"),
    (
        "tencent",
        "allow_group_unread_reset",
        "true",
        "allow_group_unread_reset must be true or false, not str",
    ),
    ("tencent", "allow_group_unread_reset", 1, "allow_group_unread_reset must be true or false, not int"),
    ("tencent", "admin", 5, "admin must be a str, not int"),
    ("memory", "store", 5, "store must be a str, not int"),
]


@pytest.mark.parametrize(("provider", "name", "value", "message"), WRONG)
def test_a_setting_of_a_wrong_type_is_refused(provider, name, value, message):
    base = {"zego": ZEGO, "tencent": TENCENT, "memory": {}}[provider]
    assert refused(provider, **{**base, name: value}) == message


@pytest.mark.parametrize("app_id", [0, -1, 2**32, 10**5000], ids=["0", "-1", "2**32", "10**5000"])
def test_a_number_out_of_bounds_is_refused(app_id):
    assert refused("zego", **{**ZEGO, "app_id": app_id}) == "app_id must lie between 1 and 4294967295"


@pytest.mark.parametrize(("provider", "name"), [("zego", "server_secret"), ("tencent", "secret_key")])
def test_an_empty_secret_is_refused(provider, name):
    base = {"zego": ZEGO, "tencent": TENCENT}[provider]
    assert refused(provider, **{**base, name: ""}) == f"{name} is empty"
    assert refused(provider, **{**base, name: Secret("")}) == f"{name} is empty"


@pytest.mark.parametrize("token", ["from-a-file\n", "two words", "caf\u00e9", "\x00"])
def test_a_token_that_no_header_can_carry_is_refused_and_not_repeated(token):
    message = refused("matrix", base_url="https://matrix.example", access_token=token)
    assert message == "access_token holds white space or a character that no header has"


def test_an_unknown_mode_names_the_nearest_and_the_known():
    given = {"base_url": "https://matrix.example", "access_token": "t", "delete_mode": "leaf"}
    assert refused("matrix", **given) == (
        "delete_mode 'leaf' is unknown; did you mean 'leave'? known: hide, leave"
    )


def test_an_unknown_region_names_the_nearest_and_the_known():
    message = refused("zego", **ZEGO, region="hongkng")
    assert "region 'hongkng' is unknown" in message
    assert "did you mean 'hongkong'?" in message
    assert "california, frankfurt, hongkong, mumbai, shanghai, singapore" in message


def test_an_account_that_needs_a_region_says_so():
    message = refused("tencent", **{key: value for key, value in TENCENT.items() if key != "region"})
    assert "region" in message
    assert "singapore" in message


# --- base_url -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "https://vendor.example",
        "https://vendor.example:8443",
        "https://vendor.example/im/v1",
        "https://vendor.example/",
        "https://192.0.2.1",
        "https://[2001:db8::1]:8443",
        "http://localhost",
        "http://localhost:8000",
        "http://127.0.0.1:8000",
        "http://127.9.9.9",
        "http://[::1]:8000",
    ],
)
def test_https_and_http_on_a_loopback_address_are_taken(url):
    assert from_keywords("zego", {**ZEGO, "base_url": url}).provider.origins(
        from_keywords("zego", {**ZEGO, "base_url": url}).settings
    ) == (url,)


BAD_URLS = {
    "http elsewhere": "http://vendor.example",
    "http on a public address": "http://192.0.2.1",
    "http on every address": "http://0.0.0.0",
    "http on a name like localhost": "http://localhost.vendor.example",
    "http on a name like a loopback address": "http://127.0.0.1.vendor.example",
    "another scheme": "ftp://vendor.example",
    "a file": "file:///etc/passwd",
    "no scheme": "vendor.example",
    "no scheme but slashes": "//vendor.example",
    "no host": "https://",
    "no host but a path": "https:///im",
    "no host but a port": "https://:8443",
    "one slash": "https:/vendor.example",
    "a user": "https://user@vendor.example",
    "a user and password": f"https://user:{SENTINEL}@vendor.example",
    "an empty user": "https://@vendor.example",
    "a password only": f"https://:{SENTINEL}@vendor.example",
    "a query": f"https://vendor.example/?key={SENTINEL}",
    "an empty query": "https://vendor.example?",
    "a fragment": f"https://vendor.example#{SENTINEL}",
    "an empty fragment": "https://vendor.example/#",
    "a space before": " https://vendor.example",
    "a space after": "https://vendor.example ",
    "a space inside": "https://vendor.example/a b",
    "a tab in the host": "https://vendor\t.example",
    "a line break": "https://vendor.example\r\nx: y",
    "NUL": "https://vendor.example\0",
    "a no-break space": "https://vendor.example/a\u00a0b",
    "a no-break space in the host": "https://vendor\u00a0.example",
    "an em space": "https://vendor.example\u2003",
    "a line separator": "https://vendor.example\u2028",
    "a backslash": "https://vendor.example\\@evil.example",
    "a port that is no number": "https://vendor.example:https",
    "a port too high": "https://vendor.example:65536",
    "half an address": "https://[::1",
    "nothing": "",
}


@pytest.mark.parametrize("url", [pytest.param(url, id=name) for name, url in BAD_URLS.items()])
def test_any_other_base_url_is_refused_by_name_and_not_repeated(url):
    message = refused("zego", **ZEGO, base_url=url)
    assert message.startswith("base_url ")
    assert SENTINEL not in message
    assert "vendor" not in message


# --- No secret on the way -----------------------------------------------------------------------------

BROKEN_SETTINGS = {
    "an unknown setting": ("zego", {"app_id": 1, "server_secret": SENTINEL, "x": 1}),
    "a misspelled secret": ("zego", {"app_id": 1, "server_secrt": SENTINEL}),
    "a missing setting": ("zego", {"server_secret": SENTINEL}),
    "a wrong type beside it": ("zego", {"app_id": "1", "server_secret": SENTINEL}),
    "a number out of bounds": ("zego", {"app_id": 0, "server_secret": SENTINEL}),
    "an unknown region": ("zego", {"app_id": 1, "server_secret": SENTINEL, "region": "mars"}),
    "a bad base_url": ("zego", {"app_id": 1, "server_secret": SENTINEL, "base_url": "ftp://x"}),
    "a bad option": ("zego", {"app_id": 1, "server_secret": SENTINEL, "timeout": 0}),
    "a secret given as a number's setting": ("zego", {"app_id": SENTINEL, "server_secret": "x"}),
    "a secret in bytes": ("zego", {"app_id": 1, "server_secret": SENTINEL.encode()}),
    "no region": ("tencent", {"sdk_app_id": 1, "secret_key": SENTINEL, "admin": "a"}),
    "an unknown provider": ("zeggo", {"app_id": 1, "server_secret": SENTINEL}),
    "a password in the proxy": ("memory", {"proxy": f"nonsense://user:{SENTINEL}@x", "transport": "httpx"}),
    "a password in the base_url": ("zego", {**ZEGO, "base_url": f"https://u:{SENTINEL}@x"}),
}


@pytest.mark.parametrize(
    ("provider", "settings"), [pytest.param(*value, id=name) for name, value in BROKEN_SETTINGS.items()]
)
def test_a_refusal_shows_no_secret_even_with_the_locals_of_every_frame(provider, settings):
    with pytest.raises(ConfigError) as caught:
        connect(provider, **settings)
    assert SENTINEL not in report(caught.value)


def test_an_account_shows_no_secret():
    account = from_keywords("zego", {**ZEGO, "server_secret": SENTINEL})
    assert SENTINEL not in repr(account)
