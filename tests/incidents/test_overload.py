"""Metastable failures: retries that keep an overload alive after its cause is gone (OSDI '22).

A hundred clients ask four fifths of what a server can do. For a minute it does nothing; afterwards it
works off its queue, in which most callers have given up already.
"""

from __future__ import annotations

import functools

import pytest

from convops._steps import Exchange
from tests.incidents.crowd import OK, Crowd, Scripted, Server

CLIENTS = 100
CAPACITY = 100
EVERY = 1.25
"""Seconds between two operations of one client."""

TIMEOUT = 1.0
BEGIN, END = 1020.0, 1080.0
RECOVERED = END + 60
NORMAL = CLIENTS / EVERY


class Paced(Scripted):
    rate = 1 / EVERY


class Story:
    """What a crowd met: when operations began, when they were done, and when the server was called."""

    def __init__(self, *, refuses):
        server = Server(capacity=CAPACITY, queue=5 * CAPACITY, outage=(BEGIN, END), refuses=refuses)
        self.world = Crowd(server)
        self.begun, self.done = [], []

    def note(self, done):
        if done:
            self.done.append(self.world.clock)

    def play(self, start):
        """Let every client start, one after another, and go on until a minute after the outage."""
        for number in range(CLIENTS):
            moment = 1000 + EVERY * number / CLIENTS
            self.world.at(moment, lambda number=number: start(number))
        self.world.run(RECOVERED)
        return self

    def goodput(self, begin, end):
        return sum(begin <= moment < end for moment in self.done) / (end - begin)

    def load(self, begin, end):
        return self.world.calls_within(begin, end) / (end - begin)

    def worst_load(self):
        """Return the highest load in any ten seconds from the beginning of the outage on."""
        return max(self.load(begin, begin + 10) for begin in range(int(BEGIN), int(RECOVERED) - 9))

    def has_recovered(self):
        return self.goodput(RECOVERED - 20, RECOVERED) >= 0.99 * NORMAL

    def is_bounded(self):
        return self.worst_load() <= 1.1 * NORMAL


def every_so_often(story, ask):
    """Begin an operation at every turn, whatever became of the ones before."""

    def start(number):
        story.begun.append(story.world.clock)
        ask(number)
        story.world.at(story.world.clock + EVERY, lambda: start(number))

    return story.play(start)


def one_after_another(story, ask):
    """Begin an operation when the one before is over, as `apply` does with a list."""

    def start(number):
        story.begun.append(story.world.clock)
        ask(number, lambda: start(number))

    return story.play(start)


def verbs(story):
    clients = story.world.clients(CLIENTS)

    def ask(number):
        story.world.mute(clients[number], lambda outcome: story.note(outcome.ok), timeout=TIMEOUT)

    return every_so_often(story, ask)


def apply(story):
    clients = story.world.clients(CLIENTS, Paced())

    def ask(number, then):
        def over(outcome):
            story.note(outcome.ok)
            then()

        story.world.mute(clients[number], over, timeout=TIMEOUT, patient=True)

    return one_after_another(story, ask)


def naive(story):
    """Four tries, each with its own timeout, at once, without breaker or budget."""

    def tries():
        for _ in range(4):
            result = yield Exchange(None, story.world.clock + TIMEOUT)
            if result is OK:
                return True
        return False

    return every_so_often(story, lambda _: story.world.go(tries(), story.note))


@functools.cache
def played(client, refuses):
    story = client(Story(refuses=refuses))
    # Before the outage everyone gets what they ask, and during it nobody does.
    assert story.goodput(1005, BEGIN) == pytest.approx(NORMAL, rel=0.01)
    assert story.load(1005, BEGIN) == pytest.approx(NORMAL, rel=0.01)
    assert story.goodput(BEGIN + 10, END) == 0
    return story


@pytest.mark.parametrize("client", [verbs, apply])
@pytest.mark.parametrize("refuses", [False, True], ids=["queues", "refuses"])
def test_a_minute_after_an_outage_goodput_is_what_it_was_before(client, refuses):
    assert played(client, refuses).has_recovered()


@pytest.mark.parametrize("client", [verbs, apply])
@pytest.mark.parametrize("refuses", [False, True], ids=["queues", "refuses"])
def test_an_outage_never_raises_the_load_by_more_than_a_tenth(client, refuses):
    story = played(client, refuses)
    assert story.is_bounded()
    # The longer it lasts, the less is tried.
    assert story.load(END - 30, END) <= 0.2 * NORMAL


def test_a_client_that_repeats_at_once_never_recovers():
    """The same story, with the retries that these checks are there to catch."""
    story = played(naive, refuses=False)
    assert not story.has_recovered()
    assert story.goodput(END, RECOVERED) == 0
    assert not story.is_bounded()


def test_a_client_that_repeats_at_once_multiplies_the_load_of_an_outage():
    assert not played(naive, refuses=True).is_bounded()
