"""The public names: few, documented, typed, and imported only when they are used."""

from __future__ import annotations

import ast
import builtins
import inspect
import re
import subprocess
import sys
import typing
from pathlib import Path

import pytest
from command_helper import environment
from deck_helper import DECK_TOML, PEER_PNG

import crss_deck
from crss_deck.difference import compare_paths
from crss_deck.fix import fix_deck
from crss_deck.preview import write_preview
from crss_deck.release import release_deck

PACKAGE = Path(crss_deck.__file__).parent
PUBLIC = sorted(set(crss_deck.__all__) - {"__version__"})


def test_all_is_sorted_and_whole() -> None:
    """`__all__` names each public name once, and `dir` shows just these."""
    assert len(set(crss_deck.__all__)) == len(crss_deck.__all__)
    assert dir(crss_deck) == sorted(crss_deck.__all__)
    assert set(crss_deck._HOMES) == set(PUBLIC)


def test_star_import() -> None:
    """`from crss_deck import *` works, and brings every public name."""
    names: dict[str, object] = {}
    exec("from crss_deck import *", names)
    assert set(crss_deck.__all__) <= set(names)


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_name_is_documented(name: str) -> None:
    """Every public class and function says what it is for; so do its own public methods."""
    value = getattr(crss_deck, name)
    if name == "RULES":
        assert all(rule.summary for rule in value.values())
        return
    assert (inspect.getdoc(value) or "").strip().endswith(".")
    if inspect.isclass(value):
        for method_name, method in vars(value).items():
            if not method_name.startswith("_") and inspect.isroutine(method):
                assert method.__doc__, f"{name}.{method_name}"


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_name_has_the_home_it_says(name: str) -> None:
    """A name is the very object of its module, so that an isinstance check never fails."""
    value = getattr(crss_deck, name)
    if hasattr(value, "__module__"):
        assert value.__module__ == f"crss_deck.{crss_deck._HOMES[name]}"


@pytest.mark.parametrize(
    "name", [name for name in PUBLIC if inspect.isfunction(getattr(crss_deck, name))]
)
def test_a_public_function_is_typed(name: str) -> None:
    """Every argument and result of a public function has a type."""
    function = getattr(crss_deck, name)
    parameters = set(inspect.signature(function).parameters)
    hints = inspect.get_annotations(function)
    assert set(hints) == {*parameters, "return"}


def test_the_package_is_marked_as_typed() -> None:
    """Type checkers read our annotations only if this file is there."""
    assert (PACKAGE / "py.typed").is_file()


def test_type_checkers_see_the_same_names() -> None:
    """The imports for type checkers, the table of homes and `__all__` name the same."""
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    imported = {
        alias.name: (node.module or "").removeprefix("crss_deck.")
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("crss_deck.")
        for alias in node.names
    }
    assert imported == crss_deck._HOMES


def test_an_unknown_name_is_an_attribute_error() -> None:
    """A misspelt name fails as it does in any module."""
    with pytest.raises(AttributeError, match=r"module 'crss_deck' has no attribute 'biuld_deck'"):
        _ = crss_deck.biuld_deck
    with pytest.raises(ImportError):
        exec("from crss_deck import biuld_deck", {})
    assert not hasattr(crss_deck, "__path_to_nowhere__")


