"""What `crss-deck explain` says is true: a bad example has just that fault, the good one none.

Examples of several files have a line `=== path` before the text of each: with `(hex)` behind the
path the text is bytes, with `(N bytes)` the file is that many zeros. `escaped` and `repeated` are
explained at the top of rules.md.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from deck_helper import MEDIA, findings
from markdown_it import MarkdownIt

import crss_deck
from crss_deck import compile_deck, read_deck
from crss_deck.diagnostics import RULES, Rule, Severity
from crss_deck.explain import Example, explanation, explanations
from crss_deck.folder import SourceFolder

MANIFEST = """\
format = 1
id = "example-deck"
name = "Example"
version = "1.0.0"
"""
NOTES = """\
Q: What is the largest ocean?

A: The Pacific.
<!-- id: largest-ocean -->
"""

_ESCAPE = re.compile(r"\\u([0-9a-f]{4})")
_REPEATED = re.compile(r"^(.*) ×([0-9]+)\n", re.MULTILINE)
_FILE = re.compile(r"=== (?P<path>\S+)(?: \((?:(?P<hex>hex)|(?P<size>[0-9]+) bytes)\))?\n")


def example_text(example: Example) -> str:
    """The text of an example, with the characters and lines that it only stands for."""
    text, marks = example.text, example.info.split()[1:]
    assert set(marks) <= {"escaped", "repeated"}
    if "escaped" in marks:
        text = _ESCAPE.sub(lambda match: chr(int(match.group(1), 16)), text)
    if "repeated" in marks:
        text = _REPEATED.sub(lambda match: f"{match.group(1)}\n" * int(match.group(2)), text)
    return text


def listed_files(listing: str) -> dict[str, bytes]:
    """The files that an example of several files lists, by path."""
    heads = list(_FILE.finditer(listing))
    ends = [*(head.start() for head in heads[1:]), len(listing)]
    assert heads and heads[0].start() == 0
    assert len(heads) == sum(line.startswith("=== ") for line in listing.split("\n"))
    files: dict[str, bytes] = {}
    for head, end in zip(heads, ends, strict=True):
        text = listing[head.end() : end]
        if head["hex"]:
            files[head["path"]] = bytes.fromhex(text)
        elif head["size"]:
            files[head["path"]] = bytes(int(head["size"]))
        else:
            files[head["path"]] = text.encode()
    assert len(files) == len(heads)
    return files


def example_deck(example: Example, rule: Rule, disk: Path) -> SourceFolder:
    """The deck of an example: what it does not give is as usual, and the rule is not off."""
    manifest = MANIFEST
    if rule.severity is Severity.INFO:
        manifest += f'\n[check]\nselect = ["{rule.name}"]\n'
    files = {"deck.toml": manifest.encode()}
    text = example_text(example)
    if example.language == "files":
        files |= listed_files(text)
    elif example.language == "toml":
        files |= {"deck.toml": text.encode(), "notes.md": NOTES.encode()}
    else:
        assert example.language == "markdown"
        files["notes.md"] = text.encode()
    if " bytes)\n" not in text:
        return SourceFolder.of({**MEDIA, **files})
    for path, content in files.items():  # only a file on disk can be too large to be read
        (disk / path).parent.mkdir(parents=True, exist_ok=True)
        (disk / path).write_bytes(content)
    return read_deck(disk)


@pytest.mark.parametrize("name", RULES)
def test_a_bad_example_has_just_that_fault(name: str, tmp_path: Path) -> None:
    """Neither another warning nor another error would distract from what is explained."""
    found = explanation(name)
    assert found.bad.info.split()[0] == "bad"
    result = compile_deck(example_deck(found.bad, found.rule, tmp_path))
    assert {diagnostic.rule.name for diagnostic in findings(result.diagnostics)} == {name}


@pytest.mark.parametrize("name", RULES)
def test_a_good_example_is_good(name: str, tmp_path: Path) -> None:
    """The same, mended, builds without a warning."""
    found = explanation(name)
    assert found.good.info.split()[0] == "good"
    assert found.good.language == found.bad.language
    assert found.good.text != found.bad.text
    result = compile_deck(example_deck(found.good, found.rule, tmp_path))
    assert findings(result.diagnostics) == []
    assert result.package is not None


def test_every_rule_has_one_section() -> None:
    """Each rule is explained once, in the order of the table, in a few words and two examples."""
    page = Path(crss_deck.__file__).with_name("rules.md").read_text(encoding="utf-8")
    sections: list[tuple[str, list[str]]] = []
    groups: list[str] = []
    tokens = MarkdownIt("commonmark").parse(page)
    for index, token in enumerate(tokens):
        if token.type == "heading_open" and token.tag == "h2":
            sections.append((tokens[index + 1].content, []))
        elif token.type == "heading_open":
            groups.append(tokens[index + 1].content)
        elif token.level == 0 and token.nesting >= 0 and sections:
            sections[-1][1].append(token.type)
    assert sections == [(name, ["paragraph_open", "fence", "fence"]) for name in RULES]
    assert [found.rule.name for found in explanations()] == list(RULES)
    assert all(found.why for found in explanations())
    assert list(dict.fromkeys(found.group for found in explanations())) == groups[1:]
