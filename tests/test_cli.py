"""The command as people and scripts meet it: what it prints where, and how it ends."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from command_helper import crss_deck_command, environment, run
from deck_helper import DECK_TOML

import crss_deck
from crss_deck import cli

GOOD = "Q: a\n\nA: b\n<!-- id: one -->\n\n{{c1::c}} and {{c2::d}}\n<!-- id: two -->\n"
DRAFT = "Q: a\n\nA: b\n"
RUN_ON = "Q: a\nA: b\n<!-- id: one -->\n"
FAULTY = "Q: a\n\nA: b\n\nHnit: c\n<!-- id: one -->\n"
posix_only = pytest.mark.skipif(os.name == "nt", reason="signals, terminals and locales of POSIX")


def deck(folder: Path, notes: str, manifest: str = DECK_TOML, name: str = "source") -> Path:
    """A deck with one notes file, in the folder `source` of a folder; that folder."""
    (folder / name).mkdir(parents=True)
    (folder / name / "deck.toml").write_text(manifest, encoding="utf-8")
    (folder / name / "notes.md").write_text(notes, encoding="utf-8", newline="\n")
    return folder


FULL = """\
error[misspelt-label]: `Hnit:` is almost the label `Hint:`: it is one letter away from a label
 --> source/notes.md:5:1
  |
5 | Hnit: c
  | ^^^^^
help: write `Hint: ` for the field; for text, write Hnit\\:

"""
CONCISE = (
    "source/notes.md:5:1: error[misspelt-label] `Hnit:` is almost the label `Hint:`:"
    " it is one letter away from a label\n"
)


# ------------------------------------------------------------------ build


def test_build_prints_the_path_and_nothing_else(tmp_path: Path) -> None:
    """A script gets the path of the package on stdout; a person a line about it on stderr."""
    done = run("build", cwd=deck(tmp_path, GOOD))
    path = Path("build") / "spec-deck-1.0.0+draft.apkg"
    assert done.returncode == 0
    assert done.stdout == f"{path}\n"
    assert re.fullmatch(r"built 1\.0\.0\+draft\.[0-9a-f]{8}: 2 notes, 3 cards\n", done.stderr)
    assert (tmp_path / path).is_file()


CLAIMS = """\
[[claim]]
id = "A-1"
text = "a"

[[claim]]
id = "A-2"
text = "b"
waived = "said in jest"

[[claim]]
id = "A-3"
text = "c"

