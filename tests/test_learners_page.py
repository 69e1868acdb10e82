"""What docs/for-learners.md says about Anki, tried in the real Anki, sentence by sentence.

Each test names the sentences it proves, and the page names the test behind each sentence. The
module runs in older versions of Anki too, since the page speaks of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import pytest
from anki.consts import CARD_TYPE_NEW
from anki.decks import DeckId
from anki_helper import (
    ALWAYS,
    DATES_UPDATES_ITSELF,
    IF_NEWER,
    NEVER,
    VERSION,
    answer,
    needs_options,
    new_collection,
    visible_text,
)
from deck_helper import HELLO_MP3, PEER_PNG
from learner_helper import Learner, Publisher
from markdown_it import MarkdownIt
from release_helper import DAY, basic, cloze

from crss_deck.folder import CHANGELOG, MANIFEST

pytestmark = pytest.mark.anki

PAGE = Path(__file__).parents[1] / "docs" / "for-learners.md"

FIRST, SECOND, THIRD = 1_700_000_000, 1_702_000_000, 1_704_000_000
"""The dates of three releases, weeks apart and long ago."""

Test = TypeVar("Test", bound=Callable[..., object])
proven: dict[str, tuple[str, ...]] = {}
"""By test, the sentences it stands for."""


def proves(*sentences: str) -> Callable[[Test], Test]:
    """Say which sentences of the page a test stands for."""

    def note(test: Test) -> Test:
        proven[test.__name__.removeprefix("test_")] = sentences
        return test

    return note


# ------------------------------------------------------------------ the page

NO_CLAIM = {
    "For people who study a deck that was made with `crss-deck`. Which buttons to press on which"
    " device is in the [README](../README.md#import-it).",
    "Each sentence about Anki on this page was tried in Anki itself, from version 23.10 on, by a"
    " test of its own. The apps for phones were not tried. [What an upgrade does in several"
    " versions of Anki](anki-versions.md) is in a table.",
    "Choose the deck's file in *File > Import*, leave the options as they are, and click *Import*.",
    "Size, fonts and colours can be changed in *Browse*, with *Cards...* and *Styling*.",
    "Keep a copy of what you changed, to put it back after a version with a new look.",
    "If you use Anki on several devices, import on one of them and synchronize.",
    "Import the newer file in the same way, over the deck that you have.",
    "Put words of your own into notes of your own, so that they stay in any case.",
    "To get the new text at once, import the file again with *Update notes* on *Always*.",
    "So leave the note types of the deck as they are, but for their look.",
    "Better still, install a newer Anki.",
}
"""What the page says and no test stands for: advice, and words about the page itself."""


def test_every_sentence_has_its_test() -> None:
    """Whatever the page says is proven by the test it names, or is known to claim nothing."""
    found: dict[str, tuple[str, ...]] = {}
    rest = set()
    tokens = MarkdownIt("commonmark").parse(PAGE.read_text(encoding="utf-8"))
    for before, token in pairwise(tokens):
        if token.type != "inline" or before.type == "heading_open":
            continue
        *marked, end = re.split(r"<!-- test: (\w+) -->", token.content)
        for sentence, name in zip(marked[::2], marked[1::2], strict=True):
            found[name] = (*found.get(name, ()), " ".join(sentence.split()))
        if end.strip():
            rest.add(" ".join(end.split()))
    assert found == proven
    assert rest == NO_CLAIM
    assert all(sentence.count(". ") == 0 for said in proven.values() for sentence in said)


# ------------------------------------------------------------------ a deck and its learner

NOTES = (
    basic("kept", "Which note stays as it is?", "This one.")
    + basic("changed", "Which note changes?", "An old answer.")
    + cloze("holes", "Here {{c1::one thing}} and another are hidden.")
    + basic("both", "A word", "Its meaning", "reversed")
)
ANSWER = ("An old answer.", "A better answer.")
"""What the second release changes in most tests."""
HOLE = ("and another", "and {{c2::another}}")


@pytest.fixture
def author(tmp_path: Path) -> Publisher:
    """The author of a deck that has not been released yet."""
    return Publisher(tmp_path, NOTES)


@pytest.fixture
def learner(tmp_path: Path) -> Iterator[Learner]:
    """Somebody with an empty collection."""
    with new_collection(tmp_path) as collection:
        yield Learner(collection)


@pytest.fixture
def first(author: Publisher, learner: Learner) -> Path:
    """The first release, which the learner imported and studied soon after."""
    path = author.publishes(FIRST)
    learner.imports(path)
    learner.studies()
    learner.at(FIRST + DAY)
    assert len(learner.progress()) == 5
    return path


# ------------------------------------------------------------------ the first time


@proves(
    "At first *Import any learning progress*, *Import any deck presets* and *Merge note types* are"
    " off, and both *Update notes* and *Update note types* are on *If newer*."
)
@needs_options
def test_the_first_options(learner: Learner) -> None:
    """A new collection has just these options, and Anki calls them so."""
    options = learner.collection._backend.get_import_anki_package_presets()
    assert [field.name for field, _ in options.ListFields()] == []  # all are off, or 0
    names = {field.name for field in options.DESCRIPTOR.fields}
    updates, choices = {"update_notes", "update_notetypes"}, {"merge_notetypes", "with_scheduling"}
    assert names - {"with_deck_configs"} == updates | choices
    assert options.update_notes == options.update_notetypes == IF_NEWER
    if VERSION < (24, 11):
        return  # 23.10 offers no presets yet, and the rest was worded a little differently
    words = learner.collection.tr
    assert words.importing_also_import_progress() == "Import any learning progress"
    assert words.importing_with_deck_configs() == "Import any deck presets"
    assert words.importing_merge_notetypes() == "Merge note types"
    assert words.importing_update_notes() == "Update notes"
    assert words.importing_update_notetypes() == "Update note types"
    assert words.importing_update_if_newer() == "If newer"
    assert words.importing_update_always() == "Always"


@proves("Anki offers the options of your last import again, so look at them each time.")
@needs_options
def test_options_are_remembered(author: Publisher, learner: Learner) -> None:
    """After an import with another option, that option is what Anki begins with."""
    path = author.publishes(FIRST)
    learner.imports(path, with_scheduling=True)
    assert learner.collection._backend.get_import_anki_package_presets().with_scheduling


@proves(
    "All notes of the deck arrive, their cards are new cards, and your other decks stay as they"
    " are."
)
def test_the_first_import(author: Publisher, learner: Learner) -> None:
    """A collection with a studied note of its own has that note as before, and all of ours."""
    collection = learner.collection
    note_type = collection.models.by_name("Basic")
    assert note_type is not None
    own = collection.new_note(note_type)
    own["Front"], own["Back"] = "Mine?", "Mine."
    collection.add_note(own, DeckId(1))
    learner.studies()
    before, progress = learner.state(), learner.progress()
    assert learner.imports(author.publishes(FIRST)) == {"new": 4}
    for old, new in zip(before, learner.state(), strict=True):
        assert [row for row in new if row in old] == old
    assert learner.progress() == progress
    cards = [collection.get_card(card) for card in collection.find_cards("deck:Released")]
    assert [card.type for card in cards] == [CARD_TYPE_NEW] * 5
    assert list(collection.find_cards("deck:Default")) == [card.id for card in own.cards()]


# ------------------------------------------------------------------ updating


@proves("Do not delete the deck before, because your progress would be deleted with it.")
def test_deleting_the_deck(author: Publisher, learner: Learner, first: Path) -> None:
    """After the deck is deleted, its cards arrive as new cards."""
    deck = learner.collection.decks.id_for_name("Released")
    assert deck is not None
    learner.collection.decks.remove([deck])
    assert learner.imports(author.publishes(SECOND, ANSWER)) == {"new": 4}
    assert learner.progress() == {}


@proves("You may skip versions, since every file holds the whole deck.")
def test_skipped_versions(author: Publisher, tmp_path: Path) -> None:
    """Who skips the second release ends with the same notes, cards and progress as who does not."""
    releases = [
        author.publishes(FIRST),
        author.publishes(SECOND, ANSWER),
        author.publishes(THIRD, HOLE),
    ]
    ends = []
    for name, path in {"all": releases, "some": [releases[0], releases[2]]}.items():
        (tmp_path / name).mkdir()
        with new_collection(tmp_path / name) as collection:
            learner = Learner(collection)
            for number, package in enumerate(path):
                learner.imports(package)
                if number == 0:
                    learner.studies()
                learner.at(FIRST + DAY + number * (SECOND - FIRST))
            assert learner.answer("changed") == "A better answer."
            ends.append(
                (
                    learner.rows("SELECT guid, mid, tags, flds FROM notes ORDER BY guid"),
                    learner.rows(
                        "SELECT guid, ord, type, ivl, reps FROM cards JOIN notes ON nid = notes.id"
                        " ORDER BY guid, ord"
                    ),
                )
            )
    assert ends[0] == ends[1]


@proves("Importing the same file again changes nothing that you have.")
def test_the_same_file_again(author: Publisher, learner: Learner, first: Path) -> None:
    """Whatever the learner did in between: the collection is as it was."""
    learner.edits("kept")
    learner.tags("changed")
    learner.suspends(learner.card("both", 2))
    before = learner.state()
    assert learner.imports(first) == {"duplicate": 4}
    assert learner.state() == before


@proves("An older file brings no older text back.")
def test_an_older_file(author: Publisher, learner: Learner, first: Path) -> None:
    """The first release over the second: the text of the second stays."""
    learner.imports(author.publishes(SECOND, ANSWER))
    learner.at(SECOND + DAY)
    before = learner.rows("SELECT * FROM notes ORDER BY id")
    assert learner.imports(first) == {"duplicate": 4}
    assert learner.rows("SELECT * FROM notes ORDER BY id") == before
    assert learner.answer("changed") == "A better answer."


# ------------------------------------------------------------------ what stays


@proves("Every card keeps its schedule and its history, also if the text of its note changes.")
def test_progress_stays(author: Publisher, learner: Learner, first: Path) -> None:
    """All that Anki knows of the studied cards is as before."""
    before = learner.progress()
    assert learner.imports(author.publishes(SECOND, ANSWER)) == {"updated": 1, "duplicate": 3}
    assert learner.answer("changed") == "A better answer."
    assert learner.progress() == before


@proves("Suspended cards stay suspended, buried cards stay buried, and flags stay.")
def test_suspended_and_flagged_cards_stay(author: Publisher, learner: Learner, first: Path) -> None:
    """On a note that changes, and on one that does not."""
    for key in ("changed", "both"):
        learner.collection.set_user_flag_for_cards(3, [learner.card(key).id])
    learner.suspends(learner.card("changed"), learner.card("both"))
    learner.collection.sched.bury_cards([learner.card("both", 2).id, learner.card("holes").id])
    before = learner.progress()
    learner.imports(author.publishes(SECOND, ANSWER, HOLE))
    assert learner.progress() == before
    assert learner.card("changed").user_flag() == learner.card("both").user_flag() == 3
    assert learner.card("changed").queue == learner.card("both").queue == -1
    assert learner.card("both", 2).queue == learner.card("holes").queue == -3


@proves(
    "Cards that you moved to another deck stay there; a new card of the same note arrives in the"
    " deck of the file."
)
def test_moved_cards_stay(author: Publisher, learner: Learner, first: Path) -> None:
    """A note is moved, and then gets one more card."""
    elsewhere = learner.collection.decks.id("Elsewhere")
    assert elsewhere is not None
    learner.collection.set_deck([learner.card("holes").id, learner.card("changed").id], elsewhere)
    learner.imports(author.publishes(SECOND, ANSWER, HOLE))
    assert learner.deck_of(learner.card("holes", 1)) == "Elsewhere"
    assert learner.deck_of(learner.card("changed")) == "Elsewhere"
    assert learner.deck_of(learner.card("holes", 2)) == "Released"


@proves(
    "If you renamed the deck, your cards stay under your name, and new cards arrive under the name"
    " that the deck has in the file."
)
def test_your_name_of_the_deck(author: Publisher, learner: Learner, first: Path) -> None:
    """The deck is renamed, and then a note is added."""
    deck = learner.collection.decks.id_for_name("Released")
    assert deck is not None
    learner.collection.decks.rename(deck, "My name")
    author.files["notes.md"] = NOTES + basic("added")
    learner.imports(author.publishes(SECOND, ANSWER))
    assert {learner.deck_of(learner.card(key)) for key in ("kept", "changed")} == {"My name"}
    assert learner.deck_of(learner.card("added")) == "Released"


@proves("The options that you chose for the deck stay.")
def test_deck_options_stay(author: Publisher, learner: Learner, first: Path) -> None:
    """A preset of the learner's own, with an own number of new cards a day."""
    decks = learner.collection.decks
    preset = decks.add_config("Mine")
    preset["new"]["perDay"] = 7
    decks.update_config(preset)
    deck = decks.by_name("Released")
    assert deck is not None
    decks.set_config_id_for_deck_dict(deck, preset["id"])
    learner.imports(author.publishes(SECOND, ANSWER))
    after = decks.by_name("Released")
    assert after is not None
    chosen = decks.config_dict_for_deck_id(DeckId(after["id"]))
    assert (chosen["name"], chosen["new"]["perDay"]) == ("Mine", 7)


