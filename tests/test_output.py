"""Files on disk: all of a build or nothing of it, whatever goes wrong, and no litter."""

from __future__ import annotations

import errno
import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest
from command_helper import CLOCK, environment, run
from deck_helper import DECK_TOML, MEDIA

from crss_deck import DeckError, OutputFolderError, SourceFolderError, apkg, build_deck, output
from crss_deck.output import replace_files, write_apkg

GOOD = "Q: a ![b](media/peer.png)\n\nA: c ![d](media/hello.mp3)\n<!-- id: one -->\n"
posix_only = pytest.mark.skipif(os.name == "nt", reason="Windows locks open files itself")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A small deck on disk, with media."""
    folder = tmp_path / "source"
    for path, content in {
        **MEDIA,
        "deck.toml": DECK_TOML.encode(),
        "notes.md": GOOD.encode(),
    }.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return folder


def snapshot(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Every file of a folder, hidden ones too: its bytes, and when it was written."""
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}


@pytest.fixture
def target(source: Path, tmp_path: Path) -> Path:
    """An output folder with an earlier build in it; the deck has changed since."""
    folder = tmp_path / "build"
    build_deck(source, folder, clock=CLOCK)
    (source / "notes.md").write_text(GOOD.replace("A: c", "A: changed"), encoding="utf-8")
    assert len(snapshot(folder)) == 3
    return folder


# ------------------------------------------------------------------ what a build writes


def test_a_build_writes_three_files(source: Path, tmp_path: Path) -> None:
    """The package, its record and the checksums; missing folders are made."""
    path = build_deck(source, tmp_path / "new" / "deep", clock=CLOCK).path
    assert path == tmp_path / "new" / "deep" / "spec-deck-1.0.0+draft.apkg"
    assert sorted(snapshot(path.parent)) == [
        "SHA256SUMS",
        "spec-deck-1.0.0+draft.apkg",
        "spec-deck-1.0.0+draft.json",
    ]


def test_checksums_are_in_the_form_of_sha256sum(source: Path, tmp_path: Path) -> None:
    """Each line is 64 hex digits, two spaces and a plain file name that is there."""
    folder = build_deck(source, tmp_path / "build", clock=CLOCK).path.parent
    content = (folder / "SHA256SUMS").read_bytes()
    assert content.endswith(b"\n")
    assert b"\r" not in content
    names = []
    for line in content.decode().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
        names.append(name)
    assert names == ["spec-deck-1.0.0+draft.apkg", "spec-deck-1.0.0+draft.json"]


def test_a_second_build_replaces_the_first(source: Path, target: Path) -> None:
    """Files of the same names are replaced, and files of others are left alone."""
    before = snapshot(target)
    (target / "mine.txt").write_text("kept", encoding="utf-8")
    build_deck(source, target, clock=CLOCK)
    after = snapshot(target)
    assert {name for name in after if after[name][0] != before.get(name, (b"", 0))[0]} == {
        "mine.txt",
        *before,
    }
    assert after["mine.txt"][0] == b"kept"
    assert len(after) == 4


@posix_only
@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o000, 0o666)])
def test_files_have_the_mode_that_the_umask_gives(
    source: Path, tmp_path: Path, umask: int, mode: int
) -> None:
    """What is built is as readable as any other file the user makes."""
    before = os.umask(umask)
    try:
        path = build_deck(source, tmp_path / "build", clock=CLOCK).path
    finally:
        os.umask(before)
    assert {each.stat().st_mode & 0o777 for each in path.parent.iterdir()} == {mode}


def test_write_apkg_writes_one_file(source: Path, tmp_path: Path) -> None:
    """The library's function writes the same bytes to any path, and makes its folder."""
    result = build_deck(source, tmp_path / "build", clock=CLOCK)
    assert result.compilation.package is not None
    write_apkg(result.compilation.package, tmp_path / "else" / "deck.apkg")
    assert list(snapshot(tmp_path / "else")) == ["deck.apkg"]
    assert (tmp_path / "else" / "deck.apkg").read_bytes() == result.path.read_bytes()


# ------------------------------------------------------------------ what goes wrong


