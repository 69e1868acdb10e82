"""A package in the real Anki: imported new, and over the packages that learners have.

Nothing here is a guess about Anki: each import, answer, edit and check is made by the library
`anki`, in a collection that is thrown away. `HAZARDS` lists all that can be found, and `rule`s are
those that a package must keep so that learners can update it. `learner.py` alone knows Anki.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from difflib import SequenceMatcher
from html import escape, unescape
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import quote

from crss_deck import __version__
from crss_deck.apkg import PackageError, read_apkg
from crss_deck.difference import Difference, compare
from crss_deck.learner import (
    REFERENCE,
    AnkiCollection,
    CardId,
    CrashError,
    DatabaseCheck,
    Learner,
    Log,
    RefusedError,
    State,
    anki_version,
    date_of,
    plain_text,
)
from crss_deck.lock import Release, iso, read_lock
from crss_deck.note_types import NoteType
from crss_deck.package import Package, RenderedNote
from crss_deck.report import count_of, printable
from crss_deck.source import Source

# ------------------------------------------------------------------ what can be found


class Hazard(NamedTuple):
    """What a package can do to a learner."""

    harm: str
    """One sentence."""
    rule: int = 0
    """The number of the rule for packages that it breaks, or 0."""


HAZARDS = MappingProxyType(
    {
        # one package
        "import-failed": Hazard("Anki refuses the file, and nothing of it is imported."),
        "anki-crashed": Hazard("Anki itself fails at what it does every day."),
        "replaces-collection": Hazard(
            "Anki takes a file of this name for a backup and replaces the learner's whole"
            " collection with it.",
            16,
        ),
        "note-not-imported": Hazard("Anki leaves these notes out, and no learner ever sees them."),
        "duplicate-guid": Hazard(
            "Learners get both notes, and every later update goes to one of them alone.", 1
        ),
        "note-id-zero": Hazard("Anki crashes when the learner runs Check Database.", 4),
        "date-in-future": Hazard(
            "Until that date comes, every update is dated earlier and never arrives.", 4
        ),
        "note-type-renamed": Hazard(
            "Anki has a note type of this name already and adds the deck's under another.", 5
        ),
        "note-type-without-ids": Hazard(
            "As soon as a field or a card template is renamed, Anki refuses every update of the"
            " notes that learners have.",
            6,
        ),
        "card-added-by-check": Hazard(
            "Learners lack these cards until they run Check Database, which then adds them"
            " without a word.",
            10,
        ),
        "card-removed-by-check": Hazard("Check Database deletes these cards and their history."),
        "empty-card": Hazard("Anki shows a message about an empty card instead of a question.", 10),
        "unrenderable-card": Hazard("Anki shows a message about a broken template instead."),
        "empty-question": Hazard("The learner is shown a blank page and is to answer it."),
        "answer-equals-question": Hazard("The answer shows nothing that the question did not."),
        "deck-name-changed": Hazard(
            "Anki puts the cards into a deck with a name that the author did not choose.", 11
        ),
        "duplicate-media-name": Hazard("Of files with one name, Anki takes over just one.", 12),
        "missing-media": Hazard("The learner sees a broken picture, or hears nothing.", 13),
        "media-not-imported": Hazard(
            "Anki does not see that the file is used, leaves it out, and it is missing.", 13
        ),
        "unused-media": Hazard("The file makes the download larger, and Anki leaves it out.", 13),
        "due-out-of-range": Hazard(
            "Check Database complains to the learner about the place of new cards.", 14
        ),
        "no-card-order": Hazard(
            "New cards have no order of their own, and notes added later always come last.", 14
        ),
        "database-fault": Hazard("Check Database finds faults in the learner's collection."),
        # an upgrade
        "note-duplicated": Hazard(
            "The learner gets the note a second time, as a new one; the first stays, is asked on,"
            " and never gets an update.",
            1,
        ),
        "update-would-not-arrive": Hazard(
            "Whoever has the note keeps the old text, however often they import.", 2
        ),
        "unchanged-notes-rewritten": Hazard(
            "The learner's own tags (`marked` and `leech` too) and edits on these notes are lost,"
            " though nothing in them changed.",
            3,
        ),
        "update-dated-early": Hazard(
            "Whoever tagged, marked or edited the note since the earlier release keeps the old"
            " text.",
            4,
        ),
        "kept-back": Hazard(
            "Kept back by the learner's own change: who touched the note after it was dated keeps"
            " the old text, until they import with *Update notes: Always*.",
            4,
        ),
        "note-type-conflict": Hazard(
            "Anki refuses every update of the notes that learners have, and puts new ones into a"
            " second note type.",
            5,
        ),
        "one-way-sync": Hazard(
            "Anki rebuilds the note type, does not take over the new text, and the next sync asks"
            " the learner to overwrite one side.",
            5,
        ),
        "note-type-ids-changed": Hazard(
            "Fields or card templates lost the ids by which Anki knows them, so it refuses every"
            " update of the notes that learners have.",
            6,
        ),
        "design-would-not-arrive": Hazard("Learners keep the old look and the old templates.", 7),
        "unchanged-design-rewritten": Hazard(
            "The learner's own changes to the note type's look are lost, though nothing in it"
            " changed.",
            7,
        ),
        "note-changed-type": Hazard(
            "Anki refuses a note that comes under another note type, and the old text stays.", 8
        ),
        "note-type-kind-changed": Hazard(
            "Every note of the type turns from basic to cloze or back, without a word.", 8
        ),
        "renumbered-cloze": Hazard(
            "The card keeps its schedule and history but asks something else: the learner is taken"
            " to know what they never saw.",
            9,
        ),
        "card-became-empty": Hazard(
            "The card stays, and shows “No cloze found” or a blank front, until the learner runs"
            " Empty Cards.",
            9,
        ),
        "card-added": Hazard("The learner gets a new card of a note they know.", 9),
        "deck-renamed": Hazard(
            "Cards that the learner has stay under the old name; new ones come under the new.", 11
        ),
        "card-not-moved": Hazard(
            "Cards that the learner has stay in their deck; only new ones go to the other.", 11
        ),
        "media-name-reused": Hazard(
            "Under a name that learners have, the old picture or sound stays.", 12
        ),
        "retired-note-stays": Hazard(
            "The note stays with everybody who has it, is asked on, and gets no update.", 17
        ),
        "changed-and-back": Hazard(
            "A release that this learner skipped changed it, and a later one changed it back; the"
            " learner's own tags and edits on it are lost.",
            3,
        ),
        "note-held": Hazard(
            "Newer tools write the note differently; learners see that when it next changes."
        ),
        "update-did-not-arrive": Hazard("Notes do not show what a new learner sees."),
        "card-lost-history": Hazard("The learner's progress on these cards is lost or altered."),
    }
)
"""All that can be found, by name. A name never changes once it is released."""

REMARKS = frozenset(
    {
        *("note-type-without-ids", "unused-media", "kept-back", "card-added", "card-not-moved"),
        *("retired-note-stays", "changed-and-back", "note-held"),
    }
)
"""What a good release may bring along: said, but no problem."""

ALLOWED = MappingProxyType(
    {
        "card-removed": "card-became-empty",
        "deck-renamed": "deck-renamed",
        "number-moved": "renumbered-cloze",
        "number-reused": "renumbered-cloze",
    }
)
"""What `release --allow` accepts, and what is then found here."""


class VerifyError(Exception):
    """Nothing could be verified: Anki is missing, or a file is no package that can be read."""


class Problem(NamedTuple):
    """One thing that a learner would suffer from, or would notice."""

    name: str
    message: str
    notes: tuple[str, ...] = ()
    """Keys, or GUIDs of notes without a field Key."""

    @property
    def hazard(self) -> Hazard:
        """What it does to a learner, and which rule it breaks."""
        return HAZARDS[self.name]

    @property
    def rule(self) -> int:
        """The number of the rule that it breaks, or 0."""
        return self.hazard.rule


class Import(NamedTuple):
    """One import, with what Anki says came of the notes."""

    file: str
    date: int
    """The latest date of a note or note type in the package."""
    new: int
    updated: int
    duplicate: int
    conflicting: int


class Verification(NamedTuple):
    """What the real Anki made of a package."""

    anki: str
    """The version of Anki."""
    file: str
    notes: int
    cards: int
    media: int
    imports: tuple[Import, ...]
    """In order, into one collection; the last is the package in question."""
    studied: int
    """How many cards the learner had studied before the last import."""
    announced: int
    """How many notes that the learner has are changed by the last import's package."""
    problems: tuple[Problem, ...]
    remarks: tuple[Problem, ...]
    """What a good release may bring along, and problems that were allowed."""

    @property
    def ok(self) -> bool:
        """Whether no problem was found."""
        return not self.problems

    def to_text(self) -> str:
        """The whole finding for people."""
        return "\n".join(_text_lines(self)) + "\n"

    def to_json(self) -> str:
        """The finding as one JSON document, in ASCII.

        `format` is 1; it changes when a key changes its meaning or goes, not when one is added.
        `imports` is a list of objects with the fields of `Import`; `problems` and `remarks` are
        lists of objects with `name`, `rule` (a number, or null), `message`, `harm` and `notes`.
        """
        report = {
            "format": JSON_FORMAT,
            "crss_deck": __version__,
            "anki": self.anki,
            "ok": self.ok,
            "file": self.file,
            "notes": self.notes,
            "cards": self.cards,
            "media": self.media,
            "imports": [{**each._asdict(), "date": _day(each.date)} for each in self.imports],
            "studied": self.studied,
            "announced": self.announced,
            "problems": [_plain(problem) for problem in self.problems],
            "remarks": [_plain(problem) for problem in self.remarks],
        }
        return json.dumps(report, indent=2)


