"""`crss-deck init`: a new deck is a good one, and nothing that was there is touched."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from command_helper import run

import crss_deck
from crss_deck import build_deck, compile_deck, read_deck
from crss_deck.init import FILES, InitError, init_deck, name_problem, random_suffix
from crss_deck.model import BasicNote

TEMPLATES = Path(crss_deck.__file__).parent / "templates" / "init"
SUFFIX = "x7k2p9"


def files_in(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, and every folder that is empty."""
    return {
        path.relative_to(folder).as_posix(): b"" if path.is_dir() else path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() or not any(path.iterdir())
    }


def manifest_of(folder: Path) -> dict[str, Any]:
    """The deck.toml of a new deck."""
    return tomllib.loads((folder / "source" / "deck.toml").read_text(encoding="utf-8"))


# ------------------------------------------------------------------ what it is


def test_a_new_deck_is_without_fault(tmp_path: Path) -> None:
    """It compiles without a finding, infos included, and shows every kind of note."""
    init_deck(tmp_path / "tea", suffix=SUFFIX)
    result = compile_deck(read_deck(tmp_path / "tea" / "source"))
    assert result.diagnostics == ()
    assert result.package is not None and result.deck is not None
    assert isinstance(result.deck.notes[0], BasicNote) and result.deck.notes[0].common.extra
    assert [len(note.cards) for note in result.package.notes] == [1, 2, 3]
    text = (tmp_path / "tea" / "source" / "01-first-notes.md").read_text(encoding="utf-8")
    for shown in (
        "Q: ",
        "A: ",
        "Extra: ",
        "C: ",
        "; tags: ",
        "{{c2::oxidized::what",
        "\n1. {{c1::",
    ):
        assert shown in text


def test_a_new_deck_has_the_files_of_the_template(tmp_path: Path) -> None:
    """All of them, and nothing of them is left to be filled in."""
    deck = init_deck(tmp_path / "tea", suffix=SUFFIX)
    assert (
        set(deck.files) == set(FILES) == set(files_in(TEMPLATES)) == set(files_in(tmp_path / "tea"))
    )
    for path, content in files_in(tmp_path / "tea").items():
        assert b"\r" not in content
        assert not re.search(rb"@[A-Z_]+@", content), path
    assert deck.files[-1] == "source/deck.toml"


def test_a_new_deck_names_what_made_it(tmp_path: Path) -> None:
    """Its workflow knows its id, and the very version of the library."""
    init_deck(tmp_path / "tea", suffix=SUFFIX)
    text = (tmp_path / "tea" / ".github" / "workflows" / "release.yml").read_text(encoding="utf-8")
    assert f'DECK: "tea-{SUFFIX}"' in text
    assert f"crss-deck/{crss_deck.__version__}}}" in text


@pytest.mark.anki
def test_a_new_deck_as_people_make_it(tmp_path: Path) -> None:
    """The commands that it names do their work, and so does Anki with the package."""
    done = run("init", "tea and bread", cwd=tmp_path)
    assert done.returncode == 0
    folder = Path("tea and bread")
    assert done.stdout == "".join(f"{folder / file}\n" for file in FILES)
    identity = manifest_of(tmp_path / folder)["id"]
    quote = '"' if os.name == "nt" else "'"
    assert done.stderr == (
        f"\nThe deck Tea and bread has the id {identity}. Next:\n"
        f"  cd {quote}tea and bread{quote}\n  crss-deck check\n  crss-deck build\n"
        "Import the package into Anki, then write your own notes in source.\n"
    )
    here = tmp_path / folder
    checked = run("check", "--strict", "-v", cwd=here)
    assert (checked.returncode, checked.stdout) == (0, "")
    assert checked.stderr == "3 notes, 6 cards, no faults\n"
    built = run("build", cwd=here)
    assert built.returncode == 0
    verified = run("verify", built.stdout.rstrip("\n"), cwd=here)
    assert verified.returncode == 0, verified.stdout
    assert "3 new" in verified.stdout


