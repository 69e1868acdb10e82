"""A package imported by somebody who never had it: what Anki made of it, and what it must be."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from html import escape, unescape
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from crss_deck.hazards import Problem
from crss_deck.learner import CardId, DatabaseCheck, State, date_of, plain_text
from crss_deck.lock import iso
from crss_deck.package import Package, RenderedNote
from crss_deck.report import count_of

CLOCK_TOLERANCE = 300
"""Seconds that a date may seem to lie ahead of this machine's clock."""


class NewImport(NamedTuple):
    """A package, and what a new learner gets of it."""

    path: Path
    package: Package
    clock: int
    state: State
    media: dict[str, str]
    faults: dict[CardId, tuple[str, str]]
    missing: list[str]
    check: DatabaseCheck

    def problem(self, name: str, message: str, guids: Iterable[str] = ()) -> Problem:
        """A problem with notes of the package."""
        return Problem(name, message, keys_of(self.package.notes, guids))


def keys_of(notes: Iterable[RenderedNote], guids: Iterable[str]) -> tuple[str, ...]:
    """How people call the notes with these GUIDs, in curriculum order."""
    wanted = set(guids)
    found: dict[str, RenderedNote] = {}
    for note in notes:
        if note.guid in wanted:
            found.setdefault(note.guid, note)
    return tuple(key_of(note) for note in sorted(found.values(), key=lambda note: note.due))


def key_of(note: RenderedNote) -> str:
    """What stands in its field Key, or else its GUID."""
    for field, value in zip(note.note_type.fields, note.fields, strict=False):
        if field.name == "Key" and value:
            return unescape(value)
    return note.guid


def file_name(fresh: NewImport) -> Iterator[Problem]:
    """A name that Anki's desktop program keeps for backups."""
    name = fresh.path.name.lower()
    if name == "collection.apkg" or (name.startswith("backup-") and name.endswith(".apkg")):
        yield fresh.problem("replaces-collection", f"the file is called {fresh.path.name}")


def lost_notes(fresh: NewImport) -> Iterator[Problem]:
    """Notes that Anki did not take over, and pairs that share a GUID."""
    counts = Counter(note.guid for note in fresh.package.notes)
    lost = [guid for guid in counts if guid not in fresh.state.notes]
    if lost:
        yield fresh.problem("note-not-imported", f"{have(lost, 'note')} not arrived in Anki", lost)
    shared = [guid for guid, number in counts.items() if number > 1]
    if shared:
        keys = (key_of(note) for note in fresh.package.notes if counts[note.guid] > 1)
        number = sum(counts[guid] for guid in shared)
        message = f"{count_of(number, 'note')} have a GUID that is not theirs alone"
        yield Problem("duplicate-guid", message, tuple(keys))


def dates(fresh: NewImport) -> Iterator[Problem]:
    """Ids and dates that Anki cannot live with."""
    zero = [guid for guid, note in fresh.state.notes.items() if note.id == 0]
    if zero:
        yield fresh.problem("note-id-zero", "a note has the id 0, as if it were made in 1970", zero)
    limit = fresh.clock + CLOCK_TOLERANCE
    late = [note for note in fresh.package.notes if note.modified > limit]
    newest = max(date_of(fresh.package), fresh.package.stamp)
    if newest > limit:
        what = have(late, "note") if late else "something in the package has"
        yield fresh.problem(
            "date-in-future",
            f"{what} a date ahead of the clock: {day(newest)}",
            (note.guid for note in late),
        )


def types(fresh: NewImport) -> Iterator[Problem]:
    """Note types that Anki renames, and those that a later rename would freeze."""
    used = {note.note_type for note in fresh.package.notes}
    for note_type in sorted(used, key=lambda each: each.name):
        notes = [n.guid for n in fresh.package.notes if n.note_type.id == note_type.id]
        stored = {fresh.state.notes[guid].type_id for guid in notes if guid in fresh.state.notes}
        names = {fresh.state.types[each].name for each in stored if each in fresh.state.types}
        if names - {note_type.name}:
            other = ", ".join(sorted(names))
            message = f"the note type “{note_type.name}” arrives as “{other}”"
            yield Problem("note-type-renamed", message)
        ids = [field.id for field in note_type.fields] + [t.id for t in note_type.templates]
        if not all(ids):
            message = f"the note type “{note_type.name}” has fields or templates without an id"
            yield Problem("note-type-without-ids", message)


def cards(fresh: NewImport) -> Iterator[Problem]:
    """Cards that are not as Anki itself would make them, or that ask nothing."""
    yield from check_problems(fresh.check, fresh.problem)
    yield from fault_problems(fresh.faults, fresh.problem)


_MakeProblem = Callable[[str, str, Iterable[str]], Problem]


