"""Releases: what counts as changed, which date and version it gets, and what is refused."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from command_helper import environment, run
from deck_helper import PEER_PNG
from release_helper import DAY, DECK_TOML, FIRST, Author, basic, cloze, key_of, tools, union

import crss_deck.render
from crss_deck import DeckError, build_deck, compile_deck, read_apkg, read_deck
from crss_deck.build import NotReleasedError
from crss_deck.compiler import ClockError
from crss_deck.folder import CHANGELOG, LOCK, MANIFEST
from crss_deck.hazards import RELEASE_HAZARDS, Level
from crss_deck.history import Status
from crss_deck.lock import SPENT, iso, lock_text, read_lock
from crss_deck.manifest import Manifest
from crss_deck.note_types import NoteType, note_types
from crss_deck.package import content_digest
from crss_deck.release import _FOR_LEARNERS, Kind, ReleaseError, plan_release, release_deck
from crss_deck.source import Source

OTHER_PNG = PEER_PNG + b"\0"
SECOND_FILE = "---\ntags: [t]\nsource: A book\n---\n\n# Heading\n\n" + basic("deep")
NOTES = (
    basic("one", "What is one?", "*First* of all.")
    + basic("both", "What is both?", more="reversed")
    + cloze("gaps", "Take {{c1::tea}} and {{c2::bread}}.")
    + basic("seen", "What is ![a dot](dot.png)?")
)
FILES: dict[str, str | bytes] = {"z.md": SECOND_FILE, "dot.png": PEER_PNG}


def released() -> Author:
    """An author with a deck of five notes, released as 1.0.0."""
    author = Author(NOTES, FILES)
    assert author.release().version == "1.0.0"
    return author


def refusal(author: Author, **options: Any) -> str:
    """Why a release is refused."""
    with pytest.raises(ReleaseError) as caught:
        author.plan(**options)
    return str(caught.value)


# ------------------------------------------------------------------ what counts as changed


def test_the_first_release_dates_all() -> None:
    """Without a lock every note is new, and the release dates all of them and the types."""
    author = Author(NOTES, FILES)
    assert set(author.statuses().values()) == {Status.NEW}
    plan = author.release(date=FIRST)
    assert plan.version == "1.0.0"
    assert plan.tag == "released-1.0.0"
    assert plan.changes == ()
    assert set(author.dates().values()) == {FIRST}
    assert {t.modified for t in author.package().note_types} == {FIRST}
    assert author.package().stamp == FIRST
    assert set(author.statuses().values()) == {Status.SAME}


Edit = Callable[[Author], object]


def put(before: str, after: str, path: str = "notes.md") -> Edit:
    """The edit that puts one text in another's place."""
    return lambda author: author.edit(before, after, path)


def add(path: str, content: str | bytes) -> Edit:
    """The edit that writes a file."""
    return lambda author: author.files.update({path: content})


def move(path: str, target: str) -> Edit:
    """The edit that moves a file."""
    return lambda author: author.files.update({target: author.files.pop(path)})


def toml(line: str) -> Edit:
    """The edit that adds a line to deck.toml."""
    return put('version = "1.0.0"', f'version = "1.0.0"\n{line}', MANIFEST)


def both(*edits: Edit) -> Edit:
    """Several edits as one."""
    return lambda author: [edit(author) for edit in edits]


NO_CHANGE: dict[str, Edit] = {
    "a comment": put("*First*", "*First*<!-- why? -->"),
    "a comment between words": put("of all", "of <!-- why? --> all"),
    "a comment of its own": put("Q: What is one?", "<!-- x -->\n\nQ: What is one?"),
    "claims": put("id: one", "id: one; claims: X-1"),
    "blank lines": put("\n\nA: *First*", "\n\n\n\nA: *First*"),
    "line ends": add("notes.md", NOTES.replace("\n", "\r\n")),
    "text that is no note": put("Q: What is one?", "Some prose.\n\nQ: What is one?"),
    "another file": move("notes.md", "a.md"),
    "an unused file": add("more.png", PEER_PNG),
    "an ignored rule": put("false\n", 'false\ncheck.ignore = ["unused-file"]\n', MANIFEST),
}


@pytest.mark.parametrize("name", NO_CHANGE)
def test_what_is_no_change(name: str) -> None:
    """What learners never see changes no note; the build is still the release."""
    author = released()
    NO_CHANGE[name](author)
    assert set(author.statuses().values()) == {Status.SAME}
    assert not author.compile().draft
    assert "nothing has changed since 1.0.0" in refusal(author)


REFLOWED: dict[str, Edit] = {
    "another mark": put("*First*", "_First_"),
    "a line end": put("*First* of", "*First*\nof"),
    "an entity": put("What is one", "What is&#32;one"),
    "a moved picture": both(move("dot.png", "media/dot.png"), put("(dot.png)", "(media/dot.png)")),
}


@pytest.mark.parametrize("name", REFLOWED)
def test_a_reflowed_note_keeps_its_date(name: str) -> None:
    """Written otherwise and shown as before: no change, and the build is still the release."""
    author = released()
    REFLOWED[name](author)
    assert list(author.statuses().values()).count(Status.REFLOWED) == 1
    assert not author.compile().draft
    assert "nothing has changed" in refusal(author)
    author.edit("Is deep a name", "Is deep no name", "z.md")
    plan = author.release()
    assert [change.key for change in plan.changes] == ["deep"]
    assert author.dates() == dict.fromkeys(author.dates(), FIRST) | {"deep": author.date}
    assert set(author.statuses().values()) == {Status.SAME}


def test_a_held_note_keeps_its_date() -> None:
    """Newer tools write other HTML for the same text: learners keep the earlier form."""
    author = released()
    with tools(1):
        assert author.statuses() == {**dict.fromkeys(author.dates(), Status.SAME), "one": "held"}
        assert author.dates()["one"] == FIRST
        assert author.compile().draft
        plan = author.release()
        assert plan.level is Level.PATCH
        assert author.dates()["one"] == FIRST
        assert not author.compile().draft
        (told,) = plan.notices
        assert told.startswith("1 note")
        assert "markdown-it-py/9.1.0" not in told
        assert author.lock().releases[0].tools in told
        assert "--rerender" in told
        assert "markdown-it-py/9.1.0" in author.lock().releases[1].tools
        assert author.statuses()["one"] is Status.SAME


def test_a_held_note_that_changes_is_dated() -> None:
    """Once its text changes too, a held note is a changed one."""
    author = released()
    with tools(1):
        author.edit("of all", "of some")
        assert author.statuses()["one"] is Status.CHANGED
        author.release()
        assert author.dates()["one"] == author.date


def test_only_what_both_digests_show_is_a_change() -> None:
    """A changed note is dated by the release, every other keeps its date through all of them."""
    author = released()
    for number in range(4):
        author.edit("*First*" if number == 0 else f"*First {number}*", f"*First {number + 1}*")
        assert author.statuses()["one"] is Status.CHANGED
        author.release()
        dates = author.dates()
        assert dates.pop("one") == author.date == FIRST + (number + 1) * DAY
        assert set(dates.values()) == {FIRST}
        assert author.package().stamp == author.date


def test_a_text_that_goes_back_is_a_change() -> None:
    """A, B, A: learners who have B must get A again."""
    author = released()
    author.edit("of all", "of some")
    author.release()
    author.edit("of some", "of all")
    author.release()
    assert author.dates()["one"] == author.date


def test_a_renamed_note_is_dated() -> None:
    """Its Key field changes, so that learners find it; it is the same note."""
    author = released()
    guids = {note.guid for note in author.package().notes}
    author.edit("id: one", "id: first; was: one")
    assert author.statuses()["first"] is Status.RENAMED
    plan = author.release()
    assert [(c.kind, c.level) for c in plan.changes] == [(Kind.RENAMED, Level.PATCH)]
    assert author.dates()["first"] == author.date
    assert {note.guid for note in author.package().notes} == guids


def test_without_other_tools_nothing_is_held() -> None:
    """Everything that reaches a field is in the source digest: no edit of authors looks held."""
    author = released()
    for edit in (*(case.edit for case in CHANGES.values()), *NO_CHANGE.values()):
        other = author.branch()
        edit(other)
        assert Status.HELD not in other.statuses().values()


