"""What holds for every input, whoever wrote it: tried on hundreds of files that nobody wrote."""

from __future__ import annotations

import random
import re
import tempfile
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import nh3
import pytest
from anki.collection import Collection
from anki.models import NotetypeId
from anki_helper import import_package, new_collection, visible_text
from deck_helper import DECK_TOML, PEER_PNG, small_deck
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from notes_maker import WORD, Maker, cloze_files, files, wild_files, with_words

from crss_deck import Compilation, Diagnostic, Package, compile_deck, read_apkg, write_apkg
from crss_deck.apkg import package_bytes
from crss_deck.inlines import INLINE_TAGS
from crss_deck.model import ClozeNote, Note
from crss_deck.package import RenderedNote

CLOCK = 1_700_000_000


def compiled(text: str) -> Compilation:
    """What comes of a deck with this notes file; a failing test prints its argument."""
    return compile_deck(small_deck({"notes.md": text}), clock=CLOCK)


def package_of(text: str) -> Package:
    """The package of a notes file; a file that has errors is no example."""
    package = compiled(text).package
    assume(package is not None)
    assert package is not None
    return package


def test_well_formed_files_are_well_formed() -> None:
    """Most of the files made for these tests compile, so the tests below do test something."""
    tapes = random.Random(1)
    good = 0
    for _ in range(100):
        maker = Maker(tapes.randbytes(300))
        text = with_words(maker.file(maker.basic, maker.cloze_note))
        good += compiled(text).package is not None
    assert good > 80


# ------------------------------------------------------------------ nothing is raised


def compile_any(files: dict[str, str | bytes]) -> None:
    """Compile files of which nothing is known: there is a package or there are errors."""
    try:
        folder = small_deck(files)
    except UnicodeEncodeError:  # no text that a file could hold
        assume(False)
    result = compile_deck(folder, clock=CLOCK)
    assert (result.package is None) == bool(result.errors)
    for diagnostic in result.diagnostics:
        check_spans(diagnostic)


def check_spans(diagnostic: Diagnostic) -> None:
    """All places of a finding lie in their sources, and none is reversed."""
    for span in (diagnostic.span, *(related.span for related in diagnostic.related)):
        if span is not None:
            assert 0 <= span.start <= span.end <= len(span.source.text), diagnostic
            assert span.source.path, diagnostic


@given(wild_files | files | st.text())
def test_any_text_compiles_or_is_explained(text: str) -> None:
    """A notes file raises nothing: it becomes a package, or has at least one error."""
    compile_any({"notes.md": text})


@given(st.binary() | wild_files.map(lambda text: text.encode("utf-16")))
def test_any_bytes_compile_or_are_explained(content: bytes) -> None:
    """A notes file of any bytes raises nothing."""
    compile_any({"notes.md": content})


# fmt: off
TOML = (
    "format = 1\n", "id = ", "name = ", "version = ", '"a-b"', '"A::B"', '"1.0.0"', '"x\\u0000"',
    '"\\ud800"', "[source]\n", "\n", "title = ", "url = ", "authors = ", '["a"]', "[[", "]]",
    "tag_root = ", "language = ", "'", '"', '"""', "12", "1979-05-27", "inf", "true", "{ a = 1 }",
    "description = ", '"notes.md"', '"../x.md"', "license = ", "homepage = ", "#", "\x00", "é",
    "\\", "=", ".", "nmae = ", "[check]\n", "ignore = ", "select = ", '["missing-id"]',
    '["no-rule"]', "source = ", '"https://e.org"', "9" * 5000, "0x" + "f" * 9000,
)
YAML = (
    "tags: ", "source: ", "deck: ", "tgas: ", "[", "]", "a", ", ", "a::b", "\n", "\n", "- ", ": ",
    "#", " # ", '"', "'", "&a ", "*a", "!!python/object:os.system ", "!t ", "{", "}", "? ", "|\n",
    ">\n", '"\\ud800"', '"\\u0000"', '"\\x1f"', "\t", "---\n", "...\n", "%YAML 1.1\n", "<<: ",
    "~", "null", "1.10", "NO", "é", "  ", "\u2028", "\x85", "§",
)
# fmt: on
FORMAT_1 = 'format = 1\nid = "a"\nname = "A"\nversion = "1.0.0"\n'


