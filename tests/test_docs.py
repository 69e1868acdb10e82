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
from collections.abc import Iterable
from pathlib import Path

import click
import pytest
import yaml
from command_helper import environment
from deck_helper import DECK_TOML, JUDGED_TOML, PEER_PNG, findings, small_deck
from docs_helper import ROOT, Fence, Session, Step, fences, inline_code, sections, session, tokens

import crss_deck
from crss_deck import build_deck, compile_deck
from crss_deck.cli import cli
from crss_deck.diagnostics import RULES, Diagnostic
from crss_deck.explain import INDEX, rules_pages
from crss_deck.frontmatter import KEYS as FRONT_MATTER_KEYS
from crss_deck.hazards import REFUSED, RELEASE_HAZARDS, Level
from crss_deck.inlines import INLINE_TAGS
from crss_deck.labels import LABELS, RESERVED
from crss_deck.lock import lock_text, read_lock
from crss_deck.manifest import LIMIT_KEYS, Limits
from crss_deck.metadata import METADATA_KEYS
from crss_deck.release import release_deck
from crss_deck.report import as_json
from crss_deck.source import Source

README = ROOT / "README.md"
LANGUAGE = ROOT / "docs" / "language.md"
COMMAND_LINE = ROOT / "docs" / "command-line.md"
FILES = ROOT / "docs" / "files.md"
WORDING = ROOT / "docs" / "wording.md"
MAINTAINERS = ROOT / "docs" / "for-maintainers.md"
SESSIONS = [MAINTAINERS, ROOT / "docs" / "tutorial.md", ROOT / "docs" / "recipes.md"]
"""Pages whose commands are run in order: here, and in test_walkthroughs.py."""
RULES_FOLDER = ROOT / "docs" / "rules"
MANUAL = [README, *sorted((ROOT / "docs").glob("*.md"))]
PAGES = [
    *MANUAL,
    *sorted(RULES_FOLDER.glob("*.md")),
    *(ROOT / name for name in ("CHANGELOG.md", "CONTRIBUTING.md", "LICENSE-notes.md")),
]


def cases(word: str) -> list[object]:
    """All code blocks of the manual that begin with a word, as parameters of a test."""
    found = [fence for page in MANUAL for fence in fences(page, word)]
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


DECKS = ("source", "tea/source")


