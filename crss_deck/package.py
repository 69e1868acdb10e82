"""What Anki stores, as types: final HTML, GUIDs, cards. Knows neither authors' notes nor files."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import NamedTuple

from crss_deck.note_types import NoteType


class RenderedNote(NamedTuple):
    """A note as Anki stores it."""

    guid: str
    note_type: NoteType
    deck: str
    fields: tuple[str, ...]
    """HTML, in the order of the note type's fields."""
    tags: tuple[str, ...]
    cards: tuple[int, ...]
    """Ordinals from 0, ascending: of a basic note its templates', of a cloze its number less 1."""
    due: int
    """Place among new cards, from 1."""
    modified: int
    """When it last changed, in seconds: Anki takes a note over only if this is later."""


class PackagedDeck(NamedTuple):
    """A deck by name; the description is Markdown."""

    name: str
    description: str = ""


class PackagedMedia(NamedTuple):
    """A media file under the name that fields use."""

    name: str
    content: bytes


class Package(NamedTuple):
    """Everything in a deck package."""

    decks: tuple[PackagedDeck, ...]
    note_types: tuple[NoteType, ...]
    notes: tuple[RenderedNote, ...]
    media: tuple[PackagedMedia, ...]
    stamp: int
    """The second from which ids count down."""
    lock: str = ""
    """The text of deck.lock that the release was built with; Anki ignores it."""

    @property
    def card_count(self) -> int:
        """How many cards a learner gets."""
        return sum(len(note.cards) for note in self.notes)


def content_digest(package: Package, *, stamped: bool = True) -> str:
    """SHA-256 in hex of all that Anki would store, by GUID; no ids, zip or SQLite.

    Without `stamped`, no times either: two builds of one source then agree whenever they ran.
    """
    content = {
        "types": [
            [t.id, t.name, t.kind, t.fields, t.templates, t.css, t.modified * stamped]
            for t in package.note_types
        ],
        "decks": package.decks,
        "notes": sorted(
            [n.guid, n.note_type.id, n.deck, n.fields, n.tags, n.cards, n.due, n.modified * stamped]
            for n in package.notes
        ),
        "media": sorted([m.name, sha256(m.content).hexdigest()] for m in package.media),
    }
    text = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return sha256(text.encode()).hexdigest()
