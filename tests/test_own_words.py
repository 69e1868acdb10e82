"""The CRSS deck says everything in its own words: no run of seven is the article's.

The article is not here, only hashes of its runs; scripts/run_hashes.py says how they are made.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from crss_deck import compile_deck, read_deck
from crss_deck.card_view import Prose
from crss_deck.model import BasicNote, Deck, Note

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "scripts" / "run_hashes.py"
TEXT = "It's a truth: nobody reads the whole of such a text, nor would they want to."


def _script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("run_hashes", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


run_hashes = _script().run_hashes


def article_runs() -> set[str]:
    """The hashes of the article's runs."""
    text = (Path(__file__).parent / "crss_article_runs.txt").read_text(encoding="utf-8")
    return {line for line in text.split("\n") if line and not line.startswith("#")}


def shared_runs(text: str, hashes: set[str]) -> list[str]:
    """The runs of a text whose hashes are among those of another."""
    return sorted(run for value, run in run_hashes(text).items() if value in hashes)


@pytest.fixture(scope="module")
def deck() -> Deck:
    """The CRSS deck, as compiled."""
    deck = compile_deck(read_deck(ROOT / "source")).deck
    assert deck is not None
    return deck


def texts(note: Note) -> Iterator[str]:
    """Every field of a note but its source, and the hints in its clozes."""
    common = note.common
    fields = [common.hint, common.extra, common.accept]
    fields += [note.front, note.back] if isinstance(note, BasicNote) else [note.text]
    yield from (Prose(field).text for field in fields)
    yield from (Prose((heading.block,)).text for heading in common.context)
    if not isinstance(note, BasicNote):
        yield from (deletion.hint for deletion in note.deletions)


def test_no_note_has_seven_words_of_the_article(deck: Deck) -> None:
    """Neither on the front nor on the back, nor on the deck's own page."""
    runs = article_runs()
    copied = {
        note.common.key: shared
        for note in deck.notes
        for text in texts(note)
        if (shared := shared_runs(text, runs))
    }
    assert copied == {}
    assert deck.description is not None
    assert shared_runs(deck.description.text, runs) == []


def test_the_article_would_be_recognized(deck: Deck) -> None:
    """deck.toml quotes its title: eight words, so two runs, and both are among the hashes."""
    assert len(shared_runs(deck.manifest.source_title, article_runs())) == 2


def test_the_hashes_are_nothing_but_hashes() -> None:
    """Of a text of some five hundred words; no word of it stands in the file."""
    runs = article_runs()
    assert len(runs) > 500
    assert all(len(run) == 12 and set(run) <= set("0123456789abcdef") for run in runs)


@pytest.mark.parametrize(
    ("other", "count"),
    [
        pytest.param("NOBODY reads—the 'whole' of\nsuch, a", 1, id="seven words"),
        pytest.param("nobody reads the whole of such", 0, id="six words"),
        pytest.param("nobody reads the whole of such texts", 0, id="another word"),
        pytest.param("Its a truth nobody reads the whole of", 2, id="without an apostrophe"),
        pytest.param("", 0, id="nothing"),
    ],
)
def test_a_run_is_found_however_it_is_written(other: str, count: int) -> None:
    """Case, punctuation and line ends do not count; words do."""
    assert len(shared_runs(other, set(run_hashes(TEXT)))) == count


def test_the_script_prints_them(tmp_path: Path) -> None:
    """Of any text file: a line that says how many, and the hashes in order."""
    (tmp_path / "text.txt").write_text(f"\ufeff{TEXT}\n", encoding="utf-8")
    command = [sys.executable, str(SCRIPT), str(tmp_path / "text.txt")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    first, *lines = done.stdout.splitlines()
    assert first == "# 10 runs of 7 words, made by scripts/run_hashes.py"
    assert lines == sorted(run_hashes(TEXT))


def test_the_script_says_what_it_cannot_read(tmp_path: Path) -> None:
    """A message and exit code 2, not a traceback."""
    command = [sys.executable, str(SCRIPT), str(tmp_path / "none.txt")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
