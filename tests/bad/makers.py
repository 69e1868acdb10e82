"""Inputs that a repository cannot hold everywhere: huge ones, pipes and links, odd file names.

A function is named after its case and puts into a copy of its folder what is missing there.
"""

from __future__ import annotations

import os
import shutil
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest

MAKERS: dict[str, Callable[[Path], None]] = {}
NOTE = "Q: What makes bread rise?\n\nA: Yeast.\n<!-- id: bread-rises -->\n"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(24)


def _maker(make: Callable[[Path], None]) -> Callable[[Path], None]:
    MAKERS[make.__name__.removeprefix("make_").replace("_", "-")] = make
    return make


def _write(path: Path, content: str | bytes) -> None:
    """Write a file with just these bytes; a system that cannot name it so skips the case."""
    data = content.encode() if isinstance(content, str) else content
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        listed = path.parent.iterdir()
    except (OSError, ValueError):
        pytest.skip(f"no file can be named {path.name!r} here")
    if path.name not in {other.name for other in listed}:
        pytest.skip(f"the file system changes the name {path.name!r}")


def _link(path: Path, target: str | Path) -> None:
    try:
        path.symlink_to(target)
    except (OSError, NotImplementedError):
        pytest.skip("this system makes no links")


def _sparse(path: Path, head: bytes, size: int) -> None:
    """A file of that size which takes no room on most disks."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as stream:
        stream.write(head)
        stream.truncate(size)


def _note(front: str, key: str = "a") -> str:
    return f"Q: {front}\n\nA: b\n<!-- id: {key} -->\n"


# ------------------------------------------------------------------ names and characters


@_maker
def make_09_nfd_file_names(folder: Path) -> None:
    """Files named in NFD, referred to in NFC, and the other way round; plain is all NFC."""
    nfc = "m\u00e9dia/\u00fc.png"
    nfd = unicodedata.normalize("NFD", nfc)
    _write(folder / "source" / nfd, PNG)
    _write(folder / "source" / "cafe\u0301.md", _note(f"![u\u0308]({nfc})"))
    _write(folder / "source" / "o\u00e9.md", _note(f"and ![\u00fc]({nfd})", "b"))
    _write(folder / "plain" / nfc, PNG)
    _write(folder / "plain" / "caf\u00e9.md", _note(f"![\u00fc]({nfc})"))
    _write(folder / "plain" / "o\u00e9.md", _note(f"and ![\u00fc]({nfc})", "b"))


@_maker
def make_10_in_file_names(folder: Path) -> None:
    """Names that would colour the terminal, ring its bell or change its title."""
    _write(folder / "source" / "a\x1b[31mred\x07.md", "Q: a\n<!-- id: a -->\n")
    _write(folder / "source" / "media" / "b\x1b]0;title\x07.png", PNG)


@_maker
def make_10_in_the_folder_name(folder: Path) -> None:
    """A deck folder with ESC in its name."""
    shutil.rmtree(folder / "source", ignore_errors=True)
    _write(folder / "so\x1burce" / "deck.toml", "format = 2\n")


# ------------------------------------------------------------------ deep and large


@_maker
def make_14_deep_brackets(folder: Path) -> None:
    """Lists in lists, deeper than a parser by recursion goes."""
    brackets = "[" * 5000
    _write(folder / "source" / "notes.md", f"---\ntags: {brackets}\n---\n{NOTE}")


@_maker
def make_14_long_number(folder: Path) -> None:
    """A number that Python would not turn into an `int`."""
    _write(folder / "source" / "notes.md", f"---\nsource: {'7' * 15000}\n---\n{NOTE}")


@_maker
def make_14_longer_than_the_limit(folder: Path) -> None:
    """A hundred thousand digits."""
    _write(folder / "source" / "notes.md", f"---\nsource: {'7' * 100_000}\n---\n{NOTE}")


@_maker
def make_17_deep(folder: Path) -> None:
    """Deeper than Python's TOML parser goes."""
    with (folder / "source" / "deck.toml").open("a", encoding="utf-8") as stream:
        stream.write(f"authors = {'[' * 20_000}{']' * 20_000}\n")


def _nested(folder: Path, mark: str, levels: int) -> None:
    """A note whose answer is that many containers deep."""
    if mark == "-":
        lines = [f"{'  ' * level}- level {level + 1}" for level in range(levels)]
        text = "\n".join(lines)
    else:
        text = f"In quotes:\n\n{mark * levels}deep"
    _write(folder / "source" / "notes.md", f"Q: a\n\nA:\n\n{text}\n<!-- id: a -->\n")


