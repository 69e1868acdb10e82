"""What authors silence: for a note with a reason, for a deck by name; and never an error."""

from __future__ import annotations

import pytest
from deck_helper import DECK_TOML, small_deck

from crss_deck import compile_deck
from crss_deck.diagnostics import RULES, Severity

TWICE = "Q: a?\n\nA: b\n<!-- id: one -->\n\nQ: a?\n\nA: c\n<!-- id: two{entry} -->\n"
"""Two notes that ask the same; the finding lies in the second."""


def found(notes: str, check: str = "") -> list[tuple[str, str]]:
    """Severity and rule of all that is found, notes on style too, but for unused media."""
    manifest = f"{DECK_TOML}\n[check]\n{check}\n" if check else DECK_TOML
    result = compile_deck(small_deck({"deck.toml": manifest, "notes.md": notes}), clock=10**9)
    return [
        (d.rule.severity.value, d.rule.name)
        for d in result.diagnostics
        if d.rule.name != "unused-file"
    ]


def allowing(entry: str) -> list[tuple[str, str]]:
    """What is found when the second note has this entry."""
    return found(TWICE.format(entry=f"; {entry}"))


def test_without_an_allow_it_is_found() -> None:
    """The fault of all cases here."""
    assert found(TWICE.format(entry="")) == [("warning", "duplicate-front")]


def test_a_note_allows_a_rule() -> None:
    """With a reason the finding goes, and nothing else is said."""
    assert allowing("allow: duplicate-front (the first is for beginners)") == []


@pytest.mark.parametrize("reason", ["", " ()", " ( )", " why", " (why"])
def test_a_reason_is_required(reason: str) -> None:
    """Without one the allow is an error and silences nothing."""
    assert sorted(allowing(f"allow: duplicate-front{reason}")) == [
        ("error", "invalid-allow"),
        ("warning", "duplicate-front"),
    ]


def test_an_unknown_rule_is_an_error() -> None:
    """A misspelt name is no silent nothing."""
    assert ("error", "invalid-allow") in allowing("allow: duplicate-fronts (why)")


def test_an_error_cannot_be_allowed() -> None:
    """What is an error stays one, whatever a note says."""
    notes = "Q: a <b>x</b>\n\nA: c\n<!-- id: a; allow: raw-html (I like it) -->\n"
    assert ("error", "raw-html") in found(notes)


def test_an_allow_of_nothing_is_found() -> None:
    """An allow that outlived its fault is said, at the allow."""
    notes = "Q: a?\n\nA: b\n<!-- id: a; allow: duplicate-front (why) -->\n"
    assert found(notes) == [("warning", "unused-allow")]


def test_an_allow_is_for_its_own_note() -> None:
    """The first note's allow does not silence what is found in the second."""
    notes = TWICE.format(entry="").replace("id: one", "id: one; allow: duplicate-front (why)")
    assert sorted(found(notes)) == [("warning", "duplicate-front"), ("warning", "unused-allow")]


def test_several_allows() -> None:
    """Each silences its own rule, and each that silences nothing is said."""
    entry = "allow: duplicate-front (why); allow: prose-math (price list); allow: anki-syntax (x)"
    notes = TWICE.format(entry=f"; {entry}").replace("A: c", "A: $cost and price$")
    assert found(notes) == [("warning", "unused-allow")]


def test_a_missing_id_can_be_allowed() -> None:
    """A note that is to stay a draft."""
    assert found("Q: a?\n\nA: b\n<!-- allow: missing-id (a draft) -->\n") == []


def test_a_deck_ignores_a_rule() -> None:
    """[check] ignore silences a rule in all notes."""
    assert found(TWICE.format(entry=""), 'ignore = ["duplicate-front"]') == []


def test_a_deck_that_ignores_nothing_is_told() -> None:
    """A rule on the list that no note breaks is said, in deck.toml."""
    good = "Q: a?\n\nA: b\n<!-- id: a -->\n"
    assert found(good, 'ignore = ["duplicate-front"]') == [("warning", "unused-allow")]


@pytest.mark.parametrize("key", ["ignore", "select"])
def test_a_deck_names_rules_that_there_are(key: str) -> None:
    """A misspelt rule is an error of the manifest."""
    assert ("error", "manifest-value") in found(TWICE.format(entry=""), f'{key} = ["duplicate"]')


def test_an_error_cannot_be_ignored() -> None:
    """A deck cannot silence an error: it would be built wrong."""
    notes = "Q: a <b>x</b>\n\nA: c\n<!-- id: a -->\n"
    severities = {severity for severity, _ in found(notes, 'ignore = ["raw-html"]')}
    assert "error" in severities


def test_a_deck_selects_a_note_on_style() -> None:
    """[check] select makes a warning of what is else shown with -v alone."""
    notes = "Q: a?\nA: b\n<!-- id: a -->\n"
    assert found(notes) == [("info", "run-on-labels")]
    assert found(notes, 'select = ["run-on-labels"]') == [("warning", "run-on-labels")]


def test_the_rule_that_watches_is_a_warning() -> None:
    """Litter of old faults never stops a build."""
    assert RULES["unused-allow"].severity is Severity.WARNING
