"""One build: a source folder becomes a package, its build record and their checksums."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from crss_deck import __version__
from crss_deck.apkg import genanki_version, package_bytes, read_apkg
from crss_deck.claims import Coverage
from crss_deck.compiler import Compilation, DeckError, compile_deck
from crss_deck.folder import read_deck
from crss_deck.grammar import grammar_versions
from crss_deck.highlight import pygments_version
from crss_deck.history import Status
from crss_deck.lock import iso
from crss_deck.manifest import Manifest
from crss_deck.output import check_output, replace_files, writer_of
from crss_deck.package import Package

RECORD_FORMAT = 1
CHECKSUMS = "SHA256SUMS"


class NotReleasedError(Exception):
    """A build that must be the release is a draft; the message says what differs."""


class BuildResult(NamedTuple):
    """A finished build: what was compiled, and where the package lies."""

    compilation: Compilation
    path: Path


def build_deck(
    source: str | os.PathLike[str],
    output: str | os.PathLike[str] = "build",
    *,
    clock: int | None = None,
    locked: bool = False,
    after: Iterable[str | os.PathLike[str]] = (),
    parallel: bool = False,
) -> BuildResult:
    """Build the deck in a source folder into an output folder.

    Writes `<id>-<version>.apkg` for the release that deck.lock describes, else
    `<id>-<version>+draft.apkg`; the build record beside it (`.json`) and `SHA256SUMS`: all three
    or none. `clock` is the moment of the build in seconds since 1970, by default now; it dates a
    draft. `locked` refuses a draft, `after` names earlier packages whose learners must get every
    change, `parallel` is as for `compile_deck`.
    Raises DeckError if the deck has errors, NotReleasedError for a draft where none is wanted or a
    change that would not arrive, PackageError if a file of `after` is no package, ClockError as
    `compile_deck`, and OSError if a file cannot be read or written; then the output folder is as it
    was.
    """
    folder = Path(output)
    check_output(Path(source), folder)
    compilation = compile_deck(read_deck(source), clock=clock, parallel=parallel)
    package, deck = compilation.package, compilation.deck
    if package is None or deck is None:
        raise DeckError(compilation.diagnostics)
    if locked:
        _check_locked(compilation)
    for path in after:
        _check_arrival(path, package)
    draft = "+draft" if compilation.draft else ""
    stem = f"{deck.manifest.id}-{deck.manifest.version}{draft}"
    content = package_bytes(package)
    record = _record(deck.manifest, compilation, f"{stem}.apkg", content)
    files = {f"{stem}.apkg": content, f"{stem}.json": record}
    files[CHECKSUMS] = "".join(
        f"{sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files)
    ).encode()
    replace_files(folder, {name: writer_of(content) for name, content in files.items()})
    return BuildResult(compilation, folder / f"{stem}.apkg")


CLOCK_TOLERANCE = 300
"""Seconds that a release may seem to lie ahead of this machine's clock."""


def _check_locked(compilation: Compilation) -> None:
    """Refuse anything but the release; neither git nor the environment is asked."""
    history, package = compilation.history, compilation.package
    assert history is not None and package is not None and compilation.deck is not None
    version = compilation.deck.manifest.version
    release = history.lock.release(version) if history.lock else None
    if release is None:
        raise NotReleasedError(f"deck.lock has no release {version}: run `crss-deck release`")
    if compilation.draft:
        differing = [
            f"{status.value}: {', '.join(state.key for state in history.with_status(status))}"
            for status in Status
            if status is not Status.SAME and history.with_status(status)
        ]
        present = {state.origin for state in history.states}
        assert history.lock is not None
        nameless = [s.key for s in history.states if not s.where.common.has_id]
        if nameless:
            differing.append(f"without id: {', '.join(nameless)}")
        gone = [n.key for o, n in history.lock.notes.items() if o not in present and not n.retired]
        if gone:
            differing.append(f"gone: {', '.join(gone)}")
        known = history.lock.notes
        moved = [
            state.key
            for state in history.states
            if state.origin in known and state.subdeck != known[state.origin].subdeck
        ]
        if moved:
            differing.append(f"moved to another deck: {', '.join(moved)}")
        tools = ",".join(f"{name}/{number}" for name, number in lock_tools().items())
        if tools != release.tools:
            differing.append(f"tools: {tools}, released with {release.tools}")
        what = "; ".join(differing) or "the description, the order of notes, media or templates"
        raise NotReleasedError(f"this is not release {version}, but a draft ({what})")
    if release.date > time.time() + CLOCK_TOLERANCE:
        raise NotReleasedError(
            f"release {version} is dated {iso(release.date)}, which lies ahead of the clock"
        )


def _check_arrival(path: str | os.PathLike[str], package: Package) -> None:
    """Refuse changes that learners who have an earlier package would never get."""
    from crss_deck.difference import compare

    found = compare(read_apkg(path), package)
    if found.not_arriving:
        raise NotReleasedError(
            f"for learners who have {path} the changes of these notes would not arrive, because"
            f" they are not dated later: {', '.join(note.name for note in found.not_arriving)}"
        )
    if found.refused:
        raise NotReleasedError(
            f"for learners who have {path} this cannot arrive: "
            + "; ".join(reason.text for reason in found.refused)
        )


def _record(manifest: Manifest, compilation: Compilation, name: str, content: bytes) -> bytes:
    """What was built and by what, for people and machines: the same bytes for the same build."""
    package = compilation.package
    assert package is not None
    record = {
        "format": RECORD_FORMAT,
        "deck": manifest.id,
        "name": manifest.name,
        "version": compilation.version,
        "draft": compilation.draft,
        "date": iso(package.stamp),
        "file": name,
        "sha256": sha256(content).hexdigest(),
        "content": compilation.content,
        "notes": len(package.notes),
        "cards": package.card_count,
        "media": len(package.media),
        "note_types": _count_types(package),
        "claims": _count_claims(compilation.coverage),
        "tools": tool_versions(),
    }
    return (json.dumps(record, ensure_ascii=False, indent=2) + "\n").encode()


def _count_types(package: Package) -> dict[str, int]:
    counts = {note_type.kind: 0 for note_type in package.note_types}
    for note in package.notes:
        counts[note.note_type.kind] += 1
    return counts


def _count_claims(coverage: Coverage | None) -> dict[str, int] | None:
    if coverage is None:
        return None
    return {
        "all": coverage.claims,
        "covered": coverage.covered,
        "waived": coverage.waived,
        "open": coverage.open,
    }


def lock_tools() -> dict[str, str]:
    """The versions of what shapes the HTML of fields, as deck.lock records them."""
    versions = tool_versions()
    return {name: versions[name] for name in ("crss-deck", "markdown-it-py", "pygments")}


def tool_versions() -> dict[str, str]:
    """The versions of everything that shapes the bytes of a package."""
    return {
        "crss-deck": __version__,
        "genanki": genanki_version(),
        **grammar_versions(),
        "pygments": pygments_version(),
    }
