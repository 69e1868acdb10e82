"""What GitHub runs: the workflows call scripts, and the scripts do their work without a network.

The scripts run here as there, in bash, on a small deck; `gh`, which talks to GitHub, is a stand-in
that keeps releases in a folder.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from hashlib import sha256
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import yaml
from command_helper import environment
from docs_helper import fences
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from release_helper import FIRST, Author, basic

import crss_deck
from crss_deck.build import lock_tools
from crss_deck.init import init_deck
from crss_deck.release import release_deck

ROOT = Path(__file__).parents[1]
SCRIPTS = ROOT / "scripts"
REQUIREMENTS = ROOT / "requirements"
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
ACTION = ROOT / "action.yml"
RECIPES = ROOT / "docs" / "recipes.md"
NEW = (
    Path(crss_deck.__file__).parent / "templates" / "init" / ".github" / "workflows" / "release.yml"
)
"""What `crss-deck init` gives a new deck, before its names are filled in."""

scripts_run = pytest.mark.skipif(
    sys.platform == "win32", reason="GitHub runs these scripts on Linux; the stand-ins are POSIX"
)


def loaded(path: Path) -> Any:
    """A YAML file."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def steps_of(path: Path) -> list[dict[str, Any]]:
    """All steps of a workflow or an action."""
    content = loaded(path)
    if "runs" in content:
        return list(content["runs"]["steps"])
    return [step for job in content["jobs"].values() for step in job["steps"]]


def lines_of(workflow: str, job: str) -> list[str]:
    """What a job of a workflow runs."""
    (path,) = [path for path in WORKFLOWS if path.name == workflow]
    return [step["run"] for step in loaded(path)["jobs"][job]["steps"] if "run" in step]


# ------------------------------------------------------------------ the files as they stand


every_file = pytest.mark.parametrize("path", [*WORKFLOWS, ACTION], ids=lambda path: path.name)
files_with_new = pytest.mark.parametrize(
    "path",
    [*WORKFLOWS, ACTION, NEW],
    ids=lambda path: f"{path.parent.parent.parent.name}/{path.name}",
)
every_workflow = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)


def test_there_are_workflows() -> None:
    """The workflows that the tests below run over were found."""
    assert [path.name for path in WORKFLOWS] == ["ci.yml", "publish.yml", "release-deck.yml"]


@every_file
def test_a_step_is_a_script(path: Path) -> None:
    """Whatever a step runs is one line: a script of the repository, or a one-liner of README."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    lines = [step["run"] for step in steps_of(path) if "run" in step]
    assert lines
    for line in lines:
        if line in readme:
            continue
        call = r'(?:bash|python3?|\.venv\\Scripts\\python) "?(?:\$GITHUB_ACTION_PATH/)?([\w./\\-]+)'
        found = re.match(call, line)
        assert found, line
        script = ROOT / found[1].replace("\\", "/")
        assert script.is_file(), line
        assert "\n" not in line
        assert "${{" not in line, "an expression in a script is filled in unquoted"


def test_a_script_is_run() -> None:
    """Every script is called by a workflow, by the action or by another script, but two."""
    callers = [*WORKFLOWS, ACTION, ROOT / ".ci" / "run", *SCRIPTS.glob("*.*")]
    texts = {path: path.read_text(encoding="utf-8") for path in callers if path.is_file()}
    idle = {
        script.name
        for script in SCRIPTS.glob("*.*")
        if not any(script.name in text for path, text in texts.items() if path != script)
    }
    assert idle == {
        "anki_versions.py",
        "compile-requirements.sh",
        "run_hashes.py",
        "screenshots.py",
    }


@files_with_new
def test_an_action_is_pinned(path: Path) -> None:
    """Every action is named by a whole commit, with its tag beside it."""
    used = re.findall(r"uses: (.*)", path.read_text(encoding="utf-8"))
    assert used
    for action in used:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action), action


def test_an_action_has_one_version() -> None:
    """All files name the same commit of an action."""
    used = {
        tuple(action.split("@", 1))
        for path in [*WORKFLOWS, ACTION, NEW, RECIPES]
        for action in re.findall(r"uses: (.*)", path.read_text(encoding="utf-8"))
    }
    assert len(used) == len({name for name, _ in used})


RIGHTS = {
    ("release-deck.yml", "gate"): {"contents": "read"},
    ("release-deck.yml", "build"): {"contents": "read"},
    ("release-deck.yml", "verify"): {"contents": "read"},
    ("release-deck.yml", "attest"): {"id-token": "write", "attestations": "write"},
    ("release-deck.yml", "publish"): {"contents": "write"},
    ("publish.yml", "gates"): {"contents": "read"},
    ("publish.yml", "build"): {"contents": "read"},
    ("publish.yml", "attest"): {"id-token": "write", "attestations": "write"},
    ("publish.yml", "publish"): {"contents": "read", "id-token": "write"},
}


@every_workflow
def test_a_job_may_do_what_it_must(path: Path) -> None:
    """A job that publishes has the one right for it; no other job can write anything."""
    workflow = loaded(path)
    if path.name == "ci.yml":
        assert workflow["permissions"] == {"contents": "read"}
        assert not any("permissions" in job for job in workflow["jobs"].values())
        return
    assert workflow["permissions"] == {}
    found = {(path.name, name): job["permissions"] for name, job in workflow["jobs"].items()}
    assert found == {key: value for key, value in RIGHTS.items() if key[0] == path.name}


@files_with_new
def test_no_token_stays_in_a_checkout(path: Path) -> None:
    """A checkout leaves no credentials behind for what runs after it."""
    for step in steps_of(path):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


@pytest.mark.parametrize("name", ["release-deck.yml", "publish.yml"])
def test_nothing_is_published_before_its_gates(name: str) -> None:
    """The jobs wait for each other: gates first, and the one that publishes last."""
    (path,) = [path for path in WORKFLOWS if path.name == name]
    jobs = loaded(path)["jobs"]
    order = list(jobs)
    assert order[0].startswith("gate")
    assert order[-1] == "publish"
    assert [job.get("needs") for job in jobs.values()] == [None, *order[:-1]]
    assert not any("if" in job or "continue-on-error" in job for job in jobs.values())


def triggers(name: str) -> list[str]:
    """The patterns of tags that start a workflow."""
    (path,) = [path for path in WORKFLOWS if path.name == name]
    on = loaded(path)[True]  # YAML 1.1 reads the word `on` so
    assert list(on) == ["push"]
    assert list(on["push"]) == ["tags"]
    return list(on["push"]["tags"])


def starts(pattern: str, tag: str) -> bool:
    """Whether a tag fits a pattern, as GitHub reads it."""
    regex = re.escape(pattern).replace(r"\*", "[^/]*")
    regex = regex.replace(r"\[0\-9\]\+", "[0-9]+")
    return re.fullmatch(regex, tag) is not None


def test_a_tag_starts_one_workflow() -> None:
    """A deck's tag releases the deck, a library's tag the library, and nothing else does."""
    (deck,), (library,) = triggers("release-deck.yml"), triggers("publish.yml")
    manifest = tomllib.loads((ROOT / "source" / "deck.toml").read_text(encoding="utf-8"))
    for version in ("0.1.0", "1.0.0", "12.34.56"):
        assert starts(deck, f"{manifest['id']}-{version}")
        assert starts(library, f"v{version}")
        assert not starts(deck, f"v{version}")
        assert not starts(library, f"{manifest['id']}-{version}")
    assert not starts(deck, f"{manifest['id']}-1.0")
    assert not starts(library, "v1.0.0rc1")


def test_ci_shows_what_a_pull_request_changes() -> None:
    """The deck's job compares the base of a pull request with its head."""
    (path,) = [path for path in WORKFLOWS if path.name == "ci.yml"]
    steps = loaded(path)["jobs"]["deck"]["steps"]
    base, compare = steps[-2:]
    assert base["with"]["ref"] == "${{ github.event.pull_request.base.sha }}"
    assert compare["run"] == "python scripts/diff_summary.py base/source source"
    assert base["with"]["path"] == "base"
    assert "pull_request" in base["if"]
    assert base["if"] == compare["if"]