@proves("On a note that the new version did not change, your tags and your edits stay.")
def test_tags_on_unchanged_notes_stay(author: Publisher, learner: Learner, first: Path) -> None:
    """Whether they were made before the date of the version or after it."""
    learner.edits("kept")
    learner.tags("both", "marked leech mine")
    learner.at(FIRST + 2 * DAY)
    learner.tags("kept", "late")
    path = author.publishes(SECOND, ANSWER)
    assert learner.imports(path) == {"updated": 1, "duplicate": 3}
    assert learner.note("kept")["Back"] == "My own answer."
    assert learner.note("kept").tags == ["late"]
    assert sorted(learner.note("both").tags) == ["leech", "marked", "mine"]


# ------------------------------------------------------------------ what is replaced


@proves(
    "On a note that the new version changed, the text, the pictures and the sounds are replaced,"
    " unless you [touched](#notes-that-you-touched) the note since."
)
def test_text_and_pictures_are_replaced(author: Publisher, learner: Learner) -> None:
    """A picture and a sound get other bytes under the same name in the author's folder."""
    author.edit("This one.", "![a dot](peer.png) ![](hello.mp3)")
    learner.imports(author.publishes(FIRST))
    learner.at(FIRST + DAY)
    picture = PEER_PNG + b"\0"
    author.files |= {"peer.png": picture, "hello.mp3": HELLO_MP3 + b"\0"}
    path = author.publishes(SECOND, ANSWER, ("Its meaning", "Its sense"))
    learner.edits("both")
    assert learner.imports(path) == {"updated": 2, "duplicate": 2}
    assert learner.answer("changed") == "A better answer."
    assert learner.answer("both") == "My own answer."
    assert learner.files("kept") == [picture, HELLO_MP3 + b"\0"]


