"""Packages as a whole: what is in them, and that nothing but the deck decides on a byte."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import zipfile
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from command_helper import environment
from deck_helper import DECK_TOML, small_deck
from golden_helper import CLOCK, DECKS, golden_text
from markdown_it import MarkdownIt

from crss_deck import (
    PackageError,
    Severity,
    apkg,
    build_deck,
    compile_deck,
    read_apkg,
    read_deck,
    render,
)
from crss_deck.apkg import package_bytes
from crss_deck.identity import note_guid
from crss_deck.package import RenderedNote, content_digest

NOTE = "Q: a\n\nA: b\n<!-- id: x -->\n"

every_deck = pytest.mark.parametrize("deck", DECKS, ids=lambda deck: deck.name)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, Path]:
    """The package of each golden deck, by the deck's folder."""
    output = tmp_path_factory.mktemp("built")
    return {deck: build_deck(deck / "source", output, clock=CLOCK).path for deck in DECKS}


def rows(package: Path, query: str) -> list[tuple[Any, ...]]:
    """What a query says to the collection inside a package."""
    with zipfile.ZipFile(package) as archive, closing(sqlite3.connect(":memory:")) as connection:
        connection.deserialize(archive.read("collection.anki2"))
        return connection.execute(query).fetchall()


# ------------------------------------------------------------------ golden packages


def test_there_are_golden_decks() -> None:
    """The decks that the tests below run over were found."""
    assert {"everything", "media", "nested-clozes", "right-to-left", "subdecks", "typing"} <= {
        deck.name for deck in DECKS
    }


@every_deck
def test_a_package_holds_what_its_golden_text_says(deck: Path, built: dict[Path, Path]) -> None:
    """A built package, read back, is the one that a person has read and found right.

    `CRSS_UPDATE_GOLDEN=1` writes the text anew. Read the difference as what learners get.
    """
    text = golden_text(read_apkg(built[deck]))
    golden = deck / "golden.txt"
    if os.environ.get("CRSS_UPDATE_GOLDEN") == "1":
        golden.write_text(text, encoding="utf-8", newline="\n")
    assert text == golden.read_text(encoding="utf-8")


@every_deck
def test_a_golden_deck_has_no_fault(deck: Path) -> None:
    """A deck that is an example for others has neither error nor warning."""
    result = compile_deck(read_deck(deck / "source"), clock=CLOCK)
    assert [str(d) for d in result.diagnostics if d.rule.severity is not Severity.INFO] == []


@every_deck
def test_what_is_read_is_what_was_compiled(deck: Path, built: dict[Path, Path]) -> None:
    """A package read back from disk equals the one in memory, templates and styles included."""
    compiled = compile_deck(read_deck(deck / "source"), clock=CLOCK).package
    assert read_apkg(built[deck]) == compiled


# ------------------------------------------------------------------ determinism

BUILD = """\
import os, sys
os.umask(int(sys.argv.pop(1), 8))
from crss_deck.cli import main
main()
"""
SURROUNDINGS: dict[str, tuple[dict[str, str], str, list[str]]] = {
    "plain": ({}, "022", []),
    "hash seed": ({"PYTHONHASHSEED": "1"}, "022", []),
    "time zone": ({"PYTHONHASHSEED": "4294967295", "TZ": "Pacific/Kiritimati"}, "077", []),
    "locale": ({"LC_ALL": "tr_TR.UTF-8", "LANG": "de_DE", "TZ": "America/St_Johns"}, "000", []),
    "C locale": ({"LC_ALL": "C", "LANG": "C"}, "027", ["-O"]),
}
"""Environment, umask and options of Python for builds that have to agree."""


