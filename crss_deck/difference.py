"""What differs between two packages, note by note, and what each difference does to learners.

Everything here is seen from packages: what was written but is not shown stays unseen.
"""

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from crss_deck.apkg import read_apkg
from crss_deck.compiler import DeckError, compile_deck
from crss_deck.diagnostics import RULES
from crss_deck.folder import LOCK, read_deck
from crss_deck.hazards import REFUSED, Level
from crss_deck.history import design_digest, schema_digest
from crss_deck.identity import note_guid
from crss_deck.lock import SPENT, LockedNote, read_lock
from crss_deck.note_types import CLOZE, NoteType
from crss_deck.package import Package, RenderedNote
from crss_deck.report import count_of
from crss_deck.source import Source
from crss_deck.words import readable, shown_files, without_clozes

# ------------------------------------------------------------------ what can differ


class NoteName(NamedTuple):
    """A note as people find it again."""

    guid: str
    key: str
    """Its field Key, `<deck id>/<key>`; empty if it has none of that form."""
    gist: str
    """The beginning of what it asks, its cloze answers hidden."""

    @property
    def name(self) -> str:
        """The key as its author writes it, or else the GUID."""
        return self.key.partition("/")[2] or self.guid


class TextChange(NamedTuple):
    """A text before and after: a field (HTML), a deck's name, a deck's description."""

    what: str
    old: str
    new: str


class NoteChange(NamedTuple):
    """A note whose content differs."""

    note: NoteName
    fields: tuple[TextChange, ...]
    """Also a media file that it shows and that keeps its name but not its bytes."""
    tags_added: tuple[str, ...]
    tags_removed: tuple[str, ...]


class Change(NamedTuple):
    """A note with another key, in another deck, or of another note type."""

    note: NoteName
    old: str
    new: str


class CardChange(NamedTuple):
    """A card that comes, goes, or asks what another card asked."""

    note: NoteName
    change: str
    """`added`, `removed`, `reused` (added under a number that was spent) or `moved`."""
    card: str
    """`c3` for cloze number 3, or the name of the card template."""
    to: str = ""
    """Of a moved answer, the card that asks it now."""
    answer: str = ""


class NoteTypeChange(NamedTuple):
    """A note type that comes, goes or differs."""

    name: str
    change: str
    """`added`, `removed` or `changed`."""
    design: tuple[str, ...] = ()
    """Which parts look or read differently: harmless."""
    schema: tuple[str, ...] = ()
    """What makes Anki refuse every note of it that a learner has."""
    stale: bool = False
    """Whether it is dated no later, so that no learner gets the design."""


class Reason(NamedTuple):
    """Why a version needs a level, or cannot be released."""

    level: Level
    kind: str
    """A name; of a major change the one that `release --allow` takes."""
    text: str
    notes: tuple[str, ...] = ()


