"""Everything the compiler can say: rules with names, and findings at exact places.

How a finding is printed is the business of `report`.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

from crss_deck.source import Source, Span


class Severity(StrEnum):
    """How bad a finding is: errors stop the package; infos are shown only on request."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class Rule(NamedTuple):
    """A fault the compiler knows, under a name that never changes once released."""

    name: str
    severity: Severity
    summary: str
    configuration: bool = False
    """Whether the fault lies in deck.toml: then nothing can be built at all (exit code 2)."""
    judgment: bool = False
    """Whether it judges what a card says, and not whether it can be built."""

    @property
    def allowable(self) -> bool:
        """Whether an author may overrule it."""
        return self.judgment or self.severity is not Severity.ERROR


class Related(NamedTuple):
    """Another place that belongs to a finding, with what to say about it."""

    span: Span
    message: str


class Edit(NamedTuple):
    """A change of the source that clears a finding: new text for a span (which may be empty)."""

    span: Span
    text: str


class Diagnostic(NamedTuple):
    """One finding: a rule, a headline that stands alone, a place, and what to type instead."""

    rule: Rule
    message: str
    source: Source
    span: Span | None = None
    """None means the whole file."""
    help: str = ""
    related: tuple[Related, ...] = ()
    fix: Edit | None = None
    """What `check --fix` would write; None where an author has to decide."""

    def __str__(self) -> str:
        """The concise form, `path:line:column: severity[rule] message`."""
        from crss_deck.report import concise

        return concise(self)


Report = Callable[[Diagnostic], None]
"""Who takes a finding."""


def sort_key(diagnostic: Diagnostic) -> tuple[str, int, int, str, str]:
    """Order by place in the deck, never by discovery."""
    span = diagnostic.span
    start, end = (-1, -1) if span is None else (span.start, span.end)
    return diagnostic.source.path, start, end, diagnostic.rule.name, diagnostic.message


RULES: dict[str, Rule] = {}


def _rule(
    name: str, summary: str, severity: Severity = Severity.ERROR, configuration: bool = False
) -> Rule:
    rule = RULES[name] = Rule(name, severity, summary, configuration)
    return rule


def _judgment(name: str, summary: str, severity: Severity = Severity.WARNING) -> Rule:
    rule = RULES[name] = Rule(name, severity, summary, judgment=True)
    return rule


# deck.toml
MANIFEST_SYNTAX = _rule("manifest-syntax", "deck.toml is not valid TOML", configuration=True)
MANIFEST_KEY = _rule("manifest-key", "a key of deck.toml is unknown or missing", configuration=True)
MANIFEST_VALUE = _rule(
    "manifest-value", "a value in deck.toml is not what its key needs", configuration=True
)

# deck.lock: what was released
LOCK_SYNTAX = _rule("lock-syntax", "a line of deck.lock is not understood", configuration=True)
LOCK_CONFLICT = _rule("lock-conflict", "a merge left its marks in deck.lock", configuration=True)
LOCK_EDITED = _rule("lock-edited", "deck.lock was changed by hand", configuration=True)
CHANGED_DECK_ID = _rule(
    "changed-deck-id", "the deck was released under another id", configuration=True
)
UNFINISHED_RELEASE = _rule(
    "unfinished-release", "deck.lock has no release of the deck's version", Severity.WARNING
)
TAKEN_KEY = _rule("taken-key", "a released name is used for another note")
UNKNOWN_ORIGIN = _rule("unknown-origin", "a note was never released under the name `was` gives")
FORGOTTEN_WAS = _rule(
    "forgotten-was", "a released note seems to have come under another id", Severity.WARNING
)
MOVED_ID = _rule(
    "moved-id", "a released note seems to have come under the id of another", Severity.WARNING
)
CHANGED_KIND = _rule("changed-kind", "a released note became one of the other kind")

