"""A package imported over earlier ones by a learner who studied them: what it must do, and not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from difflib import SequenceMatcher
from html import unescape
from typing import NamedTuple

from crss_deck.difference import Difference
from crss_deck.hazards import Problem
from crss_deck.learner import CardId, DatabaseCheck, State, date_of
from crss_deck.note_types import NoteType
from crss_deck.package import Package, RenderedNote
from crss_deck.report import count_of
from crss_deck.verify_new import (
    NewImport,
    check_problems,
    day,
    fault_problems,
    have,
    key_of,
    keys_of,
    mentions,
)
from crss_deck.words import REFERENCE


class Upgrade(NamedTuple):
    """The last import of a learner, from before to after."""

    held: Package
    """What the learner had last got of each note and note type."""
    old: dict[str, RenderedNote]
    """The notes that the learner has, as they last came, by GUID."""
    new: dict[str, RenderedNote]
    """The notes of the package, by GUID."""
    former: dict[str, list[RenderedNote]]
    """All that the packages before made of each note."""
    earlier: str
    """The name of the package before."""
    newest: int
    """The latest date in any package before."""
    releases: frozenset[int]
    """The dates of all releases, if the package brings its deck.lock along."""
    fresh: NewImport
    difference: Difference
    changed: frozenset[str]
    """GUIDs of notes that the learner has and that the package changes."""
    before: State
    after: State
    media: dict[str, str]
    faults: dict[CardId, tuple[str, str]]
    check: DatabaseCheck
    updated: frozenset[str]
    conflicting: frozenset[str]
    touched: dict[str, int]
    """When the learner last changed a note, by GUID."""
    moved: frozenset[int]
    """Cards that the learner put into another deck."""

    @property
    def package(self) -> Package:
        """The package in question."""
        return self.fresh.package

    @property
    def kept(self) -> frozenset[str]:
        """Changed notes that the learner touched after they were dated, and which so stayed."""
        return frozenset(
            guid
            for guid in self.changed - self.updated - self.conflicting
            if self.old[guid].modified < self.new[guid].modified <= self.touched.get(guid, 0)
        )

    @property
    def skipped(self) -> bool:
        """Whether the deck had a release in between that the learner never had."""
        return any(self.newest < date < date_of(self.package) for date in self.releases)

    def published_before(self, date: int) -> bool:
        """Whether a date before the learner's last import can be that of a publication.

        So it is if another branch was released then, or if this package is newer all the same.
        """
        return date in self.releases or date_of(self.package) > self.newest

    def problem(self, name: str, message: str, guids: Iterable[str] = ()) -> Problem:
        """A problem with notes of the package, or with those that the learner has."""
        return Problem(name, message, keys_of((*self.package.notes, *self.held.notes), guids))


def notes_that_arrive(upgrade: Upgrade) -> Iterator[Problem]:
    """Changes that never come to the learner, or come only if the learner touched nothing."""
    old, new = upgrade.old, upgrade.new
    stuck = upgrade.changed - upgrade.updated - upgrade.conflicting
    silent = {guid for guid in stuck if new[guid].modified <= old[guid].modified}
    if silent:
        yield upgrade.problem(
            "update-would-not-arrive",
            f"{have(silent, 'changed note')} no later date than in {upgrade.earlier}"
            f"{_same_date(upgrade)}",
            silent,
        )
    early = {
        guid
        for guid in upgrade.changed
        if old[guid].modified < new[guid].modified <= upgrade.newest
        and not upgrade.published_before(new[guid].modified)
    }
    if early:
        yield upgrade.problem(
            "update-dated-early",
            f"{have(early, 'changed note')} a date before {day(upgrade.newest)},"
            f" the latest in {upgrade.earlier}",
            early,
        )
    if upgrade.kept:
        message = f"{have(upgrade.kept, 'changed note')} been touched by the learner since"
        empty = sum(guid in upgrade.kept for guid, _ in _new_faults(upgrade))
        if empty:
            message += f"; {count_of(empty, 'new card')} of them lack their text"
        yield upgrade.problem("kept-back", message, upgrade.kept)
    lost = stuck - silent - upgrade.kept
    lost |= {guid for guid in upgrade.updated if not _as_new(upgrade, guid)}
    lost |= {
        guid
        for guid in new
        if guid not in old and guid not in upgrade.conflicting and not _as_new(upgrade, guid)
    }
    one_way = upgrade.before.schema != upgrade.after.schema
    if one_way:
        message = "the import changes the structure of a note type that learners have"
        yield upgrade.problem("one-way-sync", message, lost)
    elif lost:
        message = f"{count_of(len(lost), 'note')} differ from what a new learner gets"
        yield upgrade.problem("update-did-not-arrive", message, lost)


def _same_date(upgrade: Upgrade) -> str:
    dates = {note.modified for note in upgrade.package.notes}
    if len(dates) == 1 and dates == {note.modified for note in upgrade.held.notes}:
        return f"; every note is always dated {day(dates.pop())}, so no update ever arrives"
    return ""


def _as_new(upgrade: Upgrade, guid: str) -> bool:
    """Whether a note shows what a new learner sees: fields, tags, and the bytes of media."""
    mine, theirs = upgrade.after.notes.get(guid), upgrade.fresh.state.notes.get(guid)
    if mine is None or theirs is None:
        return mine is theirs
    same_tags = {t.casefold() for t in mine.tags} == {t.casefold() for t in theirs.tags}
    shown = [_by_bytes(text, upgrade.media) for text in mine.fields]
    return same_tags and shown == [_by_bytes(text, upgrade.fresh.media) for text in theirs.fields]


def _by_bytes(text: str, media: dict[str, str]) -> str:
    """A text with each media file named by its content, since Anki may rename files."""

    def name(match: re.Match[str]) -> str:
        file = unescape("".join(filter(None, match.groups())))
        return media.get(file, file)

    return REFERENCE.sub(name, text)


def notes_that_stay(upgrade: Upgrade) -> Iterator[Problem]:
    """Notes that did not change: the learner's own words and tags on them stay."""
    before, after = upgrade.before.notes, upgrade.after.notes
    rewritten = upgrade.updated - upgrade.changed
    for guid in upgrade.old.keys() - upgrade.updated:
        kept = after.get(guid)
        if kept is None or (kept.fields, kept.tags) != (before[guid].fields, before[guid].tags):
            rewritten |= {guid}
    if rewritten and upgrade.skipped:
        message = f"{have(rewritten, 'note')} the same content, but a later date"
        yield upgrade.problem("changed-and-back", message, rewritten)
    elif rewritten:
        message = f"{have(rewritten, 'unchanged note')} a later date than in {upgrade.earlier}"
        dates = {note.modified for note in upgrade.package.notes}
        if len(dates) == 1:
            message += f"; the package dates every note {day(dates.pop())}, changed or not"
        yield upgrade.problem("unchanged-notes-rewritten", message, rewritten)
    if upgrade.difference.held:
        held = [note.guid for note in upgrade.difference.held]
        message = f"{count_of(len(held), 'note')} differ only by what newer tools write"
        yield upgrade.problem("note-held", message, held)
    gone = [guid for guid in upgrade.old if guid not in upgrade.new]
    if gone:
        are = "is" if len(gone) == 1 else "are"
        message = f"{count_of(len(gone), 'note')} that learners have {are} no longer in the package"
        yield upgrade.problem("retired-note-stays", message, gone)


