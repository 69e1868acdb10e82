"""The tutorial and the recipes, followed to the letter by somebody with an empty folder."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import anki.collection  # must be the first module of Anki to be imported
import pytest
import yaml
from anki.decks import DeckId
from anki_helper import import_package, new_collection, visible_text
from deck_helper import PEER_PNG
from docs_helper import ROOT, Session, Step, fences, sections, session

import crss_deck
from crss_deck import build_deck, compile_deck, read_deck
from crss_deck.fix import fix_deck
from crss_deck.init import init_deck
from crss_deck.package import Package

TUTORIAL = ROOT / "docs" / "tutorial.md"
RECIPES = ROOT / "docs" / "recipes.md"
PROGRAM = ROOT / "docs" / "notes_from_table.py"

assert anki.collection

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="there is no git")


class Beginner(Session):
    """Somebody who follows a page, and has a deck with an id of its own."""

    SHOWN = "tea-x7k2p9"
    """The id that the pages show."""

    @property
    def id(self) -> str:
        """The id of the deck at hand."""
        path = self.here / "source" / "deck.toml"
        if not path.is_file():
            return self.SHOWN
        return str(tomllib.loads(path.read_text(encoding="utf-8"))["id"])

    def normal(self, text: str) -> str:
        """With the id that the pages show, and no digest of a draft."""
        return re.sub(r"draft\.[0-9a-f]{8}", "draft", text.replace(self.id, self.SHOWN))

    def run(self, command: list[str], status: int = 0) -> str:
        """Run a command, with the deck's own id in the place of the one that is shown."""
        return super().run([word.replace(self.SHOWN, self.id) for word in command], status)

    def happens(self, what: str) -> None:
        """Do what a comment of the page names."""
        match what:
            case "an empty folder":
                assert list(self.here.iterdir()) == []
            case "a new deck":
                init_deck(self.here, suffix="abc123", name="Tea")
            case "a released deck":
                self.happens("a new deck")
                self.run(["git", "init", "--quiet"])
                self.run(
                    ["git", "init", "--quiet", "--bare", str(self.root / "github" / "tea.git")]
                )
                self.releases("1.0.0")
            case "another release":
                self.changes(self.here / "source" / "01-first-notes.md", "three minutes", "a while")
                self.releases("1.0.1")
            case "the program is saved":
                shutil.copy(PROGRAM, self.here)
            case "notes.txt is exported from Anki":
                export_from_anki(self.root, self.here / "notes.txt")
            case "the picture is copied":
                (self.here / "source" / "media").mkdir()
                (self.here / "source" / "media" / "tea leaf.png").write_bytes(PEER_PNG)
            case _:
                super().happens(what)

    def releases(self, version: str) -> None:
        """Release, commit and tag."""
        tag = f"{self.id}-{version}"
        self.run(["crss-deck", "release"])
        self.run(["git", "add", "."])
        self.run(["git", "commit", "--quiet", "--message", f"Release {tag}"])
        self.run(["git", "tag", tag])


def export_from_anki(folder: Path, path: Path, more: bool = False) -> None:
    """A collection of three notes, as Anki exports it with the options of the recipe, or all."""
    picture = '<img src="tea leaf.png"> \\(x_1\\)'
    clozes = "<div>{{c1::Two}} and {{c2::two::a number}}</div><div>is 4.</div>"
    with new_collection(folder) as collection:
        for kind, fields, tags in (
            ("Basic", ["What is <b>tea</b>,<br>as a drink?", "A drink &amp; a plant."], "drinks"),
            ("Basic", ["Which leaf?", picture], "drinks plants::leaves"),
            ("Cloze", [clozes, "So."], ""),
        ):
            note_type = collection.models.by_name(kind)
            assert note_type is not None
            note = collection.new_note(note_type)
            note.fields[: len(fields)] = fields
            note.tags = tags.split()
            collection.add_note(note, DeckId(1))
        collection.export_note_csv(
            out_path=str(path),
            limit=None,
            with_html=True,
            with_tags=True,
            with_deck=more,
            with_notetype=more,
            with_guid=more,
        )


