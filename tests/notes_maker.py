"""Notes files for the property tests: well-formed ones, and text made of the language's own marks.

Every choice is read off a tape of bytes, which Hypothesis draws and shrinks much faster than it
draws nested strategies; an empty tape makes the simplest file. `§` stands for a word, and each
gets a word that no other place has, so that one that is lost can be told from all others.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Sequence
from typing import TypeVar

from hypothesis import strategies as st

T = TypeVar("T")

WORD = re.compile(r"w[a-j]+w")
_DIGITS = str.maketrans("0123456789", "abcdefghij")

# fmt: off
TEXTS = (
    "§", "§ §", "Ä§", "漢字§", "e\u0301§", "§\u00a0§", "👩‍🏫 §", "שלום §", "§: §", "§; §", "¡§!",
    "{§}", r"\*§\*", r"\{{c9::§\}}", r"§\::§", r"\[§]", r"\$5 and \$6", r"\\§", r"\<b>§", r"\(§)",
    "&amp;§", "&lt;b&gt;§", "&#123;&#123;c9::§&#125;&#125;", "&copy; §", "$5 and $6 §", "§_§",
    "2 * §", "[§]", r"\[sound:§.mp3]", r"\[latex]§", "§ &#58;&#58; §", r"§\{", r"§\:", "§…",
    r"\\(§)",
)
CODE = (
    "`§`", "``§ ` §``", "`{{c9::§}}`", "`§::§`", "`$§$`", "`[sound:§.mp3]`", r"`\(§\)`",
    "`<b>§</b>`", "`}}§{{`", "`&amp;§`", "`{§`", "`§}`", "`:§:`", "`[latex]§[/latex]`", "`§\\`",
    "`[[type:§]]`",
)
MATH = (
    "$§$", r"$\frac{§}{\sqrt{§}}$", "$a::§$", r"$\{§\}$", "$§ < x > y$", "$$§$$", "$[latex] + §$",
    r"$\text{\(§\)}$", "$x_{{§}}$", "$§ & y$", "$:§:$",
)
LINKS = (
    "[§](https://example.org/§)", '[§](https://example.org "§")',
    "<https://example.org/§?a=1&b=2>", "[§](mailto:§@example.org)", "![§](media/peer.png)",
    '![§ `§`](media/peer.png "§ &#58;&#58; §")', "[§](<https://example.org/§>)",
    '[**§**](https://example.org "{{§}}")', "![}} §](media/peer.png)", "![§](media/hello.mp3)",
    "[§][reference]", "https://example.org/§", r"![\{{c9::§\}}](media/peer.png)",
)
HTML = (
    "H<sub>§</sub>O", "<kbd>§</kbd>", "<ruby>§<rp>(</rp><rt>§</rt><rp>)</rp></ruby>", "§<br>§",
    "<u>§</u>", "<MARK>§</MARK>", "<small>§ <sup>§</sup></small>", "§<br/>§", "§ <!-- gone --> §",
)
ATOMS = (*TEXTS, *CODE, *MATH, *LINKS, *HTML)
WRAPS = ("*{}*", "**{}**", "~~{}~~", "<mark>{}</mark>", "_{}_", "({})")
LITERALS = (
    "```python\ndef §():\n    return {'{{c9::§}}': 1}\n```",
    "```\n§ [sound:§.mp3] \\(§\\)\n\n<b>§</b> :: [latex]\n```",
    "~~~json\n{{§}} &amp; `§` ``` $§$\n~~~",
    "```html\n<script>§</script>\n<!-- § -->\n```",
    "$$\n\\frac{§}{\\sqrt{§}} & §\n$$",
    "$$ § :: {{§}} $$",
    "```python §\n§\n```",
)

MARKS = (
    "Q: ", "A: ", "C: ", "Hint: ", "Extra: ", "Accept: ", "Source: ", "Note: ", "Hnt: ",
    "**Q:** ", "q: ", "Q：", "Q :", "\n", "\n", "\n\n", "\n\n", "\n\n\n", "  \n", "\\\n", "    ",
    "\t", " ", " ", "{{c1::", "{{c2::", "{{c13::", "{{c0::", "{{c500::", "{{", "}}", "}}", "}}",
    "}", "{", "::", ":", "{{C1::", "{{1::", "`", "``", "```\n", "\n```\n", "```python\n", "~~~\n",
    "\n~~~\n", "$", "$$", "\n$$\n", "*", "**", "_", "~", "~~", "[", "](", "](https://e.org)",
    "](media/peer.png)", "](media/hello.mp3)", "![", "]", ")", "(", "<", ">", "<https://e.org>",
    "<!--", "-->", "<!-- id: ", "\n<!-- id: §", "; ", "reversed", "type-in", "tags: ", "was: ",
    "claims: ", "allow: ", "<br>", "<sub>", "</sub>", "<ruby>", "</ruby>", "<rt>", "</rt>",
    "<div>\n", "</div>", "<script>", "|", " | ", "\n| --- | --- |\n", "\n|---|\n", "\\|", "---\n",
    "\n---\n", "\n===\n", "***\n", "- ", "\n- ", "1. ", "\n2. ", "> ", "\n> ", "# ", "\n## ",
    "\\", "\\(", "\\)", "\\[", "\\]", "\\frac{1}{2}", "&amp;", "&#123;", "&", "[^1]", "[^1]: ",
    "[§]: https://e.org\n", "[x]", "[x]: ", "[[", "]]", "[sound:", "[latex]", "[anki:", ".mp3]",
    "[[type:", "§", "§", "§", "§", "§", "x", "é", "e\u0301", "漢", "👩‍🏫", "\u202e", "\u200b",
    "\u00a0", "\u2028", "\x0b", "\x0c", "\x1c", "\x1f", "\x85", "\x00", "\ufeff", "\u3000", "%",
    "=", "+", "'", '"', "- [ ] ", "> [!NOTE]\n", "title: x\n", "deck: ", "source: ", "!", "#",
    "http://", "\u0301", "ß", "İ",
)
"""Pieces of text that mean something to the language, to Markdown, to Anki or to a terminal."""
TAME = tuple(
    mark for mark in MARKS
    if not re.search(r"[\x00-\x1f\x7f-\x9f$`]|::|c13|c0|c500|<[a-z!/]|\[\^|latex|\]:", mark)
)
"""Marks that may stand in a line and are seldom errors by themselves."""
# fmt: on


def with_words(text: str) -> str:
    """Put a word that no other place has where each `§` is."""
    numbers = itertools.count()
    return re.sub("§", lambda _: f"w{str(next(numbers)).translate(_DIGITS)}w", text)


class Maker:
    """Makes pieces of notes files by the choices on a tape."""

    def __init__(self, tape: bytes) -> None:
        self._tape = iter(tape)

    def number(self, below: int) -> int:
        """A number from 0; the tape's end says 0."""
        return next(self._tape, 0) % below

    def pick(self, choices: Sequence[T]) -> T:
        """One of up to 256 choices; the first is the simplest."""
        return choices[self.number(len(choices))]

    def some(self, make: Callable[[], str], most: int, joint: str) -> str:
        """One or more of a piece."""
        return joint.join(make() for _ in range(1 + self.number(most)))

    # -- lines

    def atom(self) -> str:
        """Text, code, math, a link or HTML, perhaps in emphasis."""
        atom = self.pick(self.pick((TEXTS, ATOMS)))
        return self.pick(("{}", "{}", "{}", *WRAPS)).format(atom)

    def words(self) -> str:
        """A line of text with all inline elements, and no cloze."""
        return self.some(self.atom, 3, " ")

    def cloze(self, level: int = 0) -> str:
        """A cloze with a number of its level, so that none stands in another of its own number."""
        number = self.pick((1, 2, 3, 450)) + (0, 3, 6)[level]
        inside = self.cloze(level + 1) if level < 2 and self.number(3) == 2 else self.words()
        if self.number(4) == 3:
            inside += " " + self.words()
        return f"{{{{c{number}::{inside}{self.pick(('', '', ' ', '::§', ':: § **§**'))}}}}}"

    def clozed(self) -> str:
        """A line of text with clozes, nested ones too."""
        line = f"{self.words()} {self.cloze()}"
        return f"{line} {self.words()} {self.cloze()}" if self.number(3) == 2 else line

    # -- blocks

    def paragraph(self, line: Callable[[], str]) -> str:
        """Up to three lines with soft or hard breaks."""
        return self.some(line, 3, self.pick(("\n", "  \n", "\\\n")))

    def inner(self, line: Callable[[], str]) -> str:
        """A block that fits anywhere."""
        return self.pick(LITERALS) if self.number(4) == 3 else self.paragraph(line)

    def table(self, line: Callable[[], str]) -> str:
        """A table whose rows may lack cells, and seldom have too many."""
        width = 1 + self.number(3)
        rows = [
            [
                line().replace("|", r"\|")
                for _ in range(1 + self.number(width) + self.number(20) // 19)
            ]
            for _ in range(self.number(3))
        ]
        head = [self.words().replace("|", r"\|") for _ in range(width)]
        rows[:0] = [head, [self.pick(("---", ":-:", "--:"))] * width]
        return "\n".join(f"| {' | '.join(row)} |" for row in rows)

    def item(self, line: Callable[[], str]) -> str:
        """What a list item holds."""
        item = self.paragraph(line)
        return f"{item}\n\n{self.inner(line)}" if self.number(3) == 2 else item

    def block(self, line: Callable[[], str]) -> str:
        """A paragraph, list, quote, table, fence or formula with such lines."""
        kind = self.number(8)
        if kind == 1:
            return self.table(line)
        if kind == 2:
            return self.some(lambda: _indented(self.item(line), "- ", "  "), 3, "\n")
        if kind == 3:
            numbers = itertools.count(self.pick((1, 7)))
            return self.some(
                lambda: _indented(self.item(line), f"{next(numbers)}. ", "   "), 3, "\n"
            )
        if kind == 4:
            return _indented(self.item(line), "> ", "> ")
        if kind == 5:
            return _indented(_indented(self.item(line), "- ", "  "), "- §\n  ", "  ")
        if kind == 6:
            return _indented(self.table(line), "> ", "> ")
        return self.inner(line) if kind == 7 else self.paragraph(line)

    # -- notes

    def field(self, label: str) -> str:
        """A field on its label's line, or below it."""
        if self.number(3) < 2:
            return f"{label}: {self.paragraph(self.words)}"
        joint = self.pick(("\n\n", "\n\n", " §\n\n"))
        return f"{label}:{joint}{self.some(lambda: self.block(self.words), 2, chr(10) * 2)}"

    def back(self) -> list[str]:
        """Some of the fields that every note may have, in any order."""
        labels = ["Hint", "Extra", "Accept", "Source"]
        chosen = [labels.pop(self.number(len(labels))) for _ in range(self.number(4))]
        return [self.field(label) for label in chosen]

    def metadata(self, *flags: str) -> str:
        """A metadata comment."""
        entries = (
            "",
            "; tags: §",
            "; tags: §::§ §.§",
            "\nclaims: X-1",
            "; allow: anki-syntax (why)",
        )
        return f"<!-- id: §{self.pick(('', *flags))}{self.pick(entries)} -->"

    def basic(self) -> list[str]:
        """The parts of a basic note."""
        typed = "; type-in: § [§] {{§}} ::"
        back = [*self.back(), self.metadata("; reversed", typed)]
        return [self.field("Q"), self.field("A"), *back]

    def cloze_note(self) -> list[str]:
        """The parts of a cloze note, bare or opened by `C:`."""
        if self.number(2):
            text = f"C: {self.clozed()}"
            if self.number(2):
                text += "\n\n" + self.block(self.pick((self.clozed, self.words)))
        else:
            text = self.paragraph(self.clozed) if self.number(2) else self.table(self.clozed)
            if "{{c1::" not in text:
                text = self.clozed()
        return [text, *self.back(), self.metadata("; type-in")]

    def file(self, *notes: Callable[[], list[str]]) -> str:
        """A notes file: front matter, then notes with headings, prose and comments between."""
        front_matter = (
            "",
            "",
            "---\ntags: [§, §::§]\n---\n",
            '---\nsource: "§: {{§}} ::"\ndeck: P::§\n---\n',
        )
        parts = []
        for _ in range(1 + self.number(3)):
            parts.append(self.pick(("", "", "# Heading §", "Prose.", "***", "<!-- comment -->")))
            parts += self.pick(notes)()
        text = "\n\n".join(part for part in parts if part)
        if "[reference]" in text:
            text += "\n\n[reference]: https://example.org/§"
        return self.pick(front_matter) + text + "\n"

    # -- marks

    def marks(self, marks: Sequence[str], most: int) -> str:
        """A text of nothing but marks."""
        return "".join(self.pick(marks) for _ in range(self.number(most)))

    def wild_file(self) -> str:
        """Marks alone, a small file around marks, or a well-formed file with marks thrown in."""
        kind = self.number(3)
        if kind == 0:
            return self.marks(MARKS, 40)
        if kind == 1:
            return (
                f"Q: x{self.marks(TAME, 10)}\n\nA: y {self.marks(TAME, 10)}\n<!-- id: a -->\n\n"
                f"{{{{c1::z}}}} {self.marks(TAME, 10)}\n<!-- id: b -->\n"
            )
        marks, at = self.marks(MARKS, 6), self.number(256) * 256 + self.number(256)
        text = self.file(self.basic, self.cloze_note)
        at %= len(text) + 1
        return text[:at] + marks + text[at:]


def _indented(text: str, first: str, others: str) -> str:
    head, *rest = text.split("\n")
    return "\n".join([first + head, *((others + line).rstrip(" ") for line in rest)])


_tapes = st.binary(min_size=300, max_size=300)

files = _tapes.map(lambda tape: (maker := Maker(tape)).file(maker.basic, maker.cloze_note)).map(
    with_words
)
"""Notes files that are right, but for what happens to collide in them."""
cloze_files = _tapes.map(lambda tape: (maker := Maker(tape)).file(maker.cloze_note)).map(with_words)
"""The same, with cloze notes only."""
wild_files = _tapes.map(lambda tape: Maker(tape).wild_file()).map(with_words)
"""Text that looks like notes, right or wrong."""
