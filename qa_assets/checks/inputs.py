"""What the model was asked with: the declared input, and the labels that the data has."""

from typing import Any

from qa_assets.checks.diagnosis import named_mixup
from qa_assets.core.check import check
from qa_assets.core.records.datasets import SAMPLES, DatasetSnapshot
from qa_assets.core.records.evaluation import Predictions
from qa_assets.core.tables import read_table
from qa_assets.core.verdict import Evidence, Verdict, cannot_tell, none_of

SHOWN = 50


@check
def evaluated_as_declared(predictions: Predictions) -> Verdict:
    """The network was evaluated on the declared preprocessing, no more and no less.

    Args:
        predictions: How what the network was given relates to it.

    Returns:
        The mix-up, where one is known that gives these numbers: a normalisation that is missing or
        made twice, rows for columns, channels in another order.
    """
    found = predictions.input_is
    if not found:
        return cannot_tell("nobody looked at what the network was given")
    cause = named_mixup(found)
    where = {"stage": "evaluation", "found": found}
    return none_of([found] if cause else [], "departures of the input", cause=cause, where=where)


@check
def labels_as_in_data(predictions: Predictions, dataset_snapshot: DatasetSnapshot) -> Verdict:
    """Every answer is held against the label that the data has for that very sample.

    Args:
        predictions: Samples, with the labels they were judged by.
        dataset_snapshot: All samples.

    Returns:
        Measured: samples with another label than in the data, or not in it. Evidence: each.
    """
    data: Any = read_table(dataset_snapshot, SAMPLES)
    known = data.set_index("id")["label"].to_dict()
    told: Any = read_table(predictions, SAMPLES)
    pairs = told[["id", "label"]].itertuples(index=False)
    wrong = [(i, str(label), known.get(i)) for i, label in pairs if known.get(i) != label]
    rows = tuple((i, given, right) for i, given, right in wrong[:SHOWN])
    return none_of(
        [f"{i[:12]} as {given!r}, not {right!r}" for i, given, right in wrong],
        "samples were judged by another label",
        cause="data.labels_misaligned",
        samples=tuple(i for i, _, _ in wrong)[:SHOWN],
        evidence={"labels": Evidence(("sample", "judged by", "in the data"), rows)},
    )