# ------------------------------------------------------------------ the whole verification

JSON_FORMAT = 1
CLOCK_TOLERANCE = 300
"""Seconds that a date may seem to lie ahead of this machine's clock."""


def verify_package(
    path: str | os.PathLike[str],
    upgrade_from: Sequence[str | os.PathLike[str]] = (),
    *,
    allow: Collection[str] = (),
    clock: int | None = None,
    progress: Callable[[str], object] = lambda step: None,
) -> Verification:
    """Import a package into the real Anki, and say what a learner would suffer from.

    With `upgrade_from`, a learner imports those packages in that order, studies and changes things
    after each, and then gets the package in question; what happens then is judged, and compared
    with what a new learner sees. `allow` names hazards that are known and accepted; so are those
    that a release since the first of those packages was made with, says the package's deck.lock.
    `clock` is the present in seconds since 1970, by default now. `progress` is told each step.
    Raises VerifyError if Anki is missing or a file is no package that can be read, and OSError if
    it cannot be opened.
    """
    unknown = sorted(set(allow) - set(HAZARDS))
    if unknown:
        raise ValueError(f"there is no hazard {unknown[0]!r}")
    try:
        version = anki_version()
    except ImportError as error:
        raise VerifyError(f"Anki is needed ({error}): pip install crss-deck[anki]") from None
    paths = [Path(each) for each in (*upgrade_from, path)]
    packages = [_read(each) for each in paths]
    run = _Run(paths, packages, int(time.time()) if clock is None else clock, progress)
    try:
        with TemporaryDirectory(prefix="crss-deck-") as folder:
            run.new_learner(Path(folder) / "new")
            if upgrade_from:
                run.upgrading_learner(Path(folder) / "learner")
    except RefusedError as error:
        run.found.append(Problem("import-failed", f"Anki refuses {error.file}: {error}"))
    except CrashError as error:
        run.found.append(Problem("anki-crashed", f"Anki says: {error}"))
    harmless = REMARKS | set(allow) | _allowed_since(packages[0], packages[-1])
    return Verification(
        anki=version,
        file=paths[-1].name,
        notes=len(packages[-1].notes),
        cards=packages[-1].card_count,
        media=len(packages[-1].media),
        imports=tuple(run.imports),
        studied=run.studied,
        announced=run.announced,
        problems=tuple(problem for problem in run.found if problem.name not in harmless),
        remarks=tuple(problem for problem in run.found if problem.name in harmless),
    )


