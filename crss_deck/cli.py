"""The command `crss-deck`: arguments, echo and exit codes. Holds no logic that the library lacks.

Everything but Click is imported inside a command, so that `--help` and `--version` are instant.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import time
from contextlib import suppress
from functools import wraps
from io import TextIOWrapper
from types import FrameType
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from crss_deck import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from click.shell_completion import CompletionItem

    from crss_deck.compiler import Compilation, DeckError
    from crss_deck.diagnostics import Diagnostic
    from crss_deck.progress import Progress

DONE, FAULTY, UNUSABLE, INTERRUPTED, TERMINATED = 0, 1, 2, 130, 143


class _Talk(NamedTuple):
    """How much is said, and in which colours."""

    quiet: bool
    verbose: bool
    color: str

    def colored(self, stream: Any) -> bool:
        """Whether a stream gets colours: asked for, or a terminal that does not refuse them."""
        if self.color != "auto":
            return self.color == "always"
        if os.environ.get("NO_COLOR"):
            return False
        if os.environ.get("FORCE_COLOR"):
            return True
        return stream is not None and stream.isatty() and os.environ.get("TERM") != "dumb"


def _width(stream: Any) -> int | None:
    """How many columns a stream has; None if it is no terminal, or one that does not know."""
    if stream is None or not stream.isatty():
        return None
    with suppress(OSError, ValueError):
        columns = os.get_terminal_size(stream.fileno()).columns
        return max(columns, 40) if columns else None
    return None


class _Group(click.Group):
    """A group that suggests the command that was meant."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        unknown = self.get_command(ctx, name) is None and not name.startswith("-")
        if unknown and not ctx.resilient_parsing:  # as when a shell completes a line
            ctx.fail(f"No such command {name!r}.{_meant(name, self.list_commands(ctx))}")
        return super().resolve_command(ctx, args)


def _meant(word: str, known: Iterable[str]) -> str:
    from crss_deck.spelling import near_ones

    near = near_ones(word, known, 1)
    return f" Did you mean {near[0]!r}?" if near else ""


_CONTEXT = {"help_option_names": ["-h", "--help"]}


def _talk_options(command: Callable[..., int]) -> Callable[..., int]:
    """The options that every command has; it gets them as one argument, `talk`."""

    @wraps(command)
    def talking(quiet: bool, verbose: bool, color: str, **arguments: Any) -> int:
        return command(talk=_Talk(quiet, verbose, color), **arguments)

    decorated: Callable[..., int] = talking
    for option in (
        click.option(
            "--color",
            type=click.Choice(["auto", "always", "never"]),
            default="auto",
            help="Colour the output; auto: on a terminal.",
        ),
        click.option("-v", "--verbose", is_flag=True, help="Show notes on style too."),
        click.option("-q", "--quiet", is_flag=True, help="Show errors only."),
    ):
        decorated = option(decorated)
    return decorated


def _folders(_ctx: click.Context, _argument: click.Parameter, begun: str) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    return [CompletionItem(begun, type="dir")]


_source = click.argument(
    "source", default="source", type=click.Path(path_type=str), shell_complete=_folders
)


@click.group(cls=_Group, context_settings=_CONTEXT)
@click.version_option(__version__, prog_name="crss-deck", message="%(prog)s %(version)s")
def cli() -> None:
    """Compile a folder of Markdown notes into an Anki deck package."""


@cli.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=str))
@click.option("--name", metavar="NAME", help="What Anki calls the deck, if not as the folder.")
@_talk_options
def init(folder: str, name: str | None, talk: _Talk) -> int:
    """Make a new deck in the folder DIR.

    It has a few notes to begin with. Prints the files that it writes, and says what to do next.
    Nothing is written over a file.
    """
    from pathlib import Path

    from crss_deck.folder import SOURCE
    from crss_deck.init import init_deck, name_problem, random_suffix
    from crss_deck.report import printable

    if name is not None and (problem := name_problem(name)):
        raise click.UsageError(f"--name must be {problem}.")
    if not folder:
        raise click.UsageError("DIR names no folder.")
    deck = init_deck(folder, suffix=random_suffix(), name=name or "")
    for file in deck.files:
        click.echo(Path(folder) / file)
    if not talk.quiet:
        cd = "" if Path(folder) == Path() else f"  cd {printable(_quoted(folder))}\n"
        click.echo(
            f"\nThe deck {deck.name} has the id {deck.id}. Next:\n"
            f"{cd}  crss-deck check\n  crss-deck build\n"
            f"Import the package into Anki, then write your own notes in {SOURCE}.",
            err=True,
        )
    return DONE