LAYOUTS = {
    "a comment between two lists": ("\n\n- a\n\n<!-- and -->\n\n- b", "\n\n- a\n\n- b"),
    "the blanks before a list": ("\n\n- a\n  - b", "\n\n - a\n  - b"),
    "a table made text": ("\n| a |\n| --- |\n| b |", "\n\t| a |\n| --- |\n| b |"),
    "a hard line break": ("a  \nb", "a\nb"),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_layout_that_learners_see_is_a_change(name: str) -> None:
    """What authors change by blanks and comments alone is no work of newer tools."""
    before, after = LAYOUTS[name]
    author = Author(basic("x", answer=before))
    author.release()
    author.edit(before, after)
    assert author.statuses()["x"] is Status.CHANGED


# ------------------------------------------------------------------ drafts and their dates


@pytest.mark.parametrize(("later", "date"), [(1, 1), (2, 1), (3, 2), (1000, 999)])
def test_a_draft_is_dated_after_the_lock(later: int, date: int) -> None:
    """Changed notes and types: a second before the clock, but later than the last release."""
    author = released()
    author.edit("of all", "of some")
    author.edit('tag_root = "R"', 'tag_root = "R"\nlanguage = "de"', MANIFEST)
    package = author.package(FIRST + later)
    changed = {note.modified for note in package.notes if key_of(note) == "one"}
    assert changed == {FIRST + date}
    assert {note.modified for note in package.notes if key_of(note) != "one"} == {FIRST}
    assert {t.modified for t in package.note_types} == {FIRST + date}


def test_a_draft_is_older_than_a_release_of_its_second() -> None:
    """Who tried the draft gets the release that is made in the same second."""
    author = released()
    author.edit("of all", "of some")
    draft = author.dates(FIRST + DAY)["one"]
    author.release(date=FIRST + DAY)
    assert author.dates()["one"] > draft


def test_without_a_clock_a_draft_is_dated_now() -> None:
    """Or after the lock, where that lies ahead of this machine's clock."""
    author = released()
    author.edit("of all", "of some")
    before = int(time.time())
    assert before - 1 <= author.dates()["one"] <= time.time()
    ahead = before + 9000
    author.release(date=ahead)
    author.edit("of some", "of many")
    assert author.dates()["one"] == ahead + 1


@pytest.mark.parametrize("clock", [FIRST, FIRST - 1, 2])
def test_a_draft_is_not_dated_before_the_lock(clock: int) -> None:
    """A given clock that is not later than the last release is refused, for a draft alone."""
    author = released()
    assert not author.compile(clock).draft
    author.edit("of all", "of some")
    with pytest.raises(ClockError):
        compile_deck(author.folder(), clock=clock)


@pytest.mark.parametrize("command", ["build", "check"])
def test_an_old_epoch_is_misuse(tmp_path: Path, command: str) -> None:
    """SOURCE_DATE_EPOCH older than a date in the lock: exit 2 and a message, no traceback."""
    author = released()
    author.edit("of all", "of some")
    author.write(tmp_path / "source")
    done = run(command, cwd=tmp_path, env=environment(SOURCE_DATE_EPOCH=str(FIRST)))
    assert done.returncode == 2
    assert "not later than the last release" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "build").exists()


def test_a_draft_says_so(tmp_path: Path) -> None:
    """A version with a digest of its content; the name of its file stays the same."""
    author = released()
    author.edit("of all", "of some")
    result = build_deck(author.write(tmp_path / "source"), tmp_path / "build")
    assert result.path.name == "released-1.0.0+draft.apkg"
    version = result.compilation.version
    assert re.fullmatch(r"1\.0\.0\+draft\.[0-9a-f]{8}", version)
    package = read_apkg(result.path)
    assert package.decks[0].description.endswith(f"Version {version}")
    assert package.lock == ""
    record = result.path.with_suffix(".json").read_text(encoding="utf-8")
    assert f'"version": "{version}"' in record
    assert '"draft": true' in record
    later = author.compile(FIRST + 90 * DAY)
    assert later.version == version
    author.edit("of some", "of many")
    assert author.compile().version != version


# ------------------------------------------------------------------ levels and their evidence


class Case(NamedTuple):
    """An edit, and what a release says of it: level; kind, key and hazard of each change."""

    edit: Edit
    level: Level
    evidence: set[tuple[str, str, str]]


REWORDED = ("reworded", "one", "")
LOOKS = {("look", "", "")}
BOTH = basic("both", "What is both?", more="reversed")
CHANGES = {
    "wording": Case(put("of all", "of some"), Level.PATCH, {REWORDED}),
    "tags": Case(put("id: one", "id: one; tags: x"), Level.PATCH, {REWORDED}),
    "typing": Case(put("id: gaps", "id: gaps; type-in"), Level.PATCH, {("reworded", "gaps", "")}),
    "another field": Case(put(" of all.\n", " of all.\n\nExtra: More.\n"), Level.PATCH, {REWORDED}),
    "media": Case(add("dot.png", OTHER_PNG), Level.PATCH, {("reworded", "seen", "")}),
    "a source": Case(put("A book", "Another", "z.md"), Level.PATCH, {("reworded", "deep", "")}),
    "tags of a file": Case(put("[t]", "[u]", "z.md"), Level.PATCH, {("reworded", "deep", "")}),
    "a heading": Case(put("# Head", "# Over", "z.md"), Level.PATCH, {("reworded", "deep", "")}),
    "all tags": Case(
        put('tag_root = "R"', 'tag_root = "S"', MANIFEST), Level.PATCH, {("reworded", "deep", "")}
    ),
    "the look": Case(toml('language = "de"'), Level.PATCH, LOOKS),
    "authors": Case(toml('authors = ["A"]'), Level.PATCH, {("other", "", "")}),
    "the description": Case(
        both(toml('description = "about.md"'), add("about.md", "A deck.")),
        Level.PATCH,
        {("other", "", "")},
    ),
    "the order": Case(move("z.md", "a.md"), Level.PATCH, {("other", "", "")}),
    "an answer under its number": Case(
        put("c1::tea", "c1::green tea"), Level.PATCH, {("reworded", "gaps", "")}
    ),
    "a new key": Case(put("id: one", "id: uno; was: one"), Level.PATCH, {("renamed", "uno", "")}),
    "a new key and text": Case(
        both(put("id: one", "id: uno; was: one"), put("of all", "of some")),
        Level.PATCH,
        {("renamed", "uno", ""), ("reworded", "uno", "")},
    ),
    "a note added": Case(put(BOTH, basic("new") + BOTH), Level.MINOR, {("added", "new", "")}),
    "a note retired": Case(put(BOTH, ""), Level.MINOR, {("retired", "both", "")}),
    "reversed on": Case(
        put("id: one", "id: one; reversed"), Level.MINOR, {REWORDED, ("cards", "one", "")}
    ),
    "a cloze number added": Case(
        put("bread}}", "bread}} {{c3::too}}"),
        Level.MINOR,
        {("reworded", "gaps", ""), ("cards", "gaps", "")},
    ),
    "another subdeck": Case(
        put("tags: [t]", "tags: [t]\ndeck: Sub", "z.md"), Level.MINOR, {("moved", "deep", "")}
    ),
    "the deck renamed": Case(
        put('name = "Released"', 'name = "Free"', MANIFEST),
        Level.MAJOR,
        {("deck", "", "deck-renamed")},
    ),
    "the deck renamed, and the look": Case(
        both(put('name = "Released"', 'name = "Free"', MANIFEST), toml('language = "de"')),
        Level.MAJOR,
        {("deck", "", "deck-renamed"), *LOOKS},
    ),
    "the case of the deck's name": Case(
        put('name = "Released"', 'name = "RELEASED"', MANIFEST), Level.PATCH, {("deck", "", "")}
    ),
    "reversed off": Case(
        put("; reversed", ""),
        Level.MAJOR,
        {("reworded", "both", ""), ("cards", "both", "card-removed")},
    ),
    "a cloze number removed": Case(
        put("{{c2::bread}}", "bread"),
        Level.MAJOR,
        {("reworded", "gaps", ""), ("cards", "gaps", "card-removed")},
    ),
    "answers exchanged": Case(
        both(put("c1::tea", "c2::tea"), put("c2::bread", "c1::bread")),
        Level.MAJOR,
        {("reworded", "gaps", ""), ("cards", "gaps", "number-moved")},
    ),
    "an answer under a new number": Case(
        put("c2::bread", "c3::bread"),
        Level.MAJOR,
        {
            ("reworded", "gaps", ""),
            ("cards", "gaps", "number-moved"),
            ("cards", "gaps", "card-removed"),
        },
    ),
    "an answer that slides up": Case(
        put("{{c1::tea}} and {{c2::bread}}", "tea and {{c1::bread}}"),
        Level.MAJOR,
        {
            ("reworded", "gaps", ""),
            ("cards", "gaps", "number-moved"),
            ("cards", "gaps", "card-removed"),
        },
    ),
}
VERSIONS = {Level.PATCH: "1.0.1", Level.MINOR: "1.1.0", Level.MAJOR: "2.0.0"}


