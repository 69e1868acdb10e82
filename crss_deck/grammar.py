"""The grammar: markdown-it-py set up for our language, with its own rules for labels and clozes.

Every inline token knows its place in the inline content: `token.meta["at"]`, a pair of offsets.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

import markdown_it
import mdit_py_plugins
from markdown_it import MarkdownIt
from markdown_it.common import utils
from markdown_it.parser_inline import ParserInline
from markdown_it.rules_block import StateBlock, html_block
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from markdown_it.utils import EnvType
from mdit_py_plugins.dollarmath import dollarmath_plugin
from mdit_py_plugins.front_matter import front_matter_plugin

from crss_deck.labels import LabelMark

_trim: Callable[[str], str] = getattr(utils, "mdTrim", str.strip)
"""What markdown-it takes off both ends of a paragraph; before 4.3, whatever Python calls blank."""
_CLOZE_OPEN = re.compile(r"\{\{c([0-9]+)::")


class _InlineParser(ParserInline):
    """markdown-it's inline parser, which also notes where each token comes from.

    `token.meta["at"]` is a pair of offsets into the inline content. The tokens are those of
    markdown-it's own loop, which tries every rule at every mark; here a table says which rules can
    match at a character, and text in between is taken whole. A rule that pushes a token flushes
    pending text first.
    """

    def learn(self) -> None:
        """Note which rules can match where, after the last of them has been added."""
        active = dict(zip(self.ruler.get_active_rules(), self.ruler.getRules(""), strict=True))
        self._at = {mark: [active.pop(name) for name in names] for mark, names in _RULES.items()}
        self._at |= {"_": self._at["*"], "}": self._at["{"]}
        assert active.keys() == {"label", "text"}, active

    def parse(self, src: str, md: MarkdownIt, env: EnvType, tokens: list[Token]) -> list[Token]:
        begin, end = (env.get("begin", 0) if src is env["content"] else 0), len(src)
        while begin and begin < end and src[begin] in " \t":
            begin += 1
        if not env["labels"] and _MARK.search(src, begin) is None:
            if begin < end:
                text = src[begin:] if begin else src
                tokens.append(Token("text", "", 0, content=text, meta={"at": (begin, end)}))
            return tokens
        state = StateInline(src, md, env, tokens)
        state.pos = begin
        self.tokenize(state)
        if state.delimiters or any(state.tokens_meta):  # else nothing is left to pair, or to join
            for rule in self.ruler2.getRules(""):
                rule(state)
        return state.tokens

    def tokenize(self, state: StateInline) -> None:
        src, tokens, end = state.src, state.tokens, state.posMax
        labels = state.env["labels"] if src is state.env["content"] else ()
        text_start = position = state.pos
        while position < end:
            if position not in labels:
                mark = _MARK.search(src, position, end)
                position = mark.start() if mark else end
            if position > text_start:
                state.pending = src[text_start:position]
            if position == end:
                break
            pair = _PAIR.match(src, position, end) if position not in labels else None
            if pair is not None and (position == 0 or src[position - 1] in _EDGES):
                _push_pair(state, pair, text_start)
                position = text_start = pair.end()
                continue
            state.pos, count = position, len(tokens)
            for rule in self._at[src[position]] if position not in labels else (_label_rule,):
                if rule(state, False):
                    break
            else:
                state.pos += 1
            start, position = position, state.pos
            if len(tokens) > count:
                new = tokens[count:]
                if start > text_start and new[0].type == "text":
                    new.pop(0).meta["at"] = (text_start, start)
                if len(new) == 1:
                    new[0].meta.setdefault("at", (start, position))
                else:
                    _place_all(new, start, position)
                text_start = position
        if text_start < end:
            state.pending = src[text_start:end]
            state.pushPending()
            tokens[-1].meta["at"] = (text_start, end)
        state.pos = end


def _place_all(new: list[Token], start: int, end: int) -> None:
    """Note the places of the tokens that one rule pushed."""
    # The delimiters of `***` or `~~~~` are tokens of their own, side by side.
    side_by_side = all(token.type == "text" for token in new)
    for token in new:
        behind = start + len(token.content) if side_by_side else end
        token.meta.setdefault("at", (start, behind))
        if side_by_side:
            start = behind


_MARK = re.compile(r"[\n\\`*_\[<&$]|!\[|~~|::|\{\{|\}\}")
"""Where a rule can match; everything else is text."""
_RULES = {
    "\n": ["newline"],
    "\\": ["escape"],
    "`": ["backticks"],
    "*": ["emphasis"],
    "[": ["link"],
    "<": ["autolink", "html_inline"],
    "&": ["entity"],
    "$": ["math_inline"],
    "!": ["image"],
    "~": ["strikethrough"],
    ":": ["separator"],
    "{": ["braces"],
}
"""The rules that can match at a mark, by its first character, in the order in which they do."""
_PAIR = re.compile(
    r"(\*\*?|__?)([^\W_](?:[^\n\\`*_\[<&$~:{}]*[^\W_])?)\1(?=[ \n.,;:!?)\]}\"'/-]|\Z)"
)
"""Emphasis that needs no pairing: plain words between two equal marks, beside which stands what
lets the first only open and the second only close."""
_EDGES = frozenset(" \n([{\"'/-")


def _push_pair(state: StateInline, pair: re.Match[str], text_start: int) -> None:
    """Push what such a pair stands for, behind the text before it."""
    tokens, (start, end) = state.tokens, pair.span()
    if text_start < start:
        state.pushPending()
        tokens[-1].meta["at"] = (text_start, start)
    mark, words = pair.groups()
    name, (first, behind), level = "strong" if mark[1:] else "em", pair.span(2), state.level
    tokens += (
        Token(f"{name}_open", name, 1, level=level, markup=mark, meta={"at": (start, first)}),
        Token("text", "", 0, level=level + 1, content=words, meta={"at": (first, behind)}),
        Token(f"{name}_close", name, -1, level=level, markup=mark, meta={"at": (behind, end)}),
    )


def _brace_rule(state: StateInline, silent: bool) -> bool:
    """Two or more equal braces: a cloze mark, or an error that `inlines` explains."""
    start = state.pos
    brace = state.src[start]
    if brace not in "{}" or not state.src.startswith(brace * 2, start):
        return False
    end = start + 2
    while end < state.posMax and state.src[end] == brace:
        end += 1
    opening = _CLOZE_OPEN.match(state.src, start) if brace == "{" and end == start + 2 else None
    if opening and opening.end() <= state.posMax:
        end = opening.end()
    if not silent:
        kind = "cloze_open" if opening else "braces_open" if brace == "{" else "cloze_close"
        token = state.push(kind, "", 0)
        token.content = state.src[start:end]
        if opening:
            token.info = opening.group(1)
    state.pos = end
    return True


def _separator_rule(state: StateInline, silent: bool) -> bool:
    """`::`, which starts a hint when it stands at a cloze's own level, and else is text."""
    if state.src[state.pos] != ":" or not state.src.startswith("::", state.pos):
        return False
    if state.pos + 2 > state.posMax:
        return False
    if not silent:
        state.push("cloze_separator", "", 0).content = "::"
    state.pos += 2
    return True


