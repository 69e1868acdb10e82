"""Code -> runs of text with one of a few classes. The only module that knows Pygments.

The set of classes is closed and ours, so that a newer Pygments changes little of what cards hold.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

CLASSES = {
    "Keyword": "hl-keyword",
    "Keyword.Type": "hl-builtin",
    "Name.Builtin": "hl-builtin",
    "Name.Class": "hl-name",
    "Name.Decorator": "hl-name",
    "Name.Exception": "hl-builtin",
    "Name.Function": "hl-name",
    "Name.Tag": "hl-keyword",
    "Name.Attribute": "hl-name",
    "Operator.Word": "hl-keyword",
    "String": "hl-string",
    "Literal.String": "hl-string",
    "Literal.Number": "hl-number",
    "Literal.Date": "hl-number",
    "Comment": "hl-comment",
    "Generic.Inserted": "hl-inserted",
    "Generic.Deleted": "hl-deleted",
    "Generic.Heading": "hl-name",
    "Generic.Subheading": "hl-name",
    "Generic.Prompt": "hl-comment",
}
"""Pygments' token types, by their name below `Token`; a subtype has the class of its parent."""

MAX_LENGTH = 10_000
"""Longer code stays plain: some lexers take time that grows with the square of the length."""

PLAIN = frozenset(("text", "txt", "plain", "plaintext", "none"))
"""Names that ask for no colours."""


@cache
def _lexer_class(language: str) -> Any:
    from pygments.lexers import find_lexer_class_by_name
    from pygments.util import ClassNotFound

    try:
        return find_lexer_class_by_name(language)
    except ClassNotFound:
        return None


@cache
def _lexer(language: str, ascii_only: bool) -> Any:
    lexer = _lexer_class(language)
    if ascii_only and lexer is not None and lexer.__module__ == "pygments.lexers.python":
        lexer = _ascii_names(lexer)
    return lexer and lexer(stripnl=False, ensurenl=False)


def _ascii_names(lexer: Any) -> Any:
    """A lexer class that does to ASCII text what the given one does, and is sooner ready.

    Python's names are made of Unicode's classes of characters for identifiers. To compile these,
    hundreds of ranges each, took a twentieth of the time of a small deck.
    """
    from pygments.unistring import xid_continue, xid_start

    class Meta(type(lexer)):  # type: ignore[misc]
        def _process_regex(cls, regex: Any, flags: int, state: str) -> Any:
            if isinstance(regex, str):
                regex = regex.replace(xid_start, "A-Z_a-z").replace(xid_continue, "0-9A-Z_a-z")
            return super()._process_regex(regex, flags, state)

    return Meta(lexer.__name__, (lexer,), {})


def is_language(name: str) -> bool:
    """Whether code of that language can be coloured, or wants no colours."""
    return name.lower() in PLAIN or _lexer_class(name) is not None


def pygments_version() -> str:
    """The version of the Pygments that colours code."""
    import pygments

    return pygments.__version__


@cache
def _class_of(token_type: Any) -> str:
    while token_type.parent is not None:
        name = str(token_type).removeprefix("Token.")
        if name in CLASSES:
            return CLASSES[name]
        token_type = token_type.parent
    return ""


def highlight(code: str, language: str) -> Iterator[tuple[str, str]]:
    """Cut code into (class, text), the class empty for plain text; the texts add up to `code`."""
    plain = language.lower() in PLAIN or len(code) > MAX_LENGTH
    lexer = None if plain else _lexer(language, code.isascii())
    if lexer is None:
        yield "", code
        return
    runs: list[tuple[str, str]] = []
    for token_type, text in lexer.get_tokens(code + "\n"):  # some lexers know whole lines only
        name = _class_of(token_type)
        if runs and (runs[-1][0] == name or text.isspace()):
            runs[-1] = (runs[-1][0], runs[-1][1] + text)
        else:
            runs.append((name, text))
    if "".join(text for _, text in runs) != code + "\n":
        # A lexer that loses or changes text is not trusted with it.
        yield "", code
        return
    while not runs[-1][1]:  # some lexers end with nothing
        runs.pop()
    name, last = runs.pop()
    yield from runs
    if last != "\n":
        yield name, last[:-1]
