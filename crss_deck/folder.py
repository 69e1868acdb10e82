"""A source folder on disk -> its files, read once. The only module that reads an author's files."""

from __future__ import annotations

import os
import stat
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, NoReturn

from crss_deck import diagnostics as rules
from crss_deck.diagnostics import Diagnostic
from crss_deck.source import DecodingError, Source, decode

SOURCE = "source"
"""The folder of the deck in one that `init` makes: what commands take if they are given none."""
MANIFEST = "deck.toml"
LOCK = "deck.lock"
CHANGELOG = "CHANGELOG.md"
TEXTS = (".md", ".css", ".toml")
"""How the names of texts end, beside deck.lock."""
MAX_TEXT_SIZE = 8 * 1024 * 1024
"""A notes file larger than this is no text a person wrote."""
MAX_MEDIA_SIZE = 100 * 1024 * 1024
"""Anki's own limit for syncing one media file."""


class File(NamedTuple):
    """A file that is no text of ours: its bytes, or why they were not read."""

    content: bytes | None
    problem: str = ""


class SourceFolder(NamedTuple):
    """Everything below a source folder, by path from it: `/` between parts, NFC."""

    shown: str
    """How paths are shown: what stands before a path of a file, with its final `/`."""
    texts: dict[str, Source]
    """deck.lock, and every Markdown file, TOML file and stylesheet."""
    files: dict[str, File]
    """Every other file; also those that are not read, with the reason."""
    problems: tuple[Diagnostic, ...] = ()

    @classmethod
    def of(cls, contents: Mapping[str, str | bytes], shown: str = "") -> SourceFolder:
        """A folder from memory: text or bytes by path."""
        found = {
            path: File(content.encode() if isinstance(content, str) else content)
            for path, content in contents.items()
        }
        return _sorted(shown, found)


class SourceFolderError(OSError):
    """The source folder is not there, or holds no deck.toml."""


def read_deck(path: str | os.PathLike[str]) -> SourceFolder:
    """Read the source folder at a path, following no link that leaves it.

    Raises SourceFolderError if it is no folder with a deck.toml, and OSError if a file cannot be
    read. Bad bytes are no exception but a diagnostic of `compile_deck`.
    """
    root = Path(path)
    if root.is_file():
        raise SourceFolderError(f"{root}: a file; name the folder that holds {MANIFEST}")
    if not root.is_dir():
        inside = root.parent == Path() and Path(MANIFEST).is_file()
        meant = f"; {MANIFEST} is in this folder: name it as `.`" if inside else ""
        raise SourceFolderError(f"{root}: no such folder{meant}")
    if not (root / MANIFEST).is_file():
        below = (root / SOURCE / MANIFEST).is_file()
        meant = f"; did you mean {root / SOURCE}?" if below else ""
        raise SourceFolderError(
            f"{root}: there is no {MANIFEST}, so this is not the folder of a deck{meant}"
        )
    found: dict[str, File] = {}
    real_root = root.resolve()
    for folder, subfolders, names in os.walk(root, onerror=_refuse):
        subfolders[:] = sorted(name for name in subfolders if not _hidden(name))
        here = Path(folder)
        links = [name for name in subfolders if (here / name).is_symlink()]
        for name in sorted(names) + links:
            if not _hidden(name):
                relative = (here / name).relative_to(root).as_posix()
                found[unicodedata.normalize("NFC", relative)] = _read(here / name, real_root)
    shown = root.as_posix()
    return _sorted("" if shown == "." else shown.rstrip("/") + "/", found)


def _refuse(error: OSError) -> NoReturn:
    """A folder that cannot be listed is no empty one: its notes would be given up."""
    raise error


def _hidden(name: str) -> bool:
    return name.startswith((".", "_"))


def can_hold(path: str) -> bool:
    """Whether a source folder can have a file of that path, which is read."""
    return "\\" not in path and all(part and not _hidden(part) for part in path.split("/"))


def _read(path: Path, real_root: Path) -> File:
    """Read a regular file inside the root; a device or pipe is never opened."""
    if path.is_symlink():
        try:
            target = path.resolve()
        except (OSError, RuntimeError):  # RuntimeError before Python 3.13
            return File(None, "a link that leads to itself")
        if not target.is_relative_to(real_root):
            return File(None, "a link that leaves the source folder")
        if not target.exists():
            return File(None, "a link to nothing")
        if target.is_dir():
            return File(None, "a link to a folder, which is not followed")
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        return File(None, "no regular file")
    limit = MAX_TEXT_SIZE if path.suffix in TEXTS else MAX_MEDIA_SIZE
    if status.st_size > limit:
        return File(None, f"larger than {limit // 1024 // 1024} MB")
    return File(path.read_bytes())


def _order(path: str) -> tuple[str, ...]:
    """Curriculum order: path parts by code point."""
    return tuple(path.split("/"))


def _sorted(shown: str, found: Mapping[str, File]) -> SourceFolder:
    texts: dict[str, Source] = {}
    files: dict[str, File] = {}
    problems: list[Diagnostic] = []
    for path in sorted(found, key=_order):
        if any(_hidden(part) for part in path.split("/")):
            continue
        file = found[path]
        if not path.endswith(TEXTS) and path != LOCK:
            files[path] = file
            continue
        if file.content is None:
            source = Source(shown + path, "")
            rule = rules.FILE_TOO_LARGE if "larger" in file.problem else rules.OUTSIDE_MEDIA
            problems.append(
                Diagnostic(
                    rule._replace(configuration=path in (MANIFEST, LOCK)),
                    f"the file is {file.problem}",
                    source,
                    help="split it" if "larger" in file.problem else "copy the file here",
                )
            )
            continue
        try:
            texts[path] = decode(shown + path, file.content)
        except DecodingError as error:
            at = error.offset
            span = error.source.span(at, at + 1) if error.source.text else None
            problems.append(
                Diagnostic(
                    rules.INVALID_ENCODING._replace(configuration=path in (MANIFEST, LOCK)),
                    f"the file is not UTF-8 text: {error.found} at this place"
                    if span
                    else f"the file is {error.found}, not UTF-8 text",
                    error.source,
                    span,
                    "save it as UTF-8",
                )
            )
    return SourceFolder(shown, texts, files, tuple(problems))