@given(st.sampled_from(("", FORMAT_1)), st.lists(st.sampled_from(TOML)).map("".join) | st.text())
def test_any_manifest_compiles_or_is_explained(head: str, text: str) -> None:
    """A deck.toml raises nothing, whatever it says, and its faults lie within it."""
    compile_any({"deck.toml": head + text, "notes.md": "Q: a\n\nA: b\n<!-- id: x -->\n"})


@given(st.lists(st.sampled_from(YAML)).map("".join) | st.text())
def test_any_front_matter_compiles_or_is_explained(text: str) -> None:
    """Front matter raises nothing, whatever it says, and its faults lie within it."""
    compile_any({"notes.md": f"---\n{text}\n---\nQ: a\n\nA: b\n<!-- id: x -->\n"})


@given(st.text() | wild_files, wild_files)
def test_any_description_compiles(description: str, notes: str) -> None:
    """The overview page may hold any text: it is no notes file, so nothing in it is a fault."""
    manifest = FORMAT_1 + 'description = "notes.md"\n'
    compile_any({"deck.toml": manifest, "notes.md": description, "more.md": notes})


# ------------------------------------------------------------------ spans

_LABEL = r"(?:Q|A|C|Hint|Extra|Accept|Source):"
_NEAR_LABEL = r"[*_`]*\w+[*_`]*\s*[:：][*_`]*"
_CLOZE = r"\{\{c[0-9]+::.*\}\}"
_OPENING = r"\{\{c[0-9]+::"
_TAG = r"<.*>"
_IMAGE = r"!\[.*[\])]"
_MATH = r"\$.*\$"
_BLOCK = r"\S.*\S|\S"
COVERED = {
    "anki-syntax": r"\[(?i:sound|anki):.*\]",
    "block-on-label-line": r"(?:[-+*>|`~]|[0-9]).*",
    "brace-run": r"\{{3,}|\}{3,}",
    "cloze-in-literal": rf"{_OPENING}|.*\{{\{{c[0-9]+::.*|.*%7B.*|.*&.*",
    "cloze-nesting": _OPENING,
    "cloze-number": _OPENING,
    "cloze-without-deletion": rf"{_NEAR_LABEL}.*",
    "control-character": r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]|.*\\.*",
    "crossing-cloze": _OPENING,
    "duplicate-key": r"[a-z0-9-]+",
    "duplicate-label": _NEAR_LABEL,
    "duplicate-metadata": r"(?:id|was|tags|claims|reversed|type-in).*",
    "empty-cloze": _CLOZE,
    "empty-field": rf"{_NEAR_LABEL}|{_BLOCK}",
    "footnote": r"\[\^.*\].*",
    "foreign-syntax": r"~.*~|\[\[.*\]\]|\[.*\]|\\[(\[].*\\[)\]]|\$`.*\$|(?:`{3,}|~{3,})\s*math.*",
    "front-matter-key": r".+",
    "front-matter-place": "---",
    "front-matter-syntax": r".+",
    "front-matter-value": r".+",
    "html-block": r"<.*",
    "image-without-alt": _IMAGE,
    "invalid-key": r".+",
    "invalid-claim": r"\S+",
    "invalid-tag": r"\S+",
    "invisible-character": r".",
    "label-of-other-kind": _NEAR_LABEL,
    "label-without-note": _NEAR_LABEL,
    "link-target": r"\[.*[\])]|<.*>",
    "literal-braces": r"\{\{",
    "math-delimiter": _MATH,
    "misplaced-label": _LABEL,
    "misplaced-metadata": r"<!--.*-->",
    "missing-id": r"\S.*",
    "missing-media": _IMAGE,
    "misspelt-cloze": r"\{.*:",
    "misspelt-label": _NEAR_LABEL,
    "nested-comment": "<!--",
    "nesting-too-deep": r".",
    "number-in-paragraph": r"[0-9]+[.)]",
    "outside-media": _IMAGE,
    "prose-math": _MATH,
    "question-without-answer": _NEAR_LABEL,
    "raw-html": _TAG,
    "remote-media": _IMAGE,
    "reserved-label": r"(?:Why|Example|Instead|Context|Choices|Audio|Image|Mnemonic|Note):",
    "reversed-cloze": "reversed",
    "run-on-labels": _NEAR_LABEL,
    "stray-cloze": rf"{_CLOZE}|{_BLOCK}",
    "subdeck-spelling": r".+",
    "tag-spelling": r"\S+",
    "type-in-answer": r"type-in.*",
    "unbalanced-html": _TAG,
    "unbalanced-math": _MATH,
    "unclosed-cloze": _OPENING,
    "unclosed-comment": "<!--",
    "unclosed-fence": r"(?:`{3,}|~{3,}).*",
    "unclosed-math": r"\$.*",
    "unnumbered-cloze": r"\{\{.+\}\}",
    "unopened-cloze": r"\}\}",
    "unsupported-media": _IMAGE,
    "unused-allow": r"allow:.*",
    "unused-link-definition": r"\[.*\]:.*",
}
"""What the text under the mark of a rule looks like; of any other rule, it has no blank ends."""


