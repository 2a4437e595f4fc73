"""`convops doctor` finds what is wrong, says what to do, changes nothing and tells no secret."""

from __future__ import annotations

import errno
import json
import socket
import ssl
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import attrs
import pytest
import trustme

from convops._accounts import Account, from_file, from_keywords
from convops._cli import _reach
from convops._cli._checkup import examine
from convops._drivers import REAL
from convops.errors import (
    AuthenticationError,
    LimitExceededError,
    NotFoundError,
    PermissionDeniedError,
    PluginError,
    ProviderError,
    ProviderUnavailableError,
    RateLimitedError,
)
from convops.provider import Call, Failure, FailureKind, HttpReply, Signer
from convops.testing import Fault, serve
from convops_tencent.simulator import TencentSimulator
from convops_zego.simulator import ZegoSimulator
from tests.cli.conftest import SENTINEL
from tests.core.scripted import Scripted, ScriptedAccount

PROBES = {"zego": "QueryConversationList", "tencent": "group_open_http_svc/get_group_info"}


@pytest.fixture
def examined(run):
    """Run the doctor on the account of a file, and return its checks by name and its status."""

    def examined(config):
        result = run("doctor", "--account", "main", "--config", config, "--json")
        document = json.loads(result.stdout)
        assert result.stderr == ""
        return {check["check"]: check for check in document["checks"]}, result.exit_code

    return examined


def written(path, **settings):
    lines = [f"{key} = {json.dumps(value)}\n" for key, value in settings.items()]
    path.write_text("[accounts.main]\n" + "".join(lines))
    return str(path)


def closed_port():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]


# --- An account that is well --------------------------------------------------------------------------


def test_a_healthy_account_fails_nothing_and_nothing_is_changed(vendor, run):
    before = vendor.simulator.conversations()
    result = run("doctor", "--account", "main", "--config", vendor.config)

    assert (result.exit_code, result.stderr) == (0, "")
    assert "fail" not in {line.split()[0] for line in result.stdout.splitlines()}
    assert vendor.simulator.conversations() == before
    actions = [exchange.action for exchange in vendor.simulator.exchanges]
    assert actions == [PROBES[vendor.simulator.provider]] * 3


def test_every_thing_is_looked_at(vendor, examined):
    checks, status = examined(vendor.config)
    operations = [f"{name} {kind}" for name in NAMES for kind in ("direct", "group")]

    assert status == 0
    assert list(checks) == [
        "configuration",
        "name resolution",
        "TLS",
        "round trip",
        "clock",
        "credentials",
        *operations,
    ]
    assert all(checks[name]["status"] == "pass" for name in list(checks)[:6])
    assert "not used" in checks["TLS"]["said"]
    assert "median of 3 calls" in checks["round trip"]["said"]
    assert "within 1 s" in checks["clock"]["said"]
    action = PROBES[vendor.simulator.provider]
    assert checks["credentials"]["said"] == f"accepted, asked by {action}, which changes nothing"


NAMES = ("clear_unread", "mark_read", "delete", "mute")


def test_what_cannot_be_done_warns_with_its_caveats(tencent, examined):
    checks, _ = examined(tencent.config)

    assert {name for name, check in checks.items() if check["status"] == "warn"} == {
        "clear_unread group",
        "mark_read group",
        "mute direct",
    }
    assert checks["mute direct"]["said"] == "not usable: the vendor lacks it"
    assert checks["mute direct"]["caveats"] == ["tencent.no-direct-mute"]


def test_what_a_setting_would_allow_is_told_with_the_setting(run, tmp_path):
    config = written(
        tmp_path / "c.toml", provider="matrix", base_url="http://127.0.0.1:9", access_token="env:HOME"
    )
    document = json.loads(run("doctor", "--account", "main", "--config", config, "--json").stdout)
    (delete,) = (check for check in document["checks"] if check["check"] == "delete direct")
    assert delete["status"] == "warn"
    assert delete["remedy"] == (
        'Set delete_mode = "hide" or delete_mode = "leave" in the account, or do without it'
    )