@pytest.fixture(scope="module")
def builds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, bytes]]:
    """The files of builds of one deck, by name, each in other surroundings and another folder."""
    found: dict[str, dict[str, bytes]] = {}
    for number, (name, (variables, umask, options)) in enumerate(SURROUNDINGS.items()):
        folder = tmp_path_factory.mktemp("build")
        source = folder / ("source" if number % 2 else "another place/of this deck")
        copy_decks(source, backwards=bool(number % 2))
        output = "out" if number % 2 else str(folder / "far" / "away")
        command = [sys.executable, *options, "-c", BUILD, umask, "build", str(source), "-o", output]
        done = subprocess.run(
            command, cwd=folder, env=environment(**variables), capture_output=True, check=False
        )
        assert done.returncode == 0, (name, done.stderr)
        found[name] = {file.name: file.read_bytes() for file in (folder / output).iterdir()}
    return found


def copy_decks(target: Path, *, backwards: bool) -> None:
    """Write the notes and media of all golden decks to one folder, in one of two orders."""
    files: dict[str, bytes] = {}
    for deck in DECKS:
        for path in (deck / "source").rglob("*"):
            relative = path.relative_to(deck / "source")
            if path.name == "deck.toml":
                files["deck.toml"] = DECK_TOML.encode()
            elif path.is_file() and path.name != "description.md":
                files[str(Path(deck.name) / relative)] = path.read_bytes()
    for number, name in enumerate(sorted(files, reverse=backwards)):
        copy = target / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(files[name])
        os.utime(copy, (number + backwards, number + backwards))


def test_surroundings_change_no_byte(builds: dict[str, dict[str, bytes]]) -> None:
    """Hash seed, time zone, locale, umask, folder and order on the disk decide on nothing."""
    first = builds["plain"]
    assert sorted(path.rpartition(".")[2] for path in first) == ["SHA256SUMS", "apkg", "json"]
    for name, files in builds.items():
        assert files == first, name


def test_no_dependency_has_a_word_to_say(recwarn: pytest.WarningsRecorder) -> None:
    """Text that genanki takes for broken HTML is none of its business: it says nothing of it."""
    text = (
        'Q: ![a](media/peer.png "a title\nof two lines") `<not-a-tag` \\<x y> a < b > c\n\n'
        'A: [link](https://example.org "one\n<two>") &lt;script>\n<!-- id: x -->\n'
    )
    package = compile_deck(small_deck({"notes.md": text}), clock=CLOCK).package
    assert package is not None
    assert package_bytes(package)
    assert list(recwarn) == []


def test_the_clock_alone_changes_the_dates(tmp_path: Path) -> None:
    """A later build of the same deck differs only in its dates and ids."""
    deck = DECKS[0] / "source"
    early, late = (
        build_deck(deck, tmp_path / str(clock), clock=clock) for clock in (CLOCK, CLOCK + 60)
    )
    assert early.path.read_bytes() != late.path.read_bytes()
    assert early.compilation.version == late.compilation.version
    shifted = golden_text(read_apkg(early.path)).replace(str(CLOCK - 1), str(CLOCK + 59))
    assert shifted == golden_text(read_apkg(late.path))


def test_the_build_record_says_what_was_built(built: dict[Path, Path]) -> None:
    """The record's counts, digests and date are those of the package; nothing local is in it."""
    for deck, path in built.items():
        record = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        package = read_apkg(path)
        assert record["sha256"] == sha256(path.read_bytes()).hexdigest()
        root, *others = package.decks
        version, _, content = record["version"].partition("+draft.")
        undrafted = root._replace(description=root.description.replace(record["version"], version))
        plain = package._replace(decks=(undrafted, *others))
        assert record["content"] == content_digest(plain, stamped=False)
        assert record["content"].startswith(content)
        assert record["notes"] == len(package.notes) == sum(record["note_types"].values())
        assert record["cards"] == package.card_count
        assert record["media"] == len(package.media)
        assert record["date"] == "2023-11-14T22:13:19Z"
        assert record["file"] == path.name
        assert record["draft"] is True
        assert record["version"] in package.decks[0].description
        assert str(deck.parent) not in json.dumps(record)


