"""Whole decks in the real Anki, ours and the golden ones: imported, checked, rendered, upgraded."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import anki.collection  # must be the first module of Anki to be imported
import pytest
from anki.cards import Card
from anki.collection import ImportLogWithChanges
from anki.decks import DeckId
from anki.notes import Note, NoteFieldsCheckResult
from anki.template import TemplateRenderContext
from anki_helper import (
    HAS_OPTIONS,
    VERSION,
    answer,
    import_package,
    new_collection,
    outcomes,
    visible_text,
)
from golden_helper import CLOCK, DECKS, clock_for

from crss_deck import Package, build_deck, read_apkg
from crss_deck.identity import note_type_id
from crss_deck.note_types import mistakes_address

pytestmark = pytest.mark.anki

SOURCE = Path(__file__).parents[1] / "source"
SOURCES = [SOURCE, *(deck / "source" for deck in DECKS)]
DAY = 86_400


class InAnki(NamedTuple):
    """A package, and the collection into which it was imported."""

    collection: anki.collection.Collection
    package: Package
    path: Path
    log: ImportLogWithChanges
    deck_id: str
    mistakes: str
    clock: int | None
    """The moment of the build; None for the present."""

    def notes(self) -> list[Note]:
        """Every note of the collection."""
        return [self.collection.get_note(note) for note in self.collection.find_notes("")]


@pytest.fixture(
    scope="module", params=SOURCES, ids=["crss", *(source.parent.name for source in SOURCES[1:])]
)
def deck(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[InAnki]:
    """A deck, built and imported into a new collection."""
    folder = tmp_path_factory.mktemp("anki")
    built = build_deck(request.param, folder / "build", clock=clock_for(request.param))
    assert built.compilation.deck is not None
    with new_collection(folder) as collection:
        log = import_package(collection, built.path)
        manifest = built.compilation.deck.manifest
        package = read_apkg(built.path)
        address = mistakes_address(manifest)
        clock = clock_for(request.param)
        yield InAnki(collection, package, built.path, log, manifest.id, address, clock)


def rows(collection: anki.collection.Collection, query: str) -> list[Any]:
    """What a query says to the database of a collection."""
    assert collection.db is not None
    return collection.db.all(query)


# ------------------------------------------------------------------ import


def test_every_note_arrives_as_new(deck: InAnki) -> None:
    """The first import has one outcome for all notes, and no warning."""
    assert outcomes(deck.log) == {"new": len(deck.package.notes)}
    assert len(deck.package.notes) > 0
    if HAS_OPTIONS:  # before, the log did not count them
        assert deck.log.log.found_notes == len(deck.package.notes)
    assert deck.collection.card_count() == deck.package.card_count


def test_a_second_import_changes_nothing(deck: InAnki) -> None:
    """The same package again: all duplicates, and the collection is as it was."""
    queries = ("SELECT * FROM notes ORDER BY id", "SELECT * FROM cards ORDER BY id")
    before = [rows(deck.collection, query) for query in queries]
    assert outcomes(import_package(deck.collection, deck.path)) == {
        "duplicate": len(deck.package.notes)
    }
    assert [rows(deck.collection, query) for query in queries] == before


def test_anki_keeps_what_was_packaged(deck: InAnki) -> None:
    """Fields, tags, dates and decks are stored to the letter; nothing is normalised away."""
    stored = {note.guid: note for note in deck.notes()}
    assert set(stored) == {note.guid for note in deck.package.notes}
    for note in deck.package.notes:
        arrived = stored[note.guid]
        assert tuple(arrived.fields) == note.fields
        assert sorted(arrived.tags) == sorted(note.tags)
        assert arrived.mod == note.modified
        if deck.clock is not None:
            assert note.modified == deck.clock - 1
        assert arrived.mid == note.note_type.id
        cards = arrived.cards()
        assert tuple(card.ord for card in cards) == note.cards
        assert {deck.collection.decks.name(card.did) for card in cards} == {note.deck}
        assert arrived.fields_check() == NoteFieldsCheckResult.NORMAL


def test_decks_arrive_with_their_description(deck: InAnki) -> None:
    """Just the decks of the package, their parents and the empty Default are there."""
    wanted = {"Default"}
    for packaged in deck.package.decks:
        parts = packaged.name.split("::")
        wanted |= {"::".join(parts[: length + 1]) for length in range(len(parts))}
        stored = deck.collection.decks.by_name(packaged.name)
        assert stored is not None
        assert stored["desc"] == packaged.description
        if VERSION >= (23, 12):  # before, an import forgot that a description is Markdown
            assert stored["md"] is True
        assert stored["conf"] == 1
    assert {each.name for each in deck.collection.decks.all_names_and_ids()} == wanted
    assert list(deck.collection.find_cards("deck:Default")) == []


# ------------------------------------------------------------------ note types


def test_note_types_keep_names_and_ids(deck: InAnki) -> None:
    """Types, fields and templates have our ids; no name got a `+`, and none is one of Anki's."""
    names = {each.name: each.id for each in deck.collection.models.all_names_and_ids()}
    stock = {"Basic", "Cloze", "Basic (and reversed card)", "Basic (type in the answer)"}
    root = deck.package.decks[0].name
    for note_type in deck.package.note_types:
        assert names.pop(note_type.name) == note_type.id
        assert note_type.id == note_type_id(deck.deck_id, note_type.kind)
        assert note_type.name == f"{root.replace('::', ' ')} ({note_type.kind})"
        assert note_type.name not in stock
        stored = deck.collection.models.by_name(note_type.name)
        assert stored is not None
        assert [(f["name"], f["id"]) for f in stored["flds"]] == [
            (field.name, field.id) for field in note_type.fields
        ]
        assert [(t["name"], t["id"]) for t in stored["tmpls"]] == [
            (template.name, template.id) for template in note_type.templates
        ]
        assert stored["mod"] == note_type.modified
        if deck.clock is not None:
            assert note_type.modified == deck.clock - 1
    assert not [name for name in names if name.endswith("+")]
    assert stock <= set(names)


