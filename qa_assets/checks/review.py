"""Did people look: findings are decided, and what was decided is done."""

from collections.abc import Sequence

from qa_assets.core.check import check
from qa_assets.core.config import AtLeastNone
from qa_assets.core.records.review import FINDINGS, Shown, SpotCheck
from qa_assets.core.verdict import Evidence, Verdict, at_most, none_of

SHOWN = 50


@check
def findings_decided(spot_check: SpotCheck, *, max_undecided: AtLeastNone = 0) -> Verdict:
    """A person has decided about the findings in the data.

    Args:
        spot_check: Odd samples and suspicious labels, and what was decided of them.
        max_undecided: Most findings that may wait.

    Returns:
        Measured: how many wait, on the sheet or not. Evidence: those on the sheet, for the ledger.
    """
    waiting = [s for s in spot_check.asked if s.question in FINDINGS]
    rows = tuple((s.question, s.name, s.label, s.said, s.id) for s in waiting[:SHOWN])
    columns = ("why", "name", "label", "measured", "sample")
    return at_most(
        sum(spot_check.undecided.values()),
        max_undecided,
        "the number of findings that nobody has decided",
        cause="data.undecided",
        samples=tuple(s.id for s in waiting[:SHOWN]),
        evidence={"undecided findings": Evidence(columns, rows)} if rows else {},
    )


@check
def decisions_carried_out(spot_check: SpotCheck) -> Verdict:
    """The data are as people decided: what was to be removed or relabelled has been.

    Args:
        spot_check: What was decided of samples that are in the data as they were.

    Returns:
        Measured: decisions that the data do not follow. Evidence: each of them.
    """
    open_ = [s for s in spot_check.decided if not s.done]
    return none_of(
        [f"{s.name} ({_todo(s)})" for s in open_],
        "decisions that the data do not follow",
        cause="data.decision_ignored",
        samples=tuple(s.id for s in open_[:SHOWN]),
        evidence={"decisions": _rows(open_)} if open_ else {},
    )


def _todo(shown: Shown) -> str:
    return f"to be {shown.right}" if shown.right else f"to {shown.decision}"


def _rows(shown: Sequence[Shown]) -> Evidence:
    rows = tuple((s.name, s.label, s.decision, s.right, s.by) for s in shown[:SHOWN])
    return Evidence(("name", "label", "decision", "right", "by"), rows)