def test_a_draft_is_named_by_its_content(tmp_path: Path) -> None:
    """Any change that learners would see gives the draft another name; the clock does not."""
    note = "Q: a\n\nA: {}\n<!-- id: x{} -->\n"
    versions = [
        compile_deck(small_deck({"notes.md": note.format(answer, entries)}), clock=clock).version
        for answer, entries, clock in (
            ("b", "", CLOCK),
            ("b", "", CLOCK + 1),
            ("b ", "; claims: X-1", CLOCK),
            ("c", "", CLOCK),
            ("b", "; tags: t", CLOCK),
            ("b", "; reversed", CLOCK),
        )
    ]
    assert len(set(versions)) == 4
    assert versions[0] == versions[1] == versions[2]


# ------------------------------------------------------------------ the file itself


@every_deck
def test_the_zip_file_has_no_history(deck: Path, built: dict[Path, Path]) -> None:
    """Members are stored in a fixed order, with one date and one mode, and nothing besides."""
    with zipfile.ZipFile(built[deck]) as archive:
        members = archive.infolist()
        names = json.loads(archive.read("media"))
    assert [each.filename for each in members] == ["collection.anki2", "media", *names]
    assert list(names) == [str(number) for number in range(len(names))]
    for member in members:
        assert member.compress_type == zipfile.ZIP_STORED
        assert member.date_time == (1980, 1, 1, 0, 0, 0)
        assert (member.create_system, member.external_attr) == (3, 0o644 << 16)
        assert (member.extra, member.comment) == (b"", b"")
    assert archive.comment == b""


@every_deck
def test_the_collection_does_not_tell_the_sqlite_that_wrote_it(
    deck: Path, built: dict[Path, Path]
) -> None:
    """The bytes of the header where SQLite writes its version and a counter are zero."""
    with zipfile.ZipFile(built[deck]) as archive:
        collection = archive.read("collection.anki2")
    assert collection[92:100] == bytes(8)
    assert sqlite3.sqlite_version_info[0] == 3
    assert collection[:16] == b"SQLite format 3\0"


@every_deck
def test_the_collection_is_sound(deck: Path, built: dict[Path, Path]) -> None:
    """SQLite itself finds no fault in the collection, and no free page of an earlier state."""
    assert rows(built[deck], "PRAGMA integrity_check") == [("ok",)]
    assert rows(built[deck], "PRAGMA freelist_count") == [(0,)]


@every_deck
def test_ids_count_down_from_the_stamp(deck: Path, built: dict[Path, Path]) -> None:
    """No id of a note or card is in the future, and none is given twice."""
    notes = [each for (each,) in rows(built[deck], "SELECT id FROM notes")]
    cards = [each for (each,) in rows(built[deck], "SELECT id FROM cards")]
    assert max(notes) == (CLOCK - 1) * 1000
    assert sorted(notes + cards) == list(
        range(max(notes) - len(notes) - len(cards) + 1, max(notes) + 1)
    )


@every_deck
def test_everything_is_dated_a_second_before_the_build(deck: Path, built: dict[Path, Path]) -> None:
    """Notes, cards and note types have the date of the draft, so that a release is newer."""
    assert set(rows(built[deck], "SELECT mod FROM notes")) == {(CLOCK - 1,)}
    assert set(rows(built[deck], "SELECT mod FROM cards")) == {(CLOCK - 1,)}
    ((models,),) = rows(built[deck], "SELECT models FROM col")
    assert {model["mod"] for model in json.loads(models).values()} == {CLOCK - 1}


@every_deck
def test_cards_are_new_and_in_curriculum_order(deck: Path, built: dict[Path, Path]) -> None:
    """Every card is new, due by the place of its note, with no schedule and no history."""
    cards = rows(
        built[deck],
        "SELECT guid, due FROM cards JOIN notes ON notes.id = nid"
        " WHERE type = 0 AND queue = 0 AND ivl = 0 AND reps = 0 ORDER BY due",
    )
    assert len(cards) == len(rows(built[deck], "SELECT id FROM cards"))
    assert rows(built[deck], "SELECT * FROM revlog") == []
    compiled = compile_deck(read_deck(deck / "source"), clock=CLOCK).deck
    assert compiled is not None
    guids = [note_guid(compiled.manifest.id, note.common.origin) for note in compiled.notes]
    assert list(dict.fromkeys(guid for guid, _ in cards)) == guids
    assert len(set(cards)) == len(guids)
    assert all(0 < due < 1_000_000 for _, due in cards)


