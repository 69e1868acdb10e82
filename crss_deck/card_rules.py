"""What makes a card hard to learn from, as far as its note alone tells: a function each.

docs/card-quality.md has the measurements that each of them, and its severity, rests on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from crss_deck import diagnostics as rules
from crss_deck.card_view import BasicView, ClozeView, Prose, keys_of, place_of, words_of
from crss_deck.diagnostics import Diagnostic, Related, Rule, Severity
from crss_deck.lowering import OBJECT
from crss_deck.manifest import Limit, Limits
from crss_deck.model import BasicNote
from crss_deck.source import Span

Findings = Iterator[Diagnostic]


def finding(rule: Rule, message: str, span: Span, help: str, *also: Related) -> Diagnostic:
    """A diagnostic at a place in a note; where it stops the package, how to overrule it."""
    if rule.severity is Severity.ERROR:
        help += f"; `allow: {rule.name} (reason)` overrules this"
    return Diagnostic(rule, message, span.source, span, help, also)


def _over(rule: Rule, limit: Limit, count: int) -> Rule | None:
    """The rule at the severity for that count; None within the limit."""
    if limit.error and count > limit.error:
        return rule._replace(severity=Severity.ERROR)
    return rule if count > limit.warning else None


# ---------------------------------------------------------------- questions and answers

_YES_NO = re.compile(r"(?:yes|true|false|no(?!\. ?\d))(?=\s*(?:\Z|[.,;:!—–\n]))")
_AUXILIARIES = (
    r"is|are|was|were|am|do|does|did|can|could|will|would|shall|should|may|might|must|has|have|had"
)
_CLOSED = re.compile(
    r"[\W_]*(?:(?:in|for|when|if|at|on|under|during|after|before|with|while|given|according|as|by"
    rf"|from)\b[^,]*,\s*)?(?:{_AUXILIARIES})(?:n['’]t)?\s+\w"
)
_CLOSING = frozenset(
    f"{word}{negated}" for word in _AUXILIARIES.split("|") for negated in ("", "n't", "n’t")
)
"""A question that leaves a choice of two has one of these."""
_SENTENCE_END = re.compile(r"[.!?…][\"'”’)\]]*\s+|\n+")
_MARK = re.compile(r"(?<=\S)[?？؟]++(?![\"”’»')\]]*[\"”’»])")
_JOINED = re.compile(r"\band (?:what|why|how|when|where|who)\b(?! to\b)")
_NUMBER = re.compile(
    r"\d|\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|dozen|both|pair)\b"
)
_TEXTS = (
    "article|text|author|lecture|lecturer|section|course|chapter|passage|lesson|reading|textbook"
    "|slides|slide|handout"
)
_ELSEWHERE = re.compile(
    rf"\b(?:(?:in|from|according to|by) (?:the|this) (?:{_TEXTS})\b"
    r"(?! of\b| (?:field|box|file|editor|area|node|mode|segment|message|input))"
    rf"|(?:the|this) (?:{_TEXTS}) (?:says?|states?|claims?|mentions?|argues?|describes?|explains?"
    r"|suggests?|recommends?)\b"
    r"|(?:discussed|covered|mentioned|seen|learned|learnt|taught|shown|introduced|said) in class\b"
    r"|in class(?=[,.?]|\Z)|as mentioned\b"
    r"|(?:mentioned|discussed|described|listed|shown|stated) above(?! (?:the|an?|all)\b)"
    r"|the following(?! (?:year|day|month|week|weekend|morning|night|evening|season|century"
    r"|decade|summer|winter|spring|autumn|fall|monday|tuesday|wednesday|thursday|friday|saturday"
    r"|sunday)s?\b))"
)
_POINTING = frozenset((*_TEXTS.split("|"), "class", "above", "mentioned", "following"))
"""A text that points elsewhere has one of these."""
_OPENS_WITH_PRONOUN = re.compile(
    rf"[\W_]*(?:(?:what|why|how|when|where|which|who) (?:{_AUXILIARIES})(?:n['’]t)? )?"
    r"(it|they|this|these|those|that)\b(?! is (?:called|known)\b| (?:called|known) )"
)
_MEANING = re.compile(r"[\W_]*what does (?:it|this|that) mean\b")
_EMPTY_IT = re.compile(
    r"\bit (?:is |was |takes? |be |so )?(?:\w+ ){0,3}(?:to|that|when|if|for|who)\b"
)
_VAGUE = re.compile(r"[\W_]*(?:describe|discuss|explain|tell (?:me|us) about)\b")
_CHOICES = re.compile(
    r"\bwhich of the following\b|\b(?:all|none) of the above\b"
    r"|(?<!\S)a\).{2,200}?\sb\)|(?<!\S)\(a\).{2,200}?\s\(b\).{2,200}?\s\(c\)",
    re.DOTALL,
)


def _choices(low: str) -> re.Match[str] | None:
    """What a multiple-choice item leaves in a text."""
    return _CHOICES.search(low) if "b)" in low or " of the " in low else None


def _last_sentence(prose: Prose) -> str:
    """The last sentence of a text; code and pictures behind it are passed over."""
    text = prose.low.rstrip(f"{OBJECT} \n")
    start = 0
    for end in _SENTENCE_END.finditer(text):
        start = end.end()
    return text[start:]


def _is_closed(prose: Prose) -> bool:
    """Whether a text ends with a question that leaves a choice of two."""
    if "?" not in prose.low or _CLOSING.isdisjoint(prose.words):
        return False
    sentence = _last_sentence(prose)
    return sentence.rstrip("\"'”’)]").endswith("?") and _CLOSED.match(sentence) is not None


def yes_no_answer(view: BasicView, limits: Limits) -> Diagnostic | None:
    """Half of all guesses are right, so the card says little about what the learner knows.

    A front of a few words that asks nothing is a word to translate: there, `yes` is an answer.
    """
    match = _YES_NO.match(view.back.low)
    asks = "?" in view.front.low or len(view.front.words) > 3
    if not (match and asks) or view.back.blocks[0].kind != "paragraph":
        return None
    return finding(
        rules.YES_NO_ANSWER,
        f"the answer is a plain `{match.group()}`",
        view.back.span(match.start(), match.end()),
        "ask for what makes it so: which, what, how or why",
    )


def yes_no_question(view: BasicView, limits: Limits) -> Diagnostic | None:
    """A choice of two is a coin to toss; who recalls something knows more."""
    if not _is_closed(view.front):
        return None
    return finding(
        rules.YES_NO_QUESTION,
        "the question leaves a choice of two",
        _sentence_span(view.front),
        "ask which, what, how or why",
    )


def _sentence_span(prose: Prose) -> Span:
    sentence = _last_sentence(prose)
    start = prose.low.rfind(sentence)
    return prose.span(start, start + len(sentence))


def two_questions(view: BasicView, limits: Limits) -> Diagnostic | None:
    """Who knows one answer of two can grade the card neither right nor wrong.

    What somebody in the question asks, in quotes, is not what the card asks.
    """
    low = view.front.low
    if low.count("?") < 2 and low.isascii():
        return None
    marks = list(_MARK.finditer(low))
    if len(marks) < 2:
        return None
    return finding(
        rules.TWO_QUESTIONS,
        f"the note asks {len(marks)} questions at once",
        view.front.span(marks[1].start(), marks[1].end()),
        "make a note of each",
    )


def joined_questions(view: BasicView, limits: Limits) -> Diagnostic | None:
    """The same as two questions, with one question mark."""
    match = _JOINED.search(view.front.low) if " and " in view.front.low else None
    if match is None or len(_MARK.findall(view.front.low)) > 1:
        return None
    if re.search(r"\bbetween\b", view.front.low[: match.start()]):
        return None  # the difference between how … and how …
    return finding(
        rules.JOINED_QUESTIONS,
        f"a second question hangs on with `{match.group()}`",
        view.front.span(match.start(), match.end()),
        "make a note of each question",
    )


def list_too_long(view: BasicView, limits: Limits) -> Diagnostic | None:
    """Every review fails with the first thing forgotten, and brings all the others back."""
    rule = _over(rules.LIST_TOO_LONG, limits.list_items, view.back.items)
    if rule is None:
        return None
    return finding(
        rule,
        f"the answer is a list of {view.back.items} things to recall at once",
        next(block.span for block in view.back.blocks if block.kind.endswith("_list")),
        "make a note of each, or a cloze note with a number for each",
    )


COUNTED_ITEMS = 3
"""So many things a learner can take in without being told their number."""


def missing_list_count(view: BasicView, limits: Limits) -> Diagnostic | None:
    """Who does not know how many things there are cannot know when the answer is whole."""
    if view.back.items <= COUNTED_ITEMS or _NUMBER.search(view.front.low):
        return None
    return finding(
        rules.MISSING_LIST_COUNT,
        f"the question does not say that it wants {view.back.items} things",
        view.front.whole,
        "say how many: Which four …?",
    )


def inline_series(view: BasicView, limits: Limits) -> Diagnostic | None:
    """A list, though it does not look like one."""
    low = view.back.low
    if low.count(", ") < 2 or not view.back.plain:
        return None
    for clause in re.split(r"[.;:?!()\n]+", low):
        *parts, last = clause.split(", ")
        hangs_on = last.startswith(("and ", "or "))
        joined = hangs_on or " and " in last or " or " in last
        members = len(parts) + 1 + (not hangs_on)
        if joined and len(parts) > 1 and members > COUNTED_ITEMS:
            start = low.find(clause)
            return finding(
                rules.INLINE_SERIES,
                f"the answer is a series of {members} things to recall at once",
                view.back.span(start, start + len(clause)),
                "make a note of each, or a cloze note with a number for each",
            )
    return None


def long_answer(view: BasicView, limits: Limits) -> Diagnostic | None:
    """Nobody can say whether they recalled a paragraph; what explains belongs under `Extra:`."""
    rule = _over(rules.LONG_ANSWER, limits.answer_words, len(view.back.words))
    if rule is None:
        return None
    return finding(
        rule,
        f"the answer has {len(view.back.words)} words, {limits.answer_words.warning} at most"
        " are easy to grade",
        view.back.whole,
        "keep what is to be recalled, and put the rest under `Extra:`",
    )


def long_front(view: BasicView, limits: Limits) -> Diagnostic | None:
    """Every review begins with reading it, and learners come to know its look, not its question."""
    rule = _over(rules.LONG_FRONT, limits.front_words, len(view.front.words))
    if rule is None:
        return None
    return finding(
        rule,
        f"the question has {len(view.front.words)} words, {limits.front_words.warning} at most"
        " are quick to read",
        view.front.whole,
        "ask in fewer words; background belongs under `Extra:`",
    )


SHORT_FRONT = 4


def short_front(view: BasicView, limits: Limits) -> Diagnostic | None:
    """A word or two can be asked about in many ways; the card does not say in which."""
    front = view.front
    if len(front.words) >= SHORT_FRONT or front.objects or view.note.reversed:
        return None
    return finding(
        rules.SHORT_FRONT,
        "the question is a word or two",
        front.whole,
        "ask a whole question; a term and its meaning can be a `reversed` note",
    )


def _pointing(prose: Prose) -> Diagnostic | None:
    if _POINTING.isdisjoint(prose.words) or _choices(prose.low):
        return None
    for match in _ELSEWHERE.finditer(prose.low):
        follows = not prose.plain or ":" in prose.low[match.end() :]
        if follows and match.group() == "the following":
            continue
        return finding(
            rules.POINTS_ELSEWHERE,
            f"`{match.group()}` points at what is not on the card",
            prose.span(match.start(), match.end()),
            "name what is meant",
        )
    return None


def points_elsewhere(view: BasicView, limits: Limits) -> Diagnostic | None:
    """Cards come up alone, years later: neither the lecture nor the page above is there.

    `the following` is right where something follows: a list, code, a picture, words after a colon.
    """
    return _pointing(view.front)


def _dangling(prose: Prose) -> Diagnostic | None:
    match = _OPENS_WITH_PRONOUN.match(prose.low)
    if match is None or not prose.plain or _MEANING.match(prose.low):
        return None
    if match.group(1) == "it" and _EMPTY_IT.search(prose.low, match.start(1)):
        return None  # it is important to …
    start, end = match.span(1)
    return finding(
        rules.DANGLING_PRONOUN,
        f"it is not said what `{match.group(1)}` is",
        prose.span(start, end),
        "put the name of the thing in its place",
    )


def dangling_pronoun(view: BasicView, limits: Limits) -> Diagnostic | None:
    """What the pronoun stands for was on the page that the note was made from."""
    return _dangling(view.front)


def vague_ask(view: BasicView, limits: Limits) -> Diagnostic | None:
    """Whatever the learner says is right in some way, or wrong."""
    match = _VAGUE.match(view.front.low)
    if match is None:
        return None
    return finding(
        rules.VAGUE_ASK,
        "the question does not say what it wants",
        view.front.span(match.end() - len(match.group().lstrip()), match.end()),
        "ask for the one thing that the answer says",
    )


def multiple_choice_residue(view: BasicView, limits: Limits) -> Diagnostic | None:
    """Options train to recognize; without them the question has no answer."""
    for prose in view.texts:
        match = _choices(prose.low)
        if match:
            return finding(
                rules.MULTIPLE_CHOICE_RESIDUE,
                "the card is what is left of a multiple-choice item",
                prose.span(match.start(), match.end()),
                "ask for the answer itself, without options",
            )
    return None


SHORT_ANSWER = 6
SENTENCE = 5
"""A front of fewer words is a term; there, words that two languages share are no leak."""
MOST = 60
"""Per cent."""


def answer_in_question(view: BasicView, limits: Limits) -> Diagnostic | None:
    """The card can be answered, or nearly answered, by reading it.

    Only a short answer to a sentence is looked at, and only words that say something.
    """
    front, back = view.front, view.back
    if not 0 < len(back.words) <= SHORT_ANSWER or len(front.words) < SENTENCE:
        return None
    if front.objects or back.objects or _YES_NO.match(back.low):
        return None
    answer = back.content
    if 2 * len(answer) < len(back.words) or max(map(len, back.words)) == 1:
        return None  # how far it is: the little words are the answer; so is a single letter
    shared = len(answer & front.content)
    if 100 * shared < MOST * len(answer) or _is_closed(front) or _choices(front.low):
        return None  # where the question offers answers, that is a fault by itself
    if shared < len(answer):
        return finding(
            rules.ANSWER_MOSTLY_IN_QUESTION,
            "the question holds most words of the answer",
            back.whole,
            "ask without them, or leave them out of the answer",
        )
    return finding(
        rules.ANSWER_IN_QUESTION,
        "the question holds every word of the answer",
        back.whole,
        "ask without them, or ask for something else",
    )


def hint_gives_answer(view: BasicView, limits: Limits) -> Diagnostic | None:
    """Who opens such a hint has not recalled anything."""
    back = view.back
    if not view.note.common.hint or len(back.words) > SHORT_ANSWER:
        return None
    hint = Prose(view.note.common.hint)
    if not back.content or not back.content <= hint.content:
        return None
    return finding(
        rules.HINT_GIVES_ANSWER,
        "the hint holds every word of the answer",
        hint.whole,
        "hint at the way to the answer, not at the answer",
    )


_REVERSED = re.compile(r"(?:^|[;\n])\s*(reversed)\s*(?:$|[;\n])")


def reversed_misfit(view: BasicView, limits: Limits) -> Diagnostic | None:
    """Back to front, the answer has to be something that one can ask about."""
    if not view.note.reversed:
        return None
    count = len(view.back.words)
    rule = _over(rules.REVERSED_MISFIT, limits.reversed_words, count)
    if view.back.items:
        reason = "its answer is a list"
    elif _MARK.search(view.front.low):
        reason = "its front is a question, and would be the answer"
    elif rule:
        reason = f"its answer has {count} words, and would be the front"
    else:
        return None
    return misfit(view.note, rule or rules.REVERSED_MISFIT, reason)


def misfit(note: BasicNote, rule: Rule, reason: str, *also: Related) -> Diagnostic:
    """What is said of a note that should not be reversed, at its `reversed`."""
    entries = note.common.entries
    match = _REVERSED.search(entries.text) if entries else None
    span = place_of(note.front)
    if entries and match:
        start = entries.start
        span = entries.source.span(start + match.start(1), start + match.end(1))
    return finding(
        rule,
        f"the note makes no good card the other way round: {reason}",
        span,
        "reverse only a term and its short meaning, and only if each belongs to the other alone",
        *also,
    )


# ---------------------------------------------------------------- clozes

_SEPARATOR = re.compile(r",\s+(?:and|or)\b|,\s|\b(?:and|or)\b")
_ARTICLE = re.compile(r"(?:^|[\s(“\"])(an?) \Z")


def cloze_without_context(view: ClozeView, limits: Limits) -> Findings:
    """A text can open with a pronoun for nothing, or point elsewhere, as a question can."""
    for found in (_dangling(view.text), _pointing(view.text)):
        if found:
            yield found


def cloze_article(view: ClozeView, limits: Limits) -> Findings:
    """`an` says that the hidden word begins with a vowel."""
    low = view.text.low
    for hidden in view.hidden:
        start = hidden.start
        near = low.endswith(("a ", "an "), 0, start)
        match = _ARTICLE.search(low, max(0, start - 4), start) if near else None
        if match:
            yield finding(
                rules.CLOZE_ARTICLE,
                f"`{match.group(1)}` gives a hint at the hidden word",
                hidden.deletion.span,
                "take the article into the cloze",
            )


def cloze_function_word(view: ClozeView, limits: Limits) -> Findings:
    """What is hidden can be told from the grammar.

    A single letter or a word with capitals can be a name.
    """
    for hidden in view.hidden:
        if any(hidden.keys):
            continue
        text = view.text.text[hidden.start : hidden.end].strip()
        if len(text) > 1 and text.islower() and OBJECT not in text:
            yield finding(
                rules.CLOZE_FUNCTION_WORD,
                f"the cloze hides `{text}`, which says nothing by itself",
                hidden.deletion.span,
                "hide what the sentence is about",
            )


def cloze_series(view: ClozeView, limits: Limits) -> Findings:
    """A list in one cloze is as hard as its hardest part, every time."""
    for hidden in view.hidden:
        if (
            len(hidden.words) > 2
            and len(_SEPARATOR.findall(view.text.low, hidden.start, hidden.end)) > 1
        ):
            yield finding(
                rules.CLOZE_SERIES,
                "the cloze hides a whole list",
                hidden.deletion.span,
                "give each thing a cloze of its own: {{c1::…}}, {{c2::…}}, {{c3::…}}",
            )


def long_cloze(view: ClozeView, limits: Limits) -> Findings:
    """Nobody can tell whether they recalled half a sentence."""
    for hidden in view.hidden:
        rule = _over(rules.LONG_CLOZE, limits.cloze_words, len(hidden.words))
        if rule:
            yield finding(
                rule,
                f"the cloze hides {len(hidden.words)} words, {limits.cloze_words.warning} at most"
                " are easy to grade",
                hidden.deletion.span,
                "hide the one thing to recall",
            )


BARE = 5


def bare_cloze(view: ClozeView, limits: Limits) -> Findings:
    """With next to nothing around it, the cloze could hide anything."""
    if view.text.objects:
        return
    counts: dict[int, int] = {}
    for hidden in view.hidden:
        number = hidden.deletion.number
        counts[number] = counts.get(number, 0) + len(hidden.words)
    for hidden in view.hidden:
        gone = counts[hidden.deletion.number]
        shown = len(view.text.words) - gone
        if shown < BARE or gone > shown:
            yield finding(
                rules.BARE_CLOZE,
                f"the card shows {shown} words and hides {gone}",
                hidden.deletion.span,
                "say more around the cloze, or ask a question",
            )
            return


SPANS = 2


def many_clozes(view: ClozeView, limits: Limits) -> Findings:
    """A note of many cards about one sentence teaches the sentence."""
    numbers = [hidden.deletion.number for hidden in view.hidden]
    cards = len(set(numbers))
    rule = _over(rules.MANY_CLOZES, limits.cloze_numbers, cards)
    if rule:
        message = f"the note has {cards} cards"
    elif len(numbers) > SPANS and (spans := max(map(numbers.count, numbers))) > SPANS:
        rule, message = rules.MANY_CLOZES, f"one card hides {spans} things at once"
    else:
        return
    last = view.hidden[-1].deletion.span
    yield finding(rule, message, last, "split the note, or hide less")


def cloze_hint_gives_answer(view: ClozeView, limits: Limits) -> Findings:
    """As the hint of a question; the hint of a cloze is always shown."""
    common = view.note.common
    if not common.hint and not any(hidden.hint for hidden in view.hidden):
        return
    shared = Prose(common.hint) if common.hint else None
    for hidden in view.hidden:
        content = set(filter(None, hidden.keys))
        if not content:
            continue
        if hidden.hint and content.issubset(keys_of(words_of(hidden.hint.lower()))):
            span = hidden.deletion.span
        elif shared and content <= shared.content:
            span = shared.whole
        else:
            continue
        yield finding(
            rules.HINT_GIVES_ANSWER,
            "the hint holds every word that is hidden",
            span,
            "hint at the way to the answer, not at the answer",
        )


Question = Callable[[BasicView, Limits], Diagnostic | None]
ClozeQuestion = Callable[[ClozeView, Limits], Findings]

QUESTIONS: tuple[Question, ...] = (
    two_questions,
    list_too_long,
    long_answer,
    long_front,
    reversed_misfit,
)
ENGLISH_QUESTIONS: tuple[Question, ...] = (
    yes_no_answer,
    yes_no_question,
    joined_questions,
    missing_list_count,
    inline_series,
    points_elsewhere,
    dangling_pronoun,
    vague_ask,
    multiple_choice_residue,
    answer_in_question,
    hint_gives_answer,
)
CLOZE_QUESTIONS: tuple[ClozeQuestion, ...] = (long_cloze, many_clozes)
ENGLISH_CLOZE_QUESTIONS: tuple[ClozeQuestion, ...] = (
    cloze_without_context,
    cloze_article,
    cloze_function_word,
    cloze_series,
    cloze_hint_gives_answer,
)
WITHOUT_BLANKS = frozenset(("ja", "km", "lo", "my", "th", "zh"))
"""Languages that put no blanks between words, so that what has few words is not short."""
