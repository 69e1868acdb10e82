"""The cards of a deck judged: note by note, and against each other. Changes nothing.

What reads words runs only for languages whose words it knows.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from typing import NamedTuple

from crss_deck import diagnostics as rules
from crss_deck.card_rules import (
    CLOZE_QUESTIONS,
    ENGLISH_CLOZE_QUESTIONS,
    ENGLISH_QUESTIONS,
    QUESTIONS,
    WITHOUT_BLANKS,
    Findings,
    bare_cloze,
    finding,
    misfit,
    short_front,
)
from crss_deck.card_view import BasicView, ClozeView, Hidden, Prose, View, keys_of, place_of
from crss_deck.diagnostics import Diagnostic, Related
from crss_deck.manifest import Limit, Limits, Manifest
from crss_deck.model import BasicNote, Markdown, Note

MAX_FRONT = 10_000
"""Characters; nobody reads a longer front, and comparing many of them would take long."""
_PUNCTUATION = ".,;:!?…\"“”„‘’'()[]«»¿¡—–"

COMMON_SHARE = 10
"""What stands in more than a tenth of the notes is the deck's subject, and gives nothing away."""
COMMON_NOTES = 5
"""In a small deck, what stands in so many is no more than that."""
ENOUGH = 1000
"""So many notes, from all over the deck, tell what stands everywhere."""


