"""Whether `crss-deck build` and `check` take time in proportion to the number of notes.

    python benchmarks/linear.py [--notes 100 1000 5000 10000] [--repeat 3]

Runs each command as a process of its own on decks of several sizes, with the notes spread over
files of a hundred and all in one file, and prints the best of several runs. What a note takes, and
how that grows, is said of the processor's time without that of a deck of one note. POSIX only.
"""

from __future__ import annotations

import argparse
import math
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from corpus import write_corpus

import crss_deck

LINEAR = 1.15
"""Growth by a power of the number of notes that still counts as linear."""


class Run(NamedTuple):
    """One process: seconds by the clock and of the processor, and the most MB it held."""

    seconds: float
    processor: float
    megabytes: float


def run(*arguments: str) -> Run:
    """Run the command to its end; it has to be content with the deck."""
    environment = {**os.environ, "PYTHONPATH": str(Path(crss_deck.__file__).parents[1])}
    command = [sys.executable, "-m", "crss_deck", *arguments]
    with tempfile.TemporaryFile() as said:
        start = time.perf_counter()
        process = subprocess.Popen(command, env=environment, stdout=said, stderr=said)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            raise SystemExit(said.read().decode())
    unit = 1 if sys.platform == "darwin" else 1024
    return Run(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit / 1e6)


def best(count: int, *arguments: str) -> Run:
    """The least time of several runs, and the most memory that any of them held."""
    seconds, processor, megabytes = zip(*(run(*arguments) for _ in range(count)), strict=True)
    return Run(min(seconds), min(processor), max(megabytes))


def measure(sizes: list[int], repeat: int, folder: Path) -> None:
    """Measure all sizes, print the table and what it says about growth."""
    write_corpus(folder / "one", 1, 1)
    idle = {
        command: best(repeat + 2, command, str(folder / "one"), *_output(command, folder))
        for command in ("check", "build")
    }
    print(f"Python {sys.version.split()[0]}, crss-deck {crss_deck.__version__}; one note takes")
    for command, each in idle.items():
        print(f"  {command}: {each.processor:.2f} s, {each.megabytes:.0f} MB")
    print("\n  notes        in  command  seconds  processor  µs/note     MB")
    for spread in (True, False):
        times: dict[str, dict[int, float]] = {"check": {}, "build": {}}
        for notes in sizes:
            files = max(1, notes // 100) if spread else 1
            source = folder / f"{notes}-in-{files}"
            write_corpus(source, notes, files)
            for command, by_size in times.items():
                found = best(repeat, command, str(source), *_output(command, folder))
                own = found.processor - idle[command].processor
                by_size[notes] = own
                place = f"{files} file{'s' if files > 1 else ''}"
                print(
                    f"{notes:7,} {place:>9}  {command:7}  {found.seconds:7.2f}"
                    f"  {found.processor:9.2f}  {own / notes * 1e6:7.0f}  {found.megabytes:5.0f}",
                    flush=True,
                )
        for command, by_size in times.items():
            print(_verdict(command, by_size))
        print()


def _output(command: str, folder: Path) -> list[str]:
    return ["-o", str(folder / "build")] if command == "build" else []


def _verdict(command: str, by_size: dict[int, float]) -> str:
    """Whether the time beyond the start grows with the number of notes or faster."""
    few, many = sorted(by_size)[1 if len(by_size) > 2 else 0], max(by_size)
    if min(by_size.values()) <= 0:
        return f"        {command}: too few notes to tell how the time grows"
    power = math.log(by_size[many] / by_size[few]) / math.log(many / few)
    word = "linear" if power < LINEAR else "NOT LINEAR"
    return f"        {command} grows with the power {power:.2f} of the number of notes: {word}"


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--notes", type=int, nargs="+", default=[100, 1000, 5000, 10_000])
    parser.add_argument("--repeat", type=int, default=3)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure(sorted(chosen.notes), chosen.repeat, Path(folder))


if __name__ == "__main__":
    main()
