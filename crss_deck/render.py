"""Deck -> Package: final field HTML, GUIDs, cards. Knows neither genanki nor zip nor paths."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from crss_deck.grammar import read_alike
from crss_deck.identity import note_guid
from crss_deck.lowering import NAME, escape, escape_prose
from crss_deck.manifest import Manifest
from crss_deck.model import BasicNote, Block, ClozeNote, Common, Deck, Heading, Markdown, Note
from crss_deck.note_types import BASIC_FIELDS, CLOZE_FIELDS, FORWARD, REVERSE, NoteType, note_types
from crss_deck.package import Package, PackagedDeck, PackagedMedia, RenderedNote

MediaName = Callable[[str], str]
"""From an address in the source to the packaged name of the file."""

DUE_STEP = 10
"""New cards are asked in steps of ten, so that a later release can slot notes in between."""
MAX_DUE = 999_999


def render_deck(deck: Deck, modified: int) -> Package:
    """Render a checked deck; every note and note type is dated `modified`, in seconds."""
    basic, cloze = note_types(deck.manifest, modified, deck.stylesheet)
    step = max(1, min(DUE_STEP, MAX_DUE // max(1, len(deck.notes))))
    names = {key: media.name for key, media in deck.media.items()}
    notes = [
        _Renderer(deck.manifest, names, note).render(
            basic if isinstance(note, BasicNote) else cloze, min(MAX_DUE, number * step), modified
        )
        for number, note in enumerate(deck.notes, 1)
    ]
    media = {file.name: file.content for file in deck.media.values()}
    root = PackagedDeck(deck.manifest.name, _description(deck, deck.manifest.version))
    subdecks = sorted({note.deck for note in notes} - {deck.manifest.name})
    used = {note.note_type.id for note in notes}
    return Package(
        decks=(root, *(PackagedDeck(name) for name in subdecks)),
        note_types=tuple(each for each in (basic, cloze) if each.id in used),
        notes=tuple(notes),
        media=tuple(PackagedMedia(name, media[name]) for name in sorted(media)),
        stamp=modified,
    )


class _Renderer:
    """Renders one note."""

    def __init__(self, manifest: Manifest, names: dict[tuple[str, str], str], note: Note) -> None:
        self._manifest = manifest
        self._note = note
        path = note.common.span.source.path
        self._media_name = lambda address: names[path, address]

    def render(self, note_type: NoteType, due: int, modified: int) -> RenderedNote:
        """The note as Anki stores it."""
        note = self._note
        common = note.common
        key = f"{self._manifest.id}/{common.key}"
        shared = {
            "Hint": self._field(common.hint),
            "Extra": self._field(common.extra),
            "Accept": self._field(common.accept),
            "Source": self._citation(common),
            "Context": context_html(common.context, self._media_name),
            "Key": key,
        }
        match note:
            case BasicNote():
                shared["Front"] = self._field(note.front)
                shared["Back"] = self._field(note.back)
                shared["Reversed"] = "1" if note.reversed else ""
                shared["TypeIn"] = escape(note.type_in)
                fields = tuple(shared.get(field.name, "") for field in BASIC_FIELDS)
                cards: tuple[int, ...] = (FORWARD, REVERSE) if note.reversed else (FORWARD,)
            case ClozeNote():
                shared["Text"] = self._field(note.text)
                shared["TypeIn"] = "1" if note.type_in else ""
                fields = tuple(shared.get(field.name, "") for field in CLOZE_FIELDS)
                # Anki's rule: a card for each number of a closed cloze, nested ones included.
                cards = tuple(sorted({deletion.number - 1 for deletion in note.deletions}))
        return RenderedNote(
            guid=note_guid(self._manifest.id, common.origin),
            note_type=note_type,
            deck="::".join(filter(None, (self._manifest.name, common.subdeck))),
            fields=fields,
            tags=tuple(sorted(f"{self._manifest.tag_root}::{tag}" for tag in common.tags)),
            cards=cards,
            due=due,
            modified=modified,
        )

    def _field(self, blocks: Markdown) -> str:
        return field_html(blocks, self._media_name) if blocks else ""

    def _citation(self, common: Common) -> str:
        own, files = self._field(common.citation), escape_prose(common.file_citation)
        return f"{files} · {own}" if own and files else own or files


def field_html(blocks: Sequence[Block], media_name: MediaName) -> str:
    """The HTML of a field: one paragraph or formula bare, anything else as blocks.

    Raises KeyError if `media_name` does not know an address.
    """
    if len(blocks) == 1:
        return _block_html(blocks[0], media_name)
    return "".join(
        f"<p>{_block_html(block, media_name)}</p>"
        if block.kind in ("paragraph", "math_block")
        else _block_html(block, media_name)
        for block in blocks
    )


def _block_html(block: Block, media_name: MediaName) -> str:
    html, images = block.content.html, block.content.images
    if not images:
        return html
    names = [media_name(image.address) for image in images]
    return "".join(map("".join, zip(html.split(NAME), (*names, ""), strict=True)))


def context_html(path: Iterable[Heading], media_name: MediaName) -> str:
    """The headings above a note, outermost first."""
    parts = [_block_html(heading.block, media_name) for heading in path]
    return " › ".join(part for part in parts if part)


def _description(deck: Deck, version: str) -> str:
    """The deck's overview page: the author's Markdown, and a line with version and origin."""
    about = _about(deck.manifest, version, str)
    escaped = _about(deck.manifest, version, _escaped)
    # Where it reads the same it stays, so that released descriptions do.
    if escaped != about and not read_alike(escaped, about):
        about = escaped
    own = deck.description.text.strip() if deck.description else ""
    return "\n\n".join(filter(None, (own, about)))


def _about(manifest: Manifest, version: str, text: Callable[[str], str]) -> str:
    """The line with version and origin; `text` writes what is no Markdown of ours."""
    about = [f"Version {version}"]
    if manifest.authors:
        about.append("by " + ", ".join(map(text, manifest.authors)))
    if manifest.license:
        about.append(f"license {text(manifest.license)}")
    if manifest.source_title:
        title, address = text(manifest.source_title), text(manifest.source_url)
        about.append(f"from [{title}]({address})" if address else f"from “{title}”")
    about += [
        f"[{name}]({text(address)})"
        for name, address in (("homepage", manifest.homepage), ("repository", manifest.repository))
        if address
    ]
    return " · ".join(about)


def _escaped(text: str) -> str:
    return re.sub(r"[\\`*_\[\]()<>&]", r"\\\g<0>", text)


def with_version(package: Package, deck: Deck, version: str) -> Package:
    """The deck's package with another version (a draft's) in its description."""
    root, *others = package.decks
    root = root._replace(description=_description(deck, version))
    return package._replace(decks=(root, *others))
