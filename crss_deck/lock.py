"""deck.lock, format 1: its lines as types, and back. Knows neither notes nor packages."""

from __future__ import annotations

import calendar
import re
import time
from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import quote, unquote

from crss_deck import diagnostics as rules
from crss_deck.diagnostics import Diagnostic, Report, Rule
from crss_deck.manifest import KEY
from crss_deck.source import Source

HEADER = "crss-deck-lock 1"
SPENT = "-"
"""In place of an answer's digest: a card number that was released once and is no more."""

# ------------------------------------------------------------------ the lock as types


class Release(NamedTuple):
    """One `release` line."""

    version: str
    date: int
    content: str
    """Digest of all that Anki stores, 64 hex."""
    tools: str
    allow: tuple[str, ...] = ()


class LockedType(NamedTuple):
    """One `type` line: digests of what may never change and of what may."""

    kind: str
    date: int
    id: int
    schema: str
    design: str


class LockedNote(NamedTuple):
    """One `note` line, or what several lines of one note say together after a merge."""

    key: str
    kind: str
    date: int
    digests: frozenset[tuple[str, str]]
    """Pairs of source and rendered digest; more than one only after a merge."""
    cards: dict[int, str]
    """By number: a digest of the answer, empty for a basic note, `-` for a spent number."""
    names: tuple[str, ...] = ()
    """Former keys, the origin first: it stays there even when it is the key once more."""
    subdeck: str = ""
    retired: str = ""
    """The version that no longer had it."""
    other_kind: str = ""
    """The kind under which another branch released its key; only after a merge."""

    @property
    def origin(self) -> str:
        """The key under which it was first released."""
        return self.names[0] if self.names else self.key


class Lock(NamedTuple):
    """What deck.lock says; notes by origin."""

    deck_id: str
    name: str
    releases: tuple[Release, ...]
    types: dict[str, LockedType]
    notes: dict[str, LockedNote]

    @property
    def newest_date(self) -> int:
        """The date of the latest release."""
        return max((release.date for release in self.releases), default=0)

    @property
    def names(self) -> set[str]:
        """Every name that a note was ever released under."""
        return {name for note in self.notes.values() for name in (note.key, *note.names)}

    def release(self, version: str) -> Release | None:
        """The release of a version: after a merge the later of two."""
        found = [release for release in self.releases if release.version == version]
        return max(found, key=lambda release: release.date) if found else None


# ------------------------------------------------------------------ the lock as text


def lock_text(lock: Lock) -> str:
    """The lines of deck.lock: each stands alone, in an order that merges well."""
    lines = [HEADER, f"deck {lock.deck_id} name={_quoted(lock.name)}"]
    for release in sorted(lock.releases, key=lambda release: (release.date, release.version)):
        allow = f" allow={','.join(release.allow)}" if release.allow else ""
        lines.append(
            f"release {release.version} {iso(release.date)} content={release.content}"
            f" tools={release.tools}{allow}"
        )
    for kind in sorted(lock.types):
        locked = lock.types[kind]
        lines.append(
            f"type {kind} {iso(locked.date)} id={locked.id} schema={locked.schema}"
            f" design={locked.design}"
        )
    for note in sorted(lock.notes.values(), key=lambda note: note.key):
        lines += _note_lines(note)
    return "\n".join(lines) + "\n"


def _note_lines(note: LockedNote) -> list[str]:
    cards = ",".join(
        f"{number}:{answer}" if answer else str(number)
        for number, answer in sorted(note.cards.items())
    )
    rest = f" cards={cards}"
    if note.names:
        rest += f" was={','.join(note.names)}"
    if note.subdeck:
        rest += f" deck={_quoted(note.subdeck)}"
    if note.retired:
        rest += f" retired={note.retired}"
    return [
        f"note {note.key} {kind} {iso(note.date)} s={source} r={rendered}{rest}"
        for kind in filter(None, (note.kind, note.other_kind))
        for source, rendered in sorted(note.digests)
    ]


def _quoted(text: str) -> str:
    """Words are split by blanks, so a blank inside a word is written %20."""
    return re.sub(r"[%\s]", lambda match: quote(match.group()), text)