@given(wild_files | wild_files | files)
def test_a_finding_covers_what_it_is_about(text: str) -> None:
    """The text under the mark of every finding is of the kind that its rule is about."""
    for diagnostic in compiled(text).diagnostics:
        check_spans(diagnostic)
        if diagnostic.span is not None:
            covered = diagnostic.span.text
            pattern = COVERED.get(diagnostic.rule.name, _BLOCK)
            assert re.fullmatch(pattern, covered, re.DOTALL), (str(diagnostic), covered)


FAULTS = (
    ("foreign-syntax", "[[wiki]]", ""),
    ("foreign-syntax", "~tilde~", ""),
    ("foreign-syntax", "[latex]", ""),
    ("footnote", "[^note]", ""),
    ("link-target", "[link](nowhere)", ""),
    ("missing-media", "![image](none.png)", ""),
    ("raw-html", "<b>", ""),
    ("unbalanced-html", "</u>", ""),
    ("misspelt-cloze", "{{C8::", "x}}"),
    ("cloze-number", "{{c0::", "x}}"),
    ("control-character", "\x01", ""),
    ("invisible-character", "\u202e", ""),
)
"""Faults: the rule, the text under its mark, and what has to follow."""
HOLDERS = (
    "Q: x\n\nA: {} z\n",
    "Q: x\n\nA: first\n\tsecond {} z\n",
    "Q: x\n\nA:\n\n- y\n  1. {} z\n     third\n",
    "Q: x\n\nA:\n\n> y\n> > {} z\n",
    "C: {{{{c9::w}}}}\n\n| a | b \\| c |\n| --- | --- |\n| x \\| y | z \\| {} z |\n",
    "# {} #\n\nQ: x\n\nA: y\n",
    "   ##   {} z\n\nQ: x\n\nA: y\n",
    "x {{{{c9::y {} z::h}}}}\n",
    "C: **x *{} z* y** {{{{c9::z}}}}\n",
)