def notes_once(upgrade: Upgrade) -> Iterator[Problem]:
    """Notes that come a second time, because their GUID is another one."""
    added = [note for guid, note in upgrade.new.items() if guid not in upgrade.before.notes]
    gone = [note for guid, note in upgrade.old.items() if guid not in upgrade.new]
    signs: dict[object, list[RenderedNote]] = {}
    for note in gone:
        for sign in _signs(note):
            signs.setdefault(sign, []).append(note)
    pairs, twins, left = [], set(), MAX_PAIRS
    for note in added:
        alike = [each for sign in _signs(note) for each in signs.get(sign, ())][:left]
        left -= len(alike)
        for each in alike:
            if each.guid not in twins and _same_note(each, note):
                twins.add(each.guid)
                pairs.append(note.guid)
                break
    if pairs:
        message = (
            f"{count_of(len(pairs), 'note')} that learners have come under another GUID,"
            " and the earlier ones are missing"
        )
        yield upgrade.problem("note-duplicated", message, pairs)


MAX_PAIRS = 100_000
"""So many pairs of a note that went and one that came are compared, and no more."""
ALIKE = 0.7
"""How much of a field stays where it is reworded."""


def _signs(note: RenderedNote) -> Iterator[object]:
    """What two notes of `_same_note` have in common: a key, the first field, or all but one."""
    texts = _texts(note)
    yield "key", key_of(note)
    yield from list(texts.items())[:1]
    for field in note.note_type.fields:
        if field.name != "Key":
            yield (
                field.name,
                tuple((name, text) for name, text in texts.items() if name != field.name),
            )


