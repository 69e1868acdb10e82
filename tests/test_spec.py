"""The language, chapter by chapter: every case in spec/*.md compiles to what its block says.

A case is a heading of level 2 or 3 with a sentence that says the rule and its reason, and fences:
`markdown` (notes.md), `toml` (deck.toml), or any word and a path (that file), then `notes` or
`diagnostics`; both, if there are only warnings. Words behind `notes` ask for details: `guid`,
`type`, `deck`, `cards`. Without a `diagnostics` block there is neither error nor warning; one
with `info` behind it gives the infos too.
Invisible characters have the stand-ins of deck_helper. `CRSS_SPEC_UPDATE=1` rewrites what is
expected: read the difference as a change to the language, because it is one.
"""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest
from deck_helper import (
    DECK_TOML,
    JUDGED_TOML,
    describe,
    describe_package,
    findings,
    small_deck,
    with_invisible,
)
from markdown_it import MarkdownIt
from markdown_it.token import Token

from crss_deck import compile_deck, read_deck
from crss_deck.diagnostics import RULES

CHAPTERS = sorted((Path(__file__).parent / "spec").glob("*.md"))

NEED_BYTES = {"invalid-encoding", "file-too-large", "field-too-large", "large-media"}
"""Rules that no readable text in a chapter can break; the tests below do."""

JUDGED = ("18-card-quality", "19-claims", "20-wording")
"""The chapters whose cards are judged; in the others, the notes show a form, and ask nothing."""

NOTE = "Q: a\n\nA: b\n<!-- id: x -->\n"


class Case(NamedTuple):
    """One example: the files given, and the fences that say what comes of them."""

    chapter: Path
    line: int
    title: str
    explained: bool
    files: dict[str, str]
    expected: dict[str, Token]


def read_chapter(chapter: Path) -> list[Case]:
    """The cases of a chapter: headings of level 2 and 3 that have fences before the next."""
    tokens = MarkdownIt("commonmark").parse(chapter.read_text(encoding="utf-8"))
    starts = [index for index, token in enumerate(tokens) if token.type == "heading_open"]
    cases = []
    for start, end in pairwise([*starts, len(tokens)]):
        fences = [token for token in tokens[start:end] if token.type == "fence"]
        if not fences:
            continue
        files, expected = {}, {}
        for fence in fences:
            word, *names = fence.info.split()
            if word in ("notes", "diagnostics"):
                assert word not in expected, f"{chapter.name}: a second block {word}"
                expected[word] = fence
            else:
                path = names[0] if names else "deck.toml" if word == "toml" else "notes.md"
                files[path] = with_invisible(fence.content)
        explained = tokens[start + 3].type == "paragraph_open"
        line = (tokens[start].map or [0])[0] + 1
        title = tokens[start + 1].content
        cases.append(Case(chapter, line, title, explained, files, expected))
    return cases


CASES = [case for chapter in CHAPTERS for case in read_chapter(chapter)]


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, id=f"{case.chapter.stem}:{case.line}: {case.title}") for case in CASES],
)
def test_case(case: Case) -> None:
    """The files of a case compile to its notes, or are found to have its faults."""
    assert case.files and case.expected and case.explained
    manifest = JUDGED_TOML if case.chapter.stem in JUDGED else DECK_TOML
    result = compile_deck(small_deck({"deck.toml": manifest, **case.files}))
    wanted = case.expected.get("diagnostics")
    found = findings(result.diagnostics, infos=wanted is not None and "info" in wanted.info.split())
    got = {"diagnostics": "\n".join(map(describe, found))}
    if "notes" in case.expected:
        details = case.expected["notes"].info.split()[1:]
        got["notes"] = describe_package(result.package, details) if result.package else "no package"
    if os.environ.get("CRSS_SPEC_UPDATE") == "1":
        update(case, got)
    else:
        expected = {name: fence.content.rstrip("\n") for name, fence in case.expected.items()}
        assert got == {"diagnostics": "", **expected}