# Files and characters
INVALID_ENCODING = _rule("invalid-encoding", "a file is not UTF-8 text")
MERGE_CONFLICT = _rule("merge-conflict", "a merge left its marks in a file")
CONTROL_CHARACTER = _rule("control-character", "a control character stands in the text")
INVISIBLE_CHARACTER = _rule(
    "invisible-character", "a character that nobody sees changes the text", Severity.WARNING
)
FILE_TOO_LARGE = _rule("file-too-large", "a file is larger than the compiler reads")
UNUSED_FILE = _rule("unused-file", "no note refers to a file of the deck", Severity.WARNING)
FILE_WITHOUT_NOTES = _rule("file-without-notes", "a notes file holds no note", Severity.WARNING)
DECK_WITHOUT_NOTES = _rule("deck-without-notes", "the deck holds no note at all")

# Front matter
FRONT_MATTER_SYNTAX = _rule("front-matter-syntax", "the front matter is not plain YAML")
FRONT_MATTER_PLACE = _rule("front-matter-place", "front matter is not at the top, or not closed")
FRONT_MATTER_KEY = _rule("front-matter-key", "a key of the front matter is unknown or repeated")
FRONT_MATTER_COMMENT = _rule(
    "front-matter-comment", "a # cuts a value of the front matter short", Severity.WARNING
)
FRONT_MATTER_VALUE = _rule("front-matter-value", "a front matter value is of the wrong kind")
SUBDECK_SPELLING = _rule("subdeck-spelling", "a subdeck is spelt in two ways")

# Labels and notes
MISPLACED_LABEL = _rule("misplaced-label", "a label stands where it opens no field")
MISSPELT_LABEL = _rule("misspelt-label", "something is almost a label")
RESERVED_LABEL = _rule("reserved-label", "a word is reserved for a label of a later format")
LABEL_WITHOUT_NOTE = _rule("label-without-note", "a field has no note to belong to")
LABEL_OF_OTHER_KIND = _rule("label-of-other-kind", "a field does not fit the kind of its note")
DUPLICATE_LABEL = _rule("duplicate-label", "a note has the same field twice")
UNDERLINED_TEXT = _rule("underlined-text", "a line under the text of a note makes a heading of it")
RUN_ON_LABELS = _rule(
    "run-on-labels", "labels follow each other without a blank line", Severity.INFO
)
BLOCK_ON_LABEL_LINE = _rule(
    "block-on-label-line", "a list, table, fence or quote starts on a label line"
)
QUESTION_WITHOUT_ANSWER = _rule("question-without-answer", "a question has no answer")
FIELD_TOO_LARGE = _rule("field-too-large", "a field is larger than any card can show")
EMPTY_FIELD = _rule("empty-field", "a field holds nothing")

# Clozes
CLOZE_WITHOUT_DELETION = _rule("cloze-without-deletion", "a cloze note hides nothing")
STRAY_CLOZE = _rule("stray-cloze", "a cloze stands in a field that hides nothing")
UNNUMBERED_CLOZE = _rule("unnumbered-cloze", "a cloze has no number")
MISSPELT_CLOZE = _rule("misspelt-cloze", "something is almost a cloze")
CLOZE_NUMBER = _rule("cloze-number", "a cloze number is not one of 1 to 499")
UNCLOSED_CLOZE = _rule("unclosed-cloze", "a cloze is not closed in its paragraph or cell")
UNOPENED_CLOZE = _rule("unopened-cloze", "two closing braces close no cloze")
CROSSING_CLOZE = _rule("crossing-cloze", "a cloze and other markup overlap")
EMPTY_CLOZE = _rule("empty-cloze", "a cloze has an empty answer or hint")
CLOZE_NESTING = _rule("cloze-nesting", "a cloze stands inside another in a way Anki cannot show")
CLOZE_IN_LITERAL = _rule("cloze-in-literal", "a cloze stands where it cannot hide anything")
BRACE_RUN = _rule("brace-run", "three or more braces in a row are ambiguous")
LITERAL_BRACES = _rule("literal-braces", "double braces that are not a cloze")