[[claim]]
id = "A-4"
text = "d"
waived = "and asked all the same"
"""


def test_build_says_how_much_of_the_source_is_covered(tmp_path: Path) -> None:
    """In one line, on stderr, unless it shall be quiet; the build record has the numbers."""
    notes = GOOD.replace("id: one", "id: one; claims: A-1 A-4")
    folder = deck(tmp_path, notes, DECK_TOML + 'claims = "claims.toml"\n')
    (folder / "source" / "claims.toml").write_text(CLAIMS, encoding="utf-8")
    done = run("build", cwd=folder)
    assert done.returncode == 0
    assert done.stderr.endswith("\nclaims: 2 of 4 covered, 1 waived, 1 open\n")
    record = json.loads(Path(folder, done.stdout[:-6] + ".json").read_text(encoding="utf-8"))
    assert record["claims"] == {"all": 4, "covered": 2, "waived": 1, "open": 1}
    assert run("build", "-q", cwd=folder).stderr == ""


def test_a_build_without_claims_says_nothing_of_them(tmp_path: Path) -> None:
    """Most decks are made from no one source."""
    done = run("build", cwd=deck(tmp_path, GOOD))
    assert "claims" not in done.stderr
    record = json.loads(Path(tmp_path, done.stdout[:-6] + ".json").read_text(encoding="utf-8"))
    assert record["claims"] is None


def test_a_fault_in_a_named_file_is_one_of_configuration(tmp_path: Path) -> None:
    """Nothing can be said of the deck while its claims are not understood: exit code 2."""
    folder = deck(tmp_path, GOOD, DECK_TOML + 'claims = "claims.toml"\n')
    (folder / "source" / "claims.toml").write_text("[[claim]]\nid = 1\n", encoding="utf-8")
    done = run("check", "--output-format", "concise", cwd=folder)
    assert done.returncode == 2
    assert "source/claims.toml:2:6: error[claims-file]" in done.stdout


def test_build_takes_a_source_and_an_output_folder(tmp_path: Path) -> None:
    """SOURCE and -o name the folders; the path printed begins as the output folder was given."""
    deck(tmp_path, GOOD, name="my deck")
    for option in ("-o", "--output"):
        done = run("build", "my deck", option, "out/of here", cwd=tmp_path)
        assert done.returncode == 0
        assert Path(done.stdout.rstrip("\n")).parent == Path("out/of here")
    absolute = run("build", str(tmp_path / "my deck"), "-o", str(tmp_path / "abs"), cwd=tmp_path)
    assert Path(absolute.stdout.rstrip("\n")).is_absolute()


def test_a_quiet_build_prints_only_the_path(tmp_path: Path) -> None:
    """With -q neither warnings nor the summary are shown."""
    done = run("build", "-q", cwd=deck(tmp_path, DRAFT))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(".apkg\n")
    assert done.stdout.count("\n") == 1


def test_a_build_with_warnings_is_done(tmp_path: Path) -> None:
    """Warnings are shown on stderr, and the package is built."""
    done = run("build", cwd=deck(tmp_path, DRAFT))
    assert done.returncode == 0
    assert done.stdout.count("\n") == 1
    assert done.stderr.startswith("warning[missing-id]: ")
    assert "\n1 warning\n" in done.stderr


def test_a_build_with_errors_writes_nothing(tmp_path: Path) -> None:
    """Errors are shown on stderr, stdout stays empty, and no folder is made; exit 1."""
    done = run("build", cwd=deck(tmp_path, FAULTY))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"{FULL}1 error\n"
    assert not (tmp_path / "build").exists()


def test_one_source_builds_the_same_bytes_again(tmp_path: Path) -> None:
    """SOURCE_DATE_EPOCH stands for the clock, so a second build changes nothing."""
    deck(tmp_path, GOOD)
    contents = []
    for _ in range(2):
        run("build", cwd=tmp_path)
        contents.append({path.name: path.read_bytes() for path in (tmp_path / "build").iterdir()})
    assert len(contents[0]) == 3
    assert contents[0] == contents[1]


# ------------------------------------------------------------------ check


def test_check_of_a_good_deck(tmp_path: Path) -> None:
    """Nothing found: nothing on stdout, one line on stderr, exit 0, nothing written."""
    done = run("check", cwd=deck(tmp_path, GOOD))
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "2 notes, 3 cards, no faults\n"
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


def test_check_shows_findings_on_stdout(tmp_path: Path) -> None:
    """Findings go to stdout in full, the count to stderr; exit 1."""
    done = run("check", cwd=deck(tmp_path, FAULTY))
    assert (done.returncode, done.stdout, done.stderr) == (1, FULL, "1 error\n")


def test_check_concise(tmp_path: Path) -> None:
    """One line for each finding, for editors."""
    done = run("check", "--output-format", "concise", cwd=deck(tmp_path, FAULTY))
    assert (done.returncode, done.stdout, done.stderr) == (1, CONCISE, "1 error\n")


def test_paths_are_shown_from_where_one_stands(tmp_path: Path) -> None:
    """A path in a finding can be opened as it is printed."""
    deck(tmp_path, FAULTY, name="a/b")
    for source, cwd, shown in (
        ("a/b", tmp_path, "a/b/notes.md"),
        ("b", tmp_path / "a", "b/notes.md"),
        (".", tmp_path / "a" / "b", "notes.md"),
        ("../b/", tmp_path / "a" / "b", "../b/notes.md"),
    ):
        done = run("check", source, "--output-format", "concise", cwd=cwd)
        assert done.stdout.startswith(f"{shown}:5:1: ")


@pytest.mark.parametrize(
    ("notes", "options", "code", "shown"),
    [
        (DRAFT, [], 0, "warning[missing-id]"),
        (DRAFT, ["--strict"], 1, "warning[missing-id]"),
        (DRAFT, ["-q"], 0, ""),
        (DRAFT, ["--quiet", "--strict"], 1, ""),
        (FAULTY, ["-q"], 1, "error[misspelt-label]"),
        (RUN_ON, [], 0, ""),
        (RUN_ON, ["--strict"], 0, ""),
        (RUN_ON, ["-v"], 0, "info[run-on-labels]"),
        (RUN_ON, ["--verbose", "--strict"], 0, "info[run-on-labels]"),
        (RUN_ON, ["-v", "-q"], 0, ""),
    ],
)
def test_how_much_is_said(
    notes: str, options: list[str], code: int, shown: str, tmp_path: Path
) -> None:
    """Warnings fail with --strict, infos never; -q shows errors only, -v infos too."""
    done = run("check", *options, cwd=deck(tmp_path, notes))
    assert done.returncode == code
    assert done.stdout.partition(":")[0] == shown
    if {"-q", "--quiet"} & set(options):
        assert done.stderr == ""


def test_build_is_never_strict(tmp_path: Path) -> None:
    """`build` has no --strict; what it does not offer is a usage error."""
    done = run("build", "--strict", cwd=deck(tmp_path, GOOD))
    assert done.returncode == 2
    assert "No such option" in done.stderr


# ------------------------------------------------------------------ wrong use


@pytest.mark.parametrize("command", ["build", "check"])
def test_a_source_that_is_not_there(command: str, tmp_path: Path) -> None:
    """One line says what is missing, without a traceback; exit 2."""
    done = run(command, "nowhere", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: nowhere: no such folder\n"


@pytest.mark.parametrize("command", ["build", "check"])
def test_a_source_without_deck_toml(command: str, tmp_path: Path) -> None:
    """One line says that this is no deck; exit 2."""
    (tmp_path / "source").mkdir()
    done = run(command, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(r"error: source: there is no deck\.toml.*\n", done.stderr)


@pytest.mark.parametrize(
    "command",
    [["build"], ["check"], ["check", "--fix"], ["release"], ["preview"], ["preview", "--watch"]],
)
def test_a_folder_beside_that_of_the_deck(command: list[str], tmp_path: Path) -> None:
    """One folder too high, or in that of the deck: the message names the right one; exit 2."""
    deck(tmp_path / "my deck", GOOD)
    above = run(*command, "my deck", cwd=tmp_path)
    assert (above.returncode, above.stdout) == (2, "")
    assert above.stderr == (
        "error: my deck: there is no deck.toml, so this is not the folder of a deck;"
        f" did you mean {Path('my deck', 'source')}?\n"
    )
    inside = run(*command, cwd=tmp_path / "my deck" / "source")
    assert (inside.returncode, inside.stdout) == (2, "")
    assert inside.stderr == (
        "error: source: no such folder; deck.toml is in this folder: name it as `.`\n"
    )
    assert run("check", ".", cwd=tmp_path / "my deck" / "source").returncode == 0
    elsewhere = run(*command, str(tmp_path / "none"), cwd=tmp_path / "my deck" / "source")
    assert elsewhere.stderr == f"error: {tmp_path / 'none'}: no such folder\n"


@pytest.mark.parametrize("command", ["build", "check"])
@pytest.mark.parametrize(
    ("manifest", "rule"),
    [
        (DECK_TOML + "x = [", "manifest-syntax"),
        (DECK_TOML + 'nmae = "x"\n', "manifest-key"),
        (DECK_TOML.replace("format = 1", "format = 2"), "manifest-value"),
        ("", "manifest-key"),
    ],
)
def test_a_wrong_deck_toml(command: str, manifest: str, rule: str, tmp_path: Path) -> None:
    """A fault in deck.toml means that nothing can be done at all; exit 2."""
    done = run(command, cwd=deck(tmp_path, GOOD, manifest))
    assert done.returncode == 2
    assert f"error[{rule}]" in (done.stderr if command == "build" else done.stdout)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["biuld"], "Did you mean 'build'?"),
        (["explain", "upddate-did-not-arrive"], "Did you mean 'update-did-not-arrive'?"),
        (["chekc", "source"], "Did you mean 'check'?"),
        (["build", "--otput", "x"], "--output"),
        (["check", "--srtict"], "--strict"),
        (["xyzzy"], "No such command 'xyzzy'."),
        (["check", "--output-format", "conscise"], "concise"),
        (["check", "--color", "sometimes"], "auto"),
        (["check", "source", "another"], "unexpected extra argument"),
        (["build", "-o"], "requires an argument"),
        (["--verison"], "--version"),
    ],
)
def test_a_misspelt_command_line(arguments: list[str], said: str, tmp_path: Path) -> None:
    """Wrong use is exit 2, with what was probably meant, on stderr."""
    done = run(*arguments, cwd=deck(tmp_path, GOOD))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(("Usage: ", "Error: "))
    assert said in done.stderr


EPOCHS = [
    "",
    "x",
    "-1",
    "1.5",
    "0",
    "1",
    " 2",
    "2 ",
    "1e9",
    "0x10",
    "1_000",
    "４２",
    "٤٢",
    "99999999999",
    "9" * 5000,
]


@pytest.mark.parametrize("command", ["build", "check"])
@pytest.mark.parametrize("epoch", EPOCHS, ids=lambda epoch: repr(epoch[:12]))
def test_a_bad_source_date_epoch(command: str, epoch: str, tmp_path: Path) -> None:
    """A clock that is no number of seconds, or no possible one, is wrong use; exit 2."""
    env = {**environment(), "SOURCE_DATE_EPOCH": epoch}
    done = run(command, cwd=deck(tmp_path, GOOD), env=env)
    assert (done.returncode, done.stdout) == (2, "")
    assert "SOURCE_DATE_EPOCH" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "build").exists()


@pytest.mark.parametrize("epoch", ["2", "1234567890", "01234567890"])
def test_a_good_source_date_epoch(epoch: str, tmp_path: Path) -> None:
    """The record has the date of the second before the one given."""
    done = run("build", cwd=deck(tmp_path, GOOD), env=environment(SOURCE_DATE_EPOCH=epoch))
    assert done.returncode == 0
    record = (tmp_path / done.stdout.rstrip("\n")).with_suffix(".json").read_text(encoding="utf-8")
    date = "1970-01-01T00:00:01Z" if epoch == "2" else "2009-02-13T23:31:29Z"
    assert f'"date": "{date}"' in record


def test_without_an_epoch_the_clock_counts(tmp_path: Path) -> None:
    """The date of a build is the clock's, less a second."""
    done = run("build", cwd=deck(tmp_path, GOOD), env=environment(SOURCE_DATE_EPOCH=""))
    package = crss_deck.read_apkg(tmp_path / done.stdout.rstrip("\n"))
    written = (tmp_path / "build" / "SHA256SUMS").stat().st_mtime
    assert written - 60 < package.stamp < written


