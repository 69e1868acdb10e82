"""Releasing a deck: which version its changes ask for, and the files that record it.

deck.lock is replaced last, so that a release is either there or can be run again.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from crss_deck import diagnostics as rules
from crss_deck.apkg import read_apkg
from crss_deck.build import lock_tools
from crss_deck.compiler import Compilation, DeckError, compile_deck
from crss_deck.diagnostics import Diagnostic, Edit, Severity
from crss_deck.fix import changed_bytes
from crss_deck.folder import CHANGELOG, LOCK, MANIFEST, SourceFolder, read_deck
from crss_deck.hazards import REFUSED, RELEASE_HAZARDS, Level
from crss_deck.history import History, NoteState, Status, design_digest, schema_digest, stamped
from crss_deck.lock import (
    SPENT,
    Lock,
    LockedNote,
    LockedType,
    Release,
    former_names,
    iso,
    lock_text,
    read_lock,
)
from crss_deck.manifest import VERSION, Manifest, version_span
from crss_deck.markdown import plain_text
from crss_deck.model import BasicNote, Deck
from crss_deck.output import replace_files, writer_of
from crss_deck.package import Package, content_digest
from crss_deck.render import render_deck
from crss_deck.report import count_of
from crss_deck.source import Source, decode
from crss_deck.words import markdown_text

RELEASE_FILES = (MANIFEST, CHANGELOG, LOCK)
"""What a release writes, in the order in which the files are replaced.

A version that the lock does not know tells of a broken release.
"""


EARLIEST = 1_000_000_000
"""September 2001: an earlier date is a mistake, and near 1970 Anki's Check Database breaks."""


class Kind(StrEnum):
    """What a change is about; the changelog has a heading for each."""

    ADDED = "added"
    RETURNED = "returned"
    REWORDED = "reworded"
    RENAMED = "renamed"
    PUSHED = "pushed"
    MERGED = "merged"
    MOVED = "moved"
    CARDS = "cards"
    RETIRED = "retired"
    LOOK = "look"
    DECK = "deck"
    OTHER = "other"


class Change(NamedTuple):
    """One thing that is different from the last release."""

    kind: Kind
    level: Level
    text: str
    key: str = ""
    hazard: str = ""


class ReleaseError(Exception):
    """The release cannot be made; the message says why and what to do."""


class Plan(NamedTuple):
    """A release worked out, not yet written."""

    version: str
    date: int
    level: Level
    changes: tuple[Change, ...]
    lock: Lock
    files: tuple[tuple[str, str], ...]
    """Names and texts of the files that are written anew."""
    notices: tuple[str, ...]
    tag: str
    warnings: tuple[Diagnostic, ...] = ()
    """What is wrong with the deck, though no error."""
    written: tuple[str, ...] = ()
    """Of the files of a release, those that `release_deck` has changed."""


