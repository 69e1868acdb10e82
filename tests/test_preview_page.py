"""The preview's page in a real browser: what a person sees and does, and that nothing leaves it."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from deck_helper import DECK_TOML, PEER_PNG
from golden_helper import CLOCK, DECKS, clock_for

from crss_deck import write_apkg
from crss_deck.note_types import BASIC, Field, NoteType, Template
from crss_deck.package import Package, PackagedDeck, PackagedMedia, RenderedNote
from crss_deck.preview import Previewer, page_html
from crss_deck.watch import Watch, serve

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Frame, Page

WIDE, PHONE = {"width": 1280, "height": 800}, {"width": 360, "height": 740}
SOURCE = Path(__file__).parents[1] / "source"
NOTES = """\
Q: Question *one*?

A: Answer one. ![a white pixel](peer.png)

Hint: a hint
<!-- id: one; tags: level::recall -->

Q: Question two?

A: Answer two, $x^2$.
<!-- id: two; tags: level::apply; type-in: two -->

{{c1::Alpha}} and {{c2::beta::second}} here.
<!-- id: three; tags: other -->
"""


DOCUMENT = "document.querySelector('#%s iframe').contentDocument"


class Visit:
    """A person at a page; afterwards, what the browser complained of and what it asked for."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.requests: list[str] = []
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))
        page.goto(address)
        drawn = "f => f.contentDocument.body?.className"
        self.wait(f"[...document.querySelectorAll('iframe')].some({drawn})")

    def wait(self, condition: str) -> None:
        """Wait until an expression is true in the page, whose policy lets nothing poll inside."""
        for _ in range(500):
            if self.page.evaluate(f"() => Boolean({condition})"):
                return
            self.page.wait_for_timeout(20)
        pytest.fail(f"never true: {condition}")

    def waits_for(self, name: str, text: str) -> None:
        """Wait until a side has a text."""
        self.wait(f"{DOCUMENT % name}.body.innerText.includes({text!r})")

    def press(self, *keys: str) -> None:
        """Press keys, wherever the focus is."""
        for key in keys:
            self.page.keyboard.press(key)

    def text(self, selector: str) -> str:
        """The text of an element."""
        return self.page.locator(selector).inner_text()

    def side(self, name: str) -> Frame:
        """The frame of a side."""
        element = self.page.locator(f"#{name} iframe").element_handle()
        assert element is not None
        frame = element.content_frame()
        assert frame is not None
        return frame

    def seen(self, name: str) -> str:
        """The text of a side, or nothing if the side is not shown."""
        if not self.page.locator(f"#{name}").is_visible():
            return ""
        return str(self.in_card(name, "page.body.innerText")).strip()

    def in_card(self, name: str, expression: str) -> Any:
        """What an expression of `page`, the document of a side, is worth."""
        return self.page.evaluate(
            f"() => {{ const page = {DOCUMENT % name}; return {expression} }}"
        )

    def listed(self) -> list[str]:
        """The rows of the list that are drawn."""
        return self.page.locator("#rows [role=option] .text").all_inner_texts()

    def state(self) -> dict[str, str]:
        """What the address says."""
        self.page.wait_for_timeout(150)
        query = self.page.evaluate("() => [...new URLSearchParams(location.hash.slice(1))]")
        return dict(query)


@pytest.fixture
def visit(browser: Browser, tmp_path: Path) -> Iterator[Callable[..., Visit]]:
    """Opens pages; at the end none may have complained or asked for anything beyond itself."""
    visits: list[Visit] = []
    contexts = []

    def opened(page: str, size: dict[str, int] = WIDE, hash: str = "", **options: Any) -> Visit:
        path = tmp_path / f"page-{len(visits)}.html"
        path.write_text(page, encoding="utf-8")
        context = browser.new_context(viewport=size, **options)  # type: ignore[arg-type]
        contexts.append(context)
        visits.append(Visit(context.new_page(), path.as_uri() + hash))
        return visits[-1]

    yield opened
    for each in visits:
        assert each.complaints == []
        own = [url for url in each.requests if not url.startswith(("data:", "about:"))]
        assert {url.partition("#")[0] for url in own} <= {each.page.url.partition("#")[0]}
    for context in contexts:
        context.close()


