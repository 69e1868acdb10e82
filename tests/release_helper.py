"""An author in memory: a source folder, the releases made from it, and newer tools pretended."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import crss_deck.build
import crss_deck.render
from crss_deck import Compilation, Package, SourceFolder, compile_deck
from crss_deck.folder import MANIFEST
from crss_deck.history import History, Status
from crss_deck.lock import Lock, LockedNote
from crss_deck.package import RenderedNote
from crss_deck.release import Plan, plan_release
from crss_deck.render import field_html

DECK_TOML = (
    'format = 1\nid = "released"\nname = "Released"\nversion = "1.0.0"\ntag_root = "R"\n'
    "check.quality = false\n"
)
FIRST = 1_700_000_000
"""The date of first releases: 2023-11-14T22:13:20Z."""
DAY = 86_400


def basic(key: str, question: str = "", answer: str = "Yes.", more: str = "") -> str:
    """A basic note of that key; `more` are further entries of its comment."""
    question = question or f"Is {key} a name?"
    return f"Q: {question}\n\nA: {answer}\n<!-- id: {key}{more and '; '}{more} -->\n\n"


def cloze(key: str, text: str, more: str = "") -> str:
    """A cloze note of that key."""
    return f"{text}\n<!-- id: {key}{more and '; '}{more} -->\n\n"


class Author:
    """Someone with a source folder: `files` is changed by hand and by `release`."""

    def __init__(self, notes: str, files: Mapping[str, str | bytes] | None = None) -> None:
        self.files: dict[str, str | bytes] = {
            MANIFEST: DECK_TOML,
            "notes.md": notes,
            **(files or {}),
        }
        self.date = FIRST - DAY

    def text(self, path: str) -> str:
        """The text of a file."""
        content = self.files[path]
        assert isinstance(content, str)
        return content

    def edit(self, before: str, after: str, path: str = "notes.md") -> None:
        """Put one text in the place of another, which stands in a file just once."""
        assert self.text(path).count(before) == 1
        self.files[path] = self.text(path).replace(before, after)

    def folder(self) -> SourceFolder:
        """The files as the compiler gets them."""
        return SourceFolder.of(self.files)

    def write(self, root: Path) -> Path:
        """Put the files on disk, with LF line ends; the folder they are in."""
        for path, content in self.files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(content.encode() if isinstance(content, str) else content)
        return root

    def branch(self) -> Author:
        """Another author who goes on from here."""
        other = Author("", dict(self.files))
        other.date = self.date
        return other

    def plan(self, date: int | None = None, **options: Any) -> Plan:
        """What a release would be, by default a day after the last one."""
        return plan_release(self.folder(), clock=date or self.date + DAY, **options)

    def release(self, date: int | None = None, **options: Any) -> Plan:
        """Make a release, and take over its files."""
        plan = self.plan(date, **options)
        self.date = plan.date
        self.files |= dict(plan.files)
        self.files[MANIFEST] = re.sub(
            r'^version = ".*"', f'version = "{plan.version}"', self.text(MANIFEST), flags=re.M
        )
        return plan

    def compile(self, clock: int | None = None) -> Compilation:
        """The deck as it is now, without errors."""
        compilation = compile_deck(self.folder(), clock=clock)
        assert not compilation.errors, compilation.errors
        return compilation

    def package(self, clock: int | None = None) -> Package:
        """The package of the deck as it is now."""
        package = self.compile(clock).package
        assert package is not None
        return package

    def faults(self) -> list[str]:
        """The names of the errors and warnings of the deck as it is now."""
        found = compile_deck(self.folder(), clock=self.date + 10 * DAY).diagnostics
        return [d.rule.name for d in found if d.rule.severity != "info"]

    def lock(self) -> Lock:
        """What deck.lock says now."""
        lock = self.history().lock
        assert lock is not None
        return lock

    def line(self, key: str) -> LockedNote:
        """What deck.lock says of the note of a key."""
        (found,) = [note for note in self.lock().notes.values() if note.key == key]
        return found

    def history(self) -> History:
        """The deck beside its lock."""
        history = self.compile().history
        assert history is not None
        return history

    def statuses(self) -> dict[str, Status]:
        """What became of each note, by key."""
        history = self.history()
        return dict(zip((s.key for s in history.states), history.statuses, strict=True))

    def dates(self, clock: int | None = None) -> dict[str, int]:
        """The date of each note in the package, by key."""
        return {key_of(note): note.modified for note in self.package(clock).notes}


def key_of(note: RenderedNote) -> str:
    """The key of a note of a package."""
    names = [field.name for field in note.note_type.fields]
    return note.fields[names.index("Key")].partition("/")[2]


@contextmanager
def tools(generation: int) -> Iterator[None]:
    """Pretend a newer Markdown parser: from generation 1 on it writes other HTML for emphasis."""
    render, versions = field_html, crss_deck.build.tool_versions

    def newer(*arguments: Any) -> str:
        return render(*arguments).replace("<em>", f'<em class="g{generation}">')

    def told() -> dict[str, str]:
        return {**versions(), "markdown-it-py": f"9.{generation}.0"}

    if not generation:
        yield
        return
    with (
        patch.object(crss_deck.render, "field_html", newer),
        patch.object(crss_deck.build, "tool_versions", told),
    ):
        yield


def union(ours: str, theirs: str, base: str) -> str:
    """Two files as git's merge=union joins them where nothing but single lines has changed.

    Lines that stand beside a conflict may be kept in their old form too; `ours + theirs` is the
    other extreme that a reader has to understand.
    """
    was = set(base.splitlines())
    mine, other = ours.splitlines(), theirs.splitlines()
    kept = [line for line in mine if line not in was or line in other]
    return "\n".join(kept + [line for line in other if line not in was and line not in mine]) + "\n"
