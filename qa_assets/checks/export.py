"""The exported file: well formed, complete in itself, and the same model as in training."""

import json

from qa_assets.checks.parity import agreement
from qa_assets.core.check import check
from qa_assets.core.config import Positive, Share
from qa_assets.core.records import OnnxModel, Predictions, TrainedWeights
from qa_assets.core.verdict import Verdict, cannot_tell, none_of

_EXTERNAL = "ONNX_EXTERNAL"


@check
def onnx_well_formed(onnx_model: OnnxModel) -> Verdict:
    """The file keeps to ONNX, to known operators, and to the inputs and outputs agreed on."""
    faults = [fault for fault in onnx_model.faults if not fault.startswith(_EXTERNAL)]
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
    return agreement(
        onnx_model,
        predictions,
        max_disagreement=max_disagreement,
        max_relative_error=max_relative_error,
        cause="export.other",
        who="the exported model and the trained network",
    )