def folder(root: Path, notes: str = NOTES) -> Path:
    """A deck folder."""
    source = root / "source"
    source.mkdir()
    (source / "deck.toml").write_text(DECK_TOML, encoding="utf-8")
    (source / "notes.md").write_text(notes, encoding="utf-8")
    (source / "peer.png").write_bytes(PEER_PNG)
    return source


def page_of(source: Path) -> str:
    """The page of a deck."""
    return page_html(Previewer(source).look(clock=clock_for(source)))


# ------------------------------------------------------------------ cards


def test_a_card_is_flipped(visit: Callable[..., Visit], tmp_path: Path) -> None:
    """Space turns the card, the arrows go on, from the last card to the first."""
    page = visit(page_of(folder(tmp_path)))
    assert page.text("#count") == "4 cards"
    assert page.text("#position") == "1 of 4"
    assert page.seen("front") == "Question one?\nHint"
    assert page.seen("back") == ""
    page.press("Space")
    assert page.seen("front") == ""
    assert page.seen("back").startswith("Question one?\nAnswer one.")
    page.press("Space")
    assert page.seen("front") != ""
    page.press("ArrowRight")
    assert page.seen("front") == "Question two?"
    page.press("Space", "ArrowDown")
    assert page.seen("front") == "[...] and beta here."
    page.press("ArrowDown")
    assert page.seen("front") == "Alpha and [second] here."
    page.press("ArrowRight")
    assert page.text("#position") == "1 of 4"
    page.press("ArrowLeft")
    assert page.text("#position") == "4 of 4"
    page.press("Home", "ArrowUp", "End")
    assert page.text("#position") == "4 of 4"


TOUR = """
() => {
    const press = key => document.dispatchEvent(new KeyboardEvent("keydown", { key }));
    const page = side => document.querySelector(`#${side} iframe`).contentDocument;
    const count = parseInt(document.querySelector("#count").textContent);
    return Array.from({ length: count }, () => {
        const [front, back] = ["front", "back"].map(side => page(side).body.innerText.trim());
        const pictures = page("front").images.length;
        const lacks = page("back").querySelectorAll(".crss-note").length;
        const at = document.querySelector("#position").textContent;
        for (const key of ["ArrowRight", "n", "w"]) press(key);
        return { at, front, back, pictures, lacks };
    });
}
"""


@pytest.mark.parametrize(
    "source",
    [SOURCE, *(deck / "source" for deck in DECKS)],
    ids=["crss", *(deck.name for deck in DECKS)],
)
def test_every_card_is_drawn(visit: Callable[..., Visit], source: Path) -> None:
    """Both sides of each card of our decks, in each theme and width, without a complaint."""
    stops = visit(page_of(source), hash="#side=both").page.evaluate(TOUR)
    assert stops
    for number, stop in enumerate(stops, 1):
        assert stop["at"] == f"{number} of {len(stops)}"
        assert stop["front"] or stop["pictures"]
        assert stop["back"]
        assert stop["lacks"] == 0


def test_themes_and_widths(visit: Callable[..., Visit], tmp_path: Path) -> None:
    """The card has Anki's classes for night, and the width of a phone."""
    page = visit(page_of(folder(tmp_path)), color_scheme="light")
    night = "page.body.classList.contains('nightMode') && page.body.classList.contains('card1')"
    ground = "page.defaultView.getComputedStyle(page.body).backgroundColor"
    assert not page.in_card("front", night)
    assert page.in_card("front", ground) == "rgb(255, 255, 255)"
    page.press("n")
    assert page.in_card("front", night)
    assert page.in_card("front", ground) == "rgb(44, 44, 44)"
    assert page.in_card("front", "page.documentElement.classList.contains('night-mode')")
    wide = page.in_card("front", "page.documentElement.clientWidth")
    page.press("w")
    narrow = page.in_card("front", "page.documentElement.clientWidth")
    assert narrow < 361 < wide
    assert page.in_card("front", "page.documentElement.classList.contains('mobile')")
    dark = visit(page_of(SOURCE), color_scheme="dark")
    assert dark.in_card("front", night)


def test_both_sides_at_once(visit: Callable[..., Visit], tmp_path: Path) -> None:
    """Side by side; then there is nothing to flip."""
    page = visit(page_of(folder(tmp_path)))
    page.press("b")
    assert page.seen("front") and page.seen("back")
    page.press("Space")
    assert page.seen("front") and page.seen("back")
    page.press("b")
    assert page.seen("back") == ""


