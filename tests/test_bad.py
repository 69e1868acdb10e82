"""Bad inputs: each case under tests/bad, its exact output and its exit code.

A case is a folder named after the row of the acceptance list that it shows:

    source/       the deck
    command       arguments of crss-deck, VAR=value first, ␛ for ESC; default: `check source`
    plain/        a deck that must compile to the very same package
    mended/       the deck with its mistake mended: nothing is found any more
    expected.txt  all that the command says, stdout and stderr
    exit          its exit code
    fields.txt    the notes as compiled, where they are the point
    README.md     why the outcome is better than what the list asked for

What Git or some file system cannot hold is made by makers.py. CRSS_UPDATE_BAD=1 rewrites
expected.txt, exit and fields.txt of the tests that run (choose them with -k); read what changed.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from io import BytesIO, TextIOWrapper
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pytest
from command_helper import CLOCK, crss_deck_command, environment
from deck_helper import describe_package

from crss_deck import cli, compile_deck, read_deck
from crss_deck.package import Package

ROOT = Path(__file__).parent / "bad"
CASES = sorted(path.name for path in ROOT.iterdir() if path.is_dir() and path.name[0] != "_")
UPDATE = os.environ.get("CRSS_UPDATE_BAD") == "1"

every_case = pytest.mark.parametrize("name", CASES)


def _load_makers() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bad_makers", ROOT / "makers.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MAKERS: dict[str, Callable[[Path], None]] = _load_makers().MAKERS


class Outcome(NamedTuple):
    """What a command said, in the order in which it said it, and its exit code."""

    said: str
    code: int


def command_of(name: str) -> tuple[list[str], dict[str, str]]:
    """The arguments of a case, and what its command sets in the environment."""
    path = ROOT / name / "command"
    text = path.read_text(encoding="utf-8") if path.exists() else "check source"
    words = shlex.split(text.replace("␛", "\x1b"))
    changes = {}
    while "=" in words[0]:
        variable, _, value = words.pop(0).partition("=")
        changes[variable] = value
    return words, changes


def prepared(name: str, folder: Path) -> Path:
    """A copy of a case with what only a program can make."""
    copy = folder / "case"
    shutil.copytree(ROOT / name, copy)
    if name in MAKERS:
        MAKERS[name](copy)
    return copy


def run_here(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> Outcome:
    """Run the command in this process, where it starts in no time."""
    said = BytesIO()
    stream = TextIOWrapper(said, encoding="utf-8", write_through=True)
    monkeypatch.setattr(sys, "argv", ["crss-deck", *arguments])
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr(sys, "stderr", stream)
    before = signal.getsignal(signal.SIGTERM)
    try:
        code = cli.run()
    finally:
        signal.signal(signal.SIGTERM, before)
    stream.flush()
    return Outcome(said.getvalue().decode().replace("\r\n", "\n"), code)


def expected(name: str) -> Outcome:
    """What a case must say."""
    folder = ROOT / name
    said = (folder / "expected.txt").read_text(encoding="utf-8")
    return Outcome(said, int((folder / "exit").read_text(encoding="utf-8")))


def shown(text: str) -> str:
    """With a stand-in for what a text file of Git should not hold: line ends inside a line."""
    return text.replace("\r", "␍")


def package_of(source: Path) -> Package:
    """What a folder compiles to."""
    package = compile_deck(read_deck(source), clock=CLOCK).package
    assert package is not None
    return package


@every_case
def test_a_bad_input(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command says just what is expected, exits so, and compiles what is expected."""
    arguments, changes = command_of(name)
    copy = prepared(name, tmp_path)
    monkeypatch.chdir(copy)
    for variable in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(variable, raising=False)
    for variable, value in {"SOURCE_DATE_EPOCH": str(CLOCK), **changes}.items():
        monkeypatch.setenv(variable, value)
    kept = {path: path.read_bytes() for path in copy.glob("source/*.md") if path.is_file()}
    with monkeypatch.context() as patch:
        outcome = run_here(arguments, patch)
    outcome = Outcome(shown(outcome.said), outcome.code)
    if UPDATE:
        (ROOT / name / "expected.txt").write_text(outcome.said, encoding="utf-8")
        (ROOT / name / "exit").write_text(f"{outcome.code}\n", encoding="utf-8")
    assert outcome == expected(name)
    assert "Traceback" not in outcome.said
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", outcome.said)
    if "--diff" in arguments or "--fix" not in arguments:
        assert {path: path.read_bytes() for path in kept} == kept
    if outcome.code and "-o" in arguments:
        assert not list(copy.rglob("*.apkg.tmp")) and not list(copy.rglob(".crss-deck-*"))
    fields = ROOT / name / "fields.txt"
    if fields.exists():
        text = ascii_but_letters(describe_package(package_of(copy / "source")))
        if UPDATE:
            fields.write_text(text, encoding="utf-8")
        assert text == fields.read_text(encoding="utf-8")
    if (ROOT / name / "plain").exists() or (copy / "plain").exists():
        package, plain = package_of(copy / "source"), package_of(copy / "plain")
        assert package.notes == plain.notes
        assert package == plain
    if (copy / "mended").exists():
        mended = compile_deck(read_deck(copy / "mended"), clock=CLOCK)
        assert not [d for d in mended.diagnostics if d.rule.severity == "error"]


