"""Mistakes of new users: every `tests/bad/user-*` case and the same deck mended.

`source` is a deck of two notes with one mistake typed into it; test_bad.py checks what the
command says of it. `mended` is that deck as its author meant it, mended as the help says where
the help knows.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from crss_deck import compile_deck, read_deck

ROOT = Path(__file__).parent / "bad"
CASES = sorted(path.name for path in ROOT.glob("user-*"))


def _files(folder: Path) -> dict[str, bytes]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def test_the_twenty_are_there() -> None:
    """Their numbers are 01, 02, 03 and so on."""
    assert len(CASES) >= 20
    assert [name.split("-")[1] for name in CASES] == [f"{n:02}" for n in range(1, len(CASES) + 1)]


@pytest.mark.parametrize("name", CASES)
def test_the_mended_deck_is_clean(name: str) -> None:
    """Without the mistake there is no error and no warning."""
    assert list(compile_deck(read_deck(ROOT / name / "mended")).diagnostics) == []


@pytest.mark.parametrize("name", CASES)
def test_one_file_holds_the_mistake(name: str) -> None:
    """The two decks differ in the text of a single file, so the case shows one mistake."""
    source, mended = _files(ROOT / name / "source"), _files(ROOT / name / "mended")
    assert source.keys() == mended.keys()
    assert sum(source[path] != mended[path] for path in source) == 1