def _label_rule(state: StateInline, silent: bool) -> bool:
    """A label at a place that the reader of `markdown` has found fit for one."""
    marks: dict[int, LabelMark] = state.env["labels"]
    mark = marks.get(state.pos) if marks else None
    # The text of an image is parsed as content of its own, whose offsets mean nothing here.
    if mark is None or state.src is not state.env["content"]:
        return False
    if not silent:
        token = state.push("label", "", 0)
        token.info = mark.name
    end = state.pos + mark.length
    while end < state.posMax and state.src[end] in " \t":
        end += 1
    state.pos = end
    return True


def _join_text(state: StateInline) -> None:
    """Join neighbouring text tokens and set levels, as markdown-it's rule, but keep places."""
    level = 0
    joined: list[Token] = []
    taken: int | None = None
    for token in state.tokens:
        start, end = token.meta["at"]
        before = joined[-1] if joined else None
        if token.content[:1] == "~" and before and before.type == "s_close":
            first, behind = before.meta["at"]
            if start < first:  # markdown-it moves a spare `~` behind the two that close
                before.meta["at"] = (start, start + behind - first)
                start, end = start + behind - first, behind
                token.meta["at"] = (start, end)
        if token.nesting < 0:
            level -= 1
        token.level = level
        if token.nesting > 0:
            level += 1
        if token.type == "text" and not token.content:
            # The other half of a `**`: it stands before an opening one and behind a closing one.
            if before is not None and before.nesting < 0:
                before.meta["at"] = (before.meta["at"][0], end)
            else:
                taken = start
        elif token.type == "text" and before is not None and before.type == "text":
            before.content += token.content
            before.meta["at"] = (before.meta["at"][0], end)
        else:
            if token.nesting > 0 and taken is not None:
                token.meta["at"] = (taken, end)
            joined.append(token)
            taken = None
    state.tokens[:] = joined


