r"""The formulas in the HTML of a card, as MathML; alone knows latex2mathml.

Anki's cards hold TeX between `\(` and `\)` or `\[` and `\]`, which MathJax sets in place. A
browser sets MathML by itself, without a script or a font from elsewhere. What cannot be shown
truly is left as TeX that says so.
"""

from __future__ import annotations

import html as markup
import re
from functools import lru_cache

NOT_SHOWN = "not shown in the preview; Anki shows it"
MAX_TEX = 2_000
"""A longer formula stays TeX: nobody writes one, and a hostile one could take hours."""
MAX_OPEN_ENDS = 100
"""Behind so many that nothing closes, no formula is looked for."""

_TAG = re.compile(
    r"<!--(?:(?!<!--).)*?-->|</?([a-zA-Z][a-zA-Z0-9:-]*+)(?:[^<>\"']++|\"[^\"]*\"|'[^']*'){0,200}>",
    re.DOTALL,
)
_LITERAL = frozenset(
    ("annotation", "annotation-xml", "code", "noscript", "pre", "script", "style", "textarea")
)
"""Elements in which MathJax looks for no formula."""
_LATEX = re.compile(rf"\[(latex|\$\$?)\].{{0,{MAX_TEX}}}?\[/\1\]", re.DOTALL)
"""What Anki hands to a LaTeX of the learner's, if there is one."""
_OPENING = re.compile(r"\\[(\[]")
_STEP = re.compile(r"\\[)\]]|\\(?:[a-zA-Z]+|&#?\w+;|.)|&#?\w+;|[{}]", re.DOTALL)


def with_mathml(html: str) -> str:
    """The HTML of a card with each formula as MathML, or as TeX with a word on it."""
    html = _LATEX.sub(lambda found: _as_tex(markup.unescape(found[0])), html)
    if _OPENING.search(html) is None:
        return html
    parts: list[str] = []
    start = 0
    literal = ""
    for tag in _TAG.finditer(html):
        name = (tag[1] or "").lower()
        if name in ("br", "wbr"):
            continue  # MathJax reads over these
        text = html[start : tag.start()]
        parts += (text if literal else _with_formulas(text), tag[0])
        start = tag.end()
        if not literal and name in _LITERAL and not tag[0].startswith("</"):
            literal = name
        elif name == literal and tag[0].startswith("</"):
            literal = ""
    parts.append(html[start:] if literal else _with_formulas(html[start:]))
    return "".join(parts)


def _with_formulas(text: str) -> str:
    """A text without tags but `br` and `wbr`, with its formulas set."""
    parts: list[str] = []
    position = open_ends = 0
    while open_ends < MAX_OPEN_ENDS and (opening := _OPENING.search(text, position)):
        end = _end(text, opening.end(), ")" if opening[0] == r"\(" else "]")
        if end < 0:
            open_ends += 1
            parts.append(text[position : opening.end()])
            position = opening.end()
            continue
        inside = re.sub(r"<wbr[^>]*>", "", text[opening.end() : end])
        tex = markup.unescape(re.sub(r"<br[^>]*>", "\n", inside)).strip()
        parts += (text[position : opening.start()], formula_html(tex, opening[0] == r"\["))
        position = end + 2
    return "".join((*parts, text[position:]))


def _end(text: str, start: int, closing: str) -> int:
    """Where a formula ends: at the first closing mark outside of braces; -1 for nowhere."""
    if text.find(f"\\{closing}", start, start + MAX_TEX + 2) < 0:
        return -1
    depth = 0
    for step in _STEP.finditer(text, start, start + MAX_TEX + 2):
        if step[0] == f"\\{closing}" and not depth:
            return step.start()
        depth = max(0, depth + {"{": 1, "}": -1}.get(markup.unescape(step[0]), 0))
    return -1


_BEYOND = re.compile(
    r"\\(?:ce|pu|[bx]?cancel|tag|label|(?:eq)?ref|(?:re)?newcommand|newenvironment|def|let"
    r"|DeclareMathOperator)(?![a-zA-Z])"
    r"|\\begin\{(?:equation|align|alignat|flalign|gather|multline|eqnarray)\}"
)
"""Chemistry, strokes, numbers, and what holds beyond one formula."""
_MACRO = re.compile(r"\\[a-zA-Z]")
_VARIANTS = (None, "normal", "bold", "italic", "bold-italic")
"""What a stylesheet can do for letters that MathML itself leaves upright and thin."""

_PARTS = {"mfrac": 2, "mroot": 2, "msub": 2, "msup": 2, "munder": 2, "mover": 2}
_PARTS |= {"msubsup": 3, "munderover": 3}
"""How many parts these must have: what was left out in TeX is missing."""


@lru_cache(maxsize=10_000)
def formula_html(tex: str, block: bool) -> str:
    """One formula as MathML, or as TeX that says it is not shown."""
    if not tex:
        return ""
    shown = None if _BEYOND.search(tex) else _mathml(tex, block)
    if shown is not None:
        return shown
    return _as_tex(rf"\[{tex}\]" if block else rf"\({tex}\)")


def _as_tex(text: str) -> str:
    return (
        f'<span class="crss-unshown"><code>{markup.escape(text)}</code>'
        f" <small>({NOT_SHOWN})</small></span>"
    )


def _mathml(tex: str, block: bool) -> str | None:
    """What latex2mathml makes of a formula, if it is sound."""
    from xml.etree.ElementTree import tostring

    from latex2mathml.converter import convert_to_element

    try:
        # The two are set alike, but only one of them is known there.
        known = re.sub(r"\\(begin|end)\{aligned\}", r"\\\1{split}", tex)
        math = convert_to_element(known, display="block" if block else "inline")
    except Exception:  # an author's text in a parser of others: whatever is raised, it failed
        return None
    for element in math.iter():
        # It writes characters as references inside of text.
        element.text = element.text and markup.unescape(element.text)
        element.attrib.pop("href", None)
        if (
            element.tag == "menclose"
            or len(element) != _PARTS.get(element.tag, len(element))
            or "linebreak" in element.attrib
            or element.get("mathvariant") not in _VARIANTS
            or _MACRO.search(element.text or "")
            or (element.text == "&" and r"\&" not in tex)
        ):
            return None  # browsers do not set it, or it was not understood
    math.set("alttext", tex)
    return tostring(math, encoding="unicode")
