"""A note and a card template -> the two sides of a card, by Anki's rules. Knows only packages.

What it makes is what `card.question()` and `card.answer()` give in the real Anki, but for the
styles in front, and for this: what Anki says of a card that it cannot show is said in other words,
the filter `hint` has no script and no id, an image occlusion has no shapes, `CardID` is 0, and
`[latex]` stays as it is. Tests compare all else, to the letter.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator, Mapping
from html.entities import name2codepoint
from typing import NamedTuple

from crss_deck.note_types import CLOZE, Template
from crss_deck.package import RenderedNote

MAX_FILTERED = 10_000
"""Filters leave a longer text alone: a hostile one could take hours."""
MAX_NESTING = 10
"""Anki opens no cloze inside so many others."""


class Card(NamedTuple):
    """A rendered card. A sound stands as `[anki:play:q:0]`: side and place in the list of it."""

    question: str
    answer: str
    question_sounds: tuple[str, ...] = ()
    """Names of media files, or `tts:` and what would be spoken."""
    answer_sounds: tuple[str, ...] = ()
    problem: str = ""
    """Why Anki shows no card but a message, if so."""


class _ProblemError(Exception):
    """Anki would show a message instead of a side."""


def card_template(note: RenderedNote, ordinal: int) -> Template:
    """The template of a note's card: cloze cards all have the first."""
    templates = note.note_type.templates
    number = 0 if note.note_type.kind == CLOZE else ordinal
    return templates[number] if number < len(templates) else Template("", 0, "", "")


def render_card(note: RenderedNote, ordinal: int) -> Card:
    """Both sides of the card of a note, counted from 0 as `RenderedNote.cards` are."""
    template = card_template(note, ordinal)
    fields = _fields(note, ordinal, template)
    filled = {name for name, text in fields.items() if not _EMPTY.fullmatch(text)}
    try:
        try:
            question, shows = _Side(fields, filled, ordinal, None).fill(template.front)
        except _ProblemError as error:
            raise _ProblemError(f"The front template has a fault: {error}") from None
        if note.note_type.kind == CLOZE:
            if ordinal + 1 not in {number for text in fields.values() for number in numbers(text)}:
                raise _ProblemError(f"The note has no cloze {ordinal + 1}.")
        elif not shows:
            raise _ProblemError("The front of this card is blank.")
        question, sounds = _without_sounds(question, "q")
        try:
            answer, _ = _Side(fields, filled, ordinal, question).fill(template.back)
        except _ProblemError as error:
            raise _ProblemError(f"The back template has a fault: {error}") from None
    except _ProblemError as error:
        message = f"<div>{html.escape(str(error))}</div>"
        return Card(message, message, problem=str(error))
    answer, answer_sounds = _without_sounds(answer, "a")
    return Card(question, answer, sounds, answer_sounds)


def _fields(note: RenderedNote, ordinal: int, template: Template) -> dict[str, str]:
    """The note's fields, and those that Anki adds unless the note has them."""
    names = (field.name for field in note.note_type.fields)
    fields = dict(zip(names, note.fields, strict=False))
    special = {
        "Tags": " ".join(note.tags),
        "Type": note.note_type.name,
        "Deck": note.deck,
        "Subdeck": note.deck.rpartition("::")[2],
        "CardFlag": "flag0",
        "Card": template.name,
        "CardID": "0",
        f"c{ordinal + 1}": "1",
    }
    return special | fields


# ------------------------------------------------------------------ templates

_EMPTY = re.compile(r"(?:[ \t\n\v\f\r]|</?(?:br|div) ?/?>)*", re.IGNORECASE)
"""A field that counts as empty."""
_OTHER_BRACKETS = "{{=<% %>=}}"
"""A template that begins so has `<%` and `%>` for brackets."""