# ------------------------------------------------------------------ help and version


def test_version(tmp_path: Path) -> None:
    """The version of the library, on stdout."""
    done = run("--version", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"crss-deck {crss_deck.__version__}\n"


@pytest.mark.parametrize(
    "arguments", [["-h"], ["--help"], ["build", "-h"], ["build", "--help"], ["check", "-h"]]
)
def test_help(arguments: list[str], tmp_path: Path) -> None:
    """Help comes on stdout; every option of it has a word of explanation."""
    done = run(*arguments, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Usage: ")
    options = done.stdout.partition("Options:\n")[2].partition("\n\n")[0]
    assert re.findall(r"^  -.*\S$", options, re.MULTILINE)
    assert not re.findall(r"^  -[^ ]*(?: [A-Z-]+)?$(?!\n {10})", options, re.MULTILINE)


def test_what_a_command_does_is_said_whole(tmp_path: Path) -> None:
    """The list of commands has a whole sentence about each, on a terminal of 80 columns."""
    shown = run("--help", cwd=tmp_path, env=environment(COLUMNS="80")).stdout
    lines = shown.partition("Commands:\n")[2].splitlines()
    assert len(lines) == 8
    assert all(re.fullmatch(r"  [a-z]+ +[A-Z].*[^.]\.", line) for line in lines)


def test_no_command_shows_help(tmp_path: Path) -> None:
    """Alone, the command shows what it can do, and that it did nothing; exit 2."""
    done = run(cwd=tmp_path)
    assert done.returncode == 2
    assert "build" in done.stdout + done.stderr
    assert "check" in done.stdout + done.stderr


@pytest.mark.parametrize(
    "arguments", [["--version"], ["--help"], ["build", "--help"], ["check", "-h"], ["biuld"]]
)
def test_little_is_imported_for_help(arguments: list[str], tmp_path: Path) -> None:
    """Help and version wait for Click and one module of ours, whatever else we depend on."""
    main = "from crss_deck.cli import main; main()"
    bare = "import click; click.version_option('1')(click.group()(lambda: None))()"
    ours, clicks = (imported_by(script, arguments, tmp_path) for script in (main, bare))
    assert {"click.core", "crss_deck.cli"} <= ours
    more = ours - clicks
    known = set(sys.stdlib_module_names)
    wrong = {"crss_deck.spelling"} if arguments == ["biuld"] else set()
    assert {name for name in more if name.partition(".")[0] not in known | {"click"}} == {
        "crss_deck",
        "crss_deck.cli",
        *wrong,
    }
    # What of the standard library takes more than a hundredth of the whole.
    slow = {"asyncio", "dataclasses", "importlib.metadata", "json", "locale", "pathlib", "sqlite3"}
    assert not more & (slow | {"tomllib", "urllib.parse", "zipfile"})


def imported_by(script: str, arguments: list[str], folder: Path) -> set[str]:
    """The modules that a script loads."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", script, *arguments],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    return {
        line.rpartition("|")[2].strip()
        for line in done.stderr.splitlines()
        if line.startswith("import time:")
    }


# ------------------------------------------------------------------ colours

COLOR = "\x1b["


def in_terminal(
    *arguments: str,
    cwd: Path,
    env: Mapping[str, str],
    command: list[str] | None = None,
    width: int = 0,
) -> str:
    """What the command, or another one, prints when its output is a terminal.

    Without a width the terminal does not say how wide it is.
    """
    import pty
    import termios

    controller, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, (24, width))
    with subprocess.Popen(
        [*command, *arguments] if command else crss_deck_command(*arguments),
        cwd=cwd,
        env=env,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
    ):
        os.close(terminal)
        parts = []
        while True:
            try:
                part = os.read(controller, 4096)
            except OSError:  # how Linux says that the other side is closed
                break
            if not part:
                break
            parts.append(part)
    os.close(controller)
    return b"".join(parts).decode().replace("\r\n", "\n")


@posix_only
@pytest.mark.parametrize(
    ("options", "variables", "colored"),
    [
        ([], {"TERM": "xterm"}, True),
        ([], {"TERM": "dumb"}, False),
        ([], {"TERM": "xterm", "NO_COLOR": "1"}, False),
        ([], {"TERM": "xterm", "NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
        ([], {"TERM": "dumb", "FORCE_COLOR": "1"}, True),
        (["--color", "never"], {"TERM": "xterm", "FORCE_COLOR": "1"}, False),
        (["--color", "always"], {"TERM": "dumb", "NO_COLOR": "1"}, True),
        (["--color=auto"], {"TERM": "xterm"}, True),
    ],
)
def test_colours_on_a_terminal(
    options: list[str], variables: dict[str, str], colored: bool, tmp_path: Path
) -> None:
    """A terminal gets colours unless it or its user refuses them; an option wins over both."""
    env = environment(**variables)
    shown = in_terminal("check", *options, cwd=deck(tmp_path, FAULTY), env=env)
    assert (COLOR in shown) == colored
    assert re.sub(r"\x1b\[[0-9;]*m", "", shown) == f"{FULL}1 error\n"


@pytest.mark.parametrize(
    ("options", "variables", "colored"),
    [
        ([], {"TERM": "xterm"}, False),
        ([], {"FORCE_COLOR": "1"}, True),
        ([], {"NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
        (["--color", "always"], {}, True),
        (["--color", "always"], {"NO_COLOR": "1"}, True),
        (["--color", "never"], {"FORCE_COLOR": "1"}, False),
    ],
)
@pytest.mark.parametrize("command", ["check", "build"])
def test_colours_off_a_terminal(
    command: str, options: list[str], variables: dict[str, str], colored: bool, tmp_path: Path
) -> None:
    """A file or pipe gets no colours unless they are asked for."""
    done = run(command, *options, cwd=deck(tmp_path, FAULTY), env=environment(**variables))
    shown = done.stdout if command == "check" else done.stderr
    assert (COLOR in shown) == colored
    assert re.sub(r"\x1b\[[0-9;]*m", "", shown).startswith(FULL)


# ------------------------------------------------------------------ width


@posix_only
@pytest.mark.parametrize(
    "arguments", [["check"], ["build"], ["explain"], ["explain", "misspelt-label"]]
)
@pytest.mark.parametrize("width", [60, 70])
def test_the_width_of_a_terminal(arguments: list[str], width: int, tmp_path: Path) -> None:
    """What has more columns than the terminal is cut or wrapped, and nowhere else."""
    notes = FAULTY.replace("Hnit: c", f"Hnit: {'words ' * 30}")
    deck(tmp_path, notes)
    env = environment(TERM="dumb")
    shown = in_terminal(*arguments, cwd=tmp_path, env=env, width=width)
    assert max(map(len, shown.splitlines())) <= width
    piped = run(*arguments, cwd=tmp_path)
    assert max(map(len, (piped.stdout + piped.stderr).splitlines())) > width


@posix_only
def test_a_very_narrow_terminal(tmp_path: Path) -> None:
    """Below forty columns nothing more is cut: there would be nothing left to read."""
    deck(tmp_path, FAULTY)
    shown = [
        in_terminal("check", cwd=tmp_path, env=environment(TERM="dumb"), width=width)
        for width in (10, 40)
    ]
    assert shown[0] == shown[1]


# ------------------------------------------------------------------ long work

_SLOW = """\
import importlib, sys, time
from crss_deck import cli, progress
progress.AFTER = 0.05
module, name = sys.argv.pop(1).split(".")
owner = importlib.import_module("crss_deck." + module)
real = getattr(owner, name)
def slow(*arguments, **options):
    time.sleep(0.4)
    return real(*arguments, **options)
setattr(owner, name, slow)
cli.main()
"""
SLOW = [sys.executable, "-c", _SLOW]


def on_screen(output: str) -> list[str]:
    """The lines of a terminal: what is behind the last return of each is over the rest."""
    return [line.rpartition("\r")[2] for line in output.rstrip("\n").split("\n")]


@posix_only
@pytest.mark.parametrize(
    ("slow", "arguments", "doing", "left"),
    [
        ("compiler.compile_deck", ["check"], "checking source", ["2 notes, 3 cards, no faults"]),
        (
            "fix.compile_deck",
            ["check", "--fix"],
            "checking source",
            ["2 notes, 3 cards, no faults"],
        ),
        ("build.compile_deck", ["build", "-q"], "", ["build/spec-deck-1.0.0+draft.apkg"]),
        ("build.compile_deck", ["build"], "building source", None),
        ("preview.compile_deck", ["preview"], "previewing source", None),
        ("difference.compile_deck", ["diff", "source", "source"], "comparing source with", None),
        ("release.compile_deck", ["release"], "comparing source with what was released", None),
    ],
)
def test_long_work_says_so_on_a_terminal(
    slow: str, arguments: list[str], doing: str, left: list[str] | None, tmp_path: Path
) -> None:
    """One line tells what is done and for how long; it is gone when the work is done."""
    deck(tmp_path, GOOD)
    shown = in_terminal(slow, *arguments, cwd=tmp_path, env=environment(TERM="xterm"), command=SLOW)
    if doing:
        assert re.search(rf"\r{doing}.* … 1 s +\r{doing}.* … 2 s", shown)
    assert "…" not in "".join(on_screen(shown))
    if left is not None:
        assert on_screen(shown) == left


@posix_only
@pytest.mark.parametrize(
    ("options", "variables"), [(["-q"], {"TERM": "xterm"}), ([], {"TERM": "dumb"})]
)
def test_long_work_may_be_silent(
    options: list[str], variables: dict[str, str], tmp_path: Path
) -> None:
    """With -q, and on a terminal that cannot go back in its line."""
    deck(tmp_path, GOOD)
    env = environment(**variables)
    shown = in_terminal(
        "compiler.compile_deck", "check", *options, cwd=tmp_path, env=env, command=SLOW
    )
    assert "\r" not in shown
    assert "checking" not in shown


def test_long_work_is_silent_off_a_terminal(tmp_path: Path) -> None:
    """A log gets the result alone."""
    done = subprocess.run(
        [*SLOW, "compiler.compile_deck", "check"],
        cwd=deck(tmp_path, GOOD),
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("", "2 notes, 3 cards, no faults\n")


@posix_only
def test_long_work_that_is_interrupted_leaves_no_line(tmp_path: Path) -> None:
    """Errors, too, stand on a clean line."""
    deck(tmp_path, GOOD)
    (tmp_path / "source" / "deck.toml").unlink()
    shown = in_terminal(
        "folder.read_deck", "check", cwd=tmp_path, env=environment(TERM="xterm"), command=SLOW
    )
    assert "checking source … 1 s" in shown
    (line,) = on_screen(shown)
    assert line.startswith("error: source: there is no deck.toml")


# ------------------------------------------------------------------ other programs


@pytest.fixture
def opened(tmp_path: Path) -> Path:
    """A folder with stand-ins for what opens a file on Linux and macOS; they note it there."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("xdg-open", "open"):
        text = (
            f'#!/bin/sh\necho "$@" >"{programs}/part" && mv "{programs}/part" "{programs}/seen"\n'
        )
        (programs / name).write_text(text, encoding="utf-8")
        (programs / name).chmod(0o755)
    return programs


def seen(programs: Path) -> str:
    """What was opened; the command does not wait for it."""
    for _ in range(500):
        if (programs / "seen").exists():
            return (programs / "seen").read_text(encoding="utf-8").rstrip("\n")
        time.sleep(0.02)
    pytest.fail("nothing was opened")


@posix_only
@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (["build", "--open"], "build/spec-deck-1.0.0+draft.apkg"),
        (["build", "--open", "-o", "-odd name"], "-odd name/spec-deck-1.0.0+draft.apkg"),
        (["preview", "--open"], "build/preview.html"),
    ],
)
def test_what_was_made_is_opened(
    arguments: list[str], name: str, opened: Path, tmp_path: Path
) -> None:
    """`--open` hands it to the system, by its whole path; stdout still is the path alone."""
    path = f"{opened}{os.pathsep}{os.environ['PATH']}"
    done = run(*arguments, cwd=deck(tmp_path, GOOD), env=environment(PATH=path))
    assert (done.returncode, done.stdout) == (0, f"{name}\n")
    assert seen(opened) == str(tmp_path / name)


