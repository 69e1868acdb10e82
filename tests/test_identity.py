"""The promise to learners: what Anki knows a note by never changes, whatever else does."""

from __future__ import annotations

import base64
from hashlib import sha256

import pytest
from deck_helper import DECK_TOML, small_deck
from golden_helper import CLOCK
from hypothesis import given, settings
from hypothesis import strategies as st

from crss_deck import Package, compile_deck
from crss_deck.identity import digest, note_guid, note_type_id, package_deck_id
from crss_deck.manifest import Manifest
from crss_deck.note_types import BASIC_FIELDS, CLOZE_FIELDS, note_types

slugs = st.from_regex(r"[a-z0-9]{1,9}(-[a-z0-9]{1,9}){0,4}", fullmatch=True)


def package(notes: str, **files: str) -> Package:
    """The package of a deck with this notes file."""
    result = compile_deck(small_deck({"notes.md": notes, **files}), clock=CLOCK)
    assert result.package is not None, result.errors
    return result.package


def guids(notes: str, **files: str) -> list[str]:
    """The GUIDs of a deck's notes, in curriculum order."""
    return [note.guid for note in package(notes, **files).notes]


# ------------------------------------------------------------------ test vectors


def test_the_test_vector() -> None:
    """The identities that the language's definition gives as an example."""
    deck = "crss-balanced-knowledge"
    assert note_guid(deck, "understand-before-support") == "22sp3hq5cgr66qor"
    assert note_type_id(deck, "basic") == 1002791738570
    assert note_type_id(deck, "cloze") == 1221089894747


def test_more_test_vectors() -> None:
    """Identities worked out from the definition with nothing but a hash and base32."""
    for deck, origin in (("a", "b"), ("tea-and-bread-x7k2p9", "why-dough-rises"), ("0", "0-0")):
        hashed = sha256(f"crss-deck/1\nnote\n{deck}\n{origin}".encode()).digest()
        assert note_guid(deck, origin) == base64.b32encode(hashed)[:16].decode().lower()
        for kind in ("basic", "cloze"):
            hashed = sha256(f"crss-deck/1\nnote-type\n{deck}\n{kind}".encode()).digest()
            number = int(hashed[:8].hex(), 16) % (4 * 10**11)
            assert note_type_id(deck, kind) == 1_000_000_000_000 + number


@settings(max_examples=50)
@given(deck=slugs, origin=slugs, other=slugs)
def test_identities_have_their_form(deck: str, origin: str, other: str) -> None:
    """A GUID is 16 letters and digits of base32; numbers are past milliseconds, far from 2^53."""
    guid = note_guid(deck, origin)
    assert len(guid) == 16
    assert set(guid) <= set("abcdefghijklmnopqrstuvwxyz234567")
    assert 10**12 <= note_type_id(deck, "basic") < 14 * 10**11
    assert 10**12 <= package_deck_id(deck, other) < 14 * 10**11
    assert (note_guid(deck, other) == guid) == (other == origin)
    assert (note_guid(other, origin) == guid) == (other == deck)


def test_parts_of_a_digest_do_not_run_together() -> None:
    """Where one part ends and the next begins counts."""
    assert len({digest("a", "b", "c"), digest("ab", "c"), digest("a", "bc"), digest("abc")}) == 4


# ------------------------------------------------------------------ what decides on a GUID

NOTE = "Q: a\n\nA: b\n<!-- id: one -->\n\n{{c1::c}}\n<!-- id: two -->\n"


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param(NOTE.replace("Q: a", "Q: something else entirely"), id="question"),
        pytest.param(NOTE.replace("A: b", "A: *b*\n\nExtra: more\n\nSource: x"), id="fields"),
        pytest.param(
            NOTE.replace("id: one", "id: one; tags: t; claims: X-1; reversed"), id="entries"
        ),
        pytest.param("---\ntags: [t]\ndeck: Sub\n---\n# Heading\n\n" + NOTE, id="context"),
        pytest.param(NOTE.replace("{{c1::c}}", "{{c2::d}} and {{c1::c}}"), id="clozes"),
        pytest.param(NOTE.replace("id: one", "id: renamed; was: one"), id="was"),
        pytest.param(NOTE.replace("\n", "\r\n"), id="line ends"),
        pytest.param("Q: new\n\nA: b\n<!-- id: zero -->\n\n" + NOTE, id="a note before"),
    ],
)
def test_nothing_but_the_origin_decides(changed: str) -> None:
    """Edits, moves, tags, headings, and a renaming with `was` keep the GUIDs."""
    assert [note_guid("spec-deck", key) for key in ("one", "two")] == guids(NOTE)
    assert guids(changed)[-2:] == guids(NOTE)


def test_order_and_files_do_not_decide() -> None:
    """The same notes in another order and in other files keep their GUIDs."""
    one, two = NOTE.split("\n\n{{")
    assert guids("{{" + two + "\n" + one) == guids(NOTE)[::-1]
    apart = compile_deck(small_deck({"x/z.md": one, "a.md": "{{" + two}), clock=CLOCK).package
    assert apart is not None
    assert [note.guid for note in apart.notes] == guids(NOTE)[::-1]


def test_the_deck_decides() -> None:
    """Two decks may use one key without a clash; name and version of a deck decide nothing."""
    other = DECK_TOML.replace("spec-deck", "other-deck")
    assert not set(guids(NOTE, **{"deck.toml": other})) & set(guids(NOTE))
    renamed = DECK_TOML.replace('"Spec"', '"Else::Where"').replace("1.0.0", "2.0.0")
    assert guids(NOTE, **{"deck.toml": renamed}) == guids(NOTE)
    assert [t.id for t in package(NOTE, **{"deck.toml": renamed}).note_types] == [
        t.id for t in package(NOTE).note_types
    ]