def ascii_but_letters(text: str) -> str:
    """A text whose unseen characters are written as escapes."""
    return (
        "".join(char if char == "\n" or char.isprintable() else ascii(char)[1:-1] for char in text)
        + "\n"
    )


@pytest.mark.parametrize("name", CASES[:: max(1, len(CASES) // 14)])
def test_a_bad_input_as_people_run_it(name: str, tmp_path: Path) -> None:
    """A process of its own says the same."""
    arguments, changes = command_of(name)
    run = subprocess.run(
        crss_deck_command(*arguments),
        cwd=prepared(name, tmp_path),
        env=environment(COLUMNS="80") | {"PYTHONIOENCODING": "utf-8"} | changes,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=60,
        check=False,
    )
    assert Outcome(shown(run.stdout.decode().replace("\r\n", "\n")), run.returncode) == expected(
        name
    )


# ------------------------------------------------------------------ the list is whole

ELSEWHERE = {
    20: ("test_lock.py", "test_a_changed_id_is_noticed"),
    28: ("test_untrusted.py", "test_a_pathological_input_takes_little_time"),
    48: ("test_output.py", "test_a_missing_image_found_late_touches_nothing"),
    49: ("test_faults.py", "test_a_full_disk"),
    50: ("test_faults.py", "test_a_signal_at_each_stage"),
    51: ("test_faults.py", "test_two_builds_at_once"),
    52: ("test_faults.py", "test_a_folder_that_is_gone"),
    53: ("test_packages.py", "test_surroundings_change_no_byte"),
    55: ("test_untrusted.py", "test_a_hostile_package_is_refused"),
    56: ("test_verify.py", "test_a_chain_of_releases_keeps_all_progress"),
    57: ("test_learners_page.py", "test_fields_of_your_own"),
    58: ("test_verify.py", "test_a_downgrade_changes_nothing_and_is_told"),
}
"""Rows that are no input of `check`: a test that really causes them."""
NO_ROWS = {46}


def test_every_row_is_shown() -> None:
    """Each row of the acceptance list has cases here, or a test that is there."""
    rows = {int(name[:2]) for name in CASES if name[:2].isdigit()}
    assert rows | set(ELSEWHERE) == set(range(1, 59)) - NO_ROWS
    for module, test in ELSEWHERE.values():
        text = (Path(__file__).parent / module).read_text(encoding="utf-8")
        assert f"def {test}(" in text, test


def test_nothing_is_left_over() -> None:
    """Every maker has its case, every case its expectation, and no file is of no use."""
    assert set(MAKERS) <= set(CASES)
    known = {"source", "plain", "mended", "command"}
    known |= {"expected.txt", "exit", "fields.txt", "README.md"}
    for name in CASES:
        files = {path.name for path in (ROOT / name).iterdir()}
        assert {"expected.txt", "exit"} <= files <= known, name