def check_problems(check: DatabaseCheck, problem: _MakeProblem) -> Iterator[Problem]:
    """What Check Database did, as problems that `problem` makes."""
    if check.added:
        yield problem(
            "card-added-by-check",
            f"Check Database adds {count_of(len(check.added), 'card')} that the package lacks",
            (guid for guid, _ in check.added),
        )
    if check.removed:
        yield problem(
            "card-removed-by-check",
            f"Check Database removes {count_of(len(check.removed), 'card')}",
            (guid for guid, _ in check.removed),
        )
    for complaint in check.complaints:
        yield Problem("database-fault", f"Check Database says: {plain_text(complaint)}")


def fault_problems(
    faults: dict[CardId, tuple[str, str]], problem: _MakeProblem
) -> Iterator[Problem]:
    """Cards that do not ask as they should, as one problem for each fault."""
    groups: dict[tuple[str, str], list[str]] = {}
    for (guid, _), fault in faults.items():
        groups.setdefault(fault, []).append(guid)
    for (name, message), guids in sorted(groups.items()):
        yield problem(name, f"{count_of(len(guids), 'card')}: {message}", guids)


def deck_names(fresh: NewImport) -> Iterator[Problem]:
    """Deck names that Anki does not take as they are."""
    changed: dict[tuple[str, str], list[str]] = {}
    for note in fresh.package.notes:
        # Of a package that spreads the cards of a note over decks, that of the first card is known.
        stored = fresh.state.cards.get((note.guid, note.cards[0])) if note.cards else None
        if stored is not None and stored.deck != note.deck:
            changed.setdefault((note.deck, stored.deck), []).append(note.guid)
    for (name, other), guids in sorted(changed.items()):
        message = f"the deck “{name}” arrives as “{other}”"
        yield fresh.problem("deck-name-changed", message, guids)


_IN_DESIGN = re.compile(
    r"""url\(\s*["']?([^"')]+)"""
    r"""|(?:(?<![\w.-])(?:src|data|poster)|<link\b[^<>]*\shref)\s*=\s*["']?([^"'\s>]+)""",
    re.IGNORECASE,
)
_SCRIPT = re.compile(r"(<script\b[^<>]*>).*?(?=</script)", re.IGNORECASE | re.DOTALL)


def media(fresh: NewImport) -> Iterator[Problem]:
    """Files that are missing, that Anki does not see, or that nothing uses."""
    names = Counter(file.name for file in fresh.package.media)
    twice = sorted(name for name, number in names.items() if number > 1)
    if twice:
        yield Problem("duplicate-media-name", f"several files are called {', '.join(twice)}")
    texts = {note.guid: "\x1f".join(note.fields) for note in fresh.package.notes}
    designs = [
        "\n".join((each.css, *(side for t in each.templates for side in (t.front, t.back))))
        for each in fresh.package.note_types
    ]
    missing = dict.fromkeys(fresh.missing)
    for design in designs:
        for groups in _IN_DESIGN.findall(_SCRIPT.sub(r"\1", design)):
            name = unescape("".join(groups))
            local = not re.match(r"[a-z][a-z0-9+.-]*:|//|#", name, re.IGNORECASE)
            if local and "{{" not in name and name not in fresh.media:
                missing[name] = None
    not_imported = [name for name in names if name not in fresh.media]
    for name in not_imported:
        missing.pop(name, None)
    for name in missing:
        users = [guid for guid, text in texts.items() if mentions(text, name)]
        yield fresh.problem("missing-media", f"{name} is used, and not there", users)
    for name in sorted(not_imported):
        users = [guid for guid, text in texts.items() if mentions(text, name)]
        if users or any(mentions(design, name) for design in designs):
            message = f"{name} is used where Anki looks for no file"
            yield fresh.problem("media-not-imported", message, users)
        else:
            yield Problem("unused-media", f"{name} is not used")


def mentions(text: str, name: str) -> bool:
    """Whether HTML names a file, in any of the ways in which HTML can."""
    return any(form in text for form in (name, escape(name), quote(name)))


MAX_DUE = 1_000_000


def order(fresh: NewImport) -> Iterator[Problem]:
    """The order of new cards."""
    late = [note for note in fresh.package.notes if note.due >= MAX_DUE]
    if late:
        message = f"{have(late, 'note')} a place among new cards beyond a million"
        yield fresh.problem("due-out-of-range", message, (note.guid for note in late))
    if len(fresh.package.notes) > 1 and len({note.due for note in fresh.package.notes}) == 1:
        message = "all notes have the same place among new cards"
        yield fresh.problem("no-card-order", message)


NEW_CHECKS = (file_name, lost_notes, dates, types, deck_names, cards, media, order)
"""What is asked of a package that is imported new."""


# ------------------------------------------------------------------ words


def day(second: int) -> str:
    """A date for people, however odd."""
    try:
        return iso(second)
    except (OverflowError, ValueError, OSError):
        return f"{second} seconds"


def have(things: Collection[object], noun: str) -> str:
    """`1 note has`, `2 notes have`."""
    return f"{count_of(len(things), noun)} {'has' if len(things) == 1 else 'have'}"
