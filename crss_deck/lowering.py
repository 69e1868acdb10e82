r"""The tokens of a block -> its HTML, which shows exactly what the source says, and its words.

Anki reads more into a field than HTML: `{{c1::`, `}}` and, inside a cloze, `::` wherever they
stand, even in attributes; `[sound:`, `[latex]`, `[anki:` and `[[type:` even in code; MathJax reads
`\(` and `\[` in text. What is no mark of ours is therefore written with character references, which
the web view shows as the characters themselves. A reference is needed only where a character
touches another of its kind or the edge of a piece, so ordinary text stays as it is.
"""

from __future__ import annotations

import posixpath
import re
import unicodedata
from typing import NamedTuple
from urllib.parse import unquote

from markdown_it.token import Token

from crss_deck.highlight import highlight
from crss_deck.inlines import INLINE_TAGS
from crss_deck.source import Span

SOUNDS = frozenset([".mp3", ".ogg", ".oga", ".opus", ".wav", ".m4a", ".flac", ".aac"])

NAME = "\0"
"""Stands in HTML for the packaged name of a file; no text has it."""
OBJECT = "\x1a"
"""Stands in a text for what is no words; no text has it: a control character is an error."""


class Gap(NamedTuple):
    """What a cloze hides: pieces of a text, from one up to another, and the hint in their place."""

    first: int
    behind: int
    hint: str


class Image(NamedTuple):
    """An image or a sound: its address, the text in its place, and where it stands."""

    address: str
    alt: str
    span: Span

    @property
    def is_sound(self) -> bool:
        """Whether it is played rather than shown."""
        return posixpath.splitext(unquote(self.address))[1].lower() in SOUNDS


class Code(NamedTuple):
    """What stands behind a fence: the language, and the places of that and of the rest."""

    language: str
    span: Span
    extra: Span


class Content(NamedTuple):
    """What a block says: as HTML for a card, and as words."""

    html: str
    """Of a paragraph, a heading or a formula without an element around it; see `NAME`."""
    pieces: tuple[str, ...]
    """Its text as it is shown when nothing is hidden, in pieces; see `OBJECT`."""
    gaps: tuple[Gap, ...] = ()
    """What its clozes hide, in order."""
    objects: tuple[str, ...] = ()
    """What is no words: the code, the formula or the address of each, in order."""
    items: int = 0
    """How many items its list has, those of lists in lists not counted."""
    images: tuple[Image, ...] = ()
    """Images and sounds, in order."""
    codes: tuple[Code, ...] = ()
    """Its fences that name a language."""
    visible: bool = True
    """Whether anything of it shows on a card: comments and blanks do not."""
    plain: bool = False
    """Whether it is a paragraph of nothing but text, on one line."""

    @property
    def text(self) -> str:
        """All its words, without markup: code, formulas and the texts of images too."""
        alts = {image.address: image.alt for image in self.images}
        objects = (alts.get(each, each) for each in self.objects)
        # An author may have typed the character, which is an error, and nothing stands behind it.
        parts = (p.replace(OBJECT, next(objects, "")) if OBJECT in p else p for p in self.pieces)
        return " ".join("".join(parts).split())


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


def inline_content(children: list[Token], *, heading: bool = False) -> Content:
    """What a paragraph or heading says, from its inline tokens, once their faults were reported."""
    if len(children) == 1 and children[0].type == "text":
        text = children[0].content
        html = escape_prose(text).strip(" ")
        return Content(html, (text,), visible=bool(text.strip(_BLANK)), plain=True)
    writer = _Writer()
    writer.inline(children)
    return writer.content(strip=not heading)


def block_content(tokens: list[Token]) -> Content:
    """What any other block says, from its tokens."""
    writer = _Writer()
    writer.plain = False
    if tokens[0].type == "math_block":
        writer.formula(tokens[0])
    else:
        writer.block(tokens)
    return writer.content()


class _Gap:
    """A cloze while its text is written."""

    __slots__ = ("behind", "first", "hint", "hinting")

    def __init__(self, first: int) -> None:
        self.first = first
        self.behind = first
        self.hint = ""
        self.hinting = False