def test_what_a_card_is_made_of(visit: Callable[..., Visit], tmp_path: Path) -> None:
    """Pictures are shown, formulas are set, a hint opens, and a box takes no text."""
    page = visit(page_of(folder(tmp_path)), hash="#side=both")
    picture = "page.querySelector('img')"
    assert page.in_card("back", f"{picture}.complete && {picture}.naturalWidth") == 1
    page.page.frame_locator("#front iframe").locator("summary").click()
    assert "a hint" in page.seen("front")
    page.press("ArrowRight")
    assert page.in_card("back", "page.querySelector('math msup').getBoundingClientRect().width") > 5
    box = page.page.frame_locator("#front iframe").locator("input#typeans")
    box.click()
    page.press("x", "b", "Space")
    assert box.input_value() == ""
    assert page.in_card("back", "page.querySelector('code#typeans').textContent") == "two"


def test_keys_work_from_within_a_card(visit: Callable[..., Visit], tmp_path: Path) -> None:
    """Who has clicked into a card goes on with the keys."""
    page = visit(page_of(folder(tmp_path)))
    page.page.frame_locator("#front iframe").locator(".question").click()
    page.press("Space")
    assert "Answer one" in page.seen("back")
    page.press("ArrowRight")
    assert page.seen("front") == "Question two?"


# ------------------------------------------------------------------ finding cards


def test_search_and_filters(visit: Callable[..., Visit], tmp_path: Path) -> None:
    """Words, a tag with all below it, a file and a kind; the count says how many of how many."""
    page = visit(page_of(folder(tmp_path)))
    page.press("/")
    page.page.keyboard.type("QUESTION tw")
    assert page.text("#count") == "1 of 4 cards"
    assert page.listed() == ["Question two?"]
    assert page.seen("front") == "Question two?"
    page.press("Escape", "Space")
    assert "Answer two" in page.seen("back")
    page.page.fill("#q", "nothing at all")
    assert page.text("#count") == "0 of 4 cards"
    assert page.page.locator("#nothing").is_visible()
    assert page.seen("back") == ""
    page.page.click("#reset")
    assert page.text("#count") == "4 cards"
    for tag, count in (
        ("Spec::level", 2),
        ("Spec::level::apply", 1),
        ("Spec", 4),
        ("Spec::other", 2),
    ):
        page.page.select_option("#tag", tag)
        assert page.text("#count") == ("4 cards" if count == 4 else f"{count} of 4 cards")
    page.page.select_option("#kind", "basic")
    assert page.text("#count") == "0 of 4 cards"
    page.page.select_option("#tag", "")
    assert page.text("#count") == "2 of 4 cards"
    assert page.page.locator("#group option").all_inner_texts() == ["All", "source/notes.md (4)"]


def test_the_list_leads_to_a_card(visit: Callable[..., Visit], tmp_path: Path) -> None:
    """A click on a row shows its card; the row is the one that is selected."""
    page = visit(page_of(folder(tmp_path)))
    page.page.click("[role=option] >> text=[second]")
    assert page.seen("front") == "Alpha and [second] here."
    selected = page.page.locator("[aria-selected=true]")
    assert selected.count() == 1
    assert selected.inner_text() == "Alpha and [second] here.\nnotes.md:13 · cloze 2"
    pointed = page.page.get_attribute("#list", "aria-activedescendant")
    assert pointed == selected.get_attribute("id")


def test_the_place_is_copied(visit: Callable[..., Visit], tmp_path: Path) -> None:
    """The place of the note, as editors and terminals take it."""
    permissions = ["clipboard-read", "clipboard-write"]
    page = visit(page_of(folder(tmp_path)), permissions=permissions)
    assert page.text("#place") == "source/notes.md:1"
    page.press("End", "c")
    page.wait("document.querySelector('#copy').textContent === 'Copied'")
    assert page.page.evaluate("() => navigator.clipboard.readText()") == "source/notes.md:13"
    page.wait("document.querySelector('#said').textContent === 'Copied source/notes.md:13'")