def test_a_very_large_deck_keeps_due_in_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where steps of ten would pass Anki's limit, the steps shrink and the order stays."""
    monkeypatch.setattr(render, "MAX_DUE", 30)
    for count, wanted in ((2, [10, 20]), (4, [7, 14, 21, 28]), (30, list(range(1, 31)))):
        text = "".join(f"Q: {n}\n\nA: a\n<!-- id: n{n} -->\n\n" for n in range(count))
        package = compile_deck(small_deck({"notes.md": text}), clock=CLOCK).package
        assert package is not None
        assert [note.due for note in package.notes] == wanted


def test_curriculum_order_is_by_path_then_place(built: dict[Path, Path]) -> None:
    """Files follow each other by the parts of their paths: `part-two/f.md`, then `part.md`."""
    package = read_apkg(built[next(deck for deck in DECKS if deck.name == "subdecks")])
    keys = [field(note, "Key").partition("/")[2] for note in package.notes]
    files = ["first", "second", "third", "fourth", "fifth", "sixth"]
    assert keys == [f"{name}-{place}" for name in files for place in ("one", "two")]


def field(note: RenderedNote, name: str) -> str:
    """A field of a note by its name."""
    return note.fields[[each.name for each in note.note_type.fields].index(name)]


def test_anki_gets_markdown_and_no_options(built: dict[Path, Path]) -> None:
    """A deck's description is marked as Markdown; no deck brings options of its own."""
    for path in built.values():
        ((decks, options),) = rows(path, "SELECT decks, dconf FROM col")
        for deck_id, deck in json.loads(decks).items():
            assert deck["conf"] == 1
            assert deck.get("md") is True or deck_id == "1"
            assert deck["dyn"] == 0
        assert list(json.loads(options)) == ["1"]


def about(**lines: str) -> str:
    """The description of a deck whose deck.toml has these values, each as TOML."""
    listed = (f"{key.replace('_', '.')} = {value}\n" for key, value in lines.items())
    toml = DECK_TOML + "".join(listed)
    package = compile_deck(small_deck({"deck.toml": toml, "notes.md": NOTE}), clock=CLOCK).package
    assert package is not None
    return package.decks[0].description.partition(" · ")[2]


NAMES = {
    "authors": '["J_o_n *x*", "Ann & Co. (Ed.) 5 * 3", "_A_ &amp; `b` <i>"]',
    "license": '"CC [BY](x) \\\\* 4.0"',
    "source_title": '"A [b] ] & c*d*"',
    "source_url": '"https://example.org/a_(b)_c)?d=e&copy=f"',
    "homepage": '"https://example.org/(a"',
}


def test_names_in_a_description_are_no_markdown() -> None:
    """Anki shows authors, license and titles as they stand in deck.toml, and links work."""
    html = MarkdownIt("commonmark").render(about(**NAMES))
    assert html == (
        "<p>by J_o_n *x*, Ann &amp; Co. (Ed.) 5 * 3, _A_ &amp;amp; `b` &lt;i&gt;"
        " · license CC [BY](x) \\* 4.0"
        ' · from <a href="https://example.org/a_(b)_c)?d=e&amp;copy=f">A [b] ] &amp; c*d*</a>'
        ' · <a href="https://example.org/(a">homepage</a></p>\n'
    )


@pytest.mark.anki
def test_anki_reads_names_in_a_description(tmp_path: Path) -> None:
    """As markdown-it does."""
    from anki_helper import new_collection

    with new_collection(tmp_path) as collection:
        html = collection.render_markdown(about(**NAMES)).replace(' rel="noopener noreferrer"', "")
    assert html == MarkdownIt("commonmark").render(about(**NAMES))


