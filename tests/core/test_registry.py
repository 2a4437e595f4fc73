"""Providers are found by entry point: each by itself, and only when its name is asked for."""

from __future__ import annotations

import sys
import textwrap

import pytest

from convops import ConfigError, Conversation, PluginError, connect
from convops._registry import _load, find_provider, installed

PLUGIN = """
from convops.provider import hookimpl
from tests.core.scripted import Scripted


class Mine(Scripted):
    name = {name!r}


@hookimpl
def convops_provider():
    return Mine()
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install a package that registers a provider; `install("mine", source)`."""
    monkeypatch.syspath_prepend(tmp_path)
    modules = []
    _load.cache_clear()

    def install(name, source, *, package=None, module=None):
        package, module = package or f"convops-{name}", module or f"fake_{name}"
        modules.append(module)
        (tmp_path / f"{module}.py").write_text(textwrap.dedent(source))
        info = tmp_path / f"{package.replace('-', '_')}-1.2.3.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.2.3\n")
        (info / "entry_points.txt").write_text(f"[convops]\n{name} = {module}\n")

    yield install
    _load.cache_clear()
    for module in modules:
        sys.modules.pop(module, None)


def refused(name):
    with pytest.raises(ConfigError) as caught:
        find_provider(name)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_our_own_plugins_come_through_the_same_door():
    assert {name: find_provider(name).name for name in ("matrix", "memory", "tencent", "zego")} == {
        "matrix": "matrix",
        "memory": "memory",
        "tencent": "tencent",
        "zego": "zego",
    }


def test_a_plugin_of_anyone_is_found_by_its_name(install):
    install("mine", PLUGIN.format(name="mine"))
    assert find_provider("mine").name == "mine"
    with connect("mine", transport="httpx") as chat:
        assert chat.provider == "mine"


def test_a_provider_is_loaded_once(install):
    install("mine", PLUGIN.format(name="mine"))
    assert find_provider("mine") is find_provider("mine")


def test_nothing_is_loaded_that_was_not_asked_for(install):
    install("mine", PLUGIN.format(name="mine"))
    install("other", "raise SystemExit('imported')")
    find_provider("mine")
    refused("nobody")
    assert "fake_mine" in sys.modules
    assert "fake_other" not in sys.modules


def test_a_name_nobody_has_is_told_beside_the_nearest_and_all_others(install):
    install("mine", PLUGIN.format(name="mine"))
    message = refused("mien")
    assert "did you mean 'mine'?" in message
    assert "matrix, memory, mine, tencent, zego" in message


BROKEN = {
    "raises when imported": ("raise LookupError('no such thing')", "LookupError: no such thing"),
    "raises on several lines": ("raise LookupError('one\\ntwo')", "LookupError: one"),
    "imports what is not there": ("import no_such_module_anywhere", "no_such_module_anywhere"),
    "is no Python": ("def", "SyntaxError"),
    "has no hook": ("x = 1", "lacks the hook convops_provider"),
    "forgot to mark its hook": ("def convops_provider(): ...", "lacks the hook convops_provider"),
    "misspelled its hook": (
        """
        from convops.provider import hookimpl

        @hookimpl
        def convops_provided(): ...
        """,
        "convops_provided",
    ),
    "wants arguments": (
        """
        from convops.provider import hookimpl

        @hookimpl
        def convops_provider(account): ...
        """,
        "account",
    ),
    "raises in its hook": (
        """
        from convops.provider import hookimpl

        @hookimpl
        def convops_provider():
            raise LookupError('no such thing')
        """,
        "LookupError: no such thing",
    ),
    "returns a class": (
        PLUGIN.format(name="broken").replace("Mine()", "Mine"),
        "convops_provider gave Mine, not an instance of Provider",
    ),
    "returns something else": (
        PLUGIN.format(name="broken").replace("Mine()", "'mine'"),
        "convops_provider gave a str, not an instance of Provider",
    ),
    "was written for another contract": (
        PLUGIN.format(name="broken").replace(
            "class Mine(Scripted):", "class Mine(Scripted):\n    contract = 99"
        ),
        "was written for contract 99",
    ),
    "has another name": (PLUGIN.format(name="mine"), "registers a provider called 'mine'"),
    "leaves a method out": (
        """
        from convops.provider import CONTRACT, Provider, hookimpl

        class Mine(Provider):
            name, title, contract = "broken", "Broken", CONTRACT

        @hookimpl
        def convops_provider():
            return Mine()
        """,
        "abstract",
    ),
    "names no contract": (
        """
        from convops.provider import hookimpl
        from tests.core.scripted import Scripted

        class Mine(Scripted):
            name = "broken"

            @property
            def contract(self):
                raise AttributeError("contract")

        @hookimpl
        def convops_provider():
            return Mine()
        """,
        "contract",
    ),
}


