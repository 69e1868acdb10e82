"""The hops from a source folder to a package, in order, and nothing else."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from crss_deck import diagnostics as rules
from crss_deck.checks import CHECKS, MAX_FINDINGS, Draft, notes_paths
from crss_deck.diagnostics import Diagnostic, Severity, sort_key
from crss_deck.folder import LOCK, MANIFEST, SourceFolder
from crss_deck.keys import propose_keys
from crss_deck.manifest import Manifest, read_manifest
from crss_deck.media import collect_media
from crss_deck.model import Deck, Note
from crss_deck.package import Package, content_digest
from crss_deck.parser import TagUse, parse_notes
from crss_deck.render import render_deck, with_version
from crss_deck.source import Source, Span
from crss_deck.suppression import suppress


class Compilation(NamedTuple):
    """What came of a source folder: every diagnostic, and a package if none is an error."""

    diagnostics: tuple[Diagnostic, ...]
    """Sorted by place."""
    deck: Deck | None = None
    package: Package | None = None
    version: str = ""
    """The version that the package bears; a draft's says so and names its content."""

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        """The diagnostics that stop the package."""
        return tuple(d for d in self.diagnostics if d.rule.severity is Severity.ERROR)


def compile_deck(folder: SourceFolder, *, clock: int | None = None) -> Compilation:
    """Parse, check and render a deck; the disk is not touched.

    `clock` is the moment of the build in seconds since 1970, by default now; it dates a draft.
    """
    found = _Findings(folder.problems)
    manifest = _manifest(folder, found)
    notes: list[Note] = []
    tags: list[TagUse] = []
    key_spans: list[tuple[str, Span]] = []
    counts: dict[str, int] = {}
    for path in notes_paths(folder, manifest):
        file = parse_notes(folder.texts[path], found.add)
        counts[path] = len(file.notes)
        notes += file.notes
        tags += file.tags
        key_spans += file.key_spans
    notes = propose_keys(notes)
    media = collect_media(notes, folder, found.add)
    draft = Draft(folder, manifest, counts, notes, tags, key_spans, media)
    for check in CHECKS:
        for diagnostic in check(draft):
            found.add(diagnostic)
    commons = [note.common for note in notes]
    kept = suppress(found.all, commons, manifest, folder.texts.get(MANIFEST))
    diagnostics = tuple(sorted(kept, key=sort_key))
    compilation = Compilation(diagnostics)
    if manifest is None or compilation.errors:
        return compilation
    deck = Deck(manifest, tuple(notes), folder.texts.get(manifest.description), media.found)
    # A draft is a second old, so that a release of this very second is newer.
    moment = (int(time.time()) if clock is None else clock) - 1
    package = render_deck(deck, moment)
    version = f"{manifest.version}+draft.{content_digest(package, stamped=False)[:8]}"
    return compilation._replace(
        deck=deck, package=with_version(package, manifest, version), version=version
    )


class _Findings:
    """All findings, but of one rule in one file no more than anybody would read."""

    def __init__(self, first: Iterable[Diagnostic]) -> None:
        self.all = list(first)
        self._counts: Counter[tuple[str, str]] = Counter()

    def add(self, diagnostic: Diagnostic) -> None:
        group = diagnostic.source.path, diagnostic.rule.name
        self._counts[group] += 1
        if self._counts[group] <= MAX_FINDINGS:
            self.all.append(diagnostic)


def _manifest(folder: SourceFolder, found: _Findings) -> Manifest | None:
    source = folder.texts.get(MANIFEST)
    if source is None:
        if not any(problem.source.path == folder.shown + MANIFEST for problem in found.all):
            missing = Source(folder.shown + MANIFEST, "")
            found.add(Diagnostic(rules.MANIFEST_SYNTAX, "there is no deck.toml", missing))
        return None
    manifest = read_manifest(source, found.add)
    if manifest is not None and manifest.description and manifest.description not in folder.texts:
        found.add(
            Diagnostic(
                rules.MANIFEST_VALUE,
                f"`description` names `{manifest.description}`, which is no Markdown file here",
                source,
                help='write description = "description.md", or add that file',
            )
        )
    if LOCK in folder.texts:
        found.add(
            Diagnostic(
                rules.MANIFEST_VALUE,
                "this deck was released with a newer crss-deck, which this one cannot continue",
                folder.texts[LOCK],
                help="install a newer crss-deck",
            )
        )
    return manifest
