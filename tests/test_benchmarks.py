"""The benchmarks still work: with few notes, and without a look at the clock."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from command_helper import environment

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the benchmarks are for POSIX")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("run.py --notes 9 --rounds 1", r"\| \*\*crss-deck\*\* \| [0-9.]+, [0-9.]+ \("),
        ("run.py --notes 9 --rounds 1", r"\| 30 lines, markdown-it-py \| 1\.00, 1\.00 \("),
        ("linear.py --notes 50 100 --repeat 1", "build(: too few| grows with the power)"),
        ("judging.py --notes 9 --repeat 1", "9 notes: .* judging takes"),
        ("watch.py --notes 200 --saves 1", "200 notes in 2 files: .* after [0-9]+ ms"),
    ],
)
def test_a_benchmark_measures(line: str, says: str, tmp_path: Path) -> None:
    """It comes to its end, all notes are there, and what it found is told."""
    script, *arguments = line.split()
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / script), *arguments],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert re.search(says, done.stdout), done.stdout