def test_a_missing_image_found_late_touches_nothing(source: Path, target: Path) -> None:
    """An image that the last note names and that is not there stops the build before it writes."""
    before = snapshot(target)
    (source / "z.md").write_text(
        "Q: a\n\nA: ![b](media/none.png)\n<!-- id: z -->\n", encoding="utf-8"
    )
    with pytest.raises(DeckError) as caught:
        build_deck(source, target, clock=CLOCK)
    assert [d.rule.name for d in caught.value.diagnostics] == ["missing-media"]
    assert snapshot(target) == before


def test_an_image_that_vanishes_while_it_is_read_touches_nothing(
    source: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that goes away between being listed and being read is an error of the disk."""
    before = snapshot(target)
    read_bytes = Path.read_bytes

    def vanish(path: Path) -> bytes:
        if path.name == "peer.png":
            path.unlink()
        return read_bytes(path)

    monkeypatch.setattr(Path, "read_bytes", vanish)
    with pytest.raises(FileNotFoundError):
        build_deck(source, target, clock=CLOCK)
    monkeypatch.undo()
    assert snapshot(target) == before


def _writing_fails(monkeypatch: pytest.MonkeyPatch, error: BaseException, after: int) -> None:
    """Let the file opened after some others fail in the middle of being written."""
    create, opened = output._create, 0

    class Failing:
        def __init__(self, stream: IO[bytes]) -> None:
            self._stream = stream

        def write(self, content: bytes) -> None:
            self._stream.write(content[: len(content) // 2])
            self._stream.flush()
            raise error

        def __getattr__(self, name: str) -> object:
            return getattr(self._stream, name)

        def __enter__(self) -> Failing:
            return self

        def __exit__(self, *_: object) -> None:
            self._stream.close()

    def failing(folder: Path) -> tuple[Path, IO[bytes]]:
        nonlocal opened
        path, stream = create(folder)
        opened += 1
        return path, Failing(stream) if opened > after else stream  # type: ignore[return-value]

    monkeypatch.setattr(output, "_create", failing)


@pytest.mark.parametrize("after", [0, 1, 2])
@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt(), MemoryError()]
)
def test_a_write_that_fails_touches_nothing(
    error: BaseException, after: int, source: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk or an interruption, in any of the three files, leaves the old and no litter."""
    before = snapshot(target)
    _writing_fails(monkeypatch, error, after)
    with pytest.raises(type(error)):
        build_deck(source, target, clock=CLOCK)
    assert snapshot(target) == before


@pytest.mark.parametrize("stage", ["_collection", "write_to"])
def test_an_exception_in_the_writer_touches_nothing(
    stage: str, source: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault of our own in the making of the package leaves the old files and no litter."""
    before = snapshot(target)

    def fault(*_: object) -> None:
        raise RuntimeError("a fault of our own")

    monkeypatch.setattr(apkg, stage, fault)
    with pytest.raises(RuntimeError, match="a fault of our own"):
        build_deck(source, target, clock=CLOCK)
    assert snapshot(target) == before


def test_a_failed_write_apkg_leaves_the_old_file(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library's function replaces a file only when all of the new one is written."""
    package = build_deck(source, tmp_path / "build", clock=CLOCK).compilation.package
    assert package is not None
    folder = tmp_path / "else"
    write_apkg(package, folder / "deck.apkg")
    before = snapshot(folder)
    monkeypatch.setattr(output, "write_to", lambda _, stream: (stream.write(b"half"), 1 / 0))
    with pytest.raises(ZeroDivisionError):
        write_apkg(package, folder / "deck.apkg")
    assert snapshot(folder) == before


def test_a_sync_that_fails_touches_nothing(
    source: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the disk will not promise to keep does not replace what it holds."""
    before = snapshot(target)

    def fail(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="Input/output error"):
        build_deck(source, target, clock=CLOCK)
    monkeypatch.undo()
    assert snapshot(target) == before


def test_every_file_is_on_disk_before_any_is_replaced(
    source: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All three are prepared and synced first, so that a full disk cannot part them."""
    happened: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def logged_fsync(handle: int) -> None:
        happened.append("sync")
        fsync(handle)

    def logged_replace(path: Path, to: Path) -> Path:
        happened.append("replace")
        assert path.parent == to.parent
        return replace(path, to)

    monkeypatch.setattr(os, "fsync", logged_fsync)
    monkeypatch.setattr(Path, "replace", logged_replace)
    build_deck(source, target, clock=CLOCK)
    assert happened[:6] == ["sync"] * 3 + ["replace"] * 3


def test_a_folder_of_the_name_is_refused(source: Path, target: Path) -> None:
    """Where a folder has the package's name, nothing is written at all."""
    (target / "spec-deck-1.0.0+draft.apkg").unlink()
    (target / "spec-deck-1.0.0+draft.apkg").mkdir()
    record = (target / "spec-deck-1.0.0+draft.json").read_bytes()
    with pytest.raises(IsADirectoryError):
        build_deck(source, target, clock=CLOCK)
    assert (target / "spec-deck-1.0.0+draft.json").read_bytes() == record
    assert len(list(target.iterdir())) == 3


# ------------------------------------------------------------------ litter of killed builds

_HELD = """\
import sys
from pathlib import Path
from crss_deck.output import replace_files

def wait(stream):
    stream.write(b"half")
    stream.flush()
    print("writing", flush=True)
    sys.stdin.readline()

replace_files(Path(sys.argv[1]), {"slow": wait})
"""


@pytest.fixture
def slow_build(target: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that has half a file written into the output folder, and waits."""
    with subprocess.Popen(
        [sys.executable, "-c", _HELD, str(target)],
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "writing\n"
        yield process
        process.kill()


def temporary(folder: Path) -> list[Path]:
    """The temporary files in a folder."""
    return sorted(folder.glob(".crss-deck-*.tmp"))


def test_a_killed_build_leaves_the_old_files(
    target: Path, slow_build: subprocess.Popen[str]
) -> None:
    """A killed build leaves the old files whole, and litter that the next one sweeps away."""
    before = snapshot(target)
    assert len(temporary(target)) == 1
    slow_build.kill()
    slow_build.wait()
    (litter,) = temporary(target)
    assert {name: file for name, file in snapshot(target).items() if name != litter.name} == {
        name: file for name, file in before.items() if name != litter.name
    }
    replace_files(target, {"other": lambda stream: stream.write(b"x")})
    assert temporary(target) == []
    assert (target / "other").read_bytes() == b"x"


@posix_only
def test_the_file_of_a_running_build_is_not_swept(
    source: Path, target: Path, slow_build: subprocess.Popen[str]
) -> None:
    """A build beside another leaves its temporary file alone, and both arrive."""
    (held,) = temporary(target)
    build_deck(source, target, clock=CLOCK)
    assert temporary(target) == [held]
    slow_build.communicate("go on\n")
    assert slow_build.returncode == 0
    assert (target / "slow").read_bytes() == b"half"
    assert temporary(target) == []


@posix_only
def test_a_terminated_build_cleans_up(target: Path, source: Path, tmp_path: Path) -> None:
    """A command that is told to end while it writes removes its temporary files."""
    before = snapshot(target)
    script = (
        "import os, time\nfrom crss_deck import cli\n"
        "def slow(handle):\n    print('writing', flush=True)\n    time.sleep(60)\n"
        "os.fsync = slow\ncli.main()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, "build", str(source), "-o", str(target)],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "writing\n"
        assert len(temporary(target)) == 1
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 143
    assert "Traceback" not in errors
    assert snapshot(target) == before


@pytest.mark.parametrize("name", [".crss-deck-.txt", "crss-deck-a.tmp", ".other-a.tmp"])
def test_files_of_others_are_not_swept(name: str, source: Path, target: Path) -> None:
    """Only files of the name of our temporary ones are removed."""
    (target / name).write_text("mine", encoding="utf-8")
    (target / ".crss-deck-0123456789abcdef.tmp").write_text("litter", encoding="utf-8")
    build_deck(source, target, clock=CLOCK)
    assert (target / name).read_text(encoding="utf-8") == "mine"
    assert temporary(target) == []


# ------------------------------------------------------------------ where not to write


def test_an_output_folder_inside_the_source_is_refused(source: Path) -> None:
    """What is built would be taken for a part of the deck by the next build."""
    for inside in (source, source / "build", source / "media" / ".." / "new", source / "media"):
        with pytest.raises(OutputFolderError, match="inside the source folder"):
            build_deck(source, inside, clock=CLOCK)
    assert sorted(path.name for path in source.iterdir()) == ["deck.toml", "media", "notes.md"]


@posix_only
def test_an_output_folder_inside_the_source_through_a_link_is_refused(
    source: Path, tmp_path: Path
) -> None:
    """A link does not hide where the folder really is."""
    (tmp_path / "link").symlink_to(source / "media", target_is_directory=True)
    with pytest.raises(OutputFolderError):
        build_deck(source, tmp_path / "link" / "out", clock=CLOCK)
    (tmp_path / "other").symlink_to(source, target_is_directory=True)
    with pytest.raises(OutputFolderError):
        build_deck(tmp_path / "other", source / "out", clock=CLOCK)


def test_a_file_as_output_is_refused(source: Path, tmp_path: Path) -> None:
    """An output that is a file is not replaced by a folder."""
    (tmp_path / "out").write_text("mine", encoding="utf-8")
    with pytest.raises(OutputFolderError, match="a file, not a folder"):
        build_deck(source, tmp_path / "out", clock=CLOCK)
    with pytest.raises(OSError):
        build_deck(source, tmp_path / "out" / "deeper", clock=CLOCK)
    assert (tmp_path / "out").read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize(
    ("output_folder", "said"),
    [
        ("source/out", "inside the source folder"),
        ("a-file", "a file, not a folder"),
        ("a-file/x", ""),
    ],
)
def test_the_command_refuses_the_same(
    output_folder: str, said: str, source: Path, tmp_path: Path
) -> None:
    """A wrong output folder is exit 2 and one line, without a traceback."""
    (tmp_path / "a-file").write_text("mine", encoding="utf-8")
    done = run("build", "-o", output_folder, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert said in done.stderr
    assert (tmp_path / "a-file").read_text(encoding="utf-8") == "mine"


@posix_only
@pytest.mark.skipif(os.name != "nt" and os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_is_refused(source: Path, target: Path) -> None:
    """A read-only output folder is an OSError, and stays as it was."""
    before = snapshot(target)
    target.chmod(0o555)
    try:
        with pytest.raises(PermissionError):
            build_deck(source, target, clock=CLOCK)
    finally:
        target.chmod(0o755)
    assert snapshot(target) == before


@pytest.mark.parametrize("what", ["nothing", "no deck.toml", "a file"])
def test_a_source_that_is_none_is_refused(what: str, tmp_path: Path) -> None:
    """Without a folder with a deck.toml there is nothing to build, and no output folder is made."""
    if what == "no deck.toml":
        (tmp_path / "source").mkdir()
    elif what == "a file":
        (tmp_path / "source").write_text("x", encoding="utf-8")
    with pytest.raises(SourceFolderError):
        build_deck(tmp_path / "source", tmp_path / "build", clock=CLOCK)
    assert not (tmp_path / "build").exists()


@posix_only
def test_nothing_is_read_through_a_link_that_leaves(source: Path, tmp_path: Path) -> None:
    """An image that is a link to a file outside of the deck does not get into the package."""
    (tmp_path / "secret.png").write_bytes(MEDIA["media/peer.png"] + b"secret")
    (source / "media" / "peer.png").unlink()
    (source / "media" / "peer.png").symlink_to(tmp_path / "secret.png")
    with pytest.raises(DeckError) as caught:
        build_deck(source, tmp_path / "build", clock=CLOCK)
    assert [d.rule.name for d in caught.value.diagnostics] == ["outside-media"]
    assert not (tmp_path / "build").exists()


@posix_only
def test_a_pipe_is_not_opened(source: Path, tmp_path: Path) -> None:
    """A file that is no regular one is never opened, so nothing waits for it."""
    os.mkfifo(source / "pipe.png")
    with pytest.raises(DeckError):
        (source / "notes.md").write_text(
            "Q: a\n\nA: ![b](pipe.png)\n<!-- id: x -->\n", encoding="utf-8"
        )
        build_deck(source, tmp_path / "build", clock=CLOCK)
