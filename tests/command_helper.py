"""The command as people run it: a process of its own, in a folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import crss_deck

CLOCK = 1_700_000_000


def environment(**changes: str) -> dict[str, str]:
    """The environment of a process that finds our package and that nothing else decides on."""
    kept = ("PATH", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR", "HOME", "COVERAGE_PROCESS_START")
    variables = {name: os.environ[name] for name in kept if name in os.environ}
    variables["PYTHONPATH"] = str(Path(crss_deck.__file__).parents[1])
    variables["SOURCE_DATE_EPOCH"] = str(CLOCK)
    return {name: value for name, value in (variables | changes).items() if value}


def crss_deck_command(*arguments: str) -> list[str]:
    """The command line of our command."""
    return [sys.executable, "-m", "crss_deck", *arguments]


def run(
    *arguments: str, cwd: Path, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run our command to its end, and take what it says as UTF-8."""
    return subprocess.run(
        crss_deck_command(*arguments),
        cwd=cwd,
        env=environment() if env is None else env,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        text=True,
        encoding="utf-8",
        errors="strict",
        timeout=60,
        check=False,
    )