def test_a_description_without_markdown_is_as_it_was() -> None:
    """Nothing is escaped that Markdown does not read, so that no released description changes."""
    assert about(
        authors='["J_o_n", "Ann & Co. (Ed.) 5 * 3"]',
        source_title='"A [b] & c"',
        source_url='"https://example.org/a_(b)_c?d=e"',
    ) == ("by J_o_n, Ann & Co. (Ed.) 5 * 3 · from [A [b] & c](https://example.org/a_(b)_c?d=e)")


# ------------------------------------------------------------------ reading what others wrote


def a_package(path: Path) -> Path:
    """A good package at a path."""
    note = "Q: a\n\nA: ![b](media/peer.png)\n<!-- id: x -->\n"
    package = compile_deck(small_deck({"notes.md": note}), clock=CLOCK).package
    assert package is not None
    path.write_bytes(package_bytes(package))
    return path


def rewritten(path: Path, **changes: bytes | None) -> Path:
    """The package at a path with some members replaced, added or left out."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in (members | changes).items():
            if content is not None:
                archive.writestr(name, content)
    return path


BROKEN: dict[str, dict[str, bytes | None]] = {
    "no collection": {"collection.anki2": None},
    "not SQLite": {"collection.anki2": b"SQLite format 3"},
    "SQLite of nothing": {"collection.anki2": b"SQLite format 3\0" + bytes(496)},
    "the newer format": {"collection.anki21b": b""},
    "media no JSON": {"media": b"{"},
    "media a list": {"media": b"[]"},
    "media deep": {"media": b"[" * 100_000},
    "media missing": {"0": None},
    "media outside": {"media": b'{"0": "../evil.png"}'},
    "media absolute": {"media": b'{"0": "/evil.png"}'},
    "media nameless": {"media": b'{"0": ".."}'},
    "media of Windows": {"media": b'{"0": "..\\\\evil.png"}'},
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_package_is_refused(name: str, tmp_path: Path) -> None:
    """What is no package of Anki's oldest format raises PackageError, and nothing else."""
    path = rewritten(a_package(tmp_path / "deck.apkg"), **BROKEN[name])
    with pytest.raises(PackageError):
        read_apkg(path)


def test_a_file_that_is_no_zip_is_refused(tmp_path: Path) -> None:
    """A file cut short, an empty one and any other raise PackageError; a missing one OSError."""
    path = a_package(tmp_path / "deck.apkg")
    content = path.read_bytes()
    for broken in (b"", b"PK", content[:-1], content[: len(content) // 2], b"text"):
        path.write_bytes(broken)
        with pytest.raises(PackageError):
            read_apkg(path)
    with pytest.raises(FileNotFoundError):
        read_apkg(tmp_path / "nothing.apkg")


def test_a_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package that unpacks to more than the limit, or claims less than it holds, is refused."""
    path = rewritten(a_package(tmp_path / "deck.apkg"), other=bytes(1_000_000))
    assert read_apkg(path).notes
    monkeypatch.setattr(apkg, "MAX_TOTAL", 1_000_000)
    with pytest.raises(PackageError, match="unpacks to more"):
        read_apkg(path)
    monkeypatch.undo()
    monkeypatch.setattr(apkg, "MAX_MEMBER", 1000)
    with pytest.raises(PackageError, match="larger than"):
        read_apkg(path)
    monkeypatch.undo()
    monkeypatch.setattr(apkg, "MAX_MEMBERS", 3)
    with pytest.raises(PackageError, match="members"):
        read_apkg(path)


def test_members_of_one_name_are_refused(tmp_path: Path) -> None:
    """A zip file with two members of one name would be read differently by different readers."""
    path = a_package(tmp_path / "deck.apkg")
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(path, "a") as archive:
        archive.writestr("media", b"{}")
    with pytest.raises(PackageError, match="two members"):
        read_apkg(path)


def test_reading_writes_nothing(tmp_path: Path) -> None:
    """Reading a package leaves its folder as it was, and unpacks nothing."""
    path = a_package(tmp_path / "deck.apkg")
    path.chmod(0o444)
    read_apkg(path)
    assert list(tmp_path.iterdir()) == [path]
