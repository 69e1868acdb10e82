"""What is a label, and what is almost one. Pure text: knows neither Markdown nor notes."""

from __future__ import annotations

import re
from typing import NamedTuple

from crss_deck.spelling import one_edit_apart

QUESTION, ANSWER, CLOZE = "Q", "A", "C"
HINT, EXTRA, ACCEPT, SOURCE = "Hint", "Extra", "Accept", "Source"
LABELS = (QUESTION, ANSWER, CLOZE, HINT, EXTRA, ACCEPT, SOURCE)
LONG_LABELS = (HINT, EXTRA, ACCEPT, SOURCE)

ALIASES = {
    "question": QUESTION,
    "front": QUESTION,
    "answer": ANSWER,
    "back": ANSWER,
    "cloze": CLOZE,
    "text": CLOZE,
}
"""What other tools call a field, in lower case."""

RESERVED = frozenset(
    ("Why", "Example", "Instead", "Context", "Choices", "Audio", "Image", "Mnemonic", "Note")
)
"""Words kept free so that a later format can give them a meaning."""

_LONGEST_MARK = 16
_NUMBERED = re.compile(r"([QA])[0-9]{1,3}:(?=[ \t]|\Z)")
_LABEL_LINE = re.compile(
    r"(?P<open>\*{1,3}|_{1,3}|`+)?"
    r"(?P<word>[^\W\d_]{1,9})"
    r"(?P<inner>\*{1,3}|_{1,3}|`+)?"
    r"(?P<gap>[ \t]*)"
    r"(?P<colon>[:：])"
)


class LabelMark(NamedTuple):
    """What a line begins with: a label, a reserved word, or almost a label."""

    name: str
    """The label that is meant; for a reserved word, the word."""
    length: int
    """How many characters of the line the mark takes."""
    fault: str = ""
    """Why it is not a label; empty for a label."""
    reserved: bool = False
    whole: bool = True
    """Whether the mark is complete: `**Q: …**` is bold beyond its colon."""

    @property
    def good(self) -> bool:
        """Whether it is a label as the language wants it."""
        return not self.fault and not self.reserved


def read_label(line: str) -> LabelMark | None:
    """The label, near miss or reserved word that a line begins with; None for other text.

    A label is `Q A C Hint Extra Accept Source`, then `:`, then a space, a tab or the line's end.
    """
    if line.find(":", 0, _LONGEST_MARK) < 0 and line.find("：", 0, _LONGEST_MARK) < 0:
        return None
    numbered = _NUMBERED.match(line)
    if numbered:
        return LabelMark(numbered.group(1), numbered.end(), "a label has no number")
    match = _LABEL_LINE.match(line)
    if match is None:
        return None
    opening, word, inner, gap, colon = match.group("open", "word", "inner", "gap", "colon")
    length = match.end()
    closed = line[length : length + 1] in ("", " ", "\t")
    if opening is None and inner is None:
        return _plain(word, gap, colon, length, closed)
    if opening is None:
        return None
    name = word if word in LABELS else ALIASES.get(word.lower())
    if name is None:
        return None
    style = "code" if "`" in opening else "italics" if len(opening) == 1 else "bold"
    closing = opening[::-1]
    if inner == closing and closed:
        return LabelMark(name, length, f"a label is not written in {style}")
    if inner is None and line.startswith(closing, length):
        return LabelMark(name, length + len(closing), f"a label is not written in {style}")
    if inner is None and closed and word in LABELS:
        return LabelMark(name, length, f"a label is not written in {style}", whole=False)
    return None


def _plain(word: str, gap: str, colon: str, length: int, closed: bool) -> LabelMark | None:
    if word in LABELS:
        if gap:
            return LabelMark(word, length, "no space comes before the colon of a label")
        if colon != ":":
            return LabelMark(word, length, "a label ends with the ASCII colon `:`")
        if not closed:
            return LabelMark(word, length, "a space comes after the colon of a label")
        return LabelMark(word, length)
    if not closed:
        return None
    if word in RESERVED:
        return LabelMark(word, length, reserved=True) if not gap and colon == ":" else None
    for label in LABELS:
        if word.lower() == label.lower():
            return LabelMark(label, length, "a label is written with exactly these capitals")
    if word.lower() in ALIASES:
        name = ALIASES[word.lower()]
        return LabelMark(name, length, f"this language calls that field `{name}:`")
    for alias in ("Question", "Answer"):
        near = one_edit_apart(word, alias) and word != f"{alias}s"
        if near or (word[0] == alias[0] and sorted(word) == sorted(alias)):
            name = ALIASES[alias.lower()]
            return LabelMark(name, length, f"this language calls that field `{name}:`")
    for label in LONG_LABELS:
        if word[0] == label[0] and one_edit_apart(word, label):
            return LabelMark(label, length, "it is one letter away from a label")
    return None
