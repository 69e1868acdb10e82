"""Diagnostics -> text for people. Decides how a finding looks, never how bad it is."""

from __future__ import annotations

import json
import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator

from crss_deck import __version__
from crss_deck.diagnostics import Diagnostic, Severity
from crss_deck.source import Source, Span

TAB_WIDTH = 4
MAX_LINE_WIDTH = 160
"""A longer line is shown only around the place, and around it only what a terminal has room for."""
INDENT = " " * len("help: ")
"""What stands before a line that goes on with a message, a note or a help."""

_BOLD, _BLUE, _CYAN, _RESET = "\x1b[1m", "\x1b[34m", "\x1b[36m", "\x1b[0m"
_SEVERITY_COLOR = {
    Severity.ERROR: "\x1b[1;31m",
    Severity.WARNING: "\x1b[1;33m",
    Severity.INFO: "\x1b[1;34m",
}
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff]"
)


def printable(text: str) -> str:
    """Text for a terminal: what would be invisible, or could steer it, is shown escaped."""
    return _UNSEEN.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    code = ord(match.group())
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"


def place(diagnostic: Diagnostic, exact: bool = True) -> str:
    """`path:line:column`, or the path alone for a whole file."""
    path = printable(diagnostic.source.path)
    if diagnostic.span is None or not exact:
        return path
    location = diagnostic.span.location
    return f"{path}:{location.line}:{location.column}"


def concise(diagnostic: Diagnostic) -> str:
    """One line: `path:line:column: severity[rule] message`."""
    rule = diagnostic.rule
    message = printable(diagnostic.message.replace("\n", " "))
    return f"{place(diagnostic)}: {rule.severity}[{rule.name}] {message}"


def full(diagnostic: Diagnostic, *, color: bool = False, width: int | None = None) -> str:
    """Headline, place, the line with the place marked, related places, help.

    `width` is that of a terminal, in columns: what is longer is wrapped or shown in part.
    """

    def behind(head: str, text: str) -> str:
        return wrapped(f"{head}: {printable(text)}", width, INDENT).removeprefix(head)

    rule = diagnostic.rule
    paint = _Paint(color)
    head = f"{rule.severity}[{rule.name}]"
    message = behind(head, diagnostic.message.replace("\n", " "))
    lines = [f"{paint(_SEVERITY_COLOR[rule.severity], head)}{paint(_BOLD, message)}"]
    spans = [diagnostic.span, *(related.span for related in diagnostic.related)]
    digits = max((len(str(span.location.line)) for span in spans if span), default=1)
    room = sys.maxsize if width is None else width - digits - len(" | ")
    lines += _frame(diagnostic.source, diagnostic.span, digits, room, "^", paint)
    for related in diagnostic.related:
        lines.append(f"{paint(_BOLD, 'note')}{behind('note', related.message)}")
        lines += _frame(related.span.source, related.span, digits, room, "-", paint)
    if diagnostic.help:
        lines.append(f"{paint(_CYAN, 'help')}{behind('help', diagnostic.help)}")
    return "\n".join(lines)