@pytest.mark.parametrize("name", CHANGES)
def test_levels(name: str) -> None:
    """The level of a release is the highest of its changes, and each of them is told."""
    case, author = CHANGES[name], released()
    case.edit(author)
    assert author.compile().draft
    plan = author.plan(allow=RELEASE_HAZARDS)
    assert plan.level is case.level
    assert plan.version == VERSIONS[case.level]
    found = {(c.kind.value, c.key, c.hazard) for c in plan.changes}
    assert found == case.evidence
    assert max(c.level for c in plan.changes) is case.level
    for change in plan.changes:
        assert change.text
        assert change.text in dict(plan.files)[CHANGELOG]
        if change.key:
            assert f"`{change.key}`" in change.text


@pytest.mark.parametrize("name", CHANGES)
def test_after_a_release_the_build_is_the_release(name: str) -> None:
    """Whatever changed, the next build is the release, with nothing left to release."""
    author = released()
    CHANGES[name].edit(author)
    changed = {key for key, status in author.statuses().items() if status is not Status.SAME}
    author.release(allow=RELEASE_HAZARDS)
    assert not author.compile().draft
    assert set(author.statuses().values()) == {Status.SAME}
    assert {key for key, date in author.dates().items() if date == author.date} == changed
    assert "nothing has changed" in refusal(author)


def test_the_case_of_a_subdeck() -> None:
    """Anki takes both spellings for one deck, in which all cards stay: it is told, once."""
    author = released()
    author.edit("tags: [t]", "tags: [t]\ndeck: Straße", "z.md")
    author.files["more.md"] = "---\ndeck: Straße\n---\n" + basic("more")
    author.release()
    for path in ("z.md", "more.md"):
        author.edit("Straße", "STRASSE", path)
    plan = author.release()
    (change,) = plan.changes
    assert (change.kind, change.level, change.hazard) == (Kind.DECK, Level.PATCH, "")
    assert "“STRASSE”, before “Straße”" in change.text
    assert author.line("more").subdeck == "STRASSE"


def test_the_changelog_speaks_to_who_studies() -> None:
    """What a hazard does to learners, it says to them."""
    assert set(_FOR_LEARNERS) == set(RELEASE_HAZARDS)
    for text in _FOR_LEARNERS.values():
        assert "you" in text and "learner" not in text and "they" not in text
    author = released()
    author.edit("{{c2::bread}}", "bread")
    changelog = dict(author.plan(allow=["card-removed"]).files)[CHANGELOG]
    assert _FOR_LEARNERS["card-removed"] in changelog
    assert RELEASE_HAZARDS["card-removed"] not in changelog


def test_the_highest_level_counts() -> None:
    """One major change among small ones makes a major release."""
    author = released()
    for name in ("wording", "a note added", "the deck renamed"):
        CHANGES[name].edit(author)
    assert author.plan(allow=["deck-renamed"]).version == "2.0.0"


def test_a_spent_number_used_again() -> None:
    """A number that learners had for another answer is a hazard, however long ago it was."""
    author = released()
    author.edit("{{c2::bread}}", "bread")
    author.release(allow=["card-removed"])
    assert author.line("gaps").cards[2] == SPENT
    author.edit("of all", "of some")
    author.release()
    assert author.line("gaps").cards[2] == SPENT
    author.edit("and bread", "and {{c2::milk}}")
    assert "number-reused" in refusal(author)
    plan = author.release(allow=["number-reused"])
    assert plan.level is Level.MAJOR
    assert author.line("gaps").cards[2] not in ("", SPENT)
    author.edit("c2::milk", "c2::cold milk")
    assert author.release().level is Level.PATCH


def test_reversed_off_and_on_again() -> None:
    """The second card of a basic note is a number like any other."""
    author = released()
    author.edit("; reversed", "")
    author.release(allow=["card-removed"])
    assert author.line("both").cards == {1: "", 2: SPENT}
    author.edit("id: both", "id: both; reversed")
    assert "number-reused" in refusal(author)
    author.release(allow=["number-reused"])
    assert author.line("both").cards == {1: "", 2: ""}


def test_a_retired_note_returns() -> None:
    """Back as it was: minor, its date stays, and learners read that they should unsuspend it."""
    author = released()
    author.edit(BOTH, "")
    plan = author.release()
    changelog = author.text(CHANGELOG)
    assert "search in Anki for `Key:released/both`" in changelog
    author.edit("Take {{c1", BOTH + "Take {{c1")
    plan = author.release()
    assert [(c.kind, c.level, c.key) for c in plan.changes] == [
        (Kind.RETURNED, Level.MINOR, "both")
    ]
    assert author.dates()["both"] == FIRST
    assert "unsuspend" in author.text(CHANGELOG).partition("## 1.1.0")[0]


def test_a_retired_note_returns_with_another_text() -> None:
    """Who has kept it gets the new text: it is dated by this release."""
    author = released()
    author.edit(BOTH, "")
    author.release()
    author.edit("Take {{c1", BOTH.replace("Yes.", "No.") + "Take {{c1")
    plan = author.release()
    assert {c.kind for c in plan.changes} == {Kind.RETURNED, Kind.REWORDED}
    assert author.dates()["both"] == author.date


def test_several_retired_notes_are_one_search() -> None:
    """A learner pastes one line into Anki's browser."""
    author = released()
    author.edit(BOTH, "")
    author.files.pop("z.md")
    author.release()
    assert "`Key:released/both OR Key:released/deep`" in author.text(CHANGELOG)
    author.edit("of all", "of some")
    plan = author.release()
    assert {c.kind for c in plan.changes} == {Kind.REWORDED}


def test_a_new_card_is_warned_of() -> None:
    """A new note would be safer than a new number on a released one."""
    author = released()
    CHANGES["a cloze number added"].edit(author)
    (notice,) = author.plan().notices
    assert "a new note would be safer" in notice
    assert "gaps" in notice


def test_many_changes_are_wondered_at() -> None:
    """Above a fifth of all notes, the file that did it is named."""
    author = Author("".join(basic(f"n{number}") for number in range(10)), FILES)
    author.edit("id: n9 -->\n", "id: n9 -->\n\n<!-- the end -->\n")
    author.release()
    for number in range(2):
        author.edit(f"Is n{number} a", f"Was n{number} a")
    assert author.plan().notices == ()
    author.edit("Is n2 a", "Was n2 a")
    assert author.plan().notices == ("3 of 11 notes changed, 3 of them in notes.md",)


def test_the_changes_of_a_file_are_counted_once() -> None:
    """Whatever heading they stand below."""
    notes = "".join(f"# {n}\n\n" + basic(f"n{n}") + basic(f"kept{n}") for n in range(4))
    author = Author(notes)
    author.release()
    for number in range(3):
        author.edit(f"Is n{number} a", f"Was n{number} a")
    assert author.plan().notices == ("3 of 8 notes changed, 3 of them in notes.md",)


def test_a_comment_that_decides_what_markup_is() -> None:
    """`**a:**b` is no emphasis, and with a comment between it is: learners must get the change."""
    author = Author(basic("note", answer="**Note:**text <!-- a remark --> and more"))
    author.release()
    author.edit("a remark", "another")
    assert author.statuses() == {"note": Status.SAME}
    author.edit("**Note:**text", "**Note:**<!-- -->text")
    assert author.statuses() == {"note": Status.CHANGED}
    author.release()
    author.edit("**Note:**<!-- -->text", "**Note:**text")
    assert author.statuses() == {"note": Status.CHANGED}


def test_front_matter_that_is_not_there_is_not_blamed() -> None:
    """A file whose notes all changed, and that has neither front matter nor headings."""
    author = Author(basic("a") + basic("b"), {})
    author.release()
    author.edit("Is a a", "Was a a")
    author.edit("Is b a", "Was b a")
    assert author.plan().notices == ("2 of 2 notes changed, 2 of them in notes.md",)


def test_the_changelog_after_newer_tools_alone() -> None:
    """Learners are not told of changes that are not there."""
    author = released()
    with tools(1):
        plan = author.plan()
        assert author.history().with_status(Status.HELD)
    (change,) = plan.changes
    assert change.kind is Kind.OTHER
    assert change.text.startswith("nothing that you would see")


def test_a_comment_at_the_end_of_a_line() -> None:
    """It leaves no second blank behind."""
    author = Author(basic("note", answer="China\nand India"))
    author.release()
    author.edit("China\nand", "China <!-- c -->\nand")
    assert author.statuses() == {"note": Status.SAME}


def test_titles_in_the_changelog_show_as_they_are() -> None:
    """Learners read Markdown; keys stay code."""
    author = released()
    author.files["new.md"] = basic("odd", "What do `<b>`, `__init__` and \\*a\\* do?")
    changelog = dict(author.plan().files)[CHANGELOG]
    assert r"- “What do \<b\>, \_\_init\_\_ and \*a\* do?” (`odd`)" in changelog


def test_a_source_whose_title_holds_the_version() -> None:
    """A draft's version stands behind `Version`, not in the title."""
    author = Author(basic("a"), {})
    line = "check.quality = false\n"
    author.edit(line, f'{line}[source]\ntitle = "Tea, Version 1.0.0"\n', MANIFEST)
    package = author.package()
    about = package.decks[0].description
    assert re.fullmatch(r"Version 1\.0\.0\+draft\.\w{8} · from “Tea, Version 1\.0\.0”", about)