@_maker
def make_27_lists_101(folder: Path) -> None:
    """More than markdown-it's limit of a hundred levels."""
    _nested(folder, "-", 101)


@_maker
def make_27_quotes_21(folder: Path) -> None:
    """Twenty-one quotes: the `commonmark` preset loses the twentieth."""
    _nested(folder, "> ", 21)


@_maker
def make_27_quotes_101(folder: Path) -> None:
    """A hundred and one quotes."""
    _nested(folder, "> ", 101)


@_maker
def make_27_emphasis_1000(folder: Path) -> None:
    """Emphasis in emphasis."""
    text = f"{'*a ' * 1000}b{'*' * 1000}"
    _write(folder / "source" / "notes.md", f"Q: {text}\n\nA: b\n<!-- id: a -->\n")


@_maker
def make_29_file_of_50_mb(folder: Path) -> None:
    """A notes file that nobody wrote."""
    _sparse(folder / "source" / "backup.md", b"Q: a\n\nA: b\n", 50 * 1024 * 1024)


@_maker
def make_29_field_of_5_mb(folder: Path) -> None:
    """A field within the limit of a file, and beyond that of a field."""
    _write(folder / "source" / "notes.md", f"Q: a\n\nA: {'long ' * 1_000_000}\n<!-- id: a -->\n")


@_maker
def make_29_deck_toml_of_10_mb(folder: Path) -> None:
    """A manifest that nobody wrote."""
    _sparse(folder / "source" / "deck.toml", b'name = "x"\n', 10 * 1024 * 1024)


@_maker
def make_29_many_faults(folder: Path) -> None:
    """One fault, a thousand times."""
    notes = "".join(f"Q: {number}\n\nA:\n<!-- id: n-{number} -->\n\n" for number in range(1000))
    _write(folder / "source" / "notes.md", notes)


# ------------------------------------------------------------------ files that are none


@_maker
def make_37_link_out(folder: Path) -> None:
    """A picture that is a link to a file outside."""
    _write(folder / "secret.png", PNG)
    _write(folder / "source" / "notes.md", _note("![a](media/a.png)"))
    (folder / "source" / "media").mkdir()
    _link(folder / "source" / "media" / "a.png", "../../secret.png")


@_maker
def make_37_link_to_a_folder(folder: Path) -> None:
    """A folder that is a link to a folder outside, and one to a folder inside."""
    _write(folder / "elsewhere" / "a.png", PNG)
    _write(folder / "elsewhere" / "more.md", NOTE)
    _write(folder / "source" / "media" / "b.png", PNG)
    _write(folder / "source" / "notes.md", _note("![a](out/a.png) ![b](in/b.png) ![c](in)"))
    _link(folder / "source" / "out", "../elsewhere")
    _link(folder / "source" / "in", "media")


@_maker
def make_37_link_inside(folder: Path) -> None:
    """A link to another file of the deck is that file."""
    _write(folder / "source" / "media" / "a.png", PNG)
    _write(folder / "source" / "notes.md", _note("![a](media/b.png)"))
    _link(folder / "source" / "media" / "b.png", "a.png")


@_maker
def make_37_link_to_nothing(folder: Path) -> None:
    """A link whose target is gone."""
    _write(folder / "source" / "notes.md", _note("![a](a.png)"))
    _link(folder / "source" / "a.png", "gone.png")
    _link(folder / "source" / "more.md", "gone.md")


@_maker
def make_37_link_loop(folder: Path) -> None:
    """A link to itself, and a folder that holds itself."""
    _write(folder / "source" / "notes.md", _note("![a](a.png)"))
    _link(folder / "source" / "a.png", "a.png")
    _link(folder / "source" / "again", ".")


@_maker
def make_37_fifo(folder: Path) -> None:
    """A pipe nobody writes to: opening it would wait for ever."""
    _write(folder / "source" / "notes.md", _note("![a](a.png)"))
    _fifo(folder / "source" / "a.png")


@_maker
def make_37_notes_fifo(folder: Path) -> None:
    """A pipe where a notes file should be."""
    _write(folder / "source" / "notes.md", NOTE)
    _fifo(folder / "source" / "more.md")


def _fifo(path: Path) -> None:
    if not hasattr(os, "mkfifo"):
        pytest.skip("this system has no pipes with names")
    os.mkfifo(path)