def update(case: Case, got: dict[str, str]) -> None:
    """Write what came of a case into its chapter."""
    lines = case.chapter.read_text(encoding="utf-8").split("\n")
    same = [other for other in read_chapter(case.chapter) if other.title == case.title]
    now = min(same, key=lambda other: abs(other.line - case.line))
    for name, fence in sorted(now.expected.items(), key=lambda item: -(item[1].map or [0])[0]):
        first, last = fence.map or (0, 0)
        lines[first + 1 : last - 1] = got[name].split("\n") if got[name] else []
    case.chapter.write_text("\n".join(lines), encoding="utf-8", newline="\n")


def test_every_rule_has_a_case() -> None:
    """Whatever the compiler can say is shown in a chapter."""
    shown = "\n".join(
        case.expected["diagnostics"].content for case in CASES if "diagnostics" in case.expected
    )
    missing = {name for name in RULES if f"[{name}]" not in shown}
    assert missing == NEED_BYTES


def test_bytes_that_are_no_text() -> None:
    """A file that is not UTF-8 is an error at its first bad byte."""
    folder = small_deck({"notes.md": NOTE, "bad.md": b"Line\nB\xe9b\n"})
    found = [describe(diagnostic) for diagnostic in findings(compile_deck(folder).diagnostics)]
    assert [line.partition("]")[0] for line in found] == ["bad.md:2:2 error[invalid-encoding"]


def test_a_file_too_large(tmp_path: Path) -> None:
    """A file beyond all measure is refused instead of read."""
    (tmp_path / "deck.toml").write_text(DECK_TOML, encoding="utf-8")
    (tmp_path / "notes.md").write_text(NOTE, encoding="utf-8")
    (tmp_path / "big.md").write_bytes(b"a " * 5_000_000)
    [found] = findings(compile_deck(read_deck(tmp_path)).diagnostics)
    assert (found.rule.name, found.span) == ("file-too-large", None)
    assert found.source.path.endswith("big.md")


def test_a_picture_too_large() -> None:
    """A picture of more pixels than a phone can show is a warning."""
    picture = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + (50_000).to_bytes(4, "big") * 2
    note = "Q: ![a wall](wall.png)\n\nA: b\n<!-- id: x -->\n"
    result = compile_deck(small_deck({"notes.md": note, "wall.png": picture}))
    found = [describe(diagnostic) for diagnostic in findings(result.diagnostics)]
    assert found == ['1:4 warning[large-media] "![a wall](wall.png)"']


def test_paths_are_ordered_as_nfc(tmp_path: Path) -> None:
    """A decomposed letter in a file name sorts like the composed one: é comes after f."""
    (tmp_path / "deck.toml").write_text(DECK_TOML, encoding="utf-8")
    for name, text in {"e\u0301.md": "second", "f.md": "first"}.items():
        note = f"Q: {text}\n\nA: b\n<!-- id: {text} -->\n"
        (tmp_path / name).write_text(note, encoding="utf-8")
    package = compile_deck(read_deck(tmp_path)).package
    assert package is not None
    assert [note.fields[0] for note in package.notes] == ["first", "second"]