def test_a_kind_does_not_decide() -> None:
    """A note that becomes a cloze note keeps its GUID, so that a check can find it did."""
    assert guids("{{c1::a}}\n<!-- id: one -->\n") == guids(NOTE)[:1]


def test_a_draft_has_the_guid_that_its_proposed_key_gives() -> None:
    """A note without an id builds as the note it will be once the proposed id is written."""
    assert guids("Q: What is *this*?\n\nA: b\n") == [note_guid("spec-deck", "what-is-this")]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("id: one", "id: one"),
        ("id: one", "id: x; was: one"),
        ("id: x; was: one", "id: y; was: one"),
    ],
)
def test_a_name_belongs_to_one_note(first: str, second: str) -> None:
    """An id or a `was` used twice in any way is an error: two notes would share a GUID."""
    text = f"Q: a\n\nA: b\n<!-- {first} -->\n\nQ: c\n\nA: d\n<!-- {second} -->\n"
    result = compile_deck(small_deck({"notes.md": text}), clock=CLOCK)
    assert [error.rule.name for error in result.errors] == ["duplicate-key"]


@settings(max_examples=50)
@given(keys=st.lists(slugs, min_size=2, max_size=8, unique=True))
def test_guids_are_unique_in_a_deck(keys: list[str]) -> None:
    """As many GUIDs as notes."""
    text = "\n".join(f"Q: {key}\n\nA: b\n<!-- id: {key} -->\n" for key in keys)
    assert len(set(guids(text))) == len(keys)


# ------------------------------------------------------------------ frozen note types


def test_fields_are_frozen() -> None:
    """Fields never change: one added, removed, moved or renumbered freezes every note out there."""
    assert [(field.name, field.id) for field in BASIC_FIELDS] == [
        ("Front", 4100000001),
        ("Back", 4100000002),
        ("Hint", 4100000003),
        ("Extra", 4100000004),
        ("Accept", 4100000005),
        ("Source", 4100000006),
        ("Context", 4100000007),
        ("Reversed", 4100000008),
        ("TypeIn", 4100000009),
        ("Key", 4100000010),
        ("Spare 1", 4100000011),
        ("Spare 2", 4100000012),
        ("Spare 3", 4100000013),
    ]
    assert [(field.name, field.id) for field in CLOZE_FIELDS] == [
        ("Text", 4200000001),
        ("Hint", 4200000002),
        ("Extra", 4200000003),
        ("Accept", 4200000004),
        ("Source", 4200000005),
        ("Context", 4200000006),
        ("TypeIn", 4200000007),
        ("Key", 4200000008),
        ("Spare 1", 4200000009),
        ("Spare 2", 4200000010),
        ("Spare 3", 4200000011),
    ]


def test_templates_are_frozen() -> None:
    """Templates never change but in what they show: their list and ids are part of the schema."""
    types = note_types(Manifest("a", "A", "1.0.0", "a"), CLOCK)
    assert [(t.kind, [(each.name, each.id) for each in t.templates]) for t in types] == [
        ("basic", [("Forward", 4300000001), ("Reverse", 4300000002), ("Spare", 4300000003)]),
        ("cloze", [("Cloze", 4400000001)]),
    ]


def test_the_conditions_of_the_fronts_are_frozen() -> None:
    """Which cards a note has depends on these; a change makes or empties cards of every learner."""
    basic, cloze = note_types(Manifest("a", "A", "1.0.0", "a"), CLOCK)
    forward, reverse, spare = (template.front for template in basic.templates)
    assert "{{Front}}" in forward
    assert reverse.startswith("{{#Reversed}}")
    assert reverse.endswith("{{/Reversed}}")
    assert spare == "{{#Spare 3}}{{Spare 3}}{{/Spare 3}}"
    assert "{{cloze:Text}}" in cloze.templates[0].front


def test_note_types_are_named_after_the_deck() -> None:
    """No type is called `Basic` or `Cloze`, and a subdeck's `::` is no part of its name."""
    types = note_types(Manifest("a", "Over::Under", "1.0.0", "a"), CLOCK)
    assert [note_type.name for note_type in types] == ["Over Under (basic)", "Over Under (cloze)"]


def test_the_key_is_searchable() -> None:
    """The field Key is `<deck id>/<key>`, of a renamed note its new key."""
    notes = package(
        "Q: a\n\nA: b\n<!-- id: new; was: old -->\n\n{{c1::c}}\n<!-- id: two -->\n"
    ).notes
    assert notes[0].fields[9] == "spec-deck/new"
    assert notes[1].fields[7] == "spec-deck/two"
    assert notes[0].guid == note_guid("spec-deck", "old")


def test_spare_fields_are_empty() -> None:
    """What waits for a use holds nothing, so that a later release may fill it."""
    text = "---\nsource: s\n---\n# H\n\nQ: a\n\nA: b\n\nHint: h\n\nExtra: e\n\nAccept: x\n"
    text += (
        "<!-- id: one; reversed; type-in -->\n\n{{c1::c}}\n\nHint: h\n<!-- id: two; type-in -->\n"
    )
    for note in package(text).notes:
        for field, value in zip(note.note_type.fields, note.fields, strict=True):
            if field.spare:
                assert value == ""
            elif note.note_type.kind == "basic":
                assert value != ""
