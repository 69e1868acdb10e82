"""Which files notes refer to, and the names under which they are packaged."""

from __future__ import annotations

import posixpath
import re
import unicodedata
from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import NamedTuple
from urllib.parse import unquote

from crss_deck import diagnostics as rules
from crss_deck.diagnostics import Diagnostic, Report, Rule, Severity
from crss_deck.folder import SourceFolder
from crss_deck.lowering import SOUNDS, Image
from crss_deck.model import BasicNote, Block, MediaFile, Note
from crss_deck.source import Span
from crss_deck.spelling import near_ones

IMAGES = frozenset([".png", ".jpg", ".jpeg", ".gif", ".webp", ".svg", ".avif", ".bmp"])

_ABSOLUTE = re.compile(r"[A-Za-z]:[\\/]|/(?!/)|\\(?!\\)")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:|//|\\\\")


def packaged_name(path: str, content: bytes) -> str:
    """A name that changes with the bytes: Anki never replaces a media file of the same name.

    `slug-<first 16 hex of SHA-256>.ext`, of characters that every system keeps.
    """
    stem, extension = posixpath.splitext(posixpath.basename(path))
    ascii_stem = unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", ascii_stem).strip("-")[:40].strip("-")
    return f"{slug or 'media'}-{sha256(content).hexdigest()[:16]}{extension.lower()}"


def note_blocks(note: Note) -> Iterator[Block]:
    """The blocks of every field of a note that a learner can see."""
    if isinstance(note, BasicNote):
        yield from note.front
        yield from note.back
    else:
        yield from note.text
    common = note.common
    yield from common.hint
    yield from common.extra
    yield from common.accept
    yield from common.citation


def note_images(note: Note) -> Iterator[Image]:
    """The images and sounds of a note and of the headings above it."""
    span = note.common.span
    if span.source.text.find("![", span.start, span.end) >= 0:  # all begin so
        for block in note_blocks(note):
            yield from block.content.images
    for heading in note.common.context:
        yield from heading.block.content.images


class Media(NamedTuple):
    """The good files by (path of the notes file, address), and every path that a note names."""

    found: dict[tuple[str, str], MediaFile]
    named: set[str]


def collect_media(notes: Iterable[Note], folder: SourceFolder, report: Report) -> Media:
    """The files that notes refer to; faults are reported."""
    finder = _Finder(folder, report)
    for note in notes:
        for image in note_images(note):
            finder.find(image)
    return Media(finder.found, finder.named)


