"""A learner with the real Anki: imports packages, studies, and changes things as learners do.

The only module that knows the library `anki`, which is optional: it is imported in functions alone.
Hides the differences between Anki's versions from 2.1.65 on; does not know what is good or bad.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, cast

from crss_deck.note_types import NoteType
from crss_deck.package import Package, RenderedNote
from crss_deck.words import shown_files

# ------------------------------------------------------------------ what a collection holds


class Log(NamedTuple):
    """What Anki says it did with the notes of a package."""

    new: tuple[int, ...] = ()
    updated: tuple[int, ...] = ()
    """Of these and the new ones, ids in the collection."""
    duplicate: tuple[int, ...] = ()
    conflicting: tuple[int, ...] = ()
    """Of these and the duplicates, ids in the package."""


class StoredNote(NamedTuple):
    """A note in a collection."""

    id: int
    type_id: int
    modified: int
    tags: tuple[str, ...]
    fields: tuple[str, ...]


class StoredCard(NamedTuple):
    """A card in a collection."""

    id: int
    deck: str
    schedule: tuple[object, ...]
    """Everything about when it is asked, its deck, suspension and flag included."""
    history: tuple[object, ...]
    """Its rows of the review log."""


class StoredType(NamedTuple):
    """A note type in a collection: what a change of look may change, and its kind."""

    name: str
    kind: int
    templates: tuple[tuple[str, str, str], ...]
    css: str


CardId = tuple[str, int]
"""The GUID of a note, and the place of one of its cards."""


class State(NamedTuple):
    """A collection at a moment."""

    notes: dict[str, StoredNote]
    """By GUID; of two with one GUID, the later."""
    cards: dict[CardId, StoredCard]
    types: dict[int, StoredType]
    schema: int
    """Anki changes this number when the next sync will have to be one-way."""


class DatabaseCheck(NamedTuple):
    """What Check Database does to a collection."""

    added: list[CardId]
    removed: list[CardId]
    complaints: list[str]


# ------------------------------------------------------------------ Anki


class RefusedError(Exception):
    """Anki imports nothing of a file."""

    def __init__(self, file: str, reason: str) -> None:
        super().__init__(reason)
        self.file = file


class CrashError(Exception):
    """Anki failed at something that it does on any sound collection."""


def anki_version() -> str:
    """The version of Anki, which speaks English from here on. Raises ImportError without Anki."""
    import anki.collection  # must be the first module of Anki to be imported
    from anki.buildinfo import version
    from anki.lang import set_lang

    if not hasattr(anki.collection.Collection, "import_anki_package"):
        raise ImportError(f"Anki {version} is too old")
    set_lang("en")
    return str(version)


def _crash(error: BaseException | None) -> CrashError | None:
    """The crash that an error of Anki's is; None for any other error."""
    from anki.errors import AnkiException

    # A panic of its Rust half is no Exception, and its class can be imported from nowhere.
    if isinstance(error, AnkiException) or type(error).__name__ == "PanicException":
        return CrashError(_plain_reason(error))
    return None


def _plain_reason(error: object) -> str:
    return plain_text(str(error)) or type(error).__name__


_SCHEDULE = "did, type, queue, due, ivl, factor, reps, lapses, left, odue, odid, flags, data"


