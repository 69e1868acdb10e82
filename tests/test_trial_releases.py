"""Trial releases of a copy of the CRSS deck: what its learners would get with each."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import anki.collection  # must be the first module of Anki to be imported
import pytest
from anki.notes import NoteId
from anki_helper import import_package, new_collection
from learner_helper import Learner
from release_helper import DAY, FIRST

from crss_deck import build_deck, read_apkg, read_deck
from crss_deck.compiler import compile_deck
from crss_deck.folder import CHANGELOG, LOCK, MANIFEST
from crss_deck.identity import note_guid
from crss_deck.model import BasicNote
from crss_deck.release import Plan, release_deck
from crss_deck.verify import verify_package

pytestmark = pytest.mark.anki

assert anki.collection

DECK = Path(__file__).parents[1] / "source"


class Trial:
    """A copy of the deck that was never released, its releases, and their packages."""

    def __init__(self, folder: Path) -> None:
        self.source = folder / "source"
        self.build = folder / "build"
        self.packages: list[Path] = []
        shutil.copytree(DECK, self.source, ignore=shutil.ignore_patterns(LOCK, CHANGELOG))
        manifest = self.source / MANIFEST
        version = re.sub('(?m)^version = ".*"', 'version = "1.0.0"', manifest.read_text("utf-8"))
        manifest.write_text(version, encoding="utf-8")

    def release(self) -> Plan:
        """Release the deck as it is, a day after the last time, and build the release."""
        plan = release_deck(self.source, clock=FIRST + DAY * len(self.packages))
        self.packages.append(build_deck(self.source, self.build, locked=True).path)
        return plan

    def reword(self, count: int) -> set[str]:
        """Reword the answers of some notes that lie apart; their keys."""
        deck = compile_deck(read_deck(self.source), clock=FIRST + 99 * DAY).deck
        assert deck is not None
        basic = [note for note in deck.notes if isinstance(note, BasicNote)]
        chosen = basic[:: len(basic) // count][:count]
        for note in reversed(chosen):  # so that places before are still right
            span = note.common.span
            path = self.source / Path(span.source.path).relative_to(self.source)
            text = path.read_text("utf-8")
            answer = text.index("A: ", span.start) + 3
            path.write_text(f"{text[:answer]}Once more, {text[answer:]}", encoding="utf-8")
        return {note.common.key for note in chosen}


def test_only_what_a_release_changed_is_updated(tmp_path: Path) -> None:
    """1.0.0, a patch 1.0.1 and a minor 1.1.0: Anki updates the changed notes and adds the new.

    Each is imported before the next one is out: up to Anki 24.11, updates need that.
    """
    trial = Trial(tmp_path)
    assert trial.release().version == "1.0.0"
    reworded = trial.reword(3)
    assert trial.release().version == "1.0.1"
    with (trial.source / "99-trial.md").open("w", encoding="utf-8") as file:
        file.write("# Trial\n\nQ: Which release is this?\n\nA: The third.\n<!-- id: on-trial -->\n")
    reworded_again = trial.reword(2)
    assert trial.release().version == "1.1.0"
    names = [path.name for path in trial.packages]
    deck_id = "crss-balanced-knowledge"
    assert names == [f"{deck_id}-{version}.apkg" for version in ("1.0.0", "1.0.1", "1.1.0")]

    total = len(read_apkg(trial.packages[0]).notes)
    expected = [({}, total), (reworded, 0), (reworded_again, 1)]
    with new_collection(tmp_path) as collection:
        learner = Learner(collection)
        for day, (path, (keys, new)) in enumerate(zip(trial.packages, expected, strict=True)):
            log = import_package(collection, path).log
            updated = {collection.get_note(NoteId(note.id.nid)).guid for note in log.updated}
            assert updated == {note_guid(deck_id, key) for key in keys}
            assert len(log.new) == new
            assert not log.conflicting
            learner.at(FIRST + DAY * day + DAY // 2)
    for earlier in (trial.packages[:2], trial.packages[:1], trial.packages[1:2]):
        found = verify_package(trial.packages[2], earlier)
        assert found.ok, found.to_text()