def test_a_line_says_status_name_and_finding_and_caveats_stand_below(tencent, run):
    lines = run("doctor", "--account", "main", "--config", tencent.config).stdout.splitlines()

    assert lines[0] == "pass  configuration         tencent account main: settings valid, secrets resolved"
    remedy = "Do without it, or ask another provider."
    assert f"warn  mute direct           not usable: the vendor lacks it (6). {remedy}" in lines
    assert any(line.startswith("(6) tencent.no-direct-mute: ") for line in lines)
    assert lines[-1] == "11 passed, 3 warned, 0 failed; nothing was changed."


def test_an_account_may_be_given_as_a_url(zego, run, monkeypatch):
    monkeypatch.setenv("ZEGO_SECRET", SENTINEL)
    url = f"zego://?app_id=12345&server_secret=env:ZEGO_SECRET&base_url={zego.url}"

    assert run("doctor", "--url", url).exit_code == 0


def test_a_provider_without_a_network_needs_neither_it_nor_credentials(run):
    result = run("doctor", "--url", "memory://?store=doctor", "--json")
    checks = {check["check"]: check for check in json.loads(result.stdout)["checks"]}

    assert result.exit_code == 0
    assert checks["TLS"]["said"] == "not used: memory has a transport of its own"
    assert checks["credentials"]["said"] == "none needed: memory asks for none"


@pytest.mark.parametrize("form", [[], ["--json"]])
@pytest.mark.parametrize("secret", [SENTINEL, "another-0123456789abcdef-another"])
def test_no_secret_is_told_whether_it_is_right_or_wrong(vendor, run, monkeypatch, secret, form):
    monkeypatch.setenv("CONVOPS_TEST_SECRET", secret)
    output = run("doctor", "--account", "main", "--config", vendor.config, *form).output

    assert secret not in output
    for word in ("usersig=", "Signature=", "CONVOPS_TEST_SECRET"):
        assert word not in output


# --- What can be wrong: settings ----------------------------------------------------------------------


def refused(run, *words):
    """Run it and return what it says of the configuration, the only thing it looked at."""
    result = run("doctor", *words, "--json")
    document = json.loads(result.stdout)

    assert (result.exit_code, result.stderr) == (2, "")
    (check,) = document["checks"]
    assert (check["check"], check["status"], document["status"]) == ("configuration", "fail", "fail")
    assert check["remedy"]
    return check["said"]


def test_an_unknown_account_is_told_with_those_that_are_known(zego, run):
    said = refused(run, "--account", "mian", "--config", zego.config)

    assert "no account 'mian'; did you mean 'main'? known: main" in said


def test_a_missing_environment_variable_is_named(zego, run, monkeypatch):
    monkeypatch.delenv("CONVOPS_TEST_SECRET")
    said = refused(run, "--account", "main", "--config", zego.config)

    assert "server_secret refers to the environment variable CONVOPS_TEST_SECRET, which is not set" in said


def test_a_missing_file_is_named(run, tmp_path):
    assert "there is no" in refused(run, "--account", "main", "--config", tmp_path / "none.toml")


def test_a_literal_secret_is_refused_and_not_repeated(run):
    assert SENTINEL not in refused(run, "--url", f"zego://?app_id=1&server_secret={SENTINEL}")


def test_a_wrong_configuration_is_a_line_too(zego, run):
    result = run("doctor", "--account", "mian", "--config", zego.config)

    assert result.exit_code == 2
    assert result.stdout.startswith("fail  configuration ")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "Give either --account or --url."),
        (["--account", "a", "--url", "memory://?"], "Give either --account or --url."),
        (["--url", "memory://?", "--config", "c"], "--config goes with --account."),
    ],
)
def test_a_misuse_is_one_line(run, words, said):
    result = run("doctor", *words)

    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr
    assert result.stderr.count("\n") == 1


# --- What can be wrong: the way there -----------------------------------------------------------------


def test_a_wrong_host_name_fails_and_the_rest_is_not_tried(tmp_path, monkeypatch, examined):
    monkeypatch.setenv("S", SENTINEL)
    settings = {"provider": "zego", "app_id": 1, "server_secret": "env:S"}
    checks, status = examined(
        written(tmp_path / "c.toml", **settings, base_url="https://no-such-host.invalid")
    )

    assert status == 1
    assert checks["name resolution"]["status"] == "fail"
    assert checks["name resolution"]["remedy"].startswith("Check region, or base_url, for a wrong host name")
    assert [checks[name]["status"] for name in ("TLS", "round trip", "clock", "credentials")] == ["warn"] * 4


