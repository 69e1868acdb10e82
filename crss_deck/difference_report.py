"""A difference between two packages, told to people, to learners and to programs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from crss_deck import __version__
from crss_deck.difference import CardChange, Difference, NoteChange, NoteName, TextChange
from crss_deck.hazards import Level
from crss_deck.report import count_of, printable
from crss_deck.words import markdown_text, readable, shortened, without_clozes, word_difference

MANY = 20
"""Of a longer list of bare names, the first are shown."""


def _shown(text: str) -> str:
    """Text of others on one line, so that nothing of it steers a terminal."""
    return printable(" ".join(text.split()))


def _some(names: Iterable[str]) -> str:
    names = [_shown(name) for name in names]
    more = len(names) - MANY
    rest = f" and {more:,} more (--format json lists all)" if more > 0 else ""
    return ", ".join(names[:MANY]) + rest


def _words(old: str, new: str, mark: Callable[[str, str], str]) -> str:
    """Two fields compared word by word, each stretch as `mark` shows it."""
    segments = word_difference(readable(old), readable(new))
    if all(sign == "=" for sign, _ in segments):
        return "only the formatting differs"
    shown = (
        " " * text.startswith(" ") + mark(sign, text.removeprefix(" "))
        for sign, text in shortened(segments)
    )
    return "".join(shown).removeprefix(" ")


# ------------------------------------------------------------------ for people at a terminal

_SIGNS = {"added": "+", "removed": "-", "changed": "~", "reused": "!", "moved": "!"}
_COLORS = {"+": "\x1b[32m", "-": "\x1b[31m", "~": "\x1b[33m", "!": "\x1b[1;31m", "": "\x1b[1m"}
"""By sign; a title has none."""


def to_text(difference: Difference, color: bool = False) -> str:
    """The difference for people, grouped, what matters most last; empty if there is none.

    Words that are gone stand in `[-…-]`, new ones in `{+…+}`.
    """
    found = difference

    def paint(sign: str, text: str) -> str:
        return f"{_COLORS[sign]}{text}\x1b[0m" if color and sign in _COLORS else text

    def line(sign: str, name: str, about: str = "") -> str:
        return f"  {paint(sign, sign)} {_shown(name)}" + (f": {_shown(about)}" if about else "")

    def mark(sign: str, text: str) -> str:
        marks = {"-": f"[-{text}-]", "+": f"{{+{text}+}}"}
        return paint(sign, printable(marks.get(sign, text)))

    def note(change: NoteChange) -> str:
        about = [f"{_shown(f.what)}: {_words(f.old, f.new, mark)}" for f in change.fields]
        tags = [mark("-", _shown(tag)) for tag in change.tags_removed]
        tags += [mark("+", _shown(tag)) for tag in change.tags_added]
        about += [f"tags: {' '.join(tags)}"] if tags else []
        return "\n      ".join([line("~", change.note.name), *about])

    def card(change: CardChange) -> str:
        about = f"card {change.card}"
        if change.change == "reused":
            about += ", under a number that was released before"
        elif change.change == "moved":
            about = f"“{change.answer}” moved from {about} to card {change.to}"
        return line(_SIGNS[change.change], change.note.name, about)

    types, renamed = found.note_types, [found.deck] if found.deck else []
    rows: list[tuple[str, Sequence[Any], Callable[[Any], str] | str]] = [
        ("added", found.added, lambda n: line("+", n.name, n.gist)),
        ("back after they were retired", found.returned, "+"),
        ("changed", found.changed, note),
        ("retagged", found.retagged, note),
        ("renamed", found.renamed, lambda c: line("~", c.new, f"was {c.old}")),
        ("moved", found.moved, lambda c: line("~", c.note.name, f"{c.old} -> {c.new}")),
        ("retired", found.retired, lambda n: line("-", n.name, n.gist)),
        ("held: newer tools render them differently", found.held, "~"),
        ("cards", found.cards, card),
        (
            "note types",
            types,
            lambda t: line(_SIGNS[t.change], t.name, ", ".join(t.design + t.schema)),
        ),
        ("media files", found.media, lambda file: line(_SIGNS[file[1]], file[0])),
        ("order", ["of new cards"] if found.order else [], lambda text: line("~", text)),
        ("deck renamed", renamed, lambda deck: line("!", deck.new, f"was {deck.old}")),
        ("spelt differently", found.respelt, lambda deck: line("~", deck.new, f"was {deck.old}")),
        (
            "described differently",
            found.descriptions,
            lambda d: f"  ~ {_shown(d.what)}: {_words(d.old, d.new, mark)}",
        ),
        ("the same but dated later: learners lose their tags and edits", found.rewritten, "!"),
        ("would not arrive: different, but dated no later", found.not_arriving, "!"),
        ("note types that would not arrive", [t for t in types if t.stale], "!"),
        ("refused", found.refused, lambda r: line("!", r.kind, f"{r.text}: {_some(r.notes)}")),
    ]
    lines: list[str] = []
    if found.old_version != found.new_version:
        old, new = found.old_version or "no version", found.new_version or "no version"
        lines.append(f"{paint('', 'version')} {_shown(old)} -> {_shown(new)}")
    for title, members, show in rows:
        if members:
            lines.append(f"{paint('', title)} ({len(members):,})")
            if isinstance(show, str):
                lines.append(line(show, _some(member.name for member in members)))
            else:
                lines += map(show, members)
    if found.level is not Level.NONE:
        reasons = "; ".join(r.text for r in found.reasons if r.level is found.level)
        lines.append(f"{paint('', f'level {found.level.word}')}: {_shown(reasons)}")
    return "\n".join(lines)


# ------------------------------------------------------------------ for learners

_ASIDE = frozenset(["Context", "Source", "Reversed", "TypeIn"])
"""Fields that are about a note: a heading that changes need not be told once a note."""


def to_markdown(difference: Difference) -> str:
    """The difference as release notes for learners.

    What would make them wrong (notes that would not arrive, or that are refused) comes first.
    """
    found = difference
    texts = [(c, [f for f in c.fields if f.what not in _ASIDE]) for c in found.changed]
    reworded = ["\n".join([_entry(c.note), *map(_field, f)]) for c, f in texts if f]
    late = [note.name for note in found.not_arriving]
    late += [change.name for change in found.note_types if change.stale]
    again = [note.name for note in found.rewritten]
    hazards: list[tuple[str, Sequence[str]]] = [
        *((f"{reason.text} ({reason.kind})", reason.notes) for reason in found.refused),
        ("would not arrive, as they are dated no later", late),
        ("the same but dated later: learners lose their own tags and edits", again),
    ]
    warnings = [
        f"{_markdown(text)}: {', '.join(map(_code, names))}" for text, names in hazards if names
    ]
    gone = "### Retired\n\nWhoever has these notes keeps them until they are suspended or deleted."
    blocks = [
        f"{title}\n\n{listed}"
        for title, points in (
            ("**Before this is published:**", warnings),
            ("### Added", map(_entry, found.added)),
            ("### Reworded or corrected", reworded),
            (gone, map(_entry, found.retired)),
            ("### Cards that come or go", map(_card, found.cards)),
            ("### Also changed", _also(found, len(texts) - len(reworded))),
            ("### What to do", _steps(found) if found.level is not Level.NONE else ()),
        )
        if (listed := "\n".join(f"- {point}" for point in points))
    ]
    return "\n\n".join(blocks or ["Nothing changed for learners."]) + "\n"


def _also(found: Difference, aside: int) -> Iterator[str]:
    for text, there in (
        (f"Headings, sources or settings of {count_of(aside, 'note')}.", aside),
        (f"The tags of {count_of(len(found.retagged), 'note')}.", found.retagged),
        (f"The name of the deck: {_markdown(found.deck.new if found.deck else '')}.", found.deck),
        ("The spelling of a deck's name; the one you have stays as it is.", found.respelt),
        (f"The deck of {count_of(len(found.moved), 'note')}.", found.moved),
        ("How cards look.", found.restyled),
        ("The order in which new cards appear.", found.order),
        ("The description of the deck.", found.descriptions),
    ):
        if there:
            yield text
    for rename in found.renamed:
        yield f"The name of a note: {_code(rename.new)} was {_code(rename.old)}."


def _steps(found: Difference) -> Iterator[str]:
    """What a learner should do."""
    yield (
        "Import the new file over the old one, with the options as they are. Your progress stays."
        " On notes that changed, tags that you added yourself are replaced."
    )
    if found.deck:
        yield (
            f"Before you import, rename the deck {_markdown(found.deck.old)} in Anki to"
            f" {_markdown(found.deck.new)}. Otherwise new cards come under the new name, and the"
            " cards you have stay under the old one."
        )
    if any(change.change == "removed" for change in found.cards):
        yield "Cards that went away ask nothing any more. Remove them with *Tools > Empty Cards*."
    moved = [change.note for change in found.moved]
    other = [change.note for change in found.cards if change.change in ("moved", "reused")]
    decks = ", ".join(dict.fromkeys(_markdown(change.new) for change in found.moved))
    for text, notes in (
        (f"Cards that you have stay in their deck. Move them yourself ({decks})", moved),
        ("Suspend or delete the retired notes", found.retired),
        ("Notes that had been retired are back. If you suspended them, unsuspend", found.returned),
        ("Cards now ask something else with their old schedule. Reset these", other),
    ):
        if search := anki_search(note.key for note in notes):
            yield f"{text}: search in Anki's browser for\n\n  ```text\n  {search}\n  ```"


def anki_search(keys: Iterable[str]) -> str:
    """The search in Anki's browser that finds the notes with these keys and no others."""
    return " OR ".join(f"Key:{key}" for key in dict.fromkeys(keys) if key)