@posix_only
def test_nothing_is_opened_unasked_or_broken(opened: Path, tmp_path: Path) -> None:
    """Without `--open`, or after an error, the system is left alone."""
    path = f"{opened}{os.pathsep}{os.environ['PATH']}"
    run("build", cwd=deck(tmp_path, GOOD), env=environment(PATH=path))
    deck(tmp_path, FAULTY, name="faulty")
    assert (
        run("build", "faulty", "--open", cwd=tmp_path, env=environment(PATH=path)).returncode == 1
    )
    time.sleep(0.2)
    assert not (opened / "seen").exists()


linux_only = pytest.mark.skipif(
    sys.platform != "linux", reason="elsewhere the system itself opens files"
)


@linux_only
@pytest.mark.parametrize(
    ("arguments", "made"),
    [(["build"], "build/spec-deck-1.0.0+draft.apkg"), (["preview"], "build/preview.html")],
)
def test_what_opens_finds_nothing(
    arguments: list[str], made: str, opened: Path, tmp_path: Path
) -> None:
    """Whatever xdg-open says when it gives up, one line of ours says that; exit 2."""
    (opened / "xdg-open").write_text("#!/bin/sh\necho lynx: not found | tee /dev/stderr\nexit 3\n")
    path = f"{opened}{os.pathsep}{os.environ['PATH']}"
    done = run(*arguments, "-q", "--open", cwd=deck(tmp_path, GOOD), env=environment(PATH=path))
    assert (done.returncode, done.stdout) == (2, f"{made}\n")
    assert done.stderr == f"error: {tmp_path / made}: the system has no program that opens it\n"