def iso(second: int) -> str:
    """A second since 1970 as people and the lock write it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(second))


def from_iso(text: str) -> int:
    """The second that such a text names. Raises ValueError for any other text."""
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", text, re.ASCII):
        raise ValueError(f"{text!r} is not a date like 2026-11-22T07:10:00Z")
    second = calendar.timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ"))
    if iso(second) != text:  # a leap second
        raise ValueError(f"{text!r} is not a second that Anki could count")
    return second


_HEX16 = re.compile(r"[0-9a-f]{16}")
_HEX64 = re.compile(r"[0-9a-f]{64}")
_VERSION = re.compile(r"\d{1,9}\.\d{1,9}\.\d{1,9}", re.ASCII)
_KINDS = ("basic", "cloze")
_CARD = re.compile(r"([1-9][0-9]{0,2})(?::([0-9a-f]{8}|-))?")
_ATTRIBUTES = {
    "deck": ({"name"}, set[str]()),
    "release": ({"content", "tools"}, {"allow"}),
    "type": ({"id", "schema", "design"}, set[str]()),
    "note": ({"s", "r", "cards"}, {"was", "deck", "retired"}),
}
_CONFLICT = ("<<<<<<<", "=======", ">>>>>>>", "|||||||")


def read_lock(source: Source, report: Report) -> Lock | None:
    """The lock that a text holds, or None where it was refused, which is reported.

    Anything unknown is refused: a newer crss-deck wrote it, and guessing could cost learners
    their progress.
    """
    return _LockReader(source, report).read()


class _RefusedError(Exception):
    pass


class _LockReader:
    def __init__(self, source: Source, report: Report) -> None:
        self._source = source
        self._report = report
        self._failed = False
        self._lines: list[LockedNote] = []
        self._deck: tuple[str, str] | None = None
        self._releases: list[Release] = []
        self._types: dict[str, LockedType] = {}
        self._dates: list[tuple[int, int]] = []

    def _say(self, rule: Rule, message: str, line: int, help: str) -> None:
        self._failed = True
        start = self._source.line_starts[line]
        end = start + len(self._source.line(line + 1))
        self._report(Diagnostic(rule, message, self._source, self._source.span(start, end), help))

    def read(self) -> Lock | None:
        lines = self._source.text.split("\n")
        if lines and not lines[-1]:
            lines.pop()
        for number, line in enumerate(lines):
            if line.startswith(_CONFLICT):
                self._say(
                    rules.LOCK_CONFLICT,
                    "a merge left its marks in deck.lock",
                    number,
                    "delete only the lines of marks, and keep all others: each stands alone",
                )
            elif number == 0:
                if line != HEADER:
                    self._unknown(number, "this is not a lock of format 1")
            else:
                try:
                    self._line(number, line)
                except (_RefusedError, ValueError) as error:
                    self._unknown(number, f"this line is not understood: {error}")
        if not self._failed and self._deck is None:
            self._unknown(max(0, len(lines) - 1), "the line `deck` is missing")
        known = {release.date for release in self._releases}
        for number, date in self._dates:
            if not self._failed and date not in known:
                self._say(
                    rules.LOCK_EDITED,
                    f"{iso(date)} is the date of no release",
                    number,
                    "restore the line from git: deck.lock is never written by hand",
                )
        if self._failed or self._deck is None:
            return None
        releases = tuple(dict.fromkeys(self._releases))  # a merge may leave a line twice
        return Lock(*self._deck, releases, self._types, _together(self._lines))

    def _unknown(self, line: int, message: str) -> None:
        self._say(
            rules.LOCK_SYNTAX,
            message,
            line,
            "install a newer crss-deck if one wrote it; else restore the line from git",
        )

    def _line(self, number: int, line: str) -> None:
        word, *words = line.split(" ")
        if word not in _ATTRIBUTES:
            raise _RefusedError(f"`{word}` is unknown")
        required, optional = _ATTRIBUTES[word]
        plain = [each for each in words if "=" not in each]
        values: dict[str, str] = {}
        for each in words[len(plain) :]:
            name, _, value = each.partition("=")
            if name not in required | optional:
                raise _RefusedError(f"`{name}` is unknown")
            if name in values or not value:
                raise _RefusedError(f"`{name}` is given twice or empty")
            values[name] = value
        if required - values.keys():
            raise _RefusedError(f"`{min(required - values.keys())}` is missing")
        counts = {"deck": 1, "release": 2, "type": 2, "note": 3}
        if len(plain) != counts[word]:
            raise _RefusedError(f"`{word}` has {len(plain)} words before its attributes")
        match word:
            case "deck":
                self._deck_line(plain, values)
            case "release":
                self._release(plain, values)
            case "type":
                self._type(number, plain, values)
            case _:
                self._note(number, plain, values)

    def _deck_line(self, plain: list[str], values: dict[str, str]) -> None:
        deck = plain[0], unquote(values["name"])
        if self._deck is not None and self._deck[0] != deck[0]:
            raise _RefusedError("a second deck")
        self._deck = deck

    def _date(self, number: int, text: str) -> int:
        date = from_iso(text)
        self._dates.append((number, date))
        return date

    def _release(self, plain: list[str], values: dict[str, str]) -> None:
        if not _VERSION.fullmatch(plain[0]) or not _HEX64.fullmatch(values["content"]):
            raise _RefusedError("the version or the digest is malformed")
        allow = tuple(values["allow"].split(",")) if "allow" in values else ()
        date = from_iso(plain[1])
        self._releases.append(Release(plain[0], date, values["content"], values["tools"], allow))

    def _type(self, number: int, plain: list[str], values: dict[str, str]) -> None:
        if plain[0] not in _KINDS:
            raise _RefusedError(f"the note type `{plain[0]}` is unknown")
        if not _HEX16.fullmatch(values["schema"]) or not _HEX16.fullmatch(values["design"]):
            raise _RefusedError("a digest is malformed")
        locked = LockedType(
            plain[0],
            self._date(number, plain[1]),
            int(values["id"]),
            values["schema"],
            values["design"],
        )
        known = self._types.get(locked.kind)
        if known is None or known.date < locked.date:
            self._types[locked.kind] = locked

    def _note(self, number: int, plain: list[str], values: dict[str, str]) -> None:
        if not KEY.fullmatch(plain[0]) or plain[1] not in _KINDS:
            raise _RefusedError("the key or the kind is malformed")
        if not _HEX16.fullmatch(values["s"]) or not _HEX16.fullmatch(values["r"]):
            raise _RefusedError("a digest is malformed")
        cards: dict[int, str] = {}
        for each in values["cards"].split(","):
            match = _CARD.fullmatch(each)
            if match is None or int(match.group(1)) in cards:
                raise _RefusedError(f"the card `{each}` is malformed or given twice")
            cards[int(match.group(1))] = match.group(2) or ""
        names = tuple(values["was"].split(",")) if "was" in values else ()
        retired = values.get("retired", "")
        if not all(map(KEY.fullmatch, names)) or (retired and not _VERSION.fullmatch(retired)):
            raise _RefusedError("`was` or `retired` is malformed")
        self._lines.append(
            LockedNote(
                plain[0],
                plain[1],
                self._date(number, plain[2]),
                frozenset({(values["s"], values["r"])}),
                cards,
                names,
                unquote(values.get("deck", "")),
                retired,
            )
        )


def former_names(origin: str, key: str, names: Iterable[str]) -> tuple[str, ...]:
    """What `was` holds for a note: nothing if it never had another name, else the origin first."""
    others = [name for name in dict.fromkeys(names) if name not in (origin, key)]
    return (origin, *others) if others or origin != key else ()


def _together(lines: Iterable[LockedNote]) -> dict[str, LockedNote]:
    """One entry a note: the latest date counts, card numbers and former names add up."""
    found: dict[str, LockedNote] = {}
    for line in lines:
        known = found.get(line.origin)
        if known is None:
            found[line.origin] = line
            continue
        late, early = (line, known) if line.date > known.date else (known, line)
        digests = late.digests | early.digests if late.date == early.date else late.digests
        kinds = {late.kind, early.kind, late.other_kind, early.other_kind} - {""}
        former = [*late.names, *early.names, early.key]
        found[line.origin] = late._replace(
            digests=digests,
            cards=early.cards | late.cards,
            names=former_names(line.origin, late.key, former),
            other_kind=min(kinds - {late.kind}, default=""),
            retired=late.retired or (early.retired if early.date == late.date else ""),
        )
    return found