def _read(path: Path) -> Package:
    try:
        package = read_apkg(path)
    except PackageError as error:
        raise VerifyError(f"{path}: {error}") from None
    if not _is_sound(package):
        raise VerifyError(f"{path}: the collection inside does not hold what Anki writes")
    return package


def _is_sound(package: Package) -> bool:
    """Whether texts are texts and numbers are numbers: SQLite and JSON take anything."""
    texts: list[object] = [text for deck in package.decks for text in deck]
    numbers: list[object] = []
    for note in package.notes:
        texts += note.guid, note.deck
        numbers += note.due, note.modified, *note.cards
    for note_type in package.note_types:
        texts += note_type.name, note_type.css
        numbers.append(note_type.modified)
        for template in note_type.templates:
            texts += template.name, template.front, template.back
            numbers.append(template.id)
        for field in note_type.fields:
            texts.append(field.name)
            numbers.append(field.id)
    return all(isinstance(each, str) for each in texts) and all(
        isinstance(each, int) for each in numbers
    )


class _Run:
    """One verification, as far as it has come."""

    def __init__(
        self,
        paths: Sequence[Path],
        packages: Sequence[Package],
        clock: int,
        progress: Callable[[str], object],
    ) -> None:
        self._paths, self._packages, self._clock = paths, packages, clock
        self._progress = progress
        self.found: list[Problem] = []
        self.imports: list[Import] = []
        self.studied = self.announced = 0

    def new_learner(self, folder: Path) -> None:
        """What somebody gets who never had an earlier package."""
        path, package = self._paths[-1], self._packages[-1]
        self._progress(f"importing {path.name}")
        with AnkiCollection(folder) as anki:
            log = anki.import_package(path)
            self.imports.append(_import_of(path, package, log))
            state = anki.state()
            self._fresh = _Fresh(
                path=path,
                package=package,
                clock=self._clock,
                state=state,
                media=anki.media(),
                faults=anki.faults(),
                missing=anki.missing_media(),
                check=anki.check_database(state),
            )
        self.found += [problem for check in CHECKS for problem in check(self._fresh)]

    def upgrading_learner(self, folder: Path) -> None:
        """What somebody gets who imported earlier packages, and studied them."""
        self.imports = []
        former: dict[str, list[RenderedNote]] = {}
        with AnkiCollection(folder) as anki:
            learner = Learner(anki)
            for path, package, following in zip(
                self._paths[:-1], self._packages[:-1], self._packages[1:], strict=True
            ):
                self._progress(f"studying {path.name}")
                log = learner.import_package(path, package)
                self.imports.append(_import_of(path, package, log))
                for note in package.notes:
                    former.setdefault(note.guid, []).append(note)
                learner.study(following)
            before = anki.state()
            self.studied = sum(bool(card.history) for card in before.cards.values())
            path, package = self._paths[-1], self._packages[-1]
            old, new = dict(learner.notes), {note.guid: note for note in package.notes}
            held = self._packages[-2]._replace(
                notes=tuple(old.values()), note_types=tuple(learner.note_types.values())
            )
            difference = compare(held, package)
            # Notes that only newer tools write differently keep their date on purpose.
            changed = learner.changed_by(package) - {note.guid for note in difference.held}
            self.announced = len(changed)
            touched, newest = dict(learner.touched), learner.newest
            self._progress(f"upgrading to {path.name}")
            log = learner.import_package(path, package)
            self.imports.append(_import_of(path, package, log))
            after = anki.state()
            guids = {note.id: guid for guid, note in after.notes.items()}
            upgrade = _Upgrade(
                held=held,
                old=old,
                new=new,
                former=former,
                earlier=self._paths[-2].name,
                newest=newest,
                releases=frozenset(release.date for release in _releases(package)),
                fresh=self._fresh,
                difference=difference,
                changed=frozenset(changed),
                before=before,
                after=after,
                media=anki.media(),
                faults=anki.faults(),
                check=anki.check_database(after),
                updated=frozenset(guids[number] for number in log.updated if number in guids),
                conflicting=frozenset(
                    guid
                    for guid, note in self._fresh.state.notes.items()
                    if note.id in log.conflicting and guid in before.notes
                ),
                touched=touched,
                moved=frozenset(learner.moved),
            )
        self.found += [problem for check in UPGRADE_CHECKS for problem in check(upgrade)]