def test_ten_thousand_cards(visit: Callable[..., Visit], tmp_path: Path) -> None:
    """Only the rows in view are there, wherever one is."""
    shown = Previewer(folder(tmp_path)).look(clock=CLOCK)
    many = [
        shown.cards[0]._replace(
            id=f"c{n}", label=f"number {n}", front=f"number {n}", place=f"a:{n}"
        )
        for n in range(10_000)
    ]
    page = visit(page_html(shown._replace(cards=tuple(many))))
    assert page.text("#count") == "10000 cards"
    page.press("End")
    assert page.seen("front") == "number 9999"
    assert "number 9999" in page.listed()
    assert len(page.listed()) < 60
    page.press("/")
    page.page.keyboard.type("NUMBER a:77")
    assert page.text("#count") == "111 of 10000 cards"
    assert page.listed()[0] == "number 77"


# ------------------------------------------------------------------ the rest of the page


def test_a_reload_keeps_the_place(visit: Callable[..., Visit], tmp_path: Path) -> None:
    """Card, side, theme, width and filters stand in the address."""
    page = visit(page_of(folder(tmp_path)))
    page.page.select_option("#kind", "cloze")
    page.press("Escape")
    page.page.locator("#list").focus()
    page.press("ArrowRight", "Space", "n", "w")
    before = page.state()
    assert {"side": "back", "kind": "cloze"}.items() <= before.items()
    page.page.reload()
    page.wait(f"{DOCUMENT % 'back'}.body?.className")
    assert page.state() == before
    assert page.seen("back") == "Alpha and beta here.\nspec-deck/three"
    assert page.page.input_value("#kind") == "cloze"
    assert page.text("#count") == "2 of 4 cards"


def test_an_address_with_nonsense(visit: Callable[..., Visit], tmp_path: Path) -> None:
    """Whatever stands in the address, there is a card."""
    page = visit(page_of(folder(tmp_path)), hash="#side=up&card=%00&theme=%3Cb%3E&x=y&width=")
    assert page.seen("front") == "Question one?\nHint"


def test_help(visit: Callable[..., Visit], tmp_path: Path) -> None:
    """`?` shows the keys, Escape closes them; meanwhile they do nothing."""
    page = visit(page_of(folder(tmp_path)))
    page.press("?")
    assert page.page.locator("#help").is_visible()
    page.press("ArrowRight", "Escape")
    assert not page.page.locator("#help").is_visible()
    assert page.text("#position") == "1 of 4"
    page.page.click("#help-button")
    page.page.click("#help >> text=Close")
    page.press("Space")
    assert "Answer one" in page.seen("back")


def test_buttons_keep_their_keys(visit: Callable[..., Visit], tmp_path: Path) -> None:
    """Space presses the button that has the focus; after a click it flips the card."""
    page = visit(page_of(folder(tmp_path)))
    page.page.locator("[data-to=night]").focus()
    page.press("Space")
    assert page.seen("back") == ""
    assert page.page.get_attribute("[data-to=night]", "aria-pressed") == "true"
    page.page.click("[data-to=light]")
    page.press("Space")
    assert page.seen("back") != ""


def test_findings_are_on_top(visit: Callable[..., Visit], tmp_path: Path) -> None:
    """Each as a terminal shows it, with its place to copy."""
    notes = NOTES.replace("id: one; ", "")
    permissions = ["clipboard-read", "clipboard-write"]
    page = visit(page_of(folder(tmp_path, notes)), permissions=permissions)
    assert page.text("#findings-summary") == "1 warning"
    assert not page.page.locator("#findings pre").is_visible()
    page.page.click("#findings-summary")
    assert page.text("#findings pre").startswith(
        "warning[missing-id]: the note has no id, so it builds only as a draft\n"
        " --> source/notes.md:1:1\n  |\n1 | Q: Question *one*?\n"
    )
    page.page.click("#findings >> text=Copy")
    page.wait("document.querySelector('#said').textContent")
    assert page.page.evaluate("() => navigator.clipboard.readText()") == "source/notes.md:1:1"


# ------------------------------------------------------------------ people of all kinds


AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")


