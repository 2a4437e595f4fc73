"""What must be so in every story, whatever happens in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tests.simulation import laws_of_time, laws_of_truth
from tests.simulation.history import History
from tests.simulation.play import play
from tests.simulation.story import Story

LAWS: dict[str, Callable[[History], Iterator[str]]] = {
    law.__name__: law for law in (*laws_of_truth.LAWS, *laws_of_time.LAWS)
}


def broken(story: Story) -> dict[str, str]:
    """Play a story, and return the laws it broke, each with how."""
    history = play(story)
    return {name: how for name, law in LAWS.items() if (how := next(law(history), None)) is not None}
