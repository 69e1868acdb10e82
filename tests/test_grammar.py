"""What we do faster than markdown-it gives the same tokens as its own rules and its own loop."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.parser_inline import ParserInline
from markdown_it.rules_inline import fragments_join
from markdown_it.token import Token
from notes_maker import MARKS, files, wild_files

from crss_deck.grammar import markdown_it_parser
from crss_deck.labels import LabelMark, read_label

OURS = markdown_it_parser()


def _plain() -> MarkdownIt:
    """The same rules, but those that only save time, run by markdown-it's own inline parser."""
    plain = markdown_it_parser.__wrapped__()
    inline = ParserInline()
    inline.ruler = plain.inline.ruler
    inline.ruler2 = plain.inline.ruler2
    inline.ruler2.at("fragments_join", fragments_join)
    plain.inline = inline
    plain.block.ruler.disable("prose")
    return plain


PLAIN = _plain()


def described(tokens: list[Token]) -> list[dict[str, Any]]:
    """All there is to know of tokens but the places that only ours have.

    Of two delimiters that make one `**`, markdown-it leaves an empty text, and ours nothing.
    """
    found = []
    for token in tokens:
        if token.type == "text" and not token.content:
            continue
        fields = {name: getattr(token, name) for name in Token.__slots__}
        fields["meta"] = {name: value for name, value in token.meta.items() if name != "at"}
        fields["children"] = described(token.children or [])
        found.append(fields)
    return found


def labels_of(content: str) -> dict[int, LabelMark]:
    """A label wherever a line begins with one, as in a paragraph at the left edge."""
    marks = {}
    for line in re.finditer(r"^.*$", content, re.MULTILINE):
        mark = read_label(line.group())
        if mark is not None and not mark.reserved:
            marks[line.start()] = mark
    return marks


def compare(text: str) -> int:
    """Parse a text and all its inline contents both ways; how many there were."""
    env: dict[str, Any] = {"labels": {}, "content": ""}
    blocks = OURS.parse(text, env)
    plain_env: dict[str, Any] = {}
    assert described(blocks) == described(PLAIN.parse(text, plain_env)), text
    assert env.get("references") == plain_env.get("references"), text
    contents = [token.content for token in blocks if token.type == "inline"]
    for content in contents:
        for labels in {}, labels_of(content):
            env |= {"labels": labels, "content": content}
            ours, plain = (md.inline.parse(content, md, env, []) for md in (OURS, PLAIN))
            assert described(ours) == described(plain), content
            check_places(ours, content)
    return len(contents)


def check_places(tokens: list[Token], content: str) -> None:
    """Every token has a place; plain words stand there as written."""
    for token in tokens:
        start, end = token.meta["at"]
        assert 0 <= start <= end <= len(content), (content, token)
        if token.type == "text" and token.content.isalpha():
            assert token.content in content[start:end], (content, token)


