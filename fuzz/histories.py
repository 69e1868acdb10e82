"""Random release histories, with the real Anki as the judge.

    python fuzz/histories.py --histories 500 --seed 1

An author edits, reflows, renames, retires and brings back notes, meets newer tools, makes hotfixes
beside main and merges them; a few learners import some of the releases, study, edit, tag, suspend.
In the end all import the newest release. The model is the design of releases: which notes each
release has to date, which notes each import has to touch, and what every learner sees at last. (Up
to Anki 24.11, a note that an import has updated misses what had been released before that import.)
A history that breaks is told by its seed; `--histories 1 --seed` with that number plays it again.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import anki.collection  # must be the first module of Anki to be imported
from anki.cards import CardId
from anki.decks import DeckId
from anki.notes import Note, NoteId
from anki_helper import DATES_UPDATES_ITSELF, answer, import_package, new_collection
from deck_helper import PEER_PNG
from release_helper import tools, union

from crss_deck import SourceFolder, compile_deck
from crss_deck.apkg import package_bytes
from crss_deck.folder import CHANGELOG, LOCK, MANIFEST
from crss_deck.hazards import RELEASE_HAZARDS
from crss_deck.identity import note_guid
from crss_deck.package import content_digest
from crss_deck.release import ReleaseError, plan_release

DECK = "walk"
START = 1_500_000_000
"""Long ago, so that whatever a learner does lies before the clock of this machine."""
STEPS = 12
WORDS = ("amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "heath", "inlet", "jetty")


# ------------------------------------------------------------------ an author


class Written(NamedTuple):
    """A note as an author has written it."""

    kind: str
    words: str
    answers: tuple[tuple[int, str], ...]
    """By card number; of a basic note the one answer, under 0."""
    tags: tuple[str, ...] = ()
    picture: int = 0
    """Which picture it shows, if any."""
    emphasis: bool = False
    """Whether newer tools write other HTML for it."""
    reversed: bool = False
    style: int = 0
    """How the source is laid out; learners see no difference."""

    @property
    def source(self) -> Written:
        """What the author has typed between the outer blank lines of the note."""
        return self._replace(style=self.style % 2)

    @property
    def meaning(self) -> Written:
        """What learners see, whatever the layout."""
        return self._replace(style=0)

    def markdown(self, origin: str, key: str) -> str:
        """The note in a notes file."""
        mark, gap = ("_", "\n") if self.style % 2 else ("*", " ")
        text = f"{self.words}{gap}goes on"
        if self.emphasis:
            text += f" {mark}and on{mark}"
        if self.picture:
            text += f" ![a dot]({origin}.png)"
        if self.kind == "basic":
            text = f"Q: {text}\n\nA: {self.answers[0][1]}"
        else:
            text += "".join(f" {{{{c{number}::{answer}}}}}" for number, answer in self.answers)
        entries = [f"id: {key}"]
        entries += [f"was: {origin}"] if key != origin else []
        entries += [f"tags: {' '.join(self.tags)}"] if self.tags else []
        entries += ["reversed"] if self.reversed else []
        return f"{text}\n<!-- {'; '.join(entries)} -->\n{chr(10) * (self.style // 2)}\n"


class Line(NamedTuple):
    """What the model's lock says of a note: when it last changed, and in which form it is known."""

    date: int
    source: Written
    rendered: tuple[Written, int]
    key: str


