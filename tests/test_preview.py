"""The page of all cards: what it holds, that it holds nothing else, and the command that writes it.

What it does in a browser is in test_preview_page.py, what `--watch` does in test_watch.py.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from command_helper import CLOCK, environment, run
from deck_helper import DECK_TOML, PEER_PNG
from golden_helper import DECKS, clock_for

from crss_deck import DeckError, PackageError, Source, build_deck, preview, write_apkg
from crss_deck.diagnostics import Report
from crss_deck.note_types import BASIC, CLOZE, Field, NoteType, Template, _read
from crss_deck.output import OutputFolderError
from crss_deck.package import Package, PackagedDeck, PackagedMedia, RenderedNote
from crss_deck.parser import NotesFile, parse_notes
from crss_deck.preview import SCRIPTS, Previewer, page_html, write_preview
from crss_deck.watch import Watch

ROOT = Path(__file__).parents[1]
NOTES = """\
---
tags: [kitchen]
---
Q: What makes dough *rise*?

A: Gas. ![a white pixel](media/peer.png)

Hint: not water
<!-- id: rise; tags: level::recall -->

{{c1::Salt}} and {{c2::flour::white}}, $x^2$.
<!-- id: salt -->
"""


def deck(folder: Path, notes: str = NOTES) -> Path:
    """A deck in the folder `source` of a folder; its path."""
    source = folder / "source"
    (source / "media").mkdir(parents=True)
    (source / "deck.toml").write_text(DECK_TOML, encoding="utf-8")
    (source / "notes.md").write_text(notes, encoding="utf-8", newline="\n")
    if "peer.png" in notes:
        (source / "media" / "peer.png").write_bytes(PEER_PNG)
    return source


def page_of(source: Path) -> str:
    """The page of a source folder or a package."""
    return page_html(Previewer(source).look(clock=clock_for(source)))


def data(page: str) -> dict[str, Any]:
    """What a page tells its script."""
    found = re.findall(r'<script type="application/json" id="deck">(.*?)</script>', page, re.DOTALL)
    assert len(found) == 1
    content: dict[str, Any] = json.loads(found[0])
    return content


def cards(page: str) -> list[dict[str, Any]]:
    """The cards of a page, in its order."""
    content = data(page)
    assert sorted(content["order"]) == sorted(content["cards"])
    return [content["cards"][id] for id in content["order"]]


# ------------------------------------------------------------------ what a page holds


def test_every_card_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each card with both sides, its place, kind, tags and a few words for the list."""
    deck(tmp_path)
    monkeypatch.chdir(tmp_path)
    shown = cards(page_of(Path("source")))
    assert [card["place"] for card in shown] == [
        "source/notes.md:4",
        "source/notes.md:11",
        "source/notes.md:11",
    ]
    assert {card["group"] for card in shown} == {"source/notes.md"}
    assert [card["name"] for card in shown] == ["basic", "cloze 1", "cloze 2"]
    assert [card["kind"] for card in shown] == ["basic", "cloze", "cloze"]
    assert [card["label"] for card in shown] == [
        "What makes dough rise?",
        "[...] and flour, x^2.",
        "Salt and [white], x^2.",
    ]
    assert shown[0]["key"] == "spec-deck/rise"
    assert shown[0]["tags"] == ["Spec::kitchen", "Spec::level::recall"]
    assert "Gas." not in shown[0]["front"]
    assert "Gas." in shown[0]["back"]
    assert "<math " in shown[1]["front"]
    assert not any(card["problem"] for card in shown)


def test_the_fields_templates_and_styles_are_the_package_s(tmp_path: Path) -> None:
    """The style is that of the note types; media are there once each, as data."""
    source = deck(
        tmp_path, NOTES + "\nQ: ![a white pixel](media/peer.png)\n\nA: b\n<!-- id: p -->\n"
    )
    content = data(page_of(source))
    (style,) = content["styles"]
    assert style == _read("style.css")
    (name,) = content["media"]
    assert content["media"][name] == f"data:image/png;base64,{base64.b64encode(PEER_PNG).decode()}"
    page = page_of(source)
    assert page.count(base64.b64encode(PEER_PNG).decode()) == 1
    assert page.count(f'src=\\"{name}\\"') == 3


def test_a_page_needs_nothing_else(tmp_path: Path) -> None:
    """No address but those in the notes, no second file, and a policy that forbids them anyway."""
    page = page_of(deck(tmp_path))
    without_names = page.replace("http://www.w3.org/1998/Math/MathML", "")
    assert not re.search(r"https?://|(?:src|href)=[\"'](?!data:)", without_names)
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'"
    assert "connect-src" not in rules
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert rules["script-src"] == f"'sha256-{digest}'"


