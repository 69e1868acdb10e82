"""What differs between two packages: every kind of change, and how each is told."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
from deck_helper import DECK_TOML, small_deck
from hypothesis import given
from hypothesis import strategies as st

from crss_deck import Package, PackageError, build_deck, compile_deck, lowering, write_apkg
from crss_deck.compiler import DeckError
from crss_deck.difference import Difference, compare, compare_paths, open_side
from crss_deck.difference_report import anki_search, to_json, to_markdown, to_text
from crss_deck.hazards import Level
from crss_deck.identity import note_guid
from crss_deck.note_types import Field, NoteType, Template
from crss_deck.package import PackagedDeck, PackagedMedia, RenderedNote
from crss_deck.release import release_deck
from crss_deck.words import readable, without_clozes, word_difference

OLD, NEW = 1_600_000_000, 1_600_086_400
"""When the two sides are built: a day apart."""

BREAD = "Q: Why does bread rise?\n\nA: Yeast makes gas.\n<!-- id: bread -->\n"
YEAST = "{{c1::Yeast}} eats {{c2::sugar}}.\n<!-- id: yeast -->\n"
TEA = "Q: Tea?\n\nA: Two minutes.\n<!-- id: tea; tags: hot -->\n"
WORDS = "Q: dough\n\nA: Teig\n<!-- id: words; reversed -->\n"


def package(*notes: str, clock: int = OLD, **toml: str) -> Package:
    """The package of a deck with these notes; `toml` replaces values of deck.toml."""
    text = DECK_TOML
    for name, value in toml.items():
        text = re.sub(rf'(?m)^{name} = ".*"$', f'{name} = "{value}"', text)
    files = {"deck.toml": text, "notes.md": "\n".join(notes)}
    result = compile_deck(small_deck(files), clock=clock)
    assert result.package is not None, [str(error) for error in result.errors]
    return result.package


def dated(old: Package, new: Package) -> Package:
    """The new side as a release dates it: what is the same keeps its date."""
    types = {each.id: each._replace(modified=OLD) for each in new.note_types}
    before = {note.guid: note for note in old.notes}

    def keep(note: RenderedNote) -> RenderedNote:
        known = before.get(note.guid)
        same = known and (known.fields, known.tags) == (note.fields, note.tags)
        known_date = known.modified if known and same else note.modified
        return note._replace(modified=known_date, note_type=types[note.note_type.id])

    return new._replace(note_types=tuple(types.values()), notes=tuple(map(keep, new.notes)))


def between(old: list[str], new: list[str], **toml: str) -> Difference:
    """What differs between two lists of notes, the second released a day after the first."""
    first = package(*old)
    first = dated(first, first)
    return compare(first, dated(first, package(*new, clock=NEW, **toml)))


def kinds(difference: Difference) -> dict[str, tuple[str, ...]]:
    """The reasons for the level, by kind."""
    return {reason.kind: reason.notes for reason in difference.reasons}


def undrafted(text: str) -> str:
    """A rendering without the digests of drafts, which change with every template."""
    return re.sub(r"\+draft\.[0-9a-f]{8}", "", text)


# ------------------------------------------------------------------ nothing


def test_a_package_does_not_differ_from_itself() -> None:
    """No difference: nothing is said, and there is nothing to do."""
    difference = between([BREAD, YEAST, WORDS], [BREAD, YEAST, WORDS])
    assert not difference.differs
    assert difference.safe
    assert difference.level is Level.NONE
    assert to_text(difference) == ""
    assert to_markdown(difference) == "Nothing changed for learners.\n"
    assert json.loads(to_json(difference))["differs"] is False


# ------------------------------------------------------------------ goldens

BEFORE = [
    """\
Q: Why does bread rise?

A: Yeast makes gas, and a net of gluten, which the baker has kneaded patiently and for a long time,
holds that gas inside the loaf.
<!-- id: bread; tags: oven -->
""",
    "{{c1::Yeast::what?}} eats {{c2::sugar}} and rests *often*.\n<!-- id: yeast -->\n",
    WORDS,
    TEA,
    "Q: Old?\n\nA: Yes.\n<!-- id: old -->\n",
    "Q: Stale?\n\nA: Yes.\n<!-- id: stale -->\n",
    "Q: Shape of a loaf?\n\nA: ![round](media/peer.png)\n<!-- id: loaf -->\n",
]
AFTER = [
    "Q: Milk?\n\nA: Cold.\n<!-- id: milk -->\n",
    """\
Q: Why does bread rise?

A: Yeast builds gas, and a net of gluten, which the baker has kneaded patiently and for a very long
time, holds that gas inside it.

