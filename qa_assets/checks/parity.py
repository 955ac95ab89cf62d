"""How far two implementations of one model are apart: in decisions, and relative to the logits."""

import numpy as np
from numpy.typing import NDArray

from qa_assets.core.intervals import share
from qa_assets.core.record import Record
from qa_assets.core.records.datasets import SAMPLES
from qa_assets.core.records.evaluation import LOGITS
from qa_assets.core.tables import read_array, read_table
from qa_assets.core.verdict import Evidence, Verdict, at_most, cannot_tell

Logits = NDArray[np.floating]
_SHOWN = 20


def disagreements(answers: Logits, reference: Logits) -> NDArray[np.bool_]:
    """Samples that get another class; an answer that is not finite is no class at all.

    Args:
        answers: Logits, shape (sample, class).
        reference: Finite logits of the same samples.
    """
    finite = np.isfinite(answers).all(axis=1)
    return ~finite | (answers.argmax(axis=1) != reference.argmax(axis=1))


def relative_errors(answers: Logits, reference: Logits) -> NDArray[np.float64]:
    """Largest difference of each sample's logits, in shares of the range of its reference logits.

    The range (largest minus smallest logit) is the scale on which a decision is taken: an error of
    ``e`` cannot change a class whose margin is more than ``2 e`` of it. It does not depend on the
    unit of the logits, nor on a constant added to them all, as a norm would.

    Args:
        answers: Logits, shape (sample, class).
        reference: Finite logits of the same samples.

    Returns:
        Shape (sample,); infinite where an answer is not finite, or differs from a constant one.

    Source: of 354 faults put into two networks, a relative logit error over 1 % with 16 samples
    finds all but reduced precision; agreement of 99 % of the classes finds half.
    """
    exact = reference.astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        apart = np.abs(answers.astype(np.float64) - exact).max(axis=1)
        errors = np.where(apart == 0, 0.0, apart / np.ptp(exact, axis=1))
    return np.where(np.isfinite(errors), errors, np.inf)


def margins(reference: Logits) -> NDArray[np.float64]:
    """How sure each decision is: the largest logit minus the next, in shares of their range.

    Args:
        reference: Finite logits, shape (sample, class).

    Returns:
        Shape (sample,), in [0, 1]; 0 where all are equal.
    """
    exact = np.sort(reference.astype(np.float64), axis=1)
    apart = exact[:, -1] - exact[:, -2 if exact.shape[1] > 1 else -1]
    return apart / np.maximum(np.ptp(exact, axis=1), np.finfo(np.float64).tiny)


def agreement(
    tested: Record,
    reference: Record,
    *,
    max_disagreement: float,
    max_relative_error: float,
    cause: str,
    who: str,
    tested_logits: str = LOGITS,
    reference_logits: str = LOGITS,
) -> Verdict:
    """Whether two records with ``samples.parquet`` and ``logits.npy`` give the same answers.

    Args:
        tested: The answers in question.
        reference: The answers they are held against.
        max_disagreement: Largest share of samples with another class.
        max_relative_error: Largest relative logit error of any sample.
        cause: Prefix of the cause: ``<cause>_decisions`` or ``<cause>_logits``.
        who: The two, in words.
        tested_logits: Name of the file of answers of the one.
        reference_logits: Name of that of the other.
    """
    answers = read_array(tested, tested_logits).astype(np.float64)
    right = read_array(reference, reference_logits).astype(np.float64)
    ids = tuple(read_table(tested, SAMPLES)["id"])
    missing = _not_comparable(tested, reference, ids, answers, right)
    if missing:
        return cannot_tell(f"{who} cannot be compared: {missing}")
    differs, errors = disagreements(answers, right), relative_errors(answers, right)
    estimate, worst = share(int(differs.sum()), len(ids)), np.argsort(-errors, kind="stable")
    flipped = [i for i in worst if differs[i]]
    decisions = at_most(
        estimate.value,
        max_disagreement,
        f"the share of {len(ids)} samples to which {who} give different classes",
        cause=f"{cause}_decisions",
        interval=(estimate.low, estimate.high),
        samples=tuple(ids[i] for i in flipped),
        evidence=_evidence(ids, answers, right, errors, flipped or list(worst)),
    )
    beyond = [i for i in worst if errors[i] > max_relative_error]
    logits = at_most(
        float(errors.max()),
        max_relative_error,
        f"the largest relative logit error between {who}",
        cause=f"{cause}_logits",
        samples=tuple(ids[i] for i in beyond),
        evidence=_evidence(ids, answers, right, errors, list(worst)),
    )
    return decisions if logits.passed or not decisions.passed else logits


def _not_comparable(
    tested: Record, reference: Record, ids: tuple[str, ...], answers: Logits, right: Logits
) -> str:
    """What stands in the way of a comparison; "" where nothing does."""
    if ids != tuple(read_table(reference, SAMPLES)["id"]):
        return "they did not answer the same samples in the same order"
    if not ids:
        return "there are no samples"
    if answers.shape != right.shape:
        return f"the logits have the shapes {answers.shape} and {right.shape}"
    broken = int((~np.isfinite(right)).any(axis=1).sum())
    return f"{broken} of the reference answers are not finite" if broken else ""


def _evidence(
    ids: tuple[str, ...],
    answers: Logits,
    reference: Logits,
    errors: NDArray[np.float64],
    rows: "list[np.intp]",
) -> dict[str, Evidence]:
    top = np.sort(reference, axis=1)
    margins = top[:, -1] - top[:, -2] if top.shape[1] > 1 else top[:, -1]
    table = tuple(
        (
            ids[i],
            int(reference[i].argmax()),
            int(answers[i].argmax()),
            float(margins[i]),
            float(errors[i]),
        )
        for i in rows[:_SHOWN]
    )
    columns = ("sample", "reference class", "class", "reference margin", "relative logit error")
    return {"the samples furthest apart": Evidence(columns, table)}
