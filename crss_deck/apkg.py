"""Package <-> bytes on disk. The only module that knows genanki, SQLite and zip.

Anki's oldest package format, which every Anki app imports. genanki supplies the schema, decks
and note types; what it leaves open is decided here: which cards a note has, a time for each note
and note type, ids on fields and templates, and bytes that depend on the content alone.
"""

from __future__ import annotations

import io
import json
import sqlite3
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from crss_deck.identity import package_deck_id
from crss_deck.note_types import BASIC, CLOZE, Field, NoteType, Template
from crss_deck.package import Package, PackagedDeck, PackagedMedia, RenderedNote

if TYPE_CHECKING:
    import os

_ZIP_DATE = (1980, 1, 1, 0, 0, 0)
_COLLECTION, _MEDIA, _LOCK = "collection.anki2", "media", "deck.lock"

_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    NotImplementedError,
    EOFError,
    RuntimeError,
    ValueError,
    OSError,
)
"""What `zipfile` raises for a file that is no zip file, or a damaged one."""

MAX_MEMBER = 256 * 1024 * 1024
MAX_TOTAL = 1024 * 1024 * 1024
MAX_MEMBERS = 100_000


class PackageError(ValueError):
    """A file is no deck package that can be read; the message says why."""


# ------------------------------------------------------------------ writing


def package_bytes(package: Package) -> bytes:
    """The bytes of an .apkg: the same for the same package, on any machine."""
    stream = io.BytesIO()
    write_to(package, stream)
    return stream.getvalue()


def write_to(package: Package, stream: IO[bytes]) -> None:
    """Write an .apkg to an open binary file: members stored, in fixed order, with fixed dates."""
    members = [(_COLLECTION, _collection(package))]
    names = {str(number): media.name for number, media in enumerate(package.media)}
    members.append((_MEDIA, json.dumps(names, separators=(",", ":")).encode()))
    if package.lock:
        members.append((_LOCK, package.lock.encode()))
    members += [(str(number), media.content) for number, media in enumerate(package.media)]
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for name, content in members:
            info = zipfile.ZipInfo(name, _ZIP_DATE)
            info.create_system = 3
            info.external_attr = 0o644 << 16
            archive.writestr(info, content)


def genanki_version() -> str:
    """The version of the genanki that writes the rows."""
    _genanki()
    import genanki.version

    return str(genanki.version.__version__)


def _collection(package: Package) -> bytes:
    """The SQLite file, rewritten so that neither SQLite's version nor its history shows."""
    with closing(sqlite3.connect(":memory:")) as connection:
        _genanki_package(package).write_to_db(connection.cursor(), package.stamp, iter(()))
        connection.commit()
        connection.execute("VACUUM")
        serialized = connection.serialize()
    # Header bytes 92 to 99: a change counter, and the version of the SQLite that wrote last.
    return b"".join((serialized[:92], bytes(8), memoryview(serialized)[100:]))


def _numbered(package: Package) -> Iterator[tuple[int, RenderedNote]]:
    """Each note with its id; those of its cards follow downwards.

    They count down from the release's moment in curriculum order: Anki 2.1.54 refuses any in the
    future.
    """
    total = len(package.notes) + package.card_count
    number = max(package.stamp * 1000, total + 1)
    for note in package.notes:
        yield number, note
        number -= 1 + len(note.cards)


def _genanki() -> Any:
    """The module genanki, without two imports that take longer than writing a thousand notes.

    It takes `cached_property` from a package that loads asyncio, and PyYAML for fields given as
    text, which ours are not. While it is imported, the standard library's decorator and a module
    that loads PyYAML when it is asked stand in for those that are not loaded yet.
    """
    import sys
    from functools import cached_property
    from types import SimpleNamespace

    if "genanki" not in sys.modules:
        stand_ins: dict[str, Any] = {
            "cached_property": SimpleNamespace(cached_property=cached_property),
            "yaml": SimpleNamespace(full_load=lambda text: __import__("yaml").full_load(text)),
        }
        stand_ins = {name: each for name, each in stand_ins.items() if name not in sys.modules}
        sys.modules.update(stand_ins)
        try:
            import genanki
        finally:
            for name in stand_ins:
                del sys.modules[name]
    import genanki

    return genanki


