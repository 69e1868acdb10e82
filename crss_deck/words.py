"""A field's HTML as text that people read, and two such texts compared word by word."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from difflib import SequenceMatcher
from html import unescape
from html.parser import HTMLParser
from typing import NamedTuple

MAX_HTML = 10_000
"""A longer field is shown as it is stored: html.parser takes quadratic time for hostile ones."""
_BLOCK = re.compile("blockquote|br|d[dlt]|div|h[1-6r]|li|[ou]l|p|pre|summary|table|t[dhr]")
"""Elements whose edges part words."""


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._preformatted = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._preformatted += tag == "pre"
        if _BLOCK.fullmatch(tag):
            self.parts.append(" ")
        values = dict(attrs)
        if tag == "img":
            words = [text for name in ("src", "alt", "title") if (text := values.get(name))]
            self.parts.append(f"[image {': '.join(words)}]")
        elif tag == "a" and values.get("href"):
            self.parts.append(f"[link {values['href']}] ")

    def handle_endtag(self, tag: str) -> None:
        self._preformatted -= tag == "pre" and self._preformatted > 0
        if _BLOCK.fullmatch(tag):
            self.parts.append(" ")

    def handle_data(self, data: str) -> None:
        code = self._preformatted > 0
        self.parts.append(data.replace("\n", "⏎").replace(" ", "\u00a0") if code else data)

    def parse_html_declaration(self, i: int) -> int:
        """As browsers do; the inherited one fails an assertion for `<![`."""
        return self.parse_bogus_comment(i)


def markdown_text(text: str) -> str:
    """Text as inline Markdown that shows it."""
    return re.sub(r"[\\`*_{}\[\]<>#~|&$]", r"\\\g<0>", text)


REFERENCE = re.compile(
    r"""(?:src|data)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))|\[sound:([^\]]*)\]"""
)
"""Where a field names a file: the address of an element, or Anki's mark for a sound."""


def shown_files(fields: Iterable[str]) -> set[str]:
    """The names of the files that fields show or play."""
    return {unescape("".join(groups)) for html in fields for groups in REFERENCE.findall(html)}


def readable(html: str) -> str:
    """The text of a field on one line, with images, links and the line ends of code shown."""
    text = html
    if len(html) <= MAX_HTML:
        reader = _Reader()
        reader.feed(html)
        reader.close()
        text = "".join(reader.parts)
    return re.sub(r"[ \t\r\n]+", " ", text).strip(" ")


_CLOZE = re.compile(
    r"\{\{c([0-9]{1,9})::((?:(?!\{\{c[0-9]{1,9}::|\}\}).)*)\}\}", re.DOTALL
)  # the innermost
MAX_NESTING = 16
"""Clozes around so many others are text: Anki itself stops sooner."""


def without_clozes(html: str, show: Callable[[int, str, str], str]) -> str:
    """A field with each cloze replaced by what `show` makes of its number, answer and hint."""

    def replacement(cloze: re.Match[str]) -> str:
        answer, _, hint = cloze[2].partition("::")
        return show(int(cloze[1]), answer, hint)

    count = 1
    for _ in range(MAX_NESTING):
        if count:
            html, count = _CLOZE.subn(replacement, html)
    return html


class Segment(NamedTuple):
    """A stretch of a word-level difference; it begins with a blank if one precedes it."""

    mark: str
    """`=` for what both have, `-` for what only the old has, `+` for what only the new has."""
    text: str


_TOKEN = re.compile(
    r" *(?:\{\{c[0-9]+::|\}\}|⏎\u00a0*|[\u3040-\u9fff\uf900-\ufaff]"
    r"|[^\s!-&(-/:-@[-^`{-\u00bf\u2010-\u2018\u201a-\u206f⏎\u3000-\u9fff\uf900-\uffef]+|.)",
    re.DOTALL,
)
"""Blanks, then a mark of a cloze, the beginning of a line of code, an ideograph, a word, or else
one character."""
MAX_COMPARISONS = 250_000
"""Texts with more pairs of words are compared as wholes: nobody reads such a difference."""


def _shared(old: list[str], new: list[str]) -> int:
    """How many words both begin with."""
    pairs = enumerate(zip(old, new, strict=False))
    return next((n for n, (a, b) in pairs if a != b), min(len(old), len(new)))


def word_difference(old: str, new: str) -> list[Segment]:
    """What of two texts is the same and what is not; blanks alone do not count."""
    before, after = _TOKEN.findall(old.rstrip(" ")), _TOKEN.findall(new.rstrip(" "))
    old_words, new_words = [t.strip(" ") for t in before], [t.strip(" ") for t in after]
    start = _shared(old_words, new_words)
    end = _shared(old_words[start:][::-1], new_words[start:][::-1])
    stop, new_stop = len(before) - end, len(after) - end
    middle = [("replace", 0, stop - start, 0, new_stop - start)]
    if (stop - start) * (new_stop - start) <= MAX_COMPARISONS:
        words = old_words[start:stop], new_words[start:new_stop]
        middle = list(SequenceMatcher(None, *words, autojunk=False).get_opcodes())
    found = [Segment("=", "".join(after[:start]))]
    gone = come = ""
    for place, (tag, a, b, c, d) in enumerate(middle):
        # Two changes with nothing but a mark between them read better as one.
        mark = 0 < place < len(middle) - 1 and d - c == 1 and not new_words[start + c][0].isalnum()
        if tag == "equal" and not mark:
            same = Segment("=", "".join(after[start + c : start + d]))
            found += [Segment("-", gone), Segment("+", come), same]
            gone = come = ""
        else:
            gone += "".join(before[start + a : start + b])
            come += "".join(after[start + c : start + d])
    found += [Segment("-", gone), Segment("+", come), Segment("=", "".join(after[new_stop:]))]
    return [segment for segment in found if segment.text]


CONTEXT_WORDS = 6
"""How much of what is the same is shown beside a change."""


def shortened(segments: list[Segment]) -> Iterator[Segment]:
    """The changes with the words beside them."""
    for place, (mark, text) in enumerate(segments):
        words = text.split(" ")
        head = CONTEXT_WORDS if place > 0 else 0
        tail = CONTEXT_WORDS if place < len(segments) - 1 else 0
        if mark == "=" and len(words) > head + tail + 2:
            text = " ".join([*words[:head], "…", *words[len(words) - tail :]])
        yield Segment(mark, text)