@needs_git
@pytest.mark.anki
def test_the_tutorial(tmp_path: Path) -> None:
    """One session from an empty folder to an update in Anki, with the output as it is shown."""
    steps = [step for section in sections(TUTORIAL).values() for step in section]
    assert [step.kind for step in steps].count("console") > 8
    beginner = Beginner(tmp_path)
    beginner.follows(steps)
    assert beginner.id != Beginner.SHOWN
    assert "nothing to commit, working tree clean" in beginner.run(["git", "status"])
    # What it shows of the last command is what that said.
    (shown,) = [each.text for each in fences(TUTORIAL, "text") if "no problem found" in each.text]
    packages = [f"build/{Beginner.SHOWN}-1.0.{n}.apkg" for n in (1, 0)]
    said = beginner.run(["crss-deck", "verify", packages[0], "--upgrade-from", packages[1]])
    assert said.endswith(shown)


def test_the_tutorial_shows_the_files_of_a_new_deck(tmp_path: Path) -> None:
    """The tree of files is the one that is made."""
    files = {Path(file).name for file in init_deck(tmp_path, suffix="abc123").files}
    (shown,) = [each.text for each in fences(TUTORIAL, "text") if each.text.startswith("tea/")]
    named = {Path(line.split()[0]).name for line in shown.splitlines()}
    assert files <= named
    assert named - files == {"tea", "source"}


@needs_git
@pytest.mark.parametrize("steps", [session(*each) for each in sections(RECIPES).items()])
def test_a_recipe(steps: list[Step], tmp_path: Path) -> None:
    """The commands of a recipe do what the page shows."""
    Beginner(tmp_path).follows(steps)


# ------------------------------------------------------------------ notes from a table


def program() -> ModuleType:
    """The program of the recipes."""
    spec = importlib.util.spec_from_file_location("notes_from_table", PROGRAM)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def package_of(notes: Path, folder: Path) -> Package:
    """The package of a deck with these notes alone."""
    init_deck(folder, suffix="abc123", name="Tea")
    (folder / "source" / "01-first-notes.md").write_bytes(notes.read_bytes())
    result = fix_deck(folder / "source").compilation
    assert result.package is not None, list(map(str, result.diagnostics))
    assert not [found for found in result.diagnostics if found.rule.severity == "error"]
    return result.package


PLAIN = [
    "plain",
    "*stars* **and** _lines_ and snake_case_names",
    "1. one",
    "12) twelve",
    "- a bullet",
    "+ a plus",
    "# a heading",
    "> a quote",
    "---",
    "```",
    "~~~",
    "~one~ ~~two~~",
    "`code` and ``more``",
    "[a](https://example.org) ![b](c.png) [[wiki]] [^1]",
    "[a]: https://example.org",
    "<b>bold</b> <!-- id: x --> <script>alert(1)</script>",
    "a < b > c & d &amp; &lt; &#123;",
    r"back\slash \( \[ \* \\",
    "it costs $5 and $6, or $x$ or $$y$$",
    "{{c1}} {{x}} {{{three}}} { } }} {{",
    "Q: a question? A: no",
    "Extra: more",
    "C++ std::vector and :: alone",
    "| a | b |",
    "two  blanks and\ttab",
    "https://example.org/a_b_c?x=1&y=2#z",
    "日本語 — “quotes” … é",
    '"quoted", with commas; and semicolons',
    "=equals",
    "[sound:x.mp3] %",
    "- [ ] task",
    "a\\",
    "trailing colon:",
]


