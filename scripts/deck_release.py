"""The release of a deck, step by step: what release-deck.yml runs, in its order.

    deck_release.py tag SOURCE                              print the tag of the deck's version
    deck_release.py check SOURCE TAG                        refuse a tag that is not of this deck
    deck_release.py build SOURCE TAG OUTPUT                 build it and the page of its cards
    deck_release.py fetch TAG PUBLISHED                     get every package published before
    deck_release.py notes SOURCE TAG OUTPUT PUBLISHED       write OUTPUT/notes.md
    deck_release.py verify SOURCE TAG OUTPUT PUBLISHED      upgrade from each in the real Anki
    deck_release.py publish TAG OUTPUT                      make the GitHub release

TAG is `<deck id>-<version>`. Needs no library but the standard one, `crss-deck` for most steps, and
GitHub's command `gh` for `fetch` and `publish`. Exit code 1: refused, with the reason.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

CHECKSUMS = "SHA256SUMS"
NOTES = "notes.md"
NOTES_LIMIT = 120_000
"""GitHub takes release notes of up to 125,000 characters."""
RELEASES_LIMIT = 1_000


class RefusedError(Exception):
    """The release cannot be made; the message says why and what to do."""


class Tag(NamedTuple):
    """A release of a deck: `<deck id>-<version>`. Sorts by version among those of one deck."""

    deck: str
    number: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.deck}-{self.version}"

    @property
    def version(self) -> str:
        """The version, such as 1.2.0."""
        return ".".join(map(str, self.number))


def parsed_tag(text: str) -> Tag | None:
    """The release that a tag names, or None if it is no tag of a deck."""
    found = re.fullmatch(r"([a-z0-9][a-z0-9-]*)-((?:0|[1-9]\d*)(?:\.(?:0|[1-9]\d*)){2})", text)
    if found is None:
        return None
    return Tag(found[1], tuple(map(int, found[2].split("."))))


def tag_of(source: Path) -> Tag:
    """The tag that the version in deck.toml asks for."""
    manifest = tomllib.loads((source / "deck.toml").read_text(encoding="utf-8"))
    tag = parsed_tag(f"{manifest['id']}-{manifest['version']}")
    if tag is None:
        raise RefusedError(f"{source}/deck.toml: the id and the version make no tag")
    return tag


def check(source: Path, tag: Tag) -> None:
    """Refuse a tag of another deck or another version."""
    wanted = tag_of(source)
    if wanted != tag:
        raise RefusedError(f"the tag {tag} is not that of {source}/deck.toml: {wanted}")


# ------------------------------------------------------------------ build


def build(source: Path, tag: Tag, output: Path) -> None:
    """Build the release and the page of its cards, and compare it with its line in deck.lock."""
    check(source, tag)
    _crss_deck("build", str(source), "--locked", "--output", str(output)).check()
    page = output / f"{tag}.html"
    _crss_deck("preview", str(source), "--output", str(page), "--quiet").check()
    sums = (output / CHECKSUMS).read_text(encoding="utf-8").splitlines()
    sums.append(f"{sha256(page.read_bytes()).hexdigest()}  {page.name}")
    text = "\n".join(sorted(sums, key=lambda line: line.partition("  ")[2])) + "\n"
    (output / CHECKSUMS).write_text(text, encoding="utf-8", newline="\n")
    for name, digest in checked_sums(output, tag).items():
        print(f"{digest}  {name}")
    record = json.loads((output / f"{tag}.json").read_text(encoding="utf-8"))
    line = release_lines(source, tag.deck)[tag]
    versions: dict[str, str] = record["tools"]
    installed = {name: versions.get(name, "none") for name, _ in _tools(line["tools"])}
    differing = [
        f"{name} {version} (here: {installed[name]})"
        for name, version in _tools(line["tools"])
        if installed[name] != version
    ]
    if differing:
        raise RefusedError(
            f"{tag} was released with {', '.join(differing)}: release with what"
            " `scripts/install.sh build` installs, or commit requirements of those versions"
        )
    if record["draft"] or record["content"] != line["content"]:
        raise RefusedError(f"{output} does not hold what deck.lock describes as {tag}")


def release_lines(source: Path, deck: str) -> dict[Tag, dict[str, str]]:
    """What deck.lock says of each release: its attributes by name."""
    lines = (source / "deck.lock").read_text(encoding="utf-8").splitlines()
    found: dict[Tag, dict[str, str]] = {}
    for words in (line.split(" ") for line in lines if line.startswith("release ")):
        tag = parsed_tag(f"{deck}-{words[1]}")
        if tag is not None:
            found[tag] = dict(word.split("=", 1) for word in words[3:])
    return found


def _tools(text: str) -> list[tuple[str, str]]:
    return [(name, version) for name, _, version in (t.partition("/") for t in text.split(","))]


def checked_sums(folder: Path, tag: Tag) -> dict[str, str]:
    """The checksums of a release's files, by name, after comparing them with the files."""
    text = (folder / CHECKSUMS).read_text(encoding="utf-8")
    sums = {name: digest for digest, _, name in (line.partition("  ") for line in text.split("\n"))}
    sums.pop("", None)
    if {*sums, CHECKSUMS} != {*asset_names(tag)}:
        raise RefusedError(f"{folder}/{CHECKSUMS} is not of {tag}: it names {', '.join(sums)}")
    for name, digest in sums.items():
        if sha256((folder / name).read_bytes()).hexdigest() != digest:
            raise RefusedError(f"{folder}/{name} is not the file that {CHECKSUMS} describes")
    return sums


