"""A made-up deck of any size, the same on every machine: what the benchmarks compile.

    python benchmarks/corpus.py FOLDER --notes 1000 [--files 10] [--seed 1]

Of ten notes six are basic and four are cloze notes. A note has about 62 words; some have lists,
tables, formulas, code, links and further fields, as notes do that people write.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from random import Random

MANIFEST = """\
format = 1
id = "benchmark"
name = "Benchmark"
version = "1.0.0"
tag_root = "Benchmark"
"""

# fmt: off
SYLLABLES = (
    "ba", "ce", "di", "fo", "gu", "ka", "le", "mi", "na", "pu", "ra", "se", "ti", "vo", "xu", "za",
    "per", "con", "tra", "sub", "men", "tal", "ver", "lin",
)
# fmt: on


class Author:
    """Writes notes by the numbers that a seed gives."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        words = [
            "".join(self._random.choices(SYLLABLES, k=self._random.randint(1, 4)))
            for _ in range(4000)
        ]
        self._vocabulary = [word for word in words if word != "no"]  # an answer `No, …` is an error

    def words(self, count: int) -> str:
        """Some words, here and there one in emphasis or code."""
        words = self._random.choices(self._vocabulary, k=count)
        if count > 4:
            place = self._random.randrange(count)
            words[place] = self._random.choice(("*{}*", "**{}**", "`{}`", "{},")).format(
                words[place]
            )
        return " ".join(words)

    def sentence(self, count: int) -> str:
        """Some words that begin with a capital letter and end with a full stop."""
        text = self.words(count)
        return f"{text[0].upper()}{text[1:].rstrip(',')}."

    def block(self, count: int) -> str:
        """A paragraph of about as many words, or a list, table, formula or code among them."""
        kind = self._random.randrange(10)
        if kind == 0:
            items = (f"- {self.sentence(count // 4)}" for _ in range(4))
            return "\n".join(items)
        if kind == 1:
            items = (f"{n}. {self.sentence(count // 3)}" for n in range(1, 4))
            return "\n".join(items)
        if kind == 2:
            rows = (f"| {self.words(2)} | {self.words(count // 4)} |" for _ in range(3))
            return "\n".join((f"| {self.words(1)} | {self.words(2)} |", "| --- | :-: |", *rows))
        if kind == 3:
            a, b = self._random.randint(1, 99), self._random.randint(1, 99)
            return (
                f"{self.sentence(count // 2)} So $\\frac{{{a}}}{{\\sqrt{{x}}}} = {b}$.\n\n"
                f"$$\n\\sum_{{i={a}}}^{{{b}}} x_i^2\n$$"
            )
        if kind == 4:
            name = self._random.choice(self._vocabulary)
            return (
                f"{self.sentence(count // 2)}\n\n```python\ndef {name}(x):\n"
                f'    """{self.words(4)}"""\n    return [x * {count} for _ in range(3)]\n```'
            )
        if kind == 5:
            return f"> {self.sentence(count // 2)}\n>\n> {self.sentence(count // 2)}"
        link = f"[{self.words(2)}](https://example.org/{self._random.randrange(10**6)})"
        return f"{self.sentence(count // 2)}\n{self.sentence(count // 2)} See {link}."

    def basic(self, key: str) -> str:
        """A basic note."""
        parts = [f"Q: {self.words(10).capitalize()} {key}?"]
        block = self.block(30)
        parts.append(f"A: {block}" if block[0].isalpha() else f"A:\n\n{block}")
        if self._random.randrange(2):
            parts.append(f"Extra: {self.sentence(22)}")
        else:
            parts += [f"Hint: {self.sentence(6)}", f"Source: {self.words(8)}"]
        return "\n\n".join((*parts, self.metadata(key)))

    def cloze(self, key: str) -> str:
        """A cloze note, bare or of several blocks."""
        clozes = (
            f"{self.words(8)} {{{{c1::{self.words(3)}}}}} {self.words(8)}"
            f" {{{{c2::{self.words(2)}::{self.words(1)}}}}} {self.words(8)} {key}."
        )
        if self._random.randrange(3):
            return "\n\n".join((clozes, f"Extra: {self.sentence(32)}", self.metadata(key)))
        return "\n\n".join((f"C: {clozes}", self.block(30), self.metadata(key)))

    def metadata(self, key: str) -> str:
        """The comment that ends a note."""
        tags = self._random.choices(("recall", "apply", "level::one", "level::two"), k=1)
        return f"<!-- id: {key}; tags: {tags[0]} -->"

    def file(self, first: int, behind: int) -> str:
        """A notes file with the notes of these numbers."""
        parts = []
        for number in range(first, behind):
            if (number - first) % 12 == 0:
                parts.append(f"# {self.sentence(4)}")
            key = f"note-{number}"
            parts.append(self.basic(key) if number % 10 < 6 else self.cloze(key))
        return "\n\n".join(parts) + "\n"


def write_corpus(folder: Path, notes: int, files: int, seed: int = 1) -> int:
    """Write a deck with so many notes in so many files; give back how many bytes of notes."""
    author, size = Author(seed), 0
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "deck.toml").write_text(MANIFEST, encoding="utf-8")
    for number in range(files):
        first, behind = notes * number // files, notes * (number + 1) // files
        content = author.file(first, behind).encode()
        (folder / f"{number:04}.md").write_bytes(content)
        size += len(content)
    return size


def main() -> None:
    """Write a deck to the folder that the command line names."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--notes", type=int, default=1000)
    parser.add_argument("--files", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    size = write_corpus(chosen.folder, chosen.notes, chosen.files, chosen.seed)
    print(f"{chosen.notes} notes, {size:,} bytes, in {chosen.folder}")


if __name__ == "__main__":
    main()
