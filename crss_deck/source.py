"""The text an author wrote, and exact places in it. Knows nothing of Markdown."""

from __future__ import annotations

from bisect import bisect_right
from typing import NamedTuple

INVISIBLE = r"\u200b\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff"
"""Characters that nobody sees, as they stand between the brackets of an expression."""


class Location(NamedTuple):
    """A place as people count it: line and column, both from 1, columns in characters."""

    line: int
    column: int


class Source:
    """One text file: its path as shown to people, and its text with LF line ends and no BOM."""

    __slots__ = ("_line_starts", "path", "text")

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.text = text
        self._line_starts: list[int] | None = None

    @property
    def line_starts(self) -> list[int]:
        """The offset at which each line starts; the first is 0."""
        if self._line_starts is None:
            starts = [0]
            position = self.text.find("\n")
            while position >= 0:
                starts.append(position + 1)
                position = self.text.find("\n", position + 1)
            self._line_starts = starts
        return self._line_starts

    def location(self, offset: int) -> Location:
        """The line and column of an offset into the text."""
        line = bisect_right(self.line_starts, offset)
        return Location(line, offset - self.line_starts[line - 1] + 1)

    def is_line_start(self, offset: int) -> bool:
        """Whether a line starts at an offset."""
        return offset == 0 or self.text[offset - 1] == "\n"

    def line(self, number: int) -> str:
        """The text of a line, counted from 1, without its line end."""
        start = self.line_starts[number - 1]
        end = self.text.find("\n", start)
        return self.text[start:] if end < 0 else self.text[start:end]

    def span(self, start: int, end: int) -> Span:
        """The span from one offset up to, not including, another."""
        return Span(self, start, end)

    def __repr__(self) -> str:
        return f"Source({self.path!r}, {len(self.text)} characters)"


class Span(NamedTuple):
    """A stretch of a source: offsets into its text, the end not included."""

    source: Source
    start: int
    end: int

    @property
    def text(self) -> str:
        """The text it covers."""
        return self.source.text[self.start : self.end]

    @property
    def location(self) -> Location:
        """Where it starts."""
        return self.source.location(self.start)


class DecodingError(ValueError):
    """Bytes that are no UTF-8 text; `source` holds what could be read, `offset` the bad place."""

    def __init__(self, source: Source, offset: int, found: str) -> None:
        super().__init__(f"{source.path}: not UTF-8 text")
        self.source = source
        self.offset = offset
        self.found = found


_MARKS = {
    b"\xff\xfe\0\0": "UTF-32",
    b"\0\0\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}


def decode(path: str, content: bytes) -> Source:
    """Turn the bytes of a file into a source: a BOM is dropped, CRLF and CR become LF.

    Raises DecodingError for anything but UTF-8, with the place of the first bad byte.
    """
    for mark, name in _MARKS.items():
        if content.startswith(mark):
            raise DecodingError(Source(path, ""), 0, name)
    if content[:400].count(0) * 3 > len(content[:400]):
        raise DecodingError(Source(path, ""), 0, "UTF-16")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # Everything before the bad byte is good, so its place can be shown in the text itself.
        before = _unify_line_ends(error.object[: error.start].decode("utf-8-sig", "ignore"))
        rest = error.object[error.start :].decode("latin-1").split("\n", 1)[0].rstrip("\r")
        found = f"byte 0x{error.object[error.start]:02x}"
        raise DecodingError(Source(path, before + rest), len(before), found) from None
    return Source(path, _unify_line_ends(text))


def _unify_line_ends(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text
