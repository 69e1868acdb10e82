"""What authors silence, per note and per deck. An allow that silences nothing is reported."""

from __future__ import annotations

import re
import sys
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence

from crss_deck import diagnostics as rules
from crss_deck.diagnostics import RULES, Diagnostic, Severity
from crss_deck.manifest import Manifest
from crss_deck.model import Common, Note
from crss_deck.source import Source, Span


def suppress(
    found: Iterable[Diagnostic],
    notes: Iterable[Note],
    judged: Iterable[Note],
    manifest: Manifest | None,
    manifest_source: Source | None,
) -> list[Diagnostic]:
    """Leave out what a note allows or deck.toml ignores; rules selected there become warnings.

    `judged` are the notes whose cards were judged: in the others, no judgment was there to allow.
    """
    ignored = {use.name for use in manifest.ignored} if manifest else set()
    selected = {use.name for use in manifest.selected} if manifest else set()
    allowing = _Allowing(notes, judged if manifest and manifest.quality else ())
    used: set[str] = set()
    kept = []
    for diagnostic in found:
        rule = diagnostic.rule
        if not rule.allowable:
            kept.append(diagnostic)
        elif not allowing.silences(diagnostic):
            if rule.name in ignored:
                used.add(rule.name)
            elif rule.name in selected and rule.severity is Severity.INFO:
                rule = rule._replace(severity=Severity.WARNING)
                kept.append(diagnostic._replace(rule=rule))
            else:
                kept.append(diagnostic)
    kept += allowing.unused()
    if manifest is not None and manifest_source is not None:
        kept += [
            Diagnostic(
                rules.UNUSED_ALLOW,
                f"no note has what `{use.name}` finds, so there is nothing to ignore",
                manifest_source,
                use.span,
                "remove it from the list",
            )
            for use in manifest.ignored
            if use.name not in used and (manifest.quality or not RULES[use.name].judgment)
        ]
    return kept


def without_echoes(found: Iterable[Diagnostic], notes: Iterable[Note]) -> list[Diagnostic]:
    """Leave out what an error nearby explains, and whose advice would hide it.

    A note with an error gets no id yet: mending it may change where the note ends, or bring the id
    to light. Nor does any in a file with metadata out of place. A file that a broken reference
    seems to mean is not called unused. Where a label opens nothing, or is swallowed, the fields and
    the comment that miss it are not to blame. Nor does a note get a new id whose own stands under
    another one.
    """
    found = list(found)
    astray = {d.source.path for d in found if d.rule is rules.MISPLACED_METADATA}
    errors: dict[str, list[int]] = {}
    references = ""
    for diagnostic in found:
        rule = diagnostic.rule
        if diagnostic.span is None or rule.severity is not Severity.ERROR or rule.judgment:
            continue
        if diagnostic.fix is None:
            errors.setdefault(diagnostic.source.path, []).append(diagnostic.span.start)
        if rule in _REFERENCES:
            references += diagnostic.span.text.lower() + "\n"
    for starts in errors.values():
        starts.sort()
    misses = _Misses(found, notes)
    moved = {(d.source.path, d.span.start) for d in found if d.rule is rules.MOVED_ID and d.span}
    kept = []
    for diagnostic in found:
        if diagnostic.rule in _MISSING_LABEL and misses.explain(diagnostic):
            continue
        if diagnostic.rule is rules.MISSING_ID and diagnostic.span and diagnostic.fix:
            starts = errors.get(diagnostic.source.path, [])
            first = bisect_left(starts, diagnostic.span.start)
            inside = first < len(starts) and starts[first] <= diagnostic.fix.span.end
            lost = (diagnostic.source.path, diagnostic.span.start) in moved
            if inside or lost or diagnostic.source.path in astray:
                continue
        if diagnostic.rule is rules.UNUSED_FILE:
            name = diagnostic.source.path.rpartition("/")[2].lower()
            if name in references:
                continue
        kept.append(diagnostic)
    return kept


_NO_LABEL = (
    rules.MISPLACED_LABEL,
    rules.MISSPELT_LABEL,
    rules.UNCLOSED_FENCE,
    rules.UNCLOSED_COMMENT,
    rules.UNDERLINED_TEXT,
)
"""Faults by which a label opens nothing, or the text of a note is cut off."""
_MISSING_LABEL = (rules.QUESTION_WITHOUT_ANSWER, rules.LABEL_WITHOUT_NOTE, rules.MISPLACED_METADATA)
"""What is then found of the text that the label should have opened."""


