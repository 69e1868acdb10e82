"""Print a hash of every run of seven words of a text, so that copying can be found without it.

    python scripts/run_hashes.py TEXT > HASHES

Case, punctuation and line ends do not count: "It's late." and "its late" are the same two words.
The hashes are sorted, so that they do not tell the order of the text; each is the beginning of a
SHA-256, long enough that two different runs are never taken for one. They are not salted: a salt
would have to stand beside them for anybody to compare another text, and so would hide nothing.
Nor are they a secret. Whoever knows six words in a row can try all others for the seventh. What
they are for is that a source whose terms are unknown need not be passed on to be compared with.
"""

from __future__ import annotations

import re
import sys
from hashlib import sha256
from pathlib import Path
from unicodedata import normalize

RUN = 7
DIGITS = 12
"""Hexadecimal; a false alarm in a book of 100,000 words, against another one: one in 28,000."""

_APOSTROPHE = re.compile("['’ʼ]")
_WORD = re.compile(r"[^\W_]+")


def words_of(text: str) -> list[str]:
    """The words of a text in order, as they are compared."""
    return _WORD.findall(_APOSTROPHE.sub("", normalize("NFKC", text).casefold()))


def run_hashes(text: str) -> dict[str, str]:
    """Every run of seven words of a text, by its hash."""
    words = words_of(text)
    runs = (" ".join(words[start : start + RUN]) for start in range(len(words) - RUN + 1))
    return {sha256(run.encode()).hexdigest()[:DIGITS]: run for run in runs}


def main() -> int:
    """Print the hashes of the text that the command line names; 2 if it cannot be read."""
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        text = Path(sys.argv[1]).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        print(f"error: {sys.argv[1]}: {error}", file=sys.stderr)
        return 2
    hashes = sorted(run_hashes(text))
    print(f"# {len(hashes)} runs of {RUN} words, made by scripts/run_hashes.py")
    print("\n".join(hashes))
    return 0


if __name__ == "__main__":
    sys.exit(main())