def _prose_rule(state: StateBlock, first: int, behind: int, silent: bool) -> bool:
    """What most blocks are: a paragraph whose lines all begin with a letter, or a comment.

    No rule but the last could take the first line of such a paragraph, and none could end it at a
    later one; and a `<` with no line below it can only begin HTML. So ten rules are not tried.
    """
    if state.is_code_block(first):
        return False
    line = first
    while line < state.lineMax and not state.isEmpty(line):
        mark = state.src[state.bMarks[line] + state.tShift[line]]
        if not mark.isalpha():
            alone = mark == "<" and line == first and state.isEmpty(first + 1)
            return alone and html_block(state, first, behind, silent)
        line += 1
    state.line = line
    level = state.level
    content = (
        state.src[state.bMarks[first] : state.eMarks[line - 1]]
        if not level  # else every line may have something cut off
        else state.getLines(first, line, state.blkIndent, False)
    )
    inline = Token("inline", "", 0, map=[first, line], level=level + 1, children=[], block=True)
    inline.content = _trim(content)
    state.tokens += (
        Token("paragraph_open", "p", 1, map=[first, line], level=level, block=True),
        inline,
        Token("paragraph_close", "p", -1, level=level, block=True),
    )
    return True


@cache
def markdown_it_parser() -> MarkdownIt:
    """CommonMark + tables + strikethrough + dollar math; `parse` alone parses blocks only."""
    md = MarkdownIt("js-default", {"html": True, "store_labels": True})
    md.inline = inline = _InlineParser()
    md.inline.ruler.disable("linkify")
    # `$5 and $6` is no formula, and a formula has no label.
    md.use(
        dollarmath_plugin,
        allow_labels=False,
        allow_space=False,
        allow_digits=False,
        allow_blank_lines=False,
        double_inline=True,
    )
    md.use(front_matter_plugin)
    md.block.ruler.before("front_matter", "prose", _prose_rule)
    md.inline.ruler.before("text", "label", _label_rule)
    md.inline.ruler.push("braces", _brace_rule)
    md.inline.ruler.push("separator", _separator_rule)
    md.inline.ruler2.at("fragments_join", _join_text)
    inline.learn()
    # Every address is judged by us, with a place; markdown-it would turn a bad one into text.
    md.validateLink = lambda url: True  # type: ignore[method-assign]
    md.core.ruler.enableOnly(["normalize", "block"])
    return md


def read_alike(first: str, second: str) -> bool:
    """Whether two texts are the same in plain CommonMark."""
    plain = MarkdownIt("commonmark")
    return bool(plain.render(first) == plain.render(second))


def grammar_versions() -> dict[str, str]:
    """The versions of what parses Markdown, by package."""
    return {
        "markdown-it-py": markdown_it.__version__,
        "mdit-py-plugins": mdit_py_plugins.__version__,
    }
