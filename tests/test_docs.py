"""The documentation is true: its commands run, its examples compile, CI runs its one-liners."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import click
import pytest
import yaml
from deck_helper import DECK_TOML, JUDGED_TOML, PEER_PNG, findings, small_deck
from markdown_it import MarkdownIt
from markdown_it.token import Token

import crss_deck
from crss_deck import build_deck, compile_deck
from crss_deck.cli import cli
from crss_deck.diagnostics import RULES, Diagnostic
from crss_deck.explain import rules_page
from crss_deck.frontmatter import KEYS as FRONT_MATTER_KEYS
from crss_deck.hazards import REFUSED, RELEASE_HAZARDS
from crss_deck.inlines import INLINE_TAGS, METADATA_KEYS
from crss_deck.labels import LABELS, RESERVED
from crss_deck.lock import lock_text, read_lock
from crss_deck.release import Level, release_deck
from crss_deck.report import as_json
from crss_deck.source import Source

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
LANGUAGE = ROOT / "docs" / "language.md"
COMMAND_LINE = ROOT / "docs" / "command-line.md"
FILES = ROOT / "docs" / "files.md"
WORDING = ROOT / "docs" / "wording.md"
MAINTAINERS = ROOT / "docs" / "for-maintainers.md"
RULES_PAGE = ROOT / "docs" / "rules.md"
MANUAL = [README, *sorted((ROOT / "docs").glob("*.md"))]
PAGES = [
    *MANUAL,
    *(ROOT / name for name in ("CHANGELOG.md", "CONTRIBUTING.md", "LICENSE-notes.md")),
]


class Fence(NamedTuple):
    """A code block of a page: its first words, its text, and where to look for it."""

    info: str
    text: str
    where: str


def tokens(page: Path) -> Iterator[Token]:
    """All tokens of a page, those within paragraphs and cells too."""
    for token in MarkdownIt("commonmark").enable("table").parse(page.read_text(encoding="utf-8")):
        yield token
        yield from token.children or ()


def fences(page: Path, word: str) -> list[Fence]:
    """The code blocks of a page whose info string begins with a word."""
    return [
        Fence(token.info, token.content, f"{page.name}:{(token.map or [0])[0] + 1}")
        for token in tokens(page)
        if token.type == "fence" and token.info.split()[:1] == [word]
    ]


def inline_code(page: Path) -> list[str]:
    """The code spans of a page."""
    return [token.content for token in tokens(page) if token.type == "code_inline"]


def cases(word: str) -> list[object]:
    """All code blocks of the manual that begin with a word, as parameters of a test.

    But those of the page of rules, half of which are faulty: they belong to the explanations.
    """
    found = [fence for page in MANUAL if page != RULES_PAGE for fence in fences(page, word)]
    assert found, f"the manual has no example of {word}"
    return [pytest.param(fence, id=fence.where) for fence in found]


@pytest.mark.parametrize("fence", cases("markdown"))
def test_an_example_compiles(fence: Fence) -> None:
    """Every example of the language compiles without a word, or has just the error it shows."""
    pictures = dict.fromkeys(re.findall(r"media/[\w-]+\.png", fence.text), PEER_PNG)
    notes = {"deck.toml": JUDGED_TOML, "notes.md": fence.text}
    if "avoided-word" in fence.text:
        (words,) = fences(WORDING, "toml")
        notes |= {"deck.toml": f'{JUDGED_TOML}wording = "wording.toml"', "wording.toml": words.text}
    result = compile_deck(small_deck({**notes, **pictures}))
    wanted = fence.info.split()[1:]
    assert [found.rule.name for found in findings(result.diagnostics)] == wanted[1:]
    assert wanted[:1] in ([], ["error:"])
    assert (result.package is None) == bool(wanted)


@pytest.mark.parametrize("fence", cases("toml"))
def test_an_example_of_a_manifest_is_right(fence: Fence) -> None:
    """Every deck.toml of the manual is accepted as it stands, and every file that it can name."""
    note = "Q: a\n\nA: b\n<!-- id: x; tags: kind::scenario -->\n"
    files = {"deck.toml": fence.text, "notes.md": note}
    if fence.info != "toml":
        _, name = fence.info.split()
        key = name.removesuffix(".toml")
        files |= {"deck.toml": f'{DECK_TOML}{key} = "{name}"\n', name: fence.text}
        cited = re.findall(r'^id = "(.*)"$', fence.text, re.MULTILINE) or ["X"]
        files["notes.md"] = note.replace(" -->", f"; claims: {' '.join(cited)}; reversed -->")
    for path in ("description.md", "claims.toml", "wording.toml"):
        if f'"{path}"' in fence.text:
            files[path] = ""
    result = compile_deck(small_deck(files))
    assert findings(result.diagnostics) == []
    assert result.package is not None


@pytest.fixture
def two_decks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that holds the example of README as `source` and as `mydeck`; the place to be."""
    (example,) = fences(README, "markdown")
    for name in ("source", "mydeck"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "deck.toml").write_text(DECK_TOML, encoding="utf-8")
        (tmp_path / name / "notes.md").write_text(example.text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def commands(page: Path) -> list[list[str]]:
    """The arguments of every call of crss-deck that a page shows, in blocks and in sentences.

    But not those in the blocks of the maintainers' page, which belong together.
    """
    kinds = ("code_inline",) if page == MAINTAINERS else ("fence", "code_inline")
    code = [token.content for token in tokens(page) if token.type in kinds]
    calls = re.findall(r"(?:^|[ /\\(])crss-deck((?: [^\s;&|)]+)+)", "\n".join(code), re.MULTILINE)
    return [shlex.split(call) for call in calls]


def is_name(call: list[str]) -> bool:
    """Whether a call only names a command that cannot run without arguments."""
    command = cli.commands.get(call[0])
    parameters = command.params if command else []
    return len(call) == 1 and any(parameter.required for parameter in parameters)


SHOWN = sorted({tuple(call) for page in PAGES for call in commands(page) if not is_name(call)})


def marked(id: str, calls: Iterable[str], value: object) -> object:
    """A parameter of a test, which needs the real Anki if one of its calls does."""
    needs_anki = any(re.search(r"\bverify\b", call) for call in calls)
    return pytest.param(value, id=id, marks=[pytest.mark.anki] if needs_anki else [])


@pytest.mark.parametrize("arguments", [marked(" ".join(each), each[:1], each) for each in SHOWN])
def test_a_command_runs(arguments: tuple[str, ...], two_decks: Path) -> None:
    """Every command line that a page shows does its work on a deck without faults.

    The packages that it names are of the first release. With `--locked` that is what it builds;
    else the deck has changed since.
    """
    packages = [argument for argument in arguments if argument.endswith(".apkg")]
    if packages or "--locked" in arguments:
        for name in ("source", "mydeck"):
            release_deck(name, clock=FIRST)
        built = build_deck("source", "first", locked=True).path
        for package in packages:
            Path(package).parent.mkdir(exist_ok=True)
            shutil.copyfile(built, package)
        if "--locked" not in arguments:
            correct(two_decks / "source")
        if "--recover" in arguments:
            (two_decks / "source" / "deck.lock").unlink()
    command = [sys.executable, "-m", "crss_deck", *arguments]
    done = subprocess.run(command, cwd=two_decks, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


# ------------------------------------------------------------------ the maintainers' page

FIRST = 1_700_000_000
"""When the first releases are dated, 2023-11-14."""


def correct(source: Path) -> None:
    """Change the answer of a note of the example of README."""
    notes = source / "notes.md"
    text = notes.read_text(encoding="utf-8")
    assert "A: Gas from the **yeast**." in text
    notes.write_text(text.replace("Gas from", "Carbon dioxide from"), encoding="utf-8")


class Repository:
    """A repository in a folder, and what happens in it between the commands of a section."""

    MANIFEST = """\
format = 1
id = "{id}"
name = "Kitchen::{name}"
version = "1.0.0"
check.quality = false
"""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.source = root / "source"
        self.run(["git", "init", "--quiet", "--initial-branch=main"])

    def run(self, command: list[str], status: int = 0) -> str:
        """Run a command of the page to its end; everything it says."""
        if command[0] == "crss-deck":
            command = [sys.executable, "-m", "crss_deck", *command[1:]]
            if "release" in command:
                time.sleep(1 - time.time() % 1)  # one release a second
        variables = {
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_EDITOR": "true",
            **{f"GIT_{who}_NAME": "Ada" for who in ("AUTHOR", "COMMITTER")},
            **{f"GIT_{who}_EMAIL": "ada@example.org" for who in ("AUTHOR", "COMMITTER")},
            "PYTHONPATH": str(Path(crss_deck.__file__).parents[1]),
            "PYTHONIOENCODING": "utf-8",
        }
        done = subprocess.run(
            command,
            cwd=self.root,
            env={**os.environ, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            check=False,
        )
        assert done.returncode == status, done.stdout
        return done.stdout.replace(os.sep, "/")

    def publishes(self, tag: str) -> None:
        """Commit, tag and build a release that was made, and publish its package."""
        self.run(["git", "add", "source"])
        self.run(["git", "commit", "--quiet", "--message", f"Release {tag}"])
        self.run(["git", "tag", tag])
        build_deck(self.source, self.root / "published", locked=True)

    def deck(self, folder: str, id: str, name: str) -> None:
        """Write a deck with the notes of README, and a few more."""
        (example,) = fences(README, "markdown")
        (attributes,) = [each for each in fences(MAINTAINERS, "text") if "deck.lock" in each.text]
        files = {
            "deck.toml": self.MANIFEST.format(id=id, name=name),
            "notes.md": example.text,
            "more.md": "".join(map("Q: {0}?\n\nA: Yes.\n<!-- id: {0} -->\n\n".format, "abc")),
            ".gitattributes": attributes.text,
        }
        (self.root / folder).mkdir()
        for path, text in files.items():
            (self.root / folder / path).write_text(text, encoding="utf-8", newline="\n")

    def add(self, before: str, after: str) -> None:
        """Put one text in the place of another, in the notes."""
        notes = self.source / "notes.md"
        text = notes.read_text(encoding="utf-8")
        assert before in text
        notes.write_text(text.replace(before, after), encoding="utf-8", newline="\n")

    def happens(self, what: str) -> None:
        """Do what a comment of the page names."""
        match what:
            case "a deck without a release":
                self.deck("source", "tea-and-bread-x7k2p9", "Tea and Bread")
            case "a released deck":
                self.happens("a deck without a release")
                plan = release_deck(self.source, clock=FIRST)
                self.publishes(plan.tag)
            case "two decks":
                self.deck("bread", "tea-and-bread-x7k2p9", "Tea and Bread")
                self.deck("tea", "tea-m4q8w1", "Tea")
            case "an answer is corrected":
                correct(self.source)
            case "the answer is as it was":
                self.add("Carbon dioxide from", "Gas from")
            case "a note is added":
                question = "Which flour has the most gluten?"
                note = f"Q: {question}\n\nA: Wheat.\n<!-- id: flour-with-most-gluten -->\n\n"
                self.add("# Bread\n", f"# Bread\n\n{note}")
            case "a cloze is taken away":
                self.add("{{c2::bacteria::small living things}}", "bacteria")
            case "the next release is committed":
                self.run(["git", "commit", "--quiet", "--all", "--message", "Notes"])
                plan = release_deck(self.source, clock=int(time.time()) - 60)
                self.publishes(plan.tag)
            case "a release is interrupted before deck.lock":
                lock = (self.source / "deck.lock").read_bytes()
                release_deck(self.source, clock=FIRST + 1)
                (self.source / "deck.lock").write_bytes(lock)
            case "deck.lock is lost":
                (self.source / "deck.lock").unlink()
            case "the conflicts are settled":
                for name, keep in (("deck.toml", "ours"), ("CHANGELOG.md", "union")):
                    self.settle(self.source / name, keep)
            case _:
                pytest.fail(f"the page speaks of {what!r}")

    def settle(self, path: Path, keep: str) -> None:
        """Keep one side or both where a file has marks of a conflict."""
        text = path.read_text(encoding="utf-8")
        assert "<<<<<<<" in text
        both = {"ours": r"\1", "union": r"\1\n\2"}[keep]
        pattern = r"<<<<<<<[^\n]*\n(.*?)=======\n(.*?)>>>>>>>[^\n]*\n"
        path.write_text(
            re.sub(pattern, both, text, flags=re.DOTALL), encoding="utf-8", newline="\n"
        )


def sections() -> list[object]:
    """The sections of the maintainers' page that show commands: what happens, and what is run."""
    found: dict[str, list[tuple[str, str]]] = {}
    title = ""
    previous = None
    for token in tokens(MAINTAINERS):
        if previous is not None and previous.type == "heading_open" and previous.tag == "h2":
            title = token.content
        elif token.type == "html_block":
            events = re.findall(r"<!-- before: (.*?) -->", token.content)
            found.setdefault(title, []).extend(("", event) for event in events)
        elif token.type == "fence" and token.info.split()[0] == "console":
            found.setdefault(title, []).append((token.info, token.content))
        previous = token
    assert len(found) > 8
    return [marked(title, (text for _, text in steps), steps) for title, steps in found.items()]


@pytest.mark.skipif(shutil.which("git") is None, reason="there is no git")
@pytest.mark.parametrize("steps", sections())
def test_a_section_for_maintainers(steps: list[tuple[str, str]], tmp_path: Path) -> None:
    """The commands of a section run one after the other, and say what the page shows.

    Comments say what happens between them; `exit 1` behind `console`, that the last one fails.
    """
    repository = Repository(tmp_path)
    for info, text in steps:
        if not info:
            repository.happens(text)
            continue
        status = int(info.split()[2]) if "exit" in info else 0
        calls = re.split(r"^\$ ", text, flags=re.MULTILINE)
        assert calls.pop(0) == ""
        for call in calls:
            command, _, shown = call.partition("\n")
            last = call is calls[-1]
            said = repository.run(shlex.split(command), status if last else 0)
            if shown.strip():
                assert said.strip() == shown.strip()


def test_every_hazard_is_described() -> None:
    """The maintainers' page has every hazard, what is always refused, and every level."""
    code = set(inline_code(MAINTAINERS))
    assert set(RELEASE_HAZARDS) | set(REFUSED) <= code
    text = MAINTAINERS.read_text(encoding="utf-8")
    for level in Level:
        if level is not Level.NONE:
            assert f"\n| {level.word}, " in text


# ------------------------------------------------------------------ commands and files


def options() -> dict[str, set[str]]:
    """Every option of every command, by command; that of the group under an empty name."""
    context = click.Context(cli, **cli.context_settings)
    commands = {name: cli.get_command(context, name) for name in cli.list_commands(context)}
    return {
        name: {
            option
            for parameter in command.get_params(click.Context(command, parent=context))
            if isinstance(parameter, click.Option) and not parameter.hidden
            for option in (*parameter.opts, *parameter.secondary_opts)
        }
        for name, command in {"": cli, **commands}.items()
        if command is not None
    }


def test_an_option_exists() -> None:
    """Every option that the manual names is an option of some command."""
    known = set().union(*options().values())
    codes = [code.split()[0] for page in MANUAL for code in inline_code(page)]
    named = {code for code in codes if re.fullmatch(r"--?\w[\w-]*", code)}
    assert "--strict" in named
    assert named <= known


def test_a_command_is_described() -> None:
    """Every command has a chapter in the manual and stands in README; every option is named."""
    text = COMMAND_LINE.read_text(encoding="utf-8")
    for command, names in options().items():
        if command:
            assert f"\n## crss-deck {command}\n" in text
            assert any(call[0] == command for call in commands(README))
        for name in names:
            assert re.search(rf"(?<![\w-]){name}(?![\w-])", text), name


def test_python_example_runs(two_decks: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """README's program builds a package and reads it back."""
    (example,) = fences(README, "python")
    exec(compile(example.text, example.where, "exec"), {})
    assert (two_decks / "deck.apkg").is_file()
    assert capsys.readouterr().out == "3 notes\n"


def test_the_build_record_is_described(two_decks: Path) -> None:
    """The manual names every key of a build record, and every file beside it."""
    described = set(inline_code(FILES))
    for output in ("draft", "release"):
        if output == "release":
            release_deck("source", clock=FIRST)
        written = build_deck("source", output, clock=2_000_000_000).path
        record = json.loads(written.with_suffix(".json").read_text(encoding="utf-8"))
        assert record["draft"] == (output == "draft")
        assert set(record) <= described
        names = {
            path.name.replace("spec-deck-1.0.0", "<id>-<version>")
            for path in Path(output).iterdir()
        }
        assert names <= described
        assert len(names) == 3


def test_the_lock_is_described(two_decks: Path) -> None:
    """The lock of the manual is one, and has every word and attribute that a release writes."""
    (example,) = [fence for fence in fences(FILES, "text") if "crss-deck-lock" in fence.text]
    problems: list[Diagnostic] = []
    lock = read_lock(Source("deck.lock", example.text), problems.append)
    assert lock is not None and problems == []
    assert lock_text(lock) == example.text
    plan = release_deck("source", clock=FIRST)
    assert Path("source/deck.lock").read_text(encoding="utf-8") == lock_text(plan.lock)
    words = re.compile(r"^[a-z-]+| [a-z]+(?==)", re.MULTILINE)
    assert set(words.findall(lock_text(plan.lock))) <= set(words.findall(example.text))
    described = set(inline_code(FILES))
    assert {word for word in words.findall(example.text) if not word.startswith(" ")} <= described


def test_ci_runs_the_commands_of_readme() -> None:
    """The one-liners that README promises are, to the letter, lines that CI runs."""
    promised = [fence.text.rstrip("\n") for fence in fences(README, "sh")]
    posix = [line for line in promised if line.startswith("python3 ")]
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert len(posix) == 2
    assert [line for line in script if line.startswith("python3 -m venv .venv && ")] == posix

    windows = [fence.text.rstrip("\n") for fence in fences(README, "powershell")]
    steps = workflow()["jobs"]["windows"]["steps"]
    assert len(windows) == 2
    assert [step["run"] for step in steps if step.get("run", "").startswith("py ")] == windows


def workflow() -> dict[str, dict]:  # type: ignore[type-arg] # whatever YAML holds
    """The workflow of CI."""
    text = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    return yaml.safe_load(text)  # type: ignore[no-any-return]


def test_ci_runs_every_supported_python() -> None:
    """The workflow has the Python versions that the package says it supports, on Linux."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    prefix = "Programming Language :: Python :: 3."
    supported = [each[len(prefix) - 2 :] for each in project["classifiers"] if prefix in each]
    matrix = workflow()["jobs"]["gates"]["strategy"]["matrix"]
    assert matrix["python"] == supported
    assert project["requires-python"] == f">={supported[0]}"


def test_actions_are_pinned() -> None:
    """Every action is named by a whole commit, with its tag beside it, and may only read."""
    text = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    used = re.findall(r"uses: (.*)", text)
    assert used
    for action in used:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action)
    assert workflow()["permissions"] == {"contents": "read"}


def test_lowest_versions_are_those_promised() -> None:
    """The versions of tests/lowest.txt are the lower bounds of pyproject.toml, one for each."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    bounds = dict(line.split(">=") for line in project["dependencies"])
    lines = (ROOT / "tests" / "lowest.txt").read_text(encoding="utf-8").splitlines()
    lowest: dict[str, str] = {}
    for line in lines:
        if not line.startswith("#"):
            name, version = line.split(";")[0].split("==")
            lowest.setdefault(name, version)
    assert list(lowest) == list(bounds)
    for name, bound in bounds.items():
        assert f"{bound}.0.0".startswith(lowest[name]), name  # 8.1 means 8.1.0


@pytest.mark.parametrize("page", [pytest.param(page, id=page.name) for page in PAGES])
def test_a_link_leads_somewhere(page: Path) -> None:
    """Every link to a file of the repository, and to a heading of it, finds its target."""
    for token in tokens(page):
        address = str(token.attrGet("href") or "")
        if not address or re.match(r"[a-z]+:", address) or address.startswith("../../"):
            continue
        path, _, anchor = address.partition("#")
        target = (page.parent / path) if path else page
        assert target.exists(), address
        if anchor:
            assert anchor in anchors(target), address


def anchors(page: Path) -> set[str]:
    """The names under which GitHub makes the headings of a page reachable."""
    previous, found = None, set()
    for token in tokens(page):
        if previous is not None and previous.type == "heading_open":
            text = "".join(child.content for child in token.children or ())
            found.add(re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-"))
        previous = token
    return found


def test_the_language_is_described_whole() -> None:
    """The manual of the language names every label, entry, key and tag that the compiler knows."""
    code = set(inline_code(LANGUAGE))
    assert {f"{label}:" for label in LABELS} <= code
    assert set(RESERVED) <= code
    assert {f"{key}" for key in FRONT_MATTER_KEYS} <= code
    assert set(INLINE_TAGS) <= code
    assert set(METADATA_KEYS) <= {each.split(":")[0] for each in code}


def test_every_module_has_its_place() -> None:
    """CONTRIBUTING says what every module owns, and names none that is not there."""
    table = [code for code in inline_code(ROOT / "CONTRIBUTING.md") if code.endswith(".py")]
    table = [code for code in table if "/" not in code]
    assert set(table) == {path.name for path in Path(crss_deck.__file__).parent.glob("*.py")}


def test_every_rule_is_explained() -> None:
    """The page of rules says what `crss-deck explain` says; CRSS_SPEC_UPDATE=1 rewrites it."""
    if os.environ.get("CRSS_SPEC_UPDATE") == "1":
        RULES_PAGE.write_text(rules_page(), encoding="utf-8", newline="\n")
    assert RULES_PAGE.read_text(encoding="utf-8") == rules_page()
    assert all(f"\n## {name}\n" in rules_page() for name in RULES)


def keys_of(value: object) -> set[str]:
    """Every key in a JSON document."""
    if isinstance(value, dict):
        return set(value) | keys_of(list(value.values()))
    return set().union(*map(keys_of, value)) if isinstance(value, list) else set()


def test_the_json_report_is_described() -> None:
    """The manual names every key of the JSON report, and no other."""
    faulty = "{{c1::a}} {{b}}\n<!-- id: x -->\n\n{{c1::c}}\n<!-- id: x -->\n"
    report = json.loads(as_json(compile_deck(small_deck({"notes.md": faulty})).diagnostics))
    rows = re.findall(
        r"^\| (`.*?`) \|", (ROOT / "docs" / "json.md").read_text("utf-8"), re.MULTILINE
    )
    described = {key.strip("`") for row in rows for key in row.split(", ")}
    assert keys_of(report) == described | {"errors", "warnings", "infos"}