# fmt: off
SNIPPETS = (
    # text, line ends, escapes
    "", "a", "a b", "a\nb", "a  \nb", "a   \n  b", "a\\\nb", "a\\", "\\a", "\\\\", "\\*a\\*",
    "\\`a`", "\\[a](b)", "\\<b>", "\\&amp;", "\\$a$", "\\{{c1::a}}", "\\::", "a\n\\", "a \n b",
    # code
    "`a`", "``a`b``", "`` ` ``", "`a", "`a``", "``a`", "`a\nb`", "*`a*`", "[a`](b)`", "`<a>`",
    "`a\\`b`", "` `` `", "a`b`c`d",
    # emphasis
    "*a*", "**a**", "***a***", "*a**", "**a*", "_a_", "__a__", "a_b_c", "a*b*c", "*a _b* c_",
    "**a *b* c**", "*a **b** c*", "****", "* a *", "_ a _", "**a**b**c**", "***a* b**",
    "*a***b***", "_(a)_", "*(a)*b", "*a*_b_", "__a_b__", "*\u00a0a*", "**a\nb**", "*a`*`",
    "*a b* c", "(**a**)", "a-*b*", "*a*-b", "*a*\u2019", "\"_a_\"", "*a, b.*", "*a*:*b*", "_a_::",
    "**a** *b*", "*a **b** c* d", "**a *b* c** d", "\\**a*", "*a*b *c*", "[*a*](b *c*)",
    "**Gomphocarpus (*a*)**", "*[a*](b)", "**\u20ac**a", "***a** b*", "_a__b_",
    # strikethrough
    "~~a~~", "~a~", "~~~a~~~", "~~a", "~~a ~~b~~", "*~~a*~~", "~~~~a~~~~", "~~", "a~~b~~c",
    # links and images
    "[a](b)", "[a](<b c>)", '[a](b "c")', "[a](b 'c')", "[a](b (c))", "[a]", "[a][b]", "[a][]",
    "[a](b", "[a [b](c)](d)", "[a](b(c)d)", "[*a](b)*", "[a]( b )", "[](b)", "[a]()", "![a](b)",
    '![a *b* `c`](d "e")', "![a", "!a", "!![a](b)", "[![a](b)](c)", "![[a](b)](c)", "[a](b\\)c)",
    "[a](b&amp;c)", "[a\\]](b)", "[[a](b)", "[a]](b)", "[a](javascript:b)", "![a\nb](c)",
    "[a]\n\n[a]: b", "[a][B]\n\n[b]: c 'd'", "![a]\n\n[A]: b", "*[a]*\n\n[a]: <b>",
    # autolinks, HTML, references
    "<https://a.b>", "<a@b.c>", "<https://a b>", "<b>a</b>", '<a href="b">', "<!-- a -->", "<!-->",
    "<!--a", "<?a?>", "<!A b>", "<![CDATA[a]]>", "<b", "a < b > c", "<br/>", "<b\nc>", "</b >",
    "https://a.b", "&amp;", "&#35;", "&#x22;", "&#0;", "&nothing;", "&", "&a", "&copy", "&lt;b&gt;",
    # formulas
    "$a$", "$a", "a$b$c", "$5 and $6", "$ a $", "$$a$$", "$a\nb$", "$a\\$b$", "$*a*$", "*$a*$",
    "$`a`$", "[$a](b)$", "$a$$b$", "$$", "$$$",
    # clozes
    "{{c1::a}}", "{{c1::a::b}}", "{{c1::*a*}}", "*{{c1::a}}*", "{{c1::{{c2::a}}}}", "{{a}}", "{a}",
    "{{{c1::a}}}", "}}}}", "{{c1::`}}`}}", "{{c1::$a$}}", "[{{c1::a}}](b)", "![{{c1::a}}](b)",
    "{{c1::a\nb}}", "a::b", ":::", "::::", ":a:", "*a::b*", "{{c01::a}}", "{{c1:a}}", "{{C1::a}}",
    "{{c1::a *b}} c*", "[a::b](c::d)",
    # blocks
    "a\nb\n\nc", "a\n b\n  c\n     d", "    a", "   a\nb", "a\n- b", "a\n1. b", "a\n2. b", "a\n===",
    "a\nb\n---", "a | b\n--- | ---\nc | d", "a\nb | c\n--|--\nd", "> a\nb", "> a\n> b\n\nc",
    "- a\n  b\n\n  c\nd", "- a\nb\n- c", "1. a\n\n   b\n   - c\n     d", "a\n> b", "a\n# b",
    "a\n```\nb", "a\n<div>\nb", "a\n$$\nb\n$$", "a\n[b]: c", "---\na: b\n---\nc", "a\n***\nb",
    "a\n\tb", "\ta", "é\nß", "a\n\u00a0b", "a \n\t\nb", "> - a\n>   b\n> c\nd", "a\n  ",
    "- a\n\n\n  b", "a\n-", "a\n=\nb",
    # labels
    "Q: a\nA: b", "Q: *a\nA: b*", "Q: [a\nA: b](c)", "Q: `a\nA: b`", "Q:\nA:", "Q: a  \nA: b",
    "Q: a\\\nA: b", "A: ![a\nQ: b](c)", "Hint:\ta\nExtra: b", "Q: {{c1::a\nA: b}}", "Q:  *a*",
    "**Q:** a\nA: b", "**A**: b\n_Q_: c", "*a\nQ: b* c\nA: **d**", "Q: a\n&amp;\nA: $b\nC: c$",
)
# fmt: on


@pytest.mark.parametrize("text", SNIPPETS)
def test_a_snippet_gives_the_same_tokens(text: str) -> None:
    """Each construct of the language, whole and spoilt."""
    assert compare(text) or not text.strip() or OURS.parse(text, {"labels": {}})


@pytest.mark.parametrize("frame", ["*{}*", "[{}](x)", "![{}](x)", "a {} b", "- {}", "# {}", "{}{}"])
def test_a_snippet_in_a_frame_gives_the_same_tokens(frame: str) -> None:
    """The same inside other markup, and beside itself."""
    assert sum(compare(frame.format(text, text)) for text in SNIPPETS) > 100


# fmt: off
CHARACTERS = st.sampled_from((
    *"\n\\`*_[]()<>&$!~:{}|-#; \"'a1é\u00a0", "**", "~~", "{{c1::", "}}", "::", "](b)", "![",
    "$$", "&amp;", "<b>", "Q: ", "A: ",
))
# fmt: on


@given(st.lists(CHARACTERS, max_size=60).map("".join))
def test_any_marks_give_the_same_tokens(text: str) -> None:
    """Marks in any order."""
    compare(text)


@given(st.lists(st.sampled_from(MARKS), max_size=40).map("".join) | files | wild_files | st.text())
def test_any_file_gives_the_same_tokens(text: str) -> None:
    """Files as authors write them, and as nobody does."""
    compare(text)