@settings(max_examples=400)
@given(
    tapes=st.tuples(st.binary(min_size=20, max_size=20), st.binary(min_size=20, max_size=20)),
    stray=st.sampled_from(("", "**c*** ", "__c_ ", "~~c~~ **d** ", "*** ", "\\*&amp; ")),
    fault=st.sampled_from(FAULTS),
    holder=st.sampled_from(HOLDERS),
)
def test_a_fault_is_found_at_its_place(
    tapes: tuple[bytes, bytes], stray: str, fault: tuple[str, str, str], holder: str
) -> None:
    """A fault anywhere in a line, among any good text, is marked to the letter."""
    rule, marked, rest = fault
    before, after = (with_words(Maker(tape).words()) for tape in tapes)
    before = f"{before} {stray}".rstrip()
    good = f"{holder.format(f'{before} {after}')}<!-- id: x -->\n"
    # A dollar of a price may pair with one of a formula: then both texts are a formula.
    assume(not compiled(good).errors and "$5 and $6" not in before)
    place = good.index(f"{before} {after}") + len(before) + 1
    faulty = f"{good[:place]}{marked}{rest} {good[place:]}"
    if "#" in holder and rule in ("cloze-number", "misspelt-cloze"):
        rule = "cloze-in-literal" if rule == "cloze-number" else rule
    found = [
        (d.rule.name, d.span.start, d.span.text) for d in compiled(faulty).diagnostics if d.span
    ]
    assert (rule, place, marked) in found


@given(wild_files | files)
def test_findings_are_sorted_by_place(text: str) -> None:
    """Findings come in the order of the file, none of them twice."""
    found = [
        (-1 if d.span is None else d.span.start, d.rule.name, d.message)
        for d in compiled(text).diagnostics
        if d.source.path == "notes.md"
    ]
    assert [place for place, *_ in found] == sorted(place for place, *_ in found)
    assert len(set(found)) == len(found)


@given(files | wild_files)
def test_a_deletion_cuts_its_own_mark(text: str) -> None:
    """The span of a deletion is `{{cN::text}}` or `{{cN::text::hint}}` in the file, no more."""
    deck = compiled(text).deck
    assume(deck is not None)
    assert deck is not None
    for note in deck.notes:
        for deletion in note.deletions if isinstance(note, ClozeNote) else ():
            hint = f"::{deletion.hint}" if deletion.hint else ""
            assert deletion.span.text == f"{{{{c{deletion.number}::{deletion.text}{hint}}}}}"
            assert note.common.span.start <= deletion.span.start
            assert deletion.span.end <= note.common.span.end


@given(files)
def test_notes_and_blocks_lie_in_order(text: str) -> None:
    """Notes do not overlap, a note holds its blocks, and a block's span has no blank ends."""
    deck = compiled(text).deck
    assume(deck is not None)
    assert deck is not None
    behind = 0
    for note in deck.notes:
        span = note.common.span
        assert behind <= span.start < span.end <= len(text)
        behind = span.end
        for block in _blocks(note):
            assert span.start <= block.span.start < block.span.end <= span.end
            assert block.span.text == block.span.text.strip()


def _blocks(note: Note) -> Iterator[Any]:
    yield from note.text if isinstance(note, ClozeNote) else (*note.front, *note.back)
    common = note.common
    yield from (*common.hint, *common.extra, *common.accept, *common.citation)


# ------------------------------------------------------------------ the same bytes


@given(files | wild_files, st.sampled_from(("\r\n", "\r")), st.booleans())
def test_line_ends_and_a_bom_change_nothing(text: str, line_end: str, bom: bool) -> None:
    """LF, CRLF, CR, with a byte order mark or without: the same findings and the same bytes."""
    text = text.replace("\r", "").lstrip("\ufeff")
    first = compiled(text)
    variant = {
        path: (("\ufeff" if bom else "") + content.replace("\n", line_end)).encode()
        for path, content in (("notes.md", text), ("deck.toml", DECK_TOML))
    }
    second = compile_deck(small_deck(variant), clock=CLOCK)
    assert list(map(str, first.diagnostics)) == list(map(str, second.diagnostics))
    assert (first.package is None) == (second.package is None)
    if first.package and second.package:
        assert package_bytes(first.package) == package_bytes(second.package)