class _Finder:
    def __init__(self, folder: SourceFolder, report: Report) -> None:
        self._folder = folder
        self._report = report
        self._by_path: dict[str, MediaFile] = {}
        self._told: set[Span] = set()
        self.found: dict[tuple[str, str], MediaFile] = {}
        self.named: set[str] = set()

    def _say(self, rule: Rule, message: str, span: Span, help: str) -> None:
        self._report(Diagnostic(rule, message, span.source, span, help))

    def find(self, image: Image) -> None:
        """Look one reference up; a heading's is seen once for each of its notes."""
        address, alt, span = image
        if span in self._told:
            return
        self._told.add(span)
        notes_path = span.source.path
        path = self._path(address, notes_path, span)
        if path is None:
            return
        self.named.add(path)
        extension = posixpath.splitext(path)[1].lower()
        if extension not in IMAGES | SOUNDS:
            self._say(
                rules.UNSUPPORTED_MEDIA,
                f"`{path}` is of no kind that Anki shows or plays",
                span,
                "use " + " ".join(sorted(IMAGES | SOUNDS)),
            )
            return
        if extension in IMAGES and not alt.strip():
            self._say(
                rules.IMAGE_WITHOUT_ALT,
                "the image has no text for those who cannot see it",
                span,
                f"say what it shows: ![…]({unquote(address)})",
            )
        media = self._by_path.get(path) or self._load(path, span)
        if media is not None:
            self._by_path[path] = media
            self.found[notes_path, address] = media

    def _path(self, address: str, notes_path: str, span: Span) -> str | None:
        """The path from the source folder that an address names."""
        if not address:
            self._say(
                rules.MISSING_MEDIA,
                "the image names no file",
                span,
                "write its path: ![text](media/file.png)",
            )
            return None
        plain = unicodedata.normalize("NFC", unquote(address))
        if _ABSOLUTE.match(plain):
            self._outside(plain, span)
            return None
        if _SCHEME.match(plain):
            self._say(
                rules.REMOTE_MEDIA,
                f"`{plain[:60]}` would be fetched whenever the card is shown",
                span,
                "copy the file into the source folder and refer to it there",
            )
            return None
        here = posixpath.dirname(notes_path.removeprefix(self._folder.shown))
        path = posixpath.normpath(posixpath.join(here, plain))
        if path.startswith("../") or path == "..":
            self._outside(plain, span)
            return None
        return path

    def _outside(self, plain: str, span: Span) -> None:
        self._say(
            rules.OUTSIDE_MEDIA,
            f"`{plain}` lies outside the source folder",
            span,
            "copy the file into the source folder and refer to it by a path from here",
        )

    def _load(self, path: str, span: Span) -> MediaFile | None:
        file = self._folder.files.get(path)
        if file is None:
            by_lower = {known.lower(): known for known in self._folder.files}
            near = by_lower.get(path.lower())
            near = near or next(iter(near_ones(path, self._folder.files, 1)), None)
            same = near is not None and near.lower() == path.lower()
            if near:
                here = posixpath.dirname(span.source.path.removeprefix(self._folder.shown))
                near = posixpath.relpath(near, here or ".")
                near = f"<{near}>" if " " in near else near
            self._say(
                rules.MISSING_MEDIA,
                f"there is no file `{path}` in the source folder",
                span,
                (f"write it as on the disk: `{near}`" if same else f"did you mean `{near}`?")
                if near
                else "add the file, or mend the path; it counts from the notes file",
            )
            return None
        if file.content is None:
            large = "larger" in file.problem
            outside = rules.OUTSIDE_MEDIA if "link" in file.problem else rules.UNSUPPORTED_MEDIA
            self._say(
                rules.FILE_TOO_LARGE if large else outside,
                f"`{path}` is {file.problem}",
                span,
                "make it smaller" if large else "copy the file itself into the source folder",
            )
            return None
        if not file.content:
            self._say(rules.MISSING_MEDIA, f"`{path}` is empty", span, "add the real file")
            return None
        problem = _content_problem(path, file.content)
        if problem is not None:
            rule, message, help = problem
            self._say(rule, f"`{path}` {message}", span, help)
            if rule.severity is Severity.ERROR:
                return None
        return MediaFile(path, packaged_name(path, file.content), file.content)


_MAGIC = {
    ".png": (b"\x89PNG\r\n\x1a\n",),
    ".jpg": (b"\xff\xd8\xff",),
    ".jpeg": (b"\xff\xd8\xff",),
    ".gif": (b"GIF87a", b"GIF89a"),
    ".webp": (b"RIFF",),
    ".bmp": (b"BM",),
}
"""How the bytes of an image begin; a browser trusts them more than the name."""
MAX_PIXELS = 50_000_000
_ACTIVE_SVG = (
    rb"(?i)<\s*(?:[a-z]+:)?(?:script|foreignobject|iframe|animate|set)\b"
    rb"|\bon[a-z]+\s*=|javascript:|@import|<!entity"
    rb"|(?:href|src)\s*=\s*[\"']\s*(?:https?:|//)|url\(\s*[\"']?\s*(?:https?:|//)"
)


def _content_problem(path: str, content: bytes) -> tuple[Rule, str, str] | None:
    """What is wrong with the bytes of a file: rule, message and help; None if nothing is."""
    extension = posixpath.splitext(path)[1].lower()
    magic = _MAGIC.get(extension)
    if magic and not content.startswith(magic):
        return (
            rules.MEDIA_CONTENT,
            f"is not a {extension[1:]} image: its first bytes are of something else",
            "save it again in the format its name says",
        )
    if extension == ".svg" and b"<svg" not in content[:4096].lower():
        return rules.MEDIA_CONTENT, "is not an SVG drawing", "save it again as SVG"
    if extension == ".svg" and (found := re.search(_ACTIVE_SVG, content)):
        what = found.group().decode("ascii", "replace")
        return (
            rules.ACTIVE_MEDIA,
            f"holds `{what}`: it could run or fetch something on a learner's device",
            "save it as plain SVG, or as PNG",
        )
    if extension == ".png" and len(content) >= 24:
        width, height = (int.from_bytes(content[at : at + 4], "big") for at in (16, 20))
        if width * height > MAX_PIXELS:
            return (
                rules.LARGE_MEDIA,
                f"is {width} by {height} pixels, more than a phone can show",
                "scale it down",
            )
    return None
