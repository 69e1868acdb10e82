"""A metadata comment -> entries, each with its place. Knows their form, not their meaning."""

from __future__ import annotations

import re
from typing import NamedTuple

from crss_deck import diagnostics as rules
from crss_deck.diagnostics import Diagnostic, Edit, Related, Report, Rule
from crss_deck.source import Span
from crss_deck.spelling import nearest, one_edit_apart, suggestion

METADATA_KEYS = ("id", "was", "tags", "claims", "allow", "reversed", "type-in")
FLAGS = ("reversed",)
SPOILT = rf"(?i)(?:<\s*[!—–-]|[‹«]\s*!)[!—–\s-]*(?:{'|'.join(METADATA_KEYS)})\b"
"""The beginning of metadata in what is no comment, such as what an editor makes of hyphens."""
_FIRST_WORD = re.compile(r"\s*([^\s:;]+)")
_ENTRY = re.compile(r"(?P<key>[^\s:]+)(?:(?P<colon>[ \t]*:)[ \t]*(?P<value>.*))?", re.DOTALL)


def is_metadata(comment: str) -> bool:
    """Whether the text of a comment (behind `<!--`) is metadata: its first word says so."""
    match = _FIRST_WORD.match(comment)
    if match is None:
        return False
    word = match.group(1).lower().removesuffix("-->").removesuffix("--")
    return word in METADATA_KEYS or any(
        one_edit_apart(word, key) for key in ("claims", "allow", "reversed", "type-in")
    )


class Entry(NamedTuple):
    """One entry: its key, its value (None for a bare word), and the places of both."""

    key: str
    value: str | None
    span: Span
    value_span: Span


def read_metadata(content: Span, report: Report) -> list[Entry]:
    """The well-formed entries in what a comment holds, in order; everything else is reported."""
    source = content.source
    entries: list[Entry] = []
    first: dict[str, Span] = {}

    def say(rule: Rule, message: str, span: Span, help: str, *also: Related) -> None:
        report(Diagnostic(rule, message, source, span, help, also))

    start = content.start
    for part in re.split(r"[;\n]", content.text):
        begin = start + len(part) - len(part.lstrip())
        start += len(part) + 1
        text = part.strip()
        if not text:
            continue
        span = source.span(begin, begin + len(text))
        match = _ENTRY.fullmatch(text)
        key = match.group("key") if match else text
        if match is None or key not in METADATA_KEYS:
            is_tag = match is not None and (match.group("value") or "").startswith(":")
            near, key_span = (
                nearest(key.lower(), METADATA_KEYS),
                source.span(begin, begin + len(key)),
            )
            report(
                Diagnostic(
                    rules.UNKNOWN_METADATA,
                    f"`{key}` is not a metadata entry",
                    source,
                    key_span,
                    "tags are separated by blanks: tags: a::b c::d"
                    if is_tag
                    else suggestion(key.lower(), METADATA_KEYS)
                    or "known are " + ", ".join(METADATA_KEYS),
                    fix=Edit(key_span, near) if near and not is_tag else None,
                )
            )
            continue
        value = match.group("value")
        value_start = begin + (match.start("value") if value else len(key))
        value_span = source.span(value_start if value else begin, begin + len(text))
        if key in FLAGS and value is not None:
            say(rules.METADATA_SYNTAX, f"`{key}` takes no value", span, f"write {key} alone")
        elif key not in FLAGS and key != "type-in" and not value:
            say(
                rules.METADATA_SYNTAX,
                f"`{key}` needs a value",
                span,
                f"write {key}: {_EXAMPLES[key]}",
            )
        elif key == "type-in" and value == "":
            say(rules.METADATA_SYNTAX, "`type-in:` needs a text", span, "write type-in alone")
        elif value and (bad := re.search(r"--|[<>]", value)):
            say(
                rules.METADATA_SYNTAX,
                f"a value cannot hold `{bad.group()}`",
                source.span(value_start + bad.start(), value_start + bad.end()),
                "leave it out",
            )
        elif key in first and key != "allow":
            say(
                rules.DUPLICATE_METADATA,
                f"`{key}` is given twice",
                span,
                "keep one of the two",
                Related(first[key], "the first one is here"),
            )
        else:
            first.setdefault(key, span)
            entries.append(Entry(key, value, span, value_span))
    return entries


_EXAMPLES = {
    "id": "a-short-name",
    "was": "its-first-name",
    "tags": "topic level::recall",
    "claims": "X-1",
    "allow": "rule-name (reason)",
}