def plan_release(
    folder: SourceFolder,
    *,
    clock: int,
    version: str = "",
    bump: Level = Level.NONE,
    allow: Iterable[str] = (),
    rerender: frozenset[str] | None = None,
    lock: Lock | None = None,
) -> Plan:
    """Work out the next release of a deck; nothing is written.

    `clock` dates it, in seconds since 1970. `rerender` pushes held notes: all of them if it is
    empty, else those of the named keys. `lock` takes the place of a lost deck.lock.
    Raises DeckError if the deck has errors, notes without id or released ones that have lost
    theirs, and ReleaseError if the release is refused.
    """
    if lock is not None:
        texts = {**folder.texts, LOCK: Source(folder.shown + LOCK, lock_text(lock))}
        folder = folder._replace(texts=texts)
    compilation = compile_deck(folder)
    deck, history = compilation.deck, compilation.history
    if deck is None or history is None:
        raise DeckError(compilation.diagnostics)
    _refuse_drafts(compilation)
    known = history.lock
    if clock < EARLIEST:
        raise ReleaseError(f"the date {iso(clock)} lies before {iso(EARLIEST)}: a wrong clock?")
    if known is not None and clock <= known.newest_date:
        raise ReleaseError(
            f"the date {iso(clock)} is not later than the last release, {iso(known.newest_date)}:"
            " learners who have that one would never get the changes"
        )
    push = _pushed(history, rerender)
    package = render_deck(deck, 0)
    changes = _changes(deck, history, package, push)
    level = max((change.level for change in changes), default=Level.NONE)
    wanted = version or allow or bump is not Level.NONE
    if lock is not None and not changes and not wanted and lock.release(deck.manifest.version):
        # Only the lock was lost: what it describes is released already.
        files: tuple[tuple[str, str], ...] = ((LOCK, lock_text(lock)),)
        tag = f"{deck.manifest.id}-{deck.manifest.version}"
        return Plan(deck.manifest.version, clock, level, (), lock, files, (), tag)
    target = _target(deck.manifest, known, level, changes, bump, version)
    named = tuple(dict.fromkeys(allow))
    _judge_hazards(changes, named)
    manifest = deck.manifest._replace(version=target)
    dated = stamped(render_deck(deck._replace(manifest=manifest), 0), history, clock, push)
    met = {change.hazard for change in changes}
    accepted = tuple(name for name in named if name in met)
    new_lock = _next_lock(manifest, history, dated, clock, accepted)
    changelog = folder.texts[CHANGELOG].text if CHANGELOG in folder.texts else ""
    section = changelog_section(manifest, clock, changes, known is None)
    files = ((CHANGELOG, _with_section(changelog, target, section)), (LOCK, lock_text(new_lock)))
    return Plan(
        target,
        clock,
        level,
        tuple(changes),
        new_lock,
        files,
        tuple(_notices(history, push)),
        f"{manifest.id}-{target}",
        compilation.diagnostics,
    )


def release_deck(
    path: str | os.PathLike[str],
    *,
    clock: int,
    version: str = "",
    bump: Level = Level.NONE,
    allow: Iterable[str] = (),
    rerender: frozenset[str] | None = None,
    recover: str | os.PathLike[str] | None = None,
) -> Plan:
    """Release the deck in a source folder: write its changelog, its version and deck.lock.

    All files are prepared before the first is replaced, and deck.lock is replaced last. `recover`
    names a released package whose lock takes the place of a lost one. Raises as `plan_release`,
    and OSError if a file cannot be read or written.
    """
    root = Path(path)
    if recover is not None and (root / LOCK).exists():
        raise ReleaseError(f"{root / LOCK} is there: --recover is for a lost one")
    lock = recovered_lock(recover) if recover is not None else None
    plan = plan_release(
        read_deck(root),
        clock=clock,
        version=version,
        bump=bump,
        allow=allow,
        rerender=rerender,
        lock=lock,
    )
    contents = {name: text.encode() for name, text in plan.files}
    if CHANGELOG in contents:
        contents[MANIFEST] = _with_version((root / MANIFEST).read_bytes(), plan.version)
    files = [name for name in RELEASE_FILES if name in contents]
    before = {name: (root / name).read_bytes() for name in files if (root / name).exists()}
    replace_files(root, {name: writer_of(contents[name]) for name in files})
    written = tuple(name for name in files if contents[name] != before.get(name))
    return plan._replace(written=written)


def recovered_lock(path: str | os.PathLike[str]) -> Lock:
    """The lock that lies in a released package.

    Raises PackageError if the file is no package, and ReleaseError if it holds no lock.
    """
    text = read_apkg(path).lock
    if not text:
        raise ReleaseError(f"{path} holds no deck.lock: it is not a release of crss-deck")
    problems: list[Diagnostic] = []
    lock = read_lock(Source(str(path), text), problems.append)
    if lock is None:
        raise ReleaseError(f"{path}: its deck.lock cannot be read: {problems[0].message}")
    return lock


# ------------------------------------------------------------------ what changed


_UNRELEASABLE = (rules.MISSING_ID, rules.FORGOTTEN_WAS, rules.MOVED_ID)
"""What is a warning while a deck is written, and would cost learners once it is released."""


