"""Every card of the deck that has everything, laid out by a browser, in day and night.

The cards come out of the real Anki, in the wrappers of two apps. Formulas are boxes like those of
MathJax, whose width grows with the text: MathJax itself is a part of the apps.
"""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import anki.collection  # must be the first module of Anki to be imported
import pytest
from anki.cards import Card
from anki.sound import AV_REF_RE
from anki_helper import import_package, new_collection
from golden_helper import CLOCK, DECKS
from test_look import SPECIMEN

from crss_deck import build_deck

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

pytestmark = [pytest.mark.anki, pytest.mark.browser]

SOURCES = [deck / "source" for deck in DECKS if deck.name in ("everything", "right-to-left")]
SCRIPT = Path(__file__).parent / "layout.js"
NIGHTS = ["#2c2c2c", "#303030", "#000"]
"""The grounds of apps at night."""
HOST = "http://card.test/"

DESKTOP = """\
<!doctype html><html><head><meta charset="utf-8"><style>
:root { --canvas: #2c2c2c; --fg: #fcfcfc } body { margin: 20px; overflow-wrap: break-word }
body.nightMode { background-color: var(--canvas); color: var(--fg) } li { text-align: start }
hr { background-color: #737373; margin: 1em 0; border: none; height: 1px }
img { max-width: 100%; max-height: 95vh } #typeans { width: 100%; line-height: 1.75 }
.replay-button { display: inline-flex } .replay-button svg { width: 40px; height: 40px }
</style></head><body class="card card1 isLin"><div id="qa" dir="auto">CARD</div></body></html>"""
ANKIDROID = """\
<!doctype html><html class="mobile android"><head><meta charset="utf-8"><style>
body { margin: 0; padding: 0 } #content { margin: 0.5em } #typeans { width: 100% }
body.nightMode { color: white; background-color: black } .typePrompt { color: magenta }
.replay-button svg { width: 32px; height: 32px } .chrome img { max-width: 100%; max-height: 90% }
</style></head><body class="card card1 chrome"><div id="content" dir="auto"><div id="qa">CARD</div>
</div></body></html>"""
SHELLS = {360: ANKIDROID, 1280: DESKTOP}
"""What stands around a card, as those apps have it, by the width at which it is tried."""

TALL = b'<svg xmlns="http://www.w3.org/2000/svg" width="600" height="6000"/>'
"""The picture of the specimen."""
REPLAY = '<a class="replay-button soundLink" href="#"><svg viewBox="0 0 64 64"></svg></a>'
TYPE_BOX = '<center><input type="text" id="typeans"></center>'


class Cards(NamedTuple):
    """The HTML of all sides of all cards of some decks, by name, and the media that they show."""

    sides: dict[str, str]
    media: dict[str, bytes]


@pytest.fixture(scope="module")
def cards(tmp_path_factory: pytest.TempPathFactory) -> Cards:
    """The cards of the decks, rendered by Anki, and the specimen of all that fields can hold."""
    sides: dict[str, str] = {}
    media = {"rising.svg": TALL}
    for source in SOURCES:
        folder = tmp_path_factory.mktemp("layout")
        path = build_deck(source, folder / "build", clock=CLOCK).path
        with new_collection(folder) as collection:
            import_package(collection, path)
            for card_id in collection.find_cards(""):
                card = collection.get_card(card_id)
                name = f"{card.note()['Key']} {card.ord + 1}"
                sides[f"{name} question"] = asked(card.question())
                sides[f"{name} answer"] = answered(collection, card)
            files = Path(collection.media.dir()).iterdir()
            media |= {file.name: file.read_bytes() for file in files}
    style = re.match("<style>.*?</style>", next(iter(sides.values())), re.DOTALL)
    assert style
    sides["specimen"] = f'{style[0]}<div class="note" dir="ltr"><div>{SPECIMEN}</div></div>'
    return Cards(sides, media)