def test_the_action_hands_its_inputs_over() -> None:
    """Every input of the action reaches its script through the environment."""
    action = loaded(ACTION)
    assert list(action["inputs"]) == ["source", "output", "strict", "locked"]
    last = action["runs"]["steps"][-1]
    handed = {name.upper(): f"${{{{ inputs.{name} }}}}" for name in action["inputs"]}
    assert last["env"] == handed
    assert action["outputs"]["package"]["value"] == "${{ steps.build.outputs.package }}"


def test_the_hook_looks_at_what_makes_a_deck() -> None:
    """The hook for pre-commit runs when a file of a deck changes, once for all files."""
    (hook,) = loaded(ROOT / ".pre-commit-hooks.yaml")
    assert hook["id"] == "crss-deck-check"
    assert (hook["language"], hook["pass_filenames"]) == ("python", False)
    assert hook["entry"] == "crss-deck check --strict"
    for name in ("source/notes.md", "source/deck.toml", "deck.lock", "source/deck.lock"):
        assert re.search(hook["files"], name), name
    for name in ("setup.py", "notes.mdx", "other.lock"):
        assert not re.search(hook["files"], name), name


# ------------------------------------------------------------------ requirements


def pinned(name: str) -> dict[str, str]:
    """The version of each package in a requirements file; every one must have its hashes."""
    text = (REQUIREMENTS / f"{name}.txt").read_text(encoding="utf-8").replace("\\\n", " ")
    found: dict[str, str] = {}
    for line in text.splitlines():
        if line.startswith(("#", " ")):
            continue
        words = re.fullmatch(
            r"([\w.-]+)==([\w.]+)(?: ; [^-]*)?((?:\s+--hash=sha256:\w{64})+)", line
        )
        assert words, line
        found[canonicalize_name(words[1])] = words[2]
    return found


def test_requirements_are_what_the_project_needs() -> None:
    """Each file has every package asked for, in a version that pyproject.toml allows."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    run_time, extras = project["dependencies"], project["optional-dependencies"]
    tests = [each for each in extras["test"] if not each.startswith("crss-deck")]
    needed = {
        "build": [*run_time, "flit_core"],
        "verify": [*run_time, "flit_core", "anki"],
        "test": [*run_time, "flit_core", *tests],
        "publish": ["build", "flit_core", "uv"],
    }
    assert {path.stem for path in REQUIREMENTS.glob("*.txt")} == set(needed)
    for name, requirements in needed.items():
        versions = pinned(name)
        for text in requirements:
            requirement = Requirement(text)
            version = versions.get(canonicalize_name(requirement.name), "")
            assert requirement.specifier.contains(version), (name, text)


def test_requirements_agree() -> None:
    """No two files name different versions of a package."""
    merged: dict[str, set[str]] = {}
    for path in REQUIREMENTS.glob("*.txt"):
        for name, version in pinned(path.stem).items():
            merged.setdefault(name, set()).add(version)
    assert {name: versions for name, versions in merged.items() if len(versions) > 1} == {}


def test_no_file_names_a_registry() -> None:
    """Which registry is asked is the machine's business: no file of ours names one."""
    paths = [*WORKFLOWS, ACTION, NEW, ROOT / ".pre-commit-hooks.yaml"]
    paths += [*SCRIPTS.glob("*.*"), *REQUIREMENTS.glob("*.*")]
    for path in paths:
        found = re.search(r"pypi\.org|pythonhosted|index-url|find-links", path.read_text("utf-8"))
        assert found is None or (found[0] == "index-url" and path.name == "compile-requirements.sh")


# ------------------------------------------------------------------ linters


def tool(name: str) -> str:
    """The path of a linter; the test is skipped where it is not installed."""
    beside = [str(Path(sys.executable).parent), os.environ.get("PATH", "")]
    found = shutil.which(name, path=os.pathsep.join(beside))
    if found is None:
        pytest.skip(f"{name} is not installed: it comes with the extra `dev`")
    return found


def output_of(*command: str, cwd: Path = ROOT) -> tuple[int, str]:
    """The exit code of a command, and all it says."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """The workflow for pull requests that the recipes show."""
    (text,) = [each.text for each in fences(RECIPES, "yaml") if "jobs:" in each.text]
    path = tmp_path / "check.yml"
    path.write_text(text, encoding="utf-8")
    return path


def test_zizmor_finds_nothing(recipe: Path) -> None:
    """No known weakness of workflows, as strict as it can be."""
    command = (tool("zizmor"), "--offline", "--no-progress", "--persona", "auditor")
    code, said = output_of(*command, *map(str, WORKFLOWS), str(ACTION), str(NEW), str(recipe))
    assert code == 0, said


def test_zizmor_would_find_something(tmp_path: Path) -> None:
    """The linter is awake: it finds an action that is not pinned."""
    text = WORKFLOWS[0].read_text(encoding="utf-8")
    (tmp_path / "bad.yml").write_text(re.sub(r"@[0-9a-f]{40}", "@v7", text), encoding="utf-8")
    code, said = output_of(tool("zizmor"), "--offline", "--no-progress", str(tmp_path / "bad.yml"))
    assert code != 0
    assert "unpinned-uses" in said


def test_actionlint_finds_nothing(recipe: Path) -> None:
    """The workflows are well-formed, down to expressions and the shell."""
    command = (tool("actionlint"), "-shellcheck", tool("shellcheck"))
    code, said = output_of(*command, *map(str, WORKFLOWS), str(NEW), str(recipe))
    assert code == 0, said


def test_actionlint_would_find_something(tmp_path: Path) -> None:
    """The linter is awake: it finds a job that waits for one that is not there."""
    text = (ROOT / ".github" / "workflows" / "publish.yml").read_text(encoding="utf-8")
    bad = tmp_path / "bad.yml"
    bad.write_text(text.replace("needs: gates", "needs: gate"), encoding="utf-8")
    code, said = output_of(tool("actionlint"), str(bad))
    assert code != 0
    assert "gate" in said


def test_shellcheck_finds_nothing() -> None:
    """The scripts for bash have no known pitfall."""
    shell = sorted(map(str, SCRIPTS.glob("*.sh")))
    assert shell
    code, said = output_of(tool("shellcheck"), *shell)
    assert code == 0, said


def test_a_shell_script_stops_at_a_failure() -> None:
    """Every script for bash ends at the first command that fails, and says how it is called."""
    for path in SCRIPTS.glob("*.sh"):
        text = path.read_text(encoding="utf-8")
        assert text.startswith("#!/usr/bin/env bash\n# ")
        assert "\nset -euo pipefail\n" in text
        assert "# usage: " in text or path.name == "compile-requirements.sh"


# ------------------------------------------------------------------ a place to run the scripts

GH = '''\
"""A stand-in for GitHub's command: releases are folders, and every call is written down."""
import fnmatch, json, os, pathlib, shutil, sys

