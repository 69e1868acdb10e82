"""Markdown text -> top-level pieces, each with its exact place in the file.

Reports what Markdown alone would swallow, or read differently than its author. Knows no notes.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from markdown_it.token import Token

from crss_deck import diagnostics as rules
from crss_deck.diagnostics import Diagnostic, Edit, Report, Rule
from crss_deck.grammar import markdown_it_parser
from crss_deck.inlines import NOTHING, ClozeDeletion, InlineChecker, Inlines, Unnumbered, check_math
from crss_deck.labels import LabelMark, read_label
from crss_deck.lowering import Content, block_content, inline_content
from crss_deck.metadata import SPOILT, is_metadata
from crss_deck.source import INVISIBLE, Source, Span

MAX_LEVEL = 90
"""markdown-it drops, without a word, what lies deeper than 100 levels."""

UNDERLINED = "in a heading made by the line under it"

PlaceOf = Callable[[int], int]
"""From an offset in an inline content to the one in the file."""


class Block(NamedTuple):
    """A top-level block: what it says, its place, and the deletions in it."""

    kind: str
    content: Content
    span: Span
    deletions: tuple[ClozeDeletion, ...] = ()
    unnumbered: tuple[Unnumbered, ...] = ()
    """Clozes that lack a number: the parser knows which number is free."""
    comments: tuple[Span, ...] = ()
    """Comments in it, which never reach a card."""
    definitions: tuple[str, ...] = ()
    """The link definitions it uses, as written."""
    cloze_mark: Span | None = None
    """The first thing in it that opens a cloze, well-formed or not."""


Markdown = tuple[Block, ...]
"""What a field holds."""


def plain_text(blocks: Iterable[Block]) -> str:
    """The words of blocks, without markup."""
    return " ".join(filter(None, (block.content.text for block in blocks)))


class Heading(NamedTuple):
    """A top-level heading: level 1 to 6, and its text as written."""

    level: int
    written: str
    block: Block
    span: Span
    underline: Span | None = None
    """The line of `-` or `=` that makes a heading of the text above it."""


class Label(NamedTuple):
    """A label that opens a field; its text follows as blocks."""

    name: str
    span: Span
    fault: Diagnostic | None = None
    """What to report where it is only almost a label."""


class Metadata(NamedTuple):
    """A metadata comment at column 1, alone on its lines."""

    span: Span
    content: Span
    """What stands between `<!--` and `-->`."""


class Break(NamedTuple):
    """A thematic break."""

    span: Span


Piece = Block | Heading | Label | Metadata | Break


class Document(NamedTuple):
    """A parsed notes file: its pieces in order, and where its front matter's YAML lies."""

    pieces: list[Piece]
    front_matter: Span | None


_ATX = re.compile(r"#{1,6}\s*")
_CONTAINER = re.compile(r"[ \t>]*(?:(?:[-+*]|[0-9]{1,9}[.)])[ \t]+[ \t>]*)*")
_BLOCK_START = re.compile(r"(?:[-+*][ \t]+\S|[0-9]{1,9}[.)][ \t]+\S|>|`{3,}[^`\n]*\Z|~{3}|\|)")
_LIST_LINE = re.compile(
    r"\n[ \t]*(?:(?P<bullet>[-+*])|(?P<number>(?!0*1[.)])[0-9]{1,9}[.)]))[ \t]+\S"
)
_LITERAL = ("code_inline", "html_inline", "math_inline", "math_inline_double")
"""Tokens in which nothing has a meaning of its own."""
_OUT_OF_SIGHT = re.compile(rf"[\s{INVISIBLE}]*")
_NO_PROSE = re.compile(
    rf"^[ \t]*(?:[<‹«•◦‣⁃▪●{INVISIBLE}]|[*_`]*[^\W\d_]{{1,9}}[0-9*_`]*[ \t]*[:：])", re.MULTILINE
)
"""A line that begins like a label, a comment or a bullet."""
_ALERT = re.compile(r"\[!\w+\]")
_TASK = re.compile(r"\[[ xX]\](?=\s|\Z)")


