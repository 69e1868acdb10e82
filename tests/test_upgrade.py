"""One upgrade in the Anki that is installed, beside what docs/anki-versions.md says of it."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest
from upgrade_helper import outcomes

import crss_deck.history
from crss_deck.history import NoteState, Status, status_of
from crss_deck.learner import anki_version
from crss_deck.lock import LockedNote

pytestmark = pytest.mark.anki

ROOT = Path(__file__).parents[1]
SCRIPT = runpy.run_path(str(ROOT / "scripts" / "anki_versions.py"))
PAGE = (ROOT / "docs" / "anki-versions.md").read_text(encoding="utf-8")


def made() -> str:
    """The table of the page."""
    return PAGE.partition(SCRIPT["BEGIN"])[2].partition(SCRIPT["END"])[0]


def columns() -> dict[str, dict[str, str]]:
    """What the table says, by version of Anki and row."""
    heads, _, *lines = [
        [cell.strip() for cell in line.split("|")[1:-1]] for line in made().splitlines()
    ]
    return {
        anki: {line[0]: line[place].strip("*") for line in lines}
        for place, anki in enumerate(heads)
        if place
    }


def of_this_anki() -> dict[str, str]:
    """The column of the Anki that is installed; of one that has none, that of the newest."""
    *_, newest = found = columns()
    return found.get(anki_version(), found[newest])


def test_the_table_is_what_anki_does(tmp_path: Path) -> None:
    """Row by row, in the same order."""
    assert [*outcomes(tmp_path).items()] == [*of_this_anki().items()]


def test_the_table_is_made_by_the_script() -> None:
    """It has a column for each version that the script names and for the newest, and its form."""
    found = columns()
    *others, newest = found
    assert tuple(others) == SCRIPT["VERSIONS"]
    numbers = [tuple(map(int, version.split("."))) for version in found]
    assert numbers == sorted(numbers)
    assert newest not in others
    assert SCRIPT["table"]([SCRIPT["Column"](*each) for each in found.items()]) == made()
    assert "| **no** |" in made()


def every_change(state: NoteState, locked: LockedNote | None) -> Status:
    """As if every note of a release had changed."""
    found = status_of(state, locked)
    return Status.CHANGED if found is Status.SAME else found


def test_the_table_can_say_no(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Releases that date every note cost learners what the table says that they keep."""
    monkeypatch.setattr(crss_deck.history, "status_of", every_change)
    found = outcomes(tmp_path)
    lost = [row for row, outcome in of_this_anki().items() if found[row] != outcome]
    assert lost == [
        "A note that did not change is not rewritten",
        "Your edits and tags, *marked* and *leech* too, stay on notes that did not change",
        "`crss-deck verify` with all these releases finds no problem",
    ]
    assert {found[row] for row in lost} == {"no"}


def test_an_environment_has_all_but_another_anki() -> None:
    """For an old Anki, the requirement of a newer one for the tests is left out."""
    wanted = SCRIPT["requirements"]("2.1.65")
    assert [each for each in wanted if each.startswith("anki")] == ["anki==2.1.65"]
    assert SCRIPT["requirements"](SCRIPT["NEWEST"]) == ["anki", *wanted[1:]]
    assert any(each.startswith("pytest>=") for each in wanted)


def test_the_script_writes_all_or_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The table goes between its marks; where one version cannot be tried, the page stays."""
    page = tmp_path / "page.md"
    page.write_text(PAGE.replace("| yes |", "| perhaps |"), encoding="utf-8")
    known = SCRIPT["main"].__globals__
    found = {anki: SCRIPT["Column"](anki, outcomes) for anki, outcomes in columns().items()}
    *_, newest = found.values()
    monkeypatch.setitem(known, "PAGE", page)
    monkeypatch.setitem(known, "environment", lambda folder, version: version)
    monkeypatch.setattr("sys.argv", ["anki_versions.py", "--write"])

    def upgraded(version: str) -> object:
        if version == "24.11":
            raise SCRIPT["FailedError"]("No matching distribution")
        return found.get(version, newest)

    monkeypatch.setitem(known, "upgraded", upgraded)
    assert SCRIPT["main"]() == 1
    said = capsys.readouterr().err
    assert said.endswith("No matching distribution\nAnki 24.11 could not be tried\n")
    assert "perhaps" in page.read_text(encoding="utf-8")

    monkeypatch.setitem(known, "upgraded", lambda version: found.get(version, newest))
    assert SCRIPT["main"]() == 0
    assert page.read_text(encoding="utf-8") == PAGE