@given(
    st.dictionaries(
        st.sampled_from(
            ("a.md", "b.md", "B.md", "a/b.md", "a-b.md", "é.md", "e\u0301/x.md", "a/a/z.md")
        ),
        files,
        min_size=2,
        max_size=4,
    ),
    st.randoms(use_true_random=False),
)
def test_the_order_of_files_changes_nothing(decks: dict[str, str], shuffle: random.Random) -> None:
    """Files in any order give the same findings and the same bytes."""
    contents = {
        path: WORD.sub(rf"\g<0>{number}", text) for number, (path, text) in enumerate(decks.items())
    }
    shuffled = list(contents.items())
    shuffle.shuffle(shuffled)
    first = compile_deck(small_deck(contents), clock=CLOCK)
    second = compile_deck(small_deck(dict(shuffled)), clock=CLOCK)
    assert first.diagnostics != () or first.package is not None
    assert list(map(str, first.diagnostics)) == list(map(str, second.diagnostics))
    assert (first.package is None) == (second.package is None)
    if first.package and second.package:
        assert package_bytes(first.package) == package_bytes(second.package)


# ------------------------------------------------------------------ nothing is lost


@given(files | files | wild_files)
def test_every_word_of_a_note_reaches_a_field_or_a_finding(text: str) -> None:
    """What an author wrote in a note is in a field or a tag of it, or under a finding's mark."""
    result = compiled(text)
    assume(result.package is not None)
    assert result.package is not None and result.deck is not None
    spans = [(d.span.start, d.span.end) for d in result.diagnostics if d.span is not None]
    for note, rendered in zip(result.deck.notes, result.package.notes, strict=True):
        span = note.common.span
        stored = " ".join((*rendered.fields, *rendered.tags, rendered.deck))
        kept = unescape(re.sub(r"</?span[^>]*>", "", stored))
        kept = unicodedata.normalize("NFD", kept)
        # An audio file's text is for viewers of the Markdown only; comments are for authors only.
        hidden = [
            match.span()
            for pattern in (r"<!--(?! id:).*?-->", r"!\[[^\]]*\]\(media/hello\.mp3", r"allow: .*")
            for match in re.compile(pattern, re.DOTALL).finditer(text)
        ]
        for word in WORD.finditer(text, span.start, span.end):
            covered = any(start <= word.start() < end for start, end in (*spans, *hidden))
            assert covered or word[0] in kept, (word[0], rendered.fields)


@given(files)
def test_a_heading_reaches_the_notes_below_it(text: str) -> None:
    """The words of a heading are in the context of every note up to the next heading."""
    result = compiled(text)
    assume(result.package is not None)
    assert result.package is not None and result.deck is not None
    headings = [*re.compile(r"^# Heading (w[a-j]+w)$", re.MULTILINE).finditer(text)]
    for note, rendered in zip(result.deck.notes, result.package.notes, strict=True):
        above = [each[1] for each in headings if each.start() < note.common.span.start]
        assert field(rendered, "Context") == (f"Heading {above[-1]}" if above else "")


def field(note: RenderedNote, name: str) -> str:
    """A field of a note by its name."""
    return note.fields[[each.name for each in note.note_type.fields].index(name)]


# ------------------------------------------------------------------ clozes, as Anki sees them


@contextmanager
def scratch_collection() -> Iterator[Collection]:
    """An empty collection that is thrown away."""
    with tempfile.TemporaryDirectory() as folder, new_collection(Path(folder)) as collection:
        yield collection


@pytest.fixture(scope="module")
def cloze_numbers() -> Iterator[Callable[[str], list[int]]]:
    """Anki's own opinion on which cloze numbers a field holds."""
    with scratch_collection() as collection:
        note_type = collection.models.by_name("Cloze")
        assert note_type is not None
        note = collection.new_note(note_type)

        def ask(html: str) -> list[int]:
            note.fields[0] = html
            return sorted(collection._backend.cloze_numbers_in_note(note._to_backend_note()))

        yield ask