class _Misses:
    """Labels that open nothing, by place, and where notes begin and end."""

    def __init__(self, found: Iterable[Diagnostic], notes: Iterable[Note]) -> None:
        self._lost: dict[tuple[int, str], list[int]] = {}
        self._notes: dict[int, list[Span]] = {}
        for diagnostic in found:
            span = diagnostic.span
            if diagnostic.rule not in _NO_LABEL or span is None:
                continue
            # Of labels alone it is known what they would have opened.
            first = re.search(r"[^\W\d_]", span.text)
            for kind in "an" if first is None else "a" if first.group() in "aA" else "n":
                self._lost.setdefault((id(diagnostic.source), kind), []).append(span.start)
        for note in notes if self._lost else ():
            span = note.common.span
            self._notes.setdefault(id(span.source), []).append(span)
        for places in self._lost.values():
            places.sort()

    def explain(self, diagnostic: Diagnostic) -> bool:
        """Whether such a label stands in the note of a finding, or before one outside all notes."""
        answer = diagnostic.rule is rules.QUESTION_WITHOUT_ANSWER
        lost = self._lost.get((id(diagnostic.source), "a" if answer else "n"))
        if lost is None or diagnostic.span is None:
            return False
        here = diagnostic.span.start
        notes = self._notes.get(id(diagnostic.source), [])
        following = bisect_right(notes, here, key=lambda span: span.start)
        first, behind = notes[following - 1].end if following else 0, here
        if answer:
            first = here
            behind = notes[following].start if following < len(notes) else sys.maxsize
        return bisect_left(lost, first) < bisect_left(lost, behind)


def sound_notes(notes: Iterable[Note], found: Iterable[Diagnostic]) -> list[Note]:
    """The notes in which no error was found."""
    faults: dict[int, list[int]] = {}
    for diagnostic in found:
        if diagnostic.rule.severity is Severity.ERROR and diagnostic.span:
            faults.setdefault(id(diagnostic.source), []).append(diagnostic.span.start)
    for starts in faults.values():
        starts.sort()
    sound = []
    for note in notes:
        span = note.common.span
        starts = faults.get(id(span.source), [])
        first = bisect_left(starts, span.start)
        if first == len(starts) or starts[first] > span.end:
            sound.append(note)
    return sound


_REFERENCES = (rules.MISSING_MEDIA, rules.FOREIGN_SYNTAX, rules.BROKEN_LINK)


class _Allowing:
    """The notes that allow something, by place."""

    def __init__(self, notes: Iterable[Note], judged: Iterable[Note]) -> None:
        self._judged = {id(note.common) for note in judged}
        self._by_source: dict[int, list[Common]] = {}
        for note in notes:
            common = note.common
            if common.allows:
                self._by_source.setdefault(id(common.span.source), []).append(common)
        for commons in self._by_source.values():
            commons.sort(key=lambda common: common.span.start)
        self._used: set[tuple[str, int, str]] = set()

    def silences(self, diagnostic: Diagnostic) -> bool:
        """Whether the note in which a finding lies allows it."""
        span = diagnostic.span
        commons: Sequence[Common] = self._by_source.get(id(diagnostic.source), ())
        if span is None or not commons:
            return False
        index = bisect_right(commons, span.start, key=lambda common: common.span.start) - 1
        if index < 0 or commons[index].span.end < span.start:
            return False
        for allow in commons[index].allows:
            if allow.rule == diagnostic.rule.name:
                self._used.add((span.source.path, allow.span.start, allow.rule))
                return True
        return False

    def unused(self) -> list[Diagnostic]:
        """A warning for each allow that silenced nothing."""
        return [
            Diagnostic(
                rules.UNUSED_ALLOW,
                f"the note has nothing that `{allow.rule}` finds",
                allow.span.source,
                allow.span,
                "remove the allow",
            )
            for commons in self._by_source.values()
            for common in commons
            for allow in common.allows
            if (allow.span.source.path, allow.span.start, allow.rule) not in self._used
            and (id(common) in self._judged or not RULES[allow.rule].judgment)
        ]
