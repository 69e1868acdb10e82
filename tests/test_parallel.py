"""What a second process has parsed is what this one would have made of it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_helper import environment
from deck_helper import DECK_TOML, HELLO_MP3, PEER_PNG, small_deck
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from notes_maker import files, wild_files

from crss_deck import SourceFolder, compile_deck, parallel, read_deck
from crss_deck.diagnostics import RULES, Diagnostic
from crss_deck.parallel import parsing
from crss_deck.parser import parse_notes
from crss_deck.source import Source

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="a second process is for Linux")

CLOCK = 1_700_000_000
DECKS = sorted(Path(__file__).parent.glob("decks/*/"))
TEXTS = ("Q: one\n\nA: two\n<!-- id: a -->\n", "Q: three\n", "A {{c1::cloze\n", "*Q:* four")


class Forks:
    """The processes that were begun."""

    def __init__(self) -> None:
        self.children: list[int] = []
        self._fork = parallel._fork

    def __call__(self) -> int:
        """Begin one."""
        child = self._fork()
        if child:
            self.children.append(child)
        return child

    def all_gone(self) -> bool:
        """Whether none of them is left, not even as something to wait for."""
        for child in self.children:
            with pytest.raises(ChildProcessError):
                os.waitpid(child, os.WNOHANG)
        return bool(self.children)


@pytest.fixture(autouse=True)
def forks(monkeypatch: pytest.MonkeyPatch) -> Iterator[Forks]:
    """Two processors, and decks of any size worth a second process."""
    begun = Forks()
    monkeypatch.setattr(parallel, "LEAST", 1)
    monkeypatch.setattr(parallel, "_fork", begun)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {0, 1}, raising=False)
    yield begun
    begun.all_gone()


def compare(folder: SourceFolder) -> None:
    """Compile both ways: the same findings, at places in the same texts, and the same package."""
    alone = compile_deck(folder, clock=CLOCK)
    both = compile_deck(folder, clock=CLOCK, parallel=True)
    assert [*map(repr, both.diagnostics)] == [*map(repr, alone.diagnostics)]
    for found in both.diagnostics:
        known = RULES[found.rule.name]  # another severity or the like makes a rule of its own
        assert found.rule is known or found.rule != known
        path = found.source.path.removeprefix(folder.shown)
        assert found.span is None or found.span.source is folder.texts[path]
    assert (both.package, both.version) == (alone.package, alone.version)


def made_up(*texts: str) -> SourceFolder:
    """A deck of so many notes files."""
    parts: dict[str, str | bytes] = {f"{n}.md": text for n, text in enumerate(texts)}
    media = {"media/peer.png": PEER_PNG, "media/hello.mp3": HELLO_MP3}
    return small_deck({"deck.toml": DECK_TOML, **parts, **media})


@pytest.mark.parametrize("deck", DECKS, ids=lambda path: path.name)
def test_our_decks(deck: Path, forks: Forks) -> None:
    """The decks of these tests, and with them every element of the language."""
    source = deck / "source" if (deck / "source").is_dir() else deck
    compare(read_deck(source))


def test_a_second_process_is_used(forks: Forks, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other half is not parsed here too."""
    folder = made_up(*TEXTS)
    compare(folder)
    assert forks.all_gone() and len(forks.children) == 1
    sources = [source for path, source in folder.texts.items() if path.endswith(".md")]
    with parsing(sources) as parse:
        monkeypatch.setattr(parallel, "parse_notes", lambda *_: None)
        assert [parse(source, print) is None for source in sources] == [True] * 2 + [False] * 2


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.lists(files | wild_files, min_size=2, max_size=4))
def test_any_files(texts: list[str]) -> None:
    """Right and wrong in any number of files."""
    compare(made_up(*texts))


@pytest.mark.parametrize("length", [0, 1, 50, -1, None])
def test_a_second_process_that_breaks_down(
    length: int | None, forks: Forks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its half is parsed here: what comes is cut off, or nothing comes at all."""
    real = parallel._answer

    def broken(source: Source) -> bytes:
        if not source.path.startswith("3"):
            return real(source)
        return real(source)[:length] if length is not None else os._exit(9)

    monkeypatch.setattr(parallel, "_answer", broken)
    compare(made_up(*TEXTS))
    assert forks.all_gone()


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, ValueError])
def test_nothing_is_left_running(error: type[BaseException], forks: Forks) -> None:
    """Whatever ends the first process ends the second."""
    with pytest.raises(error), parsing([Source("a", TEXTS[0]), Source("b", TEXTS[1])]):
        raise error
    assert forks.all_gone()


def test_where_it_does_not_pay(monkeypatch: pytest.MonkeyPatch, forks: Forks) -> None:
    """One processor, one file, or a small deck: everything is parsed here."""

    def parser(*texts: str) -> object:
        with parsing([Source(str(n), text) for n, text in enumerate(texts)]) as parse:
            return parse

    assert parser(TEXTS[0]) is parse_notes
    assert parser() is parse_notes
    monkeypatch.setattr(parallel, "LEAST", 10_000)
    assert parser(*TEXTS) is parse_notes
    assert parser(*(("word " * 1000,) * 3)) is not parse_notes
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {0})
    assert parser(*(("word " * 1000,) * 3)) is parse_notes
    assert len(forks.children) == 1


def test_where_no_process_can_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine may refuse one: then everything is parsed here."""

    def refuse() -> int:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(parallel, "_fork", refuse)
    compare(made_up(*TEXTS))


def test_the_halves_are_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """By length, in the order of the deck."""
    sources = [Source(str(n), "x" * size) for n, size in enumerate((1, 9, 5, 5, 5, 1))]
    assert [source.path for source in parallel._second_half(sources)] == ["3", "4", "5"]


def test_findings_come_in_order(forks: Forks) -> None:
    """As the files do, whoever parsed them."""
    folder = made_up(*TEXTS)
    sources = [source for path, source in folder.texts.items() if path.endswith(".md")]
    orders: list[list[str]] = []
    for one in (False, True):
        found: list[Diagnostic] = []
        with parsing(sources) as both:
            parse = parse_notes if one else both
            notes = [note for source in sources for note in parse(source, found.append).notes]
        assert [note.common.key for note in notes] == ["a", "", "", ""][: len(notes)]
        orders.append([each.rule.name for each in found])
    assert orders[0] == orders[1] != []


_KILLED = """
import os, signal, sys
from crss_deck import parallel
from crss_deck.source import Source
parallel.LEAST = 1
os.sched_getaffinity = lambda pid: {0, 1}
real = parallel._fork
def fork():
    child = real()
    if child:
        print(child, flush=True)
    return child
parallel._fork = fork
notes = "Q: a?\\n\\nA: b\\n\\n" * 4000
with parallel.parsing([Source(f"{n}.md", notes) for n in range(2)]):
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_second_process_ends_when_the_first_is_killed() -> None:
    """It has more to tell than a pipe holds, and nobody reads."""
    done = subprocess.run(
        [sys.executable, "-c", _KILLED], env=environment(), capture_output=True, check=False
    )
    status = Path("/proc", done.stdout.decode().strip(), "stat")
    until = time.monotonic() + 30
    while status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z":
        assert time.monotonic() < until
        time.sleep(0.05)