def _releases(package: Package) -> tuple[Release, ...]:
    """All releases, if the package brings its deck.lock along."""
    lock = read_lock(Source("deck.lock", package.lock), lambda _: None) if package.lock else None
    return lock.releases if lock is not None else ()


def _allowed_since(old: Package, new: Package) -> set[str]:
    """What releases after that of a package could cost learners, and were made all the same."""
    known = {release.version for release in _releases(old)}
    if not known:
        return set()
    later = [release for release in _releases(new) if release.version not in known]
    return {ALLOWED[kind] for release in later for kind in release.allow if kind in ALLOWED}


def _import_of(path: Path, package: Package, log: Log) -> Import:
    counts = (len(ids) for ids in log)
    return Import(path.name, date_of(package), *counts)


# ------------------------------------------------------------------ one package, imported new


class _Fresh(NamedTuple):
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
        return Problem(name, message, _keys(self.package.notes, guids))


def _keys(notes: Iterable[RenderedNote], guids: Iterable[str]) -> tuple[str, ...]:
    """How people call the notes with these GUIDs, in curriculum order."""
    wanted = set(guids)
    found: dict[str, RenderedNote] = {}
    for note in notes:
        if note.guid in wanted:
            found.setdefault(note.guid, note)
    return tuple(_key(note) for note in sorted(found.values(), key=lambda note: note.due))


