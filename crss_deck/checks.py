"""Questions about a whole deck, one function each. They change nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import islice
from typing import NamedTuple

from crss_deck import diagnostics as rules
from crss_deck.card_view import view_of
from crss_deck.claims import Claims, cards_by_claim, check_claims
from crss_deck.diagnostics import Diagnostic, Edit, Related
from crss_deck.folder import CHANGELOG, LOCK, MANIFEST, SourceFolder
from crss_deck.frontmatter import Word, subdeck_span
from crss_deck.highlight import is_language
from crss_deck.manifest import Manifest
from crss_deck.media import Media, note_blocks
from crss_deck.model import Note
from crss_deck.parser import TagUse
from crss_deck.quality import QualityJudge
from crss_deck.source import INVISIBLE, Source, Span
from crss_deck.spelling import suggestion
from crss_deck.wording import Wording, WordingJudge


class Draft(NamedTuple):
    """Everything that is known of a deck before it may be rendered."""

    folder: SourceFolder
    manifest: Manifest | None
    notes_files: dict[str, int]
    """How many notes each notes file holds, by path."""
    notes: list[Note]
    sound: list[Note]
    """Those in which no error lies: what the others say may change when it is mended."""
    tags: list[TagUse]
    key_spans: list[tuple[str, Span]]
    cited: list[Word]
    """The claims that notes cite."""
    media: Media
    claims: Claims | None = None
    wording: Wording | None = None


MAX_FINDINGS = 1000
"""Of one rule in one file: who has more has another kind of problem."""
MAX_TOTAL_MEDIA = 250 * 1024 * 1024

_CONFLICT = re.compile(r"^(?:<{7}|>{7}) .*", re.MULTILINE)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


def control_characters(draft: Draft) -> Iterator[Diagnostic]:
    """Anki drops some of these in silence and refuses a whole package for others."""
    for source in draft.folder.texts.values():
        for match in islice(_CONTROL.finditer(source.text), MAX_FINDINGS):
            yield Diagnostic(
                rules.CONTROL_CHARACTER,
                f"a control character (U+{ord(match.group()):04X}) stands in the text",
                source,
                source.span(match.start(), match.end()),
                "remove it",
            )


def merge_conflicts(draft: Draft) -> Iterator[Diagnostic]:
    """Both sides of a merge would become notes, marks and all."""
    for path, source in draft.folder.texts.items():
        if path == LOCK or ("<<<<<<<" not in source.text and ">>>>>>>" not in source.text):
            continue
        for match in islice(_CONFLICT.finditer(source.text), MAX_FINDINGS):
            yield Diagnostic(
                rules.MERGE_CONFLICT,
                "a merge left its mark here",
                source,
                source.span(match.start(), match.end()),
                "choose one of the two sides, and delete the lines <<<<<<<, ======= and >>>>>>>",
            )


def invisible_characters(draft: Draft) -> Iterator[Diagnostic]:
    """They make a text read differently from what it says, or break a link or a search."""
    for source in draft.folder.texts.values():
        if source.text.isascii():
            continue
        for match in islice(re.finditer(f"[{INVISIBLE}]", source.text), MAX_FINDINGS):
            yield Diagnostic(
                rules.INVISIBLE_CHARACTER,
                f"an invisible character (U+{ord(match.group()):04X}) stands in the text",
                source,
                source.span(match.start(), match.end()),
                "remove it"
                if match.group() in "\u200b\u2060\ufeff"
                else "remove it; the language of the deck sets the direction of its text",
            )


def duplicate_keys(draft: Draft) -> Iterator[Diagnostic]:
    """A name belongs to one note for ever: two notes would share one GUID."""
    first: dict[str, Span] = {}
    for key, span in draft.key_spans:
        if key in first:
            yield Diagnostic(
                rules.DUPLICATE_KEY,
                f"the id `{key}` belongs to another note already",
                span.source,
                span,
                "give this note a name of its own",
                (Related(first[key], "it is first used here"),),
            )
        first.setdefault(key, span)


def missing_ids(draft: Draft) -> Iterator[Diagnostic]:
    """Without an id of its own, a note would lose its learners on the first edit."""
    for note in draft.notes:
        common = note.common
        if not common.has_id:
            start = common.span.start
            line_end = common.span.source.text.find("\n", start)
            end = common.span.end if line_end < 0 else min(line_end, common.span.end)
            source = common.span.source
            where = source.span(common.span.end, common.span.end)
            last = source.location(common.span.end).line
            line = Edit(where, f"\n<!-- id: {common.key} -->")
            if common.entries is not None:
                inside = common.entries.text
                first = common.entries.start + len(inside) - len(inside.lstrip())
                line = Edit(source.span(first, first), f"id: {common.key}; ")
            yield Diagnostic(
                rules.MISSING_ID,
                "the note has no id, so it builds only as a draft",
                source,
                Span(source, start, end),
                f"put a line at its end, below line {last}: <!-- id: {common.key} -->"
                if common.entries is None
                else f"add `id: {common.key}` to its comment",
                fix=line,
            )


def tag_spelling(draft: Draft) -> Iterator[Diagnostic]:
    """Anki takes tags that differ only in case for one, and keeps the spelling it saw first."""
    first: dict[str, TagUse] = {}
    spelt: dict[str, str] = {}
    told: set[str] = set()
    for use in draft.tags:
        parts = use.tag.split("::")
        for length in range(1, len(parts) + 1):
            tag = "::".join(parts[:length])
            known = spelt.setdefault(tag.lower(), tag)
            first.setdefault(tag, use)
            if known != tag and tag not in told:
                told.add(tag)
                yield Diagnostic(
                    rules.TAG_SPELLING,
                    f"the tag `{tag}` is also spelt `{known}`",
                    use.span.source,
                    use.span,
                    "spell it in one way",
                    (Related(first[known].span, "the other spelling is here"),),
                )
                break


def subdeck_spelling(draft: Draft) -> Iterator[Diagnostic]:
    """Anki takes decks that differ only in case for one: it renames one of them, or joins them."""
    first: dict[str, tuple[str, Span]] = {}
    named = {note.common.span.source: note.common.subdeck for note in draft.notes}
    for source, subdeck in named.items():
        span = subdeck_span(source)
        parts = subdeck.split("::")
        for length in range(1, len(parts) + 1):
            name = "::".join(parts[:length])
            known, place = first.setdefault(name.casefold(), (name, span))
            if known != name:
                yield Diagnostic(
                    rules.SUBDECK_SPELLING,
                    f"the subdeck `{name}` is also spelt `{known}`",
                    source,
                    span,
                    "spell it in one way",
                    (Related(place, "the other spelling is here"),),
                )
                break


def unknown_languages(draft: Draft) -> Iterator[Diagnostic]:
    """A fence without colours is no fault, but a misspelt name is."""
    told: set[Span] = set()
    for note in draft.notes:
        for block in note_blocks(note):
            for name, span, extra in block.content.codes:
                if span in told:
                    continue
                told.add(span)
                if extra.text.strip():
                    yield Diagnostic(
                        rules.UNKNOWN_LANGUAGE,
                        "what stands behind the language of a fence is not shown",
                        span.source,
                        extra,
                        "leave it out",
                    )
                if not is_language(name):
                    yield Diagnostic(
                        rules.UNKNOWN_LANGUAGE,
                        f"no colours are known for the language `{name}`",
                        span.source,
                        span,
                        "mend the name, or write `text` for code without colours",
                    )


def unused_files(draft: Draft) -> Iterator[Diagnostic]:
    """A notes file with a wrong ending, or an image nobody sees, would be missed in silence."""
    if draft.manifest is None:
        return  # what deck.toml names is not known
    manifest = draft.manifest
    used = {*draft.media.named, MANIFEST, manifest.description, manifest.stylesheet}
    used |= {manifest.claims, manifest.wording}
    texts = [path for path in draft.folder.texts if path.endswith((".css", ".toml"))]
    for path in sorted((*draft.folder.files, *texts)):
        if path not in used:
            yield Diagnostic(
                rules.UNUSED_FILE,
                "no note refers to this file",
                Source(draft.folder.shown + path, ""),
                None,
                "remove it, or name it in deck.toml: stylesheet = …"
                if path.endswith(".css")
                else "remove it, or put `_` before its name; notes files end in .md",
            )


def files_without_notes(draft: Draft) -> Iterator[Diagnostic]:
    """A notes file without a note is either empty or misunderstood; so is a deck."""
    for path, count in draft.notes_files.items():
        if not count and draft.manifest is not None:
            yield Diagnostic(
                rules.FILE_WITHOUT_NOTES,
                "the file holds no note",
                draft.folder.texts[path],
                None,
                "write notes with `Q:` and `A:` or {{c1::…}}, or put `_` before its name",
            )
    if not draft.notes and not draft.folder.problems:
        yield Diagnostic(
            rules.DECK_WITHOUT_NOTES,
            "the deck holds 0 notes",
            Source(draft.folder.shown + MANIFEST, ""),
            None,
            "write a first one in a file that ends in .md, beside deck.toml",
        )


def claims(draft: Draft) -> Iterator[Diagnostic]:
    """What the source says and no note asks for, and what notes cite that it does not say."""
    if draft.claims is not None:
        yield from check_claims(draft.claims, draft.cited, cards_by_claim(draft.notes))


def cards(draft: Draft) -> Iterator[Diagnostic]:
    """What learners would stumble over, and words that the author means to avoid.

    Every note is read once, whoever judges it.
    """
    judges: list[QualityJudge | WordingJudge] = []
    manifest, wording = draft.manifest, draft.wording
    if manifest is not None and manifest.quality:
        judges.append(QualityJudge(manifest, len(draft.sound)))
    if manifest is not None and wording is not None and wording.is_for(manifest.language):
        judges.append(WordingJudge(wording))
    if not judges:
        return
    for note in draft.sound:
        view = view_of(note)
        for judge in judges:
            yield from judge.judge(view)
    for judge in judges:
        yield from judge.finish()


def idle_settings(draft: Draft) -> Iterator[Diagnostic]:
    """Limits for a tag that no note has, and a list for another language, do nothing."""
    if draft.manifest is None:
        return
    used = {f"{tag}::" for note in draft.notes for tag in note.common.tags}
    source = draft.folder.texts[MANIFEST]
    for each in draft.manifest.tag_limits:
        if not any(tag.startswith(f"{each.tag}::") for tag in used):
            yield Diagnostic(
                rules.UNUSED_ALLOW,
                f"no note has the tag `{each.tag}`, so its limits are for nothing",
                source,
                each.span,
                suggestion(each.tag, sorted(tag[:-2] for tag in used)) or "remove them",
            )
    wording, language = draft.wording, draft.manifest.language
    if wording is not None and not wording.is_for(language):
        yield Diagnostic(
            rules.UNUSED_ALLOW,
            f"the list is for `{wording.language}`, and the deck is in `{language}`",
            wording.source,
            wording.language_span,
            "name the deck's language, or take the list out of deck.toml",
        )


def media_name_case(draft: Draft) -> Iterator[Diagnostic]:
    """On Windows and macOS one of the two files would hide the other."""
    first: dict[str, str] = {}
    for path in sorted((*draft.folder.files, *draft.folder.texts)):
        known = first.setdefault(path.lower(), path)
        if known != path:
            yield Diagnostic(
                rules.MEDIA_NAME_CASE,
                f"the name differs only in case from `{known}`",
                Source(draft.folder.shown + path, ""),
                None,
                "give one of the two another name",
            )


def large_media(draft: Draft) -> Iterator[Diagnostic]:
    """Learners download a deck over the phone, and sync every byte of it."""
    total = sum(len(media.content) for media in set(draft.media.found.values()))
    if total > MAX_TOTAL_MEDIA:
        yield Diagnostic(
            rules.LARGE_MEDIA,
            f"the media of the deck are {total // 1024 // 1024} MB together",
            Source(draft.folder.shown + MANIFEST, ""),
            None,
            f"make them smaller: a deck of up to {MAX_TOTAL_MEDIA // 1024 // 1024} MB imports well",
        )


CHECKS: tuple[Callable[[Draft], Iterator[Diagnostic]], ...] = (
    control_characters,
    merge_conflicts,
    invisible_characters,
    duplicate_keys,
    missing_ids,
    tag_spelling,
    subdeck_spelling,
    unknown_languages,
    claims,
    cards,
    idle_settings,
    media_name_case,
    large_media,
    unused_files,
    files_without_notes,
)


def notes_paths(folder: SourceFolder, manifest: Manifest | None) -> list[str]:
    """The notes files of a folder, in curriculum order."""
    others = {CHANGELOG, manifest.description if manifest else ""}
    return [path for path in folder.texts if path.endswith(".md") and path not in others]
