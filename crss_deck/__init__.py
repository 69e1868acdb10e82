"""Compile a folder of Markdown notes into an Anki deck package.

    from crss_deck import compile_deck, read_deck, write_apkg

    result = compile_deck(read_deck("source"))
    for diagnostic in result.diagnostics:
        print(diagnostic)
    if result.package is not None:
        write_apkg(result.package, "build/deck.apkg")

Names are imported when first used, so that `crss-deck --help` need not wait for a Markdown parser.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from crss_deck.apkg import PackageError, read_apkg
    from crss_deck.build import BuildResult, NotReleasedError, build_deck
    from crss_deck.compiler import ClockError, Compilation, DeckError, compile_deck
    from crss_deck.diagnostics import RULES, Diagnostic, Edit, Related, Rule, Severity
    from crss_deck.folder import SourceFolder, SourceFolderError, read_deck
    from crss_deck.output import OutputFolderError, write_apkg
    from crss_deck.package import Package
    from crss_deck.source import Location, Source, Span

_HOMES = {
    "BuildResult": "build",
    "ClockError": "compiler",
    "Compilation": "compiler",
    "DeckError": "compiler",
    "Diagnostic": "diagnostics",
    "Edit": "diagnostics",
    "Location": "source",
    "NotReleasedError": "build",
    "OutputFolderError": "output",
    "Package": "package",
    "PackageError": "apkg",
    "RULES": "diagnostics",
    "Related": "diagnostics",
    "Rule": "diagnostics",
    "Severity": "diagnostics",
    "Source": "source",
    "SourceFolder": "folder",
    "SourceFolderError": "folder",
    "Span": "source",
    "build_deck": "build",
    "compile_deck": "compiler",
    "read_apkg": "apkg",
    "read_deck": "folder",
    "write_apkg": "output",
}

__all__ = [
    "RULES",
    "BuildResult",
    "ClockError",
    "Compilation",
    "DeckError",
    "Diagnostic",
    "Edit",
    "Location",
    "NotReleasedError",
    "OutputFolderError",
    "Package",
    "PackageError",
    "Related",
    "Rule",
    "Severity",
    "Source",
    "SourceFolder",
    "SourceFolderError",
    "Span",
    "__version__",
    "build_deck",
    "compile_deck",
    "read_apkg",
    "read_deck",
    "write_apkg",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
