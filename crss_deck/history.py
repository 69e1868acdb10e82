"""A deck beside its lock: what became of each note, and which date each gets.

A note has changed when both its source and its rendering differ from what the lock says of it.
Only then does it get a new modification time, so that a release leaves every other note of a
learner alone: a reflowed paragraph or a newer Markdown parser costs nobody their tags.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from functools import cached_property
from hashlib import sha256
from typing import NamedTuple

from crss_deck import diagnostics as rules
from crss_deck.diagnostics import Diagnostic, Report, Rule
from crss_deck.lock import Lock, LockedNote
from crss_deck.media import note_blocks, note_images
from crss_deck.model import BasicNote, Block, ClozeNote, Common, Deck, MediaFile, Note
from crss_deck.note_types import NoteType
from crss_deck.package import Package, RenderedNote


class NoteState(NamedTuple):
    """A note of the deck as a lock would describe it."""

    key: str
    origin: str
    kind: str
    source: str
    """Source digest, 16 hex: the note as written."""
    rendered: str
    """Rendered digest, 16 hex: what Anki stores."""
    cards: dict[int, str]
    subdeck: str
    where: Note


class Status(StrEnum):
    """What became of a note since it was released."""

    NEW = "new"
    SAME = "same"
    CHANGED = "changed"
    RENAMED = "renamed"
    REFLOWED = "reflowed"
    """Written differently, shown as before: its date stays."""
    HELD = "held"
    """Written as before, rendered differently by newer tools: its date stays."""


MediaFiles = Mapping[tuple[str, str], MediaFile]
"""By the path of a notes file, and an address in it."""


def _digest(content: object) -> str:
    """The first 16 hex digits of the SHA-256 of sorted, compact JSON."""
    text = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return sha256(text.encode()).hexdigest()[:16]


def _written(blocks: Iterable[Block]) -> list[list[str]]:
    """The author's characters, block by block: NFC, LF, without comments and outer blank lines.

    Where a block ends, and what it is, may hang on what is left out here: a comment between two
    lists keeps them apart, and blanks before a list change what is nested in it.
    """
    parts = []
    for block in blocks:
        text, start = block.span.text, block.span.start
        for comment in sorted(block.comments, key=lambda span: span.start, reverse=True):
            before, behind = text[: comment.start - start], text[comment.end - start :]
            # Without it, marks beside it would be read in another way: `**a:**<!-- -->b`.
            parts_marks = before[-1:].strip() and behind[:1].strip()
            parts_blanks = before.endswith("  ") and behind.startswith("\n")
            if before[-1:] == behind[:1] and before[-1:] in (" ", "\n"):
                behind = behind[1:]
            elif behind[:1] == "\n" and before.endswith(" ") and not before.endswith("  "):
                before = before[:-1]
            text = before + ("<!---->" if parts_marks or parts_blanks else "") + behind
        indent = block.span.source.text[start - block.span.location.column + 1 : start]
        text = text if indent.strip() else indent + text
        parts.append([block.kind, unicodedata.normalize("NFC", text.strip("\n"))])
    return parts


def _source_digest(note: Note, tag_root: str, files: MediaFiles) -> str:
    """The note as written, with all that reaches it from elsewhere, such as tags and media."""
    common = note.common
    fields = {"Q": note.front, "A": note.back} if isinstance(note, BasicNote) else {"C": note.text}
    fields |= {
        "Hint": common.hint,
        "Extra": common.extra,
        "Accept": common.accept,
        "Source": common.citation,
    }
    blocks = [*note_blocks(note), *(heading.block for heading in common.context)]
    path = common.span.source.path
    media = {}
    for image in note_images(note):
        file = files[path, image.address]
        media[file.path] = sha256(file.content).hexdigest()
    return _digest(
        {
            "kind": "basic" if isinstance(note, BasicNote) else "cloze",
            "fields": {name: _written(value) for name, value in fields.items() if value},
            "reversed": isinstance(note, BasicNote) and note.reversed,
            "type_in": note.type_in,
            "source": common.file_citation,
            "tags": sorted(f"{tag_root}::{tag}" for tag in common.tags),
            "headings": [
                unicodedata.normalize("NFC", heading.written) for heading in common.context
            ],
            "media": media,
            "definitions": sorted({text for block in blocks for text in block.definitions}),
        }
    )


def source_digests(
    notes: Sequence[Note], tag_root: str, files: MediaFiles
) -> tuple[str | None, ...]:
    """For each note the digest of what was written; None where a file that it shows is missing."""
    return tuple(
        _source_digest(note, tag_root, files) if _has_all_media(note, files) else None
        for note in notes
    )


def forgotten_names(
    notes: Sequence[Note], digests: Sequence[str | None], lock: Lock
) -> dict[int, LockedNote]:
    """Released notes that are gone, each by the place of the one new note that repeats its text.

    Nobody writes the same note anew: its id was changed without `was`, or was lost. To learners it
    would be a second note beside the one they have.
    """
    present = {note.common.origin for note in notes}
    gone: dict[str, list[LockedNote]] = {}
    for origin, locked in lock.notes.items():
        if origin not in present:
            for source in {source for source, _ in locked.digests}:
                gone.setdefault(source, []).append(locked)
    found: dict[str, list[int]] = {}
    for place, (note, digest) in enumerate(zip(notes, digests, strict=True)):
        if digest in gone and note.common.origin not in lock.notes:
            found.setdefault(digest, []).append(place)
    return {
        places[0]: gone[source][0]
        for source, places in found.items()
        if len(gone[source]) == len(places) == 1
    }


def moved_names(
    notes: Sequence[Note], digests: Sequence[str | None], lock: Lock
) -> dict[int, LockedNote]:
    """Released notes whose name stands under another text, by the place of the note with their own.

    Two comments were exchanged, each slipped to the next note, or a note was written between
    another and its comment. Learners would be asked one note with the schedule of the other.
    """
    owners: dict[str, list[LockedNote]] = {}
    for locked in lock.notes.values():
        for source in {source for source, _ in locked.digests}:
            owners.setdefault(source, []).append(locked)
    present = {note.common.origin for note in notes}
    at_home = {(note.common.origin, digest) for note, digest in zip(notes, digests, strict=True)}
    found = {}
    for place, (note, digest) in enumerate(zip(notes, digests, strict=True)):
        known = owners.get(digest, []) if digest is not None else []
        if len(known) != 1 or (known[0].origin, digest) in at_home:
            continue
        if note.common.origin in lock.notes or known[0].origin in present:
            found[place] = known[0]
    return found


def _has_all_media(note: Note, files: MediaFiles) -> bool:
    path = note.common.span.source.path
    return all((path, image.address) in files for image in note_images(note))


def _rendered_digest(note: RenderedNote) -> str:
    fields = [
        value
        for field, value in zip(note.note_type.fields, note.fields, strict=True)
        if field.name != "Key"
    ]
    cards = [ordinal + 1 for ordinal in note.cards]
    return _digest([note.note_type.id, fields, sorted(note.tags), cards])


def note_states(
    deck: Deck, package: Package, digests: Sequence[str | None] = ()
) -> list[NoteState]:
    """Every note of a deck as it is now; the package is the deck's, in the same order.

    `digests` are those of `source_digests`, where they are there already.
    """
    states = []
    digests = digests or source_digests(deck.notes, deck.manifest.tag_root, deck.media)
    for note, rendered, digest in zip(deck.notes, package.notes, digests, strict=True):
        assert digest is not None
        states.append(
            NoteState(
                note.common.key,
                note.common.origin,
                rendered.note_type.kind,
                digest,
                _rendered_digest(rendered),
                _cards(note, rendered),
                note.common.subdeck,
                note,
            )
        )
    return states


def _cards(note: Note, rendered: RenderedNote) -> dict[int, str]:
    """Card numbers; of a cloze with a digest of its answers, so that exchanged numbers show."""
    if not isinstance(note, ClozeNote):
        return {ordinal + 1: "" for ordinal in rendered.cards}
    answers: dict[int, list[str]] = {}
    for deletion in note.deletions:
        answers.setdefault(deletion.number, []).append(" ".join(deletion.text.split()))
    return {
        number: sha256(unicodedata.normalize("NFC", "\n".join(texts)).encode()).hexdigest()[:8]
        for number, texts in sorted(answers.items())
    }


def schema_digest(note_type: NoteType) -> str:
    """What may never change of a note type: ids, fields, templates, and which cards a note has."""
    return _digest(
        [
            note_type.id,
            note_type.kind,
            [[field.name, field.id] for field in note_type.fields],
            [
                [t.name, t.id, re.findall(r"\{\{[#^/][^}]*\}\}", t.front)]
                for t in note_type.templates
            ],
        ]
    )


def design_digest(note_type: NoteType) -> str:
    """What a note type may change with a date of its own: name, templates, CSS."""
    sides = [[t.front, t.back] for t in note_type.templates]
    return _digest([note_type.name, note_type.css, sides])


# ------------------------------------------------------------------ a deck against its lock


def status_of(state: NoteState, locked: LockedNote | None) -> Status:
    """What became of a note. After a merge, the mildest reading of its lines counts."""
    if locked is None:
        return Status.NEW
    if state.key != locked.key:
        return Status.RENAMED
    same_source = any(source == state.source for source, _ in locked.digests)
    same_rendering = any(rendered == state.rendered for _, rendered in locked.digests)
    if (state.source, state.rendered) in locked.digests:
        return Status.SAME
    if same_rendering:
        return Status.REFLOWED
    return Status.HELD if same_source else Status.CHANGED


KEEPS_DATE = (Status.SAME, Status.REFLOWED, Status.HELD)


class History:
    """A deck beside its lock; the notes are looked at when somebody asks for them.

    A deck that was never released is built without: all its notes are new.
    """

    def __init__(
        self, deck: Deck, package: Package, lock: Lock | None, digests: Sequence[str | None] = ()
    ) -> None:
        self._deck, self._package, self._digests = deck, package, digests
        self.lock = lock

    @cached_property
    def states(self) -> tuple[NoteState, ...]:
        """The notes as a lock would describe them."""
        return tuple(note_states(self._deck, self._package, self._digests))

    @cached_property
    def statuses(self) -> tuple[Status, ...]:
        """What became of each of them."""
        notes = self.lock.notes if self.lock else {}
        return tuple(status_of(state, notes.get(state.origin)) for state in self.states)

    def with_status(self, *wanted: Status) -> list[NoteState]:
        """The notes with one of these statuses, in order."""
        return [
            state
            for state, status in zip(self.states, self.statuses, strict=True)
            if status in wanted
        ]


def stamped(
    package: Package, history: History, moment: int, push: frozenset[str] = frozenset()
) -> Package:
    """The package with the lock's date for what has not changed, and `moment` for what has.

    `push` names keys that get the moment whatever became of them.
    """
    lock = history.lock
    dates = [moment] * len(package.notes)
    for place, state in enumerate(history.states if lock else ()):
        if lock and history.statuses[place] in KEEPS_DATE and state.key not in push:
            dates[place] = lock.notes[state.origin].date
    types: dict[int, NoteType] = {}
    for note_type in package.note_types:
        locked = lock.types.get(note_type.kind) if lock else None
        same = locked is not None and locked.design == design_digest(note_type)
        date = locked.date if locked is not None and same else moment
        types[note_type.id] = note_type._replace(modified=date)
    return package._replace(
        note_types=tuple(types.values()),
        notes=tuple(
            note._replace(modified=date, note_type=types[note.note_type.id])
            for note, date in zip(package.notes, dates, strict=True)
        ),
        stamp=moment,
    )


def _moved(former: LockedNote, common: Common) -> tuple[str, str]:
    """What is said of a note that has lost its name to another text, and what to do."""
    was = f"; was: {former.origin}" if former.origin != former.key else ""
    if not common.has_id:
        return (
            f"this is word for word the released note `{former.key}`, but another note has its id",
            f"put its comment, with id: {former.key}{was}, under it again, and give that note an id"
            " of its own; else learners are asked that one with the schedule of this",
        )
    return (
        f"this is word for word the released note `{former.key}`, under another id",
        f"give it the id {former.key}{was} again; else learners are asked one note with the"
        " schedule of another",
    )


def check_against_lock(
    notes: Sequence[Note],
    lock: Lock,
    forgotten: Mapping[int, LockedNote],
    moved: Mapping[int, LockedNote],
    report: Report,
) -> None:
    """Report what no release could bring to learners, or what would take another note's place."""
    owners: dict[str, LockedNote] = {}
    for locked in lock.notes.values():
        for name in (locked.key, *locked.names):
            owners[name] = locked
    # After a merge a later name of one note may be the first of another, which then owns it.
    owners |= lock.notes
    for place, note in enumerate(notes):
        common = note.common
        if not common.has_id and place not in moved:
            continue
        owner = owners.get(common.key) or owners.get(common.origin)
        kind = "basic" if isinstance(note, BasicNote) else "cloze"
        span = common.entries or common.span
        source = span.source
        if not common.has_id:
            end = source.text.find("\n", common.span.start)
            span = source.span(
                common.span.start, min(end, common.span.end) if end > 0 else common.span.end
            )

        def say(rule: Rule, message: str, help: str) -> None:
            report(Diagnostic(rule, message, source, span, help))  # noqa: B023

        if place in moved:
            say(rules.MOVED_ID, *_moved(moved[place], common))
        if not common.has_id:
            continue
        if owner is None:
            if place in forgotten:
                former = forgotten[place]
                say(
                    rules.FORGOTTEN_WAS,
                    f"this is word for word the released note `{former.key}`, which is gone",
                    f"add `was: {former.origin}`, and learners keep their progress; otherwise they"
                    " get the note a second time",
                )
            if common.origin != common.key:
                say(
                    rules.UNKNOWN_ORIGIN,
                    f"no release had a note `{common.origin}`",
                    "write `was` only for a note that was released under that name",
                )
        elif owner.origin != common.origin:
            first = owner.origin
            name = common.key if common.key in owners else common.origin
            help = "give this note a new id; a released name belongs to its note for ever"
            if common.key == owner.key or name == common.origin != common.key:
                help = f"if this is that note, write was: {first}; if not, give this one a new id"
            say(rules.TAKEN_KEY, f"the name `{name}` belongs to the note `{first}`", help)
        elif owner.kind != kind or owner.other_kind:
            released = " and as a ".join(filter(None, (owner.kind, owner.other_kind)))
            say(
                rules.CHANGED_KIND,
                f"`{common.key}` was released as a {released} note: Anki would never take over"
                f" a note of the other kind in its place",
                "give it a new id, and it arrives as a new note",
            )
