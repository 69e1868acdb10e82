"""Our two note types: fields, card templates, look. Frozen at 1.0; knows no notes.

A field or template added, removed, reordered or given another id would freeze every note that
learners have, so new needs are met by the spare fields and by templates.
"""

from __future__ import annotations

import html
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

from crss_deck.identity import note_type_id
from crss_deck.manifest import Manifest, Words

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
_PART = re.compile(r"@([a-z]+\.html)@")
_VALUE = re.compile(r"@([A-Z]+)@")


@cache
def _read(name: str) -> str:
    """A file of the templates, with the parts that it shares with others."""
    text = (_FOLDER / name).read_text(encoding="utf-8").strip()
    return _PART.sub(lambda part: _read(part[1]), text)


def note_types(
    manifest: Manifest, modified: int, stylesheet: str = ""
) -> tuple[NoteType, NoteType]:
    """The basic and the cloze note type of a deck, named after it.

    `stylesheet` holds the deck's own rules, which follow ours.
    """
    stem = manifest.name.replace("::", " ")
    values = _values(manifest)

    def side(name: str) -> str:
        return _VALUE.sub(lambda value: values[value[1]], _read(name))

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
                    name, id, side(f"{name.lower()}.front.html"), side(f"{name.lower()}.back.html")
                )
                for name, id in templates
            ),
            css="\n".join(filter(None, (_read("style.css"), stylesheet.strip()))),
            modified=modified,
        )

    return (
        build(BASIC, BASIC_FIELDS, _BASIC_TEMPLATES),
        build(CLOZE, CLOZE_FIELDS, _CLOZE_TEMPLATES),
    )


# ------------------------------------------------------------------ what a deck puts into templates

ENGLISH = Words("Hint", "Also right:", "Source:", "Report a mistake")
"""The words of cards whose deck.toml gives none."""

_FORGES = (
    (re.compile(r"https?://(?:github\.com|codeberg\.org)/[^/]+/[^/]+"), "/issues/new?title={key}"),
    (re.compile(r"https?://gitlab\.com/.+/.+"), "/-/issues/new?issue%5Btitle%5D={key}"),
)
"""Where a new issue is written, by the address of a repository."""


def mistakes_address(manifest: Manifest) -> str:
    """Where learners report a mistake, with `{key}` for the note's Key; empty if nobody says."""
    if manifest.mistakes:
        return manifest.mistakes
    repository = manifest.repository.rstrip("/").removesuffix(".git")
    return next((repository + new for forge, new in _FORGES if forge.fullmatch(repository)), "")


def _sealed(text: str) -> str:
    """Text of the author's that means nothing to HTML, to Anki's templates and to MathJax."""
    return re.sub(r"[{}\[\\]", lambda char: f"&#{ord(char[0])};", html.escape(text))


def _values(manifest: Manifest) -> dict[str, str]:
    """What stands for the names between `@` in templates."""
    words = {}
    # English in a deck of another language says so, to screen readers and to the text beside it.
    foreign = "" if re.match("en\\b", manifest.language, re.IGNORECASE) else ' lang="en" dir="ltr"'
    for name, own, english in zip(Words._fields, manifest.words, ENGLISH, strict=True):
        label = f'<span class="label"{"" if own else foreign}>{_sealed(own or english)}</span>'
        words[name.upper()] = label
    address = mistakes_address(manifest)
    if address:
        href = "{{Key}}".join(map(_sealed, address.split("{key}")))
        words["MISTAKE"] = f'<a class="mistake" href="{href}">{words["MISTAKE"]}</a>'
    else:
        words["MISTAKE"] = ""
    return {"LANG": manifest.language, "DIR": manifest.direction, **words}