def wrapped(text: str, width: int | None, indent: str = "") -> str:
    """A text in lines of at most so many columns, if its words allow it; all but one indented.

    Without a width it stays as it is. The indent takes at most half of the width.
    """
    if width is None or columns(text) <= width:
        return text
    indent = indent[: width // 2]
    first, *words = text.split(" ")
    lines = [first]
    for word in words:
        longer = f"{lines[-1]} {word}"
        if columns(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(indent + word)
    return "\n".join(lines)


MANY = 50
SHOWN_OF_MANY = 3


def full_report(
    diagnostics: Iterable[Diagnostic], *, color: bool = False, width: int | None = None
) -> Iterator[str]:
    """Every finding as `full` has it; of a rule that fires fifty times in a file, the first few.

    Findings about whole files, such as those that nothing uses, count as if in one.
    """

    def group_of(diagnostic: Diagnostic) -> tuple[str, str]:
        return diagnostic.source.path if diagnostic.span else "", diagnostic.rule.name

    diagnostics = list(diagnostics)
    counts = Counter(map(group_of, diagnostics))
    seen: Counter[tuple[str, str]] = Counter()
    for diagnostic in diagnostics:
        group = group_of(diagnostic)
        seen[group] += 1
        if counts[group] < MANY or seen[group] <= SHOWN_OF_MANY:
            yield full(diagnostic, color=color, width=width)
        if counts[group] >= MANY and seen[group] == SHOWN_OF_MANY:
            rule = diagnostic.rule
            head = _Paint(color)(_SEVERITY_COLOR[rule.severity], f"{rule.severity}[{rule.name}]")
            where = f" in {place(diagnostic, False)}" if diagnostic.span else ""
            yield (
                f"{head}: {counts[group] - SHOWN_OF_MANY} more{where}"
                " (--output-format concise lists all)"
            )


JSON_FORMAT = 1


def as_json(diagnostics: Iterable[Diagnostic]) -> str:
    """All findings for machines: docs/json.md has the fields, `format` counts their changes."""
    diagnostics = list(diagnostics)
    counts = Counter(d.rule.severity.value for d in diagnostics)
    report = {
        "format": JSON_FORMAT,
        "crss_deck": __version__,
        "summary": {f"{severity}s": counts[severity] for severity in ("error", "warning", "info")},
        "diagnostics": [_json_of(diagnostic) for diagnostic in diagnostics],
    }
    # Escaped, so that no byte of it can steer a terminal, and any encoding can carry it.
    return json.dumps(report, indent=2)


def _json_of(diagnostic: Diagnostic) -> dict[str, object]:
    fix = diagnostic.fix
    return {
        "rule": diagnostic.rule.name,
        "severity": diagnostic.rule.severity.value,
        "message": printable(diagnostic.message),
        "help": printable(diagnostic.help),
        "place": _json_place(diagnostic.source, diagnostic.span),
        "related": [
            {
                "message": printable(related.message),
                "place": _json_place(related.span.source, related.span),
            }
            for related in diagnostic.related
        ],
        "fix": fix and {"place": _json_place(fix.span.source, fix.span), "text": fix.text},
    }


def _json_place(source: Source, span: Span | None) -> dict[str, object]:
    place: dict[str, object] = {"path": printable(source.path)}
    if span is not None:
        start, end = span.location, source.location(span.end)
        place |= {"line": start.line, "column": start.column}
        place |= {"end_line": end.line, "end_column": end.column}
    return place


def github(diagnostic: Diagnostic) -> str:
    """A workflow command that GitHub shows as an annotation at the place in a pull request."""
    rule, span = diagnostic.rule, diagnostic.span
    command = "notice" if rule.severity is Severity.INFO else rule.severity.value
    properties = {"title": f"crss-deck ({rule.name})", "file": diagnostic.source.path}
    if span is not None:
        start, end = span.location, diagnostic.source.location(max(span.start, span.end - 1))
        properties |= {"line": str(start.line), "endLine": str(end.line)}
        if start.line == end.line:  # over several lines, GitHub takes no columns
            properties |= {"col": str(start.column), "endColumn": str(end.column)}
    message = diagnostic.message + (f"\nhelp: {diagnostic.help}" if diagnostic.help else "")
    lines = "%0A".join(_command_text(printable(line)) for line in message.split("\n"))
    listed = ",".join(
        f"{name}={_command_text(printable(value)).replace(':', '%3A').replace(',', '%2C')}"
        for name, value in properties.items()
    )
    return f"::{command} {listed}::{lines}"


def _command_text(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


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


def _frame(
    source: Source, span: Span | None, digits: int, room: int, mark: str, paint: _Paint
) -> list[str]:
    margin = " " * digits
    arrow = f"{margin}{paint(_BLUE, '-->')} {printable(source.path)}"
    if span is None:
        return [arrow]
    location = span.location
    line = source.line(location.line)
    first = location.column - 1
    behind = min(len(line), first + max(1, span.end - span.start))
    text, indent, length = _marked(line, first, max(behind, first), room)
    bar = paint(_BLUE, "|")
    return [
        f"{arrow}:{location.line}:{location.column}",
        f"{margin} {bar}",
        f"{paint(_BLUE, str(location.line).rjust(digits))} {bar} {text}".rstrip(),
        f"{margin} {bar} {' ' * indent}{paint(_BOLD, mark * length)}",
    ]


def _marked(line: str, first: int, behind: int, room: int) -> tuple[str, int, int]:
    """The line as shown in so many columns, the columns before the mark, and those under it."""
    left, right = 0, len(line)
    if len(line) > MAX_LINE_WIDTH:
        left = max(0, first - MAX_LINE_WIDTH // 3)
        right = min(len(line), left + MAX_LINE_WIDTH)
    if columns(_shown(line[left:right])) + len("…" + "^" + "…") > room:
        left, right = _around(line, left, right, first, behind, room)
    before = ("…" if left else "") + _shown(line[left:first])
    inside = _shown(line[first : min(behind, right)])
    after = _shown(line[behind:right]) + ("…" if right < len(line) else "")
    return before + inside + after, columns(before), max(1, columns(inside))


def _around(
    line: str, left: int, right: int, first: int, behind: int, room: int
) -> tuple[int, int]:
    """As much of a part of a line as has room, with about as much before a mark as behind it."""
    start = left
    sizes = [columns(_shown(char)) for char in line[left:right]]
    taken = sum(sizes)
    if not sum(sizes[first - start : behind - start]):
        taken += 1  # the mark under nothing takes a column too
    middle = min(behind, first + room // 2)  # where a mark is cut that leaves no room for others
    while taken + (left > 0) + (right < len(line)) > room and right - left > 1:
        if left == first or right - middle > first - left:
            right -= 1
            taken -= sizes[right - start]
        else:
            taken -= sizes[left - start]
            left += 1
    return left, right


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


def os_reason(error: OSError) -> str:
    """Why a file could not be read or written, in a line."""
    if error.strerror is None:
        return str(error)
    return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
