"""Keys for notes that have none yet: readable, stable in any order of work, unique in the deck."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from hashlib import sha256

from crss_deck.lock import LockedNote
from crss_deck.markdown import plain_text
from crss_deck.model import BasicNote, Note

_LENGTH = 40


def propose_keys(
    notes: Iterable[Note], released: Iterable[str], lost: Mapping[int, LockedNote]
) -> list[Note]:
    """The notes, each with a key: its own, or one of the first words of its front.

    `released` are names that belong to notes of earlier releases. `lost` has by place the released
    note that one without id is, and whose name it gets back.
    """
    notes = list(notes)
    taken = set(released)
    for note in notes:
        taken |= {note.common.key, note.common.origin}
    keyed: list[Note] = []
    numbers: dict[str, int] = {}
    for place, note in enumerate(notes):
        common = note.common
        if not common.key:
            known = lost.get(place)
            if known is not None and known.key == known.origin:
                key = known.key
            else:
                key = _unique(_slug(note), taken, numbers)
            taken.add(key)
            common = common._replace(key=key, origin=common.origin or key)
            note = note._replace(common=common)
        keyed.append(note)
    return keyed


def _slug(note: Note) -> str:
    words = plain_text(note.front if isinstance(note, BasicNote) else note.text)
    ascii_words = unicodedata.normalize("NFKD", words).encode("ascii", "ignore").decode().lower()
    slug = ""
    for word in re.findall(r"[a-z0-9]+", ascii_words.replace("'", "")):
        if len(slug) + len(word) >= _LENGTH:
            break
        slug = f"{slug}-{word}" if slug else word
    return slug or f"note-{sha256(words.encode()).hexdigest()[:8]}"


def _unique(slug: str, taken: set[str], numbers: dict[str, int]) -> str:
    """The slug with the first number that makes it new; `numbers` remembers where to go on."""
    key, number = slug, numbers.get(slug, 2)
    while key in taken:
        key, number = f"{slug}-{number}", number + 1
    numbers[slug] = number
    return key