@pytest.mark.parametrize(
    ("before", "after", "cause"),
    [
        ("source: A", "source: Another", "its front matter"),
        ("# Two", "# Second", "the heading “Second” in line 17"),
    ],
)
def test_what_changed_many_notes_is_named(before: str, after: str, cause: str) -> None:
    """Front matter and headings belong to every note below; nobody wants to look for them."""
    notes = (
        f"---\nsource: A\n---\n\n# One\n\n{basic('a')}{basic('b')}# Two\n\n{basic('c')}{basic('d')}"
    )
    author = Author(notes + basic("e"))
    author.release()
    author.edit(before, after)
    count = 5 if "source" in before else 3
    told = f"{count} of 5 notes changed, {count} of them in notes.md by {cause}, as it seems"
    assert author.plan().notices == (told,)


def test_one_change_of_a_small_deck_is_no_wonder() -> None:
    """One note shares nothing with others, however few they are."""
    author = Author(basic("one") + basic("two"))
    author.release()
    author.edit("Is one a", "Was one a")
    assert author.plan().notices == ()


# ------------------------------------------------------------------ versions


def test_bump_raises_the_level_and_never_lowers_it() -> None:
    """`--bump` asks for at least a level."""
    author = released()
    author.edit("of all", "of some")
    assert author.plan(bump=Level.PATCH).version == "1.0.1"
    assert author.plan(bump=Level.MINOR).version == "1.1.0"
    assert author.plan(bump=Level.MAJOR).version == "2.0.0"
    CHANGES["a note added"].edit(author)
    assert author.plan(bump=Level.PATCH).version == "1.1.0"


def test_a_version_may_be_higher_but_not_lower() -> None:
    """`--version` is taken if the changes allow it; else the reason is told."""
    author = released()
    CHANGES["a note added"].edit(author)
    assert author.plan(version="1.1.0").version == "1.1.0"
    assert author.plan(version="3.5.7").version == "3.5.7"
    for version in ("1.0.1", "1.0.9", "0.9.0"):
        told = refusal(author, version=version)
        assert f"version {version} is too low: after 1.0.0 the changes ask for 1.1.0" in told
        assert "(minor: “Is new a name?” (`new`))" in told
    assert "1.0.0 is released already" in refusal(author, version="1.0.0")
    for version in ("1", "1.0", "v2.0.0", "1.02.0", "1.0.0+draft", "2.0.0 "):
        assert "is not a version" in refusal(author, version=version)


def test_a_version_set_by_hand_is_taken() -> None:
    """Who wrote the next version into deck.toml gets it, if it is high enough."""
    author = released()
    author.edit("of all", "of some")
    author.edit("1.0.0", "1.4.0", MANIFEST)
    assert author.faults() == ["unfinished-release"]
    assert author.plan().version == "1.4.0"
    CHANGES["the deck renamed"].edit(author)
    told = refusal(author, allow=["deck-renamed"])
    assert "version 1.4.0 is too low: after 1.0.0 the changes ask for 2.0.0 (major" in told
    assert author.plan(version="2.0.0", allow=["deck-renamed"]).version == "2.0.0"


def test_a_first_release_has_the_version_of_deck_toml() -> None:
    """Or the one that was asked for."""
    author = Author(NOTES, {**FILES, MANIFEST: DECK_TOML.replace("1.0.0", "0.3.0")})
    assert author.plan().version == "0.3.0"
    assert author.plan(version="1.0.0").version == "1.0.0"


# ------------------------------------------------------------------ hazards


def test_every_hazard_has_to_be_allowed() -> None:
    """A release that costs progress says what and how to go on; all hazards at once."""
    author = released()
    author.edit("{{c2::bread}}", "bread")
    CHANGES["the deck renamed"].edit(author)
    told = refusal(author)
    for name in ("deck-renamed", "card-removed"):
        assert RELEASE_HAZARDS[name] in told
    assert told.endswith("--allow deck-renamed --allow card-removed")
    assert "card 2 is gone" in told
    left = refusal(author, allow=["deck-renamed"])
    assert "deck-renamed" not in left
    assert left.endswith("--allow card-removed")


def test_an_allowed_hazard_is_recorded() -> None:
    """In the release line, in the changelog with what learners should do, and in nothing else."""
    author = released()
    author.edit("{{c2::bread}}", "bread")
    author.release(allow=["card-removed"])
    line = author.text(LOCK).split("\n")[3]
    assert line.startswith("release 2.0.0 ")
    assert line.endswith(" allow=card-removed")
    assert "Empty Cards" in author.text(CHANGELOG)
    author.edit("of all", "of some")
    author.release()
    assert author.text(LOCK).count("allow=") == 1
    assert author.text(CHANGELOG).count("Empty Cards") == 1


def test_what_was_allowed_for_nothing_is_not_recorded() -> None:
    """The release line tells what learners met, not what was typed."""
    author = released()
    author.edit("of all", "of some")
    author.release(allow=["card-removed"])
    assert "allow=" not in author.text(LOCK)


def test_an_unknown_hazard_is_refused() -> None:
    """A misspelt name allows nothing; the known ones are listed."""
    author = released()
    author.edit("of all", "of some")
    told = refusal(author, allow=["cards-removed"])
    assert "there is no cards-removed" in told
    assert all(name in told for name in RELEASE_HAZARDS)


# ------------------------------------------------------------------ refused always


def changed_types(change: Callable[[NoteType], NoteType]) -> Callable[[Manifest, int], Any]:
    """Our note types as a later version might have them."""
    return lambda *given: tuple(change(t) for t in note_types(*given))


SCHEMAS: dict[str, Callable[[NoteType], NoteType]] = {
    "a field renamed": lambda t: t._replace(
        fields=(t.fields[0]._replace(name="New"), *t.fields[1:])
    ),
    "a field's id": lambda t: t._replace(fields=(t.fields[0]._replace(id=1), *t.fields[1:])),
    "fields exchanged": lambda t: t._replace(fields=(t.fields[1], t.fields[0], *t.fields[2:])),
    "a template renamed": lambda t: t._replace(
        templates=(t.templates[0]._replace(name="New"), *t.templates[1:])
    ),
    "which cards a note has": lambda t: t._replace(
        templates=(
            t.templates[0]._replace(front="{{#Hint}}" + t.templates[0].front + "{{/Hint}}"),
            *t.templates[1:],
        )
    ),
}


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_changed_schema_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Anki would freeze every note of the type; nothing allows it."""
    author = released()
    author.edit("of all", "of some")
    monkeypatch.setattr(crss_deck.render, "note_types", changed_types(SCHEMAS[name]))
    assert refusal(author, allow=RELEASE_HAZARDS).startswith("schema-changed")


def test_a_changed_design_is_a_date_of_the_type(monkeypatch: pytest.MonkeyPatch) -> None:
    """New CSS reaches learners by the type's own date, and no note is dated anew."""
    author = released()
    monkeypatch.setattr(
        crss_deck.render, "note_types", changed_types(lambda t: t._replace(css=t.css + "\n"))
    )
    plan = author.release()
    assert plan.level is Level.PATCH
    assert {c.kind for c in plan.changes} == {Kind.LOOK}
    assert {t.modified for t in author.package().note_types} == {author.date}
    assert set(author.dates().values()) == {FIRST}


def test_a_type_keeps_its_date_while_nobody_uses_it() -> None:
    """The last cloze note retired and another one added: the type is as it was."""
    author = Author(basic("x") + cloze("y", "A {{c1::y}}."))
    author.release()
    author.edit(cloze("y", "A {{c1::y}}."), "")
    author.release()
    assert author.lock().types["cloze"].date == FIRST
    author.edit(basic("x"), basic("x") + cloze("z", "A {{c1::z}}."))
    author.release()
    assert {t.kind: t.modified for t in author.package().note_types} == {
        "basic": FIRST,
        "cloze": FIRST,
    }


@pytest.mark.parametrize(
    ("edit", "rule"),
    [
        (put('id = "released"', 'id = "other"', MANIFEST), "changed-deck-id"),
        (put(BOTH, cloze("both", "A {{c1::gap}}.")), "changed-kind"),
        (put("id: both", "id: one"), "duplicate-key"),
        (put("id: both", "id: two; was: never"), "unknown-origin"),
        (put("id: both", ""), "metadata-syntax"),
    ],
)
def test_a_deck_with_errors_is_not_released(edit: Edit, rule: str) -> None:
    """What could never reach learners is an error of the deck, and nothing allows it."""
    author = released()
    edit(author)
    with pytest.raises(DeckError) as caught:
        author.plan(allow=RELEASE_HAZARDS)
    assert rule in {d.rule.name for d in caught.value.diagnostics} or rule == "metadata-syntax"