class AnkiCollection:
    """A collection in the real Anki, in a folder of its own that is to be thrown away."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._path = folder / "collection.anki2"

    def __enter__(self) -> AnkiCollection:
        self._open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        crash = _crash(error)
        try:
            self._collection.close()
        except BaseException as fault:
            # After a crash nothing works any more, and there is nothing to be saved.
            if _crash(fault) is None:
                raise
        if crash is not None:
            raise crash from None

    def _open(self) -> None:
        from anki.collection import Collection
        from anki.errors import AnkiException

        self._collection = cast(Any, Collection(str(self._path)))  # as other versions differ
        # Nobody will miss it after a power cut, and waiting for the disk takes most of the time.
        with suppress(AnkiException):  # up to 2.1.66 it is too late by now
            self._collection.db.execute("PRAGMA synchronous = OFF")
        if not self._collection.v3_scheduler():  # the default only since 23.10
            self._collection.set_v3_scheduler(True)

    def _rows(self, query: str) -> list[list[Any]]:
        rows: list[list[Any]] = self._collection.db.all(query)
        return rows

    def import_package(self, path: Path) -> Log:
        """Import a file with the options that Anki's dialog shows at first."""
        from anki.errors import AnkiException

        backend = self._collection._backend
        try:
            if hasattr(backend, "get_import_anki_package_presets"):
                from anki.collection import ImportAnkiPackageRequest

                request = ImportAnkiPackageRequest(
                    package_path=str(path), options=backend.get_import_anki_package_presets()
                )
                log = self._collection.import_anki_package(request).log
            else:  # up to 2.1.66 there is nothing to choose
                log = self._collection.import_anki_package(str(path)).log
        except AnkiException as error:
            raise RefusedError(path.name, _plain_reason(error)) from None
        self._collection.models._clear_cache()  # it outlives an import
        return Log(
            *(
                tuple(note.id.nid for note in notes)
                for notes in (log.new, log.updated, log.duplicate, log.conflicting)
            )
        )

    def state(self) -> State:
        """The collection as it is now."""
        decks = {deck.id: deck.name for deck in self._collection.decks.all_names_and_ids()}
        guids, notes = {}, {}
        for number, guid, type_id, modified, tags, fields in self._rows(
            "SELECT id, guid, mid, mod, tags, flds FROM notes ORDER BY id"
        ):
            guids[number] = guid
            notes[guid] = StoredNote(
                number, type_id, modified, tuple(tags.split()), tuple(fields.split("\x1f"))
            )
        reviews: dict[int, list[object]] = {}
        for card, *review in self._rows(
            "SELECT cid, id, ease, ivl, lastIvl, factor, time, type FROM revlog ORDER BY id"
        ):
            reviews.setdefault(card, []).append(tuple(review))
        cards = {}
        for number, note, ordinal, *schedule in self._rows(
            f"SELECT id, nid, ord, {_SCHEDULE} FROM cards ORDER BY id"
        ):
            if note in guids:
                cards[guids[note], ordinal] = StoredCard(
                    number,
                    decks.get(schedule[0], ""),
                    tuple(schedule),
                    tuple(reviews.get(number, ())),
                )
        types = {
            each["id"]: StoredType(
                each["name"],
                each["type"],
                tuple((t["name"], t["qfmt"], t["afmt"]) for t in each["tmpls"]),
                each["css"],
            )
            for each in self._collection.models.all()
        }
        ((schema,),) = self._rows("SELECT scm FROM col")
        return State(notes, cards, types, schema)

    def media(self) -> dict[str, str]:
        """SHA-256 of each media file."""
        folder = Path(self._collection.media.dir())
        return {file.name: sha256(file.read_bytes()).hexdigest() for file in folder.iterdir()}

    def faults(self) -> dict[CardId, tuple[str, str]]:
        """The hazard of each card that does not ask as it should, and what Anki says of it."""
        # Anki cannot even look up a note with the id 0.
        guids = dict(self._rows("SELECT id, guid FROM notes WHERE id != 0"))
        found = {}
        for number, note, ordinal in self._rows("SELECT id, nid, ord FROM cards ORDER BY id"):
            fault = self._fault(number) if note in guids else None
            if fault is not None:
                found[guids[note], ordinal] = fault
        return found

    def _fault(self, card_id: int) -> tuple[str, str] | None:
        from anki.errors import AnkiException
        from anki.template import TemplateRenderContext, apply_custom_filters

        try:
            card = self._collection.get_card(card_id)
            context = TemplateRenderContext.from_existing_card(card, browser=False)
            # What card.question() does, but for the hooks: one of them would run LaTeX.
            sides = context._partially_render()
            question = apply_custom_filters(sides.qnodes, context, front_side=None)
            answer = apply_custom_filters(sides.anodes, context, front_side=question)
        except AnkiException as error:
            return "unrenderable-card", plain_text(str(error))
        asked, answered = _seen(question), _seen(answer)
        message = _EMPTY_CARD.search(asked.text)
        if message:
            return "empty-card", message.group()
        if not any(asked):
            return "empty-question", "the question is blank"
        if asked == answered:
            return "answer-equals-question", "the answer shows nothing new"
        return None

    def check_database(self, state: State) -> DatabaseCheck:
        """Run *Check Database*, and see what it does to a collection in this state."""
        if not all(note.id for note in state.notes.values()):  # it would crash, and we with it
            return DatabaseCheck([], [], [])
        text, _ = self._collection.fix_integrity()
        done = self._collection.tr.database_check_rebuilt()
        complaints = [line for line in text.split("\n") if line != done]
        # Anki says that all is well while it adds cards, so the cards are compared.
        after = self.state().cards
        return DatabaseCheck(
            [card for card in after if card not in state.cards],
            [card for card in state.cards if card not in after],
            complaints,
        )

    def missing_media(self) -> list[str]:
        """Files that *Check Media* misses."""
        return list(self._collection._backend.check_media().missing)

    # -- what a learner does

    def answer_all(self, moment: int) -> None:
        """Answer every card that is not suspended."""
        from anki.errors import AnkiException
        from anki.scheduler.v3 import CardAnswer

        scheduler = self._collection.sched
        cards = self._rows("SELECT id FROM cards WHERE queue >= 0 ORDER BY id")
        for number, (card_id,) in enumerate(cards):
            # An interval for all, and for some of them a lapse that is being learnt again.
            for rating in (CardAnswer.EASY, CardAnswer.AGAIN)[: 1 + (number % 4 == 3)]:
                with suppress(AnkiException):  # a card that Anki cannot even ask
                    card = self._collection.get_card(card_id)
                    card.start_timer()
                    states = self._collection._backend.get_scheduling_states(card_id)
                    answer = scheduler.build_answer(card=card, states=states, rating=rating)
                    answer.answered_at_millis = moment * 1000 + 2 * number + (rating == 0)
                    scheduler.answer_card(answer)

    def tag(self, notes: Iterable[StoredNote], tags: str) -> None:
        """Add tags, as in the browser."""
        self._collection.tags.bulk_add([note.id for note in notes], tags)

    def edit(self, stored: StoredNote, addition: str) -> None:
        """Add to a field that is shown: the second, or else the first."""
        note = self._collection.get_note(stored.id)
        fields = [field["name"] for field in note.note_type()["flds"]]
        second = len(fields) > 1 and note.fields[1] and fields[1] != "Key"
        note.fields[1 if second else 0] += addition
        self._collection.update_note(note)

    def style(self, type_ids: Iterable[int], css: str) -> None:
        """Add CSS to note types."""
        from anki.errors import AnkiException

        for type_id in type_ids:
            with suppress(AnkiException):  # with faulty templates, Anki does not let it be saved
                note_type = self._collection.models.get(type_id)
                note_type["css"] += css
                self._collection.models.update_dict(note_type)

    def set_aside(
        self, suspended: list[int], flagged: list[int], moved: list[int], deck: str
    ) -> None:
        """Suspend some cards, flag some, and move some to a deck of the learner's own."""
        self._collection.sched.suspend_cards(suspended)
        self._collection.set_user_flag_for_cards(1, flagged)
        if moved:
            own = self._collection.decks.id(deck)
            self._collection.set_deck(moved, own)

    def date(self, moment: int, notes: Iterable[int], types: Iterable[int]) -> None:
        """Have notes, note types and all cards changed at a moment, instead of just now."""
        database = self._collection.db
        database.executemany("UPDATE notes SET mod = ? WHERE id = ?", [(moment, n) for n in notes])
        database.executemany(
            "UPDATE notetypes SET mtime_secs = ? WHERE id = ?", [(moment, each) for each in types]
        )
        database.execute("UPDATE cards SET mod = ?", moment)
        self._collection.close()  # Anki keeps note types in memory
        self._open()


