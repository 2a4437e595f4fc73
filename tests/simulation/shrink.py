"""Cuts a story short while it still breaks the same law."""

from __future__ import annotations

from tests.simulation.laws import broken
from tests.simulation.play import play
from tests.simulation.story import Story


def shrunk(story: Story, law: str) -> Story:
    """Return the shortest story found that breaks a law which this one breaks."""
    while (shorter := next((each for each in story.shorter() if law in broken(each)), None)) is not None:
        story = shorter
    return story


def told(story: Story) -> str | None:
    """Return what a story breaks, how to see it again, and the shortest story that does; None for nothing."""
    found = broken(story)
    if not found:
        return None
    law = min(found)
    short = shrunk(story, law)
    return "\n".join(
        [
            f"Seed {story.seed} breaks: {', '.join(sorted(found))}",
            f"Again: uv run pytest -n0 tests/simulation --seed {story.seed}",
            "",
            str(short),
            "",
            "What happened:",
            str(play(short)),
            "",
            f"{law}: {broken(short)[law]}",
        ]
    )