Extra: Try `dough.rest(60)`.
<!-- id: bread; tags: oven::hot -->
""",
    "{{c2::Yeast::what?}} eats {{c1::sugar}} and rests *often*, {{c3::cold}}."
    "\n<!-- id: yeast -->\n",
    "Q: dough\n\nA: Teig\n<!-- id: words -->\n",
    "Q: Tea?\n\nA: Two minutes.\n<!-- id: green-tea; was: tea; tags: warm -->\n",
    "Q: Stale?\n\nA: Yes.\n<!-- id: fresh -->\n",
    "Q: Shape of a loaf?\n\nA: ![long](media/peer.png)\n<!-- id: loaf -->\n",
]

TEXT = """\
version 1.0.0 -> 2.0.0
added (2)
  + milk: Milk?
  + fresh: Stale?
changed (4)
  ~ bread
      Back: Yeast [-makes-] {+builds+} gas, and a net of … has kneaded patiently and for a \
{+very+} long time, holds that gas inside [-the loaf-] {+it+}.
      Extra: {+Try dough.rest(60).+}
      tags: [-Spec::oven-] {+Spec::oven::hot+}
  ~ yeast
      Text: [-{{c1::-]{+{{c2::+}Yeast::what?}} eats [-{{c2::-] {+{{c1::+}sugar}} and rests \
often{+, {{c3::cold}}+}.
  ~ words
      Reversed: [-1-]
  ~ loaf
      Back: [image peer-064b661888215841.png: [-round-] {+long+}]
retagged (1)
  ~ green-tea
      tags: [-Spec::hot-] {+Spec::warm+}
renamed (1)
  ~ green-tea: was tea
retired (2)
  - old: Old?
  - stale: Stale?
cards (4)
  + yeast: card c3
  ! yeast: “Yeast” moved from card c1 to card c2
  ! yeast: “sugar” moved from card c2 to card c1
  - words: card Reverse
deck renamed (1)
  ! Oven: was Spec
level major: the deck is renamed from Spec to Oven; 1 note lost a card; 1 note moved an answer \
to another number"""

MARKDOWN = """\
### Added

- Milk? (`milk`)
- Stale? (`fresh`)

### Reworded or corrected

- Why does bread rise? (`bread`)
  - Back: Yeast <del>makes</del> <ins>builds</ins> gas, and a net of … has kneaded patiently and \
for a <ins>very</ins> long time, holds that gas inside <del>the loaf</del> <ins>it</ins>.
  - Extra: <ins>Try dough.rest(60).</ins>
- \\[what?\\] eats \\[…\\] and rests often, \\[…\\]. (`yeast`)
  - Text: Yeast (what?) eats sugar and rests often<ins>, cold</ins>.
- Shape of a loaf? (`loaf`)
  - Back: \\[image peer-064b661888215841.png: <del>round</del> <ins>long</ins>\\]

### Retired

Whoever has these notes keeps them until they are suspended or deleted.

- Old? (`old`)
- Stale? (`stale`)

### Cards that come or go

- \\[what?\\] eats \\[…\\] and rests often, \\[…\\]. (`yeast`): cloze 3 is new.
- \\[what?\\] eats \\[…\\] and rests often, \\[…\\]. (`yeast`): what cloze 1 asked is now asked \
by cloze 2.
- \\[what?\\] eats \\[…\\] and rests often, \\[…\\]. (`yeast`): what cloze 2 asked is now asked \
by cloze 1.
- dough (`words`): the card Reverse is gone.

### Also changed

- Headings, sources or settings of 1 note.
- The tags of 1 note.
- The name of the deck: Oven.
- The name of a note: `green-tea` was `tea`.

### What to do

- Import the new file over the old one, with the options as they are. Your progress stays. On \
notes that changed, tags that you added yourself are replaced.
- Before you import, rename the deck Spec in Anki to Oven. Otherwise new cards come under the \
new name, and the cards you have stay under the old one.
- Cards that went away ask nothing any more. Remove them with *Tools > Empty Cards*.
- Suspend or delete the retired notes: search in Anki's browser for

  ```text
  Key:spec-deck/old OR Key:spec-deck/stale
  ```
- Cards now ask something else with their old schedule. Reset these: search in Anki's browser for

  ```text
  Key:spec-deck/yeast
  ```
"""


@pytest.fixture(scope="module")
def everything() -> Difference:
    """Two packages that differ in most ways at once."""
    found = between(BEFORE, AFTER, version="2.0.0", name="Oven")
    # The look of cards is named after the deck, and has tests of its own.
    return found._replace(note_types=())


def test_the_text_for_people(everything: Difference) -> None:
    """Grouped, word by word, and what decides comes last."""
    assert undrafted(to_text(everything)) == TEXT


def test_colours_change_nothing_but_colours(everything: Difference) -> None:
    """With colours, the same signs stand there: colour is never the only mark."""
    colored = to_text(everything, color=True)
    assert "\x1b[32m{+builds+}\x1b[0m" in colored
    assert re.sub(r"\x1b\[[0-9;]*m", "", colored) == to_text(everything)


def test_the_release_notes(everything: Difference) -> None:
    """Ready for learners, with searches to paste and what to do."""
    assert to_markdown(everything) == MARKDOWN


def test_json(everything: Difference) -> None:
    """The fields of a difference by their names, in ASCII, under a format."""
    text = to_json(everything)
    assert text.isascii()
    report = json.loads(text)
    assert report.keys() == {"format", "crss_deck", "level", "differs", "safe"} | set(
        Difference._fields
    )
    assert (report["format"], report["level"], report["safe"]) == (1, "major", True)
    bread = report["changed"][0]
    assert bread["note"]["name"] == "bread" and bread["tags_added"] == ["Spec::oven::hot"]
    back, extra = bread["fields"]
    assert back["words"][:3] == [["=", "Yeast"], ["-", " makes"], ["+", " builds"]]
    assert (extra["old"], extra["new"]) == ("", "Try <code>dough.rest(60)</code>.")
    assert report["deck"]["new"] == "Oven" and report["reasons"][0]["level"] == "major"


# ------------------------------------------------------------------ notes


def test_headings_and_sources_are_counted_for_learners() -> None:
    """A heading above a hundred notes is not worth a hundred lines of release notes."""
    difference = between(["# Kitchen\n", BREAD, TEA], ["# The kitchen\n", BREAD, TEA])
    assert len(difference.changed) == 2
    markdown = to_markdown(difference)
    assert "Reworded" not in markdown
    assert "- Headings, sources or settings of 2 notes.\n" in markdown


LOAF = "Q: Loaf?\n\nA: ![round](media/peer.png)\n<!-- id: loaf -->\n"


def test_a_deck_of_another_case_is_no_other_deck() -> None:
    """To Anki it is the one that learners have, with all its cards."""
    green = f"---\ndeck: Tea\n---\n{TEA}"
    old = package(green)
    new = dated(old, package(green.replace("Tea\n---", "TEA\n---"), clock=NEW, name="SPEC"))
    difference = compare(old, new)
    assert (difference.deck, difference.moved, difference.safe) == (None, (), True)
    assert kinds(difference) == {"deck-respelt": ()}
    assert difference.differs and difference.level is Level.PATCH
    assert "  ~ SPEC::TEA: was Spec::Tea\n" in to_text(difference)
    markdown = to_markdown(difference)
    assert "The spelling of a deck's name" in markdown
    assert "rename the deck" not in markdown and "Move them" not in markdown


def test_the_name_of_a_deck_is_no_look() -> None:
    """Note types are named after the deck, and look the same under its new name."""
    difference = between([BREAD], [BREAD], name="Oven")
    assert kinds(difference) == {"deck-renamed": ()}
    assert "How cards look" not in to_markdown(difference)
    assert difference.note_types


# ------------------------------------------------------------------ what goes wrong for learners


def test_a_change_dated_no_later_would_not_arrive() -> None:
    """Anki takes a note only if it is dated later; the same second is not."""
    old = package(BREAD, TEA)
    changed = package(BREAD.replace("makes", "builds"), TEA.replace("hot", "cold"), clock=OLD)
    difference = compare(old, changed)
    assert [note.name for note in difference.not_arriving] == ["bread", "tea"]
    assert not difference.safe
    assert "would not arrive: different, but dated no later (2)\n  ! bread, tea\n" in to_text(
        difference
    )
    assert "would not arrive, as they are dated no later: `bread`, `tea`\n" in to_markdown(
        difference
    )
    assert compare(old, changed, dates=False).safe


def test_unchanged_notes_dated_later_would_be_rewritten() -> None:
    """They would cost learners their tags for nothing."""
    difference = compare(package(BREAD, YEAST), package(BREAD, YEAST, clock=NEW))
    assert [note.name for note in difference.rewritten] == ["bread", "yeast"]
    assert difference.differs and difference.safe and difference.level is Level.NONE
    assert "the same but dated later: learners lose their tags and edits (2)\n" in to_text(
        difference
    )
    assert to_markdown(difference).startswith("**Before this is published:**")
    assert not compare(package(BREAD, YEAST), package(BREAD, YEAST, clock=NEW), dates=False).differs


def test_another_deck_id_is_refused() -> None:
    """Under another deck id every note is a new one."""
    difference = between([BREAD], [BREAD], id="other-deck")
    assert [reason.kind for reason in difference.refused] == ["changed-deck-id"]
    assert "under another id: other-deck" in to_text(difference)


def test_a_key_that_was_given_to_another_note_is_refused() -> None:
    """A renamed note lost its `was`: learners would get it a second time."""
    renamed = TEA.replace("id: tea", "id: green; was: tea")
    difference = between([renamed], [TEA.replace("id: tea", "id: green")])
    assert [(r.kind, r.notes) for r in difference.refused] == [("taken-key", ("green",))]


def test_text_of_others_steers_no_terminal() -> None:
    """Control characters of a foreign package are shown, not sent."""
    nasty = "\x1b]0;gone\x07\u202e\nEvil"
    plain = NoteType(1, nasty, "basic", (Field("A", 0), Field(nasty, 0)), (), "", 5)
    note = RenderedNote(nasty, plain, nasty, ("a", nasty), (nasty,), (0, 5), 1, 5)
    old = Package((PackagedDeck(nasty, nasty),), (plain,), (note,), (PackagedMedia(nasty, b""),), 5)
    other = plain._replace(name=f"{nasty}2", css="x")
    new = Package(
        (PackagedDeck(f"{nasty}2", f"{nasty}2"),),
        (other,),
        (
            note._replace(note_type=other, fields=("b", f"{nasty}2"), tags=(), cards=(0, 6)),
            note._replace(guid=f"{nasty}2", note_type=other),
        ),
        (PackagedMedia(nasty, b"x"), PackagedMedia(f"{nasty}3", b"x")),
        5,
    )
    for difference in (compare(old, new), compare(new, old)):
        for text in (to_text(difference), to_markdown(difference), to_json(difference)):
            assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text)
        assert not re.search("^Evil", to_text(difference), re.MULTILINE)


@given(
    old=st.text("ab,⏎ 水.{}c1:\u0301", max_size=40), new=st.text("ab,⏎ 水.{}c1:\u0301", max_size=40)
)
def test_a_word_difference_holds_both_texts(old: str, new: str) -> None:
    """Without the new words it is the old text, without the old words the new one."""
    found = word_difference(old, new)
    for text, other in ((old, "+"), (new, "-")):
        parts = (segment.text for segment in found if segment.mark != other)
        assert "".join("".join(parts).split()) == "".join(text.split())


@pytest.mark.parametrize(
    "part", ["<!--", "<a ", "{{c1::", '<a "', "[sound:", "&", "}}", '"', "\u00a0", "b"]
)
def test_hostile_fields_take_no_time(part: str) -> None:
    """A field of many beginnings without an end is read in one pass."""
    old = package(YEAST)
    fields = (part * 50_000, *old.notes[0].fields[1:])
    new = old._replace(notes=(old.notes[0]._replace(fields=fields, modified=NEW),))
    started = time.monotonic()
    difference = compare(old, new)
    to_text(difference), to_markdown(difference), to_json(difference)
    assert time.monotonic() - started < 5


# ------------------------------------------------------------------ cards and note types


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (YEAST, YEAST.replace(".", " {{c3::daily}}."), [("added", "c3", "")]),
        (YEAST, YEAST.replace("{{c2::sugar}}", "sugar"), [("removed", "c2", "")]),
        (WORDS, WORDS.replace("; reversed", ""), [("removed", "Reverse", "")]),
        (WORDS.replace("; reversed", ""), WORDS, [("added", "Reverse", "")]),
        (
            YEAST,
            "{{c2::Yeast}} eats {{c1::sugar}}.\n<!-- id: yeast -->",
            [("moved", "c1", "c2"), ("moved", "c2", "c1")],
        ),
        (YEAST, "{{c1::*Yeast*::who?}} likes {{c2::sweets}}.\n<!-- id: yeast -->", []),
    ],
)
def test_cards(old: str, new: str, expected: list[tuple[str, str, str]]) -> None:
    """Cards come, go, and ask what another asked; a new wording is no move."""
    difference = between([old], [new])
    assert [(c.change, c.card, c.to) for c in difference.cards] == expected
    levels = {"added": Level.MINOR, "removed": Level.MAJOR, "moved": Level.MAJOR}
    assert difference.level is levels[expected[0][0]] if expected else Level.PATCH


def with_type(old: Package, clock: int = NEW, **changes: Any) -> Package:
    """A package whose note type is another."""
    note_type = old.note_types[0]._replace(modified=clock, **changes)
    notes = tuple(note._replace(note_type=note_type) for note in old.notes)
    return old._replace(note_types=(note_type,), notes=notes)


BASIC = package(BREAD).note_types[0]
FLIPPED = BASIC.templates[0]._replace(front="{{#Hint}}?{{/Hint}}")


def test_another_design_is_a_patch() -> None:
    """It reaches learners by the note type's own date."""
    difference = compare(package(BREAD), with_type(package(BREAD), name="Renamed", css="b {}"))
    assert difference.note_types[0].design == ("name", "css")
    assert difference.safe and difference.level is Level.PATCH
    assert "- How cards look.\n" in to_markdown(difference)
    late = compare(package(BREAD), with_type(package(BREAD), BASIC.modified, css="b {}"))
    assert late.note_types[0].stale and not late.safe
    assert "note types that would not arrive (1)\n  ! Spec (basic)\n" in to_text(late)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"fields": BASIC.fields[:-1]}, "other fields: Spare 3"),
        ({"fields": (*BASIC.fields[1:], BASIC.fields[0])}, "other fields: in another order"),
        ({"fields": (BASIC.fields[0]._replace(id=9), *BASIC.fields[1:])}, "other fields: Front"),
        ({"templates": BASIC.templates[:2]}, "other templates: Spare"),
        ({"templates": (FLIPPED, *BASIC.templates[1:])}, "other notes have a card, since a"),
        ({"kind": "cloze"}, "was basic and is cloze"),
    ],
)
def test_another_schema_is_refused(changes: dict[str, Any], expected: str) -> None:
    """Anki would refuse every note of the type, for ever."""
    difference = compare(package(BREAD, TEA), with_type(package(BREAD, TEA), **changes))
    assert not difference.safe
    (names,) = (r.notes for r in difference.refused if r.kind == "schema-changed")
    assert names[0].startswith(f"Spec (basic): {expected}")
    assert expected in to_text(difference) and "schema-changed" in to_markdown(difference)


