"""How a finding looks, to the letter: the line, the mark under it, and what cannot be seen."""

from __future__ import annotations

import re
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crss_deck import Diagnostic, Rule, Severity, Source, Span
from crss_deck.diagnostics import Related
from crss_deck.report import (
    MAX_LINE_WIDTH,
    columns,
    concise,
    count_of,
    full,
    printable,
    summary,
    wrapped,
)

ERROR = Rule("a-fault", Severity.ERROR, "something is wrong")
WARNING = Rule("a-doubt", Severity.WARNING, "something may be wrong")
INFO = Rule("a-hint", Severity.INFO, "something could be better")


def at(text: str, marked: str, path: str = "source/notes.md") -> Span:
    """The span of a text's first occurrence in another."""
    start = text.index(marked)
    return Source(path, text).span(start, start + len(marked))


def found(span: Span, message: str = "it is wrong", help: str = "", *also: Related) -> Diagnostic:
    """An error at a place."""
    return Diagnostic(ERROR, message, span.source, span, help, also)


def frame(text: str) -> str:
    """An expected frame, written indented."""
    return dedent(text).strip("\n")


def test_one_line() -> None:
    """Headline, place, the line, a mark as long as the span, and help."""
    span = at("# Notes\n\nQ: A question\n", "question")
    assert full(found(span, "it is wrong", "mend it")) == frame("""
        error[a-fault]: it is wrong
         --> source/notes.md:3:6
          |
        3 | Q: A question
          |      ^^^^^^^^
        help: mend it
    """)


@pytest.mark.parametrize(
    ("rule", "head"),
    [(ERROR, "error[a-fault]"), (WARNING, "warning[a-doubt]"), (INFO, "info[a-hint]")],
)
def test_severities(rule: Rule, head: str) -> None:
    """The severity is the first word."""
    span = at("text", "text")
    diagnostic = Diagnostic(rule, "said", span.source, span)
    assert full(diagnostic).startswith(f"{head}: said\n")
    assert concise(diagnostic) == f"source/notes.md:1:1: {head} said"
    assert str(diagnostic) == concise(diagnostic)


def test_a_whole_file() -> None:
    """A finding without a place shows the path and no line."""
    diagnostic = Diagnostic(
        ERROR, "it is empty", Source("source/a.md", "x"), help="write something"
    )
    assert full(diagnostic) == frame("""
        error[a-fault]: it is empty
         --> source/a.md
        help: write something
    """)
    assert concise(diagnostic) == "source/a.md: error[a-fault] it is empty"


def test_the_margin_is_as_wide_as_the_line_number() -> None:
    """Line numbers of all sizes, and of related places, stand in one margin."""
    text = "\n" * 8 + "first\n" + "\n" * 990 + "second\n"
    related = Related(at(text, "first"), "it began here")
    assert full(found(at(text, "second"), "twice", "", related)) == frame("""
        error[a-fault]: twice
            --> source/notes.md:1000:1
             |
        1000 | second
             | ^^^^^^
        note: it began here
            --> source/notes.md:9:1
             |
           9 | first
             | -----
    """)


def test_related_places_in_another_file() -> None:
    """Each related place has its own path, in the order given, before the help."""
    here, there = at("id: one", "one"), at("x\n id: one", "one", "source/other.md")
    diagnostic = found(here, "two", "rename", Related(there, "first"), Related(here, "again"))
    assert full(diagnostic) == frame("""
        error[a-fault]: two
         --> source/notes.md:1:5
          |
        1 | id: one
          |     ^^^
        note: first
         --> source/other.md:2:6
          |
        2 |  id: one
          |      ---
        note: again
         --> source/notes.md:1:5
          |
        1 | id: one
          |     ---
        help: rename
    """)
    assert concise(diagnostic) == "source/notes.md:1:5: error[a-fault] two"


def test_tabs() -> None:
    """A tab is shown as four columns, before the mark and under it."""
    assert full(found(at("\tQ:\ta\tb", "a\tb"))).splitlines()[3:] == [
        "1 |     Q:    a    b",
        "  |           ^^^^^^",
    ]