def parse_markdown(source: Source, report: Report) -> Document:
    """Split a notes file into its top-level pieces, reporting every fault of form on the way."""
    return _Reader(source, report).read()


class _Places:
    """From offsets in the content of an inline token to offsets in the file."""

    __slots__ = ("_content", "_file")

    def __init__(self, content: list[int], file: list[int]) -> None:
        self._content = content
        self._file = file

    def __call__(self, position: int) -> int:
        """The offset in the file of an offset in the content."""
        index = bisect_right(self._content, position) - 1
        index = max(index, 0)
        return self._file[index] + position - self._content[index]


class _Cell(NamedTuple):
    """A cell of a table row: its places, and where its text lies in the file."""

    places: _Places
    start: int
    end: int


class _Reader:
    def __init__(self, source: Source, report: Report) -> None:
        self._source = source
        self._report = report
        self._md = markdown_it_parser()
        self._inlines = InlineChecker(source, report)
        self._env: dict[str, Any] = {"labels": {}}
        self._pieces: list[Piece] = []
        self._used_definitions: set[str] = set()

    def _say(self, rule: Rule, message: str, start: int, end: int, help: str = "") -> None:
        self._report(Diagnostic(rule, message, self._source, self._source.span(start, end), help))

    def read(self) -> Document:
        # Each group is let go when it was read: a file may be large.
        waiting = deque(self._md.parse(self._source.text, self._env))
        front_matter = None
        if waiting and waiting[0].type == "front_matter":
            front_matter = self._front_matter(waiting.popleft())
        group: list[Token] = []
        while waiting:
            token = waiting.popleft()
            group.append(token)
            if token.level == 0 and token.nesting <= 0:
                self._group(group)
                group = []
        self._definitions()
        return Document(self._pieces, front_matter)

    # -- places

    def _line(self, number: int) -> tuple[int, str]:
        """The offset and the text of a line counted from 0."""
        start = self._source.line_starts[number]
        return start, self._source.line(number + 1)

    def _lines(self, first: int, behind: int) -> Span:
        """From the first visible character of a line to the last one before another line."""
        text, starts = self._source.text, self._source.line_starts
        start = starts[first]
        end = starts[behind] - 1 if behind < len(starts) else len(text)
        if start < end and not (text[start].isspace() or text[end - 1].isspace()):
            return Span(self._source, start, end)
        while behind > first + 1 and not self._line(behind - 1)[1].strip():
            behind -= 1
        start, text = self._line(first)
        start += len(text) - len(text.lstrip())
        end, text = self._line(behind - 1)
        return self._source.span(start, max(start, end + len(text.rstrip())))

    def _places_of_lines(self, token: Token) -> _Places:
        """An inline token's lines are what is left of the source's when prefixes are cut off."""
        first, behind = token.map or [0, 0]
        content, file, position = [], [], 0
        lines = token.content.split("\n")
        # A first line of nothing but odd blanks (U+2028) is cut off whole.
        while (
            behind - first > len(lines) and not _CONTAINER.sub("", self._line(first)[1], 1).strip()
        ):
            first += 1
        for number, line in enumerate(lines, first):
            start, text = self._line(number)
            visible = line.strip()
            content.append(position + len(line) - len(line.lstrip()) if visible else position)
            file.append(start + len(text.rstrip()) - len(visible))
            position += len(line) + 1
        return _Places(content, file)

    def _places_of_heading(self, token: Token) -> _Places:
        start, text = self._line((token.map or [0])[0])
        match = _ATX.match(text, text.index("#"))
        return _Places([0], [start + (match.end() if match else 0)])

    def _cells(self, number: int) -> list[_Cell]:
        r"""The cells of a table row; in a cell, `\|` is one character of content."""
        start, text = self._line(number)
        prefix = _CONTAINER.match(text)
        cells: list[tuple[int, int]] = []
        cell = position = prefix.end() if prefix else 0
        end = len(text.rstrip())
        bars: list[int] = []
        all_bars: list[list[int]] = []
        while position <= end:
            if position == end or text[position] == "|":
                if position < end and position > cell and text[position - 1] == "\\":
                    bars.append(position)
                    position += 1
                    continue
                cells.append((cell, position))
                all_bars.append(bars)
                bars = []
                cell = position + 1
            position += 1
        if cells and not text[slice(*cells[0])].strip() and len(cells) > 1:
            del cells[0], all_bars[0]
        found = []
        for (left, right), escaped in zip(cells, all_bars, strict=True):
            inside = text[left:right]
            left += len(inside) - len(inside.lstrip())
            content, file = [0], [start + left]
            for lost, bar in enumerate(escaped, 1):
                content.append(bar - left - lost)
                file.append(start + bar)
            end = start + left + len(inside.strip())
            found.append(_Cell(_Places(content, file), start + left, end))
        if found and found[-1].start == found[-1].end:
            found.pop()  # what stands behind the last bar
        return found

    # -- top-level groups

    def _group(self, tokens: list[Token]) -> None:
        kind = tokens[0].type
        if kind == "front_matter":
            return
        first, behind = tokens[0].map or [0, 0]
        span = self._lines(first, behind)
        if kind == "hr":
            self._pieces.append(Break(span))
        elif kind == "html_block":
            self._html_block(tokens[0], top=True)
        elif kind == "paragraph_open":
            self._paragraph(tokens, span)
        else:
            found = self._inside(tokens, span)
            if kind == "heading_open":
                content = inline_content(tokens[1].children or [], heading=True)
                block = self._block("heading", content, span, found)
                level = int(tokens[0].tag[1])
                line = None if "#" in tokens[0].markup else self._lines(behind - 1, behind)
                self._pieces.append(Heading(level, tokens[1].content, block, span, line))
            else:
                name = kind.removesuffix("_open")
                self._pieces.append(self._block(name, block_content(tokens), span, found))

    def _paragraph(self, tokens: list[Token], span: Span) -> None:
        inline = tokens[1]
        # At the left edge a paragraph stands in the file as it is, so its places are shifted alone.
        as_it_is = self._source.text.startswith(inline.content, span.start)
        places = span.start.__add__ if as_it_is else self._places_of_lines(inline)
        marks: dict[int, LabelMark] = {}
        position = 0
        for line in inline.content.split("\n"):
            label_mark = read_label(line)
            if label_mark is not None and not label_mark.reserved:
                offset = places(position)
                if self._source.is_line_start(offset):
                    marks[position] = label_mark
                    self._label_line(line, label_mark, offset)
            position += len(line) + 1
        if len(marks) == 1 and 0 in marks and marks[0].good:
            # Nothing reaches over a label at the start: what follows it is read alone.
            mark = marks[0]
            self._label(mark, 0, places)
            children = self._parse_inline(inline, places, {}, "", mark.length)
            self._field(children, places, places(mark.length - 1) + 1, span.end)
            return
        children = self._parse_inline(inline, places, marks, "")
        groups: list[tuple[Token | None, list[Token]]] = [(None, children)]
        if marks:
            groups = [(None, [])]
            for token in children:
                if token.type == "label" and token.level == 0:
                    groups.append((token, []))
                else:
                    groups[-1][1].append(token)
        if len(groups) == 1:
            found = self._inlines.check(children, places)
            self._pieces.append(self._block("paragraph", inline_content(children), span, found))
            return
        for number, (label, group) in enumerate(groups):
            end = places(_start(groups[number + 1][0])) if number + 1 < len(groups) else span.end
            begin = span.start
            if label is not None:
                at, behind = label.meta["at"]
                self._label(marks[at], at, places)
                begin = places(behind - 1) + 1
            self._field(group, places, begin, end)

    def _label(self, mark: LabelMark, at: int, places: PlaceOf) -> None:
        """A label that opens a field, at an offset of its paragraph."""
        start = places(at)
        fault = self._misspelt(mark, start) if mark.fault else None
        span = Span(self._source, start, start + mark.length)
        self._pieces.append(Label(mark.name, span, fault))
        if at:
            self._say(
                rules.RUN_ON_LABELS,
                f"a viewer shows `{mark.name}:` on one line with the text above",
                span.start,
                span.end,
                "leave a blank line above it",
            )

    def _field(self, children: list[Token], places: PlaceOf, begin: int, end: int) -> None:
        """What stands in a paragraph from one place to another: behind a label, or before one.

        Each field is on its own: a cloze or tag cannot reach over a label.
        """
        if not children:
            return
        found = self._inlines.check(children, places)
        text = self._source.text
        for token in reversed(children):
            if token.type == "hardbreak" and text[places(token.meta["at"][0])] == "\\":
                token.type, token.content = "text", "\\"  # at the end of a field it breaks no line
            elif _shows(token):
                break
        children = _without_outer_breaks(children)
        if children:
            while text[begin] in " \t\n":
                begin += 1
            while text[end - 1] in " \t\n":
                end -= 1
            span = Span(self._source, begin, end)
            self._pieces.append(self._block("paragraph", inline_content(children), span, found))

    def _block(self, kind: str, content: Content, span: Span, inlines: Inlines) -> Block:
        if inlines is NOTHING:
            return Block(kind, content, span)
        self._used_definitions.update(inlines.labels)
        references = self._env.get("references", {})
        definitions = {
            self._lines(*references[label]["map"]).text
            for label in inlines.labels
            if label in references
        }
        return Block(
            kind,
            content,
            span,
            tuple(inlines.deletions),
            tuple(inlines.unnumbered),
            tuple(inlines.comments),
            tuple(sorted(definitions)),
            inlines.cloze_mark,
        )

    def _label_line(self, line: str, mark: LabelMark, offset: int) -> None:
        after = line[mark.length :].lstrip()
        if _BLOCK_START.match(after):
            start = offset + len(line) - len(after)
            self._say(
                rules.BLOCK_ON_LABEL_LINE,
                "a list, table, fence or quote cannot begin on a label line",
                start,
                offset + len(line.rstrip()),
                f"begin it on the next line, or write \\{after[0]} for a literal {after[0]}"
                if not after[0].isdigit()
                else r"begin it on the next line, or write \. behind the number",
            )

    def _misspelt(self, mark: LabelMark, offset: int) -> Diagnostic:
        end = offset + mark.length
        written = self._source.text[offset:end]
        colon = written.rstrip("*_`")
        label = f"{mark.name}:"
        if self._source.text[end : end + 1] not in ("", " ", "\t", "\n"):
            label += " "
        span = self._source.span(offset, end)
        return Diagnostic(
            rules.MISSPELT_LABEL,
            f"`{written}` is a label only with a space behind it"
            if written == f"{mark.name}:"
            else f"`{written}` is almost the label `{mark.name}:`: {mark.fault}",
            self._source,
            span,
            f"write `{mark.name}: ` for the field; for text, write {colon[:-1]}\\{colon[-1]}"
            if colon == written and colon.endswith(":")
            else f"write `{mark.name}: ` for the field, or other words for text",
            fix=Edit(span, label) if mark.whole else None,
        )

    def _lists_in_text(self, content: str, places: PlaceOf, children: list[Token]) -> None:
        """A paragraph's later line like `2. two` is text to Markdown, and a list to its author."""
        for match in _LIST_LINE.finditer(content, content.index("\n")):
            kind = "bullet" if match["bullet"] else "number"
            mark, at = match[kind], match.start(kind)
            if any(t.type in _LITERAL and t.meta["at"][0] < at < t.meta["at"][1] for t in children):
                continue
            rule, why = rules.NUMBER_IN_PARAGRAPH, "it continues the paragraph above"
            number = f"{mark[:-1]}\\{mark[-1]}"
            help = f"leave a blank line above the list, or write {number} for a number in text"
            if kind == "bullet":
                rule, why = (
                    rules.BULLET_IN_PARAGRAPH,
                    "so far indented, it continues the text above",
                )
                help = f"indent it less, or write \\{mark} for a sign in text"
            start = places(at)
            self._say(rule, f"`{mark}` starts no list here: {why}", start, start + len(mark), help)

    # -- inline content

    def _parse_inline(
        self,
        inline: Token,
        places: PlaceOf,
        marks: dict[int, LabelMark],
        place: str,
        begin: int = 0,
    ) -> list[Token]:
        """Parse the content of an inline token; `marks` are the labels it may hold.

        `place` names where the content stands, for a label there that opens nothing. What stands
        before `begin` is a label, which has been read.
        """
        content = inline.content
        children: list[Token] = []
        env = self._env
        env["labels"], env["content"], env["begin"] = marks, content, begin
        self._md.inline.parse(content, self._md, env, children)
        env["labels"] = {}
        inline.children = children
        if "\n" in content:
            self._lists_in_text(content, places, children)
        if len(children) > MAX_LEVEL and any(token.level > MAX_LEVEL for token in children):
            self._too_deep(places(0))
        if begin and "\n" not in content:  # its only line begins with a label
            return children
        suspects = [match.start() for match in _NO_PROSE.finditer(content, begin)]
        if suspects:
            fired = {t.meta["at"][0] for t in children if t.type == "label" and t.level == 0}
            if begin:
                fired.add(0)
            if not fired.issuperset(suspects):
                self._stray_labels(content, places, marks, fired, children, place)
        return children

    def _stray_labels(
        self,
        content: str,
        places: PlaceOf,
        marks: dict[int, LabelMark],
        fired: set[int],
        children: list[Token],
        place: str,
    ) -> None:
        position = 0
        for line in content.split("\n"):
            self._almost_structure(line, places, position)
            visible = _OUT_OF_SIGHT.sub("", line, count=1)
            mark = read_label(visible)
            start = position
            position += len(line) + 1
            if mark is None or start in fired:
                continue
            offset = places(start + len(line) - len(visible))
            if mark.reserved:
                if not any(
                    token.type == "code_inline"
                    and token.meta["at"][0] < start < token.meta["at"][1]
                    for token in children
                ):
                    self._reserved(mark, offset)
            elif start in marks and not mark.fault:
                self._misplaced(mark, offset, "inside markup begun on an earlier line")
            elif mark.fault:
                self._report(self._misspelt(mark, offset)._replace(fix=None))
            else:
                self._misplaced(mark, offset, place or _behind_what(line))
            if place == "in a table row":
                return

    def _almost_structure(self, line: str, places: PlaceOf, position: int) -> None:
        """A comment spoilt by an editor's dashes, or a bullet that Markdown does not know."""
        text = line.lstrip()
        offset = places(position + len(line) - len(text))
        if re.match(SPOILT, text):
            self._say(
                rules.BROKEN_COMMENT,
                "this is not a comment, so its text would stand on the card",
                offset,
                offset + len(text.rstrip()),
                "write <!-- before it and --> behind it, with plain hyphens",
            )
        elif text[:1] in "•◦‣⁃▪●" and text[1:2] in (" ", "\t"):
            self._say(
                rules.TYPED_BULLET,
                f"`{text[0]}` makes no list: the lines run together",
                offset,
                offset + 1,
                f"write - for an item of a list, with a blank line above it;"
                f" allow it if {text[0]} is meant",
            )

    def _reserved(self, mark: LabelMark, offset: int) -> None:
        self._say(
            rules.RESERVED_LABEL,
            f"`{mark.name}:` at the start of a line is reserved for a later format",
            offset,
            offset + mark.length,
            f"write {mark.name}\\: for text, or begin the line with another word",
        )

    def _misplaced(self, mark: LabelMark, offset: int, place: str) -> None:
        self._say(
            rules.MISPLACED_LABEL,
            f"the label `{mark.name}:` opens no field {place}",
            offset,
            offset + mark.length,
            "leave a blank line between it and the line under it"
            if place == UNDERLINED
            else "leave a blank line above it"
            if self._source.is_line_start(offset)
            else "put it at column 1, with nothing before it, and leave a blank line above it",
        )

    def _too_deep(self, offset: int) -> None:
        self._say(
            rules.NESTING_TOO_DEEP,
            "this is nested deeper than 90 quotes or 45 lists, and the rest would be lost",
            offset,
            offset + 1,
            "make it flatter, or split the note",
        )

    # -- everything inside a heading, list, quote, table, fence or formula

    def _inside(self, tokens: list[Token], span: Span) -> Inlines:
        all_found = Inlines([], [], [], [])
        mark: Span | None = None
        deep = False
        containers: list[str] = []
        row: list[_Cell] = []
        cells: Iterator[_Cell] = iter(())
        first_cell = True
        for index, token in enumerate(tokens):
            kind = token.type
            if token.level > MAX_LEVEL and not deep:
                deep = True
                self._too_deep(span.start)
            if token.nesting == 1:
                containers.append(kind)
                if kind == "tr_open":
                    row = self._cells((token.map or [0])[0])
                    cells = iter(row)
                    first_cell = True
            elif token.nesting == -1:
                containers.pop()
                extra = next(cells, None) if kind == "tr_close" else None
                if extra is not None:
                    self._say(
                        rules.EXTRA_CELL,
                        "the row has more cells than the table has columns, so these would be lost",
                        extra.start,
                        row[-1].end,
                        r"add a column to the head of the table; write \| for a bar in text",
                    )
            elif kind == "inline":
                parent = tokens[index - 1].type
                if parent in ("th_open", "td_open"):
                    cell = next(cells, None)
                    places = cell.places if cell else _Places([0], [span.start])
                    place = "in a table row" if first_cell else "in a later cell"
                    first_cell = False
                elif parent == "heading_open":
                    atx = tokens[index - 1].markup.startswith("#")
                    places = self._places_of_heading(token) if atx else self._places_of_lines(token)
                    place = "in a heading" if atx else UNDERLINED
                else:
                    places = self._places_of_lines(token)
                    place = self._paragraph_inside(token, places, containers)
                children = self._parse_inline(token, places, {}, place)
                where = "heading" if "heading_open" in containers else "text"
                found = self._inlines.check(children, places, place=where)
                all_found.add(found)
                mark = mark or found.cloze_mark
            elif kind == "html_block":
                comment = self._html_block(token, top=False)
                if comment is not None:
                    all_found.comments.append(comment)
            elif kind == "fence":
                self._fence(token)
            elif kind == "math_block":
                self._math_block(token)
            elif kind == "code_block":
                block = self._lines(*(token.map or (0, 0)))
                self._say(
                    rules.INDENTED_CODE,
                    "text indented by four spaces would become code",
                    block.start,
                    block.end,
                    "use a fence (```) for code, or remove the indentation",
                )
        return all_found._replace(cloze_mark=mark)

    def _paragraph_inside(self, token: Token, places: PlaceOf, containers: list[str]) -> str:
        inner = [kind for kind in containers if kind in ("blockquote_open", "list_item_open")]
        nearest = inner[-1] if inner else ""
        at_start = containers[-2:-1] == [nearest]
        alert = _ALERT.match(token.content) if nearest == "blockquote_open" else None
        task = _TASK.match(token.content) if nearest == "list_item_open" else None
        for match in (alert, task):
            if match and at_start:
                self._say(
                    rules.FOREIGN_SYNTAX,
                    "an alert box is shown by one website only"
                    if match is alert
                    else "a task box cannot be ticked on a card",
                    places(0),
                    places(match.end() - 1) + 1,
                    r"write a plain quote, with the word in bold"
                    if match is alert
                    else r"leave the box out, or write \[ for a literal bracket",
                )
        return "in a quote" if nearest == "blockquote_open" else "in a list"

    def _fence(self, token: Token) -> None:
        first, behind = token.map or [0, 0]
        span = self._lines(first, behind)
        start, text = self._line(first)
        # As written: markdown-it resolves references and escapes in what it takes for the name.
        name_start = text.index(token.markup) + len(token.markup)
        language = next(iter(text[name_start:].split(maxsplit=1)), "")
        opening_end = start + len(text.rstrip())
        # A closed fence takes two lines more than its content has.
        content_lines = token.content.count("\n") + (not token.content.endswith("\n"))
        if not token.content:
            content_lines = 0
        if behind - first < content_lines + 2:
            self._say(
                rules.UNCLOSED_FENCE,
                "the code fence is not closed: it swallows everything behind it",
                span.start if token.level == 0 else start + text.index(token.markup),
                opening_end,
                f"close it with a line {token.markup}",
            )
        elif language == "math":
            self._say(
                rules.FOREIGN_SYNTAX,
                "a fence named math is a formula on one website only",
                start + text.index(token.markup),
                opening_end,
                "write the formula between $$ and $$",
            )
            language = ""
        if language:
            name = start + text.index(language, name_start)
            token.meta["span"] = self._source.span(name, name + len(language))
            token.meta["extra"] = self._source.span(
                min(opening_end, name + len(language) + 1), opening_end
            )
        token.meta["language"] = language

    def _math_block(self, token: Token) -> None:
        first, behind = token.map or [0, 0]
        span = self._lines(first, behind)
        end, text = self._line(behind - 1)
        opening = self._source.text.find("$$", span.start)
        closed = text.rstrip().endswith("$$") and end + len(text.rstrip()) >= opening + 4
        if not closed:
            self._say(
                rules.UNCLOSED_MATH,
                "the formula is not closed: it swallows the text behind it",
                opening,
                opening + 2,
                "close it with $$ before any blank line",
            )
            return
        span = self._source.span(opening, end + len(text.rstrip()))
        self._hidden_labels(first + 1, behind, "inside a formula")
        check_math(token.content, span, self._report)

    def _hidden_labels(self, first: int, behind: int, place: str) -> None:
        """Labels on the later lines of a comment or formula: the author thinks them fields."""
        for number in range(first, behind):
            start, text = self._line(number)
            mark = read_label(text)
            if mark is not None and mark.good:
                self._misplaced(mark, start, place)

    # -- comments and HTML blocks

    def _html_block(self, token: Token, *, top: bool) -> Span | None:
        """Judge a block of HTML; the place of a comment that is none of ours is returned."""
        first, behind = token.map or [0, 0]
        block = self._lines(first, behind)
        start = self._source.text.find("<", block.start)
        if not self._source.text.startswith("<!--", start):
            self._say(
                rules.HTML_BLOCK,
                "a line that begins with HTML swallows the lines behind it",
                start,
                block.start + len(self._source.text[block.start : block.end].split("\n")[0]),
                r"write Markdown instead; write \< for a literal <",
            )
            return None
        close = self._source.text.find("-->", start + 4, block.end)
        if self._source.text.startswith(("<!-->", "<!--->"), start) or close < 0:
            self._say(
                rules.UNCLOSED_COMMENT,
                "the comment is not closed: it swallows everything behind it",
                start,
                start + 4,
                "close it with -->",
            )
            return None
        end = close + 3
        inner = self._source.text.find("<!--", start + 4, close)
        if inner >= 0:
            self._say(
                rules.NESTED_COMMENT,
                "the comment does not end before the next one begins, and swallows all between",
                start,
                start + 4,
                "end it with --> where it should end",
            )
            return None
        self._hidden_labels(first + 1, behind, "inside a comment")
        if self._source.text[end : block.end].strip():
            rest = self._source.text[end : block.end]
            self._say(
                rules.TEXT_AFTER_COMMENT,
                "text behind a comment on its line would be lost",
                end + len(rest) - len(rest.lstrip()),
                block.end,
                "put it on a line of its own, after a blank line",
            )
            return None
        if is_metadata(self._source.text[start + 4 : close]):
            self._metadata(start, close, first, behind, top)
            return None
        return self._source.span(start, end)

    def _metadata(self, start: int, close: int, first: int, behind: int, top: bool) -> None:
        lines = self._source.line_starts
        blank_above = first == 0 or not self._line(first - 1)[1].strip()
        blank_below = behind >= len(lines) or not self._line(behind)[1].strip()
        fault = ""
        if not top:
            fault = "metadata stands inside a list or quote"
        elif self._source.location(start).column != 1:
            fault = "metadata is indented"
        elif blank_above and not blank_below:
            fault = "metadata leans on the text under it: it would belong to the note above"
        span = self._source.span(start, close + 3)
        if fault:
            self._say(
                rules.MISPLACED_METADATA,
                fault,
                span.start,
                span.end,
                "put it under its note, at column 1, with a blank line behind it"
                if top
                else "put it under its note, at column 1, alone on its lines",
            )
        else:
            self._pieces.append(Metadata(span, self._source.span(start + 4, close)))

    # -- front matter and definitions

    def _front_matter(self, token: Token) -> Span:
        _first, behind = token.map or [0, 0]
        start = self._source.line_starts[1]
        end = self._source.line_starts[behind - 1]
        return self._source.span(start, max(start, end))

    def _definitions(self) -> None:
        definitions = [
            *self._env.get("duplicate_refs", ()),
            *self._env.get("references", {}).values(),
        ]
        for definition in definitions:
            first, behind = definition["map"]
            self._hidden_labels(first + 1, behind, "inside a link definition")
        for definition in self._env.get("duplicate_refs", ()):
            self._definition(definition["map"], "the link definition repeats an earlier one", "")
        for label, definition in self._env.get("references", {}).items():
            if label.startswith("^"):
                span = self._lines(*definition["map"])
                self._say(
                    rules.FOOTNOTE,
                    "a footnote has no place on a card",
                    span.start,
                    span.end,
                    r"put the text under `Extra:`",
                )
            elif label not in self._used_definitions:
                self._definition(
                    definition["map"],
                    "no link uses this definition, so its text would be lost",
                    f"use it as [text][{label.lower()}], or remove it;"
                    r" write \[ for a literal bracket",
                )

    def _definition(self, lines: list[int], message: str, help: str) -> None:
        span = self._lines(*lines)
        self._say(rules.UNUSED_LINK_DEFINITION, message, span.start, span.end, help or "remove it")


def _start(token: Token | None) -> int:
    assert token is not None
    return int(token.meta["at"][0])


def _behind_what(line: str) -> str:
    if line[0].isspace():
        return "behind a blank: it must be at column 1"
    return f"behind a character that nobody sees (U+{ord(line[0]):04X})"


def _shows(token: Token) -> bool:
    comment = token.type == "html_inline" and token.content.startswith("<!--")
    return not comment and token.type not in ("softbreak", "hardbreak")


def _without_outer_breaks(tokens: list[Token]) -> list[Token]:
    """Drop line breaks and comments at both ends: between two labels they separate nothing."""
    if tokens[0].type == tokens[-1].type == "text":
        return tokens
    first, behind = 0, len(tokens)
    while first < behind and not _shows(tokens[first]):
        first += 1
    while behind > first and not _shows(tokens[behind - 1]):
        behind -= 1
    return tokens[first:behind]
