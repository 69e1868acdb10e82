"""What a source says, claim by claim, and which notes ask for it: coverage of a source."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from crss_deck import diagnostics as rules
from crss_deck.diagnostics import Diagnostic, Report
from crss_deck.frontmatter import Word
from crss_deck.manifest import CLAIM
from crss_deck.model import BasicNote, Note
from crss_deck.source import Source, Span
from crss_deck.spelling import suggestion
from crss_deck.toml import Faults, TomlFile

CORE_CARDS = 2
"""What matters most is asked from two sides at least."""

_KEYS = ("id", "section", "text", "core", "waived")
_EXAMPLE = '[[claim]]\n  id = "X-1"\n  text = "…"'


class Claim(NamedTuple):
    """One statement of the source, in the author's own words."""

    id: str
    text: str
    section: str
    core: bool
    """Whether it is one of those that matter most."""
    waived: str
    """Why no note needs to cover it; empty if one has to."""
    span: Span | None


class Claims(NamedTuple):
    """The claims that deck.toml names, in the order of their file."""

    source: Source
    claims: tuple[Claim, ...]


class Coverage(NamedTuple):
    """How many claims there are, are covered by a note, and need none."""

    claims: int
    covered: int
    waived: int

    @property
    def open(self) -> int:
        """How many are neither covered nor waived."""
        return self.claims - self.covered - self.waived

    def __str__(self) -> str:
        """`30 of 34 covered, 3 waived, 1 open`."""
        parts = [f"{self.covered} of {self.claims} covered"]
        parts += [f"{self.waived} waived"] if self.waived else []
        parts += [f"{self.open} open"] if self.open else []
        return ", ".join(parts)


def read_claims(source: Source, report: Report) -> Claims | None:
    """The claims in a file, or None where an error was reported that leaves none."""
    toml = TomlFile(source, report, Faults(*[rules.CLAIMS_FILE] * 3))
    table = toml.load()
    if table is None:
        return None
    for key in table:
        if key != "claim":
            toml.unknown(key, ("claim",))
    listed = table.get("claim", [])
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        toml.wrong("claim", "tables of their own", _EXAMPLE)
        return None
    claims = []
    first: dict[str, Claim] = {}
    for number, each in enumerate(listed):
        section = toml.section("claim", number)
        head = toml.key("claim", section)
        for key in each:
            if key not in _KEYS:
                toml.unknown(key, _KEYS, "claim.", section)
        for key in ("id", "text"):
            if key not in each:
                toml.missing(key, f'{key} = "…"', head)
        claim = Claim(
            toml.text(each, "id", 'id = "X-1"', section),
            toml.text(each, "text", section=section),
            toml.text(each, "section", section=section),
            toml.flag(each, "core", False, section),
            toml.text(each, "waived", 'waived = "the reason"', section),
            toml.value("id", section) or head,
        )
        if claim.id and not CLAIM.fullmatch(claim.id):
            toml.wrong("id", "letters and digits joined by hyphens or dots", 'id = "X-1"', section)
        elif claim.id and first.setdefault(claim.id, claim) is not claim:
            message = f"the claim `{claim.id}` is listed twice"
            toml.say(rules.CLAIMS_FILE, message, claim.span, "give it an id of its own")
        claims.append(claim)
    return None if toml.failed else Claims(source, tuple(claims))


def cards_by_claim(notes: Iterable[Note]) -> Counter[str]:
    """How many cards the notes that cite a claim make."""
    cards: Counter[str] = Counter()
    for note in notes:
        if isinstance(note, BasicNote):
            count = 1 + note.reversed
        else:
            count = len({deletion.number for deletion in note.deletions})
        for claim in note.common.claims:
            cards[claim] += count
    return cards


def coverage(claims: Claims, cards: Counter[str]) -> Coverage:
    """How much of the source the notes cover; a claim that is waived and covered is covered."""
    covered = sum(claim.id in cards for claim in claims.claims)
    waived = sum(bool(claim.waived) and claim.id not in cards for claim in claims.claims)
    return Coverage(len(claims.claims), covered, waived)


def check_claims(
    claims: Claims, cited: Iterable[Word], cards: Counter[str]
) -> Iterator[Diagnostic]:
    """Claims that notes cite and nobody made, those no note covers, and core ones hardly asked."""
    known = {claim.id for claim in claims.claims}
    for word in cited:
        if word.text not in known:
            yield Diagnostic(
                rules.UNKNOWN_CLAIM,
                f"there is no claim `{word.text}`",
                word.span.source,
                word.span,
                suggestion(word.text, sorted(known)) or "mend the id, or add the claim to the file",
            )
    for claim in claims.claims:
        if claim.id not in cards and not claim.waived:
            yield Diagnostic(
                rules.UNCOVERED_CLAIM,
                f"no note covers the claim `{claim.id}`",
                claims.source,
                claim.span,
                f"write a note with `claims: {claim.id}`, or give a reason here: waived = …",
            )
        elif claim.core and claim.id in cards and cards[claim.id] < CORE_CARDS:
            yield Diagnostic(
                rules.THIN_CORE_CLAIM,
                f"one card alone asks for the core claim `{claim.id}`",
                claims.source,
                claim.span,
                "ask for it from another side: why it holds, or in a situation",
            )
