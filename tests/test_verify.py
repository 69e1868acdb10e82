"""`verify`: good packages pass, and each hazard is found in a small package made for it."""

from __future__ import annotations

import json
import random
import re
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import anki.collection  # must be the first module of Anki to be imported
import pytest
from anki.errors import BackendError
from anki_helper import VERSION
from deck_helper import DECK_TOML, HELLO_MP3, PEER_PNG
from release_helper import DAY as A_DAY
from release_helper import Author, basic, cloze, tools
from verify_helper import (
    CLOZE_PARTS,
    DAY,
    OUR_CLOZES,
    OURS,
    T,
    genanki_package,
    names,
    notes_of,
    ours,
    plain_notes,
    redesigned,
    remarks,
    renoted,
    use_memory,
    write,
)

from crss_deck import Package, read_apkg
from crss_deck.hazards import ALLOWED, HAZARDS, RELEASE_HAZARDS, REMARKS
from crss_deck.learner import AnkiCollection, Learner, Log
from crss_deck.note_types import Field
from crss_deck.verify import SHOWN_NOTES, Verification, VerifyError, verify_package

pytestmark = pytest.mark.anki

assert anki.collection


@pytest.fixture(autouse=True)
def _memory(monkeypatch: pytest.MonkeyPatch) -> None:
    use_memory(monkeypatch)


# ------------------------------------------------------------------ good packages

NOTES = "".join(
    [
        *(basic(f"number-{place}", more="reversed" if place == 3 else "") for place in range(9)),
        cloze("tea", "{{c1::Tea}} is made of {{c2::leaves}} and *hot* water."),
        cloze("rose", "A {{c1::red {{c2::rose}} flower}} ![a rose](media/rose.png)."),
    ]
)
MEDIA = {"media/rose.png": PEER_PNG}


