"""What a person is asked to look at in the data, and what was decided before."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from qa_assets.core.record import Metadata, Record, table

SHEET, OPEN_QUESTIONS = "spot_check.png", "questions.csv"
Question = Literal["random", "quality", "label", "rare"]
Decision = Literal["keep", "relabel", "remove"]
FINDINGS: tuple[Question, ...] = ("quality", "label")
"""Questions that a measure raised; the others are only there to be looked at."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One sample on the sheet.

    Attributes:
        id: Content digest.
        name: Where it was found.
        label: What it is said to be.
        question: Why it is shown.
        said: What was measured, in words.
        decision: What a person decided about it; "" where nobody did.
        by: Who did.
        right: The label it should have, where it is to be relabelled.
        done: Whether the data are as was decided.
    """

    id: str
    name: str
    label: str
    question: Question
    said: str
    decision: Decision | Literal[""] = ""
    by: str = ""
    right: str = ""
    done: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SpotCheck(Record):
    """A contact sheet for a person: some of every class, the oddest, the most suspicious.

    Files: ``spot_check.png``. ``questions.csv``: the findings that nobody decided, as lines of the
    ledger to be filled in.

    Attributes:
        seed: Another seed shows other samples; the same one shows the same.
        asked: Samples that are shown for a decision or a look, the findings first.
        decided: Findings that a person has settled, so that they are not asked again.
        undecided: All findings without a decision by question, also those that are not asked yet.
        ledger: Decisions that the ledger holds.
    """

    seed: int
    asked: tuple[Shown, ...] = ()
    decided: tuple[Shown, ...] = ()
    undecided: Mapping[Question, int] = field(default_factory=dict[Question, int])
    ledger: int = 0

    def metadata(self) -> Metadata:
        """The sheet, what is asked and what was decided."""
        shown = dict(Record.metadata(self))
        shown["undecided findings"] = sum(self.undecided.values())
        shown["decided findings"] = len(self.decided)
        if SHEET in self.files:
            shown["sheet"] = self.picture(SHEET, "what to look at, by reason")
        asked: list[tuple[object, ...]] = [
            (s.question, s.name, s.label, s.said) for s in self.asked if s.question in FINDINGS
        ]
        decided: list[tuple[object, ...]] = [
            (s.question, s.name, s.label, s.decision, s.by, "yes" if s.done else "not yet")
            for s in self.decided
        ]
        if asked:
            shown["to decide"] = table(("why", "name", "label", "measured"), asked)
        if decided:
            columns = ("why", "name", "label", "decision", "by", "carried out")
            shown["decided before"] = table(columns, decided)
        return shown