def violations(page: Page) -> list[str]:
    """What axe-core finds wrong with a page, but not inside of cards, which are decks' own."""
    page.evaluate(AXE)
    found = page.evaluate("() => axe.run(document, { iframes: false })")
    return [f"{each['id']}: {[n['html'] for n in each['nodes']]}" for each in found["violations"]]


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
@pytest.mark.parametrize("theme", ["light", "night"])
def test_the_page_is_accessible(
    visit: Callable[..., Visit], tmp_path: Path, size: dict[str, int], theme: str
) -> None:
    """No fault by axe-core, with findings, list and help open, in both themes and widths."""
    source = folder(tmp_path, NOTES.replace("id: one; ", ""))
    page = visit(page_of(source), size, f"#theme={theme}&side=both", reduced_motion="reduce")
    page.page.click("#findings-summary")
    if size is PHONE:
        page.page.click("#finder-button")
    assert violations(page.page) == []
    page.press("?")
    assert violations(page.page) == []
    page.press("Escape")
    page.page.fill("#q", "nothing like this")
    assert violations(page.page) == []


@pytest.mark.parametrize(
    "size", [PHONE, {"width": 320, "height": 640}, {"width": 640, "height": 400}]
)
def test_nothing_is_cut_off(
    visit: Callable[..., Visit], tmp_path: Path, size: dict[str, int]
) -> None:
    """On a phone, and on a desktop at 200 %, the page scrolls down and never sideways."""
    page = visit(page_of(folder(tmp_path)), size)
    page.page.click("#finder-button")
    width = "document.documentElement.scrollWidth <= innerWidth"
    assert page.page.evaluate(f"() => {width}")
    for selector in ("#q", "#kind", "[data-to=desktop]", "#next", "#copy", "#help-button"):
        box = page.page.locator(selector).bounding_box()
        assert box is not None
        assert box["x"] >= 0 and box["x"] + box["width"] <= size["width"]
    page.press("/")
    page.page.keyboard.type("beta")
    page.press("Escape", "Space")
    assert "Alpha" in page.seen("back")


def test_without_motion(visit: Callable[..., Visit], tmp_path: Path) -> None:
    """Who wants no motion gets none."""
    page = visit(page_of(folder(tmp_path)), reduced_motion="reduce")
    moving = (
        "() => [...document.querySelectorAll('*')].filter(each =>"
        " parseFloat(getComputedStyle(each).transitionDuration) > 0).length"
    )
    assert page.page.evaluate(moving) == 0


# ------------------------------------------------------------------ strangers' packages


HOSTILE = """\
<script>parent.document.title = "script"</script><img src="nowhere.png" alt="lost">
<img src="@/a.png" alt="far" onerror="parent.document.title='onerror'" srcset="@/a2.png 2x">
<b onclick="parent.document.title='onclick'" id="press">press</b>
<a href="javascript:parent.document.title='link'" id="follow" ping="@/ping">follow</a>
<iframe src="@/c"></iframe><object data="@/d"></object><embed src="@/embed">
<link rel="stylesheet" href="@/e.css"><link rel="preconnect" href="@/">
<meta http-equiv="refresh" content="0;@/f"><base href="@/">
<form action="@/g" target="_top"><input type="submit" id="send" formaction="@/g2"></form>
<p style="background: url(@/h.png)">p</p><p style="background: u\\72l(@/h2.png)">p</p>
<style>@import "@/i"; @import url(@/i2);
.page { display: none } p { background: url('@/j.png') } b { background: image-set("@/j2" 1x) }
i { background: u\\72l(@/j3.png) }</style><i>i</i>
<svg><image href="@/k.png"/><use xlink:href="@/k.svg#a"/><script>1</script></svg>
<video poster="@/l.png" autoplay src="@/m.mp4"></video><audio src="@/n.mp3" autoplay></audio>
<picture><source srcset="@/o.png"><img src="@/o2.png" alt="o"></picture>
<table background="@/q.png"><tr><td>q</td></tr></table><math><mi href="@/r">r</mi></math>
<p id="end">the end</p>
"""
STYLES = """\
.card { background: url('a b.png') } @font-face { font-family: f; src: url(_f.woff2) }
@import '@/s.css'; body { --x: url(@/t.png); cursor: u\\72l(@/u.cur), auto }
#desk, .top { display: none !important }
"""


