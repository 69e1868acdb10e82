"""Packages made by hand: by plain genanki, or ours with changed parts; and what a learner has."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import genanki
import pytest
from anki.collection import Collection
from deck_helper import DECK_TOML, small_deck

from crss_deck import Package, compile_deck
from crss_deck.apkg import package_bytes
from crss_deck.package import RenderedNote
from crss_deck.verify import Verification

T = 1_600_000_000
"""When the first package is made, in 2020."""
DAY = 86_400


def use_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have Anki's temporary files in memory where that can be: it waits for the disk a lot."""
    if os.access("/dev/shm", os.W_OK):
        monkeypatch.setenv("TMPDIR", "/dev/shm")
        monkeypatch.setattr(tempfile, "tempdir", "/dev/shm")


Note = tuple[str, Sequence[str]]
"""A GUID, and fields."""


def genanki_package(
    path: Path,
    notes: Iterable[Note],
    date: int = T,
    *,
    fields: Sequence[str | Mapping[str, Any]] = ("Front", "Back"),
    front: str = "{{Front}}",
    back: str = "{{FrontSide}}<hr id=answer>{{Back}}",
    templates: Sequence[Mapping[str, Any]] | None = None,
    type_id: int = 1_234_567_890,
    type_name: str = "Plain",
    cloze: bool = False,
    css: str = "",
    deck: str = "Plain",
    sort_field: int = 0,
    media: Iterable[Path] = (),
    due: Sequence[int] | None = None,
) -> Path:
    """A package as plain genanki makes it: one date for all; places in order unless given.

    A note without a GUID gets genanki's own, which depends on its text.
    """
    model = genanki.Model(
        type_id,
        type_name,
        fields=[{"name": each} if isinstance(each, str) else dict(each) for each in fields],
        templates=[dict(each) for each in templates]
        if templates
        else [{"name": "Card", "qfmt": front, "afmt": back}],
        css=css,
        model_type=genanki.Model.CLOZE if cloze else genanki.Model.FRONT_BACK,
        sort_field_index=sort_field,
    )
    made = genanki.Deck(2_345_678_901, deck)
    for place, (guid, texts) in enumerate(notes):
        made.add_note(
            genanki.Note(
                model=model,
                fields=list(texts),
                guid=guid or None,
                due=place + 1 if due is None else due[place],
            )
        )
    package = genanki.Package(made)
    package.media_files = [str(file) for file in media]
    package.write_to_file(str(path), timestamp=date)
    return path


NUMBERS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")


def plain_notes(*changed: int, count: int = 8) -> list[Note]:
    """Basic notes; those with the numbers given have another answer."""
    return [
        (f"guid-{place}", (f"What is the {NUMBERS[place]}?", "New" if place in changed else "A"))
        for place in range(count)
    ]


CLOZE_PARTS: dict[str, Any] = {
    "fields": ("Text", "Extra"),
    "front": "{{cloze:Text}}",
    "back": "{{cloze:Text}}<br>{{Extra}}",
    "cloze": True,
    "type_id": 1_234_567_891,
    "type_name": "Plain cloze",
}
"""What makes `genanki_package` one of cloze notes."""


OURS = "".join(
    f"Q: What is the {name}?\n\nA: A {name} one.\n<!-- id: {name} -->\n\n" for name in NUMBERS
)
OUR_CLOZES = (
    "A {{c1::kettle}} boils {{c2::water}}.\n<!-- id: kettle -->\n\n"
    "Flour and {{c1::yeast}} make {{c2::dough}}.\n<!-- id: dough -->\n"
)


def ours(
    notes: str, date: int = T, after: Package | None = None, *, toml: str = DECK_TOML
) -> Package:
    """Our package of notes; what did not change keeps the date it has in the package before."""
    compilation = compile_deck(small_deck({"deck.toml": toml, "notes.md": notes}), clock=date + 1)
    package = compilation.package
    assert package is not None, compilation.errors
    if after is None:
        return package
    types = {each.id: each for each in after.note_types}
    kept = {
        each.id: types[each.id]
        for each in package.note_types
        if each.id in types and types[each.id]._replace(modified=each.modified) == each
    }
    before = {note.guid: note for note in after.notes}

    def dated(note: RenderedNote) -> RenderedNote:
        old = before.get(note.guid)
        same = old is not None and (old.fields, old.tags) == (note.fields, note.tags)
        return note._replace(
            modified=old.modified if old is not None and same else note.modified,
            note_type=kept.get(note.note_type.id, note.note_type),
        )

    return package._replace(
        notes=tuple(map(dated, package.notes)),
        note_types=tuple(kept.get(each.id, each) for each in package.note_types),
    )


def write(path: Path, package: Package) -> Path:
    """Write a package."""
    path.write_bytes(package_bytes(package))
    return path


def redesigned(package: Package, date: int | None = None, **changes: Any) -> Package:
    """The package with changed note types, perhaps dated otherwise."""
    if date is not None:
        changes["modified"] = date
    types = {each.id: each._replace(**changes) for each in package.note_types}
    return package._replace(
        note_types=tuple(types.values()),
        notes=tuple(note._replace(note_type=types[note.note_type.id]) for note in package.notes),
    )


def renoted(package: Package, key: str, **changes: Any) -> Package:
    """The package with one note changed."""
    return package._replace(
        notes=tuple(
            note._replace(**changes) if f"spec-deck/{key}" in note.fields else note
            for note in package.notes
        )
    )


def names(found: Verification) -> set[str]:
    """The names of the problems."""
    return {problem.name for problem in found.problems}


def remarks(found: Verification) -> set[str]:
    """The names of the remarks."""
    return {problem.name for problem in found.remarks}


def notes_of(found: Verification, name: str) -> set[str]:
    """The notes of a problem or remark, the deck's id left off."""
    problems = [each for each in (*found.problems, *found.remarks) if each.name == name]
    assert problems, f"no {name} in {found}"
    return {note.removeprefix("spec-deck/") for each in problems for note in each.notes}


def fields_of(collection: Collection, guid: str) -> list[list[str]]:
    """The fields of every note with a GUID."""
    assert collection.db is not None
    rows = collection.db.all("SELECT flds FROM notes WHERE guid = ? ORDER BY id", guid)
    return [text.split("\x1f") for (text,) in rows]


def rows(collection: Collection, query: str, *values: str | int) -> list[Any]:
    """What a query says."""
    assert collection.db is not None
    return list(collection.db.all(query, *values))
