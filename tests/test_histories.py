"""Random release histories in the real Anki; fuzz/histories.py plays as many as you like."""

from __future__ import annotations

import runpy
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import crss_deck.history
import crss_deck.lock
from crss_deck.history import NoteState, Status, status_of
from crss_deck.lock import LockedNote

pytestmark = pytest.mark.anki

WALK = runpy.run_path(str(Path(__file__).parents[1] / "fuzz" / "histories.py"))
play: Callable[..., Counter[str]] = WALK["history"]
SEEDS = range(1, 37)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_learner_has_the_newest_text(seed: int) -> None:
    """Changes arrive, the rest is left alone and progress is kept, whatever anybody does."""
    done = play(seed, steps=9)
    assert done["import"] > 0
    assert done["release first"] == 1


def every_change(state: NoteState, locked: LockedNote | None) -> Status:
    """As if a date were given for each difference: reflowed and held notes too."""
    found = status_of(state, locked)
    return Status.CHANGED if found in (Status.REFLOWED, Status.HELD) else found


def some_forgotten(state: NoteState, locked: LockedNote | None) -> Status:
    """As if the changes of some notes were overlooked."""
    found = status_of(state, locked)
    return Status.SAME if found is Status.CHANGED and len(state.cards) > 1 else found


def first_line(lines: Any) -> dict[str, LockedNote]:
    """As if the first line of a note counted after a merge, and not the latest."""
    return {line.origin: line for line in reversed([*lines])}


@pytest.mark.parametrize(
    ("module", "name", "wrong"),
    [
        (crss_deck.history, "status_of", every_change),
        (crss_deck.history, "status_of", some_forgotten),
        (crss_deck.lock, "_together", first_line),
    ],
    ids=["every difference is a change", "changes are overlooked", "the first line counts"],
)
def test_a_wrong_rule_is_found(
    monkeypatch: pytest.MonkeyPatch, module: Any, name: str, wrong: Any
) -> None:
    """The histories tell a right rule from a wrong one."""
    monkeypatch.setattr(module, name, wrong)
    with pytest.raises(WALK["Broken"]):
        for seed in SEEDS:
            play(seed)
