"""deck.toml -> Manifest, with a place for every error. Knows no notes."""

from __future__ import annotations

import re
import unicodedata
from typing import Any, NamedTuple

from crss_deck import diagnostics as rules
from crss_deck.diagnostics import Report, Severity
from crss_deck.source import Source, Span
from crss_deck.spelling import suggestion
from crss_deck.toml import Faults, Section, TomlFile

FORMAT = 1
KEY = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
MAX_KEY_LENGTH = 64
TAG = re.compile(r"[\w-]+(?:\.[\w-]+)*(?:::[\w-]+(?:\.[\w-]+)*)*")
CLAIM = re.compile(r"[A-Za-z0-9]+(?:[-._][A-Za-z0-9]+)*")
VERSION = re.compile(r"(?:0|[1-9][0-9]{0,8})(?:\.(?:0|[1-9][0-9]{0,8})){2}")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8})*")
_NAMED_LANGUAGES = {
    "english": "en", "german": "de", "deutsch": "de", "french": "fr", "français": "fr",
    "spanish": "es", "español": "es", "portuguese": "pt", "português": "pt", "italian": "it",
    "italiano": "it", "polish": "pl", "polski": "pl",
}  # fmt: skip
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


class Limit(NamedTuple):
    """How much of something is too much: more than `warning`, and worse, more than `error`."""

    warning: int
    error: int = 0
    """0 for none."""

    def wider(self, other: Limit) -> Limit:
        """What either of two limits lets pass."""
        error = max(self.error, other.error) if self.error and other.error else 0
        return Limit(max(self.warning, other.warning), error)


class Limits(NamedTuple):
    """How much a card may hold; the keys of `[check.limits]`, with `_` for `-`."""

    answer_words: Limit = Limit(40)
    front_words: Limit = Limit(30)
    list_items: Limit = Limit(3, 5)
    cloze_words: Limit = Limit(6, 12)
    cloze_numbers: Limit = Limit(3)
    reversed_words: Limit = Limit(8)


LIMIT_KEYS = tuple(name.replace("_", "-") for name in Limits._fields)


class TagLimits(NamedTuple):
    """Limits for the notes with a tag, or with one below it; and where deck.toml has them."""

    tag: str
    limits: dict[str, Limit]
    span: Span | None


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
    claims: str = ""
    """Path of the file of claims that notes cite."""
    wording: str = ""
    """Path of the file of words to avoid."""
    ignored: tuple[RuleUse, ...] = ()
    """Rules whose findings `[check]` silences in the whole deck."""
    selected: tuple[RuleUse, ...] = ()
    """Rules about style, off by default, that `[check]` turns into warnings."""
    quality: bool = True
    """Whether cards are judged."""
    limits: Limits = Limits()
    tag_limits: tuple[TagLimits, ...] = ()

    @property
    def direction(self) -> str:
        """Whether the deck's language runs `ltr` or `rtl`."""
        return "rtl" if self.language.split("-")[0].lower() in _RIGHT_TO_LEFT else "ltr"


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
    "claims",
    "wording",
    "source",
    "check",
)
_CHECK_KEYS = ("ignore", "select", "quality", "limits")
_SOURCE_KEYS = ("title", "url")
_FAULTS = Faults(rules.MANIFEST_SYNTAX, rules.MANIFEST_KEY, rules.MANIFEST_VALUE)


def read_manifest(source: Source, report: Report) -> Manifest | None:
    """The manifest, or None where an error was reported that leaves none."""
    return _Reader(source, report).read()


