"""A new deck: the files of `templates/init`, with a name, and an id that no other deck has."""

from __future__ import annotations

import os
import re
import secrets
import string
import unicodedata
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from crss_deck import __version__
from crss_deck.folder import MANIFEST, SOURCE
from crss_deck.manifest import MAX_KEY_LENGTH, deck_name_problem, slug

FILES = (
    ".gitignore",
    ".github/workflows/release.yml",
    f"{SOURCE}/.gitattributes",
    f"{SOURCE}/01-first-notes.md",
    f"{SOURCE}/{MANIFEST}",  # the last: without it, nothing takes the folder for a deck
)
SUFFIX_LENGTH = 6
_SUFFIX_CHARACTERS = string.ascii_lowercase + string.digits
_TAG_ROOT_LENGTH = 40  # leaves room for tags, which have a limit
_TEMPLATES = Path(__file__).parent / "templates" / "init"


class NewDeck(NamedTuple):
    """A deck that was made: its identity, and its files, by path from its folder."""

    id: str
    name: str
    files: tuple[str, ...]


class InitError(OSError):
    """There is no place for a new deck here; the message says why."""


def random_suffix() -> str:
    """Six random characters, so that two decks of one name are two decks."""
    return "".join(secrets.choice(_SUFFIX_CHARACTERS) for _ in range(SUFFIX_LENGTH))


def init_deck(path: str | os.PathLike[str], *, suffix: str, name: str = "") -> NewDeck:
    """Make a new deck in a folder, which need not exist.

    The id comes from the name of the folder and `suffix`, best a `random_suffix`; so does the name
    of the deck, unless one is given. Files that are there stay as they are: all of the deck's files
    are written, or none.
    Raises ValueError if Anki would not keep the name, InitError if one of the files is there
    already, and OSError if one cannot be written.
    """
    root = Path(path)
    folder = _text_of(Path(os.path.normpath(root.absolute())).name)
    name = name or _name_of(folder)
    if problem := name_problem(name):
        raise ValueError(f"the name must be {problem}")
    start = slug(folder)[: MAX_KEY_LENGTH - len(suffix) - 1].strip("-") or "deck"
    identity = f"{start}-{suffix}"
    if root.exists() and not root.is_dir():
        raise InitError(f"{root}: this is a file, not a folder")
    taken = [file for file in FILES if os.path.lexists(root / file)]
    if taken:
        raise InitError(
            f"{root}: {', '.join(taken)}: there already, and init writes over no file;"
            " choose another folder, or move what is there"
        )
    values = {
        "ID": identity,
        "NAME": name.replace("\\", "\\\\"),  # it stands between the quotes of TOML
        "TAG_ROOT": re.sub(r"\W+", "-", name).strip("-")[:_TAG_ROOT_LENGTH] or start,
        "CRSS_DECK": __version__,
    }
    _write(root, {file: _filled(file, values) for file in FILES})
    return NewDeck(identity, name, FILES)


def name_problem(name: str) -> str:
    """What a name of a deck must be and is not; empty for a good one."""
    if not name.strip() or not name.isprintable():
        return "one line of text"
    return deck_name_problem(name)


def _name_of(folder: str) -> str:
    """A folder's name as people write it: `tea-and-bread` is Tea and bread."""
    words = " ".join(folder.replace("-", " ").replace("_", " ").split())
    name = words[:1].upper() + words[1:]
    return name if not name_problem(name) else "My deck"


def _text_of(name: str) -> str:
    """The name of a file as text, without bytes of it that are none."""
    return unicodedata.normalize("NFC", name.encode(errors="ignore").decode())


def _filled(file: str, values: dict[str, str]) -> bytes:
    text = (_TEMPLATES / file).read_text(encoding="utf-8")
    return re.sub("@([A-Z_]+)@", lambda match: values[match[1]], text).encode()


def _write(root: Path, contents: dict[str, bytes]) -> None:
    """Write new files, with the folders they need; if one fails, take all of them back."""
    made: list[Path] = []
    try:
        for file, content in contents.items():
            path = root / file
            for folder in reversed(path.parents):
                if not folder.exists():
                    folder.mkdir()
                    made.append(folder)
            with path.open("xb") as stream:
                made.append(path)
                stream.write(content)
    except BaseException:
        for path in reversed(made):
            with suppress(OSError):
                path.rmdir() if path.is_dir() else path.unlink()
        raise
