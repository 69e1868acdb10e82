"""A deck's own list of words to avoid, with what to say instead, and where notes have them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple
from unicodedata import normalize

from crss_deck import diagnostics as rules
from crss_deck.card_rules import finding
from crss_deck.card_view import Prose, View
from crss_deck.diagnostics import Diagnostic, Report, Severity
from crss_deck.manifest import read_language
from crss_deck.model import Markdown
from crss_deck.source import Source, Span
from crss_deck.spelling import suggestion
from crss_deck.toml import Faults, TomlFile

_KEYS = ("avoid", "say", "severity", "reason", "except")
_TOKEN = re.compile(r"\w+")
_WITHOUT_BLANKS = "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u9fff\uf900-\ufaff]"
"""Letters of scripts that put no blanks between words; compiled when there is a list."""


class Phrase(NamedTuple):
    """A word or some words to look for: whole words, in any case."""

    text: str
    pattern: re.Pattern[str]
    """Finds it in a text in lower case."""
    first: str
    """Its first word, or how that begins; empty if it can stand anywhere."""
    begins: bool
    """Whether its first word may go on."""


class Avoided(NamedTuple):
    """Phrases to avoid, what to say instead and why, and phrases in which they may stand."""

    phrases: tuple[Phrase, ...]
    say: str
    reason: str
    severity: Severity
    exceptions: tuple[Phrase, ...]


class Wording(NamedTuple):
    """The list that deck.toml names."""

    source: Source
    words: tuple[Avoided, ...]
    language: str = ""
    """The language that it is for; empty for any."""
    language_span: Span | None = None

    def is_for(self, language: str) -> bool:
        """Whether the list is for decks in that language: `en` is for `en-US`, not the reverse."""
        return f"{language.lower()}-".startswith(
            f"{self.language.lower()}-" if self.language else ""
        )


def _phrase(text: str) -> Phrase:
    words = re.split(r"[\s-]+", normalize("NFC", text.strip()).lower())
    bare = [word.rstrip("*") for word in words]
    ends = [r"\w*" if word.endswith("*") else "" for word in words]
    pattern = r"[\s-]+".join(re.escape(word) + end for word, end in zip(bare, ends, strict=True))
    if re.search(_WITHOUT_BLANKS, text):
        return Phrase(text, re.compile(pattern), "", False)
    first = _TOKEN.search(bare[0])
    # What stands before and behind a word is checked only where the phrase ends in one.
    before = r"(?<!\w)" if first and first.start() == 0 else ""
    behind = r"(?:['’]s)?(?!\w)" if re.search(r"\w\*?\Z", words[-1]) else ""
    return Phrase(
        text,
        re.compile(before + pattern + behind),
        first.group() if first else "",
        first is not None and bare[0] == first.group() and words[0].endswith("*"),
    )


def read_wording(source: Source, report: Report) -> Wording | None:
    """The list in a file, or None where an error was reported that leaves none."""
    toml = TomlFile(source, report, Faults(*[rules.WORDING_FILE] * 3))
    table = toml.load()
    if table is None:
        return None
    for key in table:
        if key not in ("language", "word"):
            toml.unknown(key, ("language", "word"))
    language = read_language(toml, table)
    listed = table.get("word", [])
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        toml.wrong("word", "tables of their own", '[[word]]\n  avoid = ["…"]')
        return None
    reader = _Reader(toml)
    words = tuple(reader.word(each, number) for number, each in enumerate(listed))
    if toml.failed:
        return None
    return Wording(source, words, language, toml.value("language"))


class _Reader:
    """Reads the entries of a list."""

    def __init__(self, toml: TomlFile) -> None:
        self._toml = toml
        self._seen: set[str] = set()

    def word(self, table: dict[str, Any], number: int) -> Avoided:
        """One entry; its faults are reported."""
        toml, section = self._toml, self._toml.section("word", number)
        for key in table:
            if key not in _KEYS:
                toml.unknown(key, _KEYS, "word.", section)
        if not table.get("avoid"):
            toml.missing("avoid", 'avoid = ["…"]', toml.key("word", section))
        severity = toml.text(table, "severity", 'severity = "warning"', section) or "warning"
        if severity not in list(Severity):
            near = suggestion(severity, list(Severity))
            example = 'severity = "warning"' + (f"; {near}" if near else "")
            toml.wrong("severity", "error, warning or info", example, section)
            severity = "warning"
        return Avoided(
            self._phrases(table, "avoid", section),
            toml.text(table, "say", section=section),
            toml.text(table, "reason", section=section),
            Severity(severity),
            self._phrases(table, "except", section),
        )

    def _phrases(
        self, table: dict[str, Any], key: str, section: tuple[int, int] | None
    ) -> tuple[Phrase, ...]:
        toml = self._toml
        phrases = []
        texts = toml.texts(table, key, "a list of words or phrases", f'{key} = ["…"]', section)
        for text in texts:
            if not re.fullmatch(r"[^*]*\w\*?(?:[^*\w][^*]*\w\*?)*[^*\w]*", text):
                toml.say(
                    rules.WORDING_FILE,
                    "a * stands only at the end of a word, for whatever else the word may end in",
                    toml.quoted(key, text, section),
                    'write it as in avoid = ["abuse*"]',
                )
            elif key == "avoid" and text.lower() in self._seen:
                message = f"`{text}` is listed twice"
                span = toml.quoted(key, text, section)
                toml.say(rules.WORDING_FILE, message, span, "leave one of the two out")
            else:
                phrases.append(_phrase(text))
            if key == "avoid":
                self._seen.add(text.lower())
        return tuple(phrases)


MAX_HITS = 100
"""In one field: nobody mends more at once."""


class WordingJudge:
    """Looks for the words of a list in notes: in all that learners see, except citations."""

    def __init__(self, wording: Wording) -> None:
        self._anywhere: list[tuple[Phrase, Avoided]] = []
        self._by_word: dict[str, list[tuple[Phrase, Avoided]]] = {}
        self._by_beginning: list[tuple[Phrase, Avoided]] = []
        self._known: dict[str, list[tuple[Phrase, Avoided]]] = {}
        self._headings: set[Span] = set()
        for avoided in wording.words:
            for phrase in avoided.phrases:
                if not phrase.first:
                    self._anywhere.append((phrase, avoided))
                elif phrase.begins:
                    self._by_beginning.append((phrase, avoided))
                else:
                    self._by_word.setdefault(phrase.first, []).append((phrase, avoided))

    def judge(self, view: View) -> Iterator[Diagnostic]:
        """Every avoided word in the fields of a note, and in headings not seen before."""
        common = view.note.common
        for prose in view.texts:
            yield from self._in(prose)
        for field in (common.hint, common.extra, common.accept):
            if field:
                yield from self._in(Prose(field))
        for heading in common.context:
            if heading.span not in self._headings:
                self._headings.add(heading.span)
                yield from self._in(Prose((heading.block,)))

    def finish(self) -> Iterator[Diagnostic]:
        """Nothing waits for the last note."""
        return iter(())

    def _in(self, prose: Prose) -> Iterator[Diagnostic]:
        for start, end, avoided in self._hits(prose.low):
            yield _found(prose.low[start:end], avoided, prose.span(start, end))
        if prose.objects:
            yield from self._in_pictures(prose.blocks)

    def _in_pictures(self, blocks: Markdown) -> Iterator[Diagnostic]:
        for image in (image for block in blocks for image in block.content.images):
            low = image.alt.lower()
            if not image.is_sound:
                for start, end, avoided in self._hits(low):
                    yield _found(low[start:end], avoided, image.span)

    def _hits(self, low: str) -> list[tuple[int, int, Avoided]]:
        """Where a text in lower case has avoided words; of overlapping ones the first."""
        candidates = {phrase.text: (phrase, avoided) for phrase, avoided in self._anywhere}
        for word in dict.fromkeys(_TOKEN.findall(low)):
            for phrase, avoided in self._candidates(word):
                candidates[phrase.text] = phrase, avoided
        hits = []
        for phrase, avoided in candidates.values():
            allowed = [
                match.span()
                for exception in avoided.exceptions
                for match in exception.pattern.finditer(low)
            ]
            for match in phrase.pattern.finditer(low):
                start, end = match.span()
                if not any(first <= start and end <= behind for first, behind in allowed):
                    hits.append((start, end, avoided))
        hits.sort(key=lambda hit: (hit[0], -hit[1]))
        apart: list[tuple[int, int, Avoided]] = []
        for hit in hits:
            if not apart or apart[-1][1] <= hit[0]:
                apart.append(hit)
        return apart[:MAX_HITS]

    def _candidates(self, word: str) -> list[tuple[Phrase, Avoided]]:
        found = self._known.get(word)
        if found is None:
            found = list(self._by_word.get(word, ()))
            found += [each for each in self._by_beginning if word.startswith(each[0].first)]
            self._known[word] = found
        return found


def _found(text: str, avoided: Avoided, span: Span) -> Diagnostic:
    rule = rules.AVOIDED_WORD._replace(severity=avoided.severity)
    help = f"say `{avoided.say}`" if avoided.say else "say it in another way"
    if avoided.reason:
        help += f": {avoided.reason}"
    message = f"`{' '.join(text.split())}` is on the deck's list of words to avoid"
    return finding(rule, message, span, help)