def test_spare_fields_are_out_of_the_way(deck: InAnki) -> None:
    """Spare fields are collapsed and left out of search; no field can be deleted by accident."""
    for note_type in deck.package.note_types:
        stored = deck.collection.models.by_name(note_type.name)
        assert stored is not None
        for field in stored["flds"]:
            assert field["preventDeletion"] is True
            assert field["collapsed"] == field["name"].startswith("Spare ")
            assert field["excludeFromSearch"] == field["name"].startswith("Spare ")
        assert sum(field["collapsed"] for field in stored["flds"]) == 3


def test_anki_accepts_the_note_types(deck: InAnki) -> None:
    """Anki's own checker of templates, which an editor runs on saving, finds no fault."""
    for note_type in deck.package.note_types:
        stored = deck.collection.models.by_name(note_type.name)
        assert stored is not None
        copy = json.loads(json.dumps(stored)) | {"id": 0, "name": f"Copy of {note_type.id}"}
        deck.collection.models.add_dict(copy)
        deck.collection.undo()
    deck.collection.models._clear_cache()


# ------------------------------------------------------------------ integrity


def test_check_database_adds_nothing(deck: InAnki) -> None:
    """Anki's Check Database has nothing to say, and no card to add or remove."""
    before = set(deck.collection.find_cards(""))
    assert deck.collection.fix_integrity() == ("Database rebuilt and optimized.", True)
    assert set(deck.collection.find_cards("")) == before


def test_there_are_no_empty_cards(deck: InAnki) -> None:
    """Anki's Empty Cards finds none."""
    report = deck.collection.get_empty_cards()
    assert list(report.notes) == []
    assert report.report == ""


def test_media_are_whole(deck: InAnki) -> None:
    """Every file arrives with its bytes; Anki finds none missing and none unused."""
    check = deck.collection.media.check()
    assert list(check.missing) == []
    assert list(check.unused) == []
    folder = Path(deck.collection.media.dir())
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        media.name: media.content for media in deck.package.media
    }


# ------------------------------------------------------------------ cards