# Metadata
MISPLACED_METADATA = _rule("misplaced-metadata", "a metadata comment does not stand under its note")
METADATA_SYNTAX = _rule("metadata-syntax", "an entry of a metadata comment is malformed")
UNKNOWN_METADATA = _rule("unknown-metadata", "a metadata entry is unknown")
DUPLICATE_METADATA = _rule("duplicate-metadata", "a metadata entry is given twice")
INVALID_KEY = _rule("invalid-key", "an id is not a slug")
DUPLICATE_KEY = _rule("duplicate-key", "two notes have the same id")
MISSING_ID = _rule("missing-id", "a note has no id yet", Severity.WARNING)
INVALID_TAG = _rule("invalid-tag", "a tag is not one Anki keeps as written")
TAG_SPELLING = _rule("tag-spelling", "a tag is spelt in two ways")
INVALID_CLAIM = _rule("invalid-claim", "a claim is not an identifier")
INVALID_ALLOW = _rule("invalid-allow", "an allow names no rule, or gives no reason")
REVERSED_CLOZE = _rule("reversed-cloze", "a cloze note cannot be reversed")
TYPE_IN_ANSWER = _rule("type-in-answer", "it is not clear what the learner should type")

# Markup that would swallow text, or that another program reads differently
UNCLOSED_FENCE = _rule("unclosed-fence", "a code fence is not closed")
UNCLOSED_COMMENT = _rule("unclosed-comment", "a comment is not closed")
BROKEN_COMMENT = _rule("broken-comment", "metadata stands in what is not a comment")
NESTED_COMMENT = _rule("nested-comment", "a comment holds the start of another")
TEXT_AFTER_COMMENT = _rule("text-after-comment", "text behind a comment would be lost")
UNCLOSED_MATH = _rule("unclosed-math", "a formula is not closed")
INDENTED_CODE = _rule("indented-code", "indented text would be code")
HTML_BLOCK = _rule("html-block", "a line of HTML swallows what follows")
RAW_HTML = _rule("raw-html", "an HTML tag is not one of the allowed ones")
UNBALANCED_HTML = _rule("unbalanced-html", "an HTML tag is not opened and closed in one place")
FOOTNOTE = _rule("footnote", "footnotes are not part of the language")
UNUSED_LINK_DEFINITION = _rule("unused-link-definition", "a link definition is not used")
NUMBER_IN_PARAGRAPH = _rule("number-in-paragraph", "a numbered line in a paragraph starts no list")
BULLET_IN_PARAGRAPH = _rule("bullet-in-paragraph", "a bullet in a paragraph starts no list")
TYPED_BULLET = _rule("typed-bullet", "typed bullets make no list", Severity.WARNING)
EXTRA_CELL = _rule("extra-cell", "a table row has more cells than its table has columns")
NESTING_TOO_DEEP = _rule("nesting-too-deep", "lists or quotes are nested too deep")
FOREIGN_SYNTAX = _rule("foreign-syntax", "syntax of another Markdown dialect or of Anki")
ANKI_SYNTAX = _rule("anki-syntax", "a sound mark of Anki is shown as text", Severity.WARNING)

# Suppression
UNUSED_ALLOW = _rule(
    "unused-allow",
    "an allow, an ignored rule, a limit or a list has nothing to act on",
    Severity.WARNING,
)

# Math, code, links, media
PROSE_MATH = _rule("prose-math", "a formula holds only words and prices", Severity.WARNING)
MATH_DELIMITER = _rule("math-delimiter", "a formula would end early in Anki")
UNSAFE_MATH = _rule("unsafe-math", "a formula holds a link, a script or a style")
UNBALANCED_MATH = _rule("unbalanced-math", "the braces of a formula do not pair")
UNKNOWN_LANGUAGE = _rule(
    "unknown-language", "a fence names a language nobody knows", Severity.WARNING
)
LINK_TARGET = _rule("link-target", "a link leads nowhere a learner can go")
IMAGE_WITHOUT_ALT = _rule("image-without-alt", "an image has no text for those who cannot see it")
BROKEN_LINK = _rule("broken-link", "something is almost a link or an image")
MISSING_MEDIA = _rule("missing-media", "a media file is not there")
OUTSIDE_MEDIA = _rule("outside-media", "a media file is not inside the source folder")
REMOTE_MEDIA = _rule("remote-media", "an image or sound would be fetched from elsewhere")
MEDIA_NAME_CASE = _rule("media-name-case", "two files differ only in the case of their names")
MEDIA_CONTENT = _rule("media-content", "a media file is not what its name says")
ACTIVE_MEDIA = _rule("active-media", "a drawing holds a script or fetches from elsewhere")
UNSAFE_STYLESHEET = _rule(
    "unsafe-stylesheet", "the deck's stylesheet fetches something, or is not closed"
)
LARGE_MEDIA = _rule("large-media", "media that are slow to get or to show", Severity.WARNING)
UNSUPPORTED_MEDIA = _rule("unsupported-media", "a file is of no kind that Anki shows or plays")