def _quoted(word: str) -> str:
    """A word for a command line: what the shell would read in another way stands in quotes."""
    import shlex

    quoted = shlex.quote(word)
    return f'"{word}"' if os.name == "nt" and quoted != word else quoted


@cli.command()
@_source
@click.option(
    "-o",
    "--output",
    default="build",
    show_default=True,
    type=click.Path(path_type=str),
    metavar="DIR",
    help="Folder to write to.",
)
@click.option("--locked", is_flag=True, help="Refuse anything but the release in deck.lock.")
@click.option(
    "--after",
    multiple=True,
    type=click.Path(path_type=str),
    metavar="OLD.apkg",
    help="Refuse changes that would not reach learners of this package; may be repeated.",
)
@click.option("--open", "open_", is_flag=True, help="Open the package, as a double-click does.")
@_talk_options
def build(
    source: str, output: str, locked: bool, after: tuple[str, ...], open_: bool, talk: _Talk
) -> int:
    """Build the deck in SOURCE (default: source) into a package.

    Writes the .apkg, its build record (.json) and SHA256SUMS, and prints the path of the .apkg.
    Nothing is touched when there is an error.
    """
    from crss_deck.build import NotReleasedError, build_deck
    from crss_deck.compiler import DeckError
    from crss_deck.report import count_of

    if not output:
        raise click.UsageError("-o names no folder.")
    try:
        clock = None if locked else _clock()
        with _working(talk, f"building {source}"):
            result = build_deck(
                source, output, clock=clock, locked=locked, after=after, parallel=True
            )
    except DeckError as error:
        return _refused(error, talk)
    except NotReleasedError as error:
        _complain(str(error))
        return FAULTY
    _show(result.compilation.diagnostics, talk, "full", sys.stderr)
    package = result.compilation.package
    assert package is not None
    if not talk.quiet:
        counts = [count_of(len(package.notes), "note"), count_of(package.card_count, "card")]
        if package.media:
            counts.append(count_of(len(package.media), "media file"))
        click.echo(f"built {result.compilation.version}: {', '.join(counts)}", err=True)
        if result.compilation.coverage is not None:
            click.echo(f"claims: {result.compilation.coverage}", err=True)
    click.echo(result.path)
    return _open(result.path) if open_ else DONE


@cli.command()
@_source
@click.option(
    "--output-format",
    type=click.Choice(["full", "concise", "json", "github"]),
    default="full",
    show_default=True,
    help="How findings are printed.",
)
@click.option("--strict", is_flag=True, help="Fail on warnings too.")
@click.option(
    "--fix", is_flag=True, help="Write missing ids and cloze numbers, and mend misspelt words."
)
@click.option("--diff", is_flag=True, help="With --fix: show the changes and write nothing.")
@_talk_options
def check(source: str, output_format: str, strict: bool, fix: bool, diff: bool, talk: _Talk) -> int:
    """Check the deck in SOURCE (default: source) without building it."""
    from crss_deck.compiler import compile_deck
    from crss_deck.folder import read_deck

    if diff and not fix:
        raise click.UsageError("--diff goes with --fix.")
    if fix:
        return _fix(source, output_format, strict, diff, talk)
    clock = _clock()
    with _working(talk, f"checking {source}"):
        result = compile_deck(read_deck(source), clock=clock, parallel=True)
    _show(result.diagnostics, talk, output_format, sys.stdout)
    _praise(result, talk)
    return _exit_code(result.diagnostics, strict)


def _refused(error: DeckError, talk: _Talk) -> int:
    """Say why the deck was not built; the exit code."""
    _show(error.diagnostics, talk, "full", sys.stderr)
    return _exit_code(error.diagnostics)


def _praise(result: Compilation, talk: _Talk) -> None:
    """Say of a deck without findings what it holds."""
    from crss_deck.report import count_of

    if result.package is not None and not talk.quiet and not _shown(result.diagnostics, talk):
        counts = count_of(len(result.package.notes), "note")
        click.echo(f"{counts}, {count_of(result.package.card_count, 'card')}, no faults", err=True)


