"""Pieces of a notes file -> notes. Reads no files and renders nothing."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import NamedTuple

from crss_deck import diagnostics as rules
from crss_deck import labels
from crss_deck.diagnostics import RULES, Diagnostic, Edit, Related, Report, Rule
from crss_deck.frontmatter import FrontMatter, Word, misplaced_front_matter, read_front_matter
from crss_deck.inlines import MAX_CLOZE_NUMBER, ClozeDeletion
from crss_deck.manifest import CLAIM, KEY, MAX_KEY_LENGTH, TAG
from crss_deck.markdown import (
    Block,
    Break,
    Heading,
    Label,
    Markdown,
    Metadata,
    Piece,
    parse_markdown,
)
from crss_deck.metadata import METADATA_KEYS, Entry, read_metadata
from crss_deck.model import Allow, BasicNote, ClozeNote, Common, Note
from crss_deck.source import Source, Span
from crss_deck.spelling import suggestion

MAX_TAG_LENGTH = 100
MAX_FIELD_LENGTH = 100_000

_OPENING = (labels.QUESTION, labels.CLOZE)
_JOINED_ENTRY = re.compile(rf"[\s,]+((?:{'|'.join(METADATA_KEYS)})\b:?)")
_ALLOW = re.compile(r"[a-z-]+\s*\(((?:\([^()]*\)|[^)])*)\)")


class TagUse(NamedTuple):
    """A tag where it is written: for checks over the whole deck."""

    tag: str
    span: Span


class NotesFile(NamedTuple):
    """What one notes file holds."""

    notes: list[Note]
    tags: list[TagUse]
    key_spans: list[tuple[str, Span]]
    """Every name a note takes, `id` and `was`, with its place."""
    claims: list[Word]
    """Every claim that a note cites."""


def parse_notes(source: Source, report: Report) -> NotesFile:
    """Parse one notes file; every fault is reported, and what can be understood is returned."""
    document = parse_markdown(source, report)
    if document.front_matter is None:
        misplaced_front_matter(source, report)
        front_matter = FrontMatter()
    else:
        misplaced_front_matter(source, report, document.front_matter)
        front_matter = read_front_matter(document.front_matter, report)
    parser = _Parser(source, front_matter, report)
    for piece in document.pieces:
        parser.take(piece)
    parser.end_note("the end of the file")
    return NotesFile(parser.notes, parser.tags, parser.key_spans, parser.claims)


class _Draft:
    """A note while its pieces come in."""

    def __init__(self, opening: str, span: Span, bare: bool) -> None:
        self.opening = opening
        self.bare = bare
        self.source, self.start, self.end = span
        self.fields: dict[str, list[Block]] = {opening: []}
        self.labels: dict[str, Span] = {opening: span}
        self.current = opening
        self.entries: list[Entry] = []
        self.metadata: Span | None = None

    def extend(self, span: Span) -> None:
        self.end = max(self.end, span.end)

    @property
    def span(self) -> Span:
        return Span(self.source, self.start, self.end)


class _Parser:
    def __init__(self, source: Source, front_matter: FrontMatter, report: Report) -> None:
        self._source = source
        self._front_matter = front_matter
        self._report = report
        self._draft: _Draft | None = None
        self._ended_by = ""
        self._orphan = False
        """Whether a label without a note was reported, until the next note begins."""
        self._path: list[Heading] = []
        self.notes: list[Note] = []
        self.tags: list[TagUse] = []
        self.key_spans: list[tuple[str, Span]] = []
        self.claims: list[Word] = []
        self._file_tags = self._checked_tags(front_matter.tags)

    def _say(self, rule: Rule, message: str, span: Span, help: str = "", *also: Related) -> None:
        self._report(Diagnostic(rule, message, self._source, span, help, also))

    # -- one piece after another

    def take(self, piece: Piece) -> None:
        """Take the next piece: it opens a note, belongs to the open one, or ends it."""
        match piece:
            case Label():
                self._label(piece)
            case Block():
                self._block(piece)
            case Metadata():
                self._metadata(piece)
            case Heading():
                draft, line = self._draft, piece.underline
                bare = draft is not None and draft.bare and draft.current == draft.opening
                if draft and line and not bare and self._underlined(piece, line):
                    draft.extend(piece.span._replace(end=line.start))
                self.end_note("the heading", piece.span)
                self._path = [h for h in self._path if h.level < piece.level] + [piece]
            case Break():
                self.end_note("the thematic break", piece.span)

    def _underlined(self, heading: Heading, line: Span) -> bool:
        """Report a line that makes a heading of what was probably text of the open note."""
        if any(map(labels.read_label, heading.written.split("\n"))):
            return False  # said of the label
        rule = line.text.startswith("-")
        lines, ending = heading.written.count("\n"), heading.written.rstrip()[-1:]
        if not (lines or ending in ".!?…:;,)" or (rule and len(line.text) <= len("---"))):
            return False  # a heading was meant
        self._say(
            rules.UNDERLINED_TEXT,
            "this line makes a heading of the text above it, which would be lost to the note",
            line,
            ("leave a blank line above it; " if rule else "remove it; ")
            + f"for a heading, close the note and write {'#' * heading.level} before the text",
        )
        return True

    def _label(self, label: Label) -> None:
        name = label.name
        if label.fault is not None:
            lost = name not in _OPENING and self._draft is None
            # Outside any note it is probably prose, and mending it would only bring another error.
            self._report(label.fault._replace(fix=None) if lost else label.fault)
            if lost:
                return
        if name in _OPENING:
            self._orphan = False
            self.end_note("the next note")
            self._draft = _Draft(name, label.span, bare=False)
            return
        draft = self._draft
        if draft is None and self._orphan:
            return  # one for all labels of the note that is not there
        if draft is None:
            self._orphan = True
            ended = (
                f": {self._ended_by} ended the note above" if self.notes and self._ended_by else ""
            )
            self._say(
                rules.LABEL_WITHOUT_NOTE,
                f"`{name}:` has no note to belong to{ended}",
                label.span,
                "put the metadata comment behind it, at the end of the note"
                if self._ended_by == "a metadata comment"
                else "open a note with `Q:` or `C:` first",
            )
            return
        if name == labels.ANSWER and draft.opening == labels.CLOZE:
            self._say(
                rules.LABEL_OF_OTHER_KIND,
                "a cloze note has no answer: what its clozes hide is the answer",
                label.span,
                "write `Extra:` for text on the back, or open a note with `Q:`",
                Related(draft.labels[draft.opening], "the cloze note begins here"),
            )
            name = labels.EXTRA
        if name in draft.labels:
            self._say(
                rules.DUPLICATE_LABEL,
                f"this note has `{name}:` twice",
                label.span,
                "join the two, or close the note above with its comment or ---",
                Related(draft.labels[name], "the first one is here"),
            )
        else:
            draft.labels[name] = label.span
        draft.fields.setdefault(name, [])
        draft.current = name
        draft.extend(label.span)

    def _block(self, block: Block) -> None:
        draft = self._draft
        if draft is not None and (not draft.bare or draft.current != draft.opening):
            draft.fields[draft.current].append(block)
            draft.extend(block.span)
            if block.cloze_mark is not None and draft.current != labels.CLOZE:
                self._stray(block, block.cloze_mark, draft)
        elif block.cloze_mark is not None:
            self._orphan = False
            self.end_note("the next note")
            self._draft = _Draft(labels.CLOZE, block.span, bare=True)
            self._draft.fields[labels.CLOZE].append(block)
        else:
            self.end_note("the paragraph" if block.kind == "paragraph" else "the block", block.span)

    def _stray(self, block: Block, mark: Span, draft: _Draft) -> None:
        for unnumbered in block.unnumbered:
            self._say(
                rules.UNNUMBERED_CLOZE,
                f"`{{{{` opens a cloze, but the field `{draft.current}:` hides nothing",
                unnumbered.span,
                "close the note with its comment or `---`, or open a cloze note with `C:`;"
                r" write \{{…\}} for literal braces",
            )
        if any(unnumbered.span == mark for unnumbered in block.unnumbered):
            return
        answer = draft.current == labels.ANSWER
        self._say(
            rules.STRAY_CLOZE,
            f"a cloze in the field `{draft.current}:` hides nothing",
            mark,
            ("leave out the braces, since the answer is hidden anyway; or " * answer)
            + "close the note with its comment or `---`, or open a cloze note with `C:`",
            Related(draft.labels[draft.current], "the field begins here"),
        )

    def _metadata(self, metadata: Metadata) -> None:
        draft = self._draft
        if draft is None:
            if not self._ended_by:
                why = "before any note"
            elif self._ended_by == "a metadata comment":
                why = "under a note that has one already"
            elif self.notes:
                why = f"under no note: {self._ended_by} ended the note above"
            else:
                why = f"under no note, but under {self._ended_by}"
            self._say(
                rules.MISPLACED_METADATA,
                f"metadata stands {why}",
                metadata.span,
                "put it under its note",
            )
            return
        draft.entries = read_metadata(metadata.content, self._report)
        draft.metadata = metadata.content
        draft.extend(metadata.span)
        self.end_note("a metadata comment")

    # -- a whole note

    def end_note(self, ended_by: str, place: Span | None = None) -> None:
        """Close the open note, if any, and check it as a whole."""
        where = f" in line {place.location.line}" if place else ""
        self._ended_by = f"{ended_by}{where}"
        draft, self._draft = self._draft, None
        if draft is None:
            return
        for name, blocks in draft.fields.items():
            size = sum(block.span.end - block.span.start for block in blocks)
            if size > MAX_FIELD_LENGTH:
                self._say(
                    rules.FIELD_TOO_LARGE,
                    f"the field `{name}:` has {size} characters, and no card shows so many",
                    draft.labels[name],
                    f"split the note: a field has at most {MAX_FIELD_LENGTH} characters",
                )
            if not _visible(blocks):
                self._say(
                    rules.EMPTY_FIELD,
                    f"the field `{name}:` is empty",
                    draft.labels[name],
                    "write its text behind the label or on the lines below it",
                )
        if draft.opening == labels.QUESTION:
            self._end_basic(draft)
        else:
            self._end_cloze(draft)

    def _end_basic(self, draft: _Draft) -> None:
        if labels.ANSWER not in draft.labels:
            self._say(
                rules.QUESTION_WITHOUT_ANSWER,
                "the question has no answer",
                draft.labels[labels.QUESTION],
                f"add a line `A: …` {'above its comment' if draft.metadata else 'below it'}",
            )
        entries = {entry.key: entry for entry in draft.entries}
        common = self._common(draft)
        back = tuple(draft.fields.get(labels.ANSWER, ()))
        type_in = ""
        if "type-in" in entries:
            type_in = self._answer_to_type(entries["type-in"], back)
        front = tuple(draft.fields[labels.QUESTION])
        self.notes.append(BasicNote(common, front, back, "reversed" in entries, type_in))

    def _answer_to_type(self, entry: Entry, back: Markdown) -> str:
        if entry.value:
            return entry.value
        line = _plain_line(back)
        if not line or "  " in line:
            self._say(
                rules.TYPE_IN_ANSWER,
                "the answer has blanks in a row, of which a card shows one"
                if line
                else "the answer is not one plain line that could be typed",
                entry.span,
                "name the text to type: `type-in: the text`",
            )
        return line

    def _end_cloze(self, draft: _Draft) -> None:
        blocks = tuple(draft.fields[labels.CLOZE])
        deletions: list[ClozeDeletion] = [d for block in blocks for d in block.deletions]
        marks = any(block.cloze_mark is not None for block in blocks)
        if not deletions and not marks and _visible(blocks):
            self._say(
                rules.CLOZE_WITHOUT_DELETION,
                "the cloze note hides nothing",
                self._source.span(draft.start, blocks[-1].span.end),
                "mark the words to hide: {{c1::like this}}",
            )
        self._number(blocks, deletions)
        entries = {entry.key: entry for entry in draft.entries}
        if "reversed" in entries:
            self._say(
                rules.REVERSED_CLOZE,
                "a cloze note has no other side to ask",
                entries["reversed"].span,
                "remove it, or write the note as `Q:` and `A:`",
            )
        typing = entries.get("type-in")
        if typing is not None and typing.value:
            self._say(
                rules.TYPE_IN_ANSWER,
                "in a cloze note the learner types what the cloze hides",
                typing.span,
                "write type-in alone",
            )
        common = self._common(draft)
        deletions.sort(key=lambda deletion: deletion.span.start)
        self.notes.append(ClozeNote(common, blocks, tuple(deletions), typing is not None))

    def _number(self, blocks: Markdown, deletions: list[ClozeDeletion]) -> None:
        """Say which number each unnumbered cloze may take: its own, or the next one unused."""
        used = {deletion.number for deletion in deletions}
        highest = max(used, default=0)
        for unnumbered in (each for block in blocks for each in block.unnumbered):
            number = unnumbered.number
            if number is None or number in used or not 0 < number <= MAX_CLOZE_NUMBER:
                number = highest + 1
            used.add(number)
            highest = max(highest, number)
            span, prefix = unnumbered.span, unnumbered.prefix
            free = number <= MAX_CLOZE_NUMBER
            answer = self._source.text[prefix.end : span.end - 2].strip()
            self._report(
                Diagnostic(
                    rules.UNNUMBERED_CLOZE,
                    "the cloze has no number, and none is made up: numbers carry study progress"
                    if unnumbered.number is None
                    else "a cloze number is written with a c before it",
                    self._source,
                    span,
                    f"write {{{{c{number}::{answer}}}}}; for literal braces write \\{{{{…\\}}}}"
                    if free
                    else f"no number up to {MAX_CLOZE_NUMBER} is left above those in use:"
                    " choose one that this note never had",
                    fix=Edit(prefix, f"c{number}::") if free else None,
                )
            )

    def _common(self, draft: _Draft) -> Common:
        entries = {entry.key: entry for entry in draft.entries}
        key = self._key(entries.get("id"))
        was = self._key(entries.get("was"))
        for name, entry in ((key, "id"), (was if was != key else "", "was")):
            if name:
                self.key_spans.append((name, entries[entry].value_span))
        own_tags: tuple[str, ...] = ()
        claims: tuple[str, ...] = ()
        if "tags" in entries:
            own_tags = self._checked_tags(_words(entries["tags"]))
        if "claims" in entries:
            claims = self._claims(entries["claims"])
        fields = draft.fields
        return Common(
            key=key,
            origin=was or key,
            span=draft.span,
            has_id=_names_id(draft.metadata),
            hint=tuple(fields.get(labels.HINT, ())),
            extra=tuple(fields.get(labels.EXTRA, ())),
            accept=tuple(fields.get(labels.ACCEPT, ())),
            citation=tuple(fields.get(labels.SOURCE, ())),
            file_citation=self._front_matter.citation,
            context=tuple(self._path),
            tags=tuple(dict.fromkeys(self._file_tags + own_tags)),
            claims=claims,
            subdeck=self._front_matter.subdeck,
            allows=tuple(
                allow
                for entry in draft.entries
                if entry.key == "allow" and (allow := self._allow(entry))
            ),
            entries=draft.metadata,
        )

    # -- values of entries

    def _key(self, entry: Entry | None) -> str:
        if entry is None or not entry.value:
            return ""
        key = entry.value
        if KEY.fullmatch(key) and len(key) <= MAX_KEY_LENGTH:
            return key
        joined = _JOINED_ENTRY.search(key)
        if joined:
            start = entry.value_span.start + joined.start(1)
            self._say(
                rules.INVALID_KEY,
                f"a `;` is missing before `{joined.group(1)}`",
                self._source.span(start, start + len(joined.group(1))),
                f"write {entry.key}: {key[: joined.start()]}; {joined.group(1)}…",
            )
            return ""
        slug = re.sub(r"[^a-z0-9]+", "-", key.lower()).strip("-")[:MAX_KEY_LENGTH].strip("-")
        self._say(
            rules.INVALID_KEY,
            f"`{entry.key}` must be lower-case words joined by hyphens,"
            f" at most {MAX_KEY_LENGTH} characters",
            entry.value_span,
            f"write {entry.key}: {slug or 'a-short-name'}",
        )
        return ""

    def _checked_tags(self, words: tuple[Word, ...]) -> tuple[str, ...]:
        good = []
        for word in words:
            tag = unicodedata.normalize("NFC", word.text)
            if TAG.fullmatch(tag) and len(tag) <= MAX_TAG_LENGTH:
                good.append(tag)
                self.tags.append(TagUse(tag, word.span))
            else:
                parts = re.split(r":+|/+", tag.strip("#,;\"'[]"))
                better = "::".join(
                    filter(
                        None,
                        (
                            re.sub(r"\.\.+", ".", re.sub(r"[^\w.-]+", "-", part)).strip("-.")
                            for part in parts
                        ),
                    )
                )[:MAX_TAG_LENGTH].rstrip(":.")
                self._say(
                    rules.INVALID_TAG,
                    f"`{tag}` is not a tag: letters, digits, `_`, `-` and single dots,"
                    f" parts joined by `::`, at most {MAX_TAG_LENGTH} characters",
                    word.span,
                    f"write {better or 'topic'} (several tags are separated by blanks)",
                )
        return tuple(good)

    def _claims(self, entry: Entry) -> tuple[str, ...]:
        claims = []
        for word in _words(entry):
            if CLAIM.fullmatch(word.text):
                claims.append(word.text)
                self.claims.append(word)
            else:
                self._say(
                    rules.INVALID_CLAIM,
                    f"`{word.text}` is not a claim: letters and digits joined by hyphens or dots",
                    word.span,
                    "separate claims by spaces: claims: X-1 X-2",
                )
        return tuple(dict.fromkeys(claims))

    def _allow(self, entry: Entry) -> Allow | None:
        value = entry.value or ""
        name = value.partition("(")[0].strip()
        rule, match = RULES.get(name), _ALLOW.fullmatch(value)
        reason = match.group(1).strip() if match else ""
        if rule is None:
            message = f"there is no rule `{name or value}`"
            help = suggestion(name, RULES) or "`crss-deck explain` lists all"
        elif not rule.allowable:
            message, help = f"`{name}` is an error and cannot be allowed", "mend what it finds"
        elif not reason:
            message, help = "an allow gives a reason", f"write allow: {name} (the reason)"
        else:
            return Allow(name, reason, entry.span)
        self._say(rules.INVALID_ALLOW, message, entry.value_span, help)
        return None


_ID = re.compile(r"(?:^|[;\n])\s*id\s*(?:$|[:;\n])", re.IGNORECASE)


def _names_id(entries: Span | None) -> bool:
    """Whether a metadata comment names an id, well-formed or not: a bad one is an error already."""
    return entries is not None and _ID.search(entries.text) is not None


def _words(entry: Entry) -> tuple[Word, ...]:
    source, start = entry.span.source, entry.value_span.start
    return tuple(
        Word(m.group(), source.span(start + m.start(), start + m.end()))
        for m in re.finditer(r"\S+", entry.value or "")
    )


def _visible(blocks: Iterable[Block]) -> bool:
    """Whether anything of the blocks shows on a card."""
    return any(block.content.visible for block in blocks)


def _plain_line(blocks: Markdown) -> str:
    """The text of a single paragraph that is one line of plain text; else an empty string."""
    if len(blocks) != 1 or not blocks[0].content.plain:
        return ""
    return "".join(blocks[0].content.pieces).strip()
