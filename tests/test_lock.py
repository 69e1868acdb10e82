"""deck.lock: its format to the byte, what a merge makes of it, and what is refused."""

from __future__ import annotations

import json
import re
from hashlib import sha256
from pathlib import Path

import pytest
from command_helper import run
from hypothesis import given
from hypothesis import strategies as st
from release_helper import DAY, FIRST, Author, basic, cloze, key_of, union

from crss_deck import DeckError, compile_deck
from crss_deck.diagnostics import Diagnostic
from crss_deck.folder import LOCK
from crss_deck.history import Status
from crss_deck.lock import (
    SPENT,
    Lock,
    LockedNote,
    LockedType,
    Release,
    from_iso,
    iso,
    lock_text,
    read_lock,
)
from crss_deck.source import Source

S, R = "5" * 16, "a" * 16
S2, R2 = "6" * 16, "b" * 16


def read(text: str) -> tuple[Lock | None, list[Diagnostic]]:
    """What a text says, and what is said about it."""
    found: list[Diagnostic] = []
    return read_lock(Source(LOCK, text), found.append), found


def good(text: str) -> Lock:
    """What a text says that has no fault."""
    lock, found = read(text)
    assert not found
    assert lock is not None
    return lock


# ------------------------------------------------------------------ the text, byte for byte

FULL = """\
crss-deck-lock 1
deck a-deck name=A%20Deck::100%25
release 1.0.0 2026-11-22T07:10:00Z content={one} tools=crss-deck/1.0.0,pygments/2.21.0
release 2.0.0 2027-01-09T18:02:11Z content={two} tools=crss-deck/1.1.0 allow=card-removed,number-moved
type basic 2027-01-09T18:02:11Z id=1002791738570 schema=9f31c2d07a5e8b44 design=5b7e10aa93c4d2f1
type cloze 2026-11-22T07:10:00Z id=1221089894747 schema=0000000000000000 design=ffffffffffffffff
note an-ordered-chain cloze 2026-11-22T07:10:00Z s={s} r={r} cards=1:8c1f22d0,2:e94b7a03,3:-
note asked-last basic 2026-11-22T07:10:00Z s={s} r={r} cards=1 was=asked-first,asked-then deck=Two%20words::Deep
note two-lines basic 2027-01-09T18:02:11Z s={s} r={r} cards=1,2
note two-lines basic 2027-01-09T18:02:11Z s={s2} r={r2} cards=1,2
note what-peers-do basic 2026-11-22T07:10:00Z s={s} r={r} cards=1,2:- retired=2.0.0
""".format(one="1" * 64, two="2" * 64, s=S, r=R, s2=S2, r2=R2)  # noqa: E501
EARLY, LATE = from_iso("2026-11-22T07:10:00Z"), from_iso("2027-01-09T18:02:11Z")
SAME = frozenset({(S, R)})


def full_lock() -> Lock:
    """A lock with every attribute, not in the order of its lines."""
    notes = [
        LockedNote("what-peers-do", "basic", EARLY, SAME, {2: SPENT, 1: ""}, retired="2.0.0"),
        LockedNote("two-lines", "basic", LATE, SAME | {(S2, R2)}, {1: "", 2: ""}),
        LockedNote(
            "an-ordered-chain", "cloze", EARLY, SAME, {3: SPENT, 2: "e94b7a03", 1: "8c1f22d0"}
        ),
        LockedNote(
            "asked-last",
            "basic",
            EARLY,
            SAME,
            {1: ""},
            ("asked-first", "asked-then"),
            "Two words::Deep",
        ),
    ]
    return Lock(
        "a-deck",
        "A Deck::100%",
        (
            Release("2.0.0", LATE, "2" * 64, "crss-deck/1.1.0", ("card-removed", "number-moved")),
            Release("1.0.0", EARLY, "1" * 64, "crss-deck/1.0.0,pygments/2.21.0"),
        ),
        {
            "cloze": LockedType("cloze", EARLY, 1221089894747, "0" * 16, "f" * 16),
            "basic": LockedType(
                "basic", LATE, 1002791738570, "9f31c2d07a5e8b44", "5b7e10aa93c4d2f1"
            ),
        },
        {note.origin: note for note in notes},
    )


def test_every_attribute_has_its_place() -> None:
    """The whole format, byte for byte: sections in order, releases by date, the rest by key."""
    assert lock_text(full_lock()) == FULL


def test_a_lock_reads_back() -> None:
    """What was written is read as it was, and written again as it was."""
    lock = good(FULL)
    assert lock._replace(releases=()) == full_lock()._replace(releases=())
    assert set(lock.releases) == set(full_lock().releases)
    assert lock_text(lock) == FULL
    assert lock.newest_date == LATE
    assert lock.names == {
        "an-ordered-chain",
        "asked-first",
        "asked-last",
        "asked-then",
        "two-lines",
        "what-peers-do",
    }