def _genanki_package(package: Package) -> Any:
    """The package in genanki's public classes, with what they leave open decided by overriding."""
    genanki = _genanki()

    class OurModel(genanki.Model):  # type: ignore[misc,name-defined]
        def __init__(self, note_type: NoteType) -> None:
            super().__init__(
                model_id=note_type.id,
                name=note_type.name,
                fields=[_field_json(field) for field in note_type.fields],
                templates=[
                    {"name": t.name, "id": t.id, "qfmt": t.front, "afmt": t.back}
                    for t in note_type.templates
                ],
                css=note_type.css,
                model_type=self.CLOZE if note_type.kind == CLOZE else self.FRONT_BACK,
            )
            self.modified = note_type.modified

        def to_json(self, timestamp: float, deck_id: int) -> Any:
            return super().to_json(self.modified, deck_id)

    class OurDeck(genanki.Deck):  # type: ignore[misc,name-defined]
        def __init__(self, deck: PackagedDeck) -> None:
            deck_id = package_deck_id(package.decks[0].name, deck.name)
            super().__init__(deck_id, deck.name, deck.description)
            self.numbered = notes[deck.name]

        def to_json(self) -> Any:
            return {**super().to_json(), "md": True}

        def write_to_db(self, cursor: Any, timestamp: float, id_gen: Any) -> None:
            super().write_to_db(cursor, timestamp, id_gen)
            # genanki's own notes take one call for each row, and all their memory until the end.
            rows = _note_rows(self.numbered)
            cursor.executemany(f"INSERT INTO notes VALUES ({'?,' * 10}?)", rows)
            rows = _card_rows(self.numbered, self.deck_id)
            cursor.executemany(f"INSERT INTO cards VALUES ({'?,' * 17}?)", rows)

    models = {note_type.id: OurModel(note_type) for note_type in package.note_types}
    notes: dict[str, list[tuple[int, RenderedNote]]] = {deck.name: [] for deck in package.decks}
    for id, note in _numbered(package):
        notes[note.deck].append((id, note))
    decks = [OurDeck(deck) for deck in package.decks]
    for model in models.values():
        decks[0].add_model(model)
    for deck in decks:
        for id in dict.fromkeys(note.note_type.id for _, note in notes[deck.name]):
            deck.add_model(models[id])
    return genanki.Package(decks)


def _note_rows(notes: Iterable[tuple[int, RenderedNote]]) -> Iterator[tuple[int | str, ...]]:
    """The rows of notes: id, guid, mid, mod, usn, tags, flds, sfld, csum, flags, data."""
    for id, note in notes:
        tags, fields = f" {' '.join(note.tags)} ", "\x1f".join(note.fields)
        first, kind, modified = note.fields[0], note.note_type.id, note.modified
        yield id, note.guid, kind, modified, -1, tags, fields, first, 0, 0, ""


def _card_rows(
    notes: Iterable[tuple[int, RenderedNote]], deck_id: int
) -> Iterator[tuple[int | str, ...]]:
    """The rows of their new cards: id, nid, did, ord, mod, usn, type, queue, due.

    And what a card gets by being studied: ivl, factor, reps, lapses, left, odue, odid, flags, data.
    """
    for id, note in notes:
        for place, ordinal in enumerate(note.cards, 1):
            card = id - place, id, deck_id, ordinal, note.modified, -1, 0, 0, note.due
            yield (*card, 0, 0, 0, 0, 0, 0, 0, 0, "")


def _field_json(field: Field) -> dict[str, Any]:
    described: dict[str, Any] = {"name": field.name, "id": field.id, "preventDeletion": True}
    if field.spare:
        described |= {"collapsed": True, "excludeFromSearch": True}
    return described


# ------------------------------------------------------------------ reading


def read_apkg(path: str | os.PathLike[str]) -> Package:
    """Read an .apkg in Anki's oldest format back; nothing is ever unpacked to disk.

    Raises PackageError, which names the file, if it is no such package or exceeds the limits of
    this module, and OSError if it cannot be opened.
    """
    try:
        return _read_package(Path(path))
    except PackageError as error:
        raise PackageError(f"{Path(path)}: {error}") from None


def _read_package(path: Path) -> Package:
    with path.open("rb") as stream:
        try:
            with zipfile.ZipFile(stream) as archive:
                members = _members(archive)
                collection = _read_member(archive, members[_COLLECTION])
                media = _read_media(archive, members)
                lock = b""
                if _LOCK in members:
                    lock = _read_member(archive, members[_LOCK])
        except PackageError:
            raise
        except _DAMAGED as error:
            raise PackageError(f"not a deck package: {error}") from None
    try:
        return _read_collection(collection, media)._replace(lock=lock.decode())
    except PackageError:
        raise
    except sqlite3.Error as error:
        raise PackageError(f"the collection inside cannot be read: {error}") from None
    except (LookupError, ValueError, TypeError, AttributeError, RecursionError, OverflowError):
        raise PackageError("the collection inside does not hold what Anki writes") from None


