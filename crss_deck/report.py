"""Diagnostics -> text for people. Decides how a finding looks, never how bad it is."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from crss_deck.diagnostics import Diagnostic, Severity
from crss_deck.source import Source, Span

TAB_WIDTH = 4
MAX_LINE_WIDTH = 160
"""A longer line is shown only around the place."""

_BOLD, _BLUE, _CYAN, _RESET = "\x1b[1m", "\x1b[34m", "\x1b[36m", "\x1b[0m"
_SEVERITY_COLOR = {
    Severity.ERROR: "\x1b[1;31m",
    Severity.WARNING: "\x1b[1;33m",
    Severity.INFO: "\x1b[1;34m",
}
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]"
)


def printable(text: str) -> str:
    """Text for a terminal: what would be invisible, or could steer it, is shown escaped."""
    return _UNSEEN.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    code = ord(match.group())
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"


def place(diagnostic: Diagnostic) -> str:
    """`path:line:column`, or the path alone for a whole file."""
    path = printable(diagnostic.source.path)
    if diagnostic.span is None:
        return path
    location = diagnostic.span.location
    return f"{path}:{location.line}:{location.column}"


def concise(diagnostic: Diagnostic) -> str:
    """One line: `path:line:column: severity[rule] message`."""
    rule = diagnostic.rule
    message = printable(diagnostic.message.replace("\n", " "))
    return f"{place(diagnostic)}: {rule.severity}[{rule.name}] {message}"


def full(diagnostic: Diagnostic, *, color: bool = False) -> str:
    """Headline, place, the line with the place marked, related places, help."""
    rule = diagnostic.rule
    paint = _Paint(color)
    head = paint(_SEVERITY_COLOR[rule.severity], f"{rule.severity}[{rule.name}]")
    message = printable(diagnostic.message.replace("\n", " "))
    lines = [f"{head}{paint(_BOLD, f': {message}')}"]
    spans = [diagnostic.span, *(related.span for related in diagnostic.related)]
    width = max((len(str(span.location.line)) for span in spans if span), default=1)
    lines += _frame(diagnostic.source, diagnostic.span, width, "^", paint)
    for related in diagnostic.related:
        lines.append(f"{paint(_BOLD, 'note')}: {printable(related.message)}")
        lines += _frame(related.span.source, related.span, width, "-", paint)
    if diagnostic.help:
        lines.append(f"{paint(_CYAN, 'help')}: {printable(diagnostic.help)}")
    return "\n".join(lines)


def summary(diagnostics: Iterable[Diagnostic]) -> str:
    """`2 errors, 1 warning`; empty if there is nothing to say."""
    counts = dict.fromkeys(Severity, 0)
    for diagnostic in diagnostics:
        counts[diagnostic.rule.severity] += 1
    return ", ".join(
        count_of(number, severity.value) for severity, number in counts.items() if number
    )


def count_of(number: int, noun: str) -> str:
    """`1 note`, `2 notes`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


class _Paint:
    def __init__(self, color: bool) -> None:
        self._color = color

    def __call__(self, style: str, text: str) -> str:
        return f"{style}{text}{_RESET}" if self._color else text


def _frame(source: Source, span: Span | None, width: int, mark: str, paint: _Paint) -> list[str]:
    margin = " " * width
    arrow = f"{margin}{paint(_BLUE, '-->')} {printable(source.path)}"
    if span is None:
        return [arrow]
    location = span.location
    line = source.line(location.line)
    first = location.column - 1
    behind = min(len(line), first + max(1, span.end - span.start))
    text, indent, length = _marked(line, first, max(behind, first))
    bar = paint(_BLUE, "|")
    return [
        f"{arrow}:{location.line}:{location.column}",
        f"{margin} {bar}",
        f"{paint(_BLUE, str(location.line).rjust(width))} {bar} {text}".rstrip(),
        f"{margin} {bar} {' ' * indent}{paint(_BOLD, mark * max(1, length))}",
    ]


def _marked(line: str, first: int, behind: int) -> tuple[str, int, int]:
    """The line as shown, the columns before the mark, and the columns under it."""
    left, right = 0, len(line)
    if len(line) > MAX_LINE_WIDTH:
        left = max(0, first - MAX_LINE_WIDTH // 3)
        right = min(len(line), left + MAX_LINE_WIDTH)
        behind = min(behind, right)
    before = ("…" if left else "") + _shown(line[left:first])
    inside = _shown(line[first:behind])
    after = _shown(line[behind:right]) + ("…" if right < len(line) else "")
    return before + inside + after, columns(before), columns(inside)


def _shown(text: str) -> str:
    return printable(text.replace("\t", " " * TAB_WIDTH))


def columns(text: str) -> int:
    """How many columns of a terminal a text takes: wide characters two, combining ones none."""
    if text.isascii():
        return len(text)
    return sum(
        0
        if unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Me", "Cf")
        else 2
        if unicodedata.east_asian_width(char) in "WF"
        else 1
        for char in text
    )