def _entry(note: NoteName) -> str:
    return f"{_markdown(note.gist)} ({_code(note.name)})" if note.gist else _code(note.name)


def _field(field: TextChange) -> str:
    def plain(_: int, answer: str, hint: str) -> str:
        return f"{answer} ({hint})" if hint else answer

    def mark(sign: str, text: str) -> str:
        # HTML, as Markdown's own marks fail beside punctuation.
        name = {"-": "del", "+": "ins"}.get(sign)
        return f"<{name}>{_markdown(text)}</{name}>" if name else _markdown(text)

    old, new = without_clozes(field.old, plain), without_clozes(field.new, plain)
    return f"  - {_markdown(field.what)}: {_words(old, new, mark)}"


def _card(change: CardChange) -> str:
    card, to = (
        f"cloze {name[1:]}" if re.fullmatch("c[0-9]+", name) else f"the card {_markdown(name)}"
        for name in (change.card, change.to)
    )
    if change.change == "moved":
        return f"{_entry(change.note)}: what {card} asked is now asked by {to}."
    return f"{_entry(change.note)}: {card} is {'gone' if change.change == 'removed' else 'new'}."


def _markdown(text: str) -> str:
    """Text as Markdown that shows it."""
    return re.sub(r"\A([0-9]+(?=[.)])|(?=[-+=]))", r"\1\\", markdown_text(_shown(text)))


