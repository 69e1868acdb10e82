r"""Formulas of cards as MathML: where they are found, what is shown, and what says it is not."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from anki_helper import visible_text
from golden_helper import DECKS
from hypothesis import given
from hypothesis import strategies as st

from crss_deck import compile_deck, read_deck
from crss_deck.formulas import NOT_SHOWN, formula_html, with_mathml


def shown(html: str) -> str:
    """HTML with each formula that is shown as ⟨TeX⟩, or ⟪TeX⟫ for a block."""

    def marked(math: re.Match[str]) -> str:
        element = ElementTree.fromstring(math[0])
        left, right = "⟪⟫" if element.get("display") == "block" else "⟨⟩"
        return f"{left}{element.get('alttext')}{right}"

    return re.sub("<math .*?</math>", marked, html, flags=re.DOTALL)


@pytest.mark.parametrize(
    ("html", "wanted"),
    [
        (r"a \(x\) b \[y\] c", "a ⟨x⟩ b ⟪y⟫ c"),
        (r"\(a&lt;b\)", "⟨a<b⟩"),
        (r"\[a<br>b<br />c\]", "⟪a\nb\nc⟫"),
        (r"\( x \)", "⟨x⟩"),
        (r"\(\text{a \) b}\)", r"⟨\text{a \) b}⟩"),
        (r"\(\frac{1}{\sqrt{x}&#125;\)", r"⟨\frac{1}{\sqrt{x}}⟩"),
        (r"\(\{a\}\)", r"⟨\{a\}⟩"),
        (r"\(x", r"\(x"),
        (r"x\) \(y\)", r"x\) ⟨y⟩"),
        (r"\(a<b>b</b>\)", r"\(a<b>b</b>\)"),
        (r"<code>\(x\)</code> \(y\)", r"<code>\(x\)</code> ⟨y⟩"),
        (r"<pre>a <b>\(x\)</b></pre>\(y\)", r"<pre>a <b>\(x\)</b></pre>⟨y⟩"),
        (
            r"""<a title='\(x\)' rel="\(y\)">\(z\)</a>""",
            """<a title='\\(x\\)' rel="\\(y\\)">⟨z⟩</a>""",
        ),
        (r"<!-- \(x\) -->\(y\)", r"<!-- \(x\) -->⟨y⟩"),
        (r"<span class=cloze>\(x\)</span>", "<span class=cloze>⟨x⟩</span>"),
        (r"no formula &lt; at all", "no formula &lt; at all"),
        (r"\(\)", ""),
    ],
)
def test_where_a_formula_is(html: str, wanted: str) -> None:
    """A formula is found where MathJax finds one, and nothing else is touched."""
    assert shown(with_mathml(html)) == wanted


@pytest.mark.parametrize(
    "tex",
    [
        *(
            r"a^2 + b_1",
            r"\frac{1}{\sqrt{x}}",
            r"\sum_{i=1}^n x_i",
            r"\int_0^1",
            r"\alpha\to\infty",
        ),
        *(r"\begin{pmatrix}a&b\\c&d\end{pmatrix}", r"\begin{cases}1&2\\3&4\end{cases}"),
        *(r"\begin{aligned}a&=b\\c&=d\end{aligned}", r"\mathbb{R}", r"\mathcal{L}", r"\mathbf{x}"),
        *(r"\text{if } x", r"50\%", r"\$5", r"f'", r"\left(\frac12\right)", r"\overline{AB}"),
        *(r"\lim_{x\to0}", r"\binom{n}{k}", r"a < b > c \& d", r"\operatorname{foo}", r"\vec{x}"),
        r"\begin{align*}a&=b\end{align*}",
    ],
)
def test_a_formula_that_is_shown(tex: str) -> None:
    """What authors write most becomes MathML that a browser can set, with the TeX to read out."""
    for block in (False, True):
        math = ElementTree.fromstring(formula_html(tex, block))
        assert math.tag == "{http://www.w3.org/1998/Math/MathML}math"
        assert math.get("display") == ("block" if block else "inline")
        assert math.get("alttext") == tex
        text = "".join(math.itertext())
        assert text.strip()
        assert not re.search(r"\\[a-z]|&#?\w+;", text)


@pytest.mark.parametrize(
    "tex",
    [
        *(r"\ce{H2O}", r"\pu{1 m}", r"\cancel{x}", r"\bcancel{x}", r"\xcancel{x}", r"\boxed{x}"),
        *(r"\begin{equation}a\end{equation}", r"\begin{align}a\\b\end{align}", r"a \tag{1}"),
        *(r"\begin{gather}a\end{gather}", r"\begin{multline}a\end{multline}", r"\ref{a}"),
        *(r"\nosuchmacro{x}", r"\require{ams}", r"\newcommand{\a}{b}\a", r"\def\a{b}\a"),
        *(r"{", r"x^", r"\frac{1}", r"\left(", r"a \\ b", r"a & b", r"\mathscr{L}", r"\middle|"),
        r"\limits",
    ],
)
def test_a_formula_that_is_not_shown(tex: str) -> None:
    """It stays as TeX and says so, whether it was not understood or a browser cannot set it."""
    html = formula_html(tex, False)
    assert "<math" not in html
    assert visible_text(html) == f"`\\({tex}\\)` (not shown in the preview; Anki shows it)"


@pytest.mark.parametrize("tag", ["latex", "$", "$$"])
def test_latex_is_not_shown(tag: str) -> None:
    """Nor is what Anki hands to LaTeX."""
    assert NOT_SHOWN in with_mathml(f"a [{tag}]x &lt; y[/{tag}] b")
    assert with_mathml(f"a [{tag}]x") == f"a [{tag}]x"


def test_markup_of_a_formula_is_escaped() -> None:
    """Whatever stands in a formula is text, and never a tag or an address."""
    for tex in (r"\text{<script>x</script>}", r"\href{javascript:x}{y}", "<b>", r"\ce{<b>}"):
        html = formula_html(tex, False)
        assert not re.search("<script|<b>|href", re.sub('alttext="[^"]*"', "", html))


def test_the_formulas_of_the_golden_decks() -> None:
    """Every formula of the golden decks is shown."""
    count = 0
    for deck in DECKS:
        package = compile_deck(read_deck(deck / "source")).package
        assert package is not None
        for note in package.notes:
            for field in note.fields:
                html = with_mathml(field)
                count += html.count("<math ")
                assert NOT_SHOWN not in html
    assert count >= 5


PIECES = [
    *(r"\(", r"\)", r"\[", r"\]", "{", "}", "&#125;", "\\", "x", "^", "_", "&", "&amp;", "<", ">"),
    *("<br>", "<b>", "</b>", "<code>", "</code>", '"', "'", "<!--", "-->", r"\frac", r"\text"),
    *(r"\begin{aligned}", r"\end{aligned}", r"\left(", r"\right)", "[$]", "[/$]", "\n", " "),
]


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_any_text_is_taken(html: str) -> None:
    """No text of a card makes the preview fail, and what it writes is whole MathML."""
    for math in re.findall("<math .*?</math>", with_mathml(html), re.DOTALL):
        ElementTree.fromstring(math)


@pytest.mark.parametrize(
    "html",
    [
        *("\\(" * 50_000, "\\({\\)" * 10_000, "<a \"'" * 30_000 + "\\(", "<!--" * 30_000 + "\\("),
        *("\\(" + "{" * 900 + "x" + "}" * 900 + "\\)", "[$]" * 30_000, "\\(" + "x^" * 900 + "\\)"),
        *("<a" * 50_000 + "\\(", "\\(\\frac" * 10_000 + "\\)"),
    ],
    ids=lambda html: html[:10],
)
def test_a_hostile_text_ends(html: str) -> None:
    """A hang would never end this test."""
    with_mathml(html)