@_maker
def make_37_device(folder: Path) -> None:
    """A device that never ends; without the right to make one, a link to it."""
    _write(folder / "source" / "notes.md", _note("![a](a.png)"))
    if not Path("/dev/zero").exists():
        pytest.skip("this system has no such device")
    _link(folder / "source" / "a.png", "/dev/zero")


@_maker
def make_37_notes_link_out(folder: Path) -> None:
    """A notes file that is a link to one outside."""
    _write(folder / "secret.md", NOTE)
    _write(folder / "source" / "notes.md", _note("a"))
    _link(folder / "source" / "more.md", "../secret.md")


@_maker
def make_37_deck_toml_link_out(folder: Path) -> None:
    """A manifest that is a link to one outside."""
    (folder / "source" / "deck.toml").rename(folder / "deck.toml")
    _write(folder / "source" / "notes.md", NOTE)
    _link(folder / "source" / "deck.toml", "../deck.toml")


@_maker
def make_39_names_differing_in_case(folder: Path) -> None:
    """Two pictures that Windows and macOS would take for one."""
    _write(folder / "source" / "media" / "Door.png", PNG)
    _write(folder / "source" / "media" / "door.png", PNG + b"\0")
    _write(folder / "source" / "notes.md", _note("![a](media/Door.png) ![b](media/door.png)"))


def _pictures(folder: Path, names: list[str]) -> None:
    """A picture of each name, each with bytes of its own, and notes that show them."""
    notes = []
    for number, name in enumerate(names, 1):
        _write(folder / "source" / "media" / name, PNG + bytes([number]))
        address = name.replace("%", "%25").replace("\\", "%5C").replace("\n", "%0A")
        address = address.replace("&", "&amp;")
        address = address.replace("<", "%3C").replace(">", "%3E").replace("?", "%3F")
        address = address.replace("#", "%23")
        notes.append(_note(f"{number} ![picture {number}](<media/{address}>)", f"n-{number}"))
    _write(folder / "source" / "notes.md", "\n".join(notes))


@_maker
def make_40_names_anki_rewrites(folder: Path) -> None:
    """Names that Anki changes at import, so that the card would look for a file that is gone."""
    names = ["we:ird.png", "a[1].png", "what?.png", "con.png", "no\u00a0break.png"]
    names += [
        "back\\slash.png",
        "a.b..png",
        "trailing .png",
        "*star|bar.png",
        "l" * 200 + ".png",
        "UPPER.PNG",
    ]
    _pictures(folder, names)


@_maker
def make_41_signs_in_names(folder: Path) -> None:
    """Names that need care in Markdown, HTML or URLs."""
    names = ["a#b.png", "50%.png", "%41.png", "a&b.png", "a&amp;b.png", 'it\'s "so".png']
    names += ["with  blanks.png", "\U0001f600.png", "日本.png", "(round).png"]
    _pictures(folder, [*names, "<b>.png", "a+b=c;d,e@f!.png", "[sound:x].png"])


@_maker
def make_42_over_100_mib(folder: Path) -> None:
    """A picture and a sound that Anki would not sync."""
    _sparse(folder / "source" / "a.png", PNG, 100 * 1024 * 1024 + 1)
    _sparse(folder / "source" / "b.mp3", b"ID3", 101 * 1024 * 1024)


@_maker
def make_42_total_over_250_mb(folder: Path) -> None:
    """Media of which none is too large, and which together are."""
    notes = ""
    for number in (1, 2, 3):
        _sparse(folder / "source" / f"{number}.png", PNG + bytes([number]), 90 * 1024 * 1024)
        notes += _note(f"{number} ![a]({number}.png)", f"n-{number}") + "\n"
    _write(folder / "source" / "notes.md", notes)


# ------------------------------------------------------------------ where to write to


@_maker
def make_47_link_into_source(folder: Path) -> None:
    """An output folder that is a link into the source folder."""
    _write(folder / "source" / "notes.md", NOTE)
    (folder / "source" / "out").mkdir()
    _link(folder / "link", "source/out")


@_maker
def make_47_a_file(folder: Path) -> None:
    """A file where the output folder should be."""
    _write(folder / "afile", "keep me")


@_maker
def make_47_a_folder_of_that_name(folder: Path) -> None:
    """A folder where the package should go."""
    _write(folder / "out" / "bad-inputs-1.0.0+draft.apkg" / "x", "keep me")
