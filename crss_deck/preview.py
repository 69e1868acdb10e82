"""A package -> one HTML page of its cards, which needs nothing but itself.

Each side of each card is finished here; the page's own script shows one at a time, in a frame that
runs no script. See templates/preview.html, .css and .js.
"""

from __future__ import annotations

import html
import json
import os
import re
from base64 import b64encode
from collections import Counter
from functools import cache
from hashlib import sha256
from pathlib import Path, PurePath
from typing import Any, NamedTuple

from crss_deck.anki_template import (
    TYPED,
    Card,
    card_template,
    compared_with_nothing,
    render_card,
    typed_answer,
    without_tags,
)
from crss_deck.apkg import read_apkg
from crss_deck.compiler import DeckError, compile_deck
from crss_deck.diagnostics import Diagnostic, Report, Severity
from crss_deck.folder import read_deck
from crss_deck.formulas import with_mathml
from crss_deck.note_types import CLOZE, NoteType
from crss_deck.output import check_output, replace_files, writer_of
from crss_deck.package import Package, PackagedMedia, RenderedNote
from crss_deck.parser import NotesFile, parse_notes
from crss_deck.report import full_report, printable, summary
from crss_deck.source import Source

MAX_LABEL = 160


class PreviewCard(NamedTuple):
    """A card as the page shows it."""

    id: str
    label: str
    """Its front in a few words, for the list."""
    key: str
    place: str
    """Where the note stands, as path:line; empty for a package without its source."""
    group: str
    """The file of the note, or without a source its deck."""
    kind: str
    name: str
    """Which of the note's cards it is: its kind, and of a cloze the number."""
    tags: tuple[str, ...]
    style: int
    """Which of the styles it has."""
    ordinal: int
    front: str
    back: str
    problem: str