def test_a_new_deck_can_be_released(tmp_path: Path) -> None:
    """The first release is 1.0.0, and builds as what it is."""
    init_deck(tmp_path, suffix=SUFFIX, name="Tea")
    assert run("release", cwd=tmp_path).stdout == "1.0.0\n"
    result = build_deck(tmp_path / "source", tmp_path / "build", locked=True)
    assert re.fullmatch(rf"[a-z0-9-]+-{SUFFIX}-1\.0\.0\.apkg", result.path.name)


def test_every_deck_has_an_id_of_its_own(tmp_path: Path) -> None:
    """Two decks of one name are two decks: the end of their ids is drawn."""
    for place in ("one", "two"):
        (tmp_path / place).mkdir()
        assert run("init", "tea", "--quiet", cwd=tmp_path / place).stderr == ""
    one, two = (manifest_of(tmp_path / place / "tea")["id"] for place in ("one", "two"))
    assert one != two
    for identity in (one, two, f"tea-{random_suffix()}"):
        assert re.fullmatch("tea-[a-z0-9]{6}", identity)


# ------------------------------------------------------------------ names


@pytest.mark.parametrize(
    ("folder", "identity", "name", "tag_root"),
    [
        ("tea", "tea", "Tea", "Tea"),
        ("tea-and_bread", "tea-and-bread", "Tea and bread", "Tea-and-bread"),
        ("Tea & Bread", "tea-bread", "Tea & Bread", "Tea-Bread"),
        ("Ärzte für Tee", "arzte-fur-tee", "Ärzte für Tee", "Ärzte-für-Tee"),
        ("A\u0308rzte", "arzte", "Ärzte", "Ärzte"),
        ("漢字", "deck", "漢字", "漢字"),
        ("שלום", "deck", "שלום", "שלום"),
        ("--", "deck", "My deck", "My-deck"),
        ("default", "default", "My deck", "My-deck"),
        ("a.b", "a-b", "A.b", "A-b"),
        ("x" * 100, "x" * 57, "X" + "x" * 99, "X" + "x" * 39),
        ("y" * 56 + " z", "y" * 56, "Y" + "y" * 55 + " z", "Y" + "y" * 39),
    ],
)
def test_names_come_from_the_folder(
    folder: str, identity: str, name: str, tag_root: str, tmp_path: Path
) -> None:
    """The id is a slug, the name as people write it, and the deck is without fault."""
    deck = init_deck(tmp_path / folder, suffix=SUFFIX)
    assert (deck.id, deck.name) == (f"{identity}-{SUFFIX}", name)
    manifest = manifest_of(tmp_path / folder)
    assert (manifest["id"], manifest["name"]) == (deck.id, name)
    assert manifest["tag_root"] == tag_root
    assert compile_deck(read_deck(tmp_path / folder / "source")).diagnostics == ()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
@pytest.mark.parametrize(
    ("folder", "name"),
    [(b"caf\xe9 noir", "Caf noir"), (b'a"b', "My deck"), (b"a\x1bb", "My deck"), (b"a\\b", "A\\b")],
)
def test_a_folder_of_an_odd_name(folder: bytes, name: str, tmp_path: Path) -> None:
    """Bytes that are no text, quotes, control characters and backslashes do no harm."""
    path = tmp_path / os.fsdecode(folder)
    try:
        path.mkdir()
    except OSError:
        pytest.skip("this file system has no such names")
    assert init_deck(path, suffix=SUFFIX).name == name
    assert manifest_of(path)["name"] == name
    assert compile_deck(read_deck(path / "source")).package is not None


@pytest.mark.parametrize(
    "name", ["Kitchen::Tea", "C:\\Tea", "Tee für zwei", "'Tea' #1", "@ID@ @TAG_ROOT@"]
)
def test_a_name_can_be_given(name: str, tmp_path: Path) -> None:
    """What Anki keeps as written stands in deck.toml as it is given."""
    done = run("init", "tea", "--name", name, cwd=tmp_path)
    assert done.returncode == 0
    assert f"The deck {name} has" in done.stderr
    assert manifest_of(tmp_path / "tea")["name"] == name
    assert compile_deck(read_deck(tmp_path / "tea" / "source")).diagnostics == ()