def _tokens(template: str) -> Iterator[tuple[str, bool]]:
    """Pieces of a template: text, or the inside of brackets. A comment is text."""
    brackets = ("{{", "}}")
    if template.lstrip().startswith(_OTHER_BRACKETS):
        template = template.lstrip().removeprefix(_OTHER_BRACKETS)
        brackets = ("<%", "%>")
    closing = {brackets[0]: brackets[1], "<!--": "-->"}
    opening = re.compile("|".join(map(re.escape, closing)))
    absent: set[str] = set()
    start = position = 0
    while found := opening.search(template, position):
        close = closing[found[0]]
        end = -1 if close in absent else template.find(close, found.end())
        if end < 0:
            absent.add(close)
            position = found.end() - 1
        elif close == "-->":
            position = end + len(close)
        else:
            yield template[start : found.start()], False
            yield template[found.end() : end], True
            start = position = end + len(close)
    yield template[start:], False


class _Side:
    """Fills templates of one side; `front` is the finished question, None while it is made."""

    def __init__(
        self, fields: Mapping[str, str], filled: set[str], ordinal: int, front: str | None
    ) -> None:
        self._fields = fields
        self._filled = filled
        self._ordinal = ordinal
        self._front = front

    def fill(self, template: str) -> tuple[str, bool]:
        """The side, and whether it shows a field that holds something."""
        parts: list[str] = []
        shows = False
        opened: list[tuple[str, bool]] = []
        visible = True
        for piece, bracketed in _tokens(template):
            if not bracketed:
                parts.append(piece if visible else "")
                continue
            tag = piece.lstrip("{").strip()
            mark, name = (tag[0], tag[1:].lstrip()) if len(tag) > 1 else ("", tag)
            if mark in ("#", "^"):
                opened.append((name, visible))
                visible &= self._holds(name, tag) == (mark == "#")
            elif mark == "/":
                if not opened or opened[-1][0] != name:
                    raise _ProblemError(f"{{{{/{name}}}}} closes nothing.")
                visible = opened.pop()[1]
            else:
                text = self._replacement(tag)
                if visible:
                    parts.append(text)
                    shows |= tag.rpartition(":")[2] in self._filled
        if opened:
            raise _ProblemError(f"{{{{/{opened[-1][0]}}}}} is missing.")
        return "".join(parts), shows

    def _holds(self, name: str, tag: str) -> bool:
        """Whether a field holds something; the number of a cloze is a field of its card alone."""
        if name not in self._fields and not re.fullmatch(r"c\d+", name):
            raise _ProblemError(f"there is no field for {{{{{tag}}}}}.")
        return name in self._filled

    def _replacement(self, tag: str) -> str:
        *filters, name = tag.split(":")
        if name == "FrontSide":
            return self._front or ""
        if name not in self._fields:
            if filters and not name:
                return ""
            raise _ProblemError(f"there is no field for {{{{{tag}}}}}.")
        if filters[:1] == ["type"]:  # takes the place of all the others
            filters = [f"type-{filters[1]}" if filters[1:] in (["cloze"], ["nc"]) else "type"]
        text = self._fields[name]
        for each in reversed(filters):
            if each in ("type", "type-cloze", "type-nc"):
                text = f"[[{each.replace('-', ':')}:{name}]]"
            elif each.startswith("tts "):
                text = f"[anki:tts lang={each[4:]}]{text}[/anki:tts]"
            elif each == "cloze":
                text = cloze_text(text, self._ordinal + 1, self._front is None)
            elif each == "cloze-only":
                text = ", ".join(_shown(_pieces(text), self._ordinal + 1, self._front is None))
            elif each == "hint":
                text = _hint(text, name)
            elif each in _FILTERS:
                text = _FILTERS[each](text)
            elif each:
                break  # a filter of an add-on: without it, Anki applies none after it either
        return text


def _hint(text: str, name: str) -> str:
    if not text.strip():
        return text
    return (
        f'\n<a class=hint href="#" draggable=false>\n{name}</a>\n'
        f'<div class=hint style="display: none">{text}</div>\n'
    )


_TAGS = re.compile(
    r"<!--.*?-->|<style.*?>.*?</style>|<script.*?>.*?</script>|<.*?>", re.DOTALL | re.IGNORECASE
)
_REFERENCE = re.compile(r"&(?:#(?:x([0-9a-fA-F]+)|([0-9]+))|([A-Za-z0-9]+));|&")


def without_tags(text: str) -> str:
    """HTML without its tags, as Anki takes them off; character references stay."""
    return _TAGS.sub("", text) if len(text) <= MAX_FILTERED else text