class Difference(NamedTuple):
    """What differs between two packages; notes in curriculum order."""

    old_version: str = ""
    new_version: str = ""
    """As the decks' descriptions say; empty if they say nothing."""
    added: tuple[NoteName, ...] = ()
    returned: tuple[NoteName, ...] = ()
    """Those of the added notes that were retired by an earlier release."""
    changed: tuple[NoteChange, ...] = ()
    retagged: tuple[NoteChange, ...] = ()
    """Notes of which only the tags differ."""
    renamed: tuple[Change, ...] = ()
    moved: tuple[Change, ...] = ()
    """Notes in another subdeck; a renamed deck moves nothing."""
    retired: tuple[NoteName, ...] = ()
    cards: tuple[CardChange, ...] = ()
    note_types: tuple[NoteTypeChange, ...] = ()
    media: tuple[tuple[str, str], ...] = ()
    """Names of files, each `added`, `removed`, or `changed` under the same name."""
    order: bool = False
    """Whether new cards come in another order."""
    deck: TextChange | None = None
    """The deck's name, if it is another one to Anki."""
    respelt: tuple[TextChange, ...] = ()
    """Names of decks that differ in case alone: Anki keeps the one that it has."""
    descriptions: tuple[TextChange, ...] = ()
    """By deck, without the version."""
    held: tuple[NoteName, ...] = ()
    """Notes that newer tools render differently and that keep their date."""
    kinds: tuple[Change, ...] = ()
    """Notes under the same GUID in another note type, which Anki refuses."""
    not_arriving: tuple[NoteName, ...] = ()
    """Notes that differ but are dated no later, so that no learner gets the new text."""
    rewritten: tuple[NoteName, ...] = ()
    """Notes that are the same but dated later: learners lose their own tags and edits."""
    reasons: tuple[Reason, ...] = ()
    """What decides the level, the gravest first."""
    refused: tuple[Reason, ...] = ()
    """What no release could bring to learners."""

    @property
    def level(self) -> Level:
        """The level that a release with these changes needs."""
        return max((reason.level for reason in self.reasons), default=Level.NONE)

    @property
    def restyled(self) -> bool:
        """Whether cards look different: note types that follow the name of the deck do not."""
        followed = {"name"} if self.deck or self.respelt else set()
        return any(set(change.design) - followed for change in self.note_types)

    @property
    def differs(self) -> bool:
        """Whether Anki would store anything else, or would rewrite what is the same."""
        return any(self[2:-2]) or self.old_version != self.new_version

    @property
    def safe(self) -> bool:
        """Whether everything in the new package reaches those who have the old one."""
        stale = any(change.stale for change in self.note_types)
        return not (self.not_arriving or self.refused or stale)


# ------------------------------------------------------------------ two packages


def open_side(path: str | os.PathLike[str], *, clock: int | None = None) -> Package:
    """The package in an .apkg file, or the one that a source folder makes, with its deck.lock.

    Raises PackageError if the file is no package, DeckError if the deck has errors, ClockError as
    `compile_deck`, and OSError if nothing can be read there.
    """
    if not Path(path).is_dir():
        return read_apkg(path)
    folder = read_deck(path)
    compilation = compile_deck(folder, clock=clock)
    if compilation.package is None:
        raise DeckError(compilation.diagnostics)
    lock = folder.texts[LOCK].text if LOCK in folder.texts else ""
    return compilation.package._replace(lock=lock)


def compare_paths(
    old: str | os.PathLike[str], new: str | os.PathLike[str], *, clock: int | None = None
) -> Difference:
    """Compare any two of .apkg files and source folders; raises as `open_side` does.

    Where the old side is a folder that is no release, dates are not compared: no learner has it.
    """
    before, after = open_side(old, clock=clock), open_side(new, clock=clock)
    return compare(before, after, dates=not Path(old).is_dir() or "+" not in _version(before))