@pytest.mark.parametrize("name", ["", " ", "a::", "a:: b", 'the "tea"', "default", "a\nb", "a\x1b"])
def test_a_wrong_name_is_refused(name: str, tmp_path: Path) -> None:
    """What Anki would make another name of is wrong use; exit 2, and nothing is made."""
    done = run("init", "tea", "--name", name, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"--name must be {name_problem(name)}" in done.stderr
    assert list(tmp_path.iterdir()) == []
    if name:
        with pytest.raises(ValueError, match=re.escape(f"the name must be {name_problem(name)}")):
            init_deck(tmp_path / "tea", suffix=SUFFIX, name=name)


# ------------------------------------------------------------------ where it is made


def test_a_deck_in_the_folder_where_one_is(tmp_path: Path) -> None:
    """`.` is a folder like others: it gives the name, and what else is in it stays."""
    here = tmp_path / "green tea"
    (here / "source").mkdir(parents=True)
    (here / "README.md").write_text("mine", encoding="utf-8")
    done = run("init", ".", cwd=here)
    assert done.returncode == 0
    assert "cd " not in done.stderr
    assert manifest_of(here)["name"] == "Green tea"
    assert set(files_in(here)) == {*FILES, "README.md"}
    assert (here / "README.md").read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("file", FILES)
def test_a_file_that_is_there_is_kept(file: str, tmp_path: Path) -> None:
    """One line names it; exit 2; and no other file is written."""
    path = tmp_path / "tea" / file
    path.parent.mkdir(parents=True)
    path.write_text("mine", encoding="utf-8")
    done = run("init", "tea", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(rf"error: tea: {re.escape(file)}: there already, .*\n", done.stderr)
    assert files_in(tmp_path) == {f"tea/{file}": b"mine"}


def test_all_files_that_are_there_are_named(tmp_path: Path) -> None:
    """A second deck in one folder is refused, with every file that it would write over."""
    init_deck(tmp_path, suffix=SUFFIX)
    before = files_in(tmp_path)
    with pytest.raises(InitError, match=re.escape(": " + ", ".join(FILES) + ": there already")):
        init_deck(tmp_path, suffix="another")
    assert files_in(tmp_path) == before


def test_a_link_to_nothing_is_a_file_that_is_there(tmp_path: Path) -> None:
    """What a link would lead to is not written either."""
    try:
        (tmp_path / ".gitignore").symlink_to(tmp_path / "elsewhere")
    except OSError:
        pytest.skip("no links here")
    with pytest.raises(InitError, match="gitignore: there already"):
        init_deck(tmp_path, suffix=SUFFIX)
    assert [path.name for path in tmp_path.iterdir()] == [".gitignore"]


@pytest.mark.parametrize(("file", "said"), [("tea", "not a folder"), ("tea/source", "tea/source")])
def test_a_file_in_the_place_of_a_folder(file: str, said: str, tmp_path: Path) -> None:
    """It stays as it is, nothing is made, and a line says so; exit 2."""
    path = tmp_path / file
    path.parent.mkdir(exist_ok=True)
    path.write_text("mine", encoding="utf-8")
    done = run("init", "tea", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr.replace(os.sep, "/")
    assert done.stderr.count("\n") == 1
    assert files_in(tmp_path) == {file: b"mine"}


def test_no_folder_is_wrong_use(tmp_path: Path) -> None:
    """An empty name is no name of a folder."""
    done = run("init", "", cwd=tmp_path)
    assert done.returncode == 2
    assert "DIR names no folder" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("fault", [OSError(28, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("count", range(1, len(FILES) + 1))
def test_all_or_nothing(
    fault: BaseException, count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If any file cannot be written, those before it go again, with the folders made for them."""
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "mine.md").write_text("mine", encoding="utf-8")
    before = files_in(tmp_path)
    written = 0

    def fail(self: Path, mode: str = "r", **options: Any) -> Any:
        nonlocal written
        stream = whole(self, mode, **options)
        written += mode == "xb"
        if written == count:
            stream.write(b"half of ")
            monkeypatch.setattr(stream, "write", broken)
        return stream

    def broken(content: bytes) -> None:
        raise fault

    whole = Path.open
    monkeypatch.setattr(Path, "open", fail)
    with pytest.raises(type(fault)):
        init_deck(tmp_path, suffix=SUFFIX)
    monkeypatch.undo()
    assert files_in(tmp_path) == before
