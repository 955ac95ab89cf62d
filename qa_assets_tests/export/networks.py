"""A tiny network and samples, the same in every process, for the tests of export and edge."""

import io
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import onnx
import torch
from PIL import Image

from qa_assets.core.config import InputSpec
from qa_assets.core.digests import digest_bytes
from qa_assets.core.records.datasets import SAMPLES
from qa_assets.core.records.evaluation import LOGITS, Predictions
from qa_assets.core.records.export import MODEL, OnnxModel
from qa_assets.core.tables import array_bytes, table_bytes
from qa_assets.export.onnx_file import export, run_reference
from qa_assets.export.settings import ExportSettings
from qa_assets.preprocessing import image
from qa_assets.preprocessing.samples import LabelledSamples

SPEC = InputSpec(height=8, width=8, channels=1, scale=16.0, mean=(0.5,), std=(0.25,))
CLASSES = ("zero", "one", "two", "three", "four")
WEIGHTS = "ab" * 32
PROVENANCE = {"pipeline": "tiny", "weights_digest": WEIGHTS, "dataset_version": "cd" * 32}


class Tiny(torch.nn.Module):
    """Two convolutions with ReLU, one linear layer."""

    def __init__(self, channels: int = 1) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.first = torch.nn.Conv2d(channels, 6, 3, padding=1)
        self.second = torch.nn.Conv2d(6, 8, 3, padding=1)
        self.last = torch.nn.Linear(8 * 16, len(CLASSES))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.nn.functional.max_pool2d(torch.relu(self.first(x)), 2)
        return self.last(torch.relu(self.second(x)).flatten(1))


def png(pixels: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels).save(out, "PNG")
    return out.getvalue()


def some_samples(n: int = 40) -> tuple[LabelledSamples, dict[str, bytes]]:
    pixels = np.random.default_rng(7).integers(0, 17, (n, *SPEC.shape), dtype=np.uint8)
    payloads = {digest_bytes(body): body for body in map(png, pixels)}
    ids = tuple(sorted(payloads))
    decoded = np.stack([image.decode(payloads[i], SPEC) for i in ids])
    labels = np.arange(n, dtype=np.int64) % len(CLASSES)
    return LabelledSamples(ids, labels, ("",) * n, decoded, CLASSES), payloads


def predictions_of(network: torch.nn.Module, test: LabelledSamples) -> Predictions:
    import pandas as pd

    with torch.no_grad():
        logits = network(torch.from_numpy(image.normalise(test.pixels, SPEC))).numpy()
    return Predictions(
        samples=len(test.ids),
        classes=test.classes,
        weights_digest=WEIGHTS,
        files={
            SAMPLES: table_bytes(pd.DataFrame({"id": list(test.ids)})),
            LOGITS: array_bytes(logits),
        },
    )


@cache
def tiny_onnx() -> OnnxModel:
    """The tiny network, exported once a process."""
    return export(Tiny(), some_samples()[0], SPEC, ExportSettings(), PROVENANCE)


@cache
def with_variants() -> OnnxModel:
    """The tiny network with every variant and all its samples golden."""
    test, payloads = some_samples()
    return export(
        Tiny(), test, SPEC, ExportSettings(), PROVENANCE,
        variants=("static", "int8", "fp16"), train=test, golden=payloads,
    )  # fmt: skip


def edited(model: OnnxModel, edit: Callable[[onnx.ModelProto], None]) -> OnnxModel:
    """What the record would be had ``edit`` harmed the file between export and device."""
    proto = onnx.load_model_from_string(model.read(MODEL))
    edit(proto)
    body = proto.SerializeToString(deterministic=True)
    logits = run_reference(body, some_samples()[0].pixels, 64)
    files = {**model.files, MODEL: body, LOGITS: array_bytes(logits)}
    return replace(model, sha256=digest_bytes(body), files=files)


def skip_first_relu(proto: onnx.ModelProto) -> None:
    relu = next(node for node in proto.graph.node if node.op_type == "Relu")
    for node in proto.graph.node:
        for i, name in enumerate(node.input):
            if name == relu.output[0]:
                node.input[i] = relu.input[0]
    proto.graph.node.remove(relu)


def zero(name: str) -> Callable[[onnx.ModelProto], None]:
    def edit(proto: onnx.ModelProto) -> None:
        tensor = next(t for t in proto.graph.initializer if t.name.endswith(name))
        tensor.raw_data = bytes(len(tensor.raw_data))

    return edit
