"""Faults of the world around a build: signals, a full disk, another build, a folder that is gone.

Each is really caused. Closed and full outputs and odd locales are in test_cli.py, faults inside one
process in test_output.py.
"""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from command_helper import CLOCK, crss_deck_command, environment, run
from deck_helper import DECK_TOML, MEDIA

from crss_deck import build_deck, compile_deck, fix, read_apkg, read_deck
from crss_deck.fix import ChangedMeanwhileError, fix_deck
from crss_deck.output import PREFIX

if sys.platform == "win32":
    pytest.skip("signals, limits and links of POSIX", allow_module_level=True)

NAMES = ["SHA256SUMS", "spec-deck-1.0.0+draft.apkg", "spec-deck-1.0.0+draft.json"]
ONE = "Q: a ![b](media/peer.png)\n\nA: one\n<!-- id: one -->\n"
TWO = ONE.replace("A: one", "A: two")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a deck in `source` and an earlier build of it in `out`."""
    for path, content in {**MEDIA, "deck.toml": DECK_TOML.encode()}.items():
        (tmp_path / "source" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "source" / path).write_bytes(content)
    write(tmp_path, ONE)
    build_deck(tmp_path / "source", tmp_path / "out", clock=CLOCK)
    assert sorted(files(tmp_path / "out")) == NAMES
    write(tmp_path, TWO)
    return tmp_path


def write(folder: Path, notes: str) -> None:
    """Put notes into the deck in one step, as editors do."""
    new = folder / "notes.new"
    new.write_text(notes, encoding="utf-8")
    new.replace(folder / "source" / "notes.md")


def files(folder: Path) -> dict[str, bytes]:
    """All files of a folder, hidden ones too, with their bytes."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def is_whole(folder: Path) -> bool:
    """Whether the checksums beside a package are those of the files."""
    return all(
        hashlib.sha256((folder / line[66:]).read_bytes()).hexdigest() == line[:64]
        for line in (folder / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    )


def answer(package: Path) -> str:
    """The answer of the one note in a package."""
    (note,) = read_apkg(package).notes
    return note.fields[1]


# ------------------------------------------------------------------ signals

_SIGNALLED = """
import os, signal, sys
from pathlib import Path
from crss_deck import cli
number, stage, at = int(sys.argv.pop(1)), sys.argv.pop(1), int(sys.argv.pop(1))
count = 0
def hit():
    global count
    count += 1
    if count == at:
        os.kill(os.getpid(), number)
owner, name = (os, "fsync") if stage == "sync" else (Path, "replace")
real = getattr(owner, name)
def hooked(*arguments):
    hit()
    return real(*arguments)
setattr(owner, name, hooked)
cli.main()
"""
STAGES = [("sync", 1), ("sync", 3), ("replace", 1), ("replace", 2)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize(("stage", "at"), STAGES)
def test_a_signal_at_each_stage(folder: Path, number: signal.Signals, stage: str, at: int) -> None:
    """Every file is the old or the new one; told to end, a build leaves all of one kind.

    A killed one may leave files between the two builds, which the checksums tell, and litter, which
    the next build sweeps.
    """
    old = files(folder / "out")
    arguments = [str(int(number)), stage, str(at), "build", "source", "-o", "out"]
    done = subprocess.run(
        [sys.executable, "-c", _SIGNALLED, *arguments],
        cwd=folder,
        env=environment(),
        capture_output=True,
        timeout=60,
        check=False,
    )
    left = files(folder / "out")
    build_deck(folder / "source", folder / "clean", clock=CLOCK)
    new = files(folder / "clean")
    assert b"Traceback" not in done.stderr
    assert all(left[name] in (old[name], new[name]) for name in NAMES)
    if number == signal.SIGKILL:
        assert done.returncode == -signal.SIGKILL
        assert all(name in NAMES or name.startswith(PREFIX) for name in left)
        assert len(left) > len(NAMES)
    else:
        assert done.returncode == (130 if number == signal.SIGINT else 143)
        assert left == (old if stage == "sync" else new)
    build_deck(folder / "source", folder / "out", clock=CLOCK)
    assert files(folder / "out") == new


# ------------------------------------------------------------------ a disk that takes no more

_LIMITED = """
import resource, sys
limit = int(sys.argv.pop(1))
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
from crss_deck import cli
cli.main()
"""


@pytest.mark.parametrize("limit", [0, 1, 4096, 30_000])
def test_a_full_disk(folder: Path, limit: int) -> None:
    """A disk that takes only so many bytes: exit 2, one line, the old files and nothing else."""
    old = files(folder / "out")
    assert max(map(len, old.values())) > 30_000
    done = subprocess.run(
        [sys.executable, "-B", "-c", _LIMITED, str(limit), "build", "source", "-o", "out"],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert "File too large" in done.stderr
    assert done.stderr.count("\n") == 1
    assert files(folder / "out") == old


def test_a_full_disk_while_fixing(folder: Path) -> None:
    """`--fix` leaves the notes as they were."""
    write(folder, "Q: a\n\nA: b\n")
    old = files(folder / "source")
    done = subprocess.run(
        [sys.executable, "-B", "-c", _LIMITED, "4", "check", "source", "--fix"],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "File too large" in done.stderr
    assert "Traceback" not in done.stderr
    assert files(folder / "source") == old


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder nobody writes to")
def test_a_place_nobody_can_write_to(folder: Path) -> None:
    """Even root makes no folder in /proc: exit 2 and one line."""
    done = run("build", "source", "-o", "/proc/crss-deck-test", cwd=folder)
    assert done.returncode == 2
    assert done.stderr.startswith("error: /proc/crss-deck-test: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("output", ["source", "source/out", "source/notes.md", "out/SHA256SUMS"])
def test_a_refused_output_deletes_nothing(folder: Path, output: str) -> None:
    """Told to write into the source folder or over a file, a build touches neither."""
    before = files(folder / "source"), files(folder / "out"), sorted(folder.rglob("*"))
    done = run("build", "source", "-o", output, cwd=folder)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert (files(folder / "source"), files(folder / "out"), sorted(folder.rglob("*"))) == before


# ------------------------------------------------------------------ others at work


def test_two_builds_at_once(folder: Path) -> None:
    """Builds of one deck to one place: each is done, and one whole build is there."""
    command = crss_deck_command("build", "source", "-o", "out")
    running = [
        subprocess.Popen(
            command, cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for _ in range(4)
    ]
    said = [process.communicate(timeout=60)[1] for process in running]
    assert [process.returncode for process in running] == [0] * 4, said
    assert sorted(files(folder / "out")) == NAMES
    assert is_whole(folder / "out")
    assert answer(folder / "out" / NAMES[1]) == "two"


def test_a_source_edited_during_a_build(folder: Path) -> None:
    """A build has the notes of one moment: a file is read once, and what is hashed is built."""
    stop = threading.Event()

    def edit() -> None:
        while not stop.is_set():
            write(folder, ONE)
            write(folder, TWO)

    editor = threading.Thread(target=edit)
    editor.start()
    try:
        for _ in range(10):
            path = build_deck(folder / "source", folder / "out", clock=CLOCK).path
            assert answer(path) in ("one", "two")
            assert is_whole(folder / "out")
    finally:
        stop.set()
        editor.join()


def test_each_file_is_read_once(folder: Path) -> None:
    """No file of the source folder is opened a second time, so nothing can change between."""
    script = (
        "import sys\nopened = []\n"
        "def hook(event, arguments):\n"
        "    if event == 'open' and 'source' in str(arguments[0]):\n"
        "        opened.append(str(arguments[0]))\n"
        "from crss_deck import build_deck\n"
        "sys.addaudithook(hook)\n"
        "build_deck('source', 'out', clock=1700000000)\n"
        "import collections\n"
        "print(collections.Counter(opened).most_common(1)[0][1], len(opened))\n"
    )
    done = subprocess.run(
        [sys.executable, "-B", "-c", script],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    most, opened = map(int, done.stdout.split())
    assert most == 1
    assert opened >= 3


def test_a_file_edited_while_it_is_fixed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--fix` never overwrites what somebody wrote after it had read the file."""
    write(folder, "Q: a\n\nA: b\n")
    compiled = compile_deck

    def and_meanwhile(*arguments: object, **options: object) -> object:
        write(folder, "Q: c\n\nA: d\n")
        return compiled(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(fix, "compile_deck", and_meanwhile)
    with pytest.raises(ChangedMeanwhileError):
        fix_deck(folder / "source", clock=CLOCK)
    assert (folder / "source" / "notes.md").read_text(encoding="utf-8") == "Q: c\n\nA: d\n"


# ------------------------------------------------------------------ a bare world


def test_a_file_edited_while_its_fix_is_tried(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same between trying the changes in memory and writing them; no file is written."""
    (folder / "source" / "a.md").write_text("Q: c\n\nA: d\n", encoding="utf-8")
    write(folder, "Q: a\n\nA: b\n")
    calls = 0

    def then_edit(*arguments: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 2:
            write(folder, "Q: a\n\nA: another\n")
        return compile_deck(*arguments, **options)

    monkeypatch.setattr(fix, "compile_deck", then_edit)
    with pytest.raises(ChangedMeanwhileError, match=r"notes\.md: the file changed while"):
        fix_deck(folder / "source", clock=CLOCK)
    assert (folder / "source" / "notes.md").read_text(encoding="utf-8").endswith("another\n")
    assert (folder / "source" / "a.md").read_text(encoding="utf-8") == "Q: c\n\nA: d\n"


def test_a_folder_that_cannot_be_listed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its notes are not given up: nothing is read at all."""
    (folder / "source" / "locked").mkdir()
    real = os.scandir

    def refuse(path: Any) -> Any:
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(PermissionError, match="locked"):
        read_deck(folder / "source")


def test_no_environment_at_all(folder: Path) -> None:
    """Without HOME, TERM, PATH, LANG and all the rest, a build is the same, byte for byte."""
    usual = run("build", "source", "-o", "usual", cwd=folder)
    bare = {"PYTHONPATH": environment()["PYTHONPATH"], "SOURCE_DATE_EPOCH": str(CLOCK)}
    done = run("build", "source", "-o", "bare", cwd=folder, env=bare)
    assert (done.returncode, done.stderr) == (0, usual.stderr)
    assert files(folder / "bare") == files(folder / "usual")


def test_the_c_locale_with_names_and_text_beyond_it(folder: Path) -> None:
    """In the C locale, notes and names of any script build to the very same bytes."""
    (folder / "source" / "日本.md").write_text(
        "Q: 日本?\n\nA: Japan.\n<!-- id: japan -->\n", encoding="utf-8"
    )
    usual = run("build", "source", "-o", "usual", cwd=folder)
    done = run("build", "source", "-o", "c", cwd=folder, env=environment(LC_ALL="C"))
    assert (done.returncode, done.stderr) == (0, usual.stderr)
    assert files(folder / "c") == files(folder / "usual")


def test_a_folder_that_is_gone(folder: Path) -> None:
    """Started in a folder that was deleted: relative paths are not there, absolute ones work."""
    line = 'mkdir gone && cd gone && rmdir ../gone && "$0" -m crss_deck "$@"'

    def in_a_gone_folder(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["/bin/sh", "-c", line, sys.executable, *arguments],
            cwd=folder,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    done = in_a_gone_folder("check")
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr
    done = in_a_gone_folder("build", str(folder / "source"), "-o", "out")
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr
    done = in_a_gone_folder("check", str(folder / "source"))
    assert (done.returncode, done.stderr) == (0, "1 warning\n")
    done = in_a_gone_folder("build", str(folder / "source"), "-o", str(folder / "new"))
    assert done.returncode == 0
    assert sorted(files(folder / "new")) == NAMES
