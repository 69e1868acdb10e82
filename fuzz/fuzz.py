"""Fuzz the parser, `--fix` and the package reader.

    python fuzz/fuzz.py --seconds 3600 --seed 1

Each input must end in a package or in diagnostics within a few seconds, whatever it holds. What
breaks that is written to a folder, smallest first found, to be kept as a case under tests/bad.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import signal
import sys
import tempfile
import time
import traceback
import unicodedata
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from crss_deck import PackageError, SourceFolder, compile_deck, read_apkg
from crss_deck.apkg import package_bytes
from crss_deck.fix import fix_deck
from crss_deck.package import Package
from crss_deck.report import as_json, full, github

LIMIT = 10
"""Seconds of processor time that one input may take, so that a busy machine proves nothing."""
SLOW = 2
"""Seconds after which the slowest input is kept, to be looked at."""
MANIFEST = 'format = 1\nid = "fuzz"\nname = "Fuzz"\nversion = "1.0.0"\n'
PNG = b"\x89PNG\r\n\x1a\n" + bytes(24)

PIECES = [
    "Q:",
    "A:",
    "C:",
    "Hint:",
    "Extra:",
    "Accept:",
    "Source:",
    "**Q:**",
    "Hnit:",
    "Question:",
    "Note:",
    "q:",
    "Q：|{{c1::",
    "{{c2::",
    "{{",
    "}}",
    "}}}}",
    "{{{",
    "::",
    "\\{",
    "\\}",
    "\\:",
    "\\",
    "$",
    "$$",
    "`",
    "``",
    "```",
    "~~~",
    "~",
    "~~",
    "*",
    "**",
    "_",
    "[",
    "]",
    "(",
    ")",
    "![",
    "](",
    "](media/p.png)",
    "](https://x.y)",
    "[[",
    "[^",
    "]:",
    "[x]:",
    "<!--",
    "-->",
    "<!--|id:",
    "a-b",
    "-->",
    "<br>",
    "<u>",
    "</u>",
    "<sub>",
    "</sub>",
    "<b>",
    "<script>",
    "</script>",
    "<div>",
    "<a@b.c>",
    "&amp;",
    "&#123;",
    "&lt;",
    "|",
    "|--|",
    "|---|---|",
    "-",
    "1.",
    "2.",
    ">",
    "#",
    "---",
    "===",
    "\\(x\\)",
    "\\[x\\]",
    "[sound:a.mp3]",
    "[latex]",
    "[anki:tts]",
    "[[type:x]]",
    "[",
    "]",
    "[x]",
    "[!NOTE]",
    "a",
    "b",
    "word",
    "日本",
    "é",
    "é",
    "̸",
    "\u202e",
    "\u200b",
    "😀",
    "\ufeff",
    "std::vector",
    "}",
    "{",
    ":",
    ";",
    "\\frac{a}{b}",
    "%",
    "^",
    "&",
    "<",
    ">",
    '"',
    "'",
    "=",
    "+",
    "!",
    "@",
    "\x00",
    "\x1f",
    "\x85",
    "\u2028",
    "0",
    "7",
    "12",
    "499",
    "500",
    " ",
    "  ",
    "    ",
    "\t",
    "\n",
    "\n",
    "\n\n",
    "\n\n",
    "\r\n",
    "\r",
]
HEADS = (
    "",
    "",
    "---\ntags: [a]\n---\n",
    "---\nsource: x\n---\n",
    "---\n",
    "\ufeff---\ntags: a\n---\n",
)
NOTES = (
    "Q: one\n\nA: two\n<!-- id: a -->\n\n",
    "Text {{c1::one}} and {{c2::two::hint}}.\n<!-- id: b -->\n\n",
    "C: several\n\n- {{c1::a}}\n- {{c2::b}}\n\n```python\nx = {}\n```\n<!-- id: c -->\n\n",
    "| a | b |\n|---|---|\n| {{c1::x}} | `y\\|z` |\n\n",
    "Q: $x^2$ and $$y$$\nA: ![p](media/p.png) [l](https://x.y)\nExtra: > no\n\n",
    "# Head\n\nprose\n\n> quote {{c1::q}}\n\n",
)


class TooSlowError(BaseException):
    """An input took longer than it may; no `except Exception` shall hide it."""


def text(rng: random.Random) -> str:
    """A random notes file: loose pieces, whole notes, and notes with pieces put in."""
    parts = [rng.choice(HEADS)]
    for _ in range(rng.choice((1, 3, 10, 40, 150))):
        parts.append(rng.choice(NOTES) if rng.random() < 0.15 else rng.choice(PIECES))
        if rng.random() < 0.3:
            parts.append(rng.choice((" ", "\n", "x")))
    whole = "".join(parts)
    if rng.random() < 0.1:
        whole = whole * rng.choice((5, 50))
    if rng.random() < 0.2 and whole:
        at = rng.randrange(len(whole))
        whole = whole[:at] + whole[at + rng.randrange(20) :]
    return whole


def folder_of(notes: str, manifest: str = MANIFEST) -> SourceFolder:
    """A deck of one notes file."""
    content = notes.encode("utf-8", "surrogatepass")
    return SourceFolder.of({"deck.toml": manifest, "n.md": content, "media/p.png": PNG})


def try_parser(notes: str) -> None:
    """Compile; every finding has a place that exists, in every format; the build is stable."""
    result = compile_deck(folder_of(notes), clock=10**9)
    for diagnostic in result.diagnostics:
        span = diagnostic.span
        if span is not None:
            assert 0 <= span.start <= span.end <= len(span.source.text), diagnostic
        full(diagnostic, color=True), github(diagnostic)
    as_json(result.diagnostics)
    assert bool(result.errors) == (result.package is None)
    if result.package is not None:
        check_package(result.package)


def check_package(package: Package) -> None:
    """No field holds what Anki would misread, and the package reads back as it was."""
    for note in package.notes:
        for name, value in zip((f.name for f in note.note_type.fields), note.fields, strict=True):
            assert "\x1f" not in value
            assert unicodedata.is_normalized("NFC", value), value
            if name != "Text":
                assert "{{c" not in value, value
    content = package_bytes(package)
    assert content == package_bytes(package)
    with tempfile.NamedTemporaryFile(suffix=".apkg") as file:
        file.write(content)
        file.flush()
        assert sorted(read_apkg(file.name).notes) == sorted(package.notes)


def try_fix(notes: str) -> None:
    """Fix, then check: nothing fixable is left, and fixing again changes nothing."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        (root / "media").mkdir()
        (root / "media/p.png").write_bytes(PNG)
        (root / "deck.toml").write_text(MANIFEST)
        (root / "n.md").write_bytes(notes.encode("utf-8", "surrogatepass"))
        before = compile_deck(folder_of(notes), clock=10**9)
        fix_deck(root, clock=10**9)
        after = (root / "n.md").read_bytes()
        again = fix_deck(root, clock=10**9)
        for _ in range(3):  # mending a label can free an id, and an id nothing more
            if not again.changes:
                break
            after = (root / "n.md").read_bytes()
            again = fix_deck(root, clock=10**9)
        assert not again.changes
        assert (root / "n.md").read_bytes() == after
        if before.package is not None and again.compilation.package is not None:
            assert shown(before.package) == shown(again.compilation.package)