PLAIN = basic("chain", "What is first?", "A chain.", "tags: t; reversed") + cloze(
    "steps", "Do {{c1::one}} and {{c3::two::hint}}."
)
DIGESTS = {
    "chain": ("4ef374e15842720a", "7844e5d8a978266a", {1: "", 2: ""}),
    "steps": ("badec9d0356eb9dc", "54f6f4e30437546f", {1: "7692c3ad", 3: "3fc4ccfe"}),
}


def test_the_digests_of_format_1() -> None:
    """Two notes and their digests: whatever else changes, these stay, or all notes would change."""
    author = Author(PLAIN)
    author.release()
    for key, (source, rendered, cards) in DIGESTS.items():
        line = author.line(key)
        assert line.digests == {(source, rendered)}
        assert line.cards == cards
    assert {kind: locked.schema for kind, locked in author.lock().types.items()} == {
        "basic": "3130b845e4af4259",
        "cloze": "b81d16cba98187ea",
    }


def test_the_rendered_digest_is_what_anki_stores() -> None:
    """Type id, fields but Key, tags and card numbers as sorted, compact JSON, cut to 16 hex."""
    author = Author(PLAIN)
    author.release()
    for note in author.package().notes:
        names = [field.name for field in note.note_type.fields]
        content = [
            note.note_type.id,
            [text for name, text in zip(names, note.fields, strict=True) if name != "Key"],
            sorted(note.tags),
            [card + 1 for card in note.cards],
        ]
        text = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        ((_, rendered),) = author.line(key_of(note)).digests
        assert rendered == sha256(text.encode()).hexdigest()[:16]


def test_a_release_writes_the_lock_of_its_package() -> None:
    """Header, deck, release, types and notes of a first release; the digests are of 64 and 16."""
    author = Author(PLAIN)
    author.release()
    lines = author.text(LOCK).split("\n")
    date = "2023-11-14T22:13:20Z"
    assert lines[:2] == ["crss-deck-lock 1", "deck released name=Released"]
    tools = r"tools=crss-deck/[^ ,]+,markdown-it-py/[^ ,]+,pygments/[^ ,]+"
    assert re.fullmatch(rf"release 1\.0\.0 {date} content=[0-9a-f]{{64}} {tools}", lines[2])
    for line, kind in zip(lines[3:5], ("basic", "cloze"), strict=True):
        pattern = rf"type {kind} {date} id=\d+ schema=[0-9a-f]{{16}} design=[0-9a-f]{{16}}"
        assert re.fullmatch(pattern, line)
    assert lines[5].startswith(f"note chain basic {date} s=")
    assert lines[6].startswith(f"note steps cloze {date} s=")
    assert lines[7:] == [""]


words = st.text("aZ9 %=,:漢é\u3000\xa0\u2028", min_size=1)
keys = st.sampled_from(["a", "a-b", "b-2", "long-names-are-keys-too"])
dates = st.sampled_from([EARLY, LATE])
digests = st.sampled_from([(S, R), (S2, R2)])
cards = st.dictionaries(
    st.integers(1, 499), st.sampled_from(["8c1f22d0", "00000000", SPENT, ""]), min_size=1
)
notes = st.tuples(keys, dates, digests, cards, words)


@given(st.lists(notes, max_size=4, unique_by=lambda note: note[0]), words)
def test_any_lock_reads_back(
    notes: list[tuple[str, int, tuple[str, str], dict[int, str], str]], name: str
) -> None:
    """Whatever the names of decks and the numbers of cards, a lock is read as it was written."""
    lock = full_lock()._replace(
        name=name,
        notes={
            key: LockedNote(key, "cloze", date, frozenset({pair}), numbers, subdeck=subdeck)
            for key, date, pair, numbers, subdeck in notes
        },
    )
    again = good(lock_text(lock))
    assert again.notes == lock.notes
    assert again.name == name
    assert lock_text(again) == lock_text(lock)


@pytest.mark.parametrize("second", [0, 1, FIRST, EARLY, 2**31, 4_102_444_799])
def test_dates_are_full_seconds_of_utc(second: int) -> None:
    """A date is written as people read it, and names one second."""
    assert from_iso(iso(second)) == second
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", iso(second))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-11-22",
        "2026-11-22 07:10:00Z",
        "2026-11-22T07:10:00",
        "2026-11-22T07:10:00+00:00",
        "2026-11-22T07:10Z",
        "2026-11-22T07:10:00.5Z",
        "2026-02-30T07:10:00Z",
        "2026-11-22T24:00:00Z",
        "2016-12-31T23:59:60Z",
        "２026-11-22T07:10:00Z",
    ],
)
def test_no_other_text_is_a_date(text: str) -> None:
    """A day without a second, another zone or a day that is not there is refused."""
    with pytest.raises(ValueError):
        from_iso(text)


