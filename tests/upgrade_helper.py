"""One deck, its releases and a learner: what comes of an upgrade in the Anki that is installed.

    python tests/upgrade_helper.py

prints the version of Anki and the outcomes as JSON. scripts/anki_versions.py runs it in several
versions of Anki and makes a table of it; the suite runs it in the newest.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

from anki.consts import CARD_TYPE_NEW
from anki_helper import ALWAYS, HAS_OPTIONS, new_collection
from deck_helper import HELLO_MP3, PEER_PNG
from learner_helper import Learner, Publisher
from release_helper import basic, cloze

import crss_deck.render
from crss_deck.learner import anki_version
from crss_deck.note_types import NoteType, note_types
from crss_deck.verify import verify_package

FIRST, WEEK = 1_700_000_000, 7 * 86_400
"""All that happens here lies in the past, and a week after what happened before."""

UNCHANGED = ("edited", "tagged", "forgotten")
REWORDED = ("changed", "aside", "moved", "touched")
RETIRED = basic("retired")
NOTES = (
    "".join(basic(key, answer=f"Answer 1 of {key}.") for key in (*UNCHANGED, *REWORDED, "often"))
    + basic("retagged")
    + cloze("holes", "Here {{c1::one thing}} and another are hidden.")
    + basic("shown", answer="![a dot](peer.png) ![](hello.mp3)")
    + RETIRED
)
HOLE = ("and another", "and {{c2::another}}")
RETAG = ("<!-- id: retagged", "<!-- tags: theirs; id: retagged")
MEDIA = {"peer.png": PEER_PNG + b"\0", "hello.mp3": HELLO_MP3 + b"\0"}
LOOK = "\n.newer { }"
OWN = "My own answer."


# ------------------------------------------------------------------ the author


def week(number: float) -> int:
    """A moment of the story. Releases have the whole weeks from the first on."""
    return FIRST + int(number * WEEK)


def reworded(key: str, number: int) -> tuple[str, str]:
    """The edit that makes the next answer of a note out of the last one."""
    return f"Answer {number - 1} of {key}.", f"Answer {number} of {key}."


@contextmanager
def newer_look() -> Iterator[None]:
    """Pretend a newer crss-deck, whose cards look different."""

    def newer(*arguments: Any) -> tuple[NoteType, ...]:
        return tuple(each._replace(css=each.css + LOOK) for each in note_types(*arguments))

    with patch.object(crss_deck.render, "note_types", newer):
        yield


def publish(folder: Path) -> list[Path]:
    """Seven releases, a week after each other; the second has every kind of change."""
    author = Publisher(folder, NOTES)
    releases = [author.publishes(week(0))]
    with newer_look():
        author.edit(RETIRED, basic("added"))
        author.files |= MEDIA
        edits = [reworded(key, 2) for key in REWORDED]
        releases.append(author.publishes(week(1), *edits, HOLE, RETAG))
        author.files["notes.md"] = author.text("notes.md") + basic("added-later")
        for number in range(2, 6):
            releases.append(author.publishes(week(number), reworded("often", number)))
        releases.append(author.publishes(week(6), reworded("often", 6), reworded("touched", 3)))
    return releases


# ------------------------------------------------------------------ the learner

KEPT = "Every card keeps its schedule and its history"
ASIDE = "Cards stay suspended and flagged, and in the deck to which you moved them"


class Table:
    """What a learner saw: for each row, whether what it says was so each time."""

    def __init__(self) -> None:
        self._held: dict[str, bool | None] = {}

    def row(self, said: str, *held: bool) -> None:
        """See whether all that a row stands for is so."""
        self._held[said] = all((self._held.get(said, True), *held))

    def row_of_always(self, said: str, *held: bool) -> None:
        """The same of an import with *Update notes: Always*, which Anki may not have."""
        self._held[said] = all(held) if HAS_OPTIONS else None

    def outcomes(self) -> dict[str, str]:
        """The rows in the order of the story."""
        words = {True: "yes", False: "no", None: "no option"}
        return {said: words[held] for said, held in self._held.items()}


def outcomes(folder: Path) -> dict[str, str]:
    """Play the upgrade in an empty folder; what a learner cares about, and whether it was so."""
    table = Table()
    releases = publish(folder)
    for name in ("learner", "beginner"):
        (folder / name).mkdir()
    with new_collection(folder / "learner") as mine, new_collection(folder / "beginner") as other:
        learner, beginner = Learner(mine), Learner(other)
        upgrade(learner, releases, table)
        beginner.imports(releases[-1])
        compare(learner, beginner, releases[-1], table)
    found = verify_package(releases[-1], releases[:-1])
    table.row("`crss-deck verify` with all these releases finds no problem", found.ok)
    return table.outcomes()


def upgrade(learner: Learner, releases: list[Path], table: Table) -> None:
    """What one learner does with the releases, and sees."""
    first, second, third, fourth, fifth, sixth, seventh = releases
    learner.imports(first)
    live_with(learner)
    learner.at(week(0.5))
    studied, aside = learner.progress(), set_aside(learner)
    before = [stored(learner, key) for key in UNCHANGED]

    # The second release is out; the learner edits one of its notes, and then imports it.
    learner.edits("touched")
    learner.at(week(1.2))
    learner.imports(second)
    date = learner.note("changed").mod
    learner.at(week(1.5))
    table.row(KEPT, learner.progress() == studied)
    table.row(ASIDE, set_aside(learner) == aside)
    table.row(
        "The new text of a note that changed arrives", answers(learner, 2, "changed", "aside")
    )
    table.row(
        "A new tag that the deck gives a note arrives",
        learner.note("retagged").tags == ["R::theirs"],
    )
    media = learner.files("shown") == [*MEDIA.values()]
    table.row("A changed picture and a changed sound arrive", media)
    looks = [learner.look(key) for key in ("changed", "holes")]
    table.row("A changed look of the cards arrives", all(css.endswith(LOOK) for css in looks))
    table.row("A new note arrives, with a new card", learner.card("added").type == CARD_TYPE_NEW)
    table.row(
        "A new card of a note that you have arrives, with its text",
        learner.card("holes", 2).type == CARD_TYPE_NEW,
        learner.question("holes", 2) == "Here one thing and [...] are hidden.",
    )
    after = [stored(learner, key) for key in UNCHANGED]
    table.row("A note that did not change is not rewritten", after == before)
    table.row(
        "Your edits and tags, *marked* and *leech* too, stay on notes that did not change",
        learner.answer("edited") == OWN,
        sorted(learner.note("tagged").tags) == ["marked", "mine"],
        learner.note("forgotten").tags == ["leech"],
    )
    table.row("Your tags stay on a note that changed", "mine" in learner.note("changed").tags)
    table.row(
        "A note that you edited after the date of the release keeps your text",
        learner.answer("touched") == OWN,
    )
    table.row("A retired note stays and is asked", learner.is_asked("retired"))

    # The third release is skipped.
    learner.imports(fourth)
    learner.at(week(3.5))
    table.row(
        "If you skip a release, the next one brings the changes of both",
        answers(learner, 3, "often"),
        learner.card("added-later").type == CARD_TYPE_NEW,
    )
    content = all_but_decks(learner)
    for package in (third, first, second, fourth):
        learner.imports(package)
        table.row(
            "An older file, or the same one again, changes no note, no card and no look",
            all_but_decks(learner) == content,
        )

    # The fifth release is imported when the sixth is out already.
    learner.imports(fifth)
    table.row(
        "A note that an import updates gets the date that it has in the file", date == week(1)
    )
    learner.at(week(5.5))
    learner.imports(sixth)
    table.row(
        "If you import a release when the next one is out, that one still brings all its changes",
        answers(learner, 5, "often"),
    )
    if HAS_OPTIONS:
        learner.imports(sixth, update_notes=ALWAYS)
    learner.at(week(5.6))
    table.row_of_always(
        "*Update notes: Always* brings what you missed by that", answers(learner, 5, "often")
    )
    table.row_of_always(
        "*Always* brings the deck's text of a note that you edited", answers(learner, 2, "touched")
    )
    table.row_of_always(
        "*Always* takes your edits and tags from notes that did not change",
        answers(learner, 1, "edited"),
        learner.note("tagged").tags == [],
    )

    state = learner.state()
    learner.imports(seventh)
    learner.collection.undo()
    table.row("*Undo* takes an import back", learner.state() == state)
    learner.imports(seventh)
    learner.at(week(6.5))
    table.row(
        "If you import a release before the next one is out, it brings all its changes",
        answers(learner, 6, "often"),
        answers(learner, 3, "touched"),
    )
    table.row(KEPT, learner.progress() == studied)
    table.row(ASIDE, set_aside(learner) == aside)


def live_with(learner: Learner) -> None:
    """Study everything, and do to notes and cards what people do to them."""
    learner.studies()
    learner.forgets("forgotten")
    learner.edits("edited", OWN)
    learner.tags("tagged", "marked mine")
    learner.tags("changed", "mine")
    learner.suspends(learner.card("aside"))
    learner.collection.set_user_flag_for_cards(3, [learner.card("aside").id])
    elsewhere = learner.collection.decks.id("Elsewhere")
    assert elsewhere is not None
    learner.collection.set_deck([learner.card("moved").id], elsewhere)


def answers(learner: Learner, number: int, *keys: str) -> bool:
    """Whether notes have the answer of that number."""
    return all(learner.answer(key) == f"Answer {number} of {key}." for key in keys)


def set_aside(learner: Learner) -> list[tuple[object, ...]]:
    """What the learner did to cards without answering them."""
    cards = [learner.card(key) for key in REWORDED]
    return [(card.queue, card.user_flag(), learner.deck_of(card)) for card in cards]


def stored(learner: Learner, key: str) -> tuple[object, ...]:
    """A note in the database, with its date."""
    note = learner.note(key)
    return note.mod, note.tags, note.fields


def all_but_decks(learner: Learner) -> list[object]:
    """The collection without its decks: an import always brings the deck's description."""
    notes, cards, reviews, _, note_types = learner.state()
    return [notes, cards, reviews, note_types]


