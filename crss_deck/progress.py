"""A line on a terminal that tells what long work is at, and is gone when it ends."""

from __future__ import annotations

import shutil
import threading
from typing import IO

AFTER = 1.0
"""Seconds of work without a word, and between two words."""


class Progress:
    """Says, once work has taken a second, what is done and for how long.

    The stream is a terminal that can go back to the beginning of its line; with None, nothing is
    ever said.
    """

    def __init__(self, doing: str, stream: IO[str] | None) -> None:
        self._doing = doing
        self._stream = stream
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._show, daemon=True)

    def step(self, doing: str) -> None:
        """Go on to the next step."""
        self._doing = doing

    def __enter__(self) -> Progress:
        if self._stream is not None:
            self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._ended.set()
        if self._stream is not None:
            self._thread.join()

    def _show(self) -> None:
        seconds = 0
        while not self._ended.wait(AFTER):
            seconds += 1
            self._write(f"{self._doing} … {seconds} s")
        if seconds:
            self._write("")

    def _write(self, text: str) -> None:
        assert self._stream is not None
        width = shutil.get_terminal_size().columns - 1
        try:
            self._stream.write(f"\r{text[:width]:{width}}" if text else f"\r{'':{width}}\r")
            self._stream.flush()
        except OSError:
            pass  # the terminal is gone; whoever writes next finds out