@linux_only
def test_a_browser_that_stays(opened: Path, tmp_path: Path) -> None:
    """If xdg-open becomes the browser itself, nobody waits for its end."""
    (opened / "xdg-open").write_text("#!/bin/sh\nexec sleep 30\n")
    path = f"{opened}{os.pathsep}{os.environ['PATH']}"
    began = time.monotonic()
    done = run("preview", "--open", cwd=deck(tmp_path, GOOD), env=environment(PATH=path))
    assert (done.returncode, done.stdout) == (0, "build/preview.html\n")
    assert time.monotonic() - began < 20


@linux_only
def test_an_address_without_what_opens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without xdg-open, an address still goes to a browser that Python finds."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("webbrowser.open", lambda target: target == "http://127.0.0.1:1/")
    assert cli._open("http://127.0.0.1:1/") == 0
    assert cli._open("http://127.0.0.1:2/") == 2
    assert cli._open(tmp_path / "page.html") == 2


@linux_only
def test_nothing_that_opens(tmp_path: Path) -> None:
    """Where no program opens files, the package is built, and the rest is said; exit 2."""
    (tmp_path / "none").mkdir()
    env = environment(PATH=str(tmp_path / "none"))
    done = run("build", "--open", cwd=deck(tmp_path, GOOD), env=env)
    assert (done.returncode, done.stdout) == (2, "build/spec-deck-1.0.0+draft.apkg\n")
    assert (tmp_path / done.stdout.rstrip("\n")).is_file()
    assert done.stderr.endswith(": the system has no program that opens it\n")