def compare(learner: Learner, beginner: Learner, newest: Path, table: Table) -> None:
    """Look at the whole collection in the end, beside that of somebody who begins now."""
    own = {learner.note(key).guid for key in (*UNCHANGED, "retired")}
    notes = [
        {tuple(row) for row in each.rows("SELECT guid, mid, tags, flds FROM notes")}
        for each in (learner, beginner)
    ]
    theirs = [{row for row in rows if row[0] not in own} for rows in notes]
    table.row(
        "In the end, all notes but those that you changed are as for somebody who starts now",
        theirs[0] == theirs[1],
    )

    query = "SELECT guid, ord FROM cards JOIN notes ON nid = notes.id"
    cards = [[tuple(row) for row in each.rows(query)] for each in (learner, beginner)]
    retired = (learner.note("retired").guid, 0)
    names = [each.name for each in learner.collection.models.all_names_and_ids()]
    table.row(
        "No note, no card and no note type is there twice",
        sorted(cards[0]) == sorted([*cards[1], retired]),
        len(learner.rows("SELECT guid FROM notes")) == len(notes[1]) + 1,
        sum("Released" in name for name in names) == 2,
    )

    collection = learner.collection
    said = collection.fix_integrity()
    table.row(
        "Check Database, Check Media and Empty Cards find nothing",
        said == (collection.tr.database_check_rebuilt(), True),
        sorted(map(tuple, learner.rows(query))) == sorted(cards[0]),
        not collection.media.check().missing,
        not collection.get_empty_cards().notes,
    )
    deck = collection.decks.by_name("Released")
    assert deck is not None
    version = newest.stem.removeprefix("released-")
    table.row(
        "The deck has the description of the newest release", deck["desc"] == f"Version {version}"
    )
    table.row("Markdown in the description is shown as such", bool(deck.get("md")))


def main() -> None:
    """Print what the Anki of this environment does."""
    with TemporaryDirectory() as folder:
        json.dump({"anki": anki_version(), "outcomes": outcomes(Path(folder))}, sys.stdout)


if __name__ == "__main__":
    main()