@proves(
    "The tags of such a note are replaced too: your own are gone from it, also *marked* and"
    " *leech*."
)
def test_tags_are_replaced(author: Publisher, learner: Learner, first: Path) -> None:
    """The note was tagged before the date of the version that changes it."""
    learner.tags("changed", "mine marked leech")
    learner.at(FIRST + 2 * DAY)
    edit = ("<!-- id: changed", "<!-- tags: theirs; id: changed")
    learner.imports(author.publishes(SECOND, ANSWER, edit))
    assert learner.note("changed").tags == ["R::theirs"]


@proves("The description on the page of the deck is replaced by every import.")
def test_the_description_is_replaced(author: Publisher, learner: Learner, first: Path) -> None:
    """Even if the learner has changed it later than the version is dated."""
    deck = learner.collection.decks.by_name("Released")
    assert deck is not None and deck["desc"] == "Version 1.0.0"
    deck["desc"] = "My own words."
    learner.collection.decks.save(deck)
    learner.imports(author.publishes(SECOND, ANSWER))
    after = learner.collection.decks.by_name("Released")
    assert after is not None and after["desc"] == "Version 1.0.1"


@proves(
    "A look of the cards that you made yourself stays until a version has a new look that is dated"
    " later than yours."
)
def test_your_look(author: Publisher, learner: Learner, first: Path) -> None:
    """A style of the learner's, a version with the old look, one too early, one later."""
    own = ".card { color: green }"
    note_type = learner.collection.models.get(learner.note("kept").mid)
    assert note_type is not None
    note_type["css"] = own
    learner.collection.models.update_dict(note_type)
    learner.at(SECOND + DAY)
    learner.imports(author.publishes(SECOND - DAY, ANSWER))
    assert learner.look("kept") == own
    author.edit("version", 'language = "de"\nversion', MANIFEST)
    learner.imports(author.publishes(SECOND))
    assert learner.look("kept") == own
    author.edit('"de"', '"fr"', MANIFEST)
    learner.imports(author.publishes(THIRD))
    assert learner.look("kept") != own


