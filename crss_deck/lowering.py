r"""Markdown blocks -> the HTML of a field, so that Anki shows exactly what the source says.

Anki reads more into a field than HTML: `{{c1::`, `}}` and, inside a cloze, `::` wherever they
stand, even in attributes; `[sound:`, `[latex]`, `[anki:` and `[[type:` even in code; MathJax reads
`\(` and `\[` in text. What is no mark of ours is therefore written with character references, which
the web view shows as the characters themselves. A reference is needed only where a character
touches another of its kind or the edge of a piece, so ordinary text stays as it is.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable

from markdown_it.token import Token

from crss_deck.highlight import highlight
from crss_deck.markdown import Block, Heading
from crss_deck.media import is_sound

MediaName = Callable[[str], str]
"""From an address in the source to the packaged name of the file."""

_PLAIN = re.compile(r"[ !#-%'-9;=?-Z^-z|~\]]*")
"""Text without a character that any of the rules below is about."""
_RISKY = re.compile(r"[{}\[\\:]")
_BRACES = r"(?<=[{}])[{}]|[{}](?=[{}])|\A[{}]|[{}]\Z"
_MARKS = r"\[(?=/?latex\]|/?\$\$?\]|sound:|/?anki|\[?type:)|\[\Z"
_COLONS = r":(?=:)|(?<=:):|\A:|:\Z"
_BACKSLASH = r"\\(?=[()\[\]])|\\\Z"


def _pattern(*parts: str) -> re.Pattern[str]:
    return re.compile("|".join(parts), re.IGNORECASE)


# Whether a backslash is sealed, then whether the text stands in a cloze.
_SEALED = {
    (True, False): _pattern(_BRACES, _MARKS, _BACKSLASH),
    (True, True): _pattern(_BRACES, _MARKS, _BACKSLASH, _COLONS),
    (False, False): _pattern(_BRACES, _MARKS),
    (False, True): _pattern(_BRACES, _MARKS, _COLONS),
}


def _reference(match: re.Match[str]) -> str:
    return f"&#{ord(match.group())};"


def escape(text: str, in_cloze: bool = False, backslash: bool = True) -> str:
    """Text as HTML that shows it and means nothing to Anki; right inside attributes too.

    `backslash` is false for TeX, which MathJax must see as written.
    """
    if _PLAIN.fullmatch(text):
        return text
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = text.replace('"', "&quot;")
    if _RISKY.search(text):
        text = _SEALED[backslash, in_cloze].sub(_reference, text)
    if text and text[0] >= "\u0300" and unicodedata.combining(text[0]):
        # Anki normalises whole fields, and would melt it into the `>` before it.
        text = f"&#{ord(text[0])};{text[1:]}"
    return text


def escape_prose(text: str, in_cloze: bool = False) -> str:
    """As `escape`, for text outside code: an element after the backslash keeps MathJax from it."""
    text = escape(text, in_cloze)
    return text.replace("&#92;", "&#92;<span></span>") if "&#92;" in text else text


def field_html(blocks: Iterable[Block], media_name: MediaName) -> str:
    """The HTML of a field: one paragraph or formula bare, anything else as blocks.

    Raises KeyError if `media_name` does not know an address.
    """
    blocks = [block for block in blocks if block.kind != "html_block"]
    if not blocks:
        return ""
    writer = _Writer(media_name)
    if len(blocks) == 1 and blocks[0].kind == "paragraph":
        children = blocks[0].tokens[1].children or []
        if len(children) == 1 and children[0].type == "text":
            return escape_prose(children[0].content).strip(" ")
        writer.inline(children)
    elif len(blocks) == 1 and blocks[0].kind == "math_block":
        writer.formula(blocks[0].tokens[0])
    else:
        for block in blocks:
            writer.block(block.tokens)
    return "".join(writer.out).strip(" ")


def context_html(path: Iterable[Heading], media_name: MediaName) -> str:
    """The headings above a note, outermost first."""
    parts = []
    for heading in path:
        writer = _Writer(media_name)
        writer.inline(heading.block.tokens[1].children or [])
        parts.append("".join(writer.out))
    return " › ".join(part for part in parts if part)


def plain_text(blocks: Iterable[Block]) -> str:
    """The words of blocks, without markup."""
    words: list[str] = []
    for block in blocks:
        for token in block.tokens:
            if token.type in ("fence", "math_block"):
                words.append(token.content)
            for child in token.children or ():
                if child.type in ("softbreak", "hardbreak"):
                    words.append(" ")
                elif child.type in _TEXTS and child.info != "hint":
                    words.append(child.content)
            words.append(" ")
    return " ".join("".join(words).split())


_TEXTS = ("text", "text_special", "code_inline", "math_inline", "math_inline_double", "image")
_TAG_NAME = re.compile(r"</?\s*([A-Za-z]+)")
_PLAIN_TAGS = {
    "em_open": "<em>",
    "em_close": "</em>",
    "strong_open": "<strong>",
    "strong_close": "</strong>",
    "s_open": "<s>",
    "s_close": "</s>",
    "link_close": "</a>",
    "softbreak": " ",
    "hardbreak": "<br>",
}


class _Writer:
    """Writes tokens as HTML; keeps track of whether it is inside a cloze."""

    def __init__(self, media_name: MediaName) -> None:
        self._media_name = media_name
        self._depth = 0
        self.out: list[str] = []

    # -- blocks

    def block(self, tokens: list[Token]) -> None:
        """One top-level block, with everything in it."""
        for token in tokens:
            kind = token.type
            if kind == "inline":
                start = len(self.out)
                self.inline(token.children or [])
                # What a comment leaves at the edge of a paragraph.
                self.out[start:] = ["".join(self.out[start:]).strip(" ")]
            elif kind == "fence":
                self._fence(token)
            elif kind == "math_block":
                self.out.append("<p>")
                self.formula(token)
                self.out.append("</p>")
            elif kind == "hr":
                self.out.append("<hr>")
            elif kind == "html_block" or token.hidden:
                continue
            elif token.nesting == 1:
                self.out.append(f"<{token.tag}{self._block_attributes(token)}>")
            else:
                assert token.nesting == -1, f"unexpected token {kind}"
                self.out.append(f"</{token.tag}>")

    @staticmethod
    def _block_attributes(token: Token) -> str:
        if token.type == "ordered_list_open" and "start" in token.attrs:
            return f' start="{int(token.attrs["start"])}"'
        if token.type in ("th_open", "td_open") and "style" in token.attrs:
            return f' class="align-{str(token.attrs["style"]).removeprefix("text-align:")}"'
        return ""

    def _fence(self, token: Token) -> None:
        self.out.append("<pre><code>")
        code = token.content.removesuffix("\n")
        for name, text in highlight(code, token.meta.get("language", "")):
            html = escape(text)
            self.out.append(f'<span class="{name}">{html}</span>' if name else html)
        self.out.append("</code></pre>")

    def formula(self, token: Token) -> None:
        """A formula on lines of its own."""
        self.out.append(f"\\[{escape(token.content.strip(), backslash=False)}\\]")

    # -- inline

    def inline(self, children: list[Token]) -> None:
        """The content of a paragraph, heading or cell."""
        out = self.out
        text: list[str] = []
        for token in children:
            kind = token.type
            if kind == "text" or kind == "text_special":
                text.append(token.content)
                continue
            if text:
                out.append(escape_prose("".join(text), self._depth > 0))
                text = []
            plain = _PLAIN_TAGS.get(kind)
            if plain is not None:
                out.append(plain)
            else:
                self._special(kind, token)
        if text:
            out.append(escape_prose("".join(text), self._depth > 0))

    def _special(self, kind: str, token: Token) -> None:
        out, in_cloze = self.out, self._depth > 0
        if kind == "cloze_open":
            self._depth += 1
            out.append("{{c" + token.info + "::")
        elif kind == "cloze_separator":
            out.append("::")
        elif kind == "cloze_close":
            self._depth -= len(token.content) // 2
            out.append(token.content)
        elif kind == "code_inline":
            out.append(f"<code>{escape(token.content, in_cloze)}</code>")
        elif kind == "math_inline":
            out.append(f"\\({escape(token.content, in_cloze, backslash=False)}\\)")
        elif kind == "math_inline_double":
            out.append(f"\\[{escape(token.content.strip(), in_cloze, backslash=False)}\\]")
        elif kind == "link_open":
            href = escape(str(token.attrs["href"]), in_cloze)
            out.append(f'<a href="{href}"{self._title(token)}>')
        elif kind == "image":
            self._image(token)
        elif kind == "html_inline":
            self._html(token.content)
        else:
            raise AssertionError(f"unexpected token {kind}")

    def _title(self, token: Token) -> str:
        title = " ".join(str(token.attrs.get("title") or "").split())
        return f' title="{escape(title, self._depth > 0)}"' if title else ""

    def _image(self, token: Token) -> None:
        address = str(token.attrs["src"])
        name = self._media_name(address)
        if is_sound(address):
            # The text is for Markdown viewers: on a card it could give away what is to be heard.
            self.out.append(f"[sound:{name}]")
            return
        words = (
            child.content or " " * child.type.endswith("break") for child in token.children or ()
        )
        alt = " ".join("".join(words).split())
        self.out.append(
            f'<img src="{name}" alt="{escape(alt, self._depth > 0)}"{self._title(token)}>'
        )

    def _html(self, content: str) -> None:
        if content.startswith("<!--"):
            return
        match = _TAG_NAME.match(content)
        assert match is not None, content
        self.out.append(
            f"</{match.group(1).lower()}>" if content[1] == "/" else f"<{match.group(1).lower()}>"
        )