# ------------------------------------------------------------------ what was published before


def releases_of(deck: str) -> tuple[list[Tag], list[Tag]]:
    """The GitHub releases of a deck, by version: those published, and those that are drafts."""
    answer = _gh("release", "list", "--limit", str(RELEASES_LIMIT), "--json", "tagName,isDraft")
    releases = json.loads(answer)
    if len(releases) >= RELEASES_LIMIT:
        raise RefusedError(f"there are {RELEASES_LIMIT} releases or more: some would be missed")
    found: tuple[list[Tag], list[Tag]] = ([], [])
    for release in releases:
        tag = parsed_tag(release["tagName"])
        if tag is not None and tag.deck == deck:
            found[release["isDraft"]].append(tag)
    return sorted(found[0]), sorted(found[1])


def fetch(tag: Tag, published: Path) -> None:
    """Download every other release of the deck, and check each by its checksums."""
    published.mkdir(parents=True, exist_ok=True)
    for other in releases_of(tag.deck)[0]:
        if other != tag:
            _download(other, published / str(other))
            print(f"published before: {other}")


def _download(tag: Tag, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    wanted = [word for name in asset_names(tag) for word in ("--pattern", name)]
    _gh("release", "download", str(tag), "--dir", str(folder), "--clobber", *wanted)
    missing = [name for name in asset_names(tag) if not (folder / name).is_file()]
    if missing:
        raise RefusedError(f"the published release {tag} lacks {', '.join(missing)}")
    checked_sums(folder, tag)


def asset_names(tag: Tag) -> tuple[str, ...]:
    """The files of a release: the package, its record, the page of its cards, the checksums."""
    return f"{tag}.apkg", f"{tag}.json", f"{tag}.html", CHECKSUMS


def fetched(published: Path, tag: Tag) -> list[tuple[Tag, Path]]:
    """The packages that `fetch` left in a folder, by version."""
    found = [other for path in published.iterdir() if (other := parsed_tag(path.name)) is not None]
    others = sorted(other for other in found if other.deck == tag.deck and other != tag)
    return [(other, published / str(other) / f"{other}.apkg") for other in others]


# ------------------------------------------------------------------ verify


def verify(source: Path, tag: Tag, output: Path, published: Path) -> None:
    """Judge the package in the real Anki: alone, after each published one, and after all in turn.

    What a release was allowed to cost learners, its deck.lock says; `crss-deck verify` knows that.
    A package of a higher version is there when this is a hotfix of an older one. Its learners
    are not meant to import this one, so what they would miss is reported and refuses nothing.
    """
    checked_sums(output, tag)
    package = str(output / f"{tag}.apkg")
    before = fetched(published, tag)
    failed = not _judged("alone", "verify", package)
    with tempfile.TemporaryDirectory() as scratch:
        for other, path in before:
            old = str(path)
            built = ("build", str(source), "--locked", "--quiet", "--output", scratch)
            arrives = _judged(f"build --after {other}", *built, "--after", old)
            upgrade = ("verify", package, "--upgrade-from", old)
            upgrades = _judged(f"upgrade from {other}", *upgrade)
            if other < tag:
                failed |= not (arrives and upgrades)
            elif not (arrives and upgrades):
                _annotate(
                    "warning",
                    f"{tag} does not bring everything to learners who have {other}, which is of a"
                    " higher version; they keep what they have",
                )
    chain = [(other, str(path)) for other, path in before if other < tag]
    if len(chain) > 1:
        steps = [word for _, path in chain for word in ("--upgrade-from", path)]
        failed |= not _judged("upgrade through all versions", "verify", package, *steps)
    if failed:
        raise RefusedError(f"{tag} would not reach its learners whole; the reasons stand above")


def _judged(title: str, *arguments: str) -> bool:
    """Whether a command finds nothing. Refuses to go on if it could not do its work."""
    print(f"--- {title}", flush=True)
    done = _crss_deck(*arguments)
    if done.code not in (0, 1):
        done.check()
    _summarize(f"- {'**found a problem**' if done.code else 'passed'}: {title}")
    return done.code == 0


# ------------------------------------------------------------------ notes


def notes(source: Path, tag: Tag, output: Path, published: Path) -> None:
    """Write the release notes: the deck's changelog, each change, and how to check the download."""
    changelog = (source / "CHANGELOG.md").read_text(encoding="utf-8")
    parts = [changelog_section(changelog, tag)]
    earlier = [(other, path) for other, path in fetched(published, tag) if other < tag]
    if earlier:
        parts.append(_difference(*earlier[-1], tag, output / f"{tag}.apkg"))
    parts.append(_how_to_check(tag))
    text = "\n\n".join(parts) + "\n"
    if len(text) > NOTES_LIMIT:
        parts[1:-1] = [f"The single changes since {earlier[-1][0]} are too many to list here."]
        text = "\n\n".join(parts)[:NOTES_LIMIT] + "\n"
    (output / NOTES).write_text(text, encoding="utf-8", newline="\n")


def changelog_section(changelog: str, tag: Tag) -> str:
    """What a deck's changelog says of a release, without the heading."""
    pattern = rf"^## {re.escape(tag.version)} \([^\n]*\n(.*?)(?=^## |\Z)"
    found = re.search(pattern, changelog, re.MULTILINE | re.DOTALL)
    if found is None or not found[1].strip():
        raise RefusedError(f"CHANGELOG.md has no section `## {tag.version} (…)`")
    return found[1].strip()


def _difference(old: Tag, old_package: Path, new: Tag, new_package: Path) -> str:
    arguments = ("diff", str(old_package), str(new_package), "--format", "markdown")
    done = _crss_deck(*arguments, captured=True)
    if done.code != 1:  # 1 tells what would not arrive, which the job that verifies has judged
        done.check()
    return (
        f"<details>\n<summary>Every change from {old.version} to {new.version}</summary>\n\n"
        f"{done.output.strip()}\n\n</details>"
    )


def _how_to_check(tag: Tag) -> str:
    commands = [f"sha256sum --check {CHECKSUMS}"]
    repository = os.environ.get("GITHUB_REPOSITORY")
    if repository:
        commands.append(f"gh attestation verify {tag}.apkg --repo {repository}")
    lines = "\n".join(commands)
    return f"To check that your download is this release:\n\n```sh\n{lines}\n```"


# ------------------------------------------------------------------ publish


def publish(tag: Tag, output: Path) -> None:
    """Make the GitHub release. One that is there already must hold the same files."""
    checked_sums(output, tag)
    others, drafts = releases_of(tag.deck)
    if tag in drafts:
        raise RefusedError(f"there is a draft release {tag}: delete it, and run this job again")
    if tag in others:
        with tempfile.TemporaryDirectory() as folder:
            _download(tag, Path(folder))
            for name in asset_names(tag):
                if (Path(folder) / name).read_bytes() != (output / name).read_bytes():
                    raise RefusedError(
                        f"{tag} is published already with another {name}. A published release"
                        " is never replaced: mend the deck and release a new version"
                    )
        print(f"{tag} is published already, with the same files")
        return
    record = json.loads((output / f"{tag}.json").read_text(encoding="utf-8"))
    newest = "true" if all(other < tag for other in others) else "false"
    _gh(
        "release",
        "create",
        str(tag),
        "--verify-tag",
        "--title",
        f"{record['name'].replace('::', ': ')} {tag.version}",
        "--notes-file",
        str(output / NOTES),
        f"--latest={newest}",
        *(str(output / name) for name in asset_names(tag)),
    )
    print(f"published: {tag}")


# ------------------------------------------------------------------ other programs


class Done(NamedTuple):
    """A command that has ended."""

    command: Sequence[str]
    code: int
    output: str

    def check(self) -> None:
        """Refuse to go on if it failed."""
        if self.code:
            raise RefusedError(f"`{' '.join(self.command)}` ended with exit code {self.code}")


def _crss_deck(*arguments: str, captured: bool = False) -> Done:
    sys.stdout.flush()
    command = [sys.executable, "-m", "crss_deck", *arguments]
    done = subprocess.run(
        command, stdout=subprocess.PIPE if captured else None, encoding="utf-8", check=False
    )
    return Done(("crss-deck", *arguments), done.returncode, done.stdout or "")


def _gh(*arguments: str) -> str:
    done = subprocess.run(["gh", *arguments], stdout=subprocess.PIPE, encoding="utf-8", check=False)
    Done(("gh", *arguments), done.returncode, "").check()
    return done.stdout


def _annotate(level: str, message: str) -> None:
    if os.environ.get("GITHUB_ACTIONS") == "true":
        print(f"::{level}::{message}", flush=True)
    else:
        print(f"{level}: {message}", file=sys.stderr)


def _summarize(line: str) -> None:
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if path:
        with Path(path).open("a", encoding="utf-8") as summary:
            summary.write(f"{line}\n")


# ------------------------------------------------------------------ command line


def _tag(text: str) -> Tag:
    tag = parsed_tag(text)
    if tag is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no tag of a deck: write <id>-<X.Y.Z>")
    return tag


STEPS = {
    "tag": ("source",),
    "check": ("source", "tag"),
    "build": ("source", "tag", "output"),
    "fetch": ("tag", "published"),
    "notes": ("source", "tag", "output", "published"),
    "verify": ("source", "tag", "output", "published"),
    "publish": ("tag", "output"),
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    steps = parser.add_subparsers(dest="step", required=True)
    for step, arguments in STEPS.items():
        command = steps.add_parser(step)
        for argument in arguments:
            command.add_argument(argument, type=_tag if argument == "tag" else Path)
    return parser


def _run(step: str, given: dict[str, Any]) -> None:
    match step:
        case "tag":
            print(tag_of(**given))
        case "check":
            check(**given)
        case "build":
            build(**given)
        case "fetch":
            fetch(**given)
        case "notes":
            notes(**given)
        case "verify":
            verify(**given)
        case _:
            publish(**given)


def main() -> int:
    """Run one step."""
    given = vars(_parser().parse_args())
    try:
        _run(given.pop("step"), given)
    except (RefusedError, OSError, tomllib.TOMLDecodeError) as error:
        _annotate("error", str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
