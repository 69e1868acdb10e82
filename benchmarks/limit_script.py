"""What no program in Python can be much faster than: a parser in Rust, and rows written at once.

    python benchmarks/limit_script.py SOURCE OUT.apkg

The limit of the benchmarks, not a tool. It cuts files into notes as plain_script.py does, renders
them with pyromark, writes the tables of Anki's oldest format itself, and zips; it loads nothing
else. Needs pyromark; Anki imports what it writes.
"""

import json
import re
import sqlite3
import sys
import zipfile
from pathlib import Path

from pyromark import Options, html

SCHEMA = """
CREATE TABLE col (id INTEGER PRIMARY KEY, crt, mod, scm, ver, dty, usn, ls, conf, models, decks,
    dconf, tags);
CREATE TABLE notes (id INTEGER PRIMARY KEY, guid, mid, mod, usn, tags, flds, sfld, csum, flags,
    data);
CREATE TABLE cards (id INTEGER PRIMARY KEY, nid, did, ord, mod, usn, type, queue, due, ivl, factor,
    reps, lapses, left, odue, odid, flags, data);
CREATE TABLE revlog (id INTEGER PRIMARY KEY, cid, usn, ease, ivl, lastIvl, factor, time, type);
CREATE TABLE graves (usn, oid, type);
"""
BASIC, CLOZE, DECK, NOW = 1_600_000_001, 1_600_000_002, 1_600_000_003, 1_700_000_000
OPTIONS = Options.ENABLE_TABLES | Options.ENABLE_MATH


def model(id: int, name: str, fields: list[str], front: str, back: str) -> dict[str, object]:
    """A note type as Anki stores it."""
    template = {"name": "Card", "ord": 0, "qfmt": front, "afmt": back, "did": None}
    template |= {"bqfmt": "", "bafmt": ""}
    return {
        **{"id": id, "name": name, "type": int(id == CLOZE), "mod": NOW, "usn": -1, "sortf": 0},
        **{"did": DECK, "tmpls": [template], "css": "", "latexPre": "", "latexPost": ""},
        "flds": [
            {"name": field, "ord": place, "sticky": False, "rtl": False, "font": "", "size": 20}
            for place, field in enumerate(fields)
        ],
        "req": [[0, "any", [0]]],
    }


notes: list[tuple[object, ...]] = []
cards: list[tuple[object, ...]] = []
for path in sorted(Path(sys.argv[1]).glob("*.md")):
    for text in re.split(r"^<!-- id:.*-->$", path.read_text("utf-8"), flags=re.M)[:-1]:
        text = re.sub(r"^# .*\n", "", text.strip(), flags=re.M)
        kind, numbers = CLOZE, set(re.findall(r"\{\{c(\d+)::", text))
        if text.startswith("Q: "):
            kind, numbers = BASIC, {"1"}
            front, _, back = text[3:].partition("\n\nA:")
            fields = f"{html(front, options=OPTIONS)}\x1f{html(back.strip(), options=OPTIONS)}"
        else:
            fields = html(text.removeprefix("C: "), options=OPTIONS)
        id = NOW * 1000 - len(notes) * 1000
        notes.append((id, f"limit-{len(notes)}", kind, NOW, -1, "", fields, "", 0, 0, ""))
        for number in numbers:
            place = id + int(number), id, DECK, int(number) - 1, NOW, -1
            cards.append((*place, 0, 0, len(notes), 0, 0, 0, 0, 0, 0, 0, 0, ""))

models = [
    model(BASIC, "Basic", ["Front", "Back"], "{{Front}}", "{{FrontSide}}<hr id=answer>{{Back}}"),
    model(CLOZE, "Cloze", ["Text"], "{{cloze:Text}}", "{{cloze:Text}}"),
]
deck = {"id": DECK, "name": "Limit", "desc": "", "mod": NOW, "usn": -1, "dyn": 0, "conf": 1}
deck |= {"collapsed": False, "extendNew": 0, "extendRev": 0}
deck |= {name: [0, 0] for name in ("newToday", "revToday", "lrnToday", "timeToday")}
database = sqlite3.connect(":memory:")
database.executescript(SCHEMA)
by_id = (json.dumps({str(each["id"]): each for each in models}), json.dumps({str(DECK): deck}))
database.execute(
    "INSERT INTO col VALUES (1, ?, ?, ?, 11, 0, 0, 0, '{}', ?, ?, '{}', '{}')",
    (NOW, NOW * 1000, NOW * 1000, *by_id),
)
database.executemany(f"INSERT INTO notes VALUES ({'?,' * 10}?)", notes)
database.executemany(f"INSERT INTO cards VALUES ({'?,' * 17}?)", cards)
database.commit()
with zipfile.ZipFile(sys.argv[2], "w") as archive:
    archive.writestr("collection.anki2", database.serialize())
    archive.writestr("media", "{}")