def completed(line: str, cwd: Path) -> list[str]:
    """What bash is told to offer for a line."""
    words = line.split(" ")
    env = environment(
        _CRSS_DECK_COMPLETE="bash_complete", COMP_WORDS=line, COMP_CWORD=str(len(words) - 1)
    )
    done = run(cwd=cwd, env=env)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("crss-deck bu", ["plain,build"]),
        ("crss-deck pre", ["plain,preview"]),
        ("crss-deck build so", ["dir,so"]),
        ("crss-deck check ", ["dir,"]),
        ("crss-deck release my", ["dir,my"]),
        ("crss-deck preview so", ["file,so"]),
        ("crss-deck verify pub", ["file,pub"]),
        ("crss-deck build --lo", ["plain,--locked"]),
        ("crss-deck check --output-format gi", ["plain,github"]),
    ],
)
def test_completion(line: str, offered: list[str], tmp_path: Path) -> None:
    """Shells are offered commands, options and choices; for a source, folders."""
    assert completed(line, tmp_path) == offered


def test_completion_after_a_mistake(tmp_path: Path) -> None:
    """A command that there is not is no reason for a shell to show an error."""
    assert "plain,build" in completed("crss-deck biuld ", tmp_path)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_learns_to_complete(shell: str, tmp_path: Path) -> None:
    """What the manual tells to put into the shell's own file is a script for it."""
    if shell == "bash" and shutil.which("bash") is None:
        pytest.skip("there is no bash")
    done = run(cwd=tmp_path, env=environment(_CRSS_DECK_COMPLETE=f"{shell}_source"))
    assert done.returncode == 0
    assert f"_CRSS_DECK_COMPLETE={shell}_complete" in done.stdout


