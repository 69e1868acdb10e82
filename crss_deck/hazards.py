"""What a release, or a package, can cost learners: every hazard by name, with what happens then.

A name never changes once it is released.
"""

from __future__ import annotations

from enum import IntEnum
from types import MappingProxyType
from typing import NamedTuple


class Level(IntEnum):
    """What a release costs a learner: nothing, more cards, or some progress."""

    NONE = 0
    PATCH = 1
    MINOR = 2
    MAJOR = 3

    @property
    def word(self) -> str:
        """`patch`, `minor` or `major`."""
        return self.name.lower()


# ------------------------------------------------------------------ of a release

RELEASE_HAZARDS = {
    "deck-renamed": "Learners find new cards under the new name; the cards they have stay under"
    " the old one until they move them.",
    "card-removed": "The card stays with learners who have it and shows that there is nothing to"
    " ask; they remove it with Tools > Empty Cards.",
    "number-reused": "A card number that was released once now asks something else: who still has"
    " the old card is asked the new answer with the old schedule.",
    "number-moved": "An answer moved to another card number: learners are asked one answer with"
    " the schedule of the other.",
}
"""What a major change does to learners; `release` wants each named with --allow."""

REFUSED = {
    "schema-changed": "The fields or templates of a note type changed: Anki would refuse every"
    " note of it, for ever.",
    "guid-shared": "Two notes have one GUID: each import would overwrite one with the other.",
}
"""What no release can bring to learners."""

# ------------------------------------------------------------------ found by importing a package


class Hazard(NamedTuple):
    """What a package can do to a learner."""

    harm: str
    """One sentence."""
    rule: int = 0
    """The number of the rule for packages that it breaks, or 0."""


