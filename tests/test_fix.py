"""`check --fix`: it writes what it can know, keeps every other byte, and says what it leaves."""

# ruff: noqa: E501  # tables of inputs, one a line
from __future__ import annotations

import os
from pathlib import Path

import pytest
from command_helper import CLOCK, run
from deck_helper import DECK_TOML, JUDGED_TOML
from hypothesis import given
from hypothesis import strategies as st

from crss_deck import SourceFolder, compile_deck
from crss_deck.compiler import Compilation
from crss_deck.diagnostics import MISSING_ID
from crss_deck.fix import fix_deck

NOTE = "Q: a\n\nA: b\n"
WITH_ID = NOTE + "<!-- id: a -->\n"


@pytest.fixture
def deck(tmp_path: Path) -> Path:
    """A source folder with a manifest and no notes."""
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "deck.toml").write_text(DECK_TOML, encoding="utf-8")
    return tmp_path / "source"


def fixed(deck: Path, notes: bytes) -> bytes:
    """What `--fix` makes of a notes file."""
    (deck / "notes.md").write_bytes(notes)
    fix_deck(deck, clock=CLOCK)
    return (deck / "notes.md").read_bytes()


def compiled(notes: str) -> Compilation:
    """What a notes file compiles to."""
    return compile_deck(SourceFolder.of({"deck.toml": DECK_TOML, "n.md": notes}), clock=CLOCK)


# ------------------------------------------------------------------ what is written