class QualityJudge:
    """Judges the cards of a deck: note by note, and at the end what needs all of them."""

    def __init__(self, manifest: Manifest, notes: int) -> None:
        """For a deck of so many notes, with the language and the limits of its deck.toml."""
        language = manifest.language.split("-")[0].lower()
        self._english = language == "en"
        self._questions = QUESTIONS
        self._cloze_questions = CLOZE_QUESTIONS
        if self._english:
            self._questions += ENGLISH_QUESTIONS
            self._cloze_questions += ENGLISH_CLOZE_QUESTIONS
        if language not in WITHOUT_BLANKS:
            self._questions += (short_front,)
            self._cloze_questions += (bare_cloze,)
        self._limits = _LimitsByTag(manifest)
        self._fronts: dict[tuple[str, ...], tuple[Note, bool]] = {}
        self._place = 0
        self._step = 1 + notes // ENOUGH
        self._sample: list[set[str]] = []
        self._leaks: list[_Leak] = []
        self._distinct: list[_Front] = []

    def judge(self, view: View) -> list[Diagnostic]:
        """What is wrong with a note, as far as it can be said yet."""
        limits = self._limits(view.note.common.tags)
        found: list[Diagnostic] = []
        if isinstance(view, BasicView):
            for question in self._questions:
                fault = question(view, limits)
                if fault is not None:
                    found.append(fault)
        else:
            for cloze_question in self._cloze_questions:
                found += cloze_question(view, limits)
        same = self._same_front(view)
        if same is not None:
            found.append(same)
        if self._english:
            self._remember(view, same is None)
        return found

    def _remember(self, view: View, distinct: bool) -> None:
        """Note what can be judged only beside all other notes."""
        self._place += 1
        if self._place % self._step == 0:
            self._sample.append(set().union(*[prose.words for prose in view.texts]))
        if isinstance(view, ClozeView):
            self._leaks += _leaks(view)
        front = view.texts[0]
        if distinct and not front.objects:
            self._distinct.append(_Front(front.content, front.blocks))

    def finish(self) -> Findings:
        """What had to wait for the last note."""
        yield from _twins(self._distinct)
        if not self._leaks:
            return
        notes_with = Counter(chain.from_iterable(self._sample))
        by_key: Counter[str] = Counter()
        for word, key in zip(notes_with, keys_of(notes_with), strict=True):
            by_key[key] += notes_with[word]
        least = max(COMMON_NOTES, len(self._sample) // COMMON_SHARE)
        for leak in self._leaks:
            if by_key[leak.key] <= least:
                yield leak.diagnostic

    def _same_front(self, view: View) -> Diagnostic | None:
        """Two cards that ask the same cannot both be answered right, or one is a mistake."""
        note = view.note
        for asked, reverse in _asked(view):
            first, first_reverse = self._fronts.setdefault(asked, (note, reverse))
            if first is note:
                continue
            here, there = place_of(_front(note)), place_of(_front(first))
            if not reverse and not first_reverse:
                return finding(
                    rules.DUPLICATE_FRONT,
                    "another note asks the same",
                    here,
                    "add what tells the two apart, or remove one",
                    Related(there, "it is asked here first"),
                )
            reverse_note, rival = (note, there) if reverse else (first, here)
            assert isinstance(reverse_note, BasicNote)
            reason = "another card has the same front"
            also = Related(rival, "it is this note's")
            return misfit(reverse_note, rules.REVERSED_MISFIT, reason, also)
        return None


def _front(note: Note) -> Markdown:
    return note.front if isinstance(note, BasicNote) else note.text


def _asked(view: View) -> list[tuple[tuple[str, ...], bool]]:
    """What each card shows on its front, and whether it asks back to front.

    Case, blanks and the punctuation around words do not count.
    """
    if isinstance(view, BasicView):
        asked = [(_as_front(view.front), False)]
        if view.note.reversed:
            asked.append((_as_front(view.back), True))
        return [each for each in asked if each[0]]
    if len(view.text.low) > MAX_FRONT:
        return []
    fronts = [front.rstrip(".!?…") for front in view.fronts]
    if "\n" in view.text.low or "  " in view.text.low:
        fronts = [" ".join(front.split()) for front in fronts]
    return [((front, *view.text.objects), False) for front in fronts]


def _as_front(prose: Prose) -> tuple[str, ...]:
    if len(prose.low) > MAX_FRONT:
        return ()
    text = " ".join(prose.words)
    if text != prose.low.rstrip(".!?…"):  # it is more than words
        text = " ".join([word.strip(_PUNCTUATION) or word for word in prose.low.split()])
    return (text, *prose.objects)


class _LimitsByTag:
    """The limits of a note, by its tags: of several that apply, the most generous."""

    def __init__(self, manifest: Manifest) -> None:
        self._all = manifest.limits
        self._by_tag = manifest.tag_limits
        self._known: dict[tuple[str, ...], Limits] = {}

    def __call__(self, tags: tuple[str, ...]) -> Limits:
        if not self._by_tag:
            return self._all
        if tags not in self._known:
            found: dict[str, Limit] = {}
            for each in self._by_tag:
                if any(f"{tag}::".startswith(f"{each.tag}::") for tag in tags):
                    for name, limit in each.limits.items():
                        found[name] = limit.wider(found.get(name, limit))
            self._known[tags] = self._all._replace(**found)
        return self._known[tags]


class _Leak(NamedTuple):
    """A hidden word that stands on its card too: a fault unless it stands everywhere."""

    key: str
    diagnostic: Diagnostic


LEAKING = 4
"""Letters that a word has at least before it gives something away."""


def _leaks(view: ClozeView) -> Iterator[_Leak]:
    """For each card, the first hidden word that says something and stands there too."""
    everywhere = view.text.keys
    suspects = [
        (hidden, hidden.words[place], key)
        for hidden in view.hidden
        for place, key in enumerate(hidden.keys)
        if key and everywhere.count(key) > 1 and len(hidden.words[place]) >= LEAKING
    ]
    if not suspects:
        return
    gone = Counter((hidden.deletion.number, key) for hidden in view.hidden for key in hidden.keys)
    told: set[int] = set()
    for hidden, word, key in suspects:
        number = hidden.deletion.number
        if everywhere.count(key) > gone[number, key] and number not in told:
            told.add(number)
            yield _Leak(key, _leak(view, hidden, word, key))


def _leak(view: ClozeView, hidden: Hidden, word: str, key: str) -> Diagnostic:
    number = hidden.deletion.number
    gone = view.of(number)
    shown: tuple[Related, ...] = ()
    for place in view.text.places_of(key):
        before = bisect_right(gone, place[0], key=lambda each: each.start) - 1
        if before < 0 or gone[before].end <= place[0]:
            shown = (Related(view.text.span(*place), "it is shown here"),)
            break
    return finding(
        rules.CLOZE_LEAK,
        f"the card of c{number} shows the word that it hides, or one like it: `{word}`",
        hidden.deletion.span,
        "say it in other words, or hide something else",
        *shown,
    )


class _Front(NamedTuple):
    """The words of a front that say something, and its place."""

    content: frozenset[str]
    blocks: Markdown


LIKE = 80
"""Of all the words in two fronts that are almost the same, per cent that stand in both."""
FEWEST_WORDS = 3
MOST_RIVALS = 50
"""Fronts with a rare word in common: where there are more, it is not rare."""


def _twins(fronts: list[_Front]) -> Findings:
    """Fronts that have nearly all their words in common, found without comparing all with all.

    If four fifths of all words of two fronts stand in both, then any fifth of the words of one, and
    two words more, holds two words that they share. So each front is looked for under its rarest.
    """
    notes_with = Counter(chain.from_iterable([front.content for front in fronts]))
    in_order = sorted(notes_with, key=lambda word: (notes_with[word], word))
    rank = {word: place for place, word in enumerate(in_order)}
    by_rank: list[list[int]] = [[] for _ in in_order]
    for place, front in enumerate(fronts):
        count = len(front.content)
        if count < FEWEST_WORDS:
            continue
        ranks = sorted(map(rank.__getitem__, front.content))
        rarest = [by_rank[each] for each in ranks[: count - -(-LIKE * count // 100) + 2]]
        once = set(rarest[0])
        twice: set[int] = set()
        for under in rarest[1:]:
            if under:
                twice.update(once.intersection(under))
                once.update(under)
        rivals = (fronts[rival] for rival in sorted(twice))
        twin = next((rival for rival in rivals if _alike(front.content, rival.content)), None)
        if twin is not None:
            yield finding(
                rules.NEAR_DUPLICATE,
                "another note asks almost the same",
                place_of(front.blocks),
                "say in each what tells it from the other",
                Related(place_of(twin.blocks), "it is this one"),
            )
        for under in rarest:
            if len(under) < MOST_RIVALS:
                under.append(place)


def _alike(one: frozenset[str], other: frozenset[str]) -> bool:
    """Whether two sets of words are almost the same; another number tells them apart."""
    shared = len(one & other)
    return 100 * shared >= LIKE * (len(one) + len(other) - shared) and not any(
        char.isdigit() for word in one ^ other for char in word
    )