HAZARDS = MappingProxyType(
    {
        # one package
        "import-failed": Hazard("Anki refuses the file, and nothing of it is imported."),
        "anki-crashed": Hazard("Anki itself fails at what it does every day."),
        "replaces-collection": Hazard(
            "Anki takes a file of this name for a backup and replaces the learner's whole"
            " collection with it.",
            16,
        ),
        "note-not-imported": Hazard("Anki leaves these notes out, and no learner ever sees them."),
        "duplicate-guid": Hazard(
            "Learners get both notes, and every later update goes to one of them alone.", 1
        ),
        "note-id-zero": Hazard("Anki crashes when the learner runs Check Database.", 4),
        "date-in-future": Hazard(
            "Until that date comes, every update is dated earlier and never arrives.", 4
        ),
        "note-type-renamed": Hazard(
            "Anki has a note type of this name already and adds the deck's under another.", 5
        ),
        "note-type-without-ids": Hazard(
            "As soon as a field or a card template is renamed, Anki refuses every update of the"
            " notes that learners have.",
            6,
        ),
        "card-added-by-check": Hazard(
            "Learners lack these cards until they run Check Database, which then adds them"
            " without a word.",
            10,
        ),
        "card-removed-by-check": Hazard("Check Database deletes these cards and their history."),
        "empty-card": Hazard("Anki shows a message about an empty card instead of a question.", 10),
        "unrenderable-card": Hazard("Anki shows a message about a broken template instead."),
        "empty-question": Hazard("The learner is shown a blank page and is to answer it."),
        "answer-equals-question": Hazard("The answer shows nothing that the question did not."),
        "deck-name-changed": Hazard(
            "Anki puts the cards into a deck with a name that the author did not choose.", 11
        ),
        "duplicate-media-name": Hazard("Of files with one name, Anki takes over just one.", 12),
        "missing-media": Hazard("The learner sees a broken picture, or hears nothing.", 13),
        "media-not-imported": Hazard(
            "Anki does not see that the file is used, leaves it out, and it is missing.", 13
        ),
        "unused-media": Hazard("The file makes the download larger, and Anki leaves it out.", 13),
        "due-out-of-range": Hazard(
            "Check Database complains to the learner about the place of new cards.", 14
        ),
        "no-card-order": Hazard(
            "New cards have no order of their own, and notes added later always come last.", 14
        ),
        "database-fault": Hazard("Check Database finds faults in the learner's collection."),
        # an upgrade
        "note-duplicated": Hazard(
            "The learner gets the note a second time, as a new one; the first stays, is asked on,"
            " and never gets an update.",
            1,
        ),
        "update-would-not-arrive": Hazard(
            "Whoever has the note keeps the old text, however often they import.", 2
        ),
        "unchanged-notes-rewritten": Hazard(
            "The learner's own tags (`marked` and `leech` too) and edits on these notes are lost,"
            " though nothing in them changed.",
            3,
        ),
        "update-dated-early": Hazard(
            "Whoever tagged, marked or edited the note since the earlier release keeps the old"
            " text.",
            4,
        ),
        "kept-back": Hazard(
            "Kept back by the learner's own change: who touched the note after it was dated keeps"
            " the old text, until they import with *Update notes: Always*.",
            4,
        ),
        "note-type-conflict": Hazard(
            "Anki refuses every update of the notes that learners have, and puts new ones into a"
            " second note type.",
            5,
        ),
        "one-way-sync": Hazard(
            "Anki rebuilds the note type, does not take over the new text, and the next sync asks"
            " the learner to overwrite one side.",
            5,
        ),
        "note-type-ids-changed": Hazard(
            "Fields or card templates lost the ids by which Anki knows them, so it refuses every"
            " update of the notes that learners have.",
            6,
        ),
        "design-would-not-arrive": Hazard("Learners keep the old look and the old templates.", 7),
        "unchanged-design-rewritten": Hazard(
            "The learner's own changes to the note type's look are lost, though nothing in it"
            " changed.",
            7,
        ),
        "note-changed-type": Hazard(
            "Anki refuses a note that comes under another note type, and the old text stays.", 8
        ),
        "note-type-kind-changed": Hazard(
            "Every note of the type turns from basic to cloze or back, without a word.", 8
        ),
        "renumbered-cloze": Hazard(
            "The card keeps its schedule and history but asks something else: the learner is taken"
            " to know what they never saw.",
            9,
        ),
        "card-became-empty": Hazard(
            "The card stays, and shows “No cloze found” or a blank front, until the learner runs"
            " Empty Cards.",
            9,
        ),
        "card-added": Hazard("The learner gets a new card of a note they know.", 9),
        "deck-renamed": Hazard(
            "Cards that the learner has stay under the old name; new ones come under the new.", 11
        ),
        "card-not-moved": Hazard(
            "Cards that the learner has stay in their deck; only new ones go to the other.", 11
        ),
        "media-name-reused": Hazard(
            "Under a name that learners have, the old picture or sound stays.", 12
        ),
        "retired-note-stays": Hazard(
            "The note stays with everybody who has it, is asked on, and gets no update.", 17
        ),
        "changed-and-back": Hazard(
            "A release that this learner skipped changed it, and a later one changed it back; the"
            " learner's own tags and edits on it are lost.",
            3,
        ),
        "note-held": Hazard(
            "Newer tools write the note differently; learners see that when it next changes."
        ),
        "update-did-not-arrive": Hazard("Notes do not show what a new learner sees."),
        "card-lost-history": Hazard("The learner's progress on these cards is lost or altered."),
    }
)
"""All that `verify` can find, by name."""

REMARKS = frozenset(
    {
        *("note-type-without-ids", "unused-media", "kept-back", "card-added", "card-not-moved"),
        *("retired-note-stays", "changed-and-back", "note-held"),
    }
)
"""What a good release may bring along: said, but no problem."""

ALLOWED = MappingProxyType(
    {
        "card-removed": "card-became-empty",
        "deck-renamed": "deck-renamed",
        "number-moved": "renumbered-cloze",
        "number-reused": "renumbered-cloze",
    }
)
"""What `release --allow` accepts, and what `verify` then finds."""


class Problem(NamedTuple):
    """One thing that a learner would suffer from, or would notice."""

    name: str
    message: str
    notes: tuple[str, ...] = ()
    """Keys, or GUIDs of notes without a field Key."""

    @property
    def hazard(self) -> Hazard:
        """What it does to a learner, and which rule it breaks."""
        return HAZARDS[self.name]

    @property
    def rule(self) -> int:
        """The number of the rule that it breaks, or 0."""
        return self.hazard.rule