@pytest.mark.anki
def test_a_spreadsheet_moves_as_it_is(tmp_path: Path) -> None:
    """Whatever stands in a cell, learners see just that; line breaks stay breaks."""
    rows = [("front", "back", "extra")]
    rows += [(f"{n}? {text}", text, text) for n, text in enumerate(PLAIN)]
    rows.append(("lines?", "one\n- two\n\nQ: three", ""))
    path = tmp_path / "table.csv"
    cells = (",".join('"' + c.replace('"', '""') + '"' for c in row) for row in rows)
    path.write_text("\n".join(cells), encoding="utf-8-sig")
    program().main(str(path), str(tmp_path / "notes.md"))
    package = package_of(tmp_path / "notes.md", tmp_path / "deck")
    notes = {note.fields[0].split("?")[0]: note for note in package.notes}
    for n, text in enumerate(PLAIN):
        front, back, _, extra, *_ = notes[str(n)].fields
        wanted = " ".join(text.split())
        seen = [" ".join(visible_text(f"<p>{field}</p>").split()) for field in (front, back, extra)]
        assert seen == [f"{n}? {wanted}", wanted, wanted]
    assert notes["lines"].fields[1] == "one<br>- two<br>Q: three"


def test_the_columns_of_a_spreadsheet(tmp_path: Path) -> None:
    """Every column becomes what it is called; semicolons and tabs are separators too."""
    for place, separator in enumerate(",;\t"):
        path = tmp_path / f"{place}.csv"
        head = ("Front", "back", "Extra", "hint", "accept", "source", "tags", "id")
        row = ("What is it?", "Tea", "More", "A drink", "Cha", "A book", "a/b c::d", "what-it-is")
        cloze = ("{{c1::Tea}} & *milk*", "Of \u2028 course", "1. yes", "", "", "", "", "")
        empty = ("",) * 8
        lines = [separator.join(each) for each in (head, row, empty, cloze)]
        path.write_text("\r\n".join(lines), encoding="utf-8", newline="")
        notes = tmp_path / f"{place}.md"
        program().main(str(path), str(notes))
        assert notes.read_text(encoding="utf-8") == (
            "Q: What is it?\n\nA: Tea\n\nExtra: More\n\nHint: A drink\n\nAccept: Cha\n\n"
            "Source: A book\n<!-- id: what-it-is; tags: a-b c::d -->\n\n"
            "C: {{c1::Tea}} & \\*milk\\*\n\nExtra: Of<br>course<br>1\\. yes\n"
        )
        package = package_of(notes, tmp_path / f"deck{place}")
        assert package.notes[0].tags == ("Tea::a-b", "Tea::c::d")


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.csv", "question,back\na,b\n", "and not question"),
        ("a.csv", "back\nb\n", "and not others"),
        ("a.csv", "front,back\na,b,c\n", "row 2 has more cells"),
        ("a.txt", "#separator:tab\n#html:false\na\tb\n", "with HTML"),
        ("a.txt", "#separator:comma\n#html:true\na,b\n", "with HTML"),
    ],
)
def test_a_table_of_another_kind_is_refused(
    name: str, text: str, said: str, tmp_path: Path
) -> None:
    """A line says why, and nothing is written."""
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(SystemExit, match=said):
        program().main(str(tmp_path / name), str(tmp_path / "notes.md"))
    assert not (tmp_path / "notes.md").exists()


def test_all_of_ankis_fields_move(tmp_path: Path) -> None:
    """Fields behind the second go into the explanation; a line that begins with # is text."""
    table = tmp_path / "notes.txt"
    head = "#separator:tab\n#html:true\n#tags column:5\n"
    rows = 'One\t"two\n#three"\t<sub>4</sub>\t[sound:a b.mp3]\tx\n"#a"\tb\t\t\t\n'
    table.write_text(head + rows, encoding="utf-8")
    program().main(str(table), str(tmp_path / "notes.md"))
    assert (tmp_path / "notes.md").read_text(encoding="utf-8") == (
        "Q: One\n\nA: two #three\n\nExtra: <sub>4</sub><br>![](media/a%20b.mp3)\n"
        "<!-- tags: x -->\n\nQ: \\#a\n\nA: b\n"
    )


