"""Fresh credentials for each attempt, spelled once and only on the wire."""

from __future__ import annotations

import threading
import time

import pytest

from convops._signing import Signing, parse_http_date
from convops.provider import Call, Credentials, Signer, SigningError, Ticket
from convops.secret import Secret
from tests.core.scripted import SENTINEL, frames, shown

BASE = "https://vendor.example"
CALL = Call(action="Do", path=("v1", "a/b"), query={"q": "x y"}, body={"id": "\u00e9"})


class Plain(Signer):
    """Signs each attempt by itself."""

    def __init__(self):
        self.seen = []

    def sign(self, call, *, now, nonce, ticket):
        self.seen.append((call, now, nonce, ticket))
        return Credentials(query={"sig": "a b", "at": str(int(now))}, headers={"X-Key": "k"})


class Ticketed(Signer):
    """Issues tickets that are renewed after 50 seconds and die after 100."""

    def __init__(self):
        self.issued = []

    def issue(self, now):
        self.issued.append(now)
        return Ticket(Secret(f"ticket-{len(self.issued)}"), renew_at=now + 50, expires_at=now + 100)

    def sign(self, call, *, now, nonce, ticket):
        return Credentials(query={"ticket": ticket.value.reveal()})


class Failing(Signer):
    """Fails with a secret open in its frame, in its exception and in its cause."""

    def __init__(self):
        self.key = Secret(SENTINEL)

    def sign(self, call, *, now, nonce, ticket):
        opened = self.key.reveal()
        try:
            int(opened)
        except ValueError as error:
            raise RuntimeError(opened) from error


class Clock:
    def __init__(self, now=1000.0):
        self.now = now

    def __call__(self):
        return self.now


class Nonces:
    def __init__(self):
        self.count = 0

    def __call__(self):
        self.count += 1
        return self.count.to_bytes(8)


def signing(signer, clock=None):
    return Signing(signer, now=clock or Clock(), nonce=Nonces())


def ticket_of(seat):
    return seat.credentials(CALL).query["ticket"]


def test_an_attempt_shows_where_it_goes_and_what_it_carries_without_credentials():
    attempt = signing(Plain()).attempt(CALL, BASE)
    assert attempt.origin == "https://vendor.example"
    assert attempt.target == "/v1/a%2Fb?q=x%20y"
    assert attempt.content == '{"id":"\u00e9"}'.encode()
    assert attempt.call is CALL


def test_a_signed_attempt_adds_the_encoded_credentials_to_its_query():
    target, headers = signing(Plain()).attempt(CALL, BASE).sign()
    assert target == "/v1/a%2Fb?q=x%20y&sig=a%20b&at=1000"
    assert headers == {"X-Key": "k"}


@pytest.mark.parametrize("base", ["https://vendor.example/im", "https://vendor.example/im/"])
def test_the_path_of_a_base_url_comes_first(base):
    attempt = signing(Plain()).attempt(CALL, base)
    assert attempt.origin == "https://vendor.example"
    assert attempt.target == "/im/v1/a%2Fb?q=x%20y"
    assert attempt.sign()[0].startswith("/im/v1/a%2Fb?q=x%20y&sig=")


def test_a_call_without_path_query_or_body_is_a_bare_slash():
    attempt = signing(Plain()).attempt(Call(action="Do"), BASE)
    assert (attempt.target, attempt.content) == ("/", b"")


def test_an_attempt_is_signed_once():
    attempt = signing(Plain()).attempt(CALL, BASE)
    attempt.sign()
    for _ in range(2):
        with pytest.raises(SigningError):
            attempt.sign()


def test_looking_at_an_attempt_does_not_sign_it():
    signer = Plain()
    attempt = signing(signer).attempt(CALL, BASE)
    looks = [
        repr(attempt),
        str(attempt),
        attempt.target,
        attempt.origin,
        str(attempt.content),
        repr(attempt.defect),
    ]
    assert [look for look in looks if "sig" in look] == []
    assert signer.seen == []