class Branch:
    """A line of work: the notes as they are now, and what was released of them."""

    def __init__(self) -> None:
        self.notes: dict[str, tuple[str, Written]] = {}
        """By origin, in curriculum order: the key and the text."""
        self.retired: dict[str, tuple[str, Written]] = {}
        self.names: dict[str, tuple[str, ...]] = {}
        """Every name that a note was released under."""
        self.numbers: dict[str, frozenset[int]] = {}
        """Every card number that a note was released with."""
        self.lines: dict[str, frozenset[Line]] = {}
        self.deck_name = "Walk"
        self.version = "1.0.0"
        self.lock = ""
        self.changelog = ""
        self.generation = 0

    def copy(self) -> Branch:
        """Another branch from here."""
        other = Branch()
        for name, value in vars(self).items():
            setattr(other, name, dict(value) if isinstance(value, dict) else value)
        return other

    def folder(self) -> SourceFolder:
        """The source folder."""
        files: dict[str, str | bytes] = {
            MANIFEST: f'format = 1\nid = "{DECK}"\nname = "{self.deck_name}"\n'
            f'version = "{self.version}"\ntag_root = "W"\n',
            "notes.md": "".join(
                written.markdown(origin, key) for origin, (key, written) in self.notes.items()
            ),
        }
        for origin, (_, written) in self.notes.items():
            if written.picture:
                files[f"{origin}.png"] = PEER_PNG + bytes([written.picture])
        if self.lock:
            files |= {LOCK: self.lock, CHANGELOG: self.changelog}
        return SourceFolder.of(files)

    def form(self, written: Written) -> tuple[Written, int]:
        """What today's tools make of a text."""
        return written.meaning, self.generation if written.emphasis else 0

    def known(self, origin: str) -> list[Line]:
        """The lines of a note that count: those of the latest date."""
        lines = self.lines.get(origin, frozenset())
        latest = max((line.date for line in lines), default=0)
        return [line for line in lines if line.date == latest]

    def date_of(self, origin: str, now: int) -> int:
        """When a note of a release of this moment has last changed."""
        key, written = self.notes[origin]
        known = self.known(origin)
        changed = all(
            line.source != written.source and line.rendered != self.form(written) for line in known
        )
        renamed = all(line.key != key for line in known)
        return now if changed or renamed else known[0].date


class Released(NamedTuple):
    """A release, as learners meet it."""

    date: int
    path: Path
    content: str
    """Digest of all that Anki stores."""
    dates: dict[str, int]
    """By GUID, as the model dates the notes."""
    fields: dict[str, tuple[str, ...]]
    tags: dict[str, tuple[str, ...]]
    cards: dict[str, tuple[int, ...]]
    media: dict[str, bytes]


class Broken(AssertionError):  # noqa: N818
    """Something did not come as releases.md promises."""


def sure(promise: bool, *told: object) -> None:
    """Break the history off if a promise does not hold."""
    if not promise:
        raise Broken(" ".join(map(str, told)))


