"""Half of a large deck, parsed by a second process at the same time.

What that process has understood comes back through a pipe; it is what `parse_notes` would have made
here. Where there is one processor, or no fork that can be relied on, there is no second process.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import IO, Any, NoReturn

from crss_deck.diagnostics import RULES, Diagnostic, Report, Rule
from crss_deck.parser import NotesFile, parse_notes
from crss_deck.source import Source

Parse = Callable[[Source, Report], NotesFile]

LEAST = 250_000
"""Characters, about five hundred notes: with fewer, a second process costs as much as it saves."""


@contextmanager
def parsing(sources: Sequence[Source]) -> Iterator[Parse]:
    """`parse_notes` for these sources, to be called in their order; it ends with the context.

    If the second process breaks down, what it should have parsed is parsed here.
    """
    theirs = _second_half(sources)
    if not theirs:
        yield parse_notes
        return
    reading, writing = os.pipe()
    try:
        child = _fork()
    except OSError:  # there are as many processes as there may be
        os.close(reading)
        os.close(writing)
        yield parse_notes
        return
    if not child:
        os.close(reading)  # so that to write fails, and does not wait, when nobody reads
        _serve(theirs, writing)
    os.close(writing)
    try:
        with os.fdopen(reading, "rb") as stream:
            yield _Answers(stream, theirs)
    finally:
        import signal

        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _fork() -> int:
    import warnings

    with warnings.catch_warnings():
        # From 3.12 on Python warns of other threads, whose locks nobody would open: ours shows the
        # progress on a terminal, to which the second process writes nothing.
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _second_half(sources: Sequence[Source]) -> Sequence[Source]:
    total = sum(len(source.text) for source in sources)
    if total < LEAST or sys.platform != "linux" or len(os.sched_getaffinity(0)) < 2:
        return ()
    before = 0
    for place, source in enumerate(sources):
        if 2 * before >= total:
            return sources[place:]
        before += len(source.text)
    return ()


# ------------------------------------------------------------------ the second process


def _serve(sources: Sequence[Source], writing: int) -> NoReturn:
    """Parse, answer and end, without a word and whatever happens: the other one sees what came."""
    try:
        answers = [_answer(source) for source in sources]
        with os.fdopen(writing, "wb") as stream:
            stream.writelines(answers)
    finally:
        os._exit(0)


def _answer(source: Source) -> bytes:
    import io
    import pickle

    found: list[Diagnostic] = []
    notes = parse_notes(source, found.append)
    stream = io.BytesIO()
    pickler = pickle.Pickler(stream, pickle.HIGHEST_PROTOCOL)
    # Sources and rules are told apart by identity, so they go by name.
    pickler.dispatch_table = {
        Source: lambda source: (_source, (source.path,)),
        Rule: lambda rule: (_rule, (rule.name,)),
    }
    pickler.dump((notes, found))
    return stream.getvalue()


def _rule(name: str) -> Rule:
    return RULES[name]


def _source(path: str) -> Source:
    raise AssertionError("the first process knows the sources")


# ------------------------------------------------------------------ the first one


class _Answers:
    """Parses what is left to do here, and takes the rest as the second process answers."""

    def __init__(self, stream: IO[bytes], theirs: Sequence[Source]) -> None:
        self._stream = stream
        self._theirs = {source.path: source for source in theirs}

    def __call__(self, source: Source, report: Report) -> NotesFile:
        if source.path not in self._theirs:
            return parse_notes(source, report)
        try:
            notes, found = self._next()
        except (EOFError, OSError):
            self._theirs = {}
            return parse_notes(source, report)
        for diagnostic in found:
            report(diagnostic)
        return notes

    def _next(self) -> tuple[NotesFile, list[Diagnostic]]:
        import pickle

        sources = self._theirs

        class Unpickler(pickle.Unpickler):
            def find_class(self, module: str, name: str) -> Any:
                if (module, name) == (__name__, _source.__name__):
                    return sources.__getitem__
                return super().find_class(module, name)

        try:
            return Unpickler(self._stream).load()  # type: ignore[no-any-return]
        except pickle.UnpicklingError as error:  # cut off
            raise EOFError from error