def _code(text: str) -> str:
    return f"`{_shown(text).replace('`', chr(39))}`"


# ------------------------------------------------------------------ for programs

JSON_FORMAT = 1


def to_json(difference: Difference) -> str:
    """The difference as one JSON document, in ASCII.

    `format` is 1; it changes when a key changes its meaning or goes, not when one is added. The
    keys are `crss_deck` (the version of crss-deck), `level`, `differs`, `safe`, and the fields of
    `Difference`, with its records as objects. A note has also its `name`, a field of a note also
    `words`: pairs of `=`, `-` or `+` and a text.
    """
    report = {
        "format": JSON_FORMAT,
        "crss_deck": __version__,
        "level": difference.level.word,
        "differs": difference.differs,
        "safe": difference.safe,
    }
    return json.dumps(report | _plain(difference), indent=2)


def _plain(value: Any) -> Any:
    """A record as an object, with what follows from it."""
    match value:
        case Level():
            return value.word
        case tuple() if hasattr(value, "_asdict"):
            plain = {name: _plain(each) for name, each in value._asdict().items()}
            if isinstance(value, NoteName):
                plain["name"] = value.name
            if isinstance(value, TextChange):
                plain["words"] = word_difference(readable(value.old), readable(value.new))
            return plain
        case tuple():
            return [_plain(each) for each in value]
        case _:
            return value