class Author:
    """Makes the releases of one history."""

    def __init__(self, rng: random.Random, folder: Path) -> None:
        self.rng = rng
        self.folder = folder
        self.now = START
        self.count = 0
        self.main = Branch()
        self.hotfix: tuple[Branch, Branch] | None = None
        """A branch beside main, and what main was when it began."""
        self.past: dict[str, list[Written]] = {}
        """Every text that a note was released with, by origin."""
        self.releases: list[Released] = []
        self.done: Counter[str] = Counter()
        for _ in range(rng.randint(3, 5)):
            self.add(self.main)
        self.release(self.main)

    # -- edits

    def text(self) -> str:
        """Words that no other note has."""
        self.count += 1
        return f"{self.rng.choice(WORDS)} {self.rng.choice(WORDS)} {self.count}"

    def add(self, branch: Branch) -> None:
        """A new note somewhere in the deck."""
        text = self.text()
        cloze = self.rng.random() < 0.6
        numbers = range(1, self.rng.randint(2, 4)) if cloze else (0,)
        written = Written(
            "cloze" if cloze else "basic",
            text,
            tuple((number, self.text()) for number in numbers),
            picture=self.rng.choice((0, 0, 1)),
            emphasis=self.rng.random() < 0.5,
            reversed=not cloze and self.rng.random() < 0.3,
        )
        key = f"note-{self.count}"
        order = [*branch.notes.items()]
        order.insert(self.rng.randint(0, len(order)), (key, (key, written)))
        branch.notes = dict(order)

    def edit(self, branch: Branch) -> None:
        """Do one thing to the deck."""
        rng = self.rng
        origin = rng.choice([*branch.notes])
        key, written = branch.notes[origin]
        kinds = {
            "reword": 6,
            "reflow": 4,
            "tag": 3,
            "answer": 3,
            "picture": 3,
            "back": 2,
            "add card": 2,
            "remove card": 1,
            "reverse": 1,
            "exchange": 1,
            "rename": 3,
            "first name": 2,
            "retire": 2,
            "return": 3,
            "add": 3,
            "order": 2,
            "deck name": 1,
            "tools": 2,
        }
        kind = rng.choices([*kinds], [*kinds.values()])[0]
        cloze = written.kind == "cloze"
        answers = dict(written.answers)
        match kind:
            case "reword":
                written = written._replace(words=self.text())
            case "reflow":
                written = written._replace(style=rng.randrange(6))
            case "tag":
                # In order, as another order of the same tags changes nothing.
                tags = sorted(rng.sample(WORDS, rng.randrange(3)))
                written = written._replace(tags=tuple(tags))
            case "answer":
                answers[rng.choice([*answers])] = self.text()
            case "picture":
                written = written._replace(picture=rng.randrange(1, 250))
            case "back":
                written = rng.choice([written, *self.past.get(origin, ())])
                answers = dict(written.answers)
            case "add card" if cloze:
                answers[max(branch.numbers.get(origin, answers) | answers.keys()) + 1] = self.text()
            case "remove card" if cloze and len(answers) > 1:
                del answers[rng.choice([*answers])]
            case "reverse" if not cloze:
                written = written._replace(reversed=not written.reversed)
            case "exchange" if len(answers) > 1:
                answers = dict(zip(answers, reversed(answers.values()), strict=True))
            case "rename":
                key = f"name-{self.count}"
                self.count += 1
            case "first name":
                key = rng.choice([origin, *branch.names.get(origin, ())])
            case "retire" if len(branch.notes) > 2:
                if origin in branch.lines:
                    branch.retired[origin] = branch.notes[origin]
                del branch.notes[origin]
                self.done[kind] += 1
                return
            case "return" if branch.retired:
                back = rng.choice([*branch.retired])
                branch.notes[back] = branch.retired.pop(back)
            case "add" if len(branch.notes) < 7:
                self.add(branch)
            case "order":
                order = [*branch.notes.items()]
                rng.shuffle(order)
                branch.notes = dict(order)
            case "deck name":
                branch.deck_name = f"Walk {self.count}"
            case "tools":
                branch.generation = rng.randrange(3)
            case _:
                return
        self.done[kind] += 1
        written = written._replace(answers=tuple(sorted(answers.items())))
        if origin not in branch.lines and key != origin:
            # Never released, it has no name to keep: it is simply called otherwise.
            branch.notes = {
                (key if each == origin else each): ((key, written) if each == origin else value)
                for each, value in branch.notes.items()
            }
        else:
            branch.notes[origin] = (key, written)

    # -- branches

    def fork(self) -> None:
        """Begin a hotfix at the last release of main; what main has changed since stays there."""
        base = self.tagged.copy()
        self.hotfix = (base.copy(), base)
        self.done["fork"] += 1

    def pick(self) -> None:
        """Take a note of the hotfix over to main, as it is: the same change on both branches."""
        assert self.hotfix is not None
        branch, _ = self.hotfix
        both = [origin for origin in branch.notes if origin in self.main.notes]
        if both:
            origin = self.rng.choice(both)
            key = self.main.notes[origin][0]
            self.main.notes[origin] = (key, branch.notes[origin][1])
            self.done["pick"] += 1

    def merge(self) -> None:
        """Merge the hotfix into main: what one side changed counts; else somebody decides."""
        assert self.hotfix is not None
        (theirs, base), ours = self.hotfix, self.main
        self.hotfix = None

        def merged(mine: Any, other: Any, was: Any) -> Any:
            if mine == was or other == was:
                return other if mine == was else mine
            return self.rng.choice([mine, other])

        notes: dict[str, tuple[str, Written]] = {}
        for origin in dict.fromkeys([*ours.notes, *theirs.notes]):
            mine, other, was = (each.notes.get(origin) for each in (ours, theirs, base))
            if mine and other:
                first = was or (None, None)
                notes[origin] = (
                    merged(mine[0], other[0], first[0]),
                    merged(mine[1], other[1], first[1]),
                )
            elif chosen := merged(mine, other, was):
                notes[origin] = chosen
        retired = {**theirs.retired, **ours.retired}
        for origin, value in {**theirs.notes, **ours.notes}.items():
            if origin not in notes and origin in {**theirs.lines, **ours.lines}:
                retired[origin] = value
        ours.notes = notes
        ours.retired = {origin: value for origin, value in retired.items() if origin not in notes}
        for origin in theirs.lines:
            ours.names[origin] = (*ours.names.get(origin, ()), *theirs.names[origin])
            ours.numbers[origin] = ours.numbers.get(origin, frozenset()) | theirs.numbers[origin]
        ours.version = max((ours.version, theirs.version), key=numbered)
        ours.deck_name = merged(ours.deck_name, theirs.deck_name, base.deck_name)
        ours.generation = max(ours.generation, theirs.generation)
        # git keeps the lines that changed, or whole hunks with lines as they were on either side.
        stale = self.rng.random() < 0.5
        self.done["merge, stale lines" if stale else "merge"] += 1
        if stale:
            ours.lock += "".join(f"{line}\n" for line in theirs.lock.splitlines()[2:])
        else:
            ours.lock = union(ours.lock, theirs.lock, base.lock)
        for origin in {**ours.lines, **theirs.lines}:
            mine_, other_, was_ = (
                each.lines.get(origin, frozenset()) for each in (ours, theirs, base)
            )
            kept = (
                mine_ | other_
                if stale
                else (mine_ & other_) | (mine_ ^ was_ | other_ ^ was_) - was_
            )
            ours.lines[origin] = kept
        self.tidy(ours)

    def tidy(self, branch: Branch) -> None:
        """Two branches may have given one name to two notes: the author gives one a new one."""
        taken: set[str] = set()
        for origin, (key, written) in [*branch.notes.items()]:
            others = {
                name for other, names in branch.names.items() if other != origin for name in names
            }
            if key in taken or key in others:
                key = f"name-{self.count}"
                self.count += 1
                branch.notes[origin] = (key, written)
            taken |= {key, origin}

    # -- releases

    def release(self, branch: Branch) -> None:
        """Release a branch, and see that each note is dated as it should be."""
        self.now += self.rng.randint(60, 90_000)
        wanted = {origin: branch.date_of(origin, self.now) for origin in branch.notes}
        with tools(branch.generation):
            try:
                plan = plan_release(
                    branch.folder(),
                    clock=self.now,
                    allow=RELEASE_HAZARDS,
                    rerender=self.pushed(branch, wanted),
                )
            except ReleaseError as error:
                sure("nothing has changed" in str(error), error)
                sure(self.now not in wanted.values(), "changes, but nothing to release", error)
                sure(not compile_deck(branch.folder()).draft, "a draft, but nothing to release")
                return
            files = dict(plan.files)
            branch.lock, branch.changelog = files[LOCK], files[CHANGELOG]
            branch.version = plan.version
            compilation = compile_deck(branch.folder(), clock=START)
        package = compilation.package
        sure(package is not None, "errors after a release:", compilation.errors)
        assert package is not None
        sure(not compilation.draft, "the build of a release is a draft")
        guids = {origin: note_guid(DECK, origin) for origin in branch.notes}
        notes = {note.guid: note for note in package.notes}
        sure(notes.keys() == set(guids.values()), "other GUIDs than the author meant")
        for origin, date in wanted.items():
            found = notes[guids[origin]].modified
            sure(found == date, origin, "is dated", found, "and not", date, "; now", self.now)
        for origin, (key, written) in branch.notes.items():
            line = Line(wanted[origin], written.source, branch.form(written), key)
            branch.lines[origin] = frozenset({line})
            self.past.setdefault(origin, []).append(written)
            names = (*branch.names.get(origin, (origin,)), key)
            branch.names[origin] = tuple(dict.fromkeys(names))
            numbers = frozenset(dict(written.answers)) - {0}
            branch.numbers[origin] = branch.numbers.get(origin, frozenset()) | numbers
        path = self.folder / f"{len(self.releases)}.apkg"
        path.write_bytes(package_bytes(package))
        self.releases.append(
            Released(
                self.now,
                path,
                content_digest(package),
                {guids[origin]: date for origin, date in wanted.items()},
                {guid: note.fields for guid, note in notes.items()},
                {guid: note.tags for guid, note in notes.items()},
                {guid: note.cards for guid, note in notes.items()},
                {media.name: media.content for media in package.media},
            )
        )
        self.done[f"release {plan.level.word if plan.level else 'first'}"] += 1
        if branch is self.main:
            self.tagged = branch.copy()

    def newest(self) -> Released:
        """The release that main is now: its own last one, or that of a hotfix it took over."""
        with tools(self.main.generation):
            package = compile_deck(self.main.folder(), clock=START).package
        assert package is not None
        return [each for each in self.releases if each.content == content_digest(package)][-1]

    def pushed(self, branch: Branch, wanted: dict[str, int]) -> frozenset[str] | None:
        """Sometimes the author pushes a note, or all that are held."""
        if not branch.lock or self.rng.random() > 0.1:
            return None
        origin = self.rng.choice([*branch.notes])
        key, _ = branch.notes[origin]
        self.done["push"] += 1
        if self.rng.random() < 0.5:
            for each, (_, text) in branch.notes.items():
                known = branch.known(each)
                held = known and all(line.rendered != branch.form(text) for line in known)
                if held and any(line.source == text.source for line in known):
                    wanted[each] = self.now
            return frozenset()
        wanted[origin] = self.now
        return frozenset([key])

    def step(self) -> None:
        """Do some work, and often release it."""
        rng = self.rng
        if self.hotfix is None and rng.random() < 0.2:
            self.fork()
        branch = self.hotfix[0] if self.hotfix and rng.random() < 0.5 else self.main
        for _ in range(rng.choice((0, 1, 1, 2, 3, 5))):
            self.edit(branch)
        if self.hotfix and rng.random() < 0.15:
            self.pick()
        if self.hotfix and rng.random() < 0.25:
            self.merge()
            branch = self.main
        if rng.random() < 0.8:
            self.release(branch)