def strangers(root: Path, address: str = "https://example.com") -> Path:
    """A package that tries whatever a card can try, with a picture, a hint and a font."""
    names = (Field("Front", 0), Field("Back", 0))
    template = Template("Card 1", 0, "{{Front}}", "{{Back}} {{hint:Front}}")
    css = STYLES.replace("@/", f"{address}/")
    note_type = NoteType(1, "Theirs", BASIC, names, (template,), css, 1)
    fields = (HOSTILE.replace("@/", f"{address}/"), '<img src="a%20b.png"><img src="a b.png">')
    note = RenderedNote("a'b\"<c", note_type, "D", fields, (), (0,), 1, 1)
    media = (PackagedMedia("a b.png", PEER_PNG), PackagedMedia("_f.woff2", b"no font"))
    package = Package((PackagedDeck("D"),), (note_type,), (note,), media, 1_000_000)
    write_apkg(package, root / "their.apkg")
    return root / "their.apkg"


@pytest.fixture
def listener() -> Iterator[tuple[str, list[str]]]:
    """The address of a server, and what it is asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,)).start()
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
        server.shutdown()


def test_a_stranger_s_card_can_do_nothing(
    browser: Browser, tmp_path: Path, listener: tuple[str, list[str]]
) -> None:
    """No script runs, nobody is asked for anything, and its styles stay inside of its frame.

    Each frame of it is shown, and clicked wherever it can be clicked.
    """
    address, asked = listener
    path = tmp_path / "page.html"
    path.write_text(page_of(strangers(tmp_path, address)), encoding="utf-8")
    context = browser.new_context(viewport=WIDE)  # type: ignore[arg-type]
    page = Visit(context.new_page(), f"{path.as_uri()}#side=both")
    title = page.page.title()
    card = page.page.frame_locator("#front iframe")
    for selector in ("#press", "#follow", "#send"):
        card.locator(selector).click()
    page.page.frame_locator("#back iframe").locator("a.hint").click()
    page.page.wait_for_timeout(300)
    assert page.seen("front").endswith("the end")
    assert page.page.title() == title
    assert asked == []
    assert "far (not loaded)" in page.seen("front")
    assert "lost (not in the package)" in page.seen("front")
    assert page.page.locator("#desk").is_visible()
    assert "have scripts" in page.text("#notices")
    assert page.in_card("front", "page.querySelector('script, iframe, object, base, form')") is None
    # What our script does not see, the policy of the page forbids; it says so in the console.
    refused = [text for text in page.complaints if "font" not in text]
    assert all("Content Security Policy" in text for text in refused)
    page.page.evaluate("address => fetch(address).catch(() => 0)", f"{address}/fetched")
    assert asked == []
    context.close()


def test_a_stranger_s_media_are_shown(browser: Browser, tmp_path: Path) -> None:
    """By their names as written, in styles too; and Anki's hint opens."""
    path = tmp_path / "page.html"
    path.write_text(page_of(strangers(tmp_path)), encoding="utf-8")
    context = browser.new_context(viewport=WIDE)  # type: ignore[arg-type]
    page = Visit(context.new_page(), f"{path.as_uri()}#side=back")
    page.wait(f"[...{DOCUMENT % 'back'}.images].filter(i => i.naturalWidth === 1).length === 2")
    ground = page.in_card("back", "page.defaultView.getComputedStyle(page.body).backgroundImage")
    assert ground.startswith('url("data:image/png;base64,')
    hidden = "page.querySelector('div.hint').style.display"
    assert page.in_card("back", hidden) == "none"
    page.page.frame_locator("#back iframe").locator("a.hint").click()
    assert page.in_card("back", hidden) == "block"
    context.close()


def test_a_link_opens_beside(visit: Callable[..., Visit], tmp_path: Path) -> None:
    """A link of a card never takes the page away."""
    notes = "Q: [a link](https://example.com/x)\n\nA: b\n<!-- id: x -->\n"
    page = visit(page_of(folder(tmp_path, notes)))
    page.page.evaluate("() => { window.open = (...all) => { window.opened = all } }")
    page.page.frame_locator("#front iframe").locator("a").click()
    opened = page.page.evaluate("() => window.opened")
    assert opened == ["https://example.com/x", "_blank", "noopener,noreferrer"]


# ------------------------------------------------------------------ a deck that changes


