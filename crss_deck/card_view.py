"""A note as its learners meet it: the words that its cards show and hide. Judges nothing.

Each text is read once, and every rule about it looks at the same words. Code, formulas, pictures
and sounds are no words: in the text `lowering.OBJECT` stands for each.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple
from unicodedata import combining, normalize

from crss_deck.lowering import OBJECT, Gap
from crss_deck.model import BasicNote, ClozeDeletion, ClozeNote, Markdown
from crss_deck.source import Span


class Prose:
    """The text of a field: one line for each paragraph, item or cell, and the words in it."""

    __slots__ = (
        "_content",
        "_keys",
        "_pieces",
        "blocks",
        "gaps",
        "items",
        "low",
        "objects",
        "text",
        "words",
    )

    blocks: Markdown
    text: str
    low: str
    """The text in lower case, each character in its place."""
    words: list[str]
    """Its words, in lower case, in order."""
    gaps: Sequence[Gap]
    """What its clozes hide, in order."""
    objects: tuple[str, ...]
    """What is no words: the code, the formula or the address of each, in order."""
    items: int
    """How many items its lists have, those of lists in lists not counted."""

    def __init__(self, blocks: Markdown) -> None:
        """Read the blocks of a field."""
        self.blocks = blocks
        self._keys: list[str] | None = None
        self._content: frozenset[str] | None = None
        self._pieces: Sequence[str]
        if len(blocks) == 1:
            content = blocks[0].content
            self._pieces, self.gaps, self.objects = content.pieces, content.gaps, content.objects
            self.items = content.items
        else:
            self._join(blocks)
        text = "".join(self._pieces)
        low = text.lower()
        if not text.isascii():
            self._pieces = [normalize("NFC", piece) for piece in self._pieces]
            text = "".join(self._pieces)
            low = _lower(text)
        self.text, self.low = text, low
        self.words = words_of(low)

    def _join(self, blocks: Markdown) -> None:
        pieces: list[str] = []
        gaps: list[Gap] = []
        for content in (block.content for block in blocks):
            if pieces and not (content.pieces and content.pieces[0].startswith("\n")):
                pieces.append("\n")
            before = len(pieces)
            gaps += [Gap(gap.first + before, gap.behind + before, gap.hint) for gap in content.gaps]
            pieces += content.pieces
        self._pieces, self.gaps = pieces, gaps
        self.objects = tuple(each for block in blocks for each in block.content.objects)
        self.items = sum(block.content.items for block in blocks)

    @property
    def keys(self) -> list[str]:
        """The key of each of its words."""
        if self._keys is None:
            self._keys = keys_of(self.words)
        return self._keys

    @property
    def content(self) -> frozenset[str]:
        """The keys of its words that say something."""
        if self._content is None:
            self._content = frozenset(filter(None, self.keys))
        return self._content

    @property
    def plain(self) -> bool:
        """Whether it is nothing but one paragraph of words."""
        return not self.objects and len(self.blocks) == 1 and self.blocks[0].kind == "paragraph"

    def places_of(self, key: str) -> Iterator[tuple[int, int]]:
        """Where in the text words of that key stand."""
        position = 0
        for word in self.words:
            position = self.low.index(word, position)
            if _KEYS[word] == key:
                yield position, position + len(word)
            position += len(word)

    @property
    def whole(self) -> Span:
        """The place of the whole field."""
        return place_of(self.blocks)

    def offsets(self) -> list[int]:
        """Where in the text each of its pieces begins, and where the last one ends."""
        return [0, *accumulate(map(len, self._pieces))]

    def span(self, start: int, end: int) -> Span:
        """The place in the file of a stretch of the text: exact where that is text as written."""
        source, first, behind = self.whole
        found_first: int | None = None
        found_behind: int | None = None
        at, position = 0, first
        for text in self._pieces:
            if text.strip() and text[-1] != OBJECT:
                place = source.text.find(text, position, behind)
                if place >= 0:
                    position = place + len(text)
                    if at <= start < at + len(text):
                        found_first = place + start - at
                    if at < end <= at + len(text):
                        found_behind = place + end - at
            at += len(text)
        if found_first is None or found_behind is None or found_behind <= found_first:
            return self.whole
        return source.span(found_first, found_behind)


def _lower(text: str) -> str:
    low = text.lower()
    if len(low) != len(text):  # İ becomes two characters
        low = "".join(char.lower() if len(char.lower()) == 1 else char for char in text)
    return low


def place_of(blocks: Markdown) -> Span:
    """The place of a field that holds something."""
    return blocks[0].span._replace(end=blocks[-1].span.end)


class Hidden(NamedTuple):
    """What a cloze deletion hides: a stretch of the text, its words, and the hint in its place.

    Each word has its key beside it.
    """

    deletion: ClozeDeletion
    start: int
    end: int
    words: list[str]
    keys: list[str]
    hint: str


class BasicView:
    """What the cards of a basic note show: the front, and behind it the answer."""

    __slots__ = ("back", "front", "note")

    def __init__(self, note: BasicNote) -> None:
        self.note = note
        self.front = Prose(note.front)
        self.back = Prose(note.back)

    @property
    def texts(self) -> tuple[Prose, ...]:
        """The texts of the note."""
        return self.front, self.back


class ClozeView:
    """What the cards of a cloze note show and hide; each number of its deletions is a card."""

    __slots__ = ("hidden", "note", "text")

    def __init__(self, note: ClozeNote) -> None:
        self.note = note
        self.text = Prose(note.text)
        gaps = self.text.gaps
        assert len(gaps) == len(note.deletions), "views are of notes without errors"
        self.hidden: list[Hidden] = []
        offsets = self.text.offsets()
        for deletion, gap in zip(note.deletions, gaps, strict=True):
            start, end = offsets[gap.first], offsets[gap.behind]
            low = self.text.low[start:end]
            words = [low] if low.isalnum() else words_of(low)
            keys = keys_of(words)
            self.hidden.append(Hidden(deletion, start, end, words, keys, gap.hint))

    @property
    def texts(self) -> tuple[Prose, ...]:
        """The texts of the note."""
        return (self.text,)

    def of(self, number: int) -> list[Hidden]:
        """The deletions that the card of that number hides, with all that lies in them."""
        return [each for each in self.hidden if each.deletion.number == number]

    @property
    def fronts(self) -> list[str]:
        """The text that each of its cards shows, with a mark for what it hides."""
        low, numbers = self.text.low, [each.deletion.number for each in self.hidden]
        if len(set(numbers)) < len(numbers):
            return [self._front(number) for number in dict.fromkeys(numbers)]
        return [f"{low[: h.start]}[{h.hint.lower() or '…'}]{low[h.end :]}" for h in self.hidden]

    def _front(self, number: int) -> str:
        low, shown, position = self.text.low, "", 0
        for deletion, start, end, _, _, hint in self.hidden:
            if deletion.number == number:
                shown += f"{low[position:start]}[{hint.lower() or '…'}]"
                position = end
        return shown + low[position:]


View = BasicView | ClozeView


def view_of(note: BasicNote | ClozeNote) -> View:
    """The view of a note in which there is no error."""
    return BasicView(note) if isinstance(note, BasicNote) else ClozeView(note)


# ---------------------------------------------------------------- words and what they share

# fmt: off
STOP_WORDS = frozenset((
    "a", "about", "across", "against", "all", "almost", "along", "also", "although", "am", "among",
    "an", "and", "another", "any", "are", "aren't", "around", "as", "at", "away", "be", "because",
    "become", "becomes", "been", "being", "both", "but", "by", "called", "can", "can't", "cannot",
    "could", "did", "didn't", "do", "does", "doesn't", "doing", "don't", "done", "during", "each",
    "either", "else", "etc", "every", "for", "from", "further", "get", "gets", "give", "given",
    "gives", "go", "had", "has", "hasn't", "have", "having", "he", "hence", "her", "here", "hers",
    "herself", "him", "himself", "his", "how", "however", "i", "if", "in", "into", "is", "isn't",
    "it", "it's", "its", "itself", "just", "let", "like", "made", "make", "makes", "may", "me",
    "mean", "means", "might", "must", "my", "myself", "neither", "no", "nor", "now", "of", "off",
    "on", "once", "one", "only", "onto", "or", "other", "others", "our", "ours", "out", "own",
    "per", "rather", "same", "say", "says", "shall", "she", "should", "since", "so", "some",
    "something", "still", "such", "take", "takes", "than", "that", "that's", "the", "their",
    "theirs", "them", "themselves", "then", "there", "therefore", "these", "they", "thing",
    "things", "this", "those", "though", "through", "thus", "to", "too", "toward", "towards",
    "upon", "us", "use", "used", "uses", "using", "very", "via", "was", "wasn't", "way", "we",
    "were", "what", "when", "where", "whether", "which", "while", "who", "whom", "whose", "why",
    "will", "with", "within", "won't", "would", "yes", "yet", "you", "your", "yours", "yourself",
))
# fmt: on
"""English words that say nothing about what a text is about."""
_ENDINGS = ("ingly", "edly", "ings", "ies", "ing", "ed", "es", "ly", "s", "e", "y")
_SHARED = 6
"""Words that begin with as many equal letters are taken for kin: tailor, tailored, tailoring."""


class _Letters(dict[int, int]):
    """For `str.translate`: what words are made of, and a blank for everything else."""

    def __missing__(self, code: int) -> int:
        char = chr(code)
        part = char.isalnum() or char in _JOINTS or combining(char)
        found = self[code] = code if part else 32
        return found


_JOINTS = "'’-_"
_EDGES = tuple((joint, f" {joint}", f"{joint} ") for joint in _JOINTS)
_LETTERS = _Letters()
_ASCII_LETTERS = bytes(map(_LETTERS.__getitem__, range(128))) + bytes(128)


def words_of(text: str) -> list[str]:
    """The words of a text, in order; what hyphens and apostrophes join is one."""
    # Three times as fast as a regular expression, and this is where the time goes.
    if text.isascii():
        parted = text.encode().translate(_ASCII_LETTERS).decode()
    else:
        parted = text.translate(_LETTERS)
    for joint, before, behind in _EDGES:
        if joint in parted:
            parted = f" {parted} "
            if before in parted or behind in parted:
                return [bare for word in parted.split() if (bare := word.strip(_JOINTS))]
    return parted.split()


class _Keys(dict[str, str]):
    """The key of each word that was met: a deck says the same words again and again."""

    def __missing__(self, word: str) -> str:
        if len(self) > 200_000:
            self.clear()
        key = self[word] = _key(word)
        return key


_KEYS = _Keys()


def _key(word: str) -> str:
    word = word.replace("’", "'").removesuffix("'s").strip("'-")
    if word in STOP_WORDS:
        return ""
    for ending in _ENDINGS if word.endswith(_ENDINGS) else ():
        if len(word) - len(ending) >= 4 and word.endswith(ending):
            word = word.removesuffix(ending)
            break
    return word[:_SHARED]


def keys_of(words: Iterable[str]) -> list[str]:
    """The key of each word: what it has in common with its inflections; empty for a stop word."""
    return list(map(_KEYS.__getitem__, words))
