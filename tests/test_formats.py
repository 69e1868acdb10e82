"""How findings are printed: full, concise, json and github. How one finding looks: test_report.py.

Colours and terminals are in test_cli.py.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from command_helper import run
from deck_helper import DECK_TOML, small_deck
from hypothesis import given
from hypothesis import strategies as st

from crss_deck import compile_deck
from crss_deck.report import JSON_FORMAT, MANY, SHOWN_OF_MANY, as_json, full_report, github

PAGE = (Path(__file__).parents[1] / "docs" / "json.md").read_text(encoding="utf-8")
SCHEMA: dict[str, Any] = json.loads(PAGE.partition("```json\n")[2].partition("```")[0])

FAULTS = """\
Q: a <b>100%</b>, b: c?
A: d
<!-- id: one -->

Q: a?

A: b
<!-- id: two -->

Q: z?

A: y

Q: a?

A: {{c1::d
e}}
"""
"""An error, a fix, a related place, a note on style, and a finding over two lines."""
FORMATS = ["full", "concise", "json", "github"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a faulty deck."""
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "deck.toml").write_text(DECK_TOML, encoding="utf-8")
    (tmp_path / "source" / "notes.md").write_text(FAULTS, encoding="utf-8")
    return tmp_path


def rules(output_format: str, text: str) -> list[str]:
    """The rules of all findings in what was printed."""
    if output_format == "json":
        return [found["rule"] for found in json.loads(text)["diagnostics"]]
    pattern = {
        "full": r"(?m)^(?:error|warning|info)\[([a-z-]+)\]: ",
        "concise": r"(?m)^\S+: (?:error|warning|info)\[([a-z-]+)\] ",
        "github": r"(?m)^::(?:error|warning|notice) title=crss-deck \(([a-z-]+)\),",
    }[output_format]
    return re.findall(pattern, text)


# ------------------------------------------------------------------ all of them


@pytest.mark.parametrize("options", [[], ["-v"], ["-q"]])
def test_all_formats_show_the_same_findings(folder: Path, options: list[str]) -> None:
    """In one order, with one exit code; the summary is talk and goes to stderr."""
    shown = {}
    for output_format in FORMATS:
        done = run("check", "source", "--output-format", output_format, *options, cwd=folder)
        assert done.returncode == 1
        assert (done.stderr == "") == (options == ["-q"])
        shown[output_format] = rules(output_format, done.stdout)
    assert shown["full"] == shown["concise"] == shown["json"] == shown["github"]
    assert "raw-html" in shown["full"]
    assert ("run-on-labels" in shown["full"]) == (options == ["-v"])
    assert ("missing-id" in shown["full"]) == (options != ["-q"])


@pytest.mark.parametrize("output_format", ["concise", "json", "github"])
def test_formats_for_machines_have_no_colour(folder: Path, output_format: str) -> None:
    """Whatever --color says."""
    arguments = ["--output-format", output_format, "--color", "always"]
    assert "\x1b" not in run("check", "source", *arguments, cwd=folder).stdout


# ------------------------------------------------------------------ full


def faults(count: int) -> list[str]:
    """What the full format prints of so many faults of one rule."""
    notes = "".join(f"Q: {n}\n\nA:\n<!-- id: n{n} -->\n\n" for n in range(count))
    result = compile_deck(small_deck({"notes.md": notes}), clock=10**9)
    return list(full_report(result.errors))


def test_few_of_one_rule_are_all_shown() -> None:
    """One below the limit."""
    assert len(faults(MANY - 1)) == MANY - 1


@pytest.mark.parametrize("count", [MANY, MANY + 1, 200])
def test_many_of_one_rule_are_grouped(count: int) -> None:
    """The first few, then how many more there are and how to see them."""
    shown = faults(count)
    assert len(shown) == SHOWN_OF_MANY + 1
    assert shown[-1] == (
        f"error[empty-field]: {count - SHOWN_OF_MANY} more in notes.md"
        " (--output-format concise lists all)"
    )