def test_the_signer_is_given_the_call_the_time_and_a_nonce_of_eight_bytes_that_no_other_attempt_has():
    signer = Plain()
    seat = signing(signer)
    for _ in range(5):
        seat.attempt(CALL, BASE).sign()
    calls, times, nonces, tickets = zip(*signer.seen, strict=True)
    assert set(map(id, calls)) == {id(CALL)}
    assert set(times) == {1000.0}
    assert len(set(nonces)) == 5
    assert {len(nonce) for nonce in nonces} == {8}
    assert set(tickets) == {None}


def test_an_attempt_that_cannot_be_signed_says_so_and_names_the_kind_of_defect():
    attempt = signing(Failing()).attempt(CALL, BASE)
    with pytest.raises(SigningError):
        attempt.sign()
    assert attempt.defect == "RuntimeError"


def test_a_failing_signer_leaves_no_secret_in_message_chain_or_frames():
    attempt = signing(Failing()).attempt(CALL, BASE)
    with pytest.raises(SigningError) as caught:
        attempt.sign()
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert {frame.f_code.co_name for frame in frames(caught.value)} == {"sign"}
    assert SENTINEL not in shown(caught.value)


def test_an_attempt_whose_signer_failed_is_not_signed_again():
    attempt = signing(Failing()).attempt(CALL, BASE)
    for _ in range(2):
        with pytest.raises(SigningError):
            attempt.sign()


def test_credentials_that_cannot_be_spelled_are_a_defect_of_the_signer():
    class Odd(Signer):
        def sign(self, call, *, now, nonce, ticket):
            return Credentials(query={"sig": [SENTINEL]})

    attempt = signing(Odd()).attempt(CALL, BASE)
    with pytest.raises(SigningError) as caught:
        attempt.sign()
    assert attempt.defect == "TypeError"
    assert SENTINEL not in shown(caught.value)


def test_credentials_and_tickets_show_no_secret():
    assert SENTINEL not in repr(Credentials(query={"sig": SENTINEL}, headers={"x": SENTINEL}))
    assert SENTINEL not in repr(Ticket(Secret(SENTINEL), 0.0, 0.0))


def test_a_ticket_is_kept_until_it_is_to_be_renewed():
    signer, clock = Ticketed(), Clock()
    seat = signing(signer, clock)
    for now in (1000.0, 1001.0, 1049.999):
        clock.now = now
        assert ticket_of(seat) == "ticket-1"
    assert signer.issued == [1000.0]


def test_a_ticket_is_renewed_from_the_moment_it_names():
    signer, clock = Ticketed(), Clock()
    seat = signing(signer, clock)
    ticket_of(seat)
    clock.now = 1050.0
    assert ticket_of(seat) == "ticket-2"
    clock.now = 1099.0
    assert ticket_of(seat) == "ticket-2"
    assert signer.issued == [1000.0, 1050.0]


def test_a_ticket_the_vendor_refused_is_forgotten():
    signer = Ticketed()
    seat = signing(signer)
    ticket_of(seat)
    seat.start_afresh()
    assert ticket_of(seat) == "ticket-2"


# 2026-01-01 00:00:00 UTC
NEW_YEAR = 1_767_225_600.0


@pytest.mark.parametrize(
    ("ahead", "signed"),
    # A date is cut to its second: half of one is the best guess. A little is no difference at all.
    [
        (-3600.0, NEW_YEAR + 0.5),
        (3600.0, NEW_YEAR + 0.5),
        (0.0, NEW_YEAR),
        (2.5, NEW_YEAR + 2.5),
        (3.5, NEW_YEAR + 3.5),
        (3.75, NEW_YEAR + 0.5),
    ],
)
def test_the_clock_is_corrected_by_the_vendors_date(ahead, signed):
    signer, clock = Plain(), Clock(NEW_YEAR + ahead)
    seat = signing(signer, clock)
    seat.learn("Thu, 01 Jan 2026 00:00:00 GMT", 0.0)
    seat.credentials(CALL)
    clock.now += 7.0
    seat.credentials(CALL)
    assert [now for _, now, _, _ in signer.seen] == [signed, signed + 7.0]