state = pathlib.Path(os.environ["GH_STATE"])
arguments = sys.argv[1:]
with (state / "calls").open("a") as calls:
    calls.write(json.dumps(arguments) + "\\n")
releases = state / "releases"
releases.mkdir(exist_ok=True)

def option(name):
    return [b for a, b in zip(arguments, arguments[1:]) if a == name]

match arguments[:2]:
    case ["release", "list"]:
        limit = int(option("--limit")[0])
        names = sorted(path.name for path in releases.iterdir())[:limit]
        drafts = {name for name in names if (releases / name / "draft").exists()}
        if "--jq" in arguments:
            assert option("--jq") == [".[].tagName"] and "--exclude-drafts" in arguments
            print(*[name for name in names if name not in drafts], sep="\\n")
        else:
            print(json.dumps([{"tagName": n, "isDraft": n in drafts} for n in names]))
    case ["release", "download"]:
        copied = False
        for path in (releases / arguments[2]).iterdir():
            if any(fnmatch.fnmatch(path.name, pattern) for pattern in option("--pattern")):
                shutil.copy(path, option("--dir")[0])
                copied = True
        sys.exit(None if copied else "no assets match the file pattern")
    case ["release", "create"]:
        folder = releases / arguments[2]
        folder.mkdir()
        shutil.copy(option("--notes-file")[0], folder / "notes")
        skip = {option("--title")[0], option("--notes-file")[0]}
        for argument in arguments[3:]:
            if not argument.startswith("--") and argument not in skip:
                shutil.copy(argument, folder)
    case _:
        sys.exit(f"unknown: {arguments}")
