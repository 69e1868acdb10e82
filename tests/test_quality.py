"""The labelled set: notes with the faults that they have, and sound ones that look faulty.

tests/quality is a deck on various subjects. Above each note stands a comment, `fault:` and the
rules that have to find it, or `sound:` and what may look like a fault.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pytest
from deck_helper import DECK_TOML, JUDGED_TOML, small_deck
from hypothesis import given
from hypothesis import strategies as st
from notes_maker import files, wild_files

from crss_deck import compile_deck, read_deck
from crss_deck.diagnostics import RULES, Severity
from crss_deck.manifest import Limit

SOURCE = Path(__file__).parent / "quality" / "source"
JUDGING = {name for name, rule in RULES.items() if rule.judgment} - {"avoided-word"}
"""The rules of card quality; words to avoid are each deck's own."""

_NOTE = re.compile(
    r"<!-- (?P<label>fault|sound): (?P<text>[^\n]*?) -->\n\n.*?<!-- id: (?P<id>[a-z0-9]+)",
    re.DOTALL,
)

_END = re.compile(r"<!-- id: (?P<id>[a-z0-9]+)[^\n]* -->")


class Labelled(NamedTuple):
    """A note of the set: where it is, and the rules that have to find something in it."""

    place: str
    faults: frozenset[str]


def labelled_notes() -> dict[str, Labelled]:
    """The notes of the set by their ids."""
    notes = {}
    for path in sorted(SOURCE.glob("*.md")):
        text = path.read_text(encoding="utf-8")
        for match in _NOTE.finditer(text):
            faults = match["text"].split(", ") if match["label"] == "fault" else []
            assert set(faults) <= JUDGING, match["text"]
            line = text.count("\n", 0, match.start()) + 1
            notes[match["id"]] = Labelled(f"{path.name}:{line}", frozenset(faults))
    return notes


NOTES = labelled_notes()


@pytest.fixture(scope="module")
def found() -> dict[str, set[str]]:
    """What is found, at any severity, by the note in which it lies."""
    folder = read_deck(SOURCE)
    result = compile_deck(folder, clock=10**9)
    rules: dict[str, set[str]] = {note: set() for note in NOTES}
    for diagnostic in result.diagnostics:
        assert diagnostic.span is not None
        ends = _END.finditer(diagnostic.source.text)
        note = next(end["id"] for end in ends if end.end() > diagnostic.span.start)
        rules[note].add(diagnostic.rule.name)
    return rules


@pytest.mark.parametrize(
    "note", [pytest.param(note, id=f"{each.place} {note}") for note, each in NOTES.items()]
)
def test_each_note_has_its_faults_and_no_other(note: str, found: dict[str, set[str]]) -> None:
    """Every rule finds its notes, and leaves alone those that only look like them."""
    assert found[note] == NOTES[note].faults


def test_the_set_is_large_enough() -> None:
    """At least eighty notes, half of them faulty and forty not; each rule has two to find."""
    faulty = [note for note in NOTES.values() if note.faults]
    assert len(NOTES) >= 80
    assert len(NOTES) - len(faulty) >= 40
    assert len(faulty) * 2 >= len(NOTES)
    for rule in JUDGING:
        assert sum(rule in note.faults for note in faulty) >= 2, rule


def test_every_note_is_labelled() -> None:
    """No note of the set is left out for want of a label."""
    ids = [
        name
        for path in SOURCE.glob("*.md")
        for name in re.findall(r"<!-- id: ([a-z0-9]+)", path.read_text(encoding="utf-8"))
    ]
    assert len(ids) == len(set(ids))
    assert set(ids) == set(NOTES)


def test_no_front_shows_a_heading() -> None:
    """What the templates show on the front is what is judged there.

    A heading or a tag often gives the answer away. None is shown, so no rule looks for that; if a
    template ever shows one, there has to be one that does.
    """
    shown = set()
    package = compile_deck(read_deck(SOURCE.parents[2] / "source")).package
    assert package is not None
    for note_type in package.note_types:
        for template in note_type.templates:
            names = re.findall(r"\{\{[#/]?([^}]+)\}\}", template.front)
            shown |= {name.split(":")[-1] for name in names}
    assert shown == {"Front", "Back", "Text", "Hint", "TypeIn", "Reversed", "Spare 3"}