def _members(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    infos = archive.infolist()
    members = {info.filename: info for info in infos}
    if len(infos) > MAX_MEMBERS:
        raise PackageError(f"it has more than {MAX_MEMBERS} members")
    if len(members) != len(infos):
        raise PackageError("it holds two members of one name")
    if any(info.flag_bits & 1 for info in infos):
        raise PackageError("it is encrypted")
    if sum(info.file_size for info in infos) > MAX_TOTAL:
        raise PackageError(f"it unpacks to more than {MAX_TOTAL // 1024 // 1024} MB")
    if "collection.anki21b" in members:
        raise PackageError("it is in Anki's newer format; export it with “support older versions”")
    if "collection.anki21" in members:
        members[_COLLECTION] = members["collection.anki21"]
    if _COLLECTION not in members:
        raise PackageError(f"it holds no {_COLLECTION}")
    return members


def _read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    if info.file_size > MAX_MEMBER:
        raise PackageError(f"{info.filename} is larger than {MAX_MEMBER // 1024 // 1024} MB")
    with archive.open(info) as stream:
        content = stream.read(info.file_size + 1)
    if len(content) != info.file_size:
        raise PackageError(f"{info.filename} is not as long as it says")
    return content


def _read_media(
    archive: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo]
) -> tuple[PackagedMedia, ...]:
    if _MEDIA not in members:
        raise PackageError("it holds no list of media files")
    try:
        names = json.loads(_read_member(archive, members[_MEDIA]))
        if not isinstance(names, dict) or not all(isinstance(n, str) for n in names.values()):
            raise ValueError
    except (ValueError, RecursionError):
        raise PackageError("its list of media files cannot be read") from None
    found = []
    for number, name in names.items():
        if number not in members:
            raise PackageError(f"the media file {name!r} is missing")
        if name in ("", ".", "..") or not name.isprintable() or set(name) & set("/\\:"):
            raise PackageError(f"the media name {name!r} is not a plain file name")
        found.append(PackagedMedia(name, _read_member(archive, members[number])))
    return tuple(sorted(found))


def _read_collection(content: bytes, media: tuple[PackagedMedia, ...]) -> Package:
    if not content.startswith(b"SQLite format 3\0"):
        raise PackageError("the collection inside is not an SQLite file")
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.deserialize(content)
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA query_only = ON")
        kinds = dict(connection.execute("SELECT name, type FROM sqlite_schema"))
        if any(kinds.get(name) != "table" for name in ("col", "notes", "cards")):
            raise PackageError("the collection inside lacks Anki's tables")
        models_json, decks_json = connection.execute("SELECT models, decks FROM col").fetchone()
        types = {int(id): _note_type(model) for id, model in json.loads(models_json).items()}
        decks = {
            int(id): PackagedDeck(deck["name"], deck.get("desc", ""))
            for id, deck in json.loads(decks_json).items()
        }
        cards: dict[int, list[tuple[int, int, int]]] = {}
        for note, ordinal, deck_id, due in connection.execute(
            "SELECT nid, ord, did, due FROM cards"
        ):
            cards.setdefault(note, []).append((ordinal, deck_id, due))
        notes = []
        stamp = 0
        rows = connection.execute(
            "SELECT id, guid, mid, mod, tags, flds FROM notes ORDER BY id DESC"
        )
        for note_id, guid, type_id, modified, tags, fields in rows:
            stamp = max(stamp, note_id // 1000)
            own = sorted(cards.get(note_id, ()))
            notes.append(
                RenderedNote(
                    guid=guid,
                    note_type=types[type_id],
                    deck=decks[own[0][1]].name if own else "",
                    fields=tuple(fields.split("\x1f")),
                    tags=tuple(tags.split()),
                    cards=tuple(ordinal for ordinal, _, _ in own),
                    due=own[0][2] if own else 0,
                    modified=modified,
                )
            )
    used = {note.deck for note in notes}
    named = [deck for id, deck in decks.items() if id != 1 or deck.name in used]
    return Package(
        decks=tuple(sorted(named, key=lambda deck: (not deck.description, deck.name))),
        note_types=tuple(types.values()),
        notes=tuple(notes),
        media=media,
        stamp=stamp,
    )


def _note_type(model: dict[str, Any]) -> NoteType:
    return NoteType(
        id=int(model["id"]),
        name=model["name"],
        kind=CLOZE if model["type"] == 1 else BASIC,
        fields=tuple(Field(field["name"], field.get("id") or 0) for field in model["flds"]),
        templates=tuple(
            Template(t["name"], t.get("id") or 0, t["qfmt"], t["afmt"]) for t in model["tmpls"]
        ),
        css=model["css"],
        modified=model["mod"],
    )