def _refuse_drafts(compilation: Compilation) -> None:
    drafts = [d for d in compilation.diagnostics if d.rule in _UNRELEASABLE]
    if drafts:
        as_errors = [d._replace(rule=d.rule._replace(severity=Severity.ERROR)) for d in drafts]
        raise DeckError(tuple(as_errors))


def _pushed(history: History, rerender: frozenset[str] | None) -> frozenset[str]:
    if rerender is None:
        return frozenset()
    if not rerender:
        return frozenset(state.key for state in history.with_status(Status.HELD))
    unknown = rerender - {state.key for state in history.states}
    if unknown:
        raise ReleaseError(f"--rerender names no note of this deck: {', '.join(sorted(unknown))}")
    return rerender


def _changes(deck: Deck, history: History, package: Package, push: frozenset[str]) -> list[Change]:
    lock = history.lock
    if lock is None:
        return []
    changes: list[Change] = []
    respelt: dict[str, None] = {}
    if deck.manifest.name.casefold() != lock.name.casefold():
        text = f"the deck is now called “{deck.manifest.name}”, before “{lock.name}”"
        changes.append(Change(Kind.DECK, Level.MAJOR, text, hazard="deck-renamed"))
    elif deck.manifest.name != lock.name:
        respelt[_respelt("deck", lock.name, deck.manifest.name)] = None
    base = lock.release(deck.manifest.version)
    merged = {r.date: r.version for r in lock.releases if base and r.date > base.date}
    present = set()
    for state, status in zip(history.states, history.statuses, strict=True):
        present.add(state.origin)
        locked = lock.notes.get(state.origin)
        title = _title(state)
        if locked is None:
            changes.append(Change(Kind.ADDED, Level.MINOR, title, state.key))
            continue
        if locked.retired:
            changes.append(Change(Kind.RETURNED, Level.MINOR, title, state.key))
        if status is Status.CHANGED or (status is Status.RENAMED and _text_differs(state, locked)):
            changes.append(Change(Kind.REWORDED, Level.PATCH, title, state.key))
        elif state.key in push:
            changes.append(Change(Kind.PUSHED, Level.PATCH, title, state.key))
        elif locked.date in merged:
            text = f"{title}, in {merged[locked.date]}"
            changes.append(Change(Kind.MERGED, Level.PATCH, text, state.key))
        if status is Status.RENAMED:
            changes.append(
                Change(Kind.RENAMED, Level.PATCH, f"{title}, before `{locked.key}`", state.key)
            )
        if state.subdeck.casefold() != locked.subdeck.casefold():
            changes.append(Change(Kind.MOVED, Level.MINOR, title, state.key))
        elif state.subdeck != locked.subdeck:
            respelt[_respelt("subdeck", locked.subdeck, state.subdeck)] = None
        changes += _card_changes(state, locked)
    for origin, locked in lock.notes.items():
        if origin not in present and not locked.retired:
            changes.append(Change(Kind.RETIRED, Level.MINOR, f"`{locked.key}`", locked.key))
    # A note type has the deck's name; that it takes the new one is no change of its look.
    under_old_name = deck._replace(manifest=deck.manifest._replace(name=lock.name))
    former = package if under_old_name == deck else render_deck(under_old_name, 0)
    for note_type in former.note_types:
        known = lock.types.get(note_type.kind)
        if known is not None and known.schema != schema_digest(note_type):
            raise ReleaseError(f"schema-changed: {REFUSED['schema-changed']}")
        if known is not None and known.design != design_digest(note_type):
            changes.append(Change(Kind.LOOK, Level.PATCH, f"the look of {note_type.kind} cards"))
    changes += [Change(Kind.DECK, Level.PATCH, text) for text in respelt]
    if not changes and _differs_otherwise(deck, history):
        what = "the description or the order of new cards"
        if history.with_status(Status.HELD):
            what = "nothing that you would see, or the description or the order of new cards"
        changes.append(Change(Kind.OTHER, Level.PATCH, what))
    return changes


