"""Words that are nearly right, and what was meant."""

from __future__ import annotations

from collections.abc import Iterable


def near_ones(word: str, known: Iterable[str], most: int) -> list[str]:
    """The known words most like a word, the nearest first."""
    from difflib import get_close_matches  # needed for faults alone

    return get_close_matches(word, known, n=most)


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word that is meant, when just one is near; else an empty string."""
    near = near_ones(word, known, 2)
    return near[0] if len(near) == 1 else ""


def suggestion(word: str, known: Iterable[str]) -> str:
    """`did you mean …?` for the known word most like a word; else an empty string."""
    near = near_ones(word, known, 1)
    return f"did you mean `{near[0]}`?" if near else ""


def one_edit_apart(first: str, second: str) -> bool:
    """Whether one letter added, dropped, changed or swapped with its neighbour makes them equal."""
    if first == second or abs(len(first) - len(second)) > 1:
        return False
    start = 0
    while start < min(len(first), len(second)) and first[start] == second[start]:
        start += 1
    rest, other = first[start:], second[start:]
    return (
        rest[1:] == other[1:]
        or rest[1:] == other
        or rest == other[1:]
        or (rest[:2] == other[:2][::-1] and rest[2:] == other[2:])
    )