def compare(old: Package, new: Package, *, dates: bool = True) -> Difference:
    """Compare two packages by GUID; what their deck.locks know of earlier releases is used.

    With `dates` false, no conclusion is drawn from when notes and note types were changed.
    """
    before, after = _by_guid(old), _by_guid(new)
    common = [guid for guid in after if guid in before]
    old_lock, new_lock = _locked(old), _locked(new)
    locked = [*old_lock.items(), *new_lock.items()]
    was_retired = {guid for guid, note in locked if note.retired}
    spent = {(guid, number) for guid, n in locked for number in n.cards if n.cards[number] == SPENT}
    media = _media_changes(old, new)
    other_bytes = {name for name, change in media if change == "changed"}

    @cache
    def name(guid: str) -> NoteName:
        note = after.get(guid) or before[guid]
        return NoteName(guid, _key(note), _gist(note))

    groups: defaultdict[str, list[Any]] = defaultdict(list)  # by their names in Difference
    for guid in after:
        if guid not in before:
            groups["added"].append(name(guid))
            if guid in was_retired:
                groups["returned"].append(name(guid))
    groups["retired"] = [name(guid) for guid in before if guid not in after]
    for guid in common:
        was, now = before[guid], after[guid]
        old_type, new_type = was.note_type, now.note_type
        if (old_type.id, old_type.kind) != (new_type.id, new_type.kind):
            groups["kinds"].append(Change(name(guid), old_type.name, new_type.name))
            continue
        if was.cards and now.cards and _below(old, was.deck) != _below(new, now.deck):
            groups["moved"].append(Change(name(guid), was.deck, now.deck))
        if (was.fields, was.cards) != (now.fields, now.cards):
            groups["cards"] += _card_changes(name(guid), was, now, spent)
        added, removed = set(now.tags) - set(was.tags), set(was.tags) - set(now.tags)
        files = shown_files(now.fields) & other_bytes if other_bytes else set()
        if was.fields == now.fields and not (added or removed or files):
            if dates and now.modified > was.modified:
                groups["rewritten"].append(name(guid))
            continue
        dated_alike = dates and now.modified == was.modified
        if dated_alike and _same_source(old_lock.get(guid), new_lock.get(guid)):
            groups["held"].append(name(guid))
            continue
        if dates and now.modified <= was.modified:
            groups["not_arriving"].append(name(guid))
        if _key(was) and _key(now) and _key(was) != _key(now):
            former = _key(was).partition("/")[2]
            groups["renamed"].append(Change(name(guid), former, name(guid).name))
        fields = list(_field_changes(was, now))
        fields += [TextChange(file, "", "other bytes") for file in sorted(files)]
        change = NoteChange(name(guid), tuple(fields), tuple(sorted(added)), tuple(sorted(removed)))
        if fields or added or removed:
            groups["changed" if fields else "retagged"].append(change)
    root, new_root = _root(old), _root(new)
    found = Difference(
        old_version=_version(old),
        new_version=_version(new),
        note_types=tuple(_note_types(old, new, dates)),
        media=media,
        order=common != [guid for guid in before if guid in after],
        deck=TextChange("name", root, new_root) if root.casefold() != new_root.casefold() else None,
        respelt=tuple(_respelt(old, new)),
        descriptions=tuple(_descriptions(old, new)),
        **{group: tuple(changes) for group, changes in groups.items()},
    )
    return found._replace(reasons=tuple(_reasons(found)), refused=tuple(_refused(old, new, found)))


def _by_guid(package: Package) -> dict[str, RenderedNote]:
    """Notes in curriculum order; of two with one GUID, the first."""
    found: dict[str, RenderedNote] = {}
    for note in sorted(package.notes, key=lambda note: note.due):
        found.setdefault(note.guid, note)
    return found


def _locked(package: Package) -> dict[str, LockedNote]:
    """What the package's lock says of notes, by GUID; one that cannot be read tells nothing."""
    lock = read_lock(Source(LOCK, package.lock), lambda _: None) if package.lock else None
    return {note_guid(lock.deck_id, n): note for n, note in lock.notes.items()} if lock else {}


def _same_source(old: LockedNote | None, new: LockedNote | None) -> bool:
    """Whether both releases date the note the same and were written from the same source."""
    sides = [{source for source, _ in side.digests} for side in (old, new) if side]
    return bool(old and new and old.date == new.date and sides[0] & sides[1])


# ------------------------------------------------------------------ notes and cards


def _fields(note: RenderedNote) -> dict[str, str]:
    return dict(zip((f.name for f in note.note_type.fields), note.fields, strict=False))


_KEY = re.compile(r"[a-z0-9-]+/[a-z0-9-]+")


def _key(note: RenderedNote) -> str:
    key = _fields(note).get("Key", "")
    return key if _KEY.fullmatch(key) else ""


GIST_LENGTH = 90


def _gist(note: RenderedNote) -> str:
    """The beginning of the first field that shows anything, clozes as Anki hides them."""
    for html in note.fields:
        if text := readable(without_clozes(html, lambda _, answer, hint: f"[{hint or '…'}]")):
            short = text[:GIST_LENGTH].rpartition(" ")[0] or text[:GIST_LENGTH]
            return text if len(text) <= GIST_LENGTH else f"{short} …"
    return ""