def _key(note: RenderedNote) -> str:
    for field, value in zip(note.note_type.fields, note.fields, strict=False):
        if field.name == "Key" and value:
            return unescape(value)
    return note.guid


def file_name(fresh: _Fresh) -> Iterator[Problem]:
    """A name that Anki's desktop program keeps for backups."""
    name = fresh.path.name.lower()
    if name == "collection.apkg" or (name.startswith("backup-") and name.endswith(".apkg")):
        yield fresh.problem("replaces-collection", f"the file is called {fresh.path.name}")


def lost_notes(fresh: _Fresh) -> Iterator[Problem]:
    """Notes that Anki did not take over, and pairs that share a GUID."""
    counts = Counter(note.guid for note in fresh.package.notes)
    lost = [guid for guid in counts if guid not in fresh.state.notes]
    if lost:
        yield fresh.problem("note-not-imported", f"{_have(lost, 'note')} not arrived in Anki", lost)
    shared = [guid for guid, number in counts.items() if number > 1]
    if shared:
        keys = (_key(note) for note in fresh.package.notes if counts[note.guid] > 1)
        number = sum(counts[guid] for guid in shared)
        message = f"{count_of(number, 'note')} have a GUID that is not theirs alone"
        yield Problem("duplicate-guid", message, tuple(keys))


def dates(fresh: _Fresh) -> Iterator[Problem]:
    """Ids and dates that Anki cannot live with."""
    zero = [guid for guid, note in fresh.state.notes.items() if note.id == 0]
    if zero:
        yield fresh.problem("note-id-zero", "a note has the id 0, as if it were made in 1970", zero)
    limit = fresh.clock + CLOCK_TOLERANCE
    late = [note for note in fresh.package.notes if note.modified > limit]
    newest = max(date_of(fresh.package), fresh.package.stamp)
    if newest > limit:
        what = _have(late, "note") if late else "something in the package has"
        yield fresh.problem(
            "date-in-future",
            f"{what} a date ahead of the clock: {_day(newest)}",
            (note.guid for note in late),
        )


def types(fresh: _Fresh) -> Iterator[Problem]:
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


def cards(fresh: _Fresh) -> Iterator[Problem]:
    """Cards that are not as Anki itself would make them, or that ask nothing."""
    yield from _check_problems(fresh.check, fresh.problem)
    yield from _fault_problems(fresh.faults, fresh.problem)


_MakeProblem = Callable[[str, str, Iterable[str]], Problem]


def _check_problems(check: DatabaseCheck, problem: _MakeProblem) -> Iterator[Problem]:
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


def _fault_problems(
    faults: dict[CardId, tuple[str, str]], problem: _MakeProblem
) -> Iterator[Problem]:
    groups: dict[tuple[str, str], list[str]] = {}
    for (guid, _), fault in faults.items():
        groups.setdefault(fault, []).append(guid)
    for (name, message), guids in sorted(groups.items()):
        yield problem(name, f"{count_of(len(guids), 'card')}: {message}", guids)


def deck_names(fresh: _Fresh) -> Iterator[Problem]:
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


def media(fresh: _Fresh) -> Iterator[Problem]:
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
        users = [guid for guid, text in texts.items() if _mentions(text, name)]
        yield fresh.problem("missing-media", f"{name} is used, and not there", users)
    for name in sorted(not_imported):
        users = [guid for guid, text in texts.items() if _mentions(text, name)]
        if users or any(_mentions(design, name) for design in designs):
            message = f"{name} is used where Anki looks for no file"
            yield fresh.problem("media-not-imported", message, users)
        else:
            yield Problem("unused-media", f"{name} is not used")


def _mentions(text: str, name: str) -> bool:
    return any(form in text for form in (name, escape(name), quote(name)))


MAX_DUE = 1_000_000