def _same_note(old: RenderedNote, new: RenderedNote) -> bool:
    """Whether a person would say that one is the other: by its key, or all but a reworded field.

    Under two different keys, they are one if they ask the same.
    """
    keyed = key_of(old) != old.guid and key_of(new) != new.guid
    if keyed and key_of(old) == key_of(new):
        return True
    before, after = _texts(old), _texts(new)
    if not before or not after:
        return False
    differing = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    if not differing or next(iter(before.items())) == next(iter(after.items())):
        return True
    if keyed or len(differing) > 1:
        return False
    texts = SequenceMatcher(None, before.get(differing[0], ""), after.get(differing[0], ""), False)
    return texts.quick_ratio() >= ALIKE and texts.ratio() >= ALIKE


def _texts(note: RenderedNote) -> dict[str, str]:
    fields = zip(note.note_type.fields, note.fields, strict=False)
    return {field.name: text for field, text in fields if text and field.name != "Key"}


def note_types(upgrade: Upgrade) -> Iterator[Problem]:
    """Notes that Anki refuses, because their note type is not the one it knows."""
    groups: dict[tuple[str, str], list[str]] = {}
    for guid in upgrade.conflicting:
        if guid in upgrade.old and guid in upgrade.new:
            found = _conflict(upgrade.old[guid].note_type, upgrade.new[guid].note_type)
            groups.setdefault(found, []).append(guid)
    extra = [
        each.name for id, each in upgrade.after.types.items() if id not in upgrade.before.types
    ]
    doubled = sorted(name for name in extra if name.endswith("+"))
    for (name, message), guids in sorted(groups.items()):
        if doubled:
            message += f"; new notes go to “{doubled[0]}”"
        yield upgrade.problem(name, f"{message}: {count_of(len(guids), 'note')} refused", guids)
    for id, stored in upgrade.before.types.items():
        if id in upgrade.after.types and upgrade.after.types[id].kind != stored.kind:
            notes = [note.guid for note in upgrade.package.notes if note.note_type.id == id]
            message = f"the note type “{stored.name}” is now of the other kind"
            yield upgrade.problem("note-type-kind-changed", message, notes)


def _conflict(old: NoteType, new: NoteType) -> tuple[str, str]:
    """The hazard of a note type that Anki takes for another one, and what is different."""
    if old.id != new.id:
        if old.kind != new.kind or old.name != new.name:
            return "note-changed-type", f"the note type changed from “{old.name}” to “{new.name}”"
        return "note-type-conflict", f"the note type “{new.name}” has another id"
    for what, before, after in (
        ("field", old.fields, new.fields),
        ("card template", old.templates, new.templates),
    ):
        names = [each.name for each in before], [each.name for each in after]
        ids = [each.id for each in before], [each.id for each in after]
        if names[0] == names[1] and ids[0] == ids[1]:
            continue
        if len(before) == len(after):
            if names[0] == names[1]:
                message = f"the note type “{new.name}” has other ids for its {what}s"
                return "note-type-ids-changed", message
            if sorted(names[0]) != sorted(names[1]) and (ids[0] == ids[1] or not all(ids[0])):
                message = f"the note type “{new.name}” has a renamed {what}"
                return "note-type-ids-changed", message
        return "note-type-conflict", f"the note type “{new.name}” has other {what}s"
    return "note-type-conflict", f"the note type “{new.name}” is built otherwise"


def designs(upgrade: Upgrade) -> Iterator[Problem]:
    """Templates and CSS: changes arrive, and a learner's own CSS stays where nothing changed."""
    held = {each.id: each for each in upgrade.held.note_types}
    for new in upgrade.package.note_types:
        old, stored = held.get(new.id), upgrade.after.types.get(new.id)
        fresh = upgrade.fresh.state.types.get(new.id)
        if old is None or stored is None or fresh is None or new.id not in upgrade.before.types:
            continue
        notes = {note.guid for note in upgrade.package.notes if note.note_type.id == new.id}
        if notes & upgrade.conflicting:
            continue
        if old._replace(modified=0) == new._replace(modified=0):
            if stored != upgrade.before.types[new.id]:
                yield Problem(
                    "changed-and-back" if upgrade.skipped else "unchanged-design-rewritten",
                    f"the note type “{new.name}” is the same, but dated later",
                )
        elif stored != fresh:
            what = f"the note type “{new.name}”"
            if new.modified <= old.modified:
                message = f"{what} changed, but is dated no later"
                yield Problem("design-would-not-arrive", message)
            elif new.modified > upgrade.newest:
                message = f"{what} does not look as a new learner sees it"
                yield Problem("update-did-not-arrive", message)
            elif upgrade.published_before(new.modified):
                yield Problem("kept-back", f"the learner changed the look of {what} since")
            else:
                message = f"{what} has a date before {day(upgrade.newest)}"
                yield Problem("update-dated-early", message)


