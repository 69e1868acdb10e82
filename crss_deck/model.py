"""What an author writes: notes, as types. Knows neither HTML nor GUIDs nor files."""

from __future__ import annotations

from typing import NamedTuple

from crss_deck.inlines import ClozeDeletion
from crss_deck.manifest import Manifest
from crss_deck.markdown import Block, Heading, Markdown
from crss_deck.source import Source, Span

__all__ = [
    "Allow",
    "BasicNote",
    "Block",
    "ClozeDeletion",
    "ClozeNote",
    "Common",
    "Deck",
    "Heading",
    "Markdown",
    "MediaFile",
    "Note",
]


class Allow(NamedTuple):
    """One `allow: rule (reason)`: the rule a note silences, and why."""

    rule: str
    reason: str
    span: Span


class Common(NamedTuple):
    """What every note has, whatever its kind."""

    key: str
    """The author's name for the note; for a draft, the one proposed for it."""
    origin: str
    """The key under which it was first released: the GUID derives from this one."""
    span: Span
    """The whole note, its metadata included."""
    has_id: bool = True
    hint: Markdown = ()
    extra: Markdown = ()
    accept: Markdown = ()
    citation: Markdown = ()
    """What its own `Source:` says."""
    file_citation: str = ""
    """What the front matter's `source` says."""
    context: tuple[Heading, ...] = ()
    """The headings above it, outermost first."""
    tags: tuple[str, ...] = ()
    """As written, the file's first; without the deck's tag root."""
    claims: tuple[str, ...] = ()
    subdeck: str = ""
    allows: tuple[Allow, ...] = ()
    entries: Span | None = None
    """The entries of its metadata comment."""


class BasicNote(NamedTuple):
    """A question with its answer; `type_in` is the plain text to type, empty for none."""

    common: Common
    front: Markdown
    back: Markdown
    reversed: bool = False
    type_in: str = ""


class ClozeNote(NamedTuple):
    """A text with deletions, in reading order; `type_in` lets the learner type the answer."""

    common: Common
    text: Markdown
    deletions: tuple[ClozeDeletion, ...]
    type_in: bool = False


Note = BasicNote | ClozeNote


class MediaFile(NamedTuple):
    """A file that notes refer to: its place in the source folder, its packaged name, its bytes."""

    path: str
    name: str
    content: bytes


class Deck(NamedTuple):
    """A checked deck: notes in curriculum order, media by the reference that names it."""

    manifest: Manifest
    notes: tuple[Note, ...]
    description: Source | None
    media: dict[tuple[str, str], MediaFile]
    """By (path of the notes file, address as markdown-it gives it)."""
    stylesheet: str = ""
    """The deck's own rules, which follow ours."""