def _field_changes(old: RenderedNote, new: RenderedNote) -> Iterator[TextChange]:
    """The fields that differ, by name; a key that both have is a name and no content."""
    before, after = _fields(old), _fields(new)
    for name in {**after, **before}:
        was, now = before.get(name, ""), after.get(name, "")
        if was != now and not (name == "Key" and _key(old) and _key(new)):
            yield TextChange(name, was, now)


def _card_changes(
    name: NoteName, old: RenderedNote, new: RenderedNote, spent: set[tuple[str, int]]
) -> Iterator[CardChange]:
    def card(ordinal: int) -> str:
        templates = new.note_type.templates
        if new.note_type.kind == CLOZE or ordinal >= len(templates):
            return f"c{ordinal + 1}"
        return templates[ordinal].name

    for ordinal in sorted(set(new.cards) - set(old.cards)):
        change = "reused" if (new.guid, ordinal + 1) in spent else "added"
        yield CardChange(name, change, card(ordinal))
    for ordinal in sorted(set(old.cards) - set(new.cards)):
        yield CardChange(name, "removed", card(ordinal))
    if new.note_type.kind != CLOZE:
        return
    before, after = _answers(old), _answers(new)
    places = {text: n for n, text in reversed(after.items()) if before.get(n) != text}
    for number, answer in before.items():
        if after.get(number) != answer and answer in places:
            yield CardChange(name, "moved", f"c{number}", f"c{places[answer]}", answer)


def _answers(note: RenderedNote) -> dict[int, str]:
    """What each cloze number of a note asks for, without hints."""
    found: dict[int, list[str]] = {}

    def collect(number: int, answer: str, hint: str) -> str:
        found.setdefault(number, []).append(readable(answer))
        return answer

    for html in note.fields:
        without_clozes(html, collect)
    return {number: ", ".join(answers) for number, answers in sorted(found.items())}


# ------------------------------------------------------------------ around the notes


def _note_types(old: Package, new: Package, dates: bool) -> Iterator[NoteTypeChange]:
    before = {note_type.id: note_type for note_type in old.note_types}
    after = {note_type.id: note_type for note_type in new.note_types}
    for id in before | after:
        if id not in after or id not in before:
            change = "removed" if id in before else "added"
            yield NoteTypeChange((before | after)[id].name, change)
            continue
        was, now = before[id], after[id]
        design = [w for w in ("name", "css", "templates") if getattr(was, w) != getattr(now, w)]
        if design_digest(was) == design_digest(now):
            design = []
        schema = tuple(_schema(was, now))
        if design or schema:
            stale = dates and bool(design) and now.modified <= was.modified
            yield NoteTypeChange(now.name, "changed", tuple(design), schema, stale)


def _schema(old: NoteType, new: NoteType) -> list[str]:
    if schema_digest(old) == schema_digest(new):
        return []
    found = [f"was {old.kind} and is {new.kind}"] if old.kind != new.kind else []
    for what in ("fields", "templates"):
        was, now = ([(e.name, e.id) for e in getattr(side, what)] for side in (old, new))
        if was != now:
            names = ", ".join(sorted({name for name, _ in set(was) ^ set(now)}))
            found.append(f"other {what}: {names or 'in another order'}")
    return found or ["other notes have a card, since a condition on a front changed"]


def _media_changes(old: Package, new: Package) -> tuple[tuple[str, str], ...]:
    before = {file.name: file.content for file in old.media}
    after = {file.name: file.content for file in new.media}
    return tuple(
        (name, "removed" if name not in after else "changed" if name in before else "added")
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    )


def _root(package: Package) -> str:
    return package.decks[0].name if package.decks else ""


def _below(package: Package, deck: str) -> str:
    """A deck's place seen from the root deck; that of one elsewhere is its whole name.

    Folded, as Anki takes names that differ only in case for one.
    """
    return f"{deck}::".casefold().removeprefix(f"{_root(package)}::".casefold())