def test_what_no_release_can_bring_is_refused() -> None:
    """Another note type under one GUID, by kind or by id, and one GUID for two notes."""
    cloze = between([BREAD, TEA], ["{{c1::Yeast}} makes gas.\n<!-- id: bread -->\n", TEA])
    other_id = compare(package(BREAD), with_type(package(BREAD), id=77, name="Other"))
    for difference in (cloze, other_id):
        assert [(r.kind, r.notes) for r in difference.refused] == [("changed-kind", ("bread",))]
        assert (difference.changed, difference.cards, difference.safe) == ((), (), False)
    twice = package(BREAD)._replace(notes=package(BREAD).notes * 2)
    assert [(r.kind, r.notes) for r in compare(twice, twice).refused] == [
        ("guid-shared", ("bread",))
    ]


# ------------------------------------------------------------------ around the notes


def test_media() -> None:
    """Our names carry a digest; elsewhere other bytes come only with a note that is updated."""
    old = package(LOAF, BREAD)
    name = old.media[0].name
    sound = package(LOAF.replace("peer.png", "hello.mp3"), BREAD, clock=NEW)
    difference = compare(old, sound)
    assert difference.media == ((sound.media[0].name, "added"), (name, "removed"))
    assert "[[-image peer-064b661888215841.png: round-]{+sound:hello-" in to_text(difference)
    difference = compare(old, old._replace(media=(PackagedMedia(name, b"other"),)))
    assert difference.media == ((name, "changed"),)
    assert [change.note.name for change in difference.changed] == ["loaf"]
    assert [note.name for note in difference.not_arriving] == ["loaf"]
    assert f"      {name}: {{+other bytes+}}\n" in to_text(difference)


