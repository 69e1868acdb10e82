"""Markdown of strangers: nothing is run, fetched or read elsewhere, and nothing takes for ever.

That fields hold only our own elements is in test_properties.py too, for well-formed files.
"""

# ruff: noqa: E501  # tables of inputs, one a line
from __future__ import annotations

import io
import json
import re
import sqlite3
import subprocess
import sys
import sysconfig
import warnings
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from html.parser import HTMLParser
from pathlib import Path
from threading import Timer

import pytest
from command_helper import CLOCK, environment
from deck_helper import DECK_TOML, PEER_PNG, small_deck
from hypothesis import given, settings
from hypothesis import strategies as st

import crss_deck
from crss_deck import PackageError, SourceFolder, compile_deck, read_apkg
from crss_deck.apkg import package_bytes

# ------------------------------------------------------------------ what a build touches

_WATCHED = """
import json, sys
from pathlib import Path
report = sys.argv.pop(1)
seen = []
WATCHED = ("open", "os.listdir", "os.scandir", "os.rename", "os.remove", "os.mkdir", "os.rmdir",
           "os.symlink", "os.link", "os.chmod", "os.truncate", "shutil.", "sqlite3.connect")
BARRED = ("socket.", "subprocess.", "os.exec", "os.system", "os.spawn", "os.posix_spawn",
          "os.fork", "os.forkpty", "os.startfile", "ctypes.", "urllib.", "http.", "ftplib.",
          "smtplib.", "webbrowser.", "pty.", "pickle.")
def hook(event, arguments):
    if event.startswith(BARRED):
        seen.append(["barred", event])
    elif event.startswith(WATCHED):
        paths = arguments[:2] if event in ("os.rename", "os.link", "os.symlink") else arguments[:1]
        seen.extend([event, each.decode() if isinstance(each, bytes) else str(each)]
                    for each in paths if isinstance(each, (str, bytes, Path)))
from crss_deck import cli
import crss_deck.build, crss_deck.compiler, crss_deck.report, sqlite3, zipfile
sys.addaudithook(hook)
code = cli.run()
found = list(seen)
Path(report).write_text(json.dumps(found))
sys.exit(code)
"""
HARMLESS = """\
Q: `os.system("touch /tmp/x")` and \\input{/etc/passwd} and &lt;script src="//x.org"&gt;?

A: $\\input{/etc/passwd}$ and ![p](media/p.png) and <https://example.org/?a=../../etc/passwd>

```python
import socket; socket.create_connection(("example.org", 80))
```
<!-- id: one; tags: a::b -->
"""
HOSTILE = """\
---
source: !!python/object/apply:os.system ["touch owned"]
---
Q: ![a](../secret.png) ![b](/etc/passwd) ![c](media/../../secret.png) ![d](file:///etc/passwd)

A: ![e](https://example.org/e.png) ![f](link.png) ![g](folder/secret.png) <img src=/etc/hosts>
<!-- id: two -->
"""