@pytest.mark.parametrize(
    "date",
    [None, "", "yesterday", "Thu, 99 Jan 2026 00:00:00 GMT", "Thu, 01 Jan 99999999999999999999 00:00:00 GMT"],
)
def test_a_date_that_says_nothing_leaves_the_clock_as_it_is(date):
    signer = Plain()
    seat = signing(signer, Clock(1000.0))
    seat.learn(date, 0.0)
    seat.credentials(CALL)
    assert signer.seen[0][1] == 1000.0


def test_a_date_that_was_heard_before_says_nothing_new():
    clock = Clock(NEW_YEAR - 3600.0)
    seat = signing(Plain(), clock)
    for _ in range(2):
        seat.learn("Thu, 01 Jan 2026 00:00:00 GMT", 0.0)
        clock.now += 0.75
    assert seat.offset == 3600.5


def test_a_date_without_a_zone_is_that_of_greenwich_wherever_this_machine_stands(monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert parse_http_date("Thu, 01 Jan 2026 00:00:00 -0000") == NEW_YEAR
    finally:
        monkeypatch.undo()
        time.tzset()


def test_an_attempt_knows_that_it_was_asked_for_two_signatures():
    attempt = signing(Plain()).attempt(CALL, BASE)
    attempt.sign()
    assert not attempt.repeated
    with pytest.raises(SigningError):
        attempt.sign()
    assert attempt.repeated


def test_a_ticket_is_issued_and_renewed_by_the_vendors_clock():
    signer, clock = Ticketed(), Clock(NEW_YEAR - 500.0)
    seat = signing(signer, clock)
    seat.learn("Thu, 01 Jan 2026 00:00:00 GMT", 0.0)
    ticket_of(seat)
    clock.now += 50.0
    ticket_of(seat)
    assert signer.issued == [NEW_YEAR + 0.5, NEW_YEAR + 50.5]


def test_a_signer_without_tickets_is_given_none():
    signer = Plain()
    signing(signer).credentials(CALL)
    assert signer.seen[0][3] is None


def test_a_ticket_that_could_not_be_issued_is_asked_for_again():
    class Recovering(Ticketed):
        def issue(self, now):
            ticket = super().issue(now)
            if len(self.issued) == 1:
                raise RuntimeError
            return ticket

    seat = signing(Recovering())
    with pytest.raises(RuntimeError):
        ticket_of(seat)
    assert ticket_of(seat) == "ticket-2"


class Gated(Ticketed):
    """Issues a ticket only when the gate is opened."""

    def __init__(self):
        super().__init__()
        self.asked, self.gate, self.at_once, self.most_at_once = threading.Event(), threading.Event(), 0, 0
        self.gate.set()

    def issue(self, now):
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self.asked.set()
        assert self.gate.wait(30)
        ticket = super().issue(now)
        self.at_once -= 1
        return ticket


def test_one_caller_renews_a_ticket_while_the_others_go_on_with_the_old_one():
    signer, clock, renewed = Gated(), Clock(), []
    seat = signing(signer, clock)
    ticket_of(seat)
    clock.now = 1050.0
    signer.asked.clear()
    signer.gate.clear()
    renewer = threading.Thread(target=lambda: renewed.append(ticket_of(seat)))
    renewer.start()
    assert signer.asked.wait(30)
    assert [ticket_of(seat) for _ in range(5)] == ["ticket-1"] * 5
    signer.gate.set()
    renewer.join()
    assert renewed == ["ticket-2"]
    assert ticket_of(seat) == "ticket-2"
    assert len(signer.issued) == 2


@pytest.mark.parametrize("expired", [False, True], ids=["first ticket", "expired ticket"])
def test_callers_without_a_usable_ticket_wait_for_the_one_who_gets_it(expired):
    signer, clock, tickets = Gated(), Clock(), []
    seat = signing(signer, clock)
    if expired:
        ticket_of(seat)
        clock.now = 1100.0
    signer.gate.clear()
    threads = [threading.Thread(target=lambda: tickets.append(ticket_of(seat))) for _ in range(6)]
    for thread in threads:
        thread.start()
    signer.gate.set()
    for thread in threads:
        thread.join()
    assert tickets == ["ticket-2" if expired else "ticket-1"] * 6
    assert signer.most_at_once == 1