def test_many_files_of_one_fault_are_grouped() -> None:
    """As when the folder of a deck holds what is none of it."""
    files = {f"{number}.txt": b"" for number in range(MANY + 7)}
    result = compile_deck(
        small_deck({"notes.md": "Q: a\n\nA: b\n<!-- id: a -->\n", **files}), clock=10**9
    )
    shown = list(full_report(result.diagnostics))
    assert sum("unused-file" in each for each in shown) == SHOWN_OF_MANY + 1
    assert shown[-1].startswith("warning[unused-file]: ")
    assert shown[-1].endswith("more (--output-format concise lists all)")


def test_machines_get_all_of_many(folder: Path) -> None:
    """Only the full format groups."""
    notes = "".join(f"Q: {n}\n\nA:\n<!-- id: n{n} -->\n\n" for n in range(MANY))
    (folder / "source" / "notes.md").write_text(notes, encoding="utf-8")
    for output_format in ("concise", "json", "github"):
        done = run("check", "source", "--output-format", output_format, cwd=folder)
        assert rules(output_format, done.stdout) == ["empty-field"] * MANY


# ------------------------------------------------------------------ json


def violations(value: Any, schema: dict[str, Any], at: str = "$") -> list[str]:
    """Where a value breaks a schema; only the keywords that docs/json.md uses are known."""
    if "$ref" in schema:
        return violations(value, SCHEMA["$defs"][schema["$ref"].removeprefix("#/$defs/")], at)
    if "anyOf" in schema:
        tries = [violations(value, each, at) for each in schema["anyOf"]]
        return [] if [] in tries else tries[-1]
    known = {"$schema", "$defs", "title", "type", "const", "enum", "minimum", "required"}
    known |= {"properties", "items", "dependentRequired"}
    assert set(schema) <= known
    found = []
    types: dict[str, type] = {
        "object": dict, "array": list, "string": str, "integer": int, "null": type(None),
    }  # fmt: skip
    if "type" in schema and not isinstance(value, types[schema["type"]]):
        return [f"{at}: no {schema['type']}"]
    if "const" in schema and value != schema["const"]:
        found.append(f"{at}: not {schema['const']}")
    if "enum" in schema and value not in schema["enum"]:
        found.append(f"{at}: none of {schema['enum']}")
    if "minimum" in schema and value < schema["minimum"]:
        found.append(f"{at}: too small")
    found += [f"{at}: lacks {name}" for name in schema.get("required", ()) if name not in value]
    for name, others in schema.get("dependentRequired", {}).items():
        if name in value:
            found += [f"{at}: lacks {other}" for other in others if other not in value]
    if "properties" in schema:
        found += [
            f"{at}: undocumented {name}" for name in value if name not in schema["properties"]
        ]
        for name, each in schema["properties"].items():
            if name in value:
                found += violations(value[name], each, f"{at}.{name}")
    for number, each in enumerate(value if "items" in schema else ()):
        found += violations(each, schema["items"], f"{at}[{number}]")
    return found


@pytest.mark.parametrize("notes", [FAULTS, "", "Q: a?\n\nA: b\n<!-- id: a -->\n"])
def test_json_is_as_documented(folder: Path, notes: str) -> None:
    """Every key is in the schema, every required one there, with and without findings."""
    (folder / "source" / "notes.md").write_text(notes, encoding="utf-8")
    done = run("check", "source", "--output-format", "json", "-v", cwd=folder)
    assert done.stdout.isascii()
    report = json.loads(done.stdout)
    assert violations(report, SCHEMA) == []
    assert report["format"] == JSON_FORMAT