def test_order_subdeck_and_description() -> None:
    """Around the notes: an order and a text are patches; cards do not follow to a subdeck."""
    old = package(BREAD, TEA)
    assert kinds(between([BREAD, TEA], [TEA, BREAD])) == {"order": ()}
    assert not between([BREAD, TEA], [BREAD, YEAST, TEA]).order
    files = {"a.md": f"---\ndeck: Oven\n---\n{BREAD}", "b.md": TEA}
    other = compile_deck(small_deck(files), clock=NEW).package
    assert other is not None
    difference = compare(old, dated(old, other))
    assert kinds(difference) == {"note-moved": ("bread",)}
    assert "moved (1)\n  ~ bread: Spec -> Spec::Oven\n" in to_text(difference)
    assert "Key:spec-deck/bread\n" in to_markdown(difference)
    about = old.decks[0]._replace(description=f"All about bread.\n\n{old.decks[0].description}")
    difference = compare(old, old._replace(decks=(about,)))
    assert kinds(difference) == {"description": ()}
    assert "~ Spec: {+All about bread.+} Version …\n" in to_text(difference)
    assert difference.old_version == difference.new_version != ""


# ------------------------------------------------------------------ text and words


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("a <b>bold</b>word &amp; &lt;b&gt;", "a boldword & <b>"),
        ("<p>one</p>two<br>three <!-- no <b> --> four", "one two three four"),
        ('<img src="x-1.png" alt="a &quot;loaf&quot;">', '[image x-1.png: a "loaf"]'),
        (r"[sound:bell-1.mp3] \(\frac{a}{b}\)", r"[sound:bell-1.mp3] \(\frac{a}{b}\)"),
        ('<a href="https://a.example/">here</a>', "[link https://a.example/] here"),
        ("<pre><code>if x:\n    y</code></pre>", "if\u00a0x:⏎\u00a0\u00a0\u00a0\u00a0y"),
        ("{{c1::a::b}} a < b > c", "{{c1::a::b}} a < b > c"),
        ("</a></pre>x <![CDATA[ y", "x <![CDATA[ y"),
    ],
)
def test_a_field_as_people_read_it(html: str, text: str) -> None:
    """Tags go; what they show stays."""
    assert readable(html) == text


