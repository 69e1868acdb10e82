"""How long after a save the page of `crss-deck preview --watch` has the new text.

    python benchmarks/watch.py [--notes 1000] [--saves 15]

Follows the page as a browser does, changes one note again and again, and prints the median from the
end of the save to the last byte of the news: with the notes in files of a hundred, and in one file.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from corpus import write_corpus

import crss_deck


def follow(source: Path, saves: int) -> list[float]:
    """Start the command, save so often, and stop it; the seconds that each save took."""
    environment = {**os.environ, "PYTHONPATH": str(Path(crss_deck.__file__).parents[1])}
    command = [sys.executable, "-u", "-m", "crss_deck", "preview", str(source), "--watch", "-q"]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                if address := re.search(r"http://[^\s/]+/", line):
                    return [*measure(source, address[0], saves)]
            raise SystemExit("the command has told no address")
        finally:
            process.terminate()


def measure(source: Path, address: str, saves: int) -> list[float]:
    """Change a note in the middle of the deck, and wait for it."""
    files = sorted(source.glob("*.md"))
    path = files[len(files) // 2]
    text = path.read_text("utf-8")
    middle = text.index("\n\nQ: ", len(text) // 2) + len("\n\nQ: ")
    with urllib.request.urlopen(f"{address}events") as stream:
        took = []
        for number in range(-1, saves):
            if number >= 0:
                time.sleep(0.3)
                path.write_text(f"{text[:middle]}save{number} {text[middle:]}", "utf-8")
            saved = time.perf_counter()
            wanted = f"save{number} ".encode() if number >= 0 else b"data: "
            while wanted not in stream.readline():
                pass
            took.append(time.perf_counter() - saved)
    return took[1:]


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--notes", type=int, default=1000)
    parser.add_argument("--saves", type=int, default=15)
    chosen = parser.parse_args()
    for files in (max(1, chosen.notes // 100), 1):
        with tempfile.TemporaryDirectory() as folder:
            write_corpus(Path(folder), chosen.notes, files)
            took = follow(Path(folder), chosen.saves)
        print(
            f"{chosen.notes:,} notes in {files} file{'s' * (files > 1)}: a save is on the page"
            f" after {1000 * statistics.median(took):.0f} ms"
            f" ({1000 * min(took):.0f} to {1000 * max(took):.0f})"
        )


if __name__ == "__main__":
    main()