# ------------------------------------------------------------------ several lines of one note

HEAD = FULL[: FULL.index("note ")]


def lines(*notes: str) -> LockedNote:
    """What some lines of one note say together."""
    (note,) = good(HEAD + "".join(f"note {line}\n" for line in notes)).notes.values()
    return note


def line(date: int, cards: str, pair: str = f"s={S} r={R}", key: str = "x", more: str = "") -> str:
    """A line of a cloze note, without its first word."""
    return f"{key} cloze {iso(date)} {pair} cards={cards}{more}"


OTHER = f"s={S2} r={R2}"


@pytest.mark.parametrize("turned", [False, True])
def test_the_latest_date_counts(turned: bool) -> None:
    """Of two lines the later one says what learners have, in whichever order they stand."""
    both = [line(EARLY, "1:11111111"), line(LATE, "1:22222222", OTHER, more=" deck=New")]
    note = lines(*both[:: -1 if turned else 1])
    assert note.date == LATE
    assert note.digests == {(S2, R2)}
    assert note.cards == {1: "22222222"}
    assert note.subdeck == "New"


@pytest.mark.parametrize("turned", [False, True])
def test_card_numbers_add_up(turned: bool) -> None:
    """A number that either branch released stays taken; the later line says what it asks."""
    both = [line(EARLY, "1:11111111,2:22222222,4:44444444"), line(LATE, "1:1111aaaa,2:-,3:-")]
    note = lines(*both[:: -1 if turned else 1])
    assert note.cards == {1: "1111aaaa", 2: SPENT, 3: SPENT, 4: "44444444"}


@pytest.mark.parametrize("turned", [False, True])
def test_former_names_add_up(turned: bool) -> None:
    """Renamed on two branches: all names are kept, and the origin stays the first."""
    both = [
        line(EARLY, "1:11111111", key="b", more=" was=x"),
        line(LATE, "1:11111111", key="c", more=" was=x,a"),
    ]
    note = lines(*both[:: -1 if turned else 1])
    assert note.key == "c"
    assert note.origin == note.names[0] == "x"
    assert set(note.names) == {"x", "a", "b"}


@pytest.mark.parametrize("renamed_last", [False, True])
@pytest.mark.parametrize("turned", [False, True])
def test_a_name_on_one_branch_keeps_the_origin(renamed_last: bool, turned: bool) -> None:
    """Renamed on one branch and edited on another: it is one note, under its first name."""
    renamed, edited = (LATE, EARLY) if renamed_last else (EARLY, LATE)
    both = [line(renamed, "1:11111111", key="b", more=" was=x"), line(edited, "1:11111111", OTHER)]
    lock = good(HEAD + "".join(f"note {each}\n" for each in both[:: -1 if turned else 1]))
    ((origin, note),) = lock.notes.items()
    assert origin == note.origin == "x"
    assert lock.names == {"x", "b"}
    assert good(lock_text(lock)).notes == lock.notes


@pytest.mark.parametrize("turned", [False, True])
def test_two_digests_of_one_date_both_count(turned: bool) -> None:
    """Reflowed on one branch and held on the other: either form is the released one."""
    both = [line(EARLY, "1:11111111"), line(EARLY, "1:11111111", OTHER)]
    lock = good(HEAD + "".join(f"note {each}\n" for each in both[:: -1 if turned else 1]))
    assert lock.notes["x"].digests == {(S, R), (S2, R2)}
    assert good(lock_text(lock)).notes == lock.notes


@pytest.mark.parametrize("turned", [False, True])
def test_a_note_retired_on_one_branch_is_retired(turned: bool) -> None:
    """Its line from before, of the same date, may be left beside it by a merge."""
    both = [line(EARLY, "1:11111111"), line(EARLY, "1:11111111", more=" retired=2.0.0")]
    assert lines(*both[:: -1 if turned else 1]).retired == "2.0.0"


def test_a_note_changed_after_it_was_retired_elsewhere_is_there() -> None:
    """The later line counts in this too."""
    both = [line(EARLY, "1:11111111", more=" retired=2.0.0"), line(LATE, "1:11111111", OTHER)]
    assert lines(*both).retired == ""


def test_the_later_line_of_a_type_counts() -> None:
    """A design that two branches changed has the date and digest of the later change."""
    text = FULL + f"type cloze {iso(LATE)} id=1221089894747 schema={'0' * 16} design={S}\n"
    assert good(text).types["cloze"].date == LATE
    assert good(text).types["cloze"].design == S
    text = FULL + f"type basic {iso(EARLY)} id=1002791738570 schema=9f31c2d07a5e8b44 design={S}\n"
    assert good(text) == good(FULL)