@pytest.mark.parametrize(("scheme", "where"), [("http", "round trip"), ("https", "TLS")])
def test_a_refused_port_fails(tmp_path, monkeypatch, examined, scheme, where):
    monkeypatch.setenv("S", SENTINEL)
    base_url = f"{scheme}://127.0.0.1:{closed_port()}"
    settings = {"provider": "zego", "app_id": 1, "server_secret": "env:S", "base_url": base_url}
    checks, status = examined(written(tmp_path / "c.toml", **settings))

    assert (status, checks[where]["status"]) == (1, "fail")
    assert checks[where]["remedy"].startswith("Nothing listens there, or a firewall refuses")
    assert (checks["credentials"]["status"], checks["credentials"]["said"]) == ("warn", "not checked")


# --- What can be wrong: credentials -------------------------------------------------------------------


def test_a_wrong_secret_fails_and_is_tried_once(vendor, examined, monkeypatch):
    monkeypatch.setenv("CONVOPS_TEST_SECRET", "another")
    checks, status = examined(vendor.config)

    assert (status, checks["credentials"]["status"]) == (1, "fail")
    assert "check app id" in checks["credentials"]["said"] or "secret key" in checks["credentials"]["said"]
    assert checks["credentials"]["remedy"].startswith("Compare ids, secret and region with the vendor's")
    assert len(vendor.simulator.exchanges) == 1


@pytest.mark.parametrize(
    ("provider", "code", "said"),
    [
        ("zego", 100000000, "wrong host: check region or base_url (code 100000000)"),
        ("zego", 100000017, "this app has not enabled the service (code 100000017)"),
        ("tencent", 60026, "not this app's data centre: check the region setting (code 60026)"),
        ("tencent", 60010, "the calling account is not an admin of the app (code 60010)"),
    ],
)
def test_what_the_vendor_refuses_is_told_in_words(request, examined, provider, code, said):
    vendor = request.getfixturevalue(provider)
    vendor.simulator.misbehave(Fault(code=code))
    checks, status = examined(vendor.config)

    assert (status, checks["credentials"]["status"]) == (1, "fail")
    assert checks["credentials"]["said"] == f"{said}; asked by {PROBES[provider]}, which changes nothing"
    assert checks["credentials"]["remedy"]


@pytest.mark.parametrize("fault", [Fault(status=404), Fault(body=b"<html>welcome</html>"), Fault(status=302)])
def test_an_answer_that_is_not_the_vendors_leads_to_the_host(zego, examined, fault):
    zego.simulator.misbehave(fault)
    checks, status = examined(zego.config)

    assert status == 1
    remedy = "What answers there is not this vendor's API: check region, or base_url"
    assert (checks["credentials"]["status"], checks["credentials"]["remedy"]) == ("fail", remedy)


# --- What can be wrong: the clock ---------------------------------------------------------------------


def ticking(offset):
    """Return the real time and chance, with a wall clock that is off."""
    return attrs.evolve(REAL, time=lambda: time.time() + offset)


def by_name(checks):
    return {check.name: check for check in checks}


@pytest.mark.parametrize(("offset", "words"), [(900, "900 s ahead of"), (-900, "900 s behind")])
def test_a_clock_that_is_off_fails_though_a_corrected_signature_passes(zego, offset, words):
    checks = by_name(examine(from_file("main", zego.config), environment=ticking(offset)))

    assert checks["clock"].status == "fail"
    assert any(checks["clock"].said.startswith(f"{n} s {words.partition(' s ')[2]}") for n in (899, 900, 901))
    assert checks["clock"].remedy.startswith("Set this machine's clock")
    assert checks["credentials"].status == "pass"


@pytest.mark.parametrize(
    ("simulator", "ahead"), [(ZegoSimulator, 3600), (TencentSimulator, 25 * 3600)], ids=["zego", "tencent"]
)
def test_a_signature_the_vendor_calls_expired_leads_to_the_clock(simulator, ahead):
    simulated = simulator(now=lambda: time.time() + ahead)
    with serve(simulated) as url:
        account = from_keywords(simulated.provider, {**simulated.settings, "base_url": url})
        checks = by_name(examine(account))

    assert checks["credentials"].status == "fail"
    assert "expired" in checks["credentials"].said
    assert checks["credentials"].remedy == "Set this machine's clock, best by NTP, and run again"