def test_clozes_are_read_as_anki_reads_them() -> None:
    """From the inside; what is no cloze stays."""
    html = "{{c1::a {{c2::b::in}} c::out}} }} {{c3::d"
    assert without_clozes(html, lambda n, a, h: f"{n}{a}{h}") == "1a 2bin cout }} {{c3::d"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("a b", "a  b", "a  b"),
        ("", "a b", "[+a b]"),
        ("Yeast makes gas.", "Yeast builds gas.", "Yeast[- makes][+ builds] gas."),
        ("one, two", "three, four", "[-one, two][+three, four]"),
        ("{{c1::a}}", "{{c2::a}}", "[-{{c1::][+{{c2::]a}}"),
        ("水果市场", "水菜市场", "水[-果][+菜]市场"),
        ("नमस्ते दुनिया", "नमस्ते जग", "नमस्ते[- दुनिया][+ जग]"),
        (
            "a " * 600 + "y",
            "b " * 600 + "y",
            f"[-{'a ' * 600}][+{'b ' * 600}] y".replace(" ]", "]"),
        ),
    ],
)
def test_words(old: str, new: str, expected: str) -> None:
    """Whole words, in every script; blanks alone are no difference."""
    found = word_difference(old, new)
    assert "".join(t if m == "=" else f"[{m}{t}]" for m, t in found) == expected