# ------------------------------------------------------------------ the look of the cards


@proves(
    "The styling begins with values that are made to be changed, between the words *SAFE TO CHANGE*"
    " and *END OF SAFE TO CHANGE*."
)
def test_safe_to_change(learner: Learner, first: Path) -> None:
    """What stands there is used below, and nothing else is set there."""
    note_type = learner.collection.models.get(learner.note("kept").mid)
    assert note_type is not None
    nothing, before, after = re.split(r"/\* (?:END OF )?SAFE TO CHANGE\b", note_type["css"])
    assert nothing == ""
    settings = re.sub(r"/\*.*?\*/|^.*?\*/", "", before, flags=re.DOTALL)
    names = set(re.findall(r"[{;]\s*([\w-]+):", settings))
    assert names == {name for name in names if f"var({name})" in after}
    assert {"--text-size", "--font", "--ink", "--paper"} <= names


@needs_options
@proves(
    "With *Update note types* on *Never* your look stays, also if a version has a new one, and"
    " notes are updated all the same."
)
def test_your_look_for_good(author: Publisher, learner: Learner, first: Path) -> None:
    """The version with a new look and a new answer is dated later than the learner's look."""
    note_type = learner.collection.models.get(learner.note("kept").mid)
    assert note_type is not None
    note_type["css"] = ".card { color: green }"
    learner.collection.models.update_dict(note_type)
    learner.at(FIRST + DAY)
    author.edit("version", 'language = "de"\nversion', MANIFEST)
    package = author.publishes(SECOND, ANSWER)
    assert learner.imports(package, update_notetypes=NEVER)["updated"] == 1
    assert learner.look("kept") == ".card { color: green }"
    assert learner.answer("changed") == "A better answer."


# ------------------------------------------------------------------ mistakes on a card


@proves("At its foot, the back of each card has the name of its note.")
def test_the_name_of_a_note(learner: Learner, first: Path) -> None:
    """On every card, whatever its note type, and on no front."""
    for card_id in learner.collection.find_cards(""):
        card = learner.collection.get_card(card_id)
        name = card.note()["Key"]
        assert visible_text(card.answer(), "foot").endswith(name)
        assert name not in card.question()


@proves("Searching for `Key:` and that name in *Browse* finds the note.")
def test_the_name_finds_the_note(learner: Learner, first: Path) -> None:
    """It finds that note and no other."""
    name = visible_text(learner.card("kept").answer(), "key")
    assert list(learner.collection.find_notes(f"Key:{name}")) == [learner.note("kept").id]


@proves("If the deck says where mistakes are reported, a link there has the name in it already.")
def test_the_link_for_mistakes(author: Publisher, learner: Learner, first: Path) -> None:
    """A version says where, and the unchanged notes have the link as well."""
    assert "<a " not in learner.card("kept").answer()
    author.edit("version", 'mistakes = "https://example.org/?note={key}"\nversion', MANIFEST)
    learner.imports(author.publishes(SECOND))
    assert 'href="https://example.org/?note=released/kept"' in learner.card("kept").answer()


# ------------------------------------------------------------------ notes that you touched


@proves("The changelog of a deck gives the date of each version.")
def test_the_changelog_gives_dates(author: Publisher) -> None:
    """The day on which a release is dated stands beside its version."""
    for date in (FIRST, SECOND):
        author.publishes(date, *([ANSWER] if date == SECOND else []))
    heads = re.findall("^## .*", author.text(CHANGELOG), re.MULTILINE)
    assert heads == ["## 1.0.1 (2023-12-08)", "## 1.0.0 (2023-11-14)"]