def progress_kept(upgrade: Upgrade) -> Iterator[Problem]:
    """Every card that the learner had is there, under its id, as it was."""
    after = {card.id: card for card in upgrade.after.cards.values()}
    lost = [guid for (guid, _), card in upgrade.before.cards.items() if after.get(card.id) != card]
    if lost:
        message = f"{count_of(len(lost), 'card')} lost their schedule, deck, flag or history"
        yield upgrade.problem("card-lost-history", message, lost)


def card_numbers(upgrade: Upgrade) -> Iterator[Problem]:
    """Cards that come, that become empty, or that ask something else."""
    renumbered: dict[str, list[str]] = {}
    for change in upgrade.difference.cards:
        guid, match = change.note.guid, re.fullmatch(r"c(\d+)", change.card)
        if match is None:
            continue
        known = (guid, int(match.group(1)) - 1) in upgrade.before.cards
        again = change.change == "reused" or (change.change == "added" and known)
        if change.change == "moved":
            what = f"what {change.card} asked is now asked by {change.to}"
        elif again and not _came_back(upgrade, guid):
            what = f"the number {change.card} is used again"
        else:
            continue
        renumbered.setdefault(what, []).append(guid)
    for what, guids in renumbered.items():
        yield upgrade.problem("renumbered-cloze", what, guids)
    faults = {card: f for card, f in _new_faults(upgrade).items() if card[0] not in upgrade.kept}
    empty = [guid for (guid, _), (name, _) in faults.items() if name == "empty-card"]
    if empty:
        message = f"{count_of(len(empty), 'card')} of the learner ask nothing any more"
        yield upgrade.problem("card-became-empty", message, empty)
    others = {card: fault for card, fault in faults.items() if fault[0] != "empty-card"}
    yield from fault_problems(others, upgrade.problem)
    come = [
        card
        for card in upgrade.after.cards
        if card not in upgrade.before.cards and card[0] in upgrade.before.notes
    ]
    if come:
        message = f"{count_of(len(come), 'new card')} of notes that the learner has"
        yield upgrade.problem("card-added", message, (guid for guid, _ in come))
    check, known_check = upgrade.check, upgrade.fresh.check
    yield from check_problems(
        DatabaseCheck(
            [card for card in check.added if card not in known_check.added],
            [card for card in check.removed if card not in known_check.removed],
            [each for each in check.complaints if each not in known_check.complaints],
        ),
        upgrade.problem,
    )


def _new_faults(upgrade: Upgrade) -> dict[CardId, tuple[str, str]]:
    """Faults of cards that a new learner does not have."""
    return {
        card: fault
        for card, fault in upgrade.faults.items()
        if card[0] in upgrade.new and card not in upgrade.fresh.faults
    }


def _came_back(upgrade: Upgrade, guid: str) -> bool:
    """Whether a note is again as it once was, so that its cards ask what they asked."""
    return any(note.fields == upgrade.new[guid].fields for note in upgrade.former.get(guid, ()))


def decks(upgrade: Upgrade) -> Iterator[Problem]:
    """Cards that the learner has, and that the package has in another deck."""
    left: dict[tuple[str, str], list[str]] = {}
    for card, wanted in upgrade.fresh.state.cards.items():
        stored = upgrade.after.cards.get(card)
        if stored is None or stored.id in upgrade.moved:
            continue
        if stored.deck.casefold() != wanted.deck.casefold():
            left.setdefault((stored.deck, wanted.deck), []).append(card[0])
    name = "deck-renamed" if upgrade.difference.deck is not None else "card-not-moved"
    for (old, new), guids in sorted(left.items()):
        message = f"{count_of(len(guids), 'card')} stay in “{old}” instead of “{new}”"
        yield upgrade.problem(name, message, guids)


def media_replaced(upgrade: Upgrade) -> Iterator[Problem]:
    """Files whose content changed under a name that learners have."""
    for name, digest in upgrade.fresh.media.items():
        if upgrade.media.get(name) != digest:
            users = [n.guid for n in upgrade.package.notes if mentions("\x1f".join(n.fields), name)]
            message = f"{name} has another content than in {upgrade.earlier}"
            yield upgrade.problem("media-name-reused", message, users)


UPGRADE_CHECKS = (
    progress_kept,
    notes_that_arrive,
    notes_that_stay,
    notes_once,
    note_types,
    designs,
    card_numbers,
    decks,
    media_replaced,
)
"""What is asked of a package that is imported over earlier ones."""