# ------------------------------------------------------------------ how it ends

_WAITING = """\
import sys, time
from crss_deck import cli, compiler
def wait(*arguments, **options):
    print("waiting", flush=True)
    time.sleep(60)
compiler.compile_deck = wait
cli.main()
"""


@posix_only
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal(number: int, code: int, tmp_path: Path) -> None:
    """Told to end, the command ends quietly, with the code that says how."""
    with subprocess.Popen(
        [sys.executable, "-c", _WAITING, "check"],
        cwd=deck(tmp_path, GOOD),
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "waiting\n"
        process.send_signal(number)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == code
    assert errors.strip() == ""


@posix_only
@pytest.mark.parametrize("arguments", [["check"], ["build", "-o", "out"], ["--help"], ["explain"]])
def test_a_reader_that_goes_away(arguments: list[str], tmp_path: Path) -> None:
    """When nobody reads the output any more, the command says nothing about it.

    The exit code tells what it tells otherwise.
    """
    notes = "".join(f"Q: {n}\n\nA: b\n\nHnit: c\n<!-- id: n{n} -->\n\n" for n in range(40))
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        crss_deck_command(*arguments),
        cwd=deck(tmp_path, notes if arguments == ["check"] else GOOD),
        env=environment(),
        stdout=writing,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writing)
    assert done.returncode == (1 if arguments == ["check"] else 0)
    assert b"Traceback" not in done.stderr
    assert b"Broken pipe" not in done.stderr
    assert b"Exception ignored" not in done.stderr