def _respelt(what: str, old: str, new: str) -> str:
    """A change of case: Anki takes both for one deck, and keeps the name that it has."""
    return f"the {what} is now spelt “{new}”, before “{old}”; where it is already, nothing changes"


def _text_differs(state: NoteState, locked: LockedNote) -> bool:
    return all(
        source != state.source and rendered != state.rendered for source, rendered in locked.digests
    )


def _card_changes(state: NoteState, locked: LockedNote) -> Iterator[Change]:
    title = _title(state)
    for number, answer in state.cards.items():
        before = locked.cards.get(number)
        elsewhere = [n for n, d in locked.cards.items() if d and d == answer and n != number]
        if before == SPENT:
            text = f"{title}: card {number} is used again"
            yield Change(Kind.CARDS, Level.MAJOR, text, state.key, "number-reused")
        elif before != answer and elsewhere and state.cards.get(elsewhere[0]) != answer:
            text = f"{title}: an answer moved from card {elsewhere[0]} to card {number}"
            yield Change(Kind.CARDS, Level.MAJOR, text, state.key, "number-moved")
        elif before is None:
            text = f"{title}: card {number} is new"
            yield Change(Kind.CARDS, Level.MINOR, text, state.key)
    for number, answer in locked.cards.items():
        if answer != SPENT and number not in state.cards:
            text = f"{title}: card {number} is gone"
            yield Change(Kind.CARDS, Level.MAJOR, text, state.key, "card-removed")


def _differs_otherwise(deck: Deck, history: History) -> bool:
    """Whether anything is different that no note shows: description, order, held notes."""
    lock = history.lock
    assert lock is not None
    last = max(lock.releases, key=lambda release: release.date, default=None)
    release = lock.release(deck.manifest.version) or last
    if release is None:
        return True
    manifest = deck.manifest._replace(version=release.version)
    before = stamped(render_deck(deck._replace(manifest=manifest), 0), history, release.date)
    return content_digest(before) != release.content


def _title(state: NoteState) -> str:
    """A note as a learner knows it: the beginning of what it asks."""
    note = state.where
    words = plain_text(note.front if isinstance(note, BasicNote) else note.text)
    short = words if len(words) <= 80 else words[:79].rsplit(" ", 1)[0] + " …"
    return f"“{short}” (`{state.key}`)"


# ------------------------------------------------------------------ level and version