def publish(author: Author, folder: Path, date: int | None = None) -> Path:
    """Release, and write the package."""
    author.release(date)
    version = re.search(r'^version = "(.*)"', author.text("deck.toml"), re.M)
    assert version
    return write(folder / f"{version.group(1)}.apkg", author.package())


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Five releases in which everything happens that a release may bring."""
    folder = tmp_path_factory.mktemp("releases")
    author = Author(NOTES, MEDIA)
    paths = [publish(author, folder)]
    author.edit("Is number-1 a name?", "Is number-1 really a name?")
    author.edit("id: number-2 ", "id: number-2; tags: extra ")
    paths.append(publish(author, folder))
    author.files["notes.md"] = author.text("notes.md").replace(basic("number-4"), "")
    author.edit("and *hot* water", "and {{c3::hot}} water")
    author.files["notes.md"] = author.text("notes.md") + basic("newcomer")
    paths.append(publish(author, folder))
    author.files["media/rose.png"] = PEER_PNG + b"another rose"
    author.edit("Is number-5 a name?", "Is *number-5* a name?")
    paths.append(publish(author, folder))
    author.edit("Is number-1 really a name?", "Is number-1 a name?")
    author.files["notes.md"] = author.text("notes.md") + basic("number-4")
    paths.append(publish(author, folder))
    return paths


def test_a_good_package_has_neither_problem_nor_remark(releases: list[Path]) -> None:
    """Imported new, every release is as it should be."""
    for path in (releases[0], releases[-1]):
        found = verify_package(path)
        assert found.ok
        assert (found.problems, found.remarks) == ((), ())
        (only,) = found.imports
        assert (only.new, only.updated, only.duplicate, only.conflicting) == (found.notes, 0, 0, 0)
        assert (found.studied, found.announced) == (0, 0)
        assert found.to_text().endswith("\n\nno problem found\n")


def test_a_chain_of_releases_keeps_all_progress(releases: list[Path]) -> None:
    """After all four, the fifth updates just what it announces."""
    found = verify_package(releases[-1], releases[:-1])
    assert found.problems == ()
    assert remarks(found) <= {"card-added"}
    last = found.imports[-1]
    assert (last.new, last.updated, last.conflicting) == (0, 1, 0)
    assert found.announced == last.updated
    assert found.studied == 9 + 1 + 1 + 3 + 2
    assert "every card kept its id, schedule, deck and history" in found.to_text()
    assert [each.file for each in found.imports] == [path.name for path in releases]


def test_releases_can_be_skipped(releases: list[Path]) -> None:
    """Straight from the first to the last: a note that changed and changed back is only told."""
    found = verify_package(releases[-1], releases[:1])
    assert found.problems == ()
    assert remarks(found) == {"changed-and-back", "card-added"}
    assert notes_of(found, "changed-and-back") == {"released/number-1"}
    assert notes_of(found, "card-added") == {"released/tea"}
    found = verify_package(releases[2], releases[:1])
    assert found.problems == ()
    assert remarks(found) == {"retired-note-stays", "card-added"}
    assert notes_of(found, "retired-note-stays") == {"released/number-4"}


def test_a_downgrade_changes_nothing_and_is_told(releases: list[Path]) -> None:
    """An older release over a newer one does not arrive; the newer one again is clean."""
    old, new = releases[0], releases[1]
    found = verify_package(old, [new])
    assert names(found) == {"update-would-not-arrive"}
    assert found.imports[-1].updated == 0
    again = verify_package(new, [old, new, old])
    assert again.problems == ()
    assert again.imports[-1].updated == 0


def test_a_file_over_itself_changes_nothing(releases: list[Path]) -> None:
    """The same package twice: all duplicates, nothing announced."""
    found = verify_package(releases[0], [releases[0]])
    assert (found.problems, found.remarks, found.announced) == ((), (), 0)
    assert found.imports[-1].duplicate == found.notes


def test_a_hotfix_that_is_merged_is_safe(tmp_path: Path) -> None:
    """A hotfix of an old release, and a newer release that has it: from either, all arrives."""
    main = Author(NOTES, MEDIA)
    first = publish(main, tmp_path)
    branch = main.branch()
    branch.edit("Is number-1 a name?", "Is number-1 the name?")
    main.edit("Is number-2 a name?", "Is number-2 the name?")
    branch.release(version="1.0.1")
    main.release(version="1.1.0", date=branch.date + A_DAY)
    hotfix, middle = (
        write(tmp_path / f"{name}.apkg", author.package())
        for name, author in (("hotfix", branch), ("middle", main))
    )
    # Unmerged, a learner of the hotfix gets the old text back: no, keeps the hotfix for ever.
    found = verify_package(middle, [first, hotfix])
    assert names(found) == {"update-would-not-arrive"}
    assert notes_of(found, "update-would-not-arrive") == {"released/number-1"}
    main.edit("Is number-1 a name?", "Is number-1 the name?")
    main.files["deck.lock"] = main.text("deck.lock") + "".join(
        f"{line}\n"
        for line in branch.text("deck.lock").splitlines()
        if "1.0.1" in line or "number-1 " in line
    )
    last = publish(main, tmp_path, date=branch.date + 3 * A_DAY)
    for earlier in ([first, hotfix], [first, middle], [first], [hotfix]):
        assert verify_package(last, earlier).problems == ()


def test_what_only_newer_tools_write_differently_is_told(tmp_path: Path) -> None:
    """A held note keeps its date and the learner's copy; it is no update that fails to arrive."""
    author = Author(NOTES, MEDIA)
    first = publish(author, tmp_path)
    author.edit("Is number-1 a name?", "Is number-1 the name?")
    with tools(1):
        second = publish(author, tmp_path)
    found = verify_package(second, [first])
    assert found.problems == ()
    assert notes_of(found, "note-held") == {"released/tea"}
    assert found.announced == found.imports[-1].updated == 1


