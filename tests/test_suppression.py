"""What authors silence: for a note with a reason, for a deck by name; never an error of form."""

from __future__ import annotations

import pytest
from deck_helper import DECK_TOML, JUDGED_TOML, small_deck

from crss_deck import compile_deck
from crss_deck.checks import MAX_FINDINGS
from crss_deck.diagnostics import RULES, Severity

PRICE = "Q: a?\n\nA: b\n<!-- id: one -->\n\nQ: c?\n\nA: $cost and price$\n<!-- id: two{entry} -->\n"
"""Two notes, the second with a formula of words."""
TWICE = "Q: Who wrote it down?\n\nA: Ada.\n<!-- id: one -->\n\n" + (
    "Q: Who wrote it down?\n\nA: Tom.\n<!-- id: two{entry} -->\n"
)
"""Two notes that ask the same; the finding lies in the second, and judges it."""


def found(notes: str, check: str = "", manifest: str = DECK_TOML) -> list[tuple[str, str]]:
    """Severity and rule of all that is found, notes on style too, but for unused media."""
    manifest += f"check.{check}\n" if check else ""
    result = compile_deck(small_deck({"deck.toml": manifest, "notes.md": notes}), clock=10**9)
    return [
        (d.rule.severity.value, d.rule.name)
        for d in result.diagnostics
        if d.rule.name != "unused-file"
    ]


def allowing(entry: str) -> list[tuple[str, str]]:
    """What is found when the second note has this entry."""
    return found(PRICE.format(entry=f"; {entry}"))


def judged(entry: str = "", check: str = "", notes: str = TWICE) -> list[tuple[str, str]]:
    """What is found in notes whose cards are judged, the second one with this entry."""
    return found(notes.replace("{entry}", entry and f"; {entry}"), check, JUDGED_TOML)


def test_without_an_allow_it_is_found() -> None:
    """The fault of most cases here."""
    assert found(PRICE.format(entry="")) == [("warning", "prose-math")]


def test_a_note_allows_a_rule() -> None:
    """With a reason the finding goes, and nothing else is said."""
    assert allowing("allow: prose-math (the names are variables)") == []


@pytest.mark.parametrize("reason", ["", " ()", " ( )", " why", " (why"])
def test_a_reason_is_required(reason: str) -> None:
    """Without one the allow is an error and silences nothing."""
    assert sorted(allowing(f"allow: prose-math{reason}")) == [
        ("error", "invalid-allow"),
        ("warning", "prose-math"),
    ]


@pytest.mark.parametrize("reason", ["it is (very) needed", "(a) and (b)", "as in (a", "f()"])
def test_a_reason_may_have_brackets(reason: str) -> None:
    """The last bracket ends it."""
    assert allowing(f"allow: prose-math ({reason})") == []


def test_an_unknown_rule_is_an_error() -> None:
    """A misspelt name is no silent nothing."""
    assert ("error", "invalid-allow") in allowing("allow: prose-maths (why)")


def test_an_error_of_form_cannot_be_allowed() -> None:
    """What is an error stays one, whatever a note says."""
    notes = "Q: a <b>x</b>\n\nA: c\n<!-- id: a; allow: raw-html (I like it) -->\n"
    assert ("error", "raw-html") in found(notes)
    assert ("error", "invalid-allow") in found(notes)


def test_an_allow_of_nothing_is_found() -> None:
    """An allow that outlived its fault is said, at the allow."""
    notes = "Q: a?\n\nA: b\n<!-- id: a; allow: prose-math (why) -->\n"
    assert found(notes) == [("warning", "unused-allow")]


def test_an_allow_is_for_its_own_note() -> None:
    """The first note's allow does not silence what is found in the second."""
    notes = PRICE.format(entry="").replace("id: one", "id: one; allow: prose-math (why)")
    assert sorted(found(notes)) == [("warning", "prose-math"), ("warning", "unused-allow")]


def test_several_allows() -> None:
    """Each silences its own rule, and each that silences nothing is said."""
    entry = "allow: prose-math (price list); allow: anki-syntax (x)"
    assert allowing(entry) == [("warning", "unused-allow")]


def test_a_missing_id_can_be_allowed() -> None:
    """A note that is to stay a draft."""
    assert found("Q: a?\n\nA: b\n<!-- allow: missing-id (a draft) -->\n") == []


def test_a_deck_ignores_a_rule() -> None:
    """[check] ignore silences a rule in all notes."""
    assert found(PRICE.format(entry=""), 'ignore = ["prose-math"]') == []


def test_a_deck_that_ignores_nothing_is_told() -> None:
    """A rule on the list that no note breaks is said, in deck.toml."""
    good = "Q: a?\n\nA: b\n<!-- id: a -->\n"
    assert found(good, 'ignore = ["prose-math"]') == [("warning", "unused-allow")]


@pytest.mark.parametrize("key", ["ignore", "select"])
def test_a_deck_names_rules_that_there_are(key: str) -> None:
    """A misspelt rule is an error of the manifest."""
    assert ("error", "manifest-value") in found(PRICE.format(entry=""), f'{key} = ["prose"]')


def test_an_error_of_form_cannot_be_ignored() -> None:
    """A deck cannot silence an error: it would be built wrong."""
    notes = "Q: a <b>x</b>\n\nA: c\n<!-- id: a -->\n"
    assert ("error", "manifest-value") in found(notes, 'ignore = ["raw-html"]')