@proves(
    "A note that you edited or tagged after the date of the new version is left alone: you keep"
    " your text and your tags, and do not get the new text."
)
def test_touched_notes_are_left_alone(author: Publisher, learner: Learner, first: Path) -> None:
    """The version is out, the learner touches two notes that it changes, and then imports it."""
    path = author.publishes(SECOND, ANSWER, ("This one.", "That one."), ("Its meaning", "Sense"))
    learner.edits("kept")
    learner.tags("changed")
    learner.at(SECOND + DAY)
    assert learner.imports(path) == {"updated": 1, "duplicate": 3}
    assert learner.answer("kept") == "My own answer."
    assert learner.answer("changed") == "An old answer."
    assert learner.note("changed").tags == ["mine"]
    assert learner.answer("both") == "Sense"


@proves(
    "Marking a note is tagging it, and so is what Anki does to a note when you forget its card too"
    " often: it tags the note *leech*."
)
def test_marks_and_leeches(author: Publisher, learner: Learner, first: Path) -> None:
    """A mark is the tag `marked`; a leech is tagged; neither note gets the new text."""
    path = author.publishes(SECOND, ANSWER, ("This one.", "That one."))
    learner.tags("changed", "marked")
    assert list(learner.collection.find_notes("tag:marked")) == [learner.note("changed").id]
    learner.forgets("kept")
    assert learner.note("kept").tags == ["leech"]
    learner.at(SECOND + DAY)
    assert learner.imports(path) == {"duplicate": 4}


@proves(
    "Answering, suspending, burying and flagging a card, and moving it to another deck, do not"
    " count."
)
def test_what_is_no_touch(author: Publisher, learner: Learner, first: Path) -> None:
    """All of them just now, and a version of long ago still brings its text."""
    card = learner.card("changed")
    answer(learner.collection, card, 3)
    learner.collection.set_user_flag_for_cards(1, [card.id])
    elsewhere = learner.collection.decks.id("Elsewhere")
    assert elsewhere is not None
    learner.collection.set_deck([card.id], elsewhere)
    learner.collection.sched.bury_cards([card.id])
    learner.suspends(card)
    assert learner.imports(author.publishes(SECOND, ANSWER)) == {"updated": 1, "duplicate": 3}
    assert learner.answer("changed") == "A better answer."


@proves(
    "A later version that changes the note again, and is dated after your edit, replaces your text"
    " after all."
)
def test_the_next_change_arrives(author: Publisher, learner: Learner, first: Path) -> None:
    """The second release is kept out by an edit, the third is not."""
    second = author.publishes(SECOND, ANSWER)
    learner.edits("changed")
    learner.at(SECOND + DAY)
    assert learner.imports(second) == {"duplicate": 4}
    third = author.publishes(THIRD, ("A better answer.", "The best answer."))
    assert learner.imports(third) == {"updated": 1, "duplicate": 3}
    assert learner.answer("changed") == "The best answer."


@proves(
    "With *Always* such a note gets the text and the tags of the file, and its cards keep their"
    " schedule."
)
@needs_options
def test_always_brings_the_text(author: Publisher, learner: Learner, first: Path) -> None:
    """The learner's edit kept the text out; the same file, once more, brings it."""
    path = author.publishes(SECOND, ANSWER)
    learner.edits("changed")
    learner.tags("changed")
    before = learner.progress()
    assert learner.imports(path) == {"duplicate": 4}
    assert learner.imports(path, update_notes=ALWAYS) == {"updated": 1, "duplicate": 3}
    assert learner.answer("changed") == "A better answer."
    assert learner.note("changed").tags == []
    assert learner.progress() == before


@proves(
    "*Always* does the same to every other note of the deck that you edited or tagged, even where"
    " the version changed nothing: your edits and tags are gone from all of them."
)
@needs_options
def test_always_replaces_all_touched_notes(
    author: Publisher, learner: Learner, first: Path
) -> None:
    """Two notes that the version leaves alone lose what is the learner's."""
    learner.edits("kept")
    learner.tags("both")
    learner.at(FIRST + 2 * DAY)
    path = author.publishes(SECOND, ANSWER)
    assert learner.imports(path, update_notes=ALWAYS) == {"updated": 3, "duplicate": 1}
    assert learner.answer("kept") == "This one."
    assert learner.note("both").tags == []


@proves("Anki then offers *Always* for the next import, so put it back to *If newer*.")
@needs_options
def test_always_is_remembered(author: Publisher, learner: Learner, first: Path) -> None:
    """The next import begins with it."""
    learner.imports(first, update_notes=ALWAYS)
    presets = learner.collection._backend.get_import_anki_package_presets()
    assert presets.update_notes == ALWAYS


@proves(
    "If the new version hides one more thing in a note that you touched, the new card arrives"
    " without its text and says that there is no such cloze."
)
def test_a_card_without_its_text(author: Publisher, learner: Learner, first: Path) -> None:
    """The text is kept out by a tag, the card is not."""
    path = author.publishes(SECOND, HOLE)
    learner.tags("holes")
    learner.imports(path)
    assert learner.question("holes", 2).startswith("No cloze 2 found on card")


@proves("Importing with *Always* gives that card its text.")
@needs_options
def test_always_mends_the_card(author: Publisher, learner: Learner, first: Path) -> None:
    """The same file, once more."""
    path = author.publishes(SECOND, HOLE)
    learner.tags("holes")
    learner.imports(path)
    learner.imports(path, update_notes=ALWAYS)
    assert learner.question("holes", 2) == "Here one thing and [...] are hidden."


# ------------------------------------------------------------------ cards that come and go