def test_wide_characters() -> None:
    """A character two columns wide moves the mark by two and is marked by two."""
    assert full(found(at("漢字 かな ｗ", "かな"))).splitlines()[3:] == [
        "1 | 漢字 かな ｗ",
        "  |      ^^^^",
    ]


def test_combining_characters() -> None:
    """An accent of its own takes no column."""
    assert full(found(at("e\u0301e\u0301 x\u0323y z", "x\u0323y"))).splitlines()[3:] == [
        "1 | e\u0301e\u0301 x\u0323y z",
        "  |    ^^",
    ]


def test_several_lines() -> None:
    """A span over lines is shown by its first line, marked to its end."""
    assert full(found(at("Q: one\ntwo\nthree", "one\ntwo\nth"))).splitlines() == [
        "error[a-fault]: it is wrong",
        " --> source/notes.md:1:4",
        "  |",
        "1 | Q: one",
        "  |    ^^^",
    ]


def test_an_empty_span() -> None:
    """A place between two characters is marked by one column."""
    source = Source("a.md", "ab\ncd")
    assert full(found(source.span(4, 4))).splitlines()[1:] == [
        " --> a.md:2:2",
        "  |",
        "2 | cd",
        "  |  ^",
    ]


@pytest.mark.parametrize("text", ["ab\n", "ab"])
def test_the_end_of_the_file(text: str) -> None:
    """A place behind the last character is marked there, with or without a final newline."""
    source = Source("a.md", text)
    lines = full(found(source.span(len(text), len(text)))).splitlines()
    assert lines[1:] == (
        [" --> a.md:2:1", "  |", "2 |", "  | ^"]
        if text.endswith("\n")
        else [" --> a.md:1:3", "  |", "1 | ab", "  |   ^"]
    )


def test_an_empty_file() -> None:
    """Even a file of no characters has a line to show."""
    assert full(found(Source("a.md", "").span(0, 0))).splitlines()[1:] == [
        " --> a.md:1:1",
        "  |",
        "1 |",
        "  | ^",
    ]


def test_a_very_long_line() -> None:
    """Of a long line only what is around the place is shown, with the mark under it."""
    text = "".join(f"{number:05} " for number in range(10_000))
    lines = full(found(at(text, "05000"))).splitlines()
    shown, mark = lines[3], lines[4]
    assert lines[1] == " --> source/notes.md:1:30001"
    assert len(shown) <= MAX_LINE_WIDTH + len("1 | ……")
    assert shown.startswith("1 | …")
    assert shown.endswith("…")
    assert shown[mark.index("^") : mark.rindex("^") + 1] == "05000"


@pytest.mark.parametrize("marked", ["00000 ", "09999 "])
def test_the_ends_of_a_very_long_line(marked: str) -> None:
    """Nothing is said to be left out where nothing is."""
    text = "".join(f"{number:05} " for number in range(10_000))
    *_, shown, mark = full(found(at(text, marked))).splitlines()
    assert shown[mark.index("^") : mark.rindex("^") + 1].strip() == marked.strip()
    assert shown.startswith("1 | …") == (marked == "09999 ")
    assert shown.endswith("…") == (marked == "00000 ")


def test_a_very_long_span() -> None:
    """A span longer than what is shown is marked as far as it is shown."""
    text = "x" * 5000
    *_, shown, mark = full(found(at(text, "x" * 4000))).splitlines()
    assert len(shown) <= MAX_LINE_WIDTH + len("1 | …")
    assert len(mark) <= len(shown)


# ------------------------------------------------------------------ the width of a terminal

NARROW = 40


