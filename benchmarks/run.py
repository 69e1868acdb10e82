"""How long whole processes take to make a package, beside the 30-line script and other tools.

    bash benchmarks/peers.sh PEERS
    python benchmarks/run.py [--notes 50 1000 10000] [--rounds 7] [--peers PEERS]

In each round every tool runs once, in turn, and is compared with the script in the same round, so
that a machine that others use as well disturbs both alike. What each has written is opened: all
notes have to be in it. Prints a table in Markdown. POSIX only.
"""

from __future__ import annotations

import argparse
import compileall
import os
import re
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from corpus import write_corpus
from peers import OURS, SCRIPT, Tool, tools

import crss_deck


class Run(NamedTuple):
    """One process: seconds by the clock and of the processor, and the most MB it held."""

    seconds: float
    processor: float
    megabytes: float


def run(command: list[str], folder: Path, *, alone: bool = False) -> Run | str:
    """Run a command in a folder to its end, on one processor or on all; why if it failed."""
    environment = {**os.environ, "PYTHONPATH": str(Path(crss_deck.__file__).parents[1])}
    if "crss_deck" not in command:
        del environment["PYTHONPATH"]
    with tempfile.TemporaryFile() as said:
        start = time.perf_counter()
        process = subprocess.Popen(
            command,
            env=environment,
            cwd=folder,
            stdout=said,
            stderr=said,
            preexec_fn=_take_one_processor if alone else None,
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            return said.read().decode(errors="replace").strip().rpartition("\n")[2]
    unit = 1 if sys.platform == "darwin" else 1024
    return Run(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit / 1e6)


def _take_one_processor() -> None:
    if sys.platform == "linux":
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def missing(folder: Path, notes: int) -> str:
    """What is wrong with the packages in a folder: together they hold all notes, each once."""
    count, seen = 0, set()
    for package in sorted(folder.rglob("*.apkg")):
        with zipfile.ZipFile(package) as archive, closing(sqlite3.connect(":memory:")) as database:
            database.deserialize(archive.read("collection.anki2"))
            for (fields,) in database.execute("SELECT flds FROM notes"):
                count += 1
                seen |= set(re.findall(r"\bnote-([0-9]+)\b", fields))
    lost = notes - len(seen)
    return f"{count} notes, {lost} lost" if lost or count != notes else ""


class Result(NamedTuple):
    """What came of a tool at one size: its runs, or why there are none."""

    runs: list[Run]
    failure: str = ""


def measure(notes: int, rounds: int, compared: list[Tool], folder: Path) -> dict[str, Result]:
    """Run all tools in turn on a deck of so many notes."""
    source, out = folder / "source", folder / "out"
    write_corpus(source, notes, max(1, notes // 100))
    sources, results = {}, {}
    for tool in compared:
        results[tool.name] = Result([], "not tried" if notes > tool.largest else "")
        sources[tool.name] = source
        if tool.convert is not None:
            sources[tool.name] = own = folder / re.sub(r"\W+", "-", tool.name)
            own.mkdir()
            tool.convert(source, own)
    for number in range(rounds):
        for tool in compared:
            result = results[tool.name]
            if result.failure:
                continue
            shutil.rmtree(out, ignore_errors=True)
            out.mkdir()
            found = run(tool.command(sources[tool.name], out), out, alone=tool.alone)
            if isinstance(found, str):
                results[tool.name] = Result([], f"fails: {found[:60]}")
            elif not number and (lost := missing(out, notes)):
                results[tool.name] = Result([], f"fails: {lost}")
            else:
                result.runs.append(found)
    return results


def row(tool: Tool, by_size: dict[int, dict[str, Result]]) -> str:
    """A row of the table: for each size median ratios of both times, median seconds, most MB."""
    cells = [tool.name]
    for results in by_size.values():
        mine, script = results[tool.name], results[SCRIPT]
        if mine.failure:
            cells.append(mine.failure)
            continue
        pairs = list(zip(mine.runs, script.runs, strict=True))
        clock = statistics.median(each.seconds / other.seconds for each, other in pairs)
        ratio = statistics.median(each.processor / other.processor for each, other in pairs)
        seconds = statistics.median(each.seconds for each in mine.runs)
        peak = max(each.megabytes for each in mine.runs)
        cells.append(f"{clock:.2f}, {ratio:.2f} ({seconds:.2f} s, {peak:.0f} MB)")
    return f"| {' | '.join([*cells, tool.leaves_out])} |"


def main() -> None:
    """Measure what the command line asks for, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--notes", type=int, nargs="+", default=[50, 1000, 10_000])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--peers", type=Path, help="the folder that peers.sh was given")
    parser.add_argument(
        "--most", type=float, help="fail if crss-deck takes more than so many times the script"
    )
    chosen = parser.parse_args()
    compared = tools(chosen.peers.resolve() if chosen.peers else None)
    # As installers do, which have compiled all the others.
    compileall.compile_dir(Path(crss_deck.__file__).parent, quiet=1)
    by_size = {}
    for notes in chosen.notes:
        with tempfile.TemporaryDirectory() as folder:
            rounds = max(1, min(chosen.rounds, 70_000 // notes))
            by_size[notes] = measure(notes, rounds, compared, Path(folder))
            print(f"{notes} notes: {rounds} rounds done", file=sys.stderr)
    print("|", " | ".join(["tool", *(f"{n:,} notes" for n in chosen.notes), "leaves out"]), "|")
    print("|---" * (len(chosen.notes) + 2) + "|")
    for tool in compared:
        print(row(tool, by_size))
    if chosen.most is not None:
        for notes, results in by_size.items():
            ours, script = results[OURS], results[SCRIPT]
            if ours.failure or script.failure:
                raise SystemExit(f"{notes} notes: {ours.failure or script.failure}")
            ratio = min(
                each.processor / other.processor
                for each, other in zip(ours.runs, script.runs, strict=True)
            )
            if ratio > chosen.most:
                raise SystemExit(f"{notes} notes: at best {ratio:.2f} times the script")


if __name__ == "__main__":
    main()