'''

RECORDER = """\
import json, os, sys
with open(os.environ["RECORD"], "a") as record:
    record.write(json.dumps(sys.argv[1:]) + "\\n")
"""


class Place:
    """A repository with our scripts and a deck, on a machine with stand-ins."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "repository"
        self.github = folder / "github"
        self.programs = folder / "programs"
        self.record = folder / "record"
        self.summary = folder / "summary.md"
        for path in (self.root, self.github, self.programs):
            path.mkdir()
        shutil.copytree(SCRIPTS, self.root / "scripts")
        self.program("python")
        self.program("python3")
        self.program("crss-deck", "-m", "crss_deck")
        self.program("gh", script=GH)

    def program(self, name: str, *arguments: str, script: str = "") -> Path:
        """Put a program into PATH: Python with arguments, or with a script."""
        if script:
            (self.programs / f"{name}.py").write_text(script, encoding="utf-8")
            arguments = (str(self.programs / f"{name}.py"),)
        command = shlex.join([sys.executable, *arguments])
        path = self.programs / name
        path.write_text(f'#!/bin/sh\nexec {command} "$@"\n', encoding="utf-8")
        path.chmod(0o755)
        return path

    def run(self, line: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a line as GitHub does."""
        variables = {
            "PATH": os.pathsep.join([str(self.programs), os.environ["PATH"]]),
            "GH_STATE": str(self.github),
            "GITHUB_STEP_SUMMARY": str(self.summary),
            "RECORD": str(self.record),
            "SOURCE_DATE_EPOCH": "",
            **variables,
        }
        return subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", line],
            cwd=self.root,
            env=environment(**variables),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=300,
            check=False,
        )

    def passes(self, line: str, **variables: str) -> str:
        """What a line prints that must succeed."""
        done = self.run(line, **variables)
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        return done.stdout

    def refuses(self, line: str, **variables: str) -> str:
        """What a line complains of that must be refused; never a traceback."""
        done = self.run(line, **variables)
        assert done.returncode == 1, f"{line}\n{done.stdout}{done.stderr}"
        assert "Traceback" not in done.stderr
        return done.stderr

    def deck(self, author: Author) -> None:
        """Put the author's deck into the repository, in place of the one there."""
        shutil.rmtree(self.root / "source", ignore_errors=True)
        author.write(self.root / "source")

    def recorded(self) -> list[list[str]]:
        """The calls of programs that only take notes."""
        return [json.loads(line) for line in self.record.read_text("utf-8").splitlines()]

    def calls(self, *words: str) -> list[list[str]]:
        """The calls of `gh` that begin so."""
        lines = (self.github / "calls").read_text("utf-8").splitlines()
        return [call for line in lines if (call := json.loads(line))[: len(words)] == list(words)]

    def only_records(self, *names: str) -> None:
        """Let these programs only take notes."""
        for name in names:
            self.program(name, script=RECORDER)

    def releases(self, author: Author) -> str:
        """Do what release-deck.yml does on a tag, but for Anki; the tag."""
        self.deck(author)
        tag = self.passes("python scripts/deck_release.py tag source").strip()
        for folder in ("build", "published"):
            shutil.rmtree(self.root / folder, ignore_errors=True)
        lines = lines_of("release-deck.yml", "build") + lines_of("release-deck.yml", "publish")
        assert len(lines) == 5
        for line in lines:
            if "install.sh" not in line:
                self.passes(line, GITHUB_REF_NAME=tag, GITHUB_REPOSITORY="someone/decks")
        return tag


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A place without a deck."""
    return Place(tmp_path)


def first_release() -> Author:
    """A deck with its first release."""
    author = Author(basic("one") + basic("two"))
    author.release(FIRST)
    return author


@pytest.fixture
def released(place: Place) -> tuple[Place, Author]:
    """A place with a deck that has its first release, not yet published."""
    author = first_release()
    place.deck(author)
    return place, author


BUILD = "python scripts/deck_release.py build source released-1.0.0 build"
PUBLISH = "python scripts/deck_release.py publish released-1.0.0 build"

# ------------------------------------------------------------------ a deck's release


@scripts_run
def test_a_tag_becomes_a_release(place: Place) -> None:
    """Three releases in turn, by the very lines of the workflow: files, notes, and which is new."""
    author = first_release()
    assert place.releases(author) == "released-1.0.0"
    author.edit("Is one a name?", "Is one a good name?")
    author.release()
    assert place.releases(author) == "released-1.0.1"
    author.files["more.md"] = basic("three")
    author.release()
    assert place.releases(author) == "released-1.1.0"

    published = place.github / "releases"
    assert sorted(path.name for path in published.iterdir()) == [
        "released-1.0.0",
        "released-1.0.1",
        "released-1.1.0",
    ]
    for folder in published.iterdir():
        kinds = ("apkg", "html", "json")
        assert {path.name for path in folder.iterdir()} == {
            *(f"{folder.name}.{kind}" for kind in kinds),
            "SHA256SUMS",
            "notes",
        }
        sums = (folder / "SHA256SUMS").read_text("utf-8").splitlines()
        assert sums == [
            f"{sha256((folder / name).read_bytes()).hexdigest()}  {name}"
            for name in (f"{folder.name}.{kind}" for kind in kinds)
        ]
        page = (folder / f"{folder.name}.html").read_text("utf-8")
        assert "<title>Released</title>" in page
        assert '"place":"source/notes.md:1"' in page
        assert f"{folder.name}.apkg --repo someone/decks" in (folder / "notes").read_text("utf-8")
    notes = [(folder / "notes").read_text("utf-8") for folder in sorted(published.iterdir())]
    assert notes[0].startswith("First release.")
    assert "<details>" not in notes[0]
    assert "Every change from 1.0.0 to 1.0.1" in notes[1]
    assert "good" in notes[1].partition("<details>")[2]
    assert "Every change from 1.0.1 to 1.1.0" in notes[2]
    assert "Is three a name?" in notes[2]
    created = place.calls("release", "create")
    assert [call[2] for call in created] == ["released-1.0.0", "released-1.0.1", "released-1.1.0"]
    assert all({"--verify-tag", "--latest=true"} <= set(call) for call in created)
    assert "Released 1.0.0" in created[0]


@scripts_run
@pytest.mark.anki
def test_a_release_is_verified_in_anki(place: Place) -> None:
    """The lines of the job that verifies, on a second release: alone, after, and upgraded."""
    author = first_release()
    place.releases(author)
    author.edit("Is one a name?", "Is one a good name?")
    author.release()
    place.releases(author)
    author.files["more.md"] = basic("three")
    author.release()
    tag = place.releases(author)
    fetch, verify, rebuild = lines_of("release-deck.yml", "verify")[1:]
    assert "rebuild-check.sh" in rebuild
    for line in (fetch, verify, rebuild.replace("rebuild-check.sh", "rebuild-check.sh --here")):
        place.passes(line, GITHUB_REF_NAME=tag)
    summary = place.summary.read_text("utf-8").splitlines()
    assert summary == [
        "- passed: alone",
        "- passed: build --after released-1.0.0",
        "- passed: upgrade from released-1.0.0",
        "- passed: build --after released-1.0.1",
        "- passed: upgrade from released-1.0.1",
        "- passed: upgrade through all versions",
    ]


@scripts_run
@pytest.mark.anki
def test_a_lost_lock_is_found(place: Place) -> None:
    """A second first release has new text with an old date: the job that verifies refuses it."""
    author = first_release()
    place.releases(author)
    again = Author(basic("one", "What is this?") + basic("two"))
    again.files["deck.toml"] = author.text("deck.toml").replace("1.0.0", "1.0.1")
    again.release(FIRST)
    tag = place.releases(again)
    fetch, verify = lines_of("release-deck.yml", "verify")[1:3]
    place.passes(fetch, GITHUB_REF_NAME=tag)
    assert "would not reach its learners whole" in place.refuses(verify, GITHUB_REF_NAME=tag)
    summary = place.summary.read_text("utf-8").splitlines()
    assert "- passed: alone" in summary
    assert "- **found a problem**: build --after released-1.0.0" in summary
    assert "- **found a problem**: upgrade from released-1.0.0" in summary


STUB = """\
import json, os, sys
with open(os.environ["RECORD"], "a") as record:
    record.write(json.dumps(sys.argv[1:]) + "\\n")
line = " ".join(sys.argv[1:])
for part, code in json.loads(os.environ["CODES"]).items():
    if part in line:
        sys.exit(code)
if sys.argv[1] == "diff":
    print(os.environ.get("DIFF", ""))
"""


@pytest.fixture
def stub(place: Place) -> dict[str, str]:
    """Variables under which `crss-deck` takes notes and ends with the codes that CODES lists."""
    folder = place.programs / "stub"
    (folder / "crss_deck").mkdir(parents=True)
    (folder / "crss_deck" / "__init__.py").touch()
    (folder / "crss_deck" / "__main__.py").write_text(STUB, encoding="utf-8")
    return {"PYTHONPATH": str(folder), "CODES": "{}"}


def package_folder(folder: Path, tag: str) -> None:
    """Files as those of a release, with their checksums."""
    folder.mkdir(parents=True)
    contents = {
        f"{tag}.apkg": b"a package",
        f"{tag}.html": b"a page",
        f"{tag}.json": b'{"name": "CRSS::Released"}',
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    sums = [f"{sha256(content).hexdigest()}  {name}\n" for name, content in contents.items()]
    (folder / "SHA256SUMS").write_text("".join(sums), encoding="utf-8")


@pytest.fixture
def hotfix(place: Place) -> Place:
    """A place where 1.5.0 was built, after 1.2.0, 1.10.0 and 1.4.0 were published and fetched."""
    package_folder(place.root / "build", "released-1.5.0")
    for version in ("1.2.0", "1.10.0", "1.4.0"):
        tag = f"released-{version}"
        package_folder(place.root / "published" / tag, tag)
        package_folder(place.github / "releases" / tag, tag)
    return place


VERIFY = "python scripts/deck_release.py verify source released-1.5.0 build published"


@scripts_run
def test_every_published_package_is_judged(hotfix: Place, stub: dict[str, str]) -> None:
    """Each by itself, in the order of versions, then all that are older in one chain."""
    hotfix.passes(VERIFY, **stub)
    package = str(Path("build") / "released-1.5.0.apkg")
    old = {v: f"published/released-{v}/released-{v}.apkg" for v in ("1.2.0", "1.4.0", "1.10.0")}
    calls = hotfix.recorded()
    assert calls[0] == ["verify", package]
    for number, path in enumerate(old.values()):
        built, verified = calls[1 + 2 * number : 3 + 2 * number]
        assert (built[:3], built[-2:]) == (["build", "source", "--locked"], ["--after", path])
        assert verified == ["verify", package, "--upgrade-from", path]
    steps = ["--upgrade-from", old["1.2.0"], "--upgrade-from", old["1.4.0"]]
    assert calls[7:] == [["verify", package, *steps]]


@scripts_run
@pytest.mark.parametrize(
    "fault",
    [
        "verify build/released-1.5.0.apkg",
        "--after published/released-1.2.0",
        "--upgrade-from published/released-1.4.0",
    ],
)
def test_a_package_that_does_not_arrive_is_refused(
    fault: str, hotfix: Place, stub: dict[str, str]
) -> None:
    """One problem refuses the release, after everything was judged."""
    said = hotfix.refuses(VERIFY, **stub | {"CODES": json.dumps({fault: 1})})
    assert "released-1.5.0 would not reach its learners whole" in said
    assert len(hotfix.recorded()) == 8


@scripts_run
def test_a_hotfix_beside_a_higher_version_is_allowed(hotfix: Place, stub: dict[str, str]) -> None:
    """What learners of a higher version would miss is a warning: this is not for them."""
    done = hotfix.run(VERIFY, **stub | {"CODES": '{"released-1.10.0": 1}'})
    assert done.returncode == 0
    assert "learners who have released-1.10.0" in done.stderr


@scripts_run
def test_an_unusable_command_is_no_verdict(hotfix: Place, stub: dict[str, str]) -> None:
    """A command that could not do its work refuses the release, whatever it was about."""
    said = hotfix.refuses(VERIFY, **stub | {"CODES": '{"released-1.10.0": 2}'})
    assert "ended with exit code 2" in said


@scripts_run
def test_the_older_of_two_is_not_shown_first(hotfix: Place) -> None:
    """A hotfix of an older version is published, but not as the latest release."""
    (hotfix.root / "build" / "notes.md").write_text("notes", encoding="utf-8")
    hotfix.passes(PUBLISH.replace("1.0.0", "1.5.0"))
    (created,) = hotfix.calls("release", "create")
    assert "--latest=false" in created
    assert "CRSS: Released 1.5.0" in created


@scripts_run
def test_notes_that_are_too_long_are_shortened(hotfix: Place, stub: dict[str, str]) -> None:
    """Of too many changes there remain the changelog and how to check a download."""
    (hotfix.root / "source").mkdir()
    changelog = "# Changelog\n\n## 1.5.0 (2026-01-01)\n\nBetter.\n\n## 1.4.0 (2025-01-01)\n\nOld.\n"
    (hotfix.root / "source" / "CHANGELOG.md").write_text(changelog, encoding="utf-8")
    line = "python scripts/deck_release.py notes source released-1.5.0 build published"
    hotfix.passes(line, **stub | {"DIFF": "a change"})
    notes = hotfix.root / "build" / "notes.md"
    assert "Every change from 1.4.0 to 1.5.0" in notes.read_text("utf-8")
    (hotfix.programs / "stub" / "crss_deck" / "__main__.py").write_text("print('x' * 120_000)\n")
    hotfix.passes(line, **stub)
    text = notes.read_text("utf-8")
    assert text.startswith("Better.\n\nThe single changes since released-1.4.0 are too many")
    assert "sha256sum --check SHA256SUMS" in text
    assert "Old." not in text


@scripts_run
def test_a_tag_of_something_else_is_refused(released: tuple[Place, Author]) -> None:
    """The tag of another deck or version builds nothing."""
    place, _ = released
    for tag in ("released-1.0.1", "other-1.0.0"):
        assert "released-1.0.0" in place.refuses(BUILD.replace("released-1.0.0", tag))
    assert place.run(BUILD.replace("released-1.0.0", "v1.0.0")).returncode == 2
    assert not (place.root / "build").exists()


@scripts_run
def test_a_draft_is_refused(released: tuple[Place, Author]) -> None:
    """A deck that was changed after its release is not built under its tag."""
    place, author = released
    author.edit("Is one a name?", "Is one another name?")
    place.deck(author)
    assert "draft" in place.refuses(BUILD)


@scripts_run
def test_other_tools_are_refused(released: tuple[Place, Author]) -> None:
    """The package is built by the versions that deck.lock records, or not at all."""
    place, author = released
    place.passes(BUILD)
    author.files["deck.lock"] = re.sub(
        "pygments/[0-9.]+", "pygments/2.0.1", author.text("deck.lock")
    )
    place.deck(author)
    said = place.refuses(BUILD)
    assert f"pygments 2.0.1 (here: {metadata.version('pygments')})" in said


@scripts_run
def test_a_published_release_is_never_replaced(released: tuple[Place, Author]) -> None:
    """Published again, the same files change nothing, and other files are refused."""
    place, _ = released
    place.passes(BUILD)
    (place.root / "build" / "notes.md").write_text("notes", encoding="utf-8")
    place.passes(PUBLISH)
    assert "with the same files" in place.passes(PUBLISH)
    assert len(place.calls("release", "create")) == 1
    shutil.rmtree(place.root / "build")
    package_folder(place.root / "build", "released-1.0.0")
    assert "never replaced" in place.refuses(PUBLISH)
    (place.root / "build" / "released-1.0.0.apkg").write_bytes(b"changed on the way")
    assert "not the file that SHA256SUMS describes" in place.refuses(PUBLISH)


@scripts_run
def test_a_draft_release_is_in_the_way(released: tuple[Place, Author]) -> None:
    """What somebody left on GitHub under this tag, unpublished, is not touched."""
    place, _ = released
    place.passes(BUILD)
    (place.github / "releases" / "released-1.0.0").mkdir(parents=True)
    (place.github / "releases" / "released-1.0.0" / "draft").touch()
    assert "delete it" in place.refuses(PUBLISH)


FETCH = "python scripts/deck_release.py fetch released-2.0.0 published"


@scripts_run
def test_only_other_releases_of_the_deck_are_fetched(place: Place) -> None:
    """No library's, no other deck's, no draft and not the tag itself."""
    for tag in (
        "released-1.0.0",
        "released-2.0.0",
        "released-more-1.0.0",
        "v1.0.0",
        "released-3.0.0",
    ):
        package_folder(place.github / "releases" / tag, tag)
    (place.github / "releases" / "released-3.0.0" / "draft").touch()
    assert place.passes(FETCH) == "published before: released-1.0.0\n"
    assert [path.name for path in (place.root / "published").iterdir()] == ["released-1.0.0"]


@scripts_run
def test_a_damaged_download_is_refused(place: Place) -> None:
    """A published package that is missing or not the one that was published is found."""
    folder = place.github / "releases" / "released-1.0.0"
    package_folder(folder, "released-1.0.0")
    (folder / "released-1.0.0.apkg").write_bytes(b"another package")
    assert "not the file that SHA256SUMS describes" in place.refuses(FETCH)
    (folder / "released-1.0.0.apkg").unlink()
    shutil.rmtree(place.root / "published")
    assert "lacks released-1.0.0.apkg" in place.refuses(FETCH)


@scripts_run
def test_too_many_releases_are_not_passed_over(place: Place) -> None:
    """A list of releases that may have been cut off is refused."""
    for number in range(1000):
        (place.github / "releases" / f"v1.0.{number}").mkdir(parents=True)
    assert "some would be missed" in place.refuses(FETCH)


@scripts_run
def test_a_missing_program_is_said(place: Place) -> None:
    """Without `gh` the reason is one line."""
    (place.programs / "gh").unlink()
    place.refuses(FETCH, PATH=str(place.programs) + os.pathsep + "/bin")


@scripts_run
def test_the_gate(released: tuple[Place, Author]) -> None:
    """A wrong tag, a warning and a failing test each stop a release."""
    place, author = released
    (gate,) = [line for line in lines_of("release-deck.yml", "gate") if "gate.sh" in line]
    gate = gate.replace("-n 2", "-q -p no:cacheprovider")
    tests = place.root / "test_one.py"
    tests.write_text("def test_one(): pass\n", encoding="utf-8")
    assert "1 passed" in place.passes(gate, GITHUB_REF_NAME="released-1.0.0")
    place.refuses(gate, GITHUB_REF_NAME="released-1.0.1")
    tests.write_text("def test_one(): assert False\n", encoding="utf-8")
    assert place.run(gate, GITHUB_REF_NAME="released-1.0.0").returncode == 1
    tests.write_text("def test_one(): pass\n", encoding="utf-8")
    author.files["media/unused.png"] = b"no picture"
    place.deck(author)
    place.refuses(gate, GITHUB_REF_NAME="released-1.0.0")


# ------------------------------------------------------------------ the same bytes

REBUILD = "bash scripts/rebuild-check.sh --here"


@scripts_run
def test_a_release_is_built_again(released: tuple[Place, Author]) -> None:
    """Built twice more in other folders, a release has the checksums of the first build."""
    place, _ = released
    place.passes(BUILD)
    sums = (place.root / "build" / "SHA256SUMS").read_text("utf-8")
    said = place.passes(f"{REBUILD} source build/SHA256SUMS")
    assert said == f"{sums}the same bytes, built twice\n"
    (place.root / "build" / "SHA256SUMS").write_text(sums.replace("0", "1"), encoding="utf-8")
    assert "not with build/SHA256SUMS" in place.refuses(f"{REBUILD} source build/SHA256SUMS")


@scripts_run
def test_a_trial_release_leaves_the_deck_alone(released: tuple[Place, Author]) -> None:
    """A deck that is no release is released in the copies only."""
    place, author = released
    author.edit("Is one a name?", "Is one another name?")
    place.deck(author)
    place.refuses(REBUILD)
    assert "released-1.0.1.apkg\n" in place.passes(f"{REBUILD} --trial source")
    for path, content in author.files.items():
        assert (place.root / "source" / path).read_text("utf-8") == content


@scripts_run
def test_an_unlike_build_is_found(released: tuple[Place, Author]) -> None:
    """A package that depends on where it was built is found, and both checksums are shown."""
    place, _ = released
    script = (place.root / "scripts" / "deck_release.py").read_text("utf-8")
    script = script.replace('description=(__doc__ or "")', 'description=""')
    odd = 'if sys.argv[1] == "build":\n    Path("build").mkdir()\n'
    odd += '    Path("build/SHA256SUMS").write_text(str(Path.cwd()))\n    sys.exit()\n'
    script = script.replace('if __name__ == "__main__":\n', f"{odd}\nif __name__:\n", 1)
    (place.root / "scripts" / "deck_release.py").write_text(script, encoding="utf-8")
    assert "the second build differs" in place.refuses(f"{REBUILD} source")


# ------------------------------------------------------------------ pull requests

SUMMARY = "python scripts/diff_summary.py base/source source"


@scripts_run
def test_a_pull_request_shows_what_changes(released: tuple[Place, Author]) -> None:
    """The summary has the changed words, as Markdown."""
    place, author = released
    author.write(place.root / "base" / "source")
    author.edit("Is one a name?", "Is one a wonderful name?")
    place.deck(author)
    place.passes(SUMMARY)
    summary = place.summary.read_text("utf-8")
    assert summary.startswith("## What changes for learners\n\n")
    assert "wonderful" in summary


@scripts_run
def test_a_pull_request_without_a_comparison(place: Place) -> None:
    """A deck that is new, gone or faulty is said to be so, and is no failure of this step."""
    author = first_release()
    said = [place.passes(SUMMARY, GITHUB_STEP_SUMMARY="")]
    place.deck(author)
    said.append(place.passes(SUMMARY, GITHUB_STEP_SUMMARY=""))
    faulty = author.branch()
    faulty.files["notes.md"] = "Q: a\n"
    faulty.write(place.root / "base" / "source")
    said.append(place.passes(SUMMARY, GITHUB_STEP_SUMMARY=""))
    place.deck(faulty)
    said.append(place.passes(SUMMARY, GITHUB_STEP_SUMMARY=""))
    assert [text.split("\n")[2] for text in said] == [
        "There is no deck here any more.",
        "The deck is new.",
        "There is nothing to compare: the deck as it was has errors.",
        "There is nothing to compare: the deck as it would be has errors.",
    ]


@scripts_run
def test_a_summary_has_a_limit(released: tuple[Place, Author], stub: dict[str, str]) -> None:
    """A summary that GitHub would drop is cut at a line; a failing comparison fails the step."""
    place, author = released
    author.write(place.root / "base" / "source")
    main = place.programs / "stub" / "crss_deck" / "__main__.py"
    main.write_text("print(('ä' * 99 + '\\n') * 9_000)\n", encoding="utf-8")
    place.passes(SUMMARY, **stub)
    lines = place.summary.read_text("utf-8").splitlines()
    assert len(place.summary.read_bytes()) < 1_000_000
    assert lines[-1] == "The rest is too long to show here."
    assert set(lines[2:-2]) == {"ä" * 99}
    main.write_text("import sys\nsys.exit('no' if sys.argv[1] == 'diff' else 0)\n")
    place.refuses(SUMMARY, **stub)
    assert place.run("python scripts/diff_summary.py").returncode == 2


@scripts_run
def test_findings_become_annotations(released: tuple[Place, Author]) -> None:
    """On GitHub a finding is shown at its line, and a warning fails the step too."""
    place, author = released
    (line,) = [line for line in lines_of("ci.yml", "deck") if "check.sh" in line]
    place.passes(line)
    author.files["media/unused.png"] = b"no picture"
    place.deck(author)
    done = place.run(line, GITHUB_ACTIONS="true")
    assert done.returncode == 1
    assert re.search("^::warning .*file=source/media/unused.png", done.stdout)
    assert "::warning" not in place.run(line).stdout


# ------------------------------------------------------------------ other people's decks


@scripts_run
def test_the_action(place: Place, tmp_path: Path) -> None:
    """The action's last line builds a deck, hands on where the package is, and heeds its inputs."""
    author = first_release()
    author.write(place.root / "my deck")
    (place.root / "crss-deck-here").mkdir()
    (place.root / "crss-deck-here" / "bin").symlink_to(place.programs)
    install, line = [step["run"] for step in steps_of(ACTION) if "run" in step]
    assert '--apart build "$RUNNER_TEMP/crss-deck"' in install
    (place.root / "crss-deck").symlink_to(place.root / "crss-deck-here")
    given = {
        "GITHUB_ACTION_PATH": str(place.root),
        "RUNNER_TEMP": str(place.root),
        "GITHUB_OUTPUT": str(tmp_path / "output"),
        "SOURCE": "my deck",
        "OUTPUT": "out",
        "STRICT": "true",
        "LOCKED": "true",
    }
    place.passes(line, **given)
    assert (tmp_path / "output").read_text("utf-8") == "package=out/released-1.0.0.apkg\n"
    assert (place.root / "out" / "released-1.0.0.apkg").is_file()

    author.files["media/unused.png"] = b"no picture"
    author.edit("Is one a name?", "Is one another name?")
    author.write(place.root / "my deck")
    done = place.run(line, **given)
    assert done.returncode == 1
    assert re.search("^::warning .*file=my deck/media/unused.png", done.stdout)
    assert "draft" in place.refuses(line, **given | {"STRICT": "false"})
    place.passes(line, **given | {"STRICT": "false", "LOCKED": "false"})
    assert (place.root / "out" / "released-1.0.0+draft.apkg").is_file()
    assert "must be true or false" in place.refuses(line, **given | {"STRICT": "yes"})


@scripts_run
def test_the_hook_runs(released: tuple[Place, Author]) -> None:
    """What pre-commit would run passes for a good deck and fails for one with a warning."""
    place, author = released
    (hook,) = loaded(ROOT / ".pre-commit-hooks.yaml")
    place.passes(hook["entry"])
    author.files["media/unused.png"] = b"no picture"
    author.write(place.root / "mydeck")
    place.passes(hook["entry"])
    place.refuses(f"{hook['entry']} mydeck")


# ------------------------------------------------------------------ installing

FAKE_PYTHON = """\
import json, os, pathlib, shutil, sys
with open(os.environ["RECORD"], "a") as record:
    record.write(json.dumps(sys.argv[1:]) + "\\n")
if sys.argv[1:3] == ["-m", "venv"]:
    programs = pathlib.Path(sys.argv[3], "bin")
    programs.mkdir(parents=True)
    shutil.copy(os.environ["PYTHON"], programs / "python")
if sys.argv[1] == "-c":
    print("the programs")
"""


@scripts_run
@pytest.mark.parametrize("name", ["build", "verify", "test", "publish"])
def test_installing_goes_by_hashes(name: str, place: Place, tmp_path: Path) -> None:
    """Nothing is installed but what requirements/ names by hash, and the library itself."""
    python = str(place.program("fake-python", script=FAKE_PYTHON))
    path = tmp_path / "path"
    place.passes(f"bash scripts/install.sh {name}", PYTHON=python, GITHUB_PATH=str(path))
    made, installed, *more = place.recorded()
    assert made == ["-m", "venv", ".venv"]
    assert {"--require-hashes", "--only-binary", ":all:"} <= set(installed)
    requirements = f"{place.root.resolve()}/requirements/{name}.txt"
    assert installed[-2:] == ["--requirement", requirements]
    library = [call for call in more if call[0] != "-c"]
    assert len(library) == (name != "publish")
    for call in library:
        assert {"--no-index", "--no-deps", "--no-build-isolation"} <= set(call)
        assert call[-1] == str(place.root.resolve())
    assert path.read_text("utf-8") == "the programs\n"
    path.unlink()
    apart = f"bash scripts/install.sh --apart {name} elsewhere"
    place.passes(apart, PYTHON=python, GITHUB_PATH=str(path))
    assert not path.exists()


@scripts_run
def test_requirements_are_written_anew(place: Place) -> None:
    """One script writes every requirements file, with hashes and for every system."""
    place.only_records("uv")
    place.passes("bash scripts/compile-requirements.sh --upgrade-package pygments")
    calls = place.recorded()
    written = [call[call.index("--output-file") + 1] for call in calls]
    assert written == [
        f"requirements/{name}.txt" for name in ("build", "verify", "test", "publish")
    ]
    for call in calls:
        assert {"--generate-hashes", "--universal", "--no-emit-index-url"} <= set(call)
        assert "--upgrade" not in call
        assert call[call.index("--upgrade-package") + 1] == "pygments"


# ------------------------------------------------------------------ the library


def installed(*names: str) -> None:
    """Skip where a package is missing that comes with the extra `dev`."""
    for name in names:
        try:
            metadata.version(name)
        except metadata.PackageNotFoundError:
            pytest.skip(f"{name} is not installed: it comes with the extra `dev`")


LIBRARY = ("crss_deck", "README.md", "LICENSE", "pyproject.toml", "CHANGELOG.md")


@scripts_run
def test_the_library_is_built_under_its_tag(place: Place) -> None:
    """The tag has to be that of the version, the changelog has to know it; same tag, same bytes."""
    installed("build", "flit_core")
    if not (ROOT / "crss_deck").is_dir():
        pytest.skip("the source of the library was taken away, to test the wheel")
    for name in LIBRARY:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, place.root / name)
    text = (place.root / "crss_deck" / "__init__.py").read_text("utf-8")
    (version,) = re.findall(r'^__version__ = "(.*)"$', text, re.MULTILINE)
    (line,) = [line for line in lines_of("publish.yml", "build") if "library-build" in line]
    given = {"PYTHONPATH": "", "SOURCE_DATE_EPOCH": "1764547200"}
    said = place.refuses(line, **given, GITHUB_REF_NAME="v99.0.0")
    assert version in said
    changelog = place.root / "CHANGELOG.md"
    changelog.write_text("# Changelog\n\n## [Unreleased]\n", encoding="utf-8")
    assert "no section" in place.refuses(line, **given, GITHUB_REF_NAME=f"v{version}")
    changelog.write_text(f"# Changelog\n\n## [{version}] - 2026-01-01\n", encoding="utf-8")
    built = []
    for _ in range(2):
        place.passes(line, **given, GITHUB_REF_NAME=f"v{version}")
        dist = place.root / "dist"
        built.append({path.name: path.read_bytes() for path in dist.iterdir()})
        shutil.rmtree(dist)
    assert built[0] == built[1]
    assert len(built[0]) == 2


@scripts_run
def test_the_library_is_uploaded_without_a_password(place: Place) -> None:
    """Just the two files are uploaded, by the identity of the job."""
    place.only_records("uv")
    dist = place.root / "dist"
    dist.mkdir()
    for name in ("crss_deck-1.0.0.tar.gz", "crss_deck-1.0.0-py3-none-any.whl", "other.txt"):
        (dist / name).touch()
    (line,) = [line for line in lines_of("publish.yml", "publish") if "library-publish" in line]
    place.passes(line)
    (call,) = place.recorded()
    assert call[:3] == ["publish", "--trusted-publishing", "always"]
    files = ["dist/crss_deck-1.0.0.tar.gz", "dist/crss_deck-1.0.0-py3-none-any.whl"]
    assert call[3:] == files


@scripts_run
def test_lint_runs_every_gate(place: Place) -> None:
    """The lint script looks at the project it is called in, and fails when one gate does."""
    installed("ruff", "mypy")
    (place.root / "pyproject.toml").write_text('[tool.mypy]\nfiles = ["good.py"]\n', "utf-8")
    shutil.rmtree(place.root / "scripts")
    line = f"python {SCRIPTS}/lint.py --installed"
    good = place.root / "good.py"
    good.write_text('"""Good."""\n\nNUMBER: int = 1\n', encoding="utf-8")
    place.passes(line)
    for fault in ('"""Wrong type."""\n\nNUMBER: int = ""\n', "import os\n", "NUMBER  =  1\n"):
        good.write_text(fault, encoding="utf-8")
        assert place.run(line).returncode == 1


# ------------------------------------------------------------------ the workflow of a new deck


class NewDeck:
    """A repository with a deck as `crss-deck init` makes it, on a machine with stand-ins."""

    def __init__(self, place: Place, folder: str = ".") -> None:
        shutil.rmtree(place.root)
        self.place = place
        self.folder = place.root / folder
        self.id = init_deck(self.folder, suffix="x7k2p9", name="Tea").id
        self.notes = self.folder / "source" / "01-first-notes.md"
        self.workflow = loaded(self.folder / ".github" / "workflows" / "release.yml")
        self.date = FIRST
        place.only_records("pip")

    def edit(self, before: str, after: str) -> None:
        """Put one text in the place of another."""
        text = self.notes.read_text(encoding="utf-8")
        assert text.count(before) == 1
        self.notes.write_text(text.replace(before, after), encoding="utf-8")

    def release(self, *allow: str) -> str:
        """Make the next release; its tag."""
        self.date += 86_400
        return release_deck(self.folder / "source", clock=self.date, allow=allow).tag

    def steps(self, job: str) -> dict[str, str]:
        """What a job runs, by the name of the step."""
        return {
            step["name"]: step["run"]
            for step in self.workflow["jobs"][job]["steps"]
            if "run" in step
        }

    def publishes(self, tag: str, fails: str = "") -> str:
        """Do what the workflow does for a tag, up to the step that has to fail; what it says."""
        for folder in ("build", "published"):
            shutil.rmtree(self.folder / folder, ignore_errors=True)
        where = self.workflow["jobs"]["build"]["defaults"]["run"].get("working-directory", ".")
        for name, line in (self.steps("build") | self.steps("publish")).items():
            if name in self.steps("build"):
                line = f"cd {where}\n{line}"
            elif where != ".":  # the artifact is there, and nothing else
                shutil.copytree(self.place.root / self.uploaded, self.place.root / "build")
            variables = {"GITHUB_REF_NAME": tag, **self.workflow["env"]}
            if name == fails:
                done = self.place.run(line, **variables)
                assert done.returncode == 1, done.stdout + done.stderr
                assert "Traceback" not in done.stderr
                return done.stdout + done.stderr
            self.place.passes(line, **variables)
        assert not fails
        return ""

    @property
    def uploaded(self) -> str:
        """The folder that the job which builds hands over."""
        *_, last = self.workflow["jobs"]["build"]["steps"]
        return str(last["with"]["path"])


@pytest.fixture
def new_deck(place: Place) -> NewDeck:
    """A new deck without a release."""
    return NewDeck(place)


def test_a_new_deck_may_do_what_it_must(place: Place) -> None:
    """Its tags alone start the workflow, and only the job that publishes can write."""
    deck = NewDeck(place)
    (pattern,) = deck.workflow[True]["push"]["tags"]
    assert list(deck.workflow[True]) == ["push"]
    assert starts(pattern, f"{deck.id}-1.12.0")
    assert not starts(pattern, "tea-1.12.0")
    assert not starts(pattern, f"{deck.id}-1.0")
    assert deck.workflow["permissions"] == {}
    jobs = deck.workflow["jobs"]
    assert {name: job["permissions"]["contents"] for name, job in jobs.items()} == {
        "build": "read",
        "publish": "write",
    }
    assert all(len(job["permissions"]) == 1 for job in jobs.values())
    assert jobs["publish"]["needs"] == "build"
    text = (place.root / ".github" / "workflows" / "release.yml").read_text(encoding="utf-8")
    assert not any("${{" in line for job in jobs for line in deck.steps(job).values()), text


@scripts_run
@pytest.mark.anki
def test_a_new_deck_publishes_its_releases(new_deck: NewDeck) -> None:
    """Three releases by the very lines of the workflow, the last at a price that was allowed."""
    first = new_deck.release()
    new_deck.publishes(first)
    new_deck.edit("three minutes", "four minutes")
    second = new_deck.release()
    new_deck.publishes(second)
    new_deck.edit("{{c2::the leaves}}", "the leaves")
    third = new_deck.release("card-removed")
    # Another deck, and what is not published, are not looked at.
    for name in (f"{new_deck.id}-2-1.0.0", "other-1.0.0", f"{new_deck.id}-1.0.5"):
        (new_deck.place.github / "releases" / name).mkdir()
    (new_deck.place.github / "releases" / f"{new_deck.id}-1.0.5" / "draft").touch()
    new_deck.publishes(third)
    assert [first, second, third] == [f"{new_deck.id}-{v}" for v in ("1.0.0", "1.0.1", "2.0.0")]

    published = new_deck.place.github / "releases"
    for tag in (first, second, third):
        names = {f"{tag}.apkg", f"{tag}.json", "SHA256SUMS", "notes"}
        assert {path.name for path in (published / tag).iterdir()} == names
    created = new_deck.place.calls("release", "create")
    assert [call[2] for call in created] == [first, second, third]
    assert all("--verify-tag" in call for call in created)
    downloaded = new_deck.place.calls("release", "download")
    assert [call[2] for call in downloaded] == [first, first, second]
    notes = [(published / tag / "notes").read_text("utf-8") for tag in (first, second, third)]
    assert notes[0].strip() == "First release."
    assert notes[1].lstrip().startswith("Import the new file over the old one")
    assert "<summary>Every change since 1.0.0</summary>\n\n### Reworded" in notes[1]
    assert "<del>three</del> <ins>four</ins> minutes" in notes[1]
    assert "Tools > Empty Cards" in notes[2].partition("<details>")[0]
    assert "1.0.1" in notes[2] and "First release" not in notes[2]


@scripts_run
def test_a_new_deck_is_built_by_what_released_it(new_deck: NewDeck) -> None:
    """The versions in deck.lock are installed; without any, the version that made the workflow."""
    install = new_deck.steps("build")["Install"]
    variables = {"GITHUB_REF_NAME": f"{new_deck.id}-1.0.0", **new_deck.workflow["env"]}
    new_deck.place.passes(install, **variables)
    new_deck.release()
    lock = new_deck.place.root / "source" / "deck.lock"
    ours = f"crss-deck/{crss_deck.__version__}"
    assert ours in lock.read_text(encoding="utf-8")
    new_deck.place.passes(install, **variables)
    text = lock.read_text(encoding="utf-8").replace(ours, "crss-deck/7.8.9")
    later = text.replace("release 1.0.0 ", "release 1.10.0 ").replace("7.8.9", "9.9.9")
    lock.write_text(text + later, encoding="utf-8")
    new_deck.place.passes(install, **variables)
    tools = lock_tools()
    others = [f"{name}=={tools[name]}" for name in ("markdown-it-py", "pygments")]
    wanted = ["install", "crss-deck[anki]"]
    assert new_deck.place.recorded() == [
        [*wanted, f"crss-deck=={crss_deck.__version__}"],
        [*wanted, f"crss-deck=={crss_deck.__version__}", *others],
        [*wanted, "crss-deck==7.8.9", *others],
    ]


@scripts_run
def test_a_new_deck_refuses_what_is_no_release(new_deck: NewDeck) -> None:
    """A tag before a release, of another version, or of a deck that was changed since."""
    tag = f"{new_deck.id}-1.0.0"
    assert "crss-deck release" in new_deck.publishes(tag, fails="Build")
    assert new_deck.release() == tag
    wrong = new_deck.publishes(f"{new_deck.id}-1.0.1", fails="Build")
    assert "::error::source/deck.toml has another version than this tag" in wrong
    new_deck.edit("three minutes", "four minutes")
    assert "a draft (changed: a-pot-of-tea)" in new_deck.publishes(tag, fails="Build")
    new_deck.edit("Extra: What", "Extra What")
    new_deck.edit("<!-- id: one-plant-two-teas -->", "")
    assert "::warning title=crss-deck (missing-id)" in new_deck.publishes(tag, fails="Check")
    assert not (new_deck.place.github / "releases").exists()


@scripts_run
@pytest.mark.anki
def test_a_new_deck_refuses_what_would_not_arrive(new_deck: NewDeck) -> None:
    """A lost deck.lock gives new text an old date."""
    new_deck.publishes(new_deck.release())
    (new_deck.place.root / "source" / "deck.lock").unlink()
    new_deck.edit("three minutes", "four minutes")
    toml = new_deck.place.root / "source" / "deck.toml"
    toml.write_text(toml.read_text("utf-8").replace("1.0.0", "1.0.1"), encoding="utf-8")
    new_deck.date -= 2 * 86_400
    said = new_deck.publishes(new_deck.release(), fails="Try it in Anki")
    assert "would not arrive" in said and "a-pot-of-tea" in said
    assert len(new_deck.place.calls("release", "create")) == 1


@scripts_run
@pytest.mark.anki
def test_one_of_several_decks_publishes_its_releases(place: Place) -> None:
    """With the two changes of the recipe, a deck in a folder of its own is released as well."""
    deck = NewDeck(place, "bread")
    text = (deck.folder / ".github" / "workflows" / "release.yml").read_text(encoding="utf-8")
    recipe = RECIPES.read_text(encoding="utf-8")
    for old, new in (
        ("shell: bash", "working-directory: bread"),
        ("path: build/\n          if-no", "path: bread/build/"),
    ):
        assert text.count(old) == 1 and f"`{new}`" in recipe
        changed = f"{old}\n        {new}" if "shell" in old else old.replace("path: build/", new)
        text = text.replace(old, changed)
    top = place.root / "release-bread.yml"
    top.write_text(text, encoding="utf-8")
    deck.workflow = loaded(top)
    assert deck.uploaded == "bread/build/"
    tag = deck.release()
    deck.publishes(tag)
    names = {f"{tag}.apkg", f"{tag}.json", "SHA256SUMS", "notes"}
    assert {path.name for path in (place.github / "releases" / tag).iterdir()} == names
    code, said = output_of(tool("actionlint"), "-shellcheck", tool("shellcheck"), str(top))
    assert code == 0, said
