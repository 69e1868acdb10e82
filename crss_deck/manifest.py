"""deck.toml -> Manifest, with a place for every error. Knows no notes."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import Any, NamedTuple

from crss_deck import diagnostics as rules
from crss_deck.diagnostics import Diagnostic, Edit, Rule, Severity
from crss_deck.source import Source, Span

FORMAT = 1
KEY = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
MAX_KEY_LENGTH = 64
TAG = re.compile(r"[\w-]+(?:\.[\w-]+)*(?:::[\w-]+(?:\.[\w-]+)*)*")
VERSION = re.compile(r"(?:0|[1-9][0-9]*)(?:\.(?:0|[1-9][0-9]*)){2}")
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*")
_URL = re.compile(r"https?://[^\s/?#<>\"]+[^\s<>\"]*")
_URL_OR_MAIL = re.compile(rf"{_URL.pattern}|mailto:[^\s<>\"]+")
_RIGHT_TO_LEFT = frozenset(
    ("ar", "arc", "ckb", "dv", "fa", "he", "ks", "ps", "sd", "ug", "ur", "yi")
)


class RuleUse(NamedTuple):
    """A rule that deck.toml names, and where."""

    name: str
    span: Span | None


class Words(NamedTuple):
    """The few words that cards bear besides their notes; an empty one was not given."""

    hint: str = ""
    accept: str = ""
    source: str = ""
    mistake: str = ""


class Manifest(NamedTuple):
    """What deck.toml says."""

    id: str
    name: str
    version: str
    tag_root: str
    language: str = "en"
    description: str = ""
    """Path of the deck's overview page, from the source folder."""
    authors: tuple[str, ...] = ()
    license: str = ""
    homepage: str = ""
    repository: str = ""
    mistakes: str = ""
    """Where learners report mistakes; `{key}` in it stands for the note's Key."""
    stylesheet: str = ""
    """Path of the deck's own stylesheet, from the source folder."""
    words: Words = Words()
    source_title: str = ""
    source_url: str = ""
    ignored: tuple[RuleUse, ...] = ()
    """Rules whose findings `[check]` silences in the whole deck."""
    selected: tuple[RuleUse, ...] = ()
    """Rules about style, off by default, that `[check]` turns into warnings."""

    @property
    def direction(self) -> str:
        """Whether the deck's language runs `ltr` or `rtl`."""
        return "rtl" if self.language.split("-")[0].lower() in _RIGHT_TO_LEFT else "ltr"


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word that is meant, when just one is near; else an empty string."""
    near = get_close_matches(word, known, n=2)
    return near[0] if len(near) == 1 else ""


def suggestion(word: str, known: Iterable[str]) -> str:
    """`did you mean …?` for the known word most like a word; else an empty string."""
    near = get_close_matches(word, known, n=1)
    return f"did you mean `{near[0]}`?" if near else ""


_REQUIRED = ("format", "id", "name", "version")
_KEYS = (
    *_REQUIRED,
    "language",
    "tag_root",
    "description",
    "authors",
    "license",
    "homepage",
    "repository",
    "mistakes",
    "stylesheet",
    "words",
    "source",
    "check",
)
_CHECK_KEYS = ("ignore", "select")
_SOURCE_KEYS = ("title", "url")


def read_manifest(source: Source, report: Callable[[Diagnostic], None]) -> Manifest | None:
    """The manifest, or None where an error was reported that leaves none.

    TOML's own parser gives no places for keys, so a key is looked for where it is assigned.
    """
    return _Reader(source, report).read()


class _Reader:
    def __init__(self, source: Source, report: Callable[[Diagnostic], None]) -> None:
        self._source = source
        self._report = report
        self._failed = False

    def _say(self, rule: Rule, message: str, span: Span | None, help: str = "") -> None:
        self._failed = True
        self._report(Diagnostic(rule, message, self._source, span, help))

    def read(self) -> Manifest | None:
        import tomllib

        try:
            table = tomllib.loads(self._source.text)
        except tomllib.TOMLDecodeError as error:
            self._syntax(str(error))
            return None
        except RecursionError:
            self._say(rules.MANIFEST_SYNTAX, "the values are nested too deep", None)
            return None
        for key in table:
            if key not in _KEYS:
                self._unknown(key, _KEYS, "")
        for key in _REQUIRED:
            if key not in table:
                self._say(
                    rules.MANIFEST_KEY, f"`{key}` is missing", None, f"add a line: {_example(key)}"
                )
        if "format" in table and (type(table["format"]) is not int or table["format"] != FORMAT):
            self._say(
                rules.MANIFEST_VALUE,
                f"format {table['format']!r} is not known: this crss-deck reads format {FORMAT}",
                self._key("format"),
                f"write format = {FORMAT}, or install a newer crss-deck",
            )
        about = self._table(table, "source", _SOURCE_KEYS, '"…"')
        words = self._table(table, "words", Words._fields, '"…"')
        check = self._table(table, "check", _CHECK_KEYS, '["…"]')
        deck_id = self._text(table, "id")
        if "id" in table and (not KEY.fullmatch(deck_id) or len(deck_id) > MAX_KEY_LENGTH):
            self._value(
                "id",
                f"lower-case words joined by hyphens, at most {MAX_KEY_LENGTH} characters",
                f'id = "{slug(deck_id) or "my-deck-k3v9qx"}"',
            )
        manifest = Manifest(
            id=deck_id,
            name=self._name(table),
            version=self._matching(
                table, "version", VERSION, "three numbers", f'"{_three(table.get("version"))}"'
            ),
            tag_root=self._matching(table, "tag_root", TAG, "a tag", '"MyDeck"') or deck_id,
            language=self._matching(table, "language", _LANGUAGE, "a language tag", '"en-US"')
            or "en",
            description=self._text(table, "description"),
            authors=self._authors(table),
            license=self._text(table, "license"),
            homepage=self._matching(table, "homepage", _URL, "an https address", '"https://…"'),
            repository=self._matching(table, "repository", _URL, "an https address", '"https://…"'),
            mistakes=self._matching(
                table,
                "mistakes",
                _URL_OR_MAIL,
                "an https address, or one that begins with mailto:",
                '"mailto:me@example.org?subject={key}"',
            ),
            stylesheet=self._text(table, "stylesheet"),
            words=Words(*(self._text(words, name) for name in Words._fields)),
            source_title=self._text(about, "title"),
            source_url=self._matching(about, "url", _URL, "an https address", '"https://…"'),
            ignored=self._rules(check, "ignore"),
            selected=self._rules(check, "select"),
        )
        return None if self._failed else manifest

    # -- places

    def _key(self, key: str) -> Span | None:
        match = re.search(rf"^[ \t]*[\"']?({re.escape(key)})[\"']?[ \t]*=", self._source.text, re.M)
        if match is None:
            match = re.search(rf"^[ \t]*\[+\s*({re.escape(key)})\s*\]", self._source.text, re.M)
        return self._source.span(match.start(1), match.end(1)) if match else None

    def _value_span(self, key: str) -> Span | None:
        span = self._key(key)
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
            text = "curly quotes are no quotes"
        elif "illegal character" in text.lower() and "\\n" in text:
            text = "the closing quote is missing"
        self._say(
            rules.MANIFEST_SYNTAX,
            f"this is not TOML: {text[:1].lower()}{text[1:]}",
            span,
            'a line of deck.toml reads key = "value", with straight quotes',
        )

    # -- values

    def _table(
        self, table: dict[str, Any], key: str, known: tuple[str, ...], example: str
    ) -> dict[str, Any]:
        """A table within the table, of known keys."""
        value = table.get(key, {})
        if not isinstance(value, dict):
            names = f"{', '.join(known[:-1])} and {known[-1]}"
            self._value(key, f"a table with {names}", f"[{key}]\n  {known[0]} = {example}")
            return {}
        for each in value:
            if each not in known:
                self._unknown(each, known, f"{key}.")
        return value

    def _unknown(self, key: str, known: tuple[str, ...], prefix: str) -> None:
        span, near = self._key(key), nearest(key, known)
        self._failed = True
        self._report(
            Diagnostic(
                rules.MANIFEST_KEY,
                f"`{prefix}{key}` is no key of deck.toml",
                self._source,
                span,
                suggestion(key, known) or "known are " + ", ".join(prefix + each for each in known),
                fix=Edit(span, near) if span and near and not self._key(near) else None,
            )
        )

    def _value(self, key: str, wanted: str, example: str) -> None:
        self._say(
            rules.MANIFEST_VALUE,
            f"`{key}` must be {wanted}",
            self._value_span(key),
            f"write {example}",
        )

    def _text(self, table: dict[str, Any], key: str) -> str:
        value = table.get(key, "")
        if not isinstance(value, str):
            span = self._value_span(key)
            number = span is not None and type(value) in (int, float)
            written = span.text if span and number else "…"  # 1.10 is not 1.1
            self._value(key, "text between quotes", f'{key} = "{written}"')
            return ""
        if any(ord(char) < 32 or 127 <= ord(char) < 160 for char in value):
            self._value(key, "one line without control characters", f'{key} = "…"')
            return ""
        if key in table and not value.strip():
            self._value(key, "more than blanks", _example(key))
        return unicodedata.normalize("NFC", value.strip())

    def _matching(
        self, table: dict[str, Any], key: str, pattern: re.Pattern[str], wanted: str, example: str
    ) -> str:
        value = self._text(table, key)
        if value and not pattern.fullmatch(value):
            self._value(key, wanted, f"{key} = {example}")
        return value

    def _rules(self, table: dict[str, Any], key: str) -> tuple[RuleUse, ...]:
        """The names of rules: errors cannot be ignored, and only infos need be selected."""
        value = table.get(key, [])
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            self._value(key, "a list of rules", f'{key} = ["rule-name"]')
            return ()
        found = []
        for name in value:
            use = RuleUse(name, self._quoted(key, name))
            rule = rules.RULES.get(name)
            severity = rule.severity if rule else None
            if rule is None:
                message, help = f"there is no rule `{name}`", suggestion(name, rules.RULES)
            elif key == "ignore" and severity is Severity.ERROR:
                message, help = f"`{name}` is an error and cannot be ignored", "mend what it finds"
            elif key == "select" and severity is not Severity.INFO:
                message, help = f"`{name}` is on already", "leave it out"
            else:
                found.append(use)
                continue
            self._say(rules.MANIFEST_VALUE, message, use.span, help or "see crss-deck explain")
        return tuple(found)

    def _quoted(self, key: str, word: str) -> Span | None:
        """The place of a quoted word behind a key."""
        span = self._key(key)
        if span is None:
            return None
        at = re.compile(rf"[\"']{re.escape(word)}[\"']").search(self._source.text, span.end)
        return self._source.span(at.start() + 1, at.end() - 1) if at else span

    def _name(self, table: dict[str, Any]) -> str:
        """Anki joins parts with `::` and makes "blank" of an empty one."""
        name = self._text(table, "name")
        if name and (problem := deck_name_problem(name)):
            self._value("name", problem, _example("name"))
        return name

    def _authors(self, table: dict[str, Any]) -> tuple[str, ...]:
        value = table.get("authors", [])
        if not isinstance(value, list) or not all(
            isinstance(each, str) and each.strip() and each.isprintable() for each in value
        ):
            self._value("authors", "a list of names", 'authors = ["A. Author"]')
            return ()
        return tuple(value)


_VERSION_LINE = re.compile(r"""^version[ \t]*=[ \t]*["']([^"'\n]+)["']""", re.MULTILINE)


def version_span(source: Source) -> Span | None:
    """The place of the version in deck.toml, without its quotes."""
    match = _VERSION_LINE.search(source.text)
    return source.span(match.start(1), match.end(1)) if match else None


def deck_name_problem(name: str) -> str:
    """What a deck name must be and is not; empty for a name that Anki keeps as written."""
    parts = name.split("::")
    if any(not part.strip() or part != part.strip() for part in parts):
        return "parts joined by `::`, none of them empty and none with blanks at its ends"
    if any(char in '"\t\n' for char in name):
        return "without quotes"
    if name.lower() == "default":
        return "another name than Anki's own Default"
    return ""


def _three(version: object) -> str:
    """A version of three numbers that begins as the given one."""
    numbers = re.findall(r"\d+", version) if isinstance(version, str) else []
    padded = [*numbers, "0", "0"] if numbers else ["1", "0", "0"]
    return ".".join(str(int(number[:6])) for number in padded[:3])


def slug(text: str) -> str:
    """A text as a key, letters without their accents; empty if nothing of it is left."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:MAX_KEY_LENGTH].strip("-")


def _example(key: str) -> str:
    examples = {
        "format": "format = 1",
        "id": 'id = "my-deck-k3v9qx"',
        "name": 'name = "My Deck"',
        "version": 'version = "1.0.0"',
        "description": 'description = "description.md"',
    }
    return examples.get(key, f'{key} = "…"')
