"""The other tools: how each is given the corpus in its own syntax, and how it is run."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent


class Tool(NamedTuple):
    """Something that makes a package of notes."""

    name: str
    leaves_out: str
    """What it does not do that crss-deck does."""
    convert: Callable[[Path, Path], None] | None
    """Writes a deck of the benchmark anew in the tool's syntax; None if it reads it as it is."""
    command: Callable[[Path, Path], list[str]]
    """Its command line, for a source and an empty folder to write to, where it is run."""
    largest: int = 10**6
    """More notes than that it is not given: it would take an hour."""
    alone: bool = False
    """Whether it gets one processor only (Linux)."""


def _notes(source: Path) -> Iterator[tuple[Path, list[tuple[str, str]]]]:
    """Front and back of each note, file by file; of a cloze note the back is empty."""
    for path in sorted(source.glob("*.md")):
        found = []
        for text in re.split(r"^<!-- id:.*-->$", path.read_text("utf-8"), flags=re.MULTILINE)[:-1]:
            text = re.sub(r"^# .*\n", "", text.strip(), flags=re.MULTILINE).strip()
            if text.startswith("Q: "):
                front, _, back = text[3:].partition("\n\nA:")
                found.append((front, back.strip()))
            else:
                found.append((text.removeprefix("C: "), ""))
        yield path, found


def _ankdown(source: Path, target: Path) -> None:
    for path, notes in _notes(source):
        text = "---\n".join(f"{front}\n\n%\n\n{back}\n\n" for front, back in notes)
        (target / path.name).write_text(text, "utf-8")


def _ankivalenz(source: Path, target: Path) -> None:
    settings = {"deck_name": "Benchmark", "deck_id": 1_600_000_003}
    (target / "ankivalenz.json").write_text(json.dumps(settings), "utf-8")
    for path, notes in _notes(source):
        lines = []
        for front, back in notes:
            front, back = " ".join(front.split()), " ".join(back.split())
            lines.append(f"- {front} ?:: {back}" if back else f"- {front}")
        (target / path.name).write_text("\n".join(lines) + "\n", "utf-8")


def _headings(source: Path, target: Path) -> None:
    """A heading for each note, with its answer, or its cloze text, below."""
    for path, notes in _notes(source):
        parts = [f"# Benchmark {path.stem}"]
        for number, (front, back) in enumerate(notes):
            title = " ".join(front.split()) if back else f"Cloze {path.stem} {number}"
            parts.append(f"## {title}\n\n{back or front}")
        (target / path.name).write_text("\n\n".join(parts) + "\n", "utf-8")


def _script(python: str, *parser: str) -> Callable[[Path, Path], list[str]]:
    script = str(HERE / "plain_script.py")
    return lambda source, out: [python, script, str(source), str(out / "plain.apkg"), *parser]


SCRIPT = "30 lines, markdown-it-py"


def _crss_deck(source: Path, out: Path) -> list[str]:
    return [sys.executable, "-m", "crss_deck", "build", str(source), "-o", str(out)]


OURS = "**crss-deck**"


def tools(peers: Path | None) -> list[Tool]:
    """What there is to compare: crss-deck, the script, and what peers.sh installed in a folder."""
    found = [
        Tool(SCRIPT, "all checks, all messages", None, _script(sys.executable)),
        Tool(OURS, "", None, _crss_deck),
    ]
    if sys.platform == "linux":  # elsewhere it never has more than one process
        found.append(Tool(f"{OURS}, one process", "", None, _crss_deck, alone=True))
    if peers is None:
        return found
    programs = {
        name: str(peers / name / "bin" / program)
        for name, program in (
            ("scripts", "python"),
            ("ankdown", "ankdown"),
            ("ankivalenz", "ankivalenz"),
            ("markdown-anki-decks", "mdankideck"),
            ("md2anki", "md2anki"),
        )
    }
    return [
        *found,
        Tool(
            "30 lines, mistune",
            "the same; CommonMark",
            None,
            _script(programs["scripts"], "mistune"),
        ),
        Tool(
            "30 lines, cmarkgfm (C)",
            "the same; formulas",
            None,
            _script(programs["scripts"], "cmarkgfm"),
        ),
        Tool(
            "the limit: pyromark (Rust)",
            "the same; genanki",
            None,
            lambda source, out: [
                *(programs["scripts"], str(HERE / "limit_script.py"), str(source)),
                str(out / "limit.apkg"),
            ],
        ),
        Tool(
            "ankdown 0.7.1 (C)",
            "clozes, checks, CommonMark",
            _ankdown,
            lambda source, out: [
                *(programs["ankdown"], "-r", str(source), "-p", str(out / "a.apkg"))
            ],
        ),
        Tool(
            "ankivalenz 1.0.2",
            "checks; blocks: a note is a line",
            _ankivalenz,
            lambda source, out: [programs["ankivalenz"], "run", str(source)],
        ),
        Tool(
            "markdown-anki-decks 1.1.1",
            "checks; one package: each file is one",
            _headings,
            lambda source, out: [
                *(programs["markdown-anki-decks"], "--cloze", str(source), str(out))
            ],
            10_000,
        ),
        Tool(
            "md2anki 3.1.0",
            "checks",
            _headings,
            lambda source, out: [
                programs["md2anki"],
                *map(str, sorted(source.glob("*.md"))),
                *("-o-anki", str(out / "m.apkg")),
            ],
            1_000,
        ),
    ]