def test_notes_without_an_id_are_not_released() -> None:
    """A draft may have them; a release shows each as an error."""
    author = released()
    author.edit("; reversed", "")
    author.edit("<!-- id: both -->\n\n", "\n---\n\n")
    author.edit("<!-- id: seen -->\n\n", "")
    assert author.compile().draft
    with pytest.raises(DeckError) as caught:
        author.plan(allow=RELEASE_HAZARDS)
    found = [(d.rule.name, d.rule.severity) for d in caught.value.diagnostics]
    assert found == [("missing-id", "error")] * 2


@pytest.mark.parametrize("date", [FIRST, FIRST - 1, FIRST - DAY])
def test_a_release_is_later_than_every_other(date: int) -> None:
    """Learners who have the last release would never get the changes."""
    author = released()
    author.edit("of all", "of some")
    told = refusal(author, date=date)
    assert iso(date) in told
    assert iso(FIRST) in told
    assert author.plan(date=FIRST + 1).date == FIRST + 1


@pytest.mark.parametrize("date", [-1, 0, 1])
def test_a_release_is_not_dated_to_1970(date: int) -> None:
    """A note dated 0 breaks Anki's Check Database; such a clock is wrong anyway."""
    with pytest.raises(ReleaseError):
        plan_release(Author(NOTES, FILES).folder(), clock=date)


# ------------------------------------------------------------------ --rerender and --recover


def test_rerender_pushes_all_held_notes() -> None:
    """At the price of their learners' tags, all get today's date and form."""
    author = released()
    author.edit("What is both", "What is *both*")
    author.release()
    with tools(1):
        assert list(author.statuses().values()).count(Status.HELD) == 2
        plan = author.release(rerender=frozenset())
        assert {(c.kind, c.key) for c in plan.changes} == {
            (Kind.PUSHED, "one"),
            (Kind.PUSHED, "both"),
        }
        assert plan.level is Level.PATCH
        assert plan.notices == ()
        assert {k for k, date in author.dates().items() if date == author.date} == {"one", "both"}
        assert author.line("one").date == author.date
        assert not author.compile().draft


def test_rerender_pushes_one_note() -> None:
    """A key pushes that note; the others stay held."""
    author = released()
    author.edit("What is both", "What is *both*")
    author.release()
    before = author.dates()["both"]
    with tools(1):
        plan = author.release(rerender=frozenset(["one"]))
        assert [(c.kind, c.key) for c in plan.changes] == [(Kind.PUSHED, "one")]
        assert author.dates()["one"] == author.date
        assert author.dates()["both"] == before
        assert plan.notices[0].startswith("1 note")


def test_rerender_names_notes() -> None:
    """A key that no note has is refused."""
    told = refusal(released(), rerender=frozenset(["one", "ono"]))
    assert "ono" in told
    assert "one," not in told


def test_rerender_without_held_notes_pushes_none() -> None:
    """There is nothing to do."""
    assert "nothing has changed" in refusal(released(), rerender=frozenset())


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """The released deck in a folder `source`, and its package in `build`."""
    source = released().write(tmp_path / "source")
    build_deck(source, tmp_path / "build", locked=True)
    return source


def package_of(disk: Path, version: str = "1.0.0") -> Path:
    """Where the package of a version lies."""
    return disk.parent / "build" / f"released-{version}.apkg"


def test_the_lock_lies_in_the_package(disk: Path) -> None:
    """To the byte, so that it can be had again."""
    assert read_apkg(package_of(disk)).lock.encode() == (disk / LOCK).read_bytes()


def test_a_lost_lock_is_recovered_with_a_release(disk: Path) -> None:
    """The recovered lock tells what is new, as if it had never been lost."""
    lock = (disk / LOCK).read_bytes()
    change(disk, "of all", "of some")
    expected = release_deck(disk, clock=FIRST + DAY)
    with_lock = snapshot(disk)
    (disk / LOCK).unlink()
    (disk / MANIFEST).write_text(DECK_TOML, encoding="utf-8")
    plan = release_deck(disk, clock=FIRST + DAY, recover=package_of(disk))
    assert plan.version == expected.version == "1.0.1"
    assert [c.key for c in plan.changes] == ["one"]
    assert snapshot(disk) == with_lock
    assert lock in (disk / LOCK).read_bytes() or lock.split(b"\n")[2] in (disk / LOCK).read_bytes()


def test_a_lost_lock_is_recovered_without_a_change(disk: Path) -> None:
    """Where nothing has changed, `--recover` writes the lock and nothing else."""
    before = snapshot(disk)
    (disk / LOCK).unlink()
    plan = release_deck(disk, clock=FIRST + DAY, recover=package_of(disk))
    assert plan.version == "1.0.0"
    assert snapshot(disk) == before
    assert not build_deck(disk, disk.parent / "again", locked=True).compilation.draft


def test_only_a_release_can_be_recovered_from(disk: Path) -> None:
    """A draft holds no lock."""
    change(disk, "of all", "of some")
    draft = build_deck(disk, disk.parent / "build").path
    (disk / LOCK).unlink()
    with pytest.raises(ReleaseError, match=r"holds no deck\.lock"):
        release_deck(disk, clock=FIRST + DAY, recover=draft)


# ------------------------------------------------------------------ the files of a release


def change(disk: Path, before: str, after: str, name: str = "notes.md") -> None:
    """Put one text in the place of another in a file, to the byte."""
    raw = (disk / name).read_bytes()
    assert raw.count(before.encode()) == 1
    (disk / name).write_bytes(raw.replace(before.encode(), after.encode()))


def snapshot(folder: Path) -> dict[str, bytes]:
    """Every file of a folder, hidden ones too."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_a_release_writes_three_files(disk: Path) -> None:
    """deck.toml, CHANGELOG.md and deck.lock; nothing else is touched and no litter left."""
    before = snapshot(disk)
    change(disk, "of all", "of some")
    plan = release_deck(disk, clock=FIRST + DAY)
    after = snapshot(disk)
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {MANIFEST, CHANGELOG, LOCK, "notes.md"}
    assert after.keys() == before.keys()
    assert after[LOCK].decode() == lock_text(plan.lock)
    assert after[MANIFEST].decode() == DECK_TOML.replace("1.0.0", "1.0.1")
    assert not build_deck(disk, disk.parent / "build", locked=True).compilation.draft


def test_deck_toml_keeps_its_other_bytes(disk: Path) -> None:
    """Comments, blanks, line ends of Windows, a BOM: only the version is written anew."""
    text = (
        '\ufeff# version = "0.0.1"\r\nformat = 1\r\nid = "released"\nname = "Released"\r\n'
        "version   =\t'1.0.0'   # the version\r\ntag_root = \"R\"\r\n\r\n\r\n"
        '[source]\r\ntitle = "version = \\"1.0.0\\""\r\n\r\n[check]\r\nquality = false'
    )
    (disk / MANIFEST).write_bytes(text.encode())
    plan = release_deck(disk, clock=FIRST + DAY)
    assert plan.version == "1.0.1"
    assert (disk / MANIFEST).read_bytes() == text.replace("'1.0.0'", "'1.0.1'").encode()


@pytest.mark.parametrize("line", ['"version" = "1.0.0"', 'version = """1.0.0"""'])
def test_a_version_that_cannot_be_found_is_not_guessed(disk: Path, line: str) -> None:
    """Where deck.toml says it in an unusual way, nothing is written."""
    change(disk, 'version = "1.0.0"', line, MANIFEST)
    change(disk, "of all", "of some")
    before = snapshot(disk)
    with pytest.raises(ReleaseError, match=r"deck\.toml"):
        release_deck(disk, clock=FIRST + DAY)
    assert snapshot(disk) == before


def test_a_refused_release_writes_nothing(disk: Path) -> None:
    """All is worked out before the first file is touched."""
    change(disk, "{{c2::bread}}", "bread")
    before = snapshot(disk)
    with pytest.raises(ReleaseError):
        release_deck(disk, clock=FIRST + DAY)
    assert snapshot(disk) == before


def sections(changelog: str) -> list[str]:
    """The headings of a changelog's sections."""
    return re.findall(r"^## (.*)$", changelog, re.MULTILINE)


def test_the_changelog_has_the_newest_release_on_top() -> None:
    """A section for each release below the head, with the day of the release."""
    author = released()
    author.edit("of all", "of some")
    author.release()
    text = author.text(CHANGELOG)
    assert text.startswith("# Changelog\n\nWhat changed in this deck")
    assert sections(text) == ["1.0.1 (2023-11-15)", "1.0.0 (2023-11-14)"]
    assert text.endswith("## 1.0.0 (2023-11-14)\n\nFirst release.\n")
    assert "### Reworded or corrected\n\n- “What is one?” (`one`)\n" in text


