"""The rules that a package must keep, each broken in the real Anki, and found by `verify`.

The numbers are those of `HAZARDS`. Rule 15 (no presets, no limits, no schedule) is about what a
package leaves out, and the golden packages show it.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from anki.collection import Collection
from anki.errors import BackendError, DBError
from anki.notes import NoteId
from anki_helper import (
    ALWAYS,
    HAS_OPTIONS,
    VERSION,
    answer,
    import_package,
    new_collection,
    visible_text,
)
from command_helper import environment
from deck_helper import DECK_TOML, PEER_PNG
from verify_helper import (
    CLOZE_PARTS,
    DAY,
    OUR_CLOZES,
    OURS,
    T,
    fields_of,
    genanki_package,
    names,
    notes_of,
    ours,
    plain_notes,
    redesigned,
    remarks,
    renoted,
    rows,
    use_memory,
    write,
)

from crss_deck.hazards import HAZARDS
from crss_deck.note_types import Field
from crss_deck.verify import verify_package

pytestmark = pytest.mark.anki

RULES = {*range(1, 15), 16, 17}


def test_every_rule_has_a_test_and_a_hazard() -> None:
    """A rule without a test that bears its number, or that `verify` cannot find, is a failure."""
    tests = [re.match(r"test_rule_(\d\d)_", name) for name in globals()]
    assert {int(match.group(1)) for match in tests if match} == RULES
    assert {hazard.rule for hazard in HAZARDS.values()} - {0} == RULES


@pytest.fixture
def learner(tmp_path: Path) -> Iterator[Collection]:
    """The collection of a learner."""
    folder = tmp_path / "learner"
    folder.mkdir()
    with new_collection(folder) as collection:
        with suppress(DBError):  # up to 2.1.66 it is too late by now
            rows(collection, "PRAGMA synchronous = OFF")
        yield collection


@pytest.fixture(autouse=True)
def _memory(monkeypatch: pytest.MonkeyPatch) -> None:
    use_memory(monkeypatch)


def study(collection: Collection) -> None:
    """Answer every card."""
    for card_id in collection.find_cards(""):
        card = collection.get_card(card_id)
        answer(collection, card, 4)


def touch(collection: Collection, guid: str, date: int, tag: str = "mine") -> None:
    """Tag a note, as if at that moment."""
    ((note,),) = rows(collection, "SELECT id FROM notes WHERE guid = ?", guid)
    collection.tags.bulk_add([NoteId(note)], tag)
    assert collection.db is not None
    collection.db.execute("UPDATE notes SET mod = ? WHERE id = ?", date, note)


def tags_of(collection: Collection, guid: str) -> list[str]:
    """The tags of a note."""
    ((tags,),) = rows(collection, "SELECT tags FROM notes WHERE guid = ?", guid)
    return str(tags).split()


def question(collection: Collection, guid: str, ordinal: int = 0) -> str:
    """What a person sees on the front of a card."""
    ((card,),) = rows(
        collection,
        "SELECT cards.id FROM cards JOIN notes ON nid = notes.id WHERE guid = ? AND ord = ?",
        guid,
        ordinal,
    )
    return visible_text(collection.get_card(card).question())


def guid_of(key: str) -> str:
    """The GUID of one of our notes."""
    package = ours(OURS + OUR_CLOZES)
    return next(note.guid for note in package.notes if f"spec-deck/{key}" in note.fields)


# ------------------------------------------------------------------ notes and their dates


def test_rule_01_a_guid_for_each_note_that_does_not_depend_on_its_text(
    learner: Collection, tmp_path: Path
) -> None:
    """Genanki's own GUID is a hash of the text: a reworded note comes as a second one."""
    before = [("", text) for _, text in plain_notes()]
    after = [("", ("What is the very first?", "A")), *before[1:]]
    old = genanki_package(tmp_path / "old.apkg", before)
    new = genanki_package(tmp_path / "new.apkg", after, T + DAY)
    import_package(learner, old)
    study(learner)
    assert len(import_package(learner, new).log.new) == 1
    assert len(learner.find_notes("")) == 9
    assert len(learner.find_cards("is:new")) == 1
    found = verify_package(new, [old])
    assert "note-duplicated" in names(found)
    assert len(notes_of(found, "note-duplicated")) == 1

    twins = [("same", ("What is one?", "1")), ("same", ("What is two?", "2"))]
    old = genanki_package(tmp_path / "twins.apkg", twins)
    updated = [(guid, (text, answer + "!")) for guid, (text, answer) in twins]
    new = genanki_package(tmp_path / "twins-2.apkg", updated, T + DAY)
    import_package(learner, old)
    import_package(learner, new)
    texts = fields_of(learner, "same")
    assert len(texts) == 2
    assert sum(answer.endswith("!") for _, answer in texts) == 1
    assert notes_of(verify_package(old), "duplicate-guid") == {"same"}