@proves("A new card of a note that you have is a new card; the others keep their schedule.")
def test_a_new_card(author: Publisher, learner: Learner, first: Path) -> None:
    """A cloze more in one note, and one note made `reversed`."""
    before = learner.progress()
    edit = ("<!-- id: kept", "<!-- reversed; id: kept")
    learner.imports(author.publishes(SECOND, HOLE, edit))
    assert learner.card("holes", 2).type == learner.card("kept", 2).type == CARD_TYPE_NEW
    assert learner.progress() == before
    assert learner.collection.card_count() == 7


UNHIDE = ("{{c1::one thing}} and another", "one thing and {{c2::another}}")
TAKEN = {"allow": ("card-removed",)}


@proves("A card that the new version no longer has stays, and shows that there is nothing to ask.")
def test_a_card_without_question(author: Publisher, learner: Learner, first: Path) -> None:
    """A cloze number goes, and `reversed` is taken away."""
    before = learner.progress()
    edit = ("<!-- id: both; reversed", "<!-- id: both")
    learner.imports(author.publishes(SECOND, UNHIDE, edit, **TAKEN))
    assert learner.progress() == before
    assert learner.question("holes", 1).startswith("No cloze 1 found on card")
    assert learner.question("both", 2).startswith("The front of this card is blank")


@proves("*Tools > Empty Cards* removes such cards, and leaves the other cards of the note alone.")
def test_empty_cards(author: Publisher, learner: Learner, first: Path) -> None:
    """It finds just these; after it, they do not come back with the file."""
    edit = ("<!-- id: both; reversed", "<!-- id: both")
    path = author.publishes(SECOND, UNHIDE, edit, **TAKEN)
    learner.imports(path)
    gone = {learner.card("holes", 1).id, learner.card("both", 2).id}
    left = set(learner.collection.find_cards("")) - gone
    report = learner.collection.get_empty_cards()
    assert {card for note in report.notes for card in note.card_ids} == gone
    learner.collection.remove_cards_and_orphaned_notes(list(gone))
    learner.imports(path)
    assert set(learner.collection.find_cards("")) == left
    assert learner.collection.tr.empty_cards_window_title() == "Empty Cards"


# ------------------------------------------------------------------ retired notes

RETIRED = (basic("kept", "Which note stays as it is?", "This one."), "")


@proves(
    "A note that a version no longer has stays with you and goes on being asked, since an import"
    " takes nothing away."
)
def test_retired_notes_stay(author: Publisher, learner: Learner, first: Path) -> None:
    """The note, its card and its progress are as they were."""
    before, kept = learner.progress(), learner.card("kept").id
    learner.imports(author.publishes(SECOND, RETIRED))
    assert learner.progress() == before
    assert learner.card("kept").id == kept
    assert learner.is_asked("kept")


@proves("The changelog gives a search that finds just these notes in *Browse*.")
def test_the_search_finds_them(author: Publisher, learner: Learner, first: Path) -> None:
    """Two notes are retired; the search is copied from the changelog."""
    retired = {learner.note("kept").id, learner.note("both").id}
    both = (basic("both", "A word", "Its meaning", "reversed"), "")
    learner.imports(author.publishes(SECOND, RETIRED, both))
    (search,) = re.findall(r"search in Anki for `(.*?)`", author.text(CHANGELOG))
    assert set(learner.collection.find_notes(search)) == retired


@proves(
    "If you suspend their cards, they are not asked any more, and no later import changes that."
)
def test_suspended_retired_notes(author: Publisher, learner: Learner, first: Path) -> None:
    """Suspended after the second release, and still so after the third and the first."""
    learner.imports(author.publishes(SECOND, RETIRED))
    learner.suspends(learner.card("kept"))
    for path in (author.publishes(THIRD, ANSWER), first):
        learner.imports(path)
        assert not learner.is_asked("kept")


@proves("If you delete them, they do not come back with a newer file.")
def test_deleted_retired_notes(author: Publisher, learner: Learner, first: Path) -> None:
    """Deleted after the second release, and not there after the third."""
    learner.imports(author.publishes(SECOND, RETIRED))
    learner.collection.remove_notes([learner.note("kept").id])
    learner.imports(author.publishes(THIRD, ANSWER))
    assert list(learner.collection.find_notes("Key:released/kept")) == []


@proves(
    "If a later version has the note again, its cards are as you left them: unsuspend them if you"
    " suspended them."
)
def test_retired_notes_that_return(author: Publisher, learner: Learner, first: Path) -> None:
    """Retired, suspended, and brought back with another text."""
    notes = author.text("notes.md")
    learner.imports(author.publishes(SECOND, RETIRED))
    learner.suspends(learner.card("kept"))
    learner.at(SECOND + DAY)
    before = learner.progress()
    author.files["notes.md"] = notes.replace("This one.", "This very one.")
    learner.imports(author.publishes(THIRD))
    assert learner.answer("kept") == "This very one."
    assert learner.progress() == before
    assert not learner.is_asked("kept")
    learner.collection.sched.unsuspend_cards([learner.card("kept").id])
    assert learner.is_asked("kept")


# ------------------------------------------------------------------ notes that you deleted


@proves("A note that you deleted comes back with the next import, as a new one.")
def test_deleted_notes_come_back(author: Publisher, learner: Learner, first: Path) -> None:
    """Even if the version did not change it."""
    learner.collection.remove_notes([learner.note("kept").id])
    assert learner.imports(author.publishes(SECOND, ANSWER))["new"] == 1
    assert learner.card("kept").type == CARD_TYPE_NEW


