"""The pages of the documentation, and the sessions they show, run command by command."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from command_helper import environment
from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parents[1]


class Fence(NamedTuple):
    """A code block of a page: its first words, its text, and where to look for it."""

    info: str
    text: str
    where: str


def tokens(page: Path) -> Iterator[Token]:
    """All tokens of a page, those within paragraphs and cells too."""
    for token in MarkdownIt("commonmark").enable("table").parse(page.read_text(encoding="utf-8")):
        yield token
        yield from token.children or ()


def fences(page: Path, *words: str) -> list[Fence]:
    """The code blocks of a page whose info string begins with one of the words."""
    return [
        Fence(token.info, token.content, f"{page.name}:{(token.map or [0])[0] + 1}")
        for token in tokens(page)
        if token.type == "fence" and token.info.split()[:1] and token.info.split()[0] in words
    ]


def inline_code(page: Path) -> list[str]:
    """The code spans of a page."""
    return [token.content for token in tokens(page) if token.type == "code_inline"]


class Step(NamedTuple):
    """Something that is done in a session."""

    kind: str
    """`console`, or what a comment of the page says: `before`, `write` or `change`."""
    what: str
    """The words behind it."""
    text: str = ""
    """What a fence holds: commands with what they print, or the text of a file."""


_COMMENT = re.compile(r"<!-- (before|write|change): (.*?) -->")


def sections(page: Path) -> dict[str, list[Step]]:
    """What is done in each section of a page that shows commands, by its title.

    `<!-- before: EVENT -->` says what happens meanwhile, `<!-- write: PATH -->` that the reader
    writes the fence below into a file, `<!-- change: PATH: OLD -> NEW -->` that they change one.
    """
    found: dict[str, list[Step]] = {}
    title = file = ""
    previous = None
    for token in tokens(page):
        if previous is not None and previous.type == "heading_open" and previous.tag == "h2":
            title = token.content
        elif token.type == "html_block":
            for kind, what in _COMMENT.findall(token.content):
                if kind == "write":
                    file = what
                else:
                    found.setdefault(title, []).append(Step(kind, what))
        elif token.type == "fence" and file:
            found.setdefault(title, []).append(Step("write", file, token.content))
            file = ""
        elif token.type == "fence" and token.info.split()[:1] == ["console"]:
            found.setdefault(title, []).append(Step("console", token.info, token.content))
        previous = token
    return found


def session(id: str, steps: Iterable[Step]) -> object:
    """A parameter of a test, which needs the real Anki if one of its steps does."""
    steps = list(steps)
    needs_anki = any(re.search(r"\bverify\b|\bfrom Anki\b", f"{s.what} {s.text}") for s in steps)
    return pytest.param(steps, id=id, marks=[pytest.mark.anki] if needs_anki else [])


class Session:
    """A person at a terminal, in an empty folder and with an empty home."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.here = root / "work"
        self.here.mkdir()
        (root / "home").mkdir()

    def follows(self, steps: Iterable[Step]) -> None:
        """Do what a section says, and compare what it shows.

        `exit 1` behind `console` means that the last of its commands ends so.
        """
        for step in steps:
            match step.kind:
                case "before":
                    self.happens(step.what)
                case "write":
                    (self.here / step.what).write_text(step.text, encoding="utf-8", newline="\n")
                case "change":
                    path, old, new = re.split(": | -> ", step.what)
                    self.changes(self.here / path, old, new)
                case _:
                    self.types(step)

    def happens(self, what: str) -> None:
        """Do what a comment of the page names."""
        pytest.fail(f"the page speaks of {what!r}")

    def changes(self, path: Path, old: str, new: str) -> None:
        """Put one text in the place of another, which stands in a file once."""
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1
        path.write_text(text.replace(old, new), encoding="utf-8", newline="\n")

    def types(self, step: Step) -> None:
        """Run the commands of a fence."""
        status = int(step.what.split()[2]) if "exit" in step.what else 0
        calls = re.split(r"^\$ ", step.text, flags=re.MULTILINE)
        assert calls.pop(0) == ""
        for call in calls:
            command, _, shown = call.partition("\n")
            said = self.run(shlex.split(command), status if call is calls[-1] else 0)
            if shown.strip():
                assert self.normal(said).strip() == self.normal(shown).strip()

    def normal(self, text: str) -> str:
        """A text as it is compared."""
        return text

    def run(self, command: list[str], status: int = 0) -> str:
        """Run a command of the page to its end; everything it says."""
        if command[0] == "cd":
            self.here = self.here / command[1]
            assert self.here.is_dir()
            return ""
        if command[0] == "crss-deck":
            command = [sys.executable, "-m", "crss_deck", *command[1:]]
            if "release" in command:
                time.sleep(1 - time.time() % 1)  # one release a second
        elif command[0] == "python3":
            command = [sys.executable, *command[1:]]
        home = str(self.root / "home")
        variables = {
            **dict.fromkeys(("HOME", "USERPROFILE", "XDG_CONFIG_HOME"), home),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            # What goes to GitHub goes into a folder.
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"url.{(self.root / 'github').as_posix()}/.insteadOf",
            "GIT_CONFIG_VALUE_0": "https://github.com/you/",
            "GIT_EDITOR": "true",
            "BROWSER": "true",  # opens nothing
            **{f"GIT_{who}_NAME": "Ada" for who in ("AUTHOR", "COMMITTER")},
            **{f"GIT_{who}_EMAIL": "ada@example.org" for who in ("AUTHOR", "COMMITTER")},
            "PYTHONIOENCODING": "utf-8",
            "SOURCE_DATE_EPOCH": "",
        }
        done = subprocess.run(
            command,
            cwd=self.here,
            env=environment(**variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            check=False,
        )
        assert done.returncode == status, done.stdout
        return done.stdout.replace(os.sep, "/")
