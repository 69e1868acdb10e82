"""Files on disk, whole or not at all: prepared beside their place, then put there in one step.

A temporary file is locked by the build that writes it, so that a later build can tell litter of a
killed one from the work of one that still runs.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import signal
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO

if os.name != "nt":
    import fcntl

from crss_deck.apkg import write_to
from crss_deck.package import Package

PREFIX, SUFFIX = ".crss-deck-", ".tmp"

Writer = Callable[[IO[bytes]], object]


class OutputFolderError(OSError):
    """The output folder is no place to write to."""


def write_apkg(package: Package, path: str | os.PathLike[str]) -> None:
    """Write a deck package to a path, replacing what is there only when all is written.

    Raises OSError, with the old file untouched, if it cannot be written.
    """
    path = Path(path)
    replace_files(path.parent, {path.name: lambda stream: write_to(package, stream)})


def replace_files(folder: Path, writers: Mapping[str, Writer]) -> None:
    """Write files of a folder: all are prepared first, then each replaces its old one.

    Whatever a writer raises is raised again, with nothing replaced and nothing left behind.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in writers:
        if (folder / name).is_dir():
            raise IsADirectoryError(errno.EISDIR, "a folder has that name", str(folder / name))
    sweep(folder)
    with contextlib.ExitStack() as stack:
        prepared = [
            (name, stack.enter_context(_prepared(folder, writer)))
            for name, writer in writers.items()
        ]
        with _uninterrupted():
            for name, temporary in prepared:
                temporary.replace(folder / name)
    _sync_folder(folder)


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Put off Ctrl+C and the like until all files have their place: all of them or none."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def _prepared(folder: Path, writer: Writer) -> Iterator[Path]:
    """A temporary file with the writer's content, on disk; removed unless it was moved away."""
    path, stream = _create(folder)
    try:
        with stream:
            try:
                writer(stream)
                stream.flush()
                os.fsync(stream.fileno())
            except OSError as error:
                raise OSError(error.errno, error.strerror, str(path)) from error
            if os.name != "nt":
                yield path  # the lock is held until the file has its place
        if os.name == "nt":
            yield path  # an open file cannot be moved there
    finally:
        path.unlink(missing_ok=True)


def _create(folder: Path) -> tuple[Path, IO[bytes]]:
    while True:
        path = folder / f"{PREFIX}{secrets.token_hex(8)}{SUFFIX}"
        flags = os.O_CREAT | os.O_EXCL | os.O_RDWR | getattr(os, "O_BINARY", 0)
        stream = os.fdopen(os.open(path, flags, 0o666), "w+b")
        try:
            _lock(stream)
        except BlockingIOError:
            stream.close()  # another build is just sweeping it away
            continue
        except OSError:
            return path, stream  # a file system without locks: there, `sweep` removes nothing
        if os.fstat(stream.fileno()).st_nlink:
            return path, stream
        stream.close()


def _lock(stream: IO[bytes]) -> None:
    """Lock an open file against `sweep`; on Windows an open file cannot be removed anyway.

    Raises BlockingIOError if another process holds it, OSError where locks do not work.
    """
    if os.name != "nt":
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)


def sweep(folder: Path) -> None:
    """Remove the temporary files that no running build holds."""
    for path in folder.glob(f"{PREFIX}*{SUFFIX}"):
        with contextlib.suppress(OSError):
            with path.open("rb+") as stream:
                _lock(stream)
                if os.name != "nt":
                    path.unlink()
            if os.name == "nt":
                path.unlink()


def _sync_folder(folder: Path) -> None:
    """Make the renames last through a power cut, where the system can."""
    if os.name == "nt":
        return
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def writer_of(content: bytes) -> Writer:
    """A writer of bytes that are there already."""
    return lambda stream: stream.write(content)


def check_output(source: Path, output: Path) -> None:
    """Refuse an output folder inside the source folder, where its files would count as the deck's.

    Raises OutputFolderError.
    """
    if output.exists() and not output.is_dir():
        raise OutputFolderError(f"{output}: this is a file, not a folder to write to")
    inside, outside = output.resolve(), source.resolve()
    if inside == outside or outside in inside.parents:
        raise OutputFolderError(f"{output}: the output folder lies inside the source folder")