def test_a_deck_selects_a_note_on_style() -> None:
    """[check] select makes a warning of what is else shown with -v alone."""
    notes = "Q: a?\nA: b\n<!-- id: a -->\n"
    assert found(notes) == [("info", "run-on-labels")]
    assert found(notes, 'select = ["run-on-labels"]') == [("warning", "run-on-labels")]


def test_the_rule_that_watches_is_a_warning() -> None:
    """Litter of old faults never stops a build."""
    assert RULES["unused-allow"].severity is Severity.WARNING


# ------------------------------------------------------------------ what judges cards


def test_errors_that_can_be_allowed_judge() -> None:
    """Whether a card is a good one, its author knows best; whether it can be built, Anki does."""
    errors = {name for name, rule in RULES.items() if rule.allowable and rule.severity == "error"}
    assert errors == {
        "duplicate-front", "yes-no-answer", "multiple-choice-residue", "reversed-misfit",
    }  # fmt: skip


def test_a_judgment_is_allowed() -> None:
    """With a reason, in the note that it is about, though it is an error."""
    assert judged() == [("error", "duplicate-front")]
    assert judged("allow: duplicate-front (either will do)") == []


def test_a_judgment_is_ignored() -> None:
    """In the whole deck, though it is an error; and where there is none, that is said."""
    assert judged(check='ignore = ["duplicate-front"]') == []
    assert judged(check='ignore = ["yes-no-answer"]') == [
        ("warning", "unused-allow"), ("error", "duplicate-front"),
    ]  # fmt: skip


def test_an_ignored_rule_is_silent_at_any_severity() -> None:
    """A list of six things is an error, under a rule that is a warning by default."""
    items = "".join(f"- {n}\n" for n in range(6))
    notes = f"Q: Which six digits are the smallest?\n\nA:\n\n{items}\n<!-- id: x -->\n"
    assert judged(notes=notes) == [("error", "list-too-long")]
    assert judged(check='ignore = ["list-too-long"]', notes=notes) == []


def test_selecting_a_judgment_makes_no_error_milder() -> None:
    """`select` raises infos; a limit may have raised one to an error before."""
    names = ("Ada", "Tom", "Eve", "Kim", "Lee")
    numbers = " ".join(f"then {{{{c{n}::{name}}}}}" for n, name in enumerate(names, 1))
    notes = f"First of all and before anybody else {numbers}.\n<!-- id: x -->\n"
    assert judged(notes=notes) == [("info", "many-clozes")]
    assert judged(check='select = ["many-clozes"]', notes=notes) == [("warning", "many-clozes")]
    check = 'select = ["many-clozes"]\ncheck.limits.cloze-numbers = [3, 4]'
    assert judged(check=check, notes=notes) == [("error", "many-clozes")]


@pytest.mark.parametrize("check", ["quality = false", 'quality = false\ncheck.ignore = ["{}"]'])
def test_where_nobody_judges_no_allow_is_idle(check: str) -> None:
    """Whoever switches judging off for a while keeps the reasons that were given."""
    entry = "allow: duplicate-front (either will do)"
    assert judged(entry, check.format("near-duplicate")) == []


def test_in_a_note_with_an_error_no_allow_is_idle() -> None:
    """It is not judged before the error is mended."""
    notes = TWICE.replace("Tom", "<b>Tom</b>")
    assert judged("allow: duplicate-front (either will do)", notes=notes) == [("error", "raw-html")]


# ------------------------------------------------------------------ more than anybody would read


def test_an_error_that_nobody_reads_is_one_all_the_same() -> None:
    """Of one rule in a file no more than a thousand are told; a note with another is broken, too.

    It is not judged, gets no id, and what it allows is not called idle.
    """
    empty = "Q:\n\nA: Ada.\n\n" * (MAX_FINDINGS + 1)
    allowing = "Q:\n\nA: b\n<!-- id: x; allow: yes-no-answer (it is one) -->\n"
    told = judged(notes=empty + allowing)
    assert told == [("error", "empty-field")] * MAX_FINDINGS


def test_an_allow_is_used_by_a_finding_that_nobody_reads() -> None:
    """Whoever has a thousand warnings more is not told to remove it."""
    price = PRICE.split("\n\n", 2)[2].replace("two", "n-{number}")
    many = "".join(price.format(number=n, entry="") for n in range(MAX_FINDINGS))
    allowed = price.format(number="x", entry="; allow: prose-math (these are variables)")
    assert found(many + allowed) == [("warning", "prose-math")] * MAX_FINDINGS
    assert found(many + many.replace("n-", "m-")) == found(many)


def test_an_error_behind_many_warnings_of_its_rule_is_told() -> None:
    """Where a limit makes some of them errors, nothing is built."""
    lists = ["- this\n- that\n- more\n- most\n"] * MAX_FINDINGS + ["- a\n- b\n- c\n- d\n- e\n- f\n"]
    notes = "".join(
        f"Q: Which {n} are they?\n\nA:\n\n{each}<!-- id: n-{n} -->\n\n"
        for n, each in enumerate(lists)
    )
    assert ("error", "list-too-long") in judged(notes=notes)