def test_a_line_is_cut_for_a_terminal() -> None:
    """What stands around the mark is left out on the longer side first; the mark is whole."""
    text = "".join(f"{number:02} " for number in range(30)).rstrip()
    shown = {
        marked: full(found(at(text, marked)), width=NARROW).splitlines()[3:]
        for marked in ("00", "03", "15", "29")
    }
    assert shown == {
        "00": ["1 | 00 01 02 03 04 05 06 07 08 09 10 11…", "  | ^^"],
        "03": ["1 | 00 01 02 03 04 05 06 07 08 09 10 11…", "  |          ^^"],
        "15": ["1 | … 10 11 12 13 14 15 16 17 18 19 20 …", "  |                  ^^"],
        "29": [
            "1 | …18 19 20 21 22 23 24 25 26 27 28 29",
            "  |                                   ^^",
        ],
    }


def test_a_mark_is_cut_for_a_terminal() -> None:
    """A mark that is longer than the line as shown ends with it, and a little stands before it."""
    span = at("A: " + "x" * 50 + " end", "x" * 50)
    assert full(found(span), width=NARROW).splitlines()[3:] == [
        "1 | A: " + "x" * 32 + "…",
        "  |    " + "^" * 32,
    ]


def test_a_place_behind_a_line_stays_on_a_terminal() -> None:
    """A mark behind the last character has room, so that it does not begin a line of its own."""
    text = "x" * (NARROW - len("1 | "))
    assert full(found(Source("a.md", text).span(36, 36)), width=NARROW).splitlines()[3:] == [
        "1 | …" + "x" * 34,
        "  | " + " " * 35 + "^",
    ]


def test_text_is_wrapped_for_a_terminal() -> None:
    """Message, note and help go on below their beginning; what has room stays as it is."""
    span = at("a b c", "b")
    related = Related(span, "and this here is a note with more words than have room")
    diagnostic = found(span, "it is wrong in more ways than one", "write it once more", related)
    assert full(diagnostic, width=NARROW) == frame("""
        error[a-fault]: it is wrong in more ways
              than one
         --> source/notes.md:1:3
          |
        1 | a b c
          |   ^
        note: and this here is a note with more
              words than have room
         --> source/notes.md:1:3
          |
        1 | a b c
          |   -
        help: write it once more
    """)
    colored = full(diagnostic, color=True, width=NARROW)
    assert re.sub(r"\x1b\[[0-9;]*m", "", colored) == full(diagnostic, width=NARROW)
    assert full(diagnostic, width=200) == full(diagnostic)


def test_wrapped() -> None:
    """Words are kept whole and wide ones counted; the indent leaves half of the width."""
    assert wrapped("one two  three", None) == "one two  three"
    assert wrapped("one two  three", 14) == "one two  three"
    assert wrapped("one two three", 8) == "one two\nthree"
    assert wrapped("漢字 漢字 漢字", 9) == "漢字 漢字\n漢字"
    assert wrapped("one extraordinary word", 6, " ") == "one\n extraordinary\n word"
    assert wrapped("one two", 6, " " * 9) == "one\n   two"


CONTROLS = {
    "\x00": r"\x00",
    "\x07": r"\x07",
    "\x1b": r"\x1b",
    "\r": r"\x0d",
    "\x0b": r"\x0b",
    "\x7f": r"\x7f",
    "\x85": r"\x85",
    "\x9b": r"\x9b",
    "\u200b": r"\u200b",
    "\u2028": r"\u2028",
    "\u202e": r"\u202e",
    "\u2066": r"\u2066",
    "\ufeff": r"\ufeff",
}


@pytest.mark.parametrize("char", CONTROLS, ids=lambda char: f"U+{ord(char):04X}")
def test_control_characters_are_escaped(char: str) -> None:
    """What cannot be seen, or could steer a terminal, is escaped in every part of a finding."""
    span = at(f"a{char}b", "b", f"no{char}tes.md")
    related = Related(span, f"re{char}lated")
    diagnostic = found(span, f"mes{char}sage", f"he{char}lp", related)
    shape = CONTROLS[char]
    for text in (full(diagnostic), full(diagnostic, color=True), concise(diagnostic)):
        assert char not in text.replace("\x1b[", "") if char == "\x1b" else char not in text
        assert shape in text
    line, mark = full(diagnostic).splitlines()[3:5]
    assert line == f"1 | a{shape}b"
    assert mark == f"  | {' ' * (1 + len(shape))}^"
    assert concise(diagnostic) == f"no{shape}tes.md:1:3: error[a-fault] mes{shape}sage"


