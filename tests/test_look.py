"""How cards look: what stands in fields is styled for ever, and every colour can be read.

What a browser makes of it is in test_layout.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple

import pytest
from deck_helper import small_deck
from golden_helper import DECKS
from test_spec import CASES

import crss_deck
from crss_deck import compile_deck, read_deck
from crss_deck.highlight import CLASSES
from crss_deck.inlines import INLINE_TAGS
from crss_deck.package import Package

SPECIMEN = (Path(__file__).parent / "specimen.html").read_text(encoding="utf-8")
TEMPLATES = Path(crss_deck.__file__).parent / "templates"
STYLE = (TEMPLATES / "style.css").read_text(encoding="utf-8")


# ------------------------------------------------------------------ what stands in fields


class Markup(HTMLParser):
    """The elements of HTML, and of each its attributes: names, and the values of classes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: set[tuple[str, str]] = set()
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.found.add((tag, ""))
        for name, value in attrs:
            self.found.add((tag, f"{name}={value}" if name == "class" else name))


def packages() -> Iterator[Package]:
    """What all golden decks and all chapters of the language compile to."""
    folders = [read_deck(deck / "source") for deck in DECKS]
    for folder in (*folders, *(small_deck(case.files) for case in CASES)):
        package = compile_deck(folder).package
        if package is not None:
            yield package


def test_the_specimen_has_all_that_fields_have() -> None:
    """Whoever adds or drops an element or a class changes what learners' notes hold."""
    written = set[tuple[str, str]]()
    for package in packages():
        for note in package.notes:
            for field in note.fields:
                written |= Markup(field).found
    specimen = Markup(SPECIMEN).found
    assert written == specimen
    assert {tag for tag, _ in specimen} >= set(INLINE_TAGS)
    classes = {what.removeprefix("class=") for _, what in specimen if what.startswith("class=")}
    assert {name for name in classes if name.startswith("hl-")} == set(CLASSES.values())


AS_BROWSERS_DO = {"br", "em", "rp", "ruby", "s", "span", "strong", "tbody", "thead", "tr", "u"}
"""Elements whose look needs no rule."""


def test_all_that_fields_have_is_styled() -> None:
    """Every class and element of the specimen has a rule, or looks right without one."""
    selectors = " ".join(rule.selector for rule in RULES)
    for tag, what in Markup(SPECIMEN).found:
        if what.startswith("class="):
            assert re.search(rf"\.{what.removeprefix('class=')}\b", selectors), what
        elif tag not in AS_BROWSERS_DO:
            assert re.search(rf"\.note {tag}\b", selectors), tag


# ------------------------------------------------------------------ colours


class CssRule(NamedTuple):
    """A rule of a stylesheet."""

    selector: str
    declarations: dict[str, str]


def css_rules(text: str) -> list[CssRule]:
    """The rules of a stylesheet without nested ones."""
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    assert "@" not in text
    found = []
    for selector, body in re.findall(r"([^{}]+)\{([^{}]*)\}", text):
        pairs = (each.split(":", 1) for each in body.split(";") if each.strip())
        declarations = {name.strip(): value.strip() for name, value in pairs}
        found.append(CssRule(" ".join(selector.split()), declarations))
    return found


RULES = css_rules(STYLE)
DAY, NIGHT = ({name[2:]: value for name, value in rule.declarations.items()} for rule in RULES[:2])
"""The variables that learners may change, by day and by night."""

CODE = {name.removeprefix("hl-") for name in CLASSES.values()}
TEXT = {"ink", "soft", "link", "cloze", *CODE}
LINES = {"line", "link"}
GROUNDS = {"paper", "panel", "mark", "good", "bad", "missed"}
NO_COLOURS = {"text-size", "column", "font", "code-font"}
PAGES = {"#fff": DAY, "#2c2c2c": NIGHT, "#303030": NIGHT, "#000": NIGHT}
"""The grounds behind cards: our own by day, and those of the apps by night."""

Colour = tuple[float, float, float]


def colour(text: str, ground: Colour = (0, 0, 0)) -> Colour:
    """A colour of CSS, from 0 to 1, as it shows on a ground."""
    if text.startswith("#"):
        digits = text[1:] if len(text) == 7 else "".join(digit * 2 for digit in text[1:])
        red, green, blue = (int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4))
        return red, green, blue
    numbers = re.fullmatch(r"rgba\((\d+), (\d+), (\d+), ([\d.]+)\)", text)
    assert numbers, text
    *channels, alpha = map(float, numbers.groups())
    red, green, blue = (
        alpha * channel / 255 + (1 - alpha) * under
        for channel, under in zip(channels, ground, strict=True)
    )
    return red, green, blue


def luminance(shade: Colour) -> float:
    """How light a colour is, as WCAG 2 has it."""
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in shade)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: Colour, other: Colour) -> float:
    """The ratio of two colours, from 1 to 21, as WCAG 2 has it."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_contrast_is_that_of_wcag() -> None:
    """Values that the standard's own explanations give."""
    assert contrast(colour("#fff"), colour("#000")) == pytest.approx(21)
    assert contrast(colour("#777777"), colour("#fff")) == pytest.approx(4.48, abs=0.005)
    assert colour("rgba(255, 255, 255, 0.5)", colour("#000")) == (0.5, 0.5, 0.5)


def test_every_colour_is_a_variable_of_a_known_kind() -> None:
    """No colour is written elsewhere, and each is used as what the next test takes it for."""
    assert set(DAY) == TEXT | LINES | GROUNDS | NO_COLOURS
    assert set(NIGHT) == set(DAY) - NO_COLOURS
    used: dict[str, set[str]] = {"color": set(), "background": set(), "line": set()}
    for rule in RULES[2:]:
        for name, value in rule.declarations.items():
            if (rule.selector, value) == (".note img", "#fff"):
                continue  # behind pictures, where no text stands
            assert not re.search(r"#[0-9a-f]{3}|rgb|hsl", value), rule
            kind = "color" if name == "color" else "line"
            kind = "background" if name.startswith("background") else kind
            for variable in re.findall(r"var\(--([\w-]+)\)", value):
                if variable not in NO_COLOURS:
                    used[kind].add(variable)
    assert used == {"color": TEXT, "background": GROUNDS, "line": LINES}


@pytest.mark.parametrize("page", PAGES)
def test_everything_can_be_read(page: str) -> None:
    """Text reaches 7:1, but for text that stands back on code, and for text on a mark: 4.5:1."""
    theme, ground = PAGES[page], colour(page)
    panel = colour(theme["panel"], ground)
    for name in TEXT:
        shade = colour(theme[name])
        assert contrast(shade, ground) >= 7, name
        assert contrast(shade, panel) >= (4.5 if name == "soft" else 7), name
        assert contrast(shade, colour(theme["mark"])) >= 4.5, name
    for name in LINES:
        assert contrast(colour(theme[name]), ground) >= 3, name
        assert contrast(colour(theme[name]), panel) >= 3, name
    for name in ("good", "bad", "missed"):
        assert contrast(colour(theme["ink"]), colour(theme[name])) >= 7, name