# --- Any provider -------------------------------------------------------------------------------------


class Answering:
    """A transport that answers by a function."""

    def __init__(self, answer):
        self.answer = answer
        self.calls = []

    def exchange(self, attempt, deadline):
        attempt.sign()
        self.calls.append(attempt.call)
        return self.answer()

    def close(self):
        self.closed = True


class KeySigner(Signer):
    def sign(self, call, *, now, nonce, ticket):
        raise AssertionError


class Asked(Scripted):
    """A provider with a transport of its own, which names a call that changes nothing."""

    call = Call(action="Ask", writes=False)
    error = None

    def __init__(self, answer=lambda: HttpReply(200, {}, b"{}"), **members):
        self.own = Answering(answer)
        vars(self).update(members)

    def transport(self, account):
        return self.own

    def probe(self, account):
        return self.call

    def read(self, call, reply):
        return self.error


def asked(*arguments, offset=0.0, **members):
    account = Account(Asked(*arguments, **members), ScriptedAccount())
    return by_name(examine(account, environment=ticking(offset)))


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (None, "pass"),
        (NotFoundError("no such user"), "pass"),
        (AuthenticationError("wrong key"), "fail"),
        (PermissionDeniedError("not allowed"), "fail"),
        (LimitExceededError("over the quota"), "fail"),
        (ProviderUnavailableError("busy"), "fail"),
        (ProviderError("a code no table maps", code="http-404"), "fail"),
        (ProviderError("a code no table maps", code=4711), "warn"),
        (RateLimitedError("too many"), "warn"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_credentials_are_good_once_the_vendor_lets_the_call_in(error, status):
    check = asked(error=error)["credentials"]

    assert check.status == status
    assert bool(check.remedy) is (status != "pass")


@pytest.mark.parametrize("kind", FailureKind)
def test_every_failure_on_the_way_fails_with_a_remedy(kind):
    checks = asked(lambda: Failure(kind, sent=False))

    assert checks["round trip"].status == "fail"
    assert kind.value in checks["round trip"].said
    assert checks["round trip"].remedy
    assert [checks[name].status for name in ("clock", "credentials")] == ["warn", "warn"]


@pytest.mark.parametrize(
    ("offset", "status"),
    [(0, "pass"), (55, "pass"), (-55, "pass"), (65, "warn"), (-65, "warn"), (605, "fail"), (-605, "fail")],
)
def test_a_clock_may_be_off_a_little(offset, status):
    def told():
        return HttpReply(200, {"date": format_datetime(datetime.now(UTC), usegmt=True)}, b"{}")

    check = asked(told, offset=offset)["clock"]
    assert check.status == status
    assert ("ahead" in check.said) is (offset > 60)
    assert ("behind" in check.said) is (offset < -60)


@pytest.mark.parametrize("date", [None, "", "yesterday", "Thu, 99 Foo 2026 99:99:99 GMT"])
def test_a_vendor_that_tells_no_time_leaves_the_clock_unchecked(date):
    headers = {} if date is None else {"date": date}
    check = asked(lambda: HttpReply(200, headers, b"{}"))["clock"]

    assert (check.status, check.said) == ("warn", "not checked: no answer told the time")


def test_a_call_that_writes_is_never_sent():
    provider = Asked(call=Call(action="Delete"))
    with pytest.raises(PluginError, match="probe gave a call that writes"):
        list(examine(Account(provider, ScriptedAccount())))
    assert provider.own.calls == []


def test_something_else_than_a_call_is_a_bug_of_the_plugin():
    with pytest.raises(PluginError, match="probe gave str, not Call"):
        asked(call="Ask")


def test_without_a_call_that_changes_nothing_it_says_so():
    class Silent(Scripted):
        def signer(self, account):
            return KeySigner()

        def origins(self, account):
            return (f"http://127.0.0.1:{closed_port()}",)

    checks = by_name(examine(Account(Silent(), ScriptedAccount())))
    said = "not checked: scripted names no call that changes nothing"

    for name in ("round trip", "clock", "credentials"):
        assert (checks[name].status, checks[name].said) == ("warn", said)


def test_a_backup_that_cannot_be_reached_warns_and_one_that_can_is_asked_instead(zego):
    account = from_file("main", zego.config)
    nowhere = "https://no-such-host.invalid"

    class TwoHosts(type(account.provider)):
        hosts = ()

        def origins(self, account):
            return self.hosts

    provider = TwoHosts()
    provider.hosts = (zego.url, nowhere)
    checks = list(examine(Account(provider, account.settings)))
    assert "fail" not in {check.status for check in checks}
    assert [check.said for check in checks if check.status == "warn"] == [
        "backup no-such-host.invalid: the name has no address",
        "backup no-such-host.invalid:443: not checked",
    ]
    provider.hosts = (nowhere, zego.url)
    checks = list(examine(Account(provider, account.settings)))
    assert [check.name for check in checks if check.status == "fail"] == ["name resolution"]
    assert by_name(checks)["credentials"].status == "pass"


# --- TLS ----------------------------------------------------------------------------------------------


@contextmanager
def listening(certificate=None):
    """Serve handshakes, or with no certificate nonsense, on a loopback port; yield its URL."""
    server = socket.create_server(("127.0.0.1", 0))
    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(context)

    def answer():
        connection, _ = server.accept()
        with connection:
            if context is None:
                connection.sendall(b"this is no TLS\r\n")
                return
            try:
                context.wrap_socket(connection, server_side=True).close()
            except OSError:
                return

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.getsockname()[1]}"
    finally:
        thread.join()
        server.close()


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


