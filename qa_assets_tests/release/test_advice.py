"""What a person is told to do: for every family of causes, and where none is known."""

import pytest

from qa_assets.core.verdict import Verdict, cannot_tell
from qa_assets.release.advice import advice


def failed(cause: str) -> Verdict:
    return Verdict(outcome="fail", summary="s", cause=cause)


@pytest.mark.parametrize(
    ("cause", "told"),
    [
        ("data.label_noise", "relabel"),
        ("splits.overlap", "split again"),
        ("training.loss_not_falling", "training curve"),
        ("evaluation.accuracy_low", "most errors"),
        ("predictions.not_finite", "usable numbers"),
        ("preprocessing.inverted", "channel order"),
        ("export.layer_departs", "tensor by tensor"),
        ("onnx.malformed", "well formed"),
        ("edge.slow", "Run the target again"),
        ("unheard_of", "Read what the check says"),
        ("", "Read what the check says"),
    ],
)
def test_every_family_of_causes_has_its_advice(cause: str, told: str) -> None:
    assert told in advice(failed(cause))


def test_what_passed_needs_none_and_what_is_missing_is_to_be_supplied() -> None:
    assert advice(Verdict(outcome="pass", summary="s")) == ""
    assert "Supply what is missing" in advice(cannot_tell("no baseline", cause="data.x"))
