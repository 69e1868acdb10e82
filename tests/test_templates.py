"""The card templates: which fields each side shows, and what deck.toml puts into them."""

from __future__ import annotations

import re
from typing import Any

import pytest
from deck_helper import DECK_TOML, small_deck
from test_spec import NOTE

from crss_deck import Package, compile_deck
from crss_deck.history import design_digest, schema_digest
from crss_deck.manifest import Manifest, Words
from crss_deck.note_types import mistakes_address, note_types

MANIFEST = Manifest("tea", "Tea", "1.0.0", "tea")

FOOT = {"Extra", "Context", "Source", "Key"}
SIDES = {
    "Forward": ({"Front", "TypeIn", "Hint"}, {"Front", "TypeIn", "Back", "Accept", *FOOT}),
    # Hint, Accept and TypeIn are about the answer, which is the question here.
    "Reverse": ({"Reversed", "Back"}, {"Back", "Front", *FOOT}),
    "Spare": ({"Spare 3"}, {"Spare 3", "Back", *FOOT}),
    "Cloze": ({"Text", "TypeIn", "Hint"}, {"Text", "TypeIn", "Accept", *FOOT}),
}
"""The fields of front and back: nothing on a front could give the answer away."""


def made_with(**options: Any) -> str:
    """All backs of a deck with these options, below each other."""
    types = note_types(MANIFEST._replace(**options), 0)
    return "\n".join(template.back for each in types for template in each.templates)


def test_each_side_shows_its_fields() -> None:
    """What is asked stands on the front, everything else on the back."""
    shown = {
        template.name: tuple(
            set(re.findall(r"\{\{(?:[#/]|type:cloze:|type:|cloze:)?([^}:]+)\}\}", side))
            for side in (template.front, template.back)
        )
        for each in note_types(MANIFEST, 0)
        for template in each.templates
    }
    assert shown == SIDES


@pytest.mark.parametrize(
    ("repository", "address"),
    [
        ("", ""),
        ("https://example.org/tea", ""),
        ("https://github.com/tea", ""),
        ("https://github.com/tea/deck", "/issues/new?title={key}"),
        ("https://codeberg.org/tea/deck", "/issues/new?title={key}"),
        ("https://gitlab.com/tea/pots/deck", "/-/issues/new?issue%5Btitle%5D={key}"),
    ],
)
def test_where_mistakes_are_reported(repository: str, address: str) -> None:
    """Where deck.toml says, else with the issues of a repository whose site is known."""
    wanted = address and repository + address
    for written in (
        repository,
        repository and f"{repository}/",
        repository and f"{repository}.git",
    ):
        assert mistakes_address(MANIFEST._replace(repository=written)) == wanted
    mail = MANIFEST._replace(repository=repository, mistakes="mailto:a@example.org")
    assert mistakes_address(mail) == "mailto:a@example.org"


def test_every_back_names_its_note_and_links_to_the_place_for_mistakes() -> None:
    """The link is made of the Key by Anki, so it is the same text in every release."""
    backs = made_with(mistakes="https://example.org/new?a=1&note={key}")
    link = '<a class="mistake" href="https://example.org/new?a=1&amp;note={{Key}}">'
    assert backs.count(link) == backs.count('dir="ltr">{{Key}}</span>') == 4
    assert "1.0.0" not in backs
    assert "<a" not in made_with()
    assert made_with().count('dir="ltr">{{Key}}</span>') == 4


def test_words_are_english_until_others_are_given() -> None:
    """English in a deck of another language is marked as such; words given are the deck's own."""
    label = '<span class="label"{}>{}</span>'
    assert label.format("", "Source:") in made_with(language="en-GB")
    english = ' lang="en" dir="ltr"'
    assert label.format(english, "Source:") in made_with(language="enm")
    mixed = made_with(language="he", words=Words(source="מקור:"))
    assert label.format("", "מקור:") in mixed
    assert label.format(english, "Also right:") in mixed


def test_words_and_addresses_mean_nothing_to_anki() -> None:
    """Not to its templates, nor to MathJax, nor as HTML, nor as a sound."""
    hostile = r'<b title="a">{{Front}}\(x\)[sound:a.mp3]@DIR@&{key}'
    sides = made_with(words=Words(*[hostile] * 4), mistakes="https://example.org/{{Back}}{key}'")
    assert sides.count("{{Front}}") == made_with().count("{{Front}}")
    for mark in ("<b", r"\(", "[sound", "@ltr"):
        assert mark not in sides
    assert "&lt;b title=&quot;a&quot;&gt;&#123;&#123;Front" in sides
    assert "&#123;&#123;Back&#125;&#125;{{Key}}&#x27;" in sides


OPTIONS = """\
language = "he"
mistakes = "https://example.org/{key}"
stylesheet = "style.css"
[words]
hint = "רמז"
"""


def compiled(manifest: str) -> Package:
    """A deck of one note with that deck.toml."""
    css = ".note { color: teal }\r\n"
    result = compile_deck(small_deck({"deck.toml": manifest, "notes.md": NOTE, "style.css": css}))
    assert result.package
    return result.package


def test_options_of_the_look_change_the_look_alone() -> None:
    """No note is rewritten, and no note type is a new one, when deck.toml changes them."""
    (before,), (after,) = (
        compiled(manifest).notes for manifest in (DECK_TOML, DECK_TOML + OPTIONS)
    )
    assert before.fields == after.fields
    assert schema_digest(before.note_type) == schema_digest(after.note_type)
    assert design_digest(before.note_type) != design_digest(after.note_type)
    assert after.note_type.css == before.note_type.css + "\n.note { color: teal }"