def secured(authority, *, trusted=None, host="127.0.0.1", **life):
    """Return the check of a handshake with a server whose certificate is for `host`."""
    context = ssl.create_default_context()
    (trusted or authority).configure_trust(context)
    with listening(authority.issue_cert(host, **life)) as url:
        return by_name(_reach.way_to(url, context, time.time()))["TLS"]


def days(number):
    return datetime.now(UTC) + timedelta(days=number, minutes=1)


@pytest.mark.parametrize(("left", "status"), [(90, "pass"), (14, "pass"), (13, "warn"), (0, "warn")])
def test_a_certificate_that_ends_soon_warns(authority, left, status):
    check = secured(authority, not_after=days(left))

    assert check.status == status
    assert f"certificate good for {left} days" in check.said
    assert bool(check.remedy) is (status == "warn")


def test_a_certificate_whose_time_is_over_leads_to_the_clock(authority):
    check = secured(authority, not_before=days(-9), not_after=days(-1))

    assert (check.status, "has expired" in check.said) == ("fail", True)
    assert check.remedy.startswith("Check this machine's clock")


def test_a_certificate_of_another_host_or_of_a_stranger_fails(authority):
    for check in (secured(authority, host="other.example"), secured(authority, trusted=trustme.CA())):
        assert check.status == "fail"
        assert "the certificate is refused" in check.said
        assert check.remedy.startswith("Check base_url; a proxy")


def test_what_speaks_no_tls_fails():
    with listening() as url:
        check = by_name(_reach.way_to(url, ssl.create_default_context(), time.time()))["TLS"]

    assert check.status == "fail"
    assert check.said.partition(": ")[2].startswith("no handshake (")
    assert "TLS 1.2" in check.remedy


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (TimeoutError(), "no connection within 5 s"),
        (ConnectionRefusedError(111, "x"), "the connection is refused"),
        (OSError(errno.ENETUNREACH, "Network is unreachable"), "Network is unreachable"),
        (OSError(), "OSError"),
    ],
)
def test_a_host_that_cannot_be_connected_to_is_told_why_with_a_remedy(monkeypatch, error, said):
    def unreachable(*_):
        raise error

    monkeypatch.setattr(socket, "create_connection", unreachable)
    check = by_name(_reach.way_to("https://127.0.0.1", ssl.create_default_context(), time.time()))["TLS"]

    assert (check.status, check.said) == ("fail", f"127.0.0.1:443: {said}")
    assert check.remedy


def test_a_resolver_that_hangs_is_given_up(monkeypatch):
    gate = threading.Event()
    monkeypatch.setattr(_reach, "CONNECT_SECONDS", 0.05)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: gate.wait() and [])
    check = next(_reach.way_to("https://vendor.example", ssl.create_default_context(), time.time()))
    gate.set()

    assert (check.status, check.said) == ("fail", "vendor.example: no answer within 0.05 s")
    assert check.remedy == "Check this machine's name servers"