@pytest.fixture
def two_decks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that holds the example of README as `source` and as `tea/source`, to be in."""
    (example,) = fences(README, "markdown")
    for name in DECKS:
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "deck.toml").write_text(DECK_TOML, encoding="utf-8")
        (tmp_path / name / "notes.md").write_text(example.text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def commands(page: Path) -> list[list[str]]:
    """The arguments of every call of crss-deck that a page shows, in blocks and in sentences.

    But not those in the blocks of a page of sessions, which belong together.
    """
    kinds = ("code_inline",) if page in SESSIONS else ("fence", "code_inline")
    code = [token.content for token in tokens(page) if token.type in kinds]
    calls = re.findall(r"(?:^|[ /\\(])crss-deck((?: [^\s;&|)]+)+)", "\n".join(code), re.MULTILINE)
    return [shlex.split(call) for call in calls]


def is_name(call: list[str]) -> bool:
    """Whether a call only names a command that cannot run without arguments."""
    command = cli.commands.get(call[0])
    parameters = command.params if command else []
    return len(call) == 1 and any(parameter.required for parameter in parameters)


ELSEWHERE = {"--watch", "--open"}
"""A command with one of these never ends, or opens a window: test_watch.py and test_cli.py."""
SHOWN = sorted(
    {
        tuple(call)
        for page in PAGES
        for call in commands(page)
        if not is_name(call) and not ELSEWHERE & set(call)
    }
)


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
        for name in DECKS:
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
    here = two_decks
    if arguments[0] == "init":
        here /= "empty"
        here.mkdir()
    done = subprocess.run(command, cwd=here, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


# ------------------------------------------------------------------ every other command line

GATES = "a gate of the project, which CI runs from .ci/run"
README_LINE = "one of README's, which CI runs to the letter"
NETWORK = "fetches from the network, or changes the system"
NOT_RUN = {
    "py -m pip install --user pipx": NETWORK,
    "py -m pipx ensurepath": NETWORK,
    "winget install --id=astral-sh.uv --exact": NETWORK,
    "brew install pipx": NETWORK,
    "brew install uv": NETWORK,
    "sudo apt install pipx": NETWORK,
    "pipx ensurepath": NETWORK,
    "pipx install uv": NETWORK,
    'pipx install "crss-deck[anki]"': NETWORK,
    'pipx install ".[anki]"': NETWORK,
    'uv tool install "crss-deck[anki]"': NETWORK,
    'uv tool install ".[anki]"': NETWORK,
    "uv run crss-deck build": NETWORK,
    "uv run --extra test python -m pytest": NETWORK,
    "python scripts/anki_versions.py --write --tests": NETWORK,
    "bash benchmarks/peers.sh ../peers": NETWORK,
    "python benchmarks/run.py --peers ../peers": "takes half an hour, and a quiet machine",
    "python benchmarks/linear.py": "takes minutes, and a quiet machine",
    "python benchmarks/watch.py": "the same; tests/test_benchmarks.py runs it with fewer notes",
    "python benchmarks/judging.py": "the same; tests/test_benchmarks.py runs it with fewer notes",
}
"""The command lines that no test runs, with the reason."""
DONE_ELSEWHERE = {"sha256sum --check SHA256SUMS": "build"}
"""In which folder a line is run, if not in that of the decks."""


def shell_lines(page: Path, *kinds: str) -> list[str]:
    """The lines of the blocks of a page that are for a shell."""
    return [line for fence in fences(page, *kinds) for line in fence.text.splitlines()]


def promised_by_ci(line: str) -> str:
    """Why a line need not be run here: CI does."""
    if line in (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"):
        return README_LINE
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    if line in script:
        return README_LINE
    run = {part.replace(" --quiet", "") for each in script for part in each.split(" && ")}
    return GATES if set(line.split(" && ")) <= run else ""


NO_SHELLS = {"markdown", "toml", "text", "json", "python", "yaml", "csv", "files", "css"}
SHELLS = {"sh", "powershell", "console"}
SHELL = sorted({line for page in PAGES for line in shell_lines(page, "sh")} - set(NOT_RUN))


def test_every_command_line_is_accounted_for() -> None:
    """A line for a shell is run by a test, by CI, or stands in a list with the reason why not."""
    for page in PAGES:
        kinds = {
            token.info.split()[0] for token in tokens(page) if token.type == "fence" and token.info
        }
        shells = kinds - {
            "markdown",
            "toml",
            "text",
            "json",
            "python",
            "yaml",
            "csv",
            "files",
            "css",
        }
        assert shells <= {"sh", "powershell", "console"}, page
        if page not in SESSIONS:  # else `test_a_command_runs` finds it
            for line in shell_lines(page, "console"):
                assert line.startswith("$ crss-deck "), line
        for line in shell_lines(page, "powershell"):
            assert line in NOT_RUN or promised_by_ci(line), line
    shown = {line for page in PAGES for line in shell_lines(page, "sh", "powershell")}
    assert set(NOT_RUN) <= shown, "a line that no page shows"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for line in NOT_RUN:
        words = shlex.split(line)
        assert words[0] in ("py", "winget", "brew", "sudo", "pipx", "uv", "python", "bash")
        if words[0] in ("python", "bash"):
            assert (ROOT / words[1]).exists()
        for extra in re.findall(r"\[(\w+)\]|--extra (\w+)", line):
            assert set(filter(None, extra)) <= set(project["optional-dependencies"])
        if "crss-deck[" in line:
            assert words[-1].split("[")[0] == project["name"]


@pytest.mark.skipif(os.name == "nt", reason="these lines are for a POSIX shell")
@pytest.mark.parametrize("line", [line for line in SHELL if not promised_by_ci(line)])
def test_a_shell_line_runs(line: str, two_decks: Path) -> None:
    """Every other line for a shell does its work, in that shell if it is there."""
    programs = two_decks / "programs"
    programs.mkdir()
    command = shlex.join([sys.executable, "-m", "crss_deck"])
    (programs / "crss-deck").write_text(f'#!/bin/sh\nexec {command} "$@"\n', encoding="utf-8")
    (programs / "crss-deck").chmod(0o755)
    (two_decks / "Desktop").mkdir()
    build_deck("source", "build")
    shell = (re.findall("=(zsh|fish)_source", line) or ["bash"])[0]
    if shutil.which(shell) is None:
        # Then what it would read: click makes it, and tells if there is no such shell.
        shell, line = "sh", line.removeprefix('eval "$(').split(" | ")[0].removesuffix(')"')
    if shutil.which(line.split()[0]) is None and line.split()[0] == "sha256sum":
        pytest.skip("macOS has another program for it, as the page says")
    path = os.pathsep.join([str(programs), os.environ["PATH"]])
    done = subprocess.run(
        [shell, "-c", line],
        cwd=two_decks / DONE_ELSEWHERE.get(line, "."),
        env=environment(PATH=path, HOME=str(two_decks), SOURCE_DATE_EPOCH=""),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    if "_CRSS_DECK_COMPLETE" in line:
        assert "No such" not in done.stderr


# ------------------------------------------------------------------ the maintainers' page

FIRST = 1_700_000_000
"""When the first releases are dated, 2023-11-14."""


def correct(source: Path) -> None:
    """Change the answer of a note of the example of README."""
    notes = source / "notes.md"
    text = notes.read_text(encoding="utf-8")
    assert "A: Gas from the **yeast**." in text
    notes.write_text(text.replace("Gas from", "Carbon dioxide from"), encoding="utf-8")


class Repository(Session):
    """A repository in a folder, and what happens in it between the commands of a section."""

    MANIFEST = """\