def test_a_message_is_one_line() -> None:
    """A line end in a message does not break the form that editors read."""
    diagnostic = found(at("a", "a"), "one\ntwo")
    assert concise(diagnostic) == "source/notes.md:1:1: error[a-fault] one two"
    assert full(diagnostic).splitlines()[0] == "error[a-fault]: one two"


def test_colours_change_nothing_else() -> None:
    """With colours the text is the same; head, arrow, mark and words are coloured."""
    span = at("a b c", "b")
    diagnostic = found(span, "said", "do", Related(span, "here"))
    colored = full(diagnostic, color=True)
    assert re.sub(r"\x1b\[[0-9;]*m", "", colored) == full(diagnostic)
    for part in (
        "\x1b[1;31merror[a-fault]\x1b[0m\x1b[1m: said\x1b[0m",
        "\x1b[34m-->\x1b[0m",
        "\x1b[1m^\x1b[0m",
        "\x1b[1mnote\x1b[0m: here",
        "\x1b[36mhelp\x1b[0m: do",
    ):
        assert part in colored
    assert "\x1b" not in full(diagnostic)


def test_summary() -> None:
    """Errors come first, then warnings, then infos; what there is none of is not said."""
    source = Source("a.md", "")
    error, warning, info = (Diagnostic(rule, "", source) for rule in (ERROR, WARNING, INFO))
    assert summary([]) == ""
    assert summary([error]) == "1 error"
    assert summary([info, warning, error, warning]) == "1 error, 2 warnings, 1 info"
    assert count_of(0, "note") == "0 notes"
    assert count_of(1, "media file") == "1 media file"


def test_columns() -> None:
    """Columns of a terminal, not characters."""
    assert columns("") == 0
    assert columns("abc") == 3
    assert columns("漢") == 2
    assert columns("e\u0301") == 1
    assert columns("\u200d") == 0


texts = st.text(st.sampled_from("ab \t\n漢e\u0301\x1b\u202e\x00🎉…"), max_size=400)


@given(text=texts, start=st.integers(0, 400), length=st.integers(0, 400))
def test_the_mark_stands_under_the_span(text: str, start: int, length: int) -> None:
    """For any text and place, the mark stands under what the place covers of its first line."""
    start = min(start, len(text))
    span = Source("a.md", text).span(start, min(len(text), start + length))
    lines = full(found(span)).split("\n")
    assert len(lines) == 5
    shown, mark = lines[3][4:], lines[4][4:]
    before = mark.index("^")
    padded = shown + " " * len(mark)  # blanks at a line's end are not printed
    position = next(at for at in range(len(padded)) if columns(padded[:at]) >= before)
    first_line = span.text.partition("\n")[0].rstrip()
    if first_line and len(text) < MAX_LINE_WIDTH:
        covered = printable(first_line.replace("\t", "    "))
        # A combining accent that opens the span belongs to the column before it.
        assert padded[position:].lstrip("\u0301").startswith(covered.lstrip("\u0301"))
        assert mark.count("^") >= max(1, columns(covered))
    assert printable(shown) == shown


@given(
    text=texts,
    start=st.integers(0, 400),
    length=st.integers(0, 400),
    width=st.integers(NARROW, 200),
)
def test_no_line_is_wider_than_the_terminal(text: str, start: int, length: int, width: int) -> None:
    """For any text, place and terminal, line and mark have room, and the mark is right."""
    start = min(start, len(text))
    span = Source("a.md", text).span(start, min(len(text), start + length))
    *_, line, mark = full(found(span), width=width).split("\n")
    assert columns(line) <= width
    assert columns(mark) <= width
    assert mark.count("^") >= 1
    char = text[start : start + 1]
    if char.isprintable() and columns(char) and char != " ":
        before = mark.index("^")
        behind = next(at for at in range(len(line)) if columns(line[:at]) >= before)
        assert line[behind:].lstrip("\u0301").startswith(char)