def order(fresh: _Fresh) -> Iterator[Problem]:
    """The order of new cards."""
    late = [note for note in fresh.package.notes if note.due >= MAX_DUE]
    if late:
        message = f"{_have(late, 'note')} a place among new cards beyond a million"
        yield fresh.problem("due-out-of-range", message, (note.guid for note in late))
    if len(fresh.package.notes) > 1 and len({note.due for note in fresh.package.notes}) == 1:
        message = "all notes have the same place among new cards"
        yield fresh.problem("no-card-order", message)


CHECKS = (file_name, lost_notes, dates, types, deck_names, cards, media, order)
"""What is asked of a package that is imported new."""


# ------------------------------------------------------------------ a learner, and an upgrade


class _Upgrade(NamedTuple):
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
    fresh: _Fresh
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
        return Problem(name, message, _keys((*self.package.notes, *self.held.notes), guids))


def notes_that_arrive(upgrade: _Upgrade) -> Iterator[Problem]:
    """Changes that never come to the learner, or come only if the learner touched nothing."""
    old, new = upgrade.old, upgrade.new
    stuck = upgrade.changed - upgrade.updated - upgrade.conflicting
    silent = {guid for guid in stuck if new[guid].modified <= old[guid].modified}
    if silent:
        yield upgrade.problem(
            "update-would-not-arrive",
            f"{_have(silent, 'changed note')} no later date than in {upgrade.earlier}"
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
            f"{_have(early, 'changed note')} a date before {_day(upgrade.newest)},"
            f" the latest in {upgrade.earlier}",
            early,
        )
    if upgrade.kept:
        message = f"{_have(upgrade.kept, 'changed note')} been touched by the learner since"
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


def _same_date(upgrade: _Upgrade) -> str:
    dates = {note.modified for note in upgrade.package.notes}
    if len(dates) == 1 and dates == {note.modified for note in upgrade.held.notes}:
        return f"; every note is always dated {_day(dates.pop())}, so no update ever arrives"
    return ""


def _as_new(upgrade: _Upgrade, guid: str) -> bool:
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


def notes_that_stay(upgrade: _Upgrade) -> Iterator[Problem]:
    """Notes that did not change: the learner's own words and tags on them stay."""
    before, after = upgrade.before.notes, upgrade.after.notes
    rewritten = upgrade.updated - upgrade.changed
    for guid in upgrade.old.keys() - upgrade.updated:
        kept = after.get(guid)
        if kept is None or (kept.fields, kept.tags) != (before[guid].fields, before[guid].tags):
            rewritten |= {guid}
    if rewritten and upgrade.skipped:
        message = f"{_have(rewritten, 'note')} the same content, but a later date"
        yield upgrade.problem("changed-and-back", message, rewritten)
    elif rewritten:
        message = f"{_have(rewritten, 'unchanged note')} a later date than in {upgrade.earlier}"
        dates = {note.modified for note in upgrade.package.notes}
        if len(dates) == 1:
            message += f"; the package dates every note {_day(dates.pop())}, changed or not"
        yield upgrade.problem("unchanged-notes-rewritten", message, rewritten)
    if upgrade.difference.held:
        held = [note.guid for note in upgrade.difference.held]
        message = f"{count_of(len(held), 'note')} differ only by what newer tools write"
        yield upgrade.problem("note-held", message, held)
    gone = [guid for guid in upgrade.old if guid not in upgrade.new]
    if gone:
        message = f"{count_of(len(gone), 'note')} that learners have left the package"
        yield upgrade.problem("retired-note-stays", message, gone)


def notes_once(upgrade: _Upgrade) -> Iterator[Problem]:
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
    yield "key", _key(note)
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
    keyed = _key(old) != old.guid and _key(new) != new.guid
    if keyed and _key(old) == _key(new):
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


def note_types(upgrade: _Upgrade) -> Iterator[Problem]:
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


def designs(upgrade: _Upgrade) -> Iterator[Problem]:
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
                message = f"{what} has a date before {_day(upgrade.newest)}"
                yield Problem("update-dated-early", message)


def progress_kept(upgrade: _Upgrade) -> Iterator[Problem]:
    """Every card that the learner had is there, under its id, as it was."""
    after = {card.id: card for card in upgrade.after.cards.values()}
    lost = [guid for (guid, _), card in upgrade.before.cards.items() if after.get(card.id) != card]
    if lost:
        message = f"{count_of(len(lost), 'card')} lost their schedule, deck, flag or history"
        yield upgrade.problem("card-lost-history", message, lost)


