"""The stages from a source folder to a package, in order, and nothing else."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from typing import NamedTuple

from crss_deck import diagnostics as rules
from crss_deck.checks import CHECKS, MAX_FINDINGS, Draft, notes_paths
from crss_deck.claims import Coverage, cards_by_claim, coverage, read_claims
from crss_deck.diagnostics import Diagnostic, Rule, Severity, sort_key
from crss_deck.folder import LOCK, MANIFEST, SourceFolder, can_hold
from crss_deck.frontmatter import Word
from crss_deck.history import (
    History,
    check_against_lock,
    forgotten_names,
    moved_names,
    source_digests,
    stamped,
)
from crss_deck.keys import propose_keys
from crss_deck.lock import Lock, LockedNote, read_lock
from crss_deck.manifest import Manifest, read_manifest, value_span, version_span
from crss_deck.media import collect_media
from crss_deck.model import Deck, Note
from crss_deck.package import Package, content_digest
from crss_deck.parallel import Parse, parsing
from crss_deck.parser import TagUse, parse_notes
from crss_deck.render import render_deck, with_version
from crss_deck.source import Source, Span
from crss_deck.stylesheet import read_stylesheet
from crss_deck.suppression import sound_notes, suppress, without_echoes
from crss_deck.wording import read_wording


class Compilation(NamedTuple):
    """What came of a source folder: every diagnostic, and a package if none is an error."""

    diagnostics: tuple[Diagnostic, ...]
    """Sorted by place."""
    deck: Deck | None = None
    package: Package | None = None
    version: str = ""
    """The version that the package bears; a draft's says so and names its content."""
    content: str = ""
    """The digest of the package's content; a draft's is of that without dates and version."""
    history: History | None = None
    """What became of each note since the last release."""
    coverage: Coverage | None = None
    """How much of the source the notes cover, if deck.toml names its claims."""

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        """The diagnostics that stop the package."""
        return tuple(d for d in self.diagnostics if d.rule.severity is Severity.ERROR)

    @property
    def draft(self) -> bool:
        """Whether the package is anything but the release that deck.lock describes."""
        return self.deck is None or self.version != self.deck.manifest.version


class DeckError(Exception):
    """The deck has errors, so nothing was built; `diagnostics` holds all findings."""

    def __init__(self, diagnostics: tuple[Diagnostic, ...]) -> None:
        super().__init__("the deck has errors")
        self.diagnostics = diagnostics


class ClockError(ValueError):
    """A draft cannot be dated to a moment that is not later than the last release."""


def compile_deck(
    folder: SourceFolder,
    *,
    clock: int | None = None,
    parse: Parse = parse_notes,
    parallel: bool = False,
) -> Compilation:
    """Parse, check, render and date a deck; the disk is not touched.

    `clock` is the moment of the build in seconds since 1970, by default now. It dates a draft and
    is ignored for a release. `parse` is for who compiles a deck again and again, and remembers what
    `parse_notes` made of a file. `parallel` lets a second process parse half of a large deck: the
    process is forked, so it is for programs that run no other threads of their own (Linux only).
    The outcome is the same. Raises ClockError if a clock is given and a draft would be no
    later than the last release: learners would never get its changes.
    """
    if parallel and parse is not parse_notes:
        raise ValueError("a second process knows no other parser than parse_notes")
    found = list(folder.problems)
    manifest = _manifest(folder, found)
    named = _named_files(folder, manifest, found)
    description = named.get("description")
    stylesheet = read_stylesheet(named["stylesheet"], found.append) if "stylesheet" in named else ""
    claims = read_claims(named["claims"], found.append) if "claims" in named else None
    wording = read_wording(named["wording"], found.append) if "wording" in named else None
    lock = read_lock(folder.texts[LOCK], found.append) if LOCK in folder.texts else None
    notes: list[Note] = []
    tags: list[TagUse] = []
    key_spans: list[tuple[str, Span]] = []
    cited: list[Word] = []
    counts: dict[str, int] = {}
    sources = {path: folder.texts[path] for path in notes_paths(folder, manifest)}
    with parsing([*sources.values()]) if parallel else nullcontext(parse) as parse_file:
        for path, source in sources.items():
            file = parse_file(source, found.append)
            counts[path] = len(file.notes)
            notes += file.notes
            tags += file.tags
            key_spans += file.key_spans
            cited += file.claims
    media = collect_media(notes, folder, found.append)
    forgotten, moved = {}, {}
    digests: tuple[str | None, ...] = ()
    if manifest is not None and lock is not None:
        digests = source_digests(notes, manifest.tag_root, media.found)
        forgotten = forgotten_names(notes, digests, lock)
        moved = moved_names(notes, digests, lock)
    notes = propose_keys(notes, lock.names if lock else (), forgotten)
    if lock is not None:
        _check_lock(lock, manifest, notes, forgotten, moved, folder, found)
    sound = sound_notes(notes, found)
    draft = Draft(
        folder, manifest, counts, notes, sound, tags, key_spans, cited, media, claims, wording
    )
    for check in CHECKS:
        found += check(draft)
    manifest_source = folder.texts.get(MANIFEST)
    kept = suppress(without_echoes(found, notes), notes, sound, manifest, manifest_source)
    compilation = Compilation(tuple(_readable(sorted(kept, key=sort_key))))
    if claims is not None:
        compilation = compilation._replace(coverage=coverage(claims, cards_by_claim(notes)))
    if manifest is None or compilation.errors:
        return compilation
    deck = Deck(manifest, tuple(notes), description, media.found, stylesheet)
    return _dated(compilation._replace(deck=deck), deck, lock, digests, folder, clock)