_EMPTY_CARD = re.compile(r"No cloze \d+ found on card|The front of this card is blank")


class _Seen(NamedTuple):
    """What of a page a person can tell from another: its text, and all that is no text."""

    text: str
    other: tuple[object, ...]


def _seen(page: str) -> _Seen:
    reader = _Reader()
    reader.feed(re.sub(r"\[\[type:[^\]]*\]\]", "", page))
    reader.close()
    text = re.sub("[\u2068\u2069]", "", "".join(reader.text))
    return _Seen(" ".join(text.split()), tuple(reader.other))


def plain_text(html: str) -> str:
    """What Anki says, without its HTML and its link to the manual."""
    return _seen(html.partition("<a ")[0]).text


class _Reader(HTMLParser):
    """Collects what is shown; pictures and elements that carry data (as masks do) count too."""

    def __init__(self) -> None:
        super().__init__()
        self.text: list[str] = []
        self.other: list[object] = []
        self._hidden = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("style", "script"):
            self._hidden = tag
        own = _SHOWN_TAGS.fullmatch(tag) or any(name.startswith("data-") for name, _ in attrs)
        if own:
            self.other.append((tag, tuple(attrs)))
        if not _WITHIN_WORDS.fullmatch(tag):
            self.text.append(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag == self._hidden:
            self._hidden = ""
        if not _WITHIN_WORDS.fullmatch(tag):
            self.text.append(" ")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.text.append(data)


_SHOWN_TAGS = re.compile("audio|canvas|embed|iframe|img|input|math|object|path|source|svg|video")
_WITHIN_WORDS = re.compile("a|b|bdi|code|em|font|i|mark|q|s|small|span|strong|sub|sup|u")


# ------------------------------------------------------------------ the learner


class Learner:
    """Imports one package after the other, and between them does what learners do.

    When? Anki dates what a learner changes by the clock, and on that date alone depends what the
    next import does to a note. A package is mostly verified before it is published, or years after
    its predecessors, so "now" would be a moment at which no learner acts. Here the learner acts in
    the last second before the first date in the next package that is later than all before it: the
    latest moment at which nothing of that package can be known, and so the one that gives it the
    least advantage. Where no date in it is later, that is the last date before. The answers are
    given with that time; for notes, note types and cards Anki offers no such thing, so their date
    is set in the collection afterwards, and nothing else is. (So is that of notes which an import
    up to Anki 24.11 stamped with its own time: the learner imports a package before the next one
    is made.)
    """

    DECK, TAG, ADDITION, CSS = "My own deck", "my-own-tag", " (my own words)", "\n/* my own */"

    def __init__(self, anki: AnkiCollection) -> None:
        self.anki = anki
        self.newest = 0
        """The latest date in any package so far."""
        self.notes: dict[str, RenderedNote] = {}
        """What the learner last got of each note, by GUID."""
        self.note_types: dict[int, NoteType] = {}
        """The same of note types, by id."""
        self.touched: dict[str, int] = {}
        """When the learner changed a note after it came, by GUID."""
        self.moved: set[int] = set()
        """Cards that the learner put into another deck."""
        self._contents: dict[str, object] = {}
        self._stamped: set[int] = set()

    def import_package(self, path: Path, package: Package) -> Log:
        """Import a package, and note what came of it."""
        log = self.anki.import_package(path)
        stored = self.anki.state().notes
        guids = {note.id: guid for guid, note in stored.items()}
        taken = {guids[number] for number in (*log.new, *log.updated) if number in guids}
        files = file_digests(package)
        for note in package.notes:
            if note.guid in taken:
                self.notes[note.guid] = note
                self._contents[note.guid] = content_of(note, files)
                self.touched.pop(note.guid, None)
                if stored[note.guid].modified != note.modified:
                    self._stamped.add(stored[note.guid].id)
        for note_type in package.note_types:
            known = self.note_types.get(note_type.id)
            if known is None or note_type.modified > known.modified:
                self.note_types[note_type.id] = note_type
        self.newest = max(self.newest, date_of(package))
        return log

    def changed_by(self, package: Package) -> set[str]:
        """GUIDs of notes that the learner has, and that a package has otherwise."""
        files = file_digests(package)
        return {
            note.guid
            for note in package.notes
            if note.guid in self.notes and content_of(note, files) != self._contents[note.guid]
        }

    def study(self, following: Package) -> None:
        """Study, tag, edit, mark, style, suspend, flag and move, before another package comes."""
        later = [date for date in dates_of(following) if date > self.newest]
        moment = min(later) - 1 if later else self.newest
        self.anki.answer_all(moment)
        state = self.anki.state()
        changing = self.changed_by(following)
        touched = self._stamped
        # Of the notes that will change, and of those that will not, one in four is left alone.
        for will_change in (True, False):
            notes = [n for guid, n in state.notes.items() if (guid in changing) is will_change]
            edited, marked, leeches = notes[::4], notes[1::4], notes[2::4]
            for note in edited:
                self.anki.edit(note, self.ADDITION)
            self.anki.tag([*edited, *marked, *leeches], self.TAG)
            self.anki.tag(marked, "marked")
            self.anki.tag(leeches, "leech")
            touched |= {note.id for note in (*edited, *marked, *leeches)}
        styled = {note.type_id for note in state.notes.values()}
        self.anki.style(styled, self.CSS)
        cards = [card.id for card in state.cards.values()]
        self.anki.set_aside(cards[1::6], cards[2::6], cards[3::6], self.DECK)
        self.moved |= set(cards[3::6])
        self.touched |= {guid: moment for guid, n in state.notes.items() if n.id in touched}
        self.anki.date(moment, touched, styled)
        self._stamped = set()


# ------------------------------------------------------------------ about packages


def file_digests(package: Package) -> dict[str, bytes]:
    """By name, a digest of each media file of a package."""
    return {file.name: sha256(file.content).digest() for file in package.media}


def content_of(note: RenderedNote, files: dict[str, bytes]) -> object:
    """What makes a note another one: its fields, tags, note type, and the files it shows."""
    shown = sorted(shown_files(note.fields))
    digests = [files[name] for name in shown if name in files]
    return note.fields, frozenset(note.tags), note.note_type.id, digests


def date_of(package: Package) -> int:
    """The latest date in a package."""
    return max(dates_of(package), default=0)


def dates_of(package: Package) -> Iterator[int]:
    """The dates of all notes and note types."""
    yield from (note.modified for note in package.notes)
    yield from (note_type.modified for note_type in package.note_types)