def test_every_card_renders(deck: InAnki) -> None:
    """Both sides of every card: no message of Anki's, no raw cloze, a question and an answer."""
    for card_id in deck.collection.find_cards(""):
        card = deck.collection.get_card(card_id)
        rendered = TemplateRenderContext.from_existing_card(card, False)._partially_render()
        if VERSION >= (25, 2):  # before, only the page told
            assert not rendered.is_empty
        pages = [re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL) for page in both(card)]
        for page in pages:
            assert "errors.html" not in page
            assert "No cloze" not in page
            assert "has a problem" not in page
            assert "{{" not in page
            assert "(unknown field" not in page
        question, answer = (visible_text(page) for page in pages)
        assert question
        assert question != answer
        assert visible_text(pages[0], "question")
        assert visible_text(pages[1], "answer") not in ("", visible_text(pages[0], "question"))


def both(card: Card) -> tuple[str, str]:
    """The question and the answer of a card, as the web view gets them."""
    return card.question(), card.answer()


def test_a_cloze_shows_its_hole(deck: InAnki) -> None:
    """The question of a cloze card hides just its own number, the answer shows it."""
    for card_id in deck.collection.find_cards("card:Cloze"):
        card = deck.collection.get_card(card_id)
        question, answer = both(card)
        ordinals = re.findall(r'class="cloze" (?:data-cloze=".*?" )?data-ordinal="(\d+)"', question)
        assert set(ordinals) == {str(card.ord + 1)}
        assert re.search(r'class="cloze" data-cloze="', question)
        assert f'class="cloze" data-ordinal="{card.ord + 1}"' in answer


def test_the_key_finds_the_note(deck: InAnki) -> None:
    """`Key:<deck id>/<key>` in Anki's browser finds just that note."""
    for note in deck.notes():
        key = note["Key"]
        assert key.startswith(f"{deck.deck_id}/")
        assert list(deck.collection.find_notes(f"Key:{key}")) == [note.id]
        assert list(deck.collection.find_notes(f"Key:{key}x")) == []


def test_the_back_names_its_note(deck: InAnki) -> None:
    """Every back shows the Key, and links to the place for mistakes with it; no front does."""
    for card_id in deck.collection.find_cards(""):
        card = deck.collection.get_card(card_id)
        question, answer = both(card)
        key = card.note()["Key"]
        assert visible_text(answer, "key") == key
        assert 'class="key"' not in question
        links = re.findall(r'<a class="mistake" href="([^"]*)"', answer)
        assert all(key in link for link in links)
        assert bool(links) == bool(deck.mistakes)


def test_new_cards_come_in_curriculum_order(deck: InAnki) -> None:
    """Anki's scheduler asks first cards in the order of the source, then further cards of notes."""
    collection = deck.collection
    config = collection.decks.config_dict_for_deck_id(DeckId(1))
    config["new"]["perDay"] = 9999
    config["new"]["bury"] = False
    collection.decks.update_config(config)
    for packaged in deck.package.decks:
        wanted = [note for note in deck.package.notes if note.deck == packaged.name]
        if not wanted:
            continue
        deck_id = collection.decks.id_for_name(packaged.name)
        assert deck_id is not None
        collection.decks.select(deck_id)
        queued = collection._backend.get_queued_cards(
            fetch_limit=9999, intraday_learning_only=False
        ).cards
        guids = {note.id: note.guid for note in deck.notes()}
        asked = [guids[each.card.note_id] for each in queued if each.card.template_idx == 0]
        in_this_deck = [guid for guid in asked if guid in {note.guid for note in wanted}]
        assert in_this_deck == [note.guid for note in wanted if 0 in note.cards]
    due = rows(collection, "SELECT due FROM cards WHERE queue = 0")
    assert len(due) == deck.package.card_count
    assert all(0 < each < 1_000_000 for (each,) in due)


def test_a_typed_answer_is_asked_for(deck: InAnki) -> None:
    """A card with a text to type has Anki's mark for the box on its front; others have none."""
    for note in deck.notes():
        for card in note.cards():
            question, _ = both(card)
            asks = bool(note["TypeIn"]) and card.template()["name"] != "Reverse"
            assert ("[[type:" in question) == asks


# ------------------------------------------------------------------ more than one deck