def card_numbers(upgrade: _Upgrade) -> Iterator[Problem]:
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
    yield from _fault_problems(others, upgrade.problem)
    come = [
        card
        for card in upgrade.after.cards
        if card not in upgrade.before.cards and card[0] in upgrade.before.notes
    ]
    if come:
        message = f"{count_of(len(come), 'new card')} of notes that the learner has"
        yield upgrade.problem("card-added", message, (guid for guid, _ in come))
    check, known_check = upgrade.check, upgrade.fresh.check
    yield from _check_problems(
        DatabaseCheck(
            [card for card in check.added if card not in known_check.added],
            [card for card in check.removed if card not in known_check.removed],
            [each for each in check.complaints if each not in known_check.complaints],
        ),
        upgrade.problem,
    )


def _new_faults(upgrade: _Upgrade) -> dict[CardId, tuple[str, str]]:
    """Faults of cards that a new learner does not have."""
    return {
        card: fault
        for card, fault in upgrade.faults.items()
        if card[0] in upgrade.new and card not in upgrade.fresh.faults
    }


def _came_back(upgrade: _Upgrade, guid: str) -> bool:
    """Whether a note is again as it once was, so that its cards ask what they asked."""
    return any(note.fields == upgrade.new[guid].fields for note in upgrade.former.get(guid, ()))


def decks(upgrade: _Upgrade) -> Iterator[Problem]:
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


def media_replaced(upgrade: _Upgrade) -> Iterator[Problem]:
    """Files whose content changed under a name that learners have."""
    for name, digest in upgrade.fresh.media.items():
        if upgrade.media.get(name) != digest:
            users = [
                n.guid for n in upgrade.package.notes if _mentions("\x1f".join(n.fields), name)
            ]
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


# ------------------------------------------------------------------ for people, and for programs

SHOWN_NOTES = 10


def _day(second: int) -> str:
    """A date for people, however odd."""
    try:
        return iso(second)
    except (OverflowError, ValueError, OSError):
        return f"{second} seconds"


def _have(things: Collection[object], noun: str) -> str:
    """`1 note has`, `2 notes have`."""
    return f"{count_of(len(things), noun)} {'has' if len(things) == 1 else 'have'}"


def _text_lines(found: Verification) -> Iterator[str]:
    counts = [count_of(found.notes, "note"), count_of(found.cards, "card")]
    if found.media:
        counts.append(count_of(found.media, "media file"))
    yield f"{printable(found.file)}: {', '.join(counts)}; tried in Anki {found.anki}"
    for each in found.imports:
        outcomes = [f"{getattr(each, name)} {name}" for name in _OUTCOMES if getattr(each, name)]
        yield f"  imported {printable(each.file)}: {', '.join(outcomes) or 'nothing'}"
    if found.studied:
        yield (
            f"  before the last import, {count_of(found.studied, 'card')} were studied, and notes"
            " tagged, marked and edited"
        )
        kept = not any(problem.name == "card-lost-history" for problem in found.problems)
        if kept and len(found.imports) > 1:
            yield "  every card kept its id, schedule, deck and history"
            yield f"  of the learner's notes, the package changes {found.announced}"
    for kind, problems in (("problem", found.problems), ("remark", found.remarks)):
        for problem in problems:
            yield ""
            yield f"{kind}[{problem.name}]: {printable(problem.message)}"
            rule = f" (rule {problem.rule})" if problem.rule else ""
            yield f"  what happens: {problem.hazard.harm}{rule}"
            if problem.notes:
                yield f"  notes: {_listed(problem.notes)}"
    yield ""
    yield count_of(len(found.problems), "problem") if found.problems else "no problem found"


_OUTCOMES = ("new", "updated", "duplicate", "conflicting")


def _listed(notes: tuple[str, ...]) -> str:
    shown = ", ".join(printable(note) for note in notes[:SHOWN_NOTES])
    more = len(notes) - SHOWN_NOTES
    return f"{shown} and {more} more" if more > 0 else shown


def _plain(problem: Problem) -> dict[str, object]:
    return {
        "name": problem.name,
        "rule": problem.rule or None,
        "message": problem.message,
        "harm": problem.hazard.harm,
        "notes": list(problem.notes),
    }
