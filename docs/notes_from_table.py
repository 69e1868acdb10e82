"""Write the rows of a table as Markdown notes for crss-deck.

    python notes_from_table.py TABLE NOTES.md

TABLE is one of these, in UTF-8:

- a spreadsheet that was saved as CSV. Its first row names the columns: `front` and `back`, and if
  you like `extra`, `hint`, `accept`, `source`, `tags` and `id`;
- what Anki writes with File > Export, format "Notes in Plain Text", with HTML and tags.

Text, line breaks, tags, clozes, formulas, and the names of pictures and sounds move. Bold type,
colours, tables and other formatting do not, and neither does anything about your study. A file
that is there is not written over. Needs Python 3.11 and nothing else.
"""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from io import StringIO
from itertools import takewhile
from pathlib import Path, PurePosixPath
from urllib.parse import quote, unquote

FIELDS = ("extra", "hint", "accept", "source")
COLUMNS = ("front", "back", *FIELDS, "tags", "id")
CLOZE = re.compile(r"\{\{c[0-9]+::")
LINE_TAGS = ("br", "div", "p", "li", "tr", "h1", "h2", "h3")
KEPT_TAGS = ("sub", "sup", "u", "kbd", "mark", "small")


def main(table: str, notes: str) -> None:
    """Write the notes of the table, or say in a line why that cannot be."""
    try:
        convert(table, notes)
    except UnicodeDecodeError:
        sys.exit(f"{table} is not in UTF-8: save the table as CSV UTF-8")
    except csv.Error as error:
        sys.exit(f"{table} cannot be read as a table: {error}")
    except FileExistsError:
        sys.exit(f"{notes} is there already: remove it first, or give another name")
    except OSError as error:
        sys.exit(f"{error.filename}: {error.strerror}")


def convert(table: str, notes: str) -> None:
    """Read the table, write the notes, and say which media they need."""
    media: list[str] = []
    with Path(table).open(encoding="utf-8-sig", newline="") as rows:
        first = rows.readline()
        rows.seek(0)
        found = from_anki if first.startswith("#separator:") else from_spreadsheet
        texts = [note(row, media) for row in found(rows.read())]
    with Path(notes).open("x", encoding="utf-8", newline="\n") as file:
        file.write("\n".join(texts))
    print(f"{notes}: {len(texts)} notes")
    if media:
        print("copy these from Anki's media folder into media, beside the notes:")
        print(*sorted(set(map(unquote, media))), sep="\n")


# ------------------------------------------------------------------ rows


def from_spreadsheet(text: str) -> Iterator[dict[str, str]]:
    """The rows of a CSV file as Markdown, by the names in its first row."""
    head = text.split("\n", 1)[0]
    separator = max(",;\t", key=head.count)
    table = csv.DictReader(lines_of(text), delimiter=separator)
    names = {name: (name or "").strip().lower() for name in table.fieldnames or ()}
    wrong = [name for name in names.values() if name not in COLUMNS]
    if wrong or "front" not in names.values():
        sys.exit(f"the columns are {', '.join(COLUMNS)}, and not {', '.join(wrong) or 'others'}")
    for number, row in enumerate(table, 2):
        if None in row:
            sys.exit(f"row {number} has more cells than the first row has names")
        cells = {names[name]: (value or "").strip() for name, value in row.items()}
        if any(cells.values()):
            cloze = CLOZE.search(cells["front"]) is not None
            yield {
                name: value
                if name in ("tags", "id")
                else from_text(value, cloze and name == "front")
                for name, value in cells.items()
            }


def from_anki(text: str) -> Iterator[dict[str, str]]:
    """The rows of Anki's text file as Markdown: its first field, its second, and all others."""
    lines = lines_of(text)
    heads = [line.rstrip("\r\n")[1:] for line in takewhile(lambda each: each[0] == "#", lines)]
    about = dict(head.split(":", 1) for head in heads if ":" in head)
    if about.get("separator") != "tab" or about.get("html") != "true":
        sys.exit("export the notes again, as Notes in Plain Text, with HTML")
    special = {int(value) - 1: name for name, value in about.items() if name.endswith(" column")}
    for row in csv.reader(lines[len(heads) :], delimiter="\t"):
        fields = [cell for place, cell in enumerate(row) if place not in special]
        tags = [cell for place, cell in enumerate(row) if special.get(place) == "tags column"]
        cloze = CLOZE.search(fields[0]) is not None
        front, back, *others = (
            from_html(cell, cloze and place == 0) for place, cell in enumerate([*fields, ""])
        )
        extra = "<br>".join(filter(None, others))
        yield {"front": front, "back": back, "extra": extra, "tags": " ".join(tags)}


