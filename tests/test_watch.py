"""`preview --watch`: what it serves to whom, what it makes of a save, and how it ends."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from command_helper import crss_deck_command, environment
from deck_helper import DECK_TOML, PEER_PNG

from crss_deck import build_deck
from crss_deck.watch import BEFORE, Watch, serve, stamps

GOOD = "Q: a\n\nA: one\n<!-- id: x -->\n\nQ: c\n\nA: d\n<!-- id: y -->\n"
BETTER = GOOD.replace("one", "two")
BROKEN = "Q: a\n\nA: b\n\nHnit: c\n<!-- id: x -->\n"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A deck folder with two notes in one file, and a file that is never changed."""
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "deck.toml").write_text(DECK_TOML, encoding="utf-8")
    (folder / "notes.md").write_text(GOOD, encoding="utf-8")
    (folder / "other.md").write_text("Q: e\n\nA: f\n<!-- id: z -->\n", encoding="utf-8")
    return folder


def in_place(path: Path, text: str) -> None:
    """Save as editors do that empty a file and then write it."""
    path.write_text(text, encoding="utf-8")


def by_replacing(path: Path, text: str) -> None:
    """Save as editors do that write beside a file and put that in its place."""
    beside = path.with_name(".notes.md.swp")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)


def by_moving_away(path: Path, text: str) -> None:
    """Save as editors do that keep the old file as a backup."""
    path.replace(path.with_name("_notes.md~"))
    path.write_text(text, encoding="utf-8")


# ------------------------------------------------------------------ what is seen of a save


@pytest.mark.parametrize("save", [in_place, by_replacing, by_moving_away])
def test_a_save_is_seen(source: Path, save: Any) -> None:
    """However an editor saves; a look without a save sees nothing."""
    watch = Watch(source)
    assert watch.look() is None
    before = watch.state
    save(source / "notes.md", BETTER)
    found = watch.look()
    assert found is not None
    assert "two" in found.cards[0].back
    assert watch.preview == found
    assert watch.state != before
    assert watch.look() is None


def test_a_new_file_and_a_lost_one_are_seen(source: Path) -> None:
    """Files come and go, pictures too."""
    watch = Watch(source)
    (source / "more").mkdir()
    (source / "more" / "peer.png").write_bytes(PEER_PNG)
    notes = "Q: g ![h](peer.png)\n\nA: i\n<!-- id: w -->\n"
    (source / "more" / "new.md").write_text(notes, encoding="utf-8")
    found = watch.look()
    assert found is not None
    assert (len(found.cards), len(found.media)) == (4, 1)
    shutil.rmtree(source / "more")
    found = watch.look()
    assert found is not None
    assert (len(found.cards), len(found.media)) == (3, 0)


def test_what_is_no_part_of_the_deck_is_not_watched(source: Path) -> None:
    """An editor's own files, and whatever is hidden, start nothing."""
    before = stamps(source)
    for name in (".notes.md.swp", "_draft.md"):
        (source / name).write_text("x", encoding="utf-8")
    (source / ".git").mkdir()
    (source / ".git" / "index").write_text("x", encoding="utf-8")
    assert stamps(source) == before


def test_a_save_that_changes_nothing_is_no_news(source: Path) -> None:
    """A file is only touched: browsers hear nothing."""
    watch = Watch(source)
    state = watch.state
    os.utime(source / "notes.md", (1, 1))
    assert watch.look() is not None
    assert watch.state == state


def test_a_broken_save_keeps_the_cards(source: Path) -> None:
    """The errors are shown with the last good cards, until a save mends them."""
    watch = Watch(source)
    good = watch.preview
    in_place(source / "notes.md", BROKEN)
    found = watch.look()
    assert found is not None and found.broken
    assert watch.preview.cards == good.cards
    assert watch.preview.notices == (BEFORE,)
    assert any("error[misspelt-label]" in text for text in watch.preview.findings)
    in_place(source / "notes.md", BETTER)
    assert watch.look() == watch.preview
    assert not watch.preview.findings
    assert not watch.preview.notices


@pytest.mark.parametrize("name", ["deck.toml", ""])
def test_a_deck_that_is_gone_keeps_the_cards(source: Path, name: str) -> None:
    """The folder or its deck.toml may be away for a while."""
    watch = Watch(source)
    away = source.with_name("away")
    (source / name).replace(away)
    found = watch.look()
    assert found is not None and found.broken
    assert len(watch.preview.cards) == 3
    assert watch.preview.findings[0].startswith("error: ")
    away.replace(source / name)
    watch.look()
    assert watch.preview.findings == ()


def test_a_deck_may_be_broken_at_first(source: Path) -> None:
    """Then there are errors and no cards, until the first good save."""
    in_place(source / "notes.md", BROKEN)
    watch = Watch(source)
    assert watch.preview.broken
    assert watch.preview.cards == ()
    in_place(source / "notes.md", GOOD)
    watch.look()
    assert len(watch.preview.cards) == 3


def test_a_package_is_watched_too(source: Path, tmp_path: Path) -> None:
    """Each build of it is a save."""
    package = build_deck(source, tmp_path / "build", clock=1_700_000_000).path
    watch = Watch(package)
    in_place(source / "notes.md", BETTER)
    build_deck(source, tmp_path / "build", clock=1_700_000_001)
    watch.look()
    assert "two" in watch.preview.cards[0].back
    package.write_bytes(b"half a package")
    watch.look()
    assert len(watch.preview.cards) == 3
    assert "not a deck package" in watch.preview.findings[0]


# ------------------------------------------------------------------ what is sent