@proves("A card that you suspended instead is not asked, whatever you import.")
@needs_options
def test_suspend_instead(author: Publisher, learner: Learner, first: Path) -> None:
    """A changed note, its old file, and the change with *Always*."""
    learner.suspends(learner.card("changed"))
    second = author.publishes(SECOND, ANSWER)
    for path, always in ((second, False), (first, False), (first, True), (second, True)):
        learner.imports(path, update_notes=ALWAYS if always else IF_NEWER)
        assert not learner.is_asked("changed")


# ------------------------------------------------------------------ another name


def renamed(author: Publisher) -> Path:
    """A release with another name of the deck and one more note."""
    author.edit('name = "Released"', 'name = "New name"', MANIFEST)
    author.files["notes.md"] = author.text("notes.md") + basic("added")
    return author.publishes(SECOND, ANSWER, allow=("deck-renamed",))


@proves("The changelog says so.")
def test_the_changelog_names_the_new_name(author: Publisher, first: Path) -> None:
    """Both names stand in it."""
    renamed(author)
    assert "called “New name”, before “Released”" in author.text(CHANGELOG)


@proves(
    "Your cards stay in the deck in which they are, and new cards arrive in a deck of the new name."
)
def test_a_renamed_deck(author: Publisher, learner: Learner, first: Path) -> None:
    """One note is changed and one is new."""
    before = learner.progress()
    learner.imports(renamed(author))
    assert {learner.deck_of(learner.card(key)) for key in ("kept", "changed")} == {"Released"}
    assert learner.deck_of(learner.card("added")) == "New name"
    assert learner.progress() == before


@proves("If you move your cards there, everything is together again, also after later imports.")
def test_moving_to_the_new_name(author: Publisher, learner: Learner, first: Path) -> None:
    """The cards are moved, and a later version adds and changes a note."""
    learner.imports(renamed(author))
    learner.at(SECOND + DAY)
    deck = learner.collection.decks.id_for_name("New name")
    assert deck is not None
    learner.collection.set_deck(learner.collection.find_cards("deck:Released"), deck)
    author.files["notes.md"] = author.text("notes.md") + basic("last")
    learner.imports(author.publishes(THIRD, ("A better answer.", "The best answer.")))
    cards = [learner.collection.get_card(card) for card in learner.collection.find_cards("")]
    assert {learner.deck_of(card) for card in cards} == {"New name"}
    assert len(cards) == 7


# ------------------------------------------------------------------ fields and card types


@proves(
    "If you add a field or a card type to a note type of the deck, Anki takes over no more changes"
    " to the notes you have, and brings new notes with a second note type, whose name ends in a"
    " plus sign."
)
@pytest.mark.parametrize("what", ["field", "card type"])
def test_fields_of_your_own(author: Publisher, learner: Learner, first: Path, what: str) -> None:
    """An addition to the note type; then a version that changes a note and adds one."""
    models = learner.collection.models
    note_type = models.get(learner.note("kept").mid)
    assert note_type is not None
    if what == "field":
        models.add_field(note_type, models.new_field("My field"))
    else:
        template = models.new_template("My card")
        template |= {"qfmt": "{{Back}} {{Key}}", "afmt": "{{Front}}"}
        models.add_template(note_type, template)
    models.update_dict(note_type)
    learner.at(FIRST + 2 * DAY)
    author.files["notes.md"] = NOTES + basic("added")
    found = learner.imports(author.publishes(SECOND, ANSWER))
    assert found["conflicting"] and "updated" not in found
    assert learner.answer("changed") == "An old answer."
    second = models.get(learner.note("added").mid)
    assert second is not None
    assert second["name"] == f"{note_type['name']}+"


# ------------------------------------------------------------------ undo


@proves("*Edit > Undo*, right after an import, takes all of it back.")
def test_undo(author: Publisher, learner: Learner, first: Path) -> None:
    """Notes, cards, decks and note types are as they were before an import that changed all."""
    author.edit("version", 'language = "de"\nversion', MANIFEST)
    path = renamed(author)
    before = learner.state()
    assert learner.imports(path)["updated"] == 1
    assert learner.state() != before
    assert learner.collection.undo_status().undo == "Import"
    learner.collection.undo()
    assert learner.state() == before


# ------------------------------------------------------------------ Anki 24.11 and older


@proves(
    "Up to Anki 24.11, a note that an import changes is dated to the moment of that import; newer"
    " versions of Anki date it as the file does."
)
def test_the_date_of_an_update(author: Publisher, learner: Learner, first: Path) -> None:
    """Only the changed note has a new date."""
    learner.imports(author.publishes(SECOND, ANSWER))
    dated = learner.note("changed").mod
    assert dated > THIRD if DATES_UPDATES_ITSELF else dated == SECOND
    assert learner.note("kept").mod == FIRST


