"""One build: a source folder becomes a package, its build record and their checksums."""

from __future__ import annotations

import json
import os
import time
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from crss_deck import __version__
from crss_deck.apkg import genanki_version, package_bytes
from crss_deck.compiler import Compilation, compile_deck
from crss_deck.diagnostics import Diagnostic
from crss_deck.folder import read_deck
from crss_deck.manifest import Manifest
from crss_deck.output import Writer, replace_files
from crss_deck.package import Package, content_digest

RECORD_FORMAT = 1
CHECKSUMS = "SHA256SUMS"


class DeckError(Exception):
    """The deck has errors, so nothing was built; `diagnostics` holds all findings."""

    def __init__(self, diagnostics: tuple[Diagnostic, ...]) -> None:
        super().__init__("the deck has errors")
        self.diagnostics = diagnostics


class OutputFolderError(OSError):
    """The output folder is no place to write to."""


class BuildResult(NamedTuple):
    """A finished build: what was compiled, and where the package lies."""

    compilation: Compilation
    path: Path


def build_deck(
    source: str | os.PathLike[str],
    output: str | os.PathLike[str] = "build",
    *,
    clock: int | None = None,
) -> BuildResult:
    """Build the deck in a source folder into an output folder.

    Writes `<id>-<version>+draft.apkg`, the build record beside it (`.json`) and `SHA256SUMS`, all
    three or none. `clock` is the moment of the build in seconds since 1970, by default now.
    Raises DeckError if the deck has errors, and OSError if a file cannot be read or written; then
    the output folder is as it was.
    """
    folder = Path(output)
    _check_output(Path(source), folder)
    compilation = compile_deck(read_deck(source), clock=clock)
    if compilation.package is None or compilation.deck is None:
        raise DeckError(compilation.diagnostics)
    manifest = compilation.deck.manifest
    stem = f"{manifest.id}-{manifest.version}+draft"
    content = package_bytes(compilation.package)
    record = _record(manifest, compilation, f"{stem}.apkg", content)
    files = {f"{stem}.apkg": content, f"{stem}.json": record}
    files[CHECKSUMS] = "".join(
        f"{sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files)
    ).encode()
    replace_files(folder, {name: _writer(content) for name, content in files.items()})
    return BuildResult(compilation, folder / f"{stem}.apkg")


def _writer(content: bytes) -> Writer:
    return lambda stream: stream.write(content)


def _check_output(source: Path, output: Path) -> None:
    if output.exists() and not output.is_dir():
        raise OutputFolderError(f"{output}: this is a file, not a folder to write to")
    inside, outside = output.resolve(), source.resolve()
    if inside == outside or outside in inside.parents:
        raise OutputFolderError(f"{output}: the output folder lies inside the source folder")


def _record(manifest: Manifest, compilation: Compilation, name: str, content: bytes) -> bytes:
    """What was built and by what, for people and machines: the same bytes for the same build."""
    package = compilation.package
    assert package is not None
    record = {
        "format": RECORD_FORMAT,
        "deck": manifest.id,
        "name": manifest.name,
        "version": compilation.version,
        "draft": True,
        "date": _iso(package.stamp),
        "file": name,
        "sha256": sha256(content).hexdigest(),
        "content": content_digest(package),
        "notes": len(package.notes),
        "cards": package.card_count,
        "media": len(package.media),
        "note_types": _count_types(package),
        "tools": tool_versions(),
    }
    return (json.dumps(record, ensure_ascii=False, indent=2) + "\n").encode()


def _count_types(package: Package) -> dict[str, int]:
    counts = {note_type.kind: 0 for note_type in package.note_types}
    for note in package.notes:
        counts[note.note_type.kind] += 1
    return counts


def _iso(second: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(second))


def tool_versions() -> dict[str, str]:
    """The versions of everything that shapes the bytes of a package."""
    import markdown_it
    import mdit_py_plugins
    import pygments

    return {
        "crss-deck": __version__,
        "genanki": genanki_version(),
        "markdown-it-py": markdown_it.__version__,
        "mdit-py-plugins": mdit_py_plugins.__version__,
        "pygments": pygments.__version__,
    }