# ------------------------------------------------------------------ any two packages

ONE = package(BREAD, YEAST)
KINDS = tuple(
    NoteType(
        number,
        kind,
        kind,
        (Field("Text", 1), Field("Key", 2)),
        (Template("T", 3, "{{cloze:Text}}", ""), Template("U", 4, "{{Text}}", "")),
        "",
        1,
    )
    for number, kind in enumerate(("basic", "cloze"))
)
"""Note types short enough for a failing example to be read."""


@st.composite
def packages(draw: st.DrawFn) -> Package:
    """Packages that share GUIDs, with anything different about them."""
    notes: list[RenderedNote] = []
    for guid in draw(st.permutations(range(6)))[: draw(st.integers(0, 6))]:
        text = draw(st.sampled_from(["a b", "a c", "{{c1::a}} {{c2::b}}", "{{c1::b}} {{c2::a}}"]))
        key = f"{draw(st.sampled_from(['d', 'e']))}/k{draw(st.integers(0, 6))}"
        notes.append(
            RenderedNote(
                f"g{guid}",
                draw(st.sampled_from(KINDS)),
                draw(st.sampled_from(["Spec", "Spec::a", "other"])),
                (text, key),
                draw(st.sampled_from([(), ("t",), ("t", "u")])),
                draw(st.sampled_from([(), (0,), (0, 1)])),
                len(notes) * 10,
                draw(st.integers(1, 3)),
            )
        )
    return Package((PackagedDeck("Spec"),), KINDS, tuple(notes), (), 5)


def test_ten_thousand_notes() -> None:
    """Linear in the number of notes: a large deck is compared while one waits."""
    note = ONE.notes[0]
    old, new = (
        ONE._replace(
            notes=tuple(
                note._replace(guid=f"g{n}", fields=(word, *note.fields[1:]), due=n, modified=time_)
                for n in range(10_000)
            )
        )
        for word, time_ in (("Old?", 1), ("New?", 2))
    )
    started = time.monotonic()
    difference = compare(old, new)
    assert len(difference.changed) == 10_000
    to_text(difference), to_markdown(difference), to_json(difference)
    assert time.monotonic() - started < 30


@given(packages())
def test_nothing_differs_from_itself(one: Package) -> None:
    """Whatever a package holds."""
    difference = compare(one, one)
    assert not difference.differs
    assert difference.level is Level.NONE
    assert to_text(difference) == ""


@given(packages(), packages())
def test_swapping_the_sides_swaps_what_comes_and_goes(one: Package, other: Package) -> None:
    """Added and retired, cards that come and go; and what changed is the same."""
    there, back = compare(one, other), compare(other, one)
    assert there.added == back.retired and there.retired == back.added
    assert there.order == back.order
    assert {each.note.guid for each in there.moved} == {each.note.guid for each in back.moved}
    assert {each.note.guid for each in there.changed} == {each.note.guid for each in back.changed}
    added = {(c.note.guid, c.card) for c in there.cards if c.change == "added"}
    assert added == {(c.note.guid, c.card) for c in back.cards if c.change == "removed"}


@given(packages(), packages())
def test_every_note_is_told_once(one: Package, other: Package) -> None:
    """A note is added, retired, or in both; and there changed, retagged, of another kind or not."""
    found = compare(one, other)
    old, new = {n.guid for n in one.notes}, {n.guid for n in other.notes}
    assert {note.guid for note in found.added} == new - old
    assert {note.guid for note in found.retired} == old - new
    groups = [
        {change.note.guid for change in group}
        for group in (found.changed, found.retagged, found.kinds)
    ]
    told = set[str]().union(*groups)
    assert sum(map(len, groups)) == len(told) and told <= old & new
    late = {note.guid for note in found.not_arriving}
    assert late <= told | {each.note.guid for each in found.renamed}
    assert not late & {note.guid for note in found.rewritten}
    assert found.differs == bool(to_text(found))
    to_markdown(found), to_json(found)