@pytest.mark.parametrize("source", [ROOT / "source", *(deck / "source" for deck in DECKS)])
def test_a_deck_gives_the_same_bytes_again(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whenever, from wherever, and however it is named: the deck alone decides."""
    monkeypatch.chdir(source.parent)
    page = page_html(Previewer("source").look())
    assert page_html(Previewer("source").look(clock=clock_for(source))) == page
    assert page_html(Previewer(source).look(clock=clock_for(source))) == page


def test_nothing_of_the_machine_is_on_a_page(tmp_path: Path) -> None:
    """A folder named by its whole path is shown by its own name, in places and in findings."""
    source = deck(tmp_path, NOTES.replace("id: rise; ", ""))
    page = page_of(source)
    assert str(tmp_path) not in page
    assert data(page)["cards"][data(page)["order"][0]]["place"] == "source/notes.md:4"
    (finding,) = data(page)["findings"]
    assert finding.startswith("warning[missing-id]: ")
    assert "\n --> source/notes.md:4:1\n" in finding
    assert data(page)["summary"] == "1 warning"


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
@pytest.mark.parametrize("whole", [False, True])
def test_a_name_that_is_no_text_is_escaped(tmp_path: Path, whole: bool) -> None:
    """As a terminal shows it: in places, in findings and in the news of a watched deck."""
    source = deck(tmp_path, NOTES.replace("id: rise; ", ""))
    folder = source.rename(tmp_path / os.fsdecode(b"n\xff"))
    (folder / "notes.md").rename(folder / os.fsdecode(b"\xfe.md"))
    path = "n\\udcff/\\udcfe.md"
    page = tmp_path / "page.html"
    done = run("preview", str(folder) if whole else folder.name, "-o", str(page), cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, f"{page}\n")
    content = data(page.read_text(encoding="utf-8"))
    assert content["cards"][content["order"][0]]["place"] == f"{path}:4"
    assert f"\n --> {path}:4:1\n" in content["findings"][0]
    watch = Watch(folder)
    folder.rename(source)
    assert watch.look() is not None
    assert page_html(watch.preview).encode().count(b"n\\\\udcff: no such folder") == 1


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_a_package_whose_name_is_no_text(tmp_path: Path) -> None:
    """Its name is shown escaped, where else its version stands."""
    package = build_deck(deck(tmp_path), tmp_path / "build", clock=CLOCK).path
    package = package.rename(tmp_path / os.fsdecode(b"\xff.apkg"))
    write_preview(package, tmp_path / "page.html")
    assert data((tmp_path / "page.html").read_text("utf-8"))["version"] == "\\udcff.apkg"


def test_what_would_end_the_script_is_escaped(tmp_path: Path) -> None:
    """A note cannot break out of the data, whatever it says."""
    text = "`</script><script>alert(1)</script>` <!-- `<!--` \u2028 `]]>`"
    source = deck(tmp_path, f"Q: {text.replace(' <!-- ', ' ')}\n\nA: b\n<!-- id: x -->\n")
    page = page_of(source)
    assert page.count("</script>") == 3
    assert page.count("<!--") == 0
    (card,) = cards(page)
    assert "&lt;/script&gt;&lt;script&gt;alert(1)" in card["front"]
    assert card["label"].startswith("</script><script>alert(1)</script>")


def test_a_title_is_escaped(tmp_path: Path) -> None:
    """The name of a deck is text."""
    source = deck(tmp_path)
    manifest = DECK_TOML.replace('name = "Spec"', 'name = "<b>A & B</b>"')
    (source / "deck.toml").write_text(manifest, encoding="utf-8")
    assert "<title>&lt;b&gt;A &amp; B&lt;/b&gt;</title>" in page_of(source)


# ------------------------------------------------------------------ typed answers and sounds


def only(folder: Path, notes: str) -> list[dict[str, Any]]:
    """The cards of a deck with these notes."""
    return cards(page_of(deck(folder, notes)))


def test_a_typed_answer_is_shown_as_if_nothing_was_typed(tmp_path: Path) -> None:
    """The front has a box, the back the answer as Anki gives it."""
    notes = "Q: a\n\nA: b & c\n<!-- id: x; type-in -->\n\n"
    first, second = only(tmp_path, notes + "{{c1::d}} e {{c1::f}}\n<!-- id: y; type-in -->\n")
    for card, answer in ((first, "b &amp; c"), (second, "d, f")):
        assert "[[type:" not in card["front"] + card["back"]
        assert card["front"].count('<input type="text" id="typeans"') == 1
        assert f"<code id=typeans>{answer}</code>" in card["back"]
    assert first["back"].count("<hr id=answer>") == 1
    assert first["back"].index("<hr id=answer>") < first["back"].index("id=typeans")


TYPES = {BASIC: ("Front", "Back"), CLOZE: ("Text", "Extra")}


def foreign(
    folder: Path, front: str, back: str = "{{Back}}", *fields: str, kind: str = BASIC, css: str = ""
) -> Path:
    """A package as of another tool, with one note."""
    names = tuple(Field(name, 0) for name in TYPES[kind])
    note_type = NoteType(1, "Theirs", kind, names, (Template("Card 1", 0, front, back),), css, 1)
    note = RenderedNote(
        "a&b<c", note_type, "Their::Deck", (*fields, "", "")[:2], ("x",), (0,), 1, 1
    )
    media = (PackagedMedia("a b.mp3", b"\xff\xfb"), PackagedMedia("_f.woff2", b"font"))
    package = Package((PackagedDeck("Their::Deck"),), (note_type,), (note,), media, 1_000_000)
    write_apkg(package, folder / "their.apkg")
    return folder / "their.apkg"


def test_sounds_have_players(tmp_path: Path) -> None:
    """A sound becomes a player that plays nothing by itself, a video too; speech is named."""
    front = "{{Front}}{{tts en_US:Back}}"
    source = foreign(tmp_path, front, "{{FrontSide}}", "[sound:a b.mp3][sound:v.mp4]", "say <b>it")
    (card,) = cards(page_of(source))
    for side in (card["front"], card["back"]):
        assert '<audio controls preload="none" src="a b.mp3"></audio>' in side
        assert '<video controls preload="none" src="v.mp4"></video>' in side
        assert "spoken: say it" in side
    assert data(page_of(source))["media"]["a b.mp3"] == "data:audio/mpeg;base64,//s="
    assert data(page_of(source))["media"]["_f.woff2"] == "data:font/woff2;base64,Zm9udA=="


@pytest.mark.parametrize(
    ("front", "back", "shown"),
    [
        ("{{Front}}{{type:Back}}", "{{FrontSide}}<hr id=answer>{{Back}}", "box"),
        ("{{Front}}{{type:Nope}}", "{{Back}}", "problem"),
        ("{{Front}}{{type:Tags}}", "{{FrontSide}}", "There is no field Tags to type."),
        ("{{Front}}{{type:cloze:Front}}", "{{FrontSide}}", "There is no cloze to type."),
        ("{{Front}}", "{{Back}}[[type:Back]]", "nothing"),
    ],
)
def test_what_can_be_typed(tmp_path: Path, front: str, back: str, shown: str) -> None:
    """A box where there is something to type, a word where there is not."""
    (card,) = cards(page_of(foreign(tmp_path, front, back, "a", "b")))
    assert "[[type" not in card["front"] + card["back"]
    match shown:
        case "box":
            assert "<input" in card["front"]
            assert card["back"] == "a<hr id=answer><div><code id=typeans>b</code></div>b"
        case "problem":
            assert card["problem"]
        case "nothing":
            assert card["back"] == "b"
        case _:
            assert shown in card["front"]
            assert card["back"] == "a"


# ------------------------------------------------------------------ packages


def test_a_package_shows_the_same_cards(tmp_path: Path) -> None:
    """A built package gives the cards of its source, without places."""
    source = deck(tmp_path)
    package = build_deck(source, tmp_path / "build", clock=CLOCK).path
    ours, theirs = cards(page_of(source)), cards(page_of(package))
    sides = ("label", "front", "back", "key", "name", "tags")
    assert [[c[s] for s in sides] for c in theirs] == [[c[s] for s in sides] for c in ours]
    assert {card["place"] for card in theirs} == {""}
    assert {card["group"] for card in theirs} == {"Spec"}
    content = data(page_of(package))
    assert (content["title"], content["grouping"]) == ("Spec", "Deck")
    assert content["version"] == "spec-deck-1.0.0+draft.apkg"


def test_a_package_of_another_tool(tmp_path: Path) -> None:
    """Any package is shown: unknown filters as in Anki, without a key or a place."""
    source = foreign(tmp_path, "{{furigana:Front}} {{cool:Back}}", "{{Back}}", "漢字[かんじ]", "b")
    (card,) = cards(page_of(source))
    assert card["front"] == "<ruby><rb>漢字</rb><rt>かんじ</rt></ruby> b"
    assert (card["key"], card["place"], card["kind"]) == ("", "", "basic")
    assert card["group"] == "Their::Deck"


def test_a_card_that_anki_cannot_show_is_marked(tmp_path: Path) -> None:
    """A faulty template says what is wrong with it."""
    (card,) = cards(page_of(foreign(tmp_path, "{{Nope}}")))
    assert "{{Nope}}" in card["problem"]


@pytest.mark.parametrize(
    ("front", "field", "told"),
    [
        ("{{Front}}<script>x()</script>", "a", True),
        ('{{Front}}<b onclick="x()">c</b>', "a", True),
        ("{{Front}}", "<img src=x onerror=x()>", True),
        ("{{Front}}", '<a href="javascript:x()">a</a>', True),
        ("{{Front}}", "only = a word", False),
        ("{{Front}}", "a &lt;script&gt; is text", False),
        ('{{Front}}<b class="on">c</b>', "a", False),
    ],
)
def test_scripts_are_told(tmp_path: Path, front: str, field: str, told: bool) -> None:
    """Where scripts would act in Anki, the page says that they do not here."""
    notices = data(page_of(foreign(tmp_path, front, "{{Back}}", field)))["notices"]
    assert notices == ([SCRIPTS] if told else [])


def test_our_own_cards_have_no_scripts(tmp_path: Path) -> None:
    """So nothing is said of them."""
    assert data(page_of(deck(tmp_path)))["notices"] == []
    assert data(page_of(ROOT / "source"))["notices"] == []


def test_two_notes_of_one_guid_are_two_cards(tmp_path: Path) -> None:
    """A package of another tool may have them."""
    names = tuple(Field(name, 0) for name in TYPES[BASIC])
    note_type = NoteType(1, "T", BASIC, names, (Template("C", 0, "{{Front}}", "{{Back}}"),), "", 1)
    notes = [RenderedNote("same", note_type, "D", (t, "b"), (), (0,), 1, 1) for t in ("x", "y")]
    write_apkg(
        Package((PackagedDeck("D"),), (note_type,), tuple(notes), (), 1_000_000),
        tmp_path / "a.apkg",
    )
    assert sorted(card["label"] for card in cards(page_of(tmp_path / "a.apkg"))) == ["x", "y"]


# ------------------------------------------------------------------ long and odd texts


def test_a_label_shows_the_hole(tmp_path: Path) -> None:
    """Of a long text the list has the part that is asked."""
    words = " ".join(f"word{n}" for n in range(60))
    card, _ = only(tmp_path, f"{words} {{{{c1::hidden}}}} and {{{{c2::more}}}}.\n<!-- id: x -->\n")
    assert card["label"].startswith("… word")
    assert card["label"].endswith("[...] and more.")
    assert len(card["label"]) < 160


def test_a_label_leaves_out_what_is_not_seen(tmp_path: Path) -> None:
    """Pictures are named, sounds marked, hints and boxes left out."""
    notes = "Q: a ![pixel](media/peer.png) **b**\n\nA: c\n\nHint: d\n<!-- id: x; type-in -->\n"
    (card,) = only(tmp_path, notes)
    assert card["label"] == "a pixel b"


# ------------------------------------------------------------------ only what has changed


def test_what_has_not_changed_is_not_parsed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two files, only the changed one is parsed again; the result is as of a fresh look."""
    source = deck(tmp_path)
    (source / "other.md").write_text("Q: run-on\nA: b\n<!-- id: other -->\n", encoding="utf-8")
    parsed: list[str] = []

    def counted(source: Source, report: Report) -> NotesFile:
        parsed.append(source.path.rpartition("/")[2])
        return parse_notes(source, report)

    monkeypatch.setattr(preview, "parse_notes", counted)
    previewer = Previewer(source)
    first = previewer.look(clock=CLOCK)
    assert parsed == ["notes.md", "other.md"]
    assert previewer.look(clock=CLOCK + 1)._replace(diagnostics=()) == first._replace(
        diagnostics=()
    )
    assert parsed == ["notes.md", "other.md"]
    (source / "notes.md").write_text(NOTES.replace("Gas.", "Air."), encoding="utf-8")
    changed = previewer.look(clock=CLOCK + 2)
    assert parsed == ["notes.md", "other.md", "notes.md"]
    fresh = Previewer(source).look(clock=CLOCK + 2)
    assert changed._replace(diagnostics=()) == fresh._replace(diagnostics=())
    rules = [[d.rule.name for d in each.diagnostics] for each in (changed, fresh)]
    assert rules[0] == rules[1]
    assert "run-on-labels" in rules[0]


# ------------------------------------------------------------------ errors


def test_a_deck_with_errors_writes_nothing(tmp_path: Path) -> None:
    """The page of before stays."""
    source = deck(tmp_path, "Q: a\n")
    page = tmp_path / "page.html"
    page.write_text("old")
    with pytest.raises(DeckError):
        write_preview(source, page, clock=CLOCK)
    assert page.read_text() == "old"


def test_a_page_never_lands_in_the_deck(tmp_path: Path) -> None:
    """Nor does it overwrite the package that it shows."""
    source = deck(tmp_path)
    with pytest.raises(OutputFolderError):
        write_preview(source, source / "page.html")
    package = build_deck(source, tmp_path / "build", clock=CLOCK).path
    before = package.read_bytes()
    with pytest.raises(FileExistsError):
        write_preview(package, package)
    assert package.read_bytes() == before


def test_a_file_that_is_no_package(tmp_path: Path) -> None:
    """It is named as such."""
    (tmp_path / "x.apkg").write_text("no")
    with pytest.raises(PackageError):
        Previewer(tmp_path / "x.apkg").look()


# ------------------------------------------------------------------ the command


def test_the_command_writes_a_page(tmp_path: Path) -> None:
    """Its path is printed on stdout, a line about it on stderr; twice gives the same bytes."""
    deck(tmp_path)
    done = run("preview", cwd=tmp_path)
    page = tmp_path / "build" / "preview.html"
    assert (done.returncode, done.stdout) == (0, "build/preview.html\n")
    assert done.stderr == "previewed 3 cards\n"
    first = page.read_bytes()
    assert len(cards(first.decode())) == 3
    done = run("preview", "source", "-o", "else/where.html", "-q", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "else/where.html\n", "")
    assert (tmp_path / "else" / "where.html").read_bytes() == first


def test_the_command_shows_a_package(tmp_path: Path) -> None:
    """Instead of a folder it takes a package."""
    build_deck(deck(tmp_path), tmp_path / "build", clock=CLOCK)
    done = run("preview", "build/spec-deck-1.0.0+draft.apkg", "-o", "page.html", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "page.html\n")
    assert len(cards((tmp_path / "page.html").read_text(encoding="utf-8"))) == 3


def test_the_command_shows_findings(tmp_path: Path) -> None:
    """Warnings stand on stderr and on the page; errors end it with exit code 1."""
    deck(tmp_path, "Q: a\n\nA: b\n")
    done = run("preview", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stderr.startswith("warning[missing-id]")
    page = (tmp_path / "build" / "preview.html").read_text(encoding="utf-8")
    assert data(page)["findings"][0] == done.stderr.partition("\n\n")[0]
    (tmp_path / "source" / "notes.md").write_text("Q: a\n", encoding="utf-8")
    done = run("preview", "-o", "none.html", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error[question-without-answer]")
    assert not (tmp_path / "none.html").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "error: nowhere: no such folder\n"),
        (["source/notes.md"], "error: source/notes.md: not a deck package"),
        (["-o", ""], "-o names no file."),
        (["-o", "source/x.html"], "inside the source folder"),
        (["-o", "media"], "a folder has that name"),
        (["--watch", "-o", "x.html"], "--watch writes no file"),
        (["--port", "8000"], "--port goes with --watch."),
        (["--watch", "--port", "70000"], "70000"),
        (["--watch", "nowhere"], "error: nowhere: no such folder\n"),
    ],
)
def test_wrong_use(arguments: list[str], said: str, tmp_path: Path) -> None:
    """Exit 2, one word on why, no traceback."""
    deck(tmp_path)
    (tmp_path / "media").mkdir()
    done = run("preview", *arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr.replace("\\", "/")
    assert "Traceback" not in done.stderr


def test_no_formula_no_converter(tmp_path: Path) -> None:
    """Who has no formulas does not wait for latex2mathml."""
    deck(tmp_path, "Q: a\n\nA: b\n<!-- id: x -->\n")
    done = run("preview", cwd=tmp_path, env=environment(PYTHONPROFILEIMPORTTIME="1"))
    assert done.returncode == 0
    assert "crss_deck.formulas" in done.stderr
    assert "latex2mathml" not in done.stderr
