"""Our two note types: fields, card templates, look. Frozen at 1.0; knows no notes.

A field or template added, removed, reordered or given another id would freeze every note that
learners have, so new needs are met by the spare fields and by templates.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import NamedTuple

from crss_deck.identity import note_type_id
from crss_deck.manifest import Manifest

BASIC, CLOZE = "basic", "cloze"


class Field(NamedTuple):
    """A field of a note type, under an id that Anki keeps through a change of name."""

    name: str
    id: int

    @property
    def spare(self) -> bool:
        """Whether it waits for a use."""
        return self.name.startswith("Spare ")


class Template(NamedTuple):
    """A card template: one card of a note, if its front shows anything."""

    name: str
    id: int
    front: str
    back: str


class NoteType(NamedTuple):
    """A note type as Anki stores it; `modified` is its own date, in seconds."""

    id: int
    name: str
    kind: str
    """`basic` or `cloze`."""
    fields: tuple[Field, ...]
    templates: tuple[Template, ...]
    css: str
    modified: int


BASIC_FIELDS = (
    Field("Front", 4100000001),
    Field("Back", 4100000002),
    Field("Hint", 4100000003),
    Field("Extra", 4100000004),
    Field("Accept", 4100000005),
    Field("Source", 4100000006),
    Field("Context", 4100000007),
    Field("Reversed", 4100000008),
    Field("TypeIn", 4100000009),
    Field("Key", 4100000010),
    Field("Spare 1", 4100000011),
    Field("Spare 2", 4100000012),
    Field("Spare 3", 4100000013),
)
CLOZE_FIELDS = (
    Field("Text", 4200000001),
    Field("Hint", 4200000002),
    Field("Extra", 4200000003),
    Field("Accept", 4200000004),
    Field("Source", 4200000005),
    Field("Context", 4200000006),
    Field("TypeIn", 4200000007),
    Field("Key", 4200000008),
    Field("Spare 1", 4200000009),
    Field("Spare 2", 4200000010),
    Field("Spare 3", 4200000011),
)
_BASIC_TEMPLATES = (("Forward", 4300000001), ("Reverse", 4300000002), ("Spare", 4300000003))
_CLOZE_TEMPLATES = (("Cloze", 4400000001),)

FORWARD, REVERSE = 0, 1
"""Ordinals of the cards of a basic note."""

_FOLDER = Path(__file__).parent / "templates"


@cache
def _read(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8").strip()


def note_types(manifest: Manifest, modified: int) -> tuple[NoteType, NoteType]:
    """The basic and the cloze note type of a deck, named after it."""
    stem = manifest.name.replace("::", " ")

    def fill(text: str) -> str:
        return text.replace("@LANG@", manifest.language).replace("@DIR@", manifest.direction)

    def build(
        kind: str, fields: tuple[Field, ...], templates: tuple[tuple[str, int], ...]
    ) -> NoteType:
        return NoteType(
            id=note_type_id(manifest.id, kind),
            name=f"{stem} ({kind})",
            kind=kind,
            fields=fields,
            templates=tuple(
                Template(
                    name,
                    id,
                    fill(_read(f"{name.lower()}.front.html")),
                    fill(_read(f"{name.lower()}.back.html")),
                )
                for name, id in templates
            ),
            css=fill(_read("style.css")),
            modified=modified,
        )

    return (
        build(BASIC, BASIC_FIELDS, _BASIC_TEMPLATES),
        build(CLOZE, CLOZE_FIELDS, _CLOZE_TEMPLATES),
    )