def test_the_changelog_keeps_what_authors_write() -> None:
    """Another head, words in sections: only a section of the same version is replaced."""
    author = released()
    own = "# News\n\nFor you.\n\n## 1.0.0 (2023-11-14)\n\nWe are *happy*.\n"
    author.files[CHANGELOG] = own
    author.edit("of all", "of some")
    author.release()
    head, mark, rest = author.text(CHANGELOG).partition("## 1.0.1")
    assert head == "# News\n\nFor you.\n\n"
    assert mark
    assert rest.endswith("\n\n## 1.0.0 (2023-11-14)\n\nWe are *happy*.\n")


def test_a_changelog_without_a_head_keeps_its_order() -> None:
    """Where the first line is a section already, the new one stands above it."""
    author = released()
    author.files[CHANGELOG] = "## 1.0.0 (2023-11-14)\n\nFirst release.\n"
    author.edit("of all", "of some")
    author.release()
    assert [name[:5] for name in sections(author.text(CHANGELOG))] == ["1.0.1", "1.0.0"]


def test_a_section_is_replaced_and_not_doubled() -> None:
    """A release that was not finished leaves a section, of another day perhaps; it is made anew."""
    author = released()
    author.edit("of all", "of some")
    broken = author.branch()
    broken.release()
    author.files[CHANGELOG] = broken.files[CHANGELOG]
    author.edit("What is one", "What was one")
    author.release(date=FIRST + 9 * DAY)
    text = author.text(CHANGELOG)
    assert sections(text) == ["1.0.1 (2023-11-23)", "1.0.0 (2023-11-14)"]
    assert "What was one" in text
    assert "What is one" not in text
    assert "First release." in text


# ------------------------------------------------------------------ a crash between the files


class Crash(Exception):  # noqa: N818
    """The power went."""


@pytest.fixture
def crash_after(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], None]]:
    """Let replacing a file fail after some were replaced."""

    def arrange(files: int) -> None:
        real = Path.replace
        done: list[Path] = []

        def replace(self: Path, target: Path) -> Path:
            if len(done) == files:
                raise Crash
            done.append(target)
            return real(self, target)

        monkeypatch.setattr(Path, "replace", replace)

    yield arrange


@pytest.mark.parametrize("files", [0, 1, 2])
@pytest.mark.parametrize("kind", ["wording", "a note added", "authors"])
def test_a_broken_release_is_completed(
    disk: Path,
    crash_after: Callable[[int], None],
    monkeypatch: pytest.MonkeyPatch,
    files: int,
    kind: str,
) -> None:
    """After a crash the next `check` says so, and `release` run again completes that version."""
    author = released()
    CHANGES[kind].edit(author)
    author.write(disk)
    before = snapshot(disk)
    version = VERSIONS[CHANGES[kind].level]
    crash_after(files)
    with pytest.raises(Crash):
        release_deck(disk, clock=FIRST + DAY)
    monkeypatch.undo()
    broken = snapshot(disk)
    assert sum(broken[name] != before[name] for name in before) == files
    assert broken[LOCK] == before[LOCK]
    assert broken.keys() == before.keys()
    found = compile_deck(read_deck(disk))
    assert found.draft
    names = [d.rule.name for d in found.diagnostics]
    assert names.count("unfinished-release") == (files > 0)
    for d in found.diagnostics:
        if d.rule.name == "unfinished-release":
            assert version in d.message
            assert "crss-deck release" in d.help
    plan = release_deck(disk, clock=FIRST + 3 * DAY)
    assert plan.version == version
    changelog = (disk / CHANGELOG).read_text(encoding="utf-8")
    assert sections(changelog) == [f"{version} (2023-11-17)", "1.0.0 (2023-11-14)"]
    result = build_deck(disk, disk.parent / "build", locked=True)
    assert result.path.name == f"released-{version}.apkg"
    assert "unfinished-release" not in {d.rule.name for d in result.compilation.diagnostics}


@pytest.mark.parametrize("files", [0, 1, 2])
def test_a_broken_first_release_is_completed(
    tmp_path: Path, crash_after: Callable[[int], None], monkeypatch: pytest.MonkeyPatch, files: int
) -> None:
    """Without a lock the deck is as it was before: never released."""
    disk = Author(NOTES, FILES).write(tmp_path / "source")
    crash_after(files)
    with pytest.raises(Crash):
        release_deck(disk, clock=FIRST)
    monkeypatch.undo()
    assert not (disk / LOCK).exists()
    assert release_deck(disk, clock=FIRST + DAY).version == "1.0.0"
    changelog = (disk / CHANGELOG).read_text(encoding="utf-8")
    assert sections(changelog) == ["1.0.0 (2023-11-15)"]
    assert not build_deck(disk, tmp_path / "build", locked=True).compilation.draft