def test_rule_02_a_changed_note_has_a_later_date(learner: Collection, tmp_path: Path) -> None:
    """With the same date the text never comes, not even with *Update notes: Always*."""
    first = ours(OURS)
    second = ours(OURS.replace("A third one", "A better one"), T + DAY, first)
    old = write(tmp_path / "old.apkg", first)
    stale = write(tmp_path / "stale.apkg", renoted(second, "third", modified=T))
    import_package(learner, old)
    assert len(import_package(learner, stale).log.duplicate) == 8
    if HAS_OPTIONS:
        import_package(learner, stale, update_notes=ALWAYS)
    assert "A third one." in fields_of(learner, guid_of("third"))[0][1]
    found = verify_package(stale, [old])
    assert names(found) == {"update-would-not-arrive"}
    assert notes_of(found, "update-would-not-arrive") == {"third"}

    barely = write(tmp_path / "barely.apkg", renoted(second, "third", modified=T + 1))
    assert len(import_package(learner, barely).log.updated) == 1
    assert verify_package(barely, [old]).ok


def test_rule_03_an_unchanged_note_keeps_its_date(learner: Collection, tmp_path: Path) -> None:
    """Genanki dates all notes alike: each release takes away a learner's own tags and edits."""
    old = genanki_package(tmp_path / "old.apkg", plain_notes())
    new = genanki_package(tmp_path / "new.apkg", plain_notes(2), T + DAY)
    import_package(learner, old)
    touch(learner, "guid-0", T + 5, "mine marked leech")
    assert len(import_package(learner, new).log.updated) == 8
    assert tags_of(learner, "guid-0") == []
    found = verify_package(new, [old])
    assert "unchanged-notes-rewritten" in names(found)
    expected = {guid for guid, _ in plain_notes()} - {"guid-2"}
    assert notes_of(found, "unchanged-notes-rewritten") == expected

    first = ours(OURS)
    good = write(tmp_path / "good.apkg", ours(OURS.replace("A third", "The third"), T + DAY, first))
    assert verify_package(good, [write(tmp_path / "first.apkg", first)]).ok


CHECK_DATABASE = """\
import sys
import anki.collection
from pathlib import Path
from anki_helper import import_package, new_collection
with new_collection(Path(sys.argv[1])) as collection:
    import_package(collection, Path(sys.argv[2]))
    collection.fix_integrity()
"""