@pytest.fixture
def watched(browser: Browser, tmp_path: Path) -> Iterator[tuple[Visit, Watch, Path]]:
    """A page that is served, what it shows, and the folder of the deck."""
    source = folder(tmp_path)
    watch = Watch(source)
    with serve(watch) as address:
        context = browser.new_context(viewport=WIDE)  # type: ignore[arg-type]
        page = Visit(context.new_page(), address)
        stop = threading.Event()

        def follow() -> None:
            while not stop.wait(0.02):
                watch.look()

        follower = threading.Thread(target=follow)
        follower.start()
        yield page, watch, source
        stop.set()
        follower.join()
        assert page.complaints == []
        assert all(url.startswith((address, "data:", "about:")) for url in page.requests)
        context.close()


def test_a_save_is_shown_in_place(watched: tuple[Visit, Watch, Path]) -> None:
    """The card changes under the reader's eyes; place, side, theme, filter and focus stay."""
    page, _, source = watched
    page.press("n", "b")
    page.page.select_option("#kind", "basic")
    page.page.locator("#list").focus()
    page.press("ArrowRight")
    loads = len(page.requests)
    notes = source / "notes.md"
    notes.write_text(NOTES.replace("Answer two", "A better answer"), encoding="utf-8")
    page.wait(
        "document.querySelector('#back iframe').contentDocument.body.innerText.includes('better')"
    )
    assert page.seen("front") == "Question two?"
    assert page.text("#position") == "2 of 2"
    assert page.state() | {"side": "both", "theme": "night", "kind": "basic"} == page.state()
    assert page.page.evaluate("() => document.activeElement.id") == "list"
    page.wait("document.querySelector('#said').textContent === '1 card changed'")
    assert len(page.requests) == loads


def test_a_broken_save_shows_its_errors(watched: tuple[Visit, Watch, Path]) -> None:
    """The errors come on top, open, with the last good cards below, and go with the next save."""
    page, _, source = watched
    page.press("ArrowRight")
    notes = source / "notes.md"
    notes.write_text(NOTES.replace("Hint:", "Hnit:"), encoding="utf-8")
    page.wait("document.querySelector('#findings').open")
    assert page.text("#findings-summary") == "1 error"
    assert "error[misspelt-label]" in page.text("#findings pre")
    assert "These cards are from before" in page.text("#notices")
    assert page.seen("front") == "Question two?"
    notes.write_text(NOTES.replace("Question two", "Question 2"), encoding="utf-8")
    page.wait("document.querySelector('#findings').hidden")
    page.wait(
        "document.querySelector('#front iframe').contentDocument.body.innerText.includes('2?')"
    )
    assert page.text("#notices") == ""


def test_cards_come_and_go(watched: tuple[Visit, Watch, Path]) -> None:
    """A card that is gone makes room for the one that has its place; a new file has a filter."""
    page, _, source = watched
    page.press("End")
    (source / "more.md").write_text("Q: new\n\nA: b\n<!-- id: new -->\n", encoding="utf-8")
    page.wait("document.querySelector('#count').textContent === '5 cards'")
    assert page.seen("front") == "new" or page.text("#position") == "5 of 5"
    assert page.page.locator("#group option").count() == 3
    notes = source / "notes.md"
    notes.write_text(re.sub(r"\{\{c2::beta.*?\}\}", "beta", NOTES), encoding="utf-8")
    page.wait("document.querySelector('#count').textContent === '4 cards'")
    assert page.seen("front")


def test_the_server_goes_and_comes_back(browser: Browser, tmp_path: Path) -> None:
    """A page that has lost its server says so, and takes up the next one at that address."""
    source = folder(tmp_path)
    context = browser.new_context(viewport=WIDE)  # type: ignore[arg-type]
    with serve(Watch(source)) as address:
        port = int(address.rstrip("/").rpartition(":")[2])
        page = Visit(context.new_page(), address)
        page.page.route("**/events*", lambda route: route.abort())
        page.page.reload()
        page.wait("document.querySelector('#notices').textContent.includes('not connected')")
        (source / "notes.md").write_text(NOTES.replace("one", "1"), encoding="utf-8")
    with serve(Watch(source), port):
        page.page.unroute("**/events*")
        page.waits_for("front", "1")
        page.wait("document.querySelector('#notices').textContent === ''")
    context.close()