def _plain(text: str) -> str:
    """The text of HTML. With one wrong character reference in it, none is resolved."""
    text = without_tags(text)
    try:
        return _REFERENCE.sub(_character, text).replace("\xa0", " ") if "&" in text else text
    except (KeyError, ValueError, OverflowError):
        return text


def _character(reference: re.Match[str]) -> str:
    hexadecimal, decimal, name = reference.groups()
    if name:
        return chr(name2codepoint[name])
    code = int(hexadecimal, 16) if hexadecimal else int(decimal or "none")
    if 0xD800 <= code < 0xE000:
        raise ValueError("half of a character")
    return chr(code)


_RUBY = re.compile(r" ?([^ >]+?)\[(.+?)\]")


def _ruby(form: str) -> Callable[[str], str]:
    """A filter for `base[reading]`; a sound is none."""

    def written(found: re.Match[str]) -> str:
        return found[0] if found[2].startswith("sound:") else found.expand(form)

    def filtered(text: str) -> str:
        if len(text) > MAX_FILTERED:
            return text
        return _RUBY.sub(written, text.replace("&nbsp;", " "))

    return filtered


_FILTERS = {
    "text": _plain,
    "furigana": _ruby(r"<ruby><rb>\1</rb><rt>\2</rt></ruby>"),
    "kanji": _ruby(r"\1"),
    "kana": _ruby(r"\2"),
}

# ------------------------------------------------------------------ clozes

_MARK = re.compile(r"\{\{c([0-9,]*[0-9][0-9,]*)::|\}\}")
_MAX_NUMBER = 65535
_FORMULA = re.compile(r"(\\[(\[])(.*?)(\\[\])])", re.DOTALL)


class _Cloze(NamedTuple):
    """A cloze deletion: a hint that is given, and text and further clozes."""

    numbers: tuple[int, ...]
    hint: list[str]
    pieces: list[str | _Cloze]


def _pieces(text: str) -> list[str | _Cloze]:
    """A text as Anki takes it apart: a cloze that is never closed is lost with all it holds."""
    top: list[str | _Cloze] = []
    opened: list[_Cloze] = []

    def add(piece: str) -> None:
        if opened and not piece.startswith("image-occlusion:"):
            piece, found, hint = piece.partition("::")
            opened[-1].hint.extend([hint] if found else [])
        if piece or opened:
            (opened[-1].pieces if opened else top).append(piece)

    position = 0
    for mark in _MARK.finditer(text):
        given = {int(number) for number in (mark[1] or "").split(",") if number[:6]}
        known = tuple(sorted(number for number in given if number <= _MAX_NUMBER))
        if mark[1] and not known:
            continue
        if mark.start() > position:
            add(text[position : mark.start()])
        position = mark.end()
        if known:
            if len(opened) < MAX_NESTING:
                opened.append(_Cloze(known, [], []))
        elif opened:
            cloze = opened.pop()
            (opened[-1].pieces if opened else top).append(cloze)
        else:
            top.append("}}")
    if position < len(text):
        add(text[position:])
    return top


def numbers(text: str) -> set[int]:
    """The numbers of the clozes in a text."""
    if "{{c" not in text:
        return set()
    return {number for cloze in _all(_pieces(text)) for number in cloze.numbers if number}


def _all(pieces: list[str | _Cloze]) -> Iterator[_Cloze]:
    for piece in pieces:
        if isinstance(piece, _Cloze):
            yield piece
            yield from _all(piece.pieces)


def cloze_text(text: str, number: int, hide: bool) -> str:
    """A text with its clozes marked, those of a number hidden; nothing if it has none of these."""
    pieces = _pieces(text)
    if all(number not in cloze.numbers for cloze in _all(pieces)):
        return ""
    marked = "".join(_marked(piece, number, hide) for piece in pieces)
    behind = max(marked.rfind(r"\)"), marked.rfind(r"\]")) + 2
    return _FORMULA.sub(_bare_formula, marked[:behind]) + marked[behind:]


def _bare_formula(formula: re.Match[str]) -> str:
    """MathJax finds a formula in plain text alone."""
    return f"{formula[1]}{without_tags(formula[2])}{formula[3]}"


