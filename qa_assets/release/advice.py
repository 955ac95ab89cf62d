"""What a person does about a verdict that keeps a gate shut, by the family of its cause."""

from qa_assets.core.verdict import Verdict

_BY_FAMILY = {
    "data": "Look at the samples and classes named here; correct, relabel or remove them at the"
    " source, and make a new data version. Nothing downstream can be trusted before.",
    "splits": "Correct the groups or the split shares, then split again: as long as samples of one"
    " origin lie on both sides, the measured accuracy flatters the model.",
    "training": "Look at the training curve and settings; correct the learning rate, the network or"
    " its initialisation, and train again.",
    "evaluation": "Look at the classes and groups with the most errors; add or correct samples"
    " there, or train longer. Lower the threshold only if the product allows it.",
    "predictions": "The model's answers are not usable numbers: look at the weights and the"
    " normalisation of its input.",
    "preprocessing": "Device and training disagree before the network starts: compare decoder,"
    " channel order, size and scale with the declared input.",
    "export": "Compare the exported model with the trained one tensor by tensor, and export again"
    " with other settings; do not ship a file that answers differently.",
    "onnx": "Correct the export so that the file is well formed, self-contained and answers as the"
    " trained model does.",
    "edge": "Run the target again; if it stays, compare its runtime, decoder and number format with"
    " the reference, or choose a smaller model.",
}
_OTHER = "Read what the check says and its evidence; correct the cause, then run it all again."
_MISSING = "Supply what is missing, then run it again. A gate that cannot tell stays shut."


def advice(verdict: Verdict) -> str:
    """One or two sentences; nothing for a verdict that passed."""
    if verdict.passed:
        return ""
    if verdict.outcome == "cannot tell":
        return _MISSING
    return _BY_FAMILY.get(verdict.cause.partition(".")[0], _OTHER)