@pytest.mark.parametrize(
    ("table", "notes", "said"),
    [
        ("words.csv", "mine.md", "mine.md is there already: remove it first, or give another name"),
        ("none.csv", "notes.md", "none.csv: No such file or directory"),
        ("words.csv", "none/notes.md", f"{Path('none/notes.md')}: No such file or directory"),
        ("old.csv", "notes.md", "old.csv is not in UTF-8: save the table as CSV UTF-8"),
        (
            "open.csv",
            "notes.md",
            "open.csv cannot be read as a table: field larger than field limit (131072)",
        ),
    ],
)
def test_files_that_cannot_be(table: str, notes: str, said: str, tmp_path: Path) -> None:
    """One line says what is wrong with a file, and no file is written, nor written over."""
    (tmp_path / "words.csv").write_text("front,back\na,b\n", encoding="utf-8")
    (tmp_path / "old.csv").write_text("front,back\na,té\n", encoding="cp1252")
    (tmp_path / "open.csv").write_text('front,back\na,"' + "b\n" * 70_000, encoding="utf-8")
    (tmp_path / "mine.md").write_text("mine", encoding="utf-8")
    command = [sys.executable, str(PROGRAM), table, notes]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"{said}\n")
    assert (tmp_path / "mine.md").read_text(encoding="utf-8") == "mine"
    assert not (tmp_path / "notes.md").exists()


@pytest.mark.anki
@pytest.mark.parametrize("more", [False, True])
def test_notes_of_anki_move(more: bool, tmp_path: Path) -> None:
    """Text, breaks, tags, clozes, formulas and pictures arrive in Anki again."""
    export_from_anki(tmp_path, tmp_path / "notes.txt", more)
    program().main(str(tmp_path / "notes.txt"), str(tmp_path / "notes.md"))
    deck = tmp_path / "deck"
    (deck / "source" / "media").mkdir(parents=True)
    (deck / "source" / "media" / "tea leaf.png").write_bytes(PEER_PNG)
    package_of(tmp_path / "notes.md", deck)
    built = build_deck(deck / "source", tmp_path / "build").path
    (tmp_path / "collection").mkdir()
    with new_collection(tmp_path / "collection") as collection:
        import_package(collection, built)
        seen = {
            tuple(visible_text(f"<p>{field}</p>") for field in note.fields[:4] if field)
            + tuple(note.tags)
            for note in map(collection.get_note, collection.find_notes(""))
        }
    assert seen == {
        ("What is tea, as a drink?", "A drink & a plant.", "Tea::drinks"),
        ("Which leaf?", "«tea leaf» ⟨x_1⟩", "Tea::drinks", "Tea::plants::leaves"),
        ("{{c1::Two}} and {{c2::two::a number}} is 4.", "So."),
    }


# ------------------------------------------------------------------ what the recipes install


def test_the_recipes_name_this_version() -> None:
    """What a recipe installs is the version that it was written for."""
    text = RECIPES.read_text(encoding="utf-8")
    named = re.findall(r"crss-deck==([0-9.]+[0-9])", text)
    assert len(named) == 2
    assert set(named) == {crss_deck.__version__}


def test_the_hook_of_the_recipe_is_ours() -> None:
    """The hook for pre-commit is the one that this repository offers, with its requirement."""
    (text,) = [each.text for each in fences(RECIPES, "yaml") if "repos:" in each.text]
    ((hook,),) = [each["hooks"] for each in yaml.safe_load(text)["repos"]]
    (ours,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    del hook["additional_dependencies"], ours["description"]
    assert hook == ours


def test_the_check_of_the_recipe_runs(tmp_path: Path) -> None:
    """The workflow for pull requests runs what a new deck passes."""
    (text,) = [each.text for each in fences(RECIPES, "yaml") if "jobs:" in each.text]
    workflow = yaml.safe_load(text)
    (job,) = workflow["jobs"].values()
    install, check = [step["run"] for step in job["steps"] if "run" in step]
    assert install == f"pip install crss-deck=={crss_deck.__version__}"
    init_deck(tmp_path, suffix="abc123")
    command = [sys.executable, "-m", "crss_deck", *check.split()[1:]]
    subprocess.run(command, cwd=tmp_path, check=True)
    assert compile_deck(read_deck(tmp_path / "source")).diagnostics == ()
