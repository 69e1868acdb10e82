"""The golden decks: small whole source folders, and what their packages hold, as text."""

from __future__ import annotations

import re
from hashlib import sha256
from pathlib import Path

from crss_deck import Package
from crss_deck.folder import LOCK
from crss_deck.package import RenderedNote

DECKS = sorted(path.parent for path in (Path(__file__).parent / "decks").glob("*/source"))
"""The folder of each deck: its `source` and its `golden.txt`."""
CLOCK = 1_700_000_000
"""When the golden packages are built: 2023-11-14T22:13:20Z."""


def clock_for(source: Path) -> int | None:
    """That moment; for a released deck the present, as its drafts are later than its release."""
    return None if (source / LOCK).exists() else CLOCK


_BLOCK = re.compile(r"(?=<(?:blockquote|h[1-6]|hr|li|ol|p|pre|table|tr|ul)[ >])")


def golden_text(package: Package) -> str:
    """A package as text for people: all of it but templates, styles and the bytes of media."""
    parts = [f"stamp: {package.stamp}"]
    for deck in package.decks:
        parts.append("\n".join([f"deck: {deck.name}", *_lines("description", deck.description)]))
    for note_type in package.note_types:
        fields = ", ".join(f"{field.name} {field.id}" for field in note_type.fields)
        templates = ", ".join(f"{each.name} {each.id}" for each in note_type.templates)
        parts.append(
            f"note type: {note_type.name}\n  kind: {note_type.kind}\n  id: {note_type.id}\n"
            f"  modified: {note_type.modified}\n  fields: {fields}\n  templates: {templates}"
        )
    parts += map(_note, package.notes)
    for file in package.media:
        digest = sha256(file.content).hexdigest()
        parts.append(f"media: {file.name}\n  {len(file.content)} bytes, SHA-256 {digest}")
    return "\n\n".join(parts) + "\n"


def _note(note: RenderedNote) -> str:
    lines = [
        f"note: {note.guid}",
        f"  type: {note.note_type.kind}",
        f"  deck: {note.deck}",
        f"  due: {note.due}",
        f"  modified: {note.modified}",
        f"  cards: {' '.join(str(ordinal) for ordinal in note.cards)}",
    ]
    if note.tags:
        lines.append(f"  tags: {' '.join(note.tags)}")
    for field, html in zip(note.note_type.fields, note.fields, strict=True):
        lines += _lines(field.name, html)
    return "\n".join(lines)


def _lines(name: str, text: str) -> list[str]:
    """A text behind its name if it has one line; else below it, a line for each block."""
    lines = "\n".join(_BLOCK.split(text)).strip("\n").split("\n")
    if not text:
        return []
    if len(lines) == 1:
        return [f"  {name}: {text}"]
    return [f"  {name}:", *(f"    | {line}".rstrip() for line in lines)]