def _fix(source: str, output_format: str, strict: bool, diff: bool, talk: _Talk) -> int:
    from crss_deck.fix import fix_deck
    from crss_deck.report import count_of, printable

    clock = _clock()
    with _working(talk, f"checking {source}"):
        result = fix_deck(source, clock=clock, write=not diff)
    for reason in result.refused:
        click.echo(f"error: {reason}", err=True)
    if diff:
        for change in result.changes:
            for line in change.diff().split("\n")[:-1]:
                click.echo(printable(line))
        return FAULTY if result.changes or result.refused else DONE
    if result.changes and not talk.quiet:
        edits = count_of(sum(change.edits for change in result.changes), "place")
        files = count_of(len(result.changes), "file")
        click.echo(f"fixed {edits} in {files}", err=True)
    left = result.compilation.diagnostics
    _show(left, talk, output_format, sys.stdout)
    if _shown(left, talk) and not talk.quiet:
        click.echo("what is left needs a decision of yours", err=True)
    _praise(result.compilation, talk)
    return _exit_code(left, strict)


@cli.command()
@_source
@click.option(
    "--bump", type=click.Choice(["major", "minor", "patch"]), help="Raise the version at least so."
)
@click.option("--version", "version", metavar="X.Y.Z", help="Release as this version.")
@click.option("--date", metavar="ISO", help="Date the release, as 2026-11-22T07:10:00Z.")
@click.option("--allow", multiple=True, metavar="KIND", help="Accept a hazard that was named.")
@click.option(
    "--rerender",
    multiple=True,
    is_flag=False,
    flag_value="",
    metavar="[KEY]",
    help="Push held notes: all, or that of a key; may be repeated.",
)
@click.option(
    "--recover",
    type=click.Path(path_type=str),
    metavar="OLD.apkg",
    help="Take a lost deck.lock from a released package.",
)
@_talk_options
def release(
    source: str,
    bump: str | None,
    version: str | None,
    date: str | None,
    allow: tuple[str, ...],
    rerender: tuple[str, ...],
    recover: str | None,
    talk: _Talk,
) -> int:
    """Work out the next version of the deck in SOURCE, and record it.

    Without SOURCE, of the deck in the folder source. Writes the version into deck.toml, a section
    of CHANGELOG.md for learners, and deck.lock. Makes no commit and no tag, and says which to make.
    """
    from crss_deck.compiler import DeckError
    from crss_deck.hazards import Level
    from crss_deck.lock import from_iso
    from crss_deck.release import RELEASE_FILES, ReleaseError, release_deck
    from crss_deck.report import printable

    now = int(time.time())
    try:
        moment = from_iso(date) if date else now
    except ValueError as error:
        raise click.UsageError(f"--date: {error}.") from None
    if moment > now:
        raise click.UsageError("--date lies in the future: Anki would refuse the notes.")
    pushed = frozenset(filter(None, rerender)) if rerender else None
    try:
        with _working(talk, f"comparing {source} with what was released"):
            plan = release_deck(
                source,
                clock=moment,
                version=version or "",
                bump=Level[bump.upper()] if bump else Level.NONE,
                allow=allow,
                rerender=pushed,
                recover=recover,
            )
    except DeckError as error:
        return _refused(error, talk)
    except ReleaseError as error:
        _complain(str(error))
        return FAULTY
    _show(plan.warnings, talk, "full", sys.stderr)
    folder = source.rstrip("/")
    folder = f"./{folder}" if folder.startswith("-") else folder
    # Where only a lost lock came back, there is nothing else to commit; but what was not written
    # now may be from a release that was interrupted.
    files = RELEASE_FILES if len(plan.files) > 1 else plan.written
    paths = [printable(_quoted(f"{folder}/{name}")) for name in files]
    named = "" if folder == "source" else f" {printable(_quoted(folder))}"
    if not talk.quiet:
        for change in plan.changes:
            click.echo(f"{change.level.word}: {change.kind.value}: {change.text}", err=True)
        for notice in plan.notices:
            click.echo(f"note: {notice}", err=True)
        steps = [
            f"git add {' '.join(paths)}",
            f'git commit --message "Release {plan.tag}"',
            f"git tag {plan.tag}",
            f"crss-deck build{named} --locked",
        ]
        if len(plan.files) == 1:
            steps[1:] = ['git commit --message "Recover deck.lock"']
        first = "read the changelog, then run" if len(plan.files) > 1 else "run"
        click.echo(f"\nwritten: {', '.join(plan.written)}; {first}", err=True)
        click.echo("\n".join(f"  {step}" for step in steps), err=True)
    click.echo(plan.version)
    return DONE


