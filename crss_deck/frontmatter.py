"""Front matter -> tags, source and subdeck of a notes file. The only module that knows YAML.

PyYAML's events give a place for everything and convert nothing, so `1.10` and `NO` stay text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from crss_deck import diagnostics as rules
from crss_deck.diagnostics import Diagnostic, Edit, Related, Report, Rule
from crss_deck.manifest import deck_name_problem
from crss_deck.source import Source, Span
from crss_deck.spelling import nearest, suggestion

if TYPE_CHECKING:
    from yaml.events import Event, ScalarEvent

KEYS = ("tags", "source", "deck")
MAX_LENGTH = 20_000


_NOTHING_YET = re.compile(r"(?:[ \t\n\ufeff\u200b]|<!--(?:(?!-->).)*-->)*", re.DOTALL)
"""What may stand above front matter by mistake: blanks, marks nobody sees, comments."""


class Word(NamedTuple):
    """A piece of text with its place."""

    text: str
    span: Span


class FrontMatter(NamedTuple):
    """What holds for every note of a file."""

    tags: tuple[Word, ...] = ()
    citation: str = ""
    subdeck: str = ""


def read_front_matter(span: Span, report: Report) -> FrontMatter:
    """Read the YAML that a span covers; what is wrong with it is reported and left out."""
    return _Reader(span, report).read()


def misplaced_front_matter(source: Source, report: Report, first: Span | None = None) -> None:
    """Report front matter that Markdown would take for text: not closed, not on line 1, a second.

    `first` is the YAML of front matter in its right place.
    """
    text = source.text
    behind = text.find("\n", first.end) + 1 if first else 0
    blanks = _NOTHING_YET.match(text, behind)
    start = blanks.end() if blanks else behind
    line = text[start : text.find("\n", start) if "\n" in text[start:] else len(text)]
    if line.rstrip() != "---" or (first and not behind):
        return
    rest = text[start + len(line) :].lstrip("\n").split("\n", 1)[0]
    if start and (rest.split(":")[0].strip() not in KEYS if first else ":" not in rest):
        return
    message, help = (
        "the front matter is not closed",
        "close it with a line --- ; write *** for a thematic break",
    )
    if first:
        message, help = (
            "front matter stands here a second time",
            "join the two between the first --- and ---",
        )
    elif start:
        message = "front matter begins at the first character of the file"
        help = "remove what stands before it"
    report(
        Diagnostic(rules.FRONT_MATTER_PLACE, message, source, source.span(start, start + 3), help)
    )


_DECK = re.compile(
    r"""---[ \t]*\n (?:(?!---|deck[ \t]*:).*\n)*
    deck[ \t]*:[ \t]* (?P<value>"[^"\n]*" | '[^'\n]*' | [^\s#].*?) (?=[ \t]*(?:[ \t]\#.*)?$)""",
    re.MULTILINE | re.VERBOSE,
)


def subdeck_span(source: Source) -> Span:
    """The place of the subdeck in a notes file; of the front matter if it is written otherwise."""
    match = _DECK.match(source.text)
    return source.span(*match.span("value")) if match else source.span(0, 3)