def asked(html: str) -> str:
    """The question with the box to type in and the buttons that an app draws."""
    return re.sub(r"\[\[type:.+?\]\]", TYPE_BOX, AV_REF_RE.sub(REPLAY, html))


def answered(collection: anki.collection.Collection, card: Card) -> str:
    """The answer, with what Anki says to something half right that was typed."""
    compared = collection.compare_answer("The answer", "the ansser, or so")
    typed = f"<div style=\"font-family: 'Arial'; font-size: 20px\">{compared}</div>"
    return re.sub(r"\[\[type:.+?\]\]", lambda _: typed, AV_REF_RE.sub(REPLAY, card.answer()))


@pytest.fixture(scope="module", params=SHELLS, ids=lambda width: f"{width}px")
def page(request: pytest.FixtureRequest, browser: Browser, cards: Cards) -> Iterator[Page]:
    """A page of that width, that gets media and nothing else."""

    def serve(route: Route) -> None:
        name = route.request.url.removeprefix(HOST)
        if name in cards.media:
            kind = mimetypes.guess_type(name)[0] or ""
            route.fulfill(body=cards.media[name], content_type=kind)
        elif name == "":
            route.fulfill(body="", content_type="text/html")
        else:
            fetched.append(route.request.url)
            route.abort()

    fetched: list[str] = []
    opened = browser.new_page(viewport={"width": request.param, "height": 720})
    opened.route("**/*", serve)
    opened.goto(HOST)
    yield opened
    opened.close()
    assert fetched == [], "cards fetch nothing"


def show(page: Page, side: str) -> None:
    """Draw one side of a card."""
    assert page.viewport_size
    page.set_content(SHELLS[page.viewport_size["width"]].replace("CARD", side))
    page.add_script_tag(path=SCRIPT)
    page.evaluate("drawFormulas()")


def test_everything_fits_and_can_be_read_and_tapped(page: Page, cards: Cards) -> None:
    """No card is wider than its window, each thing to tap is 44 px high, all text can be read."""
    wrong = []
    for name, side in cards.sides.items():
        show(page, side)
        wrong += [f"{name}: {each}" for each in page.evaluate("faults", NIGHTS)]
    assert wrong == []


def test_wide_things_scroll(page: Page, cards: Cards) -> None:
    """What is too wide for its window is reached by scrolling it alone."""
    show(page, cards.sides["golden-everything/wide-blocks 1 answer"])
    scrolled = page.evaluate(
        """() => [...document.querySelectorAll('table, pre, mjx-container')].map(element => {
          element.scrollLeft = 1e6;
          return [element.localName, element.scrollLeft > 0];
        })"""
    )
    assert scrolled == [[name, True] for name in ("table", "pre", *["mjx-container"] * 2)]


def test_a_hint_is_opened_by_a_tap(page: Page, cards: Cards) -> None:
    """The hint is not seen, and is after a tap; on the back there is none."""
    show(page, cards.sides["golden-everything/in-a-list 1 question"])
    hint = page.locator(".hint li").first
    assert not hint.is_visible()
    page.locator("summary").click()
    assert hint.is_visible()
    show(page, cards.sides["golden-everything/in-a-list 1 answer"])
    assert page.locator(".hint").count() == 0


@pytest.mark.parametrize("name", ["golden-everything/a-drawing 1 answer", "specimen"])
def test_pictures_are_seen_whole(page: Page, cards: Cards, name: str) -> None:
    """A picture too wide or too high is made smaller, and keeps its shape."""
    show(page, cards.sides[name])
    page.wait_for_function("[...document.images].every(image => image.complete)")
    sizes = page.evaluate(
        "[...document.images].map(i => [i.width, i.height, i.naturalWidth / i.naturalHeight])"
    )
    assert len(sizes) == 2
    for width, height, shape in sizes:
        assert width <= 600
        assert height <= 720
        assert width / height == pytest.approx(shape, rel=0.02)