def watched(folder: Path, *arguments: str) -> tuple[int, list[tuple[str, str]]]:
    """Run the command in a folder: its exit code, and what it opened, listed, moved or called."""
    report = folder / "report.json"
    done = subprocess.run(
        [sys.executable, "-B", "-c", _WATCHED, str(report), *arguments],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, [(event, what) for event, what in json.loads(report.read_text())]


def strangers(folder: Path, seen: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """What lies neither in the source folder, nor in the output folder, nor in Python's own."""
    own = [folder / "source", folder / "out", Path(crss_deck.__file__).parent]
    own += [Path(path) for path in sysconfig.get_paths().values()]
    own += [Path(path) for path in sys.path if path.endswith("packages")]
    allowed = {str(folder / "out"), ":memory:", "/dev/null"}
    return [
        (event, what)
        for event, what in seen
        if event == "barred"
        or (
            what not in allowed
            and not any((folder / what).resolve().is_relative_to(each.resolve()) for each in own)
        )
    ]


@pytest.fixture
def deck(tmp_path: Path) -> Path:
    """A folder with a deck, beside a file that is nobody's business."""
    (tmp_path / "source" / "media").mkdir(parents=True)
    (tmp_path / "source" / "deck.toml").write_text(DECK_TOML, encoding="utf-8")
    (tmp_path / "source" / "media" / "p.png").write_bytes(PEER_PNG)
    (tmp_path / "secret.png").write_bytes(PEER_PNG)
    return tmp_path


def test_a_build_touches_only_its_own_files(deck: Path) -> None:
    """A build opens the deck's files, its output and Python's own; no network, no process."""
    (deck / "source" / "notes.md").write_text(HARMLESS, encoding="utf-8")
    code, seen = watched(deck, "build", "source", "-o", "out")
    assert code == 0
    assert strangers(deck, seen) == []
    assert any(what.endswith("notes.md") for _, what in seen)
    assert any(".apkg" in what for _, what in seen)
    assert sorted(path.name for path in deck.iterdir()) == [
        "out", "report.json", "secret.png", "source",
    ]  # fmt: skip


@pytest.mark.parametrize("command", ["check source", "build source -o out", "check source --fix"])
def test_a_hostile_deck_reaches_nothing(deck: Path, command: str) -> None:
    """What points out of the deck is refused by its name alone, never opened."""
    (deck / "source" / "notes.md").write_text(HOSTILE, encoding="utf-8")
    if sys.platform != "win32":
        (deck / "source" / "link.png").symlink_to(deck / "secret.png")
        (deck / "source" / "folder").symlink_to(deck)
    code, seen = watched(deck, *command.split())
    assert code == 1
    assert strangers(deck, seen) == []
    assert not [what for event, what in seen if event == "open" and "secret" in what]
    assert not (deck / "out").exists()
    assert not (deck / "source" / "owned").exists()


# ------------------------------------------------------------------ time

LIMIT = 20
"""Seconds after which a worker is killed: far more than any input here takes."""


def _note(front: str) -> str:
    return f"Q: {front}\n\nA: b\n<!-- id: a -->\n"


def _front_matter(text: str) -> str:
    return f"---\n{text}\n---\n{_note('a')}"


N = 2000
# fmt: off
PATHOLOGICAL: dict[str, Callable[[], str]] = {
    # of cmark and markdown-it
    "nested strong emphasis": lambda: _note("*a **a " * N + "b" + " a** a*" * N),
    "many emphasis closers": lambda: _note("a_ " * N * 5),
    "many emphasis openers": lambda: _note("_a " * N * 5),
    "many link closers": lambda: _note("a]" * N * 5),
    "many link openers": lambda: _note("[a" * N * 2),
    "mismatched openers and closers": lambda: _note("*a_ " * N * 4),
    "openers and closers, multiples of 3": lambda: _note("a**b" + "c* " * N * 4),
    "link openers and emphasis closers": lambda: _note("[ a_" * N * 2),
    "pattern [ (](": lambda: _note("[ (](" * N * 4),
    "pattern ![[]()": lambda: _note("![[]()" * N * 2),
    "hard link": lambda: _note("**x [a*b**c*](d)" * N),
    "nested brackets": lambda: _note("[" * N * 5 + "a" + "]" * N * 5),
    "nested block quotes": lambda: _note("x\n\n" + "> " * N * 5 + "a"),
    "deeply nested lists": lambda: _note("x\n\n" + "".join(f"{'  ' * x}* a\n" for x in range(500))),
    "NUL": lambda: _note("abc\0xyz\0\0" * N),
    "backquotes": lambda: _note("".join("e" + "`" * x for x in range(1, 500))),
    "unclosed links <": lambda: _note("[a](<b" * N * 4),
    "unclosed links": lambda: _note("[a](b" * N * 4),
    "unclosed comments": lambda: _note("</" + "<!--" * N * 4),
    "unclosed <?": lambda: _note("a <?" * N * 4),
    "unclosed <!A": lambda: _note("a <!A " * N * 4),
    "unclosed CDATA": lambda: _note("a <![CDATA[" * N * 2),
    "empty lines in lists": lambda: _note("x\n\n- " + "\n" * N * 5 + "a"),
    "tables": lambda: _note("x\n\n" + "|a" * N + "\n" + "|-" * N + "\n" + "|a" * N),
    "wide tables with short rows": lambda: _note("x\n\n" + "a|" * 300 + "\n" + "-|" * 300 + "\n" + "b\n" * N),
    "many references": lambda: "".join(f"[r{i}]: https://x.org/{i}\n\n" for i in range(N)) + _note("".join(f"[r{i}]" for i in range(N))),
    "references in a paragraph": lambda: "".join(f"[r{i}]: /u\n" for i in range(N * 2)) + "\n" + _note("[x]" * N),
    "a misspelt cloze with many numbers": lambda: _note("{{c" + "1," * N * 10),
    "a misspelt cloze with many digits": lambda: _note("{{c" + "1" * N * 10 + " {{1" + "c1" * N * 10),
    "many halves of clozes": lambda: _note("[c1:: " * N * 8 + "{c1:: " * N * 8),
    "many backslashes": lambda: _note("\\" * N * 10),
    "entities": lambda: _note("&#x" + "0" * N * 10 + ";" + "&" * N * 5),
    "autolinks": lambda: _note("<https://" * N * 2),
    # of our own syntax and regular expressions
    "dollars": lambda: _note("$" * (N * 10 + 1)),
    "dollar blocks": lambda: "$$\na\n\n" * N + _note("x"),
    "math of braces": lambda: _note("$" + "{" * N * 10 + "$"),
    "opening braces": lambda: _note("{{ " * N * 2),
    "closing braces": lambda: _note("}} " * N * 2),
    "clozes in clozes": lambda: "".join(f"{{{{c{i % 499 + 1}::" for i in range(N * 2)) + "a" + "}}" * N * 2 + "\n<!-- id: a -->\n",
    "crossing clozes": lambda: "{{c1::*a " * N + "}}* " * N + "\n",
    "cloze digits": lambda: "{{c" + "1" * N * 10 + "::a}}\n",
    "colons in a cloze": lambda: "{{c1::" + "::" * N * 5 + "}}\n<!-- id: a -->\n",
    "tildes": lambda: _note("~~a " * N * 4),
    "labels": lambda: "Q: a\nA: b\n" * N,
    "near labels": lambda: "Hnit: a\n" * N,
    "gap before a colon": lambda: "Q" + " " * N * 20 + ":x\n",
    "metadata": lambda: "Q: a\n\nA: b\n<!-- id: a; tags: " + "x " * N * 10 + "-->\n",
    "metadata entries": lambda: "Q: a\n\nA: b\n<!-- id: a; " + "tagz: b; " * N + "-->\n",
    "long tag": lambda: "Q: a\n\nA: b\n<!-- id: a; tags: " + "a." * N * 10 + "! -->\n",
    "long key": lambda: "Q: a\n\nA: b\n<!-- id: " + "a-" * N * 10 + "! -->\n",
    "long allow": lambda: "Q: a\n\nA: b\n<!-- id: a; allow: " + "a" * N * 10 + " ( -->\n",
    "tags of HTML": lambda: _note("<u>" * N * 2 + "a" + "</u>" * N),
    "wiki links": lambda: _note("[[" * N * 4),
    "sound marks": lambda: _note("[sound:" * N * 4),
    "TeX brackets": lambda: _note("\\(" * N * 4),
    "combining marks": lambda: _note("e" + "\u0301" * N * 10),
    "deep YAML": lambda: _front_matter("tags: " + "[" * 9000),
    "nested YAML": lambda: _front_matter("tags: " + "{a: " * 4000),
    "YAML dashes": lambda: _front_matter("- " * 9000),
    "YAML questions": lambda: _front_matter("? " * 9000),
    "YAML quotes": lambda: _front_matter("'" * 19000),
    "code of braces": lambda: _note("x\n\n```python\n" + "(" * N * 4 + "\n```"),
    "code of slashes": lambda: _note("x\n\n```javascript\n" + "/" * N * 4 + "\n```"),
    "code of tags": lambda: _note("x\n\n```html\n" + "<a " * N * 4 + "\n```"),
    "notes without ids": lambda: "Q: a\n\nA: b\n\n" * N,
    "notes of one id": lambda: "Q: a\n\nA: b\n<!-- id: a -->\n\n" * N,
    "missing media": lambda: _note(" ".join(f"![a](x{i}.png)" for i in range(N))),
    "a line of megabytes": lambda: _note("a" * 7_900_000),
    "lines of nothing": lambda: "\n" * 1_000_000,
}
# fmt: on


class Worker:
    """A process that compiles inputs by name and is killed when one takes too long."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[str] | None = None

    def compile(self, name: str) -> str:
        """What an input came to: `package`, or the number of its diagnostics; empty if killed."""
        if self.process is None:
            self.process = subprocess.Popen(
                [sys.executable, __file__],
                env=environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        process = self.process
        assert process.stdin is not None
        assert process.stdout is not None
        timer = Timer(LIMIT, process.kill)
        timer.start()
        try:
            process.stdin.write(f"{name}\n")
            process.stdin.flush()
            outcome = process.stdout.readline()
        finally:
            timer.cancel()
        if not outcome:
            self.close()
        return outcome.strip()

    def close(self) -> None:
        """End the process."""
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process = None


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    """A process for all inputs that end in time."""
    worker = Worker()
    yield worker
    worker.close()


def serve() -> None:
    """Compile the inputs whose names come in, one a line."""
    for line in sys.stdin:
        files = {"deck.toml": DECK_TOML, "notes.md": PATHOLOGICAL[line.strip()]()}
        result = compile_deck(SourceFolder.of(files), clock=CLOCK)
        print("package" if result.package else f"{len(result.diagnostics)} found", flush=True)


@pytest.mark.parametrize("name", PATHOLOGICAL)
def test_a_pathological_input_takes_little_time(name: str, worker: Worker) -> None:
    """Each ends, in a package or in diagnostics, before its worker is killed."""
    outcome = worker.compile(name)
    assert outcome, f"killed after {LIMIT} s, or crashed"
    assert outcome == "package" or re.fullmatch(r"[1-9]\d* found", outcome)


def test_there_are_enough_pathological_inputs() -> None:
    """The 34 of CommonMark implementations are only a start."""
    assert len(PATHOLOGICAL) >= 34


# ------------------------------------------------------------------ packages of strangers


@pytest.fixture(scope="module")
def members() -> dict[str, bytes]:
    """What a good package holds."""
    notes = "Q: a ![p](p.png)\n\nA: b\n<!-- id: a -->\n"
    package = compile_deck(small_deck({"notes.md": notes, "p.png": PEER_PNG}), clock=CLOCK).package
    assert package is not None
    with zipfile.ZipFile(io.BytesIO(package_bytes(package))) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(members: Mapping[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    """A zip file of these members."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", compression) as archive:
        for name, member in members.items():
            archive.writestr(name, member)
    return content.getvalue()


def altered(collection: bytes, *statements: str) -> bytes:
    """A collection after some SQL."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.deserialize(collection)
        for statement in statements:
            connection.execute(statement)
        connection.commit()
        return connection.serialize()


def encrypted(package: bytes) -> bytes:
    """A zip file whose members all claim to be encrypted."""
    content = bytearray(package)
    for signature, flags in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        place = content.find(signature)
        while place >= 0:
            content[place + flags] |= 1
            place = content.find(signature, place + 4)
    return bytes(content)


SQL = {
    "a view that loads code": (
        "DROP TABLE notes",
        "CREATE VIEW notes AS SELECT 1 id, 2 guid, 3 mid, 4 mod, 5 tags, load_extension('x') flds",
    ),
    "a view without end": (
        "DROP TABLE cards",
        "CREATE VIEW cards AS WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c)"
        " SELECT x nid, x ord, x did, x due FROM c",
    ),
    "no row": ("DELETE FROM col",),
    "models no JSON": ("UPDATE col SET models = '{'",),
    "models deep": (f"UPDATE col SET models = '{'[' * 200_000}'",),
    "a number too long": (
        f"""UPDATE col SET models = replace(models, '"mod": ', '"mod": {"9" * 5000}')""",
    ),
    "fields no text": ("UPDATE notes SET flds = x'ff00'",),
    "a type that is text": ("PRAGMA writable_schema = on", "UPDATE notes SET mid = 'abc'"),
    "a deck that is not there": ("UPDATE cards SET did = 99",),
    "nothing but nulls": (
        "DROP TABLE notes",
        "CREATE TABLE notes (id, guid, mid, mod, tags, flds)",
        "INSERT INTO notes VALUES (1, NULL, NULL, NULL, NULL, NULL)",
    ),
}


@pytest.mark.parametrize("name", [*SQL, "encrypted", "a page of errors", "a bomb", "a torn page"])
def test_a_hostile_package_is_refused(name: str, members: dict[str, bytes], tmp_path: Path) -> None:
    """Whatever is inside, PackageError says it, at once, and nothing is written."""
    collection = members["collection.anki2"]
    if name in SQL:
        content = zipped({**members, "collection.anki2": altered(collection, *SQL[name])})
    elif name == "encrypted":
        content = encrypted(zipped(members))
    elif name == "a page of errors":
        content = b"<!DOCTYPE html><title>404 Not Found</title>" * 50
    elif name == "a bomb":
        content = zipped({**members, "0": bytes(300 * 1024 * 1024)}, zipfile.ZIP_DEFLATED)
        assert len(content) < 1_000_000
    else:
        torn = collection[:4000] + b"\xff" * 5000 + collection[9000:]
        content = zipped({**members, "collection.anki2": torn})
    path = tmp_path / "deck.apkg"
    path.write_bytes(content)
    with pytest.raises(PackageError):
        read_apkg(path)
    assert list(tmp_path.iterdir()) == [path]


def test_a_trigger_never_runs(members: dict[str, bytes], tmp_path: Path) -> None:
    """Reading changes nothing, so what waits for a change waits for ever."""
    trigger = "CREATE TRIGGER t AFTER UPDATE ON notes BEGIN DELETE FROM notes; END"
    path = tmp_path / "deck.apkg"
    collection = altered(members["collection.anki2"], trigger)
    path.write_bytes(zipped({**members, "collection.anki2": collection}))
    before = path.read_bytes()
    assert len(read_apkg(path).notes) == 1
    assert path.read_bytes() == before


def test_no_member_is_written_anywhere(members: dict[str, bytes], tmp_path: Path) -> None:
    """Members with paths that leave the folder are never unpacked."""
    path = tmp_path / "in" / "deck.apkg"
    path.parent.mkdir()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path.write_bytes(zipped({**members, "../evil": b"x", "/evil": b"x", "a/../../evil": b"x"}))
    read_apkg(path)
    assert sorted(tmp_path.rglob("*")) == [path.parent, path]


# ------------------------------------------------------------------ what reaches a card

# fmt: off
PIECES = (
    "<script>", "</script>", "<img src=x onerror=y>", "<svg onload=x>", "<u onclick=x>", "<u>",
    "</u>", "[a](javascript:x)", "[a](JAVASCRIPT&colon;x)", "![a](media/peer.png)", "[a](<", "](",
    "![\"onerror=x](media/peer.png)", "[a](https://x.org 'y\"z')", "<https://x.org/\"y>", "`<b>`",
    "{{c1::", "}}", "&lt;script&gt;", "&#60;b&#62;", "<!--", "-->", "$x<y$", "$\\text{<b>}$", "*",
    "\"", "'", "\n\n", "\n", "x", "|", "[sound:x]", "\\", "```html\n<b>\n```\n", "<style>", "&",
)
TAGS = {
    "a", "blockquote", "br", "code", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "img", "kbd",
    "li", "mark", "ol", "p", "pre", "rp", "rt", "ruby", "s", "small", "span", "strong", "sub",
    "sup", "table", "tbody", "td", "th", "thead", "tr", "u", "ul",
}
# fmt: on
ATTRIBUTES = {"href", "title", "src", "alt", "start", "class"}


class _Judge(HTMLParser):
    """Fails for each element, attribute or address that has no business on a card."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in TAGS
        for name, value in attrs:
            assert name in ATTRIBUTES
            if name == "href":
                assert re.match("(?i)(https?|mailto|tel):", value or "")
            if name == "src":
                assert re.fullmatch(r"[\w-]+\.\w+", value or "")

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)

    def handle_decl(self, decl: str) -> None:
        raise AssertionError(decl)

    def handle_pi(self, data: str) -> None:
        raise AssertionError(data)


@settings(max_examples=300)
@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join), st.booleans())
def test_nothing_live_reaches_a_field(text: str, cloze: bool) -> None:
    """However pieces of attacks meet, a card gets our own elements and safe addresses alone."""
    notes = f"C: a {{{{c1::b}}}} {text}" if cloze else f"Q: {text}\n\nA: c {text}"
    result = compile_deck(small_deck({"notes.md": f"{notes}\n<!-- id: a -->\n"}), clock=CLOCK)
    for note in result.package.notes if result.package else ():
        for html in note.fields:
            judge = _Judge()
            judge.feed(html)
            judge.close()


if __name__ == "__main__":
    serve()
