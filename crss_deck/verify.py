"""A package in the real Anki: imported new, and over the packages that learners have.

Nothing here is a guess about Anki: each import, answer, edit and check is made by the library
`anki`, in a collection that is thrown away. What is asked of a package is in `verify_new.py` and
`verify_upgrade.py`; `learner.py` alone knows Anki.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from crss_deck import __version__
from crss_deck.apkg import PackageError, read_apkg
from crss_deck.difference import compare
from crss_deck.hazards import ALLOWED, HAZARDS, REMARKS, Problem
from crss_deck.learner import (
    AnkiCollection,
    CrashError,
    Learner,
    Log,
    RefusedError,
    anki_version,
    date_of,
)
from crss_deck.lock import Release, read_lock
from crss_deck.package import Package, RenderedNote
from crss_deck.report import count_of, printable
from crss_deck.source import Source
from crss_deck.verify_new import NEW_CHECKS, NewImport, day
from crss_deck.verify_upgrade import UPGRADE_CHECKS, Upgrade


class VerifyError(Exception):
    """Nothing could be verified: Anki is missing, or a file is no package that can be read."""


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
            "imports": [{**each._asdict(), "date": day(each.date)} for each in self.imports],
            "studied": self.studied,
            "announced": self.announced,
            "problems": [_plain(problem) for problem in self.problems],
            "remarks": [_plain(problem) for problem in self.remarks],
        }
        return json.dumps(report, indent=2)


# ------------------------------------------------------------------ the whole verification

JSON_FORMAT = 1


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
    for file, package in zip(paths, packages, strict=True):
        _check_delimiters(file, package, version)
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
        raise VerifyError(str(error)) from None
    if not _is_sound(package):
        raise VerifyError(f"{path}: the collection inside does not hold what Anki writes")
    return package


def _check_delimiters(path: Path, package: Package, version: str) -> None:
    """Before 25.02, a `{{=<% %>=}}` with a `<%` that is not closed makes Anki take all memory."""
    old = [*map(int, re.findall(r"[0-9]+", version))] < [25, 2]
    templates = [template for each in package.note_types for template in each.templates]
    if old and any("{{=" in template.front + template.back for template in templates):
        raise VerifyError(
            f"{path}: a template sets other marks for fields (`{{{{=`), over which Anki {version}"
            " can run out of memory: verify it in Anki 25.02 or newer"
        )


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
            self._fresh = NewImport(
                path=path,
                package=package,
                clock=self._clock,
                state=state,
                media=anki.media(),
                faults=anki.faults(),
                missing=anki.missing_media(),
                check=anki.check_database(state),
            )
        self.found += [problem for check in NEW_CHECKS for problem in check(self._fresh)]

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
            upgrade = Upgrade(
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


# ------------------------------------------------------------------ for people, and for programs

SHOWN_NOTES = 10


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
            yield f"  what happens: {problem.hazard.harm}"
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