def test_the_lock_is_replaced_last(disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a release whose other files are in place is there."""
    order: list[str] = []
    real = Path.replace

    def replace(self: Path, target: Path) -> Path:
        order.append(target.name)
        return real(self, target)

    monkeypatch.setattr(Path, "replace", replace)
    change(disk, "of all", "of some")
    release_deck(disk, clock=FIRST + DAY)
    assert sorted(order) == sorted([MANIFEST, CHANGELOG, LOCK])
    assert order[-1] == LOCK


# ------------------------------------------------------------------ --locked


def not_released(disk: Path) -> str:
    """Why `build --locked` refuses a deck; nothing is written."""
    with pytest.raises(NotReleasedError) as caught:
        build_deck(disk, disk.parent / "locked", locked=True)
    assert not (disk.parent / "locked").exists()
    return str(caught.value)


@pytest.mark.parametrize("name", CHANGES)
def test_locked_refuses_a_draft(disk: Path, name: str) -> None:
    """Any change that Anki would see makes a draft; the message names the notes that differ."""
    author = released()
    CHANGES[name].edit(author)
    for path in ("notes.md", "z.md"):
        (disk / path).unlink()
    author.write(disk)
    told = not_released(disk)
    assert told.startswith("this is not release 1.0.0, but a draft (")
    keys = {key for _, key, _ in CHANGES[name].evidence if key}
    assert all(key in told for key in keys)
    assert "tools" not in told


def test_the_record_has_the_content_of_the_lock(disk: Path) -> None:
    """And the package has it: dates, version and all."""
    path = build_deck(disk, disk.parent / "build", locked=True).path
    record = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    lock = read_lock(Source(LOCK, (disk / LOCK).read_text(encoding="utf-8")), print)
    assert lock is not None
    assert record["content"] == lock.releases[-1].content == content_digest(read_apkg(path))


def test_locked_needs_a_release(tmp_path: Path) -> None:
    """Without a lock, or with a version that was never released, there is no release to build."""
    author = Author(NOTES, FILES)
    disk = author.write(tmp_path / "source")
    assert "deck.lock has no release 1.0.0" in not_released(disk)
    author.release()
    author.edit("1.0.0", "1.0.1", MANIFEST)
    author.write(disk)
    assert "deck.lock has no release 1.0.1" in not_released(disk)


def test_locked_names_the_tools(disk: Path) -> None:
    """Where other versions render, both sets are named, and the notes they rendered otherwise."""
    with tools(1):
        told = not_released(disk)
    assert "held: one" in told
    assert "markdown-it-py/9.1.0" in told
    assert told.count("markdown-it-py/") == 2


def test_other_tools_that_write_the_same_are_the_same() -> None:
    """Only content decides: a newer library that changes nothing builds the release."""
    author = Author(cloze("x", "A {{c1::gap}}."))
    author.release()
    with tools(1):
        assert not author.compile().draft


def test_locked_refuses_a_lock_that_fails_check(disk: Path) -> None:
    """A line edited by hand is an error, whatever is built."""
    change(disk, "note one basic 2023-11-14T22:13:20Z", "note one basic 2023-11-14T22:13:19Z", LOCK)
    with pytest.raises(DeckError):
        build_deck(disk, disk.parent / "locked", locked=True)


@pytest.mark.parametrize(("ahead", "fine"), [(200, True), (1000, False)])
def test_locked_refuses_the_future(tmp_path: Path, ahead: int, fine: bool) -> None:
    """A date more than five minutes ahead of the clock: Anki would take it for a mistake."""
    author = Author(NOTES, FILES)
    author.release(date=int(time.time()) + ahead)
    disk = author.write(tmp_path / "source")
    if fine:
        assert not build_deck(disk, tmp_path / "locked", locked=True).compilation.draft
    else:
        assert "ahead of the clock" in not_released(disk)


def test_a_release_is_the_same_everywhere(
    disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In another folder, with another clock, time zone and epoch: the same bytes."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "12345")
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset() if hasattr(time, "tzset") else None
    other = tmp_path / "a far place" / "Quellen"
    author = released()
    author.write(other)
    path = build_deck(other, tmp_path / "out", clock=2_000_000_000).path
    assert path.name == "released-1.0.0.apkg"
    for suffix in (".apkg", ".json"):
        here = package_of(disk).with_suffix(suffix).read_bytes()
        assert sha256(path.with_suffix(suffix).read_bytes()).digest() == sha256(here).digest()
    monkeypatch.undo()
    time.tzset() if hasattr(time, "tzset") else None


def test_locked_reads_no_environment(disk: Path) -> None:
    """The command too: an epoch before the release, or no number at all, does not matter."""
    for epoch in ("1", "never", str(FIRST + DAY)):
        folder = f"out-{epoch}"
        env = environment(SOURCE_DATE_EPOCH=epoch)
        done = run("build", "--locked", "-o", folder, cwd=disk.parent, env=env)
        assert done.returncode == 0, done.stderr
        again = disk.parent / folder / "released-1.0.0.apkg"
        assert again.read_bytes() == package_of(disk).read_bytes()


def test_ids_count_down_from_the_release(disk: Path) -> None:
    """No id lies in the future of the release: Anki 2.1.54 would refuse it."""
    author = released()
    package = author.package(FIRST + 900 * DAY)
    assert package.stamp == FIRST
    assert read_apkg(package_of(disk)).stamp <= FIRST


# ------------------------------------------------------------------ branches


def merged(main: Author, hotfix: Author, base: Author, *, stale: bool = False) -> None:
    """Merge the lock of a hotfix into main, and keep the higher version of both.

    `stale`: a whole hunk of both sides is kept, with lines that only the other side has changed.
    """
    ours, theirs = main.text(LOCK), hotfix.text(LOCK)
    main.files[LOCK] = union(ours, theirs, base.text(LOCK))
    if stale:
        main.files[LOCK] = ours + "".join(f"{line}\n" for line in theirs.split("\n")[2:-1])
    mine, other = (re.findall('^version = "(.*)"', a.text(MANIFEST), re.M) for a in (main, hotfix))
    main.files[MANIFEST] = main.text(MANIFEST).replace(mine[0], max(mine[0], other[0]))
    main.date = max(main.date, hotfix.date)


@pytest.mark.parametrize("stale", [False, True])
def test_a_hotfix_beside_main(stale: bool) -> None:
    """1.0.1 is later than 1.1.0; after the merge, who has either gets what the other changed."""
    base = released()
    main, hotfix = base.branch(), base.branch()
    CHANGES["a note added"].edit(main)
    main.edit("c1::tea", "c1::green tea")
    assert main.release(date=FIRST + 2 * DAY).version == "1.1.0"
    hotfix.edit("of all", "of some")
    assert hotfix.release(date=FIRST + 3 * DAY).version == "1.0.1"
    main.edit("of all", "of some")
    merged(main, hotfix, base, stale=stale)
    assert main.faults() == []
    assert main.statuses() == dict.fromkeys(main.statuses(), Status.SAME)
    assert main.compile().draft
    assert main.dates(FIRST + 9 * DAY)["one"] == FIRST + 3 * DAY
    assert "not later" in refusal(main, date=FIRST + 3 * DAY)
    plan = main.release(date=FIRST + 4 * DAY)
    assert plan.version == "1.1.1"
    assert [(change.kind, change.key) for change in plan.changes] == [(Kind.MERGED, "one")]
    told = "beside the last one\n\n- “What is one?” (`one`), in 1.0.1\n"
    assert told in main.text(CHANGELOG)
    assert main.dates()["one"] == FIRST + 3 * DAY
    assert main.dates()["gaps"] == main.dates()["new"] == FIRST + 2 * DAY
    assert [r.version for r in main.lock().releases] == ["1.0.0", "1.1.0", "1.0.1", "1.1.1"]
    assert main.text(LOCK).count("\nnote one ") == 1
    assert "1.0.1" not in [r.version for r in base.lock().releases]


def test_a_hotfix_that_main_undoes() -> None:
    """Main keeps its own text: whoever has the hotfix gets it, by a new date."""
    base = released()
    main, hotfix = base.branch(), base.branch()
    hotfix.edit("of all", "of some")
    hotfix.release(date=FIRST + DAY)
    merged(main, hotfix, base)
    assert main.statuses()["one"] is Status.CHANGED
    assert main.release(date=FIRST + 2 * DAY).version == "1.0.2"
    assert main.dates()["one"] == FIRST + 2 * DAY


def test_a_note_that_both_branches_changed() -> None:
    """The later line counts; another text than that is dated anew."""
    base = released()
    main, hotfix = base.branch(), base.branch()
    main.edit("of all", "of many")
    main.release(date=FIRST + DAY)
    hotfix.edit("of all", "of some")
    hotfix.release(date=FIRST + 2 * DAY)
    kept_main, kept_hotfix = main.branch(), main.branch()
    for author in (kept_main, kept_hotfix):
        merged(author, hotfix, base)
    assert kept_main.statuses()["one"] is Status.CHANGED
    kept_hotfix.edit("of many", "of some")
    assert kept_hotfix.statuses()["one"] is Status.SAME
    assert kept_hotfix.dates(FIRST + 9 * DAY)["one"] == FIRST + 2 * DAY


def test_two_branches_that_released_one_version() -> None:
    """Both made a 1.0.1: each rebuilds its own, and the merge is a draft until it is released."""
    base = released()
    main, other = base.branch(), base.branch()
    main.edit("of all", "of many")
    main.release(date=FIRST + DAY)
    other.edit("c1::tea", "c1::green tea")
    other.release(date=FIRST + 2 * DAY)
    assert not main.compile().draft
    assert not other.compile().draft
    main.edit("c1::tea", "c1::green tea")
    merged(main, other, base)
    assert main.faults() == []
    assert main.compile().draft
    assert set(main.statuses().values()) == {Status.SAME}
    plan = main.release(date=FIRST + 3 * DAY)
    assert plan.version == "1.0.2"
    assert main.dates()["one"] == FIRST + DAY
    assert main.dates()["gaps"] == FIRST + 2 * DAY
    assert not main.compile().draft


def test_reflowed_on_one_branch_and_held_on_the_other() -> None:
    """Two digests of one date: neither is a change, so nobody loses a tag."""
    base = released()
    main, other = base.branch(), base.branch()
    main.edit("*First*", "_First_")
    main.edit("c1::tea", "c1::green tea")
    main.release(date=FIRST + DAY)
    with tools(1):
        other.edit("Is deep a", "Was deep a", "z.md")
        other.release(date=FIRST + 2 * DAY)
        main.edit("Is deep a", "Was deep a", "z.md")
        merged(main, other, base)
        assert len(main.line("one").digests) == 2
        assert main.statuses()["one"] in (Status.REFLOWED, Status.HELD)
        main.release(date=FIRST + 3 * DAY)
        assert main.dates()["one"] == FIRST
        assert len(main.line("one").digests) == 1


@pytest.mark.parametrize("renamed_last", [False, True])
def test_renamed_on_one_branch_and_edited_on_the_other(renamed_last: bool) -> None:
    """After the merge it is one note, under its new name and with its first GUID."""
    base = released()
    guids = {note.guid for note in base.package().notes}
    main, other = base.branch(), base.branch()
    main.edit("id: one", "id: uno; was: one")
    other.edit("of all", "of some")
    first, second = (other, main) if renamed_last else (main, other)
    first.release(date=FIRST + DAY)
    second.release(date=FIRST + 2 * DAY)
    main.edit("of all", "of some")
    merged(main, other, base)
    assert main.faults() == []
    main.release(date=FIRST + 3 * DAY)
    assert main.dates()["uno"] == FIRST + 3 * DAY
    assert main.line("uno").origin == "one"
    assert {note.guid for note in main.package().notes} == guids
    assert main.faults() == []
    assert not main.compile().draft


@pytest.mark.parametrize("stale", [False, True])
def test_retired_on_one_branch(stale: bool) -> None:
    """The other branch released something else: after the merge the note is still retired."""
    base = released()
    main, other = base.branch(), base.branch()
    other.edit(BOTH, "")
    other.release(date=FIRST + DAY)
    main.edit("of all", "of some")
    main.release(date=FIRST + 2 * DAY)
    main.edit(BOTH, "")
    merged(main, other, base, stale=stale)
    assert main.line("both").retired == "1.1.0"
    assert Kind.RETIRED not in {c.kind for c in main.plan(date=FIRST + 3 * DAY).changes}


def test_numbers_added_on_two_branches() -> None:
    """Each branch took a number: both stay taken, and the merged note needs no allowance."""
    base = released()
    main, other = base.branch(), base.branch()
    main.edit("bread}}", "bread}} {{c3::with butter}}")
    main.release(date=FIRST + DAY)
    other.edit("bread}}", "bread}} {{c4::today}}")
    other.release(date=FIRST + 2 * DAY)
    merged(main, other, base)
    main.edit("butter}}", "butter}} {{c4::today}}")
    plan = main.release(date=FIRST + 3 * DAY)
    assert plan.level is Level.PATCH
    assert set(main.line("gaps").cards) == {1, 2, 3, 4}


# ------------------------------------------------------------------ --after


def built(author: Author, folder: Path) -> Path:
    """The package of a release."""
    return build_deck(author.write(folder / "source"), folder / "build", locked=True).path


def test_after_names_what_an_unmerged_hotfix_hides(tmp_path: Path) -> None:
    """Main changed a note before the hotfix did: its text would never arrive."""
    base = released()
    main, hotfix = base.branch(), base.branch()
    for author, text in ((main, "of many"), (hotfix, "of some")):
        author.edit("of all", text)
        author.edit("Is deep a", f"Is deep {text} a", "z.md")
    hotfix.edit("Is deep of some", "Is deep", "z.md")
    main.release(date=FIRST + DAY)
    hotfix.release(date=FIRST + 2 * DAY)
    old = built(hotfix, tmp_path / "hotfix")
    first = built(base, tmp_path / "base")
    disk = main.write(tmp_path / "source")
    with pytest.raises(NotReleasedError) as caught:
        build_deck(disk, tmp_path / "build", after=[first, old])
    assert str(old) in str(caught.value)
    assert str(caught.value).endswith("one")
    assert "deep" not in str(caught.value)
    assert not (tmp_path / "build").exists()
    done = run("build", "--locked", "--after", str(first), "--after", str(old), cwd=tmp_path)
    assert done.returncode == 1
    assert "would not arrive" in done.stderr
    build_deck(disk, tmp_path / "build", locked=True, after=[first])
    main.edit("of many.", "of some.")
    merged(main, hotfix, base)
    main.release(date=FIRST + 3 * DAY)
    main.write(tmp_path / "source")
    build_deck(disk, tmp_path / "build", locked=True, after=[first, old])


def test_after_lets_held_notes_be(tmp_path: Path) -> None:
    """What newer tools render otherwise is held on purpose; the release workflow must not stop."""
    author = released()
    first = built(author, tmp_path / "first")
    author.edit("c1::tea", "c1::green tea")
    with tools(1):
        author.release()
        disk = author.write(tmp_path / "source")
        build_deck(disk, tmp_path / "build", locked=True, after=[first])


def test_after_finds_a_lost_lock(tmp_path: Path) -> None:
    """Released as if for the first time, with an earlier date: nothing would arrive."""
    author = released()
    author.edit("of all", "of some")
    author.release()
    second = built(author, tmp_path / "second")
    del author.files[LOCK]
    author.edit("of some", "of many")
    author.release(date=FIRST + 5)
    disk = author.write(tmp_path / "source")
    with pytest.raises(NotReleasedError, match="would not arrive"):
        build_deck(disk, tmp_path / "build", locked=True, after=[second])


def test_after_accepts_drafts(tmp_path: Path) -> None:
    """A draft is dated after the lock, so that it arrives everywhere."""
    author = released()
    first = built(author, tmp_path / "first")
    author.edit("of all", "of some")
    disk = author.write(tmp_path / "source")
    assert build_deck(disk, tmp_path / "build", after=[first]).compilation.draft


# ------------------------------------------------------------------ the command


def test_the_command_releases(disk: Path) -> None:
    """The version on stdout; on stderr what changed, what was written and what to run next."""
    change(disk, "of all", "of some")
    env = environment(SOURCE_DATE_EPOCH="1")
    done = run("release", "--date", iso(FIRST + DAY), cwd=disk.parent, env=env)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "1.0.1\n"
    assert "patch: reworded: “What is one?” (`one`)" in done.stderr
    for name in (MANIFEST, CHANGELOG, LOCK):
        assert f"source/{name}" in done.stderr
    assert "git tag released-1.0.1" in done.stderr
    assert f"release 1.0.1 {iso(FIRST + DAY)}" in (disk / LOCK).read_text(encoding="utf-8")
    done = run("build", "--locked", cwd=disk.parent)
    assert done.returncode == 0
    assert done.stdout == f"{Path('build', 'released-1.0.1.apkg')}\n"


def test_the_command_warns(disk: Path) -> None:
    """What `check` would warn of is said here too, and commands hold in a folder with blanks."""
    change(disk, "of all", "of some [sound:a.mp3]")
    disk = disk.rename(disk.parent / "my deck")
    done = run("release", "my deck", cwd=disk.parent)
    assert done.returncode == 0, done.stderr
    assert "warning[anki-syntax]" in done.stderr
    assert "git add 'my deck/deck.toml' 'my deck/CHANGELOG.md' 'my deck/deck.lock'" in done.stderr
    assert "crss-deck build 'my deck' --locked" in done.stderr


def test_the_command_names_what_it_wrote(disk: Path) -> None:
    """What was as it should be is not named, but committed: it may be from a broken release."""
    (disk / LOCK).unlink()
    manifest = (disk / MANIFEST).read_bytes()
    date = ("--date", iso(FIRST + DAY))
    done = run("release", *date, cwd=disk.parent)
    assert done.returncode == 0, done.stderr
    assert f"\nwritten: {CHANGELOG}, {LOCK}; read" in done.stderr
    assert (disk / MANIFEST).read_bytes() == manifest
    add = f"  git add source/{MANIFEST} source/{CHANGELOG} source/{LOCK}\n"
    assert add in done.stderr
    change(disk, "of all", "of some")
    done = run("release", cwd=disk.parent)
    assert f"\nwritten: {MANIFEST}, {CHANGELOG}, {LOCK}; read" in done.stderr
    assert add in done.stderr


def test_the_command_in_a_folder_that_looks_like_an_option(disk: Path) -> None:
    """The commands that it prints name a folder, not an option."""
    change(disk, "of all", "of some")
    disk = disk.rename(disk.parent / "-deck")
    done = run("release", "--", "-deck", cwd=disk.parent)
    assert done.returncode == 0, done.stderr
    assert "git add ./-deck/deck.toml" in done.stderr
    assert "crss-deck build ./-deck --locked" in done.stderr


def test_the_command_dates_by_the_clock(disk: Path) -> None:
    """Without `--date` a release is dated now, whatever SOURCE_DATE_EPOCH says."""
    change(disk, "of all", "of some")
    before = int(time.time())
    done = run("release", cwd=disk.parent, env=environment(SOURCE_DATE_EPOCH=str(FIRST + DAY)))
    assert done.returncode == 0, done.stderr
    lock = compile_deck(read_deck(disk)).history
    assert lock is not None
    assert lock.lock is not None
    assert before <= lock.lock.newest_date <= time.time()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--date", "2099-01-01T00:00:00Z"], 2, "--date lies in the future"),
        (["--date", "2023-11-14"], 2, "--date: '2023-11-14' is not a date"),
        (["--date", iso(FIRST)], 1, "is not later than the last release"),
        (["--version", "1.0.0"], 1, "released already"),
        (["--recover", "missing.apkg"], 1, "--recover is for a lost one"),
        (["--bump", "huge"], 2, "huge"),
    ],
)
def test_the_command_refuses(disk: Path, arguments: list[str], code: int, message: str) -> None:
    """Misuse exits with 2, a release that cannot be made with 1; nothing is written."""
    change(disk, "of all", "of some")
    before = snapshot(disk)
    done = run("release", *arguments, cwd=disk.parent)
    assert done.returncode == code, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert snapshot(disk) == before


def test_the_command_recovers(disk: Path) -> None:
    """A package that is not there is exit 2; from a real one the lost lock is written again."""
    lock = (disk / LOCK).read_bytes()
    (disk / LOCK).unlink()
    done = run("release", "--recover", "missing.apkg", cwd=disk.parent)
    assert done.returncode == 2
    assert "missing.apkg" in done.stderr
    done = run("release", "--recover", str(package_of(disk)), cwd=disk.parent)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "1.0.0\n"
    assert (disk / LOCK).read_bytes() == lock
    assert "git tag" not in done.stderr
    assert 'git commit --message "Recover deck.lock"' in done.stderr


def test_the_command_says_that_nothing_changed(disk: Path) -> None:
    """No release for nothing; exit 1."""
    done = run("release", cwd=disk.parent)
    assert done.returncode == 1
    assert done.stderr == "error: nothing has changed since 1.0.0: there is nothing to release\n"


def test_check_names_an_unfinished_release(disk: Path) -> None:
    """`check` shows the place in deck.toml; with `--strict` it fails."""
    change(disk, "1.0.0", "1.0.1", MANIFEST)
    env = environment(SOURCE_DATE_EPOCH="")
    done = run("check", "--output-format", "concise", cwd=disk.parent, env=env)
    assert done.returncode == 0
    assert "source/deck.toml:4:12: warning[unfinished-release]" in done.stdout
    assert run("check", "--strict", cwd=disk.parent, env=env).returncode == 1
