"""Of all gates that did not pass, the one that names the fault; the others are its consequences.

A fault is seen by many gates: labels that are wrong also cost accuracy. The diagnosis is the most
upstream stage with a verdict that is more than a symptom, and within that stage the first verdict
whose cause belongs to one fault rather than to several.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatch

from qa_assets.core.verdict import Verdict

SYMPTOMS = (
    "behavior.*",
    "edge.accuracy_lost",
    "evaluation.*",
    "predictions.one_class",
    "training.cannot_overfit",
    "training.initial_loss_*",
    "training.loss_not_falling",
)
"""Causes that only say that answers are bad, or that nothing is learnt: anything leads to them."""
OVERALL = (
    "edge.accuracy_lost",
    "evaluation.accuracy_low",
    "evaluation.baseline_not_beaten",
    "evaluation.negative_flips",
    "evaluation.worse_than_released",
)
"""Symptoms of the whole; one of a class, a slice or a behaviour says more."""
BROAD = (
    "data.class_imbalance",
    "data.drifted*",
    "data.expectation_failed",
    "data.label_noise",
    "data.near_duplicates",
    "edge.model_departs",
    "edge.other_decisions",
    "edge.other_logits",
    "model.part_wrong",
    "training.learning_rate_*",
)
"""Causes that another one of the same stage explains better: a leak is more than near duplicates,
dark pictures look as if their labels were wrong."""
COPIES = ("data.near_duplicates",)
"""Of the broad causes the one that explains the others: what is there twice moves values along."""
VAGUE = ("data.counts", "data.file_sizes", "data.too_few_in_split")
"""Causes that any other one of the same stage explains better; the most telling one is taken."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A gate that did not pass, where it stands.

    Attributes:
        gate: Its title, or the artifact that refused its input.
        stage: The room that made what was judged.
        verdict: What was found; of a refusal its code is the cause.
    """

    gate: str
    stage: str
    verdict: Verdict


def diagnose(findings: Sequence[Finding]) -> Finding | None:
    """The finding that names the fault.

    Args:
        findings: What did not pass, in the order of the graph.

    Returns:
        None where everything passed. Where there are only symptoms, the first that says more than
        that the whole became worse; what has no cause at all names nothing, and comes last.
    """
    named = [f for f in findings if f.verdict.cause and not is_symptom(f)]
    if not named:
        return min(findings, key=lambda f: (not f.verdict.cause, _is(f, OVERALL)), default=None)
    beside = [f for f in named if f.stage == named[0].stage]
    return min(beside, key=_vagueness)


def is_symptom(finding: Finding) -> bool:
    """Whether it only says that answers are bad."""
    return _is(finding, SYMPTOMS)


def _vagueness(finding: Finding) -> tuple[int, int]:
    if not _is(finding, (*BROAD, *VAGUE)):
        return 0, 0
    said = sum(map(bool, finding.verdict.where.values()))
    return (2, -said) if _is(finding, VAGUE) else (1, -_is(finding, COPIES))


def _is(finding: Finding, causes: tuple[str, ...]) -> bool:
    return any(fnmatch(finding.verdict.cause, cause) for cause in causes)