def test_a_line_kept_twice_counts_once() -> None:
    """A merge that keeps a whole hunk of both sides may double lines; a release mends that."""
    doubled = "".join(
        f"{each}\n" * (number > 0) for number, each in enumerate(FULL.split("\n")[:-1])
    )
    assert lock_text(good(FULL + doubled)) == FULL


def test_the_later_of_two_releases_of_a_version_counts() -> None:
    """Two branches that both released 2.0.0: both lines stay, and the later one is meant."""
    text = FULL.replace(
        "type basic", f"release 2.0.0 {iso(LATE + 5)} content={'3' * 64} tools=t\ntype basic", 1
    )
    lock = good(text)
    assert len(lock.releases) == 3
    release = lock.release("2.0.0")
    assert release is not None
    assert release.content == "3" * 64
    assert lock.newest_date == LATE + 5
    assert lock.release("3.0.0") is None


def test_a_release_writes_one_line_for_each_note() -> None:
    """Of a lock with several lines for a note the next release makes one that says it all."""
    author = Author(cloze("x", "{{c1::one}} of many"))
    author.release()
    base = author.text(LOCK)
    hotfix, main = author.branch(), author.branch()
    hotfix.edit("of many", "of {{c2::many}}")
    hotfix.release(date=FIRST + 3 * DAY)
    main.edit("of many", "of {{c3::very}} many")
    main.release(date=FIRST + 2 * DAY)
    main.files[LOCK] = union(main.text(LOCK), hotfix.text(LOCK), base)
    assert main.text(LOCK).count("\nnote x") == 2
    assert main.lock().notes["x"].date == FIRST + 3 * DAY
    main.edit("many", "{{c2::many}}")
    main.release(date=FIRST + 4 * DAY)
    assert main.text(LOCK).count("\nnote x") == 1
    assert main.lock().notes["x"].cards.keys() == {1, 2, 3}
    assert main.lock().notes["x"].date == FIRST + 4 * DAY
    versions = [release.version for release in main.lock().releases]
    assert versions == ["1.0.0", "1.1.0", "1.1.0", "1.1.1"]


# ------------------------------------------------------------------ what a merge left undone


def test_conflict_marks_are_deleted_and_nothing_else() -> None:
    """Where git left its marks, the message says to delete only their lines; then all is well."""
    good_lines = FULL.split("\n")
    marked = [*good_lines[:6], "<<<<<<< HEAD", good_lines[6], "=======", *good_lines[6:9]]
    marked += [">>>>>>> hotfix/1.0.1", *good_lines[9:]]
    lock, found = read("\n".join(marked))
    assert lock is None
    assert [d.rule.name for d in found] == ["lock-conflict"] * 3
    assert [d.span.location.line for d in found if d.span] == [7, 9, 13]
    assert all(d.rule.configuration for d in found)
    assert {d.help for d in found} == {
        "delete only the lines of marks, and keep all others: each stands alone"
    }
    kept = [each for each in marked if not each.startswith(("<<<<<<<", "=======", ">>>>>>>"))]
    assert lock_text(good("\n".join(kept))) == FULL


def test_the_marks_of_diff3_are_marks_too() -> None:
    """`|||||||` begins what both branches started from; those lines may stay."""
    _, found = read(FULL + "||||||| base\n")
    assert [d.rule.name for d in found] == ["lock-conflict"]


# ------------------------------------------------------------------ what is refused