# Files that deck.toml names
CLAIMS_FILE = _rule("claims-file", "the file of claims is not as it should be", configuration=True)
WORDING_FILE = _rule("wording-file", "the list of words is not as it should be", configuration=True)

# Coverage of a source
UNKNOWN_CLAIM = _rule("unknown-claim", "a note cites a claim that the file of claims does not have")
UNCOVERED_CLAIM = _rule("uncovered-claim", "no note covers a claim", Severity.WARNING)
THIN_CORE_CLAIM = _rule(
    "thin-core-claim", "a core claim is asked by fewer than two cards", Severity.WARNING
)

# Wording
AVOIDED_WORD = _judgment("avoided-word", "a word stands on the deck's list of words to avoid")

# Card quality: judged on the card as learners see it. docs/card-quality.md has the measurements
DUPLICATE_FRONT = _judgment("duplicate-front", "two cards ask the same", Severity.ERROR)
NEAR_DUPLICATE = _judgment("near-duplicate", "two notes ask almost the same")
YES_NO_ANSWER = _judgment("yes-no-answer", "the answer is a yes or a no", Severity.ERROR)
YES_NO_QUESTION = _judgment("yes-no-question", "the question leaves a choice of two")
TWO_QUESTIONS = _judgment("two-questions", "a note asks two questions")
JOINED_QUESTIONS = _judgment("joined-questions", "a second question hangs on with `and`")
LIST_TOO_LONG = _judgment("list-too-long", "the answer is a long list")
MISSING_LIST_COUNT = _judgment(
    "missing-list-count", "the question does not say how many things it wants"
)
INLINE_SERIES = _judgment("inline-series", "the answer is a long series", Severity.INFO)
LONG_ANSWER = _judgment("long-answer", "the answer is long")
LONG_FRONT = _judgment("long-front", "the question is long")
SHORT_FRONT = _judgment("short-front", "the question is a word or two", Severity.INFO)
POINTS_ELSEWHERE = _judgment("points-elsewhere", "the question points at what is not on the card")
DANGLING_PRONOUN = _judgment("dangling-pronoun", "the front opens with a pronoun for nothing")
VAGUE_ASK = _judgment("vague-ask", "the question does not say what it wants", Severity.INFO)
MULTIPLE_CHOICE_RESIDUE = _judgment(
    "multiple-choice-residue", "the card is what is left of a multiple-choice item", Severity.ERROR
)
ANSWER_IN_QUESTION = _judgment("answer-in-question", "the question holds the answer")
ANSWER_MOSTLY_IN_QUESTION = _judgment(
    "answer-mostly-in-question", "the question holds most of the answer", Severity.INFO
)
HINT_GIVES_ANSWER = _judgment("hint-gives-answer", "a hint holds the answer")
REVERSED_MISFIT = _judgment(
    "reversed-misfit", "a reversed note makes no good card the other way round", Severity.ERROR
)
CLOZE_LEAK = _judgment("cloze-leak", "a hidden word stands on the same card")
CLOZE_ARTICLE = _judgment("cloze-article", "an article gives a hint at the answer", Severity.INFO)
CLOZE_FUNCTION_WORD = _judgment("cloze-function-word", "a cloze hides a word that says nothing")
CLOZE_SERIES = _judgment("cloze-series", "a cloze hides a whole list")
LONG_CLOZE = _judgment("long-cloze", "a cloze hides many words")
BARE_CLOZE = _judgment("bare-cloze", "a cloze card shows hardly anything", Severity.INFO)
MANY_CLOZES = _judgment("many-clozes", "a note has many clozes", Severity.INFO)