def numbered(version: str) -> tuple[int, ...]:
    """A version in its order."""
    return tuple(map(int, version.split(".")))


# ------------------------------------------------------------------ a learner


class Row(NamedTuple):
    """A note in a collection."""

    id: NoteId
    modified: int
    tags: tuple[str, ...]
    fields: tuple[str, ...]


class Learner:
    """Someone who studies the deck in the real Anki."""

    def __init__(self, rng: random.Random, collection: anki.collection.Collection) -> None:
        self.rng = rng
        self.collection = collection
        self.touched: dict[str, int] = {}
        """When the learner last touched a note, by GUID."""
        self.stamped: dict[str, tuple[int, int]] = {}
        """From which date to which a note misses its changes, as Anki dated it itself."""
        self.has: set[str] = set()
        self.done: Counter[str] = Counter()

    def rows(self, query: str) -> list[Any]:
        """What the database says."""
        assert self.collection.db is not None
        return self.collection.db.all(query)

    def notes(self) -> dict[str, Row]:
        """Every note of the deck, by GUID."""
        rows = self.rows("SELECT guid, id, mod, tags, flds FROM notes")
        found = {
            guid: Row(id, mod, tuple(tags.split()), tuple(fields.split("\x1f")))
            for guid, id, mod, tags, fields in rows
        }
        sure(len(found) == len(rows), "a GUID is there twice")
        return found

    def cards(self) -> dict[int, Any]:
        """Every card with its schedule, by id."""
        rows = self.rows(
            "SELECT id, nid, ord, did, type, queue, due, ivl, factor, reps, lapses, flags, data"
            " FROM cards"
        )
        sure(
            len({row[1:3] if isinstance(row, tuple) else tuple(row[1:3]) for row in rows})
            == len(rows),
            "a card is there twice",
        )
        return {row[0]: tuple(row[1:]) for row in rows}

    def take(self, release: Released, now: int) -> None:
        """Import a release as the dialog proposes it, and see what it did."""
        before, cards = self.notes(), self.cards()
        history = self.rows("SELECT * FROM revlog ORDER BY id")
        log = import_package(self.collection, release.path).log
        after, cards_after = self.notes(), self.cards()
        guids = {row.id: guid for guid, row in after.items()}
        said = {
            field.name: {guids[NoteId(entry.id.nid)] for entry in getattr(log, field.name)}
            for field in log.DESCRIPTOR.fields
            if field.name not in ("found_notes", "dupe_resolution")
        }
        dates = release.dates
        new = dates.keys() - before.keys()
        updated = {guid for guid in dates.keys() - new if dates[guid] > before[guid].modified}
        wanted = {"new": new, "updated": updated, "duplicate": dates.keys() - new - updated}
        for outcome in said.keys() | wanted.keys():
            sure(said[outcome] == wanted.get(outcome, set()), outcome, said[outcome], wanted)
        sure(after.keys() == before.keys() | new, "notes came or went")
        for guid, row in after.items():
            if guid in new | updated:
                if guid in updated and DATES_UPDATES_ITSELF:
                    sure(row.modified > now, "another date than that of the import")
                    self.date(row.id, now)
                    self.stamped[guid] = dates[guid], now
                else:
                    sure(row.modified == dates[guid], "another date than the release's")
                sure(row.fields == release.fields[guid], "other fields than the release's")
                sure(set(row.tags) == set(release.tags[guid]), "other tags than the release's")
            else:
                sure(row == before[guid], "a note was rewritten that had not changed", row)
        for card, schedule in cards.items():
            sure(cards_after.get(card) == schedule, "a card changed", schedule)
        fresh = {
            (guids[NoteId(row[0])], row[1])
            for card, row in cards_after.items()
            if card not in cards
        }
        packaged = {(guid, ordinal) for guid, them in release.cards.items() for ordinal in them}
        sure(fresh <= packaged, "cards that no release has")
        there = {(guids[NoteId(row[0])], row[1]) for row in cards_after.values()}
        sure(packaged <= there, "cards did not arrive")
        sure(self.rows("SELECT * FROM revlog ORDER BY id") == history, "reviews changed")
        self.has |= new
        types = [each.name for each in self.collection.models.all_names_and_ids()]
        sure(sum(name.startswith("Walk") for name in types) <= 2, "a note type came twice", types)

    def act(self, now: int) -> None:
        """Study, or do what people do to notes and cards."""
        notes = self.notes()
        if not notes:
            return
        kind = self.rng.choice(("study", "study", "edit", "tag", "mark", "suspend", "flag", "move"))
        self.done[f"learner: {kind}"] += 1
        guid = self.rng.choice(sorted(notes))
        note = self.collection.get_note(notes[guid].id)
        card = CardId(self.rng.choice(sorted(self.cards())))
        match kind:
            case "study":
                self.study()
            case "edit":
                note["Extra"] = f"my own words {now}"
                self.touch(note, now)
            case "tag" | "mark":
                note.tags.append("marked" if kind == "mark" else "mine")
                self.touch(note, now)
            case "suspend":
                self.collection.sched.suspend_cards([card])
            case "flag":
                self.collection.set_user_flag_for_cards(self.rng.randint(1, 7), [card])
            case _:
                self.collection.set_deck([card], DeckId(1))

    def study(self) -> None:
        """Answer a few cards of any deck."""
        for deck in self.collection.decks.all_names_and_ids():
            self.collection.decks.select(DeckId(deck.id))
            for _ in range(2):
                card = self.collection.sched.getCard()
                if card is None:
                    break
                answer(self.collection, card, self.rng.choice((3, 4)))

    def touch(self, note: Note, now: int) -> None:
        """Store a note that the learner changed at a moment of the history."""
        self.collection.update_note(note)
        self.date(note.id, now)
        self.touched[note.guid] = now

    def date(self, note: NoteId, now: int) -> None:
        """Have a note changed at a moment of the history.

        Anki dates a change by this machine's clock, which is years later than any release here: no
        release would ever arrive again. In the history it was done between two releases.
        """
        assert self.collection.db is not None
        self.collection.db.execute("UPDATE notes SET mod = ? WHERE id = ?", now, note)

    def judge(self, newest: Released) -> None:
        """See that the learner has all that the newest release says."""
        notes = self.notes()
        sure(newest.dates.keys() <= notes.keys(), "notes did not arrive")
        sure(notes.keys() == self.has, "notes were lost or doubled")
        media = Path(self.collection.media.dir())
        for guid, date in newest.dates.items():
            missed_from, missed_to = self.stamped.get(guid, (date, date))
            if self.touched.get(guid, 0) >= date or missed_from < date <= missed_to:
                continue
            shown, wanted = notes[guid], newest.fields[guid]
            own = self.touched.get(guid, 0) >= shown.modified
            sure(not own, "a note of the learner's was to be replaced", guid)
            sure(plain(shown.fields) == plain(wanted), "old text:", shown.fields, "not", wanted)
            sure(set(shown.tags) == set(newest.tags[guid]), "old tags", shown.tags)
            for name in re.findall(r'src="([^"]+)"', "".join(wanted)):
                sure((media / name).read_bytes() == newest.media[name], "an old picture")
        cards = set(self.cards())
        text, fine = self.collection.fix_integrity()
        sure(fine and text == "Database rebuilt and optimized.", text)
        sure(set(self.cards()) == cards, "Check Database found cards to add or remove")
        sure(not list(self.collection.media.check().missing), "pictures are missing")