def shown(package: Package) -> list[object]:
    """What a learner sees of the notes: everything but their names."""
    return [
        (
            note.note_type.id,
            [v for f, v in zip(note.note_type.fields, note.fields, strict=True) if f.name != "Key"],
            note.tags,
            note.cards,
        )
        for note in package.notes
    ]


def try_reader(content: bytes) -> None:
    """Read a damaged package: a package, or an error that says why."""
    with tempfile.NamedTemporaryFile(suffix=".apkg") as file:
        file.write(content)
        file.flush()
        with contextlib.suppress(PackageError):
            read_apkg(file.name)


def damaged(rng: random.Random, content: bytes) -> bytes:
    """A package with some bytes changed, cut or doubled."""
    data = bytearray(content)
    for _ in range(rng.choice((1, 2, 8, 64))):
        at = rng.randrange(len(data))
        kind = rng.random()
        if kind < 0.7:
            data[at] = rng.randrange(256)
        elif kind < 0.8:
            del data[at : at + rng.randrange(1, 2000)]
        elif kind < 0.9:
            data[at:at] = data[at : at + rng.randrange(1, 2000)]
        else:
            data[at : at + 4] = rng.choice((b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff"))
        if not data:
            return b""
    return bytes(data)


def main() -> int:
    """Run until the time is over; the exit code tells whether anything was found."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--finds", type=Path, default=Path("fuzz-finds"))
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    package = compile_deck(folder_of("".join(NOTES[:3])), clock=10**9).package
    assert package is not None
    good = package_bytes(package)

    def too_slow(_signal: int, _frame: object) -> None:
        raise TooSlowError

    signal.signal(signal.SIGVTALRM, too_slow)
    counts: Counter[str] = Counter()
    finds: dict[str, int] = {}
    slowest = 0.0
    end = time.monotonic() + arguments.seconds
    while time.monotonic() < end:
        target = rng.choices(("parser", "fix", "reader"), (6, 2, 2))[0]
        notes, content = text(rng), b""
        attempt: Callable[[], None]
        if target == "reader":
            content = damaged(rng, good)
            attempt = lambda: try_reader(content)  # noqa: E731, B023
        else:
            content = notes.encode("utf-8", "surrogatepass")
            check = try_parser if target == "parser" else try_fix
            attempt = lambda: check(notes)  # noqa: E731, B023
        counts[target] += 1
        begin = time.process_time()
        signal.setitimer(signal.ITIMER_VIRTUAL, LIMIT)
        try:
            attempt()
        except (Exception, TooSlowError) as error:
            frame = traceback.extract_tb(error.__traceback__)[-1]
            name = f"{target}-{type(error).__name__}-{Path(frame.filename).stem}-{frame.lineno}"
            if name not in finds or len(content) < finds[name]:
                finds[name] = len(content)
                arguments.finds.mkdir(exist_ok=True)
                (arguments.finds / f"{name}.bin").write_bytes(content)
                (arguments.finds / f"{name}.txt").write_text(
                    "".join(traceback.format_exception(error)), encoding="utf-8"
                )
                print(f"found {name}: {len(content)} bytes", flush=True)
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        took = time.process_time() - begin
        if took > slowest and took > SLOW:
            arguments.finds.mkdir(exist_ok=True)
            (arguments.finds / "slowest.bin").write_bytes(content)
        slowest = max(slowest, took)
    listed = ", ".join(f"{target} {count}" for target, count in sorted(counts.items()))
    print(f"seed {arguments.seed}, {arguments.seconds:.0f} s: {listed}; slowest {slowest:.2f} s")
    print(f"{len(finds)} finds")
    return bool(finds)


if __name__ == "__main__":
    sys.exit(main())