def test_decks_do_not_disturb_each_other(tmp_path: Path) -> None:
    """All decks in one collection: every note new, then every note duplicate, none conflicting."""
    paths = [
        build_deck(source, tmp_path / "build", clock=clock_for(source)).path for source in SOURCES
    ]
    counts = [len(read_apkg(path).notes) for path in paths]
    with new_collection(tmp_path) as collection:
        for wanted in ("new", "duplicate"):
            for path, count in zip(paths, counts, strict=True):
                assert outcomes(import_package(collection, path)) == {wanted: count}
        assert collection.note_count() == sum(counts)
        before = set(collection.find_cards(""))
        assert collection.fix_integrity()[1]
        assert set(collection.find_cards("")) == before


# ------------------------------------------------------------------ upgrade

MANIFEST = (
    'format = 1\nid = "upgraded"\nname = "Upgraded"\nversion = "1.0.0"\n[check]\nquality = false\n'
)
FIRST = """\
Q: What is the first?

A: The first answer.
<!-- id: edited -->

Q: What stays?

A: This.
<!-- id: kept -->

Clozes {{c1::one}} and {{c2::two}}.
<!-- id: cloze -->
"""
SECOND = "Q: A new note before all?\n\nA: This one.\n<!-- id: added -->\n\n" + (
    FIRST.replace("The first answer", "A better *answer*").replace("}} and", "}}, {{c3::new}} and")
)


def test_an_upgrade_keeps_progress(tmp_path: Path) -> None:
    """A later build updates what was edited, adds what is new, and keeps every review."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "deck.toml").write_text(MANIFEST, encoding="utf-8")
    with new_collection(tmp_path) as collection:
        (source / "notes.md").write_text(FIRST, encoding="utf-8")
        first = build_deck(source, tmp_path / "build", clock=CLOCK).path
        assert outcomes(import_package(collection, first)) == {"new": 3}
        deck_id = collection.decks.id_for_name("Upgraded")
        assert deck_id is not None
        collection.decks.select(deck_id)
        while (card := collection.sched.getCard()) is not None:
            answer(collection, card, 4)
        reviews = "SELECT * FROM revlog ORDER BY id"
        schedule = "SELECT id, nid, ord, did, type, queue, due, ivl, factor, reps, data FROM cards"
        studied, history = rows(collection, schedule), rows(collection, reviews)
        assert len(history) == len(studied) == 4

        (source / "notes.md").write_text(SECOND, encoding="utf-8")
        second = build_deck(source, tmp_path / "build", clock=CLOCK + DAY).path
        assert outcomes(import_package(collection, second)) == {"new": 1, "updated": 3}
        after = rows(collection, schedule)
        assert [card for card in after if card in studied] == studied
        assert len(after) == len(studied) + 2
        assert rows(collection, reviews) == history
        (edited,) = collection.find_notes("Key:upgraded/edited")
        assert collection.get_note(edited)["Back"] == "A better <em>answer</em>."
        (cloze,) = collection.find_notes("Key:upgraded/cloze")
        assert [card.ord for card in collection.get_note(cloze).cards()] == [0, 1, 2]
        before = set(collection.find_cards(""))
        assert collection.fix_integrity()[1]
        assert set(collection.find_cards("")) == before
        names = [each.name for each in collection.models.all_names_and_ids()]
        assert sum("Upgraded" in name for name in names) == 2


def test_an_older_build_changes_nothing(tmp_path: Path) -> None:
    """Importing an earlier build over a later one leaves the later text."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "deck.toml").write_text(MANIFEST, encoding="utf-8")
    paths = []
    for number, text in enumerate((FIRST, SECOND)):
        (source / "notes.md").write_text(text, encoding="utf-8")
        folder = tmp_path / f"build-{number}"
        paths.append(build_deck(source, folder, clock=CLOCK + DAY * number).path)
    with new_collection(tmp_path) as collection:
        import_package(collection, paths[1])
        assert outcomes(import_package(collection, paths[0])) == {"duplicate": 3}
        (edited,) = collection.find_notes("Key:upgraded/edited")
        assert collection.get_note(edited)["Back"] == "A better <em>answer</em>."