def plain(fields: Iterable[str]) -> list[str]:
    """Fields without what newer tools write otherwise: a held note keeps its earlier form."""
    return [re.sub(' class="g[0-9]+"', "", field) for field in fields]


# ------------------------------------------------------------------ a history


def history(seed: int, steps: int = STEPS, learners: int = 3) -> Counter[str]:
    """Play one history; what happened in it. Raises Broken if a promise is broken."""
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        author = Author(rng, folder)
        people = []
        for number in range(learners):
            (folder / f"learner-{number}").mkdir()
            collection = stack.enter_context(new_collection(folder / f"learner-{number}"))
            people.append(Learner(rng, collection))
        for _ in range(steps):
            author.step()
            for learner in people:
                for _ in range(rng.choice((0, 0, 1, 2))):
                    author.now += rng.randint(1, 20_000)
                    if rng.random() < 0.5:
                        learner.take(chosen(rng, author.releases), author.now)
                        author.done["import"] += 1
                    else:
                        learner.act(author.now)
        if author.hotfix is not None:
            author.merge()
        author.release(author.main)
        newest = author.newest()
        for learner in people:
            author.now += 20_000
            if rng.random() < 0.3:
                learner.act(author.now - rng.randint(0, 19_999))
            learner.take(newest, author.now)
            learner.judge(newest)
            author.done += learner.done
        return author.done


def chosen(rng: random.Random, releases: list[Released]) -> Released:
    """The release that a learner happens to import: mostly the newest, at times any."""
    return releases[-1] if rng.random() < 0.7 else rng.choice(releases)


def histories(seed: int, count: int) -> Iterator[tuple[int, Counter[str] | str]]:
    """Play histories of consecutive seeds: what happened in each, or how it broke."""
    for each in range(seed, seed + count):
        try:
            yield each, history(each)
        except Exception:
            yield each, traceback.format_exc()


def main() -> int:
    """Play the histories; the exit code tells whether any of them broke."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--histories", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    begin = time.monotonic()
    total: Counter[str] = Counter()
    broken = 0
    for seed, outcome in histories(arguments.seed, arguments.histories):
        if isinstance(outcome, str):
            broken += 1
            print(f"seed {seed} broke:\n{outcome}", flush=True)
        else:
            total += outcome
    listed = ", ".join(f"{kind} {count}" for kind, count in sorted(total.items()))
    seconds = time.monotonic() - begin
    print(f"{listed}\nseed {arguments.seed}: {arguments.histories} histories in {seconds:.0f} s")
    print(f"{broken} broke")
    return bool(broken)


if __name__ == "__main__":
    sys.exit(main())