@cli.command()
@click.argument("old", type=click.Path(path_type=str))
@click.argument("new", type=click.Path(path_type=str))
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["text", "markdown", "json"]),
    default="text",
    show_default=True,
    help="How the difference is printed; markdown: as release notes.",
)
@click.option("--exit-code", is_flag=True, help="Exit with 1 if anything differs.")
@_talk_options
def diff(old: str, new: str, output_format: str, exit_code: bool, talk: _Talk) -> int:
    """Show what differs between OLD and NEW.

    Each is an .apkg file or a source folder. Exits with 1 if something in NEW would not reach
    learners who have OLD.
    """
    from crss_deck.compiler import DeckError
    from crss_deck.difference import compare_paths
    from crss_deck.difference_report import to_json, to_markdown, to_text

    clock = _clock()
    try:
        with _working(talk, f"comparing {old} with {new}"):
            found = compare_paths(old, new, clock=clock)
    except DeckError as error:
        return _refused(error, talk)
    if output_format == "json":
        click.echo(to_json(found))
    elif output_format == "markdown":
        click.echo(to_markdown(found), nl=False)
    elif text := to_text(found, color=talk.colored(sys.stdout)):
        click.echo(text, color=True)
    if not talk.quiet and not found.differs:
        click.echo("no difference", err=True)
    if not talk.quiet and not found.safe:
        click.echo("not all of this would reach learners who have the old package", err=True)
    return FAULTY if not found.safe or (exit_code and found.differs) else DONE


@cli.command()
@click.argument("package", metavar="FILE.apkg", type=click.Path(path_type=str))
@click.option(
    "--upgrade-from",
    "earlier",
    multiple=True,
    type=click.Path(path_type=str),
    metavar="OLD.apkg",
    help="A package that the learner has and studied; may be repeated, the oldest first.",
)
@click.option(
    "--allow", multiple=True, metavar="HAZARD", help="Tell it, but accept it; may be repeated."
)
@click.option(
    "--output-format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="How findings are printed.",
)
@_talk_options
def verify(
    package: str, earlier: tuple[str, ...], allow: tuple[str, ...], output_format: str, talk: _Talk
) -> int:
    """Import FILE.apkg into the real Anki, and check what came of it.

    The collection is thrown away afterwards. With --upgrade-from, a learner imports and studies
    those packages first, and gets FILE.apkg with Anki's default options. Needs Anki:
    pip install "crss-deck[anki]".
    """
    from crss_deck.hazards import HAZARDS
    from crss_deck.verify import VerifyError, verify_package

    for name in allow:
        if name not in HAZARDS:
            raise click.UsageError(f"There is no hazard {name!r}.{_meant(name, HAZARDS)}")

    try:
        with _working(talk, "starting Anki") as work:
            found = verify_package(package, earlier, allow=allow, progress=work.step)
    except VerifyError as error:
        raise click.ClickException(str(error)) from None
    click.echo(found.to_json() if output_format == "json" else found.to_text().rstrip("\n"))
    return DONE if found.ok else FAULTY


@cli.command()
@click.argument(
    "source", metavar="[SOURCE|FILE.apkg]", default="source", type=click.Path(path_type=str)
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=str),
    metavar="FILE.html",
    help="File to write, if not build/preview.html.",
)
@click.option("--watch", is_flag=True, help="Serve the page on 127.0.0.1, and show each save.")
@click.option(
    "--port", type=click.IntRange(0, 65535), metavar="PORT", help="With --watch: on this port."
)
@click.option("--open", "open_", is_flag=True, help="Open the page in a browser.")
@_talk_options
def preview(
    source: str, output: str | None, watch: bool, port: int | None, open_: bool, talk: _Talk
) -> int:
    """Show all cards of a deck or a package on one HTML page.

    SOURCE is the folder of a deck (default: source). The page needs nothing but itself, and its
    path is printed. With --watch nothing is written: its address is printed, and it follows every
    save until Ctrl+C.
    """
    from crss_deck.compiler import DeckError
    from crss_deck.preview import write_preview
    from crss_deck.report import count_of

    if watch and output is not None:
        raise click.UsageError("--watch writes no file: -o goes without it.")
    if port is not None and not watch:
        raise click.UsageError("--port goes with --watch.")
    if output == "":
        raise click.UsageError("-o names no file.")
    if watch:
        return _watch(source, port or 0, open_, talk)
    path = output or "build/preview.html"
    clock = _clock()
    try:
        with _working(talk, f"previewing {source}"):
            shown = write_preview(source, path, clock=clock)
    except DeckError as error:
        return _refused(error, talk)
    _show(shown.diagnostics, talk, "full", sys.stderr)
    if not talk.quiet:
        click.echo(f"previewed {count_of(len(shown.cards), 'card')}", err=True)
    click.echo(path)
    return _open(path) if open_ else DONE


