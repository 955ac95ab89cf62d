"""The exported file: well formed, complete in itself, and the same model as in training."""

import json
import re
from dataclasses import replace

import numpy as np

from qa_assets.checks.parity import agreement, disagreements, margins
from qa_assets.core.check import check
from qa_assets.core.config import Positive, Share
from qa_assets.core.records.evaluation import LOGITS, Predictions
from qa_assets.core.records.export import OnnxModel
from qa_assets.core.records.training import TrainedWeights
from qa_assets.core.tables import read_array
from qa_assets.core.verdict import Verdict, at_most, cannot_tell, none_of

_EXTERNAL = "ONNX_EXTERNAL"


@check
def onnx_well_formed(onnx_model: OnnxModel) -> Verdict:
    """The file keeps to ONNX, to known operators, and to the inputs and outputs agreed on."""
    every = [*onnx_model.faults, *(f for v in onnx_model.variants.values() for f in v.faults)]
    faults = [fault for fault in every if not fault.startswith(_EXTERNAL)]
    where = {"fault": faults[0].split()[0]} if faults else {}
    return none_of(faults, "faults in the file", cause="export.malformed", where=where)


@check
def onnx_self_contained(onnx_model: OnnxModel) -> Verdict:
    """The file needs no other file beside it."""
    faults = [fault for fault in onnx_model.faults if fault.startswith(_EXTERNAL)]
    found = onnx_model.external_files or faults
    return none_of(found, "files needed beside the model", cause="export.external_files")


@check
def onnx_carries_weights(onnx_model: OnnxModel, trained_weights: TrainedWeights) -> Verdict:
    """The file says, in its own provenance, that it holds the weights that were trained.

    That they are in it unharmed is judged by ``onnx_agrees_with_torch``.
    """
    try:
        inside = json.loads(onnx_model.properties["provenance"])["weights_digest"]
    except (KeyError, TypeError, ValueError):
        return cannot_tell("the file's own metadata does not name the weights inside it")
    trained = trained_weights.weights_digest
    found = [] if inside == trained else [f"{str(inside)[:12]} instead of {trained[:12]}"]
    return none_of(found, "other weights inside the file", cause="export.other_weights")


@check
def onnx_describes_itself(onnx_model: OnnxModel, predictions: Predictions) -> Verdict:
    """What the file says of itself is what it is: its labels and the size of its input.

    A device reads both from the file: it shows answers under these names, and resizes to this size.

    Args:
        onnx_model: The file's own metadata, and the shape of its input.
        predictions: The classes, in the order in which the network was trained.
    """
    try:
        labels = tuple(json.loads(onnx_model.properties["labels"]))
        spec = json.loads(onnx_model.properties["input_spec"])
        said = [int(spec[side]) for side in ("height", "width", "channels")]
    except (KeyError, TypeError, ValueError) as error:
        missing = f"the file's own metadata cannot be read: {type(error).__name__} {error}"
        return cannot_tell(missing, cause="export.metadata_missing")
    taken = re.findall(r"\d+|[A-Za-z_]\w*", onnx_model.inputs.get("pixels", "").partition("[")[2])
    found = [f"labels begin with {labels[:3]}"] if labels != predictions.classes else []
    found += [f"input {said}, it takes {taken[1:]}"] if list(map(str, said)) != taken[1:] else []
    cause = "export.labels_differ" if labels != predictions.classes else "export.input_differs"
    where = {"property": "labels" if cause == "export.labels_differ" else "input_spec"}
    return none_of(found, "statements of the file are wrong", cause=cause, where=where)


@check
def onnx_agrees_with_torch(
    onnx_model: OnnxModel,
    predictions: Predictions,
    *,
    max_disagreement: Share = 0.01,
    max_relative_error: Positive = 0.01,
) -> Verdict:
    """The exported model answers the test samples as the trained network does.

    Args:
        onnx_model: Answers of the reference runtime, preprocessing included.
        predictions: Answers of the trained network.
        max_disagreement: Largest share of samples with another class, in [0, 1].
        max_relative_error: Largest difference of a sample's logits, in shares of the range of its
            reference logits.

    Source: "A deep learning DevOps pipeline": differences over about one percent go to a person.
    """
    verdict = agreement(
        onnx_model,
        predictions,
        max_disagreement=max_disagreement,
        max_relative_error=max_relative_error,
        cause="export.other",
        who="the exported model and the trained network",
    )
    departs = onnx_model.departs
    if verdict.outcome != "fail" or not departs:
        return verdict
    cause = (
        "preprocessing.departs_in_file" if "preprocessing" in departs else "export.layer_departs"
    )
    said = f"{verdict.summary}; the first layers that are not in the file: {', '.join(departs)}"
    return replace(verdict, cause=cause, summary=said, where={"layer": ", ".join(departs)})


@check
def variants_agree(
    onnx_model: OnnxModel,
    *,
    max_disagreement: Share = 0.01,
    max_rounding_error: Positive = 0.1,
    max_flip_margin: Share = 0.15,
) -> Verdict:
    """The files made for targets of fewer bits decide as the exported one does.

    Args:
        onnx_model: Answers of the reference runtime to every file.
        max_disagreement: Largest share of samples with another class, in [0, 1].
        max_rounding_error: Largest difference of a sample's logits, in shares of the range of its
            reference logits.
        max_flip_margin: Largest margin of the reference, in shares of that range, at which another
            class is put down to rounding.

    Source: healthy int8 files flip samples of a margin below 0.15, broken ones any.
    """
    exact = read_array(onnx_model, LOGITS).astype(np.float64)
    verdict = Verdict(outcome="pass", summary="no other file was made", measured=0.0)
    for name in onnx_model.variants:
        verdict = agreement(
            onnx_model,
            onnx_model,
            max_disagreement=max_disagreement,
            max_relative_error=max_rounding_error,
            cause=f"export.{name}",
            who=f"the {name} file and the exported one",
            tested_logits=onnx_model.variant_logits(name),
        )
        if not verdict.passed:
            return replace(verdict, where={"variant": name})
        rounded = read_array(onnx_model, onnx_model.variant_logits(name)).astype(np.float64)
        flipped = disagreements(rounded, exact)
        margin = float(margins(exact)[flipped].max()) if flipped.any() else 0.0
        if margin > max_flip_margin:
            what = f"the largest margin of a sample that the {name} file gives another class"
            cause, where = f"export.{name}_sure_answers_change", {"variant": name}
            return at_most(margin, max_flip_margin, what, cause=cause, where=where)
    return verdict
