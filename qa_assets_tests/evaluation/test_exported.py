"""A model file that opens and cannot be run is refused in words, as one that does not open."""

import numpy as np
import pytest

from qa_assets.core.errors import InputRefused
from qa_assets.evaluation.exported import ExportedModel
from qa_assets_tests.export.networks import with_variants


@pytest.mark.parametrize("body", [b"", b"\x08\x08garbage"])
def test_what_does_not_open_is_refused(body: bytes) -> None:
    with pytest.raises(InputRefused, match=r"ONNX_CORRUPT.*Export it again"):
        ExportedModel(body)


def test_what_opens_and_does_not_run_is_refused() -> None:
    model = ExportedModel(with_variants().read("model.onnx"))
    with pytest.raises(InputRefused, match=r"ONNX_CORRUPT.*cannot be used"):
        model.answer(np.zeros((2, 9, 9, 1), np.uint8))
