"""Our filling of card templates beside the real Anki's, to the letter.

Every card of the CRSS deck, of the golden decks and of all cases of the spec, and thousands of made
up templates and fields. What differs on purpose is said in `anki_template.py`, and named here.
The preview follows the newest Anki: what an older one does otherwise is not tested there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from anki.collection import Collection
from anki.models import NotetypeDict
from anki.sound import AVTag, SoundOrVideoTag, TTSTag
from anki.template import TemplateRenderContext, TemplateRenderOutput
from anki_helper import VERSION, import_package, new_collection
from deck_helper import small_deck
from golden_helper import CLOCK, DECKS, clock_for
from hypothesis import given, settings
from hypothesis import strategies as st
from test_spec import CASES

from crss_deck import Package, compile_deck, read_deck, write_apkg
from crss_deck.anki_template import Card, compared_with_nothing, render_card, typed_answer
from crss_deck.note_types import BASIC, CLOZE, Field, NoteType, Template
from crss_deck.package import RenderedNote

pytestmark = pytest.mark.anki

SOURCE = Path(__file__).parents[1] / "source"


# ------------------------------------------------------------------ every card there is


def packages() -> Iterator[Package]:
    """The CRSS deck, the golden decks, and all cases of the spec that compile."""
    for source in (SOURCE, *(deck / "source" for deck in DECKS)):
        package = compile_deck(read_deck(source), clock=clock_for(source)).package
        assert package is not None
        yield package
    for case in CASES:
        package = compile_deck(small_deck(case.files)).package
        if package is not None:
            yield package


def joined(parts: list[Package]) -> Package:
    """One package with all their notes, each with a GUID and a note type of its own."""
    numbers = count(1)
    types: dict[NoteType, NoteType] = {}
    notes: list[RenderedNote] = []
    for part in parts:
        for note in part.notes:
            number = next(numbers)
            key = note.note_type._replace(id=0, name="", modified=0)
            known = types.setdefault(
                key, note.note_type._replace(id=10**12 + number, name=f"Type {number}")
            )
            notes.append(
                note._replace(guid=f"note-{number}", note_type=known, due=number, modified=CLOCK)
            )
    decks = {deck.name: deck for part in parts for deck in part.decks}
    return Package(tuple(decks.values()), tuple(types.values()), tuple(notes), (), CLOCK)


def test_every_card_is_filled_as_by_anki(tmp_path: Path) -> None:
    """Question, answer and sounds of each card, imported into the real Anki."""
    package = joined(list(packages()))
    write_apkg(package, tmp_path / "all.apkg")
    ours = {note.guid: note for note in package.notes}
    compared = 0
    with new_collection(tmp_path) as collection:
        import_package(collection, tmp_path / "all.apkg")
        for card_id in collection.find_cards(""):
            card = collection.get_card(card_id)
            note = ours[card.note().guid]
            wanted = Card(
                without_style(card.question(), note.note_type.css),
                without_style(card.answer(), note.note_type.css),
                sounds(card.question_av_tags()),
                sounds(card.answer_av_tags()),
            )
            assert render_card(note, card.ord) == wanted
            compared += 1
    assert compared == package.card_count > 300


def without_style(page: str, css: str) -> str:
    """A side as Anki gives it, without the styles in front."""
    style = f"<style>{css}</style>"
    assert page.startswith(style)
    return page.removeprefix(style)


def sounds(tags: list[AVTag]) -> tuple[str, ...]:
    """The sounds of a side as we name them."""
    return tuple(tag.filename for tag in tags if isinstance(tag, SoundOrVideoTag))


# ------------------------------------------------------------------ made up templates

FIELDS = {BASIC: ("Front", "Back"), CLOZE: ("Text", "Back Extra")}
PIECES = [
    *("{{", "}}", "{{c1::", "{{c2::", "{{c1,2::", "{{c70000::", "{{c0::", "{{c,::", "::"),
    *("a", "é", "b", " ", "\n", "'", '"', "<", ">", "<b>", "</b>", "<br>", "<div>", "</div>"),
    *("<!--", "-->", "<style>", "</style>", "&", "&amp;", "&nbsp;", "&lt;", "&foo;", "&apos;"),
    *("&#x41;", "&#X41;", "&#65;", "\\(", "\\)", "\\[", "\\]", "[", "]", "漢字[かんじ]"),
    *("[sound:x.mp3]", "[sound:a&amp;b.mp3]", "[anki:tts lang=en]", "[/anki:tts]"),
    "image-occlusion:",
]
FILTERS = (
    *("cloze:", "text:", "type:", "kana:", "kanji:", "furigana:", "cloze-only:", "nc:", "tts en:"),
    *("foo:", ":"),
)
SPECIAL = (*("Tags", "Type", "Deck", "Subdeck", "Card", "CardFlag", "CardID"), "FrontSide", "c1")


@st.composite
def templates(draw: st.DrawFn, kind: str) -> str:
    """A template, now and then with a fault."""
    fields = st.sampled_from([*FIELDS[kind], *FIELDS[kind], *SPECIAL, "c2"])
    parts = []
    for _ in range(draw(st.integers(1, 5))):
        name = draw(fields)
        filters = "".join(draw(st.lists(st.sampled_from(FILTERS), max_size=3)))
        parts.append(
            draw(
                st.sampled_from(
                    [
                        *[f"{{{{{filters}{name}}}}}", f"{{{{ {filters}{name} }}}}"] * 4,
                        f"{{{{{{{name}}}}}}}",
                        f"{{{{#{name}}}}}x{{{{{draw(fields)}}}}}{{{{/{name}}}}}",
                        f"{{{{^{name}}}}}y{{{{/{name}}}}}",
                        f"{{{{^ {name} }}}}y{{{{/ {name} }}}}",
                        *["<!-- {{Nope}} -->", "}}", "<!--", "text", "{{x:}}"],
                        *["{{Nope}}", "{{", "{{#Nope}}{{/Nope}}", "{{/Front}}", "{{#Tags}}"],
                    ]
                )
            )
        )
    text = "".join(parts)
    if draw(st.integers(0, 20)) == 0:
        return "{{=<% %>=}}" + text.replace("{{", "<%").replace("}}", "%>")
    return text


@st.composite
def made_up(draw: st.DrawFn) -> RenderedNote:
    """A note of one template."""
    kind = draw(st.sampled_from([BASIC, CLOZE]))
    text = st.lists(st.sampled_from(PIECES), max_size=8).map("".join)
    template = Template("Card 1", 0, draw(templates(kind)), draw(templates(kind)))
    names = tuple(Field(name, 0) for name in FIELDS[kind])
    return RenderedNote(
        guid="guid",
        note_type=NoteType(1, kind.capitalize(), kind, names, (template,), "", 0),
        deck="(Deck)",
        fields=(draw(text), draw(text)),
        tags=("one", "two::three"),
        cards=(draw(st.sampled_from([0, 1])) if kind == CLOZE else 0,),
        due=1,
        modified=0,
    )


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collection]:
    """A collection with Anki's own note types."""
    with new_collection(tmp_path_factory.mktemp("anki")) as opened:
        yield opened