NOTE = f"note x basic {iso(EARLY)} s={S} r={R} cards=1"
UNKNOWN = {
    "a newer format": (FULL.replace("crss-deck-lock 1", "crss-deck-lock 2"), 1),
    "no header": (FULL.partition("\n")[2], 1),
    "an unknown word": (f"{FULL}media x {iso(EARLY)} s={S}\n", 12),
    "an unknown attribute of a note": (f"{FULL}{NOTE} colour=red\n", 12),
    "an unknown attribute of the deck": (FULL.replace("deck a-deck", "deck a-deck root=x"), 2),
    "an unknown attribute of a release": (
        FULL.replace("tools=crss-deck/1.1.0", "tools=x by=me"),
        4,
    ),
    "an unknown attribute of a type": (FULL.replace("schema=9f", "grade=1 schema=9f"), 5),
    "an unknown type": (FULL.replace("type basic", "type image"), 5),
    "an unknown kind of note": (f"{FULL}{NOTE.replace('basic', 'image')}\n", 12),
    "an attribute given twice": (f"{FULL}{NOTE} was=a was=b\n", 12),
    "an empty attribute": (f"{FULL}{NOTE} was=\n", 12),
    "a missing attribute": (f"{FULL}{NOTE.replace(' cards=1', '')}\n", 12),
    "a word too many": (f"{FULL}{NOTE.replace('basic', 'basic more')}\n", 12),
    "two blanks": (f"{FULL}{NOTE.replace(' basic', '  basic')}\n", 12),
    "a blank line": (f"{FULL}\n{NOTE}\n", 12),
    "a comment": (f"{FULL}# by hand\n", 12),
    "a malformed key": (f"{FULL}{NOTE.replace(' x ', ' X ')}\n", 12),
    "a malformed former name": (f"{FULL}{NOTE} was=a,,b\n", 12),
    "a malformed digest": (f"{FULL}{NOTE.replace(S, S[1:])}\n", 12),
    "a malformed date": (f"{FULL}{NOTE.replace('T07', ' 07')}\n", 12),
    "card number 0": (f"{FULL}{NOTE}:11111111,0:11111111\n", 12),
    "a malformed card": (f"{FULL}{NOTE}:1111\n", 12),
    "a card number given twice": (f"{FULL}{NOTE},1\n", 12),
    "no cards": (f"{FULL}{NOTE[:-1]}\n", 12),
    "a malformed version": (FULL.replace("release 2.0.0", "release 2.0"), 4),
    "a malformed version of retirement": (FULL.replace("retired=2.0.0", "retired=soon"), 11),
    "a malformed content digest": (FULL.replace("content=1", "content="), 3),
    "a malformed type id": (FULL.replace("id=1002791738570", "id=one"), 5),
    "another deck": (FULL.replace("release 1", "deck b-deck name=B\nrelease 1", 1), 3),
    "no deck": (FULL.replace("deck a-deck name=A%20Deck::100%25\n", ""), 10),
    "nothing": ("", 1),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_what_is_not_understood_is_refused(name: str) -> None:
    """A newer crss-deck may have written it, so nothing is guessed: no lock, and exit code 2."""
    text, place = UNKNOWN[name]
    lock, found = read(text)
    assert lock is None
    first = found[0]
    assert first.rule.name == "lock-syntax"
    assert first.rule.configuration
    assert first.rule.severity == "error"
    assert first.span is not None
    assert first.span.location.line == place
    assert "install a newer crss-deck" in first.help


def test_the_command_exits_with_2(tmp_path: Path) -> None:
    """A lock that a newer crss-deck wrote stops check, build and release, and none touches it."""
    author = Author(PLAIN)
    author.release()
    author.files[LOCK] = author.text(LOCK).replace("note chain", "note chain colour=red", 1)
    author.write(tmp_path / "source")
    for command in ("check", "build", "release"):
        done = run(command, cwd=tmp_path)
        assert done.returncode == 2, done.stderr
        assert "error[lock-syntax]" in done.stdout + done.stderr
        assert "Traceback" not in done.stderr
    assert (tmp_path / "source" / LOCK).read_text(encoding="utf-8") == author.text(LOCK)
    assert not (tmp_path / "build").exists()


def test_line_ends_of_windows_are_read(tmp_path: Path) -> None:
    """A checkout that turned LF into CRLF builds the same release."""
    author = Author(PLAIN)
    author.release()
    here = author.package()
    author.files[LOCK] = author.text(LOCK).replace("\n", "\r\n")
    assert not author.compile().draft
    assert author.package() == here


# ------------------------------------------------------------------ edited by hand


@pytest.mark.parametrize(
    ("before", "after", "place"),
    [
        ("note chain basic 2023-11-14T22:13:20Z", "note chain basic 2023-11-14T22:13:21Z", 6),
        ("type cloze 2023-11-14T22:13:20Z", "type cloze 2022-11-14T22:13:20Z", 5),
        ("release 1.0.0 2023-11-14T22:13:20Z", "release 1.0.0 2023-11-14T22:13:22Z", 4),
    ],
)
def test_every_date_is_a_release_s(before: str, after: str, place: int) -> None:
    """A date that no release line has was written by hand: exit code 2, at its line."""
    author = Author(PLAIN)
    author.release()
    author.edit(before, after, LOCK)
    found = compile_deck(author.folder()).errors
    assert {d.rule.name for d in found} == {"lock-edited"}
    assert all(d.rule.configuration for d in found)
    assert found[0].span is not None
    assert found[0].span.location.line == place
    assert "restore the line from git" in found[0].help


def test_a_removed_release_line_is_found() -> None:
    """Without the line of its release, what that release dated has no date."""
    author = Author(PLAIN)
    author.release()
    author.edit("What is first", "What comes first")
    author.release()
    newest = author.text(LOCK).split("\n")[3]
    assert newest.startswith("release 1.0.1")
    author.edit(newest + "\n", "", LOCK)
    assert "lock-edited" in author.faults()


def test_a_deck_id_never_changes() -> None:
    """Under another id every note would be new to every learner; exit code 2."""
    author = Author(PLAIN)
    author.release()
    author.edit('id = "released"', 'id = "renamed"', "deck.toml")
    (found,) = compile_deck(author.folder()).errors
    assert found.rule.name == "changed-deck-id"
    assert found.rule.configuration
    assert 'write id = "released"' in found.help


# ------------------------------------------------------------------ keys and their notes


def errors(author: Author) -> list[tuple[str, str, str]]:
    """Rule, message and help of every error."""
    return [(d.rule.name, d.message, d.help) for d in compile_deck(author.folder()).errors]


def renamed() -> Author:
    """A deck whose note was released as `first`, then as `second`, then as `third`."""
    author = Author(basic("first", "Who?") + basic("other"))
    author.release()
    for name in ("second", "third"):
        author.edit(
            "id: first -->" if name == "second" else "id: second; was: first",
            f"id: {name}; was: first{' -->' if name == 'second' else ''}",
        )
        author.release()
    return author


def test_former_names_are_kept_in_order() -> None:
    """`was` holds the origin first, then what it was called later."""
    author = renamed()
    note = author.lock().notes["first"]
    assert (note.key, note.names, note.origin) == ("third", ("first", "second"), "first")
    assert " was=first,second" in author.text(LOCK)


def test_a_key_is_not_used_for_the_other_kind() -> None:
    """Anki would refuse a cloze note under the GUID of a basic one for ever."""
    author = Author(basic("x") + basic("y"))
    author.release()
    author.edit(basic("x"), cloze("x", "An {{c1::x}}."))
    ((rule, message, help),) = errors(author)
    assert rule == "changed-kind"
    assert "`x` was released as a basic note" in message
    assert "new id" in help


def test_a_key_of_a_retired_note_keeps_its_kind() -> None:
    """Learners still have the note, so its name is not free either."""
    author = Author(basic("x") + basic("y"))
    author.release()
    author.edit(basic("x"), "")
    author.release()
    author.edit(basic("y"), basic("y") + cloze("x", "An {{c1::x}}."))
    assert [rule for rule, *_ in errors(author)] == ["changed-kind"]


@pytest.mark.parametrize("name", ["first", "second"])
def test_a_former_name_is_not_free(name: str) -> None:
    """Another note under a name that a note once had would write over it, or confuse authors."""
    author = renamed()
    author.files["more.md"] = basic(name, "Is this another note?")
    found = errors(author)
    if name == "first":  # `was` claims it in the same source
        assert "duplicate-key" in {rule for rule, *_ in found}
    else:
        ((rule, message, help),) = found
        assert rule == "taken-key"
        assert message == "the name `second` belongs to the note `first`"
        assert help == "give this note a new id; a released name belongs to its note for ever"


def test_a_former_name_stays_taken_when_its_note_is_retired() -> None:
    """The note is gone from the source, but not from its learners."""
    author = renamed()
    author.edit("id: third; was: first", "id: new; allow: forgotten-was (it is given up)")
    assert errors(author) == []
    author.release()
    author.edit("id: new", "id: second")
    assert [rule for rule, *_ in errors(author)] == ["taken-key"]


def test_a_changed_id_is_noticed() -> None:
    """The same text under a new id would come to learners a second time, unless `was` is given."""
    author = Author(PLAIN)
    author.release()
    author.edit("id: chain", "id: links")
    assert author.faults() == ["forgotten-was"]
    with pytest.raises(DeckError) as refused:
        author.release()
    assert [(d.rule.name, d.rule.severity) for d in refused.value.diagnostics] == [
        ("forgotten-was", "error")
    ]
    author.edit("id: links", "id: links; allow: forgotten-was (a second one is meant)")
    assert {change.kind.value for change in author.plan().changes} == {"added", "retired"}
    author.edit("; allow: forgotten-was (a second one is meant)", "; was: chain")
    assert author.faults() == []


def test_exchanged_ids_are_noticed() -> None:
    """Learners would be asked one note with the schedule of the other."""
    author = Author(basic("chain", "What is first?") + basic("steps", "What is second?"))
    author.release()
    author.edit("id: chain", "id: other")
    author.edit("id: steps", "id: chain")
    author.edit("id: other", "id: steps")
    assert author.faults() == ["moved-id", "moved-id"]
    with pytest.raises(DeckError) as refused:
        author.release()
    assert {(d.rule.name, d.rule.severity) for d in refused.value.diagnostics} == {
        ("moved-id", "error")
    }


def test_an_id_that_slipped_is_noticed() -> None:
    """A note was deleted, and its comment stayed with the next one; a name for it is known."""
    author = Author(basic("chain", "What is first?") + basic("steps", "What is second?"))
    author.release()
    author.edit("Q: What is first?\n\nA: Yes.\n<!-- id: chain -->\n\n", "")
    author.edit("id: steps", "id: chain")
    (found,) = (d for d in author.compile().diagnostics if d.rule.name == "moved-id")
    assert found.help.startswith("give it the id steps again;")
    author.edit("id: chain", "id: chain; allow: moved-id (they are one note now)")
    assert author.plan().version == "1.1.0"


@pytest.mark.parametrize("comment", ["", "<!-- id: new-name -->\n"])
def test_a_note_between_another_and_its_comment_is_noticed(comment: str) -> None:
    """It would take over the learners of the one above; and `--fix` gives that one no new name."""
    author = Author(basic("chain", "What is first?") + basic("steps", "What is second?"))
    author.release()
    pasted = f"{comment}\nQ: What came between?\n\nA: No.\n<!-- id: chain -->"
    author.edit("<!-- id: chain -->", pasted)
    (found,) = author.compile().diagnostics
    assert found.rule.name == "moved-id"
    assert found.span is not None and found.span.location.line == (4 if comment else 1)
    assert "`chain`" in found.message
    with pytest.raises(DeckError):
        author.release()


def test_the_advice_for_a_moved_id_holds_its_first_name() -> None:
    """Else the old name would be taken for another note's."""
    author = Author(basic("chain", "What is first?") + basic("steps", "What is second?"))
    author.release()
    author.edit("id: chain", "id: links; was: chain")
    author.release()
    author.edit("id: links; was: chain", "id: other")
    author.edit("id: steps", "id: links; was: chain")
    author.edit("id: other", "id: steps")
    helps = [d.help for d in author.compile().diagnostics if d.rule.name == "moved-id"]
    assert helps[0].startswith("give it the id links; was: chain again;")


def test_a_lost_id_is_found_again() -> None:
    """A note that lost its id builds as the note it is, yet only as a draft until it is mended."""
    author = Author(PLAIN)
    author.release()
    author.edit("id: chain; ", "")
    compilation = author.compile()
    (missing,) = [d for d in compilation.diagnostics if d.rule.name == "missing-id"]
    assert missing.fix is not None and missing.fix.text == "id: chain; "
    assert author.statuses() == {"chain": Status.SAME, "steps": Status.SAME}
    assert compilation.draft


def test_a_changed_note_with_a_new_id_is_a_new_note() -> None:
    """Nobody could tell them apart, and nothing is guessed."""
    author = Author(PLAIN)
    author.release()
    author.edit("id: chain", "id: links")
    author.edit("A chain.", "Another chain.")
    assert author.faults() == []


def test_was_cannot_be_dropped() -> None:
    """Without `was` the note would be a new one; the help says what to write."""
    author = renamed()
    author.edit("; was: first", "")
    ((rule, _, help),) = errors(author)
    assert rule == "taken-key"
    assert "write was: first" in help


def test_was_cannot_change_to_another_note() -> None:
    """`was` of another released note would take that note's place."""
    author = renamed()
    author.edit(basic("other"), "")
    author.release()
    author.edit("was: first", "was: other")
    ((rule, _, help),) = errors(author)
    assert rule == "taken-key"
    assert "write was: first" in help


def test_was_names_the_first_name() -> None:
    """A note renamed twice keeps its first name as `was`; the second one is no origin."""
    author = renamed()
    author.edit("id: third; was: first", "id: fourth; was: second")
    ((rule, message, help),) = errors(author)
    assert rule == "taken-key"
    assert message == "the name `second` belongs to the note `first`"
    assert "write was: first" in help


def test_was_was_released() -> None:
    """A `was` that no release had is a mistake, whether the key is new or known."""
    author = renamed()
    author.files["more.md"] = basic("new", more="was: never")
    assert [(rule, message) for rule, message, _ in errors(author)] == [
        ("unknown-origin", "no release had a note `never`")
    ]


def test_a_note_may_get_its_first_name_back() -> None:
    """Renamed and renamed back, with or without `was`: still the same note, and released so."""
    for entries in ("id: first", "id: first; was: first"):
        author = renamed()
        guids = {note.guid for note in author.package().notes}
        author.edit("id: third; was: first", entries)
        assert errors(author) == []
        assert author.statuses()["first"] is Status.RENAMED
        author.release()
        assert author.lock().notes["first"].origin == "first"
        assert author.lock().names == {"first", "second", "third", "other"}
        author.edit("Who?", "Who is it?")
        assert errors(author) == []
        assert author.statuses()["first"] is Status.CHANGED
        author.release()
        assert {note.guid for note in author.package().notes} == guids
        assert not author.compile().draft


def test_a_note_may_get_an_earlier_name_back() -> None:
    """A name that was its own is free for a note."""
    author = renamed()
    author.edit("id: third", "id: second")
    assert errors(author) == []
    author.release()
    note = author.lock().notes["first"]
    assert (note.key, note.names) == ("second", ("first", "third"))


def test_two_notes_never_have_one_guid() -> None:
    """Neither one key twice, nor a key that another note's `was` claims."""
    for more in (basic("x", "Another x?"), basic("z", more="was: x")):
        author = Author(basic("x") + basic("y"))
        author.release()
        author.files["more.md"] = more
        assert [rule for rule, *_ in errors(author)] == ["duplicate-key"]


@pytest.mark.parametrize("turned", [False, True])
def test_one_name_on_two_branches(turned: bool) -> None:
    """A note renamed to `a` on one, a new note `a` on the other: the new one has the name."""
    base = Author(basic("x") + basic("y"))
    base.release()
    main, other = base.branch(), base.branch()
    main.edit("id: x", "id: a; was: x")
    main.release(date=FIRST + DAY)
    other.files["more.md"] = basic("a", "Another a?")
    other.release(date=FIRST + 2 * DAY)
    ours, theirs = main.text(LOCK), other.text(LOCK)
    main.files[LOCK] = union(
        theirs if turned else ours, ours if turned else theirs, base.text(LOCK)
    )
    main.files["more.md"] = other.files["more.md"]
    assert {rule for rule, *_ in errors(main)} == {"duplicate-key", "taken-key"}
    main.edit("id: a; was: x", "id: b; was: x")
    assert errors(main) == []
    guids = {note.guid for each in (base, other) for note in each.package().notes}
    assert {note.guid for note in main.package(FIRST + 9 * DAY).notes} == guids
    main.edit("id: a", "id: c; was: a", "more.md")
    assert errors(main) == []
    assert {note.guid for note in main.package(FIRST + 9 * DAY).notes} == guids


def test_one_new_name_for_two_kinds() -> None:
    """Two branches released `new`, one as a basic and one as a cloze note: either has to go."""
    base = Author(basic("x"))
    base.release()
    main, other = base.branch(), base.branch()
    main.files["more.md"] = basic("new")
    main.release(date=FIRST + DAY)
    other.files["more.md"] = cloze("new", "A {{c1::gap}}.")
    other.release(date=FIRST + 2 * DAY)
    main.files[LOCK] = union(main.text(LOCK), other.text(LOCK), base.text(LOCK))
    assert [rule for rule, *_ in errors(main)] == ["changed-kind"]
    main.files["more.md"] = other.files["more.md"]
    assert [rule for rule, *_ in errors(main)] == ["changed-kind"]
    main.files["more.md"] = basic("newer")
    assert errors(main) == []
    main.date = other.date
    main.release()
    main.files["more.md"] = basic("new")
    assert [rule for rule, *_ in errors(main)] == ["changed-kind"]


def test_drafts_are_not_named_like_released_notes() -> None:
    """A note without an id gets no name that a release knows, a retired or former one included."""
    author = Author(basic("who-is-it", "Other?") + basic("y"))
    author.release()
    author.edit(basic("who-is-it", "Other?"), "Q: Who is it?\n\nA: I.\n\n---\n\n")
    assert [state.key for state in author.history().states] == ["who-is-it-2", "y"]


# ------------------------------------------------------------------ retired notes


def test_retired_lines_stay() -> None:
    """A line is never removed: a retired note keeps its date, digests, numbers and version."""
    author = Author(PLAIN + basic("stays"))
    author.release()
    before = author.line("steps")
    author.edit(cloze("steps", "Do {{c1::one}} and {{c3::two::hint}}."), "")
    plan = author.release()
    assert plan.version == "1.1.0"
    assert author.line("steps") == before._replace(retired="1.1.0")
    for answer in ("Maybe.", "No."):
        author.edit("Yes." if answer == "Maybe." else "Maybe.", answer)
        author.release()
        assert author.line("steps") == before._replace(retired="1.1.0")


def test_a_returning_note_is_compared_with_its_line() -> None:
    """Back as it was, it keeps its date; back with another text, it gets a new one."""
    text = basic("back", "Is it back?")
    author = Author(text + basic("stays"))
    author.release()
    author.edit(text, "")
    author.release()
    unchanged, changed = author.branch(), author.branch()
    unchanged.edit(basic("stays"), text + basic("stays"))
    assert unchanged.statuses()["back"] is Status.SAME
    unchanged.release()
    assert unchanged.line("back").date == FIRST
    assert unchanged.line("back").retired == ""
    changed.edit(basic("stays"), text.replace("Yes", "No") + basic("stays"))
    assert changed.statuses()["back"] is Status.CHANGED
    changed.release()
    assert changed.line("back").date == changed.date
    assert changed.dates()["back"] == changed.date