def test_rule_04_a_changed_note_is_dated_when_it_is_published(
    learner: Collection, tmp_path: Path
) -> None:
    """Dated earlier, it stays away from who touched the note; 0 and the future are worse."""
    first = ours(OURS)
    newest = ours(OURS.replace("A first", "The first"), T + 2 * DAY, first)
    (text,) = (note.fields[1] for note in first.notes if note.guid == guid_of("third"))
    fields = ("What is the third?", text.replace("A third", "The third"))
    early = renoted(newest, "third", modified=T + DAY)
    early = early._replace(
        notes=tuple(
            note._replace(fields=(*fields, *note.fields[2:]))
            if note.guid == guid_of("third")
            else note
            for note in early.notes
            if note.guid != guid_of("first")  # so that nothing in it is of the latest date
        )
    )
    old = write(tmp_path / "old.apkg", newest)
    new = write(tmp_path / "new.apkg", early)
    import_package(learner, old)
    touch(learner, guid_of("third"), T + 2 * DAY)
    assert len(import_package(learner, new).log.updated) == 0
    found = verify_package(new, [old])
    assert names(found) == {"update-dated-early"}
    assert notes_of(found, "update-dated-early") == {"third"}
    assert notes_of(found, "kept-back") == {"third"}

    zero = genanki_package(tmp_path / "zero.apkg", plain_notes(), 0)
    (tmp_path / "crash").mkdir()
    result = subprocess.run(
        [sys.executable, "-c", CHECK_DATABASE, str(tmp_path / "crash"), str(zero)],
        cwd=Path(__file__).parent,
        env=environment(RUST_BACKTRACE="0"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode and "PanicException" in result.stderr
    found = verify_package(zero)
    assert names(found) == {"note-id-zero"}
    assert notes_of(found, "note-id-zero") == {"guid-0"}

    future = write(tmp_path / "future.apkg", ours(OURS, T + DAY))
    assert verify_package(future, clock=T + DAY).ok
    assert names(verify_package(future, clock=T)) == {"date-in-future"}


# ------------------------------------------------------------------ note types


def refuses(learner: Collection, old: Path, new: Path) -> None:
    """Anki refuses every note of the new package, and doubles the note type for a new one."""
    import_package(learner, old)
    study(learner)
    before = rows(learner, "SELECT guid, flds, mid FROM notes ORDER BY id")
    log = import_package(learner, new).log
    assert len(log.conflicting) == len(before)
    kept = "SELECT guid, flds, mid FROM notes WHERE guid != 'new' ORDER BY id"
    assert rows(learner, kept) == before


def test_rule_05_a_note_type_keeps_its_id_fields_templates_and_sort_field(
    learner: Collection, tmp_path: Path
) -> None:
    """Another id, field or template: every note that learners have is refused for ever."""
    old = genanki_package(tmp_path / "old.apkg", plain_notes())
    more = [(guid, (*texts, "")) for guid, texts in (*plain_notes(1), ("new", ("New?", "Yes")))]
    new = genanki_package(tmp_path / "field.apkg", more, T + DAY, fields=("Front", "Back", "Extra"))
    refuses(learner, old, new)
    assert learner.models.by_name("Plain+") is not None
    found = verify_package(new, [old])
    assert "note-type-conflict" in names(found)
    assert notes_of(found, "note-type-conflict") == {guid for guid, _ in plain_notes()}
    assert "“Plain+”" in found.to_text()

    template = {"name": "Card", "qfmt": "{{Front}}", "afmt": "{{Back}}"}
    templates = [template, {**template, "name": "Second", "qfmt": "{{Back}} from {{Front}}"}]
    for name, changes in {
        "id": {"type_id": 99},
        "template": {"templates": templates},
        "reordered": {"fields": ("Back", "Front")},
    }.items():
        new = genanki_package(tmp_path / f"{name}.apkg", plain_notes(1), T + DAY, **changes)  # type: ignore[arg-type]
        assert "note-type-conflict" in names(verify_package(new, [old])), name

    sort = genanki_package(tmp_path / "sort.apkg", plain_notes(1), T + DAY, sort_field=1)
    ((schema,),) = rows(learner, "SELECT scm FROM col")
    import_package(learner, sort)
    assert rows(learner, "SELECT scm FROM col") != [[schema]]
    # At least the new text arrived up to 2.1.66.
    assert fields_of(learner, "guid-1")[0][1] == ("A" if VERSION >= (23, 10) else "New")
    assert "one-way-sync" in names(verify_package(sort, [old]))


def test_rule_06_fields_and_templates_have_ids_that_stay(
    learner: Collection, tmp_path: Path
) -> None:
    """Without ids, a new name freezes all notes."""
    old = genanki_package(tmp_path / "old.apkg", plain_notes())
    renamed = {"fields": ("Front", "Answer"), "back": "{{Answer}}"}
    new = genanki_package(tmp_path / "new.apkg", plain_notes(1), T + DAY, **renamed)  # type: ignore[arg-type]
    refuses(learner, old, new)
    assert "note-type-ids-changed" in names(verify_package(new, [old]))
    assert "note-type-without-ids" in remarks(verify_package(old))
    ours_alone = verify_package(write(tmp_path / "ours.apkg", ours(OURS)))
    assert "note-type-without-ids" not in remarks(ours_alone)


@pytest.mark.skipif(VERSION < (23, 10), reason="before Anki 23.10 an import looks at no ids")
def test_rule_06_other_ids_freeze_all_notes(tmp_path: Path) -> None:
    """Fields of the same names are others for Anki if their ids are."""
    first = ours(OURS)
    start = write(tmp_path / "start.apkg", first)
    (basic,) = first.note_types
    others = tuple(Field(field.name, field.id + 1000) for field in basic.fields)
    changed = ours(OURS.replace("A third", "The third"), T + DAY, first)
    changed = redesigned(changed, T + DAY, fields=others)
    found = verify_package(write(tmp_path / "ids.apkg", changed), [start])
    assert "note-type-ids-changed" in names(found)


@pytest.mark.skipif(
    VERSION < (23, 12),
    reason="before Anki 23.12 a renamed field spoils the cards of its note type, or freezes it",
)
def test_rule_06_with_ids_a_field_may_be_renamed(tmp_path: Path) -> None:
    """To Anki it is an update like any other: no note and no card is touched."""
    first = ours(OURS)
    start = write(tmp_path / "start.apkg", first)
    (basic,) = first.note_types
    fields = (*basic.fields[:-1], basic.fields[-1]._replace(name="Put to use"))
    templates = tuple(
        each._replace(
            front=each.front.replace("Spare 3", "Put to use"),
            back=each.back.replace("Spare 3", "Put to use"),
        )
        for each in basic.templates
    )
    named = redesigned(ours(OURS, T + DAY, first), T + DAY, fields=fields, templates=templates)
    found = verify_package(write(tmp_path / "named.apkg", named), [start])
    assert (found.problems, found.remarks) == ((), ())


def test_rule_07_a_note_type_is_dated_when_it_changes(learner: Collection, tmp_path: Path) -> None:
    """With the same date a new look never comes; dated anew, it replaces a learner's own look."""
    first = ours(OURS)
    old = write(tmp_path / "old.apkg", first)
    css = first.note_types[0].css + "\n.new { color: red }"
    stale = write(tmp_path / "stale.apkg", redesigned(first, css=css))
    import_package(learner, old)
    import_package(learner, stale)
    name = first.note_types[0].name
    note_type = learner.models.by_name(name)
    assert note_type is not None and ".new" not in note_type["css"]
    assert names(verify_package(stale, [old])) == {"design-would-not-arrive"}
    good = write(tmp_path / "good.apkg", redesigned(first, T + DAY, css=css))
    assert verify_package(good, [old]).ok

    note_type["css"] += ".mine { }"
    learner.models.update_dict(note_type)
    assert learner.db is not None
    learner.db.execute("UPDATE notetypes SET mtime_secs = ? WHERE id = ?", T, note_type["id"])
    learner.close()
    learner.reopen()
    raised = write(tmp_path / "raised.apkg", redesigned(first, T + DAY))
    import_package(learner, raised)
    note_type = learner.models.by_name(name)
    assert note_type is not None and ".mine" not in note_type["css"]
    assert names(verify_package(raised, [old])) == {"unchanged-design-rewritten"}


def turned_into_a_cloze(folder: Path) -> tuple[Path, Path]:
    """A package with a basic note, and a later one in which it is a cloze note."""
    first = ours(OURS + OUR_CLOZES)
    (cloze,) = (note for note in first.notes if note.guid == guid_of("kettle"))
    turned = cloze._replace(guid=guid_of("first"), modified=T + DAY)
    rest = (note for note in first.notes if note.guid != turned.guid)
    second = first._replace(notes=(turned, *rest))
    return write(folder / "old.apkg", first), write(folder / "new.apkg", second)


def test_rule_08_a_note_keeps_its_type_and_a_type_its_kind(
    learner: Collection, tmp_path: Path
) -> None:
    """A basic note that comes as a cloze is refused; a type that changes its kind is not."""
    old, new = turned_into_a_cloze(tmp_path)
    import_package(learner, old)
    assert len(import_package(learner, new).log.conflicting) == 1
    assert "What is the first?" in fields_of(learner, guid_of("first"))[0][0]
    found = verify_package(new, [old])
    assert "note-changed-type" in names(found)

    plain = genanki_package(tmp_path / "plain.apkg", plain_notes())
    flipped = genanki_package(tmp_path / "flipped.apkg", plain_notes(), T + DAY, cloze=True)
    import_package(learner, plain)
    assert len(import_package(learner, flipped).log.updated) == 8
    note_type = learner.models.by_name("Plain")
    assert note_type is not None and note_type["type"] == 1
    assert "note-type-kind-changed" in names(verify_package(flipped, [plain]))


@pytest.mark.skipif(
    VERSION < (24, 11),
    reason="Anki 23.10 mixes the fields of both; from 23.12 to 24.06 it refuses without a word",
)
def test_rule_08_merging_does_not_help(learner: Collection, tmp_path: Path) -> None:
    """With *Merge note types* Anki refuses the whole package because of such a note."""
    old, new = turned_into_a_cloze(tmp_path)
    import_package(learner, old)
    with pytest.raises(BackendError, match="Cloze note types cannot be merged"):
        import_package(learner, new, merge_notetypes=True)


# ------------------------------------------------------------------ cards and decks


def test_rule_09_a_cloze_number_is_an_identity(learner: Collection, tmp_path: Path) -> None:
    """Exchanged numbers take the history along; a number that goes leaves an empty card."""
    first = ours(OUR_CLOZES)
    swapped = OUR_CLOZES.replace("{{c1::kettle}}", "{{c2::kettle}}").replace(
        "{{c2::water}}", "{{c1::water}}"
    )
    less = OUR_CLOZES.replace("{{c2::dough}}", "dough")
    more = OUR_CLOZES.replace("Flour", "{{c3::Flour}}")
    old = write(tmp_path / "old.apkg", first)
    guid = guid_of("kettle")
    import_package(learner, old)
    study(learner)
    history = "SELECT cards.id, reps, ivl FROM cards JOIN notes ON nid = notes.id ORDER BY 1"
    before = rows(learner, history)
    assert question(learner, guid) == "A [...] boils water."
    new = write(tmp_path / "swapped.apkg", ours(swapped, T + DAY, first))
    import_package(learner, new)
    assert rows(learner, history) == before
    assert question(learner, guid) == "A kettle boils [...]."
    found = verify_package(new, [old])
    assert names(found) == {"renumbered-cloze"}
    assert notes_of(found, "renumbered-cloze") == {"kettle"}

    dropped = ours(less, T + 2 * DAY, first)
    new = write(tmp_path / "less.apkg", dropped)
    import_package(learner, new)
    assert "No cloze" in question(learner, guid_of("dough"), 1)
    learner.fix_integrity()
    assert len(rows(learner, history)) == len(before)
    found = verify_package(new, [old])
    assert names(found) == {"card-became-empty"}
    assert notes_of(found, "card-became-empty") == {"dough"}

    reused = ours(OUR_CLOZES.replace("{{c2::dough}}", "a {{c2::loaf}}"), T + 3 * DAY, dropped)
    found = verify_package(write(tmp_path / "reused.apkg", reused), [old, new])
    assert names(found) == {"renumbered-cloze"}

    found = verify_package(write(tmp_path / "more.apkg", ours(more, T + DAY, first)), [old])
    assert found.ok
    assert notes_of(found, "card-added") == {"dough"}


def test_rule_10_a_package_holds_the_cards_that_anki_makes(
    learner: Collection, tmp_path: Path
) -> None:
    """Genanki overlooks nested clozes, and makes no card at all where Anki makes a dead one."""
    notes = [
        ("nested", ("A {{c1::red {{c2::rose}} flower}}.", "")),
        ("nothing", ("No cloze at all.", "")),
        ("extra", ("A {{c1::rose}}.", "Or a {{c2::tulip}}")),
    ]
    path = genanki_package(tmp_path / "genanki.apkg", notes, **CLOZE_PARTS)
    import_package(learner, path)
    cards = "SELECT guid, ord FROM cards JOIN notes ON nid = notes.id ORDER BY guid, ord"
    assert rows(learner, cards) == [["extra", 0], ["nested", 0]]
    assert learner.fix_integrity() == ("Database rebuilt and optimized.", True)
    assert rows(learner, cards) == [
        ["extra", 0],
        ["extra", 1],
        ["nested", 0],
        ["nested", 1],
        ["nothing", 0],
    ]
    found = verify_package(path)
    assert names(found) == {"card-added-by-check"}
    assert notes_of(found, "card-added-by-check") == {"nested", "nothing", "extra"}

    text = "A {{c1::red {{c2::rose}} flower}}.\n<!-- id: nested -->\n"
    assert verify_package(write(tmp_path / "ours.apkg", ours(text))).ok


def test_rule_11_deck_names_stay(learner: Collection, tmp_path: Path) -> None:
    """Under a new name, cards that learners have stay in the old deck and new ones do not."""
    first = ours(OURS)
    old = write(tmp_path / "old.apkg", first)
    more = OURS + "Q: What is the ninth?\n\nA: The last one.\n<!-- id: ninth -->\n"
    toml = DECK_TOML.replace('name = "Spec"', 'name = "Renamed"')
    renamed = redesigned(ours(more, T + DAY, first, toml=toml), T, name=first.note_types[0].name)
    new = write(tmp_path / "new.apkg", renamed)
    import_package(learner, old)
    import_package(learner, new)
    assert len(learner.find_cards("deck:Spec")) == 8
    assert len(learner.find_cards("deck:Renamed")) == 1
    found = verify_package(new, [old])
    assert names(found) == {"deck-renamed"}

    moved = renoted(first, "third", deck="Spec::Part")
    moved = moved._replace(decks=(*moved.decks, moved.decks[0]._replace(name="Spec::Part")))
    found = verify_package(write(tmp_path / "moved.apkg", moved), [old])
    assert found.ok
    assert notes_of(found, "card-not-moved") == {"third"}

    odd = renoted(first, "third", deck="Spec::")
    odd = odd._replace(decks=(*odd.decks, odd.decks[0]._replace(name="Spec::")))
    found = verify_package(write(tmp_path / "odd.apkg", odd))
    assert names(found) == {"deck-name-changed"}
    assert "“Spec::blank”" in found.to_text()


def test_rule_11_another_case_is_no_other_name(learner: Collection, tmp_path: Path) -> None:
    """The deck of a learner keeps its name, and new cards come into it."""
    first = ours(OURS)
    old = write(tmp_path / "old.apkg", first)
    more = OURS + "Q: What is the ninth?\n\nA: The last one.\n<!-- id: ninth -->\n"
    upper = ours(more, T + DAY, first, toml=DECK_TOML.replace('name = "Spec"', 'name = "SPEC"'))
    new = write(tmp_path / "new.apkg", redesigned(upper, T, name=first.note_types[0].name))
    import_package(learner, old)
    import_package(learner, new)
    assert [deck.name for deck in learner.decks.all_names_and_ids()] == ["Default", "Spec"]
    assert len(learner.find_cards("deck:Spec")) == 9
    found = verify_package(new, [old])
    assert found.ok
    assert not {"deck-renamed", "card-not-moved"} & {remark.name for remark in found.remarks}


@pytest.mark.parametrize(("one", "other"), [("Tea", "tea"), ("Straße", "STRASSE"), ("Σ", "ς")])
def test_rule_11_no_two_names_differ_in_case(tmp_path: Path, one: str, other: str) -> None:
    """Anki invents a name for one of the decks: it folds case as Unicode does, and as we do."""
    assert one.casefold() == other.casefold()
    first = renoted(ours(OURS), "third", deck=f"Spec::{one}")
    first = renoted(first, "sixth", deck=f"Spec::{other}")
    more = [first.decks[0]._replace(name=f"Spec::{name}") for name in (one, other)]
    path = write(tmp_path / "new.apkg", first._replace(decks=(*first.decks, *more)))
    assert names(verify_package(path)) == {"deck-name-changed"}


# ------------------------------------------------------------------ media


def test_rule_12_another_file_has_another_name(learner: Collection, tmp_path: Path) -> None:
    """Under a name that learners have, the old bytes stay; our names tell the content."""
    for name, content in {"old": b"1", "new": b"2"}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "figure.png").write_bytes(PEER_PNG + content)
        (tmp_path / name / "_logo.png").write_bytes(PEER_PNG + content)
    notes = [("a", ("Which figure?", '<img src="figure.png">')), ("b", ("Which?", "None"))]
    parts = {"back": '{{FrontSide}}<hr id=answer>{{Back}}<img src="_logo.png">'}
    old, new = (
        genanki_package(
            tmp_path / f"{name}.apkg",
            notes,
            date,
            media=sorted((tmp_path / name).iterdir()),
            **parts,  # type: ignore[arg-type]
        )
        for name, date in (("old", T), ("new", T + DAY))
    )
    import_package(learner, old)
    import_package(learner, new)
    folder = Path(learner.media.dir())
    assert (folder / "_logo.png").read_bytes() == PEER_PNG + b"1"
    assert (folder / "figure.png").read_bytes() == PEER_PNG + b"1"
    assert re.search(r'src="figure-[0-9a-f]{40}.png"', fields_of(learner, "a")[0][1])
    found = verify_package(new, [old])
    assert "media-name-reused" in names(found)
    assert "_logo.png" in found.to_text()
    assert notes_of(found, "media-name-reused") == {"a"}

    stale = genanki_package(
        tmp_path / "stale.apkg",
        notes,
        T,
        media=sorted((tmp_path / "new").iterdir()),
        **parts,  # type: ignore[arg-type]
    )
    found = verify_package(stale, [old])
    assert notes_of(found, "update-would-not-arrive") == {"a"}


def test_rule_13_media_are_used_where_anki_looks(learner: Collection, tmp_path: Path) -> None:
    """A file that no field refers to, and that has no `_`, is not even imported."""
    media = []
    for name in ("two words.png", "linked.png", "styled.png", "_styled.png", "unused.png"):
        media.append(tmp_path / name)
        media[-1].write_bytes(PEER_PNG + name.encode())
    notes = [
        ("quoted", ("Which?", '<img src="two%20words.png">')),
        ("linked", ("Where?", '<a href="linked.png">here</a>')),
        ("absent", ("Who?", "[sound:nobody.mp3]")),
    ]
    css = ".a { background: url(styled.png) } .b { background: url(_styled.png) }"
    path = genanki_package(tmp_path / "deck.apkg", notes, media=media, css=css)
    import_package(learner, path)
    imported = {file.name for file in Path(learner.media.dir()).iterdir()}
    assert imported == {"_styled.png"}
    missing = set(learner.media.check().missing)
    assert missing == {"two%20words.png", "nobody.mp3"}
    found = verify_package(path)
    assert names(found) == {"missing-media", "media-not-imported"}
    assert notes_of(found, "missing-media") == {"quoted", "absent"}
    assert notes_of(found, "media-not-imported") == {"linked", "quoted"}
    assert "styled.png is used where Anki looks for no file" in found.to_text()
    assert [each.message for each in found.remarks if each.name == "unused-media"] == [
        "unused.png is not used"
    ]


# ------------------------------------------------------------------ the rest


def test_rule_14_new_cards_have_an_order(learner: Collection, tmp_path: Path) -> None:
    """Places must be there, and below a million; a later release can put a note between."""
    path = genanki_package(tmp_path / "late.apkg", plain_notes(count=2), due=[1, 2_000_000])
    import_package(learner, path)
    problems, ok = learner.fix_integrity()
    assert not ok and "due number" in problems
    found = verify_package(path)
    assert names(found) == {"due-out-of-range", "database-fault"}
    assert notes_of(found, "due-out-of-range") == {"guid-1"}

    none = genanki_package(tmp_path / "none.apkg", plain_notes(), due=[0] * 8)
    import_package(learner, none)
    queue = rows(learner, "SELECT DISTINCT due FROM cards WHERE nid IN (SELECT id FROM notes)")
    assert [0] in queue
    assert names(verify_package(none)) == {"no-card-order"}


@pytest.mark.parametrize("name", ["collection.apkg", "Backup-2026.apkg"])
def test_rule_16_a_package_is_not_called_like_a_backup(
    name: str, learner: Collection, tmp_path: Path
) -> None:
    """What the desktop program does with a file of that name: all that a learner had is gone."""
    path = write(tmp_path / name, ours(OURS))
    note = learner.new_note(learner.models.by_name("Basic") or {})
    note.fields = ["My own question", "My own answer"]
    learner.add_note(note, learner.decks.id("Mine") or 1)  # type: ignore[arg-type]
    place = Path(learner.path)
    learner.close()
    backend = learner._backend
    backend.import_collection_package(
        col_path=str(place),
        backup_path=str(path),
        media_folder=str(place.with_suffix(".media")),
        media_db=str(place.with_suffix(".media.db2")),
    )
    learner.reopen()
    assert learner.find_notes("My own question") == []
    assert len(learner.find_notes("")) == 8
    assert names(verify_package(path)) == {"replaces-collection"}


def test_rule_17_nothing_is_removed(learner: Collection, tmp_path: Path) -> None:
    """A note that left the package stays with its learners and is asked on."""
    first = ours(OURS)
    second = first._replace(notes=first.notes[1:])
    old, new = write(tmp_path / "old.apkg", first), write(tmp_path / "new.apkg", second)
    import_package(learner, old)
    study(learner)
    import_package(learner, new)
    assert "What is the first?" in fields_of(learner, guid_of("first"))[0][0]
    assert len(learner.find_cards("-is:suspended")) == 8
    found = verify_package(new, [old])
    assert found.ok
    assert notes_of(found, "retired-note-stays") == {"first"}
