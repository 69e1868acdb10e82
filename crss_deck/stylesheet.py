"""The deck's own stylesheet: read, and searched for what would fetch something or end too early."""

from __future__ import annotations

import re

from crss_deck import diagnostics as rules
from crss_deck.diagnostics import Diagnostic, Report
from crss_deck.source import Source

_TOKEN = r"""(?xsi)
      /\*.*?(?P<comment>\*/|\Z)
    | "(?:[^"\\\n]|\\.)*(?P<double>"|\n|\Z)
    | '(?:[^'\\\n]|\\.)*(?P<single>'|\n|\Z)
    | url\(\s*(?:data:[^"')]*\)|(?=["'](?:data:|\#))|\#)
    | (?P<fetch>@import\b|url\((?:\s*[^\s)]{1,60})?|(?:image-set|image|src)\()
    | (?P<escape>\\)
    """
"""What has to be known of CSS: where texts and comments end, and what names an address."""
_END = r"(?i)</style"


def read_stylesheet(source: Source, report: Report) -> str:
    """The text of the deck's stylesheet; faults are reported.

    Cards must look the same without a network, and tell nobody when they are studied: nothing is
    fetched. A font or a small picture can lie in the stylesheet itself, as a `data:` address.
    """

    def say(match: re.Match[str], message: str, help: str) -> None:
        line = match.group().split("\n", 1)[0]
        span = source.span(match.start(), match.start() + len(line))
        report(Diagnostic(rules.UNSAFE_STYLESHEET, message, source, span, help))

    for match in re.finditer(_END, source.text):
        say(match, "the rest would stand on the cards as text", "leave it out")
    for match in re.finditer(_TOKEN, source.text):
        if match["comment"] == "":
            say(match, "the comment is not closed", "close it with */")
        elif match["double"] in ("", "\n") or match["single"] in ("", "\n"):
            say(match, "the quote is not closed on its line", "close it")
        elif match["fetch"]:
            say(
                match,
                f"`{match['fetch']}` would be fetched whenever a card is shown",
                "write the rules here"
                if match["fetch"].lower() == "@import"
                else "put the file into the stylesheet itself: url(data:…)",
            )
        elif match["escape"]:
            say(
                match,
                "a backslash outside of quotes can hide what is fetched",
                "write the character itself",
            )
    return source.text