def test_the_validator_validates() -> None:
    """It finds what is wrong: of another kind, lacking, undocumented, out of range."""
    result = compile_deck(small_deck({"notes.md": FAULTS}), clock=10**9)
    report = json.loads(as_json(result.diagnostics))
    assert violations(report, SCHEMA) == []
    changes: tuple[dict[str, Any], ...] = (
        {"format": 2}, {"crss_deck": 1}, {"summary": {"errors": 1}}, {"extra": 1},
        {"diagnostics": {}}, {"diagnostics": [{"rule": "x"}]},
    )  # fmt: skip
    for change in changes:
        assert violations(report | change, SCHEMA)
    report["diagnostics"][-1]["place"]["line"] = 0
    (found,) = violations(report, SCHEMA)
    assert found.endswith(".place.line: too small")


def test_the_tables_and_the_schema_name_the_same_keys() -> None:
    """The tables for people and the schema for machines cannot drift apart."""
    rows = re.findall(r"(?m)^\| ((?:`\w+`(?:, )?)+) \|", PAGE)
    told = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    named: set[str] = set()

    def gather(schema: Any) -> None:
        if isinstance(schema, dict):
            named.update(schema.get("properties", {}))
            for each in schema.values():
                gather(each)
        elif isinstance(schema, list):
            for each in schema:
                gather(each)

    gather(SCHEMA)
    assert named - {"errors", "warnings", "infos"} == told


def test_json_counts_what_it_lists() -> None:
    """The summary is that of the list."""
    report = json.loads(
        as_json(compile_deck(small_deck({"notes.md": FAULTS}), clock=10**9).diagnostics)
    )
    severities = [found["severity"] for found in report["diagnostics"]]
    assert report["summary"] == {
        f"{name}s": severities.count(name) for name in ("error", "warning", "info")
    }
    assert any(found["fix"] for found in report["diagnostics"])
    assert any(found["related"] for found in report["diagnostics"])


# ------------------------------------------------------------------ github


def parsed(line: str) -> tuple[str, dict[str, str], str]:
    """A workflow command as GitHub's runner reads it: command, properties, message."""
    match = re.fullmatch(r"::(error|warning|notice) (.*?)::(.*)", line)
    assert match, line
    properties = dict(each.split("=", 1) for each in match[2].split(","))

    def plain(text: str) -> str:
        for code, char in (("%3A", ":"), ("%2C", ","), ("%0D", "\r"), ("%0A", "\n"), ("%25", "%")):
            text = text.replace(code, char)
        return text

    return match[1], {name: plain(value) for name, value in properties.items()}, plain(match[3])


def test_an_annotation() -> None:
    """Rule, file and place are properties; the help is a line of the message."""
    result = compile_deck(small_deck({"notes.md": FAULTS}), clock=10**9)
    found = {d.rule.name: d for d in result.diagnostics}
    command, properties, message = parsed(github(found["raw-html"]))
    assert command == "error"
    assert properties == {
        "title": "crss-deck (raw-html)", "file": "notes.md",
        "line": "1", "endLine": "1", "col": "6", "endColumn": "8",
    }  # fmt: skip
    assert message.split("\n")[0] == found["raw-html"].message
    assert message.split("\n")[1].startswith("help: ")
    assert parsed(github(found["run-on-labels"]))[0] == "notice"
    assert parsed(github(found["missing-id"]))[0] == "warning"


_text = st.text(st.sampled_from("a%:,\n\r\x1b日 {}<>=-/0AD"), max_size=20)


@given(_text.filter(lambda text: "/" not in text and text.strip(". ")), _text)
def test_an_annotation_is_one_line_whatever_is_in_it(name: str, text: str) -> None:
    """No name and no text can end the command, start another, or change its properties."""
    deck = small_deck({f"{name}.md": f"Q: {text} {{{{{text}\n\nA: <b>\n<!-- id: a -->\n"})
    for diagnostic in compile_deck(deck, clock=10**9).diagnostics:
        line = github(diagnostic)
        assert line.isprintable()
        _, properties, _ = parsed(line)
        assert set(properties) <= {"title", "file", "line", "endLine", "col", "endColumn"}