format = 1
id = "{id}"
name = "Kitchen::{name}"
version = "1.0.0"
check.quality = false
"""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.source = self.here / "source"
        self.run(["git", "init", "--quiet", "--initial-branch=main"])

    def publishes(self, tag: str) -> None:
        """Commit, tag and build a release that was made, and publish its package."""
        self.run(["git", "add", "source"])
        self.run(["git", "commit", "--quiet", "--message", f"Release {tag}"])
        self.run(["git", "tag", tag])
        build_deck(self.source, self.here / "published", locked=True)

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
        (self.here / folder).mkdir(parents=True)
        for path, text in files.items():
            (self.here / folder / path).write_text(text, encoding="utf-8", newline="\n")

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
                self.deck("bread/source", "tea-and-bread-x7k2p9", "Tea and Bread")
                self.deck("tea/source", "tea-m4q8w1", "Tea")
            case "an answer is corrected":
                correct(self.source)
            case "the answer is as it was":
                self.changes(self.source / "notes.md", "Carbon dioxide from", "Gas from")
            case "a note is added":
                question = "Which flour has the most gluten?"
                note = f"Q: {question}\n\nA: Wheat.\n<!-- id: flour-with-most-gluten -->\n\n"
                self.changes(self.source / "notes.md", "# Bread\n", f"# Bread\n\n{note}")
            case "a cloze is taken away":
                self.changes(
                    self.source / "notes.md", "{{c2::bacteria::small living things}}", "bacteria"
                )
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


@pytest.mark.skipif(shutil.which("git") is None, reason="there is no git")
@pytest.mark.parametrize("steps", [session(*each) for each in sections(MAINTAINERS).items()])
def test_a_section_for_maintainers(steps: list[Step], tmp_path: Path) -> None:
    """The commands of a section run one after the other, and say what the page shows."""
    Repository(tmp_path).follows(steps)


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


@pytest.mark.parametrize("fence", cases("css"))
def test_an_example_of_a_stylesheet_is_right(fence: Fence) -> None:
    """Every stylesheet of the manual is accepted, and sets what cards have."""
    files = {
        "deck.toml": DECK_TOML + 'stylesheet = "style.css"\n',
        "notes.md": "Q: a\n\nA: b\n<!-- id: x -->\n",
        "style.css": fence.text,
    }
    result = compile_deck(small_deck(files))
    assert findings(result.diagnostics) == []
    assert result.package is not None
    ours = result.package.note_types[0].css.removesuffix(fence.text.strip())
    cards = ours + "".join(template.back for template in result.package.note_types[0].templates)
    rules = re.sub(r"/\*.*?\*/", "", fence.text, flags=re.DOTALL)
    for name in re.findall(r"--[\w-]+(?=:)|(?<=\.)[a-z]\w+(?=[ .,{])", rules):
        assert name in cards, name


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


def test_the_pictures_of_readme() -> None:
    """Every picture is shown, small, and described for those who cannot see it."""
    shown = [token for token in tokens(README) if token.type == "image"]
    paths = {ROOT / str(token.attrs["src"]) for token in shown}
    assert paths == set((ROOT / "docs" / "images").iterdir())
    for path in paths:
        assert path.read_bytes().startswith(b"\x89PNG")
        assert path.stat().st_size < 60_000, path
    assert all(len(token.content) > 40 for token in shown)


@pytest.mark.parametrize(
    "page", [pytest.param(page, id=page.relative_to(ROOT).as_posix()) for page in PAGES]
)
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


def test_every_rule_has_a_page() -> None:
    """The pages of rules say what `crss-deck explain` says; CRSS_SPEC_UPDATE=1 rewrites them."""
    pages = rules_pages()
    if os.environ.get("CRSS_SPEC_UPDATE") == "1":
        RULES_FOLDER.mkdir(exist_ok=True)
        for path in RULES_FOLDER.iterdir():
            path.unlink()
        for name, text in pages.items():
            (RULES_FOLDER / name).write_text(text, encoding="utf-8", newline="\n")
    assert {path.name: path.read_text("utf-8") for path in RULES_FOLDER.iterdir()} == pages
    assert set(pages) == {INDEX, *(f"{name}.md" for name in RULES)}
    for name, rule in RULES.items():
        assert f"| [{name}]({name}.md) | {rule.severity} | {rule.summary} |\n" in pages[INDEX]


def keys_of(value: object) -> set[str]:
    """Every key in a JSON document."""
    if isinstance(value, dict):
        return set(value) | keys_of(list(value.values()))
    return set().union(*map(keys_of, value)) if isinstance(value, list) else set()


def test_card_quality_is_described() -> None:
    """The page has every rule that judges cards, at its severity, and every limit as it is."""
    text = (ROOT / "docs" / "card-quality.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `([a-z-]+)` \| (error|warning|info)\b", text, re.MULTILINE))
    for rule in RULES.values():
        if rule.judgment and rule.name != "avoided-word":
            assert rows[rule.name] == rule.severity, rule.name
    for key, limit in zip(LIMIT_KEYS, Limits(), strict=True):
        shown = f"[{limit.warning}, {limit.error}]" if limit.error else f"{limit.warning}"
        assert f"\n| `{key}` | `{shown}` |" in text


def test_the_json_report_is_described() -> None:
    """The manual names every key of the JSON report, and no other."""
    faulty = "{{c1::a}} {{b}}\n<!-- id: x -->\n\n{{c1::c}}\n<!-- id: x -->\n"
    report = json.loads(as_json(compile_deck(small_deck({"notes.md": faulty})).diagnostics))
    rows = re.findall(
        r"^\| (`.*?`) \|", (ROOT / "docs" / "json.md").read_text("utf-8"), re.MULTILINE
    )
    described = {key.strip("`") for row in rows for key in row.split(", ")}
    assert keys_of(report) == described | {"errors", "warnings", "infos"}