# ------------------------------------------------------------------ files and folders


def write_source(folder: Path, *notes: str, version: str = "1.0.0") -> Path:
    """A source folder on disk."""
    folder.mkdir(exist_ok=True)
    (folder / "deck.toml").write_text(DECK_TOML.replace("1.0.0", version), encoding="utf-8")
    (folder / "notes.md").write_text("\n".join(notes), encoding="utf-8")
    return folder


def test_a_side_is_a_package_or_a_folder(tmp_path: Path) -> None:
    """A built package does not differ from the folder it came from."""
    source = write_source(tmp_path / "source", BREAD, YEAST, WORDS)
    built = build_deck(source, tmp_path / "build", clock=OLD).path
    assert not compare(open_side(built), open_side(source, clock=OLD)).differs
    assert not compare_paths(built, source, clock=OLD).differs
    assert compare_paths(built, source, clock=NEW).rewritten


def test_two_folders_are_compared_without_dates(tmp_path: Path) -> None:
    """Nobody has learned from a draft that was never built."""
    old = write_source(tmp_path / "old", BREAD, TEA)
    new = write_source(tmp_path / "new", BREAD.replace("makes", "builds"), TEA)
    difference = compare_paths(old, new, clock=OLD)
    assert [change.note.name for change in difference.changed] == ["bread"]
    assert difference.safe and not difference.rewritten


# ------------------------------------------------------------------ with a lock


def released(source: Path, output: Path, *notes: str, clock: int, allow: str = "") -> Path:
    """The package of the next release of a source folder, with these notes."""
    (source / "notes.md").write_text("\n".join(notes), encoding="utf-8")
    release_deck(source, clock=clock, allow=[allow] if allow else [])
    return build_deck(source, output, clock=None, locked=True).path


def test_a_release_after_a_release(tmp_path: Path) -> None:
    """Unchanged notes keep their date: nothing would be rewritten, everything arrives."""
    source = write_source(tmp_path / "source")
    first = released(source, tmp_path / "out", BREAD, YEAST, TEA, clock=OLD)
    second = released(source, tmp_path / "out", BREAD.replace("makes", "builds"), YEAST, clock=NEW)
    difference = compare_paths(first, second)
    assert to_text(difference) == (
        "version 1.0.0 -> 1.1.0\n"
        "changed (1)\n  ~ bread\n      Back: Yeast [-makes-] {+builds+} gas.\n"
        "retired (1)\n  - tea: Tea?\n"
        "level minor: 1 note retired"
    )
    assert difference.safe
    assert not compare_paths(second, source).differs
    # The folder is the release now, so its dates are known.
    assert not compare_paths(source, second).differs
    assert not compare_paths(source, first).safe


def test_what_only_locks_know(tmp_path: Path) -> None:
    """A retired note that returns, and a spent card number that is used again."""
    source = write_source(tmp_path / "source")
    one = "{{c1::Yeast}} eats sugar.\n<!-- id: yeast -->\n"
    again = one.replace("sugar", "sugar {{c2::slowly}}")
    released(source, tmp_path / "out", YEAST, TEA, clock=OLD)
    second = released(source, tmp_path / "out", one, clock=NEW, allow="card-removed")
    (source / "notes.md").write_text(f"{again}\n{TEA}", encoding="utf-8")
    draft = compare_paths(second, source, clock=NEW + 9)
    third = released(source, tmp_path / "out", again, TEA, clock=NEW + 9, allow="number-reused")
    for difference in (draft, compare_paths(second, third)):
        assert [note.name for note in difference.returned] == ["tea"]
        assert [(c.change, c.card) for c in difference.cards] == [("reused", "c2")]
        assert kinds(difference).keys() == {"note-added", "number-reused", "note-changed"}
        assert "back after they were retired (1)\n  + tea\n" in to_text(difference)
        assert "unsuspend: search in Anki's browser for\n\n  ```text\n  Key:spec-deck/tea\n" in (
            to_markdown(difference)
        )


