"""A person who studies a deck in the real Anki, and an author whose releases become files."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import anki.collection  # must be the first module of Anki to be imported
from anki.cards import Card
from anki.consts import QUEUE_TYPE_SUSPENDED
from anki.notes import Note
from anki_helper import answer, import_package, outcomes, visible_text
from deck_helper import HELLO_MP3, PEER_PNG
from release_helper import Author

from crss_deck import write_apkg


class Learner:
    """A collection, and what a person does in it."""

    def __init__(self, collection: anki.collection.Collection) -> None:
        self.collection = collection

    def imports(self, package: Path, **options: Any) -> dict[str, int]:
        """Import a package; how many notes had each outcome. The options are Anki's own."""
        return outcomes(import_package(self.collection, package, **options))

    def at(self, moment: int) -> None:
        """Pretend that what was done just now was done at a moment of the past."""
        for table, column in (("notes", "mod"), ("notetypes", "mtime_secs")):
            self.rows(f"UPDATE {table} SET {column} = {moment} WHERE {column} > {moment}")
        self.collection.close()
        self.collection.reopen()
        self.collection.models._clear_cache()

    def rows(self, query: str) -> list[Any]:
        """What a query says to the database."""
        assert self.collection.db is not None
        return self.collection.db.all(query)

    def studies(self) -> None:
        """Answer every card that there is: easy at first, and then some with good."""
        cards = [self.collection.get_card(card) for card in self.collection.find_cards("")]
        for card in cards:
            answer(self.collection, card, 4)
        for card in cards:
            if card.ord == 0:
                card.load()
                answer(self.collection, card, 3)

    def progress(self) -> dict[int, tuple[object, ...]]:
        """What Anki knows about each card that is not new, and its history."""
        history = self.rows("SELECT cid, id, ease, ivl, lastIvl, factor, time, type FROM revlog")
        columns = "id, nid, ord, type, queue, due, ivl, factor, reps, lapses, left, odue, flags"
        return {
            row[0]: (*row, *sorted(entry for entry in history if entry[0] == row[0]))
            for row in self.rows(f"SELECT {columns}, data FROM cards WHERE type <> 0")
        }

    def note(self, key: str) -> Note:
        """The note of a key."""
        (found,) = self.collection.find_notes(f"Key:released/{key}")
        return self.collection.get_note(found)

    def card(self, key: str, number: int = 1) -> Card:
        """A card of the note of a key."""
        (found,) = [card for card in self.note(key).cards() if card.ord == number - 1]
        return found

    def answer(self, key: str) -> str:
        """What a learner reads on the back of the first card of a note."""
        return visible_text(self.card(key).answer(), "answer")

    def edits(self, key: str, text: str = "My own answer.") -> None:
        """Write something else on the back of a note."""
        note = self.note(key)
        note["Back"] = text
        self.collection.update_note(note)

    def tags(self, key: str, tag: str = "mine") -> None:
        """Put a tag on a note."""
        self.collection.tags.bulk_add([self.note(key).id], tag)

    def forgets(self, key: str) -> None:
        """Forget the first card of a note, and learn it again, until Anki calls it a leech."""
        card = self.card(key)
        for _ in range(
            self.collection.decks.config_dict_for_deck_id(card.did)["lapse"]["leechFails"]
        ):
            for ease in (1, 4):
                card.load()
                if card.queue != QUEUE_TYPE_SUSPENDED:
                    answer(self.collection, card, ease)

    def suspends(self, *cards: Card) -> None:
        """Suspend cards."""
        self.collection.sched.suspend_cards([card.id for card in cards])

    def question(self, key: str, number: int = 1) -> str:
        """What a learner reads on the front of a card."""
        page = self.card(key, number).question()
        text = visible_text(page, "question") or visible_text(page)
        return text.replace("\u2068", "").replace("\u2069", "")

    def files(self, key: str) -> list[bytes]:
        """The pictures and sounds on the back of a note."""
        names = re.findall(r'src="(.*?)"|\[sound:(.*?)\]', self.note(key)["Back"])
        folder = Path(self.collection.media.dir())
        return [(folder / (image or sound)).read_bytes() for image, sound in names]

    def look(self, key: str) -> str:
        """The style of the cards of a note."""
        note_type = self.collection.models.get(self.note(key).mid)
        assert note_type is not None
        return str(note_type["css"])

    def is_asked(self, key: str) -> bool:
        """Whether Anki would ask a card of a note, today or on another day."""
        return any(card.queue != QUEUE_TYPE_SUSPENDED for card in self.note(key).cards())

    def deck_of(self, card: Card) -> str:
        """The deck in which a card is."""
        return self.collection.decks.name(card.did)

    def state(self) -> list[list[Any]]:
        """Everything of the collection that an import could change."""
        queries = (
            "SELECT * FROM notes ORDER BY id",
            "SELECT * FROM cards ORDER BY id",
            "SELECT * FROM revlog ORDER BY id",
            "SELECT id, name, common, kind FROM decks ORDER BY id",
            "SELECT id, name, mtime_secs, config FROM notetypes ORDER BY id",
        )
        return [self.rows(query) for query in queries]


class Publisher(Author):
    """An author whose releases become files."""

    def __init__(self, folder: Path, notes: str) -> None:
        super().__init__(notes, {"peer.png": PEER_PNG, "hello.mp3": HELLO_MP3})
        self.folder_of_packages = folder

    def publishes(self, date: int, *edits: tuple[str, str], **options: Any) -> Path:
        """Release the deck with some edits of its notes; the path of the package."""
        for before, after in edits:
            self.edit(before, after)
        plan = self.release(date, **options)
        compilation = self.compile()
        assert compilation.package is not None and not compilation.draft
        path = self.folder_of_packages / f"{plan.tag}.apkg"
        write_apkg(compilation.package, path)
        return path