def _marked(piece: str | _Cloze, number: int, hide: bool) -> str:
    if isinstance(piece, str):
        return piece
    active = number in piece.numbers
    ordinal = ",".join(map(str, piece.numbers))
    first = piece.pieces[0] if piece.pieces else ""
    if isinstance(first, str) and first.startswith("image-occlusion:"):
        state = "cloze" if 0 in piece.numbers or (hide and active) else "cloze-highlight"
        state = state if active or 0 in piece.numbers else "cloze-inactive"
        return f'<div class="{state}" data-ordinal="{ordinal}"></div>'
    inside = "".join(_marked(each, number, hide) for each in piece.pieces)
    if not active:
        return f'<span class="cloze-inactive" data-ordinal="{ordinal}">{inside}</span>'
    if not hide:
        return f'<span class="cloze" data-ordinal="{ordinal}">{inside}</span>'
    hint = piece.hint[-1] if piece.hint else "..."
    return (
        f'<span class="cloze" data-cloze="{_attribute(inside)}" data-ordinal="{ordinal}">'
        f"[{hint}]</span>"
    )


def _attribute(text: str) -> str:
    """A text in an attribute, with everything of Latin-1 but letters and digits escaped."""
    named = {'"': "&quot;", "&": "&amp;", "<": "&lt;", ">": "&gt;"}
    return re.sub(
        "[\0-/:-@[-`{-\xff]", lambda found: named.get(found[0], f"&#x{ord(found[0]):02X};"), text
    )


def _bare(cloze: _Cloze) -> str:
    """The text of a cloze, without marks."""
    return "".join(each if isinstance(each, str) else _bare(each) for each in cloze.pieces)


def _shown(pieces: list[str | _Cloze], number: int, hide: bool) -> list[str]:
    """The clozes of a number alone: hints, or texts."""
    return [
        (cloze.hint[-1] if cloze.hint else "...") if hide else _bare(cloze)
        for cloze in _all(pieces)
        if number in cloze.numbers
    ]


# ------------------------------------------------------------------ sounds, and what is typed

_FILE = re.compile(r"\[sound:([^\]]+)\]")
_SOUND = re.compile(_FILE.pattern + r"|\[anki:tts(?:\s[^\]]*)?\](.*?)\[/anki:tts\]", re.DOTALL)


def _replace_sounds(text: str, by: Callable[[re.Match[str]], str]) -> str:
    """A text with its sounds replaced; no mark is looked for where it can have no end."""
    spoken = text.rfind("[/anki:tts]") + len("[/anki:tts]") if "[/anki:tts]" in text else 0
    end = text.rfind("]") + 1
    return _SOUND.sub(by, text[:spoken]) + _FILE.sub(by, text[spoken:end]) + text[end:]


def _without_sounds(text: str, side: str) -> tuple[str, tuple[str, ...]]:
    """A side with marks for its sounds, and the sounds."""
    sounds: list[str] = []

    def mark(found: re.Match[str]) -> str:
        sounds.append(_plain(found[1]) if found[1] else f"tts:{_plain(found[2])}")
        return f"[anki:play:{side}:{len(sounds) - 1}]"

    return _replace_sounds(text, mark), tuple(sounds)


TYPED = re.compile(r"\[\[type:(.+?)\]\]")
"""Where an answer is typed, as a side has it."""


def typed_answer(note: RenderedNote, ordinal: int, marker: str) -> str | None:
    """What a learner has to type, as HTML; None if there is no such field or cloze."""
    kind, _, name = marker.rpartition(":")
    names = [field.name for field in note.note_type.fields]
    if name not in names:
        return None
    text = note.fields[names.index(name)]
    if kind != "cloze":
        return text
    answers = _shown(_pieces(text), ordinal + 1, False)
    return (answers[0] if len(set(answers)) == 1 else ", ".join(answers)) or None


_LINE_END = re.compile(r"(?:\n|<br\s?/?>|</?div>)+", re.IGNORECASE)


def compared_with_nothing(expected: str) -> str:
    """What Anki shows of the answer when nothing was typed."""
    text = _plain(_LINE_END.sub(" ", _replace_sounds(expected, lambda _: ""))).strip()
    return f"<code id=typeans>{html.escape(text)}</code>"
