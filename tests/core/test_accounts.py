"""Accounts from a TOML file."""

from __future__ import annotations

import pytest

from convops import AsyncClient, Client, ConfigError, Secret, connect_account, connect_account_async
from convops._accounts import account_names, from_file
from tests.core.scripted import SENTINEL, report

KEY = 'server_secret = "env:ZEGO_SECRET"'
GOOD = """
[accounts.main]
provider = "zego"
app_id = 12345
server_secret = "env:ZEGO_SECRET"
region = "hongkong"

[accounts.tests]
provider = "memory"
store = "of-a-file"
"""


@pytest.fixture(autouse=True)
def surroundings(monkeypatch, tmp_path):
    """Give every test a directory and an environment of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CONVOPS_CONFIG", raising=False)
    monkeypatch.delenv("MISSING", raising=False)
    monkeypatch.setenv("ZEGO_SECRET", "from-the-environment")


@pytest.fixture
def written(tmp_path):
    def written(text, name="accounts.toml"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return written


def refused(name, path=None):
    with pytest.raises(ConfigError) as caught:
        connect_account(name, path=path)
    assert "\n" not in str(caught.value)
    return caught.value


def test_an_account_is_a_table_with_a_provider(written):
    account = from_file("main", written(GOOD))
    assert account.provider.name == "zego"
    assert (account.settings.app_id, account.settings.region) == (12345, "hongkong")
    assert account.settings.server_secret == Secret("from-the-environment")


def test_the_path_may_be_a_str(written):
    assert from_file("tests", str(written(GOOD))).settings.store == "of-a-file"


def test_without_a_path_the_environment_names_the_file(written, monkeypatch):
    written('[accounts.main]\nprovider = "memory"\nstore = "here"', "convops.toml")
    monkeypatch.setenv(
        "CONVOPS_CONFIG", str(written('[accounts.main]\nprovider = "memory"\nstore = "there"'))
    )
    assert from_file("main").settings.store == "there"


def test_without_either_it_is_convops_toml_where_one_stands(written):
    written('[accounts.main]\nprovider = "memory"\nstore = "here"', "convops.toml")
    assert from_file("main").settings.store == "here"


def test_a_path_goes_before_the_environment(written, monkeypatch):
    monkeypatch.setenv("CONVOPS_CONFIG", "/no/such/file")
    assert from_file("tests", written(GOOD)).settings.store == "of-a-file"


def test_the_names_of_the_accounts_can_be_listed(written):
    assert account_names(written(GOOD)) == ["main", "tests"]
    assert account_names(written("")) == []


def test_an_account_opens_as_either_client(written, runner):
    path = written(GOOD)
    with connect_account("tests", path=path, timeout=1.0) as chat:
        assert isinstance(chat, Client)
        assert chat.provider == "memory"
    chat = connect_account_async("tests", path=path)
    assert isinstance(chat, AsyncClient)
    runner.run(chat.aclose())


def test_an_account_from_a_file_takes_client_options_beside_it_and_no_settings(written):
    with pytest.raises(ConfigError, match="no client option is called 'app_id'"):
        connect_account("tests", path=written(GOOD), app_id=5)


def test_an_unknown_account_names_the_nearest_and_the_known(written):
    message = str(refused("mian", written(GOOD)))
    assert "no account 'mian'" in message
    assert "did you mean 'main'?" in message
    assert "main, tests" in message


def test_a_file_without_accounts_knows_none(written):
    assert "known: none" in str(refused("main", written("")))
    assert "known: none" in str(refused("main", written("[accounts]")))


def test_a_file_that_is_not_there_says_how_to_name_one():
    message = str(refused("main"))
    assert "convops.toml" in message
    for way in ("path=", "--config", "$CONVOPS_CONFIG"):
        assert way in message


def test_the_file_the_environment_names_is_named_when_it_is_not_there(monkeypatch):
    monkeypatch.setenv("CONVOPS_CONFIG", "/no/such/file.toml")
    assert "/no/such/file.toml" in str(refused("main"))


@pytest.mark.parametrize(
    "content",
    [
        b"[accounts.main",
        b"provider",
        b'[accounts.main]\nprovider = "memory"\nprovider = "memory"',
        b"[accounts.main]\n[accounts.main]",
        b"\xff\xfe",
        b"[accounts.main]\napp_id = " + b"9" * 5000,
    ],
    ids=["cut off", "no value", "a key twice", "a table twice", "no UTF-8", "a number too long"],
)
def test_a_file_that_is_no_toml_is_refused_by_name(written, content):
    assert "accounts.toml cannot be read as TOML" in str(refused("main", written(content)))


def test_a_directory_is_no_file(tmp_path):
    assert "cannot be read" in str(refused("main", tmp_path))


@pytest.mark.parametrize(
    "text",
    [
        'provider = "memory"',
        "[account.main]",
        f"{GOOD}\n[tenants.main]",
        "accounts = 5",
        "accounts = []",
        "[[accounts]]",
        "[accounts]\nmain = 5",
        '[accounts]\nmain = "memory"',
        f"{GOOD}\n[[accounts.others]]",
    ],
)
def test_a_file_holds_tables_of_accounts_and_nothing_else(written, text):
    assert "may hold tables [accounts.NAME] and nothing else" in str(refused("main", written(text)))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("app_id = 1", 'needs provider = "..."'),
        ("provider = 5", 'needs provider = "..."'),
        ('provider = "zeggo"', "did you mean 'zego'?"),
        (f'provider = "zego"\n{KEY}', "zego needs the setting 'app_id'"),
        (
            f'provider = "zego"\napp_id = 1\n{KEY}\nregoin = "x"',
            "did you mean 'region'?",
        ),
        (
            f'provider = "zego"\napp_id = "1"\n{KEY}',
            "app_id must be an int, not str",
        ),
        (
            f'provider = "zego"\napp_id = true\n{KEY}',
            "app_id must be an int, not bool",
        ),
        ('provider = "zego"\napp_id = 1\nserver_secret = 5', "server_secret must be"),
        ('provider = "zego"\napp_id = 1\nserver_secret = "env:MISSING"', "environment variable MISSING"),
        ('provider = "zego"\napp_id = 1\nserver_secret = "file:/no/such/file"', "file /no/such/file"),
        ('provider = "memory"\ntimeout = 5', "memory has no setting 'timeout'"),
        ('provider = "memory"\n[accounts.main.store]\nname = "x"', "store must be a str, not dict"),
    ],
)
def test_an_account_that_is_wrong_says_what_is_and_where(written, text, words):
    message = str(refused("main", written(f"[accounts.main]\n{text}")))
    assert words in message


def test_a_problem_of_an_account_names_the_account_and_the_file(written):
    message = str(refused("main", written('[accounts.main]\nprovider = "zego"\napp_id = 1')))
    assert "[accounts.main] in " in message
    assert "accounts.toml" in message


@pytest.mark.parametrize("name", [5, None, ["main"]], ids=repr)
def test_an_account_whose_name_is_no_str_is_refused(written, name):
    refused(name, written(GOOD))


@pytest.mark.parametrize("path", [5, ["accounts.toml"]], ids=repr)
def test_a_path_that_is_no_path_is_refused(path):
    refused("main", path)


LITERALS = {
    "a literal": f'provider = "zego"\napp_id = 1\nserver_secret = "{SENTINEL}"',
    "a literal with a colon": f'provider = "zego"\napp_id = 1\nserver_secret = "{SENTINEL}:x"',
    "a literal beside a wrong type": f'provider = "zego"\napp_id = "1"\nserver_secret = "{SENTINEL}"',
    "a literal under a wrong name": f'provider = "zego"\napp_id = 1\nserver_secrt = "{SENTINEL}"',
    "a literal of an unknown provider": f'provider = "zeggo"\napp_id = 1\nserver_secret = "{SENTINEL}"',
    "a literal without a provider": f'app_id = 1\nserver_secret = "{SENTINEL}"',
    "a literal in a nested table": f'provider = "zego"\n[accounts.main.x]\nserver_secret = "{SENTINEL}"',
    "a literal in a list": f'provider = "zego"\napp_id = 1\nserver_secret = ["{SENTINEL}"]',
}


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in LITERALS.items()])
def test_a_literal_secret_is_refused_and_neither_repeated_nor_left_in_a_frame(written, text):
    assert SENTINEL not in report(refused("main", written(f"[accounts.main]\n{text}")))


@pytest.mark.parametrize(
    "text",
    [
        f'server_secret = "{SENTINEL}"',
        f'[accounts]\nmain = "{SENTINEL}"',
        f'[accounts.main]\nserver_secret = "{SENTINEL}',
        f'{GOOD}\n[accounts.other]\nserver_secret = "{SENTINEL}"',
    ],
    ids=["at the top", "as an account", "in a file that is no TOML", "in another account"],
)
def test_a_literal_secret_anywhere_in_the_file_is_left_in_no_frame(written, text):
    assert SENTINEL not in report(refused("nobody", written(text)))


def test_a_literal_secret_is_told_to_become_a_reference(written):
    error = refused("main", written(f"[accounts.main]\n{LITERALS['a literal']}"))
    assert "server_secret" in str(error)
    assert "env:NAME or file:PATH" in str(error)