@proves(
    "So up to Anki 24.11, such a note takes over a further change only if the version with that"
    " change is dated after that import."
)
def test_late_imports(author: Publisher, learner: Learner, first: Path) -> None:
    """The second release is imported when the third is out already, and then the third."""
    second = author.publishes(SECOND, ANSWER)
    third = author.publishes(THIRD, ("A better answer.", "The best answer."))
    learner.imports(second)
    learner.at(THIRD + DAY)
    assert learner.imports(third) == (
        {"duplicate": 4} if DATES_UPDATES_ITSELF else {"updated": 1, "duplicate": 3}
    )
    assert learner.answer("changed") == (
        "A better answer." if DATES_UPDATES_ITSELF else "The best answer."
    )
    last = author.publishes(THIRD + 2 * DAY, ("The best answer.", "The last answer."))
    assert learner.imports(last) == {"updated": 1, "duplicate": 3}
    assert learner.answer("changed") == "The last answer."


@proves(
    "If you import each version before the next one is published, you get every change, whatever"
    " your Anki."
)
def test_prompt_imports(author: Publisher, learner: Learner, first: Path) -> None:
    """The second release is imported a day after its date, then comes the third."""
    learner.imports(author.publishes(SECOND, ANSWER))
    learner.at(SECOND + DAY)
    third = author.publishes(THIRD, ("A better answer.", "The best answer."))
    assert learner.imports(third) == {"updated": 1, "duplicate": 3}
    assert learner.answer("changed") == "The best answer."


@proves("What was left out comes with *Update notes* on *Always*.")
@needs_options
def test_always_brings_what_was_left_out(author: Publisher, learner: Learner, first: Path) -> None:
    """The second release was imported late; *Always* brings what the third has."""
    second = author.publishes(SECOND, ANSWER)
    third = author.publishes(THIRD, ("A better answer.", "The best answer."))
    learner.imports(second)
    learner.imports(third)
    learner.imports(third, update_notes=ALWAYS)
    assert learner.answer("changed") == "The best answer."


# ------------------------------------------------------------------ what the cards show

FULL = """\
---
source: "A handbook"
---
# Kitchen

## Tea

Q: What should the water do?

A: Boil.

Hint: Think of bubbles.

Accept: seethe

Extra: Only for *black* tea.
<!-- id: full -->

Q: Which gas do we breathe in?

A: The gas O<sub>2</sub>, oxygen.
<!-- id: typed; type-in: oxygen -->

Guests get {{c1::tea::a drink}} first.

Hint: Think of leaves.
<!-- id: hidden -->
"""


@pytest.fixture
def full(tmp_path: Path, learner: Learner) -> Learner:
    """A learner with a deck whose notes have whatever notes can have."""
    learner.imports(Publisher(tmp_path, FULL).publishes(FIRST))
    return learner


@proves(
    "The front asks a question, or shows a text with something hidden in it, and offers a hint"
    " behind a button if the note has one."
)
def test_the_front(full: Learner) -> None:
    """Nothing else is to be seen there; the hint is in an element that opens on request."""
    assert full.question("full") == "What should the water do?"
    assert full.question("hidden") == "Guests get [a drink] first."
    for key, hint in (("full", "Think of bubbles."), ("hidden", "Think of leaves.")):
        page = full.card(key).question()
        before, _, after = page.partition("<details")
        assert hint not in before and f"<div>{hint}</div></details>" in after
        rest = visible_text(before + after.partition("</details>")[2])
        assert rest.replace("\u2068", "").replace("\u2069", "") == full.question(key)
    assert "<details" not in full.card("typed").question()


@proves(
    "The back gives the answer, and below it, where the note has them, other answers that count as"
    " right, an explanation, the topic and the source."
)
def test_the_back(full: Learner) -> None:
    """In this order, and nothing that the note does not have."""
    seen = visible_text(full.card("full").answer())
    place = -1
    for part in ("Boil.", "seethe", "Only for black tea.", "Kitchen › Tea", "A handbook"):
        assert seen.count(part) == 1
        assert place < (place := seen.index(part))
    assert "Guests get tea first." in visible_text(full.card("hidden").answer())
    for part in ("accept", "extra"):
        assert f'class="{part}"' in full.card("full").answer()
        assert f'class="{part}"' not in full.card("hidden").answer()


@proves("Where the front has a line to type in, the back compares what you typed with the answer.")
def test_typed_answers(full: Learner) -> None:
    """Anki's marks for both stand there, and the answer is what is to be typed."""
    assert "[[type:TypeIn]]" in full.card("typed").question()
    assert "[[type:TypeIn]]" in full.card("typed").answer()
    assert full.note("typed")["TypeIn"] == "oxygen"
    compared = full.collection.compare_answer("oxygen", "oxigen")
    assert "typeBad" in compared and "typeMissed" in compared
    assert "[[type:" not in full.card("full").question()


@proves("The page of the deck says which version you have.")
def test_the_version(author: Publisher, learner: Learner, first: Path) -> None:
    """It stands in the description, and is the new one after an update."""
    for version, path in (("1.0.0", first), ("1.0.1", author.publishes(SECOND, ANSWER))):
        learner.imports(path)
        deck = learner.collection.decks.by_name("Released")
        assert deck is not None
        assert version in deck["desc"]


@proves(
    "Each note has a name, in the field *Key*, and `Key:` with that name finds the note in"
    " *Browse*."
)
def test_the_key(full: Learner) -> None:
    """One note, and no other."""
    for note in map(full.collection.get_note, full.collection.find_notes("")):
        assert list(full.collection.find_notes(f"Key:{note['Key']}")) == [note.id]