def test_severities_are_as_measured() -> None:
    """Errors and infos are these; a change of one is a change to what stops a build."""
    by_severity = {
        severity: {name for name in JUDGING if RULES[name].severity is severity}
        for severity in Severity
    }
    assert by_severity[Severity.ERROR] == {
        "duplicate-front", "multiple-choice-residue", "reversed-misfit", "yes-no-answer",
    }  # fmt: skip
    assert by_severity[Severity.INFO] == {
        "answer-mostly-in-question", "bare-cloze", "cloze-article", "inline-series", "many-clozes",
        "short-front", "vague-ask",
    }  # fmt: skip


WORDS = '[[word]]\navoid = ["w*", "a", "中"]\n'


@given(st.one_of(files, wild_files))
def test_judging_says_something_of_cards_and_changes_nothing_else(text: str) -> None:
    """Whatever a file holds: every judgment has a place in it, and other findings stay."""
    found = {}
    for manifest in (DECK_TOML, JUDGED_TOML):
        manifest += 'wording = "wording.toml"\n'
        folder = small_deck({"deck.toml": manifest, "wording.toml": WORDS, "notes.md": text})
        found[manifest] = compile_deck(folder, clock=10**9).diagnostics
    off, on = (
        [str(each) for each in diagnostics if each.rule.name not in JUDGING]
        for diagnostics in found.values()
    )
    assert on == off
    for diagnostic in (each for each in found[manifest] if each.rule.judgment):
        assert diagnostic.span is not None
        assert diagnostic.span.text.strip()
        assert diagnostic.help


NOTE = "\n\nA: x\n<!-- id: x -->\n"
ALIKE = (
    "Q: Which of the {0} equal words is rare here, dear patient reader of long dull lines?\n\n"
    "A: x\n<!-- id: n{0} -->"
)


@pytest.mark.parametrize(
    ("notes", "rule"),
    [
        pytest.param(f"Q: b) {'a) x ' * 15_000}?{NOTE}", "long-front", id="options"),
        pytest.param(f"Q: {'(a) (b) ' * 9_000}{NOTE}", "long-front", id="pairs of options"),
        pytest.param("Q: " + "?'" * 40_000 + NOTE, "two-questions", id="quotes"),
        pytest.param(f"Q: {'a. ' * 30_000}is x?{NOTE}", "yes-no-question", id="sentences"),
        pytest.param(
            f"Q: x?\n\nA: {'a, ' * 30_000}and b\n<!-- id: x -->\n", "inline-series", id="commas"
        ),
        pytest.param(
            "{{c1::tailor}} " * 6_000 + "tailor\n<!-- id: x -->\n", "cloze-leak", id="one leak"
        ),
        pytest.param(
            " ".join(f"{{{{c{n % 400 + 1}::tailor}}}}" for n in range(4_000))
            + " tailor\n<!-- id: x -->\n",
            "cloze-leak",
            id="leaks",
        ),
        pytest.param(
            "\n\n".join(map(ALIKE.format, ("many", *range(3_000), "most"))),
            "near-duplicate",
            id="twins",
        ),
    ],
)
def test_no_note_takes_long(notes: str, rule: str) -> None:
    """Each is judged in a moment; with a step that compared all with all, it would take minutes."""
    folder = small_deck({"deck.toml": JUDGED_TOML, "notes.md": notes})
    assert rule in [each.rule.name for each in compile_deck(folder, clock=10**9).diagnostics]


def test_the_wider_of_two_limits() -> None:
    """No error at all is wider than any."""
    assert Limit(4).wider(Limit(4, 6)) == Limit(4, 6).wider(Limit(4)) == Limit(4)
    assert Limit(2, 9).wider(Limit(4, 6)) == Limit(4, 9)
