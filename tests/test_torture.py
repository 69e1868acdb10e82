"""What Anki would read for itself, everywhere it may stand: shown as written, or an error.

The cases and how to read them: spec/torture.txt. All that compile are one deck, imported once.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest
from anki_helper import import_package, new_collection, visible_text
from deck_helper import describe, findings, small_deck, with_invisible

from crss_deck import Diagnostic, Package, Severity, compile_deck, write_apkg

TORTURE = Path(__file__).parent / "spec" / "torture.txt"


class Case(NamedTuple):
    """A note, and what is seen of its cards, or the errors in it."""

    name: str
    source: str
    questions: dict[int, str]
    answers: dict[int, str]
    errors: list[str]
    warnings: list[str]


def read_cases() -> list[Case]:
    """The cases of torture.txt: a line `@ name`, a note, and lines that say what is seen."""
    cases: list[Case] = []
    source: list[str] = []
    for line in TORTURE.read_text(encoding="utf-8").split("\n"):
        mark, _, rest = line.partition(" ")
        if mark == "@":
            source = []
            cases.append(Case(rest, "", {}, {}, [], []))
        elif line.startswith("#") or not cases:
            continue
        elif mark[:1] in ("?", "=") and (mark[1:] or "1").isdigit():
            sides = cases[-1].questions if mark[0] == "?" else cases[-1].answers
            sides[int(mark[1:] or 1)] = rest
        elif mark == "!":
            place, rule, covered = rest.split(" ", 2)
            cases[-1].errors.append(f'{place} error[{rule}] "{covered}"')
        elif mark == "~":
            cases[-1].warnings.append(rest)
        else:
            source.append(line)
            note = with_invisible("\n".join(source).strip("\n"))
            cases[-1] = cases[-1]._replace(source=note)
    return cases


CASES = read_cases()
GOOD = [(f"case-{number}", case) for number, case in enumerate(CASES, 1) if not case.errors]
BAD = [case for case in CASES if case.errors]


class Seen(NamedTuple):
    """A note in Anki: its pages by card number, and what Anki makes of it."""

    pages: dict[int, tuple[str, str]]
    """Question and answer, as the web view gets them."""
    numbers: list[int]
    """Cloze numbers that Anki itself finds in the note."""
    sounds: int
    """How many sounds Anki would play."""


class InAnki(NamedTuple):
    """The good cases in the real Anki."""

    notes: dict[str, Seen]
    """By case; one that does not compile is missing."""
    new_notes: int
    cards_before: int
    cards_after: int


class Compiled(NamedTuple):
    """The good cases as one deck, a file for each, without those that fail to be good."""

    package: Package
    findings: dict[str, list[Diagnostic]]
    """What was found in each case."""


@pytest.fixture(scope="module")
def compiled() -> Compiled:
    """Compile the good cases as one deck; what does not compile fails alone."""
    files = {f"{key}.md": f"{case.source}\n<!-- id: {key} -->\n" for key, case in GOOD}
    found: dict[str, list[Diagnostic]] = {key: [] for key, _ in GOOD}
    for diagnostic in findings(compile_deck(small_deck(files)).diagnostics):
        if diagnostic.rule.name != "duplicate-front":  # most cases ask alike
            found[diagnostic.source.path.removesuffix(".md")].append(diagnostic)
        if diagnostic.rule.severity == Severity.ERROR:
            files.pop(diagnostic.source.path, None)
    package = compile_deck(small_deck(files)).package
    assert package is not None
    return Compiled(package, found)


@pytest.fixture(scope="module")
def in_anki(compiled: Compiled, tmp_path_factory: pytest.TempPathFactory) -> InAnki:
    """That deck, imported into the real Anki and rendered."""
    folder = tmp_path_factory.mktemp("torture")
    write_apkg(compiled.package, folder / "torture.apkg")
    with new_collection(folder) as collection:
        log = import_package(collection, folder / "torture.apkg")
        notes = {}
        for note_id in collection.find_notes(""):
            note = collection.get_note(note_id)
            cards = note.cards()
            pages = {card.ord + 1: (card.question(), card.answer()) for card in cards}
            numbers = collection._backend.cloze_numbers_in_note(note._to_backend_note())
            sounds = sum(len(card.question_av_tags() + card.answer_av_tags()) for card in cards)
            notes[note["Key"].partition("/")[2]] = Seen(pages, sorted(numbers), sounds)
        before = collection.card_count()
        collection.fix_integrity()
        return InAnki(notes, len(log.log.new), before, collection.card_count())


def named(cases: list[tuple[str, Case]]) -> list[object]:
    """Cases as parameters, under their names."""
    return [pytest.param(key, case, id=case.name) for key, case in cases]


@pytest.mark.anki
@pytest.mark.parametrize(("key", "case"), named(GOOD))
def test_shown_as_written(key: str, case: Case, compiled: Compiled, in_anki: InAnki) -> None:
    """Question and answer of each card in the real Anki are the text that the case gives."""
    assert not [describe(one) for one in compiled.findings[key] if one.rule.severity == "error"]
    seen = in_anki.notes[key]
    pages = sorted(seen.pages.items())
    assert {n: visible_text(front, "question") for n, (front, _) in pages} == case.questions
    assert {n: visible_text(back, "answer") for n, (_, back) in pages} == case.answers
    basic = case.source.startswith("Q:")
    for number, (front, back) in pages:
        question, answer = case.questions[number], case.answers[number]
        assert visible_text(front) == question, "nothing else stands on the front"
        shown = f"{question} {answer}" if basic else answer
        assert visible_text(back) == f"{shown} spec-deck/{key}", "but for the name of the note"
        assert question and question != answer
    assert seen.sounds == 0


@pytest.mark.anki
@pytest.mark.parametrize(("key", "case"), named(GOOD))
def test_cards_are_those_of_anki(key: str, case: Case, compiled: Compiled, in_anki: InAnki) -> None:
    """The package has the cards that Anki finds in the text by itself: no more and no fewer."""
    [note] = [note for note in compiled.package.notes if f"spec-deck/{key}" in note.fields]
    numbers = [ordinal + 1 for ordinal in note.cards]
    assert numbers == sorted(case.questions)
    assert in_anki.notes[key].numbers == ([] if note.note_type.kind == "basic" else numbers)


@pytest.mark.parametrize(("key", "case"), named(GOOD))
def test_warnings(key: str, case: Case, compiled: Compiled) -> None:
    """A case that compiles has just the warnings that it gives."""
    assert [one.rule.name for one in compiled.findings[key]] == case.warnings


@pytest.mark.anki
def test_check_database_adds_nothing(in_anki: InAnki) -> None:
    """All notes arrive as new, and Anki's Check Database has no card to add."""
    assert in_anki.new_notes == len(in_anki.notes) == len(GOOD)
    assert in_anki.cards_after == in_anki.cards_before


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in BAD])
def test_refused(case: Case) -> None:
    """What could not be shown as written is an error at its place."""
    result = compile_deck(small_deck({"notes.md": f"{case.source}\n<!-- id: x -->\n"}))
    found = [describe(found) for found in findings(result.diagnostics)]
    assert found == case.errors
    assert result.package is None


def test_enough_cases() -> None:
    """Every payload is tried in every place, outside and inside a cloze."""
    payloads = ["}}", "::", "{{c2::x}}", "$", "<b>", "&amp;", r"\(x\)", "[sound:a.mp3]", "[latex]"]
    places = ["text", "code span", "inline math", "block math", "link text", "table cell"]
    places += ["list", "quote", "alt text"]
    wanted = {
        f"{place}, {side}, {payload}"
        for place in places
        for side in ("outside", "inside")
        for payload in payloads
    } | {f"fence, outside, {payload}" for payload in payloads}
    names = [case.name for case in CASES]
    assert wanted <= set(names)
    assert len(names) == len(set(names))