@pytest.mark.parametrize(
    ("source", "words"), [pytest.param(*value, id=name) for name, value in BROKEN.items()]
)
def test_a_broken_plugin_is_reported_with_its_package_on_one_line(install, source, words):
    install("broken", source, package="convops-broken")
    message = refused("broken")
    assert "the plugin 'broken' of convops-broken 1.2.3" in message
    assert words in message


@pytest.mark.parametrize("source", [pytest.param(value[0], id=name) for name, value in BROKEN.items()])
def test_a_broken_plugin_does_not_stop_the_rest(install, source):
    install("broken", source)
    found = {entry.name: entry for entry in installed()}
    assert list(found) == ["broken", "matrix", "memory", "tencent", "zego"]
    assert found["broken"].provider is None
    assert "convops-broken" in found["broken"].problem
    assert [found[name].problem for name in ("matrix", "memory", "tencent", "zego")] == [None] * 4
    assert find_provider("zego").name == "zego"


def test_two_packages_with_one_name_are_both_told_and_neither_is_loaded(install):
    install("mine", PLUGIN.format(name="mine"), package="convops-one", module="fake_one")
    install("mine", PLUGIN.format(name="mine"), package="convops-two", module="fake_two")
    message = refused("mine")
    assert "two plugins provide 'mine'" in message
    assert "convops-one 1.2.3 and convops-two 1.2.3" in message
    assert {"fake_one", "fake_two"}.isdisjoint(sys.modules)
    (both,) = [entry for entry in installed() if entry.name == "mine"]
    assert both.package == "convops-one 1.2.3, convops-two 1.2.3"
    assert both.provider is None


def test_a_foreign_package_cannot_take_the_name_of_one_of_ours(install):
    install("zego", PLUGIN.format(name="zego"), package="evil-zego", module="fake_evil")
    assert "evil-zego 1.2.3" in refused("zego")
    assert "fake_evil" not in sys.modules


def test_what_is_installed_names_its_package(install):
    install("mine", PLUGIN.format(name="mine"))
    packages = {entry.name: entry.package.rpartition(" ")[0] for entry in installed()}
    assert packages == {
        "matrix": "convops",
        "memory": "convops",
        "mine": "convops-mine",
        "tencent": "convops",
        "zego": "convops",
    }


@pytest.mark.parametrize("method", ["transport", "signer", "origins"])
def test_a_plugin_that_fails_when_a_client_is_made_is_named(install, method):
    source = PLUGIN.format(name="mine") + (
        f"\n\ndef fail(*_):\n    raise LookupError\n\n\nMine.{method} = fail\n"
    )
    install("mine", source)
    with pytest.raises(PluginError, match="'mine'"):
        connect("mine")


def test_a_plugin_whose_flow_fails_hurts_its_own_client_only(install):
    install("mine", PLUGIN.format(name="mine") + "\n\nMine.check = None\n")
    dm = Conversation.direct(user="alice", peer="bob")
    with connect("mine", transport="httpx") as chat, pytest.raises(PluginError, match="'mine'"):
        chat.mute(dm)
    with connect("memory", store="beside-a-broken-one") as chat:
        assert chat.mute(dm).ok


@pytest.mark.parametrize("kind", ["ValueError", "TypeError"])
def test_settings_that_a_plugins_own_check_refuses_are_refused(install, kind):
    source = PLUGIN.format(name="mine") + textwrap.dedent(
        f"""
        import attrs

        def check(*_):
            raise {kind}("the key has the wrong length")

        @attrs.frozen(kw_only=True)
        class Account:
            key: str = attrs.field(validator=check)

        Mine.account_type = Account
        """
    )
    install("mine", source)
    with pytest.raises(ConfigError, match=r"^mine: the key has the wrong length$"):
        connect("mine", key="short")