def in_anki(collection: Collection, note: RenderedNote) -> TemplateRenderOutput:
    """The card of a note as Anki fills its template."""
    known = collection.models.by_name(note.note_type.name)
    assert known is not None
    template = note.note_type.templates[0]
    changed: NotetypeDict = {**known["tmpls"][0], "qfmt": template.front, "afmt": template.back}
    changed["name"] = template.name
    fresh = collection.new_note(known)
    fresh.fields = list(note.fields)
    fresh.tags = list(note.tags)
    card = fresh.ephemeral_card(ord=note.cards[0])
    return TemplateRenderContext.from_card_layout(fresh, card, known, changed, False).render()


def is_message(side: str) -> bool:
    """Whether Anki says that it cannot show a side; the message has a link to a page of help."""
    return ("templates/errors.html" if VERSION >= (24, 11) else "anki.tenderapp.com/kb/") in side


@pytest.mark.skipif(
    VERSION < (25, 2),
    reason="before Anki 25.02 comments hide no fields, and an open `<%` takes all memory;"
    " the preview follows the newest Anki",
)
@settings(max_examples=700)
@given(note=made_up())
def test_any_template_is_filled_as_by_anki(collection: Collection, note: RenderedNote) -> None:
    """The same text for any template and fields, and a message where Anki has one."""
    wanted = in_anki(collection, note)
    got = render_card(note, note.cards[0])
    texts = wanted.question_text, wanted.answer_text
    if any(is_message(text) for text in texts):
        assert got.problem
        return
    # The shape of an image occlusion.
    shapeless = [re.sub(r'(data-ordinal="[\d,]+") [^>]*></div>', r"\1></div>", t) for t in texts]
    assert [got.question, got.answer] == shapeless
    assert not got.problem
    spoken = [
        f"tts:{tag.field_text}" if isinstance(tag, TTSTag) else tag.filename
        for tag in wanted.question_av_tags
        if isinstance(tag, TTSTag | SoundOrVideoTag)
    ]
    assert len(got.question_sounds) == len(spoken)
    files = [(ours, name) for ours, name in zip(got.question_sounds, spoken, strict=True)]
    assert all(ours == name for ours, name in files if not name.startswith("tts:"))