@posix_only
@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
@pytest.mark.parametrize("command", ["check", "build"])
def test_an_output_that_is_closed(command: str, closed: str, tmp_path: Path) -> None:
    """Started without stdout or stderr, as some schedulers do, the command does its work."""
    line = f'"$0" -m crss_deck {command} {closed}'
    done = subprocess.run(
        ["/bin/sh", "-c", line, sys.executable],
        cwd=deck(tmp_path, GOOD),
        env=environment(),
        capture_output=True,
        check=False,
    )
    assert b"Traceback" not in done.stderr
    assert done.returncode == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_an_output_that_is_full(tmp_path: Path) -> None:
    """Output that cannot be written is an error of the disk; exit 2."""
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        done = subprocess.run(
            crss_deck_command("check"),
            cwd=deck(tmp_path, FAULTY),
            env=environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_fault_of_our_own(tmp_path: Path) -> None:
    """A broken promise between our own functions is exit 2, never mistaken for a faulty deck."""
    script = (
        "from crss_deck import cli, compiler\n"
        "def fault(*arguments, **options):\n    raise AssertionError('a fault of our own')\n"
        "compiler.compile_deck = fault\ncli.main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "check"],
        cwd=deck(tmp_path, GOOD),
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "a fault of our own" in done.stderr


# ------------------------------------------------------------------ languages of the world

FOREIGN = "Q: שלום 漢字 é\n\nA: b\n\nHnit: …\n<!-- id: one -->\n"


@posix_only
@pytest.mark.parametrize("locale", ["C", "POSIX", "C.UTF-8", "tr_TR.UTF-8"])
def test_any_locale(locale: str, tmp_path: Path) -> None:
    """Files and folders with names of any language work in any locale."""
    deck(tmp_path, GOOD, name="مصدر")
    (tmp_path / "مصدر" / "ملاحظات.md").write_text(
        "Q: שלום\n\nA: b\n<!-- id: x -->\n", encoding="utf-8"
    )
    done = run("build", "مصدر", "-o", "בנייה", cwd=tmp_path, env=environment(LC_ALL=locale))
    assert done.returncode == 0
    assert (tmp_path / done.stdout.rstrip("\n")).is_file()
    assert "3 notes, 4 cards" in done.stderr


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
@pytest.mark.parametrize("command", ["check", "build"])
def test_an_output_that_cannot_show_everything(command: str, encoding: str, tmp_path: Path) -> None:
    """What an old terminal or a pipe on Windows has no sign for is escaped, and nothing is lost."""
    notes = FAULTY.replace("Hnit: c", "Hnit: שלום")
    env = environment(PYTHONIOENCODING=encoding, PYTHONUTF8="0")
    done = subprocess.run(
        crss_deck_command(command),
        cwd=deck(tmp_path, notes),
        env=env,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 1
    shown = (done.stdout if command == "check" else done.stderr).decode(encoding)
    assert "error[misspelt-label]" in shown
    assert ("שלום" if encoding == "utf-8" else r"\u05e9\u05dc\u05d5\u05dd") in shown


def test_control_characters_cannot_steer_the_terminal(tmp_path: Path) -> None:
    """Whatever stands in a text, a path or an argument is shown escaped."""
    evil = "\x1b]0;evil\x07\x1b[31m\u202e"
    deck(tmp_path, f"Q: a{evil}\n\nA: b\n\nHnit: {evil}\n<!-- id: a{evil}; tags: {evil} -->\n")
    done = run("check", cwd=tmp_path)
    assert done.returncode == 1
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", done.stdout + done.stderr)
    assert "\\x1b" in done.stdout
    assert "\\u202e" in done.stdout
    missing = run("build", f"no{evil}", cwd=tmp_path)
    assert missing.returncode == 2
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", missing.stderr)
    wrong = run(f"buil{evil}d", cwd=tmp_path)
    assert wrong.returncode == 2
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", wrong.stderr)