def test_held_notes_are_found_by_the_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A newer tool writes other HTML: no release says that its notes would not arrive."""
    source = write_source(tmp_path / "source")
    note = BREAD.replace("makes", "*makes*")
    first = released(source, tmp_path / "out", note, TEA, clock=OLD)
    monkeypatch.setitem(lowering._PLAIN_TAGS, "em_open", "<i>")
    monkeypatch.setitem(lowering._PLAIN_TAGS, "em_close", "</i>")
    draft = compare_paths(first, source, clock=NEW)
    second = released(source, tmp_path / "out", note, TEA.replace("Two", "Ten"), clock=NEW)
    for difference in (draft, compare_paths(first, second)):
        assert [each.name for each in difference.held] == ["bread"]
        assert difference.safe
    assert [change.note.name for change in compare_paths(first, second).changed] == ["tea"]


def test_a_hotfix_that_was_not_merged_would_not_arrive(tmp_path: Path) -> None:
    """Main forgot the hotfix: its text would go back for new learners alone."""
    main = write_source(tmp_path / "main")
    released(main, tmp_path / "out", BREAD, TEA, clock=OLD)
    side = write_source(tmp_path / "side")
    (side / "deck.lock").write_bytes((main / "deck.lock").read_bytes())
    hotfix = released(side, tmp_path / "side-out", BREAD.replace("makes", "builds"), TEA, clock=NEW)
    unmerged = released(main, tmp_path / "out", BREAD, TEA.replace("Two", "Ten"), clock=NEW + 9)
    difference = compare_paths(hotfix, unmerged)
    assert [note.name for note in difference.not_arriving] == ["bread"]
    assert not difference.safe


def test_what_is_no_side(tmp_path: Path) -> None:
    """A damaged package, by its name; a folder with errors, with its findings; and nothing."""
    path = tmp_path / "deck.apkg"
    write_apkg(package(BREAD), path)
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(PackageError, match=re.escape(str(path))):
        compare_paths(path, path)
    with pytest.raises(DeckError) as caught:
        open_side(write_source(tmp_path / "source", "Q: a\n"))
    assert "question-without-answer" in [each.rule.name for each in caught.value.diagnostics]
    with pytest.raises(OSError, match="none"):
        open_side(tmp_path / "none.apkg")


# ------------------------------------------------------------------ the real Anki


@pytest.mark.anki
def test_anki_does_what_the_difference_says(tmp_path: Path) -> None:
    """What arrives, what does not, what is refused and what is rewritten, as Anki tells it."""
    from anki_helper import import_package, new_collection

    milk = "Q: Milk?\n\nA: Cold.\n<!-- id: milk -->\n"
    old = package(BREAD, TEA, YEAST, WORDS, milk)
    new = package(
        BREAD.replace("makes", "builds"),
        TEA.replace("Two", "Ten"),
        YEAST,
        WORDS,
        "{{c1::Cold}} milk.\n<!-- id: milk -->\n",
        "Q: New?\n\nA: Yes.\n<!-- id: new -->\n",
    )
    later = {note_guid("spec-deck", key) for key in ("bread", "words", "milk")}
    new = new._replace(
        notes=tuple(
            note._replace(modified=note.modified + (note.guid in later)) for note in new.notes
        )
    )
    found = compare(old, new)
    paths = [tmp_path / "old.apkg", tmp_path / "new.apkg"]
    for path, side in zip(paths, (old, new), strict=True):
        write_apkg(side, path)
    with new_collection(tmp_path) as collection:
        import_package(collection, paths[0])
        log = import_package(collection, paths[1]).log

        def names(entries: Any) -> set[str]:
            values = (value for entry in entries for value in entry.fields)
            return {value.partition("/")[2] for value in values if value.startswith("spec-deck/")}

        changed = {change.note.name for change in found.changed}
        late = {note.name for note in found.not_arriving}
        assert (changed, late) == ({"bread", "tea"}, {"tea"})
        assert names(log.new) == {note.name for note in found.added} == {"new"}
        rewritten = {note.name for note in found.rewritten}
        assert names(log.updated) == (changed - late) | rewritten == {"bread", "words"}
        assert names(log.conflicting) == {change.note.name for change in found.kinds} == {"milk"}
        assert names(log.duplicate) == late | {"yeast"}


@pytest.mark.anki
def test_a_deck_renamed_as_the_release_notes_say_takes_all_cards(tmp_path: Path) -> None:
    """Whoever renames the deck before the import has one deck afterwards."""
    from anki_helper import import_package, new_collection

    paths = [tmp_path / "old.apkg", tmp_path / "new.apkg"]
    write_apkg(package(BREAD, YEAST), paths[0])
    write_apkg(package(BREAD, YEAST, TEA, clock=NEW, name="Oven::Bread"), paths[1])
    with new_collection(tmp_path) as collection:
        import_package(collection, paths[0])
        deck = collection.decks.id_for_name("Spec")
        assert deck is not None
        collection.decks.rename(deck, "Oven::Bread")
        import_package(collection, paths[1])
        assert collection.decks.id_for_name("Spec") is None
        assert len(collection.find_cards("deck:Oven::Bread")) == collection.card_count() == 4


@pytest.mark.anki
def test_the_search_finds_the_notes_and_no_others(tmp_path: Path) -> None:
    """What learners paste into Anki's browser."""
    from anki_helper import import_package, new_collection

    path = tmp_path / "deck.apkg"
    notes = [BREAD, TEA, YEAST, TEA.replace("id: tea", "id: tea-2")]
    write_apkg(package(*notes), path)
    with new_collection(tmp_path) as collection:
        import_package(collection, path)
        ids = collection.find_notes(anki_search(["spec-deck/bread", "spec-deck/tea"]))
        found = {collection.get_note(id)["Key"] for id in ids}
        assert found == {"spec-deck/bread", "spec-deck/tea"}
