"""Key -> GUID, and the ids of note types and decks. The promise to learners: changes never."""

from __future__ import annotations

from base64 import b32encode
from hashlib import sha256


def digest(*parts: str) -> bytes:
    """SHA-256 of the UTF-8 of `crss-deck/1` and the parts, joined by line feeds."""
    return sha256("\n".join(("crss-deck/1", *parts)).encode()).digest()


def note_guid(deck_id: str, origin: str) -> str:
    """The GUID of a note: 16 characters of lower-case base32, from its origin and nothing else."""
    return b32encode(digest("note", deck_id, origin)[:10]).decode().lower()


def note_type_id(deck_id: str, kind: str) -> int:
    """The id of a note type, kind `basic` or `cloze`: past milliseconds, safe in JavaScript."""
    number = int.from_bytes(digest("note-type", deck_id, kind)[:8], "big")
    return 10**12 + number % (4 * 10**11)


def package_deck_id(deck_id: str, name: str) -> int:
    """A deck's id inside one package: a join and no promise, since Anki matches decks by name."""
    number = int.from_bytes(digest("deck", deck_id, name)[:8], "big")
    return 10**12 + number % (4 * 10**11)