def _watch(source: str, port: int, open_: bool, talk: _Talk) -> int:
    """Serve a preview until interrupted."""
    from crss_deck.preview import Preview
    from crss_deck.report import count_of, printable
    from crss_deck.watch import Watch, serve

    def tell(shown: Preview) -> None:
        _show(shown.diagnostics, talk, "full", sys.stderr)
        if shown.broken and not shown.diagnostics:
            click.echo(printable(shown.findings[0]), err=True)
        if not talk.quiet and not shown.broken:
            click.echo(count_of(len(shown.cards), "card"), err=True)

    with _working(talk, f"previewing {source}"):
        watched = Watch(source)
    tell(watched.preview)
    gc.freeze()  # what is there now mostly stays
    with serve(watched, port) as address:
        click.echo(address)
        if not talk.quiet:
            click.echo(f"watching {printable(source)}; Ctrl+C ends it", err=True)
        _flush()
        if open_:
            _open(address)
        for shown in watched.follow():
            if not talk.quiet:  # else nobody sees where the news begin
                click.echo(time.strftime("--- %H:%M:%S"), err=True)
            tell(shown)
            _flush()
            gc.collect()  # once the news is out: this may run for days
    return DONE


@cli.command()
@click.argument("rule", required=False)
def explain(rule: str | None) -> int:
    """Explain RULE, or a hazard: what it finds, why it matters. Without RULE, list all."""
    from crss_deck.diagnostics import RULES
    from crss_deck.explain import explain_hazard, explain_text, hazard_list
    from crss_deck.hazards import HAZARDS, REFUSED, RELEASE_HAZARDS
    from crss_deck.report import wrapped

    hazards = {*RELEASE_HAZARDS, *REFUSED, *HAZARDS}

    width = _width(sys.stdout)
    if rule is None:
        longest = max(map(len, RULES))
        for each in RULES.values():
            head = f"{each.name:{longest}}  {each.severity:7}  "
            click.echo(wrapped(head + each.summary, width, " " * len(head)))
        click.echo(f"\n{hazard_list(width)}")
        return DONE
    if rule in hazards:
        click.echo(explain_hazard(rule, width))
        return DONE
    if rule not in RULES:
        near = _meant(rule, (*RULES, *sorted(hazards)))
        raise click.UsageError(f"There is no rule {rule!r}.{near}")
    click.echo(explain_text(rule, width))
    return DONE


def _working(talk: _Talk, doing: str) -> Progress:
    """What tells a person at a terminal that long work goes on."""
    from crss_deck.progress import Progress
    from crss_deck.report import printable

    stream = sys.stderr
    told = not talk.quiet and stream is not None and stream.isatty()
    return Progress(printable(doing), stream if told and os.environ.get("TERM") != "dumb" else None)


def _open(target: str | os.PathLike[str]) -> int:
    """Hand a file or an address to the program that the system has for it."""
    from pathlib import Path

    target = os.fspath(target)
    if not target.startswith("http://"):
        target = str(Path(target).absolute())  # no option of that program, whatever its name
    # On Linux click would let xdg-open go on alone, and never learn what came of it.
    elsewhere = sys.platform in ("win32", "cygwin", "darwin")
    if click.launch(target) == 0 if elsewhere else _opened(target):
        return DONE
    _complain(f"{target}: the system has no program that opens it")
    return UNUSABLE


def _opened(target: str) -> bool:
    """Whether xdg-open has opened something, or at least has not given up within a second.

    It gives up at once, but may itself become a browser that stays.
    """
    import subprocess

    quiet = subprocess.DEVNULL
    try:
        opener = subprocess.Popen(["xdg-open", target], stdin=quiet, stdout=quiet, stderr=quiet)
        return opener.wait(1) == 0
    except subprocess.TimeoutExpired:
        return True
    except OSError:  # there is none; but Python knows browsers too
        import webbrowser

        return target.startswith("http://") and webbrowser.open(target)


