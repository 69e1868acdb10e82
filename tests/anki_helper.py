"""The real Anki: import a package into a new collection, and read its cards as a person does.

Works in every version of Anki from 2.1.65 on; `needs_options` and the like say why a test does not.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, cast

import anki.collection  # must be the first module of Anki to be imported
import anki.lang
import pytest
from anki.buildinfo import version
from anki.cards import Card
from anki.collection import Collection, ImportLogWithChanges
from anki.scheduler.v3 import CardAnswer, Scheduler

VERSION = tuple(map(int, re.findall(r"\d+", version)))
"""The version of Anki, as (25, 9, 2)."""
HAS_OPTIONS = VERSION >= (23, 10)
"""Whether an import can be told how to update, as by *Always*."""
DATES_UPDATES_ITSELF = VERSION < (25, 2)
"""Whether a note that an import updates gets the moment of the import as its date."""
IF_NEWER, ALWAYS, NEVER = 0, 1, 2
"""What the options `update_notes` and `update_notetypes` can be: what that was there is updated."""

needs_options = pytest.mark.skipif(
    not HAS_OPTIONS, reason="before Anki 23.10 an import has no options to choose from"
)

BLOCKS = re.compile(
    "blockquote|details|div|hr|li|ol|p|pre|summary|table|tbody|td|th|thead|tr|ul|h[1-6]"
)
VOID = ("br", "hr", "img", "input", "wbr")
NO_MATH = {"annotation", "annotation-xml", "code", "noscript", "pre", "script", "style", "textarea"}
"""Elements in which MathJax looks for no formula."""


@contextmanager
def new_collection(folder: Path) -> Iterator[Collection]:
    """An empty collection in a folder, in English whatever the locale."""
    anki.lang.set_lang("en")
    collection = Collection(str(folder / "collection.anki2"))
    if not collection.v3_scheduler():  # the default only since 23.10
        collection.set_v3_scheduler(True)
    try:
        yield collection
    finally:
        collection.close()


def import_package(collection: Collection, package: Path, **options: Any) -> ImportLogWithChanges:
    """Import a package with the options that Anki's dialog shows at first, but for those given."""
    if HAS_OPTIONS:
        request = anki.collection.ImportAnkiPackageRequest(
            package_path=str(package), options=collection._backend.get_import_anki_package_presets()
        )
        for name, value in options.items():
            setattr(request.options, name, value)
        log = collection.import_anki_package(request)
    else:
        assert not options
        log = cast(Any, collection).import_anki_package(str(package))
    collection.models._clear_cache()
    return log


def answer(collection: Collection, card: Card, ease: int) -> None:
    """Answer a card with *again* (1), *hard* (2), *good* (3) or *easy* (4), as people do: in turn.

    Of two answers in one millisecond, Anki dates the second a millisecond later in the history, but
    not in the card. Where that is the next second, *Check Database* calls it a fault.
    """
    rating = (CardAnswer.AGAIN, CardAnswer.HARD, CardAnswer.GOOD, CardAnswer.EASY)[ease - 1]
    assert collection.db is not None and isinstance(collection.sched, Scheduler)
    last = collection.db.scalar("SELECT MAX(id) FROM revlog") or 0
    card.start_timer()
    states = collection._backend.get_scheduling_states(card.id)
    given = collection.sched.build_answer(card=card, states=states, rating=rating)
    given.answered_at_millis = max(time.time_ns() // 1_000_000, last + 1)
    collection.sched.answer_card(given)
    card.load()


def outcomes(log: ImportLogWithChanges) -> dict[str, int]:
    """How many notes had each outcome, without those that none had."""
    counts = {
        field.name: len(getattr(log.log, field.name))
        for field in log.log.DESCRIPTOR.fields
        if field.name not in ("found_notes", "dupe_resolution")
    }
    return {name: count for name, count in counts.items() if count}


def visible_text(page: str, within: str = "") -> str:
    """What a person sees of a page, or of the element of a class.

    `code` stands between backticks, the text of an image between « and », and what MathJax takes
    for a formula between ⟨ and ⟩, or ⟪ and ⟫ if it is set as a block. A line end in code is ⏎.
    """
    reader = _Reader(within)
    reader.feed(page)
    reader.close()
    return reader.text()


class _Reader(HTMLParser):
    """Collects text; `_run` is the text that MathJax would see as one piece."""

    def __init__(self, within: str) -> None:
        super().__init__(convert_charrefs=True)
        self._within = within
        self._open: list[tuple[str, bool]] = []
        self._pieces: list[str] = []
        self._run = ""

    def text(self) -> str:
        """The text read, its white space collapsed outside of code."""
        self._end_run()
        text = " ".join("".join(self._pieces).split())
        return text.replace("\ue000", " ")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "br":
            self._run += "\n" * self._shown
            return
        if tag == "wbr":
            return
        self._end_run()
        if tag not in VOID:
            wanted = self._within in (found.get("class") or "").split()
            self._open.append((tag, wanted))
        if self._shown:
            self._pieces.append(f"«{found.get('alt') or ''}»" if tag == "img" else _mark(tag))

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        self._end_run()
        assert self._open, f"</{tag}> closes nothing"
        if self._shown:
            self._pieces.append(_mark(tag))
        opened, _ = self._open.pop()
        assert opened == tag, f"</{tag}> closes <{opened}>"

    def handle_data(self, data: str) -> None:
        if self._shown:
            self._run += data

    @property
    def _shown(self) -> bool:
        inside = not self._within or any(wanted for _, wanted in self._open)
        return inside and not any(tag in ("script", "style") for tag, _ in self._open)

    def _end_run(self) -> None:
        tags = {tag for tag, _ in self._open}
        run, self._run = self._run, ""
        if "pre" in tags:
            run = run.replace("\n", "⏎").replace(" ", "\ue000")
        self._pieces.append(run if tags & NO_MATH else _mark_formulas(run))


def _mark(tag: str) -> str:
    return " " if BLOCKS.fullmatch(tag) else "`" if tag == "code" else ""


def _mark_formulas(text: str) -> str:
    r"""Mark what MathJax finds between `\(` and `\)` or `\[` and `\]`, outside of braces."""
    found, position = "", 0
    while (start := re.compile(r"\\[(\[]").search(text, position)) is not None:
        depth, close = 0, {"(": r"\)", "[": r"\]"}[start[0][1]]
        for end in re.compile(rf"{re.escape(close)}|\\(?:[a-zA-Z]|.)|[{{}}]").finditer(
            text, start.end()
        ):
            if end[0] == close and depth == 0:
                left, right = ("⟨", "⟩") if close == r"\)" else ("⟪", "⟫")
                formula = text[start.end() : end.start()].strip()
                found += f"{text[position : start.start()]}{left}{formula}{right}"
                position = end.end()
                break
            depth = max(depth + {"{": 1, "}": -1}.get(end[0], 0), 0)
        else:
            found += text[position : start.end()]
            position = start.end()
    return found + text[position:]