def lines_of(text: str) -> list[str]:
    """The lines of a table, with their ends; `splitlines` would know more ends than tables do."""
    return StringIO(text, newline="").readlines()


# ------------------------------------------------------------------ text


class Html(HTMLParser):
    """The HTML of a field in Anki, as text with marks for what Markdown has."""

    def __init__(self) -> None:
        super().__init__()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Line breaks, pictures, and the few tags that crss-deck knows too."""
        if tag in LINE_TAGS:
            self.text += "\n"
        elif tag == "img":
            self.text += f"\0img:{dict(attrs).get('src')}\0"
        elif tag in KEPT_TAGS:
            self.text += f"\0<{tag}>\0"

    def handle_endtag(self, tag: str) -> None:
        """The ends of the tags that are kept."""
        if tag in KEPT_TAGS:
            self.text += f"\0</{tag}>\0"

    def handle_data(self, data: str) -> None:
        """Blanks and line ends of HTML are blanks."""
        self.text += re.sub(r"[ \t\r\n]+", " ", data)


SPECIAL = re.compile(r"(\0[^\0]*\0|\[sound:[^\]]*\]|\\\(.*?\\\)|\\\[.*?\\\])")
"""The marks that `Html` makes, and Anki's sounds and formulas."""


def from_html(html: str, cloze: bool) -> str:
    """A field of Anki as Markdown."""
    reader = Html()
    reader.feed(html)
    reader.close()
    lines = []
    for line in reader.text.split("\n"):
        parts = enumerate(SPECIAL.split(line.strip()))
        lines.append("".join(special(p) if n % 2 else escaped(p, cloze) for n, p in parts))
    return on_one_line(lines)


def special(part: str) -> str:
    """A picture, a tag, a sound or a formula."""
    if part.startswith("\0img:"):
        return f"![{escaped(PurePosixPath(part[5:-1]).stem)}](media/{quote(part[5:-1])})"
    if part.startswith("\0"):
        return part[1:-1]
    if part.startswith("[sound:"):
        return f"![](media/{quote(part[7:-1])})"
    return f"${part[2:-2].strip()}$"


def from_text(text: str, cloze: bool) -> str:
    """The text of a cell as Markdown that shows just that; in a cloze note, with its clozes."""
    return on_one_line([escaped(line.strip(), cloze) for line in text.splitlines()])


def on_one_line(lines: list[str]) -> str:
    """Lines joined by `<br>`; what would begin a list or the like is escaped."""
    joined = "<br>".join(filter(None, lines))
    return re.sub(r"^([-+>#|]|[0-9]+(?=[.)]))", escape_first, joined)


def escape_first(match: re.Match[str]) -> str:
    """What would begin a list, a heading or the like."""
    return f"{match[0]}\\" if match[0].isdigit() else f"\\{match[0]}"


def escaped(text: str, cloze: bool = False) -> str:
    """Text with what Markdown would read as a mark escaped, but for clozes."""
    text = re.sub(r"[\\`*\[<$~]|(?<!\w)_|_(?!\w)|&(?=#?\w+;)", r"\\\g<0>", text)
    return text if cloze else re.sub(r"\{\{+|\}\}+", lambda m: "\\" + "\\".join(m[0]), text)


def note(row: dict[str, str], media: list[str]) -> str:
    """A row as a note; what a cloze note has as its back is explanation."""
    if CLOZE.search(row["front"]):
        fields = [("C", row["front"])]
        row["extra"] = "<br>".join(filter(None, (row.get("back"), row.get("extra"))))
    else:
        fields = [("Q", row["front"]), ("A", row.get("back", ""))]
    fields += [(name.capitalize(), row[name]) for name in FIELDS if row.get(name)]
    text = "\n\n".join(f"{label}: {value}" for label, value in fields) + "\n"
    media += re.findall(r"\(media/([^)]*)\)", text)
    tags = " ".join(map(tag, row.get("tags", "").split()))
    about = [f"{key}: {value}" for key, value in (("id", row.get("id")), ("tags", tags)) if value]
    return f"{text}<!-- {'; '.join(about)} -->\n" if about else text


def tag(name: str) -> str:
    """A tag without the characters that a deck cannot have."""
    parts = (re.sub(r"[^\w-]+", "-", part).strip("-") for part in name.split("::"))
    return "::".join(filter(None, parts))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python notes_from_table.py TABLE NOTES.md")
    main(*sys.argv[1:])
