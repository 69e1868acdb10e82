"""How much of a build goes into judging cards: builds with and without it, in turn.

    python benchmarks/judging.py [--notes 10000] [--repeat 5]

Prints the processor's time of both, and the share that judging takes, as medians. POSIX only.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path

from corpus import MANIFEST, write_corpus
from linear import run


def measure(notes: int, repeat: int, folder: Path) -> None:
    """Build the same notes both ways, as often as told, and print what that took."""
    for name, manifest in (("judged", MANIFEST), ("plain", MANIFEST + "check.quality = false\n")):
        write_corpus(folder / name, notes, max(1, notes // 100))
        (folder / name / "deck.toml").write_text(manifest, encoding="utf-8")
    judged: list[float] = []
    plain: list[float] = []
    for _ in range(repeat):
        for name, times in (("judged", judged), ("plain", plain)):
            output = str(folder / "build")
            times.append(run("build", str(folder / name), "-q", "-o", output).processor)
    shares = [1 - without / with_it for with_it, without in zip(judged, plain, strict=True)]
    print(
        f"{notes:,} notes: {statistics.median(judged):.2f} s judged,"
        f" {statistics.median(plain):.2f} s not; judging takes"
        f" {statistics.median(shares):.1%} of a build ({min(shares):.1%} to {max(shares):.1%})"
    )


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--notes", type=int, default=10_000)
    parser.add_argument("--repeat", type=int, default=5)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure(chosen.notes, chosen.repeat, Path(folder))


if __name__ == "__main__":
    main()
