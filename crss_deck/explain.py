"""The text behind each rule: why it matters to a learner, a bad and a good example.

The text lies in rules.md, one section a rule; the pages in docs/rules are made from the same file.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import NamedTuple

from crss_deck.diagnostics import RULES, Rule, Severity
from crss_deck.hazards import HAZARDS, REFUSED, RELEASE_HAZARDS, REMARKS
from crss_deck.report import wrapped


class Example(NamedTuple):
    """A source that has the fault, or has it no more."""

    language: str
    """`markdown` for a notes file, `toml` for deck.toml, `files` for several files."""
    info: str
    """`bad` or `good`, and `escaped` where characters stand as \\uXXXX."""
    text: str


class Explanation(NamedTuple):
    """Everything that is to say about a rule."""

    rule: Rule
    group: str
    """What it is about, with its neighbours."""
    why: str
    bad: Example
    good: Example


@cache
def _sections() -> dict[str, Explanation]:
    from markdown_it import MarkdownIt

    text = (Path(__file__).parent / "rules.md").read_text(encoding="utf-8")
    found: dict[str, Explanation] = {}
    name = group = ""
    why: list[str] = []
    examples: list[Example] = []
    tokens = MarkdownIt("commonmark").parse(text)
    for index, token in enumerate(tokens):
        if token.type == "inline" and tokens[index - 1].tag == "h1":
            group, name = token.content, ""
        elif token.type == "inline" and tokens[index - 1].tag == "h2":
            name, why, examples = token.content, [], []
        elif token.type == "inline" and name:
            why.append(token.content)
        elif token.type == "fence":
            language, _, info = token.info.partition(" ")
            examples.append(Example(language, info, token.content))
            if len(examples) == 2 and name in RULES:
                words = " ".join(" ".join(why).split())
                found[name] = Explanation(RULES[name], group, words, examples[0], examples[1])
    return found


def explanation(name: str) -> Explanation:
    """What is to say about a rule. Raises KeyError if there is no rule of that name."""
    return _sections()[name]


def explanations() -> list[Explanation]:
    """What is to say about every rule, in the order of `RULES`."""
    return [explanation(name) for name in RULES]


PROSE = 80
"""How many columns an explanation takes at most: longer lines are hard to read."""


def explain_text(name: str, width: int | None = None) -> str:
    """A rule explained, as text for a terminal of that width, or of any.

    Raises KeyError for an unknown name.
    """
    found = explanation(name)
    rule = found.rule
    return "\n".join(
        (
            wrapped(f"{rule.name} ({rule.severity}): {rule.summary}", width),
            "",
            _prose(found.why, width),
            "",
            f"Bad{_how_to_read(found.bad)}:",
            "",
            _indented(found.bad.text),
            "",
            f"Good{_how_to_read(found.good)}:",
            "",
            _indented(found.good.text),
            "",
            _prose(how_to_allow(rule), width),
        )
    )


def explain_hazard(name: str, width: int | None = None) -> str:
    """A hazard explained, as a rule is: its harm, and who finds it."""
    if name in REFUSED:
        parts = [f"{name} (refused)", REFUSED[name], "`crss-deck release` refuses it always."]
    elif name in RELEASE_HAZARDS:
        end = f"`crss-deck release` refuses it, unless --allow {name} says that it is meant."
        parts = [f"{name} (hazard of a release)", RELEASE_HAZARDS[name], end]
    else:
        parts = [f"{name} (found in the real Anki)", HAZARDS[name].harm]
    if name in REMARKS:
        parts.append("`crss-deck verify` tells it as a remark: a good release may bring it along.")
    elif name in HAZARDS:
        parts.append(f"`crss-deck verify` tells it as a problem, unless --allow {name} is given.")
    return "\n\n".join(_prose(part, width) for part in parts)


def hazard_list(width: int | None = None) -> str:
    """The names of all hazards, each with what it does, grouped by who finds them.

    `width` is that of a terminal, in columns, for which it is wrapped.
    """
    groups = (
        ("What a release can cost learners, refused unless it is allowed:", RELEASE_HAZARDS),
        ("What no release can bring to learners:", REFUSED),
        (
            "What `verify` finds in the real Anki:",
            {name: hazard.harm for name, hazard in HAZARDS.items()},
        ),
    )
    indent = " " * (_WIDTH + 2)
    return "\n\n".join(
        "\n".join(
            [wrapped(title, width), ""]
            + [wrapped(f"{name:{_WIDTH}}  {harm}", width, indent) for name, harm in harms.items()]
        )
        for title, harms in groups
    )


_WIDTH = max(map(len, (*RELEASE_HAZARDS, *REFUSED, *HAZARDS)))


def how_to_allow(rule: Rule) -> str:
    """How a rule is silenced, if it can be."""
    if not rule.allowable:
        return "This is an error: it cannot be allowed, only mended."
    allow = f"`allow: {rule.name} (reason)` in its metadata comment"
    if rule.severity is Severity.INFO:
        return (
            f'Off by default. -v shows it; `select = ["{rule.name}"]` under [check] in deck.toml'
            f" makes it a warning, which {allow} silences for one note."
        )
    return (
        f'Silence it for one note with {allow}; for the deck with `ignore = ["{rule.name}"]`'
        " under [check] in deck.toml."
    )


INDEX = "README.md"


def rules_pages() -> dict[str, str]:
    """The documentation of all rules in Markdown, by file name: a page for each, and an index."""
    index = [
        "# Rules",
        "Everything `crss-deck` can find. Each rule has a page of its own, made from the text that"
        " `crss-deck explain` shows: why it matters to a learner, an example with just that fault,"
        " and the same one mended.",
    ]
    pages: dict[str, str] = {}
    group = ""
    for found in explanations():
        rule = found.rule
        if found.group != group:
            group = found.group
            index.append(f"## {group}\n\n| rule | severity | what it finds |\n|---|---|---|")
        index[-1] += f"\n| [{rule.name}]({rule.name}.md) | {rule.severity} | {rule.summary} |"
        pages[f"{rule.name}.md"] = _rule_page(found)
    return {INDEX: "\n\n".join(index) + "\n", **pages}


def _rule_page(found: Explanation) -> str:
    rule = found.rule
    parts = [f"# {rule.name}", f"*{rule.severity}* · {rule.summary}", found.why]
    for word, example in (("Bad", found.bad), ("Good", found.good)):
        title = f"{word}{_how_to_read(example)}:"
        fence = "`" * 3
        while fence in example.text:
            fence += "`"
        parts += [title, f"{fence}{example.language}\n{example.text.rstrip()}\n{fence}"]
    parts += [how_to_allow(rule), f"[All rules]({INDEX})"]
    return "\n\n".join(parts) + "\n"


def _how_to_read(example: Example) -> str:
    """What the stand-ins in an example stand for."""
    notes = []
    if example.language == "files":
        notes.append("`===` begins a file")
    if "escaped" in example.info:
        notes.append("`\\uXXXX` stands for the character itself")
    if "repeated" in example.info:
        notes.append("`×N` for a line that stands N times")
    return f" ({'; '.join(notes)})" if notes else ""


def _prose(text: str, width: int | None) -> str:
    return wrapped(text, min(width or PROSE, PROSE))


def _indented(text: str) -> str:
    return "\n".join(f"    {line}".rstrip() for line in text.rstrip().split("\n"))