class _Reader:
    def __init__(self, span: Span, report: Report) -> None:
        self._whole = span
        self._report = report
        self._places: dict[str, Span] = {}

    def _say(self, rule: Rule, message: str, span: Span, help: str, *also: Related) -> None:
        self._report(Diagnostic(rule, message, span.source, span, help, also))

    def read(self) -> FrontMatter:
        import yaml

        if self._whole.end - self._whole.start > MAX_LENGTH:
            self._syntax("the front matter is far too long", self._whole, "close it with ---")
            return FrontMatter()
        try:
            return self._mapping(yaml.parse(self._whole.text, Loader=yaml.SafeLoader))
        except _RefusedError:
            return FrontMatter()
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            at = self._whole.start + (mark.index if mark else 0)
            at = max(self._whole.start, min(at, self._whole.end - 1))
            problem = (error.problem or "it cannot be read").replace("'", "`")
            self._syntax(
                f"this is not plain YAML: {problem}",
                self._whole.source.span(at, at + 1),
                "indent with blanks, not with a tab"
                if "`\\t`" in problem
                else "close the list with ]: tags: [a, b]"
                if "expected `,` or `]`" in problem
                else 'put text with : or # or quotes between quotes: source: "Title: part"',
            )
        except (yaml.YAMLError, RecursionError):
            self._syntax("this is not plain YAML", self._whole, 'write lines like source: "Title"')
        return FrontMatter()

    def _syntax(self, message: str, span: Span, help: str) -> None:
        self._say(rules.FRONT_MATTER_SYNTAX, message, span, help)

    def _span(self, event: Event) -> Span:
        assert event.start_mark is not None and event.end_mark is not None
        start = self._whole.start + event.start_mark.index
        end = self._whole.start + event.end_mark.index
        return self._whole.source.span(start, max(start + 1, end))

    def _plain(self, event: Event) -> None:
        """Anchors, aliases and tags make YAML a program; a notes file needs none."""
        tag = getattr(event, "tag", None)
        anchor = getattr(event, "anchor", None)
        if tag is not None or anchor is not None:
            self._syntax(
                "anchors, aliases and tags of YAML are not read",
                self._span(event),
                "write the text itself, between quotes where it begins with & * or !",
            )
            raise _RefusedError

    def _mapping(self, stream: Iterator[Event]) -> FrontMatter:
        from yaml import events as kinds

        values: dict[str, list[Word] | Word] = {}
        event = next(stream)
        while isinstance(event, kinds.StreamStartEvent | kinds.DocumentStartEvent):
            event = next(stream)
        if isinstance(event, kinds.StreamEndEvent):
            return FrontMatter()
        self._plain(event)
        if not isinstance(event, kinds.MappingStartEvent):
            close = isinstance(event, kinds.ScalarEvent) and re.match(r"\w+:\S", event.value)
            self._syntax(
                "front matter is a list of keys with values",
                self._span(event),
                "leave a blank behind the colon" if close else 'write lines like source: "Title"',
            )
            return FrontMatter()
        for event in stream:
            if isinstance(event, kinds.MappingEndEvent):
                break
            self._plain(event)
            if not isinstance(event, kinds.ScalarEvent):
                self._syntax("a key is one word", self._span(event), "write tags: [a, b]")
                return FrontMatter()
            key = Word(event.value, self._span(event))
            value = self._value(next(stream), stream, key)
            if key.text not in KEYS:
                near = nearest(key.text, KEYS)
                self._report(
                    Diagnostic(
                        rules.FRONT_MATTER_KEY,
                        f"`{key.text}` is not a key of the front matter",
                        key.span.source,
                        key.span,
                        suggestion(key.text, KEYS) or "known are " + ", ".join(KEYS),
                        fix=Edit(key.span, near) if near and near not in values else None,
                    )
                )
            elif key.text in values:
                self._say(
                    rules.FRONT_MATTER_KEY,
                    f"`{key.text}` is given twice",
                    key.span,
                    "keep one of the two",
                    Related(self._places[key.text], "the first one is here"),
                )
            else:
                values[key.text] = value
                self._places[key.text] = key.span
        for event in stream:
            if not isinstance(event, kinds.DocumentEndEvent | kinds.StreamEndEvent):
                self._syntax("a second document begins here", self._span(event), "remove it")
                break
        return FrontMatter(
            self._tags(values.get("tags")),
            self._string(values.get("source"), "source"),
            self._subdeck(values.get("deck")),
        )

    def _value(self, event: Event, stream: Iterator[Event], key: Word) -> list[Word] | Word:
        from yaml import events as kinds

        self._plain(event)
        if isinstance(event, kinds.AliasEvent):
            raise _RefusedError
        if isinstance(event, kinds.ScalarEvent):
            return self._scalar(event, f"{key.text}: ")
        words: list[Word] = []
        if isinstance(event, kinds.SequenceStartEvent):
            for item in stream:
                if isinstance(item, kinds.SequenceEndEvent):
                    return words
                self._plain(item)
                if not isinstance(item, kinds.ScalarEvent):
                    break
                words.append(self._scalar(item, "- "))
        self._say(
            rules.FRONT_MATTER_VALUE,
            f"`{key.text}` holds text or a list of texts, nothing deeper",
            key.span,
            "write tags: [a, b]",
        )
        raise _RefusedError

    def _scalar(self, event: ScalarEvent, before: str) -> Word:
        word = Word(event.value, self._span(event))
        self._characters(word)
        # YAML ends a plain value at ` #`, so `Deck #1` would become `Deck` in silence.
        text, end = word.span.source.text, word.span.end
        rest = text[end : text.find("\n", end)]
        comment = rest.lstrip()
        if event.style is None and comment.startswith("#"):
            start = end + len(rest) - len(comment)
            self._say(
                rules.FRONT_MATTER_COMMENT,
                "`#` begins a comment here, so the rest of the line is left out",
                word.span.source.span(start, start + len(comment.rstrip())),
                f'for text put it between quotes: {before}"{word.text}{rest.rstrip()}";'
                " move a comment to a line of its own",
            )
        return word

    def _characters(self, word: Word) -> None:
        """A YAML escape can smuggle in what no file may hold."""
        for char in word.text:
            code = ord(char)
            if (code < 32 and char not in "\t\n") or 127 <= code < 160 or 0xD800 <= code < 0xE000:
                self._say(
                    rules.CONTROL_CHARACTER,
                    f"a control character (U+{code:04X}) stands in the value",
                    word.span,
                    "remove the escape",
                )
                raise _RefusedError

    def _tags(self, value: list[Word] | Word | None) -> tuple[Word, ...]:
        if value is None:
            return ()
        if isinstance(value, list):
            return tuple(value)
        if not value.text.strip():
            return ()
        if len(value.text.split()) == 1:
            return (value,)
        self._say(
            rules.FRONT_MATTER_VALUE,
            "several tags are written as a list",
            value.span,
            f"write tags: [{', '.join(value.text.replace(',', ' ').split())}]",
        )
        return ()

    def _string(self, value: list[Word] | Word | None, key: str) -> str:
        if isinstance(value, list):
            self._say(
                rules.FRONT_MATTER_VALUE,
                f"`{key}` is one text",
                self._places[key],
                f'write {key}: "…"',
            )
            return ""
        return " ".join(value.text.split()) if value else ""

    def _subdeck(self, value: list[Word] | Word | None) -> str:
        name = unicodedata.normalize("NFC", self._string(value, "deck"))
        if name and isinstance(value, Word) and (problem := deck_name_problem(name)):
            self._say(
                rules.FRONT_MATTER_VALUE,
                f"`deck` must be {problem}",
                value.span,
                'write deck: "Topic" for a subdeck of this deck',
            )
            return ""
        return name


class _RefusedError(Exception):
    """The front matter was refused, and why has been reported."""