class _Reader:
    def __init__(self, source: Source, report: Report) -> None:
        self._toml = TomlFile(source, report, _FAULTS)

    def read(self) -> Manifest | None:
        toml = self._toml
        table = toml.load()
        if table is None:
            return None
        for key in table:
            if key not in _KEYS:
                toml.unknown(key, _KEYS)
        for key in _REQUIRED:
            if key not in table:
                toml.missing(key, _example(key))
        format_ = table.get("format", FORMAT)
        if type(format_) is not int or format_ != FORMAT:
            huge = isinstance(format_, int) and format_ > 999  # Python may refuse to write it
            toml.say(
                rules.MANIFEST_VALUE,
                f"{'this format' if huge else f'format {format_!r}'} is not known: this crss-deck"
                f" reads format {FORMAT}",
                toml.key("format"),
                f"write format = {FORMAT}, or install a newer crss-deck",
            )
        in_source, in_words = toml.section("source"), toml.section("words")
        about = self._table(table, "source", _SOURCE_KEYS, "title and url", 'title = "…"')
        words = self._table(table, "words", Words._fields, "words for cards", 'hint = "…"')
        check = self._table(table, "check", _CHECK_KEYS, "ignore and select", 'ignore = ["…"]')
        deck_id = self._text(table, "id")
        if "id" in table and (not KEY.fullmatch(deck_id) or len(deck_id) > MAX_KEY_LENGTH):
            toml.wrong(
                "id",
                f"lower-case words joined by hyphens, at most {MAX_KEY_LENGTH} characters",
                f'id = "{slug(deck_id) or "my-deck-k3v9qx"}"',
            )
        limits, tag_limits = self._limits(check)
        manifest = Manifest(
            id=deck_id,
            name=self._name(table),
            version=self._version(table),
            tag_root=self._matching(table, "tag_root", TAG, "a tag", '"MyDeck"') or deck_id,
            language=read_language(toml, table) or "en",
            description=self._text(table, "description"),
            authors=toml.texts(table, "authors", "a list of names", 'authors = ["A. Author"]'),
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
            words=Words(*(self._text(words, name, in_words) for name in Words._fields)),
            source_title=self._text(about, "title", in_source),
            source_url=self._matching(
                about, "url", _URL, "an https address", '"https://…"', in_source
            ),
            claims=self._text(table, "claims"),
            wording=self._text(table, "wording"),
            ignored=self._rules(check, "ignore"),
            selected=self._rules(check, "select"),
            quality=toml.flag(check, "quality", True, toml.section("check")),
            limits=limits,
            tag_limits=tag_limits,
        )
        return None if toml.failed else manifest

    # -- values

    def _table(
        self, table: dict[str, Any], key: str, known: tuple[str, ...], named: str, example: str
    ) -> dict[str, Any]:
        """A table of the file, without surprises."""
        value = table.get(key, {})
        if not isinstance(value, dict):
            self._toml.wrong(key, f"a table with {named}", f"[{key}]\n  {example}")
            return {}
        for each in value:
            if each not in known:
                self._toml.unknown(each, known, f"{key}.", self._toml.section(key))
        return value

    def _text(self, table: dict[str, Any], key: str, section: Section = None) -> str:
        return self._toml.text(table, key, _example(key), section)

    def _matching(
        self,
        table: dict[str, Any],
        key: str,
        pattern: re.Pattern[str],
        wanted: str,
        example: str,
        section: Section = None,
    ) -> str:
        value = self._text(table, key, section)
        if value and not pattern.fullmatch(value):
            self._toml.wrong(key, wanted, f"{key} = {example}", section)
        return value

    def _version(self, table: dict[str, Any]) -> str:
        value = table.get("version")
        span = self._toml.value("version") if type(value) in (int, float) else None
        example = f'"{_three(span.text if span else value)}"'  # 1.10 is not 1.1
        if span is not None:
            self._toml.wrong("version", "three numbers between quotes", f"version = {example}")
            return ""
        return self._matching(table, "version", VERSION, "three numbers", example)

    def _rules(self, table: dict[str, Any], key: str) -> tuple[RuleUse, ...]:
        """The names of rules: errors of form cannot be ignored, and only infos need be selected."""
        value, section = table.get(key, []), self._toml.section("check")
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            self._toml.wrong(key, "a list of rules", f'{key} = ["rule-name"]', section)
            return ()
        found = []
        for name in value:
            use = RuleUse(name, self._toml.quoted(key, name, section))
            rule = rules.RULES.get(name)
            if rule is None:
                message, help = f"there is no rule `{name}`", suggestion(name, rules.RULES)
            elif key == "ignore" and not rule.allowable:
                message, help = f"`{name}` is an error and cannot be ignored", "mend what it finds"
            elif key == "select" and rule.severity is not Severity.INFO:
                message, help = f"`{name}` is on already", "leave it out"
            else:
                found.append(use)
                continue
            self._toml.say(rules.MANIFEST_VALUE, message, use.span, help or "see crss-deck explain")
        return tuple(found)

    def _limits(self, check: dict[str, Any]) -> tuple[Limits, tuple[TagLimits, ...]]:
        """The limits for all cards, and those for cards with a tag."""
        value = check.get("limits", {})
        if not isinstance(value, dict):
            self._toml.wrong("limits", "a table", "[check.limits]\n  answer-words = 20")
            return Limits(), ()
        by_tag = []
        for tag, table in value.items():
            if not isinstance(table, dict):
                continue
            headers = (f'check.limits."{tag}"', f"check.limits.'{tag}'", f"check.limits.{tag}")
            header = next(filter(self._toml.section, headers), "")
            span = self._toml.key(header) if header else None
            if not TAG.fullmatch(tag):
                message = f"limits are given for `{tag}`, which is not a tag"
                help = 'write a tag between quotes: [check.limits."kind::scenario"]'
                self._toml.say(rules.MANIFEST_VALUE, message, span, help)
                continue
            section = self._toml.section(header) if header else None
            by_tag.append(
                TagLimits(tag, self._limits_in(table, f"check.limits.{tag}.", section), span)
            )
        own = {key: each for key, each in value.items() if not isinstance(each, dict)}
        section = self._toml.section("check.limits")
        return Limits(**self._limits_in(own, "check.limits.", section)), tuple(by_tag)

    def _limits_in(self, table: dict[str, Any], prefix: str, section: Section) -> dict[str, Limit]:
        found = {}
        for key, value in table.items():
            if key not in LIMIT_KEYS:
                self._toml.unknown(key, LIMIT_KEYS, prefix, section)
                continue
            numbers = value if isinstance(value, list) else [value]
            good = all(type(each) is int and each > 0 for each in numbers)
            if good and (len(numbers) == 1 or (len(numbers) == 2 and numbers[0] < numbers[1])):
                found[key.replace("-", "_")] = Limit(*numbers)
            else:
                self._toml.wrong(
                    key,
                    "a whole number from 1, or two: for a warning and, higher, for an error",
                    f"{key} = 20, or {key} = [20, 40]",
                    section,
                )
        return found

    def _name(self, table: dict[str, Any]) -> str:
        """Anki joins parts with `::` and makes "blank" of an empty one."""
        name = self._text(table, "name")
        if name and (problem := deck_name_problem(name)):
            self._toml.wrong("name", problem, _example("name"))
        return name


def read_language(toml: TomlFile, table: dict[str, Any]) -> str:
    """The value of `language`, a tag by which programs know it; a fault is reported."""
    value = toml.text(table, "language", 'language = "en"')
    if value and not _LANGUAGE.fullmatch(value):
        tag = _NAMED_LANGUAGES.get(value.lower(), value.replace("_", "-"))
        meant = f'language = "{tag}"' if _LANGUAGE.fullmatch(tag) else ""
        toml.wrong("language", "a language tag", meant or 'a tag such as "en" or "pt-BR"')
    return value


_VERSION_LINE = re.compile(r"""^version[ \t]*=[ \t]*["']([^"'\n]+)["']""", re.MULTILINE)


def version_span(source: Source) -> Span | None:
    """The place of the version in deck.toml, without its quotes."""
    match = _VERSION_LINE.search(source.text)
    return source.span(match.start(1), match.end(1)) if match else None


def value_span(source: Source, key: str) -> Span | None:
    """The place of the value of a key of deck.toml."""
    return TomlFile(source, lambda _: None, _FAULTS).value(key)


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
        "claims": 'claims = "claims.toml"',
        "wording": 'wording = "wording.toml"',
    }
    return examples.get(key, f'{key} = "…"')
