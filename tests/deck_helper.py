"""Small decks in memory for the tests, and what they compile to in a form a person can read."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping

from crss_deck.diagnostics import Diagnostic, Severity
from crss_deck.folder import SourceFolder
from crss_deck.package import Package, RenderedNote

JUDGED_TOML = """\
format = 1
id = "spec-deck"
name = "Spec"
version = "1.0.0"
tag_root = "Spec"
"""
DECK_TOML = JUDGED_TOML + "check.quality = false\n"
"""Of decks whose notes show a form: what they ask is beside the point, so nobody judges it."""

PEER_PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR42mP4DwABAQEAHLCMmQAAAABJRU5ErkJggg=="
)
"""A picture of one white pixel."""

HELLO_MP3 = b"\xff\xfb\x90\x00" + bytes(100)
"""The start of a sound: the header of one MPEG frame, and silence."""

MEDIA = {"media/peer.png": PEER_PNG, "media/hello.mp3": HELLO_MP3}
"""What every deck here holds, used or not."""

STAND_INS = {
    "→": "\t",
    "␠": " ",
    "␍": "\r",
    "␀": "\0",
    "␟": "\x1f",
    "‹BOM›": "\ufeff",
    "‹ZWSP›": "\u200b",
    "‹RLO›": "\u202e",
    "‹NBSP›": "\u00a0",
    "‹ACUTE›": "\u0301",
}
"""What stands in a chapter for a character that nobody can see."""


def with_invisible(text: str) -> str:
    """Put the invisible characters where their stand-ins are."""
    for stand_in, character in STAND_INS.items():
        text = text.replace(stand_in, character)
    return text


def visible(text: str) -> str:
    """Show line ends and invisible characters, all but spaces, by their stand-ins."""
    for stand_in, character in STAND_INS.items():
        if character != " ":
            text = text.replace(character, stand_in)
    return text.replace("\n", "⏎")


def small_deck(files: Mapping[str, str | bytes]) -> SourceFolder:
    """A folder of these files, the media, and the usual deck.toml unless one is given."""
    given = {
        path: content.encode() if isinstance(content, str) else content
        for path, content in files.items()
    }
    return SourceFolder.of({"deck.toml": DECK_TOML.encode(), **MEDIA, **given})


def findings(diagnostics: Iterable[Diagnostic], infos: bool = False) -> list[Diagnostic]:
    """All warnings and errors, but for the media of every deck here that a case does not use."""
    return [
        diagnostic
        for diagnostic in diagnostics
        if (infos or diagnostic.rule.severity != Severity.INFO)
        and not (diagnostic.rule.name == "unused-file" and diagnostic.source.path in MEDIA)
    ]


def describe(diagnostic: Diagnostic) -> str:
    """A finding on one line: place, severity, rule and the text that it covers."""
    path, span, rule = diagnostic.source.path, diagnostic.span, diagnostic.rule
    prefix = "" if path == "notes.md" else f"{path}:"
    if span is None:
        return f"{prefix}- {rule.severity.value}[{rule.name}]"
    place = f"{span.location.line}:{span.location.column}"
    return f'{prefix}{place} {rule.severity.value}[{rule.name}] "{visible(span.text)}"'


def describe_package(package: Package, details: Iterable[str] = ()) -> str:
    """All notes with their fields that hold something, and the details asked for by name."""
    return "\n\n".join(_describe_note(note, tuple(details)) for note in package.notes)


def _describe_note(note: RenderedNote, details: tuple[str, ...]) -> str:
    names = [field.name for field in note.note_type.fields]
    fields = dict(zip(names, note.fields, strict=True))
    key = fields.pop("Key").partition("/")[2]
    head = [str(note.note_type.kind), key]
    numbers = ",".join(str(ordinal + 1) for ordinal in note.cards)
    if note.note_type.kind == "cloze" or "cards" in details:
        head.append(f"cards={numbers}")
    if "guid" in details:
        head.append(f"guid={note.guid}")
    if "type" in details:
        head.append(f"type={note.note_type.id}")
    if "deck" in details:
        head.append(f"deck={note.deck}")
    lines = [" ".join(head)]
    lines += [f"{name}: {visible(value)}" for name, value in fields.items() if value]
    if note.tags:
        lines.append(f"Tags: {' '.join(note.tags)}")
    return "\n".join(lines)
