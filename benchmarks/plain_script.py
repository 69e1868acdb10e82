"""What one would write in an afternoon instead: notes to a package in thirty lines, unchecked.

    python benchmarks/plain_script.py SOURCE OUT.apkg [markdown-it | cmarkgfm | mistune]

The yardstick of the benchmarks. It reads the notes of the benchmark's decks, renders them with the
same parser or another, packs them with the same genanki, and does nothing else: no places, no
messages.
"""

import re
import sys
from pathlib import Path

import genanki

source, target = map(Path, sys.argv[1:3])
match sys.argv[3:]:
    case ["cmarkgfm"]:  # in C; knows no formulas
        from cmarkgfm import github_flavored_markdown_to_html as render
    case ["mistune"]:  # not CommonMark
        from mistune import create_markdown

        render = create_markdown(escape=False, plugins=["table", "math"])
    case _:
        from markdown_it import MarkdownIt
        from mdit_py_plugins.dollarmath import dollarmath_plugin

        parser = MarkdownIt("commonmark", {"html": True}).enable("table").use(dollarmath_plugin)
        render = parser.render
basic = genanki.Model(
    1_600_000_001,
    "Plain basic",
    fields=[{"name": "Front"}, {"name": "Back"}],
    templates=[
        {"name": "Card", "qfmt": "{{Front}}", "afmt": "{{FrontSide}}<hr id=answer>{{Back}}"}
    ],
)
cloze = genanki.Model(
    1_600_000_002,
    "Plain cloze",
    fields=[{"name": "Text"}],
    templates=[{"name": "Cloze", "qfmt": "{{cloze:Text}}", "afmt": "{{cloze:Text}}"}],
    model_type=genanki.Model.CLOZE,
)
deck = genanki.Deck(1_600_000_003, "Plain")
for path in sorted(source.glob("*.md")):
    for text in re.split(r"^<!-- id:.*-->$", path.read_text("utf-8"), flags=re.M)[:-1]:
        text = re.sub(r"^# .*\n", "", text.strip(), flags=re.M)
        if text.startswith("Q: "):
            front, _, back = text[3:].partition("\n\nA:")
            fields = [render(front), render(back.strip())]
            deck.add_note(genanki.Note(basic, fields))
        else:
            deck.add_note(genanki.Note(cloze, [render(text.removeprefix("C: "))]))
genanki.Package(deck).write_to_file(target)