def _shown(diagnostics: Iterable[Diagnostic], talk: _Talk) -> list[Diagnostic]:
    hidden = {"info"} if not talk.verbose else set()
    if talk.quiet:
        hidden |= {"warning", "info"}
    return [d for d in diagnostics if d.rule.severity not in hidden]


def _show(
    diagnostics: tuple[Diagnostic, ...], talk: _Talk, output_format: str, stream: Any
) -> None:
    from crss_deck.report import as_json, concise, full_report, github, summary

    shown = _shown(diagnostics, talk)
    color = talk.colored(stream)
    with suppress(BrokenPipeError):  # who reads no further may still ask for the exit code
        if output_format == "json":
            click.echo(as_json(shown), file=stream)
        elif output_format == "full":
            for text in full_report(shown, color=color, width=_width(stream)):
                click.echo(text + "\n", file=stream, color=color)
        else:
            line = concise if output_format == "concise" else github
            for diagnostic in shown:
                click.echo(line(diagnostic), file=stream)
    if shown and not talk.quiet:
        click.echo(summary(shown), err=True)


def _exit_code(diagnostics: Iterable[Diagnostic], strict: bool = False) -> int:
    code = DONE
    for diagnostic in diagnostics:
        rule = diagnostic.rule
        if rule.severity == "error":
            code = max(code, UNUSABLE if rule.configuration else FAULTY)
        elif strict and rule.severity == "warning":
            code = max(code, FAULTY)
    return code


def _clock() -> int | None:
    """The moment that SOURCE_DATE_EPOCH names, or None for now."""
    text = os.environ.get("SOURCE_DATE_EPOCH")
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or not 2 <= int(text[:12]) < 2**32:
        raise click.UsageError(
            f"SOURCE_DATE_EPOCH is {text[:20]!r}: it must be whole seconds since 1970, from 2 on"
            " and before 2106."
        )
    if int(text) > time.time() + 300:
        raise click.UsageError("SOURCE_DATE_EPOCH lies in the future: Anki would refuse the notes.")
    return int(text)


def _terminate(_signal: int, _frame: FrameType | None) -> None:
    raise SystemExit(TERMINATED)


def main() -> None:
    """Run the command and exit: 0 done, 1 faults, 2 unusable, 130 interrupted, 143 terminated."""
    code = run()
    with suppress(OSError):  # nobody reads any more
        _flush()
    # Python itself would free each object first, a thirtieth of the time of a small deck.
    os._exit(code)


def run() -> int:
    """Run the command with the arguments of this process; the code to exit with."""
    signal.signal(signal.SIGTERM, _terminate)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # what the terminal cannot show is shown escaped
            stream.reconfigure(errors="backslashreplace")
    stdout = sys.stdout
    code: Any = DONE
    try:
        code = cli.main(prog_name="crss-deck", standalone_mode=False)
        _flush()
    except click.exceptions.Exit as error:
        code = error.exit_code
    except click.ClickException as error:
        with suppress(OSError):
            error.show()
        code = UNUSABLE
    except SystemExit as error:
        # When nobody reads the output any more, Click puts another stream there and ends so.
        code = error.code if sys.stdout is stdout else DONE
    except (click.Abort, KeyboardInterrupt):
        code = INTERRUPTED
    except BrokenPipeError:
        pass  # nobody reads any more: the code still tells
    except Exception as error:
        code = UNUSABLE
        _fail(error)
    return int(code or DONE)


def _fail(error: Exception) -> None:
    """Say why the command could not do its work; a fault of ours with all that helps to mend it."""
    from crss_deck.apkg import PackageError
    from crss_deck.compiler import ClockError
    from crss_deck.report import os_reason

    if isinstance(error, OSError):
        _complain(os_reason(error))
    elif isinstance(error, PackageError | ClockError):
        _complain(str(error))
    else:
        import traceback

        traceback.print_exception(error)
        _complain(f"a fault of crss-deck {__version__} itself: please report it, with these lines")


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:  # closed by whoever started us
            stream.flush()


def _complain(message: str) -> None:
    from crss_deck.report import printable

    with suppress(OSError):
        click.echo(f"error: {printable(message)}", err=True)
