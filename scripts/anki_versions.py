"""The same upgrade in several versions of Anki, and a table of what comes of it.

    anki_versions.py                  print the table
    anki_versions.py --write          put it into docs/anki-versions.md
    anki_versions.py --tests          and run every test that needs Anki in each version

Each version gets an environment of its own in a folder that is kept, by default among the temporary
files: the first run takes some minutes and needs the network. The upgrade itself is
tests/upgrade_helper.py. Exit code 1: a version could not be installed, or something failed in it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import tomllib
import venv
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "anki-versions.md"
VERSIONS = ("2.1.65", "23.10", "24.11", "25.09")
"""As Anki writes them; pip takes 25.09 for 25.9. The newest comes last, whichever it is."""
NEWEST = "newest"
BEGIN, END = "<!-- made by scripts/anki_versions.py -->\n\n", "\n<!-- end -->\n"


class FailedError(Exception):
    """A step did not work in an environment; the message is what it said."""


class Column(NamedTuple):
    """What comes of the upgrade in one version of Anki."""

    anki: str
    outcomes: dict[str, str]
    """By row of the table."""


def requirements(version: str) -> list[str]:
    """What pip is to install for the tests, with this Anki in the place of a new one."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    rest = [
        each for each in project["optional-dependencies"]["test"] if not each.startswith("anki")
    ]
    return ["anki" if version == NEWEST else f"anki=={version}", *rest]


def environment(folder: Path, version: str) -> Path:
    """Make an environment with this Anki, or bring it up to date; its Python."""
    place = folder / f"anki-{version}"
    python = place / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not python.exists():
        venv.create(place, symlinks=os.name != "nt", with_pip=True)
    run(python, "-m", "pip", "install", "--quiet", "--upgrade", "--disable-pip-version-check",
        "--editable", str(ROOT), *requirements(version))  # fmt: skip
    return python


def run(python: Path, *arguments: str) -> str:
    """Run Python in an environment; what it prints."""
    done = subprocess.run(
        [python, *arguments],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if done.returncode:
        raise FailedError(done.stderr.strip() or done.stdout.strip())
    return done.stdout


def upgraded(python: Path) -> Column:
    """Play the upgrade in an environment."""
    return Column(**json.loads(run(python, "tests/upgrade_helper.py")))


def tested(python: Path) -> bool:
    """Run the tests that need Anki, and let pytest say what it has to say."""
    pytest = (python, "-m", "pytest", "-n", "2", "-m", "anki", "-rs", "-p", "no:cacheprovider")
    return subprocess.run(pytest, cwd=ROOT, check=False).returncode == 0


# ------------------------------------------------------------------ the table


def table(columns: Sequence[Column]) -> str:
    """The table in Markdown; what is otherwise than in the last version is bold."""
    lines = [["Anki", *(column.anki for column in columns)], ["---"] * (len(columns) + 1)]
    for row, usual in columns[-1].outcomes.items():
        found = [column.outcomes[row] for column in columns]
        lines.append([row, *(each if each == usual else f"**{each}**" for each in found)])
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def with_table(page: str, text: str) -> str:
    """The page with another table."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    assert begin and end, "the page has lost the marks around its table"
    return before + begin + text + end + after


def main() -> int:
    """Try every version, and tell what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    folder = Path(tempfile.gettempdir()) / "crss-deck-anki"
    parser.add_argument(
        "--folder", type=Path, default=folder, help="keeps the environments; now %(default)s"
    )
    parser.add_argument("--write", action="store_true", help=f"put the table into {PAGE.name}")
    parser.add_argument("--tests", action="store_true", help="run the tests in each version too")
    arguments = parser.parse_args()
    columns, failed = [], []
    for version in (*VERSIONS, NEWEST):
        print(f"Anki {version}", file=sys.stderr, flush=True)
        try:
            python = environment(arguments.folder, version)
            columns.append(upgraded(python))
        except (FailedError, OSError, subprocess.SubprocessError) as error:
            print(f"{error}\nAnki {version} could not be tried", file=sys.stderr)
            return 1
        if arguments.tests and not tested(python):
            failed.append(version)
    text = table(columns)
    if arguments.write:
        page = with_table(PAGE.read_text(encoding="utf-8"), text)
        PAGE.write_text(page, encoding="utf-8", newline="\n")
    else:
        print(text, end="")
    if failed:
        print(f"tests failed in Anki {', '.join(failed)}", file=sys.stderr)
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