@pytest.mark.parametrize(
    ("notes", "phrase"),
    [
        pytest.param("Q: a\n\nA: b\n\n{{c1::c}}", "open a cloze note with `C:`", id="stray cloze"),
        pytest.param("Q: a\n\nA: {{c1::b}}", "with its comment or `---`", id="stray in a field"),
        pytest.param("{{c1::a}}\n\nProse.\n<!-- id: x -->", "paragraph", id="prose ended the note"),
        pytest.param("{{c1::a}}\n\n# H\n<!-- id: x -->", "heading", id="a heading ended the note"),
        pytest.param("{{c1::a}}\n\n---\n<!-- id: x -->", "break", id="a break ended the note"),
        pytest.param("<!-- id: x -->\n\nQ: a\n\nA: b", "put it under its note", id="before a note"),
        pytest.param("{{c1::a}} <!-- id: x -->", "put it under its note", id="inline metadata"),
        pytest.param("{{c1::a}}\n<!-- claim: X -->", "`claims`", id="misspelt metadata"),
        pytest.param("{{a}} {{c3::b}} {{c1::c}}", "{{c4::a}}", id="the next number never used"),
        pytest.param("{{c1::a}} {{#b}}", r"\{{", id="the escape of braces"),
        pytest.param("{{c1::a}} b}}", r"\}}", id="the escape of closing braces"),
        pytest.param("---\ntag: [a]\n---\n{{c1::a}}", "`tags`", id="misspelt front matter"),
        pytest.param("**Q:** a\n\nA: b", "`Q: `", id="misspelt label"),
        pytest.param("A: b", "`Q:`", id="a label without a note"),
        pytest.param(r"{{c1::a}} \(x\)", "$", id="TeX parentheses"),
        pytest.param("{{c1::a}} ~b~", "~~", id="one tilde"),
        pytest.param(
            "{{c1::a}} ![b](media/Peer.png)", "`media/peer.png`", id="wrong case of media"
        ),
    ],
)
def test_help(notes: str, phrase: str) -> None:
    """What is said about an error names the cause, or shows what to type instead."""
    found = findings(compile_deck(small_deck({"notes.md": notes + "\n"})).diagnostics)
    errors = [f"{one.message}; {one.help}" for one in found if one.rule.severity == "error"]
    assert any(phrase in error for error in errors), errors


def test_unknown_key_of_deck_toml_is_suggested() -> None:
    """A misspelt key of deck.toml is an error with the key that was meant."""
    folder = small_deck({"deck.toml": DECK_TOML.replace("tag_root", "tagroot"), "notes.md": NOTE})
    [found] = findings(compile_deck(folder).diagnostics)
    assert "`tag_root`" in found.help


@pytest.mark.parametrize("tag", [f"{'a' * 99}::b", f"{'a' * 98}::b", f"{'a' * 99}.b", "a" * 101])
def test_a_tag_cut_short_is_a_tag(tag: str) -> None:
    """What is to be written in the place of one that is too long has no end that is none."""
    note = NOTE.replace("id: x", "id: x; tags: {}")
    (found,) = compile_deck(small_deck({"notes.md": note.format(tag)})).errors
    better = found.help.split()[1]
    assert tag.startswith(better) and len(better) >= 98
    assert findings(compile_deck(small_deck({"notes.md": note.format(better)})).diagnostics) == []


@pytest.mark.parametrize(
    ("language", "help"),
    [
        ("english", 'write language = "en"'),
        ("Deutsch", 'write language = "de"'),
        ("FRANÇAIS", 'write language = "fr"'),
        ("pt_BR", 'write language = "pt-BR"'),
        ("klingon", 'write a tag such as "en" or "pt-BR"'),
        ("en-", 'write a tag such as "en" or "pt-BR"'),
    ],
)
def test_a_language_is_no_name(language: str, help: str) -> None:
    """The tag of a language has two or three letters, and what is meant is said."""
    line = f'language = "{language}"\n'
    for path, text in {"deck.toml": "", "words.toml": 'wording = "words.toml"\n'}.items():
        files = {"deck.toml": DECK_TOML + text, "words.toml": "", "notes.md": NOTE}
        files[path] += line
        (found,) = compile_deck(small_deck(files)).errors
        assert (found.source.path, found.help) == (path, help)


@pytest.mark.parametrize("language", ["en", "nds", "zh-Hant-TW", "de-CH-1996", "es-419"])
def test_a_language_is_a_tag(language: str) -> None:
    """With its script, region and variants."""
    folder = small_deck({"deck.toml": f'{DECK_TOML}language = "{language}"\n', "notes.md": NOTE})
    assert findings(compile_deck(folder).diagnostics) == []


def test_a_field_that_no_card_can_show() -> None:
    """A field of more than 100 000 characters is an error at its label."""
    text = "Q: one\n\nA: " + "word " * 20_001 + "\n<!-- id: x -->\n"
    result = compile_deck(small_deck({"notes.md": text}))
    (found,) = findings(result.diagnostics)
    assert (found.rule.name, found.span and found.span.text) == ("field-too-large", "A:")