def test_importing_the_package_imports_nothing_else() -> None:
    """`import crss_deck` alone imports none of our modules and nothing that we depend on."""
    script = (
        "import sys; before = set(sys.modules); import crss_deck; crss_deck.__version__;"
        " print(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    names = done.stdout.split()
    assert [name for name in names if name.startswith("crss_deck")] == ["crss_deck"]
    assert not {"markdown_it", "genanki", "yaml", "click", "sqlite3"} & set(names)


@pytest.mark.parametrize("name", PUBLIC)
def test_a_name_is_enough_to_import(name: str) -> None:
    """Each name can be the first that a program imports: no module needs another's import first."""
    done = subprocess.run(
        [sys.executable, "-c", f"from crss_deck import {name}"],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_example_of_the_package_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The docstring of the package is a program that compiles a deck and prints what was found."""
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "deck.toml").write_text(DECK_TOML, encoding="utf-8")
    (tmp_path / "source" / "notes.md").write_text("Q: a\n\nA: b\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    doc = inspect.cleandoc(crss_deck.__doc__ or "")
    example = [line[4:] for line in doc.split("\n") if line.startswith("    ") or not line]
    exec("\n".join(example), {})
    assert capsys.readouterr().out.startswith("source/notes.md:1:1: warning[missing-id] ")
    assert len(crss_deck.read_apkg(tmp_path / "build" / "deck.apkg").notes) == 1


def test_a_deck_from_memory() -> None:
    """A folder may be made of texts and bytes; what it compiles to does not touch the disk."""
    folder = crss_deck.SourceFolder.of(
        {
            "deck.toml": DECK_TOML,
            "a/notes.md": "Q: ![x](x.png)\n\nA: b\n<!-- id: x -->\n",
            "a/x.png": PEER_PNG,
            "_hidden/no.md": "Q: no",
            ".git/no.md": "Q: no",
        },
        shown="shown/",
    )
    result = crss_deck.compile_deck(folder, clock=100)
    assert result.diagnostics == ()
    assert result.package is not None
    assert [note.modified for note in result.package.notes] == [99]
    assert list(folder.texts) == ["a/notes.md", "deck.toml"]
    assert folder.texts["a/notes.md"].path == "shown/a/notes.md"


def test_compile_deck_returns_all_findings_and_no_package() -> None:
    """Errors are returned, never raised; `errors` are those that stop the package."""
    folder = crss_deck.SourceFolder.of(
        {"deck.toml": DECK_TOML, "b.md": "Q: a\n", "a.md": "Q: x\n\nA: y\n\nA: {{c1::z\n"}
        | {"c.md": "Q: a draft\n\nA: z\n"}
    )
    result = crss_deck.compile_deck(folder)
    assert result.package is None
    assert [d.source.path for d in result.errors] == sorted(d.source.path for d in result.errors)
    assert {"duplicate-label", "unclosed-cloze", "question-without-answer"} <= {
        d.rule.name for d in result.errors
    }
    assert set(result.errors) < set(result.diagnostics)


def test_build_deck_raises_its_findings(tmp_path: Path) -> None:
    """`build_deck` raises DeckError with every finding, and makes no folder."""
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "deck.toml").write_text(DECK_TOML, encoding="utf-8")
    with pytest.raises(crss_deck.DeckError) as caught:
        crss_deck.build_deck(tmp_path / "source", tmp_path / "build")
    assert [d.rule.name for d in caught.value.diagnostics] == ["deck-without-notes"]
    assert not (tmp_path / "build").exists()


def test_errors_are_of_the_kinds_that_programs_expect() -> None:
    """What is wrong with files is an OSError, with bytes a ValueError; a faulty deck is neither."""
    assert issubclass(crss_deck.SourceFolderError, OSError)
    assert issubclass(crss_deck.OutputFolderError, OSError)
    assert issubclass(crss_deck.PackageError, ValueError)
    assert issubclass(crss_deck.ClockError, ValueError)
    for refusal in (crss_deck.DeckError, crss_deck.NotReleasedError):
        assert not issubclass(refusal, (OSError, ValueError))


@pytest.mark.parametrize(
    "name", [name for name in PUBLIC if inspect.isfunction(getattr(crss_deck, name))]
)
def test_what_a_public_function_raises_is_public(name: str) -> None:
    """A program can catch by its name whatever the function is said to raise."""
    raised = re.findall(r"\b[A-Z]\w+Error\b", getattr(crss_deck, name).__doc__)
    assert all(hasattr(builtins, each) or each in PUBLIC for each in raised)


def test_what_a_finding_holds_is_public() -> None:
    """Its place, other places, and the change that would mend it have types with names."""
    fields = typing.get_type_hints(crss_deck.Diagnostic).values()
    parts = {part for field in fields for part in (field, *typing.get_args(field))}
    ours = {part for part in parts if getattr(part, "__module__", "").startswith("crss_deck.")}
    assert {part.__name__ for part in ours} == {"Rule", "Source", "Span", "Related", "Edit"}
    assert all(getattr(crss_deck, part.__name__) is part for part in ours)


def test_a_build_raises_what_it_says(tmp_path: Path) -> None:
    """A draft where none is wanted, a clock that is behind, and a file that is no package."""
    deck = tmp_path / "source"
    deck.mkdir()
    (deck / "deck.toml").write_text(DECK_TOML, encoding="utf-8")
    (deck / "notes.md").write_text("Q: a\n\nA: b\n<!-- id: x -->\n", encoding="utf-8")
    output = tmp_path / "build"
    with pytest.raises(crss_deck.NotReleasedError):
        crss_deck.build_deck(deck, output, locked=True)
    with pytest.raises(crss_deck.PackageError):
        crss_deck.build_deck(deck, output, after=[deck / "notes.md"])
    release_deck(deck, clock=1_600_000_000)
    (deck / "notes.md").write_text("Q: a\n\nA: c\n<!-- id: x -->\n", encoding="utf-8")
    for use in (crss_deck.build_deck, write_preview):
        with pytest.raises(crss_deck.ClockError):
            use(deck, tmp_path / "x.html", clock=1_600_000_000)
    with pytest.raises(crss_deck.ClockError):
        fix_deck(deck, clock=1_600_000_000)
    with pytest.raises(crss_deck.ClockError):
        compare_paths(deck, deck, clock=1_600_000_000)
    assert not output.exists()


def test_rules_have_names_that_name_faults() -> None:
    """Rules are kebab-case, known by their own names, and say in one line what they find."""
    for name, rule in crss_deck.RULES.items():
        assert rule.name == name
        assert name == name.lower().replace(" ", "-").replace("_", "-")
        assert rule.summary[0].islower() or rule.summary.startswith("deck.toml")
        assert not rule.summary.endswith(".")
        assert "\n" not in rule.summary


def test_results_cannot_be_changed() -> None:
    """What the library returns are values: nothing a program does to one changes another."""
    result = crss_deck.compile_deck(
        crss_deck.SourceFolder.of(
            {"deck.toml": DECK_TOML, "n.md": "Q: a\n\nA: b\n<!-- id: x -->\n"}
        )
    )
    assert result.package is not None
    values: list[typing.Any] = [result, result.deck, result.package, result.package.notes[0]]
    for value in values:
        with pytest.raises(AttributeError):
            setattr(value, value._fields[0], None)


def test_two_parsers_are_refused() -> None:
    """A second process knows no parser of the caller's."""
    folder = crss_deck.SourceFolder.of({"deck.toml": ""})
    with pytest.raises(ValueError, match="no other parser"):
        crss_deck.compile_deck(folder, parse=lambda *_: None, parallel=True)  # type: ignore[arg-type]
