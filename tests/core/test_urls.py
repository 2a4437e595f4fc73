"""Accounts from a URL: settings as a query, secrets as references."""

from __future__ import annotations

import pytest

from convops import ConfigError, Secret, connect
from convops._accounts import from_url
from tests.core.scripted import SENTINEL, report

GOOD = "zego://?app_id=12345&server_secret=env:ZEGO_SECRET&region=hongkong"


@pytest.fixture(autouse=True)
def variables(monkeypatch):
    monkeypatch.setenv("ZEGO_SECRET", "from-the-environment")
    monkeypatch.setenv("EMPTY", "")
    monkeypatch.delenv("MISSING", raising=False)


def settings_of(url):
    return from_url(Secret(url)).settings


def refused(url):
    with pytest.raises(ConfigError) as caught:
        connect(url)
    assert "\n" not in str(caught.value)
    return caught.value


def test_a_url_names_the_provider_and_its_settings():
    settings = settings_of(GOOD)
    assert (settings.app_id, settings.region) == (12345, "hongkong")
    assert settings.server_secret == Secret("from-the-environment")


@pytest.mark.parametrize("content", ["k3y", "k3y\n", "k3y\r\n"], ids=ascii)
def test_a_secret_may_be_in_a_file_with_or_without_a_line_end(tmp_path, content):
    (tmp_path / "key").write_bytes(content.encode())
    settings = settings_of(f"zego://?app_id=1&server_secret=file:{tmp_path}/key")
    assert settings.server_secret == Secret("k3y")


def test_values_are_percent_decoded():
    assert settings_of("memory://?store=a%20b%26c%3D%C3%A9+d").store == "a b&c=\u00e9 d"


@pytest.mark.parametrize(("text", "value"), [("true", True), ("false", False)])
def test_a_switch_is_true_or_false(text, value):
    url = "tencent://?sdk_app_id=1&secret_key=env:ZEGO_SECRET&admin=a&region=tokyo"
    assert settings_of(f"{url}&allow_group_unread_reset={text}").allow_group_unread_reset is value


@pytest.mark.parametrize("text", ["True", "1", "yes", ""])
def test_any_other_switch_is_refused(text):
    url = "tencent://?sdk_app_id=1&secret_key=env:ZEGO_SECRET&admin=a&region=tokyo"
    error = refused(f"{url}&allow_group_unread_reset={text}")
    assert str(error) == "allow_group_unread_reset must be true or false, not str"


@pytest.mark.parametrize(
    "text",
    ["", "1.0", "-1", "1e3", "0x10", "+1", "%201", "1_0", "\u0661", "9" * 5000],
    ids=lambda t: ascii(t)[:12],
)
def test_a_number_that_is_not_plain_digits_is_refused(text):
    refused(f"zego://?app_id={text}&server_secret=env:ZEGO_SECRET")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("zego://", "URL"),
        ("zego://host?app_id=1", "URL"),
        ("zego:///?app_id=1", "URL"),
        (f"{GOOD}#part", "URL"),
        ("zego://?app_id", "URL"),
        ("zego://?app_id=1&", "URL"),
        (f"{GOOD}&app_id=2", "names a setting twice"),
        ("zego://?app_id=%ff&server_secret=env:ZEGO_SECRET", "URL"),
        ("zeggo://?app_id=1", "did you mean 'zego'?"),
        ("://?app_id=1", "URL"),
        ("zego://?app_id=1", "needs the setting 'server_secret'"),
        (f"{GOOD}&regoin=x", "did you mean 'region'?"),
        (
            "zego://?app_id=1&server_secret=env:MISSING",
            "server_secret refers to the environment variable MISSING",
        ),
        (
            "zego://?app_id=1&server_secret=env:EMPTY",
            "server_secret refers to the environment variable EMPTY",
        ),
        (
            "zego://?app_id=1&server_secret=file:/no/such/file",
            "server_secret refers to the file /no/such/file",
        ),
        ("zego://?app_id=1&server_secret=file:/", "server_secret refers to the file /"),
        ("zego://?app_id=1&server_secret=env:", "must be a reference"),
        ("zego://?app_id=1&server_secret=file:", "must be a reference"),
        ("zego://?app_id=1&server_secret=", "must be a reference"),
    ],
)
def test_a_url_that_is_wrong_says_what_is(url, words):
    assert words in str(refused(url))


def test_a_file_that_is_empty_or_no_text_is_refused(tmp_path):
    (tmp_path / "empty").write_bytes(b"\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    assert "which is empty" in str(refused(f"zego://?app_id=1&server_secret=file:{tmp_path}/empty"))
    assert "UnicodeDecodeError" in str(refused(f"zego://?app_id=1&server_secret=file:{tmp_path}/binary"))


def test_settings_stand_in_the_url_or_in_keywords_and_not_in_both():
    with pytest.raises(ConfigError, match="not in both: app_id, region"):
        connect("zego://?server_secret=env:ZEGO_SECRET", region="hongkong", app_id=1)


def test_client_options_stand_beside_a_url():
    with connect("memory://?store=a", timeout=1.0, attempts=2) as chat:
        assert chat.provider == "memory"


@pytest.mark.parametrize(
    "url",
    [
        f"zego://?app_id=1&server_secret={SENTINEL}",
        f"zego://?app_id=1&server_secret={SENTINEL}:x",
        f"zego://?app_id=1&server_secret=x:{SENTINEL}",
        f"zego://?app_id=1&server_secret=ENV:{SENTINEL}",
        f"zego://?app_id=1&server_secrt={SENTINEL}",
        f"zego://?app_id=x&server_secret={SENTINEL}",
        f"zego://?server_secret={SENTINEL}",
        f"zego://?app_id=1&server_secret={SENTINEL}&server_secret={SENTINEL}",
        f"zego://?{SENTINEL}",
        f"zego://app_id=1&server_secret={SENTINEL}",
        f"zego://?app_id=1&server_secret={SENTINEL}#",
        f"zego://user:{SENTINEL}@host?app_id=1",
        f"zeggo://?app_id=1&server_secret={SENTINEL}",
        f"zego:?app_id=1&server_secret={SENTINEL}",
        f"zego?app_id=1&server_secret={SENTINEL}",
        f"zego:/?app_id=1&server_secret={SENTINEL}",
    ],
)
def test_a_literal_secret_is_refused_and_neither_repeated_nor_left_in_a_frame(url):
    assert SENTINEL not in report(refused(url))


def test_a_literal_secret_is_told_to_become_a_reference():
    message = str(refused(f"zego://?app_id=1&server_secret={SENTINEL}"))
    assert "server_secret" in message
    assert "env:NAME or file:PATH" in message


def test_a_resolved_secret_is_left_in_no_frame(monkeypatch):
    monkeypatch.setenv("ZEGO_SECRET", SENTINEL)
    assert SENTINEL not in report(refused("zego://?app_id=0&server_secret=env:ZEGO_SECRET"))
    assert SENTINEL not in report(refused(f"{GOOD}&x=1"))
