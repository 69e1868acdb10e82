"""A preview that is served on this machine alone, and follows each save of its source."""

from __future__ import annotations

import errno
import os
import secrets
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import TCPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from crss_deck.apkg import PackageError
from crss_deck.preview import Preview, Previewer, page_data, page_html, script_json
from crss_deck.report import os_reason, printable

HOST = "127.0.0.1"
POLL = 0.025
"""Seconds between two looks at the files; looking takes no more than a tenth of the time."""
SETTLE = 0.01
"""Seconds in which a file must not change any more: many editors empty it before they write."""
MAX_SETTLING = 1.0
BREATH = 15.0
"""Seconds after which a browser hears that it is still connected."""

BEFORE = "The source has errors. These cards are from before it had them."

Stamps = dict[str, tuple[int, ...]]


def stamps(source: Path) -> Stamps:
    """What tells whether a file has changed, for every file of a source."""
    found: Stamps = {}
    waiting = [os.fspath(source)]
    while waiting:
        path = waiting.pop()
        try:
            status = os.stat(path)  # noqa: PTH116 # this runs for every file, many times a second
            if stat.S_ISDIR(status.st_mode):
                with os.scandir(path) as entries:
                    waiting += [
                        e.path
                        for e in entries
                        if not e.name.startswith((".", "_"))
                        and not (e.is_symlink() and e.is_dir())  # as `read_deck`
                    ]
                continue
        except OSError:
            continue  # gone meanwhile, or not to be read: whoever reads it says so
        found[path] = (status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino)
    return found


def _settled(source: Path, known: Stamps) -> Stamps:
    """The stamps, once they have stopped changing."""
    until = time.monotonic() + MAX_SETTLING
    while time.monotonic() < until:
        time.sleep(SETTLE)
        now = stamps(source)
        if now == known:
            break
        known = now
    return known


class Watch:
    """The preview of a source as it is now, or as it was before errors; servers wait for it."""

    def __init__(self, source: str | os.PathLike[str]) -> None:
        self._previewer = Previewer(source)
        self._changed = threading.Condition()
        self._session = secrets.token_hex(4)
        self._number = 0
        self._stamps = stamps(Path(source))
        self.preview = self._previewer.look()

    @property
    def state(self) -> str:
        """A name for what is shown now; another run of the command has others."""
        return f"{self._session}.{self._number}"

    def look(self, *, clock: int | None = None) -> Preview | None:
        """What came of the source if it has changed; the errors alone if it has errors."""
        source = self._previewer.source
        now = stamps(source)
        if now == self._stamps:
            return None
        self._stamps = _settled(source, now)
        try:
            found = self._previewer.look(clock=clock)
        except (OSError, PackageError) as error:
            reason = os_reason(error) if isinstance(error, OSError) else str(error)
            found = Preview("Preview", (f"error: {printable(reason)}",), "1 error", broken=True)
        shown = found
        if found.broken and self.preview.cards:
            shown = self.preview._replace(
                findings=found.findings, summary=found.summary, notices=(BEFORE,)
            )
        if shown._replace(diagnostics=()) != self.preview._replace(diagnostics=()):
            with self._changed:
                self.preview = shown
                self._number += 1
                self._changed.notify_all()
        return found

    def follow(self) -> Iterator[Preview]:
        """Each change of the source, for ever."""
        while True:
            began = time.monotonic()
            found = self.look()
            if found is not None:
                yield found
            else:
                time.sleep(max(POLL, 9 * (time.monotonic() - began)))

    def updates(self, have: str) -> Iterator[tuple[str, str]]:
        """A state and its data for a browser, at once unless it has them, and after each change.

        The data are empty when nothing has changed for a while.
        """
        with self._changed:
            return self._updates(self.preview if have == self.state else None, have)

    def _updates(self, old: Preview | None, have: str) -> Iterator[tuple[str, str]]:
        while True:
            with self._changed:
                if self.state == have:
                    self._changed.wait(BREATH)
                new, state = self.preview, self.state
            yield state, script_json(page_data(new, old, state=state)) if state != have else ""
            old, have = new, state


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # On Windows it would let two programs have one port.
    allow_reuse_address = os.name != "nt"

    def __init__(self, watch: Watch, port: int) -> None:
        self.watch = watch
        super().__init__((HOST, port), _Handler)

    def server_bind(self) -> None:
        """Without asking for the name of this machine, which can take seconds."""
        TCPServer.server_bind(self)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that went away is no fault."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    server_version = "crss-deck"
    sys_version = ""

    def do_GET(self) -> None:
        port = self.server.server_address[1]
        if self.headers.get("Host") not in (f"{HOST}:{port}", f"localhost:{port}"):
            # Another site's name that was made to lead here: it must not read the deck.
            self.send_error(HTTPStatus.MISDIRECTED_REQUEST)
            return
        address = urlsplit(self.path)
        if address.path == "/":
            watch = self.server.watch
            self._begin("text/html; charset=utf-8")
            state = watch.state  # before the preview: at worst the browser gets news twice
            self.wfile.write(page_html(watch.preview, state=state).encode())
        elif address.path == "/events":
            have = parse_qs(address.query).get("have", [""])[0]
            have = self.headers.get("Last-Event-ID") or have
            self._begin("text/event-stream; charset=utf-8")
            for state, data in self.server.watch.updates(have):
                event = f"id: {state}\ndata: {data}\n\n" if data else ": still here\n\n"
                self.wfile.write(event.encode())
                self.wfile.flush()
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    def _begin(self, kind: str) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", kind)
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Content-Security-Policy", "frame-ancestors 'none'")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """What a browser asks for is nothing to talk of."""


@contextmanager
def serve(watch: Watch, port: int = 0) -> Iterator[str]:
    """Serve what a watch shows, on a port of this machine or on any; the address of the page.

    Raises OSError if the port is taken.
    """
    try:
        server = _Server(watch, port)
    except OSError as error:
        if error.errno in (errno.EADDRINUSE, errno.EACCES):
            raise OSError(error.errno, error.strerror, f"{HOST}:{port}") from None
        raise
    thread = threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True)
    thread.start()
    try:
        yield f"http://{HOST}:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()
