"""A TOML file with a place for every fault in it. Alone knows TOML; not what the keys mean."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Any, NamedTuple

from crss_deck.diagnostics import Diagnostic, Edit, Report, Rule
from crss_deck.source import Source, Span
from crss_deck.spelling import nearest, suggestion

Section = tuple[int, int] | None
"""Where a table lies in its file, as a pair of offsets; None for the whole file."""


class Faults(NamedTuple):
    """The rules under which a file's faults are reported."""

    syntax: Rule
    key: Rule
    value: Rule


_HEADER = re.compile(r"^[ \t]*\[", re.MULTILINE)


class TomlFile:
    """Reads one file and says what is wrong with it; `failed` tells whether anything was.

    TOML's own parser gives no places for keys, so a key is looked for where it is assigned: in a
    section, a pair of offsets, or in the whole file.
    """

    def __init__(self, source: Source, report: Report, faults: Faults) -> None:
        self._source = source
        self._report = report
        self._faults = faults
        self._name = source.path.rpartition("/")[2]
        self.failed = False

    def load(self) -> dict[str, Any] | None:
        """The whole file, or None where an error was reported because it is not TOML."""
        import tomllib

        try:
            return tomllib.loads(self._source.text)
        except tomllib.TOMLDecodeError as error:
            self._syntax(str(error))
        except ValueError:  # Python reads no integer of more than 4300 digits
            self.say(self._faults.syntax, "a number has too many digits", None)
        except RecursionError:
            self.say(self._faults.syntax, "the values are nested too deep", None)
        return None

    # -- places

    def section(self, header: str, number: int = 0) -> Section:
        """Where the table of that header lies, or the one of that number of an array of tables."""
        pattern = rf"^[ \t]*\[+[ \t]*{re.escape(header)}[ \t]*\]+"
        text = self._source.text
        for place, match in enumerate(re.finditer(pattern, text, re.MULTILINE)):
            if place == number:
                end = _HEADER.search(text, match.end())
                return match.start(), end.start() if end else len(text)
        return None

    def key(self, key: str, section: Section = None) -> Span | None:
        """The place of a key, or of the header of a table."""
        start, end = section or (0, len(self._source.text))
        for pattern in (
            rf"^[ \t]*[\"']?({re.escape(key)})[\"']?[ \t]*=",
            rf"^[ \t]*\[+\s*({re.escape(key)})\s*\]",
        ):
            match = re.compile(pattern, re.MULTILINE).search(self._source.text, start, end)
            if match:
                return self._source.span(match.start(1), match.end(1))
        return None

    def value(self, key: str, section: Section = None) -> Span | None:
        """The place of the value of a key, as far as it stands on the key's line."""
        span = self.key(key, section)
        if span is None:
            return None
        text = self._source.text
        equals = text.find("=", span.end)
        line_end = text.find("\n", span.end)
        line_end = len(text) if line_end < 0 else line_end
        if not span.end <= equals < line_end:
            return span
        value = re.compile(r"[ \t]*(\"[^\"\n]*\"|'[^'\n]*'|[^#\n]*[^#\s])").match(text, equals + 1)
        return self._source.span(value.start(1), value.end(1)) if value else span

    def quoted(self, key: str, word: str, section: Section = None) -> Span | None:
        """The place of a quoted word behind a key."""
        span = self.key(key, section)
        if span is None:
            return None
        at = re.compile(rf"[\"']{re.escape(word)}[\"']").search(self._source.text, span.end)
        return self._source.span(at.start() + 1, at.end() - 1) if at else span

    # -- faults

    def say(self, rule: Rule, message: str, span: Span | None, help: str = "") -> None:
        """Report a fault."""
        self.failed = True
        self._report(Diagnostic(rule, message, self._source, span, help))

    def unknown(
        self, key: str, known: Iterable[str], prefix: str = "", section: Section = None
    ) -> None:
        """Report a key that means nothing in this file."""
        known = tuple(known)
        span, near = self.key(key, section), nearest(key, known)
        self.failed = True
        self._report(
            Diagnostic(
                self._faults.key,
                f"`{prefix}{key}` is not a key of {self._name}",
                self._source,
                span,
                suggestion(key, known) or "known are " + ", ".join(prefix + each for each in known),
                fix=Edit(span, near) if span and near and not self.key(near, section) else None,
            )
        )

    def missing(self, key: str, example: str, span: Span | None = None) -> None:
        """Report that a key which must be there is not."""
        self.say(self._faults.key, f"`{key}` is missing", span, f"add a line: {example}")

    def wrong(self, key: str, wanted: str, example: str, section: Section = None) -> None:
        """Report a value that its key cannot have."""
        self.say(
            self._faults.value,
            f"`{key}` must be {wanted}",
            self.value(key, section),
            f"write {example}",
        )

    def _syntax(self, message: str) -> None:
        match = re.search(r"\(at line (\d+), column (\d+)\)", message)
        text = message.split(" (at ")[0]
        end = len(self._source.text.rstrip())
        offset = end
        if match:
            line, column = int(match.group(1)), int(match.group(2))
            offset = self._source.line_starts[line - 1] + column - 1
        offset = max(0, min(offset, end))
        span = self._source.span(offset, min(offset + 1, max(offset, end)))
        shown = self._source.line(self._source.location(offset).line)
        if any(char in shown for char in "“”„‘’"):
            text = "curly quotes are not quotes"
        elif "illegal character" in text.lower() and "\\n" in text:
            text = "the closing quote is missing"
        self.say(
            self._faults.syntax,
            f"this is not TOML: {text[:1].lower()}{text[1:]}",
            span,
            f'a line of {self._name} reads key = "value", with straight quotes',
        )

    # -- values

    def text(
        self, table: dict[str, Any], key: str, example: str = "", section: Section = None
    ) -> str:
        """One line of text in NFC; empty where there is none, or where a fault was reported."""
        value = table.get(key, "")
        if not isinstance(value, str):
            span = self.value(key, section)
            number = span is not None and type(value) in (int, float)
            written = span.text if span and number else "…"  # 1.10 is not 1.1
            self.wrong(key, "text between quotes", f'{key} = "{written}"', section)
            return ""
        if any(ord(char) < 32 or 127 <= ord(char) < 160 for char in value):
            self.wrong(key, "one line without control characters", f'{key} = "…"', section)
            return ""
        if key in table and not value.strip():
            self.wrong(key, "more than blanks", example or f'{key} = "…"', section)
        return unicodedata.normalize("NFC", value.strip())

    def flag(self, table: dict[str, Any], key: str, default: bool, section: Section = None) -> bool:
        """Yes or no."""
        value = table.get(key, default)
        if not isinstance(value, bool):
            wanted = "false" if default else "true"
            self.wrong(key, "true or false, without quotes", f"{key} = {wanted}", section)
            return default
        return value

    def texts(
        self, table: dict[str, Any], key: str, wanted: str, example: str, section: Section = None
    ) -> tuple[str, ...]:
        """A list of texts, each one line that shows something."""
        value = table.get(key, [])
        if not isinstance(value, list) or not all(
            isinstance(each, str) and each.strip() and each.isprintable() for each in value
        ):
            self.wrong(key, wanted, example, section)
            return ()
        return tuple(value)