# fmt: off
WRITTEN = {
    "an id": (NOTE, WITH_ID),
    "an id at the end of the file": ("Q: a\n\nA: b", "Q: a\n\nA: b\n<!-- id: a -->"),
    "an id for each": ("Q: a\n\nA: b\n\nQ: c\n\nA: d\n", "Q: a\n\nA: b\n<!-- id: a -->\n\nQ: c\n\nA: d\n<!-- id: c -->\n"),
    "ids that differ": ("Q: a\n\nA: b\n\nQ: a\n\nA: d\n", "Q: a\n\nA: b\n<!-- id: a -->\n\nQ: a\n\nA: d\n<!-- id: a-2 -->\n"),
    "an id no other note has": (f"{NOTE}\nQ: c\n\nA: d\n<!-- id: a -->\n", f"{NOTE}<!-- id: a-2 -->\n\nQ: c\n\nA: d\n<!-- id: a -->\n"),
    "an id in the comment there is": (NOTE + "<!-- tags: x -->\n", NOTE + "<!-- id: a; tags: x -->\n"),
    "an id in a comment of lines": (NOTE + "<!--\ntags: x\n-->\n", NOTE + "<!--\nid: a; tags: x\n-->\n"),
    "an id above another comment": (NOTE + "\n<!-- a thought -->\n", NOTE + "<!-- id: a -->\n\n<!-- a thought -->\n"),
    "an id under a list": ("Q: a\n\nA:\n- x\n- y\n", "Q: a\n\nA:\n- x\n- y\n<!-- id: a -->\n"),
    "an id under a quote": ("Q: a\n\nA:\n> x\n", "Q: a\n\nA:\n> x\n<!-- id: a -->\n"),
    "an id under a table": ("Q: a\n\nA:\n\n| a |\n|---|\n| x |\n# H\n", "Q: a\n\nA:\n\n| a |\n|---|\n| x |\n<!-- id: a -->\n# H\n"),
    "an id under a fence": ("Q: a\n\nA:\n\n```\nx\n```\n", "Q: a\n\nA:\n\n```\nx\n```\n<!-- id: a -->\n"),
    "an id under math": ("Q: a\n\nA:\n\n$$\nx\n$$\n", "Q: a\n\nA:\n\n$$\nx\n$$\n<!-- id: a -->\n"),
    "an id above a break": (NOTE + "***\nmore\n", WITH_ID + "***\nmore\n"),
    "cloze numbers": ("{{a}} {{b::h}}\n<!-- id: x -->\n", "{{c1::a}} {{c2::b::h}}\n<!-- id: x -->\n"),
    "numbers never used": ("{{a}} {{c2::d}} {{b}}\n<!-- id: x -->\n", "{{c3::a}} {{c2::d}} {{c4::b}}\n<!-- id: x -->\n"),
    "numbers in a table": ("| a |\n|---|\n| {{x\\|y}} |\n<!-- id: x -->\n", "| a |\n|---|\n| {{c1::x\\|y}} |\n<!-- id: x -->\n"),
    "numbers in a list": ("- {{a}}\n- {{b}}\n<!-- id: x -->\n", "- {{c1::a}}\n- {{c2::b}}\n<!-- id: x -->\n"),
    "the c of a number": ("{{1::a}} {{2::b}}\n<!-- id: x -->\n", "{{c1::a}} {{c2::b}}\n<!-- id: x -->\n"),
    "labels": ("q: a\n\nAnswer: b\n\nHnit: c\n<!-- id: x -->\n", "Q: a\n\nA: b\n\nHint: c\n<!-- id: x -->\n"),
    "keys": ("---\ntgas: [a]\n---\n" + NOTE + "<!-- ID: a; tag: x; revresed -->\n", "---\ntags: [a]\n---\n" + NOTE + "<!-- id: a; tags: x; reversed -->\n"),
    "CR LF": ("Q: a\r\n\r\nA: b\r\n", "Q: a\r\n\r\nA: b\r\n<!-- id: a -->\r\n"),
    "CR": ("Q: a\r\rA: b\r", "Q: a\r\rA: b\r<!-- id: a -->\r"),
    "a BOM": ("\ufeff" + NOTE, "\ufeff" + WITH_ID),
    "NFD": ("Q: cafe\u0301 {{x\\}}\n\nA: b\n".replace(" {{x\\}}", ""), "Q: cafe\u0301\n\nA: b\n<!-- id: cafe -->\n"),
    "blank lines": (NOTE + "\n\n\nQ: c  \n\nA: d\n\n\n", WITH_ID + "\n\n\nQ: c  \n\nA: d\n<!-- id: c -->\n\n\n"),
}
LEFT = {
    "a bad id": NOTE + "<!-- tags: x; id: Bad Key -->\n",
    "an empty id": NOTE + "<!-- tags: x; id: -->\n",
    "metadata out of place": "Q: x\n\nA: y\n   <!-- id: a -->\n",
    "a cloze without an end": "{{a\n",
    "a cloze in a question": "Q: {{a}}\n\nA: b\n<!-- id: a -->\n",
    "a cloze of nothing": "{{::a}} {{a::}}\n",
    "no number left": "{{c499::a}} {{b}}\n<!-- id: a -->\n",
    "a missing id that is allowed": NOTE + "<!-- allow: missing-id (a draft) -->\n",
    "a good note": WITH_ID,
}
FUZZED = {
    "a hint without an answer, in a list": ("- a {{::b}}\n- {{c}}\n", "- a {{::b}}\n- {{c1::c}}\n"),
    "a label inside a link": ("Q: a [a\nQ:word](x)\n\nA: b\n<!-- id: a -->\n", "Q: a [a\nQ:word](x)\n\nA: b\n<!-- id: a -->\n"),
    "near misses in prose": ("# H\n\nHint : a\n\nHunt: b\n", "# H\n\nHint : a\n\nHunt: b\n"),
    "braces in braces": ("{{std::vector{{ Q}}\n", "{{std::vector{{c1:: Q}}\n"),
    "a cloze in an unnumbered one": ("{{a {{b}} c}}\n", "{{a {{c1::b}} c}}\n"),
}
"""Finds of fuzz/fuzz.py: proposals that together would have brought another fault."""
# fmt: on


@pytest.mark.parametrize("name", WRITTEN)
def test_it_writes(name: str, deck: Path) -> None:
    """Just the change expected, and after it nothing that can be fixed, nor any error."""
    before, after = WRITTEN[name]
    assert fixed(deck, before.encode()).decode() == after
    left = fix_deck(deck, clock=CLOCK)
    assert left.changes == ()
    assert not left.compilation.errors
    assert not [d for d in left.compilation.diagnostics if d.rule is MISSING_ID]