class Preview(NamedTuple):
    """All that a page shows; `diagnostics` are the findings as objects, for whoever prints them."""

    title: str
    findings: tuple[str, ...] = ()
    """Errors and warnings, each as a terminal shows it."""
    summary: str = ""
    """How many there are."""
    version: str = ""
    cards: tuple[PreviewCard, ...] = ()
    styles: tuple[str, ...] = ()
    media: tuple[PackagedMedia, ...] = ()
    grouping: str = "File"
    notices: tuple[str, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    broken: bool = False
    """Whether errors keep the cards from being made."""


def write_preview(
    source: str | os.PathLike[str], output: str | os.PathLike[str], *, clock: int | None = None
) -> Preview:
    """Write the page of a source folder's or a package's cards, and tell what is on it.

    The bytes depend on the deck alone. Raises DeckError if the deck has errors, PackageError if the
    file is no package, ClockError as `compile_deck`, and OSError if a file cannot be read or
    written; then nothing is written.
    """
    path = Path(output)
    if Path(source).is_dir():
        check_output(Path(source), path.parent)
    elif path.exists() and path.samefile(source):
        raise FileExistsError(f"{path}: the page would overwrite the package")
    preview = Previewer(source).look(clock=clock)
    if preview.broken:
        raise DeckError(preview.diagnostics)
    replace_files(path.parent, {path.name: writer_of(page_html(preview).encode())})
    return preview


# ------------------------------------------------------------------ from a deck to cards


class _Parsed(NamedTuple):
    source: Source
    notes: NotesFile
    findings: tuple[Diagnostic, ...]


class Previewer:
    """Looks at one source folder or package again and again; what has not changed is kept."""

    def __init__(self, source: str | os.PathLike[str]) -> None:
        self.source = Path(source)
        self._parsed: dict[str, _Parsed] = {}
        self._sides: dict[tuple[RenderedNote, int], _Sides] = {}

    def look(self, *, clock: int | None = None) -> Preview:
        """The deck as it is now. Raises PackageError, ClockError or OSError as `write_preview`."""
        if self.source.is_file():
            read = read_apkg(self.source)
            notes = sorted(read.notes, key=lambda note: note.due)
            root = read.decks[0].name if read.decks else printable(self.source.stem)
            read = read._replace(notes=tuple(notes))
            return self._filled(Preview(""), read, root, printable(self.source.name), {})
        folder = read_deck(self.source)
        compilation = compile_deck(folder, clock=clock, parse=self._parse)
        whole, shown = printable(folder.shown), printable(_portable(folder.shown))
        found = [d for d in compilation.diagnostics if d.rule.severity is not Severity.INFO]
        # Nothing of the machine stands on a page.
        findings = tuple(t.replace(f" {whole}", f" {shown}") for t in full_report(found))
        empty = Preview(
            "Preview", findings, summary(found), diagnostics=compilation.diagnostics, broken=True
        )
        package, deck = compilation.package, compilation.deck
        if package is None or deck is None:
            return empty
        places = {
            packaged.guid: (
                shown + printable(note.common.span.source.path.removeprefix(folder.shown)),
                note.common.span.location.line,
            )
            for packaged, note in zip(package.notes, deck.notes, strict=True)
        }
        return self._filled(empty, package, deck.manifest.name, compilation.version, places)

    def _parse(self, source: Source, report: Report) -> NotesFile:
        """`parse_notes`, but for a text that it has parsed before."""
        known = self._parsed.get(source.path)
        if known is None or known.source.text != source.text:
            findings: list[Diagnostic] = []
            notes = parse_notes(source, findings.append)
            known = self._parsed[source.path] = _Parsed(source, notes, tuple(findings))
        for finding in known.findings:
            report(finding)
        return known.notes

    def _filled(
        self,
        preview: Preview,
        package: Package,
        title: str,
        version: str,
        places: dict[str, tuple[str, int]],
    ) -> Preview:
        """A preview with the cards of a package."""
        styles = tuple(dict.fromkeys(note_type.css for note_type in package.note_types))
        kinds = _kinds(package)
        seen: Counter[str] = Counter()
        before, self._sides = self._sides, {}
        cards = []
        # Dates change with every draft, and show on no card.
        undated = {each.id: each._replace(modified=0) for each in package.note_types}
        for note in package.notes:
            content = note._replace(note_type=undated[note.note_type.id], modified=0, due=0)
            path, line = places.get(note.guid, ("", 0))
            for ordinal in note.cards:
                sides = before.get((content, ordinal)) or _sides(content, ordinal)
                self._sides[content, ordinal] = sides
                kind = kinds[note.note_type.id, card_template(note, ordinal).name]
                cloze = note.note_type.kind == CLOZE
                id = f"{note.guid}:{ordinal + 1}"
                seen[id] += 1
                cards.append(
                    PreviewCard(
                        id=id if seen[id] == 1 else f"{id}:{seen[id]}",
                        key=_key(note),
                        place=path and f"{path}:{line}",
                        group=path or note.deck,
                        kind=kind,
                        name=f"{kind} {ordinal + 1}" if cloze else kind,
                        tags=note.tags,
                        style=styles.index(note.note_type.css),
                        ordinal=ordinal + 1,
                        **sides._asdict(),
                    )
                )
        return preview._replace(
            title=title,
            version=version,
            cards=tuple(cards),
            styles=styles,
            media=package.media,
            grouping="File" if places else "Deck",
            notices=(SCRIPTS,) if _has_scripts(package) else (),
            broken=False,
        )


def _portable(shown: str) -> str:
    """How the paths of a folder begin on a page: relative, whatever the command was given."""
    path = PurePath(shown)
    if not path.is_absolute():
        return shown
    here = Path.cwd()
    return f"{(path.relative_to(here) if path.is_relative_to(here) else path.name)}/"


def _key(note: RenderedNote) -> str:
    """The note's key as Anki's browser finds it, if it has one."""
    names = [field.name for field in note.note_type.fields]
    return note.fields[names.index("Key")] if "Key" in names[: len(note.fields)] else ""


def _kinds(package: Package) -> dict[tuple[int, str], str]:
    """What each kind of card is called: no more than it takes to tell them apart."""
    used: dict[int, dict[str, None]] = {}
    for note in package.notes:
        for ordinal in note.cards:
            used.setdefault(note.note_type.id, {})[card_template(note, ordinal).name] = None
    types = {note_type.id: note_type for note_type in package.note_types}
    counts = Counter(types[id].kind for id in used)
    found = {}
    for id, templates in used.items():
        kind = types[id].kind
        name = kind if counts[kind] == 1 else types[id].name
        for template in templates:
            found[id, template] = f"{name}, {template}" if len(templates) > 1 else name
    return found


SCRIPTS = (
    "Cards of this package have scripts. They do not run here, so that in Anki these cards may look"
    " or act otherwise."
)
_SCRIPT = re.compile(r"<script|\bon[a-z]+\s*=\s*[\"'a-z]|javascript:", re.IGNORECASE)


def _has_scripts(package: Package) -> bool:
    texts = [text for note_type in package.note_types for text in _templates(note_type)]
    fields = (field for note in package.notes for field in note.fields if "<" in field)
    return any(map(_SCRIPT.search, texts)) or any(
        _SCRIPT.search(tag) for field in fields for tag in re.findall(r"<[^<>]*>", field)
    )


def _templates(note_type: NoteType) -> list[str]:
    return [side for template in note_type.templates for side in (template.front, template.back)]


# ------------------------------------------------------------------ one card


class _Sides(NamedTuple):
    label: str
    front: str
    back: str
    problem: str


def _sides(note: RenderedNote, ordinal: int) -> _Sides:
    card = render_card(note, ordinal)
    front = _with_box(note, ordinal, card.question)
    back = _with_typed(note, ordinal, card)
    sounds = {"q": card.question_sounds, "a": card.answer_sounds}
    front, back = (with_mathml(_with_players(side, sounds)) for side in (front, back))
    return _Sides(_label(card.question), front, back, card.problem)


def _asked(note: RenderedNote, ordinal: int, front: str) -> tuple[str, str]:
    """What is typed on a card, as HTML, and what stands there instead if nothing can be."""
    marker = TYPED.search(front)
    if marker is None:
        return "", ""
    expected = typed_answer(note, ordinal, marker[1])
    if expected is not None:
        return expected, ""
    absent = "cloze" if marker[1].startswith("cloze:") else f"field {marker[1]}"
    return "", html.escape(f"There is no {absent} to type.")


def _with_box(note: RenderedNote, ordinal: int, front: str) -> str:
    """A front with the box into which the answer is typed."""
    expected, otherwise = _asked(note, ordinal, front)
    box = '<center><input type="text" id="typeans" aria-label="Typed answer" readonly></center>'
    return TYPED.sub(lambda _: box if expected else otherwise, front)


def _with_typed(note: RenderedNote, ordinal: int, card: Card) -> str:
    """A back with the answer compared with nothing, since nothing was typed.

    The line above the answer moves down to it, if it is written as Anki writes it.
    """
    expected, _ = _asked(note, ordinal, card.question)
    if TYPED.search(card.answer) is None:
        return card.answer
    compared = f"<div>{compared_with_nothing(expected)}</div>" if expected else ""
    back = card.answer
    if expected and _LINE in back:
        back = back.replace(_LINE, "")
        compared = _LINE + compared
    return TYPED.sub(lambda _: compared, back)


_LINE = "<hr id=answer>"
_PLAYED = re.compile(r"\[anki:play:([qa]):(\d+)\]")
_VIDEO = (".mp4", ".webm", ".ogv", ".mov", ".m4v", ".mkv", ".avi", ".mpg", ".mpeg")


def _with_players(side: str, sounds: dict[str, tuple[str, ...]]) -> str:
    """A side with a player for each of its sounds; nothing plays by itself."""

    def player(mark: re.Match[str]) -> str:
        found = sounds[mark[1]]
        name = found[int(mark[2])] if int(mark[2]) < len(found) else ""
        if name.startswith("tts:"):
            return f'<span class="crss-note">spoken: {html.escape(name[4:])}</span>'
        tag = "video" if name.lower().endswith(_VIDEO) else "audio"
        return f'<{tag} controls preload="none" src="{html.escape(name)}"></{tag}>'

    return _PLAYED.sub(player, side)


_UNSEEN = re.compile(
    r"<details.*?</details>|<style.*?</style>|<script.*?</script>|\[\[type:.*?\]\]|\\[()\[\]]",
    re.DOTALL,
)
_BLOCK = re.compile(r"<(?:br|p|div|li|t[rdh]|h[1-6r]|[uo]l|table|pre|blockquote)\b", re.IGNORECASE)
_IMAGE = re.compile(r'<img\b[^>]*?\balt="([^"]+)"', re.IGNORECASE)


def _label(front: str) -> str:
    """What a person reads on a front, on one line; of a long text, the part with the hole."""
    text = _UNSEEN.sub("", front[: 50 * MAX_LABEL]).replace('<span class="cloze" ', "\0<")
    text = _BLOCK.sub(r" \g<0>", _IMAGE.sub(r"\1 \g<0>", _PLAYED.sub("♪", text)))
    text = " ".join(html.unescape(without_tags(text)).split())
    hole = text.find("\0")
    text = text.replace("\0", "")
    if hole > MAX_LABEL // 3 and len(text) > MAX_LABEL // 2:
        text = f"… {text[hole - MAX_LABEL // 5 :].partition(' ')[2]}"
    return text if len(text) <= MAX_LABEL else f"{text[: MAX_LABEL - 1]}…"


# ------------------------------------------------------------------ from cards to a page

_FOLDER = Path(__file__).parent / "templates"


@cache
def _template(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8").strip()


def page_html(preview: Preview, *, state: str = "") -> str:
    """The whole page; with a state, one that hears of changes from where it was served."""
    script = _template("preview.js")
    policy = {
        "default-src": "'none'",
        "script-src": f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'",
        "style-src": "'unsafe-inline'",
        "img-src": "data:",
        "media-src": "data:",
        "font-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    if state:
        policy["connect-src"] = "'self'"
    parts = {
        "@POLICY@": "; ".join(" ".join(item) for item in policy.items()),
        "@TITLE@": html.escape(preview.title),
        "@STYLE@": _template("preview.css"),
        "@CARDSTYLE@": _template("preview-card.css"),
        "@SCRIPT@": script,
        "@DATA@": script_json(page_data(preview, state=state)),
    }
    return re.sub("@[A-Z]+@", lambda found: parts[found[0]], _template("preview.html")) + "\n"


def script_json(data: object) -> str:
    """JSON that can stand inside of a script element."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def page_data(preview: Preview, old: Preview | None = None, *, state: str = "") -> dict[str, Any]:
    """What the script of a page takes: all, or the cards and media that an old preview lacks."""
    known = {card.id: card for card in old.cards} if old else {}
    files = {file.name: file for file in old.media} if old else {}
    return {
        "state": state,
        "watched": bool(state),
        "title": preview.title,
        "version": preview.version,
        "grouping": preview.grouping,
        "notices": preview.notices,
        "findings": preview.findings,
        "summary": preview.summary,
        "styles": preview.styles,
        "order": [card.id for card in preview.cards],
        "cards": {c.id: c._asdict() for c in preview.cards if known.get(c.id) != c},
        "media": {
            file.name: _data_address(file) for file in preview.media if files.get(file.name) != file
        },
    }


_TYPES = {
    "image": "apng avif bmp gif ico jpeg jpg png svg tif tiff webp",
    "audio": "3gp aac flac m4a mp3 oga ogg opus spx wav",
    "video": "avi m4v mkv mov mp4 mpeg mpg ogv webm",
    "font": "otf ttf woff woff2",
}
_MEDIA_TYPES = {
    name: f"{kind}/{ {'jpg': 'jpeg', 'svg': 'svg+xml', 'mp3': 'mpeg'}.get(name, name) }"
    for kind, names in _TYPES.items()
    for name in names.split()
}
"""Not those of the machine, so that pages are alike everywhere."""


def _data_address(file: PackagedMedia) -> str:
    kind = _MEDIA_TYPES.get(file.name.rpartition(".")[2].lower(), "application/octet-stream")
    return f"data:{kind};base64,{b64encode(file.content).decode()}"