_BLANK = " \t\n\u200b\u2060\ufeff"
_TAG_NAME = re.compile(r"</?\s*([A-Za-z]+)")
_BREAKS = ("softbreak", "hardbreak")
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
    """Writes tokens as HTML, and takes down their words."""

    def __init__(self) -> None:
        self.out: list[str] = []
        self.pieces: list[str] = []
        self.gaps: list[_Gap] = []
        self.objects: list[str] = []
        self.items = 0
        self.images: list[Image] = []
        self.codes: list[Code] = []
        self.visible = False
        self.plain = True
        self._behind_comment = False
        self._opened: list[_Gap] = []
        """The clozes around what is being written."""

    def content(self, *, strip: bool = True) -> Content:
        """All that was written."""
        html = "".join(self.out)
        return Content(
            html.strip(" ") if strip else html,
            tuple(self.pieces),
            tuple([Gap(each.first, each.behind, each.hint) for each in self.gaps]),
            tuple(self.objects),
            self.items,
            tuple(self.images),
            tuple(self.codes),
            self.visible,
            self.plain,
        )

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
            elif kind == "code_block":  # an error, which is no reason to call a field empty
                self.visible = self.visible or bool(token.content.strip())
            elif kind == "html_block" or token.hidden:
                continue
            elif token.nesting == 1:
                self.out.append(f"<{token.tag}{self._block_attributes(token)}>")
                if kind == "list_item_open" and token.level == 1:
                    self.items += 1
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
        language = token.meta.get("language", "")
        self.out.append("<pre><code>")
        code = token.content.removesuffix("\n")
        for name, text in highlight(code, language):
            html = escape(text)
            self.out.append(f'<span class="{name}">{html}</span>' if name else html)
        self.out.append("</code></pre>")
        self._block_object(token.content)
        if language:
            self.codes.append(Code(language, token.meta["span"], token.meta["extra"]))

    def formula(self, token: Token) -> None:
        """A formula on lines of its own."""
        self.out.append(f"\\[{escape(token.content.strip(), backslash=False)}\\]")
        self._block_object(token.content)

    def _block_object(self, content: str) -> None:
        self.pieces.append(f"\n{OBJECT}")
        self.objects.append(content)
        self.visible = self.visible or bool(content.strip())

    # -- inline

    def inline(self, children: list[Token]) -> None:
        """The content of a paragraph, heading or cell."""
        out, pieces, opened = self.out, self.pieces, self._opened
        if pieces:
            pieces.append("\n")
        run: list[str] = []
        for token in children:
            kind = token.type
            if kind == "text" or kind == "text_special":
                content = token.content
                run.append(content)
                if opened and opened[-1].hinting:
                    opened[-1].hint += content
                else:
                    pieces.append(content)
                continue
            self.plain = False
            if run:
                self._prose(run)
                run = []
            tag = _PLAIN_TAGS.get(kind)
            if tag is None:
                self._special(kind, token)
                continue
            if self._behind_comment and kind == "softbreak" and out and out[-1].endswith(" "):
                continue  # the one before the comment is enough
            out.append(tag)
            if kind in _BREAKS and not (opened and opened[-1].hinting):
                pieces.append(" ")
        if run:
            self._prose(run)
        opened.clear()

    def _prose(self, run: list[str]) -> None:
        text = "".join(run)
        if self._behind_comment:
            self._behind_comment = False
            if self.out and self.out[-1].endswith(" "):
                text = text.removeprefix(" ")  # of the two blanks around a comment one is left
        self.visible = self.visible or bool(text.strip(_BLANK))
        self.out.append(escape_prose(text, bool(self._opened)))

    def _special(self, kind: str, token: Token) -> None:
        out, opened, content = self.out, self._opened, token.content
        in_cloze = bool(opened)
        if kind == "cloze_open":
            out.append("{{c" + token.info + "::")
            self.visible = True
            self.gaps.append(_Gap(len(self.pieces)))
            opened.append(self.gaps[-1])
        elif kind == "cloze_separator":
            out.append("::")
            if opened:
                opened[-1].hinting = True
        elif kind == "cloze_close":
            out.append(content)
            for _ in range(min(len(content) // 2, len(opened))):
                opened.pop().behind = len(self.pieces)
        elif kind == "code_inline":
            out.append(f"<code>{escape(content, in_cloze)}</code>")
            self._object(content, content)
        elif kind == "math_inline":
            out.append(f"\\({escape(content, in_cloze, backslash=False)}\\)")
            self._object(content, content)
        elif kind == "math_inline_double":
            out.append(f"\\[{escape(content.strip(), in_cloze, backslash=False)}\\]")
            self._object(content, content)
        elif kind == "link_open":
            href = escape(str(token.attrs["href"]), in_cloze)
            out.append(f'<a href="{href}"{self._title(token)}>')
        elif kind == "image":
            self._image(token)
        elif kind == "html_inline":
            self._html(content)
        elif kind == "braces_open":  # an error, which is no reason to call a field empty
            self.visible = True
        else:
            assert kind == "label", f"unexpected token {kind}"  # in markup, which is an error

    def _object(self, content: str, shown: str) -> None:
        self.visible = self.visible or bool(shown.strip(_BLANK))
        opened = self._opened
        if opened and opened[-1].hinting:
            opened[-1].hint += content
            return
        self.pieces.append(OBJECT)
        self.objects.append(shown)

    def _title(self, token: Token) -> str:
        title = " ".join(str(token.attrs.get("title") or "").split())
        return f' title="{escape(title, bool(self._opened))}"' if title else ""

    def _image(self, token: Token) -> None:
        image = Image(str(token.attrs["src"]), token.content, token.meta["span"])
        self.images.append(image)
        self._object(token.content, image.address)
        self.visible = True
        if image.is_sound:
            # The text is for Markdown viewers: on a card it could give away what is to be heard.
            self.out.append(f"[sound:{NAME}]")
            return
        words = (
            child.content or " " * child.type.endswith("break") for child in token.children or ()
        )
        alt = " ".join("".join(words).split())
        self.out.append(
            f'<img src="{NAME}" alt="{escape(alt, bool(self._opened))}"{self._title(token)}>'
        )

    def _html(self, content: str) -> None:
        hinting = bool(self._opened) and self._opened[-1].hinting
        if hinting:
            self._opened[-1].hint += content
        match = _TAG_NAME.match(content)
        if content.startswith("<!--") or match is None:
            self._behind_comment = True
            return
        name = match.group(1).lower()
        if name not in INLINE_TAGS:  # an error, which is no reason to call a field empty
            self.visible = True
        self.out.append(f"</{name}>" if content[1] == "/" else f"<{name}>")
        if name == "br" and not hinting:
            self.pieces.append(" ")