@pytest.mark.parametrize("name", LEFT)
def test_it_leaves(name: str, deck: Path) -> None:
    """Where a decision of the author is needed, the file stays as it is, to the byte."""
    assert fixed(deck, LEFT[name].encode()).decode() == LEFT[name]


@pytest.mark.parametrize("name", FUZZED)
def test_a_find_of_fuzzing(name: str, deck: Path) -> None:
    """It changes what is certain, brings no new fault, and refuses nothing."""
    before, after = FUZZED[name]
    (deck / "notes.md").write_text(before, encoding="utf-8")
    faults = {d.rule.name for d in compiled(before).errors}
    result = fix_deck(deck, clock=CLOCK)
    assert result.refused == ()
    assert (deck / "notes.md").read_text(encoding="utf-8") == after
    assert {d.rule.name for d in result.compilation.errors} <= faults
    assert fix_deck(deck, clock=CLOCK).changes == ()


def test_deck_toml_is_fixed_too(deck: Path) -> None:
    """A misspelt key is mended; comments and order stay."""
    (deck / "notes.md").write_text(WITH_ID, encoding="utf-8")
    manifest = deck / "deck.toml"
    manifest.write_text(DECK_TOML + '# langauge\nlangauge = "en"  # mine\n', encoding="utf-8")
    fix_deck(deck, clock=CLOCK)
    assert manifest.read_text(encoding="utf-8") == (
        DECK_TOML + '# langauge\nlanguage = "en"  # mine\n'
    )


def test_several_files(deck: Path) -> None:
    """Ids differ over all files; a file without faults is not written."""
    (deck / "a.md").write_text(NOTE, encoding="utf-8")
    (deck / "b.md").write_text(NOTE, encoding="utf-8")
    (deck / "c.md").write_text("Q: c\n\nA: d\n<!-- id: c -->\n", encoding="utf-8")
    os.utime(deck / "c.md", (1, 1))
    result = fix_deck(deck, clock=CLOCK)
    assert [change.path.name for change in result.changes] == ["a.md", "b.md"]
    assert (deck / "b.md").read_text(encoding="utf-8").endswith("<!-- id: a-2 -->\n")
    assert (deck / "c.md").stat().st_mtime == 1


@pytest.mark.skipif(os.name == "nt", reason="modes of POSIX")
def test_no_litter_stays(deck: Path) -> None:
    """Nothing but the notes file is in the folder afterwards."""
    fixed(deck, NOTE.encode())
    assert sorted(path.name for path in deck.iterdir()) == ["deck.toml", "notes.md"]


# ------------------------------------------------------------------ the command


def test_the_command_tells_what_it_did(deck: Path) -> None:
    """How much was fixed and what is left, with its place after the change."""
    (deck / "notes.md").write_text("Q: a\n\nA: b\n\nHnit: c\n\n---\n\n{{x\n", encoding="utf-8")
    done = run("check", "source", "--fix", "--output-format", "concise", cwd=deck.parent)
    assert done.returncode == 1
    assert done.stdout.startswith("source/notes.md:")
    assert "[literal-braces]" in done.stdout
    assert "fixed " in done.stderr
    assert "what is left needs a decision of yours" in done.stderr


def test_diff_writes_nothing(deck: Path) -> None:
    """`--diff` shows a patch on stdout, says by exit 1 that there is one, and leaves the file."""
    (deck / "notes.md").write_text(NOTE, encoding="utf-8")
    done = run("check", "source", "--fix", "--diff", cwd=deck.parent)
    assert done.stdout.splitlines() == [
        "--- a/source/notes.md",
        "+++ b/source/notes.md",
        "@@ -1,3 +1,4 @@",
        " Q: a",
        " ",
        " A: b",
        "+<!-- id: a -->",
    ]
    assert done.returncode == 1
    assert (deck / "notes.md").read_text(encoding="utf-8") == NOTE
    assert run("check", "source", "--fix", cwd=deck.parent).returncode == 0
    done = run("check", "source", "--fix", "--diff", cwd=deck.parent)
    assert (done.returncode, done.stdout) == (0, "")