def test_only_what_has_changed_is_sent(source: Path) -> None:
    """A browser gets the changed card; one that has nothing, or an older state, gets all."""
    watch = Watch(source)
    known, first = watch.updates(watch.state), watch.updates("of another run")
    state, text = next(first)
    assert state == watch.state
    assert len(json.loads(text)["cards"]) == 3
    in_place(source / "notes.md", BETTER)
    watch.look()
    for updates in (known, first):
        state, text = next(updates)
        sent = json.loads(text)
        assert state == sent["state"] == watch.state
        (card,) = sent["cards"].values()
        assert "two" in card["back"]
        assert len(sent["order"]) == 3
        assert sent["media"] == {}


def test_a_browser_that_waits_is_woken(source: Path) -> None:
    """News reach a browser that was there before them."""
    watch = Watch(source)
    updates = watch.updates(watch.state)
    got: list[str] = []
    waiting = threading.Thread(target=lambda: got.append(next(updates)[1]))
    waiting.start()
    in_place(source / "notes.md", BETTER)
    watch.look()
    waiting.join(timeout=30)
    assert "two" in got[0]


# ------------------------------------------------------------------ the server


@pytest.fixture
def served(source: Path) -> Iterator[tuple[Watch, int]]:
    """A deck that is served, and the port."""
    watch = Watch(source)
    with serve(watch) as address:
        assert address.startswith("http://127.0.0.1:")
        yield watch, int(address.rpartition(":")[2].rstrip("/"))


def asked(
    port: int, path: str = "/", method: str = "GET", **headers: str
) -> http.client.HTTPResponse:
    """The answer to a request."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request(method, path, headers=headers)
    return connection.getresponse()


def test_the_page_is_served(served: tuple[Watch, int]) -> None:
    """Whole, never from a cache, in nobody's frame, and it may speak with its server alone."""
    watch, port = served
    answer = asked(port)
    text = answer.read().decode()
    assert answer.status == 200
    assert f'"state":"{watch.state}"' in text
    assert "connect-src 'self'" in text
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Security-Policy"] == "frame-ancestors 'none'"
    assert answer.headers["Server"].strip() == "crss-deck"
    assert asked(port, Host=f"localhost:{port}").status == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:1", "", "[::1]:80"])
def test_another_name_is_refused(served: tuple[Watch, int], host: str) -> None:
    """A page of another site that leads its own name here must not read the deck."""
    for path in ("/", "/events"):
        answer = asked(served[1], path, Host=host)
        assert answer.status == 421
        assert b"two" not in answer.read()


@pytest.mark.parametrize(
    "path", ["/notes.md", "/../source/notes.md", "//etc/passwd", "/%2e%2e/deck.toml", "/x"]
)
def test_no_file_is_served(served: tuple[Watch, int], path: str) -> None:
    """There is nothing but the page and its news."""
    assert asked(served[1], path).status == 404


def test_nothing_can_be_sent(served: tuple[Watch, int]) -> None:
    """Reading is all that is possible."""
    for method in ("POST", "PUT", "DELETE"):
        assert asked(served[1], method=method).status == 501


def test_it_listens_on_this_machine_alone(served: tuple[Watch, int]) -> None:
    """Nobody in the same network can reach it."""
    with pytest.raises(OSError):
        http.client.HTTPConnection("127.0.0.2", served[1], timeout=5).connect()


def test_news_are_served(served: tuple[Watch, int], source: Path) -> None:
    """As events with a name, by which a browser that lost its connection goes on."""
    watch, port = served
    answer = asked(port, f"/events?have={watch.state}")
    in_place(source / "notes.md", BETTER)
    watch.look()
    name, text = answer.readline().decode(), answer.readline().decode()
    assert name == f"id: {watch.state}\n"
    assert text.startswith("data: {") and "two" in text
    again = asked(port, "/events?have=old", **{"Last-Event-ID": watch.state})
    in_place(source / "notes.md", GOOD)
    watch.look()
    assert again.readline().decode() == f"id: {watch.state}\n"


def test_a_port_that_is_taken(source: Path, served: tuple[Watch, int]) -> None:
    """It is said which."""
    with pytest.raises(OSError, match=f"127.0.0.1:{served[1]}"), serve(Watch(source), served[1]):
        pass


# ------------------------------------------------------------------ the command


@pytest.fixture
def running(source: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command at work, and the address it printed."""
    with subprocess.Popen(
        crss_deck_command("preview", "--watch", "source"),
        cwd=source.parent,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    ) as process:
        assert process.stdout is not None
        yield process, process.stdout.readline().rstrip("\n")
        process.kill()


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_it_follows_saves_until_it_is_ended(
    running: tuple[subprocess.Popen[str], str], source: Path, number: int, code: int
) -> None:
    """It tells what each save gave, and ends quietly, whoever still listens."""
    process, address = running
    assert process.stderr is not None
    port = int(address.rpartition(":")[2].rstrip("/"))
    assert process.stderr.readline() == "3 cards\n"
    assert process.stderr.readline() == "watching source; Ctrl+C ends it\n"
    listening = asked(port, "/events?have=nothing")
    assert listening.readline().startswith(b"id: ")
    in_place(source / "notes.md", BETTER)
    assert re.fullmatch(r"--- \d\d:\d\d:\d\d\n", process.stderr.readline())
    assert process.stderr.readline() == "3 cards\n"
    in_place(source / "notes.md", BROKEN)
    assert process.stderr.readline().startswith("--- ")
    assert process.stderr.readline().startswith("error[misspelt-label]")
    while process.stderr.readline() != "1 error\n":
        pass
    process.send_signal(number)
    _, rest = process.communicate(timeout=30)
    assert rest.strip() == ""
    assert process.returncode == code