@pytest.mark.skipif(
    VERSION < (23, 10),
    reason="before Anki 23.10 an answer to type is not escaped;"
    " the preview follows the newest Anki",
)
@settings(max_examples=500)
@given(text=st.lists(st.sampled_from(PIECES), max_size=8).map("".join))
def test_what_is_typed_is_taken_as_by_anki(collection: Collection, text: str) -> None:
    """What a learner has to type, and what is shown when nothing was."""
    assert compared_with_nothing(text) == collection.compare_answer(text, "")
    kind = NoteType(1, "Cloze", CLOZE, (Field("Text", 0),), (), "", 0)
    note = RenderedNote("guid", kind, "", (text,), (), (0,), 1, 0)
    wanted = collection.extract_cloze_for_typing(text, 1)
    assert (typed_answer(note, 0, "cloze:Text") or "") == wanted
    assert typed_answer(note, 0, "Text") == text
    assert typed_answer(note, 0, "nc:Text") == text
    assert typed_answer(note, 0, "Nope") is None


# ------------------------------------------------------------------ what differs on purpose


def note_of(
    front: str, back: str = "{{Back}}", fields: tuple[str, str] = ("a", "b")
) -> RenderedNote:
    """A basic note with these templates."""
    names = tuple(Field(name, 0) for name in FIELDS[BASIC])
    note_type = NoteType(1, "Basic", BASIC, names, (Template("Card 1", 0, front, back),), "", 0)
    return RenderedNote("guid", note_type, "(Deck)", fields, (), (0,), 1, 0)


@pytest.mark.parametrize(
    ("front", "said"),
    [
        ("{{Nope}}", "The front template has a fault: there is no field for {{Nope}}."),
        ("{{text:Nope}}", "there is no field for {{text:Nope}}."),
        ("{{#Nope}}{{/Nope}}", "there is no field for {{#Nope}}."),
        ("{{#Front}}", "{{/Front}} is missing."),
        ("{{/Front}}", "{{/Front}} closes nothing."),
        ("{{#Front}}{{^Back}}{{/Front}}{{/Back}}", "{{/Front}} closes nothing."),
        ("text", "The front of this card is blank."),
        ("{{^Front}}{{Back}}{{/Front}}", "The front of this card is blank."),
    ],
)
def test_a_card_that_cannot_be_shown(collection: Collection, front: str, said: str) -> None:
    """Where Anki shows a message, so do we, in words of our own, on both sides."""
    note = note_of(front)
    assert is_message(in_anki(collection, note).question_text)
    card = render_card(note, 0)
    assert card.problem.endswith(said)
    assert card.question == card.answer
    assert "<div>" in card.question


def test_a_fault_of_the_back(collection: Collection) -> None:
    """A fault of the back takes the front along, as in Anki."""
    note = note_of("{{Front}}", "{{Nope}}")
    assert is_message(in_anki(collection, note).question_text)
    assert render_card(note, 0).problem.startswith("The back template has a fault")


def test_a_cloze_card_without_its_cloze() -> None:
    """A card of a number that the note has not."""
    names = (Field("Text", 0),)
    template = Template("Cloze", 0, "{{cloze:Text}}", "{{cloze:Text}}")
    note_type = NoteType(1, "Cloze", CLOZE, names, (template,), "", 0)
    note = RenderedNote("guid", note_type, "", ("{{c1::a}}",), (), (0, 1), 1, 0)
    assert render_card(note, 0).problem == ""
    assert render_card(note, 1).problem == "The note has no cloze 2."


@pytest.mark.skipif(
    VERSION < (25, 7),
    reason="before Anki 25.07 the link of a hint can be dragged;"
    " the preview follows the newest Anki",
)
def test_a_hint_has_no_script(collection: Collection) -> None:
    """Anki's hint opens by a script; ours has the same link and text without one."""
    note = note_of("{{Front}}{{hint:Back}}")
    theirs, ours = in_anki(collection, note).question_text, render_card(note, 0).question
    assert "onclick" in theirs
    bare = re.sub(r'\nonclick=".*?"| id="hint\w+"', "", theirs, flags=re.DOTALL)
    assert ours == bare
    assert render_card(note_of("{{Front}}{{hint:Back}}", fields=("a", " ")), 0).question == "a "


@pytest.mark.parametrize(
    "text",
    [
        *("{{" * 50_000, "<!--" * 25_000, "{{#Front}}" * 10_000, "}}" * 50_000),
        *("{{c1::" * 20_000, "<" * 100_000, "&" * 100_000, "漢" * 100_000, "[sound:" * 15_000),
        *("\\(" * 50_000, "[anki:tts]" * 2_000),
    ],
    ids=lambda text: text[:10],
)
def test_a_hostile_text_ends(text: str) -> None:
    """No field and no template keeps us busy for long; a hang would never end this test."""
    filters = ("", "text:", "furigana:", "cloze:", "cloze-only:", "hint:")
    front = "".join(f"{{{{{each}Front}}}}" for each in filters)
    render_card(note_of(front, text, (text, "b")), 0)
    compared_with_nothing(text)