def test_diff_alone_is_a_misuse(deck: Path) -> None:
    """`--diff` without `--fix` is no command line."""
    assert run("check", "source", "--diff", cwd=deck.parent).returncode == 2


# ------------------------------------------------------------------ properties

_PIECES = st.sampled_from(
    ["Q: a", "A: b", "C: {{c1::x}}", "{{y}} and {{c2::z}}", "Hnit: h", "Question: q", "prose", "# H",
     "- {{l}}\n- m", "<!-- tags: t -->", "<!-- tag: t -->", "<!-- a thought -->", "---", "Extra: e",
     "```\n{{no}}\n```", "> {{q}}", "{{open", "| a |\n|---|\n| {{t}} |", "<!-- id: a -->", "q: z"]
)  # fmt: skip
_files = st.lists(_PIECES, max_size=9).map(lambda pieces: "\n\n".join(pieces) + "\n")


def _fixed_in_memory(notes: str, folder: Path) -> str:
    (folder / "n.md").write_text(notes, encoding="utf-8")
    (folder / "deck.toml").write_text(DECK_TOML, encoding="utf-8")
    changes = fix_deck(folder, clock=CLOCK, write=False).changes
    return changes[0].after if changes else notes


@given(_files)
def test_fixing_twice_is_fixing_once(tmp_path_factory: pytest.TempPathFactory, notes: str) -> None:
    """After some rounds nothing changes any more, and no round brings an error of a new kind."""
    folder = tmp_path_factory.mktemp("fix")
    before, text = compiled(notes), notes
    for _ in range(4):
        after = _fixed_in_memory(text, folder)
        if after == text:
            break
        text = after
    assert _fixed_in_memory(text, folder) == text
    known = {d.rule.name for d in before.errors}
    assert {d.rule.name for d in compiled(text).errors} <= known


@given(st.lists(st.sampled_from(["Q: a\n\nA: b", "{{c1::x}} y", "Q: c\n\nA:\n- d"]), max_size=5))
def test_a_deck_that_only_lacks_ids_stays_the_same(
    tmp_path_factory: pytest.TempPathFactory, notes: list[str]
) -> None:
    """Drafts build under the ids that `--fix` writes, so all compiled notes stay as they are."""
    text = "\n\n---\n\n".join(notes) + "\n"
    before = compiled(text)
    after = compiled(_fixed_in_memory(text, tmp_path_factory.mktemp("fix")))
    assert (before.package is None) == (after.package is None) == (not notes)
    if before.package and after.package:
        assert before.package.notes == after.package.notes
    assert not [d for d in after.diagnostics if d.rule is MISSING_ID]


# ------------------------------------------------------------------ notes that are judged


@pytest.mark.parametrize(
    ("notes", "after"),
    [
        pytest.param(
            "Q: Is it far to the sea?\n\nA: Yes.\n",
            "Q: Is it far to the sea?\n\nA: Yes.\n<!-- id: is-it-far-to-the-sea -->\n",
            id="an id for a note that is no good one",
        ),
        pytest.param(
            "He swims {{because he wants to be as strong as a whale in the cold sea}}.\n<!-- id: a -->\n",
            "He swims {{c1::because he wants to be as strong as a whale in the cold sea}}.\n<!-- id: a -->\n",
            id="a number for a cloze that is too long",
        ),
    ],
)
def test_a_judgment_keeps_nobody_from_mending(deck: Path, notes: str, after: str) -> None:
    """What a card says is its author's decision; its form is mended all the same."""
    (deck / "deck.toml").write_text(JUDGED_TOML, encoding="utf-8")
    assert fixed(deck, notes.encode()).decode() == after
    result = fix_deck(deck, clock=CLOCK)
    assert {error.rule.judgment for error in result.compilation.errors} == {True}