@given(text=cloze_files | files | wild_files)
def test_cards_are_those_that_anki_counts(
    text: str, cloze_numbers: Callable[[str], list[int]]
) -> None:
    """A cloze note has a card for each number Anki finds in Text; no other field has any."""
    for note in package_of(text).notes:
        for name, html in zip(
            (each.name for each in note.note_type.fields), note.fields, strict=True
        ):
            numbers = [ordinal + 1 for ordinal in note.cards] if name == "Text" else []
            assert cloze_numbers(html) == numbers, (name, html)


# ------------------------------------------------------------------ safe, whole HTML

# fmt: off
TAGS = {
    *INLINE_TAGS, "a", "blockquote", "code", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr",
    "img", "li", "ol", "p", "pre", "s", "span", "strong", "table", "tbody", "td", "th", "thead",
    "tr", "ul",
}
# fmt: on
"""Every element that a field may hold."""
ATTRIBUTES = {
    "a": {"href", "title"},
    "img": {"src", "alt", "title"},
    "ol": {"start"},
    "span": {"class"},
    "td": {"class"},
    "th": {"class"},
}


class _Events(HTMLParser):
    """A page as a list of tags, attributes and text."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.events: list[object] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.events.append((tag, sorted(attrs)))

    def handle_endtag(self, tag: str) -> None:
        self.events.append(f"/{tag}")

    def handle_data(self, data: str) -> None:
        if self.events and isinstance(self.events[-1], list):
            self.events[-1].append(data)
        else:
            self.events.append([data])


def events(html: str) -> list[object]:
    """The tags and the text of a piece of HTML, however they are written."""
    return [
        "".join(each) if isinstance(each, list) else each for each in _Events(html).events if each
    ]


@given(files | wild_files)
def test_html_is_safe_and_whole(text: str) -> None:
    """A sanitizer that knows just our elements and attributes finds nothing to drop or mend."""
    for note in package_of(text).notes:
        for html in note.fields:
            cleaned = nh3.clean(
                html,
                tags=TAGS,
                attributes=ATTRIBUTES,
                url_schemes={"http", "https", "mailto", "tel"},
                link_rel=None,
                strip_comments=False,
            )
            assert events(cleaned) == events(html), (html, cleaned)


# ------------------------------------------------------------------ what is written is read


@given(files)
def test_a_package_is_read_back_as_it_was(text: str) -> None:
    """Reading a written package gives the same decks, types, notes, cards, media and dates."""
    package = package_of(text)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "deck.apkg"
        write_apkg(package, path)
        assert read_apkg(path) == package


# ------------------------------------------------------------------ what is written is shown

# fmt: off
LITERALS = (
    r"\(x\)", r"\[x\]", "{{c1::", "}}", "::", "{{", "[sound:a.mp3]", "[latex]", "[/latex]", r"\(",
    r"\)", r"\[", "[$]", "[[type:Text]]", "[anki:play:q:0]", "&#123;", "&amp;", "<b>", "-->",
    "<!--", "c2::", "x", " ", "\\",
)
# fmt: on
_literal = st.one_of(
    st.text(st.sampled_from("{}{}:[]\\()$<>&;\"'`c1 x#23lat"), min_size=1, max_size=12),
    st.lists(st.sampled_from(LITERALS), min_size=1, max_size=6).map("".join),
)


FORMS: dict[str, tuple[Callable[[str], str], Callable[[str], str]]] = {
    "code": (lambda text: _as_code(text), lambda text: f"`{text}`"),
    "escapes": (lambda text: re.sub(r"([!-'*-/:-@\[\\^-`{-~])", r"\\\1", text), lambda text: text),
    "references": (lambda text: "".join(f"&#{ord(char)};" for char in text), lambda text: text),
    "alt text": (
        lambda text: f"![{''.join(f'&#{ord(char)};' for char in text)}](media/peer.png)",
        lambda text: f"«{text}»",
    ),
    "math": (lambda text: f"$x{text}y$", lambda text: f"⟨x{text}y⟩"),
}
"""Ways to write a literal text, and what a card then shows."""


def _as_code(text: str) -> str:
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence} {text} {fence}"


@pytest.fixture(scope="module")
def shown() -> Iterator[Callable[[RenderedNote], tuple[str, str]]]:
    """The question and the answer of a note, as the real Anki renders its first card."""
    both = "Q: a\n\nA: b\n<!-- id: x -->\n\n{{c1::c}}\n<!-- id: y -->\n"
    with scratch_collection() as collection:
        path = Path(collection.path).with_name("deck.apkg")
        package = compiled(both).package
        assert package is not None
        write_apkg(package, path)
        import_package(collection, path)

        def show(note: RenderedNote) -> tuple[str, str]:
            note_type = collection.models.get(NotetypeId(note.note_type.id))
            assert note_type is not None
            stored = collection.new_note(note_type)
            stored.fields = list(note.fields)
            card = stored.ephemeral_card(0)
            question = visible_text(card.question(), "question")
            return question, visible_text(card.answer(), "answer")

        yield show


PLACES = (
    ("Q: x\n\nA: a {} z", "x", "a {} z"),
    ("Q: {}\n\nA: z", "{}", "z"),
    ("C: a {{{{c1::{}}}}} z", "a [...] z", "a {} z"),
    ("C: {} {{{{c1::y}}}} {}", "{} [...] {}", "{} y {}"),
    ("C: {{{{c1::b {} c::h}}}}", "[h]", "b {} c"),
    ("C: {{{{c1::{}::h}}}}", "[h]", "{}"),
    ("C: {{{{c1::b::{}}}}}", "[{}]", "b"),
    ("C: {{{{c1::a {{{{c2::{}}}}}}}}}", "[...]", "a {}"),
    ("C: {{{{c2::a {{{{c1::{}}}}} b}}}}", "a [...] b", "a {} b"),
)
"""A place for a literal text in a note, and what then is the question, and the answer."""


@settings(max_examples=600)
@given(
    text=_literal.map(lambda text: " ".join(text.split())).filter(bool),
    form=st.sampled_from(sorted(FORMS)),
    place=st.sampled_from(PLACES),
)
def test_a_literal_text_is_shown_as_it_is(
    text: str,
    form: str,
    place: tuple[str, str, str],
    shown: Callable[[RenderedNote], tuple[str, str]],
) -> None:
    """Whatever Anki reads into braces, colons and brackets, a card shows the text that is meant."""
    write, show = FORMS[form]
    written = place[0].format(*[write(text)] * 2)
    assume(not written.startswith("Q: ```"))  # which looks like a fence on a label line
    result = compiled(f"{written}\n<!-- id: x -->\n")
    if form == "math":
        assume("$" not in text and result.package is not None)
    assert result.package is not None, result.errors
    assert shown(result.package.notes[0]) == tuple(
        side.replace("{}", show(text)) for side in place[1:]
    )


@pytest.mark.parametrize("character", ["\0", "\x1a", "\x1f"])
@pytest.mark.parametrize("id", ["", "<!-- id: a -->\n"])
@pytest.mark.parametrize(
    "text",
    [
        "Q: a @ b\n\nA: @\n",
        "C: @ `c` {{c1::d @::@}} ![@](media/peer.png)\n",
        "Q: a\n\nA:\n\n- @\n- b @\n\n```\n@\n```\n\n$$ @ $$\n",
    ],
)
def test_characters_that_the_compiler_uses_itself(text: str, id: str, character: str) -> None:
    """What marks a place inside of the compiler is, in a note, a control character like others."""
    written = text.replace("@", character) + id
    media = {"media/peer.png": PEER_PNG}
    compilation = compile_deck(small_deck({"deck.toml": DECK_TOML, "notes.md": written, **media}))
    assert compilation.package is None
    assert "control-character" in {error.rule.name for error in compilation.errors}