def _dated(
    compilation: Compilation,
    deck: Deck,
    lock: Lock | None,
    digests: Sequence[str | None],
    folder: SourceFolder,
    clock: int | None,
) -> Compilation:
    """Render the deck as the release its lock describes, or else as a draft."""
    manifest = deck.manifest
    package = render_deck(deck, 0)
    history = History(deck, package, lock, digests)
    compilation = compilation._replace(history=history)
    release = lock.release(manifest.version) if lock else None
    if release is not None and all(note.common.has_id for note in deck.notes):
        dated = stamped(package, history, release.date)
        if content_digest(dated) == release.content:
            dated = dated._replace(lock=folder.texts[LOCK].text)
            return compilation._replace(
                package=dated, version=manifest.version, content=release.content
            )
    # A draft is a second old, so that a release of this very second is newer.
    moment = (int(time.time()) if clock is None else clock) - 1
    newest = lock.newest_date if lock else 0
    if clock is not None and clock <= newest:
        raise ClockError(
            f"the time {clock} is not later than the last release ({newest}):"
            " learners would not get the changes"
        )
    dated = stamped(package, history, max(moment, newest + 1))
    content = content_digest(package, stamped=False)
    version = f"{manifest.version}+draft.{content[:8]}"
    dated = with_version(dated, deck, version)
    return compilation._replace(package=dated, version=version, content=content)


def _check_lock(
    lock: Lock,
    manifest: Manifest | None,
    notes: list[Note],
    forgotten: dict[int, LockedNote],
    moved: dict[int, LockedNote],
    folder: SourceFolder,
    found: list[Diagnostic],
) -> None:
    if manifest is not None and manifest.id != lock.deck_id:
        found.append(
            Diagnostic(
                rules.CHANGED_DECK_ID,
                f"the deck was released as `{lock.deck_id}`: under another id every note would be"
                " a new one",
                folder.texts[MANIFEST],
                value_span(folder.texts[MANIFEST], "id"),
                f'write id = "{lock.deck_id}"; for a new deck, remove deck.lock',
            )
        )
        return
    if manifest is not None and lock.releases and lock.release(manifest.version) is None:
        found.append(
            Diagnostic(
                rules.UNFINISHED_RELEASE,
                f"version {manifest.version} is not in deck.lock: its release was not finished,"
                " or not begun",
                folder.texts[MANIFEST],
                version_span(folder.texts[MANIFEST]),
                "run `crss-deck release` (again), or write the last released version",
            )
        )
    check_against_lock(notes, lock, forgotten, moved, found.append)


def _readable(found: Iterable[Diagnostic]) -> Iterator[Diagnostic]:
    """Findings, but of one rule in one file no more than anybody would read.

    None is left out before all is judged: a note whose only error nobody reads is broken, too.
    """
    counts: Counter[tuple[str, Rule]] = Counter()
    for diagnostic in found:
        group = diagnostic.source.path, diagnostic.rule
        counts[group] += 1
        if counts[group] <= MAX_FINDINGS:
            yield diagnostic


def _manifest(folder: SourceFolder, found: list[Diagnostic]) -> Manifest | None:
    source = folder.texts.get(MANIFEST)
    if source is None:
        if not any(problem.source.path == folder.shown + MANIFEST for problem in found):
            missing = Source(folder.shown + MANIFEST, "")
            found.append(Diagnostic(rules.MANIFEST_SYNTAX, "there is no deck.toml", missing))
        return None
    return read_manifest(source, found.append)


_NAMED = {
    "description": ("description.md", "Markdown file"),
    "stylesheet": ("style.css", "stylesheet"),
    "claims": ("claims.toml", "TOML file"),
    "wording": ("wording.toml", "TOML file"),
}
"""By the key of deck.toml that names a file: a good name for it, and what it is."""


def _named_files(
    folder: SourceFolder, manifest: Manifest | None, found: list[Diagnostic]
) -> dict[str, Source]:
    """The files that deck.toml names, by key; one that is not there, or no such file, is said."""
    named = {}
    unread = {problem.source.path for problem in folder.problems}
    for key, (good, what) in _NAMED.items():
        path: str = getattr(manifest, key, "")
        fits = path.endswith(good[good.index(".") :]) and path != MANIFEST
        if path in folder.texts and fits:
            named[key] = folder.texts[path]
        elif path and folder.shown + path not in unread:
            found.append(
                Diagnostic(
                    rules.MANIFEST_VALUE,
                    f"`{key}` names `{path}`, which is not a {what} here",
                    folder.texts[MANIFEST],
                    value_span(folder.texts[MANIFEST], key),
                    f"make the file {folder.shown}{path}"
                    if fits and can_hold(path)
                    else f'write {key} = "{good}", and make the file {folder.shown}{good}',
                )
            )
    return named