def test_a_learner_does_what_learners_do(tmp_path: Path) -> None:
    """Studied, tagged, marked, leeches, edited, suspended, flagged, moved: before the next date."""
    first = ours(OURS + OUR_CLOZES)
    second = ours(OURS.replace("A third", "The third") + OUR_CLOZES, T + DAY, first)
    old = write(tmp_path / "old.apkg", first)
    with AnkiCollection(tmp_path / "learner") as collection:
        learner = Learner(collection)
        learner.import_package(old, first)
        learner.study(second)
        state = collection.state()
        moment = T + DAY - 1
        assert set(learner.touched.values()) == {moment}
        assert len(learner.touched) == 1 + 7
        untouched = [note for guid, note in state.notes.items() if guid not in learner.touched]
        assert {note.modified for note in untouched} == {T}
        assert len(untouched) == 2
        for guid in learner.touched:
            assert state.notes[guid].modified == moment
            assert Learner.TAG in state.notes[guid].tags
        tags = [tag for note in state.notes.values() for tag in note.tags]
        assert {"marked", "leech"} <= set(tags)
        edited = [n for n in state.notes.values() if Learner.ADDITION in "".join(n.fields)]
        assert len(edited) == 4
        third = next(n for n in state.notes.values() if "What is the third?" in n.fields)
        assert third in edited
        cards = list(state.cards.values())
        assert all(card.history for card in cards)
        dates = [review[0] for card in cards for review in card.history]  # type: ignore[index]
        assert {date // 1000 for date in dates} == {moment}
        assert sum(len(card.history) for card in cards) == 12 + 3
        assert {card.deck for card in cards} == {"Spec", Learner.DECK}
        queues = {card.schedule[2] for card in cards}
        assert -1 in queues and len(queues) > 2
        assert {card.schedule[-2] for card in cards} == {0, 1}
        assert all(
            each.css.endswith(Learner.CSS)
            for each in state.types.values()
            if each.name.startswith("Spec")
        )


# ------------------------------------------------------------------ packages of plain genanki


def test_one_date_for_all_notes_is_explained(tmp_path: Path) -> None:
    """Genanki dates every note by the build, so each release takes the learners' tags away."""
    old = genanki_package(tmp_path / "old.apkg", plain_notes())
    new = genanki_package(tmp_path / "new.apkg", plain_notes(2), T + DAY)
    found = verify_package(new, [old])
    assert names(found) == {"unchanged-notes-rewritten", "unchanged-design-rewritten"}
    (problem,) = (p for p in found.problems if p.name == "unchanged-notes-rewritten")
    assert problem.rule == 3
    assert problem.message == (
        "7 unchanged notes have a later date than in old.apkg;"
        " the package dates every note 2020-09-14T12:26:40Z, changed or not"
    )
    text = found.to_text()
    assert "own tags (`marked` and `leech` too) and edits on these notes are lost" in text
    assert "rule 3" not in text  # its number is for programs: no page for people has it
    assert text.endswith("\n\n2 problems\n")


def test_a_date_that_never_changes_is_explained(tmp_path: Path) -> None:
    """With a constant time stamp the builds are alike, and no update ever arrives."""
    paths = [
        genanki_package(tmp_path / f"{place}.apkg", plain_notes(place), css=f"/* {place} */")
        for place in range(3)
    ]
    found = verify_package(paths[2], paths[:2])
    assert names(found) == {"update-would-not-arrive", "design-would-not-arrive"}
    assert notes_of(found, "update-would-not-arrive") == {"guid-0", "guid-2"}
    assert "every note is always dated 2020-09-13T12:26:40Z, so no update ever arrives" in (
        found.to_text()
    )
    assert found.studied == 8
    assert found.announced == 2


# ------------------------------------------------------------------ every hazard

Case = Callable[[Path], Verification]
CASES: dict[str, Case] = {}


def case(name: str) -> Callable[[Case], Case]:
    """Mark what brings a hazard about."""

    def keep(function: Case) -> Case:
        CASES[name] = function
        return function

    return keep


def over(tmp_path: Path, first: Package, second: Package) -> Verification:
    """Verify one package over another."""
    old, new = write(tmp_path / "old.apkg", first), write(tmp_path / "new.apkg", second)
    return verify_package(new, [old])


def changed(first: Package, *, date: int = T + DAY) -> Package:
    """The package with another answer to the third question."""
    return ours(OURS.replace("A third", "The third"), date, first)


@case("import-failed")
def _(tmp_path: Path) -> Verification:
    path = write(tmp_path / "good.apkg", ours(OURS))
    with zipfile.ZipFile(path) as good:
        members = {name: good.read(name) for name in good.namelist()}
    with zipfile.ZipFile(tmp_path / "lzma.apkg", "w", zipfile.ZIP_LZMA) as bad:
        for name, content in members.items():
            bad.writestr(name, content)
    found = verify_package(path, [tmp_path / "lzma.apkg"])
    assert "lzma.apkg" in found.to_text()
    return verify_package(tmp_path / "lzma.apkg")


@case("replaces-collection")
def _(tmp_path: Path) -> Verification:
    return verify_package(write(tmp_path / "backup-2020.apkg", ours(OURS)))


@case("duplicate-guid")
def _(tmp_path: Path) -> Verification:
    package = ours(OURS)
    return verify_package(
        write(tmp_path / "x.apkg", renoted(package, "third", guid=package.notes[0].guid))
    )


@case("note-id-zero")
def _(tmp_path: Path) -> Verification:
    return verify_package(genanki_package(tmp_path / "x.apkg", plain_notes(), 0))


@case("date-in-future")
def _(tmp_path: Path) -> Verification:
    path = write(tmp_path / "x.apkg", renoted(ours(OURS), "third", modified=2**40))
    found = verify_package(path)
    assert notes_of(found, "date-in-future") == {"third"}
    assert names(verify_package(genanki_package(tmp_path / "y.apkg", plain_notes()), clock=T)) == (
        set()
    )
    return found


@case("note-type-renamed")
def _(tmp_path: Path) -> Verification:
    parts = {**CLOZE_PARTS, "type_name": "Cloze"}
    path = genanki_package(tmp_path / "x.apkg", [("a", ("A {{c1::cloze}}", "x"))], **parts)
    found = verify_package(path)
    assert "the note type “Cloze” arrives as “Cloze+”" in found.to_text()
    return found


@case("note-type-without-ids")
def _(tmp_path: Path) -> Verification:
    return verify_package(genanki_package(tmp_path / "x.apkg", plain_notes()))


@case("card-added-by-check")
def _(tmp_path: Path) -> Verification:
    package = ours(OUR_CLOZES)
    found = verify_package(write(tmp_path / "x.apkg", renoted(package, "dough", cards=(1,))))
    assert notes_of(found, "card-added-by-check") == {"dough"}
    return found


@case("card-removed-by-check")
def _(tmp_path: Path) -> Verification:
    found = verify_package(write(tmp_path / "x.apkg", renoted(ours(OURS), "third", cards=(0, 7))))
    assert notes_of(found, "card-removed-by-check") == {"third"}
    return found


@case("database-fault")
def _(tmp_path: Path) -> Verification:
    return verify_package(write(tmp_path / "x.apkg", renoted(ours(OURS), "third", cards=(0, 7))))


@case("empty-card")
def _(tmp_path: Path) -> Verification:
    notes = [("blank", ("<br> ", "A")), ("fine", ("Why?", "So."))]
    found = verify_package(genanki_package(tmp_path / "x.apkg", notes))
    assert notes_of(found, "empty-card") == {"blank"}
    notes = [("none", ("Is a {{c1::cloze}} here?", "{{c3::No}}"))]
    path = genanki_package(
        tmp_path / "y.apkg", notes, **{**CLOZE_PARTS, "front": "{{cloze:Text}}{{cloze:Extra}}"}
    )
    assert verify_package(path).ok
    return found


@case("unrenderable-card")
def _(tmp_path: Path) -> Verification:
    found = verify_package(
        genanki_package(tmp_path / "x.apkg", plain_notes(), front="{{Front}}", back="{{Nope}}")
    )
    assert "there is no field called" in found.to_text()
    return found


@case("empty-question")
def _(tmp_path: Path) -> Verification:
    notes = [
        ("blank", ("<p></p>", "A")),
        ("picture", ('<img src="a.png">', "A")),
        ("space", ("&nbsp;", "A")),
    ]
    picture = tmp_path / "a.png"
    picture.write_bytes(PEER_PNG)
    path = genanki_package(tmp_path / "x.apkg", notes, media=[picture])
    found = verify_package(path)
    assert names(found) == {"empty-question"}
    assert notes_of(found, "empty-question") == {"blank", "space"}
    return found


@case("answer-equals-question")
def _(tmp_path: Path) -> Verification:
    masks = '<div data-shape="{}"></div>'
    notes = [
        ("nothing", ("Why?", "")),
        ("markup", ("What?", "<div> <b></b> </div>")),
        ("picture", ("Who?", "<img src=a.png>")),
        ("mask", ("Where?", masks.format("rect"))),
        ("typed", ("When?", "now")),
    ]
    picture = tmp_path / "a.png"
    picture.write_bytes(PEER_PNG)
    path = genanki_package(
        tmp_path / "x.apkg", notes, media=[picture], front="{{Front}}{{type:Back}}"
    )
    found = verify_package(path)
    assert notes_of(found, "answer-equals-question") == {"nothing", "markup"}
    return found


@case("deck-name-changed")
def _(tmp_path: Path) -> Verification:
    return verify_package(genanki_package(tmp_path / "x.apkg", plain_notes(), deck="A::::B"))


@case("duplicate-media-name")
def _(tmp_path: Path) -> Verification:
    files = [tmp_path / name / "a.png" for name in ("one", "two")]
    for file in files:
        file.parent.mkdir()
        file.write_bytes(PEER_PNG + file.parent.name.encode())
    notes = [("a", ("What?", '<img src="a.png">')), ("b", ("Why?", "So."))]
    return verify_package(genanki_package(tmp_path / "x.apkg", notes, media=files))


@case("missing-media")
def _(tmp_path: Path) -> Verification:
    css = ".x { background: url('_gone.png') } .y { background: url(https://a.b/c.png) }"
    back = "{{FrontSide}}<hr>{{Back}}<script>x.src = url</script><link href=_none.css>"
    notes = [("sound", ("Hear?", "[sound:gone.mp3]")), ("fine", ("Why?", "So."))]
    found = verify_package(genanki_package(tmp_path / "x.apkg", notes, css=css, back=back))
    missing = [each.message for each in found.problems if each.name == "missing-media"]
    assert missing == [
        f"{name} is used, and not there" for name in ("gone.mp3", "_gone.png", "_none.css")
    ]
    assert notes_of(found, "missing-media") == {"sound"}
    return found


@case("media-not-imported")
def _(tmp_path: Path) -> Verification:
    picture = tmp_path / "logo.png"
    picture.write_bytes(PEER_PNG)
    path = genanki_package(
        tmp_path / "x.apkg", plain_notes(), media=[picture], front='<img src="logo.png">{{Front}}'
    )
    return verify_package(path)


@case("unused-media")
def _(tmp_path: Path) -> Verification:
    sound = tmp_path / "a.mp3"
    sound.write_bytes(HELLO_MP3)
    return verify_package(genanki_package(tmp_path / "x.apkg", plain_notes(), media=[sound]))


@case("due-out-of-range")
def _(tmp_path: Path) -> Verification:
    return verify_package(
        genanki_package(tmp_path / "x.apkg", plain_notes(count=2), due=[5, 1_000_000])
    )


@case("no-card-order")
def _(tmp_path: Path) -> Verification:
    return verify_package(genanki_package(tmp_path / "x.apkg", plain_notes(count=2), due=[0, 0]))


@case("note-duplicated")
def _(tmp_path: Path) -> Verification:
    first = ours(OURS + OUR_CLOZES)
    text = (OURS + OUR_CLOZES).replace("id: third", "id: reborn").replace("id: dough", "id: bread")
    text += "Q: What is new?\n\nA: Something else.\n<!-- id: new -->\n"
    second = ours(text.replace("id: fifth", "id: other").replace("A fifth", "5"), T + DAY, first)
    found = over(tmp_path, first, second)
    assert notes_of(found, "note-duplicated") == {"reborn", "bread", "other"}
    return found


@case("update-would-not-arrive")
def _(tmp_path: Path) -> Verification:
    first = ours(OURS)
    return over(tmp_path, first, renoted(changed(first), "third", modified=T))


@case("unchanged-notes-rewritten")
def _(tmp_path: Path) -> Verification:
    first = ours(OURS)
    found = over(tmp_path, first, renoted(first, "fourth", modified=T + DAY))
    assert notes_of(found, "unchanged-notes-rewritten") == {"fourth"}
    return found


def three_dates() -> tuple[Package, Package]:
    """A release with one new note, and one with another note changed, but dated before that."""
    first = ours(OURS)
    newer = ours(OURS + basic("new"), T + 2 * DAY, first)
    fields = next(n.fields for n in changed(first).notes if "What is the third?" in n.fields)
    return newer, renoted(newer, "third", fields=fields, modified=T + DAY)


@case("update-dated-early")
def _(tmp_path: Path) -> Verification:
    newer, early = three_dates()
    found = over(tmp_path, newer, early)
    assert names(found) == {"update-dated-early"}
    assert notes_of(found, "update-dated-early") == {"third"}
    return found


@case("kept-back")
def _(tmp_path: Path) -> Verification:
    """From a hotfix to a release that changed a note before the hotfix: nobody's fault."""
    newer, early = three_dates()
    late = ours("Q: Last?\n\nA: Yes.\n<!-- id: last -->\n", T + 3 * DAY).notes
    late = tuple(note._replace(note_type=early.note_types[0]) for note in late)
    found = over(tmp_path, newer, early._replace(notes=(*early.notes, *late)))
    assert found.ok
    assert notes_of(found, "kept-back") == {"third"}
    return found


@case("note-type-conflict")
def _(tmp_path: Path) -> Verification:
    first = ours(OURS)
    fields = (*first.note_types[0].fields, Field("More", 4100000099))
    second = redesigned(changed(first), T + DAY, fields=fields)
    notes = tuple(note._replace(fields=(*note.fields, "")) for note in second.notes)
    found = over(tmp_path, first, second._replace(notes=notes))
    assert "other fields" in found.to_text()
    assert "third" in notes_of(found, "note-type-conflict")
    return found


@case("one-way-sync")
def _(tmp_path: Path) -> Verification:
    old = genanki_package(tmp_path / "old.apkg", plain_notes())
    new = genanki_package(tmp_path / "new.apkg", plain_notes(2), T + DAY, sort_field=1)
    return verify_package(new, [old])


@case("note-type-ids-changed")
def _(tmp_path: Path) -> Verification:
    old = genanki_package(tmp_path / "old.apkg", plain_notes())
    new = genanki_package(
        tmp_path / "new.apkg",
        plain_notes(2),
        T + DAY,
        fields=("Front", "Answer"),
        back="{{Answer}}",
    )
    found = verify_package(new, [old])
    assert "has a renamed field" in found.to_text()
    return found


@case("design-would-not-arrive")
def _(tmp_path: Path) -> Verification:
    first = ours(OURS)
    return over(tmp_path, first, redesigned(first, css="/* new */"))


@case("unchanged-design-rewritten")
def _(tmp_path: Path) -> Verification:
    first = ours(OURS)
    return over(tmp_path, first, redesigned(first, T + DAY))


@case("note-changed-type")
def _(tmp_path: Path) -> Verification:
    first = ours(OURS + OUR_CLOZES)
    kettle = next(note for note in first.notes if "spec-deck/kettle" in note.fields)
    rest = tuple(note for note in first.notes[1:])
    turned = kettle._replace(guid=first.notes[0].guid, modified=T + DAY)
    return over(tmp_path, first, first._replace(notes=(turned, *rest)))


@case("note-type-kind-changed")
def _(tmp_path: Path) -> Verification:
    old = genanki_package(tmp_path / "old.apkg", plain_notes())
    new = genanki_package(tmp_path / "new.apkg", plain_notes(), T + DAY, cloze=True)
    return verify_package(new, [old])


@case("renumbered-cloze")
def _(tmp_path: Path) -> Verification:
    first = ours(OUR_CLOZES)
    second = ours(OUR_CLOZES.replace("c2::dough", "c3::dough"), T + DAY, first)
    found = over(tmp_path, first, second)
    assert notes_of(found, "renumbered-cloze") == {"dough"}
    assert "what c2 asked is now asked by c3" in found.to_text()
    return found


@case("card-became-empty")
def _(tmp_path: Path) -> Verification:
    text = OURS.replace("id: third", "id: third; reversed")
    first = ours(text)
    found = over(tmp_path, first, ours(OURS, T + DAY, first))
    assert notes_of(found, "card-became-empty") == {"third"}
    return found


@case("card-added")
def _(tmp_path: Path) -> Verification:
    text = OURS.replace("id: third", "id: third; reversed")
    first = ours(OURS)
    found = over(tmp_path, first, ours(text, T + DAY, first))
    assert found.ok
    assert notes_of(found, "card-added") == {"third"}
    return found


@case("deck-renamed")
def _(tmp_path: Path) -> Verification:
    old = genanki_package(tmp_path / "old.apkg", plain_notes())
    new = genanki_package(tmp_path / "new.apkg", plain_notes(), deck="Plainer")
    found = verify_package(new, [old])
    assert "7 cards stay in “Plain” instead of “Plainer”" in found.to_text()
    return found


@case("card-not-moved")
def _(tmp_path: Path) -> Verification:
    first = ours(OURS)
    text = DECK_TOML + ""
    subdeck = f"---\ndeck: Part\n---\n{OURS}"
    found = over(tmp_path, first, ours(subdeck, T + DAY, first, toml=text))
    assert found.ok
    assert len(notes_of(found, "card-not-moved")) == 7
    return found


@case("media-name-reused")
def _(tmp_path: Path) -> Verification:
    notes = "Q: What?\n\nA: ![a](media/peer.png)\n<!-- id: a -->\n"
    first = ours(notes)
    media = tuple(file._replace(content=file.content + b"!") for file in first.media)
    found = over(tmp_path, first, renoted(first._replace(media=media), "a", modified=T + DAY))
    assert notes_of(found, "media-name-reused") == {"a"}
    assert names(found) == {"media-name-reused"}
    return found


@case("retired-note-stays")
def _(tmp_path: Path) -> Verification:
    first = ours(OURS)
    two = over(tmp_path, first, first._replace(notes=first.notes[:-2]))
    assert said_of(two) == ["2 notes that learners have are no longer in the package"]
    one = over(tmp_path, first, first._replace(notes=first.notes[:-1]))
    assert said_of(one) == ["1 note that learners have is no longer in the package"]
    return one


def said_of(found: Verification) -> list[str]:
    """What is said of notes that are retired."""
    return [each.message for each in found.remarks if each.name == "retired-note-stays"]


def release_over(tmp_path: Path, before: str, after: str) -> Verification:
    """Two releases, the second after a change, and the third after it was taken back."""
    author = Author(NOTES, MEDIA)
    first = publish(author, tmp_path)
    author.edit(before, after)
    publish(author, tmp_path)
    author.edit(after, before)
    return verify_package(publish(author, tmp_path), [first])


@case("changed-and-back")
def _(tmp_path: Path) -> Verification:
    return release_over(tmp_path, "Is number-1 a name?", "Is number-1 the name?")


@case("note-held")
def _(tmp_path: Path) -> Verification:
    author = Author(NOTES, MEDIA)
    first = publish(author, tmp_path)
    author.edit("Is number-1 a name?", "Is number-1 the name?")
    with tools(1):
        return verify_package(publish(author, tmp_path), [first])


TAMPERED: dict[str, tuple[int, str]] = {
    "card-lost-history": (2, "DELETE FROM revlog WHERE cid = (SELECT min(id) FROM cards)"),
    "note-not-imported": (1, "DELETE FROM notes WHERE flds LIKE 'What is the third?%'"),
    "update-did-not-arrive": (2, "UPDATE notes SET tags = ' odd ' WHERE flds LIKE '%The third%'"),
    "anki-crashed": (1, "DROP TABLE revlog"),
}
"""Hazards that no package brings about in the versions of Anki that were tried.

Behind which import to a learner something happens to the collection, and what.
"""


@pytest.mark.parametrize("name", TAMPERED)
def test_what_anki_does_not_do_would_be_found(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Should a version of Anki lose notes or history, that is found."""
    which, statement = TAMPERED[name]
    import_package = AnkiCollection.import_package

    def tampered(self: AnkiCollection, path: Path) -> Log:
        log = import_package(self, path)
        self.__dict__["imports"] = self.__dict__.get("imports", 0) + 1
        if self.__dict__["imports"] == which:
            self._collection.db.execute(statement)
        return log

    monkeypatch.setattr(AnkiCollection, "import_package", tampered)
    first = ours(OURS)
    found = over(tmp_path, first, changed(first))
    assert name in names(found)
    assert not found.ok


@pytest.mark.parametrize("name", CASES)
def test_every_hazard_is_found(name: str, tmp_path: Path) -> None:
    """A package that has the hazard is told so; remarks alone leave it good."""
    found = CASES[name](tmp_path)
    assert name in (remarks(found) if name in REMARKS else names(found))
    assert found.ok == (not names(found))
    assert f"[{name}]: " in found.to_text()


def test_every_hazard_has_a_case() -> None:
    """All that can be found is found by a test, and is told in one sentence."""
    assert {*CASES, *TAMPERED} == set(HAZARDS)
    assert set(HAZARDS) > REMARKS
    for name, hazard in HAZARDS.items():
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", name)
        assert hazard.harm[0].isupper() and hazard.harm.endswith(".")


# ------------------------------------------------------------------ around it


def test_known_hazards_can_be_allowed(tmp_path: Path) -> None:
    """What is allowed is still told; what does not exist cannot be."""
    first = ours(OUR_CLOZES)
    second = ours(OUR_CLOZES.replace("{{c2::dough}}", "dough"), T + DAY, first)
    old, new = write(tmp_path / "old.apkg", first), write(tmp_path / "new.apkg", second)
    found = verify_package(new, [old], allow=["card-became-empty"])
    assert found.ok
    assert notes_of(found, "card-became-empty") == {"dough"}
    with pytest.raises(ValueError, match="no hazard 'nothing'"):
        verify_package(new, [old], allow=["nothing"])


def test_what_a_release_was_allowed_is_allowed(tmp_path: Path) -> None:
    """The package's deck.lock says so; but not what was allowed before the learner's package."""
    author = Author(NOTES, MEDIA)
    first = publish(author, tmp_path)
    author.edit("{{c2::leaves}}", "leaves")
    author.release(allow=["card-removed"], version="2.0.0")
    second = write(tmp_path / "2.0.0.apkg", author.package())
    author.edit("Is number-1 a name?", "Is number-1 really a name?")
    third = publish(author, tmp_path)
    for new in (second, third):
        found = verify_package(new, [first])
        assert found.ok
        assert remarks(found) == {"card-became-empty"}
    # One who has a draft may have anything.
    draft = write(tmp_path / "draft.apkg", read_apkg(first)._replace(lock=""))
    assert names(verify_package(second, [draft])) == {"card-became-empty"}
    author.edit("{{c1::red {{c2::rose}} flower}}", "{{c1::red rose flower}}")
    author.release(allow=["deck-renamed", "card-removed"], version="3.0.0")
    fourth = read_apkg(write(tmp_path / "3.0.0.apkg", author.package()))
    assert " allow=card-removed\n" in fourth.lock.partition("release 3.0.0 ")[2]
    lock = re.sub(r"(release 3.0.0 .*) allow=card-removed\n", r"\1\n", fourth.lock)
    secret = write(tmp_path / "secret.apkg", fourth._replace(lock=lock))
    assert names(verify_package(secret, [third])) == {"card-became-empty"}
    assert verify_package(secret, [first]).ok


def test_every_hazard_that_can_be_allowed_is_known() -> None:
    """What `release --allow` accepts has a name here too."""
    assert set(ALLOWED) == set(RELEASE_HAZARDS)
    assert set(ALLOWED.values()) <= set(HAZARDS)


def test_the_json_says_the_same(tmp_path: Path) -> None:
    """One document in ASCII, with a version."""
    old = genanki_package(tmp_path / "old.apkg", plain_notes())
    new = genanki_package(tmp_path / "new.apkg", plain_notes(2), T + DAY)
    found = verify_package(new, [old])
    text = found.to_json()
    assert text.isascii()
    report = json.loads(text)
    assert report["format"] == 1
    assert report["ok"] is False
    assert (report["file"], report["notes"], report["cards"]) == ("new.apkg", 8, 8)
    assert report["imports"][1] == {
        "file": "new.apkg",
        "date": "2020-09-14T12:26:40Z",
        "new": 0,
        "updated": 8,
        "duplicate": 0,
        "conflicting": 0,
    }
    assert (report["studied"], report["announced"]) == (8, 1)
    assert [problem["name"] for problem in report["problems"]] == [
        problem.name for problem in found.problems
    ]
    first = report["problems"][0]
    assert first["rule"] == 3
    assert first["harm"] == HAZARDS[first["name"]].harm
    assert len(first["notes"]) == 7


def test_a_terminal_is_not_steered(tmp_path: Path) -> None:
    """Control characters of a package are shown escaped, and long lists are cut."""
    notes = [(f"guid\x1b[{place}", ("<p></p>", "A")) for place in range(SHOWN_NOTES + 2)]
    found = verify_package(genanki_package(tmp_path / "x.apkg", notes))
    assert names(found) == {"empty-question"}
    text = found.to_text()
    assert "\x1b" not in text
    assert "guid\\x1b[0, " in text and text.count("guid") == SHOWN_NOTES
    assert " and 2 more" in text


def test_steps_are_told(tmp_path: Path) -> None:
    """A command can show progress."""
    first = ours(OURS)
    old, new = write(tmp_path / "old.apkg", first), write(tmp_path / "new.apkg", changed(first))
    steps: list[str] = []
    verify_package(new, [old], progress=steps.append)
    assert steps == ["importing new.apkg", "studying old.apkg", "upgrading to new.apkg"]


def test_without_anki_the_way_to_get_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anki is optional; no traceback where it is not installed."""
    path = write(tmp_path / "x.apkg", ours(OURS))
    for name in [name for name in sys.modules if name.split(".")[0] == "anki"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "anki", None)
    with pytest.raises(VerifyError, match=r"pip install crss-deck\[anki\]"):
        verify_package(path)


def test_files_that_are_no_packages_are_refused(tmp_path: Path) -> None:
    """In any place of the chain, with the name of the file; one that is not there is an OSError."""
    good = write(tmp_path / "good.apkg", ours(OURS))
    for name, content in {
        "empty": b"",
        "page": b"<!doctype html>",
        "cut": good.read_bytes()[:-100],
    }.items():
        bad = tmp_path / f"{name}.apkg"
        bad.write_bytes(content)
        with pytest.raises(VerifyError, match=f"{name}.apkg: "):
            verify_package(bad)
        with pytest.raises(VerifyError, match=f"{name}.apkg: "):
            verify_package(good, [bad])
    with pytest.raises(OSError, match="nothing"):
        verify_package(tmp_path / "nothing.apkg")


@pytest.mark.parametrize(
    ("version", "refused"), [("2.1.65", True), ("24.11", True), ("25.02", False)]
)
def test_marks_that_exhaust_an_old_anki(
    version: str, refused: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A template that sets other marks for fields is not given to an Anki that may never end."""
    monkeypatch.setattr("crss_deck.verify.anki_version", lambda: version)
    notes = [("one", ("Why?", "So."))]
    path = genanki_package(tmp_path / "marks.apkg", notes, front="{{=<% %>=}}<%Front%>")
    if refused:
        with pytest.raises(VerifyError, match=f"marks.apkg: a template .*Anki {version}.* 25.02"):
            verify_package(path)
    elif VERSION >= (25, 2):  # this one, which does the work
        assert verify_package(path).anki == version


def test_a_damaged_byte_ends_in_words(tmp_path: Path) -> None:
    """Packages with damaged bytes end in a finding or a VerifyError, and in nothing else."""
    content = write(tmp_path / "good.apkg", ours(OURS)).read_bytes()
    chance = random.Random(1)
    path = tmp_path / "bad.apkg"
    for _ in range(12):
        bad = bytearray(content)
        for _ in range(3):
            bad[chance.randrange(len(bad) * 3 // 4)] ^= 1 << chance.randrange(8)
        path.write_bytes(bad)
        try:
            found = verify_package(path)
        except VerifyError:
            continue
        assert found.to_text()


def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The collections are gone afterwards, even if Anki fails."""
    path = write(tmp_path / "x.apkg", ours(OURS))
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    verify_package(path)

    def fail(self: AnkiCollection) -> None:
        raise BackendError("the disk is full", None, None, None)

    monkeypatch.setattr(AnkiCollection, "state", fail)
    found = verify_package(path)
    assert [problem.message for problem in found.problems] == ["Anki says: the disk is full"]
    assert list(folder.iterdir()) == []
