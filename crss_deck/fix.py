"""`check --fix`: the changes that findings propose, made in the files, and nothing else touched.

A change is written only if it was tried in memory first and clears what it should.
"""

from __future__ import annotations

import os
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from difflib import unified_diff
from pathlib import Path
from typing import NamedTuple

from crss_deck.compiler import Compilation, compile_deck
from crss_deck.diagnostics import Diagnostic, Edit
from crss_deck.folder import SourceFolder, read_deck
from crss_deck.output import replace_files
from crss_deck.source import decode


class FileChange(NamedTuple):
    """A file before and after: text with LF line ends for people, bytes of the disk and for it."""

    path: Path
    shown: str
    raw: bytes
    before: str
    after: str
    content: bytes
    edits: int

    def diff(self) -> str:
        """The change as a unified diff."""
        lines = unified_diff(
            self.before.splitlines(keepends=True),
            self.after.splitlines(keepends=True),
            f"a/{self.shown}",
            f"b/{self.shown}",
        )
        return "".join(
            line if line.endswith("\n") else line + "\n\\ No newline at end of file\n"
            for line in lines
        )


class FixResult(NamedTuple):
    """What was, or would be, changed; what stays; and what was given up, with the reason."""

    changes: tuple[FileChange, ...]
    compilation: Compilation
    """Of the deck as changed."""
    refused: tuple[str, ...] = ()


_SHADOWING = ("unnumbered-cloze", "misspelt-label")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


class ChangedMeanwhileError(OSError):
    """A file changed between being read and being fixed."""


def fix_deck(
    path: str | os.PathLike[str], *, clock: int | None = None, write: bool = True
) -> FixResult:
    """Make the changes that the findings of a source folder propose; with `write` false, only tell.

    Line ends, a BOM and file modes stay as they are. Raises OSError if a file cannot be read or
    written, ChangedMeanwhileError, with that file untouched, if it is not what was read, and
    ClockError as `compile_deck`.
    """
    root = Path(path)
    folder = read_deck(root)
    result = compile_deck(folder, clock=clock)
    refused: list[str] = []
    changes: list[FileChange] = []
    # Mending a cloze or a label can bring to light what stood in its shadow; then it is left.
    for left in ((), _SHADOWING[:1], _SHADOWING):
        mended = [d for d in result.diagnostics if d.rule.name not in left]
        changes = _changes(root, folder, mended)
        tried = compile_deck(_changed(folder, changes), clock=clock)
        worse = _errors(tried) - _errors(result)
        if not worse:
            result = tried
            break
        refused = [f"some faults are left alone, since mending them would bring {_listed(worse)}"]
        changes = []
    if write:
        for change in changes:
            _check_unchanged(change.shown, change.path.read_bytes() == change.raw)
        for change in changes:
            _write(change)
    return FixResult(tuple(changes), result, tuple(refused))


def _errors(result: Compilation) -> Counter[str]:
    """What is left to mend; that a card can now be judged is no fault of mending its note."""
    errors = (error for error in result.errors if error.fix is None)
    return Counter(error.rule.name for error in errors if not error.rule.judgment)


def _changes(
    root: Path, folder: SourceFolder, diagnostics: Iterable[Diagnostic]
) -> list[FileChange]:
    edits: dict[str, list[Edit]] = {}
    for diagnostic in diagnostics:
        if diagnostic.fix is not None:
            edits.setdefault(diagnostic.source.path, []).append(diagnostic.fix)
    changes = []
    for relative, source in folder.texts.items():
        if source.path not in edits:
            continue
        path = (root / relative).resolve()
        raw = path.read_bytes()
        _check_unchanged(source.path, decode(source.path, raw).text == source.text)
        chosen = _apart(edits[source.path])
        changes.append(
            FileChange(
                path,
                source.path,
                raw,
                source.text,
                _apply(source.text, chosen),
                changed_bytes(raw, chosen),
                len(chosen),
            )
        )
    return changes


def _check_unchanged(shown: str, unchanged: bool) -> None:
    if not unchanged:
        raise ChangedMeanwhileError(f"{shown}: the file changed while it was being fixed")


def _apart(edits: list[Edit]) -> list[Edit]:
    """The edits in order of place; of two that touch the same text, the first."""
    chosen: list[Edit] = []
    for edit in sorted(edits, key=lambda edit: (edit.span.start, edit.span.end)):
        if not chosen or chosen[-1].span.end <= edit.span.start:
            chosen.append(edit)
    return chosen


def _apply(text: str, edits: list[Edit]) -> str:
    parts, position = [], 0
    for edit in edits:
        parts += [text[position : edit.span.start], edit.text]
        position = edit.span.end
    return "".join(parts) + text[position:]


def changed_bytes(raw: bytes, edits: list[Edit]) -> bytes:
    """The same changes in the bytes of the file, new lines ending as the file's lines do."""
    text = raw.decode("utf-8")
    shift = text.startswith("\ufeff")
    pairs: list[int] = []  # offsets, with LF line ends, of the line ends that are CR LF
    position = text.find("\r\n")
    while position >= 0:
        pairs.append(position - len(pairs) - shift)
        position = text.find("\r\n", position + 2)
    newline = "\r\n" if pairs else "\n" if "\n" in text or "\r" not in text else "\r"

    def place(offset: int) -> int:
        return offset + shift + bisect_left(pairs, offset)

    parts, position = [], 0
    for edit in edits:
        start = place(edit.span.start)
        parts += [text[position:start], edit.text.replace("\n", newline)]
        position = place(edit.span.end)
    return ("".join(parts) + text[position:]).encode()


def _changed(folder: SourceFolder, changes: Iterable[FileChange]) -> SourceFolder:
    texts = dict(folder.texts)
    by_path = {source.path: relative for relative, source in texts.items()}
    for change in changes:
        texts[by_path[change.shown]] = decode(change.shown, change.content)
    return folder._replace(texts=texts)


def _write(change: FileChange) -> None:
    replace_files(change.path.parent, {change.path.name: lambda out: out.write(change.content)})
