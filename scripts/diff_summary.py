"""What a pull request changes for learners, as the summary of its job.

    diff_summary.py BASE HEAD

Both are source folders: the deck before and after. Writes Markdown to the file that
GITHUB_STEP_SUMMARY names, else to stdout. A deck that cannot be built is said to be so and is no
failure here: the check finds what is wrong with it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

TITLE = "## What changes for learners"
LIMIT = 900_000
"""Bytes. GitHub drops a summary of more than 1,048,576."""


def summary(base: Path, head: Path) -> tuple[str, int]:
    """The summary, and the exit code."""
    if not (head / "deck.toml").is_file():
        return "There is no deck here any more.", 0
    if not (base / "deck.toml").is_file():
        return "The deck is new.", 0
    for folder, whose in ((head, "the deck as it would be"), (base, "the deck as it was")):
        if _run("check", str(folder), "--quiet").returncode:
            return f"There is nothing to compare: {whose} has errors.", 0
    done = _run("diff", str(base), str(head), "--format", "markdown")
    # 1: something would not arrive, which the text says.
    if done.returncode not in (0, 1) or (done.returncode and not done.stdout.strip()):
        return f"`crss-deck diff` could not do its work:\n\n```text\n{done.stderr}```", 1
    return _shortened(done.stdout.strip() or "Nothing."), 0


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "crss_deck", *arguments]
    return subprocess.run(command, capture_output=True, encoding="utf-8", check=False)


def _shortened(text: str) -> str:
    encoded = text.encode()
    if len(encoded) <= LIMIT:
        return text
    lines = encoded[:LIMIT].decode(errors="ignore").rpartition("\n")[0]
    return f"{lines}\n\nThe rest is too long to show here."


def main() -> int:
    """Write the summary."""
    if len(sys.argv) != 3:
        print("usage: diff_summary.py BASE HEAD", file=sys.stderr)
        return 2
    text, code = summary(Path(sys.argv[1]), Path(sys.argv[2]))
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if path:
        with Path(path).open("a", encoding="utf-8") as stream:
            stream.write(f"{TITLE}\n\n{text}\n")
    else:
        print(f"{TITLE}\n\n{text}")
    if code:
        print(text, file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