def _respelt(old: Package, new: Package) -> Iterator[TextChange]:
    before = {deck.name.casefold(): deck.name for deck in old.decks}
    for deck in new.decks:
        was = before.get(deck.name.casefold(), deck.name)
        if was != deck.name:
            yield TextChange("name", was, deck.name)


_VERSION = re.compile(r"^Version (\S++)(?=.*\Z)", re.MULTILINE)
"""In the line about version and origin that ends a description of ours."""


def _version(package: Package) -> str:
    match = _VERSION.search(package.decks[0].description) if package.decks else None
    return match[1] if match else ""


def _descriptions(old: Package, new: Package) -> Iterator[TextChange]:
    before = {_below(old, d.name): _VERSION.sub("Version …", d.description) for d in old.decks}
    for deck in new.decks:
        text = _VERSION.sub("Version …", deck.description)
        was = before.get(_below(new, deck.name), text)
        if was != text:
            yield TextChange(deck.name, was, text)


# ------------------------------------------------------------------ levels


def _reasons(found: Difference) -> Iterator[Reason]:
    """What decides the level, the gravest first."""

    def cards(change: str) -> list[NoteName]:
        return list(dict.fromkeys(c.note for c in found.cards if c.change == change))

    if found.deck:
        text = f"the deck is renamed from {found.deck.old} to {found.deck.new}"
        yield Reason(Level.MAJOR, "deck-renamed", text)
    for level, kind, text, notes in (
        (Level.MAJOR, "card-removed", "lost a card", cards("removed")),
        (Level.MAJOR, "number-reused", "used a spent number again", cards("reused")),
        (Level.MAJOR, "number-moved", "moved an answer to another number", cards("moved")),
        (Level.MINOR, "note-added", "added", found.added),
        (Level.MINOR, "note-retired", "retired", found.retired),
        (Level.MINOR, "card-added", "got a card; a new note is safer", cards("added")),
        (Level.MINOR, "note-moved", "in another deck", [each.note for each in found.moved]),
        (Level.PATCH, "note-changed", "changed", [each.note for each in found.changed]),
        (Level.PATCH, "note-retagged", "retagged", [each.note for each in found.retagged]),
        (Level.PATCH, "note-renamed", "renamed", [each.note for each in found.renamed]),
    ):
        if notes:
            names = tuple(note.name for note in notes)
            yield Reason(level, kind, f"{count_of(len(names), 'note')} {text}", names)
    for kind, text, there in (
        ("deck-respelt", "the case of a deck's name differs", found.respelt),
        ("design", "cards look different", found.restyled),
        ("media", "media files added, changed or removed", found.media),
        ("order", "new cards come in another order", found.order),
        ("description", "the deck is described differently", found.descriptions),
    ):
        if there:
            yield Reason(Level.PATCH, kind, text)


def _refused(old: Package, new: Package, found: Difference) -> Iterator[Reason]:
    """What Anki would never take over, or what would overwrite another note."""
    owned = {(note.guid, _key(note)) for note in old.notes}
    owners = {key for _, key in owned if key}
    keys = {note.guid: _key(note) for note in new.notes}
    counts = Counter(note.guid for note in new.notes)
    old_ids = {key.partition("/")[0] for key in owners}
    new_ids = {key.partition("/")[0] for key in keys.values() if key}
    other_id = old_ids and new_ids and not old_ids & new_ids
    for kind, names in (
        ("changed-deck-id", sorted(new_ids) if other_id else []),
        ("guid-shared", [guid for guid in counts if counts[guid] > 1]),
        ("taken-key", [g for g, key in keys.items() if key in owners and (g, key) not in owned]),
        ("changed-kind", [change.note.guid for change in found.kinds]),
        (
            "schema-changed",
            [f"{type.name}: {'; '.join(type.schema)}" for type in found.note_types if type.schema],
        ),
    ):
        if names:
            text = RULES[kind].summary if kind in RULES else REFUSED[kind].rstrip(".")
            named = tuple(keys.get(each, "").partition("/")[2] or each for each in names)
            yield Reason(Level.MAJOR, kind, text, named)