def _number(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def _bumped(version: str, level: Level) -> str:
    major, minor, patch = _number(version)
    if level is Level.MAJOR:
        return f"{major + 1}.0.0"
    if level is Level.MINOR:
        return f"{major}.{minor + 1}.0"
    return f"{major}.{minor}.{patch + 1}"


def _target(
    manifest: Manifest,
    lock: Lock | None,
    level: Level,
    changes: Sequence[Change],
    bump: Level,
    version: str,
) -> str:
    """The version of the release. Raises ReleaseError for one too low for its changes."""
    if version and not VERSION.fullmatch(version):
        raise ReleaseError(f"{version!r} is not a version: write three numbers such as 1.2.0")
    if lock is None or not lock.releases:
        return version or manifest.version
    released = {release.version for release in lock.releases}
    earlier = [each for each in released if _number(each) < _number(manifest.version)]
    base = manifest.version
    if base not in released:
        base = max(earlier or released, key=_number)
    if level is Level.NONE:
        raise ReleaseError(f"nothing has changed since {base}: there is nothing to release")
    needed = _bumped(base, max(level, bump))
    wanted = version or (manifest.version if manifest.version not in released else needed)
    if wanted in released:
        raise ReleaseError(f"version {wanted} is released already")
    if _number(wanted) < _number(needed):
        reasons = "; ".join(change.text for change in changes if change.level is level)
        raise ReleaseError(
            f"version {wanted} is too low: after {base} the changes ask for {needed}"
            f" ({level.word}: {reasons})"
        )
    return wanted


def _judge_hazards(changes: Iterable[Change], allowed: Sequence[str]) -> None:
    unknown = [name for name in allowed if name not in RELEASE_HAZARDS]
    if unknown:
        raise ReleaseError(
            f"--allow: there is no {unknown[0]}; known are {', '.join(RELEASE_HAZARDS)}"
        )
    found: dict[str, list[str]] = {}
    for change in changes:
        if change.hazard and change.hazard not in allowed:
            found.setdefault(change.hazard, []).append(change.text)
    if found:
        listed = "".join(
            f"\n  {name}: {'; '.join(texts)}\n    {RELEASE_HAZARDS[name]}"
            for name, texts in found.items()
        )
        names = " ".join(f"--allow {name}" for name in found)
        raise ReleaseError(
            f"the release would cost learners progress:{listed}\n"
            f"to release it all the same: {names}"
        )


# ------------------------------------------------------------------ the files


def _next_lock(
    manifest: Manifest, history: History, package: Package, clock: int, allow: tuple[str, ...]
) -> Lock:
    old = history.lock
    notes = dict(old.notes) if old else {}
    for state, rendered in zip(history.states, package.notes, strict=True):
        known = notes.get(state.origin)
        former = (*known.names, known.key) if known else ()
        spent = dict.fromkeys(known.cards if known else (), SPENT)
        notes[state.origin] = LockedNote(
            state.key,
            state.kind,
            rendered.modified,
            frozenset({(state.source, state.rendered)}),
            spent | state.cards,
            former_names(state.origin, state.key, former),
            state.subdeck,
        )
    present = {state.origin for state in history.states}
    for origin, locked in notes.items():
        if origin not in present and not locked.retired:
            notes[origin] = locked._replace(retired=manifest.version)
    types = dict(old.types) if old else {}
    for note_type in package.note_types:
        types[note_type.kind] = LockedType(
            note_type.kind,
            note_type.modified,
            note_type.id,
            schema_digest(note_type),
            design_digest(note_type),
        )
    tools = ",".join(f"{name}/{number}" for name, number in lock_tools().items())
    release = Release(manifest.version, clock, content_digest(package), tools, allow)
    releases = (*(old.releases if old else ()), release)
    return Lock(manifest.id, manifest.name, releases, types, notes)


def _with_version(raw: bytes, version: str) -> bytes:
    """deck.toml with another version, and every other byte as it was."""
    source = decode(MANIFEST, raw)
    span = version_span(source)
    if span is None:
        raise ReleaseError('deck.toml: there is no line `version = "…"` at its top level')
    return changed_bytes(raw, [Edit(span, version)])


_TITLES = {
    "added": "Added",
    "returned": "Back again (if you suspended them, unsuspend them)",
    "reworded": "Reworded or corrected",
    "renamed": "Renamed (nothing changes for you)",
    "pushed": "Shown anew",
    "merged": "Changed in a version beside the last one",
    "moved": "Moved to another deck (cards you have stay where they are)",
    "cards": "Cards that come or go",
    "retired": "Retired",
    "look": "Look",
    "deck": "The deck",
    "other": "Other",
}


_FOR_LEARNERS = {
    "deck-renamed": "New cards come under the new name; the cards you have stay under the old one"
    " until you move them.",
    "card-removed": "If you have a card that is gone, it stays and shows that there is nothing to"
    " ask; Tools > Empty Cards removes it.",
    "number-reused": "If you still have a card whose number is used again, it asks you the new"
    " answer with the schedule of the old one.",
    "number-moved": "Where an answer moved to another card, you are asked one answer with the"
    " schedule of the other.",
}
"""What `RELEASE_HAZARDS` says, to whom it happens."""


def _as_markdown(text: str) -> str:
    """What changed as Markdown that shows it; keys stay code."""
    parts = re.split(r"(`[a-z0-9-]+`)", text)
    return "".join(part if place % 2 else markdown_text(part) for place, part in enumerate(parts))


def changelog_section(
    manifest: Manifest, clock: int, changes: Iterable[Change], first: bool
) -> str:
    """What a release changes for learners, in Markdown."""
    lines = [f"## {manifest.version} ({iso(clock)[:10]})", ""]
    if first:
        return "\n".join([*lines, "First release.", ""])
    lines += ["Import the new file over the old one, with the options as they are.", ""]
    groups: dict[str, list[Change]] = {}
    for change in changes:
        groups.setdefault(change.kind.value, []).append(change)
    for kind, title in _TITLES.items():
        if kind not in groups:
            continue
        lines += [f"### {title}", ""]
        lines += [f"- {_as_markdown(change.text)}" for change in groups[kind]]
        if kind == "retired":
            search = " OR ".join(f"Key:{manifest.id}/{change.key}" for change in groups[kind])
            lines += ["", f"You keep these cards. To suspend them, search in Anki for `{search}`."]
        lines.append("")
    for name in dict.fromkeys(change.hazard for change in changes if change.hazard):
        lines += [f"**Please note.** {_FOR_LEARNERS[name]}", ""]
    return "\n".join(lines)


_HEAD = "# Changelog\n\nWhat changed in this deck, for those who study it.\n"


def _with_section(changelog: str, version: str, section: str) -> str:
    """The changelog with a section on top, in place of one of the same version."""
    pattern = rf"^## {re.escape(version)} \(.*?(?=^## |\Z)"
    rest = re.sub(pattern, "", changelog or _HEAD, flags=re.MULTILINE | re.DOTALL)
    at = next((match.start() for match in re.finditer("^## ", rest, re.MULTILINE)), len(rest))
    parts = (rest[:at].rstrip(), section.rstrip(), rest[at:].rstrip())
    return "\n\n".join(filter(None, parts)) + "\n"


_FRONT_MATTER = "its front matter"


def _what_they_share(history: History) -> str:
    """The heading or the front matter that has changed all notes below it, or else the file."""
    changed: Counter[tuple[str, str]] = Counter()
    spared: set[tuple[str, str]] = set()
    for state, status in zip(history.states, history.statuses, strict=True):
        common = state.where.common
        path = common.span.source.path
        groups = [(path, "")]
        if common.span.source.text.startswith("---"):
            groups.append((path, _FRONT_MATTER))
        for heading in common.context:
            line = heading.span.location.line
            groups.append((path, f"the heading “{plain_text([heading.block])}” in line {line}"))
        if status is Status.CHANGED:
            changed.update(groups)
        elif status is not Status.NEW:
            spared.update(groups)
    whole = Counter({g: count for g, count in changed.items() if g[1] and g not in spared})
    if not whole:
        files = {path: n for (path, what), n in changed.items() if not what}
        path = max(files, key=lambda path: files[path])
        return f"{files[path]} of them in {path}"
    most = max(whole.values())
    paths = {path for (path, _), count in whole.items() if count == most}
    path = min(paths)
    shared = [what for (each, what), count in whole.items() if each == path and count == most]
    return f"{most} of them in {path} by {' or '.join(shared)}, as it seems"


def _notices(history: History, push: frozenset[str]) -> Iterator[str]:
    """What the author should know before tagging."""
    lock = history.lock
    if lock is None:
        return
    held = [state for state in history.with_status(Status.HELD) if state.key not in push]
    if held:
        before = max(lock.releases, key=lambda release: release.date).tools
        yield (
            f"{count_of(len(held), 'note')} held: newer tools (before: {before}) make other HTML of"
            " the same text; the date stays, so learners keep the earlier form until the text"
            " changes (--rerender pushes it, at the price of the learners' own tags on it)"
        )
    changed = history.with_status(Status.CHANGED)
    if len(changed) > 1 and len(changed) * 5 > len(history.states):
        yield f"{len(changed)} of {len(history.states)} notes changed, {_what_they_share(history)}"
    cards = [
        state.key
        for state in history.states
        if (locked := lock.notes.get(state.origin)) and state.cards.keys() - locked.cards.keys()
    ]
    if cards:
        yield f"a new note would be safer than a new card on a released one: {', '.join(cards)}"
