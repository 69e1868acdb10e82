"""Inside a paragraph, heading or cell: clozes pair, markup nests, and nothing is foreign."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import unquote

from markdown_it.token import Token

from crss_deck import diagnostics as rules
from crss_deck.diagnostics import Diagnostic, Related, Report, Rule
from crss_deck.metadata import SPOILT, is_metadata
from crss_deck.source import INVISIBLE, Source, Span

MAX_CLOZE_NUMBER = 499
MAX_CLOZE_DEPTH = 10
"""Anki reads ten levels of nested clozes and leaves out the eleventh."""

INLINE_TAGS = frozenset(("br", "sub", "sup", "kbd", "u", "mark", "ruby", "rt", "rp", "small"))
"""The HTML tags an author may write, without attributes."""


class ClozeDeletion(NamedTuple):
    """One `{{c1::text::hint}}`: text and hint as written, and the place of the whole mark."""

    number: int
    text: str
    hint: str
    span: Span


class Unnumbered(NamedTuple):
    """One `{{answer}}` or `{{3::answer}}`: its place, and the number it has without a `c`."""

    span: Span
    number: int | None
    prefix: Span
    """What `c<n>::` takes the place of: `3::`, or nothing."""


class Inlines(NamedTuple):
    """What one inline content holds, apart from what can be seen in its tokens."""

    deletions: list[ClozeDeletion]
    unnumbered: list[Unnumbered]
    comments: list[Span]
    """Comments, which never reach a card."""
    labels: list[str]
    """Of the link definitions it uses."""
    cloze_mark: Span | None = None
    """The first thing in it that opens a cloze, or was meant to."""

    def add(self, other: Inlines) -> None:
        """Take in what another content of the same block holds."""
        self.deletions.extend(other.deletions)
        self.unnumbered.extend(other.unnumbered)
        self.comments.extend(other.comments)
        self.labels.extend(other.labels)


NOTHING = Inlines([], [], [], [])
"""What a plain text holds; never added to."""


class _Frame(NamedTuple):
    """Something opened and not yet closed inside one inline content."""

    kind: str  # "cloze", "html" or a markdown-it token type such as "em_open"
    token: Token
    number: int = 0


_SUSPICIOUS = re.compile(r"[\[~]|\$\$|[<‹«]!")
"""What in a text alone could be a fault."""
_DELICATE = re.compile(r"[\[~$]|[<‹«]!")
"""The same, and the `$` that a code span beside it makes a fault."""
_HARMLESS = frozenset(("text", "softbreak", "hardbreak", "code_inline")) | {
    f"{markup}_{end}" for markup in ("em", "strong", "s") for end in ("open", "close")
}
"""Tokens that hold no fault, if there are no others."""
_C, _DIGIT = "[cCсСｃＣçÇ]", r"[\d₀-₉⁰¹²³⁴-⁹①-⑳]"
"""What looks like a `c`, such as the Cyrillic letter; and what looks like a digit."""
_COLON = "[:：∷]"
_BETWEEN = rf"[\s,{INVISIBLE}*_`\\–—-]*"
_NEAR_CLOZE = (
    rf"\{{\{{{_BETWEEN}(?:{_C}{_BETWEEN}{_DIGIT}+\s*(?=\}}\}})"
    rf"|{_C}[lIi|]{{1,2}}\s*{_COLON}{{1,2}}"
    rf"|{_C}{_BETWEEN}{_DIGIT}{{1,3}}(?:{_BETWEEN}[;|]+|[=. ∷](?=\w))"
    rf"|{_DIGIT}{{1,3}}\|"
    # A short head with a digit in it, then colons: c1c, c.1, c(1), x1, clo1.
    rf"|[^\s{{}}:：∷\d]{{0,4}}{_DIGIT}{{1,3}}[^\s{{}}:：∷\d]{{0,3}}\s*{_COLON}{{2}}"
    rf"|(?:{_C}{{1,2}}(?:{_BETWEEN}{_C}?{_DIGIT})*+|{_DIGIT}+\s*(?={_COLON})|(?i:cloze))"
    rf"{_BETWEEN}{_COLON}{{1,2}})"
)
"""Compiled when braces open no cloze: it takes longer than all the others here."""
_HALF_CLOZE = re.compile(r"(?:\{|｛+|\[+)[cC][0-9]{1,3}\Z")
_LOOSE_REFERENCE = (
    r"!\[[^\[\]\n]+\] ?\[[^\[\]\n]*\]"
    r"|(?<![\w\])])\[[^\[\]\n^]+\]\[(?:|(?!\w-\w\])[^\W_][\w .-]{2,})\]"
)
_LOOSE_DEFINITION = (
    r"\[[^\[\]\n^][^\[\]\n]*\]:[ \t]+"
    r"(?:<|https?:|mailto:|(?!\d)[^\s.]\S*\.\w\S*[ \t]*(?:[\"'(].*)?\Z)"
)
_LOOSE_COMMENT = r"<!--|[<‹«]![—–-]"
_LOOSE_LINK = r"!\[[^\[\]\n]*\] ?\([^()\n]*\)|\[[^\[\]\n]+\] ?\((?:https?:|mailto:|www\.)[^()\n]*\)"
_CLOZE_TEXT = re.compile(r"\{\{c[0-9]+::")
_NUMBER = re.compile(r"([0-9]{1,9})::")
_TEMPLATE = re.compile(r"\s*(?:[#/^!]|[A-Za-z-]+:(?!:))")
_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9-]*)\s*(/?)>\Z")
_COMMENT = re.compile(r"<!--.*?-->|</?[a-zA-Z]+\s*/?>", re.DOTALL)
_WIKI = re.compile(r"!?\[\[[^\[\]\n]+\]\]")
_FOOTNOTE = re.compile(r"\[\^[^\]\s]+\]")
_TILDE = re.compile(r"(?<!~)~(?=[^\s~])[^~\n]*(?:(?<=\w)~(?!~)|(?<=[^\s~\w])~(?![~\w]))")
_LATEX = re.compile(r"\[/?latex\]|\[/?\${1,2}\]", re.IGNORECASE)
_SOUND = re.compile(r"\[(?:sound|anki):[^\]\n]*\]", re.IGNORECASE)
_PORT = r"(?::(?:[0-5]?[0-9]{1,4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?"
_LINK = re.compile(
    rf"https?://(?:\[[0-9a-f:.]+\]|[^\s/?#%:@<>\"\\^`{{|}}\[\]]+){_PORT}(?=[/?#]|\Z)"
    r"|mailto:[^\s@]+@[^\s@]|tel:[+0-9]",
    re.IGNORECASE,
)
_VISIBLE = re.compile(rf"[^\s{INVISIBLE}]")
_WORD = re.compile(r"[^\W\d_]{2,}")
_PROSE_ONLY = re.compile(r"[\w\s.,;:'’\"!?%/()-]*")
_ACTIVE_TEX = re.compile(r"\\(?:href|url|require|class|cssId|style|data|script)(?![A-Za-z])")
_TEX = re.compile(r"\\(.)|[{}%]", re.DOTALL)


class InlineChecker:
    """Checks the children of one inline token: clozes pair, markup nests, nothing is foreign."""

    def __init__(self, source: Source, report: Report) -> None:
        self._source = source
        self._report = report

    def check(
        self, children: list[Token], places: Callable[[int], int], *, place: str = "text"
    ) -> Inlines:
        """Report every fault of form and return the clozes; marks that are text become text.

        `place` is `heading` or `alt` (the text of an image) where a cloze cannot hide anything.
        """
        for token in children:
            if token.type not in _HARMLESS or _DELICATE.search(token.content) is not None:
                break
        else:
            return NOTHING
        self._places = places
        self._children = children
        self._stack: list[_Frame] = []
        self._clozes: list[Token] = []  # the opening tokens among them
        self._tags: Counter[str] = Counter()  # the names of the HTML tags among them
        self._hints: dict[int, Token] = {}  # separators by id() of their opening token
        self._filled: set[tuple[int, bool]] = set()
        self._deletions: list[ClozeDeletion] = []
        self._unnumbered: list[Unnumbered] = []
        self._cloze_mark: Span | None = None
        self._comments: list[Span] = []
        self._barren = len(children)  # from there on nothing opens or closes a cloze
        self._place = place
        self._escaped_bracket: dict[str, Token] = {}
        self._foreign_tags: set[str] = set()
        for index, token in enumerate(children):
            self._index = index
            kind = token.type
            if kind in ("text", "text_special"):
                self._text(token)
            elif kind == "cloze_open":
                self._open(token)
            elif kind == "cloze_separator":
                self._separate(token)
            elif kind == "cloze_close":
                self._close(token)
            elif kind == "braces_open":
                self._braces(token)
            elif kind == "html_inline":
                self._html(token)
            elif kind == "image":
                self._image(token)
            elif kind == "math_inline" or kind == "math_inline_double":
                self._fill()
                self._math(token)
            elif kind == "code_inline":
                self._fill()
                self._code(token)
            elif token.nesting == 1:
                if kind == "link_open":
                    self._link(token)
                self._push(kind, token)
            elif token.nesting == -1:
                self._end_markup(token)
        for frame in self._stack:
            self._left_open(frame)
        labels = [token.meta["label"] for token in children if "label" in token.meta]
        mark = self._cloze_mark
        if not (self._deletions or self._unnumbered or self._comments or labels or mark):
            return NOTHING
        return Inlines(self._deletions, self._unnumbered, self._comments, labels, mark)

    # -- places and reports

    def _span(self, token: Token, upto: Token | None = None) -> Span:
        start = self._places(token.meta["at"][0])
        return Span(self._source, start, self._end((upto or token).meta["at"][1]))

    def _end(self, position: int) -> int:
        return self._places(position - 1) + 1

    def _say(self, rule: Rule, message: str, span: Span, help: str = "", *also: Related) -> None:
        self._report(Diagnostic(rule, message, self._source, span, help, also))

    # -- text

    def _text(self, token: Token) -> None:
        content = token.content
        if _VISIBLE.search(content):
            self._fill()
        if token.type == "text_special":
            self._escape(token)
            return
        if _SUSPICIOUS.search(content) is None:
            return
        if self._stack and self._stack[-1].token.markup == "autolink":
            return  # an address, in which nothing has a meaning of its own
        starts_line = not self._index or self._children[self._index - 1].type == "softbreak"
        for match in re.finditer(_LOOSE_COMMENT, content):
            if starts_line and not match.start() and re.match(SPOILT, content):
                continue  # said of the whole line
            self._say(
                rules.BROKEN_COMMENT,
                "this comment is not closed, so its text would stand on the card"
                if match.group() == "<!--"
                else "this is not a comment, so its text would stand on the card",
                self._within(token, match),
                r"close it with -->; write \<!-- to show it as it is"
                if match.group() == "<!--"
                else "write <!-- before it and --> behind it, with plain hyphens",
            )
        if "[" in content and self._place != "alt":
            self._brackets(token, content)
        if "$$" in content:
            start = self._places(token.meta["at"][0] + content.index("$$"))
            self._say(
                rules.UNCLOSED_MATH,
                "`$$` begins a formula that does not end",
                Span(self._source, start, start + 2),
                r"close it with $$ before any blank line, or write \$\$ for dollar signs",
            )
        if "~" in content:
            for match in _TILDE.finditer(content):
                self._say(
                    rules.FOREIGN_SYNTAX,
                    "single tildes mean different things to different viewers",
                    self._within(token, match),
                    r"strike out with two: ~~…~~; write \~ for a tilde",
                )

    def _within(self, token: Token, match: re.Match[str]) -> Span:
        start = token.meta["at"][0]
        first = self._places(start + match.start())
        return Span(self._source, first, self._end(start + match.end()))

    def _brackets(self, token: Token, content: str) -> None:
        for match in _WIKI.finditer(content):
            picture = match.group().startswith("!")
            inner = match.group().strip("![]").partition("|")[0]
            self._say(
                rules.FOREIGN_SYNTAX,
                "an embedded wiki link shows nothing on a card"
                if picture
                else "a wiki link leads nowhere on a card",
                self._within(token, match),
                f"write ![what it shows]({_as_address(inner)})"
                if picture
                else r"write the words alone, or \[[ for literal brackets",
            )
        for match in re.finditer(_LOOSE_LINK, content):
            text, _, address = match.group()[:-1].partition("(")
            self._say(
                rules.BROKEN_LINK,
                "this is not an image, so its source would stand on the card"
                if text.startswith("!")
                else "this is not a link, so its source would stand on the card",
                self._within(token, match),
                f"write {text.rstrip()}({_as_address(address)})",
            )
        for match in re.finditer(_LOOSE_REFERENCE, content):
            text, _, label = match.group()[:-1].rpartition("[")
            picture = text.startswith("!")
            self._say(
                rules.BROKEN_LINK,
                f"no line defines `{label or text.strip('![] ')}`, so the source of this"
                f" {'image' if picture else 'link'} would stand on the card",
                self._within(token, match),
                f"write {text.rstrip()}({'file.png' if picture else 'https://…'}),"
                f" or {match.group().replace('[', chr(92) + '[', 1)} for literal brackets",
            )
        starts_line = not self._index or self._children[self._index - 1].type == "softbreak"
        definition = re.match(_LOOSE_DEFINITION, content) if starts_line else None
        if definition:
            self._say(
                rules.BROKEN_LINK,
                "this line defines no link here, so it would stand on the card",
                self._within(token, definition),
                r"leave a blank line above it and nothing behind the address,"
                r" or write \[ for a literal bracket",
            )
        for match in _FOOTNOTE.finditer(content):
            self._say(
                rules.FOOTNOTE,
                "a footnote has no place on a card",
                self._within(token, match),
                r"put the text under `Extra:`, or write \[^ for literal brackets",
            )
        for match in _LATEX.finditer(content):
            self._say(
                rules.FOREIGN_SYNTAX,
                f"`{match.group()}` is Anki's own mark, not part of this language",
                self._within(token, match),
                rf"write math as $…$ or $$…$$; write \{match.group()} to show it as it is",
            )
        for match in _SOUND.finditer(content):
            self._say(
                rules.ANKI_SYNTAX,
                f"`{match.group()}` is shown as text and plays nothing",
                self._within(token, match),
                "add a sound like an image: ![what is heard](media/file.mp3)",
            )

    def _escape(self, token: Token) -> None:
        r"""`\(x\)` is math elsewhere; here both are escaped brackets. Only a pair is a fault."""
        if token.info != "escape" or token.content not in "()[]":
            return
        if token.content in "([":
            self._escaped_bracket.setdefault(token.content, token)
            return
        opening = self._escaped_bracket.pop("(" if token.content == ")" else "[", None)
        if opening is None:
            return
        single = token.content == ")"
        self._say(
            rules.FOREIGN_SYNTAX,
            f"`{opening.markup}…{token.markup}` is not math here: the backslash makes text of it",
            self._span(opening, token),
            f"write {'$…$' if single else '$$…$$'} for math;"
            f" for literal brackets write {'(…)' if single else f'{opening.markup}…]'}",
        )

    # -- clozes

    def _push(self, kind: str, token: Token, number: int = 0) -> None:
        self._stack.append(_Frame(kind, token, number))
        if kind == "cloze":
            self._clozes.append(token)
        elif kind == "html":
            self._tags[_tag_name(token)] += 1

    def _pop(self) -> _Frame:
        frame = self._stack.pop()
        if frame.kind == "cloze":
            self._clozes.pop()
        elif frame.kind == "html":
            self._tags[_tag_name(frame.token)] -= 1
        return frame

    def _fill(self) -> None:
        """Something visible stands in every open cloze, in its answer or its hint."""
        for opening in reversed(self._clozes):
            part = id(opening), id(opening) in self._hints
            if part in self._filled:
                return  # so are those around it
            self._filled.add(part)

    def _open(self, token: Token) -> None:
        number = int(token.info[:9])
        span = self._span(token)
        self._cloze_mark = self._cloze_mark or span
        if self._place == "heading":
            self._say(
                rules.CLOZE_IN_LITERAL,
                "a heading is never a card, so a cloze in it hides nothing",
                span,
                r"move the sentence into a paragraph, or write \{{…\}} for literal braces",
            )
        elif self._place == "alt":
            self._say(
                rules.CLOZE_IN_LITERAL,
                "a cloze in the text of an image hides nothing",
                span,
                "put the cloze around the whole image: {{c1::![text](file.png)}}",
            )
        elif token.info.startswith("0") or number > MAX_CLOZE_NUMBER:
            self._say(
                rules.CLOZE_NUMBER,
                f"cloze number {token.info} is not one of 1 to {MAX_CLOZE_NUMBER}",
                span,
                f"number clozes from 1, without a leading zero: {{{{c{max(1, number % 500)}::…}}}}",
            )
        outer = self._clozes
        for opening in outer[: MAX_CLOZE_DEPTH + 1]:  # deeper ones are an error anyway
            if int(opening.info[:9]) == number:
                self._say(
                    rules.CLOZE_NESTING,
                    f"cloze {number} stands inside cloze {number}: both would open at once",
                    span,
                    "give the inner cloze another number",
                    Related(self._span(opening), "the outer one opens here"),
                )
                break
        if outer and id(outer[-1]) in self._hints:
            self._say(
                rules.CLOZE_NESTING,
                "a cloze in a hint hides nothing",
                span,
                "write the hint as plain text",
            )
        if len(outer) == MAX_CLOZE_DEPTH:
            self._say(
                rules.CLOZE_NESTING,
                f"clozes are nested more than {MAX_CLOZE_DEPTH} deep",
                span,
                "split the note",
            )
        self._fill()
        self._push("cloze", token, number)

    def _separate(self, token: Token) -> None:
        top = self._stack[-1] if self._stack else None
        if top is not None and top.kind == "cloze" and id(top.token) not in self._hints:
            self._hints[id(top.token)] = token
            return
        token.type = "text"
        self._fill()
        before = self._children[self._index - 1] if self._index else None
        near = _HALF_CLOZE.search(before.content) if before and before.type == "text" else None
        # At the start of a piece it may be the second of two, the first escaped or marked up.
        second = self._index > 1 and self._children[self._index - 2].type != "softbreak"
        if near and before and not (second and near.start() == 0):
            start = self._places(before.meta["at"][0] + near.start())
            self._say(
                rules.MISSPELT_CLOZE,
                f"`{near.group()}::` does not open a cloze",
                Span(self._source, start, self._span(token).end),
                f"write {{{{c1::answer}}}} with two braces; \\{near.group()[0]} for a literal one",
            )
            self._skip_close()

    def _close(self, token: Token) -> None:
        start, end = token.meta["at"]
        depth = len(self._clozes)
        count = end - start
        if count % 2 or (count > 2 and count // 2 > depth):
            self._say(
                rules.BRACE_RUN,
                f"{count} closing braces in a row: it is not clear which close a cloze",
                self._span(token),
                r"remove the one too many, or write \} for each literal brace",
            )
        elif not depth and self._place == "alt":
            token.type = "text"
            return
        elif not depth:
            self._say(
                rules.UNOPENED_CLOZE,
                "`}}` closes no cloze",
                self._span(token),
                r"open one with {{c1::, or write \}} for literal braces",
            )
            token.type = "text"
            return
        for index in range(min(count // 2, depth)):
            self._close_one(start + 2 * index + 2)

    def _close_one(self, end: int) -> None:
        while self._stack and self._stack[-1].kind != "cloze":
            frame = self._pop()
            self._overlap(self._clozes[-1], frame.token)
        frame = self._pop()
        opening = frame.token
        separator = self._hints.pop(id(opening), None)
        start = self._places(opening.meta["at"][0])
        text_start = self._places(opening.meta["at"][1] - 1) + 1
        text_end = self._end(end - 2)
        hint = ""
        if separator is not None:
            separator.info = "hint"
            hint_start = self._places(separator.meta["at"][1] - 1) + 1
            hint = self._source.text[hint_start:text_end]
            text_end = self._places(separator.meta["at"][0])
        text = self._source.text[text_start:text_end]
        span = Span(self._source, start, self._end(end))
        if (id(opening), False) not in self._filled:
            self._say(
                rules.EMPTY_CLOZE,
                "the cloze has no answer",
                span,
                f"write what is to be recalled: {{{{c{frame.number}::answer}}}}",
            )
        elif separator is not None and (id(opening), True) not in self._filled:
            self._say(
                rules.EMPTY_CLOZE, "the hint of the cloze is empty", span, "leave out the last `::`"
            )
        self._deletions.append(ClozeDeletion(frame.number, text, hint, span))

    def _overlap(self, cloze: Token, markup: Token) -> None:
        self._say(
            rules.CROSSING_CLOZE,
            f"a cloze and {_name(markup)} overlap: one must lie wholly inside the other",
            self._span(cloze),
            "open and close both at one level, for example **{{c1::answer}}**",
            Related(self._span(markup), "the other one is here"),
        )

    def _left_open(self, frame: _Frame) -> None:
        if frame.kind == "cloze":
            if self._place != "text":
                return  # it is no good there anyway
            self._say(
                rules.UNCLOSED_CLOZE,
                "the cloze is not closed in its paragraph or cell",
                self._span(frame.token),
                "close it with }} in the same paragraph or cell; in a table write \\| for a bar",
            )
        elif frame.kind == "html":
            self._unbalanced(frame.token)

    def _braces(self, token: Token) -> None:
        """`{{` or more that open no well-formed cloze: say what they probably were meant to be."""
        start, end = token.meta["at"]
        self._fill()
        span = self._span(token)
        if end - start > 2:
            self._say(
                rules.BRACE_RUN,
                f"{end - start} opening braces in a row: it is not clear which open a cloze",
                span,
                r"remove the one too many, or write \{ for each literal brace",
            )
            return
        partner = self._skip_close()
        text = self._source.text
        near = re.compile(_NEAR_CLOZE).match(text, span.start)
        inner = text[span.end : self._places(partner.meta["at"][0])] if partner else ""
        number = _NUMBER.match(inner)
        if near and not number:
            self._cloze_mark = self._cloze_mark or span
            self._say(
                rules.MISSPELT_CLOZE,
                f"`{near.group()}` does not open a cloze",
                Span(self._source, span.start, near.end()),
                "write {{c1::answer}}: a small c, one number, two colons, no spaces",
            )
        elif partner and self._is_answer(inner, number) and self._place == "text":
            whole = Span(self._source, span.start, self._span(partner).end)
            self._cloze_mark = self._cloze_mark or whole
            prefix = Span(self._source, span.end, span.end + (number.end() if number else 0))
            given = int(number.group(1)) if number else None
            self._unnumbered.append(Unnumbered(whole, given, prefix))
        else:
            self._say(
                rules.LITERAL_BRACES,
                "`{{` opens no cloze",
                span,
                r"write \{{…\}} for literal braces, or {{c1::answer}} for a cloze",
            )

    @staticmethod
    def _is_answer(inner: str, number: re.Match[str] | None) -> bool:
        """Whether what stands between bare braces can be an answer, or an answer and a hint."""
        answer, separator, hint = inner[number.end() if number else 0 :].partition("::")
        shown = [_COMMENT.sub("", part).strip() for part in (answer, hint)]
        return bool(shown[0] and (shown[1] or not separator)) and not _TEMPLATE.match(inner)

    def _skip_close(self) -> Token | None:
        """Take the next `}}` for text and return it: it belongs to a mark that is no good."""
        if self._index >= self._barren:
            return None
        for index in range(self._index + 1, len(self._children)):
            token = self._children[index]
            if token.type in ("cloze_open", "braces_open"):
                return None
            if token.type == "cloze_close":
                if token.content != "}}":
                    return None
                token.type = "text"
                return token
        self._barren = self._index  # else many marks would each look through all that follows
        return None

    # -- markup around clozes

    def _end_markup(self, token: Token) -> None:
        kind = token.type.replace("_close", "_open")
        while self._stack and self._stack[-1].kind != kind:
            frame = self._pop()
            if frame.kind == "cloze":
                opener = next((f.token for f in reversed(self._stack) if f.kind == kind), token)
                self._overlap(frame.token, opener)
                self._skip_close()
            elif frame.kind == "html":
                self._unbalanced(frame.token)
        if self._stack:
            self._pop()

    def _html(self, token: Token) -> None:
        content = token.content
        if content.startswith("<!--"):
            self._comment(token)
            return
        match = _TAG.match(content)
        name = match.group(2).lower() if match else ""
        if match is None or name not in INLINE_TAGS:
            tag = re.match(r"</?([A-Za-z][A-Za-z0-9-]*)", content)
            self._fill()
            if content.startswith("</") and tag and tag.group(1).lower() in self._foreign_tags:
                return  # said at the opening tag
            known = tag is not None and tag.group(1).lower() in INLINE_TAGS
            self._say(
                rules.RAW_HTML,
                f"`<{tag.group(1).lower()}>` takes no attributes here"
                if known and tag
                else f"`{_shorten(content)}` is not one of the allowed HTML tags",
                self._span(token),
                r"allowed are " + " ".join(sorted(INLINE_TAGS)) + r" without attributes;"
                r" use Markdown for the rest, and write \< for a literal <",
            )
            if tag:
                self._foreign_tags.add(tag.group(1).lower())
            return
        closing, self_closing = match.group(1), match.group(3)
        if name == "br":
            if closing:
                self._unbalanced(token)
        elif self_closing:
            self._unbalanced(token)
        elif not closing:
            self._push("html", token)
        else:
            self._end_html(token, name)

    def _end_html(self, token: Token, name: str) -> None:
        if not self._tags[name]:
            if name not in self._foreign_tags:  # else said at the opening tag
                self._unbalanced(token)
            return
        while True:
            frame = self._pop()
            if frame.kind == "html" and _tag_name(frame.token) == name:
                return
            if frame.kind == "cloze":
                self._overlap(frame.token, token)
                self._skip_close()
            else:
                self._unbalanced(frame.token)

    def _unbalanced(self, token: Token) -> None:
        if token.type == "html_inline":
            self._say(
                rules.UNBALANCED_HTML,
                f"`{token.content}` has no partner at its own level",
                self._span(token),
                "open and close a tag within one block, one cloze and one piece of emphasis",
            )

    def _comment(self, token: Token) -> None:
        inner = token.content.find("<!--", 4)
        if inner >= 0:
            start = self._places(token.meta["at"][0] + inner)
            self._say(
                rules.NESTED_COMMENT,
                "the comment holds the start of another: where does it end?",
                Span(self._source, start, start + 4),
                "close the first comment with --> before the second begins",
            )
            return
        if is_metadata(token.content[4:]):
            self._say(
                rules.MISPLACED_METADATA,
                "metadata stands inside a line of text",
                self._span(token),
                "put it under its note, at column 1, alone on its lines",
            )
        self._comments.append(self._span(token))

    def _image(self, token: Token) -> None:
        token.meta["span"] = span = self._span(token)
        self._fill()
        if token.children:
            places, start = self._places, token.meta["at"][0] + len("![")
            InlineChecker(self._source, self._report).check(
                token.children, lambda position: places(start + position), place="alt"
            )
        self._attribute(token, "title", span)
        self._attribute(token, "src", span)

    def _link(self, token: Token) -> None:
        if str(token.meta.get("label", "")).startswith("^"):
            return  # a footnote, reported where it is defined
        span = self._span(token)
        href = str(token.attrs.get("href", ""))
        if token.markup == "autolink" and _CLOZE_TEXT.search(
            self._children[self._index + 1].content
        ):
            self._in_literal("an address between < and >", span)
        elif self._attribute(token, "title", span) or self._attribute(token, "href", span):
            return
        elif not _LINK.match(href) or any(ord(char) < 33 for char in href):
            shown = _shorten(unquote(href))
            self._say(
                rules.LINK_TARGET,
                f"`{shown}` is not an address that a learner can open"
                if href
                else "the link has no address",
                span,
                "links begin with https://, http://, mailto: or tel:",
            )

    def _attribute(self, token: Token, name: str, span: Span) -> bool:
        value = unquote(str(token.attrs.get(name, "") or ""))
        if not _CLOZE_TEXT.search(value):
            return False
        self._in_literal("the title of a link" if name == "title" else "an address", span)
        return True

    def _in_literal(self, what: str, span: Span) -> None:
        self._say(
            rules.CLOZE_IN_LITERAL,
            f"a cloze in {what} hides nothing",
            span,
            "put the cloze around the whole link or formula",
        )

    def _code(self, token: Token) -> None:
        index = self._index
        before = self._children[index - 1] if index else None
        after = self._children[index + 1] if index + 1 < len(self._children) else None
        if (
            before is not None
            and after is not None
            and before.type == after.type == "text"
            and before.content.endswith("$")
            and after.content.startswith("$")
        ):
            start, end = token.meta["at"]
            self._foreign_math(Span(self._source, self._places(start - 1), self._end(end + 1)))

    def _foreign_math(self, span: Span) -> None:
        self._say(
            rules.FOREIGN_SYNTAX,
            "math between $` and `$ is read by one website only",
            span,
            "write $…$ without the backquotes",
        )

    def _math(self, token: Token) -> None:
        span = self._span(token)
        content = token.content
        before = self._children[self._index - 1] if self._index else None
        if content.startswith("`") and content.endswith("`"):
            self._foreign_math(span)
        elif content[0] == "]" and before and before.content.endswith("["):
            self._say(
                rules.FOREIGN_SYNTAX,
                "`[$]…[/$]` is Anki's own mark, not part of this language",
                Span(self._source, span.start - 1, span.end + 1),
                r"write math as $…$ or $$…$$; write \$ for a dollar sign",
            )
        elif token.type == "math_inline" and "\n" in content:
            self._say(
                rules.UNCLOSED_MATH,
                "a formula between single dollars runs over the end of a line",
                span,
                r"put it on one line, or write \$ for a dollar sign",
            )
        else:
            check_math(content, span, self._report)
            words = content.split()
            if len(words) > 1 and any(map(_WORD.search, words)) and _PROSE_ONLY.fullmatch(content):
                self._say(
                    rules.PROSE_MATH,
                    "this would be set as a formula, but holds only words and prices",
                    span,
                    r"write \$ for a dollar sign",
                )


def check_math(content: str, span: Span, report: Report) -> None:
    """Report what would make MathJax end a formula early, or leave it as raw text.

    MathJax looks for the closing delimiter outside braces, and skips a backslash with the
    character behind it.
    """

    def say(rule: Rule, message: str, help: str) -> None:
        report(Diagnostic(rule, message, span.source, span, help))

    if _CLOZE_TEXT.search(content):
        say(
            rules.CLOZE_IN_LITERAL,
            "a cloze in a formula hides nothing",
            "put the cloze around the whole formula: {{c1::$…$}}",
        )
        return
    active = _ACTIVE_TEX.search(content)
    if active:
        say(
            rules.UNSAFE_MATH,
            f"`{active.group()}` has no place in a formula: it could run or fetch something",
            "leave it out; write a link in the text, as [words](https://…)",
        )
        return
    depth = 0
    for match in _TEX.finditer(content):
        mark = match.group()
        depth += (mark == "{") - (mark == "}")
        if depth < 0:
            break
        if depth == 0 and mark in (r"\(", r"\)", r"\[", r"\]"):
            say(
                rules.MATH_DELIMITER,
                f"`{mark}` would end the formula early in Anki",
                r"leave it out; a bracket alone is written ( ) [ ]",
            )
            return
        if mark == "%":
            say(
                rules.MATH_DELIMITER,
                "`%` hides the rest of its line of a formula",
                r"write \% for a percent sign",
            )
            return
    if depth or (content.rstrip().endswith("\\") and not content.rstrip().endswith("\\\\")):
        say(
            rules.UNBALANCED_MATH,
            "the braces of the formula do not pair, so Anki would show it as raw text",
            r"close each { with }; write \{ and \} for braces to be seen",
        )


def _name(token: Token) -> str:
    names = {
        "em_open": "emphasis",
        "strong_open": "bold text",
        "s_open": "struck-out text",
        "link_open": "a link",
    }
    return names.get(token.type) or f"`{token.content}`"


def _as_address(text: str) -> str:
    """An address as Markdown wants it: whole, and between < and > if it has blanks."""
    text = text.strip().strip("<>")
    text = f"https://{text}" if text.startswith("www.") else text
    return f"<{text}>" if " " in text else text


def _tag_name(token: Token) -> str:
    match = _TAG.match(token.content)
    return match.group(2).lower() if match else ""


def _shorten(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 40 else text[:39] + "…"
